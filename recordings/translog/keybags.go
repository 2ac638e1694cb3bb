package translog

import "time"

// KeyBags follows what the leaves of a log say of key bags, one leaf after the
// other from the first on: which bag a segment has, and whether its destruction
// was decided as it has to be.
type KeyBags struct {
	ledger *ledger
	rep    AuditReport
	of     map[Segment]*KeyBag
	ended  map[ID]bool // sessions whose logs' keys were revoked, under no hold
}

// KeyBag is what the log says of the key bag of one segment.
type KeyBag struct {
	Bags   []Hash // SHA-256 of its files, the newest last; none: it was never opened
	Gone   bool   // destroyed: by a shred that two roles approved, under no legal hold
	Purged bool   // the segment's file is deleted too
	Undue  bool   // a shred or purge of it keeps not to the rules, and does not count
	Logs   []Hash // SHA-256 of the files of the log's own keys, the newest last; none: none were named
	// LogGone: the log's own keys are destroyed. That takes the revocation of the share
	// to the log, and counts for segments alone whose key bag is Gone: with the recording
	// it was decided that its log goes too, at once or later.
	LogGone bool
}

// NewKeyBags has seen no leaf yet.
func NewKeyBags() *KeyBags {
	return &KeyBags{ledger: newLedger(), of: map[Segment]*KeyBag{}, ended: map[ID]bool{}}
}

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
	case LogKeys:
		b := k.segment(Segment{l.SID, l.Segment})
		b.Logs = append(b.Logs, l.Keys)
	case Revoke:
		if sid, log := k.ledger.logs[l.ID]; log && sid == l.SID && good {
			k.ended[l.SID] = true
		}
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
	b := k.of[s]
	if b == nil {
		return KeyBag{}
	}
	said := *b
	said.LogGone = b.Gone && k.ended[s.SID]
	return said
}

// Segments are those of a session that were opened, in order.
func (k *KeyBags) Segments(sid ID) (all []Segment) {
	for s := (Segment{SID: sid}); k.of[s] != nil; s.Segment++ {
		all = append(all, s)
	}
	return all
}

// Newest is the bag that holds now; none if the segment was never opened.
func (b KeyBag) Newest() Hash {
	if len(b.Bags) == 0 {
		return Hash{}
	}
	return b.Bags[len(b.Bags)-1]
}

// NewestLog is the file of the log's own keys that holds now; none if none was named.
func (b KeyBag) NewestLog() Hash {
	if len(b.Logs) == 0 {
		return Hash{}
	}
	return b.Logs[len(b.Logs)-1]
}
