package figures

import (
	"context"
	"fmt"
	"time"

	"consento/broker/internal/desk"
)

// workTicket is what is counted of a ticket. Times are Unix milliseconds, 0 if not yet.
type workTicket struct {
	id, team, category, assignee string
	priority                     desk.Priority
	created, responded, resolved int64
	turn                         int64
	reopened                     int
	pauses                       []desk.Pause
}

// workSession is what is counted of a session.
type workSession struct {
	team, technician, category string
	issued, active, ended      int64
	stars                      int
}

// person is somebody who may work with customers.
type person struct{ id, name, team string }

// at is a moment of the database; zero for 0.
func at(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// each runs a query and hands out its rows.
func (f *Figures) each(ctx context.Context, row func(scan func(...any) error) error, query string, args ...any) error {
	rows, err := f.db.QueryContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("figures: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return fmt.Errorf("figures: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("figures: %w", err)
	}
	return nil
}

// within narrows to a team; all with "".
func within(team, column string) (string, []any) {
	if team == "" {
		return "", nil
	}
	return " AND " + column + " = ?", []any{team}
}

// tickets reads those that were open, or resolved, since from, and came in before to.
func (f *Figures) tickets(ctx context.Context, from, to int64, team string) (list []workTicket, err error) {
	narrow, args := within(team, "team")
	err = f.each(ctx, func(scan func(...any) error) error { // two halves: each is one stretch of an index
		var t workTicket
		err := scan(&t.id, &t.team, &t.category, &t.assignee, &t.priority, &t.created, &t.responded, &t.resolved, &t.turn, &t.reopened)
		list = append(list, t)
		return err
	}, `SELECT id, team, category, COALESCE(assignee_id, ''), priority, created, responded, resolved, turn, reopened FROM tickets WHERE resolved = 0 AND created < ?`+narrow+`
		UNION ALL SELECT id, team, category, COALESCE(assignee_id, ''), priority, created, responded, resolved, turn, reopened FROM tickets WHERE resolved > 0 AND resolved >= ? AND created < ?`+narrow,
		append(append(append([]any{to}, args...), from, to), args...)...)
	if err != nil {
		return nil, err
	}
	where := map[string]int{}
	for i, t := range list {
		if t.resolved > 0 {
			where[t.id] = i
		}
	}
	return list, f.each(ctx, func(scan func(...any) error) error {
		var id string
		var since, until int64
		err := scan(&id, &since, &until)
		if i, resolved := where[id]; resolved {
			list[i].pauses = append(list[i].pauses, desk.Pause{From: at(since), To: at(until)})
		}
		return err
	}, `SELECT p.ticket, p.since, p.until FROM ticket_pauses p JOIN tickets t ON t.id = p.ticket WHERE t.resolved > 0 AND t.resolved >= ? AND t.created < ?`, from, to)
}

// sessions reads those whose key was issued between two moments, with the category of
// the oldest ticket that they belong to.
func (f *Figures) sessions(ctx context.Context, from, to int64, team string) (list []workSession, err error) {
	narrow, args := within(team, "team")
	err = f.each(ctx, func(scan func(...any) error) error {
		var s workSession
		err := scan(&s.team, &s.technician, &s.issued, &s.active, &s.ended, &s.stars, &s.category)
		list = append(list, s)
		return err
	}, `SELECT team, technician_id, issued, active, ended, stars,
		COALESCE((SELECT t.category FROM ticket_sessions b JOIN tickets t ON t.id = b.ticket WHERE b.session = session_figures.id ORDER BY t.created LIMIT 1), '')
		FROM session_figures WHERE issued >= ? AND issued < ?`+narrow, append([]any{from, to}, args...)...)
	return list, err
}

// people reads who may work with customers now.
func (f *Figures) people(ctx context.Context) (list []person, err error) {
	err = f.each(ctx, func(scan func(...any) error) error {
		var p person
		err := scan(&p.id, &p.name, &p.team)
		list = append(list, p)
		return err
	}, `SELECT id, name, team FROM accounts WHERE role IN ('technician', 'lead') AND disabled_at IS NULL AND team IS NOT NULL`)
	return list, err
}

// names are those of all accounts, ended ones too.
func (f *Figures) names(ctx context.Context) (map[string]string, error) {
	names := map[string]string{}
	err := f.each(ctx, func(scan func(...any) error) error {
		var id, name string
		err := scan(&id, &name)
		names[id] = name
		return err
	}, `SELECT id, name FROM accounts`)
	return names, err
}
