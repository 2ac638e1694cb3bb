package console_test

import (
	"regexp"
	"testing"
	"time"

	"consento/protocol"
	"consento/protocol/lang"
)

// TestPanels looks at drawer, palette and settings in every language, small,
// where there is least room for words.
func TestPanels(t *testing.T) {
	texts, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, language := range texts.Tags() {
		t.Run(language, func(t *testing.T) {
			p := newPeer(t)
			s := scene("s1", protocol.StateActive, time.Now().Add(-3*time.Minute))
			s.Network = &protocol.Network{Limit: protocol.LimitCustomer, Rate: 240, RoundTrip: 310, Loss: 3, Parts: true}
			s.Sharing = &protocol.Sharing{State: protocol.SharingPaused, Source: protocol.SourceApplication, Name: "LibreOffice Writer"}
			s.Note, s.NotedAt = "Toner", time.Now()
			p.keep(s)
			b := newBrowser(t, language)
			b.size(683, 768)
			b.open(p.URL + "/console/")
			state(b, protocol.StateActive)
			look := func(name string) {
				t.Helper()
				if text := eval[string](b, `document.body.innerText`); containsGap(text) {
					t.Errorf("%s: a text is missing: %s", name, text)
				}
				b.axe(name + " " + language)
				b.shot("panel-" + name + "-" + language)
			}
			b.key("w")
			b.until("notes", field+` !== null`)
			look("notes")
			b.key("\x1b")
			b.key("q")
			b.until("figures", `document.querySelectorAll(".verdict").length === 4`)
			look("figures")
			ctrlK(b)
			b.until("palette", palette+`.open`)
			look("palette")
			b.key("\x1b")
			b.until("closed", `!`+palette+`.open`)
			b.key("?")
			b.until("settings", `document.querySelector("dialog.help").open`)
			look("settings")
			b.key("\x1b")
			b.until("closed", `!document.querySelector("dialog.help").open`)
			b.click(".tab-close")
			b.until("said", `document.querySelector(".put-aside") !== null`)
			look("aside")
		})
	}
}

// containsGap reports a text that is missing, or a placeholder that was not filled.
func containsGap(text string) bool { return gap.MatchString(text) }

var gap = regexp.MustCompile(`⟨|\{[a-z_]+\}`)
