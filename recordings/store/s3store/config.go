package s3store

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// Config says which bucket, and how long things are locked in it.
type Config struct {
	Endpoint  string `toml:"endpoint"`   // https://HOST[:PORT]; http only on loopback
	Region    string `toml:"region"`     // default us-east-1
	Bucket    string `toml:"bucket"`     //
	Prefix    string `toml:"prefix"`     // of all keys; empty, or ends with "/"
	PathStyle bool   `toml:"path_style"` // HOST/BUCKET/KEY instead of BUCKET.HOST/KEY
	CAFile    string `toml:"ca_file"`    // PEM: trusted instead of the system's authorities

	AccessKey    string `toml:"access_key"`
	SecretKey    string `toml:"secret_key"`
	SessionToken string `toml:"session_token"` // of short-lived credentials; may be empty

	LiveLock time.Duration `toml:"-"` // of parts; default 14 days
	BagLock  time.Duration `toml:"-"` // of bags; default 14 days
	Timeout  time.Duration `toml:"-"` // of one request without what its bytes need; default 30 s

	Logger *slog.Logger     `toml:"-"`
	Now    func() time.Time `toml:"-"` // nil: time.Now
}

const (
	defaultLock    = 14 * 24 * time.Hour
	defaultTimeout = 30 * time.Second
	slowest        = 128 << 10 // bytes a second that a request may need
	maxCA          = 1 << 20
)

var (
	bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	prefixName = regexp.MustCompile(`^([A-Za-z0-9_][A-Za-z0-9_.-]*/)*$`)
)

func (c *Config) check() error {
	if c.Region == "" {
		c.Region = "us-east-1"
	}
	if c.LiveLock == 0 {
		c.LiveLock = defaultLock
	}
	if c.BagLock == 0 {
		c.BagLock = defaultLock
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	u, err := url.Parse(c.Endpoint)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" && u.Path != "/":
		return errors.New("endpoint is not of the form https://HOST[:PORT]")
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u)):
		return errors.New("endpoint must be https:// (http:// only on this machine, as http://127.0.0.1:9000)")
	case !bucketName.MatchString(c.Bucket):
		return fmt.Errorf("bucket: %.80q is no name of one", c.Bucket)
	case len(c.Prefix) > 200 || !prefixName.MatchString(c.Prefix):
		return fmt.Errorf("prefix: %.80q: letters, digits, '-', '_' and '.', each part with a '/' behind it", c.Prefix)
	case c.AccessKey == "" || c.SecretKey == "":
		return errors.New("credentials are missing: access_key and secret_key, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment")
	case c.LiveLock < 0 || c.BagLock < 0 || c.Timeout < 0:
		return errors.New("a time is negative")
	}
	return nil
}

// FromEnvironment takes credentials that the configuration does not name from
// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.
func (c *Config) FromEnvironment() {
	if c.AccessKey != "" || c.SecretKey != "" {
		return
	}
	c.AccessKey, c.SecretKey, c.SessionToken = os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN")
}

// LogValue keeps credentials out of logs.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(slog.String("endpoint", c.Endpoint), slog.String("bucket", c.Bucket), slog.String("prefix", c.Prefix))
}

// String keeps credentials out of texts.
func (c Config) String() string { return c.Endpoint + "/" + c.Bucket + "/" + c.Prefix }

// GoString keeps credentials out of texts.
func (c Config) GoString() string { return c.String() }

func (c *Config) credentials() aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider(c.AccessKey, c.SecretKey, c.SessionToken)
}

func (c *Config) roots() (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile == "" {
		return conf, nil
	}
	st, err := os.Stat(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	if st.Size() > maxCA {
		return nil, fmt.Errorf("ca_file: %s is too long", c.CAFile)
	}
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	conf.RootCAs = x509.NewCertPool()
	if !conf.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("ca_file: %s holds no certificate in PEM", c.CAFile)
	}
	return conf, nil
}
