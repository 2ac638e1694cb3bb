package evidence

import (
	"context"
	"fmt"

	"consento/broker/internal/access"
)

// Due lists sessions whose retention is over, the oldest first, without those that
// are held, shredded or on their way.
func (e *Evidence) Due(ctx context.Context, by access.Account) ([]Summary, error) {
	if !access.Can(by, access.DecideErasure, access.Scope{Territory: by.Territory}) {
		return nil, ErrForbidden
	}
	days, err := e.config.Retention(ctx)
	if err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	var rows []fact
	err = visible(e.facts(&rows), by).Where("fact.ended > 0").Where("fact.ended + (CASE WHEN fact.keep_days > 0 THEN fact.keep_days ELSE ? END) * ? < ?", days, dayMS, e.config.Now().UnixMilli()).
		Where("NOT EXISTS (SELECT 1 FROM holds WHERE holds.sid = fact.id AND holds.released = 0)").
		Where("NOT EXISTS (SELECT 1 FROM erasures WHERE erasures.sid = fact.id AND (erasures.decided = 0 OR erasures.approved))").
		OrderExpr("fact.ended").Limit(PageSize).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("evidence: due: %w", err)
	}
	parts, err := e.parts(ctx, rows)
	if err != nil {
		return nil, err
	}
	due := make([]Summary, len(rows))
	for i, f := range rows {
		due[i] = summary(f, parts[f.ID])
	}
	return due, nil
}

// Erasures lists them, those that wait for a decision first.
func (e *Evidence) Erasures(ctx context.Context, by access.Account) ([]Erasure, error) {
	if !access.Can(by, access.DecideErasure, access.Scope{Territory: by.Territory}) {
		return nil, ErrForbidden
	}
	return e.erasures(ctx, by, "")
}

// erasures are those of one session, or of all.
func (e *Evidence) erasures(ctx context.Context, by access.Account, id string) ([]Erasure, error) {
	var rows []struct {
		erasureRow `bun:",extend"`

		Technician string `bun:",scanonly"`
		Team       string `bun:",scanonly"`
		Issued     int64  `bun:",scanonly"`
	}
	q := visible(e.config.Database.NewSelect().Model(&rows).ModelTableExpr("erasures").ColumnExpr("erasures.*").
		ColumnExpr("fact.technician, fact.team, fact.issued").Join("JOIN session_facts AS fact ON fact.id = erasures.sid"), by)
	if id != "" {
		q = q.Where("erasures.sid = ?", id)
	}
	if err := q.OrderExpr("erasures.decided > 0, erasures.asked DESC").Limit(200).Scan(ctx); err != nil {
		return nil, fmt.Errorf("evidence: erasures: %w", err)
	}
	all := make([]Erasure, len(rows))
	for i, r := range rows {
		all[i] = Erasure{ID: r.ID, Session: r.SID, Asked: moment(r.Asked), Decided: moment(r.Decided), Here: moment(r.Here), Done: moment(r.Done), AskedBy: r.AskedName,
			DecidedBy: r.DecidedName, AskedRole: r.AskedRole, Approved: r.Approved, Log: r.Scope == eraseContents, Technician: r.Technician, Team: r.Team, Started: moment(r.Issued)}
		if r.Here > 0 && r.Done == 0 {
			for _, w := range e.witnesses.all {
				all[i].Waits = append(all[i].Waits, w.name)
			}
		}
	}
	return all, nil
}
