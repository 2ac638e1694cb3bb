package console_test

import (
	"fmt"
	"testing"
	"time"

	"consento/protocol"
)

// secondScreen gives the customer's page another screen, purple all over, for a second session.
const secondScreen = `
	const other = document.createElement("canvas");
	other.width = 800; other.height = 600;
	document.body.append(other);
	const og = other.getContext("2d");
	let m = 0;
	setInterval(() => { og.fillStyle = "#602080"; og.fillRect(0, 0, 800, 600); og.fillStyle = "#fff"; og.fillRect(m++ % 800, 580, 10, 10); }, 33);
	const otherStream = other.captureStream(30);
	otherStream.getVideoTracks()[0].contentHint = "text";
	globalThis.answerOther = async (sdp) => {
		const c = new RTCPeerConnection();
		connections.push(c);
		await c.setRemoteDescription({type: "offer", sdp});
		c.addTrack(otherStream.getVideoTracks()[0], otherStream);
		await c.setLocalDescription();
		if (c.iceGatheringState !== "complete") await new Promise((done) => c.addEventListener("icegatheringstatechange", () => c.iceGatheringState === "complete" && done()));
		return c.localDescription.sdp;
	};
	true`

// connectOther answers the console's next offer with the second screen.
func connectOther(p *peer, customer *browser, session string) {
	p.t.Helper()
	e := p.wait("offer")
	offer, err := protocol.DecodeBody[protocol.Offer](e)
	if err != nil || offer.Session != session {
		p.t.Fatalf("an offer for %q: %v", offer.Session, err)
	}
	p.send(e.ID, &protocol.Answer{Session: session, SDP: eval[string](customer, fmt.Sprintf("answerOther(%q)", offer.SDP))})
}

// holdRest lets the time pass when the test calls rest, and no earlier, after which a
// picture rests that nobody looks at: a loaded machine takes longer for a look. It is
// the timer that begins with a key or a click.
const holdRest = `{
	globalThis.resting = new Map();
	const set = setTimeout, clear = clearTimeout;
	let held = 1e9;
	globalThis.setTimeout = (act, ms, ...a) => ms === 5000 && globalThis.event instanceof UIEvent ? (resting.set(++held, act), held) : set(act, ms, ...a);
	globalThis.clearTimeout = (id) => { resting.delete(id) || clear(id); };
	globalThis.rest = () => { const all = [...resting.values()]; resting.clear(); all.forEach((act) => act()); return all.length; };
}`

var (
	orange = [3]float64{0xe0, 0x80, 0x10}
	teal   = [3]float64{0x10, 0x80, 0x80}
	purple = [3]float64{0x60, 0x20, 0x80}
)

// quiet fails if the console sent a message of a type.
func (p *peer) quiet(kind string) {
	p.t.Helper()
	for {
		select {
		case g := <-p.came:
			if g.envelope.Type == kind {
				p.t.Errorf("the console sent %s: %s", kind, g.envelope.Body)
			}
		default:
			return
		}
	}
}

const (
	live    = `document.querySelector('.stage[data-shown=true] .stage-word, .stage[data-shown=true] .stage-notice') === null`
	current = `document.querySelector('.tab[data-current=true]')`
)

// TestTwoPictures: two live sessions at once. The one that is looked at is
// fetched; the other keeps its connection for a moment and then rests, and its
// last picture is there at once when one comes back.
func TestTwoPictures(t *testing.T) {
	p := newPeer(t)
	b := newBrowser(t, "en")
	customer := newBrowser(t, "en")
	customer.open(p.URL + "/customer")
	eval[bool](customer, customerScript)
	eval[bool](customer, secondScreen)
	b.before(holdRest)

	now := time.Now()
	first, second := scene("s1", protocol.StateActive, now.Add(-5*time.Minute)), scene("s2", protocol.StateActive, now.Add(-3*time.Minute))
	p.keep(first)
	p.keep(second)
	b.open(p.URL + "/console/")
	connectOther(p, customer, "s2") // the newer one is in front
	b.until("second screen", video+`.videoWidth === 800`)
	p.quiet("offer") // nobody looks at the first

	b.key("1")
	connect(p, customer, "s1")
	b.until("first screen", video+`.videoWidth === 1280 && `+live)
	sees(b, 300, 300, orange) // as it is kept later
	b.key("2")
	b.until("second screen at once", video+`.videoWidth === 800 && `+live)
	sees(b, 100, 100, purple)
	p.quiet("offer") // its connection was still there

	if n := eval[int](b, `rest()`); n != 1 {
		t.Errorf("%d pictures rest", n)
	}
	if m, err := protocol.DecodeBody[protocol.StopWatching](p.wait("stop_watching")); err != nil || m.Session != "s1" {
		t.Errorf("the console stopped watching %q: %v", m.Session, err)
	}
	b.until("nothing of the first is fetched", `[...document.querySelectorAll(".stage[data-shown=false] video")].every((v) => v.srcObject.getTracks().every((track) => track.readyState === "ended"))`)

	eval[bool](b, `(globalThis.began = performance.now(), true)`)
	b.key("1")
	b.until("last picture of the first, before a new one", `(() => {
		const s = document.querySelector('.stage[data-shown=true] .still');
		const [red, green, blue] = s.getContext("2d").getImageData(300, 300, 1, 1).data;
		return !s.hidden && s.width === 1280 && Math.abs(red - 0xe0) < 24 && Math.abs(green - 0x80) < 24 && blue < 48;
	})()`)
	b.shot("several-again")
	connect(p, customer, "s1")
	b.until("first screen again", video+`.videoWidth === 1280 && `+live+` && document.querySelector('.stage[data-shown=true] .still').hidden`)
	t.Logf("the picture was back %.0f ms after the key", eval[float64](b, `performance.now() - began`))
	sees(b, 320, 300, orange)

	t.Run("something new", func(t *testing.T) {
		second.AwaySince, second.AwayUntil = now, now.Add(10*time.Minute)
		p.change(second)
		b.until("mark on the tab", `document.querySelectorAll(".tab")[1].dataset.unread === "true" && document.querySelector(".tab .mark") !== null`)
		b.until("mark in the list, on top", `document.querySelector(".session-list section").dataset.group === "lost" && document.querySelector("[data-group=lost] .mark") !== null`)
		b.until("title counts", `document.title.startsWith("(1) ")`)
		b.until("said", `[...document.querySelectorAll("[role=status]")].some((e) => /Session .*lost/.test(e.textContent))`)
		for _, width := range []int64{1440, 683} {
			b.size(width, 768)
			b.axe(fmt.Sprintf("several at %d", width))
			b.shot(fmt.Sprintf("several-new-%d", width))
		}
		b.size(1440, 900)
		b.key("2")
		b.until("read", `document.querySelector(".mark") === null && !document.title.startsWith("(")`)
		second.AwaySince, second.AwayUntil = time.Time{}, time.Time{}
		p.change(second)
		b.until("it is back", `document.querySelector("[data-group=lost]") === null`)

		b.focus(false) // the technician looks at another window
		second.Sharing = &protocol.Sharing{State: protocol.SharingPaused, Source: protocol.SourceDesktop}
		p.change(second)
		b.until("new, though its tab is in front", `document.title.startsWith("(1) ")`)
		b.focus(true)
		b.until("read", `!document.title.startsWith("(")`)
		second.Sharing = nil
		p.change(second)
	})

	t.Run("closing a tab ends nothing", func(t *testing.T) {
		b.click(`.tab[data-current=true] .tab-close`)
		b.until("said that it goes on", `/goes on/.test(document.querySelector(".put-aside")?.textContent)`)
		b.until("still in the list", `document.querySelectorAll("[data-group=sharing] .row").length === 2`)
		b.axe("put aside")
		b.shot("several-put-aside")
		b.click(`.put-aside .button`)
		b.until("open again", `document.querySelectorAll(".tab").length === 2 && document.querySelector(".put-aside") === null`)
		p.quiet("end_session")
	})

	t.Run("a session that ends is not said to go on", func(t *testing.T) {
		second.State, second.EndReason, second.EndedAt = protocol.StateClosed, protocol.EndCustomer, time.Now()
		p.change(second)
		b.until("over", `document.querySelector(".ended") !== null`)
		b.click(`.tab[data-current=true] .tab-close`)
		b.until("closed", `document.querySelectorAll(".tab").length === 1 && document.querySelector(".put-aside") === null`)
	})
}

// TestQueue: by what needs the technician, and there by who has waited longest.
func TestQueue(t *testing.T) {
	p := newPeer(t)
	now := time.Now()
	add := func(id string, state protocol.State, since time.Duration) protocol.Session {
		s := scene(id, state, now.Add(-since-time.Minute))
		s.Since = now.Add(-since)
		s.System = "System " + id
		p.keep(s)
		return s
	}
	add("issued", protocol.StateIssued, 4*time.Minute)
	add("joined", protocol.StateJoined, 6*time.Minute)
	add("deciding", protocol.StateWaiting, time.Minute)
	add("deciding-longer", protocol.StateWaiting, 2*time.Minute)
	add("sharing", protocol.StateActive, 20*time.Minute)
	away := add("away", protocol.StateActive, 30*time.Minute)
	away.AwaySince, away.AwayUntil = now.Add(-time.Minute), now.Add(9*time.Minute)
	p.keep(away)
	p.keep(past("over", "Marco Villa", "System over", protocol.EndTechnician, now.Add(-2*time.Hour)))
	p.keep(past("over-later", "Marco Villa", "System over-later", protocol.EndTechnician, now.Add(-time.Hour)))

	b := newBrowser(t, "en")
	b.open(p.URL + "/console/")
	b.until("list", `document.querySelectorAll(".row").length === 8`)
	want := "lost: away | decides: deciding-longer deciding | waiting: joined issued | sharing: sharing | over: over-later over"
	got := eval[string](b, `[...document.querySelectorAll(".session-list section")].map((g) => g.dataset.group + ": " +
		[...g.querySelectorAll(".row-who")].map((r) => r.textContent.split("System ")[1] ?? "issued").join(" ")).join(" | ")`)
	if got != want {
		t.Errorf("the queue is\n%s, not\n%s", got, want)
	}
	b.until("how long they wait", `/2:[0-5]\d/.test(document.querySelector("[data-group=decides] .row-waited").textContent)`)
	for _, dark := range []bool{false, true} {
		b.scheme(dark)
		b.axe("queue")
		b.shot(fmt.Sprintf("queue-%t", dark))
	}
	b.key("/")
	b.until("filter", `document.activeElement.id === "filter"`)
	b.key("nothing such")
	b.until("taught", `document.querySelector(".empty")?.textContent.includes("nothing such")`)
	b.axe("no match")
	b.shot("queue-none")
	b.click(".empty .button")
	b.until("all again", `document.querySelectorAll(".row").length === 8`)
	b.key("/")
	b.until("filter", `document.activeElement.id === "filter"`)
	b.key("deciding-longer\r")
	b.until("Enter opens the first", current+` !== null && document.querySelector(".row[aria-current=true]").textContent.includes("deciding-longer")`)
	b.until("the title follows", `document.title.includes("Customer decides")`)
}
