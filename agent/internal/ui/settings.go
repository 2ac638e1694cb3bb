package ui

import (
	"encoding/binary"

	"github.com/jezek/xgb/xproto"
)

// settings are the values that a desktop publishes for all toolkits (XSETTINGS 0.5).
type settings struct {
	ints  map[string]int32
	texts map[string]string
}

// settings reads them from their owner; empty where there is none.
func (d *desktop) settings() settings {
	r, err := xproto.GetSelectionOwner(d.conn, d.atom("_XSETTINGS_S0")).Reply()
	if err != nil || r.Owner == xproto.WindowNone {
		return settings{}
	}
	return parseSettings(d.property(r.Owner, "_XSETTINGS_SETTINGS", maxDetails))
}

// parseSettings reads as much as is well formed: byte order, serial, count, then for each setting
// its type, name, serial and value, all padded to four bytes.
func parseSettings(b []byte) settings {
	s := settings{ints: map[string]int32{}, texts: map[string]string{}}
	if len(b) < 12 {
		return s
	}
	var order binary.ByteOrder = binary.LittleEndian
	if b[0] == 1 {
		order = binary.BigEndian
	}
	b = b[12:]
	take := func(n int) []byte {
		padded := (n + 3) &^ 3
		if n < 0 || padded < n || padded > len(b) {
			b = nil
			return nil
		}
		v := b[:n]
		b = b[padded:]
		return v
	}
	for len(b) >= 4 {
		kind := b[0]
		name := int(order.Uint16(b[2:]))
		b = b[4:]
		key := string(take(name))
		if take(4) == nil { // its serial
			return s
		}
		switch kind {
		case 0:
			if v := take(4); v != nil {
				s.ints[key] = int32(order.Uint32(v))
			}
		case 1:
			if v := take(4); v != nil && order.Uint32(v) <= uint32(len(b)) {
				s.texts[key] = string(take(int(order.Uint32(v))))
			} else {
				return s
			}
		case 2:
			take(8)
		default:
			return s
		}
	}
	return s
}
