package session

import (
	"errors"
	"testing"

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
	must(0, p.agent.End(t.Context(), protocol.EndCustomer))(t)
	if now := p.state(t).Network; now != nil {
		t.Errorf("%+v after the end", now)
	}
	must(0, p.agent.Removed(t.Context(), protocol.Removed{Complete: true}))(t)
	p.closed(t)
}
