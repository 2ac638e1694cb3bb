//go:build !linux

package capture

import "image"

// reach: whose a window is cannot be told here, so nothing is in reach.
type reach struct{}

func openReach(string, Target, *Covers) (*reach, error) { return nil, ErrUnsupported }

func (*reach) corner(image.Point) (image.Point, error) { return image.Point{}, ErrUnsupported }
func (*reach) at(image.Point) (bool, error)            { return false, ErrUnsupported }
func (*reach) keyboard() (bool, error)                 { return false, ErrUnsupported }
func (*reach) close()                                  {}
