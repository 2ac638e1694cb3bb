package run

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"consento/agent/internal/sysinfo"
	"consento/agent/internal/xtest"
	"consento/protocol"
)

// part is the next part that the broker hears.
func (a *attended) part() protocol.SystemPart {
	a.t.Helper()
	return next[protocol.SystemPart](a)
}

// silent fails if the broker hears anything but what is said here last.
func (a *attended) silent(what string) {
	a.t.Helper()
	if _, err := a.link.Send(a.t.Context(), &protocol.Slept{N: 1, MS: 1}); err != nil {
		a.t.Fatal(err)
	}
	if e := a.hears(); e.Type != (&protocol.Slept{}).MessageType() {
		a.t.Fatalf("%s: the broker heard %s %s", what, e.Type, e.Body)
	}
}

// TestNoBrokerReadsTheSystem: without the customer's yes to that very epoch nothing is
// read, whatever a broker says; with it, what a broker says again or of another epoch
// is nothing.
func TestNoBrokerReadsTheSystem(t *testing.T) {
	t.Parallel()
	a := attend(t)
	try := func(when string, epochs ...uint32) {
		t.Helper()
		for _, epoch := range epochs {
			a.gets(&protocol.SystemRead{Epoch: epoch, Snapshot: 1, Sections: protocol.Sections()})
			a.gets(&protocol.SystemWatch{Epoch: epoch, Watch: 1, On: true})
		}
		a.silent(when)
	}
	a.gets(recordedFor(protocol.SystemInfo, 2))
	try("unasked", 1, 2, 3)
	a.gets(askFor(protocol.SystemInfo, 2))
	try("while it is asked", 1, 2, 3)
	a.agrees(protocol.SystemInfo)
	try("before it is on the evidence", 2)
	a.gets(recordedFor(protocol.SystemInfo, 2))
	tool := a.tools.system(2)
	if tool == nil || !slices.Equal(a.tools.allowed(), []protocol.Permission{protocol.SystemInfo}) || !strings.Contains(a.barText().Allowed, "System information") {
		t.Fatalf("not open, or not on the bar: %+v", a.barText())
	}
	try("of another epoch", 1, 3)

	// What is read is one line a cell, cut to messages, whatever the system holds.
	huge := sysinfo.Table{Cut: true}
	for n := range 800 {
		huge.Rows = append(huge.Rows, protocol.SystemRow{Key: fmt.Sprint(n), Cells: []string{strings.Repeat("字", protocol.MaxSystemCell), "1", "", ""}})
	}
	reading, release := make(chan struct{}), make(chan struct{})
	tool.read = func(ctx context.Context, section protocol.Section) (sysinfo.Table, error) {
		switch section {
		case protocol.SectionSoftware:
			return huge, nil
		case protocol.SectionEvents:
			return sysinfo.Table{}, fs.ErrPermission
		case protocol.SectionServices:
			close(reading)
			select {
			case <-ctx.Done(): // called off
				return huge, nil // too late
			case <-release:
			}
		}
		return sysinfo.Table{}, nil
	}
	a.gets(&protocol.SystemRead{Epoch: 2, Snapshot: 1, Sections: []protocol.Section{protocol.SectionEvents, protocol.SectionSoftware, protocol.SectionServices, protocol.SectionDisks}})
	if m := a.part(); m.Section != protocol.SectionEvents || !m.Last || m.Problem != protocol.ProblemDenied || len(m.Rows) != 0 {
		t.Errorf("%+v", m)
	}
	rows := 0
	for n := 0; ; n++ {
		m := a.part()
		if m.Section != protocol.SectionSoftware || m.Part != n || m.Epoch != 2 || m.Snapshot != 1 {
			t.Fatalf("part %d: %s %d", n, m.Section, m.Part)
		}
		if rows += len(m.Rows); m.Last {
			if rows != 800 || !m.Cut || n < 800*1200/protocol.MaxSystemPart/2 {
				t.Errorf("%d rows in %d parts, cut %v", rows, n+1, m.Cut)
			}
			break
		}
	}
	select {
	case <-reading:
	case <-time.After(xtest.Patience):
		t.Fatal("the third section is not read")
	}

	// Taken back while a section is read: nothing more is sent, and nothing more read.
	if over := a.takeBack(t.Context(), a.bar); over != nil {
		t.Fatalf("%+v", over)
	}
	if said := a.said(); said.State != protocol.ConsentWithdrawn || said.Cause != protocol.CauseCustomer {
		t.Errorf("said %+v", said)
	}
	close(release)
	a.tools.windows.Wait()
	a.gets(&protocol.SystemRead{Epoch: 2, Snapshot: 2, Sections: protocol.Sections()})
	tool.snap(protocol.SystemRead{Epoch: 2, Snapshot: 3, Sections: protocol.Sections()})
	tool.follow(protocol.SystemWatch{Epoch: 2, Watch: 9, On: true})
	a.silent("after it was taken back")
}

// TestSystemPaused: while the customer pauses nothing is read, and what was read in
// that moment is not shown; a lost connection ends what goes on.
func TestSystemPaused(t *testing.T) {
	t.Parallel()
	a := attend(t)
	a.tools.said[protocol.SystemInfo] = protocol.ConsentAnswer{Permission: protocol.SystemInfo, State: protocol.ConsentGiven, Epoch: 4} // as above
	a.gets(recordedFor(protocol.SystemInfo, 4))
	tool := a.tools.system(4)
	if tool == nil {
		t.Fatal("not open")
	}
	tool.read = func(context.Context, protocol.Section) (sysinfo.Table, error) {
		a.tools.paused.Store(true)
		return sysinfo.Table{Rows: []protocol.SystemRow{{Key: "x", Cells: []string{"host", "secret"}}}}, nil
	}
	a.gets(&protocol.SystemRead{Epoch: 4, Snapshot: 1, Sections: []protocol.Section{protocol.SectionSystem, protocol.SectionHardware}})
	for range 2 {
		if m := a.part(); m.Problem != protocol.ProblemPaused || len(m.Rows) != 0 {
			t.Errorf("%+v", m)
		}
	}
	a.tools.windows.Wait()
	a.gets(&protocol.SystemWatch{Epoch: 4, Watch: 1, On: true})
	a.tools.windows.Wait() // it ends by itself
	a.silent("while paused")
	a.tools.paused.Store(false)
	a.gets(&protocol.SystemWatch{Epoch: 4, Watch: 2, On: true})
	if m := next[protocol.SystemChanges](a); m.Watch != 2 || m.N != 0 || len(m.Rows) == 0 {
		t.Errorf("heard %d rows: %+v", len(m.Rows), m)
	}
	a.tools.leave(true)
	a.tools.windows.Wait()
	for { // what was sent until then
		select {
		case <-a.heard:
			continue
		default:
		}
		break
	}
	tool.snap(protocol.SystemRead{Epoch: 4, Snapshot: 1, Sections: protocol.Sections()}) // again: it is over
	a.tools.windows.Wait()
}

// FuzzSystemMessages: whatever a broker says of system information, nothing opens and
// nothing falls over.
func FuzzSystemMessages(f *testing.F) {
	f.Add("system_read", []byte(`{"epoch":1,"snapshot":1,"sections":["disks"]}`))
	f.Add("system_watch", []byte(`{"epoch":1,"watch":1,"on":true}`))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		tools := newTools()
		s := &Session{tools: tools}
		e := protocol.Envelope{V: 1, Type: kind, Body: body}
		if m, err := protocol.DecodeBody[protocol.SystemRead](e); err == nil {
			s.systemRead(m)
		}
		if m, err := protocol.DecodeBody[protocol.SystemWatch](e); err == nil {
			s.systemWatch(m)
		}
		if len(tools.open) > 0 {
			t.Error("open")
		}
	})
}
