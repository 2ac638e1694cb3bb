package ui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jezek/xgb/xproto"

	"consento/agent/internal/xtest"
)

// stage is one toolkit on one screen, with or without a window manager.
type stage struct {
	*testing.T
	u       *UI
	display string
	managed bool
}

// onStage runs a test with both toolkits, with a window manager and without.
func onStage(t *testing.T, test func(stage)) {
	for _, kit := range kits(t) {
		for _, managed := range []bool{true, false} {
			t.Run(fmt.Sprintf("%v/managed=%v", kit, managed), func(t *testing.T) {
				display := xtest.Server(t, 1024, 600)
				if managed {
					xtest.Manage(t, display)
				}
				test(stage{t, open(t, Config{Display: display, Toolkit: kit}), display, managed})
			})
		}
	}
}

type result struct {
	answer Answer
	err    error
	after  time.Duration
}

// ask shows a question and waits until it has the keyboard.
func (s stage) ask(ctx context.Context, q Question) <-chan result {
	s.Helper()
	done := make(chan result, 1)
	start := time.Now()
	go func() {
		a, err := s.u.Ask(ctx, q)
		done <- result{a, err, time.Since(start)}
	}()
	s.ready(q.Title)
	return done
}

// ready waits until the window with that title has the keyboard.
func (s stage) ready(title string) (id string) {
	s.Helper()
	eventually(s, "keyboard at "+title, func() bool {
		id = visible(s.display, title)
		return id != "" && s.u.desktop.hasFocus(window(s, id))
	})
	return id
}

func (s stage) keys(keys ...string) {
	s.Helper()
	if len(keys) == 0 {
		return
	}
	tool(s, s.display, append([]string{"key", "--delay", "20"}, keys...)...)
}

func (s stage) get(done <-chan result) result {
	s.Helper()
	select {
	case r := <-done:
		return r
	case <-time.After(patience):
		s.Fatal("no answer")
		panic("unreachable")
	}
}

// insist presses until there is an answer: the accepting button is deaf at first.
func (s stage) insist(done <-chan result, press func()) result {
	s.Helper()
	again := time.NewTicker(settleTime / 2)
	defer again.Stop()
	for range patience / settleTime {
		press()
		select {
		case r := <-done:
			return r
		case <-again.C:
		}
	}
	return s.get(done)
}

// gone checks that no window of that title is left: at once, not a moment later.
func (s stage) gone(title string) {
	s.Helper()
	if visible(s.display, title) != "" {
		s.Errorf("window %q is still there", title)
	}
}

func TestAnswersByKeyboard(t *testing.T) {
	onStage(t, func(s stage) {
		q := languages["en"].question
		for _, c := range []struct {
			keys []string
			want Answer
		}{
			{[]string{"Return"}, Refused},
			{[]string{"space"}, Refused},
			{[]string{"Escape"}, Refused},
			{[]string{"Tab", "Return"}, Accepted},
			{[]string{"Tab", "space"}, Accepted},
			{[]string{"Tab", "KP_Enter"}, Accepted},
			{[]string{"Tab", "Escape"}, Refused},
			{[]string{"Tab", "shift+Tab", "Return"}, Refused},
			{[]string{"Tab", "Tab", "Return"}, Refused},
			{[]string{"a", "y", "Tab", "Tab", "Tab", "Return"}, Accepted},
		} {
			done := s.ask(s.Context(), q)
			s.keys(c.keys[:len(c.keys)-1]...)
			if r := s.insist(done, func() { s.keys(c.keys[len(c.keys)-1]) }); r.answer != c.want || r.err != nil {
				s.Errorf("%v: %v %v, want %v", c.keys, r.answer, r.err, c.want)
			}
			s.gone(q.Title)
		}
	})
}

func TestAnswersByMouse(t *testing.T) {
	onStage(t, func(s stage) {
		q := languages["it"].question
		for _, c := range []struct {
			x, y float64 // of the window's size
			want Answer
		}{{0.28, 0.87, Refused}, {0.72, 0.87, Accepted}} {
			done := s.ask(s.Context(), q)
			id := s.ready(q.Title)
			press := func() { // wherever the window manager has it by now
				if r := place(s, s.display, id); !r.Empty() {
					s.click(r.Min.Add(image.Pt(int(c.x*float64(r.Dx())), int(c.y*float64(r.Dy())))))
				}
			}
			if r := s.insist(done, press); r.answer != c.want || r.err != nil {
				s.Errorf("at %v: %v %v, want %v", c.x, r.answer, r.err, c.want)
			}
		}
	})
}

func TestClosingTheWindowRefuses(t *testing.T) {
	onStage(t, func(s stage) {
		q := languages["en"].question
		done := s.ask(s.Context(), q)
		s.closeWindow(s.ready(q.Title))
		if r := s.get(done); r.answer != Refused || r.err != nil {
			s.Errorf("%v %v", r.answer, r.err)
		}
		s.gone(q.Title)
	})
}

// closeWindow does what the cross of a title bar does.
func (s stage) closeWindow(id string) {
	s.Helper()
	e := dial(s, s.display)
	w := window(s, id)
	protocols, remove := s.u.desktop.atom("WM_PROTOCOLS"), s.u.desktop.atom("WM_DELETE_WINDOW")
	ev := xproto.ClientMessageEvent{Format: 32, Window: w, Type: protocols,
		Data: xproto.ClientMessageDataUnionData32New([]uint32{uint32(remove), 0, 0, 0, 0})}
	if err := xproto.SendEventChecked(e.conn, false, w, 0, string(ev.Bytes())).Check(); err != nil {
		s.Fatal(err)
	}
}

func TestCancelledContextClosesTheWindow(t *testing.T) {
	onStage(t, func(s stage) {
		q := languages["en"].question
		ctx, stop := context.WithCancel(s.Context())
		done := s.ask(ctx, q)
		stop()
		if r := s.get(done); !errors.Is(r.err, context.Canceled) || r.answer != 0 {
			s.Errorf("%v %v", r.answer, r.err)
		}
		s.gone(q.Title)
		if _, err := s.u.Ask(ctx, q); !errors.Is(err, context.Canceled) {
			s.Errorf("after the end: %v", err)
		}
	})
}

func TestClosedUI(t *testing.T) {
	onStage(t, func(s stage) {
		q := languages["en"].question
		done := s.ask(s.Context(), q)
		s.u.Close()
		if r := s.get(done); !errors.Is(r.err, ErrClosed) {
			s.Errorf("%v %v", r.answer, r.err)
		}
		if _, err := s.u.Ask(s.Context(), q); !errors.Is(err, ErrClosed) {
			s.Errorf("after Close: %v", err)
		}
	})
}

func TestTimeoutAndMoreTime(t *testing.T) {
	onStage(t, func(s stage) {
		q := languages["en"].question
		// Real time, and the only test that waits for it: the window is drawn by a
		// process of its own under a real X server, which no bubble of synctest
		// holds. The warning is there from the start.
		q.Timeout = time.Second
		start := time.Now()
		if a, err := s.u.Ask(s.Context(), q); a != TimedOut || err != nil {
			s.Fatalf("%v %v", a, err)
		}
		if after := time.Since(start); after < q.Timeout {
			s.Errorf("timed out after %v", after)
		}
		s.gone(q.Title)

		// The seconds that are left become fewer, until more are asked for.
		var left atomic.Int64
		q.Timeout = warnTime
		q.Warning = func(seconds int) string { left.Store(int64(seconds)); return strconv.Itoa(seconds) }
		done := s.ask(s.Context(), q)
		all := int64(warnTime / time.Second)
		eventually(s, "time passes", func() bool { return left.Load() < all })
		before := left.Load()
		s.keys("shift+Tab", "Return") // from the refusing button back to the one for more time
		eventually(s, "more time", func() bool {
			now := left.Load()
			more := now > before
			before = now
			return more
		})
		s.keys("Escape")
		if r := s.get(done); r.answer != Refused || r.err != nil {
			s.Errorf("%v %v", r.answer, r.err)
		}
		s.gone(q.Title)
	})
}

func TestLongTextScrolls(t *testing.T) {
	onStage(t, func(s stage) {
		q := languages["en"].terms
		done := s.ask(s.Context(), q)
		settle(s, s.display)
		e := dial(s, s.display)
		r := place(s, s.display, s.ready(q.Title))
		last := e.picture(s)
		changes := func(what string, act func()) {
			s.Helper()
			act()
			eventually(s, "scrolling by "+what, func() bool { return !bytes.Equal(e.picture(s), last) })
			settle(s, s.display)
			last = e.picture(s)
		}
		tool(s, s.display, "mousemove", fmt.Sprint(r.Min.X+r.Dx()/2), fmt.Sprint(r.Min.Y+r.Dy()/2))
		last = e.picture(s)
		changes("wheel down", func() { tool(s, s.display, "click", "5") })
		changes("wheel up", func() { tool(s, s.display, "click", "4") })
		for _, key := range []string{"Down", "Page_Down", "End", "Page_Up", "Up", "Home"} {
			changes(key, func() { s.keys(key) })
		}
		s.keys("Return") // the focus has not moved
		if r := s.get(done); r.answer != Refused {
			s.Errorf("%v", r.answer)
		}
	})
}

func TestPrompt(t *testing.T) {
	onStage(t, func(s stage) {
		p := languages["it"].prompt
		for _, c := range []struct {
			typed string
			keys  []string
			want  string
			ok    bool
		}{
			{"ab7-kxyz", []string{"Return"}, "ab7-kxyz", true},
			{"AB7 KXYZ", []string{"Tab", "Tab", "Return"}, "AB7 KXYZ", true},
			{"xy", []string{"BackSpace", "Home", "7", "Return"}, "7x", true},
			{"ab", []string{"Escape"}, "", false},
			{"ab", []string{"Tab", "Return"}, "", false},
		} {
			type reply struct {
				s   string
				ok  bool
				err error
			}
			done := make(chan reply, 1)
			go func() {
				text, ok, err := s.u.Prompt(s.Context(), p)
				done <- reply{text, ok, err}
			}()
			s.ready(p.Title)
			tool(s, s.display, "type", "--delay", "20", c.typed)
			s.keys(c.keys...)
			select {
			case r := <-done:
				if r.err != nil || r.s != c.want || r.ok != c.ok {
					s.Errorf("%q %v: %q %v %v", c.typed, c.keys, r.s, r.ok, r.err)
				}
			case <-time.After(patience):
				s.Fatalf("%q %v: no reply", c.typed, c.keys)
			}
		}
	})
}

func TestNotice(t *testing.T) {
	onStage(t, func(s stage) {
		for _, key := range []string{"Return", "space", "Escape"} {
			s.Log(key)
			done := make(chan error, 1)
			n := languages["en"].notice
			go func() { done <- s.u.Notice(s.Context(), n) }()
			s.ready(n.Title)
			s.keys(key)
			select {
			case err := <-done:
				if err != nil {
					s.Errorf("%s: %v", key, err)
				}
			case <-time.After(patience):
				s.Fatalf("%s: still there", key)
			}
			s.gone(n.Title)
		}
	})
}

func TestProgress(t *testing.T) {
	onStage(t, func(s stage) {
		text := languages["en"].progress
		p, err := s.u.Progress(text)
		if err != nil {
			s.Fatal(err)
		}
		s.ready(text.Title)
		settle(s, s.display)
		if err := p.Update("Waiting for the technician …"); err != nil {
			s.Error(err)
		}
		if err := p.Update("\x00"); !errors.Is(err, ErrText) {
			s.Errorf("unusable text: %v", err)
		}
		if err := p.Close(); err != nil {
			s.Error(err)
		}
		s.gone(text.Title)
		select {
		case <-p.Cancelled():
			s.Error("closing is not cancelling")
		default:
		}

		if p, err = s.u.Progress(text); err != nil {
			s.Fatal(err)
		}
		s.ready(text.Title)
		s.keys("Return")
		select {
		case <-p.Cancelled():
		case <-time.After(patience):
			s.Error("not cancelled")
		}
		if err := p.Close(); err != nil {
			s.Error(err)
		}
		s.gone(text.Title)
	})
}

// TestLinks presses a link with the keyboard, and looks whether its address shows when it fails.
func TestLinks(t *testing.T) {
	for _, kit := range kits(t) {
		t.Run(kit.String(), func(t *testing.T) {
			display := xtest.Server(t, 1024, 600)
			xtest.Manage(t, display)
			opened := make(chan string, 1)
			u := open(t, Config{Display: display, Toolkit: kit, OpenLink: func(url string) error {
				opened <- url
				return errors.New("no browser")
			}})
			s := stage{t, u, display, true}
			q := languages["en"].terms
			done := s.ask(t.Context(), q)
			settle(t, display)
			before := dial(t, display).picture(t)
			s.keys("shift+Tab", "Return")
			select {
			case url := <-opened:
				if url != q.Links[1].URL {
					t.Errorf("opened %s", url)
				}
			case <-time.After(patience):
				t.Fatal("nothing opened")
			}
			eventually(t, "the address", func() bool { return !bytes.Equal(dial(t, display).picture(t), before) })
			s.keys("Escape")
			s.get(done)
		})
	}
}

// TestNothingIsLeft opens many windows one after the other.
func TestNothingIsLeft(t *testing.T) {
	onStage(t, func(s stage) {
		q := languages["en"].question
		round := func() {
			ctx, stop := context.WithCancel(s.Context())
			done := s.ask(ctx, q)
			stop()
			s.get(done)
		}
		round()
		goroutines := runtime.NumGoroutine()
		for range 20 {
			round()
		}
		eventually(s, fmt.Sprintf("not more than the %d goroutines before", goroutines), func() bool { return runtime.NumGoroutine() <= goroutines+3 })
		if g, ok := s.u.kit.(*gtk); ok {
			left := -1
			if err := g.do(func() { left = len(g.handlers) + len(g.open) }); err != nil || left != 0 {
				s.Errorf("%d handlers and windows left: %v", left, err)
			}
		}
	})
}

func TestCanShow(t *testing.T) {
	onStage(t, func(s stage) {
		for sample, want := range map[string]bool{
			"Mostra il mio schermo – perché?": true,
			"画面を見せる":                          true,
			"Größe, élève, señor":             true,
			"\U0010ffff":                      false,
		} {
			if got := s.u.CanShow(sample); got != want {
				s.Errorf("CanShow(%q) = %v", sample, got)
			}
		}
		if s.u.Toolkit() == Drawn && s.u.CanShow("مرحبا") {
			s.Error("claims to shape Arabic")
		}
	})
}

// TestSpeak: a Han character that is written differently in Japanese and Chinese is drawn in the form
// of the language that is spoken at the moment, whichever it was before.
func TestSpeak(t *testing.T) {
	for _, kit := range kits(t) {
		t.Run(kit.String(), func(t *testing.T) {
			display := xtest.Server(t, 1024, 600)
			e := dial(t, display)
			draw := func(u *UI) []byte {
				ctx, stop := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() {
					defer close(done)
					u.Notice(ctx, Notice{Title: "Consento", Heading: "直刃骨", Body: "直刃骨", OK: "OK"})
				}()
				id := find(t, display, "Consento")
				// Drawn, and with the keyboard at its button, which shows.
				eventually(t, "keyboard at the notice", func() bool { return u.desktop.hasFocus(window(t, id)) && e.inked(t, place(t, display, id)) })
				settle(t, display)
				picture := e.picture(t)
				stop()
				<-done
				return picture
			}
			u := open(t, Config{Display: display, Toolkit: kit, Language: "ja"})
			japanese := draw(u)
			u.Speak("zh")
			chinese := draw(u)
			u.Speak("ja")
			if again := draw(u); !bytes.Equal(again, japanese) {
				t.Error("Japanese once more is not as it was")
			}
			if bytes.Equal(chinese, japanese) {
				t.Error("Chinese is drawn as Japanese")
			}
		})
	}
}

// TestAutomaticFallback opens a second UI while GTK is taken: it must still show windows.
func TestAutomaticFallback(t *testing.T) {
	display := xtest.Server(t, 1024, 600)
	first := open(t, Config{Display: display})
	second := open(t, Config{Display: display})
	if first.Toolkit() != GTK || second.Toolkit() != Drawn {
		t.Errorf("%v and %v", first.Toolkit(), second.Toolkit())
	}
	if _, err := Open(Config{Display: display, Toolkit: GTK}); !errors.Is(err, ErrNoToolkit) {
		t.Errorf("GTK twice: %v", err)
	}
	s := stage{t, second, display, false}
	done := s.ask(t.Context(), languages["en"].question)
	s.keys("Escape")
	if r := s.get(done); r.answer != Refused {
		t.Errorf("%v %v", r.answer, r.err)
	}
}

func TestNoDisplay(t *testing.T) {
	t.Setenv("DISPLAY", "")
	for _, name := range []string{"", ":64321", "nonsense"} {
		if _, err := Open(Config{Display: name}); !errors.Is(err, ErrNoDisplay) {
			t.Errorf("display %q: %v", name, err)
		}
	}
}
