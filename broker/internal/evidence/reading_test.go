package evidence

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/access"
	"consento/protocol"
	"consento/recordings"
	"consento/recordings/translog"
)

var (
	auditor = access.Account{ID: "aud", Name: "Dino Verdi", Role: access.Auditor}
	north   = access.Account{ID: "nor", Name: "Nora Nord", Role: access.Auditor, Territory: "North"}
	admin   = access.Account{ID: "adm", Name: "Carla Neri", Role: access.Administrator}
)

// session makes a closed session of a technician, with a recording on the log.
func (n *env) session(t testing.TB, technician, team string, hour int) string {
	t.Helper()
	w := n.record(t)
	must(n.e.Opened(t.Context(), w.Path(), w.Head()))(t)
	must(0, w.Append(recordings.TrackChat, 0, 0, 0, []byte(`{"text":"secret"}`)))(t)
	must(w.Close())(t)
	must(0, n.e.Closed(t.Context(), w.Path()))(t)
	id := w.Open().Session.String()
	n.fact(t, id, technician, team, hour)
	return id
}

// fact lets the office's database know of a session.
func (n *env) fact(t testing.TB, id, technician, team string, hour int) {
	t.Helper()
	at := time.Date(2026, 3, 1, hour, 0, 0, 0, time.UTC).UnixMilli()
	territory := ""
	if team == "North desk" {
		territory = "North"
	}
	for _, q := range []string{
		`INSERT INTO teams (name, territory, level, created_at) VALUES ('` + team + `', '` + territory + `', 'L1', CURRENT_TIMESTAMP) ON CONFLICT DO NOTHING`,
	} {
		must(n.db.NewRaw(q).Exec(t.Context()))(t)
	}
	must(n.db.NewRaw(`INSERT INTO sessions (id, state, technician_id, technician, team, key_expires, issued, ended, end_reason) VALUES (?, 'Issued', ?, ?, ?, 0, ?, ?, ?)`,
		id, technician, "Anna "+technician, team, at, at+60_000, protocol.EndCustomer).Exec(t.Context()))(t)
}

// ticket lets the office's database know to which ticket sessions belong.
func (n *env) ticket(t testing.TB, number string, sessions ...string) {
	t.Helper()
	for _, id := range sessions {
		must(n.db.NewRaw(`UPDATE sessions SET desk_ticket = 'some', desk_ref = ? WHERE id = ?`, number, id).Exec(t.Context()))(t)
	}
}

func ids(p Page) string {
	var all []string
	for _, s := range p.Sessions {
		all = append(all, s.ID)
	}
	return strings.Join(all, " ")
}

// TestSearch: who sees what, and what the questions choose.
func TestSearch(t *testing.T) {
	n := newEnv(t)
	a, b, own := n.session(t, "t1", "North desk", 9), n.session(t, "t_2%", "South desk", 10), n.session(t, "aud", "South desk", 11)
	n.ticket(t, "T-7KQ4PZ", b, own)
	n.ticket(t, "T-7KQ4PA", a)
	for name, c := range map[string]struct {
		by   access.Account
		q    Query
		want string
	}{
		"everything but their own": {auditor, Query{}, b + " " + a},
		"one territory":            {north, Query{}, a},
		"one team":                 {auditor, Query{Team: "South desk"}, b},
		"a technician":             {auditor, Query{Technician: "ANNA T1"}, a},
		"no pattern":               {auditor, Query{Technician: "_2%"}, b},
		"a pattern finds nothing":  {auditor, Query{Technician: "a%t"}, ""},
		"by id":                    {auditor, Query{ID: a[:6]}, a},
		"by ticket":                {auditor, Query{Ticket: "t-7kq4pz"}, b},
		"by how a ticket begins":   {auditor, Query{Ticket: "T-7KQ"}, b + " " + a},
		"no ticket of theirs":      {north, Query{Ticket: "T-7KQ4PZ"}, ""},
		"ticket and team":          {auditor, Query{Ticket: "T-7KQ", Team: "North desk"}, a},
		"no pattern of a ticket":   {auditor, Query{Ticket: "T-%"}, ""},
		"by time":                  {auditor, Query{From: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)}, b},
		"before":                   {auditor, Query{To: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)}, a},
		"ended otherwise":          {auditor, Query{Ended: protocol.EndLimit}, ""},
		"with chat":                {auditor, Query{Has: []HeldContent{HasChat}}, b + " " + a},
		"with shell":               {auditor, Query{Has: []HeldContent{HasShell}}, ""},
		"only tests":               {auditor, Query{Tests: "only"}, ""},
		"second page":              {auditor, Query{Page: 2}, ""},
	} {
		if got := must(n.e.Sessions(t.Context(), c.by, c.q))(t); ids(got) != c.want {
			t.Errorf("%s: %s, want %s", name, ids(got), c.want)
		}
	}
	if _, err := n.e.Sessions(t.Context(), admin, Query{}); !errors.Is(err, ErrForbidden) {
		t.Errorf("an administrator: %v", err)
	}
	for id, want := range map[string]error{own: ErrForbidden, "x": ErrNotFound, strings.Repeat("0", 32): ErrNotFound} {
		if _, err := n.e.Session(t.Context(), auditor, id); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", id, err, want)
		}
	}
	if _, err := n.e.Session(t.Context(), north, b); !errors.Is(err, ErrNotFound) {
		t.Errorf("another territory: %v", err)
	}
	r := must(n.e.Session(t.Context(), auditor, a))(t)
	if r.Ticket != "T-7KQ4PA" {
		t.Errorf("it belongs to %q", r.Ticket)
	}
	if len(r.Parts) != 1 || !r.Parts[0].Final || !r.Parts[0].Bag || r.Bytes == 0 || r.Until.Sub(r.Ended) != 90*24*time.Hour {
		t.Errorf("%+v", r)
	}
}

// TestViewing: not a byte before the reason is on the log, and then for this
// session and account alone.
func TestViewing(t *testing.T) {
	n := newEnv(t)
	a, b := n.session(t, "t1", "North desk", 9), n.session(t, "t2", "South desk", 10)
	size := n.e.Checkpoint().Size
	for _, reason := range []string{"", "  ", strings.Repeat("x", MaxReason+1), "\xff"} {
		if _, err := n.e.View(t.Context(), auditor, a, reason, "page"); !errors.Is(err, ErrReason) {
			t.Errorf("%.10q: %v", reason, err)
		}
	}
	if _, err := n.e.View(t.Context(), admin, a, "curiosity", "page"); !errors.Is(err, ErrNotFound) {
		t.Errorf("an administrator: %v", err)
	}
	if n.e.Checkpoint().Size != size {
		t.Error("a refused viewing is on the log")
	}
	grant := must(n.e.View(t.Context(), auditor, a, "complaint 12", "page"))(t)
	leaf, ok := n.last(t).(translog.Access)
	if !ok || leaf.SID.String() != a || leaf.By != auditor.ID || leaf.How != "page" {
		t.Fatalf("%+v", leaf)
	}
	var body viewBody
	must(0, json.Unmarshal(must(recordings.OpenNote(must(n.e.log.Sealed(leaf.Body))(t), n.identity))(t), &body))(t)
	if body.Reason != "complaint 12" || body.Name != auditor.Name {
		t.Errorf("%+v", body)
	}
	f, _, err := n.e.Segment(t.Context(), auditor, grant, a, 0)
	must(0, err)(t)
	if data := must(io.ReadAll(f))(t); len(data) == 0 || strings.Contains(string(data), "secret") {
		t.Errorf("%d bytes", len(data))
	}
	must(0, f.Close())(t)
	must(n.e.Bag(t.Context(), auditor, grant, a, 0))(t)
	for name, c := range map[string]struct {
		by        access.Account
		grant, id string
		n         int
		want      error
	}{
		"another session": {auditor, grant, b, 0, ErrGrant}, "another account": {north, grant, a, 0, ErrGrant}, "no grant": {auditor, "", a, 0, ErrGrant},
		"no such part": {auditor, grant, a, 7, ErrNotFound}, "an administrator": {admin, grant, a, 0, ErrNotFound},
	} {
		if _, _, err := n.e.Segment(t.Context(), c.by, c.grant, c.id, c.n); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := n.e.Bag(t.Context(), c.by, c.grant, c.id, c.n); !errors.Is(err, c.want) {
			t.Errorf("%s, bag: %v", name, err)
		}
	}
	n.clock(grantTime + time.Minute)
	if _, _, err := n.e.Segment(t.Context(), auditor, grant, a, 0); !errors.Is(err, ErrGrant) {
		t.Errorf("too old: %v", err)
	}
}

// TestVerdict: the page says what the stand-alone verifier says.
func TestVerdict(t *testing.T) {
	n := newEnv(t)
	keys := translog.Keys{Log: n.e.logKeys()}
	n.e.config.Keys = func() (translog.Keys, error) { return keys, nil }
	id := n.session(t, "t1", "North desk", 9)
	codes := func() (State, string) {
		v := must(n.e.Verdict(t.Context(), auditor, id))(t)
		var all []string
		for _, r := range v.Reasons {
			all = append(all, r.Code)
		}
		return v.State, strings.Join(all, " ")
	}
	if state, why := codes(); state != Unverifiable || why != "no_witness" {
		t.Errorf("without a witness: %s, %s", state, why)
	}
	if page := must(n.e.Sessions(t.Context(), auditor, Query{}))(t); page.Sessions[0].Verdict != Unverifiable || page.Witness != "none" {
		t.Errorf("the list says %q, of its witness %q", page.Sessions[0].Verdict, page.Witness)
	}
	keys.Log = nil
	if state, why := codes(); state != Unverifiable || why != "no_log_key no_witness" {
		t.Errorf("without the key of the log: %s, %s", state, why)
	}
	keys.Log = n.e.logKeys()
	path := n.e.path(segment{must(translog.ParseID(id))(t), 0})
	whole := must(os.ReadFile(path))(t)
	changed := append([]byte{}, whole...)
	changed[len(changed)/2] ^= 1
	must(0, os.WriteFile(path, changed, 0o600))(t)
	if state, _ := codes(); state != Tampered {
		t.Errorf("changed: %s", state)
	}
	must(0, os.WriteFile(path, whole[:len(whole)-10], 0o600))(t)
	if state, _ := codes(); state != Tampered { // the log has its length
		t.Errorf("cut: %s", state)
	}
	must(0, os.Remove(path))(t)
	if state, why := codes(); state != Incomplete || !strings.Contains(why, "missing_segment") {
		t.Errorf("gone: %s, %s", state, why)
	}
}
