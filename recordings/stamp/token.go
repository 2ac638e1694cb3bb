// Package stamp is the outside clock of the global log: RFC 3161 timestamps over
// its checkpoints, by a timestamp authority that neither the broker nor its
// administrator runs.
//
// It promises:
//   - [Verify] says yes only to a token over this very message, signed by a
//     certificate that is for timestamps alone and leads to one of those given.
//   - What an authority answers is refused unless it is all of that, over the nonce
//     of the request, and at the time of this machine ([Client.Stamp]).
//   - Tokens are hostile until checked: at most [MaxToken] bytes, and no input
//     crashes it.
//
// It does not promise that the authority's clock was right, nor that its certificate
// was not revoked: nothing is asked over the network to check a token.
package stamp

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/notaryproject/tspclient-go"

	"consento/recordings/translog"
)

// MaxToken is the length of the longest token, in bytes; real ones have 2 to 10 kB.
const MaxToken = 64 << 10

// maxAccuracy is how vague an authority's clock may be.
const maxAccuracy = time.Hour

// Errors about a token.
var (
	ErrToken     = errors.New("not an RFC 3161 timestamp token")
	ErrOther     = errors.New("the token is over something else")
	ErrSignature = errors.New("the token's signature is wrong")
	ErrUnknown   = errors.New("the token is by no authority of the certificates given")
)

// Stamp is what a token says.
type Stamp struct {
	Time     time.Time     // UTC
	Accuracy time.Duration // Time is right within it
	By       string        // subject of the signing certificate; "" before Verify
}

// Until is the moment before which the message existed.
func (s Stamp) Until() time.Time { return s.Time.Add(s.Accuracy) }

// Read reads a token over message; whose word it is, Verify alone tells.
//
// Errors: [ErrToken], [ErrOther].
func Read(token, message []byte) (Stamp, error) {
	_, s, err := read(token, message)
	return s, err
}

func read(token, message []byte) (*tspclient.SignedToken, Stamp, error) {
	if len(token) > MaxToken {
		return nil, Stamp{}, fmt.Errorf("%w: longer than %d bytes", ErrToken, MaxToken)
	}
	t, err := tspclient.ParseSignedToken(token)
	if err != nil {
		return nil, Stamp{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	info, err := t.Info()
	if err != nil {
		return nil, Stamp{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	within, err := accuracy(info.Accuracy)
	if err == nil && (info.Version != 1 || info.GenTime.IsZero() || info.GenTime.Location() != time.UTC) {
		err = errors.New("version or time")
	}
	if err != nil {
		return nil, Stamp{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	// The library hashes with what the token names: SHA-256, SHA-384 or SHA-512.
	if _, err := info.Validate(message); err != nil {
		return nil, Stamp{}, fmt.Errorf("%w: %w", ErrOther, err)
	}
	return t, Stamp{Time: info.GenTime, Accuracy: within}, nil
}

// accuracy adds the parts up, which are hostile numbers.
func accuracy(a tspclient.Accuracy) (time.Duration, error) {
	if a.Seconds < 0 || a.Seconds > int(maxAccuracy/time.Second) || a.Milliseconds < 0 || a.Milliseconds > 999 || a.Microseconds < 0 || a.Microseconds > 999 {
		return 0, errors.New("accuracy is out of range")
	}
	return time.Duration(a.Seconds)*time.Second + time.Duration(a.Milliseconds)*time.Millisecond + time.Duration(a.Microseconds)*time.Microsecond, nil
}

// Verify checks a token over message by an authority whose certificate, or that of
// who issued it, is among roots. Certificates are looked at as of the token's time,
// so that it stays good when they run out.
//
// Errors: [ErrToken], [ErrOther], [ErrUnknown], [ErrSignature].
func Verify(token, message []byte, roots *x509.CertPool) (Stamp, error) {
	t, s, err := read(token, message)
	if err != nil {
		return s, err
	}
	if roots == nil {
		return s, ErrUnknown
	}
	chain, err := t.Verify(context.Background(), x509.VerifyOptions{Roots: roots, CurrentTime: s.Time})
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &unknown):
		return s, fmt.Errorf("%w: %w", ErrUnknown, err)
	case err != nil:
		return s, fmt.Errorf("%w: %w", ErrSignature, err)
	case len(chain) == 0:
		return s, ErrSignature
	}
	s.By = chain[0].Subject.String()
	return s, nil
}

// ErrCertificate: a file holds no certificate that can be used here.
var ErrCertificate = errors.New("no certificate in PEM")

// AddCertificates adds all certificates of a PEM file to those that are trusted.
func AddCertificates(roots *x509.CertPool, b []byte) error {
	found := false
	for {
		block, rest := pem.Decode(b)
		if block == nil {
			break
		}
		b = rest
		if block.Type != "CERTIFICATE" {
			return fmt.Errorf("%w: %.40q", ErrCertificate, block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrCertificate, err)
		}
		roots.AddCert(c)
		found = true
	}
	if !found {
		return ErrCertificate
	}
	return nil
}

// ReadCertificates reads timestamp.pem and timestamp-*.pem of a folder of keys; nil
// when there are none.
func ReadCertificates(fsys fs.FS) (*x509.CertPool, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, err
	}
	var roots *x509.CertPool
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".pem"); !ok || name != "timestamp" && !strings.HasPrefix(name, "timestamp-") {
			continue
		}
		b, err := translog.ReadFile(fsys, e.Name())
		if roots == nil {
			roots = x509.NewCertPool()
		}
		if err == nil {
			err = AddCertificates(roots, b)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name(), err)
		}
	}
	return roots, nil
}

// hashes are what a message may be stamped under, by their names in configurations.
var hashes = map[string]crypto.Hash{"sha256": crypto.SHA256, "sha384": crypto.SHA384}

// HashNamed is the hash of a name: sha256 or sha384.
func HashNamed(name string) (crypto.Hash, bool) {
	h, ok := hashes[name]
	return h, ok
}
