package ui

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
)

// gtk is the toolkit over GTK 3. One goroutine on a thread of its own runs GTK's main loop; all else
// is handed to it by do.
type gtk struct {
	*gtkLibrary
	desk *desktop

	display, screen, provider, attrs uintptr
	plain                            bool // a high-contrast theme: its colours stay

	mu    sync.Mutex
	queue []func()
	over  bool // the queue takes no more

	open map[*gtkTop]struct{} // windows, on the loop's goroutine
	done chan struct{}
}

// Values of GTK's enumerations (gtkenums.h, gdktypes.h, gtkstyleprovider.h of GTK 3.24).
const (
	windowToplevel, windowPopup     = 0, 1
	positionNone, positionCenter    = 0, 1
	hintDialog, hintDock            = 1, 6
	horizontal, vertical            = 0, 1
	alignFill, alignStart, alignEnd = 0, 1, 2
	alignCenter                     = 3
	policyAutomatic, policyNever    = 1, 2
	wrapWordChar, ellipsizeEnd      = 2, 3
	directionLTR, directionRTL      = 1, 2
	priorityApplication             = 600
	maskPointer                     = 1<<2 | 1<<5 | 1<<8 | 1<<9 // motion with a button, press, release
	statePrelight                   = 1 << 1
	typeString                      = 16 << 2
)

// openGTK starts GTK on the desktop's display. Error: [ErrNoToolkit].
func openGTK(desk *desktop) (toolkit, error) {
	lib, err := loadGTK()
	if err != nil {
		return nil, err
	}
	if !lib.busy.CompareAndSwap(false, true) {
		return nil, fmt.Errorf("%w: GTK is in use or has lost its display", ErrNoToolkit)
	}
	g := &gtk{gtkLibrary: lib, desk: desk, open: map[*gtkTop]struct{}{}, done: make(chan struct{})}
	started := make(chan error, 1)
	go g.loop(started)
	select {
	case err = <-started:
	case <-desk.gone:
		return nil, ErrDisplayLost // the loop's thread is parked, and busy stays
	}
	if err != nil {
		<-g.done
		return nil, err
	}
	return g, nil
}

// loop is GTK's goroutine.
func (g *gtk) loop(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(g.done)
	err := g.start()
	started <- err
	for err == nil && g.work() {
		g.iterate(0, 1)
	}
	for top := range g.open {
		top.remove()
	}
	if g.display != 0 {
		if g.provider != 0 {
			g.dropProvider(g.screen, g.provider)
			g.unref(g.provider)
		}
		g.dropAttrs()
		// GTK warns of its own order of clean-up here, which nobody can act on.
		const domain, criticalOrWarning = "GLib-GObject", 1<<3 | 1<<4
		id := g.logHandler(domain, criticalOrWarning, g.onLog, 0)
		g.displayEnd(g.display)
		g.logRemove(domain, id)
	}
	g.busy.Store(false)
}

// start opens the display and sets the look.
func (g *gtk) start() error {
	if !g.started {
		g.backends("x11")
		g.programName(programName) // not the file's name, in which a ticket stands
		if g.parseArgs(0, 0) == 0 {
			return fmt.Errorf("%w: GTK does not start", ErrNoToolkit)
		}
		g.programClass(programClass)
		g.started = true
	}
	g.lost = g.giveUp
	if g.display = g.displayOpen(g.desk.name); g.display == 0 {
		return fmt.Errorf("%w: GTK does not open the display", ErrNoToolkit)
	}
	g.onIOError(g.onLost) // after GDK has set its own, which ends the process
	g.setDisplay(g.manager(), g.display)
	g.screen = g.screenOf(g.display)
	return g.dress()
}

// giveUp runs when the display is lost, on the thread that will not come back.
func (g *gtk) giveUp() {
	g.mu.Lock()
	g.over, g.queue = true, nil
	g.mu.Unlock()
}

// dress loads the style sheet in the appearance that the person's theme has.
func (g *gtk) dress() error {
	probe := g.newWindow(windowToplevel)
	g.setScreen(probe, g.screen)
	var ground [4]float64
	isDark := g.lookupColor(g.style(probe), "theme_bg_color", &ground) != 0 &&
		0.299*ground[0]+0.587*ground[1]+0.114*ground[2] < 0.5
	g.destroy(probe)

	colours := light
	if isDark {
		colours = dark
	}
	g.plain = strings.HasPrefix(g.themeName(), "HighContrast")
	g.provider = g.newProvider()
	var failure uintptr
	if g.loadCSS(g.provider, styleSheet(colours, g.plain), -1, &failure) == 0 {
		g.errorFree(failure)
		return fmt.Errorf("%w: GTK refuses the style sheet", ErrNoToolkit)
	}
	g.addProvider(g.screen, g.provider, priorityApplication)
	return nil
}

// themeName is the theme in use; the environment stands above the person's settings.
func (g *gtk) themeName() string {
	if name := os.Getenv("GTK_THEME"); name != "" {
		return name
	}
	var value [3]uint64 // a GValue
	g.valueInit(&value, typeString)
	defer g.valueUnset(&value)
	g.getProperty(g.settings(g.screen), "gtk-theme-name", &value)
	return g.valueString(&value)
}

// work does what was handed over; false means that the loop is to end.
func (g *gtk) work() bool {
	for {
		g.mu.Lock()
		jobs := g.queue
		g.queue = nil
		over := g.over
		g.mu.Unlock()
		for _, job := range jobs {
			job()
		}
		if len(jobs) == 0 {
			return !over
		}
	}
}

// post hands a job to the loop and does not wait. False means that there is no loop any more.
func (g *gtk) post(job func()) bool {
	g.mu.Lock()
	if g.over {
		g.mu.Unlock()
		return false
	}
	g.queue = append(g.queue, job)
	g.mu.Unlock()
	g.wakeup(0)
	return true
}

// do hands a job to the loop and waits until it is done, or the display is lost.
func (g *gtk) do(job func()) error {
	ready := make(chan struct{})
	if !g.post(func() { defer close(ready); job() }) {
		return ErrDisplayLost
	}
	select {
	case <-ready:
		return nil
	case <-g.done:
		return ErrClosed
	case <-g.desk.gone:
		return ErrDisplayLost
	}
}

func (g *gtk) close() {
	g.mu.Lock()
	g.over = true
	g.mu.Unlock()
	g.wakeup(0)
	select {
	case <-g.done:
	case <-g.desk.gone: // the loop may be parked in Xlib's error handler, for ever
	}
}

// speak sets what labels are given when they are made. A display that is lost
// shows no labels.
func (g *gtk) speak(language string) {
	_ = g.do(func() {
		g.dropAttrs()
		if language != "" {
			g.attrs = g.newAttrs()
			g.insertAttr(g.attrs, g.langAttr(g.languageOf(language)))
		}
	})
}

// dropAttrs gives up the attributes; labels that have them keep them.
func (g *gtk) dropAttrs() {
	if g.attrs != 0 {
		g.unrefAttrs(g.attrs)
		g.attrs = 0
	}
}

func (g *gtk) canShow(sample string) bool {
	can := false
	err := g.do(func() {
		label := g.sinkRef(g.newLabel(""))
		layout := g.newLayout(label, sample)
		can = g.unknown(layout) == 0
		g.unref(layout)
		g.unref(label)
	})
	return err == nil && can
}
