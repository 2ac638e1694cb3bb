package tlogwitness

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"consento/recordings/translog"
)

const origin = "office.example/evidence"

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type scene struct {
	log     *translog.Log
	witness *translog.Cosigner
	server  *httptest.Server
	client  *Client
	keys    translog.Keys
	logKey  ed25519.PrivateKey
}

func newScene(t *testing.T) *scene {
	t.Helper()
	logPub, logKey, err := ed25519.GenerateKey(nil)
	must(t, err)
	pub, key, err := ed25519.GenerateKey(nil)
	must(t, err)
	s := &scene{logKey: logKey}
	s.log, err = translog.Create(filepath.Join(t.TempDir(), "log"), translog.Config{Origin: origin, Key: logKey})
	must(t, err)
	t.Cleanup(func() { must(t, s.log.Close()) })
	s.witness, err = translog.CreateCosigner(translog.CosignerConfig{Name: "mirror.example/w", Key: key, Origin: origin,
		Log: []ed25519.PublicKey{logPub}, State: filepath.Join(t.TempDir(), "state")})
	must(t, err)
	t.Cleanup(func() { must(t, s.witness.Close()) })
	mux := http.NewServeMux()
	mux.Handle("/w/add-checkpoint", Handler(s.witness, func(err error) { t.Error(err) }))
	s.server = httptest.NewServer(mux)
	t.Cleanup(s.server.Close)
	s.client = &Client{URL: s.server.URL + "/w/", Key: pub, HTTP: s.server.Client()}
	s.keys = translog.Keys{Log: []ed25519.PublicKey{logPub}, Witness: []translog.NamedKey{{Name: "mirror", Key: pub}}}
	return s
}

func (s *scene) grow(t *testing.T, n int) {
	t.Helper()
	for range n {
		_, err := s.log.Add(t.Context(), translog.Admin{What: "signin", By: "a"})
		must(t, err)
	}
}

func TestPush(t *testing.T) {
	s := newScene(t)
	for n := range 4 {
		c, err := s.client.Push(t.Context(), s.log)
		must(t, err)
		signed, by, err := s.keys.Check(c)
		if err != nil || !signed || len(by) != 1 || c.Size != s.log.Size() {
			t.Fatal(signed, by, err)
		}
		must(t, s.log.SetCosigned(t.Context(), c))
		s.grow(t, 3)
		if n == 1 { // who forgot where the witness is asks, and goes on
			s.client = &Client{URL: s.client.URL, Key: s.client.Key, HTTP: s.client.HTTP}
		}
	}
	if c, ok := s.log.Cosigned(); !ok || c.Size != s.log.Size()-3 {
		t.Error(ok, c.Size)
	}
}

// TestPushRefused: a log that was set back, a fork, and who is not known.
func TestPushRefused(t *testing.T) {
	s := newScene(t)
	s.grow(t, 20)
	_, err := s.client.Push(t.Context(), s.log)
	must(t, err)
	other, err := translog.Create(filepath.Join(t.TempDir(), "log"), translog.Config{Origin: origin, Key: s.logKey})
	must(t, err)
	defer func() { must(t, other.Close()) }()
	fresh := func() *Client { return &Client{URL: s.client.URL, Key: s.client.Key, HTTP: s.client.HTTP} }
	for range 30 {
		if other.Size() == s.log.Size() {
			if _, err := fresh().Push(t.Context(), other); !errors.Is(err, ErrForked) {
				t.Errorf("a fork of the same size: %v", err)
			}
		} else if other.Size() < s.log.Size() {
			if _, err := fresh().Push(t.Context(), other); !errors.Is(err, ErrAhead) {
				t.Errorf("set back: %v", err)
			}
		} else if _, err := fresh().Push(t.Context(), other); !errors.Is(err, ErrForked) {
			t.Errorf("a longer fork: %v", err)
		}
		_, err := other.Add(t.Context(), translog.Admin{What: "signin", By: "thief"})
		must(t, err)
	}
	last, _ := s.witness.Last()
	if last.Size != s.log.Size() || last.Root != s.log.Checkpoint().Root {
		t.Error("the witness went over to the fork")
	}
	_, thief, err := ed25519.GenerateKey(nil)
	must(t, err)
	for name, c := range map[string]translog.Config{
		"another key":  {Origin: origin, Key: thief},
		"another name": {Origin: "other.example/evidence", Key: s.logKey},
	} {
		l, err := translog.Create(filepath.Join(t.TempDir(), "log"), c)
		must(t, err)
		if _, err := fresh().Push(t.Context(), l); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
		must(t, l.Close())
	}
}

// TestHandlerStatus: the codes of C2SP tlog-witness, and limits.
func TestHandlerStatus(t *testing.T) {
	s := newScene(t)
	s.grow(t, 5)
	c := s.log.Checkpoint()
	good := translog.Request{Checkpoint: c}.Marshal()
	post := func(method string, body []byte) (int, string, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, s.server.URL+"/w/add-checkpoint", bytes.NewReader(body))
		must(t, err)
		res, err := s.server.Client().Do(req)
		must(t, err)
		b, err := io.ReadAll(res.Body)
		must(t, errors.Join(err, res.Body.Close()))
		return res.StatusCode, res.Header.Get("Content-Type"), string(b)
	}
	if code, _, body := post("POST", good); code != 200 || !strings.HasPrefix(body, "— mirror.example/w ") || !strings.HasSuffix(body, "\n") {
		t.Error(code, body)
	}
	if code, kind, body := post("POST", good); code != 409 || kind != "text/x.tlog.size" || body != "6\n" {
		t.Error(code, kind, body)
	}
	s.grow(t, 1)
	for name, c := range map[string]struct {
		method string
		body   []byte
		want   int
	}{
		"GET":       {"GET", nil, 405},
		"empty":     {"POST", nil, 400},
		"garbage":   {"POST", []byte("x"), 400},
		"too long":  {"POST", make([]byte, translog.MaxRequest+1), 413},
		"old above": {"POST", translog.Request{Old: 7, Checkpoint: c}.Marshal(), 400},
		"unproven":  {"POST", translog.Request{Old: 6, Checkpoint: s.log.Checkpoint()}.Marshal(), 422},
	} {
		if code, _, body := post(c.method, c.body); code != c.want {
			t.Errorf("%s: %d %s", name, code, body)
		}
	}
}

// TestLyingWitness: what a client does not take.
func TestLyingWitness(t *testing.T) {
	s := newScene(t)
	_, thief, err := ed25519.GenerateKey(nil)
	must(t, err)
	w, err := translog.CreateCosigner(translog.CosignerConfig{Name: "mirror.example/w", Key: thief, Origin: origin, Log: s.keys.Log, State: filepath.Join(t.TempDir(), "state")})
	must(t, err)
	foreign, err := w.AddCheckpoint(translog.Request{Checkpoint: s.log.Checkpoint()})
	must(t, err)
	must(t, w.Close())
	for name, c := range map[string]struct {
		status int
		body   string
		want   error
	}{
		"another's key":     {200, string(foreign), ErrAnswer},
		"nothing":           {200, "", ErrAnswer},
		"garbage":           {200, "hello", ErrAnswer},
		"too long":          {200, strings.Repeat("x", maxAnswer+1), ErrAnswer},
		"always a size":     {409, "0\n", ErrForked},
		"conflict, no size": {409, "x\n", ErrAnswer},
		"ahead":             {409, "99\n", ErrAhead},
		"refused":           {500, "", ErrRefused},
		"not found":         {404, "", ErrRefused},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
		}))
		client := &Client{URL: server.URL, Key: s.client.Key, HTTP: server.Client()}
		if _, err := client.Push(t.Context(), s.log); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		server.Close()
	}
}
