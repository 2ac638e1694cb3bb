package run

import (
	"context"
	"sync"
	"time"

	"github.com/pion/rtp"

	"consento/agent/internal/stream"
	"consento/protocol"
	"consento/protocol/congestion"
)

const (
	// probePackets of probeBytes are sent while the customer reads, so that the
	// first picture has the size that the link carries. On a link of 300 kbit/s
	// they take half a second.
	probePackets = 60
	probeBytes   = 255 // of padding, the most that there is (RFC 3550 section 5.1)
	probeBurst   = 12
	// wordHolds is how long the broker's word counts: it repeats it each second.
	wordHolds = 5 * time.Second
)

// uplink is the way to the broker and what lies behind it: the smaller of what
// we measure and of what the broker says its viewers can take.
type uplink struct {
	*congestion.Estimator
	sequence rtp.Sequencer // of all packets
	probed   chan struct{} // closed when probe sends nothing more
	closed   chan struct{}
	once     sync.Once

	mu     sync.Mutex
	word   int // bit/s, 0 for none
	until  time.Time
	making making
}

// making is what it takes to make pictures, of the last ones.
type making struct {
	encode    time.Duration // wall time
	quantizer float64
	share     float64       // of one core
	spent     time.Duration // of CPU time since
	since     time.Time
	last      time.Time
}

// makingLasts is over how long the share of a core is counted.
const makingLasts = 2 * time.Second

// made is told of each picture that was made.
func (u *uplink) made(now time.Time, f stream.FrameInfo) {
	u.mu.Lock()
	defer u.mu.Unlock()
	m := &u.making
	if m.last.IsZero() {
		m.encode, m.quantizer, m.since = f.Encode, float64(f.Quantizer), now
	}
	m.encode += (f.Encode - m.encode) / 4
	m.quantizer += (float64(f.Quantizer) - m.quantizer) / 4
	m.spent, m.last = m.spent+f.CPU, now
	if passed := now.Sub(m.since); passed >= makingLasts {
		m.share, m.spent, m.since = m.spent.Seconds()/passed.Seconds(), 0, now
	}
}

func newUplink() *uplink {
	return &uplink{Estimator: congestion.NewEstimator(), sequence: rtp.NewRandomSequencer(), probed: make(chan struct{}), closed: make(chan struct{})}
}

// close ends a probe that still waits.
func (u *uplink) close() { u.once.Do(func() { close(u.closed) }) }

// limit takes the broker's word (draft-alvestrand-rmcat-remb-03).
func (u *uplink) limit(now time.Time, rate int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.word, u.until = max(rate, 0), now.Add(wordHolds)
}

// Rate implements stream.Link.
func (u *uplink) Rate() int {
	u.mu.Lock()
	word := u.word
	if time.Now().After(u.until) {
		word = 0
	}
	u.mu.Unlock()
	rate := u.Estimator.Rate()
	if rate == 0 || word > 0 && word < rate {
		return word
	}
	return rate
}

// network says how it is, for who wonders why the picture is poor.
func (u *uplink) network() protocol.Network {
	state, rate := u.State(), u.Rate()
	limit := protocol.LimitNone
	switch {
	case rate == 0 || rate >= stream.NarrowBelow:
		rate = 0
	case state.Rate > 0 && state.Rate <= rate:
		limit = protocol.LimitCustomer
	default:
		limit = protocol.LimitViewers
	}
	u.mu.Lock()
	m := u.making
	u.mu.Unlock()
	return protocol.Network{Limit: limit, Rate: rate / 1000, Loss: int(100*state.Loss + 0.5),
		RoundTrip: int(min(state.RTT, time.Minute) / time.Millisecond), Parts: rate > 0,
		Encode: int(min(m.encode, time.Minute) / time.Millisecond), CPU: int(min(100*m.share, 6400)), Quantizer: int(m.quantizer)}
}

// networkInterval is how often the broker is told at most.
const networkInterval = 2 * time.Second

// tell tells the broker how the network is, when that is another than
// last time by what a person would notice. A broken link is not ours to notice.
func (u *uplink) tell(ctx context.Context, send func(protocol.Message)) {
	tick := time.NewTicker(networkInterval)
	defer tick.Stop()
	var told protocol.Network
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if now := u.network(); differ(now, told) {
			told = now
			send(&now)
		}
	}
}

func differ(a, b protocol.Network) bool {
	apart := func(x, y, least int) bool { return max(x-y, y-x) > max(least, y/4) }
	return a.Limit != b.Limit || a.Parts != b.Parts || apart(a.Rate, b.Rate, 50) || apart(a.Loss, b.Loss, 2) || apart(a.RoundTrip, b.RoundTrip, 40) ||
		apart(a.Encode, b.Encode, 20) || apart(a.CPU, b.CPU, 15) || apart(a.Quantizer, b.Quantizer, 12)
}

// probe sends packets without content as soon as there is a connection: how
// far they are apart on arrival tells what the link carries.
func (u *uplink) probe(connected <-chan struct{}, to stream.Sender) {
	defer close(u.probed)
	select {
	case <-connected:
	case <-u.closed:
		return
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for i := range probePackets {
		if i > 0 && i%probeBurst == 0 {
			select {
			case <-tick.C:
			case <-u.closed:
				return
			}
		}
		packet := &rtp.Packet{Header: rtp.Header{Version: 2, Padding: true, SequenceNumber: u.sequence.NextSequenceNumber(), PaddingSize: probeBytes}}
		u.Sent(time.Now(), packet.MarshalSize())
		if err := to.WriteRTP(packet); err != nil {
			return // it is going away
		}
	}
}
