package web_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/access"
)

// TestDecisionsAreForTwoRoles: administrators and all others come to none of these
// pages, and the data-protection officer to no recording.
func TestDecisionsAreForTwoRoles(t *testing.T) {
	h := newHouse(t, withVault(t))
	id := h.vault.session(t, "Anna Rossi", time.Now().AddDate(0, -4, 0))
	people := map[string]*person{"customer": h.visitor(t)}
	for _, role := range []access.Role{access.Administrator, access.Maintainer} {
		people[string(role)] = signedIn(t, h, role, "Carla Neri", string(role)+"@esempio.example")
	}
	staff(t, h, access.Technician, "tech@esempio.example")
	people["technician"] = h.visitor(t)
	people["technician"].post("/signin", "email", "tech@esempio.example", "password", goodPassword)
	for who, p := range people {
		for _, path := range []string{"/audit/trail", "/audit/trail/sealed/" + strings.Repeat("1", 64), "/audit/storage", "/audit/retention", "/audit/retention/" + id, "/audit/retention/by-number?id=" + id} {
			if got := p.get(path); got.StatusCode != http.StatusForbidden || strings.Contains(got.text, "Anna Rossi") {
				t.Errorf("%s reads %s: %d", who, path, got.StatusCode)
			}
		}
		for path, step := range map[string]string{"/audit/retention": "ask", "/audit/retention/" + id + "/hold": "put"} {
			if got := p.post(path, "step", step, "pick", id, "why", "disk is full"); got.StatusCode != http.StatusForbidden {
				t.Errorf("%s posts to %s: %d", who, path, got.StatusCode)
			}
		}
	}
	officer := signedIn(t, h, access.DPO, "Paola Blu", "dpo@esempio.example")
	officer.get("/audit/retention").shows(t, "Retention is over", "Anna Rossi")
	officer.get("/audit/trail?kind=opened").shows(t, "1 entry", "Paola Blu")
	base := "/audit/sessions/" + id
	for _, path := range []string{"/audit/", base, base + "/play", base + "/segments/0", base + "/bags/0", base + "/proof"} {
		if got := officer.get(path); got.StatusCode != http.StatusForbidden {
			t.Errorf("the officer reads %s: %d", path, got.StatusCode)
		}
	}
}

// TestDeletionByTwoRoles goes the whole way: due, asked for by one, refused and
// then approved by the other; a hold wins; each refusal is told in words.
func TestDeletionByTwoRoles(t *testing.T) {
	h := newHouse(t, withVault(t))
	old := time.Now().AddDate(0, -4, 0)
	first, second, held := h.vault.session(t, "Anna Rossi", old), h.vault.session(t, "Bruno Gallo", old.Add(time.Hour)), h.vault.session(t, "Carlo Riva", old.Add(2*time.Hour))
	late := h.vault.session(t, "Dora Sole", time.Now())
	auditor := signedIn(t, h, access.Auditor, "Dino Verdi", "dino@esempio.example")
	officer := signedIn(t, h, access.DPO, "Paola Blu", "dpo@esempio.example")
	key := func(id string) string { return filepath.Join(h.vault.folder, id+"-0.key") }

	list := auditor.get("/audit/retention")
	list.shows(t, "Anna Rossi", "Bruno Gallo", "Carlo Riva", "Nothing waits for your decision")
	list.hides(t, "Dora Sole")
	auditor.get("/audit/retention/by-number?id="+strings.ToUpper(late)).shows(t, "Dora Sole", "Ask for deletion of this session")

	// A hold needs a reason, and is listed.
	for _, why := range []string{"", "    ", "ab", "\xff\xff\xff", strings.Repeat("a", 501)} {
		if got := auditor.post("/audit/retention/"+held+"/hold", "step", "put", "why", why); got.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("a hold for the reason %q: %d", why, got.StatusCode)
		}
		if got := auditor.post("/audit/retention", "step", "ask", "pick", held, "why", why); got.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("deletion for the reason %q: %d", why, got.StatusCode)
		}
	}
	auditor.post("/audit/retention/"+held+"/hold", "step", "put", "why", "court 7").shows(t, "The legal hold is on", "Release the legal hold")
	if got := officer.post("/audit/retention", "step", "ask", "pick", held, "why", "time is over"); got.StatusCode != http.StatusConflict || !strings.Contains(got.text, "It wins over everything") {
		t.Errorf("deletion of what is held: %d", got.StatusCode)
	}

	// Many are chosen at once; nothing happens before it was asked once more.
	auditor.post("/audit/retention", "step", "review_ask").shows(t, "Choose at least one session")
	page := auditor.read(auditor.do(http.MethodPost, "/audit/retention", "step=review_ask&pick="+first+"&pick="+second))
	page.shows(t, "2 sessions", "lost for ever", "Anna Rossi", "Bruno Gallo")
	if got := auditor.read(auditor.do(http.MethodPost, "/audit/retention", "step=ask&why=&pick="+first)); got.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("asked without a reason: %d", got.StatusCode)
	}
	auditor.read(auditor.do(http.MethodPost, "/audit/retention", "step=ask&why=time+is+over&pick="+first+"&pick="+second)).
		shows(t, "The other role decides", "Waits for the data-protection officer")
	auditor.post("/audit/retention", "step", "ask", "pick", first, "why", "again").shows(t, "This is decided already")

	erasures, err := h.vault.Erasures(t.Context(), access.Account{ID: "x", Role: access.DPO})
	if err != nil || len(erasures) != 2 {
		t.Fatalf("%v, %v", erasures, err)
	}
	of := map[string]string{}
	for _, e := range erasures {
		of[e.Session] = e.ID
	}
	auditor.post("/audit/retention", "step", "approve", "sure", "yes", "pick", of[first], "why", "myself").shows(t, "Whoever asked for a deletion does not decide")
	officer.get("/audit/retention").shows(t, "Decide about the chosen", "Dino Verdi")
	officer.post("/audit/retention", "step", "review_decide", "pick", of[first]).shows(t, "Destroy the keys for ever", "1 session")
	if got := officer.post("/audit/retention", "step", "approve", "pick", of[first], "why", "as the law says"); got.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(got.text, "Confirm that you understand") {
		t.Errorf("approved without being sure: %d", got.StatusCode)
	}
	if _, err := os.Stat(key(first)); err != nil {
		t.Fatalf("the key is gone too early: %v", err)
	}
	officer.post("/audit/retention", "step", "approve", "sure", "yes", "pick", of[first], "why", "as the law says").shows(t, "The keys on this server are destroyed", "keys were destroyed")
	officer.post("/audit/retention", "step", "refuse", "pick", of[second], "why", "still needed").shows(t, "The recordings stay", "Refused by")
	if _, err := os.Stat(key(first)); !os.IsNotExist(err) {
		t.Errorf("the key of the first: %v", err)
	}
	if _, err := os.Stat(key(second)); err != nil {
		t.Errorf("the key of the second: %v", err)
	}
	page = auditor.get("/audit/sessions/" + first)
	page.shows(t, "There is no key for this recording", `<dt>Keys destroyed</dt><dd data-testid="gone">`, "Approved by \u2068Paola Blu\u2069; the keys were destroyed", "Asked for by \u2068Dino Verdi\u2069", `href="/audit/sessions/`+first+`/proof"`)
	page.hides(t, "Kept until")
	if proof := auditor.get("/audit/sessions/" + first + "/proof"); proof.StatusCode != http.StatusOK || !strings.Contains(proof.text, `\"kind\":\"shred\"`) {
		t.Errorf("the proof of it: %d, %s", proof.StatusCode, proof.text)
	}
	page = officer.get("/audit/retention/" + first)
	page.shows(t, `<dt>Keys destroyed</dt><dd data-testid="gone">`)
	page.hides(t, "Kept until")
	for _, path := range []string{"/audit/sessions/" + second, "/audit/retention/" + second} {
		page = auditor.get(path)
		page.shows(t, "Kept until")
		page.hides(t, `data-testid="gone"`)
	}
	officer.post("/audit/retention/"+held+"/hold", "step", "release", "why", "court has decided").shows(t, "The legal hold is off")

	// All of it is on the trail, in words, by kind, person and session.
	auditor.get("/audit/trail?id="+first).shows(t, "Dino Verdi", "Paola Blu", "data-body=")
	only := auditor.get("/audit/trail?kind=hold")
	only.shows(t, "1 entry", `value="hold" selected`, "<bdi>Dino Verdi</bdi>")
	only.hides(t, "<bdi>Paola Blu</bdi>")
	auditor.get("/audit/trail?from=2000-01-01&to=2000-01-02").shows(t, "Nothing fits")
	for query, words := range map[string]string{"from=never": "The first day is not a date", "page=0": "no such page"} {
		if got := auditor.get("/audit/trail?" + query); got.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(got.text, words) {
			t.Errorf("%s: %d", query, got.StatusCode)
		}
	}
	for _, bad := range []string{"step=x&pick=" + first, "step=ask&why=a&why=b&pick=" + first, "step=ask&why=abc" + strings.Repeat("&x=1", 2)} {
		if got := auditor.read(auditor.do(http.MethodPost, "/audit/retention", bad)); got.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d", bad, got.StatusCode)
		}
	}
	if got := auditor.post("/audit/retention", "step", "ask", "pick", strings.Repeat("0", 32), "why", "none such"); got.StatusCode != http.StatusConflict {
		t.Errorf("no such session: %d", got.StatusCode)
	}
}
