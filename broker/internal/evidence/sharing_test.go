package evidence

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"consento/broker/internal/access"
	"consento/protocol"
	"consento/recordings"
)

var (
	bruno = access.Account{ID: "bruno", Name: "Bruno Neri", Role: access.Technician, Team: "Helpdesk", Profile: protocol.BuiltInProfiles()[0]}
	carlo = access.Account{ID: "carlo", Name: "Carlo Gialli", Role: access.Lead, Team: "Networks", Profile: protocol.BuiltInProfiles()[0]}
)

// shareOf makes what an auditor's browser sends.
func (n *env) shareOf(t testing.TB, id string, change ...func(*recordings.ShareTerms)) []byte {
	t.Helper()
	now := n.e.config.Now()
	terms := recordings.ShareTerms{ID: recordings.NewSessionID(), Tracks: []recordings.Track{recordings.TrackChat}, To: time.Minute, Made: now, Until: now.AddDate(0, 0, 3)}
	for _, c := range change {
		c(&terms)
	}
	sid := must(recordings.ParseSessionID(id))(t)
	s := must(recordings.OpenSession(n.e.path(segment{[16]byte(sid), 0}), n.identity))(t)
	defer s.Close()
	return must(s.ShareLink(terms, recordings.NewShareSecret()))(t)
}

// TestMakeShare: only what is a share of this very session, by who may read it.
func TestMakeShare(t *testing.T) {
	n := newEnv(t)
	id, other := n.session(t, "t1", "North desk", 9), n.session(t, "t2", "South desk", 10)
	own := n.session(t, auditor.ID, "South desk", 11)
	good := NewShare{Kind: ToAccount, To: bruno.ID, ToName: bruno.Name, Upto: time.Minute, Files: [][]byte{n.shareOf(t, id)}, Why: "second opinion"}
	with := func(change func(*NewShare)) NewShare { s := good; change(&s); return s }
	size := n.e.Checkpoint().Size
	for name, c := range map[string]struct {
		by    access.Account
		id    string
		share NewShare
		want  error
	}{
		"a technician":       {bruno, id, good, ErrNotFound},
		"an administrator":   {admin, id, good, ErrNotFound},
		"one's own session":  {auditor, own, good, ErrForbidden},
		"another territory":  {north, other, good, ErrNotFound},
		"no reason":          {auditor, id, with(func(s *NewShare) { s.Why = " " }), ErrReason},
		"nobody":             {auditor, id, with(func(s *NewShare) { s.To = "" }), ErrShare},
		"the customer":       {auditor, id, with(func(s *NewShare) { s.Kind = ToCustomer }), ErrShare},
		"no file":            {auditor, id, with(func(s *NewShare) { s.Files = nil }), ErrShare},
		"no share":           {auditor, id, with(func(s *NewShare) { s.Files = [][]byte{[]byte("{}")} }), ErrShare},
		"of another session": {auditor, other, good, ErrShare},
		"a segment twice":    {auditor, id, with(func(s *NewShare) { s.Files = append(s.Files, s.Files[0]) }), ErrShare},
		"longer than told": {auditor, id, with(func(s *NewShare) {
			s.Files = [][]byte{n.shareOf(t, id, func(t *recordings.ShareTerms) { t.To = time.Hour })}
		}), ErrShare},
		"for ever": {auditor, id, with(func(s *NewShare) {
			s.Files = [][]byte{n.shareOf(t, id, func(t *recordings.ShareTerms) { t.Until = t.Made.AddDate(1, 0, 0) })}
		}), ErrShare},
		"over already": {auditor, id, with(func(s *NewShare) {
			s.Files = [][]byte{n.shareOf(t, id, func(t *recordings.ShareTerms) { t.Made, t.Until = t.Made.Add(-time.Hour), t.Made.Add(-time.Minute) })}
		}), ErrShare},
	} {
		if _, err := n.e.MakeShare(t.Context(), c.by, c.id, c.share); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if got := n.e.Checkpoint().Size; got != size {
		t.Errorf("%d leaves for what was refused", got-size)
	}
	s := must(n.e.MakeShare(t.Context(), auditor, id, good))(t)
	if _, err := n.e.MakeShare(t.Context(), auditor, id, good); !errors.Is(err, ErrDecided) {
		t.Errorf("the same id again: %v", err)
	}
	entry := must(n.e.Trail(t.Context(), auditor, TrailQuery{Kind: "share"}))(t)
	if entry.Total != 1 || entry.Entries[0].By != auditor.ID || entry.Entries[0].What != bruno.ID || entry.Entries[0].Body == "" {
		t.Errorf("on the log: %+v", entry)
	}
	n.watched(t, s, good.Files[0])
	n.audit(t)
}

// watched: the addressee alone, each time on the log, as long as it lasts.
func (n *env) watched(t testing.TB, s Share, file []byte) {
	t.Helper()
	for _, by := range []access.Account{carlo, auditor, admin, {ID: bruno.ID, Role: access.Auditor}, {ID: bruno.ID, Role: access.Technician, Disabled: true}} {
		if _, _, err := n.e.OpenShared(t.Context(), by, s.ID); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s, %s: %v", by.Name, by.Role, err)
		}
	}
	if _, err := n.e.SharedKeys(t.Context(), bruno, "", s.ID, 0); !errors.Is(err, ErrGrant) {
		t.Errorf("without stating it: %v", err)
	}
	size := n.e.Checkpoint().Size
	_, grant, err := n.e.OpenShared(t.Context(), bruno, s.ID)
	must(grant, err)(t)
	if entry := must(n.e.Trail(t.Context(), auditor, TrailQuery{Kind: "access"}))(t).Entries[0]; n.e.Checkpoint().Size != size+1 || entry.By != bruno.ID || entry.What != "share" {
		t.Errorf("on the log: %+v", entry)
	}
	if got := must(n.e.SharedKeys(t.Context(), bruno, grant, s.ID, 0))(t); !bytes.Equal(got, file) {
		t.Error("other keys")
	}
	if _, err := n.e.SharedKeys(t.Context(), carlo, grant, s.ID, 0); !errors.Is(err, ErrNotFound) {
		t.Errorf("another's grant: %v", err)
	}
	if _, err := n.e.SharedForms(t.Context(), bruno, grant, s.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("forms: %v", err)
	}
	must(0, n.e.PutHold(t.Context(), auditor, s.Session, "court"))(t)
	if _, err := n.e.SharedKeys(t.Context(), bruno, grant, s.ID, 0); !errors.Is(err, ErrHeld) {
		t.Errorf("held: %v", err)
	}
	must(0, n.e.ReleaseHolds(t.Context(), auditor, s.Session, "over"))(t)
	n.clock(3*24*time.Hour + time.Minute)
	if _, err := n.e.SharedKeys(t.Context(), bruno, grant, s.ID, 0); !errors.Is(err, ErrExpired) {
		t.Errorf("expired: %v", err)
	}
	must(0, n.e.clearShares(t.Context()))(t)
	n.clock(0)
	if _, _, err := n.e.OpenShared(t.Context(), bruno, s.ID); !errors.Is(err, ErrExpired) {
		t.Errorf("the clock went back: %v", err)
	}
	if all := must(n.e.SharedWith(t.Context(), bruno))(t); len(all) != 1 {
		t.Errorf("%d are listed", len(all))
	}
}

// TestShareWithTeam: who is in the team when it is opened.
func TestShareWithTeam(t *testing.T) {
	n := newEnv(t)
	id := n.session(t, "t1", "North desk", 9)
	s := must(n.e.MakeShare(t.Context(), auditor, id, NewShare{Kind: ToTeam, To: "Helpdesk", ToName: "Helpdesk", Upto: time.Minute, Files: [][]byte{n.shareOf(t, id)}, Forms: []byte("forms"), Why: "training"}))(t)
	_, grant, err := n.e.OpenShared(t.Context(), bruno, s.ID)
	must(grant, err)(t)
	if b := must(n.e.SharedForms(t.Context(), bruno, grant, s.ID))(t); string(b) != "forms" {
		t.Errorf("forms %q", b)
	}
	moved := bruno
	moved.Team = "Networks"
	if _, err := n.e.SharedKeys(t.Context(), moved, grant, s.ID, 0); !errors.Is(err, ErrNotFound) {
		t.Errorf("after a move to another team: %v", err)
	}
	if all := must(n.e.SharedWith(t.Context(), carlo))(t); len(all) != 0 {
		t.Errorf("another team sees %d", len(all))
	}
	if _, err := n.e.SharedWith(t.Context(), auditor); !errors.Is(err, ErrForbidden) {
		t.Errorf("an auditor: %v", err)
	}
	if leaf := must(n.e.Trail(t.Context(), auditor, TrailQuery{Kind: "share"}))(t).Entries[0].What; len(leaf) != len("team:")+32 {
		t.Errorf("the log names the team %q", leaf)
	}
	n.audit(t)
}
