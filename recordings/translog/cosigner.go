package translog

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// What a cosigner refuses, besides [ErrRequest] and [Conflict].
var (
	ErrOrigin    = errors.New("a log that this witness does not know")
	ErrUntrusted = errors.New("the checkpoint is not signed by the log")
	ErrUnproven  = errors.New("the consistency proof is wrong")
)

// Conflict refuses a checkpoint that does not continue from what the witness has.
type Conflict struct {
	Size uint64 // of the last checkpoint that was cosigned
	Fork bool   // another root at this size: two logs under one name
}

func (c Conflict) Error() string {
	if c.Fork {
		return fmt.Sprintf("another root was cosigned at size %d: the log is forked", c.Size)
	}
	return fmt.Sprintf("the last cosigned checkpoint has size %d", c.Size)
}

// CosignerConfig is who a witness is and whose log it watches.
type CosignerConfig struct {
	Name   string // of the witness: a URL without scheme (C2SP tlog-cosignature)
	Key    ed25519.PrivateKey
	Origin string
	Log    []ed25519.PublicKey
	State  string // file with the last checkpoint that was cosigned
	Now    func() time.Time
}

// Cosigner is a witness of one log (C2SP tlog-witness): it signs a checkpoint only
// when that extends the last one it signed, which it keeps on the disk. It is safe
// for concurrent use.
type Cosigner struct {
	conf CosignerConfig
	lock *os.File

	mu     sync.Mutex
	last   Checkpoint // with the own cosignature; size 0 before the first
	at     time.Time  // of that cosignature
	failed error
}

// CreateCosigner begins with a log of which nothing was seen yet. A state file must
// not exist: a witness that forgot would sign a fork.
func CreateCosigner(c CosignerConfig) (*Cosigner, error) {
	return newCosigner(c, func(w *Cosigner) error {
		if _, err := os.Stat(c.State); err == nil {
			return ErrExists
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		body := checkpointBody(c.Origin, 0, emptyRoot)
		_, err := w.keep([]byte(body + "\n"))
		return err
	})
}

// OpenCosigner goes on from the state file.
func OpenCosigner(c CosignerConfig) (*Cosigner, error) {
	return newCosigner(c, func(w *Cosigner) error {
		dir, name := filepath.Split(c.State)
		b, err := readLimited(os.DirFS(filepath.Clean(dir+".")), name, maxCheckpoint)
		if err != nil {
			return err
		}
		return w.load(b)
	})
}

func newCosigner(c CosignerConfig, begin func(*Cosigner) error) (*Cosigner, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if len(c.Key) != ed25519.PrivateKeySize || len(c.Log) == 0 || c.State == "" {
		return nil, errors.New("a witness needs its key, the log's public key and a file")
	}
	if err := errors.Join(checkOrigin(c.Name), checkOrigin(c.Origin)); err != nil {
		return nil, err
	}
	f, err := lock(c.State + ".lock")
	if err != nil {
		return nil, err
	}
	w := &Cosigner{conf: c, lock: f}
	if err := begin(w); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return w, nil
}

// load takes a state that carries the own cosignature, so that nobody can set the
// witness back to a state that it never had.
func (w *Cosigner) load(b []byte) error {
	c, err := ParseCheckpoint(b)
	if err != nil {
		return fmt.Errorf("%w: state of the witness: %w", ErrTampered, err)
	}
	own := Keys{Witness: []NamedKey{{w.conf.Name, w.conf.Key.Public().(ed25519.PublicKey)}}}
	_, by, err := own.Check(c)
	if err != nil || len(by) != 1 || c.Origin != w.conf.Origin {
		return errors.Join(fmt.Errorf("%w: state of the witness is not by itself", ErrTampered), err)
	}
	w.last, w.at = c, by[0].Time
	return nil
}

// Close lets another process have the state.
func (w *Cosigner) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed != nil && errors.Is(w.failed, ErrClosed) {
		return nil
	}
	w.failed = ErrClosed
	return w.lock.Close()
}

// Last is the last checkpoint that was cosigned, with the cosignature; false
// before the first.
func (w *Cosigner) Last() (Checkpoint, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last, w.last.Size > 0
}

// AddCheckpoint checks a checkpoint against the last, keeps it, and returns the
// line of the cosignature.
func (w *Cosigner) AddCheckpoint(r Request) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed != nil {
		return nil, w.failed
	}
	c := r.Checkpoint
	if c.Origin != w.conf.Origin {
		return nil, ErrOrigin
	}
	signed, _, err := Keys{Log: w.conf.Log}.Check(c)
	if err != nil || !signed {
		return nil, errors.Join(ErrUntrusted, err)
	}
	if r.Old > c.Size {
		return nil, fmt.Errorf("%w: the old size is above the new", ErrRequest)
	}
	if r.Old != w.last.Size {
		return nil, Conflict{Size: w.last.Size}
	}
	if err := w.extends(r); err != nil {
		return nil, err
	}
	return w.keep(c.Text)
}

// extends checks the proof from the last checkpoint.
func (w *Cosigner) extends(r Request) error {
	c := r.Checkpoint
	switch {
	case r.Old == c.Size && c.Root != w.last.Root:
		return Conflict{Size: w.last.Size, Fork: true}
	case r.Old == 0 || r.Old == c.Size:
		if len(r.Proof) > 0 {
			return fmt.Errorf("%w: there is nothing to prove", ErrUnproven)
		}
		return nil
	}
	if err := tlog.CheckTree(r.Proof, int64(c.Size), c.Root, int64(r.Old), w.last.Root); err != nil {
		return fmt.Errorf("%w: %w", ErrUnproven, err)
	}
	return nil
}

// keep signs and stores a checkpoint; what cannot be stored is not given away.
func (w *Cosigner) keep(text []byte) ([]byte, error) {
	body, _, _ := strings.Cut(string(text), "\n\n")
	at := w.conf.Now()
	if at.Before(w.at) {
		at = w.at // the clock was set back; what was said stays true
	}
	line := cosign(body+"\n", w.conf.Name, w.conf.Key, at)
	// Of the other signatures only the log's matter here, and an old line of our own
	// would be one too many.
	state := []byte(body + "\n\n")
	for l := range bytes.Lines(text[len(body)+2:]) {
		if bytes.HasPrefix(l, []byte("— "+w.conf.Origin+" ")) && w.conf.Origin != w.conf.Name {
			state = append(state, l...)
		}
	}
	state = append(state, line...)
	c, err := ParseCheckpoint(state)
	if err != nil {
		return nil, err
	}
	dir, name := filepath.Split(w.conf.State)
	if err := (folder{filepath.Clean(dir + ".")}).write(name, state, true); err != nil {
		var uncertain errUncertain
		if errors.As(err, &uncertain) { // which of the two is there, only a new start can tell
			w.failed = fmt.Errorf("%w: %w", ErrFailed, err)
		}
		return nil, err
	}
	w.last, w.at = c, at
	return line, nil
}
