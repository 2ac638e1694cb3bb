// Package presence tells whether the customer attends: whether the screen is
// locked, or somebody else's session is in front of the computer; and whether the
// computer slept.
//
// It listens to what can be relied on: the login manager (logind: LockedHint and
// Active of our session), the screen savers of the desktops, and lockers on the
// display itself (see capture.WatchLock). Each of them may be missing. It does
// not notice who locks without telling any of them, nor a person who walks away.
// Whoever can forge these signals can at most stop the picture, or hide a lock
// that the same program could undo.
package presence

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"

	"consento/agent/internal/capture"
)

// Names on the bus of the login manager, and of the screen savers that say
// whether they have locked.
const (
	login        = "org.freedesktop.login1"
	loginPath    = "/org/freedesktop/login1"
	loginManager = login + ".Manager"
	loginSession = login + ".Session"
	properties   = "org.freedesktop.DBus.Properties"
	busName      = "org.freedesktop.DBus"
)

var savers = map[string]dbus.ObjectPath{
	"org.freedesktop.ScreenSaver": "/org/freedesktop/ScreenSaver",
	"org.gnome.ScreenSaver":       "/org/gnome/ScreenSaver",
	"org.cinnamon.ScreenSaver":    "/org/cinnamon/ScreenSaver",
	"org.mate.ScreenSaver":        "/org/mate/ScreenSaver",
	"org.xfce.ScreenSaver":        "/org/xfce/ScreenSaver",
}

// Watch tells when nobody attends, until Close. What cannot be watched counts as
// attended.
type Watch struct {
	away   chan bool
	slept  chan time.Duration
	stop   context.CancelFunc
	helper sync.WaitGroup

	mu   sync.Mutex
	says map[string]bool // by source: nobody is there
	told bool
}

// Open begins to watch the person at a display.
func Open(ctx context.Context, display string) *Watch {
	ctx, stop := context.WithCancel(ctx)
	w := &Watch{away: make(chan bool, 1), slept: make(chan time.Duration), stop: stop, says: map[string]bool{}}
	w.helper.Go(func() { w.display(ctx, display) })
	w.helper.Go(func() { w.login(ctx) })
	w.helper.Go(func() { w.savers(ctx) })
	w.helper.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		w.sleep(ctx, tick.C, sinceBoot())
	})
	return w
}

// Away delivers the latest state: true when nobody attends any more, false when
// somebody is there again. At first it is only told if nobody is.
func (w *Watch) Away() <-chan bool { return w.away }

// Slept delivers for how long the computer slept, or this program was not run.
func (w *Watch) Slept() <-chan time.Duration { return w.slept }

// Close ends the watch and waits for that.
func (w *Watch) Close() {
	w.stop()
	w.helper.Wait()
}

// hear takes what one source says.
func (w *Watch) hear(source string, away bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.says[source] = away
	now := slices.Contains(slices.Collect(maps.Values(w.says)), true)
	if now == w.told {
		return
	}
	w.told = now
	select {
	case <-w.away: // what nobody fetched is old
	default:
	}
	w.away <- now
}

func (w *Watch) display(ctx context.Context, display string) {
	locked, err := capture.WatchLock(ctx, display)
	if err != nil {
		return // there is none that could be shown either
	}
	for now := range locked {
		w.hear("display", now)
	}
}

// login follows our session as the login manager sees it.
func (w *Watch) login(ctx context.Context) {
	conn, err := dbus.ConnectSystemBus(dbus.WithContext(ctx))
	if err != nil {
		return
	}
	defer conn.Close()
	var path dbus.ObjectPath
	manager := conn.Object(login, loginPath)
	if manager.CallWithContext(ctx, loginManager+".GetSessionByPID", dbus.FlagNoAutoStart, uint32(os.Getpid())).Store(&path) != nil &&
		manager.CallWithContext(ctx, loginManager+".GetSession", dbus.FlagNoAutoStart, os.Getenv("XDG_SESSION_ID")).Store(&path) != nil {
		return // not a session of the login manager
	}
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals)
	if conn.AddMatchSignalContext(ctx, dbus.WithMatchSender(login), dbus.WithMatchObjectPath(path), dbus.WithMatchInterface(properties)) != nil {
		return
	}
	for {
		all := map[string]dbus.Variant{}
		if conn.Object(login, path).CallWithContext(ctx, properties+".GetAll", dbus.FlagNoAutoStart, loginSession).Store(&all) == nil {
			locked, _ := all["LockedHint"].Value().(bool)
			active, known := all["Active"].Value().(bool)
			w.hear("login", locked || known && !active)
		}
		select {
		case _, ok := <-signals:
			if !ok {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// savers follows the screen savers of the person's desktop.
func (w *Watch) savers(ctx context.Context) {
	address := SessionBus()
	if address == "" {
		return
	}
	conn, err := dbus.Connect(address, dbus.WithContext(ctx))
	if err != nil {
		return
	}
	defer conn.Close()
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals)
	for name, path := range savers {
		if conn.AddMatchSignalContext(ctx, dbus.WithMatchInterface(name), dbus.WithMatchMember("ActiveChanged")) != nil {
			return
		}
		var owned, active bool
		if conn.BusObject().CallWithContext(ctx, busName+".NameHasOwner", 0, name).Store(&owned) == nil && owned &&
			conn.Object(name, path).CallWithContext(ctx, name+".GetActive", dbus.FlagNoAutoStart).Store(&active) == nil {
			w.hear(name, active)
		}
	}
	for {
		select {
		case s, ok := <-signals:
			if !ok {
				return
			}
			for name := range savers {
				if s.Name == name+".ActiveChanged" && len(s.Body) == 1 {
					if active, ok := s.Body[0].(bool); ok {
						w.hear(name, active)
					}
				}
			}
		case <-ctx.Done():
			return
		}
	}
}

// SessionBus is the address of the desktop's bus, "" if it has none. The library
// would start one where there is none, which would outlive us and leave files in
// the customer's home.
func SessionBus() string {
	if a := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); a != "" && !strings.HasPrefix(a, "autolaunch:") {
		return a
	}
	path := filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "bus")
	if info, err := os.Stat(path); err != nil || !filepath.IsAbs(path) || info.Mode().Type() != os.ModeSocket {
		return ""
	}
	return "unix:path=" + path
}
