package evidence

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptrace/bun"
	"go.uber.org/goleak"

	"consento/broker/internal/ops"
	"consento/broker/internal/ops/opstest"
	"consento/recordings"
	"consento/recordings/translog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(unhurried{m}) }

// patience bounds every wait of these tests.
const patience = 2 * time.Minute

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

// env is a broker's evidence with a real database, log and recordings.
type env struct {
	db       *bun.DB
	config   Config
	identity recordings.Identity
	mu       sync.Mutex
	readers  []recordings.Recipient // guarded by mu: Evidence asks while it runs
	e        *Evidence
	ahead    atomic.Int64 // nanoseconds, of the office's clock
}

func (n *env) read(by ...recordings.Recipient) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.readers = by
}

func newEnv(t testing.TB) *env {
	t.Helper()
	n := &env{identity: must(recordings.NewIdentity())(t)}
	n.db = opstest.Database(t, t.TempDir())
	t.Cleanup(func() { must(0, n.db.Close())(t) })
	_, key, err := ed25519.GenerateKey(nil)
	must(0, err)(t)
	n.readers = []recordings.Recipient{n.identity.Recipient()}
	office := t.TempDir()
	n.config = Config{Database: n.db, Folder: filepath.Join(t.TempDir(), "log"), Recordings: filepath.Join(office, "evidence"), Bags: filepath.Join(office, "bags"), Origin: "test.example/evidence", Key: key,
		Readers: func(context.Context) ([]recordings.Recipient, error) {
			n.mu.Lock()
			defer n.mu.Unlock()
			return n.readers, nil
		}, Policies: t.TempDir(), Now: func() time.Time { return time.Now().Add(time.Duration(n.ahead.Load())) }, Keys: func() (translog.Keys, error) { return translog.Keys{}, nil }, Retention: func(context.Context) (int, error) { return 90, nil }, Logger: slog.New(slog.DiscardHandler)}
	must(0, os.Mkdir(n.config.Recordings, 0o700))(t)
	must(0, os.Mkdir(n.config.Bags, 0o700))(t)
	n.open(t)
	t.Cleanup(func() { must(0, n.e.Close())(t) })
	return n
}

// size is that of the log, with every act on it that waited.
func (n *env) size(t testing.TB) uint64 {
	t.Helper()
	eventually(t, "what was decided is on the log", func() bool { return len(must(ops.ActsWaiting(t.Context(), n.db, 1))(t)) == 0 })
	return n.e.Checkpoint().Size
}

func (n *env) open(t testing.TB) {
	t.Helper()
	n.e = must(Open(t.Context(), n.config))(t)
}

func (n *env) reopen(t testing.TB) {
	t.Helper()
	must(0, n.e.Close())(t)
	n.open(t)
}

func (n *env) record(t testing.TB) *recordings.Writer {
	t.Helper()
	w := must(recordings.Create(recordings.Config{Dir: n.config.Recordings, BagDir: n.config.Bags, Session: recordings.NewSessionID(), Origin: "test", Started: time.Now(),
		Recipients: n.readers, Retention: "standard"}))(t)
	return w
}

// told verifies a proof and returns the kinds of its leaves.
func (n *env) told(t testing.TB, proof []byte) string {
	t.Helper()
	p := must(translog.ParseProof(proof))(t)
	keys := translog.Keys{Log: []ed25519.PublicKey{n.config.Key.Public().(ed25519.PublicKey)}}
	report := must(p.Verify(keys))(t)
	if signed, _, err := keys.Check(p.Checkpoint); err != nil || !signed {
		t.Errorf("checkpoint: %t, %v", signed, err)
	}
	var kinds []string
	for _, l := range report.Leaves {
		kinds = append(kinds, string(l.Leaf.Kind()))
	}
	return strings.Join(kinds, " ")
}

func TestSegments(t *testing.T) {
	n := newEnv(t)
	w := n.record(t)
	sid := w.Open().Session.String()
	if _, err := n.e.Receipt(t.Context(), sid); !errors.Is(err, ErrUnknown) {
		t.Errorf("before: %v", err)
	}
	proof := must(n.e.Opened(t.Context(), w.Path(), w.Head()))(t)
	if got := n.told(t, proof); got != "opened" {
		t.Errorf("opened: %s", got)
	}
	size := n.e.Checkpoint().Size
	must(n.e.Opened(t.Context(), w.Path(), w.Head()))(t)
	if n.e.Checkpoint().Size != size {
		t.Error("opened twice")
	}
	must(0, w.Append(recordings.TrackEvents, 0, 0, 0, []byte(`{}`)))(t)
	head := must(w.Seal())(t)
	n.e.Sealed(w.Open().Session, 0, head)
	must(0, n.e.beat(t.Context()))(t)
	if beat, ok := n.last(t).(translog.Heartbeat); !ok || len(beat.Heads) != 1 || beat.Heads[0].N != head.N || beat.Heads[0].Root != head.Root {
		t.Errorf("heartbeat: %+v", beat)
	}
	if err := n.e.Closed(t.Context(), w.Path()); err == nil {
		t.Error("an open segment was closed")
	}
	final := must(w.Close())(t)
	must(0, n.e.Closed(t.Context(), w.Path()))(t)
	closed, ok := n.last(t).(translog.Closed)
	if !ok || closed.N != final.N || closed.Root != final.Root || closed.Bytes == 0 {
		t.Errorf("closed: %+v, want %v", closed, final)
	}
	size = n.e.Checkpoint().Size
	must(0, n.e.Closed(t.Context(), w.Path()))(t)
	must(0, n.e.beat(t.Context()))(t)
	if n.e.Checkpoint().Size != size {
		t.Error("closed twice, or the log tells of a dead session")
	}
	if got := n.told(t, must(n.e.Receipt(t.Context(), sid))(t)); got != "opened closed" {
		t.Errorf("proof: %s", got)
	}
}

func (n *env) last(t testing.TB) translog.Leaf {
	t.Helper()
	entry := must(n.e.log.Entry(t.Context(), n.e.Checkpoint().Size-1))(t)
	leaf, _, err := translog.ParseLeaf(entry)
	return must(leaf, err)(t)
}

// TestCrashes: whatever a crash kept from the log is put there by the next run,
// and the index follows the log.
func TestCrashes(t *testing.T) {
	n := newEnv(t)
	closed, crashed, unknown := n.record(t), n.record(t), n.record(t)
	for _, w := range []*recordings.Writer{closed, crashed} {
		must(n.e.Opened(t.Context(), w.Path(), w.Head()))(t)
	}
	must(closed.Close())(t)
	n.reopen(t) // the end of the first was not told before
	if got := n.told(t, must(n.e.Receipt(t.Context(), closed.Open().Session.String()))(t)); got != "opened closed" {
		t.Errorf("closed meanwhile: %s", got)
	}
	for _, w := range []*recordings.Writer{crashed, unknown} {
		must(recordings.Recover(w.Path(), n.config.Key, "test", time.Now()))(t)
		must(0, n.e.Closed(t.Context(), w.Path()))(t)
		if got := n.told(t, must(n.e.Receipt(t.Context(), w.Open().Session.String()))(t)); got != "opened recovered" {
			t.Errorf("recovered: %s", got)
		}
	}
	must(n.db.NewDelete().Table("log_segments").Where("1 = 1").Exec(t.Context()))(t)
	must(n.db.NewDelete().Table("log_index").Where("1 = 1").Exec(t.Context()))(t)
	n.reopen(t)
	if got := n.told(t, must(n.e.Receipt(t.Context(), crashed.Open().Session.String()))(t)); got != "opened recovered" {
		t.Errorf("index made anew: %s", got)
	}
}

// TestLogSetBack: an old copy of the log in place of the log is noticed.
func TestLogSetBack(t *testing.T) {
	n := newEnv(t)
	old := filepath.Join(t.TempDir(), "old")
	must(0, n.e.Close())(t)
	must(0, os.CopyFS(old, os.DirFS(n.config.Folder)))(t)
	n.open(t)
	w := n.record(t)
	must(n.e.Opened(t.Context(), w.Path(), w.Head()))(t)
	must(0, n.e.Close())(t)
	config := n.config
	config.Folder = old
	if _, err := Open(t.Context(), config); err == nil || !strings.Contains(err.Error(), "set back") {
		t.Errorf("%v", err)
	}
	n.open(t)
}

// TestTrail: acts wait for somebody who can read them; then they are on the log,
// sealed, and nowhere else.
func TestTrail(t *testing.T) {
	n := newEnv(t)
	n.read()
	must(0, ops.NoteAct(t.Context(), n.db, "account.added", "", map[string]any{"email": "anna@example.org"}))(t)
	must(0, n.e.drain(t.Context()))(t)
	if n.last(t).Kind() == translog.KindAdmin {
		t.Error("an act that nobody can read is on the log")
	}
	n.read(n.identity.Recipient())
	must(0, n.e.drain(t.Context()))(t)
	admin, ok := n.last(t).(translog.Admin)
	if !ok || admin.What != "account.added" || admin.By != ops.ByCommand {
		t.Fatalf("%+v", admin)
	}
	sealed := must(n.e.log.Sealed(admin.Body))(t)
	if strings.Contains(string(sealed), "anna") {
		t.Error("the act is not sealed")
	}
	var body actBody
	must(0, json.Unmarshal(must(recordings.OpenNote(sealed, n.identity))(t), &body))(t)
	if body.What != "account.added" || !strings.Contains(string(body.Data), "anna@example.org") {
		t.Errorf("%+v", body)
	}
	if kept := must(n.db.NewSelect().Table("trail").Where("body <> ''").Count(t.Context()))(t); kept != 0 {
		t.Errorf("%d acts are still in the database", kept)
	}
	size := n.e.Checkpoint().Size
	must(0, n.e.drain(t.Context()))(t)
	if n.e.Checkpoint().Size != size {
		t.Error("an act is on the log twice")
	}
}
