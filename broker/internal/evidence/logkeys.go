package evidence

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"consento/broker/internal/access"
	"consento/broker/internal/ops"
	"consento/recordings"
	"consento/recordings/mirror"
	"consento/recordings/translog"
)

// ToLog is the addressee of the share that keeps a session's log readable when its
// recording is erased: those who may read the recording, for its events alone.
const ToLog = translog.ToLog

// logTracks is what the log is.
var logTracks = translog.Tracks{int(recordings.TrackEvents)}

// logReaders is for how long readers open the share: longer than any office keeps
// anything. It ends by being destroyed.
const logReaders = 100 // years

const logKeysFile = ".logkeys"

type logKeysRow struct {
	bun.BaseModel `bun:"table:log_keys"`

	SID  string `bun:"sid,pk"`
	ID   string
	Made int64
	Gone int64
}

// logShareID is the same whenever it is promised: a crash promises nothing twice.
func logShareID(sid translog.ID) translog.ID {
	sum := sha256.Sum256([]byte("consento-log-share/v1 " + sid.String()))
	return translog.ID(sum[:len(translog.ID{})])
}

// PromiseLog is on what terms the keys of a session's events are kept. That they are
// is on the log when it returns. No tracks: they were destroyed, and nothing more of
// this log is kept.
func (e *Evidence) PromiseLog(ctx context.Context, id recordings.SessionID) (recordings.ShareTerms, error) {
	var terms recordings.ShareTerms
	sid := translog.ID(id)
	row, err := e.logKeysOf(ctx, sid)
	if err != nil || row.Gone > 0 {
		return terms, err
	}
	if row.ID == "" {
		now := e.config.Now()
		row = logKeysRow{SID: sid.String(), ID: logShareID(sid).String(), Made: now.UnixMilli()}
		leaf := translog.Share{ID: logShareID(sid), SID: sid, By: ops.ByBroker, To: ToLog, Tracks: logTracks, ToMS: uint64(longest.Milliseconds()),
			Until: uint64(now.AddDate(logReaders, 0, 0).UnixMilli())}
		if _, err := e.add(ctx, leaf); err != nil {
			return terms, err
		}
		if _, err := e.config.Database.NewInsert().Model(&row).Exec(ctx); err != nil {
			return terms, fmt.Errorf("evidence: log keys: %w", err)
		}
	}
	made := moment(row.Made)
	return recordings.ShareTerms{ID: recordings.SessionID(logShareID(sid)), Tracks: []recordings.Track{recordings.TrackEvents}, Made: made, Until: made.AddDate(logReaders, 0, 0)}, nil
}

// KeepLogKeys keeps the keys of a segment's events, encrypted for the auditors.
func (e *Evidence) KeepLogKeys(ctx context.Context, id recordings.SessionID, number int, keys []byte) error {
	e.logging.Lock() // not while they are destroyed
	defer e.logging.Unlock()
	row, err := e.logKeysOf(ctx, translog.ID(id))
	if err != nil || row.ID == "" || row.Gone > 0 {
		return err
	}
	if err := replaceKeys(e.logKeysPath(segment{translog.ID(id), number}), keys); err != nil {
		return fmt.Errorf("evidence: log keys: %w", err)
	}
	return nil
}

func (e *Evidence) logKeysPath(s segment) string {
	return filepath.Join(e.config.Bags, fmt.Sprintf("%s-%d%s", s.id, s.number, logKeysFile))
}

// replaceKeys puts a file of keys in its place, on the disk; what was there stays
// until the new one is whole.
func replaceKeys(path string, b []byte) error {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// keptLeaf names the keys of a segment's events as its recorder left them; none where
// none are kept.
func (e *Evidence) keptLeaf(ctx context.Context, s segment) ([]translog.Leaf, error) {
	row, err := e.logKeysOf(ctx, s.id)
	if err != nil || row.ID == "" || row.Gone > 0 {
		return nil, err
	}
	b, err := os.ReadFile(e.logKeysPath(s))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("evidence: log keys: %w", err)
	}
	return []translog.Leaf{translog.LogKeys{SID: s.id, Segment: s.number, Keys: translog.Hash(sha256.Sum256(b)), By: ops.ByBroker}}, nil
}

// nameLogKeys puts those on the log that an older broker kept without naming them.
func (e *Evidence) nameLogKeys(ctx context.Context) error {
	var rows []segmentRow
	err := e.config.Database.NewSelect().Model(&rows).Where("closed IS NOT NULL").Where("log_keys IS NULL").
		Where("EXISTS (SELECT 1 FROM log_keys AS k WHERE k.sid = segment_row.sid AND k.gone = 0)").Order("opened").Scan(ctx)
	if err != nil {
		return fmt.Errorf("evidence: log keys: %w", err)
	}
	for batch := range slices.Chunk(rows, followBatch) {
		var leaves []translog.Leaf
		for _, row := range batch {
			s, err := row.name()
			if err != nil {
				return fmt.Errorf("evidence: log keys: %w", err)
			}
			leaf, err := e.keptLeaf(ctx, s)
			if err != nil {
				return err
			}
			leaves = append(leaves, leaf...)
		}
		if len(leaves) == 0 {
			continue
		}
		if _, err := e.add(ctx, leaves...); err != nil {
			return err
		}
	}
	return nil
}

// keptLogs are the segments whose keys of events are kept and named by the log.
func (e *Evidence) keptLogs(ctx context.Context) ([]mirror.Segment, error) {
	var rows []segmentRow
	err := e.config.Database.NewSelect().Model(&rows).Where("log_keys IS NOT NULL").
		Where("EXISTS (SELECT 1 FROM log_keys AS k WHERE k.sid = segment_row.sid AND k.gone = 0)").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("evidence: log keys: %w", err)
	}
	all := make([]mirror.Segment, len(rows))
	for i, row := range rows {
		s, err := row.name()
		if err != nil {
			return nil, fmt.Errorf("evidence: log keys: %w", err)
		}
		all[i] = mirror.Segment{Session: recordings.SessionID(s.id), Number: s.number}
	}
	return all, nil
}

// logKeysOf returns the zero row for a session that has none.
func (e *Evidence) logKeysOf(ctx context.Context, sid translog.ID) (logKeysRow, error) {
	var row logKeysRow
	err := e.config.Database.NewSelect().Model(&row).Where("sid = ?", sid.String()).Scan(ctx)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return row, fmt.Errorf("evidence: log keys: %w", err)
	}
	return row, nil
}

// LogKeys returns the keys of a segment's events, for who stated a viewing of a
// session whose recording is erased. ErrShredded: they are destroyed too.
func (e *Evidence) LogKeys(ctx context.Context, by access.Account, grant, id string, n int) ([]byte, error) {
	s, row, err := e.granted(ctx, by, grant, id, n)
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(e.logKeysPath(s))
	if errors.Is(err, fs.ErrNotExist) {
		if row.Shred != nil {
			return nil, ErrShredded
		}
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("evidence: log keys: %w", err)
	}
	return b, nil
}

// endLog destroys the keys of a session's events; that is on the log before. It may
// be done again. The caller holds deciding.
func (e *Evidence) endLog(ctx context.Context, sid translog.ID, by string) error {
	e.logging.Lock()
	defer e.logging.Unlock()
	row, err := e.logKeysOf(ctx, sid)
	if err != nil || row.ID == "" || row.Gone > 0 {
		return err
	}
	if _, err := e.add(ctx, translog.Revoke{ID: logShareID(sid), SID: sid, By: by}); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(e.config.Bags, sid.String()+"-*"+logKeysFile+"*"))
	for _, f := range files {
		err = errors.Join(err, destroy(f))
	}
	if err != nil {
		return fmt.Errorf("evidence: log keys: %w", err)
	}
	row.Gone = e.config.Now().UnixMilli()
	if _, err := e.config.Database.NewUpdate().Model(&row).Column("gone").WherePK().Exec(ctx); err != nil {
		return fmt.Errorf("evidence: log keys: %w", err)
	}
	return e.keepProof(ctx, sid, false)
}

// logEnded is the leaf that revoked the keys of a session's events; nil: none did.
func (e *Evidence) logEnded(ctx context.Context, sid translog.ID) (*uint64, error) {
	var last *uint64
	err := e.config.Database.NewSelect().Table("log_entries").ColumnExpr("MAX(number)").Where("sid = ?", sid.String()).
		Where("kind = 'revoke'").Where("what = ?", ToLog).Scan(ctx, &last)
	if err != nil {
		return nil, fmt.Errorf("evidence: log keys: %w", err)
	}
	return last, nil
}

// endLogs destroys those whose period is over, of recordings that are erased: that
// was decided with the recording. It returns how many.
func (e *Evidence) endLogs(ctx context.Context, over []string) (int, error) {
	for n, id := range over {
		sid, err := translog.ParseID(id)
		if err == nil {
			err = e.endLog(ctx, sid, ops.ByBroker)
		}
		if err != nil {
			return n, err
		}
	}
	return len(over), nil
}

// logUntil is when the period of a session's log is over; zero while it goes on.
func (e *Evidence) logUntil(ctx context.Context, id string) (time.Time, error) {
	if e.config.Sweep == nil {
		return time.Time{}, nil
	}
	var row overRow
	err := e.config.Database.NewSelect().Table("session_ends").Column("id", "ended", "keep_days", "log_months", "emptied").Where("id = ?", id).Scan(ctx, &row)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("evidence: %w", err)
	}
	months, err := e.config.Sweep.LogMonths(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("evidence: %w", err)
	}
	days, err := e.config.Retention(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("evidence: %w", err)
	}
	return row.until(months, days), nil
}
