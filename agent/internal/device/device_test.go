package device

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"consento/protocol"
)

const session = "s1"

// desk is who sits at the other end.
type desk struct {
	*Connection
	t       testing.TB
	consent *Consent
	said    chan protocol.Terminal
	seal    string
	key     string
}

var own = protocol.HostRules{"127.0.0.0/8"}

func deviceAt(address net.Addr) protocol.Device {
	return protocol.Device{Host: "127.0.0.1", Port: address.(*net.TCPAddr).Port, User: "admin"}
}

func consentTo(t testing.TB, d protocol.Device, hosts protocol.HostRules) *Consent {
	t.Helper()
	c, err := Open(Config{Session: session, Epoch: 4, Device: d, Hosts: hosts, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *Consent) begin(t testing.TB, run uint32) *desk {
	t.Helper()
	d := &desk{t: t, consent: c, said: make(chan protocol.Terminal, 100)}
	d.Connection = c.Begin(protocol.Terminal{Kind: protocol.TerminalStart, Epoch: 4, Run: run, Cols: 90, Rows: 20}, func(m protocol.Terminal) {
		m.Epoch, m.Run = 4, run
		if _, err := m.Encode(); err != nil || m.FromConsole() {
			t.Errorf("said %+v: %v", m, err)
		}
		d.said <- m
	})
	t.Cleanup(func() { d.Shut(); <-d.Over() })
	return d
}

// next is what is said next; it ends the test if the connection is over instead.
func (d *desk) next(kind protocol.TerminalKind) protocol.Terminal {
	d.t.Helper()
	select {
	case m := <-d.said:
		if m.Kind != kind {
			d.t.Fatalf("said %+v, not %s", m, kind)
		}
		if kind == protocol.TerminalHostKey {
			d.seal, d.key = m.Seal, m.Key
		}
		return m
	case <-d.Over():
		d.t.Fatalf("over (%s) before %s", d.Cause(), kind)
	}
	panic("unreachable")
}

func (d *desk) trust(method protocol.LoginMethod) {
	d.t.Helper()
	d.next(protocol.TerminalHostKey)
	d.Take(protocol.Terminal{Kind: protocol.TerminalTrust, Key: d.key, Method: method})
}

func (d *desk) answer(m protocol.Terminal, e entered) {
	d.t.Helper()
	sealed := sealTo(d.t, d.seal, protocol.SealInfo(session, 4, d.run, m.Ask, d.consent.config.Device, d.key), e)
	d.Take(protocol.Terminal{Kind: protocol.TerminalSecret, Ask: m.Ask, Sealed: sealed})
}

// sealTo seals as the console does.
func sealTo(t testing.TB, to, info string, e entered) string {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(to)
	must(t, err)
	point, err := hpke.DHKEM(ecdh.P256()).NewPublicKey(raw)
	must(t, err)
	enc, s, err := hpke.NewSender(point, hpke.HKDFSHA256(), hpke.ExportOnly(), []byte(info))
	must(t, err)
	secret, err := s.Export("credential", 32)
	must(t, err)
	plain, err := json.Marshal(e)
	must(t, err)
	gcm, err := newGCM(secret)
	must(t, err)
	return base64.StdEncoding.EncodeToString(gcm.Seal(enc, make([]byte, gcm.NonceSize()), plain, nil))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ends waits for the end and its cause.
func (d *desk) ends(want protocol.DeviceCause) {
	d.t.Helper()
	<-d.Over()
	if got := d.Cause(); got != want {
		d.t.Errorf("cause %q, not %q", got, want)
	}
}

// opens waits for the terminal.
func (d *desk) opens() {
	d.t.Helper()
	select {
	case <-d.Ready():
	case m := <-d.said:
		d.t.Fatalf("said %+v", m)
	case <-d.Over():
		select {
		case <-d.Ready():
		default:
			d.t.Fatalf("over: %s", d.Cause())
		}
	}
}

// shows reads until text was put out.
func (d *desk) shows(text string) {
	d.t.Helper()
	d.opens()
	var got strings.Builder
	buf := make([]byte, 4096)
	for !strings.Contains(got.String(), text) {
		n, err := d.Read(buf)
		got.Write(buf[:n])
		if err != nil {
			d.t.Fatalf("%v after %q", err, got.String())
		}
	}
}

// server is a device made of the same library, for what OpenSSH does not do.
type server struct {
	ssh.ServerConfig
	mu        sync.Mutex
	passwords []string // that were tried
	shell     func(ssh.Channel)
	requests  []string // that were made on the session
	conns     int
}

func newServer(t testing.TB) *server {
	t.Helper()
	s := &server{shell: func(c ssh.Channel) { _, _ = c.Write([]byte("switch> ")) }}
	s.AddHostKey(newKey(t))
	s.PasswordCallback = func(_ ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.passwords = append(s.passwords, string(password))
		if string(password) == "right" {
			return nil, nil
		}
		return nil, errSealed
	}
	return s
}

func newKey(t testing.TB) ssh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	signer, err := ssh.NewSignerFromKey(key)
	must(t, err)
	return signer
}

func (s *server) listen(t testing.TB) net.Addr {
	t.Helper()
	return listen(t, func(conn net.Conn) {
		s.mu.Lock()
		s.conns++
		s.mu.Unlock()
		c, channels, requests, err := ssh.NewServerConn(conn, &s.ServerConfig)
		if err != nil {
			return
		}
		go ssh.DiscardRequests(requests)
		for ch := range channels {
			channel, asked, err := ch.Accept()
			if err != nil {
				continue
			}
			go func() {
				for r := range asked {
					s.mu.Lock()
					s.requests = append(s.requests, r.Type)
					s.mu.Unlock()
					_ = r.Reply(true, nil)
					if r.Type == "shell" {
						go s.shell(channel)
					}
				}
			}()
		}
		_ = c.Wait()
	})
}

// listen answers each connection on a free port of this computer.
func listen(t testing.TB, answer func(net.Conn)) net.Addr {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	var all sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, conn)
			mu.Unlock()
			all.Go(func() { defer conn.Close(); answer(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return l.Addr()
}

// TestPassword: the key is shown first; a wrong password says so and counts, the right one
// opens a terminal; what it shows comes, what is typed arrives; nothing else is asked of the device.
func TestPassword(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.BannerCallback = func(ssh.ConnMetadata) string { return "\x1b[2JAuthorised\u202e only\r\n" }
	s.shell = func(c ssh.Channel) {
		buf := make([]byte, 100)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("got " + string(buf[:n])))
		}
	}
	consent := consentTo(t, deviceAt(s.listen(t)), own)
	d := consent.begin(t, 1)
	key := d.next(protocol.TerminalHostKey)
	s.mu.Lock()
	if len(s.passwords) > 0 || key.Algorithm != "ssh-ed25519" {
		t.Errorf("%+v, %q", key, s.passwords)
	}
	s.mu.Unlock()
	d.Take(protocol.Terminal{Kind: protocol.TerminalTrust, Key: "SHA256:" + strings.Repeat("A", 43), Method: protocol.LoginPassword}) // another one
	d.Take(protocol.Terminal{Kind: protocol.TerminalTrust, Key: d.key, Method: protocol.LoginPassword})
	first := d.next(protocol.TerminalPrompt)
	if first.Method != protocol.LoginPassword || first.Left != 3 || first.Cause != "" || first.Text != "[2JAuthorised only" {
		t.Errorf("%+v", first)
	}
	if got := d.Pending(); len(got) != 2 || got[0].Kind != protocol.TerminalHostKey || got[1] != (protocol.Terminal{Kind: protocol.TerminalPrompt, Ask: first.Ask, Method: first.Method, Text: first.Text, Hidden: true, Left: 3}) {
		t.Errorf("%+v", got)
	}
	d.answer(first, entered{Text: "wrong"})
	second := d.next(protocol.TerminalPrompt)
	if second.Left != 2 || second.Cause != protocol.DeviceWrong || second.Ask <= first.Ask {
		t.Errorf("%+v", second)
	}
	d.answer(first, entered{Text: "late"})
	d.answer(second, entered{Text: "right"})
	d.opens()
	_, err := d.Write([]byte("ping è"))
	must(t, err)
	d.shows("got ping è")
	must(t, d.Resize(100, 30))
	if a := d.Algorithms(); !strings.Contains(a, "ssh-ed25519") || strings.Contains(a, "sha1") {
		t.Errorf("algorithms %q", a)
	}
	until(t, "the size arrives", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.requests) == 3
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	if got := strings.Join(s.requests, " "); got != "pty-req shell window-change" {
		t.Errorf("asked for %s", got)
	}
	if got := strings.Join(s.passwords, " "); got != "wrong right" {
		t.Errorf("the device was tried with %s", got)
	}
	if !d.Close() {
		t.Error("not closed at once")
	}
}

func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal(what)
		}
	}
}

// TestThreeTries: not one more under one consent, not by connecting again.
func TestThreeTries(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	consent := consentTo(t, deviceAt(s.listen(t)), own)
	d := consent.begin(t, 1)
	d.trust(protocol.LoginPassword)
	d.answer(d.next(protocol.TerminalPrompt), entered{Text: "one"})
	d.next(protocol.TerminalPrompt)
	d.Shut()
	d = consent.begin(t, 2)
	d.trust(protocol.LoginPassword)
	for left := 2; left > 0; left-- {
		m := d.next(protocol.TerminalPrompt)
		if m.Left != left {
			t.Errorf("%+v", m)
		}
		d.answer(m, entered{Text: "again"})
	}
	d.ends(protocol.DeviceLocked)
	consent.begin(t, 3).ends(protocol.DeviceLocked)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.passwords) != 3 {
		t.Errorf("tried with %q", s.passwords)
	}
}

// TestQuestions: what a device asks is put one by one, as text; what hides is hidden.
func TestQuestions(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.PasswordCallback = nil
	s.KeyboardInteractiveCallback = func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
		answers, err := ask("Name\x07", "Say\u2066 it", []string{"Password: ", "Code: "}, []bool{false, true})
		if err != nil || answers[0] != "right" || answers[1] != "42" {
			return nil, errSealed
		}
		_, err = ask("", "", nil, nil)
		return nil, err
	}
	d := consentTo(t, deviceAt(s.listen(t)), own).begin(t, 1)
	d.trust(protocol.LoginPassword)
	for i := range 2 {
		m := d.next(protocol.TerminalPrompt)
		if m.Method != protocol.LoginQuestion || !m.Hidden || m.Text != "Name\nSay it\nPassword: " || m.Left != 3-i {
			t.Errorf("%+v", m)
		}
		d.answer(m, entered{Text: []string{"wrong", "right"}[i]})
		m = d.next(protocol.TerminalPrompt)
		if m.Hidden || m.Text != "Code: " {
			t.Errorf("%+v", m)
		}
		d.answer(m, entered{Text: "42"})
	}
	d.shows("switch>")
}

// TestKeyOfAnother: a device whose key changes after it was trusted gets nothing.
func TestKeyOfAnother(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	other := newServer(t)
	at := listen(t, func(conn net.Conn) {
		s.mu.Lock()
		s.conns++
		of := s
		if s.conns > 1 {
			of = other
		}
		s.mu.Unlock()
		_, _, _, _ = ssh.NewServerConn(conn, &of.ServerConfig)
	})
	d := consentTo(t, deviceAt(at), own).begin(t, 1)
	d.trust(protocol.LoginPassword)
	d.ends(protocol.DeviceKeyChanged)
	if len(other.passwords) > 0 {
		t.Errorf("it was told %q", other.passwords)
	}
}

// TestOldDevice: what has only weak algorithms is refused, and taken where that was chosen.
func TestOldDevice(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.KeyExchanges, s.Ciphers, s.MACs = []string{ssh.InsecureKeyExchangeDH14SHA1}, []string{ssh.InsecureCipherAES128CBC}, []string{ssh.HMACSHA1}
	at := deviceAt(s.listen(t))
	consentTo(t, at, own).begin(t, 1).ends(protocol.DeviceAlgorithms)
	at.Old = true
	d := consentTo(t, at, own).begin(t, 1)
	d.trust(protocol.LoginPassword)
	d.answer(d.next(protocol.TerminalPrompt), entered{Text: "right"})
	d.shows("switch>")
	for _, name := range []string{"diffie-hellman-group14-sha1", "aes128-cbc", "hmac-sha1"} {
		if !strings.Contains(d.Algorithms(), name) {
			t.Errorf("%s is not among %s", name, d.Algorithms())
		}
	}
}

// TestHostile: garbage, silence after the greeting, banners without end, no terminal, hanging up.
func TestHostile(t *testing.T) {
	t.Parallel()
	flood := strings.Repeat("\x00\xff garbage \x1b]0;x\x07", 1000)
	consentTo(t, deviceAt(listen(t, func(c net.Conn) { _, _ = c.Write([]byte(flood)) })), own).begin(t, 1).ends(protocol.DeviceNoSSH)
	consentTo(t, deviceAt(listen(t, func(c net.Conn) { _, _ = c.Write([]byte("SSH-2.0-x\r\n" + flood)) })), own).begin(t, 1).ends(protocol.DeviceNoSSH)
	consentTo(t, deviceAt(listen(t, func(net.Conn) {})), own).begin(t, 1).ends(protocol.DeviceNoSSH)

	refuses := newServer(t)
	refuses.PasswordCallback = nil
	refuses.PublicKeyCallback = func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return nil, errSealed }
	d := consentTo(t, deviceAt(refuses.listen(t)), own).begin(t, 1)
	d.trust(protocol.LoginPassword)
	d.ends(protocol.DeviceMethods)

	asks := newServer(t) // questions without end
	asks.KeyboardInteractiveCallback = func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
		for {
			if _, err := ask("", strings.Repeat("x", 10_000), []string{"?"}, []bool{true}); err != nil {
				return nil, err
			}
		}
	}
	d = consentTo(t, deviceAt(asks.listen(t)), own).begin(t, 1)
	d.trust(protocol.LoginPassword)
	for range maxQuestions {
		d.answer(d.next(protocol.TerminalPrompt), entered{Text: "!"})
	}
	d.ends(protocol.DeviceNoSSH)

	hangsUp := newServer(t)
	hangsUp.shell = func(c ssh.Channel) { _ = c.Close() }
	d = consentTo(t, deviceAt(hangsUp.listen(t)), own).begin(t, 1)
	d.trust(protocol.LoginPassword)
	d.answer(d.next(protocol.TerminalPrompt), entered{Text: "right"})
	<-d.Over()
	if d.Code() != -1 {
		t.Errorf("code %d", d.Code())
	}
}

// TestUnreachable: where nothing answers, what has no address, what may not be reached.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	at := deviceAt(l.Addr())
	must(t, l.Close())
	consentTo(t, at, own).begin(t, 1).ends(protocol.DeviceUnreachable)
	consentTo(t, at, nil).begin(t, 1).ends(protocol.DeviceNotAllowed)
	consentTo(t, at, protocol.HostRules{"0.0.0.0/0", "::/0"}).begin(t, 1).ends(protocol.DeviceNotAllowed)
	at.Host = "localhost" // a name of its own that leads back
	consentTo(t, at, protocol.HostRules{"localhost"}).begin(t, 1).ends(protocol.DeviceNotAllowed)
	at.Host = "no-such-name.invalid"
	consentTo(t, at, nil).begin(t, 1).ends(protocol.DeviceName)
}

// TestAllowed: of what a name means only what the rules hold, never an address of the
// computer's own without a rule for it.
func TestAllowed(t *testing.T) {
	t.Parallel()
	mine := netip.MustParseAddr("192.168.7.2")
	ours := map[netip.Addr]bool{mine: true}
	for _, c := range []struct {
		host, list string
		hosts      protocol.HostRules
		want       string
	}{
		{"switch", "192.168.7.1 8.8.8.8", nil, "192.168.7.1:22"},
		{"switch", "8.8.8.8 127.0.0.1 ::1 169.254.169.254 0.0.0.0 ::ffff:127.0.0.1 224.0.0.1", nil, ""},
		{"switch", "192.168.7.2", nil, ""},
		{"switch", "192.168.7.2", protocol.HostRules{"192.168.0.0/16"}, ""},
		{"switch", "192.168.7.2", protocol.HostRules{"192.168.0.0/16", "127.0.0.1"}, "192.168.7.2:22"},
		{"switch", "127.0.0.1 169.254.1.1 8.8.8.8", protocol.HostRules{"SWITCH"}, "8.8.8.8:22"},
		{"a.lan.example", "10.1.1.1 8.8.4.4", protocol.HostRules{"*.lan.example"}, "10.1.1.1:22 8.8.4.4:22"},
		{"lan.example", "10.1.1.1", protocol.HostRules{"*.lan.example"}, ""},
		{"switch", "::ffff:10.0.0.1 fd00::1", nil, "10.0.0.1:22 [fd00::1]:22"},
	} {
		var list []netip.Addr
		for a := range strings.FieldsSeq(c.list) {
			list = append(list, netip.MustParseAddr(a))
		}
		got, err := allowed(list, ours, protocol.Device{Host: c.host, Port: 22, User: "x"}, c.hosts)
		var texts []string
		for _, a := range got {
			texts = append(texts, a.String())
		}
		if text := strings.Join(texts, " "); text != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s %q by %q: %q, %v", c.host, c.list, c.hosts, text, err)
		}
	}
}

// TestSealed: what was sealed opens for its own session, device, key and prompt alone, and
// what cannot be opened is asked for again and counts for nothing.
func TestSealed(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	at := deviceAt(s.listen(t))
	d := consentTo(t, at, own).begin(t, 1)
	d.trust(protocol.LoginPassword)
	m := d.next(protocol.TerminalPrompt)
	for _, info := range []string{protocol.SealInfo("s2", 4, 1, m.Ask, at, d.key), protocol.SealInfo(session, 5, 1, m.Ask, at, d.key), protocol.SealInfo(session, 4, 2, m.Ask, at, d.key)} {
		d.Take(protocol.Terminal{Kind: protocol.TerminalSecret, Ask: m.Ask, Sealed: sealTo(t, d.seal, info, entered{Text: "right"})})
		if m = d.next(protocol.TerminalPrompt); m.Cause != protocol.DeviceUnreadable || m.Left != 3 {
			t.Errorf("%+v", m)
		}
	}
	for _, sealed := range []string{"AAAA", base64.StdEncoding.EncodeToString(make([]byte, 200))} {
		d.Take(protocol.Terminal{Kind: protocol.TerminalSecret, Ask: m.Ask, Sealed: sealed})
		m = d.next(protocol.TerminalPrompt)
	}
	d.answer(m, entered{Text: "right"})
	d.shows("switch>")
}

// TestFlood: a device that never stops fills a window and waits; closing ends it at once.
func TestFlood(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	stopped := make(chan struct{})
	s.shell = func(c ssh.Channel) {
		defer close(stopped)
		for block := []byte(strings.Repeat("flood\xff\x00", 4000)); ; {
			if _, err := c.Write(block); err != nil {
				return
			}
		}
	}
	d := consentTo(t, deviceAt(s.listen(t)), own).begin(t, 1)
	d.trust(protocol.LoginPassword)
	d.answer(d.next(protocol.TerminalPrompt), entered{Text: "right"})
	d.shows("flood")
	if !d.Close() {
		t.Error("not closed at once")
	}
	<-stopped
}

func FuzzOpen(f *testing.F) {
	key, err := hpke.DHKEM(ecdh.P256()).GenerateKey()
	must(f, err)
	f.Add(sealTo(f, sealText(key), "info", entered{Text: "x", Key: "y"}), "")
	f.Add("", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----\n")
	f.Fuzz(func(t *testing.T, sealed, pem string) {
		_, _ = open(key, sealed, "info")
		if _, err := (entered{Key: pem, Passphrase: "x"}).signer(false); err == nil {
			t.Log("a key") // nothing to hold against it
		}
	})
}
