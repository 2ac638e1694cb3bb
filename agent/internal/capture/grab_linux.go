package capture

import (
	"context"
	"fmt"
	"time"
)

func (x *x11) grab(ctx context.Context) (Frame, error) {
	defer x.guard(ctx)()
	f, err := x.view.read()
	if err != nil && x.view.again() {
		f, err = x.view.read()
	}
	if err == nil {
		return f, nil
	}
	if ctx.Err() != nil {
		return Frame{}, ctx.Err()
	}
	return Frame{}, fmt.Errorf("%w: %w", ErrLost, err)
}

// guard ends the connection when a grab takes too long: the replies of xgb
// cannot be waited for with a limit.
func (x *x11) guard(ctx context.Context) (done func()) {
	n := x.grabs.Add(1)
	end := func() {
		if x.grabs.Load() == n {
			x.wire.Close()
		}
	}
	limit := time.AfterFunc(answerLimit, end)
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(cancelLimit, end) })
	return func() {
		x.grabs.Add(1)
		limit.Stop()
		stop()
	}
}
