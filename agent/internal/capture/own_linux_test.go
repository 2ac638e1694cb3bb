package capture_test

import (
	"image"
	"testing"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"

	"consento/agent/internal/capture"
	"consento/agent/internal/xtest"
)

// ownWindow opens a window of this process, which is the agent's as far as the
// capture knows.
func ownWindow(t testing.TB, display string, r image.Rectangle, override bool) (*xgb.Conn, xproto.Window) {
	t.Helper()
	p := xtest.NewPainter(t, display)
	id, err := xproto.NewWindowId(p.Conn)
	if err != nil {
		t.Fatal(err)
	}
	no := uint32(0)
	if override {
		no = 1
	}
	if err := xproto.CreateWindowChecked(p.Conn, 0, id, p.Root, int16(r.Min.X), int16(r.Min.Y), uint16(r.Dx()), uint16(r.Dy()), 3,
		xproto.WindowClassInputOutput, 0, xproto.CwBackPixel|xproto.CwBorderPixel|xproto.CwOverrideRedirect, []uint32{secret, secret, no}).Check(); err != nil {
		t.Fatal(err)
	}
	if err := xproto.MapWindowChecked(p.Conn, id).Check(); err != nil {
		t.Fatal(err)
	}
	return p.Conn, id
}

// Our own windows are in no frame: not when they come, not while they move as
// fast as they can, not by a connection that was made after the capture, and not
// in the portable way.
func TestOwnWindowsAreNotInThePicture(t *testing.T) {
	for _, missing := range []string{"", "DAMAGE"} {
		for _, what := range []capture.Target{{}, {Monitor: "screen"}} {
			if missing != "" && what.Monitor != "" {
				what.Monitor = "1"
			}
			t.Run(missing+what.Monitor, func(t *testing.T) {
				var args []string
				if missing != "" {
					args = []string{"-extension", missing}
				}
				display, _ := xtest.ServerProcess(t, 500, 400, 24, args...)
				t.Setenv("DISPLAY", display)
				startActor(t, display).open(own, image.Rect(0, 0, 500, 400), "override")
				first, a := ownWindow(t, display, image.Rect(20, 30, 220, 80), true)
				w := watchProgram(t, display, what)
				clean := func(r image.Rectangle) func(capture.Frame) bool {
					return func(f capture.Frame) bool {
						n := count(f)
						return n[capture.Ground] == r.Dx()*r.Dy() && n[own]+n[capture.Ground] == 500*400 && pixel(f, r.Min.X, r.Min.Y) == capture.Ground
					}
				}
				w.until("masked with its border", clean(image.Rect(20, 30, 226, 86)))
				stop, stopped := make(chan struct{}), make(chan struct{})
				go func() {
					defer close(stopped)
					for i := 0; ; i++ {
						select {
						case <-stop:
							return
						default:
						}
						xproto.ConfigureWindow(first, a, xproto.ConfigWindowX|xproto.ConfigWindowY, []uint32{uint32(i * 7 % 290), uint32(i * 3 % 340)})
						if i%50 == 0 {
							_, _ = xproto.GetInputFocus(first).Reply()
						}
					}
				}()
				for range 60 {
					w.look()
				}
				close(stop)
				<-stopped
				xproto.UnmapWindow(first, a)
				second, b := ownWindow(t, display, image.Rect(100, 100, 200, 200), false)
				w.until("another one", clean(image.Rect(100, 100, 206, 206)))
				for i := range 10 {
					xproto.UnmapWindow(second, b)
					w.look()
					xproto.ConfigureWindow(second, b, xproto.ConfigWindowX, []uint32{uint32(10 * i)})
					xproto.MapWindow(second, b)
					w.look()
				}
				xproto.DestroyWindow(second, b)
				if _, err := xproto.GetInputFocus(second).Reply(); err != nil {
					t.Fatal(err)
				}
				w.until("nothing is masked any more", func(f capture.Frame) bool { return count(f)[own] == 500*400 })
			})
		}
	}
}

// A window manager's frame around our window is masked with it.
func TestOwnWindowInAFrame(t *testing.T) {
	display := xtest.Server(t, 500, 400)
	xtest.Manage(t, display)
	theirs := startActor(t, display)
	theirs.open(own, image.Rect(0, 0, 500, 400), "override")
	conn, id := ownWindow(t, display, image.Rect(100, 100, 300, 200), false)
	eventually(t, "the window has a frame", func() bool {
		r, err := xproto.QueryTree(conn, id).Reply()
		return err == nil && r.Parent != r.Root
	})
	xproto.ConfigureWindow(conn, id, xproto.ConfigWindowStackMode, []uint32{xproto.StackModeAbove})
	w := watchProgram(t, display, capture.Target{})
	w.until("masked", func(f capture.Frame) bool {
		n := count(f)
		return n[capture.Ground] > 200*100 && n[own]+n[capture.Ground] == 500*400
	})
}

// What changes under the mask alone is no change of the picture: the clock of the
// bar costs nothing.
func TestOwnWindowsCostNothing(t *testing.T) {
	display := xtest.Server(t, 500, 400)
	conn, id := ownWindow(t, display, image.Rect(100, 100, 300, 200), true)
	s := open(t, display)
	grab(t, s)
	for range 3 {
		xproto.ClearArea(conn, false, id, 0, 0, 0, 0)
		if _, err := xproto.GetInputFocus(conn).Reply(); err != nil {
			t.Fatal(err)
		}
		if f := grab(t, s); len(f.Damage) != 0 {
			t.Errorf("damage %v", f.Damage)
		}
	}
}
