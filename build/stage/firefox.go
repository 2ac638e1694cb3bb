package stage

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/coder/websocket"
)

// Firefox is a real Firefox window on a screen, driven by WebDriver BiDi (W3C)
// over a WebSocket. Its methods may be called from one goroutine.
type Firefox struct {
	ctx     context.Context
	proc    *process
	socket  *websocket.Conn
	last    int
	context string // of the page
	door    *door  // to the network that it is in, if it is in one
}

// firefoxPreferences keep the first run quiet and let media pass on loopback.
const firefoxPreferences = `
user_pref("browser.aboutwelcome.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.startup.homepage_override.mstone", "ignore");
user_pref("browser.startup.page", 0);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("datareporting.policy.firstRunURL", "");
user_pref("app.update.enabled", false);
user_pref("extensions.update.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("toolkit.telemetry.reportingpolicy.firstRun", false);
user_pref("media.peerconnection.ice.loopback", true);
user_pref("media.peerconnection.ice.obfuscate_host_addresses", false);
user_pref("browser.download.folderList", 2);
user_pref("browser.download.alwaysOpenPanel", false);
`

// Firefox opens a window for a person with this language. Preferences are lines of
// a user.js.
func (s *Screen) Firefox(ctx context.Context, language string, preferences ...string) (*Firefox, error) {
	profile, err := os.MkdirTemp(s.Home, ".firefox-")
	if err != nil {
		return nil, err
	}
	lines := firefoxPreferences + fmt.Sprintf("user_pref(\"intl.accept_languages\", %q);\nuser_pref(\"browser.download.dir\", %q);\n", language, filepath.Join(s.Home, "Downloads")) + strings.Join(preferences, "\n") + "\n"
	if err := os.WriteFile(filepath.Join(profile, "user.js"), []byte(lines), 0o600); err != nil {
		return nil, err
	}
	f := &Firefox{ctx: ctx}
	port := 0
	if s.Network != nil {
		if f.door, err = s.Network.openDoor(); err != nil {
			return nil, err
		}
		port = f.door.port()
	}
	cmd := s.Command(context.Background(), "firefox-esr", "--remote-debugging-port", strconv.Itoa(port), "--no-remote", "--profile", profile,
		"--width", fmt.Sprint(s.Size.X), "--height", fmt.Sprint(s.Size.Y), "about:blank")
	if s.Network != nil {
		if err := s.Network.Enter(cmd); err != nil {
			f.door.close()
			return nil, err
		}
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	// Without a bus: it would start services that outlive the stage.
	cmd.Env = append(cmd.Env, "DBUS_SESSION_BUS_ADDRESS=disabled:", "MOZ_CRASHREPORTER_DISABLE=1")
	cmd.Stderr = w
	f.proc, err = s.start(cmd)
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	address, err := f.address(r)
	if err == nil {
		err = f.connect(address)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("firefox: %w", err)
	}
	return f, nil
}

// address waits for Firefox to say where it listens, and reads on behind it, so
// that Firefox can go on talking.
func (f *Firefox) address(r *os.File) (string, error) {
	found := make(chan string, 1)
	go func() {
		defer r.Close()
		var once sync.Once
		lines := bufio.NewScanner(r)
		for lines.Scan() {
			if _, address, ok := strings.Cut(lines.Text(), "WebDriver BiDi listening on "); ok {
				once.Do(func() { found <- strings.TrimSpace(address) })
			}
		}
		once.Do(func() { close(found) })
	}()
	ctx, cancel := context.WithTimeout(f.ctx, patience)
	defer cancel()
	select {
	case address, ok := <-found:
		if !ok {
			return "", errors.New("it ended at once")
		}
		return address, nil
	case <-ctx.Done():
		return "", fmt.Errorf("it does not listen: %w", ctx.Err())
	}
}

func (f *Firefox) connect(address string) error {
	ctx, cancel := context.WithTimeout(f.ctx, patience)
	defer cancel()
	var err error
	if f.socket, _, err = websocket.Dial(ctx, address+"/session", nil); err != nil {
		return err
	}
	f.socket.SetReadLimit(64 << 20)
	// The broker's authority is its own; what is tested here is not the certificate.
	if _, err := f.call("session.new", map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{"acceptInsecureCerts": true}}}); err != nil {
		return err
	}
	tree, err := f.call("browsingContext.getTree", map[string]any{})
	if err != nil {
		return err
	}
	var contexts struct {
		Contexts []struct {
			Context string `json:"context"`
		} `json:"contexts"`
	}
	if err := json.Unmarshal(tree, &contexts); err != nil || len(contexts.Contexts) == 0 {
		return errors.Join(err, errors.New("it has no page"))
	}
	f.context = contexts.Contexts[0].Context
	return nil
}

// Close closes the window.
func (f *Firefox) Close() {
	if f.socket != nil {
		_ = f.socket.CloseNow() // the window goes with it
	}
	f.proc.kill()
	if f.door != nil {
		f.door.close()
	}
}

// call sends one command and waits for its answer.
func (f *Firefox) call(method string, params any) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(f.ctx, patience)
	defer cancel()
	f.last++
	data, err := json.Marshal(map[string]any{"id": f.last, "method": method, "params": params})
	if err != nil {
		return nil, err
	}
	if err := f.socket.Write(ctx, websocket.MessageText, data); err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	for {
		_, data, err := f.socket.Read(ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", method, err)
		}
		var answer struct {
			ID      int             `json:"id"`
			Result  json.RawMessage `json:"result"`
			Error   string          `json:"error"`
			Message string          `json:"message"`
		}
		if err := json.Unmarshal(data, &answer); err != nil {
			return nil, err
		}
		switch {
		case answer.ID != f.last: // an event, or an answer that nobody waits for
		case answer.Error != "":
			return nil, fmt.Errorf("%s: %s: %s", method, answer.Error, answer.Message)
		default:
			return answer.Result, nil
		}
	}
}

// Open goes to an address, without waiting for its end: a live page has none.
func (f *Firefox) Open(url string) error {
	_, err := f.call("browsingContext.navigate", map[string]any{"context": f.context, "url": url, "wait": "none"})
	return err
}

// Shut closes the tab as a person does, without a question.
func (f *Firefox) Shut() error {
	_, err := f.call("browsingContext.close", map[string]any{"context": f.context})
	return err
}

// eval runs an expression in the page and decodes the JSON that it makes.
func (f *Firefox) eval(expression string, into any) error {
	raw, err := f.call("script.evaluate", map[string]any{"expression": "JSON.stringify(" + expression + ")",
		"target": map[string]any{"context": f.context}, "awaitPromise": true})
	if err != nil {
		return err
	}
	var result struct {
		Type   string `json:"type"`
		Result struct {
			Value string `json:"value"`
		} `json:"result"`
		Details struct {
			Text string `json:"text"`
		} `json:"exceptionDetails"`
	}
	if err := json.Unmarshal(raw, &result); err != nil {
		return err
	}
	if result.Type != "success" {
		return errors.New(result.Details.Text)
	}
	return json.Unmarshal([]byte(result.Result.Value), into)
}

// Says returns what the page shows, for messages.
func (f *Firefox) Says() string {
	var text string
	if err := f.eval(`location.pathname + " " + document.title + ": " + document.body.innerText.slice(0, 600)`, &text); err != nil {
		return err.Error()
	}
	return text
}

// Until waits for an expression to become true in the page, also across pages.
func (f *Firefox) Until(what, expression string) error {
	ctx, cancel := context.WithTimeout(f.ctx, patience)
	defer cancel()
	err := Until(ctx, what, func() bool {
		var ok bool
		err := f.eval(fmt.Sprintf(`(() => { try { return !!(%s); } catch { return false; } })()`, expression), &ok)
		return err == nil && ok
	})
	if err != nil {
		return fmt.Errorf("%w; the page says: %s", err, f.Says())
	}
	return nil
}

// Text is the text of an element, once it is there.
func (f *Firefox) Text(selector string) (string, error) {
	if err := f.Until("there is "+selector, fmt.Sprintf("document.querySelector(%q) !== null", selector)); err != nil {
		return "", err
	}
	var text string
	err := f.eval(fmt.Sprintf("document.querySelector(%q).textContent.trim()", selector), &text)
	return text, err
}

// FetchAgent downloads the program with one click, and returns the terminal command
// that the page shows for it.
func (f *Firefox) FetchAgent(ctx context.Context, s *Screen) (command string, err error) {
	if err := f.Click("a[download]"); err != nil {
		return "", err
	}
	if err := s.downloaded(ctx); err != nil {
		return "", err
	}
	return f.Text("#command code")
}

// Click presses what a CSS selector finds with the pointer, once it can be pressed
// and stays where it is.
func (f *Firefox) Click(selector string) error {
	ctx, cancel := context.WithTimeout(f.ctx, patience)
	defer cancel()
	var last placed
	err := Until(ctx, selector, func() bool {
		before := last.At
		var now placed
		if err := f.eval(place(selector), &now); err != nil { // the page is being left
			now = placed{Why: err.Error()}
		}
		last = now
		return len(now.At) == 2 && slices.Equal(before, now.At)
	})
	if err != nil {
		return fmt.Errorf("click %s: %w: %s; the page says: %s", selector, err, last.Why, f.Says())
	}
	_, err = f.call("input.performActions", map[string]any{"context": f.context, "actions": []any{map[string]any{
		"type": "pointer", "id": "mouse", "actions": []any{
			map[string]any{"type": "pointerMove", "x": int(math.Round(last.At[0])), "y": int(math.Round(last.At[1])), "origin": "viewport"},
			map[string]any{"type": "pointerDown", "button": 0}, map[string]any{"type": "pointerUp", "button": 0},
		}}}})
	return err
}
