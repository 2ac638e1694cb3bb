package session

import (
	"context"

	"consento/protocol"
)

// Network takes the agent's word on how its network bears the picture, and shows
// it to who watches.
func (a *Agent) Network(ctx context.Context, m protocol.Network) error {
	return a.act(ctx, func(s *session) error {
		if s.row.State != protocol.StateActive {
			return ErrNotNow
		}
		s.network = &m
		s.publish()
		return nil
	})
}
