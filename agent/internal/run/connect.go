package run

import (
	"context"
	"errors"
	"log/slog"
	"net/url"

	"consento/agent/internal/link"
	"consento/agent/internal/trust"
	"consento/agent/internal/ui"
	"consento/protocol"
)

// connect finds the broker and joins the session. It returns the exit code and,
// for people, the key of a text that says what went wrong.
func (s *Session) connect(ctx context.Context) (code int, problem string) {
	broker, err := s.Office.Choose(s.Broker)
	if err != nil {
		s.Log.Error("broker refused", slog.Any("error", err))
		return ExitUntrusted, "agent.error.foreign"
	}
	office := s.Office.Name
	if office == "" {
		office = broker.Host
	}
	cancelled := s.showProgress(s.Texts.T("agent.connect.connecting", "office", office))
	dialing, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-cancelled:
			cancel()
		case <-stop:
		}
	}()
	s.broker, err = s.Office.Client(dialing, broker)
	if err == nil {
		s.link, err = link.Dial(dialing, s.broker.Client, broker, s.Hello)
	}
	if err == nil {
		return s.join(ctx, broker)
	}
	s.Log.Error("broker not reached", slog.Any("error", err))
	if dialing.Err() != nil {
		s.hideProgress()
		return ExitRefused, ""
	}
	return notReached(err)
}

// notReached is the exit code and the sentence for a broker that could not be
// talked to.
func notReached(err error) (code int, problem string) {
	switch {
	case errors.Is(err, trust.ErrClock):
		return ExitUntrusted, "agent.error.clock"
	case errors.Is(err, trust.ErrUntrusted), errors.Is(err, trust.ErrForeign):
		return ExitUntrusted, "agent.error.untrusted"
	case errors.Is(err, link.ErrVersion):
		return ExitFailed, "agent.error.version"
	}
	return ExitUnreachable, "agent.error.connect"
}

// join shows ticket or key. A key that does not work can be typed again.
func (s *Session) join(ctx context.Context, broker *url.URL) (code int, problem string) {
	join := protocol.Join{Ticket: string(s.Ticket), Key: s.Key}
	if join.Ticket != "" {
		join.Key = ""
	}
	if s.Return != nil {
		t := s.Return.Plan.Ticket
		join = protocol.Join{Return: &protocol.Return{Session: t.Session, Secret: t.Secret, Machine: t.Machine}}
	}
	join.Tools, join.Guests = s.able(), true
	for _, t := range s.Languages {
		join.Languages = append(join.Languages, t.Tag)
	}
	wrong := ""
	for {
		if join.Ticket == "" && join.Key == "" && join.Return == nil {
			key, ok := s.promptKey(ctx, wrong)
			if !ok {
				s.link.Close()
				return ExitRefused, ""
			}
			join.Key = key
		}
		code, problem = s.tryJoin(ctx, broker, join)
		if problem == "" {
			return code, ""
		}
		if code != ExitKey || join.Key == "" {
			s.link.Close()
			return code, problem
		}
		wrong, join.Key = s.Texts.T(problem), ""
	}
}

func (s *Session) promptKey(ctx context.Context, wrong string) (string, bool) {
	s.hideProgress()
	for {
		key, ok, err := s.UI.Prompt(ctx, s.keyPrompt(wrong))
		if err != nil || !ok {
			return "", false
		}
		parsed, err := protocol.ParseSessionKey(key)
		if err == nil {
			return string(parsed), true
		}
		wrong = s.Texts.T("agent.error.key")
	}
}

// keyPrompt asks for the key; wrong says what was wrong with the one before.
func (s *Session) keyPrompt(wrong string) ui.Prompt {
	p := ui.Prompt{Title: s.Texts.T("agent.key.title"), Heading: s.Texts.T("agent.key.heading"),
		Label: s.Texts.T("agent.key.label"), Hint: s.Texts.T("agent.key.hint"), Error: wrong,
		Continue: s.Texts.T("agent.key.continue"), Cancel: s.Texts.T("agent.key.cancel")}
	if !s.Office.Prepared {
		p.Body = s.Texts.T("agent.unprepared")
	}
	return p
}

// tryJoin sends one join and waits for its answer.
func (s *Session) tryJoin(ctx context.Context, broker *url.URL, join protocol.Join) (code int, problem string) {
	id, err := s.link.Send(ctx, &join)
	if err != nil {
		return ExitUnreachable, "agent.error.connect"
	}
	cancelled := s.showProgress(s.Texts.T("agent.connect.preparing"))
	for {
		select {
		case e, ok := <-s.link.Incoming():
			if !ok {
				return ExitUnreachable, "agent.error.connect"
			}
			switch e.Type {
			case (*protocol.Joined)(nil).MessageType():
				joined, err := protocol.DecodeBody[protocol.Joined](e)
				if err != nil {
					return ExitFailed, "agent.error.version"
				}
				joined.Technician, joined.Log = isolated(joined.Technician), ofBroker(broker, joined.Log)
				s.joined = joined
				s.link.Keep(protocol.Resume{Session: joined.Session, Secret: joined.Resume}, protocol.ReturnLimit)
				s.speak(joined.Terms.Language) // as the customer reads it on the portal
				return ExitOver, ""
			case (*protocol.Ended)(nil).MessageType(): // while the computer was down
				if m, err := protocol.DecodeBody[protocol.Ended](e); err == nil {
					return ExitKey, "end." + string(m.Reason)
				}
			case (*protocol.Error)(nil).MessageType():
				m, err := protocol.DecodeBody[protocol.Error](e)
				if err != nil || e.Ref != id {
					continue
				}
				switch m.Code {
				case protocol.CodeKey:
					if join.Return != nil {
						return ExitKey, "agent.restart.late"
					}
					return ExitKey, "agent.error.key"
				case protocol.CodeThrottled:
					return ExitKey, "agent.error.throttled"
				case protocol.CodeVersion:
					return ExitFailed, "agent.error.version"
				}
				return ExitUnreachable, "agent.error.connect"
			}
		case <-cancelled:
			s.link.Close()
			return ExitRefused, ""
		case <-ctx.Done():
			s.link.Close()
			return ExitRefused, ""
		}
	}
}
