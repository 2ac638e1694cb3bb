package foreign

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	cosignature "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"

	"consento/recordings/translog"
)

const origin = "office.example/evidence"

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// leafHashes parses a bundle with tessera's reader.
func leafHashes(bundle []byte) ([][]byte, error) {
	var b api.EntryBundle
	if err := b.UnmarshalText(bundle); err != nil {
		return nil, err
	}
	var hashes [][]byte
	for _, e := range b.Entries {
		hashes = append(hashes, rfc6962.DefaultHasher.HashLeaf(e))
	}
	return hashes, nil
}

func check(t *testing.T, dir string, key ed25519.PublicKey) error {
	t.Helper()
	vkey, err := note.NewEd25519VerifierKey(origin, key)
	must(t, err)
	v, err := note.NewVerifier(vkey)
	must(t, err)
	return fsck.New(origin, v, client.FileFetcher{Root: dir}, leafHashes, fsck.Opts{N: 2}).Check(t.Context())
}

// TestFsck: tessera finds nothing wrong with a log that grew in steps, was closed
// and opened. A changed bit in the files that it reads our audit finds at once;
// tessera's fsck v1.0.4 does not come back from some of them (its workers end at the
// first difference, and who feeds them waits for ever), so it is not asked.
func TestFsck(t *testing.T) {
	pub, key, err := ed25519.GenerateKey(nil)
	must(t, err)
	conf := translog.Config{Origin: origin, Key: key}
	dir := filepath.Join(t.TempDir(), "log")
	l, err := translog.Create(dir, conf)
	must(t, err)
	must(t, check(t, dir, pub))
	grow := func(to uint64) {
		t.Helper()
		var leaves []translog.Leaf
		for n := l.Size(); n < to; n++ {
			leaves = append(leaves, translog.Admin{What: "signin", By: fmt.Sprint(n)})
		}
		_, err := l.Add(t.Context(), leaves...)
		must(t, err)
	}
	for _, size := range []uint64{2, 3, 9, 255, 256, 257, 300, 512, 700} {
		grow(size)
		if err := check(t, dir, pub); err != nil {
			t.Fatalf("size %d: %v", size, err)
		}
		if size == 257 {
			must(t, l.Close())
			l, err = translog.Open(dir, conf)
			must(t, err)
		}
	}
	grow(65_800) // three levels
	must(t, check(t, dir, pub))
	must(t, l.Close())
	for _, name := range []string{"checkpoint", "tile/0/000", "tile/0/257.p/8", "tile/1/000", "tile/1/001.p/1", "tile/2/000.p/1", "tile/entries/100", "tile/entries/257.p/8"} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		b, err := os.ReadFile(file)
		must(t, err)
		b[len(b)-9] ^= 1
		must(t, os.WriteFile(file, b, 0o600))
		ours, err := translog.Audit(t.Context(), os.DirFS(dir), translog.Keys{Log: []ed25519.PublicKey{pub}})
		must(t, err)
		if len(ours.Problems) == 0 {
			t.Errorf("%s was changed, and nothing found", name)
		}
		b[len(b)-9] ^= 1
		must(t, os.WriteFile(file, b, 0o600))
	}
	must(t, check(t, dir, pub))
	if err := check(t, dir, ed25519.PublicKey(make([]byte, 32))); err == nil {
		t.Error("fsck takes any key")
	}
}

// TestCosignature: their reader takes our witness's word, and ours takes theirs.
func TestCosignature(t *testing.T) {
	logPub, logKey, err := ed25519.GenerateKey(nil)
	must(t, err)
	l, err := translog.Create(filepath.Join(t.TempDir(), "log"), translog.Config{Origin: origin, Key: logKey})
	must(t, err)
	defer func() { must(t, l.Close()) }()
	pub, key, err := ed25519.GenerateKey(nil)
	must(t, err)
	w, err := translog.CreateCosigner(translog.CosignerConfig{Name: "mirror.example/w", Key: key, Origin: origin,
		Log: []ed25519.PublicKey{logPub}, State: filepath.Join(t.TempDir(), "state")})
	must(t, err)
	defer func() { must(t, w.Close()) }()
	line, err := w.AddCheckpoint(translog.Request{Checkpoint: l.Checkpoint()})
	must(t, err)
	vkey, err := note.NewEd25519VerifierKey("mirror.example/w", pub)
	must(t, err)
	theirs, err := cosignature.NewVerifierForCosignatureV1(vkey)
	must(t, err)
	n, err := note.Open(append(l.Checkpoint().Text, line...), note.VerifierList(theirs))
	must(t, err)
	at, err := cosignature.CoSigV1Timestamp(n.Sigs[0])
	if err != nil || at.IsZero() {
		t.Error(at, err)
	}

	skey, vkey2, err := note.GenerateKey(rand.Reader, "their.example/w")
	must(t, err)
	signer, err := cosignature.NewSignerForCosignatureV1(skey)
	must(t, err)
	full, err := note.Sign(&note.Note{Text: n.Text}, signer)
	must(t, err)
	_, lines, _ := strings.Cut(string(full), "\n\n")
	c, err := l.Checkpoint().Add([]byte(lines))
	must(t, err)
	raw, err := keyOf(vkey2)
	must(t, err)
	_, by, err := translog.Keys{Witness: []translog.NamedKey{{Name: "theirs", Key: raw}}}.Check(c)
	if err != nil || len(by) != 1 || by[0].Name != "their.example/w" {
		t.Error(by, err)
	}
}
