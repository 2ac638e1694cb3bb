package s3store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"consento/recordings/store"
)

// guardEvery is between two rounds of [Store.Guard]; a lock is renewed when half of
// it is over, so each bag weekly.
const guardEvery = 6 * time.Hour

// Guard renews locks and removes what may go, until ctx ends. What it cannot do it
// tells, and tries again sooner.
func (s *Store) Guard(ctx context.Context) {
	for {
		again := guardEvery
		if err := s.Round(ctx); err != nil && ctx.Err() == nil {
			s.c.Logger.Error("locks in the bucket are not all renewed, or what may go is not all removed", slog.Any("error", err))
			again = guardEvery / 12
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(again):
		}
	}
}

// Round does once what [Store.Guard] does. One object that cannot be renewed keeps no
// other from it.
func (s *Store) Round(ctx context.Context) error {
	return errors.Join(s.renewBags(ctx), s.keepParts(ctx), s.clearUploads(ctx))
}

// renewBags locks bags on, and destroys versions that are replaced or hidden.
func (s *Store) renewBags(ctx context.Context) error {
	var errs []error
	prefix := s.bagKey("")
	for o, err := range s.versions(ctx, prefix) {
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		name := strings.TrimPrefix(o.key, prefix)
		release, err := s.alone(ctx, name)
		if errors.Is(err, store.ErrName) {
			continue
		}
		if err != nil {
			return err
		}
		errs = append(errs, s.renewBag(ctx, o))
		release()
	}
	return errors.Join(errs...)
}

func (s *Store) renewBag(ctx context.Context, o keyed) error {
	if o.versions[0].Marker {
		_, err := s.destroyVersions(ctx, o, 0)
		return err
	}
	if _, err := s.destroyVersions(ctx, o, 1); err != nil {
		return err
	}
	return s.renew(ctx, o.key, o.versions[0].ID, types.ObjectLockRetentionModeCompliance, s.c.BagLock)
}

// renew locks a version on when half of its lock is over.
func (s *Store) renew(ctx context.Context, key, version string, mode types.ObjectLockRetentionMode, lock time.Duration) error {
	h, err := s.head(ctx, key, version)
	if err != nil {
		return fmt.Errorf("s3: %s: %w", key, err)
	}
	now := s.c.Now()
	if h.mode != "" && h.until.Sub(now) > lock/2 {
		return nil
	}
	if h.mode == store.Compliance {
		mode = types.ObjectLockRetentionModeCompliance
	}
	return s.retain(ctx, key, version, mode, wholeSeconds(now.Add(lock)))
}

// keepParts locks the parts of open objects on, and removes those of sealed ones.
func (s *Store) keepParts(ctx context.Context) error {
	names, err := s.live(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		release, err := s.alone(ctx, name)
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		errs = append(errs, s.keepPartsOf(ctx, name))
		release()
	}
	return errors.Join(errs...)
}

func (s *Store) keepPartsOf(ctx context.Context, name string) error {
	info, p, err := s.look(ctx, name)
	if err != nil {
		return err
	}
	if !info.Sealed {
		for _, part := range p.list {
			if err := s.renew(ctx, s.partKey(name, part.offset), "", types.ObjectLockRetentionModeGovernance, s.c.LiveLock); err != nil {
				return err
			}
		}
		return nil
	}
	if info.Until.IsZero() || s.c.Now().After(info.Until) {
		return nil // nothing is removed in favour of what nothing locks
	}
	_, err = s.destroy(ctx, s.liveKey(name))
	return err
}

// clearUploads gives up uploads in pieces that a crash left.
func (s *Store) clearUploads(ctx context.Context) error {
	short, cancel := s.within(ctx, 0)
	defer cancel()
	prefix := s.recKey("")
	out, err := s.api.ListMultipartUploads(short, &s3.ListMultipartUploadsInput{Bucket: &s.c.Bucket, Prefix: &prefix})
	if err != nil {
		return fmt.Errorf("s3: uploads: %w", explain(err))
	}
	for _, u := range out.Uploads {
		if u.Key != nil && u.Initiated != nil && s.c.Now().Sub(*u.Initiated) > 24*time.Hour {
			s.abort(ctx, *u.Key, u.UploadId)
		}
	}
	return nil
}
