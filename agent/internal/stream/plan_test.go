package stream

import (
	"testing"
	"time"

	"consento/agent/internal/encode"
)

// coded is a frame that cost nothing.
func coded(quantizer int, key bool) encode.Frame {
	return encode.Frame{Quantizer: quantizer, Key: key}
}

// settled is a plan whose picture is sharp since t0.
func settled(t0 time.Time) *plan {
	p := newPlan(30, 0.4)
	p.done(taskChange, t0, coded(30, true))
	p.done(taskRefine, t0, coded(encode.Finest, false))
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
		"fine change":              {func(p *plan) { p.done(taskChange, ms(rest), coded(8, false)) }, taskHeartbeat, ms(rest + 2000)},
		"coarse change":            {func(p *plan) { p.done(taskChange, ms(rest), coded(9, false)) }, taskRefine, ms(rest + 33)},
		"change during refinement": {func(p *plan) { p.done(taskChange, ms(rest), coded(30, false)); p.changed = true }, taskChange, ms(rest + 5)},
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
			p.done(taskChange, at, coded(quantizer, false))
		}
		p.changed = true
	}
}

func TestRefinementEnds(t *testing.T) {
	t0 := time.Unix(1000, 0)
	p := settled(t0)
	p.done(taskChange, t0, coded(40, false))
	for range refineMax {
		if do, _ := p.next(t0); do != taskRefine {
			t.Fatalf("task %d", do)
		}
		p.done(taskRefine, t0, coded(20, false)) // never fine enough
	}
	if do, _ := p.next(t0); do != taskHeartbeat {
		t.Errorf("task %d after %d refinements", do, refineMax)
	}
}

func TestAverageRateAndKeyDistance(t *testing.T) {
	start := time.Unix(1000, 0)
	now, p, frames, keys := start, newPlan(30, 0.4), 0, 0
	for now.Sub(start) < 35*time.Second {
		p.changed = true // all the time
		do, at := p.next(now)
		if do != taskChange {
			t.Fatalf("task %d", do)
		}
		now = later(now, at)
		key := p.wantsKey(do, now)
		if key {
			keys++
		}
		p.done(do, now, coded(30, key))
		frames++
	}
	if frames < 1045 || frames > 1060 {
		t.Errorf("%d frames in 35 s", frames)
	}
	if keys != 2 { // at the beginning and after 720 frames
		t.Errorf("%d key frames in 35 s of motion", keys)
	}
}

// A key frame that a recording needs waits for a rest.
func TestKeyFrameAtRest(t *testing.T) {
	for _, c := range []struct {
		frames int
		every  time.Duration
		want   bool
	}{
		{keyDistance - 1, time.Second / 30, false}, {keyDistance, time.Second / 30, true},
		// Typing for a minute leaves few pictures to decode.
		{keyDistance - 1, time.Second / 4, false}, {keyDistance, time.Second / 4, true},
	} {
		now, p := time.Unix(1000, 0), newPlan(30, 0.4)
		p.done(taskChange, now, coded(30, true))
		for i := range c.frames {
			now = now.Add(c.every)
			if p.wantsKey(taskChange, now) {
				t.Fatalf("a key frame in the midst of motion after %d frames", i)
			}
			p.done(taskChange, now, coded(30, false))
		}
		if p.wantsKey(taskRefine, now) {
			t.Error("a key frame before the picture is sharp")
		}
		if got := p.wantsKey(taskHeartbeat, now.Add(heartbeat)); got != c.want {
			t.Errorf("key frame at the rest after %d frames of %v: %v", c.frames, c.every, got)
		}
	}
}

// While the display moves all the time, the frames cost their share of a core
// and no more, whatever one of them costs; cheap ones come at the full rate.
func TestBudget(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		frame, key time.Duration // cost
		fps        int           // at the end
	}{
		{5 * ms, 50 * ms, 30},
		{13 * ms, 110 * ms, 30},
		{20 * ms, 110 * ms, 20},
		{50 * ms, 300 * ms, 8},
	} {
		start := time.Unix(1000, 0)
		now, p := start, newPlan(30, 0.4)
		var spent, longest time.Duration
		var last []time.Time
		for now.Sub(start) < 30*time.Second {
			p.changed = true
			do, at := p.next(now)
			if do != taskChange {
				t.Fatalf("task %d", do)
			}
			if now = later(now, at); len(last) > 0 {
				longest = max(longest, now.Sub(last[len(last)-1]))
			}
			made := encode.Frame{Quantizer: 30, Key: p.wantsKey(do, now), CPU: c.frame}
			if made.Key {
				made.CPU = c.key
			}
			spent += made.CPU
			p.done(do, now, made)
			last = append(last, now)
		}
		if share := (spent - savings).Seconds() / 30; share > 0.41 {
			t.Errorf("%v a frame: %.2f of a core", c.frame, share)
		}
		n := 0
		for _, at := range last {
			if at.Sub(start) >= 28*time.Second && at.Sub(start) < 30*time.Second {
				n++
			}
		}
		if d := n - 2*c.fps; d < -2 || d > 2 {
			t.Errorf("%v a frame: %d frames in 2 s, want %d", c.frame, n, 2*c.fps)
		}
		if longest > patience {
			t.Errorf("%v a frame: a pause of %v", c.frame, longest)
		}
	}
}

// Whatever was spent, a rest pays for it: a key stroke after it does not wait,
// nor does a page with its refinement. What is asked for never waits.
func TestBudgetLeavesSmallChangesAlone(t *testing.T) {
	t0 := time.Unix(1000, 0)
	p := settled(t0)
	p.budget.spend(t0, time.Minute)
	rested := t0.Add(2 * time.Second)
	p.changed = true
	if do, at := p.next(rested); do != taskChange || at.After(rested) {
		t.Errorf("task %d in %v", do, at.Sub(rested))
	}
	now := rested
	for i := range 8 {
		do, cost := taskRefine, 20*time.Millisecond
		if i == 0 {
			do, cost = taskChange, 80*time.Millisecond
		}
		p.done(do, now, encode.Frame{Quantizer: 50 - i, CPU: cost})
		next, at := p.next(now)
		if wait := at.Sub(now); next != taskRefine || wait > p.interval {
			t.Fatalf("frame %d of a page: task %d in %v", i+1, next, wait)
		}
		now = at
	}
	p.budget.spend(now, time.Minute)
	p.keyWanted = true
	if do, at := p.next(now); do != taskKey || at.After(now.Add(spacing)) {
		t.Errorf("asked for a key frame: task %d in %v", do, at.Sub(now))
	}
}
