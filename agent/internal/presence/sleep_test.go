package presence

import (
	"context"
	"testing"
	"time"
)

func TestSleep(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	w := &Watch{slept: make(chan time.Duration)}
	tick, now, done := make(chan time.Time), make(chan time.Duration), make(chan struct{})
	go func() { defer close(done); w.sleep(ctx, tick, func() time.Duration { return <-now }) }()
	now <- 0
	for i := range 3 { // awake, and late, but not for long
		tick <- time.Time{}
		now <- time.Duration(i+1) * sleepsOver
	}
	tick <- time.Time{}
	now <- 3*sleepsOver + time.Hour
	if slept := <-w.Slept(); slept != time.Hour {
		t.Errorf("slept %v", slept)
	}
	now <- 4*sleepsOver + time.Hour // whoever hears it late makes no sleep of it
	tick <- time.Time{}
	now <- 4*sleepsOver + time.Hour + time.Second
	tick <- time.Time{}
	cancel()
	now <- 4*sleepsOver + time.Hour + 2*time.Second
	<-done
}

func TestSinceBoot(t *testing.T) {
	t.Parallel()
	now := sinceBoot()
	if a, b := now(), now(); a <= 0 || b < a {
		t.Errorf("%v, then %v", a, b)
	}
}
