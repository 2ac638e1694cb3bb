package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"consento/recordings"
	"consento/recordings/mirror"
	"consento/recordings/translog"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func witnessed(t testing.TB, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(args, &o, &e)
	return o.String(), e.String(), code
}

const (
	runChild   = "CONSENTO_TEST_WITNESS_ARGS"   // be the witness
	writeChild = "CONSENTO_TEST_WITNESS_WRITER" // be a broker: folder, URL, pin, token file, public key, what to do
)

func TestMain(m *testing.M) {
	if args := os.Getenv(runChild); args != "" {
		os.Exit(run(strings.Split(args, "\n"), os.Stdout, os.Stderr))
	}
	if args := os.Getenv(writeChild); args != "" {
		if err := broker(strings.Split(args, "\n")); err != nil {
			fmt.Println("failed", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// logKey is the same in each run of the broker.
func logKey() ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("log"))
	return ed25519.NewKeyFromSeed(seed[:])
}

// broker is the other process: it records for ever, or finishes what others left.
func broker(args []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	dir, finish := args[0], args[5] == "finish"
	conf := translog.Config{Origin: "office.example/evidence", Key: logKey()}
	log, err := translog.Open(filepath.Join(dir, "log"), conf)
	if errors.Is(err, translog.ErrNoLog) {
		log, err = translog.Create(filepath.Join(dir, "log"), conf)
	}
	if err != nil {
		return err
	}
	token, err := os.ReadFile(args[3])
	if err != nil {
		return err
	}
	pem, err := os.ReadFile(args[4])
	if err != nil {
		return err
	}
	keys, err := translog.ParseKeys(pem)
	if err != nil {
		return err
	}
	client, err := mirror.NewClient(mirror.ClientConfig{URL: args[1], Pin: args[2], Token: strings.TrimSpace(string(token)), Key: keys[0]})
	if err != nil {
		return err
	}
	b := &brokerRun{dir: filepath.Join(dir, "rec"), log: log, signed: make(chan string, 1000)}
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		return err
	}
	if err := b.complete(ctx); err != nil {
		return err
	}
	b.up, err = mirror.NewUplink(mirror.UplinkConfig{Target: client, Key: keys[0], Log: log, Dir: b.dir, BagDir: b.dir, Cosigned: log.SetCosigned, Every: 50 * time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)), Countersigned: func(s mirror.Segment, c []byte, final bool) error {
			if final {
				return os.WriteFile(recordings.DefaultCosignatures(filepath.Join(b.dir, s.Name())), c, 0o600)
			}
			return b.countersigned(s, c)
		}})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() { b.up.Run(running) })
	defer done.Wait()
	defer stop()
	if finish {
		return b.finish(ctx, client)
	}
	return b.record(ctx)
}

type brokerRun struct {
	dir    string
	log    *translog.Log
	up     *mirror.Uplink
	signed chan string

	mu     sync.Mutex
	cosigs [][]byte
}

func (b *brokerRun) countersigned(_ mirror.Segment, c []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cosigs = append(b.cosigs, c)
	return nil
}

// complete closes what a crash left.
func (b *brokerRun) complete(ctx context.Context) error {
	files, err := filepath.Glob(filepath.Join(b.dir, "*.rec"))
	if err != nil {
		return err
	}
	for _, path := range files {
		rc, err := recordings.Recover(path, logKey(), "crash", time.Now())
		if errors.Is(err, recordings.ErrNothing) {
			// Nothing of it was announced.
			if err := errors.Join(os.Remove(path), os.Remove(recordings.DefaultBag(path))); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		if rc.Already {
			continue
		}
		file, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		o, err := recordings.ReadOpen(path)
		if err != nil {
			return err
		}
		if _, err := b.log.Add(ctx, translog.Recovered{SID: translog.ID(o.Session), Segment: o.Segment, N: rc.Head.N, Root: translog.Hash(rc.Head.Root),
			Bytes: uint64(len(file)), SHA256: sha256.Sum256(file), Reason: "crash"}); err != nil {
			return err
		}
	}
	return nil
}

// record writes sessions until it is killed.
func (b *brokerRun) record(ctx context.Context) error {
	id, err := recordings.NewIdentity()
	if err != nil {
		return err
	}
	start := time.Now()
	segment := mirror.Segment{Session: recordings.NewSessionID(), Number: 0}
	w, err := recordings.Create(recordings.Config{Dir: b.dir, Session: segment.Session, Origin: "child", Started: start, Recipients: []recordings.Recipient{id.Recipient()},
		Bagged: func() {
			wait, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			_ = b.up.Bag(wait, segment) // brought later, where the witness is away
		}})
	if err != nil {
		return err
	}
	o := w.Open()
	bag, err := os.ReadFile(recordings.DefaultBag(w.Path()))
	if err != nil {
		return err
	}
	if _, err := b.log.Add(ctx, translog.Opened{SID: translog.ID(o.Session), Key: translog.Hash(o.Key), Commit: o.Commit, Bag: sha256.Sum256(bag), N: w.Head().N, Root: translog.Hash(w.Head().Root), Retention: "standard"}); err != nil {
		return err
	}
	// A real one seals once a second: a signature has to be back within 256 seals,
	// on a busy machine too.
	pace := time.NewTicker(20 * time.Millisecond)
	defer pace.Stop()
	for n := 0; ; n++ {
		<-pace.C
		if err := w.Append(recordings.TrackVideo, 0, time.Since(start), 0, bytes.Repeat([]byte{byte(n)}, 1+n*7919%50_000)); err != nil {
			return err
		}
		b.mu.Lock()
		cosigs := b.cosigs
		b.cosigs = nil
		b.mu.Unlock()
		for _, c := range cosigs {
			// One over a head that lies too far back comes too late.
			if err := w.Cosigned(c); err != nil && !errors.Is(err, recordings.ErrMalformed) {
				return err
			}
			fmt.Println("cosig")
		}
		h, err := w.Seal()
		if err != nil {
			return err
		}
		b.up.Sealed(segment, h)
		if n%10 == 0 {
			if _, err := b.log.Add(ctx, translog.Heartbeat{Heads: []translog.Head{{SID: translog.ID(o.Session), N: h.N, Root: translog.Hash(h.Root)}}}); err != nil {
				return err
			}
		}
		fmt.Println("head", h.N)
	}
}

// finish waits until the witness has everything.
func (b *brokerRun) finish(ctx context.Context, client *mirror.Client) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("never done: %+v", b.up.Status())
		case <-tick.C:
		}
		files, err := filepath.Glob(filepath.Join(b.dir, "*.rec"))
		if err != nil {
			return err
		}
		ended, err := filepath.Glob(filepath.Join(b.dir, "*.cosig"))
		if err != nil {
			return err
		}
		held, err := client.LogHeld(ctx)
		if s := b.up.Status(); err == nil && len(files) == len(ended) && s.Lag == 0 && s.Bags == 0 && s.Err == nil && held.Size == b.log.Size() {
			fmt.Println("finished", len(files))
			return nil
		}
	}
}

// child is a process of ours, whose lines can be waited for.
type child struct {
	cmd   *exec.Cmd
	lines chan string
	last  string
}

func start(t testing.TB, env string) *child {
	t.Helper()
	c := &child{cmd: exec.Command(os.Args[0]), lines: make(chan string, 10_000)}
	c.cmd.Env = append(os.Environ(), env)
	out, err := c.cmd.StdoutPipe()
	must(t, err)
	must(t, c.cmd.Start())
	go func() {
		defer close(c.lines)
		for sc := bufio.NewScanner(out); sc.Scan(); {
			c.lines <- sc.Text()
		}
	}()
	t.Cleanup(func() { _ = c.cmd.Process.Kill() }) // may be over
	return c
}

// wait for so many lines that begin so; returns the last.
func (c *child) wait(t testing.TB, prefix string, n int) string {
	t.Helper()
	late := time.After(2 * time.Minute)
	for {
		select {
		case line, more := <-c.lines:
			if !more {
				t.Fatalf("it ended before %q came, with %s", prefix, c.last)
			}
			c.last = line
			if strings.HasPrefix(line, prefix) {
				if n--; n == 0 {
					return line
				}
			}
		case <-late:
			t.Fatalf("%q never came, the last was %s", prefix, c.last)
		}
	}
}

func (c *child) kill(t testing.TB) {
	t.Helper()
	must(t, c.cmd.Process.Kill())
	for range c.lines {
	}
	_ = c.cmd.Wait() // killed
}

// site is an office and its witness, as two operators set them up.
type site struct {
	office, witness, pin, url string
}

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{office: t.TempDir(), witness: filepath.Join(t.TempDir(), "w")}
	out, errs, code := witnessed(t, "init", "--dir", s.witness, "--name", "town-hall")
	if code != exitOK {
		t.Fatal(code, errs)
	}
	pin := regexp.MustCompile(`pin = "([0-9a-f]{64})"`).FindStringSubmatch(out)
	if pin == nil || !strings.Contains(out, "witness-town-hall.pub") {
		t.Fatalf("init says %s", out)
	}
	s.pin = pin[1]
	pub, err := translog.MarshalKey(logKey().Public().(ed25519.PublicKey))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(s.office, "log.pub"), pub, 0o600))
	return s
}

func (s *site) serve(t testing.TB) *child {
	t.Helper()
	listen := "127.0.0.1:0"
	if s.url != "" {
		listen = strings.TrimPrefix(s.url, "https://")
	}
	c := start(t, runChild+"="+strings.Join([]string{"serve", "--dir", s.witness, "--listen", listen, "--log-key", filepath.Join(s.office, "log.pub")}, "\n"))
	s.url = strings.TrimPrefix(c.wait(t, "ready ", 1), "ready ")
	return c
}

func (s *site) broker(t testing.TB, what string) *child {
	t.Helper()
	return start(t, writeChild+"="+strings.Join([]string{s.office, s.url, s.pin, filepath.Join(s.witness, "token"), filepath.Join(s.witness, "keys", "witness-town-hall.pub"), what}, "\n"))
}

func (s *site) check(t testing.TB, want int) string {
	t.Helper()
	out, errs, code := witnessed(t, "check", "--dir", s.witness)
	if code != want {
		t.Errorf("check: %d, want %d: %s%s", code, want, out, errs)
	}
	return out
}

// TestTwoProcesses: whichever of the two is killed, and when, nothing is lost that
// was signed, and in the end both have the same.
func TestTwoProcesses(t *testing.T) {
	s := newSite(t)
	w := s.serve(t)
	for round := range 4 {
		b := s.broker(t, "record")
		b.wait(t, "cosig", 1+rand.IntN(3))
		if round%2 == 0 {
			w.kill(t)
			b.wait(t, "head", 1+rand.IntN(20)) // the session goes on without it
			w = s.serve(t)
			b.wait(t, "cosig", 1+rand.IntN(2)) // and it catches up
		}
		b.wait(t, "head", 1+rand.IntN(10))
		b.kill(t)
	}
	b := s.broker(t, "finish")
	if got := b.wait(t, "finished", 1); got != "finished 4" {
		t.Error(got)
	}
	_ = b.cmd.Wait() // said all
	files, err := filepath.Glob(filepath.Join(s.office, "rec", "*.rec"))
	must(t, err)
	pem, err := os.ReadFile(filepath.Join(s.witness, "keys", "witness-town-hall.pub"))
	must(t, err)
	keys, err := translog.ParseKeys(pem)
	must(t, err)
	cosigned := 0
	for _, f := range files {
		here, err := os.ReadFile(f)
		must(t, err)
		there, err := os.ReadFile(filepath.Join(s.witness, "rec", filepath.Base(f)))
		must(t, err)
		if !bytes.Equal(here, there) {
			t.Errorf("%s: %d bytes, the copy has %d", filepath.Base(f), len(here), len(there))
		}
		rep, err := recordings.ScanFile(f, recordings.ScanOptions{LogKeys: []ed25519.PublicKey{logKey().Public().(ed25519.PublicKey)}})
		must(t, err)
		if !rep.Final || rep.Verdict != recordings.Unanchored {
			t.Errorf("%v", rep.Verdict)
		}
		for _, c := range rep.Cosignatures {
			if c.Key.Equal(keys[0]) {
				cosigned++
			}
		}
		last, err := recordings.ReadCosignatures(recordings.DefaultCosignatures(f), rep.Open.Session)
		if err != nil || len(last) != 1 || !last[0].Head.Same(rep.Head) {
			t.Errorf("end: %v, %v", last, err)
		}
	}
	if cosigned == 0 {
		t.Error("no recording holds a countersignature")
	}
	if out := s.check(t, exitOK); !strings.Contains(out, "key bags: 4 whole") {
		t.Errorf("the key bags: %s", out)
	}

	// What somebody does on the disk of the witness is found by its own check.
	name := filepath.Join(s.witness, "rec", filepath.Base(files[2]))
	honest, err := os.ReadFile(name)
	must(t, err)
	must(t, os.Chmod(name, 0o600))
	changed := bytes.Clone(honest)
	changed[len(changed)/2] ^= 4
	must(t, os.WriteFile(name, changed, 0o600))
	s.check(t, exitTampered)
	must(t, os.WriteFile(name, honest[:len(honest)-500], 0o600))
	s.check(t, exitIncomplete) // its end is a moment ago
	must(t, os.WriteFile(name, honest, 0o600))
	stranger := filepath.Join(s.witness, "rec", strings.Repeat("0", 32)+"-0.rec")
	must(t, os.WriteFile(stranger, honest, 0o600))
	s.check(t, exitUnverifiable)
	must(t, os.Remove(stranger))
	key := filepath.Join(s.witness, "bags", strings.TrimSuffix(filepath.Base(files[1]), ".rec")+".key")
	bag, err := os.ReadFile(key)
	must(t, err)
	must(t, os.WriteFile(key, bytes.Replace(bag, []byte(`"class":"auditor"`), []byte(`"class":"escrow"`), 1), 0o600))
	s.check(t, exitTampered)
	must(t, os.Remove(key))
	s.check(t, exitIncomplete)
	must(t, os.WriteFile(key, bag, 0o600))
	s.check(t, exitOK)

	must(t, w.cmd.Process.Signal(os.Interrupt))
	for range w.lines {
	}
	if err := w.cmd.Wait(); err != nil {
		t.Errorf("stopped: %v", err)
	}
}

func TestUsage(t *testing.T) {
	s := newSite(t)
	for what, args := range map[string][]string{
		"again":       {"init", "--dir", s.witness, "--name", "other"},
		"a bad name":  {"init", "--dir", t.TempDir(), "--name", "../x"},
		"embedded":    {"init", "--dir", t.TempDir(), "--name", mirror.EmbeddedName},
		"no folder":   {"serve", "--dir", t.TempDir(), "--listen", "127.0.0.1:0", "--log-key", filepath.Join(s.office, "log.pub")},
		"no log key":  {"serve", "--dir", s.witness, "--listen", "127.0.0.1:0", "--log-key", filepath.Join(s.office, "none")},
		"no key file": {"serve", "--dir", s.witness, "--listen", "127.0.0.1:0", "--log-key", filepath.Join(s.witness, "token")},
		"no days":     {"serve", "--dir", s.witness, "--listen", "127.0.0.1:0", "--log-key", filepath.Join(s.office, "log.pub"), "--keep", "0"},
		"nothing yet": {"check", "--dir", s.witness},
		"no command":  {},
		"unknown":     {"serve", "--x"},
	} {
		if out, _, code := witnessed(t, args...); code != exitUsage {
			t.Errorf("%s: %d, %s", what, code, out)
		}
	}
	if _, _, code := witnessed(t, "--help"); code != exitOK {
		t.Error("--help")
	}
	for _, secret := range []string{"witness.key", "tls.key", "token"} {
		if st, err := os.Stat(filepath.Join(s.witness, secret)); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", secret, st, err)
		}
	}
}

// TestAnotherLogKey: a witness that knows one key takes no other in its place.
func TestAnotherLogKey(t *testing.T) {
	s := newSite(t)
	w := s.serve(t)
	w.kill(t)
	_, key, err := ed25519.GenerateKey(nil)
	must(t, err)
	pub, err := translog.MarshalKey(key.Public().(ed25519.PublicKey))
	must(t, err)
	other := filepath.Join(t.TempDir(), "log.pub")
	must(t, os.WriteFile(other, pub, 0o600))
	var errs bytes.Buffer
	if code := run([]string{"serve", "--dir", s.witness, "--listen", "127.0.0.1:0", "--log-key", other}, io.Discard, &errs); code != exitUsage || !strings.Contains(errs.String(), "lacks a key") {
		t.Errorf("%d: %s", code, &errs)
	}
}
