package console_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

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

	p.change(active(protocol.ConsentGiven, "", protocol.BlockCustomer))
	b.until("why nothing passes", `document.querySelector("[data-testid=control-strip]").textContent.includes("customer is using")`)
	p.change(active(protocol.ConsentGiven, "", ""))

	p.change(active(protocol.ConsentWithdrawn, protocol.CauseCustomer, ""))
	b.until("taken back", `document.querySelector("[data-testid=control-strip]")?.dataset.state === "withdrawn" && document.querySelector("[data-testid=remote-keys]").disabled`)
	b.key("x")
	b.frames()
	if raw := eval[string](customer, `JSON.stringify(inputs)`); c.read(raw) != "" {
		t.Errorf("after the withdrawal: %s", raw)
	}
	b.axe("control taken back")
	b.shot("8-control-gone")
}
