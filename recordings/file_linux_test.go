package recordings

import (
	"os"
	"syscall"
)

// blocks is the room that a file takes on the disk.
func blocks(st os.FileInfo) int64 { return st.Sys().(*syscall.Stat_t).Blocks * 512 }
