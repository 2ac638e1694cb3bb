package desk

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/ops"

	"github.com/uptrace/bun"
)

// Breach is a suspected breach of personal data: a ticket that got a category which alerts,
// with the clock of the law (GDPR, Art. 33). That runs around the clock.
type Breach struct {
	Ticket         Ticket
	Begun          time.Time // when the ticket got its category
	By             Person    // who gave it
	Aware          time.Time // from when the law counts
	First, Last    time.Time // when the first notification is due, and the last that is in time
	Acknowledged   time.Time // zero: nobody has seen it
	AcknowledgedBy string
	Outcome        Outcome
	Notified       time.Time // when the authority was told
	Decided        time.Time
	DecidedBy, Why string
	Sessions       []string // that belong to the ticket
}

// Outcome is what was decided about a breach.
type Outcome string

// The outcomes; "" as long as nothing is decided, and the clock runs.
const (
	BreachNotified Outcome = "notified"  // the authority was told
	BreachNoRisk   Outcome = "no_risk"   // unlikely to be a risk to anybody: documented, not notified
	BreachNone     Outcome = "no_breach" // no personal data were concerned
)

// Outcomes lists them.
func Outcomes() []Outcome { return []Outcome{BreachNotified, BreachNoRisk, BreachNone} }

// BreachNews is what the data-protection officer is told of a breach, each once.
type BreachNews string

// The news.
const (
	BreachBegun       BreachNews = "begun"
	BreachFirstWarned BreachNews = "first_warned" // a quarter of the time is left
	BreachFirstOver   BreachNews = "first_over"
	BreachLastWarned  BreachNews = "last_warned"
	BreachLastOver    BreachNews = "last_over"
)

type breachRow struct {
	bun.BaseModel `bun:"table:breaches,alias:breach"`

	Ticket         string `bun:",pk"`
	Begun          int64
	ByID           string
	By             string
	Aware          int64
	Acknowledged   int64
	AcknowledgedBy string
	Outcome        Outcome
	Notified       int64
	Decided        int64
	DecidedBy      string
	Why            string
}

// OnBreach names what is done with each piece of news, in the transaction that notes it. It
// is called before the desk is used.
func (d *Desk) OnBreach(tell func(ctx context.Context, db bun.IDB, b Breach, news BreachNews) error) {
	d.breached = tell
}

func (r breachRow) breach(t Ticket, clock BreachClock) Breach {
	aware := timeOf(r.Aware)
	return Breach{Ticket: t, Begun: timeOf(r.Begun), By: Person{r.ByID, r.By}, Aware: aware, First: aware.Add(clock.First), Last: aware.Add(clock.Last),
		Acknowledged: timeOf(r.Acknowledged), AcknowledgedBy: r.AcknowledgedBy, Outcome: r.Outcome, Notified: timeOf(r.Notified), Decided: timeOf(r.Decided), DecidedBy: r.DecidedBy, Why: r.Why}
}

// entries is what of it stands in the ticket's history: that the officer was told and has
// seen it, no more.
func (r breachRow) entries() []Entry {
	by, none := Person{ID: ops.ByBroker}, json.RawMessage("{}")
	list := []Entry{{At: timeOf(r.Begun), By: by, Kind: "breach_begun", Data: none}}
	if r.Acknowledged != 0 {
		list = append(list, Entry{At: timeOf(r.Acknowledged), By: by, Kind: "breach_acknowledged", Data: none})
	}
	return list
}

// alerts reports whether a category is one of suspected breaches, a retired one too.
func (m Matrix) alerts(category string) bool {
	c, _ := m.Find(category)
	return c.Alert
}

// breachBegins notes that a ticket has a category that alerts, once.
func (d *Desk) breachBegins(ctx context.Context, tx bun.Tx, t Ticket, by Person) error {
	now := millis(d.now())
	row := breachRow{Ticket: t.ID, Begun: now, ByID: by.ID, By: by.Name, Aware: now}
	result, err := tx.NewInsert().Model(&row).On("CONFLICT DO NOTHING").Exec(ctx)
	if err != nil {
		return fmt.Errorf("desk: breach: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return err
	}
	var hours ServiceHours
	if _, err := newest(ctx, tx, ofHours, &hours); err != nil {
		return err
	}
	actor := by.ID
	if actor == "" {
		actor = ops.ByBroker
	}
	if err := ops.NoteAct(ctx, tx, "breach.begun", actor, map[string]any{"ticket": t.Ref}); err != nil {
		return err
	}
	return d.breachNews(ctx, tx, row.breach(t, hours.Breach), BreachBegun)
}

// breachNews tells a piece of news, once.
func (d *Desk) breachNews(ctx context.Context, tx bun.Tx, b Breach, news BreachNews) error {
	result, err := tx.NewRaw("INSERT INTO breach_alerts (ticket, kind, seen) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", b.Ticket.ID, news, millis(d.now())).Exec(ctx)
	if err != nil {
		return fmt.Errorf("desk: breach: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 || d.breached == nil {
		return err
	}
	return d.breached(ctx, tx, b, news)
}

// lookAtBreaches begins what nobody has begun, and tells of clocks that run out.
func (d *Desk) lookAtBreaches(ctx context.Context) error {
	m, _, err := d.Matrix(ctx)
	if err != nil {
		return err
	}
	var categories []string
	for _, c := range m.Categories {
		if c.Alert {
			categories = append(categories, c.ID)
		}
	}
	if len(categories) > 0 { // the category was made one of these after the ticket had it
		list, err := d.ticketsWhere(ctx, "ticket.resolved = 0 AND ticket.category IN (?) AND NOT EXISTS (SELECT 1 FROM breaches AS b WHERE b.ticket = ticket.id)", bun.List(categories))
		if err != nil {
			return err
		}
		for _, t := range list {
			if err := d.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
				return d.breachBegins(ctx, tx, t, Person{ID: ops.ByBroker})
			}); err != nil {
				return err
			}
		}
	}
	list, err := d.breaches(ctx, "breach.decided = 0")
	if err != nil {
		return err
	}
	for _, b := range list {
		for _, n := range b.due(d.now()) {
			if err := d.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error { return d.breachNews(ctx, tx, b, n) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// due lists the news that a breach on which nothing is decided has at a moment: of each
// clock the worst alone.
func (b Breach) due(now time.Time) (list []BreachNews) {
	for _, c := range []struct {
		at           time.Time
		warned, over BreachNews
	}{{b.First, BreachFirstWarned, BreachFirstOver}, {b.Last, BreachLastWarned, BreachLastOver}} {
		switch {
		case now.After(c.at):
			list = append(list, c.over)
		case !now.Before(c.at.Add(-c.at.Sub(b.Aware) / 4)):
			list = append(list, c.warned)
		}
	}
	return list
}

// breaches reads some, those that wait for a decision first, the most pressing first.
func (d *Desk) breaches(ctx context.Context, where string, args ...any) ([]Breach, error) {
	var rows []breachRow
	if err := d.db.NewSelect().Model(&rows).Where(where, args...).OrderExpr("breach.decided > 0, CASE WHEN breach.decided > 0 THEN -breach.decided ELSE breach.aware END").Limit(maxListed).Scan(ctx); err != nil {
		return nil, fmt.Errorf("desk: breaches: %w", err)
	}
	hours, _, err := d.Hours(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]Breach, len(rows))
	for i, r := range rows {
		t, err := read(ctx, d.db, r.Ticket)
		if err != nil {
			return nil, err
		}
		list[i] = r.breach(t, hours.Breach)
		if err := d.db.NewSelect().Table("ticket_sessions").Column("session").Where("ticket = ?", r.Ticket).Order("session").Scan(ctx, &list[i].Sessions); err != nil {
			return nil, fmt.Errorf("desk: breaches: %w", err)
		}
	}
	return list, nil
}

// Breaches lists them for who may read them, those on which nothing is decided first.
func (d *Desk) Breaches(ctx context.Context, by access.Account) ([]Breach, error) {
	if !access.Can(by, access.ReadBreaches, access.Scope{Territory: by.Territory}) {
		return nil, ErrForbidden
	}
	list, err := d.breaches(ctx, "1 = 1")
	return slices.DeleteFunc(list, func(b Breach) bool { return !mayReadBreach(by, b) }), err
}

func mayReadBreach(by access.Account, b Breach) bool {
	return access.Can(by, access.ReadBreaches, access.Scope{Territory: b.Ticket.Territory})
}

// Breach returns one, or ErrNoTicket.
func (d *Desk) Breach(ctx context.Context, by access.Account, ticket string) (Breach, error) {
	list, err := d.breaches(ctx, "breach.ticket = ?", ticket)
	if err != nil {
		return Breach{}, err
	}
	if len(list) == 0 || !mayReadBreach(by, list[0]) {
		return Breach{}, ErrNoTicket
	}
	return list[0], nil
}

// Concerned is a session that belongs to a suspected breach.
type Concerned struct {
	Ticket, Ref, Session string
	Until                time.Time // until when it is held at first
}

// Concerned lists the sessions of breaches that were no false alarm so far.
func (d *Desk) Concerned(ctx context.Context) (list []Concerned, err error) {
	hours, _, err := d.Hours(ctx)
	if err != nil {
		return nil, err
	}
	all, err := d.breaches(ctx, "breach.outcome <> ?", BreachNone)
	for _, b := range all {
		for _, s := range b.Sessions {
			list = append(list, Concerned{b.Ticket.ID, b.Ticket.Ref, s, d.now().Add(hours.Breach.Hold)})
		}
	}
	return list, err
}

// AcknowledgeBreach says that somebody who is to handle it has seen it.
func (d *Desk) AcknowledgeBreach(ctx context.Context, by access.Account, ticket string) error {
	return d.handleBreach(ctx, by, ticket, "breach.acknowledged", func(row *breachRow) (map[string]any, error) {
		if row.Acknowledged != 0 {
			return nil, ErrStale
		}
		row.Acknowledged, row.AcknowledgedBy = millis(d.now()), by.Name
		return nil, nil
	})
}

// SetAware says from when the law counts, and why: the office may have known earlier, or
// been sure later. Errors: *access.Invalid, ErrStale once it is decided.
func (d *Desk) SetAware(ctx context.Context, by access.Account, ticket string, at time.Time, why string) error {
	why, err := cleanText("why", why)
	if err != nil {
		return err
	}
	return d.handleBreach(ctx, by, ticket, "breach.aware", func(row *breachRow) (map[string]any, error) {
		switch {
		case at.After(d.now()) || at.Before(timeOf(row.Begun).AddDate(0, -3, 0)):
			return nil, wrong("aware", "range")
		case why == "":
			return nil, wrong("why", "missing")
		}
		before := timeOf(row.Aware)
		row.Aware = millis(at)
		return map[string]any{"before": before, "after": at.UTC(), "why": why}, nil
	})
}

// DecideBreach ends the clock: with when the authority was told, or why it is not. Errors:
// *access.Invalid, ErrStale where it is decided.
func (d *Desk) DecideBreach(ctx context.Context, by access.Account, ticket string, outcome Outcome, notified time.Time, why string) error {
	why, err := cleanText("why", why)
	if err != nil {
		return err
	}
	return d.handleBreach(ctx, by, ticket, "breach.decided", func(row *breachRow) (map[string]any, error) {
		switch {
		case !slices.Contains(Outcomes(), outcome):
			return nil, wrong("outcome", "unknown")
		case outcome == BreachNotified && (notified.Before(timeOf(row.Aware)) || notified.After(d.now())):
			return nil, wrong("notified", "range")
		case why == "":
			return nil, wrong("why", "missing")
		}
		if outcome == BreachNotified {
			row.Notified = millis(notified)
		}
		if row.Acknowledged == 0 {
			row.Acknowledged, row.AcknowledgedBy = millis(d.now()), by.Name
		}
		row.Outcome, row.Decided, row.DecidedBy, row.Why = outcome, millis(d.now()), by.Name, why
		return map[string]any{"outcome": outcome, "why": why}, nil
	})
}

// handleBreach changes one that is not decided, and notes on the trail who did.
func (d *Desk) handleBreach(ctx context.Context, by access.Account, ticket, what string, change func(*breachRow) (map[string]any, error)) error {
	return d.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		var row breachRow
		err := tx.NewSelect().Model(&row).Where("ticket = ?", ticket).Scan(ctx)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNoTicket
		}
		if err != nil {
			return fmt.Errorf("desk: breach: %w", err)
		}
		t, err := read(ctx, tx, ticket)
		if err != nil {
			return err
		}
		switch {
		case !mayReadBreach(by, Breach{Ticket: t}):
			return ErrNoTicket
		case !access.Can(by, access.HandleBreaches, access.Scope{Territory: t.Territory}):
			return ErrForbidden
		case row.Decided != 0:
			return ErrStale
		}
		body, err := change(&row)
		if err != nil {
			return err
		}
		if _, err := tx.NewUpdate().Model(&row).WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("desk: breach: %w", err)
		}
		if body == nil {
			body = map[string]any{}
		}
		body["ticket"] = t.Ref
		return ops.NoteAct(ctx, tx, what, by.ID, body)
	})
}
