package desk

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"consento/broker/internal/ops"

	"github.com/uptrace/bun"
)

// Spread is whom an outage hits.
type Spread string

// Whom it hits.
const (
	SpreadLocal    Spread = "local" // those at Place
	SpreadEveryone Spread = "everyone"
)

// Outage is what the portal says of an incident. Without texts it says nothing (any more).
type Outage struct {
	Spread Spread            `json:"spread"`
	Place  string            `json:"place,omitempty"`
	Texts  map[string]string `json:"texts,omitempty"` // by language
	From   time.Time         `json:"from,omitzero"`   // zero: from now on
	Until  time.Time         `json:"until,omitzero"`  // zero: as long as the incident is open
}

const maxOutage = 600 // characters in one language

func (o Outage) clean() (Outage, error) {
	if o.Spread != SpreadLocal && o.Spread != SpreadEveryone {
		return o, wrong("spread", "unknown")
	}
	var err error
	if o.Spread == SpreadEveryone {
		o.Place = ""
	} else if o.Place, err = ops.CleanLine(o.Place, 100); err != nil {
		return o, wrong("place", "missing")
	}
	texts := map[string]string{}
	for tag, text := range o.Texts {
		if len(tag) == 0 || len(tag) > 35 || len(o.Texts) > 40 {
			return o, wrong("texts", "malformed")
		}
		if text, err = cleanText("texts", text); err != nil {
			return o, err
		}
		if len([]rune(text)) > maxOutage {
			return o, wrong("texts", "too_long")
		}
		if text != "" {
			texts[tag] = text
		}
	}
	o.Texts = texts
	if !o.Until.IsZero() && !o.Until.After(o.From) {
		return o, wrong("until", "before")
	}
	return o, nil
}

// Text is what it says in a language, or else in English, or else in the first there is.
func (o Outage) Text(tag string) (text, language string) {
	for _, t := range append([]string{tag, "en"}, slices.Sorted(maps.Keys(o.Texts))...) {
		if text := o.Texts[t]; text != "" {
			return text, t
		}
	}
	return "", tag
}

type outageRow struct {
	bun.BaseModel `bun:"table:desk_outages,alias:desk_outage"`

	Ticket string `bun:",pk"`
	Spread Spread
	Place  string
	Texts  string
	Since  int64
	Until  int64
}

func (r outageRow) outage() (o Outage, err error) {
	o = Outage{Spread: r.Spread, Place: r.Place, From: timeOf(r.Since), Until: timeOf(r.Until)}
	if err := json.Unmarshal([]byte(r.Texts), &o.Texts); err != nil {
		return o, fmt.Errorf("desk: outage: %w", err)
	}
	return o, nil
}

// announce stores what the portal says of a ticket.
func (d *Desk) announce(ctx context.Context, tx bun.Tx, ticket string, o Outage) error {
	if len(o.Texts) == 0 {
		_, err := tx.NewDelete().Model((*outageRow)(nil)).Where("ticket = ?", ticket).Exec(ctx)
		return err
	}
	raw, err := json.Marshal(o.Texts)
	if err != nil {
		return err
	}
	if o.From.IsZero() {
		o.From = d.now()
	}
	row := outageRow{Ticket: ticket, Spread: o.Spread, Place: o.Place, Texts: string(raw), Since: millis(o.From), Until: millis(o.Until)}
	_, err = tx.NewInsert().Model(&row).On("CONFLICT (ticket) DO UPDATE").Set("spread = EXCLUDED.spread").Set("place = EXCLUDED.place").
		Set("texts = EXCLUDED.texts").Set("since = EXCLUDED.since").Set("until = EXCLUDED.until").Exec(ctx)
	return err
}

// Outages are those that hold now, what hits everyone first.
func (d *Desk) Outages(ctx context.Context) ([]Outage, error) {
	now := millis(d.now())
	var rows []outageRow
	err := d.db.NewSelect().Model(&rows).Join("JOIN tickets AS ticket ON ticket.id = desk_outage.ticket").Where("ticket.resolved = 0").
		Where("desk_outage.since <= ?", now).Where("(desk_outage.until = 0 OR desk_outage.until > ?)", now).Order("desk_outage.spread", "desk_outage.since DESC").Limit(20).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("desk: outages: %w", err)
	}
	return outagesOf(rows)
}

// OutageOf is what was announced of a ticket, nil if nothing.
func (d *Desk) OutageOf(ctx context.Context, ticket string) (*Outage, error) {
	var rows []outageRow
	if err := d.db.NewSelect().Model(&rows).Where("ticket = ?", ticket).Scan(ctx); err != nil {
		return nil, fmt.Errorf("desk: outages: %w", err)
	}
	list, err := outagesOf(rows)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

func outagesOf(rows []outageRow) (list []Outage, err error) {
	for _, r := range rows {
		o, err := r.outage()
		if err != nil {
			return nil, err
		}
		list = append(list, o)
	}
	return list, nil
}

// maxChildren is how many tickets are told or resolved together with one.
const maxChildren = 500

// children are the open tickets that hang on one.
func children(ctx context.Context, db bun.IDB, parent string) (list []Ticket, err error) {
	var ids []string
	err = db.NewSelect().Model((*ticketRow)(nil)).Column("id").Where("parent = ?", parent).Where("resolved = 0").Order("created", "id").Limit(maxChildren).Scan(ctx, &ids)
	if err != nil {
		return nil, fmt.Errorf("desk: %w", err)
	}
	for _, id := range ids {
		t, err := read(ctx, db, id)
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, nil
}

// Children says how many open tickets hang on one.
func (d *Desk) Children(ctx context.Context, parent string) (int, error) {
	n, err := d.db.NewSelect().Model((*ticketRow)(nil)).Where("parent = ?", parent).Where("resolved = 0").Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("desk: %w", err)
	}
	return int(n), nil
}

// together does with the tickets that hang on t what was done with t. Whoever hung them
// there gave them into its hands: it does not matter which team they are with. Each gets
// the act in its own history. Those that are not resolved with it do not wait any longer.
func (d *Desk) together(ctx context.Context, tx bun.Tx, by Person, t Ticket, a Act) error {
	if a.Kind != ActResolve && !a.Children {
		return nil
	}
	list, err := children(ctx, tx, t.ID)
	if err != nil {
		return err
	}
	for _, c := range list {
		acts := []Act{{Kind: ActAnswer, Text: a.Text}}
		switch {
		case a.Kind == ActResolve && a.Children:
			acts = []Act{{Kind: ActResolve, Resolution: a.Resolution, Text: a.Text}}
			if c.Priority == 0 && t.Priority != 0 {
				acts = append([]Act{{Kind: ActPriority, Impact: t.Impact, Urgency: t.Urgency}}, acts...)
			}
			if c.Category == "" && t.Category != "" {
				acts = append([]Act{{Kind: ActCategory, Category: t.Category}}, acts...)
			}
			if c.State == Identified {
				acts = append([]Act{{Kind: ActLog}}, acts...)
			}
		case a.Kind == ActResolve:
			if c.Waiting != WaitingForParent {
				continue
			}
			acts = []Act{{Kind: ActGoOn}}
		}
		for _, act := range acts {
			who := by
			if act.Kind == ActGoOn {
				who = Person{} // nobody did anything with it
			}
			if c, err = d.change(ctx, tx, who, c, act); err != nil {
				return fmt.Errorf("%s: %w", c.Ref, err)
			}
		}
	}
	return nil
}

// isRef reports whether people mean a ticket by its number.
func isRef(s string) bool { return strings.HasPrefix(s, "T-") && len(s) == 8 }

// asRef is a number as it was typed, made what it is: spaces and case do not matter.
func asRef(s string) string {
	s = strings.ToUpper(strings.Join(strings.Fields(s), ""))
	if len(s) == 6 {
		s = "T-" + s
	}
	return s
}
