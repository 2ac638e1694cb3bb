package console_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"consento/protocol"
)

// network lets the figures of the connection be as a bad network makes them.
const badNetwork = `
	globalThis.trip = 0.002; globalThis.lossShare = 0; globalThis.decodeTime = 0.002;
	let lost = 0, last = 0, slow = 0, lastFrames = 0;
	const real = RTCPeerConnection.prototype.getStats;
	RTCPeerConnection.prototype.getStats = async function () {
		const report = new Map(await real.call(this));
		for (const [id, s] of report) {
			if (s.type === "candidate-pair" && s.nominated) report.set(id, {...s, currentRoundTripTime: trip});
			if (s.type === "inbound-rtp") {
				lost += (s.packetsReceived - last) * lossShare / (1 - lossShare); last = s.packetsReceived;
				slow += (s.framesDecoded - lastFrames) * decodeTime; lastFrames = s.framesDecoded;
				report.set(id, {...s, packetsLost: lost, totalDecodeTime: slow});
			}
		}
		return report;
	};
	true`

const verdict = `[...document.querySelectorAll(".verdict")].map((v) => v.dataset.level + ": " + v.textContent)`

// TestFigures: what the figures mean is said in a sentence, at each end of the scale.
func TestFigures(t *testing.T) {
	p := newPeer(t)
	b := newBrowser(t, "en")
	customer := newBrowser(t, "en")
	customer.open(p.URL + "/customer")
	eval[bool](customer, customerScript)
	s := scene("s1", protocol.StateActive, time.Now().Add(-3*time.Minute))
	p.keep(s)
	b.open(p.URL + "/console/")
	eval[bool](b, badNetwork)
	connect(p, customer, "s1")
	b.until("live", video+`.videoWidth === 1280`)
	b.until("good, in the status bar", `document.querySelector(".quality").dataset.level === "good"`)
	b.key("q")
	b.until("all is well", verdict+`.every((v, i) => v.startsWith(i === 1 ? "none: " : "good: "))`)
	b.until("figures", `["ms", "%", "bit/s", "1280 × 720", "direct"].every((x) => document.querySelector(".figures-body").textContent.includes(x))`)
	for _, view := range []struct {
		width int64
		dark  bool
	}{{1440, false}, {1440, true}, {683, false}} {
		b.size(view.width, 768)
		b.scheme(view.dark)
		b.axe(fmt.Sprintf("figures at %d", view.width))
		b.shot(fmt.Sprintf("figures-%d-%t", view.width, view.dark))
	}
	b.size(1440, 900)
	b.scheme(false)

	for _, c := range []struct{ set, part, want string }{
		{`trip = 0.2`, "0", "fair: The way to the service is long"},
		{`trip = 0.7`, "0", "poor: What you see is clearly late"},
		{`(trip = 0.01, lossShare = 0.04)`, "0", "fair: Some of the picture is lost"},
		{`lossShare = 0.2`, "0", "poor: Much of the picture is lost"},
		{`(lossShare = 0, decodeTime = 0.05)`, "2", "fair: Your computer is slow"},
	} {
		eval[bool](b, "("+c.set+", true)")
		b.until(c.want, verdict+`[`+c.part+`].startsWith(`+fmt.Sprintf("%q", c.want)+`)`)
	}
	eval[bool](b, `(lossShare = 0, decodeTime = 0.002, true)`)
	b.shot("figures-poor")

	for _, c := range []struct {
		network protocol.Network
		part    string
		want    string
	}{
		{protocol.Network{Limit: protocol.LimitNone, RoundTrip: 30}, "1", "good: The customer's network bears"},
		{protocol.Network{Limit: protocol.LimitCustomer, Rate: 900, RoundTrip: 90, Loss: 1}, "1", "fair: The customer's network is slow"},
		{protocol.Network{Limit: protocol.LimitCustomer, Rate: 200, RoundTrip: 190, Parts: true}, "1", "poor: The customer's network is very slow"},
		{protocol.Network{Limit: protocol.LimitCustomer, Rate: 300, RoundTrip: 90}, "1", "poor: The customer's network is very slow: the picture comes late"},
		{protocol.Network{Limit: protocol.LimitUnknown, RoundTrip: 30, Loss: 1}, "1", "good: Little is lost"},
		{protocol.Network{Limit: protocol.LimitUnknown, Loss: 20}, "1", "poor: Much is lost"},
		{protocol.Network{Limit: protocol.LimitComputer, RoundTrip: 30}, "2", "fair: The customer's computer is slow in making"},
		{protocol.Network{Limit: protocol.LimitCustomer, Rate: 4000, RoundTrip: 90, Parts: true}, "1", "fair: The customer's network is slow"},
		{protocol.Network{Limit: protocol.LimitNone, RoundTrip: 900}, "1", "poor: The way to the customer is long"},
		{protocol.Network{Limit: protocol.LimitNone, Loss: 20}, "1", "poor: Much is lost on the customer's way"},
		{protocol.Network{Limit: protocol.LimitViewers, Rate: 700}, "1", "fair: The way to those who watch"},
		{protocol.Network{Limit: protocol.LimitNone, Encode: 140, CPU: 60, Quantizer: 40}, "2", "fair: The customer's computer is slow in making"},
		{protocol.Network{Limit: protocol.LimitNone, Encode: 20, CPU: 75}, "2", "fair: The customer's computer is slow in making"},
		{protocol.Network{Limit: protocol.LimitNone, Encode: 20, CPU: 12, Quantizer: 8}, "2", "good: "},
	} {
		s.Network = &c.network
		p.change(s)
		b.until(c.want, verdict+`[`+c.part+`].startsWith(`+fmt.Sprintf("%q", c.want)+`)`)
	}
	b.axe("the customer's network")
	b.shot("figures-customer")

	// Text that is wished crisp waits for a network that carries it, and that is said.
	waits := `document.querySelector("[data-testid=crisp-waits]")`
	s.Crisp, s.Network = true, &protocol.Network{Limit: protocol.LimitCustomer, Rate: 4000, RoundTrip: 90, Parts: true}
	p.change(s)
	b.until("crisp text waits", waits+`?.textContent.includes("Crisp text waits")`)
	b.axe("crisp text waits")
	b.shot("crisp-waits")
	s.Network = &protocol.Network{Limit: protocol.LimitNone, RoundTrip: 30}
	p.change(s)
	b.until("and no more", waits+` === null`)
	s.Crisp = false

	// Nothing moves on the customer's side: that is no trouble.
	eval[bool](customer, `(connections.at(-1).getSenders()[0].track.enabled, connections.at(-1).getSenders()[0].replaceTrack(null), true)`)
	b.until("stands still", verdict+`[3].startsWith("good: The customer's screen stands still")`)
	b.until("and so nothing is sent", verdict+`[2].startsWith("good: Nothing moves")`)

	eval[bool](customer, `(connections.at(-1).close(), true)`)
	b.until("an old picture", verdict+`[3].startsWith("poor: This is an old picture") && document.querySelector(".quality").dataset.level === "poor"`)
	b.shot("figures-old")
}

// TestAway: what is known of a lost connection stands over the last picture, in
// grey and counting, whichever side was lost; what the customer hides is hidden.
func TestAway(t *testing.T) {
	p := newPeer(t)
	b := newBrowser(t, "en")
	customer := newBrowser(t, "en")
	customer.open(p.URL + "/customer")
	eval[bool](customer, customerScript)
	s := scene("s1", protocol.StateActive, time.Now().Add(-3*time.Minute))
	p.keep(s)
	b.open(p.URL + "/console/")
	connect(p, customer, "s1")
	b.until("live", video+`.videoWidth === 1280 && `+live)

	notice := `document.querySelector(".stage[data-shown=true] .stage-notice")?.textContent`
	grey := `document.querySelector(".stage[data-shown=true]").dataset.grey === "true"`
	seen := `getComputedStyle(document.querySelector(".stage[data-shown=true] .frame")).visibility === "visible"`
	t.Run("the customer's side", func(t *testing.T) {
		now := time.Now()
		s.AwaySince, s.AwayUntil = now.Add(-12*time.Second), now.Add(9*time.Minute+48*time.Second)
		waited := `Number(/Waiting for it: 0:(\d\d)/.exec(` + notice + `)[1])`
		b.until("not yet", `!(`+grey+`)`)
		counts := b.soon("counts", `/lost.*Waiting for it: 0:1[2-9].*ends in 9:[34]/.test(`+notice+`) && `+grey+` && `+seen)
		p.at(now, s)
		counts()
		seconds := eval[int](b, waited)
		b.until("goes on counting", fmt.Sprintf(`%s > %d`, waited, seconds+2))
		for _, width := range []int64{1440, 320} {
			b.size(width, 768)
			b.axe("away")
			b.shot(fmt.Sprintf("away-%d", width))
		}
		b.size(1440, 900)
		s.AwaySince, s.AwayUntil = time.Time{}, time.Time{}
		p.change(s)
		b.until("gone", live+` && !(`+grey+`)`)
	})
	t.Run("this side", func(t *testing.T) {
		p.drop(http.StatusServiceUnavailable)
		b.until("the last picture, and how old", `/last picture, 0:\d\d old/.test(`+notice+`) && `+grey+` && `+seen)
		b.shot("offline")
		back := b.soon("how long it was", `/away for 0:\d\d/.test(document.querySelector(".back-again")?.textContent)`)
		picture := b.soon("the picture too", `/The picture is back. It was away for 0:\d\d/.test(`+notice+`) && !(`+grey+`)`)
		p.accept()
		connect(p, customer, "s1")
		back()
		picture()
		b.shot("back")
		b.until("not for ever", `document.querySelector(".back-again") === null && `+live)
	})
	t.Run("what is shared", func(t *testing.T) {
		for _, c := range []struct {
			sharing protocol.Sharing
			badge   string
			hidden  bool
		}{
			{protocol.Sharing{State: protocol.SharingShown, Source: protocol.SourceDesktop, Width: 1280, Height: 720}, "Whole screen", false},
			{protocol.Sharing{State: protocol.SharingShown, Source: protocol.SourceMonitor, Name: "HDMI-1"}, "Monitor HDMI-1", false},
			{protocol.Sharing{State: protocol.SharingShown, Source: protocol.SourceApplication, Name: "LibreOffice"}, "Only LibreOffice", false},
			{protocol.Sharing{State: protocol.SharingShown, Source: protocol.SourceTab}, "One browser tab", false},
			{protocol.Sharing{State: protocol.SharingPaused, Source: protocol.SourceDesktop}, "Paused by the customer", true},
			{protocol.Sharing{State: protocol.SharingLocked, Source: protocol.SourceDesktop}, "Screen locked", true},
			{protocol.Sharing{State: protocol.SharingStopped, Source: protocol.SourceWindow}, "Sharing stopped", true},
		} {
			s.Sharing = &c.sharing
			p.change(s)
			b.until(c.badge, `document.querySelector("[data-testid=shared]").textContent === `+fmt.Sprintf("%q", c.badge))
			b.until("hidden or not: "+c.badge, fmt.Sprintf(`(%s) === %t`, seen, !c.hidden))
			b.axe(c.badge)
			b.shot("sharing-" + string(c.sharing.State) + "-" + string(c.sharing.Source))
		}
	})
}

// TestHalfLaptop: on half of a laptop's screen all is in reach, nothing scrolls,
// and the picture is as large as the page lets it be.
func TestHalfLaptop(t *testing.T) {
	for _, language := range []string{"en", "de"} {
		t.Run(language, func(t *testing.T) {
			p := newPeer(t)
			b := newBrowser(t, language)
			customer := newBrowser(t, "en")
			customer.open(p.URL + "/customer")
			eval[bool](customer, customerScript)
			s := scene("s1", protocol.StateActive, time.Now().Add(-3*time.Minute))
			s.Sharing = &protocol.Sharing{State: protocol.SharingShown, Source: protocol.SourceApplication, Name: "LibreOffice Writer"}
			p.keep(s)
			p.keep(scene("s2", protocol.StateJoined, time.Now()))
			b.size(683, 768)
			b.open(p.URL + "/console/")
			connect(p, customer, "s1")
			b.until("live", video+`.videoWidth === 1280 && `+live)
			for _, width := range []int64{683, 720, 1024} {
				b.size(width, 768)
				if width == 1024 {
					b.key("l") // the list gives way to the picture
				}
				b.until("as wide as the page", video+`.getBoundingClientRect().width >= innerWidth - 8`) // but for the ring around it
				b.until("nothing scrolls", `document.documentElement.scrollHeight <= innerHeight && document.documentElement.scrollWidth <= innerWidth`)
				b.until("all in reach", `[...document.querySelectorAll(".session-head button, .status button, .tabs button")].every((x) => {
					const r = x.getBoundingClientRect();
					return x.offsetParent === null || (r.left >= 0 && r.right <= innerWidth && r.top >= 0 && r.bottom <= innerHeight && r.width >= 24 && r.height >= 24);
				})`)
				b.axe(fmt.Sprintf("half at %d", width))
				b.shot(fmt.Sprintf("half-%s-%d", language, width))
				b.frames()
				before := eval[float64](b, video+`.getBoundingClientRect().width`)
				b.key("w")
				b.until("notes over the picture", field+` !== null && `+field+`.getBoundingClientRect().right <= innerWidth`)
				b.frames()
				if after := eval[float64](b, video+`.getBoundingClientRect().width`); after != before {
					t.Errorf("at %d the picture shrinks from %v to %v", width, before, after)
				}
				b.axe(fmt.Sprintf("half with notes at %d", width))
				b.shot(fmt.Sprintf("half-notes-%s-%d", language, width))
				b.key("\x1b")
				b.until("closed", field+` === null`)
			}
		})
	}
}
