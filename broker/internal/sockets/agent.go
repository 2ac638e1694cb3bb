package sockets

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/coder/websocket"

	"consento/broker/internal/session"
	"consento/protocol"
)

// joinTimeout is how long a person may take to type the key into the agent.
const joinTimeout = 10 * time.Minute

// AgentConfig is what NewAgent needs.
type AgentConfig struct {
	Sessions *session.Manager
	Software string // name and version of the broker
	Log      *slog.Logger
}

// Agent serves /ws/agent.
type Agent struct {
	config AgentConfig

	mu      sync.Mutex
	waiting map[netip.Prefix]int // connections that have not joined a session yet
	total   int
}

// Bounds of connections that have not joined a session yet: of all, and of one
// address, so that one host cannot keep the others out.
const (
	maxWaitingAgents     = 256
	maxWaitingPerAddress = 16
)

// NewAgent returns the handler.
func NewAgent(config AgentConfig) (*Agent, error) {
	if config.Sessions == nil || config.Log == nil {
		return nil, errors.New("sockets: sessions and a log are needed")
	}
	return &Agent{config: config, waiting: map[netip.Prefix]int{}}, nil
}

// enter takes one place among the waiting. Release gives it back, once.
func (h *Agent) enter(address string) (release func(), ok bool) {
	from := session.Network(address)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.total >= maxWaitingAgents || h.waiting[from] >= maxWaitingPerAddress {
		return nil, false
	}
	h.total++
	h.waiting[from]++
	return sync.OnceFunc(func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.total--
		if h.waiting[from]--; h.waiting[from] == 0 {
			delete(h.waiting, from)
		}
	}), true
}

// ServeHTTP implements http.Handler.
func (h *Agent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	release, ok := h.enter(r.RemoteAddr)
	if !ok {
		http.Error(w, "too many agents are connecting", http.StatusServiceUnavailable)
		return
	}
	defer release()
	c, ctx := accept(w, r, protocol.SubprotocolAgent, h.config.Log)
	if c == nil {
		return
	}
	defer c.cancel(nil)
	var writer sync.WaitGroup
	writer.Go(func() { c.write(ctx) })
	c.cancel(h.serve(ctx, c, r.RemoteAddr, r.Header.Get("Origin") != "", release))
	writer.Wait()
}

func (h *Agent) serve(ctx context.Context, c *conn, address string, browser bool, release func()) error {
	hello, err := c.hello(ctx, h.config.Software)
	if err != nil {
		return err
	}
	if hello.Browser() != browser { // a page says that it is one, and nobody else does
		return errors.Join(errMisplaced, c.refuse(0, protocol.CodeNotAllowed))
	}
	agent, err := h.join(ctx, c, hello, address)
	if err != nil {
		return err
	}
	release()
	err = h.talk(ctx, c, agent)
	if browser && websocket.CloseStatus(err) == websocket.StatusGoingAway {
		// The customer closed the page: that is the red X, and nobody comes back.
		if ended := agent.End(context.WithoutCancel(ctx), protocol.EndCustomer); ended != nil {
			h.config.Log.Debug("closed page not noted", slog.Any("error", ended))
		}
	}
	// The request's context may be gone, the evidence must still be told.
	if gone := agent.Gone(context.WithoutCancel(ctx), silent(ctx, err)); gone != nil && !errors.Is(gone, session.ErrNoSession) && !errors.Is(gone, session.ErrNotNow) {
		h.config.Log.Error("lost agent not noted", slog.Any("error", gone))
	}
	return err
}

// silent reports whether a connection ended for want of any sign of life, rather
// than by the other side's closing it.
func silent(ctx context.Context, err error) bool {
	return errors.Is(context.Cause(ctx), errSilent) || errors.Is(err, syscall.ETIMEDOUT)
}

// join waits for a ticket or key that works, or for an agent that comes back.
func (h *Agent) join(ctx context.Context, c *conn, hello protocol.Hello, address string) (*session.Agent, error) {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	for {
		envelope, err := c.read(ctx, func(protocol.ErrorCode) {})
		if err != nil {
			return nil, err
		}
		if envelope.Type == (&protocol.Resume{}).MessageType() {
			return h.resume(ctx, c, hello, envelope)
		}
		if envelope.Type != (&protocol.Join{}).MessageType() {
			if err := c.refuse(envelope.ID, protocol.CodeUnknownState); err != nil {
				return nil, err
			}
			continue
		}
		join, err := protocol.DecodeBody[protocol.Join](envelope)
		if err != nil {
			if err := c.refuse(envelope.ID, codeOf(err)); err != nil {
				return nil, err
			}
			continue
		}
		agent, joined, err := h.config.Sessions.Join(ctx, hello, join, address, c)
		if err == nil {
			c.reply(envelope.ID, &joined)
			if join.Return != nil {
				if err := agent.AskAgain(ctx); err != nil {
					h.config.Log.Error("view not asked for again", slog.Any("error", err))
				}
			}
			return agent, nil
		}
		var over *session.EndedError
		if errors.As(err, &over) {
			c.reply(envelope.ID, &protocol.Ended{Reason: over.Reason})
			return nil, err
		}
		// A person may type the key again; the throttle counts.
		if err := c.refuse(envelope.ID, codeOf(err)); err != nil {
			return nil, err
		}
	}
}

// resume takes an agent back. What it says is either right or nothing.
func (h *Agent) resume(ctx context.Context, c *conn, hello protocol.Hello, envelope protocol.Envelope) (*session.Agent, error) {
	resume, err := protocol.DecodeBody[protocol.Resume](envelope)
	if err != nil {
		return nil, errors.Join(err, c.refuse(envelope.ID, codeOf(err)))
	}
	agent, resumed, err := h.config.Sessions.Resume(ctx, hello, resume, c)
	var over *session.EndedError
	if errors.As(err, &over) {
		c.reply(envelope.ID, &protocol.Ended{Reason: over.Reason})
		return nil, err
	}
	if err != nil {
		return nil, errors.Join(err, c.refuse(envelope.ID, codeOf(err)))
	}
	c.reply(envelope.ID, &resumed)
	// From here on it is the session's agent, whatever fails: its connection's
	// end has to be told.
	if err := agent.Remind(ctx); err != nil {
		h.config.Log.Error("agent not reminded", slog.Any("error", err))
	}
	return agent, nil
}

func (h *Agent) talk(ctx context.Context, c *conn, agent *session.Agent) error {
	refused := func(code protocol.ErrorCode) {
		if err := agent.Malformed(ctx, code); err != nil {
			h.config.Log.Debug("refused message not noted", slog.Any("error", err))
		}
	}
	for {
		envelope, err := c.read(ctx, refused)
		if err != nil {
			return err
		}
		err = h.handle(ctx, c, agent, envelope)
		if errors.Is(err, errDone) {
			return nil
		}
		if err == nil {
			continue
		}
		if errors.Is(err, session.ErrNoSession) {
			return err // the broker is stopping: the agent comes back to the next run, or is told then
		}
		code := codeOf(err)
		refused(code)
		if err := c.refuse(envelope.ID, code); err != nil {
			return err
		}
	}
}

// errDone says that the agent has said its last word.
var errDone = errors.New("the agent is done")

func (h *Agent) handle(ctx context.Context, c *conn, agent *session.Agent, e protocol.Envelope) error {
	switch e.Type {
	case (*protocol.Ping)(nil).MessageType():
		c.reply(e.ID, &protocol.Pong{})
		return nil
	case (*protocol.NameAnswer)(nil).MessageType():
		m, err := protocol.DecodeBody[protocol.NameAnswer](e)
		if err != nil {
			return err
		}
		return agent.AnswerName(ctx, m.Confirmed)
	case (*protocol.TermsAnswer)(nil).MessageType():
		m, err := protocol.DecodeBody[protocol.TermsAnswer](e)
		if err != nil {
			return err
		}
		return agent.AnswerTerms(ctx, m)
	case (*protocol.ConsentAnswer)(nil).MessageType():
		m, err := protocol.DecodeBody[protocol.ConsentAnswer](e)
		if err != nil {
			return err
		}
		return agent.AnswerConsent(ctx, m)
	case (*protocol.GuestAnswer)(nil).MessageType():
		m, err := protocol.DecodeBody[protocol.GuestAnswer](e)
		if err != nil {
			return err
		}
		return agent.AnswerGuest(ctx, m)
	case (*protocol.Offer)(nil).MessageType():
		m, err := protocol.DecodeBody[protocol.Offer](e)
		if err != nil {
			return err
		}
		answer, err := agent.Publish(ctx, m.SDP)
		if err != nil {
			return err
		}
		c.reply(e.ID, &protocol.Answer{SDP: answer})
		return nil
	case (*protocol.Sharing)(nil).MessageType():
		m, err := protocol.DecodeBody[protocol.Sharing](e)
		if err != nil {
			return err
		}
		if err := agent.Share(ctx, m); err != nil || m.State != protocol.SharingShown {
			return err
		}
		c.reply(e.ID, &protocol.SharingRecorded{})
		return nil
	case (*protocol.Network)(nil).MessageType():
		m, err := protocol.DecodeBody[protocol.Network](e)
		if err != nil {
			return err
		}
		return agent.Network(ctx, m)
	case (*protocol.ChatSay)(nil).MessageType():
		m, err := protocol.DecodeBody[protocol.ChatSay](e)
		if err != nil {
			return err
		}
		n, err := agent.Say(ctx, m)
		return c.said(e.ID, m.Key, n, err)
	case (*protocol.ChatSince)(nil).MessageType():
		m, err := protocol.DecodeBody[protocol.ChatSince](e)
		if err != nil {
			return err
		}
		chat, err := agent.ChatSince(ctx, m)
		if err == nil {
			c.reply(e.ID, &chat)
		} else if !errors.Is(err, session.ErrNoSession) {
			h.config.Log.Error("lines of chat not given", slog.Any("error", err))
			return nil // it asks again
		}
		return err
	case (*protocol.Slept)(nil).MessageType():
		m, err := protocol.DecodeBody[protocol.Slept](e)
		if err != nil {
			return err
		}
		return agent.Slept(ctx, m)
	case (*protocol.ControlState)(nil).MessageType():
		m, err := protocol.DecodeBody[protocol.ControlState](e)
		if err != nil {
			return err
		}
		return agent.Control(ctx, m)
	case (*protocol.Restart)(nil).MessageType():
		m, err := protocol.DecodeBody[protocol.Restart](e)
		if err != nil {
			return err
		}
		recorded, err := agent.Restart(ctx, m)
		if err != nil || !recorded {
			return err
		}
		c.reply(e.ID, &protocol.RestartRecorded{Epoch: m.Epoch, State: m.State})
		return nil
	case (*protocol.StillPart)(nil).MessageType():
		m, err := protocol.DecodeBody[protocol.StillPart](e)
		if err != nil {
			return err
		}
		return agent.StillPart(ctx, m)
	case (*protocol.SystemPart)(nil).MessageType():
		m, err := protocol.DecodeBody[protocol.SystemPart](e)
		if err != nil {
			return err
		}
		return agent.SystemPart(ctx, m)
	case (*protocol.SystemChanges)(nil).MessageType():
		m, err := protocol.DecodeBody[protocol.SystemChanges](e)
		if err != nil {
			return err
		}
		return agent.SystemChanges(ctx, m)
	case (*protocol.Ended)(nil).MessageType():
		m, err := protocol.DecodeBody[protocol.Ended](e)
		if err != nil {
			return err
		}
		return agent.End(ctx, m.Reason)
	case (*protocol.Removed)(nil).MessageType():
		m, err := protocol.DecodeBody[protocol.Removed](e)
		if err != nil {
			return err
		}
		return errors.Join(agent.Removed(ctx, m), errDone)
	}
	return other(e)
}
