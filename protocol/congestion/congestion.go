// Package congestion estimates what a way through the network carries, from the
// arrival times of the packets that went over it: transport-wide congestion
// control (draft-holmer-rmcat-transport-wide-cc-extensions-01). Agent and
// broker use it alike, each for the packets that it sends.
//
// It is made for a screen, which is silent most of the time and then sends a
// burst: silence proves nothing and lowers no estimate, and each burst is a
// measurement, since packets that queue arrive at the pace of the narrowest
// link. Loss without a queue, as on radio links, lowers nothing below a third.
//
// It promises: no limit while no queue is seen; after the first burst that
// queues the limit is below what the link carried; where the link carries more
// again, what is sent at the limit raises it; Full keeps what is under way, and
// so every queue, short, whatever the estimate says.
package congestion

import (
	"slices"
	"sync"
	"time"
)

const (
	// tooMuch is the queue that lowers the rate, little the one up to which it
	// may rise: what remains below the delay of a key stroke that people notice.
	tooMuch = 50 * time.Millisecond
	little  = 20 * time.Millisecond
	// A run of packets that all waited tells the capacity: from so many on, over
	// at least and at most that time.
	runPackets = 6
	runLeast   = 20 * time.Millisecond
	runMost    = 500 * time.Millisecond
	// stall is a pause that the receiver's computer may make, if it is also so
	// many times the usual distance of packets.
	stall      = 15 * time.Millisecond
	stallTimes = 5
	// share of the measured capacity that is used, so that a queue empties.
	share = 0.9
	// These raise the rate for each report of a full link without a queue: quick far
	// from the capacity measured last, slow near it, and creep around it, since a
	// queue takes longer to empty than it took to fill. Reports come 10-20 times a second.
	quick, slow, creep = 1.08, 1.02, 1.004
	// Least and most are the bounds of a limit, bit/s; above the most there is none.
	least = 64_000
	most  = 50_000_000
	// lossLimit of packets is taken for a link that throws away what it cannot
	// carry; radio links lose up to a fifth at any rate.
	lossLimit = 0.3
	// lossMemory is over how many packets the loss is averaged.
	lossMemory = 200
	// baseWindow is how long the shortest delay is kept, alone is the pause
	// after which a packet has met no queue of ours.
	baseWindow = 10 * time.Second
	alone      = 300 * time.Millisecond
	// unlimited is how many bytes may be under way where no limit is known, ahead
	// is what may be under way beyond a round trip where one is.
	unlimited = 256 << 10
	ahead     = 150 * time.Millisecond
	// mute is how long a report is waited for beyond a round trip and the queue:
	// what was sent last may be lost, and then nobody tells of it.
	mute = 300 * time.Millisecond
	// drainMost bounds the pause that lets a queue empty.
	drainMost = 2 * time.Second
)

// Packet is the fate of one that was sent.
type Packet struct {
	Size    int // bytes of RTP
	Sent    time.Time
	Arrived time.Duration // on the receiver's clock, whatever it counts from
	Lost    bool          // then Arrived means nothing
}

// Report is what one report of the other side says.
type Report struct {
	Packets  []Packet // in the order in which they were sent
	UnderWay int      // bytes that were sent and that no report told of yet
}

// State is what is known of the way.
type State struct {
	Rate  int           // bit/s that may be sent, 0: no limit was met
	RTT   time.Duration // round trip with the wait for the report, 0 before the first one
	Loss  float64       // share of packets, 0 to 1
	Queue time.Duration // that the newest packet waited
}

// Estimator is the estimate of one way. Its methods may be called from any
// goroutine. The zero value is not usable.
type Estimator struct {
	mu       sync.Mutex
	rate     float64 // 0: no limit
	capacity float64 // measured last, 0: never
	packets  float64 // that the loss is averaged over
	loss     float64
	queue    time.Duration
	underWay int       // bytes
	heard    time.Time // of the other side, or when the first packet left after silence
	drained  time.Time // when the queue should be empty

	epoch       time.Time // that the delays count from
	base, rival time.Duration
	based       bool
	renewed     time.Time // when rival began
	lastSent    time.Time
	run         []arrival // packets that waited, one behind the other
	rtt, newer  time.Duration
	rttRenewed  time.Time
}

type arrival struct {
	at   time.Duration
	size int
}

// NewEstimator makes one for a way that nothing is known of.
func NewEstimator() *Estimator { return &Estimator{} }

// State returns what is known now.
func (e *Estimator) State() State {
	e.mu.Lock()
	defer e.mu.Unlock()
	return State{Rate: int(e.rate), RTT: e.rtt, Loss: e.loss, Queue: e.queue}
}

// Rate returns the limit, see State.
func (e *Estimator) Rate() int { return e.State().Rate }

// Loss returns the share of packets that are lost, 0 to 1.
func (e *Estimator) Loss() float64 { return e.State().Loss }

// Sent is told of each packet that leaves, with its bytes.
func (e *Estimator) Sent(now time.Time, size int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.underWay == 0 {
		e.heard = now
	}
	e.underWay += size
}

// Full reports whether so much is under way that a new frame would only wait:
// better to send a newer one later. A side that reports nothing is never full.
func (e *Estimator) Full(now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if now.Before(e.drained) {
		return true
	}
	if now.Sub(e.heard) > mute+2*e.rtt+min(max(e.queue, 0), drainMost) {
		e.underWay = 0
	}
	window := float64(unlimited)
	if e.rate > 0 {
		window = min(window, e.rate/8*(e.rtt+ahead).Seconds())
	}
	return e.underWay > int(window)
}

// Report takes what the other side reports.
func (e *Estimator) Report(now time.Time, report Report) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.underWay, e.heard = report.UnderWay, now
	packets, sent := report.Packets, 0
	for _, p := range packets {
		sent += p.Size
		e.lose(p.Lost)
		if p.Lost {
			continue
		}
		e.arrive(p)
		e.trip(now, now.Sub(p.Sent))
	}
	if len(packets) > 0 {
		span := packets[len(packets)-1].Sent.Sub(packets[0].Sent)
		e.judge(now, len(packets), 8*float64(sent)/max(span, runMost/10).Seconds())
	}
}

func (e *Estimator) lose(lost bool) {
	e.packets = min(e.packets+1, lossMemory)
	value := 0.0
	if lost {
		value = 1
	}
	e.loss += (value - e.loss) / e.packets
}

// arrive notes the queue that a packet met, and the run that it belongs to.
func (e *Estimator) arrive(p Packet) {
	if e.epoch.IsZero() {
		e.epoch = p.Sent
	}
	delay := p.Arrived - p.Sent.Sub(e.epoch)
	e.rebase(p.Sent, delay)
	e.queue = delay - e.base
	// A packet that waited came to the narrowest link before the last one had left it.
	at := p.Arrived
	if n := len(e.run); n > 0 {
		if p.Arrived-e.queue >= e.run[n-1].at {
			e.run = e.run[:0] // the link was idle
		} else {
			at = max(at, e.run[n-1].at) // the network may turn packets round
		}
	}
	e.run = append(e.run, arrival{at, p.Size})
	for len(e.run) > runPackets && at-e.run[0].at > runMost {
		e.run = e.run[1:]
	}
}

// rebase keeps the shortest delay of the last 10 to 20 s: that of an empty way.
// A packet that comes alone meets no queue of ours, so that a way that has
// become longer is not mistaken for a full one.
func (e *Estimator) rebase(sent time.Time, delay time.Duration) {
	switch {
	case !e.based:
		e.based, e.base, e.rival, e.renewed = true, delay, delay, sent
	case sent.Sub(e.lastSent) > max(alone, 2*e.queue):
		e.base, e.rival, e.renewed = delay, delay, sent
	case sent.Sub(e.renewed) > baseWindow:
		e.base, e.rival, e.renewed = min(e.rival, delay), delay, sent
	default:
		e.base, e.rival = min(e.base, delay), min(e.rival, delay)
	}
	e.lastSent = sent
}

func (e *Estimator) trip(now time.Time, rtt time.Duration) {
	if e.rtt == 0 || now.Sub(e.rttRenewed) > baseWindow/2 {
		e.rtt, e.newer, e.rttRenewed = max(e.newer, 0), rtt, now
		if e.rtt == 0 {
			e.rtt = rtt
		}
	}
	e.rtt, e.newer = min(e.rtt, rtt), min(e.newer, rtt)
}

// measured is the capacity that the present run shows, 0 for none. A computer
// that is busy reads nothing for a while and then all at once: such a pause among
// packets that otherwise follow each other closely is not the link's.
func (e *Estimator) measured() float64 {
	if len(e.run) < runPackets {
		return 0
	}
	gaps := make([]time.Duration, 0, len(e.run)-1)
	for i := range e.run[1:] {
		gaps = append(gaps, e.run[i+1].at-e.run[i].at)
	}
	slices.Sort(gaps)
	usual := max(stall, stallTimes*gaps[len(gaps)/2])
	bytes, span := 0, time.Duration(0)
	for i, a := range e.run[1:] {
		if gap := a.at - e.run[i].at; gap < usual {
			bytes, span = bytes+a.size, span+gap
		}
	}
	if span < runLeast {
		return 0
	}
	// What was lost went through the link as well, unless it is the link that loses.
	return 8 * float64(bytes) / span.Seconds() / (1 - min(e.loss, lossLimit))
}

// judge sets the rate after a report of so many packets that left at that rate,
// bit/s.
func (e *Estimator) judge(now time.Time, packets int, sent float64) {
	capacity := e.measured()
	if capacity > 0 {
		e.capacity = capacity
	}
	throwsAway := e.loss > lossLimit && e.packets == lossMemory
	full := sent > 0.6*e.rate // the sender had more to send
	switch {
	case capacity > 0 && (e.queue > tooMuch || throwsAway):
		if limit := share * capacity; e.rate == 0 || limit < e.rate {
			e.rate = limit
		}
		e.drained = now.Add(min(e.queue, drainMost))
	case throwsAway && full && packets >= runPackets:
		// No queue to measure by: what arrived of what was sent, once.
		if limit := sent * (1 - e.loss) / share; e.rate == 0 || limit < e.rate {
			e.rate = max(limit, e.rate/2, e.capacity/4)
			e.loss, e.packets = 0, 0
		}
	case e.rate > 0 && e.queue < little && full && !throwsAway:
		switch used := e.rate / e.capacity; { // capacity is 0 at worst, and then it is far away
		case used < 0.8 || used > 1.4:
			e.rate *= quick
		case used < 0.95 || used > 1.1:
			e.rate *= slow
		default:
			e.rate *= creep
		}
	}
	if e.rate > most {
		e.rate = 0
	} else if e.rate > 0 {
		e.rate = max(e.rate, least)
	}
}
