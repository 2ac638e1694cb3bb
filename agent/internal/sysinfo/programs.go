package sysinfo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"time"
)

// maxOutput bounds what is read of another program's output, in bytes.
const maxOutput = 8 << 20

// programs are what may be asked: the system's own tools, which read what has no
// other stable form. None of them changes anything with the arguments given here.
var (
	rpmList      = []string{"rpm", "-qa", "--queryformat", `%{NAME}\t%{VERSION}-%{RELEASE}\t%{ARCH}\n`}
	unitList     = []string{"systemctl", "list-units", "--type=service", "--all", "--no-pager", "--no-legend", "--plain", "--full"}
	unitFileList = []string{"systemctl", "list-unit-files", "--type=service", "--no-pager", "--no-legend", "--plain", "--full"}
	journalList  = []string{"journalctl", "--output=json", "--no-pager", "--quiet", "--reverse", "--lines=500", "--output-fields=PRIORITY,SYSLOG_IDENTIFIER,_COMM,MESSAGE"}
)

// folders are where the system's programs lie. The customer's own PATH is not
// looked at: whatever lies there first would be run.
var folders = []string{"/usr/bin", "/bin", "/usr/sbin", "/sbin"}

// ask runs one of the programs and hands its output to read, which may stop early.
// It returns ErrMissing where there is no such program.
func ask(ctx context.Context, program []string, read func(io.Reader) error) error {
	path := ""
	for _, f := range folders {
		if found, err := exec.LookPath(filepath.Join(f, program[0])); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		return fmt.Errorf("%w: %s", ErrMissing, program[0])
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, program[1:]...)
	cmd.Env = []string{"LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin:/usr/sbin:/sbin", "HOME=/", "SYSTEMD_COLORS=0", "SYSTEMD_PAGER="}
	cmd.Dir = "/"
	cmd.WaitDelay = time.Second // what it started does not keep the pipe open for us
	var said bytes.Buffer
	cmd.Stderr = &limited{&said, 4 << 10}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	bounded := &io.LimitedReader{R: out, N: maxOutput}
	readErr := read(bounded)
	if readErr != nil || bounded.N <= 0 {
		cancel() // the rest is not wanted
	}
	_, _ = io.Copy(io.Discard, bounded) // a program that has said all ends by itself
	if bounded.N <= 0 {
		cancel()
	}
	err = cmd.Wait()
	if readErr != nil {
		return readErr
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && ctx.Err() == nil {
		return fmt.Errorf("%s: %w: %q", program[0], err, said.Bytes())
	}
	if bounded.N <= 0 {
		return nil // it was cut
	}
	return err
}

// limited keeps the first bytes of what is written.
type limited struct {
	to   *bytes.Buffer
	room int
}

func (l *limited) Write(p []byte) (int, error) {
	if n := min(l.room, len(p)); n > 0 {
		l.to.Write(p[:n])
		l.room -= n
	}
	return len(p), nil
}
