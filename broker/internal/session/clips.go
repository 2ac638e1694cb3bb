package session

import (
	"time"

	"consento/protocol"
)

const (
	// maxClips and maxClipBytes bound what one session may transfer from clipboard to
	// clipboard, both ways: all of it is on the evidence.
	maxClips     = 1000
	maxClipBytes = 256 << 20
	// clipPatience is how long nothing may be heard of one on its way: longer than the
	// agent waits for a program that has the clipboard.
	clipPatience = 45 * time.Second
	// clipRecord is how much content one record of the evidence has, in bytes.
	clipRecord = 512 << 10
	// Messages of a console at once, and for each second on average; whoever exceeds
	// them loses the consent.
	maxClipBurst     = 1000
	maxClipPerSecond = 200
)

// clip is what is on its way from one clipboard to the other. The broker takes all of
// it, has it on the evidence, and only then passes it on.
type clip struct {
	id            uint32
	kind          protocol.ClipType // "" until its sender has offered it
	size          int64
	hash          string
	width, height int    // of an image
	data          []byte // what came of it
	acked         int64  // of that, what its sender was told
	whole         bool   // it is on the evidence, and goes on
	sent, got     int64  // what went on, and what of that arrived
	heard         time.Time
}

// offered takes the word of what comes. It reports whether it may.
func (t *clip) offered(m protocol.Clip) bool {
	if t.kind != "" {
		return false
	}
	t.kind, t.size, t.hash = m.Type, m.Size, m.Hash
	return true
}

// came takes a part. It reports whether it may come.
func (t *clip) came(c protocol.Chunk) bool {
	at, n := int64(len(t.data)), int64(len(c.Data))
	if t.kind == "" || t.whole || c.At != at || at+n > t.size || at+n > t.acked+protocol.ClipWindow {
		return false
	}
	t.data = append(t.data, c.Data...)
	return true
}

// next is the next part that may go on, nil if there is none now.
func (t *clip) next(epoch uint32) *protocol.Chunk {
	n := min(t.size-t.sent, protocol.MaxChunk, t.got+protocol.ClipWindow-t.sent)
	if !t.whole || n <= 0 {
		return nil
	}
	c := &protocol.Chunk{Epoch: epoch, ID: t.id, At: t.sent, Data: t.data[t.sent : t.sent+n]}
	t.sent += n
	return c
}

// said is what the evidence says of it.
func (t *clip) said(w *clipWay, epoch uint32) map[string]any {
	data := map[string]any{"epoch": epoch, "clip": t.id, "to": w.to()}
	if t.kind != "" {
		data["type"], data["size"], data["sha256"] = t.kind, t.size, t.hash
	}
	if t.width > 0 {
		data["width"], data["height"] = t.width, t.height
	}
	return data
}

// clipWay is what is done with one of the two consents to the clipboard. It belongs to
// the session's goroutine.
type clipWay struct {
	permission protocol.Permission
	view       *View  // the console that asked for what is on its way
	last       uint32 // the newest's id
	live       *clip  // nil while none is

	messages float64 // that may still come
	asOf     time.Time
}

// to is where it goes.
func (w *clipWay) to() string {
	if w.permission == protocol.SendClipboard {
		return toCustomer
	}
	return toTechnician
}

// begin makes ready for a consent that was given.
func (w *clipWay) begin() {
	*w = clipWay{permission: w.permission, messages: maxClipBurst, asOf: time.Now()}
}

// mayCome counts one message of a console. Cost is 0 for a full part.
func (w *clipWay) mayCome(cost float64, now time.Time) bool {
	w.messages = min(maxClipBurst, w.messages+now.Sub(w.asOf).Seconds()*maxClipPerSecond) - cost
	w.asOf = now
	return w.messages >= 0
}

// clipboard is both of them.
type clipboard struct {
	agent parcelOut // where the agent's messages are written to
	bytes int64     // that came
	count int       // that were asked for
	send  clipWay
	fetch clipWay
}

func newClipboard() clipboard {
	return clipboard{send: clipWay{permission: protocol.SendClipboard}, fetch: clipWay{permission: protocol.FetchClipboard}}
}

// of is the way that a permission is about, nil for another one.
func (c *clipboard) of(p protocol.Permission) *clipWay {
	switch p {
	case protocol.SendClipboard:
		return &c.send
	case protocol.FetchClipboard:
		return &c.fetch
	}
	return nil
}
