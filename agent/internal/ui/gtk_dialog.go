package ui

import (
	"image"
	"slices"
	"time"
	"unicode/utf8"
)

// gtkDialog is a dialog made of GTK's widgets.
type gtkDialog struct {
	*gtkTop
	body, warning, address uintptr
	stack, scroller        uintptr
	entry, first, more     uintptr // first is the widget that has the focus at the beginning, more the button for more time
	radios                 []uintptr
}

const (
	dialogWidth  = 580 // pixels before scaling, the usual one
	screenMargin = 64  // for title bar and panels
	linkRoom     = 70  // characters of link labels in one row
)

func (g *gtk) openDialog(d dialog, tell func(event)) (dialogWindow, error) {
	var w *gtkDialog
	if err := g.do(func() { w = g.buildDialog(d, tell) }); err != nil {
		return nil, err
	}
	return w, nil
}

func (g *gtk) buildDialog(d dialog, tell func(event)) *gtkDialog {
	g.direction(directionLTR)
	if rightToLeft(d.heading + d.body) {
		g.direction(directionRTL)
	}
	w := &gtkDialog{gtkTop: g.newTop(windowToplevel, "consento", d.title, tell)}
	g.setHint(w.window, hintDialog)
	g.setResizable(w.window, 0)
	if d.quiet {
		g.setOnMap(w.window, 0) // where there is room, and without the keyboard
	} else {
		g.setPosition(w.window, positionCenter)
	}
	g.setAbove(w.window, 1)
	g.setAccRole(g.accessible(w.window), g.roleFor("dialog")) // then it is read out as a whole

	page := w.class(g.newBox(vertical, 16), "page")
	g.add(w.window, page)
	w.head(page, d)
	w.text(page, d)
	w.field(page, d)
	w.links(page, d)
	w.remind(page, d)
	w.choices(page, d)

	w.fit(page, d)
	w.listen()
	g.showAll(page)
	if w.address != 0 {
		g.hide(w.address)
	}
	g.grabFocus(w.first)
	w.appear()
	return w
}

// head puts heading and person on top.
func (w *gtkDialog) head(page uintptr, d dialog) {
	if d.heading != "" {
		h := w.label(d.heading, "heading")
		w.setAccRole(w.accessible(h), w.roleFor("heading"))
		w.packStart(page, h, 0, 0, 0)
	}
	if len(d.who) > 0 {
		box := w.class(w.newBox(vertical, 2), "who")
		for i, line := range d.who {
			class := "quiet"
			if i == 0 {
				class = "name"
			}
			w.packStart(box, w.label(line, class), 0, 0, 0)
		}
		w.packStart(page, box, 0, 0, 0)
	}
}

// text puts the body, and what is long, into one part that scrolls where it must.
func (w *gtkDialog) text(page uintptr, d dialog) {
	w.scroller = w.newScroller(0, 0)
	w.policy(w.scroller, policyNever, policyAutomatic)
	w.overlay(w.scroller, 0)
	w.canFocus(w.scroller, 0) // its keys work from every button, so it needs no stop for Tab
	box := w.newBox(vertical, 14)
	line := w.newBox(horizontal, 16)
	if d.busy {
		s := w.newSpinner()
		w.valign(s, alignStart)
		w.packStart(line, s, 0, 0, 0)
		w.spin(s)
	}
	w.body = w.label(d.body, "body")
	w.packStart(line, w.body, 1, 1, 0)
	if d.body != "" {
		w.packStart(box, line, 0, 0, 0)
	}
	if d.details != "" {
		w.packStart(box, w.label(d.details, "details"), 0, 0, 0)
	}
	w.choose(box, d)
	w.add(w.scroller, box)
	if d.body != "" || d.details != "" || len(w.radios) > 0 {
		w.packStart(page, w.scroller, 1, 1, 0)
	}
}

// choose lists what can be chosen.
func (w *gtkDialog) choose(box uintptr, d dialog) {
	if len(d.choices.List) == 0 {
		return
	}
	list := w.newBox(vertical, 2)
	w.packStart(list, w.label(d.choices.Label, "fieldlabel"), 0, 0, 4)
	group := uintptr(0)
	for i, c := range d.choices.List {
		var radio uintptr
		if d.choices.Several {
			radio = w.class(w.newCheck(), "choose")
			w.setActive(radio, int32(d.choices.marks()>>i&1))
		} else if radio = w.class(w.newRadio(group), "choose"); group == 0 {
			group = radio
		}
		row := w.newBox(horizontal, 12)
		if c.Icon != nil {
			w.packStart(row, w.picture(c.Icon), 0, 0, 0)
		}
		words := w.newBox(vertical, 0)
		w.valign(words, alignCenter)
		for k, s := range []string{c.Label, c.Note} {
			if s == "" {
				continue
			}
			l := w.newLabel(s)
			w.ellipsize(l, ellipsizeEnd)
			w.xalign(l, 0)
			if w.attrs != 0 {
				w.attributes(l, w.attrs)
			}
			if k == 1 {
				w.class(l, "quiet")
			}
			w.packStart(words, l, 0, 0, 0)
		}
		w.packStart(row, words, 1, 1, 0)
		w.add(radio, row)
		w.setName(w.accessible(radio), join(c.Label, c.Note))
		if i == d.choices.Chosen && !d.choices.Several {
			w.setActive(radio, 1)
		}
		w.packStart(list, radio, 0, 0, 0)
		w.radios = append(w.radios, radio)
	}
	w.packStart(box, list, 0, 0, 0)
}

// picture shows an icon beside a choice.
func (w *gtkDialog) picture(icon image.Image) uintptr {
	img := straight(icon, choiceIcon)
	data := w.newBytes(&img.Pix[0], uint64(len(img.Pix)))
	pixbuf := w.newPixbuf(data, 0, 1, 8, choiceIcon, choiceIcon, int32(img.Stride))
	shown := w.newImage(pixbuf)
	w.unref(pixbuf)
	w.unrefBytes(data)
	return shown
}

// chosen is which of the choices is.
func (w *gtkDialog) chosen() int {
	for i, r := range w.radios {
		if w.active(r) != 0 {
			return i
		}
	}
	return 0
}

// marked has a bit for each of several choices that is marked.
func (w *gtkDialog) marked() (bits uint64) {
	for i, r := range w.radios {
		if w.active(r) != 0 {
			bits |= 1 << i
		}
	}
	return bits
}

func (w *gtkDialog) field(page uintptr, d dialog) {
	if d.fault != "" {
		f := w.label(d.fault, "fault")
		w.setAccRole(w.accessible(f), w.roleFor("alert"))
		w.packStart(page, f, 0, 0, 0)
	}
	if d.field == nil {
		return
	}
	box := w.newBox(vertical, 6)
	label := w.label(d.field.label, "fieldlabel")
	w.packStart(box, label, 0, 0, 0)
	w.entry = w.newEntry()
	w.maxLength(w.entry, maxEntry)
	w.setEntry(w.entry, d.field.value)
	w.mnemonic(label, w.entry)
	acc := w.accessible(w.entry)
	w.setName(acc, d.field.label)
	w.setDesc(acc, join(d.fault, d.field.hint))
	w.packStart(box, w.entry, 0, 0, 0)
	if d.field.hint != "" {
		w.packStart(box, w.label(d.field.hint, "quiet"), 0, 0, 0)
	}
	w.packStart(page, box, 0, 0, 0)
	w.when(w.entry, "activate", func() bool { w.accept(); return false })
	w.first = w.entry
}

func (w *gtkDialog) links(page uintptr, d dialog) {
	if len(d.links) == 0 && d.report == "" && d.aside == "" && d.also == "" {
		return
	}
	box := w.newBox(vertical, 4)
	row := w.newBox(horizontal, 10)
	w.packStart(box, row, 0, 0, 0)
	room := linkRoom
	add := func(label, address, tooltip string, e event) {
		need := utf8.RuneCountInString(label) + 3
		if need > room && room < linkRoom {
			row, room = w.newBox(horizontal, 10), linkRoom
			w.packStart(box, row, 0, 0, 0)
		}
		room -= need
		b := w.newLink(address, label)
		w.halign(b, alignStart)
		w.ellipsize(w.childOf(b), ellipsizeEnd)
		w.maxChars(w.childOf(b), linkRoom)
		w.tooltip(b, tooltip)
		w.when(b, "activate-link", func() bool {
			w.tell(e)
			return true
		})
		w.packStart(row, b, 0, 0, 0)
	}
	for _, l := range d.links {
		add(l.Label, l.URL, l.URL, event{kind: followed, text: l.URL})
	}
	if d.also != "" {
		add(d.also, "about:blank", d.also, event{kind: chatting, text: alsoText})
	}
	if d.aside != "" {
		add(d.aside, "about:blank", d.aside, event{kind: chatting})
	}
	if d.report != "" {
		add(d.report, "about:blank", d.report, event{kind: reporting}) // GTK wants an address; it is never opened
	}
	if len(d.links) == 0 {
		w.packStart(page, box, 0, 0, 0)
		return
	}
	w.address = w.label("", "quiet")
	w.noShowAll(w.address, 1)
	w.packStart(box, w.address, 0, 0, 0)
	w.packStart(page, box, 0, 0, 0)
}

// remind keeps room for the warning, so that no button moves under the pointer when it comes.
func (w *gtkDialog) remind(page uintptr, d dialog) {
	if d.warning == "" && d.more == "" {
		return
	}
	w.stack = w.newStack()
	w.addNamed(w.stack, w.newBox(horizontal, 0), "nothing")
	box := w.newBox(horizontal, 12)
	w.warning = w.label(d.warning, "warning")
	w.setAccRole(w.accessible(w.warning), w.roleFor("alert"))
	w.packStart(box, w.warning, 1, 1, 0)
	if d.more != "" {
		b := w.button(d.more)
		w.valign(b, alignCenter)
		w.when(b, "clicked", func() bool { w.tell(event{kind: moreTime, at: time.Now()}); return false })
		w.packStart(box, b, 0, 0, 6)
		w.more = b
	}
	w.addNamed(w.stack, box, "warning")
	w.packStart(page, w.stack, 0, 0, 0)
}

func (w *gtkDialog) choices(page uintptr, d dialog) {
	box := w.class(w.newBox(horizontal, 18), "choices")
	w.homogeneous(box, 1)
	if d.refuse == "" || d.accept == "" { // a single button is not as wide as the window
		w.packStart(box, w.newBox(horizontal, 0), 1, 1, 0)
	}
	if d.refuse != "" {
		no := w.class(w.button(d.refuse), "choice")
		w.when(no, "clicked", func() bool { w.refuse(); return false })
		w.packStart(box, no, 1, 1, 0)
		if w.first == 0 {
			w.first = no
		}
	}
	if d.accept != "" {
		yes := w.class(w.button(d.accept), "choice", "accept")
		w.when(yes, "clicked", func() bool { w.accept(); return false })
		w.packStart(box, yes, 1, 1, 0)
		if w.first == 0 {
			w.first = yes
		}
	}
	w.packEnd(page, box, 0, 0, 0)
}

// button makes a button whose label wraps, so that long languages fit.
func (w *gtkTop) button(s string) uintptr {
	b := w.newButton()
	l := w.label(s)
	w.xalign(l, 0.5)
	w.justify(l, 2) // centre
	w.maxChars(l, 24)
	w.hexpand(l, 0)
	w.add(b, l)
	w.setName(w.accessible(b), s)
	return b
}

// fit gives the window its width, and the text all the height it needs that the screen has.
func (w *gtkDialog) fit(page uintptr, d dialog) {
	scale := int(max(1, w.scale(w.window)))
	screen := w.desk.monitor()
	width := min(dialogWidth, screen.Dx()/scale-40)
	if d.busy && d.heading == "" {
		width = min(width, 440)
	}
	w.sizeRequest(page, int32(width), -1)
	w.showAll(page)
	inner := int32(width - 2*26)
	var least, rest, want, none int32
	w.minContent(w.scroller, 1)
	w.heightFor(page, int32(width), &least, &rest)
	child := w.childOf(w.scroller)
	w.heightFor(child, inner, &none, &want)
	w.minContent(w.scroller, max(24, min(want, int32(screen.Dy()/scale-screenMargin)-least, 420)))
}

// listen handles the keys of the whole window.
func (w *gtkDialog) listen() {
	w.on(w.window, "delete-event", func(uintptr) bool { w.refuse(); return true })
	w.on(w.window, "key-press-event", func(ev uintptr) bool {
		var key uint32
		if w.eventKey(ev, &key) == 0 {
			return false
		}
		if key == keyEscape {
			w.refuse()
			return true
		}
		return w.scroll(key)
	})
}

// scroll moves the long text, whatever button has the focus.
func (w *gtkDialog) scroll(key uint32) bool {
	for _, r := range append(slices.Clone(w.radios), w.entry) {
		if r != 0 && w.hasFocus(r) != 0 {
			return false // there the keys mean something else
		}
	}
	adj := w.vadjust(w.scroller)
	end, page := w.adjUpper(adj), w.adjPage(adj)
	if end <= page {
		return false
	}
	at := w.adjValue(adj)
	switch key {
	case keyUp, keyPadUp:
		at -= 48
	case keyDown, keyPadDown:
		at += 48
	case keyPageUp, keyPadPageUp:
		at -= page * 0.9
	case keyPageDown, keyPadPageDown:
		at += page * 0.9
	case keyHome, keyPadHome:
		at = 0
	case keyEnd, keyPadEnd:
		at = end
	default:
		return false
	}
	w.setAdj(adj, at)
	return true
}

func (w *gtkDialog) refuse() { w.tell(event{kind: refused, at: time.Now()}) }

func (w *gtkDialog) accept() {
	e := event{kind: accepted, choice: w.chosen(), marks: w.marked(), at: time.Now()}
	if w.entry != 0 {
		e.text = w.entryText(w.entry)
	}
	w.tell(e)
}

func (w *gtkDialog) set(p part, s string) {
	w.change(func() {
		switch p {
		case partBody:
			w.setText(w.body, s)
		case partAddress:
			if w.address != 0 {
				w.setText(w.address, s)
				w.show(w.address)
			}
		case partWarning:
			w.warn(s)
		}
	})
}

func (w *gtkDialog) warn(s string) {
	if w.stack == 0 {
		return
	}
	if s != "" {
		w.setText(w.warning, s)
		w.showChild(w.stack, "warning")
		return
	}
	leaving := w.more != 0 && w.hasFocus(w.more) != 0
	w.showChild(w.stack, "nothing")
	if leaving {
		w.grabFocus(w.first) // from the button that has gone
	}
}
