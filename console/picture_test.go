package console_test

import (
	"encoding/base64"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"consento/protocol"
)

// customer is a page that plays agent and forwarding unit: it answers the
// console's offer with a picture of 1280 by 720, orange left and teal right,
// and a cursor on the data channel.
const customerScript = `
	const canvas = document.createElement("canvas");
	canvas.width = 1280; canvas.height = 720;
	document.body.append(canvas);
	const g = canvas.getContext("2d");
	let n = 0;
	setInterval(() => {
		g.fillStyle = "#e08010"; g.fillRect(0, 0, 640, 720);
		g.fillStyle = "#108080"; g.fillRect(640, 0, 640, 720);
		g.fillStyle = "#fff"; g.fillRect(n++ % 1280, 700, 10, 10);
	}, 100);
	const stream = canvas.captureStream(10);
	stream.getVideoTracks()[0].contentHint = "text"; // keep the size
	globalThis.connections = [];
	globalThis.typed = []; // what came on the channel for terminals
	globalThis.inputs = []; // what came on the channel for input
	globalThis.takeBoard = () => {};
	globalThis.takeParcels = (channel) => { globalThis.parcels = channel; };
	globalThis.answer = async (sdp) => {
		const c = new RTCPeerConnection();
		connections.push(c);
		c.ondatachannel = (e) => {
			if (e.channel.label === "cursor") globalThis.channel = e.channel;
			else if (e.channel.label === "input") e.channel.onmessage = (m) => inputs.push(m.data);
			else if (e.channel.label === "files") takeParcels(e.channel);
			else if (e.channel.label === "clipboard") takeBoard(e.channel);
			else {
				globalThis.shell = e.channel;
				e.channel.onmessage = (m) => typed.push(JSON.parse(m.data));
			}
		};
		await c.setRemoteDescription({type: "offer", sdp});
		c.addTrack(stream.getVideoTracks()[0], stream);
		await c.setLocalDescription();
		if (c.iceGatheringState !== "complete") await new Promise((done) => c.addEventListener("icegatheringstatechange", () => c.iceGatheringState === "complete" && done()));
		return c.localDescription.sdp;
	};
	true`

// connect answers the console's next offer for a session with the customer's picture.
func connect(p *peer, customer *browser, session string) {
	p.t.Helper()
	e := p.wait("offer")
	offer, err := protocol.DecodeBody[protocol.Offer](e)
	if err != nil || offer.Session != session {
		p.t.Fatalf("an offer for %q: %v", offer.Session, err)
	}
	if !strings.Contains(offer.SDP, "a=recvonly") || !strings.Contains(offer.SDP, "m=application") {
		p.t.Fatalf("the offer does not ask for a picture and a cursor:\n%s", offer.SDP)
	}
	sdp := eval[string](customer, fmt.Sprintf("answer(%q)", offer.SDP))
	p.send(e.ID, &protocol.Answer{Session: session, SDP: sdp})
}

const video = `document.querySelector('video[data-testid=remote-screen]')`

// sees waits until the video shows a colour at a point of the customer's screen.
func sees(b *browser, x, y int, colour [3]float64) {
	b.t.Helper()
	comes(b, fmt.Sprintf("%v at %d, %d", colour, x, y), fmt.Sprintf(`(() => {
		const c = new OffscreenCanvas(1, 1), g = c.getContext("2d");
		g.drawImage(%s, -%d, -%d);
		return [...g.getImageData(0, 0, 1, 1).data.slice(0, 3)];
	})()`, video, x, y), func(got [3]float64) bool { return near(got, colour) })
}

func near(a, b [3]float64) bool {
	for i := range a {
		if math.Abs(a[i]-b[i]) > 24 {
			return false
		}
	}
	return true
}

func TestPicture(t *testing.T) {
	p := newPeer(t)
	b := newBrowser(t, "en")
	customer := newBrowser(t, "en")
	customer.open(p.URL + "/customer")
	eval[bool](customer, customerScript)
	b.before(holdRest)

	now := time.Now()
	p.keep(scene("s1", protocol.StateWaiting, now))
	b.open(p.URL + "/console/")

	// Asked for before the customer's yes, so that the first picture is there at once; not seen yet.
	connect(p, customer, "s1")
	b.until("video plays", video+`.videoWidth === 1280`)
	if seen := eval[string](b, `getComputedStyle(`+video+`).visibility`); seen != "hidden" {
		t.Errorf("the picture is %s before the customer allowed it", seen)
	}
	p.change(scene("s1", protocol.StateActive, now.Add(-3*time.Minute-7*time.Second)))
	b.until("video is seen", `getComputedStyle(`+video+`).visibility === "visible"`)
	sees(b, 320, 300, orange)
	sees(b, 960, 300, teal)
	b.until("figures", `document.querySelector(".stats")?.textContent.includes("1280 × 720")`)

	t.Run("cursor", func(t *testing.T) { cursor(t, b, customer) })
	for _, width := range []int64{1440, 960, 320} {
		b.size(width, 900)
		b.until("fitted", fmt.Sprintf(`Math.abs(%s.getBoundingClientRect().width / %[1]s.getBoundingClientRect().height - 16/9) < 0.02 && %[1]s.getBoundingClientRect().right <= innerWidth + 1`, video))
		b.axe(fmt.Sprintf("picture at %d", width))
		b.shot(fmt.Sprintf("5-active-en-%d", width))
	}
	b.size(1440, 900)

	t.Run("actual size", func(t *testing.T) {
		b.size(960, 700)
		b.key("z")
		b.until("one pixel for one", video+`.getBoundingClientRect().width === 1280`)
		b.until("the picture can be scrolled", `(() => { const s = document.querySelector(".stage"); s.scrollTo(9999, 9999); return s.scrollLeft > 0 && s.scrollTop > 0; })()`)
		b.axe("actual size")
		b.shot("5-actual")
		b.key("z")
		b.size(1440, 900)
	})

	t.Run("full screen", func(t *testing.T) {
		b.key("m")
		b.until("full screen", `document.fullscreenElement?.querySelector('[data-testid=end-session]') !== null && document.fullscreenElement.contains(`+video+`)`)
		b.shot("5-full")
		b.key("m")
		b.until("back", `document.fullscreenElement === null`)
	})

	t.Run("comes back", func(t *testing.T) {
		eval[bool](customer, `(connections.at(-1).close(), true)`)
		connect(p, customer, "s1")
		b.until("video plays again", video+`.videoWidth === 1280 && document.querySelector(".stage-word") === null && document.querySelector(".stage").dataset.grey === "false"`)
	})

	t.Run("after the socket was lost", func(t *testing.T) {
		p.drop(0)
		connect(p, customer, "s1")
		b.until("video plays again", video+`.videoWidth === 1280 && document.querySelector(".stage-word") === null && document.querySelector(".stage").dataset.grey === "false"`)
	})

	t.Run("other tab and back", func(t *testing.T) {
		p.change(scene("s2", protocol.StateJoined, now))
		b.click(".session-list li:first-child .row")
		state(b, protocol.StateJoined)
		b.until("no second picture", video+` === null`)
		b.key("1")
		b.until("picture at once", video+`?.videoWidth === 1280`)
		sees(b, 960, 300, teal)
	})

	t.Run("closed and opened", func(t *testing.T) {
		b.click(`.tab[data-current=true] .tab-close`)
		if m, err := protocol.DecodeBody[protocol.StopWatching](p.wait("stop_watching")); err != nil || m.Session != "s1" {
			t.Errorf("stopped watching %q: %v", m.Session, err)
		}
		b.click(`.row[data-state=Active]`)
		connect(p, customer, "s1")
		b.until("video plays again", video+`?.videoWidth === 1280`)
	})

	t.Run("red X", func(t *testing.T) {
		for len(p.came) > 0 {
			<-p.came
		}
		b.click(byID("end-session"))
		select {
		case g := <-p.came:
			if g.envelope.Type != "end_session" {
				t.Errorf("%s came before the red X", g.envelope.Type)
			}
		case <-time.After(patience):
			t.Fatal("the red X sends nothing")
		}
		b.until("no picture", video+` === null`)
		// The broker refuses: the session goes on, and so does the picture.
		p.drop(0)
		p.send(p.wait("end_session").ID, &protocol.Error{Code: protocol.CodeNotAllowed})
		connect(p, customer, "s1")
		b.until("picture is back", video+`?.videoWidth === 1280`)
	})
}

// cursor sends a shape and positions, some malformed, and looks where it is drawn.
func cursor(t *testing.T, b, customer *browser) {
	shape := &protocol.CursorShape{Width: 16, Height: 16, HotX: 2, HotY: 3, RGBA: []byte(strings.Repeat("\xff\xff\xff\xff", 16*16))}
	send := func(u protocol.CursorUpdate) {
		t.Helper()
		data, err := u.Encode()
		if err != nil {
			t.Fatal(err)
		}
		// As bytes: that is how a data channel of the broker sends.
		eval[bool](customer, fmt.Sprintf(`(channel.send(Uint8Array.from(atob(%q), (c) => c.charCodeAt(0))), true)`, base64.StdEncoding.EncodeToString(data)))
	}
	customer.until("cursor channel", `globalThis.channel?.readyState === "open" && channel.label === "`+protocol.CursorChannel+`"`)
	at := func(x, y float64) {
		t.Helper()
		b.until(fmt.Sprintf("cursor at %v, %v", x, y), fmt.Sprintf(`(() => {
			const v = %s.getBoundingClientRect(), c = document.querySelector(".cursor"), r = c.getBoundingClientRect();
			const scale = v.width / 1280, own = r.width / 16;
			return !c.hidden && Math.abs(r.left + 2 * own - v.left - %v * scale) < 1 && Math.abs(r.top + 3 * own - v.top - %v * scale) < 1;
		})()`, video, x, y))
	}
	send(protocol.CursorUpdate{X: 640, Y: 360, Shape: shape})
	at(640, 360)
	for _, bad := range []string{`{`, `null`, `{"x":"1","y":2}`, `{"x":1}`, `{"x":1,"y":2,"shape":{"width":16,"height":16,"hot_x":0,"hot_y":0,"rgba":"AAAA"}}`, `{"x":1,"y":2,"shape":{"width":1e9,"height":1e9,"hot_x":0,"hot_y":0,"rgba":""}}`} {
		eval[bool](customer, fmt.Sprintf(`(channel.send(%q), true)`, bad))
	}
	send(protocol.CursorUpdate{X: 1279, Y: 10})
	at(1279, 10)
	send(protocol.CursorUpdate{X: 900, Y: 200})
	at(900, 200)
	b.size(960, 900) // it keeps its place on the picture when that is scaled
	at(900, 200)
	b.size(1440, 900)
}
