package evidence

import (
	"errors"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/access"
)

// TestPreliminaryHold: the broker holds at once and once; it lapses unless both roles
// confirm; a hold that was confirmed stays, one that was released is not put again.
func TestPreliminaryHold(t *testing.T) {
	n := newEnv(t)
	ctx := t.Context()
	lapses, stays, released := n.session(t, "t1", "North desk", 9), n.session(t, "t1", "North desk", 9), n.session(t, "t1", "North desk", 9)
	holds := func(id string) int { return len(must(n.e.Subject(ctx, dpo, id))(t).Holds) }
	until := n.config.Now().Add(14 * 24 * time.Hour)
	for range 2 {
		for _, id := range []string{lapses, stays, released} {
			must(0, n.e.HoldAtOnce(ctx, id, until, "ticket", "suspected data breach T-ABC"))(t)
		}
	}
	if err := n.e.AskErasure(ctx, second, stays, "x", false); !errors.Is(err, ErrHeld) {
		t.Error("what is held is on its way to be erased:", err)
	}
	for _, id := range []string{"nonsense", strings.Repeat("0", 32)} {
		if err := n.e.HoldAtOnce(ctx, id, until, "ticket", "x"); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", id, err)
		}
	}
	if h := must(n.e.Subject(ctx, dpo, stays))(t).Holds; len(h) != 1 || !h[0].Broker || h[0].Until.IsZero() || h[0].Auditor+h[0].DPO != "" {
		t.Fatalf("%+v", h)
	}
	for _, by := range []access.Account{admin, {ID: "t1", Role: access.Technician, Team: "North desk", Profile: admin.Profile}} {
		if err := n.e.ConfirmHold(ctx, by, stays, "needed"); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s confirms: %v", by.Role, err)
		}
	}
	if err := n.e.ConfirmHold(ctx, dpo, stays, " "); !errors.Is(err, ErrReason) {
		t.Error(err)
	}
	must(0, n.e.ConfirmHold(ctx, dpo, stays, "notified to the authority"))(t)
	if err := n.e.ConfirmHold(ctx, dpo, stays, "once more"); !errors.Is(err, ErrDecided) {
		t.Error("one role confirms twice:", err)
	}
	must(0, n.e.ConfirmHold(ctx, dpo, lapses, "one role alone"))(t)
	must(0, n.e.ConfirmHold(ctx, auditor, stays, "needed"))(t)
	if h := must(n.e.Subject(ctx, dpo, stays))(t).Holds; len(h) != 1 || !h[0].Until.IsZero() || h[0].Auditor != auditor.Name || h[0].DPO != dpo.Name {
		t.Errorf("%+v", h)
	}
	must(0, n.e.ReleaseHolds(ctx, auditor, released, "has nothing to do with it"))(t)
	n.ahead.Add(int64(13 * 24 * time.Hour))
	must(0, n.e.LapseHolds(ctx))(t)
	if holds(lapses) != 1 || holds(stays) != 1 || holds(released) != 0 {
		t.Error(holds(lapses), holds(stays), holds(released))
	}
	n.ahead.Add(int64(2 * 24 * time.Hour))
	if err := n.e.ConfirmHold(ctx, auditor, lapses, "too late"); !errors.Is(err, ErrDecided) {
		t.Error(err)
	}
	for range 2 {
		must(0, n.e.LapseHolds(ctx))(t)
		for _, id := range []string{lapses, stays, released} {
			must(0, n.e.HoldAtOnce(ctx, id, until, "ticket", "again"))(t)
		}
	}
	if holds(lapses) != 0 || holds(stays) != 1 || holds(released) != 0 {
		t.Error(holds(lapses), holds(stays), holds(released))
	}
	n.audit(t)
}
