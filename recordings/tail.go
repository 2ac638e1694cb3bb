package recordings

import (
	"bytes"
	"encoding/binary"
	"io"
)

// tail reads what follows a fault and decides whether a crash can explain it.
//
// A crash leaves at most: whole records without a seal, then a record that is
// cut or holds garbage, then more of the same, and, where a power cut wrote the
// pages out of order, the one seal that was being written, at the very end. The
// writer waits for the disk after each seal, so nothing stands behind that one;
// and it waits before a final seal, so that one is never final. Any other whole
// seal behind a fault shows that sealed bytes were changed afterwards.
//
// pending is what was already read behind the last good record; it is used up.
func (s *verifier) tail(in io.Reader, pending []byte, eof bool) error {
	const whole = HeaderSize + sealSize
	var (
		window  = pending
		base    = s.rep.GoodBytes // offset of window[0]
		chunk   = make([]byte, 64<<10)
		seals   int
		lastEnd int64
		final   bool
		to      = s.rep.Fault.To
	)
	for last := false; !last; {
		if last = eof; !eof {
			n, err := in.Read(chunk)
			s.rep.Bytes += int64(n)
			window = append(window, chunk[:n]...)
			if last = err == io.EOF; err != nil && !last {
				return err
			}
		}
		done := 0
		for {
			i := bytes.Index(window[done:], recordMagic[:])
			if i < 0 {
				// The magic may begin in the last three bytes.
				done = max(done, len(window)-len(recordMagic)+1)
				break
			}
			done += i
			if len(window)-done < whole {
				break
			}
			if h, ok := wholeSeal(window[done : done+whole]); ok {
				if seals++; seals == 1 && !s.uncovered {
					to = h.At()
				}
				lastEnd, final = base+int64(done)+whole, h.Flags&FlagFinal != 0
			}
			done++
		}
		window = append(window[:0], window[done:]...)
		base += int64(done)
	}
	if s.torn && seals > 0 && (seals > 1 || final || lastEnd != s.rep.Bytes) {
		s.torn = false
	}
	s.rep.Fault.To = max(to, s.rep.Fault.From)
	return nil
}

// wholeSeal recognises a seal with a right checksum. Nothing is said about its
// signature: the records before it are not known.
func wholeSeal(b []byte) (Header, bool) {
	// Cheap tests first: the input may consist of nothing but magic.
	if Kind(b[4]) != KindSeal || binary.BigEndian.Uint32(b[24:]) != sealSize {
		return Header{}, false
	}
	h, err := parseHeader(b)
	if err != nil || checksum(b) != h.Checksum {
		return Header{}, false
	}
	return h, true
}

// ends is for an input that ends, perhaps within a record.
func (s *verifier) ends(pending []byte) error {
	if len(pending) == 0 {
		return nil
	}
	s.broken("the file ends within a record")
	return s.tail(nil, pending, true)
}
