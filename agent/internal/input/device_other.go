//go:build !linux

package input

import (
	"context"
	"image"
)

// device: the agent has no windows on other systems yet, and without its bar
// nobody's input goes in.
type device struct{}

func open(string) (*device, error) { return nil, ErrUnsupported }

func (*device) move(image.Point) error                 { return ErrUnsupported }
func (*device) button(int, bool) error                 { return ErrUnsupported }
func (*device) wheel(int, int) error                   { return ErrUnsupported }
func (*device) key(string, bool) error                 { return ErrUnsupported }
func (*device) typeText(context.Context, string) error { return ErrUnsupported }
func (*device) touched() (bool, error)                 { return false, ErrUnsupported }
func (*device) close()                                 {}
