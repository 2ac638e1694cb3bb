package recordings

import (
	"encoding/binary"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/vp9"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4"
)

// parseVP9 reads the header of one VP9 frame (VP9 bitstream specification, section
// 6.2). A sample of ISO media is the frame as it is (VP codec ISO media file
// format binding, version 1.0).
func parseVP9(frame []byte) (temporalUnit, error) {
	var h vp9.Header
	if err := h.Unmarshal(frame); err != nil {
		return temporalUnit{}, fmt.Errorf("%w: VP9 frame: %w", ErrMalformed, err)
	}
	t := temporalUnit{sample: frame}
	if h.ShowExistingFrame || h.NonKeyFrame {
		return t, nil
	}
	c := h.ColorConfig
	if !h.ShowFrame || h.Width() < 1 || h.Height() < 1 || h.Profile > 1 {
		return temporalUnit{}, fmt.Errorf("%w: a VP9 key frame of profile %d, %dx%d, shown: %t", ErrMalformed, h.Profile, h.Width(), h.Height(), h.ShowFrame)
	}
	t.key = true
	// What an initialisation segment is made of: another one is needed when it changes.
	t.sequence = binary.BigEndian.AppendUint32([]byte{'V', 'P', '9', h.Profile, c.BitDepth, h.ChromaSubsampling()}, uint32(h.Width())<<16|uint32(h.Height()))
	full := c.ColorRange
	if full {
		t.sequence = append(t.sequence, 1)
	}
	t.codec = &mp4.CodecVP9{Width: h.Width(), Height: h.Height(), Profile: h.Profile, BitDepth: c.BitDepth,
		ChromaSubsampling: h.ChromaSubsampling(), ColorRange: full}
	return t, nil
}

// nameColours says in an initialisation segment of VP9 that its colours are not
// named (2), where it says that they are of the kind 0, which is reserved, and
// means RGB as a matrix.
func nameColours(init []byte) error {
	found := false
	var look func(kind string, p []byte) error
	look = func(kind string, p []byte) error {
		switch kind {
		case "moov", "trak", "mdia", "minf", "stbl":
			return boxes(p, look)
		case "stsd": // version and flags, number of entries
			if len(p) < 8 {
				return fmt.Errorf("%w: a cut box", ErrMalformed)
			}
			return boxes(p[8:], look)
		case "vp09": // VisualSampleEntry, ISO/IEC 14496-12, section 12.1.3
			if len(p) < 78 {
				return fmt.Errorf("%w: a cut box", ErrMalformed)
			}
			return boxes(p[78:], look)
		case "vpcC": // version and flags, profile, level, depth and sampling, then the three
			if len(p) < 10 {
				return fmt.Errorf("%w: a cut box", ErrMalformed)
			}
			p[7], p[8], p[9] = 2, 2, 2
			found = true
		}
		return nil
	}
	if err := boxes(init, look); err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("%w: no description of VP9", ErrMalformed)
	}
	return nil
}
