package ui

import (
	"bytes"
	"image"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"

	"consento/agent/internal/xtest"
)

// kits are the toolkits to test: both, always.
func kits(testing.TB) []Toolkit { return []Toolkit{GTK, Drawn} }

func open(t testing.TB, cfg Config) *UI {
	t.Helper()
	u, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.Close)
	return u
}

// patience is how long a test waits for what has to come: machines are busy.
const patience = 60 * time.Second

// eventually asks again and again until it is so.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	xtest.Until(t, what, ok)
}

// eye is a connection with which a test looks at the screen.
type eye struct {
	conn *xgb.Conn
	root xproto.Window
	size image.Point
}

func dial(t testing.TB, display string) eye {
	t.Helper()
	c, err := xgb.NewConnDisplay(display)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	s := xproto.Setup(c).DefaultScreen(c)
	return eye{c, s.Root, image.Pt(int(s.WidthInPixels), int(s.HeightInPixels))}
}

// find waits for a visible window with that title and returns its number.
func find(t testing.TB, display, title string) string {
	t.Helper()
	var id string
	eventually(t, "window "+title, func() bool {
		id = visible(display, title)
		return id != ""
	})
	return id
}

// visible is the number of a visible window with that title, "" if there is none.
func visible(display, title string) string {
	out, err := xdotool(display, "search", "--onlyvisible", "--name", "^"+strings.NewReplacer("?", `\?`).Replace(title)+"$")
	if err != nil {
		return ""
	}
	id, _, _ := strings.Cut(strings.TrimSpace(out), "\n")
	return id
}

func xdotool(display string, args ...string) (string, error) {
	cmd := exec.Command("xdotool", args...)
	cmd.Env = append(cmd.Environ(), "DISPLAY="+display)
	out, err := cmd.Output()
	return string(out), err
}

func tool(t testing.TB, display string, args ...string) string {
	t.Helper()
	out, err := xdotool(display, args...)
	if err != nil {
		t.Fatalf("xdotool %v: %v", args, err)
	}
	return out
}

// picture is the whole screen, four bytes a pixel.
func (e eye) picture(t testing.TB) []byte {
	t.Helper()
	r, err := xproto.GetImage(e.conn, xproto.ImageFormatZPixmap, xproto.Drawable(e.root), 0, 0,
		uint16(e.size.X), uint16(e.size.Y), ^uint32(0)).Reply()
	if err != nil {
		t.Fatal(err)
	}
	return r.Data
}

// inked tells whether something is drawn in a part of the screen: not all of it has
// one colour.
func (e eye) inked(t testing.TB, r image.Rectangle) bool {
	t.Helper()
	r = r.Intersect(image.Rectangle{Max: e.size})
	if r.Empty() {
		return false
	}
	pix, n := e.picture(t), 0
	at := func(x, y int) []byte { return pix[4*(y*e.size.X+x):][:3] }
	ground := at(r.Min.X, r.Min.Y)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if !bytes.Equal(at(x, y), ground) {
				n++
			}
		}
	}
	return n > 500
}

// settle waits until the screen looks the same for a while; a spinner may go on turning.
func settle(t testing.TB, display string) {
	t.Helper()
	e := dial(t, display)
	last := e.picture(t)
	same := 0
	eventually(t, "still screen", func() bool {
		now := e.picture(t)
		changed := 0
		for i := 0; i < len(now); i += 4 {
			if !bytes.Equal(now[i:i+4], last[i:i+4]) {
				changed++
			}
		}
		last = now
		if changed < 2000 {
			same++
		} else {
			same = 0
		}
		return same > 20
	})
}

// onScreen checks that a window lies wholly on the screen.
func onScreen(t testing.TB, display, id string) {
	t.Helper()
	e := dial(t, display)
	if r := place(t, display, id); r.Empty() || !r.In(image.Rectangle{Max: e.size}) {
		t.Errorf("window at %v, not wholly on a screen of %v", r, e.size)
	}
}

// place is where a window is on the root window, without its frame.
func place(t testing.TB, display, id string) image.Rectangle {
	t.Helper()
	e := dial(t, display)
	n, err := strconv.ParseUint(id, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	w := xproto.Window(n)
	g, err := xproto.GetGeometry(e.conn, xproto.Drawable(w)).Reply()
	if err != nil {
		return image.Rectangle{} // it has just gone
	}
	at, err := xproto.TranslateCoordinates(e.conn, w, e.root, 0, 0).Reply()
	if err != nil {
		return image.Rectangle{}
	}
	corner := image.Pt(int(at.DstX), int(at.DstY))
	return image.Rectangle{Min: corner, Max: corner.Add(image.Pt(int(g.Width), int(g.Height)))}
}
