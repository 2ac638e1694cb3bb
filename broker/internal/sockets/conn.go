// Package sockets is the two WebSockets of the broker: agents at /ws/agent,
// consoles at /ws/console. It turns messages of package protocol into calls of
// package session and back.
//
// It promises: no message is read beyond protocol.MaxMessage; a peer that sends
// nonsense, says nothing or reads nothing is cut off; who is signed in, and
// whether they still may, is asked again for every message of a console.
package sockets

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
	"consento/broker/internal/session"
	"consento/broker/internal/sfu"
	"consento/protocol"
)

const (
	helloTimeout = 10 * time.Second
	pingInterval = 5 * time.Second
	pingTimeout  = 10 * time.Second
	writeTimeout = 10 * time.Second
	queueLength  = 64
	// maxRefused is how many messages of one peer may be refused before it is
	// cut off.
	maxRefused = 10
	// Messages that one peer may send: at once, and for each second on average.
	// People press buttons; who sends more is cut off.
	maxBurst     = 200
	maxPerSecond = 20
)

// errSilent says that the other side does not answer any more.
var errSilent = errors.New("the other side is silent")

// errSlow cuts a peer off that does not read.
var errSlow = errors.New("the other side does not read")

// conn is one WebSocket with a queue of what is to be sent.
type conn struct {
	ws      *websocket.Conn
	log     *slog.Logger
	queue   chan []byte
	cancel  context.CancelCauseFunc
	lastID  atomic.Uint64
	refused int
	credit  float64 // messages that may still come; used by read alone
	asOf    time.Time
}

// accept makes a WebSocket of a request, with the context in which it lives; nil where it
// has answered otherwise. Origin is compared with Host, so that no other site's page can
// use a cookie or play the agent (RFC 6455, section 10.2).
func accept(w http.ResponseWriter, r *http.Request, subprotocol string, log *slog.Logger) (*conn, context.Context) {
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{subprotocol}, CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return nil, nil // Accept has answered
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	c := newConn(ws, log, cancel)
	if ws.Subprotocol() != subprotocol {
		c.turnAway(ctx)
		cancel(nil)
		return nil, nil
	}
	return c, ctx
}

func newConn(ws *websocket.Conn, log *slog.Logger, cancel context.CancelCauseFunc) *conn {
	ws.SetReadLimit(protocol.MaxMessage)
	return &conn{ws: ws, log: log, queue: make(chan []byte, queueLength), cancel: cancel,
		credit: maxBurst, asOf: time.Now()}
}

// Send queues a message. It never blocks: who does not read is cut off.
func (c *conn) Send(m protocol.Message) { c.reply(0, m) }

func (c *conn) reply(ref uint64, m protocol.Message) {
	data, err := protocol.Encode(c.lastID.Add(1), ref, m)
	if err != nil {
		c.log.Error("message cannot be sent", slog.String("type", m.MessageType()), slog.Any("error", err))
		c.cancel(err)
		return
	}
	select {
	case c.queue <- data:
	default:
		c.cancel(errSlow)
	}
}

// write sends what is queued, and pings, until ctx ends; then it sends what is
// left and closes the socket.
func (c *conn) write(ctx context.Context) {
	var pinger sync.WaitGroup
	pinger.Go(func() { c.ping(ctx) }) // beside: what is queued does not wait for a pong
	defer pinger.Wait()
	for {
		select {
		case data := <-c.queue:
			if err := c.put(ctx, data); err != nil {
				c.cancel(err)
			}
		case <-ctx.Done():
			c.finish(ctx)
			return
		}
	}
}

// ping finds out that the other side is gone.
func (c *conn) ping(ctx context.Context) {
	every(ctx, pingInterval, func() bool {
		pinging, cancel := context.WithTimeout(ctx, pingTimeout)
		defer cancel()
		err := c.ws.Ping(pinging)
		if err != nil {
			c.cancel(errors.Join(errSilent, err))
		}
		return err == nil
	})
}

// every does something at each interval, the first time after one, until it says that there
// is no more to do, or ctx ends.
func every(ctx context.Context, interval time.Duration, more func() bool) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if !more() {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// turnAway ends a connection of another subprotocol.
func (c *conn) turnAway(ctx context.Context) {
	c.reply(0, &protocol.Error{Code: protocol.CodeVersion})
	c.finish(ctx)
}

func (c *conn) put(ctx context.Context, data []byte) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	return c.ws.Write(ctx, websocket.MessageText, data)
}

func (c *conn) finish(ctx context.Context) {
	for {
		select {
		case data := <-c.queue:
			if err := c.put(ctx, data); err != nil {
				_ = c.ws.CloseNow() // it is gone already
				return
			}
		default:
			_ = c.ws.Close(websocket.StatusNormalClosure, "") // likewise
			return
		}
	}
}

// read returns the next envelope. A message that is none is refused and counted
// by onRefused; after too many the connection ends.
func (c *conn) read(ctx context.Context, onRefused func(protocol.ErrorCode)) (protocol.Envelope, error) {
	for {
		kind, data, err := c.ws.Read(ctx)
		if err != nil {
			return protocol.Envelope{}, err
		}
		if !c.mayCome(time.Now()) {
			return protocol.Envelope{}, errFlood
		}
		envelope, err := protocol.DecodeEnvelope(data)
		if err == nil && kind == websocket.MessageText {
			return envelope, nil
		}
		code := protocol.CodeMalformed
		if errors.Is(err, protocol.ErrVersion) {
			code = protocol.CodeVersion
		}
		onRefused(code)
		if err := c.refuse(0, code); err != nil {
			return protocol.Envelope{}, err
		}
	}
}

var (
	// errRefused cuts a peer off that sends nonsense.
	errRefused = errors.New("too many messages were refused")
	// errFlood cuts a peer off that sends too much.
	errFlood = errors.New("too many messages")
	// errMisplaced refuses a message that is known and does not belong here. One
	// that is not known is tolerated: a newer minor version may send it.
	errMisplaced = errors.New("message does not belong here")
)

// mayCome counts one message.
func (c *conn) mayCome(now time.Time) bool {
	c.credit = min(maxBurst, c.credit+now.Sub(c.asOf).Seconds()*maxPerSecond)
	c.asOf = now
	c.credit--
	return c.credit >= 0
}

// other answers a message that a handler has no case for.
func other(e protocol.Envelope) error {
	if protocol.Known(e.Type) {
		return errMisplaced
	}
	return nil
}

func (c *conn) refuse(ref uint64, code protocol.ErrorCode) error {
	c.reply(ref, &protocol.Error{Code: code})
	c.refused++
	if c.refused >= maxRefused || code == protocol.CodeVersion {
		return errRefused
	}
	return nil
}

// hello exchanges the first messages.
func (c *conn) hello(ctx context.Context, software string) (protocol.Hello, error) {
	ctx, cancel := context.WithTimeout(ctx, helloTimeout)
	defer cancel()
	envelope, err := c.read(ctx, func(protocol.ErrorCode) {})
	if err != nil {
		return protocol.Hello{}, err
	}
	if envelope.Type != (&protocol.Hello{}).MessageType() {
		return protocol.Hello{}, errors.Join(c.refuse(envelope.ID, protocol.CodeUnknownState), errRefused)
	}
	hello, err := protocol.DecodeBody[protocol.Hello](envelope)
	if err != nil {
		return hello, errors.Join(err, c.refuse(envelope.ID, codeOf(err)))
	}
	c.reply(envelope.ID, &protocol.Hello{Version: protocol.CurrentVersion(), Software: software})
	return hello, nil
}

// codeOf says an error to a program.
func codeOf(err error) protocol.ErrorCode {
	var throttled *session.ThrottledError
	switch {
	case errors.Is(err, errMisplaced):
		return protocol.CodeUnknownState
	case errors.Is(err, protocol.ErrVersion):
		return protocol.CodeVersion
	case errors.Is(err, protocol.ErrMalformed):
		return protocol.CodeMalformed
	case errors.Is(err, session.ErrKey):
		return protocol.CodeKey
	case errors.As(err, &throttled), errors.Is(err, session.ErrTooMany):
		return protocol.CodeThrottled
	case errors.Is(err, desk.ErrForbidden), errors.Is(err, session.ErrNotAllowed), errors.Is(err, access.ErrEnded):
		return protocol.CodeNotAllowed
	case errors.Is(err, session.ErrNotNow), errors.Is(err, desk.ErrStep):
		return protocol.CodeNotNow
	case errors.Is(err, session.ErrNoSession):
		return protocol.CodeNoSession
	case errors.Is(err, desk.ErrNoTicket):
		return protocol.CodeNoTicket
	case errors.Is(err, session.ErrNoRecipient):
		return protocol.CodeNoRecipient
	case errors.Is(err, session.ErrWitness):
		return protocol.CodeWitness
	case errors.Is(err, session.ErrEvidence):
		return protocol.CodeEvidence
	case errors.Is(err, sfu.ErrOffer), errors.Is(err, sfu.ErrStopped):
		return protocol.CodeMedia
	}
	return protocol.CodeUnavailable
}
