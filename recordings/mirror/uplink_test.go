package mirror

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"consento/recordings"
	"consento/recordings/translog"
)

// TestUplink: recordings and log arrive while they grow, and go on after either
// side was away.
func TestUplink(t *testing.T) {
	o := newOffice(t)
	p := newPlace(t, o)
	key := p.key.Public().(ed25519.PublicKey)
	client := p.client(t)
	l := o.uplink(t, client, key)
	stop := l.run(t)
	w := o.record(t)
	live := segmentOf(w)
	countersigned := 0
	for n := range 20 {
		l.Sealed(live, second(t, w, n))
		body := must(o.log.PutSealed([]byte{byte(n), 1, 2}))(t)
		var leaf translog.Leaf = translog.Admin{What: "a.b", By: "command", Body: body}
		if n == 3 { // its token is kept as a body is
			leaf = translog.Timestamp{N: 1, Root: translog.Hash{1}, Token: body}
		}
		must(o.log.Add(t.Context(), leaf))(t)
		if n == 7 {
			p.stop()
			client.Close() // whose connections are gone
		}
		if n == 14 {
			p.start(t)
		}
		if n < 7 {
			countersigned++
			eventually(t, "a countersignature", func() bool {
				l.mu.Lock()
				defer l.mu.Unlock()
				return l.signed[live] >= countersigned
			})
		}
	}
	eventually(t, "no lag", func() bool { s := l.Status(); return s.Lag == 0 && s.Waiting == 0 && s.Err == nil })
	// The broker goes away, and what happens meanwhile is found by its next run.
	stop()
	must(w.Close())(t)
	old := o.record(t)
	second(t, old, 0)
	must(recordings.Recover(old.Path(), o.key, "test", time.Now()))(t)
	next := o.uplink(t, client, key)
	next.run(t)
	eventually(t, "both ends are countersigned", func() bool { return next.ended(live) && next.ended(segmentOf(old)) })
	for _, w := range []*recordings.Writer{w, old} {
		if !sameFile(t, w.Path(), p.rec(filepath.Base(w.Path()))) {
			t.Error("the copy is another")
		}
		rep := must(recordings.ScanFile(w.Path(), recordings.ScanOptions{}))(t)
		c := must(recordings.ParseCosignature(w.Open().Session, next.final[segmentOf(w)]))(t)
		if !c.Head.Same(rep.Head) {
			t.Error("countersigned another head")
		}
	}
	eventually(t, "the whole log", func() bool { return p.replica.Checkpoint().Size == o.log.Size() })
	for n := range 20 {
		h := must(o.log.PutSealed([]byte{byte(n), 1, 2}))(t)
		if !sameFile(t, filepath.Join(o.logDir, "sealed", h.String()), filepath.Join(p.root, "log", "sealed", h.String())) {
			t.Error("a sealed body is another")
		}
	}
	if _, ok := o.log.Cosigned(); !ok {
		t.Error("no cosigned checkpoint was kept")
	}
}

// TestLongLog: a new mirror gets a log that has long been written.
func TestLongLog(t *testing.T) {
	o := newOffice(t)
	leaves := make([]translog.Leaf, translog.MaxEntries)
	for i := range leaves {
		leaves[i] = translog.Admin{What: "a.b", By: "command", Body: translog.Hash{}}
	}
	for range 3 {
		must(o.log.Add(t.Context(), leaves...))(t)
	}
	p := newPlace(t, o)
	l := o.uplink(t, p.client(t), p.key.Public().(ed25519.PublicKey))
	l.run(t)
	eventually(t, "the whole log", func() bool { return p.replica.Checkpoint().Size == o.log.Size() })
}

// TestSlowMirror: it hangs, the session does not; and the lag is told.
func TestSlowMirror(t *testing.T) {
	o := newOffice(t)
	p := newPlace(t, o)
	p.stop()
	gate := make(chan struct{})
	open := sync.OnceFunc(func() { close(gate) })
	defer open()
	hanging := make(chan struct{}, 100)
	p.wrap = func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/rec/") {
				hanging <- struct{}{}
				<-gate
			}
			h.ServeHTTP(w, r)
		})
	}
	p.start(t)
	l := o.uplink(t, p.client(t), p.key.Public().(ed25519.PublicKey))
	var ahead atomic.Int64
	l.c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	l.run(t)
	w := o.record(t)
	l.Sealed(segmentOf(w), second(t, w, 0))
	<-hanging
	for n := range 100 {
		l.Sealed(segmentOf(w), second(t, w, n)) // does not wait: or the test never ends
	}
	ahead.Store(int64(20 * time.Minute))
	if s := l.Status(); s.Lag < 19*time.Minute || s.Waiting != 1 {
		t.Errorf("%+v", s)
	}
	must(w.Close())(t)
	l.Closed(segmentOf(w))
	open()
	eventually(t, "the rest arrives", func() bool { return l.ended(segmentOf(w)) && l.Status().Lag == 0 })
	if !sameFile(t, w.Path(), p.rec(filepath.Base(w.Path()))) {
		t.Error("the copy is another")
	}
}

// forgetful says yes to everything, and keeps nothing but lengths.
type forgetful struct {
	key  ed25519.PrivateKey
	open *Embedded
	*Client
}

func (f *forgetful) Append(ctx context.Context, name string, at int64, b []byte) (Held, error) {
	return f.open.Append(ctx, name, at, b)
}
func (f *forgetful) Held(ctx context.Context, name string) (Held, error) {
	return f.open.Held(ctx, name)
}

// TestLyingMirror: what keeps nothing is found out when a recording is closed.
func TestLyingMirror(t *testing.T) {
	o := newOffice(t)
	p := newPlace(t, o)
	liar := &forgetful{key: p.key, Client: p.client(t), open: NewEmbedded(o.dir, p.key, []ed25519.PublicKey{p.log}, nil)}
	l := o.uplink(t, liar, p.key.Public().(ed25519.PublicKey))
	l.run(t)
	w := o.record(t)
	l.Sealed(segmentOf(w), second(t, w, 0))
	eventually(t, "live, it is believed", func() bool { s := l.Status(); return s.Lag == 0 && s.Err == nil })
	must(w.Close())(t)
	l.Closed(segmentOf(w))
	eventually(t, "closed, it is found out", func() bool {
		s := l.Status()
		return s.Err != nil && strings.Contains(s.Err.Error(), ErrLost.Error()) && s.Lag > 0
	})
}

// wrongKey countersigns with a key that is not the named one.
func TestForeignCountersignature(t *testing.T) {
	o := newOffice(t)
	p := newPlace(t, o)
	_, stranger, _ := ed25519.GenerateKey(nil)
	l := o.uplink(t, &forgetful{Client: p.client(t), open: NewEmbedded(o.dir, stranger, nil, nil)}, p.key.Public().(ed25519.PublicKey))
	l.run(t)
	w := o.record(t)
	l.Sealed(segmentOf(w), second(t, w, 0))
	eventually(t, "it is refused", func() bool { return l.Status().Refused == 1 })
	if len(l.signed) != 0 {
		t.Error("it was taken")
	}
	must(w.Close())(t)
}

// TestCutHere: the mirror has more than the broker: somebody cut the recording.
func TestCutHere(t *testing.T) {
	o := newOffice(t)
	p := newPlace(t, o)
	w := o.record(t)
	second(t, w, 0)
	short := must(os.ReadFile(w.Path()))(t)
	second(t, w, 1)
	must(p.client(t).Append(t.Context(), filepath.Base(w.Path()), 0, must(os.ReadFile(w.Path()))(t)))(t)
	must(w.Close())(t)
	ok(t, os.WriteFile(w.Path(), short, 0o600))
	l := o.uplink(t, p.client(t), p.key.Public().(ed25519.PublicKey))
	l.run(t)
	eventually(t, "it is told", func() bool { return l.Status().Refused == 1 })
}

// TestDamagedHere: what does not verify here is not sent.
func TestDamagedHere(t *testing.T) {
	o := newOffice(t)
	p := newPlace(t, o)
	w := o.record(t)
	second(t, w, 0)
	must(w.Close())(t)
	b := must(os.ReadFile(w.Path()))(t)
	b[len(b)/2] ^= 1
	ok(t, os.WriteFile(w.Path(), b, 0o600))
	l := o.uplink(t, p.client(t), p.key.Public().(ed25519.PublicKey))
	l.run(t)
	eventually(t, "it is told", func() bool { return l.Status().Refused == 1 })
	if _, err := os.Stat(p.rec(filepath.Base(w.Path()))); !os.IsNotExist(err) {
		t.Errorf("it was sent: %v", err)
	}
}

// TestEmbedded signs log and recordings, and after a restart only what has no
// signature yet.
func TestEmbedded(t *testing.T) {
	o := newOffice(t)
	_, key, _ := ed25519.GenerateKey(nil)
	conf := translog.CosignerConfig{Name: EmbeddedName, Key: key, Origin: testOrigin, Log: []ed25519.PublicKey{o.key.Public().(ed25519.PublicKey)}, State: filepath.Join(t.TempDir(), "state")}
	cosigner := must(translog.CreateCosigner(conf))(t)
	defer cosigner.Close()
	own := NewEmbedded(o.dir, key, conf.Log, cosigner)
	l := o.uplink(t, own, key.Public().(ed25519.PublicKey))
	stop := l.run(t)
	done, open := o.record(t), o.record(t)
	l.Sealed(segmentOf(open), second(t, open, 0))
	must(done.Close())(t)
	l.Closed(segmentOf(done))
	eventually(t, "it is signed", func() bool { return l.ended(segmentOf(done)) && l.Status().Lag == 0 })
	keys := translog.Keys{Log: conf.Log, Witness: []translog.NamedKey{{Name: EmbeddedName, Key: key.Public().(ed25519.PublicKey)}}}
	if _, by, err := keys.Check(l.point); err != nil || len(by) != 1 || by[0].Witness != EmbeddedName {
		t.Errorf("%v, %v", by, err)
	}
	stop()
	ok(t, os.WriteFile(recordings.DefaultCosignatures(done.Path()), l.final[segmentOf(done)], 0o600))
	must(open.Close())(t)
	again := o.uplink(t, NewEmbedded(o.dir, key, conf.Log, cosigner), key.Public().(ed25519.PublicKey))
	again.run(t)
	eventually(t, "the other is signed", func() bool { return again.ended(segmentOf(open)) })
	if again.ended(segmentOf(done)) {
		t.Error("what was signed is signed again")
	}
}

// TestDeletedHere: a recording that was purged by a decision is no lag for ever.
func TestDeletedHere(t *testing.T) {
	o := newOffice(t)
	p := newPlace(t, o)
	w := o.record(t)
	l := o.uplink(t, p.client(t), p.key.Public().(ed25519.PublicKey))
	must(w.Close())(t)
	l.Closed(segmentOf(w))
	ok(t, os.Remove(w.Path()))
	l.run(t)
	eventually(t, "it is forgotten", func() bool { s := l.Status(); return s.Waiting == 0 && s.Err == nil })
}

// TestHostileMirror answers nonsense.
func TestHostileMirror(t *testing.T) {
	o := newOffice(t)
	p := newPlace(t, o)
	p.stop()
	answers := map[string]string{}
	p.wrap = func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for prefix, answer := range answers {
				if strings.HasPrefix(r.URL.Path, prefix) {
					_, _ = io.WriteString(w, answer)
				}
			}
		})
	}
	huge, _ := json.Marshal(Held{Name: strings.Repeat("x", 1<<20)})
	answers["/rec"], answers["/log"], answers["/add-checkpoint"] = string(huge), `{"size":18446744073709551615}`, strings.Repeat("— x ", 10_000)
	p.start(t)
	c := p.client(t)
	for _, err := range c.List(t.Context()) {
		if err == nil {
			t.Error("a line of a megabyte")
		}
	}
	if _, err := c.PushCheckpoint(t.Context(), o.log); err == nil {
		t.Error("a checkpoint of nonsense")
	}
	if _, err := c.Held(t.Context(), "x"); err == nil {
		t.Error("half an answer")
	}
	u := o.uplink(t, c, p.key.Public().(ed25519.PublicKey))
	if err := u.copyLog(t.Context(), o.log.Checkpoint()); err == nil {
		t.Error("a log of all numbers")
	}
}
