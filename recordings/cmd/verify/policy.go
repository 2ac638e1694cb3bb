package main

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

const maxPolicyFile = 1 << 20

// logKeys reads the log's public keys (PEM, PKIX, Ed25519): all in a file, or in
// a folder those in log.pub and log-*.pub.
func logKeys(path string) ([]ed25519.PublicKey, error) {
	if path == "" {
		return nil, nil
	}
	st, err := os.Stat(path)
	if err != nil {
		return nil, failure{exitUsage, err}
	}
	if !st.IsDir() {
		keys, err := pemKeys(path)
		if err == nil && len(keys) == 0 {
			err = fmt.Errorf("%s holds no Ed25519 public key in PEM", path)
		}
		if err != nil {
			return nil, failure{exitUsage, err}
		}
		return keys, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, failure{exitUsage, err}
	}
	var keys []ed25519.PublicKey
	for _, e := range entries {
		if n := e.Name(); n != "log.pub" && !(strings.HasPrefix(n, "log-") && strings.HasSuffix(n, ".pub")) {
			continue
		}
		more, err := pemKeys(filepath.Join(path, e.Name()))
		if err != nil {
			return nil, failure{exitUsage, err}
		}
		keys = append(keys, more...)
	}
	return keys, nil
}

func pemKeys(path string) ([]ed25519.PublicKey, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxPolicyFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxPolicyFile {
		return nil, fmt.Errorf("%s is too long for public keys", path)
	}
	var keys []ed25519.PublicKey
	for {
		block, rest := pem.Decode(b)
		if block == nil {
			return keys, nil
		}
		b = rest
		k, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if k, ok := k.(ed25519.PublicKey); ok {
			keys = append(keys, k)
		}
	}
}
