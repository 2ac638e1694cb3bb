package sysinfo

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"consento/protocol"
)

// fit fails unless a table can be sent as it is.
func fit(t testing.TB, section protocol.Section, table Table) {
	t.Helper()
	for rows := range slices.Chunk(table.Rows, protocol.MaxSystemPartRows) {
		m := &protocol.SystemPart{Epoch: 1, Snapshot: 1, Section: section, Rows: rows}
		if err := m.Validate(); err != nil {
			t.Fatalf("%s: %v", section, err)
		}
	}
	keys := map[string]bool{}
	for _, r := range table.Rows {
		if keys[r.Key] {
			t.Fatalf("%s: two rows %q", section, r.Key)
		}
		keys[r.Key] = true
	}
}

// TestReadThisMachine: every section of the machine at hand can be read, or says
// why not, and what it says can be sent.
func TestReadThisMachine(t *testing.T) {
	t.Parallel()
	for _, section := range protocol.Sections() {
		t.Run(string(section), func(t *testing.T) {
			t.Parallel()
			table, err := Read(t.Context(), section)
			fit(t, section, table)
			switch problem := Problem(err); problem {
			case "":
				if len(table.Rows) == 0 {
					t.Error("no rows and no problem")
				}
			case protocol.ProblemMissing, protocol.ProblemDenied: // of a machine without journal, say
				if section != protocol.SectionEvents && section != protocol.SectionServices && section != protocol.SectionSoftware {
					t.Errorf("%v", err)
				}
			default:
				t.Errorf("%s: %v", problem, err)
			}
		})
	}
	if _, err := Read(t.Context(), "passwords"); !errors.Is(err, ErrMissing) {
		t.Errorf("an unknown section: %v", err)
	}
}

// TestProcesses: a process of ours is listed without what stands behind its program,
// and one that ends is no error and is gone.
func TestProcesses(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	cmd := exec.Command("/bin/sh", "-c", "read line", "--password="+secret)
	cmd.Env = append(os.Environ(), "TOKEN="+secret)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	l := NewList()
	before, err := l.Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fit(t, protocol.SectionProcesses, before)
	pid := strconv.Itoa(cmd.Process.Pid)
	at := slices.IndexFunc(before.Rows, func(r protocol.SystemRow) bool { return r.Cells[1] == pid })
	if at < 0 {
		t.Fatal("a process that runs is not listed")
	}
	own := before.Rows[at]
	began, err := strconv.ParseInt(own.Cells[5], 10, 64)
	if err != nil || time.Since(time.Unix(began, 0)).Abs() > time.Hour || own.Cells[2] == "" || !strings.HasPrefix(own.Cells[6], "/") {
		t.Errorf("listed as %q", own.Cells)
	}
	for _, r := range before.Rows {
		if strings.Contains(strings.Join(r.Cells, "\n"), secret) {
			t.Errorf("a secret is shown: %q", r.Cells)
		}
	}
	if err := errors.Join(in.Close(), cmd.Wait()); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) { // its line came to no end
			t.Fatal(err)
		}
	}
	after, err := l.Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fit(t, protocol.SectionProcesses, after)
	if _, gone := Changes(before, after); !slices.Contains(gone, own.Key) {
		t.Errorf("a process that ended is not gone: %q", gone)
	}
	self := slices.IndexFunc(after.Rows, func(r protocol.SystemRow) bool { return r.Cells[1] == strconv.Itoa(os.Getpid()) })
	if self < 0 || after.Rows[self].Cells[3] == "" {
		t.Error("at the second look nothing is known of the processor")
	}
}

func TestChanges(t *testing.T) {
	t.Parallel()
	row := func(key, cell string) protocol.SystemRow {
		return protocol.SystemRow{Key: key, Cells: []string{cell}}
	}
	rows, gone := Changes(Table{Rows: []protocol.SystemRow{row("a", "1"), row("b", "1"), row("d", "1"), row("c", "1")}},
		Table{Rows: []protocol.SystemRow{row("a", "1"), row("b", "2"), row("e", "1")}})
	if len(rows) != 2 || rows[0].Key != "b" || rows[1].Key != "e" || !slices.Equal(gone, []string{"c", "d"}) {
		t.Errorf("%v, gone %q", rows, gone)
	}
}

// TestWhatHangs: a section ends when it is called off, whatever its reader does, and
// what that finds later is nothing.
func TestWhatHangs(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	reading, released := make(chan struct{}), make(chan struct{})
	defer close(released)
	go func() {
		<-reading
		cancel()
	}()
	table, err := within(ctx, func(_ context.Context, t *Table) error {
		t.add("k", "late")
		close(reading)
		<-released
		return nil
	})
	if !errors.Is(err, context.Canceled) || len(table.Rows) != 0 {
		t.Errorf("%v, %v", table.Rows, err)
	}
}

// TestBounds: of too many rows the first are kept, and that is said; bytes that are
// no text become such, and rows of one name are told apart.
func TestBounds(t *testing.T) {
	t.Parallel()
	var table Table
	for table.add("same", "\xff\x1b[31m", strings.Repeat("字", 5000), "", "") {
	}
	if len(table.Rows) != protocol.MaxSystemRows || !table.Cut {
		t.Errorf("%d rows, cut %v", len(table.Rows), table.Cut)
	}
	fit(t, protocol.SectionSoftware, table)
}

// TestPrograms: only the system's own are asked; what floods is cut off, what fails
// or is not there says so.
func TestPrograms(t *testing.T) {
	t.Parallel()
	all := func(r io.Reader) error { _, err := io.Copy(io.Discard, r); return err }
	var got strings.Builder
	if err := ask(t.Context(), []string{"echo", "hello"}, func(r io.Reader) error { _, err := io.Copy(&got, r); return err }); err != nil || got.String() != "hello\n" {
		t.Errorf("%q, %v", got.String(), err)
	}
	if err := ask(t.Context(), []string{"yes"}, all); err != nil {
		t.Errorf("what floods: %v", err)
	}
	if err := ask(t.Context(), []string{"false"}, all); err == nil {
		t.Error("what fails is no error")
	}
	if err := ask(t.Context(), []string{"no-such-program"}, all); Problem(err) != protocol.ProblemMissing {
		t.Errorf("what is not there: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := ask(ctx, []string{"sleep", "1000"}, all); err == nil {
		t.Error("what was called off ran")
	}
	stop := errors.New("stop")
	if err := ask(t.Context(), []string{"yes"}, func(io.Reader) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("a reader that stops: %v", err)
	}
}

func TestProblem(t *testing.T) {
	t.Parallel()
	for want, err := range map[protocol.SystemProblem]error{
		"": nil, protocol.ProblemTimeout: context.DeadlineExceeded, protocol.ProblemDenied: &fs.PathError{Op: "open", Path: "/x", Err: fs.ErrPermission},
		protocol.ProblemMissing: errors.Join(ErrMissing, io.EOF), protocol.ProblemFailed: io.ErrUnexpectedEOF,
	} {
		if got := Problem(err); got != want {
			t.Errorf("%v: %q", err, got)
		}
	}
}
