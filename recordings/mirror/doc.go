// Package mirror is the second place of the evidence, and its witness: what the
// process of somebody else than the broker's administrator serves ([Server]), and
// how a broker reaches it ([Client], [Uplink]).
//
// The server promises:
//   - It holds of a recording only what follows from what it holds, up to a seal of
//     the session's own key: it takes no rewrite, no fork and no invented
//     continuation, not even from whoever has its token or the whole broker.
//   - What it acknowledged, by a size or by a countersignature, is on its disk.
//   - It countersigns no two roots of one length, and no two checkpoints of which
//     one does not extend the other.
//   - It keeps of key bags what the log names, and destroys one when the log holds
//     that an auditor and the data-protection officer decided it; never else.
//   - Bodies, open recordings, memory and times are limited.
//
// It does not promise that it kept what it acknowledged, should its own operator
// lie: that is for `consento-verify store` to find out. FORMAT.md beside package
// recordings describes the requests.
package mirror

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"regexp"
)

const (
	// MaxBody is how much of a recording one request can add, in bytes. A record has
	// at most 16 MiB, and a second of a session is sealed at its end.
	MaxBody = 64 << 20

	maxLogBody = 16 << 20
	maxSealed  = 1 << 20
	maxProof   = 63 // hashes, C2SP tlog-witness
)

// Held is how much of a recording a mirror has.
type Held struct {
	Name   string `json:"name,omitempty"`
	Size   int64  `json:"size"` // bytes
	Sealed bool   `json:"sealed"`
	// Cosignature is the mirror's countersignature (recordings.Cosign) over the last
	// sealed head; empty in lists.
	Cosignature []byte `json:"cosignature,omitempty"`
}

// LogHeld is how much of the global log a mirror has.
type LogHeld struct {
	Size       uint64 `json:"size"`       // leaves
	Checkpoint uint64 `json:"checkpoint"` // of the last checkpoint that it cosigned
}

// What a mirror refuses.
var (
	// ErrRefused: the mirror cannot take this, and never will: it does not follow
	// from what it holds.
	ErrRefused = errors.New("the mirror refused: it does not follow from what it holds")
	// ErrHeld: the mirror holds something else, or as much; the answer says how much.
	ErrHeld = errors.New("the mirror holds another length")
)

var segmentName = regexp.MustCompile(`^[0-9a-f]{32}-(0|[1-9][0-9]{0,6})\.rec$`)

// Pin is what a client knows a server by: SHA-256 over the public key of its
// certificate (SubjectPublicKeyInfo, DER) in hex, as in RFC 7469.
func Pin(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:])
}
