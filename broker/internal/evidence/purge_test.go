package evidence

import (
	"errors"
	"os"
	"testing"
	"time"

	"consento/recordings"
	"consento/recordings/translog"
)

// TestPurge: when the keys are gone everywhere for long enough, the files go; a hold
// keeps them; what happened can be proved for ever, and a crash in between is made up for.
func TestPurge(t *testing.T) {
	n := newEnv(t)
	must(0, n.e.Close())(t)
	n.config.PurgeAfter = 30 * 24 * time.Hour
	n.open(t)
	id, held := n.session(t, "t1", "North desk", 9), n.session(t, "t1", "North desk", 10)
	rec := func(id string) string { return n.e.path(segment{must(translog.ParseID(id))(t), 0}) }
	must(0, os.WriteFile(recordings.DefaultCosignatures(rec(id)), nil, 0o600))(t)
	for _, one := range []string{id, held} {
		must(0, n.e.AskErasure(t.Context(), auditor, one, "time is over", false))(t)
	}
	for _, e := range must(n.e.Erasures(t.Context(), dpo))(t) {
		must(0, n.e.DecideErasure(t.Context(), dpo, e.ID, true, "the law says so"))(t)
	}
	must(0, n.e.PutHold(t.Context(), dpo, held, "court"))(t)
	must(0, n.e.purge(t.Context()))(t)
	if !exists(t, rec(id)) {
		t.Fatal("deleted at once")
	}
	n.clock(31 * 24 * time.Hour)
	must(0, n.e.purge(t.Context()))(t)
	if exists(t, rec(id)) || exists(t, recordings.DefaultCosignatures(rec(id))) || !exists(t, rec(held)) {
		t.Error("not the one that is due, or what is held")
	}
	if got := n.told(t, must(n.e.Receipt(t.Context(), id))(t)); got != "opened closed erase erase erase shred purge" {
		t.Errorf("proof: %s", got)
	}
	size := n.e.Checkpoint().Size
	must(0, n.e.purge(t.Context()))(t)
	if n.e.Checkpoint().Size != size {
		t.Error("deleted twice")
	}
	n.e.config.Keys = func() (translog.Keys, error) { return translog.Keys{Log: n.e.logKeys()}, nil }
	v := must(n.e.Verdict(t.Context(), auditor, id))(t)
	found := false
	for _, r := range v.Reasons {
		found = found || r.Code == "purged"
	}
	if v.State != Unverifiable || !found {
		t.Errorf("%+v", v)
	}
	r := must(n.e.Session(t.Context(), auditor, id))(t)
	if !r.Parts[0].Purged || !r.Parts[0].Shredded {
		t.Errorf("%+v", r.Parts)
	}
	s := must(n.e.Storage(t.Context(), dpo))(t)
	if s.Sessions != 1 || s.PerDay > 0 {
		t.Errorf("storage: %+v", s)
	}
	grant := must(n.e.View(t.Context(), auditor, id, "complaint", "page"))(t)
	if _, _, err := n.e.Segment(t.Context(), auditor, grant, id, 0); !errors.Is(err, ErrNotFound) {
		t.Errorf("its bytes: %v", err)
	}

	// The leaf was written, and then the machine lost power.
	must(0, n.e.ReleaseHolds(t.Context(), dpo, held, "court has decided"))(t)
	must(n.e.add(t.Context(), translog.Purge{SID: must(translog.ParseID(held))(t), Bytes: 1}))(t)
	n.reopen(t)
	must(0, n.e.purge(t.Context()))(t)
	if exists(t, rec(held)) {
		t.Error("the next run did not delete it")
	}
	n.audit(t)
}

// TestCosignedIsCounted: the end on the log says how many countersignatures are in it.
func TestCosignedIsCounted(t *testing.T) {
	n := newEnv(t)
	n.own(t)
	w := n.record(t)
	o := w.Open()
	must(n.e.Opened(t.Context(), w.Path(), w.Head()))(t)
	eventually(t, "a live head is signed", func() bool {
		signed := n.e.Countersignatures(o.Session, o.Segment)
		for _, c := range signed {
			must(0, w.Cosigned(c))(t)
		}
		return len(signed) > 0
	})
	must(w.Close())(t)
	must(0, n.e.Closed(t.Context(), w.Path()))(t)
	for e, err := range n.e.log.Entries(t.Context(), 0, n.e.log.Size()) {
		must(0, err)(t)
		leaf, _, err := translog.ParseLeaf(e.Data)
		must(0, err)(t)
		if c, ok := leaf.(translog.Closed); ok && c.Cosigned != 1 {
			t.Errorf("%d countersignatures", c.Cosigned)
		}
	}
}
