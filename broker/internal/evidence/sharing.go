package evidence

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"consento/broker/internal/access"
	"consento/recordings"
	"consento/recordings/translog"
)

// ErrShare: what the auditor's browser sent is no share of this session.
var ErrShare = errors.New("this is no share of this session")

// MaxShareDays is how long an auditor may share at most.
const MaxShareDays = 30

// sharedForms is what a share has besides keys: the forms of the picture that were
// recorded before what is shared, encrypted under the same secret.
const sharedForms = ".share-forms"

// NewShare is what an auditor shares; the browser made it, and only the link has its
// secret.
type NewShare struct {
	Kind, To, ToName string // as in Share
	From, Upto       time.Duration
	Files            [][]byte // a share for each segment
	Forms            []byte   // nil: none
	Why              string
}

// shareBody is what is sealed beside a share leaf.
type shareBody struct {
	At      time.Time `json:"at"`
	Account string    `json:"account"`
	Name    string    `json:"name"`
	To      string    `json:"to"`
	Why     string    `json:"why"`
}

// MakeShare lets a technician or team see some tracks and minutes of a session, for a
// time. The share is on the log before it can be used. It returns ErrShare for
// what is none, ErrDecided for an id that was used.
func (e *Evidence) MakeShare(ctx context.Context, by access.Account, id string, n NewShare) (Share, error) {
	if _, _, err := e.fact(ctx, by, id); err != nil {
		return Share{}, err
	}
	if n.Kind != ToAccount && n.Kind != ToTeam || n.To == "" || n.From < 0 || n.Upto <= n.From {
		return Share{}, ErrShare
	}
	var name string
	err := e.decide(ctx, by, id, n.Why, func(d decision) error {
		files, err := e.checkShare(ctx, d.sid, n)
		if err != nil {
			return err
		}
		first := files[0]
		name = first.ID.String()
		if _, err := e.shareByID(ctx, name); !errors.Is(err, ErrNotFound) {
			return errors.Join(ErrDecided, err)
		}
		readers, err := e.readers(ctx)
		if err != nil {
			return fmt.Errorf("evidence: %w", err)
		}
		text, err := json.Marshal(shareBody{e.config.Now().UTC(), by.ID, by.Name, n.ToName, d.why})
		if err != nil {
			return fmt.Errorf("evidence: %w", err)
		}
		body, err := e.seal(text, readers)
		if err != nil {
			return err
		}
		leaf := translog.Share{ID: translog.ID(first.ID), SID: d.sid, By: by.ID, To: addressee(n), FromMS: uint64(n.From.Milliseconds()), ToMS: uint64(n.Upto.Milliseconds()),
			Until: uint64(first.Until.UnixMilli()), Body: body}
		for _, t := range first.Tracks {
			leaf.Tracks = append(leaf.Tracks, int(t))
		}
		if err := e.keepShare(ctx, leaf, shareRow{Kind: n.Kind, Addressee: n.To, AddresseeName: n.ToName, ByID: by.ID, ByName: by.Name}); err != nil {
			return err
		}
		for i, f := range files {
			if err := e.writeShare(segment{d.sid, f.Segment}, name, sharedKeys, n.Files[i]); err != nil {
				return err
			}
		}
		if n.Forms == nil {
			return nil
		}
		return e.writeShare(segment{d.sid, 0}, name, sharedForms, n.Forms)
	})
	if err != nil {
		return Share{}, err
	}
	return e.shareByID(ctx, name)
}

// addressee is how the log names whom something is shared with: a team, whose name
// may be in any script, by its hash.
func addressee(n NewShare) string {
	if n.Kind == ToTeam {
		sum := sha256.Sum256([]byte(n.To))
		return "team:" + hex.EncodeToString(sum[:16])
	}
	return n.To
}

// checkShare reads the shares of all segments: of one id, time and choice, each of
// another segment that can still be read, and no longer than what the leaf says.
func (e *Evidence) checkShare(ctx context.Context, sid translog.ID, n NewShare) ([]recordings.Share, error) {
	if len(n.Files) == 0 || len(n.Files) > 64 || len(n.Forms) > 1<<20 {
		return nil, ErrShare
	}
	now := e.config.Now()
	var all []recordings.Share
	for _, b := range n.Files {
		s, err := recordings.ParseShare(b)
		if err != nil {
			return nil, errors.Join(ErrShare, err)
		}
		row, err := e.index.segment(ctx, segment{sid, s.Segment})
		if err != nil {
			return nil, err
		}
		first := s
		if len(all) > 0 {
			first = all[0]
		}
		switch {
		case !s.Link() || translog.ID(s.Session) != sid || s.ID != first.ID || !s.Until.Equal(first.Until) || !slices.Equal(s.Tracks, first.Tracks),
			row == nil || slices.ContainsFunc(all, func(o recordings.Share) bool { return o.Segment == s.Segment }),
			!s.Until.After(now) || s.Until.After(now.AddDate(0, 0, MaxShareDays).Add(time.Hour)),
			s.To-s.From > n.Upto-n.From+2*time.Minute:
			return nil, ErrShare
		case row.Shred != nil:
			return nil, ErrShredded
		}
		all = append(all, s)
	}
	return all, nil
}

// addressed tells whether a share is for an account as it is now.
func (s Share) addressed(by access.Account) bool {
	if !access.Can(by, access.ReadShared, access.Scope{}) {
		return false
	}
	return s.Kind == ToAccount && s.To == by.ID || s.Kind == ToTeam && by.Team != "" && s.To == by.Team
}

// SharedWith lists what was shared with an account, the newest first.
func (e *Evidence) SharedWith(ctx context.Context, by access.Account) ([]Share, error) {
	if !access.Can(by, access.ReadShared, access.Scope{}) {
		return nil, ErrForbidden
	}
	var rows []shareRow
	return e.shares(ctx, &rows, e.sharesIn(&rows).Where("(kind = ? AND addressee = ?) OR (kind = ? AND addressee = ? AND addressee <> '')", ToAccount, by.ID, ToTeam, by.Team))
}

// Shared returns one of them: ErrNotFound for all others, ErrExpired, ErrRevoked,
// ErrShredded or ErrHeld for one that does not open.
func (e *Evidence) Shared(ctx context.Context, by access.Account, id string) (Share, error) {
	s, err := e.shareByID(ctx, id)
	if err != nil {
		return Share{}, err
	}
	if !s.addressed(by) {
		return Share{}, ErrNotFound
	}
	if err := s.Over(e.config.Now()); err != nil {
		return s, err
	}
	if s.Held {
		return s, ErrHeld
	}
	return s, e.sharedParts(ctx, &s)
}

// OpenShared states that a technician looks at what was shared: it is on the log
// before OpenShared returns.
func (e *Evidence) OpenShared(ctx context.Context, by access.Account, id string) (Share, string, error) {
	s, err := e.Shared(ctx, by, id)
	if err != nil {
		return s, "", err
	}
	if _, err := e.add(ctx, translog.Access{ID: newID(), SID: s.sid, By: by.ID, How: "share", Tracks: s.Tracks}); err != nil {
		return s, "", err
	}
	grant, err := e.grants.give(by.ID, s.ID, e.config.Now())
	return s, grant, err
}

func (e *Evidence) sharedSegment(ctx context.Context, by access.Account, grant, id string, n int) (segment, error) {
	s, err := e.Shared(ctx, by, id)
	if err != nil {
		return segment{}, err
	}
	return e.sharedGrant(ctx, s, by.ID, grant, n)
}

// SharedSegment opens the bytes of a segment, as Segment does. What is not shared of
// it nobody opens with the share's keys.
func (e *Evidence) SharedSegment(ctx context.Context, by access.Account, grant, id string, n int) (io.ReadSeekCloser, time.Time, error) {
	at, err := e.sharedSegment(ctx, by, grant, id, n)
	if err != nil {
		return nil, time.Time{}, err
	}
	return e.openSegment(at)
}

// SharedKeys returns the share of a segment, SharedForms what else there is.
func (e *Evidence) SharedKeys(ctx context.Context, by access.Account, grant, id string, n int) ([]byte, error) {
	return e.sharedFile(ctx, by, grant, id, n, sharedKeys)
}

// SharedForms returns ErrNotFound where there are none.
func (e *Evidence) SharedForms(ctx context.Context, by access.Account, grant, id string) ([]byte, error) {
	return e.sharedFile(ctx, by, grant, id, 0, sharedForms)
}

func (e *Evidence) sharedFile(ctx context.Context, by access.Account, grant, id string, n int, what string) ([]byte, error) {
	at, err := e.sharedSegment(ctx, by, grant, id, n)
	if err != nil {
		return nil, err
	}
	b, err := e.readShare(at, id, what)
	if err == nil && b == nil {
		err = ErrNotFound
	}
	return b, err
}
