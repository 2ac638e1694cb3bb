package player

import (
	"bytes"
	"testing"
)

// FuzzWalkRecords: whatever stands in the file, what is served is whole records of
// it, in order, and it ends.
func FuzzWalkRecords(f *testing.F) {
	record := func(track byte, body string) []byte {
		h := make([]byte, recordHeader)
		copy(h, recordMagic)
		h[4], h[5], h[27] = 1, track, byte(len(body))
		return append(h, body...)
	}
	f.Add(append(record(1, "one"), record(2, "picture")...))
	f.Add(append(record(1, "one"), record(3, "cut")[:33]...))
	f.Add([]byte("RrV1"))
	f.Fuzz(func(t *testing.T, file []byte) {
		var index, whole bytes.Buffer
		if err := walkRecords(bytes.NewReader(file), &index, func([]byte, int64) (bool, bool) { return true, false }); err != nil {
			t.Fatal(err)
		}
		if err := walkRecords(bytes.NewReader(file), &whole, func([]byte, int64) (bool, bool) { return true, true }); err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(file, whole.Bytes()) {
			t.Fatal("what was served does not stand in the file")
		}
		if index.Len()%recordHeader != 0 || index.Len() > whole.Len() || index.Len() == 0 && whole.Len() > 0 {
			t.Fatalf("%d bytes of headers, %d of records", index.Len(), whole.Len())
		}
	})
}
