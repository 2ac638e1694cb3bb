package run

import (
	"context"
	"fmt"
	"image"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"consento/agent/internal/annotate"
	"consento/agent/internal/clipboard"
	"consento/agent/internal/control"
	"consento/agent/internal/files"
	"consento/agent/internal/input"
	"consento/agent/internal/restart"
	"consento/agent/internal/shell"
	"consento/agent/internal/ui"
	"consento/protocol"
)

// toolDelay is how long a person has to read before a yes to something riskier than
// viewing counts.
const toolDelay = 5 * time.Second

// tools is what the customer was asked and has allowed beside the view. It belongs
// to the session's goroutine, but for what others read.
type tools struct {
	last    uint32                                         // newest epoch that was asked
	said    map[protocol.Permission]protocol.ConsentAnswer // the last word on each
	asking  *protocol.ConsentAsk                           // nil while nothing is asked
	hush    context.CancelFunc                             // closes the question
	answers chan toolAnswer
	windows sync.WaitGroup
	away    *time.Timer // fires when a lost connection's consents are over
	steps   chan restartStep
	failed  chan uint32 // epoch of a consent whose display is gone
	blocks  chan protocol.ControlState
	open    map[protocol.Permission]tool // what is allowed now
	taking  context.CancelFunc           // closes the question what to take back; nil while there is none
	taken   chan []takenBack             // what the customer takes back
	guests  guests

	ended   atomic.Pointer[<-chan struct{}] // closed by the red X
	line    line                            // of the shell
	device  protocol.ConsentAsk             // the newest yes to one
	chosen  map[protocol.Permission]chosen  // the folder of the newest yes to files
	parcels parcels                         // of files
	clips   clips                           // of the clipboard
	board   bool                            // the display has a clipboard
	gate    atomic.Pointer[control.Gate]    // of control, read by the picture's connection
	hidden  atomic.Bool                     // nothing is shown
	lost    atomic.Bool                     // the connection is
	paused  atomic.Bool                     // the customer has paused, or the screen is locked
	size    atomic.Pointer[image.Point]     // of the picture
	stills  stills
}

// tool is one consent beside the view while it lasts.
type tool interface {
	// close stops it. When it returns nothing more is done on the customer's
	// computer under that consent.
	close()
}

// toolAnswer is what the customer did with a question.
type toolAnswer struct {
	ask    protocol.ConsentAsk
	answer ui.Answer
	folder files.Folder // with a yes to files
	err    error
}

func newTools() *tools {
	t := &tools{said: map[protocol.Permission]protocol.ConsentAnswer{}, answers: make(chan toolAnswer, 1),
		away: time.NewTimer(time.Hour), steps: make(chan restartStep), failed: make(chan uint32, 1), blocks: make(chan protocol.ControlState, 64),
		open: map[protocol.Permission]tool{}, chosen: map[protocol.Permission]chosen{}, taken: make(chan []takenBack, 1), guests: newGuests()}
	t.stills.taken = make(chan struct{}, 1)
	t.away.Stop()
	t.size.Store(&image.Point{})
	return t
}

// able lists the tools that this program has on this computer.
func (s *Session) able() (list []protocol.Permission) {
	if device, err := input.Open(s.Display); err != nil {
		s.Log.Warn("no control on this display", slog.Any("error", err))
	} else {
		device.Close()
		list = append(list, protocol.Control)
	}
	if shell.Able() {
		list = append(list, protocol.Scripts, protocol.Shell)
	}
	if len(files.Folders()) > 0 {
		list = append(list, protocol.SendFiles, protocol.FetchFiles)
	}
	if err := restart.Able(); err != nil {
		s.Log.Info("no way back after a restart", slog.Any("error", err))
	} else {
		list = append(list, protocol.Reboot)
	}
	if err := annotate.Able(s.Display); err != nil {
		s.Log.Warn("no drawing on this display", slog.Any("error", err))
	} else {
		list = append(list, protocol.MayDraw)
	}
	list = append(list, protocol.SSH, protocol.SystemInfo, protocol.MayKeep)
	if s.tools.board = clipboard.Able(s.Display); s.tools.board {
		list = append(list, protocol.SendClipboard, protocol.FetchClipboard)
	}
	return list
}

// has reports whether this program carries a permission out.
func (t *tools) has(p protocol.Permission) bool {
	return p == protocol.Control || p == protocol.SystemInfo || p == protocol.SSH || p == protocol.MayDraw || (p == protocol.Shell || p == protocol.Scripts) && shell.Able() || isFiles(p) && len(files.Folders()) > 0 || isClipboard(p) && t.board ||
		p == protocol.Reboot && restart.Able() == nil
}

// allowed lists what is open now.
func (t *tools) allowed() (list []protocol.Permission) {
	for _, p := range protocol.Permissions() {
		if t.open[p] != nil {
			list = append(list, p)
		}
	}
	return list
}

// asked puts a question of the broker's to the customer, one at a time.
func (s *Session) asked(ctx context.Context, bar *ui.Bar, ask protocol.ConsentAsk) *ending {
	t := s.tools
	if ask.Permission == protocol.ViewScreen || t.asking != nil && t.asking.Epoch == ask.Epoch {
		return nil // it is asked already
	}
	if said, ok := t.said[ask.Permission]; ok && said.Epoch == ask.Epoch {
		return s.tell(ctx, said) // the broker did not hear it
	}
	if ask.Epoch <= t.last || t.asking != nil || t.guests.asking != nil || bar == nil || !t.has(ask.Permission) || plain(ask.Technician.Name) != plain(s.joined.Technician.Name) || ask.Device != nil && !ask.Hosts.MayName(ask.Device.Host) {
		return s.tell(ctx, protocol.ConsentAnswer{Permission: ask.Permission, State: protocol.ConsentRefused, Epoch: ask.Epoch, Cause: protocol.CauseUnable})
	}
	if said, open := s.shut(bar, ask.Permission); open { // a new question ends the old yes
		said.State = protocol.ConsentWithdrawn
		t.said[ask.Permission] = said
	}
	t.last, t.asking = ask.Epoch, &ask
	asking, hush := context.WithCancel(ctx)
	t.hush = hush
	question := s.toolQuestion(ask)
	var folders []files.Folder
	if isFiles(ask.Permission) {
		if folders = files.Folders(); len(folders) == 0 || ask.Files == nil {
			folders = append(folders, files.Folder{}) // they went meanwhile: the tool does not open
		}
		s.filesQuestion(ask, folders, &question)
	}
	t.windows.Go(func() {
		said := toolAnswer{ask: ask}
		chosen := 0
		said.answer, chosen, said.err = s.UI.Choose(asking, question)
		if len(folders) > 0 {
			said.folder = folders[chosen]
		}
		select {
		case t.answers <- said:
		case <-asking.Done(): // nobody waits for it
		}
	})
	return nil
}

// toolQuestion says in plain words what is asked, and by whom.
func (s *Session) toolQuestion(ask protocol.ConsentAsk) ui.Question {
	name, key := isolate(ask.Technician.Name), "agent.tool."+string(ask.Permission)
	body := s.Texts.T(key+".body", "name", name)
	if what := s.sharing.what; ask.Permission == protocol.Control && what.source == protocol.SourceApplication {
		body = s.Texts.T(key+".body_program", "name", name, "program", isolate(what.name))
	}
	if d := ask.Device; d != nil {
		body = s.Texts.T(key+".body", "name", name, "device", isolate(d.Address()), "user", isolate(d.User))
	}
	accept, refuse := "agent.tool.allow", "agent.tool.refuse"
	if ask.Permission == protocol.Reboot {
		accept, refuse = key+".accept", key+".refuse"
	}
	return ui.Question{
		Title: s.Texts.T("agent.tool.title"), Heading: s.Texts.T(key+".heading", "name", name), Who: s.who(), Body: body,
		Accept: s.Texts.T(accept), Refuse: s.Texts.T(refuse), Report: s.Texts.T("agent.report"),
		Delay: toolDelay, Wait: s.Texts.T("agent.widen.wait"),
		Timeout: consentTimeout, MoreTime: s.Texts.T("agent.consent.more_time"),
		Warning: func(seconds int) string {
			return s.Texts.T("agent.consent.warning", "seconds", s.Texts.Count("seconds", seconds))
		},
	}
}

// answered takes what the customer did with a question.
func (s *Session) answered(ctx context.Context, a toolAnswer) *ending {
	t := s.tools
	if t.asking == nil || t.asking.Epoch != a.ask.Epoch {
		return nil // it was withdrawn meanwhile
	}
	t.hush()
	t.asking, t.hush = nil, nil
	if a.answer == ui.Reported && a.err == nil {
		return &ending{reason: protocol.EndReported, code: ExitRefused}
	}
	said := protocol.ConsentAnswer{Permission: a.ask.Permission, State: protocol.ConsentRefused, Epoch: a.ask.Epoch, Cause: protocol.CauseCustomer}
	switch {
	case a.err != nil:
		s.Log.Error("question not shown", slog.Any("error", a.err))
		said.Cause = protocol.CauseUnable
	case a.answer == ui.Accepted:
		said.State, said.Cause = protocol.ConsentGiven, ""
		if a.ask.Permission == protocol.SSH {
			t.device = a.ask
		}
		if isFiles(a.ask.Permission) {
			t.chosen[a.ask.Permission] = chosen{a.ask.Epoch, a.folder, *a.ask.Files}
		}
	case a.answer == ui.TimedOut:
		said.Cause = protocol.CauseNoAnswer
	}
	return s.tell(ctx, said)
}

// tell tells the broker the customer's last word on a tool, and keeps it: the broker
// may not hear it.
func (s *Session) tell(ctx context.Context, said protocol.ConsentAnswer) *ending {
	if known := s.tools.said[said.Permission]; known.Epoch <= said.Epoch {
		s.tools.said[said.Permission] = said
	}
	if err := s.say(ctx, &said); err != nil {
		return s.lost()
	}
	return nil
}

// recordedTool is the broker's word that a yes is on its evidence: only now the tool
// opens, and only if the customer said that yes here and has not taken it back.
func (s *Session) recordedTool(ctx context.Context, bar *ui.Bar, p protocol.Permission, epoch uint32) *ending {
	said := s.tools.said[p]
	if bar == nil || said.State != protocol.ConsentGiven || said.Epoch != epoch || s.tools.open[p] != nil {
		return nil
	}
	opened, err := s.openTool(ctx, p, epoch)
	if err != nil {
		s.Log.Error("a tool cannot be had", slog.String("permission", string(p)), slog.Any("error", err))
		return s.closeTool(ctx, bar, p, protocol.CauseFailed)
	}
	s.tools.open[p] = opened
	s.updateBar(bar, s.barText())
	return nil
}

// openTool opens what a consent is for.
func (s *Session) openTool(ctx context.Context, p protocol.Permission, epoch uint32) (tool, error) {
	switch p {
	case protocol.Control:
		control, err := s.openControl(epoch)
		if err != nil {
			return nil, err
		}
		return control, nil
	case protocol.Shell, protocol.Scripts:
		return s.openShell(p, epoch)
	case protocol.MayDraw:
		return s.openDrawing(epoch)
	case protocol.SSH:
		return s.openDevice(epoch)
	case protocol.SystemInfo:
		return s.openSystem(ctx, epoch), nil
	case protocol.SendFiles, protocol.FetchFiles:
		return s.openFiles(p, epoch)
	case protocol.SendClipboard, protocol.FetchClipboard:
		return s.openClipboard(ctx, p, epoch)
	case protocol.Reboot:
		return s.openRestart(ctx, epoch)
	}
	return nil, fmt.Errorf("run: no tool for %q", p)
}

// closeTool closes a tool, or its question, first and then says so. Of one that is
// neither open nor asked for it is nothing.
func (s *Session) closeTool(ctx context.Context, bar *ui.Bar, p protocol.Permission, cause protocol.ConsentCause) *ending {
	said, ok := s.shut(bar, p)
	if !ok {
		return nil
	}
	s.tools.forgetParts(p, cause)
	said.State, said.Cause = protocol.ConsentWithdrawn, cause
	return s.tell(ctx, said)
}

// shut closes a tool, or its question, without a word. It reports whether there was
// one, and of which consent.
func (s *Session) shut(bar *ui.Bar, p protocol.Permission) (protocol.ConsentAnswer, bool) {
	t := s.tools
	said := t.said[p]
	open := said.State == protocol.ConsentGiven
	t.close(p)
	if t.asking != nil && t.asking.Permission == p {
		said, open = protocol.ConsentAnswer{Permission: p, Epoch: t.asking.Epoch}, true
		t.hush()
		t.asking = nil
	}
	if bar != nil && open {
		s.updateBar(bar, s.barText())
	}
	return said, open
}

// closeTools is closeTool for all.
func (s *Session) closeTools(ctx context.Context, bar *ui.Bar, cause protocol.ConsentCause) *ending {
	for _, p := range protocol.Permissions() {
		if p == protocol.ViewScreen || p == protocol.Reboot && s.tools.leaving() {
			continue // a computer that goes down locks its screen and leaves the network
		}
		if over := s.closeTool(ctx, bar, p, cause); over != nil {
			return over
		}
	}
	return nil
}

// endedTool is the broker's word that a consent or a question is over.
func (s *Session) endedTool(bar *ui.Bar, m protocol.ConsentEnded) {
	t := s.tools
	if said := t.said[m.Permission]; said.Epoch != m.Epoch && (t.asking == nil || t.asking.Epoch != m.Epoch) {
		return // of one that is over for long
	}
	if said, open := s.shut(bar, m.Permission); open {
		t.forgetParts(m.Permission, m.Cause)
		said.State, said.Cause = protocol.ConsentWithdrawn, ""
		t.said[m.Permission] = said
	}
}

// reconcile compares the broker's list, after a lost connection, with the
// customer's words. It opens nothing that the customer did not allow here.
func (s *Session) reconcile(ctx context.Context, bar *ui.Bar, list []protocol.Consent) *ending {
	t := s.tools
	theirs := map[protocol.Permission]protocol.Consent{}
	for _, c := range list {
		theirs[c.Permission] = c
	}
	if a := t.asking; a != nil && (theirs[a.Permission].Epoch != a.Epoch || theirs[a.Permission].State != protocol.ConsentAsked) {
		s.shut(bar, a.Permission)
	}
	for p, said := range t.said {
		c := theirs[p]
		same := c.Epoch == said.Epoch
		var over *ending
		switch {
		case same && c.State == protocol.ConsentAsked, same && c.State == protocol.ConsentGiven && said.State != protocol.ConsentGiven:
			over = s.tell(ctx, said)
		case same && c.State == protocol.ConsentGiven:
			over = s.recordedTool(ctx, bar, p, said.Epoch) // the word of it may have been lost
		case said.State == protocol.ConsentGiven:
			s.shut(bar, p)
			said.State = protocol.ConsentWithdrawn
			t.said[p] = said
		}
		if over != nil {
			return over
		}
	}
	return nil
}

// leave follows the loss of the connection, and its return.
func (t *tools) leave(away bool) {
	t.lost.Store(away)
	if opened, ok := t.open[protocol.SystemInfo].(*systemTool); ok && away {
		opened.away()
	}
	if away {
		t.away.Reset(protocol.AwayLimit)
	} else {
		t.away.Stop()
	}
}

// close closes what a consent opened.
func (t *tools) close(p protocol.Permission) {
	if opened := t.open[p]; opened != nil {
		delete(t.open, p)
		opened.close()
	}
}

// shut closes everything, at once and without a word: the session is over.
func (t *tools) shut() {
	for _, p := range protocol.Permissions() {
		t.close(p)
	}
	t.parcels.clear()
	for _, end := range []context.CancelFunc{t.hush, t.taking, t.guests.hush} {
		if end != nil {
			end()
		}
	}
	t.away.Stop()
}

// stop is shut, and waits for the windows to close.
func (t *tools) stop() {
	t.shut()
	t.windows.Wait()
}
