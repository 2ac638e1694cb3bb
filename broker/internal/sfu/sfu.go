// Package sfu forwards the picture of a session from its agent to each
// console, and hands every frame to the recorder: a selective forwarding unit
// (RFC 7667, section 3.7). It knows WebRTC and nothing of sessions, rights or
// evidence; whoever owns a Room decides who may publish and view.
//
// It promises: packets are forwarded untouched but for the playout-delay
// extension; a viewer that comes late gets the last key frame and what
// followed without costing the agent a new one; a slow viewer hurts nobody
// else; what cannot be recorded is not forwarded; once Stop has returned, not one
// packet more is forwarded, and none that comes later is recorded.
package sfu

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/logging"
	"github.com/pion/webrtc/v4"

	"consento/protocol/congestion"
)

// The errors that callers tell apart.
var (
	// ErrOffer is wrapped by the error for a session description that cannot be used.
	ErrOffer = errors.New("session description cannot be used")
	// ErrStopped says that the room forwards nothing any more.
	ErrStopped = errors.New("room is stopped")
)

// playoutDelayURI is the header extension that takes the browser's jitter
// buffer from 150-240 ms to under 1 ms.
// https://webrtc.googlesource.com/src/+/main/docs/native-code/rtp-hdrext/playout-delay
const playoutDelayURI = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"

// historyPackets is how many packets are kept for retransmission, and looked
// after for missing ones, per peer: several key frames, since what is missing is
// asked for only a round trip after a burst.
const historyPackets = 1024

// nackInterval is how often a missing packet is asked for. Senders of ours leave
// out what is on its way already.
const nackInterval = 40 * time.Millisecond

// udpBuffer is asked of the kernel, in bytes, so that a key frame of many
// sessions at once is not dropped.
const udpBuffer = 8 << 20

// Config is what New needs.
type Config struct {
	// Address is the UDP address that all media of all sessions use. With an
	// unspecified host, every interface is used.
	Address *net.UDPAddr
	// Announce are the IP addresses that agents and browsers are told instead of
	// the machine's own; none: the machine's own.
	Announce []string
}

// SFU makes rooms. All rooms share one UDP port.
type SFU struct {
	mux     io.Closer
	publish *webrtc.API
	view    *webrtc.API
}

// New opens the UDP port.
func New(config Config) (*SFU, error) {
	if config.Address == nil {
		return nil, errors.New("sfu: no UDP address")
	}
	mux, err := openMux(config.Address)
	if err != nil {
		return nil, fmt.Errorf("sfu: UDP port %d: %w", config.Address.Port, err)
	}
	s := &SFU{mux: mux}
	if s.publish, err = newAPI(mux, config.Announce, false); err == nil {
		s.view, err = newAPI(mux, config.Announce, true)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("sfu: %w", err), mux.Close())
	}
	return s, nil
}

// Close closes the UDP port. Rooms have to be stopped before.
func (s *SFU) Close() error { return s.mux.Close() }

func openMux(addr *net.UDPAddr) (ice.UDPMux, error) {
	if addr.IP == nil || addr.IP.IsUnspecified() {
		return ice.NewMultiUDPMuxFromPort(addr.Port, ice.UDPMuxFromPortWithLoopback(),
			ice.UDPMuxFromPortWithReadBufferSize(udpBuffer), ice.UDPMuxFromPortWithWriteBufferSize(udpBuffer),
			ice.UDPMuxFromPortWithNetworks(ice.NetworkTypeUDP4, ice.NetworkTypeUDP6))
	}
	conn, err := net.ListenUDP("udp", addr)
	if err != nil {
		return nil, err
	}
	// The kernel gives what it has; less only means more retransmissions.
	if err := errors.Join(conn.SetReadBuffer(udpBuffer), conn.SetWriteBuffer(udpBuffer)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return webrtc.NewICEUDPMux(logging.NewDefaultLoggerFactory().NewLogger("ice"), conn), nil
}

// newAPI is the lean set-up: AV1 and, where that is missing, VP9; retransmission, sender and receiver
// reports, AES-GCM, no mDNS. Defaults cost a third more CPU and memory.
func newAPI(mux ice.UDPMux, announce []string, viewer bool) (*webrtc.API, error) {
	media := &webrtc.MediaEngine{}
	register := func(codec Codec, format string, payloadType webrtc.PayloadType) error {
		return media.RegisterCodec(webrtc.RTPCodecParameters{
			RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: codec.mime(), ClockRate: clockRate, SDPFmtpLine: format,
				RTCPFeedback: []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"}, {Type: "transport-cc"}, {Type: "goog-remb"}},
			},
			PayloadType: payloadType,
		}, webrtc.RTPCodecTypeVideo)
	}
	for _, codec := range ours {
		if err := register(codec, codec.format(), webrtc.PayloadType(codec)); err != nil {
			return nil, err
		}
	}
	if viewer {
		if err := register(AV1, exactFormat, exactPayloadType); err != nil {
			return nil, err
		}
	}
	if err := media.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: congestion.URI}, webrtc.RTPCodecTypeVideo); err != nil {
		return nil, err
	}
	if viewer {
		if err := media.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: playoutDelayURI}, webrtc.RTPCodecTypeVideo); err != nil {
			return nil, err
		}
	}
	generator, err := nack.NewGeneratorInterceptor(nack.GeneratorSize(historyPackets), nack.GeneratorInterval(nackInterval))
	if err != nil {
		return nil, err
	}
	responder, err := nack.NewResponderInterceptor(nack.ResponderSize(historyPackets))
	if err != nil {
		return nil, err
	}
	reporter, err := twcc.NewSenderInterceptor(twcc.SendInterval(congestion.Interval))
	if err != nil {
		return nil, err
	}
	chain := &interceptor.Registry{}
	if viewer {
		chain.Add(congestion.Senders{})
		chain.Add(responder)
	} else {
		chain.Add(generator)
		chain.Add(reporter)
	}
	if err := webrtc.ConfigureRTCPReports(chain); err != nil {
		return nil, err
	}
	settings := webrtc.SettingEngine{}
	settings.SetLite(true)
	settings.SetICEUDPMux(mux)
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetSRTPProtectionProfiles(srtpProfiles()...)
	// A packet that is sent again is as old as the gap is long: 64, the default,
	// would refuse it behind any large frame (RFC 3711, section 3.3.2).
	settings.SetSRTPReplayProtectionWindow(2 * reorderWindow)
	if len(announce) > 0 {
		if err := settings.SetICEAddressRewriteRules(webrtc.ICEAddressRewriteRule{
			External: announce, AsCandidateType: webrtc.ICECandidateTypeHost, Mode: webrtc.ICEAddressRewriteReplace,
		}); err != nil {
			return nil, err
		}
	}
	return webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(chain), webrtc.WithSettingEngine(settings)), nil
}
