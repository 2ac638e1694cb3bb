package session

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"time"

	"consento/protocol"
)

// restart is one restart of the customer's computer, from the moment in which what
// comes back lies on the disk. It belongs to the session's goroutine.
type restart struct {
	epoch   uint32 // of the consent
	state   protocol.RestartState
	hash    string // of the secret that the agent comes back with
	machine string
	at      time.Time // when the computer restarts, or since when it does
	until   time.Time // when the agent has to be back
}

// restartMemory is a restart as a broker that is restarted meanwhile has to know it.
type restartMemory struct {
	Epoch   uint32                `json:"epoch"`
	State   protocol.RestartState `json:"state"`
	Hash    string                `json:"hash"`
	Machine string                `json:"machine"`
	At      int64                 `json:"at"` // Unix milliseconds
	Until   int64                 `json:"until"`
}

func (r *restart) remember() *restartMemory {
	if r == nil {
		return nil
	}
	return &restartMemory{r.epoch, r.state, r.hash, r.machine, r.at.UnixMilli(), r.until.UnixMilli()}
}

// recall is remember backwards. A wall clock that was set gives nobody more time.
func (m *restartMemory) recall(now time.Time, limit time.Duration) *restart {
	if m == nil {
		return nil
	}
	left := min(max(0, time.UnixMilli(m.Until).Sub(now)), limit)
	return &restart{epoch: m.Epoch, state: m.State, hash: m.Hash, machine: m.Machine, at: time.UnixMilli(m.At), until: time.Now().Add(left)}
}

// going reports whether the computer may be gone any moment: an agent that is lost
// then is waited for.
func (r *restart) going() bool { return r != nil && r.state != protocol.RestartCounting }

// shown is what a console sees of it.
func (r *restart) shown(shift time.Duration) *protocol.Restarting {
	if r == nil {
		return nil
	}
	return &protocol.Restarting{State: r.state, At: r.at.Add(shift).UTC(), Until: r.until.Add(shift).UTC()}
}

// Restart takes the agent's word on a restart that the customer has allowed, and
// reports whether it is on the evidence: of a consent that has just ended it is nothing.
func (a *Agent) Restart(ctx context.Context, m protocol.Restart) (recorded bool, err error) {
	return recorded, a.act(ctx, func(s *session) error {
		c := s.consent(protocol.Reboot)
		if s.row.State.Over() || c.Epoch > m.Epoch || c.Epoch == m.Epoch && c.State != protocol.ConsentGiven {
			return nil // it was said before that was heard
		}
		if c.Epoch != m.Epoch {
			return ErrNotNow
		}
		limit := s.manager.config.Limits.Restart
		r, said := s.restart, logged{data: map[string]any{"epoch": m.Epoch}}
		next := restart{epoch: m.Epoch, state: m.State, hash: m.Hash, machine: m.Machine, at: time.Now()}
		switch {
		case m.State == protocol.RestartCounting && r == nil:
			wait := time.Duration(m.Seconds) * time.Second
			next.at = next.at.Add(wait)
			said = logged{protocol.EventRestartPrepared, map[string]any{"epoch": m.Epoch, "seconds": m.Seconds}}
		case m.State == protocol.RestartGoing && r != nil && r.state == protocol.RestartCounting:
			next.hash, next.machine = r.hash, r.machine
			said = logged{protocol.EventRestartBegan, map[string]any{"epoch": m.Epoch, "seconds": int(limit.Seconds())}}
		case m.State == protocol.RestartByHand && r != nil && r.state == protocol.RestartGoing:
			next.hash, next.machine, next.at = r.hash, r.machine, r.at
			said.code = protocol.EventRestartByHand
		default:
			return ErrNotNow
		}
		next.until = next.at.Add(limit)
		if err := s.write(said); err != nil {
			s.must(err)
			return errors.Join(ErrEvidence, err)
		}
		s.restart, recorded = &next, true
		s.publish()
		return nil
	})
}

// stopRestart forgets a restart that does not take place: the ticket is good for nothing.
func (s *session) stopRestart() {
	if s.restart == nil {
		return
	}
	s.note(protocol.EventRestartCancelled, map[string]any{"epoch": s.restart.epoch})
	s.restart = nil
	if s.agent == nil && !s.away.IsZero() { // nobody comes back but an agent that still runs
		patience := min(s.manager.config.Limits.Return, closedPatience)
		s.lostReason, s.awayUntil = protocol.EndAgentLost, time.Now().Add(patience)
		s.returning.Reset(patience)
	}
}

// missed ends a session whose agent did not come back.
func (s *session) missed() {
	if s.restart.going() {
		s.note(protocol.EventRestartExpired, map[string]any{"epoch": s.restart.epoch})
		s.restart = nil
	}
	s.end(s.lostReason, "broker")
}

// joinByReturn lets an agent in that comes back after a restart of its computer. The
// ticket is used up by that, and so is the secret of the agent that was. It returns
// ErrNotNow while that one is still there, an *EndedError for a session that is over.
func (m *Manager) joinByReturn(ctx context.Context, hello protocol.Hello, join protocol.Join, terms protocol.Terms, address string, link AgentLink) (*Agent, protocol.Joined, error) {
	try, err := m.throttle.try(ctx, address)
	if err != nil {
		return nil, protocol.Joined{}, err
	}
	defer try.undo()
	s, err := m.find(join.Return.Session)
	if err != nil {
		try.failed()
		return nil, protocol.Joined{}, ErrKey // who holds a ticket has no right to know more
	}
	var joined protocol.Joined
	err = s.do(context.WithoutCancel(ctx), func() error {
		switch fits := s.restart.fits(*join.Return) && !hello.Browser(); {
		case fits && s.row.State.Over():
			return &EndedError{Reason: s.row.EndReason}
		case !fits, s.row.State != protocol.StateActive, !time.Now().Before(s.restart.until):
			s.note(protocol.EventRestartRefused, nil)
			return ErrKey
		}
		if s.agent != nil {
			return ErrNotNow // its loss may not have been noticed yet
		}
		return s.comeBack(hello, join, terms, link, &joined)
	})
	var over *EndedError
	if !errors.As(err, &over) && (errors.Is(err, ErrKey) || errors.Is(err, ErrNoSession)) {
		try.failed()
		err = ErrKey
	}
	return &Agent{session: s, link: link}, joined, err
}

// fits reports whether this is what the agent said it would come back with.
func (r *restart) fits(back protocol.Return) bool {
	secret, err := base64.RawURLEncoding.DecodeString(back.Secret)
	if r == nil || err != nil {
		return false
	}
	hash := sha256.Sum256(secret)
	same := subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(hash[:])), []byte(r.hash))
	return same&subtle.ConstantTimeCompare([]byte(back.Machine), []byte(r.machine)) == 1
}

// comeBack makes an agent the session's after a restart. Nothing that was allowed is
// allowed any more, and nothing is shown until the customer says so again.
func (s *session) comeBack(hello protocol.Hello, join protocol.Join, terms protocol.Terms, link AgentLink, joined *protocol.Joined) error {
	var away time.Duration
	if !s.away.IsZero() {
		away = time.Since(s.away)
	}
	s.room.Pause()
	for _, p := range protocol.Permissions() {
		if p != protocol.Reboot {
			s.stopTool(p)
		}
	}
	events := []logged{{protocol.EventRestartReturned, map[string]any{"epoch": s.restart.epoch, "away_ms": away.Milliseconds(), "software": hello.Software, "system": hello.System}}}
	for i, c := range s.consents {
		if c.State == protocol.ConsentAsked || c.State == protocol.ConsentGiven {
			c.State, c.Cause = protocol.ConsentWithdrawn, protocol.CauseReboot
			s.consents[i] = c
			events = append(events, logged{protocol.EventConsentWithdrawn, withdrawn(c)})
		}
	}
	s.restart = nil // the ticket is used up, whatever comes
	if err := s.write(events...); err != nil {
		s.must(err)
		return errors.Join(ErrEvidence, err)
	}
	s.endGuests(protocol.GuestReboot) // this run of the program has no yes to them
	s.returns++
	s.sharing.now, s.sharing.shown = nil, nil
	s.agent, s.away, s.spoken, s.system, s.tools.able = link, time.Time{}, hello.Language, hello.System, join.Tools
	s.tools.guests = join.Guests
	s.slept, s.tools.control.block = 0, ""
	s.terms = terms
	s.returning.Stop()
	s.tools.away.Stop()
	s.manager.tally.addReturn()
	s.publish()
	*joined = s.joinedMessage()
	return nil
}

// AskAgain puts the view to the customer once more, after the return from a restart.
func (a *Agent) AskAgain(ctx context.Context) error {
	return a.act(ctx, func(s *session) error {
		if c := s.consent(protocol.ViewScreen); c.State != protocol.ConsentWithdrawn {
			return ErrNotNow
		}
		return s.ask(protocol.ViewScreen, nil)
	})
}

// giveAgain makes the consent to the view good in a session that goes on after a restart.
func (s *session) giveAgain(c protocol.Consent, data map[string]any) error {
	if err := s.write(logged{protocol.EventConsentGiven, data}); err != nil {
		s.must(err)
		return errors.Join(ErrEvidence, err)
	}
	s.setConsent(c)
	s.room.Open()
	s.publish()
	s.agent.Send(&protocol.ConsentRecorded{Permission: c.Permission, Epoch: c.Epoch})
	return nil
}
