package run

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"consento/agent/internal/sysinfo"
	"consento/protocol"
)

const (
	// followInterval is how often the live list looks.
	followInterval = 2 * time.Second
	// freeParts is how many messages of a snapshot are sent as they come; then one
	// goes each partPause, for the broker counts messages.
	freeParts = 40
	partPause = 100 * time.Millisecond
)

// systemTool is one consent to system information while it lasts. What it reads is
// sent by its own goroutines: a list that is long must not hold the bar up.
type systemTool struct {
	epoch  uint32
	say    func(context.Context, protocol.Message) error
	read   func(context.Context, protocol.Section) (sysinfo.Table, error)
	paused *atomic.Bool // by the customer
	log    *slog.Logger
	work   func(func()) // runs something beside, waited for at the end of the session

	ctx  context.Context // ends with the consent
	stop context.CancelFunc

	mu       sync.Mutex
	snapshot context.CancelFunc // of the reading that goes on; nil while none does
	number   uint32             // of the newest snapshot
	watching context.CancelFunc // of the live list; nil while there is none
	watch    uint32             // number of the newest live list
}

// openSystem makes ready to read, for one consent. Nothing is read before the broker
// asks.
func (s *Session) openSystem(ctx context.Context, epoch uint32) *systemTool {
	t := &systemTool{epoch: epoch, read: sysinfo.Read, paused: &s.tools.paused, log: s.Log, work: s.tools.windows.Go,
		say: func(ctx context.Context, m protocol.Message) error {
			// Cut off in mid-message, the connection would be of no use any more.
			_, err := s.link.Send(context.WithoutCancel(ctx), m)
			return err
		}}
	t.ctx, t.stop = context.WithCancel(ctx)
	return t
}

// close ends all reading. What a system call that hangs may still find is thrown away.
func (t *systemTool) close() { t.stop() }

// system is the tool while the consent of this epoch is given here, nil else.
func (t *tools) system(epoch uint32) *systemTool {
	if opened, ok := t.open[protocol.SystemInfo].(*systemTool); ok && opened.epoch == epoch {
		return opened
	}
	return nil
}

// snap reads some sections, one after the other. One snapshot at a time: a new one
// takes the place of the one before.
func (t *systemTool) snap(m protocol.SystemRead) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ctx.Err() != nil || m.Epoch != t.epoch || m.Snapshot <= t.number {
		return // of a broker that repeats itself
	}
	if t.snapshot != nil {
		t.snapshot()
	}
	t.number = m.Snapshot
	var reading context.Context
	reading, t.snapshot = context.WithCancel(t.ctx)
	end := t.snapshot
	t.work(func() {
		defer end()
		sent := 0
		for _, section := range m.Sections {
			table, problem := t.section(reading, section)
			if reading.Err() != nil {
				return
			}
			for _, part := range parts(m, section, table, problem) {
				if sent++; sent > freeParts && !wait(reading, partPause) {
					return
				}
				if !t.send(reading, part) {
					return
				}
			}
		}
	})
}

// section reads one section, unless the customer has paused.
func (t *systemTool) section(ctx context.Context, section protocol.Section) (sysinfo.Table, protocol.SystemProblem) {
	if t.paused.Load() {
		return sysinfo.Table{}, protocol.ProblemPaused
	}
	table, err := t.read(ctx, section)
	if t.paused.Load() { // what was found since is not shown
		return sysinfo.Table{}, protocol.ProblemPaused
	}
	problem := sysinfo.Problem(err)
	if err != nil {
		t.log.Info("a section of system information is not whole", slog.String("section", string(section)), slog.Any("error", err))
	}
	return table, problem
}

// send sends one message while the consent stands. It reports whether there is any
// sense in going on.
func (t *systemTool) send(ctx context.Context, m protocol.Message) bool {
	if ctx.Err() != nil {
		return false
	}
	if err := t.say(ctx, m); err != nil {
		t.log.Info("system information not sent", slog.Any("error", err))
		return false // the connection is lost; the technician asks again
	}
	return true
}

// parts cuts a section into messages.
func parts(m protocol.SystemRead, section protocol.Section, table sysinfo.Table, problem protocol.SystemProblem) (list []*protocol.SystemPart) {
	rows := table.Rows
	for n := 0; ; n++ {
		some := some(rows, 0)
		rows = rows[len(some):]
		part := &protocol.SystemPart{Epoch: m.Epoch, Snapshot: m.Snapshot, Section: section, Part: n, Rows: some, Last: len(rows) == 0}
		if part.Last {
			part.Problem, part.Cut = problem, table.Cut
		}
		if list = append(list, part); part.Last {
			return list
		}
	}
}

// some are as many of the rows as fit into one message beside taken bytes.
func some(rows []protocol.SystemRow, taken int) []protocol.SystemRow {
	for n, r := range rows {
		data, err := json.Marshal(r)
		if taken += len(data) + 1; n > 0 && (taken > protocol.MaxSystemPart || n == protocol.MaxSystemPartRows) || err != nil {
			return rows[:n]
		}
	}
	return rows
}

// follow begins the live list of processes, or ends it.
func (t *systemTool) follow(m protocol.SystemWatch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ctx.Err() != nil || m.Epoch != t.epoch || m.Watch < t.watch || m.On && m.Watch == t.watch {
		return
	}
	t.watch = m.Watch
	t.rest()
	if !m.On {
		return
	}
	var watching context.Context
	watching, t.watching = context.WithCancel(t.ctx)
	end := t.watching
	t.work(func() {
		defer end()
		t.look(watching, m)
	})
}

// rest ends the live list. The caller holds the lock.
func (t *systemTool) rest() {
	if t.watching != nil {
		t.watching()
		t.watching = nil
	}
}

// away ends what goes on when the connection is lost: the technician asks again.
func (t *systemTool) away() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rest()
	if t.snapshot != nil {
		t.snapshot()
	}
}

// look tells what changes, until ctx ends or the customer pauses.
func (t *systemTool) look(ctx context.Context, m protocol.SystemWatch) {
	list, before := sysinfo.NewList(), sysinfo.Table{}
	for n := uint32(0); !t.paused.Load(); {
		after, err := list.Look(ctx)
		if err != nil {
			t.log.Info("processes cannot be listed", slog.Any("error", err))
			return
		}
		rows, gone := sysinfo.Changes(before, after)
		before = after
		for n == 0 || len(rows) > 0 || len(gone) > 0 {
			left := gone[:min(len(gone), protocol.MaxSystemPartRows/2)]
			part := some(rows, 32*len(left))
			if t.paused.Load() || !t.send(ctx, &protocol.SystemChanges{Epoch: m.Epoch, Watch: m.Watch, N: n, Rows: part, Gone: left}) {
				return
			}
			rows, gone = rows[len(part):], gone[len(left):]
			n++
		}
		if !wait(ctx, followInterval) {
			return
		}
	}
}

// wait waits, and reports whether ctx is still there.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// systemRead takes the broker's word on what to read. Without the customer's yes to
// that epoch it is nothing.
func (s *Session) systemRead(m protocol.SystemRead) {
	if t := s.tools.system(m.Epoch); t != nil {
		t.snap(protocol.SystemRead{Epoch: m.Epoch, Snapshot: m.Snapshot, Sections: slices.Clone(m.Sections)})
	}
}

// systemWatch likewise, on whether processes are followed.
func (s *Session) systemWatch(m protocol.SystemWatch) {
	if t := s.tools.system(m.Epoch); t != nil {
		t.follow(m)
	}
}
