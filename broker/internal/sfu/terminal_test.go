package sfu

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"

	"consento/protocol"
)

// TestTerminal goes both ways, from either side to whoever may let it through, and
// never past the room's end.
func TestTerminal(t *testing.T) {
	t.Parallel()
	s := newSFU(t)
	room, rec := newRoom(t, s)
	agent := connection(t)
	must(agent.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}))(t)
	var toAgent, toBroker, toConsole heardTexts
	channel := must(agent.CreateDataChannel(protocol.ShellChannel, nil))(t)
	channel.OnMessage(func(m webrtc.DataChannelMessage) { toAgent.add(string(m.Data)) })
	if room.SendTerminal([]byte("early")) {
		t.Error("sent without an agent")
	}
	accept(t, agent, must(room.Publish(context.Background(), offerOf(t, agent)))(t))

	console := connection(t)
	must(console.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}))(t)
	terminal := must(console.CreateDataChannel(protocol.ShellChannel, nil))(t)
	terminal.OnMessage(func(m webrtc.DataChannelMessage) { toConsole.add(string(m.Data)) })
	viewer, answer, err := room.View(context.Background(), offerOf(t, console), func() {}, nil)
	must(0, err)(t)
	viewer.HearTerminal(func(data []byte) { toBroker.add(string(data)) })
	if viewer.SendTerminal([]byte("early")) {
		t.Error("sent without a channel")
	}
	accept(t, console, answer)
	eventually(t, "channels open", func() bool {
		return channel.ReadyState() == webrtc.DataChannelStateOpen && terminal.ReadyState() == webrtc.DataChannelStateOpen
	})
	for _, c := range []*webrtc.DataChannel{terminal, channel} {
		must(0, c.SendText("one"))(t)
		must(0, c.Send([]byte("binary")))(t)
		must(0, c.SendText(strings.Repeat("x", protocol.MaxTerminalMessage+1)))(t)
		must(0, c.SendText("two"))(t)
	}
	want := []string{"one", "", "", "two"} // what is no message is none
	fromAgent := func() []string { rec.mu.Lock(); defer rec.mu.Unlock(); return slices.Clone(rec.terminal) }
	eventually(t, "heard", func() bool { return len(toBroker.all()) == 4 && len(fromAgent()) == 4 })
	if got := toBroker.all(); !slices.Equal(got, want) {
		t.Errorf("from the console %.20q", got)
	}
	if got := fromAgent(); !slices.Equal(got, want) {
		t.Errorf("from the agent %.20q", got)
	}
	eventually(t, "sent to the agent", func() bool { return room.SendTerminal([]byte("to the agent")) })
	if !viewer.SendTerminal([]byte("to the console")) {
		t.Error("not sent to the console")
	}
	eventually(t, "arrived", func() bool { return len(toAgent.all()) == 1 && len(toConsole.all()) == 1 })
	room.Stop()
	if room.SendTerminal([]byte("late")) || viewer.SendTerminal([]byte("late")) {
		t.Error("sent after the end")
	}
}
