package figures

import (
	"cmp"
	"slices"
	"strings"
)

// Fewest is how many people a group has at least whose figures are shown by themselves.
// Of two, each knows the other's: the whole less one's own.
const Fewest = 3

// Group is what is counted of a part.
type Group struct {
	Name string   // team, category, account's name; "" several, or none
	Of   []string // the teams that are put together here, if there are several
	Count

	id     string
	people map[string]bool
}

// People is how many work in it.
func (g Group) People() int { return len(g.people) }

// together puts groups together until each has enough people, and returns them by name,
// what was put together last; false where all of them together have too few.
func together(groups []*Group) ([]*Group, bool) {
	slices.SortFunc(groups, func(a, b *Group) int {
		return cmp.Or(cmp.Compare(len(a.people), len(b.people)), strings.Compare(a.Name, b.Name))
	})
	rest, others := []*Group{}, &Group{people: map[string]bool{}}
	for _, g := range groups {
		alone := len(g.people) >= Fewest
		if alone && (len(others.Of) == 0 || len(others.people) >= Fewest) {
			rest = append(rest, g)
			continue
		}
		others.take(g)
	}
	slices.SortFunc(rest, func(a, b *Group) int { return strings.Compare(a.Name, b.Name) })
	if len(others.Of) == 0 {
		return rest, true
	}
	if len(others.Of) == 1 {
		others.Name, others.Of = others.Of[0], nil
	}
	slices.Sort(others.Of)
	return append(rest, others), len(others.people) >= Fewest
}

func (g *Group) take(o *Group) {
	g.Of = append(g.Of, o.Name)
	g.merge(&o.Count)
	for id := range o.people {
		g.people[id] = true
	}
}
