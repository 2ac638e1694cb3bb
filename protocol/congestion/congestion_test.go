package congestion

import (
	"math/rand/v2"
	"testing"
	"time"
)

// way is a simulated network: a queue before a narrow link, then a delay.
type way struct {
	rate   float64 // bit/s
	delay  time.Duration
	loss   float64
	buffer time.Duration // what does not fit is thrown away
	jitter time.Duration
	stalls time.Duration // the receiver reads nothing for so long, and then as long all that comes
	dice   *rand.Rand
	free   time.Duration // when the link is free again, since start
	worst  time.Duration // longest queue
}

func (w *way) send(at time.Duration, size int) (arrived time.Duration, lost bool) {
	w.free = max(w.free, at)
	if w.buffer > 0 && w.free-at > w.buffer {
		return 0, true
	}
	w.worst = max(w.worst, w.free-at)
	w.free += time.Duration(8 * float64(size) / w.rate * float64(time.Second))
	if w.dice.Float64() < w.loss {
		return 0, true
	}
	arrived = w.free + w.delay + time.Duration(w.dice.Float64()*float64(w.jitter))
	if w.stalls > 0 && arrived/w.stalls%2 == 0 {
		arrived = arrived.Truncate(w.stalls) + w.stalls
	}
	return arrived, false
}

// play sends frames of that size so often, paced by the estimator, as a stream
// does: the next one waits until the last has left.
func play(e *Estimator, w *way, from, until time.Duration, every time.Duration, frame int) {
	start := time.Unix(1000, 0)
	type pending struct {
		Packet
		known time.Duration // when a report can tell
	}
	var flying []pending
	report := func(now time.Duration) {
		var told Report
		for len(flying) > 0 && flying[0].known <= now {
			told.Packets, flying = append(told.Packets, flying[0].Packet), flying[1:]
		}
		for _, p := range flying {
			told.UnderWay += p.Size
		}
		if len(told.Packets) > 0 {
			e.Report(start.Add(now), told)
		}
	}
	now, reported := from, from
	for due := from; now < until; due = max(due+every, now) {
		for now = max(now, due); reported+Interval <= now; reported += Interval {
			report(reported + Interval)
		}
		if e.Full(start.Add(now)) {
			due, now = due-every, now+10*time.Millisecond
			continue
		}
		for left := frame; left > 0; left -= 1200 {
			size := min(left, 1200)
			arrived, lost := w.send(now, size)
			e.Sent(start.Add(now), size)
			flying = append(flying, pending{Packet{Size: size, Sent: start.Add(now), Arrived: arrived, Lost: lost}, max(arrived, now) + w.delay})
			rate := e.Rate()
			if rate == 0 {
				rate = 150_000_000
			}
			now += time.Duration(8 * float64(size) / float64(rate) * float64(time.Second))
			for ; reported+Interval <= now; reported += Interval {
				report(reported + Interval)
			}
		}
	}
}

func newWay(rate float64, delay time.Duration, loss float64) *way {
	return &way{rate: rate, delay: delay, loss: loss, dice: rand.New(rand.NewPCG(1, 2))}
}

// In lasting motion the estimate finds what the link carries, and the queue is
// short once the first burst is through.
func TestFindsTheCapacity(t *testing.T) {
	for name, w := range map[string]*way{
		"300 kbit/s, 200 ms": newWay(300_000, 200*time.Millisecond, 0),
		"1 Mbit/s":           newWay(1_000_000, 10*time.Millisecond, 0),
		"1 Mbit/s, 5 % loss": newWay(1_000_000, 10*time.Millisecond, 0.05),
		"5 Mbit/s, jitter":   {rate: 5_000_000, delay: 20 * time.Millisecond, jitter: 8 * time.Millisecond, dice: rand.New(rand.NewPCG(1, 2))},
		"shallow buffer":     {rate: 2_000_000, delay: 20 * time.Millisecond, buffer: 60 * time.Millisecond, dice: rand.New(rand.NewPCG(1, 2))},
	} {
		e := NewEstimator()
		play(e, w, 0, 20*time.Second, 33*time.Millisecond, 40_000)
		w.worst = 0
		for at := 22 * time.Second; at < 60*time.Second; at += 2 * time.Second {
			play(e, w, at, at+time.Second, 33*time.Millisecond, 40_000)
			if r := float64(e.Rate()); r < 0.5*w.rate || r > 1.4*w.rate {
				t.Errorf("%s: %.0f of %.0f bit/s after %v", name, r, w.rate, at)
			}
		}
		if w.worst > 500*time.Millisecond {
			t.Errorf("%s: a queue of %v", name, w.worst)
		}
	}
}

// A link that carries what is asked of it has no limit, whatever it loses and
// however long it is.
func TestNoLimitWhereNoneIs(t *testing.T) {
	for name, w := range map[string]*way{
		"loopback":          newWay(10e9, 0, 0),
		"1 s":               newWay(1e9, time.Second, 0),
		"20 % loss":         newWay(1e9, 30*time.Millisecond, 0.2),
		"busy receiver":     {rate: 1e9, jitter: 15 * time.Millisecond, dice: rand.New(rand.NewPCG(1, 2))},
		"stalls of 60 ms":   {rate: 1e9, stalls: 60 * time.Millisecond, dice: rand.New(rand.NewPCG(1, 2))},
		"stalls of 150 ms":  {rate: 1e9, stalls: 150 * time.Millisecond, dice: rand.New(rand.NewPCG(1, 2))},
		"20 % loss, 100 ms": newWay(1e9, 100*time.Millisecond, 0.2),
	} {
		e := NewEstimator()
		for at := time.Duration(0); at < 30*time.Second; at += time.Second {
			play(e, w, at, at+time.Second, 100*time.Millisecond, 30_000)
			if r := e.Rate(); r != 0 && r < 20_000_000 {
				t.Fatalf("%s: %d bit/s after %v", name, r, at)
			}
		}
	}
}

// Silence and small frames prove nothing: the estimate stays.
func TestSilenceLowersNothing(t *testing.T) {
	e, w := NewEstimator(), newWay(2_000_000, 20*time.Millisecond, 0)
	play(e, w, 0, 5*time.Second, 33*time.Millisecond, 40_000)
	before := e.Rate()
	play(e, w, 6*time.Second, 5*time.Minute, 2*time.Second, 300)
	if after := e.Rate(); before == 0 || after < before*9/10 || after > before*11/10 {
		t.Errorf("%d bit/s before the silence, %d after it", before, after)
	}
}

// When the link carries more again, bursts find out within seconds; when it
// carries less, the first burst tells.
func TestFollowsTheLink(t *testing.T) {
	e, w := NewEstimator(), newWay(500_000, 20*time.Millisecond, 0)
	play(e, w, 0, 5*time.Second, 33*time.Millisecond, 40_000)
	w.rate = 20_000_000
	play(e, w, 6*time.Second, 14*time.Second, 33*time.Millisecond, 40_000)
	if r := e.Rate(); r != 0 && r < 8_000_000 {
		t.Errorf("%d bit/s 8 s after the link became good", r)
	}
	w.rate = 500_000
	play(e, w, 15*time.Second, 22*time.Second, 33*time.Millisecond, 40_000)
	if r := e.Rate(); r < 300_000 || r > 700_000 {
		t.Errorf("%d bit/s 7 s after the link became bad", r)
	}
	// A longer way is not a full one.
	w.rate, w.delay = 20_000_000, 400*time.Millisecond
	play(e, w, 23*time.Second, 40*time.Second, 2*time.Second, 20_000)
	before := e.Rate()
	play(e, w, 40*time.Second, 60*time.Second, 33*time.Millisecond, 20_000)
	if r := e.Rate(); r != 0 && r < before {
		t.Errorf("%d bit/s on the longer way, %d before", r, before)
	}
}

// A link that gets narrow in the midst of a burst throws most of it away; the
// estimate is of that link a few seconds later, and not of nothing.
func TestSuddenlyNarrow(t *testing.T) {
	for name, loss := range map[string]float64{"clean": 0, "10 % loss": 0.1} {
		e, w := NewEstimator(), newWay(100_000_000, 10*time.Millisecond, 0)
		play(e, w, 0, 5*time.Second, 100*time.Millisecond, 250_000)
		w.rate, w.buffer, w.loss = 1_000_000, time.Second, loss
		play(e, w, 5*time.Second, 8*time.Second, 33*time.Millisecond, 250_000)
		lowest := e.Rate()
		for at := 8 * time.Second; at < 20*time.Second; at += 500 * time.Millisecond {
			play(e, w, at, at+500*time.Millisecond, 33*time.Millisecond, 18_000)
			lowest = min(lowest, e.Rate())
		}
		if r := e.Rate(); r < 400_000 || r > 1_500_000 || lowest < 200_000 {
			t.Errorf("%s: %d bit/s of 1,000,000, lowest %d", name, r, lowest)
		}
	}
}

// A receiver whose computer does nothing for a while, and then reads all that
// came, has not a narrow link for it.
func TestBusyReceiver(t *testing.T) {
	e, start := NewEstimator(), time.Unix(1000, 0)
	var report Report
	for i := range 40 {
		at := time.Duration(i) * time.Millisecond
		arrived := at
		if i >= 10 { // two pauses of 100 ms, then 0.9 ms for each
			arrived = time.Duration(i/20+1)*100*time.Millisecond + time.Duration(i-10)*900*time.Microsecond
		}
		report.Packets = append(report.Packets, Packet{Size: 1200, Sent: start.Add(at), Arrived: arrived})
	}
	e.Report(start.Add(150*time.Millisecond), report)
	if r := e.Rate(); r != 0 && r < 9_000_000 {
		t.Errorf("%d bit/s", r)
	}
}
