package capture_test

import (
	"context"
	"image"
	"testing"
	"time"

	"consento/agent/internal/capture"
	"consento/agent/internal/xtest"
)

// heard waits for the news that the display is locked, or not any more.
func heard(t testing.TB, news <-chan bool, want bool) {
	t.Helper()
	select {
	case got, ok := <-news:
		if !ok || got != want {
			t.Fatalf("locked: %v, %v", got, ok)
		}
	case <-time.After(patience):
		t.Fatalf("never locked: %v", want)
	}
}

// A real locker, after a window that covers the screen and is none.
func TestLocker(t *testing.T) {
	display := xtest.Server(t, 320, 200)
	xtest.Manage(t, display)
	news, err := capture.WatchLock(t.Context(), display)
	if err != nil {
		t.Fatal(err)
	}
	startActor(t, display).open(own, image.Rect(0, 0, 320, 200), "override")
	for range 2 {
		select {
		case locked := <-news:
			t.Fatalf("locked before there is a locker: %v", locked)
		default:
		}
		p := xtest.Start(t, display, "i3lock", "-n")
		heard(t, news, true)
		if err := p.Kill(); err != nil {
			t.Fatal(err)
		}
		heard(t, news, false)
	}
}

// A display that is locked already, and the end of the watch.
func TestLockedFromTheStart(t *testing.T) {
	display := xtest.Server(t, 320, 200)
	ctx, stop := context.WithCancel(t.Context())
	first, err := capture.WatchLock(ctx, display)
	if err != nil {
		t.Fatal(err)
	}
	xtest.Start(t, display, "i3lock", "-n")
	heard(t, first, true)
	second, err := capture.WatchLock(ctx, display)
	if err != nil {
		t.Fatal(err)
	}
	heard(t, second, true)
	stop()
	for range 2 {
		select {
		case _, open := <-first:
			if open {
				t.Error("news after the end")
			}
		case _, open := <-second:
			if open {
				t.Error("news after the end")
			}
		case <-time.After(patience):
			t.Fatal("the watch does not end")
		}
	}
}
