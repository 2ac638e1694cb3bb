package web_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"consento/protocol"
)

const (
	windows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
	phone   = "Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36"
)

var builtConsole = withConsole(fstest.MapFS{"index.html": {Data: []byte("<!doctype html>")}, "share.js": {Data: []byte("export {}")}})

// TestBrowserWay: who may share from the browser, and what the page is given for it.
func TestBrowserWay(t *testing.T) {
	h := newHouse(t, builtConsole)
	const section = `<section id="browser"`
	for name, c := range map[string]struct {
		agent        string
		shows, hides []string
	}{
		"Linux": {shows: []string{section, "download=", "Get the help program", "Or share from this browser instead"}},
		"Windows": {agent: windows, shows: []string{section, "There is no help program for Windows yet.", `class="button primary" data-do="accept"`, "Share from this browser",
			"To share from this browser, JavaScript has to be switched on."}, hides: []string{"download="}},
		"a phone": {agent: phone, shows: []string{"A phone or tablet cannot share its screen here."}, hides: []string{section}},
	} {
		t.Run(name, func(t *testing.T) {
			var header []string
			if c.agent != "" {
				header = []string{"User-Agent", c.agent}
			}
			p, id := joined(t, h, header...)
			top := topOf(t, p)
			for _, want := range c.shows {
				if !strings.Contains(top, want) {
					t.Errorf("does not show %q:\n%s", want, top)
				}
			}
			for _, hidden := range c.hides {
				if strings.Contains(top, hidden) {
					t.Errorf("shows %q", hidden)
				}
			}
			if strings.Contains(top, section) {
				ticket := fmt.Sprintf(`data-ticket="%s"`, h.desk.sessions[id].ticket)
				if !strings.Contains(top, ticket) || !strings.Contains(top, `data-software="`+protocol.BrowserSoftware) || !strings.Contains(top, `data-terms="20`) {
					t.Errorf("the script is not told ticket, version and terms:\n%s", top)
				}
			}
		})
	}
}

// TestBrowserWayNeedsTheScript: a broker that was compiled without it offers it not.
func TestBrowserWayNeedsTheScript(t *testing.T) {
	h := newHouse(t)
	p, _ := joined(t, h, "User-Agent", windows)
	if top := topOf(t, p); strings.Contains(top, `id="browser"`) || !strings.Contains(top, "help by phone is still possible") {
		t.Errorf("%s", top)
	}
}

// TestBrowserLines: what the status says of a browser that shares, and at the end.
func TestBrowserLines(t *testing.T) {
	h := newHouse(t, builtConsole)
	p, id := joined(t, h)
	h.desk.set(id, step(protocol.StateActive, protocol.StepBrowserJoined, protocol.StepTermsAccepted, protocol.StepViewAllowed))
	top := p.live("/session").upTo("You are sharing from your browser.")
	for _, want := range []string{"You chose to share from your browser.", "You accepted the terms. Nothing is shown yet."} {
		if !strings.Contains(top, want) {
			t.Errorf("does not show %q:\n%s", want, top)
		}
	}
	if strings.Contains(top, "help program is running") {
		t.Error("there is no help program")
	}
	h.desk.set(id, ended(protocol.StateClosed, protocol.EndCustomer, nil))
	page := p.get("/session")
	page.shows(t, "Nothing was installed on this computer, so nothing is left on it.")
	page.hides(t, "could not confirm that it removed itself", "Nothing was started on this computer")
}

// TestTestSessionSaysTheFirstWay: with oneself the browser's way stands first, and
// the line beside it says the same.
func TestTestSessionSaysTheFirstWay(t *testing.T) {
	h := newHouse(t, builtConsole)
	p, id := joined(t, h)
	if top := topOf(t, p); !strings.Contains(top, "Get the help program.</li>") {
		t.Errorf("with a customer the program comes first:\n%s", top)
	}
	h.desk.set(id, func(s *protocol.Session) { s.Test = true })
	if top := topOf(t, p); strings.Contains(top, "Get the help program.</li>") || !strings.Contains(top, "Read the terms on this page.</li>") {
		t.Errorf("the line names another way than the page:\n%s", top)
	}
}

// topOf reads the page of a session up to the first line of its list.
func topOf(t *testing.T, p *person) string {
	t.Helper()
	return p.live("/session").upTo("session-state")
}
