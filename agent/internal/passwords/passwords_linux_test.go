package passwords

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ebitengine/purego"

	"consento/agent/internal/capture"
	"consento/agent/internal/xtest"
)

// programVariable makes the test binary a program of GTK with a field for a password.
const programVariable = "CONSENTO_PASSWORDS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(programVariable) != "" {
		program()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// program shows a field for a name and one for a password, each of a colour of its own,
// until its input ends; at each line the password is shown in clear, or no more.
func program() {
	runtime.LockOSThread()
	gtk, err := purego.Dlopen("libgtk-3.so.0", purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	var (
		start       func(a, b uintptr)
		window      func(kind int32) uintptr
		box         func(way, gap int32) uintptr
		entry       func() uintptr
		set         func(entry uintptr, text string)
		visible     func(entry uintptr, yes int32)
		name        func(widget uintptr, name string)
		add         func(in, what uintptr)
		show        func(widget uintptr)
		provider    func() uintptr
		load        func(provider uintptr, css string, length int, err uintptr) int32
		screen      func() uintptr
		addProvider func(screen, provider uintptr, priority uint32)
		pending     func() int32
		iterate     func(block int32) int32
	)
	for c, to := range map[string]any{"gtk_init": &start, "gtk_window_new": &window, "gtk_box_new": &box, "gtk_entry_new": &entry, "gtk_entry_set_text": &set,
		"gtk_entry_set_visibility": &visible, "gtk_widget_set_name": &name, "gtk_container_add": &add, "gtk_widget_show_all": &show, "gtk_css_provider_new": &provider,
		"gtk_css_provider_load_from_data": &load, "gdk_screen_get_default": &screen, "gtk_style_context_add_provider_for_screen": &addProvider, "gtk_events_pending": &pending, "gtk_main_iteration_do": &iterate} {
		purego.RegisterLibFunc(to, gtk, c)
	}
	start(0, 0)
	p := provider()
	load(p, `entry { background: #20c040; color: #20c040; border: none; } #secret { background: #ff00ff; color: #ff00ff; }`, -1, 0)
	addProvider(screen(), p, 800)
	w, rows, plain, secret := window(0), box(1, 40), entry(), entry()
	name(secret, "secret")
	set(plain, "somebody")
	set(secret, "a password")
	visible(secret, 0)
	add(w, rows)
	add(rows, plain)
	add(rows, secret)
	show(w)
	lines := make(chan string)
	go func() {
		defer close(lines)
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			lines <- in.Text()
		}
	}()
	clear := int32(0)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case _, ok := <-lines:
			if !ok {
				return
			}
			clear = 1 - clear
			visible(secret, clear)
		case <-tick.C:
		}
		for pending() != 0 {
			iterate(0)
		}
	}
}

// pixels counts those of the password's colour, of the name's, and of what is covered.
func pixels(f capture.Frame) (secret, plain, covered int) {
	for y := range f.Size.Y {
		for p := f.Pix[y*f.Stride:][:4*f.Size.X]; len(p) > 0; p = p[4:] {
			switch [3]byte{p[2], p[1], p[0]} {
			case [3]byte{0xff, 0, 0xff}:
				secret++
			case [3]byte{0x20, 0xc0, 0x40}:
				plain++
			case [3]byte{0x4a, 0x55, 0x60}, [3]byte{0x56, 0x62, 0x70}:
				covered++
			}
		}
	}
	return secret, plain, covered
}

// TestPasswordField: the field for a password of a real program is covered, and the one
// for a name is not; it stays covered when the program shows what is in it, and when the
// window moves; and nothing is covered when it has gone.
func TestPasswordField(t *testing.T) {
	display := xtest.Server(t, 800, 600)
	t.Setenv("DISPLAY", display)
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	bus := exec.Command("dbus-daemon", "--session", "--nofork", "--print-address")
	bus.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := bus.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := bus.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bus.Process.Kill(); _ = bus.Wait() })
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", strings.TrimSpace(address))

	program := exec.Command(os.Args[0])
	program.Env = append(os.Environ(), programVariable+"=1", "NO_AT_BRIDGE=0", "GTK_THEME=Adwaita")
	program.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := program.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	program.Stdout, program.Stderr = os.Stderr, os.Stderr
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	quit := sync.OnceFunc(func() { in.Close(); _ = program.Wait() })
	t.Cleanup(quit)

	covers := capture.NewCovers()
	ctx, stop := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	watching.Go(func() { Watch(ctx, covers.Mask) })
	t.Cleanup(func() { stop(); watching.Wait() })
	source, err := capture.OpenCovered(display, capture.Target{}, covers)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { source.Close() })
	hidden := false // the field is covered, and must stay so
	look := func() (plain, covered int) {
		f, err := source.Grab(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		secret, plain, covered := pixels(f)
		if hidden && secret > 0 {
			t.Fatalf("%d pixels of the password's field", secret)
		}
		if !hidden && secret == 0 && plain > 1000 && covered > 1000 {
			hidden = true
		}
		return plain, covered
	}
	xtest.Until(t, "covered", func() bool { look(); return hidden })
	_, before := look()
	if _, err := io.WriteString(in, "clear\n"); err != nil {
		t.Fatal(err)
	}
	for range 30 {
		look()
	}
	id, err := exec.Command("xdotool", "search", "--pid", fmt.Sprint(program.Process.Pid), "--onlyvisible", "--name", ".*").Output()
	if err != nil {
		t.Fatal(err)
	}
	window := strings.Fields(string(id))
	for i := range 30 {
		if err := exec.Command("xdotool", "windowmove", window[len(window)-1], fmt.Sprint(10*i), fmt.Sprint(7*i)).Run(); err != nil {
			t.Fatal(err)
		}
		look()
	}
	xtest.Until(t, "as much is covered as before", func() bool { _, covered := look(); return covered == before })
	quit()
	xtest.Until(t, "nothing is covered any more", func() bool { _, covered := look(); return covered == 0 })
}

// TestNoBus: without a bus of the desktop nothing is covered, and nothing is started.
func TestNoBus(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	Watch(t.Context(), func([]capture.Field) { t.Error("something was found") })
}
