package recordings

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// Record is one record as it stands in the file.
type Record struct {
	Header
	Offset int64
	Body   []byte // ciphertext in DATA; valid during the callback only
}

// ScanOptions is what a reader knows beforehand. The zero value knows nothing.
type ScanOptions struct {
	// LogKeys may have signed the seal behind RECOVERED.
	LogKeys []ed25519.PublicKey
	// Known are heads that somebody kept: the file must have passed each of them.
	Known []Head
	// Each is called for each good record, in order. It sees records before the
	// seal that covers them; an error ends the scan and is returned.
	Each func(Record) error
}

const (
	maxCosigs = 64  // kept in a report
	maxHeads  = 256 // back to which a countersignature may refer
)

// ScanFile is [Scan] over what a file holds at this moment. It may be written
// meanwhile; what is added is not looked at.
func ScanFile(path string, opts ScanOptions) (Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return Report{}, fmt.Errorf("recordings: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return Report{}, fmt.Errorf("recordings: %w", err)
	}
	return Scan(io.LimitReader(f, st.Size()), opts)
}

// Scan reads one segment to its end and checks all that needs no secret: framing,
// numbering, tree, seals and their ratchet. It takes any input in bounded memory
// (a record of at most [MaxBody]). The error is that of reading or of
// opts.Each; what is wrong with the recording is in the report.
func Scan(r io.Reader, opts ScanOptions) (Report, error) {
	s := &scanner{
		in:   bufio.NewReaderSize(r, 64<<10),
		opts: opts,
		rep:  Report{Verdict: Unanchored, Tracks: map[Track]TrackReport{}},
	}
	for {
		more, err := s.next()
		if err != nil {
			return s.rep, err
		}
		if !more {
			break
		}
	}
	if err := s.tail(); err != nil {
		return s.rep, err
	}
	s.conclude()
	return s.rep, nil
}

// scanner is the state between two records.
type scanner struct {
	in   *bufio.Reader
	opts ScanOptions
	rep  Report
	buf  []byte
	keys []ed25519.PublicKey // one of these signs the next seal
	// lastSeal is the time of the last seal by the session's clock.
	lastSeal time.Duration
	heads    []Head // the last few sealed
	torn     bool   // the fault looks like an interrupted write
	// uncovered: the fault showed at a seal, so that nothing later is touched.
	uncovered bool
	pending   []byte // bytes after the fault that were already read
}

// next reads and checks one record; false means that the scan ends here.
func (s *scanner) next() (bool, error) {
	rec, h, err := s.read()
	switch {
	case err == io.EOF:
		return false, nil
	case errors.Is(err, errTorn):
		// A writer stops at the final seal: no crash of it leaves bytes behind.
		s.torn = !s.rep.Final
		s.fault(strings.TrimPrefix(err.Error(), errTorn.Error()+": "), 0)
		return false, nil
	case err != nil:
		return false, err
	}
	body := rec[HeaderSize:]
	if reason := s.check(h, body); reason != "" {
		s.uncovered = h.Kind == KindSeal
		s.fault(reason, h.At())
		return false, nil
	}
	s.rep.edge.add(tlog.RecordHash(rec))
	s.count(h, int64(len(rec)))
	if s.opts.Each != nil {
		if err := s.opts.Each(Record{Header: h, Offset: s.rep.GoodBytes - int64(len(rec)), Body: body}); err != nil {
			return false, err
		}
	}
	return true, nil
}

// read returns the next whole record with a right checksum.
func (s *scanner) read() ([]byte, Header, error) {
	s.buf = grow(s.buf, HeaderSize)
	n, err := io.ReadFull(s.in, s.buf)
	s.rep.Bytes += int64(n)
	if err == io.ErrUnexpectedEOF {
		s.pending = s.buf[:n]
		return nil, Header{}, fmt.Errorf("%w: the file ends within a record", errTorn)
	}
	if err != nil {
		return nil, Header{}, err
	}
	s.pending = s.buf
	h, err := parseHeader(s.buf)
	if err != nil {
		return nil, h, err
	}
	s.buf = grow(s.buf, HeaderSize+int(h.Length))
	n, err = io.ReadFull(s.in, s.buf[HeaderSize:])
	s.rep.Bytes += int64(n)
	s.pending = s.buf[:HeaderSize+n]
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return nil, h, fmt.Errorf("%w: the file ends within a record", errTorn)
	}
	if err != nil {
		return nil, h, err
	}
	if checksum(s.buf) != h.Checksum {
		return nil, h, fmt.Errorf("%w: the checksum is wrong", errTorn)
	}
	s.pending = nil
	return s.buf, h, nil
}

// grow keeps the beginning of b and gives a buffer back that a single large
// record needed.
func grow(b []byte, n int) []byte {
	if n <= cap(b) && (cap(b) <= 1<<20 || n > 1<<20) {
		return b[:n]
	}
	c := make([]byte, n, max(n, 64<<10))
	copy(c, b)
	return c
}

// check says what is wrong with a whole record in this place; "" is nothing.
// None of it can come from an interrupted write.
func (s *scanner) check(h Header, body []byte) string {
	r := &s.rep
	n := r.edge.n
	switch {
	case r.Final:
		return "a record after the final seal"
	case h.Index != n:
		return fmt.Sprintf("numbered %d: records were removed, repeated or moved", h.Index)
	case (n == 0) != (h.Kind == KindOpen):
		return "OPEN must be the first record and no other"
	case r.Recovered != nil && (h.Kind != KindSeal || h.Flags&FlagFinal == 0):
		return "RECOVERED must be followed by the final seal"
	case h.Kind != KindData && (h.Track != TrackControl || h.DurMs != 0 || h.Flags&^FlagFinal != 0):
		return "header fields that this kind of record does not have"
	case h.Flags&FlagFinal != 0 && h.Kind != KindSeal:
		return "a final record that is no seal"
	case n == 1 && h.Kind != KindSeal:
		return "the first seal must follow OPEN"
	}
	switch h.Kind {
	case KindOpen:
		o, err := parseOpen(body)
		if err != nil {
			return err.Error()
		}
		if h.AtMs != 0 || h.Flags != 0 {
			return "OPEN with a time"
		}
		r.Open = o
		s.keys = []ed25519.PublicKey{o.Key}
	case KindData:
		if h.Length < sealOverhead {
			return "too short to be encrypted"
		}
	case KindSeal:
		return s.checkSeal(h, body)
	case KindCosig:
		return s.checkCosig(body)
	case KindRecovered:
		rc, err := parseRecovered(body)
		if err != nil {
			return err.Error()
		}
		if rc.Sealed != r.Sealed || rc.Unsealed != r.Records-r.Sealed {
			return "RECOVERED counts other records than there are"
		}
		r.Recovered = &rc
		s.keys = s.opts.LogKeys
	default:
		return "a kind of record that version 1 does not have"
	}
	return ""
}

func (s *scanner) checkSeal(h Header, body []byte) string {
	r := &s.rep
	head, next, err := parseSeal(body)
	if err != nil {
		return err.Error()
	}
	if head.N != r.edge.n || head.Root != r.edge.root() {
		return "the seal is over other records than those before it: something was changed since the seal before"
	}
	if h.At() < s.lastSeal {
		return "the seal is older than the one before"
	}
	final := h.Flags&FlagFinal != 0
	if final != bytes.Equal(next, make([]byte, ed25519.PublicKeySize)) {
		return "a seal names the next key unless it is final"
	}
	// Without a log key there is nothing to check the seal of a recovery with.
	if r.Recovered == nil || len(s.keys) > 0 {
		msg, good := sealMessage(r.Open.Session, h, body), false
		for _, k := range s.keys {
			good = good || len(k) == ed25519.PublicKeySize && ed25519.Verify(k, msg, body[sealed:])
		}
		switch {
		case !good && r.Recovered != nil:
			return "the seal behind RECOVERED is by none of the log keys"
		case !good:
			return "the seal's signature is wrong"
		}
		r.RecoveryChecked = r.Recovered != nil
	}
	for _, k := range s.opts.Known {
		if k.N == head.N && k.Root != head.Root {
			return "the seal is not the one that was announced"
		}
		if k.N > r.Head.N && k.N < head.N {
			return "a seal that was announced is missing"
		}
	}
	s.keys = []ed25519.PublicKey{next}
	if s.heads = append(s.heads, head); len(s.heads) > maxHeads {
		s.heads = append(s.heads[:0], s.heads[1:]...)
	}
	// A recovery comes when somebody starts the broker again; that is no gap
	// in the sealing; nor is the time before the segment began.
	if gap := h.At() - s.lastSeal; r.Recovered == nil && r.Seals > 0 && gap > r.LongestGap {
		r.LongestGap, r.LongestGapAt = gap, s.lastSeal
	}
	s.lastSeal, r.sealAt = h.At(), h.AtMs
	r.Head, r.Final = head, final
	r.Seals++
	return ""
}

func (s *scanner) checkCosig(body []byte) string {
	c, err := parseCosig(s.rep.Open.Session, body)
	if err != nil {
		return err.Error()
	}
	for _, h := range s.heads {
		if h.Same(c.Head) {
			if s.rep.Cosignatures = append(s.rep.Cosignatures, c); len(s.rep.Cosignatures) > maxCosigs {
				s.rep.Cosignatures = append(s.rep.Cosignatures[:0], s.rep.Cosignatures[1:]...)
			}
			return ""
		}
	}
	return "a countersignature over a head that was never sealed"
}

func (s *scanner) count(h Header, size int64) {
	r := &s.rep
	r.Records++
	r.GoodBytes += size
	r.last = h
	switch h.Kind {
	case KindSeal:
		r.Sealed, r.SealedBytes = r.Records, r.GoodBytes
	case KindData:
		t := r.Tracks[h.Track]
		t.Records++
		t.Bytes += int64(h.Length)
		r.Tracks[h.Track] = t
		r.Length = max(r.Length, h.At()+h.Duration())
	}
}

// fault notes the first thing wrong.
func (s *scanner) fault(reason string, to time.Duration) {
	s.rep.Fault = &Fault{
		Offset: s.rep.GoodBytes, Index: s.rep.Records, Reason: reason,
		From: s.lastSeal, To: max(to, s.rep.last.At()+s.rep.last.Duration(), s.lastSeal),
	}
}

// conclude decides the verdict.
func (s *scanner) conclude() {
	r := &s.rep
	for _, k := range s.opts.Known {
		if k.N > r.Head.N && (r.Fault == nil || s.torn) {
			s.torn = false
			s.fault("the file ends before a seal that was announced: it was cut", 0)
		}
	}
	switch {
	case r.Fault != nil && !s.torn:
		r.Verdict = Tampered
	case r.Fault != nil || !r.Final:
		r.Verdict = Incomplete
	}
}
