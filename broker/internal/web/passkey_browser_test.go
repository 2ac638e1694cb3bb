package web_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/access"
	"consento/recordings"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// authenticator plugs one in that says yes at once, and returns what names it.
func (b *chromium) authenticator(change func(*webauthn.VirtualAuthenticatorOptions)) webauthn.AuthenticatorID {
	b.t.Helper()
	o := &webauthn.VirtualAuthenticatorOptions{Protocol: webauthn.AuthenticatorProtocolCtap2, Ctap2version: webauthn.Ctap2versionCtap21, Transport: webauthn.AuthenticatorTransportUsb,
		HasPrf: true, HasUserVerification: true, IsUserVerified: true, HasResidentKey: true, AutomaticPresenceSimulation: true}
	if change != nil {
		change(o)
	}
	return command(b, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: o}).AuthenticatorID
}

func (b *chromium) unplug(id webauthn.AuthenticatorID) {
	b.t.Helper()
	command(b, webauthn.RemoveVirtualAuthenticator, webauthn.RemoveVirtualAuthenticatorParams{AuthenticatorID: id})
}

// TestPasskeysInChromium goes an auditor's way with passkeys: a key is made with one and
// opens a recording by it; it is lost, another is added, the lost one removed, the
// passphrase forgotten; and everything that refuses says what to do.
func TestPasskeysInChromium(t *testing.T) {
	h := builtHouse(t, withShelf(newShelf(t)), at("https://localhost"))
	_, account := auditing(t, h, "dino@esempio.example")
	b := newChromium(t, h, "en")
	b.url = strings.Replace(b.url, "127.0.0.1", "localhost", 1) // a name, and one whose certificate is no obstacle to passkeys
	command(b, webauthn.Enable, webauthn.EnableParams{})
	stranger := b.authenticator(func(o *webauthn.VirtualAuthenticatorOptions) { o.IsUserVerified = false }) // another person's finger, or none
	says := func(form, words string) {
		t.Helper()
		b.until(fmt.Sprintf(`document.querySelector(%q + " [data-said]:not([hidden])")?.textContent.includes(%q)`, form, words))
	}

	// A key with a passkey. Who breaks off keeps nothing, and goes on.
	b.signIn(account.Email, "/audit/keys", "#make:not([hidden])")
	b.do(chromedp.SetValue("#key-name", "Laptop"), chromedp.SetValue("#passphrase", passphrase), chromedp.SetValue("#passphrase-again", passphrase))
	b.click("#with-passkey")
	b.click("#make button")
	says("#make", "Give the passkey a name")
	b.do(chromedp.SetValue("#with-passkey-name", "This laptop"))
	b.click("#make button")
	says("#make", "No passkey was made")
	b.until(`document.activeElement.id === "with-passkey" && !document.querySelector("#make button").disabled`)
	if keys, err := h.access.AuditorKeys(t.Context(), account); err != nil || len(keys) != 0 {
		t.Errorf("kept without its passkey: %v, %v", keys, err)
	}
	b.unplug(stranger)
	// A browser that does not ask for it, and a security key without PIN: anybody who finds it.
	weaken := func(call string) {
		t.Helper()
		evaluate[bool](b, fmt.Sprintf(`{
			const real = navigator.credentials.%[1]s.bind(navigator.credentials);
			navigator.credentials.%[1]s = (o) => {
				const p = o.publicKey;
				if (p.authenticatorSelection) p.authenticatorSelection.userVerification = "discouraged"; else p.userVerification = "discouraged";
				return real(o);
			};
			true
		}`, call))
	}
	anybody := func(o *webauthn.VirtualAuthenticatorOptions) {
		o.HasUserVerification, o.IsUserVerified, o.HasResidentKey = false, false, false
	}
	found := b.authenticator(anybody)
	evaluate[string](b, `document.querySelector("#make [data-said]").textContent = ""`)
	b.click("#make button")
	says("#make", "No passkey was made") // what the browser said to a page that asks for it
	weaken("create")
	b.click("#make button")
	says("#make", "did not check that it is you")
	evaluate[bool](b, `delete navigator.credentials.create`)
	b.unplug(found)
	laptop := b.authenticator(nil)
	b.click("#make button")
	b.until(`document.querySelector("[data-try-passkey]")`)
	b.ready()
	key, err := recordings.ParseRecipient(b.text("code.public"))
	if err != nil {
		t.Fatal(err)
	}
	held := command(b, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: laptop}).Credentials
	if len(held) != 1 || held[0].RpID != "localhost" || string(held[0].UserHandle) != "consento-key "+key.ID() {
		t.Errorf("the authenticator holds %+v", held)
	}

	b.unwrapsAsWritten(t, account, h.access, key)

	// It opens a recording, by the keyboard alone; the passphrase beside it as before.
	id := talk(t, h.shelf, nil, key)
	b.watch(id)
	b.tabTo("#by-passkey")
	b.keys(kb.Enter)
	b.unlocked()
	b.seek(7 * time.Second)
	b.until(`document.querySelector("#video").readyState >= 2`)
	b.click("#lock")
	b.unlock("not the passphrase at all")
	problem := func(words string) {
		t.Helper()
		b.until(fmt.Sprintf(`document.querySelector("#problem:not([hidden])")?.textContent.includes(%q) && document.querySelector("#theatre").hidden && !document.querySelector("#by-passkey").disabled`, words))
	}
	problem("The passphrase is wrong")
	b.click("#by-passkey")
	b.unlocked()
	b.click("#lock")
	command(b, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: laptop, IsUserVerified: false})
	b.click("#by-passkey")
	problem("No passkey was used")
	b.unlock(passphrase)
	b.unlocked()

	// Nor by an authenticator that has the passkey and checks nobody, whatever the browser
	// makes of the question.
	b.click("#lock")
	held = command(b, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: laptop}).Credentials
	b.unplug(laptop)
	found = b.authenticator(anybody)
	// By hand: the typed parameters say something of CMTG keys, which no authenticator here takes.
	command(b, cdp.Command[map[string]any, cdp.Empty]{Method: webauthn.CommandAddCredential}, map[string]any{"authenticatorId": found, "credential": map[string]any{
		"credentialId": held[0].CredentialID, "isResidentCredential": false, "rpId": held[0].RpID, "privateKey": held[0].PrivateKey, "signCount": held[0].SignCount}})
	b.click("#by-passkey")
	problem("No passkey was used")
	weaken("get")
	b.click("#by-passkey")
	problem("did not check that it is you")
	evaluate[bool](b, `delete navigator.credentials.get`)
	b.unplug(found)

	// It is lost: nothing answers, and the passphrase does not wait for it. Another
	// authenticator is none of this key's.
	b.click("#by-passkey")
	b.until(`document.querySelector("#asked").textContent !== ""`)
	b.unlock(passphrase)
	b.unlocked()
	b.until(`document.querySelector("#asked").textContent === ""`)
	b.click("#lock")
	stick := b.authenticator(func(o *webauthn.VirtualAuthenticatorOptions) {
		o.HasPrf, o.HasHmacSecret = false, true // as security keys: the secret comes by a second question, not as the passkey is made
	})
	b.click("#by-passkey")
	problem("No passkey was used")

	// The passphrase adds another, once; the lost one goes.
	b.open("/audit/keys", ".add-passkey:not([hidden])")
	b.click("details:has(> .add-passkey) > summary")
	add := func(words string) {
		t.Helper()
		b.do(chromedp.SetValue(".add-passkey input:not([type])", "Stick in the safe"), chromedp.SetValue(".add-passkey [type=password]", words))
		b.click(".add-passkey button")
	}
	add("not the passphrase at all")
	says(".add-passkey", "The passphrase is wrong")
	add(passphrase)
	comes(b, `location.search + " " + document.querySelectorAll("[data-key] .plain-list li").length`, func(now string) bool { return now == "?said=passkey_added 2" })
	opens := func() {
		t.Helper()
		b.click("[data-try-passkey]")
		b.until(`document.querySelector(".tried").textContent === "The passkey opens the key."`)
	}
	opens()
	b.click("details:has(> .add-passkey) > summary")
	add(passphrase)
	says(".add-passkey", "has a passkey for this key already")
	b.click(".plain-list li:first-child summary")
	b.click(".plain-list li:first-child button[value=passkey_remove]")
	b.until(`location.search === "?said=passkey_removed" && document.querySelectorAll("[data-key] .plain-list li").length === 1`)
	left := func() access.AuditorKey {
		t.Helper()
		keys, err := h.access.AuditorKeys(t.Context(), account)
		if err != nil || len(keys) != 1 {
			t.Fatalf("%v, %v", keys, err)
		}
		return keys[0]
	}
	if got := left().Passkeys; len(got) != 1 || got[0].Name != "Stick in the safe" {
		t.Errorf("left: %+v", got)
	}

	// The passphrase is forgotten: a passkey sets another.
	const fresh = "six quiet larches over Merano"
	b.click("details:has(> .relock) > summary")
	b.do(chromedp.SetValue(".relock div:nth-of-type(1) input", fresh), chromedp.SetValue(".relock div:nth-of-type(2) input", "another"))
	b.click(".relock button")
	says(".relock", "differ")
	b.do(chromedp.SetValue(".relock div:nth-of-type(2) input", fresh))
	b.click(".relock button")
	b.until(`location.search === "?said=relocked" && document.querySelector("form.try:not([hidden])")`)
	for words, answer := range map[string]string{passphrase: "The passphrase is wrong.", fresh: "The passphrase is right."} {
		b.do(chromedp.SetValue("form.try input", words))
		b.click("form.try button")
		is(b, `document.querySelector(".tried").textContent`, answer)
	}
	opens() // as before

	// An authenticator that gives no secret keeps nothing of ours.
	b.unplug(stick)
	plain := b.authenticator(func(o *webauthn.VirtualAuthenticatorOptions) { o.HasPrf = false })
	b.click("details:has(> .add-passkey) > summary")
	add(fresh)
	says(".add-passkey", "cannot open keys")
	if got := left().Passkeys; len(got) != 1 {
		t.Errorf("kept although it opens nothing: %+v", got)
	}
	b.unplug(plain)

	// What the server keeps was changed: said, not believed.
	last := b.authenticator(nil)
	add(fresh)
	comes(b, `location.search + " " + document.querySelectorAll("[data-key] .plain-list li").length`, func(now string) bool { return now == "?said=passkey_added 2" })
	if _, err := h.db.NewRaw(`UPDATE auditor_passkeys SET wrapped = json_replace(wrapped, '$.body', (SELECT json_extract(wrapped, '$.body') FROM auditor_passkeys ORDER BY made_at LIMIT 1))`).Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.open("/audit/keys", "form.try:not([hidden])")
	b.click("[data-try-passkey]")
	b.until(`document.querySelector(".tried").textContent.startsWith("This passkey does not open the key")`)
	b.unplug(last)

	// A browser that has no passkeys.
	evaluate[bool](b, `delete globalThis.PublicKeyCredential`)
	b.click("[data-try-passkey]")
	b.until(`document.querySelector(".tried").textContent.startsWith("This browser has no passkeys here")`)
}

// unwrapsAsWritten asks the authenticator as the page does, and opens what the broker
// keeps by recordings/FORMAT.md alone.
func (b *chromium) unwrapsAsWritten(t *testing.T, account access.Account, keeper *access.Access, key recordings.Recipient) {
	t.Helper()
	keys, err := keeper.AuditorKeys(t.Context(), account)
	if err != nil || len(keys) != 1 || len(keys[0].Passkeys) != 1 {
		t.Fatalf("%+v, %v", keys, err)
	}
	passkey := keys[0].Passkeys[0]
	var w struct {
		RP                string
		Salt, Nonce, Body []byte
	}
	if err := json.Unmarshal([]byte(passkey.Wrapped), &w); err != nil {
		t.Fatal(err)
	}
	secret, err := hex.DecodeString(evaluate[string](b, fmt.Sprintf(`(async () => {
		const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
		const used = await navigator.credentials.get({ publicKey: { challenge: new Uint8Array(32), userVerification: "required",
			allowCredentials: [{ type: "public-key", id: bytes(%[1]q) }], extensions: { prf: { evalByCredential: { [%[1]q]: { first: bytes(%[2]q) } } } } } });
		return Array.from(new Uint8Array(used.getClientExtensionResults().prf.results.first), (n) => n.toString(16).padStart(2, "0")).join("");
	})()`, passkey.Credential, base64.StdEncoding.EncodeToString(w.Salt))))
	if err != nil || len(secret) != 32 {
		t.Fatalf("the secret is %x, %v", secret, err)
	}
	opened := func(secret []byte) ([]byte, error) {
		wrapping, err := hkdf.Key(sha256.New, secret, nil, strings.Join([]string{"consento-passkey/v1", w.RP, key.ID(), passkey.Credential}, "\x00"), 32)
		if err != nil {
			return nil, err
		}
		block, err := aes.NewCipher(wrapping)
		if err != nil {
			return nil, err
		}
		gcm, err := cipher.NewGCM(block)
		if err != nil {
			return nil, err
		}
		return gcm.Open(nil, w.Nonce, w.Body, nil)
	}
	der, err := opened(secret)
	if err != nil {
		t.Fatalf("what is kept does not open as it is written down: %v", err)
	}
	private, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		t.Fatal(err)
	}
	public, err := private.(*ecdsa.PrivateKey).PublicKey.Bytes()
	if sum := sha256.Sum256(public); err != nil || hex.EncodeToString(sum[:8]) != key.ID() {
		t.Errorf("it holds the key %x, %v", public, err)
	}
	if _, err := opened(w.Salt); err == nil {
		t.Error("what the broker has opens it")
	}
}
