// Package trust decides which broker the agent talks to.
//
// It promises: a prepared agent talks to the brokers of its office section and
// to no other, over TLS keys that the office's root key has signed; an
// unprepared one talks to this computer only. Nothing that comes from outside,
// neither arguments nor files nor answers, can widen that: a stolen agent serves
// nobody else.
package trust

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"consento/protocol"
)

// The errors that callers tell apart.
var (
	// ErrForeign says that the address is not one of the office's brokers.
	ErrForeign = errors.New("not one of this program's brokers")
	// ErrUntrusted says that the broker could not prove to be the office's.
	ErrUntrusted = errors.New("the broker cannot be proven to be the office's")
	// ErrClock is the ErrUntrusted of a broker that would be the office's at another
	// time: what it shows is too old, or this computer's clock is wrong.
	ErrClock = fmt.Errorf("%w at this time", ErrUntrusted)
	// ErrUnreachable says that no connection could be made.
	ErrUnreachable = errors.New("the broker cannot be reached")
)

const (
	defaultLoopback = "https://localhost:8443"
	manifestTimeout = 15 * time.Second
)

// Office is what this program trusts.
type Office struct {
	Name     string
	Prepared bool
	brokers  []*url.URL
	root     ed25519.PublicKey
}

// Read reads the office section of this program.
func Read() (Office, error) { return read(section[:]) }

func read(section []byte) (Office, error) {
	s, err := protocol.ReadOfficeSection(section)
	if errors.Is(err, protocol.ErrUnprepared) {
		return Office{}, nil
	}
	if err != nil {
		return Office{}, fmt.Errorf("trust: %w", err)
	}
	o := Office{Name: s.Office, Prepared: true, root: s.Root}
	for _, b := range s.Brokers {
		u, err := protocol.ParseBrokerURL(b)
		if err != nil {
			return Office{}, fmt.Errorf("trust: %w", err)
		}
		o.brokers = append(o.brokers, u)
	}
	return o, nil
}

// Choose picks the broker: the one asked for if it is the office's, the first
// if none is asked for. An unprepared agent takes addresses of this computer.
// It returns ErrForeign for any other.
func (o Office) Choose(asked string) (*url.URL, error) {
	if asked == "" {
		if o.Prepared {
			return o.brokers[0], nil
		}
		asked = defaultLoopback
	}
	u, err := protocol.ParseBrokerURL(asked)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForeign, err)
	}
	if o.Prepared {
		if slices.ContainsFunc(o.brokers, func(b *url.URL) bool { return *b == *u }) {
			return u, nil
		}
		return nil, ErrForeign
	}
	if !loopbackName(u.Hostname()) {
		return nil, ErrForeign
	}
	return u, nil
}

func loopbackName(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// Client returns an HTTP client that connects to this broker only if it is the
// office's. For a prepared agent it fetches the signed manifest first: nothing
// that matters is sent before.
func (o Office) Client(ctx context.Context, broker *url.URL) (*Broker, error) {
	if !o.Prepared {
		return &Broker{Client: o.client(&tls.Config{InsecureSkipVerify: true})}, nil // the dialer reaches this computer only
	}
	manifest, err := o.manifest(ctx, broker)
	if err != nil {
		return nil, err
	}
	host := broker.Hostname()
	return &Broker{logs: logKeys(manifest), auditors: manifest.Auditors, address: broker, Client: o.client(&tls.Config{
		InsecureSkipVerify: true, // replaced by VerifyConnection: the office's own keys, not the system's
		VerifyConnection: func(state tls.ConnectionState) error {
			return verify(state.PeerCertificates, manifest.TLS, host, time.Now())
		},
	})}, nil
}

func (o Office) client(config *tls.Config) *http.Client {
	config.MinVersion = tls.VersionTLS12
	config.NextProtos = []string{"http/1.1"} // WebSockets
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	if !o.Prepared {
		dialer.ControlContext = loopbackOnly
	}
	return &http.Client{
		Transport: &http.Transport{DialContext: dialer.DialContext, TLSClientConfig: config, TLSHandshakeTimeout: 10 * time.Second,
			ResponseHeaderTimeout: 20 * time.Second},
		CheckRedirect: func(*http.Request, []*http.Request) error { return ErrForeign },
	}
}

// manifest fetches what the office's root key says about its broker. The
// connection need not be trusted for that, the signature is.
func (o Office) manifest(ctx context.Context, broker *url.URL) (protocol.Manifest, error) {
	ctx, cancel := context.WithTimeout(ctx, manifestTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, broker.JoinPath(protocol.ManifestPath).String(), nil)
	if err != nil {
		return protocol.Manifest{}, err
	}
	client := o.client(&tls.Config{InsecureSkipVerify: true})
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	if err != nil {
		return protocol.Manifest{}, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, protocol.MaxManifest+1))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return protocol.Manifest{}, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	if response.StatusCode != http.StatusOK {
		return protocol.Manifest{}, fmt.Errorf("%w: no manifest, status %d", ErrUntrusted, response.StatusCode)
	}
	m, err := protocol.OpenManifest(data, o.root, time.Now())
	if errors.Is(err, protocol.ErrExpired) {
		return m, fmt.Errorf("%w: %w", ErrClock, err)
	}
	if err != nil {
		return m, fmt.Errorf("%w: %w", ErrUntrusted, err)
	}
	return m, nil
}

// verify checks a chain against the pins: one certificate in it carries a
// pinned key, and the leaf is good for host under it.
func verify(chain []*x509.Certificate, pins [][]byte, host string, now time.Time) error {
	if len(chain) == 0 {
		return ErrUntrusted
	}
	for _, c := range chain {
		sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
		if !slices.ContainsFunc(pins, func(pin []byte) bool { return string(pin) == string(sum[:]) }) {
			continue
		}
		roots, between := x509.NewCertPool(), x509.NewCertPool()
		roots.AddCert(c)
		for _, other := range chain[1:] {
			between.AddCert(other)
		}
		good := x509.VerifyOptions{Roots: roots, Intermediates: between, DNSName: host, CurrentTime: now}
		_, err := chain[0].Verify(good)
		if err == nil {
			return nil
		}
		// Refused it is in any case; but is it only the time?
		for _, at := range []time.Time{chain[0].NotBefore, chain[0].NotAfter, c.NotBefore} {
			good.CurrentTime = at
			if _, other := chain[0].Verify(good); other == nil {
				return fmt.Errorf("%w: %w", ErrClock, err)
			}
		}
		return fmt.Errorf("%w: %w", ErrUntrusted, err)
	}
	return fmt.Errorf("%w: its key is not in the manifest", ErrUntrusted)
}
