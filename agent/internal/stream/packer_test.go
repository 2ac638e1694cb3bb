package stream

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"
)

// watch is a sender that notes when each packet leaves.
type watch struct {
	at     []time.Time
	bytes  []int
	marked int
	on     func(packets int)
}

func (w *watch) WriteRTP(p *rtp.Packet) error {
	w.at, w.bytes = append(w.at, time.Now()), append(w.bytes, p.MarshalSize()+overhead)
	if p.Marker {
		w.marked++
	}
	if w.on != nil {
		w.on(len(w.at))
	}
	return nil
}

// steady is a link of a rate that does not change.
type steady struct {
	boundless
	rate int
}

func (s steady) Rate() int { return s.rate }

// obu is a frame of AV1 with that many bytes in it (AV1 section 5.3).
func obu(size int) []byte {
	const frame, hasSize = 6 << 3, 1 << 1
	unit := []byte{frame | hasSize}
	for n := size; ; n >>= 7 {
		if n < 0x80 {
			unit = append(unit, byte(n))
			break
		}
		unit = append(unit, byte(n)|0x80)
	}
	return append(unit, make([]byte, size)...)
}

// TestPacketsArePaced: a large frame leaves at the link's pace, and where nothing is
// known of the link not in one go either; it is never further ahead of that pace than
// allowed, and no slower. Time is virtual.
func TestPacketsArePaced(t *testing.T) {
	for name, c := range map[string]struct {
		link  int // bit/s
		rate  float64
		ahead time.Duration
	}{
		"no limit": {0, fastest, advance}, "quicker than we are": {1_000_000_000, fastest, advance},
		"20 Mbit/s": {20_000_000, 20_000_000, linkAdvance}, "1 Mbit/s": {1_000_000, 1_000_000, linkAdvance},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &watch{}
				p := newPacker(w, steady{rate: c.link}, rtp.NewFixedSequencer(1))
				lasts := func(bytes int) time.Duration {
					return time.Duration(8 * float64(bytes) / c.rate * float64(time.Second))
				}
				for range 2 { // one behind the other
					if n, err := p.send(t.Context(), AV1, obu(200_000), 0); err != nil || n < 170 {
						t.Fatalf("%d packets, %v", n, err)
					}
				}
				if len(w.at) < 340 || w.marked != 2 {
					t.Fatalf("%d packets, %d ends of frames", len(w.at), w.marked)
				}
				before, most := 0, 0*time.Second
				for i, at := range w.at {
					// What left before this packet may be ahead of the pace by so much.
					passed := at.Sub(w.at[0])
					if early := lasts(before) - passed; early > c.ahead+time.Microsecond {
						t.Fatalf("packet %d leaves after %v, %v early", i, passed, early)
					}
					most = max(most, passed-lasts(before))
					before += w.bytes[i]
				}
				if most > time.Microsecond { // but for what is rounded
					t.Errorf("a packet leaves %v late", most)
				}
			})
		})
	}
}

// TestPacingStops: the end of a session does not wait for a frame that is under way.
func TestPacingStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := &watch{}
		w.on = func(packets int) {
			if packets == 20 {
				cancel()
			}
		}
		p := newPacker(w, steady{rate: 1_000_000}, rtp.NewFixedSequencer(1))
		if n, err := p.send(ctx, AV1, obu(200_000), 0); !errors.Is(err, context.Canceled) || n != 20 || len(w.at) != 20 {
			t.Errorf("%d of %d packets after the end, %v", n-20, len(w.at), err)
		}
	})
}
