package access

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"
)

// Forget deletes what has expired: sign-ins, failed tries, links of the first set-up,
// API tokens a while after.
func Forget(ctx context.Context, db bun.IDB) error {
	now := time.Now()
	_, tries := db.NewDelete().Model((*failuresRow)(nil)).Where("last_at < ?", now.Add(-accountPace.forget)).Exec(ctx)
	_, links := db.NewDelete().Model((*setupTokenRow)(nil)).Where("expires_at < ?", now).Exec(ctx)
	_, tokens := db.NewDelete().Model((*tokenRow)(nil)).Where("expires_at < ?", now.Add(-tokenKept)).Exec(ctx)
	if err := errors.Join(sweep(ctx, db), tries, links, tokens); err != nil {
		return fmt.Errorf("what has expired: %w", err)
	}
	return nil
}
