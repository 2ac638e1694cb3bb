package stream

import (
	"time"

	"consento/agent/internal/encode"
)

// task is why a frame is made.
type task int

const (
	taskChange    task = iota + 1 // the display changed
	taskKey                       // the other side needs a key frame
	taskRefine                    // the display rests, but the picture is not sharp yet
	taskHeartbeat                 // nothing happens; the other side must not think we are gone
)

const (
	// heartbeat is the longest silence. A browser asks for a key frame after 3 s.
	heartbeat = 2 * time.Second
	// keyEvery bounds how often requests for key frames are met.
	keyEvery = 500 * time.Millisecond
	// keyDistance is after how many frames a key frame is made unasked, so that a
	// recording can be entered there: at the next rest, where it disturbs nobody,
	// or without one after keyLatest. A key frame in the midst of motion freezes
	// the picture for a quarter of a second. Frames count, not time: who seeks
	// waits for those to be decoded that lie between, about 1.2 ms each.
	keyDistance = 240
	keyLatest   = 720
	// refineMax and refineSharp end the refinement: after so many frames, or as
	// soon as one was coded with a quantizer that fine.
	refineMax   = 12
	refineSharp = encode.Finest
	// refineStep is by how much each of them is finer than the one before: left
	// to itself the rate control takes seconds, and so many bits are there when
	// the display rests.
	refineStep = 16
	// afterDraft is the quantizer of what follows a draft: sharp for the eye, for
	// half of the bytes that all of it takes.
	afterDraft = 20
	// spacing is the least time between two frames.
	spacing = 5 * time.Millisecond
	// calmBefore is how long the display rests before parts of a picture on a
	// small link are refined: between two frames of motion the link is needed.
	calmBefore = 120 * time.Millisecond
	// softKeyEvery is keyEvery on a small link, where all that was sharp is lost
	// with a key frame.
	softKeyEvery = time.Second
)

// parts is what is left to send of a picture that goes in parts.
type parts int

const (
	partsNone   parts = iota
	partsRefine       // all was sent, some of it coarsely
	partsStale        // some changed and was not sent
)

// plan decides when which frame is due. It does not look at the clock itself.
//
// The frame rate is kept on average, with one frame in advance: programs often
// paint in two steps, and the second should not wait for a whole interval. It is
// lower while frames cost more than the budget of CPU time has; frames that are
// asked for and heartbeats do not wait for that.
type plan struct {
	interval  time.Duration
	budget    budget
	changed   bool // the display may have changed since the last Grab
	keyWanted bool

	narrow bool
	parts  parts     // on a small link
	still  time.Time // when the display last changed
	refine int       // refinement frames left, 0 when the picture is sharp
	coded  int       // quantizer of the last frame
	last   time.Time // the last frame
	due    time.Time // when the next frame keeps the average rate
	key    time.Time // the last key frame
	since  int       // frames since then
}

// newPlan makes one for a highest frame rate and a share of one core.
func newPlan(maxFPS int, share float64) *plan {
	return &plan{interval: time.Second / time.Duration(maxFPS), budget: newBudget(share), changed: true, keyWanted: true}
}

// next says what is due, and when.
func (p *plan) next(now time.Time) (task, time.Time) {
	if p.last.IsZero() {
		return taskChange, now
	}
	do, at := taskHeartbeat, p.last.Add(heartbeat)
	switch {
	case p.parts == partsStale:
		do, at = taskRefine, p.last.Add(spacing)
	case p.parts == partsRefine:
		do, at = taskRefine, later(p.still.Add(calmBefore), p.last.Add(spacing))
	case p.refine > 0:
		do, at = taskRefine, later(p.last.Add(p.interval), p.budget.ready())
	}
	every := keyEvery
	if p.narrow {
		every = softKeyEvery
	}
	if k := later(p.key.Add(every), p.last.Add(spacing)); p.keyWanted && k.Before(at) {
		do, at = taskKey, k
	}
	if c := later(later(p.due.Add(-p.interval), p.last.Add(spacing)), p.budget.ready()); p.changed && !c.After(at) {
		do, at = taskChange, c
	}
	return do, at
}

// wantsKey says whether the frame made now has to be a key frame.
func (p *plan) wantsKey(do task, now time.Time) bool {
	return p.since >= keyLatest || do == taskHeartbeat && p.since >= keyDistance || p.keyWanted && now.Sub(p.key) >= keyEvery
}

// wantsSoftKey is wantsKey on a small link: only what is asked for.
func (p *plan) wantsSoftKey(now time.Time) bool {
	return p.keyWanted && now.Sub(p.key) >= softKeyEvery
}

// narrowed is told what a picture that goes in parts has left to do.
func (p *plan) narrowed(w *narrow) {
	switch {
	case w.left():
		p.parts = partsStale
	case !w.sharp():
		p.parts = partsRefine
	default:
		p.parts = partsNone
	}
	p.refine, p.narrow = 0, true
}

// rested says whether the display was still before now.
func (p *plan) rested(now time.Time) bool { return now.Sub(p.last) > 2*p.interval }

// bounds are those of the quantizer for the frame made now.
func (p *plan) bounds(do task, moving bool) (finest, coarsest int) {
	switch {
	case do == taskRefine || do == taskHeartbeat:
		if p.coded > encode.Coarsest {
			return encode.Finest, afterDraft
		}
		return encode.Finest, max(p.coded-refineStep, refineSharp)
	case moving:
		return encode.Moving, encode.Coarsest
	}
	return encode.Finest, encode.Coarsest
}

// nothing is told when the change that was due turned out to be none.
func (p *plan) nothing() { p.changed = false }

// done is told what was made of what was captured at that time.
func (p *plan) done(do task, now time.Time, made encode.Frame) {
	switch do {
	case taskChange:
		p.changed, p.still = false, now
		// What was sharp and changed only by finely coded blocks is still sharp:
		// a key stroke needs one frame, not two.
		if p.refine > 0 || made.Quantizer > refineSharp {
			p.refine = refineMax
		}
	case taskRefine:
		p.refine--
		if made.Quantizer <= refineSharp {
			p.refine = 0
		}
	}
	p.since++
	if made.Key {
		p.key, p.keyWanted, p.since = now, false, 0
		p.refine = refineMax
	}
	if !p.narrow || do == taskChange { // parts are no frames: a change does not wait for how many there were
		p.due = later(p.due, now).Add(p.interval)
	}
	p.last, p.coded = now, made.Quantizer
	p.budget.spend(now, made.CPU)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
