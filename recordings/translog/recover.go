package translog

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/mod/sumdb/tlog"
)

// recover builds the state from the files: entries are the truth, tiles are
// computed from them and mended, checkpoints say what must come out.
func (l *Log) recover() error {
	point, err := l.readPoint(checkpointFile)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", ErrNoLog, err)
	}
	if err != nil {
		return err
	}
	return l.recoverFrom(point)
}

// recoverFrom is recover under a checkpoint.
func (l *Log) recoverFrom(point Checkpoint) error {
	switch co, err := l.readPoint(cosignedFile); {
	case err == nil:
		l.co = co
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := l.dir.sweep(); err != nil {
		return err
	}
	r := reader{l: l, point: point, anchors: []Checkpoint{point}}
	if l.co.Text != nil {
		r.anchors = append(r.anchors, l.co)
	}
	if err := r.bundles(); err != nil {
		return err
	}
	for _, a := range r.anchors {
		if a.Size > r.edge.n {
			return fmt.Errorf("%w: %d leaves are there, a checkpoint has %d", ErrTampered, r.edge.n, a.Size)
		}
	}
	return r.finish()
}

// readPoint reads a checkpoint of this log.
func (l *Log) readPoint(name string) (Checkpoint, error) {
	b, err := readLimited(l.fsys, name, maxCheckpoint)
	if err != nil {
		return Checkpoint{}, err
	}
	c, err := ParseCheckpoint(b)
	if err == nil && c.Origin != l.conf.Origin {
		err = fmt.Errorf("it is of %s", c.Origin)
	}
	if err == nil {
		var signed bool
		if signed, _, err = l.conf.keys().Check(c); err == nil && !signed {
			err = errors.New("it is not signed by the log's key")
		}
	}
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%w: %s: %w", ErrTampered, name, err)
	}
	return c, nil
}

// reader goes through the bundles of a folder.
type reader struct {
	l       *Log
	point   Checkpoint
	anchors []Checkpoint
	edge    edge
	bundle  []byte // the last one, when it is partial
}

// bundles reads as many bundles as there are.
func (r *reader) bundles() error {
	for number := uint64(0); ; number++ {
		have, err := widths(r.l.fsys, bundlePath(number, tileWidth))
		if err != nil {
			return err
		}
		if len(have) == 0 {
			return nil
		}
		if number > 0 && r.edge.n%tileWidth != 0 {
			return fmt.Errorf("%w: bundle %d follows on one that is not full", ErrTampered, number)
		}
		if err := r.one(number, have); err != nil {
			return err
		}
	}
}

// one takes the largest file of a bundle that holds what the checkpoint covers.
// What is larger and wrong was never announced, and goes.
func (r *reader) one(number uint64, have []int) error {
	need := 0
	if start := number * tileWidth; r.point.Size > start {
		need = int(min(r.point.Size-start, tileWidth))
	}
	var wrong error
	for _, width := range have {
		if width < need {
			break
		}
		name := bundlePath(number, width)
		b, err := readLimited(r.l.fsys, name, maxBundle)
		if err != nil {
			return err
		}
		after := r.edge.clone()
		tiles := map[string][]byte{}
		if err := r.take(&after, b, width, need, tiles); err != nil {
			wrong = errors.Join(wrong, fmt.Errorf("%w: %s: %w", ErrTampered, name, err))
			continue
		}
		return r.accept(number, after, b, width, have, tiles)
	}
	switch {
	case need > 0 && wrong != nil:
		return wrong
	case need > 0:
		return fmt.Errorf("%w: bundle %d has %d entries, the checkpoint covers %d", ErrTampered, number, have[0], need)
	}
	return r.drop(number, have)
}

// take adds the entries of a bundle to e and checks every root that is known.
func (r *reader) take(e *edge, bundle []byte, width, need int, tiles map[string][]byte) error {
	entries, err := parseBundle(bundle)
	if err != nil {
		return err
	}
	if len(entries) != width {
		return fmt.Errorf("%d entries, the name says %d", len(entries), width)
	}
	for i, entry := range entries {
		if i >= need || e.n == 0 {
			leaf, _, err := ParseLeaf(entry)
			if err != nil {
				return err
			}
			if g, ok := leaf.(Genesis); ok != (e.n == 0) || ok && g.Origin != r.l.conf.Origin {
				return errors.New("leaf 0, and only leaf 0, names this log")
			}
		}
		index := e.n
		if err := e.add(tlog.RecordHash(entry), func(level int, hashes []tlog.Hash) error {
			tiles[tilePath(level, index>>(tileHeight*(level+1)), tileWidth)] = tileData(hashes)
			return nil
		}); err != nil {
			return err
		}
		for _, a := range r.anchors {
			if a.Size == e.n && a.Root != e.root() {
				return fmt.Errorf("the first %d leaves are not those of the checkpoint", a.Size)
			}
		}
	}
	return nil
}

// accept goes on behind a bundle, mends its tiles and deletes files of the same
// bundle that say less or something else.
func (r *reader) accept(number uint64, after edge, bundle []byte, width int, have []int, tiles map[string][]byte) error {
	r.edge, r.bundle = after, nil
	if width < tileWidth {
		r.bundle = bundle
	}
	if err := r.l.mend(tiles); err != nil {
		return err
	}
	for _, w := range have {
		switch {
		case w > width:
			if err := remove(r.l.dir.path(bundlePath(number, w))); err != nil {
				return err
			}
		case w < width && width < tileWidth:
			r.l.partials = append([]string{bundlePath(number, w)}, r.l.partials...)
		}
	}
	if width == tileWidth {
		for name := range tiles {
			if err := os.RemoveAll(r.l.dir.path(name + ".p")); err != nil {
				return err
			}
		}
		return os.RemoveAll(r.l.dir.path(bundlePath(number, tileWidth) + ".p"))
	}
	r.l.partials = append(r.l.partials, bundlePath(number, width))
	return nil
}

// drop deletes a bundle that was never announced.
func (r *reader) drop(number uint64, have []int) error {
	for _, w := range have {
		if err := remove(r.l.dir.path(bundlePath(number, w))); err != nil {
			return err
		}
	}
	return nil
}

// mend writes tiles that are missing or wrong.
func (l *Log) mend(tiles map[string][]byte) error {
	for name, data := range tiles {
		have, err := readLimited(l.fsys, name, int64(len(data)))
		if err == nil && bytes.Equal(have, data) {
			continue
		}
		if err := l.dir.write(name, data, true); err != nil {
			return err
		}
	}
	return nil
}

// finish mends the right edge and signs what goes beyond the last checkpoint.
func (r *reader) finish() error {
	l := r.l
	tiles := map[string][]byte{}
	for level, hashes := range r.edge.level {
		if len(hashes) > 0 {
			tiles[tilePath(level, r.edge.n>>(tileHeight*(level+1)), len(hashes))] = tileData(hashes)
		}
	}
	if err := l.mend(tiles); err != nil {
		return err
	}
	if r.edge.n > r.point.Size && l.conf.Key != nil {
		r.point = sign(l.conf.Origin, r.edge.n, r.edge.root(), l.conf.Key)
		if err := l.dir.write(checkpointFile, r.point.Text, true); err != nil {
			return err
		}
	}
	l.state = state{r.edge, r.bundle, r.point}
	return nil
}
