package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"strings"
	"time"
)

// targets of a scene; 0 is none.
type targets struct {
	agent       float64 // per cent of a core
	median, p95 float64 // ms
	kbits       float64
	rate        float64 // pictures a second
}

// targetsOf are the binding targets; where there is none, the stretch goal of
// the page is not taken for one.
func targetsOf(scene string) targets {
	switch scene {
	case "idle":
		return targets{agent: 0.5, kbits: 5}
	case "flip of a block":
		return targets{median: 20, p95: 35}
	case "typing":
		return targets{agent: 10, median: 20, p95: 35, kbits: 250}
	case sceneTerminal:
		return targets{agent: 35, median: 50, p95: 120, kbits: 1500}
	case sceneText:
		return targets{agent: 35, median: 50, p95: 120, kbits: 1500}
	case "scrolling picture, whole screen":
		return targets{agent: 45, median: 50, p95: 120}
	case sceneMix:
		return targets{kbits: 800}
	}
	return targets{}
}

// String sums a scene up in one line.
func (m measured) String() string {
	u := m.use
	frames := max(1, u.got.Frames)
	s := fmt.Sprintf("  others %.0f%% stage %.0f%% agent %.2f%% broker %.2f%% chromium %.1f%%, %.1f kbit/s, %.1f frames/s (%.0f key, %.0f dropped), packets %.0f lost %.0f nack %.0f pli %.0f, decode %.1f ms, buffer %.1f ms a frame",
		u.others, u.stage, u.agent, u.broker, u.browser, u.kbits, u.got.Frames/u.during.Seconds(), u.got.Keys, u.got.Dropped,
		u.got.Packets, u.got.Lost, u.got.Nacks, u.got.Plis, 1000*u.got.Decode/frames, 1000*u.got.Buffer/frames)
	if m.changes > 0 {
		s += fmt.Sprintf("; latency %.1f / %.1f ms of %d, %d seen apart", ms(quantile(m.latency, 0.5)), ms(quantile(m.latency, 0.95)), m.changes, m.looks)
	}
	return s
}

// table sets all that was measured against the targets.
func (b *bench) table(agent, broker string) (*table, error) {
	t := &table{}
	for _, m := range b.scenes {
		want := targetsOf(m.scene)
		during := fmt.Sprintf("%.0f s; everything on the stage %.0f %%, other programs on the machine %.0f %%", m.use.during.Seconds(), m.use.stage, m.use.others)
		t.atMost(m.scene+": agent CPU", "% of a core", m.use.agent, want.agent, during)
		if m.changes > 0 {
			samples := fmt.Sprintf("%d changes, %d seen apart", m.changes, m.looks)
			if n := m.changes - len(m.latency); n > 0 {
				samples += fmt.Sprintf(", %d never", n)
			}
			t.atMost(m.scene+": glass to glass, median", "ms", ms(quantile(m.latency, 0.5)), want.median, samples)
			t.atMost(m.scene+": glass to glass, p95", "ms", ms(quantile(m.latency, 0.95)), want.p95, samples)
			t.atLeast(m.scene+": pictures seen", "/s", float64(m.looks)/m.use.during.Seconds(), want.rate, samples)
		}
		t.atMost(m.scene+": sent", "kbit/s", m.use.kbits, want.kbits,
			fmt.Sprintf("all inside UDP, at the technician; %.0f packets, %.0f lost, %.0f key frames", m.use.got.Packets, m.use.got.Lost, m.use.got.Keys))
		if m.scene == sceneText {
			similarityRow(t, m)
		}
		t.atMost(m.scene+": broker CPU", "% of a core", m.use.broker, 0, "with recording; technician's Chromium "+number(m.use.browser)+" %")
	}
	for _, f := range b.transfers {
		t.atLeast("a file of 1 GB "+f.way, "MB/s", fileBytes/1e6/f.took.Seconds(), 0, "SHA-256 on both ends; all on one machine")
	}
	b.shell.rows(t)
	b.system.rows(t)
	for _, k := range b.becoming {
		samples := fmt.Sprintf("%d times", len(k.runs))
		for i, at := range sharpAt {
			var dB []float64
			for _, r := range k.runs {
				dB = append(dB, r.at[i])
			}
			t.atLeast(fmt.Sprintf("%s: luma PSNR after %s", k.name, at), "dB", quantile(dB, 0.5), 0, fmt.Sprintf("%s, worst %s dB", samples, number(quantile(dB, 0))))
		}
		var sharp []time.Duration
		never, remain := 0, 0.0
		for _, r := range k.runs {
			if r.sharp < 0 {
				never++
				remain = max(remain, r.remain)
				continue
			}
			sharp = append(sharp, r.sharp)
		}
		what, note := k.name+": sharp after", fmt.Sprintf("%s; at most 1 pixel in 10,000 off by more than %d", samples, offBy)
		if never > 0 {
			t.missed(what, "≤ 400 ms", fmt.Sprintf("%d of %d not within %s", never, len(k.runs), watchFor), fmt.Sprintf("%s; worst %.3f %% off in the end", note, 100*remain))
		} else {
			t.atMost(what, "ms", ms(quantile(sharp, 0.5)), 400, fmt.Sprintf("%s; worst %.0f ms", note, ms(quantile(sharp, 1))))
		}
	}
	if len(b.first) > 0 {
		t.atMost("Allow (key press) to the first picture", "ms", ms(quantile(b.first, 0.5)), 1000, fmt.Sprintf("%d times, worst %.0f ms", len(b.first), ms(quantile(b.first, 1))))
	}
	if len(b.loads) > 0 {
		t.atMost("console's address to the picture", "ms", ms(quantile(b.loads, 0.5)), 0, fmt.Sprintf("%d times, session running, new page in a warm browser", len(b.loads)))
	}
	var recorded, seen []time.Duration
	for _, e := range b.endings {
		recorded, seen = append(recorded, e.recorded), append(seen, e.seen)
	}
	t.atMost("red X (click) to the last captured frame", "ms", ms(quantile(recorded, 1)), 100,
		fmt.Sprintf("worst of %d, by the last frame of the recording; screen changes every 4 ms; negative: before the click; by the technician's screen %.0f ms", len(recorded), ms(quantile(seen, 1))))
	if b.brokerInSession > 0 {
		t.atMost("broker's memory with a session", "MB", float64(b.brokerInSession)/1e6, 0, fmt.Sprintf("RSS; %.1f MB before the first session", float64(b.brokerAtRest)/1e6))
	}
	if b.agentInSession > 0 {
		t.atMost("agent's memory in a session", "MB", float64(b.agentInSession)/1e6, 0, "RSS after all scenes")
	}
	b.inputs.rows(t)
	for _, v := range b.viewed {
		v.rows(t)
	}
	for _, p := range b.poor {
		p.rows(t)
	}
	if b.network == nil {
		t.rows = append(t.rows, row{what: "poor networks and cuts", value: "not measured", note: "no network may be made on this machine"})
	}
	for _, c := range b.cuts {
		c.row(t)
	}
	b.hour.row(t)
	size, packed, err := sizes(agent)
	if err != nil {
		return nil, err
	}
	t.atMost("agent's download", "MB", float64(packed)/1e6, 16, "compressed on the way, as every browser takes it")
	t.atMost("agent on the disk", "MB", float64(size)/1e6, 16, "")
	if size, _, err = sizes(broker); err != nil {
		return nil, err
	}
	t.atMost("broker's program", "MB", float64(size)/1e6, 0, "")
	return t, nil
}

// sizes of a file as it is and compressed, in bytes.
func sizes(file string) (size, packed int, err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return 0, 0, err
	}
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return 0, 0, err
	}
	if _, err := w.Write(data); err != nil {
		return 0, 0, err
	}
	err = w.Close()
	return len(data), out.Len(), err
}

// matches says whether a scene was asked for.
func (b *bench) matches(name string) bool { return strings.Contains(name, b.only) }
