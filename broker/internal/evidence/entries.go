package evidence

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"time"

	"github.com/uptrace/bun"

	"consento/broker/internal/access"
	"consento/broker/internal/ops"
	"consento/recordings/translog"
)

// entryRow is a leaf that people look for. Heartbeats are not.
type entryRow struct {
	bun.BaseModel `bun:"table:log_entries"`

	Number uint64 `bun:",pk"`
	At     int64
	Kind   translog.Kind
	What   string
	ByID   string
	SID    string `bun:"sid"`
	Body   string
}

func entryOf(l numbered) *entryRow {
	row := &entryRow{Number: l.number, At: l.at.UnixMilli(), Kind: l.leaf.Kind()}
	switch leaf := l.leaf.(type) {
	case translog.Heartbeat, translog.Genesis:
		return nil
	case translog.Policy:
		row.What = leaf.Hash.String()
	case translog.Opened:
		row.SID = leaf.SID.String()
	case translog.Closed:
		row.SID = leaf.SID.String()
	case translog.Recovered:
		row.SID, row.What = leaf.SID.String(), leaf.Reason
	case translog.Rewrap:
		row.SID, row.ByID = leaf.SID.String(), leaf.By
	case translog.LogKeys:
		row.SID, row.ByID = leaf.SID.String(), leaf.By
	case translog.Share:
		row.SID, row.ByID, row.What, row.Body = leaf.SID.String(), leaf.By, leaf.To, leaf.Body.String()
	case translog.Revoke:
		if leaf.ID == logShareID(leaf.SID) {
			row.What = ToLog
		}
		row.SID, row.ByID, row.Body = leaf.SID.String(), leaf.By, leaf.Body.String()
	case translog.Access:
		row.SID, row.ByID, row.What, row.Body = leaf.SID.String(), leaf.By, leaf.How, leaf.Body.String()
	case translog.Search:
		row.What, row.ByID, row.Body = strconv.Itoa(len(leaf.SIDs)), leaf.By, leaf.Body.String()
	case translog.Hold:
		row.SID, row.ByID, row.Body = leaf.SID.String(), leaf.By, leaf.Body.String()
	case translog.Release:
		row.SID, row.ByID, row.Body = leaf.SID.String(), leaf.By, leaf.Body.String()
	case translog.Erase:
		row.SID, row.ByID, row.What, row.Body = leaf.SID.String(), leaf.By, leaf.Step, leaf.Body.String()
	case translog.Shred:
		row.SID, row.ByID = leaf.SID.String(), leaf.By[0]
	case translog.Purge:
		row.SID = leaf.SID.String()
	case translog.Witness:
		row.What = leaf.State
	case translog.Admin:
		row.What, row.ByID, row.Body = leaf.What, leaf.By, leaf.Body.String()
	}
	return row
}

// Trail is what the log holds of administration and of who read what.
type Trail struct {
	Entries []Entry // the newest first
	Total   int
	Page    int // from 1
}

// Entry is one leaf of it.
type Entry struct {
	Number  uint64
	At      time.Time
	Kind    string // of the leaf: admin, access, hold, …
	What    string // code: of the act, way, step or state; of a search, how many sessions
	By      string // account id, "command", "broker", or ""
	Session string
	Body    string // names what is sealed beside the log, see SealedBody; "" nothing
}

// TrailQuery chooses entries; the zero value chooses all that are of no session's
// life: acts of administration, viewings, holds, erasures, shares, witnesses.
type TrailQuery struct {
	Kind    string // one kind alone
	Session string // all that the log says of one session, its life included
	By      string // account
	From    time.Time
	To      time.Time
	Page    int // from 1
}

// Trail returns a page of it.
func (e *Evidence) Trail(ctx context.Context, by access.Account, q TrailQuery) (Trail, error) {
	if !access.Can(by, access.ReadTrail, access.Scope{}) {
		return Trail{}, ErrForbidden
	}
	t := Trail{Page: max(1, q.Page)}
	var rows []entryRow
	// Who asks for an erasure has approved it for their part: two leaves, one act.
	s := e.config.Database.NewSelect().Model(&rows).Where(`NOT (kind = 'erase' AND what = 'approved' AND EXISTS (SELECT 1 FROM log_entries AS a
		WHERE a.number = entry_row.number - 1 AND a.kind = 'erase' AND a.what = 'asked' AND a.sid = entry_row.sid AND a.by_id = entry_row.by_id))`)
	switch {
	case q.Session != "":
		s = s.Where("(sid = ? OR number IN (SELECT number FROM log_searched WHERE log_searched.sid = ?))", q.Session, q.Session)
	case q.Kind == "":
		s = s.Where("kind NOT IN ('opened', 'closed', 'recovered')").Where("NOT (kind = 'share' AND what = ? OR kind = 'logkeys' AND by_id = ?)", ToLog, ops.ByBroker) // that a log is kept
	}
	if q.Kind != "" {
		s = s.Where("kind = ?", q.Kind)
	}
	if q.By != "" {
		s = s.Where("by_id = ?", q.By)
	}
	if !q.From.IsZero() {
		s = s.Where("at >= ?", q.From.UnixMilli())
	}
	if !q.To.IsZero() {
		s = s.Where("at < ?", q.To.UnixMilli())
	}
	found, err := s.OrderExpr("number DESC").Limit(PageSize).Offset(int64(t.Page-1) * PageSize).ScanAndCount(ctx)
	if err != nil {
		return Trail{}, fmt.Errorf("evidence: trail: %w", err)
	}
	t.Total = int(found)
	for _, r := range rows {
		t.Entries = append(t.Entries, Entry{Number: r.Number, At: moment(r.At), Kind: string(r.Kind), What: r.What, By: r.ByID, Session: r.SID, Body: r.Body})
	}
	return t, nil
}

// SealedBody returns what is sealed beside a leaf, for who may read the trail; only
// an auditor's or the data-protection officer's key opens it.
func (e *Evidence) SealedBody(_ context.Context, by access.Account, body string) ([]byte, error) {
	if !access.Can(by, access.ReadTrail, access.Scope{}) {
		return nil, ErrForbidden
	}
	var hash translog.Hash
	if err := hash.UnmarshalText([]byte(body)); err != nil || hash == (translog.Hash{}) {
		return nil, ErrNotFound
	}
	note, err := e.log.Sealed(hash)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound
	}
	return note, err
}
