package sfu

import (
	"bytes"
	"testing"
	"time"

	"consento/protocol/congestion"
)

// Good networks show at once; poor ones may wait for what is sent again, for a
// while after the last sign of it, and never long.
func TestPlayoutFollowsTheNetwork(t *testing.T) {
	var p playout
	now := time.Unix(1000, 0)
	is := func(want ...byte) {
		t.Helper()
		if got := p.extension(); !bytes.Equal(got, want) {
			t.Errorf("%x, want %x", got, want)
		}
	}
	is(0, 0, 0)
	p.follow(now, congestion.State{RTT: 80 * time.Millisecond, Loss: 0.01, Queue: 20 * time.Millisecond})
	is(0, 0, 0)
	p.follow(now, congestion.State{RTT: 80 * time.Millisecond, Loss: 0.05})
	is(0, 0, 14)
	p.follow(now.Add(playoutHolds/2), congestion.State{RTT: 80 * time.Millisecond})
	is(0, 0, 14)
	p.follow(now.Add(2*playoutHolds), congestion.State{RTT: 80 * time.Millisecond})
	is(0, 0, 0)
	p.follow(now.Add(2*playoutHolds), congestion.State{RTT: 5 * time.Second, Queue: time.Second})
	is(0, 0, byte(playoutMost/playoutUnit))
}
