package ui

import (
	"errors"
	"image"
	"image/color"
	"image/draw"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
	"golang.org/x/image/vector"
)

// canvas is the picture of a window before it is sent to the server.
type canvas struct {
	*image.RGBA
	shape vector.Rasterizer
}

func newCanvas(w, h int) *canvas { return &canvas{RGBA: image.NewRGBA(image.Rect(0, 0, w, h))} }

func (c *canvas) fill(r image.Rectangle, ink color.Color) {
	draw.Draw(c.RGBA, r, image.NewUniform(ink), image.Point{}, draw.Src)
}

// round fills a rectangle with round corners.
func (c *canvas) round(r image.Rectangle, radius int, ink color.Color) {
	r = r.Intersect(c.Rect)
	w, h := float32(r.Dx()), float32(r.Dy())
	q := min(float32(radius), w/2, h/2)
	k := q * 0.4477 // 1 - 0.5523: a quarter of a circle by a Bézier curve
	s := &c.shape
	s.Reset(r.Dx(), r.Dy())
	s.MoveTo(q, 0)
	s.LineTo(w-q, 0)
	s.CubeTo(w-k, 0, w, k, w, q)
	s.LineTo(w, h-q)
	s.CubeTo(w, h-k, w-k, h, w-q, h)
	s.LineTo(q, h)
	s.CubeTo(k, h, 0, h-k, 0, h-q)
	s.LineTo(0, q)
	s.CubeTo(0, k, k, 0, q, 0)
	s.ClosePath()
	s.Draw(c.RGBA, r, image.NewUniform(ink), image.Point{})
}

// disc fills a circle.
func (c *canvas) disc(centre image.Point, radius int, ink color.Color) {
	d := image.Pt(radius, radius)
	c.round(image.Rectangle{Min: centre.Sub(d), Max: centre.Add(d)}, radius, ink)
}

// cross draws an X of two strokes into a square.
func (c *canvas) cross(r image.Rectangle, stroke float32, ink color.Color) {
	w, h, d := float32(r.Dx()), float32(r.Dy()), stroke*0.7
	c.quads(r, ink, [8]float32{0, d, d, 0, w, h - d, w - d, h}, [8]float32{w - d, 0, w, d, d, h, 0, h - d})
}

// tick draws a tick into a square.
func (c *canvas) tick(r image.Rectangle, stroke float32, ink color.Color) {
	w, h, d := float32(r.Dx()), float32(r.Dy()), stroke*0.7
	low := [2]float32{w * 0.38, h*0.86 - d}
	c.quads(r, ink,
		[8]float32{d, h*0.5 - d, low[0] + d, low[1], low[0], low[1] + d, 0, h * 0.5},
		[8]float32{low[0] - d, low[1], w - d, h * 0.1, w, h*0.1 + d, low[0], low[1] + d})
}

// quads draws quadrilaterals into a rectangle, each by its four corners from there.
func (c *canvas) quads(r image.Rectangle, ink color.Color, corners ...[8]float32) {
	s := &c.shape
	s.Reset(r.Dx(), r.Dy())
	for _, p := range corners {
		s.MoveTo(p[0], p[1])
		s.LineTo(p[2], p[3])
		s.LineTo(p[4], p[5])
		s.LineTo(p[6], p[7])
		s.ClosePath()
	}
	s.Draw(c.RGBA, r, image.NewUniform(ink), image.Point{})
}

// window returns the part of the canvas inside r, so that nothing is drawn beyond it.
func (c *canvas) part(r image.Rectangle) draw.Image { return c.SubImage(r).(*image.RGBA) }

// canPaint tells whether the screen has the form of pixels that send produces.
func (d *desktop) canPaint() error {
	setup := xproto.Setup(d.conn)
	screen := setup.DefaultScreen(d.conn)
	for _, f := range setup.PixmapFormats {
		if f.Depth == screen.RootDepth && f.BitsPerPixel != 32 {
			return errors.New("screen has no 32 bits a pixel")
		}
	}
	for _, depth := range screen.AllowedDepths {
		for _, v := range depth.Visuals {
			if v.VisualId == screen.RootVisual && (v.RedMask != 0xff0000 || v.GreenMask != 0xff00 || v.BlueMask != 0xff) {
				return errors.New("screen has other colours")
			}
		}
	}
	if setup.ImageByteOrder != xproto.ImageOrderLSBFirst {
		return errors.New("screen has another byte order")
	}
	return nil
}

// send puts a part of the canvas on a window.
func (c *canvas) send(conn *xgb.Conn, w xproto.Window, gc xproto.Gcontext, depth byte, r image.Rectangle) {
	const most = 240 << 10 // a request carries 256 kB
	r = r.Intersect(c.Rect)
	if r.Empty() {
		return
	}
	rows := max(1, most/(r.Dx()*4))
	for y := r.Min.Y; y < r.Max.Y; y += rows {
		n := min(rows, r.Max.Y-y)
		data := make([]byte, 0, n*r.Dx()*4)
		for row := y; row < y+n; row++ {
			line := c.Pix[c.PixOffset(r.Min.X, row) : c.PixOffset(r.Max.X-1, row)+4]
			for i := 0; i < len(line); i += 4 {
				data = append(data, line[i+2], line[i+1], line[i], 0xff)
			}
		}
		xproto.PutImage(conn, xproto.ImageFormatZPixmap, xproto.Drawable(w), gc,
			uint16(r.Dx()), uint16(n), int16(r.Min.X), int16(y), 0, depth, data)
	}
}
