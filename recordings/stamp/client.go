package stamp

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/notaryproject/tspclient-go"
)

// Errors of a request.
var (
	ErrAnswer = errors.New("the timestamp authority did not answer as RFC 3161 says")
	ErrClock  = errors.New("the clocks of the timestamp authority and of this machine differ")
)

const (
	maxSkew   = 5 * time.Minute
	maxAnswer = MaxToken + 4<<10
	dialTime  = 10 * time.Second

	queryType = "application/timestamp-query" // RFC 3161 section 3.4
	replyType = "application/timestamp-reply"
)

// Config says whom to ask. Every field but Now is required.
type Config struct {
	URL   string // http or https: what comes is signed
	Roots *x509.CertPool
	Hash  crypto.Hash // SHA-256 or SHA-384
	Now   func() time.Time
}

// Client asks one timestamp authority. It is safe for concurrent use.
type Client struct {
	c    Config
	http *http.Client
}

// NewClient opens no connection yet.
func NewClient(c Config) (*Client, error) {
	if err := CheckURL(c.URL); err != nil {
		return nil, fmt.Errorf("stamp: %w", err)
	}
	if c.Roots == nil || c.Hash != crypto.SHA256 && c.Hash != crypto.SHA384 {
		return nil, errors.New("stamp: certificates and a hash, SHA-256 or SHA-384, are needed")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	// Once a day: no connection is kept.
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: dialTime}).DialContext, TLSHandshakeTimeout: dialTime,
		DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 16 << 10,
	}
	return &Client{c, &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// CheckURL says whether an address can be an authority's.
func CheckURL(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.Fragment != "" {
		return fmt.Errorf("%q is not of the form https://HOST[:PORT]/PATH or http://HOST[:PORT]/PATH", address)
	}
	return nil
}

// Verify is [Verify] with the certificates of the authority.
func (c *Client) Verify(token, message []byte) (Stamp, error) {
	return Verify(token, message, c.c.Roots)
}

// Host is whom it asks.
func (c *Client) Host() string {
	u, err := url.Parse(c.c.URL)
	if err != nil {
		return ""
	}
	return u.Host
}

// Stamp asks for a token over message and verifies it. ctx bounds the time.
//
// Errors: [ErrAnswer], [ErrClock], those of [Verify], and of the network.
func (c *Client) Stamp(ctx context.Context, message []byte) (token []byte, s Stamp, err error) {
	request, err := tspclient.NewRequest(tspclient.RequestOptions{Content: message, HashAlgorithm: c.c.Hash})
	if err != nil {
		return nil, s, fmt.Errorf("stamp: %w", err)
	}
	answer, err := c.ask(ctx, request)
	if err != nil {
		return nil, s, fmt.Errorf("stamp: %w", err)
	}
	token = answer.TimestampToken.FullBytes
	if s, err = Verify(token, message, c.c.Roots); err != nil {
		return nil, s, fmt.Errorf("stamp: %w", err)
	}
	if by := s.Time.Sub(c.c.Now()).Round(time.Second); by.Abs() > maxSkew+s.Accuracy {
		return nil, s, fmt.Errorf("stamp: %w by %s: see whether that of this machine is right", ErrClock, by)
	}
	return token, s, nil
}

// ask sends a request; what comes back is granted, over its imprint and its nonce.
func (c *Client) ask(ctx context.Context, request *tspclient.Request) (*tspclient.Response, error) {
	body, err := request.MarshalBinary()
	if err != nil {
		return nil, err
	}
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, c.c.URL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	post.Header.Set("Content-Type", queryType)
	got, err := c.http.Do(post)
	if err != nil {
		return nil, err
	}
	defer got.Body.Close()
	if got.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: status %d", ErrAnswer, got.StatusCode)
	}
	if kind, _, err := mime.ParseMediaType(got.Header.Get("Content-Type")); err != nil || kind != replyType {
		return nil, fmt.Errorf("%w: its type is %.60q", ErrAnswer, got.Header.Get("Content-Type"))
	}
	b, err := io.ReadAll(io.LimitReader(got.Body, maxAnswer+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxAnswer {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrAnswer, maxAnswer)
	}
	return parseAnswer(b, request)
}

func parseAnswer(b []byte, request *tspclient.Request) (*tspclient.Response, error) {
	answer := new(tspclient.Response)
	if err := answer.UnmarshalBinary(b); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	if err := answer.Validate(request); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	return answer, nil
}
