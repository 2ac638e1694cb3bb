package capture

import (
	"bufio"
	"encoding/binary"
	"net"
)

// wire is a connection to an X server from which events are taken out before
// xgb sees the stream. xgb decodes events by a table of functions that all
// connections of a process share without a lock and that opening any other
// connection writes to; taking the few events we know by hand avoids that race.
type wire struct {
	net.Conn
	in    *bufio.Reader
	left  int  // bytes of the current reply or error that still go to xgb
	setup bool // the server's answer to the connection setup has been seen
	// onEvent gets each event of 32 bytes; it must not block nor keep the slice.
	onEvent func(event []byte)
	// onLost is called when reading fails.
	onLost func()
}

func newWire(c net.Conn, onEvent func([]byte), onLost func()) *wire {
	return &wire{Conn: c, in: bufio.NewReader(c), onEvent: onEvent, onLost: onLost}
}

// Read gives the reader of xgb replies and errors only. Framing: X Window
// System Protocol, appendix B (connection setup, replies, events), and Generic
// Event Extension for events longer than 32 bytes.
func (w *wire) Read(p []byte) (int, error) {
	for w.left == 0 {
		if err := w.next(); err != nil {
			w.onLost()
			return 0, err
		}
	}
	n, err := w.in.Read(p[:min(len(p), w.left)])
	w.left -= n
	if err != nil {
		w.onLost()
	}
	return n, err
}

// next looks at the packet that begins and either sets left or consumes it.
func (w *wire) next() error {
	const generic = 35
	if !w.setup {
		head, err := w.in.Peek(8)
		if err != nil {
			return err
		}
		w.setup = true
		w.left = 8 + 4*int(binary.LittleEndian.Uint16(head[6:]))
		return nil
	}
	head, err := w.in.Peek(32)
	if err != nil {
		return err
	}
	extra := 4 * int(binary.LittleEndian.Uint32(head[4:]))
	switch head[0] & 0x7f {
	case 0:
		w.left = 32
	case 1:
		w.left = 32 + extra
	case generic:
		_, err = w.in.Discard(32 + extra)
	default:
		w.onEvent(head)
		_, err = w.in.Discard(32)
	}
	return err
}
