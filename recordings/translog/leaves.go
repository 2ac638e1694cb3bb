package translog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
)

// ReadEntries reads the first size entries of a log's folder as they lie there.
// Nothing is verified: that is what [Audit] is for.
func ReadEntries(ctx context.Context, fsys fs.FS, size uint64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		a := audit{fsys: fsys}
		for number := uint64(0); number*tileWidth < size; number++ {
			if err := ctx.Err(); err != nil {
				yield(Entry{}, err)
				return
			}
			need := int(min(size-number*tileWidth, tileWidth))
			name, b, err := a.part(bundlePath(number, tileWidth), need, maxBundle)
			if err == nil && name == "" {
				err = fmt.Errorf("bundle %d: %w", number, fs.ErrNotExist)
			}
			var entries [][]byte
			if err == nil {
				entries, err = parseBundle(b)
			}
			if err == nil && len(entries) < need {
				err = errors.Join(errBundle, fmt.Errorf("%d of %d entries", len(entries), need))
			}
			if err != nil {
				yield(Entry{}, err)
				return
			}
			for i, e := range entries[:need] {
				if !yield(Entry{number*tileWidth + uint64(i), e}, nil) {
					return
				}
			}
		}
	}
}
