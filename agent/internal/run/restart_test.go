package run

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"consento/agent/internal/remove"
	"consento/agent/internal/xtest"
	"consento/protocol"
)

// atHome is a session on a desktop that starts programs at login, in a home of its own.
func atHome(t *testing.T) (*attended, string) {
	t.Helper()
	home := filepath.Join(t.TempDir(), "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("XDG_CURRENT_DESKTOP", "GNOME")
	a := attend(t)
	a.Removal = &remove.Removal{}
	return a, home
}

// onDisk counts what lies in a home: folder, program, ticket, .config, autostart, entry.
func onDisk(t *testing.T, home string) (n int) {
	t.Helper()
	if err := filepath.WalkDir(home, func(path string, _ fs.DirEntry, err error) error {
		if path != home {
			n++
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

const allOfIt = 6

// begin opens a restart to which the customer said yes, as the test has it.
func (a *attended) begin(change func(*restartTool)) *restartTool {
	a.t.Helper()
	a.tools.said[protocol.Reboot] = protocol.ConsentAnswer{Permission: protocol.Reboot, State: protocol.ConsentGiven, Epoch: 7}
	r := a.newRestart(7)
	r.countdown = time.Second
	change(r)
	a.tools.open[protocol.Reboot] = r
	a.startRestart(a.t.Context(), r)
	return r
}

// step takes the next step of the restart, and returns what the broker hears of it.
func (a *attended) step() protocol.Envelope {
	a.t.Helper()
	late := time.After(xtest.Patience)
	select {
	case step := <-a.tools.steps:
		if over := a.restartStepped(a.t.Context(), a.bar, step); over != nil {
			a.t.Fatalf("%+v", *over)
		}
	case <-late:
		a.t.Fatal("no step")
	}
	select {
	case e := <-a.heard:
		return e
	case <-late:
		a.t.Fatal("the broker heard nothing")
	}
	return protocol.Envelope{}
}

// steps expects these words to the broker.
func (a *attended) stepsTo(states ...protocol.RestartState) {
	a.t.Helper()
	for _, want := range states {
		e := a.step()
		m, err := protocol.DecodeBody[protocol.Restart](e)
		if err != nil || e.Type != m.MessageType() || m.State != want || m.Epoch != 7 {
			a.t.Fatalf("the broker heard %s %s instead of %s, %v", e.Type, e.Body, want, err)
		}
	}
}

// TestRestartNeedsAYes: no word of a broker's begins one.
func TestRestartNeedsAYes(t *testing.T) {
	a, home := atHome(t)
	a.gets(&protocol.ConsentRecorded{Permission: protocol.Reboot, Epoch: 7})
	a.gets(&protocol.RestartRecorded{Epoch: 7, State: protocol.RestartGoing})
	if a.tools.restart() != nil || onDisk(t, home) != 0 || a.tools.leaving() {
		t.Error("a restart without a yes")
	}
}

// TestRestartStopped: whoever stops it, and however, nothing stays.
func TestRestartStopped(t *testing.T) {
	for name, stop := range map[string]func(*attended){
		"taken back":     func(a *attended) { a.closeTool(a.t.Context(), a.bar, protocol.Reboot, protocol.CauseCustomer) },
		"given back":     func(a *attended) { a.endedTool(a.bar, protocol.ConsentEnded{Permission: protocol.Reboot, Epoch: 7}) },
		"locked":         func(a *attended) { a.closeTools(a.t.Context(), a.bar, protocol.CauseLocked) },
		"the end":        func(a *attended) { a.tools.shut() },
		"broken display": func(a *attended) { a.goneDown(&ending{}); a.tools.shut() },
	} {
		t.Run(name, func(t *testing.T) {
			a, home := atHome(t)
			a.begin(func(r *restartTool) {
				r.countdown = 100 * time.Second
				r.reboot = func(context.Context) error { t.Error("restarted"); return nil }
			})
			a.stepsTo(protocol.RestartCounting)
			if n := onDisk(t, home); n != allOfIt {
				t.Errorf("%d things on the disk", n)
			}
			stop(a)
			if n := onDisk(t, home); n != 0 {
				t.Errorf("%d things are left", n)
			}
			if left := a.Removal.Left(); len(left) != 1 { // the program of this test, which was never begun to be removed
				t.Errorf("left: %q", left)
			}
		})
	}
}

// TestRestartGoesDown: the system is asked once the broker has it on its evidence, and
// from then on what a computer that goes down does to the program leaves the way back.
func TestRestartGoesDown(t *testing.T) {
	a, home := atHome(t)
	asked := make(chan struct{})
	r := a.begin(func(r *restartTool) { r.reboot = func(context.Context) error { close(asked); return nil } })
	a.stepsTo(protocol.RestartCounting, protocol.RestartGoing)
	a.gets(&protocol.RestartRecorded{Epoch: 6, State: protocol.RestartGoing})
	a.gets(&protocol.RestartRecorded{Epoch: 7, State: protocol.RestartCounting})
	select {
	case <-asked:
		t.Fatal("the system was asked before it was on the evidence")
	default:
	}
	a.gets(&protocol.RestartRecorded{Epoch: 7, State: protocol.RestartGoing})
	select {
	case <-asked:
	case <-time.After(xtest.Patience):
		t.Fatal("the system was not asked")
	}
	for _, cause := range []protocol.ConsentCause{protocol.CauseLocked, protocol.CauseAway, protocol.CauseSlept} {
		a.closeTools(t.Context(), a.bar, cause)
	}
	over := a.goneDown(&ending{reason: protocol.EndCaptureFailed})
	if !over.kept || over.code != ExitRestart {
		t.Errorf("%+v", *over)
	}
	a.tools.shut()
	if n := onDisk(t, home); n != allOfIt {
		t.Errorf("%d things on the disk", n)
	}
	if left := r.plan.Undo(); len(left) != 0 || onDisk(t, home) != 0 {
		t.Errorf("left: %q", left)
	}
}

// TestRestartDoesNotHappen: by hand, and then not at all.
func TestRestartDoesNotHappen(t *testing.T) {
	t.Run("refused", func(t *testing.T) {
		a, home := atHome(t)
		a.begin(func(r *restartTool) { r.reboot = func(context.Context) error { return errors.New("no") } })
		a.stepsTo(protocol.RestartCounting, protocol.RestartGoing)
		a.gets(&protocol.RestartRecorded{Epoch: 7, State: protocol.RestartGoing})
		a.stepsTo(protocol.RestartByHand)
		if n := onDisk(t, home); n != allOfIt {
			t.Errorf("%d things on the disk", n)
		}
		a.closeTool(t.Context(), a.bar, protocol.Reboot, protocol.CauseCustomer)
		if n := onDisk(t, home); n != 0 {
			t.Errorf("%d things are left", n)
		}
	})
	t.Run("promised", func(t *testing.T) {
		a, home := atHome(t)
		a.begin(func(r *restartTool) {
			r.reboot, r.patience = func(context.Context) error { return nil }, time.Millisecond
		})
		a.stepsTo(protocol.RestartCounting, protocol.RestartGoing)
		a.gets(&protocol.RestartRecorded{Epoch: 7, State: protocol.RestartGoing})
		e := a.step()
		m, err := protocol.DecodeBody[protocol.ConsentAnswer](e)
		if err != nil || m.State != protocol.ConsentWithdrawn || m.Cause != protocol.CauseFailed || a.tools.leaving() {
			t.Errorf("the broker heard %s %s, %v", e.Type, e.Body, err)
		}
		if n := onDisk(t, home); n != 0 {
			t.Errorf("%d things are left", n)
		}
	})
	t.Run("not prepared", func(t *testing.T) {
		a, home := atHome(t)
		if err := os.WriteFile(filepath.Join(home, ".config"), nil, 0o600); err != nil { // no folder
			t.Fatal(err)
		}
		a.begin(func(*restartTool) {})
		e := a.step()
		if m, err := protocol.DecodeBody[protocol.ConsentAnswer](e); err != nil || m.State != protocol.ConsentWithdrawn || m.Cause != protocol.CauseFailed {
			t.Errorf("the broker heard %s %s, %v", e.Type, e.Body, err)
		}
		if n := onDisk(t, home); n != 1 {
			t.Errorf("%d things on the disk", n)
		}
	})
}
