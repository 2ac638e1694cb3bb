// Package figures counts how the office works: sessions, times, ratings, service levels.
//
// Promises:
//   - It reads the operational side alone: that a session was, when and whose, never what
//     was in it.
//   - One range of days, in the office's time zone, holds for every figure; the period
//     before has as many days.
//   - What is shown for a part of the whole adds up to the whole.
//   - A figure of a group of fewer than [Fewest] people is a figure of those people: it is
//     shown together with others, or not at all, unless the office switched figures by
//     person on and said so to its people (ADR 57).
//   - Who may see whose figures is asked of [access.Can] for each call.
//
// It draws no pages.
package figures

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/uptrace/bun"

	"consento/broker/internal/desk"
)

var (
	// ErrForbidden says that the account may not see, or change, it.
	ErrForbidden = errors.New("figures: not this account's to see")
	// ErrRange says that a range of days is none, or too long.
	ErrRange = errors.New("figures: no such range of days")
	// ErrStale says that somebody else changed it meanwhile.
	ErrStale = errors.New("figures: changed by somebody else meanwhile")
)

// Config is what New needs.
type Config struct {
	Database *bun.DB // migrated by ops.OpenDatabase
	// Hours are those in force: zone, opening hours, targets.
	Hours func(context.Context) (desk.ServiceHours, desk.Version, error)
	Now   func() time.Time // nil: time.Now
	Log   *slog.Logger
}

// Figures is safe for concurrent use.
type Figures struct {
	db    *bun.DB
	hours func(context.Context) (desk.ServiceHours, desk.Version, error)
	now   func() time.Time
	log   *slog.Logger
}

// New checks the configuration.
func New(c Config) (*Figures, error) {
	if c.Database == nil || c.Hours == nil || c.Log == nil {
		return nil, errors.New("figures: Database, Hours and Log are required")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Figures{db: c.Database, hours: c.Hours, now: c.Now, log: c.Log}, nil
}
