package ops

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"consento/protocol"
)

// manifestLife is how long a signed manifest is good for. It is signed anew at
// every start while the root key is there.
const manifestLife = 400 * 24 * time.Hour

// Trust is the root of what the office's agents believe: an Ed25519 key that
// signs the manifest of TLS and log keys. The private half is needed only to
// sign, so that it can be kept off this machine.
type Trust struct {
	folder *Folder
	public ed25519.PublicKey
	root   ed25519.PrivateKey // nil when it was taken off this machine
}

// OpenTrust reads keys/root.key (PEM PKCS #8) and keys/root.pub (PEM PKIX), and
// makes both when there is neither. A missing root.key beside a root.pub is what
// an office wants that keeps it elsewhere.
func OpenTrust(folder *Folder) (*Trust, error) {
	t := &Trust{folder: folder}
	err := folder.once(func() error {
		keyPath, pubPath := filepath.Join(folder.Keys(), "root.key"), filepath.Join(folder.Keys(), "root.pub")
		pub, err := os.ReadFile(pubPath)
		if errors.Is(err, fs.ErrNotExist) {
			return t.create(keyPath, pubPath)
		}
		if err != nil {
			return err
		}
		block, _ := pem.Decode(pub)
		if block == nil || block.Type != "PUBLIC KEY" {
			return errors.New("root.pub holds no PEM block PUBLIC KEY")
		}
		public, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return fmt.Errorf("root.pub: %w", err)
		}
		var ok bool
		if t.public, ok = public.(ed25519.PublicKey); !ok {
			return errors.New("root.pub is not an Ed25519 key")
		}
		text, err := readSecret(keyPath, 1<<16)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		key, err := parsePrivateKey(text)
		if err != nil {
			return fmt.Errorf("root.key: %w", err)
		}
		root, isEd25519 := key.(ed25519.PrivateKey)
		if !isEd25519 || !bytes.Equal(root.Public().(ed25519.PublicKey), t.public) {
			return errors.New("root.key does not belong to root.pub")
		}
		t.root = root
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("office root key: %w", plain(err))
	}
	return t, nil
}

// create makes what is missing. A root.key that is there is never replaced: the
// office's agents in the field trust no other.
func (t *Trust) create(keyPath, pubPath string) error {
	text, err := readSecret(keyPath, 1<<16)
	made := errors.Is(err, fs.ErrNotExist)
	if made {
		text, err = newSigningKey()
	}
	if err != nil {
		return err
	}
	key, err := parsePrivateKey(text)
	if err != nil {
		return fmt.Errorf("root.key: %w", err)
	}
	root, ok := key.(ed25519.PrivateKey)
	if !ok {
		return errors.New("root.key is not an Ed25519 key")
	}
	t.root = root
	t.public = t.root.Public().(ed25519.PublicKey)
	der, err := x509.MarshalPKIXPublicKey(t.public)
	if err != nil {
		return err
	}
	if made {
		if err := WriteFile(keyPath, text); err != nil {
			return err
		}
	}
	return publish(pubPath, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// Root is the public key that goes into the office's agents.
func (t *Trust) Root() ed25519.PublicKey { return t.public }

// Manifest returns the signed manifest for the certificates now in use: a new
// one while the root key is here, else the one that was signed last, as long as
// agents would still take it.
//
// auditors is the root key of the recipient policy, or nil.
func (t *Trust) Manifest(certificates *Certificates, log, auditors ed25519.PublicKey) ([]byte, error) {
	path := filepath.Join(t.folder.Keys(), "manifest.json")
	if t.root == nil {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("manifest for agents: the root key is not here and none was signed before: %w", plain(err))
		}
		if _, err := protocol.OpenManifest(data, t.public, time.Now()); err != nil {
			return nil, fmt.Errorf("manifest for agents: the root key is not here and manifest.json is of no use, sign it anew: %w", err)
		}
		return data, nil
	}
	pins, err := certificates.pins()
	if err != nil {
		return nil, fmt.Errorf("manifest for agents: %w", err)
	}
	now := time.Now().UTC()
	data, err := protocol.SignManifest(t.root, protocol.Manifest{Issued: now, Expires: now.Add(manifestLife), TLS: pins, Log: [][]byte{log}, Auditors: auditors})
	if err != nil {
		return nil, fmt.Errorf("manifest for agents: %w", err)
	}
	if err := WriteFile(path, data); err != nil {
		return nil, fmt.Errorf("manifest for agents: %w", plain(err))
	}
	return data, nil
}

// pins returns the SHA-256 of the public key at the top of the chain that is
// served: the authority's, which outlives the server's certificate.
func (cs *Certificates) pins() ([][]byte, error) {
	chain, err := cs.get(&tls.ClientHelloInfo{})
	if err != nil {
		return nil, err
	}
	top, err := x509.ParseCertificate(chain.Certificate[len(chain.Certificate)-1])
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(top.RawSubjectPublicKeyInfo)
	return [][]byte{sum[:]}, nil
}
