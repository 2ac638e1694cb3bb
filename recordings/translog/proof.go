package translog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// Errors of a proof.
var (
	ErrProof        = errors.New("not a proof")
	ErrContradicted = errors.New("the proof contradicts itself")
)

const (
	maxProof  = 16 << 20
	maxProven = 4096 // leaves
)

// Proof shows that leaves about a session stand in the log, without the log.
type Proof struct {
	SID        ID
	Checkpoint Checkpoint // the best has cosignatures
	Leaves     []Proven
}

// Proven is a leaf with its audit path (RFC 6962 section 2.1.1).
type Proven struct {
	Index uint64
	Entry []byte
	Path  []tlog.Hash
}

// proofJSON is the file: one line of JSON in this order, without blanks.
type proofJSON struct {
	V          int          `json:"v"`
	SID        ID           `json:"sid"`
	Checkpoint string       `json:"checkpoint"`
	Leaves     []provenJSON `json:"leaves"`
}

type provenJSON struct {
	Index uint64 `json:"index"`
	Entry string `json:"entry"`
	Path  []Hash `json:"path"`
}

// Proof shows the leaves with the given numbers under a checkpoint of this log.
func (l *Log) Proof(ctx context.Context, sid ID, c Checkpoint, indexes ...uint64) (Proof, error) {
	p := Proof{SID: sid, Checkpoint: c}
	indexes = slices.Compact(slices.Sorted(slices.Values(indexes)))
	for _, i := range indexes {
		path, err := l.Inclusion(ctx, i, c.Size)
		if err != nil {
			return Proof{}, fmt.Errorf("leaf %d: %w", i, err)
		}
		entry, err := l.Entry(ctx, i)
		if err != nil {
			return Proof{}, fmt.Errorf("leaf %d: %w", i, err)
		}
		p.Leaves = append(p.Leaves, Proven{i, entry, path})
	}
	return p, nil
}

// Marshal writes the file of a proof.
func (p Proof) Marshal() ([]byte, error) {
	j := proofJSON{V: 1, SID: p.SID, Checkpoint: string(p.Checkpoint.Text), Leaves: []provenJSON{}}
	for _, l := range p.Leaves {
		path := []Hash{}
		for _, h := range l.Path {
			path = append(path, Hash(h))
		}
		j.Leaves = append(j.Leaves, provenJSON{l.Index, string(l.Entry), path})
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(j)
	return b.Bytes(), err
}

// ParseProof reads a proof; it checks the form alone. One line feed may be missing
// at the end.
func ParseProof(b []byte) (Proof, error) {
	p, err := parseProof(b)
	if err != nil {
		return Proof{}, fmt.Errorf("%w: %w", ErrProof, err)
	}
	return p, nil
}

func parseProof(b []byte) (Proof, error) {
	if len(b) > maxProof {
		return Proof{}, fmt.Errorf("longer than %d bytes", maxProof)
	}
	var j proofJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return Proof{}, err
	}
	if j.V != 1 {
		return Proof{}, fmt.Errorf("version %d", j.V)
	}
	if len(j.Leaves) > maxProven {
		return Proof{}, fmt.Errorf("%d leaves, at most %d", len(j.Leaves), maxProven)
	}
	p := Proof{SID: j.SID}
	var err error
	if p.Checkpoint, err = ParseCheckpoint([]byte(j.Checkpoint)); err != nil {
		return Proof{}, err
	}
	for n, l := range j.Leaves {
		if n > 0 && j.Leaves[n-1].Index >= l.Index {
			return Proof{}, errors.New("the leaves are not in their order")
		}
		if len(l.Entry) > MaxEntry || len(l.Path) > 64 {
			return Proof{}, fmt.Errorf("leaf %d is too long", l.Index)
		}
		v := Proven{Index: l.Index, Entry: []byte(l.Entry)}
		for _, h := range l.Path {
			v.Path = append(v.Path, tlog.Hash(h))
		}
		p.Leaves = append(p.Leaves, v)
	}
	again, err := p.Marshal()
	if err != nil {
		return Proof{}, err
	}
	if !bytes.Equal(bytes.TrimSuffix(again, []byte("\n")), bytes.TrimSuffix(b, []byte("\n"))) {
		return Proof{}, errors.New("another spelling than the one allowed")
	}
	return p, nil
}

// ProofReport is what a proof shows.
type ProofReport struct {
	Checkpoint Checkpoint
	Leaves     []ProvenLeaf
	Witnesses  []Cosignature
	Missing    []string // what the proof cannot show with these keys, in words
}

// ProvenLeaf is a leaf that stands in the log.
type ProvenLeaf struct {
	Index uint64
	Time  time.Time
	Leaf  Leaf
}

// Verify checks signatures, paths and that all leaves are about the session or
// about none. What contradicts is [ErrContradicted]; what is only missing, such as
// a witness, is in the report.
func (p Proof) Verify(k Keys) (ProofReport, error) {
	r := ProofReport{Checkpoint: p.Checkpoint}
	fail := func(format string, args ...any) (ProofReport, error) {
		return r, fmt.Errorf("%w: %w", ErrContradicted, fmt.Errorf(format, args...))
	}
	signed, cosigned, err := k.Check(p.Checkpoint)
	if err != nil {
		return fail("checkpoint: %w", err)
	}
	r.Witnesses = cosigned
	r.Missing = missing(k, signed, cosigned)
	for _, l := range p.Leaves {
		if l.Index >= p.Checkpoint.Size {
			return fail("leaf %d is not among the %d of the checkpoint", l.Index, p.Checkpoint.Size)
		}
		if err := tlog.CheckRecord(l.Path, int64(p.Checkpoint.Size), p.Checkpoint.Root, int64(l.Index), tlog.RecordHash(l.Entry)); err != nil {
			return fail("leaf %d is not in the log: %w", l.Index, err)
		}
		leaf, at, err := ParseLeaf(l.Entry)
		if err != nil {
			return fail("leaf %d: %w", l.Index, err)
		}
		if of, any := sessions(leaf); any && !slices.Contains(of, p.SID) {
			return fail("leaf %d is about another session", l.Index)
		}
		r.Leaves = append(r.Leaves, ProvenLeaf{l.Index, at, leaf})
	}
	return r, nil
}

// missing says in words which signatures a checkpoint lacks.
func missing(k Keys, signed bool, cosigned []Cosignature) []string {
	var m []string
	switch {
	case len(k.Log) == 0:
		m = append(m, "the log's public key (log.pub) was not given: nobody vouches for the checkpoint")
	case !signed:
		m = append(m, "the checkpoint is not signed by any of the log keys given: it is forged, or a newer log key is missing")
	}
	switch need := max(k.Quorum, 1); {
	case len(k.Witness) == 0:
		m = append(m, "no witness's public key (witness-NAME.pub) was given: nobody but the operator vouches that there is only one log")
	case len(cosigned) < need:
		m = append(m, fmt.Sprintf("%d of %d needed witnesses cosigned the checkpoint", len(cosigned), need))
	}
	return m
}

// sessions names the sessions that a leaf is about; none for leaves of the office.
func sessions(l Leaf) (ids []ID, any bool) {
	switch l := l.(type) {
	case Heartbeat:
		for _, h := range l.Heads {
			ids = append(ids, h.SID)
		}
		return ids, true
	case Opened:
		return []ID{l.SID}, true
	case Closed:
		return []ID{l.SID}, true
	case Recovered:
		return []ID{l.SID}, true
	case Rewrap:
		return []ID{l.SID}, true
	case LogKeys:
		return []ID{l.SID}, true
	case Share:
		return []ID{l.SID}, true
	case Revoke:
		return []ID{l.SID}, true
	case Access:
		return []ID{l.SID}, true
	case Search:
		return l.SIDs, true
	case Hold:
		return []ID{l.SID}, true
	case Release:
		return []ID{l.SID}, true
	case Erase:
		return []ID{l.SID}, true
	case Shred:
		return []ID{l.SID}, true
	case Purge:
		return []ID{l.SID}, true
	}
	return nil, false
}
