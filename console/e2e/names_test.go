package console_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"consento/build/stage"
	"consento/protocol"
)

// Names that run from right to left, and one that goes both ways.
const (
	rightToLeftOffice     = "مكتب المساعدة الرقمية"
	rightToLeftTechnician = "שרה כהן (L2)"
	rightToLeftTeam       = "الدعم 24/7"
)

// TestNames: names from right to left at every place where people read them, and
// help programs that somebody gave another name, hostile ones among them.
func TestNames(t *testing.T) {
	t.Setenv("CONSENTO_OFFICE_NAME", rightToLeftOffice)
	o := newOffice(t)
	const email = "sara@comune.example"
	o.must(o.broker.AddTechnician(o.ctx, email, rightToLeftTechnician, rightToLeftTeam))
	o.console.Close()
	o.console = o.browser(o.technician, "en-US")
	o.must(o.console.SignInAs(o.broker, email))
	o.act("from the portal, under a hostile file name", func(o *office) {
		before := o.files()
		o.must(o.page.EnterKey(o.broker, o.issue()))
		o.must(o.page.Until("who helps", `document.querySelector(".person").innerText.includes("`+rightToLeftTechnician+`") && document.body.innerText.includes("`+rightToLeftOffice+`")`))
		o.picture("name", o.customer)
		o.must(o.page.ConfirmName(true))
		_, err := o.page.FetchAgent(o.ctx, o.customer)
		o.must(err)
		file := o.renamed(func(name string) string {
			return "\u202etxt." + name + " $(touch owned) \"; touch owned; & (1) שלום.exe"
		})
		agent, err := o.customer.StartProgram(file, "")
		o.must(err)
		_, err = o.customer.Window(o.ctx, "Consento – condizioni")
		o.must(err)
		o.picture("terms", o.customer)
		o.must(o.customer.Accept(o.ctx, "Consento – condizioni"))
		_, err = o.customer.Window(o.ctx, "Consento – mostrare")
		o.must(err)
		o.picture("ask", o.customer)
		o.must(o.customer.Accept(o.ctx, "Consento – mostrare"))
		o.must(o.console.State("Active"))
		_, err = o.customer.Window(o.ctx, "Consento – barra")
		o.must(err)
		o.must(o.console.Until("picture", `document.querySelector('`+remote+`').videoWidth === 1280`))
		o.picture("bar", o.customer)
		o.picture("console", o.technician)
		o.bar("end")
		o.over(agent, 0, before) // the file is gone, and nothing was touched
		o.must(o.console.State("Closed"))
		o.must(o.page.Until("over", `document.querySelector(".reason").textContent.length > 0`))
		o.must(o.page.Open(o.broker.URL + "/session/log"))
		o.must(o.page.Until("the log", `location.search.includes("zone=") && document.querySelector('tr[data-code="agent.removed"]') !== null`))
		o.must(o.page.Until("with the names", `document.body.innerText.includes("`+rightToLeftTechnician+`")`))
		o.picture("log", o.customer)
		said, err := stage.Eval[string](o.page, `fetch("/session/log.json").then((r) => r.json()).then((log) => [log.office, log.session.technician.name, log.session.technician.team].join("|"))`)
		o.must(err)
		if want := strings.Join([]string{rightToLeftOffice, rightToLeftTechnician, rightToLeftTeam}, "|"); said != want {
			o.t.Errorf("the saved log names %q instead of %q", said, want)
		}
		o.newest(whole).expect(o.t, protocol.EndCustomer, protocol.EventConsentGiven, protocol.EventRemoved, protocol.EventClosed)
	})
	o.act("a file name without the ticket: the key is typed", func(o *office) {
		before := o.files()
		key := o.issue()
		data, err := os.ReadFile(filepath.Join(o.broker.Data, "agents", "consento-agent-linux-amd64"))
		o.must(err)
		file := filepath.Join(o.customer.Home, "Downloads", "помощь 😀 \u202e"+strings.Repeat("長", 60))
		o.must(os.WriteFile(file, data, 0o700))
		agent, err := o.customer.StartProgram(file, "")
		o.must(err)
		window, err := o.customer.Window(o.ctx, "Consento – session key")
		o.must(err)
		o.must(o.customer.PressIn(o.ctx, window, "Home"))
		o.must(o.customer.Write(o.ctx, strings.ToLower(key[:3])+" "+key[3:]+"\r"))
		o.must(o.console.State("Waiting"))
		name, err := o.customer.Window(o.ctx, "Consento – your technician")
		o.must(err)
		o.picture("agent-name", o.customer)
		o.must(o.customer.PressIn(o.ctx, name, "Escape"))
		o.must(o.console.State("Closed"))
		_, err = o.customer.Window(o.ctx, "Consento – removed")
		o.must(err)
		o.must(o.customer.Confirm(o.ctx, "Consento – removed"))
		if code, err := agent.Exit(o.ctx); err != nil || code != 3 || !agent.Gone() {
			o.t.Errorf("exit code %d, %v, gone %v\n%s", code, err, agent.Gone(), agent.Log())
		}
		o.clean(before)
		o.newest(whole).expect(o.t, protocol.EndNameNotConfirmed, protocol.EventRedeemed, protocol.EventAgentJoined, protocol.EventNameRefused, protocol.EventRemoved, protocol.EventClosed)
	})
}

// renamed gives the downloaded program another name and returns its file.
func (o *office) renamed(name func(string) string) string {
	o.t.Helper()
	files, err := filepath.Glob(filepath.Join(o.customer.Home, "Downloads", "consento-*"))
	if err != nil || len(files) != 1 {
		o.t.Fatalf("%d programs in Downloads, %v", len(files), err)
	}
	file := filepath.Join(filepath.Dir(files[0]), name(filepath.Base(files[0])))
	o.must(os.Rename(files[0], file))
	o.must(os.Chmod(file, 0o700))
	return file
}
