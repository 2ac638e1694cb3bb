package sfu

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"consento/protocol"
)

// What came behind a packet that never comes is recorded when the picture stops.
func TestStopRecordsWhatWaits(t *testing.T) {
	room, rec := newRoom(t, newSFU(t))
	agent := publish(t, room)
	stream := units(t)
	list := packets(stream, 1)
	second := 1 + slices.IndexFunc(list, func(p *rtp.Packet) bool { return p.Marker })
	again := packets(stream, list[len(list)-1].SequenceNumber+1) // begins with a key frame
	room.Open()
	agent.send(t, slices.Concat(list[:second], list[second+1:], again))
	room.Stop()
	<-room.Flushed()
	if n := rec.count(); n != 1+len(stream) {
		t.Errorf("%d frames of %d", n, 1+len(stream))
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if rec.gaps != 1 {
		t.Errorf("%d gaps", rec.gaps)
	}
}

func TestPictureReachesConsolesAndRecorder(t *testing.T) {
	s := newSFU(t)
	room, rec := newRoom(t, s)
	agent := publish(t, room)
	first := watch(t, room)
	stream := units(t)
	sent := packets(stream, 65500) // the sequence number wraps
	room.Open()
	agent.send(t, sent)
	eventually(t, "all packets forwarded", func() bool { return first.count() >= len(sent) })
	eventually(t, "all frames recorded", func() bool { return rec.count() >= len(stream) })
	same(t, first, sent)
	rec.mu.Lock()
	for i, f := range rec.frames {
		if !bytes.Equal(f.Data, stream[i]) || f.Key != (i == 0) || (i > 0 && f.Time.Before(rec.frames[i-1].Time)) {
			t.Errorf("frame %d: %d bytes of %d, key %t, %v", i, len(f.Data), len(stream[i]), f.Key, f.Time)
		}
	}
	if rec.gaps != 0 || len(rec.states) == 0 || !rec.states[0] {
		t.Errorf("%d gaps, states %v", rec.gaps, rec.states)
	}
	rec.mu.Unlock()
	if n, size := room.Forwarded(); int(n) != len(sent) || size == 0 {
		t.Errorf("forwarded %d packets, %d bytes", n, size)
	}

	// Who comes late gets the key frame and all that followed, and the agent is
	// not asked for anything.
	asked := agent.asked()
	late := watch(t, room)
	eventually(t, "the late one has the group", func() bool { return late.count() >= len(sent) })
	same(t, late, sent)
	if agent.asked() != asked {
		t.Error("the agent was asked for a key frame")
	}

	// One console leaves, the other stays.
	first.viewer.Close()
	<-first.closed
	more := packets(stream[:3], sent[len(sent)-1].SequenceNumber+1)
	agent.send(t, more)
	eventually(t, "the other one goes on", func() bool { return late.count() >= len(sent)+len(more) })
	if first.count() != len(sent) {
		t.Error("a closed console gets packets")
	}
}

func same(t *testing.T, w *watcher, sent []*rtp.Packet) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.got) != len(sent) || w.extension == 0 {
		t.Fatalf("%d packets of %d, extension %d", len(w.got), len(sent), w.extension)
	}
	for i, p := range w.got {
		if p.SequenceNumber != sent[i].SequenceNumber || p.Timestamp != sent[i].Timestamp || p.Marker != sent[i].Marker || !bytes.Equal(p.Payload, sent[i].Payload) {
			t.Fatalf("packet %d is %v instead of %v", i, p.Header, sent[i].Header)
		}
		if !bytes.Equal(p.GetExtension(w.extension), []byte{0, 0, 0}) || len(p.Extensions) != 1 {
			t.Fatalf("packet %d has the extensions %v", i, p.Extensions)
		}
	}
}

func TestNothingPassesBeforeTheConsent(t *testing.T) {
	s := newSFU(t)
	room, rec := newRoom(t, s)
	agent := publish(t, room)
	console := watch(t, room)
	stream := units(t)
	early := packets(stream[:5], 1)
	agent.send(t, early)
	room.moveCursor([]byte(`{"x":1,"y":1}`))
	eventually(t, "all has come", func() bool { n, _ := room.Forwarded(); return int(n) == len(early) })
	room.Open()
	middle := packets(stream[5:8], early[len(early)-1].SequenceNumber+1) // no key frame in it
	agent.send(t, middle)
	eventually(t, "a key frame is asked for", func() bool { return agent.asked() > 0 })
	late := packets(stream[:4], middle[len(middle)-1].SequenceNumber+1)
	agent.send(t, late)
	eventually(t, "the picture after the consent", func() bool { return console.count() >= len(late) && rec.count() >= 4 })
	console.mu.Lock()
	defer console.mu.Unlock()
	if console.got[0].SequenceNumber != late[0].SequenceNumber || rec.frames[0].Key != true || rec.count() != 4 {
		t.Errorf("first packet %d, %d frames", console.got[0].SequenceNumber, rec.count())
	}
	if len(rec.cursors) != 0 || len(console.cursors) != 0 {
		t.Error("the cursor passed before the consent")
	}
}

func sendCursor(t *testing.T, p *publisher, text string) {
	t.Helper()
	eventually(t, "channel open", func() bool { return p.cursor.ReadyState() == webrtc.DataChannelStateOpen })
	must(0, p.cursor.SendText(text))(t)
}

func TestKeyFrameRequestsAreRare(t *testing.T) {
	s := newSFU(t)
	room, _ := newRoom(t, s)
	agent := publish(t, room)
	console := watch(t, room)
	room.Open()
	agent.send(t, packets(units(t)[:2], 1))
	eventually(t, "a picture", func() bool { return console.count() > 0 })
	console.mu.Lock()
	source := uint32(console.got[0].SSRC)
	console.mu.Unlock()
	before := agent.asked()
	begin := time.Now()
	tries := 0
	eventually(t, "three requests", func() bool {
		must(0, console.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: source}}))(t)
		tries++
		return agent.asked() >= before+3
	})
	took := time.Since(begin)
	// One that was asked before may have come meanwhile.
	if n, most := agent.asked()-before, int(took/keyFrameInterval)+2; n > most || tries < 10*n {
		t.Errorf("%d requests in %s, when %d were made", n, took, tries)
	}
}

// countingWriter stands where packets leave for one console.
type countingWriter struct {
	webrtc.TrackLocalWriter
	n     atomic.Int64
	block atomic.Pointer[chan struct{}]
}

func (c *countingWriter) WriteRTP(h *rtp.Header, p []byte) (int, error) {
	if wait := c.block.Load(); wait != nil {
		<-*wait
	}
	n, err := c.TrackLocalWriter.WriteRTP(h, p)
	c.n.Add(1)
	return n, err
}

func (w *watcher) counted() *countingWriter {
	bound := *w.viewer.track.writer.Load()
	c := &countingWriter{TrackLocalWriter: bound.out}
	bound.out = c
	w.viewer.track.writer.Store(&bound)
	return c
}

func TestNothingIsForwardedAfterStop(t *testing.T) {
	s := newSFU(t)
	stream := units(t)
	for range 3 {
		room, rec := newRoom(t, s)
		agent := publish(t, room)
		console := watch(t, room)
		writer := console.counted()
		room.Open()
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() { // an agent that does not care
			defer close(stopped)
			for n := uint16(0); ; n += 1000 {
				for i, p := range packets(stream, n) {
					select {
					case <-stop:
						return
					default:
					}
					if agent.track.WriteRTP(p) != nil {
						return
					}
					if i%window == 0 {
						runtime.Gosched() // there are others
					}
				}
			}
		}()
		eventually(t, "a picture", func() bool { return writer.n.Load() > 500 })
		room.Stop()
		after := writer.n.Load()
		room.Stop() // again does nothing
		room.Wait()
		frames := rec.count()
		<-console.closed
		close(stop)
		<-stopped
		if writer.n.Load() != after || rec.count() != frames {
			t.Errorf("%d packets and %d frames after the stop", writer.n.Load()-after, rec.count()-frames)
		}
		if _, err := room.Publish(context.Background(), "v=0"); !errors.Is(err, ErrStopped) {
			t.Errorf("publish: %v", err)
		}
		if _, _, err := room.View(context.Background(), "v=0", func() {}, nil); !errors.Is(err, ErrStopped) {
			t.Errorf("view: %v", err)
		}
	}
}

func TestStuckConsoleHurtsNobody(t *testing.T) {
	s := newSFU(t)
	room, rec := newRoom(t, s)
	agent := publish(t, room)
	slow, quick := watch(t, room), watch(t, room)
	writer := slow.counted()
	stuck := make(chan struct{})
	writer.block.Store(&stuck)
	room.Open()
	stream := units(t)
	var sequence uint16
	total, frames := 0, 0
	for total < queuePackets+maxGroupPackets { // more than the slow one's queue holds
		list := packets(stream, sequence)
		agent.send(t, list)
		sequence += uint16(len(list))
		total += len(list)
		frames += len(stream)
		eventually(t, "the quick one has it all", func() bool { return quick.count() >= total })
	}
	eventually(t, "it is all recorded", func() bool { return rec.count() == frames })
	if writer.n.Load() != 0 || !slow.viewer.lost.Load() {
		t.Errorf("the slow one got %d packets, lost %t", writer.n.Load(), slow.viewer.lost.Load())
	}
	// When it reads again, a key frame is asked for, and it goes on from there.
	before := agent.asked()
	writer.block.Store(nil)
	close(stuck)
	eventually(t, "a key frame is asked for", func() bool { return agent.asked() > before })
	eventually(t, "the queue is empty", func() bool { return len(slow.viewer.queue) == 0 })
	last := packets(stream[:1], sequence)
	agent.send(t, last)
	eventually(t, "the slow one goes on", func() bool {
		slow.mu.Lock()
		defer slow.mu.Unlock()
		n := len(slow.got)
		return n > 0 && slow.got[n-1].SequenceNumber == last[len(last)-1].SequenceNumber
	})
	// The red X does not wait for a stuck one.
	again := make(chan struct{})
	writer.block.Store(&again)
	agent.send(t, packets(stream[:2], sequence+uint16(len(last))))
	eventually(t, "it is stuck", func() bool { return len(slow.viewer.queue) > 0 })
	room.Stop()
	close(again) // only now
}

func TestOnlyOneTrackOfAnAgent(t *testing.T) {
	s := newSFU(t)
	room, rec := newRoom(t, s)
	pc := connection(t)
	var tracks [2]*webrtc.TrackLocalStaticRTP
	for i := range tracks {
		tracks[i] = must(webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeAV1, ClockRate: 90000}, string(rune('a'+i)), "x"))(t)
		must(pc.AddTrack(tracks[i]))(t)
	}
	accept(t, pc, must(room.Publish(context.Background(), offerOf(t, pc)))(t))
	room.Open()
	stream := units(t)
	list := packets(stream, 1)
	first := &publisher{room: room, track: tracks[0]}
	first.send(t, list[:len(list)/2])
	// What the second sends comes before what the first sends next.
	other := packets(stream, 30000)
	for i, p := range list[len(list)/2:] {
		must(0, tracks[1].WriteRTP(other[i]))(t)
		first.send(t, []*rtp.Packet{p})
	}
	eventually(t, "the first goes on", func() bool { return rec.count() >= len(stream) })
	if n, _ := room.Forwarded(); int(n) != len(list) || rec.gaps != 0 {
		t.Errorf("%d packets of %d, %d gaps", n, len(list), rec.gaps)
	}
}

// TestRetransmissionBehindALargeFrame: what is sent again counts however much came
// after it.
func TestRetransmissionBehindALargeFrame(t *testing.T) {
	room, rec := newRoom(t, newSFU(t))
	room.Open()
	agent := publish(t, room)
	var stream [][]byte
	sent := packets(units(t), 1)
	for len(sent) < 200 { // key frames and what follows, over and over
		stream = append(stream, units(t)...)
		sent = packets(stream, 1)
	}
	const missing = 3
	agent.send(t, sent[:missing])
	agent.send(t, sent[missing+1:])
	agent.send(t, sent[missing:missing+1])
	eventually(t, "all frames", func() bool { return rec.count() == len(stream) })
	if rec.mu.Lock(); rec.gaps != 0 {
		t.Errorf("%d gaps", rec.gaps)
	}
	rec.mu.Unlock()
}

// Who sends learns its round trip: its reports are answered.
func TestSenderReportsAreAnswered(t *testing.T) {
	room, _ := newRoom(t, newSFU(t))
	room.Open()
	agent := publish(t, room)
	agent.send(t, packets(units(t)[:1], 1))
	const at = 0x1234567890abcdef
	eventually(t, "the report is answered", func() bool {
		must(0, agent.pc.WriteRTCP([]rtcp.Packet{&rtcp.SenderReport{SSRC: agent.source, NTPTime: at}}))(t)
		agent.mu.Lock()
		defer agent.mu.Unlock()
		return agent.last == at>>16&0xffffffff
	})
}

func TestASecondPublisherReplacesTheFirst(t *testing.T) {
	s := newSFU(t)
	room, rec := newRoom(t, s)
	room.Open()
	stream := units(t)
	first := publish(t, room)
	first.send(t, packets(stream[:3], 1))
	eventually(t, "the first", func() bool { return rec.count() == 3 })
	second := publish(t, room)
	eventually(t, "the first is cut off", func() bool {
		state := first.pc.ConnectionState()
		return state == webrtc.PeerConnectionStateClosed || state == webrtc.PeerConnectionStateFailed || state == webrtc.PeerConnectionStateDisconnected
	})
	second.send(t, packets(stream[:4], 7))
	eventually(t, "the second", func() bool { return rec.count() == 7 })
}

func TestCursor(t *testing.T) {
	s := newSFU(t)
	room, rec := newRoom(t, s)
	agent := publish(t, room)
	console := watch(t, room)
	eventually(t, "console's channel", func() bool { return console.viewer.channel.Load() != nil })
	room.Open()
	shape, err := protocol.CursorUpdate{X: 3, Y: 4, Shape: &protocol.CursorShape{Width: 1, Height: 1, RGBA: []byte{1, 2, 3, 4}}}.Encode()
	sendCursor(t, agent, string(must(shape, err)(t)))
	for _, hostile := range []string{"", "{", `{"x":99999}`, strings.Repeat(" ", protocol.MaxCursorMessage) + "{}", `{"shape":{"width":9}}`} {
		sendCursor(t, agent, hostile)
	}
	must(0, agent.cursor.Send([]byte{0xff, 0}))(t)
	// What a console would read in another way, or not expect, does not go on.
	sendCursor(t, agent, `{"x":1,"X":7,"y":8,"evil":"<script>"}`)
	eventually(t, "both", func() bool { console.mu.Lock(); defer console.mu.Unlock(); return len(console.cursors) == 2 })
	if console.cursors[0] != string(shape) || console.cursors[1] != `{"x":7,"y":8}` {
		t.Errorf("console got %q", console.cursors)
	}
	eventually(t, "on the record", func() bool { rec.mu.Lock(); defer rec.mu.Unlock(); return len(rec.cursors) == 2 })
	late := watch(t, room)
	eventually(t, "the late one knows the cursor", func() bool { late.mu.Lock(); defer late.mu.Unlock(); return len(late.cursors) == 1 })
	if u := must(protocol.DecodeCursorUpdate([]byte(late.cursors[0])))(t); u.X != 7 || u.Y != 8 || u.Shape == nil {
		t.Errorf("late: %s", late.cursors[0])
	}
}

func TestHostileOffers(t *testing.T) {
	s := newSFU(t)
	room, _ := newRoom(t, s)
	good := func() string {
		pc := connection(t)
		must(pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}))(t)
		return offerOf(t, pc)
	}()
	for name, offer := range map[string]string{
		"nothing": "", "garbage": "\x00\xff\x00", "a version": "v=0", "no media": "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n",
		"cut": good[:len(good)/2], "no fingerprint": strings.ReplaceAll(good, "a=fingerprint", "a=x"),
		"no ufrag": strings.ReplaceAll(good, "a=ice-ufrag", "a=x"), "VP8 only": strings.ReplaceAll(good, "AV1/90000", "VP8/90000"),
		"bad port": strings.ReplaceAll(good, "m=video 9", "m=video 99999999999"),
	} {
		if _, _, err := room.View(context.Background(), offer, func() {}, nil); !errors.Is(err, ErrOffer) {
			t.Errorf("view, %s: %v", name, err)
		}
		// An agent may offer no AV1: then it has no picture. It must not crash.
		if _, err := room.Publish(context.Background(), offer); err != nil && !errors.Is(err, ErrOffer) {
			t.Errorf("publish, %s: %v", name, err)
		}
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := room.View(cancelled, good, func() {}, nil); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestAViewerThatNeverConnectsIsClosedWithTheRoom: it offers and goes away.
func TestAViewerThatNeverConnectsIsClosedWithTheRoom(t *testing.T) {
	s := newSFU(t)
	room, _ := newRoom(t, s)
	pc := connection(t)
	must(pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}))(t)
	closed := make(chan struct{})
	v, _, err := room.View(context.Background(), offerOf(t, pc), func() { close(closed) }, nil)
	must(v, err)(t)
	room.Stop()
	room.Wait()
	<-closed
	if state := v.pc.ConnectionState(); state != webrtc.PeerConnectionStateClosed {
		t.Errorf("state %s", state)
	}
}

func TestHostilePayloads(t *testing.T) {
	s := newSFU(t)
	room, rec := newRoom(t, s)
	agent := publish(t, room)
	room.Open()
	random := rand.New(rand.NewPCG(1, 2))
	var list []*rtp.Packet
	for n := range 2000 {
		payload := make([]byte, random.IntN(300))
		for i := range payload {
			payload[i] = byte(random.Uint32())
		}
		list = append(list, &rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 96, SequenceNumber: uint16(n), Timestamp: random.Uint32() % 4 * 3000, Marker: n%7 == 0}, Payload: payload})
	}
	agent.send(t, list)
	eventually(t, "a key frame is asked for", func() bool { return agent.asked() > 0 })
	before := rec.count()
	agent.send(t, packets(units(t), 2000))
	eventually(t, "a good picture after it", func() bool { return rec.count() >= before+len(units(t)) })
}

func TestNewChecks(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("no address")
	}
	taken := must(net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}))(t)
	defer taken.Close()
	if s, err := New(Config{Address: taken.LocalAddr().(*net.UDPAddr)}); err == nil {
		t.Error("the port is taken", s.Close())
	}
	if _, err := newSFU(t).NewRoom(Taps{}); err == nil {
		t.Error("no taps")
	}
}

// TestStoppedByMany: who waits for a room may be joined by who stops, pauses and leaves it.
func TestStoppedByMany(t *testing.T) {
	sfu := newSFU(t)
	for range 50 {
		room, _ := newRoom(t, sfu)
		var all sync.WaitGroup
		for _, do := range []func(){room.Stop, func() { room.Stop(); room.Wait() }, room.Pause, room.Wait} {
			all.Go(do)
		}
		all.Wait()
	}
}
