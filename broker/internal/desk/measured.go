package desk

import (
	"slices"
	"time"
)

// measured are the opening hours between two moments, added up once.
type measured struct {
	from, to time.Time
	open     []stretch
	before   []time.Duration // open before each of them
}

// Measured is the same calendar, which answers Elapsed between two moments from a table:
// for whoever measures many clocks over the same year.
func (c Calendar) Measured(from, to time.Time) Calendar {
	if c.Always || !from.Before(to) {
		return c
	}
	c.measured = nil
	m := &measured{from: from.Round(0), to: to.Round(0)}
	var sum time.Duration
	for at := m.from; at.Before(m.to); {
		p := c.piece(at)
		for _, s := range p.open {
			begin, end := later(s.from, at), earlier(earlier(s.to, p.end), m.to)
			if begin.Before(end) {
				m.open, m.before = append(m.open, stretch{begin, end}), append(m.before, sum)
				sum += end.Sub(begin)
			}
		}
		at = p.end
	}
	c.measured = m
	return c
}

// covers reports whether the table knows all between two moments.
func (m *measured) covers(from, to time.Time) bool {
	return m != nil && !from.Before(m.from) && !to.After(m.to)
}

// until is how long the desk was open from the table's beginning to a moment.
func (m *measured) until(t time.Time) time.Duration {
	n, _ := slices.BinarySearchFunc(m.open, t, func(s stretch, t time.Time) int { return s.from.Compare(t) })
	if n == 0 {
		return 0
	}
	last := m.open[n-1]
	return m.before[n-1] + earlier(t, last.to).Sub(last.from)
}

// DueAt is when a ticket is due by its place in the queue; zero if no clock of it runs.
func DueAt(turn int64) time.Time { return dueOf(turn) }
