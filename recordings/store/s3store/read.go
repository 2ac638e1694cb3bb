package s3store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"consento/recordings/store"
)

// errStalled: a store that sends nothing for a while is given up.
var errStalled = errors.New("s3: the store stopped sending")

// Open implements [store.Store].
func (s *Store) Open(ctx context.Context, name string, from int64) (io.ReadCloser, error) {
	if !store.ValidName(name) {
		return nil, fmt.Errorf("%w: %.120q", store.ErrName, name)
	}
	info, p, err := s.look(ctx, name)
	if err != nil {
		return nil, err
	}
	if from < 0 || from > info.Size {
		return nil, store.OffsetError{Size: info.Size}
	}
	if info.Sealed {
		p.list = []part{{size: info.Size}}
	}
	for len(p.list) > 0 && p.list[0].offset+p.list[0].size <= from {
		p.list = p.list[1:]
	}
	return &sequence{s: s, ctx: ctx, name: name, sealed: info.Sealed, left: p.list, from: from}, nil
}

// sequence reads parts one behind the other, each when its turn comes.
type sequence struct {
	s      *Store
	ctx    context.Context
	name   string
	sealed bool // it is one object
	left   []part
	from   int64
	now    io.ReadCloser
	rest   int64 // bytes that now must have
}

func (q *sequence) Read(b []byte) (int, error) {
	if err := q.ctx.Err(); err != nil {
		return 0, err
	}
	for q.now == nil {
		if len(q.left) == 0 {
			return 0, io.EOF
		}
		next := q.left[0]
		key := q.s.partKey(q.name, next.offset)
		if q.sealed {
			key = q.s.recKey(q.name)
		}
		skip := max(0, q.from-next.offset)
		now, err := q.s.get(q.ctx, key, next.version, skip)
		if err != nil {
			return 0, err
		}
		q.now, q.rest, q.left = now, next.size-skip, q.left[1:]
	}
	n, err := q.now.Read(b[:min(int64(len(b)), q.rest)])
	q.rest -= int64(n)
	switch {
	case q.rest == 0:
		err = q.now.Close()
		q.now = nil
	case err == io.EOF:
		err = fmt.Errorf("s3: %s: %w", q.name, io.ErrUnexpectedEOF)
	}
	return n, err
}

func (q *sequence) Close() error {
	if q.now == nil {
		return nil
	}
	return q.now.Close()
}

// get reads an object from an offset below its size.
func (s *Store) get(ctx context.Context, key, version string, from int64) (io.ReadCloser, error) {
	reading, cancel := context.WithCancelCause(ctx)
	in := &s3.GetObjectInput{Bucket: &s.c.Bucket, Key: &key}
	if version != "" {
		in.VersionId = &version
	}
	if from > 0 {
		r := fmt.Sprintf("bytes=%d-", from)
		in.Range = &r
	}
	watch := time.AfterFunc(s.c.Timeout, func() { cancel(errStalled) })
	out, err := s.api.GetObject(reading, in)
	if err != nil {
		watch.Stop()
		err = fmt.Errorf("s3: read: %w", errors.Join(stalled(reading), explain(err)))
		cancel(nil)
		return nil, err
	}
	return &watched{in: out.Body, ctx: reading, cancel: cancel, watch: watch, limit: s.c.Timeout}, nil
}

// stalled is why a request was given up, nil when it was not.
func stalled(ctx context.Context) error {
	if cause := context.Cause(ctx); errors.Is(cause, errStalled) {
		return cause
	}
	return nil
}

// watched gives up when nothing comes for a while.
type watched struct {
	in     io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	watch  *time.Timer
	limit  time.Duration
}

func (w *watched) Read(b []byte) (int, error) {
	w.watch.Reset(w.limit)
	n, err := w.in.Read(b)
	if err != nil && err != io.EOF {
		err = errors.Join(context.Cause(w.ctx), err)
	}
	return n, err
}

func (w *watched) Close() error {
	w.watch.Stop()
	w.cancel(nil)
	_ = w.in.Close() // only read: nothing is lost
	return nil
}
