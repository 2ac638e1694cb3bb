package recordings

import (
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4"
)

// AV1 OBU types, AV1 specification section 6.2.2.
const (
	obuSequenceHeader    = 1
	obuTemporalDelimiter = 2
	obuFrameHeader       = 3
	obuFrame             = 6
	obuRedundantHeader   = 7
	obuTileList          = 8
	obuPadding           = 15
)

// temporalUnit is one picture as a sample of ISO media holds it.
type temporalUnit struct {
	sample   []byte    // AV1: OBUs, each with its size; VP9: the frame
	sequence []byte    // AV1: the sequence header OBU with its size; VP9: size and form; nil when there is none
	key      bool      // a shown key frame with a sequence header before it
	codec    mp4.Codec // what the sequence says of VP9; nil else
}

// parseTemporalUnit reads OBUs in the low-overhead format (AV1 specification
// section 5.2; the last may lack its size, as RTP has it) and writes them as the
// AV1 binding to ISO media wants a sample (section 2.4): without temporal
// delimiters, padding and tile lists, each OBU with its size.
func parseTemporalUnit(tu []byte) (temporalUnit, error) {
	out := temporalUnit{sample: make([]byte, 0, len(tu)+4)}
	frames := 0
	for len(tu) > 0 {
		obu, rest, err := cutOBU(tu)
		if err != nil {
			return temporalUnit{}, err
		}
		tu = rest
		switch obu.kind {
		case obuTemporalDelimiter, obuTileList, obuPadding, obuRedundantHeader:
			continue
		case obuSequenceHeader:
			out.sequence = obu.appendTo(nil)
		case obuFrame, obuFrameHeader:
			if len(obu.payload) == 0 {
				return temporalUnit{}, fmt.Errorf("%w: an empty AV1 frame", ErrMalformed)
			}
			// uncompressed_header, section 5.9.2: show_existing_frame f(1),
			// frame_type f(2) with 0 = KEY_FRAME, show_frame f(1).
			if frames == 0 && out.sequence != nil {
				out.key = obu.payload[0]&0xf0 == 0x10
			}
			frames++
		}
		out.sample = obu.appendTo(out.sample)
	}
	if frames == 0 {
		return temporalUnit{}, fmt.Errorf("%w: no AV1 frame", ErrMalformed)
	}
	return out, nil
}

type obu struct {
	kind    byte
	header  []byte // one byte, or two with the extension
	payload []byte
}

// cutOBU takes the first OBU off, section 5.3.
func cutOBU(b []byte) (o obu, rest []byte, err error) {
	bad := func(what string) (obu, []byte, error) {
		return obu{}, nil, fmt.Errorf("%w: AV1 OBU: %s", ErrMalformed, what)
	}
	if b[0]&0x81 != 0 {
		return bad("reserved bits")
	}
	o.kind = b[0] >> 3 & 15
	n := 1 + int(b[0]>>2&1)
	if len(b) < n {
		return bad("cut in its header")
	}
	o.header = b[:n]
	if b[0]&2 == 0 {
		o.payload = b[n:]
		return o, nil, nil
	}
	b = b[n:]
	var size uint64
	for i := 0; ; i++ {
		if i == len(b) || i == 8 {
			return bad("cut in its size")
		}
		size |= uint64(b[i]&0x7f) << (7 * i)
		if b[i]&0x80 == 0 {
			b = b[i+1:]
			break
		}
	}
	if size > uint64(len(b)) {
		return bad("longer than what there is")
	}
	o.payload = b[:size]
	return o, b[size:], nil
}

// appendTo writes the OBU with its size.
func (o obu) appendTo(b []byte) []byte {
	b = append(b, o.header[0]|2)
	b = append(b, o.header[1:]...)
	size := av1.LEB128(len(o.payload))
	at := len(b)
	b = append(b, make([]byte, size.MarshalSize())...)
	size.MarshalTo(b[at:])
	return append(b, o.payload...)
}
