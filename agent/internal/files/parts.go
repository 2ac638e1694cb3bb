package files

import (
	"crypto/sha256"
	"errors"
	"os"
	"slices"
	"sync"

	"consento/protocol"
)

// maxParts bounds the files that were begun and may be gone on with.
const maxParts = 64

// Parts remembers the files that were begun in a session and are not whole, so that they
// can be gone on with under another consent, and are gone when the session is.
type Parts struct {
	mu   sync.Mutex
	list []*begun
}

// begun is a file that is not whole.
type begun struct {
	folder string // the customer's
	want   string // path as it was asked for
	size   int64  // in the end
	path   string
	part   string
	info   os.FileInfo // as it was left: tells whether it is still the same file
	busy   bool        // it is written now
}

// again opens the file that was begun for the same, nil if there is none.
func (p *Parts) again(root *os.Root, folder string, m protocol.Transfer, on func() bool) *incoming {
	b := p.take(folder, m)
	if b == nil {
		return nil
	}
	in, err := b.open(root, on)
	if errors.Is(err, errOver) {
		p.free(b.part, nil)
		return nil
	}
	if err != nil {
		p.forget(b.part) // it is somebody else's by now
		return nil
	}
	return in
}

func (p *Parts) take(folder string, m protocol.Transfer) *begun {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.list {
		if !b.busy && b.folder == folder && b.want == m.Path && b.size == m.Size {
			b.busy = true
			return b
		}
	}
	return nil
}

// open opens it and reads what is there.
func (b *begun) open(root *os.Root, on func() bool) (*incoming, error) {
	f, info, err := openPlain(root, b.part, os.O_RDWR)
	if err != nil {
		return nil, err
	}
	in := &incoming{want: b.want, path: b.path, part: b.part, file: f, hash: sha256.New()}
	if !b.same(info) || info.Size() > b.size {
		_ = f.Close() // nothing was written
		return nil, errKind
	}
	if err := read(in.hash, f, info.Size(), on); err != nil { // and it stands at its end
		_ = f.Close() // likewise
		return nil, err
	}
	in.at = info.Size()
	in.had, in.told = in.at, in.at
	return in, nil
}

// keep remembers a file that was begun.
func (p *Parts) keep(folder string, m protocol.Transfer, in *incoming) {
	info, err := in.file.Stat()
	if err != nil {
		return // it cannot be gone on with, no more
	}
	var old *begun
	p.mu.Lock()
	if i := slices.IndexFunc(p.list, func(b *begun) bool { return !b.busy }); i >= 0 && len(p.list) >= maxParts {
		old = p.list[i]
		p.list = slices.Delete(p.list, i, i+1)
	}
	p.list = append(p.list, &begun{folder: folder, want: m.Path, size: m.Size, path: in.path, part: in.part, info: info, busy: true})
	p.mu.Unlock()
	if old != nil {
		old.clear()
	}
}

// clear removes it, wherever it is.
func (b *begun) clear() {
	root, err := os.OpenRoot(b.folder)
	if err != nil {
		return // the folder went
	}
	b.remove(root)
	_ = root.Close()
}

// free says that a file is not written any more, and how it was left; nil: as before.
func (p *Parts) free(part string, info os.FileInfo) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.list {
		if b.part == part {
			b.busy = false
			if info != nil {
				b.info = info
			}
		}
	}
}

// same reports whether it is the file that was left. The number of a file that is gone
// may be another's by now.
func (b *begun) same(info os.FileInfo) bool {
	return os.SameFile(info, b.info) && info.Size() == b.info.Size() && info.ModTime().Equal(b.info.ModTime())
}

// forget remembers a file no more.
func (p *Parts) forget(part string) (was *begun) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, b := range p.list {
		if b.part == part {
			p.list = append(p.list[:i:i], p.list[i+1:]...)
			return b
		}
	}
	return nil
}

// remove removes a file that was begun, as it was left.
func (p *Parts) remove(root *os.Root, part string, info os.FileInfo) {
	p.free(part, info)
	if b := p.forget(part); b != nil {
		b.remove(root)
	}
}

// remove removes it if it is still the same file.
func (b *begun) remove(root *os.Root) {
	if info, err := root.Lstat(b.part); err == nil && b.same(info) {
		_ = root.Remove(b.part) // if it cannot be, its name says what it is
	}
}

// Clear removes every file that is not whole. Nothing may be written any more.
func (p *Parts) Clear() {
	p.mu.Lock()
	list := p.list
	p.list = nil
	p.mu.Unlock()
	for _, b := range list {
		b.clear()
	}
}
