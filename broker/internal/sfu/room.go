package sfu

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"consento/protocol"
)

// keyFrameInterval is the shortest time between two requests for a key frame.
const keyFrameInterval = 500 * time.Millisecond

// stopPatience is how long Stop waits for packets that are going out at that
// moment: a connection that is stuck must not hold the red X up.
const stopPatience = 250 * time.Millisecond

// gatherTimeout bounds the wait for our own addresses, which are known at once.
const gatherTimeout = 3 * time.Second

func srtpProfiles() []dtls.SRTPProtectionProfile {
	return []dtls.SRTPProtectionProfile{dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80}
}

// Taps are called for what comes from the agent, each from one goroutine, in
// order. They must not block for long: they hold the picture up.
type Taps struct {
	Frame  func(Frame)
	Gap    func()                      // frames were lost on the way from the agent
	Cursor func(protocol.CursorUpdate) // already checked
	State  func(connected bool)        // of the agent's connection
	Wish   func()                      // Room.Wish has changed
	// Terminal is called for each message on the agent's channel for terminals, nil for
	// one that is none.
	Terminal func([]byte)
	// Parcel is called for each message on one of the agent's channels for text and
	// content; text tells the former from the latter.
	Parcel func(label string, text bool, data []byte)
}

// Room is the picture of one session: one agent publishes, any number views.
// Its methods may be called from any goroutine.
type Room struct {
	sfu  *SFU
	taps Taps

	open    atomic.Bool  // the customer consented and it is on the evidence
	gate    sync.RWMutex // held for reading while something goes out to a viewer
	stopped atomic.Bool  // set under mu
	bytes   atomic.Uint64
	packets atomic.Uint64

	mu       sync.Mutex
	agent    *webrtc.PeerConnection
	entered  bool                  // the agent's one track is there
	source   webrtc.SSRC           // of the agent's video, 0 before the first packet
	asked    time.Time             // when the last key frame was asked for
	slowed   time.Time             // when the agent was last told what viewers can take
	take     int                   // what they can, bit/s, as the agent was told; 0 for no limit
	crisp    bool                  // asked for by the owner
	wish     Wish                  // as last told
	seam     seam                  // of the agent's connections, one after the other
	group    group                 // the last key frame and what followed
	viewers  map[*Viewer]struct{}  // all of them, the connected ones are admitted
	cursor   protocol.CursorUpdate // position and shape as last seen
	hasShape bool
	readers  *running
	track    *webrtc.TrackRemote // the agent's, as read
	tracks   sync.WaitGroup      // whose reading is not over
	flushed  chan struct{}       // closed when nothing more is tapped
	input    *webrtc.DataChannel // to the agent's present connection, nil if it has none
	terminal *webrtc.DataChannel // likewise
	ways     map[string]*Way     // likewise, by label; the map never changes
}

// NewRoom makes an empty room. It drops whatever the agent sends until Open.
func (s *SFU) NewRoom(taps Taps) (*Room, error) {
	if taps.Frame == nil || taps.Gap == nil || taps.Cursor == nil || taps.State == nil || taps.Wish == nil || taps.Terminal == nil || taps.Parcel == nil {
		return nil, errors.New("sfu: a tap is missing")
	}
	r := &Room{sfu: s, taps: taps, wish: Wish{Codec: AV1}, viewers: map[*Viewer]struct{}{}, flushed: make(chan struct{}), readers: newRunning()}
	r.ways = newWays(r)
	return r, nil
}

// Open lets the picture through, from the next key frame on. It is called when
// the customer's consent is on the evidence, and when the customer goes on after a
// pause.
func (r *Room) Open() { r.open.Store(true) }

// Pause stops the picture until Open: the customer hides it. When it returns,
// nothing is forwarded; who comes meanwhile sees nothing of what was shown before.
func (r *Room) Pause() {
	r.open.Store(false)
	r.forget()
	r.settle()
}

// Forwarded returns how many packets and payload bytes of the picture came from
// the agent, with those that were not let through.
func (r *Room) Forwarded() (packets, bytes uint64) { return r.packets.Load(), r.bytes.Load() }

// Publishing reports whether the agent's connection is there, or may still come
// back by itself.
func (r *Room) Publishing() bool {
	r.mu.Lock()
	agent := r.agent
	r.mu.Unlock()
	if agent == nil || r.stopped.Load() {
		return false
	}
	switch agent.ConnectionState() {
	case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
		return false
	}
	return true
}

// Publish answers the agent's offer. A second publisher replaces the first.
func (r *Room) Publish(ctx context.Context, offer string) (string, error) {
	if r.stopped.Load() {
		return "", ErrStopped
	}
	pc, err := r.sfu.publish.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return "", fmt.Errorf("sfu: %w", err)
	}
	pc.OnTrack(func(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
		if r.enter(pc, track) {
			go r.hear(receiver)
			defer r.readers.done()
			defer r.tracks.Done()
			r.read(track)
		}
	})
	var cursor, input, terminal atomic.Bool // one channel is there
	parcels := map[string]*atomic.Bool{}    // likewise; the map never changes
	for _, label := range parcelChannels {
		parcels[label] = new(atomic.Bool)
	}
	pc.OnDataChannel(func(channel *webrtc.DataChannel) {
		if channel.Label() == protocol.InputChannel && !input.Swap(true) {
			r.takeInput(pc, channel)
			return
		}
		if channel.Label() == protocol.ShellChannel && !terminal.Swap(true) {
			r.takeTerminal(pc, channel)
			return
		}
		if taken := parcels[channel.Label()]; taken != nil && !taken.Swap(true) {
			r.takeParcels(pc, channel)
			return
		}
		if channel.Label() == protocol.CursorChannel && !cursor.Swap(true) {
			channel.OnMessage(func(m webrtc.DataChannelMessage) { r.moveCursor(m.Data) })
		}
	})
	pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		switch state {
		case webrtc.PeerConnectionStateConnected:
			r.taps.State(true)
		case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateDisconnected:
			r.taps.State(false)
		}
	})
	answer, err := respond(ctx, pc, offer)
	if err != nil {
		return "", errors.Join(err, pc.Close())
	}
	r.mu.Lock()
	old := r.agent
	r.agent, r.entered, r.source, r.input, r.terminal = pc, false, 0, nil, nil
	for _, w := range r.ways {
		w.channel.Store(nil)
	}
	r.mu.Unlock()
	if old != nil {
		err = old.Close()
	}
	if r.stopped.Load() { // stopped meanwhile
		return "", errors.Join(ErrStopped, pc.Close())
	}
	return answer, err
}

// respond makes the answer to an offer, with all our candidates in it.
func respond(ctx context.Context, pc *webrtc.PeerConnection, offer string) (string, error) {
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", fmt.Errorf("%w: %w", ErrOffer, err)
	}
	answer, err := pc.CreateAnswer(nil)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrOffer, err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(answer); err != nil {
		return "", fmt.Errorf("%w: %w", ErrOffer, err)
	}
	ctx, cancel := context.WithTimeout(ctx, gatherTimeout)
	defer cancel()
	select {
	case <-gathered:
	case <-ctx.Done():
		return "", fmt.Errorf("sfu: gathering addresses: %w", ctx.Err())
	}
	return pc.LocalDescription().SDP, nil
}

// enter lets the first video track of the agent's present connection in, and no
// other: what is seen and what is recorded is one picture.
func (r *Room) enter(pc *webrtc.PeerConnection, track *webrtc.TrackRemote) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped.Load() || r.agent != pc || r.entered || track.Kind() != webrtc.RTPCodecTypeVideo {
		return false
	}
	r.entered, r.source, r.track, r.group = true, track.SSRC(), track, group{}
	r.seam.open()
	r.readers.add(2)
	r.tracks.Add(1)
	return true
}

// hear reads the agent's sender reports until its connection is closed, so that our
// receiver reports answer them: from these a browser knows its round trip, within
// which it sends no packet a second time (RFC 3550 section 6.4.1). One that does not
// know sends what is missing each time it is asked, and fills a small link with it.
func (r *Room) hear(receiver *webrtc.RTPReceiver) {
	defer r.readers.done()
	buf := make([]byte, 1500)
	for {
		if _, _, err := receiver.Read(buf); err != nil {
			return
		}
	}
}

// read forwards and records until the agent's track ends. What cannot be
// recorded is not seen either: after a loss nothing passes before a key frame.
func (r *Room) read(track *webrtc.TrackRemote) {
	codec, ok := codecOf(track.Codec().MimeType)
	if !ok {
		return // nothing else was negotiated
	}
	payloadType := track.PayloadType()
	passing := false
	frames := newFrames(codec, r.taps.Frame, func(first bool) {
		passing = false
		r.forget()
		if first {
			r.taps.Gap()
		}
		r.RequestKeyFrame()
	}, r.RequestKeyFrame)
	for {
		packet, _, err := track.ReadRTP()
		if err != nil || r.stopped.Load() {
			if r.open.Load() { // whoever watched has seen what came: it is recorded too
				frames.flush(time.Now())
			}
			return
		}
		if now := track.PayloadType(); now != payloadType {
			payloadType = now
			if codec, ok = codecOf(track.Codec().MimeType); !ok {
				return
			}
			passing = false // not before its key frame
		}
		r.packets.Add(1)
		r.bytes.Add(uint64(len(packet.Payload)))
		if !r.open.Load() {
			passing = false
			frames.rest()
			continue // no picture without consent or in a pause, whatever an agent sends
		}
		packet.Extension, packet.Extensions = false, nil
		packet.Header.Padding, packet.Header.PaddingSize = false, 0
		packet.PayloadType = uint8(codec)
		if !frames.wants(packet) {
			frames.late(time.Now())
			continue
		}
		passing = passing || startsSequence(packet)
		if passing && !r.forward(track.SSRC(), packet) {
			passing = false // paused meanwhile
			continue
		}
		frames.push(packet, time.Now())
	}
}

// forget drops the last key frame and what followed: it has a hole.
func (r *Room) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.group = group{}
}

// forward queues a packet of a track for each viewer, unless the room was paused
// meanwhile.
func (r *Room) forward(source webrtc.SSRC, p *rtp.Packet) (open bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.open.Load() || source != r.source {
		return false
	}
	p = r.seam.join(p, time.Now())
	r.group.add(p)
	for v := range r.viewers {
		if v.admitted {
			v.offer(p)
		}
	}
	return true
}

// RequestKeyFrame asks the agent for a key frame, at most every half second.
func (r *Room) RequestKeyFrame() {
	r.mu.Lock()
	agent, source := r.agent, r.source
	if source == 0 || time.Since(r.asked) < keyFrameInterval {
		r.mu.Unlock()
		return
	}
	r.asked = time.Now()
	r.mu.Unlock()
	// An error means that the connection is going away, and then no key frame
	// is needed any more.
	_ = agent.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(source)}})
}

func (r *Room) moveCursor(data []byte) {
	update, err := protocol.DecodeCursorUpdate(data)
	if err != nil || r.stopped.Load() || !r.open.Load() {
		return // hostile or broken: the cursor is not worth a session
	}
	r.mu.Lock()
	r.cursor.X, r.cursor.Y = update.X, update.Y
	if update.Shape != nil {
		r.cursor.Shape, r.hasShape = update.Shape, true
	}
	viewers := make([]*Viewer, 0, len(r.viewers))
	for v := range r.viewers {
		viewers = append(viewers, v)
	}
	r.mu.Unlock()
	// What was understood goes on, not what came: a console may read the same
	// bytes in another way.
	clean, err := update.Encode()
	if err != nil {
		return
	}
	for _, v := range viewers {
		v.sendCursor(clean)
	}
	r.taps.Cursor(update)
}

// cursorState returns the cursor as one message, nil while none is known.
func (r *Room) cursorState() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.hasShape {
		return nil
	}
	data, err := r.cursor.Encode()
	if err != nil {
		return nil
	}
	return data
}

// Stop ends the picture: when it returns, nothing is forwarded any more, and
// nothing that comes later is recorded. What came before is tapped until Flushed.
// The connections close behind it; Wait waits for that.
func (r *Room) Stop() {
	if !r.stop() {
		return
	}
	r.mu.Lock()
	agent, track, viewers := r.agent, r.track, r.viewers
	r.viewers, r.group = map[*Viewer]struct{}{}, group{}
	r.readers.add(2)
	r.mu.Unlock()
	if track != nil {
		_ = track.SetReadDeadline(time.Now()) // its reader wakes up; a closed one has done so
	}
	go func() {
		defer r.readers.done()
		r.tracks.Wait()
		close(r.flushed)
	}()
	go func() {
		defer r.readers.done()
		if agent != nil {
			_ = agent.Close() // nothing is left to save
		}
		for v := range viewers {
			v.shut()
		}
	}()
}

// Flushed is closed when a stopped room taps no frame any more: that is at once,
// unless a tap is held up.
func (r *Room) Flushed() <-chan struct{} { return r.flushed }

// stop closes the gate and lets what is on its way pass out. It reports whether
// it was the first to do so.
func (r *Room) stop() (first bool) {
	r.mu.Lock()
	first = !r.stopped.Swap(true)
	r.mu.Unlock()
	r.settle()
	return first
}

// settle returns when what was going out is out, or after a short while.
func (r *Room) settle() {
	r.readers.add(1)
	passed := make(chan struct{})
	go func() {
		defer r.readers.done()
		r.gate.Lock()
		defer r.gate.Unlock()
		close(passed)
	}()
	patience := time.NewTimer(stopPatience)
	defer patience.Stop()
	select {
	case <-passed:
	case <-patience.C:
	}
}

// Wait returns when the connections of a stopped room are closed.
func (r *Room) Wait() { r.readers.wait() }
