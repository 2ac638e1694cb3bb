package sysinfo

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v4/process"

	"consento/protocol"
)

// firstLook is for how long the processor is watched before a list of processes
// says what each takes of it.
const firstLook = time.Second

// memoryStep is what a live list rounds memory to, so that only what moves is sent.
const memoryStep = 64 << 10

// processes reads the list of processes once.
func processes(ctx context.Context, t *Table) error {
	l := NewList()
	if _, err := l.Look(ctx); err != nil {
		return err
	}
	wait := time.NewTimer(firstLook)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	table, err := l.Look(ctx)
	*t = table
	return err
}

// List looks at the processes again and again. It belongs to one goroutine.
type List struct {
	known map[string]*known
	users map[uint32]string
	at    time.Time
}

// known is what stays of a process, and what it had used of the processor.
type known struct {
	user, program string
	used          float64 // seconds
}

// NewList returns a list that has not looked yet.
func NewList() *List {
	process.EnableBootTimeCache(true) // else the same process begins at another moment each time
	return &List{known: map[string]*known{}, users: map[uint32]string{}}
}

// Look reads the processes that there are. One that ends meanwhile is left out; at
// the first look nothing is known of what each takes of the processor.
func (l *List) Look(ctx context.Context) (Table, error) {
	pids, err := process.PidsWithContext(ctx)
	if err != nil {
		return Table{}, err
	}
	slices.Sort(pids)
	now := time.Now()
	elapsed := now.Sub(l.at).Seconds()
	still := map[string]*known{}
	var t Table
	for _, pid := range pids {
		if ctx.Err() != nil {
			return t, ctx.Err()
		}
		p := &process.Process{Pid: pid}
		began, err := p.CreateTimeWithContext(ctx)
		if err != nil {
			continue
		}
		name, err := p.NameWithContext(ctx)
		if err != nil {
			continue
		}
		key := strconv.Itoa(int(pid)) + "-" + strconv.FormatInt(began, 10)
		k, old := l.known[key]
		if !old {
			k = &known{user: l.user(ctx, p), program: program(ctx, p)}
		}
		cpu, memory := "", ""
		if times, err := p.TimesWithContext(ctx); err == nil {
			used := times.User + times.System
			if old && elapsed > 0 {
				cpu = decimal(max(0, used-k.used) / elapsed * 100)
			}
			k.used = used
		}
		if m, err := p.MemoryInfoWithContext(ctx); err == nil {
			memory = number((m.RSS + memoryStep/2) / memoryStep * memoryStep)
		}
		still[key] = k
		if !t.add(key, shortName(name), strconv.Itoa(int(pid)), k.user, cpu, memory, number(uint64(max(0, began)/1000)), k.program) {
			break
		}
	}
	l.known, l.at = still, now
	return t, nil
}

// user is the name of a process's user, or its number.
func (l *List) user(ctx context.Context, p *process.Process) string {
	ids, err := p.UidsWithContext(ctx)
	if err != nil || len(ids) == 0 {
		return ""
	}
	uid := ids[min(1, len(ids)-1)] // the effective one
	name, ok := l.users[uid]
	if !ok {
		if name, err = p.UsernameWithContext(ctx); err != nil || name == "" {
			name = strconv.FormatUint(uint64(uid), 10)
		}
		l.users[uid] = name
	}
	return name
}

// program is the file that a process runs. Where that may not be read, it is the
// first word of its command line, if that is a path: a title that a program gave
// itself may hold anything.
func program(ctx context.Context, p *process.Process) string {
	if exe, err := p.ExeWithContext(ctx); err == nil && exe != "" {
		return exe
	}
	line, err := p.CmdlineSliceWithContext(ctx)
	if err != nil || len(line) == 0 {
		return ""
	}
	first, _, _ := strings.Cut(line[0], " ")
	if !strings.HasPrefix(first, "/") {
		return ""
	}
	return first
}

// maxComm is how long a name is that the kernel holds. A longer one was taken from
// the command line, whose first word may hold the others too.
const maxComm = 15

func shortName(name string) string {
	if len(name) > maxComm {
		name, _, _ = strings.Cut(name, " ")
	}
	return name
}

// Changes tells what became of a table: the rows that are new or other, and the keys
// of those that are gone, in order.
func Changes(before, after Table) (rows []protocol.SystemRow, gone []string) {
	had := make(map[string]protocol.SystemRow, len(before.Rows))
	for _, r := range before.Rows {
		had[r.Key] = r
	}
	for _, r := range after.Rows {
		old, ok := had[r.Key]
		if !ok || !slices.Equal(old.Cells, r.Cells) {
			rows = append(rows, r)
		}
		delete(had, r.Key)
	}
	for key := range had {
		gone = append(gone, key)
	}
	slices.SortFunc(gone, cmp.Compare[string])
	return rows, gone
}
