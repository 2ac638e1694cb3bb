package restart

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"consento/build/stage"
)

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// customer is somebody's home on a desktop that starts programs.
func customer(t testing.TB, name string) string {
	t.Helper()
	at := filepath.Join(t.TempDir(), name)
	must(0, os.MkdirAll(at, 0o700))(t)
	t.Setenv("HOME", at)
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("XDG_CURRENT_DESKTOP", "ubuntu:GNOME")
	return at
}

var words = Words{Name: "Consento\n– einmal", Comment: `C:\x`}

// tree lists what lies in a folder.
func tree(t testing.TB, at string) (all []string) {
	t.Helper()
	must(0, filepath.WalkDir(at, func(path string, _ fs.DirEntry, err error) error {
		if path != at {
			all = append(all, strings.TrimPrefix(path, at))
		}
		return err
	}))(t)
	return all
}

// words of Exec, read as the specification says: first as a value of type string, then
// as words with quotes, last the field codes.
func execWords(t testing.TB, entry string) (list []string) {
	t.Helper()
	for line := range strings.Lines(string(must(os.ReadFile(entry))(t))) {
		text, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "Exec=")
		if !ok {
			continue
		}
		text = strings.NewReplacer(`\\`, `\`, `\s`, " ", `\n`, "\n", `\t`, "\t", `\r`, "\r").Replace(text)
		var word strings.Builder
		quoted, escaped := false, false
		for _, r := range text {
			switch {
			case escaped:
				word.WriteRune(r)
				escaped = false
			case quoted && r == '\\':
				escaped = true
			case r == '"':
				quoted = !quoted
			case !quoted && r == ' ':
				list = append(list, word.String())
				word.Reset()
			case !quoted && strings.ContainsRune("$`\\'<>~|&;*?#()", r):
				t.Fatalf("%c stands outside of quotes in %s", r, line)
			default:
				word.WriteRune(r)
			}
		}
		list = append(list, word.String())
	}
	for i := range list {
		list[i] = strings.ReplaceAll(list[i], "%%", "%")
	}
	return list
}

// TestReturn: what is prepared is private, is started by what the desktop reads, and is
// gone afterwards, whatever the home folder is called.
func TestReturn(t *testing.T) {
	for _, name := range []string{"anna", `a b"c$d` + "`e\\f%u'g", "ünï\u202egnp", "%%u"} {
		t.Run(name, func(t *testing.T) {
			at := customer(t, name)
			ticket := NewTicket("session-1", "https://support.example", "it")
			p := must(Prepare(ticket, words))(t)
			for path, mode := range map[string]fs.FileMode{p.folder: 0o700, filepath.Join(p.folder, ticketName): 0o600, filepath.Join(p.folder, programName): 0o700, p.entry: 0o600} {
				if info := must(os.Lstat(path))(t); info.Mode().Perm() != mode {
					t.Errorf("%s: %s", path, info.Mode())
				}
			}
			if got := execWords(t, p.entry); !slices.Equal(got, []string{filepath.Join(p.folder, programName), "--" + Flag}) {
				t.Errorf("the desktop starts %q", got)
			}
			if text := must(os.ReadFile(p.entry))(t); bytes.Count(text, []byte("\n")) != 9 || bytes.Contains(text, []byte(ticket.Secret)) {
				t.Errorf("the entry:\n%s", text)
			}
			if data := must(os.ReadFile(filepath.Join(p.folder, ticketName)))(t); bytes.Contains(data, []byte(ticket.Secret)) || bytes.Contains(data, []byte("session-1")) {
				t.Error("the ticket is not sealed")
			}
			own, copied := must(os.ReadFile("/proc/self/exe"))(t), must(os.ReadFile(filepath.Join(p.folder, programName)))(t)
			if !bytes.Equal(own, copied) {
				t.Error("the copy is another program")
			}

			back := must(take(p.folder))(t)
			got := back.Ticket
			if got.Session != "session-1" || got.Secret != ticket.Secret || got.Machine != ticket.Machine || got.Broker != ticket.Broker || got.Language != "it" || got.Hash() != ticket.Hash() || got.Left() <= 0 || got.Left() > Limit {
				t.Errorf("%+v instead of %+v", got, ticket)
			}
			if entryThere(p.entry) {
				t.Error("the entry is still there")
			}
			if _, err := take(p.folder); !errors.Is(err, ErrTicket) {
				t.Errorf("taken twice: %v", err)
			}
			if left := back.Left(); len(left) > 0 || len(tree(t, at)) > 0 {
				t.Errorf("left: %q, %q", left, tree(t, at))
			}
		})
	}
}

// TestUndo leaves what others have put there.
func TestUndo(t *testing.T) {
	at := customer(t, "anna")
	must(0, os.MkdirAll(filepath.Join(at, ".config"), 0o755))(t)
	p := must(Prepare(NewTicket("s", "", ""), words))(t)
	other := filepath.Join(at, ".config", "autostart", "other.desktop")
	must(0, os.WriteFile(other, nil, 0o600))(t)
	if left := p.Undo(); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	if got := tree(t, at); !slices.Equal(got, []string{"/.config", "/.config/autostart", "/.config/autostart/other.desktop"}) {
		t.Errorf("%q", got)
	}
	must(0, os.WriteFile(filepath.Join(at, prefix+"0123456789abcdef"), nil, 0o600))(t) // not a folder
	if left := (&Plan{folder: filepath.Join(at, prefix+"0123456789abcdef", "x")}).Left(); len(left) != 1 {
		t.Errorf("what cannot be looked at counts as gone: %q", left)
	}
}

// TestHostile: links, foreign folders, copies and old tickets are of no use.
func TestHostile(t *testing.T) {
	fresh := func(t *testing.T) (string, *Plan) {
		at := customer(t, "anna")
		return at, must(Prepare(NewTicket("s", "", ""), words))(t)
	}
	refused := func(t *testing.T, folder string) {
		t.Helper()
		if p, err := take(folder); !errors.Is(err, ErrTicket) || p != nil && p.Ticket.Secret != "" {
			t.Errorf("taken: %+v, %v", p, err)
		}
	}
	t.Run("the entry's place is a link", func(t *testing.T) {
		at := customer(t, "anna")
		target := filepath.Join(at, "target")
		entry := filepath.Join(at, "autostart", "x.desktop")
		must(0, os.Mkdir(filepath.Dir(entry), 0o700))(t)
		must(0, os.Symlink(target, entry))(t)
		if err := makeEntry(entry, "/x", words); !errors.Is(err, fs.ErrExist) {
			t.Error(err)
		}
		if entryThere(target) {
			t.Error("the link was followed")
		}
	})
	t.Run("others may write into the folder autostart", func(t *testing.T) {
		at := customer(t, "anna")
		must(0, os.MkdirAll(filepath.Join(at, ".config", "autostart"), 0o700))(t)
		must(0, os.Chmod(filepath.Join(at, ".config", "autostart"), 0o777))(t)
		before := tree(t, at)
		if _, err := Prepare(NewTicket("s", "", ""), words); err == nil {
			t.Error("prepared")
		}
		if got := tree(t, at); !slices.Equal(got, before) {
			t.Errorf("left: %q", got)
		}
	})
	t.Run("a copy of the folder", func(t *testing.T) {
		at, p := fresh(t)
		copied := filepath.Join(at, prefix+"0011223344556677")
		must(0, os.Mkdir(copied, 0o700))(t)
		must(0, os.WriteFile(filepath.Join(copied, ticketName), must(os.ReadFile(filepath.Join(p.folder, ticketName)))(t), 0o600))(t)
		refused(t, copied)
	})
	t.Run("a ticket that others can read", func(t *testing.T) {
		_, p := fresh(t)
		must(0, os.Chmod(filepath.Join(p.folder, ticketName), 0o644))(t)
		refused(t, p.folder)
	})
	t.Run("a link in its place", func(t *testing.T) {
		at, p := fresh(t)
		must(0, os.Rename(filepath.Join(p.folder, ticketName), filepath.Join(at, "moved")))(t)
		must(0, os.Symlink(filepath.Join(at, "moved"), filepath.Join(p.folder, ticketName)))(t)
		refused(t, p.folder)
	})
	t.Run("a changed ticket", func(t *testing.T) {
		_, p := fresh(t)
		path := filepath.Join(p.folder, ticketName)
		data := must(os.ReadFile(path))(t)
		data[len(data)-1] ^= 1
		must(0, os.WriteFile(path, data, 0o600))(t)
		refused(t, p.folder)
	})
	t.Run("an old ticket", func(t *testing.T) {
		customer(t, "anna")
		ticket := NewTicket("s", "", "")
		ticket.Made = time.Now().Add(-Limit - time.Second)
		p := must(Prepare(ticket, words))(t)
		back, err := take(p.folder)
		if !errors.Is(err, ErrTicket) || entryThere(p.entry) || back.Ticket.Secret != "" {
			t.Errorf("%v, the entry is there: %v", err, entryThere(p.entry))
		}
		if left := back.Left(); len(left) > 0 {
			t.Errorf("left: %q", left)
		}
	})
	t.Run("a clock that was set back", func(t *testing.T) {
		ticket := Ticket{Made: time.Now().Add(time.Hour)}
		if ticket.Left() != Limit {
			t.Error(ticket.Left())
		}
	})
	t.Run("another folder", func(t *testing.T) {
		at := customer(t, "anna")
		must(0, os.WriteFile(filepath.Join(at, ticketName), []byte("mine"), 0o600))(t)
		refused(t, at)
		if _, err := os.Stat(filepath.Join(at, ticketName)); err != nil {
			t.Error(err)
		}
	})
}

func TestAble(t *testing.T) {
	at := customer(t, "anna")
	must(0, Able())(t)
	for _, desktop := range []string{"", "i3", "sway:wlroots"} {
		t.Setenv("XDG_CURRENT_DESKTOP", desktop)
		if err := Able(); !errors.Is(err, ErrUnable) {
			t.Errorf("%q: %v", desktop, err)
		}
	}
	t.Setenv("XDG_CURRENT_DESKTOP", "KDE")
	must(0, os.Chmod(at, 0o777))(t)
	if err := Able(); !errors.Is(err, ErrUnable) {
		t.Errorf("a home that is open to all: %v", err)
	}
	must(0, os.Chmod(at, 0o700))(t)
	for _, name := range []string{"a\nb", "a=b", "a\xffb"} {
		t.Setenv("HOME", filepath.Join(at, name))
		must(0, os.Mkdir(filepath.Join(at, name), 0o700))(t)
		if err := Able(); !errors.Is(err, ErrUnable) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestReboot calls a login manager over a real bus.
func TestReboot(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	l := must(stage.NewLogind(ctx))(t)
	t.Cleanup(func() { must(0, l.Close())(t) })
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", l.Address)
	must(0, Reboot(ctx))(t)
	if l.Reboots() != 1 {
		t.Errorf("%d calls", l.Reboots())
	}
	l.Refuses.Store(true)
	if err := Reboot(ctx); err == nil {
		t.Error("a refusal counts as a restart")
	}
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere")
	if err := Reboot(ctx); err == nil {
		t.Error("no bus counts as a restart")
	}
}

func FuzzOpen(f *testing.F) {
	folder := filepath.Join(f.TempDir(), "x")
	must(0, os.Mkdir(folder, 0o700))(f)
	good := must(seal(folder, []byte("{}")))(f)
	f.Add(good)
	f.Add(good[:saltSize])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		if plain, err := open(folder, data); err == nil && !bytes.Equal(data, good) {
			t.Errorf("opened to %q", plain)
		}
	})
}
