package session

import (
	"context"
	"errors"
	"slices"

	"consento/protocol"
)

// maxSharing bounds how often the agent of one session may say what it shares.
const maxSharing = 5000

// sharing is what the agent said last about what it shares. It belongs to the
// session's goroutine.
type sharing struct {
	now   *protocol.Sharing // nil: nothing yet
	shown *protocol.Sharing // the last of state shown
	count int
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
		if err := s.write(logged{sharingCode(m.State), data}); err != nil {
			s.must(err)
			return errors.Join(ErrEvidence, err)
		}
		if !denied || s.sharing.now == nil {
			s.sharing.now = &m
		}
		if shown {
			s.sharing.shown = &m
			s.room.Open()
			s.room.RequestKeyFrame()
		}
		s.publish()
		return nil
	})
}
