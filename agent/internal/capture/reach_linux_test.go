package capture_test

import (
	"errors"
	"image"
	"testing"

	"github.com/jezek/xgb/xproto"

	"consento/agent/internal/capture"
	"consento/agent/internal/xtest"
)

func openReach(t testing.TB, display string, what capture.Target) *capture.Reach {
	t.Helper()
	r, err := capture.OpenReach(display, what, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func reaches(t *testing.T, r *capture.Reach, x, y int, want bool, why string) {
	t.Helper()
	if got, err := r.At(image.Pt(x, y)); err != nil || got != want {
		t.Errorf("%s: %v, %v", why, got, err)
	}
}

// TestReach: of a program only where its own window lies on top, and never a window
// of ours.
func TestReach(t *testing.T) {
	t.Parallel()
	display := xtest.Server(t, 400, 300)
	program, other := startActor(t, display), startActor(t, display)
	window := program.open(own, image.Rect(0, 0, 200, 200))
	program.child(window, own, image.Rect(100, 100, 150, 150))
	foreign := other.open(secret, image.Rect(50, 50, 100, 100))
	conn, ours := ownWindow(t, display, image.Rect(150, 0, 200, 40), true)
	alone, whole := openReach(t, display, program.app()), openReach(t, display, capture.Target{})

	reaches(t, alone, 10, 10, true, "its window")
	reaches(t, alone, 120, 120, true, "a window in its window")
	reaches(t, alone, 60, 60, false, "another program's window above")
	reaches(t, alone, 300, 250, false, "the desktop")
	reaches(t, alone, 160, 10, false, "our window")
	reaches(t, whole, 60, 60, true, "any program")
	reaches(t, whole, 300, 250, true, "the desktop")
	reaches(t, whole, 160, 10, false, "our window")

	keyboard := func(w xproto.Window, inAlone, inWhole bool) {
		t.Helper()
		if err := xproto.SetInputFocusChecked(conn, xproto.InputFocusPointerRoot, w, xproto.TimeCurrentTime).Check(); err != nil {
			t.Fatal(err)
		}
		for r, want := range map[*capture.Reach]bool{alone: inAlone, whole: inWhole} {
			if got, err := r.Keyboard(); err != nil || got != want {
				t.Errorf("the keyboard at %d: %v, %v", w, got, err)
			}
		}
	}
	keyboard(window, true, true)
	keyboard(foreign, false, true)
	keyboard(ours, false, false)
	keyboard(xproto.InputFocusNone, false, true)
	xtest.Move(t, display, image.Pt(10, 10))
	keyboard(xproto.InputFocusPointerRoot, true, true)
	xtest.Move(t, display, image.Pt(60, 60))
	keyboard(xproto.InputFocusPointerRoot, false, true)
	xtest.Move(t, display, image.Pt(160, 10))
	keyboard(xproto.InputFocusPointerRoot, false, false)

	program.quit()
	if _, err := capture.OpenReach(display, program.app(), nil); err == nil {
		t.Error("a program that is gone can be reached")
	}
}

// TestCorner: where a picture lies, also after the desktop has changed.
func TestCorner(t *testing.T) {
	t.Parallel()
	display := xtest.Server(t, 800, 300)
	setMonitor(t, display, "left", image.Rect(0, 0, 300, 300), "screen")
	setMonitor(t, display, "right", image.Rect(300, 0, 800, 300), "none")
	right, whole := openReach(t, display, capture.Target{Monitor: "right"}), openReach(t, display, capture.Target{})
	if at, err := right.Corner(image.Pt(500, 300)); err != nil || at != image.Pt(300, 0) {
		t.Errorf("the right monitor: %v, %v", at, err)
	}
	if at, err := whole.Corner(image.Pt(800, 300)); err != nil || at != (image.Point{}) {
		t.Errorf("the desktop: %v, %v", at, err)
	}
	for _, r := range []*capture.Reach{right, whole} {
		if at, err := r.Corner(image.Pt(299, 300)); !errors.Is(err, capture.ErrTarget) {
			t.Errorf("of another size: %v, %v", at, err)
		}
	}
}
