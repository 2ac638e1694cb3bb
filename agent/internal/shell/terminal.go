package shell

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
	"unicode/utf8"

	"consento/protocol"
)

const (
	// maxQueued is how many bytes may wait to be typed; the program reads slowly, or
	// not at all.
	maxQueued = 256 << 10
	// echoInterval is how often it is looked whether the terminal shows what is typed.
	echoInterval = 50 * time.Millisecond
	// quietInterval is how often it is looked whether something may be told again.
	quietInterval = 30 * time.Millisecond
)

// Config is what Open needs. The functions may be called from any goroutine and must
// not block.
type Config struct {
	Epoch uint32                  // of the consent
	Only  bool                    // scripts of the list alone, and nothing is typed
	Send  func(protocol.Terminal) // to the broker; lost while there is no connection: see Again
	Held  func() bool             // nothing may be typed now
	Quiet func() bool             // nothing may be told now: the customer hides everything
	// Runs is told of each script of the office's that begins, on a goroutine that it must
	// not hold up. May be nil.
	Runs func(protocol.RunScript)
	Log  *slog.Logger
	// Begin starts another program in the place of the customer's shell: a device's. It says
	// itself what is to be said before it is ready. Nil: the customer's shell, and scripts.
	Begin func(start protocol.Terminal, say func(protocol.Terminal)) Program
}

// Program is what runs in a terminal: a shell here, or a device's.
type Program interface {
	Program() string // what it is called
	Read([]byte) (int, error)
	Write([]byte) (int, error)
	Resize(cols, rows int) error
	Hidden() bool          // it reads a line that the terminal does not show
	Over() <-chan struct{} // closed when nothing of it runs any more
	Code() int
	Left() int // programs of it that could not be ended
	Shut()     // ends it, without waiting
	Close() bool
}

// Guest is a Program that is signed in to first.
type Guest interface {
	Program
	Ready() <-chan struct{}       // closed when it can be read and written
	Take(protocol.Terminal)       // what the technician answers
	Pending() []protocol.Terminal // what was said and is not answered
	Algorithms() string
	Cause() protocol.DeviceCause
}

// Terminal is the shells of one consent, one after the other. Output waits in the
// program until the console has shown what came before: nothing here grows.
type Terminal struct {
	config Config
	pumps  sync.WaitGroup
	end    chan struct{} // closed by Close

	mu     sync.Mutex
	moved  sync.Cond // output was acknowledged, or it is closed
	closed bool
	later  bool   // something waits to be told, see quiet
	last   uint32 // the newest shell's number
	run    *run   // the newest shell, nil before the first
}

// run is one shell. Its fields belong to the terminal's lock.
type run struct {
	shell      Program // nil if it could not be started
	ready      bool    // it can be read and written
	number     uint32
	cols, rows int
	queue      chan string
	queued     int    // bytes
	unshown    []byte // output that was not acknowledged: whole characters
	acked      uint64 // how much was
	hidden     bool
	over       bool
	code       int
}

// Open lets shells be started under one consent.
func Open(config Config) (*Terminal, error) {
	if config.Epoch == 0 || config.Send == nil || config.Held == nil || config.Quiet == nil || config.Log == nil {
		return nil, errors.New("shell: the configuration is not complete")
	}
	t := &Terminal{config: config, end: make(chan struct{})}
	t.moved.L = &t.mu
	return t, nil
}

// Take takes one message. It never blocks; of another consent, or of a shell that is
// not there, it is nothing.
func (t *Terminal) Take(m protocol.Terminal) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || m.Epoch != t.config.Epoch {
		return
	}
	if m.Kind == protocol.TerminalStart || m.Kind == protocol.TerminalScript {
		t.start(m)
		return
	}
	r := t.run
	if r == nil || r.number != m.Run || r.over {
		return
	}
	guest, isGuest := r.shell.(Guest)
	switch {
	case m.Kind == protocol.TerminalTrust || m.Kind == protocol.TerminalSecret:
		if isGuest && !r.ready && !t.config.Held() {
			guest.Take(m)
		}
		return
	case !r.ready && m.Kind != protocol.TerminalSize:
		return
	}
	switch m.Kind {
	case protocol.TerminalInput:
		t.input(r, m.Text)
	case protocol.TerminalSize:
		if r.cols, r.rows = m.Cols, m.Rows; r.shell.Resize(m.Cols, m.Rows) != nil {
			t.config.Log.Debug("terminal not resized") // it is just ending
		}
	case protocol.TerminalAck:
		t.ack(r, m.At)
	}
}

// Again tells everything that a lost connection may have lost.
func (t *Terminal) Again() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r := t.run; r != nil && !t.closed && !t.quiet() {
		t.tell(r)
	}
}

// quiet tells whether nothing may be told now; under the lock. Then everything is told once
// that is over.
func (t *Terminal) quiet() bool {
	if !t.later && t.config.Quiet() {
		t.later = true
		t.pumps.Go(func() {
			if !t.shown() {
				return
			}
			t.mu.Lock()
			defer t.mu.Unlock()
			t.later = false
			if r := t.run; r != nil && !t.closed {
				if r.shell != nil {
					t.echo(r, r.shell.Hidden())
				}
				t.tell(r)
			}
		})
	}
	return t.later
}

// shown waits while nothing may be told. It returns false when nobody listens any more.
func (t *Terminal) shown() bool {
	look := time.NewTicker(quietInterval)
	defer look.Stop()
	for t.config.Quiet() {
		select {
		case <-look.C:
		case <-t.end:
			return false
		}
	}
	return true
}

// Close ends what runs, at once; nothing is told any more. It reports whether
// everything was ended when it returned.
func (t *Terminal) Close() bool {
	t.mu.Lock()
	if !t.closed {
		close(t.end)
	}
	t.closed = true
	r := t.run
	t.moved.Broadcast()
	t.mu.Unlock()
	if r == nil || r.shell == nil {
		return true
	}
	return r.shell.Close()
}

// start begins the next shell, when the last one is over.
func (t *Terminal) start(m protocol.Terminal) {
	if r := t.run; r != nil && m.Run == r.number {
		if !t.quiet() {
			t.tell(r) // the broker did not hear it
		}
		return
	}
	script, ok := protocol.ScriptOf(m.Script)
	if m.Script != "" && !ok || t.config.Only && !ok || t.config.Begin != nil && ok {
		return
	}
	office := m.Kind == protocol.TerminalScript // its hash is that of its text: the protocol has checked it
	if office && (m.Own.Named() || t.config.Begin != nil) {
		return
	}
	if m.Run <= t.last || t.run != nil && !t.run.over || t.config.Held() {
		return
	}
	t.last = m.Run
	r := &run{number: m.Run, cols: m.Cols, rows: m.Rows, queue: make(chan string, 1024)}
	t.run = r
	var own *Shell
	var err error
	switch {
	case t.config.Begin != nil:
		r.shell = t.config.Begin(m, func(said protocol.Terminal) { t.said(r, said) })
	case ok:
		own, err = Run(m.Cols, m.Rows, script.Command)
	case office && m.Own.Interpreter != protocol.Sh:
		err = fmt.Errorf("shell: no %s here", m.Own.Interpreter)
	case office:
		if t.config.Runs != nil {
			t.config.Runs(m.Own) // the customer is told first
		}
		own, err = Run(m.Cols, m.Rows, m.Own.Text)
	default:
		own, err = Start(m.Cols, m.Rows)
	}
	if own != nil && err == nil {
		r.shell, r.ready = own, true
	}
	if err != nil {
		t.config.Log.Error("no shell", slog.Any("error", err))
		r.over, r.code = true, -1
		t.tell(r)
		return
	}
	if r.ready {
		t.tell(r)
	}
	t.pumps.Go(func() { t.read(r) })
	t.pumps.Go(func() { t.write(r) })
	t.pumps.Go(func() { t.watch(r) })
}

// said passes on what a program says before it is ready.
func (t *Terminal) said(r *run, m protocol.Terminal) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed && !r.over && !t.quiet() {
		m.Run = r.number
		t.say(m)
	}
}

// awaited waits until a program is ready, and says so.
func (t *Terminal) awaited(r *run) {
	guest, is := r.shell.(Guest)
	if !is {
		return
	}
	select {
	case <-guest.Ready():
	case <-guest.Over():
		select {
		case <-guest.Ready(): // and there is still something to read
		default:
			return
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if r.ready = true; !t.closed && !t.quiet() {
		t.tell(r)
	}
}

// tell says all of one shell that is not acknowledged.
func (t *Terminal) tell(r *run) {
	guest, isGuest := r.shell.(Guest)
	if isGuest && !r.ready {
		for _, m := range guest.Pending() {
			m.Run = r.number
			t.say(m)
		}
	}
	if r.ready {
		m := protocol.Terminal{Kind: protocol.TerminalStarted, Run: r.number, Cols: r.cols, Rows: r.rows, Program: r.shell.Program()}
		if isGuest {
			m.Algorithm = guest.Algorithms()
		}
		t.say(m)
		if r.hidden {
			t.say(protocol.Terminal{Kind: protocol.TerminalEcho, Run: r.number, Hidden: true})
		}
	}
	for at := 0; at < len(r.unshown); {
		n := whole(r.unshown[at:], protocol.MaxTerminalText)
		t.say(protocol.Terminal{Kind: protocol.TerminalOutput, Run: r.number, At: r.acked + uint64(at), Text: string(r.unshown[at : at+n])})
		at += n
	}
	if r.over {
		t.say(r.exited())
	}
}

// exited says how it ended.
func (r *run) exited() protocol.Terminal {
	m := protocol.Terminal{Kind: protocol.TerminalExited, Run: r.number, Code: r.code}
	if guest, is := r.shell.(Guest); is {
		m.Cause = guest.Cause()
	}
	return m
}

func (t *Terminal) say(m protocol.Terminal) {
	m.Epoch = t.config.Epoch
	t.config.Send(m)
}

// whole is how many of at most n bytes are whole characters.
func whole(b []byte, n int) int {
	if n >= len(b) {
		return len(b)
	}
	for n > 0 && !utf8.RuneStart(b[n]) {
		n--
	}
	return n
}

// input queues what is typed. Half of a command would be another command: if there
// is too much of it, the shell ends.
func (t *Terminal) input(r *run, text string) {
	if t.config.Held() || t.config.Only {
		return
	}
	if r.queued += len(text); r.queued <= maxQueued {
		select {
		case r.queue <- text:
			return
		default:
		}
	}
	t.config.Log.Warn("too much is typed into the shell: it ends")
	r.shell.Shut()
}

// ack lets more output come.
func (t *Terminal) ack(r *run, at uint64) {
	if at <= r.acked {
		return
	}
	n := whole(r.unshown, int(min(at-r.acked, uint64(len(r.unshown)))))
	r.unshown = append(r.unshown[:0], r.unshown[n:]...)
	r.acked += uint64(n)
	t.moved.Broadcast()
}

// read tells what the program puts out, as far as the console follows.
func (t *Terminal) read(r *run) {
	t.awaited(r)
	buf := make([]byte, maxRead)
	rest := 0
	for err := error(nil); err == nil && r.ready && t.mayRead(r); {
		var n int
		n, err = r.shell.Read(buf[rest:])
		text, begun := protocol.TerminalText(buf[:rest+n])
		t.output(r, text)
		rest = copy(buf, begun)
	}
	if rest > 0 {
		t.output(r, string(utf8.RuneError))
	}
	<-r.shell.Over()
	t.mu.Lock()
	defer t.mu.Unlock()
	r.over, r.code = true, r.shell.Code()
	close(r.queue)
	if left := r.shell.Left(); left > 0 {
		t.config.Log.Warn("programs of another user still run", slog.Int("programs", left))
	}
	if !t.closed && !t.quiet() {
		t.say(r.exited())
	}
}

// mayRead waits for room. It returns false when nobody listens any more.
func (t *Terminal) mayRead(r *run) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(r.unshown) > protocol.TerminalWindow-protocol.MaxTerminalText && !t.closed {
		t.moved.Wait()
	}
	return !t.closed
}

func (t *Terminal) output(r *run, text string) {
	if text == "" {
		return
	}
	hidden := r.shell.Hidden()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	quiet := t.quiet()
	if !quiet {
		t.echo(r, hidden) // before the question for a password
	}
	at := r.acked + uint64(len(r.unshown))
	if r.unshown = append(r.unshown, text...); quiet {
		return
	}
	t.say(protocol.Terminal{Kind: protocol.TerminalOutput, Run: r.number, At: at, Text: text})
}

func (t *Terminal) echo(r *run, hidden bool) {
	if hidden != r.hidden {
		r.hidden = hidden
		t.say(protocol.Terminal{Kind: protocol.TerminalEcho, Run: r.number, Hidden: hidden})
	}
}

// write types what is queued.
func (t *Terminal) write(r *run) {
	for text := range r.queue {
		if _, err := r.shell.Write([]byte(text)); err != nil {
			continue // it is over: the rest goes nowhere
		}
		t.mu.Lock()
		r.queued -= len(text)
		t.mu.Unlock()
	}
}

// watch follows whether the terminal shows what is typed.
func (t *Terminal) watch(r *run) {
	if _, is := r.shell.(Guest); is {
		return // nobody can tell
	}
	tick := time.NewTicker(echoInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-r.shell.Over():
			return
		}
		hidden := r.shell.Hidden()
		t.mu.Lock()
		if !t.closed && !r.over && !t.quiet() {
			t.echo(r, hidden)
		}
		t.mu.Unlock()
	}
}
