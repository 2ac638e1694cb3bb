package session

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"consento/protocol"
)

var (
	aDevice   = protocol.Device{Host: "switch.example", Port: 22, User: "admin"}
	oneKey    = "SHA256:" + strings.Repeat("A", 43)
	otherKey  = "SHA256:" + strings.Repeat("B", 42) + "A"
	aSealed   = "R2VoZWltNzc=" // stands for what nobody here may read
	whyItDoes = "replaced on Monday, ticket 77"
)

// device is one consent to a device, with a console that shows it.
type device struct {
	*window
	t     testing.TB
	epoch uint32
	run   uint32
}

func (p *play) device(t testing.TB) *device {
	t.Helper()
	d := &device{window: p.window(t), t: t}
	d.epoch = p.allow(t, protocol.SSH)
	d.says(protocol.Terminal{Kind: protocol.TerminalAttach})
	d.start()
	return d
}

func (d *device) start() {
	d.run++
	d.says(protocol.Terminal{Kind: protocol.TerminalStart, Cols: 80, Rows: 24})
}

// says is the console, answers the agent.
func (d *device) says(m protocol.Terminal) {
	d.t.Helper()
	m.Epoch = d.epoch
	if m.Run = d.run; m.Kind != protocol.TerminalAttach || d.run > 0 {
		m.Run = max(1, d.run)
	}
	if m.Kind == protocol.TerminalAttach && d.run == 0 {
		m.Run = 0
	}
	d.say(d.t, m)
}

func (d *device) answers(m protocol.Terminal) {
	d.t.Helper()
	m.Epoch, m.Run = d.epoch, d.run
	d.p.tell(d.t, m)
}

func (d *device) hostKey(key string) {
	d.answers(protocol.Terminal{Kind: protocol.TerminalHostKey, Program: "10.0.0.1:22", Algorithm: "ssh-ed25519", Key: key, Seal: strings.Repeat("A", 87) + "="})
}

func (d *device) prompt(ask uint32, left int, cause protocol.DeviceCause) {
	d.answers(protocol.Terminal{Kind: protocol.TerminalPrompt, Ask: ask, Method: protocol.LoginPassword, Hidden: true, Left: left, Cause: cause})
}

func (d *device) trust(key, words string) {
	d.says(protocol.Terminal{Kind: protocol.TerminalTrust, Key: key, Method: protocol.LoginPassword, Text: words})
}

func (d *device) opened() {
	d.answers(protocol.Terminal{Kind: protocol.TerminalStarted, Cols: 80, Rows: 24, Program: "ssh admin@switch.example:22", Algorithm: "curve25519-sha256 ssh-ed25519"})
}

// newest is the last thing that the console was told.
func (d *device) newest() protocol.Terminal {
	if len(d.list) == 0 {
		return protocol.Terminal{}
	}
	return d.list[len(d.list)-1]
}

// TestDeviceOnTheEvidence: key, trust, wrong answer and shell, each before it has an effect;
// what is shown is recorded, what is typed or sealed is nowhere.
func TestDeviceOnTheEvidence(t *testing.T) {
	t.Parallel()
	e := newEnv(t, allowAll)
	p := e.showing(t, full, protocol.SSH, protocol.Shell)
	d := p.device(t)
	ask := last[*protocol.ConsentAsk](p.link)
	if ask.Device == nil || *ask.Device != aDevice || p.consent(t, protocol.SSH).Device == nil {
		t.Errorf("asked %+v", ask)
	}
	d.trust(oneKey, "") // before there is one
	d.hostKey(oneKey)
	if m := d.newest(); m.Kind != protocol.TerminalHostKey || m.Known != protocol.KeyNew || m.Before != "" {
		t.Errorf("the console has %+v", m)
	}
	d.hostKey(oneKey) // told again
	d.trust(otherKey, "")
	d.says(protocol.Terminal{Kind: protocol.TerminalSecret, Ask: 1, Sealed: aSealed}) // unasked
	d.trust(oneKey, "")
	d.prompt(1, 3, "")
	d.says(protocol.Terminal{Kind: protocol.TerminalSecret, Ask: 1, Sealed: aSealed})
	d.prompt(2, 2, protocol.DeviceWrong)
	late := p.window(t)
	late.say(t, protocol.Terminal{Kind: protocol.TerminalAttach, Epoch: d.epoch})
	if len(late.list) != 2 || late.list[0].Known != protocol.KeyNew || late.list[1].Ask != 2 {
		t.Errorf("a window that comes late has %+v", late.list)
	}
	d.says(protocol.Terminal{Kind: protocol.TerminalAttach})
	d.says(protocol.Terminal{Kind: protocol.TerminalSecret, Ask: 2, Sealed: aSealed})
	d.opened()
	d.answers(protocol.Terminal{Kind: protocol.TerminalOutput, Text: "switch> "})
	d.says(protocol.Terminal{Kind: protocol.TerminalInput, Text: "enable\rgeheim77\r"})
	d.answers(protocol.Terminal{Kind: protocol.TerminalExited, Code: 4})
	p.finish(t)

	header, events := e.cast(t, p)
	if !strings.Contains(header, "ssh admin@switch.example:22") || len(events) != 3 || events[0][0] != "m" || events[1] != [2]string{"o", "switch> "} {
		t.Errorf("%s, %q", header, events)
	}
	list, _ := e.events(t, p.id)
	at := uint64(0)
	for _, code := range []protocol.EventCode{protocol.EventConsentAsked, protocol.EventSSHStarted, protocol.EventSSHKey, protocol.EventSSHTrusted, protocol.EventSSHRefused,
		protocol.EventSSHOpened, protocol.EventShellUsed, protocol.EventSSHEnded} {
		found := find(list, code)
		if found == nil || found.index < at {
			t.Fatalf("%s is not on the log, or not in its place", code)
		}
		at = found.index
	}
	if k := find(list, protocol.EventSSHKey).Data; k["known"] != "new" || k["address"] != "10.0.0.1:22" || k["key"] != oneKey || len(k["seal"].(string)) != 64 {
		t.Errorf("%v", k)
	}
	if u := find(list, protocol.EventShellUsed).Data; u["characters"] != 16.0 {
		t.Errorf("%v", u)
	}
	// The broker's own folders: recording, database, whatever else it writes; and its log.
	if e.logMu.Lock(); bytes.Contains(e.log.Bytes(), []byte(aSealed)) {
		t.Error("the log holds what was sealed")
	}
	e.logMu.Unlock()
	for _, dir := range []string{e.dir, e.evidence, e.bags, e.logDir} {
		must(0, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			if bytes.Contains(data, []byte(aSealed)) || bytes.Contains(data, []byte("geheim77")) {
				t.Errorf("%s holds what was sealed or typed", path)
			}
			return err
		}))(t)
	}
}

// TestDeviceKeyChanged: known as the same in another session; another one is a warning that
// has to be answered in words, over which the console cannot help the technician.
func TestDeviceKeyChanged(t *testing.T) {
	t.Parallel()
	e := newEnv(t, allowAll)
	begin := func(key string) (*play, *device) {
		p := e.showing(t, full, protocol.SSH)
		d := p.device(t)
		d.hostKey(key)
		return p, d
	}
	p, d := begin(oneKey)
	d.trust(oneKey, "")
	p.finish(t)
	p, d = begin(oneKey)
	if m := d.newest(); m.Known != protocol.KeySame {
		t.Errorf("%+v", m)
	}
	p.finish(t)
	p, d = begin(otherKey)
	if m := d.newest(); m.Known != protocol.KeyChanged || m.Before != oneKey {
		t.Errorf("%+v", m)
	}
	passed := func() (n int) {
		p.on(t, func(s *session) {
			if s.tools.terminal.login.trusted {
				n++
			}
		})
		return n
	}
	for _, words := range []string{"", "ok", "        .        "} {
		if d.trust(otherKey, words); passed() != 0 {
			t.Errorf("%q is enough", words)
		}
	}
	if d.trust(otherKey, whyItDoes); passed() == 0 {
		t.Error("a reason does not do")
	}
	p.finish(t)
	list, _ := e.events(t, p.id)
	if k, w := find(list, protocol.EventSSHKey).Data, find(list, protocol.EventSSHTrusted).Data; k["known"] != "changed" || k["before"] != oneKey || w["words"] != whyItDoes {
		t.Errorf("%v, %v", k, w)
	}
	p, d = begin(otherKey)
	if m := d.newest(); m.Known != protocol.KeySame {
		t.Errorf("%+v", m)
	}
	p.finish(t)
}

// TestDeviceByProfile: what the rules do not hold is never asked of the customer; a rule
// that goes takes the consent with it; shell and device exclude each other.
func TestDeviceByProfile(t *testing.T) {
	t.Parallel()
	e := newEnv(t, allowAll)
	p := e.showing(t, full, protocol.SSH, protocol.Shell)
	for _, host := range []string{"8.8.8.8", "127.0.0.1", "::1", "169.254.169.254"} {
		_, err := e.m.RequestConsent(t.Context(), full, protocol.ConsentRequest{Session: p.id, Permission: protocol.SSH, Device: &protocol.Device{Host: host, Port: 22, User: "x"}})
		if !errors.Is(err, ErrNotAllowed) {
			t.Errorf("%s: %v", host, err)
		}
	}
	viewer := full
	viewer.Profile = protocol.BuiltInProfiles()[0]
	if _, err := e.m.RequestConsent(t.Context(), viewer, protocol.ConsentRequest{Session: p.id, Permission: protocol.SSH, Device: &aDevice}); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("without the right: %v", err)
	}
	p.on(t, func(s *session) { s.limitTo(full.Profile) })
	d := p.device(t)
	p.allow(t, protocol.Shell)
	if c := p.consent(t, protocol.SSH); c.State != protocol.ConsentWithdrawn {
		t.Errorf("beside a shell: %+v", c)
	}
	d.hostKey(oneKey)
	d.epoch = p.allow(t, protocol.SSH)
	narrow := full
	narrow.Profile.Hosts = protocol.HostRules{"router.example"}
	must(0, e.m.Limit(t.Context(), narrow))(t)
	if c := p.consent(t, protocol.SSH); c.State != protocol.ConsentWithdrawn || c.Cause != protocol.CauseRights {
		t.Errorf("after the rule went: %+v", c)
	}
}

// TestDeviceMisuse: an agent that skips a step, or says what only the broker may, loses the
// consent; so does a console that never ends answering.
func TestDeviceMisuse(t *testing.T) {
	t.Parallel()
	e := newEnv(t, allowAll)
	for name, c := range map[string]struct {
		do    func(*device)
		cause protocol.ConsentCause
	}{
		"a shell without a key": {func(d *device) { d.opened() }, protocol.CauseFailed},
		"a shell without trust": {func(d *device) { d.hostKey(oneKey); d.opened() }, protocol.CauseFailed},
		"a prompt first":        {func(d *device) { d.prompt(1, 3, "") }, protocol.CauseFailed},
		"a prompt before trust": {func(d *device) { d.hostKey(oneKey); d.prompt(1, 3, "") }, protocol.CauseFailed},
		"two keys":              {func(d *device) { d.hostKey(oneKey); d.hostKey(otherKey) }, protocol.CauseFailed},
		"a key as known": {func(d *device) {
			d.answers(protocol.Terminal{Kind: protocol.TerminalHostKey, Program: "x", Algorithm: "y", Key: oneKey, Seal: strings.Repeat("A", 87) + "=", Known: protocol.KeySame})
		}, protocol.CauseFailed},
		"an old prompt": {func(d *device) {
			d.hostKey(oneKey)
			d.trust(oneKey, "")
			d.prompt(2, 3, "")
			d.prompt(1, 3, "")
		}, protocol.CauseFailed},
		"answers without end": {func(d *device) {
			d.hostKey(oneKey)
			d.trust(oneKey, "")
			d.prompt(1, 3, "")
			for range maxSecrets + 1 {
				d.prompt(1, 3, "")
				d.says(protocol.Terminal{Kind: protocol.TerminalSecret, Ask: 1, Sealed: aSealed})
			}
		}, protocol.CauseMisuse},
	} {
		p := e.showing(t, full, protocol.SSH)
		c.do(p.device(t))
		if got := p.consent(t, protocol.SSH); got.State != protocol.ConsentWithdrawn || got.Cause != c.cause {
			t.Errorf("%s: %+v", name, got)
		}
		p.finish(t)
	}
}

func TestDeviceKeys(t *testing.T) {
	t.Parallel()
	e := newEnv(t, allowAll)
	store := e.m.store
	key := protocol.Terminal{Key: oneKey, Algorithm: "ssh-ed25519"}
	d := aDevice
	must(0, store.trustKey(t.Context(), d, key, time.Now()))(t)
	d.Host = "SWITCH.example"
	if got := must(store.deviceKey(t.Context(), d))(t); got != oneKey {
		t.Errorf("by another case: %q", got)
	}
	d.Port = 2222
	if got := must(store.deviceKey(t.Context(), d))(t); got != "" {
		t.Errorf("at another port: %q", got)
	}
}
