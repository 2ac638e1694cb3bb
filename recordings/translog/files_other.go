//go:build !linux

package translog

import "os"

// Other systems read and check a log; the broker and the witness do not run there.

func syncData(f *os.File) error { return f.Sync() }

func syncDir(string) error { return nil }

func lock(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
}
