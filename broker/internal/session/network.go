package session

import (
	"context"
	"time"

	"consento/protocol"
)

// networkLeast is how long the agent's word on its network stands: each is sent to
// everybody who watches. It is a little less than the second that agents keep, since
// messages come closer together than they left.
const networkLeast = 900 * time.Millisecond

// Network takes the agent's word on how its network bears the picture, and shows
// it to who watches. One that comes too soon after the last is passed over.
func (a *Agent) Network(ctx context.Context, m protocol.Network) error {
	return a.act(ctx, func(s *session) error {
		if s.row.State != protocol.StateActive {
			return ErrNotNow
		}
		if now := time.Now(); s.network == nil || now.Sub(s.networkAt) >= networkLeast {
			s.networkAt = now
			if s.byBrowser() {
				m.Limit = narrowest(m, s.room.ViewersTake())
			}
			s.network = &m
			s.publish()
		}
		return nil
	})
}

// narrowest says whose way is the narrowest, where viewers can take so many bit/s (0: no
// limit is known). A browser that shares goes by that, too, and takes it for its own link.
func narrowest(m protocol.Network, viewers int) protocol.NetworkLimit {
	if m.Limit == protocol.LimitCustomer && viewers > 0 && 1000*m.Rate >= viewers/10*9 {
		return protocol.LimitViewers
	}
	return m.Limit
}
