package ui

import (
	"encoding/binary"
	"image"

	"github.com/jezek/xgb/xproto"
)

// monitor is the screen on which windows are opened: the primary one, or the first, or all there is.
//
// The request is written by hand because randr.Init of xgb changes maps that belong to all
// connections of the process without a lock, and other connections read them at any time.
func (d *desktop) monitor() image.Rectangle {
	const name = "RANDR"
	ext, err := xproto.QueryExtension(d.conn, uint16(len(name)), name).Reply()
	if err != nil || !ext.Present {
		return d.size
	}
	const getMonitors, onlyActive = 42, 1 // RandR 1.5
	request := []byte{ext.MajorOpcode, getMonitors, 3, 0, 0, 0, 0, 0, onlyActive, 0, 0, 0}
	binary.LittleEndian.PutUint32(request[4:], uint32(d.root))
	cookie := d.conn.NewCookie(true, true)
	d.conn.NewRequest(request, cookie)
	reply, err := cookie.Reply()
	if err != nil {
		return d.size
	}
	if r := parseMonitors(reply).Intersect(d.size); !r.Empty() {
		return r
	}
	return d.size
}

// parseMonitors reads a reply: 32 bytes with the number of monitors at 12, then for each 24 bytes
// and four for each of its outputs. It returns an empty rectangle if there is none.
func parseMonitors(b []byte) image.Rectangle {
	if len(b) < 32 {
		return image.Rectangle{}
	}
	order := binary.LittleEndian
	count := order.Uint32(b[12:])
	b = b[32:]
	var best image.Rectangle
	for i := range count {
		if len(b) < 24 {
			break
		}
		primary := b[4] != 0
		x, y := int(int16(order.Uint16(b[8:]))), int(int16(order.Uint16(b[10:])))
		at := image.Rect(x, y, x+int(order.Uint16(b[12:])), y+int(order.Uint16(b[14:])))
		if i == 0 || primary {
			best = at
		}
		next := 24 + 4*int(order.Uint16(b[6:]))
		if primary || next > len(b) {
			break
		}
		b = b[next:]
	}
	return best
}
