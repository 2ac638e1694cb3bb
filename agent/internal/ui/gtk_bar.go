package ui

import (
	"image"
	"sync"
	"time"
)

// gtkBar is the bar made of GTK's widgets: a popup, which no window manager touches.
type gtkBar struct {
	*gtkTop
	shield                                        *overlay // over the red X
	row                                           uintptr
	who, allowed, sign, word, clock, end, endText uintptr

	pause, pauseText, other, otherText uintptr

	breadth int // of the whole
	text    BarText
	said    string // of the sentence
	time    string

	mu sync.Mutex
	at image.Rectangle
}

const (
	barHeight   = 42 // pixels before scaling
	barWidth    = 1000
	barMinWidth = 420
)

func (g *gtk) openBar(t BarText, tell func(event)) (barWindow, error) {
	var b *gtkBar
	var failure error
	if err := g.do(func() { b, failure = g.buildBar(t, tell) }); err != nil {
		return nil, err
	}
	if failure != nil {
		return nil, failure
	}
	return b, nil
}

func (g *gtk) buildBar(t BarText, tell func(event)) (*gtkBar, error) {
	g.direction(directionLTR)
	if rightToLeft(t.Who) {
		g.direction(directionRTL)
	}
	b := &gtkBar{gtkTop: g.newTop(windowPopup, "consentobar", t.Title, tell)}
	g.setHint(b.window, hintDock)
	g.setResizable(b.window, 1)

	scale := int(max(1, b.scale(b.window)))
	monitor := b.desk.monitor().Dx() / scale
	b.breadth = max(min(barWidth, monitor-80), min(barMinWidth, monitor))
	row := b.class(g.newBox(horizontal, 14), "bar")
	b.row = row
	g.add(b.window, row)
	b.who = b.slimLabel("who")
	b.allowed = b.slimLabel("quiet")
	b.sign = b.class(g.newBox(horizontal, 0), "dot")
	g.valign(b.sign, alignCenter)
	b.word = b.fixedLabel("word")
	b.clock = b.fixedLabel("clock")
	g.widthChars(b.clock, 6)
	b.pause, b.pauseText = b.slimButton(paused)
	b.other, b.otherText = b.slimButton(changing)
	b.end = b.class(g.newButton(), "end")
	b.endText = b.fixedLabel("text")
	press := g.newBox(horizontal, 8)
	g.packStart(press, b.class(g.newLabel("✕"), "cross"), 0, 0, 0)
	g.packStart(press, b.endText, 0, 0, 0)
	g.add(b.end, press)
	g.packStart(row, b.who, 1, 1, 0)
	g.packStart(row, b.allowed, 0, 1, 0)
	g.packEnd(row, b.end, 0, 0, 0)
	g.packEnd(row, b.other, 0, 0, 0)
	g.packEnd(row, b.pause, 0, 0, 0)
	g.packEnd(row, b.clock, 0, 0, 0)
	record := g.newBox(horizontal, 6)
	g.packStart(record, b.sign, 0, 0, 0)
	g.packStart(record, b.word, 0, 0, 0)
	g.packEnd(row, record, 0, 0, 0)

	g.showAll(row)
	b.fill(t)
	b.press()
	b.drag()
	g.setFocusVis(b.window, 1)
	g.grabFocus(b.end)
	b.place()
	b.appear()
	return b, b.cover()
}

// cover lays the overlay on the red X, and keeps it there.
func (b *gtkBar) cover() error {
	shield, err := b.desk.cover(b.x, func() { b.tell(event{kind: ended}) }, func(lit bool) {
		b.change(func() {
			if lit {
				b.setState(b.end, statePrelight, 0)
			} else {
				b.unsetState(b.end, statePrelight)
			}
		})
	})
	if err != nil {
		return err
	}
	b.shield = shield
	lay := func() {
		scale := int(max(1, b.scale(b.window)))
		var x, y int32
		b.translate(b.end, b.window, 0, 0, &x, &y)
		r := image.Rect(int(x), int(y), int(x+b.gtk.width(b.end)), int(y+b.height(b.end)))
		shield.place(image.Rectangle{Min: r.Min.Mul(scale), Max: r.Max.Mul(scale)})
	}
	b.on(b.end, "size-allocate", func(uintptr) bool { lay(); return false })
	lay()
	return nil
}

func (b *gtkBar) close() {
	b.gtkTop.close()
	b.shield.forget()
}

// slimButton is a button that gives way when the bar is narrow.
func (b *gtkBar) slimButton(k kind) (button, text uintptr) {
	button = b.newButton()
	text = b.slimLabel("text")
	b.add(button, text)
	b.when(button, "clicked", func() bool { b.tell(event{kind: k, at: time.Now()}); return false })
	return button, text
}

func (b *gtkBar) slimLabel(class string) uintptr {
	l := b.class(b.newLabel(""), class)
	b.ellipsize(l, ellipsizeEnd)
	b.xalign(l, 0)
	return l
}

func (b *gtkBar) fixedLabel(class string) uintptr {
	l := b.class(b.newLabel(""), class)
	b.ellipsize(l, 0)
	return l
}

// press ends on the press of a button, not on its release: nothing can come between. The mouse is
// caught by the overlay already; this is for touch, keyboard and screen reader.
func (b *gtkBar) press() {
	b.addEvents(b.end, maskPointer)
	end := func() bool { b.tell(event{kind: ended}); return false }
	b.on(b.end, "button-press-event", func(uintptr) bool { return end() })
	b.when(b.end, "clicked", end)
	b.on(b.window, "delete-event", func(uintptr) bool { return true })
}

// drag moves the bar with the mouse, and gives it the keyboard when it is clicked.
func (b *gtkBar) drag() {
	b.addEvents(b.window, maskPointer)
	var grab image.Point
	held := false
	root := func(ev uintptr) image.Point {
		var x, y float64
		b.eventRoot(ev, &x, &y)
		return image.Pt(int(x), int(y))
	}
	b.on(b.window, "button-press-event", func(ev uintptr) bool {
		var x, y int32
		b.position(b.window, &x, &y)
		grab, held = root(ev).Sub(image.Pt(int(x), int(y))), true
		b.desk.focusNow(b.x)
		return false
	})
	b.on(b.window, "motion-notify-event", func(ev uintptr) bool {
		if held {
			to := b.inside(root(ev).Sub(grab))
			b.move(b.window, int32(to.X), int32(to.Y))
			b.note()
		}
		return false
	})
	b.on(b.window, "button-release-event", func(uintptr) bool { held = false; return false })
	b.on(b.window, "configure-event", func(uintptr) bool { b.note(); return false })
}

// inside keeps the whole bar on the screen: one that was pushed off it could not be pressed.
func (b *gtkBar) inside(p image.Point) image.Point {
	scale := int(max(1, b.scale(b.window)))
	var w, h int32
	b.size(b.window, &w, &h)
	all := b.desk.size
	return image.Pt(max(0, min(p.X, all.Dx()/scale-int(w))), max(0, min(p.Y, all.Dy()/scale-int(h))))
}

// place puts the bar at the top, in the middle of the first monitor.
func (b *gtkBar) place() {
	scale := int(max(1, b.scale(b.window)))
	m := b.desk.monitor()
	b.defaultSize(b.window, int32(b.breadth), barHeight)
	b.resize(b.window, int32(b.breadth), barHeight)
	b.move(b.window, int32((m.Min.X+m.Dx()/2)/scale-b.breadth/2), int32(m.Min.Y/scale))
}

// note remembers where the bar is, for bounds.
func (b *gtkBar) note() {
	scale := max(1, b.scale(b.window))
	var x, y, w, h int32
	b.position(b.window, &x, &y)
	b.size(b.window, &w, &h)
	b.mu.Lock()
	b.at = image.Rect(int(x*scale), int(y*scale), int((x+w)*scale), int((y+h)*scale))
	b.mu.Unlock()
}

func (b *gtkBar) bounds() image.Rectangle {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.at
}

func (b *gtkBar) fill(t BarText) {
	b.text = t
	b.setTitle(b.window, t.Title)
	b.setText(b.allowed, t.Allowed)
	b.setText(b.word, t.Recording)
	if t.Recording == "" {
		b.hide(b.sign)
	} else {
		b.gtk.show(b.sign)
	}
	for _, c := range []struct {
		button, label uintptr
		text          string
	}{{b.pause, b.pauseText, t.Pause}, {b.other, b.otherText, t.Change}} {
		b.setText(c.label, c.text) // no tooltip anywhere on the bar: its timer outlives a closed display, and then GTK crashes
		b.setName(b.accessible(c.button), c.text)
		if c.text == "" {
			b.hide(c.button)
		} else {
			b.gtk.show(c.button)
		}
	}
	b.setText(b.endText, t.End)
	b.setName(b.accessible(b.end), t.End)
	b.say()
	b.setName(b.accessible(b.who), t.Who) // all of it
}

// say gives the sentence the room that the rest leaves. Where that is too small, first what is
// allowed goes, then names are shortened, and then the buttons give way.
func (b *gtkBar) say() {
	measure := func(widget uintptr) (least, natural int) {
		var min, nat int32
		b.widthOf(widget, &min, &nat)
		return int(min), int(nat)
	}
	width := func(text string) int {
		b.said = text
		b.setText(b.who, text)
		_, natural := measure(b.who)
		return natural
	}
	who := parse(b.text.Who)
	b.sizeRequest(b.who, -1, -1)
	b.gtk.show(b.allowed)
	width(who.String())
	if _, all := measure(b.row); b.text.Allowed != "" && all <= b.breadth {
		return
	}
	b.hide(b.allowed)
	whoLeast, whoNatural := measure(b.who)
	least, natural := measure(b.row)
	if who.fit(b.breadth-(natural-whoNatural), leastOfName, width) {
		width(who.String())
		return
	}
	room := b.breadth - (least - whoLeast)
	who.fit(room, 1, width)
	b.sizeRequest(b.who, int32(min(room, width(who.String()))), -1)
}

func (b *gtkBar) update(t BarText) { b.change(func() { b.fill(t) }) }

func (b *gtkBar) elapsed(s string) {
	b.change(func() {
		b.setText(b.clock, s)
		if len(s) != len(b.time) { // it takes more room
			b.time = s
			b.say()
		}
	})
}
