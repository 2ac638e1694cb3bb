package run

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"consento/agent/internal/restart"
	"consento/agent/internal/ui"
	"consento/protocol"
)

const (
	// restartCountdown is how long the customer can still stop a restart.
	restartCountdown = 20 * time.Second
	// restartPatience is how long a system that has promised to restart may take.
	restartPatience = 3 * time.Minute
	// restartStops is how long the end of a consent waits for what was being written.
	restartStops = time.Second
)

// Return is how a program starts that was started after a restart of the computer.
type Return struct {
	Plan *restart.Plan
	Err  error // why there is no good ticket, or nil
}

// restartStep is what comes next in a restart, for the session's goroutine.
type restartStep struct {
	epoch uint32
	tell  protocol.RestartState // the broker; "": it is over
	over  protocol.ConsentCause // why
}

// restartTool is one consent to restart the computer while it lasts.
type restartTool struct {
	epoch  uint32
	ticket restart.Ticket
	words  restart.Words
	countdown,
	patience time.Duration
	reboot   func(context.Context) error
	show     func(text string) (*ui.Progress, error)
	text     func(state protocol.RestartState, seconds int) string
	steps    chan<- restartStep
	recorded chan protocol.RestartState // of capacity 3: the broker has it on its evidence
	removal  func(left func() []string) // told of what lies on the disk
	log      *slog.Logger

	stop context.CancelFunc
	done chan struct{}

	going atomic.Bool // the system was asked, or is about to be
	mu    sync.Mutex
	plan  *restart.Plan // what lies on the disk; nil: nothing
	kept  bool          // it stays there: the computer goes down
}

// openRestart prepares a restart and counts down, beside the session.
func (s *Session) openRestart(ctx context.Context, epoch uint32) (tool, error) {
	if err := restart.Able(); err != nil {
		return nil, err
	}
	t := s.newRestart(epoch)
	s.startRestart(ctx, t)
	return t, nil
}

func (s *Session) newRestart(epoch uint32) *restartTool {
	name := isolate(s.joined.Technician.Name)
	texts := s.Texts
	return &restartTool{epoch: epoch, ticket: restart.NewTicket(s.joined.Session, s.Broker, texts.Tag),
		words:     restart.Words{Name: texts.T("agent.restart.entry"), Comment: texts.T("agent.restart.entry_comment")},
		countdown: restartCountdown, patience: restartPatience, reboot: restart.Reboot, steps: s.tools.steps, log: s.Log,
		recorded: make(chan protocol.RestartState, len(protocol.RestartStates())), done: make(chan struct{}), removal: s.Removal.Also,
		show: func(text string) (*ui.Progress, error) {
			return s.UI.Progress(ui.ProgressText{Title: texts.T("agent.restart.title"), Text: text, Cancel: texts.T("agent.restart.cancel")})
		},
		text: func(state protocol.RestartState, seconds int) string {
			return texts.T("agent.restart."+string(state), "name", name, "seconds", texts.Count("seconds", seconds))
		}}
}

func (s *Session) startRestart(ctx context.Context, t *restartTool) {
	ctx, t.stop = context.WithCancel(ctx)
	s.tools.windows.Go(func() {
		defer close(t.done)
		t.run(ctx)
	})
}

// run goes from the copy on the disk to the restart, or to why there is none.
func (t *restartTool) run(ctx context.Context) {
	if !t.prepare(ctx) || !t.say(ctx, restartStep{tell: protocol.RestartCounting}) {
		return
	}
	window, err := t.show(t.text(protocol.RestartCounting, int(t.countdown.Seconds())))
	if err != nil {
		t.log.Error("countdown not shown", slog.Any("error", err))
		t.say(ctx, restartStep{over: protocol.CauseFailed}) // what cannot be stopped is not begun
		return
	}
	defer func() { _ = window.Close() }() // the display may be gone already
	cause := t.count(ctx, window)
	if cause == "" {
		cause = t.restart(ctx, &window)
	}
	t.say(ctx, restartStep{over: cause})
}

// prepare writes copy, ticket and entry.
func (t *restartTool) prepare(ctx context.Context) bool {
	plan, err := restart.Prepare(t.ticket, t.words)
	if err != nil {
		t.log.Error("return not prepared", slog.Any("error", err))
		return t.say(ctx, restartStep{over: protocol.CauseFailed}) && false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.plan = plan
	t.removal(t.left)
	if ctx.Err() != nil {
		plan.Undo() // whoever closed it may not have seen the plan
		return false
	}
	return true
}

// left lists what should be gone and is not.
func (t *restartTool) left() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.plan == nil || t.kept {
		return nil
	}
	return t.plan.Left()
}

// count counts down. It returns why not to restart, "" if nothing stands against it.
func (t *restartTool) count(ctx context.Context, window *ui.Progress) protocol.ConsentCause {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	end := time.Now().Add(t.countdown)
	for {
		select {
		case <-tick.C:
			left := time.Until(end)
			if left <= 0 {
				return ""
			}
			if err := window.Update(t.text(protocol.RestartCounting, int(left.Seconds())+1)); err != nil {
				return protocol.CauseFailed
			}
		case <-window.Cancelled():
			return protocol.CauseCustomer
		case <-ctx.Done():
			return protocol.CauseCustomer
		}
	}
}

// restart asks the system, once the broker has it on its evidence, and where that does
// not help the customer. It returns why the computer was not restarted.
func (t *restartTool) restart(ctx context.Context, window **ui.Progress) protocol.ConsentCause {
	if !t.say(ctx, restartStep{tell: protocol.RestartGoing}) {
		return protocol.CauseCustomer
	}
	for state := protocol.RestartState(""); state != protocol.RestartGoing; {
		select {
		case state = <-t.recorded:
		case <-(*window).Cancelled():
			return protocol.CauseCustomer
		case <-ctx.Done():
			return protocol.CauseCustomer
		}
	}
	t.going.Store(true)
	if err := t.turn(window, protocol.RestartGoing); err != nil {
		return protocol.CauseFailed
	}
	patience := t.patience
	asked := make(chan error, 1)
	asking, stop := context.WithCancel(ctx)
	defer stop()
	go func() { asked <- t.reboot(asking) }() // it may wait for the person's password
	for timer := time.NewTimer(t.ticket.Left()); ; {
		select {
		case err := <-asked:
			if err == nil {
				timer.Reset(patience)
				continue
			}
			t.log.Warn("the system does not restart", slog.Any("error", err))
			if !t.say(ctx, restartStep{tell: protocol.RestartByHand}) || t.turn(window, protocol.RestartByHand) != nil {
				return protocol.CauseFailed
			}
		case <-timer.C:
			return protocol.CauseFailed
		case <-(*window).Cancelled():
			return protocol.CauseCustomer
		case <-ctx.Done():
			return protocol.CauseCustomer
		}
	}
}

// turn shows what is to be said now in a window of the size that it needs.
func (t *restartTool) turn(window **ui.Progress, state protocol.RestartState) error {
	next, err := t.show(t.text(state, 0))
	if err == nil {
		err = (*window).Close()
		*window = next
	}
	return err
}

// say hands a step to the session's goroutine, unless the consent is over.
func (t *restartTool) say(ctx context.Context, step restartStep) bool {
	step.epoch = t.epoch
	select {
	case t.steps <- step:
		return true
	case <-ctx.Done():
		return false
	}
}

// keep leaves on the disk what is there: the computer goes down.
func (t *restartTool) keep() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = true
}

// close removes what lies on the disk, unless the computer goes down.
func (t *restartTool) close() {
	t.stop()
	patience := time.NewTimer(restartStops)
	defer patience.Stop()
	select {
	case <-t.done:
	case <-patience.C: // it finds out by itself, and undoes what it has done
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.plan == nil || t.kept {
		return
	}
	if left := t.plan.Undo(); len(left) > 0 {
		t.log.Error("return not removed", slog.Any("left", left))
	}
}

// restart is the tool while it is allowed, nil else.
func (t *tools) restart() *restartTool {
	opened, _ := t.open[protocol.Reboot].(*restartTool)
	return opened
}

// leaving reports whether the computer may go down any moment.
func (t *tools) leaving() bool {
	opened := t.restart()
	return opened != nil && opened.going.Load()
}

// restartStepped takes what comes next in a restart.
func (s *Session) restartStepped(ctx context.Context, bar *ui.Bar, step restartStep) *ending {
	t := s.tools.restart()
	if t == nil || t.epoch != step.epoch {
		return nil // it was taken back meanwhile
	}
	if step.tell == "" {
		return s.closeTool(ctx, bar, protocol.Reboot, step.over)
	}
	m := protocol.Restart{Epoch: t.epoch, State: step.tell}
	if step.tell == protocol.RestartCounting {
		m.Seconds, m.Hash, m.Machine = int(t.countdown.Seconds()), t.ticket.Hash(), t.ticket.Machine
	}
	_, err := s.link.Send(ctx, &m)
	if err == nil {
		return nil
	}
	// A broker that does not know of the restart would not let the agent back in.
	s.Log.Warn("restart given up: the connection is lost", slog.Any("error", err))
	return s.closeTool(ctx, bar, protocol.Reboot, protocol.CauseAway)
}

// restartRecorded is the broker's word that a restart is on its evidence.
func (s *Session) restartRecorded(m protocol.RestartRecorded) {
	t := s.tools.restart()
	if t == nil || t.epoch != m.Epoch {
		return
	}
	select {
	case t.recorded <- m.State:
	default: // of a broker that repeats itself
	}
}

// goneDown is the end of a program whose computer goes down, and over otherwise: then
// what lies on the disk stays, and nobody is told anything.
func (s *Session) goneDown(over *ending) *ending {
	if !s.tools.leaving() {
		return over
	}
	s.tools.restart().keep()
	return &ending{told: true, kept: true, code: ExitRestart}
}

var errLate = errors.New("run: the time for coming back is over")

// comeBack joins the session again after a restart: as soon as there is a network, for
// as long as the ticket is good.
func (s *Session) comeBack(ctx context.Context) (code int, problem string) {
	if s.Return.Err != nil {
		s.Log.Warn("nothing to come back with", slog.Any("error", s.Return.Err))
		return ExitUnreachable, "agent.restart.late"
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.Return.Plan.Ticket.Left(), errLate)
	defer cancel()
	for {
		code, problem = s.connect(ctx)
		if problem == "" && code == ExitOver {
			return code, ""
		}
		if errors.Is(context.Cause(ctx), errLate) {
			return ExitUnreachable, "agent.restart.late"
		}
		if problem == "" || code == ExitKey || code == ExitFailed || !wait(ctx, returnPause) {
			return code, problem
		}
	}
}

// returnPause lies between two tries to come back.
const returnPause = 2 * time.Second
