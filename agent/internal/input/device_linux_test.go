package input

import (
	"errors"
	"fmt"
	"image"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
	"go.uber.org/goleak"

	"consento/agent/internal/xtest"
	"consento/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 60 * time.Second

// TestEveryKeyHasANumber: what the protocol can name can be pressed, and each is
// another key.
func TestEveryKeyHasANumber(t *testing.T) {
	seen := map[byte]string{}
	for _, code := range protocol.KeyCodes() {
		n, ok := evdev[code]
		if !ok || seen[n] != "" {
			t.Errorf("%s is %d, as %q", code, n, seen[n])
		}
		seen[n] = code
	}
	if len(evdev) != len(seen) {
		t.Errorf("%d keys, the protocol names %d", len(evdev), len(seen))
	}
	for _, code := range modifiers {
		if evdev[code] == 0 {
			t.Errorf("no %s", code)
		}
	}
}

// program is a window with the keyboard and what it hears, by a connection of its own.
type program struct {
	t    testing.TB
	conn *xgb.Conn
	root xproto.Window
	said chan string
}

// run shows a window on all of the display.
func run(t testing.TB, display string) *program {
	t.Helper()
	c, err := xgb.NewConnDisplay(display)
	if err != nil {
		t.Fatal(err)
	}
	screen := xproto.Setup(c).DefaultScreen(c)
	p := &program{t: t, conn: c, root: screen.Root, said: make(chan string, 1000)}
	w, err := xproto.NewWindowId(c)
	if err == nil {
		err = xproto.CreateWindowChecked(c, 0, w, screen.Root, 0, 0, screen.WidthInPixels, screen.HeightInPixels, 0, xproto.WindowClassInputOutput, screen.RootVisual,
			xproto.CwEventMask, []uint32{xproto.EventMaskKeyPress | xproto.EventMaskKeyRelease | xproto.EventMaskButtonPress | xproto.EventMaskButtonRelease}).Check()
	}
	if err == nil {
		err = xproto.MapWindowChecked(c, w).Check()
	}
	if err == nil {
		err = xproto.SetInputFocusChecked(c, xproto.InputFocusPointerRoot, w, xproto.TimeCurrentTime).Check()
	}
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); p.listen() }()
	t.Cleanup(func() { c.Close(); <-done })
	return p
}

func (p *program) listen() {
	for {
		e, err := p.conn.WaitForEvent()
		if e == nil && err == nil {
			return
		}
		switch e := e.(type) {
		case xproto.ButtonPressEvent:
			p.said <- fmt.Sprintf("%d down %d,%d", e.Detail, e.RootX, e.RootY)
		case xproto.ButtonReleaseEvent:
			p.said <- fmt.Sprintf("%d up", e.Detail)
		case xproto.KeyPressEvent:
			p.said <- p.name(e.Detail, e.State)
		case xproto.KeyReleaseEvent:
			p.said <- "up " + fmt.Sprint(e.Detail-8)
		}
	}
}

// name is what a program takes a key for: it looks the symbol up late.
func (p *program) name(k xproto.Keycode, state uint16) string {
	m, err := xproto.GetKeyboardMapping(p.conn, k, 1).Reply()
	if err != nil {
		return err.Error()
	}
	level := 0
	if state&xproto.ModMaskShift != 0 {
		level = 1
	}
	return fmt.Sprintf("symbol %x", m.Keysyms[level])
}

// hears waits for so many events, without what is left out, and returns them.
func (p *program) hears(n int, without string) (list []string) {
	p.t.Helper()
	limit := time.After(patience)
	for len(list) < n {
		select {
		case said := <-p.said:
			if without == "" || !strings.HasPrefix(said, without) {
				list = append(list, said)
			}
		case <-limit:
			p.t.Fatalf("heard only %v", list)
		}
	}
	return list
}

func opened(t testing.TB, display string) *Device {
	t.Helper()
	d, err := Open(display)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

func check(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestPointer(t *testing.T) {
	t.Parallel()
	display := xtest.Server(t, 300, 200)
	p, d := run(t, display), opened(t, display)
	check(t, d.Move(image.Pt(20, 30)), d.Button(1, true), d.Move(image.Pt(40, 30)), d.Button(1, false), d.Wheel(0, 60), d.Wheel(0, 60), d.Wheel(-120, -120), d.Button(9, true), d.Button(9, false))
	want := []string{"1 down 20,30", "1 up", "5 down 40,30", "5 up", "4 down 40,30", "4 up", "6 down 40,30", "6 up", "9 down 40,30", "9 up"}
	if got := p.hears(len(want), ""); !slices.Equal(got, want) {
		t.Errorf("heard %q", got)
	}
	for _, button := range []int{0, 4, 5, 7, 10, -1} {
		if err := d.Button(button, true); !errors.Is(err, ErrUnknown) {
			t.Errorf("button %d: %v", button, err)
		}
	}
	check(t, d.Move(image.Pt(5000, -5)))
	if touched, err := d.Touched(); err != nil || touched {
		t.Errorf("the pointer that the display kept inside: touched %v, %v", touched, err)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	display := xtest.Server(t, 300, 200)
	p, d := run(t, display), opened(t, display)
	check(t, d.Key("ShiftLeft", true), d.Key("KeyA", true), d.Key("KeyA", false), d.Key("ShiftLeft", false))
	if got, want := p.hears(4, ""), []string{"symbol ffe1", "symbol 41", "up 30", "up 42"}; !slices.Equal(got, want) {
		t.Errorf("heard %q", got)
	}
	if err := d.Key("Power", true); !errors.Is(err, ErrUnknown) {
		t.Errorf("%v", err)
	}
}

// texts are typed over every layout.
var texts = []string{"plain Text, 123; (x) @ # { } \\", "però Ça été für Straße señor", "Привет мир", "こんにちは 漢字", "한국어", "👩‍🔧 🖨️ ok"}

// TestType: what is typed arrives, whatever the layout, held modifiers, or Caps Lock.
func TestType(t *testing.T) {
	t.Parallel()
	for _, layout := range []string{"us", "it", "de", "fr", "es", "jp", "ru", "us,ru"} {
		t.Run(layout, func(t *testing.T) {
			t.Parallel()
			display := xtest.Server(t, 300, 200)
			cmd := exec.Command("setxkbmap", layout)
			cmd.Env = append(os.Environ(), "DISPLAY="+display)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("setxkbmap: %v %s", err, out)
			}
			p, d := run(t, display), opened(t, display)
			typed := func(text string) {
				t.Helper()
				check(t, d.Type(t.Context(), text))
				var want, got []string
				for _, r := range text {
					want = append(want, fmt.Sprintf("symbol %x", keysym(r)))
				}
				for len(got) < len(want) {
					if said := p.hears(1, "up ")[0]; said != "symbol ffe1" { // Shift
						got = append(got, said)
					}
				}
				if !slices.Equal(got, want) {
					t.Errorf("%q: heard %q", text, got)
				}
			}
			for _, text := range texts {
				typed(text)
			}
			check(t, d.Key("ShiftLeft", true))
			typed("lower, UPPER")
			if !d.keys[42+8] {
				t.Error("Shift is not held any more")
			}
			check(t, d.Key("ShiftLeft", false))
		})
	}
}

// TestBorrowedKeysAreGivenBack: the keyboard is as it was.
func TestBorrowedKeysAreGivenBack(t *testing.T) {
	t.Parallel()
	display := xtest.Server(t, 300, 200)
	p := run(t, display)
	all := func() []xproto.Keysym {
		m, err := xproto.GetKeyboardMapping(p.conn, 8, 248).Reply()
		check(t, err)
		var list []xproto.Keysym
		for i := range 248 { // a key's width may have grown
			list = append(list, m.Keysyms[i*int(m.KeysymsPerKeycode)])
		}
		return list
	}
	before := all()
	d, err := Open(display)
	check(t, err)
	check(t, d.Type(t.Context(), "漢字かな交じり文と長い文章をここに入力します"))
	if slices.Equal(before, all()) {
		t.Error("nothing was borrowed")
	}
	d.Close()
	if !slices.Equal(before, all()) {
		t.Error("keys are still lent")
	}
}

// TestTouched: another hand is noticed, our own is not.
func TestTouched(t *testing.T) {
	t.Parallel()
	display := xtest.Server(t, 300, 200)
	run(t, display)
	d, other := opened(t, display), opened(t, display)
	touched := func(want bool, why string) {
		t.Helper()
		if got, err := d.Touched(); err != nil || got != want {
			t.Errorf("%s: %v, %v", why, got, err)
		}
	}
	touched(false, "at rest")
	check(t, d.Move(image.Pt(9, 9)), d.Button(1, true), d.Key("ShiftLeft", true))
	touched(false, "our own")
	xtest.Move(t, display, image.Pt(100, 100))
	touched(true, "the mouse was moved")
	touched(false, "it rests again")
	check(t, other.Key("KeyA", true))
	touched(true, "a key is down")
	check(t, other.Key("KeyA", false), other.Button(3, true))
	touched(true, "a button is down")
	check(t, other.Button(3, false))
	touched(false, "all is up")
	check(t, d.Button(1, false), d.Key("ShiftLeft", false))
}

func TestNoDisplay(t *testing.T) {
	t.Parallel()
	if _, err := Open(":4711"); !errors.Is(err, ErrDisplay) {
		t.Errorf("%v", err)
	}
	display, server := xtest.ServerProcess(t, 300, 200, 24)
	d := opened(t, display)
	check(t, server.Kill())
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if err := d.Move(image.Pt(1, 1)); errors.Is(err, ErrDisplay) {
			return
		}
	}
	t.Error("a lost display is not noticed")
}
