package bucket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"consento/recordings/store/s3store"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const (
	rootKey, rootSecret = "owner-of-the-bucket", "secret-of-the-owner-of-the-bucket"
	userKey, userSecret = "witness-of-the-office", "secret-of-the-witness-of-the-office"
	region              = "us-east-1"
)

// program is versitygw, built once.
var program = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "tool", "-n", "versitygw").Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		err = fmt.Errorf("%w: %s", err, failed.Stderr)
	}
	return strings.TrimSpace(string(out)), err
})

// gateway is a running versitygw.
type gateway struct {
	dir, addr string
	flags     []string // before the backend
	cmd       *exec.Cmd
	log       *os.File
}

// until waits for a condition.
func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for !done() {
		select {
		case <-limit.Done():
			t.Fatalf("%s: it did not come", what)
		case <-tick.C:
		}
	}
}

// newGateway starts a server on folders below dir.
func newGateway(t testing.TB, dir string, flags ...string) *gateway {
	t.Helper()
	for _, d := range []string{"data", "versions", "iam"} {
		must(t, os.MkdirAll(filepath.Join(dir, d), 0o700))
	}
	users, err := json.Marshal(map[string]any{"accessAccounts": map[string]any{userKey: map[string]any{"access": userKey, "secret": userSecret, "role": "user"}}})
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "iam", "users.json"), users, 0o600))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	g := &gateway{dir: dir, addr: l.Addr().String(), flags: flags}
	must(t, l.Close())
	g.log, err = os.Create(filepath.Join(t.TempDir(), "log"))
	must(t, err)
	g.start(t)
	t.Cleanup(func() {
		g.kill(t)
		if t.Failed() {
			_, _ = g.log.Seek(0, io.SeekStart)
			b, _ := io.ReadAll(io.LimitReader(g.log, 64<<10))
			t.Logf("versitygw: %s", b)
		}
		_ = g.log.Close()
	})
	return g
}

func (g *gateway) start(t testing.TB) {
	t.Helper()
	path, err := program()
	must(t, err)
	args := append([]string{"--port", g.addr, "--access", rootKey, "--secret", rootSecret, "--region", region, "--iam-dir", filepath.Join(g.dir, "iam"), "--quiet"}, g.flags...)
	g.cmd = exec.Command(path, append(args, "posix", "--versioning-dir", filepath.Join(g.dir, "versions"), filepath.Join(g.dir, "data"))...)
	g.cmd.Stdout, g.cmd.Stderr = g.log, g.log
	g.cmd.Env = append(os.Environ(), "GODEBUG=") // its MD5 is its own affair
	must(t, g.cmd.Start())
	until(t, "versitygw", func() bool {
		c, err := net.Dial("tcp", g.addr)
		if err != nil {
			return false
		}
		return c.Close() == nil
	})
}

func (g *gateway) kill(t testing.TB) {
	if g.cmd == nil {
		return
	}
	_ = g.cmd.Process.Kill()
	_ = g.cmd.Wait() // it was killed
	g.cmd = nil
}

// as is a client of the server, past our store.
func (g *gateway) as(key, secret string) *s3.Client {
	base := "http://" + g.addr
	return s3.New(s3.Options{BaseEndpoint: &base, Region: region, UsePathStyle: true, Credentials: credentials.NewStaticCredentialsProvider(key, secret, ""),
		HTTPClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}})
}

// policy is what build/adr/0026 says that a witness needs, and no more.
func policy(bucket string) string {
	objects := []string{"PutObject", "GetObject", "GetObjectVersion", "GetObjectRetention", "PutObjectRetention", "DeleteObject", "DeleteObjectVersion", "AbortMultipartUpload", "ListMultipartUploadParts"}
	buckets := []string{"ListBucket", "ListBucketVersions", "ListBucketMultipartUploads", "GetBucketVersioning", "GetBucketObjectLockConfiguration"}
	statement := func(actions []string, resource string) map[string]any {
		var all []string
		for _, a := range actions {
			all = append(all, "s3:"+a)
		}
		return map[string]any{"Effect": "Allow", "Principal": map[string]any{"AWS": []string{userKey}}, "Action": all, "Resource": "arn:aws:s3:::" + resource}
	}
	b, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{statement(objects, bucket+"/*"), statement(buckets, bucket)}})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// bucket makes one with versions and Object Lock, for the user.
func (g *gateway) bucket(t testing.TB, name string) {
	t.Helper()
	root := g.as(rootKey, rootSecret)
	lock := true
	_, err := root.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name, ObjectLockEnabledForBucket: &lock})
	must(t, err)
	_, err = root.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{Bucket: &name, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
	must(t, err)
	p := policy(name)
	_, err = root.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &name, Policy: &p})
	must(t, err)
}

// config is that of our store for a bucket, with the credentials of the user.
func (g *gateway) config(bucket string) s3store.Config {
	return s3store.Config{Endpoint: "http://" + g.addr, Region: region, Bucket: bucket, PathStyle: true, AccessKey: userKey, SecretKey: userSecret}
}

func open(t testing.TB, c s3store.Config) *s3store.Store {
	t.Helper()
	s, err := s3store.New(c)
	must(t, err)
	must(t, s.Check(t.Context()))
	return s
}
