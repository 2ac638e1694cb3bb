package console_test

import (
	"fmt"

	"consento/build/stage"
)

// audits goes the auditor's way over the session that is over: finds it, states why,
// and watches it with the key that was named at the set-up.
func (o *office) audits(b *stage.Browser, email, password string) {
	o.t.Helper()
	o.must(b.Front())
	if _, err := stage.Eval[bool](b, `fetch("/signout", { method: "POST" }).then((r) => r.ok)`); err != nil {
		o.must(err)
	}
	o.must(b.Open(o.broker.URL + "/signin?next=/audit/"))
	o.must(b.Type("#email", email))
	o.must(b.Type("#password", password))
	o.must(b.Click(`form[action="/signin"] button`))
	o.must(b.Until("the session is listed", `location.pathname === "/audit/" && document.querySelectorAll(".recordings tbody tr").length === 1`))
	o.must(painted(b))
	o.shot("12-recordings", b)
	o.must(b.Click(".recordings a"))
	o.must(b.Until("its facts", `document.querySelector("#reason")`))
	o.shot("13-recording", b)
	o.must(b.Type("#reason", "check 17"))
	o.must(b.Click("button[value=page]"))
	o.must(b.Until("locked", `document.querySelector("#unlock:not([hidden])")`))
	if _, err := stage.Eval[bool](b, `document.querySelector("#unlock details").open = true`); err != nil {
		o.must(err)
	}
	o.must(b.Choose("#identity", o.broker.Identity))
	o.must(b.Until("the picture", `(v => v && v.videoWidth > 0 && v.readyState >= 2)(document.querySelector("#theatre:not([hidden]) video"))`))
	o.must(painted(b))
	o.shot("14-player", b)
	for _, want := range []string{"made the session key", "The customer accepted the terms of use", "The customer allowed: seeing the screen", "The customer ended it"} {
		o.must(b.Until("the list has "+want, fmt.Sprintf(`document.querySelector("#events").textContent.includes(%q)`, want)))
	}
	if unknown, err := stage.Eval[string](b, `[...document.querySelectorAll("#events button")].filter(e => e.textContent.includes(e.dataset.code)).map(e => e.dataset.code).join(" ")`); err != nil || unknown != "" {
		o.t.Errorf("without words: %s, %v", unknown, err)
	}
	o.must(b.Open(o.broker.URL + "/audit/trail"))
	o.must(b.Until("the viewing is on the trail", `document.querySelector(".trail")?.innerText.includes("Recording read: watched")`))
	if _, err := stage.Eval[bool](b, `document.querySelector("#unlock details").open = true`); err != nil {
		o.must(err)
	}
	o.must(b.Choose("#identity", o.broker.Identity))
	o.must(b.Until("with its reason", `document.querySelector(".trail")?.innerText.includes("check 17")`))
	o.shot("15-trail", b)
}
