package sockets

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"reflect"
	"sync"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/session"
	"consento/protocol"
)

// recheckInterval is how soon a right that was taken away works in a console
// that says nothing.
const recheckInterval = 3 * time.Second

// Accounts is what consoles need of package access.
type Accounts interface {
	Recheck(ctx context.Context, before access.Account) (access.Account, error)
}

// ConsoleConfig is what NewConsole needs.
type ConsoleConfig struct {
	Sessions   *session.Manager
	Desk       Desk
	Accounts   Accounts
	Office     func(context.Context) (protocol.Person, error)  // Office and Phone
	Colleagues func(context.Context) ([]access.Account, error) // who could be handed a session
	PublicURL  string                                          // without a path or a final slash
	Software   string
	Log        *slog.Logger

	requests map[string]Request
}

// Console serves /ws/console.
type Console struct {
	config ConsoleConfig
}

// NewConsole returns the handler. access.LoadSession stands
// before it.
func NewConsole(config ConsoleConfig) (*Console, error) {
	if config.Sessions == nil || config.Desk == nil || config.Accounts == nil || config.Office == nil || config.Colleagues == nil || config.PublicURL == "" || config.Log == nil {
		return nil, errors.New("sockets: the configuration is not complete")
	}
	config.requests = map[string]Request{}
	for _, r := range Requests() {
		config.requests[r.Type] = r
	}
	return &Console{config: config}, nil
}

// ServeHTTP implements http.Handler.
func (h *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	account, ok := access.Current(r)
	if !ok {
		http.Error(w, "sign in first", http.StatusUnauthorized)
		return
	}
	if !access.Can(account, access.Assist, own(account)) {
		http.Error(w, "this account cannot give support", http.StatusForbidden)
		return
	}
	conn, ctx := accept(w, r, protocol.SubprotocolConsole, h.config.Log)
	if conn == nil {
		return
	}
	defer conn.cancel(nil)
	c := &console{conn: conn, config: h.config, account: account, views: map[string]*session.View{}}
	c.panel = &session.Panel{Send: c.Send}
	var workers sync.WaitGroup
	workers.Go(func() { c.write(ctx) })
	workers.Go(func() { c.recheck(ctx) })
	c.cancel(c.serve(ctx, &workers))
	c.closeViews()
	h.config.Sessions.ClosePanel(context.WithoutCancel(r.Context()), c.panel)
	workers.Wait()
}

// console is one technician's console.
type console struct {
	*conn
	config ConsoleConfig
	panel  *session.Panel

	mu       sync.Mutex
	account  access.Account
	views    map[string]*session.View // by session
	tickets  map[string]struct{}      // that it was shown; nil as long as it has not asked for any
	language string                   // that its person reads, BCP 47
}

// technician asks again who this is: a right that was taken away works at once.
func (c *console) technician(ctx context.Context, action access.Action) (session.Technician, error) {
	c.mu.Lock()
	before := c.account
	c.mu.Unlock()
	account, err := c.config.Accounts.Recheck(ctx, before)
	if err != nil {
		return session.Technician{}, err
	}
	if !access.Can(account, action, own(account)) {
		return session.Technician{}, session.ErrNotAllowed
	}
	c.mu.Lock()
	c.account = account
	tell := c.tickets != nil && moved(before, account)
	c.mu.Unlock()
	if tell {
		c.Send(&protocol.DeskChanged{})
	}
	technician := session.Technician{ID: account.ID, Name: account.Name, Team: account.Team, Territory: account.Territory, Profile: account.Profile}
	if !reflect.DeepEqual(before, account) { // who is a guest somewhere may not be one any more
		if err := c.config.Sessions.KeepGuest(ctx, technician, c.may); err != nil {
			return session.Technician{}, err
		}
	}
	return technician, nil
}

// own is the scope of the account's own sessions; package session refuses others.
func own(a access.Account) access.Scope {
	return access.Scope{Owner: a.ID, Team: a.Team, Territory: a.Territory}
}

// recheck ends the console, and the person's sessions, when the account ends or
// loses its rights.
func (c *console) recheck(ctx context.Context) {
	every(ctx, recheckInterval, func() bool {
		technician, err := c.technician(ctx, access.Assist)
		if err == nil && technician.Profile.Permissions.Allows(protocol.ViewScreen) {
			if err := errors.Join(c.config.Sessions.Limit(ctx, technician), c.config.Sessions.KeepGuest(ctx, technician, c.may)); err != nil && ctx.Err() == nil {
				c.log.Error("sessions not told of the profile", slog.Any("error", err))
			}
			return true
		}
		if err != nil && !errors.Is(err, access.ErrEnded) && !errors.Is(err, session.ErrNotAllowed) {
			return true // the database is busy: asked again soon
		}
		c.mu.Lock()
		id := c.account.ID
		c.mu.Unlock()
		if err := c.config.Sessions.Revoke(context.WithoutCancel(ctx), id); err != nil {
			c.log.Error("sessions of an ended account go on", slog.Any("error", err))
			return true
		}
		c.cancel(access.ErrEnded)
		return false
	})
}

func (c *console) serve(ctx context.Context, workers *sync.WaitGroup) error {
	hello, err := c.hello(ctx, c.config.Software)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.language = hello.Language
	c.mu.Unlock()
	workers.Go(func() { c.follow(ctx) })
	technician, err := c.technician(ctx, access.Assist)
	if err != nil {
		return err
	}
	if err := c.welcome(ctx, technician, workers); err != nil {
		return err
	}
	for {
		envelope, err := c.read(ctx, func(protocol.ErrorCode) {})
		if err != nil {
			return err
		}
		if err := c.handle(ctx, envelope); err != nil {
			code := codeOf(err)
			if code == protocol.CodeUnavailable {
				c.log.Error("message not carried out", slog.String("type", envelope.Type), slog.Any("error", err))
			}
			c.reply(envelope.ID, &protocol.Error{Code: code})
		}
	}
}

// welcome sends the sessions, and then every change of them.
func (c *console) welcome(ctx context.Context, technician session.Technician, workers *sync.WaitGroup) error {
	office, err := c.config.Office(ctx)
	if err != nil {
		return err
	}
	sessions, changes, err := c.config.Sessions.Watch(ctx, technician, c.lists)
	if err != nil {
		return err
	}
	for i := range sessions {
		sessions[i] = c.seen(sessions[i])
	}
	welcome := &protocol.Welcome{
		Account:     protocol.Person{Name: technician.Name, Team: technician.Team, Office: office.Office, Phone: office.Phone},
		Permissions: technician.Profile.Permissions, Rights: technician.Profile.Rights, CanIssue: technician.Profile.Permissions.Allows(protocol.ViewScreen) && technician.Profile.Rights[protocol.MayIssueKeys],
		Tickets:  access.Can(c.who(), access.ReadTickets, own(c.who())),
		Sessions: sessions, Now: time.Now().UTC(),
	}
	// Where one message does not hold all, the oldest, at the end, come without
	// their notes, and then not at all.
	for i := len(sessions) - 1; i >= 0 && sessions[i].State == protocol.StateClosed && tooLong(welcome); i-- {
		sessions[i].Note, sessions[i].NotedAt = "", time.Time{}
	}
	for tooLong(welcome) && len(welcome.Sessions) > 0 {
		welcome.Sessions = welcome.Sessions[:len(welcome.Sessions)-1]
	}
	c.Send(welcome)
	stop := c.config.Sessions.Listen(technician.ID, c.Send)
	workers.Go(func() {
		defer stop()
		for s := range changes {
			c.Send(&protocol.SessionChanged{Session: c.seen(s), Now: time.Now().UTC()})
		}
	})
	return nil
}

// tooLong reports whether m does not fit into one message.
func tooLong(m protocol.Message) bool {
	_, err := protocol.Encode(1, 0, m)
	return err != nil
}

// keep replaces this console's picture of a session: it has one at a time.
func (c *console) keep(id string, view *session.View) {
	c.mu.Lock()
	old := c.views[id]
	if view != nil {
		c.views[id] = view
	} else {
		delete(c.views, id)
	}
	c.mu.Unlock()
	if old != nil {
		old.Close()
	}
}

func (c *console) closeViews() {
	c.mu.Lock()
	views := c.views
	c.views = map[string]*session.View{}
	c.mu.Unlock()
	for _, v := range views {
		v.Close()
	}
}
