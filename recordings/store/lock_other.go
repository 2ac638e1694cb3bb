//go:build !linux

package store

import (
	"io"
	"os"
)

// lockStore only makes the file: mirrors run on Linux; elsewhere stores are read.
func lockStore(path string) (io.Closer, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
}

// syncDir has nothing to do where folders cannot be synced.
func syncDir(string) error { return nil }
