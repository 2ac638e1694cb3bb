package ui

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"strings"
	"testing"
	"time"

	"consento/agent/internal/xtest"
)

// someLines are a chat as it may be: long, of two directions, with a link, not delivered.
func (t texts) someLines() []ChatLine {
	link := Link{Label: "example.org …", URL: "https://example.org/aiuto?a=1"}
	return []ChatLine{
		{Key: "1", Head: "Anna Bianchi, 10:42", Text: "Buongiorno! " + t.question.Body},
		{Key: "2", Head: "Sie, 10:43", Text: "Der Drucker druckt nicht.\nDie Lampe blinkt 🖨", Own: true},
		{Key: "3", Head: "Anna Bianchi, 10:43", Text: "https://example.org/aiuto?a=1", Links: []Link{link}},
		{Key: "4", Head: "Sie, 10:44", Text: "שלום, זה לא עובד", Own: true},
		{Key: "k5", Head: "Sie, 10:45", Text: "画面が真っ暗です。", Own: true, State: t.chat.Again, Again: true},
	}
}

// showChat opens a chat that has the keyboard.
func (s stage) showChat(t ChatText) (*Chat, string) {
	s.Helper()
	c, err := s.u.Chat(t, true)
	if err != nil {
		s.Fatal(err)
	}
	return c, s.ready(t.Title)
}

func (s stage) did(c *Chat) ChatEvent {
	s.Helper()
	select {
	case e := <-c.Events():
		return e
	case <-time.After(patience):
		s.Fatal("nothing was done")
	}
	return ChatEvent{}
}

// TestChatWindow is used by keyboard and mouse.
func TestChatWindow(t *testing.T) {
	onStage(t, func(s stage) {
		words := languages["en"]
		c, id := s.showChat(words.chat)
		e := dial(s, s.display)
		settle(s, s.display)
		onScreen(s, s.display, id)
		tool(s, s.display, "type", "--delay", "20", "hello there")
		s.keys("Return")
		if got := s.did(c); got != (ChatEvent{ChatSent, "hello there"}) {
			s.Errorf("%+v", got)
		}
		s.keys("Return", "space", "Return") // nothing to say
		tool(s, s.display, "type", "--delay", "20", "ok")
		s.keys("Tab", "Return") // the button
		if got := s.did(c); got != (ChatEvent{ChatSent, "ok"}) {
			s.Errorf("%+v", got)
		}

		// A link and a line that was not delivered: pressed by the keyboard, and nothing opens.
		before := e.picture(s)
		if err := c.Show(words.someLines()); err != nil {
			s.Fatal(err)
		}
		eventually(s, "the lines", func() bool { return !bytes.Equal(e.picture(s), before) })
		settle(s, s.display)
		got := map[ChatEvent]bool{}
		want := map[ChatEvent]bool{{ChatFollowed, "https://example.org/aiuto?a=1"}: true, {ChatAgain, "k5"}: true}
		ways := [][]string{{"Tab", "Tab", "space"}, {"Tab", "space"}} // past the button; the link stands before what was not delivered
		if s.u.Toolkit() == GTK {
			// There the log stands before the field, to which the keyboard goes when a line is sent again.
			ways = [][]string{{"shift+Tab", "space"}, {"shift+Tab", "shift+Tab", "space"}}
		}
		for _, way := range ways {
			s.keys(way...)
			got[s.did(c)] = true
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			s.Errorf("pressed %v, want %v", got, want)
		}
		select {
		case <-c.Closed():
			s.Error("closed by itself")
		default:
		}
		s.keys("Escape")
		select {
		case <-c.Closed():
		case <-time.After(patience):
			s.Fatal("Escape does not close")
		}
		c.Close()
		s.gone(words.chat.Title)
	})
}

// TestChatRenamed: an open chat shows with whom it is from now on, as one does that opens then;
// what is being written stays, and so does the keyboard.
func TestChatRenamed(t *testing.T) {
	onStage(t, func(s stage) {
		words := languages["en"].chat
		later := words
		later.Heading = "Chat with \u2068Luca Neri with a name that needs a second line of its own\u2069"
		e := dial(s, s.display)
		look := func(id string) []byte {
			s.Helper()
			tool(s, s.display, "type", "--delay", "20", "half a wor")
			settle(s, s.display)
			return e.picture(s)
		}
		c, id := s.showChat(later)
		want := look(id)
		c.Close()
		s.gone(later.Title)
		c, id = s.showChat(words)
		before := look(id)
		for _, wrong := range []string{"", strings.Repeat("x", 5000), "a\x00b"} {
			if err := c.Rename(wrong); !errors.Is(err, ErrText) {
				s.Errorf("%.10q: %v", wrong, err)
			}
		}
		settle(s, s.display)
		area := place(s, s.display, id)
		area.Max.Y -= area.Dy() / 2 // below is the field, whose caret blinks
		if !same(e, before, e.picture(s), area) || same(e, before, want, area) {
			s.Error("an unusable heading is shown")
		}
		if err := c.Rename(later.Heading); err != nil {
			s.Fatal(err)
		}
		eventually(s, "the other heading", func() bool { return same(e, want, e.picture(s), area) })
		s.keys("d", "Return")
		if got := s.did(c); got != (ChatEvent{ChatSent, "half a word"}) {
			s.Errorf("%+v", got)
		}
		c.Close()
	})
}

// TestChatTakesNoKeyboard: one that opens by itself leaves the keyboard where it is.
func TestChatTakesNoKeyboard(t *testing.T) {
	for _, kit := range kits(t) {
		t.Run(kit.String(), func(t *testing.T) {
			display := xtest.Server(t, 1024, 600)
			xtest.Manage(t, display)
			s := stage{t, open(t, Config{Display: display, Toolkit: kit}), display, true}
			q := languages["en"].question
			done := s.ask(t.Context(), q)
			c, err := s.u.Chat(languages["en"].chat, false)
			if err != nil {
				t.Fatal(err)
			}
			id := find(t, display, languages["en"].chat.Title)
			eventually(t, "drawn", func() bool { return dial(t, display).inked(t, place(t, display, id)) })
			if question := s.ready(q.Title); !s.u.desktop.hasFocus(window(s, question)) {
				t.Error("the chat took the keyboard")
			}
			c.Front()
			s.ready(languages["en"].chat.Title)
			s.closeWindow(id)
			<-c.Closed()
			c.Close()
			s.keys("Escape")
			s.get(done)
		})
	}
}

// TestChatScrolls: what is new is in view, unless the person reads what was before.
func TestChatScrolls(t *testing.T) {
	for _, kit := range kits(t) {
		t.Run(kit.String(), func(t *testing.T) {
			display := xtest.Server(t, 1024, 600)
			xtest.Manage(t, display)
			s := stage{t, open(t, Config{Display: display, Toolkit: kit}), display, true}
			c, id := s.showChat(languages["en"].chat)
			e := dial(t, display)
			var lines []ChatLine
			for i := range 60 {
				lines = append(lines, ChatLine{Key: fmt.Sprint(i), Head: "Anna", Text: strings.Repeat("word ", 3+i%9)})
			}
			show := func(what string, act func()) []byte {
				t.Helper()
				before := e.picture(t)
				act()
				eventually(t, what, func() bool { return !bytes.Equal(e.picture(t), before) })
				settle(t, display)
				return e.picture(t)
			}
			show("lines", func() { must(t, c.Show(lines[:50])) })
			show("the newest", func() { must(t, c.Show(lines[:51])) })
			up := show("scrolled up", func() { s.keys("Page_Up", "Page_Up") })
			must(t, c.Show(lines[:52]))
			must(t, c.Show(lines[:53]))
			settle(t, display)
			if log := place(t, display, id).Inset(60); !same(e, up, e.picture(t), image.Rect(log.Min.X, log.Min.Y+60, log.Max.X-40, log.Min.Y+180)) {
				t.Error("what was read moved away")
			}
			show("the wheel", func() {
				r := place(t, display, id)
				tool(t, display, "mousemove", fmt.Sprint(r.Min.X+r.Dx()/2), fmt.Sprint(r.Min.Y+r.Dy()/2), "click", "4")
			})
			show("other lines", func() { must(t, c.Show(lines[20:])) })
			c.Close()
		})
	}
}

// same compares a part of two pictures.
func same(e eye, a, b []byte, r image.Rectangle) bool {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		from, to := 4*(y*e.size.X+r.Min.X), 4*(y*e.size.X+r.Max.X)
		if !bytes.Equal(a[from:to], b[from:to]) {
			return false
		}
	}
	return true
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestChatRefuses texts that would deceive, and addresses that are no web pages.
func TestChatRefuses(t *testing.T) {
	display := xtest.Server(t, 640, 480)
	opened := make(chan string, 1)
	u := open(t, Config{Display: display, Toolkit: Drawn, OpenLink: func(url string) error { opened <- url; return nil }})
	text := languages["en"].chat
	text.Most = 0
	if _, err := u.Chat(text, true); !errors.Is(err, ErrText) {
		t.Errorf("no room: %v", err)
	}
	c, err := u.Chat(languages["en"].chat, false)
	must(t, err)
	for name, l := range map[string]ChatLine{
		"no text":      {Key: "1", Head: "Anna"},
		"no head":      {Key: "1", Text: "x"},
		"an override":  {Key: "1", Head: "Anna", Text: "a\u202eb"},
		"a control":    {Key: "1", Head: "Anna", Text: "a\x00b"},
		"a long text":  {Key: "1", Head: "Anna", Text: strings.Repeat("x", maxBody+1)},
		"a script":     {Key: "1", Head: "Anna", Text: "x", Links: []Link{{"x", "javascript:alert(1)"}}},
		"data":         {Key: "1", Head: "Anna", Text: "x", Links: []Link{{"x", "data:text/html,x"}}},
		"a file":       {Key: "1", Head: "Anna", Text: "x", Links: []Link{{"x", "file:///etc/passwd"}}},
		"an open name": {Key: "1", Head: "\u2068Anna", Text: "x"},
	} {
		if err := c.Show([]ChatLine{l}); !errors.Is(err, ErrText) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, address := range []string{"javascript:alert(1)", "data:,x", "file:///x", "x", "", "https://a\u202eb.example"} {
		if err := u.Follow(address); !errors.Is(err, ErrText) {
			t.Errorf("%q: %v", address, err)
		}
	}
	must(t, u.Follow("https://example.org/"))
	if got := <-opened; got != "https://example.org/" {
		t.Errorf("opened %s", got)
	}
	c.Close()
}
