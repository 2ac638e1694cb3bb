package session

import (
	"context"
	"errors"
	"time"

	"consento/protocol"
)

// A session runs on the monotonic clock; people read the wall clock, which may be
// set while it runs. wall anchors the one to the other.
type wall struct {
	read func() time.Time
	at   time.Time // by the wall clock
	mono time.Time // the same moment
}

// jumpsOver is how far the clocks may part before it is a jump: network time moves
// the wall clock gently.
const jumpsOver = 2 * time.Second

func newWall(read func() time.Time) *wall {
	return &wall{read: read, at: read().Round(0), mono: time.Now()}
}

// jumped says how far the wall clock went away from the monotonic one since it was
// asked last, 0 if not worth a word.
func (w *wall) jumped() time.Duration {
	at, mono := w.read().Round(0), time.Now()
	by := at.Sub(w.at) - mono.Sub(w.mono)
	w.at, w.mono = at, mono
	if by.Abs() < jumpsOver {
		return 0
	}
	return by
}

// followClock puts a jump of the wall clock on the evidence, and sets along what is
// shown by it. The limits themselves run on the monotonic clock.
func (s *session) followClock() {
	by := s.wall.jumped()
	if by == 0 {
		return
	}
	s.note(protocol.EventClockJumped, map[string]any{"by_ms": by.Milliseconds()})
	if s.row.State == protocol.StateIssued {
		s.row.KeyExpires += by.Milliseconds()
	}
	if !s.away.IsZero() {
		s.awayShift += by
	}
	s.publish()
}

// maxSleeps bounds how often the agent of one session may say that it slept.
const maxSleeps = 1000

// Slept takes the agent's word that its computer slept.
func (a *Agent) Slept(ctx context.Context, m protocol.Slept) error {
	return a.act(ctx, func(s *session) error {
		if s.row.State.Over() {
			return ErrNotNow
		}
		if m.N <= s.slept {
			return nil // it is said again
		}
		if m.N > maxSleeps {
			return ErrNotAllowed
		}
		if err := s.write(logged{protocol.EventAgentSlept, map[string]any{"slept_ms": m.MS}}); err != nil {
			s.must(err)
			return errors.Join(ErrEvidence, err)
		}
		s.slept = m.N
		s.withdrawTools(protocol.CauseSlept)
		return nil
	})
}
