package bucket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"consento/recordings"
	"consento/recordings/disktest"
	"consento/recordings/store"
	"consento/recordings/store/s3store"
)

// line is a way to a server that can be cut, or hold everything back.
type line struct {
	to, addr string

	mu      sync.Mutex
	refuse  bool
	stall   bool
	answers int   // this many answers get lost, each with its connection
	up      int64 // bytes that still get through to the server before a cut; < 0: all
	down    int64 // the same, from it
	conns   map[net.Conn]bool
}

func newLine(t testing.TB, to string) *line {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	l := &line{to: to, addr: listener.Addr().String(), up: -1, down: -1, conns: map[net.Conn]bool{}}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { l.carry(c) })
		}
	})
	t.Cleanup(func() {
		must(t, listener.Close())
		l.set(func() { l.refuse = true })
		all.Wait()
	})
	return l
}

// set changes how it is, and ends the connections that there are.
func (l *line) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	for c := range l.conns {
		_ = c.Close()
	}
}

// good lets everything through.
func (l *line) good() {
	l.set(func() { l.refuse, l.stall, l.answers, l.up, l.down = false, false, 0, -1, -1 })
}

func (l *line) keep(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuse {
		_ = c.Close()
		return false
	}
	l.conns[c] = true
	return true
}

func (l *line) carry(c net.Conn) {
	s, err := net.Dial("tcp", l.to)
	if err != nil || !l.keep(c) || !l.keep(s) {
		_ = c.Close()
		return
	}
	var both sync.WaitGroup
	end := func() { _, _ = c.Close(), s.Close() }
	both.Go(func() { defer end(); l.pump(s, c, true) })
	both.Go(func() { defer end(); l.pump(c, s, false) })
	both.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
	delete(l.conns, s)
}

func (l *line) pump(to, from net.Conn, up bool) {
	b := make([]byte, 8<<10)
	for {
		n, err := from.Read(b)
		l.mu.Lock()
		left, stalled, lost := &l.down, l.stall, false
		if up {
			left = &l.up
		} else if n > 0 && l.answers > 0 {
			l.answers--
			lost = true
		}
		cut := *left >= 0 && int64(n) > *left
		if cut {
			n = int(*left)
		}
		if *left >= 0 {
			*left -= int64(n)
		}
		l.mu.Unlock()
		if lost {
			return
		}
		if stalled {
			if err != nil {
				return
			}
			continue // it goes nowhere
		}
		if _, werr := to.Write(b[:n]); werr != nil || err != nil || cut {
			return
		}
	}
}

// behind is a store behind a line.
func behind(t testing.TB, g *gateway, bucket string, timeout time.Duration) (*line, *s3store.Store) {
	t.Helper()
	g.bucket(t, bucket)
	l := newLine(t, g.addr)
	c := g.config(bucket)
	c.Endpoint, c.Timeout = "http://"+l.addr, timeout
	return l, open(t, c)
}

func all(t testing.TB, s store.Store, name string) []byte {
	t.Helper()
	in, err := s.Open(t.Context(), name, 0)
	must(t, err)
	b, err := io.ReadAll(in)
	must(t, errors.Join(err, in.Close()))
	return b
}

// again appends like an uplink: after a failure it asks how much there is.
func again(t testing.TB, s store.Store, name string, want []byte) {
	t.Helper()
	for {
		info, err := s.Stat(t.Context(), name)
		if err != nil && info.Size != 0 {
			t.Fatal(err)
		}
		if info.Size == int64(len(want)) {
			return
		}
		err = s.Append(t.Context(), name, info.Size, want[info.Size:])
		if err != nil && !errors.As(err, new(store.OffsetError)) {
			t.Fatalf("on a good line: %v", err)
		}
	}
}

// TestBadLine: what a line does to a store is an error in bounded time, and nothing
// that was acknowledged is lost or doubled.
func TestBadLine(t *testing.T) {
	g := newGateway(t, t.TempDir())
	l, s := behind(t, g, "line", 4*time.Second)
	ctx := t.Context()
	want := []byte("begin")
	must(t, s.Append(ctx, name, 0, want))
	step := func(what string, bad func(), oneIsEnough bool) {
		t.Helper()
		next := bytes.Repeat([]byte{byte('a' + len(want)%26)}, 1+rand.IntN(200_000))
		l.set(bad)
		err := s.Append(ctx, name, int64(len(want)), next)
		if err == nil != oneIsEnough {
			t.Errorf("%s: %v", what, err)
		}
		if errors.As(err, new(store.OffsetError)) || errors.Is(err, store.ErrSealed) {
			t.Errorf("%s: a bad line is told as %v", what, err)
		}
		l.good()
		want = append(want, next...)
		again(t, s, name, want)
	}
	step("refused", func() { l.refuse = true }, false)
	step("nothing comes back", func() { l.stall = true }, false)
	step("cut at once", func() { l.up = 0 }, false)
	step("one answer lost, and asked again", func() { l.answers = 1 }, true)
	step("all answers lost", func() { l.answers = 100 }, false)
	for range 8 {
		cut := rand.Int64N(1000)
		step(fmt.Sprintf("cut after %d bytes", cut), func() { l.up = cut }, false)
	}
	if got := all(t, s, name); !bytes.Equal(got, want) {
		t.Fatalf("%d bytes are there, %d were acknowledged, or others", len(got), len(want))
	}
	// The end of a recording, at a store that answers this many times and no more.
	for n := range 6 {
		ended := fmt.Sprintf("%032d-0.rec", n)
		must(t, s.Append(ctx, ended, 0, want))
		l.set(func() { l.down = int64(n) * 400 })
		_ = s.Seal(ctx, ended, time.Now().Add(time.Hour)) // whether it gets through
		l.good()
		must(t, s.Seal(ctx, ended, time.Now().Add(2*time.Hour)))
		if info, err := s.Stat(ctx, ended); err != nil || !info.Sealed || info.Size != int64(len(want)) {
			t.Errorf("sealed after %d answers: %+v, %v", n, info, err)
		}
		if got := all(t, s, ended); !bytes.Equal(got, want) {
			t.Errorf("sealed after %d answers: it is not what was appended", n)
		}
	}
	// A reader whose store stops in the middle is not kept waiting.
	long := bytes.Repeat([]byte("long"), 4<<20)
	const other = "ffeeddccbbaa99887766554433221100-0.rec"
	must(t, s.Append(ctx, other, 0, long))
	in, err := s.Open(ctx, other, 0)
	must(t, err)
	_, err = io.ReadFull(in, make([]byte, 1000))
	must(t, err)
	l.mu.Lock()
	l.stall = true
	l.mu.Unlock()
	if _, err := io.Copy(io.Discard, in); err == nil {
		t.Error("a store that sends nothing more ended well")
	}
	must(t, in.Close())
	l.good()
	// Bags.
	l.set(func() { l.answers = 100 })
	if err := s.CreateBag(ctx, "a.key", []byte("bag")); err == nil {
		t.Error("a bag without an answer")
	}
	l.good()
	if err := s.CreateBag(ctx, "a.key", []byte("bag")); err != nil && !strings.Contains(err.Error(), "exist") {
		t.Error(err)
	}
	if b, err := s.Bag(ctx, "a.key"); err != nil || string(b) != "bag" {
		t.Errorf("%q, %v", b, err)
	}
}

// TestLies: a store that takes everything and locks nothing is found with the first part.
func TestLies(t *testing.T) {
	g := newGateway(t, t.TempDir())
	g.bucket(t, "lies")
	proxy := httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: g.addr})
		r.Out.Host = r.In.Host // it is signed
	}, ModifyResponse: func(r *http.Response) error {
		for _, h := range []string{"Mode", "Retain-Until-Date"} {
			r.Header.Del("X-Amz-Object-Lock-" + h)
		}
		return nil
	}}
	server := httptest.NewServer(&proxy)
	t.Cleanup(server.Close)
	c := g.config("lies")
	c.Endpoint = server.URL
	s := open(t, c)
	for what, err := range map[string]error{
		"part": s.Append(t.Context(), name, 0, []byte("x")), "end": s.Seal(t.Context(), name, time.Now().Add(time.Hour)), "bag": s.CreateBag(t.Context(), "a.key", []byte("bag")),
	} {
		if !errors.Is(err, s3store.ErrLock) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestFull: a store without space says so, and takes the same again later.
func TestFull(t *testing.T) {
	dir := disktest.New(t, 6<<20)
	g := newGateway(t, dir)
	g.bucket(t, "full")
	s := open(t, g.config("full"))
	ctx := t.Context()
	must(t, s.Append(ctx, name, 0, []byte("first")))
	if err := s.Append(ctx, name, 5, make([]byte, 12<<20)); !errors.Is(err, recordings.ErrNoSpace) {
		t.Fatalf("%v", err)
	}
	must(t, s.Append(ctx, name, 5, []byte(" second")))
	if got := all(t, s, name); string(got) != "first second" {
		t.Errorf("%q", got)
	}
}

// TestKilled: what was acknowledged is there after the server was killed in the
// middle of a write, and the writer goes on with the same store.
func TestKilled(t *testing.T) {
	g := newGateway(t, t.TempDir())
	g.bucket(t, "killed")
	c := g.config("killed")
	c.Timeout = 5 * time.Second
	s := open(t, c)
	var content []byte
	for n := range 400 {
		content = append(content, bytes.Repeat([]byte{byte('a' + n%26)}, 1+n*7919%60_000)...)
	}
	at := 0
	for round := range 6 {
		acknowledged := make(chan int, 1000)
		var writing sync.WaitGroup
		ctx, stop := context.WithCancel(t.Context())
		writing.Go(func() {
			for at < len(content) {
				n := min(len(content)-at, 1+rand.IntN(60_000))
				if s.Append(ctx, name, int64(at), content[at:at+n]) != nil {
					break // killed
				}
				at += n
				acknowledged <- at
			}
			close(acknowledged)
		})
		for range 1 + round*2 {
			<-acknowledged
		}
		g.kill(t)
		writing.Wait()
		stop()
		g.start(t)
		info, err := s.Stat(t.Context(), name)
		must(t, err)
		if got := all(t, s, name); int(info.Size) < at || !bytes.Equal(got, content[:info.Size]) {
			t.Fatalf("round %d: %d bytes, %d were acknowledged, or others", round, len(got), at)
		}
		at = int(info.Size)
	}
	again(t, s, name, content)
	must(t, s.Seal(t.Context(), name, time.Now().Add(time.Hour)))
	if got := all(t, s, name); !bytes.Equal(got, content) {
		t.Error("in the end it is something else")
	}
}
