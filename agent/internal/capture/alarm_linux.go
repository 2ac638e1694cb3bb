package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The SYNC extension (X Synchronization Extension Protocol 3.1) has a counter
// of the milliseconds since the last input. An alarm on it is the one way to
// hear of a first movement after a rest without hearing of every movement and
// every key that follows. xgb does not know the extension; these are the three
// requests and the one event that are needed.
const (
	syncInitialize   = 0
	syncListCounters = 1
	syncCreateAlarm  = 8
	alarmNotify      = 1 // offset from the extension's first event
)

// idleRest is after how many milliseconds of rest an input rings the alarm.
const idleRest = 10

// armIdleAlarm has ring called for the first input after each rest.
func armIdleAlarm(x *x11, ring func([]byte)) error {
	const name = "SYNC"
	firstEvent, err := x.extension(name)
	if err != nil {
		return err
	}
	x.conn.ExtLock.RLock()
	opcode := x.conn.Extensions[name]
	x.conn.ExtLock.RUnlock()
	if _, err := x.request(true, opcode, syncInitialize, []byte{3, 1, 0, 0}); err != nil {
		return err
	}
	list, err := x.request(true, opcode, syncListCounters, nil)
	if err != nil {
		return err
	}
	counter, err := findCounter(list, "IDLETIME")
	if err != nil {
		return err
	}
	id, err := x.conn.NewId()
	if err != nil {
		return err
	}
	x.listen(firstEvent+alarmNotify, ring)
	const (
		attrCounter, attrType, attrValue, attrTest, attrDelta, attrEvents = 1, 2, 4, 8, 16, 32

		absolute           = 0
		negativeTransition = 1
	)
	body := binary.LittleEndian.AppendUint32(nil, id)
	body = binary.LittleEndian.AppendUint32(body, attrCounter|attrType|attrValue|attrTest|attrDelta|attrEvents)
	for _, v := range []uint32{
		counter, absolute,
		0, idleRest, // value: high word, low word
		negativeTransition,
		0, 0, // delta
		1, // send events
	} {
		body = binary.LittleEndian.AppendUint32(body, v)
	}
	_, err = x.request(false, opcode, syncCreateAlarm, body)
	return err
}

// findCounter reads the reply to ListSystemCounters: at 8 the number of
// counters, from 32 on for each an id, a resolution of 8 bytes, the length of
// its name and the name, padded to 4.
func findCounter(reply []byte, name string) (uint32, error) {
	if len(reply) < 32 {
		return 0, errors.New("capture: short list of counters")
	}
	n := binary.LittleEndian.Uint32(reply[8:])
	rest := reply[32:]
	for range n {
		if len(rest) < 14 {
			break
		}
		length := int(binary.LittleEndian.Uint16(rest[12:]))
		if len(rest) < 14+length {
			break
		}
		if string(rest[14:14+length]) == name {
			return binary.LittleEndian.Uint32(rest), nil
		}
		rest = rest[min(len(rest), (14+length+3)&^3):]
	}
	return 0, fmt.Errorf("capture: display has no counter %s", name)
}

// send sends one request of an extension that was made known before, and waits
// for nothing.
func (x *x11) send(name string, minor byte, body []byte) {
	x.conn.ExtLock.RLock()
	opcode := x.conn.Extensions[name]
	x.conn.ExtLock.RUnlock()
	x.conn.NewRequest(request(opcode, minor, body), x.conn.NewCookie(false, false))
}

// request makes the bytes of a request.
func request(opcode, minor byte, body []byte) []byte {
	buf := make([]byte, 4, 4+len(body))
	buf[0], buf[1] = opcode, minor
	binary.LittleEndian.PutUint16(buf[2:], uint16((4+len(body))/4))
	return append(buf, body...)
}

// request sends one request of an extension and waits for its reply or error.
func (x *x11) request(reply bool, opcode, minor byte, body []byte) ([]byte, error) {
	cookie := x.conn.NewCookie(true, reply)
	x.conn.NewRequest(request(opcode, minor, body), cookie)
	if reply {
		return cookie.Reply()
	}
	return nil, cookie.Check()
}
