package run

import (
	"errors"
	"image"
	"log/slog"
	"sync/atomic"

	"consento/agent/internal/capture"
	"consento/agent/internal/control"
	"consento/agent/internal/input"
	"consento/protocol"
)

// controlTool is one consent to control while it lasts.
type controlTool struct {
	gate   *control.Gate
	shared *atomic.Pointer[control.Gate] // where the picture's connection finds it
	device *input.Device
	reach  *capture.Reach
}

// openControl opens the way to mouse and keyboard for one consent, within what is
// shared now.
func (s *Session) openControl(epoch uint32) (_ *controlTool, err error) {
	t, what := s.tools, s.sharing.what
	c := &controlTool{shared: &t.gate}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	covers := s.hiding.covers
	if what.what.Application != 0 {
		covers = nil // what is shown alone was chosen later than what is hidden of the screen
	}
	if c.reach, err = capture.OpenReach(s.Display, what.what, covers); err != nil {
		return nil, err
	}
	if c.device, err = input.Open(s.Display); err != nil {
		return nil, err
	}
	ended := t.ended.Load()
	if ended == nil {
		return nil, errors.New("run: control without a bar")
	}
	c.gate, err = control.Open(control.Config{
		Epoch: epoch, Device: c.device, Reach: c.reach, Alone: what.what.Application != 0,
		Size: func() image.Point { return *t.size.Load() }, Ended: *ended,
		Block: func() protocol.Block {
			switch {
			case s.UI.Asking():
				return protocol.BlockDialog
			case t.hidden.Load():
				return protocol.BlockHidden
			case t.lost.Load():
				return protocol.BlockAway
			}
			return ""
		},
		Told: func(b protocol.Block) {
			select {
			case t.blocks <- protocol.ControlState{Epoch: epoch, Block: b}:
			default: // the panel is late; the next one tells
			}
		},
		Failed: func(err error) {
			s.Log.Error("control failed", slog.Any("error", err))
			select {
			case t.failed <- epoch:
			default:
			}
		},
	})
	if err != nil {
		return nil, err
	}
	t.gate.Store(c.gate)
	return c, nil
}

// close closes the gate first; nothing passes and nothing is held when it returns,
// unless the display hangs.
func (c *controlTool) close() {
	closed := true
	if c.gate != nil {
		c.shared.CompareAndSwap(c.gate, nil)
		closed = c.gate.Close()
	}
	disconnect := func() {
		if c.device != nil {
			c.device.Close()
		}
		if c.reach != nil {
			c.reach.Close()
		}
	}
	if closed {
		disconnect()
	} else {
		go disconnect() // from a display that hangs: nobody waits for it
	}
}

// input takes a message of the channel from the broker. What makes no sense is
// nothing: no broker that works sends it.
func (t *tools) input(data []byte) {
	gate := t.gate.Load()
	if gate == nil {
		return
	}
	if m, err := protocol.DecodeInput(data); err == nil {
		gate.Take(m)
	}
}
