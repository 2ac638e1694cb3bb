package evidence

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"consento/recordings"
	"consento/recordings/translog"
)

// LogOrigin is the name of the log of the broker at this address.
func LogOrigin(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("evidence: %q is no address", address)
	}
	return u.Host + "/evidence", nil
}

// openLog goes on with the log under the name that it has, whatever the broker's
// address is by now, or begins one.
func openLog(c Config) (*translog.Log, error) {
	config := translog.Config{Origin: c.Origin, Key: c.Key, Now: c.Now}
	begun, err := os.ReadFile(filepath.Join(c.Folder, "checkpoint"))
	if errors.Is(err, fs.ErrNotExist) {
		return translog.Create(c.Folder, config) // refuses where there are leaves already
	}
	if err != nil {
		return nil, err
	}
	checkpoint, err := translog.ParseCheckpoint(begun)
	if err != nil {
		return nil, err
	}
	config.Origin = checkpoint.Origin
	return translog.Open(c.Folder, config)
}

func (e *Evidence) logKeys() []ed25519.PublicKey {
	return []ed25519.PublicKey{e.config.Key.Public().(ed25519.PublicKey)}
}

// seal encrypts what only auditors and the data-protection officer may read, and
// keeps it beside the log.
func (e *Evidence) seal(body []byte, readers []recordings.Recipient) (translog.Hash, error) {
	sealed, err := recordings.SealNote(body, readers...)
	if err != nil {
		return translog.Hash{}, fmt.Errorf("evidence: seal: %w", err)
	}
	var hash translog.Hash
	err = e.withRoom(func() (err error) {
		hash, err = e.log.PutSealed(sealed)
		return err
	})
	if err != nil {
		return translog.Hash{}, fmt.Errorf("evidence: seal: %w", err)
	}
	return hash, nil
}
