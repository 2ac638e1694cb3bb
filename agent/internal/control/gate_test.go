package control_test

import (
	"context"
	"errors"
	"fmt"
	"image"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"consento/agent/internal/control"
	"consento/protocol"
)

// display is where the operating system ends: what is done to it, and what it says.
type display struct {
	mu      sync.Mutex
	done    []string
	touched bool
	broken  error
	outside image.Rectangle // of reach
	away    bool            // the keyboard is out of reach
	onType  func()
}

func (d *display) do(format string, args ...any) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done = append(d.done, fmt.Sprintf(format, args...))
	return d.broken
}

func (d *display) Move(at image.Point) error { return d.do("move %d,%d", at.X, at.Y) }
func (d *display) Button(b int, down bool) error {
	return d.do("button %d %v", b, down)
}
func (d *display) Wheel(right, down int) error      { return d.do("wheel %d,%d", right, down) }
func (d *display) Key(code string, down bool) error { return d.do("%s %v", code, down) }
func (d *display) Type(_ context.Context, text string) error {
	if d.onType != nil {
		d.onType()
	}
	return d.do("type %s", text)
}

func (d *display) Touched() (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	touched := d.touched
	d.touched = false
	return touched, d.broken
}

func (d *display) Corner(image.Point) (image.Point, error) { return image.Pt(1000, 0), nil }
func (d *display) At(p image.Point) (bool, error)          { return !p.In(d.outside), nil }
func (d *display) Keyboard() (bool, error)                 { return !d.away, nil }

func (d *display) was(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	if got := strings.Join(d.done, "; "); got != strings.Join(want, "; ") {
		t.Errorf("done: %s\nwant: %s", got, strings.Join(want, "; "))
	}
	d.done = nil
}

// gate is one that is open for epoch 7 and a picture of 100 by 50.
type gate struct {
	*control.Gate
	display
	config control.Config
	block  atomic.Value // protocol.Block
	ended  chan struct{}
	mu     sync.Mutex
	told   []protocol.Block
	failed chan error
}

func open(t *testing.T, change ...func(*gate)) *gate {
	t.Helper()
	g := &gate{ended: make(chan struct{}), failed: make(chan error, 1)}
	g.block.Store(protocol.Block(""))
	g.config = control.Config{Epoch: 7, Device: &g.display, Reach: &g.display, Size: func() image.Point { return image.Pt(100, 50) },
		Block: func() protocol.Block { return g.block.Load().(protocol.Block) }, Ended: g.ended,
		Told: func(b protocol.Block) { g.mu.Lock(); defer g.mu.Unlock(); g.told = append(g.told, b) }, Failed: func(err error) { g.failed <- err }}
	for _, f := range change {
		f(g)
	}
	opened, err := control.Open(g.config)
	if err != nil {
		t.Fatal(err)
	}
	g.Gate = opened
	t.Cleanup(func() { opened.Close() })
	return g
}

func (g *gate) said() string {
	synctest.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	told := fmt.Sprintf("%q", g.told)
	g.told = nil
	return told
}

func (g *gate) take(acts ...protocol.InputAct) {
	g.Take(protocol.Input{Epoch: 7, Width: 100, Height: 50, Acts: acts})
}

var (
	down    = protocol.InputAct{Kind: protocol.InputButton, X: 5, Y: 6, Button: 1, Down: true}
	up      = protocol.InputAct{Kind: protocol.InputButton, X: 7, Y: 8, Button: 1}
	moved   = protocol.InputAct{Kind: protocol.InputMove, X: 20, Y: 20}
	turned  = protocol.InputAct{Kind: protocol.InputWheel, X: 1, Y: 1, DY: 120}
	typed   = protocol.InputAct{Kind: protocol.InputText, Text: "è"}
	release = protocol.InputAct{Kind: protocol.InputRelease}
)

func key(code string, down bool) protocol.InputAct {
	return protocol.InputAct{Kind: protocol.InputKey, Code: code, Down: down}
}

func TestActs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := open(t)
		g.take(moved, down, moved, up, turned)
		g.was(t, "move 1020,20", "move 1005,6", "button 1 true", "move 1020,20", "move 1007,8", "button 1 false", "move 1001,1", "wheel 0,120")
		g.take(key("ShiftLeft", true), key("ShiftLeft", true), typed, key("ShiftLeft", false), key("ShiftLeft", false), up)
		g.was(t, "ShiftLeft true", "type è", "ShiftLeft false")
		g.take(key("AltLeft", true), release)
		g.was(t, "AltLeft true", "AltLeft false")
	})
}

// TestNothingPasses without the consent, or for another picture.
func TestNothingPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := open(t)
		for _, epoch := range []uint32{0, 6, 8} {
			g.Take(protocol.Input{Epoch: epoch, Width: 100, Height: 50, Acts: []protocol.InputAct{down, typed}})
		}
		g.was(t)
		g.Take(protocol.Input{Epoch: 7, Width: 100, Height: 51, Acts: []protocol.InputAct{down, moved, turned, up}})
		g.was(t)
		g.take(down)
		g.was(t, "move 1005,6", "button 1 true")
		g.Take(protocol.Input{Epoch: 7, Width: 99, Height: 50, Acts: []protocol.InputAct{up}})
		g.was(t, "button 1 false")
		g.Close()
		g.take(down, typed)
		g.was(t)
	})
}

// TestBlocked: while anything blocks, nothing passes or is kept, and what is held
// goes up at once.
func TestBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, b := range []protocol.Block{protocol.BlockDialog, protocol.BlockHidden, protocol.BlockAway} {
			g := open(t)
			g.take(down, key("ShiftLeft", true))
			g.was(t, "move 1005,6", "button 1 true", "ShiftLeft true")
			g.block.Store(b)
			time.Sleep(60 * time.Millisecond) // of the bubble
			g.was(t, "button 1 false", "ShiftLeft false")
			g.take(typed, down)
			g.was(t)
			g.block.Store(protocol.Block(""))
			time.Sleep(60 * time.Millisecond)
			g.was(t)
			if told := g.said(); told != fmt.Sprintf("[%q \"\"]", b) {
				t.Errorf("told %s", told)
			}
			g.take(typed)
			g.was(t, "type è")
			g.Close()
		}
	})
}

// TestTheCustomerWins for a second after the last sign.
func TestTheCustomerWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := open(t)
		touch := func() { g.display.mu.Lock(); defer g.display.mu.Unlock(); g.touched = true }
		g.take(down)
		g.was(t, "move 1005,6", "button 1 true")
		touch()
		g.take(up, down)
		g.was(t, "button 1 false")
		time.Sleep(700 * time.Millisecond)
		touch()
		time.Sleep(700 * time.Millisecond)
		g.take(typed)
		g.was(t)
		time.Sleep(400 * time.Millisecond)
		g.take(typed)
		g.was(t, "type è")
		if told := g.said(); told != `["customer" ""]` {
			t.Errorf("told %s", told)
		}
	})
}

// TestSilence: a console that is not heard of holds nothing.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := open(t)
		g.take(key("ArrowDown", true))
		for range 8 { // a heartbeat
			time.Sleep(protocol.InputBeat)
			g.take()
		}
		g.was(t, "ArrowDown true")
		time.Sleep(protocol.InputSilence + 100*time.Millisecond)
		g.was(t, "ArrowDown false")
	})
}

// TestRedX wins over what waits, in mid-message, and lets go.
func TestRedX(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := open(t)
		g.onType = func() { close(g.ended) }
		g.take(key("ShiftLeft", true), typed, down, typed)
		g.take(down)
		g.was(t, "ShiftLeft true", "type è", "ShiftLeft false")
	})
}

// TestReach: a window of ours, or outside the program that is shared, is not
// touched, and keys of the window manager do not lead out of it.
func TestReach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bar := func(g *gate) { g.outside = image.Rect(1000, 0, 1010, 10) }
		g := open(t, bar)
		g.take(down, up, turned, moved, protocol.InputAct{Kind: protocol.InputMove, X: 3, Y: 3})
		g.was(t, "move 1020,20", "move 1003,3") // it may rest on the bar, but not press it
		if told := g.said(); told != `["reach"]` {
			t.Errorf("told %s", told)
		}
		g.take(protocol.InputAct{Kind: protocol.InputButton, X: 30, Y: 30, Button: 1, Down: true}, up)
		g.was(t, "move 1030,30", "button 1 true", "move 1007,8", "button 1 false") // a drag ends where it ends
		g.take(key("MetaLeft", true), key("Tab", true), release)
		synctest.Wait()
		g.away = true
		g.take(typed, key("Enter", true))
		g.display.mu.Lock()
		g.done = nil
		g.display.mu.Unlock()
		g.was(t)
		g.Close()

		g = open(t, bar, func(g *gate) { g.config.Alone = true })
		g.take(protocol.InputAct{Kind: protocol.InputMove, X: 3, Y: 3})
		g.was(t)
		for _, combination := range [][]string{{"MetaLeft"}, {"MetaRight"}, {"PrintScreen"}, {"AltLeft", "Tab"}, {"AltLeft", "F4"}, {"AltLeft", "F10"},
			{"AltLeft", "Space"}, {"AltLeft", "Escape"}, {"ControlLeft", "AltLeft"}, {"AltLeft", "ControlRight"}} {
			last := combination[len(combination)-1]
			g.display.mu.Lock()
			g.done = nil
			g.display.mu.Unlock()
			for _, code := range combination {
				g.take(key(code, true))
			}
			synctest.Wait()
			g.display.mu.Lock()
			for _, done := range g.done {
				if done == last+" true" {
					t.Errorf("%v went through", combination)
				}
			}
			g.display.mu.Unlock()
			g.take(release)
			synctest.Wait()
		}
		g.display.mu.Lock()
		g.done = nil
		g.display.mu.Unlock()
		g.take(key("ControlLeft", true), key("KeyS", true), release)
		synctest.Wait()
		g.display.mu.Lock()
		if len(g.done) != 4 {
			t.Errorf("Ctrl+S: %v", g.done)
		}
		g.display.mu.Unlock()
	})
}

// TestTooMuch is thrown away, what is held goes up, and it goes on.
func TestTooMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := open(t)
		hold := make(chan struct{})
		g.onType = func() { <-hold }
		g.take(key("ShiftLeft", true), typed)
		synctest.Wait()
		for range 1000 {
			g.take()
		}
		close(hold)
		time.Sleep(60 * time.Millisecond)
		g.was(t, "ShiftLeft true", "type è", "ShiftLeft false")
		if told := g.said(); !strings.Contains(told, "busy") {
			t.Errorf("told %s", told)
		}
	})
}

// TestALostDisplay closes the gate.
func TestALostDisplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := open(t)
		g.display.mu.Lock()
		g.broken = errors.New("gone")
		g.display.mu.Unlock()
		g.take(typed)
		if err := <-g.failed; err == nil {
			t.Error("no error")
		}
	})
}

func TestOpenChecks(t *testing.T) {
	if _, err := control.Open(control.Config{}); err == nil {
		t.Error("an empty configuration")
	}
}

// FuzzTake: whatever a broker sends, the gate stands, and nothing is held after it.
func FuzzTake(f *testing.F) {
	for _, a := range []protocol.InputAct{down, up, moved, turned, typed, release, key("KeyA", true)} {
		data, err := protocol.Input{Epoch: 7, Width: 100, Height: 50, Acts: []protocol.InputAct{a}}.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := protocol.DecodeInput(data)
		if err != nil {
			return
		}
		g := open(t)
		g.Take(m)
		g.Close()
		held := map[string]bool{}
		for _, done := range g.done {
			if name, is := strings.CutSuffix(done, " true"); is {
				held[name] = true
			} else if name, is := strings.CutSuffix(done, " false"); is {
				delete(held, name)
			}
		}
		if len(held) > 0 {
			t.Errorf("%v are held after %s", held, data)
		}
		if m.Epoch != 7 && len(g.done) > 0 {
			t.Errorf("under another consent: %v", g.done)
		}
	})
}
