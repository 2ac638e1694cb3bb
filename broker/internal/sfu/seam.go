package sfu

import (
	"time"

	"github.com/pion/rtp"
)

// videoClock is the rate of RTP timestamps, in Hz.
const videoClock = 90_000

// seam joins the tracks of an agent that comes back over a new connection to one
// stream: each track counts from a number of its own (RFC 3550, section 5.1), and
// a viewer takes what seems to be older than what it has for late, and drops it.
type seam struct {
	started bool // something was forwarded
	fresh   bool // the next packet is the first of a new track
	seq     uint16
	stamp   uint32    // of the newest packet that went out, and its number above
	at      time.Time // when
	addSeq  uint16
	addTime uint32
}

// open says that another track begins.
func (s *seam) open() { s.fresh = true }

// join returns the packet as it goes out; p stays as it is.
func (s *seam) join(p *rtp.Packet, now time.Time) *rtp.Packet {
	if s.fresh && s.started {
		s.addSeq = s.seq + 1 - p.SequenceNumber
		s.addTime = s.stamp + uint32(max(1, int64(now.Sub(s.at).Seconds()*videoClock))) - p.Timestamp
	}
	out := *p
	out.SequenceNumber += s.addSeq
	out.Timestamp += s.addTime
	if s.fresh || int16(out.SequenceNumber-s.seq) > 0 {
		s.seq, s.stamp, s.at = out.SequenceNumber, out.Timestamp, now
	}
	s.started, s.fresh = true, false
	return &out
}
