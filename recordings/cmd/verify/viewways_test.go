package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"consento/recordings"
)

// TestViewOfTwoSegmentsByTwoSheets: all keys are lost; two of the printed ones show
// the whole session on one time line, to an Italian auditor. One sheet shows nothing.
func TestViewOfTwoSegmentsByTwoSheets(t *testing.T) {
	needsPlayer(t)
	o := newOffice(t)
	first := o.film(t, 0, nil)
	o.film(t, 1, &first)
	must(t, os.RemoveAll(o.keys))
	one, two := o.typed(1), o.typed(3)
	if said := o.run(exitUnverifiable, "view", o.file, "--identity", one); !strings.Contains(said, "a second key is needed") || strings.Contains(said, "watch it at") {
		t.Error(said)
	}
	if said := o.run(exitUsage, "view", o.file); !strings.Contains(said, "give an identity") {
		t.Error(said)
	}
	v := o.watch(t, "--identity", one, "--identity", two)
	_, source := get(t, v.url, nil)
	for _, typed := range []string{one, two} {
		id, err := recordings.ReadIdentity(typed)
		must(t, err)
		secret, err := id.Secret()
		must(t, err)
		if strings.Contains(source, secret) {
			t.Error("a key of the escrow is on the page")
		}
	}
	page := chromium(t, v.url)
	agent, err := chromedp.Run(page, chromedp.Evaluate[string](`navigator.userAgent`))
	must(t, err)
	command(t, page, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: agent, AcceptLanguage: "it"})
	must(t, chromedp.Do(page, chromedp.Navigate(v.url)))
	becomes(t, page, `document.documentElement.lang === "it" && document.querySelector("#theatre:not([hidden])")?.dataset.seek && document.querySelector("#video").videoWidth === 160`)
	becomes(t, page, `document.querySelectorAll("#events li").length >= 14 && document.querySelector("#events").textContent.includes("second <b>6</b>") && document.querySelector("#events").textContent.includes("second <b>23</b>")`)
	becomes(t, page, fmt.Sprintf(seekTo, 23500))
	becomes(t, page, `Math.abs(document.querySelector("#theatre").dataset.at - 23500) < 2 && document.querySelector("#cover").hidden && document.querySelector("#video").videoWidth === 160`)
	look(t, page, "view-it")
	v.stop()
	if code := <-v.ended; code != exitUnverifiable {
		t.Errorf("it ended with %d", code)
	}
}

// TestViewByShare: what a share names is shown, by the secret of a link or by the key
// that it is for; neither of them reaches the browser, nor does more than was shared.
func TestViewByShare(t *testing.T) {
	needsPlayer(t)
	b := filmed(t)
	o := office{b, t}
	o.run(exitOK, "keygen", "--out", o.path("friend"))
	said := o.run(exitOK, "share", o.file, "--identity", o.keys, "--link", "--track", "events", "--track", "video", "--to", "1m", "--out", o.path("link.share"))
	secret := regexp.MustCompile(`secret +(\S+)`).FindStringSubmatch(said)
	if secret == nil {
		t.Fatal(said)
	}
	o.run(exitOK, "share", o.file, "--identity", o.keys, "--for", o.path("friend"), "--track", "chat", "--to", "1m", "--out", o.path("friend.share"))
	for name, refused := range map[string]struct {
		want int
		by   []string
	}{
		"no secret":      {exitUsage, []string{"--share", o.path("link.share")}},
		"another secret": {exitUnverifiable, []string{"--share", o.path("link.share"), "--secret=" + recordings.NewShareSecret().Text()}},
		"another key":    {exitUnverifiable, []string{"--share", o.path("friend.share"), "--identity", o.keys}},
		"no share":       {exitUsage, []string{"--share", o.path("none.share"), "--identity", o.keys}},
	} {
		if said := o.run(refused.want, append([]string{"view", o.file}, refused.by...)...); strings.Contains(said, "watch it at") {
			t.Errorf("%s: %s", name, said)
		}
	}
	// Without its key bag: a share is enough.
	must(t, os.Remove(recordings.DefaultBag(o.file)))

	v := o.watch(t, "--share", o.path("link.share"), "--secret="+secret[1])
	if _, source := get(t, v.url, nil); strings.Contains(source, secret[1]) {
		t.Error("the secret of the link is on the page")
	}
	if code, _ := get(t, v.url+"bags/0", nil); code != http.StatusNotFound {
		t.Errorf("a key bag: %d", code)
	}
	page := chromium(t, v.url)
	becomes(t, page, `document.querySelector("#theatre:not([hidden])")?.dataset.seek && document.querySelector("#video").videoWidth === 160`)
	becomes(t, page, `document.querySelectorAll("#events li").length === 1 && !document.body.textContent.includes("<b>3</b>")`)
	becomes(t, page, `document.querySelector("[data-testid=shared-part]").textContent.includes("events, picture (from 0:00:00 to 0:01:00)")`)
	becomes(t, page, fmt.Sprintf(seekTo, 3500))
	becomes(t, page, `Math.abs(document.querySelector("#theatre").dataset.at - 3500) < 2 && Math.abs(document.querySelector("#video").currentTime - 3.5) < 0.2`)
	look(t, page, "view-share")
	v.stop()
	<-v.ended

	v = o.watch(t, "--share", o.path("friend.share"), "--identity", o.path("friend"))
	lent := onlyShare(t, v, o)
	if !slices.Equal(lent.Tracks, []recordings.Track{recordings.TrackChat}) || lent.To != time.Minute {
		t.Errorf("it gives tracks %v to %v", lent.Tracks, lent.To)
	}
	must(t, chromedp.Do(page, chromedp.Navigate(v.url)))
	becomes(t, page, `document.querySelector("#theatre:not([hidden])") && document.querySelectorAll("#events li").length === 6 && document.querySelector("#events").textContent.includes("second <b>3</b>")`)
	becomes(t, page, `!document.querySelector("#cover").hidden && document.querySelector("#problem").hidden`)
	look(t, page, "view-share-chat")
	v.stop()
	<-v.ended
}

// onlyShare reads the share that the page is given, which opens by the page's own key
// and not by that of the person it was for.
func onlyShare(t *testing.T, v *viewing, o office) recordings.Share {
	t.Helper()
	_, text := get(t, v.url+"shares/0", nil)
	share, err := recordings.ParseShare([]byte(text))
	must(t, err)
	_, source := get(t, v.url, nil)
	data := regexp.MustCompile(`id="view-data">([^<]*)<`).FindStringSubmatch(source)
	if data == nil {
		t.Fatal(source)
	}
	var given viewData
	must(t, json.Unmarshal([]byte(data[1]), &given))
	own := o.path("given")
	must(t, os.WriteFile(own, []byte(given.Identity), 0o600))
	for path, want := range map[string]error{own: nil, o.path("friend"): recordings.ErrNotForYou} {
		id, err := recordings.ReadIdentity(path)
		must(t, err)
		if _, err := recordings.OpenShared(o.file, share, time.Now(), recordings.ByIdentity(id)); !errors.Is(err, want) {
			t.Errorf("by %s: %v, want %v", filepath.Base(path), err, want)
		}
	}
	return share
}

// TestViewByShareThatBeginsLate: the picture of the shared minute builds on what came
// before, which the page says, and what is not shared is told from what was not there.
func TestViewByShareThatBeginsLate(t *testing.T) {
	needsPlayer(t)
	b := newBench(t)
	o := office{b, t}
	c := b.conf
	c.Now = func() time.Time { return c.Started }
	w, err := recordings.Create(c)
	must(t, err)
	b.file = w.Path()
	film := recordings.NewVideo(w, 0)
	raw, err := os.ReadFile("../../testdata/small.ivf")
	must(t, err)
	n := 0
	for raw = raw[32:]; len(raw) >= 12; n++ {
		size := int(binary.LittleEndian.Uint32(raw))
		at := time.Duration(n) * 100 * time.Millisecond
		if n > 0 {
			at += time.Minute
		}
		must(t, film.WriteFrame(at, raw[12:12+size], n == 0))
		must(t, film.Flush(at+100*time.Millisecond))
		raw = raw[12+size:]
	}
	_, err = w.Close()
	must(t, err)
	said := o.run(exitOK, "share", o.file, "--identity", o.keys, "--link", "--track", "video", "--from", "1m", "--to", "2m", "--out", o.path("late.share"))
	secret := regexp.MustCompile(`secret +(\S+)`).FindStringSubmatch(said)
	if secret == nil {
		t.Fatal(said)
	}
	v := o.watch(t, "--share", o.path("late.share"), "--secret="+secret[1])
	page := chromium(t, v.url)
	becomes(t, page, `document.querySelector("#theatre:not([hidden])")`)
	becomes(t, page, `document.querySelector("#cover:not([hidden])")?.textContent === "This time is not shared"`)
	becomes(t, page, fmt.Sprintf(seekTo, 60200))
	becomes(t, page, `document.querySelector("#cover:not([hidden])")?.textContent.includes("Ask for a share that begins earlier")`)
	look(t, page, "view-share-late")
	v.stop()
	<-v.ended
}
