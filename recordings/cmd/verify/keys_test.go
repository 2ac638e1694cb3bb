package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"consento/recordings"
)

// office is a bench with root key, escrow and a signed policy.
type office struct {
	*bench
	t *testing.T
}

func (o office) path(name string) string { return filepath.Join(o.dir, name) }

// run expects an exit code and returns what was said.
func (o office) run(want int, args ...string) string {
	o.t.Helper()
	out, errs, code := verify(o.t, args...)
	if code != want {
		o.t.Fatalf("%s: exit code %d, want %d\n%s%s", strings.Join(args, " "), code, want, out, errs)
	}
	return out + errs
}

func newOffice(t *testing.T) office {
	t.Helper()
	o := office{newBench(t), t}
	o.run(exitOK, "keygen", "--out", o.path("root"), "--root")
	o.run(exitOK, "keygen", "--out", o.path("escrow"), "--escrow", "--office", "3 <Comuni> & Söhne")
	must(t, os.Rename(o.path("root/auditors.pub"), filepath.Join(o.policy, "auditors.pub")))
	args := []string{"policy", "make", "--out", o.path("text"), "--root", filepath.Join(o.policy, "auditors.pub"), "--team", "@=" + o.keys}
	for n := 1; n <= 3; n++ {
		args = append(args, "--escrow", o.path(fmt.Sprintf("escrow/escrow-%d.pub", n)))
	}
	o.run(exitOK, args...)
	o.run(exitOK, "policy", "sign", o.path("text"), "--root", o.path("root/root"), "--out", o.policy)
	p, err := recordings.ReadPolicy(filepath.Join(o.policy, "1.policy"))
	must(t, err)
	o.conf.Recipients, o.conf.Policy = nil, p.Hash()
	o.conf.Stanzas, err = p.Stanzas("Support", "Berlin")
	must(t, err)
	return o
}

// typed writes what somebody types from a sheet.
func (o office) typed(n int) string {
	b, err := os.ReadFile(o.path(fmt.Sprintf("escrow/escrow-%d.txt", n)))
	must(o.t, err)
	path := o.path(fmt.Sprintf("typed-%d", n))
	must(o.t, os.WriteFile(path, []byte(strings.ToLower(string(b))), 0o600))
	return path
}

func TestPolicyOnTheWay(t *testing.T) {
	o := newOffice(t)
	if said := o.run(exitOK, "policy", "show", o.policy); !strings.Contains(said, "1 policies") || !strings.Contains(said, "any two of") {
		t.Error(said)
	}
	o.run(exitUnverifiable, "policy", "show", filepath.Join(o.policy, "1.policy"))
	o.closed(t, 0, nil)
	if said := o.run(exitUnverifiable, "session", o.file, "--policy", o.policy); !strings.Contains(said, "whom policy 1 names") {
		t.Error(said)
	}
	// Without the policies, it cannot be said who reads.
	must(t, os.Rename(filepath.Join(o.policy, "auditors.pub"), o.path("auditors.pub")))
	if said := o.run(exitUnverifiable, "session", o.file, "--policy", o.policy); !strings.Contains(said, "give the auditors' root key") {
		t.Error(said)
	}
	// Another root key trusts nothing.
	o.run(exitOK, "keygen", "--out", o.path("other"), "--root")
	must(t, os.Rename(o.path("other/auditors.pub"), filepath.Join(o.policy, "auditors.pub")))
	if said := o.run(exitTampered, "session", o.file, "--policy", o.policy); !strings.Contains(said, "another root key") {
		t.Error(said)
	}
	must(t, os.Rename(o.path("auditors.pub"), filepath.Join(o.policy, "auditors.pub")))
	o.run(exitUsage, "policy", "sign", o.path("text"), "--root", o.path("other/root"), "--out", o.path("elsewhere"))
	o.run(exitUsage, "policy", "sign", o.path("text"), "--root", o.path("root/root"), "--out", o.policy) // there already
}

func TestForeignRecipientIsTampering(t *testing.T) {
	o := newOffice(t)
	stranger, err := recordings.NewIdentity()
	must(t, err)
	o.conf.Stanzas = append(o.conf.Stanzas, recordings.Alone(recordings.ClassAuditor, stranger.Recipient())...)
	o.closed(t, 0, nil)
	if said := o.run(exitTampered, "session", o.file, "--policy", o.policy); !strings.Contains(said, "foreign recipient") || !strings.Contains(said, stranger.Recipient().ID()) {
		t.Error(said)
	}
	must(t, os.Remove(recordings.DefaultBag(o.file)))
	if said := o.run(exitUnverifiable, "session", o.file, "--policy", o.policy); !strings.Contains(said, "there is no key bag") {
		t.Error(said)
	}
	// Who names no policy does not get around it.
	p := newOffice(t)
	p.conf.Policy = [32]byte{}
	p.closed(t, 0, nil)
	if said := p.run(exitUnverifiable, "session", p.file, "--policy", p.policy); !strings.Contains(said, "names no recipient policy") {
		t.Error(said)
	}
}

// TestAllKeysLost: two sheets of the escrow open, one does not, and give a new
// auditor the key.
func TestAllKeysLost(t *testing.T) {
	o := newOffice(t)
	o.closed(t, 0, nil)
	must(t, os.RemoveAll(o.keys))
	one, two := o.typed(1), o.typed(3)
	if said := o.run(exitUnverifiable, "open", o.file, "--identity", one, "--out", o.path("a")); !strings.Contains(said, "a second key is needed") {
		t.Error(said)
	}
	o.run(exitUnverifiable, "open", o.file, "--identity", two, "--identity", two, "--out", o.path("b"))
	o.run(exitUnverifiable, "open", o.file, "--identity", one, "--identity", two, "--out", o.path("c"))
	if _, err := os.Stat(o.path("c/events.json")); err != nil {
		t.Error(err)
	}
	// A mistyped line is named.
	b, err := os.ReadFile(one)
	must(t, err)
	wrong := o.path("wrong")
	must(t, os.WriteFile(wrong, regexp.MustCompile(`(?m)^( *2 +)....`).ReplaceAll(b, []byte("${1}aaaa")), 0o600))
	if said := o.run(exitUsage, "open", o.file, "--identity", wrong, "--identity", two, "--out", o.path("d")); !strings.Contains(said, "line 2 of the sheet") {
		t.Error(said)
	}

	o.run(exitOK, "keygen", "--out", o.path("new"))
	args := []string{"policy", "make", "--out", o.path("text2"), "--root", filepath.Join(o.policy, "auditors.pub"), "--after", filepath.Join(o.policy, "1.policy"),
		"--team", "@=" + o.path("new")}
	o.run(exitOK, args...)
	o.run(exitOK, "policy", "sign", o.path("text2"), "--root", o.path("root/root"), "--out", o.policy)
	o.run(exitOK, "rewrap", o.file, "--identity", one, "--identity", two, "--to", filepath.Join(o.policy, "2.policy"), "--out", o.path("bag"))
	must(t, os.Rename(o.path("bag"), recordings.DefaultBag(o.file)))
	o.run(exitUnverifiable, "open", o.file, "--identity", o.path("new"), "--out", o.path("e"))
	if _, err := os.Stat(o.path("e/events.json")); err != nil {
		t.Error(err)
	}
	if said := o.run(exitUnverifiable, "session", o.file, "--policy", o.policy); !strings.Contains(said, "whom policy 2 names") {
		t.Error(said)
	}
	o.run(exitUnverifiable, "open", o.file, "--identity", one, "--identity", two, "--out", o.path("f"))

	// So are keys of the log alone, which are a share.
	o.run(exitOK, "share", o.file, "--identity", o.path("new"), "--for", o.path("new"), "--track", "events", "--to", "1m", "--out", o.path("logkeys"))
	o.run(exitOK, "keygen", "--out", o.path("next"))
	o.run(exitOK, append(args[:0:0], "policy", "make", "--out", o.path("text3"), "--root", filepath.Join(o.policy, "auditors.pub"), "--after", filepath.Join(o.policy, "2.policy"), "--team", "@="+o.path("next"))...)
	o.run(exitOK, "policy", "sign", o.path("text3"), "--root", o.path("root/root"), "--out", o.policy)
	o.run(exitOK, "rewrap", o.file, "--share", o.path("logkeys"), "--identity", o.path("new"), "--to", filepath.Join(o.policy, "3.policy"), "--out", o.path("logkeys2"))
	o.run(exitUnverifiable, "open", o.file, "--share", o.path("logkeys2"), "--identity", o.path("next"), "--out", o.path("g"))
	if _, err := os.Stat(o.path("g/events.json")); err != nil {
		t.Error(err)
	}
	if said := o.run(exitUnverifiable, "open", o.file, "--share", o.path("logkeys2"), "--identity", o.path("new"), "--out", o.path("h")); !strings.Contains(said, "not made for this identity") {
		t.Error(said)
	}
}

// TestSheets: three different keys, nothing from elsewhere, names escaped.
func TestSheets(t *testing.T) {
	o := newOffice(t)
	seen := map[string]bool{}
	for n := 1; n <= 3; n++ {
		page, err := os.ReadFile(o.path(fmt.Sprintf("escrow/escrow-%d.html", n)))
		must(t, err)
		if strings.Contains(string(page), "<Comuni>") || !strings.Contains(string(page), "3 &lt;Comuni&gt; &amp; Söhne") || strings.Contains(string(page), "http") {
			t.Error("the page's text")
		}
		id, err := recordings.ReadIdentity(o.typed(n))
		must(t, err)
		to, err := recordings.ReadRecipient(o.path(fmt.Sprintf("escrow/escrow-%d.pub", n)))
		must(t, err)
		lines, err := id.Sheet()
		must(t, err)
		if id.Recipient().ID() != to.ID() || !strings.Contains(string(page), strings.Join(lines, "\n")) || seen[to.ID()] {
			t.Errorf("sheet %d is not its key", n)
		}
		seen[to.ID()] = true
		st, err := os.Stat(o.path(fmt.Sprintf("escrow/escrow-%d.html", n)))
		must(t, err)
		if st.Mode().Perm() != 0o600 {
			t.Errorf("the sheet is %v", st.Mode())
		}
	}
	o.run(exitUsage, "keygen", "--out", o.path("escrow"), "--escrow")
	o.run(exitUsage, "keygen", "--out", o.path("root"), "--root")
	o.run(exitUsage, "keygen", "--out", o.path("x"), "--root", "--escrow")
	if shots := os.Getenv("SHEET_OUT"); shots != "" {
		must(t, os.CopyFS(shots, os.DirFS(o.path("escrow"))))
	}
}

func TestShareAndExcerpt(t *testing.T) {
	o := newOffice(t)
	o.closed(t, 0, nil)
	o.run(exitOK, "keygen", "--out", o.path("friend"))
	o.run(exitOK, "share", o.file, "--identity", o.keys, "--for", o.path("friend"), "--track", "chat", "--to", "1m", "--out", o.path("a.share"))
	said := o.run(exitOK, "share", o.file, "--identity", o.keys, "--link", "--track", "shell", "--track", "77", "--to", "30s", "--out", o.path("b.share"))
	secret := regexp.MustCompile(`secret +(\S+)`).FindStringSubmatch(said)
	if secret == nil {
		t.Fatal(said)
	}
	o.run(exitUnverifiable, "open", o.file, "--share", o.path("a.share"), "--identity", o.path("friend"), "--out", o.path("chat"))
	b, err := os.ReadFile(o.path("chat/events.json"))
	must(t, err)
	if !strings.Contains(string(b), "buon giorno") || strings.Contains(string(b), "session.opened") {
		t.Errorf("%s", b)
	}
	o.run(exitUnverifiable, "open", o.file, "--share", o.path("b.share"), "--secret="+secret[1], "--out", o.path("shell"))
	if _, err := os.Stat(o.path("shell/shell.cast")); err != nil {
		t.Error(err)
	}
	o.run(exitUnverifiable, "open", o.file, "--share", o.path("a.share"), "--identity", o.keys, "--out", o.path("n1"))
	o.run(exitUsage, "open", o.file, "--out", o.path("n2"))
	o.run(exitUsage, "open", o.file, "--secret="+secret[1], "--out", o.path("n3"))
	o.run(exitUsage, "share", o.file, "--identity", o.keys, "--track", "chat", "--to", "1m", "--out", o.path("c.share"))
	o.run(exitUsage, "share", o.file, "--identity", o.keys, "--link", "--track", "dance", "--to", "1m", "--out", o.path("c.share"))

	o.run(exitOK, "excerpt", "make", o.file, "--track", "chat", "--out", o.path("ex"))
	said = o.run(exitUnverifiable, "excerpt", o.path("ex"), "--bag", recordings.DefaultBag(o.file), "--identity", o.keys, "--out", o.path("read"))
	if !strings.Contains(said, "DATA, chat, at 0:00:02.000") || !strings.Contains(said, o.conf.Session.String()) {
		t.Error(said)
	}
	o.run(exitUnverifiable, "excerpt", "check", o.path("ex"), "--share", o.path("a.share"), "--identity", o.path("friend"), "--out", o.path("read2"))
	for _, dir := range []string{"read", "read2"} {
		b, err := os.ReadFile(o.path(dir + "/events.json"))
		must(t, err)
		if !strings.Contains(string(b), "buon giorno") {
			t.Errorf("%s", b)
		}
	}
	raw, err := os.ReadFile(o.path("ex"))
	must(t, err)
	e, err := recordings.ParseExcerpt(raw)
	must(t, err)
	root := fmt.Sprintf("%x", e.Head.Root)
	must(t, os.WriteFile(o.path("bad"), []byte(strings.Replace(string(raw), root, strings.Repeat("0", 64), 1)), 0o600))
	if said := o.run(exitTampered, "excerpt", o.path("bad")); !strings.Contains(said, "does not stand under its root") {
		t.Error(said)
	}
	must(t, os.WriteFile(o.path("worse"), raw[:100], 0o600))
	o.run(exitUnverifiable, "excerpt", o.path("worse"))
	o.run(exitIncomplete, "excerpt", "make", o.file, "--track", "meta", "--out", o.path("none"))
	o.run(exitUsage, "excerpt", "make", o.file, "--track", "chat", "--out", o.path("ex")) // there already
}
