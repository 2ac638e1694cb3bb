package hooks

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/uptrace/bun"

	"consento/broker/internal/ops"
)

// Failure says why a request did not arrive: one of a closed set, for pages to put into words.
type Failure string

// The failures.
const (
	Refused    Failure = "status"      // it answered with a status that is no 2xx
	Gone       Failure = "gone"        // it answered 410: it wants no more
	Redirected Failure = "redirect"    // it sent elsewhere
	NotReached Failure = "unreachable" // no connection
	NoName     Failure = "name"        // the name has no address
	Private    Failure = "private"     // the address is of the office's own network, and not allowed
	Untrusted  Failure = "certificate" // its certificate is not good
	Slow       Failure = "timeout"
	Unsealed   Failure = "secret"  // its secret does not open
	TooLong    Failure = "failing" // of a target: nothing arrived for days
)

// Limits of one request.
const (
	requestTime = 15 * time.Second
	dialTime    = 5 * time.Second
	maxAnswer   = 64 << 10 // bytes that are read of an answer
	atOnce      = 50       // deliveries of a target in one turn
)

// pauses are those between the tries of one delivery: all in all three days.
func pauses() []time.Duration {
	return []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, time.Hour, 3 * time.Hour, 8 * time.Hour, 12 * time.Hour, 24 * time.Hour, 24 * time.Hour}
}

// never are addresses that no target on the internet has, beside those that net/netip knows.
var never = prefixes("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
	"64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16")

func prefixes(list ...string) (out []netip.Prefix) {
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// mayReach says whether a request may go to an address.
func (h *Hooks) mayReach(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	for _, p := range h.allow {
		if p.Contains(ip) {
			return true
		}
	}
	if !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return false
	}
	for _, p := range never {
		if p.Contains(ip) {
			return false
		}
	}
	return true
}

// mayReachName says of a host whether it could be: addresses are looked at, names when they
// are connected to.
func (h *Hooks) mayReachName(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return h.mayReach(ip)
	}
	return true
}

var errPrivate = errors.New("an address of the office's own network")

// newClient makes the client of all requests: straight to the target, no redirects, no
// connection that outlives its request. The address is checked when it is dialled, after
// the name was looked up: so a name that answers differently the second time gains nothing.
func (h *Hooks) newClient(roots *x509.CertPool) *http.Client {
	dialer := &net.Dialer{Timeout: dialTime, ControlContext: func(_ context.Context, network, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil || !strings.HasPrefix(network, "tcp") || !h.mayReach(to.Addr()) {
			return errPrivate
		}
		return nil
	}}
	return &http.Client{
		Timeout:       requestTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{Proxy: nil, DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: dialTime, ResponseHeaderTimeout: requestTime, MaxResponseHeaderBytes: 16 << 10, DisableKeepAlives: true, DisableCompression: true},
	}
}

// Run sends what is due until ctx ends. Each target has its turn in a goroutine of its own,
// one at a time.
func (h *Hooks) Run(ctx context.Context) {
	tick := time.NewTicker(h.every)
	defer tick.Stop()
	turns := map[string]*turn{}
	over := make(chan string)
	busy := 0
	for {
		due, err := h.due(ctx)
		if err != nil && ctx.Err() == nil {
			h.log.Error("webhooks cannot be read", slog.Any("error", err))
		}
		for _, r := range due {
			t := turns[r.ID]
			if t == nil {
				t = &turn{}
				turns[r.ID] = t
			}
			if t.busy || h.now().Before(t.rest) {
				continue
			}
			t.busy = true
			busy++
			go func() {
				t.failed = !h.serve(ctx, r)
				over <- r.ID
			}()
		}
		select {
		case <-ctx.Done():
			for ; busy > 0; busy-- {
				<-over
			}
			return
		case id := <-over:
			busy--
			turns[id].ended(h.now())
		case <-tick.C:
		case <-h.wake:
		}
	}
}

// turn is how it goes with one target.
type turn struct {
	busy, failed bool
	fails        int
	rest         time.Time // until then it is left alone
}

// longestRest is how long a target that fails is left alone at most.
const longestRest = 5 * time.Minute

func (t *turn) ended(now time.Time) {
	t.busy = false
	if !t.failed {
		t.fails, t.rest = 0, time.Time{}
		return
	}
	t.rest = now.Add(min(longestRest, time.Second<<min(t.fails, 10)))
	t.fails++
}

// due lists the targets for which something is due.
func (h *Hooks) due(ctx context.Context) ([]targetRow, error) {
	var rows []targetRow
	err := h.db.NewSelect().Model(&rows).Where("active").Where("EXISTS (SELECT 1 FROM hook_deliveries WHERE target = target.id AND next > 0 AND next <= ?)", h.now().UnixMilli()).Scan(ctx)
	return rows, err
}

// serve sends what is due for one target, in order; false when a request did not arrive.
func (h *Hooks) serve(ctx context.Context, t targetRow) bool {
	var rows []deliveryRow
	err := h.db.NewSelect().Model(&rows).Where("target = ?", t.ID).Where("next > 0").Where("next <= ?", h.now().UnixMilli()).Order("next", "made", "id").Limit(atOnce).Scan(ctx)
	for _, d := range rows {
		if err != nil || ctx.Err() != nil {
			break
		}
		status, failed, later := h.send(ctx, t, d)
		if ctx.Err() != nil {
			return true // the broker stops: this try does not count
		}
		// What was sent is noted whatever else ends meanwhile.
		if err = h.settle(context.WithoutCancel(ctx), t, d, status, failed, later); err == nil && failed != "" {
			return false
		}
	}
	if err != nil && ctx.Err() == nil {
		h.log.Error("webhooks cannot be noted", slog.String("webhook", t.ID), slog.Any("error", err))
		return false
	}
	return true
}

// send makes one request. later is what the target asks for by Retry-After.
func (h *Hooks) send(ctx context.Context, t targetRow, d deliveryRow) (status int, failed Failure, later time.Duration) {
	signature, err := h.sign(t, d.ID, h.now(), []byte(d.Body))
	if err != nil {
		h.log.Error("a webhook's secret does not open", slog.String("webhook", t.ID))
		return 0, Unsealed, 0
	}
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.URL, bytes.NewReader([]byte(d.Body)))
	if err != nil {
		return 0, NotReached, 0
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Consento-Webhooks/1")
	for name, value := range signature {
		r.Header[name] = value
	}
	response, err := h.client.Do(r)
	if err != nil {
		return 0, why(err), 0
	}
	// The answer is not looked at; a short one is read so that the target may finish.
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxAnswer))
	_ = response.Body.Close()
	status = response.StatusCode
	switch {
	case status >= 200 && status < 300:
		return status, "", 0
	case status == http.StatusGone:
		return status, Gone, 0
	case status >= 300 && status < 400:
		return status, Redirected, 0
	}
	if s, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && s > 0 && (status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable) {
		later = min(time.Duration(s)*time.Second, 24*time.Hour)
	}
	return status, Refused, later
}

// sign makes the headers of Standard Webhooks: an HMAC-SHA256 over id, time and body, by the
// secret, and for a day by the one before.
func (h *Hooks) sign(t targetRow, id string, at time.Time, body []byte) (http.Header, error) {
	sealed := []string{t.Secret}
	if at.UnixMilli() < t.BeforeUntil {
		sealed = append(sealed, t.SecretBefore)
	}
	stamp := strconv.FormatInt(at.Unix(), 10)
	var signatures []string
	for _, s := range sealed {
		secret, err := h.unseal(t.ID, s)
		if err != nil {
			return nil, err
		}
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(id + "." + stamp + "."))
		mac.Write(body)
		signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {stamp}, "Webhook-Signature": {strings.Join(signatures, " ")}}, nil
}

func why(err error) Failure {
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	var timeout net.Error
	switch {
	case errors.Is(err, errPrivate):
		return Private
	case errors.As(err, &certificate):
		return Untrusted
	case errors.As(err, &name) && !name.IsTimeout:
		return NoName
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return Slow
	}
	return NotReached
}

// settle notes how a try ended, and switches a target off that has been failing for days.
func (h *Hooks) settle(ctx context.Context, t targetRow, d deliveryRow, status int, failed Failure, later time.Duration) error {
	now := h.now()
	err := h.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		q := tx.NewUpdate().Model((*deliveryRow)(nil)).Set("tries = ?", d.Tries+1).Set("tried = ?", now.UnixMilli()).Set("status = ?", status).Set("error = ?", failed).Where("id = ?", d.ID)
		switch {
		case failed == "", failed == Gone, d.Tries >= len(h.pauses):
			q = q.Set("next = 0").Set("done = ?", now.UnixMilli())
		default:
			pause := max(h.pauses[d.Tries], later)
			q = q.Set("next = ?", now.Add(pause).UnixMilli())
		}
		if _, err := q.Exec(ctx); err != nil {
			return err
		}
		if failed == "" {
			_, err := tx.NewUpdate().Model((*targetRow)(nil)).Set("failing = 0").Where("id = ?", t.ID).Where("failing > 0").Exec(ctx)
			return err
		}
		if _, err := tx.NewUpdate().Model((*targetRow)(nil)).Set("failing = ?", now.UnixMilli()).Where("id = ?", t.ID).Where("failing = 0").Exec(ctx); err != nil {
			return err
		}
		return h.stop(ctx, tx, t, failed, now)
	})
	if err != nil {
		return fmt.Errorf("hooks: %w", err)
	}
	return nil
}

// stop switches a target off at which nothing arrives any more.
func (h *Hooks) stop(ctx context.Context, tx bun.Tx, t targetRow, failed Failure, now time.Time) error {
	because := TooLong
	q := tx.NewUpdate().Model((*targetRow)(nil)).Where("id = ?", t.ID).Where("active")
	if failed == Gone {
		because = Gone
	} else {
		q = q.Where("failing > 0").Where("failing < ?", now.Add(-giveUp).UnixMilli())
	}
	result, err := q.Set("active = FALSE").Set("stopped = ?", because).Exec(ctx)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return err
	}
	h.log.Warn("a webhook is switched off", slog.String("webhook", t.ID), slog.String("reason", string(because)))
	if h.stopped != nil {
		t.Active, t.Stopped = false, because
		if err := h.stopped(ctx, tx, t.target()); err != nil {
			return err
		}
	}
	return ops.NoteAct(ctx, tx, "webhook.stopped", ops.ByBroker, map[string]any{"webhook": t.ID, "name": t.Name, "reason": because})
}
