package sfu

import (
	"strings"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
)

// Codec is how a picture is encoded.
type Codec uint8

// The codecs. Their payload types are ours: within the room a packet has the one
// of its codec, whatever was negotiated with its sender.
const (
	AV1 Codec = 96
	VP9 Codec = 98
)

func (c Codec) String() string {
	if c == VP9 {
		return "VP9"
	}
	return "AV1"
}

// ours lists the codecs, the best first.
var ours = [...]Codec{AV1, VP9}

// codecOf returns the codec of a MIME type.
func codecOf(mime string) (Codec, bool) {
	for _, c := range ours {
		if strings.EqualFold(mime, c.mime()) {
			return c, true
		}
	}
	return 0, false
}

func (c Codec) mime() string {
	if c == VP9 {
		return webrtc.MimeTypeVP9
	}
	return webrtc.MimeTypeAV1
}

// format is what a session description says of the codec.
func (c Codec) format() string {
	if c == VP9 {
		return "profile-id=0"
	}
	return "level-idx=13;profile=0;tier=0"
}

// in reports whether a session description has the codec.
func (c Codec) in(sdp string) bool { return strings.Contains(sdp, " "+c.String()+"/90000") }

// startsSequence reports whether a packet of the room begins a key frame: AV1 RTP
// payload format 1.0, section 4.4, bit N; VP9 (RFC 9628, section 4.2) the start of
// a frame (B) that is predicted from no other picture (P) in the lowest layer.
func startsSequence(p *rtp.Packet) bool {
	if len(p.Payload) == 0 {
		return false
	}
	if Codec(p.PayloadType) != VP9 {
		return p.Payload[0]&0x08 != 0
	}
	if p.Payload[0]&0x48 != 0x08 {
		return false
	}
	var d codecs.VP9Packet
	frame, err := d.Unmarshal(p.Payload)
	if err != nil || len(frame) == 0 || d.L && d.SID != 0 {
		return false
	}
	// A frame may be predicted from nothing and be no key frame all the same. VP9
	// bitstream, section 6.2: marker 2, two bits of the profile (3 is not for us),
	// show_existing_frame, frame_type 0 = key.
	return frame[0]&0xcc == 0x80
}

// depacketizer takes the packets of one frame apart, in order.
type depacketizer interface {
	Unmarshal(payload []byte) ([]byte, error)
}

func (c Codec) depacketizer() depacketizer {
	if c == VP9 {
		return &codecs.VP9Packet{}
	}
	return &codecs.AV1Depacketizer{}
}
