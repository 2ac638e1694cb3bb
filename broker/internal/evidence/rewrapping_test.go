package evidence

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/access"
	"consento/recordings"
	"consento/recordings/translog"
)

// sealedFor makes a session that is over, under a policy.
func (n *env) sealedFor(t testing.TB, p recordings.SignedPolicy, technician, team string) string {
	t.Helper()
	stanzas := must(p.Stanzas(team, map[string]string{"North desk": "North"}[team]))(t)
	w := must(recordings.Create(recordings.Config{Dir: n.config.Recordings, BagDir: n.config.Bags, Session: recordings.NewSessionID(), Origin: "test", Started: time.Now(),
		Stanzas: stanzas, Policy: p.Hash(), Retention: "standard"}))(t)
	must(n.e.Opened(t.Context(), w.Path(), w.Head()))(t)
	must(w.Close())(t)
	must(0, n.e.Closed(t.Context(), w.Path()))(t)
	n.fact(t, w.Open().Session.String(), technician, team, 9)
	return w.Path()
}

// TestBagsAreHandedOut: all that are outdated and no others, in pieces, to whom they
// belong, and on the log before.
func TestBagsAreHandedOut(t *testing.T) {
	n := newEnv(t)
	s := newSigner(t)
	n.audit(t)
	if found, next, err := n.e.NextBags(t.Context(), keyAuditor, ""); err != nil || len(found) != 0 || next != "" {
		t.Errorf("without a policy: %v, %q, %v", found, next, err)
	}
	first := s.next(t, nil, n.identity.Recipient())
	must(n.e.AddPolicy(t.Context(), keyAuditor, first.Bytes()))(t)
	const sessions = rewrapBatch + 5
	paths := map[string]string{} // by session
	for range sessions {
		path := n.sealedFor(t, first, "t1", "South desk")
		paths[must(recordings.ReadOpen(path))(t).Session.String()] = path
	}
	own := n.sealedFor(t, first, keyAuditor.ID, "South desk")
	north := n.sealedFor(t, first, "t2", "North desk")
	counted := func(by access.Account, want, spoilt int) {
		t.Helper()
		if outdated, damaged, err := n.e.OutdatedBags(t.Context(), by); err != nil || outdated != want || damaged != spoilt {
			t.Errorf("%d outdated, %d damaged, %v; want %d and %d", outdated, damaged, err, want, spoilt)
		}
	}
	counted(keyAuditor, 0, 0)

	second := must(recordings.NewIdentity())(t)
	s.last = first
	next := s.next(t, nil, n.identity.Recipient(), second.Recipient())
	must(n.e.AddPolicy(t.Context(), keyAuditor, next.Bytes()))(t)
	counted(keyAuditor, sessions+1, 0) // and North's, but not their own
	inNorth := access.Account{ID: "n", Name: "Nora", Role: access.Auditor, Territory: "North"}
	counted(inNorth, 1, 0)
	damaged := ""
	for id, path := range paths {
		damaged = id
		must(0, os.WriteFile(recordings.FindBag(path), []byte(`{"v":2}`), 0o600))(t)
		break
	}
	must(0, os.Remove(recordings.FindBag(north)))(t)
	counted(keyAuditor, sessions+1, 2)

	size := n.e.Checkpoint().Size
	seen := map[string]bool{}
	for after, rounds := "", 0; ; rounds++ {
		found, next, err := n.e.NextBags(t.Context(), keyAuditor, after)
		must(0, err)(t)
		if rounds > 2 || len(found) > rewrapBatch {
			t.Fatalf("round %d: %d bags", rounds, len(found))
		}
		for _, w := range found {
			path := paths[w.Session]
			switch {
			case seen[w.Session], path == own:
				t.Errorf("%s is handed out", w.Session)
			case w.Session == damaged || path == "":
				if w.Bag != nil {
					t.Errorf("a damaged bag: %q", w.Bag)
				}
			case !bytes.Equal(w.Bag, must(recordings.ReadBag(recordings.FindBag(path)))(t).Bytes()) || w.Commit != must(recordings.ReadOpen(path))(t).Commit || w.Team != "South desk" || w.Started.IsZero():
				t.Errorf("%+v", w)
			}
			seen[w.Session] = true
		}
		if after = next; after == "" {
			break
		}
	}
	if len(seen) != sessions+1 {
		t.Errorf("%d handed out", len(seen))
	}
	told := map[string]bool{}
	for i := size; i < n.e.Checkpoint().Size; i++ {
		if _, ok := n.entry(t, i).(translog.Admin); ok {
			continue // the trail follows in its own time
		}
		leaf, ok := n.entry(t, i).(translog.Access)
		if !ok || leaf.How != "rewrap" || leaf.By != keyAuditor.ID || len(leaf.Tracks) != 0 {
			t.Errorf("leaf %+v", n.entry(t, i))
		}
		told[leaf.SID.String()] = true
	}
	if len(told) != sessions-1 || told[damaged] {
		t.Errorf("%d on the log", len(told))
	}

	// One that was wrapped anew is not offered again.
	for id, path := range paths {
		if id == damaged {
			continue
		}
		opened := must(recordings.OpenSession(path, n.identity))(t)
		must(0, n.e.Rewrap(t.Context(), keyAuditor, id, 0, must(opened.Rewrap(must(next.Stanzas("South desk", ""))(t)))(t).Bytes()))(t)
		opened.Close()
		break
	}
	counted(keyAuditor, sessions, 2)

	for _, by := range []access.Account{{ID: "x", Role: access.Administrator}, {ID: "x", Role: access.DPO}, {ID: "x", Role: access.Technician}, {}} {
		if _, _, err := n.e.NextBags(t.Context(), by, ""); !errors.Is(err, ErrForbidden) {
			t.Errorf("%s gets bags: %v", by.Role, err)
		}
		if _, _, err := n.e.OutdatedBags(t.Context(), by); !errors.Is(err, ErrForbidden) {
			t.Errorf("%s counts: %v", by.Role, err)
		}
	}
	id := strings.Repeat("a", 32)
	for _, after := range []string{"x", id, id + "-", id + "--1", id + "-00", id + "-1 ", strings.ToUpper(id) + "-1", id + "-1x", id + "-99999999999999999999"} {
		if _, _, err := n.e.NextBags(t.Context(), keyAuditor, after); !errors.Is(err, ErrNotFound) {
			t.Errorf("behind %q: %v", after, err)
		}
	}
}

// BenchmarkOutdated counts among 1,000 key bags with an escrow, a tenth of which are
// outdated.
func BenchmarkOutdated(b *testing.B) {
	n := newEnv(b)
	s := newSigner(b)
	n.audit(b)
	var escrow []recordings.Recipient
	for range 3 {
		escrow = append(escrow, must(recordings.NewHybridIdentity())(b).Recipient())
	}
	with := func(p *recordings.Policy) { p.Escrow = escrow }
	first := s.next(b, with, n.identity.Recipient())
	must(n.e.AddPolicy(b.Context(), keyAuditor, first.Bytes()))(b)
	s.last = first
	next := s.next(b, with, n.identity.Recipient(), must(recordings.NewIdentity())(b).Recipient())
	for i := range 1000 {
		p := next
		if i%10 == 0 {
			p = first
		}
		n.sealedFor(b, p, fmt.Sprint("t", i%30), "South desk")
	}
	must(n.e.AddPolicy(b.Context(), keyAuditor, next.Bytes()))(b)
	for b.Loop() {
		if outdated, _, err := n.e.OutdatedBags(b.Context(), keyAuditor); err != nil || outdated != 100 {
			b.Fatalf("%d, %v", outdated, err)
		}
	}
}
