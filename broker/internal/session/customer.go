package session

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"time"

	"consento/protocol"
)

// Redeem uses a key up, for the portal, and returns the session's id. It
// returns ErrKey for a key that is wrong, used or expired, and a
// *ThrottledError for an address that has tried too often.
func (m *Manager) Redeem(ctx context.Context, key protocol.SessionKey, address string) (string, error) {
	s, err := m.redeem(ctx, key, address, "portal")
	if err != nil {
		return "", err
	}
	return s.id, nil
}

func (m *Manager) redeem(ctx context.Context, key protocol.SessionKey, address, by string) (*session, error) {
	try, err := m.throttle.try(ctx, address)
	if err != nil {
		return nil, err
	}
	defer try.undo()
	id, err := m.store.useKey(ctx, m.hash(m.keyHash, string(key)))
	if errors.Is(err, ErrKey) {
		try.failed()
	}
	if err != nil {
		return nil, err
	}
	s, err := m.find(id)
	if err != nil {
		return nil, ErrKey // it ended at this very moment
	}
	// The key is used up: the session has to know, even if the customer is gone.
	return s, s.do(context.WithoutCancel(ctx), func() error {
		if s.row.State != protocol.StateIssued || !time.Now().Before(s.keyUntil) {
			return ErrKey // it expires this very moment
		}
		s.step(protocol.StepKeyTyped)
		if err := s.commit(protocol.CommandRedeem, logged{protocol.EventRedeemed, map[string]any{"by": by}}); err != nil {
			return err
		}
		s.deadline.Reset(m.config.Limits.Joining)
		return nil
	})
}

// ConfirmName takes the customer's answer to "is this the person helping you?"
// on the portal. A no ends the session.
func (m *Manager) ConfirmName(ctx context.Context, id string, confirmed bool) error {
	s, err := m.find(id)
	if err != nil {
		return err
	}
	return s.do(ctx, func() error { return s.confirmName(confirmed, "portal") })
}

func (s *session) confirmName(confirmed bool, by string) error {
	if s.row.State != protocol.StateJoined && s.row.State != protocol.StateWaiting {
		return ErrNotNow
	}
	if confirmed && s.named {
		return nil // asked twice
	}
	code := protocol.EventNameRefused
	if confirmed {
		code = protocol.EventNameConfirmed
	}
	if err := s.write(logged{code, map[string]any{"by": by}}); err != nil {
		s.must(err)
		return errors.Join(ErrEvidence, err)
	}
	if !confirmed {
		s.end(protocol.EndNameNotConfirmed, by)
		return nil
	}
	s.named = true
	s.step(protocol.StepNameConfirmed)
	s.publish()
	return nil
}

// GiveReason says why a session is needed. The customer reads it beside the
// technician's name: once that is confirmed it stands, and ErrNotNow is returned.
func (m *Manager) GiveReason(ctx context.Context, by Technician, reason protocol.Reason) (protocol.Session, error) {
	s, err := m.find(reason.Session)
	if err != nil {
		return protocol.Session{}, err
	}
	if s.technician().ID != by.ID {
		return protocol.Session{}, ErrNoSession
	}
	var shown protocol.Session
	return shown, s.do(ctx, func() error {
		if s.named || s.row.State != protocol.StateIssued && s.row.State != protocol.StateJoined {
			return ErrNotNow
		}
		if s.reasons++; s.reasons > maxReasons {
			return ErrNotAllowed
		}
		if reason.Text != s.row.Reason {
			if err := s.write(logged{protocol.EventReason, map[string]any{"text": reason.Text, "by": by.Name}}); err != nil {
				s.must(err)
				return errors.Join(ErrEvidence, err)
			}
			if err := m.store.giveReason(ctx, s.id, reason.Text); err != nil {
				return err
			}
			s.row.Reason = reason.Text
			s.publish()
		}
		shown = *s.shown.Load()
		return nil
	})
}

// maxReasons bounds how often the reason of one session may be changed.
const maxReasons = 50

// Stop ends the session on the customer's wish, from the portal.
func (m *Manager) Stop(ctx context.Context, id string) error {
	s, err := m.find(id)
	if err != nil {
		return err
	}
	s.room.Stop()
	return s.do(ctx, func() error { s.end(protocol.EndCustomer, "portal"); return nil })
}

// Ticket returns the ticket with which the session's agent joins. It is the
// same while the session waits for its agent, and works once. language is the
// BCP 47 tag of the page that offers it: an agent that can speaks it too.
func (m *Manager) Ticket(ctx context.Context, id, language string) (protocol.Ticket, error) {
	s, err := m.find(id)
	if err != nil {
		return "", err
	}
	ticket := m.ticketOf(id)
	return ticket, s.do(ctx, func() error {
		if s.row.State != protocol.StateJoined || !s.named {
			return ErrNotNow
		}
		s.language = language
		return m.store.setTicket(ctx, id, m.hash(m.nameKey, string(ticket)))
	})
}

// ticketOf derives a session's ticket from a key of the broker, so that it need
// not be kept in the clear anywhere.
func (m *Manager) ticketOf(id string) protocol.Ticket {
	mac := hmac.New(sha256.New, m.ticketKey)
	mac.Write([]byte(id))
	return protocol.TicketFrom([16]byte(mac.Sum(nil)))
}

// maxFetched bounds how many downloads of one session are put on the evidence.
const maxFetched = 50

// AgentFetched notes that the customer fetched the program.
func (m *Manager) AgentFetched(ctx context.Context, id, system, sum string) error {
	s, err := m.find(id)
	if err != nil {
		return err
	}
	return s.do(ctx, func() error {
		if s.fetched++; s.fetched > maxFetched {
			return nil
		}
		s.note(protocol.EventAgentFetched, map[string]any{"system": system, "sha256": sum})
		s.step(protocol.StepAgentFetched)
		s.publish()
		return nil
	})
}
