package sfu

import "github.com/pion/rtp"

// Bounds of what a late viewer is given: beyond them it is cheaper to ask the
// agent for a key frame.
const (
	maxGroupPackets = 2048
	maxGroupBytes   = 2 << 20
)

// group holds the packets of the last key frame and of all that followed.
type group struct {
	packets []*rtp.Packet
	bytes   int
	whole   bool // packets begins with a key frame and nothing was left out
}

func (g *group) add(p *rtp.Packet) {
	if startsSequence(p) {
		g.packets, g.bytes, g.whole = g.packets[:0:0], 0, true
	}
	if !g.whole {
		return
	}
	g.packets = append(g.packets, p)
	g.bytes += len(p.Payload)
	if len(g.packets) > maxGroupPackets || g.bytes > maxGroupBytes {
		g.packets, g.bytes, g.whole = nil, 0, false
	}
}
