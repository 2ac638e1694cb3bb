package run

import (
	"context"
	"errors"
	"fmt"
	"image"
	"log/slog"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"consento/agent/internal/capture"
	"consento/agent/internal/stream"
	"consento/protocol"
	"consento/protocol/congestion"
)

const (
	connectTimeout = 15 * time.Second
	gatherTimeout  = 5 * time.Second
	// When nothing was heard for so long the link is asked, and the connection is
	// made anew.
	disturbedAfter = 3 * time.Second
	failedAfter    = 12 * time.Second
	keepAlive      = time.Second
	// historyPackets is how many packets are kept for retransmission: about a
	// second of full motion.
	historyPackets = 1024
	// maxCursorBacklog is how many bytes of cursor may wait before positions
	// are left out.
	maxCursorBacklog = 16 << 10
)

// picture is the WebRTC connection that the screen goes over. Until show it
// sends nothing.
type picture struct {
	log       *slog.Logger
	pc        *webrtc.PeerConnection
	track     *track
	sender    *webrtc.RTPSender
	cursor    *webrtc.DataChannel
	uplink    *uplink
	offered   uint64 // id of the message that offered it
	connected chan struct{}
	failed    chan struct{}
	disturbed chan struct{} // of capacity 1: nothing was heard for a while
	keyFrame  chan struct{} // of capacity 1
	readers   sync.WaitGroup

	mu      sync.Mutex
	coding  protocol.Picture // as the broker wishes
	sending *stream.Stream   // nil before show
	now     *turn            // likewise
}

// newPicture makes one; onInput is called for each message of a technician's input,
// on one goroutine; shell, files and clips are told
// of their channels.
func newPicture(log *slog.Logger, onInput func([]byte), shell *line, files *parcels, clips *clips) (*picture, error) {
	media := &webrtc.MediaEngine{}
	for _, codec := range []stream.Codec{stream.AV1, stream.VP9} {
		if err := media.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: format(codec), PayloadType: webrtc.PayloadType(codec)}, webrtc.RTPCodecTypeVideo); err != nil {
			return nil, err
		}
	}
	responder, err := nack.NewResponderInterceptor(nack.ResponderSize(historyPackets))
	if err != nil {
		return nil, err
	}
	if err := media.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: congestion.URI}, webrtc.RTPCodecTypeVideo); err != nil {
		return nil, err
	}
	chain := &interceptor.Registry{}
	chain.Add(congestion.Senders{})
	chain.Add(responder)
	if err := webrtc.ConfigureRTCPReports(chain); err != nil {
		return nil, err
	}
	settings := webrtc.SettingEngine{}
	settings.SetICETimeouts(disturbedAfter, failedAfter, keepAlive)
	settings.SetIncludeLoopbackCandidate(true) // the broker may be on this computer
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	api := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(chain), webrtc.WithSettingEngine(settings))
	p := &picture{log: log, uplink: newUplink(), connected: make(chan struct{}), failed: make(chan struct{}), disturbed: make(chan struct{}, 1), keyFrame: make(chan struct{}, 1)}
	if p.pc, err = api.NewPeerConnection(webrtc.Configuration{}); err != nil {
		return nil, err
	}
	if err := p.prepare(onInput, shell, files, clips); err != nil {
		return nil, errors.Join(err, p.pc.Close())
	}
	return p, nil
}

func (p *picture) prepare(onInput func([]byte), shell *line, files *parcels, clips *clips) error {
	p.track = &track{}
	transceiver, err := p.pc.AddTransceiverFromTrack(p.track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		return err
	}
	p.sender = transceiver.Sender()
	if p.cursor, err = p.pc.CreateDataChannel(protocol.CursorChannel, nil); err != nil {
		return err
	}
	input, err := p.pc.CreateDataChannel(protocol.InputChannel, nil)
	if err != nil {
		return err
	}
	input.OnMessage(func(m webrtc.DataChannelMessage) { onInput(m.Data) })
	terminal, err := p.pc.CreateDataChannel(protocol.ShellChannel, nil)
	if err != nil {
		return err
	}
	terminal.OnOpen(func() { shell.opened(terminal) })
	terminal.OnMessage(func(m webrtc.DataChannelMessage) { shell.take(m.Data) })
	parcels, err := p.pc.CreateDataChannel(protocol.FilesChannel, nil)
	if err != nil {
		return err
	}
	parcels.OnOpen(func() { files.opened(parcels) })
	parcels.OnMessage(func(m webrtc.DataChannelMessage) { files.take(m.IsString, m.Data) })
	board, err := p.pc.CreateDataChannel(protocol.ClipboardChannel, nil)
	if err != nil {
		return err
	}
	board.OnOpen(func() { clips.opened(board) })
	board.OnMessage(func(m webrtc.DataChannelMessage) { clips.take(m.IsString, m.Data) })
	var connected, failed sync.Once
	p.pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		switch state {
		case webrtc.PeerConnectionStateConnected:
			connected.Do(func() { close(p.connected) })
		case webrtc.PeerConnectionStateDisconnected:
			select {
			case p.disturbed <- struct{}{}:
			default:
			}
		case webrtc.PeerConnectionStateFailed:
			failed.Do(func() { close(p.failed) })
		}
	})
	p.readers.Go(p.readRTCP)
	p.readers.Go(func() { p.uplink.probe(p.connected, p.track) })
	return nil
}

func (p *picture) readRTCP() {
	for {
		packets, attributes, err := p.sender.ReadRTCP()
		if err != nil {
			return
		}
		if report, ok := congestion.Reported(attributes); ok {
			p.uplink.Report(time.Now(), report)
		}
		for _, packet := range packets {
			switch packet := packet.(type) {
			case *rtcp.ReceiverEstimatedMaximumBitrate:
				p.uplink.limit(time.Now(), int(packet.Bitrate))
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				select {
				case p.keyFrame <- struct{}{}:
				default:
				}
			}
		}
	}
}

// offer returns the SDP with all our addresses in it.
func (p *picture) offer(ctx context.Context) (string, error) {
	offer, err := p.pc.CreateOffer(nil)
	if err != nil {
		return "", err
	}
	gathered := webrtc.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(offer); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, gatherTimeout)
	defer cancel()
	select {
	case <-gathered:
		return p.pc.LocalDescription().SDP, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (p *picture) answer(sdp string) error {
	return p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: sdp})
}

// show sends what the screen shows until ctx ends. When it has returned no pixel
// is read any more.
func (p *picture) show(ctx context.Context, display string, shown *screen) error {
	connecting, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	select {
	case <-p.connected:
	case <-connecting.Done():
		return errNoAnswer
	}
	<-p.uplink.probed
	now := turn{changed: make(chan struct{}, 1)}
	sending, err := stream.New(stream.Config{Source: &now, Sender: p.track, Link: p.uplink, Sequence: p.uplink.sequence,
		OnFrame: func(f stream.FrameInfo) {
			p.uplink.made(time.Now(), f)
			shown.tell(now.what, 0, f.Size)
		}})
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.sending, p.now = sending, &now
	p.apply()
	p.mu.Unlock()
	for {
		what, until, done, err := shown.turn(ctx)
		if err != nil {
			return nil // the end that was asked for
		}
		now.what = what
		err = p.send(until, display, shown, &now, sending)
		asked := until.Err() != nil // to stop; done ends it in any case
		done()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !asked:
			return fmt.Errorf("run: %w", err)
		}
	}
}

// code takes the broker's wish how the picture is to be coded.
func (p *picture) code(wish protocol.Picture) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.coding = wish
	p.apply()
}

// apply tells the stream; under the lock.
func (p *picture) apply() {
	if p.sending == nil {
		return
	}
	codec := stream.AV1
	if p.coding.Codec == protocol.CodecVP9 && p.track.takes(stream.VP9) {
		codec = stream.VP9
	}
	p.sending.SetCodec(codec)
	p.sending.SetCrisp(p.coding.Crisp)
}

// send reads one target and sends it until ctx ends.
func (p *picture) send(ctx context.Context, display string, shown *screen, now *turn, sending *stream.Stream) error {
	source, err := capture.OpenCovered(display, now.what, shown.covers)
	if errors.Is(err, capture.ErrTarget) {
		shown.tell(now.what, capture.Gone, image.Point{}) // closed since it was chosen
		<-ctx.Done()
		return nil
	}
	if err != nil {
		return err
	}
	now.Source = source
	running, stop := context.WithCancel(ctx)
	var helpers sync.WaitGroup
	helpers.Go(func() { now.follow(running, source) })
	helpers.Go(func() { p.forwardKeyFrames(running, sending) })
	helpers.Go(func() { p.sendCursor(running, source) })
	helpers.Go(func() {
		for {
			select {
			case state := <-source.State():
				shown.tell(now.what, state, image.Point{})
			case <-running.Done():
				return
			}
		}
	})
	err = sending.Run(running)
	stop()
	helpers.Wait()
	if err := source.Close(); err != nil {
		p.log.Warn("display not closed", slog.Any("error", err))
	}
	return err
}

func (p *picture) forwardKeyFrames(ctx context.Context, screen *stream.Stream) {
	for {
		select {
		case <-p.keyFrame:
			screen.RequestKeyFrame()
		case <-ctx.Done():
			return
		}
	}
}

// sendCursor tells where the cursor is and what it looks like: the picture has
// none.
func (p *picture) sendCursor(ctx context.Context, source *capture.Source) {
	var known *capture.Shape // what the other side has
	for {
		select {
		case at := <-source.Pointer():
			if p.cursor.ReadyState() != webrtc.DataChannelStateOpen || p.cursor.BufferedAmount() > maxCursorBacklog {
				continue
			}
			update := protocol.CursorUpdate{X: at.Pos.X, Y: at.Pos.Y}
			if at.Shape != nil && at.Shape != known {
				update.Shape = shapeOf(at.Shape)
			}
			data, err := update.Encode()
			if err != nil {
				p.log.Warn("cursor left out", slog.Any("error", err))
				known = at.Shape
				continue
			}
			if err := p.cursor.SendText(string(data)); err == nil {
				known = at.Shape
			}
		case <-ctx.Done():
			return
		}
	}
}

// shapeOf makes a shape for the wire; one that is too large is cut, the part
// around the hot spot stays.
func shapeOf(s *capture.Shape) *protocol.CursorShape {
	const side = protocol.MaxCursorSide
	from := image.Pt(max(0, min(s.Hot.X-side/2, s.Size.X-side)), max(0, min(s.Hot.Y-side/2, s.Size.Y-side)))
	cut := image.Rectangle{Min: from, Max: from.Add(image.Pt(side, side))}.Intersect(image.Rectangle{Max: s.Size})
	out := &protocol.CursorShape{Width: cut.Dx(), Height: cut.Dy(), HotX: s.Hot.X - cut.Min.X, HotY: s.Hot.Y - cut.Min.Y}
	for y := cut.Min.Y; y < cut.Max.Y; y++ {
		i := 4 * (y*s.Size.X + cut.Min.X)
		out.RGBA = append(out.RGBA, s.RGBA[i:i+4*cut.Dx()]...)
	}
	return out
}

// up reports whether the connection stands.
func (p *picture) up() bool { return p.pc.ConnectionState() == webrtc.PeerConnectionStateConnected }

// wasUp reports whether it ever did.
func (p *picture) wasUp() bool {
	select {
	case <-p.connected:
		return true
	default:
		return false
	}
}

func (p *picture) close() {
	p.uplink.close()
	_ = p.pc.Close() // nothing is left to save
	p.readers.Wait()
}
