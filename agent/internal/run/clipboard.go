package run

import (
	"context"
	"errors"
	"sync"
	"unicode/utf8"

	"github.com/pion/webrtc/v4"

	"consento/agent/internal/clipboard"
	"consento/agent/internal/ui"
	"consento/protocol"
)

// isClipboard reports whether a permission is one of the two of the clipboard.
func isClipboard(p protocol.Permission) bool {
	return p == protocol.SendClipboard || p == protocol.FetchClipboard
}

// clips is the way of what is on clipboards: the picture's present connection, and the
// consents that are open on it.
type clips struct {
	mu      sync.Mutex
	channel *webrtc.DataChannel
	open    map[uint32]*clipTool // by epoch
}

// opened takes another connection: nothing that was on its way goes on there.
func (c *clips) opened(channel *webrtc.DataChannel) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.channel = channel
	for _, t := range c.open {
		t.drop()
	}
}

// set opens the way to a consent, or closes it with nil.
func (c *clips) set(epoch uint32, t *clipTool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = map[uint32]*clipTool{}
	}
	if c.open[epoch] = t; t == nil {
		delete(c.open, epoch)
	}
}

func (c *clips) get(epoch uint32) *clipTool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open[epoch]
}

var errNoClips = errors.New("run: no channel for the clipboard")

func (c *clips) now() (*webrtc.DataChannel, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.channel == nil {
		return nil, errNoClips
	}
	return c.channel, nil
}

func (c *clips) say(m protocol.Clip) error {
	channel, err := c.now()
	if err != nil {
		return err
	}
	data, err := m.Encode()
	if err != nil {
		return err
	}
	return channel.SendText(string(data))
}

func (c *clips) chunk(part protocol.Chunk) error {
	channel, err := c.now()
	if err != nil {
		return err
	}
	data, err := part.Encode()
	if err != nil {
		return err
	}
	return channel.Send(data)
}

// take takes a message from the broker. What makes no sense is nothing: no broker that
// works sends it.
func (c *clips) take(text bool, data []byte) {
	if text {
		if m, err := protocol.DecodeClip(data); err == nil {
			if t := c.get(m.Epoch); t != nil {
				t.take(m)
			}
		}
		return
	}
	if part, err := protocol.DecodeChunk(data); err == nil {
		if t := c.get(part.Epoch); t != nil {
			t.part(part)
		}
	}
}

// openClipboard makes ready for one consent. Nothing is read, or put on the clipboard,
// before the broker asks for it.
func (s *Session) openClipboard(ctx context.Context, p protocol.Permission, epoch uint32) (*clipTool, error) {
	way := &s.tools.clips
	t := &clipTool{permission: p, epoch: epoch, say: way.say, chunk: way.chunk, log: s.Log,
		held:  func() bool { return s.tools.hidden.Load() || s.tools.lost.Load() },
		read:  func(ctx context.Context) (clipboard.Content, error) { return clipboard.Read(ctx, s.Display) },
		doing: s.Texts.T("agent.clipboard.doing"), did: s.clipText, off: func() { way.set(epoch, nil) }}
	t.ctx, t.stop = context.WithCancel(ctx)
	t.back = func() {
		select {
		case s.tools.taken <- []takenBack{{permission: p}}:
		case <-t.ctx.Done():
		}
	}
	window := ui.ProgressText{Title: s.Texts.T("agent.clipboard.title"), Heading: s.Texts.T("agent.clipboard."+string(p), "name", isolate(s.joined.Technician.Name)),
		Cancel: s.Texts.T("agent.clipboard.stop"), Quiet: true}
	t.show = func(text string) (clipWindow, error) {
		shown := window
		shown.Text = text
		return s.UI.Progress(shown)
	}
	if p == protocol.SendClipboard {
		owner, err := clipboard.Own(s.Display)
		if err != nil {
			t.stop()
			return nil, err
		}
		t.put = owner.Put
		t.off = func() {
			way.set(epoch, nil)
			owner.Close()
		}
	}
	way.set(epoch, t)
	return t, nil
}

// clipText says what was transferred, in one line.
func (s *Session) clipText(c clipboard.Content) string {
	if w, h, _ := protocol.ClipProblem(c.Type, c.Data); w > 0 {
		return s.Texts.T("agent.clipboard.image", "width", number(int64(w)), "height", number(int64(h)))
	}
	return s.Texts.T("agent.clipboard.text", "n", number(int64(utf8.RuneCount(c.Data))))
}
