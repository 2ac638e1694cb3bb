package main

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"consento/recordings"
)

// rootFile is the public half of the key that signs recipient policies.
const rootFile = "auditors.pub"

// readPolicies reads those of the office in the folder of public keys; nil
// without the root key.
func readPolicies(dir string) (*recordings.PolicyChain, error) {
	if st, err := os.Stat(dir); dir == "" || err != nil || !st.IsDir() {
		return nil, nil
	}
	root, err := readRoot(filepath.Join(dir, rootFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, failure{exitUsage, err}
	}
	chain, err := recordings.ReadPolicies(dir, root)
	return &chain, err
}

func readRoot(path string) (ed25519.PublicKey, error) {
	k, err := readPEM(path, "PUBLIC KEY", x509.ParsePKIXPublicKey)
	if err != nil {
		return nil, err
	}
	root, ok := k.(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%s is no Ed25519 public key", path)
	}
	return root, nil
}

func readRootKey(path string) (ed25519.PrivateKey, error) {
	k, err := readPEM(path, "PRIVATE KEY", x509.ParsePKCS8PrivateKey)
	if err != nil {
		return nil, err
	}
	root, ok := k.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s is no Ed25519 private key", path)
	}
	return root, nil
}

func readPEM(path, kind string, parse func([]byte) (any, error)) (any, error) {
	b, err := readSmall(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil || block.Type != kind {
		return nil, fmt.Errorf("%s holds no %s in PEM", path, kind)
	}
	k, err := parse(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}
