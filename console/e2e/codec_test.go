package console_test

import (
	"image"
	"maps"
	"path/filepath"
	"testing"

	"consento/build/stage"
	"consento/protocol"
)

// withoutAV1 has a page negotiate as a browser does that has no AV1.
const withoutAV1 = `(() => {
	const add = RTCPeerConnection.prototype.addTransceiver;
	RTCPeerConnection.prototype.addTransceiver = function (...a) {
		const t = add.apply(this, a);
		t.setCodecPreferences(RTCRtpReceiver.getCapabilities("video").codecs.filter((c) => !/av1/i.test(c.mimeType)));
		return t;
	};
})()`

// open opens the session that is shared, in another window.
func (o *office) open(b *stage.Browser) {
	o.t.Helper()
	o.must(b.Click(`.session-list button.row[data-state="Active"]`))
}

// TestConsoleWithoutAV1: the help program goes over to VP9 for all while somebody
// watches whose browser has no AV1, and back when that one is gone. One that can
// show nothing says so, and does not try for ever.
func TestConsoleWithoutAV1(t *testing.T) {
	o := newOffice(t)
	o.act("VP9 for all, and back", func(o *office) {
		agent := o.share()
		o.must(o.same("as AV1", func() (image.Image, error) { return o.console.Frame(remote) }))
		o.must(o.console.Key("q"))
		decodes := func(codec string) {
			o.t.Helper()
			o.must(o.console.Until("the first decodes "+codec, `document.querySelector(".figures-body").textContent.includes("`+codec+`")`))
		}
		decodes("AV1")
		old := o.browser(o.technician, "en-US")
		o.must(old.Before(withoutAV1))
		o.must(old.SignIn(o.broker))
		o.open(old)
		o.must(old.Until("picture", `document.querySelector('`+remote+`').videoWidth === 1280`))
		o.must(o.same("without AV1", func() (image.Image, error) { return old.Frame(remote) }))
		decodes("VP9")
		o.must(o.same("of the first, as VP9", func() (image.Image, error) { return o.console.Frame(remote) }))
		old.Close()
		terminal := o.moves("busy")
		decodes("AV1")
		o.more(10)
		terminal.Kill()
		o.must(o.same("as AV1 again", func() (image.Image, error) { return o.console.Frame(remote) }))

		blind := o.browser(o.technician, "de-DE")
		o.must(blind.Before(`delete window.RTCPeerConnection`))
		o.must(blind.SignIn(o.broker))
		o.open(blind)
		o.must(blind.Until("words", `document.querySelector(".stage-word")?.textContent.includes("Dieser Browser kann das Bild nicht zeigen")`))
		o.picture("unable", o.technician)
		blind.Close()

		o.must(o.console.Click(`[data-testid="end-session"]`))
		o.must(o.console.State("Closed"))
		o.must(o.customer.Confirm(o.ctx, "Consento – rimosso"))
		_, err := agent.Exit(o.ctx)
		o.must(err)
		e := o.newest(whole)
		e.expect(o.t, protocol.EndTechnician, protocol.EventEnded)
		codecs := o.codecs(e)
		if want := (map[string]string{"video.mp4": "av1", "video-2.mp4": "vp9", "video-3.mp4": "av1"}); !maps.Equal(codecs, want) {
			o.t.Errorf("recorded as %v", codecs)
		}
	})
}

// TestShareWithoutAV1: a browser that shares changes its codec as well.
func TestShareWithoutAV1(t *testing.T) {
	o := newOffice(t, wholeScreen)
	o.act("VP9 for all", func(o *office) {
		o.toTheScreen()
		o.must(o.same("as AV1", func() (image.Image, error) { return o.console.Frame(remote) }))
		old := o.browser(o.technician, "en-US")
		o.must(old.Before(withoutAV1))
		o.must(old.SignIn(o.broker))
		o.open(old)
		o.must(old.Until("picture", `document.querySelector('`+remote+`').videoWidth > 0`))
		o.must(o.same("without AV1", func() (image.Image, error) { return old.Frame(remote) }))
		o.must(o.same("of the first, as VP9", func() (image.Image, error) { return o.console.Frame(remote) }))
		o.press("end")
		o.must(o.console.State("Closed"))
		e := o.newest(whole)
		e.expect(o.t, protocol.EndCustomer, protocol.EventScreenShown, protocol.EventViewerJoined, protocol.EventEnded, protocol.EventClosed)
		if codecs := o.codecs(e); codecs["video.mp4"] != "av1" || codecs["video-2.mp4"] != "vp9" {
			o.t.Errorf("recorded as %v", codecs)
		}
	})
}

// codecs are those of a recording's videos, by file.
func (o *office) codecs(e evidence) map[string]string {
	o.t.Helper()
	codecs := map[string]string{}
	for _, video := range e.videos {
		codec, err := stage.Codec(o.ctx, video)
		o.must(err)
		codecs[filepath.Base(video)] = codec
	}
	return codecs
}
