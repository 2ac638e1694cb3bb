package session

import (
	"context"
	"net/netip"
	"sync"
	"time"
)

// Limits of guessing. The odds that they leave are worked out in
// build/adr/0005-session-keys.md.
const (
	triesPerAddress = 10               // wrong tries an address has at once
	tryRefill       = time.Minute      // one more after each of these
	maxAddresses    = 20000            // remembered; the longest quiet are forgotten first
	slowAfter       = 60               // wrong tries by everybody within slowWindow, before all wait
	slowWindow      = time.Minute      //
	slowStep        = time.Second / 30 // more waiting for each wrong try beyond
	slowest         = 3 * time.Second  // the longest wait: honest customers are never locked out
)

// throttle slows down who guesses keys: an address is refused after some wrong
// tries, everybody waits a little while many wrong tries come from anywhere.
// Right keys cost nothing. A try counts from its beginning, so that many at once
// are no more than one after the other.
type throttle struct {
	mu        sync.Mutex
	addresses map[netip.Prefix]*bucket
	wrong     float64 // wrong tries by everybody, decaying over slowWindow
	at        time.Time
}

type bucket struct {
	tries float64 // left
	at    time.Time
}

func newThrottle() *throttle { return &throttle{addresses: map[netip.Prefix]*bucket{}} }

// Network is what counts as one address: an IPv4 address, or an IPv6 /64, which
// one household has whole. Unreadable addresses share one.
func Network(address string) netip.Prefix {
	if ap, err := netip.ParseAddrPort(address); err == nil {
		address = ap.Addr().String()
	}
	a, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Prefix{}
	}
	a = a.Unmap().WithZone("")
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// try is one try that was let through. Unless it failed, it is undone.
type try struct {
	throttle *throttle
	key      netip.Prefix
	settled  bool
}

// try lets a try through, after a pause if many wrong ones came; or it returns
// a *ThrottledError.
func (t *throttle) try(ctx context.Context, address string) (*try, error) {
	now := time.Now()
	key := Network(address)
	t.mu.Lock()
	b := t.bucket(key, now)
	if b.tries < 1 {
		again := time.Duration((1 - b.tries) * float64(tryRefill))
		t.mu.Unlock()
		return nil, &ThrottledError{RetryAfter: again}
	}
	b.tries--
	pause := t.pause(now)
	t.mu.Unlock()
	let := &try{throttle: t, key: key}
	if pause == 0 {
		return let, nil
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return let, nil
	case <-ctx.Done():
		let.undo()
		return nil, ctx.Err()
	}
}

// bucket returns the tries of an address, refilled.
func (t *throttle) bucket(key netip.Prefix, now time.Time) *bucket {
	b := t.addresses[key]
	if b == nil {
		if len(t.addresses) >= maxAddresses {
			t.forget(now)
		}
		b = &bucket{tries: triesPerAddress, at: now}
		t.addresses[key] = b
	}
	b.refill(now)
	return b
}

// undo gives the try back, if it has not failed.
func (y *try) undo() {
	if y.settled {
		return
	}
	y.settled = true
	y.throttle.mu.Lock()
	defer y.throttle.mu.Unlock()
	if b := y.throttle.addresses[y.key]; b != nil {
		b.tries = min(triesPerAddress, b.tries+1)
		if b.tries == triesPerAddress {
			delete(y.throttle.addresses, y.key)
		}
	}
}

// failed says that the try was a wrong one.
func (y *try) failed() {
	if y.settled {
		return
	}
	y.settled = true
	y.throttle.mu.Lock()
	defer y.throttle.mu.Unlock()
	y.throttle.decay(time.Now())
	y.throttle.wrong++
}

func (b *bucket) refill(now time.Time) {
	b.tries = min(triesPerAddress, b.tries+float64(now.Sub(b.at))/float64(tryRefill))
	b.at = now
}

// forget drops the addresses that have all their tries back, or else the one
// that has been quiet for longest.
func (t *throttle) forget(now time.Time) {
	var quiet netip.Prefix
	var since time.Time
	for key, b := range t.addresses {
		if now.Sub(b.at) > triesPerAddress*tryRefill {
			delete(t.addresses, key)
		} else if since.IsZero() || b.at.Before(since) {
			quiet, since = key, b.at
		}
	}
	if len(t.addresses) >= maxAddresses {
		delete(t.addresses, quiet)
	}
}

func (t *throttle) decay(now time.Time) {
	t.wrong = max(0, t.wrong-float64(now.Sub(t.at))/float64(slowWindow)*slowAfter)
	t.at = now
}

func (t *throttle) pause(now time.Time) time.Duration {
	t.decay(now)
	if t.wrong <= slowAfter {
		return 0
	}
	return min(slowest, time.Duration(t.wrong-slowAfter)*slowStep)
}
