package evidence

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"consento/broker/internal/access"
	"consento/recordings"
	"consento/recordings/mirror"
	"consento/recordings/translog"
)

// ErrBag says that a key bag is not what the policy in force asks for.
var ErrBag = errors.New("the key bag does not let exactly those read whom the policy names")

// beforeEnd is how the file of the bag ends that a re-wrapping replaced. It is kept
// until the session's keys are destroyed: whether the new one holds the right key
// nobody here can tell, and no single person may make contents unreadable.
const beforeEnd = ".before"

// Rewrap puts a key bag in the place of one, that an auditor made for whom the
// policy in force names. Checked are form, session and readers; the key inside is
// for the next auditor to find wrong. It is on the log before it takes effect.
// Errors: ErrBag, recordings.ErrMalformed, ErrShredded, those of Session.
func (e *Evidence) Rewrap(ctx context.Context, by access.Account, id string, n int, file []byte) error {
	f, sid, err := e.fact(ctx, by, id)
	if err != nil {
		return err
	}
	s := segment{sid, n}
	e.deciding.Lock() // no destruction meanwhile
	defer e.deciding.Unlock()
	row, err := e.index.segment(ctx, s)
	switch {
	case err != nil:
		return err
	case row == nil:
		return ErrNotFound
	case row.Shred != nil:
		return ErrShredded
	}
	bag, err := recordings.ParseBag(file)
	if err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	path := e.bagPath(s)
	old, err := recordings.ReadBag(path)
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	if bag.Session() != recordings.SessionID(sid) || bag.Segment() != n {
		return fmt.Errorf("%w: it is for another segment", ErrBag)
	}
	if err := e.complete(bag, f.Team, f.Territory); err != nil {
		return err
	}
	if _, err := e.add(ctx, translog.Rewrap{SID: sid, Segment: n, Bag: bag.Hash(), By: by.ID}); err != nil {
		return err
	}
	if err := keepBefore(path+beforeEnd, old); err != nil {
		return fmt.Errorf("evidence: rewrap: %w", err)
	}
	if err := recordings.ReplaceBag(path, bag); err != nil {
		return fmt.Errorf("evidence: rewrap: %w", err)
	}
	e.bring(ctx, mirror.Segment{Session: recordings.SessionID(sid), Number: n})
	return e.keepProof(ctx, sid, false)
}

// keepBefore keeps the first of the bags that were replaced: the one of the recorder.
func keepBefore(path string, bag recordings.Bag) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	return recordings.ReplaceBag(path, bag)
}

// complete checks that a bag lets all of those read whom the policy names for this
// team and territory, each in their way, and besides at most the customer.
func (e *Evidence) complete(bag recordings.Bag, team, territory string) error {
	p, want, err := e.wanted(team, territory)
	if err != nil {
		return err
	}
	if err := p.Allows(bag); err != nil {
		return fmt.Errorf("%w: %w", ErrBag, err)
	}
	if !hasWays(bag, want, p.Customer) {
		return ErrBag
	}
	return nil
}

// wanted is the policy in force, and the ways to the key that it wants for a team and
// territory.
func (e *Evidence) wanted(team, territory string) (recordings.SignedPolicy, []string, error) {
	p, ok := e.Policy()
	if !ok {
		return p, nil, fmt.Errorf("%w: there is no policy", ErrBag)
	}
	want, err := waysOf(p.Policy, team, territory)
	if err != nil {
		return p, nil, fmt.Errorf("%w: %w", ErrBag, err)
	}
	return p, want, nil
}

// waysOf lists the ways to the key that a policy wants for a team and territory.
func waysOf(p recordings.Policy, team, territory string) ([]string, error) {
	stanzas, err := p.Stanzas(team, territory)
	var want []string
	for _, s := range stanzas {
		var ids []string
		for _, r := range s.To {
			ids = append(ids, r.ID())
		}
		want = append(want, way(s.Class, ids))
	}
	slices.Sort(want)
	return want, err
}

// hasWays says whether a bag has exactly these ways and, where it may, the customer's.
func hasWays(bag recordings.Bag, want []string, customer bool) bool {
	var have []string
	customers := 0
	for _, s := range bag.Stanzas() {
		if s.Class != recordings.ClassCustomer {
			have = append(have, way(s.Class, s.IDs))
		} else if customers++; !customer || customers > 1 || len(s.IDs) != 1 {
			return false
		}
	}
	slices.Sort(have)
	return slices.Equal(want, have)
}

func way(class recordings.Class, ids []string) string {
	ids = slices.Sorted(slices.Values(ids))
	return string(class) + " " + strings.Join(ids, " ")
}

// Outdated says which segments of a session let others read than the policy in
// force names: their bags, or the keys of their log, are to be wrapped anew.
func (e *Evidence) Outdated(ctx context.Context, by access.Account, id string) ([]int, error) {
	f, sid, err := e.fact(ctx, by, id)
	if err != nil {
		return nil, err
	}
	policy, ok := e.Policy()
	if !ok {
		return nil, nil
	}
	want, _ := waysOf(policy.Policy, f.Team, f.Territory) // nobody: all is outdated
	kept, err := e.logKeysOf(ctx, sid)
	if err != nil {
		return nil, err
	}
	rows, err := e.index.session(ctx, sid)
	if err != nil {
		return nil, err
	}
	var all []int
	for _, row := range rows {
		s := segment{sid, row.Segment}
		bag, err := recordings.ReadBag(e.bagPath(s))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("evidence: %w", err)
		}
		outdated := err == nil && e.complete(bag, f.Team, f.Territory) != nil
		if !outdated && kept.ID != "" && kept.Gone == 0 && row.Closed != nil {
			if _, outdated, err = e.logWrapping(s, want); err != nil {
				return nil, err
			}
		}
		if outdated {
			all = append(all, row.Segment)
		}
	}
	return all, nil
}
