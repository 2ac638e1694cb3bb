package ui

import (
	"image"

	"golang.org/x/image/draw"
)

// choiceIcon is the side of the icon beside a choice, in pixels before scaling.
const choiceIcon = 24

// straight scales an icon to a square, with colours that are not multiplied by their alpha.
func straight(icon image.Image, side int) *image.NRGBA {
	to := image.NewRGBA(image.Rect(0, 0, side, side))
	from := icon.Bounds()
	draw.ApproxBiLinear.Scale(to, within(to.Rect, from.Dx(), from.Dy()), icon, from, draw.Over, nil)
	out := image.NewNRGBA(to.Rect)
	draw.Draw(out, out.Rect, to, image.Point{}, draw.Src)
	return out
}

// within is the largest rectangle of that form in the middle of r.
func within(r image.Rectangle, w, h int) image.Rectangle {
	if w <= 0 || h <= 0 {
		return image.Rectangle{}
	}
	size := r.Size()
	if w*size.Y > h*size.X {
		size.Y = max(1, size.X*h/w)
	} else {
		size.X = max(1, size.Y*w/h)
	}
	corner := r.Min.Add(r.Size().Sub(size).Div(2))
	return image.Rectangle{Min: corner, Max: corner.Add(size)}
}
