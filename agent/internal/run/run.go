// Package run is the agent's side of one attended session: connect, join, name,
// terms, consent, picture, end, removal.
//
// It promises: no pixel is read before the customer said yes and the broker has
// that yes on its evidence; a lost connection is made again and what the broker
// did not hear is said again; the red X stops the picture before anything else is
// done; every way out of a session, a lost display and a dead broker included,
// stops the picture, removes the program and tells the person why.
package run

import (
	"context"
	"errors"
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
	ExitOver        = 0  // a session took place and is over, and nothing is left
	ExitFailed      = 1  // something that should not happen
	ExitUsage       = 2  // the command line is wrong
	ExitRefused     = 3  // the customer refused name, terms or view, or cancelled
	ExitUnreachable = 4  // the broker cannot be reached, or the connection was lost
	ExitKey         = 5  // key or ticket do not work
	ExitNoDisplay   = 6  // there is no display
	ExitUntrusted   = 7  // the broker is not one of the office's
	ExitCapture     = 8  // the screen could not be captured or encoded
	ExitLeft        = 9  // the session is over, but not everything could be removed
	ExitRestart     = 10 // the computer restarts, and the program comes back once
)

// consentTimeout is how long the customer has for an answer; none is a no.
const consentTimeout = 2 * time.Minute

// Config is what New needs. Ticket and Key may both be empty: then the customer
// is asked for the key.
type Config struct {
	UI        *ui.UI
	Languages []lang.Texts // those that UI can show, the desktop's own first
	Office    trust.Office
	Broker    string // asked for on the command line, "" for the default
	Ticket    protocol.Ticket
	Key       string
	Display   string // X display, "" for $DISPLAY
	Removal   *remove.Removal
	Return    *Return // after a restart of the computer; nil else
	Hello     protocol.Hello
	Log       *slog.Logger
}

// Session is one run of the agent.
type Session struct {
	Config
	Texts    lang.Texts // the language that is spoken: the desktop's, from joining on that of the terms
	broker   *trust.Broker
	link     *link.Link
	joined   protocol.Joined
	progress *ui.Progress
	said     said
	chat     *chat    // from joining on
	sharing  *sharing // from the consent on
	tools    *tools
	hiding   hiding
	bar      *ui.Bar          // while it is shown
	picture  *picture         // the present connection of the picture, nil while there is none
	coding   protocol.Picture // how it is to be coded, as the broker wishes

	away       bool           // the connection is lost for now
	since      time.Time      // of the sharing
	slept      protocol.Slept // the last sleep, N is 0 before the first
	unanswered int            // how often in a row the picture's connection did not come about
}

// said is what the customer has answered: the broker may not have heard it.
type said struct {
	name    *protocol.NameAnswer
	terms   *protocol.TermsAnswer
	consent *protocol.ConsentAnswer
}

// ending is why a session is over: from the broker, the customer or a failure.
type ending struct {
	reason protocol.EndReason
	told   bool // the broker knows
	kept   bool // the computer goes down: nobody is told, and the way back stays
	code   int
}

// New checks the configuration.
func New(config Config) (*Session, error) {
	if config.UI == nil || config.Removal == nil || config.Log == nil || len(config.Languages) == 0 {
		return nil, errors.New("run: the configuration is not complete")
	}
	return &Session{Config: config, Texts: config.Languages[0], tools: newTools(), hiding: newHiding()}, nil
}

// Run does the whole of it and returns the exit code.
func (s *Session) Run(ctx context.Context) int {
	connect := s.connect
	if s.Return != nil {
		connect = s.comeBack
	}
	if code, problem := connect(ctx); problem != "" {
		s.notStarted(ctx, problem)
		return code
	} else if code != ExitOver {
		return code
	}
	defer s.link.Close()
	over := s.attend(ctx)
	if over.kept {
		return over.code
	}
	return s.finish(ctx, over)
}

// notStarted tells why there is no session.
func (s *Session) notStarted(ctx context.Context, problem string) {
	s.hideProgress()
	notice := ui.Notice{Title: s.Texts.T("agent.error.title"), Heading: s.Texts.T("agent.error.heading"),
		Body: s.Texts.T(problem), OK: s.Texts.T("agent.ok")}
	if s.Return != nil {
		notice = notReturned(s.Texts, problem, s.Removal.Left())
	}
	if err := s.UI.Notice(ctx, notice); err != nil {
		s.Log.Error("notice not shown", slog.Any("error", err))
	}
}

// attend asks the customer step by step and shows the screen until the end.
func (s *Session) attend(ctx context.Context) ending {
	defer s.hideProgress()
	s.startChat(ctx)
	defer s.chat.close()
	if s.joined.ConfirmName {
		if over := s.confirmName(ctx); over != nil {
			return *over
		}
	}
	// The connection is made while the customer reads: nothing is sent on it yet.
	defer s.closePicture()
	if over := s.connectPicture(ctx); over != nil {
		return *over
	}
	if s.Return == nil { // else they were accepted before the restart
		if over := s.acceptTerms(ctx); over != nil {
			return *over
		}
	}
	// Nothing is asked for before the recording cannot be lost unseen any more.
	if over := s.recording(ctx, s.joined.Session, s.joined.Proof); over != nil {
		return *over
	}
	if over := s.consent(ctx); over != nil {
		return *over
	}
	return s.share(ctx)
}

// lost is the end of a session whose connection is gone for good: for the reason that
// the broker gave when the agent came back too late, else for the loss.
func (s *Session) lost() *ending {
	select {
	case <-s.link.Lost():
		for e := range s.link.Incoming() { // closed by now, or in a moment
			if m, err := protocol.DecodeBody[protocol.Ended](e); err == nil && e.Type == m.MessageType() {
				return &ending{reason: m.Reason, told: true}
			}
		}
	default:
	}
	return &ending{reason: protocol.EndNetworkLost, told: true, code: ExitUnreachable}
}

// ask shows a question while it listens to the broker.
func (s *Session) ask(ctx context.Context, q ui.Question) (ui.Answer, *ending) {
	answer, _, over := s.choose(ctx, q)
	return answer, over
}

// choose is ask for a question with choices.
func (s *Session) choose(ctx context.Context, q ui.Question) (ui.Answer, int, *ending) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	q.Report = s.Texts.T("agent.report")
	if s.chat.possible() {
		q.Aside, q.OnAside = s.Texts.T("agent.chat.write"), s.chat.show
	}
	type result struct {
		answer ui.Answer
		choice int
		err    error
	}
	answered := make(chan result, 1)
	go func() {
		answer, choice, err := s.UI.Choose(ctx, q)
		answered <- result{answer, choice, err}
	}()
	for {
		select {
		case r := <-answered:
			if r.err != nil {
				s.Log.Error("question not shown", slog.Any("error", r.err))
				return 0, 0, &ending{reason: protocol.EndCustomer, code: ExitNoDisplay}
			}
			if r.answer == ui.Reported {
				return 0, 0, &ending{reason: protocol.EndReported, code: ExitRefused}
			}
			return r.answer, r.choice, nil
		case e, ok := <-s.link.Incoming():
			var over *ending
			if ok {
				over = s.incoming(ctx, e)
			} else {
				over = s.lost()
			}
			if over != nil {
				cancel()
				<-answered
				return 0, 0, over
			}
		}
	}
}

// speak goes over to another language, if it can be shown.
func (s *Session) speak(tag string) {
	for _, t := range s.Languages {
		if t.Tag == tag {
			s.Texts = t
			s.UI.Speak(tag)
		}
	}
}

func (s *Session) who() ui.Person {
	t := s.joined.Technician
	return ui.Person{Name: t.Name, Team: t.Team, Office: t.Office}
}

// why is a paragraph that says why the technician says the session is needed.
func (s *Session) why() string {
	if s.joined.Reason == "" {
		return ""
	}
	return "\n\n" + s.Texts.T("agent.reason", "reason", isolate(s.joined.Reason))
}

// wait shows progress until a message of this type comes.
func (s *Session) wait(ctx context.Context, kind, text string) (protocol.Envelope, *ending) {
	cancelled := s.showProgress(text)
	for {
		select {
		case e, ok := <-s.link.Incoming():
			if !ok {
				return e, s.lost()
			}
			if e.Type == kind {
				return e, nil
			}
			if over := s.incoming(ctx, e); over != nil {
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
	left := s.Removal.Left()
	last := []protocol.Message{&protocol.Removed{Complete: len(left) == 0, Left: left}}
	if !over.told {
		last = append([]protocol.Message{&protocol.Ended{Reason: over.reason}}, last...)
	}
	// A broker that is away is told while the person reads, and a moment longer.
	telling, stop := context.WithCancel(ctx)
	defer stop()
	told := make(chan struct{})
	go func() { defer close(told); s.farewell(telling, last); s.link.Close() }()
	if err := s.UI.Notice(ctx, lastWindow(s.Texts, s.joined, over.reason, left)); err != nil {
		s.Log.Error("notice not shown", slog.Any("error", err))
	}
	patience := time.AfterFunc(farewellPatience, stop)
	defer patience.Stop()
	<-told
	if over.code == ExitOver && len(left) > 0 {
		return ExitLeft
	}
	return over.code
}
