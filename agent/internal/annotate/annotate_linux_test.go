package annotate

import (
	"encoding/json"
	"image"
	"image/color"
	"io"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jezek/xgb"

	"consento/agent/internal/capture"
	"consento/agent/internal/xtest"
	"consento/protocol"
)

const patience = 20 * time.Second

func TestMain(m *testing.M) {
	xgb.Logger.SetOutput(io.Discard)
	os.Exit(m.Run())
}

func drawn(kind protocol.AnnotateKind, mark uint32, points ...protocol.Spot) protocol.Annotate {
	m := protocol.Annotate{Epoch: 1, Kind: kind, Mark: mark, Ink: protocol.InkBlue, Width: 400, Height: 300, Points: points}
	if kind == protocol.AnnotateUndo || kind == protocol.AnnotateClear {
		m.Ink = ""
	}
	return m
}

func spot(x, y int) protocol.Spot { return protocol.Spot{X: x, Y: y} }

// desktop is a scene of one screen with a hole: the bar.
var desktop = capture.Scene{Picture: image.Rect(0, 0, 400, 300), Clip: []image.Rectangle{image.Rect(0, 0, 300, 300), image.Rect(300, 40, 400, 300)}}

var blue = color.RGBA{0, 0x66, 0xcc, 0xff}

func at(img *image.RGBA, x, y int) color.RGBA {
	if img == nil {
		return color.RGBA{}
	}
	return img.RGBAAt(x, y)
}

// TestBoard: lines go on, frames are replaced, the newest is taken back, everything
// goes by itself, and nothing lies outside what may be drawn on.
func TestBoard(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	b := board{}
	b.take(drawn(protocol.AnnotateLine, 1, spot(10, 100), spot(100, 100)), desktop, now)
	b.take(drawn(protocol.AnnotateLine, 1, spot(100, 200)), desktop, now)
	b.take(drawn(protocol.AnnotateBox, 2, spot(200, 100), spot(380, 200)), desktop, now)
	b.take(drawn(protocol.AnnotateBox, 2, spot(380, 150), spot(200, 20)), desktop, now)
	img := b.paint(desktop, nil)
	for _, p := range []image.Point{{X: 50, Y: 100}, {X: 100, Y: 150}, {X: 200, Y: 100}, {X: 380, Y: 100}, {X: 290, Y: 150}, {X: 250, Y: 20}} {
		if at(img, p.X, p.Y) != blue {
			t.Errorf("%v is %v", p, at(img, p.X, p.Y))
		}
	}
	if at(img, 50, 104) != white || at(img, 50, 106) != dark || at(img, 50, 110).A != 0 {
		t.Error("no edge, or too much of it")
	}
	for _, p := range []image.Point{{X: 290, Y: 200}, {X: 340, Y: 20}, {X: 250, Y: 100}} { // the frame before, the bar, inside
		if at(img, p.X, p.Y).A != 0 {
			t.Errorf("%v is drawn on", p)
		}
	}
	b.take(drawn(protocol.AnnotateUndo, 0), desktop, now)
	if img = b.paint(desktop, nil); at(img, 200, 100).A != 0 || at(img, 50, 100) != blue {
		t.Error("the wrong one was taken back")
	}
	b.take(drawn(protocol.AnnotatePoint, 0, spot(390, 290)), desktop, now)
	name := image.NewAlpha(image.Rect(0, 0, 60, 18))
	if img = b.paint(desktop, name); at(img, 391, 295) != blue || img.Rect.Max.X > 400 || img.Rect.Max.Y > 300 {
		t.Errorf("the pointer in the corner: %v", img.Rect)
	}
	b.expire(desktop, now.Add(protocol.PointerLife))
	if b.pointer != nil || len(b.marks) != 1 {
		t.Error("the pointer does not go by itself")
	}
	b.expire(desktop, now.Add(protocol.MarkLife))
	if !b.empty() || b.paint(desktop, name) != nil {
		t.Error("a line does not go by itself")
	}
}

// TestBoardOnAProgram: what does not begin on it is not drawn; what is goes along.
func TestBoardOnAProgram(t *testing.T) {
	t.Parallel()
	now, b := time.Unix(1000, 0), board{}
	scene := func(x int) capture.Scene {
		r := image.Rect(x, 50, x+100, 150)
		return capture.Scene{Picture: image.Rect(0, 0, 400, 300), Windows: []capture.Place{{Window: 5, Bounds: r}}, Clip: []image.Rectangle{r}}
	}
	b.take(drawn(protocol.AnnotateLine, 1, spot(10, 10), spot(120, 100)), scene(100), now)
	b.take(drawn(protocol.AnnotatePoint, 0, spot(10, 10)), scene(100), now)
	if !b.empty() {
		t.Error("drawn beside the program")
	}
	b.take(drawn(protocol.AnnotateLine, 2, spot(120, 100), spot(300, 100)), scene(100), now)
	if img := b.paint(scene(100), nil); at(img, 150, 100) != blue || at(img, 210, 100).A != 0 {
		t.Error("not on the program, or beyond it")
	}
	b.take(drawn(protocol.AnnotateLine, 2, spot(230, 120)), scene(200), now) // goes on after the window moved
	if img := b.paint(scene(200), nil); at(img, 250, 100) != blue || at(img, 150, 100).A != 0 || at(img, 230, 120) != blue {
		t.Error("it did not go along")
	}
	b.expire(capture.Scene{Picture: image.Rect(0, 0, 400, 300)}, now)
	if !b.empty() {
		t.Error("it outlives its window")
	}
}

// TestDrawing on a real screen: seen where it is drawn, not while nothing is shown, not
// for a picture of another size, and gone at Close.
func TestDrawing(t *testing.T) {
	display := xtest.Server(t, 400, 300)
	var hidden atomic.Bool
	d, err := Open(Config{Display: display, Size: func() image.Point { return image.Pt(400, 300) }, Hidden: hidden.Load, Failed: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	source, err := capture.Open(display, capture.Target{})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	until := func(what string, x, y int, want bool) {
		t.Helper()
		limit := time.After(patience)
		for {
			f, err := source.Grab(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			i := y*f.Stride + 4*x
			if (f.Pix[i] == blue.B && f.Pix[i+1] == blue.G && f.Pix[i+2] == blue.R) == want {
				return
			}
			select {
			case <-source.Changed():
			case <-limit:
				t.Fatal(what)
			}
		}
	}
	other := drawn(protocol.AnnotateLine, 1, spot(10, 10), spot(200, 10))
	other.Width = 401
	d.Take(other)
	d.Take(protocol.Annotate{Kind: protocol.AnnotateLine}) // no message
	d.Take(drawn(protocol.AnnotateLine, 2, spot(10, 100), spot(200, 100)))
	until("not drawn", 100, 100, true)
	until("drawn for another picture", 100, 10, false)
	d.Take(drawn(protocol.AnnotateUndo, 0))
	until("not taken back", 100, 100, false)
	d.Take(drawn(protocol.AnnotateLine, 3, spot(10, 100), spot(200, 100)))
	until("not drawn again", 100, 100, true)
	hidden.Store(true)
	until("seen while nothing is shown", 100, 100, false)
	hidden.Store(false)
	d.Take(drawn(protocol.AnnotateBox, 4, spot(50, 50), spot(200, 200)))
	until("no frame", 50, 100, true)
	d.Close()
	until("left behind", 50, 100, false)
}

// FuzzTake: whatever a broker sends, what is drawn stays bounded and where it may be.
func FuzzTake(f *testing.F) {
	for _, m := range []protocol.Annotate{drawn(protocol.AnnotateLine, 1, spot(1, 2), spot(3, 4)), drawn(protocol.AnnotateBox, 2, spot(399, 0), spot(0, 299)),
		drawn(protocol.AnnotatePoint, 0, spot(5, 5)), drawn(protocol.AnnotateUndo, 0)} {
		data, err := json.Marshal([]protocol.Annotate{m, m})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var list []protocol.Annotate
		if json.Unmarshal(data, &list) != nil {
			return
		}
		b, now := board{}, time.Unix(1, 0)
		for _, m := range list {
			if m.Validate() == nil && (len(m.Points) == 0 || m.Width == 400 && m.Height == 300) {
				b.take(m, desktop, now)
			}
		}
		total := 0
		for _, k := range b.marks {
			total += len(k.spots)
		}
		if len(b.marks) > maxMarks || total > maxSpots {
			t.Fatalf("%d marks of %d points", len(b.marks), total)
		}
		img := b.paint(desktop, image.NewAlpha(image.Rect(0, 0, 50, 20)))
		if img != nil && (!img.Rect.In(desktop.Picture) || at(img, 350, 20).A != 0) {
			t.Fatalf("drawn on the bar, or outside: %v", img.Rect)
		}
	})
}
