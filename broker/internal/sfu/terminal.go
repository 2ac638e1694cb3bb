package sfu

import (
	"github.com/pion/webrtc/v4"

	"consento/protocol"
)

// maxTerminalBacklog is how many bytes of a terminal may wait for one side. What may
// be on its way is bounded by its window; this is for who does not read at all.
const maxTerminalBacklog = 8 * protocol.TerminalWindow

// takeTerminal keeps the agent's channel for terminals, the first of its connection,
// and tells what comes on it.
func (r *Room) takeTerminal(pc *webrtc.PeerConnection, channel *webrtc.DataChannel) {
	channel.OnOpen(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.agent == pc {
			r.terminal = channel
		}
	})
	hearTerminal(channel, func(data []byte) {
		if !r.stopped.Load() {
			r.taps.Terminal(data)
		}
	})
}

// SendTerminal sends one message of a terminal to the agent. It reports whether it
// went out. Whether it may be sent is the caller's to know.
func (r *Room) SendTerminal(data []byte) bool {
	r.mu.Lock()
	channel := r.terminal
	r.mu.Unlock()
	return r.sendTerminal(channel, data)
}

// SendTerminal sends one message of a terminal to this console, likewise.
func (v *Viewer) SendTerminal(data []byte) bool { return v.room.sendTerminal(v.terminal.Load(), data) }

func (r *Room) sendTerminal(channel *webrtc.DataChannel, data []byte) bool {
	if channel == nil || channel.BufferedAmount() > maxTerminalBacklog {
		return false
	}
	r.gate.RLock()
	defer r.gate.RUnlock()
	if r.stopped.Load() {
		return false
	}
	return channel.SendText(string(data)) == nil
}

// HearTerminal has onMessage called for each message of a terminal that this console
// sends, nil for one that is none. It is called before the answer goes out.
func (v *Viewer) HearTerminal(onMessage func([]byte)) { v.onTerminal.Store(&onMessage) }

// takeTerminal keeps the console's channel for terminals.
func (v *Viewer) takeTerminal(channel *webrtc.DataChannel) {
	channel.OnOpen(func() { v.terminal.Store(channel) })
	hearTerminal(channel, func(data []byte) {
		if hear := v.onTerminal.Load(); hear != nil {
			v.terminal.Store(channel) // it is open, whatever is told first
			(*hear)(data)
		}
	})
}

// hearTerminal has onMessage called for each message, on one goroutine, in order.
func hearTerminal(channel *webrtc.DataChannel, onMessage func([]byte)) {
	channel.OnMessage(func(m webrtc.DataChannelMessage) {
		if m.IsString && len(m.Data) <= protocol.MaxTerminalMessage {
			onMessage(m.Data)
			return
		}
		onMessage(nil) // which is no message
	})
}
