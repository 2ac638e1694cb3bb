package console_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"consento/build/stage"
	"consento/protocol"
)

// TestAnnotate: a technician who may only look asks to draw, is refused, asks again and is allowed; draws by
// mouse and by keys; the customer sees it, on the real screen, and
// clicks through it; it goes by itself, and at once when the customer takes it back;
// the technician sees it in the picture, and so does who plays the recording. A picture
// for the record is found again by the verifier.
func TestAnnotate(t *testing.T) {
	o := newOffice(t)
	before := o.files()
	agent := o.share()
	under := o.coloured("under", color.NRGBA{0xf4, 0xf4, 0xe8, 0xff}, "90x30+200+180")
	defer under.Kill()
	above := o.coloured("other", color.NRGBA{0xe8, 0xf4, 0xf4, 0xff}, "20x6+960+560")
	defer above.Kill()
	strip := byID("draw-strip")

	o.isRefused("annotate", strip)

	// A picture for the record, of what is shown now.
	o.must(o.console.Click(byID("stills")))
	o.must(o.console.Type("#still-caption", "Errore 17"))
	o.must(o.console.Click(byID("take-still")))
	o.must(o.console.Until("a picture is sealed", `document.querySelector('[data-still="1"]')?.dataset.state === "sealed"`))
	hash, err := o.console.Text(`[data-still="1"] code`)
	o.must(err)
	o.picture("still", o.technician)
	o.picture("still at the customer's", o.customer)
	o.must(o.console.Key(kb.Escape)) // the drawer closes
	o.must(o.console.Until("the drawer is closed", `document.querySelector('[data-testid="stills-panel"]') === null`))

	o.asksAgain("annotate", strip)
	o.must(o.customer.Accept(o.ctx, toolQuestion))
	o.becomes(strip, "state", "given")

	// By the technician's own mouse, from 300, 300 to 600, 300 of the picture.
	o.must(o.console.Click(`[data-tool="line"]`))
	o.drag(image.Pt(300, 300), image.Pt(600, 300))
	o.drawn("a line", image.Pt(450, 300), true)
	o.must(o.console.Until("it is in the technician's picture", fmt.Sprintf(seenBlue, 450, 300)))
	o.picture("line", o.customer)
	o.picture("drawing", o.technician)
	o.must(o.customer.Activate(o.ctx, "other"))
	o.must(o.customer.Click(o.ctx, image.Pt(450, 300)))
	patient, cancel := stage.Briefly(o.ctx)
	defer cancel()
	o.must(stage.Until(patient, "the click went through to what lies under the line", func() bool {
		out, err := o.customer.Command(o.ctx, "xdotool", "getwindowfocus", "getwindowname").Output()
		return err == nil && strings.TrimSpace(string(out)) == "under"
	}))
	o.drawn("the line goes by itself", image.Pt(450, 300), false)

	// By keys: from the middle to the right, in steps.
	o.must(o.console.Click(`[data-tool="box"]`))
	o.must(o.console.Until("the surface has the keyboard", `document.activeElement?.dataset.testid === "draw-surface"`))
	o.must(o.console.Key(" "))
	for range 5 {
		o.must(o.console.Key(kb.ArrowRight))
	}
	for range 5 {
		o.must(o.console.Key(kb.ArrowDown))
	}
	o.must(o.console.Key(" "))
	o.drawn("a frame", image.Pt(640, 420), true)
	o.must(o.console.Click(byID("draw-undo")))
	o.drawn("taken away again", image.Pt(640, 420), false)
	o.must(o.console.Click(`[data-tool="point"]`))
	o.drag(image.Pt(500, 400), image.Pt(520, 420))
	o.drawn("the pointer", image.Pt(523, 430), true)
	o.picture("pointer", o.customer)

	// Taken back in mid-use: it is gone before that is said.
	o.must(o.console.Click(`[data-tool="line"]`))
	o.drag(image.Pt(300, 500), image.Pt(600, 500))
	o.drawn("another line", image.Pt(450, 500), true)
	o.bar("take back")
	o.becomes(strip, "state", "withdrawn")
	if o.blue(image.Pt(450, 500)) {
		t.Error("it is still there after it was taken back")
	}
	o.picture("withdrawn", o.technician)

	o.bar("end")
	o.over(agent, 0, before)
	e := o.newest(whole)
	e.expect(o.t, protocol.EndCustomer, protocol.EventConsentAsked, protocol.EventConsentRefused, protocol.EventStillAsked, protocol.EventStillContent, protocol.EventStillTaken,
		protocol.EventConsentAsked, protocol.EventConsentGiven, protocol.EventDrawn, protocol.EventConsentWithdrawn, protocol.EventEnded)
	o.kept(e, hash)
	lines, boxes, points := 0.0, 0.0, 0
	for _, entry := range e.events {
		switch entry.Code {
		case string(protocol.EventDrawnUsed):
			lines += entry.Data["lines"].(float64)
			boxes += entry.Data["boxes"].(float64)
		case string(protocol.EventDrawn):
			list, _ := entry.Data["points"].([]any)
			points += len(list)
		}
	}
	if lines != 2 || boxes != 1 || points < 8 {
		t.Errorf("on the evidence: %v lines, %v frames, %d points", lines, boxes, points)
	}
	recorded := false
	_, err = stage.EachFrame(o.ctx, e.video, func(frame *image.RGBA) { recorded = recorded || isBlue(frame.RGBAAt(450, 300)) })
	if o.must(err); !recorded {
		t.Error("the recording does not show the line")
	}
}

// kept checks the picture for the record that the verifier exports: what the log says
// of it, and pixel for pixel what was shown, without the agent's own bar.
func (o *office) kept(e evidence, hash string) {
	o.t.Helper()
	data, err := os.ReadFile(filepath.Join(e.folder, "picture-1.png"))
	o.must(err)
	sum := sha256.Sum256(data)
	img, err := png.Decode(bytes.NewReader(data))
	o.must(err)
	if hex.EncodeToString(sum[:]) != hash || img.Bounds() != image.Rect(0, 0, 1280, 800) {
		o.t.Errorf("the picture has %x and %v", sum, img.Bounds())
	}
	for at, want := range map[image.Point]color.Color{{X: 300, Y: 500}: color.NRGBA{0xf4, 0xf4, 0xe8, 0xff}, {X: 1000, Y: 620}: color.NRGBA{0xe8, 0xf4, 0xf4, 0xff}, {X: 640, Y: 20}: color.NRGBA{0x4a, 0x55, 0x60, 0xff}} {
		if got := color.NRGBAModel.Convert(img.At(at.X, at.Y)); got != want {
			o.t.Errorf("at %v the picture has %v instead of %v", at, got, want)
		}
	}
	said := map[string]int{}
	for _, entry := range e.events {
		if entry.Data["sha256"] == hash && (entry.Data["caption"] == "Errore 17" || entry.Data["intact"] == true && entry.Data["file"] == "picture-1.png") {
			said[entry.Code]++
		}
	}
	if said[string(protocol.EventStillTaken)] != 1 || said[string(protocol.EventStillContent)] != 1 {
		o.t.Errorf("the log says %v", said)
	}
}

// isBlue accepts the first ink, also as a codec leaves it.
func isBlue(c color.Color) bool {
	r, g, b, _ := c.RGBA()
	return r>>8 < 40 && g>>8 > 70 && g>>8 < 135 && b>>8 > 170
}

// seenBlue asks whether a point of the technician's picture is that blue.
const seenBlue = `(() => {
	const video = document.querySelector('[data-testid="remote-screen"]');
	const canvas = new OffscreenCanvas(1, 1), ink = canvas.getContext("2d");
	ink.drawImage(video, %d, %d, 1, 1, 0, 0, 1, 1);
	const [r, g, b] = ink.getImageData(0, 0, 1, 1).data;
	return r < 40 && g > 70 && g < 135 && b > 170;
})()`

// blue tells whether a point of the customer's own screen is drawn on.
func (o *office) blue(at image.Point) bool {
	o.t.Helper()
	screen, err := o.customer.Picture(o.ctx)
	o.must(err)
	return isBlue(screen.At(at.X, at.Y))
}

// drawn waits until a point of the customer's screen is drawn on, or is not.
func (o *office) drawn(what string, at image.Point, want bool) {
	o.t.Helper()
	patient, cancel := stage.Briefly(o.ctx)
	defer cancel()
	o.must(stage.Until(patient, what, func() bool { return o.blue(at) == want }))
}

// drag draws with the technician's own mouse over the picture, between two points of it.
func (o *office) drag(from, to image.Point) {
	o.t.Helper()
	o.must(o.console.Until("the surface is there", `document.querySelector('[data-testid="draw-surface"]') !== null`))
	place, err := stage.Eval[[]float64](o.console, `(() => {
		const r = document.querySelector('[data-testid="draw-surface"]').getBoundingClientRect();
		return [screenX + (outerWidth - innerWidth) / 2 + r.x, screenY + outerHeight - innerHeight - (outerWidth - innerWidth) / 2 + r.y, r.width / 1280];
	})()`)
	o.must(err)
	on := func(p image.Point) []string {
		return []string{"mousemove", "--sync", fmt.Sprint(int(place[0] + float64(p.X)*place[2])), fmt.Sprint(int(place[1] + float64(p.Y)*place[2]))}
	}
	args := append(on(from), "mousedown", "1")
	for n := 1; n <= 10; n++ {
		args = append(args, on(from.Add(to.Sub(from).Mul(n).Div(10)))...)
	}
	o.must(o.technician.Command(o.ctx, "xdotool", append(args, "mouseup", "1")...).Run())
}
