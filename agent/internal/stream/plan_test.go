package stream

import (
	"testing"
	"time"

	"consento/agent/internal/encode"
)

// settled is a plan whose picture is sharp since t0.
func settled(t0 time.Time) *plan {
	p := newPlan(30)
	p.done(taskChange, t0, true, 30)
	p.done(taskRefine, t0, false, encode.Finest)
	p.due = t0
	return p
}

func TestPlan(t *testing.T) {
	t0 := time.Unix(1000, 0)
	ms := func(n int) time.Time { return t0.Add(time.Duration(n) * time.Millisecond) }
	const rest = 1000 // the plans below rest for a second
	for name, c := range map[string]struct {
		happens func(p *plan)
		task    task
		at      time.Time
	}{
		"nothing":                  {func(*plan) {}, taskHeartbeat, ms(2000)},
		"change after rest":        {func(p *plan) { p.changed = true }, taskChange, ms(5)},
		"key wanted after rest":    {func(p *plan) { p.keyWanted = true }, taskKey, ms(500)},
		"change turns out empty":   {func(p *plan) { p.changed = true; p.nothing() }, taskHeartbeat, ms(2000)},
		"second change":            {change(ms(rest), 8, 1), taskChange, ms(rest + 5)},
		"third change waits":       {change(ms(rest), 8, 2), taskChange, ms(rest + 33)},
		"fine change":              {func(p *plan) { p.done(taskChange, ms(rest), false, 8) }, taskHeartbeat, ms(rest + 2000)},
		"coarse change":            {func(p *plan) { p.done(taskChange, ms(rest), false, 9) }, taskRefine, ms(rest + 33)},
		"change during refinement": {func(p *plan) { p.done(taskChange, ms(rest), false, 30); p.changed = true }, taskChange, ms(rest + 5)},
	} {
		p := settled(t0)
		c.happens(p)
		do, at := p.next(ms(rest))
		if do != c.task || at.Sub(c.at).Abs() > time.Millisecond {
			t.Errorf("%s: task %d at %v, want %d at %v", name, do, at.Sub(t0), c.task, c.at.Sub(t0))
		}
	}
}

// change makes n frames at one moment, and then there is another change.
func change(at time.Time, quantizer, n int) func(*plan) {
	return func(p *plan) {
		for range n {
			p.done(taskChange, at, false, quantizer)
		}
		p.changed = true
	}
}

func TestRefinementEnds(t *testing.T) {
	t0 := time.Unix(1000, 0)
	p := settled(t0)
	p.done(taskChange, t0, false, 40)
	for range refineMax {
		if do, _ := p.next(t0); do != taskRefine {
			t.Fatalf("task %d", do)
		}
		p.done(taskRefine, t0, false, 20) // never fine enough
	}
	if do, _ := p.next(t0); do != taskHeartbeat {
		t.Errorf("task %d after %d refinements", do, refineMax)
	}
}

func TestAverageRateAndKeyDistance(t *testing.T) {
	start := time.Unix(1000, 0)
	now, p, frames, keys := start, newPlan(30), 0, 0
	for now.Sub(start) < 35*time.Second {
		p.changed = true // all the time
		do, at := p.next(now)
		if do != taskChange {
			t.Fatalf("task %d", do)
		}
		now = later(now, at)
		key := p.wantsKey(now)
		if key {
			keys++
		}
		p.done(do, now, key, 30)
		frames++
	}
	if frames < 1045 || frames > 1060 {
		t.Errorf("%d frames in 35 s", frames)
	}
	if keys != 4 { // at 0, 10, 20 and 30 s
		t.Errorf("%d key frames in 35 s", keys)
	}
}
