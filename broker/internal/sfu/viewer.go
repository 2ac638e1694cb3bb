package sfu

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"consento/protocol"
	"consento/protocol/congestion"
)

const (
	// queuePackets is what a viewer may lag behind before it has to start over
	// at a key frame.
	queuePackets = maxGroupPackets + 512
	// fastest is how fast packets leave where no limit is known, bit/s: an unpaced
	// key frame loses packets even on loopback. advance is how far they may be
	// ahead of that pace or of the viewer's own.
	fastest     = 150_000_000
	advance     = time.Millisecond
	slowAdvance = 5 * time.Millisecond
	// maxLag is how far behind a viewer may be before whole frames are left out.
	maxLag = time.Second
	// slowKeyInterval is the shortest time between two key frames for a viewer
	// that is too slow for what is between them: they cost the others as well.
	slowKeyInterval = 5 * time.Second
)

// queued is a packet on its way to a viewer.
type queued struct {
	packet *rtp.Packet
	since  time.Time
}

// Viewer is one console's picture of a room.
type Viewer struct {
	room  *Room
	pc    *webrtc.PeerConnection
	track *viewerTrack
	queue chan queued
	link  *congestion.Estimator
	able  able
	lost  atomic.Bool // the queue overflowed: nothing goes out before a key frame
	off   atomic.Bool // nothing goes out any more

	admitted bool // connected; under the room's lock

	channel  atomic.Pointer[webrtc.DataChannel]
	terminal atomic.Pointer[webrtc.DataChannel]
	// onTerminal hears what comes on the latter.
	onTerminal atomic.Pointer[func([]byte)]
	ways       map[string]*Way // by label; the map never changes
	done       chan struct{}
	once       sync.Once
	gone       sync.Once
	sender     sync.WaitGroup
}

// View answers a console's offer: it will receive the picture from the last key
// frame on. The context bounds the answer only. OnClosed is called once, when
// the console's connection is gone.
// OnInput is called for each message that the console sends as input, nil for one
// that is none; it may be nil.
func (r *Room) View(ctx context.Context, offer string, onClosed func(), onInput func([]byte)) (*Viewer, string, error) {
	if r.stopped.Load() {
		return nil, "", ErrStopped
	}
	pc, err := r.sfu.view.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, "", fmt.Errorf("sfu: %w", err)
	}
	v := &Viewer{room: r, pc: pc, track: &viewerTrack{bound: make(chan struct{})}, queue: make(chan queued, queuePackets), link: congestion.NewEstimator(), ways: newWays(r), done: make(chan struct{})}
	sender, err := pc.AddTrack(v.track)
	if err != nil {
		return nil, "", errors.Join(fmt.Errorf("sfu: %w", err), pc.Close())
	}
	connected := make(chan struct{})
	var connect sync.Once
	pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		switch state {
		case webrtc.PeerConnectionStateConnected:
			connect.Do(func() { close(connected) })
		case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
			r.drop(v)
			v.gone.Do(onClosed)
		}
	})
	var input, terminal atomic.Bool // one channel is there
	pc.OnDataChannel(func(channel *webrtc.DataChannel) {
		if channel.Label() == protocol.InputChannel && onInput != nil && !input.Swap(true) {
			hearInput(channel, onInput)
			return
		}
		if channel.Label() == protocol.ShellChannel && !terminal.Swap(true) {
			v.takeTerminal(channel)
			return
		}
		if w := v.ways[channel.Label()]; w != nil && !w.taken.Swap(true) {
			w.takeParcels(channel)
			return
		}
		if channel.Label() != protocol.CursorChannel {
			return
		}
		channel.OnOpen(func() {
			v.channel.Store(channel)
			if state := r.cursorState(); state != nil {
				v.sendCursor(state)
			}
		})
	})
	answer, err := respond(ctx, pc, offer)
	if err != nil {
		return nil, "", errors.Join(err, pc.Close())
	}
	if v.able = ableBy(answer); !v.able.av1 && !v.able.vp9 {
		return nil, "", errors.Join(fmt.Errorf("%w: %w", ErrOffer, errNoCodec), pc.Close())
	}
	v.sender.Add(2)
	go func() { defer v.sender.Done(); v.readRTCP(sender) }()
	go func() { defer v.sender.Done(); v.send(connected) }()
	r.mu.Lock()
	stopped := r.stopped.Load()
	if !stopped {
		r.viewers[v] = struct{}{}
	}
	r.mu.Unlock()
	if stopped { // meanwhile
		v.shut()
		return nil, "", ErrStopped
	}
	r.rethink()
	return v, answer, nil
}

// Cut lets nothing more out to this viewer. When it returns, nothing is on its way here. It
// does not wait for the connection's end: Close does.
func (v *Viewer) Cut() {
	v.off.Store(true)
	v.room.settle()
}

// Close ends this viewer's picture; the room goes on.
func (v *Viewer) Close() {
	v.room.remove(v)
	v.shut()
}

func (v *Viewer) shut() {
	v.once.Do(func() { close(v.done) })
	_ = v.pc.Close() // nothing is left to save
	v.sender.Wait()
}

func (r *Room) remove(v *Viewer) {
	r.mu.Lock()
	delete(r.viewers, v)
	r.mu.Unlock()
	r.rethink()
}

// drop closes a viewer whose connection is gone. It returns at once: the
// connection cannot be closed by its own callback.
func (r *Room) drop(v *Viewer) {
	r.mu.Lock()
	_, there := r.viewers[v]
	delete(r.viewers, v)
	if there {
		r.readers.add(1)
	}
	r.mu.Unlock()
	if there {
		r.rethink()
		go func() { defer r.readers.done(); v.shut() }()
	}
}

// admit lets a connected viewer in, with the last key frame and what followed.
func (r *Room) admit(v *Viewer) {
	r.mu.Lock()
	if _, there := r.viewers[v]; !there {
		r.mu.Unlock()
		return
	}
	whole := r.group.whole
	if whole {
		for _, p := range r.group.packets {
			v.offer(p)
		}
	} else {
		v.lost.Store(true)
	}
	v.admitted = true
	r.mu.Unlock()
	if !whole {
		r.RequestKeyFrame()
	}
}

// offer queues a packet; it never blocks. The caller holds the room's lock.
func (v *Viewer) offer(p *rtp.Packet) {
	if v.lost.Load() {
		if !startsSequence(p) {
			return
		}
		v.lost.Store(false)
	}
	select {
	case v.queue <- queued{p, time.Now()}:
	default:
		v.lost.Store(true)
	}
}

func (v *Viewer) send(connected <-chan struct{}) {
	for _, ready := range []<-chan struct{}{connected, v.track.bound} {
		select {
		case <-ready:
		case <-v.done:
			return
		}
	}
	v.room.admit(v)
	o := outlet{viewer: v}
	for {
		select {
		case q := <-v.queue:
			if !o.wants(q, time.Now()) {
				continue
			}
			if !o.wait(q.packet) {
				return
			}
			v.room.gate.RLock()
			stopped := v.room.stopped.Load() || v.off.Load()
			if !stopped {
				v.track.write(q.packet)
			}
			v.room.gate.RUnlock()
			if stopped {
				return
			}
			if v.lost.Load() {
				v.room.RequestKeyFrame()
			}
		case <-v.done:
			return
		}
	}
}

func (v *Viewer) readRTCP(sender *webrtc.RTPSender) {
	for {
		packets, attributes, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		if report, ok := congestion.Reported(attributes); ok {
			now := time.Now()
			v.link.Report(now, report)
			v.track.playout.follow(now, v.link.State())
			v.room.slowDown()
		}
		for _, p := range packets {
			switch p.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				v.room.RequestKeyFrame()
			}
		}
	}
}

// maxCursorBacklog is how many bytes may wait for a slow viewer before cursor
// positions are left out.
const maxCursorBacklog = 64 << 10

func (v *Viewer) sendCursor(data []byte) {
	channel := v.channel.Load()
	if channel == nil || channel.BufferedAmount() > maxCursorBacklog {
		return
	}
	v.room.gate.RLock()
	defer v.room.gate.RUnlock()
	if !v.room.stopped.Load() && !v.off.Load() {
		// An error means that the channel is closing.
		_ = channel.SendText(string(data))
	}
}

// viewerTrack writes packets to one console with the playout-delay extension.
// It implements webrtc.TrackLocal.
type viewerTrack struct {
	writer atomic.Pointer[boundTrack]
	bound  chan struct{} // closed once packets can be written
	once   sync.Once

	playout playout
}

type boundTrack struct {
	out       webrtc.TrackLocalWriter
	ssrc      uint32
	payload   map[Codec]uint8 // as negotiated
	extension uint8           // id of the playout-delay extension, 0 if the browser lacks it
}

var errNoCodec = errors.New("the other side does not receive the codec of the picture")

func (t *viewerTrack) Bind(ctx webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	bound := &boundTrack{out: ctx.WriteStream(), ssrc: uint32(ctx.SSRC()), payload: map[Codec]uint8{}}
	var first webrtc.RTPCodecParameters
	for _, parameters := range ctx.CodecParameters() {
		codec, ok := codecOf(parameters.MimeType)
		if !ok || bound.payload[codec] != 0 && !isExact(parameters.SDPFmtpLine) {
			continue
		}
		if len(bound.payload) == 0 {
			first = parameters
		}
		bound.payload[codec] = uint8(parameters.PayloadType)
	}
	if len(bound.payload) == 0 {
		return first, errNoCodec
	}
	for _, x := range ctx.HeaderExtensions() {
		if x.URI == playoutDelayURI {
			bound.extension = uint8(x.ID)
		}
	}
	t.writer.Store(bound)
	t.once.Do(func() { close(t.bound) })
	return first, nil
}

func (t *viewerTrack) Unbind(webrtc.TrackLocalContext) error { t.writer.Store(nil); return nil }
func (t *viewerTrack) ID() string                            { return "screen" }
func (t *viewerTrack) RID() string                           { return "" }
func (t *viewerTrack) StreamID() string                      { return "consento" }
func (t *viewerTrack) Kind() webrtc.RTPCodecType             { return webrtc.RTPCodecTypeVideo }

// write sends p under this console's SSRC. The sequence number stays, so that
// order and gaps are the agent's own.
func (t *viewerTrack) write(p *rtp.Packet) {
	bound := t.writer.Load()
	if bound == nil {
		return
	}
	payload, ok := bound.payload[Codec(p.PayloadType)]
	if !ok {
		return // this browser cannot show it
	}
	header := p.Header
	header.SSRC, header.PayloadType = bound.ssrc, payload
	header.CSRC, header.Extensions, header.Extension = nil, nil, false
	if bound.extension != 0 {
		if err := header.SetExtension(bound.extension, t.playout.extension()); err != nil {
			return
		}
	}
	// An error means that the connection is going away.
	_, _ = bound.out.WriteRTP(&header, p.Payload)
}
