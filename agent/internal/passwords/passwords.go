// Package passwords finds the fields for passwords that are on the customer's screen, where
// programs tell of them: over AT-SPI, the bus that screen readers use (at-spi2-core, the
// interfaces org.a11y.atspi).
//
// It promises: what was a field for a password stays one as long as it is shown, also when
// its program shows what is in it; no program is started, and no setting changed, for it.
// It reads neither text nor names.
//
// It does not promise to find all: programs of GTK 3 tell; those of Qt and browsers do only
// where the desktop says that a screen reader is used; what runs in a sandbox does not say
// which window it has. Between a field's coming up and its being covered passes about a
// quarter of a second.
package passwords

import (
	"context"
	"errors"
	"image"
	"os"
	"slices"
	"time"

	"github.com/godbus/dbus/v5"

	"consento/agent/internal/capture"
	"consento/agent/internal/presence"
	"consento/protocol"
)

// Names and numbers of AT-SPI 2.
const (
	registry  = "org.a11y.atspi.Registry"
	rootPath  = "/org/a11y/atspi/accessible/root"
	ofObject  = "org.a11y.atspi.Accessible"
	onScreen  = "org.a11y.atspi.Component"
	matching  = "org.a11y.atspi.Collection"
	busDriver = "org.freedesktop.DBus"

	rolePassword              = 40
	stateShowing              = 25
	fromDesktop, fromWindow   = uint32(0), uint32(1)
	matchAll, matchAny        = int32(1), int32(2)
	orderCanonical, unlimited = uint32(1), int32(0)
)

const (
	lookInterval  = 200 * time.Millisecond // at known fields, and at programs that said something
	sweepInterval = 3 * time.Second        // at all programs, whatever they say
	busInterval   = 2 * time.Second        // whether there is a bus at all
	patience      = time.Second            // with a program that hangs
	maxPrograms   = 200
	maxWindows    = 100  // of a program
	maxWalked     = 1000 // objects of a program that cannot be searched
)

// object is one of a program's, as AT-SPI refers to it.
type object struct {
	Bus  string
	Path dbus.ObjectPath
}

// found is a field and the window that it is in.
type found struct{ field, window object }

// Watch tells, at each change, which fields for passwords are shown, until ctx ends. It
// returns at once where there is no bus of the desktop.
func Watch(ctx context.Context, tell func([]capture.Field)) {
	address := presence.SessionBus()
	if address == "" {
		return
	}
	for ctx.Err() == nil {
		if bus, err := open(ctx, address); err == nil {
			w := &watch{bus: bus, tell: tell, known: map[found]capture.Field{}, pids: map[string]uint32{}}
			w.run(ctx)
			bus.Close()
			tell(nil)
		}
		select {
		case <-ctx.Done():
		case <-time.After(busInterval):
		}
	}
}

var errNone = errors.New("passwords: no bus of screen readers")

// open connects to the bus of screen readers, if it runs.
func open(ctx context.Context, address string) (*dbus.Conn, error) {
	session, err := dbus.Connect(address, dbus.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	defer session.Close()
	var there bool
	if err := session.BusObject().CallWithContext(ctx, busDriver+".NameHasOwner", 0, "org.a11y.Bus").Store(&there); err != nil || !there {
		return nil, errNone
	}
	var at string
	if err := session.Object("org.a11y.Bus", "/org/a11y/bus").CallWithContext(ctx, "org.a11y.Bus.GetAddress", dbus.FlagNoAutoStart).Store(&at); err != nil {
		return nil, err
	}
	return dbus.Connect(at, dbus.WithContext(ctx))
}

type watch struct {
	bus   *dbus.Conn
	tell  func([]capture.Field)
	known map[found]capture.Field
	pids  map[string]uint32
	told  []capture.Field
}

func (w *watch) run(ctx context.Context) {
	signals := make(chan *dbus.Signal, 256)
	w.bus.Signal(signals)
	for _, name := range []string{"Object", "Window"} {
		if w.bus.AddMatchSignalContext(ctx, dbus.WithMatchInterface("org.a11y.atspi.Event."+name)) != nil {
			return
		}
	}
	for _, event := range []string{"object:state-changed:focused", "object:state-changed:showing", "window:create", "window:activate"} {
		w.bus.Object(registry, "/org/a11y/atspi/registry").CallWithContext(ctx, registry+".RegisterEvent", 0, event, []string{}, "")
	}
	tick, sweep := time.NewTicker(lookInterval), time.NewTicker(sweepInterval)
	defer tick.Stop()
	defer sweep.Stop()
	due := map[string]bool{}
	all := true
	for {
		if all {
			for _, program := range w.children(ctx, object{registry, rootPath}, maxPrograms) {
				due[program.Bus] = true
			}
			all = false
		}
		for bus := range due {
			w.search(ctx, bus)
		}
		clear(due)
		w.refresh(ctx)
		for waiting := true; waiting; {
			select {
			case s, ok := <-signals:
				if !ok {
					return
				}
				if len(due) < maxPrograms {
					due[s.Sender] = true
				}
			case <-sweep.C:
				all = true
			case <-tick.C:
				waiting = len(due) == 0 && len(w.known) == 0 && !all
			case <-ctx.Done():
				return
			}
		}
	}
}

func (w *watch) call(ctx context.Context, o object, method string, out any, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return w.bus.Object(o.Bus, o.Path).CallWithContext(ctx, method, dbus.FlagNoAutoStart, args...).Store(out)
}

func (w *watch) children(ctx context.Context, o object, most int) (list []object) {
	if w.call(ctx, o, ofObject+".GetChildren", &list) != nil {
		return nil
	}
	return list[:min(len(list), most)]
}

// pid is the process of a program on the bus, 0 if it is not known or our own.
func (w *watch) pid(ctx context.Context, bus string) uint32 {
	if pid, ok := w.pids[bus]; ok {
		return pid
	}
	var pid uint32
	if w.call(ctx, object{busDriver, "/org/freedesktop/DBus"}, busDriver+".GetConnectionUnixProcessID", &pid, bus) != nil || pid == uint32(os.Getpid()) {
		pid = 0
	}
	if len(w.pids) > 10*maxPrograms {
		clear(w.pids)
	}
	w.pids[bus] = pid
	return pid
}

// search finds the fields of a program.
func (w *watch) search(ctx context.Context, bus string) {
	if w.pid(ctx, bus) == 0 {
		return
	}
	for _, window := range w.children(ctx, object{bus, rootPath}, maxWindows) {
		fields, err := w.match(ctx, window)
		if err != nil {
			left := maxWalked
			fields = w.walk(ctx, window, &left)
		}
		for _, f := range fields {
			if len(w.known) < protocol.MaxCovered {
				if key := (found{f, window}); w.known[key] == (capture.Field{}) {
					w.known[key] = capture.Field{}
				}
			}
		}
	}
}

// rule is what Collection.GetMatches looks for.
type rule struct {
	States     []int32
	StateMatch int32
	Attributes map[string]string
	AttrMatch  int32
	Roles      []int32
	RoleMatch  int32
	Interfaces []string
	FaceMatch  int32
	Invert     bool
}

// match has the program itself search a window.
func (w *watch) match(ctx context.Context, window object) (list []object, err error) {
	r := rule{States: []int32{0, 0}, StateMatch: matchAll, Attributes: map[string]string{}, AttrMatch: matchAll,
		Roles: []int32{0, 1 << (rolePassword - 32), 0, 0}, RoleMatch: matchAny, Interfaces: []string{}, FaceMatch: matchAll}
	err = w.call(ctx, window, matching+".GetMatches", &list, r, orderCanonical, unlimited, true)
	return list, err
}

// walk goes through the objects of a window.
func (w *watch) walk(ctx context.Context, o object, left *int) (list []object) {
	var role uint32
	if *left--; *left < 0 || w.call(ctx, o, ofObject+".GetRole", &role) != nil {
		return nil
	}
	if role == rolePassword {
		return []object{o}
	}
	for _, c := range w.children(ctx, o, *left) {
		list = append(list, w.walk(ctx, c, left)...)
	}
	return list
}

// refresh looks where the known fields are, forgets those that are not shown any more, and
// tells.
func (w *watch) refresh(ctx context.Context) {
	var now []capture.Field
	for key := range w.known {
		var states []uint32
		err := w.call(ctx, key.field, ofObject+".GetState", &states)
		if answered := new(dbus.Error); errors.As(err, answered) || err == nil && (len(states) == 0 || states[0]>>stateShowing&1 == 0) {
			delete(w.known, key)
			continue
		}
		at, err := w.place(ctx, key.field, fromWindow)
		window, err2 := w.place(ctx, key.window, fromDesktop)
		if err == nil && err2 == nil {
			w.known[key] = capture.Field{PID: w.pid(ctx, key.field.Bus), Window: window, At: at}
		} // else it hangs, and is where it was
		if f := w.known[key]; !f.At.Empty() {
			now = append(now, f)
		}
	}
	slices.SortFunc(now, func(a, b capture.Field) int {
		for _, d := range []int{int(a.PID) - int(b.PID), a.Window.Min.X - b.Window.Min.X, a.Window.Min.Y - b.Window.Min.Y, a.At.Min.Y - b.At.Min.Y, a.At.Min.X - b.At.Min.X} {
			if d != 0 {
				return d
			}
		}
		return 0
	})
	if !slices.Equal(now, w.told) {
		w.told = now
		w.tell(slices.Clone(now))
	}
}

// maxPlace bounds what a program can say of where something is, in pixels.
const maxPlace = 30000

func (w *watch) place(ctx context.Context, o object, from uint32) (image.Rectangle, error) {
	var e struct{ X, Y, Width, Height int32 }
	if err := w.call(ctx, o, onScreen+".GetExtents", &e, from); err != nil {
		return image.Rectangle{}, err
	}
	in := func(n, least int32) int { return int(max(least, min(n, maxPlace))) }
	at := image.Pt(in(e.X, -maxPlace), in(e.Y, -maxPlace))
	return image.Rectangle{Min: at, Max: at.Add(image.Pt(in(e.Width, 0), in(e.Height, 0)))}, nil
}
