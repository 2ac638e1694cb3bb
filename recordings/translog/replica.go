package translog

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"sync"

	"golang.org/x/mod/sumdb/tlog"
)

// ErrForeign: entries are not those of the checkpoint.
var ErrForeign = errors.New("the entries are not those of the checkpoint")

// HeldError refuses entries that do not begin at the end of a replica.
type HeldError struct {
	Size uint64 // leaves that it holds
}

func (e HeldError) Error() string {
	return fmt.Sprintf("%d leaves are held: go on there", e.Size)
}

// MaxEntries is how many entries a replica takes at a time.
const MaxEntries = maxBatch

// Replica is somebody else's copy of a log, in the same form. It holds no key: it
// takes entries only under a checkpoint that the log signed, and never gives one
// up. It is safe for concurrent use.
type Replica struct {
	l  *Log
	mu sync.Mutex
}

// OpenReplica goes on with a replica, or begins one. A folder that does not agree
// with its own checkpoint is refused with [ErrTampered].
func OpenReplica(dir, origin string, logKeys []ed25519.PublicKey) (*Replica, error) {
	if err := checkOrigin(origin); err != nil {
		return nil, err
	}
	if len(logKeys) == 0 {
		return nil, errors.New("a replica needs the log's public key")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	l := &Log{conf: Config{Origin: origin, OldKeys: logKeys}, dir: folder{dir}, fsys: os.DirFS(dir), turn: make(chan struct{}, 1)}
	var err error
	if l.lock, err = lock(l.dir.path(lockFile)); err != nil {
		return nil, err
	}
	_, err = fs.Stat(l.fsys, checkpointFile)
	if errors.Is(err, fs.ErrNotExist) {
		err = l.recoverFrom(Checkpoint{Origin: origin, Root: emptyRoot})
	} else if err == nil {
		err = l.recover()
	}
	if err != nil {
		return nil, errors.Join(err, l.lock.Close())
	}
	return &Replica{l: l}, nil
}

// Size is how many leaves are held; the last of them may not have a checkpoint yet.
func (r *Replica) Size() uint64 { return r.l.Size() }

// Checkpoint is the newest one that is covered whole; size 0 before the first.
func (r *Replica) Checkpoint() Checkpoint { return r.l.Checkpoint() }

// Entries goes through those held from number from up to, without, to.
func (r *Replica) Entries(ctx context.Context, from, to uint64) iter.Seq2[Entry, error] {
	return r.l.Entries(ctx, from, to)
}

// Close lets another process have the replica.
func (r *Replica) Close() error { return r.l.Close() }

// Append takes the entries from number at on, when they are those of the log that
// signed point: proof is the consistency (RFC 6962 section 2.1.2) from the size
// that they lead to, to that of point; empty when they lead to all of it. Without
// entries it only takes a newer checkpoint. They are on the disk when it returns.
//
// Errors: [HeldError], [ErrForeign], [ErrUntrusted].
func (r *Replica) Append(ctx context.Context, at uint64, entries [][]byte, proof []tlog.Hash, point Checkpoint) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	signed, _, err := r.l.conf.keys().Check(point)
	if err != nil || !signed || point.Origin != r.l.conf.Origin {
		return errors.Join(ErrUntrusted, err)
	}
	if len(entries) > MaxEntries {
		return fmt.Errorf("%w: more than %d at a time", ErrForeign, MaxEntries)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	was := r.l.now()
	if at != was.edge.n {
		return HeldError{was.edge.n}
	}
	if err := follows(was.edge, entries, proof, point, r.l.conf.Origin); err != nil {
		return err
	}
	return r.write(was, entries, point)
}

// follows checks entries without keeping anything.
func follows(e edge, entries [][]byte, proof []tlog.Hash, point Checkpoint, origin string) error {
	e = e.clone()
	for _, entry := range entries {
		leaf, _, err := ParseLeaf(entry)
		if err != nil {
			return fmt.Errorf("%w: leaf %d: %w", ErrForeign, e.n, err)
		}
		if g, ok := leaf.(Genesis); ok != (e.n == 0) || ok && g.Origin != origin {
			return fmt.Errorf("%w: leaf 0, and only leaf 0, names the log", ErrForeign)
		}
		if err := e.add(tlog.RecordHash(entry), nil); err != nil {
			return err
		}
	}
	switch {
	case e.n > point.Size || e.n == 0:
		return fmt.Errorf("%w: %d leaves, it has %d", ErrForeign, e.n, point.Size)
	case e.n == point.Size && (e.root() != point.Root || len(proof) > 0):
		return ErrForeign
	case e.n < point.Size:
		if err := tlog.CheckTree(proof, int64(point.Size), point.Root, int64(e.n), e.root()); err != nil {
			return fmt.Errorf("%w: %w", ErrForeign, err)
		}
	}
	return nil
}

func (r *Replica) write(was state, entries [][]byte, point Checkpoint) error {
	l := r.l
	if err := l.failure(); err != nil {
		return err
	}
	w := l.writer(was)
	for _, entry := range entries {
		if err := w.add(entry); err != nil {
			return r.failed(w.undo(err))
		}
	}
	if w.edge.n < point.Size || point.Size < was.point.Size {
		point = Checkpoint{} // later, when all of it is there
	}
	next, err := w.finish(point)
	if err != nil {
		return r.failed(err)
	}
	if point.Text != nil {
		if err := l.dir.write(cosignedFile, point.Text, true); err != nil {
			return r.failed(err)
		}
	}
	l.mu.Lock()
	l.state = next
	l.mu.Unlock()
	return nil
}

func (r *Replica) failed(err error) error {
	var uncertain errUncertain
	if errors.As(err, &uncertain) {
		r.l.mu.Lock()
		r.l.failed = fmt.Errorf("%w: %w", ErrFailed, err)
		r.l.mu.Unlock()
	}
	return err
}

func (l *Log) failure() error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.failed
}

// PutSealed keeps a sealed body under the hash that leaves name it by. What is
// there already stays.
func (r *Replica) PutSealed(h Hash, ciphertext []byte) error {
	if Hash(sha256.Sum256(ciphertext)) != h || len(ciphertext) > maxSealed {
		return fmt.Errorf("%w: a sealed body of another hash", ErrForeign)
	}
	if _, err := r.l.Sealed(h); err == nil {
		return nil
	}
	_, err := r.l.PutSealed(ciphertext)
	return err
}

// SplitEntries takes a bundle of entries apart (C2SP tlog-tiles); they share its
// memory.
func SplitEntries(bundle []byte) ([][]byte, error) {
	var all [][]byte
	for len(bundle) > 0 {
		if len(all) == MaxEntries {
			return nil, fmt.Errorf("%w: more than %d", errBundle, MaxEntries)
		}
		entry, rest, err := firstEntry(bundle)
		if err != nil {
			return nil, err
		}
		all, bundle = append(all, entry), rest
	}
	return all, nil
}

// JoinEntries makes a bundle of entries, each of at most [MaxEntry] bytes.
func JoinEntries(entries [][]byte) []byte {
	var b []byte
	for _, e := range entries {
		b = appendEntry(b, e)
	}
	return b
}
