package run

import (
	"image"
	"testing"

	"consento/agent/internal/capture"
	"consento/protocol"
)

// numbered makes a shape whose pixels tell where they were.
func numbered(size, hot image.Point) *capture.Shape {
	s := &capture.Shape{Size: size, Hot: hot}
	for y := range size.Y {
		for x := range size.X {
			s.RGBA = append(s.RGBA, byte(x), byte(x>>8), byte(y), byte(y>>8))
		}
	}
	return s
}

// TestShapeOf: whatever the size, the shape is one that the protocol takes, the
// hot spot points to the same pixel, and what fits is not cut.
func TestShapeOf(t *testing.T) {
	const side = protocol.MaxCursorSide
	for _, size := range []image.Point{{1, 1}, {24, 32}, {side, side}, {side + 1, 7}, {7, side + 1}, {256, 256}, {97, 200}} {
		for _, hot := range []image.Point{{0, 0}, {size.X / 2, size.Y / 2}, {size.X - 1, size.Y - 1}, {size.X - 1, 0}, {0, size.Y - 1}} {
			in := numbered(size, hot)
			out := shapeOf(in)
			if _, err := (protocol.CursorUpdate{Shape: out}).Encode(); err != nil {
				t.Fatalf("%v hot %v: %v", size, hot, err)
			}
			if out.Width != min(size.X, side) || out.Height != min(size.Y, side) {
				t.Errorf("%v hot %v: %dx%d", size, hot, out.Width, out.Height)
			}
			at := 4 * (out.HotY*out.Width + out.HotX)
			p := out.RGBA[at : at+4]
			if got := image.Pt(int(p[0])|int(p[1])<<8, int(p[2])|int(p[3])<<8); got != hot {
				t.Errorf("%v: the hot spot %v became %v", size, hot, got)
			}
		}
	}
}

func TestNewChecks(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("an empty configuration")
	}
}
