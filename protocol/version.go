package protocol

import "fmt"

// Version is the version of the protocol. Peers with the same Major understand
// each other: a minor version only adds messages and fields, which the older
// side ignores.
//
// History:
//   - 1.0 (2026-11): first version. Keys, terms, consent to view, picture, end.
//   - 1.1 (2026-11): consents beside the view, control, system information.
//   - 1.2 (2026-11): chat.
//   - 1.3 (2026-11): restart of the customer's computer.
//   - 1.4 (2026-11): more people in a session, tickets.
type Version struct {
	Major int `json:"major"`
	Minor int `json:"minor"`
}

// current is the version this package implements.
var current = Version{Major: 1, Minor: 4}

// CurrentVersion returns the version that this package implements.
func CurrentVersion() Version { return current }

func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// Speaks reports whether a peer of version v can be talked to.
func (v Version) Speaks() bool { return v.Major == current.Major }

// Subprotocols of the WebSockets (RFC 6455, section 1.9), one per kind of peer.
const (
	SubprotocolAgent   = "consento.agent.v1"
	SubprotocolConsole = "consento.console.v1"
)
