package sfu

import (
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
)

// clockRate of video in RTP, per second (RFC 3551).
const clockRate = 90000

// Frame is one AV1 temporal unit as it came from the agent: OBUs in the
// low-overhead format, each with its size, without a temporal delimiter.
type Frame struct {
	Time time.Time // capture time on the broker's clock
	Data []byte
	Key  bool
}

const (
	// reorderWindow is how many packets a missing one is waited for.
	reorderWindow = 512
	// reorderWait is how long a missing packet is waited for: some round
	// trips, so that a retransmission can arrive.
	reorderWait = 600 * time.Millisecond
	// maxFrame bounds one frame, in bytes.
	maxFrame = 8 << 20
	// maxClockError is how far the agent's media clock may drift from ours
	// before the frame times are tied to our clock anew.
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

	depacketizer codecs.AV1Depacketizer
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

func newFrames(emit func(Frame), onLoss func(first bool), onWait func()) *frames {
	return &frames{emit: emit, onLoss: onLoss, onWait: onWait, waiting: map[uint16]arrived{}, broken: true}
}

// wants reports whether a packet is of use: it is not when it came before, or
// too late.
func (f *frames) wants(p *rtp.Packet) bool {
	return !f.started || int16(p.SequenceNumber-f.next) >= 0
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
	if len(f.waiting) > reorderWindow || now.Sub(f.oldest()) > reorderWait {
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
	f.depacketizer = codecs.AV1Depacketizer{}
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
	if len(f.unit) > 0 && p.Timestamp != f.stamp {
		f.lose() // the packet with the marker is missing
	}
	f.stamp = p.Timestamp
	data, err := f.depacketizer.Unmarshal(p.Payload)
	if err != nil || len(f.unit)+len(data) > maxFrame {
		f.lose()
		return
	}
	if startsSequence(p.Payload) {
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
		f.emit(Frame{Time: f.timeOf(p.Timestamp, now), Data: append([]byte(nil), f.unit...), Key: f.key})
	}
	f.unit, f.key = f.unit[:0], false
}

// timeOf turns an RTP timestamp into a time on our clock: never later than now,
// and never further behind than the network can explain.
func (f *frames) timeOf(stamp uint32, now time.Time) time.Time {
	if f.anchored {
		t := f.anchorTime.Add(time.Duration(int32(stamp-f.anchorStamp)) * time.Second / clockRate)
		if !t.After(now) && now.Sub(t) < maxClockError {
			f.anchorStamp, f.anchorTime = stamp, t
			return t
		}
	}
	f.anchored, f.anchorStamp, f.anchorTime = true, stamp, now
	return now
}

// startsSequence reports whether a payload begins a new coded video sequence,
// that is, a key frame (AV1 RTP payload format 1.0, section 4.4, bit N).
func startsSequence(payload []byte) bool { return len(payload) > 0 && payload[0]&0x08 != 0 }
