// Package ui shows the windows of the agent on the customer's X11 desktop: questions, the field for
// the session key, progress, notices, and the bar that stays on top during a session.
//
// It promises:
//   - Every title begins with the name of the program. The refusing choice of a question has the
//     focus; Tab reaches the accepting one, Enter and Space press, Escape and closing the window
//     refuse. Nothing but a press on the accepting button accepts, and not in the first half second.
//   - A question ends with exactly one [Answer], or with an error and no answer. An error is never
//     a yes.
//   - [Bar.Ended] is closed by the press on the red X itself, before anything else is done.
//   - When the X server goes away every call returns [ErrDisplayLost]; the process goes on.
//
// It does not promise that nobody else can press: input that another program injects looks like the
// customer's to any window. The caller blocks remote input while a window of this package is open.
//
// Two toolkits stand behind the same type. GTK 3 is loaded at run time where the system has it and
// gives screen readers, input methods and all scripts of the world. Where it cannot be loaded, the
// windows are drawn here, over the X protocol alone; [UI.CanShow] then says which languages the
// fonts of the system can show.
//
// All texts come from the caller, already in the person's language and as plain text.
package ui

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

// Toolkit names what draws the windows.
type Toolkit int

const (
	Auto  Toolkit = iota // GTK where it can be loaded, else Drawn
	GTK                  // GTK 3, loaded at run time
	Drawn                // drawn here, over X11 alone
)

// String returns the toolkit's name.
func (t Toolkit) String() string {
	switch t {
	case Auto:
		return "auto"
	case GTK:
		return "gtk"
	case Drawn:
		return "drawn"
	}
	return fmt.Sprintf("toolkit %d", int(t))
}

var (
	// ErrNoDisplay says that there is no X display to show anything on.
	ErrNoDisplay = errors.New("ui: no display")
	// ErrDisplayLost says that the X server went away under an open window.
	ErrDisplayLost = errors.New("ui: display lost")
	// ErrNoToolkit says that the toolkit that was asked for cannot be used.
	ErrNoToolkit = errors.New("ui: toolkit cannot be used")
	// ErrClosed says that the UI was closed.
	ErrClosed = errors.New("ui: closed")
	// ErrText says that a text is missing, too long, or not text.
	ErrText = errors.New("ui: unusable text")
)

// Config says where and how windows are shown.
type Config struct {
	Display  string  // X display such as ":0"; empty means $DISPLAY
	Toolkit  Toolkit // Auto unless a certain one is needed
	AppName  string  // first word of every title; empty means "Consento"
	Language string  // as for [UI.Speak]; may be empty

	// OpenLink shows a web page that the person asked for. Nil means the desktop's own way
	// (xdg-open). It is called on a goroutine of its own; an error makes the address visible.
	OpenLink func(url string) error
}

// UI is an open connection to the person's desktop. Its methods may be called from any goroutine.
type UI struct {
	cfg     Config
	kit     toolkit
	desktop *desktop
	used    Toolkit

	asking atomic.Int32 // dialogs that are open

	mu      sync.Mutex
	closed  bool
	closing chan struct{}
	work    sync.WaitGroup // goroutines that this UI owns
}

// Open connects to the display and starts the toolkit.
// Errors: [ErrNoDisplay]; [ErrNoToolkit] if Config names a toolkit that cannot be used.
func Open(cfg Config) (*UI, error) {
	if cfg.AppName == "" {
		cfg.AppName = "Consento"
	}
	if cfg.OpenLink == nil {
		cfg.OpenLink = openLink
	}
	desk, err := connect(cfg.Display)
	if err != nil {
		return nil, err
	}
	u := &UI{cfg: cfg, desktop: desk, closing: make(chan struct{})}
	if cfg.Toolkit == Auto || cfg.Toolkit == GTK {
		kit, err := openGTK(desk)
		if err == nil {
			u.kit, u.used = kit, GTK
			u.Speak(cfg.Language)
			return u, nil
		}
		if cfg.Toolkit == GTK {
			desk.close()
			return nil, err
		}
	}
	kit, err := openDrawn(desk)
	if err != nil {
		desk.close()
		return nil, err
	}
	u.kit, u.used = kit, Drawn
	u.Speak(cfg.Language)
	return u, nil
}

// Toolkit tells which toolkit is in use, never Auto.
func (u *UI) Toolkit() Toolkit { return u.used }

// Asking tells whether any window but the bar and what asks nothing is open, or just opening: what other
// programs inject must not answer it.
func (u *UI) Asking() bool { return u.asking.Load() > 0 }

// CanShow tells whether every character of the sample can be shown as it is written. A caller that
// gets false for a language shows another one.
func (u *UI) CanShow(sample string) bool { return u.kit.canShow(sample) }

// Speak says in which language the texts of windows that open from now on are, by its BCP 47 tag. It
// chooses among the forms that one Han character has in several languages.
func (u *UI) Speak(language string) { u.kit.speak(language) }

// Close closes all windows, ends the toolkit and waits for it. Open calls return [ErrClosed].
func (u *UI) Close() {
	u.mu.Lock()
	if u.closed {
		u.mu.Unlock()
		return
	}
	u.closed = true
	close(u.closing)
	u.mu.Unlock()
	u.work.Wait()
	u.kit.close()
	u.desktop.close()
}

// enter counts a call of the public API, so that Close waits for it.
func (u *UI) enter() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return ErrClosed
	}
	select {
	case <-u.desktop.gone:
		return ErrDisplayLost
	default:
	}
	u.work.Add(1)
	return nil
}

// title makes sure that a title begins with the name of the program.
func (u *UI) title(s string) string {
	if strings.HasPrefix(s, u.cfg.AppName) {
		return s
	}
	if s == "" {
		return u.cfg.AppName
	}
	return u.cfg.AppName + " – " + s
}

// Longest texts that are shown, in bytes: a name that fills the screen is an attack, not a name.
const (
	maxLine    = 1 << 10
	maxBody    = 16 << 10
	maxDetails = 256 << 10
)

// text is one text of a window and what it must satisfy.
type text struct {
	name, value string
	max         int
	needed      bool
}

// checkTexts refuses texts that cannot be shown honestly.
func checkTexts(texts ...text) error {
	for _, t := range texts {
		switch {
		case t.needed && strings.TrimSpace(t.value) == "":
			return fmt.Errorf("%w: no %s", ErrText, t.name)
		case len(t.value) > t.max:
			return fmt.Errorf("%w: %s has %d bytes, at most %d", ErrText, t.name, len(t.value), t.max)
		case !utf8.ValidString(t.value):
			return fmt.Errorf("%w: %s is not UTF-8", ErrText, t.name)
		case strings.ContainsFunc(t.value, deceives) || !isolated(t.value):
			return fmt.Errorf("%w: %s has a control character", ErrText, t.name)
		}
	}
	return nil
}

// deceives tells characters that end a C string or turn the order of what follows: with them a name
// could rewrite the sentence around it (Unicode Technical Report 36, section 2.5).
func deceives(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r < 0x20 || r == 0x7f || r >= 0x80 && r < 0xa0:
		return true
	}
	return r >= 0x202a && r <= 0x202e || r == 0x2066 || r == 0x2067
}

// isolated tells whether what a text isolates ends within it (U+2068 and U+2069; Unicode UAX 9,
// section 2.5): then a name in it cannot turn what stands around it, else it could.
func isolated(s string) bool {
	depth := 0
	for _, r := range s {
		switch r {
		case 0x2068:
			depth++
		case 0x2069:
			if depth--; depth < 0 {
				return false
			}
		}
	}
	return depth == 0
}
