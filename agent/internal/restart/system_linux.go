package restart

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/godbus/dbus/v5"
)

const programName = program

// Reboot asks the system to restart, as the desktop's own menu does (logind,
// org.freedesktop.login1(5)). The system may ask the person for a password. When it
// returns nil the system goes down, or will in a moment.
func Reboot(ctx context.Context) error {
	conn, err := dbus.ConnectSystemBus(dbus.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("restart: %w", err)
	}
	defer conn.Close()
	err = conn.Object("org.freedesktop.login1", "/org/freedesktop/login1").
		CallWithContext(ctx, "org.freedesktop.login1.Manager.Reboot", dbus.FlagAllowInteractiveAuthorization, true).Err
	if err != nil {
		return fmt.Errorf("restart: %w", err)
	}
	return nil
}

func home() (string, error) {
	at, err := os.UserHomeDir()
	if err != nil || !filepath.IsAbs(at) {
		return "", fmt.Errorf("%w: no home folder: %w", ErrUnable, err)
	}
	info, err := os.Stat(at)
	if err != nil || !owned(info) {
		return "", fmt.Errorf("%w: the home folder is not this user's alone: %w", ErrUnable, err)
	}
	return at, nil
}

// openProgram opens the running program, whose file has no name any more (proc(5)).
func openProgram() (*os.File, error) { return os.Open("/proc/self/exe") }

// machineID is what tells this installation from others (machine-id(5)); empty where
// there is none.
func machineID() []byte {
	for _, path := range []string{"/etc/machine-id", "/var/lib/dbus/machine-id"} {
		if data, err := os.ReadFile(path); err == nil && len(bytes.TrimSpace(data)) > 0 {
			return bytes.TrimSpace(data)
		}
	}
	return nil
}

// place tells a folder from its copies: the number of its inode. Devices are numbered
// anew with each start.
func place(folder string) ([]byte, error) {
	info, err := os.Lstat(folder)
	if err != nil {
		return nil, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || !private(info) {
		return nil, errors.New("restart: not a private folder")
	}
	return binary.BigEndian.AppendUint64(nil, stat.Ino), nil
}

// private accepts what is this user's and closed to all others.
func private(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Getuid() && info.Mode().Perm()&0o077 == 0
}

// owned accepts what is this user's and not open to others' writing.
func owned(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.IsDir() && int(stat.Uid) == os.Getuid() && info.Mode().Perm()&0o022 == 0
}

func seal(folder string, plain []byte) ([]byte, error)  { return sealPlain(folder, plain) }
func open(folder string, sealed []byte) ([]byte, error) { return openPlain(folder, sealed) }
