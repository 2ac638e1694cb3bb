package session

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"
	"go.uber.org/goleak"

	global "consento/broker/internal/evidence"
	"consento/broker/internal/ops/opstest"
	"consento/broker/internal/sfu"
	"consento/protocol"
	"consento/recordings"
	"consento/recordings/translog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(unhurried{m}) }

const patience = 60 * time.Second

// unhurried waits for goroutines that are about to end.
type unhurried struct{ *testing.M }

func (m unhurried) Run() int {
	code := m.M.Run()
	for end := time.Now().Add(patience); code == 0 && goleak.Find() != nil && time.Now().Before(end); { // Find waits a little each time
	}
	return code
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("never: %s", what)
		}
	}
}

// env is a broker's session part with a real database, real recordings and
// real media.
type env struct {
	dir      string
	evidence string
	bags     string // keys lie apart from the recordings
	logDir   string
	identity recordings.Identity
	db       *bun.DB
	media    *sfu.SFU
	logKey   ed25519.PrivateKey
	log      bytes.Buffer
	logMu    sync.Mutex
	config   Config
	withhold bool // the office gives customers the log alone
	m        *Manager
}

func (e *env) Write(b []byte) (int, error) {
	e.logMu.Lock()
	defer e.logMu.Unlock()
	return e.log.Write(b)
}

var office = protocol.Person{Office: "Comune", Phone: "+39 02 1234"}

var anna = Technician{ID: "anna-id", Name: "Anna Rossi", Team: "Help desk", Territory: "North", Profile: protocol.BuiltInProfiles()[0]}

func newEnv(t testing.TB, change ...func(*Config)) *env {
	t.Helper()
	e := &env{dir: t.TempDir(), evidence: t.TempDir(), bags: t.TempDir(), logDir: t.TempDir()}
	e.identity = must(recordings.NewIdentity())(t)
	e.db = opstest.Database(t, e.dir)
	t.Cleanup(func() { must(0, e.db.Close())(t) })
	e.media = must(sfu.New(sfu.Config{Address: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}}))(t)
	t.Cleanup(func() { must(0, e.media.Close())(t) })
	_, e.logKey, _ = ed25519.GenerateKey(nil)
	anchor := must(global.Open(t.Context(), global.Config{Database: e.db, Folder: filepath.Join(e.logDir, "log"), Recordings: e.evidence, Bags: e.bags, Origin: "test.example/evidence",
		Key: e.logKey, Policies: t.TempDir(), Keys: func() (translog.Keys, error) { return translog.Keys{}, nil }, Retention: func(context.Context) (int, error) { return 90, nil }, Copies: func(context.Context) (bool, int, error) { return !e.withhold, 7, nil }, Logger: slog.New(slog.DiscardHandler), Readers: func(context.Context) ([]recordings.Recipient, error) {
			return []recordings.Recipient{e.identity.Recipient()}, nil
		}}))(t)
	t.Cleanup(func() { must(0, anchor.Close())(t) })
	e.config = Config{
		Global:   anchor,
		Copies:   anchor,
		Database: e.db, Media: e.media, Evidence: e.evidence, Bags: e.bags, Origin: "https://test.example",
		Recipients: func(context.Context, Technician) (Recipients, error) {
			return Recipients{Stanzas: recordings.Alone(recordings.ClassAuditor, e.identity.Recipient())}, nil
		},
		Technician: func(_ context.Context, id string) (Technician, error) {
			if id != anna.ID {
				return Technician{}, ErrNotAllowed
			}
			return anna, nil
		},
		Space:  func(context.Context) error { return nil },
		Office: func(context.Context) (protocol.Person, error) { return office, nil },
		Terms: func(_ context.Context, language string) (protocol.Terms, error) {
			return protocol.Terms{Version: "7", Language: language, Text: "Be nice."}, nil
		},
		LogKey: e.logKey,
		Derive: func(purpose string) []byte { sum := sha256.Sum256([]byte(purpose)); return sum[:] },
		Log:    slog.New(slog.NewTextHandler(e, nil)),
	}
	for _, f := range change {
		f(&e.config)
	}
	e.m = must(New(t.Context(), e.config))(t)
	t.Cleanup(func() { e.close(t) })
	return e
}

// close stops the broker when all agents have hung up.
func (e *env) close(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	e.m.mu.Lock()
	var live []*session
	for _, s := range e.m.live {
		live = append(live, s)
	}
	e.m.mu.Unlock()
	for _, s := range live {
		if err := (&Agent{session: s, link: s.hungUp()}).Gone(ctx, false); err != nil && !errors.Is(err, ErrNoSession) {
			t.Error(err)
		}
	}
	must(0, e.m.Close(ctx))(t)
}

// hungUp returns the session's link.
func (s *session) hungUp() (l AgentLink) {
	_ = s.do(context.Background(), func() error { l = s.agent; return nil })
	return l
}

func limits(l Limits) func(*Config) { return func(c *Config) { c.Limits = l } }

// link plays the agent's connection.
type link struct {
	mu     sync.Mutex
	sent   []protocol.Message
	onSend func(protocol.Message)
}

func (l *link) Send(m protocol.Message) {
	if l.onSend != nil {
		l.onSend(m)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent = append(l.sent, m)
}

// last returns the newest message of a type, nil if none came.
func last[T protocol.Message](l *link) (found T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.sent {
		if x, ok := m.(T); ok {
			found = x
		}
	}
	return found
}

var hello = protocol.Hello{Version: protocol.CurrentVersion(), Software: "consento-agent test", System: "Debian", Language: "it"}

// play is one session on its way.
type play struct {
	e      *env
	id     string
	key    protocol.SessionKey
	link   *link
	agent  *Agent
	secret string // to come back with
}

func (e *env) issue(t testing.TB) *play {
	t.Helper()
	s, key, err := e.m.Issue(t.Context(), anna, protocol.NewSession{})
	must(s, err)(t)
	if s.State != protocol.StateIssued && e.config.Limits.Key == 0 { // the key of a moment may be over already
		t.Fatalf("state %s", s.State)
	}
	return &play{e: e, id: s.ID, key: key, link: &link{}}
}

func (p *play) redeem(t testing.TB) *play {
	t.Helper()
	if id := must(p.e.m.Redeem(t.Context(), p.key, "192.0.2.1"))(t); id != p.id {
		t.Fatalf("the key opened %s", id)
	}
	return p
}

func (p *play) name(t testing.TB) *play {
	t.Helper()
	must(0, p.e.m.ConfirmName(t.Context(), p.id, true))(t)
	return p
}

func (p *play) join(t testing.TB) *play {
	t.Helper()
	ticket := must(p.e.m.Ticket(t.Context(), p.id, "en"))(t)
	agent, joined, err := p.e.m.Join(t.Context(), hello, protocol.Join{Ticket: string(ticket)}, "192.0.2.1", p.link)
	p.agent, p.secret = must(agent, err)(t), joined.Resume
	if joined.Session != p.id || joined.ConfirmName || joined.Terms.Version != "7" || joined.Technician.Name != anna.Name || joined.Technician.Office != office.Office {
		t.Fatalf("joined %+v", joined)
	}
	return p
}

func (p *play) terms(t testing.TB) *play {
	t.Helper()
	must(0, p.agent.AnswerTerms(t.Context(), protocol.TermsAnswer{Version: "7", Accepted: true}))(t)
	if ask := last[*protocol.ConsentAsk](p.link); ask == nil || ask.Permission != protocol.ViewScreen || ask.Epoch != 1 {
		t.Fatalf("asked %+v", ask)
	}
	return p
}

func (p *play) answer(t testing.TB, state protocol.ConsentState) error {
	return p.agent.AnswerConsent(t.Context(), protocol.ConsentAnswer{Permission: protocol.ViewScreen, State: state, Epoch: 1})
}

func (p *play) activate(t testing.TB) *play {
	t.Helper()
	must(0, p.answer(t, protocol.ConsentGiven))(t)
	if last[*protocol.ConsentRecorded](p.link) == nil || p.state(t).State != protocol.StateActive {
		t.Fatal("not active")
	}
	return p
}

func (e *env) waiting(t testing.TB) *play { t.Helper(); return e.issue(t).redeem(t).name(t).join(t) }
func (e *env) active(t testing.TB) *play  { t.Helper(); return e.waiting(t).terms(t).activate(t) }

func (p *play) state(t testing.TB) protocol.Session {
	t.Helper()
	return must(p.e.m.Snapshot(t.Context(), p.id))(t)
}

func (p *play) closed(t testing.TB) protocol.Session {
	t.Helper()
	eventually(t, "closed", func() bool {
		_, err := p.e.m.find(p.id)
		return errors.Is(err, ErrNoSession)
	})
	s := p.state(t)
	if s.State != protocol.StateClosed {
		t.Fatalf("state %s", s.State)
	}
	return s
}

// entry is one event as an auditor reads it.
type entry struct {
	Code  protocol.EventCode `json:"code"`
	AtMS  int64              `json:"at_ms"`
	Data  map[string]any     `json:"data"`
	index uint64
}

func (e *env) path(id string) string { return filepath.Join(e.evidence, id+"-0.rec") }

// opens opens a segment by the auditor's key.
func (e *env) opens(t testing.TB, path string) *recordings.Session {
	t.Helper()
	return must(recordings.OpenSessionBag(path, filepath.Join(e.bags, filepath.Base(recordings.DefaultBag(path))), e.identity))(t)
}

// read decrypts the events of a recording.
func (e *env) read(t testing.TB, id string, track recordings.Track) ([]entry, recordings.Report) {
	t.Helper()
	s := e.opens(t, e.path(id))
	defer s.Close()
	var list []entry
	public := e.logKey.Public().(ed25519.PublicKey)
	report, err := s.Read(recordings.ScanOptions{LogKeys: []ed25519.PublicKey{public}}, func(i recordings.Item) error {
		x := entry{index: i.Index}
		if err := json.Unmarshal(i.Body, &x); err != nil {
			return err
		}
		list = append(list, x)
		return nil
	}, track)
	must(0, err)(t)
	return list, report
}

func (e *env) events(t testing.TB, id string) ([]entry, recordings.Report) {
	return e.read(t, id, recordings.TrackEvents)
}

func codes(list []entry) (all []protocol.EventCode) {
	for _, x := range list {
		all = append(all, x.Code)
	}
	return all
}

func find(list []entry, code protocol.EventCode) *entry {
	for i := range list {
		if list[i].Code == code {
			return &list[i]
		}
	}
	return nil
}

// replay walks protocol.Next over the log, as a verifier does.
func replay(t testing.TB, list []entry) (path []protocol.State) {
	t.Helper()
	state := protocol.StateIssued
	path = append(path, state)
	for _, x := range list {
		if x.Code != protocol.EventStateChanged {
			continue
		}
		next, err := protocol.Next(state, protocol.Command(x.Data["command"].(string)))
		if err != nil || x.Data["from"] != string(state) || x.Data["to"] != string(next) {
			t.Fatalf("%v does not follow %s: %v", x.Data, state, err)
		}
		state = next
		path = append(path, state)
	}
	return path
}
