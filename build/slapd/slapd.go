// Package slapd runs OpenLDAP's server as this user, on free ports of this computer, for
// tests that need a directory.
package slapd

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Debian's slapd.
const (
	program = "/usr/sbin/slapd"
	modules = "/usr/lib/ldap"
	schemas = "/etc/ldap/schema"
)

// Base is the one suffix; Root, with Password, may do anything below it.
const (
	Base     = "dc=esempio,dc=example"
	Root     = "cn=root," + Base
	Password = "root of the directory"
)

// Server is one slapd.
type Server struct {
	LDAP, LDAPS string // addresses; the first offers StartTLS
	CA          string // file, PEM

	command *exec.Cmd
	said    bytes.Buffer
	ended   chan error
}

// Serve begins with what ldif says, in dir. more are lines of slapd.conf for everybody.
// Nobody without a password reads anything, and nobody binds in clear.
func Serve(ctx context.Context, dir, ldif, more string) (*Server, error) {
	if _, err := os.Stat(program); err != nil {
		return nil, fmt.Errorf("no slapd: run build/setup.sh: %w", err)
	}
	s := &Server{CA: filepath.Join(dir, "ca.pem"), ended: make(chan error, 1)}
	if err := certify(s.CA, filepath.Join(dir, "key.pem")); err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "db")
	if err := os.Mkdir(data, 0o700); err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "slapd.conf")
	text := ""
	for _, schema := range []string{"core", "cosine", "inetorgperson"} {
		text += fmt.Sprintf("include %s/%s.schema\n", schemas, schema)
	}
	text += fmt.Sprintf(`modulepath %s
moduleload back_mdb
moduleload memberof
pidfile %s/slapd.pid
TLSCACertificateFile %s
TLSCertificateFile %s
TLSCertificateKeyFile %s/key.pem
security simple_bind=128
%s
database mdb
maxsize 16777216
suffix "%s"
rootdn "%s"
rootpw "%s"
directory %s
overlay memberof
access to attrs=userPassword by anonymous auth by * none
access to * by users read by * none
`, modules, dir, s.CA, s.CA, dir, more, Base, Root, Password, data)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	add := exec.CommandContext(ctx, program, "-Tadd", "-f", config)
	add.Stdin = strings.NewReader(ldif)
	if out, err := add.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("slapadd: %w: %s", err, out)
	}
	return s, s.start(ctx, config)
}

// start takes two free ports; who took one meanwhile makes it try others.
func (s *Server) start(ctx context.Context, config string) error {
	var last error
	for range 5 {
		plain, err := free()
		if err != nil {
			return err
		}
		over, err := free()
		if err != nil {
			return err
		}
		s.LDAP, s.LDAPS = "ldap://"+plain, "ldaps://"+over
		s.command = exec.Command(program, "-d0", "-f", config, "-h", s.LDAP+" "+s.LDAPS)
		s.command.Stderr = &s.said
		if err := s.command.Start(); err != nil {
			return err
		}
		ended := s.ended
		go func(c *exec.Cmd) { ended <- c.Wait() }(s.command)
		if last = s.answers(ctx, over); last == nil {
			return nil
		}
	}
	return last
}

func (s *Server) answers(ctx context.Context, address string) error {
	every := time.NewTicker(20 * time.Millisecond)
	defer every.Stop()
	for {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case err := <-s.ended:
			return fmt.Errorf("slapd ended: %v: %s", err, s.said.String())
		case <-ctx.Done():
			return ctx.Err()
		case <-every.C:
		}
	}
}

// Close ends it; from then on it does not answer.
func (s *Server) Close() error {
	if s.command.ProcessState != nil {
		return nil
	}
	if err := s.command.Process.Kill(); err != nil {
		return err
	}
	<-s.ended
	return nil
}

func free() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// certify makes a certificate for 127.0.0.1 that is its own authority.
func certify(certificate, key string) error {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	if err := os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		return err
	}
	return os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600)
}
