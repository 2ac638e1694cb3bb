package session

import (
	"context"
	"errors"
	"slices"
	"time"

	"consento/protocol"
)

// maxSharing bounds how often the agent of one session may say what it shares.
const maxSharing = 5000

// sharing is what the agent said last about what it shares. It belongs to the
// session's goroutine.
type sharing struct {
	now     *protocol.Sharing // nil: nothing yet
	shown   *protocol.Sharing // the last of state shown
	since   time.Time         // of its state
	count   int
	covered covered
	held    []func() // what the agent said of tools while the customer hides everything
	size    int      // of that, in bytes
}

// Bounds of what is held back: an agent that keeps to the protocol says nothing then, but for
// what was on its way.
const (
	maxHeldBack  = 2000
	maxHeldBytes = 4 << 20
)

// unlessPaused does something with what the agent said of a tool: once the customer shows
// the screen again, if it is hidden.
func (s *session) unlessPaused(size int, do func()) {
	if !s.isPaused() {
		do()
		return
	}
	if s.sharing.size += size; s.sharing.size > maxHeldBytes || len(s.sharing.held) >= maxHeldBack {
		s.note(protocol.EventMalformed, map[string]any{"from": "agent", "code": protocol.CodeNotNow})
		s.withdrawTools(protocol.CauseFailed)
		s.sharing.held, s.sharing.size = nil, 0
		return
	}
	s.sharing.held = append(s.sharing.held, do)
}

// goOn does what was held back.
func (s *session) goOn() {
	held := s.sharing.held
	s.sharing.held, s.sharing.size = nil, 0
	for _, do := range held {
		do()
	}
}

// byBrowser reports whether the agent is a page in the customer's browser: there
// is nothing to remove then.
func (s *session) byBrowser() bool { return slices.Contains(s.steps, protocol.StepBrowserJoined) }

// byBrowser is that of a session that is not live.
func (r row) byBrowser() bool { return slices.Contains(r.steps(), protocol.StepBrowserJoined) }

// joinedStep is the step that an agent takes by joining.
func joinedStep(hello protocol.Hello) protocol.Step {
	if hello.Browser() {
		return protocol.StepBrowserJoined
	}
	return protocol.StepAgentStarted
}

// covered is how much of the screen is covered, as the evidence has it.
type covered struct {
	Programs int `json:"programs"`
	Fields   int `json:"fields"`
}

// sameButCovers reports whether two words on what is shared differ in what is covered alone.
func sameButCovers(a protocol.Sharing, b *protocol.Sharing) bool {
	if b == nil {
		return false
	}
	before := *b
	before.Covered, before.Fields = a.Covered, a.Fields
	return a == before
}

// sharingCode is what a state is called on the evidence.
func sharingCode(s protocol.SharingState) protocol.EventCode {
	return protocol.EventCode("screen." + s)
}

// Share takes the agent's word on what it shares. Anything but shown stops the
// picture at once; shown lets it through again, once it is on the evidence. That
// the system's own question was refused changes nothing about what is shown.
func (a *Agent) Share(ctx context.Context, m protocol.Sharing) error {
	denied, shown := m.State == protocol.SharingDenied, m.State == protocol.SharingShown
	if !denied && !shown {
		a.session.room.Pause()
	}
	return a.act(ctx, func(s *session) error {
		asked := s.row.State == protocol.StateWaiting && s.accepted
		if s.row.State != protocol.StateActive && !(asked && denied) {
			return ErrNotNow
		}
		if !denied && !asked && s.consent(protocol.ViewScreen).State != protocol.ConsentGiven {
			return ErrNotNow // it is asked again, after a restart
		}
		if s.sharing.now != nil && *s.sharing.now == m && !denied {
			return nil
		}
		if s.sharing.count++; s.sharing.count > maxSharing {
			return ErrNotAllowed
		}
		switch before := s.sharing.shown; {
		case m.State == protocol.SharingLocked:
			s.withdrawTools(protocol.CauseLocked)
		case m.State == protocol.SharingPaused:
			s.stopSystem(protocol.ProblemPaused)
		case shown && before != nil && (before.Source != m.Source || before.Name != m.Name):
			s.withdraw(protocol.Control, protocol.CauseShared) // the yes was for what was shown before
		}
		var data any
		if shown {
			what := map[string]any{"source": m.Source, "width": m.Width, "height": m.Height}
			if m.Name != "" {
				what["name"] = m.Name
			}
			data = what
		}
		var list []logged
		if denied || !sameButCovers(m, s.sharing.now) {
			list = append(list, logged{sharingCode(m.State), data})
		}
		if covered := (covered{m.Covered, m.Fields}); covered != s.sharing.covered && !denied {
			s.sharing.covered = covered
			list = append(list, logged{protocol.EventScreenCovered, covered})
		}
		if err := s.write(list...); err != nil {
			s.must(err)
			return errors.Join(ErrEvidence, err)
		}
		if !denied || s.sharing.now == nil {
			if s.sharing.now == nil || s.sharing.now.State != m.State {
				s.sharing.since = time.Now()
			}
			s.sharing.now = &m
		}
		if shown {
			s.sharing.shown = &m
			s.room.Open()
			s.room.RequestKeyFrame()
		}
		if !s.isPaused() {
			s.goOn()
		}
		if !s.isShown() {
			s.dropClips(protocol.ClipHidden)
		}
		s.publish()
		return nil
	})
}
