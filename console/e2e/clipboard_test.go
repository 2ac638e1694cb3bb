package console_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"consento/build/stage"
	"consento/protocol"
)

// A picture of noise, which does not compress, put on the clipboard of a page's screen.
const copyNoise = `new Promise((done, no) => {
	const k = document.createElement("canvas"); k.width = 700; k.height = 500;
	const g = k.getContext("2d"), d = g.createImageData(700, 500);
	for (let i = 0, x = 1; i < d.data.length; i++) d.data[i] = i %% 4 === 3 ? 255 : (x = (x * 48271) %% 2147483647) & 255;
	g.putImageData(d, 0, 0);
	k.toBlob((png) => navigator.clipboard.write([new ClipboardItem({ "image/png": png })]).then(() => done(png.size > %d), no));
})`

// TestClipboardBothWays: one way refused, the other allowed; a text is pasted
// into a real terminal, an image taken by a real browser on the customer's screen; one
// that is on its way when the customer takes it back does not arrive, and what had
// arrived goes. Then the first is asked for again, what that browser copied comes, and all of it is found again in
// the verifier's export.
func TestClipboardBothWays(t *testing.T) {
	o := newSupport(t)
	before := o.files()
	agent := o.share()
	for _, b := range []*stage.Browser{o.console, o.page} {
		o.must(b.Allow("clipboard-read"))
	}
	consent := func(p protocol.Permission) string {
		return fmt.Sprintf(`[data-testid="clip-panel"] [data-permission=%q]`, p)
	}
	// On a screen nothing is read or written by a page that does not have the keyboard.
	page := func(script string) {
		o.t.Helper()
		o.must(o.customer.Click(o.ctx, image.Pt(640, 700)))
		o.must(o.page.Until("the page has the keyboard", `document.hasFocus()`))
		ok, err := stage.Eval[bool](o.page, script)
		if o.must(err); !ok {
			o.t.Errorf("not so: %.200s", script)
		}
	}
	own := func(script string) {
		o.t.Helper()
		ok, err := stage.Eval[bool](o.console, script)
		if o.must(err); !ok {
			o.t.Errorf("not so: %.200s", script)
		}
	}
	looks := func(side, says string) {
		o.t.Helper()
		o.becomes(byID("clip-look"), "side", side)
		o.must(o.console.Until(says, fmt.Sprintf(`document.querySelector('[data-testid="clip-look"]').textContent.includes(%q)`, says)))
	}
	said := func(words string) {
		o.t.Helper()
		o.must(o.console.Until(words, fmt.Sprintf(`document.querySelector('[data-testid="clip-said"]').textContent.includes(%q)`, words)))
	}
	free := func(button string) {
		o.t.Helper()
		o.must(o.console.Until(button+" can be pressed", fmt.Sprintf(`document.querySelector('[data-testid=%q]')?.getAttribute("aria-disabled") === "false"`, button)))
		o.must(o.console.Click(byID(button)))
	}

	o.isRefused("fetch_clipboard", consent(protocol.FetchClipboard)) // and asked for once more when some time has passed
	o.asks("send_clipboard", consent(protocol.SendClipboard))
	o.must(o.customer.Accept(o.ctx, toolQuestion))
	o.becomes(consent(protocol.SendClipboard), "state", "given")
	o.must(o.console.Until("the other one is not", `document.querySelector('[data-testid="clip-get"]') === null`))

	// A text, into a terminal of the customer's.
	text := "perch\u00e9 \u6f22\u5b57 \u20ac"
	pasted := filepath.Join(o.customer.Home, "pasted")
	terminal, err := o.customer.Start("xterm", "-u8", "-xrm", "XTerm*VT100.translations: #override Ctrl <Key>p: insert-selection(CLIPBOARD)", "-T", "pasted", "-geometry", "80x20+300+180",
		"-e", "sh", "-c", "cat > "+pasted)
	o.must(err)
	defer terminal.Kill()
	window, err := o.customer.Window(o.ctx, "pasted")
	o.must(err)
	own(fmt.Sprintf(`navigator.clipboard.writeText(%q).then(() => true)`, text))
	free("clip-send")
	looks("yours", text)
	o.picture("own", o.technician)
	o.must(o.console.Click(byID("clip-confirm")))
	said("On the customer\u2019s clipboard")
	_, err = o.customer.Window(o.ctx, "Consento \u2013 appunti")
	o.must(err)
	o.picture("told", o.customer)
	o.must(o.customer.PressIn(o.ctx, window, "ctrl+p", "Return"))
	o.must(stage.Until(o.ctx, "the text is pasted", func() bool {
		data, err := os.ReadFile(pasted)
		return err == nil && string(data) == text+"\n"
	}))
	terminal.Kill()
	o.must(os.Remove(pasted))

	// An image, taken by a browser of the customer's.
	own(fmt.Sprintf(copyNoise, 500_000))
	free("clip-send")
	looks("yours", "700 \u00d7 500")
	o.must(o.console.Click(byID("clip-confirm")))
	said("700 \u00d7 500")
	page(`navigator.clipboard.read().then((items) => items[0].getType("image/png")).then(createImageBitmap).then((b) => b.width === 700 && b.height === 500)`)

	// On its way, and taken back: it does not arrive, and what had arrived goes.
	own(`(() => { const send = RTCDataChannel.prototype.send; let n = 0; RTCDataChannel.prototype.send = function (data) { if (this.label !== "clipboard" || typeof data === "string" || n++ < 1) send.call(this, data); }; return true; })()`)
	own(fmt.Sprintf(copyNoise, 500_000))
	free("clip-send")
	looks("yours", "700 \u00d7 500")
	o.must(o.console.Click(byID("clip-confirm")))
	o.must(o.console.Until("it is on its way", `document.querySelector('[data-testid="clip-moving"]') !== null`))
	o.bar("take back")
	o.becomes(consent(protocol.SendClipboard), "state", "withdrawn")
	said("the consent ended")
	o.picture("withdrawn", o.technician)
	page(`navigator.clipboard.read().then((items) => items.every((i) => !i.types.includes("image/png")), () => true)`)

	// The other way: what the customer copied, and only then.
	page(`navigator.clipboard.writeText("IT60 X054").then(() => true)`)
	o.asksAgain("fetch_clipboard", consent(protocol.FetchClipboard))
	o.must(o.customer.Accept(o.ctx, toolQuestion))
	o.becomes(consent(protocol.FetchClipboard), "state", "given")
	free("clip-get")
	looks("theirs", "IT60 X054")
	o.picture("theirs", o.technician)
	o.must(o.console.Click(byID("clip-copy")))
	said("It is on your clipboard")
	own(`navigator.clipboard.readText().then((text) => text === "IT60 X054")`)
	page(fmt.Sprintf(copyNoise, 500_000))
	free("clip-get")
	looks("theirs", "700 \u00d7 500")

	o.bar("end")
	o.over(agent, 0, before)
	e := o.newest(whole)
	e.expect(o.t, protocol.EndCustomer, protocol.EventConsentAsked, protocol.EventConsentRefused, protocol.EventConsentGiven, protocol.EventClipAsked, protocol.EventClipWhole,
		protocol.EventClipEnded, protocol.EventConsentWithdrawn, protocol.EventConsentGiven, protocol.EventClipAsked, protocol.EventClipEnded, protocol.EventEnded)
	events, err := os.ReadFile(filepath.Join(e.folder, "events.json"))
	o.must(err)
	for n, want := range []string{text, "", "IT60 X054", ""} {
		name := fmt.Sprintf("clipboard-%d.txt", n+1)
		if want == "" {
			name = fmt.Sprintf("clipboard-%d.png", n+1)
		}
		data, err := os.ReadFile(filepath.Join(e.folder, name))
		o.must(err)
		if head, err := png.DecodeConfig(bytes.NewReader(data)); want != "" && string(data) != want || want == "" && (err != nil || head.Width != 700 || head.Height != 500) {
			o.t.Errorf("%s: %d bytes, %+v, %v", name, len(data), head, err)
		}
		if sum := sha256.Sum256(data); !bytes.Contains(events, []byte(hex.EncodeToString(sum[:]))) {
			o.t.Errorf("the export does not say the SHA-256 of %s", name)
		}
	}
	results := strings.Count(string(events), `"result":"done"`) + strings.Count(string(events), `"result": "done"`)
	if withdrawn := bytes.Count(events, []byte(`"result":"withdrawn"`)); results != 4 || withdrawn != 1 {
		o.t.Errorf("%d done, %d withdrawn", results, withdrawn)
	}
}
