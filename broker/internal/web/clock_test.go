package web_test

import (
	"net/http"
	"testing"
	"time"

	"consento/broker/internal/evidence"
)

// TestVerdictTellsOfOutsideClock: what a timestamp authority shows of a session, or
// why it does not yet.
func TestVerdictTellsOfOutsideClock(t *testing.T) {
	s := newShelf(t)
	h := newHouse(t, withShelf(s))
	id := short(t, s)
	p, _ := auditing(t, h, "dino@esempio.example")
	page := "/audit/sessions/" + id
	p.get(page).hides(t, "outside clock", "daily timestamp")
	for _, c := range []struct {
		clock  evidence.ClockStatus
		before time.Time
		says   string
	}{
		{evidence.ClockStatus{}, time.Time{}, "The next daily timestamp will show when it was closed"},
		{evidence.ClockStatus{Failed: true, Late: true}, time.Time{}, "The daily timestamp by an outside clock is overdue"},
		// Rounded so that it stays true.
		{evidence.ClockStatus{}, time.Date(2026, 11, 28, 3, 4, 1, 0, time.UTC), "shows that it was closed before 2026-11-28 03:05 UTC"},
	} {
		s.mu.Lock()
		s.clock, s.before = &c.clock, c.before
		s.mu.Unlock()
		p.get(page).shows(t, c.says)
	}
	p.post(page+"/view", "how", "download", "reason", "complaint 17").shows(t, "Timestamp by an outside clock", page+"/timestamp")
	if got := p.get(page + "/timestamp"); got.StatusCode != http.StatusNotFound {
		t.Errorf("of a session that has none: %d", got.StatusCode)
	}
}
