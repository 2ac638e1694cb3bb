package evidence

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"consento/recordings"
	"consento/recordings/translog"
)

// promised is a customer's copy of a session, with keys and log on the disk.
type promised struct {
	id    string
	token []byte
}

func (n *env) copy(t testing.TB, session string) promised {
	t.Helper()
	p := promised{token: []byte(session + " token")}
	terms := must(n.e.PromiseCopy(t.Context(), session, sha256.Sum256(p.token)))(t)
	p.id = terms.ID.String()
	must(0, n.e.KeepCopy(t.Context(), terms.ID, 0, []byte("keys"), []byte("log")))(t)
	return p
}

// clock lets the office's time be another.
func (n *env) clock(ahead time.Duration) { n.ahead.Store(int64(ahead)) }

func gives(give bool) func(context.Context) (bool, int, error) {
	return func(context.Context) (bool, int, error) { return give, 7, nil }
}

// TestCopy: on the log before it is there, opened by who has the token, and on the
// log again before a byte is served.
func TestCopy(t *testing.T) {
	n := newEnv(t)
	n.e.config.Copies = gives(true)
	id := n.session(t, "t1", "North desk", 9)
	size := n.e.Checkpoint().Size
	p := n.copy(t, id)
	if got := n.e.Checkpoint().Size; got != size+1 {
		t.Fatalf("%d leaves for a promise", got-size)
	}
	for name, c := range map[string]promised{"a wrong token": {p.id, []byte("x")}, "no token": {p.id, nil}, "another id": {strings.Repeat("0", 32), p.token}, "no id": {"../x", p.token},
		"in capitals": {strings.ToUpper(p.id), p.token}} {
		if _, grant, err := n.e.OpenCopy(t.Context(), c.id, c.token); !errors.Is(err, ErrNotFound) || grant != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := n.e.CopyKeys(t.Context(), "", p.id, 0); !errors.Is(err, ErrGrant) {
		t.Errorf("without a grant: %v", err)
	}
	s := must(n.e.Copy(t.Context(), p.id, p.token))(t)
	if len(s.Tracks) != len(copyTracks) || len(s.Parts) != 1 || !s.Parts[0].Keys || !s.Parts[0].Told || s.Parts[0].Empty {
		t.Errorf("%+v", s)
	}
	if got := n.e.Checkpoint().Size; got != size+1 {
		t.Error("to ask what there is counts as a viewing")
	}
	s, grant, err := n.e.OpenCopy(t.Context(), p.id, p.token)
	must(s, err)(t)
	entry := must(n.e.Trail(t.Context(), auditor, TrailQuery{Kind: "access"}))(t).Entries[0]
	if n.e.Checkpoint().Size != size+2 || entry.By != "customer" || entry.What != "copy" || entry.Session != id {
		t.Errorf("on the log: %+v", entry)
	}
	if b := must(n.e.CopyKeys(t.Context(), grant, p.id, 0))(t); string(b) != "keys" {
		t.Errorf("keys %q", b)
	}
	if b := must(n.e.CopyLog(t.Context(), grant, p.id, 0))(t); string(b) != "log" {
		t.Errorf("log %q", b)
	}
	f, _, err := n.e.CopySegment(t.Context(), grant, p.id, 0)
	must(f, err)(t)
	if b := must(io.ReadAll(f))(t); int64(len(b)) == 0 {
		t.Error("no bytes")
	}
	must(0, f.Close())(t)
	must(n.e.CopyProof(t.Context(), grant, p.id))(t)
	// The grant is for this copy alone.
	other := n.copy(t, n.session(t, "t2", "North desk", 10))
	if _, err := n.e.CopyKeys(t.Context(), grant, other.id, 0); !errors.Is(err, ErrGrant) {
		t.Errorf("another copy: %v", err)
	}
	n.audit(t)
}

// gone: nothing of a copy is on the disk, and who watches is stopped.
func (n *env) gone(t testing.TB, p promised, grant string, want error) {
	t.Helper()
	if _, err := n.e.Copy(t.Context(), p.id, p.token); !errors.Is(err, want) {
		t.Errorf("asked: %v, want %v", err, want)
	}
	if _, err := n.e.CopyKeys(t.Context(), grant, p.id, 0); !errors.Is(err, want) {
		t.Errorf("watched: %v, want %v", err, want)
	}
	must(0, n.e.clearShares(t.Context()))(t)
	if left := must(filepath.Glob(filepath.Join(n.config.Bags, "*"+p.id+"*")))(t); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	id := must(recordings.ParseSessionID(p.id))(t)
	must(0, n.e.KeepCopy(t.Context(), id, 0, []byte("keys"), []byte("log")))(t)
	if left := must(filepath.Glob(filepath.Join(n.config.Bags, "*"+p.id+"*")))(t); len(left) > 0 {
		t.Errorf("made again: %v", left)
	}
	// A wrong token learns nothing of it.
	if _, err := n.e.Copy(t.Context(), p.id, []byte("x")); !errors.Is(err, ErrNotFound) {
		t.Errorf("a wrong token: %v", err)
	}
}

func TestCopyEnds(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(t *testing.T, n *env, session string, p promised)
		want error
	}{
		"by itself": {func(_ *testing.T, n *env, _ string, _ promised) { n.clock(7*24*time.Hour + time.Minute) }, ErrExpired},
		"and stays over when the clock goes back": {func(t *testing.T, n *env, _ string, _ promised) {
			n.clock(8 * 24 * time.Hour)
			must(0, n.e.clearShares(t.Context()))(t)
			n.clock(0)
		}, ErrExpired},
		"revoked": {func(t *testing.T, n *env, _ string, p promised) {
			if err := n.e.Revoke(t.Context(), admin, p.id, "no more"); !errors.Is(err, ErrNotFound) {
				t.Errorf("by an administrator: %v", err)
			}
			if err := n.e.Revoke(t.Context(), auditor, p.id, " "); !errors.Is(err, ErrReason) {
				t.Errorf("without a reason: %v", err)
			}
			must(0, n.e.Revoke(t.Context(), dpo, p.id, "sent to the wrong person"))(t)
			if err := n.e.Revoke(t.Context(), dpo, p.id, "again"); !errors.Is(err, ErrDecided) {
				t.Errorf("again: %v", err)
			}
			entry := must(n.e.Trail(t.Context(), auditor, TrailQuery{Kind: "revoke"}))(t).Entries[0]
			if entry.By != dpo.ID || entry.Body == "" {
				t.Errorf("on the log: %+v", entry)
			}
		}, ErrRevoked},
		"erased": {func(t *testing.T, n *env, session string, _ promised) {
			must(0, n.e.AskErasure(t.Context(), auditor, session, "time is over", false))(t)
			must(0, n.e.DecideErasure(t.Context(), dpo, must(n.e.Erasures(t.Context(), dpo))(t)[0].ID, true, "yes"))(t)
		}, ErrShredded},
	} {
		t.Run(name, func(t *testing.T) {
			n := newEnv(t)
			n.e.config.Copies = gives(true)
			id := n.session(t, "t1", "North desk", 9)
			p := n.copy(t, id)
			_, grant, err := n.e.OpenCopy(t.Context(), p.id, p.token)
			must(grant, err)(t)
			backup := map[string][]byte{}
			for _, file := range must(filepath.Glob(filepath.Join(n.config.Bags, "*"+p.id+"*")))(t) {
				backup[file] = must(os.ReadFile(file))(t)
			}
			c.end(t, n, id, p)
			n.gone(t, p, grant, c.want)
			for file, b := range backup { // and does not come back with a backup
				must(0, os.WriteFile(file, b, 0o600))(t)
			}
			n.reopen(t)
			if left := must(filepath.Glob(filepath.Join(n.config.Bags, "*"+p.id+"*")))(t); len(left) > 0 || len(backup) != 2 {
				t.Errorf("back again: %v of %d", left, len(backup))
			}
			n.audit(t)
			if all := must(n.e.Shares(t.Context(), second, id))(t); len(all) != 1 || all[0].Over(n.e.config.Now()) == nil {
				t.Errorf("%+v", all)
			}
		})
	}
}

// A legal hold closes the recording, never the log; and so does an office that
// withholds it, and a policy that names no customers.
func TestCopyHeldAndWithheld(t *testing.T) {
	n := newEnv(t)
	n.e.config.Copies = gives(true)
	id := n.session(t, "t1", "North desk", 9)
	p := n.copy(t, id)
	_, grant, err := n.e.OpenCopy(t.Context(), p.id, p.token)
	must(grant, err)(t)
	must(0, n.e.PutHold(t.Context(), auditor, id, "court"))(t)
	s := must(n.e.Copy(t.Context(), p.id, p.token))(t)
	if !s.Held || len(s.Tracks) != 0 {
		t.Errorf("held: %+v", s)
	}
	if _, err := n.e.CopyKeys(t.Context(), grant, p.id, 0); !errors.Is(err, ErrWithheld) {
		t.Errorf("keys under a hold: %v", err)
	}
	if _, _, err := n.e.CopySegment(t.Context(), grant, p.id, 0); !errors.Is(err, ErrWithheld) {
		t.Errorf("bytes under a hold: %v", err)
	}
	must(n.e.CopyLog(t.Context(), grant, p.id, 0))(t)
	must(0, n.e.ReleaseHolds(t.Context(), auditor, id, "over"))(t)
	must(n.e.CopyKeys(t.Context(), grant, p.id, 0))(t)

	n.e.config.Copies = gives(false)
	w := n.copy(t, id)
	s, grant, err = n.e.OpenCopy(t.Context(), w.id, w.token)
	must(s, err)(t)
	if s.Held || len(s.Tracks) != 0 || s.Parts[0].Keys {
		t.Errorf("withheld: %+v", s)
	}
	if _, err := n.e.CopyKeys(t.Context(), grant, w.id, 0); !errors.Is(err, ErrWithheld) {
		t.Errorf("keys: %v", err)
	}
	must(n.e.CopyLog(t.Context(), grant, w.id, 0))(t)
	if leaf := must(n.e.Trail(t.Context(), auditor, TrailQuery{Kind: "share"}))(t); leaf.Total != 2 {
		t.Errorf("%d shares on the log", leaf.Total)
	}
	if _, err := os.Stat(n.e.sharePath(segment{must(translog.ParseID(id))(t), 0}, w.id, sharedKeys)); !os.IsNotExist(err) {
		t.Errorf("withheld keys are on the disk: %v", err)
	}
	n.audit(t)
}
