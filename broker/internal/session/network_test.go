package session

import (
	"errors"
	"testing"
	"time"

	"consento/protocol"
)

// What the agent says of its network is shown to who watches, while there is a
// picture.
func TestNetworkIsShown(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	p := e.waiting(t)
	said := protocol.Network{Limit: protocol.LimitCustomer, Rate: 400, Loss: 3, RoundTrip: 90, Parts: true}
	if err := p.agent.Network(t.Context(), said); !errors.Is(err, ErrNotNow) {
		t.Errorf("before the picture: %v", err)
	}
	p.terms(t).activate(t)
	if now := p.state(t).Network; now != nil {
		t.Errorf("%+v before anything was said", now)
	}
	must(0, p.agent.Network(t.Context(), said))(t)
	if now := p.state(t).Network; now == nil || *now != said {
		t.Errorf("%+v", now)
	}
	// Too soon after that, another word is passed over.
	later := func(by time.Duration) {
		t.Helper()
		must(0, p.agent.act(t.Context(), func(s *session) error { s.networkAt = s.networkAt.Add(by); return nil }))(t)
	}
	now := protocol.Network{Limit: protocol.LimitNone, RoundTrip: 20}
	later(time.Hour)
	must(0, p.agent.Network(t.Context(), now))(t)
	if shown := p.state(t).Network; shown == nil || *shown != said {
		t.Errorf("%+v", shown)
	}
	later(-2 * time.Hour)
	must(0, p.agent.Network(t.Context(), now))(t)
	if shown := p.state(t).Network; shown == nil || *shown != now {
		t.Errorf("%+v", shown)
	}
	must(0, p.agent.End(t.Context(), protocol.EndCustomer))(t)
	if now := p.state(t).Network; now != nil {
		t.Errorf("%+v after the end", now)
	}
	must(0, p.agent.Removed(t.Context(), protocol.Removed{Complete: true}))(t)
	p.closed(t)
}

// A page that shares takes what its viewers can take for the limit of its own link.
func TestWhoseNetwork(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		said    protocol.NetworkLimit
		rate    int // kbit/s
		viewers int // bit/s
		want    protocol.NetworkLimit
	}{
		{protocol.LimitCustomer, 400, 0, protocol.LimitCustomer},
		{protocol.LimitCustomer, 400, 400_000, protocol.LimitViewers},
		{protocol.LimitCustomer, 400, 420_000, protocol.LimitViewers},
		{protocol.LimitCustomer, 400, 900_000, protocol.LimitCustomer},
		{protocol.LimitNone, 0, 400_000, protocol.LimitNone},
		{protocol.LimitComputer, 0, 400_000, protocol.LimitComputer},
		{protocol.LimitUnknown, 0, 400_000, protocol.LimitUnknown},
	} {
		if got := narrowest(protocol.Network{Limit: c.said, Rate: c.rate}, c.viewers); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}
