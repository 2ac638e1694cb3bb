// Package stamptest runs a real timestamp authority for tests: openssl ts behind
// an HTTP server, with a certificate of its own.
package stamptest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Authority stamps whatever it is asked to, until it is told to behave otherwise.
type Authority struct {
	URL string
	CA  []byte // PEM of the certificate that issued its own

	dir  string
	t    testing.TB
	mu   sync.Mutex // one openssl at a time: they share the file of serial numbers
	play http.Handler
}

const settings = `[tsa]
default_tsa = one
[one]
serial = %[1]s/serial
signer_cert = %[1]s/tsa.pem
certs = %[1]s/ca.pem
signer_key = %[1]s/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = %[2]s
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
`

// New starts one; it ends with the test. digests are the hashes that it takes, of
// openssl's names; none: SHA-256 and SHA-384.
func New(t testing.TB, digests ...string) *Authority {
	t.Helper()
	a := &Authority{t: t, dir: t.TempDir()}
	taken := "sha256, sha384"
	for i, d := range digests {
		if taken = taken + ", " + d; i == 0 {
			taken = d
		}
	}
	a.write("tsa.cnf", fmt.Appendf(nil, settings, a.dir, taken))
	a.certificates()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		play := a.play
		a.mu.Unlock()
		if play == nil {
			play = http.HandlerFunc(a.Answer)
		}
		play.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	a.URL = server.URL + "/tsa"
	return a
}

// Play lets it answer in another way; nil: honestly again.
func (a *Authority) Play(h http.HandlerFunc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.play = nil
	if h != nil {
		a.play = h
	}
}

// Roots are what its tokens are checked with.
func (a *Authority) Roots() *x509.CertPool {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(a.CA)
	return roots
}

// Answer is the honest handler.
func (a *Authority) Answer(w http.ResponseWriter, r *http.Request) {
	query, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	if err != nil {
		return // who asked is gone
	}
	w.Header().Set("Content-Type", "application/timestamp-reply")
	_, _ = w.Write(a.Reply(query)) // as above
}

// Reply is its answer to a query, both in DER.
func (a *Authority) Reply(query []byte) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.write("query", query)
	return a.openssl("ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query")
}

// Token stamps a message, without HTTP.
func (a *Authority) Token(message []byte) []byte {
	a.t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.write("message", message)
	a.write("query", a.openssl("ts", "-query", "-data", "message", "-sha256", "-cert"))
	return a.openssl("ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query", "-token_out")
}

func (a *Authority) openssl(args ...string) []byte {
	cmd := exec.Command("openssl", args...)
	cmd.Dir = a.dir
	out, err := cmd.Output()
	if err != nil {
		a.t.Errorf("openssl %v: %v", args, err)
	}
	return out
}

func (a *Authority) write(name string, b []byte) {
	if err := os.WriteFile(filepath.Join(a.dir, name), b, 0o600); err != nil {
		a.t.Error(err)
	}
}

// certificates makes an issuer, and a certificate for timestamps alone (RFC 3161
// section 2.3).
func (a *Authority) certificates() {
	a.t.Helper()
	now := time.Now()
	issuerKey, key := a.key(), a.key()
	issuer := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test Clock Root"}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	usage, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}}) // id-kp-timeStamping
	if err != nil {
		a.t.Fatal(err)
	}
	own := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Test Clock"}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: usage}}}
	a.CA = a.issue("ca.pem", issuer, issuer, issuerKey, issuerKey)
	a.issue("tsa.pem", own, issuer, key, issuerKey)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write("tsa.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func (a *Authority) key() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	return key
}

func (a *Authority) issue(name string, c, issuer *x509.Certificate, key, issuerKey *ecdsa.PrivateKey) []byte {
	der, err := x509.CreateCertificate(rand.Reader, c, issuer, &key.PublicKey, issuerKey)
	if err != nil {
		a.t.Fatal(err)
	}
	b := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	a.write(name, b)
	return b
}
