package capture_test

import (
	"image"
	"image/color"
	"image/draw"
	"testing"

	"github.com/jezek/xgb/xproto"

	"consento/agent/internal/capture"
	"consento/agent/internal/xtest"
)

// The two greys of what is covered.
const hatchDark, hatchLight = 0x4a5560, 0x566270

// hidden is what is covered of a program.
func (a *actor) hidden() *capture.Covers {
	c := capture.NewCovers()
	c.Hide([]capture.Program{{Application: a.app().Application}})
	return c
}

// hatched is how many pixels of a frame are covered.
func hatched(f capture.Frame) int {
	n := count(f)
	return n[hatchDark] + n[hatchLight]
}

// TestCoveredWindowIsInNoFrame: a window that is covered shows nothing of itself in any
// frame while it moves, grows, comes, goes and is raised as fast as it can, above a
// program that paints late, one without a background, and one that hangs; nor does a new
// window or one of another connection of the same program.
func TestCoveredWindowIsInNoFrame(t *testing.T) {
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
				theirs := startActor(t, display)
				theirs.open(own, image.Rect(0, 0, 250, 400), "override")
				theirs.open(own, image.Rect(250, 0, 500, 400), "override", "none")
				hidden := startActor(t, display)
				window := hidden.open(secret, image.Rect(100, 100, 220, 180), "override")
				covers := hidden.hidden()
				w := watchCovered(t, display, what, covers)
				w.until("covered", func(f capture.Frame) bool { return hatched(f) == 120*80 && count(f)[own] == 500*400-120*80 })

				hidden.do("race %d 370 310 120 80", window)
				for range 80 {
					w.look()
				}
				hidden.do("rest")
				hidden.place(window, image.Rect(300, 200, 400, 300))
				if missing != "" { // nothing tells where somebody painted
					w.look()
					return
				}
				w.until("uncovered where it was", func(f capture.Frame) bool { return hatched(f) == 100*100 })

				other := hidden.open(secret, image.Rect(10, 10, 60, 60), "override", "connection")
				w.until("a new one is covered", func(f capture.Frame) bool { return hatched(f) == 100*100+50*50 })
				for i := range 12 {
					hidden.do("unmap %d", other)
					w.look()
					hidden.place(other, image.Rect(10+30*i, 10, 60+30*i, 60))
					hidden.do("map %d", other)
					w.look()
				}
				hidden.do("destroy %d", other)
				w.look()
				hidden.do("destroy %d", window)
				w.until("nothing is covered any more", func(f capture.Frame) bool { return count(f)[own] == 500*400 })
			})
		}
	}
}

// TestCoveredStaysUntilPainted: what a window leaves behind on one that is not painted
// stays covered.
func TestCoveredStaysUntilPainted(t *testing.T) {
	t.Parallel()
	display := xtest.Server(t, 500, 400)
	theirs := startActor(t, display)
	theirs.open(own, image.Rect(0, 0, 500, 400), "override")
	hidden := startActor(t, display)
	window := hidden.open(secret, image.Rect(150, 150, 250, 250), "override")
	hang := startActor(t, display)
	hung := hang.open(own, image.Rect(200, 100, 400, 300), "override", "none")
	hang.do("raise %d", hung)
	hidden.do("raise %d", window)
	covers := hidden.hidden()
	w := watchCovered(t, display, capture.Target{}, covers)
	w.until("covered", func(f capture.Frame) bool { return hatched(f) == 100*100 })
	hang.stop()
	hidden.place(window, image.Rect(0, 0, 20, 20))
	w.until("uncovered but for what is not painted", func(f capture.Frame) bool { return hatched(f) == 20*20+50*100 })
	for range 20 {
		w.look()
	}
	if n := hatched(w.last); n != 20*20+50*100 {
		t.Errorf("%d pixels are covered", n)
	}
	hang.goOn()
	w.until("painted", func(f capture.Frame) bool { return hatched(f) == 20*20 })
}

// TestCoveredByName: another process of the same name is covered as well, and others are
// not; what is no longer hidden is seen again.
func TestCoveredByName(t *testing.T) {
	t.Parallel()
	display := xtest.Server(t, 500, 400)
	startActor(t, display).open(own, image.Rect(0, 0, 500, 400), "override")
	first, second, third := startActor(t, display), startActor(t, display), startActor(t, display)
	first.do("class %d Bank", first.open(secret, image.Rect(0, 0, 50, 50)))
	covers := capture.NewCovers()
	covers.Hide([]capture.Program{{Application: first.app().Application, Name: "Bank"}})
	w := watchCovered(t, display, capture.Target{}, covers)
	w.until("one", func(f capture.Frame) bool { return hatched(f) == 50*50 })
	named := second.open(menu, image.Rect(100, 0, 150, 50))
	second.do("class %d Bank", named)
	second.do("unmap %d", named)
	second.do("map %d", named)
	third.open(dialog, image.Rect(200, 0, 250, 50))
	w.until("two", func(f capture.Frame) bool { return hatched(f) == 2*50*50 && count(f)[dialog] == 50*50 })
	reach := openCoveredReach(t, display, covers)
	reaches(t, reach, 110, 10, false, "a covered window")
	reaches(t, reach, 210, 10, true, "another one")
	if err := xproto.SetInputFocusChecked(xtest.NewPainter(t, display).Conn, xproto.InputFocusPointerRoot, named, xproto.TimeCurrentTime).Check(); err != nil {
		t.Fatal(err)
	}
	if ok, err := reach.Keyboard(); ok || err != nil {
		t.Errorf("the keyboard of a covered window: %v, %v", ok, err)
	}
	first.quit()
	covers.Hide(nil)
	w.until("uncovered", func(f capture.Frame) bool { return hatched(f) == 0 && count(f)[menu] == 50*50 })
}

func openCoveredReach(t testing.TB, display string, covers *capture.Covers) *capture.Reach {
	t.Helper()
	r, err := capture.OpenReach(display, capture.Target{}, covers)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// TestCoveredInAFrame: what a window manager puts around a covered window is covered with
// it, its title above all; and the label stands in the middle.
func TestCoveredInAFrame(t *testing.T) {
	t.Parallel()
	display := xtest.Server(t, 500, 400)
	xtest.Manage(t, display)
	startActor(t, display).open(own, image.Rect(0, 0, 500, 400), "override")
	hidden := startActor(t, display)
	window := hidden.open(secret, image.Rect(100, 100, 300, 200))
	conn := xtest.NewPainter(t, display).Conn
	eventually(t, "the window has a frame", func() bool {
		r, err := xproto.QueryTree(conn, window).Reply()
		return err == nil && r.Parent != r.Root
	})
	hidden.do("raise %d", window)
	covers := hidden.hidden()
	label := image.NewRGBA(image.Rect(0, 0, 40, 10))
	draw.Draw(label, label.Rect, image.NewUniform(color.RGBA{R: 0xd0, G: 0xb0, B: 0x20, A: 0xff}), image.Point{}, draw.Src)
	covers.Label(label)
	w := watchCovered(t, display, capture.Target{}, covers)
	w.until("covered", func(f capture.Frame) bool {
		n := count(f)
		return hatched(f) > 200*100-400 && n[own]+hatched(f)+400 == 500*400 && n[dialog] == 400
	})
}

// TestCoveredField: a field moves with its window, also where that is captured alone.
func TestCoveredField(t *testing.T) {
	t.Parallel()
	display := xtest.Server(t, 500, 400)
	startActor(t, display).open(own, image.Rect(0, 0, 500, 400), "override")
	program := startActor(t, display)
	window := program.open(menu, image.Rect(100, 100, 300, 200))
	const margin = 6
	program.child(window, secret, image.Rect(20, 30, 70, 50))
	covers := capture.NewCovers()
	covers.Mask([]capture.Field{{PID: uint32(program.app().Application), Window: image.Rect(100, 100, 300, 200), At: image.Rect(20, 30, 70+2*border, 50+2*border)}})
	n := (50 + 2*border + 2*margin) * (20 + 2*border + 2*margin)
	w := watchCovered(t, display, capture.Target{}, covers)
	alone := watchCovered(t, display, program.app(), covers)
	covered := func(f capture.Frame) bool { return hatched(f) == n && count(f)[menu] == 200*100-n }
	w.until("covered", covered)
	// Around a program alone there is the ground, of one of the colours of what is covered.
	alone.until("covered alone", func(f capture.Frame) bool { return count(f)[menu] == 200*100-n })
	program.do("race %d 300 300 200 100", window)
	for range 40 {
		w.look()
		alone.look()
	}
	program.do("rest")
	program.place(window, image.Rect(200, 200, 400, 300))
	w.until("covered at its new place", covered)
	alone.until("alone as well", func(f capture.Frame) bool { return count(f)[menu] == 200*100-n })
	if got := pixel(w.last, 221, 231); got != hatchDark && got != hatchLight {
		t.Errorf("at the field: %06x", got)
	}
}

// BenchmarkGrab is a grab of a screen on which a window paints beside another one, which
// is covered or not.
func BenchmarkGrabCovered(b *testing.B) {
	for _, covered := range []bool{false, true} {
		name := "without"
		if covered {
			name = "with"
		}
		b.Run(name, func(b *testing.B) {
			display := xtest.Server(b, 1920, 1080)
			painter := startActor(b, display)
			moving := painter.open(own, image.Rect(0, 0, 900, 1000))
			hidden := startActor(b, display)
			hidden.open(secret, image.Rect(950, 20, 1850, 1020))
			covers := capture.NewCovers()
			if covered {
				covers.Hide([]capture.Program{{Application: hidden.app().Application}})
			}
			s, err := capture.OpenCovered(display, capture.Target{}, covers)
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			grab(b, s)
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				painter.do("fill %d %d", moving, own+i%2)
				b.StartTimer()
				grab(b, s)
			}
		})
	}
}
