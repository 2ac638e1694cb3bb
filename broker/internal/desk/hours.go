package desk

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/ops"

	"github.com/uptrace/bun"
)

// ServiceHours are when the desk is open and what it promises.
type ServiceHours struct {
	Calendar Calendar
	Targets  map[Priority]Target
	Average  time.Duration // of the resolution of all tickets together; the target of each is another figure
	Breach   BreachClock
	Keep     int // months for which a ticket is kept once it is closed
}

// BreachClock is what the law asks after a personal data breach. It runs around the clock,
// from when the office became aware of it.
type BreachClock struct {
	First, Last time.Duration // until the first notification, and the last one that is in time (GDPR, Art. 33(1): 72 h)
	Hold        time.Duration // how long sessions are held before auditor and data-protection officer confirm
}

// DefaultBreachClock is that of an office that has decided nothing.
func DefaultBreachClock() BreachClock {
	return BreachClock{First: 24 * time.Hour, Last: 72 * time.Hour, Hold: 14 * 24 * time.Hour}
}

// DefaultAverage is how long a resolution may take on average.
const DefaultAverage = 24 * time.Hour

// StartingHours are those of an office that has decided nothing: Monday to Friday 9-13
// and 14-18 in the machine's zone.
func StartingHours() ServiceHours {
	c := Calendar{Zone: time.Local}
	for day := time.Monday; day <= time.Friday; day++ {
		c.Week[day] = []Hours{{9 * 60, 13 * 60}, {14 * 60, 18 * 60}}
	}
	return ServiceHours{c, DefaultTargets(), DefaultAverage, DefaultBreachClock(), DefaultKeep}
}

// Warn is the share of each target after which people are warned, in percent.
func (h ServiceHours) Warn() int {
	if share := h.Targets[Medium].Warn; share != 0 {
		return share
	}
	return DefaultWarn
}

// storedHours is how they stand in the database. What is 0 is as the program has it.
type storedHours struct {
	Zone     string                `json:"zone"`
	Always   bool                  `json:"always"`
	Week     [7][]Hours            `json:"week"` // from Sunday; minutes
	Holidays []Holiday             `json:"holidays"`
	Targets  map[Priority][2]int64 `json:"targets"` // minutes: response, resolution
	Warn     int                   `json:"warn,omitempty"`
	Average  int64                 `json:"average,omitempty"` // minutes
	Breach   [3]int64              `json:"breach,omitzero"`   // minutes: first, last, hold
	Keep     int                   `json:"keep,omitempty"`    // months
}

func (h ServiceHours) MarshalJSON() ([]byte, error) {
	zone := time.UTC
	if h.Calendar.Zone != nil {
		zone = h.Calendar.Zone
	}
	minutes := func(d time.Duration) int64 { return int64(d / time.Minute) }
	s := storedHours{zone.String(), h.Calendar.Always, h.Calendar.Week, h.Calendar.Holidays, map[Priority][2]int64{}, h.Warn(), minutes(h.Average),
		[3]int64{minutes(h.Breach.First), minutes(h.Breach.Last), minutes(h.Breach.Hold)}, h.Keep}
	for p, t := range h.Targets {
		s.Targets[p] = [2]int64{minutes(t.Response), minutes(t.Resolution)}
	}
	return json.Marshal(s)
}

func (h *ServiceHours) UnmarshalJSON(raw []byte) error {
	var s storedHours
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	zone, err := time.LoadLocation(s.Zone)
	if err != nil {
		return fmt.Errorf("desk: time zone %q: %w", s.Zone, err)
	}
	if s.Warn == 0 {
		s.Warn = DefaultWarn
	}
	if s.Keep == 0 {
		s.Keep = DefaultKeep
	}
	span := func(minutes int64, otherwise time.Duration) time.Duration {
		if minutes == 0 {
			return otherwise
		}
		return time.Duration(minutes) * time.Minute
	}
	law := DefaultBreachClock()
	*h = ServiceHours{Calendar{Zone: zone, Always: s.Always, Week: s.Week, Holidays: s.Holidays}, map[Priority]Target{}, span(s.Average, DefaultAverage),
		BreachClock{span(s.Breach[0], law.First), span(s.Breach[1], law.Last), span(s.Breach[2], law.Hold)}, s.Keep}
	for p, t := range s.Targets {
		h.Targets[p] = Target{time.Duration(t[0]) * time.Minute, time.Duration(t[1]) * time.Minute, s.Warn}
	}
	return nil
}

// maxTarget is the longest time that may be promised.
const maxTarget = 366 * 24 * time.Hour

// Clean returns the hours as stored, or an error that wraps access.ErrInvalid,
// ErrCalendar or ErrNeverOpen.
func (h ServiceHours) Clean() (ServiceHours, error) {
	for i := range h.Calendar.Holidays {
		var err error
		if h.Calendar.Holidays[i].Name, err = ops.CleanLine(h.Calendar.Holidays[i].Name, 80); err != nil {
			return h, wrong("holiday", "malformed")
		}
	}
	if err := h.Calendar.Check(); err != nil {
		return h, err
	}
	for _, p := range Priorities() {
		t := h.Targets[p]
		if t.Response < time.Minute || t.Resolution < t.Response || t.Resolution > maxTarget {
			return h, wrong("target", "range")
		}
	}
	if len(h.Targets) != len(Priorities()) {
		return h, wrong("target", "unknown")
	}
	if h.Warn() < 1 || h.Warn() > 99 {
		return h, wrong("warn", "range")
	}
	if h.Average < time.Minute || h.Average > maxTarget {
		return h, wrong("average", "range")
	}
	// The law's times may be made shorter, never longer; evidence may be held longer.
	switch law := h.Breach; {
	case law.First < time.Hour || law.First > law.Last:
		return h, wrong("first", "range")
	case law.Last > 72*time.Hour:
		return h, wrong("last", "range")
	case law.Hold < 3*24*time.Hour || law.Hold > 90*24*time.Hour:
		return h, wrong("hold", "range")
	case h.Keep < minKeep || h.Keep > maxKeep:
		return h, wrong("keep", "range")
	}
	return h, nil
}

// Hours returns those in force.
func (d *Desk) Hours(ctx context.Context) (ServiceHours, Version, error) {
	var h ServiceHours
	v, err := newest(ctx, d.db, ofHours, &h)
	return h, v, err
}

// HoursAt returns a version; the zero Version if there is none of that number.
func (d *Desk) HoursAt(ctx context.Context, number int64) (ServiceHours, Version, error) {
	var h ServiceHours
	v, err := numbered(ctx, d.db, ofHours, number, &h)
	return h, v, err
}

// HoursVersions lists the newest versions, the newest first.
func (d *Desk) HoursVersions(ctx context.Context, limit int) ([]Version, error) {
	return d.versions(ctx, ofHours, limit)
}

// SaveHours makes hours the ones in force after version base, as SaveMatrix does.
func (d *Desk) SaveHours(ctx context.Context, by access.Account, base int64, h ServiceHours) (Version, error) {
	h, err := h.Clean()
	if err != nil {
		return Version{}, err
	}
	v, err := d.add(ctx, by, ofHours, base, h, func(ctx context.Context, tx bun.Tx) error { return d.lineUp(ctx, tx, h, false) })
	if err == nil {
		d.changed("")
	}
	return v, err
}
