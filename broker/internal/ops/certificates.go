package ops

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

const (
	authorityYears = 10
	// serverDays keeps within what browsers take from an authority that its user has
	// added (Apple: 825 days) and what they took from public ones until 2026 (398).
	serverDays = 397
	renewDays  = 30
	// backdate forgives clients whose clock is a little slow.
	backdate = time.Hour
	// lookAgain is how long certificate files are taken as unchanged.
	lookAgain = 10 * time.Second
)

// Certificates answers TLS handshakes, either from the broker's own authority or
// from the office's certificate files, and follows renewal and changed files
// without a restart. Safe for concurrent use.
type Certificates struct {
	source   func(now time.Time) (*tls.Certificate, error)
	now      func() time.Time
	ca       []byte
	mu       sync.Mutex
	current  *tls.Certificate
	lookedAt time.Time
	failed   error // why current could not be replaced when it should have been
}

// OpenCertificates prepares the certificates that c asks for. With an own
// authority, tls/ca.pem and tls/ca.key are made on the first run, and
// tls/server.pem (chain and key) whenever the names of CertificateNames(c) change
// or less than 30 days are left.
func OpenCertificates(folder *Folder, c Config) (*Certificates, error) {
	return openCertificates(folder, c, time.Now)
}

func openCertificates(folder *Folder, c Config, now func() time.Time) (*Certificates, error) {
	cs := &Certificates{now: now}
	if c.TLS.Certificate != "" {
		files := &certificateFiles{certificate: c.TLS.Certificate, key: c.TLS.Key}
		cs.source = files.load
	} else {
		own := &ownAuthority{folder: folder, names: CertificateNames(c)}
		if err := folder.once(func() error { return own.open(now()) }); err != nil {
			return nil, fmt.Errorf("certificate authority: %w", plain(err))
		}
		cs.source = own.load
		cs.ca = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: own.certificate.Raw})
	}
	if _, err := cs.get(nil); err != nil {
		return nil, fmt.Errorf("certificate: %w", plain(err))
	}
	return cs, nil
}

// CA returns the certificate of the broker's own authority as PEM, for people and
// programs to trust, or nil when the office brought its own certificate.
func (cs *Certificates) CA() []byte { return slices.Clone(cs.ca) }

// TLSConfig returns a server configuration for HTTP/2 and HTTP/1.1.
func (cs *Certificates) TLSConfig() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: cs.get,
	}
}

// Check says what is wrong with the certificate: a replacement that cannot be
// read or made, or one that has run out.
func (cs *Certificates) Check(context.Context) error {
	cert, err := cs.get(nil)
	if err != nil {
		return err
	}
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if now := cs.now(); now.After(cert.Leaf.NotAfter) {
		return fmt.Errorf("the certificate ran out on %s", cert.Leaf.NotAfter.Format(time.DateOnly))
	}
	return cs.failed
}

func (cs *Certificates) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	now := cs.now()
	if since := now.Sub(cs.lookedAt); cs.current != nil && since >= 0 && since < lookAgain {
		return cs.current, nil
	}
	cs.lookedAt = now
	fresh, err := cs.source(now)
	cs.failed = err
	if err == nil {
		cs.current = fresh
	}
	if cs.current == nil {
		return nil, err
	}
	return cs.current, nil // a half-written replacement must not take the service down: Check tells
}

// certificateFiles are the office's own.
type certificateFiles struct {
	certificate, key string
	stamps           [2]fileStamp
	loaded           *tls.Certificate
}

type fileStamp struct {
	modified time.Time
	size     int64
}

func (f *certificateFiles) load(time.Time) (*tls.Certificate, error) {
	var stamps [2]fileStamp
	for i, path := range []string{f.certificate, f.key} {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		stamps[i] = fileStamp{info.ModTime(), info.Size()}
	}
	if f.loaded != nil && stamps == f.stamps {
		return f.loaded, nil
	}
	cert, err := tls.LoadX509KeyPair(f.certificate, f.key)
	if err != nil {
		return nil, fmt.Errorf("%s, %s: %w", f.certificate, f.key, err)
	}
	f.loaded, f.stamps = &cert, stamps
	return f.loaded, nil
}

// ownAuthority makes the server's certificates.
type ownAuthority struct {
	folder      *Folder
	names       []string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	loaded      *tls.Certificate
}

// open reads the authority or makes it. The caller holds the set-up lock.
func (a *ownAuthority) open(now time.Time) error {
	certPath, keyPath := filepath.Join(a.folder.TLS(), "ca.pem"), filepath.Join(a.folder.TLS(), "ca.key")
	text, err := os.ReadFile(certPath)
	if errors.Is(err, fs.ErrNotExist) {
		return a.create(now, certPath, keyPath)
	}
	if err != nil {
		return err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return errors.New("ca.pem holds no PEM block")
	}
	if a.certificate, err = x509.ParseCertificate(block.Bytes); err != nil {
		return fmt.Errorf("ca.pem: %w", err)
	}
	if text, err = readSecret(keyPath, 1<<16); err != nil {
		return err
	}
	key, err := parsePrivateKey(text)
	if err != nil {
		return fmt.Errorf("ca.key: %w", err)
	}
	var ok bool
	if a.key, ok = key.(*ecdsa.PrivateKey); !ok || !a.key.PublicKey.Equal(a.certificate.PublicKey) {
		return errors.New("ca.key is not the key of ca.pem: restore both from the backup")
	}
	return nil
}

func (a *ownAuthority) create(now time.Time, certPath, keyPath string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{Organization: []string{"Consento"}, CommonName: "Consento authority of " + host},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.AddDate(authorityYears, 0, 0),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	if a.certificate, err = x509.ParseCertificate(der); err != nil {
		return err
	}
	a.key = key
	text, err := encodePrivateKey(key)
	if err != nil {
		return err
	}
	// The key first: an authority without its key could never sign, and would be
	// taken for a damaged folder.
	if err := writeFile(keyPath, text); err != nil {
		return err
	}
	return writeFile(certPath, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// load returns the server's certificate, a new one if it is time.
func (a *ownAuthority) load(now time.Time) (*tls.Certificate, error) {
	if a.loaded != nil && a.fits(a.loaded, now) {
		return a.loaded, nil
	}
	path := filepath.Join(a.folder.TLS(), "server.pem")
	err := a.folder.once(func() error {
		text, err := readSecret(path, 1<<16)
		if err == nil {
			// What does not parse is replaced: nothing depends on this very key.
			if cert, err := tls.X509KeyPair(text, text); err == nil && a.fits(&cert, now) {
				a.loaded = &cert
				return nil
			}
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if text, err = a.issue(now); err != nil {
			return err
		}
		cert, err := tls.X509KeyPair(text, text)
		if err != nil {
			return err
		}
		if err := writeFile(path, text); err != nil {
			return err
		}
		a.loaded = &cert
		return nil
	})
	if err != nil {
		return nil, err
	}
	return a.loaded, nil
}

func (a *ownAuthority) fits(cert *tls.Certificate, now time.Time) bool {
	leaf := cert.Leaf
	return leaf.CheckSignatureFrom(a.certificate) == nil && slices.Equal(namesOf(leaf), a.names) &&
		now.Before(leaf.NotAfter.AddDate(0, 0, -renewDays)) && !now.Before(leaf.NotBefore)
}

func (a *ownAuthority) issue(now time.Time) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{Organization: []string{"Consento"}, CommonName: a.names[0]},
		NotBefore:    now.Add(-backdate),
		NotAfter:     now.AddDate(0, 0, serverDays),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if template.NotAfter.After(a.certificate.NotAfter) {
		template.NotAfter = a.certificate.NotAfter
	}
	for _, name := range a.names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		return nil, err
	}
	text, err := encodePrivateKey(key)
	if err != nil {
		return nil, err
	}
	chain := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})...)
	return append(chain, text...), nil
}

// serial returns a random positive number of 127 bits (RFC 5280, 4.1.2.2).
func serial() *big.Int {
	b := randomBytes(16)
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b)
}

// CertificateNames lists the names and addresses under which the broker of c is
// reached: localhost, 127.0.0.1, ::1, the machine's name, and the hosts of
// public_url and listen. DNS names first, each sorted.
func CertificateNames(c Config) []string {
	candidates := []string{"localhost", "127.0.0.1", "::1"}
	if host, err := os.Hostname(); err == nil {
		candidates = append(candidates, host)
	}
	if u, err := url.Parse(c.PublicURL); err == nil {
		candidates = append(candidates, u.Hostname())
	}
	if host, _, err := splitListen(c.Listen); err == nil {
		candidates = append(candidates, host)
	}
	var names, addresses []string
	for _, s := range candidates {
		if ip, err := netip.ParseAddr(s); err == nil {
			if !ip.IsUnspecified() {
				addresses = append(addresses, ip.Unmap().WithZone("").String())
			}
		} else if ascii, err := CleanHost(s); err == nil {
			names = append(names, ascii)
		}
	}
	slices.Sort(names)
	slices.Sort(addresses)
	return append(slices.Compact(names), slices.Compact(addresses)...)
}

// namesOf lists the names of a certificate in the order of CertificateNames.
func namesOf(leaf *x509.Certificate) []string {
	names := slices.Sorted(slices.Values(leaf.DNSNames))
	var addresses []string
	for _, ip := range leaf.IPAddresses {
		addresses = append(addresses, ip.String())
	}
	slices.Sort(addresses)
	return append(names, addresses...)
}
