package ops

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
)

// OIDCConfig is the provider of single sign-on (OpenID Connect). Who may do what here is
// decided by a table on a page, not here; but whoever names the provider says who is who.
type OIDCConfig struct {
	Issuer     string `toml:"issuer"` // https://HOST[/PATH], as the provider spells it; empty: none
	ClientID   string `toml:"client_id"`
	SecretFile string `toml:"client_secret_file"`
	Name       string `toml:"name"`        // what people call it: stands on the button
	Groups     string `toml:"groups"`      // the claim that lists a person's groups; empty: groups
	Scopes     string `toml:"scopes"`      // asked for beside openid, separated by spaces; empty: email profile
	TrustEmail bool   `toml:"trust_email"` // its e-mails are confirmed although it does not say so (email_verified)
	CAFile     string `toml:"ca_file"`     // PEM, of the authority that certifies it; empty: those of the machine
}

// Set says whether there is one.
func (c OIDCConfig) Set() bool { return c != (OIDCConfig{}) }

func (c OIDCConfig) check() error {
	if !c.Set() {
		return nil
	}
	u, err := url.Parse(c.Issuer)
	switch {
	case err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("issuer %q is not of the form https://HOST[/PATH]", c.Issuer)
	case c.ClientID == "":
		return errors.New("client_id is missing")
	case c.SecretFile == "":
		return errors.New("client_secret_file is missing")
	case c.Name == "":
		return errors.New("name is missing: what people call the account, for the button")
	}
	if _, err := CleanLine(c.Name, 60); err != nil {
		return fmt.Errorf("name: %w", err)
	}
	return nil
}

// maxSecretFile bounds a file with one secret, in bytes.
const maxSecretFile = 4 << 10

// SecretFile reads the one line of a file with a secret.
func SecretFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrConfig, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrConfig, err)
	}
	secret := strings.TrimRight(string(data), "\r\n")
	if secret == "" || len(data) > maxSecretFile {
		return "", fmt.Errorf("%w: %s is empty, or longer than %d bytes", ErrConfig, path, maxSecretFile)
	}
	return secret, nil
}
