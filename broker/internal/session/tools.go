package session

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"consento/protocol"
)

const (
	// askPause is how long the customer is left alone after a no.
	askPause = 30 * time.Second
	// maxNoes is after how many refusals of one permission it is asked for no more
	// in this session.
	maxNoes = 3
)

// tools is what a session knows of the permissions beside the view. It belongs to
// the session's goroutine.
type tools struct {
	heard     time.Time              // when a console of the technician's was there last
	able      []protocol.Permission  // what the agent's program can do
	guests    bool                   // it can ask about more people
	rights    protocol.PermissionSet // what the profile allows, as it was told last
	hosts     protocol.HostRules     // which devices it allows
	refused   map[protocol.Permission]refused
	away      *time.Timer // fires when a lost agent's consents are over
	control   control
	terminal  terminal
	system    systemInfo
	files     files
	clipboard clipboard
	drawing   drawing
	stills    stills
}

// refused is the customer's no to a permission. It outlives a restart of the broker.
type refused struct {
	Times int       `json:"times"` // a question was answered so
	Last  time.Time `json:"last"`  // also when it was taken back
}

// RequestConsent puts one more permission to the customer. It returns ErrNotNow
// where the same may be asked at another time, ErrNotAllowed where not.
func (m *Manager) RequestConsent(ctx context.Context, by Technician, r protocol.ConsentRequest) (protocol.Session, error) {
	return m.onTool(ctx, by, r.Session, func(s *session) error {
		if err := s.mayAsk(r.Permission, time.Now()); err != nil {
			return err
		}
		if d := r.Device; d != nil && !s.tools.hosts.MayName(d.Host) {
			return ErrNotAllowed
		}
		return s.ask(r.Permission, r.Device)
	})
}

// ReturnConsent gives a consent back on the technician's behalf, or takes an open
// question back.
func (m *Manager) ReturnConsent(ctx context.Context, by Technician, r protocol.ConsentReturn) (protocol.Session, error) {
	return m.onTool(ctx, by, r.Session, func(s *session) error {
		if c := s.consent(r.Permission); r.Permission == protocol.ViewScreen || c.State != protocol.ConsentAsked && c.State != protocol.ConsentGiven {
			return ErrNotNow
		}
		s.withdraw(r.Permission, protocol.CauseTechnician)
		return nil
	})
}

// onTool does something with a technician's own session and returns its new shape.
func (m *Manager) onTool(ctx context.Context, by Technician, id string, do func(*session) error) (shown protocol.Session, err error) {
	s, err := m.find(id)
	if err != nil {
		return shown, err
	}
	if s.technician().ID != by.ID {
		return shown, ErrNoSession
	}
	err = s.do(ctx, func() error {
		s.limitTo(by.Profile)
		if err := do(s); err != nil {
			return err
		}
		shown = *s.shown.Load()
		return nil
	})
	return shown, err
}

// Limit tells the live sessions of a technician what the profile allows now. What
// it does not allow any more is withdrawn.
func (m *Manager) Limit(ctx context.Context, by Technician) error {
	m.mu.Lock()
	var own []*session
	for _, s := range m.live {
		if s.technician().ID == by.ID {
			own = append(own, s)
		}
	}
	m.mu.Unlock()
	var errs []error
	for _, s := range own {
		if err := s.do(ctx, func() error { s.limitTo(by.Profile); return nil }); err != nil && !errors.Is(err, ErrNoSession) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (s *session) limitTo(profile protocol.Profile) {
	rights := profile.Permissions
	s.tools.files.limits = profile.Files
	s.tools.heard = time.Now()
	s.tools.hosts = profile.Hosts
	if d := s.consent(protocol.SSH).Device; d != nil && !s.tools.hosts.MayName(d.Host) {
		s.withdraw(protocol.SSH, protocol.CauseRights)
	}
	if maps.Equal(rights, s.tools.rights) {
		return
	}
	s.tools.rights = maps.Clone(rights)
	for _, p := range protocol.Permissions() {
		if p != protocol.ViewScreen && !rights.Allows(p) { // without the view the session ends: Revoke
			s.withdraw(p, protocol.CauseRights)
		}
	}
}

// mayAsk says whether the customer can be asked for a permission now.
func (s *session) mayAsk(p protocol.Permission, now time.Time) error {
	switch {
	case p == protocol.ViewScreen || !s.tools.rights.Allows(p) || !slices.Contains(s.tools.able, p) || s.tools.refused[p].Times >= maxNoes:
		return ErrNotAllowed
	case s.row.State != protocol.StateActive || s.agent == nil || !s.isShown():
		return ErrNotNow
	case s.consent(p).State == protocol.ConsentGiven || s.tools.refused[p].lately(now):
		return ErrNotNow
	}
	if s.asking() {
		return ErrNotNow // one question at a time
	}
	return nil
}

// lately reports whether the customer is to be left alone. A clock that was set back
// makes nobody wait for longer.
func (r refused) lately(now time.Time) bool {
	since := now.Sub(r.Last)
	return since < askPause && since > -askPause
}

// isShown reports whether the customer shows anything at present.
func (s *session) isShown() bool {
	return s.sharing.now != nil && s.sharing.now.State == protocol.SharingShown
}

// giveTool makes a consent good: first the evidence, then the state, and only then
// the agent may begin.
func (s *session) giveTool(c protocol.Consent, data map[string]any) error {
	if s.row.State != protocol.StateActive || !s.tools.rights.Allows(c.Permission) {
		return ErrNotNow
	}
	if err := s.write(logged{protocol.EventConsentGiven, data}); err != nil {
		s.must(err)
		return errors.Join(ErrEvidence, err)
	}
	for _, other := range otherShells(c.Permission) {
		s.withdraw(other, protocol.CauseTechnician) // the agent has one terminal
	}
	c.State, c.Cause = protocol.ConsentGiven, ""
	s.setConsent(c)
	s.tools.control.begin(c)
	s.tools.terminal.begin(c)
	s.tools.drawing.begin(c)
	if x := s.tools.files.of(c.Permission); x != nil {
		x.begin()
	}
	if w := s.tools.clipboard.of(c.Permission); w != nil {
		w.begin()
	}
	s.publish()
	s.agent.Send(&protocol.ConsentRecorded{Permission: c.Permission, Epoch: c.Epoch})
	return nil
}

// takeTool carries the customer's no to a tool out: nothing passes from here on.
func (s *session) takeTool(c protocol.Consent, answer protocol.ConsentAnswer, data map[string]any) error {
	code, isRefusal := protocol.EventConsentWithdrawn, answer.State == protocol.ConsentRefused
	if isRefusal {
		code = protocol.EventConsentRefused
	}
	if answer.Cause == protocol.CauseCustomer || answer.Cause == protocol.CauseNoAnswer || answer.Cause == "" {
		no := s.tools.refused[c.Permission]
		no.Last = time.Now() // a person said it, or was left in peace
		if isRefusal {
			no.Times++
		}
		s.tools.refused[c.Permission] = no
	}
	c.State, c.Cause = answer.State, answer.Cause
	s.setConsent(c)
	s.stopTool(c.Permission)
	err := s.write(logged{code, data})
	s.must(err)
	s.publish()
	return err
}

// withdraw ends a question or a consent without the customer's doing.
func (s *session) withdraw(p protocol.Permission, cause protocol.ConsentCause) {
	c := s.consent(p)
	if c.State != protocol.ConsentAsked && c.State != protocol.ConsentGiven || s.row.State.Over() {
		return
	}
	c.State, c.Cause = protocol.ConsentWithdrawn, cause
	s.setConsent(c) // nothing passes from here on
	s.stopTool(p)
	if s.agent != nil {
		s.agent.Send(&protocol.ConsentEnded{Permission: p, Epoch: c.Epoch, Cause: cause})
	}
	s.must(s.write(logged{protocol.EventConsentWithdrawn, withdrawn(c)}))
	s.publish()
}

// misused ends the consent of a console that does not keep to the protocol.
func (s *session) misused(p protocol.Permission, code protocol.ErrorCode) {
	s.note(protocol.EventMalformed, map[string]any{"from": "console", "code": code})
	s.withdraw(p, protocol.CauseMisuse)
}

// brokenTool ends the consent of an agent that does not.
func (s *session) brokenTool(p protocol.Permission) {
	s.note(protocol.EventMalformed, map[string]any{"from": "agent", "code": protocol.CodeMalformed})
	s.withdraw(p, protocol.CauseFailed)
}

// withdrawTools is withdraw for everything but the view.
func (s *session) withdrawTools(cause protocol.ConsentCause) {
	for _, p := range protocol.Permissions() {
		if p == protocol.Reboot && s.restart.going() {
			continue // a computer that goes down locks its screen and leaves the network
		}
		if p != protocol.ViewScreen {
			s.withdraw(p, cause)
		}
	}
}

// withdrawn is what the evidence says of a consent that was withdrawn.
func withdrawn(c protocol.Consent) map[string]any {
	return map[string]any{"permission": c.Permission, "epoch": c.Epoch, "cause": c.Cause}
}

// stopTool puts the rest of what was done with a tool on the evidence.
func (s *session) stopTool(p protocol.Permission) {
	switch p {
	case protocol.Control:
		s.noteUsed()
		s.tools.control.end()
	case protocol.SystemInfo:
		s.stopSystem(protocol.ProblemEnded)
	case protocol.MayDraw:
		s.noteDrawn()
	case protocol.Reboot:
		s.stopRestart()
	}
	if x := s.tools.files.of(p); x != nil {
		for _, e := range s.filesEnd(x) {
			s.note(e.code, e.data)
		}
	}
	if w := s.tools.clipboard.of(p); w != nil {
		for _, e := range s.clipEnd(w) {
			s.note(e.code, e.data)
		}
	}
	if p == s.tools.terminal.permission {
		for _, e := range s.shellEnd() {
			s.note(e.code, e.data)
		}
	}
}

// forgetTools withdraws, in a session that a restarted broker goes on with, all
// consents but the view, and returns the events that say so.
func (s *session) forgetTools() (events []logged) {
	for i, c := range s.consents {
		if c.Permission == protocol.Reboot && s.restart.going() {
			continue // its agent comes back all the same
		}
		if c.Permission != protocol.ViewScreen && (c.State == protocol.ConsentAsked || c.State == protocol.ConsentGiven) {
			c.State, c.Cause = protocol.ConsentWithdrawn, protocol.CauseRestart
			s.consents[i] = c
			events = append(events, logged{protocol.EventConsentWithdrawn, withdrawn(c)})
		}
	}
	if !s.restart.going() {
		s.restart = nil
	}
	return events
}
