package translog

import (
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
)

// edge is a Merkle tree (RFC 6962 section 2.1) of which only the right edge is
// kept, as the hashes of the rightmost tile of each level: for a million leaves at
// most 3 × 255 hashes.
type edge struct {
	n     uint64
	level [][]tlog.Hash // level[l] has floor(n / 256^l) mod 256 hashes
}

// clone gives an edge that can grow on its own.
func (e edge) clone() edge {
	c := edge{n: e.n, level: make([][]tlog.Hash, len(e.level))}
	for l := range e.level {
		c.level[l] = slices.Clone(e.level[l])
	}
	return c
}

// add appends a leaf's hash; full is called for each tile that it fills.
func (e *edge) add(leaf tlog.Hash, full func(level int, hashes []tlog.Hash) error) error {
	e.n++
	for l := 0; ; l++ {
		if l == len(e.level) {
			e.level = append(e.level, nil)
		}
		e.level[l] = append(e.level[l], leaf)
		if len(e.level[l]) < tileWidth {
			return nil
		}
		if full != nil {
			if err := full(l, e.level[l]); err != nil {
				return err
			}
		}
		leaf = perfect(e.level[l])
		e.level[l] = nil
	}
}

// root of the tree.
func (e *edge) root() tlog.Hash {
	if e.n == 0 {
		return emptyRoot
	}
	var root tlog.Hash
	first := true
	for _, hashes := range e.level { // from the right: smallest subtrees first
		for end := len(hashes); end > 0; {
			size := end & -end // the rightmost perfect subtree
			h := perfect(hashes[end-size : end])
			if first {
				root, first = h, false
			} else {
				root = tlog.NodeHash(h, root)
			}
			end -= size
		}
	}
	return root
}

// perfect is the root over a power of two of hashes.
func perfect(h []tlog.Hash) tlog.Hash {
	if len(h) == 1 {
		return h[0]
	}
	return tlog.NodeHash(perfect(h[:len(h)/2]), perfect(h[len(h)/2:]))
}

// tileData is a tile as it is stored.
func tileData(hashes []tlog.Hash) []byte {
	b := make([]byte, 0, len(hashes)*tlog.HashSize)
	for _, h := range hashes {
		b = append(b, h[:]...)
	}
	return b
}
