package desk

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"consento/broker/internal/access"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
)

// ticketRow is a ticket in its table. Times are Unix milliseconds, 0 if not yet.
type ticketRow struct {
	bun.BaseModel `bun:"table:tickets,alias:ticket"`

	ID          string `bun:",pk"`
	Ref         string
	Version     int64
	Type        Type
	State       State
	Title       string
	Text        string
	Language    string
	Requester   string
	Email       string
	Phone       string
	Reach       string
	Office      bool
	Channel     Channel
	Category    string
	Area        string
	Impact      Impact
	Urgency     Urgency
	Priority    Priority
	Team        string
	Level       access.Level
	AssigneeID  string `bun:",nullzero"`
	Parent      string `bun:",nullzero"`
	Waiting     Waiting
	Appointment int64
	Resolution  Resolution
	Solution    string
	Reopened    int
	Created     int64
	Responded   int64
	Resolved    int64
	Closed      int64
	Search      string
	Turn        int64
	Warn        int64

	Assignee  string `bun:",scanonly"`
	Territory string `bun:",scanonly"`
}

type teamRow struct {
	bun.BaseModel `bun:"table:ticket_teams,alias:ticket_team"`

	Ticket string `bun:",pk"`
	Team   string `bun:",pk"`
}

type pauseRow struct {
	bun.BaseModel `bun:"table:ticket_pauses,alias:ticket_pause"`

	Ticket string `bun:",pk"`
	Since  int64  `bun:",pk"`
	Until  int64
}

type historyRow struct {
	bun.BaseModel `bun:"table:ticket_history,alias:ticket_history"`

	Ticket string `bun:",pk"`
	Number int64  `bun:",pk"`
	At     int64
	ByID   string
	By     string
	Kind   ActKind
	Data   string
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func timeOf(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func rowOf(t Ticket) *ticketRow {
	return &ticketRow{ID: t.ID, Ref: t.Ref, Version: t.Version, Type: t.Type, State: t.State, Title: t.Title, Text: t.Text, Language: t.Language,
		Requester: t.Requester.Name, Email: t.Requester.Email, Phone: t.Requester.Phone, Reach: t.Requester.Reach, Office: t.Requester.Office, Channel: t.Channel,
		Category: t.Category, Area: t.Area, Impact: t.Impact, Urgency: t.Urgency, Priority: t.Priority, Team: t.Team, Level: t.Level,
		AssigneeID: t.Assignee.ID, Parent: t.Parent, Waiting: t.Waiting, Appointment: millis(t.Appointment), Resolution: t.Resolution, Solution: t.Solution,
		Reopened: t.Reopened, Created: millis(t.Created), Responded: millis(t.Responded), Resolved: millis(t.Resolved), Closed: millis(t.Closed),
		Turn: t.Turn, Warn: millis(t.Warn), Search: fold(strings.Join([]string{t.Ref, t.Title, t.Requester.Name, t.Requester.Email, t.Requester.Phone, t.Area, t.Text}, "\n"))}
}

// ticket is what the row says; without Teams and Pauses.
func (r *ticketRow) ticket() Ticket {
	return Ticket{ID: r.ID, Ref: r.Ref, Version: r.Version, Type: r.Type, State: r.State, Title: r.Title, Text: r.Text, Language: r.Language,
		Requester: Requester{r.Requester, r.Email, r.Phone, r.Reach, r.Office}, Channel: r.Channel, Category: r.Category, Area: r.Area,
		Impact: r.Impact, Urgency: r.Urgency, Priority: r.Priority, Team: r.Team, Territory: r.Territory, Level: r.Level,
		Assignee: Person{r.AssigneeID, r.Assignee}, Parent: r.Parent, Waiting: r.Waiting, Appointment: timeOf(r.Appointment),
		Resolution: r.Resolution, Solution: r.Solution, Reopened: r.Reopened, Created: timeOf(r.Created), Responded: timeOf(r.Responded),
		Resolved: timeOf(r.Resolved), Closed: timeOf(r.Closed),
		Turn: r.Turn, Due: dueOf(r.Turn), Warn: timeOf(r.Warn)}
}

// selected adds what stands in other tables.
func selected(q *bun.SelectQuery) *bun.SelectQuery {
	return q.ColumnExpr("ticket.*").ColumnExpr("COALESCE(account.name, '') AS assignee").ColumnExpr("team.territory AS territory").
		Join("JOIN teams AS team ON team.name = ticket.team").Join("LEFT JOIN accounts AS account ON account.id = ticket.assignee_id")
}

// read reads one ticket whole.
func read(ctx context.Context, db bun.IDB, id string) (Ticket, error) {
	var row ticketRow
	err := selected(db.NewSelect().Model(&row)).Where("ticket.id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return Ticket{}, ErrNoTicket
	}
	if err != nil {
		return Ticket{}, fmt.Errorf("desk: %w", err)
	}
	t := row.ticket()
	var teams []teamRow
	if err := db.NewSelect().Model(&teams).Where("ticket = ?", id).Order("team").Scan(ctx); err != nil {
		return Ticket{}, fmt.Errorf("desk: %w", err)
	}
	for _, r := range teams {
		t.Teams = append(t.Teams, r.Team)
	}
	var pauses []pauseRow
	if err := db.NewSelect().Model(&pauses).Where("ticket = ?", id).Order("since").Scan(ctx); err != nil {
		return Ticket{}, fmt.Errorf("desk: %w", err)
	}
	for _, p := range pauses {
		t.Pauses = append(t.Pauses, Pause{timeOf(p.Since), timeOf(p.Until)})
	}
	return t, nil
}

// open makes a ticket, in the state in which it comes.
func (d *Desk) open(ctx context.Context, by Person, n NewTicket, state State) (Ticket, error) {
	n, err := n.clean()
	if err != nil {
		return Ticket{}, err
	}
	return d.insert(ctx, by, n, state)
}

// insert makes a ticket of what is clean.
func (d *Desk) insert(ctx context.Context, by Person, n NewTicket, state State) (t Ticket, err error) {
	err = d.transact(ctx, func(ctx context.Context, tx bun.Tx) error {
		t, err = d.put(ctx, tx, by, n, state)
		return err
	})
	if err != nil {
		return Ticket{}, fmt.Errorf("desk: %w", err)
	}
	return t, nil
}

// put makes a ticket of what is clean, in a transaction.
func (d *Desk) put(ctx context.Context, tx bun.Tx, by Person, n NewTicket, state State) (Ticket, error) {
	now := d.now()
	t := Ticket{ID: uuid.NewString(), Ref: newRef(), Version: 1, Type: n.Type, State: state, Title: n.Title, Text: n.Text, Language: n.Language,
		Requester: n.Requester, Channel: n.Channel, Area: n.Area, Created: now}
	t.hand(n.Team)
	if state == Logged {
		t.Assignee, t.Responded = by, now
	}
	t, err := d.line(ctx, tx, t)
	if err != nil {
		return t, err
	}
	if _, err := tx.NewInsert().Model(rowOf(t)).Exec(ctx); err != nil {
		return t, err
	}
	if err := d.note(ctx, tx, t, by, now, "open", map[string]any{"channel": t.Channel, "type": t.Type, "title": t.Title, "from_team": t.Team}); err != nil {
		return t, err
	}
	return t, d.tell(ctx, tx, t, by, "open")
}

// note writes what belongs to a ticket's new version beside its row.
func (d *Desk) note(ctx context.Context, tx bun.Tx, t Ticket, by Person, now time.Time, kind ActKind, data any) error {
	d.touch(ctx, t.ID)
	for _, team := range t.Teams {
		if _, err := tx.NewInsert().Model(&teamRow{Ticket: t.ID, Team: team}).On("CONFLICT DO NOTHING").Exec(ctx); err != nil {
			return err
		}
	}
	for _, p := range t.Pauses {
		row := pauseRow{Ticket: t.ID, Since: millis(p.From), Until: millis(p.To)}
		if _, err := tx.NewInsert().Model(&row).On("CONFLICT (ticket, since) DO UPDATE").Set("until = EXCLUDED.until").Exec(ctx); err != nil {
			return err
		}
	}
	raw, err := json.Marshal(data)
	if err != nil {
		return err
	}
	row := historyRow{Ticket: t.ID, Number: t.Version, At: millis(now), ByID: by.ID, By: by.Name, Kind: kind, Data: string(raw)}
	_, err = tx.NewInsert().Model(&row).Exec(ctx)
	return err
}

// Ticket returns one that the account may read, or ErrNoTicket.
func (d *Desk) Ticket(ctx context.Context, by access.Account, id string) (Ticket, error) {
	t, err := read(ctx, d.db, id)
	if err == nil && !mayRead(by, t) {
		err = ErrNoTicket
	}
	if err != nil {
		return Ticket{}, err
	}
	return t, nil
}

func mayRead(by access.Account, t Ticket) bool {
	if access.Can(by, access.ReadTickets, access.Scope{Owner: t.Assignee.ID, Team: t.Team, Territory: t.Territory}) {
		return true
	}
	for _, team := range t.Teams { // it has been with them
		if access.Can(by, access.ReadTickets, access.Scope{Team: team}) {
			return true
		}
	}
	return false
}

// Do does an act with a ticket as it was at version. It returns ErrStale when somebody
// else was faster, ErrForbidden, ErrStep, a *Missing or an *access.Invalid.
func (d *Desk) Do(ctx context.Context, by access.Account, id string, version int64, a Act) (Ticket, error) {
	a, err := a.Clean()
	if err != nil {
		return Ticket{}, err
	}
	var after Ticket
	err = d.transact(ctx, func(ctx context.Context, tx bun.Tx) error {
		t, err := read(ctx, tx, id)
		if err == nil && !mayRead(by, t) {
			err = ErrNoTicket
		}
		if err != nil {
			return err
		}
		owner := access.Scope{Owner: t.Assignee.ID, Team: t.Team, Territory: t.Territory}
		if a.Kind != ActComment && !access.Can(by, access.WorkTickets, owner) {
			return ErrForbidden
		}
		if a.Kind == ActEscalate && !access.Can(by, access.Escalate, owner) {
			return ErrForbidden
		}
		if t.Version != version {
			return ErrStale
		}
		after, err = d.change(ctx, tx, personOf(by), t, a)
		return err
	})
	if err != nil {
		return Ticket{}, err
	}
	return after, nil
}

// change does a clean act, in a transaction.
func (d *Desk) change(ctx context.Context, tx bun.Tx, by Person, t Ticket, a Act) (Ticket, error) {
	now := d.now()
	a, err := d.resolved(ctx, tx, t, a)
	if err != nil {
		return t, err
	}
	if err := d.overdue(ctx, tx, t); err != nil {
		return t, err
	}
	after, err := t.apply(by, a, now)
	if err != nil {
		return t, err
	}
	after.Version++
	if after, err = d.line(ctx, tx, after); err != nil {
		return t, err
	}
	result, err := tx.NewUpdate().Model(rowOf(after)).WherePK().Where("version = ?", t.Version).Exec(ctx)
	if err != nil {
		return t, fmt.Errorf("desk: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return t, errors.Join(ErrStale, err)
	}
	if err := d.note(ctx, tx, after, by, now, a.Kind, a); err != nil {
		return t, fmt.Errorf("desk: %w", err)
	}
	if a.Kind == ActSession {
		if _, err := tx.NewInsert().Model(&sessionRow{Ticket: t.ID, Session: a.Session}).On("CONFLICT DO NOTHING").Exec(ctx); err != nil {
			return t, fmt.Errorf("desk: %w", err)
		}
	}
	if a.Kind == ActCategory {
		var m Matrix
		if _, err := newest(ctx, tx, ofMatrix, &m); err != nil {
			return t, err
		}
		if m.alerts(after.Category) {
			if err := d.breachBegins(ctx, tx, after, by); err != nil {
				return t, err
			}
		}
	}
	if a.Kind == ActOutage {
		if err := d.announce(ctx, tx, t.ID, *a.Outage); err != nil {
			return t, fmt.Errorf("desk: %w", err)
		}
	}
	if err := errors.Join(d.tell(ctx, tx, after, by, a.Kind), d.remind(ctx, tx, after, a.Kind)); err != nil {
		return t, fmt.Errorf("desk: %w", err)
	}
	return after, d.together(ctx, tx, by, after, a)
}

// maxHang is how deep tickets may hang on each other.
const maxHang = 8

// resolved checks that what an act names is there, and fills in what it is.
func (d *Desk) resolved(ctx context.Context, tx bun.Tx, t Ticket, a Act) (Act, error) {
	switch a.Kind {
	case ActCategory:
		var m Matrix
		if _, err := newest(ctx, tx, ofMatrix, &m); err != nil {
			return a, err
		}
		if c, known := m.Find(a.Category); !known || c.Retired {
			return a, wrong("category", "unknown")
		}
	case ActEscalate:
		team := Team{}
		err := tx.NewSelect().Table("teams").Column("name", "territory", "level").Where("name = ?", a.Team.Name).Scan(ctx, &team.Name, &team.Territory, &team.Level)
		if errors.Is(err, sql.ErrNoRows) || err == nil && team.Name == t.Team {
			return a, wrong("team", "unknown")
		}
		if err != nil {
			return a, fmt.Errorf("desk: %w", err)
		}
		a.Team = &team
	case ActAssign:
		if a.Assignee.ID == "" {
			return a, nil // nobody's
		}
		err := tx.NewSelect().Table("accounts").Column("name").Where("id = ?", a.Assignee.ID).Where("team = ?", t.Team).Where("disabled_at IS NULL").Scan(ctx, &a.Assignee.Name)
		if errors.Is(err, sql.ErrNoRows) {
			return a, wrong("assignee", "unknown")
		}
		if err != nil {
			return a, fmt.Errorf("desk: %w", err)
		}
	case ActAppoint:
		if !a.At.IsZero() && !a.At.After(d.now()) {
			return a, wrong("at", "past")
		}
	case ActHang:
		if a.Parent == "" {
			return a, nil
		}
		var parent ticketRow
		q := tx.NewSelect().Model(&parent).Column("id", "state", "type")
		if isRef(a.Parent) {
			q = q.Where("ref = ?", a.Parent)
		} else {
			q = q.Where("id = ?", a.Parent)
		}
		err := q.Scan(ctx)
		if errors.Is(err, sql.ErrNoRows) || err == nil && (parent.Type != Incident || !parent.State.Open()) {
			return a, wrong("parent", "unknown")
		}
		if err != nil {
			return a, fmt.Errorf("desk: %w", err)
		}
		a.Parent = parent.ID
		return a, noCircle(ctx, tx, t, a.Parent)
	}
	return a, nil
}

// noCircle checks that a ticket that hangs on another does not hang on itself.
func noCircle(ctx context.Context, tx bun.Tx, t Ticket, on string) error {
	for n := 0; on != ""; n++ {
		if on == t.ID || n == maxHang {
			return wrong("parent", "cycle")
		}
		var parent sql.NullString
		err := tx.NewSelect().Model((*ticketRow)(nil)).Column("parent").Where("id = ?", on).Scan(ctx, &parent)
		if errors.Is(err, sql.ErrNoRows) {
			return wrong("parent", "unknown")
		}
		if err != nil {
			return fmt.Errorf("desk: %w", err)
		}
		on = parent.String
	}
	return nil
}

// Whom lists to whom a ticket can be handed on, teams by name, and to whom it can be
// assigned in the team that has it.
func (d *Desk) Whom(ctx context.Context, t Ticket) (teams []Team, colleagues []Person, err error) {
	if err := d.db.NewSelect().Table("teams").Column("name", "territory", "level").Where("name <> ?", t.Team).Order("name").Scan(ctx, &teams); err != nil {
		return nil, nil, fmt.Errorf("desk: %w", err)
	}
	err = d.db.NewSelect().Table("accounts").Column("id", "name").Where("team = ?", t.Team).Where("disabled_at IS NULL").Order("name").Scan(ctx, &colleagues)
	if err != nil {
		return nil, nil, fmt.Errorf("desk: %w", err)
	}
	return teams, colleagues, nil
}
