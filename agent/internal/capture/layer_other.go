//go:build !linux

package capture

import "image"

// layer: there is none on other systems yet.
type layer struct{}

func (*layer) open(string, Target, *Covers, func()) error { return ErrUnsupported }
func (*layer) look() (Scene, error)                       { return Scene{}, ErrUnsupported }
func (*layer) show(*image.RGBA) error                     { return ErrUnsupported }
func (*layer) close()                                     {}
