package translog

import (
	"fmt"
	"time"
)

// liveFor is how long after its last sign of life a segment may still go on:
// heartbeats come every 30 s, and what follows the end of a session two minutes.
const liveFor = 5 * time.Minute

// maxListed bounds lists of segments and timestamps.
const maxListed = 10_000

// ledger follows what leaves say of each session: the rules of FORMAT.md,
// "What leaves must say".
type ledger struct {
	segments  map[Segment]*segmentState
	order     []Segment // as they were opened
	holds     map[ID]ID // hold → session, of those in force
	shares    map[ID]ID // share → session
	logs      map[ID]ID // share to the log → session
	erasures  map[ID]*erasure
	policy    Policy
	stamps    []Stamped
	backwards uint64 // times that the clock went back
	bodies    uint64 // sealed bodies that are not there
	before    uint64 // leaves about sessions from before the log
}

type segmentState struct {
	n      uint64
	root   Hash
	alive  time.Time
	closed bool
	shred  bool
}

type erasure struct {
	sid     ID
	by      map[string]string // role → who approved
	refused bool
}

func newLedger() *ledger {
	return &ledger{segments: map[Segment]*segmentState{}, holds: map[ID]ID{}, shares: map[ID]ID{}, logs: map[ID]ID{}, erasures: map[ID]*erasure{}}
}

func (d *ledger) add(r *AuditReport, index uint64, l Leaf, at time.Time) {
	bad := func(format string, args ...any) { r.problem(int64(index), format, args...) }
	if _, first := l.(Genesis); first != (index == 0) {
		bad("leaf 0, and no other, is the genesis")
	}
	switch l := l.(type) {
	case Policy:
		if l.Number != d.policy.Number+1 || l.Prev != d.policy.Hash {
			bad("policy %d does not follow on policy %d", l.Number, d.policy.Number)
		}
		d.policy = l
	case Opened:
		d.opened(r, bad, l, at)
	case Heartbeat:
		for _, h := range l.Heads {
			d.grow(bad, h, at)
		}
	case Closed:
		d.close(bad, Head{l.SID, l.Segment, l.N, l.Root}, at)
	case Recovered:
		d.close(bad, Head{l.SID, l.Segment, l.N, l.Root}, at)
	case Hold:
		if _, double := d.holds[l.ID]; double {
			bad("hold %s begins twice", l.ID)
		}
		d.holds[l.ID] = l.SID
		d.known(l.SID)
	case Release:
		if sid, held := d.holds[l.ID]; !held || sid != l.SID {
			bad("no hold %s is in force for session %s", l.ID, l.SID)
		}
		delete(d.holds, l.ID)
	case Erase:
		d.erase(bad, l)
	case Shred:
		d.shred(bad, l)
	case Purge:
		if s := d.segments[Segment{l.SID, l.Segment}]; s != nil && !s.shred {
			bad("%s-%d was deleted before its keys were destroyed", l.SID, l.Segment)
		}
	case Timestamp:
		if len(d.stamps) < maxListed {
			d.stamps = append(d.stamps, Stamped{l, index, at})
		}
	case Share:
		d.shares[l.ID] = l.SID
		if l.To == ToLog {
			d.logs[l.ID] = l.SID
		}
		d.known(l.SID)
	case Revoke:
		if sid, shared := d.shares[l.ID]; !shared || sid != l.SID {
			bad("share %s of session %s is revoked and was never made", l.ID, l.SID)
		}
		if _, log := d.logs[l.ID]; log && d.held(l.SID) {
			bad("the keys of the log of session %s are destroyed under a legal hold", l.SID)
		}
	case Access:
		d.known(l.SID)
	case Search:
		for _, sid := range l.SIDs {
			d.known(sid)
		}
	case Rewrap:
		d.known(l.SID)
	case LogKeys:
		d.known(l.SID)
	}
}

// held: a legal hold is in force.
func (d *ledger) held(sid ID) bool {
	for _, of := range d.holds {
		if of == sid {
			return true
		}
	}
	return false
}

// known counts leaves about sessions that were recorded before there was a log.
func (d *ledger) known(sid ID) {
	if d.segments[Segment{sid, 0}] == nil {
		d.before++
	}
}

func (d *ledger) opened(r *AuditReport, bad func(string, ...any), l Opened, at time.Time) {
	s := Segment{l.SID, l.Segment}
	if d.segments[s] != nil {
		bad("%s is opened twice: it was recorded anew", s)
		return
	}
	if l.Segment == 0 {
		r.Sessions++
	} else if d.segments[Segment{l.SID, l.Segment - 1}] == nil {
		bad("%s is opened, but not the segment before it", s)
	}
	d.segments[s] = &segmentState{n: l.N, root: l.Root, alive: at}
	d.order = append(d.order, s)
}

// grow takes a head: segments only grow.
func (d *ledger) grow(bad func(string, ...any), h Head, at time.Time) {
	s := d.segments[Segment{h.SID, h.Segment}]
	switch {
	case s == nil:
		bad("%s-%d was never opened", h.SID, h.Segment)
	case s.closed && h.N > s.n:
		bad("%s-%d grows after it was closed", h.SID, h.Segment)
	case s.closed: // a heartbeat that was under way
	case h.N < s.n:
		bad("%s-%d shrinks from %d to %d records", h.SID, h.Segment, s.n, h.N)
	case h.N == s.n && h.Root != s.root:
		bad("%s-%d has two heads of %d records", h.SID, h.Segment, h.N)
	default:
		s.n, s.root, s.alive = h.N, h.Root, at
	}
}

func (d *ledger) close(bad func(string, ...any), h Head, at time.Time) {
	if s := d.segments[Segment{h.SID, h.Segment}]; s != nil && s.closed {
		bad("%s-%d is closed twice", h.SID, h.Segment)
		return
	}
	d.grow(bad, h, at)
	if s := d.segments[Segment{h.SID, h.Segment}]; s != nil {
		s.closed = true
	}
}

func (d *ledger) erase(bad func(string, ...any), l Erase) {
	e := d.erasures[l.ID]
	switch {
	case e == nil && l.Step != StepAsked:
		bad("erasure %s is decided before it is asked for", l.ID)
	case e == nil:
		d.erasures[l.ID] = &erasure{sid: l.SID, by: map[string]string{}}
	case e.sid != l.SID || l.Step == StepAsked:
		bad("erasure %s is asked for twice", l.ID)
	case l.Step == StepRefused:
		e.refused = true
	default:
		e.by[l.Role] = l.By
	}
	d.known(l.SID)
}

// shred needs two people of two roles, and no hold.
func (d *ledger) shred(bad func(string, ...any), l Shred) {
	s := Segment{l.SID, l.Segment}
	e := d.erasures[l.Erase]
	var auditor, dpo string
	if e != nil {
		auditor, dpo = e.by[RoleAuditor], e.by[RoleDPO]
	}
	switch {
	case e == nil || e.sid != l.SID:
		bad("%s is shredded without an erasure", s)
	case e.refused:
		bad("%s is shredded although the erasure was refused", s)
	case auditor == "" || dpo == "" || auditor == dpo:
		bad("%s is shredded without the approval of an auditor and of the data-protection officer", s)
	case l.By != [2]string{auditor, dpo} && l.By != [2]string{dpo, auditor}:
		bad("%s is shredded by others than those who approved", s)
	}
	for hold, sid := range d.holds {
		if sid == l.SID {
			bad("%s is shredded under legal hold %s", s, hold)
		}
	}
	if st := d.segments[s]; st != nil {
		st.shred = true
	}
	d.known(l.SID)
}

// finish sorts what was opened and not closed.
func (d *ledger) finish(r *AuditReport) {
	for _, s := range d.order {
		st := d.segments[s]
		switch {
		case st.closed || st.shred:
		case r.To.Sub(st.alive) <= liveFor:
			r.Live = append(r.Live, s)
		case len(r.Unclosed) < maxListed:
			r.Unclosed = append(r.Unclosed, s)
		}
	}
	say := func(n uint64, format string) {
		if n > 0 {
			r.Remarks = append(r.Remarks, fmt.Sprintf(format, n))
		}
	}
	say(d.backwards, "the clock was set back %d times")
	say(d.bodies, "%d sealed bodies are not in the folder")
	say(d.before, "%d leaves are about sessions that were recorded before this log")
}

// bodyOf is the sealed body that a leaf names.
func bodyOf(l Leaf) Hash {
	switch l := l.(type) {
	case Share:
		return l.Body
	case Revoke:
		return l.Body
	case Access:
		return l.Body
	case Search:
		return l.Body
	case Hold:
		return l.Body
	case Release:
		return l.Body
	case Erase:
		return l.Body
	case Timestamp:
		return l.Token
	case Admin:
		return l.Body
	}
	return Hash{}
}
