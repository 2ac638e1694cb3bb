package main

import (
	"context"
	"fmt"
	"html"
	"image"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jezek/xgb/xproto"

	"consento/build/stage"
)

// An hour of office work, of which some minutes are played: a real browser, in
// it a web application of dense pages. Every 47 s, as long as people stay with
// one thing on a screen (G. Mark, Attention Span, 2023), somebody opens another
// page, turns the wheel through it, goes back, and writes a note into its form.
const (
	hourScene  = "office hour"
	hourTarget = 60 // MB of recording in an hour
	hourRounds = 8
	hourRound  = 47 * time.Second
	hourNotch  = 300 * time.Millisecond // between two notches of the wheel
	hourKey    = 130 * time.Millisecond // between two keys
	hourNote   = 60                     // characters
	hourSeeks  = 60                     // places of the recording
	seekTarget = 300                    // ms
	wheelDown  = 5                      // button of X
)

// officeHour is what was measured in it.
type officeHour struct {
	played  time.Duration
	grown   int64 // bytes of the recording
	use     usage
	seeks   []float64 // ms, the shortest first
	present bool
}

// playHour plays a session of its own and measures how its recording grows.
func (b *bench) playHour(ctx context.Context) error {
	say(hourScene)
	// The console was loaded anew since.
	if _, err := stage.Eval[bool](b.console, hookConnections); err != nil {
		return err
	}
	before, err := b.broker.Recordings()
	if err != nil {
		return err
	}
	s, err := b.prepare(ctx)
	if err != nil {
		return err
	}
	browser, err := b.customer.Browser(ctx, b.broker, "en-US")
	if err != nil {
		return s.failed(err)
	}
	defer browser.Close()
	pages, err := writeApplication(b.dir)
	if err != nil {
		return err
	}
	if _, err := s.allow(ctx); err != nil {
		return err
	}
	if err := s.live(); err != nil {
		return err
	}
	files, err := b.broker.Recordings()
	if err != nil {
		return err
	}
	files = slices.DeleteFunc(files, func(f string) bool { return slices.Contains(before, f) })
	if len(files) != 1 {
		return fmt.Errorf("the session has %d recordings", len(files))
	}
	size := func() (int64, error) {
		info, err := os.Stat(files[0])
		if err != nil {
			return 0, err
		}
		return info.Size(), nil
	}
	small, err := size()
	if err != nil {
		return err
	}
	from, err := b.read(s.agent)
	if err != nil {
		return err
	}
	began := time.Now()
	for round := range hourRounds {
		if err := b.onePage(ctx, browser, pages[round%len(pages)], round); err != nil {
			return s.failed(err)
		}
	}
	b.hour.played, b.hour.present = time.Since(began), true
	to, err := b.read(s.agent)
	if err != nil {
		return err
	}
	b.hour.use = to.since(from)
	large, err := size()
	if err != nil {
		return err
	}
	b.hour.grown = large - small
	if _, err := s.redX(ctx); err != nil {
		return err
	}
	if err := s.over(ctx); err != nil {
		return err
	}
	video, err := b.recorded(ctx)
	if err != nil {
		return err
	}
	b.hour.seeks, err = b.seek(video)
	return err
}

// seek goes to many places of a video in the technician's browser and takes the
// time until each one's picture is painted, in ms.
func (b *bench) seek(video string) ([]float64, error) {
	tab, err := b.console.NewTab()
	if err != nil {
		return nil, err
	}
	defer tab.Close()
	page := video + ".html"
	if err := os.WriteFile(page, fmt.Appendf(nil, "<!doctype html><title>seek</title><video muted src=%q></video>", filepath.Base(video)), 0o600); err != nil {
		return nil, err
	}
	if err := tab.Open("file://" + page); err != nil {
		return nil, err
	}
	return stage.Eval[[]float64](tab, fmt.Sprintf(`(async () => {
		const video = document.querySelector("video"), took = [];
		if (video.readyState < 2) await new Promise((done, failed) => { video.onloadeddata = done; video.onerror = failed; });
		for (let i = 0; i < %d; i++) {
			const from = performance.now();
			const painted = new Promise((done) => video.requestVideoFrameCallback(done));
			video.currentTime = video.duration * ((i * 37 + 17) %% %[1]d) / %[1]d;
			await painted;
			took.push(performance.now() - from);
		}
		return took.sort((a, b) => a - b);
	})()`, hourSeeks))
}

// onePage is one round.
func (b *bench) onePage(ctx context.Context, browser *stage.Browser, page string, round int) error {
	began := time.Now()
	if err := browser.Open("file://" + page); err != nil {
		return err
	}
	if err := wait(ctx, 3*time.Second); err != nil {
		return err
	}
	if err := b.theirs.point(image.Pt(1000, 700)); err != nil {
		return err
	}
	for range 5 {
		if err := b.theirs.press(xproto.ButtonPress, wheelDown); err != nil {
			return err
		}
		if err := wait(ctx, hourNotch); err != nil {
			return err
		}
	}
	if err := wait(ctx, 2*time.Second); err != nil {
		return err
	}
	if err := browser.Click("textarea"); err != nil { // the page goes there
		return err
	}
	for _, r := range sentence(rand.New(rand.NewPCG(uint64(round), 11)), hourNote) {
		if r >= 'A' && r <= 'Z' || !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9') {
			r = ' ' // no shift
		}
		if err := b.theirs.key(xproto.Keysym(r)); err != nil {
			return err
		}
		if err := wait(ctx, hourKey); err != nil {
			return err
		}
	}
	return wait(ctx, hourRound-time.Since(began))
}

// row adds how the recording grew.
func (h officeHour) row(t *table) {
	if !h.present {
		return
	}
	t.atMost(hourScene+": recording", "MB", float64(h.grown)/1e6*float64(time.Hour)/float64(h.played), hourTarget,
		fmt.Sprintf("of an hour, of which %.0f s were played: each %.0f s a new page in Chromium, five notches of the wheel, a note of %d characters", h.played.Seconds(), hourRound.Seconds(), hourNote))
	t.atMost(hourScene+": seek in the recording, slowest", "ms", h.seeks[len(h.seeks)-1], seekTarget,
		fmt.Sprintf("%d places in the exported video, until the picture is painted; median %.0f ms", len(h.seeks), h.seeks[len(h.seeks)/2]))
	t.atMost(hourScene+": sent", "kbit/s", h.use.kbits, 0, fmt.Sprintf("agent %s %% of a core, broker %s %%", number(h.use.agent), number(h.use.broker)))
}

// writeApplication writes pages as an office's web application has them: a head,
// a menu, a table, a form, text; two screens high.
func writeApplication(dir string) (files []string, err error) {
	for n := range 6 {
		rnd := rand.New(rand.NewPCG(uint64(n), 5))
		var p strings.Builder
		fmt.Fprintf(&p, `<!doctype html><meta charset="utf-8"><title>Register %d</title><style>
body { margin: 0; font: 15px/1.5 sans-serif; color: #1a1a1a; display: grid; grid-template-columns: 260px 1fr }
header { grid-column: 1 / 3; background: #17324d; color: #fff; padding: 14px 24px; font-size: 20px }
nav { background: #eef2f6; padding: 16px } nav a { display: block; padding: 6px; color: #0066cc }
main { padding: 16px 32px } table { border-collapse: collapse; width: 100%% } td, th { border-bottom: 1px solid #ccd; padding: 6px 10px; text-align: left }
tr:nth-child(even) { background: #f5f7fa } textarea { width: 60%%; height: 5em; font: inherit }
</style><header>Register %d: %s</header><nav>`, n, n, html.EscapeString(sentence(rnd, 40)))
		for range 14 {
			fmt.Fprintf(&p, "<a>%s</a>", html.EscapeString(sentence(rnd, 24)))
		}
		fmt.Fprintf(&p, "</nav><main><h1>%s</h1><p>%s<h2>Note</h2><textarea></textarea><table>", html.EscapeString(sentence(rnd, 30)), html.EscapeString(sentence(rnd, 400)))
		for range 30 {
			p.WriteString("<tr>")
			for range 5 {
				fmt.Fprintf(&p, "<td>%s</td>", html.EscapeString(sentence(rnd, 18)))
			}
		}
		fmt.Fprintf(&p, "</table><p>%s<p>%s</main>", html.EscapeString(sentence(rnd, 900)), html.EscapeString(sentence(rnd, 900)))
		file := filepath.Join(dir, fmt.Sprintf("register-%d.html", n))
		if err := os.WriteFile(file, []byte(p.String()), 0o600); err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}
