package console_test

import (
	"testing"

	"consento/protocol"
)

// TestLanguage: the desktop says nothing, the browser prefers Italian, and the
// customer switches the portal to Japanese. The help program speaks Japanese
// too, to its last window.
func TestLanguage(t *testing.T) {
	o := newOffice(t)
	o.must(o.page.Open(o.broker.URL + "/?lang=ja"))
	agent := o.agent()
	const terms, removed = "Consento – 利用規約", "Consento – 削除しました"
	_, err := o.customer.Window(o.ctx, terms)
	o.must(err)
	o.picture("terms", o.customer)
	o.must(o.customer.Refuse(o.ctx, terms))
	_, err = o.customer.Window(o.ctx, removed)
	o.must(err)
	o.picture("removed", o.customer)
	o.must(o.customer.Confirm(o.ctx, removed))
	code, err := agent.Exit(o.ctx)
	o.must(err)
	if code != 3 {
		t.Errorf("the agent's exit code is %d instead of 3", code)
	}
	o.must(o.console.State("Closed"))
	o.newest(whole).expect(t, protocol.EndTermsDeclined, protocol.EventTermsShown, protocol.EventTermsDeclined, protocol.EventClosed)
}
