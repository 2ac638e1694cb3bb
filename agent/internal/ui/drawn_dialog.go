package ui

import (
	"image"
	"math"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// drawnDialog is a dialog drawn here. All but xid, set and close runs on the window's goroutine.
type drawnDialog struct {
	*drawnWindow
	d      dialog
	by     styles
	lay    dialogLayout
	keys   keyboard
	focus  int // among the targets
	hover  int // -1 for none
	held   int // pressed and not yet released: a target, none, or thumb
	offset int // of the long text
	seen   bool
	warned string // the warning that is shown
	lost   string // the address of a link that did not open
	turn   int    // of the sign of work
	entry  entry
	chosen int    // of the choices; of several the one that has the focus
	marks  uint64 // a bit for each of several choices that is marked
}

// quietMargin is how far a window that asks nothing stands from the corner, in pixels.
const quietMargin = 64

const (
	none  = -1
	thumb = -2
)

func (k *drawn) openDialog(d dialog, tell func(event)) (dialogWindow, error) {
	by := k.styles()
	screen := k.desk.monitor()
	lay := k.arrange(d, by, screen)
	corner := screen.Min.Add(image.Pt((screen.Dx()-lay.size.X)/2, max(0, (screen.Dy()-lay.size.Y)/2)))
	if d.quiet {
		corner = screen.Max.Sub(lay.size).Sub(image.Pt(quietMargin, quietMargin))
	}
	win, err := k.newWindow(image.Rectangle{Min: corner, Max: corner.Add(lay.size)}, d.title, "_NET_WM_WINDOW_TYPE_DIALOG", false)
	if err != nil {
		return nil, err
	}
	if d.quiet {
		win.put32("_NET_WM_USER_TIME", xproto.AtomCardinal, 0) // EWMH: it does not take the keyboard when it comes up
	}
	w := &drawnDialog{drawnWindow: win, d: d, by: by, lay: lay, hover: none, held: none, keys: readKeyboard(win.conn)}
	w.tell = tell
	w.chosen, w.marks = d.choices.Chosen, d.choices.marks()
	if d.field != nil {
		w.entry.insert(d.field.value)
	} else {
		w.focus = w.first()
	}
	w.start(w.handle)
	if d.busy {
		w.done.Go(w.work)
	}
	return w, nil
}

// first is the target that has the focus at the beginning: the field, else the refusing button,
// else the only one.
func (w *drawnDialog) first() int {
	for i, t := range w.lay.targets {
		if t.kind == shown || t.kind == refused {
			return i
		}
	}
	return len(w.lay.targets) - 1
}

func (w *drawnDialog) handle(e xgb.Event) {
	switch e := e.(type) {
	case xproto.ExposeEvent:
		if e.Count > 0 {
			return
		}
		w.paint()
		if !w.seen {
			w.seen = true
			w.tell(event{kind: shown, at: time.Now()})
		}
	case xproto.MappingNotifyEvent:
		w.keys = readKeyboard(w.conn)
	case xproto.ClientMessageEvent:
		if e.Format == 32 && e.Type == w.atom("WM_PROTOCOLS") && xproto.Atom(e.Data.Data32[0]) == w.atom("WM_DELETE_WINDOW") {
			w.press(refused, "")
		}
	case xproto.KeyPressEvent:
		w.key(w.keys.symbol(e.Detail, e.State), e.State)
	case xproto.SelectionNotifyEvent:
		w.paste(e)
	default:
		w.pointer(e)
	}
}

// press tells what a target stands for.
func (w *drawnDialog) press(k kind, text string) {
	if k == picked && w.d.choices.Several {
		w.marks ^= 1 << w.chosen
		w.paint()
	}
	if k == shown || k == picked {
		return
	}
	if k == accepted && w.d.field != nil {
		text = string(w.entry.text)
	}
	w.tell(event{kind: k, text: text, choice: w.chosen, marks: w.marks, at: time.Now()})
}

func (w *drawnDialog) key(sym uint32, state uint16) {
	inField, amongChoices := w.lay.targets[w.focus].kind == shown, w.lay.targets[w.focus].kind == picked
	switch sym {
	case keyEscape:
		w.press(refused, "")
		return
	case keyTab, keyBackTab:
		step := 1
		if sym == keyBackTab || state&xproto.ModMaskShift != 0 {
			step = -1
		}
		w.move(step)
		return
	case keyReturn, keyPadEnter:
		if inField {
			w.press(accepted, "")
			return
		}
		w.press(w.lay.targets[w.focus].kind, w.lay.targets[w.focus].text)
		return
	}
	switch {
	case inField:
		w.edit(sym, state)
	case amongChoices && (sym == keyUp || sym == keyPadUp || sym == keyLeft || sym == keyPadLeft):
		w.choose(w.chosen - 1)
	case amongChoices && (sym == keyDown || sym == keyPadDown || sym == keyRight || sym == keyPadRight):
		w.choose(w.chosen + 1)
	case sym == keySpace || sym == keyPadSpace:
		w.press(w.lay.targets[w.focus].kind, w.lay.targets[w.focus].text)
	case sym == keyLeft || sym == keyPadLeft:
		w.move(-1)
	case sym == keyRight || sym == keyPadRight:
		w.move(1)
	default:
		w.scrollKey(sym)
	}
}

// move takes the focus to the next target that is there.
func (w *drawnDialog) move(step int) {
	n := len(w.lay.targets)
	for range n {
		w.focus = (w.focus + step + n) % n
		if t := w.lay.targets[w.focus]; w.there(w.focus) && (t.kind != picked || t.choice == w.chosen) {
			break // of the choices only the chosen one has the focus, as everywhere
		}
	}
	w.see(w.focus)
	w.paint()
}

// choose makes a choice the chosen one and gives it the focus; after the last comes the first.
func (w *drawnDialog) choose(i int) {
	n := len(w.d.choices.List)
	w.chosen = (i + n) % n
	for k, t := range w.lay.targets {
		if t.kind == picked && t.choice == w.chosen {
			w.focus = k
		}
	}
	w.see(w.focus)
	w.paint()
}

// see scrolls so that a choice is in view.
func (w *drawnDialog) see(i int) {
	if t := w.lay.targets[i]; t.kind == picked {
		w.offset = max(min(w.offset, t.r.Min.Y), t.r.Max.Y-w.lay.view.Dy())
		if t.choice == 0 && t.r.Max.Y <= w.lay.view.Dy() {
			w.offset = 0
		}
	}
}

// at is where a target is on the window: choices scroll with the text.
func (w *drawnDialog) at(t target) image.Rectangle {
	if t.kind != picked {
		return t.r
	}
	return t.r.Add(w.lay.view.Min).Sub(image.Pt(0, w.offset)).Intersect(w.lay.view)
}

// there tells whether a target is shown: the button for more time comes with the warning.
func (w *drawnDialog) there(i int) bool {
	return w.lay.targets[i].kind != moreTime || w.warned != ""
}

func (w *drawnDialog) edit(sym uint32, state uint16) {
	switch {
	case state&xproto.ModMaskControl != 0:
		if sym == 'v' || sym == 'V' {
			xproto.ConvertSelection(w.conn, w.win, w.atom("CLIPBOARD"), w.atom("UTF8_STRING"), w.atom("CONSENTO_PASTE"), xproto.TimeCurrentTime)
		}
	case w.entry.key(sym):
	default:
		return
	}
	w.paint()
}

// paste takes what the owner of the clipboard has put on the window.
func (w *drawnDialog) paste(e xproto.SelectionNotifyEvent) {
	if e.Property == xproto.AtomNone || w.d.field == nil {
		return
	}
	r, err := xproto.GetProperty(w.conn, true, w.win, e.Property, w.atom("UTF8_STRING"), 0, maxEntry).Reply()
	if err == nil && r.Format == 8 {
		w.entry.insert(string(r.Value))
		w.paint()
	}
}

func (w *drawnDialog) scrollKey(sym uint32) {
	page := w.lay.view.Dy() * 9 / 10
	switch sym {
	case keyUp, keyPadUp:
		w.scrollBy(-w.px(48))
	case keyDown, keyPadDown:
		w.scrollBy(w.px(48))
	case keyPageUp, keyPadPageUp:
		w.scrollBy(-page)
	case keyPageDown, keyPadPageDown:
		w.scrollBy(page)
	case keyHome, keyPadHome:
		w.scrollBy(-w.lay.length)
	case keyEnd, keyPadEnd:
		w.scrollBy(w.lay.length)
	}
}

func (w *drawnDialog) scrollBy(n int) {
	to := max(0, min(w.offset+n, w.lay.length-w.lay.view.Dy()))
	if to != w.offset {
		w.offset = to
		w.paint()
	}
}

func (w *drawnDialog) pointer(e xgb.Event) {
	switch e := e.(type) {
	case xproto.ButtonPressEvent:
		at := image.Pt(int(e.EventX), int(e.EventY))
		switch e.Detail {
		case 1:
			w.held = w.under(at)
			if w.held >= 0 {
				w.focus = w.held
				if t := w.lay.targets[w.held]; t.kind == picked {
					w.choose(t.choice)
				}
				w.paint()
			} else if at.In(w.track()) {
				w.held = thumb
				w.drag(at)
			}
		case 4:
			w.scrollBy(-w.px(48))
		case 5:
			w.scrollBy(w.px(48))
		}
	case xproto.ButtonReleaseEvent:
		at := image.Pt(int(e.EventX), int(e.EventY))
		if e.Detail != 1 {
			return
		}
		if w.held >= 0 && w.under(at) == w.held {
			w.press(w.lay.targets[w.held].kind, w.lay.targets[w.held].text)
		}
		w.held = none
	case xproto.MotionNotifyEvent:
		at := image.Pt(int(e.EventX), int(e.EventY))
		if w.held == thumb {
			w.drag(at)
			return
		}
		w.lit(w.under(at))
	case xproto.LeaveNotifyEvent:
		w.lit(none)
	}
}

func (w *drawnDialog) lit(i int) {
	if i != w.hover {
		w.hover = i
		w.paint()
	}
}

// under returns the target at a place, or none.
func (w *drawnDialog) under(at image.Point) int {
	for i, t := range w.lay.targets {
		if at.In(w.at(t)) && w.there(i) {
			return i
		}
	}
	return none
}

// track is where the scroll bar runs, empty if nothing scrolls.
func (w *drawnDialog) track() image.Rectangle {
	v := w.lay.view
	if w.lay.length <= v.Dy() {
		return image.Rectangle{}
	}
	return image.Rect(v.Max.X-w.px(12), v.Min.Y, v.Max.X, v.Max.Y)
}

// drag scrolls to where the pointer is on the track.
func (w *drawnDialog) drag(at image.Point) {
	v := w.lay.view
	w.scrollBy((at.Y-v.Min.Y)*w.lay.length/max(1, v.Dy()) - v.Dy()/2 - w.offset)
}

func (w *drawnDialog) set(p part, s string) {
	w.change(func() {
		switch p {
		case partBody:
			w.d.body = s
			w.lay.flow = nil
			w.flow(&w.lay, w.d, w.by, w.lay.view.Dx())
			w.offset = min(w.offset, max(0, w.lay.length-w.lay.view.Dy()))
		case partWarning:
			w.warned = s
			if !w.there(w.focus) {
				w.focus = w.first()
			}
		case partAddress:
			w.lost = s
		}
		w.paint()
	})
}

// work turns the sign of work.
func (w *drawnDialog) work() {
	tick := time.NewTicker(90 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			w.change(func() {
				w.turn++
				if w.seen {
					w.paintSign()
					w.show(image.Rectangle{Min: w.lay.view.Min, Max: w.lay.view.Min.Add(image.Pt(w.px(34), w.px(34)))})
				}
			})
		case <-w.stop:
			return
		}
	}
}

// paintSign draws eight dots in a circle, one of them strong.
func (w *drawnDialog) paintSign() {
	const dots = 8
	centre := w.lay.view.Min.Add(w.lay.sign)
	w.sheet.fill(image.Rectangle{Min: w.lay.view.Min, Max: w.lay.view.Min.Add(image.Pt(w.px(34), w.px(34)))}, w.colour.ground)
	for i := range dots {
		ink := w.colour.accent
		fade := uint8((w.turn - i%dots + dots*1000) % dots * 26)
		ink = mix(ink, w.colour.ground, fade)
		sin, cos := math.Sincos(float64(i) * 2 * math.Pi / dots)
		at := centre.Add(image.Pt(int(math.Round(cos*float64(w.px(11)))), int(math.Round(sin*float64(w.px(11))))))
		w.sheet.disc(at, w.px(3), ink)
	}
}
