package device

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"os/user"
	"testing"

	"consento/build/sshd"
	"consento/protocol"
)

func privateText(t testing.TB, key any, passphrase string) (text, public string) {
	t.Helper()
	text, public, err := sshd.KeyText(key, passphrase)
	must(t, err)
	return text, public
}

// openSSH is a real server, as this user.
func openSSH(t testing.TB, host any, authorised, more string) protocol.Device {
	t.Helper()
	s, err := sshd.Serve(t.TempDir(), host, authorised, more)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	me, err := user.Current()
	must(t, err)
	return protocol.Device{Host: "127.0.0.1", Port: s.Port, User: me.Username}
}

// TestOpenSSH: a private key opens a real terminal of a real server; it has the size, colours
// and characters of one, ends with its code, and is closed at once.
func TestOpenSSH(t *testing.T) {
	t.Parallel()
	_, host, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	_, key, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	text, public := privateText(t, key, "open sesame")
	at := openSSH(t, host, public, "")
	consent := consentTo(t, at, own)
	d := consent.begin(t, 1)
	d.trust(protocol.LoginKey)
	m := d.next(protocol.TerminalPrompt)
	if m.Method != protocol.LoginKey {
		t.Errorf("%+v", m)
	}
	d.answer(m, entered{Key: text, Passphrase: "wrong"})
	if m = d.next(protocol.TerminalPrompt); m.Cause != protocol.DeviceUnreadable || m.Left != 3 {
		t.Errorf("%+v", m)
	}
	d.answer(m, entered{Key: text, Passphrase: "open sesame"})
	d.opens()
	_, err = d.Write([]byte("printf '\\033[3%sm'; tty | cut -c1-8; stty size; echo per$((1+1))ò$SSH_AUTH_SOCK$DISPLAY; exit 7\r" + "1"))
	must(t, err)
	d.shows("per2ò\r\n")
	<-d.Over()
	if d.Code() != 7 || d.Cause() != "" {
		t.Errorf("code %d, %q", d.Code(), d.Cause())
	}

	d = consent.begin(t, 2)
	d.trust(protocol.LoginKey)
	d.answer(d.next(protocol.TerminalPrompt), entered{Key: text, Passphrase: "open sesame"})
	d.opens()
	_, err = d.Write([]byte("stty size; sleep 1000\r"))
	must(t, err)
	d.shows("20 90")
	if !d.Close() {
		t.Error("not closed at once")
	}
}

// TestOpenSSHRefuses: another key is none, and is said to be wrong.
func TestOpenSSHRefuses(t *testing.T) {
	t.Parallel()
	_, host, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	_, key, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	text, _ := privateText(t, key, "")
	d := consentTo(t, openSSH(t, host, "", "PasswordAuthentication no"), own).begin(t, 1)
	d.trust(protocol.LoginKey)
	for left := 3; left > 0; left-- {
		m := d.next(protocol.TerminalPrompt)
		if m.Left != left || (m.Cause == protocol.DeviceWrong) != (left < 3) {
			t.Errorf("%+v", m)
		}
		d.answer(m, entered{Key: text})
	}
	d.ends(protocol.DeviceLocked)
}

// TestOldOpenSSH: a server with nothing but SHA-1 and CBC, and an RSA key to sign in with.
func TestOldOpenSSH(t *testing.T) {
	t.Parallel()
	host, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	text, public := privateText(t, key, "")
	at := openSSH(t, host, public, "KexAlgorithms diffie-hellman-group14-sha1\nCiphers aes128-cbc\nMACs hmac-sha1\nHostKeyAlgorithms ssh-rsa")
	consentTo(t, at, own).begin(t, 1).ends(protocol.DeviceAlgorithms)
	at.Old = true
	d := consentTo(t, at, own).begin(t, 1)
	d.trust(protocol.LoginKey)
	d.answer(d.next(protocol.TerminalPrompt), entered{Key: text})
	d.opens()
	_, err = d.Write([]byte("echo o$((1))d\r"))
	must(t, err)
	d.shows("o1d")
	if d.Algorithms() != "diffie-hellman-group14-sha1 ssh-rsa aes128-cbc hmac-sha1" {
		t.Errorf("algorithms %s", d.Algorithms())
	}
}
