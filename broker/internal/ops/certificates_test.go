package ops

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// clock is a time that a test moves.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func newSite(t *testing.T, cs *Certificates) *httptest.Server {
	t.Helper()
	site := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	site.TLS = cs.TLSConfig()
	site.EnableHTTP2 = true
	site.StartTLS()
	// httptest puts a certificate of its own first.
	site.TLS.Certificates = nil
	t.Cleanup(site.Close)
	return site
}

// handshake connects as name and trusts only the authority.
func handshake(t *testing.T, site *httptest.Server, ca []byte, name string, at time.Time, version uint16) (tls.ConnectionState, error) {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		t.Fatal("no authority")
	}
	c, err := tls.Dial("tcp", site.Listener.Addr().String(), &tls.Config{
		RootCAs: pool, ServerName: name, Time: func() time.Time { return at }, MaxVersion: version, NextProtos: []string{"h2"},
	})
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer c.Close()
	return c.ConnectionState(), nil
}

func TestOwnAuthority(t *testing.T) {
	folder := newTestFolder(t)
	at := &clock{t: time.Now()}
	c := DefaultConfig()
	c.PublicURL = "https://help.office.example:8443"
	cs, err := openCertificates(folder, c, at.now)
	if err != nil {
		t.Fatal(err)
	}
	site := newSite(t, cs)
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"localhost", "127.0.0.1", "::1", "help.office.example"}
	if clean, err := CleanHost(host); err == nil {
		names = append(names, clean)
	}
	for _, name := range names {
		state, err := handshake(t, site, cs.CA(), name, at.now(), 0)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if state.Version != tls.VersionTLS13 || state.NegotiatedProtocol != "h2" {
			t.Errorf("%s: TLS %x, %s", name, state.Version, state.NegotiatedProtocol)
		}
	}
	if _, err := handshake(t, site, cs.CA(), "evil.example", at.now(), 0); err == nil {
		t.Error("good for a foreign name")
	}
	if _, err := handshake(t, site, cs.CA(), "localhost", at.now(), tls.VersionTLS12); err != nil {
		t.Errorf("TLS 1.2: %v", err)
	}
	if _, err := handshake(t, site, cs.CA(), "localhost", at.now(), tls.VersionTLS11); err == nil {
		t.Error("TLS 1.1 is spoken")
	}

	block, _ := pem.Decode(cs.CA())
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	state, err := handshake(t, site, cs.CA(), "localhost", at.now(), 0)
	if err != nil {
		t.Fatal(err)
	}
	leaf := state.PeerCertificates[0]
	if _, ok := ca.PublicKey.(*ecdsa.PublicKey); !ok || !ca.IsCA || !ca.MaxPathLenZero || ca.NotAfter.Before(at.now().AddDate(9, 11, 0)) {
		t.Errorf("authority %+v", ca)
	}
	if days := leaf.NotAfter.Sub(leaf.NotBefore).Hours() / 24; days > 398 || leaf.IsCA {
		t.Errorf("the server's certificate is for %.0f days, CA %v", days, leaf.IsCA)
	}
	for _, file := range []string{"ca.pem", "ca.key", "server.pem"} {
		if info, err := os.Stat(filepath.Join(folder.TLS(), file)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, info.Mode(), err)
		}
	}

	// A restart changes nothing; other names change the certificate, not the authority.
	again, err := openCertificates(folder, c, at.now)
	if err != nil {
		t.Fatal(err)
	}
	if same, err := again.get(nil); err != nil || !same.Leaf.Equal(leaf) || !bytes.Equal(again.CA(), cs.CA()) {
		t.Errorf("a restart made another certificate, %v", err)
	}
	c.PublicURL = "https://other.office.example"
	other, err := openCertificates(folder, c, at.now)
	if err != nil {
		t.Fatal(err)
	}
	if now, err := other.get(nil); err != nil || now.Leaf.Equal(leaf) || now.Leaf.VerifyHostname("other.office.example") != nil || !bytes.Equal(other.CA(), cs.CA()) {
		t.Errorf("other names: %v", err)
	}
}

func TestCertificateIsRenewedWithoutARestart(t *testing.T) {
	folder := newTestFolder(t)
	at := &clock{t: time.Now()}
	cs, err := openCertificates(folder, DefaultConfig(), at.now)
	if err != nil {
		t.Fatal(err)
	}
	site := newSite(t, cs)
	leaf := func() *x509.Certificate {
		state, err := handshake(t, site, cs.CA(), "localhost", at.now(), 0)
		if err != nil {
			t.Fatal(err)
		}
		return state.PeerCertificates[0]
	}
	first := leaf()
	at.advance((serverDays - renewDays - 1) * 24 * time.Hour)
	if !leaf().Equal(first) {
		t.Fatal("renewed too early")
	}
	at.advance(2 * 24 * time.Hour)
	second := leaf()
	if second.Equal(first) || second.NotAfter.Before(first.NotAfter.AddDate(1, 0, 0)) {
		t.Fatalf("not renewed: until %s", second.NotAfter)
	}
	// Near the end of the authority no certificate outlives it, and the check says so.
	at.advance(authorityYears*365*24*time.Hour - 380*24*time.Hour)
	if last := leaf(); last.NotAfter.After(at.now().AddDate(1, 0, 0)) {
		t.Fatalf("until %s", last.NotAfter)
	}
	at.advance(2 * 365 * 24 * time.Hour)
	if err := cs.Check(t.Context()); err == nil {
		t.Fatal("a certificate that ran out passes its check")
	}
}

func TestUnwritableFolderKeepsTheOldCertificate(t *testing.T) {
	folder := newTestFolder(t)
	at := &clock{t: time.Now()}
	cs, err := openCertificates(folder, DefaultConfig(), at.now)
	if err != nil {
		t.Fatal(err)
	}
	before, err := cs.get(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(folder.TLS()); err != nil {
		t.Fatal(err)
	}
	at.advance((serverDays - 10) * 24 * time.Hour)
	if now, err := cs.get(nil); err != nil || now != before {
		t.Fatalf("%v", err)
	}
	if err := cs.Check(t.Context()); err == nil {
		t.Fatal("nobody is told")
	}
}

func TestOwnFilesAreReloaded(t *testing.T) {
	at := &clock{t: time.Now()}
	dir := t.TempDir()
	c := DefaultConfig()
	c.TLS = TLSConfig{Certificate: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	if _, err := openCertificates(newTestFolder(t), c, at.now); err == nil || !strings.Contains(err.Error(), "cert.pem") {
		t.Fatalf("no files: %v", err)
	}
	// Two certificates of one authority.
	maker := newTestFolder(t)
	own, err := openCertificates(maker, DefaultConfig(), at.now)
	if err != nil {
		t.Fatal(err)
	}
	install := func() *x509.Certificate {
		text, err := os.ReadFile(filepath.Join(maker.TLS(), "server.pem"))
		if err != nil {
			t.Fatal(err)
		}
		mustWrite(t, c.TLS.Certificate, string(text))
		mustWrite(t, c.TLS.Key, string(text))
		pair, err := tls.X509KeyPair(text, text)
		if err != nil {
			t.Fatal(err)
		}
		return pair.Leaf
	}
	first := install()
	cs, err := openCertificates(newTestFolder(t), c, at.now)
	if err != nil {
		t.Fatal(err)
	}
	if cs.CA() != nil {
		t.Error("an authority stands beside the office's own certificate")
	}
	site := newSite(t, cs)
	served := func() *x509.Certificate {
		state, err := handshake(t, site, own.CA(), "localhost", at.now(), 0)
		if err != nil {
			t.Fatal(err)
		}
		return state.PeerCertificates[0]
	}
	if !served().Equal(first) {
		t.Fatal("another certificate is served")
	}
	// Half of a replacement: the old one stays, and the check tells.
	mustWrite(t, c.TLS.Certificate, "-----BEGIN CERT")
	at.advance(lookAgain)
	if !served().Equal(first) {
		t.Fatal("the old one was dropped")
	}
	if err := cs.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "cert.pem") {
		t.Fatalf("nobody is told: %v", err)
	}
	other := DefaultConfig()
	other.PublicURL = "https://new.office.example"
	if _, err := openCertificates(maker, other, at.now); err != nil {
		t.Fatal(err)
	}
	second := install()
	at.advance(lookAgain)
	if got := served(); !got.Equal(second) || got.Equal(first) {
		t.Fatal("the new one is not served")
	}
	if err := cs.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestDamagedAuthorityIsRefused(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, f *Folder){
		"open key": func(t *testing.T, f *Folder) { chmod(t, filepath.Join(f.TLS(), "ca.key"), 0o644) },
		"no key":   func(t *testing.T, f *Folder) { remove(t, filepath.Join(f.TLS(), "ca.key")) },
		"garbage":  func(t *testing.T, f *Folder) { mustWrite(t, filepath.Join(f.TLS(), "ca.pem"), "garbage") },
		"foreign key": func(t *testing.T, f *Folder) {
			copyFile(t, filepath.Join(f.Keys(), "log.key"), filepath.Join(f.TLS(), "ca.key"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			folder := newTestFolder(t)
			if _, err := OpenSecrets(folder); err != nil {
				t.Fatal(err)
			}
			if _, err := OpenCertificates(folder, DefaultConfig()); err != nil {
				t.Fatal(err)
			}
			damage(t, folder)
			if _, err := OpenCertificates(folder, DefaultConfig()); err == nil {
				t.Fatal("taken")
			}
		})
	}
	// The server's own pair is no treasure: it is made anew.
	folder := newTestFolder(t)
	if _, err := OpenCertificates(folder, DefaultConfig()); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, filepath.Join(folder.TLS(), "server.pem"), "garbage")
	if _, err := OpenCertificates(folder, DefaultConfig()); err != nil {
		t.Fatal(err)
	}
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, to, string(data))
}

func TestCertificateNames(t *testing.T) {
	c := DefaultConfig()
	c.Listen, c.PublicURL = "192.0.2.7:8443", "https://help.office.example"
	names := CertificateNames(c)
	for _, want := range []string{"localhost", "127.0.0.1", "::1", "192.0.2.7", "help.office.example"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is missing in %v", want, names)
		}
	}
	c.Listen = "0.0.0.0:8443"
	if names := CertificateNames(c); slices.Contains(names, "0.0.0.0") || slices.Contains(names, "") {
		t.Errorf("names %v", names)
	}
}

func TestSecrets(t *testing.T) {
	folder := newTestFolder(t)
	s, err := OpenSecrets(folder)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(folder.Keys(), "server.key"))
	if err != nil || len(raw) != 32 {
		t.Fatalf("%d bytes, %v", len(raw), err)
	}
	want, err := hkdf.Key(sha256.New, raw, nil, "consento broker v1 session key", 32)
	if err != nil || !bytes.Equal(s.Derive("session key"), want) {
		t.Fatalf("derived otherwise than documented, %v", err)
	}
	if bytes.Equal(s.Derive("a"), s.Derive("b")) || bytes.Equal(s.Derive("a"), raw) || len(s.Derive("")) != 32 {
		t.Fatal("purposes are not apart")
	}
	public, err := os.ReadFile(filepath.Join(folder.Keys(), "log.pub"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(public)
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil || !s.LogKey().Public().(ed25519.PublicKey).Equal(key) {
		t.Fatalf("log.pub is not the half of log.key, %v", err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(verb, s); got != "server secrets" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
	again, err := OpenSecrets(folder)
	if err != nil || !bytes.Equal(again.Derive("x"), s.Derive("x")) || !again.LogKey().Equal(s.LogKey()) {
		t.Fatalf("other keys after a restart, %v", err)
	}
	other, err := OpenSecrets(newTestFolder(t))
	if err != nil || bytes.Equal(other.Derive("x"), s.Derive("x")) {
		t.Fatalf("two folders have the same key, %v", err)
	}
	for name, damage := range map[string]func(t *testing.T, f *Folder){
		"open server key": func(t *testing.T, f *Folder) { chmod(t, filepath.Join(f.Keys(), "server.key"), 0o640) },
		"open log key":    func(t *testing.T, f *Folder) { chmod(t, filepath.Join(f.Keys(), "log.key"), 0o604) },
		"short key":       func(t *testing.T, f *Folder) { mustWrite(t, filepath.Join(f.Keys(), "server.key"), "short") },
		"huge key": func(t *testing.T, f *Folder) {
			mustWrite(t, filepath.Join(f.Keys(), "server.key"), strings.Repeat("x", 1<<17))
		},
		"garbage log key": func(t *testing.T, f *Folder) { mustWrite(t, filepath.Join(f.Keys(), "log.key"), "garbage") },
		"lost log key":    func(t *testing.T, f *Folder) { remove(t, filepath.Join(f.Keys(), "log.key")) },
		"foreign log.pub": func(t *testing.T, f *Folder) { mustWrite(t, filepath.Join(f.Keys(), "log.pub"), "foreign") },
	} {
		t.Run(name, func(t *testing.T) {
			folder := newTestFolder(t)
			if _, err := OpenSecrets(folder); err != nil {
				t.Fatal(err)
			}
			damage(t, folder)
			if _, err := OpenSecrets(folder); err == nil {
				t.Fatal("taken")
			}
		})
	}
}
