package sfu

import (
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"consento/protocol/congestion"
)

// outlet decides what of its queue a viewer gets, and when: at the pace that its
// network carries. A viewer that is too far behind gets no frame more until a
// key frame; one that has begun is finished, or a slow viewer would see none.
type outlet struct {
	viewer  *Viewer
	stamp   uint32 // of the frame that is looked at
	sent    uint32 // stamp of the last packet that went out
	started bool
	key     bool // it is a key frame
	skips   bool // nothing before a key frame
	asked   time.Time
	free    time.Time // when what was sent has left at the pace
}

// wants reports whether a packet is to be sent.
func (o *outlet) wants(q queued, now time.Time) bool {
	begins := !o.started || q.packet.Timestamp != o.stamp
	if startsSequence(q.packet) {
		o.skips, o.key = false, true
	} else if begins {
		if !o.skips && !o.key && now.Sub(q.since) > maxLag {
			o.skips = true
		}
		o.key = false
	}
	o.started, o.stamp = true, q.packet.Timestamp
	if !o.skips {
		return true
	}
	// What is between may carry the next key frame already; and the link is
	// given the time to empty.
	if len(o.viewer.queue) == 0 && now.Sub(o.asked) > slowKeyInterval && !o.viewer.link.Full(now) {
		o.asked = now
		o.viewer.room.RequestKeyFrame()
	}
	return false
}

// wait lets the pace pass that the packet before had to keep, and before a new
// frame waits while a small link is full. It reports whether the viewer is still
// there.
func (o *outlet) wait(p *rtp.Packet) bool {
	link := o.viewer.link
	for {
		now := time.Now()
		rate, most, full := link.Rate(), slowAdvance, false
		if rate == 0 || rate > fastest {
			rate, most = fastest, advance
		} else {
			full = p.Timestamp != o.sent && link.Full(now)
		}
		if o.free.Before(now) {
			o.free = now
		}
		pause := o.free.Sub(now)
		if pause <= most && !full {
			size := p.MarshalSize() + packetOverhead
			o.free = o.free.Add(time.Duration(8 * float64(size) / float64(rate) * float64(time.Second)))
			link.Sent(now, size)
			o.sent = p.Timestamp
			return true
		}
		timer := time.NewTimer(max(pause, advance))
		select {
		case <-timer.C:
		case <-o.viewer.done:
			timer.Stop()
			return false
		}
	}
}

// packetOverhead of a packet beyond RTP, in bytes: IPv4, UDP, SRTP, extensions.
const packetOverhead = 20 + 8 + 16 + 12

// slowDownInterval is how often the agent hears what its viewers can take; it
// forgets it after five seconds.
const slowDownInterval = 500 * time.Millisecond

// slowDown tells the agent what the quickest of the viewers can take
// (draft-alvestrand-rmcat-remb-03), so that nothing goes over its network that
// nobody sees; slower viewers lose frames, and harm nobody.
func (r *Room) slowDown() {
	r.mu.Lock()
	now := time.Now()
	agent, source := r.agent, r.source
	if source == 0 || now.Sub(r.slowed) < slowDownInterval {
		r.mu.Unlock()
		return
	}
	r.slowed = now
	best := 0
	for v := range r.viewers {
		if !v.admitted {
			continue
		}
		rate := v.link.Rate()
		if rate == 0 {
			best = 0
			break
		}
		best = max(best, rate)
	}
	was := r.take
	r.take = best
	r.mu.Unlock()
	if best == 0 && was == 0 {
		return
	}
	if best == 0 {
		best = unlimited
	}
	// An error means that the connection is going away.
	_ = agent.WriteRTCP([]rtcp.Packet{&rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: float32(best), SSRCs: []uint32{uint32(source)}}})
}

// ViewersTake is what the quickest of the viewers can take, bit/s, as the agent was
// told last; 0 if it was told no limit.
func (r *Room) ViewersTake() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.take
}

// unlimited is told the agent when the viewers' networks are good again, bit/s.
const unlimited = 1_000_000_000

// Network is what is known of the ways to those who watch.
type Network struct {
	Rate int           // bit/s, 0 for no limit
	Loss float64       // share of packets, 0 to 1
	RTT  time.Duration // round trip
}

// Network returns what is known of the way to this viewer.
func (v *Viewer) Network() Network { return networkOf(v.link) }

func networkOf(link *congestion.Estimator) Network {
	s := link.State()
	return Network{Rate: s.Rate, Loss: s.Loss, RTT: s.RTT}
}
