package input

import (
	"context"
	"fmt"
	"time"

	"github.com/jezek/xgb/xproto"
)

const (
	// noticeTime is how long programs take to hear of a key's new meaning, lateTime
	// how late they look up what a key meant that was pressed.
	noticeTime = 120 * time.Millisecond
	lateTime   = 150 * time.Millisecond
	// keyGap is what some programs need between two keys.
	keyGap = 4 * time.Millisecond
	// maxBorrowed is how many keys without a meaning are lent one.
	maxBorrowed = 17
)

// layout is what the keys of a display mean, and which of the keys that mean
// nothing are lent a meaning.
type layout struct {
	per      int // symbols of one key
	symbols  []xproto.Keysym
	borrowed map[xproto.Keycode]uint32 // the symbol that it was lent
	order    []xproto.Keycode          // of borrowed, the longest unused first
	typed    time.Time                 // when one of them was pressed last
}

func newLayout() layout { return layout{borrowed: map[xproto.Keycode]uint32{}} }

// readLayout asks the display what its keys mean now.
func (d *device) readLayout() error {
	m, err := xproto.GetKeyboardMapping(d.conn, d.min, byte(d.max-d.min)+1).Reply()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDisplay, err)
	}
	d.layout.per, d.layout.symbols = int(m.KeysymsPerKeycode), m.Keysyms
	// Whoever sets another layout takes back what was lent.
	for k, symbol := range d.layout.borrowed {
		if uint32(d.symbol(k, 0)) != symbol {
			d.forget(k)
		}
	}
	return nil
}

func (d *device) symbol(k xproto.Keycode, level int) xproto.Keysym {
	i := int(k-d.min)*d.layout.per + level
	if level >= d.layout.per || i >= len(d.layout.symbols) {
		return 0
	}
	return d.layout.symbols[i]
}

func (d *device) forget(k xproto.Keycode) {
	delete(d.layout.borrowed, k)
	for i, o := range d.layout.order {
		if o == k {
			d.layout.order = append(d.layout.order[:i], d.layout.order[i+1:]...)
			return
		}
	}
}

// typeText types text by the keys that have its characters, and lends free keys
// the others.
func (d *device) typeText(ctx context.Context, text string) error {
	if err := d.readLayout(); err != nil {
		return err
	}
	state, err := d.look()
	if err != nil {
		return err
	}
	var held []xproto.Keycode
	for _, name := range modifiers {
		if k := xproto.Keycode(evdev[name]) + 8; d.keys[k] {
			held = append(held, k)
			d.press(k, false)
		}
	}
	defer func() {
		for _, k := range held {
			d.press(k, true)
		}
	}()
	// With Caps Lock, or in another group than the first, keys mean something else
	// than what the table begins with.
	const group = 3 << 13
	plain := state.Mask&(xproto.ModMaskLock|group) == 0
	for runes := []rune(text); len(runes) > 0; {
		n, err := d.prepare(ctx, runes, plain)
		if err != nil {
			return err
		}
		for _, r := range runes[:n] {
			if ctx.Err() != nil {
				return nil
			}
			d.tap(r, plain)
			if err := d.sync(); err != nil {
				return err
			}
			if !pause(ctx.Done(), keyGap) {
				return nil
			}
		}
		runes = runes[n:]
	}
	return nil
}

// own finds the key of the keyboard that has a character, with or without Shift.
func (d *device) own(r rune) (k xproto.Keycode, shift, ok bool) {
	symbol := xproto.Keysym(keysym(r))
	for level := range 2 {
		for k := int(d.min); k <= int(d.max); k++ {
			code := xproto.Keycode(k)
			if _, lent := d.layout.borrowed[code]; !lent && d.symbol(code, level) == symbol {
				return code, level == 1, true
			}
		}
	}
	return 0, false, false
}

// lent finds the key that was lent a character.
func (d *device) lent(r rune) (xproto.Keycode, bool) {
	symbol := keysym(r)
	for k, s := range d.layout.borrowed {
		if s == symbol {
			return k, true
		}
	}
	return 0, false
}

// prepare lends keys what the first characters need, as many as there are keys
// for, and returns their number.
func (d *device) prepare(ctx context.Context, runes []rune, plain bool) (n int, err error) {
	inUse := map[xproto.Keycode]bool{}
	changed := false
	for n < len(runes) {
		r := runes[n]
		if _, _, ok := d.own(r); ok && plain {
			n++
			continue
		}
		k, ok := d.lent(r)
		if !ok {
			if k, ok = d.borrow(inUse); !ok {
				break
			}
			if !changed && !pause(ctx.Done(), lateTime-time.Since(d.layout.typed)) {
				return len(runes), nil
			}
			changed = true
			symbols := make([]xproto.Keysym, d.layout.per)
			for i := range symbols {
				symbols[i] = xproto.Keysym(keysym(r))
			}
			xproto.ChangeKeyboardMapping(d.conn, 1, k, byte(d.layout.per), symbols)
			d.layout.borrowed[k] = keysym(r)
			d.layout.order = append(d.layout.order, k)
		}
		inUse[k] = true
		n++
	}
	if n == 0 {
		return 0, fmt.Errorf("%w: the keyboard has no free key", ErrUnknown)
	}
	if !changed {
		return n, nil
	}
	if err := d.sync(); err != nil {
		return 0, err
	}
	pause(ctx.Done(), noticeTime)
	return n, nil
}

// borrow finds a key without a meaning, or takes one back that is not in use.
func (d *device) borrow(inUse map[xproto.Keycode]bool) (xproto.Keycode, bool) {
	if len(d.layout.borrowed) < maxBorrowed {
	free:
		for k := int(d.max); k >= int(d.min); k-- {
			code := xproto.Keycode(k)
			if _, lent := d.layout.borrowed[code]; lent {
				continue
			}
			for level := range d.layout.per {
				if d.symbol(code, level) != 0 {
					continue free
				}
			}
			return code, true
		}
	}
	for _, k := range d.layout.order {
		if !inUse[k] {
			d.forget(k)
			return k, true
		}
	}
	return 0, false
}

// tap presses and releases the key of one character.
func (d *device) tap(r rune, plain bool) {
	k, shift, ok := d.own(r)
	if !ok || !plain {
		shift = false
		if k, ok = d.lent(r); !ok {
			return // ctx ended before it was prepared
		}
		d.layout.typed = time.Now()
	}
	const shiftKey = 42 + 8
	if shift {
		d.press(shiftKey, true)
	}
	d.press(k, true)
	d.press(k, false)
	if shift {
		d.press(shiftKey, false)
	}
}

// unmap takes back what was lent.
func (d *device) unmap() {
	if len(d.layout.borrowed) == 0 || d.layout.per == 0 {
		return
	}
	pause(nil, lateTime-time.Since(d.layout.typed))
	for k := range d.layout.borrowed {
		xproto.ChangeKeyboardMapping(d.conn, 1, k, byte(d.layout.per), make([]xproto.Keysym, d.layout.per))
	}
	_ = d.sync() // a display that is gone has no keyboard
}
