package bucket

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"consento/recordings/store"
	"consento/recordings/store/s3store"
	"consento/recordings/store/storetest"
)

const name = "00112233445566778899aabbccddeeff-0.rec"

// TestConformance: a bucket is a store like the others.
func TestConformance(t *testing.T) {
	g := newGateway(t, t.TempDir())
	n := 0
	storetest.Run(t, func(t testing.TB) storetest.Subject {
		n++
		bucket := fmt.Sprintf("conformance-%d", n)
		g.bucket(t, bucket)
		c := g.config(bucket)
		c.Prefix = "office/evidence/"
		c.BagLock = 2 * time.Second
		return storetest.Subject{Store: open(t, c), Many: 1010, BagLock: true, Reopen: func(t testing.TB) store.Store { return open(t, c) }}
	})
}

// TestFIPS: the same again, with nothing but approved algorithms.
func TestFIPS(t *testing.T) {
	if os.Getenv("GODEBUG") != "" {
		t.Skip("runs in a child")
	}
	cmd := exec.Command(os.Args[0], "-test.run=^(TestConformance/(growth|seal|bags)|TestLong)$")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=only")
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("PASS")) {
		t.Fatalf("%v\n%s", err, out)
	}
}

// TestBucket: what the bucket must have is said when it has it not, and no secret is.
func TestBucket(t *testing.T) {
	g := newGateway(t, t.TempDir())
	root := g.as(rootKey, rootSecret)
	for _, bare := range []string{"bare", "versions-only"} {
		_, err := root.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bare})
		must(t, err)
		p := policy(bare)
		_, err = root.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &bare, Policy: &p})
		must(t, err)
	}
	with := "versions-only"
	_, err := root.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{Bucket: &with, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
	must(t, err)
	good := g.config("bare")
	for what, c := range map[string]struct {
		change func(*s3store.Config)
		says   string
	}{
		"no versions":    {func(c *s3store.Config) {}, "enable its versioning"},
		"no object lock": {func(c *s3store.Config) { c.Bucket = "versions-only" }, "has no Object Lock"},
		"no bucket":      {func(c *s3store.Config) { c.Bucket = "none" }, "no such bucket"},
		"no such user":   {func(c *s3store.Config) { c.AccessKey = "nobody" }, "does not know these credentials"},
		"wrong secret":   {func(c *s3store.Config) { c.SecretKey = "wrong-but-secret-all-the-same" }, "does not know these credentials"},
	} {
		conf := good
		c.change(&conf)
		s, err := s3store.New(conf)
		must(t, err)
		err = s.Check(t.Context())
		if !errors.Is(err, s3store.ErrConfig) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", what, err)
		}
		for _, text := range []string{fmt.Sprint(err), fmt.Sprintf("%v %+v %#v", conf, conf, conf)} {
			if strings.Contains(text, conf.SecretKey) {
				t.Errorf("%s: a secret is in %q", what, text)
			}
		}
	}
	for what, change := range map[string]func(*s3store.Config){
		"plain HTTP to elsewhere": func(c *s3store.Config) { c.Endpoint = "http://192.0.2.1:9000" },
		"credentials in the URL":  func(c *s3store.Config) { c.Endpoint = "https://a:b@store.example" },
		"another scheme":          func(c *s3store.Config) { c.Endpoint = "file:///etc" },
		"bucket":                  func(c *s3store.Config) { c.Bucket = "../x" },
		"prefix":                  func(c *s3store.Config) { c.Prefix = "a/../b/" },
		"no secret":               func(c *s3store.Config) { c.SecretKey = "" },
		"no such CA":              func(c *s3store.Config) { c.CAFile = "/none" },
	} {
		conf := good
		change(&conf)
		if _, err := s3store.New(conf); !errors.Is(err, s3store.ErrConfig) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestLong: what is longer than one upload lies there in one piece all the same.
func TestLong(t *testing.T) {
	g := newGateway(t, t.TempDir())
	g.bucket(t, "long")
	s := open(t, g.config("long"))
	ctx := t.Context()
	b := make([]byte, 35<<20+12_345)
	_, _ = rand.Read(b)
	for at := 0; at < len(b); at += 7 << 20 {
		must(t, s.Append(ctx, name, int64(at), b[at:min(len(b), at+7<<20)]))
	}
	keep := time.Now().Add(time.Hour)
	must(t, s.Seal(ctx, name, keep))
	must(t, s.Seal(ctx, name, keep)) // whoever lost the answer asks again
	info, err := s.Stat(ctx, name)
	must(t, err)
	if !info.Sealed || info.Size != int64(len(b)) || info.Until.Before(keep) {
		t.Errorf("%+v", info)
	}
	in, err := s.Open(ctx, name, 0)
	must(t, err)
	got, err := io.ReadAll(in)
	must(t, err)
	must(t, in.Close())
	if !bytes.Equal(got, b) {
		t.Error("the whole is not what its parts are")
	}
	uploads, err := g.as(rootKey, rootSecret).ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: ptr("long")})
	must(t, err)
	if len(uploads.Uploads) != 0 {
		t.Errorf("%d uploads were left", len(uploads.Uploads))
	}
}

func ptr[T any](v T) *T { return &v }

// TestLocks: not even the owner of the bucket changes what is sealed; parts are
// locked for whoever has not the right to pass over that.
func TestLocks(t *testing.T) {
	g := newGateway(t, t.TempDir())
	g.bucket(t, "locks")
	s := open(t, g.config("locks"))
	ctx := t.Context()
	must(t, s.Append(ctx, name, 0, []byte("sealed")))
	until := time.Now().Add(48 * time.Hour)
	must(t, s.Seal(ctx, name, until))
	const live = "ffeeddccbbaa99887766554433221100-0.rec"
	must(t, s.Append(ctx, live, 0, []byte("live")))
	user, root := g.as(userKey, userSecret), g.as(rootKey, rootSecret)
	of := func(key string) (string, types.ObjectLockMode, time.Time) {
		t.Helper()
		h, err := user.HeadObject(ctx, &s3.HeadObjectInput{Bucket: ptr("locks"), Key: &key})
		must(t, err)
		return *h.VersionId, h.ObjectLockMode, *h.ObjectLockRetainUntilDate
	}
	remove := func(c *s3.Client, key string, bypass bool) error {
		version, _, _ := of(key)
		in := &s3.DeleteObjectInput{Bucket: ptr("locks"), Key: &key, VersionId: &version}
		if bypass {
			in.BypassGovernanceRetention = &bypass
		}
		_, err := c.DeleteObject(ctx, in)
		return err
	}
	retain := func(c *s3.Client, key string, mode types.ObjectLockRetentionMode, until time.Time, bypass bool) error {
		version, _, _ := of(key)
		in := &s3.PutObjectRetentionInput{Bucket: ptr("locks"), Key: &key, VersionId: &version, Retention: &types.ObjectLockRetention{Mode: mode, RetainUntilDate: &until}}
		if bypass {
			in.BypassGovernanceRetention = &bypass
		}
		_, err := c.PutObjectRetention(ctx, in)
		return err
	}
	sealed, part := "rec/"+name, "live/"+live+"/0000000000000000"
	for who, c := range map[string]*s3.Client{"the witness's credentials": user, "the owner of the bucket": root} {
		for _, bypass := range []bool{false, true} {
			if remove(c, sealed, bypass) == nil {
				t.Fatalf("%s removed a sealed recording (bypass %t)", who, bypass)
			}
			if retain(c, sealed, types.ObjectLockRetentionModeCompliance, time.Now().Add(time.Hour), bypass) == nil {
				t.Errorf("%s shortened its lock (bypass %t)", who, bypass)
			}
			if retain(c, sealed, types.ObjectLockRetentionModeGovernance, until.Add(time.Hour), bypass) == nil {
				t.Errorf("%s weakened its lock (bypass %t)", who, bypass)
			}
		}
	}
	if _, mode, at := of(sealed); mode != types.ObjectLockModeCompliance || at.Before(until) {
		t.Errorf("%s until %s, want COMPLIANCE until %s", mode, at, until)
	}
	if _, mode, at := of(part); mode != types.ObjectLockModeGovernance || at.Before(time.Now().Add(13*24*time.Hour)) {
		t.Errorf("a part: %s until %s", mode, at)
	}
	for _, bypass := range []bool{false, true} {
		if remove(user, part, bypass) == nil {
			t.Fatalf("the witness's credentials removed a live part (bypass %t)", bypass)
		}
		if retain(user, part, types.ObjectLockRetentionModeGovernance, time.Now().Add(time.Hour), bypass) == nil {
			t.Errorf("the witness's credentials shortened the lock of a live part (bypass %t)", bypass)
		}
	}
	if remove(root, part, false) == nil {
		t.Fatal("a live part was removed without being asked to pass over its lock")
	}
	must(t, remove(root, part, true)) // who has the right for it may
	if _, err := s.Stat(ctx, live); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removed by its owner: %v", err)
	}
	// Who writes over all the same makes a version, and cannot unmake the first.
	_, err := root.PutObject(ctx, &s3.PutObjectInput{Bucket: ptr("locks"), Key: &sealed, Body: strings.NewReader("other")})
	must(t, err)
	in, err := s.Place().Open(ctx, name)
	must(t, err)
	if b, err := io.ReadAll(in); err != nil || string(b) != "sealed" {
		t.Errorf("the first version: %q, %v", b, err)
	}
	must(t, in.Close())
}

// TestRetentionOver: after its time, and not before, all of it goes.
func TestRetentionOver(t *testing.T) {
	g := newGateway(t, t.TempDir())
	g.bucket(t, "over")
	c := g.config("over")
	now := time.Now()
	// The store's clock is behind that of the server, so its locks are short.
	c.Now = func() time.Time { return now.Add(-time.Minute + 3*time.Second) }
	c.LiveLock = time.Minute
	s := open(t, c)
	ctx := t.Context()
	must(t, s.Append(ctx, name, 0, []byte("content")))
	must(t, s.Seal(ctx, name, time.Time{}))
	if err := s.Remove(ctx, name); !errors.Is(err, store.ErrRetained) {
		t.Fatalf("removed early: %v", err)
	}
	if _, err := s.Stat(ctx, name); err != nil {
		t.Fatal(err)
	}
	c.Now = nil
	s = open(t, c)
	until(t, "end of retention", func() bool {
		err := s.Remove(ctx, name)
		if err != nil && !errors.Is(err, store.ErrRetained) {
			t.Fatal(err)
		}
		return err == nil
	})
	if _, err := s.Stat(ctx, name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	left, err := g.as(rootKey, rootSecret).ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: ptr("over")})
	must(t, err)
	if n := len(left.Versions) + len(left.DeleteMarkers); n != 0 {
		t.Errorf("%d versions and markers are left", n)
	}
}

// TestBagLock: a bag that is removed is given out no more, is destroyed when its lock
// is over, and one that is kept is locked on.
func TestBagLock(t *testing.T) {
	g := newGateway(t, t.TempDir())
	g.bucket(t, "bags")
	c := g.config("bags")
	c.BagLock = 3 * time.Second
	s := open(t, c)
	ctx := t.Context()
	root := g.as(rootKey, rootSecret)
	versions := func(key string) (n, markers int) {
		t.Helper()
		out, err := root.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: ptr("bags"), Prefix: &key})
		must(t, err)
		return len(out.Versions), len(out.DeleteMarkers)
	}
	must(t, s.CreateBag(ctx, "gone.key", []byte("bag")))
	must(t, s.CreateBag(ctx, "kept.key", []byte("bag")))
	must(t, s.ReplaceBag(ctx, "kept.key", sha256.Sum256([]byte("bag")), []byte("wrapped anew")))
	if err := s.RemoveBag(ctx, "gone.key"); !errors.Is(err, store.ErrRetained) {
		t.Fatalf("%v", err)
	}
	if _, err := s.Bag(ctx, "gone.key"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is given out: %v", err)
	}
	lock := func() time.Time {
		t.Helper()
		h, err := root.HeadObject(ctx, &s3.HeadObjectInput{Bucket: ptr("bags"), Key: ptr("bags/kept.key")})
		must(t, err)
		return *h.ObjectLockRetainUntilDate
	}
	first := lock()
	until(t, "the removed bag is destroyed, the replaced version too, and the other is locked on", func() bool {
		must(t, s.Round(context.WithoutCancel(ctx)))
		gone, markers := versions("bags/gone.key")
		kept, _ := versions("bags/kept.key")
		return gone == 0 && markers == 0 && kept == 1 && lock().After(first)
	})
	must(t, s.RemoveBag(ctx, "gone.key"))
	if b, err := s.Bag(ctx, "kept.key"); err != nil || string(b) != "wrapped anew" {
		t.Errorf("%q, %v", b, err)
	}
}
