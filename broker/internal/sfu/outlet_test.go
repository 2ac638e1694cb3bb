package sfu

import (
	"testing"
	"time"

	"github.com/pion/rtp"

	"consento/protocol/congestion"
)

// A viewer that is too far behind loses whole frames up to the next key frame,
// never a part of one, and never the key frame itself, however late it is.
func TestSlowViewerLosesWholeFrames(t *testing.T) {
	v := &Viewer{room: &Room{}, queue: make(chan queued, 10), link: congestion.NewEstimator(), done: make(chan struct{})}
	o := outlet{viewer: v}
	now := time.Unix(1000, 0)
	packet := func(stamp uint32, key bool, late time.Duration) bool {
		payload := []byte{0x10, 1}
		if key {
			payload[0] |= 0x08
		}
		return o.wants(queued{&rtp.Packet{Header: rtp.Header{Timestamp: stamp}, Payload: payload}, now.Add(-late)}, now)
	}
	const late = 2 * maxLag
	for i, c := range []struct {
		stamp uint32
		key   bool
		late  time.Duration
		want  bool
	}{
		{1, true, late, true},        // a key frame, however late
		{1, false, late, true},       // its other packets
		{2, false, 0, true},          // in time
		{3, false, maxLag / 2, true}, // begun in time
		{3, false, late, true},       // and finished
		{4, false, late, false},      // too late: left out
		{4, false, late, false},      //
		{5, false, 0, false},         // refers to what was left out
		{6, true, 0, true},           // begins anew
		{7, false, 0, true},          //
	} {
		if got := packet(c.stamp, c.key, c.late); got != c.want {
			t.Errorf("packet %d: %v", i, got)
		}
	}
}
