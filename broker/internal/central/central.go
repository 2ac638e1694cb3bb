// Package central speaks with those who know an office's people: the provider of single
// sign-on (OpenID Connect), a directory (LDAP), and what writes people here (SCIM).
//
// It promises: everything it is told is hostile until checked, and limited in size and
// time; no redirect and no referral is followed; nothing is sent or believed without TLS.
// It decides nothing: it says who somebody is, and package access says what that is worth.
package central

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"consento/broker/internal/ops"
)

const (
	// patience is for one answer of a provider or directory.
	patience = 8 * time.Second
	// maxAnswer bounds one answer, in bytes; real ones have a few kB.
	maxAnswer = 1 << 20
	maxCA     = 1 << 20
)

// tlsConfig trusts the authorities of the machine, or those in file alone.
func tlsConfig(file string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if file == "" {
		return c, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ops.ErrConfig, err)
	}
	defer f.Close()
	pem, err := io.ReadAll(io.LimitReader(f, maxCA))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ops.ErrConfig, err)
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%w: %s holds no certificate (PEM)", ops.ErrConfig, file)
	}
	return c, nil
}

var errRedirect = errors.New("it answers with a redirect, which is not followed")

// httpClient asks one provider.
func httpClient(c *tls.Config) *http.Client {
	return &http.Client{
		Timeout: patience,
		Transport: limited{&http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true, MaxIdleConns: 4, MaxConnsPerHost: 8, IdleConnTimeout: time.Minute,
			TLSHandshakeTimeout: patience, ResponseHeaderTimeout: patience, MaxResponseHeaderBytes: 64 << 10, Proxy: http.ProxyFromEnvironment}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return errRedirect },
	}
}

// limited refuses what does not go over TLS, and ends answers that are too long.
type limited struct{ next http.RoundTripper }

func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" {
		return nil, errors.New("not https")
	}
	response, err := l.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = &limitedBody{response.Body, maxAnswer}
	return response, nil
}

var errLong = fmt.Errorf("the answer is longer than %d bytes", maxAnswer)

type limitedBody struct {
	io.ReadCloser
	left int
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errLong
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// briefly limits how long somebody waits for a provider.
func briefly(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, patience+patience/2)
}
