package recordings

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Names of the files that [WriteKeyPair] makes.
const (
	IdentityFile  = "identity"
	RecipientFile = "recipient.pub"
)

const maxKeyFile = 4096

// WriteKeyPair writes an identity (readable by its owner only) and its recipient
// into a folder, which is made when it is not there. Neither file may exist.
func WriteKeyPair(dir string, id Identity) error {
	secret, err := id.Secret()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	private := "# Consento auditor identity. Whoever has this file can read the recordings.\n" +
		"# public key: " + id.Recipient().String() + "\n" + secret + "\n"
	if err := writeNew(filepath.Join(dir, IdentityFile), private, 0o600); err != nil {
		return err
	}
	return writeNew(filepath.Join(dir, RecipientFile), id.Recipient().String()+"\n", 0o644)
}

func writeNew(path, text string, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// ReadIdentity reads the file that [WriteKeyPair] made, or a folder with it, or
// what somebody typed from a printed sheet.
func ReadIdentity(path string) (Identity, error) {
	text, err := keyFile(path, IdentityFile)
	if err != nil {
		return Identity{}, err
	}
	if !strings.Contains(text, identityPrefix) {
		if id, serr := ParseSheet(text); serr == nil || sheetStart.MatchString(text) {
			return id, serr
		}
	}
	line, err := keyLine(path, text)
	if err != nil {
		return Identity{}, err
	}
	return ParseIdentity(line)
}

var sheetStart = regexp.MustCompile(`(?m)^\s*1[.:)]?\s`)

// ReadRecipient reads the file that [WriteKeyPair] made, or a folder with it.
func ReadRecipient(path string) (Recipient, error) {
	text, err := keyFile(path, RecipientFile)
	if err != nil {
		return Recipient{}, err
	}
	line, err := keyLine(path, text)
	if err != nil {
		return Recipient{}, err
	}
	return ParseRecipient(line)
}

// keyFile reads a small file, or the one of this name in a folder.
func keyFile(path, name string) (string, error) {
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		path = filepath.Join(path, name)
	}
	b, err := readLimited(path, maxKeyFile)
	return string(b), err
}

// keyLine returns the one line that is neither blank nor a comment.
func keyLine(path, text string) (string, error) {
	var found []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			found = append(found, line)
		}
	}
	if len(found) != 1 {
		return "", fmt.Errorf("%w: %s holds %d keys, not one", ErrMalformed, filepath.Base(path), len(found))
	}
	return found[0], nil
}
