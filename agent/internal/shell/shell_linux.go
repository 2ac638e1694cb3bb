package shell

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// closeTime is how long Close waits for what is being killed: no person waits longer
// for the red X.
const closeTime = 500 * time.Millisecond

// Shell is a program in a terminal. Its methods may be called from any goroutine.
type Shell struct {
	program string
	master  *os.File
	hold    *os.File // while it is open the keeper keeps the shell
	keeper  *exec.Cmd
	close   sync.Once
	over    chan struct{} // closed when nothing of it runs any more
	code    int
	left    int
}

// Able reports whether there can be a shell.
func Able() bool { _, err := os.Stat("/dev/ptmx"); return err == nil }

// Start begins a shell in a terminal of this size.
func Start(cols, rows int) (*Shell, error) {
	a := own("/etc/passwd", os.Getuid(), os.Getenv)
	return start(cols, rows, a, a.shell, []string{"-" + filepath.Base(a.shell)}) // a login shell
}

// Run runs one command of sh(1) instead.
func Run(cols, rows int, command string) (*Shell, error) {
	return start(cols, rows, own("/etc/passwd", os.Getuid(), os.Getenv), "/bin/sh", []string{"sh", "-c", command})
}

func start(cols, rows int, a account, program string, args []string) (*Shell, error) {
	master, slave, err := openTerminal(cols, rows)
	if err != nil {
		return nil, err
	}
	defer slave.Close()
	s := &Shell{program: program, master: master, over: make(chan struct{}), code: -1}
	holder, hold, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("shell: %w", err), master.Close())
	}
	defer holder.Close()
	s.hold = hold
	// The program's file is gone (package remove): the kernel still has it.
	s.keeper = &exec.Cmd{Path: "/proc/self/exe", Args: append([]string{keeperName, program, a.home}, args...), Dir: "/",
		Env: environment(a, os.Getenv, os.Environ()), ExtraFiles: []*os.File{holder, slave}, SysProcAttr: &syscall.SysProcAttr{Setsid: true}}
	report, err := s.keeper.StdoutPipe()
	if err == nil {
		err = s.keeper.Start()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("shell: %w", err), master.Close(), hold.Close())
	}
	go s.wait(report)
	return s, nil
}

// wait learns how the shell ended.
func (s *Shell) wait(report io.Reader) {
	code, left := -1, 0
	if _, err := fmt.Fscan(report, &code, &left); err != nil {
		code = -1 // the keeper was killed: the terminal's end is all that there is
	}
	_ = s.keeper.Wait() // the report said it
	s.code, s.left = code, left
	s.Shut()
	close(s.over)
}

// Program is the path of what runs.
func (s *Shell) Program() string { return s.program }

// Read reads what the program puts out, at most 4,096 bytes at once. It returns
// io.EOF when nothing can come any more.
func (s *Shell) Read(p []byte) (int, error) {
	n, err := s.master.Read(p[:min(len(p), maxRead)])
	if n == 0 && err != nil { // EIO when the last program has closed it
		return 0, io.EOF
	}
	return n, nil
}

// Write types. It blocks as long as the program reads nothing, and returns when the
// shell is closed.
func (s *Shell) Write(p []byte) (int, error) { return s.master.Write(p) }

// Resize tells the program of another size.
func (s *Shell) Resize(cols, rows int) error {
	return onFD(s.master, func(fd int) error { return resize(fd, cols, rows) })
}

// Hidden reports whether the program reads a line that the terminal does not show.
func (s *Shell) Hidden() bool {
	is := false
	_ = onFD(s.master, func(fd int) (err error) { is, err = hidden(fd); return err }) // closed: nobody types
	return is
}

// Over is closed when the shell is over and nothing that it started runs any more.
func (s *Shell) Over() <-chan struct{} { return s.over }

// Code is how the shell ended, once it is over: its exit code, 128 and the signal, or -1.
func (s *Shell) Code() int { return s.code }

// Left is how many of its programs could not be ended: they run as somebody else.
func (s *Shell) Left() int { return s.left }

// Shut ends the shell, without waiting.
func (s *Shell) Shut() {
	s.close.Do(func() {
		_ = s.hold.Close() // what follows ends it too
		_ = s.master.Close()
	})
}

// Close ends the shell and all that it started, at once. It reports whether that
// was done when it returned; it goes on by itself otherwise.
func (s *Shell) Close() bool {
	s.Shut()
	timer := time.NewTimer(closeTime)
	defer timer.Stop()
	select {
	case <-s.over:
		return s.left == 0
	case <-timer.C:
		return false
	}
}
