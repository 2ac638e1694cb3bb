package ui

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jezek/xgb/xproto"
)

// puppet is a window whose presses a test makes, for what depends on time alone. What depends on
// the screen is tested with the real toolkits.
type puppet struct {
	toolkit
	tell     func(event)
	mu       sync.Mutex
	warnings []string
	closed   bool
}

// warned is the warnings so far.
func (p *puppet) warned() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.warnings)
}

func last(said []string) string { return said[len(said)-1] }

func (p *puppet) openDialog(_ dialog, tell func(event)) (dialogWindow, error) {
	p.tell = tell
	return p, nil
}
func (p *puppet) xid() xproto.Window { return 0 }
func (p *puppet) close()             { p.closed = true }
func (p *puppet) set(what part, s string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if what == partWarning {
		p.warnings = append(p.warnings, s)
	}
}
func (p *puppet) press(k kind) { p.tell(event{kind: k, at: time.Now()}) }

// asking runs Ask on a puppet and returns where its answer comes.
func asking(t *testing.T, ctx context.Context, q Question) (*puppet, <-chan Answer) {
	t.Helper()
	p := &puppet{}
	u := &UI{kit: p, desktop: &desktop{gone: make(chan struct{})}, closing: make(chan struct{})}
	answer := make(chan Answer, 1)
	go func() {
		a, err := u.Ask(ctx, q)
		if (err != nil) != (ctx.Err() != nil) {
			t.Errorf("Ask: %v", err)
		}
		answer <- a
	}()
	synctest.Wait()
	return p, answer
}

func TestAcceptingTooEarlyIsIgnored(t *testing.T) {
	for _, c := range []struct {
		after time.Duration
		want  Answer
	}{{0, 0}, {settleTime - 1, 0}, {settleTime, Accepted}, {time.Minute, Accepted}} {
		synctest.Test(t, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			p, answer := asking(t, ctx, Question{Heading: "h", Accept: "yes", Refuse: "no"})
			p.press(shown)
			time.Sleep(c.after)
			p.press(accepted)
			synctest.Wait()
			stop()
			if got := <-answer; got != c.want {
				t.Errorf("press after %v: %v, want %v", c.after, got, c.want)
			}
			if !p.closed {
				t.Error("window stays")
			}
		})
	}
}

// TestAYesThatHasToWait: it counts only after the delay, which is said; a no at once.
func TestAYesThatHasToWait(t *testing.T) {
	q := Question{Heading: "h", Accept: "yes", Refuse: "no", Delay: 5 * time.Second, Wait: "read this first"}
	for _, c := range []struct {
		after time.Duration
		press kind
		want  Answer
	}{{settleTime, accepted, 0}, {5*time.Second - 1, accepted, 0}, {5 * time.Second, accepted, Accepted}, {time.Hour, accepted, Accepted}, {0, refused, Refused}} {
		for _, timeout := range []time.Duration{0, 2 * time.Hour} {
			synctest.Test(t, func(t *testing.T) {
				q := q
				q.Timeout, q.Warning = timeout, func(int) string { return "soon" }
				ctx, stop := context.WithCancel(t.Context())
				p, answer := asking(t, ctx, q)
				p.press(shown)
				synctest.Wait()
				if said := last(p.warned()); said != "read this first" {
					t.Errorf("it says %q", said)
				}
				time.Sleep(c.after)
				synctest.Wait()
				if said := last(p.warned()); (c.after >= q.Delay) != (said == "") {
					t.Errorf("after %v it says %q", c.after, said)
				}
				p.press(c.press)
				synctest.Wait()
				stop()
				if got := <-answer; got != c.want {
					t.Errorf("press after %v: %v, want %v", c.after, got, c.want)
				}
			})
		}
	}
	q.Wait = ""
	if err := q.check(); err == nil {
		t.Error("a delay that nobody is told of")
	}
}

func TestAcceptingBeforeItIsShownIsIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, answer := asking(t, t.Context(), Question{Heading: "h", Accept: "yes", Refuse: "no"})
		time.Sleep(time.Hour)
		p.press(accepted)
		p.press(refused)
		if got := <-answer; got != Refused {
			t.Errorf("%v, want refused", got)
		}
	})
}

func TestNoAnswerIsANo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		p, answer := asking(t, t.Context(), Question{Heading: "h", Accept: "yes", Refuse: "no", Timeout: 2 * time.Minute, Warning: secondsLeft("%d left")})
		p.press(shown)
		time.Sleep(89 * time.Second)
		synctest.Wait()
		if w := p.warned(); len(w) > 0 {
			t.Errorf("warned after 89 s: %q", w)
		}
		if got := <-answer; got != TimedOut {
			t.Errorf("%v, want timed out", got)
		}
		if d := time.Since(start); d != 2*time.Minute {
			t.Errorf("waited %v", d)
		}
		if w := p.warned(); len(w) != 30 || w[0] != "30 left" || w[29] != "1 left" {
			t.Errorf("warnings %q", w)
		}
	})
}

func TestMoreTimeStartsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		p, answer := asking(t, t.Context(), Question{Heading: "h", Accept: "yes", Refuse: "no", Timeout: time.Minute, Warning: secondsLeft("%d")})
		p.press(shown)
		time.Sleep(45*time.Second + time.Millisecond)
		p.press(moreTime)
		synctest.Wait()
		if w := p.warned(); !slices.Contains(w, "15") || w[len(w)-1] != "" {
			t.Errorf("warnings %q", w)
		}
		if got := <-answer; got != TimedOut {
			t.Errorf("%v, want timed out", got)
		}
		if d := time.Since(start); d != 105*time.Second+time.Millisecond {
			t.Errorf("waited %v", d)
		}
	})
}

func TestPressAtTheLastMomentCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, answer := asking(t, t.Context(), Question{Heading: "h", Accept: "yes", Refuse: "no", Timeout: time.Minute})
		p.press(shown)
		time.Sleep(time.Minute - 1)
		p.press(accepted)
		if got := <-answer; got != Accepted {
			t.Errorf("%v, want accepted", got)
		}
	})
}

func TestTextsAreChecked(t *testing.T) {
	good := Question{Heading: "h", Accept: "yes", Refuse: "no"}
	for name, spoil := range map[string]func(*Question){
		"no heading":      func(q *Question) { q.Heading = " " },
		"no accept":       func(q *Question) { q.Accept = "" },
		"no refuse":       func(q *Question) { q.Refuse = "" },
		"zero byte":       func(q *Question) { q.Body = "a\x00b" },
		"not UTF-8":       func(q *Question) { q.Who.Name = "\xff" },
		"turned order":    func(q *Question) { q.Who.Name = "Anna\u202exe" },
		"program as link": func(q *Question) { q.Links = []Link{{"l", "file:///bin/sh"}} },
		"huge name":       func(q *Question) { q.Who.Name = string(make([]byte, maxLine+1)) },
	} {
		q := good
		spoil(&q)
		if err := q.check(); !errors.Is(err, ErrText) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := good.check(); err != nil {
		t.Error(err)
	}
}

func TestTitlesBeginWithTheName(t *testing.T) {
	u := &UI{cfg: Config{AppName: "Consento"}}
	for in, want := range map[string]string{"": "Consento", "Terms": "Consento – Terms", "Consento – Terms": "Consento – Terms"} {
		if got := u.title(in); got != want {
			t.Errorf("title(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestClockText(t *testing.T) {
	for d, want := range map[time.Duration]string{-time.Second: "0:00", 42 * time.Second: "0:42",
		12*time.Minute + 5*time.Second: "12:05", 3723 * time.Second: "1:02:03"} {
		if got := clockText(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}
