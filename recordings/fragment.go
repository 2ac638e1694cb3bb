package recordings

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
)

// fragment is a moof and mdat of one track, with the places in it that an export
// adjusts. It is read with suspicion: that it decrypts says who wrote it, not
// that it is well formed.
type fragment struct {
	raw      []byte
	sequence []byte   // 4 bytes of mfhd
	base     []byte   // 8 bytes of tfdt: decoding time
	last     []byte   // 4 bytes of trun: duration of the last sample
	offsets  [][]byte // 4 bytes each of trun: from decoding to presentation
	length   uint64   // ticks, all samples
}

// start is when the first picture is shown.
func (f *fragment) start() uint64 {
	at := binary.BigEndian.Uint64(f.base)
	if len(f.offsets) > 0 {
		at += uint64(binary.BigEndian.Uint32(f.offsets[0]))
	}
	return at
}

func (f *fragment) end() uint64 { return f.start() + f.length }

// move lets the fragment begin elsewhere, decoded when it is shown.
func (f *fragment) move(to uint64) {
	binary.BigEndian.PutUint64(f.base, to)
	for _, o := range f.offsets {
		clear(o)
	}
}

// extend lets the last picture stay shown.
func (f *fragment) extend(by uint64) {
	d := uint64(binary.BigEndian.Uint32(f.last))
	by = min(by, math.MaxUint32-d)
	binary.BigEndian.PutUint32(f.last, uint32(d+by))
	f.length += by
}

// boxes calls fn with each box in b: its type and its payload.
func boxes(b []byte, fn func(kind string, payload []byte) error) error {
	for len(b) > 0 {
		if len(b) < 8 {
			return fmt.Errorf("%w: an MP4 box is cut", ErrMalformed)
		}
		n := uint64(binary.BigEndian.Uint32(b))
		if n < 8 || n > uint64(len(b)) {
			return fmt.Errorf("%w: an MP4 box of %d bytes", ErrMalformed, n)
		}
		if err := fn(string(b[4:8]), b[8:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// parseFragment reads the form that [Video] writes: one traf with tfdt version 1
// and one trun with durations and, maybe, one offset for all samples.
func parseFragment(b []byte) (*fragment, error) {
	f := &fragment{raw: b}
	mdat := false
	err := boxes(b, func(kind string, p []byte) error {
		if kind == "mdat" {
			mdat = true
		}
		if kind != "moof" {
			return nil
		}
		return boxes(p, func(kind string, p []byte) error {
			switch {
			case kind == "mfhd" && len(p) == 8:
				f.sequence = p[4:8]
			case kind == "traf":
				return boxes(p, f.track)
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	if f.sequence == nil || f.base == nil || f.last == nil || !mdat || f.end() < f.start() {
		return nil, fmt.Errorf("%w: not a fragment of video", ErrMalformed)
	}
	return f, nil
}

func (f *fragment) track(kind string, p []byte) error {
	switch {
	case kind == "tfdt" && len(p) == 12 && p[0] == 1:
		f.base = p[4:12]
	case kind == "trun" && len(p) >= 8 && f.last == nil:
		const hasData, hasFirst, hasDuration, hasOffsets = 0x1, 0x4, 0x100, 0x800
		flags := binary.BigEndian.Uint32(p) & 0xffffff
		count := uint64(binary.BigEndian.Uint32(p[4:]))
		p = p[8:]
		for _, field := range []uint32{hasData, hasFirst} {
			if flags&field != 0 && len(p) >= 4 {
				p = p[4:]
			}
		}
		size := uint64(0) // of an entry
		for field := uint32(hasDuration); field <= hasOffsets; field <<= 1 {
			if flags&field != 0 {
				size += 4
			}
		}
		if flags&hasDuration == 0 || count == 0 || size*count != uint64(len(p)) {
			return fmt.Errorf("%w: a run of samples in another form", ErrMalformed)
		}
		for i := range count {
			entry := p[i*size : i*size+size]
			f.last = entry[:4]
			if flags&hasOffsets != 0 {
				o := entry[size-4:]
				if !bytes.Equal(o, p[size-4:size]) || o[0]&0x80 != 0 {
					return fmt.Errorf("%w: pictures out of order", ErrMalformed)
				}
				f.offsets = append(f.offsets, o)
			}
			f.length += uint64(binary.BigEndian.Uint32(f.last))
		}
	}
	return nil
}

// mehdSize is that of a movie extends header box, version 1.
const mehdSize = 8 + 4 + 8

// withDuration puts a movie extends header (mehd) into an initialisation
// segment, so that players know the duration at once. It returns where in the
// result its 8 bytes stand.
func withDuration(init []byte) ([]byte, int64, error) {
	moov, mvex := -1, -1 // offsets of the boxes
	pos := 0
	err := boxes(init, func(kind string, p []byte) error {
		here := pos
		pos += 8 + len(p)
		if kind == "moov" {
			moov = here
			at := here + 8
			return boxes(p, func(kind string, p []byte) error {
				if kind == "mvex" {
					mvex = at
				}
				at += 8 + len(p)
				return nil
			})
		}
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	if moov < 0 || mvex < 0 {
		return nil, 0, fmt.Errorf("%w: not an initialisation segment of video", ErrMalformed)
	}
	cut := mvex + 8
	out := append([]byte(nil), init[:cut]...)
	out = binary.BigEndian.AppendUint32(out, mehdSize)
	out = append(out, "mehd\x01\x00\x00\x00"...)
	out = append(out, make([]byte, 8)...)
	out = append(out, init[cut:]...)
	for _, at := range []int{moov, mvex} {
		binary.BigEndian.PutUint32(out[at:], binary.BigEndian.Uint32(out[at:])+mehdSize)
	}
	return out, int64(cut + 12), nil
}
