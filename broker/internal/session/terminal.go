package session

import (
	"time"
	"unicode/utf8"

	"consento/protocol"
	"consento/recordings"
)

const (
	// Messages of a console: at once, and for each second on average; and how much may
	// be typed, in bytes. A person types less; who pastes more is asked to use a file.
	maxTerminalBurst     = 400
	maxTerminalPerSecond = 120
	maxTypedBurst        = 256 << 10
	maxTypedPerSecond    = 16 << 10
	// ackStep is how much output an acknowledgement must be for to count for nothing.
	ackStep = 32 << 10
	// Output may come as fast as the console shows it, then at this pace, in bytes:
	// all of it is on the evidence.
	outputBurst     = 16 << 20
	outputPerSecond = 1 << 20
	// tailSize is how much of the newest output a console may have that comes late.
	tailSize = 2 * protocol.TerminalWindow
	// maxRuns is how many shells one session may start.
	maxRuns = 1000
)

// viewOut is where a console's terminal is written to.
type viewOut interface{ SendTerminal([]byte) bool }

// terminal is what is done with one consent to the shell. It belongs to the
// session's goroutine.
type terminal struct {
	permission protocol.Permission // Shell, Scripts or SSH: what the consent is for
	device     *protocol.Device    // with SSH
	login      login               // of the newest connection to it
	view       *View               // the console that shows it; nil while none does
	runs       int                 // of the session

	run     uint32             // the newest shell, 0 before the first
	script  string             // of the list, "" for a login shell
	own     protocol.RunScript // of the office's; zero: none
	live    bool               // it was begun and is not over
	started protocol.Terminal
	exited  protocol.Terminal
	hidden  bool // the program does not show what is typed
	masked  bool // that something is typed meanwhile is on the evidence
	cast    *recordings.Cast

	got  uint64 // bytes of output that came
	tail []byte // the last of them
	seen uint64 // bytes that the console has shown
	told uint64 // bytes that the agent knows to be shown

	credit float64 // messages that may still come
	typed  float64 // bytes that may still be typed
	asOf   time.Time
	room   float64 // bytes of output that may still come
	roomAt time.Time

	used  shellUsed
	noted time.Time
}

// shellUsed counts what was done.
type shellUsed struct {
	Lines      int `json:"lines"`
	Characters int `json:"characters"`
	Output     int `json:"output"` // bytes
}

// begin makes ready for a consent that was given.
func (t *terminal) begin(given protocol.Consent) {
	if isShell(given.Permission) {
		now := time.Now()
		*t = terminal{permission: given.Permission, device: given.Device, view: t.view, runs: t.runs, credit: maxTerminalBurst, typed: maxTypedBurst, asOf: now, room: outputBurst, roomAt: now, noted: now}
	}
}

// mayCome counts one message of a console.
func (t *terminal) mayCome(m protocol.Terminal, now time.Time) bool {
	passed := now.Sub(t.asOf).Seconds()
	t.credit = min(maxTerminalBurst, t.credit+passed*maxTerminalPerSecond)
	t.typed = min(maxTypedBurst, t.typed+passed*maxTypedPerSecond)
	t.asOf = now
	if m.Kind != protocol.TerminalAck || m.At < t.seen+ackStep {
		t.credit--
	}
	t.typed -= float64(len(m.Text))
	return t.credit >= 0 && t.typed >= 0
}

func (t *terminal) take() shellUsed {
	u := t.used
	t.used, t.noted = shellUsed{}, time.Now()
	return u
}

// first is the number of the first byte that the tail has.
func (t *terminal) first() uint64 { return t.got - uint64(len(t.tail)) }

// keep takes output in, and forgets what is too old.
func (t *terminal) keep(text string) {
	t.got += uint64(len(text))
	if t.tail = append(t.tail, text...); len(t.tail) > 2*tailSize {
		t.tail = append(t.tail[:0], t.tail[len(t.tail)-tailSize:]...)
	}
}

// since is what a console lacks that has the output up to at, and where it begins:
// whole characters.
func (t *terminal) since(at uint64) (string, uint64) {
	at = min(max(at, t.first()), t.got)
	for at < t.got && !utf8.RuneStart(t.tail[at-t.first()]) {
		at++
	}
	return string(t.tail[at-t.first():]), at
}
