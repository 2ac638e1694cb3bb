package ui

import (
	"image"
	"image/color"
	"image/draw"
)

// paint draws the whole dialog and sends it.
func (w *drawnDialog) paint() {
	p, c := w.colour, w.sheet
	c.fill(c.Rect, p.ground)
	c.fill(image.Rect(0, 0, w.lay.size.X, w.px(5)), p.accent)
	if !w.lay.who.Empty() {
		c.fill(w.lay.who, p.panel)
		c.fill(image.Rect(w.lay.who.Min.X, w.lay.who.Min.Y, w.lay.who.Min.X+w.px(4), w.lay.who.Max.Y), p.accent)
	}
	for _, line := range w.lay.fixed {
		line.by.put(c, line.at, line.text, line.ink)
	}
	w.paintFlow()
	if w.warned != "" {
		lines := w.by.bold.wrap(w.warned, w.lay.warning.Dx())
		at := w.lay.warning.Min.Add(image.Pt(0, max(0, (w.lay.warning.Dy()-len(lines)*w.by.bold.line)/2)))
		for _, line := range lines {
			w.by.bold.put(c, at, line, p.fault)
			at.Y += w.by.bold.line
		}
	}
	if w.lost != "" {
		w.by.body.put(c, w.lay.address.Min, w.by.body.ellipsis(w.lost, w.lay.address.Dx()), p.quiet)
	}
	for i, t := range w.lay.targets {
		if w.there(i) {
			w.paintTarget(t, i == w.focus, i == w.hover)
		}
	}
	w.show(c.Rect)
}

// paintFlow draws the part of the long text that is in view, and the scroll bar.
func (w *drawnDialog) paintFlow() {
	v := w.lay.view
	if v.Empty() {
		return
	}
	up := v.Min.Sub(image.Pt(0, w.offset))
	w.sheet.fill(w.lay.panel.Add(up).Intersect(v), w.colour.panel)
	part := w.sheet.part(v)
	w.paintChoices(v)
	for _, line := range w.lay.flow {
		at := line.at.Add(up)
		if at.Y+line.by.line > v.Min.Y && at.Y < v.Max.Y {
			line.by.put(part, at, line.text, line.ink)
		}
	}
	if w.d.busy {
		w.paintSign()
	}
	if t := w.track(); !t.Empty() {
		w.sheet.round(t, w.px(6), w.colour.line)
		top := t.Min.Y + w.offset*t.Dy()/w.lay.length
		height := max(w.px(36), t.Dy()*t.Dy()/w.lay.length)
		top = min(top, t.Max.Y-height)
		w.sheet.round(image.Rect(t.Min.X+w.px(2), top, t.Max.X-w.px(2), top+height), w.px(4), w.colour.border)
	}
}

// paintChoices draws what belongs to the choices but their words. Those that are partly out of view
// are cut off.
func (w *drawnDialog) paintChoices(v image.Rectangle) {
	view := &canvas{RGBA: w.sheet.SubImage(v).(*image.RGBA)}
	for i, t := range w.lay.targets {
		r := w.at(t)
		if t.kind != picked || r.Empty() {
			continue
		}
		if i == w.hover {
			view.fill(r, w.colour.hover)
		}
		whole := t.r.Add(v.Min).Sub(image.Pt(0, w.offset))
		if i == w.focus {
			edge := w.px(3)
			for _, line := range []image.Rectangle{{whole.Min, image.Pt(whole.Max.X, whole.Min.Y+edge)}, {image.Pt(whole.Min.X, whole.Max.Y-edge), whole.Max},
				{whole.Min, image.Pt(whole.Min.X+edge, whole.Max.Y)}, {image.Pt(whole.Max.X-edge, whole.Min.Y), whole.Max}} {
				view.fill(line.Intersect(v), w.colour.ring)
			}
		}
		middle := (whole.Min.Y + whole.Max.Y) / 2
		centre := image.Pt(whole.Min.X+w.px(20), middle)
		if !image.Rect(centre.X, centre.Y-w.px(10), centre.X+1, centre.Y+w.px(10)).In(v) {
			continue
		}
		if w.d.choices.Several {
			w.paintBox(view, centre, w.marks>>t.choice&1 == 1)
		} else {
			w.paintDot(view, centre, t.choice == w.chosen)
		}
		if icon := w.d.choices.List[t.choice].Icon; icon != nil {
			side := w.px(choiceIcon)
			at := image.Pt(whole.Min.X+w.px(40), middle-side/2)
			draw.Draw(view.RGBA, image.Rectangle{Min: at, Max: at.Add(image.Pt(side, side))}, straight(icon, side), image.Point{}, draw.Over)
		}
	}
}

// paintDot draws the mark before one of the choices.
func (w *drawnDialog) paintDot(c *canvas, centre image.Point, chosen bool) {
	if chosen {
		c.disc(centre, w.px(9), w.colour.accent)
		c.disc(centre, w.px(4), w.colour.onAccent)
		return
	}
	c.disc(centre, w.px(9), w.colour.border)
	c.disc(centre, w.px(7), w.colour.ground)
}

// paintBox draws the box of one of several choices, with a tick if it is marked.
func (w *drawnDialog) paintBox(c *canvas, centre image.Point, marked bool) {
	box := func(n int) image.Rectangle {
		return image.Rectangle{Min: centre.Sub(image.Pt(w.px(n), w.px(n))), Max: centre.Add(image.Pt(w.px(n), w.px(n)))}
	}
	if !marked {
		c.round(box(9), w.px(3), w.colour.border)
		c.round(box(7), w.px(2), w.colour.ground)
		return
	}
	c.round(box(9), w.px(3), w.colour.accent)
	c.tick(box(6), float32(w.px(2))+0.5, w.colour.onAccent)
}

func (w *drawnDialog) paintTarget(t target, focused, lit bool) {
	p, c := w.colour, w.sheet
	switch t.kind {
	case shown:
		w.paintField(t.r, focused)
		return
	case picked:
		return // with the text
	case followed, reporting, chatting:
		w.paintLink(c, w.by.body, t, focused)
		return
	}
	ground, ink, border, by := p.ground, p.text, p.border, w.by.bold
	if lit {
		ground = p.hover
	}
	switch t.kind {
	case accepted:
		ground, ink, border = p.accent, p.onAccent, p.accent
		if lit {
			ground, border = p.near, p.near
		}
	case moreTime:
		by = w.by.body
	}
	w.paintButton(c, by, t, ground, ink, border, focused)
}

// paintField draws the field with its text; a long one is seen around the caret.
func (w *drawnDialog) paintField(r image.Rectangle, focused bool) {
	w.paintEntry(w.sheet, w.by.entry, &w.entry, r, focused)
}

// paintEntry draws a field.
func (k *drawn) paintEntry(c *canvas, by *lettering, e *entry, r image.Rectangle, focused bool) {
	p := k.colour
	border, thick := p.border, k.px(2)
	if focused {
		border, thick = p.ring, k.px(3)
	}
	c.round(r, k.px(5), border)
	c.round(r.Inset(thick), k.px(3), p.ground)
	inside := r.Inset(k.px(12))
	inside.Min.Y, inside.Max.Y = r.Min.Y+thick, r.Max.Y-thick
	before := by.width(string(e.text[:e.caret]))
	x := inside.Min.X - max(0, before-inside.Dx()+k.px(2))
	y := r.Min.Y + (r.Dy()-by.line)/2
	by.put(c.part(inside), image.Pt(x, y), string(e.text), p.text)
	if focused {
		c.fill(image.Rect(x+before, y+k.px(2), x+before+max(1, k.px(2)), y+by.line-k.px(2)), p.text)
	}
}

// paintButton draws a button with its label.
func (k *drawn) paintButton(c *canvas, by *lettering, t target, ground, ink, border color.RGBA, focused bool) {
	radius := k.px(5)
	if focused {
		c.round(t.r.Inset(-k.px(5)), radius+k.px(5), k.colour.ring)
		c.round(t.r.Inset(-k.px(2)), radius+k.px(2), k.colour.ground)
	}
	c.round(t.r, radius, border)
	c.round(t.r.Inset(k.px(2)), radius-k.px(2), ground)
	y := t.r.Min.Y + (t.r.Dy()-len(t.label)*by.line)/2
	for _, line := range t.label {
		by.put(c, image.Pt(t.r.Min.X+(t.r.Dx()-by.width(line))/2, y), line, ink)
		y += by.line
	}
}

// paintLink draws an underlined label.
func (k *drawn) paintLink(c *canvas, by *lettering, t target, focused bool) {
	if focused {
		c.round(t.r.Inset(-k.px(5)), k.px(5), k.colour.ring)
		c.round(t.r.Inset(-k.px(2)), k.px(5), k.colour.ground)
	}
	at := t.r.Min.Add(image.Pt(0, (t.r.Dy()-by.line)/2))
	by.put(c, at, t.label[0], k.colour.accent)
	under := at.Y + by.ascent + k.px(2)
	c.fill(image.Rect(t.r.Min.X, under, t.r.Max.X, under+k.px(1)), k.colour.accent)
}

// mix goes from a to b, n of 255 parts.
func mix(a, b color.RGBA, n uint8) color.RGBA {
	f := func(x, y uint8) uint8 { return uint8((int(x)*(255-int(n)) + int(y)*int(n)) / 255) }
	return color.RGBA{R: f(a.R, b.R), G: f(a.G, b.G), B: f(a.B, b.B), A: 0xff}
}
