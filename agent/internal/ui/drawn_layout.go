package ui

import (
	"image"
	"image/color"
)

// dialogLayout is where the parts of a drawn dialog are, in pixels of the window.
type dialogLayout struct {
	size    image.Point
	fixed   []placed        // lines that do not move
	who     image.Rectangle // panel behind the person
	view    image.Rectangle // through which the long text is seen
	flow    []placed        // long text, from the view's corner
	panel   image.Rectangle // behind the details, from the view's corner
	length  int             // height of the long text
	sign    image.Point     // centre of the sign of work, from the view's corner
	warning image.Rectangle
	address image.Rectangle // where a link's address is shown if it does not open
	targets []target        // in the order of Tab
}

// placed is one line of text in its place.
type placed struct {
	at   image.Point
	text string
	by   *lettering
	ink  color.RGBA
}

// target is what can have the focus and be pressed.
type target struct {
	kind   kind // what a press tells; shown for the field, which tells nothing
	r      image.Rectangle
	label  []string
	text   string // of the event
	choice int    // for picked; r is then in the long text, from the view's corner
}

// styles are the letterings of a dialog.
type styles struct{ body, bold, heading, name, entry *lettering }

// Sizes of text in points of 1/72 inch on the customer's screen.
func (k *drawn) styles() styles {
	at := func(points float64, bold bool) *lettering { return newLettering(k.fonts, points*k.desk.dpi/72, bold) }
	return styles{body: at(11, false), bold: at(11, true), heading: at(15, true), name: at(12.5, true), entry: at(14, false)}
}

// arrange lays a dialog out for a screen. It is called again when the long text changes, with the
// size that the window has.
func (k *drawn) arrange(d dialog, s styles, screen image.Rectangle) dialogLayout {
	p := k.colour
	var l dialogLayout
	gap, edge := k.px(16), k.px(26)
	l.size.X = min(k.px(dialogWidth), screen.Dx()-k.px(40))
	if d.busy && d.heading == "" {
		l.size.X = min(l.size.X, k.px(440))
	}
	inner := l.size.X - 2*edge

	// From the top: heading and person.
	y := k.px(5 + 20)
	lines := func(to *[]placed, x, width int, text string, by *lettering, ink color.RGBA) {
		for _, line := range by.wrap(text, width) {
			*to = append(*to, placed{image.Pt(x, y), line, by, ink})
			y += by.line
		}
	}
	if d.heading != "" {
		lines(&l.fixed, edge, inner, d.heading, s.heading, p.text)
		y += gap
	}
	if len(d.who) > 0 {
		top := y
		y += k.px(10)
		for i, line := range d.who {
			by, ink := s.body, p.quiet
			if i == 0 {
				by, ink = s.name, p.text
			}
			lines(&l.fixed, edge+k.px(18), inner-k.px(32), line, by, ink)
		}
		y += k.px(10)
		l.who = image.Rect(edge, top, edge+inner, y)
		y += gap
	}
	top := y

	// The long text, in coordinates of its own.
	k.flow(&l, d, s, inner)
	k.rows(&l, d, s, inner)

	// From the bottom: what is below, first measured at 0 and then moved down.
	y = 0
	var below []placed
	if d.fault != "" {
		lines(&below, edge, inner, d.fault, s.bold, p.fault)
		y += gap
	}
	if d.field != nil {
		lines(&below, edge, inner, d.field.label, s.bold, p.text)
		y += k.px(6)
		l.targets = append(l.targets, target{kind: shown, r: image.Rect(edge, y, edge+inner, y+k.px(46))})
		y += k.px(46 + 6)
		lines(&below, edge, inner, d.field.hint, s.body, p.quiet)
		y += gap
	}
	if len(d.links) > 0 || d.report != "" || d.aside != "" || d.also != "" {
		y = k.linkRows(&l, d, s, edge, inner, y)
		l.address = image.Rect(edge, y, edge+inner, y+s.body.line)
		y += s.body.line + gap/2
	}
	if d.warning != "" || d.more != "" {
		y = k.reminder(&l, d, s, edge, inner, y) + gap
	}
	y = k.choices(&l, d, s, edge, inner, y+k.px(6)) + k.px(24)

	room := screen.Dy() - k.px(screenMargin)
	view := max(k.px(24), min(l.length, k.px(420), room-top-y-gap))
	if l.length == 0 {
		view = 0
	}
	l.view = image.Rect(edge, top, edge+inner, top+view)
	down := top + view
	if view > 0 {
		down += gap
	}
	l.size.Y = down + y
	for _, line := range below {
		line.at.Y += down
		l.fixed = append(l.fixed, line)
	}
	shift := image.Pt(0, down)
	for i := range l.targets {
		if l.targets[i].kind == picked {
			continue
		}
		l.targets[i].r = l.targets[i].r.Add(shift)
	}
	l.warning, l.address = l.warning.Add(shift), l.address.Add(shift)
	return l
}

// flow sets the long text: body, then details on a panel.
func (k *drawn) flow(l *dialogLayout, d dialog, s styles, inner int) {
	y := 0
	width := inner - k.px(18) // beside the scroll bar
	x := 0
	if d.busy {
		l.sign = image.Pt(k.px(16), k.px(16))
		x = k.px(48)
		y = max(0, k.px(16)-s.body.line/2)
	}
	for _, line := range s.body.wrap(d.body, width-x) {
		l.flow = append(l.flow, placed{image.Pt(x, y), line, s.body, k.colour.text})
		y += s.body.line
	}
	if d.busy {
		y = max(y, k.px(34))
	}
	if d.details != "" {
		if y > 0 {
			y += k.px(14)
		}
		top := y
		y += k.px(12)
		for _, line := range s.body.wrap(d.details, width-k.px(28)) {
			l.flow = append(l.flow, placed{image.Pt(k.px(14), y), line, s.body, k.colour.text})
			y += s.body.line
		}
		y += k.px(12)
		l.panel = image.Rect(0, top, width, y)
	}
	l.length = y
}

// rows lists what can be chosen, under the text.
func (k *drawn) rows(l *dialogLayout, d dialog, s styles, inner int) {
	if len(d.choices.List) == 0 {
		return
	}
	width := inner - k.px(18) // beside the scroll bar
	y := l.length
	if y > 0 {
		y += k.px(14)
	}
	for _, line := range s.bold.wrap(d.choices.Label, width) {
		l.flow = append(l.flow, placed{image.Pt(0, y), line, s.bold, k.colour.text})
		y += s.bold.line
	}
	y += k.px(4)
	for i, c := range d.choices.List {
		x := k.px(40)
		if c.Icon != nil {
			x += k.px(choiceIcon + 12)
		}
		top := y
		y += k.px(6)
		if c.Note == "" && c.Icon != nil {
			y += max(0, k.px(choiceIcon)-s.body.line) / 2
		}
		l.flow = append(l.flow, placed{image.Pt(x, y), s.body.ellipsis(c.Label, width-x-k.px(8)), s.body, k.colour.text})
		y += s.body.line
		if c.Note != "" {
			l.flow = append(l.flow, placed{image.Pt(x, y), s.body.ellipsis(c.Note, width-x-k.px(8)), s.body, k.colour.quiet})
			y += s.body.line
		}
		y = max(y+k.px(6), top+k.px(choiceIcon+12))
		l.targets = append(l.targets, target{kind: picked, r: image.Rect(0, top, width, y), choice: i})
	}
	l.length = y
}

func (k *drawn) linkRows(l *dialogLayout, d dialog, s styles, edge, inner, y int) int {
	x, height := edge, s.body.line+k.px(8)
	add := func(kind kind, text, address string) {
		label := s.body.ellipsis(text, inner)
		w := s.body.width(label)
		if x > edge && x+w > edge+inner {
			x, y = edge, y+height
		}
		l.targets = append(l.targets, target{kind: kind, r: image.Rect(x, y, x+w, y+height), label: []string{label}, text: address})
		x += w + k.px(26)
	}
	for _, link := range d.links {
		add(followed, link.Label, link.URL)
	}
	if d.also != "" {
		add(chatting, d.also, alsoText)
	}
	if d.aside != "" {
		add(chatting, d.aside, "")
	}
	if d.report != "" {
		add(reporting, d.report, "")
	}
	return y + height
}

// reminder keeps room for the warning and the button for more time.
func (k *drawn) reminder(l *dialogLayout, d dialog, s styles, edge, inner, y int) int {
	right := edge + inner
	height := 0
	if d.more != "" {
		label := s.body.wrap(d.more, inner/2)
		w := 0
		for _, line := range label {
			w = max(w, s.body.width(line))
		}
		w += k.px(36)
		height = len(label)*s.body.line + k.px(18)
		l.targets = append(l.targets, target{kind: moreTime, r: image.Rect(right-w, y, right, y+height), label: label})
		right -= w + k.px(16)
	}
	lines := len(s.bold.wrap(d.warning, right-edge))
	height = max(height, lines*s.bold.line)
	if d.more != "" {
		last := &l.targets[len(l.targets)-1].r
		*last = last.Add(image.Pt(0, (height-last.Dy())/2))
	}
	l.warning = image.Rect(edge, y, right, y+height)
	return y + height
}

func (k *drawn) choices(l *dialogLayout, d dialog, s styles, edge, inner, y int) int {
	gap := k.px(18)
	w := (inner - gap) / 2
	height := k.px(50)
	right := edge + inner
	var row []target
	for _, c := range []target{{kind: refused, text: d.refuse}, {kind: accepted, text: d.accept}} {
		if c.text == "" {
			continue
		}
		c.label = s.bold.wrap(c.text, w-k.px(24))
		c.text = ""
		height = max(height, len(c.label)*s.bold.line+k.px(22))
		row = append(row, c)
	}
	for i, c := range row {
		x := right - (len(row)-i)*w - (len(row)-i-1)*gap
		c.r = image.Rect(x, y, x+w, y+height)
		l.targets = append(l.targets, c)
	}
	return y + height
}
