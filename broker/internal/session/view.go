package session

import (
	"context"
	"fmt"
	"sync/atomic"

	"consento/broker/internal/sfu"
	"consento/protocol"
)

// maxViewers bounds the pictures of one session that are open at once.
const maxViewers = 16

// View is one console's picture of a session.
type View struct {
	session *session
	name    string
	team    string
	account string
	viewer  atomic.Pointer[sfu.Viewer]
	out     viewOut   // of its terminal; nil without one
	parcels parcelOut // of its files
	clips   parcelOut // of the clipboard
}

// parcelOut is where text and content are written to; nil without one.
type parcelOut interface {
	SendParcel(text bool, data []byte) bool
}

// View answers a console's offer. It is possible from Joined on, so that the
// first picture appears at once; nothing passes before the customer's consent.
// Who watches is on the evidence before the answer goes out.
func (m *Manager) View(ctx context.Context, by Technician, id, offer string) (*View, string, error) {
	s, err := m.find(id)
	if err != nil {
		return nil, "", err
	}
	v := &View{session: s, name: by.Name, team: by.Team, account: by.ID}
	if err := s.do(ctx, func() error {
		switch {
		case !v.works() && !s.guestOf(by.ID).in():
			return ErrNoSession
		case s.row.State == protocol.StateIssued || s.row.State.Over():
			return ErrNotNow
		case !by.Profile.Permissions.Allows(protocol.ViewScreen) || len(s.viewers) >= maxViewers:
			return ErrNotAllowed
		}
		if err := s.write(logged{protocol.EventViewerJoined, map[string]any{"name": v.name, "team": v.team}}); err != nil {
			s.must(err)
			return fmt.Errorf("%w: %w", ErrEvidence, err)
		}
		s.viewers[v] = struct{}{}
		s.publish()
		return nil
	}); err != nil {
		return nil, "", err
	}
	viewer, answer, err := s.room.View(ctx, offer, v.left, v.input)
	if err != nil {
		v.left()
		return nil, "", fmt.Errorf("session: %w", err)
	}
	if err := s.do(ctx, func() error {
		if _, there := s.viewers[v]; !there {
			return ErrNotNow // they were sent away meanwhile
		}
		v.viewer.Store(viewer)
		v.out, v.parcels, v.clips = viewer, viewer.Way(protocol.FilesChannel), viewer.Way(protocol.ClipboardChannel)
		return nil
	}); err != nil {
		viewer.Close()
		return nil, "", err
	}
	viewer.HearTerminal(v.terminal)
	viewer.Way(protocol.FilesChannel).Hear(v.parcel)
	viewer.Way(protocol.ClipboardChannel).Hear(v.clip)
	return v, answer, nil
}

// left notes that the console watches no more. It returns at once.
func (v *View) left() {
	s := v.session
	f := func() {
		if _, there := s.viewers[v]; !there {
			return
		}
		delete(s.viewers, v)
		s.leftControl(v)
		s.leftShell(v)
		s.leftFiles(v)
		s.leftClipboard(v)
		s.note(protocol.EventViewerLeft, map[string]any{"name": v.name, "team": v.team})
		s.publish()
	}
	go s.later(f) // the media goroutine that says so must not wait for the session
}

// Close ends this picture; the session goes on.
func (v *View) Close() {
	if viewer := v.viewer.Load(); viewer != nil {
		viewer.Close()
	}
}

// works reports whether the picture is that of the technician whose session it is: a
// guest looks on, and nothing that comes from a guest's console is a tool's.
func (v *View) works() bool { return v.account == v.session.technician().ID }

// cut lets nothing more through to this console, at once. The connection is closed a
// moment later: it cannot be on the session's goroutine.
func (v *View) cut() {
	if viewer := v.viewer.Load(); viewer != nil {
		viewer.Cut()
		go viewer.Close()
	}
}

// End is the technician's red X: the picture stops at once, then the evidence
// is told.
func (m *Manager) End(ctx context.Context, by Technician, id string) error {
	s, err := m.find(id)
	if err != nil {
		return err
	}
	if s.technician().ID != by.ID {
		return ErrNoSession
	}
	s.room.Stop()
	return s.do(ctx, func() error { s.end(protocol.EndTechnician, "technician"); return nil })
}
