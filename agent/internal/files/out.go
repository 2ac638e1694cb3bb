package files

import (
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"consento/protocol"
)

// fetch begins to send a file or a list, on a goroutine of its own: at most
// protocol.MaxTransfers of them.
func (x *Exchange) fetch(m protocol.Transfer) {
	t := x.begin(m, path.Base(m.Path))
	if t == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed() {
		return
	}
	x.work.Go(func() {
		if !x.wait(t) {
			return
		}
		err, cause := error(nil), protocol.FileCause("")
		if t.list {
			err = x.list(t, m)
		} else {
			cause, err = x.send(t, m)
		}
		if err != nil {
			x.config.Log.Debug("not sent", slog.Any("error", err))
			cause = causeOf(err)
		}
		if cause != "" {
			x.gives(t, cause)
		}
	})
}

// ack notes that more has arrived.
func (t *transfer) ack(at int64) {
	if at > t.acked.Load() && at <= t.moved.Load() {
		t.acked.Store(at)
		select {
		case t.wake <- struct{}{}:
		default:
		}
	}
}

// send sends a file, as fast as it is acknowledged.
func (x *Exchange) send(t *transfer, m protocol.Transfer) (protocol.FileCause, error) {
	if strings.Contains(m.Path, "/") && !x.config.Limits.Folders {
		return protocol.FileFolders, nil
	}
	f, info, err := openPlain(x.root, m.Path, os.O_RDONLY)
	if err != nil {
		return "", err
	}
	defer f.Close()
	size := info.Size()
	if size > x.config.Limits.File {
		return protocol.FileSize, nil
	}
	at, hash := int64(0), sha256.New()
	if m.At > 0 && m.At <= size {
		if err := read(hash, f, m.At, func() bool { return x.wait(t) }); err != nil {
			return protocol.FileChanged, nil
		}
		if at = m.At; sum(hash) != m.Hash { // another file than the console has the beginning of
			hash.Reset()
			at = 0
			if _, err := f.Seek(0, io.SeekStart); err != nil {
				return "", err
			}
		}
	}
	if !x.config.Used.take(size-at, x.config.Limits.Total) {
		return protocol.FileTotal, nil
	}
	defer func() { x.config.Used.Add(t.moved.Load() - size) }() // what was not sent
	x.mu.Lock()
	t.size = size
	x.mu.Unlock()
	t.moved.Store(at)
	t.acked.Store(at)
	ready := protocol.Transfer{Kind: protocol.TransferReady, Epoch: x.config.Epoch, ID: t.id, Path: m.Path, Size: size, At: at}
	if at > 0 {
		ready.Hash = m.Hash
	}
	x.config.Send(ready)
	buf := make([]byte, protocol.MaxChunk)
	ahead := pace{window: protocol.TransferFirst, since: time.Now(), acked: at}
	for at < size {
		if !x.wait(t) {
			return "", nil
		}
		if room := ahead.now(t.acked.Load(), time.Now()) - (at - t.acked.Load()); room < protocol.MaxChunk {
			select {
			case <-t.wake:
			case <-t.over:
			case <-x.stop:
			}
			continue
		}
		n, err := io.ReadFull(f, buf[:min(size-at, int64(len(buf)))])
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return protocol.FileChanged, nil
		}
		if err != nil {
			return "", err
		}
		t.moved.Store(at + int64(n)) // before it can be acknowledged
		if err := x.config.Chunk(protocol.Chunk{Epoch: x.config.Epoch, ID: t.id, At: at, Data: buf[:n]}); err != nil {
			return protocol.FileAway, nil
		}
		hash.Write(buf[:n])
		at += int64(n)
	}
	if now, err := f.Stat(); err != nil || now.Size() != size || !now.ModTime().Equal(info.ModTime()) {
		return protocol.FileChanged, nil
	}
	if x.wait(t) {
		x.config.Send(protocol.Transfer{Kind: protocol.TransferEnd, Epoch: x.config.Epoch, ID: t.id, Size: size, Hash: sum(hash)})
	}
	return "", nil // the console's word ends it
}

// pace says how much may be on its way: what the way carried lately in
// protocol.TransferAhead.
type pace struct {
	window int64
	since  time.Time
	acked  int64
}

func (p *pace) now(acked int64, now time.Time) int64 {
	if passed := now.Sub(p.since); passed >= paceInterval {
		carried := int64(float64(acked-p.acked) * protocol.TransferAhead.Seconds() / passed.Seconds())
		p.window = min(max(carried, protocol.TransferFirst), protocol.TransferWindow)
		p.since, p.acked = now, acked
	}
	return p.window
}

// paceInterval is how often it is looked what the way carries.
const paceInterval = 100 * time.Millisecond

// openPlain opens a plain file: no link, no device, no pipe, not even if it takes the
// place of one meanwhile. It never waits for another end.
func openPlain(root *os.Root, name string, how int) (*os.File, fs.FileInfo, error) {
	before, err := root.Lstat(name)
	if err != nil {
		return nil, nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, nil, errKind
	}
	f, err := root.OpenFile(name, how|unwaiting, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && (!info.Mode().IsRegular() || !os.SameFile(before, info)) {
		err = errKind
	}
	if err != nil {
		_ = f.Close() // nothing was done with it
		return nil, nil, err
	}
	return f, info, nil
}

// list tells what is in a folder: folders first, each by name. What cannot be
// transferred is only counted.
func (x *Exchange) list(t *transfer, m protocol.Transfer) error {
	name := m.Path
	if name == "" {
		name = "."
	} else if !x.config.Limits.Folders {
		x.gives(t, protocol.FileFolders)
		return nil
	}
	if info, err := x.root.Lstat(name); err != nil {
		return err
	} else if !info.IsDir() {
		return errKind
	}
	dir, err := x.root.OpenFile(name, os.O_RDONLY|unwaiting, 0)
	if err != nil {
		return err
	}
	defer dir.Close()
	out := protocol.Transfer{Kind: protocol.TransferListing, Epoch: x.config.Epoch, ID: t.id, Path: m.Path, At: m.At}
	var all []protocol.FileEntry
	for {
		some, err := dir.ReadDir(1000)
		for _, e := range some {
			plain := (e.IsDir() || e.Type().IsRegular()) && protocol.FileNameOK(e.Name())
			if !plain || e.IsDir() && !x.config.Limits.Folders || len(all) == protocol.MaxListed {
				out.Left++
				continue
			}
			all = append(all, protocol.FileEntry{Name: e.Name(), Folder: e.IsDir()})
		}
		if errors.Is(err, io.EOF) || err == nil && t.done() {
			break
		}
		if err != nil {
			return err
		}
	}
	slices.SortFunc(all, func(a, b protocol.FileEntry) int {
		if a.Folder != b.Folder {
			if a.Folder {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
	out.Count = int64(len(all))
	out.At = min(out.At, out.Count)
	out.Entries = all[out.At:min(out.Count, out.At+protocol.MaxEntries)]
	for i := range out.Entries {
		e := &out.Entries[i]
		info, err := x.root.Lstat(path.Join(name, e.Name))
		if err != nil {
			continue // it went meanwhile: getting it says so
		}
		e.Modified = info.ModTime().Unix()
		if !e.Folder {
			e.Size = min(info.Size(), protocol.MaxTransferSize)
		}
	}
	if x.forget(t.id) == t {
		x.config.Send(out)
	}
	x.end(t)
	return nil
}
