package capture

import "image"

// Reach tells what input that somebody else sends may touch: what lies in a target,
// and never a window of this process, nor one that the person covers. It is a connection to the display of its own;
// one goroutine may use it.
type Reach struct{ reach }

// OpenReach connects. Errors: ErrDisplay, ErrUnsupported, ErrTarget.
func OpenReach(display string, what Target, covers *Covers) (*Reach, error) {
	if err := what.check(); err != nil {
		return nil, err
	}
	r, err := openReach(display, what, covers)
	if err != nil {
		return nil, err
	}
	return &Reach{*r}, nil
}

// Corner is where on the display a picture of that size of the target begins.
// Errors: ErrTarget if nothing of the target has that size now.
func (r *Reach) Corner(size image.Point) (image.Point, error) { return r.corner(size) }

// At tells whether a point of the display is in reach: of a program only where a
// window of its own is the topmost.
func (r *Reach) At(p image.Point) (bool, error) { return r.at(p) }

// Keyboard tells whether what has the keyboard is in reach.
func (r *Reach) Keyboard() (bool, error) { return r.keyboard() }

// Close ends the connection.
func (r *Reach) Close() { r.close() }
