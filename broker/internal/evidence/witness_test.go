package evidence

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"consento/recordings"
	"consento/recordings/mirror"
	"consento/recordings/store"
	"consento/recordings/translog"
)

// eventually waits for a condition, generously.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
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

// own gives a broker a witness of its own.
func (n *env) own(t testing.TB) ed25519.PublicKey {
	t.Helper()
	must(0, n.e.Close())(t)
	public, key, _ := ed25519.GenerateKey(nil)
	n.config.Witness = WitnessConfig{Own: key, OwnState: filepath.Join(t.TempDir(), "state"), MaxLag: 15 * time.Minute}
	n.config.Keys = func() (translog.Keys, error) {
		return translog.Keys{Log: []ed25519.PublicKey{n.config.Key.Public().(ed25519.PublicKey)}, Witness: []translog.NamedKey{{Name: mirror.EmbeddedName, Key: public}}, Quorum: 1}, nil
	}
	n.open(t)
	return public
}

// TestOwnWitness signs the log, live recordings and their ends.
func TestOwnWitness(t *testing.T) {
	n := newEnv(t)
	key := n.own(t)
	w := n.record(t)
	o := w.Open()
	must(n.e.Opened(t.Context(), w.Path(), w.Head()))(t)
	var signed [][]byte
	eventually(t, "a live head is signed", func() bool {
		signed = n.e.Countersignatures(o.Session, o.Segment)
		return len(signed) == 1
	})
	must(0, w.Cosigned(signed[0]))(t)
	n.e.Sealed(o.Session, o.Segment, must(w.Seal())(t))
	if page := must(n.e.Sessions(t.Context(), auditor, Query{}))(t); page.Witness != "embedded" {
		t.Errorf("the list says of its witness %q", page.Witness)
	}
	if again := n.e.Countersignatures(o.Session, o.Segment); slices.ContainsFunc(again, func(c []byte) bool { return bytes.Equal(c, signed[0]) }) {
		t.Error("it is given out twice") // that of the new head may be there
	}
	final := must(w.Close())(t)
	must(0, n.e.Closed(t.Context(), w.Path()))(t)
	eventually(t, "the end is signed", func() bool {
		c, err := recordings.ReadCosignatures(recordings.DefaultCosignatures(w.Path()), o.Session)
		return err == nil && len(c) == 1 && c[0].Key.Equal(key) && c[0].Head.Same(final)
	})
	eventually(t, "the log is signed", func() bool {
		p, _, err := n.e.proofOf(t.Context(), translog.ID(o.Session))
		if err != nil {
			return false
		}
		keys := must(n.config.Keys())(t)
		report, err := must(translog.ParseProof(p))(t).Verify(keys)
		return err == nil && len(report.Missing) == 0 && len(report.Witnesses) == 1 && report.Witnesses[0].Witness == mirror.EmbeddedName
	})
	if err := errors.Join(n.e.Witnessed(t.Context()), n.e.WitnessCheck(t.Context())); err != nil {
		t.Error(err)
	}
	if s := n.e.Witnesses(); len(s) != 1 || !s[0].Embedded {
		t.Errorf("%+v", s)
	}
	n.reopen(t) // with its state
	must(0, n.e.beat(t.Context()))(t)
}

// townHall is a witness on another machine, as it serves there.
type townHall struct {
	root  string
	away  atomic.Bool  // it cuts every connection
	ahead atomic.Int64 // of the broker's clock
}

// townHall gives the broker, which is closed, a witness.
func (n *env) townHall(t testing.TB) *townHall {
	t.Helper()
	must(0, n.e.Close())(t)
	public, key, _ := ed25519.GenerateKey(nil)
	hall := &townHall{root: t.TempDir()}
	logKeys := []ed25519.PublicKey{n.config.Key.Public().(ed25519.PublicKey)}
	conf := translog.CosignerConfig{Name: "town-hall", Key: key, Origin: n.config.Origin, Log: logKeys, State: filepath.Join(hall.root, "state")}
	cosigner := must(translog.CreateCosigner(conf))(t)
	folder := must(store.OpenFolder(filepath.Join(hall.root, "rec"), filepath.Join(hall.root, "bags"), nil))(t)
	replica := must(translog.OpenReplica(filepath.Join(hall.root, "log"), n.config.Origin, logKeys))(t)
	const token = "0123456789abcdef0123456789abcdef"
	server := must(mirror.NewServer(mirror.Config{Store: folder, Replica: replica, Cosigner: cosigner, Key: key, LogKeys: logKeys, Token: token, Logger: slog.New(slog.DiscardHandler)}))(t)
	cert, certKey, err := mirror.NewCertificate("town-hall", time.Now())
	must(0, err)(t)
	secure, pin, err := mirror.ServerTLS(cert, certKey)
	must(0, err)(t)
	listener := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	web := &http.Server{ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hall.away.Load() {
			panic(http.ErrAbortHandler)
		}
		server.ServeHTTP(w, r)
	})}
	var serving sync.WaitGroup
	serving.Go(func() { _ = web.Serve(tls.NewListener(listener, secure)) }) // ends with Close
	t.Cleanup(func() {
		must(0, errors.Join(web.Close(), replica.Close(), cosigner.Close(), folder.Close()))(t)
		serving.Wait()
	})
	n.config.Now = func() time.Time { return time.Now().Add(time.Duration(hall.ahead.Load())) }
	n.config.Witness = WitnessConfig{MaxLag: 15 * time.Minute,
		Elsewhere: []Mirror{{Name: "town-hall", URL: "https://" + listener.Addr().String(), Pin: pin, Token: token, Key: public}}}
	n.config.Keys = func() (translog.Keys, error) {
		return translog.Keys{Log: logKeys, Witness: []translog.NamedKey{{Name: "town-hall", Key: public}}, Quorum: 1}, nil
	}
	return hall
}

// TestWitnessAway: it is told on the log, the check fails, and after a while no
// session starts, until it is back.
func TestWitnessAway(t *testing.T) {
	n := newEnv(t)
	hall := n.townHall(t)
	root, away, ahead := hall.root, &hall.away, &hall.ahead
	away.Store(true)
	n.open(t)
	w := n.record(t)
	must(n.e.Opened(t.Context(), w.Path(), w.Head()))(t)
	told := func(want string) {
		t.Helper()
		eventually(t, want, func() bool {
			must(0, n.e.tellWitnesses(t.Context()))(t)
			for e, err := range n.e.log.Entries(t.Context(), 0, n.e.Checkpoint().Size) {
				must(0, err)(t)
				if strings.Contains(string(e.Data), `"kind":"witness"`) && strings.Contains(string(e.Data), `"state":"`+want+`"`) {
					return true
				}
			}
			return false
		})
	}
	eventually(t, "it is missed", func() bool { return n.e.Witnesses()[0].Lag > 0 })
	if err := n.e.Witnessed(t.Context()); err != nil {
		t.Errorf("at once: %v", err)
	}
	ahead.Store(int64(5 * time.Minute))
	told(translog.WitnessLagging)
	if err := n.e.Witnessed(t.Context()); err != nil || n.e.WitnessCheck(t.Context()) == nil {
		t.Errorf("after five minutes: %v, and the check says nothing", err)
	}
	ahead.Store(int64(20 * time.Minute))
	told(translog.WitnessRefused)
	if err := n.e.Witnessed(t.Context()); !errors.Is(err, ErrWitness) {
		t.Errorf("after twenty minutes: %v", err)
	}
	away.Store(false)
	eventually(t, "it is back", func() bool { return n.e.Witnessed(t.Context()) == nil })
	told(translog.WitnessBack)
	must(w.Close())(t)
	must(0, n.e.Closed(t.Context(), w.Path()))(t)
	eventually(t, "it has the whole", func() bool {
		_, err := os.Stat(recordings.DefaultCosignatures(w.Path()))
		return err == nil && n.e.WitnessCheck(t.Context()) == nil
	})
	here, there := must(os.ReadFile(w.Path()))(t), must(os.ReadFile(filepath.Join(root, "rec", filepath.Base(w.Path()))))(t)
	if string(here) != string(there) {
		t.Error("the copy is another")
	}
}

// TestLogSetBackBehindWitness: an old log is not signed again.
func TestLogSetBackBehindWitness(t *testing.T) {
	n := newEnv(t)
	n.own(t)
	must(0, n.e.Close())(t)
	old := filepath.Join(t.TempDir(), "old")
	must(0, os.CopyFS(old, os.DirFS(n.config.Folder)))(t)
	n.open(t)
	for range 3 {
		must(n.e.add(t.Context(), translog.Admin{What: "a.b", By: "command"}))(t)
	}
	size := n.e.Checkpoint().Size
	eventually(t, "it is signed", func() bool { c, ok := n.e.log.Cosigned(); return ok && c.Size >= size })
	must(0, n.e.Close())(t)
	config := n.config
	config.Folder = old
	back := must(translog.Open(old, translog.Config{Origin: config.Origin, Key: config.Key}))(t)
	cosigner := must(translog.OpenCosigner(translog.CosignerConfig{Name: mirror.EmbeddedName, Key: config.Witness.Own, Origin: config.Origin,
		Log: []ed25519.PublicKey{config.Key.Public().(ed25519.PublicKey)}, State: config.Witness.OwnState}))(t)
	own := mirror.NewEmbedded(config.Recordings, config.Witness.Own, nil, cosigner)
	if _, err := own.PushCheckpoint(context.Background(), back); err == nil {
		t.Error("a log that was set back is signed")
	}
	must(0, errors.Join(back.Close(), cosigner.Close()))(t)
	n.open(t)
}
