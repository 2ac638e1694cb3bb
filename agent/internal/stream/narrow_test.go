package stream

import (
	"encoding/binary"
	"image"
	"math/rand/v2"
	"testing"
	"time"

	"consento/agent/internal/encode"
)

var screenSize = image.Pt(1920, 1080)

// noise is a picture in which no row is like another.
func noise(size image.Point) []byte {
	rnd := rand.New(rand.NewPCG(1, 1))
	pix := make([]byte, 4*size.X*size.Y)
	for i := 0; i < len(pix); i += 16 { // steps of four pixels, as in letters
		v := rnd.Uint32()
		for k := range 4 {
			binary.LittleEndian.PutUint32(pix[i+4*k:], v)
		}
	}
	return pix
}

const rowStride = 4 * 1920

func all() []image.Rectangle { return []image.Rectangle{{Max: screenSize}} }

// begun is a picture that the viewer has.
func begun(pix []byte) *narrow {
	w := newNarrow(screenSize, encode.Finest)
	w.begin(pix, rowStride, nil)
	return w
}

func TestSketchTellsWhatMoved(t *testing.T) {
	tall := noise(image.Pt(1920, 1080+64))
	w := begun(tall)
	count := func() (d detail) {
		for i := range w.stale {
			got := w.sketch.detail(i)
			d.fresh, d.moved, d.all = d.fresh+got.fresh, d.moved+got.moved, d.all+got.all
		}
		return d
	}
	if d := count(); d.fresh+d.moved != 0 || d.all < 300_000 {
		t.Errorf("at rest: %+v", d)
	}
	w.sketch.update(tall, rowStride, image.Rectangle{Max: screenSize}) // painted anew, the same
	if d := count(); d.fresh+d.moved != 0 {
		t.Errorf("the same again: %+v", d)
	}
	w.sketch.update(tall[24*rowStride:], rowStride, image.Rectangle{Max: screenSize})
	d := count()
	if line := d.all / 1080; d.fresh < 22*line || d.fresh > 26*line || d.moved < d.all-26*line {
		t.Errorf("scrolled by 24 rows: %+v", d)
	}
	// Only a window scrolls, whose edges lie within pieces.
	w = begun(tall)
	window := image.Rect(200, 100, 1500, 900)
	moved := append([]byte(nil), tall...)
	for y := window.Min.Y; y < window.Max.Y; y++ {
		copy(moved[y*rowStride+4*window.Min.X:y*rowStride+4*window.Max.X], tall[(y+16)*rowStride+4*window.Min.X:])
	}
	w.sketch.update(moved, rowStride, window)
	if d := count(); d.fresh > d.moved/20 {
		t.Errorf("a window scrolled: %+v", d)
	}
	w.sketch.forget()
	if d := count(); d.moved != 0 || d.fresh != d.all {
		t.Errorf("the viewer has nothing: %+v", d)
	}
}

// The fourth byte of a pixel means nothing.
func TestSketchOfOddSizes(t *testing.T) {
	for _, size := range []image.Point{{1, 1}, {3, 5}, {127, 17}, {129, 16}, {257, 33}} {
		pix := noise(image.Pt((size.X+3)&^3, size.Y))
		stride := 4 * ((size.X + 3) &^ 3)
		w := newNarrow(size, encode.Finest)
		w.begin(pix, stride, nil)
		for i := 3; i < len(pix); i += 4 {
			pix[i] ^= 0x5a
		}
		w.damaged(time.Now(), pix, stride, []image.Rectangle{{Max: size}})
		if w.left() {
			t.Errorf("%v: changed", size)
		}
		last := (size.Y-1)*stride + 4*(size.X-1)
		pix[last] ^= 1
		w.damaged(time.Now(), pix, stride, []image.Rectangle{image.Rect(size.X-1, size.Y-1, size.X, size.Y)})
		if !w.left() {
			t.Errorf("%v: the last pixel is not seen", size)
		}
	}
}

// A small change goes before a page of which much is left to send; nothing is
// sent twice for it, and all gets sharp in the end.
func TestSmallChangesGoFirst(t *testing.T) {
	t0 := time.Unix(1000, 0)
	page := noise(screenSize)
	w := begun(make([]byte, len(page)))
	w.damaged(t0, page, rowStride, all())
	const rate = 1_000_000
	if !w.wantsPreview(t0, rate) || w.wantsPreview(t0, 50*rate) {
		t.Error("a preview at 50 Mbit/s or none at 1")
	}
	w.softened(t0)
	if w.wantsPreview(t0.Add(time.Minute), rate) {
		t.Error("a second preview of the same")
	}
	wanted := int(rate / 8 * frameTime.Seconds())
	bytes := func(p part) int { return rowBytes*p.count + (p.what.fresh+p.what.all)/4 }
	for range 5 {
		p := w.next(rate)
		if p.count == 0 || p.count > 8 {
			t.Fatalf("a part of %d rows", p.count)
		}
		w.coded(p, bytes(p), wanted)
	}
	page[40*encode.RowHeight*rowStride+4000] ^= 0xff
	w.damaged(t0.Add(time.Second), page, rowStride, []image.Rectangle{image.Rect(1000, 40*16, 1010, 41*16)})
	p := w.next(rate)
	if p.count != 1 || !p.rows[40] {
		t.Fatalf("%d rows before the one that changed", p.count)
	}
	w.coded(p, bytes(p), wanted)
	for frames := 0; !w.sharp(); frames++ {
		p := w.next(rate)
		if p.count == 0 || frames > 500 {
			t.Fatalf("nothing to do in frame %d, but not sharp", frames)
		}
		if p.rows[40] && p.fresh {
			t.Error("sent twice")
		}
		w.coded(p, bytes(p), wanted)
	}
}

// Motion goes whole as long as the link can carry that, the quality gives way.
func TestMotionIsWhole(t *testing.T) {
	t0 := time.Unix(1000, 0)
	tall := noise(image.Pt(1920, 1080+40*16))
	const rate = 4_000_000
	w := begun(tall)
	for i := range 40 {
		w.damaged(t0.Add(time.Duration(i)*33*time.Millisecond), tall[(i+1)*16*rowStride:], rowStride, all())
		p := w.next(rate)
		w.coded(p, 60_000, int(rate/8*frameTime.Seconds()))
		if w.left() {
			t.Fatalf("frame %d is in parts", i)
		}
	}
	if w.motion != encode.Worst {
		t.Errorf("quantizer %d", w.motion)
	}
	w.next(rate)
	if w.motion != first {
		t.Errorf("quantizer %d of what comes after a rest", w.motion)
	}
}

// A key frame without detail leaves everything to do; parts come before a rest
// only if something changed, and no change waits for how many there were.
func TestPlanOfParts(t *testing.T) {
	t0 := time.Unix(1000, 0)
	p := settled(t0)
	w := begun(noise(screenSize))
	p.done(taskChange, t0, coded(first, false))
	p.narrowed(w)
	if do, at := p.next(t0); do != taskHeartbeat || at.Sub(t0) != heartbeat {
		t.Errorf("sharp: task %d in %v", do, at.Sub(t0))
	}
	w.softened(t0)
	p.narrowed(w)
	if do, at := p.next(t0); do != taskRefine || at.Sub(t0) > spacing {
		t.Errorf("rows are missing: task %d in %v", do, at.Sub(t0))
	}
	for w.left() {
		w.coded(w.next(20_000_000), 20_000, 20_000)
		p.done(taskRefine, t0, coded(first, false))
	}
	p.narrowed(w)
	if do, at := p.next(t0); do != taskRefine || at.Sub(t0) != calmBefore {
		t.Errorf("coarse: task %d in %v", do, at.Sub(t0))
	}
	p.changed = true
	if do, at := p.next(t0); do != taskChange || at.Sub(t0) > p.interval {
		t.Errorf("a change behind many parts: task %d in %v", do, at.Sub(t0))
	}
	p.keyWanted = true
	if p.wantsSoftKey(p.key.Add(softKeyEvery / 2)) {
		t.Error("a key frame too soon after the last")
	}
	if !p.wantsSoftKey(p.key.Add(softKeyEvery)) {
		t.Error("no key frame")
	}
}
