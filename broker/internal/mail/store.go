package mail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"
)

// letters is the package's own queue.
type letters struct {
	db  *bun.DB
	now func() time.Time
}

type letterRow struct {
	bun.BaseModel `bun:"table:mail_letters,alias:mail_letter"`

	ID      string `bun:",pk"`
	Made    int64
	Subject string
	Letter  string
	Tries   int
	Next    int64
	Sent    int64
	Error   string
}

// keepSent is how long it is remembered that a letter went out, so that it does not
// again; what it said is forgotten at once.
const keepSent = 90 * 24 * time.Hour

func (q letters) queue(ctx context.Context, db bun.IDB, l Letter) error {
	l, err := l.clean()
	if err != nil {
		return err
	}
	raw, err := json.Marshal(l)
	if err != nil {
		return err
	}
	now := q.now().UnixMilli()
	row := letterRow{ID: l.ID, Made: now, Subject: l.Subject, Letter: string(raw), Next: now}
	if _, err := db.NewInsert().Model(&row).On("CONFLICT (id) DO NOTHING").Exec(ctx); err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	return nil
}

func (q letters) Letters(ctx context.Context, most int) ([]Letter, error) {
	now := q.now()
	if _, err := q.db.NewDelete().Model((*letterRow)(nil)).Where("next = 0").Where("made < ?", now.Add(-keepSent).UnixMilli()).Exec(ctx); err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	var rows []letterRow
	err := q.db.NewSelect().Model(&rows).Where("next > 0").Where("next <= ?", now.UnixMilli()).Order("next", "made").Limit(int64(most)).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	list := make([]Letter, len(rows))
	for i, r := range rows {
		if err := json.Unmarshal([]byte(r.Letter), &list[i]); err != nil {
			return nil, fmt.Errorf("mail: %w", err)
		}
	}
	return list, nil
}

// maxTries is how often a letter is tried: the last time a day and a half after the first.
const maxTries = 12

func (q letters) Sent(ctx context.Context, id string, failed error) error {
	var row letterRow
	err := q.db.NewSelect().Model(&row).Column("tries").Where("id = ?", id).Scan(ctx)
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	u := q.db.NewUpdate().Model((*letterRow)(nil)).Set("tries = ?", row.Tries+1).Where("id = ?", id)
	switch {
	case failed == nil:
		u = u.Set("sent = ?", q.now().UnixMilli()).Set("next = 0").Set("error = ''").Set("letter = ''")
	case row.Tries+1 >= maxTries || errors.Is(failed, ErrRefused):
		u = u.Set("next = 0").Set("error = ?", failed.Error())
	default:
		u = u.Set("next = ?", q.now().Add(time.Minute<<row.Tries).UnixMilli()).Set("error = ?", failed.Error())
	}
	if _, err := u.Exec(ctx); err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	return nil
}

func (q letters) Standing(ctx context.Context, most int) (s Standing, err error) {
	var oldest int64
	if err := q.db.NewSelect().Model((*letterRow)(nil)).ColumnExpr("COUNT(*), COALESCE(MIN(made), 0)").Where("next > 0").Scan(ctx, &s.Waiting, &oldest); err != nil {
		return s, fmt.Errorf("mail: %w", err)
	}
	if oldest > 0 {
		s.Oldest = time.UnixMilli(oldest)
	}
	var rows []letterRow
	if err := q.db.NewSelect().Model(&rows).Where("next = 0").Where("sent = 0").Order("made DESC").Limit(int64(most)).Scan(ctx); err != nil {
		return s, fmt.Errorf("mail: %w", err)
	}
	for _, r := range rows {
		s.GivenUp = append(s.GivenUp, GivenUp{About: r.Subject, Made: time.UnixMilli(r.Made), Why: r.Error})
	}
	return s, nil
}

func (q letters) Again(ctx context.Context) error {
	_, err := q.db.NewUpdate().Model((*letterRow)(nil)).Set("next = ?", q.now().UnixMilli()).Set("tries = 0").Where("next = 0").Where("sent = 0").Exec(ctx)
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	return nil
}
