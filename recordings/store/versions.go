package store

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Listing is all that a store with versions and locks says of its objects. Times in
// it are the store's.
type Listing struct {
	Of         string    `json:"of"` // which store, for people
	At         time.Time `json:"at"` // when it was taken
	Recordings []Object  `json:"recordings"`
	// Parts are what recordings consist of that are not closed yet.
	Parts []Object `json:"parts"`
	Bags  []Object `json:"bags"`
}

// Object is one key with all its versions.
type Object struct {
	Key      string    `json:"key"`            // in the store
	Name     string    `json:"name"`           // of the recording or bag
	Part     string    `json:"part,omitempty"` // of the recording: where it begins
	Versions []Version `json:"versions"`       // the newest first
}

// Version is one version of an object, or a marker that hides those before it.
type Version struct {
	ID     string    `json:"id"`
	At     time.Time `json:"at"`
	Newest bool      `json:"newest,omitempty"` // what who names no version gets
	Marker bool      `json:"marker,omitempty"`
	Size   int64     `json:"size,omitempty"`
	Mode   string    `json:"mode,omitempty"`   // of its lock: COMPLIANCE or GOVERNANCE
	Until  time.Time `json:"until,omitzero"`   // end of its lock
	Asked  time.Time `json:"asked,omitzero"`   // end of the lock that it was written with
	Broken string    `json:"broken,omitempty"` // why nothing is known of its lock
}

// Modes of locks.
const (
	Compliance = "COMPLIANCE" // nobody can shorten or remove it
	Governance = "GOVERNANCE" // who has the right for it can
)

var offset = regexp.MustCompile(`^[0-9]{1,19}$`)

// versions finds what contents do not show: hidden, overwritten, not locked.
func (c *Comparison) versions(ctx context.Context, p Place, want map[string]*expected) error {
	l, err := p.Listing(ctx)
	if err != nil || l == nil {
		return err
	}
	// The store, or whoever wrote the file, is not to be trusted with what is printed.
	named := func(objects []Object) []Object {
		return slices.DeleteFunc(objects, func(o Object) bool {
			if ValidName(o.Name) && (o.Part == "" || offset.MatchString(o.Part)) {
				return false
			}
			c.find(Unverifiable, p.Name(), fmt.Sprintf("%.120q", o.Name), "no recording is called so: it was put there")
			return true
		})
	}
	l.Recordings, l.Parts, l.Bags = named(l.Recordings), named(l.Parts), named(l.Bags)
	closed := map[string]bool{}
	for _, o := range l.Recordings {
		closed[o.Name] = true
		if w := want[o.Name]; w == nil || !w.purged {
			c.object(p, o, Compliance, l.At)
		}
	}
	for _, o := range l.Parts {
		if !closed[o.Name] { // else it lies in one piece, and they may go
			c.object(p, o, Governance, l.At)
		}
	}
	for _, o := range l.Bags {
		c.bag(p, o, want[strings.TrimSuffix(strings.TrimSuffix(o.Name, ".key"), ".before")+".rec"], l.At)
	}
	return nil
}

// object judges what must be there once, not hidden, and locked.
func (c *Comparison) object(p Place, o Object, mode string, now time.Time) {
	name := o.Name
	if o.Part != "" {
		name += " from byte " + o.Part
	}
	var written []Version
	for _, v := range o.Versions {
		if v.Marker {
			c.find(Tampered, p.Name(), name, "a delete marker of %s was put over it", stamp(v.At))
			continue
		}
		written = append(written, v)
	}
	if len(written) == 0 {
		c.find(Tampered, p.Name(), name, "no version of it is left")
		return
	}
	if len(written) > 1 {
		c.find(Tampered, p.Name(), name, "it was overwritten: %d versions, the first of %s, the last of %s", len(written), stamp(written[len(written)-1].At), stamp(written[0].At))
	}
	for _, v := range written {
		c.lock(p, name, v, mode, now)
	}
}

func (c *Comparison) lock(p Place, name string, v Version, mode string, now time.Time) {
	switch {
	case v.Broken != "":
		c.find(Unverifiable, p.Name(), name, "what locks it could not be read: %.200q", v.Broken)
	case !v.Asked.IsZero() && v.Asked.Before(now):
		// What it was locked for is over.
	case v.Mode == "" || v.Until.IsZero():
		c.find(Tampered, p.Name(), name, "nothing locks it")
	case mode == Compliance && v.Mode != Compliance:
		c.find(Tampered, p.Name(), name, "its lock is %.20q, which can be removed", v.Mode)
	case v.Until.Before(v.Asked):
		c.find(Tampered, p.Name(), name, "its lock was shortened: to %s from %s", stamp(v.Until), stamp(v.Asked))
	case v.Asked.IsZero():
		c.find(Unverifiable, p.Name(), name, "it was not written by a witness: it does not say how long it was to be locked")
	}
}

// bag judges what locks and hides a key bag; [CompareBags] knows which of them have to
// be there. An older version is what a re-wrap replaced, a marker is on what was
// destroyed by a decision.
func (c *Comparison) bag(p Place, o Object, w *expected, now time.Time) {
	if w == nil || len(o.Versions) == 0 {
		return // of a session that never began
	}
	newest := o.Versions[0]
	switch {
	case newest.Marker && w.shred.IsZero():
		c.find(Tampered, p.Name(), o.Name, "a delete marker of %s was put over it, and the log knows of no decision to destroy it", stamp(newest.At))
	case newest.Marker:
		for _, v := range o.Versions[1:] {
			if !v.Marker && v.Until.Add(week).Before(now) && now.Sub(w.shred) > week {
				c.find(Incomplete, p.Name(), o.Name, "it was to be destroyed by a decision of %s, and its version of %s is still there, unlocked", stamp(w.shred), stamp(v.At))
			}
		}
	case !w.shred.IsZero():
		// That it is still there is said of it already.
	case newest.Broken != "":
		c.find(Unverifiable, p.Name(), o.Name, "what locks it could not be read: %.200q", newest.Broken)
	case newest.Mode == "" || newest.Until.Before(now):
		// Its lock is renewed, so what it was written with is no measure.
		c.find(Incomplete, p.Name(), o.Name, "nothing locks it: no witness renewed its lock")
	}
}

const week = 7 * 24 * time.Hour

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
