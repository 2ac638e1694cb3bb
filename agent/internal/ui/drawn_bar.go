package ui

import (
	"image"
	"sync"

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
	held    bool
	grab    image.Point

	mu  sync.Mutex
	at  image.Rectangle // on the root window
	end image.Rectangle // the red X, in the window
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

// measure finds the place of the red X.
func (b *drawnBar) measure() {
	edge := b.px(5)
	size := b.sheet.Rect
	width := min(b.bold.width(b.text.End)+b.px(48), size.Dx()/2)
	b.mu.Lock()
	b.end = image.Rect(size.Max.X-edge-width, edge, size.Max.X-edge, size.Max.Y-edge)
	b.mu.Unlock()
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
		switch b.keys.symbol(e.Detail, e.State) {
		case keyReturn, keyPadEnter, keySpace, keyPadSpace:
			if b.focused {
				b.tell(event{kind: ended})
			}
		}
	case xproto.ButtonPressEvent:
		if e.Detail == 1 {
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
		b.light(image.Pt(int(e.EventX), int(e.EventY)).In(b.end))
	case xproto.LeaveNotifyEvent:
		b.light(false)
	}
}

func (b *drawnBar) light(lit bool) {
	if lit != b.lit {
		b.lit = lit
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

// paint draws from the right what must be seen, and gives the sentence the rest.
func (b *drawnBar) paint() {
	c := b.sheet
	c.fill(c.Rect, barEdge)
	c.fill(c.Rect.Inset(b.px(1)), barGround)
	y := (c.Rect.Dy() - b.body.line) / 2

	red := barRed
	if b.lit {
		red = barNear
	}
	if b.focused {
		c.round(b.end, b.px(4), barText)
		c.round(b.end.Inset(b.px(3)), b.px(2), red)
	} else {
		c.round(b.end, b.px(4), red)
	}
	mark := b.px(12)
	at := image.Pt(b.end.Min.X+b.px(12), (c.Rect.Dy()-mark)/2)
	c.cross(image.Rectangle{Min: at, Max: at.Add(image.Pt(mark, mark))}, float32(b.px(3)), barText)
	b.bold.put(c, image.Pt(at.X+mark+b.px(9), y), b.bold.ellipsis(b.text.End, b.end.Max.X-at.X-mark-b.px(15)), barText)

	x := b.end.Min.X - b.px(16) - max(b.px(44), b.body.width(b.clock))
	b.body.put(c, image.Pt(x, y), b.clock, barText)
	if b.text.Recording != "" {
		word := b.body.ellipsis(b.text.Recording, c.Rect.Dx()/5)
		x -= b.px(16) + b.body.width(word)
		b.body.put(c, image.Pt(x, y), word, barText)
		x -= b.px(18)
		c.disc(image.Pt(x+b.px(4), c.Rect.Dy()/2), b.px(5), barDot)
	}
	left := b.px(14)
	room := x - b.px(14) - left
	who := b.bold.width(b.text.Who)
	if b.text.Allowed != "" {
		allowed := b.body.ellipsis(b.text.Allowed, max(room*2/5, room-who-b.px(20)))
		w := b.body.width(allowed)
		x -= b.px(18) + w
		b.body.put(c, image.Pt(x, y), allowed, barQuiet)
		room -= w + b.px(18)
	}
	b.bold.put(c, image.Pt(left, y), b.bold.ellipsis(b.text.Who, room), barText)
	b.show(c.Rect)
}

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
		b.clock = s
		b.paint()
	})
}
