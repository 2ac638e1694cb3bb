package run

import (
	"context"
	"log/slog"
	"slices"

	"consento/agent/internal/capture"
	"consento/agent/internal/ui"
	"consento/protocol"
)

func (s *Session) confirmName(ctx context.Context) *ending {
	s.hideProgress()
	answer, over := s.ask(ctx, ui.Question{
		Title: s.Texts.T("agent.name.title"), Heading: s.Texts.T("agent.name.heading"), Who: s.who(),
		Body:   s.Texts.T("agent.name.body", "phone", phone(s.joined.Technician)) + s.why(),
		Accept: s.Texts.T("agent.name.yes"), Refuse: s.Texts.T("agent.name.no"),
	})
	if over != nil {
		return over
	}
	s.said.name = &protocol.NameAnswer{Confirmed: answer == ui.Accepted}
	if err := s.say(ctx, s.said.name); err != nil {
		return s.lost()
	}
	if answer != ui.Accepted {
		return &ending{reason: protocol.EndNameNotConfirmed, told: true, code: ExitRefused}
	}
	return nil
}

func (s *Session) acceptTerms(ctx context.Context) *ending {
	s.hideProgress()
	answer, over := s.ask(ctx, s.termsQuestion())
	if over != nil {
		return over
	}
	s.said.terms = &protocol.TermsAnswer{Version: s.joined.Terms.Version, Accepted: answer == ui.Accepted}
	if err := s.say(ctx, s.said.terms); err != nil {
		return s.lost()
	}
	if answer != ui.Accepted {
		return &ending{reason: protocol.EndTermsDeclined, told: true, code: ExitRefused}
	}
	return nil
}

// termsQuestion shows the terms of use.
func (s *Session) termsQuestion() ui.Question {
	t := s.joined.Technician
	q := ui.Question{
		Title: s.Texts.T("agent.terms.title"), Heading: s.Texts.T("agent.terms.heading"), Who: s.who(),
		Body:    s.Texts.T("agent.terms.intro", "name", t.Name, "team", t.Team) + s.why(),
		Details: lines(s.joined.Terms.Text),
		Accept:  s.Texts.T("agent.terms.accept"), Refuse: s.Texts.T("agent.terms.refuse"),
	}
	if s.joined.Terms.URL != "" {
		q.Links = []ui.Link{{Label: s.Texts.T("agent.terms.link"), URL: s.joined.Terms.URL}}
	}
	if !s.Office.Prepared {
		q.Body += "\n\n" + s.Texts.T("agent.unprepared")
	}
	return q
}

// recording checks that the recording stands on the office's global log.
func (s *Session) recording(ctx context.Context, session, proof string) *ending {
	err := s.broker.Recorded(ctx, session, proof)
	if err == nil {
		return nil
	}
	s.Log.Error("recording is not proven", slog.Any("error", err))
	return &ending{reason: protocol.EndEvidenceFailed, code: ExitFailed}
}

// consent waits for the question, puts it to the customer, and waits until the
// yes is on the broker's evidence.
func (s *Session) consent(ctx context.Context) *ending {
	e, over := s.wait(ctx, (*protocol.ConsentAsk)(nil).MessageType(), s.Texts.T("agent.connect.preparing"))
	if over != nil {
		return over
	}
	question, err := protocol.DecodeBody[protocol.ConsentAsk](e)
	if err != nil || question.Permission != protocol.ViewScreen {
		return s.broken(e, err)
	}
	s.hideProgress()
	name := isolate(question.Technician.Name)
	warning := func(seconds int) string {
		return s.Texts.T("agent.consent.warning", "seconds", s.Texts.Count("seconds", seconds))
	}
	offers, body := s.offers(), "agent.consent.body_choice"
	if len(offers) < 2 {
		body = "agent.consent.body"
	}
	text := s.Texts.T(body, "name", name)
	if s.Return != nil {
		text = s.Texts.T("agent.restart.again", "name", name) + "\n\n" + text
	}
	answer, choice, over := s.choose(ctx, ui.Question{
		Also: s.hideWord(), OnAlso: func() { s.hidePrograms(ctx) },
		Title: s.Texts.T("agent.consent.title"), Heading: s.Texts.T("agent.consent.heading", "name", name), Who: s.who(),
		Body: text, Choices: s.choices(name, offers, capture.Target{}),
		Accept: s.Texts.T("agent.consent.allow"), Refuse: s.Texts.T("agent.consent.refuse"),
		Timeout: consentTimeout, Warning: warning, MoreTime: s.Texts.T("agent.consent.more_time"),
	})
	if over != nil {
		return over
	}
	s.sharing = &sharing{screen: newScreen(s.hiding.covers), what: offers[choice]}
	s.said.consent = &protocol.ConsentAnswer{Permission: question.Permission, State: protocol.ConsentRefused, Epoch: question.Epoch}
	if answer == ui.Accepted {
		s.said.consent.State = protocol.ConsentGiven
	}
	if err := s.say(ctx, s.said.consent); err != nil {
		return s.lost()
	}
	if answer != ui.Accepted {
		return &ending{reason: protocol.EndConsentRefused, told: true, code: ExitRefused}
	}
	return s.recorded(ctx, *s.said.consent)
}

// recorded waits for the broker's word that the consent is on its evidence. It
// takes some milliseconds: no window is shown for them.
func (s *Session) recorded(ctx context.Context, consent protocol.ConsentAnswer) *ending {
	for {
		select {
		case e, ok := <-s.link.Incoming():
			if !ok {
				return s.lost()
			}
			switch e.Type {
			case (*protocol.ConsentRecorded)(nil).MessageType():
				m, err := protocol.DecodeBody[protocol.ConsentRecorded](e)
				if err != nil || m.Permission != consent.Permission || m.Epoch != consent.Epoch {
					return s.broken(e, err)
				}
				return nil
			case (*protocol.Resumed)(nil).MessageType():
				if over := s.incoming(ctx, e); over != nil {
					return over
				}
				m, err := protocol.DecodeBody[protocol.Resumed](e)
				if err == nil && slices.Contains(m.Consents, protocol.Consent{Permission: consent.Permission, State: protocol.ConsentGiven, Epoch: consent.Epoch}) {
					return nil // it was recorded, and the word of it was lost
				}
			default:
				if over := s.incoming(ctx, e); over != nil {
					return over
				}
			}
		case <-ctx.Done():
			return &ending{reason: protocol.EndCustomer, code: ExitRefused}
		}
	}
}
