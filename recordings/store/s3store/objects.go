package s3store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"consento/recordings/store"
)

const (
	metaUntil = "until"  // end of the lock that it was written with, Unix seconds
	metaSum   = "sha256" // of what was written in one piece, in hex
)

func (s *Store) recKey(name string) string  { return s.c.Prefix + "rec/" + name }
func (s *Store) bagKey(name string) string  { return s.c.Prefix + "bags/" + name }
func (s *Store) liveKey(name string) string { return s.c.Prefix + "live/" + name + "/" }
func (s *Store) partKey(name string, offset int64) string {
	return fmt.Sprintf("%s%016d", s.liveKey(name), offset)
}

// wholeSeconds is what locks end with, never earlier than asked.
func wholeSeconds(t time.Time) time.Time {
	if whole := t.Truncate(time.Second); whole.Before(t) {
		return whole.Add(time.Second).UTC()
	}
	return t.UTC()
}

func metadata(until time.Time, b []byte) map[string]string {
	m := map[string]string{metaUntil: strconv.FormatInt(until.Unix(), 10)}
	if b != nil {
		sum := sha256.Sum256(b)
		m[metaSum] = hex.EncodeToString(sum[:])
	}
	return m
}

// put writes a locked object; with "" only if there is none, else only over the
// version that has this ETag.
func (s *Store) put(ctx context.Context, key string, b []byte, mode types.ObjectLockMode, until time.Time, over string) error {
	ctx, cancel := s.within(ctx, int64(len(b)))
	defer cancel()
	in := &s3.PutObjectInput{Bucket: &s.c.Bucket, Key: &key, Body: bytes.NewReader(b), Metadata: metadata(until, b), ObjectLockMode: mode, ObjectLockRetainUntilDate: &until}
	if over == "" {
		absent := "*"
		in.IfNoneMatch = &absent
	} else {
		in.IfMatch = &over
	}
	_, err := s.api.PutObject(ctx, in)
	return err
}

// head is what a store says of the newest version of an object, or of a named one.
type head struct {
	version, etag, sum, mode string
	size                     int64
	until, at                time.Time // end of its lock, when it was written
}

func (s *Store) head(ctx context.Context, key, version string) (head, error) {
	ctx, cancel := s.within(ctx, 0)
	defer cancel()
	in := &s3.HeadObjectInput{Bucket: &s.c.Bucket, Key: &key}
	if version != "" {
		in.VersionId = &version
	}
	out, err := s.api.HeadObject(ctx, in)
	if err != nil {
		return head{}, explain(err)
	}
	h := head{mode: string(out.ObjectLockMode), sum: out.Metadata[metaSum]}
	if out.VersionId != nil {
		h.version = *out.VersionId
	}
	if out.ETag != nil {
		h.etag = *out.ETag
	}
	if out.ContentLength != nil {
		h.size = *out.ContentLength
	}
	if out.LastModified != nil {
		h.at = out.LastModified.UTC()
	}
	if out.ObjectLockRetainUntilDate != nil {
		h.until = out.ObjectLockRetainUntilDate.UTC()
	}
	return h, nil
}

// lock is what locks a version, asked for by itself: not every store says it of older
// versions with their heads.
func (s *Store) lock(ctx context.Context, key, version string) (mode string, until time.Time, err error) {
	ctx, cancel := s.within(ctx, 0)
	defer cancel()
	out, err := s.api.GetObjectRetention(ctx, &s3.GetObjectRetentionInput{Bucket: &s.c.Bucket, Key: &key, VersionId: &version})
	switch {
	case err != nil && code(err) == "NoSuchObjectLockConfiguration":
		return "", until, nil
	case err != nil:
		return "", until, explain(err)
	case out.Retention == nil || out.Retention.RetainUntilDate == nil:
		return "", until, nil
	}
	return string(out.Retention.Mode), out.Retention.RetainUntilDate.UTC(), nil
}

// locked reads back that an object is locked as it was told to be.
func (h head) locked(key string, mode types.ObjectLockMode, until time.Time) error {
	if h.mode != string(mode) && h.mode != store.Compliance || h.until.Before(until) {
		return fmt.Errorf("%w: %s: %q until %s, told %s until %s", ErrLock, key, h.mode, h.until.Format(time.RFC3339), mode, until.Format(time.RFC3339))
	}
	return nil
}

// Append implements [store.Store]: what it is given becomes a part, whole or not at all.
func (s *Store) Append(ctx context.Context, name string, at int64, b []byte) error {
	release, err := s.alone(ctx, name)
	if err != nil {
		return err
	}
	defer release()
	p := s.remembered(name)
	if p == nil || p.size != at {
		info, now, err := s.look(ctx, name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if info.Sealed {
			return store.ErrSealed
		}
		p = &now
	}
	switch {
	case p.size != at:
		return store.OffsetError{Size: p.size}
	case len(b) == 0:
		return nil
	}
	s.forget(name) // until it is known what became of it
	key, until := s.partKey(name, at), wholeSeconds(s.c.Now().Add(s.c.LiveLock))
	if err := s.put(ctx, key, b, types.ObjectLockModeGovernance, until, ""); err != nil {
		if !taken(err) {
			return fmt.Errorf("s3: append: %w", explain(err))
		}
		if ours, err := s.ours(ctx, key, b); err != nil || !ours {
			return s.beaten(ctx, name, err)
		}
	}
	if !p.locked {
		h, err := s.head(ctx, key, "")
		if err != nil {
			return fmt.Errorf("s3: append: %w", err)
		}
		// Of a part that an answer was lost for, the lock is a little older.
		if err := h.locked(key, types.ObjectLockModeGovernance, until.Add(-s.c.LiveLock/2)); err != nil {
			return err
		}
		p.locked = true
	}
	p.list, p.size = append(p.list, part{offset: at, size: int64(len(b))}), at+int64(len(b))
	s.remember(name, p)
	return nil
}

// ours: what is there is what was to be written; the answer to an earlier try was lost.
func (s *Store) ours(ctx context.Context, key string, b []byte) (bool, error) {
	h, err := s.head(ctx, key, "")
	return err == nil && h.size == int64(len(b)) && h.sum == metadata(time.Time{}, b)[metaSum], err
}

// beaten tells a loser how much there is.
func (s *Store) beaten(ctx context.Context, name string, err error) error {
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	info, _, err := s.look(ctx, name)
	switch {
	case err != nil:
		return err
	case info.Sealed:
		return store.ErrSealed
	}
	return store.OffsetError{Size: info.Size}
}

func (s *Store) remembered(name string) *parts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open[name]
}

func (s *Store) remember(name string, p *parts) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for old := range s.open { // any: it can be asked for again
		if len(s.open) < maxOpen {
			break
		}
		delete(s.open, old)
	}
	s.open[name] = p
}

func (s *Store) forget(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, name)
}

// look asks the store. Errors: fs.ErrNotExist.
func (s *Store) look(ctx context.Context, name string) (store.Info, parts, error) {
	h, err := s.head(ctx, s.recKey(name), "")
	if err == nil {
		return store.Info{Name: name, Size: h.size, Sealed: true, Until: h.until}, parts{}, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return store.Info{}, parts{}, fmt.Errorf("s3: %w", err)
	}
	p, err := s.parts(ctx, name)
	if err == nil && len(p.list) == 0 {
		err = fmt.Errorf("s3: %s: %w", name, fs.ErrNotExist)
	}
	return store.Info{Name: name, Size: p.size}, p, err
}

// parts are those of an object, as far as one follows the other.
func (s *Store) parts(ctx context.Context, name string) (parts, error) {
	var p parts
	prefix := s.liveKey(name)
	for o, err := range s.objects(ctx, prefix) {
		if err != nil {
			return p, err
		}
		offset, err := strconv.ParseInt(strings.TrimPrefix(o.key, prefix), 10, 64)
		if err != nil || offset != p.size {
			break
		}
		p.list, p.size = append(p.list, part{offset: offset, size: o.size}), p.size+o.size
	}
	return p, nil
}

type listed struct {
	key  string
	size int64
}

// objects goes through the newest versions below a prefix, in order of keys.
func (s *Store) objects(ctx context.Context, prefix string) iter.Seq2[listed, error] {
	return func(yield func(listed, error) bool) {
		pages := s3.NewListObjectsV2Paginator(s.api, &s3.ListObjectsV2Input{Bucket: &s.c.Bucket, Prefix: &prefix})
		for pages.HasMorePages() {
			page, err := s.page(ctx, pages)
			if err != nil {
				yield(listed{}, err)
				return
			}
			for _, o := range page.Contents {
				if o.Key != nil && o.Size != nil && !yield(listed{*o.Key, *o.Size}, nil) {
					return
				}
			}
		}
	}
}

func (s *Store) page(ctx context.Context, pages *s3.ListObjectsV2Paginator) (*s3.ListObjectsV2Output, error) {
	ctx, cancel := s.within(ctx, 0)
	defer cancel()
	page, err := pages.NextPage(ctx)
	if err != nil {
		return nil, fmt.Errorf("s3: list: %w", explain(err))
	}
	return page, nil
}

// Stat implements [store.Store].
func (s *Store) Stat(ctx context.Context, name string) (store.Info, error) {
	if !store.ValidName(name) {
		return store.Info{}, fmt.Errorf("%w: %.120q", store.ErrName, name)
	}
	info, _, err := s.look(ctx, name)
	if err != nil {
		return store.Info{}, err
	}
	return info, nil
}

// List implements [store.Store]; Until of sealed objects stays zero.
func (s *Store) List(ctx context.Context) iter.Seq2[store.Info, error] {
	return func(yield func(store.Info, error) bool) {
		found := map[string]store.Info{}
		prefix := s.recKey("")
		for o, err := range s.objects(ctx, prefix) {
			if err != nil {
				yield(store.Info{}, err)
				return
			}
			if name := strings.TrimPrefix(o.key, prefix); store.ValidName(name) {
				found[name] = store.Info{Name: name, Size: o.size, Sealed: true}
			}
		}
		live, err := s.live(ctx)
		if err != nil {
			yield(store.Info{}, err)
			return
		}
		for _, name := range live {
			if _, ok := found[name]; !ok {
				found[name] = store.Info{Name: name, Size: -1}
			}
		}
		for _, name := range slices.Sorted(maps.Keys(found)) {
			info := found[name]
			if info.Size < 0 {
				info, _, err = s.look(ctx, name)
				if errors.Is(err, fs.ErrNotExist) {
					continue // removed meanwhile, or its beginning is hidden
				}
			}
			if !yield(info, err) || err != nil {
				return
			}
		}
	}
}

// live are the names of objects of which there are parts.
func (s *Store) live(ctx context.Context) ([]string, error) {
	prefix, slash := s.c.Prefix+"live/", "/"
	var names []string
	pages := s3.NewListObjectsV2Paginator(s.api, &s3.ListObjectsV2Input{Bucket: &s.c.Bucket, Prefix: &prefix, Delimiter: &slash})
	for pages.HasMorePages() {
		page, err := s.page(ctx, pages)
		if err != nil {
			return nil, err
		}
		for _, p := range page.CommonPrefixes {
			if name := strings.TrimSuffix(strings.TrimPrefix(*p.Prefix, prefix), "/"); store.ValidName(name) {
				names = append(names, name)
			}
		}
	}
	return names, nil
}

// Remove implements [store.Store]: all versions, with what is left of the parts.
func (s *Store) Remove(ctx context.Context, name string) error {
	release, err := s.alone(ctx, name)
	if err != nil {
		return err
	}
	defer release()
	info, _, err := s.look(ctx, name)
	switch {
	case err != nil:
		return err
	case !info.Sealed:
		return store.ErrNotEnded
	case s.c.Now().Before(info.Until):
		return store.ErrRetained
	}
	defer s.forget(name)
	// The parts first: without the whole they would be taken for a recording.
	for _, prefix := range []string{s.liveKey(name), s.recKey(name)} {
		if left, err := s.destroy(ctx, prefix); err != nil {
			return err
		} else if !left.IsZero() {
			return fmt.Errorf("%w: %s", store.ErrRetained, left.Format(time.RFC3339))
		}
	}
	return nil
}
