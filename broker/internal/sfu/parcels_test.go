package sfu

import (
	"context"
	"slices"
	"testing"

	"github.com/pion/webrtc/v4"

	"consento/protocol"
)

// TestParcels goes both ways, text and content apart, and never past the room's end.
func TestParcels(t *testing.T) {
	t.Parallel()
	s := newSFU(t)
	room, rec := newRoom(t, s)
	agent := connection(t)
	must(agent.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}))(t)
	var toAgent, toBroker, toConsole heardTexts
	kind := func(text bool) string {
		if text {
			return "text "
		}
		return "content "
	}
	channel := must(agent.CreateDataChannel(protocol.FilesChannel, nil))(t)
	channel.OnMessage(func(m webrtc.DataChannelMessage) { toAgent.add(kind(m.IsString) + string(m.Data)) })
	if room.Way(protocol.FilesChannel).SendParcel(true, []byte("early")) {
		t.Error("sent without an agent")
	}
	accept(t, agent, must(room.Publish(context.Background(), offerOf(t, agent)))(t))

	console := connection(t)
	must(console.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}))(t)
	parcels := must(console.CreateDataChannel(protocol.FilesChannel, nil))(t)
	parcels.OnMessage(func(m webrtc.DataChannelMessage) { toConsole.add(kind(m.IsString) + string(m.Data)) })
	viewer, answer, err := room.View(context.Background(), offerOf(t, console), func() {}, nil)
	must(0, err)(t)
	viewer.Way(protocol.FilesChannel).Hear(func(text bool, data []byte) { toBroker.add(kind(text) + string(data)) })
	if viewer.Way(protocol.FilesChannel).SendParcel(true, []byte("early")) {
		t.Error("sent without a channel")
	}
	accept(t, console, answer)
	eventually(t, "channels open", func() bool {
		return channel.ReadyState() == webrtc.DataChannelStateOpen && parcels.ReadyState() == webrtc.DataChannelStateOpen
	})
	for _, c := range []*webrtc.DataChannel{parcels, channel} {
		must(0, c.SendText("one"))(t)
		must(0, c.Send([]byte("two")))(t)
	}
	fromAgent := func() []string { rec.mu.Lock(); defer rec.mu.Unlock(); return slices.Clone(rec.parcels) }
	eventually(t, "heard", func() bool { return len(toBroker.all()) == 2 && len(fromAgent()) == 2 })
	if got := toBroker.all(); !slices.Equal(got, []string{"text one", "content two"}) {
		t.Errorf("from the console %q", got)
	}
	if got := fromAgent(); !slices.Equal(got, []string{"files true one", "files false two"}) {
		t.Errorf("from the agent %q", got)
	}
	eventually(t, "sent to the agent", func() bool { return room.Way(protocol.FilesChannel).SendParcel(false, []byte("x")) })
	if !viewer.Way(protocol.FilesChannel).SendParcel(true, []byte("y")) {
		t.Error("not sent to the console")
	}
	eventually(t, "arrived", func() bool { return len(toAgent.all()) == 1 && len(toConsole.all()) == 1 })
	if toAgent.all()[0] != "content x" || toConsole.all()[0] != "text y" {
		t.Errorf("%q, %q", toAgent.all(), toConsole.all())
	}
	room.Stop()
	if room.Way(protocol.FilesChannel).SendParcel(true, []byte("late")) || viewer.Way(protocol.FilesChannel).SendParcel(false, []byte("late")) {
		t.Error("sent after the end")
	}
}
