package console_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"consento/build/stage"
	"consento/recordings"
)

const (
	keyPassphrase  = "four brown owls under Trento"
	rootPassphrase = "nine slow rivers near Padova"
)

var digits = regexp.MustCompile(`\d+`)

// signsIn signs an auditor or a data-protection officer in and comes to a page.
func (o *office) signsIn(b *stage.Browser, email, page string) {
	o.t.Helper()
	o.must(b.Open(o.broker.URL + "/signin?next=" + page))
	o.must(b.Type("#email", email))
	o.must(b.Type("#password", stage.TechnicianPassword))
	o.must(b.Click(`form[action="/signin"] button`))
	o.must(b.Until(page, `location.pathname === "`+page+`" && document.readyState === "complete"`))
}

// makesKey makes an auditor's own key in the browser, locked by a passphrase.
func (o *office) makesKey(b *stage.Browser) {
	o.t.Helper()
	o.must(b.Until("keys", `document.querySelector("#make:not([hidden])")`))
	o.must(b.Type("#key-name", "Questo computer"))
	o.must(b.Type("#passphrase", keyPassphrase))
	o.must(b.Type("#passphrase-again", keyPassphrase))
	o.must(b.Click("#make button"))
	o.must(b.Until("key is kept", `document.querySelector("[data-key]")`))
}

// makesSheets makes the three emergency sheets, and types a line of each back.
func (o *office) makesSheets(b *stage.Browser) (sheets []recordings.Identity) {
	o.t.Helper()
	o.must(b.Open(o.broker.URL + "/audit/escrow"))
	o.must(b.Until("begin", `document.querySelector("#begin:not([hidden])")`))
	o.must(b.Click("#begin button"))
	for n := range 3 {
		o.must(b.Until("a sheet", fmt.Sprintf(`document.querySelector("#have:not([hidden])") && document.querySelector("#sheet-title").textContent.includes("%d") && document.querySelector("#sheet-lines").textContent.includes("\n4")`, n+1)))
		lines, err := b.Text("#sheet-lines")
		o.must(err)
		sheet, err := recordings.ParseSheet(lines)
		o.must(err)
		sheets = append(sheets, sheet)
		if n == 0 {
			o.picture("1-sheet", o.technician)
		}
		o.must(b.Click("#have .primary"))
		o.must(b.Until("a line is asked back", `document.querySelector("#back:not([hidden])")`))
		asked, err := b.Text("#back-label")
		o.must(err)
		line, err := strconv.Atoi(digits.FindString(asked))
		o.must(err)
		o.must(b.Type("#typed", strings.Split(lines, "\n")[line-1]))
		o.must(b.Click("#back .primary"))
	}
	o.must(b.Until("sheets are confirmed", `location.search === "?said=prepared"`))
	return sheets
}

// signsPolicy makes the auditors' key, signs the first policy, and returns the key's
// public half as the page shows it.
func (o *office) signsPolicy(b *stage.Browser) (root string) {
	o.t.Helper()
	o.must(b.Open(o.broker.URL + "/audit/policy"))
	o.must(b.Until("form", `document.querySelector("#draft:not([hidden])")`))
	o.must(b.Type("#root-passphrase", rootPassphrase))
	o.must(b.Type("#root-again", rootPassphrase))
	o.must(b.Click("#root .actions button"))
	o.must(b.Until("made", `document.querySelector("#rooted:not([hidden])")`))
	root, err := b.Text("#root-public")
	o.must(err)
	o.must(b.Click("#root-keep"))
	o.must(b.Until("kept", `location.search === "?said=root_kept" && document.querySelector("#draft:not([hidden])")`))
	o.must(b.Click("#draft > .actions .primary"))
	o.must(b.Until("what changes", `document.querySelector("#review:not([hidden])")`))
	o.picture("2-changes", o.technician)
	o.must(b.Type("#root-sign-passphrase", rootPassphrase))
	o.must(b.Click("#sign .primary"))
	o.must(b.Until("in force", `location.search === "?said=taken" && document.querySelector("dl.facts")`))
	o.picture("3-in-force", o.technician)
	return root
}
