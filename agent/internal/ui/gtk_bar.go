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
	rows, words, row                              uintptr  // row, of the buttons, stands beside the words or below them
	who, allowed, sign, word, clock, end, endText uintptr

	pause, pauseText, other, otherText, back, backText, chat, chatText uintptr

	breadth int  // of the whole
	two     bool // rows
	text    BarText
	said    string // of the sentence
	permits string // what of Allowed or Short is shown
	time    string

	mu sync.Mutex
	at image.Rectangle
}

const (
	barHeight   = 42 // pixels before scaling
	barTwoRows  = 70 // the same, where the screen is too narrow for one
	barWidth    = 1000
	barMinWidth = 600
	barGap      = 14
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
	b.rows = b.class(g.newBox(horizontal, barGap), "bar")
	b.words, b.row = g.newBox(horizontal, barGap), g.newBox(horizontal, barGap)
	g.add(b.window, b.rows)
	g.packStart(b.rows, b.words, 1, 1, 0)
	g.packStart(b.rows, b.row, 0, 1, 0)
	b.who = b.slimLabel("who")
	b.allowed = b.slimLabel("quiet")
	b.sign = b.class(g.newBox(horizontal, 0), "dot")
	g.valign(b.sign, alignCenter)
	b.word = b.fixedLabel("word")
	b.clock = b.fixedLabel("clock")
	g.widthChars(b.clock, 6)
	b.pause, b.pauseText = b.slimButton(paused)
	b.other, b.otherText = b.slimButton(changing)
	b.back, b.backText = b.slimButton(takingBack)
	b.chat, b.chatText = b.slimButton(chatting)
	b.end = b.class(g.newButton(), "end")
	b.endText = b.fixedLabel("text")
	press := g.newBox(horizontal, 8)
	g.packStart(press, b.class(g.newLabel("✕"), "cross"), 0, 0, 0)
	g.packStart(press, b.endText, 0, 0, 0)
	g.add(b.end, press)
	g.packStart(b.words, b.who, 1, 1, 0)
	g.packStart(b.words, b.allowed, 0, 1, 0)
	record := g.newBox(horizontal, 6)
	g.packStart(record, b.sign, 0, 0, 0)
	g.packStart(record, b.word, 0, 0, 0)
	g.packStart(b.row, record, 0, 0, 0)
	g.packStart(b.row, b.clock, 0, 0, 0)
	g.packEnd(b.row, b.end, 0, 0, 0)
	g.packEnd(b.row, b.back, 0, 0, 0)
	g.packEnd(b.row, b.other, 0, 0, 0)
	g.packEnd(b.row, b.pause, 0, 0, 0)
	g.packEnd(b.row, b.chat, 0, 0, 0)

	g.showAll(b.rows)
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
	return image.Pt(max(0, min(p.X, all.Dx()/scale-int(w))), max(0, min(p.Y, all.Dy()/scale-max(int(h), b.tall()))))
}

func (b *gtkBar) tall() int {
	if b.two {
		return barTwoRows
	}
	return barHeight
}

// place puts the bar at the top, in the middle of the first monitor.
func (b *gtkBar) place() {
	scale := int(max(1, b.scale(b.window)))
	m := b.desk.monitor()
	b.defaultSize(b.window, int32(b.breadth), int32(b.tall()))
	b.resize(b.window, int32(b.breadth), int32(b.tall()))
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
	b.setText(b.word, t.Recording)
	b.setName(b.accessible(b.sign), t.Recording) // where there is no room for the word
	if t.Recording == "" {
		b.hide(b.sign)
	} else {
		b.gtk.show(b.sign)
	}
	for _, c := range []struct {
		button, label uintptr
		text          string
	}{{b.pause, b.pauseText, t.Pause}, {b.other, b.otherText, t.Change}, {b.back, b.backText, t.TakeBack}, {b.chat, b.chatText, t.Chat}} {
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
	b.setName(b.accessible(b.allowed), t.Allowed)
}

// say gives the sentence the room that the rest leaves. Where that is too small, first that it may
// be seen only goes, then names are shortened, and then the sentence gets a row of its own. What is
// allowed beside seeing stays to be read, in fewer words where there is no room for all.
func (b *gtkBar) say() {
	was := b.two
	if b.stack(false); !b.sayBeside() {
		b.stack(true)
		b.sayAbove()
	}
	if b.two == was || b.x == 0 {
		return // place gives a window that is not there yet its size
	}
	b.resize(b.window, int32(b.breadth), int32(b.tall()))
	var x, y int32
	b.position(b.window, &x, &y)
	to := b.inside(image.Pt(int(x), int(y)))
	b.move(b.window, int32(to.X), int32(to.Y))
}

// stack puts the buttons below the words, or beside them, with all that can be shown.
func (b *gtkBar) stack(two bool) {
	b.two = two
	b.permit(b.text.Allowed)
	b.gtk.show(b.allowed)
	b.gtk.show(b.word)
	if two {
		b.turn(b.rows, vertical)
		b.spacing(b.rows, 0)
		b.marginEnd(b.words, 10) // as far from the edge as they begin
	} else {
		b.turn(b.rows, horizontal)
		b.spacing(b.rows, barGap)
		b.marginEnd(b.words, 0)
	}
}

// sayBeside reports whether everything that has to be read has room in one row.
func (b *gtkBar) sayBeside() bool {
	who := parse(b.text.Who)
	b.write(who.String())
	if b.natural(b.rows) <= b.breadth {
		return true
	}
	if b.text.TakeBack != "" {
		return false // more than seeing is allowed: that stays to be read
	}
	b.hide(b.allowed)
	b.permits = ""
	rest := b.natural(b.rows) - b.natural(b.who)
	fits := who.fit(b.breadth-rest, leastOfName, b.write)
	b.write(who.String())
	return fits
}

// sayAbove is the same for two rows. Where even they are too narrow the buttons give way.
func (b *gtkBar) sayAbove() {
	who := parse(b.text.Who)
	b.write(who.String())
	edges := b.natural(b.rows) - max(b.natural(b.words), b.natural(b.row))
	if b.natural(b.words)+edges > b.breadth && b.text.Short != "" {
		b.permit(b.text.Short)
	}
	if b.natural(b.words)+edges > b.breadth {
		short := parse(b.text.Who) // names give way to what is allowed beside seeing
		if b.text.TakeBack == "" || !short.fit(b.breadth-edges-(b.natural(b.words)-b.natural(b.who)), leastOfName, b.write) {
			b.hide(b.allowed)
			b.permits = ""
		}
		b.write(who.String())
	}
	if b.natural(b.row)+edges > b.breadth {
		b.hide(b.word)
	}
	rest := b.natural(b.words) - b.natural(b.who)
	who.fit(b.breadth-edges-rest, 1, b.write)
	b.write(who.String())
}

// permit puts what is allowed on the bar.
func (b *gtkBar) permit(text string) {
	b.permits = text
	b.setText(b.allowed, text)
}

// write puts the sentence on the bar and returns how wide it is.
func (b *gtkBar) write(text string) int {
	b.said = text
	b.setText(b.who, text)
	return b.natural(b.who)
}

// natural is the width that a widget would like to have.
func (b *gtkBar) natural(widget uintptr) int {
	var least, natural int32
	b.widthOf(widget, &least, &natural)
	return int(natural)
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
