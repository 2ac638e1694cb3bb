package web_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/evidence"
	"consento/protocol"
	"consento/recordings"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// talk is a recording of half a minute: two monitors, one as VP9, a pause, chat.
func talk(t testing.TB, s *shelf, configure func(*recordings.Config), to ...recordings.Recipient) string {
	t.Helper()
	r := &tape{t: t, shelf: s, id: recordings.NewSessionID(), started: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}
	r.now = r.started
	r.conf = recordings.Config{Dir: s.dir, Session: r.id, Origin: "help.esempio.example", Started: r.started, Recipients: to,
		Retention: "standard", Now: func() time.Time { return r.now }}
	if configure != nil {
		configure(&r.conf)
	}
	r.open()
	second := recordings.NewVideo(r.writer, 1)
	r.event(0, protocol.EventIssued, `{"technician":{"name":"Anna Rossi","team":"Service desk","office":"Comune di Esempio"},"reason":"printer"}`)
	r.event(time.Second, protocol.EventRedeemed, `{"by":"portal"}`)
	r.event(2*time.Second, protocol.EventNameConfirmed, `{"by":"portal"}`)
	r.event(3*time.Second, protocol.EventTermsAccepted, `{"version":"2026-03-01-0f"}`)
	r.event(4*time.Second, protocol.EventConsentAsked, `{"permission":"view_screen"}`)
	r.event(6*time.Second, protocol.EventConsentGiven, `{"permission":"view_screen"}`)
	r.event(6*time.Second, protocol.EventScreenShown, `{"source":"monitor","width":160,"height":96}`)
	r.event(6*time.Second, protocol.EventViewerJoined, `{"name":"Anna Rossi","team":"Service desk"}`)
	large, small := ivf(t, "../../../recordings/testdata/small.ivf"), ivf(t, "../../../recordings/testdata/small-vp9.ivf")
	film := func(from time.Duration) {
		for n, f := range large {
			r.check(r.video.WriteFrame(from+time.Duration(n)*100*time.Millisecond, f, n == 0))
			if n < len(small) {
				r.check(second.WriteVP9(from+time.Duration(n)*100*time.Millisecond, small[n], n == 0))
			}
			if n%10 == 9 {
				r.check(second.Flush(from + time.Duration(n+1)*100*time.Millisecond))
				r.second(from + time.Duration(n+1)*100*time.Millisecond)
			}
		}
	}
	film(6 * time.Second)
	r.check(r.writer.Append(recordings.TrackChat, 0, 8*time.Second, 0, []byte(`{"from":"Anna Rossi","text":"Guten Tag"}`)))
	r.event(10*time.Second, protocol.EventScreenPaused, `{}`)
	r.event(14*time.Second, protocol.EventScreenShown, `{"source":"window","name":"Drucker"}`)
	film(14 * time.Second)
	r.event(20*time.Second, "consent.given", `{"permission":"shell"}`)
	r.event(28*time.Second, protocol.EventEnded, `{"reason":"customer"}`)
	r.event(29*time.Second, "future.event", `{}`)
	return r.close(30 * time.Second)
}

// TestAuditPagesInChromium goes an auditor's way in every language and looks at
// every page of it.
func TestAuditPagesInChromium(t *testing.T) {
	for _, language := range tags(t) {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			h := builtHouse(t, withShelf(newShelf(t)))
			h.shelf.witness = "embedded" // as where an office has one server
			b := newChromium(t, h, language)
			b.open("/audit/", "h1")
			b.look("20-audit-forbidden")
			_, account := auditing(t, h, "dino@esempio.example")
			b.open("/signin?next=/audit/", "#email")
			b.signInWith(account.Email, goodPassword)
			b.until(`location.pathname === "/audit/" && document.querySelector(".filter")`)
			b.look("20-audit-none")

			// A key is made here, locked, and tried.
			b.open("/audit/keys", "#make:not([hidden])")
			b.do(chromedp.SetValue("#key-name", "Laptop"), chromedp.SetValue("#passphrase", "short"), chromedp.SetValue("#passphrase-again", "short"))
			b.click("#make button")
			b.until(`document.querySelector("#make [data-said]:not([hidden])")`)
			b.look("21-keys-error")
			b.do(chromedp.SetValue("#passphrase", passphrase), chromedp.SetValue("#passphrase-again", passphrase))
			b.click("#make button")
			b.until(`document.querySelector("[data-key]")`)
			posted := passkeyPosted("A", "Sicherheitsschlüssel im Tresor")
			if err := h.access.AddPasskey(t.Context(), account, evaluate[string](b, `document.querySelector("[data-key]").dataset.key`), access.NewPasskey{Credential: posted[1], Name: posted[3], Wrapped: posted[5]}); err != nil {
				t.Fatal(err)
			}
			b.open("/audit/keys", "form.try:not([hidden]) [data-try-passkey]")
			evaluate[bool](b, `document.querySelectorAll("details").forEach((d) => (d.open = true)) ?? true`)
			b.click("#with-passkey")
			b.do(chromedp.SetValue("form.try input", "nonsense"))
			b.click("form.try button")
			b.until(`document.querySelector(".tried").textContent === JSON.parse(document.querySelector("#keys-data").textContent).texts["audit.js.wrong_passphrase"]`)
			b.look("21-keys")
			// The passphrase is right, and this page is not at the office's address.
			b.do(chromedp.SetValue(".add-passkey input:not([type])", "Laptop"), chromedp.SetValue(".add-passkey [type=password]", passphrase))
			b.click(".add-passkey button")
			b.until(`document.querySelector(".add-passkey [data-said]:not([hidden])")?.textContent.includes("help.esempio.example")`)
			b.glance("21-keys-passkey")
			made, err := recordings.ParseRecipient(evaluate[string](b, `document.querySelector("code.public").textContent`))
			if err != nil {
				t.Fatalf("the browser's key: %v", err)
			}
			id := talk(t, h.shelf, nil, newIdentity(t).Recipient(), made)
			short(t, h.shelf)
			h.shelf.mu.Lock() // an outside clock has seen them closed
			h.shelf.known[0].Ticket = "T-7KQ4PZ"
			h.shelf.clock, h.shelf.before = &evidence.ClockStatus{}, time.Date(2026, 11, 28, 3, 4, 1, 0, time.UTC)
			h.shelf.mu.Unlock()
			b.open("/audit/", "table")
			b.look("22-audit")
			b.open("/audit/?from=never", ".error-summary")
			b.look("22-audit-wrong")
			b.open("/audit/sessions/"+strings.Repeat("0", 32), "h1")
			b.look("22-audit-missing")
			b.open("/audit/sessions/"+id, "#reason")
			b.look("23-session")
			b.click("button[value=page]")
			b.until(`document.querySelector("[aria-invalid]")`)
			b.look("23-session-error")
			b.do(chromedp.SetValue("#reason", "complaint 17"))
			b.click("button[value=download]")
			b.until(`location.pathname.endsWith("/files")`)
			b.look("23-files")
			b.watch(id)
			b.look("24-locked")
			b.unlock("not the passphrase at all")
			b.until(`document.querySelector("#problem:not([hidden])")?.textContent === JSON.parse(document.querySelector("#play-data").textContent).texts["audit.js.wrong_passphrase"] && document.querySelector("#theatre").hidden`)
			b.look("24-wrong")
			b.click("#by-passkey")
			b.until(`document.querySelector("#problem:not([hidden])")?.textContent.includes("help.esempio.example")`)
			b.glance("24-passkey")
			b.unlock(passphrase)
			b.unlocked()
			b.seek(7 * time.Second)
			b.until(`document.querySelector("#video").readyState >= 2`)
			b.look("25-playing")
			b.seek(11 * time.Second)
			b.look("25-paused")
			b.arrows()
			b.print("28-print")
			// The other monitor, which came as VP9.
			evaluate[bool](b, `(s => { delete document.querySelector("#theatre").dataset.seek; s.value = "1"; return s.dispatchEvent(new Event("change")); })(document.querySelector("#stream"))`)
			b.seek(15 * time.Second)
			b.until(`document.querySelector("#video").videoWidth === 160 && document.querySelector("#video").readyState >= 2`)
			b.do(chromedp.SetValue("#why", "for the court"))
			b.click("#lock")
			b.until(`document.querySelector("#theatre").hidden && document.querySelector("#unlock:not([hidden])") && !document.querySelector("#events li")`)
			if err := os.Remove(filepath.Join(h.shelf.dir, id+"-0.key")); err != nil {
				t.Fatal(err)
			}
			b.open("/audit/sessions/"+id, ".strip")
			b.look("26-unreadable")
		})
	}
}

// TestWhatDoesNotOpenInChromium: each reason is told in words, and what is whole is
// shown all the same.
func TestWhatDoesNotOpenInChromium(t *testing.T) {
	h := builtHouse(t, withShelf(newShelf(t)))
	identity, stranger := newIdentity(t), newIdentity(t)
	_, account := auditing(t, h, "dino@esempio.example")
	b := newChromium(t, h, "en")
	b.keysInBrowser(account.Email, identity)
	says := func(words string) {
		t.Helper()
		b.until(fmt.Sprintf(`document.querySelector("#problem:not([hidden])")?.textContent.includes(%q)`, words))
	}

	foreign := talk(t, h.shelf, nil, stranger.Recipient())
	b.watch(foreign)
	b.unlock("x")
	says("The passphrase is wrong")
	b.unlock(passphrase)
	says("was not encrypted for this key")

	// Another recording's key bag.
	mine, other := talk(t, h.shelf, nil, identity.Recipient()), talk(t, h.shelf, nil, identity.Recipient())
	swap := func(from, to string) {
		t.Helper()
		bag, err := os.ReadFile(filepath.Join(h.shelf.dir, from+"-0.key"))
		if err == nil {
			err = os.WriteFile(filepath.Join(h.shelf.dir, to+"-0.key"), []byte(strings.Replace(string(bag), from, to, 1)), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	swap(mine, other)
	b.watch(other)
	b.unlock(passphrase)
	says("The key bag does not belong to this recording")

	// A key that opens, and is not the one that the recording commits to.
	swapped := talk(t, h.shelf, nil, identity.Recipient())
	name := filepath.Join(h.shelf.dir, swapped+"-0.rec")
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	commit := bytes.Index(whole, []byte(`"commit":"`)) + 10
	whole[commit] = map[bool]byte{true: '1', false: '0'}[whole[commit] == '0']
	if err := os.WriteFile(name, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	b.watch(swapped)
	b.unlock(passphrase)
	says("The key bag does not belong to this recording")

	// One byte of an event, and one of the picture.
	path := filepath.Join(h.shelf.dir, mine+"-0.rec")
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	chat, key := 0, 0
	_, err = recordings.ScanFile(path, recordings.ScanOptions{Each: func(r recordings.Record) error {
		switch {
		case r.Kind == recordings.KindData && r.Track == recordings.TrackChat:
			chat = int(r.Offset)
		case r.Kind == recordings.KindData && r.Track == recordings.TrackVideo && r.Flags == recordings.FlagKeyframe && r.AtMs == 14_000: // the later of two: the first monitor's
			key = int(r.Offset)
		}
		return nil
	}})
	if err != nil || chat == 0 || key == 0 {
		t.Fatalf("chat at %d, key frame at %d, %v", chat, key, err)
	}
	file[chat+recordings.HeaderSize+20] ^= 1
	file[key+recordings.HeaderSize+20] ^= 1
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	b.watch(mine)
	if got := evaluate[string](b, `document.querySelector(".strip").innerText`); !strings.Contains(got, "Tampered") || !strings.Contains(got, "is not as it was sealed") {
		t.Errorf("the strip says %q", got)
	}
	b.unlock(passphrase)
	b.unlocked()
	says("is damaged or was changed: it does not open")
	if n := evaluate[int](b, `document.querySelectorAll("#events [data-code=chat]").length`); n != 0 {
		t.Error("the damaged message is shown")
	}
	b.look("27-damaged")
	b.seek(7 * time.Second)
	b.until(`document.querySelector("#video").readyState >= 2 && document.querySelector("#cover").hidden`)

	// Of the picture, what leans on the damaged key frame is missing, no more; the rest plays on.
	b.seek(14200 * time.Millisecond)
	b.until(`document.querySelector("#cover:not([hidden])")?.textContent === "No picture at this time"`)
	b.seek(13 * time.Second)
	b.click("#play")
	b.until(`document.querySelector("#theatre").dataset.at > 16000 && document.querySelector("#video").currentTime > 15.5 && document.querySelector("#cover").hidden`)
	b.click("#play")

	// What is stated ends with a restart: the page says what to do.
	h.shelf.mu.Lock()
	clear(h.shelf.grants)
	h.shelf.mu.Unlock()
	b.click("#lock")
	b.unlock(passphrase)
	says("This viewing has ended")

	// Two keys together, one of them from a file; an identity for another is no help.
	both := talk(t, h.shelf, func(c *recordings.Config) {
		c.Stanzas = recordings.Pairs(recordings.ClassAuditor, identity.Recipient(), stranger.Recipient())
	})
	b.watch(both)
	b.unlock(passphrase)
	says("opens with two keys together")
	secret, err := stranger.Secret()
	if err != nil {
		t.Fatal(err)
	}
	bring := func(text string) {
		t.Helper()
		name := filepath.Join(t.TempDir(), "identity")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		evaluate[bool](b, `document.querySelector("#unlock details").open = true`)
		b.do(chromedp.SetUploadFiles("#identity", []string{name}))
	}
	mistyped := []byte(secret)
	mistyped[40]++
	bring(string(mistyped))
	says("This file holds no identity")
	b.unlock(passphrase)
	says("opens with two keys together")
	bring(secret)
	b.unlocked()

	// Who leaves the player alone for a quarter of an hour finds it locked.
	evaluate[bool](b, `(now => { Date.now = () => now() + 16 * 60000; return true; })(Date.now.bind(Date))`)
	says("nothing was touched for 15 minutes")
	if evaluate[bool](b, `document.querySelectorAll("#events li").length > 0 || document.querySelector("#video").hasAttribute("src")`) {
		t.Error("something is left of what was decrypted")
	}
}

// TestGoldenInChromium: recordings of earlier releases open, by every way that a
// browser has: alone, and two keys together.
func TestGoldenInChromium(t *testing.T) {
	h := builtHouse(t, withShelf(newShelf(t)))
	_, account := auditing(t, h, "dino@esempio.example")
	b := newChromium(t, h, "en")
	b.open("/signin?next=/audit/", "#email")
	b.signInWith(account.Email, goodPassword)
	b.until(`location.pathname === "/audit/" && document.querySelector(".filter")`)
	const data = "../../../recordings/testdata/"
	text, err := os.ReadFile(data + "golden.identity")
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(data + "v2/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Identities map[string]struct{ Secret string }
	}
	if err := json.Unmarshal(file, &vectors); err != nil {
		t.Fatal(err)
	}
	secret := func(who string) string { return vectors.Identities[who].Secret }
	for _, c := range []struct {
		name, folder string
		segments     int
		secrets      []string
		entries      int
	}{
		{"v1", data, 2, []string{string(text)}, 6},
		{"v2 alone", data + "v2/", 1, []string{secret("auditor")}, 4},
		{"v2 together", data + "v2/", 1, []string{secret("auditor2"), secret("dpo")}, 4},
		{"v2 customer", data + "v2/", 1, []string{secret("customer")}, 4},
	} {
		id := h.shelf.takeIn(t, c.folder, c.segments)
		b.watch(id)
		for n, s := range c.secrets {
			if n > 0 {
				b.until(`document.querySelector("#problem:not([hidden])")?.textContent.includes("two keys together")`)
			}
			name := filepath.Join(t.TempDir(), "identity")
			if err := os.WriteFile(name, []byte(s), 0o600); err != nil {
				t.Fatal(err)
			}
			evaluate[bool](b, `document.querySelector("#unlock details").open = true`)
			b.do(chromedp.SetUploadFiles("#identity", []string{name}))
		}
		b.unlocked()
		if n := evaluate[int](b, `document.querySelectorAll("#events li").length`); n != c.entries {
			t.Errorf("%s has %d entries: %s", c.name, n, evaluate[string](b, `document.querySelector("#events").innerText`))
		}
		if bad := evaluate[string](b, `document.querySelector("#problem").textContent`); bad != "" {
			t.Errorf("%s: %s", c.name, bad)
		}
	}
}

// takeIn puts recordings of a folder on the shelf under their own id.
func (s *shelf) takeIn(t testing.TB, folder string, segments int) string {
	t.Helper()
	open, err := recordings.ReadOpen(folder + "golden-0.rec")
	if err != nil {
		t.Fatal(err)
	}
	id := open.Session.String()
	for n := range segments {
		for _, kind := range []string{"rec", "key"} {
			data, err := os.ReadFile(fmt.Sprintf("%sgolden-%d.%s", folder, n, kind))
			if err == nil {
				err = os.WriteFile(filepath.Join(s.dir, fmt.Sprintf("%s-%d.%s", id, n, kind)), data, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known = append(s.known, onShelf{Summary: evidence.Summary{ID: id, Started: open.Started, Ended: open.Started.Add(time.Minute), Segments: segments}})
	return id
}

// TestStillsInChromium: a screen on which nothing moves stays shown for as long as
// it did, at any speed, also at the end, where no picture follows.
func TestStillsInChromium(t *testing.T) {
	h := builtHouse(t, withShelf(newShelf(t)))
	identity := newIdentity(t)
	r := h.shelf.record(t, identity.Recipient())
	frames := ivf(t, "../../../recordings/testdata/small.ivf")
	for _, from := range []time.Duration{time.Second, 61 * time.Second, 100 * time.Second} {
		for n, f := range frames {
			r.check(r.video.WriteFrame(from+time.Duration(n)*100*time.Millisecond, f, n == 0 && from == time.Second))
			if n%10 == 9 {
				r.second(from + time.Duration(n+1)*100*time.Millisecond)
			}
		}
	}
	r.event(119*time.Second, protocol.EventNoteWritten, `{"by":"Anna Rossi","text":"done"}`)
	id := r.close(2 * time.Minute)
	b := playing(t, h, identity, id)
	const picture = `(() => { const v = document.querySelector("#video"), c = document.createElement("canvas"); c.width = v.videoWidth; c.height = v.videoHeight;
		const x = c.getContext("2d"); x.drawImage(v, 0, 0); return x.getImageData(0, 0, c.width, c.height).data.reduce((a, n, i) => (a + n * (i % 251)) % 1000003, 0); })()`
	b.seek(3900 * time.Millisecond)
	last := evaluate[int](b, picture)
	another := func() { // is shown now: else this test would prove nothing
		t.Helper()
		b.seek(2 * time.Second)
		comes(b, picture, func(n int) bool { return n != last })
	}
	for _, at := range []time.Duration{4 * time.Second, 33 * time.Second, 60*time.Second + 900*time.Millisecond, 110 * time.Second, 118 * time.Second} {
		another()
		b.seek(at)
		is(b, picture, last)
	}
	evaluate[bool](b, `(s => { s.value = "16"; return s.dispatchEvent(new Event("change")); })(document.querySelector("#speed"))`)
	another()
	b.click("#play")
	b.until(`document.querySelector("#theatre").dataset.at >= 119900 && document.querySelector("#video").paused`)
	is(b, picture, last)
}

// TestHasteInChromium: nobody has to wait for the player: it takes the next act while
// the one before is not done.
func TestHasteInChromium(t *testing.T) {
	h := builtHouse(t, withShelf(newShelf(t)))
	identity := newIdentity(t)
	id := talk(t, h.shelf, nil, identity.Recipient())
	b := playing(t, h, identity, id)
	const begin = `const [video, seek, stream, root] = ["video", "seek", "stream", "theatre"].map((id) => document.getElementById(id));
		const to = (at) => { seek.value = at; seek.dispatchEvent(new Event("input")); seek.dispatchEvent(new Event("change")); };`
	// Another monitor, and another time before it is there.
	evaluate[bool](b, `(() => { `+begin+` stream.value = "1"; stream.dispatchEvent(new Event("change")); to(15000); return true; })()`)
	b.until(`document.querySelector("#video").videoWidth === 160 && document.querySelector("#video").currentTime === 15`)
	// Locked while a time is sought: it opens again.
	evaluate[bool](b, `(() => { `+begin+` delete root.dataset.seek; video.addEventListener("seeking", () => document.querySelector("#lock").click(), { once: true }); to(7000); return true; })()`)
	b.until(`document.querySelector("#theatre").hidden && document.querySelector("#unlock:not([hidden])")`)
	b.unlock(passphrase)
	b.unlocked()
	b.seek(16 * time.Second)
	b.until(`document.querySelector("#video").currentTime === 16 && document.querySelector("#cover").hidden`)
}

// arrows: list and lanes are one stop each for the tab key, within them the arrows go.
func (b *chromium) arrows() {
	b.t.Helper()
	b.until(`document.querySelectorAll("[data-lane=consent] button").length === 5`) // drawn for this width
	for selector, keys := range map[string][2]string{"#events": {"ArrowDown", "ArrowUp"}, `[data-lane=consent] ul`: {"ArrowRight", "ArrowLeft"}} {
		stops := fmt.Sprintf(`[...document.querySelectorAll(%q + " button")].filter(e => e.tabIndex === 0)`, selector)
		if n := evaluate[int](b, stops+".length"); n != 1 {
			b.t.Errorf("%s has %d stops", selector, n)
			continue
		}
		evaluate[bool](b, stops+`[0].focus() || true`)
		here := func() string {
			return evaluate[string](b, `document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent`)
		}
		first := here()
		b.key(keys[0])
		second := here()
		b.key(keys[1])
		if third := here(); second == first || third != first {
			b.t.Errorf("%s: the arrows go from %q to %q to %q", selector, first, second, third)
		}
	}
}

// print looks at the page as it is printed: words, no controls.
func (b *chromium) print(name string) {
	b.t.Helper()
	command(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	if !evaluate[bool](b, `document.querySelector("#events li").offsetHeight > 0 && document.querySelector("[data-testid=evidence-verdict]").offsetHeight > 0 && document.querySelector(".facts").offsetHeight > 0
		&& !document.querySelector("#video").checkVisibility() && !document.querySelector("#why").checkVisibility() && !document.querySelector("#search").checkVisibility()`) {
		b.t.Error("the printed summary shows what it should not, or lacks something")
	}
	b.shot(name + "-" + b.tag)
	command(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{})
}

// TestFormsChangeInChromium: a picture that changes its codec and its form in
// mid-session goes on, forwards and backwards.
func TestFormsChangeInChromium(t *testing.T) {
	h := builtHouse(t, withShelf(newShelf(t)))
	identity := newIdentity(t)
	r := h.shelf.record(t, identity.Recipient())
	write := func(from time.Duration, file string, add func(time.Duration, []byte, bool) error) {
		t.Helper()
		for n, f := range ivf(t, "../../../recordings/testdata/"+file) {
			r.check(add(from+time.Duration(n)*100*time.Millisecond, f, n == 0))
			if n%10 == 9 {
				r.second(from + time.Duration(n+1)*100*time.Millisecond)
			}
		}
		r.second(from + 9*time.Second)
	}
	write(time.Second, "small.ivf", r.video.WriteFrame)
	write(10*time.Second, "small-vp9.ivf", r.video.WriteVP9)
	write(20*time.Second, "larger.ivf", r.video.WriteFrame)
	id := r.close(30 * time.Second)
	b := playing(t, h, identity, id)
	size := func() string {
		return evaluate[string](b, `(v => v.videoWidth + "x" + v.videoHeight)(document.querySelector("#video"))`)
	}
	b.until(`document.querySelector("#video").videoWidth > 0`)
	small := size()
	for _, at := range []time.Duration{21 * time.Second, 11 * time.Second, 2 * time.Second, 12 * time.Second, 22 * time.Second, 3 * time.Second} {
		b.seek(at)
		is := "==="
		if at > 20*time.Second {
			is = "!=="
		}
		// The video says its new size some time after the seek is done.
		b.until(fmt.Sprintf(`(v => v.readyState >= 2 && document.querySelector("#cover").hidden && v.videoWidth + "x" + v.videoHeight %s %q)(document.querySelector("#video"))`, is, small))
	}
	evaluate[bool](b, `(s => { s.value = "8"; return s.dispatchEvent(new Event("change")); })(document.querySelector("#speed"))`)
	b.click("#play")
	b.until(fmt.Sprintf(`(v => document.querySelector("#theatre").dataset.at >= 29900 && v.paused && v.videoWidth + "x" + v.videoHeight !== %q)(document.querySelector("#video"))`, small))
	if bad := evaluate[string](b, `document.querySelector("#problem").textContent`); bad != "" {
		t.Error(bad)
	}
}
