package desk

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"consento/broker/internal/access"
)

// TicketOf returns for each of these sessions the ticket that it belongs to, as far as the
// account may read it. A session that belongs to several is at the newest.
func (d *Desk) TicketOf(ctx context.Context, by access.Account, sessions []string) (map[string]string, error) {
	of := map[string]string{}
	if len(sessions) == 0 {
		return of, nil
	}
	var rows []struct{ ID, Session string }
	q := d.db.NewSelect().TableExpr("tickets AS ticket").ColumnExpr("ticket.id AS id").ColumnExpr("link.session AS session").
		Join("JOIN ticket_sessions AS link ON link.ticket = ticket.id").Where("link.session IN (?)", bun.List(sessions)).Order("ticket.created", "ticket.id")
	q, any := readable(q, by)
	if !any {
		return of, nil
	}
	if err := q.Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("desk: sessions: %w", err)
	}
	for _, r := range rows {
		of[r.Session] = r.ID
	}
	return of, nil
}
