package mirror

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"consento/recordings"
	"consento/recordings/store"
	"consento/recordings/translog"
	"consento/recordings/translog/tlogwitness"
)

// EmbeddedName is what a witness inside the broker is called: everything that shows
// a verdict can say by it that the witness is on the same machine.
const EmbeddedName = translog.EmbeddedWitness

// Embedded is a witness inside the broker, for who has no other: it verifies and
// signs, and keeps nothing but key bags (see [Embedded.KeepBags]). It protects
// against mistakes, not against whoever has the machine.
type Embedded struct {
	dir      string
	key      ed25519.PrivateKey
	logKeys  []ed25519.PublicKey
	cosigner *translog.Cosigner

	keeper *keeper // nil: it keeps no bags

	mu   sync.Mutex
	open map[string]*recordings.Follower
}

// NewEmbedded signs with key, which is also that of cosigner.
func NewEmbedded(dir string, key ed25519.PrivateKey, logKeys []ed25519.PublicKey, cosigner *translog.Cosigner) *Embedded {
	return &Embedded{dir: dir, key: key, logKeys: logKeys, cosigner: cosigner, open: map[string]*recordings.Follower{}}
}

// KeepBags makes it keep a second copy of key bags, by the same rules as another
// machine would: as the log says, and not a moment longer.
func (e *Embedded) KeepBags(bags store.Bags, log Log, logger *slog.Logger, now func() time.Time) error {
	if now == nil {
		now = time.Now
	}
	e.keeper = newKeeper(bags, nil, log.Entries, logger, now)
	return e.keeper.follow(context.Background(), log.Checkpoint().Size)
}

// PutBag keeps a key bag in the place of the one before.
func (e *Embedded) PutBag(ctx context.Context, name string, bag []byte) (BagHeld, error) {
	if e.keeper == nil {
		return BagHeld{name, sha256.Sum256(bag)}, nil
	}
	return e.keeper.put(ctx, name, bag)
}

// Bag tells which one there is.
func (e *Embedded) Bag(ctx context.Context, name string) (BagHeld, error) {
	if e.keeper == nil {
		return BagHeld{}, fs.ErrNotExist
	}
	return e.keeper.held(ctx, name)
}

// Bags goes through all.
func (e *Embedded) Bags(ctx context.Context) iter.Seq2[BagHeld, error] {
	if e.keeper == nil {
		return func(func(BagHeld, error) bool) {}
	}
	return e.keeper.list(ctx)
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
	if e.keeper != nil {
		if err := e.keeper.follow(ctx, point.Size); err != nil {
			return point, fmt.Errorf("key bags: %w", err)
		}
	}
	return point.Add(line)
}
