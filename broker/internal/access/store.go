package access

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/uptrace/bun"
)

// prolongEvery bounds how often a busy sign-in is written: its end is moved when
// that gains a minute.
const prolongEvery = time.Minute

// signInStore keeps sign-ins in the database, by the hash of their token (scs
// hashes it). It differs from what scs asks for in one way, on purpose: what was
// deleted stays deleted. A request that began before the sign-out and ends after
// it would otherwise write the sign-in back.
type signInStore struct{ db *bun.DB }

type signInRow struct {
	bun.BaseModel `bun:"table:sign_ins,alias:sign_in"`

	TokenHash string `bun:",pk"`
	AccountID string // "" for nobody's
	Data      string
	ExpiresAt time.Time
	Ended     bool
}

func (s *signInStore) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	var row signInRow
	err := s.db.NewSelect().Model(&row).Where("token_hash = ?", token).Where("NOT ended").
		Where("expires_at > ?", time.Now()).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	return []byte(row.Data), true, nil
}

func (s *signInStore) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	row := signInRow{TokenHash: token, Data: string(data), ExpiresAt: expiry}
	var d signInData
	if err := json.Unmarshal(data, &d); err != nil {
		return err
	}
	row.AccountID = d.Values[keyAccount]
	_, err := s.db.NewInsert().Model(&row).
		On("CONFLICT (token_hash) DO UPDATE").Set("data = EXCLUDED.data").Set("account_id = EXCLUDED.account_id").Set("expires_at = EXCLUDED.expires_at").
		Where("NOT sign_in.ended").
		Where("(sign_in.data <> EXCLUDED.data OR sign_in.expires_at < ?)", expiry.Add(-prolongEvery)).Exec(ctx)
	return err
}

func (s *signInStore) DeleteCtx(ctx context.Context, token string) error {
	_, err := s.db.NewUpdate().Model((*signInRow)(nil)).Set("ended = TRUE").Set("data = ''").Set("account_id = ''").
		Set("expires_at = ?", time.Now().Add(lifetime)).Where("token_hash = ?", token).Exec(ctx)
	return err
}

// sweep removes the sign-ins that nothing can use any more.
func sweep(ctx context.Context, db bun.IDB) error {
	_, err := db.NewDelete().Model((*signInRow)(nil)).Where("expires_at < ?", time.Now()).Exec(ctx)
	return err
}

// scs calls these for stores without a context only; this one has it.
var errNoContext = errors.New("sign-ins need a context")

func (s *signInStore) Find(string) ([]byte, bool, error)      { return nil, false, errNoContext }
func (s *signInStore) Commit(string, []byte, time.Time) error { return errNoContext }
func (s *signInStore) Delete(string) error                    { return errNoContext }
