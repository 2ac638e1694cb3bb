package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"consento/recordings"
)

const (
	sealDir   = "sealed" // one small file for each sealed object
	lockFile  = "lock"
	tmpSuffix = ".tmp"
)

// Folder is a store in two local folders.
type Folder struct {
	dir, bags string
	lock      io.Closer
	now       func() time.Time

	mu   sync.Mutex
	busy map[string]chan struct{} // names that somebody changes; closed when done
}

var (
	_ Store     = (*Folder)(nil)
	_ TakesBack = (*Folder)(nil)
)

// OpenFolder opens a store, or begins it. bags must lie outside dir, so that no
// write-once storage or backup of dir ever holds one. now may be nil.
func OpenFolder(dir, bags string, now func() time.Time) (*Folder, error) {
	if now == nil {
		now = time.Now
	}
	if err := apart(dir, bags); err != nil {
		return nil, err
	}
	for _, d := range []string{filepath.Join(dir, sealDir), bags} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, fmt.Errorf("store: %w", err)
		}
		if err := syncDir(filepath.Dir(d)); err != nil {
			return nil, fmt.Errorf("store: %w", err)
		}
	}
	lock, err := lockStore(filepath.Join(dir, lockFile))
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	f := &Folder{dir: dir, bags: bags, lock: lock, now: now, busy: map[string]chan struct{}{}}
	if err := f.sweep(); err != nil {
		return nil, errors.Join(fmt.Errorf("store: %w", err), lock.Close())
	}
	return f, nil
}

func apart(dir, bags string) error {
	d, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	b, err := filepath.Abs(bags)
	if err != nil {
		return err
	}
	if rel, err := filepath.Rel(d, b); err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return errors.New("store: bags must lie outside the folder of the recordings")
	}
	return nil
}

// sweep deletes what an interrupted write of a seal or a bag left, and seals whose
// object was removed.
func (f *Folder) sweep() error {
	for _, dir := range []string{filepath.Join(f.dir, sealDir), f.bags} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			gone := false
			if dir != f.bags {
				_, err := os.Lstat(f.Path(e.Name()))
				gone = errors.Is(err, fs.ErrNotExist)
			}
			if gone || strings.HasSuffix(e.Name(), tmpSuffix) {
				if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Close lets another process have the store.
func (f *Folder) Close() error { return f.lock.Close() }

// Path is the file of an object.
func (f *Folder) Path(name string) string { return filepath.Join(f.dir, name) }

// alone makes the caller the only one who changes name.
func (f *Folder) alone(ctx context.Context, name string) (release func(), err error) {
	// The folder's own names are no names of objects.
	if !ValidName(name) || name == sealDir || name == lockFile || strings.HasSuffix(name, tmpSuffix) {
		return nil, fmt.Errorf("%w: %.120q", ErrName, name)
	}
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		f.mu.Lock()
		wait, taken := f.busy[name]
		if !taken {
			done := make(chan struct{})
			f.busy[name] = done
			f.mu.Unlock()
			return func() {
				f.mu.Lock()
				delete(f.busy, name)
				f.mu.Unlock()
				close(done)
			}, nil
		}
		f.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Append implements [Store].
func (f *Folder) Append(ctx context.Context, name string, at int64, b []byte) error {
	release, err := f.alone(ctx, name)
	if err != nil {
		return err
	}
	defer release()
	info, err := f.stat(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("store: %w", err)
	}
	switch {
	case info.Sealed:
		return ErrSealed
	case info.Size != at:
		return OffsetError{info.Size}
	case len(b) == 0:
		return nil
	}
	if err := f.write(name, at, b, err != nil); err != nil {
		return fmt.Errorf("store: %w", Full(err))
	}
	return nil
}

// write adds to a file. What could not be written whole is taken back; it was not
// acknowledged.
func (f *Folder) write(name string, at int64, b []byte, begin bool) error {
	flags := os.O_WRONLY
	if begin {
		flags |= os.O_CREATE | os.O_EXCL
	}
	file, err := os.OpenFile(f.Path(name), flags, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(b, at)
	if err == nil {
		err = file.Sync()
	}
	if err != nil {
		err = errors.Join(err, file.Truncate(at))
		if begin {
			err = errors.Join(err, os.Remove(f.Path(name)))
		}
	}
	if err = errors.Join(err, file.Close()); err == nil && begin {
		err = syncDir(f.dir)
	}
	return err
}

// TakeBack implements [TakesBack].
func (f *Folder) TakeBack(ctx context.Context, name string, size int64) error {
	release, err := f.alone(ctx, name)
	if err != nil {
		return err
	}
	defer release()
	info, err := f.stat(name)
	switch {
	case err != nil:
		return fmt.Errorf("store: %w", err)
	case info.Sealed:
		return ErrSealed
	case size < 0 || size > info.Size:
		return OffsetError{info.Size}
	}
	file, err := os.OpenFile(f.Path(name), os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if err := errors.Join(file.Truncate(size), file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// Seal implements [Store]. The file becomes read-only as well, which is for people:
// what keeps it is that nothing here opens it for writing.
func (f *Folder) Seal(ctx context.Context, name string, until time.Time) error {
	release, err := f.alone(ctx, name)
	if err != nil {
		return err
	}
	defer release()
	info, err := f.stat(name)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if info.Sealed && until.UnixMilli() < info.Until.UnixMilli() {
		return ErrShorter
	}
	if err := replace(filepath.Join(f.dir, sealDir, name), strconv.AppendInt(nil, until.UnixMilli(), 10)); err != nil {
		return fmt.Errorf("store: %w", Full(err))
	}
	if err := os.Chmod(f.Path(name), 0o400); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// Stat implements [Store].
func (f *Folder) Stat(ctx context.Context, name string) (Info, error) {
	if !ValidName(name) || name == sealDir || name == lockFile {
		return Info{}, fmt.Errorf("%w: %.120q", ErrName, name)
	}
	if err := ctx.Err(); err != nil {
		return Info{}, err
	}
	info, err := f.stat(name)
	if err != nil {
		return info, fmt.Errorf("store: %w", err)
	}
	return info, nil
}

func (f *Folder) stat(name string) (Info, error) {
	st, err := os.Lstat(f.Path(name))
	if err != nil {
		return Info{}, err
	}
	if !st.Mode().IsRegular() {
		return Info{}, fmt.Errorf("%s is not a file", name)
	}
	info := Info{Name: name, Size: st.Size()}
	b, err := readLimited(filepath.Join(f.dir, sealDir, name), 32)
	if errors.Is(err, fs.ErrNotExist) {
		return info, nil
	}
	if err != nil {
		return info, err
	}
	ms, err := strconv.ParseInt(string(bytes.TrimSpace(b)), 10, 64)
	if err != nil {
		return info, fmt.Errorf("seal of %s: %w", name, err)
	}
	info.Sealed, info.Until = true, time.UnixMilli(ms).UTC()
	return info, nil
}

// Open implements [Store].
func (f *Folder) Open(ctx context.Context, name string, from int64) (io.ReadCloser, error) {
	info, err := f.Stat(ctx, name)
	if err != nil {
		return nil, err
	}
	if from < 0 || from > info.Size {
		return nil, OffsetError{info.Size}
	}
	file, err := os.Open(f.Path(name))
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return &reader{ctx, io.NewSectionReader(file, from, info.Size-from), file}, nil
}

// reader ends with its context.
type reader struct {
	ctx context.Context
	io.Reader
	io.Closer
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// List implements [Store].
func (f *Folder) List(ctx context.Context) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		names, err := names(f.dir)
		if err != nil {
			yield(Info{}, err)
			return
		}
		for _, name := range names {
			info, err := f.Stat(ctx, name)
			if errors.Is(err, fs.ErrNotExist) {
				continue // removed meanwhile
			}
			if !yield(info, err) || err != nil {
				return
			}
		}
	}
}

// Remove implements [Store].
func (f *Folder) Remove(ctx context.Context, name string) error {
	release, err := f.alone(ctx, name)
	if err != nil {
		return err
	}
	defer release()
	info, err := f.stat(name)
	switch {
	case err != nil:
		return fmt.Errorf("store: %w", err)
	case !info.Sealed:
		return ErrNotEnded
	case f.now().Before(info.Until):
		return ErrRetained
	}
	// The object first: its seal without it says nothing, it without its seal could
	// be appended to.
	err = errors.Join(os.Remove(f.Path(name)), syncDir(f.dir))
	if err == nil {
		err = os.Remove(filepath.Join(f.dir, sealDir, name))
	}
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// names lists the files of a folder that can be objects, in order.
func names(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	var found []string
	for _, e := range entries {
		if e.Type().IsRegular() && ValidName(e.Name()) && e.Name() != lockFile && !strings.HasSuffix(e.Name(), tmpSuffix) {
			found = append(found, e.Name())
		}
	}
	slices.Sort(found)
	return found, nil
}

// Full marks errors of a full disk with recordings.ErrNoSpace.
func Full(err error) error {
	const windowsDiskFull = syscall.Errno(112)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || os.PathSeparator == '\\' && errors.Is(err, windowsDiskFull) {
		return fmt.Errorf("%w: %w", recordings.ErrNoSpace, err)
	}
	return err
}
