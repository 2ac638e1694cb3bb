package protocol

import (
	"errors"
	"slices"
	"time"
)

// What is drawn goes by itself: a mark so long after its last point, the pointer
// so long after it was told last where it is.
const (
	MarkLife    = 10 * time.Second
	PointerLife = 4 * time.Second
)

// Limits of what is drawn.
const (
	MaxSpots = 64 // points of one message
	// AnnotateBeat is the least time between two messages of a console that draws:
	// the points of that time go together.
	AnnotateBeat = 100 * time.Millisecond
)

// AnnotateKind says what an Annotate message draws.
type AnnotateKind string

// The kinds.
const (
	AnnotatePoint AnnotateKind = "point" // the technician's pointer is at the one point; without a point it goes
	AnnotateLine  AnnotateKind = "line"  // a line drawn by hand: more points of the same mark go on where it was
	AnnotateBox   AnnotateKind = "box"   // a frame between two corners, in place of the one of the same mark
	AnnotateUndo  AnnotateKind = "undo"  // the newest mark goes
	AnnotateClear AnnotateKind = "clear" // all of them go, the pointer too
)

// AnnotateKinds lists the kinds.
func AnnotateKinds() []AnnotateKind {
	return []AnnotateKind{AnnotatePoint, AnnotateLine, AnnotateBox, AnnotateUndo, AnnotateClear}
}

// Ink is a colour that is drawn with. Red is none of them: it means the end.
type Ink string

// The inks.
const (
	InkBlue   Ink = "blue"
	InkGreen  Ink = "green"
	InkViolet Ink = "violet"
	InkYellow Ink = "yellow"
)

// Inks lists the inks.
func Inks() []Ink { return []Ink{InkBlue, InkGreen, InkViolet, InkYellow} }

// Spot is a point of the picture, in pixels from its upper left corner.
type Spot struct {
	X int `json:"x"`
	Y int `json:"y"`
}

// Annotate is something that the technician draws on what the customer shows. It is
// seen there and in the picture, acts on nothing, and goes by itself.
type Annotate struct {
	Session string       `json:"session,omitempty"` // from a console only
	Epoch   uint32       `json:"epoch"`             // of the consent to annotate that it relies on
	Kind    AnnotateKind `json:"kind"`
	Mark    uint32       `json:"mark,omitempty"` // which line or box
	Ink     Ink          `json:"ink,omitempty"`  // of point, line and box
	Width   int          `json:"width,omitempty"`
	Height  int          `json:"height,omitempty"` // of the picture that the points are meant for
	Points  []Spot       `json:"points,omitempty"`
}

func (*Annotate) MessageType() string { return "annotate" }

// Validate implements Message.
func (m *Annotate) Validate() error {
	ok, inked, marked := true, true, false
	switch n := len(m.Points); m.Kind {
	case AnnotatePoint:
		ok = n <= 1
	case AnnotateLine:
		ok, marked = n > 0 && n <= MaxSpots, true
	case AnnotateBox:
		ok, marked = n == 2, true
	case AnnotateUndo, AnnotateClear:
		ok, inked = n == 0, false
	default:
		ok = false
	}
	for _, p := range m.Points {
		ok = ok && p.X >= 0 && p.Y >= 0 && p.X < m.Width && p.Y < m.Height
	}
	return errors.Join(check(len(m.Session) <= 64, "session"), check(m.Epoch > 0, "epoch"), check(ok, "points"),
		check(m.Width >= 0 && m.Width <= maxPixels && m.Height >= 0 && m.Height <= maxPixels, "size"),
		check(marked == (m.Mark > 0), "mark"), check(inked == (m.Ink != "") && (m.Ink == "" || slices.Contains(Inks(), m.Ink)), "ink"))
}
