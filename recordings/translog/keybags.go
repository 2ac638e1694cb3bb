package translog

import "time"

// KeyBags follows what the leaves of a log say of key bags, one leaf after the
// other from the first on: which bag a segment has, and whether its destruction
// was decided as it has to be.
type KeyBags struct {
	ledger *ledger
	rep    AuditReport
	of     map[Segment]*KeyBag
}

// KeyBag is what the log says of the key bag of one segment.
type KeyBag struct {
	Bags   []Hash // SHA-256 of its files, the newest last; none: it was never opened
	Gone   bool   // destroyed: by a shred that two roles approved, under no legal hold
	Purged bool   // the segment's file is deleted too
	Undue  bool   // a shred or purge of it keeps not to the rules, and does not count
}

// NewKeyBags has seen no leaf yet.
func NewKeyBags() *KeyBags { return &KeyBags{ledger: newLedger(), of: map[Segment]*KeyBag{}} }

// Add takes the next leaf.
func (k *KeyBags) Add(index uint64, l Leaf, at time.Time) {
	before := k.broken()
	k.ledger.add(&k.rep, index, l, at)
	good := k.broken() == before
	switch l := l.(type) {
	case Opened:
		if good {
			k.segment(Segment{l.SID, l.Segment}).wrapped(l.Bag)
		}
	case Rewrap:
		k.segment(Segment{l.SID, l.Segment}).wrapped(l.Bag)
	case Shred:
		b := k.segment(Segment{l.SID, l.Segment})
		b.Gone, b.Undue = b.Gone || good, b.Undue || !good
	case Purge:
		b := k.segment(Segment{l.SID, l.Segment})
		due := good && b.Gone
		b.Purged, b.Undue = b.Purged || due, b.Undue || !due
	}
}

func (k *KeyBags) broken() uint64 { return uint64(len(k.rep.Problems)) + k.rep.More }

func (k *KeyBags) segment(s Segment) *KeyBag {
	if k.of[s] == nil {
		k.of[s] = &KeyBag{}
	}
	return k.of[s]
}

func (b *KeyBag) wrapped(h Hash) { b.Bags = append(b.Bags, h) }

// Of is what the leaves so far say of a segment.
func (k *KeyBags) Of(s Segment) KeyBag {
	if b := k.of[s]; b != nil {
		return *b
	}
	return KeyBag{}
}

// Newest is the bag that holds now; none if the segment was never opened.
func (b KeyBag) Newest() Hash {
	if len(b.Bags) == 0 {
		return Hash{}
	}
	return b.Bags[len(b.Bags)-1]
}
