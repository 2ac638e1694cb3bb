package session

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func wrong(t *testing.T, l *throttle, address string) error {
	t.Helper()
	y, err := l.try(t.Context(), address)
	if err == nil {
		y.failed()
		y.undo() // as callers defer it: does nothing
	}
	return err
}

func TestThrottlePerAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newThrottle()
		for range triesPerAddress {
			must(0, wrong(t, l, "192.0.2.1:1"))(t)
		}
		var throttled *ThrottledError
		if err := wrong(t, l, "192.0.2.1:2"); !errors.As(err, &throttled) || throttled.RetryAfter != tryRefill {
			t.Fatalf("%v", err)
		}
		must(0, wrong(t, l, "192.0.2.2:1"))(t) // another address
		time.Sleep(throttled.RetryAfter)
		must(0, wrong(t, l, "::ffff:192.0.2.1"))(t) // the same in other words: one more
		if err := wrong(t, l, "192.0.2.1"); !errors.As(err, &throttled) {
			t.Fatalf("%v", err)
		}
		time.Sleep(triesPerAddress * tryRefill)
		for range triesPerAddress {
			must(0, wrong(t, l, "192.0.2.1"))(t)
		}
	})
}

func TestThrottleCountsFromTheBeginning(t *testing.T) {
	l := newThrottle()
	var through atomic.Int32
	var all sync.WaitGroup
	hold := make(chan struct{})
	for range 100 { // all at once, and none has failed yet
		all.Go(func() {
			y, err := l.try(t.Context(), "192.0.2.1")
			if err == nil {
				through.Add(1)
				<-hold
				y.failed()
			}
		})
	}
	eventually(t, "some wait", func() bool { return through.Load() >= triesPerAddress })
	close(hold)
	all.Wait()
	if through.Load() != triesPerAddress {
		t.Errorf("%d tries were let through", through.Load())
	}
}

func TestRightKeysCostNothing(t *testing.T) {
	l := newThrottle()
	for range 10 * triesPerAddress {
		y := must(l.try(t.Context(), "192.0.2.1"))(t)
		y.undo()
		y.failed() // too late to count
	}
	if len(l.addresses) != 0 || l.wrong != 0 {
		t.Errorf("%d addresses, %g wrong", len(l.addresses), l.wrong)
	}
}

func TestEverybodyWaitsWhileManyGuess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newThrottle()
		pause := func() time.Duration {
			begin := time.Now()
			y := must(l.try(t.Context(), "203.0.113.9"))(t)
			y.undo()
			return time.Since(begin)
		}
		for i := range slowAfter {
			must(0, wrong(t, l, fmt.Sprintf("10.0.%d.1", i)))(t)
		}
		if d := pause(); d != 0 {
			t.Errorf("waited %s too early", d)
		}
		for i := range 300 {
			l.mu.Lock()
			l.wrong++
			l.mu.Unlock()
			_ = i
		}
		if d := pause(); d != slowest {
			t.Errorf("waited %s", d)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.try(ctx, "203.0.113.9"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		time.Sleep(10 * slowWindow)
		if d := pause(); d != 0 {
			t.Errorf("waited %s when it was quiet again", d)
		}
		if l.addresses[Network("203.0.113.9")] != nil {
			t.Error("who gave up lost a try")
		}
	})
}

func TestThrottleForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newThrottle()
		for i := range maxAddresses + 100 {
			y := must(l.try(t.Context(), fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)))(t)
			y.settled = true // wrong, but the overall count is not what this test is about
			if i == 0 {
				time.Sleep(time.Second)
			}
		}
		if len(l.addresses) > maxAddresses || l.addresses[Network("10.0.0.0")] != nil {
			t.Errorf("%d addresses", len(l.addresses))
		}
	})
}

func TestNetwork(t *testing.T) {
	for a, b := range map[string]string{"192.0.2.1": "192.0.2.1:99", "[2001:db8::1]:7": "2001:db8:0:0:ffff::2", "fe80::1%eth0": "fe80::2", "x": ""} {
		if Network(a) != Network(b) {
			t.Errorf("%s and %s count apart", a, b)
		}
	}
	if Network("2001:db8::1") == Network("2001:db8:0:1::1") || Network("192.0.2.1") == Network("192.0.2.2") {
		t.Error("neighbours count as one")
	}
}
