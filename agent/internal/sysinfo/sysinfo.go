// Package sysinfo reads what a technician may be shown of the customer's computer:
// hardware, system, network, disks, software, processes, services, events.
//
// It promises: nothing is changed, and nothing is read that the customer's own user
// may not read; no arguments and no environment of processes, for secrets stand
// there (ADR 39); each section ends within its time, whatever hangs; rows, their
// cells and what other programs say are bounded, and fit to be sent whatever bytes
// the system holds. The programs that it asks are a closed list (programs.go). It
// knows neither consent nor session: run asks it.
package sysinfo

import (
	"context"
	"errors"
	"io/fs"
	"strconv"
	"time"

	"consento/protocol"
)

// Table is what a section holds.
type Table struct {
	Rows []protocol.SystemRow
	Cut  bool           // there were more
	keys map[string]int // how many rows began with this key
}

var (
	// ErrMissing says that this system does not have what was looked for.
	ErrMissing = errors.New("sysinfo: this system does not have it")
	// ErrDenied says that the customer's own user may not read it.
	ErrDenied = errors.New("sysinfo: not allowed to this user")
)

// patience is how long a section may take.
var patience = map[protocol.Section]time.Duration{
	protocol.SectionHardware: 5 * time.Second, protocol.SectionSystem: 5 * time.Second, protocol.SectionNetwork: 5 * time.Second,
	protocol.SectionDisks: 8 * time.Second, protocol.SectionSoftware: 20 * time.Second, protocol.SectionProcesses: 10 * time.Second,
	protocol.SectionServices: 15 * time.Second, protocol.SectionEvents: 20 * time.Second,
}

// Read reads one section. What was read before a problem comes with it; an error is
// ErrMissing, ErrDenied, one of the context, or another failure.
func Read(ctx context.Context, section protocol.Section) (Table, error) {
	read, ok := map[protocol.Section]func(context.Context, *Table) error{
		protocol.SectionHardware: hardware, protocol.SectionSystem: system, protocol.SectionNetwork: network, protocol.SectionDisks: disks,
		protocol.SectionSoftware: software, protocol.SectionProcesses: processes, protocol.SectionServices: services, protocol.SectionEvents: events,
	}[section]
	if !ok {
		return Table{}, ErrMissing
	}
	ctx, cancel := context.WithTimeout(ctx, patience[section])
	defer cancel()
	return within(ctx, read)
}

// within reads, and does not wait for a disk or a driver that hangs: its goroutine
// stays until the system lets go of it, and what it finds is thrown away.
func within(ctx context.Context, read func(context.Context, *Table) error) (Table, error) {
	type result struct {
		table Table
		err   error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		r.err = read(ctx, &r.table)
		done <- r
	}()
	select {
	case r := <-done:
		if ctx.Err() != nil {
			r.err = ctx.Err()
		}
		return r.table, r.err
	case <-ctx.Done():
		return Table{}, ctx.Err()
	}
}

// Problem says an error in the protocol's words; "" of none.
func Problem(err error) protocol.SystemProblem {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, context.DeadlineExceeded):
		return protocol.ProblemTimeout
	case errors.Is(err, ErrDenied), errors.Is(err, fs.ErrPermission):
		return protocol.ProblemDenied
	case errors.Is(err, ErrMissing), errors.Is(err, fs.ErrNotExist):
		return protocol.ProblemMissing
	}
	return protocol.ProblemFailed
}

// add appends a row, made fit to be sent. It reports whether there is room for more.
// Rows of one key are told apart by a number.
func (t *Table) add(key string, cells ...string) bool {
	if len(t.Rows) >= protocol.MaxSystemRows {
		t.Cut = true
		return false
	}
	const room = 8 // for the number
	key = protocol.SystemText(key, protocol.MaxSystemKey-room)
	if key == "" {
		key = "-"
	}
	if t.keys == nil {
		t.keys = map[string]int{}
	}
	for first := key; t.keys[key] > 0; {
		t.keys[first]++
		key = first + "#" + strconv.Itoa(t.keys[first])
	}
	t.keys[key] = 1
	for i, c := range cells {
		cells[i] = protocol.SystemText(c, protocol.MaxSystemCell)
	}
	t.Rows = append(t.Rows, protocol.SystemRow{Key: key, Cells: cells})
	return true
}

// item appends a row of a section of items, if there is a value.
func (t *Table) item(name, value string) {
	if value != "" {
		t.add(name, name, value)
	}
}

// token makes a word of another program's fit to be a cell of that kind; "" if it
// is no such word.
func token(s string) string {
	if len(s) > 40 {
		return ""
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' && r != '-' {
			return ""
		}
	}
	return s
}

func number(n uint64) string { return strconv.FormatUint(min(n, 1<<63-1), 10) }

// decimal writes a number with at most one decimal.
func decimal(n float64) string {
	if !(n >= 0) || n > 1e12 {
		return ""
	}
	return strconv.FormatFloat(float64(int64(n*10+0.5))/10, 'f', -1, 64)
}
