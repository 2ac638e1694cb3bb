package console_test

import (
	"fmt"
	"testing"
	"time"

	"consento/protocol"
	"consento/protocol/lang"
)

// TestTroubleInEveryLanguage looks at what is seldom seen and long in words: bad
// figures, a lost customer, what is shared, marks of what is new, reason and rating.
func TestTroubleInEveryLanguage(t *testing.T) {
	texts, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, language := range texts.Tags() {
		t.Run(language, func(t *testing.T) {
			t.Run("picture", func(t *testing.T) { troubledPicture(t, language) })
			t.Run("reason and rating", func(t *testing.T) { reasonAndRating(t, language) })
		})
	}
}

// looker checks the page as it is, narrow and wide, light and dark.
func looker(t *testing.T, b *browser, language string) func(name string) {
	return func(name string) {
		t.Helper()
		for _, v := range []view{{683, 768, false}, {1440, 900, true}} {
			b.scheme(v.dark)
			b.size(v.width, v.height)
			if text := eval[string](b, `document.body.innerText`); containsGap(text) {
				t.Errorf("%s: a text is missing: %s", name, text)
			}
			b.axe(fmt.Sprintf("%s %s at %d", name, language, v.width))
			b.shot(fmt.Sprintf("trouble-%s-%s-%d", name, language, v.width))
		}
		b.scheme(false)
	}
}

func troubledPicture(t *testing.T, language string) {
	p := newPeer(t)
	b := newBrowser(t, language)
	customer := newBrowser(t, "en")
	customer.open(p.URL + "/customer")
	eval[bool](customer, customerScript)
	now := time.Now()
	s, other := scene("s1", protocol.StateActive, now.Add(-3*time.Minute)), scene("s2", protocol.StateActive, now.Add(-9*time.Minute))
	p.keep(s)
	p.keep(other)
	b.open(p.URL + "/console/")
	eval[bool](b, badNetwork)
	connect(p, customer, "s1") // the newer one is in front
	b.until("live", video+`.videoWidth === 1280 && `+live)
	look := looker(t, b, language)
	levels := func(want string) {
		t.Helper()
		b.until("figures: "+want, `[...document.querySelectorAll(".verdict")].slice(0, 3).map((v) => v.dataset.level).join(" ") === `+fmt.Sprintf("%q", want))
	}

	b.key("q")
	eval[bool](b, `(trip = 0.7, decodeTime = 0.05, true)`)
	s.Network = &protocol.Network{Limit: protocol.LimitCustomer, Rate: 200, RoundTrip: 190, Loss: 20, Parts: true}
	p.change(s)
	levels("poor poor fair")
	look("figures-poor")
	eval[bool](b, `(trip = 0.01, lossShare = 0.04, decodeTime = 0.002, true)`)
	s.Network = &protocol.Network{Limit: protocol.LimitViewers, Rate: 700, Encode: 140, CPU: 60, Quantizer: 40}
	p.change(s)
	levels("fair fair fair")
	look("figures-fair")
	eval[bool](customer, `(connections.at(-1).close(), true)`)
	b.until("an old picture", `document.querySelectorAll(".verdict")[3].dataset.level === "poor"`)
	look("figures-old")
	b.key("q")
	b.until("figures are closed", `document.querySelector(".verdict") === null`)

	s.AwaySince, s.AwayUntil = now.Add(-12*time.Second), now.Add(9*time.Minute)
	p.change(s)
	b.until("away", `document.querySelector(".stage[data-shown=true]").dataset.grey === "true" && document.querySelector(".stage[data-shown=true] .stage-notice") !== null`)
	look("away")
	if language == "de" || language == "ja" { // where room is short
		s.Restart = &protocol.Restarting{State: protocol.RestartGoing, At: s.AwaySince, Until: s.AwayUntil}
		s.Consents = append(s.Consents, protocol.Consent{Permission: protocol.Reboot, State: protocol.ConsentGiven, Epoch: 9})
		p.change(s)
		b.until("held open", `document.querySelector(".stage[data-shown=true] .stage-notice [role=timer]") !== null`)
		look("restarting")
		s.Restart.State, s.AwaySince, s.AwayUntil = protocol.RestartByHand, time.Time{}, time.Time{}
		p.change(s)
		b.until("by hand", `document.querySelector("[data-testid=restart-strip]")?.dataset.restart === "by_hand"`)
		look("restart-by-hand")
		s.Restart, s.Consents = nil, scene("s1", protocol.StateActive, now).Consents
	}
	s.AwaySince, s.AwayUntil = time.Time{}, time.Time{}
	p.change(s)
	b.until("there again", `document.querySelector("[data-away=true]") === null`)

	badge := `(document.querySelector("[data-testid=shared]")?.textContent ?? "")`
	for _, sharing := range []protocol.Sharing{
		{State: protocol.SharingShown, Source: protocol.SourceDesktop, Width: 1280, Height: 720},
		{State: protocol.SharingShown, Source: protocol.SourceMonitor, Name: "HDMI-1"},
		{State: protocol.SharingShown, Source: protocol.SourceApplication, Name: "LibreOffice"},
		{State: protocol.SharingShown, Source: protocol.SourceTab},
		{State: protocol.SharingPaused, Source: protocol.SourceDesktop},
		{State: protocol.SharingLocked, Source: protocol.SourceDesktop},
		{State: protocol.SharingMuted, Source: protocol.SourceApplication, Name: "LibreOffice"},
		{State: protocol.SharingStopped, Source: protocol.SourceWindow},
	} {
		name := "shared-" + string(sharing.State) + "-" + string(sharing.Source)
		before := eval[string](b, badge)
		s.Sharing = &sharing
		p.change(s)
		b.until(name, badge+` !== `+fmt.Sprintf("%q", before)+` && `+badge+` !== ""`)
		b.size(683, 768) // where there is least room
		b.axe(name + " " + language)
		b.shot("trouble-" + name + "-" + language)
	}

	other.AwaySince, other.AwayUntil = now, now.Add(10*time.Minute)
	p.change(other)
	b.until("marked", `document.querySelector(".tab .mark") !== null && document.querySelector("[data-group=lost] .mark") !== null`)
	look("marks")
}

func reasonAndRating(t *testing.T, language string) {
	p := newPeer(t)
	b := newBrowser(t, language)
	now := time.Now()
	over := scene("s0", protocol.StateClosed, now.Add(-time.Hour))
	over.Reason, over.Stars = "Stampante HP", 4
	p.keep(over)
	s := scene("s1", protocol.StateIssued, now)
	p.keep(s)
	b.open(p.URL + "/console/")
	state(b, protocol.StateIssued)
	look := looker(t, b, language)
	b.until("field for the reason", `document.querySelector("#why") !== null`)
	look("reason-empty")
	s.State, s.Steps, s.Reason = protocol.StateJoined, []protocol.Step{protocol.StepKeyTyped, protocol.StepNameConfirmed}, "Stampante HP"
	p.change(s)
	b.until("it stands", `document.querySelector(".why") !== null && document.querySelector("#why") === null`)
	look("reason")
	b.click("[data-group=over] .row")
	b.until("stars", `document.querySelector(".ended .stars")?.textContent === "★★★★☆"`)
	look("rated")
}
