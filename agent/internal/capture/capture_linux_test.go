package capture_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"consento/agent/internal/capture"
	"consento/agent/internal/xtest"
)

// patience is how long a test waits for what has to come: machines are busy.
const patience = 60 * time.Second

func open(t testing.TB, display string) *capture.Source {
	t.Helper()
	s, err := capture.Open(display, capture.Target{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// changed waits until the source reports something.
func changed(t testing.TB, s *capture.Source) {
	t.Helper()
	select {
	case <-s.Changed():
	case <-time.After(patience):
		t.Fatal("no change reported")
	}
}

func grab(t testing.TB, s *capture.Source) capture.Frame {
	t.Helper()
	f, err := s.Grab(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// pixel reads 0xRRGGBB.
func pixel(f capture.Frame, x, y int) uint32 {
	p := f.Pix[y*f.Stride+x*4:]
	return uint32(p[2])<<16 | uint32(p[1])<<8 | uint32(p[0])
}

func TestGrabGivesThePixelsDrawn(t *testing.T) {
	display := xtest.Server(t, 641, 479) // odd on purpose
	s := open(t, display)
	changed(t, s)
	if f := grab(t, s); f.Size != image.Pt(641, 479) || len(f.Damage) != 1 || f.Damage[0] != image.Rect(0, 0, 641, 479) {
		t.Fatalf("first frame: size %v, damage %v", f.Size, f.Damage)
	}
	paint := xtest.NewPainter(t, display)
	top, bottom := image.Rect(10, 20, 31, 41), image.Rect(600, 400, 641, 479)
	paint.Fill(t, 0x123456, top)
	paint.Fill(t, 0xfedcba, bottom)
	changed(t, s)
	f := grab(t, s)
	if len(f.Damage) != 2 || f.Damage[0] != top || f.Damage[1] != bottom {
		t.Fatalf("damage %v, want %v and %v", f.Damage, top, bottom)
	}
	for y := range 479 {
		for x := range 641 {
			want := uint32(0)
			switch p := image.Pt(x, y); {
			case p.In(top):
				want = 0x123456
			case p.In(bottom):
				want = 0xfedcba
			}
			if got := pixel(f, x, y); got != want {
				t.Fatalf("pixel %d,%d is %06x, want %06x", x, y, got, want)
			}
		}
	}
	if f := grab(t, s); len(f.Damage) != 0 {
		t.Fatalf("damage %v although nothing changed", f.Damage)
	}
}

// What the pointer does is no change of the display, and its news come on the
// same connection, in order: when they are here, a change would be here too.
func TestNothingIsReportedWhileNothingChanges(t *testing.T) {
	display := xtest.Server(t, 320, 200)
	s := open(t, display)
	changed(t, s)
	grab(t, s)
	for i := range 10 {
		to := image.Pt(10+20*i, 100)
		xtest.Move(t, display, to)
		pointer(t, s, func(p capture.Pointer) bool { return p.Pos == to })
		select {
		case <-s.Changed():
			t.Fatalf("change reported, damage %v", grab(t, s).Damage)
		default:
		}
	}
	box := image.Rect(10, 20, 30, 40)
	xtest.NewPainter(t, display).Fill(t, 0x123456, box)
	changed(t, s)
	if f := grab(t, s); len(f.Damage) != 1 || f.Damage[0] != box {
		t.Errorf("damage %v, want %v and nothing from before", f.Damage, box)
	}
}

func TestNoDisplay(t *testing.T) {
	t.Setenv("DISPLAY", "")
	for _, name := range []string{"", "nonsense", ":x", ":65536", ":64999", "/nowhere/x:0", "127.0.0.1:59999"} {
		if _, err := capture.Open(name, capture.Target{}); !errors.Is(err, capture.ErrDisplay) {
			t.Errorf("Open(%q): %v", name, err)
		}
	}
}

func TestNoSuchScreen(t *testing.T) {
	display := xtest.Server(t, 320, 200)
	if _, err := capture.Open(display+".7", capture.Target{}); !errors.Is(err, capture.ErrDisplay) {
		t.Errorf("screen 7: %v", err)
	}
	open(t, display+".0")
}

func TestColourDepth(t *testing.T) {
	display, _ := xtest.ServerProcess(t, 320, 200, 16)
	if _, err := capture.Open(display, capture.Target{}); !errors.Is(err, capture.ErrUnsupported) {
		t.Errorf("16 bits: %v", err)
	}
}

func TestDisplayGone(t *testing.T) {
	display, server := xtest.ServerProcess(t, 320, 200, 24)
	s := open(t, display)
	changed(t, s)
	grab(t, s)
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	changed(t, s)
	if _, err := s.Grab(t.Context()); !errors.Is(err, capture.ErrLost) {
		t.Errorf("after the display went: %v", err)
	}
}

// A display that hangs must not hold up the end of a session.
func TestCancelWhileDisplayHangs(t *testing.T) {
	display, server := xtest.ServerProcess(t, 320, 200, 24)
	s := open(t, display)
	grab(t, s)
	if err := server.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server stands still", func() bool { return state(t, server) == "T" })
	ctx, cancel := context.WithCancel(t.Context())
	grabbed := make(chan error, 1)
	go func() { _, err := s.Grab(watched{ctx, cancel}); grabbed <- err }()
	select {
	case err := <-grabbed:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Grab: %v", err)
		}
	case <-time.After(patience):
		t.Error("Grab waits for the display")
		if err := server.Signal(syscall.SIGCONT); err != nil { // else Close would, too
			t.Error(err)
		}
		<-grabbed
	}
}

// watched is a context that is cancelled when somebody begins to watch its end,
// as Grab does when it turns to the display.
type watched struct {
	context.Context
	cancel func()
}

func (w watched) Done() <-chan struct{} {
	w.cancel()
	return w.Context.Done()
}

// state is the letter of a process's state, as proc(5) lists them.
func state(t testing.TB, p *os.Process) string {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Pid))
	if err != nil {
		t.Fatal(err)
	}
	// pid (name) state ..., and a name may hold blanks.
	return strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))[0]
}

// eventually looks again and again until it is so.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	xtest.Until(t, what, ok)
}

// pointer waits for a state of the pointer for which ok holds.
func pointer(t testing.TB, s *capture.Source, ok func(capture.Pointer) bool) capture.Pointer {
	t.Helper()
	limit := time.After(patience)
	for {
		select {
		case p := <-s.Pointer():
			if ok(p) {
				return p
			}
		case <-limit:
			t.Fatal("pointer did not get there")
		}
	}
}

func TestPointerFollowsTheMouse(t *testing.T) {
	display := xtest.Server(t, 640, 480)
	s := open(t, display)
	first := pointer(t, s, func(capture.Pointer) bool { return true })
	if first.Shape == nil || len(first.Shape.RGBA) != first.Shape.Size.X*first.Shape.Size.Y*4 {
		t.Fatalf("first state without a whole shape: %+v", first)
	}
	for _, to := range []image.Point{{100, 50}, {639, 479}, {0, 0}} {
		atRest(t, s)
		began := time.Now()
		xtest.Move(t, display, to)
		pointer(t, s, func(p capture.Pointer) bool { return p.Pos == to })
		t.Logf("pointer at %v after %v", to, time.Since(began))
	}
}

// atRest waits until the pointer is no longer followed: one look after the
// other, each longer after the one before than the step at which a moving
// pointer is asked for, finds that nothing was asked for in between.
func atRest(t testing.TB, s *capture.Source) {
	t.Helper()
	last, quiet := s.Request(t), 0
	eventually(t, "the pointer is left alone", func() bool {
		now := s.Request(t)
		if quiet++; now != last+1 {
			quiet = 0
		}
		last = now
		return quiet == 3
	})
}

func TestPointerShape(t *testing.T) {
	display := xtest.Server(t, 640, 480)
	s := open(t, display)
	before := pointer(t, s, func(capture.Pointer) bool { return true })
	paint := xtest.NewPainter(t, display)
	paint.Cursor(t, 34) // XC_crosshair of the cursor font
	after := pointer(t, s, func(p capture.Pointer) bool { return p.Shape.Serial != before.Shape.Serial })
	if hot := after.Shape.Hot; !hot.In(image.Rectangle{Max: after.Shape.Size}) {
		t.Errorf("hot spot %v outside of %v", hot, after.Shape.Size)
	}
	visible := false
	for i := 3; i < len(after.Shape.RGBA); i += 4 {
		visible = visible || after.Shape.RGBA[i] == 255
	}
	if !visible {
		t.Error("the shape cannot be seen")
	}
}

func TestPointerIsNotInTheFrame(t *testing.T) {
	display := xtest.Server(t, 320, 200)
	s := open(t, display)
	xtest.NewPainter(t, display).Cursor(t, 34)
	xtest.Move(t, display, image.Pt(100, 100))
	pointer(t, s, func(p capture.Pointer) bool { return p.Pos == image.Pt(100, 100) })
	f := grab(t, s)
	for y := range 200 {
		for x := range 320 {
			if c := pixel(f, x, y); c != 0 {
				t.Fatalf("pixel %d,%d is %06x", x, y, c)
			}
		}
	}
}

func TestPortableFallback(t *testing.T) {
	for _, missing := range []string{"DAMAGE", "MIT-SHM"} {
		t.Run("without "+missing, func(t *testing.T) {
			display, server := xtest.ServerProcess(t, 320, 200, 24, "-extension", missing)
			t.Setenv("DISPLAY", "")
			if _, err := capture.Open(display, capture.Target{}); !errors.Is(err, capture.ErrUnsupported) {
				t.Errorf("display that the fallback cannot reach: %v", err)
			}
			t.Setenv("DISPLAY", display)
			s := open(t, "")
			changed(t, s)
			if f := grab(t, s); f.Size != image.Pt(320, 200) || len(f.Damage) != 1 {
				t.Fatalf("first frame: size %v, damage %v", f.Size, f.Damage)
			}
			box := image.Rect(20, 30, 60, 70)
			xtest.NewPainter(t, display).Fill(t, 0x123456, box)
			f := grab(t, s)
			if want := image.Rect(0, 30, 320, 70); len(f.Damage) != 1 || f.Damage[0] != want {
				t.Errorf("damage %v, want %v", f.Damage, want)
			}
			if in, out := pixel(f, 20, 30), pixel(f, 19, 30); in != 0x123456 || out != 0 {
				t.Errorf("pixels %06x and %06x", in, out)
			}
			server.Kill()
			for {
				changed(t, s)
				if _, err := s.Grab(t.Context()); errors.Is(err, capture.ErrLost) {
					break
				}
			}
		})
	}
}

func TestResize(t *testing.T) {
	display := xtest.Server(t, 640, 480)
	s := open(t, display)
	changed(t, s)
	grab(t, s)
	size := image.Pt(501, 301)
	xtest.Resize(t, display, size)
	f := grab(t, s)
	for f.Size != size { // the news of it comes in several pieces
		changed(t, s)
		f = grab(t, s)
	}
	if len(f.Damage) != 1 || f.Damage[0] != (image.Rectangle{Max: size}) || len(f.Pix) < f.Stride*size.Y {
		t.Fatalf("after resizing: size %v, damage %v", f.Size, f.Damage)
	}
	xtest.NewPainter(t, display).Fill(t, 0xabcdef, image.Rect(500, 300, 501, 301))
	changed(t, s)
	if c := pixel(grab(t, s), 500, 300); c != 0xabcdef {
		t.Errorf("last pixel is %06x", c)
	}
}

// A segment that stays behind after each session would fill the machine.
func TestNoSharedMemoryStaysBehind(t *testing.T) {
	display := xtest.Server(t, 640, 480)
	before := xtest.SharedSegments(t)
	s := open(t, display)
	grab(t, s)
	xtest.Resize(t, display, image.Pt(320, 240))
	changed(t, s)
	grab(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// The server detaches when it sees the connection end.
	eventually(t, "no segment is left", func() bool { return xtest.SharedSegments(t) <= before })
}
