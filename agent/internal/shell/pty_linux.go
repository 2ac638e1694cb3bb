package shell

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// openTerminal makes a pseudo-terminal (pty(7)): the master, which this program
// reads and writes, and the side that a program has for its terminal.
func openTerminal(cols, rows int) (master, slave *os.File, err error) {
	// Non-blocking, so that Close ends a read.
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("shell: terminal: %w", err)
	}
	master = os.NewFile(uintptr(fd), "terminal")
	defer func() {
		if err != nil {
			master.Close()
		}
	}()
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, nil, fmt.Errorf("shell: terminal: %w", err)
	}
	n, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	if err != nil {
		return nil, nil, fmt.Errorf("shell: terminal: %w", err)
	}
	if slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		return nil, nil, fmt.Errorf("shell: terminal: %w", err)
	}
	if err = prepare(slave, cols, rows); err != nil {
		slave.Close()
		return nil, nil, fmt.Errorf("shell: terminal: %w", err)
	}
	return master, slave, nil
}

// prepare gives a terminal its size, and has it erase whole characters of UTF-8.
func prepare(terminal *os.File, cols, rows int) error {
	return onFD(terminal, func(fd int) error {
		state, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err != nil {
			return err
		}
		state.Iflag |= unix.IUTF8
		if err := unix.IoctlSetTermios(fd, unix.TCSETS, state); err != nil {
			return err
		}
		return resize(fd, cols, rows)
	})
}

func resize(fd, cols, rows int) error {
	return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: uint16(cols), Row: uint16(rows)})
}

// hidden reports whether a line is read that is not shown, as a password is. A
// program that draws what is typed itself, as an editor or a shell does, reads no
// lines but single characters.
func hidden(fd int) (bool, error) {
	state, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return false, err
	}
	return state.Lflag&unix.ECHO == 0 && state.Lflag&unix.ICANON != 0, nil
}

// onFD does something with an open file's descriptor, and leaves it non-blocking.
func onFD(f *os.File, do func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = do(int(fd)) }); err != nil {
		return err
	}
	return failed
}
