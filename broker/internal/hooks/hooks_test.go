package hooks

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"consento/broker/internal/access"
	"consento/broker/internal/ops"
	"consento/broker/internal/ops/opstest"
)

var boss = access.Account{ID: "boss", Role: access.Administrator}

// receiver is another system, on a real HTTPS server.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []received
	answer func(w http.ResponseWriter, n int) // n from 0; nil: 204
}

type received struct {
	header http.Header
	body   []byte
}

func newReceiver(t testing.TB) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(io.LimitReader(request.Body, 1<<20)) // a broken one is not signed rightly
		r.mu.Lock()
		n := len(r.got)
		r.got = append(r.got, received{request.Header, body})
		answer := r.answer
		r.mu.Unlock()
		if answer != nil {
			answer(w, n)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) all() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]received{}, r.got...)
}

// verified checks as receivers do (Standard Webhooks, "Verifying signatures").
func verified(got received, secret string) bool {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, secretPrefix))
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, raw)
	mac.Write([]byte(got.header.Get("webhook-id") + "." + got.header.Get("webhook-timestamp") + "." + string(got.body)))
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for s := range strings.FieldsSeq(got.header.Get("webhook-signature")) {
		if hmac.Equal([]byte(s), []byte(want)) {
			return true
		}
	}
	return false
}

type env struct {
	*Hooks
	testing.TB
	bun *bun.DB
}

func newEnv(t testing.TB, trusted ...*receiver) *env {
	t.Helper()
	db := opstest.Database(t, t.TempDir()+"/data")
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	roots := x509.NewCertPool()
	for _, r := range trusted {
		roots.AddCert(r.Certificate())
	}
	h, err := New(Config{Database: db, Key: []byte(strings.Repeat("k", 32)), Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Roots: roots, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	h.every, h.pauses = 10*time.Millisecond, []time.Duration{time.Millisecond, time.Millisecond, time.Millisecond, time.Millisecond}
	return &env{h, t, db}
}

// run sends until the test ends.
func (e *env) run() {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.Run(ctx)
	}()
	e.Cleanup(func() {
		stop()
		<-done
	})
}

func (e *env) target(url string, events ...EventType) (Target, string) {
	e.Helper()
	if events == nil {
		events = EventTypes()
	}
	t, secret, err := e.Add(e.Context(), boss, Target{Name: "Other system", URL: url, Events: events})
	if err != nil {
		e.Fatal(err)
	}
	return t, secret
}

func (e *env) happens(kind EventType) {
	e.Helper()
	if err := e.Note(e.Context(), e.bun, kind, map[string]Ticket{"ticket": {ID: "1", Ref: "T-ABCDEF"}}); err != nil {
		e.Fatal(err)
	}
}

func (e *env) until(what string, is func() bool) {
	e.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for range 4000 {
		if is() {
			return
		}
		<-again.C
	}
	e.Fatalf("never: %s", what)
}

// last is how it stands with a target's newest delivery.
func (e *env) last(target string) Delivery {
	e.Helper()
	list, err := e.Deliveries(e.Context(), boss, target, 1)
	if err != nil || len(list) == 0 {
		e.Fatal(list, err)
	}
	return list[0]
}

// TestSignature is the example of the specification.
func TestSignature(t *testing.T) {
	e := newEnv(t)
	raw, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	sealed := base64.RawURLEncoding.EncodeToString(e.sealer.Seal(nil, nil, raw, []byte("x")))
	got, err := e.sign(targetRow{ID: "x", Secret: sealed}, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if err != nil || got.Get("webhook-signature") != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := e.sign(targetRow{ID: "y", Secret: sealed}, "m", time.Now(), nil); err == nil {
		t.Error("a secret of another target opens")
	}
}

// TestDelivery: what happened arrives signed, with what was asked for and nothing else; what
// was rolled back does not.
func TestDelivery(t *testing.T) {
	r := newReceiver(t)
	e := newEnv(t, r)
	target, secret := e.target(r.URL+"/in?x=y", TicketOpened)
	var stored targetRow
	if err := e.bun.NewSelect().Model(&stored).Scan(t.Context()); err != nil || strings.Contains(stored.Secret, strings.TrimPrefix(secret, secretPrefix)) {
		t.Errorf("stored %+v, %v", stored, err)
	}
	e.run()
	rolledBack := errors.New("no")
	err := e.bun.RunInTx(t.Context(), nil, func(ctx context.Context, tx bun.Tx) error {
		return errors.Join(rolledBack, e.Note(ctx, tx, TicketOpened, map[string]string{"never": "happened"}))
	})
	if !errors.Is(err, rolledBack) {
		t.Fatal(err)
	}
	e.happens(SessionEnded)
	e.happens(TicketOpened)
	e.until("it arrived", func() bool { return len(r.all()) == 1 && e.last(target.ID).Arrived() })
	got := r.all()[0]
	var event struct {
		Type EventType
		At   time.Time `json:"timestamp"`
		Data struct{ Ticket Ticket }
	}
	if err := json.Unmarshal(got.body, &event); err != nil || event.Type != TicketOpened || event.At.IsZero() || event.Data.Ticket.Ref != "T-ABCDEF" {
		t.Errorf("%s, %v", got.body, err)
	}
	if !verified(got, secret) || got.header.Get("Content-Type") != "application/json" || got.header.Get("Authorization") != "" {
		t.Errorf("%v", got.header)
	}
	// Once more, with the same id.
	if err := e.Again(t.Context(), boss, target.ID, got.header.Get("webhook-id")); err != nil {
		t.Fatal(err)
	}
	e.until("it arrived again", func() bool { return len(r.all()) == 2 })
	if again := r.all()[1]; again.header.Get("webhook-id") != got.header.Get("webhook-id") || string(again.body) != string(got.body) {
		t.Errorf("%+v", again)
	}
	if err := e.Again(t.Context(), boss, "other", got.header.Get("webhook-id")); !errors.Is(err, ErrNoDelivery) {
		t.Errorf("another target's: %v", err)
	}
	// The secret before signs as well, for a day.
	next, err := e.Rotate(t.Context(), boss, target.ID)
	if err != nil || next == secret {
		t.Fatal(err)
	}
	if err := e.Try(t.Context(), boss, target.ID); err != nil {
		t.Fatal(err)
	}
	e.until("the test arrived", func() bool { return len(r.all()) == 3 })
	if got := r.all()[2]; !verified(got, secret) || !verified(got, next) || !strings.Contains(string(got.body), `"ping"`) {
		t.Errorf("%+v", got)
	}
}

// TestRetries: what fails is sent again with the same id until it arrives, and given up at last.
func TestRetries(t *testing.T) {
	r := newReceiver(t)
	r.answer = func(w http.ResponseWriter, n int) {
		if n < 2 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}
	e := newEnv(t, r)
	target, _ := e.target(r.URL)
	e.happens(TicketChanged)
	e.run()
	e.until("it arrived", func() bool { return e.last(target.ID).Arrived() })
	ids := map[string]bool{}
	for _, got := range r.all() {
		ids[got.header.Get("webhook-id")] = true
	}
	if now, err := e.Target(t.Context(), boss, target.ID); len(ids) != 1 || e.last(target.ID).Tries != 3 || err != nil || !now.Failing.IsZero() {
		t.Errorf("%v, %+v, %v", ids, now, err)
	}
	all := pauses()
	var sum time.Duration
	for i, p := range all {
		if i > 0 && p < all[i-1] {
			t.Errorf("pause %d is shorter than the one before", i)
		}
		sum += p
	}
	if sum < 72*time.Hour || sum > 96*time.Hour {
		t.Errorf("all in all %s", sum)
	}
}

// TestTroubled: each way in which a target can be wrong has its word, and nothing is followed.
func TestTroubled(t *testing.T) {
	r, elsewhere := newReceiver(t), newReceiver(t)
	e := newEnv(t, r, elsewhere)
	e.client.Timeout = 300 * time.Millisecond
	hold := make(chan struct{})
	t.Cleanup(func() { close(hold) })
	closed := httptest.NewTLSServer(http.NotFoundHandler())
	closed.Close()
	for name, c := range map[string]struct {
		url    string
		answer func(w http.ResponseWriter, n int)
		want   Failure
	}{
		"refuses": {r.URL, func(w http.ResponseWriter, _ int) { w.WriteHeader(http.StatusUnauthorized) }, Refused},
		"redirects": {r.URL, func(w http.ResponseWriter, _ int) {
			w.Header().Set("Location", elsewhere.URL)
			w.WriteHeader(http.StatusTemporaryRedirect)
		}, Redirected},
		"is silent":   {r.URL, func(http.ResponseWriter, int) { <-hold }, Slow},
		"is down":     {closed.URL, nil, NotReached},
		"has no name": {"https://nothing.invalid", nil, NoName},
		"talks on": {r.URL, func(w http.ResponseWriter, _ int) {
			for { // until the client has had enough
				if _, err := w.Write(make([]byte, 32<<10)); err != nil {
					return
				}
			}
		}, ""},
	} {
		r.mu.Lock()
		r.answer = c.answer
		r.mu.Unlock()
		target, _ := e.target(c.url)
		var row targetRow
		if err := e.bun.NewSelect().Model(&row).Where("id = ?", target.ID).Scan(t.Context()); err != nil {
			t.Fatal(err)
		}
		if status, failed, _ := e.send(t.Context(), row, deliveryRow{ID: "m", Body: "{}"}); failed != c.want {
			t.Errorf("%s: %q (%d) instead of %q", name, failed, status, c.want)
		}
	}
	stranger := newEnv(t) // it does not know whose certificate that is
	if _, failed, _ := stranger.send(t.Context(), targetRow{ID: "x", URL: r.URL, Secret: sealedFor(stranger, "x")}, deliveryRow{ID: "m", Body: "{}"}); failed != Untrusted {
		t.Errorf("a certificate of nobody's: %q", failed)
	}
	if len(elsewhere.all()) != 0 {
		t.Error("a redirect was followed")
	}
}

func sealedFor(e *env, target string) string {
	_, sealed := e.newSecret(target)
	return sealed
}

// TestPrivate: no request goes to an address that was not allowed, whatever its name says.
func TestPrivate(t *testing.T) {
	r := newReceiver(t)
	e := newEnv(t, r)
	e.allow = nil
	local := strings.Replace(r.URL, "127.0.0.1", "localhost", 1) // a name that leads inside
	target, _ := e.target(local)
	var row targetRow
	if err := e.bun.NewSelect().Model(&row).Where("id = ?", target.ID).Scan(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, failed, _ := e.send(t.Context(), row, deliveryRow{ID: "m", Body: "{}"}); failed != Private || len(r.all()) != 0 {
		t.Errorf("%q, and %d arrived", failed, len(r.all()))
	}
	for _, address := range []string{"127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1", "fd00::1", "ff02::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "2001:db8::1"} {
		if e.mayReach(netip.MustParseAddr(address)) {
			t.Errorf("%s may be reached", address)
		}
	}
	for _, address := range []string{"93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:93.184.215.14"} {
		if !e.mayReach(netip.MustParseAddr(address)) {
			t.Errorf("%s may not be reached", address)
		}
	}
	for url, code := range map[string]string{"http://example.org": "malformed", "https://": "malformed", "https://user:pass@example.org": "malformed", "https://example.org/#x": "malformed", "https://10.0.0.1/": "private", "https://[::1]/": "private",
		"https://example.org/" + strings.Repeat("a", 600): "malformed", "ftp://example.org": "malformed", "https://exa mple.org": "malformed", "//example.org": "malformed"} {
		var wrong *access.Invalid
		if _, _, err := e.Add(t.Context(), boss, Target{Name: "x", URL: url, Events: EventTypes()}); !errors.As(err, &wrong) || wrong.Field != "url" || wrong.Code != code {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// TestSlowOneHoldsNobody: while one target does not answer, another gets what happens.
func TestSlowOneHoldsNobody(t *testing.T) {
	slow, quick := newReceiver(t), newReceiver(t)
	hold := make(chan struct{})
	slow.answer = func(http.ResponseWriter, int) { <-hold }
	e := newEnv(t, slow, quick)
	e.target(slow.URL)
	e.target(quick.URL)
	e.run()
	for n := range 5 {
		e.happens(TicketChanged)
		e.until("the quick one has it", func() bool { return len(quick.all()) == n+1 })
	}
	if n := len(slow.all()); n > 1 {
		t.Errorf("the slow one was asked %d times at once", n)
	}
	close(hold)
	e.until("the slow one catches up", func() bool { return len(slow.all()) == 5 })
}

// TestSwitchedOff: a target that wants no more, or at which nothing arrives for days, is
// switched off; what waits is kept, and sent when it is switched on again.
func TestSwitchedOff(t *testing.T) {
	r := newReceiver(t)
	r.answer = func(w http.ResponseWriter, _ int) { w.WriteHeader(http.StatusBadGateway) }
	e := newEnv(t, r)
	e.pauses = []time.Duration{time.Hour}
	target, _ := e.target(r.URL)
	var told []Failure
	e.OnStopped(func(_ context.Context, db bun.IDB, t Target) error {
		if _, in := db.(bun.Tx); !in || t.ID != target.ID || t.Name != target.Name {
			t.Active = true
		}
		if told = append(told, t.Stopped); t.Active {
			told = append(told, "wrong")
		}
		return nil
	})
	try := func() Target {
		t.Helper()
		e.happens(TicketChanged)
		rows, err := e.due(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			e.serve(t.Context(), row)
		}
		now, err := e.Target(t.Context(), boss, target.ID)
		if err != nil {
			t.Fatal(err)
		}
		return now
	}
	if now := try(); now.Failing.IsZero() || !now.Active || now.Stopped != "" {
		t.Errorf("%+v", now)
	}
	e.now = func() time.Time { return time.Now().Add(giveUp + time.Minute) }
	now := try()
	if now.Active || now.Stopped != TooLong || now.Waiting == 0 {
		t.Errorf("%+v", now)
	}
	try() // it is off: nobody is told again
	if !slices.Equal(told, []Failure{TooLong}) {
		t.Errorf("told of %q", told)
	}
	acts, err := ops.ActsWaiting(t.Context(), e.bun, 10)
	if err != nil || acts[len(acts)-1].What != "webhook.stopped" || acts[len(acts)-1].By != ops.ByBroker {
		t.Errorf("%+v, %v", acts, err)
	}
	r.mu.Lock()
	r.answer = nil
	r.mu.Unlock()
	now.Active = true
	if err := e.Change(t.Context(), boss, now); err != nil {
		t.Fatal(err)
	}
	e.now = func() time.Time { return time.Now().Add(giveUp + 2*time.Hour) }
	if now = try(); !now.Active || now.Stopped != "" || now.Waiting != 0 || !now.Failing.IsZero() {
		t.Errorf("%+v", now)
	}
	r.mu.Lock()
	r.answer = func(w http.ResponseWriter, _ int) { w.WriteHeader(http.StatusGone) }
	r.mu.Unlock()
	if now = try(); now.Active || now.Stopped != Gone || now.Waiting != 0 {
		t.Errorf("%+v", now)
	}
	if !slices.Equal(told, []Failure{TooLong, Gone}) {
		t.Errorf("told of %q", told)
	}
	if err := e.Remove(t.Context(), boss, target.ID); err != nil {
		t.Fatal(err)
	}
	if n, err := e.bun.NewSelect().Model((*deliveryRow)(nil)).Count(t.Context()); err != nil || n != 0 {
		t.Errorf("%d are left, %v", n, err)
	}
}

// TestForget: what is done goes after a while, what waits stays.
func TestForget(t *testing.T) {
	e := newEnv(t)
	target, _ := e.target("https://example.org/in")
	e.happens(TicketOpened)
	e.happens(TicketOpened)
	done := e.last(target.ID)
	if err := e.settle(t.Context(), targetRow{ID: target.ID}, deliveryRow{ID: done.ID}, 200, "", 0); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		later time.Duration
		left  int
	}{{time.Hour, 2}, {kept + time.Hour, 1}} {
		if err := Forget(t.Context(), e.bun, time.Now().Add(c.later)); err != nil {
			t.Fatal(err)
		}
		if list, err := e.Deliveries(t.Context(), boss, target.ID, 10); err != nil || len(list) != c.left {
			t.Errorf("%d are left, %v", len(list), err)
		}
	}
}

// TestWhoDecides: administrators alone.
func TestWhoDecides(t *testing.T) {
	e := newEnv(t)
	target, _ := e.target("https://example.org/in")
	for _, role := range access.Roles() {
		if role == access.Administrator {
			continue
		}
		by := access.Account{ID: "x", Role: role, Team: "Desk"}
		_, _, add := e.Add(t.Context(), by, target)
		_, rotate := e.Rotate(t.Context(), by, target.ID)
		_, list := e.Targets(t.Context(), by)
		_, deliveries := e.Deliveries(t.Context(), by, target.ID, 1)
		for what, err := range map[string]error{"add": add, "rotate": rotate, "list": list, "deliveries": deliveries, "change": e.Change(t.Context(), by, target), "remove": e.Remove(t.Context(), by, target.ID), "try": e.Try(t.Context(), by, target.ID), "again": e.Again(t.Context(), by, target.ID, "x")} {
			if !errors.Is(err, access.ErrForbidden) {
				t.Errorf("%s: %s: %v", role, what, err)
			}
		}
	}
}
