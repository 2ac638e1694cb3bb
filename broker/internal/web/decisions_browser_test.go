package web_test

import (
	"strings"
	"testing"
	"time"

	"consento/broker/internal/access"

	"github.com/chromedp/chromedp"
)

// TestDecisionsInChromium looks at every page of retention, holds and deletion in
// every language; the reasons are on the trail, and open with a key in the browser.
func TestDecisionsInChromium(t *testing.T) {
	for _, language := range tags(t) {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			h := builtHouse(t, withVault(t))
			old := time.Now().AddDate(0, -4, 0)
			first, second, third := h.vault.session(t, "Anna Rossi", old), h.vault.session(t, "Bruno Gallo", old.Add(time.Hour)), h.vault.session(t, "Carlo Riva", old.Add(2*time.Hour))
			officer := access.Account{ID: "officer", Name: "Paola Blu", Role: access.DPO}
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			must(h.vault.PutHold(t.Context(), officer, second, "court <b>7</b>"))
			must(h.vault.AskErasure(t.Context(), officer, third, "asked for by the person concerned", false))
			logged := h.vault.session(t, "Dora Neri", old.Add(3*time.Hour))
			must(h.vault.AskErasure(t.Context(), officer, logged, "time is over", true))
			asked, err := h.vault.Subject(t.Context(), officer, logged)
			must(err)
			must(h.vault.DecideErasure(t.Context(), access.Account{ID: "other", Name: "Ugo Rosa", Role: access.Auditor}, asked.Erasures[0].ID, true, "yes"))
			_, account := auditing(t, h, "dino@esempio.example")
			b := newChromium(t, h, language)
			b.keysInBrowser(account.Email, h.vault.auditor)

			b.open("/audit/retention", "#due")
			b.look("30-retention")
			b.click("#due ~ form button")
			b.until(`document.querySelector(".error-summary")`)
			b.open("/audit/retention/"+first, "#why")
			b.look("31-subject")
			b.click("button[value=put]")
			b.until(`document.querySelector("[aria-invalid]")`)
			b.glance("31-subject-error")
			b.open("/audit/retention", "#due")

			// By the keyboard alone: choose, ask once more, state why.
			b.do(chromedp.Focus(`input[name=pick][value="` + first + `"]`))
			b.key(" ")
			b.do(chromedp.Focus(`button[value=review_ask]`))
			b.key("\r")
			b.until(`document.querySelector("#lost") && document.querySelector("button[value=ask]")`)
			b.look("32-ask")
			b.write("#why", "time is over\r")
			b.until(`location.search === "?said=asked"`)
			b.click("#waiting ~ form input[name=pick]")
			b.click("button[value=review_decide]")
			b.until(`document.querySelector("#sure")`)
			b.do(chromedp.SetValue("#why", "as the law says"))
			b.click("button[value=approve]")
			b.until(`document.querySelector("#error-sure")`)
			b.look("33-decide")
			b.click("#sure")
			b.click("button[value=approve]")
			b.until(`location.search === "?said=approved"`)
			b.glance("34-approved")

			b.open("/audit/trail", "#unlock:not([hidden])")
			b.do(chromedp.SetValue("#unlock #passphrase", passphrase))
			b.click("#unlock button")
			b.until(`document.querySelector("#unlock").hidden`)
			b.look("36-trail-open")
			said := evaluate[string](b, `document.querySelector("table").innerText`)
			for _, words := range []string{"court <b>7</b>", "asked for by the person concerned", "time is over", "as the law says", "Paola Blu"} {
				if !strings.Contains(said, words) {
					t.Errorf("the trail does not say %q: %s", words, said)
				}
			}

			// Of a recording that is erased there is its log, and nothing else.
			b.open("/audit/sessions/"+logged, "#reason")
			b.look("37-log-kept")
			b.watch(logged)
			b.unlock(passphrase)
			b.unlocked()
			b.until(`document.querySelector("#events li")`)
			if said := evaluate[string](b, `document.querySelector("#events").innerText`); !strings.Contains(said, "printer") || strings.Contains(said, "secret words") {
				t.Errorf("what is shown of the log: %s", said)
			}
			b.look("38-log-alone")
		})
	}
}
