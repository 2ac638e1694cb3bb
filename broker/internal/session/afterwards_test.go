package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"consento/protocol"
)

func (p *play) log(t testing.TB) Log {
	t.Helper()
	return must(p.e.m.Log(t.Context(), p.id))(t)
}

func (l Log) codes() (all []protocol.EventCode) {
	for _, e := range l.Entries {
		all = append(all, e.Code)
	}
	return all
}

// TestRating: said while the agent removes itself it stands in the same segment,
// said later in one more; the last one counts; the technician sees the stars.
func TestRating(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	p := e.active(t)
	if err := e.m.Rate(t.Context(), p.id, protocol.Rating{Stars: 5}); !isNotNow(err) {
		t.Errorf("rated before the end: %v", err)
	}
	must(0, p.agent.End(t.Context(), protocol.EndCustomer))(t)
	must(0, e.m.Rate(t.Context(), p.id, protocol.Rating{Stars: 2, Words: "slow\nbut kind"}))(t)
	if s := p.state(t); s.Stars != 2 || s.State != protocol.StateEnding {
		t.Errorf("%+v", s)
	}
	p.removed(t).closed(t)
	list, segments := e.whole(t, p.id)
	if rated := find(list, protocol.EventRated); segments != 1 || rated == nil || rated.Data["stars"] != 2.0 || rated.Data["words"] != "slow\nbut kind" {
		t.Errorf("%d segments, %+v", segments, rated)
	}

	_, changes, err := e.m.Watch(t.Context(), anna, nothing)
	must(0, err)(t)
	must(0, e.m.Rate(t.Context(), p.id, protocol.Rating{Stars: 5}))(t)
	if s := <-changes; s.ID != p.id || s.Stars != 5 || s.State != protocol.StateClosed {
		t.Errorf("the console is told %+v", s)
	}
	if s := p.state(t); s.Stars != 5 {
		t.Errorf("stars %d", s.Stars)
	}
	list, segments = e.whole(t, p.id)
	if last := list[len(list)-1]; segments != 2 || last.Code != protocol.EventRated || last.Data["stars"] != 5.0 {
		t.Errorf("%d segments, last %+v", segments, last)
	}
	if log := p.log(t); log.Rating.Stars != 5 || log.codes()[len(log.Entries)-1] != protocol.EventRated {
		t.Errorf("copy: %+v", log)
	}
	if err := e.m.Rate(t.Context(), p.id, protocol.Rating{Stars: 6}); !errors.Is(err, protocol.ErrMalformed) {
		t.Errorf("six stars: %v", err)
	}
	if err := e.m.Rate(t.Context(), "nobody", protocol.Rating{Stars: 1}); !errors.Is(err, ErrNoSession) {
		t.Errorf("no session: %v", err)
	}
}

// TestRatingIsBounded: who rates again and again does not fill the disk.
func TestRatingIsBounded(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	p := e.issue(t)
	must(0, e.m.End(t.Context(), anna, p.id))(t)
	p.closed(t)
	tries := 0
	for ; tries <= maxSegments; tries++ {
		if err := e.m.Rate(t.Context(), p.id, protocol.Rating{Stars: 1}); err != nil {
			if !isNotNow(err) {
				t.Fatal(err)
			}
			break
		}
	}
	if _, segments := e.whole(t, p.id); tries != maxSegments-1 || segments != maxSegments {
		t.Errorf("%d ratings, %d segments", tries, segments)
	}
}

// TestRatingAfterRestart: the copy is gone, the evidence takes the rating all the same.
func TestRatingAfterRestart(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	p := e.waiting(t)
	must(0, p.agent.End(t.Context(), protocol.EndCustomer))(t)
	p.removed(t).closed(t)
	must(0, e.m.Close(t.Context()))(t)
	if err := e.m.Rate(t.Context(), p.id, protocol.Rating{Stars: 4}); !errors.Is(err, ErrStopping) {
		t.Errorf("rated while stopping: %v", err)
	}
	e.m = must(New(t.Context(), e.config))(t)
	if log, err := e.m.Log(t.Context(), p.id); !errors.Is(err, ErrNoLog) || log.Session.ID != p.id {
		t.Errorf("a copy out of nothing: %+v, %v", log, err)
	}
	must(0, e.m.Rate(t.Context(), p.id, protocol.Rating{Stars: 4}))(t)
	if list, segments := e.whole(t, p.id); segments != 2 || list[len(list)-1].Code != protocol.EventRated {
		t.Errorf("%d segments, %v", segments, codes(list))
	}
}

// TestReport: at any moment of a session it stops everything, also from the
// agent; afterwards it is added to the record. Operators can count.
func TestReport(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	active := e.active(t)
	must(0, e.m.Report(t.Context(), active.id))(t)
	if s := active.state(t); s.State != protocol.StateEnding || s.EndReason != protocol.EndReported {
		t.Errorf("%s, %s", s.State, s.EndReason)
	}
	if told := last[*protocol.Ended](active.link); told == nil || told.Reason != protocol.EndReported {
		t.Errorf("the agent was told %+v", told)
	}
	must(0, e.m.Report(t.Context(), active.id))(t) // pressed twice
	active.removed(t).closed(t)
	must(0, e.m.Report(t.Context(), active.id))(t)

	agent := e.waiting(t)
	must(0, agent.agent.End(t.Context(), protocol.EndReported))(t)
	agent.removed(t).closed(t)

	late := e.waiting(t)
	must(0, late.agent.End(t.Context(), protocol.EndCustomer))(t)
	must(0, e.m.Report(t.Context(), late.id))(t)
	late.removed(t).closed(t)

	later := e.issue(t).redeem(t)
	must(0, e.m.Stop(t.Context(), later.id))(t)
	later.closed(t)
	must(0, e.m.Report(t.Context(), later.id))(t)
	must(0, e.m.Report(t.Context(), later.id))(t)

	for name, c := range map[string]struct {
		play     *play
		by       string
		reason   protocol.EndReason
		segments int
	}{
		"while it is shown":         {active, "portal", protocol.EndReported, 1},
		"by the agent":              {agent, "agent", protocol.EndReported, 1},
		"while the agent goes":      {late, "portal", protocol.EndCustomer, 1},
		"when everything is closed": {later, "portal", protocol.EndCustomer, 2},
	} {
		list, segments := e.whole(t, c.play.id)
		reports := 0
		for _, x := range list {
			if x.Code == protocol.EventReported {
				reports++
				if x.Data["by"] != c.by {
					t.Errorf("%s: by %v", name, x.Data["by"])
				}
			}
		}
		if reports != 1 || segments != c.segments || c.play.state(t).EndReason != c.reason {
			t.Errorf("%s: %d reports, %d segments, %s", name, reports, segments, c.play.state(t).EndReason)
		}
	}
	if n := e.m.Figures().Reported; n != 4 {
		t.Errorf("%d counted", n)
	}
	if err := e.m.Report(t.Context(), "nobody"); !errors.Is(err, ErrNoSession) {
		t.Errorf("no session: %v", err)
	}
}

// TestReason: the technician says why until the customer has confirmed the name.
func TestReason(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	s, key, err := e.m.Issue(t.Context(), anna, protocol.NewSession{Reason: "Printer"})
	must(0, err)(t)
	if s.Reason != "Printer" {
		t.Errorf("issued with %q", s.Reason)
	}
	p := &play{e: e, id: s.ID, key: key, link: &link{}}
	p.redeem(t)
	give := func(by Technician, text string) error {
		_, err := e.m.GiveReason(t.Context(), by, protocol.Reason{Session: p.id, Text: text})
		return err
	}
	must(0, give(anna, "מדפסת"))(t)
	if got := p.state(t).Reason; got != "מדפסת" {
		t.Errorf("the customer reads %q", got)
	}
	other := anna
	other.ID = "somebody else"
	if err := give(other, "x"); !errors.Is(err, ErrNoSession) {
		t.Errorf("of another technician: %v", err)
	}
	p.name(t)
	if err := give(anna, "money"); !isNotNow(err) || p.state(t).Reason != "מדפסת" {
		t.Errorf("after the name: %v, %q", err, p.state(t).Reason)
	}
	ticket := must(e.m.Ticket(t.Context(), p.id, "en"))(t)
	_, joined, err := e.m.Join(t.Context(), hello, protocol.Join{Ticket: string(ticket)}, "192.0.2.1", p.link)
	if must(0, err)(t); joined.Reason != "מדפסת" {
		t.Errorf("the agent is told %q", joined.Reason)
	}
	must(0, e.m.Stop(t.Context(), p.id))(t)
	list, _ := e.events(t, p.id)
	if issued, given := find(list, protocol.EventIssued), find(list, protocol.EventReason); issued.Data["reason"] != "Printer" || given.Data["text"] != "מדפסת" || given.Data["by"] != anna.Name {
		t.Errorf("%+v, %+v", issued, given)
	}
}

// TestReasonOutlivesRestart: what the customer was told stands.
func TestReasonOutlivesRestart(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	s, _, err := e.m.Issue(t.Context(), anna, protocol.NewSession{Reason: "Printer"})
	must(0, err)(t)
	must(0, e.m.Close(t.Context()))(t)
	e.m = must(New(t.Context(), e.config))(t)
	if got := must(e.m.Snapshot(t.Context(), s.ID))(t); got.Reason != "Printer" {
		t.Errorf("%+v", got)
	}
	// The copy says honestly that it does not begin with the session.
	log := must(e.m.Log(t.Context(), s.ID))(t)
	if log.Since.IsZero() || log.Entries[0].Code != protocol.EventResumed {
		t.Errorf("copy: %+v", log)
	}
}

// TestCopyIsTheEvidence: the customer's copy holds what stands on the evidence,
// entry by entry, without what is the broker's own and without others' sessions.
func TestCopyIsTheEvidence(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	p, other := e.active(t), e.active(t)
	_, err := e.m.WriteNote(t.Context(), anna, protocol.Note{Session: p.id, Text: "a note about her"})
	must(0, err)(t)
	must(0, p.agent.Share(t.Context(), protocol.Sharing{State: protocol.SharingShown, Source: protocol.SourceApplication, Width: 1, Height: 2, Name: "Editor"}))(t)
	if log := p.log(t); !log.Until.IsZero() || !slices.Contains(log.codes(), protocol.EventConsentGiven) {
		t.Errorf("while it lasts: %+v", log)
	}
	must(0, p.agent.End(t.Context(), protocol.EndCustomer))(t)
	p.removed(t).closed(t)
	var log Log
	eventually(t, "the copy knows when it goes", func() bool { log = p.log(t); return !log.Until.IsZero() })
	list, _ := e.events(t, p.id)
	if !slices.Equal(log.codes(), codes(list)) {
		t.Errorf("copy %v\nevidence %v", log.codes(), codes(list))
	}
	for i, entry := range log.Entries {
		var data map[string]any
		if entry.Data != nil {
			must(0, json.Unmarshal(entry.Data, &data))(t)
		}
		for name, value := range data {
			if fmt.Sprint(value) != fmt.Sprint(list[i].Data[name]) {
				t.Errorf("%s: %s is %v, on the evidence %v", entry.Code, name, value, list[i].Data[name])
			}
		}
	}
	text := string(must(json.Marshal(log))(t))
	for _, secret := range []string{anna.ID, string(p.key), p.secret, other.id, "her"} {
		if strings.Contains(text, secret) {
			t.Errorf("the copy holds %q: %s", secret, text)
		}
	}
	if log.LeftOut != 0 || !log.Since.IsZero() || !strings.Contains(text, "Editor") || !strings.Contains(text, anna.Name) {
		t.Errorf("copy: %s", text)
	}
}

// TestCopyKnowsEveryCode: a new event is classified, or the test says so.
func TestCopyKnowsEveryCode(t *testing.T) {
	for _, code := range protocol.EventCodes() {
		_, ok := copyFields(code)
		if meta := code == protocol.EventCursorMoved || code == protocol.EventCursorShape || code == protocol.EventControlInput || code == protocol.EventSystemPart || code == protocol.EventSystemChanges ||
			code == protocol.EventFileBegun || code == protocol.EventFileWhole || code == protocol.EventClipContent || code == protocol.EventClipWhole || code == protocol.EventDrawn || code == protocol.EventStillContent; ok == meta {
			t.Errorf("%s: in the copy %v", code, ok)
		}
	}
	c := &logCopy{}
	must(0, c.add(time.Now(), "new.code", map[string]any{"a": 1}))(t)
	must(0, c.add(time.Now(), protocol.EventEnded, nil))(t)
	if len(c.entries) != 1 || c.entries[0].Data != nil {
		t.Errorf("%+v", c.entries)
	}
}

// TestCopyIsBounded: noise goes first, the beginning stays, and it is said.
func TestCopyIsBounded(t *testing.T) {
	c := &logCopy{}
	at := time.Unix(0, 0)
	must(0, c.add(at, protocol.EventIssued, nil))(t)
	for range maxCopyEvents {
		must(0, c.add(at, protocol.EventViewerJoined, map[string]any{"name": "N"}))(t)
	}
	for range maxCopyEvents - 1 {
		must(0, c.add(at, protocol.EventScreenPaused, nil))(t)
	}
	if c.has(protocol.EventViewerJoined) || !c.has(protocol.EventIssued) || len(c.entries) != maxCopyEvents || c.leftOut != maxCopyEvents {
		t.Errorf("%d entries, %d left out", len(c.entries), c.leftOut)
	}
	must(0, c.add(at, protocol.EventEnded, nil))(t)
	if c.entries[0].Code != protocol.EventIssued || c.entries[len(c.entries)-1].Code != protocol.EventEnded || len(c.entries) != maxCopyEvents {
		t.Error("the beginning or the end is gone")
	}
	for range 3 {
		must(0, c.add(at, protocol.EventRated, protocol.Rating{Stars: 1, Words: strings.Repeat("x", maxCopyBytes/2)}))(t)
	}
	sum := 0
	for _, e := range c.entries {
		sum += e.size()
	}
	if sum != c.bytes || c.bytes > maxCopyBytes || !c.has(protocol.EventIssued) {
		t.Errorf("%d bytes, counted %d", sum, c.bytes)
	}
}

// TestCopiesGo: an hour after the end, earlier where there are too many.
func TestCopiesGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCopies()
		for i := range maxCopies + 1 {
			id := fmt.Sprint(i)
			c.keep(id, &logCopy{})
			c.end(id)
		}
		if c.get("0") != nil || c.get("1") == nil || len(c.all) != maxCopies {
			t.Errorf("%d copies", len(c.all))
		}
		c.keep("live", &logCopy{})
		time.Sleep(copyKept - time.Second)
		c.keep("late", &logCopy{})
		c.end("late")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if len(c.all) != 2 || c.get("live") == nil || c.get("late") == nil {
			t.Errorf("%d copies after their hour", len(c.all))
		}
		big := &logCopy{}
		big.bytes = maxAllCopies + 1
		c.keep("big", big)
		c.end("big")
		if c.get("late") != nil || c.get("big") == nil || c.bytes != maxAllCopies+1 {
			t.Errorf("%d bytes", c.bytes)
		}
		c.close()
		if c.get("big") != nil {
			t.Error("closed copies")
		}
	})
}

// TestLogTicket: it opens the customer's own session once, after the end, for an hour.
func TestLogTicket(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	p, other := e.waiting(t), e.waiting(t)
	ticket := e.m.logTicket(p.id)
	open := func(ticket string) error { _, err := e.m.OpenLog(t.Context(), ticket); return err }
	if err := open(ticket); !errors.Is(err, ErrKey) {
		t.Errorf("before the end: %v", err)
	}
	must(0, e.m.Stop(t.Context(), p.id))(t)
	for _, wrong := range []string{"", ".", p.id, p.id + ".", other.id + ticket[strings.IndexByte(ticket, '.'):], ticket + "x", "nobody.x"} {
		if err := open(wrong); !errors.Is(err, ErrKey) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if id, err := e.m.OpenLog(t.Context(), ticket); err != nil || id != p.id {
		t.Fatalf("%q, %v", id, err)
	}
	if err := open(ticket); !errors.Is(err, ErrKey) {
		t.Errorf("twice: %v", err)
	}
	must(0, e.m.Stop(t.Context(), other.id))(t)
	late := time.Now().Add(2 * copyKept)
	if err := e.m.store.openLog(context.Background(), other.id, late, late.Add(-copyKept)); !errors.Is(err, ErrKey) {
		t.Errorf("after an hour: %v", err)
	}
}
