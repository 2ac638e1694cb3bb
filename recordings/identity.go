package recordings

import (
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

const (
	identityPrefix  = "CONSENTO-IDENTITY-1"
	recipientPrefix = "consento-recipient-1"

	kemP256   = 0x0010 // DHKEM(P-256, HKDF-SHA256), RFC 9180 section 7.1
	kemHybrid = 0x0050 // MLKEM768-P256, draft-ietf-hpke-pq

	maxKeyText = 2048 // characters behind the prefix
)

// kem is one kind of key.
type kem struct {
	hpke.KEM
	enc int // length of its encapsulated key, bytes
}

var kems = map[int]kem{
	kemP256:   {hpke.DHKEM(ecdh.P256()), 65},
	kemHybrid: {hpke.MLKEM768P256(), 1088 + 65},
}

// Identity is an auditor's private key: it opens the recordings that were made
// for its [Recipient]. The zero value opens nothing.
type Identity struct{ key hpke.PrivateKey }

// Recipient is an auditor's public key: recordings are made readable for it.
type Recipient struct{ key hpke.PublicKey }

// NewIdentity makes a key pair for HPKE over P-256, which browsers have too.
func NewIdentity() (Identity, error) { return newIdentity(kemP256) }

// NewHybridIdentity makes a key pair for HPKE over ML-KEM-768 and P-256 together,
// which holds against quantum computers as well: for keys that lie long (escrow)
// and for who reads with the stand-alone program. Browsers open with it only where
// recordings are wrapped anew.
func NewHybridIdentity() (Identity, error) { return newIdentity(kemHybrid) }

func newIdentity(kem int) (Identity, error) {
	k, err := kems[kem].GenerateKey()
	if err != nil {
		return Identity{}, fmt.Errorf("make a key: %w", err)
	}
	return Identity{k}, nil
}

// Recipient returns the public half.
func (i Identity) Recipient() Recipient {
	if i.key == nil {
		return Recipient{}
	}
	return Recipient{i.key.PublicKey()}
}

// Secret returns the text form with the private key in it. It is a method of
// its own, and String hides the key, so that it does not slip into a log.
func (i Identity) Secret() (string, error) {
	if i.key == nil {
		return "", fmt.Errorf("%w: empty identity", ErrMalformed)
	}
	b, err := i.key.Bytes()
	if err != nil {
		return "", err
	}
	return identityPrefix + keyText(identityPrefix, int(i.key.KEM().ID()), b), nil
}

// String names the public half only.
func (i Identity) String() string { return "identity of " + i.Recipient().String() }

// GoString hides the key from %#v.
func (i Identity) GoString() string { return i.String() }

// String returns the text form, which [ParseRecipient] reads.
func (r Recipient) String() string {
	if r.key == nil {
		return "nobody"
	}
	return recipientPrefix + strings.ToLower(keyText(recipientPrefix, r.kem(), r.key.Bytes()))
}

// Browser tells whether a browser can open what is made for this key.
func (r Recipient) Browser() bool { return r.kem() == kemP256 }

func (r Recipient) kem() int {
	if r.key == nil {
		return 0
	}
	return int(r.key.KEM().ID())
}

func (r Recipient) same(o Recipient) bool { return r.String() == o.String() }

// ID is the short name of the key in key bags: the first 8 bytes of SHA-256
// over the public key, in hexadecimal.
func (r Recipient) ID() string {
	if r.key == nil {
		return ""
	}
	h := sha256.Sum256(r.key.Bytes())
	return hex.EncodeToString(h[:8])
}

// ParseIdentity reads the text form. Exactly one spelling is accepted.
func ParseIdentity(s string) (Identity, error) {
	kem, b, err := parseKeyText(identityPrefix, s)
	if err != nil {
		return Identity{}, err
	}
	k, err := kems[kem].NewPrivateKey(b)
	if err != nil {
		return Identity{}, fmt.Errorf("%w: not a private key", ErrMalformed)
	}
	return Identity{k}, nil
}

// ParseRecipient reads the text form. Exactly one spelling is accepted.
func ParseRecipient(s string) (Recipient, error) {
	if s != strings.ToLower(s) {
		return Recipient{}, fmt.Errorf("%w: a recipient is written in small letters", ErrMalformed)
	}
	rest, ok := strings.CutPrefix(s, recipientPrefix)
	if !ok {
		return Recipient{}, fmt.Errorf("%w: a recipient begins with %s", ErrMalformed, recipientPrefix)
	}
	kem, b, err := parseKeyText(recipientPrefix, recipientPrefix+strings.ToUpper(rest))
	if err != nil {
		return Recipient{}, err
	}
	k, err := kems[kem].NewPublicKey(b)
	if err != nil {
		return Recipient{}, fmt.Errorf("%w: not a public key", ErrMalformed)
	}
	return Recipient{k}, nil
}

var keyBase32 = base32.StdEncoding.WithPadding(base32.NoPadding)

// keyText is base32 of KEM id, key, and 4 bytes of SHA-256 over prefix, id and key.
func keyText(prefix string, kem int, key []byte) string {
	b := append(binary.BigEndian.AppendUint16(nil, uint16(kem)), key...)
	sum := sha256.Sum256(append([]byte(prefix), b...))
	return keyBase32.EncodeToString(append(b, sum[:4]...))
}

func parseKeyText(prefix, s string) (kem int, key []byte, err error) {
	rest, ok := strings.CutPrefix(s, prefix)
	if !ok || len(rest) > maxKeyText {
		return 0, nil, fmt.Errorf("%w: a key begins with %s", ErrMalformed, prefix)
	}
	b, err := keyBase32.DecodeString(rest)
	if err != nil || len(b) < 2+4+1 {
		return 0, nil, fmt.Errorf("%w: the key is cut or has a wrong character", ErrMalformed)
	}
	kem = int(binary.BigEndian.Uint16(b))
	if _, ok := kems[kem]; !ok {
		return 0, nil, fmt.Errorf("%w: keys of type %#04x are unknown", ErrMalformed, kem)
	}
	key = b[2 : len(b)-4]
	if keyText(prefix, kem, key) != rest {
		return 0, nil, fmt.Errorf("%w: the key was mistyped (its check digits are wrong)", ErrMalformed)
	}
	return kem, key, nil
}
