package web_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"consento/broker/internal/access"
	"consento/broker/internal/evidence"

	"github.com/chromedp/chromedp"
)

// TestTrailIsForAuditorsAndDPO: both read it and nobody else does; the officer sees
// no recordings there.
func TestTrailIsForAuditorsAndDPO(t *testing.T) {
	h := newHouse(t, withShelf(newShelf(t)))
	id := short(t, h.shelf)
	key := newIdentity(t).Recipient()
	h.shelf.done(t, evidence.Entry{Kind: "admin", What: "account.added", By: "command"}, `{"name":"secret name"}`, key)
	h.shelf.done(t, evidence.Entry{Kind: "access", What: "export", By: "0123456789abcdef", Session: id}, `{"reason":"secret reason"}`, key)
	h.shelf.done(t, evidence.Entry{Kind: "future", What: "invented"}, "")
	sealed := "/audit/trail/sealed/" + h.shelf.trail[1].Body
	for _, role := range access.Roles() {
		staff(t, h, role, string(role)+"@esempio.example")
		p := h.visitor(t)
		in := p.post("/signin", "email", string(role)+"@esempio.example", "password", goodPassword)
		page, note := p.get("/audit/trail"), p.get(sealed)
		if role != access.Auditor && role != access.DPO {
			if page.StatusCode != http.StatusForbidden || note.StatusCode != http.StatusForbidden || strings.Contains(page.text, "account added") {
				t.Errorf("%s: %d, %d", role, page.StatusCode, note.StatusCode)
			}
			continue
		}
		page.shows(t, "3 entries", "Administration: account added", "a command on the server", "Recording read: exported", "01234567<", "future: invented", id[:8])
		page.hides(t, "secret", "89abcdef")
		if note.StatusCode != http.StatusOK || strings.Contains(note.text, "secret") {
			t.Errorf("%s gets %d, %s", role, note.StatusCode, note.text)
		}
		if reads := strings.Contains(page.text, "/audit/sessions/"+id); reads != (role == access.Auditor) {
			t.Errorf("%s is led to recordings: %v", role, reads)
		}
		if role == access.DPO && in.Request.URL.Path != "/audit/trail" {
			t.Errorf("the officer came to %s", in.Request.URL)
		}
		p.get("/audit/trail?kind=access").shows(t, "1 entry", "exported")
		p.get("/audit/trail?kind=share").shows(t, "Nothing fits")
		if got := p.get("/audit/trail?to=never"); got.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("a wrong day: %d", got.StatusCode)
		}
		if got := p.get("/audit/trail/sealed/" + strings.Repeat("f", 64)); got.StatusCode != http.StatusNotFound {
			t.Errorf("a body that is not there: %d", got.StatusCode)
		}
	}
	if got := h.visitor(t).get("/audit/trail"); got.StatusCode != http.StatusForbidden {
		t.Errorf("nobody: %d", got.StatusCode)
	}
}

// TestTrailInChromium opens what is sealed, and tells what it is not for.
func TestTrailInChromium(t *testing.T) {
	for _, language := range tags(t) {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			h := builtHouse(t, withShelf(newShelf(t)))
			identity, stranger := newIdentity(t), newIdentity(t)
			id := short(t, h.shelf)
			h.shelf.done(t, evidence.Entry{Kind: "admin", What: "office.changed", By: "0123456789abcdef"}, `{"id":"1","data":{"what":"phone","after":"<b>+39</b>"}}`, identity.Recipient(), stranger.Recipient())
			h.shelf.done(t, evidence.Entry{Kind: "access", What: "page", By: "0123456789abcdef", Session: id}, `{"name":"Dino Verdi","reason":"Beschwerde 17"}`, identity.Recipient())
			h.shelf.done(t, evidence.Entry{Kind: "witness", What: "lagging"}, "")
			_, account := auditing(t, h, "dino@esempio.example")
			b := newChromium(t, h, language)
			b.keysInBrowser(account.Email, identity)
			b.open("/audit/trail", "table")
			b.look("29-trail")
			bring := func(id string) {
				t.Helper()
				name := filepath.Join(t.TempDir(), "identity")
				if err := os.WriteFile(name, []byte(id), 0o600); err != nil {
					t.Fatal(err)
				}
				evaluate[bool](b, `document.querySelector("#unlock details").open = true`)
				b.do(chromedp.SetUploadFiles("#identity", []string{name}))
			}
			nobody, err := newIdentity(t).Secret()
			if err != nil {
				t.Fatal(err)
			}
			bring(nobody)
			b.until(`document.querySelector("#problem:not([hidden])") && document.querySelector("#unlock:not([hidden])")`)
			b.do(chromedp.SetValue("#unlock #passphrase", passphrase))
			b.click("#unlock button")
			b.until(`document.querySelector("#unlock").hidden && document.querySelector("#problem").hidden`)
			text := evaluate[string](b, `document.querySelector("table").innerText`)
			for _, want := range []string{"Beschwerde 17", "Dino Verdi", "<b>+39</b>"} {
				if !strings.Contains(text, want) {
					t.Errorf("%q is not shown in %s", want, text)
				}
			}
			b.look("29-trail-open")
			if language != "en" {
				return
			}
			// Who was named in one only reads one.
			b.open("/audit/trail", "table")
			secret, err := stranger.Secret()
			if err != nil {
				t.Fatal(err)
			}
			bring(secret)
			b.until(`document.querySelector("#unlock").hidden`)
			if got := evaluate[string](b, fmt.Sprintf(`document.querySelector('[data-body=%q]').textContent`, h.shelf.trail[1].Body)); got != "Not encrypted for this key" {
				t.Errorf("what is not for this key says %q", got)
			}
		})
	}
}
