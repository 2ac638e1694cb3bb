package session

import (
	"sync"

	"consento/protocol"
)

// listeners are the consoles, each with the technician whose it is. Other than the feed
// they get every message, not the latest alone.
type listeners struct {
	mu  sync.Mutex
	all map[*listener]struct{}
}

type listener struct {
	technician string // id of the account
	send       func(protocol.Message)
}

func newListeners() *listeners { return &listeners{all: map[*listener]struct{}{}} }

// tell sends a message to the consoles of a technician.
func (l *listeners) tell(technician string, m protocol.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for one := range l.all {
		if one.technician == technician {
			one.send(m)
		}
	}
}

// Listen has send called with what is said in the technician's sessions, until stop is.
// Send must not block.
func (m *Manager) Listen(technicianID string, send func(protocol.Message)) (stop func()) {
	l := m.listeners
	one := &listener{technicianID, send}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all[one] = struct{}{}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.all, one)
	}
}
