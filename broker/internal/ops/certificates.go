package ops

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"sync"
	"time"
)

// lookAgain is how long certificate files are taken as unchanged.
const lookAgain = 10 * time.Second

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
