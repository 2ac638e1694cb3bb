package ui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"

	"consento/agent/internal/xtest"
)

// lostDisplay asks, has a bar, waits for the display to go away, and tells what every call returns.
func lostDisplay(kit Toolkit) error {
	u, err := Open(Config{Toolkit: kit})
	if err != nil {
		return err
	}
	bar, err := u.Bar(languages["en"].bar)
	if err != nil {
		return err
	}
	working, err := u.Progress(languages["en"].progress)
	if err != nil {
		return err
	}
	answer, err := u.Ask(context.Background(), languages["en"].question)
	fmt.Println("ask:", answer, errors.Is(err, ErrDisplayLost))
	<-bar.Lost()
	fmt.Println("bar lost, ended:", isClosed(bar.Ended()))
	bar.Close()
	fmt.Println("progress:", errors.Is(working.Close(), ErrDisplayLost))
	_, err = u.Ask(context.Background(), languages["en"].question)
	fmt.Println("again:", errors.Is(err, ErrDisplayLost))
	u.Close()
	fmt.Println("alive")
	return nil
}

func TestLostDisplayIsAnError(t *testing.T) {
	for _, kit := range kits(t) {
		t.Run(kit.String(), func(t *testing.T) {
			display, server := xtest.ServerProcess(t, 1024, 600, 24)
			ctx, stop := context.WithTimeout(t.Context(), 2*patience)
			defer stop()
			cmd := play(ctx, "lost display", display, kit)
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			find(t, display, languages["en"].question.Title)
			find(t, display, languages["en"].bar.Title)
			if err := server.Signal(syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			err := cmd.Wait()
			const want = "ask: no answer true\nbar lost, ended: false\nprogress: true\nagain: true\nalive\n"
			if err != nil || !strings.HasSuffix(out.String(), want) || strings.Contains(out.String(), "DATA RACE") {
				t.Errorf("%v, said:\n%s", err, out.String())
			}
		})
	}
}

// firstWindow prints the milliseconds from Open to the first picture of a question on the screen.
func firstWindow(kit Toolkit) error {
	c, err := xgb.NewConn()
	if err != nil {
		return err
	}
	defer c.Close()
	s := xproto.Setup(c).DefaultScreen(c)
	start := time.Now()
	u, err := Open(Config{Toolkit: kit})
	if err != nil {
		return err
	}
	defer u.Close()
	opened := time.Since(start)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		u.Ask(ctx, languages["en"].question)
	}()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		// A dialog in the middle of the screen is light there; the root window is black.
		r, err := xproto.GetImage(c, xproto.ImageFormatZPixmap, xproto.Drawable(s.Root),
			int16(s.WidthInPixels/2), int16(s.HeightInPixels/2), 40, 40, ^uint32(0)).Reply()
		if err != nil {
			return err
		}
		if bytes.Count(r.Data, []byte{0xff, 0xff, 0xff}) > 400 {
			break
		}
	}
	fmt.Println(opened.Milliseconds(), time.Since(start).Milliseconds())
	stop()
	<-done
	return nil
}

// BenchmarkFirstWindow measures in new processes, as the agent is one.
func BenchmarkFirstWindow(b *testing.B) {
	for _, kit := range kits(b) {
		b.Run(kit.String(), func(b *testing.B) {
			display := xtest.Server(b, 1024, 600)
			var open, first int
			best := 1 << 20
			for b.Loop() {
				out, err := play(b.Context(), "first window", display, kit).Output()
				if err != nil {
					b.Fatalf("%v: %s", err, out)
				}
				var o, f int
				if _, err := fmt.Sscan(string(out), &o, &f); err != nil {
					b.Fatalf("%v: %s", err, out)
				}
				open, first, best = open+o, first+f, min(best, f)
			}
			b.ReportMetric(float64(open)/float64(b.N), "open-ms")
			b.ReportMetric(float64(first)/float64(b.N), "first-frame-ms")
			b.ReportMetric(float64(best), "best-first-frame-ms")
		})
	}
}

// TestAccessibleTree reads the windows as a screen reader does, over AT-SPI on a bus of its own.
func TestAccessibleTree(t *testing.T) {
	display := xtest.Server(t, 640, 480) // where names are cut on the screen most
	ctx, stop := context.WithTimeout(t.Context(), 3*patience)
	defer stop()
	cmd := play(ctx, "accessible", display, GTK, "dbus-run-session", "--")
	cmd.Env = append(cmd.Env, "NO_AT_BRIDGE=0", "XDG_RUNTIME_DIR="+t.TempDir())
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	tree := string(out)
	t.Log(tree)
	q, text := languages["en"].question, languages["en"]
	for _, want := range []string{
		"dialog: " + q.Title, "heading: " + q.Heading, "label: " + q.Who.Name,
		"push button: " + q.Refuse + " [focused]", "push button: " + q.Accept,
		"push button: " + q.MoreTime, "text: " + text.prompt.Label, "push button: " + text.bar.End,
		"push button: " + text.bar.Pause, "push button: " + text.bar.Change, "radio button: " + text.choose.Choices.List[3].Label + " " + text.choose.Choices.List[3].Note,
		"label: " + longWho, "ended by the screen reader",
	} {
		if !strings.Contains(tree, want) {
			t.Errorf("no %q", want)
		}
	}
}
