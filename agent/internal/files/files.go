// Package files carries files into a folder that the customer chose, or out of it,
// under one consent.
//
// It promises: nothing outside that folder is read or written, whatever names, links
// or races others make up (os.Root); nothing but plain files is opened; no file is
// written over; what arrives has its name only once it is whole and its SHA-256 is what
// was sent, before that it ends in ".part"; after Close nothing is read or written any
// more. It does not promise that what arrives is harmless: on Windows it is marked as
// coming from another computer.
package files

import (
	"errors"
	"hash"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"consento/protocol"
)

const (
	// queued is how many messages may wait to be done; whoever sends more waits.
	queued = 256
	// closePatience is how long Close waits for a disk.
	closePatience = 500 * time.Millisecond
	// heldInterval is how often it is looked whether the customer shows the screen again.
	heldInterval = 50 * time.Millisecond
	// ackStep is how much is acknowledged together, in bytes.
	ackStep = 64 << 10
	// spare is what must stay free on a disk, in bytes.
	spare = 64 << 20
)

// Config is what Open needs. The functions may be called from any goroutine and must
// not block.
type Config struct {
	Epoch  uint32 // of the consent
	Take   bool   // files come, to be put into the folder; else they are fetched from it
	Folder Folder // that the customer chose
	Limits protocol.FileLimits
	Used   *Used                      // of Limits.Total, by all of the session
	Parts  *Parts                     // of the session, with Take
	Send   func(protocol.Transfer)    // to the broker; lost while there is no connection
	Chunk  func(protocol.Chunk) error // likewise; an error if it was not sent
	Held   func() bool                // nothing may be done now
	Log    *slog.Logger
}

// Used counts bytes of a session.
type Used struct{ atomic.Int64 }

// take takes n of at most limit. It reports whether they were left.
func (u *Used) take(n, limit int64) bool {
	if u.Add(n) <= limit {
		return true
	}
	u.Add(-n)
	return false
}

// Exchange is one consent to files while it lasts.
type Exchange struct {
	config Config
	root   *os.Root
	queue  chan any      // protocol.Transfer or protocol.Chunk: what is written, in order
	kick   chan struct{} // of capacity 1: something is over
	stop   chan struct{} // closed by Close
	once   sync.Once
	work   sync.WaitGroup

	mu     sync.Mutex
	last   uint32 // the newest transfer's id
	active map[uint32]*transfer
	top    map[uint32]string // the folder that was made for a batch
}

// transfer is one file, or list, on its way.
type transfer struct {
	id    uint32
	name  string // for people
	size  int64
	moved atomic.Int64  // bytes
	acked atomic.Int64  // by the console, of what is fetched
	wake  chan struct{} // of capacity 1: something was acknowledged
	over  chan struct{} // closed when no more is to be done
	ended sync.Once
	keep  atomic.Bool // what is there stays, to go on from
	in    *incoming   // the worker's
	list  bool
}

// end says that no more is to be done.
func (x *Exchange) end(t *transfer) {
	t.ended.Do(func() { close(t.over) })
	select {
	case x.kick <- struct{}{}:
	default:
	}
}

// Open lets files be exchanged under one consent, and says which folder it is for.
func Open(config Config) (*Exchange, error) {
	if config.Epoch == 0 || config.Send == nil || config.Chunk == nil || config.Held == nil || config.Log == nil || config.Used == nil || config.Take && config.Parts == nil {
		return nil, errors.New("files: the configuration is not complete")
	}
	root, err := os.OpenRoot(config.Folder.Path)
	if err != nil {
		return nil, err
	}
	x := &Exchange{config: config, root: root, queue: make(chan any, queued), kick: make(chan struct{}, 1), stop: make(chan struct{}), active: map[uint32]*transfer{}, top: map[uint32]string{}}
	x.work.Go(x.write)
	x.Again()
	return x, nil
}

// Again begins anew on another connection: what was on its way on the last one is over,
// and may be asked for again from where it was.
func (x *Exchange) Again() {
	x.mu.Lock()
	x.drop(true)
	x.mu.Unlock()
	x.config.Send(protocol.Transfer{Kind: protocol.TransferOpened, Epoch: x.config.Epoch, Path: x.config.Folder.Name, Size: x.config.Limits.File})
}

// drop ends all that is on its way; under the lock.
func (x *Exchange) drop(keep bool) {
	for id, t := range x.active {
		t.keep.Store(keep)
		x.end(t)
		delete(x.active, id)
	}
}

// Take takes one message of the console's. It blocks while too much waits.
func (x *Exchange) Take(m protocol.Transfer) {
	permission := protocol.FetchFiles
	if x.config.Take {
		permission = protocol.SendFiles
	}
	if m.Epoch != x.config.Epoch || !m.FromConsole(permission) || x.closed() {
		return
	}
	switch m.Kind {
	case protocol.TransferPut, protocol.TransferEnd:
		x.enqueue(m)
	case protocol.TransferCancel:
		if t := x.forget(m.ID); t != nil {
			t.keep.Store(m.Keep)
			x.end(t)
		}
	case protocol.TransferGet, protocol.TransferList:
		x.fetch(m)
	case protocol.TransferAck:
		if t := x.find(m.ID); t != nil {
			t.ack(m.At)
		}
	case protocol.TransferDone:
		if t := x.forget(m.ID); t != nil {
			x.end(t)
		}
	}
}

// TakeChunk takes a part of a file. It blocks while too much waits.
func (x *Exchange) TakeChunk(c protocol.Chunk) {
	if c.Epoch == x.config.Epoch && x.config.Take {
		x.enqueue(c)
	}
}

func (x *Exchange) enqueue(m any) {
	select {
	case x.queue <- m:
	case <-x.stop:
	}
}

func (x *Exchange) closed() bool {
	select {
	case <-x.stop:
		return true
	default:
		return false
	}
}

// begin takes a new transfer in. It answers, and returns nil, where it may not be.
func (x *Exchange) begin(m protocol.Transfer, name string) *transfer {
	x.mu.Lock()
	defer x.mu.Unlock()
	if m.ID <= x.last || x.closed() {
		return nil
	}
	x.last = m.ID
	if len(x.active) >= protocol.MaxTransfers {
		x.fail(m.ID, protocol.FileBusy)
		return nil
	}
	t := &transfer{id: m.ID, name: name, size: m.Size, wake: make(chan struct{}, 1), over: make(chan struct{}), list: m.Kind == protocol.TransferList}
	x.active[m.ID] = t
	return t
}

func (x *Exchange) find(id uint32) *transfer {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.active[id]
}

// forget takes a transfer out, nil if there is none.
func (x *Exchange) forget(id uint32) *transfer {
	x.mu.Lock()
	defer x.mu.Unlock()
	t := x.active[id]
	delete(x.active, id)
	return t
}

// fail says that a transfer is over.
func (x *Exchange) fail(id uint32, cause protocol.FileCause) {
	x.config.Send(protocol.Transfer{Kind: protocol.TransferFailed, Epoch: x.config.Epoch, ID: id, Cause: cause})
}

// gives ends a transfer for a cause, and says so unless somebody else has ended it.
func (x *Exchange) gives(t *transfer, cause protocol.FileCause) {
	if x.forget(t.id) == t {
		x.fail(t.id, cause)
	}
	x.end(t)
}

// Stop ends all that is on its way: the customer wants it no more.
func (x *Exchange) Stop() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for id := range x.active {
		x.fail(id, protocol.FileStopped)
	}
	x.drop(false)
}

// Item is a file on its way.
type Item struct {
	Name        string
	Moved, Size int64 // bytes
}

// Items lists the files that are on their way, the oldest first.
func (x *Exchange) Items() (list []Item) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(x.active)) {
		if t := x.active[id]; !t.list {
			list = append(list, Item{t.name, t.moved.Load(), t.size})
		}
	}
	return list
}

// Close ends everything, at once; nothing is told any more. What came in part keeps its
// name, for Parts. It reports whether everything was ended when it returned.
func (x *Exchange) Close() bool {
	x.once.Do(func() {
		close(x.stop)
		x.mu.Lock()
		x.drop(true)
		x.mu.Unlock()
	})
	done := make(chan struct{})
	go func() {
		x.work.Wait()
		_ = x.root.Close()
		close(done)
	}()
	patience := time.NewTimer(closePatience)
	defer patience.Stop()
	select {
	case <-done:
		return true
	case <-patience.C:
		return false // the disk hangs
	}
}

// wait waits while nothing may be done. It reports whether it is to go on.
func (x *Exchange) wait(t *transfer) bool {
	for x.config.Held() {
		timer := time.NewTimer(heldInterval)
		select {
		case <-timer.C:
		case <-t.over:
		case <-x.stop:
		}
		timer.Stop()
		if t.done() || x.closed() {
			return false
		}
	}
	return !t.done() && !x.closed()
}

func (t *transfer) done() bool {
	select {
	case <-t.over:
		return true
	default:
		return false
	}
}

// read hashes the first n bytes of f, as long as it is to go on.
func read(h hash.Hash, f *os.File, n int64, on func() bool) error {
	buf := make([]byte, 1<<20)
	for n > 0 {
		if !on() {
			return errOver
		}
		k, err := io.ReadFull(f, buf[:min(n, int64(len(buf)))])
		if err != nil {
			return err
		}
		h.Write(buf[:k])
		n -= int64(k)
	}
	return nil
}

// causeOf says what a person is told of an error.
func causeOf(err error) protocol.FileCause {
	switch {
	case errors.Is(err, errKind):
		return protocol.FileKind
	case errors.Is(err, errName):
		return protocol.FileName
	case errors.Is(err, fs.ErrNotExist):
		return protocol.FileMissing
	case errors.Is(err, fs.ErrPermission):
		return protocol.FileDenied
	case isFull(err):
		return protocol.FileSpace
	}
	return protocol.FileFailed
}

var (
	errKind = errors.New("files: no plain file")
	errName = errors.New("files: no free name")
	errOver = errors.New("files: over")
)
