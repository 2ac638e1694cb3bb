package console_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hpke"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"consento/protocol"
)

// unseal opens what the console sealed, as the agent does.
func unseal(t *testing.T, key hpke.PrivateKey, sealed, info string) (entered map[string]string, size int) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	data, err := base64.StdEncoding.DecodeString(sealed)
	must(err)
	r, err := hpke.NewRecipient(data[:65], key, hpke.HKDFSHA256(), hpke.ExportOnly(), []byte(info))
	must(err)
	secret, err := r.Export("credential", 32)
	must(err)
	block, err := aes.NewCipher(secret)
	must(err)
	gcm, err := cipher.NewGCM(block)
	must(err)
	plain, err := gcm.Open(nil, make([]byte, 12), data[65:], nil)
	must(err)
	must(json.Unmarshal(plain, &entered))
	return entered, len(data)
}

// TestDevice: named in a form, its key shown, a changed one loud and answered in words, what
// is entered sealed to the agent alone, what the device says nothing but text, a terminal,
// and why there is none.
func TestDevice(t *testing.T) {
	p := newPeer(t)
	p.welcome.Permissions = protocol.BuiltInProfiles()[1].Permissions
	b, customer := newBrowser(t, "en"), newBrowser(t, "en")
	customer.open(p.URL + "/customer")
	eval[bool](customer, customerScript)
	now := time.Now()
	device := protocol.Device{Host: "switch.lan.example", Port: 2222, User: "admin", Old: true}
	active := func(state protocol.ConsentState, cause protocol.ConsentCause) protocol.Session {
		s := scene("s1", protocol.StateActive, now.Add(-3*time.Minute))
		s.Tools = []protocol.Permission{protocol.Shell, protocol.SSH}
		if state != "" {
			s.Consents = append(s.Consents, protocol.Consent{Permission: protocol.SSH, State: state, Epoch: 2, Cause: cause, Device: &device})
		}
		return s
	}
	p.keep(active("", ""))
	b.open(p.URL + "/console/")
	connect(p, customer, "s1")
	b.until("video plays", video+`.videoWidth === 1280`)
	s := &shellEnd{t: t, customer: customer, epoch: 2, run: 1}
	panel := func(state, phase string) {
		t.Helper()
		b.until("panel "+state+" "+phase, fmt.Sprintf(`((p) => p?.dataset.state === %q && (p.dataset.phase ?? "") === %q)(document.querySelector("[data-testid=shell-panel]"))`, state, phase))
	}
	focused := func(selector string) {
		t.Helper()
		b.until("focus on "+selector, fmt.Sprintf(`document.activeElement?.matches(%q) === true`, selector))
	}

	b.click("[data-testid=ssh]")
	focused(`[name=host]`)
	b.key("127.0.0.1:99999" + kb.Tab + "admin" + kb.Enter)
	b.until("that is no address", `document.querySelector(".device-bad").textContent !== ""`)
	b.axe("device form")
	b.shot("9-device-form")
	b.key(kb.Escape)
	b.until("closed by keyboard", `document.querySelector("[data-testid=device-form]") === null && document.activeElement?.getAttribute("aria-controls") === "tools"`)
	b.click("[data-testid=ssh]")
	focused(`[name=host]`)
	b.key("switch.lan.example:2222" + kb.Tab + "admin" + kb.Tab + " " + kb.Enter)
	e := p.wait("consent_request")
	if m, err := protocol.DecodeBody[protocol.ConsentRequest](e); err != nil || m.Permission != protocol.SSH || m.Device == nil || *m.Device != device {
		t.Fatalf("asked %+v, %v", m, err)
	}
	p.send(e.ID, &protocol.SessionChanged{Session: active(protocol.ConsentAsked, "")})
	panel("asked", "")
	p.change(active(protocol.ConsentGiven, ""))
	panel("given", "starting")
	s.got("<start 1>")

	key, err := hpke.DHKEM(ecdh.P256()).GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	const before = "SHA256:BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA"
	hostKey := protocol.Terminal{Kind: protocol.TerminalHostKey, Program: "10.0.0.1:2222", Algorithm: "ssh-ed25519", Key: "SHA256:" + strings.Repeat("A", 43),
		Seal: base64.StdEncoding.EncodeToString(key.PublicKey().Bytes()), Known: protocol.KeyChanged, Before: before}
	s.says(hostKey)
	b.until("the key is shown before anything is asked", fmt.Sprintf(`document.querySelector("[data-testid=fingerprint]")?.textContent === %q && document.querySelector("[data-testid=device-prompt]") === null`, hostKey.Key))
	b.until("loud, with the other one", fmt.Sprintf(`document.querySelector("[data-testid=device-key] [role=alert]").textContent.startsWith("Warning") && document.querySelector("[data-testid=device-key]").textContent.includes(%q)`, before))
	focused("[data-testid=device-key] h2") // and not the button that trusts
	b.axe("changed key")
	b.shot("9-device-changed")
	for _, width := range []int64{960, 320} {
		b.size(width, 800)
		b.axe(fmt.Sprintf("changed key at %d", width))
		b.shot(fmt.Sprintf("9-device-changed-%d", width))
		b.until("the button can be reached", `((e) => { e.scrollIntoView({block: "center"}); const r = e.getBoundingClientRect(); return e === document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2); })(document.querySelector("[data-testid=device-trust]"))`)
		b.shot(fmt.Sprintf("9-device-trust-%d", width))
	}
	b.size(1440, 900)
	b.do(chromedp.Focus("[name=words]"))
	b.key("yes" + kb.Enter)
	b.until("not by a click", `document.querySelector("[data-testid=device-key] .device-bad").textContent.includes("10")`)
	s.got("")
	b.do(chromedp.Focus("[name=words]"))
	b.key(", replaced on Monday" + kb.Enter)
	s.got("<trust 1>")

	// A prompt that would be more than text.
	s.says(protocol.Terminal{Kind: protocol.TerminalPrompt, Ask: 1, Method: protocol.LoginQuestion, Hidden: true, Left: 3, Text: "<img src=x onerror=document.title='hostile'>\n<b>Password:</b> "})
	b.until("shown as text", `((e) => e?.textContent.includes("<b>Password:</b>") && e.children.length === 0)(document.querySelector("[data-testid=device-says]"))`)
	focused("[data-testid=device-prompt] [name=text][type=password]")
	b.axe("prompt")
	b.shot("9-device-prompt")
	secret := func(ask uint32) (map[string]string, int) {
		t.Helper()
		var sealed string
		comes(customer, "a secret", `JSON.stringify(typed.filter((m) => m.kind === "secret"))`, func(raw string) bool {
			var list []protocol.Terminal
			if err := json.Unmarshal([]byte(raw), &list); err != nil || len(list) != 1 || list[0].Ask != ask {
				return false
			}
			sealed = list[0].Sealed
			return true
		})
		if raw := eval[string](customer, `JSON.stringify(typed)`); strings.Contains(raw, "geheim") {
			t.Errorf("in clear on the wire: %s", raw)
		}
		eval[bool](customer, `(typed.splice(0), true)`)
		return unseal(t, key, sealed, protocol.SealInfo("s1", 2, 1, ask, device, hostKey.Key))
	}
	b.key("geheim77" + kb.Enter)
	short, size := secret(1)
	if short["text"] != "geheim77" || len(short) != 1 {
		t.Errorf("sealed %v", short)
	}
	b.until("gone from the page", `document.querySelector("[data-testid=device-prompt]") === null`)
	s.says(protocol.Terminal{Kind: protocol.TerminalPrompt, Ask: 2, Method: protocol.LoginPassword, Hidden: true, Left: 2, Cause: protocol.DeviceWrong})
	b.until("wrong, and how often it may still be tried", `((p) => p?.dataset.cause === "wrong" && p.dataset.left === "2" && p.querySelector("[role=alert]").textContent.startsWith("Wrong") && p.querySelector("[name=text]").value === "")(document.querySelector("[data-testid=device-prompt]"))`)
	b.shot("9-device-wrong")
	focused("[data-testid=device-prompt] [name=text]")
	b.insert("geheim, longer, with 漢字")
	b.key(kb.Enter)
	if long, n := secret(2); long["text"] != "geheim, longer, with 漢字" || n != size {
		t.Errorf("sealed %v, %d bytes after %d", long, n, size)
	}
	s.says(protocol.Terminal{Kind: protocol.TerminalPrompt, Ask: 3, Method: protocol.LoginKey, Hidden: true, Left: 1, Cause: protocol.DeviceUnreadable})
	focused("[data-testid=device-prompt] textarea")
	b.axe("private key")
	b.shot("9-device-private")
	b.insert("-----BEGIN X-----\ngeheim\n-----END X-----\n")
	b.key(kb.Tab + "phrase" + kb.Enter)
	if k, _ := secret(3); k["key"] != "-----BEGIN X-----\ngeheim\n-----END X-----\n" || k["passphrase"] != "phrase" {
		t.Errorf("sealed %v", k)
	}

	s.says(protocol.Terminal{Kind: protocol.TerminalStarted, Cols: 80, Rows: 24, Program: "ssh admin@switch.lan.example:2222", Algorithm: "curve25519-sha256 ssh-ed25519"})
	panel("given", "live")
	s.puts("\x1b[1mswitch#\x1b[0m per\u00f2 ")
	shows(b, "switch# per\u00f2")
	b.until("it has the keyboard", `document.activeElement?.closest("[data-testid=terminal]") !== null`)
	s.got("<size true>")
	b.key("show run" + kb.Enter)
	s.got("show run\r")
	b.shot("9-device-live")
	s.says(protocol.Terminal{Kind: protocol.TerminalExited, Code: -1, Cause: protocol.DeviceClosed})
	panel("given", "over")
	b.until("why", `document.querySelector("[data-testid=shell-panel] [role=status]").textContent.includes("closed the connection")`)
	eval[bool](customer, `(typed.splice(0), true)`)
	b.click("[data-testid=shell-start]")
	s.got("<start 2>")
	s.run, s.at = 2, 0
	hostKey.Known, hostKey.Before = protocol.KeySame, ""
	s.says(hostKey)
	b.until("known", `document.querySelector("[data-testid=device-key]")?.dataset.known === "same"`)
	b.scheme(true)
	b.shot("9-device-same-dark")
	b.axe("known key, dark")
	b.scheme(false)
	p.change(active(protocol.ConsentWithdrawn, protocol.CauseCustomer))
	panel("withdrawn", "")
	b.until("nothing to enter any more", `document.querySelector(".device-login") === null`)
	if title := eval[string](b, `document.title`); strings.Contains(title, "hostile") {
		t.Error("what the device said was run")
	}
}
