package mail

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"consento/protocol/lang"
)

// Staff writes to people who work here, each in their own language.
type Staff struct {
	// Speaks returns the texts in the language of an account, or the office's for "".
	Speaks func(ctx context.Context, language string) (lang.Texts, error)
	URL    string // public address, without a slash at its end
	Queue  func(ctx context.Context, db bun.IDB, l Letter) error
}

// Colleague is one of them.
type Colleague struct{ ID, Name, Email, Language string }

// Tell queues one letter for each of them, as write makes it: whom it is for, the language
// and the greeting are put to it.
func (s Staff) Tell(ctx context.Context, db bun.IDB, to []Colleague, write func(x lang.Texts, to Colleague) Letter) error {
	for _, c := range to {
		x, err := s.Speaks(ctx, c.Language)
		if err != nil {
			return fmt.Errorf("mail: %w", err)
		}
		l := write(x, c)
		l.To, l.Language, l.Body = Address{Name: c.Name, Email: c.Email}, x.Tag, append([]string{x.T("mail.hello", "name", c.Name)}, l.Body...)
		if err := s.Queue(ctx, db, l); err != nil {
			return err
		}
	}
	return nil
}
