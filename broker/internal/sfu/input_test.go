package sfu

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pion/webrtc/v4"

	"consento/protocol"
)

// heardTexts keeps what comes on a channel.
type heardTexts struct {
	mu   sync.Mutex
	list []string
}

func (h *heardTexts) add(s string) { h.mu.Lock(); defer h.mu.Unlock(); h.list = append(h.list, s) }
func (h *heardTexts) all() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.list)
}

// TestInput goes from a console to whoever may let it through, and from there to the
// agent: only while the room is open, and never past its end.
func TestInput(t *testing.T) {
	t.Parallel()
	s := newSFU(t)
	room, _ := newRoom(t, s)
	agent := connection(t)
	must(agent.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}))(t)
	var toAgent, toBroker heardTexts
	channel := must(agent.CreateDataChannel(protocol.InputChannel, nil))(t)
	channel.OnMessage(func(m webrtc.DataChannelMessage) { toAgent.add(string(m.Data)) })
	if room.SendInput([]byte("early")) {
		t.Error("sent without an agent")
	}
	accept(t, agent, must(room.Publish(context.Background(), offerOf(t, agent)))(t))

	console := connection(t)
	must(console.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}))(t)
	input := must(console.CreateDataChannel(protocol.InputChannel, nil))(t)
	second := must(console.CreateDataChannel(protocol.InputChannel, nil))(t)
	_, answer, err := room.View(context.Background(), offerOf(t, console), func() {}, func(data []byte) { toBroker.add(string(data)) })
	must(0, err)(t)
	accept(t, console, answer)
	eventually(t, "channels open", func() bool {
		return channel.ReadyState() == webrtc.DataChannelStateOpen && input.ReadyState() == webrtc.DataChannelStateOpen && second.ReadyState() == webrtc.DataChannelStateOpen
	})

	must(0, input.SendText("one"))(t)
	must(0, input.Send([]byte("binary")))(t)
	must(0, input.SendText(strings.Repeat("x", protocol.MaxInputMessage+1)))(t)
	must(0, input.SendText("two"))(t)
	eventually(t, "heard", func() bool { return len(toBroker.all()) == 4 })
	if got := toBroker.all(); !slices.Equal(got, []string{"one", "", "", "two"}) { // what is no message is none
		t.Errorf("heard %.20q", got)
	}
	if room.SendInput([]byte("closed")) {
		t.Error("sent before the consent to view")
	}
	room.Open()
	eventually(t, "sent", func() bool { return room.SendInput([]byte("open")) })
	room.Pause()
	if room.SendInput([]byte("paused")) {
		t.Error("sent in a pause")
	}
	room.Open()
	if !room.SendInput([]byte("again")) {
		t.Error("not sent after the pause")
	}
	eventually(t, "arrived", func() bool { return len(toAgent.all()) == 2 })
	room.Stop()
	if room.SendInput([]byte("late")) {
		t.Error("sent after the end")
	}
	if got := toAgent.all(); !slices.Equal(got, []string{"open", "again"}) {
		t.Errorf("the agent got %q", got)
	}
}
