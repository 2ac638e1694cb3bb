package run

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"

	"consento/agent/internal/stream"
	"consento/protocol"
	"consento/protocol/congestion"
)

// narrow reports packets that a link of that rate delivered.
func narrow(u *uplink, rate int) {
	start, step := time.Now(), time.Duration(8*1200*float64(time.Second)/float64(rate))
	var report congestion.Report
	for i := range 60 {
		sent := start.Add(time.Duration(i) * time.Millisecond)
		u.Sent(sent, 1200)
		report.Packets = append(report.Packets, congestion.Packet{Size: 1200, Sent: sent, Arrived: time.Duration(i+1) * step})
	}
	u.Report(start.Add(60*step), report)
}

// The narrower of our own network and the viewers' counts, and is named.
func TestUplinkNamesTheNarrowest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUplink()
		says := func(limit protocol.NetworkLimit, least, most int) {
			t.Helper()
			n := u.network()
			if n.Limit != limit || n.Rate < least || n.Rate > most || n.Parts != (limit != protocol.LimitNone) {
				t.Errorf("%+v, want %s at %d to %d kbit/s", n, limit, least, most)
			}
			if err := n.Validate(); err != nil {
				t.Error(err)
			}
		}
		says(protocol.LimitNone, 0, 0)
		u.limit(time.Now(), 700_000)
		says(protocol.LimitViewers, 700, 700)
		narrow(u, 400_000)
		says(protocol.LimitCustomer, 250, 400)
		u.limit(time.Now(), 100_000)
		says(protocol.LimitViewers, 100, 100)
		time.Sleep(wordHolds + time.Second) // of the bubble's clock
		says(protocol.LimitCustomer, 250, 400)
		u.limit(time.Now(), 1_000_000_000)
		says(protocol.LimitCustomer, 250, 400)
		if u.Rate() >= stream.NarrowBelow {
			t.Error("the viewers' good network makes ours better")
		}
	})
}

// What it takes to make pictures is said too: a slow computer looks like a slow network.
func TestUplinkTellsOfTheMaking(t *testing.T) {
	u := newUplink()
	start := time.Unix(1000, 0)
	if n := u.network(); n.Encode != 0 || n.CPU != 0 || n.Quantizer != 0 {
		t.Errorf("before the first picture: %+v", n)
	}
	for i := range 60 {
		u.made(start.Add(time.Duration(i)*100*time.Millisecond), stream.FrameInfo{Encode: 120 * time.Millisecond, CPU: 60 * time.Millisecond, Quantizer: 40})
	}
	n := u.network()
	if n.Encode != 120 || n.CPU < 55 || n.CPU > 65 || n.Quantizer != 40 || n.Validate() != nil {
		t.Errorf("%+v", n)
	}
	if !differ(n, protocol.Network{}) || differ(n, n) {
		t.Error("a slow computer is not told")
	}
	u.made(start.Add(time.Hour), stream.FrameInfo{Encode: 24 * time.Hour, CPU: time.Hour * 100, Quantizer: 63})
	if n := u.network(); n.Validate() != nil {
		t.Errorf("%+v", n)
	}
}

// Changes are told, and nothing else.
func TestUplinkTellsChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUplink()
		var mu sync.Mutex
		var told []protocol.Message
		done := make(chan struct{})
		go func() {
			defer close(done)
			u.tell(t.Context(), func(m protocol.Message) { mu.Lock(); told = append(told, m); mu.Unlock() })
		}()
		count := func() int { mu.Lock(); defer mu.Unlock(); return len(told) }
		time.Sleep(time.Minute) // of the bubble's clock
		first := count()
		narrow(u, 400_000)
		time.Sleep(time.Minute)
		if first > 1 || count() != first+1 {
			t.Errorf("%d messages on a quiet network, %d after it got narrow", first, count())
		}
	})
}

type sink func(*rtp.Packet)

func (s sink) WriteRTP(p *rtp.Packet) error { s(p); return nil }

// The probe waits for the connection, sends nothing but padding, and ends when
// the picture does.
func TestProbe(t *testing.T) {
	u, connected := newUplink(), make(chan struct{})
	u.close()
	u.probe(connected, sink(func(*rtp.Packet) { t.Error("a packet without a connection") }))
	<-u.probed

	u, n, last := newUplink(), 0, uint16(0)
	close(connected)
	u.probe(connected, sink(func(p *rtp.Packet) {
		if len(p.Payload) > 0 || p.PaddingSize+p.Header.PaddingSize == 0 || n > 0 && p.SequenceNumber != last+1 {
			t.Errorf("%+v", p)
		}
		n, last = n+1, p.SequenceNumber
	}))
	if n != probePackets || u.sequence.NextSequenceNumber() != last+1 {
		t.Errorf("%d packets", n)
	}
}
