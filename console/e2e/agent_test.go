package console_test

import (
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"consento/build/stage"
)

// An agent that cannot start says why, leaves nothing, and ends with its code.
func TestAgentThatCannotStart(t *testing.T) {
	o := &office{t: t, ctx: t.Context(), dir: folder(t)}
	bin, err := stage.Bin()
	o.must(err)
	o.broker, err = stage.NewBroker(o.ctx, bin, o.dir)
	o.must(err)
	o.customer = o.screen(image.Pt(1280, 800), "customer")
	defer func() {
		if err := o.broker.Stop(); err != nil {
			t.Error(err)
		}
	}()
	prepared := filepath.Join(o.broker.Data, "agents", "consento-agent-linux-amd64")
	unprepared := filepath.Join(bin, "agents", "consento-agent-linux-amd64")

	// start runs a fresh copy of a program and returns it.
	start := func(o *office, program string, args string, env ...string) *stage.Agent {
		o.t.Helper()
		data, err := os.ReadFile(program)
		o.must(err)
		file := filepath.Join(o.customer.Home, "Downloads", "consento-agent")
		o.must(os.WriteFile(file, data, 0o700))
		agent, err := o.customer.StartProgram(file, args, env...)
		o.must(err)
		o.t.Cleanup(func() {
			if o.t.Failed() {
				o.t.Log(agent.Log())
			}
		})
		return agent
	}
	ends := func(o *office, agent *stage.Agent, code int) {
		o.t.Helper()
		got, err := agent.Exit(o.ctx)
		o.must(err)
		if got != code || !agent.Gone() {
			o.t.Errorf("exit code %d instead of %d, program gone: %v", got, code, agent.Gone())
		}
	}
	o.act("no display", func(o *office) {
		agent := start(o, prepared, "", "DISPLAY=", "WAYLAND_DISPLAY=")
		ends(o, agent, 6)
		if !strings.Contains(agent.Log(), "No display was found") {
			o.t.Error(agent.Log())
		}
	})
	o.act("another office's broker", func(o *office) {
		agent := start(o, prepared, "--broker https://support.example --key 2345679")
		o.must(o.customer.Confirm(o.ctx, "Consento – not started"))
		ends(o, agent, 7)
	})
	o.act("an unprepared agent and a broker elsewhere", func(o *office) {
		agent := start(o, unprepared, "--broker https://192.0.2.1 --key 2345679")
		o.must(o.customer.Confirm(o.ctx, "Consento – not started"))
		ends(o, agent, 7)
	})
	o.act("a key that does not work", func(o *office) {
		agent := start(o, prepared, "--key 2345679")
		o.must(o.customer.Refuse(o.ctx, "Consento – session key"))
		ends(o, agent, 3)
	})
	o.act("a broker that only says it is the office's", func(o *office) {
		o.must(o.broker.Stop())
		impostor, err := o.broker.Impostor(o.ctx, filepath.Join(o.dir, "impostor"))
		o.must(err)
		agent := start(o, prepared, "--key 2345679")
		_, err = o.customer.Window(o.ctx, "Consento – not started")
		o.must(err)
		o.picture("untrusted", o.customer)
		o.must(o.customer.Confirm(o.ctx, "Consento – not started"))
		ends(o, agent, 7)
		o.must(impostor.Stop())
	})
	o.act("no broker", func(o *office) {
		agent := start(o, prepared, "--key 2345679")
		o.must(o.customer.Confirm(o.ctx, "Consento – not started"))
		ends(o, agent, 4)
		o.must(o.broker.Start(o.ctx)) // for the end of the test
	})
}
