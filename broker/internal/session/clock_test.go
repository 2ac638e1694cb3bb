package session

import (
	"sync/atomic"
	"testing"
	"time"

	"consento/protocol"
)

// setClock gives the broker a wall clock that the test sets.
func setClock(by *atomic.Int64) func(*Config) {
	return func(c *Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(by.Load())) }
	}
}

// TestClockThatJumps: keys, waits and sessions live as long as they should, however
// the wall clock is set meanwhile; that it was stands on the evidence, and what
// people read by it is set along.
func TestClockThatJumps(t *testing.T) {
	for name, by := range map[string]time.Duration{"forward": 3 * time.Hour, "back": -3 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var set atomic.Int64
			e := newEnv(t, setClock(&set))
			issued, active, away := e.issue(t), e.active(t), e.active(t)
			must(0, away.agent.Gone(t.Context(), true))(t)
			before, until := issued.state(t).KeyExpires, away.state(t).AwayUntil
			set.Store(int64(by))
			moved := func(what string, now func() time.Time, from time.Time) {
				eventually(t, what, func() bool { return (now().Sub(from) - by).Abs() < time.Second })
			}
			moved("the key's end is shown by the new clock", func() time.Time { return issued.state(t).KeyExpires }, before)
			moved("the end of the wait is", func() time.Time { return away.state(t).AwayUntil }, until)
			if s := active.state(t); s.State != protocol.StateActive {
				t.Errorf("the session is %s", s.State)
			}
			issued.redeem(t).name(t).join(t).terms(t).activate(t)
			away.resume(t)
			for _, p := range []*play{issued, active, away} {
				must(0, p.agent.End(t.Context(), protocol.EndCustomer))(t)
				p.removed(t).closed(t)
				list, _ := e.events(t, p.id)
				jump := find(list, protocol.EventClockJumped)
				if jump == nil {
					t.Fatalf("the jump is not on the evidence: %v", codes(list))
				}
				if ms, _ := jump.Data["by_ms"].(float64); (time.Duration(ms)*time.Millisecond - by).Abs() > time.Second {
					t.Errorf("the evidence says that the clock jumped by %v ms", jump.Data["by_ms"])
				}
				for i := 1; i < len(list); i++ {
					if list[i].AtMS < list[i-1].AtMS {
						t.Errorf("time went back from %d to %d ms", list[i-1].AtMS, list[i].AtMS)
					}
				}
			}
		})
	}
}

// TestClockThatIsSteady says nothing.
func TestClockThatIsSteady(t *testing.T) {
	t.Parallel()
	at := time.Now()
	w := newWall(func() time.Time { return at })
	w.mono, w.at = w.mono.Add(-time.Second), at.Add(-time.Second-jumpsOver/2).Round(0)
	if by := w.jumped(); by != 0 {
		t.Errorf("a jump of %v", by)
	}
}

// TestKeyExpiresByTheMonotonicClock: a wall clock that is set back keeps no key.
func TestKeyExpiresByTheMonotonicClock(t *testing.T) {
	t.Parallel()
	var set atomic.Int64
	e := newEnv(t, setClock(&set), limits(Limits{Key: 50 * time.Millisecond}))
	p := e.issue(t)
	set.Store(int64(-time.Hour))
	if s := p.closed(t); s.EndReason != protocol.EndKeyExpired {
		t.Errorf("ended by %q", s.EndReason)
	}
	if _, err := e.m.Redeem(t.Context(), p.key, "192.0.2.1"); err != ErrKey {
		t.Errorf("redeemed: %v", err)
	}
}

// TestClockSetBackOverARestart gives nobody more time than there ever was.
func TestClockSetBackOverARestart(t *testing.T) {
	t.Parallel()
	var set atomic.Int64
	e := newEnv(t, setClock(&set))
	r := row{State: protocol.StateIssued, Issued: time.Now().UnixMilli(), KeyExpires: time.Now().Add(e.m.config.Limits.Key).UnixMilli(), Active: time.Now().UnixMilli()}
	set.Store(int64(-24 * time.Hour))
	for state, limit := range map[protocol.State]time.Duration{protocol.StateIssued: e.m.config.Limits.Key, protocol.StateActive: e.m.config.Limits.Active,
		protocol.StateWaiting: e.m.config.Limits.Key + e.m.config.Limits.Joining} {
		r.State = state
		if left := e.m.timeLeft(r); left != limit {
			t.Errorf("%s: %v left of %v", state, left, limit)
		}
	}
	set.Store(int64(24 * time.Hour))
	if left := e.m.timeLeft(r); left != 0 {
		t.Errorf("%v left", left)
	}
}

// TestSlept: each sleep once, however often it is said.
func TestSlept(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	p := e.active(t)
	for _, m := range []protocol.Slept{{N: 1, MS: 90_000}, {N: 1, MS: 90_000}, {N: 2, MS: 20_000}, {N: 1, MS: 90_000}} {
		must(0, p.agent.Slept(t.Context(), m))(t)
	}
	if err := p.agent.Slept(t.Context(), protocol.Slept{N: maxSleeps + 1, MS: 1}); err != ErrNotAllowed {
		t.Errorf("no limit: %v", err)
	}
	must(0, p.agent.End(t.Context(), protocol.EndCustomer))(t)
	if err := p.agent.Slept(t.Context(), protocol.Slept{N: 3, MS: 1}); err != ErrNotNow {
		t.Errorf("after the end: %v", err)
	}
	p.removed(t).closed(t)
	list, _ := e.events(t, p.id)
	n := 0
	for _, x := range list {
		if x.Code == protocol.EventAgentSlept {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%d sleeps on the evidence: %v", n, codes(list))
	}
}
