package store

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"consento/recordings"
	"consento/recordings/translog"
)

// BagsOf is where the key bags of a folder of recordings lie: in the folder "bags"
// beside it, as brokers and witnesses keep them, or, where none lie there, among the
// recordings; nil when there are none at all.
func BagsOf(dir string) (BagPlace, error) {
	among, err := hasBags(dir)
	if err != nil {
		return nil, err
	}
	beside := filepath.Join(filepath.Dir(filepath.Clean(dir)), "bags")
	apart, err := hasBags(beside)
	switch {
	case errors.Is(err, fs.ErrNotExist) && among, err == nil && among && !apart:
		return Dir(dir), nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return Apart{Dir(beside), Dir(dir)}, nil
}

func hasBags(dir string) (bool, error) {
	all, err := names(dir)
	return slices.ContainsFunc(all, func(n string) bool { return strings.HasSuffix(n, ".key") }), err
}

// Apart is a folder of key bags beside one of recordings. Keys that were destroyed are
// looked for in both.
type Apart struct {
	Dir
	Recordings Dir
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
	return translog.SumFile(filepath.Join(string(d), name))
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
	said  translog.KeyBag
	at    time.Time // of the last leaf about it
	logAt time.Time // of the last leaf about the log's own keys
}

func wantedBags(ctx context.Context, log fs.FS, size uint64) (map[string]wantedBag, time.Time, error) {
	bags, at, logAt := translog.NewKeyBags(), map[translog.Segment]time.Time{}, map[translog.Segment]time.Time{}
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
			logAt[translog.Segment{SID: l.SID, Segment: l.Segment}] = when // it may be what counts
		case translog.LogKeys:
			logAt[translog.Segment{SID: l.SID, Segment: l.Segment}] = when
		case translog.Revoke:
			for _, s := range bags.Segments(l.SID) {
				logAt[s] = when
			}
		}
	}
	want := map[string]wantedBag{}
	for s, when := range at {
		want[recordings.BagName(recordings.SessionID(s.SID), s.Segment)] = wantedBag{bags.Of(s), when, logAt[s]}
	}
	return want, end, nil
}

func (c *Comparison) bagPlace(ctx context.Context, p BagPlace, want map[string]wantedBag, end time.Time) error {
	all, err := p.Bags(ctx)
	if err != nil {
		return err
	}
	slices.Sort(all)
	for _, name := range all {
		c.left(p.Name(), name, want, end)
	}
	if a, ok := p.(Apart); ok {
		among, err := names(string(a.Recordings))
		if err != nil {
			return err
		}
		for _, name := range among {
			if k, ok := readKeyName(name); ok && k.kind == isBag && !k.older && want[k.bag].said.Gone {
				c.find(late(want[k.bag].at, end), a.Recordings.Name(), name, "its keys were destroyed by a decision that the log holds, and its key bag is here")
				continue
			}
			c.left(a.Recordings.Name(), name, want, end)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := errors.Join(c.oneBag(ctx, p, name, want[name], end), c.oneLog(ctx, p, all, strings.TrimSuffix(name, ".key")+".logkeys", want[name], end)); err != nil {
			return err
		}
	}
	return nil
}

// Kinds of files that hold keys.
const (
	isBag = iota
	isLog
	isShare
)

// keyName is the name of a file that holds keys.
type keyName struct {
	bag   string // of the key bag of its segment
	kind  int
	older bool // from before a re-wrapping, or what an interrupted write left
}

var keyNames = regexp.MustCompile(`^([0-9a-f]{32}-[0-9]{1,7})(\.key|\.before\.key|\.logkeys|-[0-9a-f]{32}\.(?:share|share-forms|told))((?:\.(?:before|key|new|tmp))*)$`)

func readKeyName(name string) (k keyName, ok bool) {
	m := keyNames.FindStringSubmatch(name)
	if m == nil {
		return k, false
	}
	k.bag, k.older = m[1]+".key", m[3] != ""
	switch m[2] {
	case ".key":
	case ".before.key":
		k.older = true
	case ".logkeys":
		k.kind, k.older = isLog, m[3] != "" && m[3] != ".key" // as a mirror names its copy
	default:
		k.kind = isShare
	}
	return k, true
}

// left finds what should not lie there: keys that were destroyed, under whatever name
// a copy of them is kept, and key bags that the log does not know.
func (c *Comparison) left(dir, name string, want map[string]wantedBag, end time.Time) {
	k, ok := readKeyName(name)
	if !ok && strings.HasSuffix(name, ".key") {
		k, ok = keyName{bag: name}, true
	}
	if !ok {
		return
	}
	w, known := want[k.bag]
	switch {
	case k.kind == isShare && w.said.Gone:
		c.find(late(w.at, end), dir, name, "its keys were destroyed by a decision that the log holds, and keys that were shared of it are here")
	case k.kind == isLog && w.said.LogGone:
		c.find(late(w.logAt, end), dir, name, "the keys of its log were destroyed, as the log holds, and are here")
	case k.kind != isBag:
	case k.older && w.said.Gone:
		c.find(late(w.at, end), dir, name, "its keys were destroyed by a decision that the log holds, and an older key bag is here")
	case !known:
		c.find(Unverifiable, dir, name, "the log does not know it: it was put there, or its session never began")
	}
}

// late is how bad it is that something has not come since a leaf said so: for a while
// it can still be on its way, later than that no crash and no lag explains it.
func late(since, end time.Time) Grade {
	if end.Sub(since) < patience {
		return Incomplete
	}
	return Tampered
}

// behind is how bad it is that something is from before it was wrapped anew, or is not
// there though another copy does.
func behind(since, end time.Time) Grade {
	if end.Sub(since) < patience {
		return Incomplete
	}
	return Unverifiable
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
		c.find(late(w.at, end), dir, name, "its keys were destroyed by a decision that the log holds, and its key bag is here")
	case missing:
		c.find(late(w.at, end), dir, name, "the log has this key bag, and it is not here: the recording cannot be read from this store")
	case sum == newest:
		c.Whole++
	case slices.Contains(w.said.Bags, sum):
		c.find(behind(w.at, end), dir, name, "it is from before the keys were wrapped anew")
	default:
		c.find(Tampered, dir, name, "the log has another key bag: this one lets others read, or nobody")
	}
	return nil
}

// oneLog checks the log's own keys of a segment; there are the names of all files. That they are destroyed, where they
// should be, left sees.
func (c *Comparison) oneLog(ctx context.Context, p BagPlace, there []string, name string, w wantedBag, end time.Time) error {
	if len(w.said.Logs) == 0 || w.said.LogGone {
		return nil
	}
	file := name
	_, found := slices.BinarySearch(there, file)
	if !found {
		file += ".key" // as a mirror names its copy
		_, found = slices.BinarySearch(there, file)
	}
	var sum translog.Hash
	err := fs.ErrNotExist
	if found {
		sum, err = p.BagSum(ctx, file)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.find(behind(w.logAt, end), p.Name(), name, "the log has these keys of its own, and they are not here: from this store it cannot be read without its recording")
	case err != nil:
		return err
	case sum == w.said.NewestLog():
		c.Logs++
	case slices.Contains(w.said.Logs, sum):
		c.find(behind(w.logAt, end), p.Name(), file, "it is from before the keys were wrapped anew")
	default:
		c.find(Tampered, p.Name(), file, "the log has other keys of its own: these let others read it, or nobody")
	}
	return nil
}
