package store

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"time"

	"consento/recordings"
	"consento/recordings/translog"
)

// Grade says how bad a [Finding] is, from the worst.
type Grade uint8

// Grades.
const (
	Tampered Grade = iota + 1
	Incomplete
	Unverifiable
)

// Finding is something about a store that is not as the log has it.
type Finding struct {
	Grade Grade
	Store string // name of its [Place]
	Name  string // of the recording
	Text  string
}

// Comparison is what [Compare] found.
type Comparison struct {
	Findings []Finding // the worst first; at most 1000
	More     int       // beyond
	Whole    int       // recordings that are in a store as the log has them, over all stores
	Live     int       // that are being recorded
	Purged   int       // that are gone by a decision
	Logs     int       // keys of logs that are as the log has them
	Kept     int       // of those, still in a store whose own retention is not over, over all stores
}

const maxFindings = 1000

// patience is how long after a recording's end a store may still wait for the rest.
const patience = 15 * time.Minute

// expected is what the log says of one segment.
type expected struct {
	opened translog.Opened
	heads  []recordings.Head // the last few that were announced
	closed *translog.Closed  // a recovered one too
	at     time.Time         // of its last leaf
	purged bool
	shred  time.Time // of its key bag; zero: not destroyed
}

// Compare checks places of recordings against the log: each recording that the log
// has is in each of them, byte for byte, and no other. The log is taken as true:
// [translog.Audit] checked it. size is that of the checkpoint that was audited.
func Compare(ctx context.Context, log fs.FS, size uint64, logKeys []ed25519.PublicKey, places ...Place) (Comparison, error) {
	want, end, err := expectations(ctx, log, size)
	if err != nil {
		return Comparison{}, err
	}
	var c Comparison
	for _, w := range want {
		switch {
		case w.purged:
			c.Purged++
		case w.closed == nil:
			c.Live++
		}
	}
	for _, p := range places {
		if err := c.place(ctx, p, want, end, logKeys); err != nil {
			return c, fmt.Errorf("%s: %w", p.Name(), err)
		}
	}
	slices.SortStableFunc(c.Findings, func(a, b Finding) int { return int(a.Grade) - int(b.Grade) })
	return c, nil
}

func (c *Comparison) find(g Grade, dir, name, format string, args ...any) {
	if len(c.Findings) == maxFindings {
		c.More++
		return
	}
	c.Findings = append(c.Findings, Finding{g, dir, name, fmt.Sprintf(format, args...)})
}

// expectations reads what the log says of all segments, and when it ends.
func expectations(ctx context.Context, log fs.FS, size uint64) (map[string]*expected, time.Time, error) {
	want := map[string]*expected{}
	var end time.Time
	of := func(sid translog.ID, segment int) *expected {
		name := recordings.SegmentName(recordings.SessionID(sid), segment)
		if want[name] == nil {
			want[name] = &expected{}
		}
		want[name].at = end
		return want[name]
	}
	for entry, err := range translog.ReadEntries(ctx, log, size) {
		if err != nil {
			return nil, end, fmt.Errorf("log: %w", err)
		}
		leaf, at, err := translog.ParseLeaf(entry.Data)
		if err != nil {
			return nil, end, fmt.Errorf("leaf %d: %w", entry.Index, err)
		}
		end = at
		switch l := leaf.(type) {
		case translog.Opened:
			e := of(l.SID, l.Segment)
			e.opened, e.heads = l, append(e.heads, recordings.Head{N: l.N, Root: l.Root})
		case translog.Heartbeat:
			for _, h := range l.Heads {
				e := of(h.SID, h.Segment)
				if len(e.heads) > 8 {
					e.heads = e.heads[1:]
				}
				e.heads = append(e.heads, recordings.Head{N: h.N, Root: h.Root})
			}
		case translog.Closed:
			of(l.SID, l.Segment).closed = &l
		case translog.Recovered:
			of(l.SID, l.Segment).closed = &translog.Closed{SID: l.SID, Segment: l.Segment, N: l.N, Root: l.Root, Bytes: l.Bytes, SHA256: l.SHA256}
		case translog.Purge:
			of(l.SID, l.Segment).purged = true
		case translog.Shred:
			of(l.SID, l.Segment).shred = at
		}
	}
	return want, end, nil
}

func (c *Comparison) place(ctx context.Context, p Place, want map[string]*expected, end time.Time, logKeys []ed25519.PublicKey) error {
	there, err := p.Recordings(ctx)
	if err != nil {
		return err
	}
	for _, name := range there {
		if want[name] == nil {
			c.find(Unverifiable, p.Name(), name, "the log does not know it: it was put there, or the log ends before it")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := c.one(ctx, p, name, want[name], end, logKeys); err != nil {
			return err
		}
	}
	return c.versions(ctx, p, want)
}

// one compares one recording. What is missing can still be on its way for a while;
// later than that no crash and no lag explains it.
func (c *Comparison) one(ctx context.Context, p Place, name string, w *expected, end time.Time, logKeys []ed25519.PublicKey) error {
	behind := Tampered
	if end.Sub(w.at) < patience {
		behind = Incomplete
	}
	rep, size, sum, err := scan(ctx, p, name, recordings.ScanOptions{LogKeys: logKeys})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if !w.purged {
			c.find(behind, p.Name(), name, "the log has it, and it is not here")
		}
		return nil
	case errors.Is(err, errNoFile):
		c.find(Unverifiable, p.Name(), name, "it is no file")
		return nil
	case err != nil:
		return err
	case rep.Verdict == recordings.Tampered:
		c.find(Tampered, p.Name(), name, "%v", rep.Fault)
		return nil
	}
	if o := w.opened; o.Key != (translog.Hash{}) && rep.Seals > 0 && (o.Key != translog.Hash(rep.Open.Key) || o.Commit != translog.Hash(rep.Open.Commit)) {
		c.find(Tampered, p.Name(), name, "the log has another opening of it: it was recorded anew")
		return nil
	}
	if w.closed == nil {
		return c.live(ctx, p, name, w, rep, behind, logKeys)
	}
	switch {
	case uint64(size) < w.closed.Bytes:
		c.find(behind, p.Name(), name, "%d of %d bytes are here", size, w.closed.Bytes)
	case uint64(size) != w.closed.Bytes || sum != w.closed.SHA256:
		c.find(Tampered, p.Name(), name, "the log has another end of it")
	case w.purged:
		c.Kept++ // nobody can read it; a mirror keeps it until its own time is over
	default:
		c.Whole++
	}
	return nil
}

// live checks that a recording that has no end yet went through what was announced.
func (c *Comparison) live(ctx context.Context, p Place, name string, w *expected, rep recordings.Report, behind Grade, logKeys []ed25519.PublicKey) error {
	var short uint64
	var heads []recordings.Head
	for _, h := range w.heads {
		if h.N > rep.Head.N {
			short = max(short, h.N)
		} else {
			heads = append(heads, h)
		}
	}
	if len(heads) > 0 {
		known, _, _, err := scan(ctx, p, name, recordings.ScanOptions{LogKeys: logKeys, Known: heads})
		if err != nil {
			return err
		}
		if known.Verdict == recordings.Tampered {
			c.find(Tampered, p.Name(), name, "%v", known.Fault)
			return nil
		}
	}
	if short > 0 {
		c.find(behind, p.Name(), name, "it ends at record %d, and the log has its head at %d", rep.Head.N, short)
	}
	return nil
}

// scan reads a recording once: what is wrong with it, its bytes and their hash.
func scan(ctx context.Context, p Place, name string, opts recordings.ScanOptions) (rep recordings.Report, size int64, sum translog.Hash, err error) {
	in, err := p.Open(ctx, name)
	if err != nil {
		return rep, 0, sum, err
	}
	defer in.Close()
	hash := sha256.New()
	counted := &counter{r: io.TeeReader(in, hash)}
	if rep, err = recordings.Scan(counted, opts); err != nil {
		return rep, 0, sum, err
	}
	if _, err := io.Copy(io.Discard, counted); err != nil {
		return rep, 0, sum, err
	}
	return rep, counted.n, translog.Hash(hash.Sum(nil)), nil
}

type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}
