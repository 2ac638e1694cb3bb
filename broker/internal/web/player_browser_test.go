package web_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"consento/protocol"
	"consento/recordings"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

const passphrase = "four brown owls under Trento"

// keysInBrowser signs an auditor in, brings an identity and locks it with the passphrase.
func (b *chromium) keysInBrowser(email string, identity recordings.Identity) {
	b.t.Helper()
	b.open("/signin?next=/audit/keys", "#email")
	b.signInWith(email, goodPassword)
	b.until(`location.pathname === "/audit/keys" && document.querySelector("#make:not([hidden])")`)
	secret, err := identity.Secret()
	if err != nil {
		b.t.Fatal(err)
	}
	file := filepath.Join(b.t.TempDir(), "identity")
	if err := os.WriteFile(file, []byte("# an auditor's key\n"+secret+"\n"), 0o600); err != nil {
		b.t.Fatal(err)
	}
	b.do(chromedp.SetUploadFiles("#key-file", []string{file}), chromedp.SetValue("#key-name", "Laptop"),
		chromedp.SetValue("#passphrase", passphrase), chromedp.SetValue("#passphrase-again", passphrase))
	b.click("#make button")
	b.until(fmt.Sprintf(`document.querySelector('[data-key=%q]')`, identity.Recipient().ID()))
}

// watch states a reason and comes to the player.
func (b *chromium) watch(id string) {
	b.t.Helper()
	b.open("/audit/sessions/"+id, "#reason")
	b.do(chromedp.SetValue("#reason", "complaint 17"))
	b.click("button[value=page]")
	b.until(`location.pathname.endsWith("/play") && document.querySelector("#unlock:not([hidden])")`)
}

func (b *chromium) unlock(words string) {
	b.t.Helper()
	b.do(chromedp.SetValue("#unlock #passphrase", words))
	b.click("#unlock button")
}

// playing is an auditor before the player with a recording that is open.
func playing(t testing.TB, h *house, identity recordings.Identity, id string) *chromium {
	t.Helper()
	_, account := auditing(t, h, "dino@esempio.example")
	b := newChromium(t, h, "en")
	b.keysInBrowser(account.Email, identity)
	b.watch(id)
	b.unlock(passphrase)
	b.unlocked()
	return b
}

func (b *chromium) unlocked() {
	b.t.Helper()
	b.until(`document.querySelector("#theatre:not([hidden])")?.dataset.seek`)
}

// painted is how many pictures of the video came onto the page since it was asked first.
const painted = `(v => {
	if (v.painted === undefined) {
		v.painted = 0;
		const next = () => { v.painted++; v.requestVideoFrameCallback(next); };
		v.requestVideoFrameCallback(next);
	}
	return v.painted;
})(document.querySelector("#video"))`

// seek goes to a time of the session and waits until its picture is painted, if it
// has one; it returns the milliseconds that this took the player.
func (b *chromium) seek(at time.Duration) float64 {
	b.t.Helper()
	before := evaluate[string](b, `document.querySelector("#theatre").dataset.seeks ?? ""`)
	pictures := evaluate[int](b, painted)
	evaluate[bool](b, fmt.Sprintf(`(() => { const s = document.querySelector("#seek"); delete document.querySelector("#theatre").dataset.seek;
		s.value = %d; s.dispatchEvent(new Event("input")); s.dispatchEvent(new Event("change")); return true; })()`, at.Milliseconds()))
	b.until(fmt.Sprintf(`(t => t.seeks !== %q && t.seek)(document.querySelector("#theatre").dataset)`, before))
	b.until(fmt.Sprintf(`document.querySelector("#video").style.visibility === "hidden" || %s > %d`, painted, pictures))
	return evaluate[float64](b, `Number(document.querySelector("#theatre").dataset.seek)`)
}

// corner waits until the upper left corner of the picture is as bright as that.
func (b *chromium) corner(want int) {
	b.t.Helper()
	comes(b, `(() => { const c = document.createElement("canvas"); c.width = c.height = 32;
		const x = c.getContext("2d"); x.drawImage(document.querySelector("#video"), 16, 16, 32, 32, 0, 0, 32, 32);
		return x.getImageData(16, 16, 1, 1).data[1]; })()`, func(got int) bool { return got >= want-3 && got <= want+3 })
}

// lum is the brightness of the corner in picture n of the clip, as limited-range
// luma is shown.
func lum(n int) int { return (20 + 4*(n%clipLength) - 16) * 255 / 219 }

const (
	clipLength = 50 // pictures, 5 a second
	clipFilter = "geq=lum='if(lt(X,96)*lt(Y,96),20+4*N,lum(X,Y))':cb='if(lt(X,96)*lt(Y,96),128,cb(X,Y))':cr='if(lt(X,96)*lt(Y,96),128,cr(X,Y))'"
)

// clips is the clip, encoded once for all tests.
var clips struct {
	sync.Mutex
	frames [][]byte
}

// clip is ten seconds of moving picture whose corner tells the picture's number.
func clip(t testing.TB) [][]byte {
	t.Helper()
	clips.Lock()
	defer clips.Unlock()
	if clips.frames != nil {
		return clips.frames
	}
	bin, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Fatal("ffmpeg is not installed: make setup installs it")
	}
	file := filepath.Join(t.TempDir(), "clip.ivf")
	out, err := exec.CommandContext(t.Context(), bin, "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=5", "-t", "10", "-vf", clipFilter,
		"-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime", "-b:v", "130k", "-g", "50", "-f", "ivf", file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	frames := ivf(t, file)
	if len(frames) != clipLength {
		t.Fatalf("the clip has %d pictures", len(frames))
	}
	clips.frames = frames
	return frames
}

// The hour: shared from 10 s on, paused from 20:00 to 21:00, the broker away from
// 40:00 to 42:00.
func isShown(at time.Duration) bool {
	return at >= 10*time.Second && (at < 20*time.Minute || at >= 21*time.Minute) && (at < 40*time.Minute || at >= 42*time.Minute)
}

// hour records one, about as large as an office's.
func hour(t testing.TB, s *shelf, to recordings.Recipient) (id string, pictures int) {
	t.Helper()
	frames := clip(t)
	r := s.record(t, to)
	r.event(0, protocol.EventIssued, `{"technician":{"name":"Anna Rossi","team":"Service desk","office":"Comune di Esempio"},"reason":"printer"}`)
	r.event(5*time.Second, protocol.EventConsentAsked, `{"permission":"view_screen"}`)
	r.event(9*time.Second, protocol.EventConsentGiven, `{"permission":"view_screen"}`)
	r.event(10*time.Second, protocol.EventScreenShown, `{"source":"monitor","width":1280,"height":720}`)
	r.event(11*time.Second, protocol.EventViewerJoined, `{"name":"Anna Rossi","team":"Service desk"}`)
	for second := range 3600 {
		at := time.Duration(second) * time.Second
		switch at {
		case 20 * time.Minute:
			r.event(at, protocol.EventScreenPaused, `{}`)
		case 21 * time.Minute:
			r.event(at, protocol.EventScreenShown, `{"source":"monitor","width":1280,"height":720}`)
		case 25 * time.Minute:
			for _, act := range []string{`{"kind":"button","x":7,"y":9,"button":1,"down":true}`, `{"kind":"button","x":7,"y":9,"button":1}`, `{"kind":"text","text":"Pr\u00fcf <i>"}`,
				`{"kind":"key","code":"Enter","down":true}`, `{"kind":"key","code":"Enter"}`} {
				r.event(at, protocol.EventControlInput, `{"epoch":2,"width":1280,"height":720,"acts":[`+act+`]}`)
			}
		case 30 * time.Minute:
			r.check(r.writer.Append(recordings.TrackChat, 0, at, 0, []byte(`{"from":"Anna Rossi","text":"Please open the <b>printer's</b> settings"}`)))
		case 42 * time.Minute:
			r.next(40 * time.Minute)
			r.event(at, protocol.EventResumed, `{}`)
		}
		if !isShown(at) {
			continue
		}
		for n := range 5 {
			number := second*5 + n
			// A segment begins with a key frame, and so does what comes behind a pause.
			r.check(r.video.WriteFrame(at+time.Duration(n)*200*time.Millisecond, frames[number%clipLength], number%clipLength == 0))
			pictures++
		}
		r.event(at, protocol.EventCursorMoved, fmt.Sprintf(`{"points":[[%d,%d,%d]]}`, at.Milliseconds(), second%1280, second%720))
		r.check(r.video.Flush(at + time.Second))
		if second%10 == 9 {
			r.second(at + time.Second)
		}
	}
	r.event(time.Hour, protocol.EventEnded, `{"reason":"customer","by":"customer"}`)
	return r.close(time.Hour), pictures
}

// TestHourInChromium: the whole way of an auditor over an hour of a session.
func TestHourInChromium(t *testing.T) {
	h := builtHouse(t, withShelf(newShelf(t)))
	identity := newIdentity(t)
	id, pictures := hour(t, h.shelf, identity.Recipient())
	_, account := auditing(t, h, "dino@esempio.example")
	b := newChromium(t, h, "en")
	downloads := t.TempDir()
	command(b, cdpbrowser.SetDownloadBehavior, cdpbrowser.SetDownloadBehaviorParams{
		Behavior: cdpbrowser.SetDownloadBehaviorBehaviorAllow, DownloadPath: downloads})
	b.keysInBrowser(account.Email, identity)
	b.watch(id)
	begun := time.Now()
	b.unlock(passphrase)
	b.unlocked()
	t.Logf("open after %v, %s", time.Since(begun), evaluate[string](b, `document.querySelector("#clock").textContent`))
	if sent := evaluate[float64](b, `performance.getEntriesByType("resource").reduce((n, r) => n + (r.name.includes("/audit/sessions/") ? r.encodedBodySize : 0), 0)`); sent > 8<<20 {
		t.Errorf("%.0f bytes were loaded to open it", sent)
	}

	// Any time shows its own picture.
	var took []float64
	for _, at := range []time.Duration{10 * time.Second, 59*time.Minute + 59*time.Second + 900*time.Millisecond, 12*time.Minute + 34*time.Second + 500*time.Millisecond, 42*time.Minute + 100*time.Millisecond,
		33 * time.Minute, 33*time.Minute - 10*time.Second, 19*time.Minute + 59*time.Second + 999*time.Millisecond, 50*time.Minute + 9*time.Second, 3 * time.Minute} {
		took = append(took, b.seek(at))
		b.corner(lum(int(at / (200 * time.Millisecond))))
	}
	slices.Sort(took)
	t.Logf("seeks took %.0f ms", took)

	b.seek(20*time.Minute + 30*time.Second)
	b.until(`document.querySelector("#cover:not([hidden])")?.textContent.includes("The customer paused the picture")`)
	b.seek(41 * time.Minute)
	b.until(`document.querySelector("#cover:not([hidden])")?.textContent.includes("not recorded")`)
	b.until(`[...document.querySelectorAll('[data-lane=gaps] .span')].some(s => Math.abs(s.dataset.from - 2400000) < 1500 && Math.abs(s.dataset.to - 2520000) < 1500 && s.offsetWidth > 5)`)

	// The list searches, and leads to its time.
	b.write("#search", "printer's SETTINGS")
	b.until(`document.querySelectorAll("#events li").length === 1`)
	if got := evaluate[string](b, `document.querySelector("#events span").textContent`); !strings.Contains(got, "<b>printer's</b>") {
		t.Errorf("the chat says %q", got)
	}
	b.click("#events button")
	b.until(`Math.abs(document.querySelector("#theatre").dataset.at - 1800000) < 20`)
	evaluate[bool](b, `(s => { s.value = ""; return s.dispatchEvent(new Event("input")); })(document.querySelector("#search"))`)
	if n := evaluate[int](b, `document.querySelectorAll("#events li").length`); n != 12 {
		t.Errorf("%d entries", n)
	}
	// What was done with mouse and keyboard is one line, and a mark.
	b.until(`[...document.querySelectorAll("#events li span")].filter((s) => s.textContent.includes("[●1 7, 9]Prüf <i>[Enter]")).length === 1`)
	b.until(`document.querySelectorAll("[data-lane=control] button").length === 1`)

	// By keys alone: picture by picture, ten seconds, faster, to play and to pause.
	b.seek(30*time.Minute + 100*time.Millisecond)
	b.do(chromedp.Focus("#stage"))
	for _, k := range []struct {
		key  string
		want float64
	}{{".", 1800200}, {".", 1800400}, {",", 1800200}, {"l", 1810200}, {"j", 1800200}} {
		b.key(k.key)
		b.until(fmt.Sprintf(`Math.abs(document.querySelector("#theatre").dataset.at - %f) < 2`, k.want))
	}
	for range 4 {
		b.key(">")
	}
	is(b, `document.querySelector("#speed").value`, "16")
	b.key(" ")
	b.until(`document.querySelector("#theatre").dataset.at > 1840000`)
	b.key(" ")
	b.until(`document.querySelector("#video").paused`)
	// Over a hole the clock goes on without a picture, and the picture comes back.
	b.seek(39*time.Minute + 55*time.Second)
	b.key(" ")
	b.until(`document.querySelector("#theatre").dataset.at > 2530000 && document.querySelector("#video").currentTime > 2530`)
	b.key(" ")

	b.report(t, h.shelf, id, identity, downloads)
	b.film(t, id, pictures, downloads)
	var ways []string
	for _, v := range h.shelf.stated() {
		ways = append(ways, v.how+" "+v.reason)
	}
	if got := strings.Join(ways, ", "); got != "page complaint 17, export for the court, export for the court, export for the court" {
		t.Errorf("on the log: %s", got)
	}
}

// key presses one key.
func (b *chromium) key(key string) {
	b.t.Helper()
	command(b, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: key, Text: map[bool]string{true: key}[len(key) == 1]})
	command(b, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyUp, Key: key})
}

// export presses one of the buttons and waits for the file.
func (b *chromium) export(what, file string) []byte {
	b.t.Helper()
	b.do(chromedp.SetValue("#why", "for the court"))
	evaluate[bool](b, `document.querySelector("#exported").textContent = ""; true`)
	b.click(fmt.Sprintf(`#export button[value=%s]`, what))
	// The film of an hour has its time, as long as its share grows.
	for said := ""; !strings.HasPrefix(said, "Saved"); {
		said = comes(b, `document.querySelector("#exported").textContent`, func(now string) bool { return now != said })
	}
	var data []byte
	until(b.t, file+" is saved", func() bool {
		var err error
		data, err = os.ReadFile(file)
		return err == nil && len(data) > 0
	})
	return data
}

// report compares what the browser decrypted with what package recordings does.
func (b *chromium) report(t *testing.T, s *shelf, id string, identity recordings.Identity, downloads string) {
	t.Helper()
	var got struct {
		Format  string
		Entries []struct {
			AtMS    int64 `json:"at_ms"`
			Segment int
			Record  uint64
			Code    string
			Data    json.RawMessage
		}
	}
	file := b.export("json", filepath.Join(downloads, id+".json"))
	if err := json.Unmarshal(file, &got); err != nil {
		t.Fatal(err)
	}
	if err := checkReport(file); err != nil {
		t.Error(err)
	}
	i := 0
	for _, path := range s.segments(id) {
		session, err := recordings.OpenSession(path, identity)
		if err != nil {
			t.Fatal(err)
		}
		_, err = session.Read(recordings.ScanOptions{}, func(item recordings.Item) error {
			if item.Track == recordings.TrackMeta && strings.Contains(string(item.Body), `"cursor.`) {
				return nil // the picture has it
			}
			if i >= len(got.Entries) {
				return fmt.Errorf("the report has %d entries, and record %d is in none", len(got.Entries), item.Index)
			}
			e := got.Entries[i]
			i++
			if e.AtMS != item.At.Milliseconds() || e.Record != item.Index || e.Segment != session.Open().Segment {
				return fmt.Errorf("entry %+v is record %d of segment %d at %v", e, item.Index, session.Open().Segment, item.At)
			}
			var said, was struct{ Data any }
			if err := json.Unmarshal(item.Body, &was); err != nil {
				return err
			}
			if item.Track == recordings.TrackChat {
				return json.Unmarshal(item.Body, &said.Data)
			}
			if err := json.Unmarshal(e.Data, &said.Data); err != nil {
				return err
			}
			if fmt.Sprint(said.Data) != fmt.Sprint(was.Data) {
				return fmt.Errorf("entry %d says %v, the record %v", i, said.Data, was.Data)
			}
			return nil
		}, recordings.TrackEvents, recordings.TrackChat, recordings.TrackMeta, recordings.TrackInput)
		if err != nil {
			t.Error(err)
		}
	}
	if i != len(got.Entries) {
		t.Errorf("%d entries of %d are in the recording", i, len(got.Entries))
	}
	document := b.export("xml", filepath.Join(downloads, id+".xml"))
	if err := checkXML(document); err != nil {
		t.Error(err)
	}
	if n := strings.Count(string(document), "<entry>"); n != len(got.Entries) {
		t.Errorf("%d entries in XML", n)
	}
}

// film: the exported video has every picture, and nobody complains.
func (b *chromium) film(t *testing.T, id string, pictures int, downloads string) {
	t.Helper()
	file := filepath.Join(downloads, id+".mp4")
	b.export("video", file)
	bin, err := exec.LookPath("ffprobe")
	if err != nil {
		t.Log("ffprobe is not installed: the video was not looked at")
		return
	}
	until(t, "no download goes on", func() bool {
		left, err := filepath.Glob(filepath.Join(downloads, "*.crdownload"))
		return err == nil && len(left) == 0
	})
	out, err := exec.CommandContext(t.Context(), bin, "-v", "error", "-count_packets", "-show_entries", "stream=codec_name,nb_read_packets", "-of", "csv=p=0", file).CombinedOutput()
	if got := strings.TrimSpace(string(out)); err != nil || got != fmt.Sprintf("av1,%d", pictures) {
		t.Errorf("ffprobe: %s, %v; want %d pictures", got, err, pictures)
	}
}

// BenchmarkSeek measures how long the player takes until it shows another time of an
// hour's recording, and until it shows the first picture.
func BenchmarkSeek(b *testing.B) {
	h := builtHouse(b, withShelf(newShelf(b)))
	identity := newIdentity(b)
	id, _ := hour(b, h.shelf, identity.Recipient())
	_, account := auditing(b, h, "dino@esempio.example")
	c := newChromium(b, h, "en")
	c.keysInBrowser(account.Email, identity)
	c.watch(id)
	begun := time.Now()
	c.unlock(passphrase)
	c.unlocked()
	opened := time.Since(begun)
	var took []float64
	for at := 37 * time.Second; b.Loop(); at = (at + 17*time.Minute + 13*time.Second) % time.Hour {
		if isShown(at) {
			took = append(took, c.seek(at))
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(opened.Milliseconds()), "ms/open")
	b.ReportMetric(took[len(took)/2], "ms/seek-p50")
	b.ReportMetric(took[len(took)*99/100], "ms/seek-p99")
}
