package ui

import (
	"context"
	"time"
)

// warnTime is how long before the end of a question its warning is shown.
const warnTime = 30 * time.Second

// Ask shows a question and waits for the answer. When ctx ends, the window closes and ctx.Err() is
// returned. Other errors: [ErrText], [ErrDisplayLost], [ErrClosed].
func (u *UI) Ask(ctx context.Context, q Question) (Answer, error) {
	answer, _, err := u.Choose(ctx, q)
	return answer, err
}

// Choose is Ask for a question with choices. With Accepted it returns which one the yes is for.
func (u *UI) Choose(ctx context.Context, q Question) (Answer, int, error) {
	answer, e, err := u.put(ctx, q)
	return answer, e.choice, err
}

// Mark is Ask for a question with several choices. With Accepted it returns which are marked.
func (u *UI) Mark(ctx context.Context, q Question) (Answer, []bool, error) {
	answer, e, err := u.put(ctx, q)
	marked := make([]bool, len(q.Choices.List))
	for i := range marked {
		marked[i] = e.marks>>i&1 == 1
	}
	return answer, marked, err
}

func (u *UI) put(ctx context.Context, q Question) (Answer, event, error) {
	if err := q.check(); err != nil {
		return 0, event{}, err
	}
	if err := ctx.Err(); err != nil {
		return 0, event{}, err
	}
	if err := u.enter(); err != nil {
		return 0, event{}, err
	}
	defer u.work.Done()
	d := dialog{title: q.Title, heading: q.Heading, who: q.Who.lines(), body: q.Body, details: q.Details,
		links: q.Links, choices: q.Choices, report: q.Report, aside: q.Aside, also: q.Also, refuse: q.Refuse, accept: q.Accept}
	if q.Timeout > 0 {
		d.warning, d.more = q.warning(warnTime), q.MoreTime
	}
	if len(q.Wait) > len(d.warning) {
		d.warning = q.Wait // room for the longer one
	}
	c, err := u.converse(d)
	if err != nil {
		return 0, event{}, err
	}
	defer c.close()
	c.aside, c.also = q.OnAside, q.OnAlso

	clock := newCountdown(q.Timeout, q.Delay)
	defer clock.stop()
	if q.Delay > 0 {
		c.w.set(partWarning, q.Wait)
	}
	for {
		e, err := c.next(ctx, clock.ring())
		if err != nil {
			return 0, event{}, err
		}
		switch e.kind {
		case accepted:
			if c.settled(e.at, q.Delay) {
				return Accepted, e, nil
			}
		case refused:
			return Refused, event{}, nil
		case reporting:
			return Reported, event{}, nil
		case moreTime:
			clock.restart()
			c.w.set(partWarning, "")
		case 0:
			if clock.waited() {
				c.w.set(partWarning, "")
				continue
			}
			left := clock.left()
			if left <= 0 {
				return TimedOut, event{}, nil
			}
			c.w.set(partWarning, q.warning(left))
			clock.next()
		}
	}
}

// warning puts the seconds left into the caller's text. Not Sprintf: a translator's slip must not
// turn a warning into "%!d".
func (q Question) warning(left time.Duration) string {
	if q.Warning == nil {
		return ""
	}
	return q.Warning(int((left + time.Second - 1) / time.Second))
}

// countdown rings when a yes begins to count, when the warning has to change and
// when the time is over.
type countdown struct {
	total   time.Duration
	end     time.Time
	timer   *time.Timer
	waiting bool // a yes does not count yet
}

func newCountdown(total, delay time.Duration) *countdown {
	c := &countdown{total: total, waiting: delay > 0}
	if total > 0 || delay > 0 {
		c.timer = time.NewTimer(total)
		c.restart()
	}
	if c.waiting {
		c.timer.Reset(delay)
	}
	return c
}

// waited tells, once, that a yes counts from now on.
func (c *countdown) waited() bool {
	if !c.waiting {
		return false
	}
	c.waiting = false
	if c.total > 0 {
		c.timer.Reset(max(0, c.left()-warnTime))
	}
	return true
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
	if c.timer != nil && c.total > 0 {
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
