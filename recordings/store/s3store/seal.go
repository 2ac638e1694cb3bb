package s3store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"consento/recordings/store"
)

const (
	oneUpload = 16 << 20 // longer objects go in pieces of at least this, in bytes
	maxPieces = 9000     // S3 takes 10,000
)

// Seal implements [store.Store]: the parts become one object under compliance lock.
// A time that is over, or nearly, becomes a minute from now: nothing is written
// without a lock.
func (s *Store) Seal(ctx context.Context, name string, until time.Time) error {
	release, err := s.alone(ctx, name)
	if err != nil {
		return err
	}
	defer release()
	if soon := s.c.Now().Add(time.Minute); until.Before(soon) {
		until = soon
	}
	until = wholeSeconds(until)
	key := s.recKey(name)
	h, err := s.head(ctx, key, "")
	if err == nil {
		return s.prolong(ctx, key, h, until)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("s3: seal: %w", err)
	}
	p, err := s.parts(ctx, name)
	if err != nil {
		return err
	}
	if len(p.list) == 0 {
		return fmt.Errorf("s3: seal %s: %w", name, fs.ErrNotExist)
	}
	s.forget(name)
	in := &sequence{s: s, ctx: ctx, name: name, left: p.list}
	err = s.compose(ctx, key, in, p.size, until)
	if err = errors.Join(err, in.Close()); err != nil && !taken(err) {
		return fmt.Errorf("s3: seal: %w", explain(err))
	}
	written := err == nil
	if h, err = s.head(ctx, key, ""); err != nil {
		return fmt.Errorf("s3: seal: %w", err)
	}
	if h.size != p.size {
		return fmt.Errorf("s3: seal: %s has %d bytes, its parts %d", key, h.size, p.size)
	}
	if !written {
		// An earlier try of ours whose answer was lost, or somebody else's work.
		if err := s.same(ctx, name, p); err != nil {
			return err
		}
		return s.prolong(ctx, key, h, until)
	}
	return h.locked(key, types.ObjectLockModeCompliance, until)
}

// prolong makes a lock longer.
func (s *Store) prolong(ctx context.Context, key string, h head, until time.Time) error {
	switch {
	case h.mode == store.Compliance && until.Before(h.until):
		return store.ErrShorter
	case h.mode == store.Compliance && until.Equal(h.until):
		return nil
	}
	if err := s.retain(ctx, key, h.version, types.ObjectLockRetentionModeCompliance, until); err != nil {
		return err
	}
	h, err := s.head(ctx, key, h.version)
	if err != nil {
		return fmt.Errorf("s3: lock: %w", err)
	}
	return h.locked(key, types.ObjectLockModeCompliance, until)
}

func (s *Store) retain(ctx context.Context, key, version string, mode types.ObjectLockRetentionMode, until time.Time) error {
	ctx, cancel := s.within(ctx, 0)
	defer cancel()
	in := &s3.PutObjectRetentionInput{Bucket: &s.c.Bucket, Key: &key, Retention: &types.ObjectLockRetention{Mode: mode, RetainUntilDate: &until}}
	if version != "" {
		in.VersionId = &version
	}
	if _, err := s.api.PutObjectRetention(ctx, in); err != nil {
		return fmt.Errorf("s3: lock: %w", explain(err))
	}
	return nil
}

// compose writes one object from parts.
func (s *Store) compose(ctx context.Context, key string, in io.Reader, size int64, until time.Time) error {
	if size > oneUpload {
		return s.inPieces(ctx, key, in, size, until)
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(in, b); err != nil {
		return err
	}
	return s.put(ctx, key, b, types.ObjectLockModeCompliance, until, "")
}

func (s *Store) inPieces(ctx context.Context, key string, in io.Reader, size int64, until time.Time) (err error) {
	short, cancel := s.within(ctx, 0)
	begun, err := s.api.CreateMultipartUpload(short, &s3.CreateMultipartUploadInput{Bucket: &s.c.Bucket, Key: &key, Metadata: metadata(until, nil),
		ObjectLockMode: types.ObjectLockModeCompliance, ObjectLockRetainUntilDate: &until})
	cancel()
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			s.abort(context.WithoutCancel(ctx), key, begun.UploadId)
		}
	}()
	var done []types.CompletedPart
	piece := make([]byte, max(oneUpload, (size/maxPieces+1<<20-1)&^(1<<20-1)))
	for rest := size; rest > 0; {
		b := piece[:min(rest, int64(len(piece)))]
		if _, err := io.ReadFull(in, b); err != nil {
			return err
		}
		rest -= int64(len(b))
		number := int32(len(done) + 1)
		moving, cancel := s.within(ctx, int64(len(b)))
		out, err := s.api.UploadPart(moving, &s3.UploadPartInput{Bucket: &s.c.Bucket, Key: &key, UploadId: begun.UploadId, PartNumber: &number, Body: bytes.NewReader(b)})
		cancel()
		if err != nil {
			return err
		}
		done = append(done, types.CompletedPart{PartNumber: &number, ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32, ChecksumCRC64NVME: out.ChecksumCRC64NVME})
	}
	absent := "*"
	// Stores copy the pieces together before they answer.
	last, cancel := s.within(ctx, size/16)
	defer cancel()
	_, err = s.api.CompleteMultipartUpload(last, &s3.CompleteMultipartUploadInput{Bucket: &s.c.Bucket, Key: &key, UploadId: begun.UploadId, IfNoneMatch: &absent,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: done}})
	return err
}

func (s *Store) abort(ctx context.Context, key string, upload *string) {
	ctx, cancel := s.within(ctx, 0)
	defer cancel()
	if _, err := s.api.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &s.c.Bucket, Key: &key, UploadId: upload}); err != nil {
		s.c.Logger.Warn("pieces of an upload stay in the bucket for now", slog.String("key", key), slog.Any("error", explain(err)))
	}
}

// same reads a sealed object and its parts, which must be equal.
func (s *Store) same(ctx context.Context, name string, p parts) error {
	var sums [2][sha256.Size]byte
	for i, sealed := range []bool{true, false} {
		in := &sequence{s: s, ctx: ctx, name: name, sealed: sealed, left: p.list}
		if sealed {
			in.left = []part{{size: p.size}}
		}
		hash := sha256.New()
		_, err := io.Copy(hash, in)
		if err = errors.Join(err, in.Close()); err != nil {
			return err
		}
		hash.Sum(sums[i][:0])
	}
	if sums[0] != sums[1] {
		return fmt.Errorf("s3: seal: %s is not what its parts are: somebody else wrote it", s.recKey(name))
	}
	return nil
}
