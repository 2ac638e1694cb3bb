package desk

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/access"
)

// TestRequester: what somebody who asked on the portal sees by their link, may say, and
// is told by mail.
func TestRequester(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	var links []string
	var tickets []Ticket
	for i := range 3 {
		ticket, err := e.Receive(ctx, call(fmt.Sprint("Request ", i)))
		if err != nil {
			t.Fatal(err)
		}
		tickets, links = append(tickets, ticket), append(links, e.Link(ticket))
		e.pass(time.Second)
	}
	for i, link := range links {
		if f, err := e.ByLink(ctx, link); err != nil || f.Place != i+1 || f.Ticket.ID != tickets[i].ID {
			t.Errorf("%d: %+v %v", i, f, err)
		}
	}
	other := links[0][:21] + links[1][21:]
	for _, link := range []string{"", "x", links[0] + "A", links[0][1:], other, strings.Repeat("A", 64)} {
		if _, err := e.ByLink(ctx, link); !errors.Is(err, ErrNoTicket) {
			t.Errorf("%q opens: %v", link, err)
		}
	}
	ticket := e.do(e.anna, tickets[0], Act{Kind: ActTake, Text: "for colleagues"}, Act{Kind: ActComment, Text: "She is in room 5."}, Act{Kind: ActAnswer, Text: "Which printer?"}, Act{Kind: ActWait, Waiting: WaitingForRequester})
	if f, err := e.ByLink(ctx, links[1]); err != nil || f.Place != 1 {
		t.Error("nobody moved up", f.Place, err)
	}
	e.pass(time.Hour)
	f, err := e.Say(ctx, links[0], "The green one.")
	if err != nil || f.Ticket.Waiting != WaitingForNobody || f.Place != 0 {
		t.Fatalf("%+v %v", f, err)
	}
	var lines []string
	for _, l := range f.Lines {
		lines = append(lines, fmt.Sprintf("%s %s %s", l.By, l.Kind, l.Text))
	}
	want := "Anna Rossi take |Anna Rossi answer Which printer?|Anna Rossi wait | comment The green one.| go_on "
	if got := strings.Join(lines, "|"); got != want {
		t.Errorf("%q", got)
	}
	ticket, err = e.Ticket(ctx, e.anna, ticket.ID)
	if err != nil || ticket.Resolving(Calendar{Always: true}, Target{}).Spent(e.now) > 10*time.Minute {
		t.Error("waiting counts", ticket.Pauses, err)
	}
	ticket = e.do(e.anna, ticket, categorise, prioritise, resolve)
	if f, err = e.Say(ctx, links[0], "Still not."); err != nil || f.Ticket.State != Investigation || f.Ticket.Reopened != 1 {
		t.Errorf("%+v %v", f.Ticket, err)
	}
	ticket, _ = e.Ticket(ctx, e.anna, ticket.ID)
	ticket = e.do(e.anna, ticket, resolve, Act{Kind: ActClose})
	if _, err := e.Say(ctx, links[0], "Again."); !errors.Is(err, ErrStep) {
		t.Error("said after the end", err)
	}
	for _, text := range []string{"", " \n ", "\x00", strings.Repeat("x", maxText+1)} {
		if _, err := e.Say(ctx, links[1], text); !errors.Is(err, access.ErrInvalid) {
			t.Errorf("%.10q: %v", text, err)
		}
	}
	notices, err := e.Notices(ctx, 100)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, n := range notices {
		if n.Ticket.ID == ticket.ID {
			kinds = append(kinds, string(n.Kind))
			if n.Link != links[0] || (n.Text != "") != (n.Kind == ActAnswer || n.Kind == ActResolve) {
				t.Errorf("%+v", n)
			}
		}
	}
	if got := strings.Join(kinds, " "); got != "open take answer wait resolve resolve close" {
		t.Error(got)
	}
	e.pass(linkLife + time.Second)
	if _, err := e.ByLink(ctx, links[0]); !errors.Is(err, ErrNoTicket) {
		t.Error("the link still works", err)
	}
}

// TestNotices: what cannot be sent is tried again, less and less often, and given up in
// the end; nothing is sent twice.
func TestNotices(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	n := call("Without mail")
	n.Requester.Email, n.Requester.Phone = "", "0471 1"
	if _, err := e.Open(ctx, e.anna, n); err != nil {
		t.Fatal(err)
	}
	e.open(e.anna, "With mail")
	begun := e.now
	var tries []string
	for range 100 {
		list, err := e.Notices(ctx, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range list {
			tries = append(tries, e.now.Sub(begun).String())
			if err := e.Sent(ctx, n, errors.New("the mail server is down")); err != nil {
				t.Fatal(err)
			}
		}
		e.pass(30 * time.Minute)
	}
	if len(tries) != maxTries || tries[len(tries)-1] != "38h30m0s" {
		t.Error(len(tries), tries)
	}
	e.open(e.anna, "Another")
	list, err := e.Notices(ctx, 10)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	if err := e.Sent(ctx, list[0], nil); err != nil {
		t.Fatal(err)
	}
	e.pass(time.Hour)
	if list, err := e.Notices(ctx, 10); err != nil || len(list) != 0 {
		t.Error("sent twice", list, err)
	}
}
