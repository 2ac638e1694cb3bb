package desk

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/mail"
	"consento/protocol/lang"

	"github.com/uptrace/bun"
)

// TestStaffLetters: who is assigned and who leads are told of a promise; the officer of a
// breach, with nothing of what the ticket says; the auditors where there is no officer.
func TestStaffLetters(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	texts, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	var sent []mail.Letter
	p := StaffPost{mail.Staff{Speaks: func(_ context.Context, language string) (lang.Texts, error) {
		return texts.Only("fr", "ja").Match(language), nil
	}, URL: "https://help.office.example", Queue: func(_ context.Context, db bun.IDB, l mail.Letter) error {
		if _, in := db.(bun.Tx); !in {
			t.Error("a letter outside of the transaction")
		}
		sent = append(sent, l)
		return nil
	}}}
	e.OnAlert(p.Alert)
	e.OnBreach(p.Breach)
	e.promise(time.Hour, Calendar{Always: true})
	for email, tag := range map[string]string{"anna@office.example": "ja", "udo@office.example": "de"} {
		if _, err := e.db.NewRaw(`UPDATE accounts SET language = ? WHERE email = ?`, tag, email).Exec(ctx); err != nil {
			t.Fatal(err)
		}
	}
	ticket, err := e.Receive(ctx, call("Secret <b>"))
	if err != nil {
		t.Fatal(err)
	}
	to := func() (list string) {
		for _, l := range sent {
			all := fmt.Sprint(l)
			want := "fr" // the office's: of who chose none, and of Udo, whose German the office has no more
			if l.To.Email == "anna@office.example" {
				want = "ja"
			}
			if x := texts.Match(want); l.Language != want || !strings.HasPrefix(l.Body[0], x.T("mail.hello", "name", l.To.Name)) || l.Link.Text != x.T("levels.mail.open") {
				t.Errorf("%s is told in %s: %+v", l.To.Email, l.Language, l)
			}
			if strings.Contains(all, "⟨") || strings.Contains(all, "{ref}") || l.ID == "" {
				t.Errorf("%+v", l)
			}
			list += l.To.Email + " " + l.Link.URL + "\n"
		}
		sent = nil
		return list
	}
	e.pass(2 * time.Hour)
	if err := e.Look(ctx); err != nil {
		t.Fatal(err)
	}
	if got := to(); got != "lara@office.example https://help.office.example/desk/"+ticket.ID+"\n" {
		t.Error("nobody has it, its lead is told:", got)
	}
	ticket = e.do(e.anna, ticket, Act{Kind: ActTake}, categorise, prioritise)
	e.pass(30 * time.Hour)
	if err := e.Look(ctx); err != nil {
		t.Fatal(err)
	}
	if got := to(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "anna@") || !strings.Contains(got, "lara@") {
		t.Error(got)
	}
	e.do(e.anna, ticket, Act{Kind: ActCategory, Category: "breach"})
	if all := fmt.Sprint(sent); strings.Contains(all, "Secret") {
		t.Error("what the ticket says is in the mail:", all)
	}
	if got := to(); got != "udo@office.example https://help.office.example/audit/breaches/"+ticket.ID+"\n" {
		t.Error("there is no officer, the auditor is told:", got)
	}
	people, err := access.New(ctx, access.Config{DB: e.db, Log: e.log, Rounds: 1000})
	if err == nil {
		_, err = people.Add(ctx, access.NewAccount{Email: "paola@office.example", Name: "Paola Blu", Role: access.DPO, Password: "seven grey herons over Bolzano"})
	}
	if err != nil {
		t.Fatal(err)
	}
	e.pass(73 * time.Hour)
	if err := e.Look(ctx); err != nil {
		t.Fatal(err)
	}
	if got := to(); strings.Count(got, "paola@") != 2 || strings.Contains(got, "udo@") {
		t.Error("both times are over:", got)
	}
}
