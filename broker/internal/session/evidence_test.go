package session

import (
	"context"
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"consento/protocol"
	"consento/recordings"
	"consento/recordings/disktest"
)

func TestNoSessionWithoutEvidence(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	missing := newEnv(t, func(c *Config) { c.Evidence = filepath.Join(c.Evidence, "missing") })
	nobody := newEnv(t, func(c *Config) {
		c.Recipients = func(context.Context, Technician) (Recipients, error) { return Recipients{}, nil }
	})
	full := newEnv(t, func(c *Config) { c.Space = func(context.Context) error { return errors.New("2 MB left") } })
	alone := newEnv(t, func(c *Config) { c.Witnessed = func(context.Context) error { return errors.New("nobody signs") } })
	file := filepath.Join(t.TempDir(), "file")
	must(0, os.WriteFile(file, nil, 0o600))(t)
	blocked := newEnv(t, func(c *Config) { c.Evidence = file })
	weak := anna
	weak.Profile = protocol.Profile{Name: "nothing"}
	for name, c := range map[string]struct {
		e    *env
		by   Technician
		want error
	}{
		"folder is missing": {missing, anna, ErrEvidence}, "folder is a file": {blocked, anna, ErrEvidence},
		"disk is full": {full, anna, ErrEvidence}, "no witness": {alone, anna, ErrWitness}, "no recipient": {nobody, anna, ErrNoRecipient}, "profile without view": {e, weak, ErrNotAllowed},
	} {
		_, key, err := c.e.m.Issue(t.Context(), c.by, protocol.NewSession{})
		if !errors.Is(err, c.want) || key != "" {
			t.Errorf("%s: %q, %v", name, key, err)
		}
		if n := must(c.e.db.NewSelect().Table("sessions").Count(t.Context()))(t); n != 0 {
			t.Errorf("%s: %d sessions", name, n)
		}
	}
	for range maxOpen {
		e.issue(t)
	}
	if _, _, err := e.m.Issue(t.Context(), anna, protocol.NewSession{}); !errors.Is(err, ErrTooMany) {
		t.Errorf("one too many: %v", err)
	}
}

// breakEvidence makes the session's recording refuse everything, as a disk does
// that is torn out.
func (p *play) breakEvidence(t *testing.T) {
	t.Helper()
	s := must(p.e.m.find(p.id))(t)
	must(0, s.do(t.Context(), func() error { _, err := s.evidence.writer.Close(); return err }))(t)
}

// TestEvidenceFails at each step: what was asked for does not happen, the
// session ends, the agent is told.
func TestEvidenceFails(t *testing.T) {
	for name, c := range map[string]struct {
		play func(*testing.T, *env) *play
		act  func(*testing.T, *play) error
	}{
		"key":  {func(t *testing.T, e *env) *play { return e.issue(t) }, func(t *testing.T, p *play) error { _, err := p.e.m.Redeem(t.Context(), p.key, "a"); return err }},
		"name": {func(t *testing.T, e *env) *play { return e.issue(t).redeem(t) }, func(t *testing.T, p *play) error { return p.e.m.ConfirmName(t.Context(), p.id, true) }},
		"terms": {func(t *testing.T, e *env) *play { return e.waiting(t) }, func(t *testing.T, p *play) error {
			return p.agent.AnswerTerms(t.Context(), protocol.TermsAnswer{Version: "7", Accepted: true})
		}},
		"consent":  {func(t *testing.T, e *env) *play { return e.waiting(t).terms(t) }, func(t *testing.T, p *play) error { return p.answer(t, protocol.ConsentGiven) }},
		"withdraw": {func(t *testing.T, e *env) *play { return e.active(t) }, func(t *testing.T, p *play) error { return p.answer(t, protocol.ConsentWithdrawn) }},
		"viewer": {func(t *testing.T, e *env) *play { return e.active(t) }, func(t *testing.T, p *play) error {
			_, _, err := p.e.m.View(t.Context(), anna, p.id, "v=0")
			return err
		}},
		"line of chat": {func(t *testing.T, e *env) *play { return e.waiting(t) }, func(t *testing.T, p *play) error { _, err := p.customer(t, "x"); return err }},
		"while active": {func(t *testing.T, e *env) *play { return e.active(t) }, func(t *testing.T, p *play) error {
			// Nobody does anything: the seal of the second finds out.
			s := must(p.e.m.find(p.id))(t)
			return s.do(t.Context(), func() error { s.must(s.evidence.second()); return recordings.ErrFailed })
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t, limits(Limits{Removal: 50 * time.Millisecond}))
			p := c.play(t, e)
			p.breakEvidence(t)
			if err := c.act(t, p); err == nil {
				t.Error("it happened")
			}
			if s := p.closed(t); s.EndReason != protocol.EndEvidenceFailed || s.Recording {
				t.Errorf("ended by %q, recording %t", s.EndReason, s.Recording)
			}
			if p.agent != nil && last[*protocol.Ended](p.link) == nil {
				t.Error("the agent was not told")
			}
			if name == "consent" && last[*protocol.ConsentRecorded](p.link) != nil {
				t.Error("the consent took effect")
			}
			if p.agent != nil && last[*protocol.Chat](p.link) != nil {
				t.Error("a line was passed on")
			}
			list, _ := e.events(t, p.id)
			if find(list, protocol.EventEnded) != nil {
				t.Error("a closed recording was written to")
			}
		})
	}
}

// TestFullDisk: the disk fills up in mid-session. The session ends, and its end
// is still on the evidence (room is kept for it).
func TestFullDisk(t *testing.T) {
	dir, fill := smallDisk(t)
	t.Parallel()
	e := newEnv(t, func(c *Config) { c.Evidence, c.Limits.Removal = dir, 50*time.Millisecond })
	e.evidence = dir
	p := e.active(t)
	fill()
	s := must(e.m.find(p.id))(t)
	eventually(t, "the session ends", func() bool {
		err := s.do(t.Context(), func() error {
			for range 50 {
				s.note(protocol.EventTransportChanged, map[string]any{"who": "agent", "padding": string(make([]byte, 4000))})
			}
			return nil
		})
		return err != nil || p.state(t).State.Over()
	})
	if got := p.closed(t); got.EndReason != protocol.EndEvidenceFailed {
		t.Errorf("ended by %q", got.EndReason)
	}
	if ended := last[*protocol.Ended](p.link); ended == nil || ended.Reason != protocol.EndEvidenceFailed {
		t.Errorf("the agent was told %+v", ended)
	}
	list, report := e.events(t, p.id)
	if report.Verdict != recordings.Unanchored || find(list, protocol.EventEnded) == nil {
		t.Errorf("verdict %s, %v", report.Verdict, codes(list[max(0, len(list)-5):]))
	}
	replay(t, list)
}

// crash leaves everything as kill -9 does: rows and recordings are open, and
// nobody writes any more.
func (e *env) crash(t *testing.T) {
	t.Helper()
	e.m.mu.Lock()
	defer e.m.mu.Unlock()
	for id, s := range e.m.live {
		s.room.Stop()
		stopped := make(chan struct{})
		go func() {
			s.inbox <- func() { s.suspended = true; close(stopped) } // the loop ends, nothing is written
		}()
		<-stopped
		<-s.done
		delete(e.m.live, id)
	}
}

// TestCompleterAfterACrash: sessions that cannot go on, here because their
// technician may not open any more, are ended, and their evidence says why.
func TestCompleterAfterACrash(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	plays := map[protocol.State]*play{
		protocol.StateIssued: e.issue(t), protocol.StateJoined: e.issue(t).redeem(t), protocol.StateWaiting: e.waiting(t), protocol.StateActive: e.active(t),
	}
	ending := e.active(t)
	must(0, e.m.End(t.Context(), anna, ending.id))(t)
	plays[protocol.StateEnding] = ending
	tampered := e.active(t)
	// One recording was begun and its session never came to the database, one
	// file is not even that.
	orphan := recordings.NewSessionID()
	writer := must(recordings.Create(recordings.Config{Dir: e.evidence, BagDir: e.bags, Session: orphan, Origin: "x", Started: time.Now(),
		Recipients: []recordings.Recipient{e.identity.Recipient()}, Retention: "standard"}))(t)
	must(0, writer.Append(recordings.TrackEvents, 0, 0, 0, []byte(`{"code":"session.issued","at_ms":0}`)))(t)
	must(writer.Seal())(t)
	must(0, os.WriteFile(e.path(recordings.NewSessionID().String()), []byte("torn"), 0o600))(t)
	must(0, os.WriteFile(filepath.Join(e.evidence, "notes-0.rec"), []byte("not ours"), 0o600))(t)

	e.crash(t)
	e.config.Technician = func(context.Context, string) (Technician, error) { return anna, ErrNotAllowed }
	e.config.Recipients = func(_ context.Context, by Technician) (Recipients, error) {
		if by.Team != anna.Team || by.Territory != anna.Territory {
			t.Errorf("recipients of %+v", by)
		}
		return Recipients{Stanzas: recordings.Alone(recordings.ClassAuditor, e.identity.Recipient())}, nil
	}
	torn := must(os.OpenFile(e.path(plays[protocol.StateActive].id), os.O_WRONLY|os.O_APPEND, 0))(t)
	must(torn.WriteString("half a rec"))(t)
	must(0, torn.Close())(t)
	data := must(os.ReadFile(e.path(tampered.id)))(t)
	data[len(data)/2] ^= 1
	must(0, os.WriteFile(e.path(tampered.id), data, 0o600))(t)

	for range 2 { // the second start finds nothing left to do
		m := must(New(t.Context(), e.config))(t)
		for state, p := range plays {
			s := must(m.Snapshot(t.Context(), p.id))(t)
			want := protocol.EndRightsRevoked
			if state == protocol.StateEnding {
				want = protocol.EndTechnician
			}
			if s.State != protocol.StateClosed || s.EndReason != want || s.EndedAt.IsZero() {
				t.Errorf("%s: %s, ended by %q", state, s.State, s.EndReason)
			}
			_, report := e.events(t, p.id)
			if report.Verdict != recordings.Unanchored || report.Recovered == nil || !report.RecoveryChecked {
				t.Errorf("%s: verdict %s, recovered %v, %v", state, report.Verdict, report.Recovered, report.Fault)
			}
			list, segments := e.whole(t, p.id)
			if path := replay(t, list); path[len(path)-1] != protocol.StateClosed || segments != 2 {
				t.Errorf("%s: path %v in %d segments", state, path, segments)
			}
			if end := find(list, protocol.EventEnded); end == nil || end.Data["reason"] != string(want) {
				t.Errorf("%s: ended %+v: %v", state, end, codes(list))
			}
			if unknown := find(list, protocol.EventRemovalUnknown) != nil; unknown != (p.agent != nil) {
				t.Errorf("%s: with an agent that is gone: %v", state, codes(list))
			}
			if _, err := m.Redeem(t.Context(), p.key, "a"); !errors.Is(err, ErrKey) {
				t.Errorf("%s: the key still works: %v", state, err)
			}
			m.throttle = newThrottle()
		}
		if s := must(m.Snapshot(t.Context(), tampered.id))(t); s.State != protocol.StateClosed {
			t.Errorf("tampered: %s", s.State)
		}
		if got := must(os.ReadFile(e.path(tampered.id)))(t); !slices.Equal(got, data) {
			t.Error("a tampered recording was touched")
		}
		report := must(recordings.ScanFile(e.path(orphan.String()), recordings.ScanOptions{LogKeys: []ed25519.PublicKey{e.logKey.Public().(ed25519.PublicKey)}}))(t)
		if report.Verdict != recordings.Unanchored || report.Recovered == nil {
			t.Errorf("orphan: %s, %v", report.Verdict, report.Fault)
		}
		must(0, m.Close(t.Context()))(t)
	}
	// What the customer says later still has readers.
	e.m = must(New(t.Context(), e.config))(t)
	rated := plays[protocol.StateActive]
	must(0, e.m.Rate(t.Context(), rated.id, protocol.Rating{Stars: 3}))(t)
	if list, segments := e.whole(t, rated.id); segments != 3 || find(list, protocol.EventRated) == nil {
		t.Errorf("%d segments, %v", segments, codes(list))
	}
}

// TestOneSessionKeepsNobodyFromStarting: what cannot be completed waits for the next
// start; the others go on.
func TestOneSessionKeepsNobodyFromStarting(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	broken, other := e.active(t), e.active(t)
	e.crash(t)
	aside := filepath.Join(e.dir, "aside.rec")
	must(0, os.Rename(e.path(broken.id), aside))(t)
	must(0, os.Mkdir(e.path(broken.id), 0o700))(t) // nothing can be read or written there
	e.m = must(New(t.Context(), e.config))(t)
	other.resume(t)
	if _, err := e.m.find(broken.id); !errors.Is(err, ErrNoSession) {
		t.Error("it goes on without evidence")
	}
	other.removedAfterEnd(t)
	must(0, e.m.Close(t.Context()))(t)
	must(0, os.Remove(e.path(broken.id)))(t)
	must(0, os.Rename(aside, e.path(broken.id)))(t)
	e.m = must(New(t.Context(), e.config))(t)
	broken.resume(t)
	broken.removedAfterEnd(t)
	for _, p := range []*play{broken, other} {
		if list, segments := e.whole(t, p.id); segments != 2 || find(list, protocol.EventClosed) == nil {
			t.Errorf("%d segments, %v", segments, codes(list))
		}
	}
}

// removedAfterEnd plays the agent's end.
func (p *play) removedAfterEnd(t *testing.T) {
	t.Helper()
	must(0, p.agent.End(t.Context(), protocol.EndCustomer))(t)
	p.removed(t).closed(t)
}

// TestEndOnAFullDisk: a broker whose disk is full starts, people read why a session
// is over that cannot go on, and the evidence is told when there is space again.
func TestEndOnAFullDisk(t *testing.T) {
	for name, c := range map[string]struct {
		technician error
		reason     protocol.EndReason
	}{"account ended": {ErrNotAllowed, protocol.EndRightsRevoked}, "nothing but the disk": {nil, protocol.EndEvidenceFailed}} {
		t.Run(name, func(t *testing.T) {
			dir, fill := smallDisk(t)
			t.Parallel()
			e := newEnv(t, func(c *Config) { c.Evidence = dir })
			e.evidence = dir
			p := e.active(t)
			must(0, p.agent.Gone(t.Context(), false))(t)
			must(0, e.m.Close(t.Context()))(t)
			free := fill()
			e.config.Technician = func(context.Context, string) (Technician, error) { return anna, c.technician }
			e.m = must(New(t.Context(), e.config))(t)
			if s := p.state(t); s.State != protocol.StateEnding || s.EndReason != c.reason || s.EndedAt.IsZero() {
				t.Errorf("%s, ended by %q", s.State, s.EndReason)
			}
			must(0, e.m.Close(t.Context()))(t)
			if list, segments := e.whole(t, p.id); segments != 1 || find(list, protocol.EventEnded) != nil {
				t.Fatalf("the disk was not full: %d segments, %v", segments, codes(list))
			}
			free()
			for range 2 { // the second start finds nothing left to do
				e.m = must(New(t.Context(), e.config))(t)
				if s := p.state(t); s.State != protocol.StateClosed || s.EndReason != c.reason {
					t.Errorf("%s, ended by %q", s.State, s.EndReason)
				}
				list, segments := e.whole(t, p.id)
				path := replay(t, list)
				if segments != 2 || len(path) != 6 || path[5] != protocol.StateClosed {
					t.Errorf("path %v in %d segments", path, segments)
				}
				if end := find(list, protocol.EventEnded); end == nil || end.Data["reason"] != string(c.reason) || find(list, protocol.EventRemovalUnknown) == nil {
					t.Errorf("%v", codes(list))
				}
				must(0, e.m.Close(t.Context()))(t)
			}
		})
	}
}

// smallDisk is a folder on a file system of its own; fill leaves no space on it
// until free is called.
func smallDisk(t *testing.T) (dir string, fill func() (free func())) {
	t.Helper()
	dir = disktest.New(t, 6<<20)
	return dir, func() func() {
		disktest.Fill(t, dir, 0)
		return func() { must(0, os.Remove(filepath.Join(dir, disktest.Filler)))(t) }
	}
}

// signer signs every second head of a live segment, and once something that comes
// too late.
type signer struct {
	GlobalLog
	key  ed25519.PrivateKey
	last recordings.Head
}

func (s *signer) Sealed(id recordings.SessionID, segment int, head recordings.Head) {
	s.GlobalLog.Sealed(id, segment, head)
	s.last = head
}

func (s *signer) Countersignatures(id recordings.SessionID, _ int) [][]byte {
	return [][]byte{recordings.Cosign(s.key, id, recordings.Head{N: 99_999}), recordings.Cosign(s.key, id, s.last)}
}

// TestCountersigned: what others sign stands in the recording; what comes too late
// is left out and ends nothing.
func TestCountersigned(t *testing.T) {
	t.Parallel()
	_, key, err := ed25519.GenerateKey(nil)
	must(0, err)(t)
	e := newEnv(t, func(c *Config) { c.Global = &signer{GlobalLog: c.Global, key: key} })
	p := e.active(t)
	s := must(p.e.m.find(p.id))(t)
	for range 3 {
		must(0, s.do(t.Context(), func() error { return s.evidence.second() }))(t)
	}
	must(0, p.agent.End(t.Context(), protocol.EndCustomer))(t)
	must(0, p.agent.Removed(t.Context(), protocol.Removed{}))(t)
	p.closed(t)
	id := must(recordings.ParseSessionID(p.id))(t)
	rep := must(recordings.ScanFile(filepath.Join(e.evidence, recordings.SegmentName(id, 0)), recordings.ScanOptions{}))(t)
	if rep.Verdict != recordings.Unanchored || len(rep.Cosignatures) < 3 || !rep.Cosignatures[0].Key.Equal(key.Public()) {
		t.Errorf("%v, %v, %d countersignatures", rep.Verdict, rep.Fault, len(rep.Cosignatures))
	}
}

// TestKeptByClass: class and period of the day stand on the recording, in the
// database and before the customer, over a restart too.
func TestKeptByClass(t *testing.T) {
	e := newEnv(t, func(c *Config) {
		c.Kept = func(_ context.Context, by Technician) (Kept, error) {
			if by.Team != anna.Team {
				t.Errorf("team %q", by.Team)
			}
			return Kept{"short", 14, 6}, nil
		}
	})
	p := e.issue(t)
	open := must(recordings.ReadOpen(filepath.Join(e.config.Evidence, p.id+"-0.rec")))(t)
	if s := p.state(t); open.Retention != "short" || s.KeptDays != 14 || s.LogMonths != 6 {
		t.Errorf("%q, %d, %d", open.Retention, s.KeptDays, s.LogMonths)
	}
	must(0, e.m.Stop(t.Context(), p.id))(t)
	list, _ := e.events(t, p.id)
	if issued := find(list, protocol.EventIssued); issued.Data["kept_days"] != 14.0 || issued.Data["log_months"] != 6.0 {
		t.Errorf("%+v", issued)
	}
	if r := must(e.m.store.get(t.Context(), p.id))(t); r.Retention != "short" || r.KeepDays != 14 || r.LogMonths != 6 {
		t.Errorf("%+v", r)
	}
	failing := newEnv(t, func(c *Config) {
		c.Kept = func(context.Context, Technician) (Kept, error) { return Kept{}, errors.New("no database") }
	})
	if _, key, err := failing.m.Issue(t.Context(), anna, protocol.NewSession{}); err == nil || key != "" {
		t.Error("a session starts, and nobody can say how long it is kept")
	}
}
