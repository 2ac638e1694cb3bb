package desk

import (
	"context"
	"fmt"
	"slices"
	"time"

	"consento/broker/internal/access"
)

// Problem is something in the matrix that was right when it was saved and is not any more,
// or that people should know of.
type Problem struct {
	Kind     ProblemKind
	Category string // id
	Level    access.Level
	Team     string
	Open     int // tickets that it is about
}

// ProblemKind says what is wrong.
type ProblemKind string

// The kinds of problems.
const (
	TeamGone     ProblemKind = "team_gone"     // the team that gets it does not exist any more
	TeamNotAbove ProblemKind = "team_circle"   // it stands no more above the level: a ticket would go in a circle
	RetiredOpen  ProblemKind = "retired_open"  // a retired category still has open tickets
	NothingToDo  ProblemKind = "nothing_to_do" // open tickets stand where the matrix says nothing
)

// MatrixProblems looks the matrix in force over against the teams and the open tickets.
func (d *Desk) MatrixProblems(ctx context.Context) ([]Problem, error) {
	m, _, err := d.Matrix(ctx)
	if err != nil {
		return nil, err
	}
	teams, err := d.teams(ctx)
	if err != nil {
		return nil, err
	}
	var rows []struct {
		Category string
		Level    access.Level
		Open     int
	}
	if err := d.db.NewSelect().Model((*ticketRow)(nil)).ModelTableExpr("tickets").ColumnExpr("category, level, COUNT(*) AS open").Where("resolved = 0").Where("category <> ''").
		GroupExpr("category, level").Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("desk: %w", err)
	}
	type place struct {
		category string
		level    access.Level
	}
	open := map[place]int{}
	for _, r := range rows {
		open[place{r.Category, r.Level}] = r.Open
	}
	return m.problems(teams, func(category string, level access.Level) int { return open[place{category, level}] }), nil
}

// problems is pure.
func (m Matrix) problems(teams map[string]access.Level, open func(category string, level access.Level) int) (list []Problem) {
	order := access.Levels()
	for _, c := range m.Categories {
		all := 0
		for i, level := range order {
			cell, n := c.Cells[level], open(c.ID, level)
			all += n
			above, known := teams[cell.Team]
			p := Problem{Category: c.ID, Level: level, Team: cell.Team, Open: n}
			switch {
			case cell.Team != "" && !known:
				p.Kind = TeamGone
			case cell.Team != "" && slices.Index(order, above) <= i:
				p.Kind = TeamNotAbove
			case n > 0 && len(cell.Words) == 0:
				p.Kind = NothingToDo
			default:
				continue
			}
			if !c.Retired || n > 0 {
				list = append(list, p)
			}
		}
		if c.Retired && all > 0 {
			list = append(list, Problem{Kind: RetiredOpen, Category: c.ID, Open: all})
		}
	}
	return list
}

// Effect is what other hours would do to the open tickets: how many have spent their
// target, before and after.
type Effect struct{ Open, Late, LateThen int }

// EffectOf says it of hours that are not saved yet.
func (d *Desk) EffectOf(ctx context.Context, h ServiceHours) (Effect, error) {
	now, _, err := d.Hours(ctx)
	if err != nil {
		return Effect{}, err
	}
	list, err := d.openTickets(ctx)
	if err != nil {
		return Effect{}, err
	}
	at := d.now()
	e := Effect{Open: len(list)}
	for _, t := range list {
		if late(t, now, at) {
			e.Late++
		}
		if late(t, h, at) {
			e.LateThen++
		}
	}
	return e, nil
}

// late reports whether the clock of the ticket that runs has spent its target.
func late(t Ticket, h ServiceHours, at time.Time) bool {
	clock, runs := h.Running(t)
	return runs && clock.Standing(at) == Breached
}

// openTickets reads every ticket on which work is not done, with its pauses.
func (d *Desk) openTickets(ctx context.Context) ([]Ticket, error) {
	return d.ticketsWhere(ctx, "ticket.resolved = 0")
}

// ticketsWhere reads tickets with their pauses, without their teams, the oldest first.
func (d *Desk) ticketsWhere(ctx context.Context, where string, args ...any) ([]Ticket, error) {
	var rows []ticketRow
	if err := selected(d.db.NewSelect().Model(&rows)).Where(where, args...).Order("ticket.created", "ticket.id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("desk: tickets: %w", err)
	}
	var pauses []pauseRow
	if err := d.db.NewSelect().Model(&pauses).Where("ticket_pause.ticket IN (SELECT ticket.id FROM tickets AS ticket WHERE "+where+")", args...).Order("since").Scan(ctx); err != nil {
		return nil, fmt.Errorf("desk: pauses: %w", err)
	}
	of := map[string][]Pause{}
	for _, p := range pauses {
		of[p.Ticket] = append(of[p.Ticket], Pause{timeOf(p.Since), timeOf(p.Until)})
	}
	list := make([]Ticket, len(rows))
	for i := range rows {
		list[i] = rows[i].ticket()
		list[i].Pauses = of[list[i].ID]
	}
	return list, nil
}
