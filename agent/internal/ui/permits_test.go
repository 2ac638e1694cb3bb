package ui

import (
	"strings"
	"testing"

	"consento/protocol"
	"consento/protocol/lang"
)

// permits is what the bar reads of what is allowed, "" if nothing.
func permits(t *testing.T, b *Bar) (said string) {
	t.Helper()
	switch w := b.w.(type) {
	case *gtkBar:
		if err := w.do(func() { said = w.permits }); err != nil {
			t.Fatal(err)
		}
	case *drawnBar:
		done := make(chan struct{})
		w.change(func() {
			said = w.permits
			close(done)
		})
		<-done
	}
	return said
}

// TestBarSaysWhatIsAllowed: however much is allowed, and whoever is called how, the bar
// says so in every language: all of it, or the first of it and how much more.
func TestBarSaysWhatIsAllowed(t *testing.T) {
	catalog, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	onStage(t, func(s stage) {
		b, _ := s.showBar(languages["en"].bar)
		for _, tag := range catalog.Tags() {
			words := catalog.Match(tag)
			for _, name := range []string{"Anna Bianchi", "Hannelore Schwarzenberger-Wi\u015bniewska"} {
				bar := spoken(words, Person{Name: "A"}).bar
				bar.Title, bar.TakeBack = languages["en"].bar.Title, words.T("agent.bar.take_back")
				bar.Who = words.T("agent.bar.view", "name", isolate(name))
				var all []string
				for _, p := range protocol.Permissions() {
					if p != protocol.ViewScreen && p != protocol.MayChat {
						all = append(all, words.T("console.permission."+string(p)))
					}
				}
				bar.Allowed = words.T("agent.bar.allowed", "what", strings.Join(all, " \u00b7 "))
				bar.Short = words.T("agent.bar.allowed_more", "what", all[0], "n", "12")
				if err := b.Update(bar); err != nil {
					s.Fatal(err)
				}
				eventually(s, tag+": it is said", func() bool { return permits(s.T, b) == bar.Short })
				if looking() {
					settle(s, s.display)
					save(s.T, s.display, "bar-allowed-"+tag)
				}
				bar.Allowed, bar.Short = words.T("agent.bar.allowed", "what", all[0]), ""
				if err := b.Update(bar); err != nil {
					s.Fatal(err)
				}
				eventually(s, tag+": alone", func() bool { return permits(s.T, b) == bar.Allowed })
			}
		}
	})
}
