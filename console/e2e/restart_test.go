package console_test

import (
	"image"
	"os"
	"slices"
	"strings"
	"testing"

	"consento/build/stage"
	"consento/protocol"
)

// restartWindow is in the title of the countdown.
const restartWindow = "Consento – riavvio"

// TestRestart: a restart that is stopped leaves nothing; one that takes place brings the
// agent back, which asks for everything anew and leaves nothing either; who comes back
// too late is told so, once. The system is asked over a real bus, and then every
// process of the customer's is killed, as a restart does; what the desktop starts at
// login is started by its entry. Nothing here restarts a computer.
func TestRestart(t *testing.T) {
	logind, err := stage.NewLogind(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := logind.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", logind.Address)
	t.Setenv("XDG_CURRENT_DESKTOP", "XFCE")
	o := newSupport(t)
	o.act("stopped and back", func(o *office) { restartAndBack(o, logind) })
	o.customer = o.screen(image.Pt(1280, 800), "customer") // those of the last act went with it
	o.page = o.browser(o.customer, "it-IT")
	o.act("by hand and too late", func(o *office) { restartTooLate(o, logind) })
}

var restartStrip = byID("restart-strip")

// allowRestart has the technician ask and the customer agree.
func (o *office) allowRestart() {
	o.t.Helper()
	o.must(o.console.Click(byID("reboot")))
	o.becomes(restartStrip, "state", "asked")
	_, err := o.customer.Window(o.ctx, toolQuestion)
	o.must(err)
	o.picture("asked", o.customer)
	o.must(o.customer.Accept(o.ctx, toolQuestion))
	_, err = o.customer.Window(o.ctx, restartWindow)
	o.must(err)
	o.becomes(restartStrip, "restart", "counting")
}

// none waits until what was put on the disk for a restart is gone.
func (o *office) none(before []string) {
	o.t.Helper()
	o.must(stage.Until(o.ctx, "nothing left for a restart", func() bool {
		return !slices.ContainsFunc(o.files(), func(f string) bool { return !slices.Contains(before, f) })
	}))
}

// prepared checks what lies on the customer's disk for the return, and returns the entry.
func (o *office) prepared(before []string) (entry string) {
	o.t.Helper()
	var added []string
	for _, f := range o.files() {
		if !slices.Contains(before, f) && f != "/.config" {
			added = append(added, f)
		}
	}
	if len(added) != 5 || !strings.HasPrefix(added[0], "/.config/autostart") || !strings.HasSuffix(added[1], ".desktop") || !strings.HasSuffix(added[3], "/consento-agent") || !strings.HasSuffix(added[4], "/ticket") {
		o.t.Fatalf("on the disk: %q", added)
	}
	if info, err := os.Stat(o.customer.Home + added[4]); err != nil || info.Mode().Perm() != 0o600 {
		o.t.Errorf("the ticket: %v, %v", info.Mode(), err)
	}
	return o.customer.Home + added[1]
}

// down kills everything of the customer's and starts another screen, as a restart does.
func (o *office) down(agent *stage.Agent) {
	o.t.Helper()
	agent.Kill()
	o.page.Close()
	o.customer.Crash()
	_, err := agent.Exit(o.ctx)
	o.must(err)
	o.must(o.customer.Close())
	o.customer = o.screen(image.Pt(1280, 800), "customer")
}

// login starts what an entry says, as desktops do (Desktop Entry Specification 1.5: a
// word in quotes, and one without).
func (o *office) login(entry string) *stage.Agent {
	o.t.Helper()
	data, err := os.ReadFile(entry)
	o.must(err)
	_, exec, _ := strings.Cut(string(data), "\nExec=\"")
	program, flags, ok := strings.Cut(strings.SplitN(exec, "\n", 2)[0], `" `)
	if !ok || flags != "--after-restart" || strings.ContainsAny(program, `'"\`) {
		o.t.Fatalf("the entry:\n%s", data)
	}
	agent, err := o.customer.StartProgram(program, flags)
	o.must(err)
	o.t.Cleanup(func() {
		if o.t.Failed() {
			o.t.Log("agent after the restart:\n" + agent.Log())
		}
	})
	return agent
}

func restartAndBack(o *office, logind *stage.Logind) {
	before := o.files()
	agent := o.share()
	running := o.files()
	o.allowRestart()
	o.prepared(running)
	o.picture("counting", o.customer)
	o.picture("counting-console", o.technician)
	o.must(o.console.Click(byID("reboot"))) // the technician stops it
	o.becomes(restartStrip, "state", "withdrawn")
	o.none(running)
	o.must(o.customer.NoWindow(o.ctx, restartWindow))
	if logind.Reboots() != 0 {
		o.t.Error("the system was asked to restart all the same")
	}
	o.allowRestart()
	o.becomes(restartStrip, "restart", "going")
	o.must(stage.Until(o.ctx, "the system is asked", func() bool { return logind.Reboots() == 1 }))
	entry := o.prepared(running)
	o.down(agent)
	o.must(o.console.Until("held open", `document.querySelector(".stage-notice")?.textContent.includes("held open")`))
	o.picture("down-console", o.technician)

	agent = o.login(entry)
	_, err := o.customer.Window(o.ctx, "Consento – mostrare")
	o.must(err)
	o.picture("asked again", o.customer)
	o.clean(before) // while it runs, nothing of it lies on the disk
	o.must(o.console.Until("asked again", `document.querySelector(".stage-notice")?.textContent.includes("asked again")`))
	o.picture("asked-again-console", o.technician)
	if live, err := stage.Eval[bool](o.console, `document.querySelector('.stage[data-shown="true"] .frame').dataset.live === "true"`); err != nil || live {
		o.t.Errorf("a picture is shown before the yes: %v, %v", live, err)
	}

	o.must(o.customer.Accept(o.ctx, "Consento – mostrare"))
	o.must(o.console.Until("the view is allowed", `document.querySelector('[data-permission="view_screen"]')?.dataset.state === "given"`))
	after := o.files()
	o.allowRestart()
	o.prepared(after)
	o.must(o.customer.Refuse(o.ctx, restartWindow)) // the customer stops it
	o.becomes(restartStrip, "state", "withdrawn")
	o.none(after)
	e := o.seesAndEnds(agent, before)
	e.expect(o.t, protocol.EndTechnician, protocol.EventConsentGiven, protocol.EventRestartPrepared, protocol.EventRestartCancelled, protocol.EventConsentWithdrawn,
		protocol.EventRestartPrepared, protocol.EventRestartBegan, protocol.EventAgentAway, protocol.EventRestartReturned, protocol.EventConsentWithdrawn, protocol.EventConsentAsked,
		protocol.EventConsentGiven, protocol.EventScreenShown, protocol.EventRestartPrepared, protocol.EventRestartCancelled, protocol.EventConsentWithdrawn,
		protocol.EventEnded, protocol.EventRemoved, protocol.EventClosed)
	e.seen(o.t)
}

func restartTooLate(o *office, logind *stage.Logind) {
	o.t.Setenv("CONSENTO_SESSION_RESTART", "1s")
	o.must(o.broker.Stop())
	o.must(o.broker.Start(o.ctx))
	before := o.files()
	agent := o.share()
	running := o.files()
	o.isRefused("reboot", restartStrip)
	o.none(running)
	logind.Refuses.Store(true)
	o.asksAgain("reboot", restartStrip)
	o.must(o.customer.Accept(o.ctx, toolQuestion))
	o.becomes(restartStrip, "restart", "by_hand")
	o.picture("by hand", o.customer)
	entry := o.prepared(running)
	o.down(agent)
	o.must(o.console.State("Closed"))
	o.newest(whole).expect(o.t, protocol.EndLimit, protocol.EventConsentAsked, protocol.EventConsentRefused, protocol.EventRestartPrepared, protocol.EventRestartBegan, protocol.EventRestartByHand, protocol.EventRestartExpired, protocol.EventEnded,
		protocol.EventRemovalUnknown, protocol.EventClosed)
	agent = o.login(entry)
	o.over(agent, 5, before)
}
