package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/evidence"
	"consento/protocol"
	"consento/protocol/lang"
	"consento/recordings"

	"github.com/chromedp/chromedp"
)

// summed is a session that is over, with a summary, for some keys; without a summary
// it is one from before there were any.
func (v *vault) summed(t testing.TB, technician string, ended time.Time, summary *recordings.Summary, to ...recordings.Recipient) string {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	w, err := recordings.Create(recordings.Config{Dir: v.folder, Session: recordings.NewSessionID(), Origin: "help.esempio.example", Started: ended.Add(-time.Minute), Recipients: to, Retention: "standard"})
	check(err)
	_, err = v.Opened(t.Context(), w.Path(), w.Head())
	check(err)
	if summary != nil {
		b, err := summary.Bytes()
		check(err)
		check(w.Append(recordings.TrackSearch, 0, time.Second, 0, b))
	}
	_, err = w.Close()
	check(err)
	check(v.Closed(t.Context(), w.Path()))
	id := w.Open().Session.String()
	_, err = v.h.db.NewRaw(`INSERT INTO sessions (id, state, technician_id, technician, team, key_expires, issued, ended, end_reason) VALUES (?, 'Issued', 'anna', ?, 'Service desk', 0, ?, ?, ?)`,
		id, technician, ended.Add(-time.Minute).UnixMilli(), ended.UnixMilli(), protocol.EndCustomer).Exec(t.Context())
	check(err)
	return id
}

// TestSearchIsStatedFirst: nothing of it is had without a reason, by nobody but
// auditors, and nothing after they have signed out.
func TestSearchIsStatedFirst(t *testing.T) {
	h := newHouse(t, withVault(t))
	id := h.vault.summed(t, "Anna Rossi", time.Now(), &recordings.Summary{Reason: "secret words"}, h.vault.auditor.Recipient())
	key := h.vault.auditor.Recipient().ID()
	for _, role := range []access.Role{access.Technician, access.Lead, access.Administrator, access.Maintainer, access.DPO} {
		staff(t, h, role, string(role)+"@esempio.example")
		p := h.visitor(t)
		p.post("/signin", "email", string(role)+"@esempio.example", "password", goodPassword)
		for _, got := range []seen{p.get("/audit/search"), p.get("/audit/search/sessions"), p.post("/audit/search", "reason", "curiosity"), p.post("/audit/search/summaries", "ids", id, "keys", key)} {
			if got.StatusCode != http.StatusForbidden {
				t.Errorf("%s at %s: %d", role, got.Request.URL, got.StatusCode)
			}
		}
	}
	p, _ := auditing(t, h, "dino@esempio.example")
	p.get("/audit/").shows(t, `href="/audit/search"`)
	p.get("/audit/search").shows(t, "go on the log before anything is decrypted", `name="reason"`)
	for _, got := range []seen{p.get("/audit/search/sessions"), p.post("/audit/search/summaries", "ids", id, "keys", key)} {
		if got.StatusCode != http.StatusForbidden {
			t.Errorf("%s without a reason: %d", got.Request.URL, got.StatusCode)
		}
	}
	if got := p.post("/audit/search", "reason", " a "); got.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a short reason: %d", got.StatusCode)
	}
	p.post("/audit/search", "reason", "complaint 17").shows(t, `id="search-data"`, "decrypted in this browser")
	p.get("/audit/search/sessions").shows(t, id, "Anna Rossi")
	if got := p.post("/audit/search/summaries", "ids", id, "keys", key); got.StatusCode != http.StatusOK || !strings.Contains(got.text, `"done":1`) || strings.Contains(got.text, "secret") {
		t.Errorf("%d %s", got.StatusCode, got.text)
	}
	for _, wrong := range [][2]string{{"", key}, {id, ""}, {"x", key}, {strings.Repeat(id+",", 501), key}} {
		if got := p.post("/audit/search/summaries", "ids", wrong[0], "keys", wrong[1]); got.StatusCode != http.StatusNotFound {
			t.Errorf("%.40q: %d", wrong, got.StatusCode)
		}
	}
	if got := p.read(p.do(http.MethodPost, "/audit/search/summaries", "ids="+id+"&keys="+key, "Sec-Fetch-Site", "cross-site")); got.StatusCode != http.StatusForbidden {
		t.Errorf("from another site: %d", got.StatusCode)
	}
	p.get("/audit/trail?kind=search").shows(t, "Contents searched", "1 session")
	p.get("/audit/trail?id="+id).shows(t, "Contents searched")
	p.post("/signout")
	p.post("/signin", "email", "dino@esempio.example", "password", goodPassword)
	p.get("/audit/search").shows(t, `name="reason"`)
}

// TestSearchInChromium: words that only a key opens are found, with what could not be
// searched and why; coming back reads them from this browser, and locking forgets them.
func TestSearchInChromium(t *testing.T) {
	for _, language := range tags(t) {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			h := builtHouse(t, withVault(t))
			mine, now := h.vault.auditor.Recipient(), time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
			first := h.vault.summed(t, "Anna Rossi", now, &recordings.Summary{People: []string{"Anna Rossi", "Zoë Ångström"}, Reason: "Stampante che non stampa", Note: "Toner\nist <b>bestellt</b>", Shown: []string{"LibreOffice"}}, mine)
			if _, err := h.db.NewRaw(`UPDATE sessions SET desk_ticket = 'some', desk_ref = 'T-7KQ4PZ' WHERE id = ?`, first).Exec(t.Context()); err != nil {
				t.Fatal(err)
			}
			second := h.vault.summed(t, "Bruno Gallo", now.Add(time.Hour), &recordings.Summary{Reason: "プリンター", Words: "grazie, ottimo"}, mine)
			h.vault.summed(t, "Carla Neri", now.Add(2*time.Hour), &recordings.Summary{Reason: "toner altrui"}, newIdentity(t).Recipient())
			h.vault.summed(t, "Dario Blu", now.Add(3*time.Hour), nil, mine)
			_, account := auditing(t, h, "dino@esempio.example")
			b := newChromium(t, h, language)
			b.keysInBrowser(account.Email, h.vault.auditor)
			b.open("/audit/search", "#reason")
			b.look("40-search-why")
			b.click("form.card button")
			b.until(`document.querySelector("[aria-invalid]")`)
			b.write("#reason", "complaint 17\r")
			b.until(`document.querySelector("#unlock:not([hidden])")`)
			b.glance("41-search-locked")
			b.unlock("not the passphrase")
			b.until(`document.querySelector("#problem:not([hidden])") && !document.querySelector("#unlock button").disabled`)
			b.unlock(passphrase)
			b.ready4search(3)
			if left := evaluate[int](b, `document.querySelectorAll("#left li").length`); left != 2 {
				t.Errorf("%d reasons why some are left out", left)
			}
			// One is from before there were summaries: the page says so, and where its words are.
			catalog, err := lang.Load()
			if err != nil {
				t.Fatal(err)
			}
			texts := catalog.Match(language)
			if said := evaluate[string](b, `document.querySelector("#left").textContent`); !strings.Contains(said, texts.T("audit.js.search_empty", "sessions", texts.Count("sessions", 1))) {
				t.Errorf("of what was recorded without a summary the page says %q", said)
			}
			for words, want := range map[string]string{"TONER bestellt": first, "angstrom": first, "ottimo": second, "ﾌﾟﾘﾝﾀｰ": second, "rossi libre": first, first[:9]: first, "t-7kq4pz toner": first} {
				b.find(words, 1)
				if got := evaluate[string](b, `document.querySelector("#hits [data-hit]").dataset.hit`); got != want {
					t.Errorf("%q finds %s", words, got)
				}
			}
			b.find("altrui", 0)
			b.find(first[8:16], 0) // only how a number begins
			b.find("toner ottimo", 0)
			b.find("toner", 1)
			if said := evaluate[string](b, `document.querySelector("#hits dd").innerText`); !strings.Contains(said, "Toner\nist <b>bestellt</b>") {
				t.Errorf("the note says %q", said)
			}
			b.look("42-search-found")
			if language != "de" {
				return
			}

			// Back from the session the words are here still, and are not read again.
			b.click("#hits a")
			b.until(`location.pathname === "/audit/sessions/` + first + `"`)
			b.open("/audit/search", "#unlock:not([hidden])")
			if kept := evaluate[int](b, `indexedDB.databases().then(all => all.length)`); kept != 1 {
				t.Errorf("%d stores", kept)
			}
			b.unlock(passphrase)
			b.ready4search(3)
			b.find("toner", 1)
			leaves, err := h.vault.Trail(t.Context(), account, evidence.TrailQuery{Kind: "search"})
			if err != nil || leaves.Total != 1 || leaves.Entries[0].What != "3" {
				t.Errorf("%+v, %v", leaves, err)
			}

			// Locked: nothing is left on the page or in the browser.
			b.click("#lock")
			b.until(`document.querySelector("#unlock:not([hidden])") && document.querySelector("#searcher").hidden`)
			comes(b, `indexedDB.databases().then(all => all.length)`, func(n int) bool { return n == 0 })
			is(b, `document.querySelector("#words").value + document.querySelector("#hits").textContent`, "")

			// What signing out leaves behind opens no more, and who comes back states it anew.
			b.unlock(passphrase)
			b.ready4search(3)
			h.vault.EndSearches(account.ID)
			b.open("/audit/search", "#reason")
			b.write("#reason", "complaint 18\r")
			b.until(`document.querySelector("#unlock:not([hidden])")`)
			b.unlock(passphrase)
			b.ready4search(3)
			if leaves, err = h.vault.Trail(t.Context(), account, evidence.TrailQuery{Kind: "search"}); err != nil || leaves.Total != 3 {
				t.Errorf("%+v, %v", leaves, err)
			}
			h.vault.EndSearches(account.ID)
			b.do(chromedp.Focus("#lock"))
			b.key("\r") // by the keyboard
			b.until(`document.querySelector("#searcher").hidden`)
			b.unlock(passphrase)
			b.until(`document.querySelector("#again:not([hidden])")`)
			b.glance("43-search-over")
		})
	}
}

// ready4search waits until so many sessions can be searched.
func (b *chromium) ready4search(sessions int) {
	b.t.Helper()
	b.until(`document.querySelector("#searcher:not([hidden])")?.dataset.took`)
	b.until(fmt.Sprintf(`document.querySelector("#state").textContent.includes("%d")`, sessions))
}

// find searches and waits until so many sessions are shown.
func (b *chromium) find(words string, hits int) {
	b.t.Helper()
	evaluate[bool](b, `(s => { delete s.dataset.found; return true; })(document.querySelector("#searcher"))`)
	b.do(chromedp.SetValue("#words", words))
	evaluate[bool](b, `document.querySelector("#words").dispatchEvent(new Event("input"))`)
	b.until(fmt.Sprintf(`document.querySelector("#searcher").dataset.found === "%d" && document.querySelectorAll("#hits li").length === %[1]d`, hits))
}

// BenchmarkSearchInChromium is the first unlocking of a search over many sessions, one
// that finds them kept in the browser, and a question.
func BenchmarkSearchInChromium(b *testing.B) {
	for _, many := range []int{1000, 10_000} {
		b.Run(fmt.Sprint(many), func(b *testing.B) {
			h := builtHouse(b, withVault(b))
			mine := []recordings.Recipient{h.vault.auditor.Recipient(), newIdentity(b).Recipient(), newIdentity(b).Recipient()}
			for n := range many {
				h.vault.summed(b, "Anna Rossi", time.Now().Add(-time.Duration(n)*time.Minute), &recordings.Summary{People: []string{"Anna Rossi"}, Team: "Service desk",
					Reason: fmt.Sprintf("printer %d does not print", n), Note: strings.Repeat("checked the toner, then the driver; ", 8), End: "customer", System: "Debian 12", Shown: []string{"LibreOffice Writer"}}, mine...)
			}
			account := staff(b, h, access.Auditor, "dino@esempio.example")
			c := newChromium(b, h, "en")
			c.keysInBrowser(account.Email, h.vault.auditor)
			c.open("/audit/search", "#reason")
			c.write("#reason", "complaint 17\r")
			c.until(`document.querySelector("#unlock:not([hidden])")`)
			took := func() float64 {
				c.unlock(passphrase)
				c.until(`document.querySelector("#searcher:not([hidden])")?.dataset.took`)
				return evaluate[float64](c, `Number(document.querySelector("#searcher").dataset.took)`)
			}
			for b.Loop() {
				first := took()
				c.find("toner 4217", map[bool]int{true: 1}[many > 4217])
				question := evaluate[float64](c, `Number(document.querySelector("#searcher").dataset.search)`)
				c.open("/audit/search", "#unlock:not([hidden])")
				b.ReportMetric(first, "first-ms")
				b.ReportMetric(took(), "again-ms")
				b.ReportMetric(question, "question-ms")
				c.click("#lock")
				c.until(`document.querySelector("#searcher").hidden`)
			}
		})
	}
}
