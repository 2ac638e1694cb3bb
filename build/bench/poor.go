package main

import (
	"context"
	"fmt"
	"image"
	"slices"
	"strings"
	"time"

	"consento/build/stage"
)

// poorNetwork is what was measured over one of them.
type poorNetwork struct {
	name   string
	scenes []measured
	pages  becoming
	text   time.Duration // how long a changed page was watched
}

type poorLink struct {
	name string
	link stage.Link
}

// poorLinks are the networks of the customer that are measured; delay and loss
// are those of each way.
var poorLinks = []poorLink{
	{"network of 1 Mbit/s", stage.Link{Rate: 1_000_000, Delay: 10 * time.Millisecond}},
	{"network of 4 Mbit/s", stage.Link{Rate: 4_000_000, Delay: 10 * time.Millisecond}},
	{"network with 5 % loss", stage.Link{Delay: 10 * time.Millisecond, Loss: 0.05}},
	{"network with 100 ms each way", stage.Link{Delay: 100 * time.Millisecond}},
}

// poorScenes are played over each of them, so long.
var poorScenes = map[string]time.Duration{"typing": 6 * time.Second, sceneTerminal: 6 * time.Second, "whole pages": 8 * time.Second}

// poorWatch is how long a changed page is watched: the dense one needs 330 kB.
const poorWatch = 6 * time.Second

// poorNetworks plays one session more, with the agent in a network of its own.
func (b *bench) poorNetworks(ctx context.Context) error {
	say("session over poor networks")
	// The console was loaded anew since.
	if _, err := stage.Eval[bool](b.console, hookConnections); err != nil {
		return err
	}
	b.customer.Network = b.network
	defer func() { b.customer.Network = nil }()
	s, err := b.prepare(ctx)
	if err != nil {
		return err
	}
	if err := b.setMark(b.props); err != nil {
		return err
	}
	if _, err := s.allow(ctx); err != nil {
		return err
	}
	if err := s.live(); err != nil {
		return err
	}
	if _, err = s.markSeen(ctx, image.Point{}); err != nil {
		return err
	}
	g, err := s.enlarge(ctx)
	if err != nil {
		return err
	}
	next := 0
	for _, l := range poorLinks {
		if !b.matches(l.name) {
			continue
		}
		say(l.name)
		b.network.Shape(l.link)
		p := poorNetwork{name: l.name, pages: becoming{name: "page of text"}, text: poorWatch}
		for _, sc := range b.shortScenes() {
			m, err := b.office.play(ctx, g, s.agent, sc, &next)
			if err != nil {
				return err
			}
			say(m.String())
			p.scenes = append(p.scenes, m)
		}
		for i := range 2 {
			began := time.Now()
			if err := b.paint.copy(b.props.pages[i+1].all(image.Point{})); err != nil {
				return err
			}
			t, err := readTruth(b.theirs, compared())
			if err != nil {
				return err
			}
			r, err := g.sharpen(ctx, t, began, append(sharpAt[:len(sharpAt):len(sharpAt)], 3*time.Second, poorWatch))
			if err != nil {
				return err
			}
			p.pages.runs = append(p.pages.runs, r)
		}
		b.poor = append(b.poor, p)
	}
	b.network.Shape(stage.Link{})
	if b.matches(cutScenes) {
		if err := b.playCuts(ctx, g); err != nil {
			return err
		}
	}
	_, err = s.endByRedX(ctx, b.props, g) // what it measures is told of the other sessions
	return err
}

// matchesNetwork says whether any scene over a poor network was asked for.
func (b *bench) matchesNetwork() bool {
	return b.matches(cutScenes) || slices.ContainsFunc(poorLinks, func(l poorLink) bool { return b.matches(l.name) })
}

// shortScenes are the scenes for poor networks.
func (b *bench) shortScenes() (list []scene) {
	for _, sc := range b.office.scenes(b.props) {
		if last, wanted := poorScenes[sc.name]; wanted {
			sc.last = last
			list = append(list, sc)
		}
	}
	return list
}

// rows adds what was measured over it.
func (p poorNetwork) rows(t *table) {
	for _, m := range p.scenes {
		samples := fmt.Sprintf("%d changes, %d seen apart", m.changes, m.looks)
		if n := m.changes - len(m.latency); n > 0 {
			samples += fmt.Sprintf(", %d never", n)
		}
		what := p.name + ", " + m.scene
		t.atMost(what+": glass to glass, median", "ms", ms(quantile(m.latency, 0.5)), 0, samples+fmt.Sprintf("; p95 %.0f ms", ms(quantile(m.latency, 0.95))))
		t.atMost(what+": sent", "kbit/s", m.use.kbits, 0,
			fmt.Sprintf("%.1f pictures/s; %.0f packets, %.0f lost, %.0f key frames; agent %s %% of a core", float64(m.looks)/m.use.during.Seconds(),
				m.use.got.Packets, m.use.got.Lost, m.use.got.Keys, number(m.use.agent)))
	}
	var texts []string
	for i, at := range []time.Duration{sharpAt[0], sharpAt[1], 3 * time.Second, p.text} {
		var dB []float64
		for _, r := range p.pages.runs {
			dB = append(dB, r.at[i])
		}
		texts = append(texts, fmt.Sprintf("%s %.1f dB", at, quantile(dB, 0.5)))
	}
	t.rows = append(t.rows, row{what: p.name + ", page of text: luma PSNR", value: strings.Join(texts, ", "), note: fmt.Sprintf("%d times", len(p.pages.runs))})
}
