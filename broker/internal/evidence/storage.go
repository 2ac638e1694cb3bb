package evidence

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/ops"
)

// Level is how urgent the space is.
type Level string

// The closed set, from best to worst.
const (
	Roomy     Level = "roomy"
	FullSoon  Level = "soon"    // at the present growth in less than two months
	FullShort Level = "short"   // in less than two weeks, or little above the mark
	Full      Level = "refused" // below the mark: no session starts
)

const (
	growthDays = 14 // over which the present growth is measured
	soonDays   = 60
	shortDays  = 14
	heaviest   = 10
	dayMS      = 24 * 60 * 60 * 1000

	// reservedLive is what each live recording keeps reserved beyond its end, so that
	// its last seal can be written on a full disk, at most; see package recordings.
	reservedLive = 2 << 20
)

// Storage is how the space for recordings does, and who else keeps them.
type Storage struct {
	Free, Total int64 // bytes of the disk
	Mark        int64 // bytes that must be free for a session to start
	Used        int64 // bytes of all recordings
	Sessions    int   // that have recordings here
	Live        int   // segments that are being written
	Reserve     int64 // bytes that these keep for their ends, at most
	Days        []Growth
	PerDay      int64     // bytes, present growth: what came less what was deleted; may be negative
	Over        int       // days that this was measured over; 0: nothing was recorded yet
	FullAt      time.Time // when the mark is reached at this growth; zero: it is not
	Level       Level
	Heaviest    []Summary // of those that the account may see
	Witnesses   []WitnessStatus
	MaxLag      time.Duration     // 0: for ever
	Clock       *ClockStatus      // nil: none is configured
	Leaves      uint64            // of the global log, as its newest checkpoint says
	Checks      map[State]int     // recordings, by what their last check found
	Checked     time.Time         // the newest of these checks; zero: there is none
	LastWords   ops.ReserveStatus // room for the ends of all that runs, should the disk be full
}

// Growth is what was recorded on one day (UTC).
type Growth struct {
	Day      time.Time
	Sessions int
	Bytes    int64
}

// Storage tells it to auditors, the data-protection officer and who looks after the
// service; sessions by name only to who decides about them.
func (e *Evidence) Storage(ctx context.Context, by access.Account) (Storage, error) {
	decides := access.Can(by, access.DecideErasure, access.Scope{Territory: by.Territory})
	if !decides && !access.Can(by, access.SeeMetrics, access.Scope{}) {
		return Storage{}, ErrForbidden
	}
	s := Storage{Mark: e.config.MinFree, Witnesses: e.Witnesses(), MaxLag: e.config.Witness.MaxLag, Clock: e.Clock(), LastWords: e.room()}
	var err error
	if s.Free, s.Total, err = ops.Disk(e.config.Recordings); err != nil {
		return s, fmt.Errorf("evidence: %w", err)
	}
	if err := e.used(ctx, &s); err != nil {
		return s, err
	}
	if err := e.growth(ctx, &s); err != nil {
		return s, err
	}
	s.forecast(e.config.Now())
	if err := e.checks(ctx, &s); err != nil {
		return s, err
	}
	if !decides {
		return s, nil
	}
	var rows []fact
	err = visible(e.facts(&rows), by).Where("EXISTS (SELECT 1 FROM log_segments WHERE log_segments.sid = fact.id AND log_segments.bytes > 0 AND log_segments.purged IS NULL)").
		OrderExpr("(SELECT SUM(bytes) FROM log_segments WHERE log_segments.sid = fact.id AND log_segments.purged IS NULL) DESC, fact.id").Limit(heaviest).Scan(ctx)
	if err != nil {
		return s, fmt.Errorf("evidence: storage: %w", err)
	}
	parts, err := e.parts(ctx, rows)
	if err != nil {
		return s, err
	}
	for _, f := range rows {
		s.Heaviest = append(s.Heaviest, summary(f, parts[f.ID]))
	}
	return s, nil
}

// checks counts what checks found.
func (e *Evidence) checks(ctx context.Context, s *Storage) error {
	s.Leaves, s.Checks = e.log.Checkpoint().Size, map[State]int{}
	var rows []struct {
		State   State
		Count   int
		Checked int64
	}
	if err := e.config.Database.NewRaw("SELECT state, COUNT(*) AS count, MAX(checked) AS checked FROM checks GROUP BY state").Scan(ctx, &rows); err != nil {
		return fmt.Errorf("evidence: storage: %w", err)
	}
	var newest int64
	for _, r := range rows {
		s.Checks[r.State] = r.Count
		newest = max(newest, r.Checked)
	}
	if newest > 0 {
		s.Checked = time.UnixMilli(newest)
	}
	return nil
}

// used counts what lies here; what is still written is as long as its file.
func (e *Evidence) used(ctx context.Context, s *Storage) error {
	err := e.config.Database.NewRaw("SELECT COALESCE(SUM(bytes), 0), COUNT(DISTINCT sid) FROM log_segments WHERE purged IS NULL").Scan(ctx, &s.Used, &s.Sessions)
	if err != nil {
		return fmt.Errorf("evidence: storage: %w", err)
	}
	open, err := e.index.open(ctx)
	if err != nil {
		return err
	}
	for _, row := range open {
		name, err := row.name()
		if err != nil {
			return err
		}
		info, err := os.Stat(e.path(name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("evidence: storage: %w", err)
		}
		s.Used += info.Size()
	}
	e.mu.Lock()
	s.Live = len(e.live)
	e.mu.Unlock()
	s.Reserve = int64(s.Live) * reservedLive
	return nil
}

// growth is measured over whole days before this one, and today.
func (e *Evidence) growth(ctx context.Context, s *Storage) error {
	today := e.config.Now().UTC().Truncate(24 * time.Hour)
	from := today.AddDate(0, 0, 1-growthDays)
	var first int64
	if err := e.config.Database.NewRaw("SELECT COALESCE(MIN(at), 0) FROM log_entries WHERE kind IN ('closed', 'recovered')").Scan(ctx, &first); err != nil {
		return fmt.Errorf("evidence: storage: %w", err)
	}
	if first == 0 {
		return nil
	}
	if day := moment(first).Truncate(24 * time.Hour); day.After(from) {
		from = day
	}
	var rows []struct{ Day, Sessions, Bytes int64 }
	err := e.config.Database.NewRaw(`SELECT e.at / ? AS day, COUNT(DISTINCT s.sid) AS sessions, SUM(s.bytes) AS bytes FROM log_segments AS s
		JOIN log_entries AS e ON e.number = s.closed WHERE e.at >= ? GROUP BY e.at / ?`, dayMS, from.UnixMilli(), dayMS).Scan(ctx, &rows)
	if err != nil {
		return fmt.Errorf("evidence: storage: %w", err)
	}
	for day := from; !day.After(today); day = day.AddDate(0, 0, 1) {
		s.Days = append(s.Days, Growth{Day: day})
	}
	var came int64
	for _, r := range rows {
		came += r.Bytes
		if i := int(r.Day - from.UnixMilli()/dayMS); i >= 0 && i < len(s.Days) {
			s.Days[i].Sessions, s.Days[i].Bytes = int(r.Sessions), r.Bytes
		}
	}
	var went int64
	err = e.config.Database.NewRaw(`SELECT COALESCE(SUM(s.bytes), 0) FROM log_segments AS s JOIN log_entries AS e ON e.number = s.purged WHERE e.at >= ?`,
		from.UnixMilli()).Scan(ctx, &went)
	if err != nil {
		return fmt.Errorf("evidence: storage: %w", err)
	}
	s.Over = len(s.Days)
	s.PerDay = (came - went) / int64(max(1, s.Over))
	return nil
}

// forecast says when the mark is reached, and how urgent that is.
func (s *Storage) forecast(now time.Time) {
	days := int64(-1)
	if s.PerDay > 0 {
		days = max(0, s.Free-s.Mark) / s.PerDay
	}
	if days >= 0 && days < 3650 { // later than ten years nobody can say
		s.FullAt = now.UTC().AddDate(0, 0, int(days))
	} else {
		days = -1
	}
	switch {
	case s.Free < s.Mark:
		s.Level = Full
	case days >= 0 && days < shortDays, s.Free < s.Mark+s.Mark/2:
		s.Level = FullShort
	case days >= 0 && days < soonDays:
		s.Level = FullSoon
	default:
		s.Level = Roomy
	}
}
