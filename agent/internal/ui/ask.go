package ui

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// warnTime is how long before the end of a question its warning is shown.
const warnTime = 30 * time.Second

// Ask shows a question and waits for the answer. When ctx ends, the window closes and ctx.Err() is
// returned. Other errors: [ErrText], [ErrDisplayLost], [ErrClosed].
func (u *UI) Ask(ctx context.Context, q Question) (Answer, error) {
	if err := q.check(); err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := u.enter(); err != nil {
		return 0, err
	}
	defer u.work.Done()
	d := dialog{title: q.Title, heading: q.Heading, who: q.Who.lines(), body: q.Body, details: q.Details,
		links: q.Links, refuse: q.Refuse, accept: q.Accept}
	if q.Timeout > 0 {
		d.warning, d.more = warning(q.Warning, warnTime), q.MoreTime
	}
	c, err := u.converse(d)
	if err != nil {
		return 0, err
	}
	defer c.close()

	clock := newCountdown(q.Timeout)
	defer clock.stop()
	for {
		e, err := c.next(ctx, clock.ring())
		if err != nil {
			return 0, err
		}
		switch e.kind {
		case accepted:
			if c.settled(e.at) {
				return Accepted, nil
			}
		case refused:
			return Refused, nil
		case moreTime:
			clock.restart()
			c.w.set(partWarning, "")
		case 0:
			left := clock.left()
			if left <= 0 {
				return TimedOut, nil
			}
			c.w.set(partWarning, warning(q.Warning, left))
			clock.next()
		}
	}
}

// warning puts the seconds left into the caller's text. Not Sprintf: a translator's slip must not
// turn a warning into "%!d".
func warning(s string, left time.Duration) string {
	seconds := int((left + time.Second - 1) / time.Second)
	return strings.ReplaceAll(s, "%d", strconv.Itoa(seconds))
}

// countdown rings when the warning has to change and when the time is over.
type countdown struct {
	total time.Duration
	end   time.Time
	timer *time.Timer
}

func newCountdown(total time.Duration) *countdown {
	c := &countdown{total: total}
	if total > 0 {
		c.timer = time.NewTimer(total)
		c.restart()
	}
	return c
}

func (c *countdown) ring() <-chan time.Time {
	if c.timer == nil {
		return nil
	}
	return c.timer.C
}

func (c *countdown) left() time.Duration { return time.Until(c.end) }

// restart begins the whole time again.
func (c *countdown) restart() {
	if c.timer != nil {
		c.end = time.Now().Add(c.total)
		c.timer.Reset(max(0, c.total-warnTime))
	}
}

// next sets the timer to the next full second before the end.
func (c *countdown) next() {
	left := c.left()
	c.timer.Reset(left - (left-1)/time.Second*time.Second)
}

func (c *countdown) stop() {
	if c.timer != nil {
		c.timer.Stop()
	}
}
