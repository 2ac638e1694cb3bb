package session

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"consento/protocol"
)

// row is the operational side of a session: no content but what the technician wrote,
// until the recording is closed (shelve), nothing that only the evidence may hold. Times are Unix milliseconds, 0 if not yet.
type row struct {
	bun.BaseModel `bun:"table:sessions"`

	ID           string             `bun:"id,pk"`
	State        protocol.State     `bun:"state"`
	TechnicianID string             `bun:"technician_id"`
	Technician   string             `bun:"technician"`
	Team         string             `bun:"team"`
	OwnerID      string             `bun:"owner_id"` // whose it is now; who began it is above
	Owner        string             `bun:"owner"`
	OwnerTeam    string             `bun:"owner_team"`
	KeyHash      string             `bun:"key_hash,nullzero"` // HMAC; gone once the key is used or expired
	KeyExpires   int64              `bun:"key_expires"`
	TicketHash   string             `bun:"ticket_hash,nullzero"` // HMAC
	TicketUsed   int64              `bun:"ticket_used"`
	Issued       int64              `bun:"issued"`
	Active       int64              `bun:"active"`
	Ended        int64              `bun:"ended"`
	EndReason    protocol.EndReason `bun:"end_reason"`
	Steps        string             `bun:"steps"` // names separated by spaces
	Removed      *bool              `bun:"removed"`
	Note         string             `bun:"note"`  // what the technician noted; emptied with the end
	Noted        int64              `bun:"noted"` // when
	// Summary says where the summary stands, "" if none is wanted. While it is missing
	// the note stays here: it is the technician's draft.
	Summary   protocol.SummaryState `bun:"summary"`
	Reason    string                `bun:"reason"`      // why it is needed, as the technician says; emptied with the end
	Stars     int                   `bun:"stars"`       // of the customer's rating, 0 if not rated
	LogOpened int64                 `bun:"log_opened"`  // when the log ticket was used
	Test      bool                  `bun:"test"`        // marked as a test
	Ticket    string                `bun:"desk_ticket"` // id of the ticket that it belongs to, "" if to none
	TicketRef string                `bun:"desk_ref"`
	Retention string                `bun:"retention"`  // class
	KeepDays  int                   `bun:"keep_days"`  // of the recording, as it was promised; 0: not known
	LogMonths int                   `bun:"log_months"` // for which the log is kept, as it was promised; 0: not known
	Memory    string                `bun:"memory"`     // what a restarted broker needs: see memory; emptied with the end
}

// store owns the table sessions.
type store struct {
	db *bun.DB
	// outbox is told within the transaction of a session that starts or ends; nil: nobody.
	outbox func(ctx context.Context, tx bun.IDB, l Listed) error
}

func (s store) insert(ctx context.Context, r *row) error {
	_, err := s.db.NewInsert().Model(r).Exec(ctx)
	return wrapStore(err)
}

func wrapStore(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("sessions table: %w", err)
}

// useKey uses a key up and returns its session. Of any number of simultaneous
// tries one wins: the database decides. It returns ErrKey to all others. Whether it
// has expired is for the session's own clock to say.
func (s store) useKey(ctx context.Context, hash string) (string, error) {
	return s.use(s.db.NewUpdate().Model((*row)(nil)).Set("key_hash = NULL").
		Where("key_hash = ?", hash).Where("state = ?", protocol.StateIssued), ctx)
}

// useTicket uses a ticket up and returns its session, or ErrKey.
func (s store) useTicket(ctx context.Context, hash string, now time.Time) (string, error) {
	return s.use(s.db.NewUpdate().Model((*row)(nil)).Set("ticket_used = ?", now.UnixMilli()).
		Where("ticket_hash = ?", hash).Where("ticket_used = 0").Where("state = ?", protocol.StateJoined), ctx)
}

func (s store) use(update *bun.UpdateQuery, ctx context.Context) (string, error) {
	var id string
	err := update.Returning("id").Scan(ctx, &id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", ErrKey
	}
	return id, wrapStore(err)
}

// byTicket finds the session of a ticket, used or not; "" if there is none.
func (s store) byTicket(ctx context.Context, hash string) (string, error) {
	var id string
	err := s.db.NewSelect().Model((*row)(nil)).Column("id").Where("ticket_hash = ?", hash).Scan(ctx, &id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, wrapStore(err)
}

func (s store) setTicket(ctx context.Context, id string, hash string) error {
	_, err := s.db.NewUpdate().Model((*row)(nil)).Set("ticket_hash = ?", hash).Where("id = ?", id).Exec(ctx)
	return wrapStore(err)
}

// move changes the state from one to the next and writes what belongs to it.
// The database itself refuses a step that protocol.Next does not know.
// The end comes from any open state: it must work even where an earlier step
// could not be written.
//
// Who is to be told of it is told in the same transaction. Where that fails, a session's
// own state is worth more.
func (s store) move(ctx context.Context, r *row, from protocol.State) error {
	if s.outbox == nil || r.State != protocol.StateActive && (r.State != protocol.StateEnding || r.Active == 0) {
		return s.moveIn(ctx, s.db, r, from)
	}
	var moved error
	err := s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if moved = s.moveIn(ctx, tx, r, from); moved != nil {
			return moved
		}
		return s.outbox(ctx, tx, r.listed())
	})
	if err != nil && moved == nil {
		return s.moveIn(ctx, s.db, r, from)
	}
	return err
}

func (s store) moveIn(ctx context.Context, db bun.IDB, r *row, from protocol.State) error {
	update := db.NewUpdate().Model(r).Column("state", "active", "ended", "end_reason", "steps", "removed", "summary").WherePK()
	if r.State == protocol.StateEnding {
		update = update.Where("state NOT IN (?, ?)", protocol.StateEnding, protocol.StateClosed)
	} else {
		update = update.Where("state = ?", from)
	}
	result, err := update.Exec(ctx)
	if err != nil {
		return wrapStore(err)
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return fmt.Errorf("sessions table: session is not %s any more: %w", from, errors.Join(err, ErrNotNow))
	}
	return nil
}

// rate writes how the customer rated a session.
func (s store) rate(ctx context.Context, id string, stars int) error {
	_, err := s.db.NewUpdate().Model((*row)(nil)).Set("stars = ?", stars).Where("id = ?", id).Exec(ctx)
	return wrapStore(err)
}

// giveReason writes why a session is needed.
func (s store) giveReason(ctx context.Context, id, reason string) error {
	_, err := s.db.NewUpdate().Model((*row)(nil)).Set("reason = ?", reason).Where("id = ?", id).Exec(ctx)
	return wrapStore(err)
}

// openLog uses the log ticket of a session up that ended after since, or
// returns ErrKey.
func (s store) openLog(ctx context.Context, id string, now, since time.Time) error {
	_, err := s.use(s.db.NewUpdate().Model((*row)(nil)).Set("log_opened = ?", now.UnixMilli()).Where("id = ?", id).
		Where("log_opened = 0").Where("state IN (?, ?)", protocol.StateEnding, protocol.StateClosed).Where("ended >= ?", since.UnixMilli()), ctx)
	return err
}

// remember writes what a restarted broker needs.
func (s store) remember(ctx context.Context, id, memory string) error {
	_, err := s.db.NewUpdate().Model((*row)(nil)).Set("memory = ?", memory).Where("id = ?", id).Exec(ctx)
	return wrapStore(err)
}

// forgetKey takes an expired key out of the table.
func (s store) forgetKey(ctx context.Context, id string) error {
	_, err := s.db.NewUpdate().Model((*row)(nil)).Set("key_hash = NULL").Where("id = ?", id).Exec(ctx)
	return wrapStore(err)
}

func (s store) open(ctx context.Context) ([]row, error) {
	var rows []row
	err := s.db.NewSelect().Model(&rows).Where("state != ?", protocol.StateClosed).Scan(ctx)
	return rows, wrapStore(err)
}

// recent lists the newest sessions of a technician that ended after since, newest first.
func (s store) recent(ctx context.Context, technicianID string, since time.Time, limit int64) ([]row, error) {
	var rows []row
	err := s.db.NewSelect().Model(&rows).Where("owner_id = ?", technicianID).Where("state = ?", protocol.StateClosed).
		Where("ended >= ?", since.UnixMilli()).Order("ended DESC").Limit(limit).Scan(ctx)
	return rows, wrapStore(err)
}

// ids lists all sessions there ever were.
func (s store) ids(ctx context.Context) (map[string]bool, error) {
	var list []string
	if err := s.db.NewSelect().Model((*row)(nil)).Column("id").Scan(ctx, &list); err != nil {
		return nil, wrapStore(err)
	}
	known := make(map[string]bool, len(list))
	for _, id := range list {
		known[id] = true
	}
	return known, nil
}

func (s store) get(ctx context.Context, id string) (row, error) {
	var r row
	err := s.db.NewSelect().Model(&r).Where("id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return r, ErrNoSession
	}
	return r, wrapStore(err)
}

func (r row) steps() []protocol.Step {
	steps := []protocol.Step{}
	for _, step := range strings.Fields(r.Steps) {
		steps = append(steps, protocol.Step(step))
	}
	return steps
}

// belongs is the ticket that it belongs to; nil: none.
func (r row) belongs() *protocol.TicketName {
	if r.Ticket == "" {
		return nil
	}
	return &protocol.TicketName{ID: r.Ticket, Ref: r.TicketRef}
}

// public is what a console or the portal may see of a session that is not live
// any more.
func (r row) public(office protocol.Person) protocol.Session {
	at := func(ms int64) time.Time {
		if ms == 0 {
			return time.Time{}
		}
		return time.UnixMilli(ms).UTC()
	}
	return protocol.Session{
		ID: r.ID, KeptDays: r.KeepDays, LogMonths: r.LogMonths, State: r.State, EndReason: r.EndReason, Removed: r.Removed,
		Technician: protocol.Person{Name: r.Owner, Team: r.OwnerTeam, Office: office.Office, Phone: office.Phone},
		IssuedAt:   at(r.Issued), KeyExpires: at(r.KeyExpires), ActiveAt: at(r.Active), EndedAt: at(r.Ended),
		Since: at(r.Ended), Reason: r.Reason, Stars: r.Stars, Test: r.Test, Note: r.Note, NotedAt: r.notedAt(), Summary: r.Summary,
		Consents: []protocol.Consent{}, Steps: r.steps(), Viewers: []string{}, Ticket: r.belongs(),
	}
}
