//go:build unix

package files

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// unwaiting opens without waiting for the other end of a pipe, without making a
// terminal ours, and follows no link in the end.
const unwaiting = unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_NOFOLLOW

// isFull reports whether a disk, or what this user may have of it, is full.
func isFull(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, unix.EFBIG)
}

// mark is for Windows: here nothing that arrives may be run before somebody says so.
func mark(*os.File) error { return nil }

// freeSpace is how many bytes a user may still write.
func freeSpace(folder string) (int64, bool) {
	var s unix.Statfs_t
	if unix.Statfs(folder, &s) != nil || s.Bsize <= 0 || uint64(s.Bavail) > 1<<50/uint64(s.Bsize) {
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true
}
