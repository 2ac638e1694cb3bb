//go:build !linux

package recordings

import (
	"errors"
	"os"
	"syscall"
)

// reserve: other systems write without a reserve. The verifier runs there, the
// recorder does not.
func reserve(*os.File, int64, int64) error { return errNoReserve }

func syncData(f *os.File) error { return f.Sync() }

// syncDir: no portable way exists; Windows cannot open a folder for it.
func syncDir(string) error { return nil }

func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) }
