package sfu

import (
	"github.com/pion/webrtc/v4"

	"consento/protocol"
)

// maxInputBacklog is how many bytes of input may wait for the agent: what comes
// later than that would hit something else.
const maxInputBacklog = 32 << 10

// takeInput keeps the agent's channel for input, the first of its connection. What
// an agent says on it means nothing.
func (r *Room) takeInput(pc *webrtc.PeerConnection, channel *webrtc.DataChannel) {
	channel.OnOpen(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.agent == pc {
			r.input = channel
		}
	})
}

// SendInput sends one message of a technician's input to the agent. It reports
// whether it went out: not without the agent, and not while the room is paused or
// stopped. Whether it may be sent is the caller's to know.
func (r *Room) SendInput(data []byte) bool {
	r.mu.Lock()
	channel := r.input
	r.mu.Unlock()
	if channel == nil || channel.BufferedAmount() > maxInputBacklog {
		return false
	}
	r.gate.RLock()
	defer r.gate.RUnlock()
	if r.stopped.Load() || !r.open.Load() {
		return false
	}
	return channel.SendText(string(data)) == nil
}

// hearInput has onInput called for each message of a viewer's input, on one
// goroutine, in order. Who may say what is the caller's to know.
func hearInput(channel *webrtc.DataChannel, onInput func([]byte)) {
	channel.OnMessage(func(m webrtc.DataChannelMessage) {
		if m.IsString && len(m.Data) <= protocol.MaxInputMessage {
			onInput(m.Data)
			return
		}
		onInput(nil) // which is no message
	})
}
