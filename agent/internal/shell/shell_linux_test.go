package shell

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"consento/agent/internal/xtest"
)

func TestMain(m *testing.M) {
	Keep()
	os.Exit(m.Run())
}

// screen reads a shell and keeps what it put out.
type screen struct {
	*Shell
	t    *testing.T
	mu   sync.Mutex
	text bytes.Buffer
	eof  chan struct{}
}

// begin starts bash without files of its own, in a fresh home.
func begin(t *testing.T) *screen {
	t.Helper()
	a := account{name: "anna", home: t.TempDir(), shell: "/bin/bash"}
	sh, err := start(80, 24, a, a.shell, []string{"bash", "--norc", "--noprofile"})
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{Shell: sh, t: t, eof: make(chan struct{})}
	t.Cleanup(func() { s.Close(); xtest.Until(t, "all of it is over", func() bool { return closed(s.Over()) }) })
	go func() {
		defer close(s.eof)
		buf := make([]byte, 100_000)
		for {
			n, err := s.Read(buf)
			s.mu.Lock()
			s.text.Write(buf[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return s
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (s *screen) all() string { s.mu.Lock(); defer s.mu.Unlock(); return s.text.String() }

func (s *screen) enter(line string) {
	s.t.Helper()
	if _, err := s.Write([]byte(line + "\r")); err != nil {
		s.t.Fatal(err)
	}
}

func (s *screen) shows(text string) {
	s.t.Helper()
	xtest.Until(s.t, text, func() bool { return strings.Contains(s.all(), text) })
}

// TestShell is a real terminal: size, characters, signals, and nothing of the agent's.
func TestShell(t *testing.T) {
	t.Setenv("CONSENTO_SECRET", "hidden")
	t.Setenv("DISPLAY", ":77")
	t.Setenv("LANG", "C.UTF-8")
	s := begin(t)
	s.enter(`echo $((6*7))è漢; tty -s && stty size; pwd; env | tr '\n' ';'`)
	s.shows("42è漢")
	s.shows("24 80")
	s.shows("TERM=xterm-256color")
	if err := s.Resize(132, 43); err != nil {
		t.Fatal(err)
	}
	s.enter("stty size; ls /proc/self/fd | wc -l; echo done=$?")
	s.shows("43 132")
	s.shows("done=0")
	for _, bad := range []string{"CONSENTO", "DISPLAY", "hidden"} {
		if strings.Contains(s.all(), bad) {
			t.Errorf("the shell knows %s", bad)
		}
	}
	s.enter("tail -f /dev/null; echo went on")
	xtest.Until(t, "tail runs", func() bool { return strings.Contains(commands(s.keeper.Process.Pid), "tail") })
	if _, err := s.Write([]byte{3}); err != nil { // Ctrl+C
		t.Fatal(err)
	}
	s.shows("went on")
	s.enter("exit 7")
	xtest.Until(t, "over", func() bool { return closed(s.Over()) && closed(s.eof) })
	if s.Code() != 7 || s.Left() != 0 {
		t.Errorf("exit %d, left %d", s.Code(), s.Left())
	}
}

// commands is what runs below a process.
func commands(of int) string {
	var names []string
	for _, pid := range descendants(of) {
		data, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm") // it may be gone
		names = append(names, strings.TrimSpace(string(data)))
	}
	return strings.Join(names, " ")
}

// escape starts programs that do all they can to stay: they ignore what can be
// ignored, leave the session, and become children of another. It returns their ids.
func (s *screen) escape() []int {
	s.t.Helper()
	dir := s.t.TempDir()
	hang := `trap "" HUP INT QUIT TERM TSTP; echo $$ > ` + dir + `/$1.part; mv ` + dir + `/$1.part ` + dir + `/$1; while :; do read x <> ` + dir + `/fifo; done`
	if err := os.WriteFile(filepath.Join(dir, "hang"), []byte(hang), 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	sh := "sh " + dir + "/hang "
	s.enter("nohup " + sh + "nohup >/dev/null 2>&1 &")
	s.enter("setsid " + sh + "setsid </dev/null >/dev/null 2>&1 &")
	s.enter("(setsid sh -c '" + sh + "daemon </dev/null >/dev/null 2>&1 &' &)")
	s.enter("trap '' HUP; " + sh + "front")
	var pids []int
	for _, name := range []string{"nohup", "setsid", "daemon", "front"} {
		xtest.Until(s.t, name+" runs", func() bool {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				return false
			}
			pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
			if err == nil && !slices.Contains(pids, pid) {
				pids = append(pids, pid)
			}
			return err == nil
		})
	}
	return pids
}

func gone(pid int) bool { return syscall.Kill(pid, 0) == syscall.ESRCH }

// TestNothingStays: close, the holder's death, the shell's own end.
func TestNothingStays(t *testing.T) {
	for name, end := range map[string]func(*screen){
		"closed":              func(s *screen) { s.Close() },
		"the holder is gone":  func(s *screen) { s.hold.Close() },
		"the shell is killed": func(s *screen) { syscall.Kill(descendants(s.keeper.Process.Pid)[0], syscall.SIGKILL) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := begin(t)
			pids := s.escape()
			end(s)
			xtest.Until(t, "over", func() bool { return closed(s.Over()) })
			for _, pid := range pids {
				if !gone(pid) {
					t.Errorf("process %d of %d still runs", pid, pids)
				}
			}
			if s.Left() != 0 {
				t.Errorf("left %d", s.Left())
			}
		})
	}
}

// TestKeeperKilled: what the terminal holds ends with it.
func TestKeeperKilled(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.enter("echo ready")
	s.shows("ready")
	front := descendants(s.keeper.Process.Pid)
	if err := s.keeper.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	xtest.Until(t, "over", func() bool { return closed(s.Over()) })
	if s.Code() != -1 {
		t.Errorf("code %d", s.Code())
	}
	for _, pid := range front {
		xtest.Until(t, "the shell is gone", func() bool { return gone(pid) })
	}
}

// TestHidden tells a password from a line that the shell draws itself.
func TestHidden(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.enter("echo ready")
	s.shows("ready")
	xtest.Until(t, "the shell draws", func() bool { return !s.Hidden() })
	s.enter(`read -s -p 'Pass''word: ' x; echo "got ${#x}"`)
	s.shows("Password: ")
	xtest.Until(t, "hidden", s.Hidden)
	s.enter("geheim")
	s.shows("got 6")
	xtest.Until(t, "shown again", func() bool { return !s.Hidden() })
	if strings.Contains(s.all(), "geheim") {
		t.Error("the terminal showed it")
	}
}

// TestOwn takes what the list of users says, and no program that is none.
func TestOwn(t *testing.T) {
	home := t.TempDir()
	passwd := filepath.Join(t.TempDir(), "passwd")
	text := "root:x:0:0:root:/root:/bin/bash\nbroken\nanna:x:1234:1:Anna:" + home + ":/bin/sh\nnobody:x:99:1::/nonexistent:/usr/sbin/nologin-not-there\n"
	if err := os.WriteFile(passwd, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		uid  int
		home string
		want account
	}{
		{1234, "", account{"anna", home, "/bin/sh"}}, {1234, "/", account{"anna", "/", "/bin/sh"}}, {1234, "there/is/none", account{"anna", home, "/bin/sh"}},
		{99, "", account{"nobody", "/", "/bin/bash"}}, {5, home, account{"net", home, "/bin/bash"}},
	} {
		env := func(name string) string {
			return map[string]string{"HOME": c.home, "USER": "net", "SHELL": "bash"}[name]
		}
		if got := own(passwd, c.uid, env); got != c.want {
			t.Errorf("%+v: %+v", c, got)
		}
	}
}
