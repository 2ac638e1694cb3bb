package evidence

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"consento/broker/internal/access"
	"consento/protocol"
	"consento/recordings"
	"consento/recordings/translog"
)

const (
	// MaxSearched is how many sessions one request for summaries may name.
	MaxSearched = 500
	// MaxSearchKeys is how many keys an auditor may search with at once.
	MaxSearchKeys = 12

	maxSearchBytes = 8 << 20 // of summaries and key bags in one answer
	searchWay      = "search"
)

// search is what belongs to one stated search.
type search struct {
	id   translog.ID
	body translog.Hash // its reason, sealed beside the log
	salt [32]byte
}

// searching is the grant that a search needs; session ids have 32 digits.
const searching = "search"

// Searchable is a session whose words an auditor may search.
type Searchable struct {
	ID         string
	Started    time.Time
	Technician string
	Team       string
	Reason     protocol.EndReason
	Ticket     string // number of the ticket that it belongs to; "": none
	Parts      int    // segments that are closed and not destroyed
}

// SummaryPart is the summary of one segment, encrypted, with the keys to it.
type SummaryPart struct {
	Session string
	Segment int
	Commit  [32]byte // to the key in the bag, as OPEN has it
	Bag     []byte
	Record  []byte // whole; nil: the segment has none
}

// BeginSearch states why an auditor searches what is encrypted, and returns the grant
// that this needs. The leaves that name the sessions name the reason.
func (e *Evidence) BeginSearch(ctx context.Context, by access.Account, reason string) (string, error) {
	if !access.Can(by, access.ReadEvidence, access.Scope{Territory: by.Territory}) {
		return "", ErrForbidden
	}
	body, err := e.state(ctx, by, reason, searchWay)
	if err != nil {
		return "", err
	}
	s := &search{id: newID(), body: body}
	rand.Read(s.salt[:]) // never fails, crypto/rand
	now := e.config.Now()
	return e.grants.put(grant{account: by.ID, session: searching, until: now.Add(grantTime), search: s}, now)
}

// EndSearches ends what an account searches: who signs out has to state it anew, and
// nothing that a browser still keeps of it opens.
func (e *Evidence) EndSearches(account string) {
	e.grants.mu.Lock()
	defer e.grants.mu.Unlock()
	for token, g := range e.grants.given {
		if g.account == account && g.search != nil {
			delete(e.grants.given, token)
		}
	}
}

func (e *Evidence) searchOf(by access.Account, token string) (search, error) {
	if !access.Can(by, access.ReadEvidence, access.Scope{Territory: by.Territory}) {
		return search{}, ErrForbidden
	}
	if !e.grants.good(token, by.ID, searching, e.config.Now()) {
		return search{}, ErrGrant
	}
	e.grants.mu.Lock()
	defer e.grants.mu.Unlock()
	if g := e.grants.given[token]; g.search != nil {
		return *g.search, nil
	}
	return search{}, ErrGrant
}

// Searchable lists the sessions that an account may search, the newest first: those
// that are over, of its territory, not its own, and not destroyed. salt is
// what the browser's store of them needs to be opened again; it ends with the grant.
func (e *Evidence) Searchable(ctx context.Context, by access.Account, grant string) (list []Searchable, salt [32]byte, err error) {
	s, err := e.searchOf(by, grant)
	if err != nil {
		return nil, salt, err
	}
	var rows []struct {
		ID, Technician, Team, Ticket string
		Issued                       int64
		EndReason                    protocol.EndReason
		Parts                        int
	}
	q := e.config.Database.NewSelect().TableExpr("session_facts AS fact").Join("JOIN log_segments AS part ON part.sid = fact.id").
		ColumnExpr("fact.id, fact.technician, fact.team, fact.ticket, fact.issued, fact.end_reason, COUNT(*) AS parts").
		Where("fact.ended <> 0").Where("part.closed IS NOT NULL").Where("part.shred IS NULL").
		GroupExpr("fact.id, fact.technician, fact.team, fact.ticket, fact.issued, fact.end_reason").OrderExpr("fact.issued DESC, fact.id")
	if err := visible(q, by).Scan(ctx, &rows); err != nil {
		return nil, salt, fmt.Errorf("evidence: search: %w", err)
	}
	for _, r := range rows {
		list = append(list, Searchable{ID: r.ID, Started: moment(r.Issued), Technician: r.Technician, Team: r.Team, Reason: r.EndReason, Ticket: r.Ticket, Parts: r.Parts})
	}
	return list, s.salt, nil
}

// summaryRow is a segment whose summary is asked for.
type summaryRow struct {
	SID     string `bun:"sid"`
	Segment int
	Summary *int64
}

// Summaries hands out the summaries of sessions and the keys to them, of those whose
// key bags name one of keys (ids as in key bags). Which sessions these are is on the
// log before Summaries returns. Of the ids it takes as many as fit into one answer,
// from the first on: done of them; a session that is not this account's to
// search, or is no session, gives nothing. Errors: ErrGrant, ErrForbidden, ErrNotFound
// for what has not the form of ids.
func (e *Evidence) Summaries(ctx context.Context, by access.Account, grant string, ids, keys []string) (parts []SummaryPart, done int, err error) {
	s, err := e.searchOf(by, grant)
	if err != nil {
		return nil, 0, err
	}
	if len(ids) == 0 || len(ids) > MaxSearched || len(keys) == 0 || len(keys) > MaxSearchKeys || slices.Contains(keys, "") {
		return nil, 0, ErrNotFound
	}
	for _, id := range ids {
		if _, err := canonicalID(id); err != nil {
			return nil, 0, ErrNotFound
		}
	}
	rows, err := e.summaryRows(ctx, by, ids)
	if err != nil {
		return nil, 0, err
	}
	size := 0
	var named []translog.ID
	for _, id := range ids {
		if size >= e.searchBytes {
			break
		}
		done++
		before := len(parts)
		for _, row := range rows[id] {
			part, ok, err := e.summary(ctx, row, keys)
			if err != nil {
				return nil, 0, err
			}
			if ok {
				parts, size = append(parts, part), size+len(part.Bag)+len(part.Record)
			}
		}
		if sid, err := translog.ParseID(id); err == nil && len(parts) > before && !slices.Contains(named, sid) {
			named = append(named, sid)
		}
	}
	if len(named) == 0 {
		return parts, done, nil
	}
	slices.SortFunc(named, func(a, b translog.ID) int { return bytes.Compare(a[:], b[:]) })
	if _, err := e.add(ctx, translog.Search{ID: s.id, By: by.ID, SIDs: named, Body: s.body}); err != nil {
		return nil, 0, err
	}
	return parts, done, nil
}

func (e *Evidence) summaryRows(ctx context.Context, by access.Account, ids []string) (map[string][]summaryRow, error) {
	var rows []summaryRow
	q := e.config.Database.NewSelect().TableExpr("session_facts AS fact").Join("JOIN log_segments AS part ON part.sid = fact.id").
		ColumnExpr("part.sid, part.segment, part.summary").Where("fact.id IN (?)", bun.List(ids)).
		Where("fact.ended <> 0").Where("part.closed IS NOT NULL").Where("part.shred IS NULL").OrderExpr("part.sid, part.segment")
	if err := visible(q, by).Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("evidence: search: %w", err)
	}
	of := map[string][]summaryRow{}
	for _, r := range rows {
		of[r.SID] = append(of[r.SID], r)
	}
	return of, nil
}

// summary reads one; not ok: there is nothing to be had with these keys.
func (e *Evidence) summary(ctx context.Context, row summaryRow, keys []string) (part SummaryPart, ok bool, err error) {
	sid, err := translog.ParseID(row.SID)
	if err != nil {
		return part, false, fmt.Errorf("evidence: search: %w", err)
	}
	s := segment{sid, row.Segment}
	path := e.path(s)
	bag, err := recordings.ReadBag(e.bagPath(s))
	if gone(err) {
		return part, false, nil
	}
	if err != nil {
		return part, false, fmt.Errorf("evidence: search: %w", err)
	}
	if !opensWith(bag, keys) {
		return part, false, nil
	}
	if row.Summary == nil { // from before there was this index
		at, err := recordings.FindSummary(path)
		if gone(err) {
			return part, false, nil
		}
		if err == nil {
			err = e.index.summary(ctx, s, at)
		}
		if err != nil {
			return part, false, fmt.Errorf("evidence: search: %w", err)
		}
		row.Summary = &at
	}
	open, err := recordings.ReadOpen(path)
	if err == nil && bag.For(open) == nil {
		part = SummaryPart{Session: row.SID, Segment: row.Segment, Commit: open.Commit, Bag: bag.Bytes()}
		if *row.Summary >= 0 {
			part.Record, err = recordings.ReadSummary(path, *row.Summary)
		}
		ok = err == nil
	}
	if pathErr := (*fs.PathError)(nil); errors.As(err, &pathErr) && !gone(err) {
		return part, false, fmt.Errorf("evidence: search: %w", err)
	}
	return part, ok, nil // what is damaged is for the verdict to say
}

// gone: the file is not there, or is none of ours.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, recordings.ErrMalformed)
}

// opensWith reports whether a bag names one of these keys; whether it opens, with
// one or with two, only they can tell.
func opensWith(bag recordings.Bag, keys []string) bool {
	return slices.ContainsFunc(bag.Stanzas(), func(s recordings.BagStanza) bool {
		return s.Class == recordings.ClassAuditor && slices.ContainsFunc(s.IDs, func(id string) bool { return slices.Contains(keys, id) })
	})
}

// SearchStated reports whether a search is stated: whether the grant is good.
func (e *Evidence) SearchStated(by access.Account, grant string) bool {
	_, err := e.searchOf(by, grant)
	return err == nil
}
