package console_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"consento/protocol"
)

// TestKeyCodes: the console sends the keys that the protocol knows, and no others.
func TestKeyCodes(t *testing.T) {
	data, err := os.ReadFile("src/control/codes.ts")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(data), "new Set([")
	list, _, _ = strings.Cut(list, "]);")
	var codes []string
	for _, found := range regexp.MustCompile(`"([^"]+)"`).FindAllStringSubmatch(list, -1) {
		codes = append(codes, found[1])
	}
	if !slices.Equal(codes, protocol.KeyCodes()) {
		t.Errorf("the console knows %v", codes)
	}
	for _, found := range regexp.MustCompile(`codes: \[([^\]]*)\]`).FindAllStringSubmatch(string(data), -1) {
		for code := range strings.SplitSeq(strings.ReplaceAll(found[1], `"`, ""), ", ") {
			if !protocol.IsKeyCode(code) {
				t.Errorf("a special key %q", code)
			}
		}
	}
}

// controls is what the customer's side gets of a console's input.
type controls struct {
	t        *testing.T
	customer *browser
}

// got waits until acts have come that say this, moves and heartbeats left out, and
// takes them away.
func (c controls) got(want string) {
	c.t.Helper()
	c.customer.t.Helper()
	comes(c.customer, want, `JSON.stringify(inputs)`, func(raw string) bool {
		return c.read(raw) == want
	})
	eval[bool](c.customer, `(inputs.length = 0, true)`)
}

var quoted = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`)

// read says messages of input in short; each must be one that the broker takes.
func (c controls) read(raw string) string {
	c.t.Helper()
	var said []string
	for _, found := range quoted.FindAllStringSubmatch(raw, -1) {
		m, err := protocol.DecodeInput([]byte(strings.ReplaceAll(strings.ReplaceAll(found[1], `\"`, `"`), `\\`, `\`)))
		if err != nil {
			c.t.Fatalf("the console sent %s: %v", found[1], err)
		}
		if m.Epoch != 2 || m.Width != 1280 || m.Height != 720 {
			c.t.Fatalf("the console sent %+v", m)
		}
		for _, a := range m.Acts {
			way := "up"
			if a.Down {
				way = "down"
			}
			switch a.Kind {
			case protocol.InputText:
				said = append(said, "text "+a.Text)
			case protocol.InputKey:
				said = append(said, a.Code+" "+way)
			case protocol.InputButton:
				said = append(said, fmt.Sprintf("button %d %s at %d,%d", a.Button, way, a.X, a.Y))
			case protocol.InputWheel:
				said = append(said, fmt.Sprintf("wheel %d,%d", a.DX, a.DY))
			case protocol.InputRelease:
				said = append(said, "release")
			}
		}
	}
	return strings.Join(said, "; ")
}

// TestControl: asked for, seen, used by real keys and mouse, and gone at once when it
// is taken back.
func TestControl(t *testing.T) {
	p := newPeer(t)
	p.welcome.Permissions = protocol.BuiltInProfiles()[1].Permissions
	b, customer := newBrowser(t, "en"), newBrowser(t, "en")
	customer.open(p.URL + "/customer")
	eval[bool](customer, customerScript)
	now := time.Now()
	active := func(state protocol.ConsentState, cause protocol.ConsentCause, block protocol.Block) protocol.Session {
		s := scene("s1", protocol.StateActive, now.Add(-3*time.Minute))
		s.Tools, s.Block = []protocol.Permission{protocol.Control}, block
		if state != "" {
			s.Consents = append(s.Consents, protocol.Consent{Permission: protocol.Control, State: state, Epoch: 2, Cause: cause})
		}
		return s
	}
	p.keep(active("", "", ""))
	b.open(p.URL + "/console/")
	connect(p, customer, "s1")
	b.until("video plays", video+`.videoWidth === 1280`)
	c := controls{t, customer}

	b.click("[data-testid=control]")
	e := p.wait("consent_request")
	if m, err := protocol.DecodeBody[protocol.ConsentRequest](e); err != nil || m.Session != "s1" || m.Permission != protocol.Control {
		t.Fatalf("asked %+v, %v", m, err)
	}
	p.send(e.ID, &protocol.SessionChanged{Session: active(protocol.ConsentAsked, "", "")})
	b.until("asked", `document.querySelector("[data-testid=control-strip]")?.dataset.state === "asked"`)
	b.shot("8-control-asked")
	p.change(active(protocol.ConsentGiven, "", ""))
	b.until("given", `document.querySelector("[data-testid=control-strip]")?.dataset.state === "given" && document.querySelector(".stage").dataset.control === "true"`)
	b.axe("control")
	b.shot("8-control")

	b.click(video[len(`document.querySelector('`) : len(video)-len(`')`)]) // the middle of the picture
	b.until("the remote side has the keyboard", `document.activeElement?.dataset.testid === "remote-keys"`)
	c.got("button 1 down at 640,360; button 1 up at 640,360")
	b.key("aB")
	c.got("text a; text B")
	b.key(kb.Enter + kb.ArrowDown + kb.Tab)
	c.got("Enter down; Enter up; ArrowDown down; ArrowDown up; Tab down; Tab up")
	b.insert("né 漢字 👩‍🔧") // as an input method does
	c.got("text né 漢字 👩‍🔧")
	b.do(chromedp.KeyEvent("s", chromedp.KeyModifiers(chromedp.ModifierCtrl)))
	c.got("KeyS down; KeyS up")

	c.keyboard(b)
	c.pointer(b)
	b.shot("8-control-used")
	b.scheme(true)
	b.shot("8-control-used-dark")
	b.narrow("8-control", func() {
		if !eval[bool](b, `document.querySelector(".control-strip .leave").checkVisibility()`) {
			t.Error("the chord that leaves is not shown on a narrow page")
		}
	})
	b.scheme(false)
	c.special(b)

	p.change(active(protocol.ConsentGiven, "", protocol.BlockCustomer))
	b.until("why nothing passes", `document.querySelector("[data-testid=control-strip]").textContent.includes("customer is using")`)
	p.change(active(protocol.ConsentGiven, "", ""))

	p.change(active(protocol.ConsentWithdrawn, protocol.CauseCustomer, ""))
	b.until("taken back", `document.querySelector("[data-testid=control-strip]")?.dataset.state === "withdrawn" && document.querySelector("[data-testid=remote-keys]").readOnly`)
	b.key("nx") // N would be a new session
	b.frames()
	if raw := eval[string](customer, `JSON.stringify(inputs)`); c.read(raw) != "" {
		t.Errorf("after the withdrawal: %s", raw)
	}
	if !eval[bool](b, hasKeyboard) {
		t.Error("what is being typed would be the console's keys")
	}
	b.axe("control taken back")
	b.shot("8-control-gone")
}

// held presses a key and does not release it; mods are those of the DevTools protocol.
func held(b *browser, key, code string, vk, mods int64) {
	b.t.Helper()
	command(b, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeRawKeyDown, Key: key, Code: code, WindowsVirtualKeyCode: vk, Modifiers: mods})
}

const hasKeyboard = `document.activeElement?.dataset.testid === "remote-keys"`

// keyboard: an input method, what locks, modifiers that are left behind, the chord
// that leaves, and the keys of the console, which are the remote side's meanwhile.
func (c controls) keyboard(b *browser) {
	c.t.Helper()
	command(b, input.ImeSetComposition, input.ImeSetCompositionParams{Text: "かんじ", SelectionStart: 3, SelectionEnd: 3})
	b.until("composing", `document.activeElement.value === "かんじ"`)
	b.insert("漢字")
	c.got("text 漢字")

	held(b, "CapsLock", "CapsLock", 20, 0)
	b.key("q") // as it comes: what the key locks is in the character
	c.got("text q")

	held(b, "Shift", "ShiftLeft", 16, 8)
	c.got("ShiftLeft down")
	b.key("7") // without Shift: it went up where nobody saw it
	c.got("ShiftLeft up; text 7")
	held(b, "Alt", "AltLeft", 18, 1)
	b.click(".control-strip .leave") // anything that is not the picture
	b.until("the keyboard is the console's", "!("+hasKeyboard+")")
	c.got("AltLeft down; release")

	ctrlK(b)
	b.until("the palette is the console's", palette+`.open`)
	b.axe("palette with control")
	b.key("mouse and keyboard")
	b.until("found", palette+`.querySelector("[aria-selected=true]")?.dataset.action === "control-use"`)
	b.key(kb.Enter)
	b.until("the remote side has the keyboard", hasKeyboard)
	ctrlK(b)
	c.got("KeyK down; KeyK up")
	if eval[bool](b, palette+`.open`) {
		c.t.Error("the palette opened by a key that was the remote side's")
	}

	held(b, "Control", "ControlLeft", 17, 2)
	held(b, "Alt", "AltLeft", 18, 3)
	held(b, "Shift", "ShiftLeft", 16, 11)
	b.until("the chord leaves", `document.activeElement?.classList.contains("stage")`)
	c.got("ControlLeft down; AltLeft down; release")
	b.key("r")
	b.until("R takes it again", hasKeyboard)
}

// pointer: the wheel, other buttons, a drag that leaves the picture, and fingers.
func (c controls) pointer(b *browser) {
	c.t.Helper()
	frame := eval[[]float64](b, `(() => { const r = `+video+`.getBoundingClientRect(); return [r.x, r.y, r.width]; })()`)
	place := func(x, y float64) (float64, float64) { // of the window, for a pixel's middle in the picture
		scale := frame[2] / 1280
		return frame[0] + (x+0.5)*scale, frame[1] + (y+0.5)*scale
	}
	mouse := func(kind input.DispatchMouseEventType, x, y float64, button input.MouseButton, buttons int64, wheel float64) {
		c.t.Helper()
		x, y = place(x, y)
		command(b, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: kind, X: x, Y: y, Button: button, Buttons: buttons, ClickCount: 1, DeltaX: 1e-9, DeltaY: wheel})
	}
	mouse(input.DispatchMouseEventTypeMouseWheel, 100, 200, input.MouseButtonNone, 0, 100)
	c.got("wheel 0,120")
	mouse(input.DispatchMouseEventTypeMousePressed, 100, 200, input.MouseButtonRight, 2, 0)
	mouse(input.DispatchMouseEventTypeMouseReleased, 100, 200, input.MouseButtonRight, 0, 0)
	c.got("button 3 down at 100,200; button 3 up at 100,200")
	mouse(input.DispatchMouseEventTypeMousePressed, 100, 200, input.MouseButtonLeft, 1, 0)
	mouse(input.DispatchMouseEventTypeMouseMoved, 300, 200, input.MouseButtonLeft, 1, 0)
	mouse(input.DispatchMouseEventTypeMouseReleased, -5, 200, input.MouseButtonLeft, 0, 0)
	c.got("button 1 down at 100,200; button 1 up at 0,200")

	touch := func(kind input.DispatchTouchEventType, points ...float64) {
		c.t.Helper()
		p := input.DispatchTouchEventParams{Type: kind, TouchPoints: []*input.TouchPoint{}}
		for i := 0; i < len(points); i += 2 {
			x, y := place(points[i], points[i+1])
			id := float64(i)
			p.TouchPoints = append(p.TouchPoints, &input.TouchPoint{X: x, Y: y, ID: &id})
		}
		command(b, input.DispatchTouchEvent, p)
	}
	touch(input.DispatchTouchEventTypeTouchStart, 500, 300)
	touch(input.DispatchTouchEventTypeTouchEnd)
	c.got("button 1 down at 500,300; button 1 up at 500,300")
	touch(input.DispatchTouchEventTypeTouchStart, 500, 300)
	c.got("button 3 down at 500,300; button 3 up at 500,300") // a long press
	touch(input.DispatchTouchEventTypeTouchEnd)
	touch(input.DispatchTouchEventTypeTouchStart, 500, 500, 600, 500)
	for y := 480.0; y >= 300; y -= 20 {
		touch(input.DispatchTouchEventTypeTouchMove, 500, y, 600, y)
	}
	touch(input.DispatchTouchEventTypeTouchEnd)
	comes(c.customer, "two fingers turn the wheel", `JSON.stringify(inputs)`, func(raw string) bool {
		said := c.read(raw)
		if strings.Contains(said, "button") {
			c.t.Fatalf("two fingers: %s", said)
		}
		sum := 0
		for _, found := range regexp.MustCompile(`wheel 0,(-?\d+)`).FindAllStringSubmatch(said, -1) {
			n, _ := strconv.Atoi(found[1])
			sum += n
		}
		return sum >= 60 // upwards by some 100 pixels of the page, less what the browser takes for a tap
	})
	eval[bool](c.customer, `(inputs.length = 0, true)`)
}

// special presses what the browser keeps for itself, and by the place of the key.
func (c controls) special(b *browser) {
	c.t.Helper()
	b.click("[data-testid=special-keys] summary")
	b.until("the menu is open", `document.querySelector("[data-testid=special-keys]").open`)
	b.axe("special keys")
	b.shot("8-control-special")
	b.click("[data-testid=special-keys] button:nth-child(5)")
	c.got("ControlLeft down; AltLeft down; Delete down; Delete up; AltLeft up; ControlLeft up")
	b.until("it is closed, and the remote side has the keyboard", hasKeyboard+` && !document.querySelector("[data-testid=special-keys]").open`)
	b.click("[data-testid=special-keys] summary")
	b.click("[data-testid=special-keys] .whole")
	b.until("the remote side has the keyboard", hasKeyboard)
	b.key("a")
	c.got("KeyA down; KeyA up")
	b.click("[data-testid=special-keys] summary")
	b.click("[data-testid=special-keys] .whole")
	b.until("the remote side has the keyboard", hasKeyboard)
	b.key("a")
	c.got("text a")
}
