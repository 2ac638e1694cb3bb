package ui

import (
	"image"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// drawnChat is the chat's window drawn here. All but xid, show and close runs on the window's
// goroutine.
type drawnChat struct {
	*drawnWindow
	text    ChatText
	lines   []ChatLine
	by      styles
	keys    keyboard
	entry   entry
	lay     chatLayout
	focus   int // among the targets
	hover   int // -1 for none
	held    int // pressed and not yet released, -1 for none
	offset  int // of the log
	follow  bool
	seen    bool
	focused bool // the window has the keyboard
}

// chatLayout is where the parts are, in pixels of the window.
type chatLayout struct {
	fixed   []placed
	view    image.Rectangle // through which the log is seen
	flow    []placed        // the log, from the view's corner
	panels  []chatPanel
	length  int // height of the log
	targets []chatTarget
}

// chatPanel is the ground of a line, from the view's corner.
type chatPanel struct {
	r   image.Rectangle
	own bool
}

// chatTarget is what can have the focus; what flows is in the log, from the view's corner.
type chatTarget struct {
	target
	flows bool
}

func (k *drawn) openChat(t ChatText, front bool, tell func(event)) (chatWindow, error) {
	m := k.desk.monitor()
	edge := k.px(chatEdge)
	size := image.Pt(min(k.px(chatWidth), m.Dx()-2*edge), min(k.px(chatHeight), m.Dy()-4*edge))
	corner := m.Max.Sub(size).Sub(image.Pt(edge, 2*edge))
	win, err := k.newWindow(image.Rectangle{Min: corner, Max: corner.Add(size)}, t.Title, "_NET_WM_WINDOW_TYPE_NORMAL", false)
	if err != nil {
		return nil, err
	}
	if !front { // whoever works elsewhere keeps the keyboard (EWMH 1.5)
		win.put32("_NET_WM_USER_TIME", xproto.AtomCardinal, 0)
	}
	w := &drawnChat{drawnWindow: win, text: t, by: k.styles(), keys: readKeyboard(win.conn), entry: entry{most: t.Most},
		hover: none, held: none, follow: true}
	w.tell = tell
	w.arrange()
	w.start(w.handle)
	return w, nil
}

func (w *drawnChat) show(lines []ChatLine) {
	w.change(func() {
		at := w.lay.targets[w.focus]
		w.lines = lines
		w.arrange()
		w.focus = 0
		for i, t := range w.lay.targets { // a button that went gives the keyboard back to the field
			if t.kind == at.kind && t.text == at.text {
				w.focus = i
			}
		}
		w.paint()
	})
}

func (w *drawnChat) rename(heading string) {
	w.change(func() {
		w.text.Heading = heading
		w.arrange()
		w.paint()
	})
}

// arrange lays the window out.
func (w *drawnChat) arrange() {
	p, size := w.colour, w.sheet.Rect.Size()
	edge, gap := w.px(22), w.px(10)
	inner := size.X - 2*edge
	var l chatLayout
	y := w.px(5 + 16)
	put := func(text string, by *lettering, quiet bool) {
		ink := p.text
		if quiet {
			ink = p.quiet
		}
		for _, line := range by.wrap(text, inner) {
			l.fixed = append(l.fixed, placed{image.Pt(edge, y), line, by, ink})
			y += by.line
		}
	}
	put(w.text.Heading, w.by.heading, false)
	put(w.text.Hint, w.by.body, true)
	top := y + gap

	// From the bottom: closing button, field and sending button, label.
	y = size.Y - w.px(20)
	button := func(k kind, text string, right int) target {
		label := []string{w.by.bold.ellipsis(text, inner/2)}
		r := image.Rect(right-w.by.bold.width(label[0])-w.px(32), y-w.px(42), right, y)
		return target{kind: k, r: r, label: label}
	}
	end := button(refused, w.text.Close, edge+inner)
	y = end.r.Min.Y - gap
	send := button(sending, w.text.Send, edge+inner)
	field := target{kind: shown, r: image.Rect(edge, send.r.Min.Y, send.r.Min.X-gap, y)}
	y = field.r.Min.Y - w.by.bold.line - w.px(4)
	l.fixed = append(l.fixed, placed{image.Pt(edge, y), w.by.bold.ellipsis(w.text.Label, inner), w.by.bold, p.text})
	l.view = image.Rect(edge, top, edge+inner, max(top, y-gap))
	l.targets = []chatTarget{{target: field}, {target: send}}
	w.flow(&l)
	l.targets = append(l.targets, chatTarget{target: end})
	w.lay = l
	w.focus = min(w.focus, len(l.targets)-1)
	w.hover, w.held = none, none
	to := w.offset
	if w.follow {
		to = l.length
	}
	w.scrollTo(to)
}

// flow sets the log.
func (w *drawnChat) flow(l *chatLayout) {
	p, by := w.colour, w.by.body
	width := l.view.Dx() - w.px(18) // beside the scroll bar
	if len(w.lines) == 0 {
		for i, line := range by.wrap(w.text.Empty, width) {
			l.flow = append(l.flow, placed{image.Pt(0, i*by.line), line, by, p.quiet})
		}
		l.length = len(l.flow) * by.line
		return
	}
	y, pad, shift := 0, w.px(10), w.px(36)
	for _, m := range w.lines {
		left := 0
		if m.Own {
			left = shift
		}
		right := left + width - shift
		from := y
		y += w.px(6)
		put := func(text string, ink placed, turned bool) {
			for _, line := range by.wrap(text, right-left-2*pad) {
				x := left + pad
				if turned {
					x = right - pad - by.width(line)
				}
				l.flow = append(l.flow, placed{image.Pt(x, y), line, by, ink.ink})
				y += by.line
			}
		}
		put(m.Head, placed{ink: p.quiet}, false)
		put(m.Text, placed{ink: p.text}, rightToLeft(m.Text))
		press := func(k kind, label, text string) {
			label = by.ellipsis(label, right-left-2*pad)
			r := image.Rect(left+pad, y, left+pad+by.width(label), y+by.line+w.px(6))
			l.targets = append(l.targets, chatTarget{target{kind: k, r: r, label: []string{label}, text: text}, true})
			y = r.Max.Y
		}
		for _, link := range m.Links {
			press(followed, link.Label, link.URL)
		}
		ink := p.quiet
		if m.Again {
			ink = p.fault
		}
		put(m.State, placed{ink: ink}, false)
		if m.Again {
			press(again, w.text.Again, m.Key)
		}
		y += w.px(8)
		l.panels = append(l.panels, chatPanel{image.Rect(left, from, right, y), m.Own})
		y += w.px(8)
	}
	l.length = y
}

func (w *drawnChat) handle(e xgb.Event) {
	switch e := e.(type) {
	case xproto.ExposeEvent:
		if e.Count > 0 {
			return
		}
		w.paint()
		if !w.seen {
			w.seen = true
			w.tell(pressed(shown, ""))
		}
	case xproto.MappingNotifyEvent:
		w.keys = readKeyboard(w.conn)
	case xproto.ClientMessageEvent:
		if e.Format == 32 && e.Type == w.atom("WM_PROTOCOLS") && xproto.Atom(e.Data.Data32[0]) == w.atom("WM_DELETE_WINDOW") {
			w.tell(pressed(refused, ""))
		}
	case xproto.FocusInEvent:
		w.focused = e.Detail != xproto.NotifyDetailPointer
		w.paint()
	case xproto.FocusOutEvent:
		w.focused = false
		w.paint()
	case xproto.KeyPressEvent:
		w.key(w.keys.symbol(e.Detail, e.State), e.State)
	case xproto.SelectionNotifyEvent:
		w.paste(e)
	default:
		w.pointer(e)
	}
}

func (w *drawnChat) key(sym uint32, state uint16) {
	inField := w.focus == 0
	switch {
	case sym == keyEscape:
		w.tell(pressed(refused, ""))
	case sym == keyTab || sym == keyBackTab:
		step := 1
		if sym == keyBackTab || state&xproto.ModMaskShift != 0 {
			step = len(w.lay.targets) - 1
		}
		w.focus = (w.focus + step) % len(w.lay.targets)
		w.see(w.focus)
	case sym == keyReturn || sym == keyPadEnter || !inField && (sym == keySpace || sym == keyPadSpace):
		w.press(w.focus)
	case sym == keyUp || sym == keyPadUp:
		w.scroll(-w.px(48))
	case sym == keyDown || sym == keyPadDown:
		w.scroll(w.px(48))
	case sym == keyPageUp || sym == keyPadPageUp:
		w.scroll(-w.lay.view.Dy() * 9 / 10)
	case sym == keyPageDown || sym == keyPadPageDown:
		w.scroll(w.lay.view.Dy() * 9 / 10)
	case state&xproto.ModMaskControl != 0:
		if inField && (sym == 'v' || sym == 'V') {
			xproto.ConvertSelection(w.conn, w.win, w.atom("CLIPBOARD"), w.atom("UTF8_STRING"), w.atom("CONSENTO_PASTE"), xproto.TimeCurrentTime)
		}
		return
	case inField:
		w.entry.key(sym)
	default:
		return
	}
	w.paint()
}

// press does what a target stands for.
func (w *drawnChat) press(i int) {
	switch t := w.lay.targets[i]; t.kind {
	case shown, sending:
		w.tell(pressed(sending, string(w.entry.text)))
		w.entry = entry{most: w.text.Most}
		w.focus = 0
	default:
		w.tell(pressed(t.kind, t.text))
	}
}

// paste takes what the owner of the clipboard has put on the window; lines become one.
func (w *drawnChat) paste(e xproto.SelectionNotifyEvent) {
	if e.Property == xproto.AtomNone {
		return
	}
	r, err := xproto.GetProperty(w.conn, true, w.win, e.Property, w.atom("UTF8_STRING"), 0, uint32(w.text.Most)).Reply()
	if err != nil || r.Format != 8 {
		return
	}
	text := []byte(r.Value)
	for i, b := range text {
		if b == '\n' || b == '\t' || b == '\r' {
			text[i] = ' '
		}
	}
	w.entry.insert(string(text))
	w.paint()
}

func (w *drawnChat) scroll(n int) { w.scrollTo(w.offset + n) }

func (w *drawnChat) scrollTo(to int) {
	most := max(0, w.lay.length-w.lay.view.Dy())
	w.offset = max(0, min(to, most))
	w.follow = w.offset >= most-w.px(40)
}

// see scrolls so that a target of the log is in view.
func (w *drawnChat) see(i int) {
	if t := w.lay.targets[i]; t.flows {
		w.scrollTo(max(min(w.offset, t.r.Min.Y), t.r.Max.Y-w.lay.view.Dy()))
	}
}

// at is where a target is on the window.
func (w *drawnChat) at(t chatTarget) image.Rectangle {
	if !t.flows {
		return t.r
	}
	return t.r.Add(w.lay.view.Min).Sub(image.Pt(0, w.offset)).Intersect(w.lay.view)
}

func (w *drawnChat) under(at image.Point) int {
	for i, t := range w.lay.targets {
		if at.In(w.at(t)) {
			return i
		}
	}
	return none
}

func (w *drawnChat) pointer(e xgb.Event) {
	switch e := e.(type) {
	case xproto.ButtonPressEvent:
		switch e.Detail {
		case 1:
			if w.held = w.under(image.Pt(int(e.EventX), int(e.EventY))); w.held >= 0 {
				w.focus = w.held
			}
		case 4:
			w.scroll(-w.px(48))
		case 5:
			w.scroll(w.px(48))
		}
	case xproto.ButtonReleaseEvent:
		if e.Detail != 1 {
			return
		}
		if i := w.held; i > 0 && i == w.under(image.Pt(int(e.EventX), int(e.EventY))) {
			w.press(i)
		}
		w.held = none
	case xproto.MotionNotifyEvent:
		i := w.under(image.Pt(int(e.EventX), int(e.EventY)))
		if i == w.hover {
			return
		}
		w.hover = i
	case xproto.LeaveNotifyEvent:
		w.hover = none
	default:
		return
	}
	w.paint()
}

// paint draws the whole window and sends it.
func (w *drawnChat) paint() {
	p, c, l := w.colour, w.sheet, w.lay
	c.fill(c.Rect, p.ground)
	c.fill(image.Rect(0, 0, c.Rect.Max.X, w.px(5)), p.accent)
	for _, line := range l.fixed {
		line.by.put(c, line.at, line.text, line.ink)
	}
	w.paintLog()
	for i, t := range l.targets {
		focused, lit := w.focused && i == w.focus, i == w.hover
		switch {
		case t.flows:
		case t.kind == shown:
			w.paintEntry(c, w.by.entry, &w.entry, t.r, focused)
		case t.kind == sending && lit:
			w.paintButton(c, w.by.bold, t.target, p.near, p.onAccent, p.near, focused)
		case t.kind == sending:
			w.paintButton(c, w.by.bold, t.target, p.accent, p.onAccent, p.accent, focused)
		case lit:
			w.paintButton(c, w.by.bold, t.target, p.hover, p.text, p.border, focused)
		default:
			w.paintButton(c, w.by.bold, t.target, p.ground, p.text, p.border, focused)
		}
	}
	w.drawnWindow.show(c.Rect)
}

// paintLog draws the part of the log that is in view, and its scroll bar.
func (w *drawnChat) paintLog() {
	l, p := w.lay, w.colour
	v := l.view
	if v.Empty() {
		return
	}
	part := &canvas{RGBA: w.sheet.SubImage(v).(*image.RGBA)}
	up := v.Min.Sub(image.Pt(0, w.offset))
	for _, panel := range l.panels {
		ground := p.panel
		if panel.own {
			ground = p.hover
		}
		part.fill(panel.r.Add(up).Intersect(v), ground)
	}
	for _, line := range l.flow {
		if at := line.at.Add(up); at.Y+line.by.line > v.Min.Y && at.Y < v.Max.Y {
			line.by.put(part, at, line.text, line.ink)
		}
	}
	for i, t := range l.targets {
		if r := w.at(t); t.flows && !r.Empty() {
			moved := t.target
			moved.r = t.r.Add(up)
			if moved.r.In(v) {
				w.paintLink(part, w.by.body, moved, w.focused && i == w.focus)
			}
		}
	}
	if l.length > v.Dy() {
		track := image.Rect(v.Max.X-w.px(10), v.Min.Y, v.Max.X, v.Max.Y)
		w.sheet.round(track, w.px(5), p.line)
		height := max(w.px(30), track.Dy()*track.Dy()/l.length)
		top := track.Min.Y + (track.Dy()-height)*w.offset/max(1, l.length-v.Dy())
		w.sheet.round(image.Rect(track.Min.X+w.px(2), top, track.Max.X-w.px(2), top+height), w.px(3), p.border)
	}
}
