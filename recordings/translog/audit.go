package translog

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// AuditReport is what an audit found.
type AuditReport struct {
	Checkpoint Checkpoint
	Leaves     map[Kind]uint64
	Sessions   uint64
	From, To   time.Time // of the first and last leaf
	Witnesses  []Cosignature
	Cosigned   uint64 // leaves that a witness vouches for
	Old        int    // older checkpoints that this log extends

	Problems []Problem // what contradicts, first things first; at most 100
	More     uint64    // problems beyond
	Missing  []string  // signatures and keys that are not there
	Unclosed []Segment // opened, and neither closed nor alive
	Live     []Segment // opened, with a sign of life shortly before the last leaf
	Remarks  []string  // what a person should know, and no program can judge

	// Timestamps are those whose roots are this log's; their tokens are for package
	// stamp to check. At most 10,000.
	Timestamps []Stamped `json:"-"`
}

// Stamped is a timestamp with its place and time on the log.
type Stamped struct {
	Timestamp
	Index uint64
	Time  time.Time
}

// Segment of a session.
type Segment struct {
	SID     ID
	Segment int
}

func (s Segment) String() string { return fmt.Sprintf("%s-%d", s.SID, s.Segment) }

// Problem is something that no crash explains.
type Problem struct {
	Index int64 // of the leaf; negative when it is about none
	Text  string
}

func (p Problem) String() string {
	if p.Index < 0 {
		return p.Text
	}
	return fmt.Sprintf("leaf %d: %s", p.Index, p.Text)
}

const maxProblems = 100

// lagAllowed is how long a witness may stay behind before that is a fault.
const lagAllowed = 15 * time.Minute

func (r *AuditReport) problem(index int64, format string, args ...any) {
	if len(r.Problems) == maxProblems {
		r.More++
		return
	}
	r.Problems = append(r.Problems, Problem{index, fmt.Sprintf(format, args...)})
}

func (r *AuditReport) missing(format string, args ...any) {
	r.Missing = append(r.Missing, fmt.Sprintf(format, args...))
}

func (r *AuditReport) remark(format string, args ...any) {
	r.Remarks = append(r.Remarks, fmt.Sprintf(format, args...))
}

// Audit recomputes a whole log from its folder and compares it with its
// checkpoint, with older checkpoints that somebody kept, and with the rules for
// leaves. The error is about reading alone; everything that was found is in the
// report. The log may grow meanwhile.
func Audit(ctx context.Context, fsys fs.FS, k Keys, old ...Checkpoint) (AuditReport, error) {
	a := audit{fsys: fsys, keys: k, anchors: map[uint64][]anchor{}, ledger: newLedger()}
	a.rep.Leaves = map[Kind]uint64{}
	// cosigned first: a log that grows meanwhile must not look as if set back.
	co, hasCo, err := a.read(cosignedFile)
	if err != nil {
		return a.rep, err
	}
	point, ok, err := a.read(checkpointFile)
	if err != nil {
		return a.rep, err
	}
	if !ok {
		if len(a.rep.Problems) == 0 {
			a.rep.problem(-1, "there is no checkpoint")
		}
		return a.rep, nil
	}
	a.rep.Checkpoint = point
	a.anchor("its checkpoint", point)
	if hasCo {
		a.anchor("the cosigned checkpoint", co)
	}
	for _, o := range old {
		a.anchor(fmt.Sprintf("an older checkpoint of %d leaves", o.Size), o)
	}
	if err := a.bundles(ctx); err != nil {
		return a.rep, err
	}
	a.ledger.finish(&a.rep)
	if a.edge.n == point.Size {
		a.timestamps()
	}
	a.signatures(point, co, hasCo, old)
	return a.rep, nil
}

type audit struct {
	fsys    fs.FS
	keys    Keys
	rep     AuditReport
	edge    edge
	anchors map[uint64][]anchor
	ledger  *ledger
}

// anchor is a root that the log must have had.
type anchor struct {
	name string
	root tlog.Hash
}

func (a *audit) read(name string) (Checkpoint, bool, error) {
	b, err := readLimited(a.fsys, name, maxCheckpoint)
	if errors.Is(err, fs.ErrNotExist) {
		return Checkpoint{}, false, nil
	}
	if err != nil {
		return Checkpoint{}, false, err
	}
	c, err := ParseCheckpoint(b)
	if err != nil {
		a.rep.problem(-1, "%s: %v", name, err)
		return Checkpoint{}, false, nil
	}
	return c, true, nil
}

func (a *audit) anchor(name string, c Checkpoint) {
	size := a.rep.Checkpoint.Size
	switch {
	case c.Origin != a.rep.Checkpoint.Origin:
		a.rep.problem(-1, "%s is of %s, not of %s", name, c.Origin, a.rep.Checkpoint.Origin)
	case c.Size > size:
		a.rep.problem(-1, "the log was set back: %s has %d leaves, the log has %d", name, c.Size, size)
	case c.Size > 0:
		a.anchors[c.Size] = append(a.anchors[c.Size], anchor{name, c.Root})
	}
}

// bundles goes through all entries.
func (a *audit) bundles(ctx context.Context) error {
	size := a.rep.Checkpoint.Size
	for number := uint64(0); number*tileWidth < size; number++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		need := int(min(size-number*tileWidth, tileWidth))
		name, b, err := a.part(bundlePath(number, tileWidth), need, maxBundle)
		if err != nil {
			return err
		}
		if name == "" {
			a.rep.problem(int64(number*tileWidth), "removed: no bundle of entries holds it and the %d behind it", size-number*tileWidth-1)
			return nil
		}
		entries, err := parseBundle(b)
		if err == nil && len(entries) < need {
			err = fmt.Errorf("%w: %d of %d entries", errBundle, len(entries), need)
		}
		if err != nil {
			a.rep.problem(int64(number*tileWidth)+int64(len(entries)), "%s: %v", name, err)
			return nil // what follows has no numbers any more
		}
		if err := a.one(number, entries[:need]); err != nil {
			return err
		}
	}
	return a.rightEdge()
}

// part reads the file of a tile or bundle that holds need of it, or one with more
// when the log grew; name is empty when there is none.
func (a *audit) part(full string, need int, limit int64) (name string, b []byte, err error) {
	have, err := widths(a.fsys, full)
	if err != nil {
		return "", nil, err
	}
	for i := len(have) - 1; i >= 0; i-- {
		if have[i] < need {
			continue
		}
		name = partial(full, have[i])
		b, err = readLimited(a.fsys, name, limit)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it was tidied up meanwhile
		}
		return name, b, err
	}
	return "", nil, nil
}

// one takes the entries of a bundle. Where their hashes are not those of the tile,
// the tile says which of them was changed.
func (a *audit) one(number uint64, entries [][]byte) error {
	name, tile, err := a.part(tilePath(0, number, tileWidth), len(entries), tileWidth*tlog.HashSize)
	if err != nil {
		return err
	}
	if name == "" {
		a.rep.problem(int64(number*tileWidth), "no tile holds its hash")
	}
	for i, entry := range entries {
		index := a.edge.n
		h := tlog.RecordHash(entry)
		if name != "" && (len(tile) < (i+1)*tlog.HashSize || !bytes.Equal(h[:], tile[i*tlog.HashSize:][:tlog.HashSize])) {
			a.rep.problem(int64(index), "changed: its hash is not the one in %s", name)
		}
		if err := a.edge.add(h, func(level int, hashes []tlog.Hash) error {
			if level == 0 {
				return nil // compared above
			}
			return a.tile(level, index>>(tileHeight*(level+1)), hashes)
		}); err != nil {
			return err
		}
		for _, at := range a.anchors[a.edge.n] {
			if at.root != a.edge.root() {
				a.rep.problem(-1, "the first %d leaves are not those of %s: leaves were changed, removed or moved, or the log was forked", a.edge.n, at.name)
			}
		}
		leaf, when, err := ParseLeaf(entry)
		if err != nil {
			a.rep.problem(int64(index), "%v", err)
			continue
		}
		if err := a.leaf(index, leaf, when); err != nil {
			return err
		}
	}
	return nil
}

// tile compares a stored tile with what the leaves give.
func (a *audit) tile(level int, number uint64, hashes []tlog.Hash) error {
	name, b, err := a.part(tilePath(level, number, tileWidth), len(hashes), tileWidth*tlog.HashSize)
	if err != nil {
		return err
	}
	want := tileData(hashes)
	if name == "" {
		a.rep.problem(-1, "%s is missing", tilePath(level, number, len(hashes)))
	} else if !bytes.HasPrefix(b, want) {
		a.rep.problem(-1, "%s is not what the leaves give", name)
	}
	return nil
}

func (a *audit) rightEdge() error {
	for level := 1; level < len(a.edge.level); level++ {
		if h := a.edge.level[level]; len(h) > 0 {
			if err := a.tile(level, a.edge.n>>(tileHeight*(level+1)), h); err != nil {
				return err
			}
		}
	}
	n := a.edge.n
	have, err := widths(a.fsys, bundlePath(n/tileWidth, tileWidth))
	if err == nil && len(have) > 0 && have[0] > int(n%tileWidth) {
		a.rep.remark("entries lie behind the last checkpoint: the log is being written, was interrupted, or its checkpoint was set back")
	}
	return err
}

// leaf looks at one leaf.
func (a *audit) leaf(index uint64, l Leaf, at time.Time) error {
	r := &a.rep
	if _, unknown := l.(Unknown); unknown && r.Leaves[l.Kind()] == 0 {
		r.remark("leaves of the unknown kind %q: written by a newer version", l.Kind())
	}
	r.Leaves[l.Kind()]++
	if r.From.IsZero() {
		r.From = at
	}
	if at.Before(r.To) {
		a.ledger.backwards++
	}
	r.To = at
	switch l := l.(type) {
	case Genesis:
		if l.Origin != r.Checkpoint.Origin {
			r.problem(int64(index), "genesis of %s in the log of %s", l.Origin, r.Checkpoint.Origin)
		}
	case Rotation:
		a.rotation(index, l)
	}
	if body := bodyOf(l); body != (Hash{}) {
		if _, err := readSealed(a.fsys, body); errors.Is(err, fs.ErrNotExist) {
			a.ledger.bodies++
		} else if errors.Is(err, ErrTampered) {
			r.problem(int64(index), "%v", err)
		} else if err != nil {
			return err
		}
	}
	a.ledger.add(r, index, l, at)
	return nil
}

// rotation adds a key that a trusted one handed over to.
func (a *audit) rotation(index uint64, l Rotation) {
	trusted := a.keys.Log
	if l.What == RotateWitness {
		trusted = nil
		for _, w := range a.keys.Witness {
			trusted = append(trusted, w.Key)
		}
	}
	next := ed25519.PublicKey(l.Key[:])
	for n, old := range trusted {
		if !l.By(a.rep.Checkpoint.Origin, old) {
			continue
		}
		if l.What == RotateWitness {
			a.keys.Witness = append(a.keys.Witness, NamedKey{a.keys.Witness[n].Name, next})
		} else {
			a.keys.Log = append(a.keys.Log, next)
		}
		return
	}
	a.rep.missing("leaf %d hands the key of the %s over, signed by none of the keys given", index, l.What)
}

// timestamps compares the roots that were stamped.
func (a *audit) timestamps() {
	hashes := tlog.TileHashReader(tlog.Tree{N: int64(a.edge.n), Hash: a.edge.root()}, tiles{a.fsys, a.edge})
	for _, s := range a.ledger.stamps {
		if s.N == 0 || s.N > s.Index {
			a.rep.problem(int64(s.Index), "a timestamp over %d leaves", s.N)
			continue
		}
		root, err := tlog.TreeHash(int64(s.N), hashes)
		switch {
		case err != nil:
			a.rep.problem(int64(s.Index), "the root that was stamped cannot be computed: %v", err)
		case Hash(root) != s.Root:
			a.rep.problem(int64(s.Index), "the root that was stamped over %d leaves is not this log's", s.N)
		default:
			a.rep.Timestamps = append(a.rep.Timestamps, s)
		}
	}
}

// signatures come last: rotations may have brought keys.
func (a *audit) signatures(point, co Checkpoint, hasCo bool, old []Checkpoint) {
	r := &a.rep
	check := func(name string, c Checkpoint) (bool, []Cosignature) {
		signed, by, err := a.keys.Check(c)
		if err != nil {
			r.problem(-1, "%s: %v", name, err)
		}
		return signed, by
	}
	signed, by := check("the checkpoint", point)
	best := point
	if hasCo {
		coSigned, more := check("the cosigned checkpoint", co)
		if coSigned && len(more) >= len(by) {
			best, by = co, more
		}
	}
	for _, o := range old {
		oldSigned, oldBy := check(fmt.Sprintf("the older checkpoint of %d leaves", o.Size), o)
		switch {
		case !oldSigned && len(oldBy) == 0:
			r.missing("an older checkpoint of %d leaves carries no signature by a key given: anybody can have made it", o.Size)
		case o.Size <= point.Size:
			r.Old++
		}
	}
	r.Missing = append(r.Missing, missing(a.keys, signed, by)...)
	r.Witnesses = by
	if len(by) == 0 {
		return
	}
	r.Cosigned = best.Size
	latest := by[0].Time
	for _, c := range by {
		if c.Time.After(latest) {
			latest = c.Time
		}
	}
	if behind := point.Size - min(best.Size, point.Size); behind > 0 {
		lag := r.To.Sub(latest)
		if lag > lagAllowed {
			r.missing("the last %d leaves are cosigned by nobody: the witness is %s behind", behind, lag.Round(time.Second))
		} else {
			r.remark("the last %d leaves are not cosigned yet", behind)
		}
	}
}
