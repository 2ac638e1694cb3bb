package recordings

import (
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// TestTree compares with another implementation, over every small size, and shows
// that one record can be proved alone.
func TestTree(t *testing.T) {
	var stored []tlog.Hash
	read := tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, i := range at {
			out = append(out, stored[i])
		}
		return out, nil
	})
	var tr tree
	for n := int64(0); n < 300; n++ {
		rec := []byte{byte(n), byte(n >> 8)}
		tr.add(tlog.RecordHash(rec))
		hs, err := tlog.StoredHashes(n, rec, read)
		must(t, err)
		stored = append(stored, hs...)
		want, err := tlog.TreeHash(n+1, read)
		must(t, err)
		if tr.root() != want {
			t.Fatalf("root of %d leaves is wrong", n+1)
		}
		proof, err := tlog.ProveRecord(n+1, n/2, read)
		must(t, err)
		half := []byte{byte(n / 2), byte(n / 2 >> 8)}
		must(t, tlog.CheckRecord(proof, n+1, tr.root(), n/2, tlog.RecordHash(half)))
	}
}
