package central

import (
	"encoding/json"
	"testing"

	"consento/broker/internal/access"
)

// FuzzFilter: a filter is read or refused, and what is read is within limits.
func FuzzFilter(f *testing.F) {
	for _, s := range []string{`userName eq "x"`, `emails[type eq "work"].value eq "\u00e9" and active eq true`, `a eq "`, `a eq "\\"`, `a[b eq "]"].c eq 1`, "and and and", `x.y.z eq "q"  and id eq "r"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		terms, err := parseFilter(s)
		if err == nil && (len(terms) == 0 || len(terms) > maxTerms || len(s) > maxFilter) {
			t.Errorf("%q: %v", s, terms)
		}
		for _, term := range terms {
			if term.attribute == "" {
				t.Errorf("%q: a term without an attribute", s)
			}
		}
		if p, err := parsePath(s); err == nil && (p.attribute == "" || p.which == nil && p.sub != "") {
			t.Errorf("%q: %+v", s, p)
		}
	})
}

// FuzzPatch: a change is made or refused; whatever it says, the id stays and the groups of
// a person are not written by it.
func FuzzPatch(f *testing.F) {
	for _, s := range []string{`{"Operations":[{"op":"replace","path":"active","value":"False"}]}`, `{"operations":[{"op":"add","value":{"emails":[{"value":"a@b.example","primary":true}],"name":{"givenName":"x"}}}]}`,
		`{"Operations":[{"op":"remove","path":"members[value eq \"1\"]"},{"op":"add","path":"members","value":{"value":"2"}},{"op":"remove","path":"members","value":[{"value":"1"}]}]}`,
		`{"Operations":[{"op":"add","path":"id","value":"2"},{"op":"add","path":"groups","value":[{"value":"2"}]}]}`, `{"Operations":null}`, `{"Operations":[{"op":"remove","path":"name"}]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var body object
		if json.Unmarshal(data, &body) != nil {
			return
		}
		changes, err := parsePatch(body)
		if err != nil {
			return
		}
		p := access.Person{ID: "1", UserName: "u", Groups: []access.Ref{{ID: "g"}}, Version: 3}
		g := access.Group{ID: "1", Name: "g", Members: []access.Ref{{ID: "1"}}, Version: 3}
		for _, c := range changes {
			_, _ = patchPerson(&p, c), patchGroup(&g, c)
		}
		if p.ID != "1" || p.Version != 3 || len(p.Groups) != 1 || g.ID != "1" || g.Version != 3 {
			t.Errorf("%s: %+v %+v", data, p, g)
		}
	})
}
