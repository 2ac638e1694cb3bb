// Command bench measures a whole session, real in all its parts, against the
// targets of the product: two virtual screens, the broker, the agent and the
// technician's Chromium on one machine.
//
// It promises one run of about a quarter of an hour that prints a table in Markdown and
// leaves nothing behind. A missed target is marked, and is no failure: the exit
// code is 1 only when something could not be measured.
//
// Latencies are glass to glass: from just before the X request that changes the
// customer's screen to the moment when the pixels were read back from the
// technician's screen, so with painting, capture, encoding, both ways through
// the broker, decoding, and the technician's browser, window and X server, and
// the reading itself. A change that was never seen by itself counts until a
// later one was seen. Nothing is subtracted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"image"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jezek/xgb"

	"consento/build/stage"
)

// patience bounds the whole run.
const patience = 35 * time.Minute

func main() {
	only := flag.String("only", "", "play only scenes whose name has this in it, and no others")
	sessions := flag.Int("sessions", 4, "sessions; the last is the long one")
	bin := flag.String("bin", "", "folder of the built programs; by default bin of this module")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *bin, *only, max(1, *sessions)); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, bin, only string, sessions int) (err error) {
	xgb.Logger.SetOutput(io.Discard) // it tells of connections that were closed
	if bin == "" {
		if bin, err = stage.Bin(); err != nil {
			return err
		}
	}
	facts := machine()
	dir, err := os.MkdirTemp("", "consento-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	// What the stage and the browsers leave in the folder for temporary files goes with it.
	if err := os.Setenv("TMPDIR", dir); err != nil {
		return err
	}
	say("the office opens")
	o, err := newOffice(ctx, bin, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.close()) }()
	p, err := newProps(o.paint)
	if err != nil {
		return err
	}
	b := &bench{office: o, props: p, only: only}
	for n := range sessions {
		say(fmt.Sprintf("session %d of %d", n+1, sessions))
		if err := b.session(ctx, n == sessions-1); err != nil {
			return err
		}
	}
	if o.network != nil && b.matchesNetwork() {
		if err := b.poorNetworks(ctx); err != nil {
			return err
		}
	}
	for _, tool := range []struct {
		scene string
		play  func(context.Context, *session) error
	}{{shellScene, b.playShell}, {systemScene, b.playSystem}, {filesScene, b.playFiles}} {
		if b.matches(tool.scene) {
			if err := b.aside(ctx, tool.scene, tool.play); err != nil {
				return err
			}
		}
	}
	if b.matches(hourScene) {
		if err := b.playHour(ctx); err != nil {
			return err
		}
	}
	fmt.Printf("Measured on %s, after %s.\n\n", facts, load())
	t, err := b.table(filepath.Join(bin, "agents", "consento-agent-linux-amd64"), filepath.Join(bin, "consento-broker"))
	if err != nil {
		return err
	}
	return t.print(os.Stdout)
}

func say(what string) { fmt.Fprintf(os.Stderr, "%s %s\n", time.Now().Format("15:04:05"), what) }

// bench gathers what is measured.
type bench struct {
	*office
	props *props
	only  string

	place    image.Rectangle // of the mark in the console, zero before the first session
	first    []time.Duration
	loads    []time.Duration
	endings  []ending
	scenes   []measured
	becoming []becoming
	viewed   []viewed
	poor     []poorNetwork
	cuts     []cut
	hour     officeHour
	inputs   inputs

	transfers []transferred
	shell     shellFigures
	system    systemFigures

	brokerInSession, agentInSession int64
}

// session goes through one session; the long one has all scenes in it.
func (b *bench) session(ctx context.Context, long bool) error {
	s, err := b.prepare(ctx)
	if err != nil {
		return err
	}
	if err := errors.Join(b.setMark(b.props), b.theirs.point(customerSize.Sub(image.Pt(4, 4))),
		b.ours.point(technicianSize.Sub(image.Pt(2, 2)))); err != nil {
		return err
	}
	if b.place.Empty() {
		if _, err := s.allow(ctx); err != nil {
			return err
		}
	} else {
		took, err := s.firstPicture(ctx, b.place)
		if err != nil {
			return err
		}
		b.first = append(b.first, took)
	}
	if err := s.live(); err != nil {
		return err
	}
	if b.place, err = s.markSeen(ctx, image.Point{}); err != nil {
		return err
	}
	g, err := s.enlarge(ctx)
	if err != nil {
		return err
	}
	if long {
		if err := b.play(ctx, s, g); err != nil {
			return err
		}
		if g, err = b.reload(ctx, s); err != nil {
			return err
		}
	}
	e, err := s.endByRedX(ctx, b.props, g)
	b.endings = append(b.endings, e)
	if err != nil {
		return err
	}
	return b.zoom(ctx)
}

// play plays all scenes in one session.
func (b *bench) play(ctx context.Context, s *session, g *glass) (err error) {
	next := 0
	for _, sc := range b.office.scenes(b.props) {
		if !b.matches(sc.name) {
			continue
		}
		say(sc.name)
		m, err := b.office.play(ctx, g, s.agent, sc, &next)
		if err != nil {
			return err
		}
		say(m.String())
		b.scenes = append(b.scenes, m)
	}
	if b.matches(viewerScenes) {
		if err := b.viewers(ctx, s, g, &next); err != nil {
			return err
		}
	}
	if b.brokerInSession, err = memory(b.broker.PID()); err != nil {
		return err
	}
	if b.agentInSession, err = memory(s.agent.PID()); err != nil {
		return err
	}
	if b.matches("sharp") {
		say("sharpness")
		if b.becoming, err = b.sharpScenes(ctx, g, b.props); err != nil {
			return err
		}
	}
	if b.matches(inputScene) { // last: its strip moves the picture
		return b.input(ctx, s, &next)
	}
	return nil
}
