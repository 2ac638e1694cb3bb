package session

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"

	"consento/protocol"
	"consento/recordings"
)

// peer makes a browser or agent's connection that sends or receives AV1.
func peer(t testing.TB) *webrtc.PeerConnection {
	t.Helper()
	media := &webrtc.MediaEngine{}
	must(0, media.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeAV1, ClockRate: 90000}, PayloadType: 96}, webrtc.RTPCodecTypeVideo))(t)
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() })
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	pc := must(webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(&interceptor.Registry{}), webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{}))(t)
	t.Cleanup(func() { must(0, pc.GracefulClose())(t) })
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

func consoleOffer(t testing.TB) (*webrtc.PeerConnection, string) {
	pc := peer(t)
	must(pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}))(t)
	return pc, offerOf(t, pc)
}

func connect(t testing.TB, pc *webrtc.PeerConnection, answer string) {
	t.Helper()
	must(0, pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}))(t)
	eventually(t, "connected", func() bool { return pc.ConnectionState() == webrtc.PeerConnectionStateConnected })
}

// stream is a real AV1 stream (libaom, 160x96) in packets; frame i has the
// timestamp 9000*i.
func stream(t testing.TB) (list []*rtp.Packet, frames [][]byte) {
	t.Helper()
	var payloader codecs.AV1Payloader
	b := must(os.ReadFile("../../../recordings/testdata/small.ivf"))(t)
	for b = b[32:]; len(b) >= 12; {
		n := int(binary.LittleEndian.Uint32(b))
		unit := bytes.TrimPrefix(b[12:12+n], []byte{0x12, 0})
		payloads := payloader.Payload(1100, unit)
		for j, p := range payloads {
			list = append(list, &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: uint16(len(list)), Timestamp: uint32(9000 * len(frames)), Marker: j == len(payloads)-1}, Payload: p})
		}
		frames = append(frames, unit)
		b = b[12+n:]
	}
	return list, frames
}

// TestNothingBeforeTheConsent: a hostile agent sends its picture before the
// customer has allowed it, and after it was taken back.
func TestNothingBeforeTheConsent(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	p := e.waiting(t)
	pc := peer(t)
	track := must(webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeAV1, ClockRate: 90000}, "a", "b"))(t)
	must(pc.AddTrack(track))(t)
	connect(t, pc, must(p.agent.Publish(t.Context(), offerOf(t, pc)))(t))
	console, offer := consoleOffer(t)
	got := make(chan *rtp.Packet, 1000)
	console.OnTrack(func(r *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			packet, _, err := r.ReadRTP()
			if err != nil {
				return
			}
			got <- packet
		}
	})
	view, answer, err := e.m.View(t.Context(), anna, p.id, offer)
	must(view, err)(t)
	connect(t, console, answer)
	list, frames := stream(t)
	send := func(from int, after func(sent int)) int {
		for i, x := range list {
			copied := *x
			copied.SequenceNumber += uint16(from)
			if err := track.WriteRTP(&copied); err != nil {
				break
			}
			after(from + i + 1)
		}
		return from + len(list)
	}
	arrived := func(sent int) {
		if sent%8 != 0 && sent%len(list) != 0 {
			return // few enough on their way: loopback loses what comes in one go
		}
		eventually(t, "the picture has come", func() bool { n, _ := e.m.Forwarded(); return int(n) >= sent })
	}
	begin := send(0, arrived)
	p.terms(t)
	p.activate(t)
	sent := send(begin, arrived)
	first := <-got
	if int(first.SequenceNumber) != begin {
		t.Errorf("the console's first packet is %d, the consent was before %d", first.SequenceNumber, begin)
	}
	eventually(t, "the console has the rest", func() bool { return len(got) == len(list)-1 })
	if s := p.state(t); !slices.Equal(s.Viewers, []string{anna.Name}) || !s.Recording {
		t.Errorf("%+v", s)
	}
	must(0, p.answer(t, protocol.ConsentWithdrawn))(t)
	send(sent, func(int) {}) // nobody waits for it
	p.removed(t).closed(t)
	if n := len(got); n != len(list)-1 {
		t.Errorf("%d packets after the view was taken back", n-len(list)+1)
	}

	events, report := e.events(t, p.id)
	given := find(events, protocol.EventConsentGiven)
	if find(events, protocol.EventViewerJoined) == nil || find(events, protocol.EventViewerLeft) == nil || given == nil {
		t.Fatalf("events %v", codes(events))
	}
	if report.Tracks[recordings.TrackVideo].Records == 0 {
		t.Fatal("no picture on the evidence")
	}
	s := e.opens(t, e.path(p.id))
	defer s.Close()
	must(s.Read(recordings.ScanOptions{}, func(i recordings.Item) error {
		if i.At.Milliseconds() < given.AtMS || i.Index < given.index {
			return fmt.Errorf("picture at %s, consent at %d ms", i.At, given.AtMS)
		}
		return nil
	}, recordings.TrackVideo))(t)
	out := t.TempDir()
	exported := must(recordings.Export(out, []*recordings.Session{s}, recordings.ScanOptions{}))(t)
	if n := countFrames(t, filepath.Join(out, exported.Videos[0].File)); n != strconv.Itoa(len(frames)) {
		t.Errorf("%s frames on the evidence, %d were sent with consent", n, len(frames))
	}
}

func TestWhoMayView(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	_, offer := consoleOffer(t)
	bert := anna
	bert.ID, bert.Name = "bert-id", "Bert"
	blind := anna
	blind.Profile = protocol.Profile{Name: "blind"}
	p := e.issue(t)
	view := func(by Technician, id string) error {
		v, _, err := e.m.View(t.Context(), by, id, offer)
		if err == nil {
			v.Close()
		}
		return err
	}
	if err := view(anna, p.id); !errors.Is(err, ErrNotNow) {
		t.Errorf("before Joined: %v", err)
	}
	p.redeem(t)
	for name, c := range map[string]struct {
		by   Technician
		id   string
		want error
	}{"somebody else": {bert, p.id, ErrNoSession}, "no such": {anna, "x", ErrNoSession}, "without the right": {blind, p.id, ErrNotAllowed}} {
		if err := view(c.by, c.id); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if c.want == ErrNoSession {
			if err := e.m.End(t.Context(), c.by, c.id); !errors.Is(err, ErrNoSession) {
				t.Errorf("%s ends it: %v", name, err)
			}
		}
	}
	if err := view(anna, p.id); err != nil {
		t.Errorf("from Joined on: %v", err)
	}
	if _, _, err := e.m.View(t.Context(), anna, p.id, "garbage"); err == nil {
		t.Error("garbage")
	}
	eventually(t, "nobody watches", func() bool { return len(p.state(t).Viewers) == 0 })
	for range maxViewers {
		v, _, err := e.m.View(t.Context(), anna, p.id, offer)
		must(v, err)(t)
	}
	if err := view(anna, p.id); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("one too many: %v", err)
	}
	must(0, e.m.Stop(t.Context(), p.id))(t)
	p.closed(t)
	if err := view(anna, p.id); !errors.Is(err, ErrNoSession) {
		t.Errorf("after the end: %v", err)
	}
	list, _ := e.events(t, p.id)
	in, out := 0, 0
	for _, x := range list {
		switch x.Code {
		case protocol.EventViewerJoined:
			in++
		case protocol.EventViewerLeft:
			out++
		}
	}
	if in != maxViewers+2 || out != in {
		t.Errorf("%d came, %d left", in, out)
	}
}

func TestAgentCannotConnectItsPictureForEver(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	p := e.waiting(t)
	for range maxPublished {
		if _, err := p.agent.Publish(t.Context(), "garbage"); err == nil || errors.Is(err, ErrNotAllowed) {
			t.Fatal(err)
		}
	}
	if _, err := p.agent.Publish(t.Context(), "garbage"); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("%v", err)
	}
}

func TestFollow(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	p := e.issue(t)
	changes := must(e.m.Follow(t.Context(), p.id))(t)
	if s := <-changes; s.State != protocol.StateIssued {
		t.Errorf("first %s", s.State)
	}
	// While nobody reads, steps in between are left out, the latest is not.
	p.redeem(t).name(t).join(t).terms(t).activate(t)
	n := 0
	for s := range changes {
		if n++; s.State == protocol.StateActive {
			break
		}
	}
	if n > 3 {
		t.Errorf("%d steps were kept for a slow reader", n)
	}
	must(0, p.agent.Gone(t.Context(), false))(t)
	var final protocol.Session
	for s := range changes { // ends by itself
		final = s
	}
	if final.State != protocol.StateClosed || final.EndReason != protocol.EndAgentLost {
		t.Errorf("last %+v", final)
	}
	again := must(e.m.Follow(t.Context(), p.id))(t)
	if s, ok := <-again; !ok || s.State != protocol.StateClosed {
		t.Errorf("%+v", s)
	}
	if _, ok := <-again; ok {
		t.Error("goes on after the end")
	}
	if _, err := e.m.Follow(t.Context(), "x"); !errors.Is(err, ErrNoSession) {
		t.Error(err)
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	old := e.issue(t)
	must(0, e.m.End(t.Context(), anna, old.id))(t)
	old.closed(t)
	live := e.issue(t)
	ctx, cancel := context.WithCancel(t.Context())
	list, changes, err := e.m.Watch(ctx, anna, nothing)
	if err != nil || len(list) != 2 || list[0].ID != live.id || list[1].ID != old.id {
		t.Fatalf("%+v, %v", list, err)
	}
	none, foreign, err := e.m.Watch(ctx, Technician{ID: "bert-id"}, nothing)
	if err != nil || len(none) != 0 {
		t.Fatalf("%+v, %v", none, err)
	}
	live.redeem(t)
	if s := <-changes; s.ID != live.id || s.State != protocol.StateJoined {
		t.Errorf("%+v", s)
	}
	cancel()
	for range changes {
	}
	for s := range foreign {
		t.Errorf("another's session: %+v", s)
	}
	if n := e.m.Live(); n[protocol.StateJoined] != 1 || len(n) != 1 {
		t.Errorf("live: %v", n)
	}
}

// countFrames decodes a file.
func countFrames(t *testing.T, path string) string {
	t.Helper()
	out := must(exec.Command("ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", path).Output())(t)
	return strings.Trim(string(out), ",\n")
}
