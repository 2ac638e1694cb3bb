package translog

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/mod/sumdb/tlog"
)

// commit makes requests durable. The order is what keeps the promise through a
// crash: first all entries and full tiles are on the disk, then a checkpoint over
// them is signed, then it replaces the last one. Whatever was ever signed can so
// be completed from the entries.
func (l *Log) commit(requests []*request) {
	l.mu.RLock()
	was, err := l.state, l.failed
	l.mu.RUnlock()
	next := was
	if err == nil {
		next, err = l.write(was, requests)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var uncertain errUncertain
	switch {
	case err == nil:
		l.state = next
	case errors.As(err, &uncertain):
		err = fmt.Errorf("%w: %w", ErrFailed, err)
		l.failed = err
	}
	n := was.edge.n
	for _, r := range requests {
		r.first, r.err = n, err
		n += uint64(len(r.leaves))
		close(r.done)
	}
}

// write puts the leaves of requests behind was.
func (l *Log) write(was state, requests []*request) (state, error) {
	w := l.writer(was)
	at := l.conf.Now()
	for _, r := range requests {
		for _, leaf := range r.leaves {
			entry, err := MarshalLeaf(leaf, at)
			if err == nil {
				err = w.add(entry)
			}
			if err != nil {
				return was, w.undo(err)
			}
		}
	}
	return w.finish(sign(l.conf.Origin, w.edge.n, w.edge.root(), l.conf.Key))
}

// writer writes the files of one commit.
type writer struct {
	l       *Log
	was     state
	edge    edge
	bundle  []byte
	written []string // to be taken back when it fails
}

func (l *Log) writer(was state) *writer {
	return &writer{l: l, was: was, edge: was.edge.clone(), bundle: append([]byte(nil), was.bundle...)}
}

// add appends an entry; full bundles and tiles go to the disk at once.
func (w *writer) add(entry []byte) error {
	w.bundle = appendEntry(w.bundle, entry)
	index := w.edge.n // of this entry
	return w.edge.add(tlog.RecordHash(entry), func(level int, hashes []tlog.Hash) error {
		number := index >> (tileHeight * (level + 1))
		if level == 0 {
			if err := w.file(bundlePath(number, tileWidth), w.bundle, true); err != nil {
				return err
			}
			w.bundle = nil
		}
		return w.file(tilePath(level, number, tileWidth), tileData(hashes), true)
	})
}

func (w *writer) file(name string, b []byte, durable bool) error {
	err := w.l.dir.write(name, b, durable)
	var uncertain errUncertain
	if err == nil || errors.As(err, &uncertain) {
		w.written = append(w.written, name)
	}
	return err
}

// finish writes the partial bundle and tiles, then the checkpoint, where there is a
// new one. Partial tiles are not synced: they can be computed from the bundle.
func (w *writer) finish(point Checkpoint) (state, error) {
	n := w.edge.n
	if len(w.bundle) > 0 {
		if err := w.file(bundlePath(n/tileWidth, int(n%tileWidth)), w.bundle, true); err != nil {
			return w.was, w.undo(err)
		}
	}
	for level, hashes := range w.edge.level {
		if len(hashes) == 0 || n>>(tileHeight*level) == w.was.edge.n>>(tileHeight*level) {
			continue // nothing, or there already
		}
		if err := w.file(tilePath(level, n>>(tileHeight*(level+1)), len(hashes)), tileData(hashes), false); err != nil {
			return w.was, w.undo(err)
		}
	}
	if point.Text == nil {
		w.tidy()
		return state{w.edge, w.bundle, w.was.point}, nil
	}
	if err := w.l.dir.write(checkpointFile, point.Text, true); err != nil {
		var uncertain errUncertain
		if errors.As(err, &uncertain) {
			return w.was, err // it may be what the next Open finds
		}
		return w.was, w.undo(err)
	}
	w.tidy()
	return state{w.edge, w.bundle, point}, nil
}

// undo takes the files of a failed commit back; where that fails too, only the
// next Open can tell what the log holds.
func (w *writer) undo(cause error) error {
	for i := len(w.written) - 1; i >= 0; i-- {
		if err := remove(w.l.dir.path(w.written[i])); err != nil {
			return errUncertain{errors.Join(cause, err)}
		}
	}
	var uncertain errUncertain
	if errors.As(cause, &uncertain) {
		return uncertain.error // the file in doubt is gone again
	}
	return cause
}

// tidy deletes partial files that newer ones contain. What it cannot delete does
// no harm: the next opening does it.
func (w *writer) tidy() {
	l, old, n := w.l, w.was.edge.n, w.edge.n
	if old/tileWidth != n/tileWidth {
		l.partials = nil
		for level := 0; old>>(tileHeight*(level+1)) != n>>(tileHeight*(level+1)); level++ {
			l.forget(level, old>>(tileHeight*(level+1)))
		}
	}
	if n%tileWidth > 0 {
		l.partials = append(l.partials, bundlePath(n/tileWidth, int(n%tileWidth)))
	}
	for len(l.partials) > keepBundles {
		_ = os.Remove(l.dir.path(l.partials[0]))
		l.partials = l.partials[1:]
	}
}

// forget deletes the partial files of a tile that became full.
func (l *Log) forget(level int, number uint64) {
	_ = os.RemoveAll(l.dir.path(tilePath(level, number, tileWidth) + ".p"))
	if level == 0 {
		_ = os.RemoveAll(l.dir.path(bundlePath(number, tileWidth) + ".p"))
	}
}
