package figures

import (
	"fmt"
	"time"

	"consento/broker/internal/desk"
)

// Range is some days as the office counts them, First and Last included.
type Range struct{ First, Last desk.Date }

// maxDays bounds a range: three years and a bit.
const maxDays = 3 * 366

// number counts a date's days since 1970.
func number(d desk.Date) int {
	return int(time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

func dateAt(number int) desk.Date {
	year, month, day := time.Unix(int64(number)*86400, 0).UTC().Date()
	return desk.Date{Year: year, Month: month, Day: day}
}

// DateOf is the day on which a moment is in a zone.
func DateOf(t time.Time, zone *time.Location) desk.Date {
	year, month, day := t.In(zone).Date()
	return desk.Date{Year: year, Month: month, Day: day}
}

// LastDays are that many days, today the last.
func LastDays(n int, today desk.Date) Range {
	return Range{dateAt(number(today) - n + 1), today}
}

// Days is how many days it has.
func (r Range) Days() int { return number(r.Last) - number(r.First) + 1 }

// Before is as many days, directly before.
func (r Range) Before() Range {
	n, first := r.Days(), number(r.First)
	return Range{dateAt(first - n), dateAt(first - 1)}
}

// Date is the day with this number, from 0.
func (r Range) Date(n int) desk.Date { return dateAt(number(r.First) + n) }

// Check returns an error that wraps ErrRange where it is no range.
func (r Range) Check() error {
	if r.First.Year < 1970 || r.Last.Year > 9000 || r.Days() < 1 || r.Days() > maxDays {
		return fmt.Errorf("%w: %v to %v", ErrRange, r.First, r.Last)
	}
	return nil
}

// index is the number of the day of a moment, from 0: the range's own have 0 to Days-1.
func (r Range) index(t time.Time, zone *time.Location) int {
	return number(DateOf(t, zone)) - number(r.First)
}

// reach are moments before and after everything on its days, in any zone.
func (r Range) reach() (from, to int64) {
	day := int64(86400_000)
	return int64(number(r.First)-1) * day, int64(number(r.Last)+2) * day
}
