package session

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"slices"
	"time"

	"consento/protocol"
)

const (
	// maxInvites bounds the invitations of one session, over its whole life.
	maxInvites = 10
	// vendorPrefix begins what stands for an account of somebody from outside.
	vendorPrefix = "vendor "
	// VendorPath is what stands before the secret in an invitation's address.
	VendorPath = "/v/"
	// VendorCookie holds what a device shows that has opened an invitation.
	VendorCookie = "__Host-consento-vendor"
)

// invitation lets one person from outside ask to come into one session. Link and device are
// known by their hash alone.
type invitation struct {
	Link    string    `json:"link"`
	Device  string    `json:"device,omitempty"` // that opened it; "": none yet
	Name    string    `json:"name,omitempty"`
	Company string    `json:"company,omitempty"`
	By      string    `json:"by"`
	ByID    string    `json:"by_id"`
	Until   time.Time `json:"until"`
}

// Vendor is somebody from outside in one session.
type Vendor struct {
	Technician        // as a guest: no account, and nothing but seeing and writing
	Session    string // the only one
	InvitedBy  string // account
}

// vendor is an opened invitation as a person.
func (i *invitation) vendor(session string) Vendor {
	return Vendor{Technician{ID: vendorPrefix + i.Link[:16], Name: i.Name, Team: i.Company,
		Profile: protocol.Profile{Name: "vendor", Permissions: protocol.PermissionSet{protocol.ViewScreen: true, protocol.MayChat: true}}}, session, i.ByID}
}

// Invite makes a link by which one person from outside can ask to come into a technician's
// own session. Whether by may invite is the caller's to ask.
func (m *Manager) Invite(ctx context.Context, by Technician, invite protocol.VendorInvite) (link string, until time.Time, err error) {
	s, err := m.find(invite.Session)
	if err != nil {
		return "", until, err
	}
	return link, until, s.do(ctx, func() error {
		switch {
		case s.technician().ID != by.ID:
			return ErrNoSession
		case !s.tools.guests || s.invited >= maxInvites:
			return ErrNotAllowed
		case s.row.State != protocol.StateActive:
			return ErrNotNow
		}
		link, until = rand.Text(), m.config.Now().Add(protocol.InviteLifetime)
		if err := s.write(logged{protocol.EventInvited, map[string]any{"by": by.Name, "until": until.UTC()}}); err != nil {
			s.must(err)
			return errors.Join(ErrEvidence, err)
		}
		s.invited++
		s.invites = append(s.invites, &invitation{Link: m.hash(m.inviteKey, link), By: by.Name, ByID: by.ID, Until: until})
		s.publish()
		return nil
	})
}

// WithdrawInvites makes the links of a session good for nothing that nobody has opened.
func (m *Manager) WithdrawInvites(ctx context.Context, by Technician, w protocol.VendorWithdraw) (protocol.Session, error) {
	return m.onTool(ctx, by, w.Session, func(s *session) error {
		s.dropInvites(func(i *invitation) bool { return i.Device == "" }, "withdrawn")
		return nil
	})
}

// dropInvites makes some invitations good for nothing.
func (s *session) dropInvites(which func(*invitation) bool, cause string) {
	dropped := false
	s.invites = slices.DeleteFunc(s.invites, func(i *invitation) bool {
		out := which(i)
		if out {
			s.note(protocol.EventInviteEnded, map[string]any{"by": i.By, "cause": cause})
			dropped = true
		}
		return out
	})
	if dropped {
		s.publish()
	}
}

// OpenInvite opens a link on one device, which it is good for from then on, and returns what
// that device shows. It returns ErrKey for a link that is wrong, out of time or opened
// already, which counts as a try at a key; ErrMalformed for a name that cannot be shown.
func (m *Manager) OpenInvite(ctx context.Context, address, link, name, company string) (device string, err error) {
	asked := protocol.GuestAsk{Guest: protocol.Guest{Epoch: 1, Name: name, Team: company, Way: protocol.WayVendor, By: "x", State: protocol.ConsentAsked}}
	if err := asked.Validate(); err != nil || company == "" {
		return "", errors.Join(protocol.ErrMalformed, err)
	}
	hash := m.hash(m.inviteKey, link)
	err = m.Guess(ctx, address, func() error {
		for _, s := range m.all() {
			if t := s.table.Load(); t == nil || !slices.ContainsFunc(t.invites, func(i invitation) bool { return subtle.ConstantTimeCompare([]byte(i.Link), []byte(hash)) == 1 }) {
				continue // another session's is not disturbed
			}
			err := s.do(ctx, func() error {
				for _, i := range s.invites {
					if subtle.ConstantTimeCompare([]byte(i.Link), []byte(hash)) != 1 || i.Device != "" || !m.config.Now().Before(i.Until) || s.row.State != protocol.StateActive {
						continue
					}
					if err := s.write(logged{protocol.EventInviteOpened, map[string]any{"by": i.By, "name": name, "team": company}}); err != nil {
						s.must(err)
						return errors.Join(ErrEvidence, err)
					}
					device = rand.Text()
					i.Device, i.Name, i.Company = m.hash(m.inviteKey, device), name, company
					s.publish()
					return nil
				}
				return ErrKey
			})
			if device != "" || err != nil && !errors.Is(err, ErrKey) && !errors.Is(err, ErrNoSession) {
				return err
			}
		}
		return ErrKey
	})
	return device, err
}

// VendorOf returns who a device is that has opened a link; ErrNoSession once that is over.
func (m *Manager) VendorOf(ctx context.Context, device string) (v Vendor, err error) {
	if device == "" || len(device) > 64 {
		return v, ErrNoSession
	}
	hash := m.hash(m.inviteKey, device)
	for _, s := range m.all() {
		t := s.table.Load()
		if t == nil {
			continue
		}
		for _, i := range t.invites {
			if i.Device != "" && subtle.ConstantTimeCompare([]byte(i.Device), []byte(hash)) == 1 {
				return i.vendor(s.id), nil
			}
		}
	}
	return v, ErrNoSession
}

// all lists the live sessions.
func (m *Manager) all() (list []*session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.live {
		list = append(list, s)
	}
	return list
}

// vendorGone makes the invitation of somebody who was sent away good for nothing: a refusal
// at the first question leaves it, for a second one.
func (s *session) vendorGone(g *guest, cause protocol.GuestCause) {
	if g.Way != protocol.WayVendor || cause == protocol.GuestLost || cause == protocol.GuestReboot || cause == protocol.GuestUnable || cause == protocol.GuestNoAnswer || cause == protocol.GuestCustomer && !g.in() {
		return
	}
	s.dropInvites(func(i *invitation) bool { return i.Device != "" && i.vendor(s.id).ID == g.account }, string(cause))
}

// inviteSecond drops links that were not opened in time.
func (s *session) inviteSecond() {
	now := s.manager.config.Now()
	s.dropInvites(func(i *invitation) bool { return i.Device == "" && !now.Before(i.Until) }, "expired")
}
