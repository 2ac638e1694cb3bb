package console_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"consento/protocol"
)

const (
	chatField = `document.querySelector("#chat-input")`
	chatTexts = `[...document.querySelectorAll(".chat-text")].map((e) => e.textContent.trim())`
)

// talk is the broker's side of a chat.
type talk struct {
	*peer
	session string
	lines   []protocol.ChatLine
}

// asked answers what the console missed.
func (k *talk) asked(more bool) protocol.ChatSince {
	k.t.Helper()
	e := k.wait("chat_since")
	m, err := protocol.DecodeBody[protocol.ChatSince](e)
	if err != nil || m.Session != k.session {
		k.t.Fatalf("asked %+v, %v", m, err)
	}
	answer := &protocol.Chat{Session: k.session, Allowed: true, More: more}
	for _, l := range k.lines {
		if l.N > m.After {
			answer.Lines = append(answer.Lines, l)
		}
	}
	k.send(e.ID, answer)
	return m
}

func (k *talk) line(from protocol.ChatSide, text, key string) protocol.ChatLine {
	l := protocol.ChatLine{N: uint32(len(k.lines) + 1), From: from, Text: text, Key: key, At: time.Now().UTC()}
	if from == protocol.ChatTechnician {
		l.Name = technician.Name
	}
	k.lines = append(k.lines, l)
	return l
}

// customer writes a line.
func (k *talk) customer(text string) {
	k.t.Helper()
	l := k.line(protocol.ChatCustomer, text, fmt.Sprint("c", len(k.lines)))
	k.send(0, &protocol.Chat{Session: k.session, Allowed: true, Lines: []protocol.ChatLine{l}})
}

// said takes a line of the technician's, or refuses it.
func (k *talk) said(code protocol.ErrorCode) protocol.ChatSay {
	k.t.Helper()
	e := k.wait("chat_say")
	m, err := protocol.DecodeBody[protocol.ChatSay](e)
	if err != nil || m.Session != k.session {
		k.t.Fatalf("said %+v, %v", m, err)
	}
	if code != "" {
		k.send(e.ID, &protocol.ChatSaid{Key: m.Key, Code: code})
		return m
	}
	l := k.line(protocol.ChatTechnician, m.Text, m.Key)
	k.send(0, &protocol.Chat{Session: k.session, Allowed: true, Lines: []protocol.ChatLine{l}})
	k.send(e.ID, &protocol.ChatSaid{Key: m.Key, N: l.N})
	return m
}

// TestChat: read and written by keyboard, with marks of what is unread, links that say where
// they lead, lines that are not delivered, and nothing lost over a lost connection.
func TestChat(t *testing.T) {
	p := newPeer(t)
	s := scene("s1", protocol.StateActive, time.Now().Add(-time.Minute))
	s.Language = "de-AT"
	p.keep(s)
	k := &talk{peer: p, session: s.ID}
	k.line(protocol.ChatCustomer, "Guten Tag", "c0")
	b := newBrowser(t, "en")
	b.open(p.URL + "/console/")
	state(b, protocol.StateActive)
	k.asked(false)

	// What comes while nobody looks is marked, and said once.
	k.customer("Hilfe!")
	b.until("marked", `document.querySelector('[data-testid="chat-unread"]')?.firstChild.textContent === "1"`)
	b.until("said", `[...document.querySelectorAll("[role=status]")].some((e) => e.textContent === "The customer writes: Hilfe!")`)
	b.shot("chat-unread")
	b.key("c")
	b.until("open, ready to write, all there", `document.activeElement === `+chatField+` && `+chatTexts+`.join() === "Guten Tag,Hilfe!"`)
	b.until("read", `document.querySelector('[data-testid="chat-unread"]') === null`)
	b.until("spoken politely", `document.querySelector('[data-testid="chat-log"]').getAttribute("aria-live") === "polite"`)
	b.axe("chat")

	t.Run("said", func(t *testing.T) {
		b.key("Hello <b>you</b>\r")
		if m := k.said(""); m.Text != "Hello <b>you</b>" {
			t.Errorf("said %q", m.Text)
		}
		b.until("text, and no markup", chatTexts+`.at(-1) === "Hello <b>you</b>" && document.querySelector(".chat-text b") === null`)
		b.until("an empty field", chatField+`.value === "" && document.querySelector(".chat-line[data-state]") === null`)
		b.key("  \r") // nothing to say
		b.insert("two\u202e\nlines")
		b.key("\r")
		if m := k.said(""); m.Text != "two\nlines" {
			t.Errorf("said %q", m.Text)
		}
	})

	t.Run("links and directions", func(t *testing.T) {
		k.customer("see https://example.org/a?b=1, not javascript:alert(1) nor https://bank.example@evil.example/")
		b.until("one link, that says where it leads", `(() => {
			const links = [...document.querySelectorAll(".chat-text a")];
			return links.length === 1 && links[0].href === "https://example.org/a?b=1" && links[0].target === "_blank" && links[0].rel.includes("noopener") &&
				links[0].parentElement.querySelector(".chat-host").textContent.includes("example.org");
		})()`)
		k.customer("שלום, זה לא עובד")
		b.until("its own direction", `getComputedStyle([...document.querySelectorAll(".chat-text")].at(-1)).direction === "rtl"`)
		b.axe("links")
		b.shot("chat-links")
	})

	t.Run("canned", func(t *testing.T) {
		b.click(".canned summary")
		b.until("in the customer's language", `document.querySelector(".canned ul").lang === "de" && document.querySelector(".canned li button").textContent.startsWith("Guten Tag")`)
		b.axe("canned")
		b.shot("chat-canned")
		b.click(".canned li button")
		b.until("in the field", chatField+`.value.startsWith("Guten Tag") && document.activeElement === `+chatField)
		b.click(".canned summary")
		b.click("#chat-input")
		b.key("\r")
		k.said("")
	})

	t.Run("too long", func(t *testing.T) {
		eval[bool](b, fmt.Sprintf(`(%s.value = %q, %[1]s.dispatchEvent(new InputEvent("input", {bubbles: true})), true)`, chatField, strings.Repeat("ü", protocol.MaxChat)+"🖨️"))
		b.until("counted", `document.querySelector("#chat-left").textContent.startsWith("Too long by 2")`)
		b.axe("too long")
		b.key("\r")
		eval[bool](b, fmt.Sprintf(`(%s.value = "", %[1]s.dispatchEvent(new InputEvent("input", {bubbles: true})), true)`, chatField))
		p.quiet("chat_say")
	})

	t.Run("not delivered", func(t *testing.T) {
		b.key("again and again\r")
		first := k.said(protocol.CodeThrottled)
		b.until("said so", `document.querySelector('.chat-line[data-state="failed"] [role=alert]')?.textContent.startsWith("Not delivered: too many")`)
		b.axe("not delivered")
		b.shot("chat-failed")
		b.click(`.chat-line[data-state="failed"] button`)
		if m := k.said(""); m != first {
			t.Errorf("sent again: %+v", m)
		}
		b.until("delivered", `document.querySelector(".chat-line[data-state]") === null && `+chatTexts+`.at(-1) === "again and again" && document.activeElement === `+chatField)
	})

	t.Run("no connection", func(t *testing.T) {
		p.drop(http.StatusServiceUnavailable)
		b.until("lost", `document.querySelector(".line").dataset.line === "lost"`)
		b.key("lost\r")
		b.until("not delivered", `document.querySelector('.chat-line[data-state="failed"]') !== null`)
		k.line(protocol.ChatCustomer, "one", "m1")
		k.lines = append(k.lines, protocol.ChatLine{}) // what a restarted broker does not have
		k.line(protocol.ChatCustomer, "three", "m3")
		missing := len(k.lines) - 2
		k.lines = append(k.lines[:missing], k.lines[missing+1:]...)
		p.accept()
		if m := k.asked(false); int(m.After) != missing-1 {
			t.Errorf("asked behind %d, not %d", m.After, missing-1)
		}
		b.until("what was missed, and that one is missing", chatTexts+`.join().includes("one,three") && document.querySelectorAll(".chat-gap").length === 1`)
		b.click(`.chat-line[data-state="failed"] button`)
		e := p.wait("chat_say")
		m, err := protocol.DecodeBody[protocol.ChatSay](e)
		if err != nil || m.Text != "lost" {
			t.Errorf("%+v, %v", m, err)
		}
		l := protocol.ChatLine{N: uint32(len(k.lines) + 2), From: protocol.ChatTechnician, Name: technician.Name, Text: m.Text, Key: m.Key, At: time.Now()}
		p.send(0, &protocol.Chat{Session: s.ID, Allowed: true, Lines: []protocol.ChatLine{l}})
		p.send(e.ID, &protocol.ChatSaid{Key: m.Key, N: l.N})
		b.until("delivered", `document.querySelector(".chat-line[data-state]") === null && `+chatTexts+`.at(-1) === "lost"`)
	})

	t.Run("over", func(t *testing.T) {
		s.State, s.EndReason, s.EndedAt = protocol.StateEnding, protocol.EndCustomer, time.Now()
		p.change(s)
		b.until("read only", chatField+` === null && `+chatTexts+`.length > 5 && document.querySelector(".chat-none").textContent !== ""`)
		b.until("the keyboard is somewhere", `document.activeElement !== document.body`)
		b.axe("over")
		b.click(".drawer-head button")
		b.until("closed", `document.querySelector(".chat") === null`)
	})
}

// TestChatIsNarrow: in each language, on a small page and in the dark nothing is cut off.
func TestChatIsNarrow(t *testing.T) {
	for _, language := range []string{"en", "it", "fr", "de", "es", "ja"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t)
			s := scene("s1", protocol.StateWaiting, time.Now().Add(-time.Minute))
			s.Language = language
			p.keep(s)
			k := &talk{peer: p, session: s.ID}
			b := newBrowser(t, language)
			b.size(320, 640)
			b.scheme(true)
			b.open(p.URL + "/console/")
			state(b, protocol.StateWaiting)
			k.line(protocol.ChatCustomer, "https://example.org/"+strings.Repeat("long/", 30), "c0")
			k.line(protocol.ChatTechnician, strings.Repeat("unbreakable", 20), "t0")
			k.asked(false)
			b.click("[data-testid=chat]") // keys are heard only after the first paint
			b.until("open", `document.activeElement === `+chatField)
			b.click(".canned summary")
			b.axe(language)
			b.shot("chat-narrow-" + language)
		})
	}
}
