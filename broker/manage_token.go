package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/ops"
)

type tokenCommand struct {
	Add    tokenAddCommand    `cmd:"" help:"Make an API token and print it, once."`
	List   tokenListCommand   `cmd:"" help:"List an account's API tokens, without their secrets."`
	Remove tokenRemoveCommand `cmd:"" help:"End an API token: the next request with it is refused."`
}

type tokenAddCommand struct {
	dataFlag
	Account string   `required:"" placeholder:"EMAIL" help:"Whose token it is: it never may do more than the account."`
	Name    string   `default:"consento-broker token add" help:"What it is for, as the lists show it."`
	Days    int      `default:"366" help:"How long it works, 366 at most; 0: until it is removed."`
	Scope   []string `placeholder:"SCOPE" help:"Only this: tickets, tickets.read, sessions.read, metrics, people. May be said several times; everything a token may if not said."`
}

func (c tokenAddCommand) Run(ctx context.Context) error {
	a, done, err := c.access(ctx)
	if err != nil {
		return err
	}
	n := access.NewToken{Name: c.Name, Days: c.Days}
	for _, s := range c.Scope {
		n.Scopes = append(n.Scopes, access.TokenScope(s))
	}
	token, err := a.AddToken(ctx, c.Account, n)
	if err := errors.Join(err, done()); err != nil {
		return err
	}
	fmt.Println(token)
	return nil
}

type tokenListCommand struct {
	dataFlag
	Account string `required:"" placeholder:"EMAIL" help:"Whose tokens."`
}

func (c tokenListCommand) Run(ctx context.Context) error {
	var tokens []access.Token
	if _, err := c.onAccount(ctx, c.Account, func(a *access.Access, account access.Account) (err error) {
		tokens, err = a.Tokens(ctx, account.ID)
		return err
	}); err != nil {
		return err
	}
	day := func(t time.Time) string {
		if t.IsZero() {
			return "never"
		}
		return t.UTC().Format("2006-01-02 15:04")
	}
	for _, t := range tokens {
		scopes := "everything a token may"
		if len(t.Scopes) > 0 {
			scopes = fmt.Sprint(t.Scopes)
		}
		fmt.Printf("%s  %s: %s; made %s, used %s, ends %s\n", t.ID, t.Name, scopes, day(t.Created), day(t.Used), day(t.Expires))
	}
	return nil
}

type tokenRemoveCommand struct {
	dataFlag
	Account string `required:"" placeholder:"EMAIL" help:"Whose token."`
	ID      string `arg:"" name:"id" help:"As consento-broker token list shows it."`
}

func (c tokenRemoveCommand) Run(ctx context.Context) error {
	if _, err := c.onAccount(ctx, c.Account, func(a *access.Access, account access.Account) error {
		return a.RemoveToken(ctx, account.ID, ops.ByCommand, c.ID)
	}); err != nil {
		return err
	}
	fmt.Printf("token %s: removed\n", c.ID)
	return nil
}
