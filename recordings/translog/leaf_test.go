package translog

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestLeaves(t *testing.T) {
	at := time.UnixMilli(1_772_355_600_123).UTC()
	kinds := map[Kind]bool{}
	for _, want := range allLeaves() {
		b, err := MarshalLeaf(want, at)
		must(t, err)
		if !bytes.HasPrefix(b, fmt.Appendf(nil, `{"v":1,"kind":"%s","time":1772355600123,`, want.Kind())) {
			t.Errorf("%s", b)
		}
		got, when, err := ParseLeaf(b)
		must(t, err)
		if again, err := MarshalLeaf(got, when); err != nil || !bytes.Equal(again, b) || !when.Equal(at) {
			t.Errorf("%s\n%s\n%v", b, again, err)
		}
		kinds[want.Kind()] = true
		// Every byte counts: changed, doubled or left out, it is another leaf or none.
		for i := range b {
			for _, spoilt := range [][]byte{
				append(append(bytes.Clone(b[:i]), ' '), b[i:]...),
				append(bytes.Clone(b[:i]), b[i+1:]...),
				b[:i],
			} {
				if l, when, err := ParseLeaf(spoilt); err == nil {
					if _, unknown := l.(Unknown); unknown {
						continue
					}
					if again, err := MarshalLeaf(l, when); err != nil || !bytes.Equal(again, spoilt) {
						t.Errorf("%s passes", spoilt)
					}
				}
			}
		}
	}
	if len(kinds) != len(readers) {
		t.Errorf("%d kinds of %d", len(kinds), len(readers))
	}
}

func TestLeavesRefused(t *testing.T) {
	good := `{"v":1,"kind":"admin","time":5,"what":"signin","by":"command","body":""}`
	if _, _, err := ParseLeaf([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"version":           strings.Replace(good, `"v":1`, `"v":2`, 1),
		"unknown member":    strings.Replace(good, `"body":""`, `"body":"","more":1`, 1),
		"double member":     strings.Replace(good, `"by":"command"`, `"by":"x","by":"command"`, 1),
		"other order":       `{"kind":"admin","v":1,"time":5,"what":"signin","by":"command","body":""}`,
		"other case":        strings.Replace(good, `"what"`, `"What"`, 1),
		"blank":             strings.Replace(good, `:5,`, `: 5,`, 1),
		"line feed behind":  good + "\n",
		"escape":            strings.Replace(good, `signin`, `s\u0069gnin`, 1),
		"number as float":   strings.Replace(good, `:5,`, `:5.0,`, 1),
		"negative time":     strings.Replace(good, `:5,`, `:-5,`, 1),
		"hash too short":    strings.Replace(good, `"body":""`, `"body":"00"`, 1),
		"hash of zeros":     strings.Replace(good, `"body":""`, `"body":"`+strings.Repeat("0", 64)+`"`, 1),
		"hash in capitals":  strings.Replace(good, `"body":""`, `"body":"`+strings.Repeat("A", 64)+`"`, 1),
		"null":              strings.Replace(good, `"body":""`, `"body":null`, 1),
		"empty":             "",
		"array":             "[]",
		"not UTF-8":         strings.Replace(good, `signin`, "sign\xff", 1),
		"quote in text":     strings.Replace(good, `signin`, `a\"b`, 1),
		"text too long":     strings.Replace(good, `signin`, strings.Repeat("x", 65), 1),
		"unknown, blank":    `{"v":1,"kind":"later","time":5, "x":1}`,
		"unknown, order":    `{"v":1,"time":5,"kind":"later"}`,
		"unknown, no name":  `{"v":1,"kind":"","time":5}`,
		"too long":          `{"v":1,"kind":"later","time":5,"x":"` + strings.Repeat("x", MaxEntry) + `"}`,
		"tracks null":       `{"v":1,"kind":"access","time":5,"id":"` + testID(1).String() + `","sid":"` + testID(1).String() + `","by":"a","how":"page","tracks":null,"body":""}`,
		"sids null":         `{"v":1,"kind":"search","time":5,"id":"` + testID(1).String() + `","by":"a","sids":null,"body":""}`,
		"tracks descending": `{"v":1,"kind":"access","time":5,"id":"` + testID(1).String() + `","sid":"` + testID(1).String() + `","by":"a","how":"page","tracks":[2,1],"body":""}`,
	} {
		if l, _, err := ParseLeaf([]byte(bad)); !errors.Is(err, ErrLeaf) {
			t.Errorf("%s: %v, %v", name, l, err)
		}
	}
	for _, later := range []string{`{"v":1,"kind":"later","time":5}`, `{"v":1,"kind":"later","time":5,"x":{"y":[1,"é"]}}`} {
		l, at, err := ParseLeaf([]byte(later))
		if u, ok := l.(Unknown); err != nil || !ok || u.Raw != later || u.Kind() != "later" || at.UnixMilli() != 5 {
			t.Errorf("%s: %v, %v", later, l, err)
		}
	}
	for _, l := range []Leaf{Genesis{"a b"}, Genesis{""}, Policy{}, Opened{}, Heartbeat{}, Closed{}, Recovered{}, Rewrap{}, LogKeys{}, Share{}, Revoke{}, Access{}, Search{}, Search{By: "a"}, Search{By: "a", SIDs: []ID{{2}, {1}}}, Search{By: "a", SIDs: []ID{{1}, {1}}}, Hold{}, Release{},
		Erase{}, Shred{}, Purge{Segment: -1}, Rotation{}, Witness{}, Timestamp{}, Admin{}, Unknown{"x", `{}`},
		Share{By: "a", To: "b", FromMS: 2, ToMS: 1}, Policy{2, testHash(1), Hash{}, testHash(1)}, Heartbeat{make([]Head, 2)}} {
		if b, err := MarshalLeaf(l, time.UnixMilli(5)); err == nil {
			t.Errorf("%s was written", b)
		}
	}
	if _, err := MarshalLeaf(Admin{"a", "b", Hash{}}, time.UnixMilli(-1)); err == nil {
		t.Error("a time before 1970")
	}
	many := Heartbeat{}
	for n := range 500 {
		many.Heads = append(many.Heads, Head{testID(n), 0, 1, testHash(n)})
	}
	if _, err := MarshalLeaf(many, time.UnixMilli(5)); err == nil {
		t.Error("a leaf that is too long")
	}
}
