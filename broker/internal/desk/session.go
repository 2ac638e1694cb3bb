package desk

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"consento/broker/internal/access"

	"github.com/uptrace/bun"
)

// LinkedSession is what a ticket knows of a session that belongs to it: that it was, and
// nothing of what was in it.
type LinkedSession struct {
	ID      string
	By      Person    // the technician
	Started time.Time // when its key was issued
	Shared  time.Time // when the customer began to share; zero: never
	Ended   time.Time // zero: it goes on
	Reason  string    // why it ended
}

type sessionRow struct {
	bun.BaseModel `bun:"table:ticket_sessions,alias:ticket_session"`

	Ticket  string `bun:",pk"`
	Session string `bun:",pk"`
	ByID    string
	By      string
	Started int64
	Shared  int64
	Ended   int64
	Reason  string
}

func (r sessionRow) linked() LinkedSession {
	return LinkedSession{r.Session, Person{r.ByID, r.By}, timeOf(r.Started), timeOf(r.Shared), timeOf(r.Ended), r.Reason}
}

// ForSession returns the ticket that a session is to belong to, if the account may work
// on it and work is not done: ErrNoTicket, ErrForbidden or ErrStep. Without an id it makes
// one under a title: of whoever calls nothing is known yet.
func (d *Desk) ForSession(ctx context.Context, by access.Account, id, title string) (Ticket, error) {
	if id == "" {
		n := NewTicket{Type: Incident, Title: title, Channel: ByPhone, Team: Team{by.Team, by.Territory, by.Level}}
		a, err := Act{Kind: ActEdit, Type: n.Type, Title: n.Title}.Clean()
		if err != nil {
			return Ticket{}, err
		}
		n.Title = a.Title
		return d.insert(ctx, personOf(by), n, Logged)
	}
	t, err := d.Ticket(ctx, by, id)
	switch {
	case err != nil:
		return Ticket{}, err
	case !access.Can(by, access.WorkTickets, access.Scope{Owner: t.Assignee.ID, Team: t.Team, Territory: t.Territory}):
		return Ticket{}, ErrForbidden
	case !t.State.Open():
		return Ticket{}, fmt.Errorf("%w: a session in %s", ErrStep, t.State)
	}
	return t, nil
}

// NoteSession notes how a session stands that belongs to a ticket. The first time it
// stands in the history, and whoever begins one has the ticket in hand if nobody has. It
// may be told the same again.
func (d *Desk) NoteSession(ctx context.Context, ticket string, s LinkedSession) error {
	err := d.transact(ctx, func(ctx context.Context, tx bun.Tx) error {
		row := sessionRow{Ticket: ticket, Session: s.ID, ByID: s.By.ID, By: s.By.Name, Started: millis(s.Started), Shared: millis(s.Shared), Ended: millis(s.Ended), Reason: s.Reason}
		var before sessionRow
		err := tx.NewSelect().Model(&before).Where("ticket = ?", ticket).Where("session = ?", s.ID).Scan(ctx)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			t, err := read(ctx, tx, ticket)
			if err != nil {
				return err
			}
			if _, err := d.change(ctx, tx, s.By, t, Act{Kind: ActSession, Session: s.ID}); err != nil {
				return err
			}
		case err != nil:
			return err
		case before == row:
			return nil
		}
		d.touch(ctx, ticket)
		_, err = tx.NewUpdate().Model(&row).WherePK().Exec(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("desk: session: %w", err)
	}
	return nil
}

// Sessions lists those of a ticket that the account may read, the newest first.
func (d *Desk) Sessions(ctx context.Context, by access.Account, id string) ([]LinkedSession, error) {
	if _, err := d.Ticket(ctx, by, id); err != nil {
		return nil, err
	}
	var rows []sessionRow
	if err := d.db.NewSelect().Model(&rows).Where("ticket = ?", id).Order("started DESC", "session").Limit(maxListed).Scan(ctx); err != nil {
		return nil, fmt.Errorf("desk: %w", err)
	}
	list := make([]LinkedSession, len(rows))
	for i, r := range rows {
		list[i] = r.linked()
	}
	return list, nil
}

// Unended lists the sessions, by id, of which no end is known, each with its ticket.
func (d *Desk) Unended(ctx context.Context) (map[string]string, error) {
	var rows []sessionRow
	if err := d.db.NewSelect().Model(&rows).Where("ended = 0").Scan(ctx); err != nil {
		return nil, fmt.Errorf("desk: %w", err)
	}
	list := map[string]string{}
	for _, r := range rows {
		list[r.Session] = r.Ticket
	}
	return list, nil
}
