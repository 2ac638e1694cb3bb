package evidence

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"consento/broker/internal/access"
	"consento/broker/internal/ops"
	"consento/recordings/translog"
)

// HoldAtOnce puts a preliminary legal hold on a session, by the broker itself, for what a
// ticket is about. It lapses at until, unless an auditor and the data-protection officer
// confirm it before. There is one for each session and ticket, ever: who released it, or
// let it lapse, has decided. It returns ErrNotFound for a session that is not on evidence
// (yet).
func (e *Evidence) HoldAtOnce(ctx context.Context, id string, until time.Time, about, why string) error {
	sid, err := translog.ParseID(id)
	if err != nil {
		return ErrNotFound
	}
	e.deciding.Lock()
	defer e.deciding.Unlock()
	there, err := e.config.Database.NewSelect().Model((*holdRow)(nil)).Where("sid = ?", id).Where("about = ?", about).Exists(ctx)
	if err != nil {
		return fmt.Errorf("evidence: hold: %w", err)
	}
	if there {
		return nil
	}
	var f fact
	err = e.facts(&f).Where("fact.id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("evidence: hold: %w", err)
	}
	body, err := e.sealed(ctx, decision{by: access.Account{ID: ops.ByBroker}, sid: sid, why: why})
	if err != nil {
		return err
	}
	hold := newID()
	if _, err := e.add(ctx, translog.Hold{ID: hold, SID: sid, By: ops.ByBroker, Body: body}); err != nil {
		return err
	}
	row := holdRow{ID: hold.String(), SID: id, Since: e.config.Now().UnixMilli(), ByID: ops.ByBroker, Until: until.UnixMilli(), About: about}
	if _, err := e.config.Database.NewInsert().Model(&row).Exec(ctx); err != nil {
		return fmt.Errorf("evidence: hold: %w", err)
	}
	return nil
}

// ConfirmHold confirms the preliminary holds on a session for the role of who decides. Once
// both roles have, they hold until they are released. It returns ErrDecided where there is
// nothing for this role to confirm.
func (e *Evidence) ConfirmHold(ctx context.Context, by access.Account, id, why string) error {
	return e.decide(ctx, by, id, why, func(d decision) error {
		column := map[string]string{translog.RoleAuditor: "auditor_name", translog.RoleDPO: "dpo_name"}[d.role]
		return e.config.Database.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
			result, err := tx.NewUpdate().Model((*holdRow)(nil)).Set("? = ?", bun.Ident(column), by.Name).
				Where("sid = ?", id).Where("released = 0").Where("until > ?", e.config.Now().UnixMilli()).Where("? = ''", bun.Ident(column)).Exec(ctx)
			if err != nil {
				return fmt.Errorf("evidence: hold: %w", err)
			}
			if n, err := result.RowsAffected(); err != nil || n == 0 {
				return errors.Join(ErrDecided, err)
			}
			if _, err := tx.NewUpdate().Model((*holdRow)(nil)).Set("until = 0").Where("sid = ?", id).Where("released = 0").Where("until > 0").
				Where("auditor_name <> ''").Where("dpo_name <> ''").Exec(ctx); err != nil {
				return fmt.Errorf("evidence: hold: %w", err)
			}
			return ops.NoteAct(ctx, tx, "hold.confirmed", by.ID, map[string]any{"session": id, "role": d.role, "why": d.why})
		})
	})
}

// LapseHolds releases the preliminary holds whose time is over without both confirmations.
func (e *Evidence) LapseHolds(ctx context.Context) error {
	e.deciding.Lock()
	defer e.deciding.Unlock()
	var rows []holdRow
	now := e.config.Now()
	if err := e.config.Database.NewSelect().Model(&rows).Where("released = 0").Where("until > 0").Where("until <= ?", now.UnixMilli()).Scan(ctx); err != nil {
		return fmt.Errorf("evidence: hold: %w", err)
	}
	for _, row := range rows {
		hold, err := translog.ParseID(row.ID)
		if err != nil {
			return fmt.Errorf("evidence: hold: %w", err)
		}
		sid, err := translog.ParseID(row.SID)
		if err != nil {
			return fmt.Errorf("evidence: hold: %w", err)
		}
		body, err := e.sealed(ctx, decision{by: access.Account{ID: ops.ByBroker}, sid: sid, why: "not confirmed in time"})
		if err != nil {
			return err
		}
		if _, err := e.add(ctx, translog.Release{ID: hold, SID: sid, By: ops.ByBroker, Body: body}); err != nil {
			return err
		}
		if _, err := e.config.Database.NewUpdate().Model(&row).Set("released = ?", now.UnixMilli()).WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("evidence: hold: %w", err)
		}
	}
	return nil
}
