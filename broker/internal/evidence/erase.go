package evidence

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"consento/broker/internal/access"
	"consento/recordings"
	"consento/recordings/translog"
)

var (
	// ErrHeld: a legal hold is on the session; it wins over everything.
	ErrHeld = errors.New("a legal hold is on this session")
	// ErrDecided: there is nothing to decide (any more), or an erasure is asked already.
	ErrDecided = errors.New("this erasure is decided")
	// ErrSameRole: an erasure is asked for and decided by two roles.
	ErrSameRole = errors.New("the other role has to decide")
	// ErrGoesOn: the session is not over.
	ErrGoesOn = errors.New("the session goes on")
)

// Erasure is the way to the destruction of a session's keys.
type Erasure struct {
	ID, Session          string
	Asked, Decided, Done time.Time // zero: not yet
	AskedBy, DecidedBy   string    // names
	AskedRole            string    // auditor, dpo
	Approved             bool
	Technician, Team     string // of the session
	Started              time.Time
}

type erasureRow struct {
	bun.BaseModel `bun:"table:erasures"`

	ID          string `bun:",pk"`
	SID         string `bun:"sid"`
	Asked       int64
	AskedBy     string
	AskedName   string
	AskedRole   string
	Decided     int64
	DecidedBy   string
	DecidedName string
	Approved    bool
	Done        int64
}

// decisionBody is what is sealed beside holds and erasures.
type decisionBody struct {
	At      time.Time `json:"at"`
	Account string    `json:"account"`
	Name    string    `json:"name"`
	Why     string    `json:"why"`
}

// decider is who may decide about a session, and in which role.
func (e *Evidence) decider(ctx context.Context, by access.Account, id string) (fact, translog.ID, string, error) {
	var f fact
	sid, err := translog.ParseID(id)
	if err != nil {
		return f, sid, "", ErrNotFound
	}
	err = e.facts(&f).Where("fact.id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return f, sid, "", ErrNotFound
	}
	if err != nil {
		return f, sid, "", fmt.Errorf("evidence: %w", err)
	}
	switch {
	case !access.Can(by, access.DecideErasure, f.scope()):
		return f, sid, "", ErrNotFound
	case f.TechnicianID == by.ID:
		return f, sid, "", ErrForbidden
	case by.Role == access.DPO:
		return f, sid, translog.RoleDPO, nil
	}
	return f, sid, translog.RoleAuditor, nil
}

func (e *Evidence) sealWhy(ctx context.Context, by access.Account, why string) (translog.Hash, error) {
	why = strings.TrimSpace(why)
	if n := utf8.RuneCountInString(why); n == 0 || n > MaxReason || !utf8.ValidString(why) {
		return translog.Hash{}, ErrReason
	}
	readers, err := e.readers(ctx)
	if err != nil {
		return translog.Hash{}, fmt.Errorf("evidence: %w", err)
	}
	body, err := json.Marshal(decisionBody{e.config.Now().UTC(), by.ID, by.Name, why})
	if err != nil {
		return translog.Hash{}, fmt.Errorf("evidence: %w", err)
	}
	return e.seal(body, readers)
}

// PutHold keeps a session from every deletion until it is released.
func (e *Evidence) PutHold(ctx context.Context, by access.Account, id, why string) error {
	_, sid, _, err := e.decider(ctx, by, id)
	if err != nil {
		return err
	}
	body, err := e.sealWhy(ctx, by, why)
	if err != nil {
		return err
	}
	e.deciding.Lock()
	defer e.deciding.Unlock()
	hold := newID()
	if _, err := e.add(ctx, translog.Hold{ID: hold, SID: sid, By: by.ID, Body: body}); err != nil {
		return err
	}
	row := holdRow{ID: hold.String(), SID: id, Since: e.config.Now().UnixMilli(), ByID: by.ID, ByName: by.Name}
	if _, err := e.config.Database.NewInsert().Model(&row).Exec(ctx); err != nil {
		return fmt.Errorf("evidence: hold: %w", err)
	}
	return nil
}

// ReleaseHolds takes every hold off a session.
func (e *Evidence) ReleaseHolds(ctx context.Context, by access.Account, id, why string) error {
	_, sid, _, err := e.decider(ctx, by, id)
	if err != nil {
		return err
	}
	body, err := e.sealWhy(ctx, by, why)
	if err != nil {
		return err
	}
	e.deciding.Lock()
	defer e.deciding.Unlock()
	var rows []holdRow
	if err := e.config.Database.NewSelect().Model(&rows).Where("sid = ?", id).Where("released = 0").Scan(ctx); err != nil {
		return fmt.Errorf("evidence: hold: %w", err)
	}
	if len(rows) == 0 {
		return ErrDecided
	}
	for _, row := range rows {
		hold, err := translog.ParseID(row.ID)
		if err != nil {
			return fmt.Errorf("evidence: hold: %w", err)
		}
		if _, err := e.add(ctx, translog.Release{ID: hold, SID: sid, By: by.ID, Body: body}); err != nil {
			return err
		}
		if _, err := e.config.Database.NewUpdate().Model(&row).Set("released = ?", e.config.Now().UnixMilli()).WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("evidence: hold: %w", err)
		}
	}
	return nil
}

// AskErasure begins the way to the destruction of a session's keys. The other of
// the two roles has to decide.
func (e *Evidence) AskErasure(ctx context.Context, by access.Account, id, why string) error {
	f, sid, role, err := e.decider(ctx, by, id)
	if err != nil {
		return err
	}
	body, err := e.sealWhy(ctx, by, why)
	if err != nil {
		return err
	}
	e.deciding.Lock()
	defer e.deciding.Unlock()
	if err := e.mayErase(ctx, f); err != nil {
		return err
	}
	open, err := e.config.Database.NewSelect().Model((*erasureRow)(nil)).Where("sid = ?", id).Where("(decided = 0 OR approved)").Exists(ctx)
	if err != nil {
		return fmt.Errorf("evidence: erasure: %w", err)
	}
	if open {
		return ErrDecided
	}
	erase := newID()
	asked := translog.Erase{ID: erase, SID: sid, Step: translog.StepAsked, By: by.ID, Role: role, Body: body}
	approved := asked
	approved.Step = translog.StepApproved // who asks has decided for their part
	if _, err := e.add(ctx, asked, approved); err != nil {
		return err
	}
	row := erasureRow{ID: erase.String(), SID: id, Asked: e.config.Now().UnixMilli(), AskedBy: by.ID, AskedName: by.Name, AskedRole: role}
	if _, err := e.config.Database.NewInsert().Model(&row).Exec(ctx); err != nil {
		return fmt.Errorf("evidence: erasure: %w", err)
	}
	return nil
}

func (e *Evidence) mayErase(ctx context.Context, f fact) error {
	if f.Ended == 0 {
		return ErrGoesOn
	}
	held, err := e.config.Database.NewSelect().Model((*holdRow)(nil)).Where("sid = ?", f.ID).Where("released = 0").Exists(ctx)
	if err != nil {
		return fmt.Errorf("evidence: hold: %w", err)
	}
	if held {
		return ErrHeld
	}
	return nil
}

// DecideErasure approves or refuses what the other role asked for. Approved, the
// key bags are destroyed when it returns: nobody can read the session any more.
// The decision and each destruction are on the log before they take effect.
func (e *Evidence) DecideErasure(ctx context.Context, by access.Account, erasure string, approve bool, why string) error {
	var row erasureRow
	err := e.config.Database.NewSelect().Model(&row).Where("id = ?", erasure).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("evidence: erasure: %w", err)
	}
	f, sid, role, err := e.decider(ctx, by, row.SID)
	if err != nil {
		return err
	}
	if role == row.AskedRole || by.ID == row.AskedBy {
		return ErrSameRole
	}
	body, err := e.sealWhy(ctx, by, why)
	if err != nil {
		return err
	}
	e.deciding.Lock()
	defer e.deciding.Unlock()
	if err := e.config.Database.NewSelect().Model(&row).WherePK().Scan(ctx); err != nil { // as it is now
		return fmt.Errorf("evidence: erasure: %w", err)
	}
	if row.Decided != 0 {
		return ErrDecided
	}
	step := translog.StepRefused
	if approve {
		step = translog.StepApproved
		if err := e.mayErase(ctx, f); err != nil {
			return err
		}
	}
	id, err := translog.ParseID(row.ID)
	if err != nil {
		return fmt.Errorf("evidence: erasure: %w", err)
	}
	if _, err := e.add(ctx, translog.Erase{ID: id, SID: sid, Step: step, By: by.ID, Role: role, Body: body}); err != nil {
		return err
	}
	row.Decided, row.DecidedBy, row.DecidedName, row.Approved = e.config.Now().UnixMilli(), by.ID, by.Name, approve
	if _, err := e.config.Database.NewUpdate().Model(&row).WherePK().Exec(ctx); err != nil {
		return fmt.Errorf("evidence: erasure: %w", err)
	}
	if !approve {
		return nil
	}
	return e.shred(context.WithoutCancel(ctx), row)
}

// shred destroys the key bags of an approved erasure. It may be done again.
func (e *Evidence) shred(ctx context.Context, row erasureRow) error {
	sid, err := translog.ParseID(row.SID)
	if err != nil {
		return fmt.Errorf("evidence: erasure: %w", err)
	}
	id, err := translog.ParseID(row.ID)
	if err != nil {
		return fmt.Errorf("evidence: erasure: %w", err)
	}
	rows, err := e.index.session(ctx, sid)
	if err != nil {
		return err
	}
	by := [2]string{row.AskedBy, row.DecidedBy}
	slices.Sort(by[:])
	for _, r := range rows {
		path := recordings.DefaultBag(e.path(segment{sid, r.Segment}))
		if r.Shred == nil {
			hash, err := fileSum(path)
			if err != nil {
				return fmt.Errorf("evidence: erasure: %w", err)
			}
			if _, err := e.add(ctx, translog.Shred{SID: sid, Segment: r.Segment, Bag: hash, By: by, Erase: id}); err != nil {
				return err
			}
		}
		if err := errors.Join(destroy(path+beforeEnd), destroy(path)); err != nil {
			return fmt.Errorf("evidence: erasure: %w", err)
		}
	}
	if err := e.keepProof(ctx, sid, false); err != nil {
		return err
	}
	row.Done = e.config.Now().UnixMilli()
	if _, err := e.config.Database.NewUpdate().Model(&row).WherePK().Exec(ctx); err != nil {
		return fmt.Errorf("evidence: erasure: %w", err)
	}
	return nil
}

// finishErasures destroys what was decided before a crash.
func (e *Evidence) finishErasures(ctx context.Context) error {
	var rows []erasureRow
	if err := e.config.Database.NewSelect().Model(&rows).Where("approved").Where("done = 0").Scan(ctx); err != nil {
		return fmt.Errorf("evidence: erasure: %w", err)
	}
	for _, row := range rows {
		if err := e.shred(ctx, row); err != nil {
			return err
		}
	}
	return nil
}

// destroy overwrites a small file and removes it, on the disk. What the medium
// below keeps of it nobody can say; that is why bags are in no backup for long.
func destroy(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		_, err = f.WriteAt(make([]byte, info.Size()), 0)
	}
	if err := errors.Join(err, f.Sync(), f.Close(), os.Remove(path)); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Due lists sessions whose retention is over, the oldest first, without those that
// are held, shredded or on their way.
func (e *Evidence) Due(ctx context.Context, by access.Account) ([]Summary, error) {
	if !access.Can(by, access.DecideErasure, access.Scope{Territory: by.Territory}) {
		return nil, ErrForbidden
	}
	days, err := e.config.Retention(ctx)
	if err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	var rows []fact
	err = visible(e.facts(&rows), by).Where("fact.ended > 0").Where("fact.ended < ?", e.config.Now().AddDate(0, 0, -days).UnixMilli()).
		Where("NOT EXISTS (SELECT 1 FROM holds WHERE holds.sid = fact.id AND holds.released = 0)").
		Where("NOT EXISTS (SELECT 1 FROM erasures WHERE erasures.sid = fact.id AND (erasures.decided = 0 OR erasures.approved))").
		OrderExpr("fact.ended").Limit(PageSize).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("evidence: due: %w", err)
	}
	parts, err := e.parts(ctx, rows)
	if err != nil {
		return nil, err
	}
	due := make([]Summary, len(rows))
	for i, f := range rows {
		due[i] = summary(f, parts[f.ID])
	}
	return due, nil
}

// Erasures lists them, those that wait for a decision first.
func (e *Evidence) Erasures(ctx context.Context, by access.Account) ([]Erasure, error) {
	if !access.Can(by, access.DecideErasure, access.Scope{Territory: by.Territory}) {
		return nil, ErrForbidden
	}
	return e.erasures(ctx, by, "")
}

// erasures are those of one session, or of all.
func (e *Evidence) erasures(ctx context.Context, by access.Account, id string) ([]Erasure, error) {
	var rows []struct {
		erasureRow `bun:",extend"`

		Technician string `bun:",scanonly"`
		Team       string `bun:",scanonly"`
		Issued     int64  `bun:",scanonly"`
	}
	q := visible(e.config.Database.NewSelect().Model(&rows).ModelTableExpr("erasures").ColumnExpr("erasures.*").
		ColumnExpr("fact.technician, fact.team, fact.issued").Join("JOIN session_facts AS fact ON fact.id = erasures.sid"), by)
	if id != "" {
		q = q.Where("erasures.sid = ?", id)
	}
	if err := q.OrderExpr("erasures.decided > 0, erasures.asked DESC").Limit(200).Scan(ctx); err != nil {
		return nil, fmt.Errorf("evidence: erasures: %w", err)
	}
	all := make([]Erasure, len(rows))
	for i, r := range rows {
		all[i] = Erasure{ID: r.ID, Session: r.SID, Asked: moment(r.Asked), Decided: moment(r.Decided), Done: moment(r.Done), AskedBy: r.AskedName,
			DecidedBy: r.DecidedName, AskedRole: r.AskedRole, Approved: r.Approved, Technician: r.Technician, Team: r.Team, Started: moment(r.Issued)}
	}
	return all, nil
}
