package console_test

import (
	"context"
	"image"
	"os"
	"path/filepath"
	"testing"
	"time"

	"consento/build/stage"
)

// office is one stage: a broker, the customer's screen and the technician's.
type office struct {
	t          *testing.T
	ctx        context.Context
	broker     *stage.Broker
	customer   *stage.Screen
	technician *stage.Screen
	page       *stage.Browser // the customer's
	console    *stage.Browser
}

func newOffice(t *testing.T) *office {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	t.Cleanup(cancel)
	bin, err := stage.Bin()
	if err != nil {
		t.Fatal(err)
	}
	o := &office{t: t, ctx: ctx}
	dir := t.TempDir()
	if o.broker, err = stage.NewBroker(ctx, bin, dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.broker.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log("broker:\n" + o.broker.Log())
		}
	})
	o.customer = o.screen(image.Pt(1280, 800), filepath.Join(dir, "customer"))
	o.technician = o.screen(image.Pt(1440, 900), filepath.Join(dir, "technician"))
	o.page = o.browser(o.customer, "it-IT")
	o.console = o.browser(o.technician, "en-US")
	o.must(o.console.SignIn(o.broker))
	return o
}

func (o *office) screen(size image.Point, home string) *stage.Screen {
	o.t.Helper()
	s, err := stage.NewScreen(o.ctx, size, home)
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { o.must(s.Close()) })
	return s
}

func (o *office) browser(s *stage.Screen, language string) *stage.Browser {
	o.t.Helper()
	b, err := s.Browser(o.ctx, o.broker, language)
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(b.Close)
	return b
}

func (o *office) must(err error) {
	o.t.Helper()
	if err != nil {
		o.picture("failed-customer", o.customer)
		o.picture("failed-technician", o.technician)
		o.t.Fatal(err)
	}
}

// picture keeps a screenshot, if somebody wants one.
func (o *office) picture(name string, s *stage.Screen) {
	folder := os.Getenv("SESSION_SHOTS")
	if folder == "" || s == nil {
		return
	}
	if err := s.Save(o.ctx, filepath.Join(folder, o.t.Name()+"-"+name+".png")); err != nil {
		o.t.Log(err)
	}
}

// agent goes the customer's way from the key to the running agent.
func (o *office) agent() *stage.Agent {
	o.t.Helper()
	key, err := o.console.NewSession()
	o.must(err)
	o.must(o.page.EnterKey(o.broker, key))
	o.must(o.page.ConfirmName(true))
	command, err := o.page.FetchAgent(o.ctx, o.customer)
	o.must(err)
	o.must(o.console.State("Joined"))
	agent, err := o.customer.StartAgent(o.ctx, command)
	o.must(err)
	o.t.Cleanup(func() {
		if o.t.Failed() {
			o.t.Log("agent:\n" + agent.Log())
		}
	})
	o.must(o.console.State("Waiting"))
	return agent
}

func TestSession(t *testing.T) {
	o := newOffice(t)
	agent := o.agent()
	o.must(o.customer.Accept(o.ctx, "Consento – "))
	o.picture("consent", o.customer)
	o.must(o.customer.Accept(o.ctx, "Consento – show"))
	o.must(o.console.State("Active"))
	o.must(o.console.Until("picture", `document.querySelector('[data-testid="remote-screen"]').videoWidth === 1280`))
	o.picture("active", o.customer)
	o.picture("active", o.technician)
	o.must(o.console.Click(`[data-testid="end-session"]`))
	o.must(o.customer.Accept(o.ctx, "Consento – removed"))
	code, err := agent.Exit(o.ctx)
	o.must(err)
	if code != 0 || !agent.Gone() {
		t.Errorf("exit code %d, program gone: %v", code, agent.Gone())
	}
}
