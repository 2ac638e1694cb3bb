package run

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"sync"
	"time"

	"consento/agent/internal/clipboard"
	"consento/protocol"
)

const (
	// clipShown is how long the customer is shown what was transferred.
	clipShown = 6 * time.Second
	// clipPatience is how long nothing may come of what is on its way.
	clipPatience = time.Minute
	// clipCloseTime is how long closing waits for what is just being done; after it
	// nothing more reaches a clipboard all the same.
	clipCloseTime = 500 * time.Millisecond
)

// clipTool is one consent to the clipboard while it lasts. A transfer is one goroutine,
// one at a time.
type clipTool struct {
	permission protocol.Permission
	epoch      uint32
	read       func(context.Context) (clipboard.Content, error)
	put        func(context.Context, clipboard.Content) error
	off        func() // what was put there goes, and nothing more comes
	say        func(protocol.Clip) error
	chunk      func(protocol.Chunk) error
	held       func() bool                           // the customer hides the screen, or the connection is away
	show       func(text string) (clipWindow, error) // tells the customer
	doing      string                                // what is told meanwhile
	did        func(clipboard.Content) string        // and then
	back       func()                                // the customer takes the consent back
	log        *slog.Logger

	ctx  context.Context // ends with the consent
	stop context.CancelFunc
	work sync.WaitGroup

	mu     sync.Mutex
	last   uint32             // the newest transfer's id
	live   *clipWork          // nil while none is
	notice context.CancelFunc // takes the window of the one before away
}

// clipWindow is what the customer is shown: a *ui.Progress.
type clipWindow interface {
	Update(text string) error
	Cancelled() <-chan struct{}
	Close() error
}

// clipWork is one transfer.
type clipWork struct {
	id     uint32
	offer  protocol.Clip // what comes; of what goes nothing
	cancel context.CancelFunc
	stir   chan struct{} // of capacity 1: something came

	mu    sync.Mutex
	data  []byte // what came
	acked int64  // of that, what the broker was told; of what goes, what arrived
	wrong bool   // what came is not what was offered
}

// take takes a message from the broker.
func (t *clipTool) take(m protocol.Clip) {
	if m.Kind == protocol.ClipGet && t.permission == protocol.FetchClipboard || m.Kind == protocol.ClipOffer && t.permission == protocol.SendClipboard {
		t.begin(m)
		return
	}
	w := t.now(m.ID)
	if w == nil {
		return
	}
	switch {
	case m.Kind == protocol.ClipCancel:
		w.cancel()
	case m.Kind == protocol.ClipAck && t.permission == protocol.FetchClipboard:
		w.mu.Lock()
		w.acked = max(w.acked, m.At)
		w.mu.Unlock()
		w.wake()
	}
}

// now is the transfer that goes on, nil if it is another one.
func (t *clipTool) now(id uint32) *clipWork {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.live == nil || t.live.id != id {
		return nil
	}
	return t.live
}

func (w *clipWork) wake() {
	select {
	case w.stir <- struct{}{}:
	default:
	}
}

// part takes some of what comes.
func (t *clipTool) part(c protocol.Chunk) {
	w := t.now(c.ID)
	if w == nil || w.offer.Size == 0 {
		return
	}
	w.mu.Lock()
	at := int64(len(w.data)) + int64(len(c.Data))
	if c.At != int64(len(w.data)) || at > w.offer.Size {
		w.wrong = true
	} else {
		w.data = append(w.data, c.Data...)
	}
	ack := !w.wrong && (at == w.offer.Size || at-w.acked >= protocol.ClipWindow/4)
	if ack {
		w.acked = at
	}
	w.mu.Unlock()
	if ack {
		_ = t.say(protocol.Clip{Kind: protocol.ClipAck, Epoch: t.epoch, ID: w.id, At: at}) // a lost connection ends it: drop
	}
	w.wake()
}

// begin begins a transfer.
func (t *clipTool) begin(m protocol.Clip) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ctx.Err() != nil || m.ID <= t.last {
		return // of a broker that repeats itself
	}
	t.last = m.ID
	if t.live != nil {
		t.failed(m.ID, protocol.ClipBusy)
		return
	}
	if t.notice != nil {
		t.notice()
	}
	ctx, cancel := context.WithCancel(t.ctx)
	w := &clipWork{id: m.ID, offer: m, cancel: cancel, stir: make(chan struct{}, 1)}
	t.live = w
	t.work.Go(func() {
		defer cancel()
		t.run(ctx, w)
	})
}

func (t *clipTool) failed(id uint32, cause protocol.ClipCause) {
	_ = t.say(protocol.Clip{Kind: protocol.ClipFailed, Epoch: t.epoch, ID: id, Cause: cause}) // where the connection is lost it is over anyhow
}

// run does one transfer. The customer is shown it before anything is read or put: what
// cannot be shown is not done.
func (t *clipTool) run(ctx context.Context, w *clipWork) {
	window, err := t.show(t.doing)
	if err != nil {
		t.log.Error("the clipboard is not used: it cannot be shown", slog.Any("error", err))
		t.end(w, nil)
		t.failed(w.id, protocol.ClipBroken)
		return
	}
	defer func() { _ = window.Close() }() // the display may be gone already
	over := make(chan struct{})
	defer close(over)
	t.work.Go(func() {
		select {
		case <-window.Cancelled():
			w.cancel()
			t.back()
		case <-over:
		}
	})
	do := t.fetch
	if t.permission == protocol.SendClipboard {
		do = t.receive
	}
	c, err := do(ctx, w)
	if err != nil {
		t.end(w, nil)
		if ctx.Err() == nil {
			t.log.Info("clipboard not transferred", slog.Any("error", err))
			t.failed(w.id, clipboard.CauseOf(err))
		}
		return
	}
	shown, enough := context.WithTimeout(t.ctx, clipShown)
	defer enough()
	t.end(w, enough)
	if err := window.Update(t.did(c)); err != nil {
		t.log.Error("not shown what is on the clipboard", slog.Any("error", err))
	}
	select {
	case <-shown.Done():
	case <-window.Cancelled():
	}
}

// end ends a transfer, so that the next one can begin, which takes the window away that
// tells of this one.
func (t *clipTool) end(w *clipWork, notice context.CancelFunc) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.live == w {
		t.live, t.notice = nil, notice
	}
}

// wait waits until something comes.
func (w *clipWork) wait(ctx context.Context) error {
	patience := time.NewTimer(clipPatience)
	defer patience.Stop()
	select {
	case <-w.stir:
		return nil
	case <-patience.C:
		return &clipboard.Error{Cause: protocol.ClipAway}
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fetch reads the clipboard, once, and sends what is on it.
func (t *clipTool) fetch(ctx context.Context, w *clipWork) (c clipboard.Content, err error) {
	if t.held() {
		return c, &clipboard.Error{Cause: protocol.ClipHidden}
	}
	if c, err = t.read(ctx); err != nil {
		return c, err
	}
	sum := sha256.Sum256(c.Data)
	size, sent := int64(len(c.Data)), int64(0)
	offer := protocol.Clip{Kind: protocol.ClipOffer, Epoch: t.epoch, ID: w.id, Type: c.Type, Size: size, Hash: hex.EncodeToString(sum[:])}
	if t.held() {
		return c, &clipboard.Error{Cause: protocol.ClipHidden}
	}
	if err := t.say(offer); err != nil {
		return c, err
	}
	for {
		w.mu.Lock()
		acked := min(w.acked, sent)
		w.mu.Unlock()
		n := min(size-sent, protocol.MaxChunk, acked+protocol.ClipWindow-sent)
		switch {
		case acked == size:
			return c, nil
		case ctx.Err() != nil:
			return c, ctx.Err()
		case n <= 0:
			err = w.wait(ctx)
		case t.held():
			err = &clipboard.Error{Cause: protocol.ClipHidden}
		default:
			err = t.chunk(protocol.Chunk{Epoch: t.epoch, ID: w.id, At: sent, Data: c.Data[sent : sent+n]})
			sent += n
		}
		if err != nil {
			return c, err
		}
	}
}

// receive takes what comes, looks at it, and puts it on the clipboard.
func (t *clipTool) receive(ctx context.Context, w *clipWork) (c clipboard.Content, err error) {
	for {
		w.mu.Lock()
		data, wrong := w.data, w.wrong
		w.mu.Unlock()
		if wrong {
			return c, errors.New("run: what came to the clipboard is not what was offered")
		}
		if int64(len(data)) == w.offer.Size {
			c = clipboard.Content{Type: w.offer.Type, Data: data}
			break
		}
		if err := w.wait(ctx); err != nil {
			return c, err
		}
	}
	if sum := sha256.Sum256(c.Data); hex.EncodeToString(sum[:]) != w.offer.Hash {
		return c, &clipboard.Error{Cause: protocol.ClipHash}
	}
	if c, err = clipboard.Normal(c); err != nil {
		return c, err
	}
	if t.held() {
		return c, &clipboard.Error{Cause: protocol.ClipHidden}
	}
	if err := ctx.Err(); err != nil {
		return c, err
	}
	if err := t.put(ctx, c); err != nil {
		return c, err
	}
	return c, t.say(protocol.Clip{Kind: protocol.ClipDone, Epoch: t.epoch, ID: w.id, Hash: w.offer.Hash})
}

// drop ends what is on its way: it was on another connection.
func (t *clipTool) drop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.live != nil {
		t.live.cancel()
	}
}

// close ends everything: what was put on the clipboard goes, as far as nobody has taken
// it over.
func (t *clipTool) close() {
	t.mu.Lock()
	t.stop() // nothing begins from here on
	t.mu.Unlock()
	t.off()
	done := make(chan struct{})
	go func() {
		defer close(done)
		t.work.Wait()
	}()
	patience := time.NewTimer(clipCloseTime)
	defer patience.Stop()
	select {
	case <-done:
	case <-patience.C:
		t.log.Warn("an image is still being looked at")
	}
}
