package sfu

import (
	"github.com/pion/webrtc/v4"

	"consento/protocol"
)

// maxParcelBacklog is how many bytes of files may wait for one side. What may be on its
// way is bounded by the windows of the files; this is for who does not read at all.
const maxParcelBacklog = 4 * protocol.MaxTransfers * protocol.TransferWindow

// takeParcels keeps the agent's channel for files, the first of its connection, and
// tells what comes on it.
func (r *Room) takeParcels(pc *webrtc.PeerConnection, channel *webrtc.DataChannel) {
	channel.OnOpen(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.agent == pc {
			r.parcels = channel
		}
	})
	channel.OnMessage(func(m webrtc.DataChannelMessage) {
		if !r.stopped.Load() {
			r.taps.Parcel(m.IsString, m.Data)
		}
	})
}

// SendParcel sends one message about files, or a part of one, to the agent. It reports
// whether it went out. Whether it may be sent is the caller's to know.
func (r *Room) SendParcel(text bool, data []byte) bool {
	r.mu.Lock()
	channel := r.parcels
	r.mu.Unlock()
	return r.sendParcel(channel, text, data)
}

// SendParcel sends one to this console, likewise.
func (v *Viewer) SendParcel(text bool, data []byte) bool {
	return v.room.sendParcel(v.parcels.Load(), text, data)
}

func (r *Room) sendParcel(channel *webrtc.DataChannel, text bool, data []byte) bool {
	if channel == nil || channel.BufferedAmount() > maxParcelBacklog {
		return false
	}
	r.gate.RLock()
	defer r.gate.RUnlock()
	if r.stopped.Load() {
		return false
	}
	if text {
		return channel.SendText(string(data)) == nil
	}
	return channel.Send(data) == nil
}

// HearParcels has onMessage called for each message about files that this console sends,
// and each part of one, in order. It is called before the answer goes out.
func (v *Viewer) HearParcels(onMessage func(text bool, data []byte)) { v.onParcel.Store(&onMessage) }

// takeParcels keeps the console's channel for files.
func (v *Viewer) takeParcels(channel *webrtc.DataChannel) {
	channel.OnOpen(func() { v.parcels.Store(channel) })
	channel.OnMessage(func(m webrtc.DataChannelMessage) {
		if hear := v.onParcel.Load(); hear != nil {
			v.parcels.Store(channel) // it is open, whatever is told first
			(*hear)(m.IsString, m.Data)
		}
	})
}
