package presence

import (
	"bufio"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"

	"consento/agent/internal/xtest"
)

// bus starts a bus of its own and returns its address.
func bus(t *testing.T) string {
	t.Helper()
	cmd := exec.Command("dbus-daemon", "--session", "--nofork", "--print-address")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// serve connects to a bus under a name.
func serve(t *testing.T, address, name string) *dbus.Conn {
	t.Helper()
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if r, err := conn.RequestName(name, dbus.NameFlagDoNotQueue); err != nil || r != dbus.RequestNameReplyPrimaryOwner {
		t.Fatal(r, err)
	}
	return conn
}

func expect(t *testing.T, w *Watch, want bool) {
	t.Helper()
	select {
	case got := <-w.Away():
		if got != want {
			t.Fatalf("away: %v", got)
		}
	case <-time.After(patience):
		t.Fatalf("never away: %v", want)
	}
}

const patience = 60 * time.Second

// hears waits until one of the sources has said this, whatever the others say.
func hears(t *testing.T, w *Watch, source string, want bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for {
		w.mu.Lock()
		said, ok := w.says[source]
		w.mu.Unlock()
		if ok && said == want {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%s never says %v", source, want)
		}
	}
}

// loginManager answers as logind does.
type manager struct{ session dbus.ObjectPath }

func (m manager) GetSessionByPID(uint32) (dbus.ObjectPath, *dbus.Error) { return m.session, nil }

// saver answers as a desktop's screen saver does.
type saver struct{ active bool }

func (s saver) GetActive() (bool, *dbus.Error) { return s.active, nil }

// Each source counts, and nobody is there as long as one of them says so.
func TestAway(t *testing.T) {
	display := xtest.Server(t, 320, 200)
	system, session := bus(t), bus(t)
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", system)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", session)

	logind := serve(t, system, login)
	const path = dbus.ObjectPath("/org/freedesktop/login1/session/_31")
	if err := logind.Export(manager{path}, loginPath, loginManager); err != nil {
		t.Fatal(err)
	}
	props, err := prop.Export(logind, path, prop.Map{loginSession: {
		"LockedHint": {Value: false, Emit: prop.EmitTrue}, "Active": {Value: true, Emit: prop.EmitTrue},
	}})
	if err != nil {
		t.Fatal(err)
	}
	gnome := serve(t, session, "org.gnome.ScreenSaver")
	if err := gnome.Export(saver{true}, "/org/gnome/ScreenSaver", "org.gnome.ScreenSaver"); err != nil {
		t.Fatal(err)
	}
	saves := func(active bool) {
		t.Helper()
		if err := gnome.Emit("/org/gnome/ScreenSaver", "org.gnome.ScreenSaver.ActiveChanged", active); err != nil {
			t.Fatal(err)
		}
	}

	w := Open(t.Context(), display)
	defer w.Close()
	expect(t, w, true) // locked from the start
	saves(false)
	expect(t, w, false)
	props.SetMust(loginSession, "LockedHint", true)
	expect(t, w, true)
	props.SetMust(loginSession, "LockedHint", false)
	expect(t, w, false)
	props.SetMust(loginSession, "Active", false) // another person's session is in front
	expect(t, w, true)
	locker := xtest.Start(t, display, "i3lock", "-n")
	hears(t, w, "display", true)
	saves(true)
	hears(t, w, "org.gnome.ScreenSaver", true)
	props.SetMust(loginSession, "Active", true)
	hears(t, w, "login", false)
	saves(false)
	hears(t, w, "org.gnome.ScreenSaver", false)
	if err := locker.Kill(); err != nil {
		t.Fatal(err)
	}
	expect(t, w, false) // all of them
	xtest.Start(t, display, "i3lock", "-n")
	expect(t, w, true)
}

// Without any bus and any display nothing is said, and the end comes.
func TestNothingToWatch(t *testing.T) {
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere")
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
	w := Open(t.Context(), "/nowhere:7")
	w.Close()
	select {
	case away := <-w.Away():
		t.Error(away)
	default:
	}
}
