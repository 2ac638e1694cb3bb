package evidence

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"consento/broker/internal/access"
	"consento/broker/internal/ops"
	"consento/recordings"
	"consento/recordings/translog"
)

// ErrReason says that a viewing needs a reason, of at most MaxReason characters.
var ErrReason = errors.New("a viewing states its reason")

const (
	// MaxReason bounds the reason of a viewing, in characters.
	MaxReason = 500

	grantTime = 8 * time.Hour
	maxGrants = 10_000
)

// grant lets one account read one session for a while, or search.
type grant struct {
	account, session string
	until            time.Time
	search           *search // nil: it is for reading a session
}

// grants lives in memory: after a restart a viewing is stated anew.
type grants struct {
	mu    sync.Mutex
	given map[string]grant
}

func (g *grants) give(account, session string, now time.Time) (string, error) {
	return g.put(grant{account: account, session: session, until: now.Add(grantTime)}, now)
}

func (g *grants) put(what grant, now time.Time) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for token, have := range g.given {
		if now.After(have.until) {
			delete(g.given, token)
		}
	}
	if len(g.given) >= maxGrants {
		return "", errors.New("evidence: too many viewings at once")
	}
	token := rand.Text()
	if g.given == nil {
		g.given = map[string]grant{}
	}
	g.given[token] = what
	return token, nil
}

func (g *grants) good(token, account, session string, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	have, ok := g.given[token]
	return ok && have.account == account && have.session == session && now.Before(have.until)
}

// viewBody is what is sealed beside an access leaf.
type viewBody struct {
	At      time.Time `json:"at"`
	Account string    `json:"account"`
	Name    string    `json:"name"`
	How     string    `json:"how"`
	Reason  string    `json:"reason"`
}

// allTracks are those that a whole recording has.
var allTracks = translog.Tracks{int(recordings.TrackControl), int(recordings.TrackEvents), int(recordings.TrackVideo), int(recordings.TrackChat),
	int(recordings.TrackShell), int(recordings.TrackFiles), int(recordings.TrackMeta), int(recordings.TrackSearch), int(recordings.TrackSystem),
	int(recordings.TrackInput), int(recordings.TrackClipboard), int(recordings.TrackStills)}

// View states who reads a session, how and why. It is on the log before View
// returns; only the grant that it returns opens the bytes, to this account.
func (e *Evidence) View(ctx context.Context, by access.Account, id, reason, how string) (string, error) {
	f, sid, err := e.fact(ctx, by, id)
	if err != nil {
		return "", err
	}
	hash, err := e.state(ctx, by, reason, how)
	if err != nil {
		return "", err
	}
	if _, err := e.add(ctx, translog.Access{ID: newID(), SID: sid, By: by.ID, How: how, Tracks: allTracks, Body: hash}); err != nil {
		return "", err
	}
	return e.grants.give(by.ID, f.ID, e.config.Now())
}

// state seals who reads, how and why, for those who read the trail, and returns the
// hash for the leaf. ErrReason: it says no reason, or one that is too long.
func (e *Evidence) state(ctx context.Context, by access.Account, reason, how string) (hash translog.Hash, err error) {
	reason = strings.TrimSpace(reason)
	if n := utf8.RuneCountInString(reason); n == 0 || n > MaxReason || !utf8.ValidString(reason) {
		return hash, ErrReason
	}
	readers, err := e.readers(ctx)
	if err != nil {
		return hash, fmt.Errorf("evidence: %w", err)
	}
	body, err := json.Marshal(viewBody{e.config.Now().UTC(), by.ID, by.Name, how, reason})
	if err != nil {
		return hash, fmt.Errorf("evidence: %w", err)
	}
	return e.seal(body, readers)
}

func newID() (id translog.ID) {
	rand.Read(id[:]) // never fails, crypto/rand
	return id
}

// granted finds a segment that this account has stated to read.
func (e *Evidence) granted(ctx context.Context, by access.Account, token, id string, n int) (segment, *segmentRow, error) {
	_, sid, err := e.fact(ctx, by, id)
	if err != nil {
		return segment{}, nil, err
	}
	if !e.grants.good(token, by.ID, id, e.config.Now()) {
		return segment{}, nil, ErrGrant
	}
	s := segment{sid, n}
	row, err := e.index.segment(ctx, s)
	if err == nil && row == nil {
		err = ErrNotFound
	}
	return s, row, err
}

// Segment opens the bytes of a segment and says when they changed last. They are
// encrypted; without the key bag and an auditor's key they say nothing.
func (e *Evidence) Segment(ctx context.Context, by access.Account, grant, id string, n int) (io.ReadSeekCloser, time.Time, error) {
	s, _, err := e.granted(ctx, by, grant, id, n)
	if err != nil {
		return nil, time.Time{}, err
	}
	return e.openSegment(s)
}

func (e *Evidence) openSegment(s segment) (io.ReadSeekCloser, time.Time, error) {
	f, err := os.Open(e.path(s))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, time.Time{}, ErrNotFound
	}
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("evidence: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, time.Time{}, errors.Join(fmt.Errorf("evidence: %w", err), f.Close())
	}
	return f, info.ModTime(), nil
}

// Bag returns the key bag of a segment: the content key, encrypted for auditors.
func (e *Evidence) Bag(ctx context.Context, by access.Account, grant, id string, n int) ([]byte, error) {
	s, row, err := e.granted(ctx, by, grant, id, n)
	if err != nil {
		return nil, err
	}
	if row.Shred != nil {
		return nil, ErrShredded
	}
	bag, err := recordings.ReadBag(e.bagPath(s))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	return bag.Bytes(), nil
}

// Proof is Receipt for an account; there is no content in it.
func (e *Evidence) Proof(ctx context.Context, by access.Account, id string) ([]byte, error) {
	if _, _, err := e.fact(ctx, by, id); err != nil {
		return nil, err
	}
	proof, err := e.Receipt(ctx, id)
	if errors.Is(err, ErrUnknown) {
		return nil, ErrNoProof
	}
	return proof, err
}

// Session returns one session with its segments.
func (e *Evidence) Session(ctx context.Context, by access.Account, id string) (Recording, error) {
	f, sid, err := e.fact(ctx, by, id)
	if err != nil {
		return Recording{}, err
	}
	rows, err := e.index.session(ctx, sid)
	if err != nil {
		return Recording{}, err
	}
	r := Recording{Summary: summary(f, rows), Territory: f.Territory}
	r.Bytes = 0
	for _, row := range rows {
		at := segment{sid, row.Segment}
		part := Segment{Number: row.Segment, Bytes: int64(row.Bytes), Final: row.Closed != nil, Shredded: row.Shred != nil, Purged: row.Purged != nil}
		if info, err := os.Stat(e.path(at)); err == nil {
			part.Bytes = info.Size() // it may still grow
		}
		_, err := os.Stat(e.bagPath(at))
		part.Bag = err == nil
		_, err = os.Stat(e.logKeysPath(at))
		part.Log = err == nil && part.Shredded
		r.Bytes += part.Bytes
		r.Parts = append(r.Parts, part)
	}
	if r.Holds, err = e.index.holds(ctx, sid); err != nil {
		return Recording{}, err
	}
	keep, err := e.config.Retention(ctx)
	if err != nil {
		return Recording{}, fmt.Errorf("evidence: %w", err)
	}
	r.Until = f.until(keep)
	if r.LogUntil, err = e.logUntil(ctx, id); err != nil {
		return Recording{}, err
	}
	all, err := e.erasures(ctx, by, id)
	for _, x := range all {
		if !x.Here.IsZero() {
			r.Erased = append(r.Erased, x)
		}
	}
	return r, err
}

type holdRow struct {
	bun.BaseModel `bun:"table:holds"`

	ID       string `bun:",pk"`
	SID      string `bun:"sid"`
	Since    int64
	ByID     string
	ByName   string
	Released int64

	Until       int64  // of a preliminary one
	About       string // ticket
	AuditorName string
	DPOName     string `bun:"dpo_name"`
}

// holds returns the legal holds that are on a session.
func (i index) holds(ctx context.Context, id translog.ID) ([]Hold, error) {
	var rows []holdRow
	if err := i.db.NewSelect().Model(&rows).Where("sid = ?", id.String()).Where("released = 0").Order("since").Scan(ctx); err != nil {
		return nil, fmt.Errorf("evidence: holds: %w", err)
	}
	holds := make([]Hold, len(rows))
	for n, r := range rows {
		holds[n] = Hold{Since: moment(r.Since), By: r.ByName, Broker: r.ByID == ops.ByBroker, Until: moment(r.Until), Auditor: r.AuditorName, DPO: r.DPOName}
	}
	return holds, nil
}
