package stage

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Screen is a virtual X display with a window manager, and the home folder of
// who sits before it.
type Screen struct {
	Display string
	Home    string
	Size    image.Point
	// Network that the agent and browsers opened from now on run in, nil for the machine's own.
	Network *Network

	mu    sync.Mutex
	procs []*process
	acts  atomic.Int32
}

// Acts is how often somebody has clicked, typed, or answered a dialog, which is one
// act, on this screen; what was done in a browser it counts for itself.
func (s *Screen) Acts() int { return int(s.acts.Load()) }

// NewScreen starts a screen of that size. Home is made if there is none.
func NewScreen(ctx context.Context, size image.Point, home string) (*Screen, error) {
	for _, folder := range []string{"Downloads", "tmp", "run"} {
		if err := os.MkdirAll(filepath.Join(home, folder), 0o700); err != nil {
			return nil, err
		}
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	cmd := exec.Command("Xvfb", "-displayfd", "3", "-noreset", "-nolisten", "tcp", "-ac", "-screen", "0", fmt.Sprintf("%dx%dx24", size.X, size.Y))
	cmd.ExtraFiles = []*os.File{w}
	s := &Screen{Home: home, Size: size}
	server, err := launch(cmd)
	err = errors.Join(err, w.Close())
	if err != nil {
		return nil, fmt.Errorf("no Xvfb: %w", err)
	}
	s.procs = append(s.procs, server)
	if deadline, ok := ctx.Deadline(); ok {
		if err := r.SetReadDeadline(deadline); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("no display from Xvfb: %w", err), s.Close())
	}
	s.Display = ":" + strings.TrimSpace(line)
	if _, err := s.Start("openbox"); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close ends the screen and everything on it.
func (s *Screen) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.procs) - 1; i >= 0; i-- {
		s.procs[i].kill()
	}
	s.procs = nil
	return nil
}

// Crash takes the display away from all programs on it, as a broken X server does.
func (s *Screen) Crash() { s.procs[0].kill() }

// Command is a program for this screen and its person.
func (s *Screen) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "DISPLAY="+s.Display, "HOME="+s.Home, "TMPDIR="+filepath.Join(s.Home, "tmp"),
		"XDG_RUNTIME_DIR="+filepath.Join(s.Home, "run"), "LANG=C.UTF-8", "XDG_CACHE_HOME="+filepath.Join(s.Home, ".cache"), "XDG_CONFIG_HOME="+filepath.Join(s.Home, ".config"), "NO_AT_BRIDGE=1")
	return cmd
}

// Start runs a program until the screen closes.
func (s *Screen) Start(name string, args ...string) (*Program, error) {
	p, err := s.start(s.Command(context.Background(), name, args...))
	return &Program{p}, err
}

// Program is something that runs on a screen.
type Program struct{ proc *process }

// Kill ends the program.
func (p *Program) Kill() { p.proc.kill() }

func (s *Screen) start(cmd *exec.Cmd) (*process, error) {
	p, err := launch(cmd)
	if err != nil {
		return nil, fmt.Errorf("%s is needed: %w", cmd.Path, err)
	}
	s.mu.Lock()
	s.procs = append(s.procs, p)
	s.mu.Unlock()
	return p, nil
}

func (s *Screen) xdotool(ctx context.Context, args ...string) (string, error) {
	out, err := s.Command(ctx, "xdotool", args...).Output()
	if err != nil {
		return "", fmt.Errorf("xdotool %s: %w", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}

// Window waits for a window whose title holds text, and returns its id.
func (s *Screen) Window(ctx context.Context, text string) (string, error) {
	var id string
	err := Until(ctx, "window "+text, func() bool {
		out, err := s.xdotool(ctx, "search", "--onlyvisible", "--name", text)
		if err != nil || out == "" {
			return false
		}
		id, _, _ = strings.Cut(out, "\n")
		return true
	})
	return id, err
}

// NoWindow waits until no window has a title that holds text. Twice in a row: a
// search fails, too, when some window goes away under it.
func (s *Screen) NoWindow(ctx context.Context, text string) error {
	none := 0
	return Until(ctx, "no window "+text, func() bool {
		_, err := s.xdotool(ctx, "search", "--onlyvisible", "--name", text)
		var exit *exec.ExitError
		if none++; !errors.As(err, &exit) {
			none = 0
		}
		return none == 2
	})
}

// Press presses keys, one after the other, in the window that has the keyboard.
func (s *Screen) Press(ctx context.Context, keys ...string) error {
	s.acts.Add(1)
	return s.press(ctx, keys...)
}

func (s *Screen) press(ctx context.Context, keys ...string) error {
	_, err := s.xdotool(ctx, append([]string{"key", "--delay", "40"}, keys...)...)
	return err
}

// Write types text into the window that has the keyboard.
func (s *Screen) Write(ctx context.Context, text string) error {
	s.acts.Add(1)
	_, err := s.xdotool(ctx, "type", "--delay", "40", text)
	return err
}

// Accept presses the accepting button of the dialog as the keyboard does it:
// the refusing one has the focus. A dialog takes no yes in its first half
// second, so that nobody consents by a key meant for something else.
func (s *Screen) Accept(ctx context.Context, title string) error {
	window, err := s.Window(ctx, title)
	if err != nil {
		return err
	}
	if err := s.PressIn(ctx, window, "Tab", "Return"); err != nil {
		return err
	}
	return s.insist(ctx, window)
}

// insist presses Return again while this very window stays and has the keyboard: on
// a busy machine the dialog may have counted its first half second late. What comes
// after it is not answered.
func (s *Screen) insist(ctx context.Context, window string) error {
	there := func() bool {
		_, err := s.xdotool(ctx, "getwindowname", window)
		return err == nil
	}
	for range 20 {
		patient, cancel := context.WithTimeout(ctx, 3*time.Second)
		err := Until(patient, "answer taken", func() bool { return !there() })
		cancel()
		if err == nil {
			return nil
		}
		if !s.hasKeyboard(ctx, window) { // another dialog opened: it is clicked on, as a person would do
			_, _ = s.xdotool(ctx, "windowactivate", window) // or is gone
			continue
		}
		if err := s.press(ctx, "Return"); err != nil { // the same act
			return err
		}
	}
	return errors.New("the dialog does not take the answer")
}

// Confirm presses the only button of a notice.
func (s *Screen) Confirm(ctx context.Context, title string) error {
	window, err := s.Window(ctx, title)
	if err != nil {
		return err
	}
	if err := s.PressIn(ctx, window, "Return"); err != nil {
		return err
	}
	return s.insist(ctx, window)
}

// Activate brings a window to the front and gives it the keyboard, as a click on
// its title does.
func (s *Screen) Activate(ctx context.Context, title string) error {
	window, err := s.Window(ctx, title)
	if err != nil {
		return err
	}
	_, err = s.xdotool(ctx, "windowactivate", "--sync", window)
	return err
}

// Refuse presses Escape in the dialog.
func (s *Screen) Refuse(ctx context.Context, title string) error {
	window, err := s.Window(ctx, title)
	if err != nil {
		return err
	}
	if err := s.focused(ctx, window); err != nil {
		return err
	}
	return s.Press(ctx, "Escape")
}

// PressIn presses keys once this window has the keyboard.
func (s *Screen) PressIn(ctx context.Context, window string, keys ...string) error {
	if err := s.focused(ctx, window); err != nil {
		return err
	}
	if err := pause(ctx, 700*time.Millisecond); err != nil {
		return err
	}
	return s.Press(ctx, keys...)
}

// focused waits until a window has the keyboard. Where another one keeps it, as a
// second dialog may that opened later, it is clicked on, as a person would do.
func (s *Screen) focused(ctx context.Context, window string) error {
	for range 12 {
		patient, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := Until(patient, "focus", func() bool { return s.hasKeyboard(ctx, window) })
		cancel()
		if err == nil {
			return nil
		}
		if _, err := s.xdotool(ctx, "windowactivate", window); err != nil {
			return err
		}
	}
	return errors.New("another window keeps the keyboard")
}

func (s *Screen) hasKeyboard(ctx context.Context, window string) bool {
	out, err := s.xdotool(ctx, "getwindowfocus")
	return err == nil && out == window
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Click presses the left button at a place of the screen.
func (s *Screen) Click(ctx context.Context, at image.Point) error {
	s.acts.Add(1)
	_, err := s.xdotool(ctx, "mousemove", "--sync", fmt.Sprint(at.X), fmt.Sprint(at.Y), "click", "1")
	return err
}

// Move moves the pointer.
func (s *Screen) Move(ctx context.Context, at image.Point) error {
	_, err := s.xdotool(ctx, "mousemove", fmt.Sprint(at.X), fmt.Sprint(at.Y))
	return err
}

// Bounds returns where a window is.
func (s *Screen) Bounds(ctx context.Context, window string) (image.Rectangle, error) {
	out, err := s.xdotool(ctx, "getwindowgeometry", "--shell", window)
	if err != nil {
		return image.Rectangle{}, err
	}
	var x, y, w, h int
	for line := range strings.Lines(out) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		for key, to := range map[string]*int{"X": &x, "Y": &y, "WIDTH": &w, "HEIGHT": &h} {
			if name == key {
				if _, err := fmt.Sscan(value, to); err != nil {
					return image.Rectangle{}, err
				}
			}
		}
	}
	return image.Rect(x, y, x+w, y+h), nil
}

// AtRest is Bounds once they stay as they are: a window that says something else is
// laid out anew a moment later.
func (s *Screen) AtRest(ctx context.Context, window string) (r image.Rectangle, err error) {
	same := 0
	err = Until(ctx, "window at rest", func() bool {
		now, err := s.Bounds(ctx, window)
		if same++; err != nil || now != r {
			same = 0
		}
		r = now
		return same == 5
	})
	return r, err
}

// Resize gives a window another size, as dragging its corner does.
func (s *Screen) Resize(ctx context.Context, window string, size image.Point) error {
	_, err := s.xdotool(ctx, "windowsize", window, fmt.Sprint(size.X), fmt.Sprint(size.Y))
	return err
}

// Picture takes a screenshot.
func (s *Screen) Picture(ctx context.Context) (image.Image, error) {
	data, err := s.Command(ctx, "import", "-silent", "-window", "root", "png:-").Output()
	if err != nil {
		return nil, fmt.Errorf("screenshot: %w", err)
	}
	return png.Decode(bytes.NewReader(data))
}

// Save writes a screenshot to a PNG file.
func (s *Screen) Save(ctx context.Context, file string) error {
	if out, err := s.Command(ctx, "import", "-silent", "-window", "root", "png:"+file).CombinedOutput(); err != nil {
		return fmt.Errorf("screenshot: %w: %s", err, out)
	}
	return nil
}
