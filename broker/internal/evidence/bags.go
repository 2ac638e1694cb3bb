package evidence

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"consento/recordings"
	"consento/recordings/mirror"
	"consento/recordings/translog"
)

// bagPatience is how long the beginning of a session waits for its key bag to reach
// a witness. One that is slow or away gets it later; how far it may stay behind is
// what Witnessed decides.
const bagPatience = 2 * time.Second

// Bagged brings the key bag of a segment, which is on the disk, to the second
// place, before anything else of the segment is.
func (e *Evidence) Bagged(ctx context.Context, id recordings.SessionID, number int) {
	e.bring(ctx, mirror.Segment{Session: id, Number: number})
}

// bring gives the newest bag to all witnesses, and waits a moment for them. Why one
// does not have it yet is what its status says.
func (e *Evidence) bring(ctx context.Context, s mirror.Segment) {
	ctx, cancel := context.WithTimeout(ctx, bagPatience)
	defer cancel()
	var all sync.WaitGroup
	defer all.Wait()
	for _, w := range e.witnesses.all {
		all.Go(func() { _ = w.uplink.Bag(ctx, s) })
	}
}

// bagsWaiting says which witnesses do not have the newest bag of a segment.
func (e *Evidence) bagsWaiting(s segment) []string {
	var names []string
	for _, w := range e.witnesses.all {
		if w.uplink.WaitingBag(mirror.Segment{Session: recordings.SessionID(s.id), Number: s.number}) {
			names = append(names, w.name)
		}
	}
	return names
}

// destroyedAt asks the witnesses whether they destroyed the bags of these segments,
// each as its leaf decided, and, where leaf ended revoked them, the keys of their
// events. It returns the names of those that did not say so.
func (e *Evidence) destroyedAt(ctx context.Context, rows []segmentRow, ended *uint64) ([]string, error) {
	var names []string
	for _, w := range e.witnesses.all {
		for _, r := range rows {
			s, err := r.name()
			if err != nil {
				return nil, err
			}
			gone := false
			if r.Shred != nil {
				one, cancel := context.WithTimeout(ctx, bagPatience)
				at := mirror.Segment{Session: recordings.SessionID(s.id), Number: s.number}
				gone, err = w.uplink.Gone(one, at, *r.Shred)
				if err == nil && gone && ended != nil && r.LogKeys != nil {
					gone, err = w.uplink.LogGone(one, at, *ended)
				}
				cancel()
			}
			if err != nil || !gone {
				names = append(names, w.name)
				break
			}
		}
	}
	return names, nil
}

// keyOf tells of which segment a file of keys is, and of which share.
var keyOf = regexp.MustCompile(`^([0-9a-f]{32}-[0-9]{1,7})(?:-([0-9a-f]{32}))?\.`)

// destroyAgain destroys keys that are here although they were destroyed, as the log
// says, or with a share that is over: somebody put a backup back.
func (e *Evidence) destroyAgain(ctx context.Context) error {
	var shredded, ended, over []string
	err := e.config.Database.NewSelect().Table("log_segments").ColumnExpr("sid || '-' || segment").Where("shred IS NOT NULL").Scan(ctx, &shredded)
	if err == nil {
		err = e.config.Database.NewSelect().Table("log_entries").Column("sid").Where("kind = 'revoke'").Where("what = ?", ToLog).Scan(ctx, &ended)
	}
	if err == nil {
		err = e.config.Database.NewSelect().Table("shares").Column("id").Where("cleared").Scan(ctx, &over)
	}
	if err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	gone := map[string]bool{}
	for _, name := range slices.Concat(shredded, ended, over) {
		gone[name] = true
	}
	entries, err := os.ReadDir(e.config.Bags)
	if err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	for _, entry := range entries {
		name := entry.Name()
		of := keyOf.FindStringSubmatch(name)
		if of == nil || strings.HasSuffix(name, ".rec") || strings.HasSuffix(name, ".cosig") { // in one folder with the recordings
			continue
		}
		what := of[1]
		if strings.HasPrefix(name[len(what):], logKeysFile) {
			what = name[:32]
		}
		if !gone[what] && !gone[of[2]] {
			continue
		}
		if err := destroy(filepath.Join(e.config.Bags, name)); err != nil {
			return fmt.Errorf("evidence: %w", err)
		}
		e.config.Logger.Warn("a key that a decision destroyed was here again: destroyed", slog.String("file", name))
	}
	return nil
}

// dropOrphans destroys key bags of segments that never began: a crash came between
// bag and recording, and nothing of it was announced.
func (e *Evidence) dropOrphans(ctx context.Context) error {
	bags, err := filepath.Glob(filepath.Join(e.config.Bags, "*.key"))
	if err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	for _, path := range bags {
		rec := filepath.Join(e.config.Recordings, strings.TrimSuffix(filepath.Base(path), ".key")+".rec")
		if _, err := os.Lstat(rec); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		bag, err := recordings.ReadBag(path)
		if err != nil {
			continue // for people to look at
		}
		known, err := e.index.segment(ctx, segment{translog.ID(bag.Session()), bag.Segment()})
		if err != nil {
			return err
		}
		if known == nil {
			if err := destroy(path); err != nil {
				return fmt.Errorf("evidence: %w", err)
			}
		}
	}
	return nil
}
