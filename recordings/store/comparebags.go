package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"consento/recordings"
	"consento/recordings/translog"
)

// BagDir is where the key bags of a folder of recordings lie: in it, or, where
// there are none, in the folder "bags" beside it, as a witness keeps them; "" when
// there is neither.
func BagDir(dir string) (string, error) {
	all, err := names(dir)
	if err != nil {
		return "", err
	}
	if slices.ContainsFunc(all, func(n string) bool { return strings.HasSuffix(n, ".key") }) {
		return dir, nil
	}
	beside := filepath.Join(filepath.Dir(filepath.Clean(dir)), "bags")
	if st, err := os.Stat(beside); err == nil && st.IsDir() {
		return beside, nil
	}
	return "", nil
}

// BagPlace is where key bags lie that are compared with the log.
type BagPlace interface {
	Name() string
	// Bags are the names of all that lies there.
	Bags(ctx context.Context) ([]string, error)
	// BagSum is the SHA-256 of one. Errors: fs.ErrNotExist.
	BagSum(ctx context.Context, name string) (translog.Hash, error)
}

// Bags implements [BagPlace].
func (d Dir) Bags(context.Context) ([]string, error) { return names(string(d)) }

// BagSum implements [BagPlace].
func (d Dir) BagSum(_ context.Context, name string) (translog.Hash, error) {
	return fileSum(filepath.Join(string(d), name))
}

// CompareBags checks places of key bags against the log, as [Compare] does
// recordings: each segment has the bag that the log named last, and none whose keys
// were destroyed. Whole counts bags; Purged those that are gone by a decision.
func CompareBags(ctx context.Context, log fs.FS, size uint64, places ...BagPlace) (Comparison, error) {
	want, end, err := wantedBags(ctx, log, size)
	if err != nil {
		return Comparison{}, err
	}
	var c Comparison
	for _, w := range want {
		if w.said.Gone {
			c.Purged++
		}
	}
	for _, p := range places {
		if err := c.bagPlace(ctx, p, want, end); err != nil {
			return c, err
		}
	}
	slices.SortStableFunc(c.Findings, func(a, b Finding) int { return int(a.Grade) - int(b.Grade) })
	return c, nil
}

// wantedBag is what the log says of one.
type wantedBag struct {
	said translog.KeyBag
	at   time.Time // of the last leaf about it
}

func wantedBags(ctx context.Context, log fs.FS, size uint64) (map[string]wantedBag, time.Time, error) {
	bags, at := translog.NewKeyBags(), map[translog.Segment]time.Time{}
	var end time.Time
	for entry, err := range translog.ReadEntries(ctx, log, size) {
		if err != nil {
			return nil, end, err
		}
		leaf, when, err := translog.ParseLeaf(entry.Data)
		if err != nil {
			return nil, end, err
		}
		bags.Add(entry.Index, leaf, when)
		end = when
		switch l := leaf.(type) {
		case translog.Opened:
			at[translog.Segment{SID: l.SID, Segment: l.Segment}] = when
		case translog.Rewrap:
			at[translog.Segment{SID: l.SID, Segment: l.Segment}] = when
		case translog.Shred:
			at[translog.Segment{SID: l.SID, Segment: l.Segment}] = when
		}
	}
	want := map[string]wantedBag{}
	for s, when := range at {
		want[recordings.BagName(recordings.SessionID(s.SID), s.Segment)] = wantedBag{bags.Of(s), when}
	}
	return want, end, nil
}

func (c *Comparison) bagPlace(ctx context.Context, p BagPlace, want map[string]wantedBag, end time.Time) error {
	all, err := p.Bags(ctx)
	if err != nil {
		return err
	}
	dir := p.Name()
	for _, name := range all {
		// The bag from before a re-wrapping is kept as long as the other.
		of, older := strings.CutSuffix(name, ".before")
		if base, ok := strings.CutSuffix(name, ".before.key"); ok {
			of, older = base+".key", true
		}
		w, known := want[of]
		switch {
		case !strings.HasSuffix(of, ".key"):
		case older && w.said.Gone:
			c.find(late(w, end), dir, name, "its keys were destroyed by a decision that the log holds, and an older key bag is here")
		case !known:
			c.find(Unverifiable, dir, name, "the log does not know it: it was put there, or its session never began")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := c.oneBag(ctx, p, name, want[name], end); err != nil {
			return err
		}
	}
	return nil
}

// late is how bad it is that something has not come yet: for a while it can still be
// on its way, later than that no crash and no lag explains it.
func late(w wantedBag, end time.Time) Grade {
	if end.Sub(w.at) < patience {
		return Incomplete
	}
	return Tampered
}

func (c *Comparison) oneBag(ctx context.Context, p BagPlace, name string, w wantedBag, end time.Time) error {
	dir := p.Name()
	sum, err := p.BagSum(ctx, name)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return err
	}
	switch newest := w.said.Newest(); {
	case w.said.Undue:
		c.find(Tampered, dir, name, "the log says that its keys were destroyed, without the decision of two roles")
	case w.said.Gone && missing:
	case w.said.Gone:
		c.find(late(w, end), dir, name, "its keys were destroyed by a decision that the log holds, and its key bag is here")
	case missing:
		c.find(late(w, end), dir, name, "the log has this key bag, and it is not here: the recording cannot be read from this store")
	case sum == newest:
		c.Whole++
	case slices.Contains(w.said.Bags, sum):
		g := Unverifiable
		if end.Sub(w.at) < patience {
			g = Incomplete
		}
		c.find(g, dir, name, "it is from before the keys were wrapped anew")
	default:
		c.find(Tampered, dir, name, "the log has another key bag: this one lets others read, or nobody")
	}
	return nil
}

func fileSum(path string) (sum translog.Hash, err error) {
	f, err := os.Open(path)
	if err != nil {
		return sum, err
	}
	h := sha256.New()
	_, err = io.Copy(h, f)
	return translog.Hash(h.Sum(nil)), errors.Join(err, f.Close())
}
