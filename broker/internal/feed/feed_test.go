package feed

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// all reads until nothing more comes.
func all(changes <-chan string) []string {
	var got []string
	for {
		synctest.Wait()
		select {
		case s := <-changes:
			got = append(got, s)
		default:
			return got
		}
	}
}

// TestSlow: whoever reads late is told once of each thing, as it is now; nobody waits for them.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f Feed[string]
		f.Publish("a", "before anybody listened")
		slow := f.Subscribe(t.Context(), nil)
		quick := f.Subscribe(t.Context(), nil)
		f.Publish("held", "held")
		synctest.Wait() // the feed holds this one out to both
		for n := range 3 {
			f.Publish("a", fmt.Sprint("a", n))
			f.Publish("b", fmt.Sprint("b", n))
			want := []string{fmt.Sprint("a", n), fmt.Sprint("b", n)}
			if n == 0 {
				want = append([]string{"held"}, want...)
			}
			if got := all(quick); !slices.Equal(got, want) {
				t.Errorf("who reads at once was told %q, want %q", got, want)
			}
		}
		if got := all(slow); !slices.Equal(got, []string{"held", "a2", "b2"}) {
			t.Errorf("who reads late was told %q", got)
		}
		f.Publish("a", "again")
		if got := all(slow); !slices.Equal(got, []string{"again"}) {
			t.Errorf("afterwards: %q", got)
		}
	})
}

func TestWants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f Feed[string]
		some := f.Subscribe(t.Context(), func(s string) bool { return strings.HasPrefix(s, "ours") })
		f.Publish("1", "ours")
		f.Publish("2", "theirs")
		f.Publish("1", "theirs now") // who no longer wants it keeps the last that they did
		if got := all(some); !slices.Equal(got, []string{"ours"}) {
			t.Errorf("%q", got)
		}
	})
}

// TestEnd: with its context a subscription is over, also while something waits to be read.
func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f Feed[string]
		for _, waits := range []bool{false, true} {
			ctx, cancel := context.WithCancel(t.Context())
			changes := f.Subscribe(ctx, nil)
			if waits {
				f.Publish("a", "a")
			}
			synctest.Wait()
			cancel()
			synctest.Wait()
			if s, open := <-changes; open {
				t.Errorf("%q after the end", s)
			}
			if len(f.subs) != 0 {
				t.Errorf("%d subscribers are left", len(f.subs))
			}
		}
	})
}
