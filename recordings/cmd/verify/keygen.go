package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"consento/recordings"
)

type keygen struct {
	Out         string `required:"" placeholder:"DIR" help:"Folder for the files; they must not exist."`
	PostQuantum bool   `xor:"kind" help:"A key that quantum computers do not break either; only this program opens with it, no browser."`
	Escrow      bool   `xor:"kind" help:"Three keys to print, any two of which open everything when all others are lost."`
	Root        bool   `xor:"kind" help:"The auditors' key that signs who may read (recipient policy)."`
	Office      string `default:"the office" placeholder:"NAME" help:"Whose keys they are, for the printed sheets."`
}

// Run makes the keys and says what to do with them.
func (k *keygen) Run(out io.Writer) error {
	var err error
	switch {
	case k.Escrow:
		err = k.escrow(out)
	case k.Root:
		err = k.root(out)
	default:
		err = k.auditor(out)
	}
	if errors.Is(err, fs.ErrExist) {
		err = fmt.Errorf("there is a key already, and it is not replaced: %w", err)
	}
	if err != nil {
		return failure{exitUsage, err}
	}
	return nil
}

func (k *keygen) auditor(out io.Writer) error {
	make := recordings.NewIdentity
	if k.PostQuantum {
		make = recordings.NewHybridIdentity
	}
	id, err := make()
	if err != nil {
		return err
	}
	if err := recordings.WriteKeyPair(k.Out, id); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, `%s
    The private key. Whoever has it can read every recording made for it.
    Keep it on the auditors' own machine, with a copy in a safe place; without
    it these recordings can be verified, but never be read again.
%s
    The public key. Give it to the administrator, who names it to the broker
    before the first session:
    consento-broker recipient add --data DIR --public-key %[2]s
%[3]s
`, filepath.Join(k.Out, recordings.IdentityFile), filepath.Join(k.Out, recordings.RecipientFile), id.Recipient())
	return err
}

// root makes the key pair that signs recipient policies.
func (k *keygen) root(out io.Writer) error {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(k.Out, 0o700); err != nil {
		return err
	}
	secretPath, publicPath := filepath.Join(k.Out, "root"), filepath.Join(k.Out, rootFile)
	if err := writeNew(secretPath, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600); err != nil {
		return err
	}
	if err := writeNew(publicPath, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), 0o644); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, `%s
    The private key. Whoever has it decides who may read recordings. Keep it
    with the auditors, off every machine that the office's administrators run.
%s
    The public key. Give it to everybody who verifies, beside the log's key.
    Then: consento-verify policy make, look at it, and policy sign.
`, secretPath, publicPath)
	return err
}

// escrow makes three keys with a sheet to print for each.
func (k *keygen) escrow(out io.Writer) error {
	if err := os.MkdirAll(k.Out, 0o700); err != nil {
		return err
	}
	for n := 1; n <= 3; n++ {
		id, err := recordings.NewHybridIdentity()
		if err != nil {
			return err
		}
		s, err := newSheet(id, n, k.Office, time.Now())
		if err != nil {
			return err
		}
		page, err := s.html()
		if err != nil {
			return err
		}
		name := filepath.Join(k.Out, fmt.Sprintf("escrow-%d", n))
		for _, f := range []struct {
			ext, text string
			mode      fs.FileMode
		}{{".txt", s.text(), 0o600}, {".html", page, 0o600}, {".pub", id.Recipient().String() + "\n", 0o644}} {
			if err := writeNew(name+f.ext, []byte(f.text), f.mode); err != nil {
				return err
			}
		}
	}
	_, err := fmt.Fprintf(out, `%[1]s, -2, -3
    The three sheets, as page and as plain text. Print each, check that it can
    be read, give the three to three people who keep them apart, then destroy
    these files. Any two sheets together open every recording; one opens none.
%[2]s, -2, -3
    The public keys, for consento-verify policy make --escrow.
`, filepath.Join(k.Out, "escrow-1.html, .txt"), filepath.Join(k.Out, "escrow-1.pub"))
	return err
}
