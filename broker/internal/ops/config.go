package ops

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// DefaultListen is where the broker listens when nothing else is said: this
// machine only.
const DefaultListen = "127.0.0.1:8443"

// maxConfigBytes bounds a configuration file; a real one has one or two kB.
const maxConfigBytes = 1 << 20

// Config is everything an operator can set. Each field has one name, which is
// `section.key` in the file and CONSENTO_SECTION_KEY in the environment; the
// environment wins over the file, and flags, which the main package applies
// afterwards, win over both.
type Config struct {
	Listen    string `toml:"listen"`     // HOST:PORT for TCP, and for media the same port in UDP
	PublicURL string `toml:"public_url"` // https://HOST[:PORT] as people type it; empty: see PublicURLAt
	Data      string `toml:"data"`       // the data folder

	TLS      TLSConfig      `toml:"tls"`
	Office   Office         `toml:"office"`
	Log      LogConfig      `toml:"log"`
	Session  SessionConfig  `toml:"session"`
	Media    MediaConfig    `toml:"media"`
	Evidence EvidenceConfig `toml:"evidence"`
	Mail     MailConfig     `toml:"mail"`
	Webhooks WebhookConfig  `toml:"webhooks"`

	OIDC OIDCConfig `toml:"oidc"`
	LDAP LDAPConfig `toml:"ldap"`

	// Witness stands in the file alone: a list has no place in the environment.
	Witness []WitnessConfig `toml:"witness"`
}

// TLSConfig names certificate files of the office's own. Both empty: the broker
// makes an authority of its own and certificates from it.
type TLSConfig struct {
	Certificate string `toml:"certificate"` // PEM chain, leaf first
	Key         string `toml:"key"`         // PEM private key of the leaf
}

// LogConfig says how the service log is written.
type LogConfig struct {
	Level  string `toml:"level"`  // debug, info, warn, error
	Format string `toml:"format"` // text, json
}

// SessionConfig holds the limits of one session.
type SessionConfig struct {
	MaxDuration Duration `toml:"max_duration"` // a session ends with reason `limit` after it
	Restart     Duration `toml:"restart"`      // how long an agent may take to come back after a restart of its computer
	Return      Duration `toml:"return"`       // how long an agent whose connection was lost is waited for
}

// MediaConfig says how the picture travels.
type MediaConfig struct {
	Addresses []string `toml:"addresses"` // IP addresses offered to agents and browsers; empty: the machine's own
}

// EvidenceConfig holds the limits of the evidence store.
type EvidenceConfig struct {
	MinFree Size     `toml:"min_free"` // below it no new session starts
	MaxLag  Duration `toml:"max_lag"`  // no new session starts when every witness is further behind; 0s: never mind
	// PurgeAfter is how long after the keys of a session were destroyed everywhere its
	// files, which nobody can read any more, are deleted; 0s: never.
	PurgeAfter Duration `toml:"purge_after"`
	// TimestampURL is an RFC 3161 timestamp authority that stamps the log once a day;
	// empty: none. Its certificate is keys/timestamp.pem in the data folder.
	TimestampURL  string `toml:"timestamp_url"`
	TimestampHash string `toml:"timestamp_hash"` // sha256, sha384
}

// WitnessConfig is a second place of the evidence, run by others than the broker's
// administrator (consento-witness).
type WitnessConfig struct {
	Name      string `toml:"name"`       // its public key is keys/witness-NAME.pub in the data folder
	URL       string `toml:"url"`        // https://HOST:PORT
	Pin       string `toml:"pin"`        // SHA-256 of its public key for TLS, in hex
	TokenFile string `toml:"token_file"` // what it asks for
}

var (
	witnessName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)
	witnessPin  = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// embeddedWitness is the name of the broker's own.
const embeddedWitness = "embedded"

func (w WitnessConfig) check() error {
	u, err := url.Parse(w.URL)
	switch {
	case !witnessName.MatchString(w.Name) || w.Name == embeddedWitness:
		return fmt.Errorf("name %q: lower-case letters, digits and '-', at most 40, and not %q", w.Name, embeddedWitness)
	case err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || (u.Path != "" && u.Path != "/"):
		return fmt.Errorf("url %q is not of the form https://HOST[:PORT]", w.URL)
	case !witnessPin.MatchString(w.Pin):
		return errors.New("pin: 64 hex digits, as consento-witness init prints them")
	case w.TokenFile == "":
		return errors.New("token_file is missing")
	}
	return nil
}

// DefaultConfig is what holds where nothing is set.
func DefaultConfig() Config {
	return Config{
		Listen:   DefaultListen,
		Data:     "data",
		Log:      LogConfig{Level: "info", Format: "text"},
		Session:  SessionConfig{MaxDuration: Duration(8 * time.Hour), Return: Duration(10 * time.Minute), Restart: Duration(15 * time.Minute)},
		Evidence: EvidenceConfig{MinFree: 1 << 30, MaxLag: Duration(15 * time.Minute), PurgeAfter: Duration(30 * 24 * time.Hour), TimestampHash: "sha256"},
		Mail:     MailConfig{Security: MailStartTLS},
	}
}

// LoadConfig reads the defaults, then the file at path (none when path is
// empty), then the environment. It does not call Validate: flags come after it.
// Errors wrap ErrConfig and name the file, the line and the key, or the variable.
func LoadConfig(path string) (Config, error) {
	c := DefaultConfig()
	if path != "" {
		if err := c.readFile(path); err != nil {
			return Config{}, err
		}
	}
	if err := c.readEnvironment(os.LookupEnv); err != nil {
		return Config{}, err
	}
	return c, nil
}

func (c *Config) readFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxConfigBytes+1))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if len(data) > maxConfigBytes {
		return fmt.Errorf("%w: %s is larger than %d bytes", ErrConfig, path, maxConfigBytes)
	}
	if err := c.parse(data); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrConfig, path, err)
	}
	return nil
}

// parse applies TOML to c. Its errors begin with the line.
func (c *Config) parse(data []byte) error {
	dec := toml.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	err := dec.Decode(c)
	var unknown *toml.StrictMissingError
	var malformed *toml.DecodeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unknown) && len(unknown.Errors) > 0:
		first := &unknown.Errors[0]
		line, _ := first.Position()
		return fmt.Errorf("line %d: unknown key %q", line, strings.Join(first.Key(), "."))
	case errors.As(err, &malformed):
		line, _ := malformed.Position()
		what := strings.TrimPrefix(malformed.Error(), "toml: ")
		if key := strings.Join(malformed.Key(), "."); key != "" {
			what = fmt.Sprintf("%q: %s", key, what)
		}
		return fmt.Errorf("line %d: %s", line, what)
	default:
		return err
	}
}

// readEnvironment applies the CONSENTO_* variables. Lists are separated by commas.
func (c *Config) readEnvironment(lookup func(string) (string, bool)) error {
	text := func(p *string) func(string) error {
		return func(v string) error { *p = v; return nil }
	}
	variables := []struct {
		name string
		set  func(string) error
	}{
		{"CONSENTO_LISTEN", text(&c.Listen)},
		{"CONSENTO_PUBLIC_URL", text(&c.PublicURL)},
		{"CONSENTO_DATA", text(&c.Data)},
		{"CONSENTO_TLS_CERTIFICATE", text(&c.TLS.Certificate)},
		{"CONSENTO_TLS_KEY", text(&c.TLS.Key)},
		{"CONSENTO_OFFICE_NAME", text(&c.Office.Name)},
		{"CONSENTO_OFFICE_PHONE", text(&c.Office.Phone)},
		{"CONSENTO_OFFICE_CONTROLLER", text(&c.Office.Controller)},
		{"CONSENTO_OFFICE_PRIVACY_CONTACT", text(&c.Office.PrivacyContact)},
		{"CONSENTO_LOG_LEVEL", text(&c.Log.Level)},
		{"CONSENTO_LOG_FORMAT", text(&c.Log.Format)},
		{"CONSENTO_SESSION_MAX_DURATION", func(v string) error { return c.Session.MaxDuration.UnmarshalText([]byte(v)) }},
		{"CONSENTO_SESSION_RESTART", func(v string) error { return c.Session.Restart.UnmarshalText([]byte(v)) }},
		{"CONSENTO_SESSION_RETURN", func(v string) error { return c.Session.Return.UnmarshalText([]byte(v)) }},
		{"CONSENTO_MEDIA_ADDRESSES", func(v string) error {
			c.Media.Addresses = nil
			for a := range strings.SplitSeq(v, ",") {
				if a = strings.TrimSpace(a); a != "" {
					c.Media.Addresses = append(c.Media.Addresses, a)
				}
			}
			return nil
		}},
		{"CONSENTO_EVIDENCE_MAX_LAG", func(v string) error { return c.Evidence.MaxLag.UnmarshalText([]byte(v)) }},
		{"CONSENTO_EVIDENCE_TIMESTAMP_URL", text(&c.Evidence.TimestampURL)},
		{"CONSENTO_EVIDENCE_TIMESTAMP_HASH", text(&c.Evidence.TimestampHash)},
		{"CONSENTO_MAIL_HOST", text(&c.Mail.Host)},
		{"CONSENTO_MAIL_PORT", func(v string) (err error) { c.Mail.Port, err = strconv.Atoi(v); return err }},
		{"CONSENTO_MAIL_SECURITY", text(&c.Mail.Security)},
		{"CONSENTO_MAIL_USER", text(&c.Mail.User)},
		{"CONSENTO_MAIL_PASSWORD_FILE", text(&c.Mail.PasswordFile)},
		{"CONSENTO_MAIL_FROM", text(&c.Mail.From)},
		{"CONSENTO_MAIL_CA", text(&c.Mail.CA)},
		{"CONSENTO_EVIDENCE_MIN_FREE", func(v string) error { return c.Evidence.MinFree.UnmarshalText([]byte(v)) }},
	}
	for _, variable := range variables {
		if v, ok := lookup(variable.name); ok {
			if err := variable.set(v); err != nil {
				return fmt.Errorf("%w: %s: %w", ErrConfig, variable.name, err)
			}
		}
	}
	return nil
}

// Validate checks every field. The error wraps ErrConfig and names the key.
func (c Config) Validate() error {
	fail := func(key, format string, args ...any) error {
		return fmt.Errorf("%w: %s: %w", ErrConfig, key, fmt.Errorf(format, args...))
	}
	host, port, err := splitListen(c.Listen)
	if err != nil {
		return fail("listen", "%w", err)
	}
	if c.PublicURL != "" {
		if _, err := parsePublicURL(c.PublicURL); err != nil {
			return fail("public_url", "%w", err)
		}
	} else if !isLoopback(host) {
		return fail("public_url", "is needed when listen (%s) is not this machine only: the https:// address that people type", net.JoinHostPort(host, strconv.Itoa(port)))
	}
	if c.Data == "" {
		return fail("data", "is empty: a folder is needed")
	}
	if (c.TLS.Certificate == "") != (c.TLS.Key == "") {
		return fail("tls", "certificate and key are needed together, or neither")
	}
	if err := c.LDAP.check(); err != nil {
		return fail("ldap", "%w", err)
	}
	if err := c.OIDC.check(); err != nil {
		return fail("oidc", "%w", err)
	}
	if c.Office != (Office{}) {
		if _, err := c.Office.Clean(); err != nil {
			return fail("office", "%w", err)
		}
	}
	if _, err := logLevel(c.Log.Level); err != nil {
		return fail("log.level", "%w", err)
	}
	if c.Log.Format != "text" && c.Log.Format != "json" {
		return fail("log.format", "%q is not one of text, json", c.Log.Format)
	}
	if d := time.Duration(c.Session.MaxDuration); d < 10*time.Second || d > 24*time.Hour {
		return fail("session.max_duration", "%s is not between 10s and 24h", d)
	}
	if d := time.Duration(c.Session.Return); d < time.Second || d > time.Hour {
		return fail("session.return", "%s is not between 1s and 1h", d)
	}
	if d := time.Duration(c.Session.Restart); d < time.Second || d > time.Hour {
		return fail("session.restart", "%s is not between 1s and 1h", d)
	}
	for _, a := range c.Media.Addresses {
		if ip, err := netip.ParseAddr(a); err != nil || ip.IsUnspecified() || ip.IsMulticast() || ip.Zone() != "" {
			return fail("media.addresses", "%q is not the IP address of a machine", a)
		}
	}
	if c.Evidence.MinFree < 64<<20 {
		return fail("evidence.min_free", "%d bytes are too few: at least 64MiB", c.Evidence.MinFree)
	}
	if d := time.Duration(c.Evidence.MaxLag); d != 0 && (d < time.Minute || d > 7*24*time.Hour) {
		return fail("evidence.max_lag", "%s is not between 1m and 168h, nor 0s", d)
	}
	if d := time.Duration(c.Evidence.PurgeAfter); d != 0 && (d < time.Hour || d > 10*365*24*time.Hour) {
		return fail("evidence.purge_after", "%s is not between 1h and 87600h, nor 0s", d)
	}
	if a := c.Evidence.TimestampURL; a != "" {
		u, err := url.Parse(a)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || strings.Contains(a, "#") {
			return fail("evidence.timestamp_url", "%q is not of the form https://HOST[:PORT]/PATH or http://HOST[:PORT]/PATH", a)
		}
	}
	if h := c.Evidence.TimestampHash; h != "sha256" && h != "sha384" {
		return fail("evidence.timestamp_hash", "%q is not one of sha256, sha384", h)
	}
	if err := c.Mail.check(); err != nil {
		return fail("mail", "%w", err)
	}
	if err := c.Webhooks.check(); err != nil {
		return fail("webhooks", "%w", err)
	}
	seen := map[string]bool{}
	for _, w := range c.Witness {
		if err := w.check(); err != nil {
			return fail("witness", "%w", err)
		}
		if seen[w.Name] {
			return fail("witness", "name %q stands there twice", w.Name)
		}
		seen[w.Name] = true
	}
	return nil
}

// PublicURLAt returns the public address without a slash at its end: the one
// configured, or https://localhost:PORT for the port the listener really has.
func (c Config) PublicURLAt(port int) string {
	if c.PublicURL != "" {
		return strings.TrimSuffix(c.PublicURL, "/")
	}
	return "https://" + net.JoinHostPort("localhost", strconv.Itoa(port))
}

// splitListen takes HOST:PORT apart. Port 0 asks the system for a free one.
func splitListen(listen string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(listen)
	if err != nil {
		return "", 0, fmt.Errorf("%q is not HOST:PORT", listen)
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("%q has no port between 0 and 65535", listen)
	}
	return host, int(n), nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// parsePublicURL accepts https://HOST[:PORT][/] and nothing more: every address
// of the broker stands at the root, and cookies and origins are per host.
func parsePublicURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, fmt.Errorf("%q is not an address", s)
	}
	if u.Scheme != "https" || u.Host == "" || u.User != nil || (u.Path != "" && u.Path != "/") ||
		u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(s, "#") {
		return nil, fmt.Errorf("%q is not of the form https://HOST[:PORT]", s)
	}
	host := u.Hostname()
	if _, err := netip.ParseAddr(host); err != nil {
		if ascii, err := CleanHost(host); err != nil || ascii != host {
			return nil, fmt.Errorf("%q: the host is not a name in ASCII lower case or an IP address", s)
		}
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			return nil, fmt.Errorf("%q has no port between 1 and 65535", s)
		}
	} else if strings.HasSuffix(u.Host, ":") {
		return nil, fmt.Errorf("%q has no port between 1 and 65535", s)
	}
	return u, nil
}
