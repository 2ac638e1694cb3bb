package session

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image/png"
	"slices"
	"time"

	"consento/protocol"
	"consento/recordings"
)

// How large a picture for the record may be, in pixels: a side, and in all.
const (
	maxStillSide = 16384
	maxStillArea = 64 << 20
)

// stills is the pictures for the record. It belongs to the session's goroutine.
type stills struct {
	list  []protocol.Still
	asked time.Time // when the newest was asked for
	data  []byte    // of that one, while it comes
	parts int
	epoch uint32 // of the consent to view that it relies on
}

// coming is the picture that is on its way; nil if none is.
func (t *stills) coming() *protocol.Still {
	if n := len(t.list); n > 0 && t.list[n-1].SHA256 == "" && t.list[n-1].Problem == "" {
		return &t.list[n-1]
	}
	return nil
}

// TakeStill has the agent take a picture of what is shown now, for the record. The
// wish is on disk before the agent hears of it.
func (m *Manager) TakeStill(ctx context.Context, by Technician, r protocol.StillRequest) (protocol.Session, error) {
	return m.onTool(ctx, by, r.Session, func(s *session) error {
		t, view := &s.tools.stills, s.consent(protocol.ViewScreen)
		switch {
		case !s.tools.rights.Allows(protocol.MayKeep) || !slices.Contains(s.tools.able, protocol.MayKeep) || len(t.list) >= protocol.MaxStills:
			return ErrNotAllowed
		case s.row.State != protocol.StateActive || view.State != protocol.ConsentGiven || s.agent == nil || !s.isShown(),
			t.coming() != nil, time.Since(t.asked) < protocol.StillPause:
			return ErrNotNow
		}
		n := uint32(len(t.list) + 1)
		if err := s.write(logged{protocol.EventStillAsked, map[string]any{"epoch": view.Epoch, "still": n, "caption": r.Caption}}); err != nil {
			s.must(err)
			return fmt.Errorf("%w: %w", ErrEvidence, err)
		}
		t.list = append(t.list, protocol.Still{N: n, At: time.Now().UTC(), Caption: r.Caption})
		t.asked, t.data, t.parts, t.epoch = time.Now(), nil, 0, view.Epoch
		s.publish()
		s.agent.Send(&protocol.StillTake{Epoch: view.Epoch, Still: n})
		return nil
	})
}

// Sealed is something on a session's evidence as it is named outside: not what it shows.
type Sealed struct {
	Session, Item string // Item: what it is called there, as "picture-2"
	Name          string // what the technician called it; may be empty
	Type          string // media type
	Size          int64  // bytes
	SHA256        string // in hex
}

// AttachStill names a picture for the record on the ticket that the session belongs to. The
// picture stays where it is. A second time it changes nothing.
func (m *Manager) AttachStill(ctx context.Context, by Technician, r protocol.StillOnTicket) (protocol.Session, error) {
	var still protocol.Still
	var ticket Ticket
	shown, err := m.onTool(ctx, by, r.Session, func(s *session) error {
		list := s.tools.stills.list
		ticket = Ticket{s.row.Ticket, s.row.TicketRef}
		if ticket.ID == "" || m.config.Attach == nil || int(r.Still) > len(list) || list[r.Still-1].SHA256 == "" {
			return ErrNotNow
		}
		still = list[r.Still-1]
		return nil
	})
	if err != nil || still.Ticket {
		return shown, err
	}
	err = m.config.Attach(ctx, by, ticket.ID, Sealed{Session: r.Session, Item: fmt.Sprintf("picture-%d", still.N), Name: still.Caption, Type: "image/png", Size: still.Size, SHA256: still.SHA256})
	if err != nil {
		return shown, fmt.Errorf("session: ticket: %w", err)
	}
	return m.onTool(ctx, by, r.Session, func(s *session) error {
		if now := &s.tools.stills.list[r.Still-1]; !now.Ticket {
			now.Ticket = true
			s.note(protocol.EventStillOnTicket, map[string]any{"still": still.N, "ticket": ticket.Ref})
			s.publish()
		}
		return nil
	})
}

// StillPart takes a part of a picture from the agent. When it is whole it goes on the
// evidence, sealed, and only then it is said to be there. What belongs to nothing that
// was asked for is dropped.
func (a *Agent) StillPart(ctx context.Context, m protocol.StillPart) error {
	return a.act(ctx, func(s *session) error {
		t := &s.tools.stills
		now := t.coming()
		if now == nil || m.Still != now.N || m.Epoch != t.epoch || s.row.State != protocol.StateActive {
			return nil // given up meanwhile
		}
		if m.Problem != "" && m.Problem != protocol.StillLate {
			return s.failStill(m.Problem)
		}
		if m.Part != t.parts || m.Problem != "" {
			return fmt.Errorf("%w: part of a picture", protocol.ErrMalformed)
		}
		if len(t.data)+len(m.Data) > protocol.MaxStill {
			return s.failStill(protocol.StillSize)
		}
		t.data = append(t.data, m.Data...)
		if t.parts++; !m.Last {
			return nil
		}
		config, err := png.DecodeConfig(bytes.NewReader(t.data))
		if err != nil || max(config.Width, config.Height) > maxStillSide || config.Width*config.Height > maxStillArea {
			return s.failStill(protocol.StillFailed)
		}
		sum := sha256.Sum256(t.data)
		now.Width, now.Height, now.Size = config.Width, config.Height, int64(len(t.data))
		return s.keepStill(*now, hex.EncodeToString(sum[:]))
	})
}

// keepStill puts a picture on the evidence.
func (s *session) keepStill(still protocol.Still, hash string) error {
	t := &s.tools.stills
	said := map[string]any{"still": still.N, "caption": still.Caption, "sha256": hash, "size": still.Size, "width": still.Width, "height": still.Height}
	err := s.evidence.append(recordings.TrackStills, protocol.EventStillContent, map[string]any{"epoch": t.epoch, "still": still.N, "sha256": hash,
		"width": still.Width, "height": still.Height, "data": t.data})
	t.data = nil
	if err == nil {
		err = s.write(logged{protocol.EventStillTaken, said}) // which seals
	}
	if err != nil {
		s.must(err)
		return fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	t.list[len(t.list)-1].SHA256 = hash
	s.publish()
	return nil
}

// failed ends the picture that is on its way, and says so; nil if none is.
func (t *stills) failed(why protocol.StillProblem) *logged {
	now := t.coming()
	if now == nil {
		return nil
	}
	now.Problem, now.Width, now.Height, now.Size = why, 0, 0, 0
	t.data = nil
	return &logged{protocol.EventStillFailed, map[string]any{"still": now.N, "problem": why}}
}

func (s *session) failStill(why protocol.StillProblem) error {
	l := s.tools.stills.failed(why)
	if l == nil {
		return nil
	}
	s.note(l.code, l.data)
	s.publish()
	return nil
}

// stillSecond gives a picture up that does not come.
func (s *session) stillSecond(now time.Time) {
	if s.tools.stills.coming() != nil && (now.Sub(s.tools.stills.asked) > protocol.StillLimit || s.agent == nil) {
		_ = s.failStill(protocol.StillLate) // it has no other errors
	}
}
