package evidence

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"consento/broker/internal/access"
	"consento/recordings/translog"
)

var (
	// ErrExpired: the time of a copy or share is over.
	ErrExpired = errors.New("the time of this share is over")
	// ErrRevoked: an auditor has ended it before its time.
	ErrRevoked = errors.New("this share was revoked")
	// ErrWithheld: of this session there is the log alone.
	ErrWithheld = errors.New("the recording is not given out")
)

// To whom something is shared.
const (
	ToCustomer = "customer"
	ToAccount  = "account"
	ToTeam     = "team"
)

// Share is what somebody may see of a session, for a time.
type Share struct {
	ID, Session string
	Kind        string // ToCustomer, ToAccount or ToTeam
	To          string // account or team; "" for the customer
	ToName      string
	ByName      string // who shared; "" for the customer's copy
	Made, Until time.Time
	Tracks      []int // none: the log alone
	From, Upto  time.Duration
	Revoked     time.Time // zero: not
	RevokedBy   string
	Held        bool // a legal hold keeps the customer's recording closed meanwhile
	Parts       []SharedPart
	Technician  string // of the session
	Team        string
	Started     time.Time
	sid         translog.ID
	cleared     bool
	token       string
	shredded    bool
}

// SharedPart is what a share has of one segment.
type SharedPart struct {
	Number int
	Keys   bool // they open what is shared of it
	Told   bool // the customer's log of it is there
	Empty  bool // nothing that is shared was recorded in it
}

// Over says why a share does not open any more: ErrRevoked, ErrExpired,
// ErrShredded; nil while it does.
func (s Share) Over(now time.Time) error {
	switch {
	case !s.Revoked.IsZero():
		return ErrRevoked
	case s.shredded:
		return ErrShredded
	case s.cleared || !now.Before(s.Until): // cleared: over once is over, whatever the clock says now
		return ErrExpired
	}
	return nil
}

type shareRow struct {
	bun.BaseModel `bun:"table:shares,alias:share"`

	ID            string `bun:",pk"`
	SID           string `bun:"sid"`
	Kind          string
	Addressee     string
	AddresseeName string
	Token         string // SHA-256 in hex of what shows that somebody holds the customer's secret
	ByID          string
	ByName        string
	Made          int64
	Until         int64
	Tracks        string // numbers, separated by commas
	FromMS        int64  `bun:"from_ms"`
	ToMS          int64  `bun:"to_ms"`
	Revoked       int64
	RevokedByName string
	Cleared       bool

	Technician string `bun:",scanonly"`
	Team       string `bun:",scanonly"`
	Issued     int64  `bun:",scanonly"`
	Held       bool   `bun:",scanonly"`
	Segments   int    `bun:",scanonly"`
	Shredded   int    `bun:",scanonly"`
}

// sharesIn is a query for shares with what is known of their sessions.
func (e *Evidence) sharesIn(into any) *bun.SelectQuery {
	return e.config.Database.NewSelect().Model(into).ColumnExpr("share.*").
		ColumnExpr("COALESCE(fact.technician, '') AS technician, COALESCE(fact.team, '') AS team, COALESCE(fact.issued, 0) AS issued").
		ColumnExpr("EXISTS (SELECT 1 FROM holds WHERE holds.sid = share.sid AND holds.released = 0) AS held").
		ColumnExpr("(SELECT COUNT(*) FROM log_segments s WHERE s.sid = share.sid) AS segments").
		ColumnExpr("(SELECT COUNT(*) FROM log_segments s WHERE s.sid = share.sid AND s.shred IS NOT NULL) AS shredded").
		Join("LEFT JOIN session_facts AS fact ON fact.id = share.sid")
}

func (r shareRow) share() (Share, error) {
	s := Share{ID: r.ID, Session: r.SID, Kind: r.Kind, To: r.Addressee, ToName: r.AddresseeName, ByName: r.ByName, Made: moment(r.Made), Until: moment(r.Until),
		From: time.Duration(r.FromMS) * time.Millisecond, Upto: time.Duration(r.ToMS) * time.Millisecond, Revoked: moment(r.Revoked), RevokedBy: r.RevokedByName,
		Held: r.Held, Technician: r.Technician, Team: r.Team, Started: moment(r.Issued), cleared: r.Cleared, token: r.Token, shredded: r.Segments > 0 && r.Shredded == r.Segments}
	var err error
	if s.sid, err = translog.ParseID(r.SID); err != nil {
		return s, fmt.Errorf("evidence: share: %w", err)
	}
	for t := range strings.SplitSeq(r.Tracks, ",") {
		if t == "" {
			continue
		}
		n, err := strconv.Atoi(t)
		if err != nil {
			return s, fmt.Errorf("evidence: share: %w", err)
		}
		s.Tracks = append(s.Tracks, n)
	}
	return s, nil
}

func (e *Evidence) shareByID(ctx context.Context, id string) (Share, error) {
	if _, err := canonicalID(id); err != nil {
		return Share{}, ErrNotFound
	}
	var row shareRow
	err := e.sharesIn(&row).Where("share.id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return Share{}, ErrNotFound
	}
	if err != nil {
		return Share{}, fmt.Errorf("evidence: share: %w", err)
	}
	return row.share()
}

// canonicalID reads an id in its one spelling.
func canonicalID(text string) (translog.ID, error) {
	id, err := translog.ParseID(text)
	if err != nil || id.String() != text {
		return translog.ID{}, ErrNotFound
	}
	return id, nil
}

// keepShare puts a share on the log, and only then into the database.
func (e *Evidence) keepShare(ctx context.Context, s translog.Share, row shareRow) error {
	if _, err := e.add(ctx, s); err != nil {
		return err
	}
	row.ID, row.SID = s.ID.String(), s.SID.String()
	row.Made, row.Until, row.FromMS, row.ToMS = e.config.Now().UnixMilli(), int64(s.Until), int64(s.FromMS), int64(s.ToMS)
	var tracks []string
	for _, t := range s.Tracks {
		tracks = append(tracks, strconv.Itoa(t))
	}
	row.Tracks = strings.Join(tracks, ",")
	if _, err := e.config.Database.NewInsert().Model(&row).Exec(ctx); err != nil {
		return fmt.Errorf("evidence: share: %w", err)
	}
	return nil
}

// Shares lists what of a session was shared, and the customer's copies, the newest
// first; for who may decide about the session.
func (e *Evidence) Shares(ctx context.Context, by access.Account, session string) ([]Share, error) {
	if _, _, _, err := e.decider(ctx, by, session); err != nil {
		return nil, err
	}
	var rows []shareRow
	return e.shares(ctx, &rows, e.sharesIn(&rows).Where("share.sid = ?", session))
}

func (e *Evidence) shares(ctx context.Context, rows *[]shareRow, q *bun.SelectQuery) ([]Share, error) {
	if err := q.OrderExpr("share.made DESC, share.id").Limit(200).Scan(ctx); err != nil {
		return nil, fmt.Errorf("evidence: shares: %w", err)
	}
	all := make([]Share, len(*rows))
	for i, r := range *rows {
		var err error
		if all[i], err = r.share(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Revoke ends a copy or share before its time. It is on the log before the keys
// are destroyed, and what is being watched stops with the next request.
func (e *Evidence) Revoke(ctx context.Context, by access.Account, id, why string) error {
	s, err := e.shareByID(ctx, id)
	if err != nil {
		return err
	}
	return e.decide(ctx, by, s.Session, why, func(d decision) error {
		if s, err = e.shareByID(ctx, id); err != nil { // as it is now
			return err
		}
		if s.Over(e.config.Now()) != nil {
			return ErrDecided
		}
		body, err := e.sealed(ctx, d)
		if err != nil {
			return err
		}
		name, err := canonicalID(id)
		if err != nil {
			return err
		}
		if _, err := e.add(ctx, translog.Revoke{ID: name, SID: s.sid, By: by.ID, Body: body}); err != nil {
			return err
		}
		ctx := context.WithoutCancel(ctx)
		_, err = e.config.Database.NewUpdate().Table("shares").Set("revoked = ?", e.config.Now().UnixMilli()).Set("revoked_by_name = ?", by.Name).Where("id = ?", id).Exec(ctx)
		if err != nil {
			return fmt.Errorf("evidence: share: %w", err)
		}
		return e.clearShares(ctx)
	})
}

// What a share has on the disk for each segment: keys, and the customer's log. Both
// are encrypted for a secret that this machine does not have.
const (
	sharedKeys = ".share"
	sharedLog  = ".told"
)

func (e *Evidence) sharePath(s segment, id, what string) string {
	return filepath.Join(e.config.Bags, fmt.Sprintf("%s-%d-%s%s", s.id, s.number, id, what))
}

// writeShare puts a file into its place; at every moment it is the old or the new one.
func (e *Evidence) writeShare(s segment, id, what string, b []byte) error {
	path := e.sharePath(s, id, what)
	if err := replaceFile(path, b); err != nil {
		return fmt.Errorf("evidence: share: %w", err)
	}
	return nil
}

// readShare returns nil for a file that is not there.
func (e *Evidence) readShare(s segment, id, what string) ([]byte, error) {
	b, err := os.ReadFile(e.sharePath(s, id, what))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("evidence: share: %w", err)
	}
	return b, nil
}

// destroyShares destroys what shares of a session have on the disk; id "" means
// every one of them.
func (e *Evidence) destroyShares(sid translog.ID, id string) error {
	if id == "" {
		id = "*"
	}
	files, err := filepath.Glob(filepath.Join(e.config.Bags, fmt.Sprintf("%s-*-%s.*", sid, id)))
	for _, f := range files {
		if strings.Contains(filepath.Base(f), sharedKeys) || strings.Contains(filepath.Base(f), sharedLog) {
			err = errors.Join(err, destroy(f))
		}
	}
	return err
}

// clearShares destroys what belongs to shares that are over.
func (e *Evidence) clearShares(ctx context.Context) error {
	var rows []shareRow
	err := e.config.Database.NewSelect().Model(&rows).Column("id", "sid").Where("NOT cleared").
		Where("(revoked > 0 OR until <= ?)", e.config.Now().UnixMilli()).Limit(500).Scan(ctx)
	if err != nil {
		return fmt.Errorf("evidence: shares: %w", err)
	}
	for _, r := range rows {
		sid, err := translog.ParseID(r.SID)
		if err != nil {
			return fmt.Errorf("evidence: shares: %w", err)
		}
		if err := e.destroyShares(sid, r.ID); err != nil {
			return fmt.Errorf("evidence: shares: %w", err)
		}
		if _, err := e.config.Database.NewUpdate().Table("shares").Set("cleared = ?", true).Where("id = ?", r.ID).Exec(ctx); err != nil {
			return fmt.Errorf("evidence: shares: %w", err)
		}
	}
	return nil
}

// sharedParts are the segments of a share, and whether its keys open each.
func (e *Evidence) sharedParts(ctx context.Context, s *Share) error {
	rows, err := e.index.session(ctx, s.sid)
	if err != nil {
		return err
	}
	for _, row := range rows {
		at := segment{s.sid, row.Segment}
		there := func(what string) bool {
			_, err := os.Stat(e.sharePath(at, s.ID, what))
			return err == nil && row.Shred == nil
		}
		part := SharedPart{Number: row.Segment, Keys: there(sharedKeys), Told: there(sharedLog), Empty: row.Closed != nil}
		for _, t := range s.Tracks {
			part.Empty = part.Empty && row.Tracks&(1<<t) == 0
		}
		s.Parts = append(s.Parts, part)
	}
	return nil
}

// sharedGrant finds a segment that a viewing of a share was stated for, as long as
// the share lasts.
func (e *Evidence) sharedGrant(ctx context.Context, s Share, account, grant string, n int) (segment, error) {
	if err := s.Over(e.config.Now()); err != nil {
		return segment{}, err
	}
	if !e.grants.good(grant, account, s.ID, e.config.Now()) {
		return segment{}, ErrGrant
	}
	at := segment{s.sid, n}
	row, err := e.index.segment(ctx, at)
	if err == nil && row == nil {
		err = ErrNotFound
	}
	return at, err
}
