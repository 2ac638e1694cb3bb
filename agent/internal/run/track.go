package run

import (
	"errors"
	"strings"
	"sync/atomic"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"consento/agent/internal/stream"
)

// format is what a session description says of a codec.
func format(codec stream.Codec) webrtc.RTPCodecCapability {
	c := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeAV1, ClockRate: 90000, SDPFmtpLine: "level-idx=13;profile=0;tier=0",
		RTCPFeedback: []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"}, {Type: "transport-cc"}, {Type: "goog-remb"}}}
	if codec == stream.VP9 {
		c.MimeType, c.SDPFmtpLine = webrtc.MimeTypeVP9, "profile-id=0"
	}
	return c
}

// track sends packets of either codec under the payload type that was negotiated
// for it. It implements webrtc.TrackLocal.
type track struct{ writer atomic.Pointer[boundTrack] }

type boundTrack struct {
	out     webrtc.TrackLocalWriter
	ssrc    uint32
	payload map[stream.Codec]uint8
}

var errNoCodec = errors.New("run: the broker takes no codec of the picture")

func (t *track) Bind(ctx webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	bound := &boundTrack{out: ctx.WriteStream(), ssrc: uint32(ctx.SSRC()), payload: map[stream.Codec]uint8{}}
	var first webrtc.RTPCodecParameters
	for _, parameters := range ctx.CodecParameters() {
		for _, codec := range []stream.Codec{stream.AV1, stream.VP9} {
			if !strings.EqualFold(parameters.MimeType, format(codec).MimeType) || bound.payload[codec] != 0 {
				continue
			}
			if len(bound.payload) == 0 {
				first = parameters
			}
			bound.payload[codec] = uint8(parameters.PayloadType)
		}
	}
	if bound.payload[stream.AV1] == 0 {
		return first, errNoCodec
	}
	t.writer.Store(bound)
	return first, nil
}

func (t *track) Unbind(webrtc.TrackLocalContext) error { t.writer.Store(nil); return nil }
func (t *track) ID() string                            { return "screen" }
func (t *track) RID() string                           { return "" }
func (t *track) StreamID() string                      { return "consento" }
func (t *track) Kind() webrtc.RTPCodecType             { return webrtc.RTPCodecTypeVideo }

// takes reports whether the broker takes a codec.
func (t *track) takes(codec stream.Codec) bool {
	bound := t.writer.Load()
	return bound != nil && bound.payload[codec] != 0
}

// WriteRTP sends a packet; what has no codec, such as a probe, goes as AV1.
func (t *track) WriteRTP(packet *rtp.Packet) error {
	bound := t.writer.Load()
	if bound == nil {
		return nil // not connected yet, or no more
	}
	header := packet.Header
	payload, ok := bound.payload[stream.Codec(packet.PayloadType)]
	if !ok {
		payload = bound.payload[stream.AV1]
	}
	header.SSRC, header.PayloadType = bound.ssrc, payload
	_, err := bound.out.WriteRTP(&header, packet.Payload)
	return err
}
