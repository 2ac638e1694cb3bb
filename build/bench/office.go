package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"time"

	"github.com/jezek/xgb/xproto"

	"consento/build/stage"
)

// The customer's screen is what most people have. The technician's is large
// enough to show all of it at 1:1 inside the console.
var (
	customerSize   = image.Pt(1920, 1080)
	technicianSize = image.Pt(2304, 1296)
)

const screenSelector = `[data-testid="remote-screen"]`

// office is the stage with everything that measures on it.
type office struct {
	broker               *stage.Broker
	customer, technician *stage.Screen
	console              *stage.Browser
	theirs, ours         *display // connections to the customer's and the technician's screen
	paint                *painter
	dir                  string
	network              *stage.Network // of the customer in the sessions over poor networks; nil where none can be had

	brokerAtRest int64 // bytes of memory before the first session
}

func newOffice(ctx context.Context, bin, dir string) (_ *office, err error) {
	o := &office{dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, o.close())
		}
	}()
	// The address changes nothing for who is on this machine: the kernel takes
	// the short way to it.
	if o.network, err = stage.NewNetwork(ctx); err == nil {
		o.broker, err = stage.NewBrokerAt(ctx, bin, dir, o.network.Outside)
	} else if errors.Is(err, stage.ErrNoNetwork) {
		say(err.Error())
		o.broker, err = stage.NewBroker(ctx, bin, dir)
	}
	if err != nil {
		return nil, err
	}
	if o.customer, err = stage.NewScreen(ctx, customerSize, filepath.Join(dir, "customer")); err != nil {
		return nil, err
	}
	if o.technician, err = stage.NewScreen(ctx, technicianSize, filepath.Join(dir, "technician")); err != nil {
		return nil, err
	}
	if o.theirs, err = dial(o.customer.Display); err != nil {
		return nil, err
	}
	if o.ours, err = dial(o.technician.Display); err != nil {
		return nil, err
	}
	if err = errors.Join(o.theirs.open(), o.ours.open()); err != nil {
		return nil, err
	}
	if o.paint, err = newPainter(o.theirs); err != nil {
		return nil, err
	}
	if o.console, err = o.technician.Browser(ctx, o.broker, "en-US"); err != nil {
		return nil, err
	}
	const email = "bench@comune.example" // who may ask for control
	if err = errors.Join(o.broker.AddSupporter(ctx, email, "Dora Conti", stage.Team), o.console.SignInAs(o.broker, email)); err != nil {
		return nil, err
	}
	if _, err = stage.Eval[bool](o.console, hookConnections); err != nil {
		return nil, err
	}
	o.brokerAtRest, err = memory(o.broker.PID())
	return o, err
}

func (o *office) close() error {
	if o.console != nil {
		o.console.Close()
	}
	for _, d := range []*display{o.theirs, o.ours} {
		if d != nil {
			d.close()
		}
	}
	var err error
	for _, s := range []*stage.Screen{o.customer, o.technician} {
		if s != nil {
			err = errors.Join(err, s.Close())
		}
	}
	if o.broker != nil {
		err = errors.Join(err, o.broker.Stop())
	}
	if o.network != nil {
		err = errors.Join(err, o.network.Close())
	}
	return err
}

// session is one session, from the key to the end.
type session struct {
	*office
	agent *stage.Agent
}

// prepare goes as far as the question whether to show the screen. The customer's
// browser is closed then: what is measured is the screen behind it.
func (o *office) prepare(ctx context.Context) (*session, error) {
	key, err := o.console.NewSession()
	if err != nil {
		return nil, err
	}
	page, err := o.customer.Browser(ctx, o.broker, "en-US")
	if err != nil {
		return nil, err
	}
	defer page.Close()
	if err := page.EnterKey(o.broker, key); err != nil {
		return nil, err
	}
	if err := page.ConfirmName(true); err != nil {
		return nil, err
	}
	command, err := page.FetchAgent(ctx, o.customer)
	if err != nil {
		return nil, err
	}
	agent, err := o.customer.StartAgent(ctx, command)
	if err != nil {
		return nil, err
	}
	s := &session{office: o, agent: agent}
	if err := o.customer.Accept(ctx, "Consento – terms"); err != nil {
		return nil, s.failed(err)
	}
	if _, err := o.customer.Window(ctx, "Consento – show"); err != nil {
		return nil, s.failed(err)
	}
	return s, nil
}

func (s *session) failed(err error) error {
	return fmt.Errorf("%w\nagent:\n%s", err, s.agent.Log())
}

const returnKey = 0xff0d // X keysym

// allow presses Allow and returns the moment just before that.
func (s *session) allow(ctx context.Context) (time.Time, error) {
	window, err := s.customer.Window(ctx, "Consento – show")
	if err != nil {
		return time.Time{}, s.failed(err)
	}
	if err := s.customer.PressIn(ctx, window, "Tab"); err != nil {
		return time.Time{}, s.failed(err)
	}
	pressed := time.Now()
	return pressed, s.theirs.key(returnKey)
}

// live waits until the technician's page shows the picture.
func (s *session) live() error {
	if err := s.console.State("Active"); err != nil {
		return s.failed(err)
	}
	if err := s.console.Until("picture", fmt.Sprintf(`document.querySelector(%q).videoWidth === %d`, screenSelector, customerSize.X)); err != nil {
		return s.failed(err)
	}
	return nil
}

// redX clicks the red X of the customer's bar and returns the moment just before.
func (s *session) redX(ctx context.Context) (time.Time, error) {
	id, err := s.customer.Window(ctx, "Consento – session bar")
	if err != nil {
		return time.Time{}, s.failed(err)
	}
	bar, err := s.customer.Bounds(ctx, id)
	if err != nil {
		return time.Time{}, err
	}
	if err := s.theirs.point(image.Pt(bar.Max.X-50, (bar.Min.Y+bar.Max.Y)/2)); err != nil {
		return time.Time{}, err
	}
	clicked := time.Now()
	return clicked, s.theirs.press(xproto.ButtonPress, 1)
}

// over waits until the agent has ended.
func (s *session) over(ctx context.Context) error {
	if err := s.customer.Confirm(ctx, "Consento – removed"); err != nil {
		return s.failed(err)
	}
	code, err := s.agent.Exit(ctx)
	if err != nil {
		return err
	}
	if code != 0 || !s.agent.Gone() {
		return s.failed(fmt.Errorf("the agent's exit code is %d, its file gone: %v", code, s.agent.Gone()))
	}
	return nil
}

// recorded exports the newest recording and returns its first video.
func (o *office) recorded(ctx context.Context) (string, error) {
	files, err := o.broker.Recordings()
	if err != nil || len(files) == 0 {
		return "", errors.Join(err, errors.New("there is no recording"))
	}
	newest, when := "", time.Time{}
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			return "", err
		}
		if info.ModTime().After(when) {
			newest, when = f, info.ModTime()
		}
	}
	out := filepath.Join(o.dir, "export-"+filepath.Base(newest))
	code, text, err := o.broker.Verify(ctx, "open", "--identity", o.broker.Identity, "--out", out, newest)
	if err != nil || code != 0 && code != 3 { // 3: there is no log to anchor it to
		return "", fmt.Errorf("consento-verify open: exit code %d: %w\n%s", code, err, text)
	}
	videos, err := filepath.Glob(filepath.Join(out, "*.mp4"))
	if err != nil || len(videos) == 0 {
		return "", errors.Join(err, fmt.Errorf("no video in the recording:\n%s", text))
	}
	return videos[len(videos)-1], nil
}
