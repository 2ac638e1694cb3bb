package sfu

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// assembly is frames with what it said.
type assembly struct {
	*frames
	got    []Frame
	losses []bool
	waits  int
}

func assemble() *assembly {
	a := &assembly{}
	a.frames = newFrames(AV1, func(f Frame) { a.got = append(a.got, f) }, func(first bool) { a.losses = append(a.losses, first) }, func() { a.waits++ })
	return a
}

var start = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func (a *assembly) all(list []*rtp.Packet) {
	for _, p := range list {
		a.push(p, start)
	}
}

func (a *assembly) holds(t *testing.T, want [][]byte) {
	t.Helper()
	if len(a.got) != len(want) {
		t.Fatalf("%d frames of %d", len(a.got), len(want))
	}
	for i := range want {
		if !bytes.Equal(a.got[i].Data, want[i]) {
			t.Fatalf("frame %d differs", i)
		}
	}
}

func TestFramesPutInOrder(t *testing.T) {
	stream := units(t)
	list := packets(stream, 65530)
	a := assemble()
	a.all(list)
	a.holds(t, stream)

	// Every second pair swapped, and everything twice.
	a = assemble()
	for i := 1; i+1 < len(list); i += 2 { // the very first says where it begins
		list[i], list[i+1] = list[i+1], list[i]
	}
	a.all(slices.Concat(list[:9], list[:9], list[9:], list))
	a.holds(t, stream)
	if len(a.losses) != 0 || a.waits != 0 || len(a.waiting) != 0 {
		t.Errorf("losses %v, waits %d, waiting %d", a.losses, a.waits, len(a.waiting))
	}
}

func TestFramesWaitForARetransmission(t *testing.T) {
	stream := units(t)
	list := packets(stream, 1)
	a := assemble()
	for _, p := range slices.Concat(list[:5], list[6:20]) {
		a.push(p, start)
	}
	a.push(list[5], start.Add(reorderWait)) // just in time
	a.all(list[20:])
	a.holds(t, stream)
}

// On a way of seconds a packet that is sent again comes after the wait: the next
// loss is waited for longer, but not for ever.
func TestFramesLearnTheWait(t *testing.T) {
	stream := units(t)
	list := packets(stream, 1)
	a := assemble()
	for _, p := range slices.Concat(list[:1], list[2:8]) {
		a.push(p, start)
	}
	given := start.Add(reorderWait + 1)
	a.push(list[8], given)
	if len(a.losses) == 0 || a.wants(list[1]) {
		t.Fatalf("losses %v", a.losses)
	}
	a.late(given.Add(2 * time.Second)) // list[1] again, 4 s after it was missed
	a.late(given.Add(time.Hour))       // another: it tells no more
	begin := list[len(list)-1].SequenceNumber + 1
	again := packets(stream, begin)
	later := start.Add(time.Minute)
	losses := len(a.losses)
	for _, p := range slices.Concat(list[9:], again[:1], again[2:8]) {
		a.push(p, later)
	}
	a.push(again[1], later.Add(4*time.Second))
	for _, p := range again[8:] {
		a.push(p, later.Add(4*time.Second))
	}
	if slices.Contains(a.losses[losses:], true) || len(a.got) < len(stream) {
		t.Errorf("losses %v, %d frames", a.losses, len(a.got))
	}
	for range 20 {
		a.skipped = later
		a.late(later.Add(time.Hour))
	}
	if a.wait > reorderMost {
		t.Errorf("waits %v", a.wait)
	}
}

// At the end what waits behind a hole is joined, as far as it can be decoded.
func TestFramesFlushed(t *testing.T) {
	stream := units(t)
	list := packets(stream, 1)
	second := 1 + slices.IndexFunc(list, func(p *rtp.Packet) bool { return p.Marker })
	again := packets(stream, list[len(list)-1].SequenceNumber+1) // begins with a key frame

	a := assemble() // a hole in the second frame, whole frames behind it
	a.all(slices.Concat(list[:second], list[second+1:]))
	a.flush(start)
	a.holds(t, stream[:1])

	a = assemble() // and a key frame behind them, with what follows
	a.all(slices.Concat(list[:second], list[second+1:], again))
	a.holds(t, stream[:1])
	a.flush(start)
	a.holds(t, slices.Concat(stream[:1], stream))

	a = assemble() // the last frame lacks its last packet
	a.all(slices.Concat(list[:second], list[second+1:], again[:len(again)-1]))
	a.flush(start)
	a.holds(t, slices.Concat(stream[:1], stream[:len(stream)-1]))

	a = assemble() // hidden meanwhile: what waited is gone
	a.all(slices.Concat(list[:second], list[second+1:], again))
	a.rest()
	a.flush(start)
	a.holds(t, stream[:1])
}

func TestFramesAfterALoss(t *testing.T) {
	stream := units(t)
	list := packets(stream, 1)
	var second int // first packet of the second frame
	for second = 1; !list[second-1].Marker; second++ {
	}
	a := assemble()
	a.all(list[:second])
	lost := slices.Concat(list[second+1:])
	for _, p := range lost[:10] {
		a.push(p, start)
	}
	if len(a.losses) != 0 {
		t.Fatal("given up at once")
	}
	a.push(lost[10], start.Add(reorderWait+1))
	if len(a.losses) == 0 || !a.losses[0] || slices.Contains(a.losses[1:], true) {
		t.Fatalf("losses %v", a.losses)
	}
	a.all(lost[11:])
	a.holds(t, stream[:1]) // nothing that builds on the lost frame
	if a.waits == 0 {
		t.Error("no key frame is wanted")
	}
	if a.wants(list[second]) {
		t.Error("what is too late is wanted")
	}
	// The key frame that was asked for is lost as well: it is asked for again.
	next := list[len(list)-1].SequenceNumber + 1
	key := packets(stream[:1], next)
	losses := len(a.losses)
	for _, p := range key[1:] {
		a.push(p, start)
	}
	a.push(packets(stream[1:2], next+uint16(len(key)))[0], start.Add(2*reorderWait))
	if len(a.losses) == losses || a.losses[losses] {
		t.Errorf("losses %v", a.losses)
	}
	a.all(packets(stream, next+100))
	for n := range uint16(3) { // whatever the window still waited for, it recovers
		later := packets(stream, next+1000*(n+1))
		for _, p := range later {
			a.push(p, start.Add(time.Duration(n+3)*2*reorderWait))
		}
	}
	if last := a.got[len(a.got)-1]; !bytes.Equal(last.Data, stream[len(stream)-1]) {
		t.Error("no picture after the next key frame")
	}
}

func TestFramesBound(t *testing.T) {
	a := assemble()
	key := packets(units(t)[:1], 0)
	a.all(key[:1])
	for n := range 3 * reorderWindow { // the second packet never comes
		a.push(&rtp.Packet{Header: rtp.Header{SequenceNumber: uint16(2 + n)}, Payload: []byte{0x10, 0x30, 0}}, start)
		if len(a.waiting) > reorderWindow+1 {
			t.Fatalf("%d packets wait", len(a.waiting))
		}
	}
	if len(a.losses) == 0 {
		t.Error("no loss")
	}
	// A frame without end is given up.
	a = assemble()
	big := make([]byte, 1<<16)
	big[0] = 0x18 // one element, a new sequence
	big[1] = 0x30 // OBU frame
	for n := range maxFrame/len(big) + 2 {
		a.push(&rtp.Packet{Header: rtp.Header{SequenceNumber: uint16(n)}, Payload: big}, start)
		if len(a.unit) > maxFrame {
			t.Fatalf("a unit of %d bytes", len(a.unit))
		}
	}
	if len(a.losses) == 0 || len(a.got) != 0 {
		t.Errorf("losses %v, %d frames", a.losses, len(a.got))
	}
}

func TestFrameWithoutMarker(t *testing.T) {
	stream := units(t)
	list := packets(stream[:4], 1)
	for _, p := range list {
		if p.Timestamp == 1000+9000 {
			p.Marker = false // the second frame never ends
		}
	}
	a := assemble()
	a.all(list)
	a.holds(t, stream[:1])
	if len(a.losses) == 0 || !a.losses[0] {
		t.Errorf("losses %v", a.losses)
	}
}

func TestFrameTimes(t *testing.T) {
	a := assemble()
	at := func(stamp uint32, now time.Duration) time.Duration { return a.timeOf(stamp, start.Add(now)).Sub(start) }
	const second = clockRate
	for i, c := range []struct {
		stamp     uint32
		now, want time.Duration
	}{
		{1<<32 - second, 0, 0},                                         // anchored; the stamp wraps next
		{0, time.Second + 20*time.Millisecond, time.Second},            // came late by 20 ms
		{second, 2 * time.Second, 2 * time.Second},                     // as quick as the first
		{2 * second, 2900 * time.Millisecond, 2900 * time.Millisecond}, // never in the future
		{3 * second, 3900 * time.Millisecond, 3900 * time.Millisecond}, // anchored anew
		{4 * second, 10 * time.Second, 10 * time.Second},               // the clocks went apart
		{4*second + second/2, 10600 * time.Millisecond, 10500 * time.Millisecond},
		{1 << 31, 11 * time.Second, 11 * time.Second}, // hostile
	} {
		if got := at(c.stamp, c.now); got != c.want {
			t.Errorf("%d: %s instead of %s", i, got, c.want)
		}
	}
}

func TestGroup(t *testing.T) {
	packet := func(key bool, size int) *rtp.Packet {
		payload := make([]byte, size)
		if key {
			payload[0] = 0x08
		}
		return &rtp.Packet{Payload: payload}
	}
	var g group
	g.add(packet(false, 10))
	if g.whole || len(g.packets) != 0 {
		t.Error("it begins without a key frame")
	}
	g.add(packet(true, 10))
	g.add(packet(false, 10))
	if !g.whole || len(g.packets) != 2 || g.bytes != 20 {
		t.Errorf("%+v", g)
	}
	kept := g.packets
	g.add(packet(true, 5))
	if !g.whole || len(g.packets) != 1 || g.bytes != 5 || len(kept[0].Payload) != 10 {
		t.Errorf("%+v", g)
	}
	for range maxGroupPackets {
		g.add(packet(false, 1))
	}
	if g.whole || g.packets != nil {
		t.Error("too many packets are kept")
	}
	g.add(packet(true, 1))
	for range maxGroupBytes/1000 + 1 {
		g.add(packet(false, 1000))
	}
	if g.whole || g.packets != nil {
		t.Error("too many bytes are kept")
	}
}

func FuzzFramesPush(f *testing.F) {
	var seed []byte
	for _, p := range packets(units(f)[:2], 0) {
		seed = append(append(seed, byte(len(p.Payload)), 0x81), p.Payload...)
	}
	f.Add(seed)
	f.Add([]byte{3, 0x80, 0xff, 0xff, 0xff})
	// Packets one after the other: length, then a byte of which bit 7 says that
	// one follows in order and the rest jumps, then the payload.
	f.Fuzz(func(t *testing.T, data []byte) {
		a := assemble()
		var sequence uint16
		now := start
		for len(data) >= 2 {
			n, how := int(data[0]), data[1]
			data = data[2:]
			n = min(n, len(data))
			p := &rtp.Packet{Header: rtp.Header{SequenceNumber: sequence, Timestamp: uint32(how>>1) % 4, Marker: how&1 != 0 && how&2 != 0}, Payload: data[:n:n]}
			data = data[n:]
			if how&0x80 != 0 {
				sequence++
			} else {
				sequence += uint16(int8(how<<1)) * 3
				now = now.Add(time.Duration(how) * time.Millisecond)
			}
			a.push(p, now)
			if len(a.unit) > maxFrame || len(a.waiting) > reorderWindow+1 {
				t.Fatalf("unit %d bytes, %d packets wait", len(a.unit), len(a.waiting))
			}
		}
		for _, frame := range a.got {
			if len(frame.Data) == 0 || frame.Time.After(now) {
				t.Fatalf("frame %+v", frame)
			}
		}
		for _, first := range a.losses {
			if first && len(a.got) == 0 {
				t.Fatal("lost what was never there")
			}
		}
	})
}
