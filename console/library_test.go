package console_test

import (
	"testing"
	"time"

	"consento/protocol"
)

// unfold opens what is at hand.
const unfold = `document.querySelector(".canned").open || (document.querySelector(".canned summary").click(), false)`

// TestOfficeTexts: what the office wrote is found by typing, put where the technician
// writes, and never sent by itself.
func TestOfficeTexts(t *testing.T) {
	p := newPeer(t)
	p.library = protocol.Library{
		Answers: []protocol.Passage{
			{ID: "a1", Language: "en", Name: "Opening hours", Text: "We are here from 9 to 18.\nOn Saturdays until noon."},
			{ID: "a2", Language: "en", Name: "Printer <b>", Text: "Please switch the printer off and on again."},
			{ID: "a3", Language: "de", Name: "Öffnungszeiten", Text: "Wir sind von 9 bis 18 Uhr da."},
		},
		Templates: []protocol.Passage{
			{ID: "t1", Language: "en", Name: "Start", Text: "Problem:\n\nResult:\n"},
			{ID: "t2", Language: "ja", Name: "開始", Text: "問題：\n\n結果：\n"},
		},
	}
	s := scene("s1", protocol.StateWaiting, time.Now().Add(-time.Minute))
	p.keep(s)
	b := newBrowser(t, "en")
	b.open(p.URL + "/console/")
	state(b, protocol.StateWaiting)
	k := &talk{peer: p, session: s.ID}
	k.asked(false)

	b.key("c")
	b.until("the chat", `document.activeElement === `+chatField)
	b.until("unfolded", unfold)
	b.until("the office's, then the program's", `[...document.querySelectorAll(".canned li button")].map((e) => e.dataset.own ?? "").join() === "a1,a2,,,,,,"`)
	b.axe("answers")
	b.shot("answers-own")
	b.click(".canned-search")
	b.insert("Again pRÍNT")
	b.until("found by parts of its words", `document.querySelectorAll(".canned li").length === 1 && document.querySelector(".canned strong").textContent === "Printer <b>"`)
	b.key("\r")
	b.key("\t\t\r")
	b.until("put into the field, not sent", chatField+`.value === "Please switch the printer off and on again." && document.activeElement === `+chatField)
	p.quiet("chat_say")
	b.key("\r")
	if m := k.said(""); m.Text != "Please switch the printer off and on again." {
		t.Errorf("said %q", m.Text)
	}
	b.until("another language", `((e) => (e.value = "de", e.dispatchEvent(new Event("change", {bubbles: true})), true))(document.querySelector(".canned select"))`)
	b.click(".canned-search")
	b.until("searched anew", `((e) => (e.value = "", e.dispatchEvent(new InputEvent("input", {bubbles: true})), true))(document.querySelector(".canned-search"))`)
	b.until("German", `document.querySelector(".canned [data-own]")?.dataset.own === "a3" && document.querySelector(".canned ul").lang === "de"`)

	b.key("\x1b")
	b.until("closed", `document.querySelector(".drawer") === null`)
	b.key("w")
	b.until("the summary", `document.activeElement === `+field)
	b.until("unfolded", unfold)
	b.until("the template of this language", `document.querySelectorAll(".canned li").length === 1`)
	b.axe("templates")
	b.shot("templates")
	b.click(".canned li button")
	b.until("inserted, the cursor at the first gap", field+`.value === "Problem:\n\nResult:\n" && `+field+`.selectionStart === 8 && document.activeElement === `+field)
	b.insert(" no toner")
	for m := p.noted(&s); m.Text != "Problem: no toner\n\nResult:\n"; m = p.noted(&s) {
	}
	for _, width := range []int64{320, 1440} {
		b.size(width, 900)
		b.axe("templates")
		b.shot("templates")
	}
}
