// Package input puts a technician's input on the customer's display, as if a hand
// did, and notices the customer's own.
//
// It promises: down and up go out as they come, without delay; text is typed
// whatever the layout of the keyboard; what Close leaves is a keyboard as it was.
// It does not know who may send input, or where to: that is package control.
package input

import (
	"context"
	"errors"
	"image"
)

var (
	// ErrUnsupported says that this display takes no input from a program.
	ErrUnsupported = errors.New("input: the display takes none")
	// ErrDisplay says that the display is gone.
	ErrDisplay = errors.New("input: display lost")
	// ErrUnknown says that there is no such key or button.
	ErrUnknown = errors.New("input: no such key")
)

// Device is the mouse and the keyboard of one display. One goroutine may use it.
type Device struct{ device }

// Open connects to an X display named as in $DISPLAY, "" for that one.
// Errors: ErrUnsupported, ErrDisplay.
func Open(display string) (*Device, error) {
	d, err := open(display)
	if err != nil {
		return nil, err
	}
	return &Device{*d}, nil
}

// Move puts the pointer at a point of the display, in pixels.
func (d *Device) Move(to image.Point) error { return d.move(to) }

// Button presses or releases a button of the mouse: 1 left, 2 middle, 3 right, 8
// back, 9 forward.
func (d *Device) Button(button int, down bool) error { return d.button(button, down) }

// Wheel turns by 120ths of a step, to the right and downwards. What is left of a
// step counts the next time.
func (d *Device) Wheel(right, down int) error { return d.wheel(right, down) }

// Key presses or releases a key, by its code (protocol.KeyCodes).
func (d *Device) Key(code string, down bool) error { return d.key(code, down) }

// Type types a text. Modifiers that are held are up meanwhile. It takes up to half a
// second where the keyboard has no such characters, and stops when ctx ends.
func (d *Device) Type(ctx context.Context, text string) error { return d.typeText(ctx, text) }

// Touched tells whether somebody else has moved the pointer since the last act or
// call, or holds a key or a button down that we do not.
func (d *Device) Touched() (bool, error) { return d.touched() }

// Close ends the connection. It releases nothing: the caller does.
func (d *Device) Close() { d.close() }
