package evidence

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/access"
	"consento/recordings/translog"
)

var (
	dpo    = access.Account{ID: "dpo", Name: "Paola Blu", Role: access.DPO}
	second = access.Account{ID: "au2", Name: "Ugo Rosa", Role: access.Auditor}
)

func (n *env) bag(t testing.TB, id string) string {
	return n.e.bagPath(segment{must(translog.ParseID(id))(t), 0})
}

// audit verifies the whole log, with what it means.
func (n *env) audit(t testing.TB) {
	t.Helper()
	report := must(translog.Audit(t.Context(), os.DirFS(n.config.Folder), translog.Keys{Log: n.e.logKeys()}))(t)
	if len(report.Problems) > 0 || len(report.Unclosed) > 0 {
		t.Errorf("audit of the log: %+v", report)
	}
}

// TestErasure: two roles, two people, and then nobody reads it any more, while
// everybody can see that it was, and that it was decided.
func TestErasure(t *testing.T) {
	n := newEnv(t)
	id := n.session(t, "t1", "North desk", 9)
	grant := must(n.e.View(t.Context(), auditor, id, "complaint", "page"))(t)
	for name, c := range map[string]struct {
		by   access.Account
		id   string
		why  string
		want error
	}{
		"an administrator": {admin, id, "disk is full", ErrNotFound}, "no reason": {auditor, id, " ", ErrReason}, "no session": {auditor, strings.Repeat("0", 32), "x", ErrNotFound},
	} {
		if err := n.e.AskErasure(t.Context(), c.by, c.id, c.why, false); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(0, n.e.AskErasure(t.Context(), auditor, id, "time is over", false))(t)
	if err := n.e.AskErasure(t.Context(), second, id, "time is over", false); !errors.Is(err, ErrDecided) {
		t.Errorf("asked twice: %v", err)
	}
	erasure := must(n.e.Erasures(t.Context(), dpo))(t)[0]
	if erasure.Session != id || erasure.AskedRole != "auditor" || erasure.Approved || erasure.Technician == "" {
		t.Errorf("%+v", erasure)
	}
	for _, by := range []access.Account{auditor, second} {
		if err := n.e.DecideErasure(t.Context(), by, erasure.ID, true, "yes"); !errors.Is(err, ErrSameRole) {
			t.Errorf("decided by %s: %v", by.Name, err)
		}
	}
	must(n.e.Bag(t.Context(), auditor, grant, id, 0))(t)
	must(0, n.e.DecideErasure(t.Context(), dpo, erasure.ID, true, "the law says so"))(t)
	if _, err := os.Stat(n.bag(t, id)); !os.IsNotExist(err) {
		t.Errorf("the key bag: %v", err)
	}
	if _, err := n.e.Bag(t.Context(), auditor, grant, id, 0); !errors.Is(err, ErrShredded) {
		t.Errorf("the bag: %v", err)
	}
	if r := must(n.e.Session(t.Context(), auditor, id))(t); !r.Shredded {
		t.Errorf("%+v", r)
	}
	if got := n.told(t, must(n.e.Receipt(t.Context(), id))(t)); got != "opened closed erase erase erase shred" {
		t.Errorf("proof: %s", got)
	}
	n.e.config.Keys = func() (translog.Keys, error) { return translog.Keys{Log: n.e.logKeys()}, nil }
	if v := must(n.e.Verdict(t.Context(), auditor, id))(t); v.State == Tampered || v.State == Incomplete {
		t.Errorf("its integrity does not verify any more: %+v", v)
	}
	if err := n.e.DecideErasure(t.Context(), dpo, erasure.ID, false, "no"); !errors.Is(err, ErrDecided) {
		t.Errorf("decided twice: %v", err)
	}
	n.audit(t)
}

// TestHold: a hold wins over everything, also over what was approved by one.
func TestHold(t *testing.T) {
	n := newEnv(t)
	id := n.session(t, "t1", "North desk", 9)
	must(0, n.e.AskErasure(t.Context(), dpo, id, "asked for by the person", false))(t)
	must(0, n.e.PutHold(t.Context(), auditor, id, "court"))(t)
	erasure := must(n.e.Erasures(t.Context(), auditor))(t)[0]
	if err := n.e.DecideErasure(t.Context(), auditor, erasure.ID, true, "yes"); !errors.Is(err, ErrHeld) {
		t.Errorf("held: %v", err)
	}
	if r := must(n.e.Session(t.Context(), auditor, id))(t); len(r.Holds) != 1 || !r.Held {
		t.Errorf("%+v", r)
	}
	held := must(n.e.Held(t.Context(), dpo))(t)
	if len(held) != 1 || held[0].ID != id || held[0].Until.IsZero() {
		t.Errorf("held: %+v", held)
	}
	if s := must(n.e.Subject(t.Context(), dpo, id))(t); len(s.Holds) != 1 || len(s.Erasures) != 1 || s.Erasures[0].ID != erasure.ID {
		t.Errorf("subject: %+v", s)
	}
	if _, err := n.e.Held(t.Context(), admin); !errors.Is(err, ErrForbidden) {
		t.Errorf("an administrator lists holds: %v", err)
	}
	if _, err := n.e.Subject(t.Context(), admin, id); !errors.Is(err, ErrNotFound) {
		t.Errorf("an administrator reads a subject: %v", err)
	}
	if err := n.e.ReleaseHolds(t.Context(), admin, id, "x"); !errors.Is(err, ErrNotFound) {
		t.Errorf("an administrator: %v", err)
	}
	must(0, n.e.ReleaseHolds(t.Context(), dpo, id, "court has decided"))(t)
	must(0, n.e.DecideErasure(t.Context(), auditor, erasure.ID, false, "the law wants it kept"))(t)
	if _, err := os.Stat(n.bag(t, id)); err != nil {
		t.Errorf("refused, and yet: %v", err)
	}
	must(0, n.e.AskErasure(t.Context(), auditor, id, "now it may go", false))(t)
	n.audit(t)
}

// TestErasureOverACrash: what was decided is carried out by the next run.
func TestErasureOverACrash(t *testing.T) {
	n := newEnv(t)
	id := n.session(t, "t1", "North desk", 9)
	must(0, n.e.AskErasure(t.Context(), auditor, id, "time is over", false))(t)
	row := must(n.e.Erasures(t.Context(), dpo))(t)[0]
	sid, erase := must(translog.ParseID(id))(t), must(translog.ParseID(row.ID))(t)
	must(n.e.add(t.Context(), translog.Erase{ID: erase, SID: sid, Step: translog.StepApproved, By: dpo.ID, Role: translog.RoleDPO}))(t)
	must(n.db.NewUpdate().Table("erasures").Set("decided = 1").Set("approved = TRUE").Set("decided_by = ?", dpo.ID).Where("id = ?", row.ID).Exec(t.Context()))(t)
	n.reopen(t)
	if _, err := os.Stat(n.bag(t, id)); !os.IsNotExist(err) {
		t.Errorf("the key bag: %v", err)
	}
	n.audit(t)
}

func TestDue(t *testing.T) {
	n := newEnv(t)
	old, held, late := n.session(t, "t1", "North desk", 9), n.session(t, "t2", "North desk", 10), n.session(t, "t3", "North desk", 11)
	must(n.db.NewRaw("UPDATE sessions SET ended = ? WHERE id = ?", time.Now().UnixMilli(), late).Exec(t.Context()))(t)
	must(0, n.e.PutHold(t.Context(), auditor, held, "court"))(t)
	due := must(n.e.Due(t.Context(), auditor))(t)
	if len(due) != 1 || due[0].ID != old {
		t.Errorf("%+v", due)
	}
	must(0, n.e.AskErasure(t.Context(), auditor, old, "time is over", false))(t)
	if due := must(n.e.Due(t.Context(), dpo))(t); len(due) != 0 {
		t.Errorf("on its way, and due: %+v", due)
	}
}

// TestDueByClass: each session is due when the period that it was promised is over.
func TestDueByClass(t *testing.T) {
	n := newEnv(t)
	short, standard, long := n.session(t, "t1", "North desk", 9), n.session(t, "t2", "North desk", 10), n.session(t, "t3", "North desk", 11)
	ended := time.Now().AddDate(0, 0, -20)
	for id, days := range map[string]int{short: 14, standard: 0, long: 365} {
		must(n.db.NewRaw("UPDATE sessions SET ended = ?, keep_days = ? WHERE id = ?", ended.UnixMilli(), days, id).Exec(t.Context()))(t)
	}
	due := must(n.e.Due(t.Context(), auditor))(t)
	if len(due) != 1 || due[0].ID != short {
		t.Errorf("%+v", due)
	}
	for id, days := range map[string]int{short: 14, standard: 90, long: 365} {
		if s := must(n.e.Subject(t.Context(), dpo, id))(t); s.Until.UnixMilli() != ended.UTC().AddDate(0, 0, days).UnixMilli() {
			t.Errorf("%d days: until %s", days, s.Until)
		}
	}
}

// TestTrailForAuditors: who reads the trail, and what it chooses.
func TestTrailForAuditors(t *testing.T) {
	n := newEnv(t)
	id := n.session(t, "t1", "North desk", 9)
	must(n.e.View(t.Context(), auditor, id, "complaint", "page"))(t)
	must(0, n.e.PutHold(t.Context(), dpo, id, "court"))(t)
	if _, err := n.e.Trail(t.Context(), admin, TrailQuery{}); !errors.Is(err, ErrForbidden) {
		t.Errorf("an administrator: %v", err)
	}
	for name, c := range map[string]struct {
		q    TrailQuery
		want string
	}{
		"acts": {TrailQuery{}, "hold access"}, "viewings": {TrailQuery{Kind: "access"}, "access"}, "by one": {TrailQuery{By: dpo.ID}, "hold"},
		"a session": {TrailQuery{Session: id}, "hold access closed opened"}, "later": {TrailQuery{From: time.Now().Add(time.Hour)}, ""},
	} {
		got := must(n.e.Trail(t.Context(), dpo, c.q))(t)
		var kinds []string
		for _, e := range got.Entries {
			kinds = append(kinds, e.Kind)
		}
		if strings.Join(kinds, " ") != c.want || got.Total != len(kinds) {
			t.Errorf("%s: %s, %d", name, kinds, got.Total)
		}
	}
	must(0, n.e.ReleaseHolds(t.Context(), dpo, id, "decided"))(t)
	must(0, n.e.AskErasure(t.Context(), dpo, id, "asked for by the person", false))(t)
	must(0, n.e.DecideErasure(t.Context(), auditor, must(n.e.Erasures(t.Context(), dpo))(t)[0].ID, true, "yes"))(t)
	got := must(n.e.Trail(t.Context(), dpo, TrailQuery{Kind: "erase"}))(t)
	if got.Total != 2 || got.Entries[0].What != "approved" || got.Entries[0].By != auditor.ID || got.Entries[1].What != "asked" || got.Entries[1].By != dpo.ID {
		t.Errorf("each decided once: %+v", got)
	}
	viewing := must(n.e.Trail(t.Context(), dpo, TrailQuery{Kind: "access"}))(t).Entries[0]
	if note := must(n.e.SealedBody(t.Context(), dpo, viewing.Body))(t); strings.Contains(string(note), "complaint") {
		t.Error("the reason is not sealed")
	}
	if _, err := n.e.SealedBody(t.Context(), admin, viewing.Body); !errors.Is(err, ErrForbidden) {
		t.Errorf("an administrator: %v", err)
	}
	for _, body := range []string{"", "../../keys/log.key", strings.Repeat("0", 64)} {
		if _, err := n.e.SealedBody(t.Context(), dpo, body); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %v", body, err)
		}
	}
}
