package run

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"consento/protocol"
)

// parcel is what the broker passes on of a file.
func (a *attended) parcel(m protocol.Transfer) {
	a.t.Helper()
	data, err := m.Encode()
	if err != nil {
		a.t.Fatal(err)
	}
	a.tools.parcels.take(true, data)
}

func (a *attended) piece(c protocol.Chunk) {
	a.t.Helper()
	data, err := c.Encode()
	if err != nil {
		a.t.Fatal(err)
	}
	a.tools.parcels.take(false, data)
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// TestFilesByConsent: no broker puts a file anywhere without the customer's yes; the
// customer sees what comes, which asks nothing; what is on its way when the yes is taken
// back is gone.
func TestFilesByConsent(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", "")
	a := attend(t)
	ask := askFor(protocol.SendFiles, 2)
	ask.Files = &protocol.FileLimits{File: 5 << 20, Total: 6 << 20, Folders: true}
	a.gets(ask)
	if said := a.said(); said.State != protocol.ConsentRefused || said.Cause != protocol.CauseUnable {
		t.Fatalf("without a folder: %+v", said)
	}
	folder := filepath.Join(home, "Downloads")
	for _, dir := range []string{folder, filepath.Join(home, "Documents")} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	content := []byte("content")
	sum := sha256.Sum256(content)
	put := func(epoch, id uint32, name string, end bool) {
		t.Helper()
		a.parcel(protocol.Transfer{Kind: protocol.TransferPut, Epoch: epoch, ID: id, Path: name, Size: int64(len(content))})
		a.piece(protocol.Chunk{Epoch: epoch, ID: id, Data: content})
		if end {
			a.parcel(protocol.Transfer{Kind: protocol.TransferEnd, Epoch: epoch, ID: id, Size: int64(len(content)), Hash: hex.EncodeToString(sum[:])})
		}
	}
	try := func(when string) {
		t.Helper()
		a.gets(recordedFor(protocol.SendFiles, 3))
		put(3, 100, "a", true)
		if list, err := os.ReadDir(folder); a.tools.open[protocol.SendFiles] != nil || err != nil || len(list) > 0 {
			t.Fatalf("%s: open, or there is %v, %v", when, list, err)
		}
	}
	try("unasked")
	ask.Epoch = 3
	a.gets(ask)
	try("while it is asked")
	a.agrees(protocol.SendFiles)
	a.gets(recordedFor(protocol.SendFiles, 3))
	if a.tools.open[protocol.SendFiles] == nil {
		t.Fatal("not open")
	}
	put(2, 1, "old", true)
	put(3, 1, "a.txt", true)
	until(t, "the file is there", func() bool { return exists(filepath.Join(folder, "a.txt")) })
	if list, err := os.ReadDir(folder); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
	put(3, 2, "b.txt", false)
	until(t, "the customer sees it", func() bool {
		id, err := a.xdotool("search", "--onlyvisible", "--name", "files")
		return err == nil && id != ""
	})
	if a.UI.Asking() {
		t.Error("a window that shows something holds control back")
	}
	if !exists(filepath.Join(folder, "b.txt.part")) || exists(filepath.Join(folder, "b.txt")) {
		t.Error("what came in part is not named so")
	}
	a.takesBack(protocol.SendFiles)
	if list, err := os.ReadDir(folder); err != nil || len(list) != 1 || list[0].Name() != "a.txt" {
		t.Errorf("after it was taken back there is %v, %v", list, err)
	}
	if id, err := a.xdotool("search", "--onlyvisible", "--name", "files"); err == nil && id != "" {
		t.Error("its window is still there")
	}
}

// FuzzParcels: whatever comes on the channel, nothing opens and nothing falls over.
func FuzzParcels(f *testing.F) {
	f.Add(true, []byte(`{"kind":"put","epoch":2,"id":1,"path":"a","size":1}`))
	f.Add(false, []byte("\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00a"))
	f.Fuzz(func(t *testing.T, text bool, data []byte) {
		tools := newTools()
		tools.parcels.take(text, data)
		if len(tools.parcels.open) > 0 {
			t.Error("open")
		}
	})
}
