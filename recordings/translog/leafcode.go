package translog

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// MaxEntry is the length of the longest entry, in bytes. (A bundle of tlog-tiles
// could hold 65,535.)
const MaxEntry = 60_000

// ErrLeaf: an entry is not a leaf in the one spelling that there is.
var ErrLeaf = errors.New("not a leaf")

// preamble begins every leaf.
type preamble struct {
	V    int    `json:"v"`
	Kind Kind   `json:"kind"`
	Time uint64 `json:"time"`
}

// MarshalLeaf writes the entry of a leaf: one line of JSON with fixed order of
// members, no blanks, time in milliseconds.
func MarshalLeaf(l Leaf, at time.Time) ([]byte, error) {
	if err := l.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", l.Kind(), err)
	}
	ms := at.UnixMilli()
	if ms < 0 || ms > maxNumber {
		return nil, fmt.Errorf("%s: the time %v cannot be written", l.Kind(), at)
	}
	b, err := encode(l, uint64(ms))
	if err == nil && len(b) > MaxEntry {
		err = fmt.Errorf("%s: %d bytes, at most %d", l.Kind(), len(b), MaxEntry)
	}
	return b, err
}

func encode(l Leaf, ms uint64) ([]byte, error) {
	pre, err := json.Marshal(preamble{1, l.Kind(), ms})
	if err != nil {
		return nil, err
	}
	rest, err := json.Marshal(l)
	if err != nil {
		return nil, err
	}
	return append(append(pre[:len(pre)-1], ','), rest[1:]...), nil
}

// MarshalJSON writes no tracks as [].
func (t Tracks) MarshalJSON() ([]byte, error) {
	if t == nil {
		return []byte("[]"), nil
	}
	return json.Marshal([]int(t))
}

// ParseLeaf reads an entry. A kind that is not known gives [Unknown]; everything
// else that [MarshalLeaf] would not have written exactly so is [ErrLeaf].
func ParseLeaf(entry []byte) (Leaf, time.Time, error) {
	l, ms, err := parseLeaf(entry)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("%w: %w", ErrLeaf, err)
	}
	return l, time.UnixMilli(int64(ms)).UTC(), nil
}

func parseLeaf(entry []byte) (Leaf, uint64, error) {
	if len(entry) > MaxEntry {
		return nil, 0, fmt.Errorf("%d bytes, at most %d", len(entry), MaxEntry)
	}
	if !utf8.Valid(entry) {
		return nil, 0, errors.New("not UTF-8")
	}
	var pre preamble
	if err := json.Unmarshal(entry, &pre); err != nil {
		return nil, 0, err
	}
	if pre.V != 1 {
		return nil, 0, fmt.Errorf("version %d", pre.V)
	}
	if pre.Time > maxNumber {
		return nil, 0, errors.New("the time is out of range")
	}
	read, known := readers[pre.Kind]
	if !known {
		l, err := parseUnknown(entry, pre)
		return l, pre.Time, err
	}
	l, err := read(entry)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", pre.Kind, err)
	}
	if err := l.check(); err != nil {
		return nil, 0, fmt.Errorf("%s: %w", pre.Kind, err)
	}
	// Comparing with the one spelling also finds members that are unknown, double
	// or written in another case.
	again, err := encode(l, pre.Time)
	if err != nil {
		return nil, 0, err
	}
	if !bytes.Equal(again, entry) {
		return nil, 0, fmt.Errorf("%s: another spelling than the one allowed", pre.Kind)
	}
	return l, pre.Time, nil
}

// parseUnknown still wants the first three members and no blanks.
func parseUnknown(entry []byte, pre preamble) (Leaf, error) {
	if err := text("kind", string(pre.Kind), 1, maxText); err != nil {
		return nil, err
	}
	begin, err := json.Marshal(pre)
	if err != nil {
		return nil, err
	}
	begin = begin[:len(begin)-1]
	var dense bytes.Buffer
	if err := json.Compact(&dense, entry); err != nil {
		return nil, err
	}
	if rest, ok := bytes.CutPrefix(entry, begin); !ok || rest[0] != ',' && rest[0] != '}' || !bytes.Equal(dense.Bytes(), entry) {
		return nil, errors.New("another spelling than the one allowed")
	}
	return Unknown{pre.Kind, string(entry)}, nil
}

// readers of the known kinds.
var readers = map[Kind]func([]byte) (Leaf, error){
	KindGenesis: read[Genesis], KindPolicy: read[Policy], KindOpened: read[Opened], KindHeartbeat: read[Heartbeat],
	KindClosed: read[Closed], KindRecovered: read[Recovered], KindRewrap: read[Rewrap], KindLogKeys: read[LogKeys], KindShare: read[Share],
	KindRevoke: read[Revoke],
	KindAccess: read[Access], KindSearch: read[Search], KindHold: read[Hold], KindRelease: read[Release], KindErase: read[Erase],
	KindShred: read[Shred], KindPurge: read[Purge], KindRotation: read[Rotation], KindWitness: read[Witness],
	KindTimestamp: read[Timestamp], KindAdmin: read[Admin],
}

func read[L Leaf](entry []byte) (Leaf, error) {
	var l L
	err := json.Unmarshal(entry, &l)
	return l, err
}

// Signature is an Ed25519 signature, 128 hex digits in JSON.
type Signature [64]byte

// MarshalText writes hex.
func (s Signature) MarshalText() ([]byte, error) {
	return []byte(hex.EncodeToString(s[:])), nil
}

// UnmarshalText reads hex.
func (s *Signature) UnmarshalText(b []byte) error { return unhex(s[:], b) }
