package main

import (
	"errors"
	"fmt"
	"image"

	"github.com/jezek/xgb/xproto"
)

// painter paints on the background of the customer's screen, below all windows.
type painter struct {
	on *display
	gc xproto.Gcontext
}

// sheet is a picture that lies ready in the X server, so that showing it is one
// request.
type sheet struct {
	id   xproto.Pixmap
	size image.Point
}

func newPainter(on *display) (*painter, error) {
	p := &painter{on: on}
	var err error
	if p.gc, err = xproto.NewGcontextId(on.conn); err != nil {
		return nil, err
	}
	// No exposures: they are events that nobody needs.
	return p, xproto.CreateGCChecked(on.conn, p.gc, xproto.Drawable(on.root), xproto.GcGraphicsExposures, []uint32{0}).Check()
}

// blank makes a black sheet.
func (p *painter) blank(size image.Point) (sheet, error) {
	id, err := xproto.NewPixmapId(p.on.conn)
	if err != nil {
		return sheet{}, err
	}
	s := sheet{id, size}
	if err := xproto.CreatePixmapChecked(p.on.conn, 24, id, xproto.Drawable(p.on.root), uint16(size.X), uint16(size.Y)).Check(); err != nil {
		return sheet{}, fmt.Errorf("pixmap: %w", err)
	}
	return s, p.fill(xproto.Drawable(id), 0, image.Rectangle{Max: size})
}

// sheet uploads a picture.
func (p *painter) sheet(img *image.RGBA) (sheet, error) {
	s, err := p.blank(img.Rect.Size())
	if err != nil {
		return s, err
	}
	rows := max(1, 200_000/(s.size.X*4)) // one request carries at most 256 kB
	for y := 0; y < s.size.Y; y += rows {
		part := img.Pix[y*img.Stride : min(y+rows, s.size.Y)*img.Stride]
		pix := make([]byte, len(part))
		for i := 0; i < len(part); i += 4 {
			pix[i], pix[i+1], pix[i+2] = part[i+2], part[i+1], part[i]
		}
		if err := xproto.PutImageChecked(p.on.conn, xproto.ImageFormatZPixmap, xproto.Drawable(s.id), p.gc, uint16(s.size.X),
			uint16(len(part)/img.Stride), 0, int16(y), 0, 24, pix).Check(); err != nil {
			return s, fmt.Errorf("put image: %w", err)
		}
	}
	return s, nil
}

// fill paints rectangles of one colour, 0xRRGGBB.
func (p *painter) fill(on xproto.Drawable, colour uint32, rects ...image.Rectangle) error {
	list := make([]xproto.Rectangle, 0, len(rects))
	for _, r := range rects {
		list = append(list, xproto.Rectangle{X: int16(r.Min.X), Y: int16(r.Min.Y), Width: uint16(r.Dx()), Height: uint16(r.Dy())})
	}
	xproto.ChangeGC(p.on.conn, p.gc, xproto.GcForeground, []uint32{colour})
	return xproto.PolyFillRectangleChecked(p.on.conn, on, p.gc, list).Check()
}

// code paints a code on a sheet.
func (p *painter) code(on sheet, n, cell int, at image.Point) error {
	side := cell * codeCells
	if err := p.fill(xproto.Drawable(on.id), 0, image.Rectangle{Min: at, Max: at.Add(image.Pt(side, side))}); err != nil {
		return err
	}
	return p.fill(xproto.Drawable(on.id), 0xffffff, codeRects(n, cell, at)...)
}

// move is a part of a drawable that is copied to a point.
type move struct {
	from xproto.Drawable
	part image.Rectangle
	to   image.Point
}

func (s sheet) all(to image.Point) move {
	return move{xproto.Drawable(s.id), image.Rectangle{Max: s.size}, to}
}

// copy shows parts on the screen, in order, and returns when they are there.
func (p *painter) copy(moves ...move) error {
	return p.copyTo(xproto.Drawable(p.on.root), moves...)
}

func (p *painter) copyTo(on xproto.Drawable, moves ...move) error {
	ask := xproto.CopyArea
	for i, m := range moves {
		if i == len(moves)-1 {
			ask = xproto.CopyAreaChecked // its answer comes after all of them
		}
		cookie := ask(p.on.conn, m.from, on, p.gc, int16(m.part.Min.X), int16(m.part.Min.Y),
			int16(m.to.X), int16(m.to.Y), uint16(m.part.Dx()), uint16(m.part.Dy()))
		if i == len(moves)-1 {
			return cookie.Check()
		}
	}
	return nil
}

// background shows a sheet as what the screen is where no window is.
func (p *painter) background(s sheet) error {
	return errors.Join(
		xproto.ChangeWindowAttributesChecked(p.on.conn, p.on.root, xproto.CwBackPixmap, []uint32{uint32(s.id)}).Check(),
		xproto.ClearAreaChecked(p.on.conn, false, p.on.root, 0, 0, uint16(s.size.X), uint16(s.size.Y)).Check())
}
