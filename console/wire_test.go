package console_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"consento/protocol"
)

const online = `document.querySelector(".line")?.dataset.line === "online"`

// TestComesBack: a lost connection is said, and mended without anybody's doing.
func TestComesBack(t *testing.T) {
	p := newPeer(t)
	b := newBrowser(t, "en")
	b.open(p.URL + "/console/")
	b.until("connected", online)

	p.drop(http.StatusServiceUnavailable)
	b.until("said in words", `document.querySelector(".line").textContent.includes("lost")`)
	p.keep(scene("s1", protocol.StateJoined, time.Now())) // happened meanwhile
	p.accept()
	b.until("connected again", online)
	b.until("what happened meanwhile", `document.querySelector(".row[data-state=Joined]") !== null`)
}

// TestSilentBroker: a connection on which nothing comes is given up, and made anew,
// long before the browser notices anything.
func TestSilentBroker(t *testing.T) {
	p := newPeer(t)
	b := newBrowser(t, "en")
	b.open(p.URL + "/console/")
	b.until("connected", online)
	p.set(true)
	eval[bool](b, `dispatchEvent(new Event("online"))`) // it looks at once
	b.until("said in words", `document.querySelector(".line").textContent.includes("lost")`)
	p.set(false)
	b.until("connected again", online)
}

// TestRedXWithoutConnection: the order is kept and carried out when the connection is back.
func TestRedXWithoutConnection(t *testing.T) {
	p := newPeer(t)
	p.keep(scene("s1", protocol.StateJoined, time.Now()))
	b := newBrowser(t, "en")
	b.open(p.URL + "/console/")
	state(b, protocol.StateJoined)
	p.drop(http.StatusServiceUnavailable)
	b.until("lost", `document.querySelector(".line").dataset.line === "lost"`)
	b.click(byID("end-session"))
	b.until("what it means", `document.querySelector("main > [role=alert]").textContent.includes("not connected")`)
	p.accept()
	p.wait("end_session")
}

// TestSignedOut: a person that the broker no longer knows is sent to sign in.
func TestSignedOut(t *testing.T) {
	p := newPeer(t)
	b := newBrowser(t, "en")
	b.open(p.URL + "/console/")
	b.until("connected", online)
	p.drop(http.StatusUnauthorized)
	select {
	case next := <-p.signin:
		if next != "/console/" {
			t.Errorf("after signing in the person goes on at %q", next)
		}
	case <-time.After(patience):
		t.Error("nobody was sent to sign in")
	}
}

// TestForbidden: who may not give support any more is told so, and nothing is tried again by itself.
func TestForbidden(t *testing.T) {
	p := newPeer(t)
	b := newBrowser(t, "en")
	b.open(p.URL + "/console/")
	b.until("connected", online)
	p.drop(http.StatusForbidden)
	b.until("told", `document.querySelector(".line").dataset.line === "forbidden" && document.querySelector(".line").textContent.includes("may not")`)
}

// TestHostilePeer: nothing that comes over the socket breaks the page.
func TestHostilePeer(t *testing.T) {
	p := newPeer(t)
	b := newBrowser(t, "en")
	b.open(p.URL + "/console/")
	b.until("connected", online)
	for _, raw := range []string{"", "{", "null", "[]", "7", `"x"`, `{"v":1}`, `{"v":1,"type":"no_such","id":1,"body":{"a":1}}`,
		`{"v":1,"type":"session_changed","id":2,"body":null}`, `{"v":1,"type":"session_changed","id":2,"body":{"session":null}}`,
		`{"v":1,"type":"session_changed","id":2,"body":{"session":{"id":5}}}`, `{"v":1,"type":"welcome","id":2,"body":{}}`,
		`{"v":1,"type":"welcome","id":2,"body":{"account":null,"sessions":[null]}}`, `{"v":1,"type":"session_issued","id":3}`,
		`{"v":1,"type":"error","id":3,"ref":99,"body":{"code":"constructor"}}`, `{"v":1,"type":"answer","id":3,"ref":1,"body":{"sdp":5}}`,
		strings.Repeat(" ", protocol.MaxMessage-100)} {
		p.raw(raw)
	}
	s := scene("s1", protocol.StateJoined, time.Now())
	s.Technician.Name = `<img src=x onerror="alert(1)">`
	s.Mine, s.May = false, []protocol.GuestWay{protocol.WayJoin}
	p.change(s)
	b.until("text stays text", `document.querySelector(".row-who")?.textContent.includes("<img")`)

	// A state never goes back, and lists may be null.
	p.change(scene("s2", protocol.StateActive, time.Now()))
	p.raw(`{"v":1,"type":"session_changed","id":9,"body":{"session":{"id":"s2","state":"Issued","consents":null,"steps":null,"viewers":null}}}`)
	p.change(scene("s3", protocol.StateIssued, time.Now().Add(time.Second)))
	b.until("third session", `document.querySelectorAll(".row").length === 3`)
	if got := eval[int](b, `document.querySelectorAll(".row[data-state=Active]").length`); got != 1 {
		t.Errorf("%d sessions are Active", got)
	}
}

// TestOtherVersion: the page does not guess, it asks to be loaded again.
func TestOtherVersion(t *testing.T) {
	p := newPeer(t)
	b := newBrowser(t, "en")
	b.open(p.URL + "/console/")
	b.until("connected", online)
	p.raw(`{"v":2,"type":"hello","id":1,"body":{"version":{"major":2,"minor":0}}}`)
	b.until("asked to load again", `document.querySelector("main > .bar-notice button") !== null`)
}

// TestRefusal: the broker's code becomes a sentence that says what to do.
func TestRefusal(t *testing.T) {
	p := newPeer(t)
	b := newBrowser(t, "en")
	b.open(p.URL + "/console/")
	b.until("connected", online)
	b.key("n")
	p.send(p.wait("new_session").ID, &protocol.Error{Code: protocol.CodeNoRecipient})
	b.until("sentence", `document.querySelector("main > [role=alert]").textContent.includes("auditor")`)

	// The next success takes it away.
	b.key("n")
	s := scene("s1", protocol.StateIssued, time.Now())
	p.send(p.wait("new_session").ID, &protocol.SessionIssued{Session: s, Key: sampleKey, URL: p.URL, Address: p.URL})
	b.until("gone", `document.querySelector("main > [role=alert]").textContent === ""`)
}

// TestCountdown follows the broker's clock, however wrong the technician's is.
func TestCountdown(t *testing.T) {
	p := newPeer(t)
	broker := time.Now().Add(-36 * time.Hour)
	p.welcome.Now = broker
	s := scene("s1", protocol.StateIssued, broker.Add(-8*time.Minute-55*time.Second))
	p.keep(s)
	b := newBrowser(t, "en")
	b.open(p.URL + "/console/")
	b.until("about a minute left", `/\b(1:0[0-5]|0:[3-5]\d)\b/.test(document.querySelector(".countdown")?.textContent)`)
	b.until("said once, politely", `[...document.querySelectorAll("[role=status]")].some((e) => /\b(1:00|0:[3-5]\d)\b/.test(e.textContent))`)
	b.until("the last minute stands out", `document.querySelector(".countdown").dataset.ending === "true"`)
}

// TestKeyboard: every act without a mouse, and none of the single keys once they are switched off.
func TestKeyboard(t *testing.T) {
	p := newPeer(t)
	now := time.Now()
	for i := range 3 {
		s := scene(fmt.Sprintf("s%d", i), protocol.StateJoined, now.Add(time.Duration(i)*time.Minute))
		s.Mine = false
		s.Technician.Name = []string{"Anna Neri", "Marco Villa", "Sara Conti"}[i]
		p.keep(s)
	}
	b := newBrowser(t, "en")
	b.open(p.URL + "/console/")
	b.until("list", `document.querySelectorAll(".row").length === 3`)

	b.key("jj") // who waits longest comes first: Anna, then Marco
	b.until("second row has the focus", `document.activeElement.textContent.includes("Marco")`)
	b.key("k")
	b.until("first row has the focus", `document.activeElement.textContent.includes("Anna")`)
	b.key("\r")
	b.until("open", `document.querySelectorAll(".tab").length === 1`)
	b.key("jj\r")
	b.until("two open", `document.querySelectorAll(".tab").length === 2`)
	b.key("1")
	b.until("first tab", `document.querySelector(".tab").dataset.current === "true"`)
	b.key("/")
	b.until("filter", `document.activeElement.id === "filter"`)
	b.key("anna")
	b.until("filtered", `document.querySelectorAll(".row").length === 1`)
	b.key("1n?") // text in a field is text
	b.until("typed", `document.querySelector("#filter").value === "anna1n?"`)
	b.key("\x1b")
	b.until("cleared", `document.querySelectorAll(".row").length === 3`)

	eval[bool](b, `(document.activeElement.blur(), true)`)
	b.key("?")
	b.until("help", `document.querySelector("dialog").open`)
	b.click(`dialog input[type=checkbox]`)
	b.key("\x1b")
	b.until("closed", `!document.querySelector("dialog").open`)
	b.key("n2")
	b.key("?")
	b.open(p.URL + "/console/") // it is remembered
	b.until("list", `document.querySelectorAll(".row").length === 3`)
	b.key("n?")
	b.frames()
	if eval[bool](b, `document.querySelector("dialog").open`) {
		t.Error("? acts although single keys are off")
	}
	select {
	case g := <-p.came:
		t.Errorf("%s was sent although single keys are off", g.envelope.Type)
	default:
	}
}

// TestMayNotIssue: who may not make sessions is told, and the key N does nothing.
func TestMayNotIssue(t *testing.T) {
	p := newPeer(t)
	p.welcome.CanIssue = false
	b := newBrowser(t, "en")
	b.open(p.URL + "/console/")
	b.until("told", `document.querySelector(".teach p")?.textContent.includes("profile")`)
	b.key("n")
	if got := eval[string](b, `document.querySelector(".new-session").getAttribute("aria-disabled")`); got != "true" {
		t.Errorf("the button is not disabled: %q", got)
	}
	b.axe("may not issue")
	select {
	case g := <-p.came:
		t.Errorf("%s was sent", g.envelope.Type)
	default:
	}
}
