package evidence

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"consento/recordings"
	"consento/recordings/translog"
)

// segment names one part of a recording.
type segment struct {
	id     translog.ID
	number int
}

func (s segment) String() string { return fmt.Sprintf("segment %d of session %s", s.number, s.id) }

// path is the segment's file.
func (e *Evidence) path(s segment) string {
	return filepath.Join(e.config.Recordings, recordings.SegmentName(recordings.SessionID(s.id), s.number))
}

// bagPath is the file of the segment's key bag.
func (e *Evidence) bagPath(s segment) string {
	return filepath.Join(e.config.Bags, recordings.BagName(recordings.SessionID(s.id), s.number))
}

// Opened puts the beginning of a segment on the log: what its first record says,
// its key bag and its first head. It returns the proof that the log holds it.
func (e *Evidence) Opened(ctx context.Context, path string, head recordings.Head) ([]byte, error) {
	open, err := recordings.ReadOpen(path)
	if err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	s := segment{translog.ID(open.Session), open.Segment}
	known, err := e.index.segment(ctx, s)
	if err != nil {
		return nil, err
	}
	if known == nil {
		leaf, err := e.openedLeaf(open, head)
		if err != nil {
			return nil, fmt.Errorf("evidence: %w", err)
		}
		if _, err := e.add(ctx, leaf); err != nil {
			return nil, err
		}
	}
	e.Sealed(open.Session, open.Segment, head)
	return e.proof(ctx, s)
}

func (e *Evidence) openedLeaf(open recordings.Open, head recordings.Head) (translog.Opened, error) {
	bag, err := fileSum(e.bagPath(segment{translog.ID(open.Session), open.Segment}))
	if err != nil {
		return translog.Opened{}, err
	}
	return translog.Opened{SID: translog.ID(open.Session), Segment: open.Segment, Key: translog.Hash(open.Key), Commit: open.Commit, Policy: open.Policy,
		Bag: bag, N: head.N, Root: head.Root, Retention: open.Retention}, nil
}

// Sealed tells of a new head of a live segment; the next heartbeat has it, and the
// witnesses get to see it.
func (e *Evidence) Sealed(id recordings.SessionID, number int, head recordings.Head) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := segment{translog.ID(id), number}
	e.live[s] = translog.Head{SID: s.id, Segment: s.number, N: head.N, Root: head.Root}
	e.witnesses.sealed(id, number, head)
}

// Closed puts the end of a segment on the log, of one that a crash interrupted
// and Recover closed as well. Where the log does not hold the beginning, because
// the crash came in between, it is put there first.
func (e *Evidence) Closed(ctx context.Context, path string) error {
	summary := int64(-1)
	report, err := recordings.ScanFile(path, recordings.ScanOptions{LogKeys: e.logKeys(), Each: func(r recordings.Record) error {
		if r.Kind == recordings.KindData && r.Track == recordings.TrackSearch {
			summary = r.Offset
		}
		return nil
	}})
	if err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	open := report.Open
	s := segment{translog.ID(open.Session), open.Segment}
	defer e.forget(s)
	known, err := e.index.segment(ctx, s)
	if err != nil {
		return err
	}
	if known != nil && known.Closed != nil {
		return nil
	}
	if !report.Final || report.Verdict == recordings.Tampered {
		return fmt.Errorf("evidence: %s is not closed", s)
	}
	e.witnesses.closed(s)
	var leaves []translog.Leaf
	if known == nil {
		opened, err := e.openedLate(path, open)
		if err != nil {
			return err
		}
		leaves = append(leaves, opened)
	}
	sum, err := fileSum(path)
	if err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	size := uint64(report.Bytes)
	if r := report.Recovered; r != nil {
		leaves = append(leaves, translog.Recovered{SID: s.id, Segment: s.number, N: report.Head.N, Root: report.Head.Root, Bytes: size, SHA256: sum, Reason: "crash"})
	} else {
		leaves = append(leaves, translog.Closed{SID: s.id, Segment: s.number, N: report.Head.N, Root: report.Head.Root, Bytes: size, SHA256: sum, Cosigned: report.Cosigned})
	}
	kept, err := e.keptLeaf(ctx, s)
	if err == nil {
		_, err = e.add(ctx, append(leaves, kept...)...)
	}
	if err != nil {
		e.late(s, true)
		return err
	}
	e.late(s, false)
	if len(kept) > 0 {
		e.witnesses.logKept(s)
	}
	return e.withRoom(func() error {
		return errors.Join(e.index.tracks(ctx, s, report.Tracks), e.index.summary(ctx, s, summary), e.keepProof(ctx, s.id, false))
	})
}

// openedLate is the beginning of a segment that nobody could put on the log in time.
func (e *Evidence) openedLate(path string, open recordings.Open) (translog.Opened, error) {
	var first recordings.Head
	enough := errors.New("enough")
	_, err := recordings.ScanFile(path, recordings.ScanOptions{Each: func(r recordings.Record) error {
		head, ok := r.Seal()
		if !ok {
			return nil
		}
		first = head
		return enough
	}})
	if !errors.Is(err, enough) {
		return translog.Opened{}, errors.Join(errors.New("evidence: no first seal"), err)
	}
	return e.openedLeaf(open, first)
}

func (e *Evidence) forget(s segment) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.live, s)
}

// maxHeads bounds the heads in one leaf, so that it stays under its limit.
const maxHeads = 300

// beat puts the heads of all live segments on the log.
func (e *Evidence) beat(ctx context.Context) error {
	e.mu.Lock()
	var leaves []translog.Leaf
	var heads []translog.Head
	for _, h := range e.live {
		if heads = append(heads, h); len(heads) == maxHeads {
			leaves, heads = append(leaves, translog.Heartbeat{Heads: heads}), nil
		}
	}
	e.mu.Unlock()
	if len(heads) > 0 {
		leaves = append(leaves, translog.Heartbeat{Heads: heads})
	}
	if len(leaves) == 0 {
		return nil
	}
	_, err := e.add(ctx, leaves...)
	return err
}

// fileSum is SHA-256 over a file.
func fileSum(path string) (translog.Hash, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return translog.Hash{}, fmt.Errorf("%s is missing", filepath.Base(path))
	}
	if err != nil {
		return translog.Hash{}, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return translog.Hash{}, err
	}
	return translog.Hash(h.Sum(nil)), nil
}
