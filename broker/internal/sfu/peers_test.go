package sfu

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"

	"consento/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(unhurried{m}) }

// patience bounds every wait of these tests.
const patience = 60 * time.Second

// unhurried waits for goroutines that are about to end.
type unhurried struct{ *testing.M }

func (m unhurried) Run() int {
	code := m.M.Run()
	for end := time.Now().Add(patience); code == 0 && goleak.Find() != nil && time.Now().Before(end); { // Find waits a little each time
	}
	return code
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// eventually polls until ok.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("never: %s", what)
		}
	}
}

// units reads the first temporal units of a real AV1 stream (160x96, made by
// libaom; only the first is a key frame), without their temporal delimiters.
func units(t testing.TB) (all [][]byte) {
	t.Helper()
	b := must(os.ReadFile("../../../recordings/testdata/small.ivf"))(t)
	for b = b[32:]; len(b) >= 12; {
		n := int(binary.LittleEndian.Uint32(b))
		unit := b[12 : 12+n]
		if unit[0] == 0x12 && unit[1] == 0 {
			unit = unit[2:]
		}
		all = append(all, unit)
		b = b[12+n:]
	}
	if len(all) < 15 {
		t.Fatal("too few frames")
	}
	return all[:15] // the next is a key frame
}

// packets packs units as an agent does, small, so that frames need several.
func packets(units [][]byte, sequence uint16) (all []*rtp.Packet) {
	var payloader codecs.AV1Payloader
	for i, unit := range units {
		payloads := payloader.Payload(120, unit)
		for j, payload := range payloads {
			all = append(all, &rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 96, SequenceNumber: sequence, Timestamp: uint32(1000 + 9000*i),
				Marker: j == len(payloads)-1}, Payload: payload})
			sequence++
		}
	}
	return all
}

func newSFU(t testing.TB) *SFU {
	t.Helper()
	s := must(New(Config{Address: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}}))(t)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// recorder keeps what the taps are told.
type recorder struct {
	mu       sync.Mutex
	frames   []Frame
	gaps     int
	cursors  []protocol.CursorUpdate
	states   []bool
	wishes   int
	terminal []string
	parcels  []string
}

func (r *recorder) taps() Taps {
	locked := func(f func()) { r.mu.Lock(); defer r.mu.Unlock(); f() }
	return Taps{
		Frame:  func(f Frame) { locked(func() { r.frames = append(r.frames, f) }) },
		Gap:    func() { locked(func() { r.gaps++ }) },
		Cursor: func(u protocol.CursorUpdate) { locked(func() { r.cursors = append(r.cursors, u) }) },
		State:  func(c bool) { locked(func() { r.states = append(r.states, c) }) },
		Wish:   func() { locked(func() { r.wishes++ }) },
		Parcel: func(label string, text bool, data []byte) {
			locked(func() { r.parcels = append(r.parcels, fmt.Sprint(label, " ", text, " ", string(data))) })
		},
		Terminal: func(data []byte) {
			locked(func() { r.terminal = append(r.terminal, string(data)) })
		},
	}
}

func (r *recorder) count() int { r.mu.Lock(); defer r.mu.Unlock(); return len(r.frames) }

func newRoom(t testing.TB, s *SFU) (*Room, *recorder) {
	t.Helper()
	rec := &recorder{}
	room := must(s.NewRoom(rec.taps()))(t)
	t.Cleanup(func() { room.Stop(); room.Wait() })
	return room, rec
}

func api(t testing.TB) *webrtc.API {
	t.Helper()
	media := &webrtc.MediaEngine{}
	must(0, media.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeAV1, ClockRate: 90000,
		RTCPFeedback: []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}}}, PayloadType: 41}, webrtc.RTPCodecTypeVideo))(t)
	must(0, media.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: playoutDelayURI}, webrtc.RTPCodecTypeVideo))(t)
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() })
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	return webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(&interceptor.Registry{}), webrtc.WithSettingEngine(settings))
}

func connection(t testing.TB) *webrtc.PeerConnection {
	t.Helper()
	pc := must(api(t).NewPeerConnection(webrtc.Configuration{}))(t)
	t.Cleanup(func() {
		if err := pc.GracefulClose(); err != nil {
			t.Error(err)
		}
	})
	return pc
}

func offerOf(t testing.TB, pc *webrtc.PeerConnection) string {
	t.Helper()
	offer := must(pc.CreateOffer(nil))(t)
	gathered := webrtc.GatheringCompletePromise(pc)
	must(0, pc.SetLocalDescription(offer))(t)
	<-gathered
	return pc.LocalDescription().SDP
}

func accept(t testing.TB, pc *webrtc.PeerConnection, answer string) {
	t.Helper()
	must(0, pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}))(t)
	eventually(t, "connected", func() bool { return pc.ConnectionState() == webrtc.PeerConnectionStateConnected })
}

// publisher plays the agent.
type publisher struct {
	room   *Room
	pc     *webrtc.PeerConnection
	track  *webrtc.TrackLocalStaticRTP
	source uint32
	cursor *webrtc.DataChannel

	mu   sync.Mutex
	asks []time.Time // key frames that were asked for
	last uint32      // sender report that was answered
}

func publish(t testing.TB, room *Room) *publisher {
	t.Helper()
	p := &publisher{room: room, pc: connection(t)}
	p.track = must(webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeAV1, ClockRate: 90000}, "screen", "x"))(t)
	sender := must(p.pc.AddTrack(p.track))(t)
	p.source = uint32(sender.GetParameters().Encodings[0].SSRC)
	p.cursor = must(p.pc.CreateDataChannel(protocol.CursorChannel, nil))(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			got, _, err := sender.ReadRTCP()
			if err != nil {
				return
			}
			for _, x := range got {
				p.mu.Lock()
				switch x := x.(type) {
				case *rtcp.PictureLossIndication:
					p.asks = append(p.asks, time.Now())
				case *rtcp.ReceiverReport:
					for _, report := range x.Reports {
						p.last = report.LastSenderReport
					}
				}
				p.mu.Unlock()
			}
		}
	}()
	t.Cleanup(func() { _ = p.pc.Close(); <-done })
	accept(t, p.pc, must(room.Publish(context.Background(), offerOf(t, p.pc)))(t))
	return p
}

func (p *publisher) asked() int { p.mu.Lock(); defer p.mu.Unlock(); return len(p.asks) }

// window is how many packets may be on their way: loopback loses what comes in
// one go.
const window = 8

// send returns when the room has it all.
func (p *publisher) send(t testing.TB, list []*rtp.Packet) {
	t.Helper()
	before, _ := p.room.Forwarded()
	for len(list) > 0 {
		n := min(window, len(list))
		for _, x := range list[:n] {
			must(0, p.track.WriteRTP(x))(t)
		}
		before, list = before+uint64(n), list[n:]
		eventually(t, "the packets have come", func() bool { n, _ := p.room.Forwarded(); return n >= before })
	}
}

// watcher plays a console.
type watcher struct {
	pc     *webrtc.PeerConnection
	viewer *Viewer
	closed chan struct{}

	mu        sync.Mutex
	got       []*rtp.Packet
	extension uint8
	cursors   []string
}

func watch(t testing.TB, room *Room) *watcher {
	t.Helper()
	w := &watcher{pc: connection(t), closed: make(chan struct{})}
	must(w.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}))(t)
	channel := must(w.pc.CreateDataChannel(protocol.CursorChannel, nil))(t)
	channel.OnMessage(func(m webrtc.DataChannelMessage) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.cursors = append(w.cursors, string(m.Data))
	})
	w.pc.OnTrack(func(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
		for _, x := range receiver.GetParameters().HeaderExtensions {
			if x.URI == playoutDelayURI {
				w.mu.Lock()
				w.extension = uint8(x.ID)
				w.mu.Unlock()
			}
		}
		for {
			p, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			w.mu.Lock()
			w.got = append(w.got, p)
			w.mu.Unlock()
		}
	})
	viewer, answer, err := room.View(context.Background(), offerOf(t, w.pc), func() { close(w.closed) }, nil)
	w.viewer = must(viewer, err)(t)
	accept(t, w.pc, answer)
	eventually(t, "admitted", func() bool {
		room.mu.Lock()
		defer room.mu.Unlock()
		return viewer.admitted
	})
	return w
}

func (w *watcher) count() int { w.mu.Lock(); defer w.mu.Unlock(); return len(w.got) }
