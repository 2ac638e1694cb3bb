package session

import (
	"errors"
	"testing"
	"time"

	"consento/protocol"
	"consento/recordings"
)

// TestAnnotate: drawn only under the epoch that was given and while anything is shown,
// on the evidence before the agent hears of it, counted for people, and ended by the
// customer in mid-use.
func TestAnnotate(t *testing.T) {
	t.Parallel()
	e := newEnv(t, allowAll)
	p := e.showing(t, full, protocol.MayDraw)
	line := func(epoch, mark uint32) protocol.Annotate {
		return protocol.Annotate{Session: p.id, Epoch: epoch, Kind: protocol.AnnotateLine, Mark: mark, Ink: protocol.InkGreen, Width: 640, Height: 480,
			Points: []protocol.Spot{{X: 1, Y: 2}, {X: 3, Y: 4}}}
	}
	draw := func(m protocol.Annotate) error { return e.m.Annotate(t.Context(), full, m) }
	reached := func() (n int) {
		p.link.mu.Lock()
		defer p.link.mu.Unlock()
		for _, m := range p.link.sent {
			if _, ok := m.(*protocol.Annotate); ok {
				n++
			}
		}
		return n
	}
	must(0, draw(line(2, 1)))(t) // before there is any yes
	epoch := p.allow(t, protocol.MayDraw)
	must(0, draw(line(epoch-1, 1)))(t)
	must(0, draw(line(epoch+1, 1)))(t)
	stranger := full
	stranger.ID = "another"
	if err := e.m.Annotate(t.Context(), stranger, line(epoch, 1)); !errors.Is(err, ErrNoSession) {
		t.Errorf("a stranger draws: %v", err)
	}
	if n := reached(); n != 0 {
		t.Errorf("%d reached the agent without a yes", n)
	}
	must(0, draw(line(epoch, 7)))(t)
	must(0, draw(line(epoch, 7)))(t) // goes on
	box := line(epoch, 8)
	box.Kind = protocol.AnnotateBox
	must(0, draw(box))(t)
	point := protocol.Annotate{Session: p.id, Epoch: epoch, Kind: protocol.AnnotatePoint, Ink: protocol.InkBlue, Width: 640, Height: 480, Points: []protocol.Spot{{X: 5, Y: 5}}}
	must(0, draw(point))(t)
	must(0, draw(point))(t)
	if n := reached(); n != 5 {
		t.Errorf("%d of 5 reached the agent", n)
	}
	if m := last[*protocol.Annotate](p.link); m.Session != "" || m.Kind != protocol.AnnotatePoint {
		t.Errorf("the agent got %+v", m)
	}
	must(0, p.agent.Share(t.Context(), sharingOf(protocol.SharingPaused)))(t)
	must(0, draw(line(epoch, 9)))(t)
	must(0, p.agent.Share(t.Context(), sharingOf(protocol.SharingShown)))(t)
	must(0, p.agent.AnswerConsent(t.Context(), protocol.ConsentAnswer{Permission: protocol.MayDraw, State: protocol.ConsentWithdrawn, Epoch: epoch, Cause: protocol.CauseCustomer}))(t)
	must(0, draw(line(epoch, 10)))(t)
	if n := reached(); n != 5 {
		t.Errorf("%d reached the agent in a pause or after the end", n-5)
	}
	p.end(t)

	input, _ := e.read(t, p.id, recordings.TrackInput)
	drawn := 0
	for _, x := range input {
		if x.Code == protocol.EventDrawn {
			drawn++
			if x.Data["epoch"] != float64(epoch) || x.Data["width"] != 640.0 || x.Data["session"] != nil {
				t.Errorf("%+v", x)
			}
		}
	}
	list, _ := e.events(t, p.id)
	used := find(list, protocol.EventDrawnUsed)
	if drawn != 5 || used == nil || used.Data["lines"] != 1.0 || used.Data["boxes"] != 1.0 || used.Data["points"] != 1.0 {
		t.Errorf("%d on the evidence, counted %+v", drawn, used)
	}
	if withdrawn := find(list, protocol.EventConsentWithdrawn); withdrawn == nil || used == nil || withdrawn.index < used.index {
		t.Error("what was drawn is counted after its end")
	}
}

// TestAnnotateEnds with the right, with too many messages, and where the evidence
// cannot be written.
func TestAnnotateEnds(t *testing.T) {
	t.Parallel()
	for name, take := range map[string]func(t *testing.T, p *play, m protocol.Annotate){
		"flood": func(t *testing.T, p *play, m protocol.Annotate) {
			p.on(t, func(s *session) { s.tools.drawing.credit, s.tools.drawing.asOf = 0, time.Now() })
			must(0, p.e.m.Annotate(t.Context(), full, m))(t)
		},
		"rights": func(t *testing.T, p *play, _ protocol.Annotate) {
			limited := full
			limited.Profile = protocol.Profile{Permissions: protocol.PermissionSet{protocol.ViewScreen: true}, Files: protocol.DefaultFileLimits()}
			must(0, p.e.m.Limit(t.Context(), limited))(t)
		},
		"given back": func(t *testing.T, p *play, _ protocol.Annotate) {
			must(p.e.m.ReturnConsent(t.Context(), full, protocol.ConsentReturn{Session: p.id, Permission: protocol.MayDraw}))(t)
		},
		"locked": func(t *testing.T, p *play, _ protocol.Annotate) {
			must(0, p.agent.Share(t.Context(), sharingOf(protocol.SharingLocked)))(t)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t, allowAll)
			p := e.showing(t, full, protocol.MayDraw)
			m := protocol.Annotate{Session: p.id, Epoch: p.allow(t, protocol.MayDraw), Kind: protocol.AnnotateClear}
			take(t, p, m)
			p.on(t, func(s *session) {
				if c := s.consent(protocol.MayDraw); name != "locked" && c.State != protocol.ConsentWithdrawn {
					t.Errorf("%+v", c)
				}
			})
			_ = e.m.Annotate(t.Context(), full, m) // refused or dropped
			if got := last[*protocol.Annotate](p.link); got != nil {
				t.Errorf("drawn: %+v", got)
			}
		})
	}
	e := newEnv(t, allowAll)
	p := e.showing(t, full, protocol.MayDraw)
	m := protocol.Annotate{Session: p.id, Epoch: p.allow(t, protocol.MayDraw), Kind: protocol.AnnotateClear}
	p.breakEvidence(t)
	if err := e.m.Annotate(t.Context(), full, m); !errors.Is(err, ErrEvidence) && !errors.Is(err, ErrNoSession) {
		t.Errorf("drawn without evidence: %v", err)
	}
	if got := last[*protocol.Annotate](p.link); got != nil {
		t.Errorf("drawn: %+v", got)
	}
}
