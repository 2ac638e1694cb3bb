// Package annotate draws what a technician draws on what the customer shows: on a
// window that takes no input and is only where something is drawn.
//
// It promises: nothing is drawn outside the target, nor over windows of this process;
// with one program only within its windows, and what is drawn goes along when they
// move; everything goes by itself, and at once at Close; a message that makes no sense,
// or is meant for a picture of another size, draws nothing.
package annotate

import (
	"image"
	"slices"
	"time"

	"consento/agent/internal/capture"
	"consento/protocol"
)

// Limits of what is drawn at one time: what is older goes.
const (
	maxMarks = 40
	maxSpots = 4000
)

// mark is a line or a frame, or the pointer.
type mark struct {
	kind  protocol.AnnotateKind
	id    uint32
	ink   protocol.Ink
	spots []image.Point // of the picture
	until time.Time
	on    uint32      // the program's window that it is on, 0 where none is chosen
	was   image.Point // where that was when it was drawn
}

// board is what is drawn. It belongs to one goroutine.
type board struct {
	marks   []mark // in the order in which they began
	pointer *mark
}

// take adds what a message says.
func (b *board) take(m protocol.Annotate, scene capture.Scene, now time.Time) {
	switch m.Kind {
	case protocol.AnnotateClear:
		b.clear()
	case protocol.AnnotateUndo:
		b.marks = b.marks[:max(0, len(b.marks)-1)]
	case protocol.AnnotatePoint:
		b.pointer = nil
		if len(m.Points) > 0 {
			b.pointer = begin(m, scene, now.Add(protocol.PointerLife))
		}
	case protocol.AnnotateLine, protocol.AnnotateBox:
		i := slices.IndexFunc(b.marks, func(k mark) bool { return k.id == m.Mark && k.kind == m.Kind })
		if i < 0 {
			if k := begin(m, scene, now.Add(protocol.MarkLife)); k != nil {
				b.marks = append(b.marks, *k)
				b.bound()
			}
			return
		}
		k := &b.marks[i]
		k.until = now.Add(protocol.MarkLife)
		if m.Kind == protocol.AnnotateBox {
			k.spots = k.spots[:0]
		}
		k.add(m, scene)
		b.bound()
	}
}

// begin is a new mark; nil where it would not begin on the target.
func begin(m protocol.Annotate, scene capture.Scene, until time.Time) *mark {
	k := &mark{kind: m.Kind, id: m.Mark, ink: m.Ink, until: until}
	at := image.Pt(m.Points[0].X, m.Points[0].Y).Add(scene.Picture.Min)
	if len(scene.Windows) > 0 {
		for _, w := range scene.Windows { // the topmost counts
			if at.In(w.Bounds) {
				k.on, k.was = w.Window, w.Bounds.Min
			}
		}
		if k.on == 0 {
			return nil
		}
	}
	k.add(m, scene)
	return k
}

// add appends points, as they were when the mark began: its window may have moved.
func (k *mark) add(m protocol.Annotate, scene capture.Scene) {
	by, _ := k.moved(scene)
	for _, p := range m.Points {
		k.spots = append(k.spots, image.Pt(p.X, p.Y).Sub(by))
	}
}

// moved tells how far the mark's window went since; false if it is gone.
func (k *mark) moved(scene capture.Scene) (image.Point, bool) {
	if k.on == 0 {
		return image.Point{}, true
	}
	for _, w := range scene.Windows {
		if w.Window == k.on {
			return w.Bounds.Min.Sub(k.was), true
		}
	}
	return image.Point{}, false
}

// bound drops the oldest of too many.
func (b *board) bound() {
	total := 0
	for i := len(b.marks) - 1; i >= 0; i-- {
		k := &b.marks[i]
		if total += len(k.spots); total > maxSpots && i == len(b.marks)-1 {
			k.spots = slices.Clone(k.spots[len(k.spots)-maxSpots:])
			total = maxSpots
		}
		if total > maxSpots || len(b.marks)-i > maxMarks {
			b.marks = slices.Clone(b.marks[i+1:])
			return
		}
	}
}

func (b *board) clear() { b.marks, b.pointer = nil, nil }

func (b *board) empty() bool { return len(b.marks) == 0 && b.pointer == nil }

// expire drops what is over, and what its window took along.
func (b *board) expire(scene capture.Scene, now time.Time) {
	over := func(k mark) bool {
		_, there := k.moved(scene)
		return !there || !k.until.After(now)
	}
	b.marks = slices.DeleteFunc(b.marks, over)
	if b.pointer != nil && over(*b.pointer) {
		b.pointer = nil
	}
}
