package run

import (
	"context"
	"image"

	"consento/agent/internal/capture"
)

// maskShade is the colour of what is masked: B, G, R of the bar's own ground.
var maskShade = [4]byte{0x3d, 0x29, 0x17, 0xff}

// masked leaves the agent's own bar out of the picture and of the recording. It
// is a stream.Source. What changes under the mask alone costs nothing.
type masked struct {
	*capture.Source
	mask func() image.Rectangle // where the bar is now

	last image.Rectangle
}

// Grab implements stream.Source.
func (m *masked) Grab(ctx context.Context) (capture.Frame, error) {
	frame, err := m.Source.Grab(ctx)
	if err != nil {
		return frame, err
	}
	mask := m.mask().Intersect(image.Rectangle{Max: frame.Size})
	moved := mask != m.last
	m.last = mask
	damage := frame.Damage[:0:0]
	for _, d := range frame.Damage {
		if moved || !d.In(mask) {
			damage = append(damage, d)
		}
	}
	frame.Damage = damage
	if mask.Empty() {
		return frame, nil
	}
	row := frame.Pix[mask.Min.Y*frame.Stride+4*mask.Min.X:][:4*mask.Dx()]
	for i := 0; i < len(row); i += 4 {
		copy(row[i:], maskShade[:])
	}
	for y := mask.Min.Y + 1; y < mask.Max.Y; y++ {
		copy(frame.Pix[y*frame.Stride+4*mask.Min.X:], row)
	}
	return frame, nil
}
