package recordings

import "golang.org/x/mod/sumdb/tlog"

// tree is a Merkle tree (RFC 6962 section 2.1) of which only the right edge is
// kept: the roots of the perfect subtrees, greatest first. A day of recording
// costs 20 hashes of memory.
type tree struct {
	n    uint64
	edge []tlog.Hash
}

func (t *tree) add(leaf tlog.Hash) {
	t.edge = append(t.edge, leaf)
	for n := t.n; n&1 == 1; n >>= 1 {
		k := len(t.edge)
		t.edge[k-2] = tlog.NodeHash(t.edge[k-2], t.edge[k-1])
		t.edge = t.edge[:k-1]
	}
	t.n++
}

// root of a tree of at least one leaf.
func (t *tree) root() [32]byte {
	k := len(t.edge)
	r := t.edge[k-1]
	for i := k - 2; i >= 0; i-- {
		r = tlog.NodeHash(t.edge[i], r)
	}
	return r
}
