package presence

import (
	"context"
	"os"
	"strconv"
	"strings"
	"time"
)

// sleepsOver is how long this program may not run before it counts as a sleep: a
// busy computer lets nobody wait as long.
const sleepsOver = 10 * time.Second

// sleep notices that the computer slept, or that this program was stopped: a tick
// that comes each second comes late by a clock that goes on meanwhile.
func (w *Watch) sleep(ctx context.Context, tick <-chan time.Time, now func() time.Duration) {
	last := now()
	for {
		select {
		case <-tick:
		case <-ctx.Done():
			return
		}
		at := now()
		if gap := at - last; gap > sleepsOver {
			select {
			case w.slept <- gap:
			case <-ctx.Done():
				return
			}
			at = now()
		}
		last = at
	}
}

// sinceBoot is the time since the computer was started, sleep included
// (proc_uptime(5)); where it cannot be had, the clock that stops with the computer.
func sinceBoot() func() time.Duration {
	began := time.Now()
	return func() time.Duration {
		data, err := os.ReadFile("/proc/uptime")
		if err != nil {
			return time.Since(began)
		}
		first, _, _ := strings.Cut(string(data), " ")
		seconds, err := strconv.ParseFloat(first, 64)
		if err != nil {
			return time.Since(began)
		}
		return time.Duration(seconds * float64(time.Second))
	}
}
