package session

import (
	"context"

	"github.com/uptrace/bun"

	"consento/protocol"
)

// Forget empties what people typed and how a session went in the rows of some
// closed sessions, and deletes those of others; their periods are for the caller to
// know. Sessions that are not closed stay as they are.
func Forget(ctx context.Context, db bun.IDB, empty, gone []string) error {
	if len(empty) > 0 {
		// A summary that was never written is not waited for any longer, and its draft goes.
		if _, err := db.NewUpdate().Model((*row)(nil)).Set("summary = ''").Where("id IN (?)", bun.List(empty)).Where("state = ?", protocol.StateClosed).Exec(ctx); err != nil {
			return wrapStore(err)
		}
		_, err := emptied(db.NewUpdate().Model((*row)(nil))).Set("stars = 0").Set("steps = ''").Set("removed = NULL").
			Set("log_opened = 0").Set("emptied = TRUE").Where("id IN (?)", bun.List(empty)).Exec(ctx)
		if err != nil {
			return wrapStore(err)
		}
	}
	if len(gone) > 0 {
		_, err := db.NewDelete().Model((*row)(nil)).Where("id IN (?)", bun.List(gone)).Where("state = ?", protocol.StateClosed).Exec(ctx)
		if err != nil {
			return wrapStore(err)
		}
	}
	return nil
}

// emptied takes out of closed sessions what nobody needs after the end: what somebody
// wrote, which the recording has, and what led into the session or back into it. The draft
// of a summary that is missing stays.
func emptied(q *bun.UpdateQuery) *bun.UpdateQuery {
	return q.Set("note = CASE WHEN summary = ? THEN note ELSE '' END", protocol.SummaryMissing).Set("noted = CASE WHEN summary = ? THEN noted ELSE 0 END", protocol.SummaryMissing).
		Set("reason = ''").Set("memory = ''").Set("key_hash = NULL").Set("ticket_hash = NULL").Where("state = ?", protocol.StateClosed)
}
