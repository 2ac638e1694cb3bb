package mirror

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"sync"

	"consento/recordings"
	"consento/recordings/translog"
	"consento/recordings/translog/tlogwitness"
)

// EmbeddedName is what a witness inside the broker is called: everything that shows
// a verdict can say by it that the witness is on the same machine.
const EmbeddedName = translog.EmbeddedWitness

// Embedded is a witness inside the broker, for who has no other: it verifies and
// signs, and keeps nothing. It protects against mistakes, not against whoever has
// the machine.
type Embedded struct {
	dir      string
	key      ed25519.PrivateKey
	logKeys  []ed25519.PublicKey
	cosigner *translog.Cosigner

	mu   sync.Mutex
	open map[string]*recordings.Follower
}

// NewEmbedded signs with key, which is also that of cosigner.
func NewEmbedded(dir string, key ed25519.PrivateKey, logKeys []ed25519.PublicKey, cosigner *translog.Cosigner) *Embedded {
	return &Embedded{dir: dir, key: key, logKeys: logKeys, cosigner: cosigner, open: map[string]*recordings.Follower{}}
}

// Held implements [Target]: of what it has verified since the start.
func (e *Embedded) Held(_ context.Context, name string) (Held, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if f := e.open[name]; f != nil {
		return Held{Name: name, Size: f.Report().SealedBytes}, nil
	}
	return Held{Name: name}, nil
}

// Append implements [Target].
func (e *Embedded) Append(_ context.Context, name string, at int64, b []byte) (Held, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f := e.open[name]
	if f == nil {
		f = recordings.NewFollower(recordings.ScanOptions{LogKeys: e.logKeys})
		e.open[name] = f
	}
	if have := f.Report().SealedBytes; at != have {
		return Held{Name: name, Size: have}, ErrHeld
	}
	_, err := f.Write(b)
	rep := f.Report()
	if err == nil && rep.SealedBytes != at+int64(len(b)) {
		err = errors.New("it does not end with a seal")
	}
	if err != nil {
		delete(e.open, name)
		return Held{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if rep.Final {
		delete(e.open, name)
	}
	return Held{Name: name, Size: rep.SealedBytes, Sealed: rep.Final, Cosignature: recordings.Cosign(e.key, rep.Open.Session, rep.Head)}, nil
}

// List implements [Target]: what has a countersignature over its end is done.
func (e *Embedded) List(context.Context) iter.Seq2[Held, error] {
	return func(yield func(Held, error) bool) {
		entries, err := os.ReadDir(e.dir)
		if err != nil {
			yield(Held{}, err)
			return
		}
		for _, entry := range entries {
			if !segmentName.MatchString(entry.Name()) {
				continue
			}
			_, err := os.Stat(recordings.DefaultCosignatures(filepath.Join(e.dir, entry.Name())))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			info, err := entry.Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				yield(Held{}, err)
				return
			}
			if !yield(Held{Name: entry.Name(), Size: info.Size(), Sealed: true}, nil) {
				return
			}
		}
	}
}

// PushCheckpoint implements [Target].
func (e *Embedded) PushCheckpoint(ctx context.Context, log tlogwitness.Source) (translog.Checkpoint, error) {
	point := log.Checkpoint()
	last, _ := e.cosigner.Last()
	if last.Size > point.Size {
		return point, tlogwitness.ErrAhead
	}
	proof, err := log.Consistency(ctx, last.Size, point.Size)
	if err != nil {
		return point, err
	}
	if last.Size == point.Size {
		proof = nil
	}
	line, err := e.cosigner.AddCheckpoint(translog.Request{Old: last.Size, Proof: proof, Checkpoint: point})
	if err != nil {
		return point, err
	}
	return point.Add(line)
}
