// Package shell runs the customer's own command line in a terminal of its own,
// for as long as somebody holds it.
//
// It promises: the program is the customer's login shell, in the home directory,
// with an environment that is made anew and holds nothing of the agent; when the
// shell is over, closed, or its holder is gone in whatever way (kill -9 included),
// everything that it started is killed, with SIGKILL, whether it ignores SIGHUP,
// left the terminal or became a daemon. What it cannot end: what runs as another
// user, unless it ends when its terminal does, and what another program was asked
// to start (systemd, cron, at).
package shell

import "errors"

// ErrUnable says that there is no shell on this system.
var ErrUnable = errors.New("shell: not on this system")

// maxRead is what one read of a terminal returns at most.
const maxRead = 4096
