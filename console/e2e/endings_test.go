package console_test

import (
	"fmt"
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"consento/build/stage"
	"consento/protocol"
)

// TestEndingsAndReports plays what comes after a session, and what a customer does
// who is being deceived.
func TestEndingsAndReports(t *testing.T) {
	o := newOffice(t)
	o.act("reason, log from the help program, rating", afterTheSession)
	o.act("reported at the terms", func(o *office) {
		before := o.files()
		agent := o.agent()
		window, err := o.customer.Window(o.ctx, "Consento – condizioni")
		o.must(err)
		o.picture("report", o.customer)
		o.must(o.customer.PressIn(o.ctx, window, "shift+Tab", "Return"))
		o.must(o.page.Until("what to do next", `document.body.innerText.includes("Riattacca")`))
		o.over(agent, 3, before)
		o.must(o.console.State("Closed"))
		o.must(o.console.Until("the technician is told", `document.querySelector(".ended").innerText.includes("The customer reported this session.")`))
		o.newest(whole).expect(o.t, protocol.EndReported, protocol.EventTermsShown, protocol.EventReported, protocol.EventEnded, protocol.EventRemoved, protocol.EventClosed)
	})
	o.act("reported on the page while the screen is shown", func(o *office) {
		before := o.files()
		agent := o.share()
		o.must(o.page.Click(`form[action="/session/report"] button`))
		o.over(agent, 0, before)
		o.must(o.console.State("Closed"))
		o.newest(whole).expect(o.t, protocol.EndReported, protocol.EventConsentGiven, protocol.EventReported, protocol.EventEnded)
		const report = "a customer reported a session"
		ctx, cancel := stage.Briefly(o.ctx)
		defer cancel()
		if stage.Until(ctx, report, func() bool { return strings.Count(o.broker.Log(), report) >= 2 }) != nil || strings.Count(o.broker.Log(), report) != 2 {
			o.t.Errorf("the operators read %d times of it", strings.Count(o.broker.Log(), report))
		}
	})
}

// afterTheSession says why, ends, and follows the last window's way to the log in
// another browser, where the help is rated.
func afterTheSession(o *office) {
	before := o.files()
	key := o.issue()
	o.must(o.console.Type("#why", "Stampante HP\r"))
	o.must(o.console.Until("the customer sees it", `document.querySelector("#why-hint").textContent.includes("sees this reason")`))
	o.must(o.page.EnterKey(o.broker, key))
	o.must(o.page.Until("reason and first visit", `document.body.innerText.includes("Stampante HP") && document.querySelector('button[value="called"]') !== null`))
	o.picture("first", o.customer)
	o.must(o.page.ConfirmName(true))
	command, err := o.page.FetchAgent(o.ctx, o.customer)
	o.must(err)
	// The desktop's way to a browser: it writes down where it was sent.
	tools, asked := o.t.TempDir(), filepath.Join(o.t.TempDir(), "asked")
	o.must(os.WriteFile(filepath.Join(tools, "xdg-open"), []byte("#!/bin/sh\necho \"$1\" > '"+asked+"'\n"), 0o755))
	agent, err := o.customer.StartAgent(o.ctx, command, "PATH="+tools+":"+os.Getenv("PATH"))
	o.must(err)
	o.must(o.customer.Accept(o.ctx, "Consento – condizioni"))
	o.must(o.customer.Accept(o.ctx, "Consento – mostrare"))
	o.must(o.console.State("Active"))
	o.must(o.console.Click(`[data-testid="end-session"]`))

	window, err := o.customer.Window(o.ctx, "Consento – rimosso")
	o.must(err)
	o.must(o.customer.PressIn(o.ctx, window, "shift+Tab", "Return"))
	var address []byte
	o.must(stage.Until(o.ctx, "the log is opened", func() bool {
		address, err = os.ReadFile(asked)
		return err == nil && len(address) > 0
	}))
	o.must(o.customer.PressIn(o.ctx, window, "Tab")) // from the link back to the button
	o.over(agent, 0, before)
	if !strings.HasPrefix(string(address), o.broker.URL+"/log/") {
		o.t.Fatalf("sent to %s", address)
	}
	other := o.browser(o.customer, "de-DE")
	o.must(other.Open(strings.TrimSpace(string(address))))
	o.must(other.Until("the log", `location.pathname === "/session/log" && location.search.includes("zone=") && document.querySelector('tr[data-code="agent.removed"]') !== null`))
	o.must(other.Until("in words", `document.body.innerText.includes("Stampante HP") && document.body.innerText.includes("Ihren Bildschirm sehen")`))
	o.picture("log", o.customer)
	thief := o.browser(o.customer, "en-US")
	o.must(thief.Open(strings.TrimSpace(string(address))))
	o.must(thief.Until("once only", `document.body.innerText.includes("This link does not work any more")`))
	thief.Close()

	o.must(other.Click(`a[href="/session"]`))
	o.must(other.Click(`input[name="stars"][value="5"]`))
	o.must(other.Type("#words", "Schnell\nund freundlich"))
	o.must(other.Click(".rating button"))
	o.must(other.Until("thanked", `document.querySelector(".rating .notice.good") !== null`))
	other.Close()
	o.must(o.console.State("Closed"))
	o.must(o.console.Until("the stars", `document.querySelector(".ended .stars")?.textContent === "★★★★★"`))
	o.picture("rated", o.technician)

	// The rating is a segment that goes on from the sealed one, for whoever verifies.
	first := o.newestFile()
	if _, err := os.Stat(strings.TrimSuffix(first, "-0.rec") + "-1.rec"); err != nil {
		o.t.Fatalf("the rating has no segment after %s: %v", first, err)
	}
	var code int
	var out string
	patient, cancel := stage.Briefly(o.ctx)
	defer cancel()
	_ = stage.Until(patient, "verdict", func() bool { // the last one tells; the log has the segment a moment later
		code, out, err = o.broker.Verify(o.ctx, "session", first, "--policy", filepath.Join(o.broker.Data, "keys", "log.pub"))
		o.must(err)
		return code == unverifiable
	})
	if code != unverifiable {
		o.t.Errorf("consento-verify session: exit code %d\n%s", code, out)
	}
	folder := o.t.TempDir()
	code, out, err = o.broker.Verify(o.ctx, "open", first, "--identity", o.broker.Identity, "--out", folder)
	o.must(err)
	data, err := os.ReadFile(filepath.Join(folder, "events.json"))
	o.must(err)
	if text := string(data); code != unverifiable || !strings.Contains(text, "session.rated") || !strings.Contains(text, "und freundlich") || !strings.Contains(text, "Stampante HP") {
		o.t.Errorf("exit code %d\n%s\n%s", code, out, text)
	}
}

// TestEndedByTheBroker: the ends that neither side asks for, in words at both.
func TestEndedByTheBroker(t *testing.T) {
	t.Setenv("CONSENTO_SESSION_MAX_DURATION", "10s")
	o := newOffice(t)
	// told waits for the end at both sides, and returns what is on the evidence.
	told := func(o *office, agent *stage.Agent, before []string, code int, technician, customer string) evidence {
		o.t.Helper()
		if technician != "" {
			o.words("body", technician)
			o.must(o.console.State("Closed"))
			o.picture("technician", o.technician)
		}
		_, err := o.customer.Window(o.ctx, "Consento – rimosso")
		o.must(err)
		o.picture("customer", o.customer)
		o.over(agent, code, before)
		o.must(o.page.Until("the customer reads "+customer, `document.querySelector(".reason").textContent.includes("`+customer+`")`))
		return o.newest(whole)
	}
	o.act("longest time", func(o *office) {
		before := o.files()
		agent := o.agent()
		o.must(o.customer.Accept(o.ctx, "Consento – condizioni"))
		o.must(o.customer.Accept(o.ctx, "Consento – mostrare"))
		e := told(o, agent, before, 0, "The longest time for this session", "È scaduto il tempo massimo della sessione.")
		e.expect(o.t, protocol.EndLimit, protocol.EventConsentGiven, protocol.EventEnded, protocol.EventRemoved, protocol.EventClosed)
	})
	t.Setenv("CONSENTO_SESSION_MAX_DURATION", "8h")
	o.must(o.broker.Stop())
	o.must(o.console.Until("not connected", `!document.querySelector('button.new-session:not([disabled]):not([aria-disabled="true"])')`))
	o.must(o.broker.Start(o.ctx))
	o.must(o.console.Until("connected again", `document.querySelector('button.new-session:not([disabled]):not([aria-disabled="true"])')`))
	o.act("display lost", func(o *office) {
		other := *o
		other.customer = o.screen(image.Pt(1024, 768), "other")
		other.page = o.browser(other.customer, "it-IT")
		before := other.files()
		agent := other.agent()
		other.must(other.customer.Accept(o.ctx, "Consento – condizioni"))
		other.must(other.customer.Accept(o.ctx, "Consento – mostrare"))
		o.must(o.console.State("Active"))
		other.customer.Crash()
		o.words("body", "The customer's screen could not be shown.")
		o.must(o.console.State("Closed"))
		o.picture("technician", o.technician)
		code, err := agent.Exit(o.ctx)
		o.must(err)
		if code != 6 && code != 8 {
			o.t.Errorf("exit code %d", code)
		}
		other.clean(before)
		o.newest(whole).expect(o.t, protocol.EndCaptureFailed, protocol.EventConsentGiven, protocol.EventEnded, protocol.EventRemoved, protocol.EventClosed)
	})
	o.act("no memory for the encoder", func(o *office) {
		other := *o
		other.customer = o.screen(image.Pt(2560, 1440), "large")
		other.must(other.customer.Resolution(o.ctx, image.Pt(1280, 800)))
		other.page = o.browser(other.customer, "it-IT")
		before := other.files()
		agent := other.share()
		// Enough for windows and all else, and not for a picture three times as large.
		other.must(limitMemory(agent.PID(), 32<<20))
		other.must(other.customer.Resolution(o.ctx, image.Pt(2560, 1400)))
		o.words("body", "The customer's screen could not be shown.")
		o.must(o.console.State("Closed"))
		_, err := other.customer.Window(o.ctx, "Consento – rimosso")
		other.must(err)
		o.picture("customer", other.customer)
		other.over(agent, 8, before)
		if log := agent.Log(); !strings.Contains(log, "encode: encoder failed") {
			o.t.Errorf("it was not the encoder:\n%s", log)
		}
		other.must(other.page.Until("why", `document.querySelector(".reason").textContent.includes("Non è più stato possibile riprendere lo schermo.")`))
		e := o.newest(whole)
		e.expect(o.t, protocol.EndCaptureFailed, protocol.EventConsentGiven, protocol.EventEnded, protocol.EventRemoved, protocol.EventClosed)
		e.seen(o.t)
	})
	o.act("account ended", func(o *office) {
		before := o.files()
		agent := o.share()
		o.must(o.broker.EndAccount(o.ctx, stage.TechnicianEmail))
		e := told(o, agent, before, 0, "", "Il tecnico non è più autorizzato a proseguire.")
		o.must(o.console.Until("signed out", `location.pathname.startsWith("/signin") || document.body.innerText.includes("signed")`))
		o.picture("technician", o.technician)
		e.expect(o.t, protocol.EndRightsRevoked, protocol.EventConsentGiven, protocol.EventEnded, protocol.EventRemoved, protocol.EventClosed)
	})
	o.act("account ended while the broker is down", func(o *office) {
		const email = "dora.verdi@comune.example"
		o.must(o.broker.AddTechnician(o.ctx, email, "Dora Verdi", stage.Team))
		o.console.Close()
		o.console = o.browser(o.technician, "en-US")
		o.must(o.console.SignInAs(o.broker, email))
		before := o.files()
		agent := o.share()
		o.must(o.broker.Stop())
		o.must(o.broker.EndAccount(o.ctx, email))
		o.must(o.broker.Start(o.ctx))
		_, err := o.customer.Window(o.ctx, "Consento – rimosso")
		o.must(err)
		o.picture("customer", o.customer)
		o.over(agent, 0, before) // it came back, and was told why it is over
		o.must(o.page.Open(o.broker.URL + "/session"))
		o.must(o.page.Until("why", `document.querySelector(".reason").textContent.includes("Il tecnico non è più autorizzato a proseguire.")`))
		e := o.newest(whole)
		e.expect(o.t, protocol.EndRightsRevoked, protocol.EventConsentGiven, protocol.EventSuspended, protocol.EventEnded, protocol.EventRemovalUnknown, protocol.EventClosed)
		e.seen(o.t)
		o.comesToWhole("log", func() (int, string, error) {
			return o.broker.Verify(o.ctx, "log", filepath.Join(o.broker.Data, "log"), "--policy", filepath.Join(o.broker.Data, "keys"))
		})
		o.auditorSeesTheEnd()
	})
}

// limitMemory gives a running program more bytes of memory to write to, and no
// others (RLIMIT_DATA, getrlimit(2)).
func limitMemory(pid int, more uint64) error {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return err
	}
	_, line, _ := strings.Cut(string(status), "\nVmData:")
	var now uint64 // kB
	if _, err := fmt.Sscan(line, &now); err != nil {
		return fmt.Errorf("VmData: %w", err)
	}
	most := now<<10 + more
	return unix.Prlimit(pid, unix.RLIMIT_DATA, &unix.Rlimit{Cur: most, Max: most}, nil)
}

// auditorSeesTheEnd: on the auditors' pages the newest session is intact and has its
// reason, and the player goes on to its last word.
func (o *office) auditorSeesTheEnd() {
	o.t.Helper()
	const email = "dino@prova.example"
	o.must(o.broker.AddReader(o.ctx, email, "Dino Verdi", "auditor"))
	id := strings.TrimSuffix(filepath.Base(o.newestFile()), "-0.rec")
	auditor := o.browser(o.technician, "en-US")
	o.must(auditor.Open(o.broker.URL + "/signin?next=/audit/"))
	o.must(auditor.Type("#email", email))
	o.must(auditor.Type("#password", stage.TechnicianPassword))
	o.must(auditor.Click(`form[action="/signin"] button`))
	link := `a[href="/audit/sessions/` + id + `"]`
	o.must(auditor.Until("the session and why it ended", `document.querySelector('`+link+`')?.closest("tr").innerText.includes("The technician lost the right")`))
	o.picture("auditor-list", o.technician)
	o.must(auditor.Click(link))
	o.must(auditor.Until("the session's page", `location.pathname === "/audit/sessions/`+id+`" && document.readyState === "complete"`))
	o.shows(auditor, "/audit/sessions/"+id, `document.querySelector('[data-testid="evidence-verdict"]')?.dataset.state === "intact"`)
	o.must(auditor.Type("#reason", "check 17"))
	o.must(auditor.Click("button[value=page]"))
	o.must(auditor.Until("locked", `document.querySelector("#unlock:not([hidden])")`))
	_, err := stage.Eval[bool](auditor, `document.querySelector("#unlock details").open = true`)
	o.must(err)
	o.must(auditor.Choose("#identity", o.broker.Identity))
	o.must(auditor.Until("the picture", `(v => v && v.videoWidth > 0 && v.readyState >= 2)(document.querySelector("#theatre:not([hidden]) video"))`))
	o.must(auditor.Until("the end, after the segment of it", `(() => {
		const codes = [...document.querySelectorAll("#events button")].map((e) => e.dataset.code);
		const end = codes.indexOf("session.ended");
		return end > codes.lastIndexOf("segment") && codes.includes("segment") && codes.indexOf("agent.removal_unconfirmed") > end && codes.indexOf("session.closed") > end;
	})()`))
	o.picture("auditor-player", o.technician)
}
