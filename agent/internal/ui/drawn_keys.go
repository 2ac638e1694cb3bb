package ui

import (
	"unicode"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// keyboard turns key codes into symbols by the server's core map.
type keyboard struct {
	first byte
	per   int
	syms  []xproto.Keysym
}

func readKeyboard(conn *xgb.Conn) keyboard {
	setup := xproto.Setup(conn)
	r, err := xproto.GetKeyboardMapping(conn, setup.MinKeycode, byte(setup.MaxKeycode-setup.MinKeycode+1)).Reply()
	if err != nil || r.KeysymsPerKeycode == 0 {
		return keyboard{per: 1}
	}
	return keyboard{first: byte(setup.MinKeycode), per: int(r.KeysymsPerKeycode), syms: r.Keysyms}
}

// symbol returns what a key means with these modifiers, 0 if nothing. Columns of the core map are
// group 1 plain and shifted, group 2 plain and shifted, group 1 with AltGr plain and shifted (XKB
// protocol, section 12.4).
func (k keyboard) symbol(code xproto.Keycode, state uint16) uint32 {
	row := (int(code) - int(k.first)) * k.per
	if row < 0 || row+k.per > len(k.syms) {
		return 0
	}
	at := func(i int) uint32 {
		if i < k.per {
			return uint32(k.syms[row+i])
		}
		return 0
	}
	column := 0
	if state>>13&3 != 0 && at(2) != 0 {
		column = 2
	}
	if state&xproto.ModMask5 != 0 && at(4) != 0 {
		column = 4
	}
	plain, shifted := at(column), at(column+1)
	shift := state&xproto.ModMaskShift != 0
	switch {
	case shifted == 0:
		return plain
	case shifted >= 0xffaa && shifted <= 0xffbd: // key pad: NumLock
		shift = shift != (state&xproto.ModMask2 != 0)
	case state&xproto.ModMaskLock != 0 && unicode.IsLetter(letter(plain)):
		shift = !shift
	}
	if shift {
		return shifted
	}
	return plain
}

// letter returns the character of a symbol, 0 if it has none.
func letter(sym uint32) rune {
	switch {
	case sym >= 0x20 && sym <= 0x7e, sym >= 0xa0 && sym <= 0xff:
		return rune(sym)
	case sym >= 0xffaa && sym <= 0xffb9: // key pad
		return rune(sym - 0xff80)
	case sym >= 0x01000100 && sym <= 0x0110ffff:
		return rune(sym - 0x01000000)
	}
	return 0
}
