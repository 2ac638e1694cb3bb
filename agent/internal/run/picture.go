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
)

const (
	connectTimeout = 15 * time.Second
	gatherTimeout  = 5 * time.Second
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
	track     *webrtc.TrackLocalStaticRTP
	sender    *webrtc.RTPSender
	cursor    *webrtc.DataChannel
	connected chan struct{}
	failed    chan struct{}
	keyFrame  chan struct{} // of capacity 1
	readers   sync.WaitGroup
}

func newPicture(log *slog.Logger) (*picture, error) {
	capability := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeAV1, ClockRate: 90000, SDPFmtpLine: "level-idx=13;profile=0;tier=0",
		RTCPFeedback: []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"}}}
	media := &webrtc.MediaEngine{}
	if err := media.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: capability, PayloadType: 96}, webrtc.RTPCodecTypeVideo); err != nil {
		return nil, err
	}
	responder, err := nack.NewResponderInterceptor(nack.ResponderSize(historyPackets))
	if err != nil {
		return nil, err
	}
	chain := &interceptor.Registry{}
	chain.Add(responder)
	if err := webrtc.ConfigureRTCPReports(chain); err != nil {
		return nil, err
	}
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true) // the broker may be on this computer
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	api := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(chain), webrtc.WithSettingEngine(settings))
	p := &picture{log: log, connected: make(chan struct{}), failed: make(chan struct{}), keyFrame: make(chan struct{}, 1)}
	if p.pc, err = api.NewPeerConnection(webrtc.Configuration{}); err != nil {
		return nil, err
	}
	if err := p.prepare(capability); err != nil {
		return nil, errors.Join(err, p.pc.Close())
	}
	return p, nil
}

func (p *picture) prepare(capability webrtc.RTPCodecCapability) error {
	var err error
	if p.track, err = webrtc.NewTrackLocalStaticRTP(capability, "screen", "consento"); err != nil {
		return err
	}
	transceiver, err := p.pc.AddTransceiverFromTrack(p.track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		return err
	}
	p.sender = transceiver.Sender()
	if p.cursor, err = p.pc.CreateDataChannel(protocol.CursorChannel, nil); err != nil {
		return err
	}
	var connected, failed sync.Once
	p.pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		switch state {
		case webrtc.PeerConnectionStateConnected:
			connected.Do(func() { close(p.connected) })
		case webrtc.PeerConnectionStateFailed:
			failed.Do(func() { close(p.failed) })
		}
	})
	p.readers.Go(p.readRTCP)
	return nil
}

func (p *picture) readRTCP() {
	for {
		packets, _, err := p.sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, packet := range packets {
			switch packet.(type) {
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

// show captures and sends until ctx ends. When it has returned no pixel is read
// any more. What lies under mask is left out of the picture.
func (p *picture) show(ctx context.Context, display string, mask func() image.Rectangle) error {
	connecting, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	select {
	case <-p.connected:
	case <-connecting.Done():
		return errNoAnswer
	}
	source, err := capture.Open(display)
	if err != nil {
		return err
	}
	screen, err := stream.New(stream.Config{Source: &masked{Source: source, mask: mask}, Sender: p.track})
	if err != nil {
		return errors.Join(err, source.Close())
	}
	running, stop := context.WithCancel(ctx)
	var helpers sync.WaitGroup
	helpers.Go(func() { p.forwardKeyFrames(running, screen) })
	helpers.Go(func() { p.sendCursor(running, source) })
	err = screen.Run(running)
	stop()
	helpers.Wait()
	if err := source.Close(); err != nil {
		p.log.Warn("display not closed", slog.Any("error", err))
	}
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("run: %w", err)
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

func (p *picture) close() {
	_ = p.pc.Close() // nothing is left to save
	p.readers.Wait()
}
