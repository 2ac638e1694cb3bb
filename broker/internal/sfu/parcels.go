package sfu

import (
	"sync/atomic"

	"github.com/pion/webrtc/v4"

	"consento/protocol"
)

// maxParcelBacklog is how many bytes may wait on one way. What may be on its
// way is bounded by the windows of the protocol; this is for who does not read at all.
const maxParcelBacklog = 4 * protocol.MaxTransfers * protocol.TransferWindow

// parcelChannels are the labels of the channels that carry text and content: files, and
// what is on a clipboard.
var parcelChannels = []string{protocol.FilesChannel, protocol.ClipboardChannel}

// Way is one of these channels to one side, while it lasts: to the agent, or to a
// console. What it sends is the caller's to check.
type Way struct {
	room    *Room
	channel atomic.Pointer[webrtc.DataChannel] // of the present connection, nil if it has none
	hear    atomic.Pointer[func(text bool, data []byte)]
	taken   atomic.Bool // of a console: one channel is there
}

// newWays makes a way for each label.
func newWays(r *Room) map[string]*Way {
	ways := map[string]*Way{}
	for _, label := range parcelChannels {
		ways[label] = &Way{room: r}
	}
	return ways
}

// Way is the agent's way of a label, one of those of parcelChannels.
func (r *Room) Way(label string) *Way { return r.ways[label] }

// Way is this console's way of a label, likewise.
func (v *Viewer) Way(label string) *Way { return v.ways[label] }

// SendParcel sends one message, or a part of some content. It reports whether it went
// out.
func (w *Way) SendParcel(text bool, data []byte) bool {
	channel := w.channel.Load()
	if channel == nil || channel.BufferedAmount() > maxParcelBacklog {
		return false
	}
	w.room.gate.RLock()
	defer w.room.gate.RUnlock()
	if w.room.stopped.Load() {
		return false
	}
	if text {
		return channel.SendText(string(data)) == nil
	}
	return channel.Send(data) == nil
}

// Hear has onMessage called for each message that this console sends, and each part, in
// order. It is called before the answer goes out.
func (w *Way) Hear(onMessage func(text bool, data []byte)) { w.hear.Store(&onMessage) }

// takeParcels keeps the agent's channel, the first of its label and connection, and
// tells what comes on it.
func (r *Room) takeParcels(pc *webrtc.PeerConnection, channel *webrtc.DataChannel) {
	label := channel.Label()
	channel.OnOpen(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.agent == pc {
			r.ways[label].channel.Store(channel)
		}
	})
	channel.OnMessage(func(m webrtc.DataChannelMessage) {
		if !r.stopped.Load() {
			r.taps.Parcel(label, m.IsString, m.Data)
		}
	})
}

// takeParcels keeps the console's channel.
func (w *Way) takeParcels(channel *webrtc.DataChannel) {
	channel.OnOpen(func() { w.channel.Store(channel) })
	channel.OnMessage(func(m webrtc.DataChannelMessage) {
		if hear := w.hear.Load(); hear != nil {
			w.channel.Store(channel) // it is open, whatever is told first
			(*hear)(m.IsString, m.Data)
		}
	})
}
