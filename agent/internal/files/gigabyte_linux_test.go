package files

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"consento/protocol"
)

// TestGigabyte: 1 GB comes, is cut off half way and gone on with; the same is fetched.
// SHA-256 on both ends says that it is whole.
func TestGigabyte(t *testing.T) {
	if testing.Short() {
		t.Skip("1 GB twice over a disk: without the race detector, in what test-long runs")
	}
	const size = 1 << 30
	if free, known := freeSpace(t.TempDir()); known && free < size+2*spare {
		t.Fatalf("%d MB are free: this needs %d", free>>20, (size+2*spare)>>20)
	}
	d := openDesk(t, true)
	part := content(protocol.MaxChunk)
	sum := sha256.New()
	// put sends what is missing up to a place; each part is another one.
	put := func(id uint32, at, to int64) {
		for at < to {
			binary.BigEndian.PutUint64(part, uint64(at))
			n := min(to-at, int64(len(part)))
			sum.Write(part[:n])
			d.TakeChunk(protocol.Chunk{Epoch: epoch, ID: id, At: at, Data: bytes.Clone(part[:n])})
			at += n
		}
	}
	acked := func(id uint32, at int64) {
		d.until("acknowledged", func() bool {
			return slices.ContainsFunc(d.list, func(m protocol.Transfer) bool {
				return m.ID == id && m.Kind == protocol.TransferAck && m.At >= at
			})
		})
	}
	const half = size / 2 / protocol.MaxChunk * protocol.MaxChunk
	ready := d.put("big.iso", size, 0)
	put(ready.ID, 0, half)
	acked(ready.ID, half-ackStep)
	d.Take(protocol.Transfer{Kind: protocol.TransferCancel, Epoch: epoch, ID: ready.ID, Keep: true})
	d.settles("it was closed", func() bool { return len(d.Items()) == 0 })
	before := hex.EncodeToString(sum.Sum(nil))
	if ready = d.put("big.iso", size, 0); ready.At != half || ready.Hash != before {
		t.Fatalf("%+v, not from %d", ready, int64(half))
	}
	put(ready.ID, half, size)
	all := hex.EncodeToString(sum.Sum(nil))
	d.Take(protocol.Transfer{Kind: protocol.TransferEnd, Epoch: epoch, ID: ready.ID, Size: size, Hash: all})
	if done := d.of(ready.ID, protocol.TransferDone); done.Kind != protocol.TransferDone || done.Hash != all {
		t.Fatalf("%+v", done)
	}
	f, err := os.Open(filepath.Join(d.dir, "big.iso"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	there := sha256.New()
	if n, err := io.Copy(there, f); err != nil || n != size || hex.EncodeToString(there.Sum(nil)) != all {
		t.Errorf("%d bytes of another content, %v", n, err)
	}

	back := &desk{t: t, dir: d.dir, parts: &Parts{}, used: &Used{}, sum: sha256.New()}
	back.open(false)
	if end, _ := back.get("big.iso"); end.Kind != protocol.TransferEnd || end.Size != size || end.Hash != all || hex.EncodeToString(back.sum.Sum(nil)) != all {
		t.Errorf("%+v", end)
	}
}
