package ui

import (
	"errors"
	"fmt"
	"image"
	"slices"
	"strings"
	"testing"
)

// chosen is the outcome of a question with choices.
type chosen struct {
	answer Answer
	choice int
}

// The first choice stands until another is made; the refusing button has the
// focus as in every question, and the accepting one is one Tab away.
func TestChoicesByKeyboard(t *testing.T) {
	onStage(t, func(s stage) {
		q := languages["en"].choose
		for _, c := range []struct {
			keys string
			want chosen
		}{
			{"Return", chosen{Refused, 0}},
			{"Tab Return", chosen{Accepted, 0}},
			{"shift+Tab Down Tab Tab Return", chosen{Accepted, 1}},
			{"Tab Tab Down Down Down Tab Tab Return", chosen{Accepted, 3}},
			{"Tab Tab Down Down Up Tab Tab space", chosen{Accepted, 1}},
			{"Tab Tab Down Escape", chosen{Refused, 0}},
			{"Tab Tab Down Tab Return", chosen{Refused, 0}},
		} {
			keys := strings.Fields(c.keys)
			got := make(chan chosen, 1)
			done := make(chan result, 1)
			go func() {
				a, n, err := s.u.Choose(s.Context(), q)
				got <- chosen{a, n}
				done <- result{answer: a, err: err}
			}()
			s.ready(q.Title)
			s.keys(keys[:len(keys)-1]...)
			if r := s.insist(done, func() { s.keys(keys[len(keys)-1]) }); r.err != nil {
				s.Fatal(r.err)
			}
			if g := <-got; g != c.want {
				s.Errorf("%s: %+v, want %+v", c.keys, g, c.want)
			}
		}
	})
}

// Of several choices each is marked or not, by space and by mouse.
func TestSeveralChoices(t *testing.T) {
	onStage(t, func(s stage) {
		q := languages["en"].mark
		for _, c := range []struct {
			keys   string
			answer Answer
			want   []bool
		}{
			{"Tab Return", Accepted, []bool{true, false, false}},
			{"Tab Tab space Down space Up shift+Tab Return", Accepted, []bool{false, true, false}},
			{"Tab Tab space Down space Down space Up Up shift+Tab Return", Accepted, []bool{false, true, true}},
			{"Tab Tab Escape", Refused, []bool{false, false, false}},
		} {
			keys := strings.Fields(c.keys)
			var marked []bool
			done := make(chan result, 1)
			go func() {
				a, m, err := s.u.Mark(s.Context(), q)
				marked = m
				done <- result{answer: a, err: err}
			}()
			s.ready(q.Title)
			s.keys(keys[:len(keys)-1]...)
			r := s.insist(done, func() { s.keys(keys[len(keys)-1]) })
			if r.err != nil || r.answer != c.answer || !slices.Equal(marked, c.want) {
				s.Errorf("%s: %v %v %v", c.keys, r.answer, marked, r.err)
			}
		}
		if s.u.Toolkit() == GTK {
			return // it has its own way with the mouse
		}
		var marked []bool
		done := make(chan result, 1)
		go func() {
			a, m, err := s.u.Mark(s.Context(), q)
			marked = m
			done <- result{answer: a, err: err}
		}()
		id := s.ready(q.Title)
		onScreen(s, s.display, id)
		settle(s, s.display)
		r := place(s, s.display, id)
		s.click(image.Pt(r.Min.X+r.Dx()/2, r.Min.Y+r.Dy()*6/10)) // whatever row that is
		s.keys("Up", "Up", "shift+Tab")
		if r := s.insist(done, func() { s.keys("Return") }); r.err != nil || r.answer != Accepted || slices.Equal(marked, q.Choices.Marked) {
			s.Errorf("by mouse: %+v %v", r, marked)
		}
	})
}

// A click on a row chooses it. It is far down a list that scrolls.
func TestChoicesByMouse(t *testing.T) {
	onStage(t, func(s stage) {
		q := languages["en"].choose
		q.Choices.List = slices.Clone(q.Choices.List)
		for i := range 20 {
			q.Choices.List = append(q.Choices.List, Choice{Label: fmt.Sprint("Only the program number ", i), Icon: image.NewRGBA(image.Rect(0, 0, 3, 40))})
		}
		got := make(chan chosen, 1)
		done := make(chan result, 1)
		go func() {
			a, n, err := s.u.Choose(s.Context(), q)
			got <- chosen{a, n}
			done <- result{answer: a, err: err}
		}()
		id := s.ready(q.Title)
		onScreen(s, s.display, id)
		s.keys(append([]string{"Tab", "Tab"}, slices.Repeat([]string{"Down"}, 22)...)...)
		settle(s, s.display)
		r := place(s, s.display, id)
		s.click(image.Pt(r.Min.X+r.Dx()/2, r.Min.Y+r.Dy()*6/10)) // whatever row that is, near the end
		s.keys("Tab", "Tab")
		s.insist(done, func() { s.keys("Return") })
		if g := <-got; g.answer != Accepted || g.choice < 10 {
			s.Errorf("%+v", g)
		}
	})
}

func TestUnusableChoices(t *testing.T) {
	good := languages["en"].choose
	if err := good.check(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Choices){
		"one":           func(c *Choices) { c.List = c.List[:1] },
		"no label":      func(c *Choices) { c.Label = "" },
		"nameless":      func(c *Choices) { c.List[1].Label = " " },
		"two lines":     func(c *Choices) { c.List[1].Note = "a\nb" },
		"turned around": func(c *Choices) { c.List[1].Label = "a\u202eb" },
		"chosen none":   func(c *Choices) { c.Chosen = -1 },
		"chosen beyond": func(c *Choices) { c.Chosen = len(c.List) },
		"too many":      func(c *Choices) { c.List = slices.Repeat(c.List, 20) },
	} {
		q := good
		q.Choices.List = slices.Clone(good.Choices.List)
		spoil(&q.Choices)
		if err := q.check(); !errors.Is(err, ErrText) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The buttons of the bar beside the red X, by mouse and by keyboard, and its text
// for either state.
func TestBarButtons(t *testing.T) {
	onStage(t, func(s stage) {
		text := languages["en"].bar
		b, id := s.showBar(text)
		heard := func(c <-chan struct{}) bool {
			select {
			case <-c:
				return true
			default:
				return false
			}
		}
		pressed := func(what string, c <-chan struct{}, press func()) {
			s.Helper()
			press()
			eventually(s, what, func() bool { return heard(c) })
		}
		settle(s, s.display)
		r := b.Bounds()
		y := r.Min.Y + r.Dy()/2
		// From the right: the red X, change, pause.
		for x := r.Max.X - 140; x > r.Max.X-330; x -= 24 {
			s.click(image.Pt(x, y))
		}
		var pause, change bool
		eventually(s, "both buttons are pressed", func() bool {
			pause, change = pause || heard(b.Pauses()), change || heard(b.Changes())
			return pause && change
		})
		settle(s, s.display)
		if isClosed(b.Ended()) {
			s.Error("ended by another button")
		}
		text.Pause = languages["en"].bar.End + "?"
		if err := b.Update(text); err != nil {
			s.Fatal(err)
		}
		if s.u.Toolkit() == Drawn {
			r = b.Bounds()
			s.click(image.Pt(r.Min.X+20, y))
			eventually(s, "keyboard at the bar", func() bool { return s.u.desktop.hasFocus(window(s, id)) })
			heard(b.Pauses()) // presses from before
			heard(b.Changes())
			pressed("pause by keyboard", b.Pauses(), func() { s.keys("Left", "Left", "Return") })
			pressed("change by keyboard", b.Changes(), func() { s.keys("Tab", "space") })
			pressed("the end by keyboard", b.Ended(), func() { s.keys("Tab", "Return") })
		}
	})
}
