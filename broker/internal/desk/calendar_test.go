package desk

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// shipped is Monday to Friday 9-13 and 14-18.
func shipped(z *time.Location, holidays ...Holiday) Calendar {
	c := Calendar{Zone: z, Holidays: holidays}
	for day := time.Monday; day <= time.Friday; day++ {
		c.Week[day] = []Hours{{9 * 60, 13 * 60}, {14 * 60, 18 * 60}}
	}
	return c
}

// nights is every day from 1 to 4 on the clock, when clocks are changed.
func nights(z *time.Location) Calendar {
	c := Calendar{Zone: z}
	for day := range c.Week {
		c.Week[day] = []Hours{{60, 240}}
	}
	return c
}

// TestHandWorked holds calendar and clock against cases worked out on paper.
func TestHandWorked(t *testing.T) {
	rome := zone(t, "Europe/Rome")
	office := shipped(rome, Holiday{"Easter Monday", Date{2026, 4, 6}, Date{2026, 4, 6}, false}, Holiday{"Christmas", Date{2000, 12, 24}, Date{2000, 1, 6}, true})
	for _, x := range []struct {
		name     string
		calendar Calendar
		from, to string // on the clock in Rome, or with an offset
		want     time.Duration
	}{
		{"a day", office, "2026-03-02 08:00", "2026-03-02 19:00", 8 * time.Hour},
		{"over lunch", office, "2026-03-02 12:30", "2026-03-02 14:30", time.Hour},
		{"in lunch", office, "2026-03-02 13:00", "2026-03-02 14:00", 0},
		{"over a weekend", office, "2026-03-06 17:00", "2026-03-09 10:00", 2 * time.Hour},
		{"a week, both ends closed", office, "2026-03-02 00:00", "2026-03-09 00:00", 40 * time.Hour},
		{"Easter", office, "2026-04-03 17:00", "2026-04-07 10:00", 2 * time.Hour},
		{"over the new year", office, "2026-12-23 17:00", "2027-01-07 10:00", 2 * time.Hour},
		{"in the holidays of the new year", office, "2026-12-28 09:00", "2027-01-05 18:00", 0},
		{"nothing backwards", office, "2026-03-03 10:00", "2026-03-02 10:00", 0},
		{"a week with the change of March has as many opening hours", office, "2026-03-23 00:00", "2026-03-30 00:00", 40 * time.Hour},
		{"a week with the change of October too", office, "2026-10-19 00:00", "2026-10-26 00:00", 40 * time.Hour},
		{"the night of March has no hour from 2 to 3", nights(rome), "2026-03-29 00:00", "2026-03-29 12:00", 2 * time.Hour},
		{"the night of October has it twice", nights(rome), "2026-10-25 00:00", "2026-10-25 12:00", 4 * time.Hour},
		{"from within the second of them", nights(rome), "2026-10-25T02:30:00+01:00", "2026-10-25 12:00", 90 * time.Minute},
		{"from within the first", nights(rome), "2026-10-25T02:30:00+02:00", "2026-10-25 12:00", 150 * time.Minute},
		{"around the clock, March", Calendar{Always: true, Zone: rome}, "2026-03-29 00:00", "2026-03-30 00:00", 23 * time.Hour},
		{"around the clock, October", Calendar{Always: true, Zone: rome}, "2026-10-25 00:00", "2026-10-26 00:00", 25 * time.Hour},
	} {
		from, to := moment(t, rome, x.from), moment(t, rome, x.to)
		if got := x.calendar.Elapsed(from, to); got != x.want {
			t.Errorf("%s: %v, want %v", x.name, got, x.want)
		}
	}
	for _, x := range []struct {
		name string
		from string
		add  time.Duration
		want string
	}{
		{"within the morning", "2026-03-02 09:00", 3 * time.Hour, "2026-03-02 12:00"},
		{"to the end of the morning", "2026-03-02 09:00", 4 * time.Hour, "2026-03-02 13:00"},
		{"into the afternoon", "2026-03-02 09:00", 4*time.Hour + 1, "2026-03-02 14:00:00.000000001"},
		{"24 hours are three days", "2026-03-02 09:00", 24 * time.Hour, "2026-03-04 18:00"},
		{"asked on Friday evening, answered on Monday", "2026-03-06 17:30", time.Hour, "2026-03-09 09:30"},
		{"asked at night", "2026-03-03 03:00", time.Hour, "2026-03-03 10:00"},
		{"asked at night, at once", "2026-03-03 03:00", 0, "2026-03-03 09:00"},
		{"over the change of March", "2026-03-27 17:00", 2 * time.Hour, "2026-03-30 10:00"},
		{"over Christmas", "2026-12-23 17:00", 2 * time.Hour, "2027-01-07 10:00"},
	} {
		got, err := office.Add(moment(t, rome, x.from), x.add)
		if want := moment(t, rome, x.want); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v %v, want %v", x.name, got, err, want)
		}
	}
}

func moment(t *testing.T, z *time.Location, s string) time.Time {
	t.Helper()
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02 15:04:05.999999999", time.RFC3339} {
		if at, err := time.ParseInLocation(layout, s, z); err == nil {
			return at
		}
	}
	t.Fatal(s)
	return time.Time{}
}

// zones have their changes at 2, at midnight, of half an hour, of a whole day (Samoa
// left one out), and none.
var zones = []string{"Europe/Rome", "America/Sao_Paulo", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kolkata", "America/New_York", "UTC"}

func randomCalendar(t testing.TB, r *rand.Rand) Calendar {
	c := Calendar{Zone: zone(t, zones[r.IntN(len(zones))])}
	for day := range c.Week {
		for at := r.IntN(400); at < dayMinutes && len(c.Week[day]) < 4; {
			to := min(dayMinutes, at+1+r.IntN(500))
			c.Week[day] = append(c.Week[day], Hours{at, to})
			at = to + r.IntN(400)
		}
	}
	for range r.IntN(4) {
		d := Date{2005 + r.IntN(20), time.Month(1 + r.IntN(12)), 1 + r.IntN(28)}
		c.Holidays = append(c.Holidays, Holiday{"h", d, Date{d.Year, d.Month, min(28, d.Day+r.IntN(9))}, r.IntN(2) == 0})
	}
	return c
}

// TestProperties: times add up; what Add finds is what Elapsed measures, and nothing
// earlier is; and each minute counts as the clock on the wall says.
func TestProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for n := range 400 {
		c := randomCalendar(t, r)
		from := time.Date(2006+r.IntN(18), time.Month(1+r.IntN(12)), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1e9), time.UTC)
		if n%2 == 0 { // around a change of the clock
			if _, change := from.In(c.Zone).ZoneBounds(); !change.IsZero() {
				from = change.Add(-time.Duration(r.Int64N(int64(48 * time.Hour))))
			}
		}
		span := func() time.Duration { return time.Duration(r.Int64N(int64(5 * 24 * time.Hour))) }
		mid := from.Add(span())
		to := mid.Add(span())
		whole := c.Elapsed(from, to)
		if sum := c.Elapsed(from, mid) + c.Elapsed(mid, to); sum != whole || whole < 0 || whole > to.Sub(from) {
			t.Fatalf("%+v from %v over %v to %v: %v and %v", c, from, mid, to, sum, whole)
		}
		if got := byTheMinute(c, from.Truncate(time.Minute), to.Truncate(time.Minute)); got != c.Elapsed(from.Truncate(time.Minute), to.Truncate(time.Minute)) {
			t.Fatalf("%+v from %v to %v: %v by the minute, %v", c, from, to, got, c.Elapsed(from.Truncate(time.Minute), to.Truncate(time.Minute)))
		}
		table := c.Measured(from.Add(-span()), to.Add(span()))
		if got := table.Elapsed(from, mid); got != c.Elapsed(from, mid) || table.Elapsed(mid, to) != c.Elapsed(mid, to) || table.Elapsed(to, from) != 0 {
			t.Fatalf("%+v from %v to %v: %v by the table, %v", c, from, mid, got, c.Elapsed(from, mid))
		}
		if c.Check() != nil {
			continue // never open
		}
		d := span()
		due, err := c.Add(from, d)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Elapsed(from, due); got != d {
			t.Fatalf("%+v: %v after %v is %v, of which %v counts", c, d, from, due, got)
		}
		if d > 0 && c.Elapsed(from, due.Add(-1)) >= d {
			t.Fatalf("%+v: %v after %v is earlier than %v", c, d, from, due)
		}
		if begin, err := c.Add(from, 0); err != nil || !c.Open(begin) || c.Elapsed(from, begin) != 0 {
			t.Fatalf("%+v: opens after %v at %v, %v", c, from, begin, err)
		}
	}
}

// byTheMinute measures without arithmetic: it looks at the clock on the wall each minute.
func byTheMinute(c Calendar, from, to time.Time) (open time.Duration) {
	for ; from.Before(to); from = from.Add(time.Minute) {
		local := from.In(c.Zone)
		minute := local.Hour()*60 + local.Minute()
		is := false
		for _, h := range c.Week[local.Weekday()] {
			is = is || h.From <= minute && minute < h.To
		}
		for _, h := range c.Holidays {
			is = is && !h.holds(dateOf(local))
		}
		if is {
			open += time.Minute
		}
	}
	return open
}

func TestCheck(t *testing.T) {
	good := shipped(time.UTC)
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	if err := (Calendar{Always: true}).Check(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Calendar){
		"overlapping":       func(c *Calendar) { c.Week[1] = []Hours{{60, 120}, {119, 180}} },
		"backwards":         func(c *Calendar) { c.Week[1] = []Hours{{120, 60}} },
		"empty":             func(c *Calendar) { c.Week[1] = []Hours{{60, 60}} },
		"before midnight":   func(c *Calendar) { c.Week[1] = []Hours{{-1, 60}} },
		"after midnight":    func(c *Calendar) { c.Week[1] = []Hours{{60, 1441}} },
		"no such day":       func(c *Calendar) { c.Holidays = []Holiday{{"x", Date{2026, 2, 29}, Date{2026, 3, 1}, false}} },
		"ends before":       func(c *Calendar) { c.Holidays = []Holiday{{"x", Date{2026, 3, 2}, Date{2026, 3, 1}, false}} },
		"too many holidays": func(c *Calendar) { c.Holidays = make([]Holiday, maxHolidays+1) },
	} {
		c := shipped(time.UTC)
		if change(&c); !errors.Is(c.Check(), ErrCalendar) {
			t.Errorf("%s: %v", name, c.Check())
		}
	}
	for name, c := range map[string]Calendar{
		"no hours":          {},
		"holiday all years": shipped(time.UTC, Holiday{"x", Date{2000, 1, 1}, Date{2000, 12, 31}, true}),
	} {
		if err := c.Check(); !errors.Is(err, ErrNeverOpen) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := good.Add(time.Now(), -1); err == nil {
		t.Error("time goes backwards")
	}
	leap := Holiday{"leap day", Date{2024, 2, 29}, Date{2024, 2, 29}, true}
	if leap.holds(Date{2026, 2, 28}) || leap.holds(Date{2026, 3, 1}) || !leap.holds(Date{2028, 2, 29}) {
		t.Error("a leap day is a holiday in leap years only")
	}
}
