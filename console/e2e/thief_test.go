package console_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"consento/build/stage"
	"consento/recordings"
)

// thief has everything that lies on the office's disks: all files of the broker, its
// database, log and keys, and what it logged. An auditor's key is not among it.
type thief struct {
	files map[string][]byte // by path
	open  recordings.Open
	ids   map[string]bool // of the keys that the bag is for
}

func (o *office) steals(recording string) *thief {
	o.t.Helper()
	th := &thief{files: map[string][]byte{}, ids: map[string]bool{}}
	for _, place := range []string{o.broker.Data, filepath.Join(filepath.Dir(o.broker.Data), "broker.log")} {
		o.must(filepath.WalkDir(place, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			th.files[path], err = os.ReadFile(path)
			return err
		}))
	}
	var err error
	th.open, err = recordings.ReadOpen(recording)
	o.must(err)
	bag, err := recordings.ReadBag(recordings.FindBag(recording))
	o.must(err)
	for _, s := range bag.Stanzas() {
		for _, id := range s.IDs {
			th.ids[id] = true
		}
	}
	return th
}

// reads says which of the words stand in which files, also written in base64, in hex
// or in two bytes a character, and whether a recording has pictures in plain.
func (th *thief) reads(words ...string) (found []string) {
	for path, b := range th.files {
		for _, word := range words {
			forms := [][]byte{[]byte(word), []byte(hex.EncodeToString([]byte(word))), wide(word)}
			for shift := range 3 { // only whole groups of three bytes are the same at any place
				forms = append(forms, []byte(base64.RawStdEncoding.EncodeToString([]byte(word)[shift:shift+(len(word)-shift)/3*3])))
			}
			for _, form := range forms {
				if bytes.Contains(b, form) {
					found = append(found, filepath.Base(path)+": "+word)
					break
				}
			}
		}
		if strings.HasSuffix(path, ".rec") && bytes.Contains(b, []byte("mfhd\x00\x00\x00\x00")) {
			found = append(found, filepath.Base(path)+": pictures")
		}
	}
	return found
}

// wide is a text as UTF-16.
func wide(word string) (b []byte) {
	for _, c := range []byte(word) {
		b = append(b, c, 0)
	}
	return b
}

// Keys written as text: in base64 or hex, and in base32 behind a prefix.
var texts, letters = regexp.MustCompile(`[A-Za-z0-9+/_=-]{40,}`), regexp.MustCompile(`[A-Za-z2-7]{40,}`)

// opens tries every 32 bytes, as they lie in the files or are written in them, as
// content key and as private key of whom the bag names. It says what was one.
func (th *thief) opens() (found []string) {
	content := func(b []byte) bool {
		commit, err := hkdf.Expand(sha256.New, b, "consento-commit/v1 "+th.open.Session.String(), 32)
		return err == nil && bytes.Equal(commit, th.open.Commit[:])
	}
	private := func(b []byte) bool {
		if key, err := ecdh.P256().NewPrivateKey(b); err == nil && th.named(key.PublicKey().Bytes()) {
			return true
		}
		key, err := hpke.MLKEM768P256().NewPrivateKey(b)
		return err == nil && th.named(key.PublicKey().Bytes())
	}
	try := func(where string, b []byte, keys bool) {
		for i := 0; i+32 <= len(b); i++ {
			if content(b[i:i+32]) || keys && private(b[i:i+32]) {
				found = append(found, fmt.Sprintf("%s at %d", where, i))
			}
		}
	}
	for path, b := range th.files {
		name := filepath.Base(path)
		if filepath.Base(filepath.Dir(path)) == "agents" {
			continue // programs that everybody downloads
		}
		// A private key takes its time: where there are many bytes, what is written as text
		// is tried, which is how this program keeps keys.
		try(name, b[:min(len(b), 2<<20)], len(b) <= 4096 && !strings.Contains(path, "/tile/") && !strings.HasSuffix(path, ".rec"))
		if strings.HasSuffix(path, ".rec") {
			continue
		}
		seen := map[string]bool{}
		for _, s := range append(texts.FindAll(b, -1), letters.FindAll(b, -1)...) {
			if len(s) > 4096 || seen[string(s)] {
				continue
			}
			seen[string(s)] = true
			for _, decode := range []func(string) ([]byte, error){hex.DecodeString, base64.StdEncoding.DecodeString, base64.RawURLEncoding.DecodeString,
				func(s string) ([]byte, error) {
					return base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(s))
				}} {
				if d, err := decode(string(s)); err == nil {
					try(name+", as text", d, len(d) <= 256)
				}
			}
		}
	}
	return found
}

// named reports whether the bag is for this public key.
func (th *thief) named(public []byte) bool {
	sum := sha256.Sum256(public)
	return th.ids[hex.EncodeToString(sum[:8])]
}

// wrapped says in which files of a folder of the broker's data keys lie, though they
// are encrypted: whatever has recipients.
func (th *thief) wrapped(folder string) (found []string) {
	for path, b := range th.files {
		if filepath.Base(filepath.Dir(path)) == folder && (bytes.Contains(b, []byte(`"stanzas"`)) || bytes.Contains(b, []byte(`"kem"`))) {
			found = append(found, filepath.Base(path))
		}
	}
	return found
}

// verifies tells what is needed to verify a recording from what opens it.
func verifies(path string) bool {
	return slices.Contains([]string{".rec", ".cosig", ".proof", ".stamp"}, filepath.Ext(strings.TrimSuffix(path, ".new")))
}

// carriesNoKeys: a thief of the recordings folder, or of its backup, has no key bag and
// no share at all, whatever keys he comes by later.
func (o *office) carriesNoKeys(th *thief) {
	o.t.Helper()
	if found := th.wrapped("evidence"); len(found) > 0 {
		o.t.Errorf("keys among the recordings: %v", found)
	}
	for path := range th.files {
		if filepath.Base(filepath.Dir(path)) == "evidence" && !verifies(path) && filepath.Base(path) != "reserve" {
			o.t.Errorf("among the recordings: %s", filepath.Base(path))
		}
	}
	kinds := map[string]bool{}
	for _, name := range th.wrapped("bags") {
		kinds[filepath.Ext(name)] = true
	}
	if !kinds[".key"] || !kinds[".logkeys"] {
		o.t.Errorf("keys that are found where they are: %v; this would prove nothing", kinds)
	}
}

// leavesNothing is the theft: no word of a session that is over, and no key to it.
// sheet is one of the printed keys, by which the search shows that it finds any.
func (o *office) leavesNothing(recording string, sheet recordings.Identity, words ...string) {
	o.t.Helper()
	th := o.steals(recording)
	if len(th.files) < 10 || len(th.ids) < 4 {
		o.t.Fatalf("%d files, %d keys: this would prove nothing", len(th.files), len(th.ids))
	}
	if found := th.reads(stage.TechnicianName); len(found) == 0 {
		o.t.Error("not even the technician's name, which stands in the database, is found: this would prove nothing")
	}
	if found := th.reads(words...); len(found) > 0 {
		o.t.Errorf("in plain: %v", found)
	}
	if found := th.opens(); len(found) > 0 {
		o.t.Errorf("keys to the recording: %v", found)
	}
	o.carriesNoKeys(th)
	secret, err := sheet.Secret()
	o.must(err)
	if found := (&thief{files: map[string][]byte{"notes.txt": []byte("my key: " + secret + "\n")}, open: th.open, ids: th.ids}).opens(); len(found) == 0 {
		o.t.Error("a printed key is not found among files: this would prove nothing")
	}
}
