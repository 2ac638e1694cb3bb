package capture_test

import (
	"errors"
	"image"
	"image/color"
	"image/draw"
	"testing"

	"consento/agent/internal/capture"
	"consento/agent/internal/xtest"
)

const ink = 0x0066cc

// ofInk is an image that is opaque in some rectangles.
func ofInk(all image.Rectangle, parts ...image.Rectangle) *image.RGBA {
	img := image.NewRGBA(all)
	for _, r := range parts {
		draw.Draw(img, r, image.NewUniform(color.RGBA{0, 0x66, 0xcc, 0xff}), image.Point{}, draw.Src)
	}
	return img
}

func openLayer(t testing.TB, display string, what capture.Target) (*capture.Layer, chan struct{}) {
	t.Helper()
	changed := make(chan struct{}, 1)
	l, err := capture.OpenLayer(display, what, nil, func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l, changed
}

func look(t testing.TB, l *capture.Layer) capture.Scene {
	t.Helper()
	s, err := l.Look()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func show(t testing.TB, l *capture.Layer, img *image.RGBA) {
	t.Helper()
	if err := l.Show(img); err != nil {
		t.Fatal(err)
	}
}

func covers(list []image.Rectangle, p image.Point) (n int) {
	for _, r := range list {
		if p.In(r) {
			n++
		}
	}
	return n
}

// TestLayer: what is drawn is on the screen and in the picture, pixel for pixel and
// without a compositor, above what comes up later, never in the way of a click, not
// on windows of ours, and gone when it is taken away.
func TestLayer(t *testing.T) {
	display := xtest.Server(t, 400, 300)
	theirs := startActor(t, display)
	theirs.open(own, image.Rect(0, 0, 400, 300), "override")
	ownWindow(t, display, image.Rect(300, 0, 390, 40), true) // the bar, with a border of 3
	l, changed := openLayer(t, display, capture.Target{})
	w := watchProgram(t, display, capture.Target{})
	whole := openReach(t, display, capture.Target{})

	s := look(t, l)
	if s.Picture != image.Rect(0, 0, 400, 300) || len(s.Windows) != 0 || covers(s.Clip, image.Pt(10, 10)) != 1 ||
		covers(s.Clip, image.Pt(320, 20)) != 0 || covers(s.Clip, image.Pt(395, 45)) != 0 || covers(s.Clip, image.Pt(397, 20)) != 1 {
		t.Errorf("%+v", s)
	}
	marks := []image.Rectangle{image.Rect(50, 60, 60, 160), image.Rect(120, 60, 130, 160), image.Rect(50, 200, 51, 201)}
	show(t, l, ofInk(image.Rect(50, 60, 130, 201), marks...))
	seen := func(f capture.Frame) bool {
		return pixel(f, 55, 100) == ink && pixel(f, 125, 159) == ink && pixel(f, 50, 200) == ink && count(f)[ink] == 2001 &&
			pixel(f, 90, 100) == own && pixel(f, 320, 20) == capture.Ground
	}
	w.until("drawn, with what lies between", seen)
	reaches(t, whole, 55, 100, true, "through what is drawn")
	reaches(t, whole, 320, 20, false, "our bar")

	select { // what came until here
	case <-changed:
	default:
	}
	theirs.open(own, image.Rect(0, 50, 200, 250), "override") // comes up above it
	eventually(t, "it is noticed", func() bool {
		select {
		case <-changed:
			return true
		default:
			return false
		}
	})
	w.until("covered", func(f capture.Frame) bool { return count(f)[ink] == 0 })
	look(t, l)
	show(t, l, ofInk(image.Rect(50, 60, 130, 201), marks...))
	w.until("above it again", seen)
	show(t, l, ofInk(image.Rect(70, 70, 90, 90), image.Rect(70, 70, 90, 90)))
	w.until("another one in its place", func(f capture.Frame) bool { return count(f)[ink] == 400 && pixel(f, 89, 89) == ink })
	show(t, l, nil)
	w.until("gone", func(f capture.Frame) bool { return count(f)[ink] == 0 })
	hidden := capture.NewCovers() // a program that is not shown is not drawn on
	hidden.Hide([]capture.Program{{Application: theirs.app().Application}})
	covered, err := capture.OpenLayer(display, capture.Target{}, hidden, func() {})
	if err != nil {
		t.Fatal(err)
	}
	defer covered.Close()
	if s := look(t, covered); len(s.Clip) != 0 {
		t.Errorf("what is hidden may be drawn on: %v", s.Clip)
	}
	show(t, l, ofInk(image.Rect(70, 70, 90, 90), image.Rect(70, 70, 90, 90)))
	w.until("once more", func(f capture.Frame) bool { return count(f)[ink] == 400 })
	l.Close()
	w.until("gone with the layer", func(f capture.Frame) bool { return count(f)[ink] == 0 })
}

// TestLayerOnAProgram: only its windows may be drawn on, where nothing covers them;
// and what is drawn is in its picture, although that is read from its windows alone.
func TestLayerOnAProgram(t *testing.T) {
	display := xtest.Server(t, 400, 300)
	program, other := startActor(t, display), startActor(t, display)
	window := program.open(own, image.Rect(0, 0, 200, 200), "override")
	other.open(secret, image.Rect(50, 50, 100, 100), "override")
	l, _ := openLayer(t, display, program.app())
	w := watchProgram(t, display, program.app())

	s := look(t, l)
	if s.Picture != image.Rect(0, 0, 400, 300) || len(s.Windows) != 1 || s.Windows[0] != (capture.Place{Window: uint32(window), Bounds: image.Rect(0, 0, 200, 200)}) ||
		covers(s.Clip, image.Pt(10, 10)) != 1 || covers(s.Clip, image.Pt(60, 60)) != 0 || covers(s.Clip, image.Pt(250, 250)) != 0 {
		t.Errorf("%+v", s)
	}
	show(t, l, ofInk(image.Rect(10, 10, 40, 40), image.Rect(10, 10, 20, 40), image.Rect(30, 10, 40, 40)))
	w.until("in its picture", func(f capture.Frame) bool {
		return pixel(f, 15, 20) == ink && pixel(f, 25, 20) == own && count(f)[ink] == 600
	})
	program.place(window, image.Rect(150, 80, 350, 280))
	eventually(t, "it moved", func() bool { s = look(t, l); return s.Windows[0].Bounds.Min == image.Pt(150, 80) })
	if covers(s.Clip, image.Pt(10, 10)) != 0 || covers(s.Clip, image.Pt(340, 270)) != 1 {
		t.Errorf("%+v", s)
	}
	show(t, l, nil)
	w.until("gone", func(f capture.Frame) bool { return count(f)[ink] == 0 && count(f)[own] > 0 })
	program.quit()
	eventually(t, "no such program", func() bool { _, err := l.Look(); return errors.Is(err, capture.ErrTarget) })
	if _, err := capture.OpenLayer(display, program.app(), nil, func() {}); !errors.Is(err, capture.ErrTarget) {
		t.Errorf("a layer on a program that is gone: %v", err)
	}
}

// TestLayerOnAMonitor lies where the monitor is.
func TestLayerOnAMonitor(t *testing.T) {
	display := xtest.Server(t, 800, 300)
	setMonitor(t, display, "left", image.Rect(0, 0, 300, 300), "screen")
	setMonitor(t, display, "right", image.Rect(300, 0, 800, 300), "none")
	l, _ := openLayer(t, display, capture.Target{Monitor: "right"})
	if s := look(t, l); s.Picture != image.Rect(300, 0, 800, 300) || covers(s.Clip, image.Pt(299, 10)) != 0 || covers(s.Clip, image.Pt(300, 10)) != 1 {
		t.Errorf("%+v", s)
	}
	w := watchProgram(t, display, capture.Target{Monitor: "right"})
	show(t, l, ofInk(image.Rect(310, 10, 320, 20), image.Rect(310, 10, 320, 20)))
	w.until("in the monitor's picture", func(f capture.Frame) bool { return pixel(f, 10, 10) == ink && count(f)[ink] == 100 })
}
