package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"consento/recordings/mirror"
	"consento/recordings/translog"
)

// The folder of a witness:
//
//	name            how it is called                 witness.key    what it signs with (PEM PKCS #8)
//	keys/           witness-NAME.pub and log.pub: what a verifier needs
//	tls.crt tls.key the certificate                  token          that the broker shows
//	origin          name of the log, once known      state          last checkpoint that it signed
//	rec/            copies of recordings             bags/          of key bags
//	log/            copy of the log                  s3.toml        if there: rec and bags lie in this bucket
type folder string

func (f folder) path(name ...string) string {
	return filepath.Join(append([]string{string(f)}, name...)...)
}

var witnessName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

type initialise struct {
	Dir  string `required:"" placeholder:"D" help:"Folder of the witness; made when there is none."`
	Name string `required:"" placeholder:"N" help:"How it is called: lower-case letters, digits and '-'."`
}

// Run makes what is made once, and says what the broker's operator needs.
func (i *initialise) Run(out io.Writer) error {
	if !witnessName.MatchString(i.Name) {
		return failure{exitUsage, fmt.Errorf("%q is no name: lower-case letters, digits and '-', at most 40", i.Name)}
	}
	if i.Name == mirror.EmbeddedName {
		return failure{exitUsage, fmt.Errorf("%q is what the witness inside a broker is called", i.Name)}
	}
	f := folder(i.Dir)
	if err := f.make(i.Name); err != nil {
		return failure{exitUsage, err}
	}
	cert, err := os.ReadFile(f.path("tls.crt"))
	if err != nil {
		return err
	}
	block, _ := pem.Decode(cert)
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, `The witness %q is ready. Its key, %s, must never leave this machine.

The broker's operator needs, over a way that nobody can change:
  %s (to be put into data/keys of the broker)
  %s (a secret; a file that only the broker can read)
and in the configuration of the broker:

[[witness]]
name = %[1]q
url = "https://HOST:PORT"
pin = %[5]q
token_file = "FILE"

From the broker's operator you need data/keys/log.pub:
  consento-witness serve --dir %[6]s --listen HOST:PORT --log-key log.pub
`, i.Name, f.path("witness.key"), f.path("keys", "witness-"+i.Name+".pub"), f.path("token"), mirror.Pin(leaf), i.Dir)
	return err
}

func (f folder) make(name string) error {
	if err := os.MkdirAll(f.path("keys"), 0o700); err != nil {
		return err
	}
	if _, err := os.Stat(f.path("name")); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(errors.New("there is a witness in this folder already"), err)
	}
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	cert, certKey, err := mirror.NewCertificate("witness-"+name, time.Now())
	if err != nil {
		return err
	}
	pub, err := translog.MarshalKey(public)
	if err != nil {
		return err
	}
	token := make([]byte, 32)
	rand.Read(token) // never fails since Go 1.24
	for _, file := range []struct {
		name string
		data []byte
	}{
		{"witness.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})},
		{"keys/witness-" + name + ".pub", pub},
		{"tls.crt", cert}, {"tls.key", certKey},
		{"token", []byte(base64.RawURLEncoding.EncodeToString(token) + "\n")},
		{"name", []byte(name + "\n")}, // last: without it nothing was made
	} {
		if err := f.write(file.name, file.data); err != nil {
			return err
		}
	}
	return nil
}

// write puts a small file in place, whole and durably.
func (f folder) write(name string, b []byte) error {
	tmp := f.path(filepath.FromSlash(name) + ".tmp")
	file, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(b)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(tmp, f.path(filepath.FromSlash(name)))
}

const maxSmall = 64 << 10

func (f folder) read(name string) ([]byte, error) { return readSmall(f.path(name)) }

func readSmall(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, maxSmall+1))
	if err == nil && len(b) > maxSmall {
		err = fmt.Errorf("%s is longer than %d bytes", path, maxSmall)
	}
	return b, err
}

// line reads a file of one line.
func (f folder) line(name string) (string, error) {
	b, err := f.read(name)
	return strings.TrimSpace(string(b)), err
}

// key reads the private key.
func (f folder) key() (ed25519.PrivateKey, error) {
	b, err := f.read("witness.key")
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, errors.New("witness.key holds no key in PEM")
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("witness.key: %w", err)
	}
	key, ok := k.(ed25519.PrivateKey)
	if !ok {
		return nil, errors.New("witness.key is no Ed25519 key")
	}
	return key, nil
}

// logKeys reads the public keys of the log, and keeps them for check. Keys that it
// was given before stay: another log under the same name would be a fork.
func (f folder) logKeys(file string) ([]ed25519.PublicKey, error) {
	b, err := readSmall(file)
	if err != nil {
		return nil, err
	}
	keys, err := translog.ParseKeys(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	have, err := f.read("keys/log.pub")
	if errors.Is(err, fs.ErrNotExist) {
		return keys, f.write("keys/log.pub", b)
	}
	if err != nil {
		return nil, err
	}
	old, err := translog.ParseKeys(have)
	if err != nil {
		return nil, fmt.Errorf("keys/log.pub: %w", err)
	}
	for _, k := range old {
		if !bytes.Contains(joined(keys), k) {
			return nil, fmt.Errorf("%s lacks a key that this witness was given before (%s): add the new one to that file, do not replace it", file, f.path("keys", "log.pub"))
		}
	}
	return keys, f.write("keys/log.pub", b)
}

func joined(keys []ed25519.PublicKey) []byte {
	var all []byte
	for _, k := range keys {
		all = append(all, k...)
	}
	return all
}
