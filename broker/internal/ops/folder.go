package ops

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// The data folder:
//
//	format        what wrote the folder: "consento-data 2"
//	serve.lock    held by the one broker that serves; holds its process id
//	setup.lock    held for a moment by whoever makes what is made once
//	consento.db   the database (with -wal and -shm)
//	keys/         server secrets          tls/     certificates
//	evidence/     recordings              log/     the global log
//	bags/         all keys to recordings  mirror/  the own witness's copies of key bags
//	agents/       prepared agents           attachments/  files beside tickets, encrypted
//
// All of it is readable by its owner only.
const (
	folderFormat = 2 // 1: keys lay among the recordings, see MoveBags
	formatPrefix = "consento-data "
	// minOpenBytes is what must be free to open the folder at all.
	minOpenBytes = 16 << 20
)

// Folder is an opened data folder.
type Folder struct{ path string }

// OpenFolder opens the data folder at path, or makes it. A folder that holds
// something else is refused, so that a slip of the pen does not change rights on
// somebody's home. Errors wrap ErrFolder, and ErrNewer or ErrNoSpace where that
// is the reason.
func OpenFolder(path string) (*Folder, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFolder, err)
	}
	f := &Folder{path: abs}
	if err := f.open(); err != nil {
		return nil, fmt.Errorf("%w %s: %w", ErrFolder, abs, plain(err))
	}
	return f, nil
}

func (f *Folder) open() error {
	if err := os.MkdirAll(f.path, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(f.path)
	if err != nil {
		return err
	}
	format, err := os.ReadFile(f.file("format"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		for _, e := range entries {
			// Another process may be making the same folder just now.
			if name := e.Name(); name != "setup.lock" && !strings.HasPrefix(name, ".new-") {
				return fmt.Errorf("is not empty and not a data folder of Consento (it holds %q): name another folder or an empty one", name)
			}
		}
	case err != nil:
		return err
	default:
		if err := checkFormat(string(format)); err != nil {
			return err
		}
	}
	if err := os.Chmod(f.path, 0o700); err != nil {
		return err
	}
	free, err := f.Free()
	if err != nil {
		return err
	}
	if free < minOpenBytes {
		return fmt.Errorf("%w: %d MiB, at least %d MiB are needed", ErrNoSpace, free>>20, minOpenBytes>>20)
	}
	if format == nil {
		if err := WriteFile(f.file("format"), fmt.Appendf(nil, "%s%d\n", formatPrefix, folderFormat)); err != nil {
			return err
		}
	}
	for _, dir := range []string{f.Keys(), f.TLS(), f.Evidence(), f.Bags(), f.Log(), f.Agents(), f.Mirror(), f.Attachments()} {
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		// An operator may have put a link here (evidence on its own disk).
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if !info.IsDir() {
			return fmt.Errorf("%s is not a folder", dir)
		}
		if info.Mode().Perm() != 0o700 {
			if err := os.Chmod(dir, 0o700); err != nil {
				return err
			}
		}
	}
	return probe(f.path)
}

func checkFormat(text string) error {
	number, ok := strings.CutPrefix(strings.TrimSpace(text), formatPrefix)
	n, err := strconv.Atoi(number)
	if !ok || err != nil || n < 1 {
		return errors.New("the file named format is not one of Consento")
	}
	if n > folderFormat {
		return fmt.Errorf("%w (folder format %d, this program knows up to %d): use that version", ErrNewer, n, folderFormat)
	}
	return nil
}

// Path is the absolute path of the folder.
func (f *Folder) Path() string { return f.path }

// Keys, TLS, Evidence and Agents are the sub-folders.
func (f *Folder) Keys() string { return f.file("keys") }

// TLS holds certificates and their keys.
func (f *Folder) TLS() string { return f.file("tls") }

// Evidence holds recordings, with what is needed to verify them and nothing that
// opens them.
func (f *Folder) Evidence() string { return f.file("evidence") }

// Bags holds all keys to recordings, encrypted for their readers: key bags, shares,
// customers' copies, keys of logs.
func (f *Folder) Bags() string { return f.file("bags") }

// Log holds the global log that recordings are anchored to.
func (f *Folder) Log() string { return f.file("log") }

// Agents holds the agents that were prepared for this office.
func (f *Folder) Agents() string { return f.file("agents") }

// Mirror holds what the broker's own witness keeps, in the form of a witness's folder.
func (f *Folder) Mirror() string { return f.file("mirror") }

// Attachments holds the files beside tickets, encrypted.
func (f *Folder) Attachments() string { return f.file("attachments") }

func (f *Folder) file(name string) string { return filepath.Join(f.path, name) }

// Free returns the bytes that this process may still write on the folder's disk.
func (f *Folder) Free() (uint64, error) { return freeBytes(f.path) }

func freeBytes(path string) (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, &fs.PathError{Op: "statfs", Path: path, Err: err}
	}
	return st.Bavail * uint64(st.Bsize), nil
}

// Disk tells of the disk that path is on: the bytes that this process may still
// write, and all there are.
func Disk(path string) (free, total int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, 0, &fs.PathError{Op: "statfs", Path: path, Err: err}
	}
	return int64(st.Bavail) * int64(st.Bsize), int64(st.Blocks) * int64(st.Bsize), nil
}

// Serve takes the folder for the one broker that serves from it. The returned
// function gives it back; the end of the process does so too, kill -9 included.
// It fails with ErrInUse when another process has it.
func (f *Folder) Serve() (release func() error, err error) {
	lock, err := os.OpenFile(f.file("serve.lock"), os.O_RDWR|os.O_CREATE|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w", ErrFolder, f.path, plain(err))
	}
	if err := flock(lock, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer lock.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w %s: lock: %w", ErrFolder, f.path, err)
		}
		var owner [20]byte
		n, _ := lock.ReadAt(owner[:], 0) // who it is only helps the reader of the message
		pid, err := strconv.Atoi(strings.TrimSpace(string(owner[:n])))
		if err != nil {
			return nil, fmt.Errorf("%w: another broker serves from %s", ErrInUse, f.path)
		}
		return nil, fmt.Errorf("%w: another broker (process %d) serves from %s", ErrInUse, pid, f.path)
	}
	err = lock.Truncate(0)
	if err == nil {
		_, err = lock.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	}
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("%w %s: %w", ErrFolder, f.path, plain(err))
	}
	return lock.Close, nil
}

// once runs make while no other process (or goroutine) runs it in this folder.
func (f *Folder) once(make func() error) error {
	lock, err := os.OpenFile(f.file("setup.lock"), os.O_RDWR|os.O_CREATE|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return plain(err)
	}
	defer lock.Close()
	if err := flock(lock, unix.LOCK_EX); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	return make()
}

// flock locks an open file; the lock belongs to the open file, not to the
// process, so two goroutines exclude each other too.
func flock(f *os.File, how int) error {
	for {
		if err := unix.Flock(int(f.Fd()), how); err != unix.EINTR {
			return err
		}
	}
}
