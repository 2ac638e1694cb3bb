package console_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"consento/build/stage"
	"consento/protocol"
)

// disk puts a small disk of its own at a folder. Where none can be had the test is
// skipped, but where everything is tested one has to be had.
func disk(t *testing.T, folder string, size int) *stage.Disk {
	t.Helper()
	d, err := stage.NewDisk(folder, size)
	if errors.Is(err, stage.ErrNoDisk) && os.Getenv("CONSENTO_ALL") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// TestFullDisks: the help program needs no space on the customer's computer; a
// broker whose disk is full ends the session, says why, and begins no other.
func TestFullDisks(t *testing.T) {
	t.Setenv("CONSENTO_EVIDENCE_MIN_FREE", "64MiB")
	var server *stage.Disk
	o := newOfficeOn(t, func(dir string) { server = disk(t, filepath.Join(dir, "data"), 256<<20) })
	o.act("nothing fits on the customer's disk", func(o *office) {
		downloads := disk(o.t, filepath.Join(o.customer.Home, "Downloads"), 64<<20)
		full := []*stage.Disk{downloads, disk(o.t, filepath.Join(o.customer.Home, "tmp"), 1<<20), disk(o.t, filepath.Join(o.customer.Home, "run"), 1<<20)}
		before := o.files()
		o.must(o.page.EnterKey(o.broker, o.issue()))
		o.must(o.page.ConfirmName(true))
		command, err := o.page.FetchAgent(o.ctx, o.customer)
		o.must(err)
		for _, d := range full {
			o.must(d.Fill(0))
		}
		agent, err := o.customer.StartAgent(o.ctx, command)
		o.must(err)
		o.must(o.customer.Accept(o.ctx, "Consento – condizioni"))
		o.must(o.customer.Accept(o.ctx, "Consento – mostrare"))
		o.must(o.console.State("Active"))
		o.must(o.console.Until("picture", `document.querySelector('`+remote+`').videoWidth === 1280`))
		o.must(o.console.Click(`[data-testid="end-session"]`))
		_, err = o.customer.Window(o.ctx, "Consento – rimosso")
		o.must(err)
		for _, d := range full {
			o.must(d.Free())
		}
		o.over(agent, 0, before)
		o.must(o.console.State("Closed"))
		o.newest(whole).expect(o.t, protocol.EndTechnician, protocol.EventConsentGiven, protocol.EventRemoved, protocol.EventClosed)
	})
	o.act("the broker's disk gets full", func(o *office) {
		before := o.files()
		agent := o.share()
		noise, err := o.customer.Start("xterm", "-fullscreen", "-T", "noise", "-e", "bash", "-c", "base64 -w 300 /dev/urandom")
		o.must(err)
		o.must(server.Fill(0))
		o.must(o.console.State("Closed"))
		noise.Kill()
		o.words("body", "The recording could not be written. Without a recording there is no session.")
		o.words("body", "Tell whoever runs the service")
		o.picture("full-technician", o.technician)
		_, err = o.customer.Window(o.ctx, "Consento – rimosso")
		o.must(err)
		o.picture("full-customer", o.customer)
		o.over(agent, 0, before)
		o.must(o.page.Until("why, on the customer's page", `document.querySelector(".reason").textContent.includes("registr")`))
		o.picture("full-page", o.customer)

		o.must(o.console.Click(`button.new-session`))
		o.words("body", "The recording cannot be written")
		o.picture("refused", o.technician)
		o.must(server.Free())
		e := o.newest(whole)
		e.expect(o.t, protocol.EndEvidenceFailed, protocol.EventConsentGiven, protocol.EventEnded, protocol.EventRemoved, protocol.EventClosed)
		e.seen(o.t)
	})
	o.act("there is space again", func(o *office) {
		o.must(o.page.EnterKey(o.broker, o.issue()))
		o.must(o.page.ConfirmName(false))
		o.must(o.console.State("Closed"))
	})
}
