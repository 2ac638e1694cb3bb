package console_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"consento/build/stage"
	"consento/protocol"
)

// bigFile is the size of a large file, in bytes; build/bench sends a larger one.
const bigFile = 64 << 20

// TestFilesBothWays: asked for and refused, asked again and allowed with a folder of the
// customer's choice; a large file and a folder arrive whole; one that is on its way when
// the customer takes it back is gone; a folder is fetched; all of it is found again in
// the verifier's export.
func TestFilesBothWays(t *testing.T) {
	o := newSupport(t)
	documents := filepath.Join(o.customer.Home, "Documents")
	o.must(os.MkdirAll(filepath.Join(documents, "Foto"), 0o755))
	o.must(os.WriteFile(filepath.Join(documents, "Foto", "perch\u00e9.txt"), []byte("a picture"), 0o644))
	o.must(os.WriteFile(filepath.Join(documents, "note.txt"), []byte("the customer's"), 0o644))
	o.must(os.Symlink("/etc/passwd", filepath.Join(documents, "link")))
	before := o.files()
	agent := o.share()
	consent := func(p protocol.Permission) string {
		return fmt.Sprintf(`[data-testid="files-panel"] [data-permission=%q]`, p)
	}
	job := func(name, is string) {
		o.t.Helper()
		o.must(o.console.Until(name+" is "+is, fmt.Sprintf(`[...document.querySelectorAll('[data-testid="files-jobs"] li')].findLast((e) => e.dataset.name === %q)?.dataset.state === %q`, name, is)))
	}

	o.isRefused("send_files", consent(protocol.SendFiles))
	o.asksAgain("send_files", consent(protocol.SendFiles))
	ask, err := o.customer.Window(o.ctx, toolQuestion)
	o.must(err)
	o.must(o.customer.PressIn(o.ctx, ask, "Tab", "Tab", "Down")) // Downloads, Documents
	o.must(o.customer.PressIn(o.ctx, ask, "shift+Tab", "shift+Tab"))
	o.must(o.customer.Accept(o.ctx, toolQuestion))
	o.becomes(consent(protocol.SendFiles), "state", "given")
	o.must(o.console.Until("the folder that was chosen", `document.querySelector('[data-testid="files-send"]').textContent.includes("Documents")`))

	// A large file, a name that is there already, a folder.
	theirs := o.t.TempDir()
	big, hash := filepath.Join(theirs, "big.iso"), randomFile(o, filepath.Join(theirs, "big.iso"), bigFile)
	note := filepath.Join(theirs, "note.txt")
	o.must(os.WriteFile(note, []byte("the technician's"), 0o644))
	folder := filepath.Join(theirs, "Driver")
	o.must(os.MkdirAll(filepath.Join(folder, "x64"), 0o755))
	o.must(os.WriteFile(filepath.Join(folder, "read me.txt"), []byte("read me"), 0o644))
	o.must(os.WriteFile(filepath.Join(folder, "x64", "a.bin"), []byte{0, 1, 2}, 0o644))
	o.must(o.console.Choose(byID("files-choose"), note))
	job("note.txt", "done")
	o.must(o.console.Choose(byID("files-choose-folder"), folder))
	job("Driver/read me.txt", "done")
	job("Driver/x64/a.bin", "done")
	o.must(o.console.Choose(byID("files-choose"), big))
	job("big.iso", "done")
	holds := func(name, want string) {
		o.t.Helper()
		got, err := os.ReadFile(filepath.Join(documents, name))
		o.must(err)
		if string(got) != want {
			o.t.Errorf("%s holds %.40q", name, got)
		}
	}
	holds("note.txt", "the customer's")
	holds("note (1).txt", "the technician's")
	holds("Driver/read me.txt", "read me")
	holds("Driver/x64/a.bin", "\x00\x01\x02")
	if got := hashFile(o, filepath.Join(documents, "big.iso")); got != hash {
		o.t.Errorf("the large file arrived with SHA-256 %s", got)
	}

	// In mid-flight the customer takes it back: it stops at once, and nothing of it stays.
	endless := filepath.Join(theirs, "endless.iso") // a hole, which costs no disk here
	o.must(os.WriteFile(endless, nil, 0o644))
	o.must(os.Truncate(endless, 3<<30))
	o.must(o.console.Choose(byID("files-choose"), endless))
	o.must(stage.Until(o.ctx, "it has begun", func() bool {
		info, err := os.Stat(filepath.Join(documents, "endless.iso.part"))
		return err == nil && info.Size() > 1<<20
	}))
	_, err = o.customer.Window(o.ctx, "Consento \u2013 file")
	o.must(err)
	o.picture("on its way", o.customer)
	o.picture("sending", o.technician)
	o.bar("take back")
	o.becomes(consent(protocol.SendFiles), "state", "withdrawn")
	job("endless.iso", "failed")
	o.must(stage.Until(o.ctx, "nothing of it stays", func() bool {
		list, err := filepath.Glob(filepath.Join(documents, "endless*"))
		return err == nil && len(list) == 0
	}))
	o.picture("withdrawn", o.technician)

	// The other way: what is in a folder, all of it as one archive.
	ask = o.asks("fetch_files", consent(protocol.FetchFiles))
	o.picture("asked to fetch", o.customer)
	o.must(o.customer.PressIn(o.ctx, ask, "Tab", "Tab", "Down"))
	o.must(o.customer.PressIn(o.ctx, ask, "shift+Tab", "shift+Tab"))
	o.must(o.customer.Accept(o.ctx, toolQuestion))
	o.becomes(consent(protocol.FetchFiles), "state", "given")
	o.must(o.console.Until("what is in the folder", `[...document.querySelectorAll(".files-list li")].map((e) => e.dataset.name).join() === "Driver,Foto,big.iso,note (1).txt,note.txt"`))
	o.picture("listed", o.technician)
	o.must(o.console.Click(byID("files-all")))
	job("Documents.zip", "done")
	archive := filepath.Join(o.technician.Home, "Downloads", "Documents.zip")
	var names []string
	o.must(stage.Until(o.ctx, "the archive is saved", func() bool {
		z, err := zip.OpenReader(archive)
		if err != nil {
			return false
		}
		defer z.Close()
		names = nil
		for _, f := range z.File {
			names = append(names, f.Name)
			if f.Name == "Foto/perch\u00e9.txt" {
				r, err := f.Open()
				o.must(err)
				data, err := io.ReadAll(r)
				o.must(err)
				if string(data) != "a picture" {
					o.t.Errorf("%q", data)
				}
			}
		}
		return true
	}))
	slices.Sort(names)
	if got := strings.Join(names, ","); got != "Driver/read me.txt,Driver/x64/a.bin,Foto/perch\u00e9.txt,big.iso,note (1).txt,note.txt" {
		o.t.Errorf("the archive holds %s", got)
	}

	o.bar("end")
	o.must(os.RemoveAll(filepath.Join(documents, "Driver")))
	o.must(os.Remove(filepath.Join(documents, "note (1).txt")))
	o.must(os.Remove(filepath.Join(documents, "big.iso")))
	o.over(agent, 0, before)
	e := o.newest(whole)
	e.expect(o.t, protocol.EndCustomer, protocol.EventConsentAsked, protocol.EventConsentRefused, protocol.EventConsentGiven, protocol.EventFileFolder, protocol.EventFileAsked,
		protocol.EventFileEnded, protocol.EventConsentWithdrawn, protocol.EventConsentGiven, protocol.EventFileListed, protocol.EventFileEnded, protocol.EventEnded)
	data, err := os.ReadFile(filepath.Join(e.folder, "events.json"))
	o.must(err)
	for _, want := range []string{hash, `"note (1).txt"`, `"Driver/x64/a.bin"`, `"withdrawn"`, `"file.begun"`, `"file.whole"`, "perch\u00e9.txt"} {
		if !bytes.Contains(data, []byte(want)) {
			o.t.Errorf("the export does not say %s", want)
		}
	}
	if bytes.Contains(data, []byte("the technician's")) {
		o.t.Error("the content is on the evidence")
	}
}

func randomFile(o *office, name string, size int64) (hash string) {
	o.t.Helper()
	f, err := os.Create(name)
	o.must(err)
	sum := sha256.New()
	_, err = io.CopyN(io.MultiWriter(f, sum), rand.NewChaCha8([32]byte{7}), size)
	o.must(err)
	o.must(f.Close())
	return hex.EncodeToString(sum.Sum(nil))
}

func hashFile(o *office, name string) string {
	o.t.Helper()
	f, err := os.Open(name)
	o.must(err)
	defer f.Close()
	sum := sha256.New()
	_, err = io.Copy(sum, f)
	o.must(err)
	return hex.EncodeToString(sum.Sum(nil))
}
