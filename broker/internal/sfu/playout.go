package sfu

import (
	"sync/atomic"
	"time"

	"consento/protocol/congestion"
)

// Browsers show a picture as soon as it is whole while both bounds of the playout
// delay are 0. Over a network that loses or queues, pictures are whole at
// uneven times, and motion stutters: then the browser may wait as long as a
// packet takes to be sent again, which is what the unevenness comes from.
const (
	playoutLoss  = 0.02
	playoutQueue = 100 * time.Millisecond
	playoutLeast = 60 * time.Millisecond
	playoutMost  = 300 * time.Millisecond
	// playoutHolds is how long a network counts as poor after the last sign of it.
	playoutHolds = 10 * time.Second
	playoutUnit  = 10 * time.Millisecond
)

// playout is the bound of one viewer's playout delay.
type playout struct {
	most atomic.Uint32 // in units; 0: at once
	poor time.Time     // until then, by what was seen last
}

// follow takes over what is known of the viewer's network. It is called from one goroutine.
func (p *playout) follow(now time.Time, s congestion.State) {
	if s.Loss > playoutLoss || s.Queue > playoutQueue {
		p.poor = now.Add(playoutHolds)
	}
	most := time.Duration(0)
	if now.Before(p.poor) {
		most = min(max(s.RTT+playoutLeast, playoutLeast), playoutMost)
	}
	p.most.Store(uint32(most / playoutUnit))
}

// extension is the header extension: 12 bits minimum, always 0, 12 bits maximum.
func (p *playout) extension() []byte {
	most := p.most.Load()
	return []byte{0, byte(most >> 8 & 0x0f), byte(most)}
}
