package capture

import "image"

// Pointer is the mouse pointer at one moment.
type Pointer struct {
	// Pos is where its hot spot is, in pixels of the frame.
	Pos image.Point
	// Shape is what it looks like; never nil and never changed. Compare Serial
	// to see whether it is the shape already known.
	Shape *Shape
}

// Shape is the picture of a pointer.
type Shape struct {
	// Serial tells shapes of one Source apart.
	Serial uint32
	// Size in pixels, and the hot spot inside it.
	Size, Hot image.Point
	// RGBA holds Size.X*Size.Y pixels of 4 bytes, not premultiplied by alpha,
	// rows without padding, as the ImageData of a browser wants them.
	RGBA []byte
}

// maxShape bounds a side of a pointer's picture; larger ones are cut off.
const maxShape = 256

// newShape converts premultiplied ARGB words, w*h of them. It returns nil when
// the words do not match the size.
func newShape(serial uint32, w, h int, hot image.Point, argb []uint32) *Shape {
	if w <= 0 || h <= 0 || len(argb) < w*h {
		return nil
	}
	cw, ch := min(w, maxShape), min(h, maxShape)
	s := &Shape{Serial: serial, Size: image.Pt(cw, ch), Hot: hot, RGBA: make([]byte, 0, cw*ch*4)}
	for y := range ch {
		for _, p := range argb[y*w : y*w+cw] {
			a := p >> 24
			straight := func(c uint32) byte {
				if a == 0 {
					return 0
				}
				return byte(min(255, ((c&0xff)*255+a/2)/a))
			}
			s.RGBA = append(s.RGBA, straight(p>>16), straight(p>>8), straight(p), byte(a))
		}
	}
	return s
}
