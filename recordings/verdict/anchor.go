package verdict

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"consento/recordings"
	"consento/recordings/translog"
)

// anchor is what a proof says of the segments of a session.
type anchor struct {
	sid      translog.ID
	report   translog.ProofReport
	wrong    error // the proof contradicts itself
	segments map[int]*proven
	shown    map[int]bool // segments whose files were looked at
	apart    translog.ID  // the share that keeps the log readable
	log      string       // what became of it; "": there is none
}

type proven struct {
	opened *translog.Opened
	closed *translog.Closed // a recovered one too
	how    string
	known  []recordings.Head
	gone   string // why the contents cannot be read any more
	purged bool   // its file was deleted by a decision
	bags   map[translog.Hash]bool
	bag    translog.Hash // the newest
}

func newAnchor(p translog.Proof, keys translog.Keys) *anchor {
	a := &anchor{sid: p.SID, segments: map[int]*proven{}, shown: map[int]bool{}}
	a.report, a.wrong = p.Verify(keys)
	decided := translog.NewKeyBags()
	for _, l := range a.report.Leaves {
		decided.Add(l.Index, l.Leaf, l.Time)
		a.take(l.Leaf, l.Time)
	}
	for n := range a.segments {
		if a.wrong == nil && decided.Of(translog.Segment{SID: a.sid, Segment: n}).Undue {
			a.wrong = fmt.Errorf("segment %d: its keys were destroyed, or its file deleted, without the decision of two roles", n)
		}
	}
	return a
}

func (a *anchor) segment(n int) *proven {
	if a.segments[n] == nil {
		a.segments[n] = &proven{}
	}
	return a.segments[n]
}

func (a *anchor) take(l translog.Leaf, at time.Time) {
	on := at.UTC().Format("2006-01-02 15:04 UTC")
	head := func(segment int, n uint64, root translog.Hash) *proven {
		p := a.segment(segment)
		p.known = append(p.known, recordings.Head{N: n, Root: root})
		return p
	}
	closed := func(c translog.Closed, how string) {
		p := head(c.Segment, c.N, c.Root)
		if p.closed != nil && a.wrong == nil {
			a.wrong = fmt.Errorf("segment %d is closed twice", c.Segment)
		}
		p.closed, p.how = &c, how
	}
	switch l := l.(type) {
	case translog.Opened:
		p := head(l.Segment, l.N, l.Root)
		if p.opened != nil && a.wrong == nil {
			a.wrong = fmt.Errorf("segment %d is opened twice: it was recorded anew", l.Segment)
		}
		p.opened = &l
		p.wrapped(l.Bag)
	case translog.Heartbeat:
		for _, h := range l.Heads {
			if h.SID == a.sid {
				head(h.Segment, h.N, h.Root)
			}
		}
	case translog.Closed:
		closed(l, "closed")
	case translog.Recovered:
		closed(translog.Closed{SID: l.SID, Segment: l.Segment, N: l.N, Root: l.Root, Bytes: l.Bytes, SHA256: l.SHA256}, "recovered")
	case translog.Rewrap:
		a.segment(l.Segment).wrapped(l.Bag)
	case translog.Shred:
		a.segment(l.Segment).gone = fmt.Sprintf("its keys were destroyed on %s, as %s and %s decided; the log holds it", on, l.By[0], l.By[1])
	case translog.Purge:
		p := a.segment(l.Segment)
		p.gone, p.purged = fmt.Sprintf("it was deleted on %s by a decision that the log holds", on), true
	case translog.Share:
		if l.To == translog.ToLog {
			a.apart, a.log = l.ID, "the keys of its events were kept apart: whoever has them reads the log, and nothing else"
		}
	case translog.Revoke:
		if l.ID == a.apart && a.log != "" {
			a.log = fmt.Sprintf("the keys of its events, which were kept apart, were destroyed on %s", on)
		}
	}
}

// wrapped notes a key bag that the log has; leaves come in their order on it.
func (p *proven) wrapped(bag translog.Hash) {
	if p.bags == nil {
		p.bags = map[translog.Hash]bool{}
	}
	p.bags[bag], p.bag = true, bag
}

// known heads of the segment in a file.
func (a *anchor) known(path string) []recordings.Head {
	o, err := recordings.ReadOpen(path)
	if a == nil || err != nil || a.segments[o.Segment] == nil {
		return nil
	}
	return a.segments[o.Segment].known
}

// compare says what of a segment is not as the log has it.
func (c *Case) compare(path, bag string, r recordings.Report) error {
	if r.Open.Key == nil {
		return nil // not even its first record reads: said already
	}
	n := r.Open.Segment
	if translog.ID(r.Open.Session) != c.proof.sid {
		c.reason(Tampered, "log_differs", n, "the proof is about another session", nil)
		return nil
	}
	c.proof.shown[n] = true
	p := c.proof.segment(n)
	if p.opened == nil {
		c.reason(Unverifiable, "no_proof", n, "the proof holds no leaf that says how it was opened", nil)
	} else if o := p.opened; o.Key != translog.Hash(r.Open.Key) || o.Commit != translog.Hash(r.Open.Commit) || o.Policy != translog.Hash(r.Open.Policy) {
		c.reason(Tampered, "recorded_anew", n, "the log has another opening of this segment: it was recorded anew", nil)
	}
	if err := c.compareBag(bag, n, p); err != nil {
		return err
	}
	if p.gone != "" {
		c.remarks = append(c.remarks, fmt.Sprintf("segment %d: %s", n, p.gone))
		if c.proof.log != "" && !p.purged {
			c.remarks = append(c.remarks, fmt.Sprintf("segment %d: %s", n, c.proof.log))
		}
	}
	if p.closed == nil {
		c.reason(Unverifiable, "not_closed_on_log", n, "the proof holds no leaf that says how it was closed", nil)
		return nil
	}
	sum, err := translog.SumFile(path)
	if err != nil {
		return err
	}
	var differs []string
	if p.closed.N != r.Head.N || p.closed.Root != translog.Hash(r.Head.Root) {
		differs = append(differs, "head")
	}
	if p.closed.Bytes != uint64(r.Bytes) {
		differs = append(differs, "length")
	}
	if p.closed.SHA256 != sum {
		differs = append(differs, "SHA-256")
	}
	if len(differs) > 0 {
		c.reason(Tampered, "log_differs", n, fmt.Sprintf("the log has another end of this segment (%s): it was changed after it was %s", strings.Join(differs, ", "), p.how), nil)
	}
	return nil
}

// compareBag says whether the key bag is the one that the log has: that of the
// opening, or of a re-wrapping.
func (c *Case) compareBag(path string, n int, p *proven) error {
	sum, err := translog.SumFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) || len(p.bags) == 0:
		return nil
	case err != nil:
		return err
	case p.gone != "":
		c.reason(Tampered, "bag_back", n, "its key bag is here, though the log says that its keys were destroyed", nil)
	case sum == p.bag:
	case p.bags[sum]:
		c.reason(Unverifiable, "bag_old", n, "the key bag is one from before it was wrapped anew for other readers", nil)
	default:
		c.reason(Tampered, "bag_differs", n, "the log has another key bag of this segment: it lets others read, or nobody", nil)
	}
	return nil
}

// whole adds what the proof says of the session as a whole.
func (c *Case) whole() {
	a := c.proof
	if a.wrong != nil {
		c.reason(Tampered, "proof", -1, "proof: "+a.wrong.Error(), nil)
	}
	for _, m := range a.report.Missing {
		code := "no_witness"
		if strings.Contains(m, "log") && !strings.Contains(m, "witness") {
			code = "no_log_key"
		}
		c.reason(Unverifiable, code, -1, "proof: "+m, nil)
	}
	if w := a.report.Witnesses; len(w) > 0 && !slices.ContainsFunc(w, func(c translog.Cosignature) bool { return c.Witness != translog.EmbeddedWitness }) {
		c.remarks = append(c.remarks, "the only witness runs inside the broker: it proves nothing against whoever runs that machine")
	}
	var missing, purged []int
	for n, p := range a.segments {
		if !a.shown[n] && p.purged {
			purged = append(purged, n)
			continue
		}
		if !a.shown[n] && p.opened != nil && (len(c.parts) == 0 || n >= c.parts[0].Report.Open.Segment) {
			missing = append(missing, n)
		}
	}
	slices.Sort(purged)
	for _, n := range purged {
		c.reason(Unverifiable, "purged", n, fmt.Sprintf("segment %d was deleted after an auditor and the data-protection officer had its keys destroyed; the log holds how it began and ended, and that decision", n), nil)
	}
	slices.Sort(missing)
	for _, n := range missing {
		c.reason(Incomplete, "missing_segment", n, fmt.Sprintf("the log knows segment %d of this session too, and its file is not here", n), nil)
	}
}
