package stage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrNoDisk says that this machine lets us mount nothing: it takes root.
var ErrNoDisk = errors.New("no disk can be made here")

// Disk is a small disk of its own below a folder, so that it can be full while
// the machine is not.
type Disk struct{ dir string }

// NewDisk puts an empty disk of so many bytes at a folder. The error wraps
// ErrNoDisk where none can be had.
func NewDisk(dir string, size int) (*Disk, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := unix.Mount("consento", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", size)); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrNoDisk, dir, err)
	}
	return &Disk{dir}, nil
}

func (d *Disk) filler() string { return filepath.Join(d.dir, ".full") }

// Fill takes all space but keep bytes.
func (d *Disk) Fill(keep int) error {
	file, err := os.OpenFile(d.filler(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	block := make([]byte, 64<<10)
	for {
		var s unix.Statfs_t
		if err := unix.Statfs(d.dir, &s); err != nil {
			return err
		}
		free := int(s.Bavail)*int(s.Bsize) - keep
		if free <= 0 {
			return nil
		}
		if _, err := file.Write(block[:min(free, len(block))]); err != nil && !errors.Is(err, unix.ENOSPC) {
			return err
		}
	}
}

// Free gives the space back.
func (d *Disk) Free() error {
	if err := os.Remove(d.filler()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// Close takes the disk away, with all that lies on it.
func (d *Disk) Close() error { return unix.Unmount(d.dir, unix.MNT_DETACH) }
