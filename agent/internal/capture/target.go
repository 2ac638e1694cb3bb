package capture

import (
	"cmp"
	"errors"
	"fmt"
	"image"
	"slices"
)

// Target says what of a display is captured. The zero value is all of it.
type Target struct {
	// Monitor is the name of one monitor, as Survey lists it.
	Monitor string
	// Application is one program, as Survey lists it: all its windows, its
	// menus, tooltips and dialogs included, and nothing else.
	Application Application
}

// Application tells one running program from all others, by the number of its
// process as the display's server knows it. 0 is none.
type Application uint32

// Ground is what a picture shows where nothing of the Target is: 0xRRGGBB.
const Ground = 0x4a5560

// State says whether there is anything of the Target to be seen.
type State int

// The states of a Target.
const (
	Seen   State = iota + 1 // it is in the frames
	Hidden                  // minimised, or without a window: frames show Ground only
	Gone                    // closed or unplugged: frames show Ground only
)

// String returns the state's name.
func (s State) String() string {
	switch s {
	case Seen:
		return "seen"
	case Hidden:
		return "hidden"
	case Gone:
		return "gone"
	}
	return fmt.Sprintf("state %d", int(s))
}

func (t Target) check() error {
	if t.Monitor != "" && t.Application != 0 {
		return errors.New("capture: a monitor or an application, not both")
	}
	return nil
}

// Survey is what a display offers to be captured at one moment.
type Survey struct {
	Size image.Point // of the whole desktop, pixels
	// Monitors from left to right, then from top to bottom; at least one.
	Monitors []Monitor
	// Programs with a visible window, the one in front first. None where the
	// display cannot keep the windows of one program apart from those of others.
	Programs []Program
}

// Monitor is one screen of the desktop.
type Monitor struct {
	Name    string // of its connector, or whatever it was called by the person
	Bounds  image.Rectangle
	Primary bool
}

// Program is a program that can be captured alone. Texts are one line of at most
// 100 characters, without control characters, and may come from anybody.
type Program struct {
	Application Application
	Name        string       // its own, such as "XTerm"; never empty
	Title       string       // of its front window, may be empty
	Windows     int          // how many it shows
	Icon        *image.NRGBA // at most 64 by 64, nil if it has none
}

// Look lists what can be captured of a display, named as for Open. The agent's
// own windows are no program.
// Errors: ErrDisplay, ErrUnsupported.
func Look(display string) (Survey, error) { return look(display) }

// sortMonitors puts those first that are further left, then further up.
func sortMonitors(list []Monitor) {
	slices.SortStableFunc(list, func(a, b Monitor) int {
		return cmp.Or(a.Bounds.Min.X-b.Bounds.Min.X, a.Bounds.Min.Y-b.Bounds.Min.Y)
	})
}

// ownTries bounds how often pixels are read anew because windows came or went in
// the meantime. A desktop that is never at rest is not shown.
const ownTries = 8

// fill paints a rectangle of rows that are stride bytes apart.
func fill(pix []byte, stride int, r image.Rectangle, colour uint32) {
	if r.Empty() {
		return
	}
	row := pix[r.Min.Y*stride+4*r.Min.X:][:4*r.Dx()]
	for i := 0; i < len(row); i += 4 {
		row[i], row[i+1], row[i+2], row[i+3] = byte(colour), byte(colour>>8), byte(colour>>16), 0xff
	}
	for y := r.Min.Y + 1; y < r.Max.Y; y++ {
		copy(pix[y*stride+4*r.Min.X:], row)
	}
}
