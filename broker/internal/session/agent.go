package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"consento/protocol"
)

// Agent is the agent's side of one session. Its methods may be called from
// anywhere; each checks state, terms and consent for itself.
type Agent struct {
	session *session
	link    AgentLink
}

// Join lets an agent into its session, by ticket or by key. It returns ErrKey
// for a ticket or key that is wrong, used or expired, a *ThrottledError for an
// address that has tried too often. The terms are in the language of the portal
// if the agent can show it, else in its own.
func (m *Manager) Join(ctx context.Context, hello protocol.Hello, join protocol.Join, address string, link AgentLink) (*Agent, protocol.Joined, error) {
	// First what can fail without using key or ticket up.
	terms, err := m.config.Terms(ctx, hello.Language)
	if err != nil {
		return nil, protocol.Joined{}, fmt.Errorf("session: terms: %w", err)
	}
	if join.Return != nil {
		return m.joinByReturn(ctx, hello, join, terms, address, link)
	}
	var s *session
	if join.Key != "" {
		s, err = m.joinByKey(ctx, join.Key, address)
	} else {
		s, err = m.joinByTicket(ctx, join.Ticket, address)
	}
	if err != nil {
		return nil, protocol.Joined{}, err
	}
	a := &Agent{session: s, link: link}
	var joined protocol.Joined
	// From here on key or ticket are used up: an agent that is gone by now is
	// noticed by its connection.
	ctx = context.WithoutCancel(ctx)
	err = s.do(ctx, func() error {
		s.terms = terms
		if slices.Contains(join.Languages, s.language) {
			// If they cannot be had, those at hand are as good.
			if read, err := m.config.Terms(ctx, s.language); err == nil {
				s.terms = read
			}
		}
		s.step(joinedStep(hello))
		if err := s.commit(protocol.CommandAgentJoin,
			logged{protocol.EventAgentJoined, map[string]any{"software": hello.Software, "system": hello.System,
				"language": hello.Language, "version": hello.Version.String()}},
			logged{protocol.EventTermsShown, map[string]any{"version": s.terms.Version, "language": s.terms.Language}},
		); err != nil {
			return err
		}
		s.agent, s.joined, s.system, s.spoken = link, true, hello.System, hello.Language
		if !hello.Browser() {
			s.tools.able = join.Tools
		}
		s.tools.guests = join.Guests
		s.publish()
		joined = s.joinedMessage()
		return nil
	})
	return a, joined, err
}

// joinedMessage is what an agent is told that has joined.
func (s *session) joinedMessage() protocol.Joined {
	m := s.manager
	return protocol.Joined{Session: s.id, Technician: s.person, ConfirmName: !s.named, Terms: s.terms, Resume: m.resumeSecret(s.id, s.returns),
		Reason: s.row.Reason, Log: m.config.Origin + LogPath + m.logTicket(s.id), Proof: s.evidence.proof,
		Chat: s.technician().Profile.Permissions.Allows(protocol.MayChat)}
}

func (m *Manager) joinByKey(ctx context.Context, typed, address string) (*session, error) {
	key, err := protocol.ParseSessionKey(typed)
	if err != nil {
		try, err := m.throttle.try(ctx, address)
		if err != nil {
			return nil, err
		}
		try.failed()
		return nil, ErrKey
	}
	return m.redeem(ctx, key, address, "agent")
}

func (m *Manager) joinByTicket(ctx context.Context, text, address string) (*session, error) {
	try, err := m.throttle.try(ctx, address)
	if err != nil {
		return nil, err
	}
	defer try.undo()
	ticket, err := protocol.ParseTicket(text)
	if err != nil {
		try.failed()
		return nil, ErrKey
	}
	hash := m.hash(m.nameKey, string(ticket))
	id, err := m.store.useTicket(ctx, hash, time.Now())
	if errors.Is(err, ErrKey) {
		try.failed()
		return nil, errors.Join(ErrKey, m.refuseTicket(ctx, hash))
	}
	if err != nil {
		return nil, err
	}
	s, err := m.find(id)
	if err != nil {
		return nil, ErrKey
	}
	return s, nil
}

// refuseTicket notes in a live session that a second agent came with its ticket.
func (m *Manager) refuseTicket(ctx context.Context, hash string) error {
	id, err := m.store.byTicket(ctx, hash)
	if err != nil || id == "" {
		return err
	}
	s, err := m.find(id)
	if err != nil {
		return nil // it is over
	}
	return s.do(ctx, func() error { s.note(protocol.EventKeyRefused, nil); return nil })
}

// act runs f on the session's goroutine if this agent is still the session's.
func (a *Agent) act(ctx context.Context, f func(s *session) error) error {
	s := a.session
	return s.do(ctx, func() error {
		if s.agent != a.link {
			return ErrNotNow
		}
		return f(s)
	})
}

// AnswerName takes the customer's answer to the technician's name, where the
// key was typed into the agent.
func (a *Agent) AnswerName(ctx context.Context, confirmed bool) error {
	return a.act(ctx, func(s *session) error { return s.confirmName(confirmed, "agent") })
}

// AnswerTerms takes the customer's answer to the terms. A yes leads to the
// question for the view, a no to the end.
func (a *Agent) AnswerTerms(ctx context.Context, answer protocol.TermsAnswer) error {
	return a.act(ctx, func(s *session) error {
		if s.row.State != protocol.StateWaiting || s.accepted || !s.named || answer.Version != s.terms.Version {
			return ErrNotNow
		}
		code := protocol.EventTermsDeclined
		if answer.Accepted {
			code = protocol.EventTermsAccepted
		}
		if err := s.write(logged{code, map[string]any{"version": answer.Version}}); err != nil {
			s.must(err)
			return errors.Join(ErrEvidence, err)
		}
		if !answer.Accepted {
			s.end(protocol.EndTermsDeclined, "agent")
			return nil
		}
		s.accepted = true
		s.step(protocol.StepTermsAccepted)
		return s.ask(protocol.ViewScreen, nil)
	})
}

// ask puts one permission to the customer; to ssh belongs a device.
func (s *session) ask(p protocol.Permission, device *protocol.Device) error {
	if !s.tools.rights.Allows(p) || s.agent == nil || s.row.State.Over() {
		return ErrNotAllowed
	}
	s.epoch++
	data := map[string]any{"permission": p, "epoch": s.epoch, "technician": s.person}
	if device != nil {
		data["device"] = device
	}
	if err := s.write(logged{protocol.EventConsentAsked, data}); err != nil {
		s.must(err)
		return errors.Join(ErrEvidence, err)
	}
	s.setConsent(protocol.Consent{Permission: p, State: protocol.ConsentAsked, Epoch: s.epoch, Device: device})
	s.publish()
	s.agent.Send(s.question(p, s.epoch))
	return nil
}

// question is what the agent is to ask the customer.
func (s *session) question(p protocol.Permission, epoch uint32) *protocol.ConsentAsk {
	ask := &protocol.ConsentAsk{Permission: p, Epoch: epoch, Technician: s.person}
	if f := &s.tools.files; f.of(p) != nil {
		told, known := f.asked[epoch]
		if !known {
			told = f.limits
			f.asked[epoch] = told
		}
		ask.Files = &told
	}
	if p == protocol.SSH {
		ask.Device, ask.Hosts = s.consent(p).Device, s.tools.hosts
	}
	return ask
}

func (s *session) setConsent(c protocol.Consent) {
	for i := range s.consents {
		if s.consents[i].Permission == c.Permission {
			s.consents[i] = c
			return
		}
	}
	s.consents = append(s.consents, c)
}

func (s *session) consent(p protocol.Permission) protocol.Consent {
	for _, c := range s.consents {
		if c.Permission == p {
			return c
		}
	}
	return protocol.Consent{Permission: p}
}

// AnswerConsent takes the customer's answer, or a withdrawal.
func (a *Agent) AnswerConsent(ctx context.Context, answer protocol.ConsentAnswer) error {
	viewBack := answer.State == protocol.ConsentWithdrawn && answer.Permission == protocol.ViewScreen
	if viewBack {
		a.session.room.Stop()
	}
	return a.act(ctx, func(s *session) error {
		now := s.consent(answer.Permission)
		if answer.Permission != protocol.ViewScreen && answer.Epoch < now.Epoch {
			return nil // it was said before the next question was heard
		}
		if s.row.State.Over() || now.Epoch != answer.Epoch && !viewBack {
			return ErrNotNow
		}
		data := map[string]any{"permission": answer.Permission, "epoch": answer.Epoch}
		if answer.Cause != "" {
			data["cause"] = answer.Cause
		}
		tool := answer.Permission != protocol.ViewScreen
		switch {
		case tool && now.State == protocol.ConsentAsked && answer.State == protocol.ConsentGiven:
			return s.giveTool(now, data)
		case tool && (now.State == protocol.ConsentAsked || now.State == protocol.ConsentGiven && answer.State == protocol.ConsentWithdrawn):
			return s.takeTool(now, answer, data)
		case tool && now.State == protocol.ConsentWithdrawn:
			return nil // both withdrew it at the same time
		case viewBack: // a no counts, whatever it answers
			return s.takeAway(now, answer.State, protocol.EventConsentWithdrawn, protocol.EndConsentWithdrawn, data)
		case now.State == protocol.ConsentAsked && answer.State == protocol.ConsentGiven:
			return s.give(now, data)
		case now.State == protocol.ConsentAsked && answer.State == protocol.ConsentRefused:
			return s.takeAway(now, answer.State, protocol.EventConsentRefused, protocol.EndConsentRefused, data)
		}
		return ErrNotNow
	})
}

// give makes a consent good: first the evidence, then the picture, and only
// then the agent may begin.
func (s *session) give(c protocol.Consent, data map[string]any) error {
	c.State = protocol.ConsentGiven
	if c.Permission == protocol.ViewScreen && s.row.State == protocol.StateActive {
		return s.giveAgain(c, data)
	}
	if c.Permission != protocol.ViewScreen || s.row.State != protocol.StateWaiting {
		return ErrNotNow
	}
	before := s.consent(c.Permission)
	s.setConsent(c)
	s.step(protocol.StepViewAllowed)
	if err := s.commit(protocol.CommandActivate, logged{protocol.EventConsentGiven, data}); err != nil {
		if !s.row.State.Over() {
			s.setConsent(before)
		}
		return err
	}
	s.room.Open()
	s.deadline.Reset(s.manager.config.Limits.Active)
	s.agent.Send(&protocol.ConsentRecorded{Permission: c.Permission, Epoch: c.Epoch})
	return nil
}

// takeAway carries a no out. Without the view there is no session.
func (s *session) takeAway(c protocol.Consent, state protocol.ConsentState, code protocol.EventCode, reason protocol.EndReason, data map[string]any) error {
	c.State = state
	s.setConsent(c)
	err := s.write(logged{code, data})
	s.must(err)
	if c.Permission == protocol.ViewScreen {
		s.end(reason, "agent")
	}
	s.publish()
	return err
}

// maxPublished bounds how often one agent may connect its picture anew.
const maxPublished = 200

// Publish answers the agent's offer. The picture passes only after the consent.
func (a *Agent) Publish(ctx context.Context, offer string) (string, error) {
	if err := a.act(ctx, func(s *session) error {
		if s.row.State != protocol.StateWaiting && s.row.State != protocol.StateActive {
			return ErrNotNow
		}
		if s.published++; s.published > maxPublished {
			return ErrNotAllowed
		}
		s.tellWish()
		return nil
	}); err != nil {
		return "", err
	}
	answer, err := a.session.room.Publish(ctx, offer)
	if err != nil {
		return "", fmt.Errorf("session: %w", err)
	}
	return answer, nil
}

// End takes the agent's word that the session is over. The picture stops at
// once; the evidence follows.
func (a *Agent) End(ctx context.Context, reason protocol.EndReason) error {
	if !reason.ByAgent() {
		return ErrNotAllowed
	}
	a.session.room.Stop()
	return a.act(ctx, func(s *session) error { s.end(reason, "agent"); return nil })
}

// Removed takes the agent's word that it removed itself, and closes the session.
func (a *Agent) Removed(ctx context.Context, removed protocol.Removed) error {
	return a.act(ctx, func(s *session) error {
		if s.row.State != protocol.StateEnding || s.row.Removed != nil {
			return ErrNotNow
		}
		s.row.Removed = &removed.Complete
		s.note(protocol.EventRemoved, removed)
		s.close()
		return nil
	})
}

// Malformed notes that the agent sent something that was refused.
func (a *Agent) Malformed(ctx context.Context, code protocol.ErrorCode) error {
	return a.act(ctx, func(s *session) error {
		s.note(protocol.EventMalformed, map[string]any{"from": "agent", "code": code})
		return nil
	})
}
