package desk

import (
	"cmp"
	"slices"
	"time"
)

// Impact is whom a ticket hits.
type Impact int

// The impacts.
const (
	ImpactUser     Impact = iota + 1 // one person
	ImpactBusiness                   // a part of the office
	ImpactEveryone
)

// Urgency is how soon it hurts.
type Urgency int

// The urgencies.
const (
	UrgencyLow Urgency = iota + 1
	UrgencyMedium
	UrgencyHigh
)

// Priority is the order in which tickets are worked on, 1 first.
type Priority int

// The priorities.
const (
	Critical Priority = iota + 1
	High
	Medium
	Low
)

// Priorities lists them, the most pressing first.
func Priorities() []Priority { return []Priority{Critical, High, Medium, Low} }

// PriorityOf is the priority that follows from impact and urgency, as ITIL's matrix has
// it; its last two rows are one here.
func PriorityOf(i Impact, u Urgency) Priority {
	return min(Low, max(Critical, Priority(int(Critical)+int(ImpactEveryone)+int(UrgencyHigh)-int(i)-int(u))))
}

// Target is what is promised for one priority, in time that counts.
type Target struct {
	Response, Resolution time.Duration
	Warn                 int // percent of it after which people are warned; 0: DefaultWarn
}

// DefaultTargets is what an office promises that has not decided otherwise.
func DefaultTargets() map[Priority]Target {
	return map[Priority]Target{
		Critical: {time.Hour, 24 * time.Hour, DefaultWarn}, High: {2 * time.Hour, 24 * time.Hour, DefaultWarn},
		Medium: {3 * time.Hour, 24 * time.Hour, DefaultWarn}, Low: {3 * time.Hour, 24 * time.Hour, DefaultWarn},
	}
}

// Pause is a time that does not count against a target: somebody else's turn. To is
// zero while it lasts.
type Pause struct{ From, To time.Time }

// Clock measures one ticket against one target.
type Clock struct {
	Calendar Calendar
	Target   time.Duration
	Started  time.Time
	Stopped  time.Time // zero while it runs
	Pauses   []Pause   // in any order, overlapping or not
	Warn     int       // percent of Target; 0: DefaultWarn
}

// Spent is the time that counts so far.
func (k Clock) Spent(now time.Time) (spent time.Duration) {
	for _, s := range k.counted(k.until(now)) {
		spent += k.Calendar.Elapsed(s.from, s.to)
	}
	return spent
}

// until is up to when it is measured.
func (k Clock) until(now time.Time) time.Time {
	if k.Stopped.IsZero() {
		return now
	}
	return earlier(now, k.Stopped)
}

// counted lists the stretches from the start to a moment that no pause covers.
func (k Clock) counted(until time.Time) (list []stretch) {
	pauses := slices.Clone(k.Pauses)
	slices.SortFunc(pauses, func(a, b Pause) int { return a.From.Compare(b.From) })
	from := k.Started
	for _, p := range pauses {
		if p.From.After(from) {
			list = append(list, stretch{from, earlier(p.From, until)})
		}
		if p.To.IsZero() {
			return list
		}
		from = later(from, p.To)
	}
	if from.Before(until) {
		list = append(list, stretch{from, until})
	}
	return list
}

// Due is when the target is spent if nothing more is paused; of a clock that is paused
// now, if it went on at once.
func (k Clock) Due(now time.Time) (time.Time, error) { return k.at(k.Target, now) }

// at is when a share of the target is, or was, spent.
func (k Clock) at(share time.Duration, now time.Time) (time.Time, error) {
	for _, s := range k.counted(now) {
		open := k.Calendar.Elapsed(s.from, s.to)
		if share <= open {
			return k.Calendar.Add(s.from, share)
		}
		share -= open
	}
	return k.Calendar.Add(later(now, k.Started), share)
}

// Standing says how a clock stands against its target.
type Standing string

// The standings: of a clock that runs, and of one that has stopped.
const (
	OnTime   Standing = "on_time"
	Warned   Standing = "warned"   // most of the target is spent
	Breached Standing = "breached" // more than the target is spent
	Kept     Standing = "kept"     // it stopped in time
	Missed   Standing = "missed"   // it stopped too late
)

// DefaultWarn is the share of a target after which people are warned, in percent, where
// the office has not decided otherwise.
const DefaultWarn = 75

// Standing is how the clock stands at a moment. A target is kept to its last instant.
func (k Clock) Standing(now time.Time) Standing {
	spent, stopped := k.Spent(now), !k.Stopped.IsZero() && !k.Stopped.After(now)
	switch {
	case stopped && spent > k.Target:
		return Missed
	case stopped:
		return Kept
	case spent > k.Target:
		return Breached
	case spent >= k.warn():
		return Warned
	}
	return OnTime
}

func (k Clock) warn() time.Duration {
	share := k.Warn
	if share == 0 {
		share = DefaultWarn
	}
	return k.Target / 100 * time.Duration(share)
}

// WarnAt is when the warning is due, likewise.
func (k Clock) WarnAt(now time.Time) (time.Time, error) { return k.at(k.warn(), now) }

// Summary is how a number of clocks that have stopped did. Whether targets were kept and
// how long it took on average are two things.
type Summary struct {
	Count, Kept  int
	Mean, Median time.Duration
}

// Summarise puts clocks together; those that run are left out.
func Summarise(clocks []Clock, now time.Time) (s Summary) {
	var spent []time.Duration
	var sum time.Duration
	for _, k := range clocks {
		switch k.Standing(now) {
		case Kept:
			s.Kept++
		case Missed:
		default:
			continue
		}
		spent = append(spent, k.Spent(now))
		sum += spent[len(spent)-1]
	}
	if s.Count = len(spent); s.Count == 0 {
		return s
	}
	slices.SortFunc(spent, cmp.Compare)
	s.Mean = sum / time.Duration(s.Count)
	s.Median = (spent[(s.Count-1)/2] + spent[s.Count/2]) / 2
	return s
}
