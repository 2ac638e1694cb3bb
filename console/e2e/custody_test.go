package console_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"consento/build/stage"
	"consento/recordings"
)

var digits = regexp.MustCompile(`\d+`)

// TestCustody is the auditors' set-up in the browser before a real session: own key,
// emergency sheets, the key that signs, the policy. The agent asks for consent only
// because the policy is theirs; the recording follows it, consento-verify agrees, and
// two sheets open it when all else is lost.
func TestCustody(t *testing.T) {
	o := newOffice(t)
	o.must(o.broker.AddReader(o.ctx, "dino@prova.example", "Dino Verdi", "auditor"))
	auditor := o.browser(o.technician, "it-IT")
	o.must(auditor.Open(o.broker.URL + "/signin?next=/audit/"))
	o.must(auditor.Type("#email", "dino@prova.example"))
	o.must(auditor.Type("#password", stage.TechnicianPassword))
	o.must(auditor.Click(`form[action="/signin"] button`))
	o.must(auditor.Until("what is left to set up", `document.querySelector('.steps a[href="/audit/escrow"]')`))
	o.must(auditor.Click(`.steps a[href="/audit/keys"]`))
	o.must(auditor.Until("keys", `document.querySelector("#make:not([hidden])")`))
	o.must(auditor.Type("#key-name", "Questo computer"))
	o.must(auditor.Type("#passphrase", "four brown owls under Trento"))
	o.must(auditor.Type("#passphrase-again", "four brown owls under Trento"))
	o.must(auditor.Click("#make button"))
	o.must(auditor.Until("key is kept", `document.querySelector("[data-key]")`))

	var sheets []recordings.Identity
	o.must(auditor.Open(o.broker.URL + "/audit/escrow"))
	o.must(auditor.Until("begin", `document.querySelector("#begin:not([hidden])")`))
	o.must(auditor.Click("#begin button"))
	for n := range 3 {
		o.must(auditor.Until("a sheet", fmt.Sprintf(`document.querySelector("#have:not([hidden])") && document.querySelector("#sheet-title").textContent.includes("%d") && document.querySelector("#sheet-lines").textContent.includes("\n4")`, n+1)))
		lines, err := auditor.Text("#sheet-lines")
		o.must(err)
		sheet, err := recordings.ParseSheet(lines)
		o.must(err)
		sheets = append(sheets, sheet)
		if n == 0 {
			o.picture("1-sheet", o.technician)
		}
		o.must(auditor.Click("#have .primary"))
		o.must(auditor.Until("a line is asked back", `document.querySelector("#back:not([hidden])")`))
		asked, err := auditor.Text("#back-label")
		o.must(err)
		line, err := strconv.Atoi(digits.FindString(asked))
		o.must(err)
		o.must(auditor.Type("#typed", strings.Split(lines, "\n")[line-1]))
		o.must(auditor.Click("#back .primary"))
	}
	o.must(auditor.Until("sheets are confirmed", `location.search === "?said=prepared"`))

	o.must(auditor.Open(o.broker.URL + "/audit/policy"))
	o.must(auditor.Until("form", `document.querySelector("#draft:not([hidden])")`))
	o.must(auditor.Type("#root-passphrase", "nine slow rivers near Padova"))
	o.must(auditor.Type("#root-again", "nine slow rivers near Padova"))
	o.must(auditor.Click("#root .actions button"))
	o.must(auditor.Until("made", `document.querySelector("#rooted:not([hidden])")`))
	root, err := auditor.Text("#root-public")
	o.must(err)
	o.must(auditor.Click("#root-keep"))
	o.must(auditor.Until("kept", `location.search === "?said=root_kept" && document.querySelector("#draft:not([hidden])")`))
	o.must(auditor.Click("#draft > .actions .primary"))
	o.must(auditor.Until("what changes", `document.querySelector("#review:not([hidden])")`))
	o.picture("2-changes", o.technician)
	o.must(auditor.Type("#root-sign-passphrase", "nine slow rivers near Padova"))
	o.must(auditor.Click("#sign .primary"))
	o.must(auditor.Until("in force", `location.search === "?said=taken" && document.querySelector("dl.facts")`))
	o.picture("3-in-force", o.technician)

	// A session under it. The agent knows the auditors' key by the signed manifest.
	before := o.files()
	agent := o.share()
	o.must(o.console.Click(`[data-testid="end-session"]`))
	o.over(agent, 0, before)
	o.must(o.console.State("Closed"))
	file := o.newestFile()
	keys := filepath.Join(o.broker.Data, "keys")
	signed, err := recordings.ReadPolicy(filepath.Join(keys, recordings.PolicyFile(1)))
	o.must(err)
	open, err := recordings.ReadOpen(file)
	o.must(err)
	if open.Policy != signed.Hash() || fmt.Sprintf("%x", []byte(signed.Root)) != root || len(signed.Escrow) != 3 {
		t.Errorf("the recording names policy %x, in force is %x by %x", open.Policy, signed.Hash(), signed.Root)
	}
	o.comesToWhole("session", func() (int, string, error) { return o.broker.Verify(o.ctx, "session", file, "--policy", keys) })
	session, err := recordings.OpenSession(file, sheets[1], sheets[2])
	o.must(err)
	o.must(session.Close())
	if _, err := recordings.OpenSession(file, sheets[1]); err == nil {
		t.Error("one sheet opens the recording")
	}
}
