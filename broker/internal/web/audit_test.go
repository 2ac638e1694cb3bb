package web_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/evidence"
	"consento/protocol"
	"consento/protocol/lang"
	"consento/recordings"
)

func newIdentity(t testing.TB) recordings.Identity {
	t.Helper()
	id, err := recordings.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// short is a recording of three seconds.
func short(t testing.TB, s *shelf, change ...func(*onShelf)) string {
	t.Helper()
	r := s.record(t, newIdentity(t).Recipient())
	r.event(0, protocol.EventIssued, `{}`)
	r.check(r.writer.Append(recordings.TrackChat, 0, time.Second, 0, []byte(`{"text":"hello"}`)))
	for n, f := range ivf(t, "../../../recordings/testdata/small.ivf") {
		r.check(r.video.WriteFrame(time.Second+time.Duration(n)*50*time.Millisecond, f, n == 0))
	}
	return r.close(3*time.Second, change...)
}

// TestAuditIsForAuditors: nobody else comes to any of its addresses, and without
// evidence there are none.
func TestAuditIsForAuditors(t *testing.T) {
	h := newHouse(t, withShelf(newShelf(t)))
	id := short(t, h.shelf)
	people := map[string]*person{"customer": h.visitor(t)}
	for _, role := range []access.Role{access.Technician, access.Lead, access.Administrator, access.Maintainer, access.DPO} {
		staff(t, h, role, string(role)+"@esempio.example")
		p := h.visitor(t)
		p.post("/signin", "email", string(role)+"@esempio.example", "password", goodPassword)
		people[string(role)] = p
	}
	base := "/audit/sessions/" + id
	for who, p := range people {
		// The data-protection officer has keys as well: to read the trail.
		own := map[bool][]string{false: {"/audit/keys"}}[who == string(access.DPO)]
		for _, path := range append([]string{"/audit/", base, base + "/play", base + "/files", base + "/segments/0", base + "/index/0",
			base + "/records/0?tracks=1", base + "/bags/0", base + "/proof", base + "/timestamp"}, own...) {
			if got := p.get(path); got.StatusCode != http.StatusForbidden || strings.Contains(got.text, "Anna Rossi") {
				t.Errorf("%s reads %s: %d", who, path, got.StatusCode)
			}
		}
		for _, path := range append([]string{base + "/view"}, own...) {
			if got := p.post(path, "how", "page", "reason", "curiosity"); got.StatusCode != http.StatusForbidden {
				t.Errorf("%s posts to %s: %d", who, path, got.StatusCode)
			}
		}
	}
	if len(h.shelf.stated()) != 0 {
		t.Errorf("viewings: %v", h.shelf.stated())
	}
	without := newHouse(t)
	if got := without.visitor(t).get("/audit/"); got.StatusCode != http.StatusNotFound {
		t.Errorf("without evidence: %d", got.StatusCode)
	}
}

// TestViewingIsStatedFirst: not a byte before a reason, and the grant is for this
// session and this auditor alone.
func TestViewingIsStatedFirst(t *testing.T) {
	h := newHouse(t, withShelf(newShelf(t)))
	id, other := short(t, h.shelf), short(t, h.shelf)
	p, account := auditing(t, h, "dino@esempio.example")
	base := "/audit/sessions/" + id
	content := []string{"/segments/0", "/index/0", "/records/0?tracks=1", "/bags/0", "/play", "/files"}
	for _, path := range content {
		if got := p.get(base + path); got.StatusCode != http.StatusForbidden || !strings.Contains(got.text, "State your reason again") {
			t.Errorf("%s without a reason: %d", path, got.StatusCode)
		}
	}
	for _, reason := range []string{"", "  ", "a", strings.Repeat("a", 501)} {
		if got := p.post(base+"/view", "how", "page", "reason", reason); got.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("the reason %q: %d", reason, got.StatusCode)
		}
	}
	if got := p.post(base+"/view", "how", "secretly", "reason", "complaint 17"); got.StatusCode != http.StatusBadRequest {
		t.Errorf("an unknown way: %d", got.StatusCode)
	}
	if len(h.shelf.stated()) != 0 {
		t.Fatalf("viewings: %v", h.shelf.stated())
	}
	p.post(base+"/view", "how", "page", "reason", "complaint 17").shows(t, "itself logged", `id="play-data"`)
	if got := h.shelf.stated(); len(got) != 1 || got[0] != (viewing{account.ID, id, "complaint 17", "page"}) {
		t.Errorf("viewings: %v", got)
	}
	for _, path := range content {
		if got := p.get(base + path); got.StatusCode != http.StatusOK || got.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s with a reason: %d, %s", path, got.StatusCode, got.Header.Get("Cache-Control"))
		}
		if got := p.get("/audit/sessions/" + other + path); got.StatusCode != http.StatusForbidden {
			t.Errorf("%s of another session: %d", path, got.StatusCode)
		}
	}
	second, _ := auditing(t, h, "eva@esempio.example")
	for _, c := range p.http.Jar.Cookies(p.do(http.MethodGet, base, "").Request.URL) {
		if c.Name == "__Secure-consento-viewing" {
			t.Error("the grant goes to pages beside the session's own")
		}
	}
	grant := ""
	for _, c := range p.http.Jar.Cookies(p.do(http.MethodGet, base+"/play", "").Request.URL) {
		if c.Name == "__Secure-consento-viewing" {
			grant = c.Name + "=" + c.Value
		}
	}
	if got := second.read(second.do(http.MethodGet, base+"/segments/0", "", "Cookie", grant)); grant == "" || got.StatusCode != http.StatusForbidden {
		t.Errorf("another auditor with the same grant: %d", got.StatusCode)
	}
	// Another site cannot state one in the auditor's name.
	if got := p.read(p.do(http.MethodPost, base+"/view", "how=page&reason=complaint", "Sec-Fetch-Site", "cross-site")); got.StatusCode != http.StatusForbidden {
		t.Errorf("from another site: %d", got.StatusCode)
	}
	for _, path := range []string{"/audit/sessions/" + strings.Repeat("0", 32), "/audit/sessions/..%2f..%2fetc"} {
		if got := p.get(path); got.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, got.StatusCode)
		}
	}
	p.get(base+"/proof").shows(t, "There is no proof yet")
	if err := os.Remove(filepath.Join(h.shelf.dir, id+"-0.key")); err != nil {
		t.Fatal(err)
	}
	p.get(base).shows(t, "There is no key for this recording")
	p.get(base+"/bags/0").shows(t, "The content was deleted")
}

// TestRecordsAreServedApart: ranges, the index and chosen tracks are what stands in
// the file.
func TestRecordsAreServedApart(t *testing.T) {
	h := newHouse(t, withShelf(newShelf(t)))
	id := short(t, h.shelf)
	p, _ := auditing(t, h, "dino@esempio.example")
	base := "/audit/sessions/" + id
	p.post(base+"/view", "how", "download", "reason", "complaint 17").shows(t, "consento-verify session "+id)
	file, err := os.ReadFile(filepath.Join(h.shelf.dir, id+"-0.rec"))
	if err != nil {
		t.Fatal(err)
	}
	whole := p.get(base + "/segments/0")
	if whole.text != strings.ReplaceAll(string(file), "&#43;", "+") || !strings.Contains(whole.Header.Get("Content-Disposition"), id+"-0.rec") {
		t.Errorf("%d bytes of %d, %s", len(whole.text), len(file), whole.Header.Get("Content-Disposition"))
	}
	if got := p.read(p.do(http.MethodGet, base+"/segments/0", "", "Range", "bytes=100-199")); got.StatusCode != http.StatusPartialContent || got.text != string(file[100:200]) {
		t.Errorf("a range: %d, %d bytes", got.StatusCode, len(got.text))
	}
	var index, events bytes.Buffer
	_, err = recordings.Scan(bytes.NewReader(file), recordings.ScanOptions{Each: func(r recordings.Record) error {
		record := file[r.Offset : int(r.Offset)+recordings.HeaderSize+int(r.Length)]
		index.Write(record[:recordings.HeaderSize])
		if r.Kind == recordings.KindData && (r.Track == recordings.TrackEvents || r.Track == recordings.TrackChat) {
			events.Write(record)
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	raw := func(path string) []byte {
		r := p.do(http.MethodGet, path, "")
		b, err := io.ReadAll(r.Body)
		if err != nil || r.StatusCode != http.StatusOK {
			t.Errorf("%s: %d, %v", path, r.StatusCode, err)
		}
		return b
	}
	if got := raw(base + "/index/0"); !bytes.Equal(got, index.Bytes()) || len(got) == 0 {
		t.Errorf("the index has %d bytes, want %d", len(got), index.Len())
	}
	if got := raw(base + "/records/0?tracks=1,3"); !bytes.Equal(got, events.Bytes()) || len(got) == 0 {
		t.Errorf("the records have %d bytes, want %d", len(got), events.Len())
	}
	for _, path := range []string{"/records/0", "/records/0?tracks=2", "/records/0?tracks=1,2", "/records/0?tracks=256", "/records/0?tracks=x", "/index/-1", "/index/00", "/segments/9999999999"} {
		if got := p.get(base + path); got.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d", path, got.StatusCode)
		}
	}
	if got := p.get(base + "/segments/1"); got.StatusCode != http.StatusNotFound {
		t.Errorf("a part that is not there: %d", got.StatusCode)
	}
	// What a crash left, or somebody wrote over: the index ends before it.
	for name, spoilt := range map[string][]byte{"torn": file[:len(file)-9], "no magic": append(bytes.Clone(file[:len(file)-176]), bytes.Repeat([]byte("x"), 176)...)} {
		if err := os.WriteFile(filepath.Join(h.shelf.dir, id+"-0.rec"), spoilt, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := raw(base + "/index/0"); len(got) != index.Len()-recordings.HeaderSize {
			t.Errorf("%s: the index has %d bytes of %d", name, len(got), index.Len())
		}
	}
}

// TestRecordingsAreFound: filters, pages, and a territory that is not one's own.
func TestRecordingsAreFound(t *testing.T) {
	h := newHouse(t, withShelf(newShelf(t)))
	p, _ := auditing(t, h, "dino@esempio.example")
	p.get("/audit/").shows(t, "There are no recordings yet", "0 sessions")
	for n := range 60 {
		h.shelf.known = append(h.shelf.known, onShelf{Summary: evidence.Summary{ID: fmt.Sprintf("%032x", n+1), Technician: fmt.Sprintf("Anna %d", n),
			Team: "Service desk", Started: time.Date(2026, 3, n, 9, 0, 0, 0, time.UTC), Ended: time.Date(2026, 3, n, 9, 12, 30, 0, time.UTC),
			Reason: protocol.EndCustomer, Bytes: 1 << 22, Test: n == 7, Held: n == 8, Ticket: []string{"", fmt.Sprintf("T-7KQ4P%d", n)}[min(n/4%2, 1)], Verdict: evidence.Tampered}, scope: access.Scope{Team: "Service desk", Territory: "Nord"}})
	}
	first := p.get("/audit/")
	first.shows(t, "60 sessions", "Anna 59", "12:30", `page=2">Older`, `class="state tampered"`)
	first.hides(t, "Anna 9<", "Newer")
	p.get("/audit/?page=2").shows(t, "Anna 9<", "Newer", "Legal hold")
	p.get("/audit/?technician=anna+7").shows(t, "1 session", "Anna 7")
	p.get("/audit/?tests=only").shows(t, "1 session", "Anna 7")
	p.get("/audit/?from=2026-03-05&to=2026-03-06").shows(t, "2 sessions", "Anna 5", "Anna 6", `value="2026-03-05"`)
	p.get("/audit/?id=0000000000000000000000000000000a").shows(t, "1 session")
	p.get("/audit/?ticket=7kq4p6").shows(t, "1 session", "Anna 6", "<td>T-7KQ4P6</td>", `value="7kq4p6"`)
	p.get("/audit/?ticket=+t-7kq+4p").shows(t, "Anna 6", "Anna 7")
	p.get("/audit/?ticket=T-7KQ4P6&technician=anna+7").shows(t, "No recording fits")
	p.get("/audit/sessions/"+fmt.Sprintf("%032x", 7)).shows(t, `data-testid="ticket">T-7KQ4P6<`)
	p.get("/audit/sessions/"+fmt.Sprintf("%032x", 4)).hides(t, `data-testid="ticket"`)
	p.get("/audit/?team=Nobody").shows(t, "No recording fits")
	p.get("/audit/?has=shell").shows(t, "No recording fits")
	for query, says := range map[string]string{"from=yesterday": "The first day is not a date", "to=2026-13-01": "The last day is not a date", "page=-1": "There is no such page",
		"id=%3Cscript%3E": "A session number has", "ticket=T-7KQ4PZZ": "The number of a ticket is T", "ticket=a%25": "The number of a ticket is T", "page=99999999999999999999": "There is no such page"} {
		got := p.get("/audit/?" + query)
		if got.shows(t, says); got.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", query, got.StatusCode)
		}
	}
	south, err := h.access.Add(t.Context(), access.NewAccount{Email: "eva@esempio.example", Name: "Eva Blu", Role: access.Auditor, Territory: "Sud", Password: goodPassword})
	if err != nil {
		t.Fatal(err)
	}
	s := h.visitor(t)
	s.post("/signin", "email", south.Email, "password", goodPassword)
	s.get("/audit/").shows(t, "0 sessions")
	if got := s.get("/audit/sessions/0000000000000000000000000000000a"); got.StatusCode != http.StatusNotFound {
		t.Errorf("another territory: %d", got.StatusCode)
	}
}

// TestOneMachineIsSaid: each page that shows a verdict says so where one machine has
// everything.
func TestOneMachineIsSaid(t *testing.T) {
	h := newHouse(t, withShelf(newShelf(t)))
	id := short(t, h.shelf)
	p, _ := auditing(t, h, "dino@esempio.example")
	base := "/audit/sessions/" + id
	p.post(base+"/view", "how", "page", "reason", "complaint 17")
	for witness, says := range map[string][2]string{"independent": {}, "none": {"lie on this server alone, and nobody signs them", "No witness has signed the log"},
		"embedded": {"Both stores are on one machine", "The witness runs on this same machine"}} {
		h.shelf.mu.Lock()
		h.shelf.witness = witness
		h.shelf.mu.Unlock()
		for path, words := range map[string]string{"/audit/": says[0], base: says[1], base + "/play": says[1]} {
			page := p.get(path)
			page.shows(t, "Anna Rossi", words)
			if words == "" {
				page.hides(t, `data-testid="alone"`, "this same machine", "No witness has signed")
			}
		}
	}
}

func TestKeysArePosted(t *testing.T) {
	h := newHouse(t, withShelf(newShelf(t)))
	p, account := auditing(t, h, "dino@esempio.example")
	wrapped := `{"v":1,"kdf":"PBKDF2-SHA256","rounds":600000,"salt":"` + strings.Repeat("A", 22) + `==","nonce":"` + strings.Repeat("A", 16) + `","body":"` + strings.Repeat("A", 240) + `"}`
	key := newIdentity(t).Recipient()
	p.post("/audit/keys", "step", "add", "name", "Laptop", "public_key", key.String(), "wrapped", wrapped).shows(t, "The key is kept", "Laptop", key.ID())
	p.post("/audit/keys", "step", "add", "name", "Laptop", "public_key", key.String(), "wrapped", wrapped).shows(t, "This key is kept here already")
	p.post("/audit/keys", "step", "add", "name", "Laptop", "public_key", "x", "wrapped", wrapped).shows(t, "The key was not accepted")
	p.post("/audit/keys", "step", "remove", "id", "0000000000000000").shows(t, "The key was not accepted")
	second, _ := auditing(t, h, "eva@esempio.example")
	second.get("/audit/keys").hides(t, key.ID())
	second.post("/audit/keys", "step", "remove", "id", key.ID()).shows(t, "The key was not accepted")
	if keys, err := h.access.AuditorKeys(t.Context(), account); err != nil || len(keys) != 1 {
		t.Errorf("%v, %v", keys, err)
	}
	p.post("/audit/keys", "step", "remove", "id", key.ID()).shows(t, "The key is removed", "You have no key here yet")
}

// passkeyPosted is what a browser sends of a passkey whose id is made of one letter.
func passkeyPosted(letter, name string) []string {
	return []string{"credential", strings.Repeat(letter, 32), "passkey_name", name, "passkey", `{"v":1,"kdf":"PRF-HKDF-SHA256","rp":"help.esempio.example","transports":["usb"],"salt":"` +
		strings.Repeat("A", 43) + `=","nonce":"` + strings.Repeat("A", 16) + `","body":"` + strings.Repeat("A", 240) + `"}`}
}

// TestPasskeysArePosted: without a script too, each answer says what became of it.
func TestPasskeysArePosted(t *testing.T) {
	h := newHouse(t, withShelf(newShelf(t)))
	p, account := auditing(t, h, "dino@esempio.example")
	wrapped := `{"v":1,"kdf":"PBKDF2-SHA256","rounds":600000,"salt":"` + strings.Repeat("A", 22) + `==","nonce":"` + strings.Repeat("A", 16) + `","body":"` + strings.Repeat("A", 240) + `"}`
	key := newIdentity(t).Recipient()
	post := func(step string, fields ...string) seen {
		t.Helper()
		return p.post("/audit/keys", append([]string{"step", step}, fields...)...)
	}
	post("add", append(passkeyPosted("A", "My <b>phone</b>"), "name", "Laptop", "public_key", key.String(), "wrapped", wrapped)...).shows(t, "The key is kept", "My &lt;b&gt;phone&lt;/b&gt;", "It will not open the key any more", "Set another passphrase")
	own := []string{"id", key.ID()}
	post("passkey", append(passkeyPosted("B", "Stick"), own...)...).shows(t, "The passkey is added", "Stick")
	post("passkey", append(passkeyPosted("B", "Stick"), own...)...).shows(t, "This passkey is kept here already")
	post("passkey", append(passkeyPosted("C", ""), own...)...).shows(t, "The passkey was not accepted")
	post("passkey", append(passkeyPosted("C", "Stick"), "id", "0000000000000000")...).shows(t, "The passkey was not accepted")
	post("relock", "id", key.ID(), "wrapped", wrapped).shows(t, "The passphrase is changed")
	post("relock", "id", key.ID(), "wrapped", "passphrase").shows(t, "The key was not accepted")
	for _, letter := range strings.Split("DEFGHIJK", "") {
		post("passkey", append(passkeyPosted(letter, "Stick "+letter), own...)...).shows(t, "The passkey is added")
	}
	post("passkey", append(passkeyPosted("L", "Stick L"), own...)...).shows(t, "at most 10 passkeys")
	second, _ := auditing(t, h, "eva@esempio.example")
	second.get("/audit/keys").hides(t, "Stick")
	gone := append([]string{"credential", strings.Repeat("A", 32)}, own...)
	second.post("/audit/keys", append(gone, "step", "passkey_remove")...).shows(t, "The passkey was not accepted")
	removed := post("passkey_remove", gone...)
	removed.shows(t, "The passkey is removed", "Stick")
	removed.hides(t, "My &lt;b&gt;")
	post("passkey_remove", gone...).shows(t, "The passkey was not accepted")
	if got := h.visitor(t).post("/audit/keys", append(gone, "step", "passkey_remove")...); got.StatusCode != http.StatusForbidden {
		t.Errorf("nobody: %d", got.StatusCode)
	}
	if keys, err := h.access.AuditorKeys(t.Context(), account); err != nil || len(keys) != 1 || len(keys[0].Passkeys) != 9 {
		t.Errorf("%v, %v", keys, err)
	}

	// An address that is a number: no passkeys, and the page says why.
	numbered, _ := auditing(t, newHouse(t, withShelf(newShelf(t)), at("https://192.0.2.7")), "dino@esempio.example")
	page := numbered.get("/audit/keys")
	page.shows(t, "There are no passkeys here")
	page.hides(t, "with-passkey")
}

// TestReasonsHaveWords: whatever a check can find, the pages say in words, and fill in
// no more than they are given.
func TestReasonsHaveWords(t *testing.T) {
	texts, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]bool{}
	for _, folder := range []string{"../../../recordings/verdict", "../evidence"} {
		files, err := filepath.Glob(folder + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range reasonCode.FindAllStringSubmatch(string(source), -1) {
				codes[m[1]+m[2]+m[3]] = true
			}
		}
	}
	if len(codes) < 12 {
		t.Fatalf("codes %v: this test would prove nothing", codes)
	}
	given := map[string]bool{"{code}": true, "{segment}": true, "{record}": true, "{id}": true, "{witness}": true}
	for code := range codes {
		key := "audit.reason." + code
		en := texts.Match("en")
		if !en.Has(key) {
			t.Errorf("%s has no words", key)
		}
		for _, p := range regexp.MustCompile(`\{[a-z]+\}`).FindAllString(en.T(key), -1) {
			if !given[p] {
				t.Errorf("%s: nobody fills in %s", key, p)
			}
		}
	}
}

var reasonCode = regexp.MustCompile(`\breason\([A-Za-z]+, "([a-z_]+)"|Code: "([a-z_]+)"|\bcode = "([a-z_]+)"`)
