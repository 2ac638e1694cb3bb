// Package sshd runs OpenSSH's server as this user, on a free port of this computer, for
// tests that need a device to sign in to.
package sshd

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
)

// program is where Debian has it (openssh-server).
const program = "/usr/sbin/sshd"

// Server is one sshd for each connection, as inetd has it: no port is raced for.
type Server struct {
	Port   int
	config string
	listen net.Listener
	all    sync.WaitGroup

	mu   sync.Mutex
	open []*exec.Cmd
	err  error
}

// KeyText is a private key as ssh-keygen writes it, under a passphrase unless it is "", and its
// public half as authorized_keys has it.
func KeyText(key any, passphrase string) (text, public string, err error) {
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		return "", "", err
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if passphrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte(passphrase))
	}
	if err != nil {
		return "", "", err
	}
	return string(pem.EncodeToMemory(block)), string(ssh.MarshalAuthorizedKey(signer.PublicKey())), nil
}

// Serve begins, with a private host key, what stands in authorized_keys, and further lines
// of sshd_config. What it needs lies in dir.
func Serve(dir string, host any, authorised, more string) (*Server, error) {
	if _, err := os.Stat(program); err != nil {
		return nil, fmt.Errorf("no sshd: run build/setup.sh: %w", err)
	}
	if os.Getuid() == 0 { // then it wants this one
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			return nil, err
		}
	}
	text, _, err := KeyText(host, "")
	if err != nil {
		return nil, err
	}
	s := &Server{config: filepath.Join(dir, "config")}
	config := fmt.Sprintf("HostKey %[1]s/host\nAuthorizedKeysFile %[1]s/keys\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nPrintMotd no\n"+
		"SetEnv LANG=C.UTF-8 HISTFILE=/dev/null\n%[2]s\n", dir, more) // nothing of a test stays in this user's history
	for name, data := range map[string]string{"host": text, "keys": authorised, "config": config} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			return nil, err
		}
	}
	if s.listen, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	s.Port = s.listen.Addr().(*net.TCPAddr).Port
	s.all.Go(s.accept)
	return s, nil
}

func (s *Server) accept() {
	for {
		conn, err := s.listen.Accept()
		if err != nil {
			return // closed
		}
		s.all.Go(func() { s.answer(conn) })
	}
}

func (s *Server) answer(conn net.Conn) {
	file, err := conn.(*net.TCPConn).File()
	_ = conn.Close() // file is the connection now
	if err != nil {
		return
	}
	var words bytes.Buffer
	cmd := exec.Command(program, "-i", "-e", "-f", s.config)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = file, file, &words
	s.mu.Lock()
	if err = cmd.Start(); err == nil {
		s.open = append(s.open, cmd)
	}
	s.mu.Unlock()
	_ = file.Close() // sshd has its own
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil && strings.Contains(words.String(), s.config) {
		s.mu.Lock()
		s.err = fmt.Errorf("sshd: %w: %s", err, words.String())
		s.mu.Unlock()
	}
}

// Close ends all connections, and says whether the configuration was refused.
func (s *Server) Close() error {
	_ = s.listen.Close()
	s.mu.Lock()
	for _, cmd := range s.open {
		_ = cmd.Process.Kill() // it may be over
	}
	s.mu.Unlock()
	s.all.Wait()
	return s.err
}
