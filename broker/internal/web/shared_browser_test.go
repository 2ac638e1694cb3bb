package web_test

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/access"
	"consento/protocol"
	"consento/recordings"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// film is a session of three minutes that is over: a picture from 10 s on, a chat
// line in each minute.
func (v *vault) film(t testing.TB) string {
	t.Helper()
	c := v.begin(t)
	video := recordings.NewVideo(c.writer, 0)
	frames := clip(t)
	for second := 10; second < 180; second++ {
		at := time.Duration(second) * time.Second
		if second%60 == 20 {
			c.check(t, c.writer.Append(recordings.TrackChat, 0, at, 0, fmt.Appendf(nil, `{"from":"Anna Rossi","text":"line of minute %d"}`, second/60)))
			c.check(t, c.writer.Append(recordings.TrackEvents, 0, at, 0, fmt.Appendf(nil, `{"code":"screen.gap","at_ms":%d,"data":{}}`, at.Milliseconds())))
		}
		for n := range 5 {
			if second >= 60 && second < 65 {
				break // so that the picture of minute 1 does not begin with a key frame
			}
			number := second*5 + n
			c.check(t, video.WriteFrame(at+time.Duration(n)*200*time.Millisecond, frames[number%clipLength], number%clipLength == 0))
		}
		c.check(t, video.Flush(at+time.Second))
	}
	_, err := c.writer.Close()
	c.check(t, err)
	c.check(t, v.Closed(t.Context(), c.writer.Path()))
	_, err = v.h.db.NewRaw(`INSERT INTO sessions (id, state, technician_id, technician, team, key_expires, issued, ended, end_reason) VALUES (?, 'Issued', 'anna', 'Anna Rossi', 'Service desk', 0, ?, ?, ?)`,
		c.id, c.began.UnixMilli(), c.began.Add(3*time.Minute).UnixMilli(), protocol.EndCustomer).Exec(t.Context())
	c.check(t, err)
	return c.id
}

// helper adds a technician.
func (h *house) helper(t testing.TB, name, email, team string) access.Account {
	t.Helper()
	a, err := h.access.Add(t.Context(), access.NewAccount{Email: email, Name: name, Role: access.Technician, Team: team, Level: access.L1,
		Profile: protocol.ProfileViewOnly, Password: goodPassword})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// signInAs signs somebody in, who was nobody in this browser.
func (b *chromium) signInAs(email, next, selector string) {
	b.t.Helper()
	command(b, network.ClearBrowserCookies, cdp.Empty{})
	b.open("/signin?next="+next, "#email")
	b.signInWith(email, goodPassword)
	b.until(fmt.Sprintf(`location.pathname === %q && document.querySelector(%q)`, next, selector))
}

// share fills in the auditor's form and returns the link.
func (b *chromium) share(whom, from, upto string, tracks ...int) string {
	b.t.Helper()
	evaluate[bool](b, fmt.Sprintf(`(() => { for (const t of document.querySelectorAll("[name=track]")) t.checked = %s.includes(Number(t.value));
		document.querySelector("#share-given").hidden = true; return true; })()`, strings.ReplaceAll(fmt.Sprint(tracks), " ", ",")))
	b.do(chromedp.SetValue("#share-whom", whom), chromedp.SetValue("#share-from", from), chromedp.SetValue("#share-to", upto), chromedp.SetValue("#share-days", "3"),
		chromedp.SetValue("#share-why", "second opinion"))
	evaluate[bool](b, `document.querySelector("#share").requestSubmit(); true`)
	b.until(`document.querySelector("#share-given:not([hidden])")`)
	return evaluate[string](b, `document.querySelector("#share-link").textContent`)
}

// TestSharingInChromium: an auditor shares one minute of the picture with one
// technician, who sees that minute and nothing else, until it is taken back.
func TestSharingInChromium(t *testing.T) {
	w := &wire{}
	h := builtHouse(t, withVault(t), w.listen)
	id := h.vault.film(t)
	bruno, carlo := h.helper(t, "Bruno Neri", "bruno@esempio.example", "Helpdesk"), h.helper(t, "Carlo Gialli", "carlo@esempio.example", "Networks")
	_, auditor := auditing(t, h, "dino@esempio.example")
	b := newChromium(t, h, "en")
	b.keysInBrowser(auditor.Email, h.vault.auditor)
	b.watch(id)
	b.unlock(passphrase)
	b.unlocked()
	leaves := func(kind string) int {
		n, err := h.db.NewSelect().Table("log_entries").Where("kind = ?", kind).Count(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return int(n)
	}
	viewed := leaves("access")
	// What is missing is said at the field, and nothing is sent.
	evaluate[bool](b, `document.querySelector("#share").requestSubmit(); true`)
	b.until(`document.activeElement.id === "share-whom" && document.querySelector("#shared-said").textContent.startsWith("Choose")`)
	link := b.share("account:"+bruno.ID, "1", "2", 2, 6)
	path, secret, _ := strings.Cut(strings.TrimPrefix(link, h.server.URL), "#")
	share := strings.TrimPrefix(path, "/shared/")
	if leaves("share") != 1 || len(share) != 32 || w.holds(secret) {
		t.Fatalf("%d shares on the log, the link is %s", leaves("share"), link)
	}

	// By package recordings: the secret opens one minute of one track, and no other.
	parsed, err := recordings.ReadShare(filepath.Join(h.vault.folder, id+"-0-"+share+".share"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := recordings.ParseShareSecret(secret)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := recordings.OpenShared(filepath.Join(h.vault.folder, id+"-0.rec"), parsed, time.Now(), recordings.BySecret(key))
	if err != nil {
		t.Fatal(err)
	}
	pieces := 0
	if _, err := opened.Read(recordings.ScanOptions{}, func(i recordings.Item) error {
		if pieces++; i.Track != recordings.TrackVideo || i.At < time.Minute || i.At >= 2*time.Minute {
			t.Errorf("opens track %d at %v", i.Track, i.At)
		}
		return nil
	}); err != nil || pieces < 50 {
		t.Errorf("%d pieces, %v", pieces, err)
	}
	if _, err := recordings.OpenShared(filepath.Join(h.vault.folder, id+"-0.rec"), parsed, parsed.Until, recordings.BySecret(key)); !errors.Is(err, recordings.ErrExpired) {
		t.Errorf("at its end: %v", err)
	}

	// The addressee finds it, and opens it with the link alone.
	b.signInAs(bruno.Email, "/shared", "[data-share]")
	b.click("[data-share] a")
	b.until(`document.querySelector("#open-shared:not([hidden])")`)
	b.do(chromedp.SetValue("#shared-link", link[:len(link)-1]))
	b.click("#open-shared button")
	b.until(`document.querySelector("#problem:not([hidden])")?.textContent.includes("whole link")`)
	if leaves("access") != viewed {
		t.Error("a cut link counts as a viewing")
	}
	b.do(chromedp.SetValue("#shared-link", link))
	b.click("#open-shared button")
	b.until(`document.querySelector("#theatre:not([hidden])")?.dataset.seek`)
	if leaves("access") != viewed+1 {
		t.Errorf("%d viewings on the log", leaves("access")-viewed)
	}
	for _, at := range []time.Duration{90 * time.Second, 115 * time.Second} {
		b.seek(at)
		n := int(at / (200 * time.Millisecond))
		b.until(fmt.Sprintf(`(() => { const c = document.createElement("canvas"); c.width = c.height = 32; const x = c.getContext("2d");
			x.drawImage(document.querySelector("#video"), 16, 16, 32, 32, 0, 0, 32, 32); return Math.abs(x.getImageData(16, 16, 1, 1).data[1] - %d) <= 3; })()`, lum(n)))
	}
	for at, why := range map[time.Duration]string{30 * time.Second: "This time is not shared", 67 * time.Second: "builds on what came before, and that is not shared. It begins at 1:10", 150 * time.Second: "This time is not shared"} {
		b.seek(at)
		b.until(fmt.Sprintf(`document.querySelector("#cover:not([hidden])")?.textContent.includes(%q) && getComputedStyle(document.querySelector("#video")).visibility === "hidden"`, why))
	}
	if n := evaluate[int](b, `document.querySelectorAll("#events li").length`); n != 0 {
		t.Errorf("%d entries of tracks that are not shared", n)
	}
	if w.holds(secret) {
		t.Error("the secret was sent to the broker")
	}

	// Nobody else: another technician, the auditor, somebody without an account.
	other := h.visitor(t)
	other.post("/signin", "email", carlo.Email, "password", goodPassword)
	other.get(path).shows(t, "Nothing with this address")
	other.get("/shared").hides(t, share)
	if s := other.post(path + "/open"); s.StatusCode != http.StatusNotFound {
		t.Errorf("another technician: %d", s.StatusCode)
	}
	nobody := h.visitor(t)
	if s := nobody.get(path); s.StatusCode != http.StatusForbidden {
		t.Errorf("nobody: %d", s.StatusCode)
	}
	// Revoked while it is watched, and with the end of the account.
	mine := h.visitor(t)
	mine.post("/signin", "email", bruno.Email, "password", goodPassword)
	if s := mine.post(path + "/open"); s.StatusCode != http.StatusNoContent {
		t.Fatalf("opened again: %d", s.StatusCode)
	}
	if s := mine.get(path + "/shares/0"); s.StatusCode != http.StatusOK {
		t.Errorf("its keys: %d", s.StatusCode)
	}
	if err := h.vault.Revoke(t.Context(), auditor, share, "not needed any more"); err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"/shares/0", "/index/0", "/segments/0", "/records/0?tracks=3"} {
		if s := mine.get(path + what); s.StatusCode != http.StatusGone {
			t.Errorf("%s after it was revoked: %d", what, s.StatusCode)
		}
	}
	mine.get(path).shows(t, "has ended")
	b.usedElsewhere(h, link, bruno, carlo)
	if err := h.access.Disable(t.Context(), bruno.ID); err != nil {
		t.Fatal(err)
	}
	if s := mine.get("/shared"); s.StatusCode != http.StatusForbidden {
		t.Errorf("after the end of the account: %d", s.StatusCode)
	}
}

// usedElsewhere: a link that somebody else follows opens nothing, and the addressee's
// own nothing when its time is over, whatever page was open until then.
func (b *chromium) usedElsewhere(h *house, link string, addressee, other access.Account) {
	b.t.Helper()
	set := func(until time.Time) {
		b.t.Helper()
		if _, err := h.db.NewRaw("UPDATE shares SET revoked = 0, cleared = FALSE, until = ?", until.UnixMilli()).Exec(b.t.Context()); err != nil {
			b.t.Fatal(err)
		}
	}
	views := func() int {
		b.t.Helper()
		n, err := h.db.NewSelect().Table("log_entries").Where("kind = 'access'").Count(b.t.Context())
		if err != nil {
			b.t.Fatal(err)
		}
		return int(n)
	}
	set(time.Now().Add(time.Hour))
	before := views()
	b.signInAs(other.Email, "/shared", "main")
	b.visit(link)
	b.until(`document.querySelector("[data-testid=shared-wrong]")?.textContent.includes("Nothing with this address")`)
	b.signInAs(addressee.Email, "/shared", "[data-share] a")
	b.visit(link)
	b.until(`document.querySelector("#open-shared:not([hidden])") && document.querySelector("#shared-link").value`)
	set(time.Now().Add(-time.Second))
	b.click("#open-shared button")
	b.until(`document.querySelector("#problem:not([hidden])")?.textContent.includes("This share has ended")`)
	address, _, _ := strings.Cut(link, "#")
	b.visit(address)
	b.until(`document.querySelector("[data-testid=shared-wrong]")?.textContent.includes("has ended")`)
	b.open("/shared", "[data-share]")
	if evaluate[bool](b, `document.querySelector("[data-share] a") !== null`) || views() != before {
		b.t.Errorf("an expired share is offered, or %d viewings of it are on the log", views()-before)
	}
}

// TestSharedPagesInChromium looks at the pages of sharing.
func TestSharedPagesInChromium(t *testing.T) {
	for _, language := range tags(t) {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			h := builtHouse(t, withVault(t))
			id := h.vault.film(t)
			bruno := h.helper(t, "Bruno Neri", "bruno@esempio.example", "Helpdesk")
			_, auditor := auditing(t, h, "dino@esempio.example")
			b := newChromium(t, h, language)
			b.signInAs(bruno.Email, "/shared", "main")
			b.glance("9-shared-none")
			command(b, network.ClearBrowserCookies, cdp.Empty{})
			b.keysInBrowser(auditor.Email, h.vault.auditor)
			b.watch(id)
			b.unlock(passphrase)
			b.unlocked()
			link := b.share("team:Helpdesk", "0", "2", 1, 2, 3)
			b.glance("8-share-made")
			b.open("/audit/sessions/"+id+"/shares", "[data-share]")
			b.glance("8-shares-team")
			b.signInAs(bruno.Email, "/shared", "[data-share]")
			b.look("9-shared")
			b.visit(link)
			b.until(`document.querySelector("#open-shared:not([hidden])") && document.querySelector("#shared-link").value`)
			b.look("9-shared-closed")
			b.click("#open-shared button")
			b.until(`document.querySelector("#theatre:not([hidden])")?.dataset.seek`)
			b.glance("9-shared-open")
			b.open("/shared/"+strings.Repeat("0", 32), `[data-testid="shared-wrong"]`)
			b.glance("9-shared-wrong")
		})
	}
}
