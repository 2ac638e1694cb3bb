package files

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"strings"

	"consento/protocol"
)

// incoming is a file that is being written. It belongs to the worker.
type incoming struct {
	want string // path as it was asked for
	path string // where it is to be in the end
	part string // where it is meanwhile
	file *os.File
	at   int64 // bytes that are there
	told int64 // bytes that were acknowledged
	had  int64 // bytes that were there at first
	hash hash.Hash
	left os.FileInfo // how it was when it was closed
	over bool        // it has its name, or is given up
}

// write does what is in the queue, one after the other, until Close.
func (x *Exchange) write() {
	open := map[uint32]*transfer{} // with a file
	for {
		select {
		case m := <-x.queue:
			switch m := m.(type) {
			case protocol.Transfer:
				if m.Kind == protocol.TransferPut {
					if t := x.put(m); t != nil {
						open[t.id] = t
					}
				} else if t := open[m.ID]; t != nil && x.wait(t) {
					x.whole(t, m)
				}
			case protocol.Chunk:
				if t := open[m.ID]; t != nil && x.wait(t) {
					x.store(t, m)
				}
			}
		case <-x.kick:
		case <-x.stop:
			for _, t := range open {
				x.leave(t)
			}
			return
		}
		for id, t := range open {
			if t.done() {
				x.leave(t)
				delete(open, id)
			}
		}
	}
}

// put begins a file that comes.
func (x *Exchange) put(m protocol.Transfer) *transfer {
	t := x.begin(m, path.Base(m.Path))
	if t == nil || !x.wait(t) {
		return nil
	}
	limits := x.config.Limits
	cause := protocol.FileCause("")
	switch free, known := freeSpace(x.config.Folder.Path); {
	case strings.Contains(m.Path, "/") && (!limits.Folders || m.Batch == 0):
		cause = protocol.FileFolders
	case m.Size > limits.File:
		cause = protocol.FileSize
	case known && m.Size > free-spare:
		cause = protocol.FileSpace
	case !x.config.Used.take(m.Size, limits.Total):
		cause = protocol.FileTotal
	}
	if cause != "" {
		x.gives(t, cause)
		return nil
	}
	in, err := x.create(t, m)
	if err != nil {
		x.config.Log.Warn("file cannot be put", slog.Any("error", err))
		x.gives(t, causeOf(err))
		return nil
	}
	t.in = in
	t.moved.Store(in.at)
	ready := protocol.Transfer{Kind: protocol.TransferReady, Epoch: x.config.Epoch, ID: t.id, Path: in.path, Size: m.Size, At: in.at}
	if in.at > 0 {
		ready.Hash = sum(in.hash)
	}
	x.config.Send(ready)
	return t
}

// create opens the file that something is written to: one that was begun before in this
// session, or a new one.
func (x *Exchange) create(t *transfer, m protocol.Transfer) (*incoming, error) {
	if in := x.config.Parts.again(x.root, x.config.Folder.Path, m, func() bool { return !x.closed() && !t.done() }); in != nil {
		return in, nil
	}
	if t.done() || x.closed() {
		return nil, errOver
	}
	want, err := x.within(m)
	if err != nil {
		return nil, err
	}
	in := &incoming{want: m.Path, hash: sha256.New()}
	for n := range maxNames {
		in.path = numbered(want, n)
		in.part = in.path + ".part"
		if _, err := x.root.Lstat(in.path); err == nil {
			continue
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		in.file, err = x.root.OpenFile(in.part, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		x.config.Parts.keep(x.config.Folder.Path, m, in)
		return in, nil
	}
	return nil, errName
}

// within makes the folders that a file lies in: the first of a batch is a new one.
func (x *Exchange) within(m protocol.Transfer) (string, error) {
	first, rest, inFolder := strings.Cut(m.Path, "/")
	if !inFolder {
		return m.Path, nil
	}
	top, known := x.top[m.Batch]
	for n := 0; !known; n++ {
		if n == maxNames {
			return "", errName
		}
		top = numbered(first, n)
		err := x.root.Mkdir(top, 0o755)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		if len(x.top) >= maxBatches {
			clear(x.top) // a folder may be made twice then
		}
		x.top[m.Batch], known = top, true
	}
	want := path.Join(top, rest)
	if dir := path.Dir(want); dir != top {
		if err := x.root.MkdirAll(dir, 0o755); err != nil {
			return "", err
		}
	}
	return want, nil
}

const (
	maxNames   = 1000 // of files that would have the same one
	maxBatches = 1000
)

// numbered is a name with a number before its ending; 0 is the name itself.
func numbered(name string, n int) string {
	if n == 0 {
		return name
	}
	dir, base := path.Split(name)
	end := path.Ext(base)
	if end == base {
		end = ""
	}
	return fmt.Sprintf("%s%s (%d)%s", dir, strings.TrimSuffix(base, end), n, end)
}

// store writes a part of a file.
func (x *Exchange) store(t *transfer, c protocol.Chunk) {
	in := t.in
	if c.At == 0 && in.at > 0 && in.at == in.had {
		if err := in.restart(); err != nil {
			x.lose(t, err)
			return
		}
	}
	if c.At != in.at || in.at+int64(len(c.Data)) > t.size {
		x.gives(t, protocol.FileFailed)
		return
	}
	if _, err := in.file.Write(c.Data); err != nil {
		x.lose(t, err)
		return
	}
	in.hash.Write(c.Data)
	in.at += int64(len(c.Data))
	in.had = -1
	t.moved.Store(in.at)
	if in.at-in.told >= ackStep || in.at == t.size {
		in.told = in.at
		x.config.Send(protocol.Transfer{Kind: protocol.TransferAck, Epoch: x.config.Epoch, ID: t.id, At: in.at})
	}
}

// restart forgets what was there at first: it is not what is sent.
func (in *incoming) restart() error {
	if err := in.file.Truncate(0); err != nil {
		return err
	}
	_, err := in.file.Seek(0, io.SeekStart)
	in.at, in.told = 0, 0
	in.hash.Reset()
	return err
}

// whole puts a file that came in its place.
func (x *Exchange) whole(t *transfer, m protocol.Transfer) {
	in := t.in
	if in.at != t.size || m.Size != t.size || m.Hash != sum(in.hash) {
		x.gives(t, protocol.FileHash)
		return
	}
	if err := in.place(x.root, x.config.Log); err != nil {
		x.lose(t, err)
		return
	}
	in.over = true
	x.config.Parts.forget(in.part)
	if x.forget(t.id) == t {
		x.config.Send(protocol.Transfer{Kind: protocol.TransferDone, Epoch: x.config.Epoch, ID: t.id, Hash: m.Hash, Path: in.path})
	}
	x.end(t)
}

// place gives a whole file its name, or the next one that is free.
func (in *incoming) place(root *os.Root, log *slog.Logger) error {
	if err := mark(in.file); err != nil {
		log.Warn("file is not marked as coming from another computer", slog.Any("error", err))
	}
	if err := errors.Join(in.file.Sync(), in.close()); err != nil {
		return err
	}
	want := in.path
	for n := range maxNames {
		name := numbered(want, n)
		switch err := settle(root, in.part, name); {
		case err == nil:
			in.path = name
			return nil
		case !errors.Is(err, fs.ErrExist):
			return err
		}
	}
	return errName
}

// settle gives part another name, which nothing may have.
func settle(root *os.Root, part, name string) error {
	err := root.Link(part, name)
	if err == nil {
		return root.Remove(part)
	}
	if errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// A file system without links: the name is taken by an empty file of ours first.
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Close(), root.Rename(part, name)); err != nil {
		return errors.Join(err, root.Remove(name))
	}
	return nil
}

// lose ends a file that cannot be written.
func (x *Exchange) lose(t *transfer, err error) {
	x.config.Log.Warn("file cannot be written", slog.Any("error", err))
	x.gives(t, causeOf(err))
}

// leave closes a file that is not written any more. What was begun goes, unless it may
// be gone on with.
func (x *Exchange) leave(t *transfer) {
	in := t.in
	if in.over {
		return
	}
	in.over = true
	_ = in.close() // what of it is there is hashed again
	if t.keep.Load() {
		x.config.Parts.free(in.part, in.left)
		x.config.Used.Add(-t.size) // it is counted when it goes on
		return
	}
	x.config.Parts.remove(x.root, in.part, in.left)
	x.config.Used.Add(in.at - t.size)
}

// close closes the file, once.
func (in *incoming) close() (err error) {
	if in.file == nil {
		return nil
	}
	if in.left, err = in.file.Stat(); err != nil {
		in.left = nil
	}
	err = errors.Join(err, in.file.Close())
	in.file = nil
	return err
}

func sum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }
