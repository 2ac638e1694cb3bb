package session

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"consento/protocol"
)

// Listed is that a session was: nothing of what was in it.
type Listed struct {
	ID                    string
	State                 protocol.State
	TechnicianID          string
	Technician, Team      string    // names at that time
	Issued, Active, Ended time.Time // zero if not yet, or never
	EndReason             protocol.EndReason
	Test                  bool
}

// ListFilter is what a list is narrowed to. Nothing is listed unless Everything, Technician
// or Teams say whose.
type ListFilter struct {
	Everything bool
	Technician string // account
	Teams      []string

	ID         string
	Team       string
	Open       bool      // not over
	From, To   time.Time // when the key was issued
	BeforeTime time.Time // the last of the page before; zero: the first page
	BeforeID   string
	Limit      int // 1 to 200
}

// List returns the sessions that the filter leaves, the newest first.
func List(ctx context.Context, db bun.IDB, f ListFilter) ([]Listed, error) {
	if !f.Everything && f.Technician == "" && len(f.Teams) == 0 {
		return nil, nil
	}
	var rows []row
	q := db.NewSelect().Model(&rows).Column("id", "state", "technician_id", "technician", "team", "issued", "active", "ended", "end_reason", "test").
		Order("issued DESC", "id DESC").Limit(int64(min(max(f.Limit, 1), 200)))
	if !f.Everything {
		q = q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
			if f.Technician != "" {
				q = q.WhereOr("technician_id = ?", f.Technician)
			}
			if len(f.Teams) > 0 {
				q = q.WhereOr("team IN (?)", bun.List(f.Teams))
			}
			return q
		})
	}
	for _, is := range []struct{ column, value string }{{"id", f.ID}, {"team", f.Team}} {
		if is.value != "" {
			q = q.Where("? = ?", bun.Ident(is.column), is.value)
		}
	}
	if f.Open {
		q = q.Where("ended = 0")
	}
	if !f.From.IsZero() {
		q = q.Where("issued >= ?", f.From.UnixMilli())
	}
	if !f.To.IsZero() {
		q = q.Where("issued < ?", f.To.UnixMilli())
	}
	if f.BeforeID != "" {
		q = q.Where("(issued, id) < (?, ?)", f.BeforeTime.UnixMilli(), f.BeforeID)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, wrapStore(err)
	}
	list := make([]Listed, len(rows))
	for i := range rows {
		list[i] = rows[i].listed()
	}
	return list, nil
}

// listed is what a list says of a session.
func (r *row) listed() Listed {
	return Listed{ID: r.ID, State: r.State, TechnicianID: r.TechnicianID, Technician: r.Technician, Team: r.Team,
		Issued: moment(r.Issued), Active: moment(r.Active), Ended: moment(r.Ended), EndReason: r.EndReason, Test: r.Test}
}

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
