package recordings

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	excerptVersion  = 1
	maxExcerpt      = 64 << 20
	maxExcerptParts = 100_000
)

// Excerpt is some records of a segment with the proof that they stand in it: each
// has an audit path to the root of a sealed head. The head is to be compared with
// one that is known from outside (the log, a receipt, a countersignature).
type Excerpt struct {
	Open         Open
	Head         Head          // without a time
	Cosignatures []Cosignature // over Head; whom to trust is the reader's to decide
	Records      []Record      // OPEN, then what was chosen, in order
}

// excerptJSON is the one byte form.
type excerptJSON struct {
	Version int             `json:"v"`
	Session string          `json:"sid"`
	Segment int             `json:"segment"`
	N       uint64          `json:"n"`
	Root    string          `json:"root"`
	Cosigs  []string        `json:"cosigs"`
	Records []excerptRecord `json:"records"`
}

type excerptRecord struct {
	Record string   `json:"record"` // base64 of the whole record
	Path   []string `json:"path"`   // RFC 6962 section 2.1.1, hexadecimal, from the leaf up
}

// Pick chooses records for an excerpt.
type Pick struct {
	Records  []uint64 // these, by number; or, when there are none:
	Tracks   []Track  // content of these tracks; none: of all
	From, To time.Duration
}

// matches tells whether the content overlaps the range.
func (p Pick) matches(r Record, key uint64) bool {
	switch {
	case len(p.Records) > 0:
		return slices.Contains(p.Records, r.Index)
	case r.Kind != KindData || (len(p.Tracks) > 0 && !slices.Contains(p.Tracks, r.Track)):
		return false
	case r.Track == TrackVideo && r.At() < p.To && (r.Flags&FlagInit != 0 || r.Index >= key):
		// A picture cannot be shown without the key frame and the initialisation
		// segment before it.
		return true
	}
	return r.At() < p.To && r.At()+r.Header.Duration() >= p.From
}

// MakeExcerpt takes chosen records out of a segment, under its last sealed head.
//
// Errors: [ErrTampered], [ErrNothing] (no seal, or nothing was chosen),
// [ErrMalformed] (more than an excerpt can hold), those of the file system.
func MakeExcerpt(path string, opts ScanOptions, p Pick) ([]byte, error) {
	var key uint64 // the last video record with a key frame before the range
	opts.Each = func(r Record) error {
		if r.Track == TrackVideo && r.Flags&FlagKeyframe != 0 && r.At() <= p.From {
			key = r.Index
		}
		return nil
	}
	rep, err := ScanFile(path, opts)
	switch {
	case err != nil:
		return nil, err
	case rep.Verdict == Tampered:
		return nil, fmt.Errorf("recordings: %w: %w", ErrTampered, rep.Fault)
	case rep.Seals == 0:
		return nil, fmt.Errorf("recordings: %w", ErrNothing)
	}
	cosigs, err := ReadCosignatures(DefaultCosignatures(path), rep.Open.Session)
	if err != nil {
		return nil, fmt.Errorf("recordings: %w", err)
	}
	j := excerptJSON{Version: excerptVersion, Session: rep.Open.Session.String(), Segment: rep.Open.Segment,
		N: rep.Head.N, Root: hex.EncodeToString(rep.Head.Root[:]), Cosigs: []string{}}
	for _, c := range cosigs {
		if c.Head.Same(rep.Head) {
			j.Cosigs = append(j.Cosigs, base64.StdEncoding.EncodeToString(c.raw))
		}
	}
	var tree prover
	size, enough := 0, errors.New("enough")
	opts.Known = nil
	opts.Each = func(r Record) error {
		if r.Index == rep.Head.N {
			return enough
		}
		chosen := r.Kind == KindOpen || p.matches(r, key)
		tree.add(tlog.RecordHash(r.raw), chosen)
		if !chosen {
			return nil
		}
		if size += len(r.raw); size > maxExcerpt/2 || len(j.Records) == maxExcerptParts {
			return fmt.Errorf("recordings: %w: more than an excerpt can hold", ErrMalformed)
		}
		j.Records = append(j.Records, excerptRecord{Record: base64.StdEncoding.EncodeToString(r.raw)})
		return nil
	}
	if _, err := ScanFile(path, opts); !errors.Is(err, enough) {
		return nil, errors.Join(errors.New("recordings: the file changed meanwhile"), err)
	}
	if len(j.Records) < 2 {
		return nil, fmt.Errorf("recordings: %w: nothing was recorded there, or no seal covers it yet", ErrNothing)
	}
	for i, path := range tree.proofs() {
		j.Records[i].Path = []string{}
		for _, h := range path {
			j.Records[i].Path = append(j.Records[i].Path, hex.EncodeToString(h[:]))
		}
	}
	b, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	_, err = ParseExcerpt(b)
	return b, err
}

// ParseExcerpt reads an excerpt and checks every record and its path.
//
// Errors: [ErrMalformed], [ErrTampered] (a record does not stand under the root).
func ParseExcerpt(b []byte) (Excerpt, error) {
	bad := func(what string) (Excerpt, error) {
		return Excerpt{}, fmt.Errorf("%w: excerpt: %s", ErrMalformed, what)
	}
	if len(b) > maxExcerpt {
		return bad("too long")
	}
	var j excerptJSON
	if err := strictJSON(oneLine(b), &j); err != nil {
		return bad(err.Error())
	}
	if j.Version != excerptVersion {
		return bad(fmt.Sprintf("version %d is unknown", j.Version))
	}
	if j.N < 1 || j.N > 1<<40 || j.Cosigs == nil || len(j.Cosigs) > maxCosigs || len(j.Records) < 2 || len(j.Records) > maxExcerptParts+1 {
		return bad("numbers")
	}
	root, err := hash32(j.Root)
	if err != nil {
		return bad("root")
	}
	e := Excerpt{Head: Head{N: j.N, Root: root}}
	for i, r := range j.Records {
		rec, err := e.record(r)
		if err != nil {
			return Excerpt{}, err
		}
		if i == 0 {
			if rec.Kind != KindOpen || rec.Index != 0 {
				return bad("the first record is OPEN")
			}
			if e.Open, err = parseOpen(rec.Body); err != nil {
				return Excerpt{}, err
			}
			if e.Open.Session.String() != j.Session || e.Open.Segment != j.Segment {
				return bad("OPEN is of another segment")
			}
		} else if rec.Index <= e.Records[i-1].Index || rec.Kind == KindOpen {
			return bad("records are in order, each once")
		}
		e.Records = append(e.Records, rec)
	}
	for _, c := range j.Cosigs {
		raw, err := base64.StdEncoding.Strict().DecodeString(c)
		if err != nil {
			return bad("countersignature")
		}
		cosig, err := ParseCosignature(e.Open.Session, raw)
		if err != nil || !cosig.Head.Same(e.Head) {
			return bad("a countersignature is not over this head")
		}
		e.Cosignatures = append(e.Cosignatures, cosig)
	}
	return e, nil
}

// record checks one record and its audit path.
func (e Excerpt) record(r excerptRecord) (Record, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(r.Record)
	if err != nil {
		return Record{}, fmt.Errorf("%w: excerpt: base64", ErrMalformed)
	}
	h, err := parseHeader(raw)
	if err != nil || len(raw) != HeaderSize+int(h.Length) || checksum(raw) != h.Checksum {
		return Record{}, fmt.Errorf("%w: excerpt: not a whole record", ErrMalformed)
	}
	if len(r.Path) > 64 {
		return Record{}, fmt.Errorf("%w: excerpt: audit path", ErrMalformed)
	}
	path := tlog.RecordProof{}
	for _, s := range r.Path {
		hash, err := hash32(s)
		if err != nil {
			return Record{}, err
		}
		path = append(path, hash)
	}
	if err := tlog.CheckRecord(path, int64(e.Head.N), e.Head.Root, int64(h.Index), tlog.RecordHash(raw)); err != nil {
		return Record{}, fmt.Errorf("%w: record %d of the excerpt does not stand under its root", ErrTampered, h.Index)
	}
	return Record{Header: h, Body: raw[HeaderSize:], raw: raw}, nil
}

// ReadExcerpt is [ParseExcerpt] of a file.
func ReadExcerpt(path string) (Excerpt, error) {
	b, err := readLimited(path, maxExcerpt)
	if err != nil {
		return Excerpt{}, err
	}
	return ParseExcerpt(b)
}

// scan is the excerpt's [ScanFile], for decrypted reading. Records are counted as
// under the head, shown or not.
func (e Excerpt) scan(opts ScanOptions) (Report, error) {
	rep := Report{Open: e.Open, Verdict: Unanchored, Head: e.Head, Records: e.Head.N, Sealed: e.Head.N, Tracks: map[Track]TrackReport{}}
	for _, k := range opts.Known {
		if k.N == e.Head.N && !k.Same(e.Head) {
			rep.Verdict = Tampered
			rep.Fault = &Fault{Index: k.N, Reason: "the excerpt's head is not the one that was announced"}
			return rep, nil
		}
	}
	for _, r := range e.Records {
		if r.Kind == KindData {
			t := rep.Tracks[r.Track]
			t.Records, t.Bytes = t.Records+1, t.Bytes+int64(r.Length)
			rep.Tracks[r.Track] = t
			rep.Length = max(rep.Length, r.At()+r.Header.Duration())
		}
		if opts.Each != nil {
			if err := opts.Each(r); err != nil {
				return rep, err
			}
		}
	}
	return rep, nil
}

// prover is a tree that gives the audit paths of chosen leaves in memory for these
// alone.
type prover struct {
	n     uint64
	edge  []span
	picks []uint64 // ascending
	paths [][]tlog.Hash
}

// span is a perfect subtree over leaves [from, to).
type span struct {
	hash     tlog.Hash
	from, to uint64
}

func (t *prover) add(leaf tlog.Hash, chosen bool) {
	if chosen {
		t.picks, t.paths = append(t.picks, t.n), append(t.paths, nil)
	}
	t.edge = append(t.edge, span{leaf, t.n, t.n + 1})
	for n := t.n; n&1 == 1; n >>= 1 {
		k := len(t.edge)
		t.edge[k-2] = t.join(t.edge[k-2], t.edge[k-1])
		t.edge = t.edge[:k-1]
	}
	t.n++
}

// join hashes two neighbours; each is on the path of the chosen leaves below the
// other.
func (t *prover) join(l, r span) span {
	for i := t.first(l.from); i < len(t.picks) && t.picks[i] < l.to; i++ {
		t.paths[i] = append(t.paths[i], r.hash)
	}
	for i := t.first(r.from); i < len(t.picks) && t.picks[i] < r.to; i++ {
		t.paths[i] = append(t.paths[i], l.hash)
	}
	return span{tlog.NodeHash(l.hash, r.hash), l.from, r.to}
}

func (t *prover) first(leaf uint64) int {
	return sort.Search(len(t.picks), func(i int) bool { return t.picks[i] >= leaf })
}

// proofs ends the tree.
func (t *prover) proofs() [][]tlog.Hash {
	k := len(t.edge)
	r := t.edge[k-1]
	for i := k - 2; i >= 0; i-- {
		r = t.join(t.edge[i], r)
	}
	return t.paths
}
