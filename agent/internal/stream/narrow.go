package stream

import (
	"context"
	"image"
	"time"

	"consento/agent/internal/capture"
	"consento/agent/internal/encode"
)

const (
	// NarrowBelow is the rate of a link, bit/s, under which a changed page takes so long
	// that it goes row by row. Above it frames are whole.
	NarrowBelow = 8_000_000
	// frameTime is how long one frame may keep a small link busy, and so what the
	// next change waits for at most; fillTime what those may that nobody waits
	// for by the letter, the rows of a new page and the sharpening.
	frameTime = 100 * time.Millisecond
	fillTime  = 40 * time.Millisecond
	// wholeTimes frameTime may a frame take that has all of a change in it: in
	// motion the parts would be torn, and dearer.
	wholeTimes = 2.5
	// first is the quantizer of what is new: text of 38 dB at 1/3 of the bytes of
	// sharp text. At 52 it would be as many, since text is edges; at 63 half.
	first = encode.Coarsest
	// behind is the quantizer of what is new while scrolling cannot be followed.
	behind = 52
	// urgentRows is how many rows a change may have to go before all others: a
	// line of text, its cursor, a menu's next entry.
	urgentRows = 6
	// previewTime: a new page that takes longer is first shown without detail.
	previewTime = 120 * time.Millisecond
	// lostTime is previewTime in the midst of motion: so far behind it cannot be
	// followed, and is better seen blurred than torn.
	lostTime = time.Second
	// previewEvery is the least time between two such.
	previewEvery = 700 * time.Millisecond
	// rowBytes is what a row costs in any case.
	rowBytes = 6
)

// cost is what the encoder makes of an edge, in bytes, as learned.
type cost struct {
	fresh float64 // what is new
	moved float64
	fine  float64 // from first to sharp
}

// costs to begin with, of antialiased text.
var costs = cost{fresh: 0.45, moved: 0.012, fine: 0.6}

// narrow is how the picture goes over a link that is too small for it: in parts
// of some rows, so small that the next change never waits for long. What
// changed comes before what gets sharp, small changes before all. Each part has a
// fixed quantizer, and as many rows as the link carries in frameTime.
//
// What moved by whole pixels, as in scrolling, costs little, but only if the frame
// before was whole: the sketch tells it from what is new. While all of it moves,
// the quantizer gives way first, and parts come only after it: text at rest is
// sharp, motion is smooth.
type narrow struct {
	sketch    *sketch
	quantizer []int // of each row as the viewer has it; stale ones are none
	stale     []bool
	urgent    []bool   // stale by a small change
	detail    []detail // of each row
	at        int      // the row that the next part begins with
	cost      cost
	motion    int       // quantizer of what is new
	changed   time.Time // last
	rested    bool      // the last change came after a rest
	large     bool      // it was large, and there was no preview since
	scrolls   int       // much of it moved: 1 up, -1 down, else 0
	preview   time.Time // when there was one last
	held      capture.Frame
	pending   []bool // rows that changed since the encoder was given them
}

// part is what the next frame codes.
type part struct {
	rows      []bool
	count     int
	quantizer int
	fresh     bool // rows that changed, not rows that get sharp
	what      detail
}

func newNarrow(size image.Point, quantizer int) *narrow {
	s := newSketch(size)
	n := s.rows()
	w := &narrow{sketch: s, quantizer: make([]int, n), stale: make([]bool, n), urgent: make([]bool, n), pending: make([]bool, n),
		detail: make([]detail, n), cost: costs, motion: first}
	for i := range w.quantizer {
		w.quantizer[i] = quantizer
	}
	return w
}

// begin takes what is on the display for what the viewer has, but for what
// changed since.
func (w *narrow) begin(pix []byte, stride int, but []image.Rectangle) {
	w.sketch.update(pix, stride, image.Rectangle{Max: w.sketch.size})
	for i := range w.stale {
		w.sketch.coded(i)
	}
	for _, r := range but {
		w.sketch.lose(r)
	}
	for i := range w.stale {
		w.detail[i] = w.sketch.detail(i)
	}
}

// damaged takes over what changed.
func (w *narrow) damaged(now time.Time, pix []byte, stride int, all []image.Rectangle) {
	rested := now.Sub(w.changed) > restBefore && !w.left()
	count := 0
	touched := make([]bool, len(w.stale))
	for _, d := range all {
		w.sketch.update(pix, stride, d)
		for i := max(0, d.Min.Y/encode.RowHeight); i*encode.RowHeight < d.Max.Y && i < len(w.stale); i++ {
			if !touched[i] {
				touched[i], w.pending[i] = true, true
				count++
			}
		}
	}
	for i, t := range touched {
		if !t {
			continue
		}
		w.stale[i] = w.sketch.stale(i)
		w.urgent[i] = w.stale[i] && (w.urgent[i] || count <= urgentRows)
	}
	w.rested, w.large, w.changed = rested, count > len(w.stale)/3, now
	w.look()
	w.scrolls = 0
	var sum detail
	for i, s := range w.stale {
		sum.all += w.detail[i].all
		if s {
			sum.up, sum.moved = sum.up+w.detail[i].up, sum.moved+w.detail[i].moved
		}
	}
	switch {
	case !w.large || sum.moved < sum.all/20:
	case sum.up > 0:
		w.scrolls = 1
	default:
		w.scrolls = -1
	}
}

// restBefore a change: what comes then is a new page and no motion.
const restBefore = 400 * time.Millisecond

// look looks at the detail of what is stale anew: what the viewer has changed too.
func (w *narrow) look() {
	for i, s := range w.stale {
		if s {
			w.detail[i] = w.sketch.detail(i)
		}
	}
}

// softened notes a key frame without detail: everything is to be coded.
func (w *narrow) softened(now time.Time) {
	w.sketch.forget()
	for i := range w.stale {
		w.stale[i] = true
	}
	w.preview, w.large, w.motion = now, false, first
	w.look()
}

func (w *narrow) bytes(d detail) int {
	return rowBytes + int(w.cost.fresh*float64(d.fresh)+w.cost.moved*float64(d.moved))
}

func (w *narrow) fineBytes(d detail) int { return rowBytes + int(w.cost.fine*float64(d.all)) }

// sharpBytes are those of what is new, sharp at once.
func (w *narrow) sharpBytes(d detail) int {
	return rowBytes + int((w.cost.fresh+w.cost.fine)*float64(d.fresh)+w.cost.moved*float64(d.moved))
}

// wantsPreview reports whether what is stale is a new page that takes long.
func (w *narrow) wantsPreview(now time.Time, rate int) bool {
	if !w.large || w.scrolls != 0 || now.Sub(w.preview) < previewEvery {
		return false
	}
	bytes, fresh, all := 0, 0, 0
	for i, s := range w.stale {
		d := w.detail[i]
		all += d.all
		if s {
			bytes += w.bytes(d)
			fresh += d.fresh
		}
	}
	longest := previewTime
	if !w.rested {
		longest = lostTime
	}
	return fresh > all*6/10 && float64(8*bytes) > longest.Seconds()*float64(rate)
}

// next chooses the part that comes next, of what the link carries in frameTime
// as far as can be known. Nothing is to be done when its count is 0.
func (w *narrow) next(rate int) part {
	carries := func(d time.Duration) int { return int(float64(rate) / 8 * d.Seconds()) }
	stale, urgent, total, sharp := 0, 0, 0, 0
	for i, s := range w.stale {
		if !s {
			continue
		}
		stale++
		total += w.bytes(w.detail[i])
		if w.urgent[i] {
			urgent++
			sharp += w.sharpBytes(w.detail[i])
		}
	}
	isStale := func(i int) bool { return w.stale[i] }
	switch {
	case stale == 0:
		w.motion, w.scrolls = first, 0
		return w.take(carries(fillTime), encode.Finest, false, func(i int) bool { return w.quantizer[i] > encode.Finest }, w.fineBytes)
	case urgent > 0 && sharp <= carries(frameTime):
		return w.take(carries(frameTime), encode.Finest, true, func(i int) bool { return w.urgent[i] }, w.sharpBytes)
	case urgent > 0:
		return w.take(carries(frameTime), first, true, func(i int) bool { return w.urgent[i] }, w.bytes)
	case total <= carries(frameTime) || w.large && total <= int(wholeTimes*float64(carries(frameTime))):
		return w.take(2*total, w.motion, true, isStale, w.bytes)
	case w.scrolls != 0:
		return w.take(carries(frameTime), w.motion, true, isStale, w.bytes)
	}
	return w.take(carries(fillTime), w.motion, true, isStale, w.bytes)
}

// follows reports whether most of what a row lacks moved there: it goes along with
// every part, for next to nothing, so that what the viewer has is not lost while the
// rest is still to come.
func (w *narrow) follows(i int) bool { d := w.detail[i]; return w.stale[i] && d.fresh < d.moved }

// take marks the next rows for which want holds, from where the last part ended,
// of so many bytes.
func (w *narrow) take(bytes, quantizer int, fresh bool, want func(i int) bool, costs func(detail) int) part {
	p := part{rows: make([]bool, len(w.stale)), quantizer: quantizer, fresh: fresh}
	add := func(i int) {
		d := w.detail[i]
		p.rows[i] = true
		p.count++
		p.what.fresh, p.what.moved, p.what.all = p.what.fresh+d.fresh, p.what.moved+d.moved, p.what.all+d.all
	}
	if fresh {
		for i := range w.stale {
			if want(i) && w.follows(i) {
				add(i)
			}
		}
	}
	from, step, others := w.at, 1, 0
	if w.scrolls > 0 { // what came last stays longest
		from, step = len(w.stale)-1, len(w.stale)-1
	} else if w.scrolls < 0 {
		from = 0
	}
	for n := range w.stale {
		i := (from + step*n) % len(w.stale)
		if p.rows[i] || !want(i) {
			continue
		}
		if bytes -= costs(w.detail[i]); bytes < 0 && others > 0 {
			w.at = i
			break
		}
		add(i)
		others++
	}
	return p
}

// coded notes what a part came to; wanted is what it might have.
func (w *narrow) coded(p part, bytes, wanted int) {
	for i, in := range p.rows {
		if in {
			w.sketch.coded(i)
			w.stale[i], w.urgent[i], w.quantizer[i] = false, false, p.quantizer
			w.detail[i].fresh, w.detail[i].moved = 0, 0
		}
	}
	if p.count == 0 {
		return
	}
	w.look()
	// More than thought is believed at once, less by and by.
	learn := func(value *float64, edges int, bytes, begun float64) {
		if edges > 500 { // else the rest is what costs
			step := bytes/float64(edges) - *value
			if step < 0 {
				step /= 4
			}
			*value = min(max(*value+step/2, begun/3), begun*4)
		}
	}
	got := float64(max(0, bytes-rowBytes*p.count))
	moved := w.cost.moved * float64(p.what.moved)
	switch {
	case !p.fresh:
		learn(&w.cost.fine, p.what.all, got, costs.fine)
	case moved > got/2:
		learn(&w.cost.moved, p.what.moved, got, costs.moved)
	case p.quantizer == encode.Finest: // tells of two at once
	default:
		learn(&w.cost.fresh, p.what.fresh, got-moved, costs.fresh)
	}
	if w.scrolls != 0 && w.left() {
		w.motion = min(w.motion+2, behind)
	}
	if !p.fresh || p.quantizer == encode.Finest || w.left() || p.count <= len(p.rows)/4 {
		return
	}
	// All of a large part of the picture at once: this is motion.
	if bytes > wanted {
		w.motion = min(w.motion+4, encode.Worst)
	} else if bytes < wanted/2 {
		w.motion = max(w.motion-2, encode.Moving)
	}
}

// left reports whether rows that changed are not coded yet.
func (w *narrow) left() bool {
	for _, s := range w.stale {
		if s {
			return true
		}
	}
	return false
}

// sharp reports whether nothing is left to do.
func (w *narrow) sharp() bool {
	for i, q := range w.quantizer {
		if q > encode.Finest || w.stale[i] {
			return false
		}
	}
	return true
}

// rect of rows from, to.
func (w *narrow) rect(from, to int) image.Rectangle {
	return image.Rect(0, from*encode.RowHeight, w.sketch.size.X, to*encode.RowHeight)
}

// feed gives the encoder those of some rows that changed, all for nil. It is given
// no row before that row is coded: what it has seen already it takes for something
// that the viewer has, and looks no more for where it moved from.
func (w *narrow) feed(enc *encode.Encoder, rows []bool) error {
	for i := 0; i < len(w.pending); i++ {
		from := i
		for i < len(w.pending) && w.pending[i] && (rows == nil || rows[i]) {
			w.pending[i] = false
			i++
		}
		if i > from {
			if err := enc.Update(w.held.Pix, w.held.Stride, w.rect(from, i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// narrowFrame makes and sends one part.
func (r *run) narrowFrame(ctx context.Context, do task, rate int) error {
	captured, took := time.Now(), time.Duration(0)
	if do == taskChange || r.enc == nil || r.narrow == nil {
		grab, err := r.cfg.Source.Grab(ctx)
		if err != nil {
			return err
		}
		started := time.Now()
		if err := r.take(grab); err != nil {
			return err
		}
		if len(grab.Damage) > 0 {
			captured, took = grab.At, time.Since(started)
		}
	}
	key := r.fresh || r.plan.wantsSoftKey(captured) || r.narrow.wantsPreview(captured, rate)
	var what part
	if !key {
		if what = r.narrow.next(rate); what.count == 0 && do != taskHeartbeat {
			r.plan.nothing()
			r.plan.narrowed(r.narrow)
			return nil
		}
	}
	started := time.Now()
	rows := what.rows
	if key {
		rows = nil
	}
	if err := r.narrow.feed(r.enc, rows); err != nil {
		return err
	}
	coded, err := r.code(ctx, func(enc *encode.Encoder) (encode.Frame, error) {
		if key {
			return enc.Soft(captured.Sub(r.epoch))
		}
		return enc.Part(captured.Sub(r.epoch), what.quantizer, rows)
	})
	if err != nil {
		return err
	}
	took += time.Since(started)
	if coded.Key {
		r.narrow.softened(captured)
	} else {
		r.narrow.coded(what, len(coded.Data), int(float64(rate)/8*frameTime.Seconds()))
	}
	r.plan.done(do, captured, coded)
	r.plan.narrowed(r.narrow)
	return r.send(ctx, do, captured, took, coded)
}

// take takes over what was captured, and makes what is missing to go in parts.
func (r *run) take(grab capture.Frame) error {
	switch {
	case r.enc == nil || grab.Size != r.size:
		if err := r.convert(grab); err != nil {
			return err
		}
		r.narrow = newNarrow(r.size, encode.Worst)
	case r.narrow == nil:
		r.narrow = newNarrow(r.size, max(r.plan.coded, encode.Finest))
		r.narrow.begin(grab.Pix, grab.Stride, grab.Damage)
	}
	r.narrow.held = grab
	r.narrow.damaged(grab.At, grab.Pix, grab.Stride, grab.Damage)
	return nil
}

// widen goes back to whole frames: what parts left over is coded by the next one.
func (r *run) widen() error {
	if r.narrow == nil {
		return nil
	}
	if err := r.narrow.feed(r.enc, nil); err != nil {
		return err
	}
	r.narrow, r.plan.narrow, r.plan.parts, r.plan.changed = nil, false, partsNone, true
	r.plan.coded, r.plan.refine = encode.Worst, refineMax
	r.again = true
	return nil
}
