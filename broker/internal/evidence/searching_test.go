package evidence

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/access"
	"consento/recordings"
	"consento/recordings/translog"
)

// summed is a closed session with a summary, for some keys.
func (n *env) summed(t testing.TB, technician, team string, hour int, to ...recordings.Recipient) string {
	t.Helper()
	w := must(recordings.Create(recordings.Config{Dir: n.config.Recordings, BagDir: n.config.Bags, Session: recordings.NewSessionID(), Origin: "test", Started: time.Now(), Recipients: to, Retention: "standard"}))(t)
	must(n.e.Opened(t.Context(), w.Path(), w.Head()))(t)
	must(0, w.Append(recordings.TrackSearch, 0, 0, 0, must(recordings.Summary{Reason: "before"}.Bytes())(t)))(t)
	must(0, w.Append(recordings.TrackSearch, 0, 0, 0, must(recordings.Summary{Reason: "secret " + technician}.Bytes())(t)))(t)
	must(w.Close())(t)
	must(0, n.e.Closed(t.Context(), w.Path()))(t)
	id := w.Open().Session.String()
	n.fact(t, id, technician, team, hour)
	return id
}

// TestSearchOfContents: an auditor is given the summaries of the sessions that are
// theirs to read and that their key is for; which ones is on the log first, with the
// reason, and can be found from each session.
func TestSearchOfContents(t *testing.T) {
	n := newEnv(t)
	mine := n.identity.Recipient()
	other := must(recordings.NewIdentity())(t)
	nord, sud := n.summed(t, "t1", "North desk", 9, mine), n.summed(t, "t2", "South desk", 10, mine, other.Recipient())
	own, foreign, bare := n.summed(t, "aud", "South desk", 11, mine), n.summed(t, "t3", "South desk", 12, other.Recipient()), n.session(t, "t4", "South desk", 13)
	erased := n.summed(t, "t5", "South desk", 14, mine)
	must(0, n.e.AskErasure(t.Context(), second, erased, "time is over", false))(t)
	must(0, n.e.DecideErasure(t.Context(), dpo, must(n.e.Erasures(t.Context(), dpo))(t)[0].ID, true, "yes"))(t)
	all, keys := []string{nord, sud, own, foreign, bare, erased, strings.Repeat("0", 32)}, []string{mine.ID()}

	size := n.e.Checkpoint().Size
	if _, err := n.e.BeginSearch(t.Context(), admin, "curiosity"); !errors.Is(err, ErrForbidden) {
		t.Errorf("an administrator: %v", err)
	}
	for _, reason := range []string{"", " ", strings.Repeat("x", MaxReason+1), "\xff"} {
		if _, err := n.e.BeginSearch(t.Context(), auditor, reason); !errors.Is(err, ErrReason) {
			t.Errorf("%.10q: %v", reason, err)
		}
	}
	grant := must(n.e.BeginSearch(t.Context(), auditor, "complaint 12"))(t)
	view := must(n.e.View(t.Context(), auditor, nord, "complaint 12", "page"))(t)
	for name, c := range map[string]struct {
		by    access.Account
		grant string
		want  error
	}{"no grant": {auditor, "", ErrGrant}, "that of a viewing": {auditor, view, ErrGrant}, "of another auditor": {second, grant, ErrGrant}, "an administrator": {admin, grant, ErrForbidden}} {
		if _, _, err := n.e.Searchable(t.Context(), c.by, c.grant); !errors.Is(err, c.want) {
			t.Errorf("%s lists: %v", name, err)
		}
		if _, _, err := n.e.Summaries(t.Context(), c.by, c.grant, all, keys); !errors.Is(err, c.want) {
			t.Errorf("%s reads: %v", name, err)
		}
	}
	for name, c := range map[string][2][]string{"no session": {nil, keys}, "no key": {all, nil}, "no id": {{"x"}, keys}, "another spelling": {{strings.ToUpper(nord[:31]) + "F"}, keys},
		"too many": {slices.Repeat([]string{nord}, MaxSearched+1), keys}} {
		if _, _, err := n.e.Summaries(t.Context(), auditor, grant, c[0], c[1]); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if now := n.e.Checkpoint().Size; now != size+1 { // the viewing
		t.Errorf("%d leaves for what was refused", now-size)
	}

	list, salt, err := n.e.Searchable(t.Context(), auditor, grant)
	must(0, err)(t)
	var ids []string
	for _, s := range list {
		ids = append(ids, s.ID)
	}
	if got, want := strings.Join(ids, " "), strings.Join([]string{bare, foreign, sud, nord}, " "); got != want || salt == [32]byte{} || list[3].Parts != 1 || list[3].Technician != "Anna t1" {
		t.Errorf("%s, want %s; %+v", got, want, list)
	}
	parts, done, err := n.e.Summaries(t.Context(), auditor, grant, all, keys)
	must(0, err)(t)
	given := map[string]SummaryPart{}
	for _, p := range parts {
		given[p.Session] = p
	}
	if done != len(all) || len(parts) != 3 || given[nord].Record == nil || given[sud].Record == nil || given[bare].Bag == nil || given[bare].Record != nil {
		t.Errorf("%d of %d, %+v", done, len(all), given)
	}
	leaf, ok := n.last(t).(translog.Search)
	if !ok || leaf.By != auditor.ID || len(leaf.SIDs) != 3 {
		t.Fatalf("%+v", leaf)
	}
	var body viewBody
	must(0, json.Unmarshal(must(recordings.OpenNote(must(n.e.log.Sealed(leaf.Body))(t), n.identity))(t), &body))(t)
	if body.Reason != "complaint 12" || body.Account != auditor.ID || body.How != "search" {
		t.Errorf("%+v", body)
	}
	for id, want := range map[string]bool{nord: true, sud: true, bare: true, own: false, foreign: false, erased: false} {
		trail := must(n.e.Trail(t.Context(), auditor, TrailQuery{Session: id}))(t)
		if found := slices.ContainsFunc(trail.Entries, func(e Entry) bool { return e.Kind == "search" && e.What == "3" }); found != want {
			t.Errorf("the trail of %s: %+v", id, trail.Entries)
		}
	}
	n.audit(t)

	// One territory alone; and nothing after the end of the search.
	limited := must(n.e.BeginSearch(t.Context(), north, "check"))(t)
	if parts, _, err := n.e.Summaries(t.Context(), north, limited, all, keys); err != nil || len(parts) != 1 || parts[0].Session != nord {
		t.Errorf("of one territory: %+v, %v", parts, err)
	}
	n.e.EndSearches(auditor.ID)
	if _, _, err := n.e.Summaries(t.Context(), auditor, grant, all, keys); !errors.Is(err, ErrGrant) || n.e.SearchStated(auditor, grant) || !n.e.SearchStated(north, limited) {
		t.Errorf("after the end: %v", err)
	}
	must(n.e.Bag(t.Context(), auditor, view, nord, 0))(t) // a viewing goes on

	// An index from before is made good; a damaged file gives nothing and stops nobody.
	must(n.db.NewRaw("UPDATE log_segments SET summary = NULL").Exec(t.Context()))(t)
	path := n.e.path(segment{must(translog.ParseID(sud))(t), 0})
	must(0, os.WriteFile(path, []byte("damaged"), 0o600))(t)
	again := must(n.e.BeginSearch(t.Context(), auditor, "complaint 13"))(t)
	parts, _, err = n.e.Summaries(t.Context(), auditor, again, []string{nord, sud}, keys)
	if err != nil || len(parts) != 1 || string(parts[0].Record) != string(given[nord].Record) {
		t.Errorf("%+v, %v", parts, err)
	}
	n.clock(grantTime + time.Minute)
	if n.e.SearchStated(auditor, again) {
		t.Error("a search lasts longer than its time")
	}
}

// TestSearchTakesWhatFits: an answer ends where it is full, and the rest is asked for again.
func TestSearchTakesWhatFits(t *testing.T) {
	n := newEnv(t)
	var ids []string
	for hour := range 3 {
		ids = append(ids, n.summed(t, "t1", "North desk", 9+hour, n.identity.Recipient()))
	}
	grant := must(n.e.BeginSearch(t.Context(), auditor, "complaint 12"))(t)
	n.e.searchBytes = 1
	for _, id := range slices.Clone(ids) {
		parts, done, err := n.e.Summaries(t.Context(), auditor, grant, ids, []string{n.identity.Recipient().ID()})
		if err != nil || done != 1 || len(parts) != 1 || parts[0].Session != id {
			t.Fatalf("%d, %+v, %v", done, parts, err)
		}
		ids = ids[done:]
		if leaf := n.last(t).(translog.Search); len(leaf.SIDs) != 1 || leaf.SIDs[0].String() != id {
			t.Errorf("%+v", leaf)
		}
	}
}
