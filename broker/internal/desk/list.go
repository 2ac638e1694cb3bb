package desk

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"consento/broker/internal/access"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
)

// Filter is what a list is narrowed to. Zero fields narrow nothing.
type Filter struct {
	Text     string // words, all of which it has
	Open     bool   // work is not done
	States   []State
	Types    []Type
	Team     string
	Assignee string // account
	Category string
	Priority Priority
	Parent   string
	Session  string
	From, To time.Time // when it came in

	ByTurn bool // in the order of the queue instead of the newest first
	Before Mark // the last of the page before; zero: the first page
	After  Turn // likewise, with ByTurn
	Limit  int  // 1 to 200
}

// Mark is a place in a list.
type Mark struct {
	Created time.Time
	ID      string
}

// Turn is a place in the queue.
type Turn struct {
	Turn int64
	ID   string
}

const maxListed = 200

// List returns the tickets that the account may read and that the filter leaves, the
// newest first or by turn, without their Teams and Pauses.
func (d *Desk) List(ctx context.Context, by access.Account, f Filter) ([]Ticket, error) {
	found := d.found(by, f)
	if found == nil {
		return nil, nil
	}
	var rows []ticketRow
	if err := f.order(selected(d.db.NewSelect().Model(&rows)).Where("ticket.id IN (?)", found)).Scan(ctx); err != nil {
		return nil, fmt.Errorf("desk: list: %w", err)
	}
	list := make([]Ticket, len(rows))
	for i := range rows {
		list[i] = rows[i].ticket()
	}
	return list, nil
}

// found finds which tickets a list has, along an index that has their order; what stands
// in them is read for those alone. It is nil if the account may read none.
func (d *Desk) found(by access.Account, f Filter) *bun.SelectQuery {
	q, any := readable(d.db.NewSelect().Model((*ticketRow)(nil)).Column("ticket.id"), by)
	if !any {
		return nil
	}
	return f.order(f.narrow(q)).Limit(int64(min(max(f.Limit, 1), maxListed)))
}

func (f Filter) order(q *bun.SelectQuery) *bun.SelectQuery {
	if f.ByTurn {
		return q.Order("ticket.turn", "ticket.id")
	}
	return q.Order("ticket.created DESC", "ticket.id DESC")
}

// readable narrows to what the account may read, as mayRead does; false if nothing.
func readable(q *bun.SelectQuery, by access.Account) (*bun.SelectQuery, bool) {
	switch {
	case access.Can(by, access.ReadTickets, access.Scope{}):
		return q, true // all
	case access.Can(by, access.ReadTickets, access.Scope{Team: by.Team}):
		// COALESCE keeps the order's index: with an index for either side all would be read and sorted.
		return q.Where("(COALESCE(ticket.assignee_id, '') = ? OR ticket.id IN (SELECT ticket FROM ticket_teams WHERE team = ?))", by.ID, by.Team), true
	case access.Can(by, access.ReadTickets, access.Scope{Owner: by.ID}):
		return q.Where("ticket.assignee_id = ?", by.ID), true
	}
	return q, false
}

func (f Filter) narrow(q *bun.SelectQuery) *bun.SelectQuery {
	q = f.words(q)
	if f.Open {
		q = q.Where("ticket.resolved = 0")
	}
	if len(f.States) > 0 {
		q = q.Where("ticket.state IN (?)", bun.List(f.States))
	}
	if len(f.Types) > 0 {
		q = q.Where("ticket.type IN (?)", bun.List(f.Types))
	}
	for _, is := range []struct{ column, value string }{{"team", f.Team}, {"assignee_id", f.Assignee}, {"category", f.Category}, {"parent", f.Parent}} {
		if is.value != "" {
			q = q.Where("ticket."+is.column+" = ?", is.value)
		}
	}
	if f.Priority != 0 {
		q = q.Where("ticket.priority = ?", f.Priority)
	}
	if f.Session != "" {
		q = q.Where("ticket.id IN (SELECT ticket FROM ticket_sessions WHERE session = ?)", f.Session)
	}
	if !f.From.IsZero() {
		q = q.Where("ticket.created >= ?", millis(f.From))
	}
	if !f.To.IsZero() {
		q = q.Where("ticket.created < ?", millis(f.To))
	}
	if f.Before.ID != "" {
		q = q.Where("(ticket.created, ticket.id) < (?, ?)", millis(f.Before.Created), f.Before.ID)
	}
	if f.After.ID != "" {
		q = q.Where("(ticket.turn, ticket.id) > (?, ?)", f.After.Turn, f.After.ID)
	}
	return q
}

// trigram is how many characters the index of SQLite finds words by.
const trigram = 3

// words narrows to what has all words of the text somewhere. On SQLite long ones are
// looked up in the index of trigrams; what is left are few, and reads like everywhere.
func (f Filter) words(q *bun.SelectQuery) *bun.SelectQuery {
	var long []string
	for word := range strings.FieldsSeq(fold(strings.ReplaceAll(f.Text, "\x00", " "))) { // SQLite reads a text to its first NUL
		if q.Dialect().Name() == dialect.SQLite && utf8.RuneCountInString(word) >= trigram {
			long = append(long, `"`+strings.ReplaceAll(word, `"`, `""`)+`"`)
			continue
		}
		q = q.Where(`ticket.search LIKE ? ESCAPE '\'`, "%"+strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(word)+"%")
	}
	if len(long) > 0 {
		q = q.Where("ticket.id IN (SELECT ticket FROM ticket_numbers WHERE number IN (SELECT rowid FROM ticket_search WHERE ticket_search MATCH ?))", strings.Join(long, " AND "))
	}
	return q
}

// Untaken counts the open tickets of the account's team that nobody has in hand.
func (d *Desk) Untaken(ctx context.Context, by access.Account) (int, error) {
	if !access.Can(by, access.ReadTickets, access.Scope{Team: by.Team}) {
		return 0, nil
	}
	n, err := d.db.NewSelect().Model((*ticketRow)(nil)).Where("team = ?", by.Team).Where("resolved = 0").Where("assignee_id IS NULL").Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("desk: %w", err)
	}
	return int(n), nil
}
