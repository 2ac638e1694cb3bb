package session

import (
	"context"
	"fmt"
	"time"

	"consento/protocol"
	"consento/recordings"
)

// Messages that draw which may come: at once, and for each second on average. A
// console sends one each protocol.AnnotateBeat at most.
const (
	maxDrawnBurst     = 60
	maxDrawnPerSecond = 15
)

// drawing is what is done with one consent to draw. It belongs to the session's
// goroutine.
type drawing struct {
	credit float64 // messages that may still come
	asOf   time.Time
	used   drawn
	noted  time.Time // when used was written last
	mark   uint32    // the newest: more points of it are no other line
	seen   time.Time // when the pointer was told of last
}

// drawn counts what was drawn.
type drawn struct {
	Lines  int `json:"lines"`
	Boxes  int `json:"boxes"`
	Points int `json:"points"` // how often the technician began to point
}

// begin makes ready for a consent that was given.
func (d *drawing) begin(given protocol.Consent) {
	if given.Permission == protocol.MayDraw {
		*d = drawing{credit: maxDrawnBurst, asOf: time.Now(), noted: time.Now()}
	}
}

// mayCome counts one message.
func (d *drawing) mayCome(now time.Time) bool {
	d.credit = min(maxDrawnBurst, d.credit+now.Sub(d.asOf).Seconds()*maxDrawnPerSecond)
	d.asOf = now
	d.credit--
	return d.credit >= 0
}

// add counts what a message draws.
func (d *drawing) add(m protocol.Annotate, now time.Time) {
	switch {
	case m.Kind == protocol.AnnotatePoint && len(m.Points) > 0:
		if now.Sub(d.seen) > protocol.PointerLife {
			d.used.Points++
		}
		d.seen = now
	case m.Kind == protocol.AnnotateLine && m.Mark != d.mark:
		d.used.Lines++
		d.mark = m.Mark
	case m.Kind == protocol.AnnotateBox && m.Mark != d.mark:
		d.used.Boxes++
		d.mark = m.Mark
	}
}

// Annotate has the agent draw for a technician: first the evidence, then the agent.
// What belongs to a yes that was taken back, or comes while nothing is shown, is
// dropped.
func (m *Manager) Annotate(ctx context.Context, by Technician, a protocol.Annotate) error {
	_, err := m.onTool(ctx, by, a.Session, func(s *session) error {
		d, now, at := &s.tools.drawing, s.consent(protocol.MayDraw), time.Now()
		switch {
		case !s.tools.rights.Allows(protocol.MayDraw):
			return ErrNotAllowed
		case s.row.State != protocol.StateActive || now.State != protocol.ConsentGiven || now.Epoch != a.Epoch:
			return nil // of a yes that was taken back
		case !d.mayCome(at):
			s.misused(protocol.MayDraw, protocol.CodeThrottled)
			return nil
		case s.agent == nil || !s.isShown():
			return nil
		}
		a.Session = ""
		if err := s.evidence.append(recordings.TrackInput, protocol.EventDrawn, a); err != nil {
			s.must(err)
			return fmt.Errorf("%w: %w", ErrEvidence, err)
		}
		d.add(a, at)
		s.agent.Send(&a)
		return nil
	})
	return err
}

// take returns what was drawn since the last time.
func (d *drawing) take() drawn {
	u := d.used
	d.used, d.noted = drawn{}, time.Now()
	return u
}

// noteDrawn puts what was drawn since the last time on the log.
func (s *session) noteDrawn() {
	if u := s.tools.drawing.take(); u != (drawn{}) {
		s.note(protocol.EventDrawnUsed, u)
	}
}
