package mirror

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"consento/recordings"
	"consento/recordings/store"
)

// maxTails recordings are remembered, so that a live one is not read again for
// each second of it.
const maxTails = 512

// tails are the ends of recordings, each for one caller at a time.
type tails struct {
	store   store.Store
	logKeys []ed25519.PublicKey

	mu   sync.Mutex
	open map[string]*tail
}

// tail is what is known at the end of a recording.
type tail struct {
	name  string
	users int
	mu    sync.Mutex // held by who uses it
	f     *recordings.Follower
	size  int64
}

// take waits until the tail is free.
func (ts *tails) take(name string) *tail {
	ts.mu.Lock()
	t := ts.open[name]
	if t == nil {
		for old, idle := range ts.open { // any of them: what it knows can be read again
			if len(ts.open) < maxTails {
				break
			}
			if idle.users == 0 {
				delete(ts.open, old)
			}
		}
		t = &tail{name: name}
		ts.open[name] = t
	}
	t.users++
	ts.mu.Unlock()
	t.mu.Lock()
	return t
}

func (ts *tails) give(t *tail) {
	t.mu.Unlock()
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t.users--
	if t.users == 0 && (t.f == nil || t.size == 0 || t.report().Final) {
		delete(ts.open, t.name) // nothing, or nothing more will come
	}
}

func (t *tail) report() recordings.Report {
	if t.f == nil {
		return recordings.Report{}
	}
	return t.f.Report()
}

// load reads the recording when its end is not known. What a crash left behind the
// last seal was never acknowledged and is taken back; anything else that does not
// verify is left for people to look at.
func (t *tail) load(ctx context.Context, s store.Store, logKeys []ed25519.PublicKey) error {
	if t.f != nil {
		return nil
	}
	opts := recordings.ScanOptions{LogKeys: logKeys}
	info, err := s.Stat(ctx, t.name)
	if errors.Is(err, fs.ErrNotExist) {
		t.f, t.size = recordings.NewFollower(opts), 0
		return nil
	}
	if err != nil {
		return err
	}
	f, err := follow(ctx, s, t.name, opts)
	if err == nil && f.Report().SealedBytes == info.Size {
		t.f, t.size = f, info.Size
		return nil
	}
	if err != nil && !errors.Is(err, recordings.ErrTampered) {
		return err
	}
	// Something is behind the last seal, or wrong: which of the two, a scan tells.
	rep, err := scan(ctx, s, t.name, opts)
	if err != nil {
		return err
	}
	if rep.Verdict == recordings.Tampered || info.Sealed {
		return fmt.Errorf("the copy of %s does not verify: %v", t.name, rep.Fault)
	}
	torn, ok := s.(store.TakesBack)
	if !ok {
		return fmt.Errorf("the copy of %s does not end with a seal, and its store takes nothing back", t.name)
	}
	if err := torn.TakeBack(ctx, t.name, rep.SealedBytes); err != nil {
		return err
	}
	if f, err = follow(ctx, s, t.name, opts); err != nil {
		return err
	}
	t.f, t.size = f, rep.SealedBytes
	return nil
}

func scan(ctx context.Context, s store.Store, name string, opts recordings.ScanOptions) (recordings.Report, error) {
	r, err := s.Open(ctx, name, 0)
	if err != nil {
		return recordings.Report{}, err
	}
	defer r.Close()
	return recordings.Scan(r, opts)
}

func follow(ctx context.Context, s store.Store, name string, opts recordings.ScanOptions) (*recordings.Follower, error) {
	f := recordings.NewFollower(opts)
	r, err := s.Open(ctx, name, 0)
	if err != nil {
		return f, err
	}
	defer r.Close()
	_, err = io.CopyBuffer(f, r, make([]byte, 256<<10))
	return f, err
}

// add verifies what follows and appends it. After an error nothing is known of the
// end any more, and it is read again.
func (t *tail) add(ctx context.Context, s store.Store, b []byte) (err error) {
	defer func() {
		if err != nil {
			t.f = nil
		}
	}()
	if _, err := t.f.Write(b); err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	rep := t.f.Report()
	if rep.SealedBytes != t.size+int64(len(b)) {
		return fmt.Errorf("%w: it does not end with a seal", ErrRefused)
	}
	if recordings.SegmentName(rep.Open.Session, rep.Open.Segment) != t.name {
		return fmt.Errorf("%w: it is another recording than its name says", ErrRefused)
	}
	err = s.Append(ctx, t.name, t.size, b)
	if errors.As(err, new(store.OffsetError)) || errors.Is(err, store.ErrSealed) {
		return fmt.Errorf("somebody else wrote to %s: %w", t.name, err)
	}
	if err == nil {
		t.size += int64(len(b))
	}
	return err
}
