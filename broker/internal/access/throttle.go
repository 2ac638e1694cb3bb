package access

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/uptrace/bun"
)

// Wrong passwords cost time, and never lock anybody out for good: after a few free
// tries the pause doubles up to a limit. A try is counted before the password is
// looked at, so that many at once gain nothing, and given back when it was right.
// A refused try does not prolong the pause.
//
// Odds for one account, any number of addresses: 6 tries at once, then one after
// each pause of 1, 2, 4 ... 256, 300, 300 ... s. That is 15 in the first ten minutes
// and 12 an hour from then on, about 300 a day, against passwords of 15 characters
// that are not common ones.
var (
	accountPace = pace{free: 5, limit: 5 * time.Minute, forget: 24 * time.Hour}
	// Behind one address there may be a whole office.
	addressPace = pace{free: 30, limit: 15 * time.Minute, forget: time.Hour}
)

// maxAddresses bounds the memory: about 100 bytes each.
const maxAddresses = 20_000

// Throttled says when the next try is looked at.
type Throttled struct{ RetryAfter time.Duration }

func (e *Throttled) Error() string {
	return fmt.Sprintf("%s: try again in %s", ErrThrottled, e.RetryAfter.Round(time.Second))
}

func (e *Throttled) Unwrap() error { return ErrThrottled }

// pace says how long the pause is after a number of failures.
type pace struct {
	free          int           // tries without a pause
	limit, forget time.Duration // longest pause; after how long without a try all is forgotten
}

func (p pace) pause(failures int) time.Duration {
	over := failures - p.free
	switch {
	case over <= 0:
		return 0
	case over > 20: // 2^20 s is beyond every limit
		return p.limit
	default:
		return min(time.Second<<(over-1), p.limit)
	}
}

// takeAccount counts one try for the e-mail with this hash, whether it has an
// account or not, or fails with *Throttled.
func (a *Access) takeAccount(ctx context.Context, subject string) error {
	var wait time.Duration
	err := a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		now := time.Now() // after the wait for the others who try
		forgotten := now.Add(-accountPace.forget)
		if _, err := tx.NewDelete().Model((*failuresRow)(nil)).Where("last_at < ?", forgotten).Exec(ctx); err != nil {
			return err
		}
		row := failuresRow{SubjectHash: subject, LastAt: now, NextAt: forgotten}
		if _, err := tx.NewInsert().Model(&row).On("CONFLICT (subject_hash) DO NOTHING").Exec(ctx); err != nil {
			return err
		}
		// The first update holds the row until the second one.
		result, err := tx.NewUpdate().Model(&row).Set("failures = failures + 1").Set("last_at = ?", now).
			Where("subject_hash = ?", subject).Where("next_at <= ?", now).Returning("failures").Exec(ctx)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return err
		}
		if n == 0 {
			if err := tx.NewSelect().Model(&row).Where("subject_hash = ?", subject).Scan(ctx); err != nil {
				return err
			}
			wait = row.NextAt.Sub(now)
			return nil
		}
		pause := accountPace.pause(row.Failures)
		if pause == 0 {
			return nil
		}
		_, err = tx.NewUpdate().Model((*failuresRow)(nil)).Set("next_at = ?", now.Add(pause)).
			Where("subject_hash = ?", subject).Exec(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("throttle: %w", err)
	}
	if wait > 0 {
		return &Throttled{RetryAfter: wait}
	}
	return nil
}

// forgiveAccount forgets the failures after the right password.
func (a *Access) forgiveAccount(ctx context.Context, subject string) error {
	_, err := a.db.NewDelete().Model((*failuresRow)(nil)).Where("subject_hash = ?", subject).Exec(ctx)
	if err != nil {
		return fmt.Errorf("throttle: %w", err)
	}
	return nil
}

// giveBackAccount takes one counted try back, and its pause; the failures before stay.
func (a *Access) giveBackAccount(ctx context.Context, subject string) error {
	_, err := a.db.NewUpdate().Model((*failuresRow)(nil)).Set("failures = failures - 1").Set("next_at = ?", time.Now()).
		Where("subject_hash = ?", subject).Where("failures > 0").Exec(ctx)
	if err != nil {
		return fmt.Errorf("throttle: %w", err)
	}
	return nil
}

type failuresRow struct {
	bun.BaseModel `bun:"table:sign_in_failures"`

	SubjectHash string `bun:",pk"`
	Failures    int
	LastAt      time.Time
	NextAt      time.Time
}

// addressThrottle counts per network address, in memory: it protects the
// processor and slows down who tries many accounts.
type addressThrottle struct {
	mu      sync.Mutex
	entries map[netip.Prefix]*addressEntry
}

type addressEntry struct {
	failures     int
	last, nextAt time.Time
}

func newAddressThrottle() *addressThrottle {
	return &addressThrottle{entries: map[netip.Prefix]*addressEntry{}}
}

func (t *addressThrottle) take(address netip.Prefix) error {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entries[address]
	if e == nil || now.Sub(e.last) > addressPace.forget {
		if e == nil && len(t.entries) >= maxAddresses {
			t.makeRoom(now)
		}
		e = &addressEntry{}
		t.entries[address] = e
	}
	if wait := e.nextAt.Sub(now); wait > 0 {
		return &Throttled{RetryAfter: wait}
	}
	e.failures++
	e.last = now
	e.nextAt = now.Add(addressPace.pause(e.failures))
	return nil
}

// giveBack takes one counted try back. It does not forget the others: else one
// right password now and then would buy any number of wrong ones.
func (t *addressThrottle) giveBack(address netip.Prefix) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.entries[address]; e != nil {
		if e.failures--; e.failures <= 0 {
			delete(t.entries, address)
			return
		}
		e.nextAt = time.Time{} // nobody could begin another one in that pause
	}
}

// makeRoom drops what is forgotten, and if that is nothing an arbitrary tenth:
// whoever commands that many addresses is not stopped by this table.
func (t *addressThrottle) makeRoom(now time.Time) {
	for address, e := range t.entries {
		if now.Sub(e.last) > addressPace.forget {
			delete(t.entries, address)
		}
	}
	for address := range t.entries {
		if len(t.entries) < maxAddresses*9/10 {
			return
		}
		delete(t.entries, address)
	}
}

// network is the address of the connection: the whole of an IPv4 address, the /64
// of an IPv6 address, which one customer of a provider has at least. Headers of
// proxies are not believed.
func network(r *http.Request) netip.Prefix {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{} // all of these share one entry
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Prefix{}
	}
	ip = ip.Unmap().WithZone("")
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(ip, bits).Masked()
}
