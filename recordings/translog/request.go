package translog

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// ErrRequest: a body of add-checkpoint is malformed.
var ErrRequest = errors.New("not an add-checkpoint request")

// MaxRequest is the length of the longest body of add-checkpoint, in bytes.
const MaxRequest = maxCheckpoint + 8<<10

const maxConsistency = 63 // hashes, C2SP tlog-witness

// Request is the body of add-checkpoint (C2SP tlog-witness).
type Request struct {
	Old        uint64 // size of the checkpoint that the witness has
	Proof      []tlog.Hash
	Checkpoint Checkpoint
}

// Marshal writes the body.
func (r Request) Marshal() []byte {
	b := fmt.Appendf(nil, "old %d\n", r.Old)
	for _, h := range r.Proof {
		b = append(base64.StdEncoding.AppendEncode(b, h[:]), '\n')
	}
	return append(append(b, '\n'), r.Checkpoint.Text...)
}

// ParseRequest reads a body.
func ParseRequest(b []byte) (Request, error) {
	r, err := parseRequest(b)
	if err != nil {
		return Request{}, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	return r, nil
}

func parseRequest(b []byte) (r Request, err error) {
	if len(b) > MaxRequest {
		return r, fmt.Errorf("longer than %d bytes", MaxRequest)
	}
	before, after, ok := bytes.Cut(b, []byte("\n\n"))
	if !ok {
		return r, errors.New("no empty line")
	}
	lines := strings.Split(string(before), "\n")
	size, ok := strings.CutPrefix(lines[0], "old ")
	if !ok {
		return r, errors.New("no old size")
	}
	if r.Old, err = decimal(size); err != nil {
		return r, err
	}
	if len(lines)-1 > maxConsistency {
		return r, fmt.Errorf("%d hashes, at most %d", len(lines)-1, maxConsistency)
	}
	for _, l := range lines[1:] {
		h, err := hash64(l)
		if err != nil {
			return r, err
		}
		r.Proof = append(r.Proof, h)
	}
	r.Checkpoint, err = ParseCheckpoint(after)
	return r, err
}
