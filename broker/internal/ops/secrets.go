package ops

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	serverKeyBytes = 32
	derivePrefix   = "consento broker v1 "
)

// Secrets are the keys of this broker, made on its first run.
type Secrets struct {
	server [serverKeyBytes]byte
	log    ed25519.PrivateKey
	own    ed25519.PrivateKey // of the witness inside the broker
}

// OpenSecrets reads keys/server.key (32 random bytes), keys/log.key and
// keys/witness-embedded.key (Ed25519, PEM PKCS #8), and .pub of both (PEM PKIX), or
// makes those that are missing. A
// key that others can read is refused.
func OpenSecrets(folder *Folder) (*Secrets, error) {
	s := &Secrets{}
	err := folder.once(func() error {
		server, err := keep(filepath.Join(folder.Keys(), "server.key"), func() ([]byte, error) {
			return randomBytes(serverKeyBytes), nil
		})
		if err != nil {
			return err
		}
		if len(server) != serverKeyBytes {
			return fmt.Errorf("server.key has %d bytes instead of %d: restore it from the backup", len(server), serverKeyBytes)
		}
		copy(s.server[:], server)
		if s.log, err = signingKey(folder, "log"); err != nil {
			return err
		}
		s.own, err = signingKey(folder, ownWitness)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("server secrets: %w", plain(err))
	}
	return s, nil
}

// Derive returns 32 bytes that depend on the server's key and on purpose alone
// (HKDF-SHA256, RFC 5869). Two purposes give unrelated keys.
func (s *Secrets) Derive(purpose string) []byte {
	key, err := hkdf.Key(sha256.New, s.server[:], nil, derivePrefix+purpose, sha256.Size)
	if err != nil {
		panic(err) // only for more than 255 blocks, and this is one
	}
	return key
}

// String keeps the keys out of logs and messages.
func (s *Secrets) String() string { return "server secrets" }

// GoString does the same for %#v.
func (s *Secrets) GoString() string { return s.String() }

// LogKey signs what the broker says about recordings after a crash.
func (s *Secrets) LogKey() ed25519.PrivateKey { return s.log }

// OwnWitnessKey signs log and recordings where no other witness does; its public
// half is keys/witness-embedded.pub.
func (s *Secrets) OwnWitnessKey() ed25519.PrivateKey { return s.own }

const ownWitness = "witness-" + embeddedWitness

// signingKey reads or makes NAME.key, and NAME.pub for others. The caller holds the
// folder's set-up lock.
func signingKey(folder *Folder, name string) (ed25519.PrivateKey, error) {
	text, err := keep(filepath.Join(folder.Keys(), name+".key"), newSigningKey)
	if err != nil {
		return nil, err
	}
	parsed, err := parsePrivateKey(text)
	if err != nil {
		return nil, fmt.Errorf("%s.key: %w", name, err)
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s.key is not an Ed25519 key", name)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	return key, publish(filepath.Join(folder.Keys(), name+".pub"), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))
}

func newSigningKey() ([]byte, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return encodePrivateKey(key)
}

// keep returns the secret at path, which it makes when there is none. The caller
// holds the folder's set-up lock.
func keep(path string, create func() ([]byte, error)) ([]byte, error) {
	data, err := readSecret(path, 1<<16)
	if !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	if data, err = create(); err != nil {
		return nil, err
	}
	return data, WriteFile(path, data)
}

// publish writes the public half of a key, and refuses to replace another one:
// whoever was given that one could no longer check anything.
func publish(path string, text []byte) error {
	old, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return WriteFile(path, text)
	case err == nil && !bytes.Equal(old, text):
		return fmt.Errorf("%s does not belong to the key beside it: restore both from the backup", path)
	default:
		return err
	}
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails since Go 1.24
	return b
}

func encodePrivateKey(key any) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func parsePrivateKey(text []byte) (any, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, errors.New("holds no PEM block PRIVATE KEY")
	}
	return x509.ParsePKCS8PrivateKey(block.Bytes)
}
