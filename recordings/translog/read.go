package translog

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// ErrRange: an index or size is beyond the log.
var ErrRange = errors.New("beyond the end of the log")

// Entry is one leaf as it stands in the log.
type Entry struct {
	Index uint64
	Data  []byte
}

// Entry reads one leaf and checks it against the tree.
func (l *Log) Entry(ctx context.Context, index uint64) ([]byte, error) {
	for e, err := range l.Entries(ctx, index, index+1) {
		return e.Data, err
	}
	return nil, ErrRange
}

// Entries reads the leaves from (inclusive) to (exclusive), each checked against
// the tree.
func (l *Log) Entries(ctx context.Context, from, to uint64) iter.Seq2[Entry, error] {
	s := l.now()
	return func(yield func(Entry, error) bool) {
		if from > to || to > s.edge.n {
			yield(Entry{}, ErrRange)
			return
		}
		for from < to {
			if err := ctx.Err(); err != nil {
				yield(Entry{}, err)
				return
			}
			number := from / tileWidth
			entries, err := l.entries(s, number)
			if err != nil {
				yield(Entry{}, err)
				return
			}
			for ; from < to && from/tileWidth == number; from++ {
				if !yield(Entry{from, entries[from%tileWidth]}, nil) {
					return
				}
			}
		}
	}
}

// entries reads a bundle whose hashes are those of the tree.
func (l *Log) entries(s state, number uint64) ([][]byte, error) {
	if number == s.edge.n/tileWidth {
		return parseBundle(s.bundle)
	}
	b, err := readLimited(l.fsys, bundlePath(number, tileWidth), maxBundle)
	if err != nil {
		return nil, err
	}
	entries, err := parseBundle(b)
	if err != nil || len(entries) != tileWidth {
		return nil, fmt.Errorf("%w: bundle %d: %w", ErrTampered, number, errors.Join(err, errBundle))
	}
	indexes := make([]int64, tileWidth)
	for i := range indexes {
		indexes[i] = tlog.StoredHashIndex(0, int64(number*tileWidth)+int64(i))
	}
	hashes, err := l.hashes(s).ReadHashes(indexes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTampered, err)
	}
	for i, e := range entries {
		if tlog.RecordHash(e) != hashes[i] {
			return nil, fmt.Errorf("%w: leaf %d", ErrTampered, number*tileWidth+uint64(i))
		}
	}
	return entries, nil
}

// Inclusion proves that leaf index is in the tree of the given size (RFC 6962
// section 2.1.1).
func (l *Log) Inclusion(ctx context.Context, index, size uint64) ([]tlog.Hash, error) {
	s := l.now()
	if size > s.edge.n || index >= size {
		return nil, ErrRange
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return tlog.ProveRecord(int64(size), int64(index), l.hashes(s))
}

// Consistency proves that the tree of one size extends that of another (RFC 6962
// section 2.1.2). From size 0 there is nothing to prove.
func (l *Log) Consistency(ctx context.Context, from, to uint64) ([]tlog.Hash, error) {
	s := l.now()
	if from > to || to > s.edge.n {
		return nil, ErrRange
	}
	if err := ctx.Err(); err != nil || from == 0 {
		return nil, err
	}
	return tlog.ProveTree(int64(to), int64(from), l.hashes(s))
}

// RootAt is the root of the tree when it had some size.
func (l *Log) RootAt(ctx context.Context, size uint64) (tlog.Hash, error) {
	s := l.now()
	if size > s.edge.n {
		return tlog.Hash{}, ErrRange
	}
	if err := ctx.Err(); err != nil || size == 0 {
		return emptyRoot, err
	}
	return tlog.TreeHash(int64(size), l.hashes(s))
}

// hashes reads from tiles and checks them against the root of s.
func (l *Log) hashes(s state) tlog.HashReader {
	return tlog.TileHashReader(tlog.Tree{N: int64(s.edge.n), Hash: s.edge.root()}, tiles{l.fsys, s.edge})
}

// tiles are the files, and the right edge from memory.
type tiles struct {
	fsys fs.FS
	edge edge
}

func (t tiles) Height() int                     { return tileHeight }
func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (t tiles) ReadTiles(want []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(want))
	for i, w := range want {
		if w.W < tileWidth {
			out[i] = tileData(t.edge.level[w.L][:w.W])
			continue
		}
		b, err := readLimited(t.fsys, tilePath(w.L, uint64(w.N), w.W), tileWidth*tlog.HashSize)
		if err != nil {
			return nil, err
		}
		out[i] = b
	}
	return out, nil
}

// Cosigned is the newest checkpoint that has cosignatures.
func (l *Log) Cosigned() (Checkpoint, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.co, l.co.Text != nil
}

// SetCosigned keeps a checkpoint of this log with cosignatures; the caller has
// checked those. A smaller one than the last is passed over.
func (l *Log) SetCosigned(ctx context.Context, c Checkpoint) error {
	signed, _, err := l.conf.keys().Check(c)
	if err != nil || !signed || c.Origin != l.conf.Origin {
		return errors.Join(err, errors.New("not a checkpoint of this log"))
	}
	root, err := l.RootAt(ctx, c.Size)
	if err != nil {
		return err
	}
	if root != c.Root {
		return fmt.Errorf("%w: a cosigned checkpoint of %d leaves has another root", ErrTampered, c.Size)
	}
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	have, _ := l.Cosigned()
	if c.Size < have.Size {
		return nil
	}
	if c.Size == have.Size && have.Text != nil { // another witness's word for the same
		lines := have.Text[len(have.body())+1:]
		if c, err = c.Add(lines); err != nil {
			return err
		}
	}
	if err := l.dir.write(cosignedFile, c.Text, true); err != nil {
		return err
	}
	l.mu.Lock()
	l.co = c
	l.mu.Unlock()
	return nil
}

// maxSealed is the length of the longest sealed body.
const maxSealed = 1 << 20

// PutSealed keeps the ciphertext of a sealed body durably and returns what the
// leaf names.
func (l *Log) PutSealed(ciphertext []byte) (Hash, error) {
	if len(ciphertext) == 0 || len(ciphertext) > maxSealed {
		return Hash{}, fmt.Errorf("a sealed body of %d bytes", len(ciphertext))
	}
	h := Hash(sha256.Sum256(ciphertext))
	return h, l.dir.write(sealedDir+"/"+h.String(), ciphertext, true)
}

// Sealed reads a sealed body; [fs.ErrNotExist] when it was deleted.
func (l *Log) Sealed(h Hash) ([]byte, error) { return readSealed(l.fsys, h) }

// ReadSealed reads a sealed body from the folder of a log: [fs.ErrNotExist] when it
// is not there, [ErrTampered] when it is another.
func ReadSealed(fsys fs.FS, h Hash) ([]byte, error) { return readSealed(fsys, h) }

func readSealed(fsys fs.FS, h Hash) ([]byte, error) {
	b, err := readLimited(fsys, sealedDir+"/"+h.String(), maxSealed)
	if err == nil && Hash(sha256.Sum256(b)) != h {
		err = fmt.Errorf("%w: %s", ErrTampered, strings.Join([]string{sealedDir, h.String()}, "/"))
	}
	return b, err
}
