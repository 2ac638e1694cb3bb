package console_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"consento/protocol"
	"consento/recordings"
)

// TestSystemInformation: asked for and refused, asked again and allowed, read from the
// real computer, its processes followed while one comes and goes, taken back from the
// bar in mid-use; and what was read is found again by the verifier's export.
func TestSystemInformation(t *testing.T) {
	o := newSupport(t)
	before := o.files()
	agent := o.share()
	until := func(what, expression string) {
		o.t.Helper()
		o.must(o.console.Until(what, expression))
	}
	panel := byID("system-panel")
	table := func(what, holds string) {
		o.t.Helper()
		until(what, fmt.Sprintf(`((rows) => %s)([...document.querySelectorAll('[data-testid="system-table"] tbody tr')].map((r) => [...r.cells].map((c) => c.textContent.trim())))`, holds))
	}

	o.must(o.console.Click(byID("system")))
	o.isRefused("system-ask", panel)
	o.asksAgain("system-ask", panel)
	o.must(o.customer.Accept(o.ctx, toolQuestion))
	o.becomes(panel, "state", "given")
	o.picture("given", o.customer)

	o.must(o.console.Click(byID("system-read-all")))
	table("the hardware is shown", `rows.some(([item, value]) => item === "Memory" && value.endsWith("iB"))`)
	until("all is read", `document.querySelectorAll('[role="tab"]:is([data-read="yes"], [data-read="problem"])').length === 8`)
	until("on the evidence", `document.querySelector('[data-testid="system-status"]').textContent.includes("Sealed on the evidence")`)
	o.picture("hardware", o.technician)
	o.must(o.console.Click("#system-tab-software"))
	table("what is installed", `rows.length > 100`)
	o.picture("software", o.technician)

	o.must(o.console.Click("#system-tab-processes"))
	table("what runs", `rows.some(([name]) => name === "Xvfb" || name.startsWith("consento"))`)
	o.must(o.console.Click(byID("system-live")))
	until("live", `document.querySelector('[data-testid="system-status"]').textContent.startsWith("Live")`)
	const name = "livemarks" // of a program that there is not
	marked := filepath.Join(o.customer.Home, name)
	o.must(os.WriteFile(marked, []byte("#!/bin/sh\nread line\n"), 0o700))
	program, err := o.customer.Start("xterm", "-geometry", "40x5", "-e", marked, "--password=hunter2")
	o.must(err)
	o.must(o.console.Type(byID("system-filter"), name))
	table("it came", `rows.length === 1 && rows[0][0] === "`+name+`"`)
	o.picture("live", o.technician)
	program.Kill()
	table("it is gone", `rows.length === 0`)
	o.must(os.Remove(marked))

	o.bar("take back")
	o.becomes(panel, "state", "withdrawn")
	until("nothing is live any more", `document.querySelector('[data-testid="system-live"]').ariaPressed !== "true" || !document.querySelector('[data-testid="system-status"]').textContent.startsWith("Live")`)
	o.picture("withdrawn", o.technician)

	o.bar("end")
	o.over(agent, 0, before)
	e := o.newest(whole)
	e.expect(o.t, protocol.EndCustomer, protocol.EventConsentAsked, protocol.EventConsentRefused, protocol.EventConsentAsked, protocol.EventConsentGiven,
		protocol.EventSystemRequested, protocol.EventSystemPart, protocol.EventSystemRead, protocol.EventSystemFollowed, protocol.EventSystemChanges,
		protocol.EventSystemFollowed, protocol.EventConsentWithdrawn, protocol.EventEnded)
	data, err := os.ReadFile(filepath.Join(e.folder, "system-1.json"))
	o.must(err)
	var snapshot recordings.ExportedSnapshot
	o.must(json.Unmarshal(data, &snapshot))
	if len(snapshot.Sections) != len(protocol.Sections()) {
		o.t.Fatalf("the export has %d sections", len(snapshot.Sections))
	}
	for i, s := range snapshot.Sections {
		if s.Section != string(protocol.Sections()[i]) || !s.Whole || len(s.Rows) == 0 && s.Problem == "" || len(s.Columns) == 0 {
			o.t.Errorf("%s: %d rows, %q", s.Section, len(s.Rows), s.Problem)
		}
		if s.Section == "software" && len(s.Rows) < 100 {
			o.t.Errorf("%d packages", len(s.Rows))
		}
	}
	events, err := os.ReadFile(filepath.Join(e.folder, "events.json"))
	o.must(err)
	if !strings.Contains(string(events), name) || strings.Contains(string(events), "hunter2") {
		o.t.Error("the program that came is not on the evidence, or its arguments are")
	}
}
