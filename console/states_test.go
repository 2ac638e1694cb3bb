package console_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"consento/protocol"
	"consento/protocol/lang"
)

const sampleKey = "K7MXQ4F"

// view is one way in which the console is looked at.
type view struct {
	width, height int64
	dark          bool
}

// views are both schemes and four sizes (720 by 450 is 1440 by 900 at 200 % zoom)
// in the languages in which the pages are made, small and large in the others.
func views(language string) []view {
	if language == "en" || language == "it" {
		return []view{{1440, 900, false}, {960, 900, false}, {720, 450, false}, {320, 700, false}, {1440, 900, true}, {320, 700, true}}
	}
	return []view{{1440, 900, true}, {320, 700, false}}
}

// TestStates walks through a session in every language and looks at each state
// with axe-core.
func TestStates(t *testing.T) {
	texts, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, language := range texts.Tags() {
		t.Run(language, func(t *testing.T) { walk(t, language) })
	}
}

func walk(t *testing.T, language string) {
	p := newPeer(t)
	now := time.Now()
	b := newBrowser(t, language)
	look := func(name string) {
		t.Helper()
		for _, view := range views(language) {
			b.scheme(view.dark)
			b.size(view.width, view.height)
			shot := fmt.Sprintf("%s-%s-%d", name, language, view.width)
			if view.dark {
				shot += "-dark"
			}
			b.until("fonts", `document.fonts.status === "loaded"`)
			b.axe(shot)
			b.shot(shot)
		}
		b.size(1440, 900)
		if language == "en" {
			b.forced()
			b.shot(name + "-forced")
		}
		b.scheme(false)
	}

	b.open(p.URL + "/console/")
	b.until("empty desk", `document.querySelector(".teach ol") !== null`)
	if got := eval[string](b, `document.documentElement.lang`); got != language {
		t.Errorf("the page says its language is %q", got)
	}
	look("1-empty")

	p.keep(past("p1", "Marco Villa", "Windows 11", protocol.EndTechnician, now.Add(-50*time.Minute)))
	p.change(past("p1", "Marco Villa", "Windows 11", protocol.EndTechnician, now.Add(-50*time.Minute)))
	other := scene("p2", protocol.StateActive, now.Add(-12*time.Minute))
	other.Mine, other.Technician.Name = false, "Anna Neri"
	p.change(other)

	b.key("n")
	asked := p.wait("new_session")
	issued := scene("s1", protocol.StateIssued, now)
	p.keep(issued)
	p.send(asked.ID, &protocol.SessionIssued{Session: issued, Key: sampleKey, URL: "https://help.rivabella.example/k/" + sampleKey, Address: "https://help.rivabella.example/"})
	b.until("session key", `document.querySelector('[data-testid=session-key]')?.textContent === "`+sampleKey+`"`)
	state(b, protocol.StateIssued)
	look("2-issued")

	p.change(scene("s1", protocol.StateJoined, now))
	state(b, protocol.StateJoined)
	look("3-joined")

	p.change(scene("s1", protocol.StateWaiting, now))
	state(b, protocol.StateWaiting)
	consent(b, protocol.ViewScreen, "asked")
	p.wait("offer")
	look("4-waiting")

	p.change(scene("s1", protocol.StateActive, now))
	state(b, protocol.StateActive)
	consent(b, protocol.ViewScreen, "given")
	look("5-active-before-picture")

	b.click(byID("end-session"))
	e := p.wait("end_session")
	if m, err := protocol.DecodeBody[protocol.EndSession](e); err != nil || m.Session != "s1" {
		t.Errorf("the red X ended %q, %v", m.Session, err)
	}
	ending := scene("s1", protocol.StateEnding, now)
	ending.EndReason = protocol.EndTechnician
	p.change(ending)
	state(b, protocol.StateEnding)
	look("6-ending")
	closed := ending
	closed.State = protocol.StateClosed
	removed := true
	closed.Removed = &removed
	p.change(closed)
	state(b, protocol.StateClosed)
	look("7-closed")

	b.key("?")
	b.until("help", `document.querySelector("dialog").open`)
	look("8-help")
	b.key("\r")
	b.until("help is closed", `!document.querySelector("dialog").open`)

	p.send(0, &protocol.Error{Code: protocol.CodeNoRecipient})
	b.until("error", `document.querySelector("[role=alert]").textContent.length > 20`)
	p.drop(http.StatusServiceUnavailable)
	b.until("lost", `document.querySelector(".line").dataset.line === "lost"`)
	if language == "en" {
		b.until("counted seconds", `/in (1 second|([2-9]|[1-9]\d+) seconds)\b(?!s)/.test(document.querySelector(".line").innerText)`)
	}
	look("9-trouble")
}

// TestEveryReasonAndCodeHasWords: nothing that the broker says is shown as a code.
func TestEveryReasonAndCodeHasWords(t *testing.T) {
	p := newPeer(t)
	b := newBrowser(t, "en")
	b.open(p.URL + "/console/")
	b.until("connected", online)
	now := time.Now()
	for i, reason := range protocol.EndReasons() {
		s := scene(fmt.Sprintf("r%d", i), protocol.StateClosed, now.Add(time.Duration(i)*time.Second))
		s.EndReason = reason
		p.change(s)
		b.until("row of "+string(reason), fmt.Sprintf(`document.querySelectorAll(".row").length === %d`, i+1))
		b.click(".session-list li:first-child .row")
		b.until("end panel", fmt.Sprintf(`document.querySelectorAll(".tab").length === %d && document.querySelector(".ended .lead") !== null`, i+1))
		text := eval[string](b, `document.querySelector(".ended").innerText`)
		if strings.ContainsAny(text, "⟨_{") || strings.Contains(text, "not known to this page") {
			t.Errorf("%s: %s", reason, text)
		}
	}
	for _, code := range []protocol.ErrorCode{protocol.CodeMalformed, protocol.CodeKey, protocol.CodeThrottled, protocol.CodeNotAllowed, protocol.CodeNotNow,
		protocol.CodeNoRecipient, protocol.CodeEvidence, protocol.CodeWitness, protocol.CodeUnavailable, protocol.CodeNoSession, protocol.CodeMedia, protocol.CodeUnknownState} {
		before := eval[string](b, `document.querySelector("main > [role=alert]").textContent`)
		p.send(0, &protocol.Error{Code: code})
		b.until("sentence for "+string(code), fmt.Sprintf(`document.querySelector("main > [role=alert]").textContent !== %q`, before))
		if text := eval[string](b, `document.querySelector("main > [role=alert]").innerText`); strings.Contains(text, "⟨") {
			t.Errorf("%s: %s", code, text)
		}
	}
}

// TestEveryKeyCharacterCanBeSpelled in each language, one word a character.
func TestEveryKeyCharacterCanBeSpelled(t *testing.T) {
	texts, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, language := range texts.Tags() {
		p := newPeer(t)
		b := newBrowser(t, language)
		b.open(p.URL + "/console/")
		b.until("connected", online)
		words := map[string]string{}
		for i := 0; i < len(protocol.KeyAlphabet); i += protocol.KeyLength {
			key := protocol.KeyAlphabet[i : i+protocol.KeyLength]
			b.key("n")
			asked := p.wait("new_session")
			s := scene(key, protocol.StateIssued, time.Now())
			p.send(asked.ID, &protocol.SessionIssued{Session: s, Key: key, URL: p.URL + "/k/" + key, Address: p.URL})
			b.until("key", fmt.Sprintf(`document.querySelector('[data-testid=session-key]')?.textContent === %q`, key))
			for j, line := range eval[[]string](b, `[...document.querySelectorAll(".spelling li")].map((l) => l.textContent)`) {
				character, word, _ := strings.Cut(line, " ")
				if character != key[j:j+1] || word == "" || word == character || words[word] != "" {
					t.Errorf("%s: %q is spelled %q", language, key[j:j+1], line)
				}
				words[word] = character
			}
		}
		if len(words) != len(protocol.KeyAlphabet) {
			t.Errorf("%s: %d words for %d characters", language, len(words), len(protocol.KeyAlphabet))
		}
	}
}

func state(b *browser, s protocol.State) {
	b.t.Helper()
	b.until("state "+string(s), fmt.Sprintf(`document.querySelector('[data-testid=session-state]')?.dataset.state === %q`, s))
}

func consent(b *browser, p protocol.Permission, s string) {
	b.t.Helper()
	b.until("consent "+s, fmt.Sprintf(`document.querySelector('[data-testid=consents] > [data-permission=%s]')?.dataset.state === %q`, p, s))
}

// TestLanguage: what was chosen at sign-in stands above what the browser
// prefers, and a language that there is none of is English.
func TestLanguage(t *testing.T) {
	p := newPeer(t)
	for _, c := range []struct{ browser, chosen, want, says string }{
		{"de-AT", "", "de", "Neue Sitzung"}, {"de-AT", "ja", "ja", "新しいセッション"}, {"fi-FI", "", "en", "New session"}, {"fr-CA", "constructor", "fr", "Nouvelle session"},
	} {
		b := newBrowser(t, c.browser)
		b.open(p.URL + "/console/")
		if c.chosen != "" {
			eval[string](b, `document.cookie = "__Host-consento-language=`+c.chosen+`; Path=/; Secure"`)
			b.open(p.URL + "/console/")
		}
		b.until("new session", `document.querySelector(".new-session") !== null`)
		if got := eval[string](b, `document.documentElement.lang + " " + document.querySelector(".new-session").innerText`); !strings.HasPrefix(got, c.want+" "+c.says) {
			t.Errorf("%s, chosen %q: %q", c.browser, c.chosen, got)
		}
	}
}
