package desk

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Calendar says when the service desk is open. The zero Calendar is never open.
//
// A moment is open if the clock on the wall of the office, at that moment, stands within
// the opening hours of that day and the day is no holiday. So the hour that a clock set
// back shows twice is open twice, and the one that a clock set forward leaves out is not
// open at all.
type Calendar struct {
	Zone     *time.Location // nil: UTC
	Always   bool           // around the clock: nothing else counts
	Week     [7][]Hours     // by time.Weekday; of a day sorted and apart from each other
	Holidays []Holiday

	measured *measured // nil: see Measured
}

// Hours are opening hours within one day, in minutes since its midnight on the clock on
// the wall: From is open, To is not. To is at most 1440, which is midnight.
type Hours struct{ From, To int }

const dayMinutes = 24 * 60

// Holiday is a time in which the office is closed: from the day First to the day Last,
// both included.
type Holiday struct {
	Name        string
	First, Last Date
	Yearly      bool // the same days of each year: the years of First and Last do not count; Last before First goes over the new year
}

// Date is a day of the Gregorian calendar, as the office counts it.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day) }

// ParseDate reads a date of the form 2006-01-02.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, fmt.Errorf("desk: date %q", s)
	}
	return dateOf(t), nil
}

// dateOf is the day of t in t's zone.
func dateOf(t time.Time) Date {
	year, month, day := t.Date()
	return Date{year, month, day}
}

// exists reports whether there is such a day.
func (d Date) exists() bool {
	return d.Year >= 1 && d.Year <= 9999 && dateOf(time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC)) == d
}

// compare orders dates.
func (d Date) compare(e Date) int {
	return (d.Year-e.Year)*10000 + (int(d.Month)-int(e.Month))*100 + d.Day - e.Day
}

// inYear compares dates within a year.
func (d Date) inYear() int { return int(d.Month)*100 + d.Day }

func (h Holiday) holds(d Date) bool {
	if !h.Yearly {
		return h.First.compare(d) <= 0 && d.compare(h.Last) <= 0
	}
	first, last, day := h.First.inYear(), h.Last.inYear(), d.inYear()
	if first <= last {
		return first <= day && day <= last
	}
	return day >= first || day <= last
}

// maxHolidays bounds the holidays of one calendar: many years of them.
const maxHolidays = 1000

var (
	// ErrCalendar is wrapped by what is wrong with a calendar.
	ErrCalendar = errors.New("desk: not a calendar")
	// ErrNeverOpen says that a calendar has no opening hours for years.
	ErrNeverOpen = errors.New("desk: the calendar has no opening hours")
)

// Check reports what is wrong with the calendar. One that is never open is wrong: time
// would stand still, and no service level be kept or missed.
func (c Calendar) Check() error {
	if len(c.Holidays) > maxHolidays {
		return fmt.Errorf("%w: %d holidays, at most %d", ErrCalendar, len(c.Holidays), maxHolidays)
	}
	for _, h := range c.Holidays {
		switch {
		case !h.First.exists() || !h.Last.exists():
			return fmt.Errorf("%w: holiday %q from %v to %v: there is no such day", ErrCalendar, h.Name, h.First, h.Last)
		case !h.Yearly && h.Last.compare(h.First) < 0:
			return fmt.Errorf("%w: holiday %q ends on %v, before it begins on %v", ErrCalendar, h.Name, h.Last, h.First)
		}
	}
	for day, list := range c.Week {
		end := 0
		for _, h := range list {
			if h.From < end || h.To <= h.From || h.To > dayMinutes {
				return fmt.Errorf("%w: hours of %v from minute %d to %d", ErrCalendar, time.Weekday(day), h.From, h.To)
			}
			end = h.To
		}
	}
	if c.Always {
		return nil
	}
	// Any time will do to ask from: what is not open within reach of one is not within that of another.
	_, err := c.Add(time.Date(2024, time.January, 1, 0, 0, 0, 0, time.UTC), 0)
	return err
}

// Open reports whether the desk is open at t.
func (c Calendar) Open(t time.Time) bool {
	return c.Always || c.Elapsed(t, t.Add(1)) > 0
}

// Elapsed is how long the desk was open from a moment to a later one, 0 if it is not
// later.
func (c Calendar) Elapsed(from, to time.Time) (open time.Duration) {
	from, to = from.Round(0), to.Round(0) // the clock on the wall, whatever the machine slept
	if c.Always {
		return max(0, to.Sub(from))
	}
	if from.Before(to) && c.measured.covers(from, to) {
		return c.measured.until(to) - c.measured.until(from)
	}
	for from.Before(to) {
		p := c.piece(from)
		p.end = earlier(p.end, to)
		for _, s := range p.open {
			begin, end := later(s.from, from), earlier(s.to, p.end)
			open += max(0, end.Sub(begin))
		}
		from = p.end
	}
	return open
}

// reach is how far ahead is looked for opening hours.
const reach = 10 * 366 * 24 * time.Hour

// Add is the first moment at which the desk has been open for d since from; for a d of
// 0 the first open one. It returns ErrNeverOpen where that is more than ten years off.
func (c Calendar) Add(from time.Time, d time.Duration) (time.Time, error) {
	if d < 0 {
		return time.Time{}, fmt.Errorf("desk: %v is no time to wait", d)
	}
	if c.Always {
		return from.Add(d), nil
	}
	for limit := from.Add(reach); from.Before(limit); {
		p := c.piece(from)
		for _, s := range p.open {
			begin, end := later(s.from, from), earlier(s.to, p.end)
			open := end.Sub(begin)
			if open <= 0 {
				continue
			}
			if d <= open {
				return begin.Add(d), nil
			}
			d -= open
		}
		from = p.end
	}
	return time.Time{}, ErrNeverOpen
}

// piece is a time in which the office's clock runs on evenly, within one of its days.
type piece struct {
	end  time.Time // the next midnight, or change of the clock
	open []stretch
}

type stretch struct{ from, to time.Time }

// piece is that around t: it begins at t or before, and ends after it.
func (c Calendar) piece(t time.Time) piece {
	zone := c.Zone
	if zone == nil {
		zone = time.UTC
	}
	local := t.In(zone)
	hour, minute, second := local.Clock()
	into := time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second + time.Duration(local.Nanosecond())
	// Where midnight is, or would be, for a clock that is never changed.
	midnight := t.Add(-into)
	p := piece{end: midnight.Add(24 * time.Hour)}
	if _, change := local.ZoneBounds(); !change.IsZero() {
		p.end = earlier(p.end, change)
	}
	day := dateOf(local)
	if slices.ContainsFunc(c.Holidays, func(h Holiday) bool { return h.holds(day) }) {
		return p
	}
	for _, h := range c.Week[local.Weekday()] {
		p.open = append(p.open, stretch{midnight.Add(time.Duration(h.From) * time.Minute), midnight.Add(time.Duration(h.To) * time.Minute)})
	}
	return p
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Day is what the office's clock shows of the day of t: the opening hours, or the holiday
// that closes it.
func (c Calendar) Day(t time.Time) (open []Hours, holiday *Holiday) {
	zone := c.Zone
	if zone == nil {
		zone = time.UTC
	}
	local := t.In(zone)
	if c.Always {
		return []Hours{{0, dayMinutes}}, nil
	}
	day := dateOf(local)
	for i, h := range c.Holidays {
		if h.holds(day) {
			return nil, &c.Holidays[i]
		}
	}
	return c.Week[local.Weekday()], nil
}

// OverNewYear reports whether a holiday that comes back each year goes over the new year.
func (h Holiday) OverNewYear() bool { return h.Yearly && h.Last.inYear() < h.First.inYear() }
