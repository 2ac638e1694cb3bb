// Package mailtest runs a real mail server for tests: Debian's exim4, one process for
// each connection, which delivers into a folder.
package mailtest

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/mail"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"consento/broker/internal/ops"
)

// Who may send, and whom the server has something against.
const (
	User     = "consento"
	Password = "seven grey herons"
	Refused  = "refused@office.example" // no such mailbox
	Later    = "later@office.example"   // try again later
)

// Server is a mail server on this machine. It takes mail for everybody, with STARTTLS or
// from the first byte, from who signs in.
type Server struct {
	t        testing.TB
	dir      string
	exim     string
	args     []string
	address  string
	running  sync.WaitGroup
	mu       sync.Mutex
	listener net.Listener
}

// New starts one; security is ops.MailStartTLS, ops.MailTLS or ops.MailPlain. Without
// exim4, or not as root, the test is skipped, or fails where CONSENTO_ALL is set.
func New(t testing.TB, security string) *Server {
	t.Helper()
	exim, err := exec.LookPath("exim4")
	if err != nil {
		exim = "/usr/sbin/exim4" // where no PATH of an ordinary person leads
		_, err = os.Stat(exim)
	}
	if err != nil || os.Getuid() != 0 {
		const why = "exim4 is missing (build/setup.sh), or this is not root: it takes a connection that was accepted for it from root alone"
		if os.Getenv("CONSENTO_ALL") != "" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	s := &Server{t: t, dir: t.TempDir(), exim: exim}
	s.certificate()
	for _, dir := range []string{"spool", "inbox"} {
		if err := os.Mkdir(s.file(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	u, err := user.Lookup("Debian-exim") // it delivers nothing as root
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	for _, dir := range []string{"spool", "inbox"} {
		if err := os.Chown(s.file(dir), uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	for dir := s.dir; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	advertise := "${if def:tls_in_cipher{yes}{no}}"
	if security == ops.MailPlain {
		advertise = "yes"
	}
	config := fmt.Sprintf(`exim_path = %[1]s
primary_hostname = mail.office.example
spool_directory = %[2]s/spool
log_file_path = %[2]s/spool/%%s.log
tls_advertise_hosts = *
tls_certificate = %[2]s/cert.pem
tls_privatekey = %[2]s/key.pem
smtputf8_advertise_hosts = *
smtp_accept_max_per_connection = 1000
message_size_limit = 1M
rfc1413_hosts =
keep_environment =
acl_smtp_rcpt = recipient
acl_smtp_data = accept
queue_run_max = 0
begin acl
recipient:
  deny  !authenticated = *
        message = 5.7.0 sign in first
  deny  recipients = %[3]s
        message = 5.1.1 no mailbox of this name
  defer recipients = %[4]s
        message = 4.2.1 the mailbox is busy
  accept
begin routers
everybody:
  driver = accept
  transport = inbox
begin transports
inbox:
  driver = appendfile
  maildir_format
  directory = %[2]s/inbox
  envelope_to_add
  return_path_add
  user = Debian-exim
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and{{eq{$auth2}{%[5]s}}{eq{$auth3}{%[6]s}}}}
  server_set_id = $auth2
  server_advertise_condition = %[7]s
`, exim, s.dir, Refused, Later, User, Password, advertise)
	if err := os.WriteFile(s.file("exim.conf"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	// -odi: delivered before the next command is answered.
	s.args = []string{"-C", s.file("exim.conf"), "-odi", "-bs"}
	if security == ops.MailTLS {
		s.args = append(s.args, "-tls-on-connect")
	}
	s.address = "127.0.0.1:0"
	s.Up()
	s.address = s.listener.Addr().String()
	t.Cleanup(func() {
		s.Down()
		s.running.Wait()
		if t.Failed() {
			log, _ := os.ReadFile(s.file("spool/main.log"))
			t.Logf("exim: %s", log)
		}
	})
	return s
}

func (s *Server) file(name string) string { return filepath.Join(s.dir, name) }

// Config is what sends by this server.
func (s *Server) Config(security string) ops.MailConfig {
	_, port, _ := net.SplitHostPort(s.address)
	n, _ := strconv.Atoi(port)
	password := s.file("password")
	if err := os.WriteFile(password, []byte(Password+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return ops.MailConfig{Host: "localhost", Port: n, Security: security, User: User, PasswordFile: password, From: "help@office.example", CA: s.file("cert.pem")}
}

// Down stops listening.
func (s *Server) Down() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listener.Close()
}

// Up listens, at the same port as before.
func (s *Server) Up() {
	listener, err := net.Listen("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	s.listener = listener
	s.mu.Unlock()
	s.running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.running.Go(func() { s.serve(conn.(*net.TCPConn)) })
		}
	})
}

// serve hands a connection to a process, as inetd does.
func (s *Server) serve(conn *net.TCPConn) {
	defer conn.Close()
	socket, err := conn.File()
	if err != nil {
		s.t.Error(err)
		return
	}
	defer socket.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, s.exim, s.args...)
	var said bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = socket, socket, &said
	if err := c.Run(); err != nil && said.Len() > 0 { // it ends with 1 where a client just goes
		s.t.Logf("exim: %v %s", err, said.String())
	}
}

// Letters are all that were delivered, the oldest first, as they arrived.
func (s *Server) Letters() [][]byte {
	s.t.Helper()
	names, err := filepath.Glob(s.file("inbox/new/*"))
	if err != nil {
		s.t.Fatal(err)
	}
	slices.SortFunc(names, func(a, b string) int { return modified(s.t, a).Compare(modified(s.t, b)) })
	letters := make([][]byte, len(names))
	for i, name := range names {
		if letters[i], err = os.ReadFile(name); err != nil {
			s.t.Fatal(err)
		}
	}
	return letters
}

// Messages are Letters, read.
func (s *Server) Messages() []*mail.Message {
	s.t.Helper()
	var list []*mail.Message
	for _, raw := range s.Letters() {
		m, err := mail.ReadMessage(bytes.NewReader(raw))
		if err != nil {
			s.t.Fatalf("%v in %s", err, raw)
		}
		list = append(list, m)
	}
	return list
}

func modified(t testing.TB, name string) time.Time {
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info.ModTime()
}

// certificate makes the server's, which is its own authority.
func (s *Server) certificate() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		s.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		s.t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(s.file(name), pem.EncodeToMemory(block), 0o644); err != nil { // exim reads it as somebody else
			s.t.Fatal(err)
		}
	}
}

// Keys is the server's certificate, for servers that a test plays itself.
func (s *Server) Keys() tls.Certificate {
	pair, err := tls.LoadX509KeyPair(s.file("cert.pem"), s.file("key.pem"))
	if err != nil {
		s.t.Fatal(err)
	}
	return pair
}
