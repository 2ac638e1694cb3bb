package ops

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"consento/protocol"
)

func openTrust(t *testing.T, dir string) (*Folder, *Trust) {
	t.Helper()
	folder, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	trust, err := OpenTrust(folder)
	if err != nil {
		t.Fatal(err)
	}
	return folder, trust
}

func TestTrustIsMadeOnce(t *testing.T) {
	dir := t.TempDir()
	folder, first := openTrust(t, dir)
	key, pub := filepath.Join(folder.Keys(), "root.key"), filepath.Join(folder.Keys(), "root.pub")
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("root.key: %v, %v", info, err)
	}
	if _, again := openTrust(t, dir); !again.Root().Equal(first.Root()) {
		t.Error("another root at the second start")
	}
	// Somebody lost root.pub: agents in the field trust the key that is there.
	if err := os.Remove(pub); err != nil {
		t.Fatal(err)
	}
	if _, again := openTrust(t, dir); !again.Root().Equal(first.Root()) {
		t.Error("another root when root.pub was lost")
	}
	if _, err := os.Stat(pub); err != nil {
		t.Error(err)
	}
}

func TestTrustRefuses(t *testing.T) {
	other := t.TempDir()
	otherFolder, _ := openTrust(t, other)
	foreign, err := os.ReadFile(filepath.Join(otherFolder.Keys(), "root.key"))
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(keys string) error{
		"key of another root": func(keys string) error { return os.WriteFile(filepath.Join(keys, "root.key"), foreign, 0o600) },
		"key for everybody":   func(keys string) error { return os.Chmod(filepath.Join(keys, "root.key"), 0o644) },
		"damaged key":         func(keys string) error { return os.WriteFile(filepath.Join(keys, "root.key"), []byte("x"), 0o600) },
		"damaged root.pub":    func(keys string) error { return os.WriteFile(filepath.Join(keys, "root.pub"), []byte("x"), 0o600) },
		"damaged, no root.pub": func(keys string) error {
			return errors.Join(os.Remove(filepath.Join(keys, "root.pub")), os.WriteFile(filepath.Join(keys, "root.key"), []byte("x"), 0o600))
		},
	} {
		folder, _ := openTrust(t, t.TempDir())
		if err := spoil(folder.Keys()); err != nil {
			t.Fatal(err)
		}
		if trust, err := OpenTrust(folder); err == nil {
			t.Errorf("%s: %v", name, trust)
		}
	}
}

func TestTrustManifest(t *testing.T) {
	dir := t.TempDir()
	folder, trust := openTrust(t, dir)
	certificates, err := OpenCertificates(folder, DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	log, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	data, err := trust.Manifest(certificates, log, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := protocol.OpenManifest(data, trust.Root(), time.Now())
	if err != nil || len(m.Log) != 1 || !bytes.Equal(m.Log[0], log) || m.Expires.Sub(m.Issued) != manifestLife {
		t.Fatalf("%+v, %v", m, err)
	}
	// The pin is the authority's key, which outlives the server's certificate.
	served, err := certificates.TLSConfig().GetCertificate(&tls.ClientHelloInfo{})
	if err != nil {
		t.Fatal(err)
	}
	top, err := x509.ParseCertificate(served.Certificate[len(served.Certificate)-1])
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(top.RawSubjectPublicKeyInfo); !top.IsCA || len(m.TLS) != 1 || !bytes.Equal(m.TLS[0], sum[:]) {
		t.Errorf("pins %x", m.TLS)
	}

	// The office takes the root key off this machine: what was signed stays good.
	if err := os.Remove(filepath.Join(folder.Keys(), "root.key")); err != nil {
		t.Fatal(err)
	}
	_, away := openTrust(t, dir)
	if !away.Root().Equal(trust.Root()) {
		t.Fatal("another root")
	}
	if again, err := away.Manifest(certificates, log, nil); err != nil || !bytes.Equal(again, data) {
		t.Errorf("%v", err)
	}
	// What agents would refuse is not served: the operator has to know.
	manifest := filepath.Join(folder.Keys(), "manifest.json")
	expired, err := protocol.SignManifest(trust.root, protocol.Manifest{Issued: time.Now().Add(-2 * time.Hour), Expires: time.Now().Add(-time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	_, stranger, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	forged, err := protocol.SignManifest(stranger, m)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{"expired": expired, "forged": forged, "damaged": []byte("{")} {
		if err := os.WriteFile(manifest, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := away.Manifest(certificates, log, nil); err == nil {
			t.Errorf("%s manifest is served", name)
		}
	}
	if err := os.Remove(manifest); err != nil {
		t.Fatal(err)
	}
	if _, err := away.Manifest(certificates, log, nil); err == nil {
		t.Error("a manifest without a root key")
	}
}
