package ui

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

// accessible is one object of the AT-SPI tree (org.a11y.atspi.Accessible).
type accessible struct {
	Bus  string
	Path dbus.ObjectPath
}

const accessibleInterface = "org.a11y.atspi.Accessible"

// reader is a small screen reader.
type reader struct{ *dbus.Conn }

// newReader finds the bus of assistive technologies, which starts on demand.
func newReader() (reader, error) {
	session, err := dbus.ConnectSessionBus()
	if err != nil {
		return reader{}, err
	}
	defer session.Close()
	var address string
	if err := session.Object("org.a11y.Bus", "/org/a11y/bus").Call("org.a11y.Bus.GetAddress", 0).Store(&address); err != nil {
		return reader{}, err
	}
	conn, err := dbus.Connect(address)
	return reader{conn}, err
}

func (r reader) get(a accessible, property string) string {
	v, err := r.Object(a.Bus, a.Path).GetProperty(accessibleInterface + "." + property)
	if err != nil {
		return ""
	}
	s, _ := v.Value().(string)
	return s
}

func (r reader) call(a accessible, method string, out any) error {
	return r.Object(a.Bus, a.Path).Call(accessibleInterface+"."+method, 0).Store(out)
}

// walk calls visit for every object under a, with its role and name.
func (r reader) walk(a accessible, depth int, visit func(accessible, string, string)) {
	var role string
	var children []accessible
	if depth > 20 || r.call(a, "GetRoleName", &role) != nil || r.call(a, "GetChildren", &children) != nil {
		return
	}
	visit(a, role, r.get(a, "Name"))
	for _, c := range children {
		r.walk(c, depth+1, visit)
	}
}

// desktop is the root of all applications.
func (r reader) desktop() accessible {
	return accessible{"org.a11y.atspi.Registry", "/org/a11y/atspi/accessible/root"}
}

// lines lists role, name and focus of everything on the desktop.
func (r reader) lines() []string {
	var lines []string
	r.walk(r.desktop(), 0, func(a accessible, role, name string) {
		var states []uint32
		const focused = 12 // AtspiStateType
		if r.call(a, "GetState", &states) == nil && len(states) > 0 && states[0]>>focused&1 == 1 {
			name += " [focused]"
		}
		lines = append(lines, role+": "+name)
	})
	return lines
}

// until waits until the tree has these lines, and prints it then.
func (r reader) until(want ...string) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for {
		lines := r.lines()
		missing := slices.DeleteFunc(slices.Clone(want), func(w string) bool { return slices.Contains(lines, w) })
		if len(missing) == 0 {
			fmt.Println(strings.Join(lines, "\n"))
			return nil
		}
		select {
		case <-tick.C:
		case <-late:
			return fmt.Errorf("no %q in:\n%s", missing, strings.Join(lines, "\n"))
		}
	}
}

// longWho is a sentence that the bar has to shorten, and a screen reader reads whole.
var longWho = isolate(strings.Repeat("Wolfgang ", 12)) + " sees your screen"

// accessibleTree shows windows, prints their trees, and presses the red X as a screen reader does.
func accessibleTree(kit Toolkit) error {
	r, err := newReader()
	if err != nil {
		return err
	}
	defer r.Close()
	u, err := Open(Config{Toolkit: kit})
	if err != nil {
		return err
	}
	defer u.Close()
	text := languages["en"]

	late := text.question
	late.Timeout = warnTime
	if err := r.during(func(ctx context.Context) error { _, err := u.Ask(ctx, late); return err }, "push button: "+late.MoreTime,
		"dialog: "+late.Title, "heading: "+late.Heading, "label: "+late.Who.Name, "push button: "+late.Refuse+" [focused]", "push button: "+late.Accept); err != nil {
		return err
	}
	if err := r.during(func(ctx context.Context) error { _, _, err := u.Prompt(ctx, text.prompt); return err }, "text: "+text.prompt.Label+" [focused]"); err != nil {
		return err
	}
	var choices []string
	for _, c := range text.choose.Choices.List {
		name := c.Label
		if c.Note != "" {
			name += " " + c.Note
		}
		choices = append(choices, "radio button: "+name)
	}
	if err := r.during(func(ctx context.Context) error { _, _, err := u.Choose(ctx, text.choose); return err }, choices...); err != nil {
		return err
	}
	chat, err := u.Chat(text.chat, true)
	if err != nil {
		return err
	}
	lines := text.someLines()
	if err := chat.Show(lines[:1]); err != nil {
		return err
	}
	if err := r.until("text: "+text.chat.Label+" [focused]", "log: "+text.chat.Heading, "push button: "+text.chat.Send); err != nil {
		return err
	}
	if err := chat.Show(lines[:3]); err != nil {
		return err
	}
	// What comes is a notification, which a screen reader says.
	if err := r.until("notification: "+lines[2].Head+": "+lines[2].Text, "label: "+lines[0].Text); err != nil {
		return err
	}
	chat.Close()
	text.bar.Who = longWho
	bar, err := u.Bar(text.bar)
	if err != nil {
		return err
	}
	if err := r.until("push button: "+text.bar.End, "push button: "+text.bar.Pause, "push button: "+text.bar.Change, "label: "+text.bar.Who); err != nil {
		return err
	}
	r.walk(r.desktop(), 0, func(a accessible, role, name string) {
		if role == "push button" && name == text.bar.End {
			err = errors.Join(err, r.Object(a.Bus, a.Path).Call("org.a11y.atspi.Action.DoAction", 0, int32(0)).Err)
		}
	})
	select {
	case <-bar.Ended():
		fmt.Println("ended by the screen reader")
	case <-time.After(patience):
		return errors.Join(err, errors.New("the red X does nothing"))
	}
	return err
}

// during shows a window until the tree has these lines.
func (r reader) during(show func(context.Context) error, want ...string) error {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- show(ctx) }()
	err := r.until(want...)
	stop()
	if shown := <-done; !errors.Is(shown, context.Canceled) {
		err = errors.Join(err, shown)
	}
	return err
}
