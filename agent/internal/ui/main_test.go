package ui

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/jezek/xgb"
)

// roleVariable makes the test binary play one role instead of running tests: some things can be
// seen only from outside a process, or only in a new one.
const roleVariable = "CONSENTO_UI_ROLE"

// roles run in a process of their own with $DISPLAY and the toolkit's name as argument.
var roles = map[string]func(Toolkit) error{
	"first window": firstWindow,
	"lost display": lostDisplay,
	"accessible":   accessibleTree,
}

// TestMain silences xgb, which writes to stderr that a display without authority has none.
func TestMain(m *testing.M) {
	xgb.Logger.SetOutput(io.Discard)
	role, ok := roles[os.Getenv(roleVariable)]
	if !ok {
		os.Exit(m.Run())
	}
	kit := Drawn
	if os.Args[1] == GTK.String() {
		kit = GTK
	}
	if err := role(kit); err != nil {
		fmt.Println("failed:", err)
		syscall.Exit(1)
	}
	// Not os.Exit: under the race detector that runs the exit functions of the C libraries, which wait
	// for the thread that is parked when GTK has lost its display.
	syscall.Exit(0)
}

// play prepares a process that plays a role.
func play(ctx context.Context, role, display string, kit Toolkit, wrapper ...string) *exec.Cmd {
	args := append(wrapper, os.Args[0], kit.String())
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), roleVariable+"="+role, "DISPLAY="+display)
	return cmd
}
