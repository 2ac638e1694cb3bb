package translog

import (
	"slices"
	"testing"
	"time"
)

// TestKeyBags: only a decision of two roles and people, under no hold, counts.
func TestKeyBags(t *testing.T) {
	sid, other, erase, hold := testID(1), testID(2), testID(3), testID(4)
	opened := Opened{SID: sid, Key: testHash(1), Commit: testHash(2), Bag: testHash(3), N: 1, Root: testHash(4)}
	step := func(step, by, role string) Erase { return Erase{ID: erase, SID: sid, Step: step, By: by, Role: role} }
	asked, auditor, dpo := step(StepAsked, "a", RoleAuditor), step(StepApproved, "a", RoleAuditor), step(StepApproved, "d", RoleDPO)
	shred := Shred{SID: sid, Bag: testHash(3), By: [2]string{"a", "d"}, Erase: erase}
	for name, c := range map[string]struct {
		leaves []Leaf
		want   KeyBag
	}{
		"decided":           {[]Leaf{opened, asked, auditor, dpo, shred}, KeyBag{Gone: true}},
		"and deleted":       {[]Leaf{opened, asked, auditor, dpo, shred, Purge{SID: sid}}, KeyBag{Gone: true, Purged: true}},
		"one role":          {[]Leaf{opened, asked, auditor, shred}, KeyBag{Undue: true}},
		"one person":        {[]Leaf{opened, asked, auditor, step(StepApproved, "a", RoleDPO), Shred{SID: sid, Bag: testHash(3), By: [2]string{"a", "a"}, Erase: erase}}, KeyBag{Undue: true}},
		"refused":           {[]Leaf{opened, asked, auditor, step(StepRefused, "d", RoleDPO), shred}, KeyBag{Undue: true}},
		"never asked":       {[]Leaf{opened, shred}, KeyBag{Undue: true}},
		"by others":         {[]Leaf{opened, asked, auditor, dpo, Shred{SID: sid, Bag: testHash(3), By: [2]string{"a", "x"}, Erase: erase}}, KeyBag{Undue: true}},
		"held":              {[]Leaf{opened, Hold{ID: hold, SID: sid, By: "a"}, asked, auditor, dpo, shred}, KeyBag{Undue: true}},
		"released":          {[]Leaf{opened, Hold{ID: hold, SID: sid, By: "a"}, Release{ID: hold, SID: sid, By: "a"}, asked, auditor, dpo, shred}, KeyBag{Gone: true}},
		"another session's": {[]Leaf{opened, asked, auditor, dpo, Shred{SID: other, Bag: testHash(3), By: [2]string{"a", "d"}, Erase: erase}}, KeyBag{}},
		"deleted first":     {[]Leaf{opened, Purge{SID: sid}}, KeyBag{Undue: true}},
	} {
		k := NewKeyBags()
		for i, l := range append([]Leaf{Genesis{Origin: "office.example/evidence"}}, c.leaves...) {
			k.Add(uint64(i), l, time.Unix(int64(i), 0))
		}
		got := k.Of(Segment{SID: sid})
		if got.Gone != c.want.Gone || got.Purged != c.want.Purged || got.Undue != c.want.Undue || got.Newest() != testHash(3) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	k := NewKeyBags()
	for i, l := range []Leaf{Genesis{Origin: "office.example/evidence"}, opened, Rewrap{SID: sid, Bag: testHash(9), By: "a"}} {
		k.Add(uint64(i), l, time.Unix(int64(i), 0))
	}
	if got := k.Of(Segment{SID: sid}); got.Newest() != testHash(9) || len(got.Bags) != 2 {
		t.Errorf("wrapped anew: %+v", got)
	}

	// The log's own keys go with a revocation, of a recording whose erasure was decided.
	log := testID(8)
	share := Share{ID: log, SID: sid, By: "broker", To: ToLog, Tracks: Tracks{1}}
	named, anew := LogKeys{SID: sid, Keys: testHash(5), By: "broker"}, LogKeys{SID: sid, Keys: testHash(6), By: "a"}
	revoke, held := Revoke{ID: log, SID: sid, By: "broker"}, Hold{ID: hold, SID: sid, By: "a"}
	decided := []Leaf{opened, share, named, anew, asked, auditor, dpo, shred}
	for name, c := range map[string]struct {
		leaves []Leaf
		gone   bool
	}{
		"kept":                     {decided, false},
		"ended":                    {append(slices.Clone(decided), revoke), true},
		"before the recording":     {[]Leaf{opened, share, named, anew, revoke}, false},
		"and then the recording":   {[]Leaf{opened, share, named, anew, revoke, asked, auditor, dpo, shred}, true},
		"by one role":              {[]Leaf{opened, share, named, anew, asked, auditor, shred, revoke}, false},
		"held":                     {append(slices.Clone(decided), held, revoke), false},
		"a share that is no log's": {append(slices.Clone(decided), Share{ID: testID(9), SID: sid, By: "a", To: "customer"}, Revoke{ID: testID(9), SID: sid, By: "a"}), false},
		"another session's":        {append(slices.Clone(decided), Revoke{ID: log, SID: other, By: "broker"}), false},
	} {
		k := NewKeyBags()
		for i, l := range append([]Leaf{Genesis{Origin: "office.example/evidence"}}, c.leaves...) {
			k.Add(uint64(i), l, time.Unix(int64(i), 0))
		}
		got := k.Of(Segment{SID: sid})
		if got.LogGone != c.gone || got.NewestLog() != testHash(6) || len(got.Logs) != 2 || got.Newest() != testHash(3) || len(k.Segments(sid)) != 1 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := k.Of(Segment{SID: other}); got.NewestLog() != (Hash{}) || got.Newest() != (Hash{}) {
		t.Errorf("never opened: %+v", got)
	}
}
