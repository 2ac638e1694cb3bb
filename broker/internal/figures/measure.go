package figures

import (
	"cmp"
	"slices"
	"time"
)

// Spread is how a number of times are spread. Median is the middle one, or the mean of
// the two in the middle; P90 is the smallest that nine in ten do not exceed.
type Spread struct {
	Count             int
	Median, P90, Mean time.Duration
}

// Measure is times against a target.
type Measure struct {
	Spread
	Kept, Missed int // of those that have a target

	all []time.Duration
}

func (m *Measure) add(d time.Duration) { m.all = append(m.all, d) }

func (m *Measure) judge(kept bool) {
	if kept {
		m.Kept++
	} else {
		m.Missed++
	}
}

// Share is how many of a hundred kept the target, rounded down so that a hundred means
// all; false if none had one.
func (m Measure) Share() (percent int, ok bool) {
	if m.Kept+m.Missed == 0 {
		return 0, false
	}
	return 100 * m.Kept / (m.Kept + m.Missed), true
}

func (m *Measure) spread() {
	slices.SortFunc(m.all, cmp.Compare)
	m.Spread = spreadOf(m.all)
}

// spreadOf is that of sorted times.
func spreadOf(sorted []time.Duration) (s Spread) {
	if s.Count = len(sorted); s.Count == 0 {
		return s
	}
	var sum time.Duration
	for _, d := range sorted {
		sum += d
	}
	s.Mean = sum / time.Duration(s.Count)
	s.Median = (sorted[(s.Count-1)/2] + sorted[s.Count/2]) / 2
	s.P90 = sorted[(9*s.Count+9)/10-1]
	return s
}

// Count is what is counted of one group, or of all.
type Count struct {
	Sessions  int     // that began: the customer shared something
	Unstarted int     // keys that led to none
	Length    Measure // of sessions that are over
	Begin     Measure // from the key to what is shared

	Opened, Resolved, Reopened int     // tickets that came in, were resolved; of these opened again before
	Open, Overdue              int     // now: not resolved; of these beyond the target
	Waiting                    Measure // on the clock on the wall, until somebody took it in hand: those that did not come by phone
	Response, Resolution       Measure // in time that counts

	Stars [6]int // sessions that are over, by the customer's stars; 0: not rated
}

// Rated is how many customers rated.
func (c Count) Rated() (n int) {
	for _, stars := range c.Stars[1:] {
		n += stars
	}
	return n
}

// Rating is the mean of the stars; false if nobody rated.
func (c Count) Rating() (float64, bool) {
	n, sum := c.Rated(), 0
	for stars, count := range c.Stars {
		sum += stars * count
	}
	return float64(sum) / float64(max(n, 1)), n > 0
}

// Any reports whether there is anything at all.
func (c Count) Any() bool {
	return c.Sessions+c.Unstarted+c.Opened+c.Resolved+c.Open+c.Response.Count > 0
}

func (c *Count) spread() {
	for _, m := range []*Measure{&c.Length, &c.Begin, &c.Waiting, &c.Response, &c.Resolution} {
		m.spread()
	}
}

// merge adds what was counted of another group.
func (c *Count) merge(o *Count) {
	for _, p := range []struct{ to, from *int }{
		{&c.Sessions, &o.Sessions}, {&c.Unstarted, &o.Unstarted}, {&c.Opened, &o.Opened}, {&c.Resolved, &o.Resolved}, {&c.Reopened, &o.Reopened}, {&c.Open, &o.Open}, {&c.Overdue, &o.Overdue},
	} {
		*p.to += *p.from
	}
	for n := range c.Stars {
		c.Stars[n] += o.Stars[n]
	}
	for _, p := range []struct{ to, from *Measure }{{&c.Length, &o.Length}, {&c.Begin, &o.Begin}, {&c.Waiting, &o.Waiting}, {&c.Response, &o.Response}, {&c.Resolution, &o.Resolution}} {
		p.to.Kept, p.to.Missed, p.to.all = p.to.Kept+p.from.Kept, p.to.Missed+p.from.Missed, append(p.to.all, p.from.all...)
	}
}
