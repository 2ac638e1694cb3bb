package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jezek/xgb/xproto"
)

// Limits of what a program says about itself.
const (
	maxWord = 100     // characters of a name or title
	maxIcon = 1 << 20 // bytes of all its icons
)

func look(display string) (Survey, error) {
	x, err := connect(display, func() {})
	if err != nil {
		return Survey{}, err
	}
	defer x.close()
	defer x.limit()()
	s := Survey{Size: x.size}
	if err := x.watchMonitors(func([]byte) {}); err == nil {
		s.Monitors, err = x.monitors()
		if err != nil {
			return Survey{}, fmt.Errorf("%w: %w", ErrDisplay, err)
		}
	} else if !errors.Is(err, errMissing) {
		return Survey{}, err
	}
	if len(s.Monitors) == 0 {
		if display == "" || display == os.Getenv("DISPLAY") {
			s.Monitors = portableMonitors()
		}
		if len(s.Monitors) == 0 {
			s.Monitors = []Monitor{{Name: "1", Bounds: image.Rectangle{Max: x.size}, Primary: true}}
		}
	}
	sortMonitors(s.Monitors)
	if s.Programs, err = x.programs(); err != nil && !errors.Is(err, ErrUnsupported) {
		return Survey{}, err
	}
	return s, nil
}

// programs lists what can be captured alone; none where openProgram would fail.
func (x *x11) programs() ([]Program, error) {
	if err := x.extensions(); err != nil {
		return nil, unsupported(err)
	}
	for _, name := range []string{"Composite", "SHAPE"} {
		if _, err := x.extension(name); err != nil {
			return nil, unsupported(err)
		}
	}
	f, err := newFinder(x)
	if err != nil {
		return nil, unsupported(err)
	}
	d, err := f.look()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDisplay, err)
	}
	managed := false
	for _, w := range d.windows {
		managed = managed || w.managed
	}
	var list []Program
	at := map[uint32]int{}
	for i := len(d.windows) - 1; i >= 0; i-- { // from the topmost
		w := d.windows[i]
		if w.pid == f.self || w.managed != managed || w.override || w.pid == d.pids[uint32(x.root)&^f.mask] {
			continue
		}
		if k, ok := at[w.pid]; ok {
			list[k].Windows++
			continue
		}
		at[w.pid] = len(list)
		list = append(list, f.describe(w))
	}
	return list, nil
}

// describe asks a window what its program is called and looks like.
func (f *finder) describe(w seenWindow) Program {
	property := func(atom xproto.Atom, bytes int) []byte {
		r, err := xproto.GetProperty(f.x.conn, false, w.id, atom, xproto.GetPropertyTypeAny, 0, uint32(bytes/4)).Reply()
		if err != nil {
			return nil
		}
		return r.Value
	}
	p := Program{Application: Application(w.pid), Windows: 1}
	p.Title = oneLine(property(f.atoms.name, 4*maxWord*4))
	if p.Title == "" {
		p.Title = oneLine(property(xproto.AtomWmName, 4*maxWord*4))
	}
	raw := property(f.atoms.class, 4*maxWord)
	instance, _, _ := bytes.Cut(raw, []byte{0})
	p.Name = className(raw)
	for _, other := range []string{oneLine(instance), p.Title, fmt.Sprintf("%d", w.pid)} {
		if p.Name == "" {
			p.Name = other
		}
	}
	p.Icon = parseIcon(property(f.atoms.icon, maxIcon))
	return p
}

// className is the second of two strings that end with a zero: instance and class, ICCCM
// 4.1.2.5.
func className(raw []byte) string {
	_, class, _ := bytes.Cut(raw, []byte{0})
	return oneLine(bytes.TrimRight(class, "\x00"))
}

// oneLine makes text of a property fit to be shown: UTF-8, or Latin-1 as the
// older properties have it, without control characters and without those that
// turn the order of what follows.
func oneLine(raw []byte) string {
	s := string(raw)
	if !utf8.Valid(raw) {
		runes := make([]rune, len(raw))
		for i, b := range raw {
			runes[i] = rune(b)
		}
		s = string(runes)
	}
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return !unicode.IsPrint(r) && r != '\u200c' && r != '\u200d' || unicode.IsSpace(r)
	}), " ")
	if runes := []rune(s); len(runes) > maxWord {
		s = string(runes[:maxWord-1]) + "…"
	}
	return s
}

// parseIcon chooses among the pictures of _NET_WM_ICON (width, height, pixels of
// alpha, red, green, blue; EWMH 1.5) the smallest of at least 32 by 32, or else
// the largest.
func parseIcon(raw []byte) *image.NRGBA {
	const wanted, most = 32, 64
	word := func(i int) uint32 { return binary.LittleEndian.Uint32(raw[4*i:]) }
	var best *image.NRGBA
	for n := 0; 4*(n+2) <= len(raw); {
		w, h := word(n), word(n+1)
		if w == 0 || h == 0 || w > 1024 || h > 1024 || 4*(n+2+int(w*h)) > len(raw) {
			break
		}
		n += 2
		size := image.Pt(int(w), int(h))
		better := best == nil || best.Rect.Dx() < wanted && size.X > best.Rect.Dx() || size.X >= wanted && size.X < best.Rect.Dx()
		if size.X <= most && size.Y <= most && better {
			best = image.NewNRGBA(image.Rectangle{Max: size})
			for i := range size.X * size.Y {
				c := word(n + i)
				copy(best.Pix[4*i:], []byte{byte(c >> 16), byte(c >> 8), byte(c), byte(c >> 24)})
			}
		}
		n += size.X * size.Y
	}
	return best
}
