package sockets

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"strconv"
	"strings"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
	"consento/broker/internal/session"
	"consento/protocol"
)

// Desk is what consoles need of package desk, which asks for each call what the account
// may.
type Desk interface {
	List(ctx context.Context, by access.Account, f desk.Filter) ([]desk.Ticket, error)
	Untaken(ctx context.Context, by access.Account) (int, error)
	Ticket(ctx context.Context, by access.Account, id string) (desk.Ticket, error)
	Recent(ctx context.Context, by access.Account, id string, before int64, limit int) ([]desk.Entry, error)
	Whom(ctx context.Context, t desk.Ticket) ([]desk.Team, []desk.Person, error)
	Matrix(ctx context.Context) (desk.Matrix, desk.Version, error)
	Do(ctx context.Context, by access.Account, id string, version int64, a desk.Act) (desk.Ticket, error)
	Sessions(ctx context.Context, by access.Account, id string) ([]desk.LinkedSession, error)
	Open(ctx context.Context, by access.Account, n desk.NewTicket) (desk.Ticket, error)
	Changes(ctx context.Context) <-chan string
}

// maxEntries is how much of a ticket's history one message holds at most.
const maxEntries = 50

func (c *console) who() access.Account {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.account
}

// moved reports whether two states of an account differ in what it may do with tickets.
func moved(a, b access.Account) bool {
	return a.Role != b.Role || a.Team != b.Team || a.Territory != b.Territory || a.Profile.Name != b.Profile.Name || !maps.Equal(a.Profile.Rights, b.Profile.Rights)
}

// follow tells the console of tickets that change, once it has asked for them. It never
// fills the queue: what waits is told once, as it is then.
func (c *console) follow(ctx context.Context) {
	for id := range c.config.Desk.Changes(ctx) {
		for len(c.queue) > queueLength/2 {
			select {
			case <-time.After(writeTimeout / 100):
			case <-ctx.Done():
				return
			}
		}
		c.mu.Lock()
		follows := c.tickets != nil
		c.mu.Unlock()
		if !follows {
			continue
		}
		if id == "" {
			c.Send(&protocol.DeskChanged{})
			continue
		}
		if err := c.tellTicket(ctx, id); err != nil && ctx.Err() == nil && !errors.Is(err, session.ErrNotAllowed) && !errors.Is(err, access.ErrEnded) {
			c.log.Error("console not told of a ticket", slog.Any("error", err))
			c.Send(&protocol.DeskChanged{}) // it asks anew
		}
	}
}

func (c *console) tellTicket(ctx context.Context, id string) error {
	if _, err := c.technician(ctx, access.Assist); err != nil {
		return err
	}
	by := c.who()
	t, err := c.config.Desk.Ticket(ctx, by, id)
	if errors.Is(err, desk.ErrNoTicket) {
		if c.forgets(id) {
			c.Send(&protocol.TicketGone{Ticket: id})
		}
		return nil
	}
	if err != nil {
		return err
	}
	c.knows(id)
	c.Send(&protocol.TicketChanged{Ticket: ticketRow(by, t)})
	return nil
}

// knows notes that this console has been shown tickets.
func (c *console) knows(ids ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tickets == nil {
		c.tickets = map[string]struct{}{}
	}
	for _, id := range ids {
		c.tickets[id] = struct{}{}
	}
}

// forgets reports whether it has been shown one, which it may not see any more.
func (c *console) forgets(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, known := c.tickets[id]
	delete(c.tickets, id)
	return known
}

func ticketRow(by access.Account, t desk.Ticket) protocol.DeskTicket {
	return protocol.DeskTicket{ID: t.ID, Ref: t.Ref, Version: t.Version, Type: string(t.Type), State: string(t.State), Title: t.Title, Requester: t.Requester.Name,
		Priority: int(t.Priority), Team: t.Team, Level: string(t.Level), Assignee: t.Assignee.Name, Mine: t.Assignee.ID != "" && t.Assignee.ID == by.ID, Waiting: string(t.Waiting),
		Created: t.Created, Resolved: t.Resolved, Turn: t.Turn, Due: t.Due, Warn: t.Warn, Answer: !t.Due.IsZero() && t.Responded.IsZero()}
}

func (c *console) listTickets(ctx context.Context, _ session.Technician, ref uint64, m protocol.Tickets) error {
	by := c.who()
	f := desk.Filter{Text: m.Text, Open: !m.Ended, ByTurn: !m.Ended, Limit: protocol.MaxTickets + 1}
	switch m.View {
	case protocol.TicketsOfTeam:
		f.Team = by.Team
	case protocol.TicketsMine:
		f.Assignee = by.ID
	}
	if m.After != "" {
		at, id, _ := strings.Cut(m.After, "-")
		place, err := strconv.ParseInt(at, 10, 64)
		if err != nil || id == "" {
			return protocol.ErrMalformed
		}
		if f.ByTurn {
			f.After = desk.Turn{Turn: place, ID: id}
		} else {
			f.Before = desk.Mark{Created: time.UnixMilli(place), ID: id}
		}
	}
	c.knows() // from now on, so that nothing is missed in between
	list, err := c.config.Desk.List(ctx, by, f)
	if err != nil {
		return err
	}
	answer := &protocol.TicketList{Works: access.Can(by, access.WorkTickets, access.Scope{Team: by.Team})}
	if answer.Untaken, err = c.config.Desk.Untaken(ctx, by); err != nil {
		return err
	}
	for i, t := range list {
		if i == protocol.MaxTickets {
			answer.More = moreAfter(list[i-1], f.ByTurn)
			break
		}
		c.knows(t.ID)
		answer.Tickets = append(answer.Tickets, ticketRow(by, t))
	}
	for tooLong(answer) { // titles of the longest kind: the rest is the next page
		n := len(answer.Tickets) - 1
		answer.Tickets, answer.More = answer.Tickets[:n], moreAfter(list[n-1], f.ByTurn)
	}
	c.reply(ref, answer)
	return nil
}

func moreAfter(t desk.Ticket, byTurn bool) string {
	if byTurn {
		return strconv.FormatInt(t.Turn, 10) + "-" + t.ID
	}
	return strconv.FormatInt(t.Created.UnixMilli(), 10) + "-" + t.ID
}

func (c *console) openTicket(ctx context.Context, _ session.Technician, ref uint64, m protocol.TicketOpen) error {
	t, err := c.config.Desk.Ticket(ctx, c.who(), m.Ticket)
	if err != nil {
		return err
	}
	return c.showTicket(ctx, ref, t, m.Before)
}

func (c *console) doTicket(ctx context.Context, _ session.Technician, ref uint64, m protocol.TicketDo) error {
	a := desk.Act{Kind: desk.ActKind(m.Act.Kind), Text: m.Act.Text, Title: m.Act.Title, Area: m.Act.Area, Type: desk.Type(m.Act.Type), Category: m.Act.Category,
		Impact: desk.Impact(m.Act.Impact), Urgency: desk.Urgency(m.Act.Urgency), Waiting: desk.Waiting(m.Act.Waiting), Resolution: desk.Resolution(m.Act.Resolution), Assignee: desk.Person{ID: m.Act.Assignee}}
	if m.Act.Team != "" {
		a.Team = &desk.Team{Name: m.Act.Team}
	}
	if r := m.Act.Requester; r != nil {
		a.Requester = &desk.Requester{Name: r.Name, Email: r.Email, Phone: r.Phone, Office: r.Office}
	}
	t, err := c.config.Desk.Do(ctx, c.who(), m.Ticket, m.Version, a)
	return c.done(ctx, ref, t, err)
}

func (c *console) newTicket(ctx context.Context, by session.Technician, ref uint64, m protocol.TicketNew) error {
	account := c.who()
	t, err := c.config.Desk.Open(ctx, account, desk.NewTicket{Type: desk.Type(m.Type), Title: m.Title, Text: m.Text, Channel: desk.Channel(m.Channel), Language: m.Language, Area: m.Area,
		Requester: desk.Requester{Name: m.Requester.Name, Email: m.Requester.Email, Phone: m.Requester.Phone, Office: m.Requester.Office},
		Team:      desk.Team{Name: account.Team, Territory: account.Territory, Level: account.Level}})
	return c.done(ctx, ref, t, err)
}

// done answers an act: with the ticket as it is now, or why it was refused.
func (c *console) done(ctx context.Context, ref uint64, t desk.Ticket, err error) error {
	var wrong *access.Invalid
	var missing *desk.Missing
	refused := protocol.TicketRefused{}
	switch {
	case err == nil:
		shown, err := c.config.Desk.Ticket(ctx, c.who(), t.ID)
		if errors.Is(err, desk.ErrNoTicket) {
			c.forgets(t.ID)
			c.reply(ref, &protocol.TicketGone{Ticket: t.ID})
			return nil
		}
		if err != nil {
			return err
		}
		return c.showTicket(ctx, ref, shown, 0)
	case errors.As(err, &wrong):
		refused = protocol.TicketRefused{Problem: protocol.TicketInvalid, Field: wrong.Field, Code: wrong.Code}
	case errors.As(err, &missing):
		refused = protocol.TicketRefused{Problem: protocol.TicketNeeds, Field: missing.Field, Code: "missing"}
	case errors.Is(err, desk.ErrStale):
		refused.Problem = protocol.TicketStale
	case errors.Is(err, desk.ErrStep):
		refused.Problem = protocol.TicketStep
	case errors.Is(err, desk.ErrForbidden):
		refused.Problem = protocol.TicketForbidden
	default:
		return err
	}
	c.reply(ref, &refused)
	return nil
}

func (c *console) showTicket(ctx context.Context, ref uint64, t desk.Ticket, before int64) error {
	by := c.who()
	c.mu.Lock()
	language := c.language
	c.mu.Unlock()
	matrix, _, err := c.config.Desk.Matrix(ctx)
	if err != nil {
		return err
	}
	entries, err := c.config.Desk.Recent(ctx, by, t.ID, before, maxEntries+1)
	if err != nil {
		return err
	}
	m := &protocol.TicketShown{Ticket: ticketRow(by, t), Text: t.Text, Language: t.Language, Email: t.Requester.Email, Phone: t.Requester.Phone, Office: t.Requester.Office, Channel: string(t.Channel),
		Category: t.Category, Area: t.Area, Impact: int(t.Impact), Urgency: int(t.Urgency), Resolution: string(t.Resolution), Solution: t.Solution,
		Works: access.Can(by, access.WorkTickets, access.Scope{Owner: t.Assignee.ID, Team: t.Team, Territory: t.Territory})}
	acts(m, by, t)
	if err := c.choices(ctx, m, t, matrix, language); err != nil {
		return err
	}
	for done, last := 0, int64(0); done < len(entries); done++ {
		e := entries[done]
		if done >= maxEntries && last > 0 {
			m.Earlier = last
			break
		}
		if e.Number > 0 { // who was alerted has none
			last = e.Number
		}
		entry, err := historyEntry(e, matrix, language)
		if err != nil {
			return err
		}
		m.History = append(m.History, entry)
	}
	sessions, err := c.config.Desk.Sessions(ctx, by, t.ID)
	if err != nil {
		return err
	}
	for _, s := range sessions[:min(len(sessions), maxEntries)] {
		m.Sessions = append(m.Sessions, protocol.TicketSession{ID: s.ID, By: s.By.Name, Started: s.Started, Shared: s.Shared, Ended: s.Ended, Reason: protocol.EndReason(s.Reason)})
	}
	shorten(m)
	c.knows(t.ID)
	c.reply(ref, m)
	return nil
}

// acts says what this person may do now.
func acts(m *protocol.TicketShown, by access.Account, t desk.Ticket) {
	if !m.Works {
		m.Acts = []string{string(desk.ActComment)}
		return
	}
	next, other := t.Acts()
	escalates := access.Can(by, access.Escalate, access.Scope{Owner: t.Assignee.ID, Team: t.Team, Territory: t.Territory})
	m.Escalates = escalates && t.State.Open()
	for i, kind := range append(next, other...) {
		if kind == desk.ActEscalate && !escalates {
			continue
		}
		if m.Acts = append(m.Acts, string(kind)); i < len(next) {
			m.Next++
		}
	}
}

func (c *console) choices(ctx context.Context, m *protocol.TicketShown, t desk.Ticket, matrix desk.Matrix, language string) error {
	for _, category := range matrix.Categories {
		if !category.Retired || category.ID == t.Category {
			m.Choices.Categories = append(m.Choices.Categories, protocol.TicketChoice{ID: category.ID, Name: category.Name(language)})
		}
	}
	if category, known := matrix.Find(t.Category); known {
		cell := category.Cells[t.Level]
		work := cell.Work(language)
		m.Work, m.Choices.Team = protocol.TicketWork{Steps: work.Steps, When: work.When, After: cell.After}, cell.Team
	}
	teams, colleagues, err := c.config.Desk.Whom(ctx, t)
	if err != nil {
		return err
	}
	for _, team := range teams {
		m.Choices.Teams = append(m.Choices.Teams, protocol.TicketChoice{ID: team.Name, Name: team.Name, Detail: string(team.Level)})
	}
	for _, p := range colleagues {
		m.Choices.Colleagues = append(m.Choices.Colleagues, protocol.TicketChoice{ID: p.ID, Name: p.Name})
	}
	return nil
}

func historyEntry(e desk.Entry, matrix desk.Matrix, language string) (protocol.TicketEntry, error) {
	var a desk.Act
	if err := json.Unmarshal(e.Data, &a); err != nil {
		return protocol.TicketEntry{}, err
	}
	entry := protocol.TicketEntry{N: e.Number, At: e.At, By: e.By.Name, Kind: string(e.Kind), Text: a.Text, Assignee: a.Assignee.Name, Waiting: string(a.Waiting), Resolution: string(a.Resolution)}
	switch e.Kind {
	case desk.ActAttach, desk.ActDetach:
		entry.Text = a.File
	case desk.ActCategory:
		category, _ := matrix.Find(a.Category)
		entry.Category = category.Name(language)
	case desk.ActPriority:
		entry.Priority = int(desk.PriorityOf(a.Impact, a.Urgency))
	case desk.ActEscalate:
		if a.Team != nil {
			entry.Team = a.Team.Name
		}
	}
	return entry, nil
}

// shorten makes a ticket fit into a message: what is oldest comes later, and only then
// texts are cut.
func shorten(m *protocol.TicketShown) {
	for tooLong(m) && len(m.History) > 1 {
		n := len(m.History) - 1
		if m.History[n].N > 0 {
			m.Earlier = m.History[n].N + 1
		}
		m.History = m.History[:n]
	}
	for most := protocol.MaxTicketText / 2; tooLong(m) && most > 0; most /= 2 {
		m.Cut = true
		texts := []*string{&m.Text, &m.Solution}
		for i := range m.History {
			texts = append(texts, &m.History[i].Text)
		}
		for i := range m.Work.Steps {
			texts = append(texts, &m.Work.Steps[i])
		}
		for _, text := range append(texts, &m.Work.When) {
			if r := []rune(*text); len(r) > most {
				*text = string(r[:most]) + "…"
			}
		}
	}
	for tooLong(m) { // an office with hundreds of people in a team: the page of the ticket has them all
		m.Cut = true
		for _, list := range []*[]protocol.TicketChoice{&m.Choices.Categories, &m.Choices.Teams, &m.Choices.Colleagues} {
			*list = (*list)[:len(*list)/2]
		}
	}
}
