package session

import (
	"context"
	"fmt"
	"slices"
	"time"

	"consento/protocol"
	"consento/recordings"
)

const (
	// maxSnapshots bounds how often system information is asked for in one session.
	maxSnapshots = 500
	// snapshotPatience is how long a snapshot may take before another one may be
	// asked for all the same. The agent needs less for all sections together.
	snapshotPatience = 2 * time.Minute
	// maxSystemBytes bounds what one session's agent may send, in bytes of text.
	maxSystemBytes = 256 << 20
)

// Panel is one console's window for what the agent reads.
type Panel struct {
	Send func(protocol.Message) // never blocks
}

// systemInfo is what is read with the consent to system information. It belongs to
// the session's goroutine.
type systemInfo struct {
	panel    *Panel // that asked for the snapshot
	snapshot uint32 // number of the newest
	epoch    uint32 // of the consent that it relies on
	pending  []protocol.Section
	arrived  []protocol.Section
	parts    int // of the section that arrives
	rows     int
	asked    time.Time

	watcher *Panel // that follows the processes; nil while none does
	watch   uint32 // number of the newest live list
	changes uint32 // messages of it
	bytes   int    // of all that came
}

// ReadSystem has the agent read some sections for a console. The wish is on disk
// before the agent hears of it.
func (m *Manager) ReadSystem(ctx context.Context, by Technician, r protocol.SystemRequest, panel *Panel) (started protocol.SystemStarted, err error) {
	_, err = m.onTool(ctx, by, r.Session, func(s *session) error {
		i, now := &s.tools.system, s.consent(protocol.SystemInfo)
		if err := s.mayRead(); err != nil {
			return err
		}
		if len(i.pending) > 0 && time.Since(i.asked) < snapshotPatience {
			return ErrNotNow
		}
		if i.snapshot >= maxSnapshots {
			return ErrNotAllowed
		}
		s.endSnapshot(protocol.ProblemTimeout)
		i.snapshot++
		if err := s.write(logged{protocol.EventSystemRequested, map[string]any{"epoch": now.Epoch, "snapshot": i.snapshot, "sections": r.Sections}}); err != nil {
			s.must(err)
			return fmt.Errorf("%w: %w", ErrEvidence, err)
		}
		i.panel, i.epoch, i.pending, i.arrived, i.asked, i.parts, i.rows = panel, now.Epoch, slices.Clone(r.Sections), nil, time.Now(), 0, 0
		s.agent.Send(&protocol.SystemRead{Epoch: now.Epoch, Snapshot: i.snapshot, Sections: r.Sections})
		started = protocol.SystemStarted{Session: s.id, Snapshot: i.snapshot}
		return nil
	})
	return started, err
}

// FollowSystem begins the live list of processes for a console, or ends it. The
// newest console has it.
func (m *Manager) FollowSystem(ctx context.Context, by Technician, r protocol.SystemFollow, panel *Panel) (started protocol.SystemStarted, err error) {
	_, err = m.onTool(ctx, by, r.Session, func(s *session) error {
		i, now := &s.tools.system, s.consent(protocol.SystemInfo)
		started = protocol.SystemStarted{Session: s.id, Watch: i.watch}
		if !r.On {
			if i.watcher == panel {
				s.unfollow()
			}
			return nil
		}
		if err := s.mayRead(); err != nil {
			return err
		}
		s.unfollow()
		i.watch++
		if err := s.write(logged{protocol.EventSystemFollowed, map[string]any{"epoch": now.Epoch, "watch": i.watch, "on": true}}); err != nil {
			s.must(err)
			return fmt.Errorf("%w: %w", ErrEvidence, err)
		}
		i.watcher, i.changes = panel, 0
		s.agent.Send(&protocol.SystemWatch{Epoch: now.Epoch, Watch: i.watch, On: true})
		started.Watch = i.watch
		return nil
	})
	return started, err
}

// ClosePanel ends what goes on for a console that is gone.
func (m *Manager) ClosePanel(ctx context.Context, panel *Panel) {
	m.mu.Lock()
	live := make([]*session, 0, len(m.live))
	for _, s := range m.live {
		live = append(live, s)
	}
	m.mu.Unlock()
	for _, s := range live {
		_ = s.do(ctx, func() error { // a session that is over has nothing to end
			if s.tools.system.watcher == panel {
				s.unfollow()
			}
			if s.tools.system.panel == panel {
				s.endSnapshot(protocol.ProblemLost)
				s.tools.system.panel = nil
			}
			return nil
		})
	}
}

// mayRead says whether system information can be read now.
func (s *session) mayRead() error {
	switch {
	case !s.tools.rights.Allows(protocol.SystemInfo) || !slices.Contains(s.tools.able, protocol.SystemInfo):
		return ErrNotAllowed
	case s.row.State != protocol.StateActive || s.consent(protocol.SystemInfo).State != protocol.ConsentGiven || s.agent == nil || s.isPaused():
		return ErrNotNow
	}
	return nil
}

// isPaused reports whether the customer has paused, or is not there.
func (s *session) isPaused() bool {
	return s.sharing.now != nil && (s.sharing.now.State == protocol.SharingPaused || s.sharing.now.State == protocol.SharingLocked)
}

// SystemPart takes some rows of a snapshot from the agent: sealed on the evidence
// first, and only then shown. What belongs to nothing that is asked for is dropped.
func (a *Agent) SystemPart(ctx context.Context, m protocol.SystemPart) error {
	return a.act(ctx, func(s *session) error {
		i := &s.tools.system
		if s.mayRead() != nil || m.Epoch != i.epoch || m.Epoch != s.consent(protocol.SystemInfo).Epoch || m.Snapshot != i.snapshot || len(i.pending) == 0 {
			return nil // of a yes that was taken back, or of a snapshot that is over
		}
		if m.Section != i.pending[0] || m.Part != i.parts || i.rows+len(m.Rows) > protocol.MaxSystemRows || m.Problem == protocol.ProblemLost || m.Problem == protocol.ProblemEnded || !i.mayCome(m.Rows) {
			return fmt.Errorf("%w: part of a snapshot", protocol.ErrMalformed)
		}
		if err := s.showPart(m); err != nil {
			return err
		}
		i.parts++
		i.rows += len(m.Rows)
		if m.Last {
			i.pending, i.arrived, i.parts, i.rows = i.pending[1:], append(i.arrived, m.Section), 0, 0
		}
		if len(i.pending) == 0 {
			s.noteRead()
		}
		return nil
	})
}

// showPart puts a part on the evidence, sealed, and shows it.
func (s *session) showPart(m protocol.SystemPart) error {
	m.Session = ""
	data := struct {
		protocol.SystemPart
		Columns []protocol.Column `json:"columns"`
	}{m, m.Section.Columns()}
	err := s.evidence.append(recordings.TrackSystem, protocol.EventSystemPart, data)
	if err == nil {
		err = s.evidence.seal()
	}
	if err != nil {
		s.must(err)
		return fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	if i := &s.tools.system; i.panel != nil {
		m.Session = s.id
		i.panel.Send(&m)
	}
	return nil
}

// SystemChanges takes what became of the list of processes from the agent: on the
// evidence first, and then shown.
func (a *Agent) SystemChanges(ctx context.Context, m protocol.SystemChanges) error {
	return a.act(ctx, func(s *session) error {
		i := &s.tools.system
		if s.mayRead() != nil || m.Epoch != s.consent(protocol.SystemInfo).Epoch || m.Watch != i.watch || i.watcher == nil {
			return nil
		}
		if m.N != i.changes || !i.mayCome(m.Rows) {
			return fmt.Errorf("%w: changes of the processes", protocol.ErrMalformed)
		}
		i.changes++
		m.Session = ""
		if err := s.evidence.append(recordings.TrackSystem, protocol.EventSystemChanges, m); err != nil {
			s.must(err)
			return fmt.Errorf("%w: %w", ErrEvidence, err)
		}
		m.Session = s.id
		i.watcher.Send(&m)
		return nil
	})
}

// mayCome counts what came.
func (i *systemInfo) mayCome(rows []protocol.SystemRow) bool {
	i.bytes += 64
	for _, r := range rows {
		i.bytes += len(r.Key)
		for _, c := range r.Cells {
			i.bytes += len(c)
		}
	}
	return i.bytes <= maxSystemBytes
}

// stopSystem ends what is being read, and says why to who waits for it.
func (s *session) stopSystem(why protocol.SystemProblem) {
	s.endSnapshot(why)
	s.unfollow()
}

// endSnapshot ends a snapshot of which sections are missing.
func (s *session) endSnapshot(why protocol.SystemProblem) {
	i := &s.tools.system
	if len(i.pending) == 0 {
		return
	}
	s.noteRead()
	if i.panel != nil {
		for n, section := range i.pending {
			part := 0
			if n == 0 {
				part = i.parts
			}
			i.panel.Send(&protocol.SystemPart{Session: s.id, Epoch: i.epoch, Snapshot: i.snapshot, Section: section, Part: part, Last: true, Problem: why})
		}
	}
	i.pending, i.parts, i.rows = nil, 0, 0
}

// read is what the log says of a snapshot; nil if it is said already.
func (i *systemInfo) read() *logged {
	if len(i.arrived)+len(i.pending) == 0 {
		return nil
	}
	data := map[string]any{"epoch": i.epoch, "snapshot": i.snapshot, "sections": append([]protocol.Section{}, i.arrived...)}
	if len(i.pending) > 0 {
		data["unread"] = slices.Clone(i.pending)
	}
	i.arrived = nil
	return &logged{protocol.EventSystemRead, data}
}

func (s *session) noteRead() {
	if l := s.tools.system.read(); l != nil {
		s.note(l.code, l.data)
	}
}

// followed is what the log says at the end of a live list; nil if there is none.
func (i *systemInfo) followed() *logged {
	if i.watcher == nil {
		return nil
	}
	i.watcher = nil
	return &logged{protocol.EventSystemFollowed, map[string]any{"watch": i.watch, "on": false}}
}

// unfollow ends the live list of processes.
func (s *session) unfollow() {
	i := &s.tools.system
	l := i.followed()
	if l == nil {
		return
	}
	if s.agent != nil && !s.row.State.Over() {
		s.agent.Send(&protocol.SystemWatch{Epoch: s.consent(protocol.SystemInfo).Epoch, Watch: i.watch})
	}
	s.note(l.code, l.data)
}

// rest is what the log has to say at the session's end.
func (i *systemInfo) rest() (events []logged) {
	for _, l := range []*logged{i.read(), i.followed()} {
		if l != nil {
			events = append(events, *l)
		}
	}
	i.pending = nil
	return events
}
