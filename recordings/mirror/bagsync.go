package mirror

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"consento/recordings"
	"consento/recordings/translog"
)

// bagKeeper is a target that keeps key bags too.
type bagKeeper interface {
	PutBag(ctx context.Context, name string, bag []byte) (BagHeld, error)
	Bag(ctx context.Context, name string) (BagHeld, error)
	Bags(ctx context.Context) iter.Seq2[BagHeld, error]
}

// patient is how often a bag is refused before people are told: the target may not
// have the leaf yet that names it.
const patient = 4

// keyFile is the key bag of a segment, or the log's own keys.
type keyFile struct {
	Segment
	log bool
}

// here is its name at the recorder, there at the target.
func (f keyFile) here() string {
	if f.log {
		return logKeysName(f.Session, f.Number) + logKeysEnd
	}
	return recordings.BagName(f.Session, f.Number)
}

func (f keyFile) there() string {
	if f.log {
		return logKeysName(f.Session, f.Number) + logCopyEnd
	}
	return recordings.BagName(f.Session, f.Number)
}

// bagState is a key bag on its way. All fields are guarded by the uplink's lock.
type bagState struct {
	file    keyFile
	version int       // counts what was told of it
	since   time.Time // when it was told first
	due     time.Time
	pause   time.Duration
	refused int // times in a row
}

// Bag brings the key bag of a segment, in the place of the one before. It waits
// until it is there, for as long as ctx allows, but not for a target that does not
// answer anyway; brought it is in any case, sooner or later.
func (u *Uplink) Bag(ctx context.Context, s Segment) error {
	keeper, ok := u.c.Target.(bagKeeper)
	if !ok || u.c.BagDir == "" {
		return nil
	}
	b := u.tell(keyFile{Segment: s})
	u.mu.Lock()
	var err error
	if u.c.Now().Before(u.until) {
		err = errors.Join(errors.New("the witness does not answer"), u.err)
	}
	u.mu.Unlock()
	if err != nil {
		return err
	}
	return u.sendBag(ctx, keeper, b)
}

// tell notes that there is something new to bring.
func (u *Uplink) tell(f keyFile) *bagState {
	u.mu.Lock()
	defer u.mu.Unlock()
	b := u.bags[f]
	if b == nil {
		b = &bagState{file: f, since: u.c.Now()}
		u.bags[f] = b
	}
	b.version++
	b.due = time.Time{}
	return b
}

// LogKept tells that the log names new keys of its own for a segment, which are on the
// disk. It never waits.
func (u *Uplink) LogKept(s Segment) {
	if _, ok := u.c.Target.(bagKeeper); !ok || u.c.BagDir == "" {
		return
	}
	u.tell(keyFile{s, true})
	select {
	case u.wake <- struct{}{}:
	default:
	}
}

// sendBag brings one. One that is not here any more was destroyed by a decision.
func (u *Uplink) sendBag(ctx context.Context, target bagKeeper, b *bagState) error {
	u.mu.Lock()
	version := b.version
	u.mu.Unlock()
	name := b.file.there()
	file, err := readBag(filepath.Join(u.c.BagDir, b.file.here()))
	if err == nil {
		var held BagHeld
		if held, err = target.PutBag(ctx, name, file); err == nil && held.SHA256 != translog.Hash(sha256.Sum256(file)) {
			err = fmt.Errorf("%w: of a key bag", ErrAnswer)
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case err == nil || errors.Is(err, fs.ErrNotExist):
		if u.bags[b.file] == b && b.version == version {
			delete(u.bags, b.file)
		}
		return nil
	case errors.Is(err, ErrRefused):
		if b.refused++; b.refused == patient {
			u.c.Logger.Error("witness refuses a key bag", slog.String("file", name), slog.Any("error", err))
		}
	}
	b.pause = min(max(2*b.pause, firstBreak), longBreak)
	b.due = u.c.Now().Add(b.pause)
	return fmt.Errorf("%s: %w", name, err)
}

// sendBags brings those whose turn it is. One that is refused keeps no other back.
func (u *Uplink) sendBags(ctx context.Context, now time.Time) (tried bool, err error) {
	target, ok := u.c.Target.(bagKeeper)
	if !ok {
		return false, nil
	}
	u.mu.Lock()
	var due []*bagState
	for _, b := range u.bags {
		if !now.Before(b.due) {
			due = append(due, b)
		}
	}
	u.mu.Unlock()
	for _, b := range due {
		one, cancel := context.WithTimeout(ctx, roundTime)
		err := u.sendBag(one, target, b)
		cancel()
		if err != nil && !errors.Is(err, ErrRefused) {
			return true, err
		}
	}
	return len(due) > 0, nil
}

// findBags finds those that lay here at the start and are not, or others, there.
func (u *Uplink) findBags(ctx context.Context) error {
	target, ok := u.c.Target.(bagKeeper)
	if !ok || u.c.BagDir == "" {
		return nil
	}
	held := map[string]translog.Hash{}
	for h, err := range target.Bags(ctx) {
		if err != nil {
			return err
		}
		held[h.Name] = h.SHA256
	}
	entries, err := os.ReadDir(u.c.BagDir)
	if err != nil {
		return fmt.Errorf("mirror: %w", err)
	}
	var files []keyFile
	for _, e := range entries {
		if s, log, ok := segmentOfBag(e.Name()); ok && !log {
			files = append(files, keyFile{Segment: Segment{recordings.SessionID(s.SID), s.Segment}})
		}
	}
	if u.c.Logs != nil {
		logs, err := u.c.Logs(ctx)
		if err != nil {
			return err
		}
		for _, s := range logs {
			files = append(files, keyFile{s, true})
		}
	}
	for _, f := range files {
		file, err := readBag(filepath.Join(u.c.BagDir, f.here()))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("mirror: %w", err)
		}
		if held[f.there()] == translog.Hash(sha256.Sum256(file)) {
			continue
		}
		u.mu.Lock()
		if u.bags[f] == nil {
			u.bags[f] = &bagState{file: f, since: u.c.Now()}
		}
		u.mu.Unlock()
	}
	return nil
}

// Gone says whether the target has destroyed the key bag of a segment, as leaf of
// the log decided: it has that leaf, and the bag no more.
func (u *Uplink) Gone(ctx context.Context, s Segment, leaf uint64) (bool, error) {
	return u.gone(ctx, keyFile{Segment: s}, leaf)
}

// LogGone says so of the log's own keys.
func (u *Uplink) LogGone(ctx context.Context, s Segment, leaf uint64) (bool, error) {
	return u.gone(ctx, keyFile{s, true}, leaf)
}

func (u *Uplink) gone(ctx context.Context, f keyFile, leaf uint64) (bool, error) {
	target, ok := u.c.Target.(bagKeeper)
	if !ok {
		return true, nil
	}
	u.mu.Lock()
	there := u.log.copied && u.log.size > leaf
	u.mu.Unlock()
	if !there {
		return false, nil
	}
	_, err := target.Bag(ctx, f.there())
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	return false, err
}

// WaitingBag says whether the key bag of a segment still has to reach the target.
func (u *Uplink) WaitingBag(s Segment) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.bags[keyFile{Segment: s}] != nil
}

func readBag(path string) ([]byte, error) {
	b, err := os.ReadFile(path) // ours; what is too long the target refuses
	return b, err
}
