package console_test

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"consento/build/stage"
	"consento/protocol"
)

// TestStranger goes the README's way: from the one-time link to the saved log of a
// session with oneself, in one browser, and opens the recording as the auditor.
func TestStranger(t *testing.T) {
	o := newEmptyOffice(t)
	o.customer = o.screen(image.Pt(1280, 800), "stranger")
	o.page = o.browser(o.customer, "en-US", aTerminal)
	b := o.page

	o.must(b.Open(o.broker.URL + "/"))
	o.must(b.Until("not ready yet", `document.querySelector("h1") && !document.querySelector("#key")`))
	o.picture("1-not-ready", o.customer)
	if o.broker.Setup == "" {
		t.Fatal("the broker printed no set-up link")
	}
	o.must(b.Open(o.broker.Setup))
	o.must(painted(b))
	o.picture("2-setup", o.customer)
	logo := filepath.Join(o.dir, "logo.png")
	o.must(os.WriteFile(logo, drawn(t), 0o600))
	for _, field := range []struct{ name, text string }{
		{"office.name", "Comune di Prova"}, {"office.phone", "+39 0471 000 000"},
		{"administrator.name", "Carla Neri"}, {"administrator.email", "carla@prova.example"}, {"administrator.password", "quiet snow on the old bridge"},
		{"auditor.name", "Dino Verdi"}, {"auditor.email", "dino@prova.example"}, {"auditor.password", "four owls above the long river"},
		{"technician.name", stage.TechnicianName}, {"technician.email", stage.TechnicianEmail}, {"technician.password", stage.TechnicianPassword}, {"technician.team", stage.Team},
	} {
		o.must(b.Type(`[id="`+field.name+`"]`, field.text))
	}
	o.must(b.Choose(`[id="office.logo"]`, logo))
	o.must(b.Choose(`[id="auditor.key_file"]`, filepath.Join(filepath.Dir(o.broker.Identity), "recipient.pub")))
	o.must(b.Click(`form[action="/setup"] button.primary`))
	o.must(b.Until("done", `location.search === "" && document.querySelector("#try") && document.querySelector("header img").naturalWidth === 200`))
	o.must(painted(b))
	o.picture("3-done", o.customer)

	// Sign in, and one press: the customer's page comes in a second tab.
	o.must(b.Click(`a[href^="/signin"]`))
	o.must(b.Type("#email", stage.TechnicianEmail))
	o.must(b.Type("#password", stage.TechnicianPassword))
	o.must(b.Click(`form[action="/signin"] button`))
	o.must(b.Until("what to do", `document.querySelector('.try button:not([aria-disabled="true"])')`))
	o.must(painted(b))
	o.picture("4-console", o.customer)
	terminal, err := o.customer.Start("xterm", "-geometry", "60x12+500+400", "-T", "A terminal", "-e", "bash", "-c", "seq 500; sleep 600")
	o.must(err)
	defer terminal.Kill()
	_, err = o.customer.Window(o.ctx, "A terminal")
	o.must(err)
	tab, err := b.Tab(func() error { return b.Click(".try button") })
	if err != nil {
		o.must(err)
	}
	defer tab.Close()
	o.must(tab.Until("the key is filled in", `document.querySelector("#key").value.length === 8`))
	o.picture("5-key", o.customer)
	o.must(tab.Click(`form[action="/key"] button`))
	o.must(tab.Until("marked as a test", `document.querySelector(".person") && document.body.innerText.includes("marked this session as a test")`))
	o.picture("6-name", o.customer)
	o.must(tab.ConfirmName(true))
	o.must(tab.Until("terms", `!document.querySelector('div[data-step="terms"]').hidden`))
	if said, err := stage.Eval[string](tab, `document.querySelector(".terms").textContent`); err != nil || !strings.Contains(said, "Comune di Prova offers you help") {
		t.Errorf("the terms say %s, %v", said, err)
	}
	o.must(painted(tab))
	o.picture("7-terms", o.customer)
	o.must(tab.Click(`[data-do="accept"]`))
	o.must(tab.Until("question", `!document.querySelector('div[data-step="ask"]').hidden`))
	o.picture("8-ask", o.customer)
	o.must(tab.Click(`[data-do="share"]`))
	o.must(tab.Until("bar", `!document.querySelector("#bar").hidden`))
	o.must(b.State("Active"))
	o.must(b.Until("picture", `document.querySelector('`+remote+`').videoWidth > 0`))
	o.picture("9-sharing", o.customer)
	o.shot("9-console", b)
	if name, err := b.Text(".tab-name"); err != nil || !strings.HasPrefix(name, "Test ") {
		t.Errorf("the session is called %q, %v", name, err)
	}
	o.must(tab.Click(`[data-do="end"]`))
	o.must(tab.Until("over", `document.querySelector(".reason").textContent.length > 0`))
	o.picture("10-over", o.customer)
	o.must(tab.Click(`a[href="/session/log"]`))
	// With times in this computer's zone: the page asks for itself again for that.
	o.must(tab.Until("log", `document.body.innerText.includes("It was marked as a test.") && location.search.includes("zone=")`))
	o.must(painted(tab))
	o.picture("11-log", o.customer)
	o.must(tab.Click(`a[href^="/session/log.json"]`))
	var saved []byte
	o.must(stage.Until(o.ctx, "the log is saved", func() bool {
		files, _ := filepath.Glob(filepath.Join(o.customer.Home, "Downloads", "*.json"))
		if len(files) != 1 {
			return false
		}
		saved, err = os.ReadFile(files[0])
		return err == nil && json.Valid(saved)
	}))
	if !bytes.Contains(saved, []byte(`"test":true`)) && !bytes.Contains(saved, []byte(`"test": true`)) {
		t.Errorf("the saved log does not say that it was a test: %s", saved)
	}
	e := o.newest(whole)
	e.expect(t, protocol.EndCustomer, protocol.EventIssued, protocol.EventTermsShown, protocol.EventTermsAccepted, protocol.EventConsentGiven, protocol.EventScreenShown, protocol.EventClosed)
	e.seen(t)
	o.audits(b, "dino@prova.example", "four owls above the long river")
}

// painted waits until what the page holds is on the screen.
func painted(b *stage.Browser) error {
	_, err := stage.Eval[bool](b, `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))`)
	return err
}

// shot keeps a picture of a page that another tab covers, if somebody wants one.
func (o *office) shot(name string, b *stage.Browser) {
	folder := os.Getenv("SESSION_SHOTS")
	if folder == "" {
		return
	}
	picture, err := b.Shot()
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, o.t.Name()+"-"+name+".png"), picture, 0o600)
	}
	o.must(err)
}

// drawn is a logo: a picture with an edge in it.
func drawn(t *testing.T) []byte {
	t.Helper()
	m := image.NewNRGBA(image.Rect(0, 0, 200, 80))
	for y := range 80 {
		for x := range 200 {
			if m.Set(x, y, color.NRGBA{R: 0, G: 102, B: 204, A: 255}); (x/20+y/20)%2 == 0 {
				m.Set(x, y, color.NRGBA{R: 240, G: 180, B: 0, A: 255})
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
