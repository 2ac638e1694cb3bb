package protocol

import (
	"errors"
	"time"
)

// InviteLifetime is how long an invitation from outside can be opened.
const InviteLifetime = 30 * time.Minute

// VendorInvite asks for a link by which one person from outside comes into this one
// session. It is answered with VendorInvited.
type VendorInvite struct {
	Session string `json:"session"`
}

func (*VendorInvite) MessageType() string { return "vendor_invite" }

// Validate implements Message.
func (m *VendorInvite) Validate() error {
	return check(m.Session != "" && len(m.Session) <= 64, "session")
}

// VendorInvited answers VendorInvite. The link is in no other message.
type VendorInvited struct {
	Session string    `json:"session"`
	URL     string    `json:"url"`
	Until   time.Time `json:"until"` // until when it can be opened
}

func (*VendorInvited) MessageType() string { return "vendor_invited" }

// Validate implements Message.
func (m *VendorInvited) Validate() error {
	return errors.Join(check(m.Session != "", "session"), check(m.URL != "" && len(m.URL) <= MaxText, "url"))
}

// VendorWithdraw makes links good for nothing that nobody has opened yet. It is answered
// with the session's change.
type VendorWithdraw struct {
	Session string `json:"session"`
}

func (*VendorWithdraw) MessageType() string { return "vendor_withdraw" }

// Validate implements Message.
func (m *VendorWithdraw) Validate() error {
	return check(m.Session != "" && len(m.Session) <= 64, "session")
}
