package capture_test

import (
	"fmt"
	"image"
	"os/exec"
	"testing"
	"time"

	"consento/agent/internal/capture"
	"consento/agent/internal/xtest"
)

// monitors gives the display these monitors, as a person does in the settings.
func xrandr(t testing.TB, display string, args ...string) {
	t.Helper()
	if out, err := exec.Command("xrandr", append([]string{"-display", display}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("xrandr %v: %v %s", args, err, out)
	}
}

// setMonitor makes a monitor of a part of the desktop. The first takes the
// display's only output.
func setMonitor(t testing.TB, display, name string, r image.Rectangle, output string) {
	t.Helper()
	xrandr(t, display, "--setmonitor", name, fmt.Sprintf("%d/%dx%d/%d+%d+%d", r.Dx(), r.Dx(), r.Dy(), r.Dy(), r.Min.X, r.Min.Y), output)
}

func TestOneMonitor(t *testing.T) {
	display := xtest.Server(t, 601, 301)
	paint := xtest.NewPainter(t, display)
	left, right := image.Rect(0, 0, 301, 301), image.Rect(301, 50, 601, 251)
	setMonitor(t, display, "LEFT", left, "screen")
	setMonitor(t, display, "RIGHT", right, "none")
	s, err := capture.Look(display)
	if err != nil || len(s.Monitors) != 2 || s.Monitors[0].Name != "LEFT" || s.Monitors[1].Bounds != right {
		t.Fatalf("%+v %v", s, err)
	}
	paint.Fill(t, secret, image.Rect(0, 0, 601, 301))
	paint.Fill(t, own, right)
	w := watchProgram(t, display, capture.Target{Monitor: "RIGHT"})
	only := func(size image.Point, colour uint32) func(capture.Frame) bool {
		return func(f capture.Frame) bool { return f.Size == size && count(f)[colour] == size.X*size.Y }
	}
	w.until("the right one", only(right.Size(), own))
	paint.Fill(t, menu, image.Rect(300, 49, 303, 53))
	w.until("its corner painted", func(f capture.Frame) bool {
		return pixel(f, 0, 0) == menu && pixel(f, 1, 2) == menu && pixel(f, 2, 0) == own && pixel(f, 0, 3) == own
	})
	paint.Fill(t, own, right)
	paint.Fill(t, secret, image.Rect(290, 0, 301, 301))
	w.look()

	// Positions are those of the picture, and the pointer elsewhere is not told.
	xtest.Move(t, display, image.Pt(10, 10))
	xtest.Move(t, display, image.Pt(311, 70))
	pointer(t, w.Source, func(p capture.Pointer) bool {
		if !p.Pos.In(image.Rectangle{Max: right.Size()}) {
			t.Fatalf("pointer at %v", p.Pos)
		}
		return p.Pos == image.Pt(10, 20)
	})

	// It moves, shrinks, is unplugged, and comes back.
	right = image.Rect(321, 60, 571, 200)
	xrandr(t, display, "--delmonitor", "RIGHT")
	w.until("unplugged", func(f capture.Frame) bool {
		return w.state == capture.Gone && count(f)[capture.Ground] == f.Size.X*f.Size.Y
	})
	setMonitor(t, display, "RIGHT", right, "none")
	w.until("back and smaller", func(f capture.Frame) bool { return w.state == capture.Seen && only(right.Size(), own)(f) })

	// The desktop becomes so small that a part of it is outside.
	xtest.Resize(t, display, image.Pt(400, 150))
	paint.Fill(t, secret, image.Rect(0, 0, 400, 150))
	paint.Fill(t, own, right)
	w.until("cut off", only(image.Pt(79, 90), own))
	xtest.Resize(t, display, image.Pt(300, 150))
	w.until("wholly outside", func(f capture.Frame) bool { return w.state == capture.Gone })
}

// The whole desktop through all sizes of a screen that a person turns and
// changes: every frame is whole.
func TestSizesOneAfterTheOther(t *testing.T) {
	display := xtest.Server(t, 640, 480)
	paint := xtest.NewPainter(t, display)
	s := open(t, display)
	for i, size := range []image.Point{{480, 320}, {321, 477}, {640, 480}, {97, 33}, {500, 480}} {
		xtest.Resize(t, display, size)
		colour := uint32(0x010203 * (i + 1))
		paint.Fill(t, colour, image.Rectangle{Max: size})
		limit := time.After(patience)
		for {
			f := grab(t, s)
			if len(f.Pix) < f.Stride*f.Size.Y {
				t.Fatalf("%d bytes for %v", len(f.Pix), f.Size)
			}
			if f.Size == size && count(f)[colour] == size.X*size.Y {
				break
			}
			select {
			case <-s.Changed():
			case <-limit:
				t.Fatalf("not %v", size)
			}
		}
	}
}
