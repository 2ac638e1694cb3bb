package capture_test

import (
	"context"
	"errors"
	"image"
	"syscall"
	"testing"
	"time"

	"consento/agent/internal/capture"
	"consento/agent/internal/xtest"
)

func open(t testing.TB, display string) *capture.Source {
	t.Helper()
	s, err := capture.Open(display)
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
	case <-time.After(5 * time.Second):
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

func TestNothingIsReportedWhileNothingChanges(t *testing.T) {
	s := open(t, xtest.Server(t, 320, 200))
	changed(t, s)
	grab(t, s)
	select {
	case <-s.Changed():
		t.Fatalf("change reported, damage %v", grab(t, s).Damage)
	case <-time.After(300 * time.Millisecond):
	}
}

func TestNoDisplay(t *testing.T) {
	t.Setenv("DISPLAY", "")
	for _, name := range []string{"", "nonsense", ":x", ":65536", ":64999", "/nowhere/x:0", "127.0.0.1:59999"} {
		if _, err := capture.Open(name); !errors.Is(err, capture.ErrDisplay) {
			t.Errorf("Open(%q): %v", name, err)
		}
	}
}

func TestNoSuchScreen(t *testing.T) {
	display := xtest.Server(t, 320, 200)
	if _, err := capture.Open(display + ".7"); !errors.Is(err, capture.ErrDisplay) {
		t.Errorf("screen 7: %v", err)
	}
	open(t, display+".0")
}

func TestColourDepth(t *testing.T) {
	display, _ := xtest.ServerProcess(t, 320, 200, 16)
	if _, err := capture.Open(display); !errors.Is(err, capture.ErrUnsupported) {
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
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	began := time.Now()
	_, err := s.Grab(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Grab: %v", err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("Grab returned after %v", took)
	}
}
