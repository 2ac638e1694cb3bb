package mirror

import (
	"bytes"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"consento/recordings"
	"consento/recordings/translog"
	"consento/recordings/translog/tlogwitness"
)

// TestAppend: what follows is taken, and nothing else, whoever asks.
func TestAppend(t *testing.T) {
	o := newOffice(t)
	p := newPlace(t, o)
	c := p.client(t)
	w := o.record(t)
	name := filepath.Base(w.Path())
	first := must(os.ReadFile(w.Path()))(t)
	second(t, w, 0)
	second(t, w, 1)
	all := must(os.ReadFile(w.Path()))(t)
	refuse := func(what string, name string, at int64, b []byte, want error) {
		t.Helper()
		if _, err := c.Append(t.Context(), name, at, b); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	refuse("nothing", name, 0, nil, ErrHeld)
	refuse("not at its end", name, 5, all, ErrHeld)
	refuse("without a seal", name, 0, all[:len(all)-1], ErrRefused)
	other := o.record(t)
	refuse("under another name", filepath.Base(other.Path()), 0, first, ErrRefused)
	held := must(c.Append(t.Context(), name, 0, first))(t)
	if held.Size != int64(len(first)) || held.Sealed {
		t.Errorf("%+v", held)
	}
	refuse("rewrite", name, 0, all, ErrHeld)
	more := all[len(first):]
	for i := range more {
		changed := bytes.Clone(more)
		changed[i] ^= 1
		if i%97 == 0 { // each bit of seals and headers is tested beside the follower
			refuse("a changed bit", name, int64(len(first)), changed, ErrRefused)
		}
	}
	// A whole recording of somebody who has the token, not the session's key.
	forged := o.record(t)
	second(t, forged, 0)
	refuse("forged continuation", name, int64(len(first)), must(os.ReadFile(forged.Path()))(t)[len(first):], ErrRefused)
	refuse("dropped", name, int64(len(first)), more[100:], ErrRefused)
	held = must(c.Append(t.Context(), name, int64(len(first)), more))(t)
	cosig := must(recordings.ParseCosignature(w.Open().Session, held.Cosignature))(t)
	if !cosig.Head.Same(w.Head()) || !cosig.Key.Equal(p.key.Public()) {
		t.Errorf("countersigned %+v", cosig)
	}
	again := must(c.Append(t.Context(), name, held.Size, nil))(t)
	if !bytes.Equal(again.Cosignature, held.Cosignature) {
		t.Error("an answer that was lost cannot be had again")
	}
	must(w.Close())(t)
	whole := must(os.ReadFile(w.Path()))(t)
	held = must(c.Append(t.Context(), name, held.Size, whole[held.Size:]))(t)
	if !held.Sealed || !sameFile(t, p.rec(name), w.Path()) {
		t.Errorf("%+v", held)
	}
	refuse("behind the end", name, held.Size, more, ErrRefused)
	in := must(c.Open(t.Context(), name, 7))(t)
	defer in.Close()
	if got := must(io.ReadAll(in))(t); !bytes.Equal(got, whole[7:]) {
		t.Errorf("read %d bytes", len(got))
	}
	n := 0
	for h, err := range c.List(t.Context()) {
		ok(t, err)
		if n++; h.Name != name || h.Size != held.Size || !h.Sealed {
			t.Errorf("%+v", h)
		}
	}
	if n != 1 {
		t.Errorf("%d recordings", n)
	}
	for _, w := range []*recordings.Writer{other, forged} {
		must(w.Close())(t)
	}
}

// TestRecovered: only the log's key closes what a crash interrupted.
func TestRecovered(t *testing.T) {
	o := newOffice(t)
	c := newPlace(t, o).client(t)
	_, stranger, _ := ed25519.GenerateKey(nil)
	for name, key := range map[string]ed25519.PrivateKey{"log": o.key, "stranger": stranger} {
		w := o.record(t)
		file := filepath.Base(w.Path())
		held := must(c.Append(t.Context(), file, 0, must(os.ReadFile(w.Path()))(t)))(t)
		must(recordings.Recover(w.Path(), key, "test", time.Now()))(t)
		whole := must(os.ReadFile(w.Path()))(t)
		got, err := c.Append(t.Context(), file, held.Size, whole[held.Size:])
		if (err == nil) != (name == "log") || name == "stranger" && !errors.Is(err, ErrRefused) || got.Sealed != (name == "log") {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestStrangers(t *testing.T) {
	o := newOffice(t)
	p := newPlace(t, o)
	w := o.record(t)
	for what, conf := range map[string]ClientConfig{
		"token": {URL: "https://" + p.addr, Pin: p.pin, Token: testToken + "x", Key: p.key.Public().(ed25519.PublicKey)},
		"pin":   {URL: "https://" + p.addr, Pin: strings.Repeat("0", 64), Token: testToken, Key: p.key.Public().(ed25519.PublicKey)},
	} {
		c := must(NewClient(conf))(t)
		if _, err := c.Append(t.Context(), filepath.Base(w.Path()), 0, must(os.ReadFile(w.Path()))(t)); err == nil || what == "pin" && !errors.Is(err, ErrPin) {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := c.PushCheckpoint(t.Context(), o.log); err == nil {
			t.Errorf("%s: a checkpoint was signed", what)
		}
		c.Close()
	}
	for _, conf := range []ClientConfig{{URL: "http://x", Pin: p.pin}, {URL: "https://u:p@x", Pin: p.pin}, {URL: "https://x", Pin: "ab"}} {
		conf.Token, conf.Key = testToken, p.key.Public().(ed25519.PublicKey)
		if _, err := NewClient(conf); err == nil {
			t.Errorf("%+v", conf)
		}
	}
	must(w.Close())(t)
}

// TestHostileRequests get an answer, and leave nothing.
func TestHostileRequests(t *testing.T) {
	o := newOffice(t)
	p := newPlace(t, o)
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer web.CloseIdleConnections()
	good := "/rec/" + strings.Repeat("0", 32) + "-0.rec"
	for _, c := range []struct {
		method, path string
		body         io.Reader
		want         int
	}{
		{"POST", good, nil, 400}, {"POST", good + "?at=-1", nil, 400}, {"POST", good + "?at=9223372036854775808", nil, 400},
		{"POST", "/rec/..%2f..%2fetc%2fpasswd?at=0", nil, 400}, {"POST", "/rec/x.key?at=0", nil, 400}, {"POST", good + "?at=0", strings.NewReader("RrV1"), 422},
		{"POST", good + "?at=0", strings.NewReader(strings.Repeat("\xff", 1000)), 422},
		{"POST", good + "?at=0", io.LimitReader(zeros{}, MaxBody+1), 413},
		{"GET", good, nil, 404}, {"GET", good + "?from=x", nil, 400}, {"GET", "/rec/%00", nil, 400}, {"DELETE", good, nil, 405}, {"PUT", good, nil, 405},
		{"POST", "/log/entries?at=0&size=1", strings.NewReader("\x00"), 409}, {"POST", "/log/entries?at=x&size=1", nil, 400},
		{"POST", "/log/entries?at=0&size=1", strings.NewReader("\xff"), 400}, {"POST", "/log/entries?at=0&size=1", strings.NewReader("\x00\xff\xff"), 400},
		{"PUT", "/log/sealed/" + strings.Repeat("0", 64), strings.NewReader("x"), 400}, {"PUT", "/log/sealed/" + strings.Repeat("a", 64), strings.NewReader("x"), 422},
		{"PUT", "/log/sealed/x", nil, 400}, {"POST", "/add-checkpoint", strings.NewReader("x"), 400}, {"GET", "/add-checkpoint", nil, 405}, {"GET", "/x", nil, 404},
	} {
		req := must(http.NewRequestWithContext(t.Context(), c.method, "https://"+p.addr+c.path, c.body))(t)
		req.Header.Set("Authorization", "Bearer "+testToken)
		res := must(web.Do(req))(t)
		if res.StatusCode != c.want {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, res.StatusCode, c.want)
		}
		res.Body.Close()
	}
	for h, err := range p.client(t).List(t.Context()) {
		t.Errorf("%v, %v", h, err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestTornCopy: what a crash of the mirror left behind the last seal was never
// acknowledged and goes; what was changed is refused and stays for people to see.
func TestTornCopy(t *testing.T) {
	o := newOffice(t)
	p := newPlace(t, o)
	w := o.record(t)
	second(t, w, 0)
	name, all := filepath.Base(w.Path()), must(os.ReadFile(w.Path()))(t)
	must(p.client(t).Append(t.Context(), name, 0, all))(t)
	second(t, w, 1)
	whole := must(os.ReadFile(w.Path()))(t)
	for _, tail := range [][]byte{whole[len(all) : len(all)+1], whole[len(all) : len(whole)-1], make([]byte, 5000)} {
		p.stop()
		ok(t, os.WriteFile(p.rec(name), append(bytes.Clone(all), tail...), 0o600))
		p.start(t)
		if _, err := p.client(t).Append(t.Context(), name, 0, all); !errors.Is(err, ErrHeld) {
			t.Errorf("%d bytes behind: %v", len(tail), err)
		}
		if !bytes.Equal(must(os.ReadFile(p.rec(name)))(t), all) {
			t.Errorf("%d bytes behind: not taken back", len(tail))
		}
	}
	must(p.client(t).Append(t.Context(), name, int64(len(all)), whole[len(all):]))(t)
	p.stop()
	changed := bytes.Clone(whole)
	changed[len(all)/2] ^= 1
	ok(t, os.WriteFile(p.rec(name), changed, 0o600))
	p.start(t)
	second(t, w, 2)
	if _, err := p.client(t).Append(t.Context(), name, int64(len(whole)), must(os.ReadFile(w.Path()))(t)[len(whole):]); err == nil {
		t.Error("a changed copy was continued")
	}
	if !bytes.Equal(must(os.ReadFile(p.rec(name)))(t), changed) {
		t.Error("it was changed again")
	}
	must(w.Close())(t)
}

// TestForkRefused: two logs under one key and name.
func TestForkRefused(t *testing.T) {
	o := newOffice(t)
	p := newPlace(t, o)
	c := p.client(t)
	for n := range 5 {
		must(o.log.Add(t.Context(), translog.Admin{What: "a.b", By: "command", Body: translog.Hash{byte(n)}}))(t)
	}
	point := must(c.PushCheckpoint(t.Context(), o.log))(t)
	keys := translog.Keys{Log: []ed25519.PublicKey{p.log}, Witness: []translog.NamedKey{{Name: "mirror", Key: p.key.Public().(ed25519.PublicKey)}}}
	if signed, by, err := keys.Check(point); err != nil || !signed || len(by) != 1 {
		t.Errorf("%v, %v, %v", signed, by, err)
	}
	for _, more := range []int{2, 5, 8} {
		fork := must(translog.Create(t.TempDir(), translog.Config{Origin: testOrigin, Key: o.key}))(t)
		for n := range more {
			must(fork.Add(t.Context(), translog.Admin{What: "a.b", By: "command", Body: translog.Hash{byte(n), 1}}))(t)
		}
		if _, err := p.client(t).PushCheckpoint(t.Context(), fork); !errors.Is(err, tlogwitness.ErrForked) && !errors.Is(err, tlogwitness.ErrAhead) {
			t.Errorf("fork of %d: %v", more, err)
		}
		ok(t, fork.Close())
	}
}
