package stage

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// patience is how long a page has for what is expected of it: machines are slow,
// and busy with other tests.
const patience = 60 * time.Second

// Browser is a real Chromium window on a screen.
type Browser struct {
	ctx    context.Context
	cancel func()
	acts   atomic.Int32
}

// Acts is how often somebody has clicked or typed something in this tab.
func (b *Browser) Acts() int { return int(b.acts.Load()) }

// Browser opens a window for a person with this language. It trusts the
// broker's own authority, as the office's computers do, and nothing else. Flags
// are Chromium's, "name=value". It is behind the screen's network, if there is one.
func (s *Screen) Browser(ctx context.Context, b *Broker, language string, flags ...string) (*Browser, error) {
	pin, err := pinOf(filepath.Join(b.Data, "tls", "ca.pem"))
	if err != nil {
		return nil, err
	}
	profile, err := os.MkdirTemp(s.Home, ".browser-")
	if err != nil {
		return nil, err
	}
	// No bubble offers to save the password.
	preferences := filepath.Join(profile, "Default", "Preferences")
	err = os.MkdirAll(filepath.Dir(preferences), 0o700)
	if err == nil {
		err = os.WriteFile(preferences, []byte(`{"credentials_enable_service": false, "profile": {"password_manager_enabled": false}}`), 0o600)
	}
	if err != nil {
		return nil, err
	}
	env := []string{"DISPLAY=" + s.Display, "HOME=" + s.Home, "XDG_CACHE_HOME=" + filepath.Join(profile, "cache"),
		"XDG_CONFIG_HOME=" + filepath.Join(profile, "config"), "LANGUAGE=" + language}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.Flag("headless", false),
		chromedp.Env(env...),
		chromedp.UserDataDir(profile),
		chromedp.Flag("no-sandbox", true), // the tests may run as root
		chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-features", "Translate,WebRtcHideLocalIpsWithMdns"),
		chromedp.Flag("ignore-certificate-errors-spki-list", pin),
		chromedp.Flag("lang", language),
		chromedp.Flag("accept-lang", language),
		chromedp.Flag("window-position", "0,0"),
		chromedp.Flag("window-size", fmt.Sprintf("%d,%d", s.Size.X, s.Size.Y)),
		chromedp.Flag("hide-scrollbars", false),
		chromedp.Flag("enable-automation", false),
		chromedp.Flag("test-type", true), // no banner about no-sandbox
	)
	for _, flag := range flags {
		name, value, _ := strings.Cut(flag, "=")
		options = append(options, chromedp.Flag(name, value))
	}
	program := "/usr/bin/chromium"
	if _, err := os.Stat(program); err == nil {
		if s.Network != nil {
			if program, err = s.Network.wrapper(profile, program); err != nil {
				return nil, err
			}
		}
		options = append(options, chromedp.ExecPath(program))
	}
	allocated, stopAllocator := chromedp.NewExecAllocator(ctx, options...)
	tab, stopPage := chromedp.NewContext(allocated)
	w := &Browser{ctx: tab, cancel: func() { stopPage(); stopAllocator() }}
	// The first run starts the browser and binds its life to this very context.
	if err := chromedp.Do(tab); err != nil {
		w.Close()
		return nil, fmt.Errorf("chromium is needed: %w", err)
	}
	if err := w.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
			Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: filepath.Join(s.Home, "Downloads")})
		return err
	})); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// pinOf is the base64 SHA-256 of a certificate's public key (RFC 7469).
func pinOf(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return "", errors.New("no certificate in " + file)
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:]), nil
}

// Close closes the window.
func (b *Browser) Close() { b.cancel() }

// Freeze stops the browser with all its processes, as a computer that sleeps does,
// until thaw is called.
func (b *Browser) Freeze() (thaw func() error, err error) {
	process := chromedp.FromContext(b.ctx).Browser.Process()
	return freeze(process.Pid)
}

// Kill kills the browser with all its processes by SIGKILL: its pages have no last word.
func (b *Browser) Kill() error {
	family, err := family(chromedp.FromContext(b.ctx).Browser.Process().Pid)
	for _, p := range family {
		if killed := syscall.Kill(p, syscall.SIGKILL); !errors.Is(killed, syscall.ESRCH) {
			err = errors.Join(err, killed)
		}
	}
	b.cancel()
	return err
}

// Closed reports whether Close or Kill was called.
func (b *Browser) Closed() bool { return b.ctx.Err() != nil }

// NewTab opens an empty tab beside this one and in front of it.
func (b *Browser) NewTab() (*Browser, error) {
	ctx, cancel := chromedp.NewContext(b.ctx)
	if err := chromedp.Do(ctx); err != nil {
		cancel()
		return nil, err
	}
	return &Browser{ctx: ctx, cancel: cancel}, nil
}

// Front shows this tab in its window.
func (b *Browser) Front() error {
	return b.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, page.BringToFront, cdp.Empty{})
		return err
	}))
}

func (b *Browser) do(steps ...chromedp.Action[chromedp.Void]) error {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	return chromedp.Do(ctx, steps...)
}

// Allow lets the browser's pages do something that it would ask the person for, by the
// name that Chromium has for it.
func (b *Browser) Allow(permission string) error {
	return b.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, browser.SetPermission, browser.SetPermissionParams{
			Setting: browser.PermissionSettingGranted, Permission: &browser.PermissionDescriptor{Name: permission}})
		return err
	}))
}

// Open goes to an address. Where a network came or went on this machine meanwhile,
// Chromium gives up what it was loading, and is asked again.
func (b *Browser) Open(url string) error {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	for {
		err := chromedp.Do(ctx, chromedp.Navigate(url))
		var given *chromedp.LoadError
		if !errors.As(err, &given) || !strings.Contains(given.ErrorText, "ERR_NETWORK_CHANGED") {
			return err
		}
	}
}

// Before runs a script in each page that is opened from now on, before its own.
func (b *Browser) Before(script string) error {
	return b.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		return err
	}))
}

// rest waits until what a CSS selector finds can be pressed and stays where it is,
// and returns that place.
func (b *Browser) rest(selector string) (at []float64, err error) {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	var last placed
	err = Until(ctx, selector, func() bool {
		before := last.At
		now, err := chromedp.Run(ctx, chromedp.Evaluate[placed](place(selector)))
		if err != nil { // the page is being left
			now = placed{Why: err.Error()}
		}
		last = now
		return len(now.At) == 2 && slices.Equal(before, now.At)
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, last.Why)
	}
	return last.At, nil
}

// Keys for [Browser.Key].
const (
	Enter  = "\r"
	Escape = kb.Escape
	Right  = kb.ArrowRight
	Down   = kb.ArrowDown
)

// Click presses the button or link that a CSS selector finds, once it can be
// pressed.
func (b *Browser) Click(selector string) error {
	b.acts.Add(1)
	at, err := b.rest(selector)
	if err == nil {
		err = b.do(chromedp.MouseClickXY(at[0], at[1]))
	}
	if err != nil {
		return fmt.Errorf("click %s: %w; the page says: %s", selector, err, b.Says())
	}
	return nil
}

// Type types into the field that a CSS selector finds, once it can be used.
func (b *Browser) Type(selector, text string) error {
	b.acts.Add(1)
	_, err := b.rest(selector)
	if err == nil {
		err = b.do(chromedp.SendKeys(chromedp.CSS(selector), text))
	}
	if err != nil {
		return fmt.Errorf("type into %s: %w; the page says: %s", selector, err, b.Says())
	}
	return nil
}

// Pick chooses what has this value in the list that a CSS selector finds.
func (b *Browser) Pick(selector, value string) error {
	b.acts.Add(1)
	_, err := b.rest(selector)
	if err == nil {
		err = b.do(chromedp.SetValue(chromedp.CSS(selector), value))
	}
	if err != nil {
		return fmt.Errorf("pick %s in %s: %w; the page says: %s", value, selector, err, b.Says())
	}
	return nil
}

// Choose chooses a file in the field that a CSS selector finds, once the page's
// scripts can hear of it.
func (b *Browser) Choose(selector, file string) error {
	if err := b.Until("the page is whole", `document.readyState === "complete"`); err != nil {
		return err
	}
	if err := b.do(chromedp.SetUploadFiles(chromedp.CSS(selector), []string{file})); err != nil {
		return fmt.Errorf("choose a file in %s: %w; the page says: %s", selector, err, b.Says())
	}
	return nil
}

// Tab does something that opens a tab, and returns that tab.
func (b *Browser) Tab(open func() error) (*Browser, error) {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	opened := chromedp.WaitNewTarget(ctx, func(i *target.Info) bool { return i.Type == "page" })
	if err := open(); err != nil {
		return nil, err
	}
	select {
	case id, ok := <-opened:
		if !ok {
			return nil, fmt.Errorf("no tab opened; the page says: %s", b.Says())
		}
		page, stop := chromedp.NewContext(b.ctx, chromedp.WithTargetID(id))
		tab := &Browser{ctx: page, cancel: stop}
		return tab, chromedp.Do(page)
	case <-ctx.Done():
		return nil, fmt.Errorf("no tab opened: %w", ctx.Err())
	}
}

// Key presses a key in the page.
func (b *Browser) Key(keys string) error {
	b.acts.Add(1)
	return b.do(chromedp.KeyEvent(keys, Raw))
}

// Text returns the text of an element, once it is there.
func (b *Browser) Text(selector string) (string, error) {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.TextContent(chromedp.CSS(selector)))
	if err != nil {
		return "", fmt.Errorf("text of %s: %w; the page says: %s", selector, err, b.Says())
	}
	return strings.TrimSpace(text), nil
}

// Says returns what the page shows, for messages.
func (b *Browser) Says() string {
	text, err := Eval[string](b, `location.pathname + " " + document.title + ": " + document.body.innerText.slice(0, 600)`)
	if err != nil {
		return err.Error()
	}
	return text
}

// Eval runs an expression in the page, a promise is awaited.
func Eval[T any](b *Browser, script string) (T, error) { return evalWithin[T](b, patience, script) }

func evalWithin[T any](b *Browser, limit time.Duration, script string) (T, error) {
	ctx, cancel := context.WithTimeout(b.ctx, limit)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
}

// Until waits for an expression to become true in the page, also across pages.
func (b *Browser) Until(what, expression string) error {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	err := Until(ctx, what, func() bool {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](fmt.Sprintf(`(() => { try { return !!(%s); } catch { return false; } })()`, expression)))
		return err == nil && ok
	})
	if err != nil {
		return fmt.Errorf("%w; the page says: %s", err, b.Says())
	}
	return nil
}

// State waits until the page shows that the session is in this state.
func (b *Browser) State(state string) error {
	return b.Until("session is "+state, fmt.Sprintf(`[...document.querySelectorAll('[data-testid="session-state"]')].at(-1).dataset.state === %q`, state))
}

// Shot takes a picture of the page.
func (b *Browser) Shot() ([]byte, error) {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.CaptureScreenshot())
}
