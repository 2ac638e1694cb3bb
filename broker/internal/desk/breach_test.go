package desk

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/access"

	"github.com/uptrace/bun"
)

var dpo = access.Account{ID: "dpo", Name: "Paola Blu", Role: access.DPO}

// TestBreach: the flag of the category counts, not its name; the officer is told once of
// each thing, around the clock; a decision ends it; who may read and do what.
func TestBreach(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	var told []string
	hear := func(_ context.Context, _ bun.IDB, b Breach, news BreachNews) error {
		told = append(told, b.Ticket.Title+" "+string(news))
		return nil
	}
	e.OnBreach(hear)
	look := func(want ...string) {
		t.Helper()
		for range 2 {
			if err := e.Look(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(told, want) {
			t.Errorf("%q, want %q", told, want)
		}
		told = nil
	}
	// Saturday: the office is closed, the law is not.
	e.now = time.Date(2026, 3, 28, 20, 0, 0, 0, time.UTC)
	other := e.do(e.anna, e.open(e.anna, "Other"), categorise)
	ticket := e.do(e.anna, e.open(e.anna, "Lost"), Act{Kind: ActCategory, Category: "breach"})
	look("Lost begun")
	ticket = e.do(e.anna, ticket, Act{Kind: ActCategory, Category: "network"}, Act{Kind: ActCategory, Category: "breach"}, Act{Kind: ActSession, Session: strings.Repeat("ab", 16)})
	look() // once, and a change of mind does not end it
	b, err := e.Breach(ctx, dpo, ticket.ID)
	if err != nil || b.By.Name != "Anna Rossi" || !b.Acknowledged.IsZero() || b.First.Sub(b.Aware) != 24*time.Hour || b.Last.Sub(b.Aware) != 72*time.Hour || len(b.Sessions) != 1 {
		t.Errorf("%+v %v", b, err)
	}
	if got, err := e.Concerned(ctx); err != nil || len(got) != 1 || got[0].Session != strings.Repeat("ab", 16) || got[0].Until.Sub(e.now) != 14*24*time.Hour {
		t.Error(got, err)
	}
	e.now = b.Aware.Add(18*time.Hour - time.Minute)
	look()
	e.pass(time.Minute)
	look("Lost first_warned")
	e.now = b.First.Add(time.Second) // the clocks change in this night: 24 hours are 24 hours
	look("Lost first_over")
	if err := e.AcknowledgeBreach(ctx, dpo, ticket.ID); err != nil {
		t.Error(err)
	}
	if err := e.AcknowledgeBreach(ctx, dpo, ticket.ID); !errors.Is(err, ErrStale) {
		t.Error("acknowledged twice:", err)
	}
	e.now = b.Last.Add(time.Second)
	look("Lost last_over")
	auditor := access.Account{ID: "a", Name: "Udo", Role: access.Auditor}
	south := auditor
	south.Territory = "Sud"
	for name, c := range map[string]struct {
		by          access.Account
		read, write error
	}{"auditor": {auditor, nil, ErrForbidden}, "of another territory": {south, ErrNoTicket, ErrNoTicket}, "technician": {e.anna, ErrNoTicket, ErrNoTicket}, "lead": {e.lead, ErrNoTicket, ErrNoTicket},
		"administrator": {e.admin, ErrNoTicket, ErrNoTicket}, "nobody": {access.Account{}, ErrNoTicket, ErrNoTicket}} {
		if _, err := e.Breach(ctx, c.by, ticket.ID); !errors.Is(err, c.read) {
			t.Errorf("%s reads: %v", name, err)
		}
		if err := e.DecideBreach(ctx, c.by, ticket.ID, BreachNoRisk, time.Time{}, "why"); !errors.Is(err, c.write) {
			t.Errorf("%s decides: %v", name, err)
		}
		if list, err := e.Breaches(ctx, c.by); len(list) > 0 != (c.read == nil) {
			t.Errorf("%s lists: %v %v", name, list, err)
		}
	}
	if _, err := e.Breach(ctx, dpo, other.ID); !errors.Is(err, ErrNoTicket) {
		t.Error("a ticket that is none is read:", err)
	}
	for name, err := range map[string]error{
		"unknown":  e.DecideBreach(ctx, dpo, ticket.ID, "maybe", time.Time{}, "why"),
		"no why":   e.DecideBreach(ctx, dpo, ticket.ID, BreachNoRisk, time.Time{}, " "),
		"future":   e.DecideBreach(ctx, dpo, ticket.ID, BreachNotified, e.now.Add(time.Hour), "why"),
		"before":   e.DecideBreach(ctx, dpo, ticket.ID, BreachNotified, b.Aware.Add(-time.Hour), "why"),
		"aware":    e.SetAware(ctx, dpo, ticket.ID, e.now.Add(time.Hour), "why"),
		"no aware": e.SetAware(ctx, dpo, ticket.ID, e.now, ""),
	} {
		if !errors.Is(err, access.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := e.SetAware(ctx, dpo, ticket.ID, b.Aware.Add(time.Hour), "only then it was sure"); err != nil {
		t.Error(err)
	}
	if err := e.DecideBreach(ctx, dpo, ticket.ID, BreachNotified, e.now.Add(-time.Minute), "protocol 12345"); err != nil {
		t.Error(err)
	}
	if err := e.DecideBreach(ctx, dpo, ticket.ID, BreachNone, time.Time{}, "after all"); !errors.Is(err, ErrStale) {
		t.Error("decided twice:", err)
	}
	e.pass(1000 * time.Hour)
	look()
	if b, _ = e.Breach(ctx, dpo, ticket.ID); b.Outcome != BreachNotified || b.Notified.IsZero() || b.DecidedBy != dpo.Name || b.AcknowledgedBy != dpo.Name {
		t.Errorf("%+v", b)
	}

	// A category that is made one of these later, and an alert that cannot be sent.
	m, v, _ := e.Matrix(ctx)
	network, _ := m.Find("network")
	network.Alert = true
	if _, err := e.EditCategory(ctx, e.admin, v.Number, network); err != nil {
		t.Fatal(err)
	}
	e.OnBreach(func(context.Context, bun.IDB, Breach, BreachNews) error { return errors.New("no mail") })
	if err := e.Look(ctx); err == nil {
		t.Error("an alert is lost")
	}
	e.OnBreach(hear)
	look("Other begun")
	if err := e.DecideBreach(ctx, dpo, other.ID, BreachNone, time.Time{}, "a test"); err != nil {
		t.Error(err)
	}
	if got, _ := e.Concerned(ctx); len(got) != 1 {
		t.Error("a false alarm holds sessions:", got)
	}
}
