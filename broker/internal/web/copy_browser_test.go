package web_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/evidence"
	"consento/broker/internal/session"
	"consento/broker/internal/web"
	"consento/protocol"
	"consento/recordings"

	cdpbrowser "github.com/chromedp/cdproto/browser"
)

// course is a session that goes on, recorded and copied as package session does.
type course struct {
	v      *vault
	writer *recordings.Writer
	id     string
	began  time.Time
	key    session.CopyKey
	terms  recordings.ShareTerms
}

func (v *vault) begin(t testing.TB) *course {
	t.Helper()
	c := &course{v: v, began: time.Now()}
	var err error
	c.writer, err = recordings.Create(recordings.Config{Dir: v.folder, Session: recordings.NewSessionID(), Origin: "help.esempio.example", Started: c.began,
		Recipients: []recordings.Recipient{v.auditor.Recipient()}, Retention: "standard"})
	c.check(t, err)
	_, err = v.Opened(t.Context(), c.writer.Path(), c.writer.Head())
	c.check(t, err)
	c.id = c.writer.Open().Session.String()
	return c
}

func (c *course) check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// offer promises a copy, as session.Manager.OfferCopy does.
func (c *course) offer(t testing.TB) func(string, session.CopyKey) (session.Copy, error) {
	return func(id string, key session.CopyKey) (session.Copy, error) {
		if id != c.id {
			return session.Copy{}, session.ErrNoSession
		}
		terms, err := c.v.PromiseCopy(t.Context(), id, key.Token)
		if err != nil {
			return session.Copy{}, err
		}
		c.key, c.terms = key, terms
		return session.Copy{ID: terms.ID.String(), Until: terms.Until, Recording: len(terms.Tracks) > 0}, nil
	}
}

// end records some seconds, completes the copy and closes.
func (c *course) end(t testing.TB) {
	t.Helper()
	event := func(at time.Duration, code protocol.EventCode, data string) {
		c.check(t, c.writer.Append(recordings.TrackEvents, 0, at, 0, fmt.Appendf(nil, `{"code":%q,"at_ms":%d,"data":%s}`, code, at.Milliseconds(), data)))
	}
	event(time.Second, protocol.EventConsentGiven, `{"permission":"view_screen"}`)
	event(2*time.Second, protocol.EventNoteWritten, `{"by":"Anna Rossi","text":"the technician's own words"}`)
	c.check(t, c.writer.Append(recordings.TrackChat, 0, 3*time.Second, 0, []byte(`{"from":"Anna Rossi","text":"Please open the settings"}`)))
	video := recordings.NewVideo(c.writer, 0)
	for n, f := range clip(t) {
		c.check(t, video.WriteFrame(time.Second+time.Duration(n)*200*time.Millisecond, f, n == 0))
	}
	c.check(t, video.Flush(12*time.Second))
	at := func(d time.Duration) string { return c.began.Add(d).UTC().Format(time.RFC3339Nano) }
	log := fmt.Sprintf(`{"v":1,"session":{"id":%q,"technician":{"name":"Anna Rossi","team":"Service desk","office":"Comune di Esempio"},"issued_at":%q},"left_out":0,
		"entries":[{"at":%q,"code":"consent.given","data":{"permission":"view_screen"}},{"at":%q,"code":"note.written","data":{"by":"Anna Rossi"}},{"at":%q,"code":"session.ended","data":{"reason":"customer"}}]}`,
		c.id, at(0), at(time.Second), at(2*time.Second), at(12*time.Second))
	var keys []byte
	if len(c.terms.Tracks) > 0 {
		terms := c.terms
		terms.To = 13 * time.Second
		var err error
		keys, err = c.writer.Share(terms, c.key.Recipient)
		c.check(t, err)
	}
	told, err := recordings.SealNote([]byte(log), c.key.Recipient)
	c.check(t, err)
	c.check(t, c.v.KeepCopy(t.Context(), c.terms.ID, 0, keys, told))
	_, err = c.writer.Close()
	c.check(t, err)
	c.check(t, c.v.Closed(t.Context(), c.writer.Path()))
	_, err = c.v.h.db.NewRaw(`INSERT INTO sessions (id, state, technician_id, technician, team, key_expires, issued, ended, end_reason) VALUES (?, 'Issued', 'anna', 'Anna Rossi', 'Service desk', 0, ?, ?, ?)`,
		c.id, c.began.UnixMilli(), c.began.Add(12*time.Second).UnixMilli(), protocol.EndCustomer).Exec(t.Context())
	c.check(t, err)
}

// wire keeps all that browsers send.
type wire struct {
	mu   sync.Mutex
	sent bytes.Buffer
}

func (w *wire) listen(_ *web.Config, h *house) {
	h.front = func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				http.Error(rw, err.Error(), http.StatusBadRequest)
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			w.mu.Lock()
			fmt.Fprintf(&w.sent, "%s %s\n%v\n%s\n\n", r.Method, r.RequestURI, r.Header, body)
			w.mu.Unlock()
			next.ServeHTTP(rw, r)
		})
	}
}

func (w *wire) holds(text string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return bytes.Contains(w.sent.Bytes(), []byte(text))
}

// toTheEnd goes the customer's way up to the page of the end, and returns the
// private link that it shows.
func (b *chromium) toTheEnd(h *house, c *course, look func(string)) string {
	b.t.Helper()
	h.desk.issueAs(c.id, goodKey, anna)
	h.desk.copies = c.offer(b.t)
	b.open("/k/ACDEFGH", "#key")
	b.click("button.primary")
	b.until(`document.querySelector(".person")`)
	b.click(`button[value=yes]`)
	b.until(newest("Joined") + ` && document.documentElement.dataset.link === "promised"`)
	look("3-share-copy")
	c.end(b.t)
	yes := true
	h.desk.set(c.id, step(protocol.StateActive, protocol.StepAgentStarted))
	h.desk.set(c.id, ended(protocol.StateClosed, protocol.EndCustomer, &yes))
	b.open("/session", ".rating")
	b.until(`document.readyState === "complete" && document.querySelector("#copy-card:not([hidden])")`)
	look("5-copy-link")
	return evaluate[string](b, `document.querySelector("#copy-link").textContent`)
}

// copyState is the state of the page of a copy.
func copyState(state string) string { return fmt.Sprintf(`document.body?.dataset.link === %q`, state) }

// TestCopyInChromium: a customer's copy from the promise to its end.
func TestCopyInChromium(t *testing.T) {
	w := &wire{}
	h := builtHouse(t, withVault(t), w.listen)
	b := newChromium(t, h, "en")
	downloads := t.TempDir()
	command(b, cdpbrowser.SetDownloadBehavior, cdpbrowser.SetDownloadBehaviorParams{
		Behavior: cdpbrowser.SetDownloadBehaviorBehaviorAllow, DownloadPath: downloads})
	c := h.vault.begin(t)
	link := b.toTheEnd(h, c, func(string) {})
	path, secret, found := strings.Cut(strings.TrimPrefix(link, "https://help.esempio.example"), "#")
	if !found || path != "/copy/"+c.terms.ID.String() || len(secret) != 43 {
		t.Fatalf("the link is %q", link)
	}
	accesses := func() int {
		n, err := h.db.NewSelect().Table("log_entries").Where("kind = 'access'").Count(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return int(n)
	}
	b.visit(b.url + path + "#" + secret)
	b.until(copyState("ready"))
	if accesses() != 0 || w.holds("/segments/") {
		t.Fatal("the copy was looked at before anybody asked for it")
	}
	b.click("#open")
	b.until(copyState("open") + ` && document.querySelector("#theatre:not([hidden])")?.dataset.seek`)
	if accesses() != 1 {
		t.Errorf("%d viewings on the log", accesses())
	}
	for _, at := range []time.Duration{9 * time.Second, 2 * time.Second} {
		b.seek(at)
		n := int((at - time.Second) / (200 * time.Millisecond))
		b.until(fmt.Sprintf(`(() => { const c = document.createElement("canvas"); c.width = c.height = 32; const x = c.getContext("2d");
			x.drawImage(document.querySelector("#video"), 16, 16, 32, 32, 0, 0, 32, 32); return Math.abs(x.getImageData(16, 16, 1, 1).data[1] - %d) <= 3; })()`, lum(n)))
	}
	b.until(`document.querySelectorAll("#events li").length === 4`)
	shown := evaluate[string](b, `document.body.innerText`)
	if strings.Contains(shown, "own words") || !strings.Contains(shown, "Please open the settings") || !strings.Contains(shown, "Anna Rossi") {
		t.Errorf("the page says %s", shown)
	}
	for what, name := range map[string]string{"#save button[value=json]": c.id + ".json", "#save-video": c.id + ".mp4", `#save a[download]`: "consento-" + c.terms.ID.String()[:8] + ".proof"} {
		b.click(what)
		var data []byte
		until(t, "the copy is saved", func() bool {
			var err error
			data, err = os.ReadFile(filepath.Join(downloads, name))
			return err == nil && len(data) > 0
		})
		if strings.HasSuffix(name, ".json") {
			var saved struct{ Entries []struct{ Code string } }
			if err := json.Unmarshal(data, &saved); err != nil || len(saved.Entries) != 4 || checkReport(data) != nil {
				t.Errorf("%s: %v, %v: %s", name, err, checkReport(data), data)
			}
		}
	}
	if w.holds(secret) {
		t.Error("the secret was sent to the broker")
	}

	// A secret that is wrong, cut or missing says nothing of whether there is a copy.
	other := secret[:20] + map[bool]string{true: "A", false: "B"}[secret[20] != 'A'] + secret[21:]
	for name, address := range map[string]string{"wrong": path + "#" + other, "cut": path + "#" + secret[:30], "none": path, "elsewhere": "/copy/" + strings.Repeat("0", 32) + "#" + secret} {
		b.visit("about:blank")
		b.visit(b.url + address)
		b.until(copyState("wrong"))
		if said := evaluate[string](b, `document.querySelector('[data-state=wrong]').innerText`); !strings.Contains(said, "whole link") {
			t.Errorf("%s: %s", name, said)
		}
	}
	if h.desk.guesses != 2 {
		t.Errorf("%d wrong tries were counted", h.desk.guesses)
	}
	watched := 1 + b.damagedCopies(c, path+"#"+secret)

	// Revoked while somebody watches: the next thing that is asked for stops it.
	auditor, account := auditing(t, h, "dino@esempio.example")
	page := auditor.get("/audit/sessions/" + c.id + "/shares")
	page.shows(t, "The customer", "picture, chat")
	if s := auditor.post("/audit/sessions/"+c.id+"/shares", "share", c.terms.ID.String(), "reason", "x"); s.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("without a reason: %d", s.StatusCode)
	}
	auditor.post("/audit/sessions/"+c.id+"/shares", "share", c.terms.ID.String(), "reason", "sent to the wrong person").shows(t, "The share has ended", "ended by", account.Name)
	b.click("#open")
	b.until(copyState("revoked"))
	if accesses() != watched {
		t.Errorf("%d viewings on the log, not %d", accesses(), watched)
	}
}

// damagedCopies opens the copy with its chat damaged, then with the keys, then with the
// log: each time the page says so in words, and what is whole is shown. It returns how
// often it was opened.
func (b *chromium) damagedCopies(c *course, address string) (opened int) {
	b.t.Helper()
	share := strings.TrimSuffix(c.writer.Path(), ".rec") + "-" + c.terms.ID.String()
	chat := 0
	_, err := recordings.ScanFile(c.writer.Path(), recordings.ScanOptions{Each: func(r recordings.Record) error {
		if r.Kind == recordings.KindData && r.Track == recordings.TrackChat {
			chat = int(r.Offset) + recordings.HeaderSize + 20
		}
		return nil
	}})
	c.check(b.t, err)
	for _, damage := range []struct {
		file   string
		at     func(whole []byte) int
		says   string
		events int // that are shown
	}{
		{c.writer.Path(), func([]byte) int { return chat }, "At 0:03 something is damaged or was changed", 3},
		{share + ".share", func(whole []byte) int { return bytes.Index(whole, []byte(`"body":"`)) + 20 }, "damaged or was changed on the server: it does not open", 0},
		{share + ".told", func(whole []byte) int { return bytes.LastIndex(whole, []byte(`"body":"`)) + 20 }, "damaged or was changed on the server: it does not open", 0},
	} {
		whole, err := os.ReadFile(damage.file)
		c.check(b.t, err)
		bad := bytes.Clone(whole)
		at := damage.at(whole)
		bad[at] = map[bool]byte{true: 'A', false: 'B'}[bad[at] != 'A']
		c.check(b.t, os.WriteFile(damage.file, bad, 0o600))
		b.visit("about:blank")
		b.visit(b.url + address)
		b.until(copyState("ready"))
		b.click("#open")
		opened++
		b.until(fmt.Sprintf(`document.querySelector("#problem:not([hidden])")?.textContent.includes(%q)`, damage.says))
		is(b, `document.querySelectorAll("#events li").length`, damage.events)
		if damage.events > 0 {
			b.until(`document.querySelector("#theatre:not([hidden])")?.dataset.seek`)
			b.glance("7-copy-damaged")
		}
		c.check(b.t, os.WriteFile(damage.file, whole, 0o600))
	}
	b.visit("about:blank")
	b.visit(b.url + address)
	b.until(copyState("ready"))
	return opened
}

// TestCopyPagesInChromium looks at every state of the page, and at what leads there.
func TestCopyPagesInChromium(t *testing.T) {
	for _, language := range tags(t) {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			h := builtHouse(t, withVault(t))
			b := newChromium(t, h, language)
			c := h.vault.begin(t)
			link := b.toTheEnd(h, c, b.glance)
			address := b.url + strings.TrimPrefix(link, "https://help.esempio.example")
			to := func(address, state string) {
				t.Helper()
				b.visit("about:blank")
				b.visit(address)
				b.until(copyState(state))
			}
			to(address, "ready")
			b.look("7-copy")
			b.click("#open")
			b.until(copyState("open") + ` && document.querySelector("#theatre:not([hidden])")?.dataset.seek`)
			b.seek(5 * time.Second)
			b.look("7-copy-open")
			to(address[:len(address)-4], "wrong")
			b.glance("7-copy-wrong")

			admin := access.Account{ID: "dpo", Name: "Paola Blu", Role: access.DPO}
			if err := h.vault.PutHold(t.Context(), admin, c.id, "court"); err != nil {
				t.Fatal(err)
			}
			to(address, "ready")
			b.until(`document.querySelector("[data-recording=held]:not([hidden])")`)
			b.glance("7-copy-held")
			b.click("#open")
			b.until(copyState("open") + ` && document.querySelector("#theatre:not([hidden])") && document.querySelector("#seen").hidden`)
			b.glance("7-copy-log")
			if err := h.vault.ReleaseHolds(t.Context(), admin, c.id, "over"); err != nil {
				t.Fatal(err)
			}
			h.desk.answer(&session.ThrottledError{RetryAfter: time.Minute})
			to(address, "throttled")
			b.glance("7-copy-throttled")
			h.desk.answer(nil)
			_, account := auditing(t, h, "dino@esempio.example")
			b.open("/signin?next=/audit/", "#email")
			b.signInWith(account.Email, goodPassword)
			b.until(`location.pathname === "/audit/" && document.querySelector("h1")`)
			b.open("/audit/sessions/"+c.id+"/shares", "[data-share]")
			evaluate[bool](b, `document.querySelectorAll("details").forEach(d => d.open = true); true`)
			b.look("8-shares")
			evaluate[bool](b, `document.querySelector("[data-share] form").requestSubmit(); true`)
			b.until(`document.querySelector(".invalid")`)
			b.glance("8-shares-wrong")
			if err := h.vault.Revoke(t.Context(), admin, c.terms.ID.String(), "no"); err != nil {
				t.Fatal(err)
			}
			to(address, "revoked")
			b.glance("7-copy-revoked")
			if _, err := h.db.NewRaw("UPDATE shares SET revoked = 0").Exec(t.Context()); err != nil { // so it is as one that ended by itself
				t.Fatal(err)
			}
			to(address, "expired")
			b.glance("7-copy-expired")
			for _, by := range []access.Account{account, admin} {
				var err error
				if by.Role == access.Auditor {
					err = h.vault.AskErasure(t.Context(), by, c.id, "over", false)
				} else {
					var all []evidence.Erasure
					if all, err = h.vault.Erasures(t.Context(), by); err == nil {
						err = h.vault.DecideErasure(t.Context(), by, all[0].ID, true, "yes")
					}
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			to(address, "erased")
			b.glance("7-copy-erased")
		})
	}
}
