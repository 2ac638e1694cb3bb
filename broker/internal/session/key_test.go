package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"consento/protocol"
)

func isNotNow(err error) bool { return errors.Is(err, ErrNotNow) }

// TestOneWinner: 50 people type the same key at the same moment, from portal
// and agent. The database decides.
func TestOneWinner(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	p := e.issue(t)
	begin := make(chan struct{})
	var won, lost int
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			<-begin
			address := fmt.Sprintf("192.0.2.%d", i)
			var err error
			if i%2 == 0 {
				_, err = e.m.Redeem(t.Context(), p.key, address)
			} else {
				_, _, err = e.m.Join(t.Context(), hello, protocol.Join{Key: string(p.key)}, address, &link{})
			}
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				won++
			case errors.Is(err, ErrKey):
				lost++
			default:
				t.Errorf("try %d: %v", i, err)
			}
		})
	}
	close(begin)
	all.Wait()
	if won != 1 || lost != 49 {
		t.Errorf("%d won, %d lost", won, lost)
	}
}

// TestOneAnswer: wrong, used and expired keys and tickets cannot be told apart.
func TestOneAnswer(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	used := e.issue(t).redeem(t)
	short := newEnv(t, limits(Limits{Key: time.Millisecond}))
	expired := short.issue(t)
	expired.closed(t)
	over := e.issue(t)
	must(0, e.m.End(t.Context(), anna, over.id))(t)
	wrong := protocol.NewSessionKey()
	ticket := must(used.name(t).e.m.Ticket(t.Context(), used.id, "en"))(t)
	must(0, e.m.Stop(t.Context(), used.id))(t)
	used.closed(t)
	for name, try := range map[string]func() error{
		"used":             func() error { _, err := e.m.Redeem(t.Context(), used.key, "a"); return err },
		"expired":          func() error { _, err := short.m.Redeem(t.Context(), expired.key, "a"); return err },
		"ended":            func() error { _, err := e.m.Redeem(t.Context(), over.key, "a"); return err },
		"wrong":            func() error { _, err := e.m.Redeem(t.Context(), wrong, "a"); return err },
		"wrong, by agent":  func() error { return joinBy(t, e, protocol.Join{Key: string(wrong)}, "a") },
		"used, by agent":   func() error { return joinBy(t, e, protocol.Join{Key: string(used.key)}, "a") },
		"no key, by agent": func() error { return joinBy(t, e, protocol.Join{Key: "????"}, "a") },
		"wrong ticket": func() error {
			return joinBy(t, e, protocol.Join{Ticket: string(protocol.TicketFrom([16]byte{1}))}, "a")
		},
		"no ticket":        func() error { return joinBy(t, e, protocol.Join{Ticket: "????"}, "b") },
		"ticket of an end": func() error { return joinBy(t, e, protocol.Join{Ticket: string(ticket)}, "b") },
	} {
		if err := try(); err == nil || err.Error() != ErrKey.Error() {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func joinBy(t *testing.T, e *env, join protocol.Join, address string) error {
	_, _, err := e.m.Join(t.Context(), hello, join, address, &link{})
	return err
}

// TestLanguageOfThePortal: the terms come in the language that the customer read
// last on the portal if the agent can show it, else in the agent's own.
func TestLanguageOfThePortal(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	for _, c := range []struct {
		portal []string
		agent  []string
		want   string
	}{
		{[]string{"en", "ja"}, []string{"it", "en", "ja"}, "ja"},
		{[]string{"ja", "en"}, []string{"it", "en", "ja"}, "en"},
		{[]string{"ja"}, []string{"it", "en"}, "it"},
		{[]string{"ja"}, nil, "it"},
		{nil, []string{"it", "ja"}, "it"},
	} {
		p := e.issue(t)
		join := protocol.Join{Key: string(p.key), Languages: c.agent}
		if c.portal != nil {
			p.redeem(t).name(t)
			for _, language := range c.portal {
				join.Key, join.Ticket = "", string(must(e.m.Ticket(t.Context(), p.id, language))(t))
			}
		}
		_, joined, err := e.m.Join(t.Context(), hello, join, "192.0.2.1", p.link)
		if err != nil || joined.Terms.Language != c.want {
			t.Errorf("portal %v, agent %v: %q, %v; want %q", c.portal, c.agent, joined.Terms.Language, err, c.want)
		}
	}
}

// TestSecretsAreNotOnTheDisk searches every file of the data folder, and the
// log, for keys and tickets.
func TestSecretsAreNotOnTheDisk(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	fresh, used := e.issue(t), e.issue(t).redeem(t).name(t)
	ticket := must(e.m.Ticket(t.Context(), used.id, "en"))(t)
	if again := must(e.m.Ticket(t.Context(), used.id, "en"))(t); again != ticket {
		t.Error("the ticket changes")
	}
	found := false
	for _, dir := range []string{e.dir, e.evidence, e.bags} {
		must(0, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			found = found || bytes.Contains(data, []byte(used.id))
			for _, secret := range []string{string(fresh.key), fresh.key.Spaced(), string(used.key), used.key.Spaced(), string(ticket)} {
				if bytes.Contains(bytes.ToUpper(data), []byte(strings.ToUpper(secret))) {
					t.Errorf("%s holds %s", path, secret)
				}
			}
			return nil
		}))(t)
	}
	if !found {
		t.Error("the database was not searched: it does not even hold the session")
	}
	// The HMAC is there while the key can be typed, and gone after.
	stored := func(id string) int64 {
		return must(e.db.NewSelect().Table("sessions").Where("id = ? AND key_hash IS NOT NULL", id).Count(t.Context()))(t)
	}
	if stored(fresh.id) != 1 || stored(used.id) != 0 {
		t.Errorf("hashes: %d, %d", stored(fresh.id), stored(used.id))
	}
	must(0, e.m.End(t.Context(), anna, fresh.id))(t)
	if stored(fresh.id) != 0 {
		t.Error("the key of an ended session is still there")
	}
	e.logMu.Lock()
	defer e.logMu.Unlock()
	if strings.Contains(e.log.String(), string(fresh.key)) || strings.Contains(e.log.String(), string(ticket)) {
		t.Error("a secret is on the log")
	}
}

func TestSecondAgent(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	p := e.waiting(t)
	ticket := e.m.ticketOf(p.id)
	second := &link{}
	if _, _, err := e.m.Join(t.Context(), hello, protocol.Join{Ticket: string(ticket)}, "198.51.100.1", second); err == nil || err.Error() != ErrKey.Error() {
		t.Errorf("second agent: %v", err)
	}
	p.terms(t).activate(t) // the first does not notice
	must(0, e.m.End(t.Context(), anna, p.id))(t)
	p.removed(t).closed(t)
	list, _ := e.events(t, p.id)
	if find(list, protocol.EventKeyRefused) == nil || len(second.sent) != 0 {
		t.Errorf("events %v, second agent got %v", codes(list), second.sent)
	}
}

// TestKeyTypedIntoTheAgent: the name has to be confirmed there.
func TestKeyTypedIntoTheAgent(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	p := e.issue(t)
	agent, joined, err := e.m.Join(t.Context(), hello, protocol.Join{Key: strings.ToLower(p.key.Spaced())}, "192.0.2.1", p.link)
	p.agent = must(agent, err)(t)
	if !joined.ConfirmName {
		t.Error("the name need not be confirmed")
	}
	if err := p.agent.AnswerTerms(t.Context(), protocol.TermsAnswer{Version: "7", Accepted: true}); !isNotNow(err) {
		t.Errorf("terms before the name: %v", err)
	}
	for range 5 { // again does nothing
		must(0, p.agent.AnswerName(t.Context(), true))(t)
	}
	p.terms(t).activate(t)
	must(0, p.agent.End(t.Context(), protocol.EndCustomer))(t)
	p.removed(t).closed(t)
	list, _ := e.events(t, p.id)
	n := 0
	for _, x := range list {
		if x.Code == protocol.EventNameConfirmed {
			n++
		}
	}
	if n != 1 || find(list, protocol.EventRedeemed).Data["by"] != "agent" {
		t.Errorf("%d times confirmed, %v", n, codes(list))
	}
}

// TestNothingIsUsedUpInVain: what fails before leaves key and ticket good, and
// a customer who goes away while the key is used does not lose the session.
func TestNothingIsUsedUpInVain(t *testing.T) {
	broken := true
	e := newEnv(t, func(c *Config) {
		terms := c.Terms
		c.Terms = func(ctx context.Context, language string) (protocol.Terms, error) {
			if broken {
				return protocol.Terms{}, errors.New("no terms")
			}
			return terms(ctx, language)
		}
	})
	p := e.issue(t).redeem(t).name(t)
	ticket := must(e.m.Ticket(t.Context(), p.id, "en"))(t)
	if err := joinBy(t, e, protocol.Join{Ticket: string(ticket)}, "a"); err == nil || errors.Is(err, ErrKey) {
		t.Fatalf("joined without terms: %v", err)
	}
	broken = false
	p.join(t)
}

func TestTicketNeedsTheName(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	p := e.issue(t)
	for range 2 {
		if _, err := e.m.Ticket(t.Context(), p.id, "en"); !isNotNow(err) {
			t.Errorf("%s: %v", p.state(t).State, err)
		}
		if p.state(t).State == protocol.StateIssued {
			p.redeem(t)
		}
	}
	if _, err := e.m.Ticket(t.Context(), "nobody", "en"); !errors.Is(err, ErrNoSession) {
		t.Error(err)
	}
}
