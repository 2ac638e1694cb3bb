package stamp

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"consento/recordings/stamp/stamptest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var message = []byte("office.example/evidence\n3\nAAAA\n")

func client(t *testing.T, a *stamptest.Authority, hash crypto.Hash) *Client {
	t.Helper()
	c, err := NewClient(Config{URL: a.URL, Roots: a.Roots(), Hash: hash})
	must(t, err)
	return c
}

// TestStamp: a real authority; with the token alone, anybody who has its
// certificate says the same.
func TestStamp(t *testing.T) {
	a := stamptest.New(t)
	for _, hash := range []crypto.Hash{crypto.SHA256, crypto.SHA384} {
		token, s, err := client(t, a, hash).Stamp(t.Context(), message)
		must(t, err)
		if !strings.Contains(s.By, "Test Clock") || s.Accuracy != time.Second || time.Since(s.Time).Abs() > maxSkew || !s.Until().Equal(s.Time.Add(time.Second)) {
			t.Errorf("%+v", s)
		}
		if again, err := Verify(token, message, a.Roots()); err != nil || again != s {
			t.Errorf("%+v, %v", again, err)
		}
		if read, err := Read(token, message); err != nil || !read.Time.Equal(s.Time) || read.By != "" {
			t.Errorf("%+v, %v", read, err)
		}
		for what, c := range map[string]struct {
			token, message []byte
			roots          *x509.CertPool
			want           error
		}{
			"another message":   {token, append(bytes.Clone(message), 'x'), a.Roots(), ErrOther},
			"another authority": {token, message, stamptest.New(t).Roots(), ErrUnknown},
			"no certificate":    {token, message, nil, ErrUnknown},
			"none at all":       {token, message, x509.NewCertPool(), ErrUnknown},
			"cut":               {token[:len(token)-1], message, a.Roots(), ErrToken},
			"longer":            {append(bytes.Clone(token), 0), message, a.Roots(), ErrToken},
			"empty":             {nil, message, a.Roots(), ErrToken},
			"huge":              {make([]byte, MaxToken+1), message, a.Roots(), ErrToken},
		} {
			if _, err := Verify(c.token, c.message, c.roots); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", what, err, c.want)
			}
		}
	}
}

// TestEveryByte: one bit of each byte of a token is flipped. What still verifies
// says the same.
func TestEveryByte(t *testing.T) {
	a := stamptest.New(t)
	token := a.Token(message)
	want, err := Verify(token, message, a.Roots())
	must(t, err)
	refused := 0
	for i := range token {
		changed := bytes.Clone(token)
		changed[i] ^= 1 << (i % 8)
		got, err := Verify(changed, message, a.Roots())
		if err != nil {
			refused++
		} else if got != want {
			t.Fatalf("byte %d: %+v", i, got)
		}
	}
	if refused < len(token)/2 {
		t.Errorf("%d of %d were refused", refused, len(token))
	}
}

// TestHostileAuthorities: whatever does not fit is refused, and nothing waits for
// ever.
func TestHostileAuthorities(t *testing.T) {
	a, stranger, narrow := stamptest.New(t), stamptest.New(t), stamptest.New(t, "sha384")
	honest, err := NewClient(Config{URL: a.URL, Roots: a.Roots(), Hash: crypto.SHA256})
	must(t, err)
	reply := func(kind string, body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write(body)
		}
	}
	var before []byte // an honest answer to an earlier request over the same message
	a.Play(func(w http.ResponseWriter, r *http.Request) {
		query, _ := io.ReadAll(r.Body)
		before = a.Reply(query)
		reply(replyType, before)(w, r)
	})
	_, _, err = honest.Stamp(t.Context(), message)
	must(t, err)
	var other []byte
	a.Play(func(w http.ResponseWriter, r *http.Request) {
		query, _ := io.ReadAll(r.Body)
		other = a.Reply(query)
		reply(replyType, other)(w, r)
	})
	_, _, err = honest.Stamp(t.Context(), []byte("another message"))
	must(t, err)
	for what, c := range map[string]struct {
		play http.HandlerFunc
		want error
		says string
	}{
		"another nonce":       {reply(replyType, before), ErrAnswer, "nonce"},
		"another imprint":     {reply(replyType, other), ErrAnswer, "imprint"},
		"another certificate": {stranger.Answer, ErrUnknown, ""},
		"not granted":         {narrow.Answer, ErrAnswer, "reject"},
		"huge":                {reply(replyType, make([]byte, 1<<20)), ErrAnswer, "longer"},
		"cut":                 {reply(replyType, before[:len(before)/2]), ErrAnswer, ""},
		"empty":               {reply(replyType, nil), ErrAnswer, ""},
		"a page":              {reply("text/html", before), ErrAnswer, "text/html"},
		"an error":            {func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", http.StatusServiceUnavailable) }, ErrAnswer, "503"},
		"led elsewhere": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, stranger.URL, http.StatusTemporaryRedirect)
		}, ErrAnswer, "307"},
		"cut off": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, nil, ""},
	} {
		a.Play(c.play)
		if token, _, err := honest.Stamp(t.Context(), message); token != nil || err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %v with %q", what, err, c.want, c.says)
		}
	}
	// One that never answers: whoever asks decides for how long.
	asked := make(chan bool)
	a.Play(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		close(asked)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, _, err := honest.Stamp(ctx, message); !errors.Is(err, context.Canceled) {
		t.Errorf("slow: %v", err)
	}
	// A clock that goes wrong: there or here.
	a.Play(nil)
	late, err := NewClient(Config{URL: a.URL, Roots: a.Roots(), Hash: crypto.SHA256, Now: func() time.Time { return time.Now().Add(time.Hour) }})
	must(t, err)
	if _, _, err := late.Stamp(t.Context(), message); !errors.Is(err, ErrClock) {
		t.Errorf("an hour apart: %v", err)
	}
	_, _, err = honest.Stamp(t.Context(), message)
	must(t, err)
}

func TestNewClient(t *testing.T) {
	roots := x509.NewCertPool()
	for what, c := range map[string]Config{
		"no address":    {Roots: roots, Hash: crypto.SHA256},
		"no scheme":     {URL: "tsa.example/x", Roots: roots, Hash: crypto.SHA256},
		"another":       {URL: "ftp://tsa.example", Roots: roots, Hash: crypto.SHA256},
		"with a user":   {URL: "https://a:b@tsa.example", Roots: roots, Hash: crypto.SHA256},
		"no roots":      {URL: "https://tsa.example", Hash: crypto.SHA256},
		"no hash":       {URL: "https://tsa.example", Roots: roots},
		"a weak hash":   {URL: "https://tsa.example", Roots: roots, Hash: crypto.SHA1},
		"with fragment": {URL: "https://tsa.example/#x", Roots: roots, Hash: crypto.SHA256},
	} {
		if _, err := NewClient(c); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
	c, err := NewClient(Config{URL: "http://tsa.example:8080/x?y=z", Roots: roots, Hash: crypto.SHA384})
	must(t, err)
	if c.Host() != "tsa.example:8080" {
		t.Error(c.Host())
	}
}

func TestAddCertificates(t *testing.T) {
	a := stamptest.New(t)
	roots := x509.NewCertPool()
	must(t, AddCertificates(roots, append([]byte("Of the clock.\n"), append(a.CA, stamptest.New(t).CA...)...)))
	if _, err := Verify(a.Token(message), message, roots); err != nil {
		t.Error(err)
	}
	for what, text := range map[string]string{
		"nothing":    "",
		"a key":      "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
		"no content": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
	} {
		if err := AddCertificates(roots, []byte(text)); !errors.Is(err, ErrCertificate) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
