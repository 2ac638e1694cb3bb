package session

import (
	"context"
	"slices"
	"time"

	"consento/protocol"
)

// Snapshot returns what people may see of a session, live or closed.
func (m *Manager) Snapshot(ctx context.Context, id string) (protocol.Session, error) {
	if s, err := m.find(id); err == nil {
		return *s.shown.Load(), nil
	}
	r, err := m.store.get(ctx, id)
	if err != nil {
		return protocol.Session{}, err
	}
	office, err := m.config.Office(ctx)
	if err != nil {
		return protocol.Session{}, err
	}
	return m.shown(r, office), nil
}

// Follow delivers the session as it is now, then every change. The channel is
// closed after Closed, or when ctx ends. A slow reader misses steps in between.
func (m *Manager) Follow(ctx context.Context, id string) (<-chan protocol.Session, error) {
	ctx, cancel := context.WithCancel(ctx)
	changes := m.feed.Subscribe(ctx, func(s protocol.Session) bool { return s.ID == id })
	first, err := m.Snapshot(ctx, id)
	if err != nil {
		cancel()
		return nil, err
	}
	out := make(chan protocol.Session)
	go func() {
		defer close(out)
		defer cancel()
		next, ok := first, true
		for ok {
			select {
			case out <- next:
			case <-ctx.Done():
				return
			}
			if next.State == protocol.StateClosed {
				return
			}
			next, ok = <-changes
		}
	}()
	return out, nil
}

// Watch returns the technician's sessions, live ones and those of the last
// day, and the live ones that they may know of, and then delivers every change until ctx
// ends. lists says whether they may know of a session that is not theirs; it must not block.
func (m *Manager) Watch(ctx context.Context, by Technician, lists func(Whose) bool) ([]protocol.Session, <-chan protocol.Session, error) {
	technicianID := by.ID
	changes := m.feed.Subscribe(ctx, func(s protocol.Session) bool {
		return m.owner(s.ID) == technicianID || m.knows(by, s.ID, lists)
	})
	office, err := m.config.Office(ctx)
	if err != nil {
		return nil, nil, err
	}
	rows, err := m.store.recent(ctx, technicianID, time.Now().Add(-listed), 50)
	if err != nil {
		return nil, nil, err
	}
	missing, err := m.store.missing(ctx, technicianID, "")
	if err != nil {
		return nil, nil, err
	}
	for _, r := range missing { // however old
		if !slices.ContainsFunc(rows, func(x row) bool { return x.ID == r.ID }) {
			rows = append(rows, r)
		}
	}
	list := make([]protocol.Session, 0, len(rows))
	over := map[string]bool{} // its recording may still be in the making
	for _, r := range rows {
		over[r.ID] = true
	}
	m.mu.Lock()
	for id, s := range m.live {
		_, in := s.seatOf(technicianID)
		if (s.technician().ID == technicianID || in || lists(s.whose())) && !over[id] {
			list = append(list, *s.shown.Load())
		}
	}
	m.mu.Unlock()
	for _, r := range rows {
		list = append(list, m.shown(r, office))
	}
	return list, changes, nil
}

// knows reports whether somebody may know of a session that is not theirs, or knew of it.
func (m *Manager) knows(by Technician, id string, lists func(Whose) bool) bool {
	s, err := m.find(id)
	if err != nil {
		if c := m.copies.get(id); c != nil { // it has ended in this moment
			t := c.whose()
			return lists(Whose{Owner: t.ID, Team: t.Team, Territory: t.Territory})
		}
		return false
	}
	_, in := s.seatOf(by.ID)
	t := s.table.Load()
	return in || t != nil && (t.knew[by.ID] || t.knew["team "+by.Team]) || lists(s.whose())
}

// Changes delivers every change of every session until ctx ends. A slow reader misses
// steps in between, never the latest.
func (m *Manager) Changes(ctx context.Context) <-chan protocol.Session {
	return m.feed.Subscribe(ctx, nil)
}
