package translog

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

const (
	maxText    = 64
	maxOrigin  = 255
	maxNumber  = 1<<53 - 1 // every JSON reader reads it exactly
	maxSegment = 1 << 20
	maxTracks  = 256
)

// text: printable ASCII that JSON writes as it is, so that there is one spelling.
func text(name, s string, least, most int) error {
	if len(s) < least || len(s) > most {
		return fmt.Errorf("%s has %d characters, want %d to %d", name, len(s), least, most)
	}
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return fmt.Errorf("%s has a character that is not allowed", name)
		}
	}
	return nil
}

func code(name, s string) error { return text(name, s, 1, maxText) }

func number(name string, n ...uint64) error {
	for _, n := range n {
		if n > maxNumber {
			return fmt.Errorf("%s is above %d", name, uint64(maxNumber))
		}
	}
	return nil
}

func some(name string, h Hash) error {
	if h == (Hash{}) {
		return fmt.Errorf("%s is missing", name)
	}
	return nil
}

func segment(n int) error {
	if n < 0 || n > maxSegment {
		return fmt.Errorf("segment %d is out of range", n)
	}
	return nil
}

func head(seg int, n uint64, root Hash) error {
	return errors.Join(segment(seg), number("n", n), some("root", root))
}

func oneOf(name, s string, allowed ...string) error {
	if !slices.Contains(allowed, s) {
		return fmt.Errorf("%s is none of %q", name, allowed)
	}
	return nil
}

func (t Tracks) check() error {
	if len(t) > maxTracks {
		return errors.New("too many tracks")
	}
	for i, n := range t {
		if n < 0 || n > 255 || i > 0 && t[i-1] >= n {
			return errors.New("tracks are not ascending numbers from 0 to 255")
		}
	}
	return nil
}

func (l Genesis) check() error { return checkOrigin(l.Origin) }

func (l Policy) check() error {
	err := errors.Join(number("number", l.Number), some("hash", l.Hash), some("root", l.Root))
	if (l.Number <= 1) != (l.Prev == Hash{}) || l.Number == 0 {
		err = errors.Join(err, errors.New("policies count from 1, and each but the first names the one before"))
	}
	return err
}

func (l Opened) check() error {
	return errors.Join(head(l.Segment, l.N, l.Root), some("key", l.Key), some("commit", l.Commit), some("bag", l.Bag),
		text("retention", l.Retention, 0, maxText))
}

func (l Heartbeat) check() error {
	if len(l.Heads) == 0 {
		return errors.New("a heartbeat without heads")
	}
	for _, h := range l.Heads {
		if err := head(h.Segment, h.N, h.Root); err != nil {
			return err
		}
	}
	return nil
}

func (l Closed) check() error {
	return errors.Join(head(l.Segment, l.N, l.Root), number("bytes", l.Bytes, l.Cosigned), some("sha256", l.SHA256))
}

func (l Recovered) check() error {
	return errors.Join(head(l.Segment, l.N, l.Root), number("bytes", l.Bytes), some("sha256", l.SHA256), code("reason", l.Reason))
}

func (l Rewrap) check() error {
	return errors.Join(segment(l.Segment), some("bag", l.Bag), code("by", l.By))
}

func (l LogKeys) check() error {
	return errors.Join(segment(l.Segment), some("keys", l.Keys), code("by", l.By))
}

func (l Share) check() error {
	err := errors.Join(code("by", l.By), code("to", l.To), l.Tracks.check(), number("time", l.FromMS, l.ToMS, l.Until))
	if l.FromMS > l.ToMS {
		err = errors.Join(err, errors.New("from_ms is after to_ms"))
	}
	return err
}

func (l Access) check() error {
	return errors.Join(code("by", l.By), code("how", l.How), l.Tracks.check())
}

func (l Search) check() error {
	if len(l.SIDs) == 0 {
		return errors.New("a search without sessions")
	}
	for i, sid := range l.SIDs {
		if i > 0 && bytes.Compare(l.SIDs[i-1][:], sid[:]) >= 0 {
			return errors.New("sids are not ascending")
		}
	}
	return code("by", l.By)
}

func (l Revoke) check() error  { return code("by", l.By) }
func (l Hold) check() error    { return code("by", l.By) }
func (l Release) check() error { return code("by", l.By) }

func (l Erase) check() error {
	return errors.Join(oneOf("step", l.Step, StepAsked, StepApproved, StepRefused), code("by", l.By), oneOf("role", l.Role, RoleAuditor, RoleDPO))
}

func (l Shred) check() error {
	return errors.Join(segment(l.Segment), some("bag", l.Bag), code("by", l.By[0]), code("by", l.By[1]))
}

func (l Purge) check() error { return errors.Join(segment(l.Segment), number("bytes", l.Bytes)) }

func (l Rotation) check() error {
	return errors.Join(oneOf("what", l.What, RotateLog, RotateWitness), some("key", l.Key))
}

func (l Witness) check() error {
	return errors.Join(code("name", l.Name), number("lag_ms", l.LagMS), oneOf("state", l.State, WitnessLagging, WitnessBack, WitnessRefused))
}

func (l Timestamp) check() error {
	return errors.Join(number("n", l.N), some("root", l.Root), some("token", l.Token))
}

func (l Admin) check() error { return errors.Join(code("what", l.What), code("by", l.By)) }

func (Unknown) check() error { return errors.New("a leaf of an unknown kind is not written") }
