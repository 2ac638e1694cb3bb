package web_test

import (
	"encoding/json"
	"html"
	"net/http"
	"strings"
	"testing"
	"time"

	"consento/protocol"
	"consento/recordings/translog"
)

// TestReceipt: the customer's receipt is what the stand-alone verifier takes, the
// same from the page, the saved page and the data, and of this session alone.
func TestReceipt(t *testing.T) {
	h := newHouse(t, withVault(t))
	p, id := h.over(t)
	// The session under the number that its recording has.
	numbered := func(number string) {
		h.desk.mu.Lock()
		defer h.desk.mu.Unlock()
		h.desk.sessions[id].value.ID = number
	}
	numbered(strings.Repeat("1", 32))
	number := h.vault.session(t, "Anna Rossi", time.Now())
	if got := p.get("/session/receipt"); got.StatusCode != http.StatusNotFound || !strings.Contains(got.text, "There is no receipt yet") {
		t.Errorf("before it is on the log: %d", got.StatusCode)
	}
	p.get("/session/log").hides(t, "Save the receipt")
	numbered(number)
	p.get("/session/log").shows(t, "Save the receipt", "--proof")
	file := p.get("/session/receipt")
	proof, err := translog.ParseProof([]byte(file.text))
	if err != nil {
		t.Fatalf("%v in %s", err, file.text)
	}
	// Opened, the keys of its log, closed, and those keys as they lie then.
	report, err := proof.Verify(h.vault.keys)
	if err != nil || len(report.Leaves) != 4 || !strings.HasSuffix(file.Header.Get("Content-Disposition"), number[:8]+`.proof"`) {
		t.Errorf("%+v, %v, %s", report, err, file.Header.Get("Content-Disposition"))
	}
	if n := len(file.text); n < 500 || n > 4096 {
		t.Errorf("it has %d bytes", n)
	}
	var saved struct{ Receipt string }
	if err := json.Unmarshal([]byte(p.get("/session/log.json").text), &saved); err != nil || saved.Receipt != file.text {
		t.Errorf("%v, in the data: %q", err, saved.Receipt)
	}
	page := html.UnescapeString(p.get("/session/log.html").text)
	if !strings.Contains(page, "<pre>"+strings.TrimSpace(file.text)) {
		t.Errorf("the saved page holds another one: %s", page)
	}
	if got := h.visitor(t).get("/session/receipt"); got.StatusCode == http.StatusOK || strings.Contains(got.text, number) {
		t.Errorf("a stranger: %d", got.StatusCode)
	}
}

// TestReceiptInChromium looks at the log with its receipt.
func TestReceiptInChromium(t *testing.T) {
	for _, language := range tags(t) {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			h := builtHouse(t, withVault(t))
			id := h.desk.issue(goodKey, anna)
			b := newChromium(t, h, language)
			b.open("/k/ACDEFGH", "#key")
			b.click("button.primary")
			b.until(`document.querySelector(".person")`)
			yes := true
			h.desk.set(id, ended(protocol.StateClosed, protocol.EndTechnician, &yes))
			h.desk.log(id, logOf(everyEvent()[:3]))
			number := h.vault.session(t, "Anna Rossi", time.Now())
			h.desk.mu.Lock()
			h.desk.sessions[id].value.ID = number
			h.desk.mu.Unlock()
			b.visit(b.url + "/session/log?zone=UTC")
			b.until(`document.querySelector("#receipt") && document.readyState === "complete"`)
			b.look("6-log-receipt")
		})
	}
}
