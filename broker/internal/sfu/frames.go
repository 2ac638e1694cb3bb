package sfu

import (
	"time"

	"github.com/pion/rtp"
)

// clockRate of video in RTP, per second (RFC 3551).
const clockRate = 90000

// Frame is one picture as it came from the agent. AV1: a temporal unit, OBUs in
// the low-overhead format, each with its size, without a temporal delimiter. VP9: a
// frame.
type Frame struct {
	Codec Codec
	Time  time.Time // capture time on the broker's clock
	Data  []byte
	Key   bool
}

const (
	// reorderWindow is how many packets a missing one is waited for.
	reorderWindow = 1024
	// reorderWait is how long a missing packet is waited for: some round
	// trips, so that a retransmission can arrive that was lost itself. Nobody
	// who watches waits for it, only the recording does.
	reorderWait = 2 * time.Second
	// reorderMost is the same for a way so long that what was sent again came after
	// the first of these waits, see late.
	reorderMost = 10 * time.Second
	// maxFrame bounds one frame, in bytes.
	maxFrame = 8 << 20
	// maxClockError is how far the agent's media clock may drift from ours
	// before the frame times are tied to our clock anew, beyond the wait.
	maxClockError = 500 * time.Millisecond
)

// frames puts packets back into order and joins them to frames. It is used by
// one goroutine.
type frames struct {
	emit   func(Frame)
	onLoss func(first bool) // packets were lost: nothing is emitted before the next key frame; first: it was until now
	onWait func()           // a whole frame came that cannot be read without a key frame

	waiting map[uint16]arrived
	next    uint16 // the sequence number that is due
	started bool
	wait    time.Duration // for a missing packet
	skipped time.Time     // when the last one was given up, zero when it is clear why

	codec        Codec
	depacketizer depacketizer
	unit         []byte
	key          bool
	broken       bool // the unit lacks a packet, or the decoder lacks a frame
	stamp        uint32
	anchored     bool
	anchorStamp  uint32
	anchorTime   time.Time
}

type arrived struct {
	packet *rtp.Packet
	at     time.Time
}

func newFrames(codec Codec, emit func(Frame), onLoss func(first bool), onWait func()) *frames {
	return &frames{codec: codec, depacketizer: codec.depacketizer(), emit: emit, onLoss: onLoss, onWait: onWait, waiting: map[uint16]arrived{}, broken: true, wait: reorderWait}
}

// wants reports whether a packet is of use: it is not when it came before, or
// too late.
func (f *frames) wants(p *rtp.Packet) bool {
	return !f.started || int16(p.SequenceNumber-f.next) >= 0
}

// late notes that a packet came that is not wanted any more: where it was given up
// too early, the next one is waited for longer.
func (f *frames) late(now time.Time) {
	if !f.skipped.IsZero() {
		f.wait = min(f.wait+now.Sub(f.skipped)+reorderWait/2, reorderMost)
		f.skipped = time.Time{}
	}
}

// push takes a packet that arrived at now. It keeps the packet.
func (f *frames) push(p *rtp.Packet, now time.Time) {
	if !f.wants(p) {
		return
	}
	if !f.started {
		f.started, f.next = true, p.SequenceNumber
	}
	f.waiting[p.SequenceNumber] = arrived{p, now}
	f.drain(now)
	if len(f.waiting) == 0 {
		return
	}
	if len(f.waiting) > reorderWindow || now.Sub(f.oldest()) > f.wait {
		f.skipped = now
		f.skip()
		f.drain(now)
	}
}

// rest forgets what waits, without a loss: nothing is asked of the agent until
// packets are pushed again, and then nothing is emitted before a key frame.
func (f *frames) rest() {
	clear(f.waiting)
	f.started, f.broken = false, true
	f.unit, f.key = f.unit[:0], false
	f.depacketizer = f.codec.depacketizer()
}

// flush gives up what is missing and joins what waits behind it: nothing more will
// come. Whole frames that can be decoded are emitted, the others are not.
func (f *frames) flush(now time.Time) {
	for len(f.waiting) > 0 {
		f.skip()
		f.drain(now)
	}
}

func (f *frames) oldest() time.Time {
	var oldest time.Time
	for _, a := range f.waiting {
		if oldest.IsZero() || a.at.Before(oldest) {
			oldest = a.at
		}
	}
	return oldest
}

// skip gives up the missing packets before the lowest one that waits.
func (f *frames) skip() {
	lowest, found := f.next, false
	for n := range f.waiting {
		if !found || int16(n-lowest) < 0 {
			lowest, found = n, true
		}
	}
	f.next = lowest
	f.lose()
}

func (f *frames) lose() {
	f.unit, f.key = f.unit[:0], false
	f.depacketizer = f.codec.depacketizer()
	first := !f.broken
	f.broken = true
	f.onLoss(first)
}

func (f *frames) drain(now time.Time) {
	for {
		a, ok := f.waiting[f.next]
		if !ok {
			return
		}
		delete(f.waiting, f.next)
		f.next++
		f.take(a.packet, now)
	}
}

func (f *frames) take(p *rtp.Packet, now time.Time) {
	if len(p.Payload) == 0 {
		return // padding: browsers send it to find out what the network bears
	}
	if len(f.unit) > 0 && p.Timestamp != f.stamp {
		f.lose() // the packet with the marker is missing
	}
	if codec := Codec(p.PayloadType); codec != f.codec { // the agent changed it: a key frame comes first
		f.codec, f.depacketizer, f.broken = codec, codec.depacketizer(), true
	}
	f.stamp = p.Timestamp
	data, err := f.depacketizer.Unmarshal(p.Payload)
	if err != nil || len(f.unit)+len(data) > maxFrame {
		f.lose()
		return
	}
	if startsSequence(p) {
		f.key = true
	}
	f.unit = append(f.unit, data...)
	if !p.Marker {
		return
	}
	if f.key && len(f.unit) > 0 {
		f.broken = false
	}
	if f.broken {
		f.onWait()
	} else if len(f.unit) > 0 {
		f.emit(Frame{Codec: f.codec, Time: f.timeOf(p.Timestamp, now), Data: append([]byte(nil), f.unit...), Key: f.key})
	}
	f.unit, f.key = f.unit[:0], false
}

// timeOf turns an RTP timestamp into a time on our clock: never later than now,
// and never further behind than the network can explain.
func (f *frames) timeOf(stamp uint32, now time.Time) time.Time {
	if f.anchored {
		t := f.anchorTime.Add(time.Duration(int32(stamp-f.anchorStamp)) * time.Second / clockRate)
		if !t.After(now) && now.Sub(t) < f.wait+maxClockError {
			f.anchorStamp, f.anchorTime = stamp, t
			return t
		}
	}
	f.anchored, f.anchorStamp, f.anchorTime = true, stamp, now
	return now
}
