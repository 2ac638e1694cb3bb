package translog

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Keys are the public keys that somebody trusts.
type Keys struct {
	Log     []ed25519.PublicKey // of the log, old ones too
	Witness []NamedKey
	Quorum  int // cosignatures by different witnesses that a checkpoint needs; 0 is 1
}

// NamedKey is a public key with a name for people.
type NamedKey struct {
	Name string
	Key  ed25519.PublicKey
}

// EmbeddedWitness is the name of the witness that runs inside a broker: it proves
// nothing against whoever runs that machine, and every verdict says so.
const EmbeddedWitness = "embedded"

// ErrKeys: a file holds no public key that can be used here.
var ErrKeys = errors.New("no Ed25519 public key in PEM")

const maxKeyFile = 64 << 10

// ReadKeys reads log.pub, log-*.pub and witness-*.pub of a folder (PEM, PKIX,
// Ed25519); other files are none of its business. A folder without them gives
// empty Keys.
func ReadKeys(fsys fs.FS) (Keys, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return Keys{}, err
	}
	k := Keys{Quorum: 1}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".pub")
		witness, isWitness := strings.CutPrefix(name, "witness-")
		if !ok || !isWitness && name != "log" && !strings.HasPrefix(name, "log-") {
			continue
		}
		b, err := readLimited(fsys, e.Name(), maxKeyFile)
		if err != nil {
			return Keys{}, err
		}
		keys, err := ParseKeys(b)
		if err != nil {
			return Keys{}, fmt.Errorf("%s: %w", e.Name(), err)
		}
		for _, key := range keys {
			if isWitness {
				k.Witness = append(k.Witness, NamedKey{witness, key})
			} else {
				k.Log = append(k.Log, key)
			}
		}
	}
	return k, nil
}

// ParseKeys reads one or more PEM blocks PUBLIC KEY (RFC 8410), all Ed25519.
func ParseKeys(b []byte) ([]ed25519.PublicKey, error) {
	var keys []ed25519.PublicKey
	for {
		block, rest := pem.Decode(b)
		if block == nil {
			break
		}
		b = rest
		k, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrKeys, err)
		}
		e, ok := k.(ed25519.PublicKey)
		if !ok || block.Type != "PUBLIC KEY" {
			return nil, fmt.Errorf("%w: %s, %T", ErrKeys, block.Type, k)
		}
		if !slices.ContainsFunc(keys, func(have ed25519.PublicKey) bool { return have.Equal(e) }) {
			keys = append(keys, e)
		}
	}
	if len(keys) == 0 {
		return nil, ErrKeys
	}
	return keys, nil
}

// MarshalKey writes a public key as PEM.
func MarshalKey(k ed25519.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(k)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), err
}

// rotationMessage is what the old key signs.
func rotationMessage(origin, what string, next Hash) []byte {
	return []byte("consento-rotation/v1\n" + origin + "\n" + what + "\n" + next.String() + "\n")
}

// NewRotation makes the leaf that hands over from the key old to next. It is added
// while old still signs the log.
func NewRotation(origin, what string, old ed25519.PrivateKey, next ed25519.PublicKey) Rotation {
	r := Rotation{What: what, Key: Hash(next)}
	r.Signature = Signature(ed25519.Sign(old, rotationMessage(origin, what, r.Key)))
	return r
}

// By says whether old signed the rotation.
func (r Rotation) By(origin string, old ed25519.PublicKey) bool {
	return ed25519.Verify(old, rotationMessage(origin, r.What, r.Key), r.Signature[:])
}
