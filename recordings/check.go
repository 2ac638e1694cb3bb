package recordings

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// verifier is the one place that knows the rules: what is known between two
// records of a segment.
type verifier struct {
	opts ScanOptions
	rep  Report
	keys []ed25519.PublicKey // one of these signs the next seal
	// lastSeal is the time of the last seal by the session's clock.
	lastSeal time.Duration
	heads    []Head // the last few sealed
	torn     bool   // the fault looks like an interrupted write
	// uncovered: the fault showed at a seal, so that nothing later is touched.
	uncovered bool
}

// take checks a whole record and counts it in. False: it is a fault, which is
// noted. The error is that of opts.Each.
func (s *verifier) take(rec []byte, h Header) (bool, error) {
	body := rec[HeaderSize:]
	if reason := s.check(h, body); reason != "" {
		s.uncovered = h.Kind == KindSeal
		s.fault(reason, h.At())
		return false, nil
	}
	s.rep.edge.add(tlog.RecordHash(rec))
	s.count(h, int64(len(rec)))
	if s.opts.Each != nil {
		return true, s.opts.Each(Record{Header: h, Offset: s.rep.GoodBytes - int64(len(rec)), Body: body, raw: rec})
	}
	return true, nil
}

// broken notes bytes that are no record.
func (s *verifier) broken(reason string) {
	// A writer stops at the final seal: no crash of it leaves bytes behind.
	s.torn = !s.rep.Final
	s.fault(reason, 0)
}

// check says what is wrong with a whole record in this place; "" is nothing.
// None of it can come from an interrupted write.
func (s *verifier) check(h Header, body []byte) string {
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

func (s *verifier) checkSeal(h Header, body []byte) string {
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
	s.heads = latest(s.heads, head, maxHeads)
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

func (s *verifier) checkCosig(body []byte) string {
	c, err := ParseCosignature(s.rep.Open.Session, body)
	if err != nil {
		return err.Error()
	}
	for _, h := range s.heads {
		if h.Same(c.Head) {
			s.rep.Cosigned++
			s.rep.Cosignatures = latest(s.rep.Cosignatures, c, maxCosigs)
			return ""
		}
	}
	return "a countersignature over a head that was never sealed"
}

// latest appends to a list that forgets its oldest.
func latest[T any](list []T, v T, most int) []T {
	if list = append(list, v); len(list) > most {
		list = append(list[:0], list[1:]...)
	}
	return list
}

func (s *verifier) count(h Header, size int64) {
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
func (s *verifier) fault(reason string, to time.Duration) {
	s.rep.Fault = &Fault{
		Offset: s.rep.GoodBytes, Index: s.rep.Records, Reason: reason,
		From: s.lastSeal, To: max(to, s.rep.last.At()+s.rep.last.Duration(), s.lastSeal),
	}
}

// conclude decides the verdict at the end of the file.
func (s *verifier) conclude() Report {
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
	return *r
}
