package console_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"strings"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"

	"consento/protocol"
)

// clipScript is the customer's side of a console's clipboards.
const clipScript = `
	globalThis.heard = []; // what the console said
	globalThis.came = {}; // content by id, as base64
	globalThis.stalled = false; // acknowledges nothing
	globalThis.clipEpoch = 0;
	globalThis.sayClip = (m) => board.send(JSON.stringify({ epoch: clipEpoch, ...m }));
	globalThis.pieceClip = (id, at, content) => {
		const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
		const data = new Uint8Array(16 + bytes.length), view = new DataView(data.buffer);
		view.setUint32(0, clipEpoch); view.setUint32(4, id); view.setBigUint64(8, BigInt(at));
		data.set(bytes, 16);
		board.send(data);
	};
	globalThis.takeBoard = (channel) => {
		globalThis.board = channel;
		channel.binaryType = "arraybuffer";
		channel.onmessage = ({ data }) => {
			if (typeof data === "string") return void heard.push(JSON.parse(data));
			const view = new DataView(data), id = view.getUint32(4), at = Number(view.getBigUint64(8));
			came[id] ??= [];
			came[id].push(...new Uint8Array(data, 16));
			if (!stalled) sayClip({ kind: "ack", id, at: at + data.byteLength - 16 });
		};
	};
	true`

// clipEnd is the customer's side, from the test.
type clipEnd struct {
	t        *testing.T
	customer *browser
	epoch    uint32
}

func (c *clipEnd) begin(epoch uint32) {
	c.epoch = epoch
	eval[bool](c.customer, fmt.Sprintf(`(clipEpoch = %d, heard = [], came = {}, true)`, epoch))
}

func (c *clipEnd) tell(m protocol.Clip) {
	c.t.Helper()
	m.Epoch = c.epoch
	data, err := m.Encode()
	if err != nil {
		c.t.Fatal(err)
	}
	eval[bool](c.customer, fmt.Sprintf("(board.send(%q), true)", data))
}

// hears waits for the next message of a kind. Each must be one that the broker takes.
func (c *clipEnd) hears(kind protocol.ClipKind, permission protocol.Permission) (found protocol.Clip) {
	c.t.Helper()
	comes(c.customer, string(kind), `JSON.stringify(heard)`, func(raw string) bool {
		var list []json.RawMessage
		if err := json.Unmarshal([]byte(raw), &list); err != nil {
			c.t.Fatal(err)
		}
		for n, data := range list {
			m, err := protocol.DecodeClip(data)
			if err != nil || !m.FromConsole(permission) || m.Epoch != c.epoch {
				c.t.Fatalf("the console sent %s: %v", data, err)
			}
			if m.Kind == kind {
				found = m
				eval[bool](c.customer, fmt.Sprintf(`(heard.splice(0, %d), true)`, n+1))
				return true
			}
		}
		return false
	})
	return found
}

// serve answers what the console asked for.
func (c *clipEnd) serve(kind protocol.ClipType, data []byte, hash string) {
	c.t.Helper()
	id := c.hears(protocol.ClipGet, protocol.FetchClipboard).ID
	c.tell(protocol.Clip{Kind: protocol.ClipMoved, ID: id, Size: int64(len(data))})
	c.tell(protocol.Clip{Kind: protocol.ClipOffer, ID: id, Type: kind, Size: int64(len(data)), Hash: hash})
	for at := 0; at < len(data); at += protocol.MaxChunk {
		part := data[at:min(at+protocol.MaxChunk, len(data))]
		eval[bool](c.customer, fmt.Sprintf(`(pieceClip(%d, %d, %q), true)`, id, at, base64.StdEncoding.EncodeToString(part)))
	}
}

// TestClipboards: asked for each way; what is sent is looked at first, what comes is
// checked and looked at before it goes onto the technician's own clipboard.
func TestClipboards(t *testing.T) {
	p := newPeer(t)
	p.welcome.Permissions = protocol.BuiltInProfiles()[1].Permissions
	b, customer := newBrowser(t, "en"), newBrowser(t, "en")
	allow := func(setting cdpbrowser.PermissionSetting) {
		command(b, cdpbrowser.SetPermission, cdpbrowser.SetPermissionParams{Setting: setting, Permission: &cdpbrowser.PermissionDescriptor{Name: "clipboard-read"}})
	}
	allow(cdpbrowser.PermissionSettingGranted)
	customer.open(p.URL + "/customer")
	eval[bool](customer, customerScript)
	eval[bool](customer, clipScript)
	now := time.Now()
	active := func(consents ...protocol.Consent) protocol.Session {
		s := scene("s1", protocol.StateActive, now.Add(-3*time.Minute))
		s.Tools = []protocol.Permission{protocol.SendClipboard, protocol.FetchClipboard}
		s.Consents = append(s.Consents, consents...)
		return s
	}
	p.keep(active())
	b.open(p.URL + "/console/")
	connect(p, customer, "s1")
	b.until("video plays", video+`.videoWidth === 1280`)
	c := &clipEnd{t: t, customer: customer}
	c.begin(2)
	said := func(text string) {
		t.Helper()
		b.until("it says "+text, fmt.Sprintf(`document.querySelector("[data-testid=clip-said]")?.textContent.includes(%q)`, text))
	}
	look := func(side, text string) {
		t.Helper()
		b.until(side+": "+text, fmt.Sprintf(`document.querySelector("[data-testid=clip-look]")?.dataset.side === %q && document.querySelector("[data-testid=clip-look]").textContent.includes(%q)`, side, text))
	}

	b.click("[data-testid=send_clipboard]")
	e := p.wait("consent_request")
	if m, err := protocol.DecodeBody[protocol.ConsentRequest](e); err != nil || m.Permission != protocol.SendClipboard {
		t.Fatalf("asked %+v, %v", m, err)
	}
	send := protocol.Consent{Permission: protocol.SendClipboard, State: protocol.ConsentAsked, Epoch: 2}
	p.send(e.ID, &protocol.SessionChanged{Session: active(send)})
	b.until("asked", `document.querySelector("[data-testid=clip-panel] [data-permission=send_clipboard]")?.dataset.state === "asked"`)
	send.State = protocol.ConsentGiven
	p.change(active(send))

	// Nothing goes before it was looked at and confirmed.
	text := "perch\u00e9 \u6f22\u5b57 \U0001f600\n" + strings.Repeat("and more of it\n", 10_000)
	b.until("it can be sent", `document.querySelector("[data-testid=clip-send]")?.getAttribute("aria-disabled") === "false"`)
	eval[bool](b, fmt.Sprintf(`navigator.clipboard.writeText(%q).then(() => true)`, text))
	b.click("[data-testid=clip-send]")
	look("yours", "perch\u00e9 \u6f22\u5b57")
	look("yours", "Only the beginning")
	b.shot("9-clipboard-yours")
	b.axe("own clipboard")
	if n := eval[int](customer, `heard.length`); n != 0 {
		t.Errorf("%d messages before anybody confirmed", n)
	}
	eval[bool](customer, `(stalled = true, true)`)
	b.click("[data-testid=clip-confirm]")
	offer := c.hears(protocol.ClipOffer, protocol.SendClipboard)
	if offer.Hash != hashOf([]byte(text)) || offer.Type != protocol.ClipText || offer.Size != int64(len(text)) {
		t.Errorf("%+v", offer)
	}
	comes(customer, "the window is full", `came[1]?.length ?? 0`, func(n int) bool { return n == protocol.ClipWindow })
	b.until("it is on its way", `document.querySelector("[data-testid=clip-moving]") !== null && document.querySelector("[data-testid=clip-send]").getAttribute("aria-disabled") === "true"`)
	eval[bool](customer, fmt.Sprintf(`(stalled = false, sayClip({ kind: "ack", id: 1, at: %d }), true)`, protocol.ClipWindow))
	comes(customer, "all of it came", `came[1].length`, func(n int) bool { return n == len(text) })
	if got := eval[string](customer, `new TextDecoder().decode(new Uint8Array(came[1]))`); got != text {
		t.Errorf("%d bytes of something else came", len(got))
	}
	c.tell(protocol.Clip{Kind: protocol.ClipMoved, ID: 1, At: offer.Size, Size: offer.Size})
	c.tell(protocol.Clip{Kind: protocol.ClipDone, ID: 1, Hash: offer.Hash})
	said("On the customer\u2019s clipboard: text")

	// An image, discarded; the browser refuses, and what is pasted is shown instead.
	eval[bool](b, `new Promise((done) => { const k = document.createElement("canvas"); k.width = 320; k.height = 200; const g = k.getContext("2d"); g.fillStyle = "#108080"; g.fillRect(0, 0, 320, 100); k.toBlob((png) => navigator.clipboard.write([new ClipboardItem({ "image/png": png })]).then(() => done(true))); })`)
	b.click("[data-testid=clip-send]")
	look("yours", "320 \u00d7 200")
	b.until("it is drawn", `document.querySelector(".clip-look img")?.naturalWidth === 320`)
	b.shot("9-clipboard-image")
	b.click("[data-testid=clip-discard]")
	b.until("discarded", `document.querySelector("[data-testid=clip-look]") === null`)
	allow(cdpbrowser.PermissionSettingDenied)
	b.click("[data-testid=clip-send]")
	said("does not let this page read")
	b.axe("clipboard denied")
	eval[bool](b, `(() => { const data = new DataTransfer(); data.setData("text/plain", "pasted \u202e it"); document.querySelector("[data-testid=clip-paste]").dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })); return true; })()`)
	look("yours", "pasted")
	allow(cdpbrowser.PermissionSettingGranted)

	// The other way.
	fetch := protocol.Consent{Permission: protocol.FetchClipboard, State: protocol.ConsentGiven, Epoch: 3}
	send.State, send.Cause = protocol.ConsentWithdrawn, protocol.CauseCustomer
	p.change(active(send, fetch))
	b.until("what was to be sent is gone", `document.querySelector("[data-testid=clip-look]") === null && document.querySelector("[data-testid=clip-send]") === null`)
	c.begin(3)
	get := func() {
		t.Helper()
		b.until("it can be asked for", `document.querySelector("[data-testid=clip-get]")?.getAttribute("aria-disabled") === "false"`)
		b.click("[data-testid=clip-get]")
	}
	theirs := "IBAN <b>DE02</b> " + strings.Repeat("x", 60_000)
	get()
	c.serve(protocol.ClipText, []byte(theirs), hashOf([]byte(theirs)))
	if m := c.hears(protocol.ClipDone, protocol.FetchClipboard); m.Hash != hashOf([]byte(theirs)) {
		t.Errorf("%+v", m)
	}
	look("theirs", "IBAN <b>DE02</b>")
	if on := eval[string](b, `navigator.clipboard.readText()`); on == theirs {
		t.Error("it is on the technician's clipboard before anybody said so")
	}
	b.shot("9-clipboard-theirs")
	b.axe("the customer's clipboard")
	b.click("[data-testid=clip-copy]")
	said("It is on your clipboard")
	if on := eval[string](b, `navigator.clipboard.readText()`); on != theirs {
		t.Errorf("%d bytes of something else are on it", len(on))
	}
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 64, 48))); err != nil {
		t.Fatal(err)
	}
	get()
	c.serve(protocol.ClipImage, picture.Bytes(), hashOf(picture.Bytes()))
	look("theirs", "64 \u00d7 48")
	b.click("[data-testid=clip-copy]")
	said("It is on your clipboard")
	if types := eval[string](b, `navigator.clipboard.read().then((items) => items[0].types.join())`); types != "image/png" {
		t.Errorf("%s is on it", types)
	}

	// What is wrong goes no further.
	refuses := func(kind protocol.ClipType, data []byte, hash, why string) {
		t.Helper()
		get()
		c.serve(kind, data, hash)
		c.hears(protocol.ClipCancel, protocol.FetchClipboard)
		said(why)
	}
	refuses(protocol.ClipText, []byte("abc"), hashOf([]byte("abd")), "not what was sent")
	refuses(protocol.ClipText, []byte("a\xffb"), hashOf([]byte("a\xffb")), "characters cannot be read")
	bomb := bytes.Clone(picture.Bytes())
	copy(bomb[16:], "\x00\x00\xff\xff\x00\x00\xff\xff")
	refuses(protocol.ClipImage, bomb, hashOf(bomb), "too many pixels")
	half := picture.Bytes()[:40]
	refuses(protocol.ClipImage, half, hashOf(half), "image cannot be read")
	get()
	c.tell(protocol.Clip{Kind: protocol.ClipFailed, ID: c.hears(protocol.ClipGet, protocol.FetchClipboard).ID, Cause: protocol.ClipSecret})
	said("password manager")
	get()
	id := c.hears(protocol.ClipGet, protocol.FetchClipboard).ID
	b.click("[data-testid=clip-stop]")
	if m := c.hears(protocol.ClipCancel, protocol.FetchClipboard); m.ID != id {
		t.Errorf("%+v", m)
	}
	said("the technician stopped it")
	get()
	c.hears(protocol.ClipGet, protocol.FetchClipboard)
	for _, width := range []int64{960, 320} {
		b.size(width, 800)
		b.axe(fmt.Sprintf("clipboards at %d", width))
		b.shot(fmt.Sprintf("9-clipboard-%d", width))
	}
	b.size(1440, 900)
	b.scheme(true)
	b.shot("9-clipboard-dark")
	b.axe("clipboards in the dark")
	b.scheme(false)
	fetch.State, fetch.Cause = protocol.ConsentWithdrawn, protocol.CauseCustomer
	p.change(active(send, fetch))
	said("the consent ended")
	b.until("nothing can be asked for", `document.querySelector("[data-testid=clip-get]") === null && document.querySelector("[data-testid=clip-moving]") === null`)
}
