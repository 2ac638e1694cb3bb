package evidence

import (
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"consento/broker/internal/access"
	"consento/recordings"
	"consento/recordings/translog"
)

// TestRewrap: an auditor wraps for whom the policy names now, all of them and
// nobody else; the verdict knows old, new and foreign bags apart.
func TestRewrap(t *testing.T) {
	n := newEnv(t)
	s := newSigner(t)
	n.audit(t)
	first := s.next(t, nil, n.identity.Recipient())
	must(n.e.AddPolicy(t.Context(), keyAuditor, first.Bytes()))(t)
	w := must(recordings.Create(recordings.Config{Dir: n.config.Recordings, BagDir: n.config.Bags, Session: recordings.NewSessionID(), Origin: "test", Started: time.Now(),
		Stanzas: must(first.Stanzas("", ""))(t), Policy: first.Hash(), Retention: "standard"}))(t)
	must(n.e.Opened(t.Context(), w.Path(), w.Head()))(t)
	must(w.Close())(t)
	must(0, n.e.Closed(t.Context(), w.Path()))(t)
	id, path := w.Open().Session.String(), recordings.FindBag(w.Path())
	n.fact(t, id, "t1", "South desk", 9)
	old := must(recordings.ReadBag(path))(t)

	s.last = first
	second := must(recordings.NewIdentity())(t)
	next := s.next(t, nil, n.identity.Recipient(), second.Recipient())
	must(n.e.AddPolicy(t.Context(), keyAuditor, next.Bytes()))(t)
	if got := must(n.e.Outdated(t.Context(), keyAuditor, id))(t); !slices.Equal(got, []int{0}) {
		t.Errorf("outdated: %v", got)
	}
	opened := must(recordings.OpenSession(w.Path(), n.identity))(t)
	defer opened.Close()
	stanzas := must(next.Stanzas("", ""))(t)
	good := must(opened.Rewrap(stanzas))(t)
	stranger := must(recordings.NewIdentity())(t).Recipient()
	size := n.e.Checkpoint().Size
	for name, bag := range map[string][]byte{
		"one left out": must(opened.Rewrap(stanzas[:1]))(t).Bytes(),
		"a stranger":   must(opened.Rewrap(append(slices.Clone(stanzas), recordings.Alone(recordings.ClassAuditor, stranger)...)))(t).Bytes(),
		"the old one":  old.Bytes(),
	} {
		if err := n.e.Rewrap(t.Context(), keyAuditor, id, 0, bag); !errors.Is(err, ErrBag) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := n.e.Rewrap(t.Context(), keyAuditor, id, 0, []byte("{}")); !errors.Is(err, recordings.ErrMalformed) {
		t.Errorf("no bag: %v", err)
	}
	for _, by := range []access.Account{{ID: "x", Role: access.Administrator}, {ID: "x", Role: access.DPO}, {ID: "t1", Role: access.Auditor}} {
		if err := n.e.Rewrap(t.Context(), by, id, 0, good.Bytes()); err == nil {
			t.Errorf("%s %s did", by.Role, by.ID)
		}
	}
	if n.e.Checkpoint().Size != size {
		t.Error("what was refused is on the log")
	}
	must(0, n.e.Rewrap(t.Context(), keyAuditor, id, 0, good.Bytes()))(t)
	if leaf, ok := n.entry(t, size).(translog.Rewrap); !ok || leaf.Bag != translog.Hash(good.Hash()) || leaf.By != keyAuditor.ID {
		t.Errorf("leaf %+v", leaf)
	}
	if got := must(n.e.Outdated(t.Context(), keyAuditor, id))(t); len(got) != 0 {
		t.Errorf("outdated: %v", got)
	}
	must(recordings.OpenSession(w.Path(), second))(t).Close()
	if kept := must(recordings.ReadBag(path + beforeEnd))(t); kept.Hash() != old.Hash() {
		t.Error("the bag before is gone")
	}
	foreign := must(opened.Rewrap(stanzas))(t) // for the same people, but not on the log
	for want, bag := range map[string]recordings.Bag{"": good, "bag_old": old, "bag_differs": foreign} {
		must(0, recordings.ReplaceBag(path, bag))(t)
		found := ""
		for _, r := range must(n.e.Verdict(t.Context(), keyAuditor, id))(t).Reasons {
			if r.Code == "bag_old" || r.Code == "bag_differs" {
				found = r.Code
			}
		}
		if found != want {
			t.Errorf("verdict %q, want %q", found, want)
		}
	}
	must(0, os.Remove(path))(t)
	if err := n.e.Rewrap(t.Context(), keyAuditor, id, 0, good.Bytes()); !errors.Is(err, ErrNotFound) {
		t.Errorf("without a bag: %v", err)
	}
}
