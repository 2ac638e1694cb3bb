package console_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"golang.org/x/crypto/ssh"

	"consento/build/sshd"
	"consento/build/stage"
	"consento/protocol"
)

// TestDevice: a device that the profile does not allow is not asked about; one that it allows
// is refused by the customer, asked for again and allowed; its key is the one that it has; a wrong private key
// says so, the right one opens a real terminal on a real OpenSSH, whose program ends when the
// customer takes it back; all of it is in the verifier's export, and the key entered is nowhere.
func TestDevice(t *testing.T) {
	o := newOffice(t)
	const email = "full.support@comune.example"
	o.must(o.broker.AddSupporter(o.ctx, email, "Piera Galli", stage.Team))
	_, err := o.broker.Run(o.ctx, "consento-broker", "profile", "ssh", "--data", o.broker.Data, "--profile", "Full support", "127.0.0.0/8", "10.0.0.0/8")
	o.must(err)
	_, host, err := ed25519.GenerateKey(rand.Reader)
	o.must(err)
	_, key, err := ed25519.GenerateKey(rand.Reader)
	o.must(err)
	_, other, err := ed25519.GenerateKey(rand.Reader)
	o.must(err)
	const passphrase = "geheim77-phrase"
	text, public, err := sshd.KeyText(key, passphrase)
	o.must(err)
	wrong, _, err := sshd.KeyText(other, "")
	o.must(err)
	server, err := sshd.Serve(o.t.TempDir(), host, public, "")
	o.must(err)
	defer func() { o.must(server.Close()) }()
	signer, err := ssh.NewSignerFromKey(host)
	o.must(err)
	me, err := user.Current()
	o.must(err)

	o.console.Close() // of a technician who may look only
	o.console = o.browser(o.technician, "en-US")
	o.must(o.console.SignInAs(o.broker, email))
	before := o.files()
	agent := o.share()
	panel := func(what, is string) {
		o.t.Helper()
		o.must(o.console.Until("device: "+what+" is "+is, fmt.Sprintf(`(document.querySelector('[data-testid="shell-panel"]')?.dataset.%s ?? "") === %q`, what, is)))
	}
	names := func(address string) {
		o.t.Helper()
		o.must(o.console.Click(byID("ssh")))
		o.must(o.console.Until("the form has the keyboard", `document.activeElement?.name === "host"`))
		o.must(o.console.Key(address + kb.Tab + me.Username + kb.Enter))
	}
	names("8.8.8.8")
	o.must(o.console.Until("not by this profile", `document.querySelector(".bar-notice p")?.textContent.length > 0`))
	address := "127.0.0.1:" + strconv.Itoa(server.Port)
	names(address)
	panel("state", "asked")
	_, err = o.customer.Window(o.ctx, toolQuestion)
	o.must(err)
	o.picture("asked", o.customer)
	o.must(o.customer.Refuse(o.ctx, toolQuestion))
	panel("state", "refused")
	o.must(o.console.Until("asked again, when the customer was left alone for long enough", fmt.Sprintf(`(() => {
		const panel = document.querySelector('[data-testid="shell-panel"]');
		if (panel?.dataset.state === "asked") return true;
		const form = document.querySelector('[data-testid="device-form"]');
		if (form === null) { document.querySelector('[data-testid="ssh"]').click(); return false; }
		form.elements.host.value = %q; form.elements.user.value = %q;
		form.requestSubmit();
		return false;
	})()`, address, me.Username)))
	_, err = o.customer.Window(o.ctx, toolQuestion)
	o.must(err)
	o.must(o.customer.Accept(o.ctx, toolQuestion))
	panel("state", "given")
	o.must(o.console.Until("the key that the device has", fmt.Sprintf(`((e) => e?.querySelector('[data-testid="fingerprint"]').textContent === %q && e.dataset.known === "new")(document.querySelector('[data-testid="device-key"]'))`, ssh.FingerprintSHA256(signer.PublicKey()))))
	o.picture("key", o.technician)
	o.must(o.console.Click(`[data-testid="device-key"] [name="method"][value="key"]`))
	o.must(o.console.Click(byID("device-trust")))
	enters := func(key, passphrase string) {
		o.t.Helper()
		o.must(o.console.Until("a field for the key", `document.activeElement?.name === "key"`))
		o.must(o.console.Until("pasted", fmt.Sprintf(`document.execCommand("insertText", false, %q)`, key)))
		o.must(o.console.Key(kb.Tab + passphrase + kb.Enter))
	}
	enters(wrong, "")
	o.must(o.console.Until("wrong", `((p) => p?.dataset.cause === "wrong" && p.dataset.left === "2")(document.querySelector('[data-testid="device-prompt"]'))`))
	o.picture("wrong", o.technician)
	enters(text, passphrase)
	panel("phase", "live")
	o.must(o.console.Until("it has the keyboard", `document.activeElement?.closest('[data-testid="terminal"]') !== null`))
	shows := func(text string) {
		o.t.Helper()
		o.must(o.console.Until("the terminal shows "+text, fmt.Sprintf(`document.querySelector('[data-testid="terminal"] .xterm-rows').textContent.replaceAll("\u00a0", " ").includes(%q)`, text)))
	}
	o.prompted(`[#$]`) // what is typed while a shell begins may be lost
	o.must(o.console.Key(`exec bash --norc --noprofile` + kb.Enter))
	o.prompted(`bash-[^ ]*[#$]`)
	o.must(o.console.Key(`PS1='re''ady> '; echo "sum $((6*7)) è漢 ${SSH_CONNECTION:+by}ssh"` + kb.Enter))
	shows("sum 42 è漢 byssh")
	shows("ready>")
	o.picture("used", o.technician)
	o.picture("given", o.customer)
	dir := o.t.TempDir()
	o.must(o.console.Key(fmt.Sprintf(`echo $$ > %[1]s/part; mv %[1]s/part %[1]s/pid; tail -f /dev/null`, dir) + kb.Enter))
	pid := 0
	o.must(stage.Until(o.ctx, "the program runs", func() bool {
		data, err := os.ReadFile(filepath.Join(dir, "pid"))
		if errors.Is(err, os.ErrNotExist) {
			return false
		}
		o.must(err)
		pid, err = strconv.Atoi(strings.TrimSpace(string(data)))
		o.must(err)
		return true
	}))
	o.bar("take back")
	panel("state", "withdrawn")
	o.must(stage.Until(o.ctx, "the device has ended it", func() bool { return syscall.Kill(pid, 0) == syscall.ESRCH }))
	o.picture("withdrawn", o.technician)
	o.bar("end")
	o.over(agent, 0, before)

	e := o.newest(whole)
	e.expect(o.t, protocol.EndCustomer, protocol.EventConsentAsked, protocol.EventConsentRefused, protocol.EventConsentAsked, protocol.EventConsentGiven,
		protocol.EventSSHStarted, protocol.EventSSHKey, protocol.EventSSHTrusted, protocol.EventSSHRefused, protocol.EventSSHOpened, protocol.EventShellUsed,
		protocol.EventSSHEnded, protocol.EventConsentWithdrawn, protocol.EventEnded)
	data, err := os.ReadFile(filepath.Join(e.folder, "shell.cast"))
	o.must(err)
	typed, shown, _ := replay(t, string(data))
	if !strings.Contains(shown, "sum 42 è漢 byssh") || typed != "" {
		t.Errorf("the export shows %q, typed %q", shown, typed)
	}
	// What was entered: in no file of the broker's, nor of the export, nor in its log.
	for _, secret := range []string{strings.Split(text, "\n")[4], strings.Split(wrong, "\n")[4], passphrase} {
		if strings.Contains(o.broker.Log(), secret) || strings.Contains(agent.Log(), secret) {
			t.Errorf("a log holds %q", secret)
		}
		for _, folder := range []string{o.broker.Data, e.folder} {
			o.must(filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
				if err != nil || !entry.Type().IsRegular() {
					return err
				}
				data, err := os.ReadFile(path)
				if bytes.Contains(data, []byte(secret)) {
					t.Errorf("%s holds %q", path, secret)
				}
				return err
			}))
		}
	}
}
