package recordings

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4"
)

// ErrNoKeyFrame: the stream has not had its first key frame, without which
// nothing can be shown. The frame was not recorded.
var ErrNoKeyFrame = errors.New("no key frame yet")

const (
	videoTimescale = 1000 // ticks a second
	videoTrackID   = 1
	maxFrame       = 8 << 20  // bytes of one picture
	maxFragment    = 12 << 20 // bytes of pictures in one record
	minSample      = 1        // ms: no picture lasts shorter
)

// Video puts one stream of AV1 or VP9 on the video track of a [Writer] as fragmented MP4
// (ISO/IEC 14496-12; AV1 binding v1.2.0, VP9 binding 1.0), without transcoding. The body of each
// record is one byte, the stream's id, then an initialisation segment (FlagInit)
// or one fragment (moof and mdat; FlagKeyframe when it begins with a key frame).
// Presentation times in it are those of the session. Decoding times leave out
// the stillness between two fragments: a picture must be on the disk before
// anybody knows how long it stays, and MediaSource drops pictures behind a hole in
// the decoding times up to the next key frame (Media Source Extensions, section
// 3.5.8).
//
// Like its Writer it is meant for one goroutine.
type Video struct {
	w      *Writer
	stream uint8
	seq    []byte // current sequence header OBU
	number uint32 // of the next fragment, from 1
	end    int64  // ms up to which the stream is written
	decode int64  // the same in decoding time; -1 before the first picture
	open   []picture
	size   int
}

type picture struct {
	at   int64 // ms
	key  bool
	data []byte
}

// NewVideo begins stream number stream; monitors and sources have their own.
func NewVideo(w *Writer, stream uint8) *Video {
	return &Video{w: w, stream: stream, number: 1, decode: -1}
}

// WriteFrame takes one temporal unit: the OBUs of one picture in the low-overhead
// format. It is shown from at (since the start of the session) until the next.
// It is written with its fragment: by [Video.Flush], before a key frame, or when
// the fragment grows too large. Whether a frame is a key frame is read from the
// bitstream; key is the sender's word for it, and a frame that claims it wrongly
// is refused.
//
// Errors: [ErrNoKeyFrame], [ErrMalformed] (nothing was recorded of this frame),
// those of [Writer.Append].
func (v *Video) WriteFrame(at time.Duration, tu []byte, key bool) error {
	if len(tu) > maxFrame {
		return fmt.Errorf("%w: a picture of %d bytes", ErrMalformed, len(tu))
	}
	t, err := parseTemporalUnit(tu)
	if err != nil {
		return err
	}
	return v.write(at, t, key)
}

// WriteVP9 is [Video.WriteFrame] for a frame of VP9. A stream may change its codec
// at a key frame.
func (v *Video) WriteVP9(at time.Duration, frame []byte, key bool) error {
	if len(frame) > maxFrame {
		return fmt.Errorf("%w: a picture of %d bytes", ErrMalformed, len(frame))
	}
	t, err := parseVP9(frame)
	if err != nil {
		return err
	}
	return v.write(at, t, key)
}

func (v *Video) write(at time.Duration, t temporalUnit, key bool) error {
	ms, err := millis(at)
	if err != nil {
		return err
	}
	if v.seq == nil && !t.key {
		return ErrNoKeyFrame
	}
	if key && !t.key && t.sequence == nil {
		return fmt.Errorf("%w: a key frame without a sequence header, or none", ErrMalformed)
	}
	start := max(int64(ms), v.next())
	fresh := t.sequence != nil && !bytes.Equal(t.sequence, v.seq)
	if fresh && !t.key {
		return fmt.Errorf("%w: the sequence header changed without a key frame", ErrMalformed)
	}
	var init []byte
	if fresh {
		if init, err = initSegment(t); err != nil {
			return err
		}
	}
	if t.key || v.size+len(t.sample) > maxFragment {
		if err := v.flush(start); err != nil {
			return err
		}
		start = max(start, v.end)
	}
	if fresh {
		if err := v.append(FlagInit, start, start, init); err != nil {
			v.seq = nil // what follows cannot be shown without it
			return err
		}
		v.seq = t.sequence
	}
	v.open = append(v.open, picture{at: start, key: t.key, data: t.sample})
	v.size += len(t.sample)
	return nil
}

// next is the earliest time at which another picture can begin.
func (v *Video) next() int64 {
	if n := len(v.open); n > 0 {
		return v.open[n-1].at + minSample
	}
	return v.end
}

// Flush writes the current fragment; its last picture lasts until now. The owner
// calls it about once a second, and before it seals. Without pictures it does
// nothing: the last one stays shown, and whoever reads lets it last until the
// next.
func (v *Video) Flush(now time.Duration) error {
	ms, err := millis(now)
	if err != nil {
		return err
	}
	return v.flush(int64(ms))
}

func (v *Video) flush(until int64) error {
	if len(v.open) == 0 {
		return nil
	}
	until = max(until, v.next())
	first := v.open[0].at
	if v.decode < 0 {
		v.decode = first
	}
	body, err := v.fragment(until)
	if err != nil {
		return err
	}
	var flags Flags
	if v.open[0].key {
		flags = FlagKeyframe
	}
	if err := v.append(flags, first, until, body); err != nil {
		return err
	}
	v.number++
	v.end, v.decode = until, v.decode+until-first
	clear(v.open)
	v.open, v.size = v.open[:0], 0
	return nil
}

func (v *Video) append(flags Flags, from, until int64, body []byte) error {
	return v.w.Append(TrackVideo, flags, time.Duration(from)*time.Millisecond, time.Duration(until-from)*time.Millisecond,
		append([]byte{v.stream}, body...))
}

// fragment builds moof and mdat of the open pictures.
func (v *Video) fragment(until int64) ([]byte, error) {
	t := &fmp4.PartTrack{ID: videoTrackID, BaseTime: uint64(v.decode)}
	for i, p := range v.open {
		end := until
		if i+1 < len(v.open) {
			end = v.open[i+1].at
		}
		t.Samples = append(t.Samples, &fmp4.Sample{
			Duration: uint32(end - p.at), PTSOffset: int32(v.open[0].at - v.decode), IsNonSyncSample: !p.key, Payload: p.data,
		})
	}
	var b seekablebuffer.Buffer
	if err := (fmp4.Part{SequenceNumber: v.number, Tracks: []*fmp4.PartTrack{t}}).Marshal(&b); err != nil {
		return nil, fmt.Errorf("video fragment: %w", err)
	}
	return b.Bytes(), nil
}

// initSegment builds ftyp and moov; size, profile, level and colours are those of
// the bitstream.
func initSegment(t temporalUnit) ([]byte, error) {
	if t.codec == nil {
		return initAV1(t.sequence)
	}
	var b seekablebuffer.Buffer
	if err := (fmp4.Init{Tracks: []*fmp4.InitTrack{{ID: videoTrackID, TimeScale: videoTimescale, Codec: t.codec}}}).Marshal(&b); err != nil {
		return nil, fmt.Errorf("%w: VP9: %w", ErrMalformed, err)
	}
	return b.Bytes(), nameColours(b.Bytes())
}

func initAV1(sequence []byte) ([]byte, error) {
	var h av1.SequenceHeader
	if err := h.Unmarshal(sequence); err != nil {
		return nil, fmt.Errorf("%w: AV1 sequence header: %w", ErrMalformed, err)
	}
	if h.Width() > 65535 || h.Height() > 65535 {
		return nil, fmt.Errorf("%w: a picture of %dx%d", ErrMalformed, h.Width(), h.Height())
	}
	var b seekablebuffer.Buffer
	err := fmp4.Init{Tracks: []*fmp4.InitTrack{{
		ID: videoTrackID, TimeScale: videoTimescale, Codec: &mp4.CodecAV1{SequenceHeader: sequence},
	}}}.Marshal(&b)
	if err != nil {
		return nil, fmt.Errorf("%w: AV1 sequence header: %w", ErrMalformed, err)
	}
	return b.Bytes(), nil
}
