package capture_test

import (
	"errors"
	"fmt"
	"image"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jezek/xgb/xproto"

	"consento/agent/internal/capture"
	"consento/agent/internal/xtest"
)

// Colours of the captured program, and of others, which may appear nowhere.
const (
	own, menu, dialog = 0x2060a0, 0x30c040, 0xd0b020
	secret            = 0xff00ff
)

// app is the actor as it can be captured.
func (a *actor) app() capture.Target {
	return capture.Target{Application: capture.Application(a.cmd.Process.Pid)}
}

// watch opens a source for one program and checks every frame that it ever gives.
type watch struct {
	t testing.TB
	*capture.Source
	last  capture.Frame
	state capture.State
	seen  int // frames
}

func watchProgram(t testing.TB, display string, what capture.Target) *watch {
	t.Helper()
	return watchCovered(t, display, what, nil)
}

func watchCovered(t testing.TB, display string, what capture.Target, covers *capture.Covers) *watch {
	t.Helper()
	s, err := capture.OpenCovered(display, what, covers)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &watch{t: t, Source: s}
}

// until grabs frames until ok holds for one, and finds no secret in any.
func (w *watch) until(what string, ok func(capture.Frame) bool) {
	w.t.Helper()
	limit := time.After(patience)
	for {
		w.look()
		if ok(w.last) {
			return
		}
		select {
		case <-w.Changed():
		case <-limit:
			w.t.Fatalf("never: %s; now %s", what, w.summary())
		}
	}
}

// look grabs one frame.
func (w *watch) look() {
	w.t.Helper()
	w.last = grab(w.t, w.Source)
	w.seen++
	if n := count(w.last)[secret]; n > 0 {
		w.t.Fatalf("frame %d has %d pixels of another program", w.seen, n)
	}
	select {
	case w.state = <-w.State():
	default:
	}
}

func (w *watch) summary() string {
	var list []string
	for c, n := range count(w.last) {
		list = append(list, fmt.Sprintf("%06x: %d", c, n))
	}
	slices.Sort(list)
	return fmt.Sprint(w.state, " ", w.last.Size, " ", list[:min(len(list), 12)])
}

// count counts the colours of a frame.
func count(f capture.Frame) map[uint32]int {
	n := map[uint32]int{}
	for y := range f.Size.Y {
		for x := range f.Size.X {
			n[pixel(f, x, y)]++
		}
	}
	return n
}

// shows makes a check that a frame has exactly these windows, the last on top,
// and the ground everywhere else.
func shows(windows ...coloured) func(capture.Frame) bool {
	return func(f capture.Frame) bool {
		for y := range f.Size.Y {
			for x := range f.Size.X {
				want := uint32(capture.Ground)
				for _, w := range windows {
					if image.Pt(x, y).In(w.r) && !image.Pt(x, y).In(w.hole) {
						want = w.colour
					}
				}
				if pixel(f, x, y) != want {
					return false
				}
			}
		}
		return true
	}
}

type coloured struct {
	colour uint32
	r      image.Rectangle
	hole   image.Rectangle
}

// A program alone: another's window above it, beside it, below it and moving over
// it is in no frame, and hides nothing of it.
func TestProgramAlone(t *testing.T) {
	display := xtest.Server(t, 500, 400)
	xtest.NewPainter(t, display).Fill(t, secret, image.Rect(0, 0, 500, 400)) // the desktop itself
	ours, theirs := startActor(t, display), startActor(t, display)
	box := image.Rect(100, 80, 300, 240)
	under := theirs.open(secret, image.Rect(60, 40, 350, 300))
	window := ours.open(own, box)
	above := theirs.open(secret, image.Rect(150, 100, 400, 350))
	w := watchProgram(t, display, ours.app())
	w.until("the program alone", shows(coloured{colour: own, r: box}))
	if w.state != capture.Seen {
		t.Error(w.state)
	}
	for i := range 40 {
		theirs.place(above, image.Rect(10*i, 5*i, 10*i+200, 5*i+150))
		w.look()
		if !shows(coloured{colour: own, r: box})(w.last) {
			t.Fatalf("the other window at step %d: %s", i, w.summary())
		}
	}
	// The program's own window moves under it, far over the edge as well.
	for i := range 40 {
		box := image.Rect(-100+15*i, 320-10*i, 100+15*i, 480-10*i)
		ours.place(window, box)
		w.until(fmt.Sprint("moved to ", box), shows(coloured{colour: own, r: box}))
	}
	theirs.do("raise %d", under)
	theirs.place(under, image.Rect(0, 0, 500, 400))
	ours.place(window, box)
	w.until("back", shows(coloured{colour: own, r: box}))
	// It paints under the other's window.
	ours.do("fill %d %d", window, dialog)
	w.until("painted while it is covered", shows(coloured{colour: dialog, r: box}))
	if p := w.last.Damage; len(p) != 1 || p[0].Dy() != box.Dy() {
		t.Errorf("damage %v for a window at %v", p, box)
	}
}

// A program that has painted nothing yet, or paints nothing any more, shows
// nothing: the server gives its window the pixels of what lay there before.
func TestProgramThatPaintsNothing(t *testing.T) {
	for _, how := range []string{"deaf,none", "deaf,none,override"} {
		t.Run(how, func(t *testing.T) {
			display := xtest.Server(t, 500, 400)
			xtest.NewPainter(t, display).Fill(t, secret, image.Rect(0, 0, 500, 400))
			ours, theirs := startActor(t, display), startActor(t, display)
			box := image.Rect(100, 80, 300, 240)
			window := ours.open(own, box, how)
			theirs.open(secret, image.Rect(0, 0, 500, 400), "override")
			w := watchProgram(t, display, ours.app())
			empty := shows()
			w.until("a program that painted nothing", empty)
			for i := range 20 { // new sizes are new pixmaps
				ours.place(window, image.Rect(20+i, 20, 200+5*i, 150+7*i))
				w.look()
				if !empty(w.last) {
					t.Fatal(w.summary())
				}
			}
			ours.do("unmap %d", window)
			w.until("unmapped", empty)
			ours.do("map %d", window)
			w.until("mapped again", empty)
			ours.place(window, box)
			ours.do("fill %d %d", window, own)
			w.until("painted at last", shows(coloured{colour: own, r: box}))
		})
	}
}

// A window that grows under another one shows itself or the ground, never the
// other.
func TestProgramResizedWhileCovered(t *testing.T) {
	display := xtest.Server(t, 500, 400)
	ours, theirs := startActor(t, display), startActor(t, display)
	window := ours.open(own, image.Rect(50, 50, 150, 150), "none")
	theirs.open(secret, image.Rect(0, 0, 500, 400), "override")
	w := watchProgram(t, display, ours.app())
	for i := range 30 {
		box := image.Rect(50, 50, 100+13*i, 80+10*i)
		ours.place(window, box)
		w.look()
		if i%5 == 4 {
			w.until("its new size", shows(coloured{colour: own, r: box}))
		}
	}
}

// Menus, dialogs, and windows by another connection of the program are part of
// it, and in front of each other as on the screen.
func TestProgramWithMenusAndDialogs(t *testing.T) {
	display := xtest.Server(t, 500, 400)
	ours, theirs := startActor(t, display), startActor(t, display)
	box := coloured{colour: own, r: image.Rect(100, 80, 300, 240)}
	window := ours.open(own, box.r)
	theirs.open(secret, image.Rect(0, 0, 500, 400), "override")
	w := watchProgram(t, display, ours.app())
	w.until("the window", shows(box))

	m := coloured{colour: menu, r: image.Rect(280, 200, 380, 330)}
	popup := ours.open(menu, m.r, "override", "none")
	w.until("its menu", shows(box, m))
	d := coloured{colour: dialog, r: image.Rect(20, 220, 290, 380)}
	other := ours.open(dialog, d.r, "connection")
	w.until("its dialog", shows(box, m, d))
	ours.do("raise %d", popup)
	w.until("the menu above the dialog", shows(box, d, m))
	ours.do("destroy %d", popup)
	w.until("the menu closed", shows(box, d))
	ours.do("lower %d", other)
	w.until("the dialog below", shows(d, box))
	ours.do("destroy %d", other)

	// A file chooser, say, of another process that was opened for this window.
	foreign := startActor(t, display)
	f := foreign.open(dialog, d.r)
	w.until("a window of a third program", shows(box))
	foreign.do("transient %d %d", f, window)
	foreign.do("unmap %d", f)
	foreign.do("map %d", f)
	w.until("that is a dialog of this one", shows(box, d))
	foreign.quit()
	w.until("closed", shows(box))

	ours.do("round %d 40 30", window)
	box.hole = image.Rect(100, 80, 140, 110)
	w.until("a window with a hole", shows(box))
}

// Windows in a window may have borders, which the server paints and no program can:
// Xt and Motif make them for buttons and fields.
func TestProgramWithBorders(t *testing.T) {
	display := xtest.Server(t, 500, 400)
	xtest.NewPainter(t, display).Fill(t, secret, image.Rect(0, 0, 500, 400))
	ours, theirs := startActor(t, display), startActor(t, display)
	at := image.Pt(100, 80)
	box := coloured{colour: own, r: image.Rectangle{at, at.Add(image.Pt(200, 160))}}
	window := ours.open(own, box.r, "none")
	field := ours.child(window, dialog, image.Rect(20, 10, 140, 110))
	ours.child(field, own, image.Rect(15, 25, 65, 65))
	framed := func(colour uint32, r image.Rectangle) []coloured {
		r = r.Add(at).Add(image.Pt(border, border))
		return []coloured{{colour: menu, r: r.Inset(-border)}, {colour: colour, r: r}}
	}
	all := func() []coloured {
		list := append([]coloured{box}, framed(dialog, image.Rect(20, 10, 140, 110))...)
		return append(list, framed(own, image.Rect(20+border+15, 10+border+25, 20+border+65, 10+border+65))...)
	}
	theirs.open(secret, image.Rect(0, 0, 500, 400), "override")
	w := watchProgram(t, display, ours.app())
	w.until("the windows with their borders", shows(all()...))
	for i := range 5 { // each size is a new pixmap
		at = image.Pt(60+10*i, 50)
		box.r = image.Rectangle{at, at.Add(image.Pt(210+7*i, 170+9*i))}
		ours.place(window, box.r)
		w.until(fmt.Sprint("the same at ", box.r), shows(all()...))
	}
}

// Minimised, closed, and its numbers given to somebody else.
func TestProgramComesAndGoes(t *testing.T) {
	display := xtest.Server(t, 500, 400)
	ours, theirs := startActor(t, display), startActor(t, display)
	box := coloured{colour: own, r: image.Rect(100, 80, 300, 240)}
	window := ours.open(own, box.r)
	w := watchProgram(t, display, ours.app())
	w.until("the window", shows(box))
	ours.do("unmap %d", window)
	w.until("minimised", func(f capture.Frame) bool { return shows()(f) && w.state == capture.Hidden })
	theirs.open(secret, box.r)
	w.look()
	ours.do("map %d", window)
	w.until("shown again", func(f capture.Frame) bool { return shows(box)(f) && w.state == capture.Seen })

	// The next connection gets the numbers of the one that ended.
	ours.quit()
	for range 4 {
		if next := startActor(t, display); next.open(secret, box.r) == window {
			t.Log("the other's window has the very number")
		}
		w.look()
	}
	w.until("closed", func(f capture.Frame) bool { return shows()(f) && w.state == capture.Gone })
}

// While the desktop gets another size the program stays at its place.
func TestProgramOnAResizedDesktop(t *testing.T) {
	display := xtest.Server(t, 500, 400)
	ours, theirs := startActor(t, display), startActor(t, display)
	box := coloured{colour: own, r: image.Rect(100, 80, 300, 240)}
	ours.open(own, box.r)
	theirs.open(secret, image.Rect(0, 0, 500, 400), "override")
	w := watchProgram(t, display, ours.app())
	w.until("the window", shows(box))
	xtest.Resize(t, display, image.Pt(201, 301))
	w.until("on a smaller desktop", func(f capture.Frame) bool { return f.Size == image.Pt(201, 301) && shows(box)(f) })
}

// With a window manager the program's window lies in a frame: the frame is not
// the program's. xterm paints by the server's backgrounds.
func TestProgramInAFrame(t *testing.T) {
	display := xtest.Server(t, 800, 600)
	xtest.Manage(t, display)
	ours, theirs := startActor(t, display), startActor(t, display)
	window := ours.open(own, image.Rect(100, 80, 300, 240))
	xterm := xtest.Start(t, display, "xterm", "-bg", "#d0b020", "-fg", "#d0b020", "-cr", "#d0b020", "-geometry", "30x10+400+300", "-e", "cat")
	theirs.open(secret, image.Rect(50, 50, 700, 500))
	var survey capture.Survey
	eventually(t, "three programs", func() bool {
		var err error
		if survey, err = capture.Look(display); err != nil {
			t.Fatal(err)
		}
		return len(survey.Programs) == 3
	})
	name := ""
	for _, p := range survey.Programs {
		if p.Application == capture.Application(xterm.Pid) {
			name = p.Name
		}
	}
	if name != "XTerm" {
		t.Errorf("programs %+v", survey.Programs)
	}
	area := func(f capture.Frame, colour uint32) image.Rectangle {
		var r image.Rectangle
		for y := range f.Size.Y {
			for x := range f.Size.X {
				if pixel(f, x, y) == colour {
					r = r.Union(image.Rect(x, y, x+1, y+1))
				}
			}
		}
		return r
	}
	w := watchProgram(t, display, ours.app())
	w.until("the window without its frame", func(f capture.Frame) bool {
		r := area(f, own)
		return r.Size() == image.Pt(200, 160) && shows(coloured{colour: own, r: r})(f)
	})
	ours.do("unmap %d", window)
	w.until("no window", func(f capture.Frame) bool { return shows()(f) && w.state == capture.Hidden })

	x := watchProgram(t, display, capture.Target{Application: capture.Application(xterm.Pid)})
	x.until("the terminal", func(f capture.Frame) bool {
		r := area(f, dialog)
		n := count(f)
		return r.Dx() > 150 && r.Dy() > 100 && n[dialog]+n[capture.Ground] > f.Size.X*f.Size.Y*99/100
	})
}

// The agent's own windows, a program that is not there, and both at once.
func TestProgramThatCannotBeCaptured(t *testing.T) {
	display := xtest.Server(t, 500, 400)
	xtest.NewPainter(t, display)
	self := capture.Target{Application: capture.Application(os.Getpid())}
	for _, what := range []capture.Target{self, {Application: 1}, {Monitor: "none"}} {
		if _, err := capture.Open(display, what); !errors.Is(err, capture.ErrTarget) {
			t.Errorf("%+v: %v", what, err)
		}
	}
	if _, err := capture.Open(display, capture.Target{Application: 1, Monitor: "screen"}); err == nil {
		t.Error("both at once")
	}
	for _, missing := range []string{"Composite", "X-Resource", "DAMAGE"} {
		display, _ := xtest.ServerProcess(t, 320, 200, 24, "-extension", missing)
		a := startActor(t, display)
		a.open(own, image.Rect(0, 0, 50, 50))
		if _, err := capture.Open(display, a.app()); !errors.Is(err, capture.ErrUnsupported) {
			t.Errorf("without %s: %v", missing, err)
		}
		if s, err := capture.Look(display); err != nil || len(s.Programs) != 0 || len(s.Monitors) != 1 || s.Size != image.Pt(320, 200) {
			t.Errorf("without %s: %+v %v", missing, s, err)
		}
	}
}

// The pointer is followed over the program only.
func TestPointerOverAProgram(t *testing.T) {
	display := xtest.Server(t, 500, 400)
	ours, theirs := startActor(t, display), startActor(t, display)
	ours.open(own, image.Rect(100, 80, 300, 240))
	theirs.open(secret, image.Rect(200, 100, 400, 350))
	xtest.Move(t, display, image.Pt(5, 5))
	w := watchProgram(t, display, ours.app())
	w.look()
	for _, at := range []image.Point{{120, 100}, {350, 200}, {250, 150}, {20, 390}, {110, 230}} {
		xtest.Move(t, display, at)
		if !at.In(image.Rect(100, 80, 200, 240)) {
			continue
		}
		p := pointer(t, w.Source, func(p capture.Pointer) bool {
			if !p.Pos.In(image.Rect(100, 80, 200, 240)) {
				t.Fatalf("pointer at %v", p.Pos)
			}
			return p.Pos == at
		})
		if p.Shape == nil {
			t.Error("no shape")
		}
	}
}

func TestLookNamesWhatIsThere(t *testing.T) {
	display := xtest.Server(t, 640, 480)
	a := startActor(t, display)
	id := a.open(own, image.Rect(10, 10, 60, 60))
	paint := xtest.NewPainter(t, display)
	set := func(name string, kind xproto.Atom, format byte, value []byte) {
		atom, err := xproto.InternAtom(paint.Conn, false, uint16(len(name)), name).Reply()
		if err != nil {
			t.Fatal(err)
		}
		if err := xproto.ChangePropertyChecked(paint.Conn, xproto.PropModeReplace, id, atom.Atom, kind, format,
			uint32(len(value)*8/int(format)), value).Check(); err != nil {
			t.Fatal(err)
		}
	}
	set("WM_CLASS", xproto.AtomString, 8, []byte("edit\x00Text\u202e editor\x00"))
	set("WM_NAME", xproto.AtomString, 8, []byte("caf\xe9\n"+strings.Repeat("x", 300)))
	icon := []byte{16, 0, 0, 0, 1, 0, 0, 0}
	icon = append(icon, make([]byte, 64)...)
	icon[8], icon[9], icon[10], icon[11] = 1, 2, 3, 4
	set("_NET_WM_ICON", xproto.AtomCardinal, 32, icon)
	s, err := capture.Look(display)
	if err != nil || len(s.Programs) != 1 {
		t.Fatalf("%+v %v", s, err)
	}
	p := s.Programs[0]
	if p.Name != "Text editor" || !strings.HasPrefix(p.Title, "café x") || len([]rune(p.Title)) != 100 || p.Windows != 1 {
		t.Errorf("%+v", p)
	}
	if p.Icon == nil || p.Icon.Rect != image.Rect(0, 0, 16, 1) || p.Icon.Pix[0] != 3 || p.Icon.Pix[2] != 1 || p.Icon.Pix[3] != 4 {
		t.Errorf("icon %+v", p.Icon)
	}
}
