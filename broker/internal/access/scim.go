package access

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
)

// ErrTaken says that a name or an e-mail is somebody else's.
var ErrTaken = errors.New("this is taken")

// Limits of what a directory may write.
const (
	MaxWritten = 20_000 // people, groups, members of a group
	MaxPage    = 200
	maxWord    = 255 // characters of a name
)

// Ref names a person or a group.
type Ref struct{ ID, Name string }

// Query chooses people or groups: Equal holds columns by their SCIM names (id, userName,
// externalId, displayName, emails), all of which must fit.
type Query struct {
	Equal        map[string]string
	Start, Count int // from 1; at most MaxPage
}

// writtenRow is what the rows of people and of groups have alike. bun flattens it into them.
type writtenRow struct {
	ID         string `bun:",pk"` // UUIDv4
	ExternalID string
	Version    int64 // from 1
	CreatedAt  time.Time
	ChangedAt  time.Time
}

// writtenKind is one of the two kinds of things that a directory writes, R its row. What is done with
// both alike is done here; who may, and what follows for accounts, is their own.
type writtenKind[R any] struct {
	name, plural string // for errors
	key          string // the column that no two have alike; pages are in its order
	columns      map[string]column
	written      func(*R) *writtenRow
}

// column is where a column of a Query is found, and how it is written there; nil: as it is.
type column struct {
	name string
	fold func(string) string
}

// page returns the rows of a page, and how many there are in all.
func (k writtenKind[R]) page(ctx context.Context, db bun.IDB, q Query) ([]R, int, error) {
	var rows []R
	s := db.NewSelect().Model(&rows)
	for name, value := range q.Equal {
		c, there := k.columns[name]
		if !there {
			return nil, 0, invalid("filter", "unknown", "no %s is found by %q", k.name, name)
		}
		if c.fold != nil {
			value = c.fold(value)
		}
		s = s.Where("? = ?", bun.Ident(c.name), value)
	}
	total, err := s.OrderBy(k.key, bun.OrderAsc).Offset(int64(max(q.Start-1, 0))).Limit(int64(min(max(q.Count, 1), MaxPage))).ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", k.plural, err)
	}
	return rows, int(total), nil
}

// one returns a row, or ErrNotFound.
func (k writtenKind[R]) one(ctx context.Context, db bun.IDB, id string) (*R, error) {
	row := new(R)
	err := db.NewSelect().Model(row).Where("id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.name, err)
	}
	return row, nil
}

// seen returns a row if it still has the version that was seen, 0 for any.
func (k writtenKind[R]) seen(ctx context.Context, tx bun.Tx, id string, version int64) (*R, error) {
	row, err := k.one(ctx, tx, id)
	if err == nil && version != 0 && version != k.written(row).Version {
		err = ErrStale
	}
	return row, err
}

// save writes a row, a new one where id is "", after fill has filled it in. Errors: ErrNotFound,
// ErrStale, ErrTaken where another has this key, *Invalid where there are too many.
func (k writtenKind[R]) save(ctx context.Context, tx bun.Tx, id string, version int64, key string, fill func(*R)) (*R, error) {
	row, err := new(R), error(nil)
	if id != "" {
		row, err = k.seen(ctx, tx, id, version)
	} else {
		k.written(row).ID, k.written(row).CreatedAt = uuid.NewString(), time.Now()
		if err = k.room(ctx, tx); err == nil && version != 0 {
			err = ErrStale
		}
	}
	if err != nil {
		return nil, err
	}
	w := k.written(row)
	taken, err := tx.NewSelect().Model((*R)(nil)).Where("? = ?", bun.Ident(k.key), key).Where("id <> ?", w.ID).Exists(ctx)
	if err != nil {
		return nil, err
	}
	if taken {
		return nil, ErrTaken
	}
	fill(row)
	w.Version, w.ChangedAt = w.Version+1, time.Now()
	if id == "" {
		_, err = tx.NewInsert().Model(row).Exec(ctx)
	} else {
		_, err = tx.NewUpdate().Model(row).WherePK().Exec(ctx)
	}
	return row, err
}

// room refuses more than MaxWritten.
func (k writtenKind[R]) room(ctx context.Context, tx bun.Tx) error {
	n, err := tx.NewSelect().Model((*R)(nil)).Count(ctx)
	if err == nil && n >= MaxWritten {
		err = invalid("", "many", "at most %d", MaxWritten)
	}
	return err
}
