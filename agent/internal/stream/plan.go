package stream

import "time"

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
	heartbeat = 1500 * time.Millisecond
	// keyEvery bounds how often requests for key frames are met.
	keyEvery = 500 * time.Millisecond
	// keyDistance is after how much time of change a key frame is made unasked,
	// so that a recording can be entered there.
	keyDistance = 10 * time.Second
	// refineMax and refineSharp end the refinement: after so many frames, or as
	// soon as one was coded with a quantizer that fine.
	refineMax   = 12
	refineSharp = 8
	// spacing is the least time between two frames.
	spacing = 5 * time.Millisecond
)

// plan decides when which frame is due. It does not look at the clock itself.
//
// The frame rate is kept on average, with one frame in advance: programs often
// paint in two steps, and the second should not wait for a whole interval.
type plan struct {
	interval  time.Duration
	changed   bool // the display may have changed since the last Grab
	keyWanted bool

	refine int           // refinement frames left
	last   time.Time     // the last frame
	due    time.Time     // when the next frame keeps the average rate
	key    time.Time     // the last key frame
	active time.Duration // time of change since then
}

func newPlan(maxFPS int) *plan {
	return &plan{interval: time.Second / time.Duration(maxFPS), changed: true, keyWanted: true}
}

// next says what is due, and when.
func (p *plan) next(now time.Time) (task, time.Time) {
	if p.last.IsZero() {
		return taskChange, now
	}
	do, at := taskHeartbeat, p.last.Add(heartbeat)
	if p.refine > 0 {
		do, at = taskRefine, p.last.Add(p.interval)
	}
	if k := later(p.key.Add(keyEvery), p.last.Add(spacing)); p.keyWanted && k.Before(at) {
		do, at = taskKey, k
	}
	if c := later(p.due.Add(-p.interval), p.last.Add(spacing)); p.changed && !c.After(at) {
		do, at = taskChange, c
	}
	return do, at
}

// wantsKey says whether the frame made now has to be a key frame.
func (p *plan) wantsKey(now time.Time) bool {
	return p.active >= keyDistance || p.keyWanted && now.Sub(p.key) >= keyEvery
}

// nothing is told when the change that was due turned out to be none.
func (p *plan) nothing() { p.changed = false }

// done is told what was made at that time.
func (p *plan) done(do task, now time.Time, key bool, quantizer int) {
	switch do {
	case taskChange:
		p.changed = false
		p.active += min(now.Sub(p.last), 3*p.interval)
		p.refine = refineMax
	case taskRefine:
		p.refine--
		if quantizer <= refineSharp {
			p.refine = 0
		}
	}
	if key {
		p.key, p.keyWanted, p.active = now, false, 0
		p.refine = refineMax
	}
	p.due = later(p.due, now).Add(p.interval)
	p.last = now
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
