package annotate

import (
	"image"
	"image/color"
	"image/draw"

	"consento/agent/internal/capture"
	"consento/protocol"
)

// Half widths of what is drawn, in pixels: the ink, a white edge around it, and a dark
// one around that, so that it is seen on everything.
const (
	inkWidth  = 3.5
	edgeWidth = inkWidth + 2
	rimWidth  = edgeWidth + 1
	reach     = 8 // more than any of them, whole pixels
)

var (
	white = color.RGBA{0xff, 0xff, 0xff, 0xff}
	dark  = color.RGBA{0x17, 0x1d, 0x26, 0xff}
)

// colourOf is an ink's colour, and that of letters on it.
func colourOf(ink protocol.Ink) (paint, letters color.RGBA) {
	switch ink {
	case protocol.InkGreen:
		return color.RGBA{0x00, 0x73, 0x3c, 0xff}, white
	case protocol.InkViolet:
		return color.RGBA{0x7b, 0x1f, 0xa2, 0xff}, white
	case protocol.InkYellow:
		return color.RGBA{0xff, 0xd5, 0x00, 0xff}, dark
	}
	return color.RGBA{0x00, 0x66, 0xcc, 0xff}, white
}

// hand is the outline of the pointer, an arrow whose tip is at 0, 0.
var hand = []image.Point{{}, {X: 0, Y: 26}, {X: 7, Y: 20}, {X: 12, Y: 31}, {X: 17, Y: 29}, {X: 12, Y: 18}, {X: 20, Y: 18}, {}}

// paint draws everything within the scene; nil if there is nothing to be seen. name
// stands beside the pointer.
func (b *board) paint(scene capture.Scene, name *image.Alpha) *image.RGBA {
	bounds := image.Rectangle{}
	for _, r := range scene.Clip {
		bounds = bounds.Union(r)
	}
	all := image.Rectangle{}
	for _, k := range b.marks {
		all = all.Union(around(k.path(scene)))
	}
	if b.pointer != nil {
		if path := b.pointer.path(scene); len(path) > 0 {
			all = all.Union(around([]image.Point{path[0], path[0].Add(image.Pt(24, 36))})).Union(plate(path[0], name, bounds))
		}
	}
	if all = all.Intersect(bounds); all.Empty() {
		return nil
	}
	img := image.NewRGBA(all)
	for _, k := range b.marks {
		paint, _ := colourOf(k.ink)
		path := k.path(scene)
		if k.kind == protocol.AnnotateBox {
			r := image.Rectangle{path[0], path[len(path)-1]}.Canon()
			path = []image.Point{r.Min, {X: r.Max.X, Y: r.Min.Y}, r.Max, {X: r.Min.X, Y: r.Max.Y}, r.Min}
		}
		stroke(img, path, rimWidth, dark)
		stroke(img, path, edgeWidth, white)
		stroke(img, path, inkWidth, paint)
	}
	if b.pointer != nil {
		b.pointer.point(img, scene, name, bounds)
	}
	clip(img, scene.Clip)
	return img
}

// path is where a mark's points are on the display.
func (k *mark) path(scene capture.Scene) []image.Point {
	by, there := k.moved(scene)
	if !there {
		return nil
	}
	by = by.Add(scene.Picture.Min)
	path := make([]image.Point, len(k.spots))
	for i, p := range k.spots {
		path[i] = p.Add(by)
	}
	return path
}

// around is what a stroke along a path may touch.
func around(path []image.Point) (r image.Rectangle) {
	for _, p := range path {
		r = r.Union(image.Rectangle{p, p.Add(image.Pt(1, 1))}.Inset(-reach))
	}
	return r
}

// point draws the pointer and the name beside it.
func (k *mark) point(img *image.RGBA, scene capture.Scene, name *image.Alpha, bounds image.Rectangle) {
	path := k.path(scene)
	if len(path) == 0 {
		return
	}
	paint, letters := colourOf(k.ink)
	outline := make([]image.Point, len(hand))
	for i, p := range hand {
		outline[i] = p.Add(path[0])
	}
	stroke(img, outline, 4, dark)
	stroke(img, outline, 3, white)
	fill(img, outline, paint)
	if name == nil {
		return
	}
	at := plate(path[0], name, bounds)
	draw.Draw(img, at, image.NewUniform(dark), image.Point{}, draw.Src)
	draw.Draw(img, at.Inset(1), image.NewUniform(white), image.Point{}, draw.Src)
	draw.Draw(img, at.Inset(2), image.NewUniform(paint), image.Point{}, draw.Src)
	draw.DrawMask(img, at.Inset(6), image.NewUniform(letters), image.Point{}, name, name.Rect.Min, draw.Over)
}

// plate is where the name is: right below the pointer, or where there is room.
func plate(at image.Point, name *image.Alpha, bounds image.Rectangle) image.Rectangle {
	if name == nil {
		return image.Rectangle{}
	}
	r := image.Rectangle{Max: name.Rect.Size().Add(image.Pt(12, 12))}.Add(at).Add(image.Pt(16, 30))
	if r.Max.X > bounds.Max.X {
		r = r.Sub(image.Pt(r.Dx()+20, 0))
	}
	if r.Max.Y > bounds.Max.Y {
		r = r.Sub(image.Pt(0, r.Dy()+34))
	}
	return r
}

// stroke paints everything that is no further than width from a path.
func stroke(img *image.RGBA, path []image.Point, width float64, c color.RGBA) {
	for i, p := range path {
		from := p
		if i > 0 {
			from = path[i-1]
		} else if len(path) > 1 {
			continue
		}
		// In short pieces: what is looked at is the square around each.
		steps := max(1, max(abs(p.X-from.X), abs(p.Y-from.Y))/32)
		for s := range steps {
			segment(img, between(from, p, s, steps), between(from, p, s+1, steps), width, c)
		}
	}
}

func between(a, b image.Point, n, of int) image.Point {
	return a.Add(b.Sub(a).Mul(n).Div(of))
}

func abs(n int) int { return max(n, -n) }

func segment(img *image.RGBA, a, b image.Point, width float64, c color.RGBA) {
	square := image.Rectangle{a, b}.Canon().Inset(-reach).Intersect(img.Rect)
	dx, dy := float64(b.X-a.X), float64(b.Y-a.Y)
	length := dx*dx + dy*dy
	for y := square.Min.Y; y < square.Max.Y; y++ {
		for x := square.Min.X; x < square.Max.X; x++ {
			px, py := float64(x-a.X), float64(y-a.Y)
			along := 0.0
			if length > 0 {
				along = min(1, max(0, (px*dx+py*dy)/length))
			}
			px, py = px-along*dx, py-along*dy
			if px*px+py*py <= width*width {
				img.SetRGBA(x, y, c)
			}
		}
	}
}

// fill paints the inside of a closed outline.
func fill(img *image.RGBA, outline []image.Point, c color.RGBA) {
	square := around(outline).Intersect(img.Rect)
	for y := square.Min.Y; y < square.Max.Y; y++ {
		for x := square.Min.X; x < square.Max.X; x++ {
			inside := false
			for i := 1; i < len(outline); i++ {
				a, b := outline[i-1], outline[i]
				if (a.Y > y) != (b.Y > y) && float64(x) < float64(b.X-a.X)*float64(y-a.Y)/float64(b.Y-a.Y)+float64(a.X) {
					inside = !inside
				}
			}
			if inside {
				img.SetRGBA(x, y, c)
			}
		}
	}
}

// clip leaves only what lies in one of the rectangles.
func clip(img *image.RGBA, list []image.Rectangle) {
	kept := image.NewRGBA(img.Rect)
	for _, r := range list {
		draw.Draw(kept, r, img, r.Min, draw.Src)
	}
	copy(img.Pix, kept.Pix)
}
