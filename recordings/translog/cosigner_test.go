package translog

import (
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

func witnessConfig(t testing.TB) CosignerConfig {
	at := time.Unix(1_679_315_147, 0)
	return CosignerConfig{Name: "mirror.example/w", Key: seeded("witness"), Origin: testOrigin,
		Log: []ed25519.PublicKey{public(seeded("log"))}, State: filepath.Join(t.TempDir(), "state"), Now: func() time.Time { return at }}
}

func newWitness(t testing.TB) *Cosigner {
	t.Helper()
	w, err := CreateCosigner(witnessConfig(t))
	must(t, err)
	t.Cleanup(func() { must(t, w.Close()) })
	return w
}

// request from a size to the newest checkpoint of a log.
func requestFrom(t testing.TB, l *Log, old uint64) Request {
	t.Helper()
	c := l.Checkpoint()
	p, err := l.Consistency(t.Context(), old, c.Size)
	must(t, err)
	return Request{old, p, c}
}

func TestCosigner(t *testing.T) {
	l, _ := office(t, 60)
	w := newWitness(t)
	if _, ok := w.Last(); ok {
		t.Error("it has seen something")
	}
	size := uint64(0)
	for n := range 5 {
		r := requestFrom(t, l, size)
		line, err := w.AddCheckpoint(r)
		must(t, err)
		full, err := r.Checkpoint.Add(line)
		must(t, err)
		signed, by, err := testKeys().Check(full)
		if err != nil || !signed || len(by) != 1 || by[0].Name != "mirror.example/w" || by[0].Witness != "mirror" || by[0].Time.Unix() != 1_679_315_147 {
			t.Fatal(signed, by, err)
		}
		size = r.Checkpoint.Size
		if n == 2 { // a restart
			must(t, w.Close())
			w, err = OpenCosigner(w.conf)
			must(t, err)
			if last, ok := w.Last(); !ok || last.Size != size {
				t.Fatal(last.Size, size)
			}
		}
		// The same once more is fine.
		_, err = w.AddCheckpoint(requestFrom(t, l, size))
		must(t, err)
		add(t, l, opened(900+n), closed(900+n))
	}
	must(t, w.Close())
	if _, err := w.AddCheckpoint(requestFrom(t, l, size)); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// TestCosignerRefuses a fork, a step back, and everything that is not proven.
func TestCosignerRefuses(t *testing.T) {
	l, _ := office(t, 60)
	w := newWitness(t)
	early := l.Checkpoint()
	_, err := w.AddCheckpoint(requestFrom(t, l, 0))
	must(t, err)
	add(t, l, opened(900))
	_, err = w.AddCheckpoint(requestFrom(t, l, early.Size))
	must(t, err)
	last := l.Checkpoint()
	_, fork := forge(t, l, func(e [][]byte) [][]byte { e[5], e[6] = e[6], e[5]; return e })
	longer, forkAhead := forge(t, l, func(e [][]byte) [][]byte { e[5], e[6] = e[6], e[5]; return append(e, e[3]) })
	_ = longer
	add(t, l, closed(900))
	good := requestFrom(t, l, last.Size)
	aheadProof, err := forkAhead.Consistency(t.Context(), last.Size, forkAhead.Size())
	must(t, err)
	conflict := func(size uint64, fork bool) func(error) bool {
		return func(err error) bool {
			var c Conflict
			return errors.As(err, &c) && c.Size == size && c.Fork == fork
		}
	}
	is := func(want error) func(error) bool { return func(err error) bool { return errors.Is(err, want) } }
	other := good.Checkpoint
	other.Origin = "other.example/evidence"
	for name, c := range map[string]struct {
		r    Request
		want func(error) bool
	}{
		"step back":               {Request{early.Size, nil, early}, conflict(last.Size, false)},
		"old size below":          {requestFrom(t, l, early.Size), conflict(last.Size, false)},
		"old size unknown":        {requestFrom(t, l, 0), conflict(last.Size, false)},
		"fork at the same size":   {Request{last.Size, nil, fork.Checkpoint()}, conflict(last.Size, true)},
		"fork that is longer":     {Request{last.Size, aheadProof, forkAhead.Checkpoint()}, is(ErrUnproven)},
		"no proof":                {Request{last.Size, nil, good.Checkpoint}, is(ErrUnproven)},
		"proof too long":          {Request{last.Size, append(good.Proof[:len(good.Proof):len(good.Proof)], tlog.Hash{}), good.Checkpoint}, is(ErrUnproven)},
		"proof of nothing":        {Request{last.Size, []tlog.Hash{{}}, last}, is(ErrUnproven)},
		"another log":             {Request{last.Size, good.Proof, other}, is(ErrOrigin)},
		"another key":             {Request{last.Size, good.Proof, sign(testOrigin, good.Checkpoint.Size, good.Checkpoint.Root, seeded("thief"))}, is(ErrUntrusted)},
		"old size above the new":  {Request{last.Size + 1, nil, last}, is(ErrRequest)},
		"signature over another":  {Request{last.Size, good.Proof, spoilt(good.Checkpoint)}, is(ErrUntrusted)},
		"empty tree after leaves": {Request{0, nil, sign(testOrigin, 0, emptyRoot, seeded("log"))}, conflict(last.Size, false)},
	} {
		if line, err := w.AddCheckpoint(c.r); !c.want(err) || line != nil {
			t.Errorf("%s: %q, %v", name, line, err)
		}
	}
	if got, _ := w.Last(); got.Size != last.Size || got.Root != last.Root {
		t.Error("a refusal changed the state")
	}
	_, err = w.AddCheckpoint(good)
	must(t, err)
}

// spoilt has a text that its signature is not over.
func spoilt(c Checkpoint) Checkpoint {
	c.Text = []byte(strings.Replace(string(c.Text), "\n"+c.Origin, "\n"+c.Origin, 1))
	c.Text[len(c.Text)-10] ^= 2
	return c
}

// TestCosignerState: a state that is lost, cut, changed or another's is not gone on
// from, and a full or broken disk cosigns nothing.
func TestCosignerState(t *testing.T) {
	l, _ := office(t, 3)
	w := newWitness(t)
	_, err := w.AddCheckpoint(requestFrom(t, l, 0))
	must(t, err)
	if _, err := OpenCosigner(w.conf); !errors.Is(err, ErrLocked) {
		t.Error(err)
	}
	must(t, w.Close())
	if _, err := CreateCosigner(w.conf); !errors.Is(err, ErrExists) {
		t.Error(err)
	}
	state, err := os.ReadFile(w.conf.State)
	must(t, err)
	for i := range state {
		b := []byte(string(state))
		b[i] ^= 1
		must(t, os.WriteFile(w.conf.State, b, 0o600))
		if again, err := OpenCosigner(w.conf); err == nil {
			// The log's signature in it is not what the witness trusts.
			if last, _ := again.Last(); last.Size != l.Size() || last.Root != l.Checkpoint().Root {
				t.Errorf("bit 0 of byte %d flipped: opened", i)
			}
			must(t, again.Close())
		}
		must(t, os.WriteFile(w.conf.State, state[:i], 0o600))
		if again, err := OpenCosigner(w.conf); err == nil {
			t.Errorf("cut at %d: opened", i)
			must(t, again.Close())
		}
	}
	must(t, os.Remove(w.conf.State))
	if _, err := OpenCosigner(w.conf); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	must(t, os.WriteFile(w.conf.State, state, 0o600))
	w, err = OpenCosigner(w.conf)
	must(t, err)
	add(t, l, opened(50))
	must(t, os.Mkdir(w.conf.State+tmpSuffix, 0o700)) // nothing can be written there
	r := requestFrom(t, l, l.Size()-1)
	if line, err := w.AddCheckpoint(r); err == nil || line != nil {
		t.Error("cosigned what it could not keep")
	}
	must(t, os.Remove(w.conf.State+tmpSuffix))
	_, err = w.AddCheckpoint(r)
	must(t, err)
	must(t, w.Close())
}

// TestCosignerClock: the time in cosignatures never goes back.
func TestCosignerClock(t *testing.T) {
	l, _ := newLog(t)
	w := newWitness(t)
	_, err := w.AddCheckpoint(requestFrom(t, l, 0))
	must(t, err)
	w.conf.Now = func() time.Time { return time.Unix(5, 0) }
	_, err = w.AddCheckpoint(requestFrom(t, l, 1))
	must(t, err)
	last, _ := w.Last()
	_, by, err := testKeys().Check(last)
	if err != nil || len(by) != 1 || by[0].Time.Unix() != 1_679_315_147 {
		t.Error(by, err)
	}
}
