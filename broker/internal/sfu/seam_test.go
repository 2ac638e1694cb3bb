package sfu

import (
	"testing"
	"time"

	"github.com/pion/rtp"
)

func TestSeam(t *testing.T) {
	t.Parallel()
	var s seam
	at := time.Unix(1_700_000_000, 0)
	put := func(after time.Duration, seq uint16, stamp uint32) (uint16, uint32) {
		at = at.Add(after)
		in := &rtp.Packet{Header: rtp.Header{SequenceNumber: seq, Timestamp: stamp}}
		out := s.join(in, at)
		if in.SequenceNumber != seq || in.Timestamp != stamp {
			t.Error("the packet itself was changed")
		}
		return out.SequenceNumber, out.Timestamp
	}
	want := func(seq uint16, stamp uint32) func(uint16, uint32) {
		return func(gotSeq uint16, gotStamp uint32) {
			t.Helper()
			if gotSeq != seq || gotStamp != stamp {
				t.Errorf("%d at %d instead of %d at %d", gotSeq, gotStamp, seq, stamp)
			}
		}
	}
	s.open()
	want(65534, 100)(put(0, 65534, 100)) // the first track is left as it is
	want(0, 3100)(put(0, 0, 3100))
	want(65535, 100)(put(0, 65535, 100)) // a late one is not the newest
	s.open()
	want(1, 3100+2*videoClock)(put(2*time.Second, 40_000, 4_000_000_000)) // goes on where the first ended
	want(3, 3100+2*videoClock+3000)(put(33*time.Millisecond, 40_002, 4_000_003_000))
	want(2, 3100+2*videoClock)(put(time.Millisecond, 40_001, 4_000_000_000))
	s.open()
	want(4, 3100+2*videoClock+3001)(put(-2*time.Millisecond, 7, 7)) // time never goes back
}
