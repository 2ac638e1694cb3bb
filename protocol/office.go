package protocol

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"
)

// OfficeSectionSize is the size of the section that is reserved inside the
// agent's program for the office that it works for: a marker of 32 bytes, a
// length (4 bytes, big endian), that many bytes of JSON, zeros to the end.
const OfficeSectionSize = 4096

const officeHeader = sha256.Size + 4

// OfficeSectionMarker returns the marker. It is computed, so that no program
// but the agent holds it.
func OfficeSectionMarker() [sha256.Size]byte {
	return sha256.Sum256([]byte("consento office section v1"))
}

// OfficeSection is what an agent trusts: it cannot be changed without breaking
// the office's signature on the program.
type OfficeSection struct {
	V       int      `json:"v"`
	Office  string   `json:"office"`
	Brokers []string `json:"brokers"` // https addresses, the first is the default
	Root    []byte   `json:"root"`    // Ed25519 public key that signs the Manifest
}

// ErrUnprepared says that an agent's section is empty.
var ErrUnprepared = errors.New("the agent is not prepared for an office")

func (o OfficeSection) validate() error {
	if o.V != 1 || o.Office == "" || !lineOK(o.Office, MaxName) || len(o.Root) != ed25519.PublicKeySize ||
		len(o.Brokers) == 0 || len(o.Brokers) > 16 {
		return fmt.Errorf("%w: office section", ErrMalformed)
	}
	for _, b := range o.Brokers {
		if _, err := ParseBrokerURL(b); err != nil {
			return err
		}
	}
	return nil
}

// ParseBrokerURL reads the address of a broker: https, a host, no path.
func ParseBrokerURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || len(s) > 255 || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || (u.Path != "" && u.Path != "/") ||
		u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%w: a broker's address is https://HOST or https://HOST:PORT", ErrMalformed)
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

// ReadOfficeSection reads the section of a running agent. It returns
// ErrUnprepared for an empty one.
func ReadOfficeSection(section []byte) (OfficeSection, error) {
	var o OfficeSection
	marker := OfficeSectionMarker()
	if len(section) != OfficeSectionSize || !bytes.Equal(section[:len(marker)], marker[:]) {
		return o, fmt.Errorf("%w: office section", ErrMalformed)
	}
	n := binary.BigEndian.Uint32(section[len(marker):])
	if n == 0 {
		return o, ErrUnprepared
	}
	if n > OfficeSectionSize-officeHeader {
		return o, fmt.Errorf("%w: office section", ErrMalformed)
	}
	if err := json.Unmarshal(section[officeHeader:officeHeader+n], &o); err != nil {
		return o, fmt.Errorf("%w: office section", ErrMalformed)
	}
	return o, o.validate()
}

// PrepareAgent returns a copy of an agent's program with its section filled.
// It needs no toolchain, and is done before the office signs the program.
func PrepareAgent(program []byte, office OfficeSection) ([]byte, error) {
	if err := office.validate(); err != nil {
		return nil, err
	}
	marker := OfficeSectionMarker()
	at := bytes.Index(program, marker[:])
	if at < 0 || len(program) < at+OfficeSectionSize {
		return nil, fmt.Errorf("%w: this program has no office section", ErrMalformed)
	}
	if bytes.Contains(program[at+1:], marker[:]) {
		return nil, fmt.Errorf("%w: this program has more than one office section", ErrMalformed)
	}
	data, err := json.Marshal(office)
	if err != nil {
		return nil, err
	}
	if len(data) > OfficeSectionSize-officeHeader {
		return nil, fmt.Errorf("%w: the office's name and addresses are too long", ErrMalformed)
	}
	prepared := bytes.Clone(program)
	section := prepared[at+len(marker) : at+OfficeSectionSize]
	clear(section)
	binary.BigEndian.PutUint32(section, uint32(len(data)))
	copy(section[4:], data)
	return prepared, nil
}

// ManifestPath is where a broker serves its signed manifest.
const ManifestPath = "/.well-known/consento-manifest"

// PolicyPath, with the hash of a signed recipient policy in hexadecimal behind it,
// is where a broker serves that one.
const PolicyPath = "/.well-known/consento-policy/"

// MaxManifest bounds a signed manifest, in bytes.
const MaxManifest = 16 << 10

// Manifest says which keys the office uses now. Its signature by the office's
// root key lets keys change without a new agent.
type Manifest struct {
	V       int       `json:"v"`
	Issued  time.Time `json:"issued"`
	Expires time.Time `json:"expires"`
	TLS     [][]byte  `json:"tls"` // SHA-256 of the public keys (SPKI, RFC 7469) of which one is in the broker's chain
	Log     [][]byte  `json:"log"` // Ed25519 public keys that sign the broker's log
	// Auditors is the Ed25519 public key that signs who may read recordings. An
	// agent that finds it here asks nothing in a session whose policy it did not sign.
	Auditors []byte `json:"auditors,omitempty"`
}

type signedManifest struct {
	Manifest  []byte `json:"manifest"`
	Signature []byte `json:"signature"`
}

// manifestDomain keeps signatures of manifests apart from all others.
const manifestDomain = "consento manifest v1\x00"

// ErrUntrusted says that what a broker shows is not signed by the office.
var ErrUntrusted = errors.New("not signed by the office")

// ErrExpired is the ErrUntrusted of a manifest that the office signed, but for
// another time: it is too old, or this computer's clock is wrong.
var ErrExpired = fmt.Errorf("%w for this time", ErrUntrusted)

// SignManifest makes what ManifestPath serves.
func SignManifest(root ed25519.PrivateKey, m Manifest) ([]byte, error) {
	m.V = 1
	data, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	return json.Marshal(signedManifest{Manifest: data, Signature: ed25519.Sign(root, append([]byte(manifestDomain), data...))})
}

// OpenManifest checks signature and time. It returns ErrUntrusted for anything
// that the root key did not sign for now, of its kind ErrExpired where only the
// time is wrong.
func OpenManifest(data []byte, root ed25519.PublicKey, now time.Time) (Manifest, error) {
	var signed signedManifest
	var m Manifest
	if len(data) > MaxManifest || len(root) != ed25519.PublicKeySize || json.Unmarshal(data, &signed) != nil {
		return m, fmt.Errorf("%w: manifest", ErrMalformed)
	}
	if !ed25519.Verify(root, append([]byte(manifestDomain), signed.Manifest...), signed.Signature) {
		return m, ErrUntrusted
	}
	if err := json.Unmarshal(signed.Manifest, &m); err != nil || m.V != 1 {
		return m, fmt.Errorf("%w: manifest", ErrMalformed)
	}
	if now.After(m.Expires) {
		return m, ErrExpired
	}
	return m, nil
}
