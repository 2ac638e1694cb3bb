package ui

import (
	"image"

	"github.com/jezek/xgb/xproto"
)

// iconSize fits title bars and task bars, which scale it.
const iconSize = 48

// icon draws the sign of the program: a white C on the accent.
func icon() *image.RGBA {
	c := newCanvas(iconSize, iconSize)
	c.round(c.Rect.Inset(2), 9, light.accent)
	centre := image.Pt(iconSize/2, iconSize/2)
	c.disc(centre, 14, light.onAccent)
	c.disc(centre, 8, light.accent)
	c.fill(image.Rect(centre.X+2, centre.Y-5, iconSize-8, centre.Y+5), light.accent)
	return c.RGBA
}

// setIcon gives the icon to the window manager (EWMH 1.5, _NET_WM_ICON: width, height, ARGB).
func (w *drawnWindow) setIcon() {
	img := icon()
	data := []uint32{iconSize, iconSize}
	for i := 0; i < len(img.Pix); i += 4 {
		p := img.Pix[i : i+4]
		data = append(data, uint32(p[3])<<24|uint32(p[0])<<16|uint32(p[1])<<8|uint32(p[2]))
	}
	w.put32("_NET_WM_ICON", xproto.AtomCardinal, data...)
}

// setIcon gives the icon to GTK. Pixbufs are not premultiplied, and the few half covered pixels of
// the corners do not show it.
func (t *gtkTop) setIcon() {
	img := icon()
	data := t.newBytes(&img.Pix[0], uint64(len(img.Pix)))
	pixbuf := t.newPixbuf(data, 0, 1, 8, iconSize, iconSize, int32(img.Stride))
	t.windowIcon(t.window, pixbuf)
	t.unref(pixbuf)
	t.unrefBytes(data)
}
