package bucket

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"consento/recordings"
	"consento/recordings/mirror"
	"consento/recordings/store/s3store"
	"consento/recordings/translog"
)

// office is a broker's side: a log, recordings, and the way to one witness.
type office struct {
	dir     string
	key     ed25519.PrivateKey
	log     *translog.Log
	up      *mirror.Uplink
	escrow  recordings.Identity
	mu      sync.Mutex
	cosigs  map[recordings.SessionID][][]byte
	all     int
	running sync.WaitGroup
}

func newOffice(t testing.TB, key ed25519.PrivateKey, url, pin, token string, witness ed25519.PublicKey) *office {
	t.Helper()
	o := &office{dir: t.TempDir(), key: key, cosigs: map[recordings.SessionID][][]byte{}}
	must(t, os.MkdirAll(o.rec(), 0o700))
	var err error
	o.escrow, err = recordings.NewIdentity()
	must(t, err)
	o.log, err = translog.Create(filepath.Join(o.dir, "log"), translog.Config{Origin: "office.example/evidence", Key: key})
	must(t, err)
	client, err := mirror.NewClient(mirror.ClientConfig{URL: url, Pin: pin, Token: token, Key: witness})
	must(t, err)
	o.up, err = mirror.NewUplink(mirror.UplinkConfig{Target: client, Key: witness, Log: o.log, Dir: o.rec(), BagDir: o.rec(), Cosigned: o.log.SetCosigned,
		Every: 50 * time.Millisecond, Logger: slog.New(slog.DiscardHandler), Countersigned: func(s mirror.Segment, c []byte, final bool) error {
			if final {
				return os.WriteFile(recordings.DefaultCosignatures(filepath.Join(o.rec(), s.Name())), c, 0o600)
			}
			o.mu.Lock()
			defer o.mu.Unlock()
			o.cosigs[s.Session] = append(o.cosigs[s.Session], c)
			o.all++
			return nil
		}})
	must(t, err)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	o.running.Go(func() { o.up.Run(ctx) })
	t.Cleanup(func() {
		stop()
		o.running.Wait()
		client.Close()
		must(t, o.log.Close())
	})
	return o
}

func (o *office) rec() string { return filepath.Join(o.dir, "rec") }

func (o *office) signed() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all
}

// session records in a goroutine of its own until it is told to end.
type session struct {
	o    *office
	name string
	id   recordings.SessionID
	w    *recordings.Writer
	end  chan bool // true: with its end
	done chan error
	mu   sync.Mutex
	head uint64
}

func (o *office) begin(t testing.TB) *session {
	t.Helper()
	s := &session{o: o, id: recordings.NewSessionID(), end: make(chan bool, 1), done: make(chan error, 1)}
	var err error
	s.w, err = recordings.Create(recordings.Config{Dir: o.rec(), Session: s.id, Origin: "office.example", Started: time.Now(), Recipients: []recordings.Recipient{o.escrow.Recipient()}})
	must(t, err)
	s.name = filepath.Base(s.w.Path())
	bag, err := os.ReadFile(recordings.DefaultBag(s.w.Path()))
	must(t, err)
	open, h := s.w.Open(), s.w.Head()
	_, err = o.log.Add(t.Context(), translog.Opened{SID: translog.ID(s.id), Key: translog.Hash(open.Key), Commit: open.Commit, Bag: sha256.Sum256(bag), N: h.N, Root: translog.Hash(h.Root), Retention: "standard"})
	must(t, err)
	go func() { s.done <- s.record() }()
	return s
}

func (s *session) record() error {
	start := time.Now()
	pace := time.NewTicker(20 * time.Millisecond)
	defer pace.Stop()
	for n := 0; ; n++ {
		select {
		case whole := <-s.end:
			if !whole {
				return nil
			}
			return s.close()
		case <-pace.C:
		}
		if err := s.w.Append(recordings.TrackVideo, 0, time.Since(start), 0, bytes.Repeat([]byte{byte(n)}, 1+n*7919%20_000)); err != nil {
			return err
		}
		s.o.mu.Lock()
		cosigs := s.o.cosigs[s.id]
		delete(s.o.cosigs, s.id)
		s.o.mu.Unlock()
		for _, c := range cosigs {
			if err := s.w.Cosigned(c); err != nil && !errors.Is(err, recordings.ErrMalformed) { // it came too late
				return err
			}
		}
		h, err := s.w.Seal()
		if err != nil {
			return err
		}
		s.o.up.Sealed(mirror.Segment{Session: s.id}, h)
		if n%10 == 0 {
			if _, err := s.o.log.Add(context.Background(), translog.Heartbeat{Heads: []translog.Head{{SID: translog.ID(s.id), N: h.N, Root: translog.Hash(h.Root)}}}); err != nil {
				return err
			}
		}
		s.mu.Lock()
		s.head = h.N
		s.mu.Unlock()
	}
}

func (s *session) close() error {
	h, err := s.w.Close()
	if err != nil {
		return err
	}
	file, err := os.ReadFile(s.w.Path())
	if err != nil {
		return err
	}
	if _, err := s.o.log.Add(context.Background(), translog.Closed{SID: translog.ID(s.id), N: h.N, Root: translog.Hash(h.Root), Bytes: uint64(len(file)), SHA256: sha256.Sum256(file)}); err != nil {
		return err
	}
	s.o.up.Closed(mirror.Segment{Session: s.id})
	return nil
}

func (s *session) heads() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.head
}

var built string // where programs are, "" when nobody needed them

// programs builds those that auditors and witnesses use.
var programs = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "programs")
	if err != nil {
		return "", err
	}
	built = dir
	build := exec.Command("go", "build", "-o", dir+"/", "./recordings/cmd/witness", "./recordings/cmd/verify")
	build.Dir = "../.." // with the versions that ship
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		_ = os.RemoveAll(built)
	}
	os.Exit(code)
}

// run runs one of them.
func run(t testing.TB, program string, args ...string) (string, int) {
	t.Helper()
	dir, err := programs()
	must(t, err)
	cmd := exec.Command(filepath.Join(dir, program), args...)
	cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+userKey, "AWS_SECRET_ACCESS_KEY="+userSecret)
	out, err := cmd.CombinedOutput()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	if bytes.Contains(out, []byte(userSecret)) {
		t.Errorf("%s %s tells a secret: %s", program, args[0], out)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// witness is the process of the auditors.
type witness struct {
	dir, listen string
	cmd         *exec.Cmd
	log         bytes.Buffer
}

func (w *witness) serve(t testing.TB, logKey string) {
	t.Helper()
	dir, err := programs()
	must(t, err)
	listen := w.listen
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	w.cmd = exec.Command(filepath.Join(dir, "witness"), "serve", "--dir", w.dir, "--listen", listen, "--log-key", logKey)
	w.cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+userKey, "AWS_SECRET_ACCESS_KEY="+userSecret)
	w.cmd.Stderr = &w.log
	out, err := w.cmd.StdoutPipe()
	must(t, err)
	must(t, w.cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = w.cmd.Wait()
		t.Fatalf("it does not serve: %s", w.log.String())
	}
	w.listen = strings.TrimPrefix(strings.TrimSpace(line), "ready https://")
}

func (w *witness) kill() {
	if w.cmd != nil {
		_ = w.cmd.Process.Kill()
		_ = w.cmd.Wait() // it was killed
		w.cmd = nil
	}
}

// TestWitness: a witness with a bucket, a live session through killed servers, a
// killed witness and a line that stalls; then whatever the owner of the bucket does
// is found, by the witness's check, and on another machine by the verifier.
func TestWitness(t *testing.T) {
	g := newGateway(t, t.TempDir())
	g.bucket(t, "evidence")
	l := newLine(t, g.addr)
	w := &witness{dir: filepath.Join(t.TempDir(), "w")}
	t.Cleanup(w.kill)
	out, code := run(t, "witness", "init", "--dir", w.dir, "--name", "town-hall")
	pin := regexp.MustCompile(`pin = "([0-9a-f]{64})"`).FindStringSubmatch(out)
	if code != 0 || pin == nil {
		t.Fatal(code, out)
	}
	_, key, err := ed25519.GenerateKey(nil)
	must(t, err)
	pub, err := translog.MarshalKey(key.Public().(ed25519.PublicKey))
	must(t, err)
	keys := t.TempDir()
	must(t, os.WriteFile(filepath.Join(keys, "log.pub"), pub, 0o600))
	witnessPub, err := os.ReadFile(filepath.Join(w.dir, "keys", "witness-town-hall.pub"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(keys, "witness-town-hall.pub"), witnessPub, 0o600))
	witnessKeys, err := translog.ParseKeys(witnessPub)
	must(t, err)
	token, err := os.ReadFile(filepath.Join(w.dir, "token"))
	must(t, err)

	// A configuration that cannot be used is refused, with the reason, and no secret in it.
	config := filepath.Join(w.dir, "s3.toml")
	conf := fmt.Sprintf("endpoint = \"http://%s\"\nbucket = \"evidence\"\npath_style = true\ntimeout = \"5s\"\n", l.addr)
	for says, text := range map[string]string{
		`unknown key "buckets"`: conf + "buckets = \"x\"\n",
		"no such bucket":        strings.Replace(conf, "evidence", "another", 1),
		"must be https":         strings.Replace(conf, l.addr, "192.0.2.1:9000", 1),
		"live_lock_days":        conf + "live_lock_days = 1\n",
		"line 5, column":        conf + "secret_key = " + userSecret + "\n",
		"chmod 600":             conf + "access_key = \"a\"\nsecret_key = \"" + userSecret + "\"\n",
	} {
		must(t, os.WriteFile(config, []byte(text), 0o600))
		if says == "chmod 600" {
			must(t, os.Chmod(config, 0o644))
		}
		out, code := run(t, "witness", "serve", "--dir", w.dir, "--listen", "127.0.0.1:0", "--log-key", filepath.Join(keys, "log.pub"))
		if code != 4 || !strings.Contains(out, says) {
			t.Errorf("%s: %d, %s", says, code, out)
		}
	}
	must(t, os.WriteFile(config, []byte(conf), 0o600))
	must(t, os.Chmod(config, 0o600))
	l.set(func() { l.refuse = true })
	if out, code := run(t, "witness", "serve", "--dir", w.dir, "--listen", "127.0.0.1:0", "--log-key", filepath.Join(keys, "log.pub")); code != 5 {
		t.Errorf("a bucket that does not answer: %d, want 5, so that it is tried again: %s", code, out)
	}
	l.good()

	w.serve(t, filepath.Join(keys, "log.pub"))
	o := newOffice(t, key, "https://"+w.listen, pin[1], strings.TrimSpace(string(token)), witnessKeys[0])
	more := func(what string) {
		t.Helper()
		before := o.signed()
		until(t, what, func() bool { return o.signed() > before+1 })
	}
	flagged := func(what string, s *session) {
		t.Helper()
		at := s.heads()
		until(t, what, func() bool { st := o.up.Status(); return st.Err != nil && st.Lag > 0 && s.heads() > at+20 })
	}
	first := o.begin(t)
	more("countersignatures through the bucket")
	g.kill(t)
	flagged("a killed bucket is flagged, and the session goes on", first)
	g.start(t)
	more("countersignatures after the bucket was killed")
	l.set(func() { l.stall = true })
	flagged("a bucket that stalls is flagged, and the session goes on", first)
	l.good()
	more("countersignatures after a stall")
	w.kill()
	flagged("a killed witness", first)
	w.serve(t, filepath.Join(keys, "log.pub"))
	more("countersignatures after the witness was killed")
	second, live := o.begin(t), o.begin(t)
	more("three sessions")
	for _, s := range []*session{first, second} {
		s.end <- true
		must(t, <-s.done)
	}
	until(t, "both are sealed", func() bool {
		for _, s := range []*session{first, second} {
			if _, err := os.Stat(recordings.DefaultCosignatures(filepath.Join(o.rec(), s.name))); errors.Is(err, fs.ErrNotExist) {
				return false
			}
		}
		return true
	})
	live.end <- false
	must(t, <-live.done)
	until(t, "all is there", func() bool {
		st := o.up.Status()
		return st.Err == nil && st.Lag == 0 && st.Bags == 0
	})

	// check, and the same on another machine without network.
	logDir := filepath.Join(o.dir, "log")
	n := 0
	check := func(what string, want int, says ...string) {
		t.Helper()
		n++
		to := filepath.Join(t.TempDir(), fmt.Sprint(n))
		here, code := run(t, "witness", "check", "--dir", w.dir)
		if want == 1 && strings.Contains(here, "ends at record") {
			t.Errorf("%s: what lies under it is not read:\n%s", what, here)
		}
		if fetched, code := run(t, "witness", "fetch", "--dir", w.dir, "--to", to); code != 0 {
			t.Fatalf("%s: fetch: %d, %s", what, code, fetched)
		}
		there, code2 := run(t, "verify", "store", logDir, filepath.Join(to, "rec"), "--policy", keys)
		for _, text := range []string{here, there} {
			for _, s := range says {
				if !strings.Contains(text, s) {
					t.Errorf("%s: it does not say %q:\n%s", what, s, text)
				}
			}
		}
		if code != want || code2 != want {
			t.Errorf("%s: check %d, verify %d, want %d:\n%s\n%s", what, code, code2, want, here, there)
		}
	}
	ctx := t.Context()
	root, bucket := g.as(rootKey, rootSecret), ptr("evidence")
	sealed, part, bag := "rec/"+first.name, "live/"+live.name+"/0000000000000000", "bags/"+strings.TrimSuffix(first.name, ".rec")+".key"
	check("as it is: one session has no end yet", 2)
	destroy := func(key string, version *string) {
		t.Helper()
		_, err := root.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: &key, VersionId: version, BypassGovernanceRetention: ptr(true)})
		must(t, err)
	}
	for key, says := range map[string]string{sealed: first.name, part: live.name + " from byte 0", bag: filepath.Base(bag)} {
		marker, err := root.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: &key})
		must(t, err)
		check("a delete marker on "+key, 1, says+": a delete marker")
		destroy(key, marker.VersionId)
		if key == bag {
			continue // another version of it is a re-wrap
		}
		over, err := root.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: &key, Body: strings.NewReader("other")})
		must(t, err)
		check(key+" overwritten", 1, says+": it was overwritten: 2 versions", says+": nothing locks it")
		destroy(key, over.VersionId)
	}
	check("as it was", 2)
	_, err = root.PutObjectRetention(ctx, &s3.PutObjectRetentionInput{Bucket: bucket, Key: &part, BypassGovernanceRetention: ptr(true),
		Retention: &types.ObjectLockRetention{Mode: types.ObjectLockRetentionModeGovernance, RetainUntilDate: ptr(time.Now().Add(time.Hour))}})
	must(t, err)
	check("a shortened lock", 1, live.name+" from byte 0: its lock was shortened")
	destroy(part, nil)
	versions, err := root.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: bucket, Prefix: &part})
	must(t, err)
	for _, v := range versions.Versions {
		destroy(part, v.VersionId)
	}
	check("a part destroyed by who may", 1, live.name+" from byte 0: ")
	if s := w.log.String(); strings.Contains(s, userSecret) || strings.Contains(s, strings.TrimSpace(string(token))) {
		t.Errorf("a secret is in the witness's log: %s", s)
	}
}

// TestTLS: the certificate of a store is checked, by an authority of its own where one
// is named.
func TestTLS(t *testing.T) {
	g := newGateway(t, t.TempDir())
	g.bucket(t, "secure")
	server := httptest.NewTLSServer(&httputil.ReverseProxy{ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0), Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: g.addr})
		r.Out.Host = r.In.Host // it is signed
	}})
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	t.Cleanup(server.Close)
	c := g.config("secure")
	c.Endpoint = server.URL
	s, err := s3store.New(c)
	must(t, err)
	if err := s.Check(t.Context()); !errors.As(err, new(x509.UnknownAuthorityError)) {
		t.Errorf("a certificate of nobody: %v", err)
	}
	c.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	must(t, os.WriteFile(c.CAFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	s = open(t, c)
	must(t, s.Append(t.Context(), name, 0, []byte("over TLS")))
	must(t, s.Seal(t.Context(), name, time.Now().Add(time.Hour)))
	if got := all(t, s, name); string(got) != "over TLS" {
		t.Errorf("%q", got)
	}
}
