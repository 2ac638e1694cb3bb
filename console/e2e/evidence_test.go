package console_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"consento/build/stage"
)

// TestEvidence is the auditor's way with one real session: found, a reason stated,
// watched in the browser, and verified on another machine's files without the
// broker.
func TestEvidence(t *testing.T) {
	o := newOffice(t)
	o.must(o.broker.AddReader(o.ctx, "dino@prova.example", "Dino Verdi", "auditor"))
	before := o.files()
	agent := o.share()
	program, err := o.customer.Start("xterm", "-geometry", "60x12+500+400", "-e", "bash", "-c", "for i in $(seq 40); do echo line $i; sleep 0.1; done; sleep 600")
	o.must(err)
	defer program.Kill()
	shown, err := frames(o.console)
	o.must(err)
	o.must(stage.Until(o.ctx, "some pictures", func() bool { n, err := frames(o.console); return err == nil && n > shown+15 }))
	o.must(o.console.Click(`[data-testid="end-session"]`))
	o.over(agent, 0, before)
	o.must(o.console.State("Closed"))
	file := o.newestFile()
	id := strings.TrimSuffix(filepath.Base(file), "-0.rec")

	auditor := o.browser(o.technician, "it-IT")
	o.must(auditor.Open(o.broker.URL + "/signin?next=/audit/keys"))
	o.must(auditor.Type("#email", "dino@prova.example"))
	o.must(auditor.Type("#password", stage.TechnicianPassword))
	o.must(auditor.Click(`form[action="/signin"] button`))
	o.must(auditor.Until("keys", `document.querySelector("#make")`))
	o.must(auditor.Choose("#key-file", o.broker.Identity))
	o.must(auditor.Type("#key-name", "Questo computer"))
	o.must(auditor.Type("#passphrase", "four brown owls under Trento"))
	o.must(auditor.Type("#passphrase-again", "four brown owls under Trento"))
	o.must(auditor.Click("#make button"))
	o.must(auditor.Until("key is kept", `document.querySelector("[data-key]")`))
	o.picture("1-keys", o.technician)

	o.must(auditor.Open(o.broker.URL + "/audit/"))
	o.must(auditor.Until("the session", `document.querySelector('a[href="/audit/sessions/`+id+`"]')`))
	o.picture("2-list", o.technician)
	o.must(auditor.Click(`a[href="/audit/sessions/` + id + `"]`))
	o.must(auditor.Until("the session's page", `location.pathname === "/audit/sessions/`+id+`" && document.readyState === "complete"`))
	o.shows(auditor, "/audit/sessions/"+id, `document.querySelector('[data-testid="evidence-verdict"]').dataset.state === "intact"`)
	o.picture("3-session", o.technician)
	o.must(auditor.Type("#reason", "Reclamo 17/2026"))
	o.must(auditor.Click(`button[name="how"][value="page"]`))
	o.must(auditor.Until("locked", `document.querySelector("#unlock:not([hidden])")`))
	o.must(auditor.Type("#unlock input[type=password]", "four brown owls under Trento"))
	o.must(auditor.Click("#unlock button"))
	o.must(auditor.Until("a picture of the customer's screen", `document.querySelector("#video").videoWidth === 1280`))
	o.picture("4-player", o.technician)

	// The same files elsewhere, without broker and network.
	elsewhere := t.TempDir()
	keys := filepath.Join(o.broker.Data, "keys")
	o.comesToWhole("session", func() (int, string, error) {
		for _, f := range []string{id + "-0.rec", id + "-0.key", id + ".proof"} {
			data, err := os.ReadFile(filepath.Join(filepath.Dir(file), f))
			if err != nil {
				return unverifiable, err.Error(), nil
			}
			o.must(os.WriteFile(filepath.Join(elsewhere, f), data, 0o600))
		}
		return o.broker.Verify(o.ctx, "session", filepath.Join(elsewhere, id+"-0.rec"), "--policy", keys)
	})
	o.erased(auditor, id)
	o.comesToWhole("log", func() (int, string, error) {
		return o.broker.Verify(o.ctx, "log", filepath.Join(o.broker.Data, "log"), "--policy", keys)
	})
}

// comesToWhole waits for a verdict: the witness's signature comes a moment after
// what it signs.
func (o *office) comesToWhole(what string, verify func() (int, string, error)) {
	o.t.Helper()
	var code int
	var out string
	ctx, cancel := stage.Briefly(o.ctx)
	defer cancel()
	err := stage.Until(ctx, what, func() bool {
		var err error
		code, out, err = verify()
		o.must(err)
		return code == whole
	})
	if err != nil {
		o.t.Errorf("consento-verify %s: exit code %d\n%s", what, code, out)
	}
}

// shows opens a page of the broker again and again until it shows this: what the page
// tells of comes a moment after what came before.
func (o *office) shows(b *stage.Browser, path, expression string) {
	o.t.Helper()
	ctx, cancel := stage.Briefly(o.ctx)
	defer cancel()
	if err := stage.Until(ctx, path+" shows "+expression, func() bool {
		o.must(b.Open(o.broker.URL + path))
		shown, err := stage.Eval[bool](b, `(() => { try { return !!(`+expression+`); } catch { return false; } })()`)
		return err == nil && shown
	}); err != nil {
		o.must(fmt.Errorf("%w; the page says: %s", err, b.Says()))
	}
}

// erased: a hold wins, then the auditor asks and the data-protection officer
// approves; nobody reads the session any more, and its integrity still verifies.
func (o *office) erased(auditor *stage.Browser, id string) {
	o.t.Helper()
	o.must(o.broker.AddReader(o.ctx, "paola@prova.example", "Paola Blu", "dpo"))
	page := o.broker.URL + "/audit/retention/" + id
	hold := func(step string) {
		o.must(auditor.Open(page))
		o.must(auditor.Type("#why", "Tribunale, 12/2026"))
		o.must(auditor.Click(`button[name="step"][value="` + step + `"]`))
	}
	hold("put")
	o.must(auditor.Until("held", `document.querySelector('button[name="step"][value="release"]') !== null && document.querySelector('button[value="review_ask"]') === null`))
	o.picture("5-held", o.technician)
	hold("release")
	o.must(auditor.Until("released", `document.querySelector('button[name="step"][value="put"]') !== null`))
	o.must(auditor.Click(`button[value="review_ask"]`))
	o.must(auditor.Until("asked once more", `document.querySelector('button[name="step"][value="ask"]') !== null`))
	o.must(auditor.Type("#why", "Chiesto dalla persona"))
	o.must(auditor.Click(`button[name="step"][value="ask"]`))
	o.must(auditor.Until("asked", `location.pathname.startsWith("/audit/retention") && document.querySelector('button[name="step"][value="ask"]') === null`))

	officer := o.browser(o.technician, "it-IT")
	o.must(officer.Open(o.broker.URL + "/signin?next=/audit/retention"))
	o.must(officer.Type("#email", "paola@prova.example"))
	o.must(officer.Type("#password", stage.TechnicianPassword))
	o.must(officer.Click(`form[action="/signin"] button`))
	o.must(officer.Until("waits", `document.querySelector('input[name="pick"]') !== null`))
	o.must(officer.Click(`input[name="pick"]`))
	o.must(officer.Click(`button[value="review_decide"]`))
	o.must(officer.Until("what is lost", `document.querySelector("#sure") !== null`))
	o.must(officer.Type("#why", "Il tempo è passato"))
	o.must(officer.Click("#sure"))
	o.picture("6-decides", o.technician)
	o.must(officer.Click(`button[name="step"][value="approve"]`))
	bag := filepath.Join(o.broker.Data, "evidence", id+"-0.key")
	o.must(stage.Until(o.ctx, "the key bag is gone", func() bool { _, err := os.Stat(bag); return os.IsNotExist(err) }))
	officer.Close()

	o.shows(auditor, "/audit/sessions/"+id, `document.querySelector("#reason") === null && document.querySelector('[data-testid="evidence-verdict"]').dataset.state !== "tampered"`)
	o.picture("7-erased", o.technician)
	code, out, err := o.broker.Verify(o.ctx, "session", filepath.Join(o.broker.Data, "evidence", id+"-0.rec"), "--policy", filepath.Join(o.broker.Data, "keys"))
	o.must(err)
	if code == 1 || code == 2 {
		o.t.Errorf("the integrity of what was erased: exit code %d\n%s", code, out)
	}
}
