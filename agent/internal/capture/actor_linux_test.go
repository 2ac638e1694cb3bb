package capture_test

import (
	"bufio"
	"fmt"
	"image"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/shape"
	"github.com/jezek/xgb/xproto"
)

// actorVariable makes the test binary a program with windows, in a process of its
// own: programs are told apart by their processes.
const actorVariable = "CONSENTO_CAPTURE_ACTOR"

func TestMain(m *testing.M) {
	xgb.Logger.SetOutput(io.Discard)
	if os.Getenv(actorVariable) != "" {
		if err := act(); err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// actor is such a program, seen by the test.
type actor struct {
	t   testing.TB
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startActor(t testing.TB, display string) *actor {
	t.Helper()
	a := &actor{t: t, cmd: exec.Command(os.Args[0])}
	a.cmd.Env = append(os.Environ(), actorVariable+"=1", "DISPLAY="+display)
	in, err := a.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	a.in, a.out = in, bufio.NewReader(out)
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.quit)
	return a
}

// quit ends the program and with it its windows.
func (a *actor) quit() {
	a.goOn()
	a.in.Close()
	_ = a.cmd.Wait()
}

// stop has it hang, and goOn go on.
func (a *actor) stop() { _ = a.cmd.Process.Signal(syscall.SIGSTOP) }
func (a *actor) goOn() { _ = a.cmd.Process.Signal(syscall.SIGCONT) }

// do has the actor do something and returns what it answers.
func (a *actor) do(format string, args ...any) string {
	a.t.Helper()
	if _, err := fmt.Fprintf(a.in, format+"\n", args...); err != nil {
		a.t.Fatal(err)
	}
	line, err := a.out.ReadString('\n')
	if line = strings.TrimSpace(line); err != nil || strings.HasPrefix(line, "failed") {
		a.t.Fatalf("actor: %v %s", err, line)
	}
	return line
}

// open makes a visible window. How is a list of: none (no background), deaf
// (paints nothing of itself), override, and connection (on one of its own).
func (a *actor) open(colour uint32, r image.Rectangle, how ...string) xproto.Window {
	a.t.Helper()
	var id xproto.Window
	line := a.do("open %d %d %d %d %d %s", colour, r.Min.X, r.Min.Y, r.Dx(), r.Dy(), strings.Join(append(how, "."), ","))
	if _, err := fmt.Sscan(line, &id); err != nil {
		a.t.Fatal(err)
	}
	return id
}

// border is how wide that of a child is, of the colour of menus.
const border = 4

// child makes a visible window in another one of the same connection.
func (a *actor) child(parent xproto.Window, colour uint32, r image.Rectangle) xproto.Window {
	a.t.Helper()
	var id xproto.Window
	line := a.do("child %d %d %d %d %d %d", parent, colour, r.Min.X, r.Min.Y, r.Dx(), r.Dy())
	if _, err := fmt.Sscan(line, &id); err != nil {
		a.t.Fatal(err)
	}
	return id
}

func (a *actor) place(w xproto.Window, r image.Rectangle) {
	a.t.Helper()
	a.do("place %d %d %d %d %d", w, r.Min.X, r.Min.Y, r.Dx(), r.Dy())
}

// act is the program.
func act() error {
	main, err := newTroupe()
	if err != nil {
		return err
	}
	scanner := bufio.NewScanner(os.Stdin)
	for scanner.Scan() {
		answer, err := main.command(strings.Fields(scanner.Text()))
		if err != nil {
			return fmt.Errorf("%s: %w", scanner.Text(), err)
		}
		fmt.Println(answer)
	}
	return scanner.Err()
}

// troupe is the actor's windows on one connection.
type troupe struct {
	conn *xgb.Conn
	root xproto.Window
	gc   xproto.Gcontext

	mu      sync.Mutex
	colours map[xproto.Window]uint32
	others  []*troupe
	owed    sync.Mutex                        // of due, never held while something is sent
	due     map[xproto.Window]image.Rectangle // what is to be painted
	exposed chan struct{}                     // of capacity 1: something is
	rest    func()                            // ends a race
}

func newTroupe() (*troupe, error) {
	c, err := xgb.NewConn()
	if err != nil {
		return nil, err
	}
	if err := shape.Init(c); err != nil {
		return nil, err
	}
	p := &troupe{conn: c, root: xproto.Setup(c).DefaultScreen(c).Root, colours: map[xproto.Window]uint32{}, due: map[xproto.Window]image.Rectangle{}, exposed: make(chan struct{}, 1)}
	if p.gc, err = xproto.NewGcontextId(c); err != nil {
		return nil, err
	}
	if err := xproto.CreateGCChecked(c, p.gc, xproto.Drawable(p.root), 0, nil).Check(); err != nil {
		return nil, err
	}
	go func() {
		for {
			e, err := c.WaitForEvent()
			if e == nil && err == nil {
				return
			}
			if e, ok := e.(xproto.ExposeEvent); ok {
				r := image.Rect(int(e.X), int(e.Y), int(e.X)+int(e.Width), int(e.Y)+int(e.Height))
				p.owed.Lock()
				p.due[e.Window] = p.due[e.Window].Union(r)
				p.owed.Unlock()
				select {
				case p.exposed <- struct{}{}:
				default:
				}
			}
		}
	}()
	go func() { // apart, so that events never wait for requests: xgb would stop
		for range p.exposed {
			p.owed.Lock()
			due := p.due
			p.due = map[xproto.Window]image.Rectangle{}
			p.owed.Unlock()
			for w, r := range due {
				p.paint(w, r)
			}
		}
	}()
	return p, nil
}

// paint fills a part of a window with its colour.
func (p *troupe) paint(w xproto.Window, r image.Rectangle) {
	p.mu.Lock()
	defer p.mu.Unlock()
	colour, ok := p.colours[w]
	if !ok {
		return
	}
	xproto.ChangeGC(p.conn, p.gc, xproto.GcForeground, []uint32{colour})
	xproto.PolyFillRectangle(p.conn, xproto.Drawable(w), p.gc, []xproto.Rectangle{{X: int16(r.Min.X), Y: int16(r.Min.Y), Width: uint16(r.Dx()), Height: uint16(r.Dy())}})
}

func (p *troupe) command(words []string) (string, error) {
	args := make([]int, 6)
	for i := 1; i < len(words) && i <= 6; i++ {
		_, _ = fmt.Sscan(words[i], &args[i-1]) // words that are none stay 0
	}
	w := xproto.Window(args[0])
	owner := p
	for _, o := range p.others {
		o.mu.Lock()
		if _, ok := o.colours[w]; ok {
			owner = o
		}
		o.mu.Unlock()
	}
	c := owner.conn
	answer := "done"
	switch words[0] {
	case "open":
		if strings.Contains(words[6], "connection") {
			other, err := newTroupe()
			if err != nil {
				return "", err
			}
			p.others = append(p.others, other)
			owner, c = other, other.conn
		}
		id, err := owner.open(uint32(args[0]), args[1:5], words[6])
		if err != nil {
			return "", err
		}
		answer = fmt.Sprint(id)
	case "child":
		id, err := owner.child(w, uint32(args[1]), args[2:6])
		if err != nil {
			return "", err
		}
		answer = fmt.Sprint(id)
	case "place":
		xproto.ConfigureWindow(c, w, 15, []uint32{uint32(args[1]), uint32(args[2]), uint32(args[3]), uint32(args[4])})
	case "raise":
		xproto.ConfigureWindow(c, w, xproto.ConfigWindowStackMode, []uint32{xproto.StackModeAbove})
	case "lower":
		xproto.ConfigureWindow(c, w, xproto.ConfigWindowStackMode, []uint32{xproto.StackModeBelow})
	case "map":
		xproto.MapWindow(c, w)
	case "unmap":
		xproto.UnmapWindow(c, w)
	case "destroy":
		owner.mu.Lock()
		delete(owner.colours, w)
		owner.mu.Unlock()
		xproto.DestroyWindow(c, w)
	case "transient":
		b := make([]byte, 4)
		xgb.Put32(b, uint32(args[1]))
		xproto.ChangeProperty(c, xproto.PropModeReplace, w, xproto.AtomWmTransientFor, xproto.AtomWindow, 32, 1, b)
	case "round": // a hole in the window, from the upper left corner
		shape.Rectangles(c, shape.SoSubtract, shape.SkBounding, 0, w, 0, 0, []xproto.Rectangle{{Width: uint16(args[1]), Height: uint16(args[2])}})
	case "race": // it moves, and now and then changes its size, as fast as it can, until "rest"
		stop, over := make(chan struct{}), make(chan struct{})
		p.rest = func() { close(stop); <-over }
		go func() {
			defer close(over)
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				xproto.ConfigureWindow(c, w, 15, []uint32{uint32(i * 7 % args[1]), uint32(i * 3 % args[2]), uint32(args[3] + i%9), uint32(args[4] + i%5)})
				if i%3 == 0 {
					owner.paint(w, image.Rect(0, 0, 4000, 4000))
				}
				if i%20 == 0 {
					_, _ = xproto.GetInputFocus(c).Reply()
				}
			}
		}()
	case "rest":
		p.rest()
	case "class":
		name := append([]byte("x\x00"+words[2]), 0)
		xproto.ChangeProperty(c, xproto.PropModeReplace, w, xproto.AtomWmClass, xproto.AtomString, 8, uint32(len(name)), name)
	case "fill":
		owner.mu.Lock()
		owner.colours[w] = uint32(args[1])
		owner.mu.Unlock()
		owner.paint(w, image.Rect(0, 0, 4000, 4000))
	default:
		return "", fmt.Errorf("unknown")
	}
	_, err := xproto.GetInputFocus(c).Reply() // the server has done it
	return answer, err
}

func (p *troupe) open(colour uint32, at []int, how string) (xproto.Window, error) {
	id, err := xproto.NewWindowId(p.conn)
	if err != nil {
		return 0, err
	}
	p.mu.Lock()
	p.colours[id] = colour
	if strings.Contains(how, "deaf") {
		delete(p.colours, id)
	}
	p.mu.Unlock()
	mask, values := uint32(xproto.CwBackPixel), []uint32{colour}
	if strings.Contains(how, "none") {
		mask, values = xproto.CwBackPixmap, []uint32{0}
	}
	override := uint32(0)
	if strings.Contains(how, "override") {
		override = 1
	}
	values = append(values, override, xproto.EventMaskExposure)
	if err := xproto.CreateWindowChecked(p.conn, 0, id, p.root, int16(at[0]), int16(at[1]), uint16(at[2]), uint16(at[3]), 0,
		xproto.WindowClassInputOutput, 0, mask|xproto.CwOverrideRedirect|xproto.CwEventMask, values).Check(); err != nil {
		return 0, err
	}
	const position = 1
	hints := make([]byte, 18*4)
	hints[0] = position
	xproto.ChangeProperty(p.conn, xproto.PropModeReplace, id, xproto.AtomWmNormalHints, xproto.AtomWmSizeHints, 32, 18, hints)
	return id, xproto.MapWindowChecked(p.conn, id).Check()
}

func (p *troupe) child(parent xproto.Window, colour uint32, at []int) (xproto.Window, error) {
	id, err := xproto.NewWindowId(p.conn)
	if err != nil {
		return 0, err
	}
	p.mu.Lock()
	p.colours[id] = colour
	p.mu.Unlock()
	if err := xproto.CreateWindowChecked(p.conn, 0, id, parent, int16(at[0]), int16(at[1]), uint16(at[2]), uint16(at[3]), border,
		xproto.WindowClassInputOutput, 0, xproto.CwBackPixmap|xproto.CwBorderPixel|xproto.CwEventMask, []uint32{0, menu, xproto.EventMaskExposure}).Check(); err != nil {
		return 0, err
	}
	return id, xproto.MapWindowChecked(p.conn, id).Check()
}
