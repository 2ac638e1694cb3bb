package ui

import (
	"image"
	"sync"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// drawnBar is the bar drawn here.
type drawnBar struct {
	*drawnWindow
	text    BarText
	clock   string
	body    *lettering
	bold    *lettering
	keys    keyboard
	lit     bool
	focused bool
	focus   int // among the buttons: 0 is the red X
	under   int // of the buttons but the red X, under the pointer; 0 for none
	held    bool
	grab    image.Point

	mu  sync.Mutex
	at  image.Rectangle // on the root window
	end image.Rectangle // the red X, in the window

	others  []barButton
	two     bool   // rows: the words above, the buttons below
	signed  bool   // there is room for the word beside the dot
	said    string // of the sentence
	permits string // what of Allowed or Short is shown
}

// barButton is a button beside the red X.
type barButton struct {
	kind kind
	text string
	r    image.Rectangle
}

func (k *drawn) openBar(t BarText, tell func(event)) (barWindow, error) {
	m := k.desk.monitor()
	width := max(min(k.px(barWidth), m.Dx()-k.px(80)), min(k.px(barMinWidth), m.Dx()))
	corner := image.Pt(m.Min.X+(m.Dx()-width)/2, m.Min.Y)
	at := image.Rectangle{Min: corner, Max: corner.Add(image.Pt(width, k.px(barHeight)))}
	win, err := k.newWindow(at, t.Title, "_NET_WM_WINDOW_TYPE_DOCK", true)
	if err != nil {
		return nil, err
	}
	s := k.styles()
	b := &drawnBar{drawnWindow: win, text: t, clock: clockText(0), body: s.body, bold: s.bold, at: at, keys: readKeyboard(win.conn)}
	b.tell = tell
	b.measure()
	b.early = b.press
	b.start(b.handle)
	return b, nil
}

// measure finds the place of everything. Where one row leaves too little to the sentence, it gets one
// of its own.
func (b *drawnBar) measure() {
	b.two, b.signed = false, b.text.Recording != ""
	b.layOut()
	least := b.leastOfSentence()
	if b.text.TakeBack != "" { // more than seeing is allowed: that stays to be read
		least += b.px(18) + b.body.width(b.text.Allowed)
	}
	if b.two = b.sentenceRoom() < least; b.two {
		b.stand(b.px(barTwoRows))
	} else {
		b.stand(b.px(barHeight))
	}
	b.layOut()
	b.focus, b.under = min(b.focus, len(b.others)), min(b.under, len(b.others))
}

// stand makes the bar so many pixels high.
func (b *drawnBar) stand(height int) {
	size := b.sheet.Rect.Size()
	if size.Y == height {
		return
	}
	b.sheet = newCanvas(size.X, height)
	xproto.ConfigureWindow(b.conn, b.win, xproto.ConfigWindowHeight, []uint32{uint32(height)})
	b.moveTo(b.bounds().Min)
}

// leastOfSentence is how wide the sentence is with names as short as they should be.
func (b *drawnBar) leastOfSentence() int {
	who := parse(b.text.Who)
	who.fit(0, leastOfName, b.bold.width)
	return b.bold.width(who.String())
}

// row is where the buttons are, and all else if there is no other row.
func (b *drawnBar) row() image.Rectangle {
	r := b.sheet.Rect
	r.Min.Y = r.Max.Y - b.px(barHeight)
	return r
}

// layOut places the buttons. Only where two rows are too narrow they give way.
func (b *drawnBar) layOut() {
	edge, gap := b.px(5), b.px(8)
	row := b.row()
	width := min(b.bold.width(b.text.End)+b.px(48), row.Dx()/2)
	b.mu.Lock()
	b.end = image.Rect(row.Max.X-edge-width, row.Min.Y+edge, row.Max.X-edge, row.Max.Y-edge)
	b.mu.Unlock()
	b.others = nil
	all := 0
	for _, o := range []barButton{{kind: takingBack, text: b.text.TakeBack}, {kind: changing, text: b.text.Change}, {kind: paused, text: b.text.Pause}, {kind: chatting, text: b.text.Chat}} {
		if o.text != "" {
			o.r.Max.X = b.body.width(o.text) + b.px(24)
			all += o.r.Dx() + gap
			b.others = append(b.others, o)
		}
	}
	most := row.Dx()
	if b.two {
		room := func() int { return b.end.Min.X - b.px(14) - b.signs() }
		b.signed = b.signed && all <= room()
		if n := len(b.others); all > room() && n > 0 {
			most = max(room()/n-gap, b.px(44))
		}
	}
	right := b.end.Min.X - gap
	for i := range b.others {
		o := &b.others[i]
		width := min(o.r.Dx(), most)
		o.r = image.Rect(right-width, row.Min.Y+edge, right, row.Max.Y-edge)
		right -= width + gap
	}
}

// left is where the buttons begin.
func (b *drawnBar) left() int {
	if n := len(b.others); n > 0 {
		return b.others[n-1].r.Min.X
	}
	return b.end.Min.X
}

// sign is the word beside the dot, as short as it has to be.
func (b *drawnBar) sign() string {
	if !b.signed {
		return ""
	}
	return b.body.ellipsis(b.text.Recording, b.sheet.Rect.Dx()/5)
}

// signs is how wide dot, word and time are, with the room beside them.
func (b *drawnBar) signs() int {
	width := max(b.px(44), b.body.width(b.clock)) + b.px(16)
	if b.text.Recording != "" {
		width += b.px(34) + b.body.width(b.sign())
	}
	return width
}

// sentenceRoom is what the rest leaves to the sentence.
func (b *drawnBar) sentenceRoom() int {
	if b.two {
		return b.sheet.Rect.Dx() - 2*b.px(14)
	}
	return b.left() - b.signs() - 2*b.px(14)
}

// on is the button at a place but the red X, counted from 1; 0 for none.
func (b *drawnBar) on(at image.Point) int {
	for i, o := range b.others {
		if at.In(o.r) {
			return i + 1
		}
	}
	return 0
}

// press runs on the goroutine that reads events, so that no drawing stands before the red X.
func (b *drawnBar) press(e xgb.Event) {
	p, ok := e.(xproto.ButtonPressEvent)
	if !ok || p.Detail != 1 {
		return
	}
	b.mu.Lock()
	hit := image.Pt(int(p.EventX), int(p.EventY)).In(b.end)
	b.mu.Unlock()
	if hit {
		b.tell(event{kind: ended})
	}
}

func (b *drawnBar) handle(e xgb.Event) {
	switch e := e.(type) {
	case xproto.ExposeEvent:
		b.paint()
	case xproto.MappingNotifyEvent:
		b.keys = readKeyboard(b.conn)
	case xproto.FocusInEvent:
		b.focused = e.Detail != xproto.NotifyDetailPointer
		b.paint()
	case xproto.FocusOutEvent:
		b.focused = false
		b.paint()
	case xproto.KeyPressEvent:
		b.key(b.keys.symbol(e.Detail, e.State), e.State)
	case xproto.ButtonPressEvent:
		if i := b.on(image.Pt(int(e.EventX), int(e.EventY))); e.Detail == 1 && i > 0 {
			b.focus = i
			b.desk.focusNow(b.win)
			b.tell(event{kind: b.others[i-1].kind, at: time.Now()})
			b.paint()
			return
		}
		if e.Detail == 1 {
			b.focus = 0
			b.held = true
			b.grab = image.Pt(int(e.RootX), int(e.RootY)).Sub(b.bounds().Min)
			b.desk.focusNow(b.win)
		}
	case xproto.ButtonReleaseEvent:
		b.held = false
	case xproto.MotionNotifyEvent:
		if b.held {
			b.moveTo(image.Pt(int(e.RootX), int(e.RootY)).Sub(b.grab))
			return
		}
		at := image.Pt(int(e.EventX), int(e.EventY))
		b.light(at.In(b.end), b.on(at))
	case xproto.LeaveNotifyEvent:
		b.light(false, 0)
	}
}

func (b *drawnBar) key(sym uint32, state uint16) {
	if !b.focused {
		return
	}
	n := len(b.others) + 1
	switch sym {
	case keyReturn, keyPadEnter, keySpace, keyPadSpace:
		if b.focus == 0 {
			b.tell(event{kind: ended})
			return
		}
		b.tell(event{kind: b.others[b.focus-1].kind, at: time.Now()})
	case keyTab, keyBackTab, keyLeft, keyRight, keyPadLeft, keyPadRight:
		step := 1 // the buttons are counted from the right
		if sym == keyRight || sym == keyPadRight || sym == keyTab && state&xproto.ModMaskShift == 0 {
			step = n - 1
		}
		b.focus = (b.focus + step) % n
		b.paint()
	}
}

func (b *drawnBar) light(lit bool, under int) {
	if lit != b.lit || under != b.under {
		b.lit, b.under = lit, under
		b.paint()
	}
}

// moveTo moves the bar and keeps the whole of it on the screen: one that was pushed off it could
// not be pressed.
func (b *drawnBar) moveTo(p image.Point) {
	size := b.sheet.Rect.Size()
	p.X = max(0, min(p.X, b.desk.size.Dx()-size.X))
	p.Y = max(0, min(p.Y, b.desk.size.Dy()-size.Y))
	b.mu.Lock()
	b.at = image.Rectangle{Min: p, Max: p.Add(size)}
	b.mu.Unlock()
	xproto.ConfigureWindow(b.conn, b.win, xproto.ConfigWindowX|xproto.ConfigWindowY, []uint32{uint32(p.X), uint32(p.Y)})
}

func (b *drawnBar) bounds() image.Rectangle {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.at
}

// paint draws first what must be seen, and gives the sentence the rest.
func (b *drawnBar) paint() {
	c := b.sheet
	c.fill(c.Rect, barEdge)
	c.fill(c.Rect.Inset(b.px(1)), barGround)
	y := b.row().Min.Y + (b.row().Dy()-b.body.line)/2
	b.paintButtons(y)

	// Dot, word and time.
	x := b.left() - b.signs()
	if b.two {
		x = b.px(14)
	}
	right := x // where the sentence's row ends
	if b.text.Recording != "" {
		word := b.sign()
		c.disc(image.Pt(x+b.px(4), y+b.body.line/2), b.px(5), barDot)
		b.body.put(c, image.Pt(x+b.px(18), y), word, barText)
		x += b.px(34) + b.body.width(word)
	}
	b.body.put(c, image.Pt(x, y), b.clock, barText)

	if b.two {
		y, right = b.px(4)+(b.row().Min.Y-b.px(4)-b.body.line)/2, c.Rect.Max.X-b.px(14)
	} else {
		right -= b.px(14)
	}
	room := b.sentenceRoom()
	who := parse(b.text.Who)
	b.permits = ""
	// Who sees what comes first: the rest is there if it fits. Names give way to what is allowed beside seeing.
	sentence := b.bold.width(who.String())
	if b.text.TakeBack != "" {
		sentence = min(sentence, b.leastOfSentence())
	}
	allowed := b.text.Allowed
	if b.text.Short != "" && sentence+b.px(18)+b.body.width(allowed) > room {
		allowed = b.text.Short
	}
	if allowed != "" && sentence+b.px(18)+b.body.width(allowed) <= room {
		b.permits = allowed
		w := b.body.width(allowed)
		b.body.put(c, image.Pt(right-w, y), allowed, barQuiet)
		room -= w + b.px(18)
	}
	who.fit(room, 1, b.bold.width)
	b.said = b.bold.ellipsis(who.String(), room)
	b.bold.put(c, image.Pt(b.px(14), y), b.said, barText)
	b.show(c.Rect)
}

// paintButtons draws the red X and the others; y is where their words are.
func (b *drawnBar) paintButtons(y int) {
	c := b.sheet
	red := barRed
	if b.lit {
		red = barNear
	}
	if b.focused && b.focus == 0 {
		c.round(b.end, b.px(4), barText)
		c.round(b.end.Inset(b.px(3)), b.px(2), red)
	} else {
		c.round(b.end, b.px(4), red)
	}
	mark := b.px(12)
	at := image.Pt(b.end.Min.X+b.px(12), (b.end.Min.Y+b.end.Max.Y-mark)/2)
	c.cross(image.Rectangle{Min: at, Max: at.Add(image.Pt(mark, mark))}, float32(b.px(3)), barText)
	b.bold.put(c, image.Pt(at.X+mark+b.px(9), y), b.bold.ellipsis(b.text.End, b.end.Max.X-at.X-mark-b.px(15)), barText)

	for i, o := range b.others {
		ground, edge := barGround, barEdge
		if b.under == i+1 {
			ground = barLit
		}
		thick := b.px(1)
		if b.focused && b.focus == i+1 {
			edge, thick = barText, b.px(3)
		}
		c.round(o.r, b.px(4), edge)
		c.round(o.r.Inset(thick), b.px(3), ground)
		label := b.shownOn(o)
		b.body.put(c, image.Pt(o.r.Min.X+(o.r.Dx()-b.body.width(label))/2, y), label, barText)
	}
}

// shownOn is what a button says, as short as it has to be.
func (b *drawnBar) shownOn(o barButton) string { return b.body.ellipsis(o.text, o.r.Dx()-b.px(16)) }

func (b *drawnBar) update(t BarText) {
	b.change(func() {
		b.text = t
		b.setTitle(t.Title)
		b.measure()
		b.paint()
	})
}

func (b *drawnBar) elapsed(s string) {
	b.change(func() {
		longer := len(s) != len(b.clock)
		if b.clock = s; longer { // it takes more room
			b.measure()
		}
		b.paint()
	})
}
