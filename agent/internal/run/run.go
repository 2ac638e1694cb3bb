// Package run is the agent's side of one attended session: connect, join, name,
// terms, consent, picture, end, removal.
//
// It promises: no pixel is read before the customer said yes and the broker has
// that yes on its evidence; the red X stops the picture before anything else is
// done; every way out of a session, a lost display and a dead broker included,
// stops the picture, removes the program and tells the person why.
package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"consento/agent/internal/link"
	"consento/agent/internal/remove"
	"consento/agent/internal/trust"
	"consento/agent/internal/ui"
	"consento/protocol"
	"consento/protocol/lang"
)

// Exit codes of the agent.
const (
	ExitOver        = 0 // a session took place and is over, and nothing is left
	ExitFailed      = 1 // something that should not happen
	ExitUsage       = 2 // the command line is wrong
	ExitRefused     = 3 // the customer refused name, terms or view, or cancelled
	ExitUnreachable = 4 // the broker cannot be reached, or the connection was lost
	ExitKey         = 5 // key or ticket do not work
	ExitNoDisplay   = 6 // there is no display
	ExitUntrusted   = 7 // the broker is not one of the office's
	ExitCapture     = 8 // the screen could not be captured or encoded
	ExitLeft        = 9 // the session is over, but not everything could be removed
)

// consentTimeout is how long the customer has for an answer; none is a no.
const consentTimeout = 2 * time.Minute

// Config is what New needs. Ticket and Key may both be empty: then the customer
// is asked for the key.
type Config struct {
	UI      *ui.UI
	Texts   lang.Texts
	Office  trust.Office
	Broker  string // asked for on the command line, "" for the default
	Ticket  protocol.Ticket
	Key     string
	Display string // X display, "" for $DISPLAY
	Removal *remove.Removal
	Hello   protocol.Hello
	Log     *slog.Logger
}

// Session is one run of the agent.
type Session struct {
	Config
	link     *link.Link
	joined   protocol.Joined
	progress *ui.Progress
}

// ending is why a session is over: from the broker, the customer or a failure.
type ending struct {
	reason protocol.EndReason
	told   bool // the broker knows
	code   int
}

// New checks the configuration.
func New(config Config) (*Session, error) {
	if config.UI == nil || config.Removal == nil || config.Log == nil {
		return nil, errors.New("run: the configuration is not complete")
	}
	return &Session{Config: config}, nil
}

// Run does the whole of it and returns the exit code.
func (s *Session) Run(ctx context.Context) int {
	if code, problem := s.connect(ctx); problem != "" {
		s.notStarted(ctx, problem)
		return code
	} else if code != ExitOver {
		return code
	}
	defer s.link.Close()
	return s.finish(ctx, s.attend(ctx))
}

// notStarted tells why there is no session.
func (s *Session) notStarted(ctx context.Context, problem string) {
	s.hideProgress()
	if err := s.UI.Notice(ctx, ui.Notice{Title: s.Texts.T("agent.error.title"), Heading: s.Texts.T("agent.error.heading"),
		Body: s.Texts.T(problem), OK: s.Texts.T("agent.ok")}); err != nil {
		s.Log.Error("notice not shown", slog.Any("error", err))
	}
}

// attend asks the customer step by step and shows the screen until the end.
func (s *Session) attend(ctx context.Context) ending {
	defer s.hideProgress()
	if s.joined.ConfirmName {
		if over := s.confirmName(ctx); over != nil {
			return *over
		}
	}
	picture, err := newPicture(s.Log)
	if err != nil {
		s.Log.Error("picture connection", slog.Any("error", err))
		return ending{reason: protocol.EndCaptureFailed, code: ExitCapture}
	}
	defer picture.close()
	// The connection is made while the customer reads: nothing is sent on it yet.
	offer, err := picture.offer(ctx)
	if err == nil {
		_, err = s.link.Send(ctx, &protocol.Offer{SDP: offer})
	}
	if err != nil {
		s.Log.Error("picture connection", slog.Any("error", err))
		return ending{reason: protocol.EndNetworkLost, code: ExitUnreachable}
	}
	if over := s.acceptTerms(ctx, picture); over != nil {
		return *over
	}
	consent, over := s.consent(ctx, picture)
	if over != nil {
		return *over
	}
	return s.share(ctx, picture, consent)
}

// incoming handles what the broker may send at any time. It returns the ending,
// if that is what it was.
func (s *Session) incoming(e protocol.Envelope, picture *picture) *ending {
	switch e.Type {
	case (*protocol.Ended)(nil).MessageType():
		m, err := protocol.DecodeBody[protocol.Ended](e)
		if err != nil {
			return s.broken(e, err)
		}
		return &ending{reason: m.Reason, told: true}
	case (*protocol.Answer)(nil).MessageType():
		m, err := protocol.DecodeBody[protocol.Answer](e)
		if err == nil && picture != nil {
			err = picture.answer(m.SDP)
		}
		if err != nil {
			return s.broken(e, err)
		}
	case (*protocol.Error)(nil).MessageType():
		m, err := protocol.DecodeBody[protocol.Error](e)
		if err != nil {
			return s.broken(e, err)
		}
		s.Log.Error("broker refused a message", slog.String("code", string(m.Code)))
		return &ending{reason: protocol.EndNetworkLost, code: ExitUnreachable}
	}
	return nil // an unknown message is tolerated
}

// broken ends a session whose broker makes no sense.
func (s *Session) broken(e protocol.Envelope, err error) *ending {
	s.Log.Error("message makes no sense", slog.String("type", e.Type), slog.Any("error", err))
	return &ending{reason: protocol.EndNetworkLost, code: ExitUnreachable}
}

func lost() *ending {
	return &ending{reason: protocol.EndNetworkLost, told: true, code: ExitUnreachable}
}

// ask shows a question while it listens to the broker.
func (s *Session) ask(ctx context.Context, q ui.Question, picture *picture) (ui.Answer, *ending) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		answer ui.Answer
		err    error
	}
	answered := make(chan result, 1)
	go func() {
		answer, err := s.UI.Ask(ctx, q)
		answered <- result{answer, err}
	}()
	for {
		select {
		case r := <-answered:
			if r.err != nil {
				s.Log.Error("question not shown", slog.Any("error", r.err))
				return 0, &ending{reason: protocol.EndCustomer, code: ExitNoDisplay}
			}
			return r.answer, nil
		case e, ok := <-s.link.Incoming():
			var over *ending
			if ok {
				over = s.incoming(e, picture)
			} else {
				over = lost()
			}
			if over != nil {
				cancel()
				<-answered
				return 0, over
			}
		}
	}
}

func (s *Session) who() ui.Person {
	t := s.joined.Technician
	return ui.Person{Name: t.Name, Team: t.Team, Office: t.Office}
}

func (s *Session) confirmName(ctx context.Context) *ending {
	s.hideProgress()
	answer, over := s.ask(ctx, ui.Question{
		Title: s.Texts.T("agent.name.title"), Heading: s.Texts.T("agent.name.heading"), Who: s.who(),
		Body:   s.Texts.T("agent.name.body", "phone", s.joined.Technician.Phone),
		Accept: s.Texts.T("agent.name.yes"), Refuse: s.Texts.T("agent.name.no"),
	}, nil)
	if over != nil {
		return over
	}
	if _, err := s.link.Send(ctx, &protocol.NameAnswer{Confirmed: answer == ui.Accepted}); err != nil {
		return lost()
	}
	if answer != ui.Accepted {
		return &ending{reason: protocol.EndNameNotConfirmed, told: true, code: ExitRefused}
	}
	return nil
}

func (s *Session) acceptTerms(ctx context.Context, picture *picture) *ending {
	s.hideProgress()
	t := s.joined.Technician
	q := ui.Question{
		Title: s.Texts.T("agent.terms.title"), Heading: s.Texts.T("agent.terms.heading"), Who: s.who(),
		Body:    s.Texts.T("agent.terms.intro", "name", t.Name, "team", t.Team),
		Details: s.joined.Terms.Text,
		Accept:  s.Texts.T("agent.terms.accept"), Refuse: s.Texts.T("agent.terms.refuse"),
	}
	if s.joined.Terms.URL != "" {
		q.Links = []ui.Link{{Label: s.Texts.T("agent.terms.link"), URL: s.joined.Terms.URL}}
	}
	if !s.Office.Prepared {
		q.Body += "\n\n" + s.Texts.T("agent.unprepared")
	}
	answer, over := s.ask(ctx, q, picture)
	if over != nil {
		return over
	}
	if _, err := s.link.Send(ctx, &protocol.TermsAnswer{Version: s.joined.Terms.Version, Accepted: answer == ui.Accepted}); err != nil {
		return lost()
	}
	if answer != ui.Accepted {
		return &ending{reason: protocol.EndTermsDeclined, told: true, code: ExitRefused}
	}
	return nil
}

// consent waits for the question, puts it to the customer, and waits until the
// yes is on the broker's evidence.
func (s *Session) consent(ctx context.Context, picture *picture) (protocol.Consent, *ending) {
	var none protocol.Consent
	e, over := s.wait(ctx, (*protocol.ConsentAsk)(nil).MessageType(), s.Texts.T("agent.connect.preparing"), picture)
	if over != nil {
		return none, over
	}
	question, err := protocol.DecodeBody[protocol.ConsentAsk](e)
	if err != nil || question.Permission != protocol.ViewScreen {
		return none, s.broken(e, err)
	}
	s.hideProgress()
	name := question.Technician.Name
	answer, over := s.ask(ctx, ui.Question{
		Title: s.Texts.T("agent.consent.title"), Heading: s.Texts.T("agent.consent.heading", "name", name), Who: s.who(),
		Body:   s.Texts.T("agent.consent.body", "name", name),
		Accept: s.Texts.T("agent.consent.allow"), Refuse: s.Texts.T("agent.consent.refuse"),
		Timeout: consentTimeout, Warning: s.Texts.T("agent.consent.warning", "seconds", "%d"), MoreTime: s.Texts.T("agent.consent.more_time"),
	}, picture)
	if over != nil {
		return none, over
	}
	consent := protocol.Consent{Permission: question.Permission, State: protocol.ConsentRefused, Epoch: question.Epoch}
	if answer == ui.Accepted {
		consent.State = protocol.ConsentGiven
	}
	if _, err := s.link.Send(ctx, &protocol.ConsentAnswer{Permission: consent.Permission, State: consent.State, Epoch: consent.Epoch}); err != nil {
		return none, lost()
	}
	if consent.State == protocol.ConsentRefused {
		return none, &ending{reason: protocol.EndConsentRefused, told: true, code: ExitRefused}
	}
	return consent, s.recorded(ctx, picture, consent)
}

// recorded waits for the broker's word that the consent is on its evidence. It
// takes some milliseconds: no window is shown for them.
func (s *Session) recorded(ctx context.Context, picture *picture, consent protocol.Consent) *ending {
	for {
		select {
		case e, ok := <-s.link.Incoming():
			if !ok {
				return lost()
			}
			if e.Type != (*protocol.ConsentRecorded)(nil).MessageType() {
				if over := s.incoming(e, picture); over != nil {
					return over
				}
				continue
			}
			m, err := protocol.DecodeBody[protocol.ConsentRecorded](e)
			if err != nil || m.Permission != consent.Permission || m.Epoch != consent.Epoch {
				return s.broken(e, err)
			}
			return nil
		case <-ctx.Done():
			return &ending{reason: protocol.EndCustomer, code: ExitRefused}
		}
	}
}

// wait shows progress until a message of this type comes.
func (s *Session) wait(ctx context.Context, kind, text string, picture *picture) (protocol.Envelope, *ending) {
	cancelled := s.showProgress(text)
	for {
		select {
		case e, ok := <-s.link.Incoming():
			if !ok {
				return e, lost()
			}
			if e.Type == kind {
				return e, nil
			}
			if over := s.incoming(e, picture); over != nil {
				return e, over
			}
		case <-cancelled:
			return protocol.Envelope{}, &ending{reason: protocol.EndCustomer, code: ExitRefused}
		case <-ctx.Done():
			return protocol.Envelope{}, &ending{reason: protocol.EndCustomer, code: ExitRefused}
		}
	}
}

// showProgress shows what is being done and returns what is closed when the
// customer stops it.
func (s *Session) showProgress(text string) <-chan struct{} {
	if s.progress != nil {
		if err := s.progress.Update(text); err == nil {
			return s.progress.Cancelled()
		}
		s.hideProgress()
	}
	p, err := s.UI.Progress(ui.ProgressText{Title: s.Texts.T("agent.connect.title"), Text: text, Cancel: s.Texts.T("agent.connect.cancel")})
	if err != nil {
		s.Log.Error("progress not shown", slog.Any("error", err))
		return nil
	}
	s.progress = p
	return p.Cancelled()
}

func (s *Session) hideProgress() {
	if s.progress == nil {
		return
	}
	if err := s.progress.Close(); err != nil {
		s.Log.Error("progress window was lost", slog.Any("error", err))
	}
	s.progress = nil
}

// finish tells the broker, removes what is left, and tells the customer.
func (s *Session) finish(ctx context.Context, over ending) int {
	ctx = context.WithoutCancel(ctx)
	if !over.told {
		if _, err := s.link.Send(ctx, &protocol.Ended{Reason: over.reason}); err != nil {
			s.Log.Warn("broker was not told of the end", slog.Any("error", err))
		}
	}
	left := s.Removal.Left()
	if _, err := s.link.Send(ctx, &protocol.Removed{Complete: len(left) == 0, Left: left}); err != nil {
		s.Log.Warn("broker was not told of the removal", slog.Any("error", err))
	}
	s.link.Close()
	body := s.Texts.T("end."+string(over.reason)) + "\n\n"
	if len(left) == 0 {
		body += s.Texts.T("agent.removed.body")
	} else {
		body += s.Texts.T("agent.removed.incomplete", "left", fmt.Sprint(left))
	}
	if err := s.UI.Notice(ctx, ui.Notice{Title: s.Texts.T("agent.removed.title"), Heading: s.Texts.T("agent.removed.heading"),
		Body: body, OK: s.Texts.T("agent.ok")}); err != nil {
		s.Log.Error("notice not shown", slog.Any("error", err))
	}
	if over.code == ExitOver && len(left) > 0 {
		return ExitLeft
	}
	return over.code
}
