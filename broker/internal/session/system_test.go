package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"consento/protocol"
	"consento/recordings"
)

// glass is a console's window that keeps what it is shown.
type glass struct {
	Panel
	mu    sync.Mutex
	shown []protocol.Message
}

func newGlass() *glass {
	g := &glass{}
	g.Send = func(m protocol.Message) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.shown = append(g.shown, m)
	}
	return g
}

// said is what is shown, in short: sections with their part, rows and problem.
func (g *glass) said() (list []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range g.shown {
		switch m := m.(type) {
		case *protocol.SystemPart:
			list = append(list, fmt.Sprintf("%s %d %d%s", m.Section, m.Part, len(m.Rows), m.Problem))
		case *protocol.SystemChanges:
			list = append(list, fmt.Sprintf("changes %d %d %d", m.N, len(m.Rows), len(m.Gone)))
		}
	}
	g.shown = nil
	return list
}

func (g *glass) shows(t testing.TB, want ...string) {
	t.Helper()
	if got := g.said(); !slices.Equal(got, want) {
		t.Errorf("shown %q instead of %q", got, want)
	}
}

func (p *play) snap(t testing.TB, g *glass, sections ...protocol.Section) (protocol.SystemStarted, error) {
	t.Helper()
	return p.e.m.ReadSystem(t.Context(), full, protocol.SystemRequest{Session: p.id, Sections: sections}, &g.Panel)
}

func (p *play) follow(t testing.TB, g *glass, on bool) (protocol.SystemStarted, error) {
	t.Helper()
	return p.e.m.FollowSystem(t.Context(), full, protocol.SystemFollow{Session: p.id, On: on}, &g.Panel)
}

// part is one part of a snapshot as an agent sends it.
func part(read *protocol.SystemRead, section protocol.Section, n int, last bool, names ...string) protocol.SystemPart {
	m := protocol.SystemPart{Epoch: read.Epoch, Snapshot: read.Snapshot, Section: section, Part: n, Last: last}
	for _, name := range names {
		cells := make([]string, len(section.Columns()))
		cells[0] = name
		m.Rows = append(m.Rows, protocol.SystemRow{Key: name, Cells: cells})
	}
	return m
}

// TestSystemInformation: asked for, read section by section, each part on the
// evidence before it is shown; followed live; and what the log says of it.
func TestSystemInformation(t *testing.T) {
	t.Parallel()
	e := newEnv(t, allowAll)
	p := e.showing(t, full, protocol.SystemInfo)
	g, other := newGlass(), newGlass()
	if _, err := p.snap(t, g, protocol.SectionDisks); !errors.Is(err, ErrNotNow) {
		t.Errorf("without a consent: %v", err)
	}
	if _, err := p.follow(t, g, true); !errors.Is(err, ErrNotNow) {
		t.Errorf("without a consent: %v", err)
	}
	epoch := p.allow(t, protocol.SystemInfo)
	started := must(p.snap(t, g, protocol.SectionDisks, protocol.SectionSoftware))(t)
	read := last[*protocol.SystemRead](p.link)
	if started.Snapshot != 1 || read.Epoch != epoch || read.Snapshot != 1 || len(read.Sections) != 2 {
		t.Fatalf("%+v, %+v", started, read)
	}
	if _, err := p.snap(t, g, protocol.SectionDisks); !errors.Is(err, ErrNotNow) {
		t.Errorf("a second one beside it: %v", err)
	}
	send := func(m protocol.SystemPart) error { return p.agent.SystemPart(t.Context(), m) }
	must(0, send(part(read, protocol.SectionDisks, 0, false, "/")))(t)
	g.shows(t, "disks 0 1")
	stale := part(read, protocol.SectionDisks, 1, true, "/old")
	stale.Epoch--
	must(0, send(stale))(t)
	stale = part(read, protocol.SectionDisks, 1, true, "/old")
	stale.Snapshot++
	must(0, send(stale))(t)
	for name, m := range map[string]protocol.SystemPart{
		"another section": part(read, protocol.SectionSoftware, 0, true), "what was not asked for": part(read, protocol.SectionEvents, 0, true),
		"a part again": part(read, protocol.SectionDisks, 0, false, "/"), "a part too far": part(read, protocol.SectionDisks, 2, false, "/"),
	} {
		if err := send(m); !errors.Is(err, protocol.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	lost := part(read, protocol.SectionDisks, 1, true)
	if lost.Problem = protocol.ProblemLost; !errors.Is(send(lost), protocol.ErrMalformed) {
		t.Error("the agent says what the broker says")
	}
	must(0, send(part(read, protocol.SectionDisks, 1, true, "/home")))(t)
	must(0, send(part(read, protocol.SectionSoftware, 0, true, "bash", "vim")))(t)
	g.shows(t, "disks 1 1", "software 0 2")
	must(0, send(part(read, protocol.SectionSoftware, 1, true, "late")))(t)
	g.shows(t)

	must(p.follow(t, g, true))(t)
	watch := last[*protocol.SystemWatch](p.link)
	changes := func(n uint32, names ...string) error {
		m := protocol.SystemChanges{Epoch: epoch, Watch: watch.Watch, N: n, Gone: []string{"1-1"}}
		m.Rows = part(read, protocol.SectionProcesses, 0, false, names...).Rows
		return p.agent.SystemChanges(t.Context(), m)
	}
	must(0, changes(0, "sh", "vi"))(t)
	must(0, changes(1, "ls"))(t)
	if err := changes(1); !errors.Is(err, protocol.ErrMalformed) {
		t.Errorf("changes again: %v", err)
	}
	g.shows(t, "changes 0 2 1", "changes 1 1 1")
	must(p.follow(t, other, false))(t) // of a window that does not follow: nothing
	must(0, changes(2))(t)
	g.shows(t, "changes 2 0 1")
	must(p.follow(t, other, true))(t)
	must(0, changes(3))(t) // of the list before
	g.shows(t)
	p.e.m.ClosePanel(t.Context(), &other.Panel)
	if w := last[*protocol.SystemWatch](p.link); w.On || w.Watch != watch.Watch+1 {
		t.Errorf("the agent goes on: %+v", w)
	}
	p.end(t)

	meta, _ := e.read(t, p.id, recordings.TrackSystem)
	var said []string
	for _, x := range meta {
		switch x.Code {
		case protocol.EventSystemPart:
			said = append(said, fmt.Sprintf("%v %v %d of %d", x.Data["section"], x.Data["part"], len(x.Data["rows"].([]any)), len(x.Data["columns"].([]any))))
		case protocol.EventSystemChanges:
			said = append(said, fmt.Sprintf("changes %v", x.Data["n"]))
		}
	}
	if want := []string{"disks 0 1 of 6", "disks 1 1 of 6", "software 0 2 of 4", "changes 0", "changes 1", "changes 2"}; !slices.Equal(said, want) {
		t.Errorf("on the evidence: %q", said)
	}
	list, _ := e.events(t, p.id)
	said = nil
	for _, x := range list {
		switch x.Code {
		case protocol.EventSystemRequested, protocol.EventSystemRead:
			said = append(said, fmt.Sprintf("%s %v", x.Code, x.Data["sections"]))
		case protocol.EventSystemFollowed:
			said = append(said, fmt.Sprintf("%s %v %v", x.Code, x.Data["watch"], x.Data["on"]))
		}
	}
	if want := []string{"system.requested [disks software]", "system.read [disks software]", "system.followed 1 true", "system.followed 1 false", "system.followed 2 true", "system.followed 2 false"}; !slices.Equal(said, want) {
		t.Errorf("the log says %q", said)
	}
}

// TestSystemInformationIsOnTheEvidenceFirst: what cannot be written is not asked for,
// and what cannot be sealed is not shown; the customer's copy says what was read.
func TestSystemInformationIsOnTheEvidenceFirst(t *testing.T) {
	t.Parallel()
	e := newEnv(t, allowAll)
	p := e.showing(t, full, protocol.SystemInfo)
	p.allow(t, protocol.SystemInfo)
	g := newGlass()
	must(p.snap(t, g, protocol.SectionDisks, protocol.SectionEvents))(t)
	read := last[*protocol.SystemRead](p.link)
	must(0, p.agent.SystemPart(t.Context(), part(read, protocol.SectionDisks, 0, true, "/")))(t)
	g.shows(t, "disks 0 1")
	p.on(t, func(s *session) { must(s.evidence.writer.Close())(t) })
	if err := p.agent.SystemPart(t.Context(), part(read, protocol.SectionEvents, 0, true, "secret")); !errors.Is(err, ErrEvidence) {
		t.Errorf("a part that is not on the evidence: %v", err)
	}
	g.shows(t)
	if s := p.state(t); s.EndReason != protocol.EndEvidenceFailed {
		t.Errorf("the session goes on without evidence: %s", s.State)
	}

	p = e.showing(t, full, protocol.SystemInfo)
	p.allow(t, protocol.SystemInfo)
	p.on(t, func(s *session) { must(s.evidence.writer.Close())(t) })
	if _, err := p.snap(t, g, protocol.SectionDisks); !errors.Is(err, ErrEvidence) {
		t.Errorf("asked for without evidence: %v", err)
	}
	if last[*protocol.SystemRead](p.link) != nil {
		t.Error("the agent was told all the same")
	}

	p = e.showing(t, full, protocol.SystemInfo)
	p.allow(t, protocol.SystemInfo)
	must(p.snap(t, g, protocol.SectionDisks))(t)
	must(0, p.agent.SystemPart(t.Context(), part(last[*protocol.SystemRead](p.link), protocol.SectionDisks, 0, true, "/")))(t)
	p.end(t)
	var said []string
	for _, entry := range must(e.m.Log(t.Context(), p.id))(t).Entries {
		switch entry.Code {
		case protocol.EventConsentAsked, protocol.EventConsentGiven, protocol.EventSystemRequested, protocol.EventSystemRead, protocol.EventEnded:
			said = append(said, string(entry.Code)+" "+string(entry.Data))
		}
	}
	if n := len(said); n < 5 || !strings.Contains(said[n-3], `"sections":["disks"]`) || !strings.Contains(said[n-2], `system.read`) || !strings.Contains(said[n-2], `"disks"`) || !strings.Contains(said[n-4], "system_info") {
		t.Errorf("the customer's copy says %q", said)
	}
}

// end ends a session as a customer does.
func (p *play) end(t testing.TB) {
	t.Helper()
	must(0, p.agent.End(t.Context(), protocol.EndCustomer))(t)
	must(0, p.agent.Removed(t.Context(), protocol.Removed{Complete: true}))(t)
	p.closed(t)
}

// TestSystemInformationEnds at once, in mid-section, by whatever takes the consent or
// the picture away; what was read until then is on the log, and nothing that comes
// later is shown.
func TestSystemInformationEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		take func(t *testing.T, p *play, epoch uint32)
		want protocol.SystemProblem
	}{
		"taken back": {func(t *testing.T, p *play, epoch uint32) {
			must(0, p.agent.AnswerConsent(t.Context(), protocol.ConsentAnswer{Permission: protocol.SystemInfo, State: protocol.ConsentWithdrawn, Epoch: epoch, Cause: protocol.CauseCustomer}))(t)
		}, protocol.ProblemEnded},
		"given back": {func(t *testing.T, p *play, _ uint32) {
			must(p.e.m.ReturnConsent(t.Context(), full, protocol.ConsentReturn{Session: p.id, Permission: protocol.SystemInfo}))(t)
		}, protocol.ProblemEnded},
		"rights": {func(t *testing.T, p *play, _ uint32) {
			limited := full
			limited.Profile = protocol.BuiltInProfiles()[0]
			must(0, p.e.m.Limit(t.Context(), limited))(t)
		}, protocol.ProblemEnded},
		"paused": {func(t *testing.T, p *play, _ uint32) {
			must(0, p.agent.Share(t.Context(), sharingOf(protocol.SharingPaused)))(t)
		}, protocol.ProblemPaused},
		"locked": {func(t *testing.T, p *play, _ uint32) {
			must(0, p.agent.Share(t.Context(), sharingOf(protocol.SharingLocked)))(t)
		}, protocol.ProblemEnded},
		"lost": {func(t *testing.T, p *play, _ uint32) { must(0, p.agent.Gone(t.Context(), true))(t) }, protocol.ProblemLost},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t, allowAll)
			p := e.showing(t, full, protocol.SystemInfo)
			epoch, g := p.allow(t, protocol.SystemInfo), newGlass()
			must(p.snap(t, g, protocol.SectionSystem, protocol.SectionSoftware, protocol.SectionEvents))(t)
			must(p.follow(t, g, true))(t)
			read := last[*protocol.SystemRead](p.link)
			must(0, p.agent.SystemPart(t.Context(), part(read, protocol.SectionSystem, 0, true, "host")))(t)
			must(0, p.agent.SystemPart(t.Context(), part(read, protocol.SectionSoftware, 0, false, "bash")))(t)
			g.shows(t, "system 0 1", "software 0 1")
			c.take(t, p, epoch)
			g.shows(t, "software 1 0"+string(c.want), "events 0 0"+string(c.want))
			late := p.agent.SystemPart(t.Context(), part(read, protocol.SectionSoftware, 1, true, "vim"))
			changes := p.agent.SystemChanges(t.Context(), protocol.SystemChanges{Epoch: epoch, Watch: 1})
			if name != "lost" && errors.Join(late, changes) != nil { // one that is gone says nothing
				t.Errorf("what was on its way: %v, %v", late, changes)
			}
			g.shows(t)
			if _, err := p.snap(t, g, protocol.SectionSystem); !errors.Is(err, ErrNotNow) && !errors.Is(err, ErrNotAllowed) {
				t.Errorf("asked after it: %v", err)
			}
			must(0, p.e.m.End(t.Context(), full, p.id))(t)
			if name != "lost" {
				must(0, p.agent.Removed(t.Context(), protocol.Removed{Complete: true}))(t)
				p.closed(t)
			} else {
				return // the recording closes when the agent has been waited for
			}
			list, _ := e.events(t, p.id)
			entry, off := find(list, protocol.EventSystemRead), find(list, protocol.EventSystemFollowed)
			if entry == nil || fmt.Sprint(entry.Data["sections"], entry.Data["unread"]) != "[system] [software events]" || off == nil {
				t.Errorf("the log says %+v", entry)
			}
			meta, _ := e.read(t, p.id, recordings.TrackSystem)
			parts := 0
			for _, x := range meta {
				if x.Code == protocol.EventSystemPart {
					parts++
				}
			}
			if parts != 2 {
				t.Errorf("%d parts on the evidence", parts)
			}
		})
	}
}

// TestSystemInformationIsTheOwners: another technician reads nothing, and one whose
// customer's program cannot do it does not either.
func TestSystemInformationIsTheOwners(t *testing.T) {
	t.Parallel()
	e := newEnv(t, allowAll)
	p := e.showing(t, full, protocol.SystemInfo)
	p.allow(t, protocol.SystemInfo)
	stranger := full
	stranger.ID = "another"
	if _, err := e.m.ReadSystem(t.Context(), stranger, protocol.SystemRequest{Session: p.id, Sections: protocol.Sections()}, &newGlass().Panel); !errors.Is(err, ErrNoSession) {
		t.Errorf("a stranger reads: %v", err)
	}
	if _, err := e.m.FollowSystem(context.Background(), stranger, protocol.SystemFollow{Session: p.id, On: true}, &newGlass().Panel); !errors.Is(err, ErrNoSession) {
		t.Errorf("a stranger follows: %v", err)
	}
	without := e.showing(t, full, protocol.Control)
	if _, err := without.request(t, protocol.SystemInfo); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("asked of a program that cannot: %v", err)
	}
	p.on(t, func(s *session) { s.tools.system.bytes = maxSystemBytes })
	must(p.snap(t, newGlass(), protocol.SectionDisks))(t)
	if err := p.agent.SystemPart(t.Context(), part(last[*protocol.SystemRead](p.link), protocol.SectionDisks, 0, true)); !errors.Is(err, protocol.ErrMalformed) {
		t.Errorf("more than may come: %v", err)
	}
	p.on(t, func(s *session) { s.tools.system.bytes, s.tools.system.rows = 0, protocol.MaxSystemRows })
	if err := p.agent.SystemPart(t.Context(), part(last[*protocol.SystemRead](p.link), protocol.SectionDisks, 0, true, "/")); !errors.Is(err, protocol.ErrMalformed) {
		t.Errorf("more rows than may be: %v", err)
	}
}
