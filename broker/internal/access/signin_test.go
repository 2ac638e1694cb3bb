package access

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"consento/broker/internal/ops"

	"github.com/coder/websocket"
)

// newTestSite serves a over TLS: POST /in (email, password), POST /out, GET /who,
// GET /socket (WebSocket that says who), /slow (see gates).
func newTestSite(t *testing.T, a *Access) (site *httptest.Server, gates chan chan struct{}) {
	t.Helper()
	gates = make(chan chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("POST /in", func(w http.ResponseWriter, r *http.Request) {
		var throttled *Throttled
		switch _, err := a.SignIn(r, r.FormValue("email"), r.FormValue("password")); {
		case err == nil:
		case errors.As(err, &throttled):
			http.Error(w, err.Error(), http.StatusTooManyRequests)
		case errors.Is(err, ErrCredentials):
			http.Error(w, err.Error(), http.StatusForbidden)
		default:
			t.Errorf("sign in: %v", err)
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("POST /out", func(w http.ResponseWriter, r *http.Request) {
		if err := a.SignOut(r); err != nil {
			t.Errorf("sign out: %v", err)
		}
	})
	who := func(r *http.Request) string {
		if account, ok := Current(r); ok {
			return account.Email
		}
		return "nobody"
	}
	mux.HandleFunc("GET /who", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, who(r)) })
	mux.Handle("GET /figures", a.LoadAny(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, who(r)) })))
	mux.HandleFunc("GET /slow", func(w http.ResponseWriter, r *http.Request) {
		gate := make(chan struct{})
		gates <- gate // the test knows that we were let in
		<-gate
		io.WriteString(w, who(r))
	})
	mux.HandleFunc("GET /socket", func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Errorf("accept: %v", err)
			return
		}
		defer c.CloseNow()
		if err := c.Write(r.Context(), websocket.MessageText, []byte(who(r))); err != nil {
			t.Errorf("write: %v", err)
		}
		c.Close(websocket.StatusNormalClosure, "")
	})
	site = httptest.NewUnstartedServer(a.LoadSession(mux))
	site.EnableHTTP2 = false // WebSocket
	site.StartTLS()
	t.Cleanup(site.Close)
	return site, gates
}

func newBrowser(t *testing.T, site *httptest.Server) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, Transport: site.Client().Transport}
}

func get(t *testing.T, c *http.Client, url string) string {
	t.Helper()
	res, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func post(t *testing.T, c *http.Client, url string, pairs ...string) *http.Response {
	t.Helper()
	values := map[string][]string{}
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = []string{pairs[i+1]}
	}
	res, err := c.PostForm(url, values)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res
}

func TestSignInAndOut(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	account := mustAdd(t, a, technician("anna@office.example"))
	site, _ := newTestSite(t, a)
	browser := newBrowser(t, site)
	if got := get(t, browser, site.URL+"/who"); got != "nobody" {
		t.Fatalf("before: %q", got)
	}
	if res := post(t, browser, site.URL+"/in", "email", "anna@office.example", "password", otherPassword); res.StatusCode != http.StatusForbidden || len(res.Cookies()) != 0 {
		t.Fatalf("wrong password: %s, cookies %v", res.Status, res.Cookies())
	}
	res := post(t, browser, site.URL+"/in", "email", "Anna@Office.example", "password", goodPassword)
	if res.StatusCode != http.StatusOK || len(res.Cookies()) != 1 {
		t.Fatalf("sign in: %s, cookies %v", res.Status, res.Cookies())
	}
	c := res.Cookies()[0]
	if c.Name != "__Host-consento" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 0 || len(c.Value) < 43 {
		t.Fatalf("cookie %s", c.Raw)
	}
	if got := get(t, browser, site.URL+"/who"); got != account.Email {
		t.Fatalf("signed in as %q", got)
	}
	var stored []string
	if err := a.db.NewSelect().Model((*signInRow)(nil)).Column("token_hash").Scan(t.Context(), &stored); err != nil {
		t.Fatal(err)
	}
	if len(stored) != 1 || stored[0] == c.Value {
		t.Fatalf("the token itself is stored: %v", stored)
	}

	// Signing in again changes the cookie, and the old one is worth nothing.
	again := post(t, browser, site.URL+"/in", "email", "anna@office.example", "password", goodPassword).Cookies()[0]
	if again.Value == c.Value {
		t.Fatal("the cookie stayed the same")
	}
	if got := askWith(t, site, c); got != "nobody" {
		t.Fatalf("old cookie: %q", got)
	}
	res = post(t, browser, site.URL+"/out")
	if len(res.Cookies()) != 1 || res.Cookies()[0].MaxAge >= 0 {
		t.Fatalf("sign out: cookies %v", res.Cookies())
	}
	if got := askWith(t, site, again); got != "nobody" {
		t.Fatalf("after signing out: %q", got)
	}
}

// askWith asks who a cookie belongs to.
func askWith(t *testing.T, site *httptest.Server, c *http.Cookie) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, site.URL+"/who", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	res, err := site.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestForeignCookieIsNobodyAndIsNotTakenOver(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	mustAdd(t, a, technician("anna@office.example"))
	site, _ := newTestSite(t, a)
	planted := &http.Cookie{Name: CookieName, Value: strings.Repeat("A", 43)}
	if got := askWith(t, site, planted); got != "nobody" {
		t.Fatalf("planted cookie: %q", got)
	}
	req, err := http.NewRequest(http.MethodPost, site.URL+"/in", strings.NewReader("email=anna@office.example&password="+strings.ReplaceAll(goodPassword, " ", "+")))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.AddCookie(planted)
	res, err := site.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK || len(res.Cookies()) != 1 || res.Cookies()[0].Value == planted.Value {
		t.Fatalf("%s, cookies %v", res.Status, res.Cookies())
	}
	if got := askWith(t, site, planted); got != "nobody" {
		t.Fatalf("planted cookie afterwards: %q", got)
	}
}

func TestEndedAccountIsOutAtOnce(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	account := mustAdd(t, a, technician("anna@office.example"))
	site, _ := newTestSite(t, a)
	browser := newBrowser(t, site)
	cookie := post(t, browser, site.URL+"/in", "email", account.Email, "password", goodPassword).Cookies()[0]
	token, err := a.AddToken(t.Context(), account.Email, NewToken{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	// From another process: the command line on the same folder.
	other := newTestAccess(t, a.db)
	if err := other.Disable(t.Context(), account.ID); err != nil {
		t.Fatal(err)
	}
	if got := get(t, browser, site.URL+"/who"); got != "nobody" {
		t.Fatalf("cookie of an ended account: %q", got)
	}
	if code, _ := askBearer(t, site, token); code != http.StatusUnauthorized {
		t.Fatalf("token of an ended account: %d", code)
	}
	if res := post(t, browser, site.URL+"/in", "email", account.Email, "password", goodPassword); res.StatusCode != http.StatusForbidden {
		t.Fatalf("ended account signs in: %s", res.Status)
	}
	// Should somebody enable it again, the old sign-in stays ended.
	if _, err := a.db.NewUpdate().Model((*accountRow)(nil)).Set("disabled_at = NULL").Where("id = ?", account.ID).Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := askWith(t, site, cookie); got != "nobody" {
		t.Fatalf("old cookie: %q", got)
	}
}

func TestSignOutWinsOverRequestsOnTheirWay(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	mustAdd(t, a, technician("anna@office.example"))
	site, gates := newTestSite(t, a)
	browser := newBrowser(t, site)
	cookie := post(t, browser, site.URL+"/in", "email", "anna@office.example", "password", goodPassword).Cookies()[0]
	done := make(chan error, 1)
	go func() {
		res, err := browser.Get(site.URL + "/slow")
		if err == nil {
			res.Body.Close()
		}
		done <- err
	}()
	gate := <-gates
	post(t, browser, site.URL+"/out")
	close(gate)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := askWith(t, site, cookie); got != "nobody" {
		t.Fatalf("the late request brought the sign-in back: %q", got)
	}
}

func TestWebSocketBehindSignIn(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	mustAdd(t, a, technician("anna@office.example"))
	site, _ := newTestSite(t, a)
	browser := newBrowser(t, site)
	post(t, browser, site.URL+"/in", "email", "anna@office.example", "password", goodPassword)
	c, _, err := websocket.Dial(t.Context(), "wss"+strings.TrimPrefix(site.URL, "https")+"/socket", &websocket.DialOptions{HTTPClient: browser})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if _, got, err := c.Read(t.Context()); err != nil || string(got) != "anna@office.example" {
		t.Fatalf("socket of %q, %v", got, err)
	}
}

func TestSignInNeedsLoadSession(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	r := httptest.NewRequest(http.MethodPost, "/in", nil)
	if _, err := a.SignIn(r, "anna@office.example", goodPassword); !errors.Is(err, ErrNoSignIn) {
		t.Fatalf("sign in: %v", err)
	}
	if err := a.SignOut(r); !errors.Is(err, ErrNoSignIn) {
		t.Fatalf("sign out: %v", err)
	}
}

// inBubble signs in without a network, so that time can be synctest's.
type inBubble struct {
	a       *Access
	cookie  string
	address string
}

// do runs one request through LoadSession and keeps the cookie.
func (b *inBubble) do(handle func(r *http.Request)) {
	r := httptest.NewRequest(http.MethodPost, "https://office.example/", nil)
	r.RemoteAddr = b.address
	if b.cookie != "" {
		r.AddCookie(&http.Cookie{Name: CookieName, Value: b.cookie})
	}
	w := httptest.NewRecorder()
	b.a.LoadSession(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { handle(r) })).ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if c.Name == CookieName {
			b.cookie = c.Value
		}
	}
}

func (b *inBubble) signIn(email, password string) (err error) {
	b.do(func(r *http.Request) { _, err = b.a.SignIn(r, email, password) })
	return err
}

func (b *inBubble) signedIn() (ok bool) {
	b.do(func(r *http.Request) { _, ok = Current(r) })
	return ok
}

func TestSignInEndsWhenIdleAndAfterTwelveHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTestAccess(t, newTestDB(t))
		mustAdd(t, a, technician("anna@office.example"))
		b := &inBubble{a: a, address: "192.0.2.1:1000"}
		if err := b.signIn("anna@office.example", goodPassword); err != nil {
			t.Fatal(err)
		}
		time.Sleep(29 * time.Minute) // in the bubble: no time passes outside
		if !b.signedIn() {
			t.Fatal("out after 29 minutes")
		}
		time.Sleep(31 * time.Minute)
		if b.signedIn() {
			t.Fatal("still in after 31 idle minutes")
		}
		start := time.Now()
		if err := b.signIn("anna@office.example", goodPassword); err != nil {
			t.Fatal(err)
		}
		for time.Since(start) < 12*time.Hour-10*time.Minute {
			time.Sleep(10 * time.Minute)
			if !b.signedIn() {
				t.Fatalf("out after %s of work", time.Since(start))
			}
		}
		time.Sleep(11 * time.Minute)
		if b.signedIn() {
			t.Fatalf("still in after %s", time.Since(start))
		}
		if err := b.signIn("anna@office.example", goodPassword); err != nil {
			t.Fatal(err)
		}
		time.Sleep(13 * time.Hour)
		b.cookie = ""
		if err := b.signIn("anna@office.example", goodPassword); err != nil {
			t.Fatal(err)
		}
		if n, err := a.db.NewSelect().Model((*signInRow)(nil)).Count(t.Context()); err != nil || n != 1 {
			t.Fatalf("%d sign-ins are kept, %v", n, err)
		}
	})
}

func TestAccountThrottle(t *testing.T) {
	for name, email := range map[string]string{"account": "anna@office.example", "no account": "nobody@office.example", "no e-mail": "nobody"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := newTestDB(t)
				a := newTestAccess(t, db)
				mustAdd(t, a, technician("anna@office.example"))
				// Each try comes from an address of its own.
				tries := 0
				try := func(password string) error {
					tries++
					b := &inBubble{a: a, address: fmt.Sprintf("198.51.%d.%d:1000", tries/250, tries%250)}
					return b.signIn(email, password)
				}
				for range accountPace.free {
					if err := try(otherPassword); !errors.Is(err, ErrCredentials) {
						t.Fatal(err)
					}
				}
				for _, pause := range []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300} {
					if err := try(otherPassword); !errors.Is(err, ErrCredentials) {
						t.Fatal(err)
					}
					// The pause holds in a new process, for the right password too, and
					// asking does not prolong it.
					a = newTestAccess(t, db)
					for range 3 {
						var throttled *Throttled
						if err := try(goodPassword); !errors.As(err, &throttled) || !errors.Is(err, ErrThrottled) || throttled.RetryAfter != pause*time.Second {
							t.Fatalf("%v, want a pause of %d s", err, pause)
						}
					}
					time.Sleep(pause * time.Second)
				}
				want := ErrCredentials
				if name == "account" {
					want = nil
				}
				if err := try(goodPassword); !errors.Is(err, want) {
					t.Fatalf("after the pause: %v", err)
				}
				if name == "account" { // forgotten
					for range accountPace.free {
						if err := try(otherPassword); !errors.Is(err, ErrCredentials) {
							t.Fatal(err)
						}
					}
				}
			})
		})
	}
}

func TestFailuresAreForgottenAfterADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTestAccess(t, newTestDB(t))
		b := &inBubble{a: a, address: "192.0.2.1:1000"}
		for range accountPace.free + 1 {
			if err := b.signIn("nobody@office.example", otherPassword); !errors.Is(err, ErrCredentials) {
				t.Fatal(err)
			}
		}
		time.Sleep(25 * time.Hour)
		for range accountPace.free {
			if err := b.signIn("somebody@office.example", otherPassword); !errors.Is(err, ErrCredentials) {
				t.Fatal(err)
			}
		}
		if n, err := a.db.NewSelect().Model((*failuresRow)(nil)).Count(t.Context()); err != nil || n != 1 {
			t.Fatalf("%d rows are kept, %v", n, err)
		}
	})
}

func TestAddressThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTestAccess(t, newTestDB(t))
		mustAdd(t, a, technician("anna@office.example"))
		spray := func(address string, n int) error {
			return (&inBubble{a: a, address: address}).signIn(fmt.Sprintf("nobody%d@office.example", n), otherPassword)
		}
		for i := range addressPace.free {
			if err := spray(fmt.Sprintf("[2001:db8::%x]:1000", i), i); !errors.Is(err, ErrCredentials) { // one /64
				t.Fatal(err)
			}
			if i%5 == 0 { // a right password between does not buy more
				if err := (&inBubble{a: a, address: "[2001:db8::1]:1"}).signIn("anna@office.example", goodPassword); err != nil {
					t.Fatal(err)
				}
			}
		}
		for i, pause := range []time.Duration{1, 2, 4} {
			if err := spray("[2001:db8::ff]:1000", 100+i); !errors.Is(err, ErrCredentials) {
				t.Fatal(err)
			}
			var throttled *Throttled
			if err := spray("[2001:db8::ff]:2000", 200+i); !errors.As(err, &throttled) || throttled.RetryAfter != pause*time.Second {
				t.Fatalf("%v, want a pause of %d s", err, pause)
			}
			time.Sleep(pause * time.Second)
		}
		if err := spray("[2001:db8:0:1::1]:1000", 300); !errors.Is(err, ErrCredentials) {
			t.Fatalf("the neighbour's network: %v", err)
		}
		time.Sleep(2 * time.Hour)
		for i := range addressPace.free {
			if err := spray("[2001:db8::1]:1000", 400+i); !errors.Is(err, ErrCredentials) {
				t.Fatalf("after two hours: %v", err)
			}
		}
	})
}

func TestAddressTableIsBounded(t *testing.T) {
	throttle := newAddressThrottle()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for i := range maxAddresses + 5000 {
		r.RemoteAddr = fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255)
		if err := throttle.take(network(r)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(throttle.entries); n > maxAddresses {
		t.Fatalf("%d entries", n)
	}
}

func TestFiftyWrongPasswordsAtOnceGainNothing(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	account := mustAdd(t, a, technician("anna@office.example"))
	var group sync.WaitGroup
	results := make([]error, 50)
	began := time.Now()
	for i := range results {
		b := &inBubble{a: a, address: fmt.Sprintf("192.0.2.%d:1000", i)}
		group.Go(func() { results[i] = b.signIn(account.Email, otherPassword) })
	}
	group.Wait()
	looked, throttled := 0, 0
	for _, err := range results {
		switch {
		case errors.Is(err, ErrCredentials):
			looked++
		case errors.Is(err, ErrThrottled):
			throttled++
		default:
			t.Fatal(err)
		}
	}
	// One try more than the free ones begins the first pause; on a slow machine pauses
	// of 1, 2, 4 … seconds end meanwhile.
	most := accountPace.free + 1
	for took, pause := time.Since(began), time.Second; took > pause; took, pause = took-pause, 2*pause {
		most++
	}
	if looked < accountPace.free+1 || looked > most || looked+throttled != 50 {
		t.Fatalf("%d passwords were looked at, %d refused", looked, throttled)
	}
}

func TestFiftySignInsAtOnce(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	emails := make([]string, 50)
	for i := range emails {
		emails[i] = mustAdd(t, a, technician(fmt.Sprintf("t%d@office.example", i))).Email
	}
	site, _ := newTestSite(t, a)
	var group sync.WaitGroup
	for i, email := range emails {
		browser := newBrowser(t, site)
		group.Go(func() {
			b := &inBubble{a: a, address: fmt.Sprintf("192.0.2.%d:1000", i)}
			if err := b.signIn(email, goodPassword); err != nil {
				t.Errorf("%s: %v", email, err)
				return
			}
			res, err := browser.Do(withCookie(t, site.URL+"/who", b.cookie))
			if err != nil {
				t.Error(err)
				return
			}
			defer res.Body.Close()
			if body, err := io.ReadAll(res.Body); err != nil || string(body) != email {
				t.Errorf("%s is taken for %q, %v", email, body, err)
			}
		})
	}
	group.Wait()
}

func withCookie(t *testing.T, url, value string) *http.Request {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Error(err)
		return nil
	}
	req.AddCookie(&http.Cookie{Name: CookieName, Value: value})
	return req
}

func TestBrokenStoreSaysSoAndSignsNobodyIn(t *testing.T) {
	var log strings.Builder
	db := newTestDB(t)
	a := newTestAccess(t, db)
	account := mustAdd(t, a, technician("anna@office.example"))
	a.sessions = newSessions(db, slog.New(slog.NewTextHandler(&log, nil)))
	b := &inBubble{a: a, address: "192.0.2.1:1000"}
	if err := b.signIn(account.Email, goodPassword); err != nil {
		t.Fatal(err)
	}
	if _, err := db.NewRaw("DROP TABLE sign_ins").Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := withCookie(t, "https://office.example/", b.cookie)
	w := httptest.NewRecorder()
	a.LoadSession(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the handler was asked") })).ServeHTTP(w, r)
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "sign_ins") {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if !strings.Contains(log.String(), "sign_ins") || strings.Contains(log.String(), b.cookie) {
		t.Fatalf("log: %s", log.String())
	}
}

// TestCallerWhoIsGoneIsNoError: browsers break requests off all day; nobody is woken
// for that.
func TestCallerWhoIsGoneIsNoError(t *testing.T) {
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, nil))
	a := newTestAccess(t, newTestDB(t))
	account := mustAdd(t, a, technician("anna@office.example"))
	token, err := a.AddToken(t.Context(), account.Email, NewToken{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	a.sessions.ErrorFunc = newSessions(a.db, logger).ErrorFunc
	b := &inBubble{a: a, address: "192.0.2.1:1000"}
	if err := b.signIn(account.Email, goodPassword); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /", a.LoadAny(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the handler was asked") })))
	byToken := httptest.NewRequest(http.MethodGet, "https://office.example/", nil)
	byToken.Header.Set("Authorization", "Bearer "+token)
	for name, r := range map[string]*http.Request{"cookie": withCookie(t, "https://office.example/", b.cookie), "token": byToken} {
		gone, cancel := context.WithCancel(r.Context())
		cancel()
		log.Reset()
		ops.LogRequests(logger, mux, mux).ServeHTTP(httptest.NewRecorder(), r.WithContext(gone))
		if text := log.String(); strings.Contains(text, "ERROR") || !strings.Contains(text, "status=499") {
			t.Errorf("%s: %s", name, text)
		}
	}
}

func TestServiceLogNamesNobody(t *testing.T) {
	var log strings.Builder
	a, err := New(t.Context(), Config{DB: newTestDB(t), Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	a.passwords = newHasher(1000, 2)
	account := mustAdd(t, a, technician("anna@office.example"))
	b := &inBubble{a: a, address: "192.0.2.1:1000"}
	for _, password := range []string{goodPassword, otherPassword} {
		if err := b.signIn(account.Email, password); err != nil && !errors.Is(err, ErrCredentials) {
			t.Fatal(err)
		}
	}
	text := log.String()
	if !strings.Contains(text, "account="+account.ID) || !strings.Contains(text, "reason=credentials") {
		t.Errorf("too little: %s", text)
	}
	for _, secret := range []string{"anna", "Anna", "192.0.2.1", "herons", "bridge", b.cookie} {
		if strings.Contains(text, secret) {
			t.Errorf("%q in the log: %s", secret, text)
		}
	}
}

func TestSameOrigin(t *testing.T) {
	h, err := SameOrigin("https://office.example", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		method  string
		headers []string
		want    int
	}{
		"own page":                {http.MethodPost, []string{"Sec-Fetch-Site", "same-origin"}, 200},
		"own page, old browser":   {http.MethodPost, []string{"Origin", "https://office.example"}, 200},
		"program":                 {http.MethodPost, nil, 200},
		"other site":              {http.MethodPost, []string{"Sec-Fetch-Site", "cross-site"}, 403},
		"other site, old browser": {http.MethodPost, []string{"Origin", "https://evil.example"}, 403},
		"sister site":             {http.MethodPost, []string{"Sec-Fetch-Site", "same-site", "Origin", "https://www.office.example"}, 403},
		"link from other site":    {http.MethodGet, []string{"Sec-Fetch-Site", "cross-site"}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, "https://office.example:8443/in", nil)
			for i := 0; i < len(c.headers); i += 2 {
				r.Header.Set(c.headers[i], c.headers[i+1])
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != c.want {
				t.Fatalf("answer %d, want %d", w.Code, c.want)
			}
		})
	}
	if _, err := SameOrigin("office.example/path", http.NotFoundHandler()); err == nil {
		t.Fatal("not an origin")
	}
}
