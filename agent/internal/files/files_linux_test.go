package files

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"consento/protocol"
)

// desk is the other end of an exchange: the console behind the broker.
type desk struct {
	*Exchange
	t     testing.TB
	dir   string
	parts *Parts
	used  *Used
	held  atomic.Bool
	deaf  atomic.Bool // acknowledges nothing
	cut   atomic.Bool // the connection is lost
	last  uint32
	sum   hash.Hash // of what comes, where it is too much to keep

	mu    sync.Mutex
	came  sync.Cond
	list  []protocol.Transfer
	bytes map[uint32][]byte
	ahead int64 // the most that was on its way unacknowledged
	acked map[uint32]int64
}

const epoch = 7

func limits() protocol.FileLimits {
	return protocol.FileLimits{File: 1 << 30, Total: 1 << 31, Folders: true}
}

func openDesk(t testing.TB, take bool, edit ...func(*Config)) *desk {
	t.Helper()
	d := &desk{t: t, dir: t.TempDir(), parts: &Parts{}, used: &Used{}}
	d.open(take, edit...)
	return d
}

// open begins another consent to the same folder.
func (d *desk) open(take bool, edit ...func(*Config)) {
	d.t.Helper()
	d.mu.Lock()
	d.came.L = &d.mu
	d.list, d.bytes, d.acked, d.last = nil, map[uint32][]byte{}, map[uint32]int64{}, 0
	d.mu.Unlock()
	c := Config{Epoch: epoch, Take: take, Folder: Folder{"Downloads", d.dir}, Limits: limits(), Used: d.used, Parts: d.parts,
		Send: d.said, Chunk: d.chunk, Held: d.held.Load, Log: slog.New(slog.DiscardHandler)}
	for _, f := range edit {
		f(&c)
	}
	x, err := Open(c)
	if err != nil {
		d.t.Fatal(err)
	}
	d.Exchange = x
	d.t.Cleanup(func() { x.Close(); x.work.Wait() })
}

func (d *desk) said(m protocol.Transfer) {
	p := protocol.FetchFiles
	if d.Exchange == nil || d.config.Take {
		p = protocol.SendFiles
	}
	if _, err := m.Encode(); err != nil || m.Kind != protocol.TransferOpened && !m.FromAgent(p) || m.Epoch != epoch {
		d.t.Errorf("said %+v: %v", m, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list = append(d.list, m)
	if m.Kind == protocol.TransferReady {
		d.acked[m.ID] = m.At
	}
	d.came.Broadcast()
}

func (d *desk) chunk(c protocol.Chunk) error {
	if d.cut.Load() {
		return errors.New("lost")
	}
	if _, err := c.Encode(); err != nil {
		d.t.Error(err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sum != nil {
		d.sum.Write(c.Data)
	} else {
		d.bytes[c.ID] = append(d.bytes[c.ID], c.Data...)
	}
	end := c.At + int64(len(c.Data))
	d.ahead = max(d.ahead, end-d.acked[c.ID])
	d.came.Broadcast()
	if !d.deaf.Load() {
		d.acked[c.ID] = end
		go d.Take(protocol.Transfer{Kind: protocol.TransferAck, Epoch: epoch, ID: c.ID, At: end})
	}
	return nil
}

// until waits until something holds of what was said; under the lock.
func (d *desk) until(what string, holds func() bool) {
	d.t.Helper()
	gone := time.AfterFunc(30*time.Second, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.list = append(d.list, protocol.Transfer{Kind: "gave up"})
		d.came.Broadcast()
	})
	defer gone.Stop()
	d.mu.Lock()
	defer d.mu.Unlock()
	for !holds() {
		if n := len(d.list); n > 0 && d.list[n-1].Kind == "gave up" {
			d.t.Fatalf("%s: not in time; said %+v", what, d.list)
		}
		d.came.Wait()
	}
}

// of waits for what is said of a transfer, of one of these kinds.
func (d *desk) of(id uint32, kinds ...protocol.TransferKind) (m protocol.Transfer) {
	d.t.Helper()
	kinds = append(kinds, protocol.TransferFailed)
	d.until("of a transfer", func() bool {
		at := slices.IndexFunc(d.list, func(m protocol.Transfer) bool { return m.ID == id && slices.Contains(kinds, m.Kind) })
		if at >= 0 {
			m = d.list[at]
		}
		return at >= 0
	})
	return m
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// put asks to put a file and returns the answer.
func (d *desk) put(path string, size int64, batch uint32) protocol.Transfer {
	d.t.Helper()
	d.last++
	d.Take(protocol.Transfer{Kind: protocol.TransferPut, Epoch: epoch, ID: d.last, Path: path, Size: size, Batch: batch})
	return d.of(d.last, protocol.TransferReady)
}

// chunks sends content from a place on.
func (d *desk) chunks(id uint32, data []byte, at int64) {
	for at < int64(len(data)) {
		n := min(int64(len(data))-at, protocol.MaxChunk)
		d.TakeChunk(protocol.Chunk{Epoch: epoch, ID: id, At: at, Data: data[at : at+n]})
		at += n
	}
}

// finish says that all was sent, and returns the answer.
func (d *desk) finish(id uint32, data []byte) protocol.Transfer {
	d.t.Helper()
	d.Take(protocol.Transfer{Kind: protocol.TransferEnd, Epoch: epoch, ID: id, Size: int64(len(data)), Hash: hashOf(data)})
	return d.of(id, protocol.TransferDone)
}

// whole puts a file, all of it.
func (d *desk) whole(path string, data []byte, batch uint32) protocol.Transfer {
	d.t.Helper()
	ready := d.put(path, int64(len(data)), batch)
	if ready.Kind != protocol.TransferReady {
		return ready
	}
	d.chunks(ready.ID, data, ready.At)
	return d.finish(ready.ID, data)
}

// get fetches a file and returns how it ended, and what came.
func (d *desk) get(path string) (protocol.Transfer, []byte) {
	d.t.Helper()
	d.last++
	d.Take(protocol.Transfer{Kind: protocol.TransferGet, Epoch: epoch, ID: d.last, Path: path})
	end := d.of(d.last, protocol.TransferEnd)
	d.mu.Lock()
	defer d.mu.Unlock()
	got := bytes.Clone(d.bytes[d.last])
	if end.Kind == protocol.TransferEnd {
		go d.Take(protocol.Transfer{Kind: protocol.TransferDone, Epoch: epoch, ID: d.last, Hash: hashOf(got)})
	}
	return end, got
}

func content(n int) []byte {
	data := make([]byte, n)
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(data)
	return data
}

func (d *desk) write(name string, data []byte) {
	d.t.Helper()
	name = filepath.Join(d.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, data, 0o644)); err != nil {
		d.t.Fatal(err)
	}
}

// names lists all files of the folder, sorted.
func (d *desk) names() (list []string) {
	d.t.Helper()
	err := filepath.WalkDir(d.dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(d.dir, path)
			list = append(list, rel)
		}
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

func (d *desk) has(want ...string) {
	d.t.Helper()
	d.settles("the folder's files", func() bool { return slices.Equal(d.names(), want) })
}

// settles waits until something holds that nobody tells.
func (d *desk) settles(what string, holds func() bool) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			d.t.Fatalf("%s: not in time; there is %q", what, d.names())
		}
	}
}

// failed checks how a transfer ended.
func (d *desk) failed(m protocol.Transfer, want protocol.FileCause) {
	d.t.Helper()
	if m.Kind != protocol.TransferFailed || m.Cause != want {
		d.t.Errorf("%+v, not failed: %s", m, want)
	}
}

// TestPut: what comes is whole and under a name that nothing had; what is not what was
// sent is gone.
func TestPut(t *testing.T) {
	d := openDesk(t, true)
	d.write("a.txt", []byte("old"))
	data := content(3*protocol.TransferWindow + 5)
	ready := d.put("a.txt", int64(len(data)), 0)
	if ready.Path != "a (1).txt" || ready.At != 0 {
		t.Fatalf("%+v", ready)
	}
	d.chunks(ready.ID, data, 0)
	d.has("a (1).txt.part", "a.txt")
	d.write("a (1).txt", []byte("the customer's own, meanwhile"))
	if done := d.finish(ready.ID, data); done.Path != "a (1) (1).txt" || done.Hash != hashOf(data) {
		t.Errorf("%+v", done)
	}
	d.has("a (1) (1).txt", "a (1).txt", "a.txt")
	if got, err := os.ReadFile(filepath.Join(d.dir, "a (1) (1).txt")); err != nil || !bytes.Equal(got, data) {
		t.Error("another content")
	}
	if old, _ := os.ReadFile(filepath.Join(d.dir, "a.txt")); string(old) != "old" {
		t.Error("written over")
	}
	if info, err := os.Stat(filepath.Join(d.dir, "a (1) (1).txt")); err != nil || info.Mode().Perm()&0o111 != 0 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if done := d.whole("empty", nil, 0); done.Kind != protocol.TransferDone {
		t.Errorf("%+v", done)
	}

	ready = d.put("b", 10, 0)
	d.chunks(ready.ID, []byte("0123456789"), 0)
	d.Take(protocol.Transfer{Kind: protocol.TransferEnd, Epoch: epoch, ID: ready.ID, Size: 10, Hash: hashOf([]byte("other"))})
	d.failed(d.of(ready.ID, protocol.TransferDone), protocol.FileHash)
	ready = d.put("b", 10, 0)
	d.chunks(ready.ID, []byte("0123456789more"), 0) // than was said
	d.failed(d.of(ready.ID, protocol.TransferDone), protocol.FileFailed)
	ready = d.put("b", 10, 0)
	d.TakeChunk(protocol.Chunk{Epoch: epoch, ID: ready.ID, At: 5, Data: []byte("hole")})
	d.failed(d.of(ready.ID, protocol.TransferDone), protocol.FileFailed)
	ready = d.put("b", 10, 0)
	d.Take(protocol.Transfer{Kind: protocol.TransferCancel, Epoch: epoch, ID: ready.ID})
	d.has("a (1) (1).txt", "a (1).txt", "a.txt", "empty")
}

// TestPutFolders: each folder is a new one, and several files come at once.
func TestPutFolders(t *testing.T) {
	d := openDesk(t, true)
	d.write("Photos/mine", nil)
	var ready []protocol.Transfer
	for _, path := range []string{"Photos/a", "Photos/2026/b", "Photos/2026/c"} {
		ready = append(ready, d.put(path, 1, 4))
	}
	d.failed(d.whole("loose/a", nil, 0), protocol.FileFolders)
	for _, m := range ready {
		d.chunks(m.ID, []byte("x"), 0)
		if done := d.finish(m.ID, []byte("x")); done.Kind != protocol.TransferDone {
			t.Errorf("%+v", done)
		}
	}
	if done := d.whole("Photos/a", []byte("y"), 5); done.Path != "Photos (2)/a" {
		t.Errorf("%+v", done)
	}
	d.has("Photos (1)/2026/b", "Photos (1)/2026/c", "Photos (1)/a", "Photos (2)/a", "Photos/mine")

	for range protocol.MaxTransfers {
		d.put("slow", 10, 0)
	}
	d.failed(d.put("one more", 10, 0), protocol.FileBusy)
	if items := d.Items(); len(items) != protocol.MaxTransfers || items[0].Name != "slow" || items[0].Size != 10 {
		t.Errorf("%+v", items)
	}
	d.Stop() // the customer does
	for id := d.last - protocol.MaxTransfers; id < d.last; id++ {
		d.failed(d.of(id, protocol.TransferDone), protocol.FileStopped)
	}
	d.has("Photos (1)/2026/b", "Photos (1)/2026/c", "Photos (1)/a", "Photos (2)/a", "Photos/mine")
}

func TestLimits(t *testing.T) {
	d := openDesk(t, true, func(c *Config) { c.Limits = protocol.FileLimits{File: 100, Total: 150} })
	d.failed(d.put("a", 101, 0), protocol.FileSize)
	d.failed(d.put("a/b", 1, 1), protocol.FileFolders)
	if done := d.whole("a", content(100), 0); done.Kind != protocol.TransferDone {
		t.Errorf("%+v", done)
	}
	d.failed(d.put("b", 51, 0), protocol.FileTotal)
	id := d.put("b", 50, 0).ID
	d.Take(protocol.Transfer{Kind: protocol.TransferCancel, Epoch: epoch, ID: id})
	d.has("a")
	if done := d.whole("c", content(50), 0); done.Kind != protocol.TransferDone { // what did not come does not count
		t.Errorf("%+v", done)
	}
	d.write("big", make([]byte, 101))
	d.write("Folder/a", nil)
	d.open(false, func(c *Config) { c.Limits = protocol.FileLimits{File: 100, Total: 200} })
	for path, cause := range map[string]protocol.FileCause{"big": protocol.FileSize, "Folder/a": protocol.FileFolders, "nothing": protocol.FileMissing, "Folder": protocol.FileKind, "a": protocol.FileTotal} {
		m, _ := d.get(path)
		d.failed(m, cause)
	}
	e := openDesk(t, true, func(c *Config) { c.Limits.File = protocol.MaxTransferSize; c.Limits.Total = protocol.MaxTransferSize })
	e.failed(e.put("larger than any disk", protocol.MaxTransferSize, 0), protocol.FileSpace)
}

// TestGoOn: after a lost connection, and under another consent, from what is there.
func TestGoOn(t *testing.T) {
	d := openDesk(t, true)
	const half = 8 * protocol.MaxChunk
	data := content(2 * half)
	ready := d.put("a", int64(len(data)), 0)
	d.chunks(ready.ID, data[:half], 0)
	d.until("written", func() bool {
		return slices.ContainsFunc(d.list, func(m protocol.Transfer) bool { return m.At == half })
	})
	d.Again()
	d.chunks(ready.ID, data, half) // of the connection that is gone
	ready = d.put("a", int64(len(data)), 0)
	if ready.At != half || ready.Hash != hashOf(data[:ready.At]) || ready.Path != "a" {
		t.Fatalf("%+v", ready)
	}
	d.Close()
	d.has("a.part")
	d.open(true)
	ready = d.put("a", int64(len(data)), 0)
	if ready.At != half {
		t.Fatalf("%+v", ready)
	}
	d.chunks(ready.ID, data, ready.At)
	if done := d.finish(ready.ID, data); done.Kind != protocol.TransferDone || done.Path != "a" {
		t.Errorf("%+v", done)
	}
	d.has("a")

	// Another file of the same name and size: from the start.
	other := content(len(data) + 1)[1:]
	ready = d.put("b", int64(len(data)), 0)
	d.chunks(ready.ID, data[:protocol.MaxChunk], 0)
	d.Take(protocol.Transfer{Kind: protocol.TransferCancel, Epoch: epoch, ID: ready.ID, Keep: true})
	d.settles("kept", func() bool { return !d.parts.busy("b.part") })
	ready = d.put("b", int64(len(data)), 0)
	d.chunks(ready.ID, other, 0)
	if done := d.finish(ready.ID, other); done.Kind != protocol.TransferDone {
		t.Errorf("%+v", done)
	}

	// What somebody else put there is not gone on with, and not removed.
	ready = d.put("c", 100, 0)
	d.Take(protocol.Transfer{Kind: protocol.TransferCancel, Epoch: epoch, ID: ready.ID, Keep: true})
	d.settles("kept", func() bool { return !d.parts.busy("c.part") })
	if err := os.Remove(filepath.Join(d.dir, "c.part")); err != nil {
		t.Fatal(err)
	}
	d.write("c.part", []byte("the customer's"))
	if ready = d.put("c", 100, 0); ready.At != 0 || ready.Path != "c (1)" {
		t.Errorf("%+v", ready)
	}
	d.Close()
	d.parts.Clear()
	d.has("a", "b", "c.part")
}

// TestPartsAreBounded: what is begun and left, again and again, does not pile up.
func TestPartsAreBounded(t *testing.T) {
	d := openDesk(t, true)
	for i := range maxParts + 5 {
		ready := d.put(fmt.Sprintf("f%03d", i), 10, 0)
		d.Take(protocol.Transfer{Kind: protocol.TransferCancel, Epoch: epoch, ID: ready.ID, Keep: true})
		d.settles("kept", func() bool { return !d.parts.busy(fmt.Sprintf("f%03d.part", i)) })
	}
	if list := d.names(); len(list) != maxParts || list[0] != "f005.part" {
		t.Errorf("%d files, %s the first", len(list), list[0])
	}
}

// busy reports whether a file that was begun is written now.
func (p *Parts) busy(part string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.list, func(b *begun) bool { return b.part == part && b.busy })
}

// TestFetch: whole, in the window, from where the console has it already.
func TestFetch(t *testing.T) {
	d := openDesk(t, false)
	data := content(5*protocol.TransferWindow + 7)
	d.write("Folder/a", data)
	end, got := d.get("Folder/a")
	if end.Kind != protocol.TransferEnd || end.Hash != hashOf(data) || !bytes.Equal(got, data) || d.ahead > protocol.TransferWindow {
		t.Errorf("%+v; %d bytes, %d on their way", end, len(got), d.ahead)
	}
	d.deaf.Store(true)
	half := int64(len(data) / 2)
	for _, hash := range []string{hashOf(data[:half]), hashOf(nil)} {
		d.last++
		d.Take(protocol.Transfer{Kind: protocol.TransferGet, Epoch: epoch, ID: d.last, Path: "Folder/a", At: half, Hash: hash})
		want := int64(0)
		if hash == hashOf(data[:half]) {
			want = half
		}
		if ready := d.of(d.last, protocol.TransferReady); ready.At != want || ready.Size != int64(len(data)) {
			t.Errorf("%+v", ready)
		}
	}
	d.Take(protocol.Transfer{Kind: protocol.TransferCancel, Epoch: epoch, ID: d.last})
	d.Take(protocol.Transfer{Kind: protocol.TransferCancel, Epoch: epoch, ID: d.last - 1})

	// While it is read it grows, or is cut off.
	for _, size := range []int64{int64(len(data)) + 1, 10} {
		d.write("b", data)
		d.last++
		d.Take(protocol.Transfer{Kind: protocol.TransferGet, Epoch: epoch, ID: d.last, Path: "b"})
		d.until("the window is full", func() bool { return len(d.bytes[d.last]) > protocol.TransferFirst-protocol.MaxChunk })
		if err := os.Truncate(filepath.Join(d.dir, "b"), size); err != nil {
			t.Fatal(err)
		}
		d.deaf.Store(false)
		d.mu.Lock()
		at := int64(len(d.bytes[d.last]))
		d.acked[d.last] = at
		d.mu.Unlock()
		d.Take(protocol.Transfer{Kind: protocol.TransferAck, Epoch: epoch, ID: d.last, At: at})
		d.failed(d.of(d.last, protocol.TransferEnd), protocol.FileChanged)
		d.deaf.Store(true)
	}
	d.cut.Store(true)
	end, _ = d.get("b")
	d.failed(end, protocol.FileAway)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestPages(t *testing.T) {
	d := openDesk(t, false)
	for i := range protocol.MaxEntries + 10 {
		d.write("f"+strings.Repeat("x", i), nil)
	}
	d.write("zz/a", nil)
	var all []string
	for at := int64(0); ; {
		d.last++
		d.Take(protocol.Transfer{Kind: protocol.TransferList, Epoch: epoch, ID: d.last, At: at})
		m := d.of(d.last, protocol.TransferListing)
		for _, e := range m.Entries {
			all = append(all, e.Name)
		}
		if at += int64(len(m.Entries)); at == m.Count || len(m.Entries) == 0 {
			break
		}
	}
	if len(all) != protocol.MaxEntries+11 || all[0] != "zz" || all[1] != "f" {
		t.Errorf("%d entries: %.5q", len(all), all)
	}
}

// TestHeldAndClosed: nothing moves while the customer hides the screen, and nothing at
// all after the end.
func TestHeldAndClosed(t *testing.T) {
	d := openDesk(t, true)
	ready := d.put("a", 100, 0)
	d.held.Store(true)
	d.chunks(ready.ID, content(100), 0)
	d.has("a.part")
	if info, err := os.Stat(filepath.Join(d.dir, "a.part")); err != nil || info.Size() > 0 {
		t.Errorf("%v bytes were written, %v", info.Size(), err)
	}
	d.held.Store(false)
	if ack := d.of(ready.ID, protocol.TransferAck); ack.At != 100 {
		t.Errorf("%+v", ack)
	}
	d.held.Store(true)
	id := ready.ID
	d.Take(protocol.Transfer{Kind: protocol.TransferEnd, Epoch: epoch, ID: id, Size: 100, Hash: hashOf(content(100))})
	if !d.Close() {
		t.Error("something hangs")
	}
	d.held.Store(false)
	d.Take(protocol.Transfer{Kind: protocol.TransferPut, Epoch: epoch, ID: id + 1, Path: "b"})
	d.chunks(id, content(100), 0)
	d.has("a.part")
	d.parts.Clear()
	d.has()

	e := openDesk(t, false)
	e.deaf.Store(true)
	e.write("a", content(3*protocol.TransferWindow))
	e.Take(protocol.Transfer{Kind: protocol.TransferGet, Epoch: epoch, ID: 1, Path: "a"})
	e.until("the window is full", func() bool { return len(e.bytes[1]) > protocol.TransferFirst-protocol.MaxChunk })
	if !e.Close() {
		t.Error("it still reads")
	}
}

func TestFolders(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", "")
	if list := Folders(); len(list) > 0 {
		t.Errorf("%v in an empty home", list)
	}
	for _, dir := range []string{".config", "Documents", "T\u00e9l\u00e9chargements", "Pictures"} {
		must(t, os.Mkdir(filepath.Join(home, dir), 0o755))
	}
	must(t, os.WriteFile(filepath.Join(home, ".config/user-dirs.dirs"), []byte("# made by hand\nXDG_DOWNLOAD_DIR=\"$HOME/T\u00e9l\u00e9chargements\"\nXDG_DESKTOP_DIR=\"$HOME/\"\nXDG_PICTURES_DIR=\"/\"\nXDG_MUSIC_DIR=\"/x\"\nnonsense\n"), 0o644))
	want := []Folder{{"T\u00e9l\u00e9chargements", filepath.Join(home, "T\u00e9l\u00e9chargements")}, {"Documents", filepath.Join(home, "Documents")}}
	if list := Folders(); !slices.Equal(list, want) { // neither the home directory, nor what it lies in
		t.Errorf("%v", list)
	}
	must(t, os.Symlink(home, filepath.Join(home, "Desk")))
	must(t, os.WriteFile(filepath.Join(home, ".config/user-dirs.dirs"), []byte("XDG_DOWNLOAD_DIR=\"$HOME/T\u00e9l\u00e9chargements\"\nXDG_DESKTOP_DIR=\"$HOME/Desk\"\nXDG_PICTURES_DIR=\"/\"\n"), 0o644))
	if list := Folders(); !slices.Equal(list, want) { // nor under another name
		t.Errorf("by a link: %v", list)
	}
}

// TestPace: as much as the way carries, within the limits.
func TestPace(t *testing.T) {
	at := time.Now()
	p := pace{window: protocol.TransferFirst, since: at}
	for _, x := range []struct {
		ms          int64
		acked, want int64
	}{{50, 1 << 20, protocol.TransferFirst}, {100, 100_000, 400_000}, {200, 200_000, 400_000}, {300, 100 << 20, protocol.TransferWindow}, {1300, 100<<20 + 10, protocol.TransferFirst}} {
		if got := p.now(x.acked, at.Add(time.Duration(x.ms)*time.Millisecond)); got != x.want {
			t.Errorf("after %d ms: %d, not %d", x.ms, got, x.want)
		}
	}
}

func TestNumbered(t *testing.T) {
	for name, want := range map[string]string{"a.txt": "a (2).txt", "a": "a (2)", "Photos.old/a": "Photos.old/a (2)", "a.tar.gz": "a.tar (2).gz"} {
		if got := numbered(name, 2); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}
