package mirror

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"consento/recordings"
	"consento/recordings/store"
	"consento/recordings/translog"
)

// MaxBag is the length of the longest key bag that a mirror takes, in bytes.
const MaxBag = 64 << 10

// BagHeld is a key bag that a mirror has.
type BagHeld struct {
	Name   string        `json:"name"`
	SHA256 translog.Hash `json:"sha256"`
}

// bagName is that of a key bag, or of a copy of the log's own keys.
var bagName = regexp.MustCompile(`^([0-9a-f]{32})-(0|[1-9][0-9]{0,6})(\.logkeys)?\.key$`)

// MaxLogKeys is the length of the longest file of the log's own keys that a mirror
// takes, in bytes.
const MaxLogKeys = 256 << 10

// The log's own keys lie at their recorder under the one name, at a mirror under the
// other, so that its store treats them as a key bag.
const (
	logKeysEnd = ".logkeys"
	logCopyEnd = ".logkeys.key"
)

// logKeysName is what both begin with.
func logKeysName(sid recordings.SessionID, segment int) string {
	return strings.TrimSuffix(recordings.BagName(sid, segment), ".key")
}

const (
	beforeEnd  = ".before.key"  // of the bag that the first re-wrapping replaced
	orphanTime = 24 * time.Hour // after which a bag that the log does not know is dropped
	sweepTime  = time.Hour      // between two looks for what may be deleted by now
)

// leaves are those of a log, or of a copy of it.
type leaves func(ctx context.Context, from, to uint64) iter.Seq2[translog.Entry, error]

// keeper keeps key bags as the log says. Who can write to it can hide nothing: it
// takes for a segment only the bag that the log names, destroys one only for a
// decision that stands on the log, and, since no re-wrapping by itself may make
// contents unreadable, keeps the first bag until then.
type keeper struct {
	bags   store.Bags
	store  store.Store // of recordings, for what is purged; nil: none are kept
	leaves leaves
	logger *slog.Logger
	now    func() time.Time

	mu    sync.Mutex
	log   *translog.KeyBags
	next  uint64    // first leaf that was not read
	end   time.Time // of the last leaf that was
	gone  map[translog.Segment]bool
	ended map[translog.Segment]bool // the log's own keys of these are to be destroyed
	purge map[translog.Segment]bool
	swept time.Time
}

func newKeeper(bags store.Bags, recs store.Store, l leaves, logger *slog.Logger, now func() time.Time) *keeper {
	return &keeper{bags: bags, store: recs, leaves: l, logger: logger, now: now, log: translog.NewKeyBags(),
		gone: map[translog.Segment]bool{}, ended: map[translog.Segment]bool{}, purge: map[translog.Segment]bool{}}
}

// follow reads the leaves up to size and does what they decided. What fails is
// tried again with the next call.
func (k *keeper) follow(ctx context.Context, size uint64) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for e, err := range k.leaves(ctx, k.next, max(size, k.next)) {
		if err != nil {
			return err
		}
		leaf, at, err := translog.ParseLeaf(e.Data)
		if err != nil {
			return err
		}
		k.log.Add(e.Index, leaf, at)
		k.next, k.end = e.Index+1, at
		switch l := leaf.(type) {
		case translog.Shred:
			k.decided(translog.Segment{SID: l.SID, Segment: l.Segment}, k.gone, func(b translog.KeyBag) bool { return b.Gone })
			k.logEnded(l.SID)
		case translog.Revoke:
			k.logEnded(l.SID)
		case translog.Purge:
			k.decided(translog.Segment{SID: l.SID, Segment: l.Segment}, k.purge, func(b translog.KeyBag) bool { return b.Purged })
		}
	}
	errs := []error{k.destroy(ctx)}
	if now := k.now(); now.Sub(k.swept) >= sweepTime {
		k.swept = now
		errs = append(errs, k.sweep(ctx))
	}
	return errors.Join(errs...)
}

func (k *keeper) decided(s translog.Segment, todo map[translog.Segment]bool, counts func(translog.KeyBag) bool) {
	if b := k.log.Of(s); counts(b) {
		todo[s] = true
	} else {
		k.logger.Error("the log destroys something that was not decided as it has to be: it is kept", slog.String("segment", s.String()))
	}
}

// logEnded notes whose log's own keys are to go by now.
func (k *keeper) logEnded(sid translog.ID) {
	for _, s := range k.log.Segments(sid) {
		if k.log.Of(s).LogGone {
			k.ended[s] = true
		}
	}
}

// destroy removes the bags, and the log's own keys, whose destruction was decided.
func (k *keeper) destroy(ctx context.Context) error {
	there, err := k.there(ctx, len(k.gone)+len(k.ended))
	if err != nil {
		return err
	}
	return errors.Join(k.remove(ctx, k.gone, there, false), k.remove(ctx, k.ended, there, true))
}

// remove removes those of some segments; there are the files that there are, nil: not
// known.
func (k *keeper) remove(ctx context.Context, of map[translog.Segment]bool, there map[string]bool, log bool) error {
	var errs []error
	for s := range of {
		name := keyFile{Segment{recordings.SessionID(s.SID), s.Segment}, log}.there()
		var failed []error
		for _, n := range []string{name, before(name)} {
			if there != nil && !there[n] {
				continue // before this start
			}
			err := k.bags.RemoveBag(ctx, n)
			if errors.Is(err, store.ErrRetained) { // nobody is given it, and its store destroys it itself
				k.logger.Info("a key bag goes when its lock is over", slog.String("bag", n), slog.Any("reason", err))
				continue
			}
			failed = append(failed, err)
		}
		if err := errors.Join(failed...); err != nil {
			errs = append(errs, err)
			continue
		}
		delete(of, s)
	}
	return errors.Join(errs...)
}

// few: so many are asked for one by one.
const few = 16

// there are the bags that there are, where many are asked for, as at a start, when
// the log is read from its beginning; nil for few.
func (k *keeper) there(ctx context.Context, n int) (map[string]bool, error) {
	if n <= few {
		return nil, nil
	}
	found := map[string]bool{}
	for name, err := range k.bags.ListBags(ctx) {
		if err != nil {
			return nil, err
		}
		found[name] = true
	}
	return found, nil
}

// sweepMost recordings are tried in one sweep: a bucket is asked for each, and the
// next sweep goes on with others.
const sweepMost = 200

// sweep deletes recordings that were purged and whose retention here is over, and
// bags of sessions that never began.
func (k *keeper) sweep(ctx context.Context) error {
	var errs []error
	tried := 0
	for s := range k.purge {
		if k.store == nil {
			delete(k.purge, s)
			continue
		}
		if tried++; tried > sweepMost {
			break
		}
		err := k.store.Remove(ctx, recordings.SegmentName(recordings.SessionID(s.SID), s.Segment))
		switch {
		case errors.Is(err, store.ErrRetained):
		case err == nil, errors.Is(err, fs.ErrNotExist):
			delete(k.purge, s)
		default:
			errs = append(errs, err)
		}
	}
	for name, err := range k.bags.ListBags(ctx) {
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		s, _, ok := segmentOfBag(name)
		if !ok || k.log.Of(s).Newest() != (translog.Hash{}) {
			continue
		}
		made, err := k.made(ctx, name)
		if err == nil && !made.IsZero() && k.end.Sub(made) > orphanTime {
			if err = k.bags.RemoveBag(ctx, name); errors.Is(err, store.ErrRetained) {
				err = nil // the same
			}
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// made is when a bag came; zero where the store does not say.
func (k *keeper) made(ctx context.Context, name string) (time.Time, error) {
	dated, ok := k.bags.(interface {
		BagMade(ctx context.Context, name string) (time.Time, error)
	})
	if !ok {
		return time.Time{}, nil
	}
	return dated.BagMade(ctx, name)
}

// put keeps a bag in the place of the one before.
//
// Errors: [ErrRefused], recordings.ErrNoSpace.
func (k *keeper) put(ctx context.Context, name string, b []byte) (BagHeld, error) {
	if strings.HasSuffix(name, logCopyEnd) {
		return k.putLog(ctx, name, b)
	}
	bag, err := recordings.ParseBag(b)
	if err != nil || recordings.BagName(bag.Session(), bag.Segment()) != name || !bytes.Equal(bag.Bytes(), b) {
		return BagHeld{}, errors.Join(fmt.Errorf("%w: no key bag of this name", ErrRefused), err)
	}
	held := BagHeld{name, sha256.Sum256(b)}
	k.mu.Lock()
	defer k.mu.Unlock()
	said := k.log.Of(translog.Segment{SID: translog.ID(bag.Session()), Segment: bag.Segment()})
	if said.Gone {
		return BagHeld{}, fmt.Errorf("%w: the keys were destroyed by a decision", ErrRefused)
	}
	if newest := said.Newest(); newest != (translog.Hash{}) && newest != held.SHA256 {
		return BagHeld{}, fmt.Errorf("%w: the log has another key bag of it", ErrRefused)
	}
	return held, k.keep(ctx, name, b, said.Bags)
}

// putLog keeps a copy of the log's own keys: of the events alone, and only those that
// the log names.
//
// Errors: as for put.
func (k *keeper) putLog(ctx context.Context, name string, b []byte) (BagHeld, error) {
	share, err := recordings.ParseShare(b)
	if err != nil || len(b) > MaxLogKeys || logKeysName(share.Session, share.Segment)+logCopyEnd != name || bytes.HasSuffix(b, []byte{'\n'}) ||
		share.Link() || !slices.Equal(share.Tracks, []recordings.Track{recordings.TrackEvents}) {
		return BagHeld{}, errors.Join(fmt.Errorf("%w: no keys of a log of this name", ErrRefused), err)
	}
	held := BagHeld{name, sha256.Sum256(b)}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch said := k.log.Of(translog.Segment{SID: translog.ID(share.Session), Segment: share.Segment}); {
	case said.LogGone:
		return BagHeld{}, fmt.Errorf("%w: the keys of this log were destroyed", ErrRefused)
	case said.NewestLog() != held.SHA256:
		return BagHeld{}, fmt.Errorf("%w: the log does not name these keys of its own", ErrRefused)
	default:
		return held, k.keep(ctx, name, b, said.Logs)
	}
}

// keep puts a file in the place of the one before, and keeps the recorder's own, which
// is the first that the log named.
func (k *keeper) keep(ctx context.Context, name string, b []byte, named []translog.Hash) error {
	have, err := k.bags.Bag(ctx, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return k.bags.CreateBag(ctx, name, b)
	case err != nil:
		return err
	case bytes.Equal(have, b):
		return nil
	}
	if len(named) > 0 && sha256.Sum256(have) == named[0] {
		if err := k.bags.CreateBag(ctx, before(name), have); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return k.bags.ReplaceBag(ctx, name, sha256.Sum256(have), b)
}

// held errors: fs.ErrNotExist.
func (k *keeper) held(ctx context.Context, name string) (BagHeld, error) {
	b, err := k.bags.Bag(ctx, name)
	return BagHeld{name, sha256.Sum256(b)}, err
}

// asked at a time, of a store that has to be asked for each bag.
const asked = 16

func (k *keeper) list(ctx context.Context) iter.Seq2[BagHeld, error] {
	return func(yield func(BagHeld, error) bool) {
		var names []string
		for name, err := range k.bags.ListBags(ctx) {
			if err != nil {
				yield(BagHeld{}, err)
				return
			}
			if bagName.MatchString(name) {
				names = append(names, name)
			}
		}
		for some := range slices.Chunk(names, asked) {
			held, errs := make([]BagHeld, len(some)), make([]error, len(some))
			var all sync.WaitGroup
			for i, name := range some {
				all.Go(func() { held[i], errs[i] = k.held(ctx, name) })
			}
			all.Wait()
			for i, err := range errs {
				if errors.Is(err, fs.ErrNotExist) {
					continue // destroyed meanwhile
				}
				if !yield(held[i], err) || err != nil {
					return
				}
			}
		}
	}
}

func before(name string) string { return strings.TrimSuffix(name, ".key") + beforeEnd }

// segmentOfBag reads a name; log: it is of a copy of the log's own keys.
func segmentOfBag(name string) (s translog.Segment, log, ok bool) {
	m := bagName.FindStringSubmatch(name)
	if m == nil {
		return s, false, false
	}
	var err error
	if s.SID, err = translog.ParseID(m[1]); err == nil {
		s.Segment, err = strconv.Atoi(m[2]) // at most seven digits
	}
	return s, m[3] != "", err == nil
}
