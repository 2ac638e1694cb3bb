package sockets

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/session"
	"consento/protocol"
)

// VendorConfig is what NewVendor needs.
type VendorConfig struct {
	Sessions *session.Manager
	// Inviter reports whether an account may still have somebody from outside in its
	// sessions.
	Inviter  func(ctx context.Context, account string) (bool, error)
	Office   func(context.Context) (protocol.Person, error) // Office and Phone
	Software string
	Log      *slog.Logger
}

// Vendor serves /ws/vendor: one person from outside, without an account, in one session.
type Vendor struct {
	config VendorConfig
}

// NewVendor returns the handler.
func NewVendor(config VendorConfig) (*Vendor, error) {
	if config.Sessions == nil || config.Inviter == nil || config.Office == nil || config.Log == nil {
		return nil, errors.New("sockets: the configuration is not complete")
	}
	return &Vendor{config}, nil
}

// InviterOf asks the accounts whether somebody may invite.
func InviterOf(accounts func(context.Context) ([]access.Account, error)) func(context.Context, string) (bool, error) {
	return func(ctx context.Context, id string) (bool, error) {
		all, err := accounts(ctx)
		for _, a := range all {
			if a.ID == id {
				return access.Can(a, access.InviteVendor, own(a)), err
			}
		}
		return false, err
	}
}

// ServeHTTP implements http.Handler.
func (h *Vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	cookie, err := r.Cookie(session.VendorCookie)
	if err != nil {
		http.Error(w, "open the invitation first", http.StatusUnauthorized)
		return
	}
	who, err := h.config.Sessions.VendorOf(r.Context(), cookie.Value)
	if err != nil {
		http.Error(w, "the invitation is over", http.StatusUnauthorized)
		return
	}
	conn, ctx := accept(w, r, protocol.SubprotocolConsole, h.config.Log)
	if conn == nil {
		return
	}
	defer conn.cancel(nil)
	v := &vendor{conn: conn, config: h.config, device: cookie.Value, who: who}
	var workers sync.WaitGroup
	workers.Go(func() { v.write(ctx) })
	workers.Go(func() { v.recheck(ctx) })
	v.cancel(v.serve(ctx, &workers))
	v.keep(nil)
	workers.Wait()
}

// vendor is one page of somebody from outside.
type vendor struct {
	*conn
	config VendorConfig
	device string
	who    session.Vendor

	mu   sync.Mutex
	view *session.View
}

// still asks again whether the invitation is good, and whether who invited may still do so.
func (v *vendor) still(ctx context.Context) error {
	if _, err := v.config.Sessions.VendorOf(ctx, v.device); err != nil {
		return session.ErrNoSession
	}
	may, err := v.config.Inviter(ctx, v.who.InvitedBy)
	if err != nil {
		return err
	}
	if err := v.config.Sessions.KeepGuest(ctx, v.who.Technician, func(session.Whose, protocol.GuestWay) bool { return may }); err != nil {
		return err
	}
	if !may {
		return session.ErrNoSession
	}
	return nil
}

func (v *vendor) recheck(ctx context.Context) {
	every(ctx, recheckInterval, func() bool {
		over := errors.Is(v.still(ctx), session.ErrNoSession)
		if over {
			v.cancel(access.ErrEnded)
		}
		return !over
	})
}

func (v *vendor) serve(ctx context.Context, workers *sync.WaitGroup) error {
	if _, err := v.hello(ctx, v.config.Software); err != nil {
		return err
	}
	if err := v.welcome(ctx, workers); err != nil {
		return err
	}
	for {
		envelope, err := v.read(ctx, func(protocol.ErrorCode) {})
		if err != nil {
			return err
		}
		if err := v.handle(ctx, envelope); err != nil {
			v.reply(envelope.ID, &protocol.Error{Code: codeOf(err)})
		}
	}
}

// seen is what somebody from outside sees of the session: no note, and nobody else's chance
// to come in.
func (v *vendor) seen(s protocol.Session) protocol.Session {
	s = v.config.Sessions.Seen(v.who.Technician, s)
	s.May, s.Offer, s.Reason = nil, nil, ""
	if s.Self == 0 {
		s.Guests, s.Viewers, s.Steps, s.Consents = nil, []string{}, []protocol.Step{}, []protocol.Consent{}
	}
	return s
}

func (v *vendor) welcome(ctx context.Context, workers *sync.WaitGroup) error {
	office, err := v.config.Office(ctx)
	if err != nil {
		return err
	}
	changes, err := v.config.Sessions.Follow(ctx, v.who.Session)
	if err != nil {
		return err
	}
	first, ok := <-changes
	if !ok {
		return session.ErrNoSession
	}
	v.Send(&protocol.Welcome{Account: protocol.Person{Name: v.who.Name, Team: v.who.Team, Office: office.Office, Phone: office.Phone},
		Sessions: []protocol.Session{v.seen(first)}, Now: time.Now().UTC()})
	stop := v.config.Sessions.Listen(v.who.ID, v.Send)
	workers.Go(func() {
		defer stop()
		for s := range changes {
			v.Send(&protocol.SessionChanged{Session: v.seen(s), Now: time.Now().UTC()})
		}
	})
	return nil
}

func (v *vendor) handle(ctx context.Context, e protocol.Envelope) error {
	if e.Type == (*protocol.Ping)(nil).MessageType() {
		v.reply(e.ID, &protocol.Pong{})
		return nil
	}
	if err := v.still(ctx); err != nil {
		return err
	}
	sessions, by := v.config.Sessions, v.who.Technician
	switch e.Type {
	case (*protocol.GuestJoin)(nil).MessageType():
		m, err := protocol.DecodeBody[protocol.GuestJoin](e)
		if err != nil || m.Session != v.who.Session || m.Way != protocol.WayVendor {
			return errors.Join(err, session.ErrNoSession)
		}
		return v.changed(e.ID, func() (protocol.Session, error) { return sessions.JoinLive(ctx, by, m) })
	case (*protocol.GuestLeave)(nil).MessageType():
		m, err := protocol.DecodeBody[protocol.GuestLeave](e)
		if err != nil {
			return err
		}
		return v.changed(e.ID, func() (protocol.Session, error) { return sessions.LeaveLive(ctx, by, m, false) })
	case (*protocol.Offer)(nil).MessageType():
		m, err := protocol.DecodeBody[protocol.Offer](e)
		if err != nil {
			return err
		}
		view, answer, err := sessions.View(ctx, by, m.Session, m.SDP)
		if err != nil {
			return err
		}
		v.keep(view)
		v.reply(e.ID, &protocol.Answer{Session: m.Session, SDP: answer})
		return nil
	case (*protocol.StopWatching)(nil).MessageType():
		v.keep(nil)
		return nil
	case (*protocol.ChatSay)(nil).MessageType():
		m, err := protocol.DecodeBody[protocol.ChatSay](e)
		if err != nil {
			return err
		}
		n, err := sessions.Say(ctx, by, m)
		return v.said(e.ID, m.Key, n, err)
	case (*protocol.ChatSince)(nil).MessageType():
		m, err := protocol.DecodeBody[protocol.ChatSince](e)
		if err != nil {
			return err
		}
		chat, err := sessions.ChatSince(ctx, by, m)
		if err != nil {
			return err
		}
		v.reply(e.ID, &chat)
		return nil
	}
	return other(e)
}

func (v *vendor) changed(ref uint64, do func() (protocol.Session, error)) error {
	s, err := do()
	if err != nil {
		return err
	}
	v.reply(ref, &protocol.SessionChanged{Session: v.seen(s)})
	return nil
}

// keep replaces this page's picture.
func (v *vendor) keep(view *session.View) {
	v.mu.Lock()
	old := v.view
	v.view = view
	v.mu.Unlock()
	if old != nil {
		old.Close()
	}
}
