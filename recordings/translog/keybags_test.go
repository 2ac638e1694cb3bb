package translog

import (
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
	if got := k.Of(Segment{SID: other}); got.Newest() != (Hash{}) {
		t.Errorf("never opened: %+v", got)
	}
}
