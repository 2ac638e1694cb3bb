package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// bag is the file of a bag, for the only one who changes it.
func (f *Folder) bag(ctx context.Context, name string) (path string, release func(), err error) {
	if !strings.HasSuffix(name, ".key") {
		return "", nil, fmt.Errorf("%w: %.120q is not of a bag", ErrName, name)
	}
	release, err = f.alone(ctx, name)
	return filepath.Join(f.bags, name), release, err
}

// CreateBag implements [Bags].
func (f *Folder) CreateBag(ctx context.Context, name string, bag []byte) error {
	if len(bag) > MaxBag {
		return ErrTooLong
	}
	path, release, err := f.bag(ctx, name)
	if err != nil {
		return err
	}
	defer release()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("store: bag %s: %w", name, errors.Join(fs.ErrExist, err))
	}
	if err := replace(path, bag); err != nil {
		return fmt.Errorf("store: bag: %w", Full(err))
	}
	return nil
}

// Bag implements [Bags].
func (f *Folder) Bag(ctx context.Context, name string) ([]byte, error) {
	path, release, err := f.bag(ctx, name)
	if err != nil {
		return nil, err
	}
	defer release()
	b, err := readLimited(path, MaxBag)
	if err != nil {
		return nil, fmt.Errorf("store: bag: %w", err)
	}
	return b, nil
}

// BagMade is when a bag was put there.
func (f *Folder) BagMade(ctx context.Context, name string) (time.Time, error) {
	path, release, err := f.bag(ctx, name)
	if err != nil {
		return time.Time{}, err
	}
	defer release()
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}, fmt.Errorf("store: bag: %w", err)
	}
	return info.ModTime(), nil
}

// ReplaceBag implements [Bags].
func (f *Folder) ReplaceBag(ctx context.Context, name string, old [sha256.Size]byte, bag []byte) error {
	if len(bag) > MaxBag {
		return ErrTooLong
	}
	path, release, err := f.bag(ctx, name)
	if err != nil {
		return err
	}
	defer release()
	have, err := readLimited(path, MaxBag)
	if err != nil {
		return fmt.Errorf("store: bag: %w", err)
	}
	if sha256.Sum256(have) != old {
		return ErrChanged
	}
	if err := replace(path, bag); err != nil {
		return fmt.Errorf("store: bag: %w", Full(err))
	}
	return nil
}

// RemoveBag implements [Bags]. The bytes are overwritten first, as far as a file
// system lets one: copies that it made itself are out of reach.
func (f *Folder) RemoveBag(ctx context.Context, name string) error {
	path, release, err := f.bag(ctx, name)
	if err != nil {
		return err
	}
	defer release()
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = errors.Join(blank(file), file.Close(), os.Remove(path), syncDir(f.bags))
	}
	if err != nil {
		return fmt.Errorf("store: bag: %w", err)
	}
	return nil
}

func blank(file *os.File) error {
	st, err := file.Stat()
	if err != nil {
		return err
	}
	_, err = file.WriteAt(make([]byte, min(st.Size(), MaxBag)), 0)
	return errors.Join(err, file.Sync())
}

// ListBags implements [Bags].
func (f *Folder) ListBags(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		all, err := names(f.bags)
		if err != nil {
			yield("", err)
			return
		}
		for _, name := range all {
			if !strings.HasSuffix(name, ".key") {
				continue
			}
			if err := ctx.Err(); err != nil {
				yield("", err)
				return
			}
			if !yield(name, nil) {
				return
			}
		}
	}
}

// replace puts a file in place, whole or not at all, and durably.
func replace(path string, b []byte) error {
	tmp := path + tmpSuffix
	file, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(b)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return syncDir(filepath.Dir(path))
}

func readLimited(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s is longer than %d bytes", filepath.Base(path), limit)
	}
	return b, err
}
