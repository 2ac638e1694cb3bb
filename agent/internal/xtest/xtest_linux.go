// Package xtest gives tests a real X server of their own, and patience. It is for tests only.
package xtest

import (
	"bufio"
	"fmt"
	"image"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/randr"
	"github.com/jezek/xgb/xproto"
)

// Server starts Xvfb with one screen of that size on a free display and returns
// the display's name. The server ends with the test, and everything that was
// started with Start before it.
func Server(t testing.TB, width, height int) string {
	t.Helper()
	display, _ := ServerProcess(t, width, height, 24)
	return display
}

// ServerProcess is Server with a choice of colour depth, for tests that stop,
// continue or kill the server.
func ServerProcess(t testing.TB, width, height, depth int, args ...string) (string, *os.Process) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	args = append([]string{
		"-displayfd", "3", "-noreset", "-nolisten", "tcp", "-ac",
		"-screen", "0", fmt.Sprintf("%dx%dx%d", width, height, depth),
	}, args...)
	cmd := exec.Command("Xvfb", args...)
	cmd.ExtraFiles = []*os.File{w}
	p := start(t, cmd)
	w.Close()
	if err := r.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatalf("Xvfb did not say its display: %v", err)
	}
	return ":" + strings.TrimSpace(line), p
}

// Start runs a program on the display until the test ends.
func Start(t testing.TB, display, name string, args ...string) *os.Process {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "DISPLAY="+display)
	return start(t, cmd)
}

// Manage starts a window manager and waits until it works. While it starts it can overlook
// a window: so it works when it has taken one over, and let it go.
func Manage(t testing.TB, display string) {
	t.Helper()
	Start(t, display, "openbox", "--sm-disable")
	x := NewPainter(t, display)
	probe, err := xproto.NewWindowId(x.Conn)
	if err != nil {
		t.Fatal(err)
	}
	if err := xproto.CreateWindowChecked(x.Conn, 0, probe, x.Root, 0, 0, 10, 10, 0, xproto.WindowClassInputOutput, 0, 0, nil).Check(); err != nil {
		t.Fatal(err)
	}
	const list = "_NET_CLIENT_LIST" // EWMH 1.5, 3.2
	atom, err := xproto.InternAtom(x.Conn, false, uint16(len(list)), list).Reply()
	if err != nil {
		t.Fatal(err)
	}
	managed := func() bool {
		r, err := xproto.GetProperty(x.Conn, false, x.Root, atom.Atom, xproto.AtomWindow, 0, 1).Reply()
		return err == nil && r.ValueLen > 0
	}
	tries := 0
	Until(t, "window manager", func() bool {
		if tries++; tries%30 == 1 {
			xproto.UnmapWindow(x.Conn, probe)
			xproto.MapWindow(x.Conn, probe)
		}
		return managed()
	})
	xproto.DestroyWindow(x.Conn, probe)
	Until(t, "window manager to let go", func() bool { return !managed() })
}

func start(t testing.TB, cmd *exec.Cmd) *os.Process {
	t.Helper()
	// The program must not outlive a test binary that was killed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s is needed: %v", cmd.Path, err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
	return cmd.Process
}

// Patience is how long tests wait for what must come.
const Patience = 60 * time.Second

// Until waits until a condition holds, or fails.
func Until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	limit := time.After(Patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("never: %s", what)
		}
	}
}

// Painter draws on the root window of a display by a connection of its own.
type Painter struct {
	Conn *xgb.Conn
	Root xproto.Window
	gc   xproto.Gcontext
}

// NewPainter connects; the connection ends with the test.
func NewPainter(t testing.TB, display string) *Painter {
	t.Helper()
	c, err := xgb.NewConnDisplay(display)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	p := &Painter{Conn: c, Root: xproto.Setup(c).DefaultScreen(c).Root}
	if p.gc, err = xproto.NewGcontextId(c); err != nil {
		t.Fatal(err)
	}
	// Windows of other programs must not hide what is drawn.
	err = xproto.CreateGCChecked(c, p.gc, xproto.Drawable(p.Root), xproto.GcSubwindowMode,
		[]uint32{xproto.SubwindowModeIncludeInferiors}).Check()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Fill paints rectangles of one colour (0xRRGGBB) and returns when the server
// has done it.
func (p *Painter) Fill(t testing.TB, colour uint32, rects ...image.Rectangle) {
	t.Helper()
	xproto.ChangeGC(p.Conn, p.gc, xproto.GcForeground, []uint32{colour})
	var list []xproto.Rectangle
	for _, r := range rects {
		list = append(list, xproto.Rectangle{
			X: int16(r.Min.X), Y: int16(r.Min.Y), Width: uint16(r.Dx()), Height: uint16(r.Dy()),
		})
	}
	if err := xproto.PolyFillRectangleChecked(p.Conn, xproto.Drawable(p.Root), p.gc, list).Check(); err != nil {
		t.Fatal(err)
	}
}

// Text writes lines of a core font, black on white.
func (p *Painter) Text(t testing.TB, at image.Point, lineHeight int, lines ...string) {
	t.Helper()
	xproto.ChangeGC(p.Conn, p.gc, xproto.GcForeground|xproto.GcBackground, []uint32{0, 0xffffff})
	for i, l := range lines {
		l = l[:min(len(l), 255)]
		if err := xproto.ImageText8Checked(p.Conn, byte(len(l)), xproto.Drawable(p.Root), p.gc,
			int16(at.X), int16(at.Y+i*lineHeight), l).Check(); err != nil {
			t.Fatal(err)
		}
	}
}

// ImageOn puts pixels (B, G, R, X; rows without padding) on a drawable.
func (p *Painter) ImageOn(t testing.TB, on xproto.Drawable, at, size image.Point, pix []byte) {
	t.Helper()
	// One request carries at most 256 kB.
	rows := max(1, 200_000/(size.X*4))
	for y := 0; y < size.Y; y += rows {
		n := min(rows, size.Y-y)
		if err := xproto.PutImageChecked(p.Conn, xproto.ImageFormatZPixmap, on, p.gc,
			uint16(size.X), uint16(n), int16(at.X), int16(at.Y+y), 0, 24,
			pix[y*size.X*4:(y+n)*size.X*4]).Check(); err != nil {
			t.Fatal(err)
		}
	}
}

// Copy shows a part of a drawable, from that point on, at the top left.
func (p *Painter) Copy(t testing.TB, from xproto.Drawable, at, size image.Point) {
	t.Helper()
	if err := xproto.CopyAreaChecked(p.Conn, from, xproto.Drawable(p.Root), p.gc,
		int16(at.X), int16(at.Y), 0, 0, uint16(size.X), uint16(size.Y)).Check(); err != nil {
		t.Fatal(err)
	}
}

// Resize gives the display another size, not larger than it began with.
func Resize(t testing.TB, display string, size image.Point) {
	t.Helper()
	c, err := xgb.NewConnDisplay(display)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := randr.Init(c); err != nil {
		t.Fatal(err)
	}
	root := xproto.Setup(c).DefaultScreen(c).Root
	have, err := randr.GetScreenResources(c, root).Reply()
	if err != nil {
		t.Fatal(err)
	}
	// A screen cannot become smaller than what its CRTCs show.
	for _, crtc := range have.Crtcs {
		_, err := randr.SetCrtcConfig(c, crtc, xproto.TimeCurrentTime, have.ConfigTimestamp, 0, 0, 0,
			randr.RotationRotate0, nil).Reply()
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := randr.SetScreenSizeChecked(c, root, uint16(size.X), uint16(size.Y), 300, 200).Check(); err != nil {
		t.Fatal(err)
	}
}

// Move puts the mouse there, as a hand on the mouse would.
func Move(t testing.TB, display string, to image.Point) {
	t.Helper()
	cmd := exec.Command("xdotool", "mousemove", fmt.Sprint(to.X), fmt.Sprint(to.Y))
	cmd.Env = append(os.Environ(), "DISPLAY="+display)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("xdotool: %v %s", err, out)
	}
}

// Cursor gives the root window a pointer out of the X cursor font.
func (p *Painter) Cursor(t testing.TB, glyph uint16) {
	t.Helper()
	font, err := xproto.NewFontId(p.Conn)
	if err != nil {
		t.Fatal(err)
	}
	cursor, err := xproto.NewCursorId(p.Conn)
	if err != nil {
		t.Fatal(err)
	}
	const name = "cursor"
	xproto.OpenFont(p.Conn, font, uint16(len(name)), name)
	xproto.CreateGlyphCursor(p.Conn, cursor, font, font, glyph, glyph+1, 0xffff, 0, 0, 0, 0, 0xffff)
	if err := xproto.ChangeWindowAttributesChecked(p.Conn, p.Root, xproto.CwCursor, []uint32{uint32(cursor)}).Check(); err != nil {
		t.Fatal(err)
	}
}

// SharedSegments counts the System V shared memory segments of this process.
func SharedSegments(t testing.TB) int {
	t.Helper()
	data, err := os.ReadFile("/proc/sysvipc/shm")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, line := range strings.Split(string(data), "\n") {
		// key shmid perms size cpid ...
		if f := strings.Fields(line); len(f) > 4 && f[4] == fmt.Sprint(os.Getpid()) {
			n++
		}
	}
	return n
}
