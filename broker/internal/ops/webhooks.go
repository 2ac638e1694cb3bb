package ops

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"os"
)

// WebhookConfig says which addresses of the office's own network webhooks may go to, beside
// those of the internet.
type WebhookConfig struct {
	Allow []string `toml:"allow"` // networks (10.2.0.0/16) and addresses
	CA    string   `toml:"ca"`    // PEM of the authorities of targets; empty: those of the machine
}

func (c WebhookConfig) check() error {
	_, err := c.Networks()
	return err
}

// Networks is Allow, read.
func (c WebhookConfig) Networks() ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, s := range c.Allow {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			ip, wrong := netip.ParseAddr(s)
			if wrong != nil || ip.Zone() != "" {
				return nil, fmt.Errorf("allow: %q is not a network (10.2.0.0/16) or an address", s)
			}
			p = netip.PrefixFrom(ip, ip.BitLen())
		}
		list = append(list, p.Masked())
	}
	return list, nil
}

// Roots is CA, read; nil where none is set.
func (c WebhookConfig) Roots() (*x509.CertPool, error) {
	if c.CA == "" {
		return nil, nil
	}
	text, err := os.ReadFile(c.CA)
	if err != nil {
		return nil, fmt.Errorf("%w: webhooks.ca: %w", ErrConfig, plain(err))
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%w: webhooks.ca: %w", ErrConfig, errors.New("holds no PEM block CERTIFICATE"))
	}
	return pool, nil
}
