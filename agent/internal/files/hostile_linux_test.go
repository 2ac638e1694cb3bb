package files

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"consento/protocol"
	"consento/recordings/disktest"
)

// TestHostile: nothing but plain files within the folder, and nothing waits for the other
// end of a pipe.
func TestHostile(t *testing.T) {
	d := openDesk(t, false)
	secret := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(secret, []byte("secret"), 0o600))
	must(t, os.Symlink(secret, filepath.Join(d.dir, "link")))
	must(t, os.Symlink(filepath.Dir(secret), filepath.Join(d.dir, "way")))
	must(t, os.Symlink("/dev/zero", filepath.Join(d.dir, "device")))
	must(t, os.Symlink("..", filepath.Join(d.dir, "up")))
	must(t, unix.Mkfifo(filepath.Join(d.dir, "pipe"), 0o666))
	d.write("plain", []byte("x"))
	d.write("Folder/locked", []byte("x"))
	d.write(".hidden", nil)
	d.write("a\u202egpj.exe", nil)
	d.write("CON", nil)
	for _, path := range []string{"link", "way", "way/secret", "device", "up/x", "pipe", "Folder"} {
		m, got := d.get(path)
		if m.Kind != protocol.TransferFailed || len(got) > 0 {
			t.Errorf("%s: %+v, %q", path, m, got)
		}
	}
	d.last++
	d.Take(protocol.Transfer{Kind: protocol.TransferList, Epoch: epoch, ID: d.last})
	m := d.of(d.last, protocol.TransferListing)
	if len(m.Entries) != 2 || m.Entries[0].Name != "Folder" || m.Entries[1] != (protocol.FileEntry{Name: "plain", Size: 1, Modified: m.Entries[1].Modified}) || m.Left != 8 {
		t.Errorf("%+v", m)
	}
	d.last++
	d.Take(protocol.Transfer{Kind: protocol.TransferList, Epoch: epoch, ID: d.last, Path: "way"})
	d.failed(d.of(d.last, protocol.TransferListing), protocol.FileKind)
	if os.Getuid() != 0 {
		must(t, os.Chmod(filepath.Join(d.dir, "Folder/locked"), 0))
		m, _ := d.get("Folder/locked")
		d.failed(m, protocol.FileDenied)
	}
	for _, bad := range []protocol.Transfer{{Kind: protocol.TransferPut, Epoch: epoch, ID: 1000, Path: "put"}, {Kind: protocol.TransferList, Epoch: epoch + 1, ID: 1000}} {
		d.Take(bad) // of another consent
	}
	if d.find(1000) != nil {
		t.Error("done without a consent")
	}
}

// TestRaces: somebody exchanges a folder for a link that leads out, again and again.
func TestRaces(t *testing.T) {
	outside := t.TempDir()
	must(t, os.WriteFile(filepath.Join(outside, "a"), []byte("secret"), 0o644))
	d := openDesk(t, false)
	d.write("way/a", []byte("public"))
	way, off := filepath.Join(d.dir, "way"), filepath.Join(d.dir, "off")
	stop := make(chan struct{})
	var swapping sync.WaitGroup
	swapping.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			_ = os.Rename(way, off)
			_ = os.Symlink(outside, way)
			_ = os.Remove(way)
			_ = os.Rename(off, way)
		}
	})
	for range 200 {
		if m, got := d.get("way/a"); m.Kind == protocol.TransferEnd && string(got) != "public" || bytes.Contains(got, []byte("secret")) {
			t.Fatalf("%+v, %q", m, got)
		}
	}
	d.Close()
	d.open(true)
	d.top[1] = "way" // as if it had been made for this batch
	for range 200 {
		d.whole("way/a", []byte("written"), 1)
	}
	close(stop)
	swapping.Wait()
	if list, err := os.ReadDir(outside); err != nil || len(list) != 1 {
		t.Errorf("outside there is %v, %v", list, err)
	}
	if data, _ := os.ReadFile(filepath.Join(outside, "a")); string(data) != "secret" {
		t.Error("written outside")
	}
}

// TestNoMore: what the system does not let grow is told, and gone.
func TestNoMore(t *testing.T) {
	var old unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_FSIZE, &old))
	small := old
	small.Cur = 100 << 10 // no file grows further
	d := openDesk(t, true)
	ready := d.put("a", 1<<20, 0)
	must(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &small))
	defer func() { must(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &old)) }()
	d.chunks(ready.ID, content(1<<20), 0)
	d.failed(d.of(ready.ID, protocol.TransferDone), protocol.FileSpace)
	d.has()
}

// TestDiskFull: likewise on a disk that has no room for it any more.
func TestDiskFull(t *testing.T) {
	d := &desk{t: t, dir: disktest.New(t, spare+(1<<20)), parts: &Parts{}, used: &Used{}}
	d.open(true)
	d.failed(d.put("a", 2<<20, 0), protocol.FileSpace)
	ready := d.put("b", 512<<10, 0)
	d.write("filler", make([]byte, spare+(896<<10))) // somebody else needs it meanwhile
	d.chunks(ready.ID, content(512<<10), 0)
	d.failed(d.of(ready.ID, protocol.TransferDone), protocol.FileSpace)
	d.has("filler")
}

// FuzzExchange: whatever a hostile broker sends, nothing lies outside the folder, and
// nothing is written over.
func FuzzExchange(f *testing.F) {
	f.Add([]byte(`{"kind":"put","epoch":7,"id":1,"path":"a/b","size":3,"batch":1}`), []byte("\x00\x00\x00\x07\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00abc"))
	f.Add([]byte(`{"kind":"put","epoch":7,"id":1,"path":"mine","size":3}`), []byte("\x00\x00\x00\x07\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00abc"))
	f.Fuzz(func(t *testing.T, text, binary []byte) {
		around := t.TempDir()
		d := &desk{t: t, dir: filepath.Join(around, "folder"), parts: &Parts{}, used: &Used{}}
		must(t, os.Mkdir(d.dir, 0o755))
		d.write("mine", []byte("mine"))
		d.open(true)
		if m, err := protocol.DecodeTransfer(text); err == nil {
			d.Take(m)
		}
		if c, err := protocol.DecodeChunk(binary); err == nil {
			d.TakeChunk(c)
		}
		d.Close()
		d.work.Wait()
		d.parts.Clear()
		if list, err := os.ReadDir(around); err != nil || len(list) != 1 {
			t.Errorf("%v, %v", list, err)
		}
		if data, err := os.ReadFile(filepath.Join(d.dir, "mine")); err != nil || string(data) != "mine" {
			t.Errorf("%q, %v", data, err)
		}
		d.has("mine")
	})
}
