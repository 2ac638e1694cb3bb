package session

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"image"
	"image/png"
	"slices"
	"testing"
	"time"

	"consento/protocol"
	"consento/recordings"
)

// pngOf is a picture of that size.
func pngOf(t testing.TB, width, height int) []byte {
	t.Helper()
	var b bytes.Buffer
	must(0, png.Encode(&b, image.NewRGBA(image.Rect(0, 0, width, height))))(t)
	return b.Bytes()
}

func (p *play) still(t testing.TB, caption string) (*protocol.StillTake, error) {
	t.Helper()
	p.on(t, func(s *session) { s.tools.stills.asked = time.Time{} }) // the pause is over
	_, err := p.e.m.TakeStill(t.Context(), full, protocol.StillRequest{Session: p.id, Caption: caption})
	return last[*protocol.StillTake](p.link), err
}

func partOf(take *protocol.StillTake, part int, last bool, data []byte) protocol.StillPart {
	return protocol.StillPart{Epoch: take.Epoch, Still: take.Still, Part: part, Last: last, Data: data}
}

// TestStills: asked for while the screen is shown, on the evidence with its hash, and
// only then said to be there; what is no picture is not kept, and what nobody asked for
// is nothing.
func TestStills(t *testing.T) {
	t.Parallel()
	e := newEnv(t, allowAll)
	p := e.showing(t, full, protocol.MayKeep)
	send := func(m protocol.StillPart) error { return p.agent.StillPart(t.Context(), m) }
	file := pngOf(t, 64, 48)
	must(0, send(protocol.StillPart{Epoch: 1, Still: 1, Last: true, Data: file}))(t) // unasked

	take := must(p.still(t, "Errore"))(t)
	if take == nil || take.Still != 1 {
		t.Fatalf("%+v", take)
	}
	if _, err := e.m.TakeStill(t.Context(), full, protocol.StillRequest{Session: p.id}); !errors.Is(err, ErrNotNow) {
		t.Errorf("a second one beside it: %v", err)
	}
	stale := partOf(take, 0, true, file)
	stale.Epoch++
	must(0, send(stale))(t)
	must(0, send(partOf(take, 0, false, file[:20])))(t)
	if err := send(partOf(take, 2, true, file[20:])); !errors.Is(err, protocol.ErrMalformed) {
		t.Errorf("a hole: %v", err)
	}
	if list := p.state(t).Stills; len(list) != 1 || list[0].SHA256 != "" || list[0].Caption != "Errore" {
		t.Errorf("%+v", list)
	}
	must(0, send(partOf(take, 1, true, file[20:])))(t)
	sum := sha256.Sum256(file)
	hash := hex.EncodeToString(sum[:])
	if list := p.state(t).Stills; list[0].SHA256 != hash || list[0].Width != 64 || list[0].Height != 48 || list[0].Size != int64(len(file)) {
		t.Errorf("%+v", list)
	}
	if _, err := e.m.TakeStill(t.Context(), full, protocol.StillRequest{Session: p.id}); !errors.Is(err, ErrNotNow) {
		t.Errorf("at once after it: %v", err)
	}
	for problem, answer := range map[protocol.StillProblem]func(*protocol.StillTake) protocol.StillPart{
		protocol.StillFailed: func(take *protocol.StillTake) protocol.StillPart { return partOf(take, 0, true, []byte("no picture")) },
		protocol.StillHidden: func(take *protocol.StillTake) protocol.StillPart {
			return protocol.StillPart{Epoch: take.Epoch, Still: take.Still, Last: true, Problem: protocol.StillHidden}
		},
		protocol.StillSize: func(take *protocol.StillTake) protocol.StillPart {
			p.on(t, func(s *session) { s.tools.stills.data = make([]byte, protocol.MaxStill) })
			return partOf(take, 0, false, file)
		},
	} {
		must(0, send(answer(must(p.still(t, ""))(t))))(t)
		if list := p.state(t).Stills; list[len(list)-1].Problem != problem || list[len(list)-1].SHA256 != "" {
			t.Errorf("%s: %+v", problem, list[len(list)-1])
		}
	}
	must(p.still(t, ""))(t)
	p.on(t, func(s *session) { s.stillSecond(time.Now().Add(2 * protocol.StillLimit)) })
	must(0, p.agent.Share(t.Context(), sharingOf(protocol.SharingPaused)))(t)
	if _, err := p.still(t, ""); !errors.Is(err, ErrNotNow) {
		t.Errorf("while nothing is shown: %v", err)
	}
	must(0, p.agent.Share(t.Context(), sharingOf(protocol.SharingShown)))(t)
	stranger := full
	stranger.ID = "another"
	if _, err := e.m.TakeStill(t.Context(), stranger, protocol.StillRequest{Session: p.id}); !errors.Is(err, ErrNoSession) {
		t.Errorf("a stranger: %v", err)
	}
	limited := full
	limited.Profile = protocol.Profile{Permissions: protocol.PermissionSet{protocol.ViewScreen: true}, Files: protocol.DefaultFileLimits()}
	if _, err := e.m.TakeStill(t.Context(), limited, protocol.StillRequest{Session: p.id}); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("without the right: %v", err)
	}
	take = must(p.still(t, "late"))(t)
	p.on(t, func(s *session) {
		for len(s.tools.stills.list) < protocol.MaxStills {
			s.tools.stills.list = append([]protocol.Still{{Problem: protocol.StillLate}}, s.tools.stills.list...)
		}
	})
	if _, err := e.m.TakeStill(t.Context(), full, protocol.StillRequest{Session: p.id}); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("more than may be: %v", err)
	}
	p.end(t)
	if err := send(partOf(take, 0, true, file)); err != nil && !errors.Is(err, ErrNoSession) {
		t.Errorf("after the end: %v", err)
	}

	content, _ := e.read(t, p.id, recordings.TrackStills)
	if len(content) != 1 || content[0].Data["sha256"] != hash || content[0].Data["data"] != base64.StdEncoding.EncodeToString(file) {
		t.Errorf("%d on the evidence", len(content))
	}
	list, _ := e.events(t, p.id)
	asked, taken, failed := find(list, protocol.EventStillAsked), find(list, protocol.EventStillTaken), find(list, protocol.EventStillFailed)
	if asked == nil || taken == nil || failed == nil || asked.Data["caption"] != "Errore" || taken.Data["sha256"] != hash || taken.Data["caption"] != "Errore" {
		t.Errorf("the log says %+v, %+v, %+v", asked, taken, failed)
	}
}

// TestNoStillWithoutEvidence: what cannot be written is not asked for.
func TestNoStillWithoutEvidence(t *testing.T) {
	t.Parallel()
	e := newEnv(t, allowAll)
	p := e.showing(t, full, protocol.MayKeep)
	p.breakEvidence(t)
	if take, err := p.still(t, ""); take != nil || !errors.Is(err, ErrEvidence) {
		t.Errorf("%+v, %v", take, err)
	}
	without := e.showing(t, full, protocol.Control)
	if _, err := without.still(t, ""); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("of a program that cannot: %v", err)
	}
}

// TestStillOnTicket: a picture that is on the evidence is named on the session's ticket,
// once, and by whoever sits in the session; one that is not there yet, or where there is
// no ticket, is not; and what the ticket refuses changes nothing.
func TestStillOnTicket(t *testing.T) {
	t.Parallel()
	var named []Sealed
	errFull := errors.New("no room on the ticket")
	refuse := true
	e := newEnv(t, allowAll, func(c *Config) {
		c.Ticket = func(_ context.Context, _ Technician, asked protocol.NewSession) (Ticket, error) {
			return Ticket{ID: asked.Ticket, Ref: "T-ABCDEF"}, nil
		}
		c.Attach = func(_ context.Context, by Technician, ticket string, what Sealed) error {
			if by.ID != full.ID || ticket != "one" {
				t.Errorf("%s on %s", by.ID, ticket)
			}
			if refuse {
				return errFull
			}
			named = append(named, what)
			return nil
		}
	})
	p := e.showingFor(t, full, protocol.NewSession{Ticket: "one"}, protocol.MayKeep)
	put := func(by Technician, n uint32) error {
		_, err := e.m.AttachStill(t.Context(), by, protocol.StillOnTicket{Session: p.id, Still: n})
		return err
	}
	file := pngOf(t, 64, 48)
	take := must(p.still(t, "Errore"))(t)
	for _, n := range []uint32{1, 2, protocol.MaxStills} {
		if err := put(full, n); !errors.Is(err, ErrNotNow) {
			t.Errorf("picture %d is not there: %v", n, err)
		}
	}
	must(0, p.agent.StillPart(t.Context(), partOf(take, 0, true, file)))(t)
	stranger := full
	stranger.ID = "another"
	if err := put(stranger, 1); !errors.Is(err, ErrNoSession) {
		t.Errorf("a stranger: %v", err)
	}
	if err := put(full, 1); !errors.Is(err, errFull) || p.state(t).Stills[0].Ticket {
		t.Errorf("refused by the ticket: %v", err)
	}
	refuse = false
	for range 2 {
		must(0, put(full, 1))(t)
	}
	sum := sha256.Sum256(file)
	want := Sealed{Session: p.id, Item: "picture-1", Name: "Errore", Type: "image/png", Size: int64(len(file)), SHA256: hex.EncodeToString(sum[:])}
	if !slices.Equal(named, []Sealed{want}) || !p.state(t).Stills[0].Ticket {
		t.Errorf("%+v", named)
	}
	must(0, p.agent.End(t.Context(), protocol.EndCustomer))(t)
	p.removed(t).closed(t)
	list, _ := e.events(t, p.id)
	if on := find(list, protocol.EventStillOnTicket); on.Data["ticket"] != "T-ABCDEF" || on.Data["still"] != float64(1) {
		t.Errorf("on the evidence: %v", on.Data)
	}

	p = e.showing(t, full, protocol.MayKeep) // of no ticket
	must(0, p.agent.StillPart(t.Context(), partOf(must(p.still(t, ""))(t), 0, true, file)))(t)
	if err := put(full, 1); !errors.Is(err, ErrNotNow) {
		t.Errorf("without a ticket: %v", err)
	}
}
