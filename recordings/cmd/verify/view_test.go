package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"consento/recordings"
)

// patience bounds each step in a browser.
const patience = 60 * time.Second

// needsPlayer fails where the bundle is missing: make front makes it.
func needsPlayer(t *testing.T) {
	t.Helper()
	if !playerBuilt() {
		t.Fatal("the console is not bundled: make front")
	}
}

// filmed records six seconds of picture with a few events.
func filmed(t *testing.T) *bench {
	t.Helper()
	b := newBench(t)
	b.film(t, 0, nil)
	return b
}

// film records such a segment, 20 seconds behind the one before.
func (b *bench) film(t *testing.T, number int, after *recordings.Head) recordings.Head {
	t.Helper()
	c := b.conf
	begins := time.Duration(number) * 20 * time.Second
	c.Segment, c.Continues, c.Now = number, after, func() time.Time { return c.Started.Add(begins) }
	w, err := recordings.Create(c)
	must(t, err)
	b.file = filepath.Join(b.dir, recordings.SegmentName(b.conf.Session, 0))
	film := recordings.NewVideo(w, 0)
	raw, err := os.ReadFile("../../testdata/small.ivf")
	must(t, err)
	var frames [][]byte
	for raw = raw[32:]; len(raw) >= 12; {
		n := int(binary.LittleEndian.Uint32(raw))
		frames, raw = append(frames, raw[12:12+n]), raw[12+n:]
	}
	must(t, w.Append(recordings.TrackEvents, 0, begins, 0, fmt.Appendf(nil, `{"code":"screen.shown","at_ms":%d,"data":{"source":"monitor","width":160,"height":96}}`, begins.Milliseconds())))
	for second := range 6 {
		for n := range 10 {
			must(t, film.WriteFrame(begins+time.Duration(second*1000+n*100)*time.Millisecond, frames[n%len(frames)], n%len(frames) == 0))
		}
		at := begins + time.Duration(second+1)*time.Second
		must(t, film.Flush(at))
		must(t, w.Append(recordings.TrackChat, 0, at, 0, fmt.Appendf(nil, `{"from":"Anna Rossi","text":"second <b>%d</b>"}`, int(at/time.Second))))
		_, err := w.Seal()
		must(t, err)
	}
	head, err := w.Close()
	must(t, err)
	return head
}

// viewing is a run of the command view.
type viewing struct {
	url   string
	stop  func()
	ended chan int
	out   *bytes.Buffer // to be read when all is said
	said  chan struct{} // closed then
}

// watch shows a recording, by its auditor's key unless other arguments say by
// what, and waits for the address of its page.
func (b *bench) watch(t *testing.T, by ...string) *viewing {
	t.Helper()
	needsPlayer(t)
	in, out := io.Pipe()
	v := &viewing{ended: make(chan int, 1), out: &bytes.Buffer{}, said: make(chan struct{})}
	found := make(chan string, 1)
	go func() {
		defer close(v.said)
		address := regexp.MustCompile(`http://127\.0\.0\.1:\d+/[A-Z2-7]{26}/\n`)
		chunk := make([]byte, 4096)
		for {
			n, err := in.Read(chunk)
			v.out.Write(chunk[:n])
			if url := address.FindString(v.out.String()); url != "" && len(found) == 0 {
				found <- strings.TrimSpace(url)
			}
			if err != nil {
				return
			}
		}
	}()
	// As somebody presses Ctrl-C: whoever wrote the address listens for it already.
	v.stop = func() {
		self, err := os.FindProcess(os.Getpid())
		must(t, err)
		must(t, self.Signal(os.Interrupt))
	}
	if len(by) == 0 {
		by = []string{"--identity", b.keys}
	}
	go func() {
		code := run(append([]string{"view", b.file}, by...), out, os.Stderr)
		out.Close()
		v.ended <- code
	}()
	select {
	case v.url = <-found:
	case code := <-v.ended:
		t.Fatalf("it ended with %d", code)
	}
	return v
}

// get asks for an address with other headers than a browser's own.
func get(t *testing.T, url string, change func(*http.Request)) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	must(t, err)
	if change != nil {
		change(r)
	}
	answer, err := http.DefaultClient.Do(r)
	must(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	must(t, err)
	return answer.StatusCode, string(body)
}

// TestViewIsForWhoHasTheAddress: without the secret, under another name or from
// another site's page there is nothing.
func TestViewIsForWhoHasTheAddress(t *testing.T) {
	b := filmed(t)
	v := b.watch(t)
	if code, page := get(t, v.url, nil); code != http.StatusOK || !strings.Contains(page, b.conf.Session.String()) {
		t.Fatal(code, page)
	}
	base := v.url[:strings.LastIndex(strings.TrimSuffix(v.url, "/"), "/")]
	secret := v.url[len(base):]
	for name, refused := range map[string]struct {
		url    string
		change func(*http.Request)
	}{
		"no secret":         {base + "/", nil},
		"a file, no secret": {base + "/segments/0", nil},
		"another secret":    {base + strings.Replace(secret, secret[1:2], map[bool]string{true: "B", false: "A"}[secret[1] == 'A'], 1), nil},
		"half of it":        {base + secret[:14] + "/", nil},
		"another name":      {v.url, func(r *http.Request) { r.Host = "rebound.example:" + strings.Split(r.URL.Host, ":")[1] }},
		"localhost":         {v.url, func(r *http.Request) { r.Host = strings.Replace(r.URL.Host, "127.0.0.1", "localhost", 1) }},
		"another site":      {v.url, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }},
		"another port":      {v.url + "bags/0", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") }},
	} {
		if code, page := get(t, refused.url, refused.change); code != http.StatusForbidden || strings.Contains(page, b.conf.Session.String()) {
			t.Errorf("%s: %d %q", name, code, page)
		}
	}
	for _, wrong := range []string{"segments/1", "segments/00", "nothing.js", "records/0?tracks=2", "records/0?tracks=x", "records/0"} {
		if code, _ := get(t, v.url+wrong, nil); code != http.StatusNotFound && code != http.StatusBadRequest {
			t.Errorf("%s: %d", wrong, code)
		}
	}
	own, err := recordings.ReadIdentity(b.keys)
	must(t, err)
	secretText, err := own.Secret()
	must(t, err)
	if _, page := get(t, v.url, nil); strings.Contains(page, secretText) {
		t.Error("the auditor's own key is on the page")
	}
	v.stop()
	if code := <-v.ended; code != exitUnverifiable {
		t.Errorf("it ended with %d", code)
	}
	<-v.said
	if !strings.Contains(v.out.String(), "UNVERIFIABLE") || !strings.Contains(v.out.String(), "ended ") {
		t.Error(v.out.String())
	}
	if c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(base, "http://")); err == nil {
		c.Close()
		t.Error("the port is still open")
	}
}

// chromium is one page in a real browser.
func chromium(t *testing.T, url string) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.UserDataDir(t.TempDir()), chromedp.Flag("no-sandbox", true), chromedp.Flag("disable-gpu", true),
		chromedp.Flag("lang", "en"), chromedp.Flag("accept-lang", "en"), chromedp.WSURLReadTimeout(2*patience))
	if _, err := os.Stat("/usr/bin/chromium"); err == nil {
		options = append(options, chromedp.ExecPath("/usr/bin/chromium"))
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	must(t, chromedp.Listen(ctx, func(e any) {
		switch e := e.(type) {
		case *runtime.EventExceptionThrown:
			t.Errorf("exception in the page: %+v", e.ExceptionDetails)
		case *log.EventEntryAdded:
			if e.Entry.Source == log.EntrySourceSecurity || strings.Contains(e.Entry.Text, "Content Security Policy") {
				t.Errorf("the page breaks the policy: %s", e.Entry.Text)
			}
		}
	}))
	must(t, chromedp.Do(ctx, chromedp.Navigate(url)))
	return ctx
}

// becomes waits until an expression is true on the page.
func becomes(t *testing.T, ctx context.Context, expression string) {
	t.Helper()
	script := fmt.Sprintf(`new Promise((resolve) => { const limit = performance.now() + %d;
		const check = () => { let ok = false; try { ok = !!(%s); } catch {} if (ok || performance.now() > limit) resolve(ok); else requestAnimationFrame(check); }; check(); })`,
		patience.Milliseconds(), expression)
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	if ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](script, chromedp.EvalAwaitPromise)); err != nil || !ok {
		text, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body.innerText`))
		t.Fatalf("%s does not become true: %v\n%s", expression, err, text)
	}
}

// look checks the page with axe and for sideways scrolling, light and dark, wide
// and narrow.
func look(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	axe, err := os.ReadFile("../../../console/node_modules/axe-core/axe.min.js")
	must(t, err)
	_, err = chromedp.Run(ctx, chromedp.Evaluate[bool](string(axe)+";true"))
	must(t, err)
	for _, v := range []struct {
		scheme string
		width  int64
	}{{"light", 1440}, {"dark", 1440}, {"light", 320}, {"dark", 320}} {
		command(t, ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: v.scheme}}})
		must(t, chromedp.Do(ctx, chromedp.EmulateViewport(v.width, 900)))
		becomes(t, ctx, fmt.Sprintf(`innerWidth === %d && matchMedia("(prefers-color-scheme: %s)").matches`, v.width, v.scheme))
		what := fmt.Sprintf("%s-%s-%d", name, v.scheme, v.width)
		found, err := chromedp.Run(ctx, chromedp.Evaluate[string](`axe.run().then((r) => r.violations.map((v) => v.id + " " + v.nodes.map((n) => n.html + " " + n.failureSummary).join(" ")).join("\n"))`, chromedp.EvalAwaitPromise))
		must(t, err)
		if found != "" {
			t.Errorf("%s: axe: %s", what, found)
		}
		over, err := chromedp.Run(ctx, chromedp.Evaluate[int](`document.documentElement.scrollWidth - innerWidth`))
		must(t, err)
		if over > 0 {
			t.Errorf("%s: %d pixels wider than the window", what, over)
		}
		shot(t, ctx, what+".png")
	}
}

func command[P, R any](t *testing.T, ctx context.Context, c cdp.Command[P, R], params P) {
	t.Helper()
	must(t, chromedp.Do(ctx, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, c, params)
		return err
	})))
}

// shot saves the page where VERIFY_SHOTS names a folder.
func shot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("VERIFY_SHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(90))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, name), png, 0o644))
}

const seekTo = `(() => { const s = document.querySelector("#seek"); s.value = %d; s.dispatchEvent(new Event("input")); s.dispatchEvent(new Event("change")); return true; })()`

// TestViewInChromium: the recording plays, seeks, and what happened stands beside it.
func TestViewInChromium(t *testing.T) {
	v := filmed(t).watch(t)
	page := chromium(t, v.url)
	becomes(t, page, `document.querySelector("#theatre:not([hidden])")?.dataset.seek && document.querySelector("#video").videoWidth === 160`)
	becomes(t, page, `document.querySelector("[data-testid=evidence-verdict]").dataset.state === "unverifiable"`)
	becomes(t, page, `document.querySelectorAll("#events li").length === 7 && document.querySelector("#events").textContent.includes("second <b>3</b>")`)
	becomes(t, page, fmt.Sprintf(seekTo, 3500))
	becomes(t, page, `Math.abs(document.querySelector("#theatre").dataset.at - 3500) < 2 && Math.abs(document.querySelector("#video").currentTime - 3.5) < 0.2`)
	becomes(t, page, `(document.querySelector("#play").click(), true)`)
	becomes(t, page, `document.querySelector("#theatre").dataset.at > 4500 && document.querySelector("#video").currentTime > 4.4`)
	look(t, page, "view")
	v.stop()
	<-v.ended
}

// TestViewOfATamperedRecording: one bit of the fourth second was changed; the page
// says so, plays what is before it, and has nothing of what is behind.
func TestViewOfATamperedRecording(t *testing.T) {
	b := filmed(t)
	raw, err := os.ReadFile(b.file)
	must(t, err)
	var at int64
	_, err = recordings.ScanFile(b.file, recordings.ScanOptions{Each: func(r recordings.Record) error {
		if r.Track == recordings.TrackVideo && r.At() == 3*time.Second {
			at = r.Offset + 32 + int64(r.Length)/2
		}
		return nil
	}})
	must(t, err)
	if at == 0 {
		t.Fatal("there is no picture at three seconds")
	}
	raw[at] ^= 4
	must(t, os.WriteFile(b.file, raw, 0o600))
	v := b.watch(t)
	page := chromium(t, v.url)
	becomes(t, page, `document.querySelector("#theatre:not([hidden])")?.dataset.seek && document.querySelector("#video").videoWidth === 160`)
	becomes(t, page, `document.querySelector(".strip.tampered h2").textContent.startsWith("Tampered") && document.querySelector(".strip").textContent.includes("not as it was sealed")`)
	becomes(t, page, `document.querySelector("#seek").max <= 3000 && !document.querySelector("#events").textContent.includes("<b>4</b>")`)
	look(t, page, "view-tampered")
	v.stop()
	if code := <-v.ended; code != exitTampered {
		t.Errorf("it ended with %d", code)
	}
}
