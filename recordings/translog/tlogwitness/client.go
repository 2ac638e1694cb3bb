package tlogwitness

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"consento/recordings/translog"
)

// Errors of a push. All mean that the checkpoint is not cosigned.
var (
	ErrAhead   = errors.New("the witness has seen a longer log than this: the log was set back")
	ErrForked  = errors.New("the witness has cosigned another log under this name")
	ErrRefused = errors.New("the witness refused")
	ErrAnswer  = errors.New("the witness answered something that is no cosignature of its own")
)

const maxAnswer = 16 << 10

// Source is the log whose checkpoints are pushed; [translog.Log] is one.
type Source interface {
	Checkpoint() translog.Checkpoint
	Consistency(ctx context.Context, from, to uint64) ([]tlog.Hash, error)
}

// Client pushes checkpoints to one witness. It is for one caller at a time.
type Client struct {
	URL  string // submission prefix
	Key  ed25519.PublicKey
	HTTP *http.Client // with its own limits of time, and what authenticates
	seen uint64       // size that the witness has, as far as we know
}

// Push asks for a cosignature over the newest checkpoint of the log and returns the
// checkpoint with it. ctx bounds the time.
func (c *Client) Push(ctx context.Context, log Source) (translog.Checkpoint, error) {
	point := log.Checkpoint()
	for range 3 { // the witness may know better what it has, also twice
		if c.seen > point.Size {
			return point, fmt.Errorf("%w: %d leaves, here are %d", ErrAhead, c.seen, point.Size)
		}
		proof, err := log.Consistency(ctx, c.seen, point.Size)
		if err != nil {
			return point, err
		}
		status, body, err := c.post(ctx, translog.Request{Old: c.seen, Proof: proof, Checkpoint: point})
		if err != nil {
			return point, err
		}
		switch status {
		case http.StatusOK:
			return c.accept(point, body)
		case http.StatusConflict:
			size, err := strconv.ParseUint(strings.TrimSuffix(string(body), "\n"), 10, 64)
			if err != nil {
				return point, fmt.Errorf("%w: a conflict without a size", ErrAnswer)
			}
			if size == c.seen {
				return point, fmt.Errorf("%w, at size %d", ErrForked, size)
			}
			c.seen = size
		case http.StatusUnprocessableEntity:
			// Our proof is right for our log, so the witness has another.
			return point, fmt.Errorf("%w, somewhere before size %d", ErrForked, c.seen)
		default:
			return point, fmt.Errorf("%w: status %d", ErrRefused, status)
		}
	}
	return point, fmt.Errorf("%w: it keeps changing the size that it has", ErrRefused)
}

func (c *Client) post(ctx context.Context, r translog.Request) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(c.URL, "/")+"/add-checkpoint", bytes.NewReader(r.Marshal()))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	res, err := c.HTTP.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return 0, nil, err
	}
	if len(b) > maxAnswer {
		return 0, nil, fmt.Errorf("%w: longer than %d bytes", ErrAnswer, maxAnswer)
	}
	return res.StatusCode, b, nil
}

// accept takes over only lines that the witness's key signed.
func (c *Client) accept(point translog.Checkpoint, lines []byte) (translog.Checkpoint, error) {
	keys := translog.Keys{Witness: []translog.NamedKey{{Name: "witness", Key: c.Key}}}
	var problems error
	for line := range bytes.Lines(lines) {
		full, err := point.Add(line)
		if err == nil {
			var by []translog.Cosignature
			if _, by, err = keys.Check(full); len(by) == 1 {
				c.seen = point.Size
				return full, nil
			}
		}
		problems = errors.Join(problems, err)
	}
	return point, errors.Join(ErrAnswer, problems)
}
