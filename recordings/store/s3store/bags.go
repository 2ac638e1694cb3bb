package s3store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"consento/recordings/store"
)

const bagSuffix = ".key"

func (s *Store) bag(ctx context.Context, name string) (key string, release func(), err error) {
	if !strings.HasSuffix(name, bagSuffix) {
		return "", nil, fmt.Errorf("%w: %.120q is not of a bag", store.ErrName, name)
	}
	release, err = s.alone(ctx, name)
	return s.bagKey(name), release, err
}

// CreateBag implements [store.Bags].
func (s *Store) CreateBag(ctx context.Context, name string, bag []byte) error {
	if len(bag) > store.MaxBag {
		return store.ErrTooLong
	}
	key, release, err := s.bag(ctx, name)
	if err != nil {
		return err
	}
	defer release()
	err = s.putBag(ctx, key, bag, "")
	if taken(err) {
		return fmt.Errorf("s3: bag %s: %w", name, fs.ErrExist)
	}
	if err != nil {
		return fmt.Errorf("s3: bag: %w", explain(err))
	}
	return nil
}

// putBag writes a bag and reads its lock back.
func (s *Store) putBag(ctx context.Context, key string, bag []byte, over string) error {
	until := wholeSeconds(s.c.Now().Add(s.c.BagLock))
	if err := s.put(ctx, key, bag, types.ObjectLockModeCompliance, until, over); err != nil {
		return err
	}
	h, err := s.head(ctx, key, "")
	if err != nil {
		return err
	}
	return h.locked(key, types.ObjectLockModeCompliance, until)
}

// Bag implements [store.Bags].
func (s *Store) Bag(ctx context.Context, name string) ([]byte, error) {
	key, release, err := s.bag(ctx, name)
	if err != nil {
		return nil, err
	}
	defer release()
	return s.readBag(ctx, key, "")
}

func (s *Store) readBag(ctx context.Context, key, version string) ([]byte, error) {
	in, err := s.get(ctx, key, version, 0)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	b, err := io.ReadAll(io.LimitReader(in, store.MaxBag+1))
	if err == nil && len(b) > store.MaxBag {
		err = store.ErrTooLong
	}
	if err != nil {
		return nil, fmt.Errorf("s3: bag: %w", err)
	}
	return b, nil
}

// BagMade is when a bag was put there.
func (s *Store) BagMade(ctx context.Context, name string) (time.Time, error) {
	key, release, err := s.bag(ctx, name)
	if err != nil {
		return time.Time{}, err
	}
	defer release()
	h, err := s.head(ctx, key, "")
	if err != nil {
		return time.Time{}, fmt.Errorf("s3: bag: %w", err)
	}
	return h.at, nil
}

// ReplaceBag implements [store.Bags]. What it replaces goes when its lock is over.
func (s *Store) ReplaceBag(ctx context.Context, name string, old [sha256.Size]byte, bag []byte) error {
	if len(bag) > store.MaxBag {
		return store.ErrTooLong
	}
	key, release, err := s.bag(ctx, name)
	if err != nil {
		return err
	}
	defer release()
	h, err := s.head(ctx, key, "")
	if err != nil {
		return fmt.Errorf("s3: bag: %w", err)
	}
	have, err := s.readBag(ctx, key, h.version)
	if err != nil {
		return err
	}
	if sha256.Sum256(have) != old {
		return store.ErrChanged
	}
	err = s.putBag(ctx, key, bag, h.etag)
	if taken(err) {
		// Perhaps by us: the answer to an earlier try was lost.
		if ours, look := s.ours(ctx, key, bag); look == nil && ours {
			return nil
		}
		return store.ErrChanged
	}
	if err != nil {
		return fmt.Errorf("s3: bag: %w", explain(err))
	}
	return nil
}

// RemoveBag implements [store.Bags].
func (s *Store) RemoveBag(ctx context.Context, name string) error {
	key, release, err := s.bag(ctx, name)
	if err != nil {
		return err
	}
	defer release()
	_, err = s.head(ctx, key, "")
	if err == nil {
		// Nobody is given it any more, and its lock is not renewed.
		if err := s.hide(ctx, key); err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("s3: bag: %w", err)
	}
	left, err := s.destroyKey(ctx, key)
	if err != nil {
		return err
	}
	if !left.IsZero() {
		return fmt.Errorf("%w: it is given out no more, and can be destroyed from %s on", store.ErrRetained, left.Format(time.RFC3339))
	}
	return nil
}

// hide puts a delete marker.
func (s *Store) hide(ctx context.Context, key string) error {
	ctx, cancel := s.within(ctx, 0)
	defer cancel()
	if _, err := s.api.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.c.Bucket, Key: &key}); err != nil {
		return fmt.Errorf("s3: remove: %w", explain(err))
	}
	return nil
}

// ListBags implements [store.Bags].
func (s *Store) ListBags(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		prefix := s.bagKey("")
		for o, err := range s.objects(ctx, prefix) {
			if err != nil {
				yield("", err)
				return
			}
			if name := strings.TrimPrefix(o.key, prefix); store.ValidName(name) && strings.HasSuffix(name, bagSuffix) && !yield(name, nil) {
				return
			}
		}
	}
}

// destroyKey deletes all versions of one key whose lock is over, and the markers
// when nothing else is left. left is when the last of the others can go.
func (s *Store) destroyKey(ctx context.Context, key string) (left time.Time, err error) {
	for o, err := range s.versions(ctx, key) {
		if err != nil {
			return left, err
		}
		if o.key != key {
			continue // a longer name
		}
		if left, err = s.destroyVersions(ctx, o, 0); err != nil {
			return left, err
		}
	}
	return left, nil
}

// destroy is destroyKey for all keys below a prefix.
func (s *Store) destroy(ctx context.Context, prefix string) (left time.Time, err error) {
	for o, err := range s.versions(ctx, prefix) {
		if err != nil {
			return left, err
		}
		if o.key != prefix && !strings.HasSuffix(prefix, "/") {
			continue
		}
		until, err := s.destroyVersions(ctx, o, 0)
		if err != nil {
			return left, err
		}
		if until.After(left) {
			left = until
		}
	}
	return left, nil
}

// destroyVersions deletes versions of one key but the first keep ones.
func (s *Store) destroyVersions(ctx context.Context, o keyed, keep int) (left time.Time, err error) {
	now := s.c.Now()
	for _, v := range o.versions[min(keep, len(o.versions)):] {
		if v.Marker {
			continue
		}
		mode, until, err := s.lock(ctx, o.key, v.ID)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return left, fmt.Errorf("s3: remove: %w", err)
		}
		if mode != "" && now.Before(until) {
			if until.After(left) {
				left = until
			}
			continue
		}
		if err := s.deleteVersion(ctx, o.key, v.ID); err != nil {
			return left, err
		}
	}
	if !left.IsZero() || keep > 0 {
		return left, nil
	}
	for _, v := range o.versions {
		if v.Marker {
			if err := s.deleteVersion(ctx, o.key, v.ID); err != nil {
				return left, err
			}
		}
	}
	return left, nil
}

// deleteVersion never asks to pass over a lock.
func (s *Store) deleteVersion(ctx context.Context, key, version string) error {
	ctx, cancel := s.within(ctx, 0)
	defer cancel()
	if _, err := s.api.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.c.Bucket, Key: &key, VersionId: &version}); err != nil {
		return fmt.Errorf("s3: remove: %w", explain(err))
	}
	s.c.Logger.Info("removed", slog.String("key", key), slog.String("version", version))
	return nil
}
