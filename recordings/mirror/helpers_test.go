package mirror

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"consento/recordings"
	"consento/recordings/store"
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

const (
	testOrigin = "office.example/evidence"
	testToken  = "0123456789abcdef0123456789abcdef"
)

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits for a condition, generously.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("never: %s", what)
		}
	}
}

// office is who records.
type office struct {
	dir      string
	identity recordings.Identity
	key      ed25519.PrivateKey // of the log
	log      *translog.Log
	logDir   string
}

func newOffice(t testing.TB) *office {
	t.Helper()
	o := &office{dir: t.TempDir(), identity: must(recordings.NewIdentity())(t), logDir: filepath.Join(t.TempDir(), "log")}
	_, o.key, _ = ed25519.GenerateKey(nil)
	o.log = must(translog.Create(o.logDir, translog.Config{Origin: testOrigin, Key: o.key}))(t)
	t.Cleanup(func() { ok(t, o.log.Close()) })
	return o
}

func (o *office) record(t testing.TB) *recordings.Writer {
	t.Helper()
	return must(recordings.Create(recordings.Config{Dir: o.dir, BagDir: t.TempDir(), Session: recordings.NewSessionID(), Origin: "test", Started: time.Now(),
		Recipients: []recordings.Recipient{o.identity.Recipient()}, Retention: "standard"}))(t)
}

// second records something and seals it.
func second(t testing.TB, w *recordings.Writer, n int) recordings.Head {
	t.Helper()
	ok(t, w.Append(recordings.TrackVideo, 0, time.Duration(n)*time.Second, time.Second, bytes.Repeat([]byte{byte(n)}, 3000)))
	ok(t, w.Append(recordings.TrackEvents, 0, time.Duration(n)*time.Second, 0, fmt.Appendf(nil, `{"n":%d}`, n)))
	return must(w.Seal())(t)
}

func segmentOf(w *recordings.Writer) Segment { return Segment{w.Open().Session, w.Open().Segment} }

// place is where a mirror lives.
type place struct {
	root string
	key  ed25519.PrivateKey
	cert []byte
	tls  []byte
	pin  string
	log  ed25519.PublicKey
	addr string

	server  *Server
	stop    func()
	wrap    func(http.Handler) http.Handler
	replica *translog.Replica
}

func newPlace(t testing.TB, o *office) *place {
	t.Helper()
	p := &place{root: t.TempDir(), log: o.key.Public().(ed25519.PublicKey), addr: "127.0.0.1:0", wrap: func(h http.Handler) http.Handler { return h }}
	_, p.key, _ = ed25519.GenerateKey(nil)
	var err error
	p.cert, p.tls, err = NewCertificate("mirror", time.Now())
	ok(t, err)
	must(translog.CreateCosigner(p.cosigner()))(t).Close()
	p.start(t)
	t.Cleanup(func() { p.stop() })
	return p
}

func (p *place) cosigner() translog.CosignerConfig {
	return translog.CosignerConfig{Name: "mirror.example", Key: p.key, Origin: testOrigin, Log: []ed25519.PublicKey{p.log}, State: filepath.Join(p.root, "state")}
}

func (p *place) rec(name string) string { return filepath.Join(p.root, "rec", name) }

// start is also a restart: on the port that it had.
func (p *place) start(t testing.TB) {
	t.Helper()
	s := must(store.OpenFolder(filepath.Join(p.root, "rec"), filepath.Join(p.root, "bags"), nil))(t)
	c := must(translog.OpenCosigner(p.cosigner()))(t)
	r := must(translog.OpenReplica(filepath.Join(p.root, "log"), testOrigin, []ed25519.PublicKey{p.log}))(t)
	p.replica = r
	p.server = must(NewServer(Config{Store: s, Replica: r, Cosigner: c, Key: p.key, LogKeys: []ed25519.PublicKey{p.log}, Token: testToken, Logger: slog.New(slog.DiscardHandler)}))(t)
	conf, pin, err := ServerTLS(p.cert, p.tls)
	ok(t, err)
	l := must(net.Listen("tcp", p.addr))(t)
	p.addr, p.pin = l.Addr().String(), pin
	web := &http.Server{Handler: p.wrap(p.server), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}
	var done sync.WaitGroup
	done.Go(func() {
		if err := web.Serve(tls.NewListener(l, conf)); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	p.stop = sync.OnceFunc(func() {
		err := web.Close()
		done.Wait()
		ok(t, errors.Join(err, r.Close(), c.Close(), s.Close()))
	})
}

func (p *place) client(t testing.TB) *Client {
	t.Helper()
	c := must(NewClient(ClientConfig{URL: "https://" + p.addr, Pin: p.pin, Token: testToken, Key: p.key.Public().(ed25519.PublicKey)}))(t)
	t.Cleanup(c.Close)
	return c
}

// link is an uplink that runs.
type link struct {
	*Uplink
	mu     sync.Mutex
	signed map[Segment]int
	final  map[Segment][]byte
	point  translog.Checkpoint
}

func (o *office) uplink(t testing.TB, target Target, key ed25519.PublicKey) *link {
	t.Helper()
	l := &link{signed: map[Segment]int{}, final: map[Segment][]byte{}}
	l.Uplink = must(NewUplink(UplinkConfig{Target: target, Key: key, Log: o.log, Dir: o.dir, Logger: slog.New(slog.DiscardHandler), Every: 20 * time.Millisecond,
		Cosigned: func(ctx context.Context, c translog.Checkpoint) error {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.point = c
			return o.log.SetCosigned(ctx, c)
		},
		Countersigned: func(s Segment, c []byte, final bool) error {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.signed[s]++
			if final {
				l.final[s] = c
			}
			return nil
		}}))(t)
	return l
}

// run works until the test, or stop, ends it.
func (l *link) run(t testing.TB) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { l.Run(ctx) })
	stop = sync.OnceFunc(func() { cancel(); done.Wait() })
	t.Cleanup(stop)
	return stop
}

func (l *link) ended(s Segment) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.final[s] != nil
}

func sameFile(t testing.TB, a, b string) bool {
	t.Helper()
	return bytes.Equal(must(os.ReadFile(a))(t), must(os.ReadFile(b))(t))
}
