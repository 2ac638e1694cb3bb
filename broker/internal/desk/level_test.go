package desk

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestPriorityOf(t *testing.T) {
	want := map[Impact][3]Priority{ // by urgency, low first
		ImpactUser: {Low, Low, Medium}, ImpactBusiness: {Low, Medium, High}, ImpactEveryone: {Medium, High, Critical},
	}
	for impact, row := range want {
		for n, p := range row {
			if got := PriorityOf(impact, Urgency(n+1)); got != p {
				t.Errorf("impact %d, urgency %d: %d, want %d", impact, n+1, got, p)
			}
		}
	}
}

// TestClock holds the clock of a ticket against cases worked out on paper: all on a
// Monday, with a pause before noon.
func TestClock(t *testing.T) {
	rome := zone(t, "Europe/Rome")
	at := func(s string) time.Time { return moment(t, rome, s) }
	clock := Clock{Calendar: shipped(rome), Target: 4 * time.Hour, Started: at("2026-03-02 09:00"),
		Pauses: []Pause{{at("2026-03-02 11:00"), at("2026-03-02 11:30")}, {at("2026-03-02 10:00"), at("2026-03-02 11:15")}}} // they overlap: 1 h 30
	for _, x := range []struct {
		now   string
		spent time.Duration
		is    Standing
	}{
		{"2026-03-02 08:00", 0, OnTime},
		{"2026-03-02 10:45", time.Hour, OnTime},
		{"2026-03-02 13:30", 2*time.Hour + 30*time.Minute, OnTime},
		{"2026-03-02 14:30", 3 * time.Hour, Warned},
		{"2026-03-02 15:30", 4 * time.Hour, Warned},
		{"2026-03-02 15:30:00.000000001", 4*time.Hour + 1, Breached},
		{"2026-03-03 09:00", 6*time.Hour + 30*time.Minute, Breached},
	} {
		if spent, is := clock.Spent(at(x.now)), clock.Standing(at(x.now)); spent != x.spent || is != x.is {
			t.Errorf("at %s: %v, %s, want %v, %s", x.now, spent, is, x.spent, x.is)
		}
		if due, err := clock.Due(at(x.now)); x.now > "2026-03-02 11:30" && (err != nil || !due.Equal(at("2026-03-02 15:30"))) {
			t.Errorf("at %s: due %v, %v", x.now, due, err)
		}
		if warn, err := clock.WarnAt(at(x.now)); x.now > "2026-03-02 11:30" && (err != nil || !warn.Equal(at("2026-03-02 14:30"))) {
			t.Errorf("at %s: warning %v, %v", x.now, warn, err)
		}
	}
	stopped := clock
	stopped.Stopped = at("2026-03-02 15:30")
	if is := stopped.Standing(at("2026-03-05 09:00")); is != Kept || stopped.Spent(at("2026-03-05 09:00")) != 4*time.Hour {
		t.Error(is)
	}
	stopped.Stopped = at("2026-03-02 15:31")
	if is := stopped.Standing(at("2026-03-05 09:00")); is != Missed {
		t.Error(is)
	}
	paused := clock
	paused.Pauses = append(paused.Pauses, Pause{From: at("2026-03-02 12:30")})
	if spent := paused.Spent(at("2026-03-09 09:00")); spent != 2*time.Hour {
		t.Error("a pause counts", spent)
	}
	if due, err := paused.Due(at("2026-03-03 09:00")); err != nil || !due.Equal(at("2026-03-03 11:00")) {
		t.Error("if it went on at once", due, err)
	}

	s := Summarise([]Clock{clock, paused, stopped, {Calendar: Calendar{Always: true}, Target: time.Hour, Started: at("2026-03-02 09:00"), Stopped: at("2026-03-02 09:59")}}, at("2026-03-09 09:00"))
	if want := (Summary{Count: 2, Kept: 1, Mean: 2*time.Hour + 30*time.Minute, Median: 2*time.Hour + 30*time.Minute}); s != want {
		t.Errorf("%+v", s)
	}
	if s := Summarise(nil, time.Now()); s != (Summary{}) {
		t.Errorf("%+v", s)
	}
}

// TestClockProperties: what is spent never goes back, is the target when it is due, and
// stands still in a pause.
func TestClockProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 300 {
		k := Clock{Calendar: randomCalendar(t, r), Target: time.Duration(1 + r.Int64N(int64(30*time.Hour)))}
		if k.Calendar.Check() != nil {
			continue
		}
		k.Started = time.Date(2006+r.IntN(18), time.Month(1+r.IntN(12)), 1+r.IntN(28), r.IntN(24), r.IntN(60), 0, 0, time.UTC)
		now := k.Started
		later := func() time.Time { now = now.Add(time.Duration(r.Int64N(int64(20 * time.Hour)))); return now }
		for range r.IntN(4) {
			k.Pauses = append(k.Pauses, Pause{later(), later()})
		}
		r.Shuffle(len(k.Pauses), func(i, j int) { k.Pauses[i], k.Pauses[j] = k.Pauses[j], k.Pauses[i] })
		for _, p := range k.Pauses {
			if before, after := k.Spent(p.From), k.Spent(p.To); before != after {
				t.Fatalf("%+v: %v, and %v after a pause", k, before, after)
			}
		}
		last := time.Duration(0)
		for at := k.Started; at.Before(now.Add(48 * time.Hour)); at = at.Add(73 * time.Minute) {
			if spent := k.Spent(at); spent < last || spent > at.Sub(k.Started) {
				t.Fatalf("%+v: %v after %v", k, spent, last)
			} else {
				last = spent
			}
		}
		due, err := k.Due(now)
		if err != nil {
			t.Fatal(err)
		}
		if spent := k.Spent(due); spent != k.Target {
			t.Fatalf("%+v: due %v, when %v of %v is spent", k, due, spent, k.Target)
		}
	}
}
