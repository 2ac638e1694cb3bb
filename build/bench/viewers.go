package main

import (
	"context"
	"fmt"
	"image"
	"slices"
	"time"

	"consento/build/stage"
)

// viewed is what a scene came to with so many people who watch.
type viewed struct {
	count  int
	scene  measured        // the first of them, glass to glass
	others []time.Duration // medians of the others, until their browsers had a picture to show
	blind  int             // others that saw no change at all
}

// viewerCounts are how many watch.
var viewerCounts = []int{1, 2, 5}

const (
	viewerScenes = "viewers"
	viewerLast   = 8 * time.Second
)

// watchCodes makes a page note when it has a picture with each code. They are read
// out of the picture before it is painted: these browsers have no glass of their own.
const watchCodes = `(async (x, y, side) => {
	const video = document.querySelector('[data-testid="remote-screen"]');
	const canvas = new OffscreenCanvas(side, side), on = canvas.getContext("2d", {willReadFrequently: true});
	const cell = side / 4;
	window.benchCodes = [];
	const read = () => {
		on.drawImage(video, x, y, side, side, 0, 0, side, side);
		const pix = on.getImageData(0, 0, side, side).data;
		let code = 0;
		for (let i = 0; i < 16; i++) {
			const at = 4 * ((Math.floor(i / 4) * cell + cell / 2) * side + (i % 4) * cell + cell / 2);
			if (pix[at + 1] > 128) code |= 1 << i;
		}
		const n = code >> 4;
		if ((code & 15) === ((n ^ n >> 4 ^ n >> 8 ^ 5) & 15) && window.benchCodes.at(-1)?.code !== n) window.benchCodes.push({code: n, at: Date.now()});
		video.requestVideoFrameCallback(read);
	};
	video.requestVideoFrameCallback(read);
	return true;
})`

// seenCode is a code that such a page saw, and when, in ms since 1970.
type seenCode struct {
	Code int   `json:"code"`
	At   int64 `json:"at"`
}

// viewers plays typing with more and more people who watch.
func (b *bench) viewers(ctx context.Context, s *session, g *glass, next *int) (err error) {
	var typing scene
	for _, sc := range b.office.scenes(b.props) {
		if sc.name == "typing" {
			typing = sc
		}
	}
	typing.last = viewerLast
	screen, err := stage.NewScreen(ctx, image.Pt(1280, 800), b.dir+"/others")
	if err != nil {
		return err
	}
	defer func() {
		if e := screen.Close(); err == nil {
			err = e
		}
	}()
	var others []*stage.Browser
	defer func() {
		for _, o := range others {
			o.Close()
		}
	}()
	for _, count := range viewerCounts {
		for len(others) < count-1 {
			say(fmt.Sprintf("viewer %d", len(others)+2))
			o, err := screen.Browser(ctx, b.broker, "en-US", "disable-backgrounding-occluded-windows", "disable-renderer-backgrounding")
			if err != nil {
				return err
			}
			others = append(others, o)
			if err := o.SignIn(b.broker); err != nil {
				return err
			}
			if err := o.Click(`.session-list button.row[data-state="Active"]`); err != nil {
				return err
			}
			if err := o.Until("picture", fmt.Sprintf(`document.querySelector(%q).videoWidth === %d`, screenSelector, customerSize.X)); err != nil {
				return err
			}
		}
		for _, o := range others {
			if _, err := stage.Eval[bool](o, fmt.Sprintf("%s(%d, %d, %d)", watchCodes, typing.code.Min.X, typing.code.Min.Y, typing.code.Dx())); err != nil {
				return err
			}
		}
		m, err := b.office.play(ctx, g, s.agent, typing, next)
		if err != nil {
			return err
		}
		v := viewed{count: count, scene: m}
		for _, o := range others {
			seen, err := stage.Eval[[]seenCode](o, `window.benchCodes`)
			if err != nil {
				return err
			}
			if l := m.seenBy(seen); len(l) > 0 {
				v.others = append(v.others, quantile(l, 0.5))
			} else {
				v.blind++
			}
		}
		say(fmt.Sprintf("%d viewers: %s; others %v", count, m.String(), v.others))
		b.viewed = append(b.viewed, v)
	}
	return nil
}

// seenBy gives the times from the painting of each change until a page saw its code.
func (m measured) seenBy(seen []seenCode) (all []time.Duration) {
	for i, at := range m.painted {
		n := (m.first + i) % codeRange
		j := slices.IndexFunc(seen, func(s seenCode) bool { return s.Code == n && s.At >= at.UnixMilli() })
		if j >= 0 {
			all = append(all, time.UnixMilli(seen[j].At).Sub(at))
		}
	}
	return all
}

// rows adds what was measured.
func (v viewed) rows(t *table) {
	what := fmt.Sprintf("typing, %d viewers", v.count)
	if v.count == 1 {
		what = "typing, 1 viewer"
	}
	note := fmt.Sprintf("%d changes, %d seen apart; p95 %.0f ms", v.scene.changes, v.scene.looks, ms(quantile(v.scene.latency, 0.95)))
	t.atMost(what+": glass to glass, median", "ms", ms(quantile(v.scene.latency, 0.5)), 0, note)
	if v.count > 1 {
		note := fmt.Sprintf("best %.0f, worst %.0f ms; until the browser has the picture, without its screen", ms(slices.Min(append(v.others, time.Hour))), ms(quantile(v.others, 1)))
		if v.blind > 0 {
			note += fmt.Sprintf("; %d saw nothing", v.blind)
		}
		t.atMost(what+": the others', median", "ms", ms(quantile(v.others, 0.5)), 0, note)
	}
	t.atMost(what+": agent CPU", "% of a core", v.scene.use.agent, 0, "")
	t.atMost(what+": broker CPU", "% of a core", v.scene.use.broker, 0, "with recording")
}
