package mirror

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"consento/recordings"
	"consento/recordings/translog"
	"consento/recordings/translog/tlogwitness"
)

// ClientConfig says which mirror.
type ClientConfig struct {
	URL   string            // https://HOST:PORT
	Pin   string            // of its certificate, see [Pin]
	Token string            // that it asks for
	Key   ed25519.PublicKey // that it countersigns with
}

// Client speaks with one mirror. It is safe for concurrent use, but for PushLog.
type Client struct {
	c       ClientConfig
	base    string
	http    *http.Client
	witness tlogwitness.Client
}

const maxAnswer = 64 << 10

// NewClient opens no connection yet.
func NewClient(c ClientConfig) (*Client, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("mirror: %q is not of the form https://HOST[:PORT]", c.URL)
	}
	if len(c.Key) != ed25519.PublicKeySize || c.Token == "" {
		return nil, errors.New("mirror: its public key and its token are needed")
	}
	secure, err := clientTLS(c.Pin)
	if err != nil {
		return nil, fmt.Errorf("mirror: %w", err)
	}
	transport := &http.Transport{
		TLSClientConfig: secure, MaxConnsPerHost: 8, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: 10 * time.Second,
		ResponseHeaderTimeout: time.Minute, MaxResponseHeaderBytes: 16 << 10, DisableCompression: true,
		DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
	}
	web := &http.Client{
		Transport:     bearer{c.Token, transport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	m := &Client{c: c, base: strings.TrimSuffix(c.URL, "/"), http: web}
	m.witness = tlogwitness.Client{URL: m.base, Key: c.Key, HTTP: web}
	return m, nil
}

// Close drops idle connections.
func (m *Client) Close() { m.http.CloseIdleConnections() }

// bearer shows the token.
type bearer struct {
	token string
	*http.Transport
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return b.Transport.RoundTrip(r)
}

// do asks, and reads a short answer.
func (m *Client) do(ctx context.Context, method, path string, body []byte, answer any) error {
	req, err := http.NewRequestWithContext(ctx, method, m.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	res, err := m.http.Do(req)
	if err != nil {
		return fmt.Errorf("mirror: %w", err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("mirror: %w", err)
	}
	if res.StatusCode == http.StatusOK || res.StatusCode == http.StatusConflict {
		if err := json.Unmarshal(b, answer); err != nil {
			return fmt.Errorf("mirror: an answer that is none: %w", err)
		}
	}
	return outcome(res.StatusCode, b)
}

func outcome(status int, body []byte) error {
	switch status {
	case http.StatusOK:
		return nil
	case http.StatusConflict:
		return ErrHeld
	case http.StatusUnprocessableEntity:
		return fmt.Errorf("%w: %.200q", ErrRefused, body)
	case http.StatusNotFound:
		return fs.ErrNotExist
	case http.StatusInsufficientStorage:
		return fmt.Errorf("mirror: %w", recordings.ErrNoSpace)
	}
	return fmt.Errorf("mirror: status %d: %.200q", status, body)
}

// Held asks how much there is of a recording. None is no error.
func (m *Client) Held(ctx context.Context, name string) (Held, error) {
	var h Held
	err := m.do(ctx, http.MethodGet, "/rec/"+url.PathEscape(name), nil, &h)
	if errors.Is(err, fs.ErrNotExist) {
		return Held{Name: name}, nil
	}
	return h, err
}

// Append adds to a recording and returns what is held then, with the mirror's
// countersignature, which the caller checks against the head that it knows.
//
// Errors: [ErrHeld] (Held says how much), [ErrRefused], recordings.ErrNoSpace.
func (m *Client) Append(ctx context.Context, name string, at int64, b []byte) (Held, error) {
	var h Held
	err := m.do(ctx, http.MethodPost, "/rec/"+url.PathEscape(name)+"?at="+strconv.FormatInt(at, 10), b, &h)
	return h, err
}

// Open reads a recording from an offset on.
func (m *Client) Open(ctx context.Context, name string, from int64) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.base+"/rec/"+url.PathEscape(name)+"?from="+strconv.FormatInt(from, 10), nil)
	if err != nil {
		return nil, err
	}
	res, err := m.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("mirror: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(io.LimitReader(res.Body, maxAnswer)) // it only explains the status
		return nil, errors.Join(outcome(res.StatusCode, b), res.Body.Close())
	}
	return res.Body, nil
}

// List goes through all recordings of the mirror.
func (m *Client) List(ctx context.Context) iter.Seq2[Held, error] {
	return lines[Held](ctx, m, "/rec")
}

// PushCheckpoint asks for a cosignature over the newest checkpoint of the log.
func (m *Client) PushCheckpoint(ctx context.Context, log tlogwitness.Source) (translog.Checkpoint, error) {
	return m.witness.Push(ctx, log)
}

// LogHeld asks how much of the log there is.
func (m *Client) LogHeld(ctx context.Context) (LogHeld, error) {
	var h LogHeld
	err := m.do(ctx, http.MethodGet, "/log", nil, &h)
	return h, err
}

// AppendLog adds leaves from number at on; see [translog.Replica.Append]. size is
// that of the last checkpoint that the mirror cosigned.
func (m *Client) AppendLog(ctx context.Context, at, size uint64, leaves [][]byte, proof []tlog.Hash) (LogHeld, error) {
	var h LogHeld
	err := m.do(ctx, http.MethodPost, fmt.Sprintf("/log/entries?at=%d&size=%d", at, size), marshalEntries(proof, leaves), &h)
	return h, err
}

// PutSealed adds a sealed body of a leaf.
func (m *Client) PutSealed(ctx context.Context, h translog.Hash, ciphertext []byte) error {
	var none struct{}
	return m.do(ctx, http.MethodPut, "/log/sealed/"+h.String(), ciphertext, &none)
}
