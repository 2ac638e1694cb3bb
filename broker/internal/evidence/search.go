package evidence

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"consento/broker/internal/access"
	"consento/protocol"
	"consento/recordings"
	"consento/recordings/translog"
)

// fact is what the operational side says of a session.
type fact struct {
	bun.BaseModel `bun:"table:session_facts,alias:fact"`

	ID           string `bun:",pk"`
	TechnicianID string
	Technician   string
	Team         string
	Territory    string
	Issued       int64 // Unix milliseconds, as Ended
	Ended        int64
	EndReason    protocol.EndReason
	Test         bool
	Retention    string
	KeepDays     int    // promised when it began; 0: as the settings say now
	Ticket       string // number of the ticket that it belongs to; "": none
	Verdict      State  `bun:",scanonly"`
	Held         bool   `bun:",scanonly"`
	LogKept      bool   `bun:",scanonly"`
}

func (f fact) scope() access.Scope {
	return access.Scope{Owner: f.TechnicianID, Team: f.Team, Territory: f.Territory}
}

// until is the end of its retention; zero while it goes on.
func (f fact) until(days int) time.Time {
	if f.KeepDays > 0 {
		days = f.KeepDays
	}
	if f.Ended == 0 {
		return time.Time{}
	}
	return moment(f.Ended).AddDate(0, 0, days)
}

// mayRead says whether an account reads the evidence of a session. Nobody opens
// a session of their own, whatever has become of their role since.
func (f fact) mayRead(by access.Account) error {
	switch {
	case !access.Can(by, access.ReadEvidence, f.scope()):
		return ErrNotFound
	case f.TechnicianID == by.ID:
		return ErrForbidden
	}
	return nil
}

// facts is a query for sessions with what the index says of them.
func (e *Evidence) facts(into any) *bun.SelectQuery {
	return e.config.Database.NewSelect().Model(into).ColumnExpr("fact.*").
		ColumnExpr("COALESCE((SELECT state FROM checks WHERE checks.sid = fact.id), '') AS verdict").
		ColumnExpr("EXISTS (SELECT 1 FROM holds WHERE holds.sid = fact.id AND holds.released = 0) AS held").
		ColumnExpr("EXISTS (SELECT 1 FROM log_keys WHERE log_keys.sid = fact.id AND log_keys.gone = 0) AS log_kept")
}

// visible leaves what mayRead allows.
func visible(q *bun.SelectQuery, by access.Account) *bun.SelectQuery {
	q = q.Where("technician_id <> ?", by.ID)
	if by.Territory != "" {
		q = q.Where("territory = ?", by.Territory)
	}
	return q
}

// Sessions finds sessions by what a server may know of them.
func (e *Evidence) Sessions(ctx context.Context, by access.Account, q Query) (Page, error) {
	if !access.Can(by, access.ReadEvidence, access.Scope{Territory: by.Territory}) {
		return Page{}, ErrForbidden
	}
	page := Page{Page: max(1, q.Page), Witness: e.signing()}
	var rows []fact
	found, err := chosen(visible(e.facts(&rows), by), q).
		OrderExpr("fact.issued DESC, fact.id").Limit(PageSize).Offset(int64(page.Page-1) * PageSize).ScanAndCount(ctx)
	if err != nil {
		return Page{}, fmt.Errorf("evidence: search: %w", err)
	}
	page.Total = int(found)
	parts, err := e.parts(ctx, rows)
	if err != nil {
		return Page{}, err
	}
	for _, f := range rows {
		page.Sessions = append(page.Sessions, summary(f, parts[f.ID]))
	}
	teams := visible(e.config.Database.NewSelect().Table("session_facts").ColumnExpr("DISTINCT team").Order("team"), by)
	if err := teams.Scan(ctx, &page.Teams); err != nil {
		return Page{}, fmt.Errorf("evidence: search: %w", err)
	}
	return page, nil
}

// chosen narrows to what a Query asks for.
func chosen(q *bun.SelectQuery, by Query) *bun.SelectQuery {
	if !by.From.IsZero() {
		q = q.Where("fact.issued >= ?", by.From.UnixMilli())
	}
	if !by.To.IsZero() {
		q = q.Where("fact.issued < ?", by.To.UnixMilli())
	}
	if by.ID != "" {
		q = q.Where("fact.id LIKE ? ESCAPE '!'", like(strings.ToLower(by.ID))+"%")
	}
	if by.Ticket != "" {
		q = q.Where("fact.ticket LIKE ? ESCAPE '!'", like(strings.ToUpper(by.Ticket))+"%")
	}
	if by.Team != "" {
		q = q.Where("fact.team = ?", by.Team)
	}
	if by.Technician != "" {
		q = q.Where("LOWER(fact.technician) LIKE ? ESCAPE '!'", "%"+like(strings.ToLower(by.Technician))+"%")
	}
	if by.Ended != "" {
		q = q.Where("fact.end_reason = ?", by.Ended)
	}
	switch by.Tests {
	case "only":
		q = q.Where("fact.test")
	case "without":
		q = q.Where("NOT fact.test")
	}
	for _, has := range by.Has {
		q = q.Where("fact.id IN (SELECT sid FROM log_segments WHERE (tracks & ?) <> 0)", trackBits[has])
	}
	return q
}

// like takes the meaning from the signs of a LIKE pattern.
func like(s string) string { return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(s) }

var trackBits = map[HeldContent]uint64{HasVideo: 1 << recordings.TrackVideo, HasChat: 1 << recordings.TrackChat,
	HasShell: 1 << recordings.TrackShell, HasFiles: 1 << recordings.TrackFiles}

// parts returns the segments of sessions, by id.
func (e *Evidence) parts(ctx context.Context, of []fact) (map[string][]segmentRow, error) {
	if len(of) == 0 {
		return nil, nil
	}
	ids := make([]string, len(of))
	for i, f := range of {
		ids[i] = f.ID
	}
	var rows []segmentRow
	if err := e.config.Database.NewSelect().Model(&rows).Where("sid IN (?)", bun.List(ids)).Order("sid", "segment").Scan(ctx); err != nil {
		return nil, fmt.Errorf("evidence: search: %w", err)
	}
	parts := map[string][]segmentRow{}
	for _, r := range rows {
		parts[r.SID] = append(parts[r.SID], r)
	}
	return parts, nil
}

func summary(f fact, parts []segmentRow) Summary {
	s := Summary{ID: f.ID, Started: moment(f.Issued), Ended: moment(f.Ended), Team: f.Team, Technician: f.Technician, Reason: f.EndReason, Test: f.Test, Ticket: f.Ticket,
		Segments: len(parts), Held: f.Held, Verdict: f.Verdict, Shredded: len(parts) > 0}
	var tracks uint64
	for _, p := range parts {
		s.Bytes += int64(p.Bytes)
		tracks |= p.Tracks
		s.Shredded = s.Shredded && p.Shred != nil
	}
	s.LogApart, s.LogKept = f.LogKept, s.Shredded && f.LogKept
	for _, has := range []HeldContent{HasVideo, HasChat, HasShell, HasFiles} {
		if tracks&trackBits[has] != 0 {
			s.Has = append(s.Has, has)
		}
	}
	return s
}

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// fact returns a session that this account may read.
func (e *Evidence) fact(ctx context.Context, by access.Account, id string) (fact, translog.ID, error) {
	var f fact
	sid, err := translog.ParseID(id)
	if err != nil {
		return f, sid, ErrNotFound
	}
	err = e.facts(&f).Where("fact.id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return f, sid, ErrNotFound
	}
	if err != nil {
		return f, sid, fmt.Errorf("evidence: %w", err)
	}
	return f, sid, f.mayRead(by)
}
