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

// LDAPConfig is a directory in which people's passwords are checked.
type LDAPConfig struct {
	URL          string `toml:"url"` // ldaps://HOST[:PORT], or ldap://HOST[:PORT], which must offer StartTLS; empty: none
	Name         string `toml:"name"`
	CAFile       string `toml:"ca_file"`
	BindDN       string `toml:"bind_dn"` // who searches; empty: anybody may
	PasswordFile string `toml:"bind_password_file"`
	Base         string `toml:"base"`         // under which people are
	Filter       string `toml:"filter"`       // {login} is what was typed; empty: (mail={login})
	ID           string `toml:"id"`           // attribute that names a person for ever; empty: entryUUID
	Mail         string `toml:"mail"`         // empty: mail
	FullName     string `toml:"full_name"`    // empty: cn
	MemberOf     string `toml:"member_of"`    // attribute with the groups; empty: memberOf
	GroupBase    string `toml:"group_base"`   // under which groups are searched for; empty: they are not
	GroupFilter  string `toml:"group_filter"` // {dn} is the person; empty: (member={dn})
}

// Set says whether there is one.
func (c LDAPConfig) Set() bool { return c != (LDAPConfig{}) }

func (c LDAPConfig) check() error {
	if !c.Set() {
		return nil
	}
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Scheme != "ldaps" && u.Scheme != "ldap" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" && u.Path != "/":
		return fmt.Errorf("url %q is not of the form ldaps://HOST[:PORT]", c.URL)
	case c.Base == "":
		return errors.New("base is missing")
	case c.Name == "":
		return errors.New("name is missing: what people call the account")
	case (c.BindDN == "") != (c.PasswordFile == ""):
		return errors.New("bind_dn and bind_password_file are needed together, or neither")
	case c.Filter != "" && strings.Count(c.Filter, "{login}") == 0:
		return errors.New("filter has no {login}")
	case c.GroupFilter != "" && strings.Count(c.GroupFilter, "{dn}") == 0:
		return errors.New("group_filter has no {dn}")
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
