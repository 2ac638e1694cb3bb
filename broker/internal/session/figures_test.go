package session

import (
	"testing"

	"consento/protocol"
)

// TestFigures: numbers of what is live, and of what happened since the start.
func TestFigures(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.issue(t)
	p := e.active(t)
	must(0, p.agent.Network(t.Context(), protocol.Network{Limit: protocol.LimitCustomer, Rate: 300}))(t)
	f := e.m.Figures()
	if f.Sessions[protocol.StateIssued] != 1 || f.Sessions[protocol.StateActive] != 1 || f.Limited[protocol.LimitCustomer] != 1 || f.Away != 0 || f.Returned != 0 || len(f.Ended) != 0 {
		t.Errorf("%+v", f)
	}
	must(0, p.agent.Gone(t.Context(), true))(t)
	if f = e.m.Figures(); f.Away != 1 {
		t.Errorf("%+v", f)
	}
	again := &link{}
	agent, _, err := e.m.Resume(t.Context(), hello, protocol.Resume{Session: p.id, Secret: e.m.resumeSecret(p.id, 0)}, again)
	p.agent = must(agent, err)(t)
	if f = e.m.Figures(); f.Away != 0 || f.Returned != 1 {
		t.Errorf("%+v", f)
	}
	must(0, e.m.End(t.Context(), anna, p.id))(t)
	must(0, p.agent.Removed(t.Context(), protocol.Removed{Complete: true}))(t)
	p.closed(t)
	if f = e.m.Figures(); f.Ended[protocol.EndTechnician] != 1 || f.Sessions[protocol.StateActive] != 0 || f.Limited[protocol.LimitCustomer] != 0 {
		t.Errorf("%+v", f)
	}
}
