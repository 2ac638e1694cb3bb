package capture

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/jezek/xgb/xproto"
)

// A locker covers the screen and grabs the keyboard, in either order: after it
// covered, it is looked for this often and this long.
const (
	lockStep  = 200 * time.Millisecond
	lockTries = 25
)

// WatchLock tells whether a program such as i3lock, slock, xsecurelock or
// xscreensaver has locked the display: it covers all of the screen with a window
// that no window manager manages, and holds the keyboard. One that leaves the
// screen uncovered (xtrlock) cannot be told from an open menu; and what desktops
// lock by themselves they tell elsewhere, on the bus. The latest state comes on the channel,
// at first only if it is locked; the channel is closed after ctx ended or the
// display was lost.
// Errors: ErrDisplay, ErrUnsupported.
func WatchLock(ctx context.Context, display string) (<-chan bool, error) {
	woken := make(chan struct{}, 1)
	x, err := connect(display, func() { wake(woken) })
	if err != nil {
		return nil, err
	}
	l := &lock{x: x, mask: xproto.Setup(x.conn).ResourceIdMask, woken: woken, locked: make(chan bool, 1)}
	if err := l.listen(); err != nil {
		x.close()
		return nil, err
	}
	go l.run(ctx)
	return l.locked, nil
}

// lock looks for a locker on one goroutine.
type lock struct {
	x      *x11
	mask   uint32
	check  xproto.Atom
	woken  chan struct{}
	locked chan bool
	now    bool
	tried  map[xproto.Window]int // how often the keyboard was found free under that window
}

func (l *lock) listen() error {
	defer l.x.limit()()
	for _, number := range []byte{xproto.MapNotify, xproto.UnmapNotify, xproto.DestroyNotify, xproto.ConfigureNotify} {
		l.x.listen(number, func([]byte) { wake(l.woken) })
	}
	const name = "_NET_SUPPORTING_WM_CHECK"
	r, err := xproto.InternAtom(l.x.conn, false, uint16(len(name)), name).Reply()
	if err != nil {
		return err
	}
	l.check = r.Atom
	return xproto.ChangeWindowAttributesChecked(l.x.conn, l.x.root, xproto.CwEventMask,
		[]uint32{xproto.EventMaskSubstructureNotify | xproto.EventMaskStructureNotify}).Check()
}

func (l *lock) run(ctx context.Context) {
	defer close(l.locked)
	defer l.x.close()
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.x.lost:
			return
		case <-l.woken:
		case <-again.C:
		}
		locked, unsure := l.look()
		if locked != l.now {
			l.now = locked
			select {
			case <-l.locked: // what nobody fetched is old
			default:
			}
			l.locked <- locked
		}
		if unsure || l.now {
			again.Reset(lockStep)
		}
	}
}

// look reports whether the display is locked, and whether to look again soon.
func (l *lock) look() (locked, unsure bool) {
	defer l.x.limit()()
	covers := l.covers()
	for w := range l.tried {
		if _, still := covers[w]; !still {
			delete(l.tried, w)
		}
	}
	for w := range covers {
		if l.tried[w] >= lockTries {
			continue // it covers the screen and is no locker
		}
		held, err := l.held()
		if err != nil {
			return l.now, false
		}
		if held {
			return true, false
		}
		if l.tried == nil {
			l.tried = map[xproto.Window]int{}
		}
		l.tried[w]++
		unsure = true
	}
	return false, unsure
}

// held reports whether another program holds the keyboard. If none does it is
// ours for an instant, which the person's programs notice no more than a menu.
func (l *lock) held() (bool, error) {
	r, err := xproto.GrabKeyboard(l.x.conn, true, l.x.root, xproto.TimeCurrentTime, xproto.GrabModeAsync, xproto.GrabModeAsync).Reply()
	if err != nil {
		return false, err
	}
	if r.Status == xproto.GrabStatusSuccess {
		xproto.UngrabKeyboard(l.x.conn, xproto.TimeCurrentTime)
	}
	return r.Status == xproto.GrabStatusAlreadyGrabbed, nil
}

// covers lists the windows over all of the screen that no window manager manages,
// but those of the server (which has one for compositing), of the window manager
// itself (one against accidents, at the bottom), and our own.
func (l *lock) covers() map[xproto.Window]struct{} {
	c := l.x.conn
	tree, err := xproto.QueryTree(c, l.x.root).Reply()
	if err != nil {
		return nil
	}
	root, err := xproto.GetGeometry(c, xproto.Drawable(l.x.root)).Reply()
	if err != nil {
		return nil
	}
	makers := map[uint32]bool{0: true, xproto.Setup(c).ResourceIdBase: true}
	if r, err := xproto.GetProperty(c, false, l.x.root, l.check, xproto.AtomWindow, 0, 1).Reply(); err == nil && len(r.Value) == 4 {
		makers[binary.LittleEndian.Uint32(r.Value)&^l.mask] = true
	}
	attributes := make([]xproto.GetWindowAttributesCookie, len(tree.Children))
	geometry := make([]xproto.GetGeometryCookie, len(tree.Children))
	for i, w := range tree.Children {
		attributes[i] = xproto.GetWindowAttributes(c, w)
		geometry[i] = xproto.GetGeometry(c, xproto.Drawable(w))
	}
	found := map[xproto.Window]struct{}{}
	for i, w := range tree.Children {
		a, err := attributes[i].Reply()
		g, err2 := geometry[i].Reply()
		if err != nil || err2 != nil || makers[uint32(w)&^l.mask] || !a.OverrideRedirect || a.MapState != xproto.MapStateViewable {
			continue
		}
		if g.X <= 0 && g.Y <= 0 && int(g.X)+int(g.Width) >= int(root.Width) && int(g.Y)+int(g.Height) >= int(root.Height) {
			found[w] = struct{}{}
		}
	}
	return found
}
