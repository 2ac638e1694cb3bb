package evidence

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"consento/recordings"
	"consento/recordings/translog"
)

// copyTracks are what a customer's copy opens: all but the events, which hold the
// technician's notes and the broker's accounts, and the input, which may hold
// passwords of the office. What of them is the customer's is in the customer's log.
var copyTracks = translog.Tracks{int(recordings.TrackControl), int(recordings.TrackVideo), int(recordings.TrackChat), int(recordings.TrackShell),
	int(recordings.TrackFiles), int(recordings.TrackMeta), int(recordings.TrackSystem), int(recordings.TrackClipboard), int(recordings.TrackStills)}

// longest bounds how much time of a segment the share leaf of a copy speaks of: it
// is made while the session goes on.
const longest = 24 * time.Hour

// PromiseCopy gives a customer's browser a copy of a session that goes on. token is
// SHA-256 of what the browser shows later, so that only who has the link finds it.
// The share is on the log when PromiseCopy returns. Without tracks the office
// withholds the recording, and there is the log alone.
func (e *Evidence) PromiseCopy(ctx context.Context, session string, token [sha256.Size]byte) (recordings.ShareTerms, error) {
	var terms recordings.ShareTerms
	sid, err := canonicalID(session)
	if err != nil {
		return terms, err
	}
	give, days, err := e.givesCopies(ctx)
	if err != nil {
		return terms, err
	}
	now := e.config.Now()
	terms = recordings.ShareTerms{ID: recordings.NewSessionID(), Made: now, Until: now.AddDate(0, 0, days)}
	leaf := translog.Share{ID: translog.ID(terms.ID), SID: sid, By: ToCustomer, To: ToCustomer, ToMS: uint64(longest.Milliseconds()), Until: uint64(terms.Until.UnixMilli())}
	if give {
		leaf.Tracks = copyTracks
		for _, t := range copyTracks {
			terms.Tracks = append(terms.Tracks, recordings.Track(t))
		}
	}
	return terms, e.keepShare(ctx, leaf, shareRow{Kind: ToCustomer, Token: hex.EncodeToString(token[:])})
}

// givesCopies is what the office decided; a policy of the auditors that names no
// customers wins.
func (e *Evidence) givesCopies(ctx context.Context) (give bool, days int, err error) {
	if e.config.Copies == nil {
		return false, 1, nil
	}
	if give, days, err = e.config.Copies(ctx); err != nil {
		return false, 0, fmt.Errorf("evidence: copies: %w", err)
	}
	if policy, ok := e.Policy(); ok && !policy.Customer {
		give = false
	}
	return give, max(1, days), nil
}

// KeepCopy keeps keys of a segment and the log so far, both encrypted for the
// customer's key; nil leaves what is there. For a copy that is over nothing is kept.
func (e *Evidence) KeepCopy(ctx context.Context, id recordings.SessionID, number int, keys, log []byte) error {
	s, err := e.shareByID(ctx, id.String())
	if err != nil {
		return err
	}
	if s.Over(e.config.Now()) != nil {
		return nil
	}
	at := segment{s.sid, number}
	if keys != nil && len(s.Tracks) > 0 {
		err = e.writeShare(at, s.ID, sharedKeys, keys)
	}
	if log != nil {
		err = errors.Join(err, e.writeShare(at, s.ID, sharedLog, log))
	}
	return err
}

// Copy says what there is for whoever shows token. ErrNotFound is the one answer
// for a wrong token and for an id that never was.
func (e *Evidence) Copy(ctx context.Context, id string, token []byte) (Share, error) {
	s, err := e.shareByID(ctx, id)
	if err != nil {
		return Share{}, err
	}
	sum := sha256.Sum256(token)
	if s.Kind != ToCustomer || subtle.ConstantTimeCompare([]byte(hex.EncodeToString(sum[:])), []byte(s.token)) != 1 {
		return Share{}, ErrNotFound
	}
	if err := s.Over(e.config.Now()); err != nil {
		return s, err
	}
	if s.Held { // locked until the hold is lifted: the log never is
		s.Tracks = nil
	}
	return s, e.sharedParts(ctx, &s)
}

// OpenCopy states that a customer looks at their copy: it is on the log before
// OpenCopy returns. The grant opens its bytes.
func (e *Evidence) OpenCopy(ctx context.Context, id string, token []byte) (Share, string, error) {
	s, err := e.Copy(ctx, id, token)
	if err != nil {
		return s, "", err
	}
	if _, err := e.add(ctx, translog.Access{ID: newID(), SID: s.sid, By: ToCustomer, How: "copy", Tracks: s.Tracks}); err != nil {
		return s, "", err
	}
	grant, err := e.grants.give(ToCustomer, s.ID, e.config.Now())
	return s, grant, err
}

// customerGrant is sharedGrant for a customer. recording: what is asked for is of
// the recording, not of the log.
func (e *Evidence) customerGrant(ctx context.Context, grant, id string, n int, recording bool) (segment, error) {
	s, err := e.shareByID(ctx, id)
	switch {
	case err != nil:
		return segment{}, err
	case s.Kind != ToCustomer:
		return segment{}, ErrNotFound
	case recording && (s.Held || len(s.Tracks) == 0):
		return segment{}, ErrWithheld
	}
	return e.sharedGrant(ctx, s, ToCustomer, grant, n)
}

// CopySegment opens the bytes of a segment, as Segment does.
func (e *Evidence) CopySegment(ctx context.Context, grant, id string, n int) (io.ReadSeekCloser, time.Time, error) {
	at, err := e.customerGrant(ctx, grant, id, n, true)
	if err != nil {
		return nil, time.Time{}, err
	}
	return e.openSegment(at)
}

// CopyKeys returns the keys of a segment, encrypted for the customer.
func (e *Evidence) CopyKeys(ctx context.Context, grant, id string, n int) ([]byte, error) {
	return e.copyFile(ctx, grant, id, n, sharedKeys)
}

// CopyLog returns the customer's log of a segment, encrypted for the customer.
func (e *Evidence) CopyLog(ctx context.Context, grant, id string, n int) ([]byte, error) {
	return e.copyFile(ctx, grant, id, n, sharedLog)
}

func (e *Evidence) copyFile(ctx context.Context, grant, id string, n int, what string) ([]byte, error) {
	at, err := e.customerGrant(ctx, grant, id, n, what == sharedKeys)
	if err != nil {
		return nil, err
	}
	b, err := e.readShare(at, id, what)
	if err == nil && b == nil {
		err = ErrNotFound
	}
	return b, err
}

// CopyProof is Receipt for a customer with a grant.
func (e *Evidence) CopyProof(ctx context.Context, grant, id string) ([]byte, error) {
	at, err := e.customerGrant(ctx, grant, id, 0, false)
	if err != nil {
		return nil, err
	}
	return e.Receipt(ctx, at.id.String())
}
