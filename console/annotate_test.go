package console_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"consento/protocol"
)

// TestDrawing: asked for; pen and finger draw, keys as well; every message is one that
// the broker takes, and not more than it takes. Pictures for the record are asked for
// with their caption, and listed with what became of them.
func TestDrawing(t *testing.T) {
	p := newPeer(t)
	p.welcome.Permissions = protocol.BuiltInProfiles()[0].Permissions // of who may look only
	b, customer := newBrowser(t, "en"), newBrowser(t, "en")
	customer.open(p.URL + "/customer")
	eval[bool](customer, customerScript)
	now := time.Now()
	active := func(stills []protocol.Still, consents ...protocol.Consent) protocol.Session {
		s := scene("s1", protocol.StateActive, now.Add(-3*time.Minute))
		s.Tools = []protocol.Permission{protocol.MayDraw, protocol.MayKeep}
		s.Consents, s.Stills = append(s.Consents, consents...), stills
		return s
	}
	p.keep(active(nil))
	b.open(p.URL + "/console/")
	connect(p, customer, "s1")
	b.until("video plays", video+`.videoWidth === 1280`)

	b.click(byID("annotate"))
	e := p.wait("consent_request")
	if m, err := protocol.DecodeBody[protocol.ConsentRequest](e); err != nil || m.Permission != protocol.MayDraw {
		t.Fatalf("asked %+v, %v", m, err)
	}
	given := protocol.Consent{Permission: protocol.MayDraw, State: protocol.ConsentGiven, Epoch: 4}
	p.send(e.ID, &protocol.SessionChanged{Session: active(nil, given)})
	strip := func(state string) {
		t.Helper()
		b.until("drawing is "+state, fmt.Sprintf(`document.querySelector(%q)?.dataset.state === %q`, byID("draw-strip"), state))
	}
	strip("given")
	heard := func() protocol.Annotate {
		t.Helper()
		m, err := protocol.DecodeBody[protocol.Annotate](p.wait("annotate"))
		if err != nil || m.Session != "s1" || m.Epoch != 4 {
			t.Fatalf("%+v, %v", m, err)
		}
		return m
	}

	// A pen, with more points than one message has.
	b.click(`[data-tool="line"]`)
	b.click(`.draw-inks label:nth-of-type(3)`)
	pen := func(kind string, moves int) {
		t.Helper()
		eval[bool](b, fmt.Sprintf(`(() => {
			const s = document.querySelector(%q), r = s.getBoundingClientRect();
			s.setPointerCapture = () => {};
			const at = (type, x, y) => s.dispatchEvent(new PointerEvent(type, { pointerId: 9, pointerType: %q, isPrimary: true, bubbles: true, button: 0, clientX: r.x + x * r.width, clientY: r.y + y * r.height }));
			at("pointerdown", 0.1, 0.1);
			for (let n = 1; n <= %d; n++) at("pointermove", 0.1 + 0.8 * n / %[3]d, 0.1 + 0.8 * n / %[3]d);
			at("pointerup", 0.9, 0.9);
			return true;
		})()`, byID("draw-surface"), kind, moves))
	}
	pen("pen", 100)
	first := heard()
	points := len(first.Points)
	if first.Kind != protocol.AnnotateLine || first.Ink != protocol.InkViolet || first.Width != 1280 || first.Points[0].X < 120 || first.Points[0].X > 136 {
		t.Errorf("%+v", first)
	}
	for points < 101 {
		m := heard()
		if points += len(m.Points); m.Mark != first.Mark || m.Kind != protocol.AnnotateLine {
			t.Fatalf("%+v", m)
		}
	}
	b.axe("drawing")
	b.shot("9-drawing")

	// A finger draws a frame: its last corner counts.
	b.click(`[data-tool="box"]`)
	pen("touch", 10)
	for m := heard(); ; m = heard() {
		if m.Kind != protocol.AnnotateBox || m.Mark == first.Mark {
			t.Fatalf("%+v", m)
		}
		if m.Points[1].X > 1140 && m.Points[0].X < 136 {
			break
		}
	}
	b.click(byID("draw-undo"))
	if m := heard(); m.Kind != protocol.AnnotateUndo {
		t.Errorf("%+v", m)
	}

	// The pointer by keys; Escape leaves, and takes it away.
	b.click(`[data-tool="point"]`)
	b.until("the surface has the keyboard", `document.activeElement?.dataset.testid === "draw-surface"`)
	b.key(kb.ArrowRight)
	for m := heard(); len(m.Points) != 1 || m.Points[0].X != 648; m = heard() {
		if m.Kind != protocol.AnnotatePoint { // where the mouse was
			t.Fatalf("%+v", m)
		}
	}
	b.key(kb.Escape)
	for m := heard(); len(m.Points) != 0; m = heard() {
		if m.Kind != protocol.AnnotatePoint {
			t.Fatalf("%+v", m)
		}
	}
	b.until("it is left, and its button has the keyboard", `document.querySelector("[data-testid=draw-surface]") === null && document.activeElement?.dataset.tool === "point"`)

	// A picture for the record.
	b.click(byID("stills"))
	b.until("the drawer is open", `document.activeElement?.closest(".drawer") !== null`)
	eval[bool](b, `(() => { const f = document.querySelector("#still-caption"); f.focus(); return true; })()`)
	b.insert("Error 17")
	b.click(byID("take-still"))
	e = p.wait("still_request")
	if m, err := protocol.DecodeBody[protocol.StillRequest](e); err != nil || m.Caption != "Error 17" {
		t.Errorf("%+v, %v", m, err)
	}
	listed := func(stills []protocol.Still, n int, state string) {
		t.Helper()
		p.change(active(stills, given))
		b.until(fmt.Sprintf("picture %d is %s", n, state), fmt.Sprintf(`document.querySelector('[data-still="%d"]')?.dataset.state === %q`, n, state))
	}
	stills := []protocol.Still{{N: 1, At: now, Caption: "Error 17"}}
	p.send(e.ID, &protocol.SessionChanged{Session: active(stills, given)})
	listed(stills, 1, "coming")
	b.until("one at a time", `document.querySelector("[data-testid=take-still]").getAttribute("aria-disabled") === "true"`)
	stills[0].Width, stills[0].Height, stills[0].Size, stills[0].SHA256 = 1280, 800, 99_000, hashOf([]byte("x"))
	listed(stills, 1, "sealed")
	stills = append(stills, protocol.Still{N: 2, At: now, Problem: protocol.StillHidden})
	listed(stills, 2, "problem")
	b.axe("pictures for the record")
	b.shot("9-stills")
	b.scheme(true)
	b.axe("drawing and pictures, dark")
	b.shot("9-stills-dark")
	b.narrow("9-drawing-narrow", func() {})

	given.State, given.Cause = protocol.ConsentWithdrawn, protocol.CauseCustomer
	p.change(active(stills, given))
	strip("withdrawn")
	b.axe("drawing withdrawn")
}
