package desk

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/mail"
	"consento/protocol/lang"
)

func post(t testing.TB, e *env) Post {
	t.Helper()
	texts, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	return Post{Desk: e.Desk, Texts: texts, URL: "https://help.office.example", Office: func(context.Context) (mail.Office, error) { return mail.Office{Name: "Comune"}, nil }}
}

// TestLetters: each change of state becomes a letter in the requester's language, with
// the private link, and with nothing that colleagues wrote to each other.
func TestLetters(t *testing.T) {
	e := newEnv(t)
	p := post(t, e)
	ctx := t.Context()
	n := call("Stampante")
	n.Requester.Name = "Züleyha"
	asked, err := e.Receive(ctx, n)
	if err != nil {
		t.Fatal(err)
	}
	done := e.do(e.anna, asked, Act{Kind: ActTake}, Act{Kind: ActComment, Text: "among us"}, Act{Kind: ActAnswer, Text: "Quale stampante?"}, Act{Kind: ActWait, Waiting: WaitingForVendor}, Act{Kind: ActGoOn},
		categorise, prioritise, diagnose, Act{Kind: ActAppoint, At: time.Date(2026, 7, 1, 8, 30, 0, 0, time.UTC)}, resolve, Act{Kind: ActReopen, Text: "why, among us"}, resolve, Act{Kind: ActClose})
	list, err := p.Letters(ctx, 100)
	if err != nil {
		t.Fatal(err)
	}
	hours, _, err := e.Hours(ctx)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 7, 1, 8, 30, 0, 0, time.UTC).In(hours.Calendar.Zone).Format("15:04 (MST)")
	want := []string{"la tua richiesta è arrivata", "qualcuno segue", "una risposta", "attende il fornitore", "un appuntamento", "risolta", "riaperta", "risolta", "chiusa"}
	if len(list) != len(want) {
		t.Fatalf("%d letters: %+v", len(list), list)
	}
	seen := map[string]bool{}
	for i, l := range list {
		all := fmt.Sprint(l)
		if !strings.Contains(l.Subject, want[i]) || !strings.HasPrefix(l.Subject, done.Ref+": ") || l.Language != "it" || l.Thread != done.ID || l.First != (i == 0) || seen[l.ID] {
			t.Errorf("%d: %+v", i, l)
		}
		if l.Link.URL != "https://help.office.example/request/"+e.Link(done) || l.To.Email != "maria@comune.example" || strings.Contains(all, "among us") || strings.Contains(all, "mail.") || strings.Contains(all, "{") && !strings.HasPrefix(all, "{") {
			t.Errorf("%d: %s", i, all)
		}
		seen[l.ID] = true
	}
	if first := fmt.Sprint(list[0]); strings.Contains(first, "Stampante") || strings.Contains(first, "Züleyha") || strings.Contains(first, "Since this morning") {
		t.Error("a stranger's words go to whoever they name", first)
	}
	if list[2].Quote != "Quale stampante?" || list[5].Quote != "Cable replaced." || !strings.Contains(strings.Join(list[4].Body, " "), at) {
		t.Errorf("%+v", list)
	}
	again, err := p.Letters(ctx, 100)
	if err != nil || again[0].ID != list[0].ID {
		t.Error("another letter for the same notice", err)
	}
	if why, err := e.Untold(ctx, done.ID); err != nil || why != "" {
		t.Error(why, err)
	}
	for _, l := range list {
		if err := p.Sent(ctx, l.ID, fmt.Errorf("%w: no mailbox", mail.ErrRefused)); err != nil {
			t.Fatal(err)
		}
	}
	s, err := p.Standing(ctx, 3)
	if err != nil || s.Waiting != 0 || len(s.GivenUp) != 3 || s.GivenUp[0].About != done.Ref {
		t.Errorf("%+v %v", s, err)
	}
	if why, err := e.Untold(ctx, done.ID); err != nil || !strings.Contains(why, "no mailbox") {
		t.Error(why, err)
	}
	if err := p.Again(ctx); err != nil {
		t.Fatal(err)
	}
	if list, err = p.Letters(ctx, 100); err != nil || len(list) != len(want) {
		t.Error(len(list), err)
	}
	for _, l := range list {
		if err := errors.Join(p.Sent(ctx, l.ID, nil)); err != nil {
			t.Fatal(err)
		}
	}
	if s, err = p.Standing(ctx, 3); err != nil || s.Waiting != 0 || len(s.GivenUp) != 0 {
		t.Errorf("%+v %v", s, err)
	}
}
