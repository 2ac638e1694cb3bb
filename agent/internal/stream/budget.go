package stream

import "time"

const (
	// savings is how much CPU time a rest saves up: enough for a new page with
	// its refinement, or for a key frame, all without a pause.
	savings = 250 * time.Millisecond
	// patience is the longest pause. A key frame in the midst of motion costs
	// ten times what the others do; the rest of its price is paid by the frames
	// after it.
	patience = 150 * time.Millisecond
)

// budget of CPU time: what flows in is a share of one core.
type budget struct {
	share float64
	left  time.Duration // at that time, -savings to savings
	at    time.Time     // of the last frame
}

func newBudget(share float64) budget { return budget{share: share, left: savings} }

// spend is told what the frame captured at now cost. now does not run back.
func (b *budget) spend(now time.Time, cost time.Duration) {
	if !b.at.IsZero() {
		b.left = min(savings, b.left+time.Duration(b.share*float64(min(now.Sub(b.at), time.Minute))))
	}
	b.left, b.at = max(b.left-cost, -savings), now
}

// ready is when the next frame can be paid for.
func (b *budget) ready() time.Time {
	if b.left >= 0 {
		return b.at
	}
	return b.at.Add(min(patience, time.Duration(float64(-b.left)/b.share)))
}
