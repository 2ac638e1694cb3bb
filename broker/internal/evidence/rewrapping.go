package evidence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"consento/broker/internal/access"
	"consento/recordings"
	"consento/recordings/translog"
)

const (
	rewrapBatch = 25   // key bags handed out at once
	rewrapLook  = 2000 // looked at for them
)

// Wrapping is a key bag that lets others read than the policy in force names, or the
// keys of a log.
type Wrapping struct {
	Session         string
	Segment         int
	Started         time.Time
	Team, Territory string
	Commit          [32]byte // to the key inside, as OPEN has it
	Bag             []byte   // nil: it is missing or damaged
	Log             bool     // it is the keys of the segment's events, a share; no Commit
}

type wrappingRow struct {
	ID        string
	Segment   int
	Issued    int64
	Team      string
	Territory string
	Bagged    bool // not erased
	Kept      bool // the keys of its events are kept
}

// wrappings looks through the key bags behind a place, in a fixed order, until it has
// most that are to be wrapped anew. next is where to look on, "" at the end.
func (e *Evidence) wrappings(ctx context.Context, by access.Account, after place, most int) (found []Wrapping, next place, err error) {
	if !access.Can(by, access.ManageRecipients, access.Scope{}) || !access.Can(by, access.ReadEvidence, access.Scope{Territory: by.Territory}) {
		return nil, place{}, ErrForbidden
	}
	policy, ok := e.Policy()
	if !ok {
		return nil, place{}, nil
	}
	// Whom the policy names is worked out once for each team: that takes longer than a bag.
	wanted := map[[2]string][]string{}
	ways := func(row wrappingRow) []string {
		team := [2]string{row.Team, row.Territory}
		want, known := wanted[team]
		if !known {
			want, _ = waysOf(policy.Policy, row.Team, row.Territory) // nobody: every bag is outdated
			wanted[team] = want
		}
		return want
	}
	good := func(bag recordings.Bag, row wrappingRow) bool {
		want := ways(row)
		return want != nil && hasWays(bag, want, policy.Customer)
	}
	var rows []wrappingRow
	q := e.config.Database.NewSelect().TableExpr("session_facts AS fact").Join("JOIN log_segments AS part ON part.sid = fact.id").
		ColumnExpr("fact.id, part.segment, fact.issued, fact.team, fact.territory, part.shred IS NULL AS bagged").
		ColumnExpr("part.closed IS NOT NULL AND EXISTS (SELECT 1 FROM log_keys AS k WHERE k.sid = part.sid AND k.gone = 0) AS kept").
		Where("(part.shred IS NULL OR EXISTS (SELECT 1 FROM log_keys AS k WHERE k.sid = part.sid AND k.gone = 0))").
		Where("(fact.id > ? OR (fact.id = ? AND part.segment > ?))", after.session, after.session, after.segment)
	if err := visible(q, by).OrderExpr("fact.id, part.segment").Limit(rewrapLook).Scan(ctx, &rows); err != nil {
		return nil, place{}, fmt.Errorf("evidence: rewrap: %w", err)
	}
	for i, row := range rows {
		some, err := e.outdatedOf(row, ways, good)
		if err != nil {
			return nil, place{}, err
		}
		found = append(found, some...)
		if more := i < len(rows)-1 || len(rows) == rewrapLook; more && (len(found) >= most || i == len(rows)-1) {
			return found, place{row.ID, row.Segment}, nil
		}
	}
	return found, place{}, nil
}

// outdatedOf is what of a segment is to be wrapped anew: key bag, keys of events, both
// or none.
func (e *Evidence) outdatedOf(row wrappingRow, ways func(wrappingRow) []string, good func(recordings.Bag, wrappingRow) bool) (found []Wrapping, err error) {
	if row.Bagged {
		w, outdated, err := e.wrapping(row, good)
		if err != nil {
			return nil, err
		}
		if outdated {
			found = append(found, w)
		}
	}
	if row.Kept {
		sid, err := translog.ParseID(row.ID)
		if err != nil {
			return nil, fmt.Errorf("evidence: rewrap: %w", err)
		}
		keys, outdated, err := e.logWrapping(segment{sid, row.Segment}, ways(row))
		if err != nil {
			return nil, err
		}
		if outdated {
			found = append(found, Wrapping{Session: row.ID, Segment: row.Segment, Started: moment(row.Issued), Team: row.Team, Territory: row.Territory, Bag: keys, Log: true})
		}
	}
	return found, nil
}

func (e *Evidence) wrapping(row wrappingRow, good func(recordings.Bag, wrappingRow) bool) (w Wrapping, outdated bool, err error) {
	sid, err := translog.ParseID(row.ID)
	if err != nil {
		return w, false, fmt.Errorf("evidence: rewrap: %w", err)
	}
	s := segment{sid, row.Segment}
	w = Wrapping{Session: row.ID, Segment: row.Segment, Started: moment(row.Issued), Team: row.Team, Territory: row.Territory}
	bag, err := recordings.ReadBag(e.bagPath(s))
	if err == nil && (bag.Session() != recordings.SessionID(sid) || bag.Segment() != row.Segment) {
		err = recordings.ErrMalformed
	}
	if err == nil && good(bag, row) {
		return w, false, nil
	}
	if err == nil {
		var open recordings.Open
		if open, err = recordings.ReadOpen(e.path(s)); err == nil {
			w.Commit, w.Bag = open.Commit, bag.Bytes()
		}
	}
	if pathErr := (*fs.PathError)(nil); errors.As(err, &pathErr) && !errors.Is(err, fs.ErrNotExist) {
		return w, false, fmt.Errorf("evidence: rewrap: %w", err)
	}
	return w, true, nil // what is damaged is named, and has no bag
}

// place is behind which one looks on.
type place struct {
	session string
	segment int
}

func (p place) String() string {
	if p.session == "" {
		return ""
	}
	return fmt.Sprintf("%s-%d", p.session, p.segment)
}

func parsePlace(s string) (p place, err error) {
	if s == "" {
		return place{segment: -1}, nil
	}
	if len(s) < 34 || len(s) > 48 {
		return p, ErrNotFound
	}
	id, err := translog.ParseID(s[:32])
	if err != nil {
		return p, ErrNotFound
	}
	if _, err := fmt.Sscanf(s[32:], "-%d", &p.segment); err != nil || p.segment < 0 {
		return p, ErrNotFound
	}
	p.session = id.String()
	if p.String() != s {
		return p, ErrNotFound
	}
	return p, nil
}

// OutdatedBags counts the key bags that let others read than the policy in force
// names, of sessions that this auditor reads, and of these the damaged and missing ones.
func (e *Evidence) OutdatedBags(ctx context.Context, by access.Account) (outdated, damaged int, err error) {
	at := place{segment: -1}
	for {
		found, next, err := e.wrappings(ctx, by, at, rewrapLook)
		if err != nil {
			return 0, 0, err
		}
		for _, w := range found {
			if w.Bag == nil {
				damaged++
			}
		}
		outdated += len(found)
		if next == (place{}) {
			return outdated, damaged, nil
		}
		at = next
	}
}

// rewrapWay is how an auditor comes to the key bags here, on the log.
const rewrapWay = "rewrap"

// NextBags hands out some of the key bags that are to be wrapped anew, from behind a
// place on ("" from the first), and where to look on ("" at the end). That this
// auditor has them is on the log first. Errors: ErrForbidden, ErrNotFound for a place
// that is none.
func (e *Evidence) NextBags(ctx context.Context, by access.Account, after string) ([]Wrapping, string, error) {
	at, err := parsePlace(after)
	if err != nil {
		return nil, "", err
	}
	found, next, err := e.wrappings(ctx, by, at, rewrapBatch)
	if err != nil || len(found) == 0 {
		return nil, next.String(), err
	}
	readers, err := e.readers(ctx)
	if err != nil {
		return nil, "", fmt.Errorf("evidence: %w", err)
	}
	policy, _ := e.Policy()
	body, err := json.Marshal(viewBody{e.config.Now().UTC(), by.ID, by.Name, rewrapWay, fmt.Sprintf("policy %d", policy.Number)})
	if err != nil {
		return nil, "", fmt.Errorf("evidence: %w", err)
	}
	hash, err := e.seal(body, readers)
	if err != nil {
		return nil, "", err
	}
	var leaves []translog.Leaf
	last := ""
	for _, w := range found {
		if w.Session == last || w.Bag == nil {
			continue
		}
		last = w.Session
		sid, err := translog.ParseID(w.Session)
		if err != nil {
			return nil, "", fmt.Errorf("evidence: %w", err)
		}
		leaves = append(leaves, translog.Access{ID: newID(), SID: sid, By: by.ID, How: rewrapWay, Body: hash})
	}
	if len(leaves) > 0 {
		if _, err := e.add(ctx, leaves...); err != nil {
			return nil, "", err
		}
	}
	return found, next.String(), nil
}

// Independent says whether somebody else than this broker signs what happens here.
func (e *Evidence) Independent() bool { return len(e.config.Witness.Elsewhere) > 0 }
