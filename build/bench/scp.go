package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

var errNoSCP = errors.New("no scp or no sshd on this machine: not compared with it")

// plainSCP copies a file with scp to a server of its own on loopback, onto the disk.
// Neither end hashes the file; SSH authenticates what it carries.
func plainSCP(ctx context.Context, from, dir string) (took time.Duration, err error) {
	server, err := exec.LookPath("/usr/sbin/sshd")
	if err != nil {
		return 0, errNoSCP
	}
	if _, err := exec.LookPath("scp"); err != nil {
		return 0, errNoSCP
	}
	home, to := filepath.Join(dir, "scp"), filepath.Join(dir, "scp", "copied.bin")
	if err := os.Mkdir(home, 0o700); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(home)) }()
	for _, name := range []string{"host", "own"} {
		if out, err := exec.CommandContext(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(home, name)).CombinedOutput(); err != nil {
			return 0, fmt.Errorf("ssh-keygen: %w: %s", err, out)
		}
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	_, port, _ := net.SplitHostPort(free.Addr().String())
	if err := free.Close(); err != nil {
		return 0, err
	}
	sshd := exec.CommandContext(ctx, server, "-D", "-e", "-f", "/dev/null", "-p", port, "-h", filepath.Join(home, "host"), "-o", "ListenAddress=127.0.0.1", "-o", "PidFile=none",
		"-o", "AuthorizedKeysFile="+filepath.Join(home, "own.pub"), "-o", "StrictModes=no", "-o", "UsePAM=no", "-o", "Subsystem=sftp internal-sftp")
	if err := sshd.Start(); err != nil {
		return 0, errNoSCP
	}
	defer func() { _ = sshd.Process.Kill(); _ = sshd.Wait() }() // what it would say of its end is that
	for n := 0; ; n++ {
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			_ = c.Close()
			break
		}
		if n == 50 {
			return 0, errNoSCP // it may not run here, as without its folder in /run
		}
		if err := wait(ctx, 100*time.Millisecond); err != nil {
			return 0, err
		}
	}
	began := time.Now()
	out, err := exec.CommandContext(ctx, "scp", "-q", "-F", "/dev/null", "-P", port, "-i", filepath.Join(home, "own"), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
		"-o", "BatchMode=yes", from, "127.0.0.1:"+to).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("scp: %w: %s", err, out)
	}
	f, err := os.Open(to)
	if err != nil {
		return 0, err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return 0, err
	}
	took = time.Since(began)
	info, err := os.Stat(to)
	if err == nil && info.Size() != fileBytes {
		err = fmt.Errorf("scp carried %d bytes", info.Size())
	}
	return took, err
}
