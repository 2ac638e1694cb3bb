package evidence

import (
	"bytes"
	"context"
	"crypto/sha256"
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

// MaxLogKeys is the length of the longest keys of a segment's events, in bytes: of a
// day, for fifty readers.
const MaxLogKeys = mirror.MaxLogKeys

// RewrapLog puts keys of a segment's events in the place of those that are kept, that
// an auditor made for whom the policy in force names: as Rewrap does a key bag, by the
// same right and rules, and also when the recording is erased. What they open has to be
// the same. Errors: ErrBag, recordings.ErrMalformed, ErrShredded, ErrGoesOn, those of
// Session.
func (e *Evidence) RewrapLog(ctx context.Context, by access.Account, id string, n int, file []byte) error {
	f, sid, err := e.fact(ctx, by, id)
	if err != nil {
		return err
	}
	s := segment{sid, n}
	e.deciding.Lock() // no destruction meanwhile
	defer e.deciding.Unlock()
	e.logging.Lock()
	defer e.logging.Unlock()
	row, err := e.index.segment(ctx, s)
	if err != nil {
		return err
	}
	kept, err := e.logKeysOf(ctx, sid)
	switch {
	case err != nil:
		return err
	case row == nil || kept.ID == "":
		return ErrNotFound
	case kept.Gone > 0:
		return ErrShredded
	case row.Closed == nil:
		return ErrGoesOn // its recorder writes them anew
	}
	file = bytes.TrimSuffix(file, []byte{'\n'})
	if len(file) > MaxLogKeys {
		return fmt.Errorf("evidence: log keys: %w", recordings.ErrMalformed)
	}
	share, err := recordings.ParseShare(file)
	if err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	path := e.logKeysPath(s)
	was, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("evidence: log keys: %w", err)
	}
	old, err := recordings.ParseShare(was)
	if err != nil {
		return fmt.Errorf("evidence: log keys: %w", err)
	}
	if !share.Like(old) {
		return fmt.Errorf("%w: it is for another segment, or for more or less of it", ErrBag)
	}
	if err := e.completeLog(share, f.Team, f.Territory); err != nil {
		return err
	}
	if _, err := e.add(ctx, translog.LogKeys{SID: sid, Segment: n, Keys: sha256.Sum256(file), By: by.ID}); err != nil {
		return err
	}
	if _, err := os.Stat(path + beforeEnd); errors.Is(err, fs.ErrNotExist) { // the recorder's own
		if err := replaceKeys(path+beforeEnd, was); err != nil {
			return fmt.Errorf("evidence: log keys: %w", err)
		}
	}
	if err := replaceKeys(path, file); err != nil {
		return fmt.Errorf("evidence: log keys: %w", err)
	}
	e.witnesses.logKept(s)
	return e.keepProof(ctx, sid, false)
}

// logKept brings the keys of a segment's events to all witnesses, without waiting.
func (w *witnesses) logKept(s segment) {
	for _, one := range w.all {
		one.uplink.LogKept(mirror.Segment{Session: recordings.SessionID(s.id), Number: s.number})
	}
}

// completeLog checks that keys of events let exactly those read whom the policy names.
func (e *Evidence) completeLog(share recordings.Share, team, territory string) error {
	_, want, err := e.wanted(team, territory)
	if err != nil {
		return err
	}
	if !hasLogWays(share, want) {
		return ErrBag
	}
	return nil
}

// hasLogWays says whether keys of events have exactly these ways of a key bag, whose
// classes they do not tell.
func hasLogWays(share recordings.Share, want []string) bool {
	var have, ids []string
	for _, s := range share.Stanzas() {
		have = append(have, way("", s.IDs))
	}
	for _, w := range want {
		_, of, _ := strings.Cut(w, " ")
		ids = append(ids, " "+of)
	}
	slices.Sort(have)
	slices.Sort(ids)
	return slices.Equal(have, ids)
}

// logWrapping looks at the keys of a segment's events; want are the ways of a key bag
// that the policy in force asks for, nil: nobody is to read it.
func (e *Evidence) logWrapping(s segment, want []string) (keys []byte, outdated bool, err error) {
	b, err := os.ReadFile(e.logKeysPath(s))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("evidence: rewrap: %w", err)
	}
	share, err := recordings.ParseShare(b)
	if err != nil || translog.ID(share.Session) != s.id || share.Segment != s.number {
		return nil, true, nil // what is damaged is named, and has no keys
	}
	return b, want == nil || !hasLogWays(share, want), nil
}
