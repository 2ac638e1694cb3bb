package ops

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// ReserveBytes is the size of a reserve. Each recording that ends gives about as much
// back as log and database need for it, so that it has to pay for the first ends alone.
const ReserveBytes = 8 << 20

// Reserve is room for last words: a file on each disk that the broker writes to, which
// is deleted when that disk is full, so that the end of every running session still
// comes to its recording, the global log and the database. It is safe for concurrent
// use.
type Reserve struct {
	log *slog.Logger

	mu       sync.Mutex
	places   []place
	released time.Time // when a place was given back that is not there again
}

// place is the reserve of one disk.
type place struct {
	path string
	mark uint64 // bytes that must be free for it to be made
	held bool
}

// ReserveStatus is what people are told of it.
type ReserveStatus struct {
	Bytes    int64     // that are kept now, on all disks
	Missing  int       // disks that have none
	Released time.Time // when it was given back; zero: it was not, or is there again
}

// OpenReserve keeps room on the disks of these folders: one file for each disk, in the
// first folder that lies on it. mark is how much must be free on the first one for a
// session to start. What cannot be kept now is tried again by Hold.
func OpenReserve(log *slog.Logger, mark Size, evidence string, others ...string) (*Reserve, error) {
	r := &Reserve{log: log}
	disks := map[uint64]bool{}
	for i, dir := range append([]string{evidence}, others...) {
		var st unix.Stat_t
		if err := unix.Stat(dir, &st); err != nil {
			return nil, fmt.Errorf("reserve: %w", &fs.PathError{Op: "stat", Path: dir, Err: err})
		}
		if disks[st.Dev] {
			continue
		}
		disks[st.Dev] = true
		p := place{path: filepath.Join(dir, "reserve"), mark: minOpenBytes}
		if i == 0 {
			p.mark = uint64(mark)
		}
		r.places = append(r.places, p)
	}
	if err := r.Hold(); err != nil && !errors.Is(err, ErrNoSpace) {
		return nil, err
	}
	return r, nil
}

// Hold makes what is missing. It returns ErrNoSpace where a disk has too little.
func (r *Reserve) Hold() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for i := range r.places {
		if p := &r.places[i]; !p.held {
			errs = append(errs, p.hold())
		}
	}
	err := errors.Join(errs...)
	if err == nil && !r.released.IsZero() {
		r.released = time.Time{}
		r.log.Info("there is space again: the reserve is kept")
	}
	return err
}

func (p *place) hold() error {
	var st unix.Stat_t
	if err := unix.Stat(p.path, &st); err == nil && st.Size == ReserveBytes && st.Blocks*512 >= ReserveBytes {
		p.held = true // from an earlier run
		return nil
	}
	if err := unlink(p.path); err != nil {
		return fmt.Errorf("reserve: %w", err)
	}
	dir := filepath.Dir(p.path)
	free, err := freeBytes(dir)
	if err != nil {
		return fmt.Errorf("reserve: %w", plain(err))
	}
	if free < max(p.mark, ReserveBytes) {
		return fmt.Errorf("reserve in %s: %w: %d MiB, at least %d MiB are needed", dir, ErrNoSpace, free>>20, max(p.mark, ReserveBytes)>>20)
	}
	if err := allocate(p.path); err != nil {
		return fmt.Errorf("reserve: %w", errors.Join(plain(err), unlink(p.path)))
	}
	p.held = true
	return nil
}

// allocate makes a file that takes its room on the disk.
func allocate(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = unix.EINTR
	for err == unix.EINTR {
		err = unix.Fallocate(int(f.Fd()), 0, 0, ReserveBytes)
	}
	if err == unix.EOPNOTSUPP || err == unix.ENOSYS {
		_, err = f.Write(make([]byte, ReserveBytes))
	}
	return errors.Join(err, f.Sync(), f.Close())
}

func unlink(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Release is told what could not be written. Where a full disk may be why, the reserve
// there is given back. It reports whether there may be room now: then what failed is
// tried once more. Running sessions end, see Released.
func (r *Reserve) Release(cause error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	var full []*place
	for i := range r.places {
		// SQLite does not say what the system said.
		if free, err := freeBytes(filepath.Dir(r.places[i].path)); err == nil && free < ReserveBytes {
			full = append(full, &r.places[i])
		}
	}
	if len(full) == 0 && (errors.Is(cause, unix.ENOSPC) || errors.Is(cause, unix.EDQUOT)) {
		for i := range r.places { // a quota: which disk has it cannot be seen
			full = append(full, &r.places[i])
		}
	}
	room := false
	for _, p := range full {
		if !p.held {
			room = room || !r.released.IsZero() // another's cry was first
			continue
		}
		if err := unlink(p.path); err != nil {
			r.log.Error("reserve cannot be given back", slog.String("file", p.path), slog.Any("error", err))
			continue
		}
		p.held, room, r.released = false, true, time.Now()
		r.log.Error("disk is full: the reserve was given back, running sessions end, none starts", slog.String("file", p.path), slog.Any("error", cause))
	}
	return room
}

// Released reports whether a disk was full and is not yet known to have space again:
// what runs has to end while there is room for it.
func (r *Reserve) Released() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.released.IsZero()
}

// Status tells of it.
func (r *Reserve) Status() ReserveStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := ReserveStatus{Released: r.released}
	for _, p := range r.places {
		if p.held {
			s.Bytes += ReserveBytes
		} else {
			s.Missing++
		}
	}
	return s
}
