package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"consento/broker/internal/evidence"
	"consento/broker/internal/ops"
	"consento/recordings/stamp"
	"consento/recordings/translog"
)

// evidenceKeys are the public keys that verdicts rest on.
func (b *broker) evidenceKeys() (translog.Keys, error) {
	return translog.ReadKeys(os.DirFS(b.folder.Keys()))
}

// witness is who signs the log and the recordings, as it is configured.
func (b *broker) witness(secrets *ops.Secrets) (evidence.WitnessConfig, error) {
	c := evidence.WitnessConfig{Own: secrets.OwnWitnessKey(), OwnState: filepath.Join(b.folder.Keys(), "witness-embedded.state"), OwnBags: b.folder.Mirror(),
		MaxLag: time.Duration(b.config.Evidence.MaxLag)}
	keys, err := b.evidenceKeys()
	if err != nil {
		return c, err
	}
	for _, w := range b.config.Witness {
		m := evidence.Mirror{Name: w.Name, URL: w.URL, Pin: w.Pin}
		for _, k := range keys.Witness {
			if k.Name == w.Name {
				m.Key = k.Key
			}
		}
		if m.Key == nil {
			return c, fmt.Errorf("witness %s: its public key is missing: put %s there, as consento-witness init made it", w.Name, filepath.Join(b.folder.Keys(), "witness-"+w.Name+".pub"))
		}
		if m.Token, err = readToken(w.TokenFile); err != nil {
			return c, fmt.Errorf("witness %s: %w", w.Name, err)
		}
		c.Elsewhere = append(c.Elsewhere, m)
	}
	return c, nil
}

// clock is the timestamp authority, as it is configured; nil: none.
func (b *broker) clock() (*stamp.Client, error) {
	c := b.config.Evidence
	if c.TimestampURL == "" {
		return nil, nil
	}
	roots, err := stamp.ReadCertificates(os.DirFS(b.folder.Keys()))
	if err != nil {
		return nil, fmt.Errorf("timestamps: %w", err)
	}
	if roots == nil {
		return nil, fmt.Errorf("timestamps: the authority's certificate is missing: put it there, in PEM, as %s", filepath.Join(b.folder.Keys(), "timestamp.pem"))
	}
	hash, _ := stamp.HashNamed(c.TimestampHash)
	return stamp.NewClient(stamp.Config{URL: c.TimestampURL, Roots: roots, Hash: hash})
}

const maxTokenBytes = 4 << 10

// readToken reads a secret that nobody but its owner can read.
func readToken(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", &fs.PathError{Op: "read", Path: path, Err: errors.New("others than its owner can read it: chmod 600 it")}
	}
	b, err := io.ReadAll(io.LimitReader(f, maxTokenBytes+1))
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(b))
	if token == "" || len(b) > maxTokenBytes || strings.ContainsAny(token, " \t\r\n") {
		return "", &fs.PathError{Op: "read", Path: path, Err: errors.New("it holds no token")}
	}
	return token, nil
}
