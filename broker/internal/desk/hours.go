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
}

// StartingHours are those of an office that has decided nothing: Monday to Friday 9-13
// and 14-18 in the machine's zone.
func StartingHours() ServiceHours {
	c := Calendar{Zone: time.Local}
	for day := time.Monday; day <= time.Friday; day++ {
		c.Week[day] = []Hours{{9 * 60, 13 * 60}, {14 * 60, 18 * 60}}
	}
	return ServiceHours{c, DefaultTargets()}
}

// storedHours is how they stand in the database.
type storedHours struct {
	Zone     string                `json:"zone"`
	Always   bool                  `json:"always"`
	Week     [7][]Hours            `json:"week"` // from Sunday; minutes
	Holidays []Holiday             `json:"holidays"`
	Targets  map[Priority][2]int64 `json:"targets"` // minutes: response, resolution
}

func (h ServiceHours) MarshalJSON() ([]byte, error) {
	zone := time.UTC
	if h.Calendar.Zone != nil {
		zone = h.Calendar.Zone
	}
	s := storedHours{zone.String(), h.Calendar.Always, h.Calendar.Week, h.Calendar.Holidays, map[Priority][2]int64{}}
	for p, t := range h.Targets {
		s.Targets[p] = [2]int64{int64(t.Response / time.Minute), int64(t.Resolution / time.Minute)}
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
	*h = ServiceHours{Calendar{zone, s.Always, s.Week, s.Holidays}, map[Priority]Target{}}
	for p, t := range s.Targets {
		h.Targets[p] = Target{time.Duration(t[0]) * time.Minute, time.Duration(t[1]) * time.Minute}
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
	return h, nil
}

// Hours returns those in force.
func (d *Desk) Hours(ctx context.Context) (ServiceHours, Version, error) {
	var h ServiceHours
	v, err := newest(ctx, d.db, ofHours, &h)
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
		d.feed.publish([]string{""})
	}
	return v, err
}
