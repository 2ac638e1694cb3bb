package run

import (
	"context"
	"image"
	"sync"
	"time"

	"consento/agent/internal/capture"
)

// screen is what of the customer's display is read, and whether anything is. The
// session's goroutine decides it, and the picture's connection, whichever stands
// at the time, carries it out. Until the first show nothing is read.
type screen struct {
	covers  *capture.Covers // what is never to be seen
	mu      sync.Mutex
	what    capture.Target
	on      bool
	changed chan struct{} // closed at the next change
	resting chan struct{} // closed while nothing is read

	news seen
	came chan struct{} // of capacity 1: there is news
}

// seen is what became of a target.
type seen struct {
	what  capture.Target
	state capture.State
	size  image.Point // of its picture, zero before the first frame
}

func newScreen(covers *capture.Covers) *screen {
	rest := make(chan struct{})
	close(rest)
	return &screen{covers: covers, changed: make(chan struct{}), resting: rest, came: make(chan struct{}, 1)}
}

// show has a target read from now on.
func (s *screen) show(what capture.Target) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.what, s.on = what, true
	s.news = seen{what: what}
	close(s.changed)
	s.changed = make(chan struct{})
}

// hide stops the reading and waits until it has stopped; false if it does not
// within the time that a capture may take.
func (s *screen) hide(patience time.Duration) bool {
	s.mu.Lock()
	if s.on {
		s.on = false
		close(s.changed)
		s.changed = make(chan struct{})
	}
	resting := s.resting
	s.mu.Unlock()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-resting:
		return true
	case <-timer.C:
		return false
	}
}

// turn waits for something to be read. It returns a context that ends with the
// next change or with ctx, and what is called when the reading has ended. An
// error is that of ctx.
func (s *screen) turn(ctx context.Context) (what capture.Target, until context.Context, done func(), err error) {
	for {
		s.mu.Lock()
		changed, on := s.changed, s.on
		if on && ctx.Err() == nil {
			resting := make(chan struct{})
			what, s.resting = s.what, resting
			s.mu.Unlock()
			until, stop := context.WithCancel(ctx)
			go func() {
				select {
				case <-changed:
					stop()
				case <-until.Done():
				}
			}()
			return what, until, func() { stop(); close(resting) }, nil
		}
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return capture.Target{}, nil, nil, ctx.Err()
		}
	}
}

// tell notes what became of a target; what is zero stays as it was.
func (s *screen) tell(what capture.Target, state capture.State, size image.Point) {
	s.mu.Lock()
	before := s.news
	if s.news.what != what {
		s.news = seen{what: what}
	}
	if state != 0 {
		s.news.state = state
	}
	if size != (image.Point{}) {
		s.news.size = size
	}
	same := s.news == before
	s.mu.Unlock()
	if same {
		return
	}
	select {
	case s.came <- struct{}{}:
	default:
	}
}

// latest is the newest of what was told.
func (s *screen) latest() seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.news
}
