package translog

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"
)

// Errors of the writer.
var (
	ErrNoLog    = errors.New("there is no log")
	ErrExists   = errors.New("there is a log already")
	ErrLocked   = errors.New("another process writes this log")
	ErrTampered = errors.New("the log was changed")
	ErrFailed   = errors.New("the log failed and has to be opened anew")
	ErrClosed   = errors.New("the log is closed")
)

// Config of a log. All but OldKeys and Now is required.
type Config struct {
	Origin  string // identifies the log for ever: host and path, C2SP tlog-checkpoint
	Key     ed25519.PrivateKey
	OldKeys []ed25519.PublicKey // may have signed the last checkpoint, after a rotation
	Now     func() time.Time
}

func (c *Config) check() error {
	if c.Now == nil {
		c.Now = time.Now
	}
	if len(c.Key) != ed25519.PrivateKeySize {
		return errors.New("the log has no key")
	}
	return checkOrigin(c.Origin)
}

func (c Config) keys() Keys {
	if c.Key == nil { // a replica
		return Keys{Log: c.OldKeys}
	}
	return Keys{Log: append([]ed25519.PublicKey{c.Key.Public().(ed25519.PublicKey)}, c.OldKeys...)}
}

// keepBundles partial bundles stay behind the newest, for who copies a folder
// while the log grows.
const keepBundles = 4

// Log is a log that is open for writing. It is safe for concurrent use.
type Log struct {
	conf Config
	dir  folder
	fsys fs.FS
	lock *os.File
	turn chan struct{} // holds one token while a commit runs

	partials []string // partial bundles on the disk, oldest first; whoever has the turn

	mu      sync.RWMutex
	pending []*request
	state   state
	co      Checkpoint // newest with cosignatures; no Text when there is none
	failed  error
}

// state is what the log holds; commits replace it, and nothing in it is changed.
type state struct {
	edge   edge
	bundle []byte // entries of the last, partial bundle
	point  Checkpoint
}

// request is one Add.
type request struct {
	leaves []Leaf
	first  uint64
	err    error
	done   chan struct{}
}

// Create begins a log in a folder that has none, with the genesis leaf.
func Create(dir string, c Config) (*Log, error) {
	l, err := prepare(dir, c, true)
	if err != nil {
		return nil, err
	}
	if err := l.begin(); err != nil {
		return nil, errors.Join(err, l.lock.Close())
	}
	return l, nil
}

// Open goes on with a log. It recomputes all of it against the last checkpoint,
// takes in what a crash left whole behind it, cuts off the rest, and refuses with
// [ErrTampered] what no crash explains.
func Open(dir string, c Config) (*Log, error) {
	l, err := prepare(dir, c, false)
	if err != nil {
		return nil, err
	}
	if err := l.recover(); err != nil {
		return nil, errors.Join(err, l.lock.Close())
	}
	return l, nil
}

func prepare(dir string, c Config, create bool) (*Log, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if create {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	} else if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", ErrNoLog, err)
	}
	l := &Log{conf: c, dir: folder{dir}, fsys: os.DirFS(dir), turn: make(chan struct{}, 1)}
	var err error
	l.lock, err = lock(l.dir.path(lockFile))
	return l, err
}

// begin writes the genesis. Of an interrupted Create it finds the first bundle at
// most, without a checkpoint: nobody saw it.
func (l *Log) begin() error {
	if _, err := fs.Stat(l.fsys, checkpointFile); err == nil {
		return ErrExists
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := l.dir.sweep(); err != nil {
		return err
	}
	// A log of which only the checkpoint was deleted is not begun anew.
	w, err := widths(l.fsys, bundlePath(0, tileWidth))
	if err != nil {
		return err
	}
	if len(w) > 1 || len(w) == 1 && w[0] != 1 {
		return fmt.Errorf("%w: entries without a checkpoint", ErrTampered)
	}
	_, err = l.Add(context.Background(), Genesis{Origin: l.conf.Origin})
	return err
}

// Checkpoint is the newest one; it is on the disk.
func (l *Log) Checkpoint() Checkpoint { return l.now().point }

// Size is the number of leaves that the newest checkpoint covers.
func (l *Log) Size() uint64 { return l.now().edge.n }

func (l *Log) now() state {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.state
}

// Close waits for a commit that runs and refuses all later ones.
func (l *Log) Close() error {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	l.mu.Lock()
	defer l.mu.Unlock()
	if errors.Is(l.failed, ErrClosed) {
		return nil
	}
	l.failed = ErrClosed
	return l.lock.Close()
}

// Add appends leaves, one after the other, and returns the number of the first. It
// returns when they and a checkpoint that covers them are on the disk. Adds at the
// same time share a commit. When it fails the leaves are not in the log, unless
// the error is [ErrFailed]: then only a new Open tells.
func (l *Log) Add(ctx context.Context, leaves ...Leaf) (uint64, error) {
	if len(leaves) == 0 {
		return 0, errors.New("no leaves to add")
	}
	at := l.conf.Now()
	for _, leaf := range leaves { // one's mistake must not fail the others' commit
		if _, err := MarshalLeaf(leaf, at); err != nil {
			return 0, err
		}
	}
	r := &request{leaves: leaves, done: make(chan struct{})}
	l.mu.Lock()
	l.pending = append(l.pending, r)
	l.mu.Unlock()
	select {
	case <-r.done:
		return r.first, r.err
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		if l.withdraw(r) {
			return 0, ctx.Err()
		}
		<-r.done // a commit has it already
		return r.first, r.err
	}
	defer func() { <-l.turn }()
	for { // until this one is done; usually the first round takes all
		select {
		case <-r.done:
			return r.first, r.err
		default:
			l.commit(l.batch())
		}
	}
}

// withdraw takes a request back that no commit has taken.
func (l *Log) withdraw(r *request) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, p := range l.pending {
		if p == r {
			l.pending = append(l.pending[:i:i], l.pending[i+1:]...)
			return true
		}
	}
	return false
}

// maxBatch leaves share a commit, so that what it holds in memory is bounded.
const maxBatch = 1024

func (l *Log) batch() []*request {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, leaves := 0, 0
	for n < len(l.pending) && (n == 0 || leaves+len(l.pending[n].leaves) <= maxBatch) {
		leaves += len(l.pending[n].leaves)
		n++
	}
	b := l.pending[:n:n]
	l.pending = l.pending[n:]
	return b
}
