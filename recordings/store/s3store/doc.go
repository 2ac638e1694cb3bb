// Package s3store keeps recordings in a bucket with versions and Object Lock, so
// that not even who has the bucket's credentials can change or delete them before
// their time.
//
// In the bucket, below a prefix:
//
//	live/<name>/<offset>  what one append brought; offset of 16 decimal digits;
//	                      governance lock, renewed as long as the recording is open
//	rec/<name>            a sealed object in one piece; compliance lock to the end of
//	                      its retention. Its parts go when their lock is over
//	bags/<name>           key bags; a short compliance lock, renewed weekly, so that a
//	                      bag is destroyed soon after its lock is renewed no more
//
// Everything is written with "If-None-Match: *" (a replaced bag with "If-Match"), and
// names in its metadata the end of the lock that it was written with: a shortened
// lock shows ([Store.Listing]). Bags are removed by a delete marker first; on
// anything else a marker is a finding.
//
// One process writes below one prefix at a time: its owner keeps the others away.
// Two that write all the same cannot destroy anything; one of them fails.
package s3store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"consento/recordings"
	"consento/recordings/store"
)

// Errors.
var (
	// ErrConfig: the configuration, or the bucket itself, cannot be used.
	ErrConfig = errors.New("s3: it cannot be used so")
	// ErrLock: the store took something, and did not lock it.
	ErrLock = errors.New("s3: the store did not lock what it was told to lock")
)

// Store is a bucket. It is safe for concurrent use.
type Store struct {
	c   Config
	api *s3.Client

	mu   sync.Mutex
	busy map[string]chan struct{} // names that somebody changes; closed when done
	open map[string]*parts        // what this process appended to last
}

var _ store.Store = (*Store)(nil)

// parts is what is known of an object that is not sealed.
type parts struct {
	list   []part
	size   int64
	locked bool // the lock of one of them was read back
}

type part struct {
	offset, size int64
	version      string // "": the newest
}

const maxOpen = 1024 // objects of which parts are remembered

// New opens no connection yet: [Store.Check] does.
func New(c Config) (*Store, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	client, err := c.client()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return &Store{c: c, api: client, busy: map[string]chan struct{}{}, open: map[string]*parts{}}, nil
}

// Check says whether the bucket is there, keeps versions and has Object Lock.
func (s *Store) Check(ctx context.Context) error {
	ctx, cancel := s.within(ctx, 0)
	defer cancel()
	v, err := s.api.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &s.c.Bucket})
	if err != nil {
		return fmt.Errorf("s3: bucket %q: %w", s.c.Bucket, explain(err))
	}
	if v.Status != "Enabled" {
		return fmt.Errorf("%w: the bucket %q keeps no versions: enable its versioning", ErrConfig, s.c.Bucket)
	}
	l, err := s.api.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: &s.c.Bucket})
	if err != nil && code(err) != "ObjectLockConfigurationNotFoundError" {
		return fmt.Errorf("s3: bucket %q: %w", s.c.Bucket, explain(err))
	}
	if err != nil || l.ObjectLockConfiguration == nil || l.ObjectLockConfiguration.ObjectLockEnabled != "Enabled" {
		return fmt.Errorf("%w: the bucket %q has no Object Lock: make one that has it (most stores can enable it only when a bucket is made)", ErrConfig, s.c.Bucket)
	}
	return nil
}

// alone makes the caller the only one who changes name.
func (s *Store) alone(ctx context.Context, name string) (release func(), err error) {
	if !store.ValidName(name) {
		return nil, fmt.Errorf("%w: %.120q", store.ErrName, name)
	}
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s.mu.Lock()
		wait, taken := s.busy[name]
		if !taken {
			done := make(chan struct{})
			s.busy[name] = done
			s.mu.Unlock()
			return func() {
				s.mu.Lock()
				delete(s.busy, name)
				s.mu.Unlock()
				close(done)
			}, nil
		}
		s.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// within bounds a request that moves so many bytes.
func (s *Store) within(ctx context.Context, bytes int64) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.c.Timeout+time.Duration(bytes/slowest)*time.Second)
}

func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

func status(err error) int {
	var r *smithyhttp.ResponseError
	if errors.As(err, &r) {
		return r.HTTPStatusCode()
	}
	return 0
}

// taken: something of this name is there, or somebody writes it at this moment.
func taken(err error) bool {
	return status(err) == http.StatusPreconditionFailed || code(err) == "ConditionalRequestConflict"
}

// explain says what a store's answer means, for who has to act. It holds no
// credentials: the SDK's errors have none.
func explain(err error) error {
	switch c := code(err); {
	case err == nil:
		return nil
	case c == "NoSuchBucket":
		return fmt.Errorf("%w: there is no such bucket: %w", ErrConfig, err)
	case c == "InvalidAccessKeyId", c == "SignatureDoesNotMatch", c == "ExpiredToken", c == "InvalidToken":
		return fmt.Errorf("%w: the store does not know these credentials: %w", ErrConfig, err)
	case c == "NoSuchKey", c == "NotFound", c == "NoSuchVersion", status(err) == http.StatusNotFound:
		return fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	case c == "QuotaExceeded", c == "InsufficientStorage", strings.HasPrefix(c, "XMinioStorageFull"), status(err) == http.StatusInsufficientStorage:
		return fmt.Errorf("%w: %w", recordings.ErrNoSpace, err)
	case c == "AccessDenied" || status(err) == http.StatusForbidden:
		return fmt.Errorf("the store refuses; what its policy must allow stands in build/adr/0026: %w", err)
	}
	return err
}

func (c *Config) client() (*s3.Client, error) {
	roots, err := c.roots()
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: roots, MaxConnsPerHost: 32, MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute,
		DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext, TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 2 * c.Timeout,
		ForceAttemptHTTP2: true,
	}
	return s3.New(s3.Options{
		BaseEndpoint: &c.Endpoint, Region: c.Region, UsePathStyle: c.PathStyle, Credentials: c.credentials(),
		// Who answers with a redirect is another store than the one that was named.
		HTTPClient:       &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		RetryMaxAttempts: 3, RetryMode: aws.RetryModeStandard,
	}), nil
}

// loopback: nobody else is on the way there.
func loopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}
