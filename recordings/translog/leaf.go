package translog

import (
	"encoding/hex"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Kind says what a leaf is about.
type Kind string

// The kinds of version 1.
const (
	KindGenesis   Kind = "genesis"
	KindPolicy    Kind = "policy"
	KindOpened    Kind = "opened"
	KindHeartbeat Kind = "heartbeat"
	KindClosed    Kind = "closed"
	KindRecovered Kind = "recovered"
	KindRewrap    Kind = "rewrap"
	KindLogKeys   Kind = "logkeys"
	KindShare     Kind = "share"
	KindRevoke    Kind = "revoke"
	KindAccess    Kind = "access"
	KindSearch    Kind = "search"
	KindHold      Kind = "hold"
	KindRelease   Kind = "release"
	KindErase     Kind = "erase"
	KindShred     Kind = "shred"
	KindPurge     Kind = "purge"
	KindRotation  Kind = "rotation"
	KindWitness   Kind = "witness"
	KindTimestamp Kind = "timestamp"
	KindAdmin     Kind = "admin"
)

// Leaf is one of the structs below, by value, or [Unknown].
type Leaf interface {
	Kind() Kind
	check() error // refuses what must not be written or read
}

// Hash is a SHA-256 or an Ed25519 public key; all zero is none, written "".
type Hash [32]byte

// String is 64 hex digits, or nothing for none.
func (h Hash) String() string {
	if h == (Hash{}) {
		return ""
	}
	return hex.EncodeToString(h[:])
}

// MarshalText writes what String returns.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads 64 hex digits or nothing.
func (h *Hash) UnmarshalText(b []byte) error {
	*h = Hash{}
	if len(b) == 0 {
		return nil
	}
	return unhex(h[:], b)
}

// ID is 128 random bits: a session or another thing that has a name here.
type ID [16]byte

func (i ID) String() string { return hex.EncodeToString(i[:]) }

// MarshalText writes 32 hex digits.
func (i ID) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText reads 32 hex digits.
func (i *ID) UnmarshalText(b []byte) error { return unhex(i[:], b) }

// ParseID reads 32 hex digits.
func ParseID(s string) (i ID, err error) { return i, i.UnmarshalText([]byte(s)) }

func unhex(to, text []byte) error {
	if len(text) != 2*len(to) {
		return fmt.Errorf("%d hex digits, want %d", len(text), 2*len(to))
	}
	_, err := hex.Decode(to, text)
	return err
}

// Tracks are numbers of tracks as in a record's header, ascending.
type Tracks []int

// Genesis is leaf 0 and stands nowhere else.
type Genesis struct {
	Origin string `json:"origin"`
}

// Policy puts a recipient policy into force.
type Policy struct {
	Number uint64 `json:"number"` // counts 1, 2, 3, …
	Hash   Hash   `json:"hash"`
	Prev   Hash   `json:"prev"` // none before the first
	Root   Hash   `json:"root"` // Ed25519 public key that signs policies
}

// Opened says that a segment begins, before its contents are recorded.
type Opened struct {
	SID       ID     `json:"sid"`
	Segment   int    `json:"segment"`
	Key       Hash   `json:"key"`    // of OPEN: public key of the first seal
	Commit    Hash   `json:"commit"` // of OPEN
	Policy    Hash   `json:"policy"` // of OPEN; none when there is no policy
	Bag       Hash   `json:"bag"`    // SHA-256 of the key bag's file
	N         uint64 `json:"n"`      // head of the first seal
	Root      Hash   `json:"root"`
	Retention string `json:"retention"`
}

// Head is how far a segment had grown.
type Head struct {
	SID     ID     `json:"sid"`
	Segment int    `json:"segment"`
	N       uint64 `json:"n"`
	Root    Hash   `json:"root"`
}

// Heartbeat tells the heads of live sessions.
type Heartbeat struct {
	Heads []Head `json:"heads"`
}

// Closed says how a segment ended: the head that its final seal covers, and the
// file as a whole.
type Closed struct {
	SID      ID     `json:"sid"`
	Segment  int    `json:"segment"`
	N        uint64 `json:"n"`
	Root     Hash   `json:"root"`
	Bytes    uint64 `json:"bytes"`
	SHA256   Hash   `json:"sha256"`
	Cosigned uint64 `json:"cosigned"` // COSIG records in it
}

// Recovered says the same of a segment that a crash interrupted.
type Recovered struct {
	SID     ID     `json:"sid"`
	Segment int    `json:"segment"`
	N       uint64 `json:"n"`
	Root    Hash   `json:"root"`
	Bytes   uint64 `json:"bytes"`
	SHA256  Hash   `json:"sha256"`
	Reason  string `json:"reason"` // code
}

// Rewrap says that the key bag was made anew for other recipients.
type Rewrap struct {
	SID     ID     `json:"sid"`
	Segment int    `json:"segment"`
	Bag     Hash   `json:"bag"`
	By      string `json:"by"`
}

// LogKeys names the file that holds the log's own keys of a segment: as its recorder
// left it, or made anew for other readers.
type LogKeys struct {
	SID     ID     `json:"sid"`
	Segment int    `json:"segment"`
	Keys    Hash   `json:"keys"`
	By      string `json:"by"`
}

// ToLog is the addressee of the share that keeps a session's log readable when its
// recording is erased.
const ToLog = "log"

// Share lets somebody see some tracks of a session, for a time.
type Share struct {
	ID     ID     `json:"id"`
	SID    ID     `json:"sid"`
	By     string `json:"by"`
	To     string `json:"to"`
	Tracks Tracks `json:"tracks"`
	FromMS uint64 `json:"from_ms"`
	ToMS   uint64 `json:"to_ms"`
	Until  uint64 `json:"until"` // ms since 1970
	Body   Hash   `json:"body"`
}

// Revoke ends the share with the same id before its time.
type Revoke struct {
	ID   ID     `json:"id"`
	SID  ID     `json:"sid"`
	By   string `json:"by"`
	Body Hash   `json:"body"`
}

// Access says who watched or took what, before the first byte is served.
type Access struct {
	ID     ID     `json:"id"`
	SID    ID     `json:"sid"`
	By     string `json:"by"`
	How    string `json:"how"`
	Tracks Tracks `json:"tracks"`
	Body   Hash   `json:"body"`
}

// Search says who was given the search records of many sessions, before the first byte
// is served: what auditors search by (track 7 of a recording), and its keys.
type Search struct {
	ID   ID     `json:"id"` // the same for all that belongs to one search
	By   string `json:"by"`
	SIDs []ID   `json:"sids"` // ascending
	Body Hash   `json:"body"`
}

// Hold forbids to delete a session.
type Hold struct {
	ID   ID     `json:"id"`
	SID  ID     `json:"sid"`
	By   string `json:"by"`
	Body Hash   `json:"body"`
}

// Release ends the hold with the same id.
type Release struct {
	ID   ID     `json:"id"`
	SID  ID     `json:"sid"`
	By   string `json:"by"`
	Body Hash   `json:"body"`
}

// Steps of an erasure, and the roles that decide.
const (
	StepAsked    = "asked"
	StepApproved = "approved"
	StepRefused  = "refused"
	RoleAuditor  = "auditor"
	RoleDPO      = "dpo"
)

// Erase is a step towards the destruction of a session's keys.
type Erase struct {
	ID   ID     `json:"id"`
	SID  ID     `json:"sid"`
	Step string `json:"step"`
	By   string `json:"by"`
	Role string `json:"role"`
	Body Hash   `json:"body"`
}

// Shred says that a key bag is destroyed: nobody reads the segment any more.
type Shred struct {
	SID     ID        `json:"sid"`
	Segment int       `json:"segment"`
	Bag     Hash      `json:"bag"`
	By      [2]string `json:"by"`
	Erase   ID        `json:"erase"`
}

// Purge says that the ciphertext is deleted too.
type Purge struct {
	SID     ID     `json:"sid"`
	Segment int    `json:"segment"`
	Bytes   uint64 `json:"bytes"`
}

// What a rotation replaces.
const (
	RotateLog     = "log"
	RotateWitness = "witness"
)

// Rotation replaces a key; see [NewRotation].
type Rotation struct {
	What      string    `json:"what"`
	Key       Hash      `json:"key"`
	Signature Signature `json:"signature"`
}

// States of a witness.
const (
	WitnessLagging = "lagging"
	WitnessBack    = "back"
	WitnessRefused = "refused"
)

// Witness says that a witness stays behind, or is back.
type Witness struct {
	Name  string `json:"name"`
	LagMS uint64 `json:"lag_ms"`
	State string `json:"state"`
}

// Timestamp names an RFC 3161 token over a checkpoint of this log.
type Timestamp struct {
	N     uint64 `json:"n"`
	Root  Hash   `json:"root"`
	Token Hash   `json:"token"` // SHA-256 of the token, kept like a sealed body
}

// Message is what the token is over: the text of the checkpoint, without its
// signatures.
func (l Timestamp) Message(origin string) []byte {
	return []byte(checkpointBody(origin, l.N, tlog.Hash(l.Root)))
}

// Admin is one act of administration.
type Admin struct {
	What string `json:"what"`
	By   string `json:"by"`
	Body Hash   `json:"body"`
}

// Unknown is a leaf of a kind that came after this version.
type Unknown struct {
	Name Kind
	Raw  string // the whole entry
}

func (Genesis) Kind() Kind   { return KindGenesis }
func (Policy) Kind() Kind    { return KindPolicy }
func (Opened) Kind() Kind    { return KindOpened }
func (Heartbeat) Kind() Kind { return KindHeartbeat }
func (Closed) Kind() Kind    { return KindClosed }
func (Recovered) Kind() Kind { return KindRecovered }
func (Rewrap) Kind() Kind    { return KindRewrap }
func (LogKeys) Kind() Kind   { return KindLogKeys }
func (Share) Kind() Kind     { return KindShare }
func (Revoke) Kind() Kind    { return KindRevoke }
func (Access) Kind() Kind    { return KindAccess }
func (Search) Kind() Kind    { return KindSearch }
func (Hold) Kind() Kind      { return KindHold }
func (Release) Kind() Kind   { return KindRelease }
func (Erase) Kind() Kind     { return KindErase }
func (Shred) Kind() Kind     { return KindShred }
func (Purge) Kind() Kind     { return KindPurge }
func (Rotation) Kind() Kind  { return KindRotation }
func (Witness) Kind() Kind   { return KindWitness }
func (Timestamp) Kind() Kind { return KindTimestamp }
func (Admin) Kind() Kind     { return KindAdmin }
func (u Unknown) Kind() Kind { return u.Name }
