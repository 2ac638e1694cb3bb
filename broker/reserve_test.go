package main

import (
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/ops"
	"consento/broker/internal/session"
	"consento/protocol"
	"consento/recordings"
	"consento/recordings/disktest"
)

// told is the agent's end of a session.
type told struct {
	mu    sync.Mutex
	ended *protocol.Ended
}

func (l *told) Send(m protocol.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ended, ok := m.(*protocol.Ended); ok {
		l.ended = ended
	}
}

// TestLastWords: recordings, log and database are on one disk, and it fills up. The
// reserve lets what runs end: the database says so at once, and recording and log are
// whole. Nothing begins until there is space, and the reserve, again.
func TestLastWords(t *testing.T) {
	dir := disktest.New(t, 64<<20)
	b := opened(t, func(c *ops.Config) { c.Data, c.Evidence.MinFree = dir, 24<<20 })
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	eventually := func(what string, ok func() bool) {
		t.Helper()
		deadline, tick := time.After(time.Minute), time.NewTicker(5*time.Millisecond)
		defer tick.Stop()
		for !ok() {
			select {
			case <-tick.C:
			case <-deadline:
				t.Fatalf("never: %s", what)
			}
		}
	}
	figure := func(value string) {
		t.Helper()
		r := httptest.NewRequest("GET", "https://localhost/metrics", nil)
		r.RemoteAddr = "127.0.0.1:40000"
		w := httptest.NewRecorder()
		b.handler.ServeHTTP(w, r)
		if !strings.Contains(w.Body.String(), "\nconsento_evidence_reserve_bytes "+value+"\n") {
			t.Errorf("the figures do not say that %s bytes are kept", value)
		}
	}
	reserve := filepath.Join(dir, "evidence", "reserve")
	if info, err := os.Stat(reserve); err != nil || info.Size() != ops.ReserveBytes {
		t.Fatalf("no reserve: %v", err)
	}
	figure("8.388608e+06")

	ctx := t.Context()
	auditor, err := recordings.NewIdentity()
	must(err)
	_, err = b.access.AddRecipient(ctx, access.NewRecipient{Name: "Dino Verdi", PublicKey: auditor.Recipient().String()})
	must(err)
	account, err := b.access.Add(ctx, access.NewAccount{Email: "anna@office.example", Name: "Anna Rossi", Role: access.Technician, Team: "Help desk",
		Level: access.L1, Profile: protocol.ProfileViewOnly, Password: "four brown owls under Trento"})
	must(err)
	anna, err := b.technician(ctx, account.ID)
	must(err)
	join := func() (string, *session.Agent, *told) {
		t.Helper()
		shown, key, err := b.sessions.Issue(ctx, anna, protocol.NewSession{})
		must(err)
		_, err = b.sessions.Redeem(ctx, key, "192.0.2.1")
		must(err)
		must(b.sessions.ConfirmName(ctx, shown.ID, true))
		ticket, err := b.sessions.Ticket(ctx, shown.ID, "en")
		must(err)
		link := &told{}
		agent, _, err := b.sessions.Join(ctx, protocol.Hello{Version: protocol.CurrentVersion(), Software: "consento-agent test", System: "Debian", Language: "en"},
			protocol.Join{Ticket: string(ticket)}, "192.0.2.1", link)
		must(err)
		return shown.ID, agent, link
	}
	first, agent, _ := join()
	second, other, link := join()

	disktest.Fill(t, dir, 0)
	must(b.sessions.End(ctx, anna, first))
	row := func(id string) (state protocol.State, reason protocol.EndReason) {
		must(b.db.NewRaw("SELECT state, end_reason FROM sessions WHERE id = ?", id).Scan(ctx, &state, &reason))
		return state, reason
	}
	if state, reason := row(first); state != protocol.StateEnding || reason != protocol.EndTechnician {
		t.Errorf("in the database: %s, ended by %q", state, reason)
	}
	// The other one has nothing to write at this moment, and would find out too late.
	eventually("the other session ends", func() bool {
		state, reason := row(second)
		return state == protocol.StateEnding && reason == protocol.EndEvidenceFailed
	})
	link.mu.Lock()
	if link.ended == nil || link.ended.Reason != protocol.EndEvidenceFailed {
		t.Errorf("the agent was told %+v", link.ended)
	}
	link.mu.Unlock()
	if _, err := os.Stat(reserve); !errors.Is(err, os.ErrNotExist) || !b.reserve.Released() {
		t.Errorf("the reserve is still there: %v", err)
	}
	figure("0")
	must(agent.Removed(ctx, protocol.Removed{}))
	must(other.Removed(ctx, protocol.Removed{}))
	for _, id := range []string{first, second} {
		eventually("the database says that it is closed", func() bool { state, _ := row(id); return state == protocol.StateClosed })
		name := filepath.Join(dir, "evidence", id)
		eventually("its proof is there", func() bool { _, err := os.Stat(name + ".proof"); return err == nil })
		var ends int
		must(b.db.NewRaw("SELECT COUNT(*) FROM log_entries WHERE sid = ? AND kind = 'closed'", id).Scan(ctx, &ends))
		report, err := recordings.ScanFile(name+"-0.rec", recordings.ScanOptions{})
		must(err)
		if ends != 1 || report.Verdict != recordings.Unanchored || !report.Final {
			t.Errorf("%d ends on the log, %s, %v", ends, report.Verdict, report.Fault)
		}
	}

	if _, _, err := b.sessions.Issue(ctx, anna, protocol.NewSession{}); !errors.Is(err, session.ErrEvidence) {
		t.Errorf("a session begins on a full disk: %v", err)
	}
	must(os.Remove(filepath.Join(dir, disktest.Filler)))
	again, _, err := b.sessions.Issue(ctx, anna, protocol.NewSession{})
	must(err)
	if info, err := os.Stat(reserve); err != nil || info.Size() != ops.ReserveBytes || b.reserve.Released() {
		t.Errorf("the reserve is not there again: %v", err)
	}
	must(b.sessions.Stop(ctx, again.ID))
}
