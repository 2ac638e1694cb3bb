package recordings

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
)

// videoExport is one stream on its way into a file.
type videoExport struct {
	init    []byte   // as recorded
	file    *os.File // nil until the first fragment
	index   int      // in Exported.Videos
	mehd    int64    // where the duration goes
	held    *fragment
	number  uint32
	bridge  bool   // the held picture stays until the next fragment
	lastEnd uint64 // ms, of what was written
}

// video takes one record of the video track. A record that is not what it should
// be is ErrMalformed.
func (e *exporter) video(i Item) error {
	if len(i.Body) == 0 {
		return fmt.Errorf("%w: no stream id", ErrMalformed)
	}
	stream, body := i.Body[0], i.Body[1:]
	v := e.streams[stream]
	if i.Flags&FlagInit != 0 {
		if v != nil && bytes.Equal(v.init, body) {
			return nil // the same form goes on in the same file
		}
		if _, _, err := withDuration(body); err != nil {
			return err
		}
		if v != nil && goesOn(v.init, body) {
			v.init = bytes.Clone(body)
			return nil
		}
		if v != nil {
			if err := e.endRun(v); err != nil {
				return err
			}
		}
		e.streams[stream] = &videoExport{init: bytes.Clone(body), number: 1}
		return nil
	}
	if v == nil {
		return fmt.Errorf("%w: a fragment before its initialisation", ErrMalformed)
	}
	f, err := parseFragment(bytes.Clone(body))
	if err != nil {
		return err
	}
	return e.fragment(v, stream, f)
}

// fragment writes the fragment before this one, which is now known to last until
// this one begins, and holds this one.
func (e *exporter) fragment(v *videoExport, stream uint8, f *fragment) error {
	start := f.start() + uint64(e.part.shift.Milliseconds())
	if v.file == nil {
		if err := e.beginRun(v, stream, start); err != nil {
			return err
		}
	}
	origin := uint64(e.out.Videos[v.index].StartMs)
	start = max(start, origin) - origin
	if v.held != nil {
		if end := v.held.end(); v.bridge && start > end {
			v.held.extend(start - end)
		}
		start = max(start, v.held.end())
		if err := v.write(); err != nil {
			return err
		}
	}
	f.move(start)
	v.held, v.bridge = f, true
	return nil
}

func (e *exporter) beginRun(v *videoExport, stream uint8, start uint64) error {
	init, at, err := withDuration(v.init)
	if err != nil {
		return err
	}
	name := videoName
	if n := len(e.out.Videos); n > 0 {
		name = fmt.Sprintf("video-%d.mp4", n+1)
	}
	if v.file, err = createIn(e.dir, name); err != nil {
		return err
	}
	v.mehd, v.index = at, len(e.out.Videos)
	e.out.Videos = append(e.out.Videos, ExportedVideo{
		File: name, Stream: stream, StartMs: int64(start),
	})
	_, err = v.file.Write(init)
	return err
}

// write puts the held fragment into the file.
func (v *videoExport) write() error {
	binary.BigEndian.PutUint32(v.held.sequence, v.number)
	v.number++
	v.lastEnd = v.held.end()
	_, err := v.file.Write(v.held.raw)
	v.held = nil
	return err
}

// endRun writes what is held and the duration.
func (e *exporter) endRun(v *videoExport) error {
	if v.file == nil {
		return nil
	}
	var err error
	if v.held != nil {
		err = v.write()
	}
	e.out.Videos[v.index].LengthMs = int64(v.lastEnd)
	// Movie time, in milliseconds as the movie header says.
	_, werr := v.file.WriteAt(binary.BigEndian.AppendUint64(nil, uint64(e.out.Videos[v.index].LengthMs)), v.mehd)
	err = errors.Join(err, werr, v.file.Close())
	v.file = nil
	return err
}

// goesOn reports whether what follows a second initialisation segment can stand in
// the file of the first: AV1 of the same size. Key frames have their sequence
// header with them, and decoders follow it from one profile to the other, as when a
// picture at rest becomes exact.
func goesOn(first, second []byte) bool {
	a, b := av1Size(first), av1Size(second)
	return a != 0 && a == b
}

// av1Size is the size in the sample entry of an initialisation segment of AV1, 0 if
// it is none.
func av1Size(init []byte) (size uint32) {
	var look func(kind string, p []byte) error
	look = func(kind string, p []byte) error {
		switch kind {
		case "moov", "trak", "mdia", "minf", "stbl":
			return boxes(p, look)
		case "stsd": // version and flags, number of entries
			if len(p) >= 8 {
				return boxes(p[8:], look)
			}
		case "av01": // VisualSampleEntry, ISO/IEC 14496-12, section 12.1.3
			if len(p) >= 28 {
				size = binary.BigEndian.Uint32(p[24:])
			}
		}
		return nil
	}
	if err := boxes(init, look); err != nil {
		return 0
	}
	return size
}
