package evidence

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"consento/broker/internal/access"
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
	Asked, Decided, Done time.Time // zero: not yet; Done: destroyed everywhere
	Here                 time.Time // destroyed on this machine
	Waits                []string  // then: witnesses that did not say yet that they destroyed their copy
	AskedBy, DecidedBy   string    // names
	AskedRole            string    // auditor, dpo
	Approved             bool
	Log                  bool   // the log stays until its period is over
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
	Scope       string // see below
	Here        int64  // keys destroyed on this machine
	Done        int64  // and at every witness
	Purged      int64  // files deleted
}

// Scopes of an erasure.
const (
	eraseAll      = "all"
	eraseContents = "contents" // all but the log, which goes when its period is over
)

// decisionBody is what is sealed beside holds and erasures.
type decisionBody struct {
	At      time.Time `json:"at"`
	Account string    `json:"account"`
	Name    string    `json:"name"`
	Why     string    `json:"why"`
	Scope   string    `json:"scope,omitempty"` // of an erasure
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

// decision is what somebody decides about a session, while nobody else decides.
type decision struct {
	by     access.Account
	fact   fact
	sid    translog.ID
	role   string // auditor, dpo
	why    string
	erases string // scope, of an erasure
}

// decide checks the right of who decides and the form of the reason, and lets do
// decide. What do puts on the log is there before it takes effect.
func (e *Evidence) decide(ctx context.Context, by access.Account, id, why string, do func(decision) error) error {
	f, sid, role, err := e.decider(ctx, by, id)
	if err != nil {
		return err
	}
	why = strings.TrimSpace(why)
	if n := utf8.RuneCountInString(why); n == 0 || n > MaxReason || !utf8.ValidString(why) {
		return ErrReason
	}
	e.deciding.Lock()
	defer e.deciding.Unlock()
	return do(decision{by: by, fact: f, sid: sid, role: role, why: why})
}

// sealed keeps who decided, and why, beside the log.
func (e *Evidence) sealed(ctx context.Context, d decision) (translog.Hash, error) {
	readers, err := e.readers(ctx)
	if err != nil {
		return translog.Hash{}, fmt.Errorf("evidence: %w", err)
	}
	body, err := json.Marshal(decisionBody{e.config.Now().UTC(), d.by.ID, d.by.Name, d.why, d.erases})
	if err != nil {
		return translog.Hash{}, fmt.Errorf("evidence: %w", err)
	}
	return e.seal(body, readers)
}

// PutHold keeps a session from every deletion until it is released.
func (e *Evidence) PutHold(ctx context.Context, by access.Account, id, why string) error {
	return e.decide(ctx, by, id, why, func(d decision) error {
		body, err := e.sealed(ctx, d)
		if err != nil {
			return err
		}
		hold := newID()
		if _, err := e.add(ctx, translog.Hold{ID: hold, SID: d.sid, By: by.ID, Body: body}); err != nil {
			return err
		}
		row := holdRow{ID: hold.String(), SID: id, Since: e.config.Now().UnixMilli(), ByID: by.ID, ByName: by.Name}
		if _, err := e.config.Database.NewInsert().Model(&row).Exec(ctx); err != nil {
			return fmt.Errorf("evidence: hold: %w", err)
		}
		return nil
	})
}

// ReleaseHolds takes every hold off a session.
func (e *Evidence) ReleaseHolds(ctx context.Context, by access.Account, id, why string) error {
	return e.decide(ctx, by, id, why, func(d decision) error {
		var rows []holdRow
		if err := e.config.Database.NewSelect().Model(&rows).Where("sid = ?", id).Where("released = 0").Scan(ctx); err != nil {
			return fmt.Errorf("evidence: hold: %w", err)
		}
		if len(rows) == 0 {
			return ErrDecided
		}
		body, err := e.sealed(ctx, d)
		if err != nil {
			return err
		}
		for _, row := range rows {
			hold, err := translog.ParseID(row.ID)
			if err != nil {
				return fmt.Errorf("evidence: hold: %w", err)
			}
			if _, err := e.add(ctx, translog.Release{ID: hold, SID: d.sid, By: by.ID, Body: body}); err != nil {
				return err
			}
			if _, err := e.config.Database.NewUpdate().Model(&row).Set("released = ?", e.config.Now().UnixMilli()).WherePK().Exec(ctx); err != nil {
				return fmt.Errorf("evidence: hold: %w", err)
			}
		}
		return nil
	})
}

// AskErasure begins the way to the destruction of a session's keys. The other of
// the two roles has to decide. keepLog: the events stay readable until the period of
// the log is over, where their keys are kept.
func (e *Evidence) AskErasure(ctx context.Context, by access.Account, id, why string, keepLog bool) error {
	return e.decide(ctx, by, id, why, func(d decision) error {
		if err := e.mayErase(ctx, d.fact); err != nil {
			return err
		}
		var err error
		if d.erases, err = e.scopeOf(ctx, d.sid, keepLog); err != nil {
			return err
		}
		body, err := e.sealed(ctx, d)
		if err != nil {
			return err
		}
		erase := newID()
		asked := translog.Erase{ID: erase, SID: d.sid, Step: translog.StepAsked, By: by.ID, Role: d.role, Body: body}
		approved := asked
		approved.Step = translog.StepApproved // who asks has decided for their part; the trail shows it once
		if _, err := e.add(ctx, asked, approved); err != nil {
			return err
		}
		row := erasureRow{ID: erase.String(), SID: id, Asked: e.config.Now().UnixMilli(), AskedBy: by.ID, AskedName: by.Name, AskedRole: d.role, Scope: d.erases}
		if _, err := e.config.Database.NewInsert().Model(&row).Exec(ctx); err != nil {
			return fmt.Errorf("evidence: erasure: %w", err)
		}
		return nil
	})
}

// scopeOf says what is left to erase; ErrDecided: nothing, or it is decided.
func (e *Evidence) scopeOf(ctx context.Context, sid translog.ID, keepLog bool) (string, error) {
	var rows []erasureRow
	if err := e.config.Database.NewSelect().Model(&rows).Where("sid = ?", sid.String()).Where("(decided = 0 OR approved)").Scan(ctx); err != nil {
		return "", fmt.Errorf("evidence: erasure: %w", err)
	}
	log, err := e.logKeysOf(ctx, sid)
	if err != nil {
		return "", err
	}
	kept := log.ID != "" && log.Gone == 0
	for _, r := range rows {
		if r.Scope != eraseContents || r.Done == 0 || !kept || keepLog {
			return "", ErrDecided
		}
	}
	if kept && keepLog {
		return eraseContents, nil
	}
	return eraseAll, nil
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
// key bags of this machine are destroyed when it returns: nobody can read the session
// here any more, and each witness destroys its copies when it has the decision.
// The decision and each destruction are on the log before they take effect.
func (e *Evidence) DecideErasure(ctx context.Context, by access.Account, erasure string, approve bool, why string) error {
	var row erasureRow
	read := func() error {
		err := e.config.Database.NewSelect().Model(&row).Where("id = ?", erasure).Scan(ctx)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("evidence: erasure: %w", err)
		}
		return nil
	}
	if err := read(); err != nil {
		return err
	}
	return e.decide(ctx, by, row.SID, why, func(d decision) error {
		if err := read(); err != nil { // as it is now
			return err
		}
		switch {
		case d.role == row.AskedRole || by.ID == row.AskedBy:
			return ErrSameRole
		case row.Decided != 0:
			return ErrDecided
		}
		step := translog.StepRefused
		if approve {
			step = translog.StepApproved
			if err := e.mayErase(ctx, d.fact); err != nil {
				return err
			}
		}
		id, err := translog.ParseID(row.ID)
		if err != nil {
			return fmt.Errorf("evidence: erasure: %w", err)
		}
		d.erases = row.Scope
		body, err := e.sealed(ctx, d)
		if err != nil {
			return err
		}
		if _, err := e.add(ctx, translog.Erase{ID: id, SID: d.sid, Step: step, By: by.ID, Role: d.role, Body: body}); err != nil {
			return err
		}
		row.Decided, row.DecidedBy, row.DecidedName, row.Approved = e.config.Now().UnixMilli(), by.ID, by.Name, approve
		if _, err := e.config.Database.NewUpdate().Model(&row).WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("evidence: erasure: %w", err)
		}
		if !approve {
			return nil
		}
		return e.shred(context.WithoutCancel(ctx), &row)
	})
}
