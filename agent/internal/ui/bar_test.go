package ui

import (
	"fmt"
	"image"
	"strconv"
	"testing"
	"time"

	"github.com/jezek/xgb/xproto"
	fake "github.com/jezek/xgb/xtest"

	"consento/agent/internal/xtest"
)

// showBar shows a bar and waits until it is on the screen.
func (s stage) showBar(t BarText) (*Bar, string) {
	s.Helper()
	b, err := s.u.Bar(t)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(b.Close)
	id := find(s, s.display, t.Title)
	eventually(s, "place of the bar", func() bool { return b.Bounds() == place(s, s.display, id) })
	return b, id
}

// Bounds is where the bar is on the root window, in pixels.
func (b *Bar) Bounds() image.Rectangle { return b.w.bounds() }

// end is the middle of the red X.
func end(b *Bar) image.Point {
	r := b.Bounds()
	return image.Pt(r.Max.X-40, r.Min.Y+r.Dy()/2)
}

func (s stage) click(p image.Point) {
	s.Helper()
	tool(s, s.display, "mousemove", fmt.Sprint(p.X), fmt.Sprint(p.Y), "click", "1")
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// colourAt is the colour of the screen in one place, 0xRRGGBB.
func (e eye) colourAt(t testing.TB, p image.Point) uint32 {
	t.Helper()
	r, err := xproto.GetImage(e.conn, xproto.ImageFormatZPixmap, xproto.Drawable(e.root), int16(p.X), int16(p.Y), 1, 1, ^uint32(0)).Reply()
	if err != nil {
		t.Fatal(err)
	}
	return uint32(r.Data[2])<<16 | uint32(r.Data[1])<<8 | uint32(r.Data[0])
}

// redAt tells whether the red of the X is seen at its right edge.
func redAt(t testing.TB, e eye, b *Bar) bool {
	t.Helper()
	r := b.Bounds()
	c := e.colourAt(t, image.Pt(r.Max.X-12, r.Min.Y+r.Dy()/2))
	return c>>16 > 0x90 && c>>8&0xff < 0x40 && c&0xff < 0x50
}

func TestBarStaysAboveAFullScreenWindow(t *testing.T) {
	onStage(t, func(s stage) {
		e := dial(s, s.display)
		b, id := s.showBar(languages["en"].bar)
		if r := b.Bounds(); r.Min.Y != 0 || r.Dy() < 40 || abs(r.Min.X+r.Dx()/2-e.size.X/2) > 1 {
			s.Errorf("bar at %v", r)
		}
		eventually(s, "the bar", func() bool { return redAt(s, e, b) })
		xtest.Start(s, s.display, "xterm", "-fullscreen", "-T", "cover", "-geometry", "200x60+0+0")
		cover := find(s, s.display, "cover")
		eventually(s, "full screen", func() bool {
			r := place(s, s.display, cover)
			return s.managed && r.Size() == e.size || !s.managed && r.Dx() > 900
		})
		eventually(s, "the bar above it", func() bool { return redAt(s, e, b) })
		// The window rises again, as a window that is activated does.
		n, err := strconv.ParseUint(cover, 10, 32)
		if err != nil {
			s.Fatal(err)
		}
		for range 3 {
			tool(s, s.display, "windowraise", fmt.Sprint(n))
			eventually(s, "the bar above it again", func() bool { return redAt(s, e, b) })
		}
		if isClosed(b.Ended()) {
			s.Fatal("ended by itself")
		}
		s.click(end(b))
		select {
		case <-b.Ended():
		case <-time.After(patience):
			s.Fatal("the red X does nothing")
		}
		b.Close()
		if visible(s.display, languages["en"].bar.Title) == id {
			s.Error("bar is still there")
		}
	})
}

func abs(n int) int { return max(n, -n) }

func TestBarTakesNoKeyboard(t *testing.T) {
	onStage(t, func(s stage) {
		q := languages["en"].question
		done := s.ask(s.Context(), q)
		b, _ := s.showBar(languages["en"].bar)
		if !s.u.desktop.hasFocus(window(s, s.ready(q.Title))) {
			s.Error("the bar took the keyboard")
		}
		s.keys("Escape")
		if r := s.get(done); r.answer != Refused {
			s.Errorf("%v", r.answer)
		}
		if isClosed(b.Ended()) {
			s.Error("Escape in a dialog ended the session")
		}
	})
}

func window(t testing.TB, id string) xproto.Window {
	t.Helper()
	n, err := strconv.ParseUint(id, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return xproto.Window(n)
}

func TestBarByKeyboard(t *testing.T) {
	onStage(t, func(s stage) {
		for _, key := range []string{"Return", "space"} {
			b, id := s.showBar(languages["en"].bar)
			r := b.Bounds()
			s.click(image.Pt(r.Min.X+30, r.Min.Y+r.Dy()/2))
			eventually(s, "keyboard at the bar", func() bool { return s.u.desktop.hasFocus(window(s, id)) })
			s.keys("Escape", "a")
			if isClosed(b.Ended()) {
				s.Error("Escape ended the session")
			}
			s.keys(key)
			select {
			case <-b.Ended():
			case <-time.After(patience):
				s.Errorf("%s does nothing", key)
			}
			b.Close()
		}
	})
}

func TestBarMovesByDragging(t *testing.T) {
	onStage(t, func(s stage) {
		b, id := s.showBar(languages["en"].bar)
		from := b.Bounds()
		at := from.Min.Add(image.Pt(30, 20))
		drag := func(to image.Point) {
			s.Helper()
			tool(s, s.display, "mousemove", fmt.Sprint(at.X), fmt.Sprint(at.Y), "mousedown", "1",
				"mousemove", fmt.Sprint((at.X+to.X)/2), fmt.Sprint((at.Y+to.Y)/2), "mousemove", fmt.Sprint(to.X), fmt.Sprint(to.Y), "mouseup", "1")
			at = to
		}
		drag(at.Add(image.Pt(30, 300)))
		want := from.Add(image.Pt(30, 300))
		eventually(s, "the move", func() bool { return place(s, s.display, id) == want && b.Bounds() == want })
		drag(image.Pt(1000, 590)) // beyond the edge
		eventually(s, "the edge", func() bool {
			r := place(s, s.display, id)
			return r.Max == image.Pt(1024, 600) && b.Bounds() == r
		})
		if isClosed(b.Ended()) {
			s.Error("dragging ended the session")
		}
	})
}

func TestBarTexts(t *testing.T) {
	onStage(t, func(s stage) {
		text := languages["it"].bar
		b, _ := s.showBar(text)
		e := dial(s, s.display)
		before := e.picture(s)
		text.Title, text.Allowed = "Consento – altro", "Mouse e tastiera, e molto altro ancora, che non ci sta tutto in una riga sola della barra"
		text.Who += " da molto lontano, con un nome che non finisce più e poi ancora un poco"
		text.Since = time.Now().Add(-time.Hour)
		if err := b.Update(text); err != nil {
			s.Fatal(err)
		}
		find(s, s.display, text.Title)
		eventually(s, "the new text", func() bool { return string(e.picture(s)) != string(before) && redAt(s, e, b) })
		settle(s, s.display)
		save(s.T, s.display, "bar-long")
		if r := b.Bounds(); r.Dx() > 1024 || r.Dy() > 75 {
			s.Errorf("bar at %v", r)
		}
		if err := b.Update(BarText{}); err == nil {
			s.Error("accepts a bar without texts")
		}
	})
}

// BenchmarkEnd measures from the press of the mouse button to Ended.
func BenchmarkEnd(b *testing.B) {
	for _, kit := range kits(b) {
		b.Run(kit.String(), func(b *testing.B) {
			display := xtest.Server(b, 1024, 600)
			e := dial(b, display)
			if err := fake.Init(e.conn); err != nil {
				b.Fatal(err)
			}
			u := open(b, Config{Display: display, Toolkit: kit})
			var worst time.Duration
			for b.Loop() {
				b.StopTimer()
				bar, err := u.Bar(languages["en"].bar)
				if err != nil {
					b.Fatal(err)
				}
				find(b, display, languages["en"].bar.Title)
				eventually(b, "the bar", func() bool { return !bar.Bounds().Empty() && redAt(b, e, bar) })
				p := end(bar)
				xproto.WarpPointer(e.conn, 0, e.root, 0, 0, 0, 0, int16(p.X), int16(p.Y))
				start := time.Now()
				b.StartTimer()
				fake.FakeInput(e.conn, xproto.ButtonPress, 1, 0, e.root, 0, 0, 0)
				<-bar.Ended()
				b.StopTimer()
				worst = max(worst, time.Since(start))
				fake.FakeInput(e.conn, xproto.ButtonRelease, 1, 0, e.root, 0, 0, 0)
				bar.Close()
				b.StartTimer()
			}
			b.ReportMetric(float64(worst.Microseconds())/1000, "worst-ms")
		})
	}
}
