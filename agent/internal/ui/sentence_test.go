package ui

import (
	"fmt"
	"image"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"consento/agent/internal/xtest"
	"consento/protocol/lang"
)

// isolate is how the agent puts a name into a sentence.
func isolate(name string) string { return "\u200e\u2068" + name + "\u2069\u200e" }

// TestSentence: names give way evenly, words never.
func TestSentence(t *testing.T) {
	const long = "Hannelore Schwarzenberger-Wiśniewska"
	for _, c := range []struct {
		text        string
		room, least int
		want        string
		fits        bool
	}{
		{"plain words", 3, 1, "plain words", false},
		{isolate("Anna") + " sees your screen", 100, 1, isolate("Anna") + " sees your screen", true},
		{isolate(long) + " sees your screen", 30, 1, isolate("Hannelore Sc…") + " sees your screen", true},
		{isolate(long) + " sees your screen", 0, 8, isolate("Hannelor…") + " sees your screen", false},
		{isolate("Hannelore Maria") + " sees", 16, 1, isolate("Hannelore…") + " sees", true}, // no space before the ellipsis
		{isolate("Anna Rossi") + " sees only " + isolate(strings.Repeat("w", 40)), 35, 1, isolate("Anna Rossi") + " sees only " + isolate(strings.Repeat("w", 13)+"…"), true},
		{isolate("re\u0301ne\u0301") + " sees", 0, 1, isolate("r…") + " sees", false},
		{"x \u2068 no end", 4, 1, "x \u2068 no end", false},
	} {
		s := parse(c.text)
		// Marks of direction are not seen.
		width := func(s string) int {
			return utf8.RuneCountInString(strings.NewReplacer("\u200e", "", "\u2068", "", "\u2069", "").Replace(s))
		}
		fits := s.fit(c.room, c.least, width)
		if got := s.String(); got != c.want || fits != c.fits {
			t.Errorf("%q in %d: %q, %t", c.text, c.room, got, fits)
		}
	}
}

// saying is what the bar's sentence reads on the screen, and whether some of that is cut.
func saying(t *testing.T, b *Bar) (said string, cut bool) {
	t.Helper()
	switch w := b.w.(type) {
	case *gtkBar:
		if err := w.do(func() {
			var least, natural int32
			said = w.said
			w.widthOf(w.who, &least, &natural)
			cut = w.gtk.width(w.who) < natural
		}); err != nil {
			t.Fatal(err)
		}
	case *drawnBar:
		done := make(chan struct{})
		w.change(func() {
			said = w.said
			close(done)
		})
		<-done
	}
	return said, cut
}

// TestBarKeepsItsWords: whatever people and programs are called, the bar says in every language
// who sees what.
func TestBarKeepsItsWords(t *testing.T) {
	catalog, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"Anna Bianchi", "Hannelore Schwarzenberger-Wiśniewska", strings.Repeat("Wolfgang ", 12), strings.Repeat("山田", 30)}
	program := strings.Repeat("Programma di videoscrittura ", 4)
	onStage(t, func(s stage) {
		text := languages["en"].bar
		b, _ := s.showBar(text)
		for _, tag := range catalog.Tags() {
			words := catalog.Match(tag)
			bar := spoken(words, Person{Name: "A"}).bar
			bar.Title = text.Title
			for _, key := range []string{"view", "monitor", "program", "paused", "locked", "muted", "stopped"} {
				for _, name := range names {
					bar.Who = words.T("agent.bar."+key, "name", isolate(name), "program", isolate(program))
					if err := b.Update(bar); err != nil {
						s.Fatal(err)
					}
					var said string
					var cut bool
					eventually(s, fmt.Sprintf("%s %s is laid out", tag, key), func() bool {
						said, cut = saying(s.T, b)
						return said != "" && !cut
					})
					// The words around the names, each in its place.
					rest := said
					for _, p := range parse(bar.Who) {
						if _, after, ok := strings.Cut(rest, string(p.text)); ok && !p.name {
							rest = after
						} else if !p.name {
							s.Errorf("%s %s: %q has not %q", tag, key, said, string(p.text))
						}
					}
					for _, p := range parse(said) {
						if p.name && (string(p.text) == "" || string(p.text) == "…") {
							s.Errorf("%s %s: nobody is named in %q", tag, key, said)
						}
					}
					if looking() && name == names[1] {
						settle(s, s.display)
						save(s.T, s.display, "bar-"+tag+"-"+key)
					}
				}
			}
		}
		if r := b.Bounds(); r.Dx() > 1024 || r.Dy() > 75 {
			s.Errorf("bar at %v", r)
		}
	})
}

// labelsCut reports whether any button of the bar lacks some of its words.
func labelsCut(t *testing.T, b *Bar) (cut bool) {
	t.Helper()
	switch w := b.w.(type) {
	case *gtkBar:
		if err := w.do(func() {
			for _, label := range []uintptr{w.pauseText, w.otherText, w.backText, w.endText} {
				var least, natural int32
				w.widthOf(label, &least, &natural)
				cut = cut || w.gtk.width(label) < natural
			}
		}); err != nil {
			t.Fatal(err)
		}
	case *drawnBar:
		done := make(chan struct{})
		w.change(func() {
			var said []string
			for _, o := range w.others { // from the right
				said = append(said, w.shownOn(o))
			}
			want := []string{w.text.Change, w.text.Pause}
			if w.text.TakeBack != "" {
				want = slices.Insert(want, 0, w.text.TakeBack)
			}
			cut = !slices.Equal(said, want)
			close(done)
		})
		<-done
	}
	return cut
}

// button is the middle of a button beside the red X.
func button(t *testing.T, b *Bar, what kind) (at image.Point) {
	t.Helper()
	switch w := b.w.(type) {
	case *gtkBar:
		if err := w.do(func() {
			widget := map[kind]uintptr{paused: w.pause, changing: w.other, takingBack: w.back}[what]
			var x, y int32
			w.translate(widget, w.window, w.gtk.width(widget)/2, w.height(widget)/2, &x, &y)
			at = image.Pt(int(x), int(y))
		}); err != nil {
			t.Fatal(err)
		}
	case *drawnBar:
		done := make(chan struct{})
		w.change(func() {
			for _, o := range w.others {
				if o.kind == what {
					at = o.r.Min.Add(o.r.Max).Div(2)
				}
			}
			close(done)
		})
		<-done
	}
	return at.Add(b.Bounds().Min)
}

// TestNarrowBar: on a screen 640 pixels wide the bar has two rows, and in every language all
// words stand on its buttons. What is said changes, and back on a wide bar there is one row.
func TestNarrowBar(t *testing.T) {
	catalog, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, kit := range kits(t) {
		t.Run(kit.String(), func(t *testing.T) {
			display := xtest.Server(t, 640, 480)
			s := stage{t, open(t, Config{Display: display, Toolkit: kit}), display, false}
			text := languages["en"].bar
			b, id := s.showBar(text)
			for _, tag := range catalog.Tags() {
				words := catalog.Match(tag)
				bar := spoken(words, Person{Name: "A"}).bar
				bar.Title = text.Title
				for _, key := range []string{"view", "program", "paused", "muted", "control", "stills"} {
					if bar.Pause = words.T("agent.bar.pause"); key == "paused" {
						bar.Pause = words.T("agent.bar.resume")
					}
					sentence := key
					if key == "control" || key == "stills" {
						bar = spoken(words, Person{Name: "A"}).controlled
						bar.Title = text.Title
						sentence = "view"
					}
					if key == "stills" {
						bar.Recording = words.T("agent.bar.stills", "n", "12")
					}
					bar.Who = words.T("agent.bar."+sentence, "name", isolate("Hannelore Schwarzenberger-Wiśniewska"), "program", isolate("Mousepad"))
					if err := b.Update(bar); err != nil {
						t.Fatal(err)
					}
					eventually(t, fmt.Sprintf("%s %s: whole words on the buttons", tag, key), func() bool {
						if labelsCut(t, b) {
							return false
						}
						_, cut := saying(t, b)
						r := b.Bounds()
						return !cut && r.Dy() == barTwoRows && r == place(t, display, id) && r.In(image.Rect(0, 0, 640, 480))
					})
					if looking() {
						settle(t, display)
						save(t, display, "narrow-"+tag+"-"+key)
					}
				}
			}
			for what, heard := range map[kind]<-chan struct{}{paused: b.Pauses(), changing: b.Changes(), takingBack: b.TakesBack()} {
				s.click(button(t, b, what))
				eventually(t, fmt.Sprint("the button is pressed: ", what), func() bool {
					select {
					case <-heard:
						return true
					default:
						return false
					}
				})
			}
			if isClosed(b.Ended()) {
				t.Error("ended by another button")
			}
			// With little to say there is one row.
			text.Who, text.Pause, text.Allowed = "Pause", "", ""
			if err := b.Update(text); err != nil {
				t.Fatal(err)
			}
			eventually(t, "one row", func() bool { r := b.Bounds(); return r.Dy() == barHeight && r == place(t, display, id) })
			s.click(end(b))
			eventually(t, "the end", func() bool { return isClosed(b.Ended()) })
		})
	}
}
