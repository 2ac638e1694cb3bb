package console_test

import (
	"image"
	"testing"

	"consento/protocol"
)

// TestLanguage: the desktop says nothing, the browser prefers Italian, and the
// customer switches the portal to Japanese. The help program speaks Japanese
// too, from the terms to its last window, and so does the technician's console.
func TestLanguage(t *testing.T) {
	o := newOffice(t)
	o.console.Close()
	o.console = o.browser(o.technician, "ja-JP")
	o.must(o.console.SignIn(o.broker))
	o.must(o.page.Open(o.broker.URL + "/?lang=ja"))
	before := o.files()
	agent := o.agent()
	for _, title := range []string{"Consento – 利用規約", "Consento – 画面を見せますか"} {
		_, err := o.customer.Window(o.ctx, title)
		o.must(err)
		o.picture(title, o.customer)
		o.must(o.customer.Accept(o.ctx, title))
	}
	o.must(o.console.State("Active"))
	o.must(o.same("the technician's picture", func() (image.Image, error) { return o.console.Frame(remote) }))
	o.words(`[data-testid="session-state"]`, "画面共有中")
	o.words(`[data-testid="end-session"]`, "終了")
	o.picture("shared", o.technician)
	bar, err := o.customer.Window(o.ctx, "Consento – セッションバー")
	o.must(err)
	o.picture("bar", o.customer)
	r, err := o.customer.AtRest(o.ctx, bar)
	o.must(err)
	o.must(o.customer.Click(o.ctx, image.Pt(r.Max.X-20, (r.Min.Y+r.Max.Y)/2)))
	const removed = "Consento – 削除しました"
	_, err = o.customer.Window(o.ctx, removed)
	o.must(err)
	o.picture("removed", o.customer)
	o.must(o.customer.Confirm(o.ctx, removed))
	code, err := agent.Exit(o.ctx)
	o.must(err)
	if code != 0 {
		t.Errorf("the agent's exit code is %d", code)
	}
	o.clean(before)
	o.must(o.console.State("Closed"))
	o.words("body", "お客様がセッションを終了しました")
	o.picture("ended", o.technician)
	e := o.newest(whole)
	e.expect(t, protocol.EndCustomer, protocol.EventTermsShown, protocol.EventConsentGiven, protocol.EventEnded, protocol.EventRemoved, protocol.EventClosed)
	e.seen(t)
}
