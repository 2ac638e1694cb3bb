package session

import (
	"maps"
	"sync"

	"consento/protocol"
)

// Figures is what operators may know of the sessions: numbers, no content.
type Figures struct {
	Sessions  map[protocol.State]int        // live ones
	Away      int                           // wait for their agent to come back
	Hidden    int                           // shared, but paused, locked or without a picture
	Published int                           // whose agent's picture connection is there
	Viewers   int                           // pictures that are open in consoles
	Limited   map[protocol.NetworkLimit]int // pictures, by what reduces them
	Returned  uint64                        // agents that came back, since the start
	Ended     map[protocol.EndReason]uint64 // since the start
	Reported  uint64                        // sessions that customers reported, since the start
}

// tally counts what happened since the start. It may be used from anywhere.
type tally struct {
	mu       sync.Mutex
	returned uint64
	ended    map[protocol.EndReason]uint64
}

func (t *tally) addReturn() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.returned++
}

func (t *tally) addEnd(reason protocol.EndReason) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended == nil {
		t.ended = map[protocol.EndReason]uint64{}
	}
	t.ended[reason]++
}

// Figures counts the live sessions, and what happened since the start.
func (m *Manager) Figures() Figures {
	f := Figures{Sessions: map[protocol.State]int{}, Limited: map[protocol.NetworkLimit]int{}, Ended: map[protocol.EndReason]uint64{}, Reported: m.reported.Load()}
	m.tally.mu.Lock()
	f.Returned = m.tally.returned
	maps.Copy(f.Ended, m.tally.ended)
	m.tally.mu.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.live {
		shown := s.shown.Load()
		if shown.State == protocol.StateClosed {
			continue // only its end is not in the database yet
		}
		f.Sessions[shown.State]++
		f.Viewers += len(shown.Viewers)
		if !shown.AwaySince.IsZero() {
			f.Away++
		}
		if shown.State == protocol.StateActive && shown.Sharing != nil && shown.Sharing.State != protocol.SharingShown {
			f.Hidden++
		}
		if s.room.Publishing() {
			f.Published++
		}
		if shown.Network != nil && shown.Network.Limit.Reduces() {
			f.Limited[shown.Network.Limit]++
		}
	}
	return f
}
