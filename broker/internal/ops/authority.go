package ops

import (
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
	"os"
	"path/filepath"
	"slices"
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
)

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
	if err := WriteFile(keyPath, text); err != nil {
		return err
	}
	return WriteFile(certPath, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
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
		if err := WriteFile(path, text); err != nil {
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
