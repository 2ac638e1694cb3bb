// Package link is the agent's WebSocket to its broker.
//
// It promises: messages arrive whole, checked and in order, or not at all;
// nothing is read beyond protocol.MaxMessage. A link that was told how (Keep)
// dials again when its connection is lost, from whatever address the computer
// then has, and says `resume`; what was lost on the way is for the caller to say
// again when `resumed` arrives. Lost is closed when there is no way back; the last
// message is then `ended` if the broker says that the session is over.
package link

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/coder/websocket"

	"consento/protocol"
)

const (
	dialTimeout  = 20 * time.Second
	writeTimeout = 10 * time.Second
	pingInterval = 5 * time.Second
	pingTimeout  = 8 * time.Second
	queueLength  = 32
	// probeTimeout is longer than the round trip of any network that people still use.
	probeTimeout = 5 * time.Second
	// redialPause is how long a link waits before it tries once more to come back,
	// beside the tries that are still on their way: a new one notices the network's
	// return at once, an old one may be all that a slow network needs.
	redialPause   = 700 * time.Millisecond
	redialTimeout = 20 * time.Second
	// maxUnreadable is how many messages in a row may make no sense before the
	// broker is taken for broken.
	maxUnreadable = 5
)

var (
	// ErrVersion says that broker and agent do not understand each other.
	ErrVersion = errors.New("link: the broker speaks another version")
	// ErrUnreachable says that no connection could be made.
	ErrUnreachable = errors.New("link: the broker cannot be reached")
	// ErrLost says that the connection is gone for good.
	ErrLost = errors.New("link: the connection is lost")
	// ErrAway says that the connection is lost for now: the link is dialling.
	ErrAway = errors.New("link: the connection is lost for now")
)

// Link is a connection to the broker. Send may be called from anywhere.
type Link struct {
	client   *http.Client
	broker   *url.URL
	hello    protocol.Hello
	incoming chan protocol.Envelope
	away     chan bool
	probe    chan struct{} // of capacity 1
	lost     chan struct{}
	stop     context.CancelFunc
	workers  sync.WaitGroup

	mu     sync.Mutex       // held while a message is written, so that ids are in the order of the messages
	ws     *websocket.Conn  // nil while the connection is lost
	lastID uint64           // of the messages on ws
	resume *protocol.Resume // nil: the link does not come back
	limit  time.Duration
	closed bool
}

// Dial connects, and exchanges hellos. The context bounds Dial only.
func Dial(ctx context.Context, client *http.Client, broker *url.URL, hello protocol.Hello) (*Link, error) {
	address := *broker
	address.Scheme, address.Path = "wss", "/ws/agent"
	l := &Link{client: client, broker: &address, hello: hello,
		incoming: make(chan protocol.Envelope, queueLength), away: make(chan bool, 1), probe: make(chan struct{}, 1), lost: make(chan struct{})}
	dialing, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	ws, err := l.dial(dialing)
	if err != nil {
		return nil, err
	}
	l.ws, l.lastID = ws, 1
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	l.workers.Go(func() { l.run(running, ws) })
	return l, nil
}

// Keep makes the link come back to a session after a lost connection, for at
// most limit.
func (l *Link) Keep(resume protocol.Resume, limit time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.resume, l.limit = &resume, limit
}

func (l *Link) dial(ctx context.Context) (*websocket.Conn, error) {
	ws, _, err := websocket.Dial(ctx, l.broker.String(), &websocket.DialOptions{HTTPClient: l.client,
		Subprotocols: []string{protocol.SubprotocolAgent}, CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	ws.SetReadLimit(protocol.MaxMessage)
	if err := greet(ctx, ws, l.hello); err != nil {
		return nil, errors.Join(err, ws.CloseNow())
	}
	return ws, nil
}

// greet exchanges hellos; ours is message 1.
func greet(ctx context.Context, ws *websocket.Conn, hello protocol.Hello) error {
	if ws.Subprotocol() != protocol.SubprotocolAgent {
		return ErrVersion
	}
	if err := put(ctx, ws, 1, &hello); err != nil {
		return err
	}
	kind, data, err := ws.Read(ctx)
	if err != nil {
		// Whoever gives up closes the connection, and either of the two may be what the read says.
		return fmt.Errorf("%w: %w", ErrUnreachable, cmp.Or(context.Cause(ctx), err))
	}
	envelope, err := protocol.DecodeEnvelope(data)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrVersion, err)
	}
	if kind != websocket.MessageText || envelope.Type != hello.MessageType() {
		return ErrVersion
	}
	if _, err := protocol.DecodeBody[protocol.Hello](envelope); err != nil {
		return fmt.Errorf("%w: %w", ErrVersion, err)
	}
	return nil
}

// Incoming delivers the broker's messages in order. It is closed when the
// connection is lost for good and everything was delivered.
func (l *Link) Incoming() <-chan protocol.Envelope { return l.incoming }

// Away tells the latest of: true when the connection is lost for now, false when
// the broker has taken the link back.
func (l *Link) Away() <-chan bool { return l.away }

// Probe looks at once whether the broker still answers: what else goes to it does
// not get through.
func (l *Link) Probe() {
	select {
	case l.probe <- struct{}{}:
	default:
	}
}

// Lost is closed when the connection is gone for good.
func (l *Link) Lost() <-chan struct{} { return l.lost }

// Send writes one message and returns its id. It returns ErrAway while the link
// is dialling: the caller says it again when `resumed` arrives.
func (l *Link) Send(ctx context.Context, m protocol.Message) (uint64, error) {
	if err := m.Validate(); err != nil {
		return 0, err // whatever the connection
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.lost:
		return 0, ErrLost
	default:
	}
	if l.ws == nil {
		return 0, ErrAway
	}
	if err := put(ctx, l.ws, l.lastID+1, m); err != nil {
		if l.resume != nil && !errors.Is(err, protocol.ErrMalformed) {
			err = errors.Join(ErrAway, err) // its reader will find out too
		}
		return 0, err
	}
	l.lastID++
	return l.lastID, nil
}

func put(ctx context.Context, ws *websocket.Conn, id uint64, m protocol.Message) error {
	data, err := protocol.Encode(id, 0, m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if err := ws.Write(ctx, websocket.MessageText, data); err != nil {
		return fmt.Errorf("%w: %w", ErrLost, err)
	}
	return nil
}

// run reads from one connection after the other.
func (l *Link) run(ctx context.Context, ws *websocket.Conn) {
	defer close(l.incoming)
	defer close(l.lost)
	defer l.stop()
	for ws != nil {
		connected, cancel := context.WithCancel(ctx)
		var pinger sync.WaitGroup
		pinger.Go(func() { l.ping(connected, cancel, ws) })
		l.read(connected, ws)
		cancel()
		pinger.Wait()
		ws = l.again(ctx, ws)
	}
}

// read delivers what one connection brings until it ends.
func (l *Link) read(ctx context.Context, ws *websocket.Conn) {
	unreadable := 0
	for {
		kind, data, err := ws.Read(ctx)
		if err != nil {
			return
		}
		envelope, err := protocol.DecodeEnvelope(data)
		if err != nil || kind != websocket.MessageText {
			if unreadable++; unreadable > maxUnreadable {
				return
			}
			continue
		}
		unreadable = 0
		if !l.deliver(ctx, envelope) {
			return
		}
	}
}

func (l *Link) deliver(ctx context.Context, e protocol.Envelope) bool {
	select {
	case l.incoming <- e:
		return true
	case <-ctx.Done():
		return false
	}
}

// again comes back after a lost connection. It returns nil when there is no way
// back: the link was closed, the broker does not want it, or it took too long.
func (l *Link) again(ctx context.Context, old *websocket.Conn) *websocket.Conn {
	l.mu.Lock()
	l.ws = nil
	resume, limit, closed := l.resume, l.limit, l.closed
	l.mu.Unlock()
	_ = old.CloseNow() // it is gone, or Close has said good-bye on it
	if closed || resume == nil {
		return nil
	}
	l.tell(true)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		ws, answer, err := l.back(ctx, resume)
		switch {
		case err == nil:
			l.mu.Lock()
			l.ws, l.lastID = ws, 2
			l.mu.Unlock()
			l.tell(false)
			if !l.deliver(ctx, answer) {
				return nil
			}
			return ws
		case errors.Is(err, errOver):
			l.deliver(ctx, answer)
			return nil
		case errors.Is(err, errUnwanted), errors.Is(err, ErrVersion), ctx.Err() != nil:
			return nil
		}
	}
}

var (
	// errUnwanted says that the broker knows no such session any more.
	errUnwanted = errors.New("link: the broker does not take the agent back")
	// errOver says that the broker has answered why the session is over.
	errOver = errors.New("link: the session is over")
)

// reach dials until a connection comes about, a new try every redialPause.
func (l *Link) reach(ctx context.Context) (*websocket.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	var tries sync.WaitGroup
	defer tries.Wait()
	defer cancel()
	type result struct {
		ws  *websocket.Conn
		err error
	}
	reached := make(chan result)
	pause := time.NewTicker(redialPause)
	defer pause.Stop()
	for {
		tries.Go(func() {
			dialing, cancel := context.WithTimeout(ctx, redialTimeout)
			defer cancel()
			ws, err := l.dial(dialing)
			select {
			case reached <- result{ws, err}:
			case <-ctx.Done():
				if ws != nil {
					_ = ws.CloseNow() // another was first
				}
			}
		})
		for waiting := true; waiting; {
			select {
			case r := <-reached:
				if r.err == nil || errors.Is(r.err, ErrVersion) {
					return r.ws, r.err
				}
			case <-pause.C:
				waiting = false
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
	}
}

// back reaches the broker, says that it is back, and returns the answer.
func (l *Link) back(ctx context.Context, resume *protocol.Resume) (*websocket.Conn, protocol.Envelope, error) {
	// Connections kept from before the loss would be tried first.
	l.client.CloseIdleConnections()
	ws, err := l.reach(ctx)
	if err != nil {
		return nil, protocol.Envelope{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, redialTimeout)
	defer cancel()
	err = put(ctx, ws, 2, resume)
	var answer protocol.Envelope
	if err == nil {
		answer, err = next(ctx, ws)
	}
	if err == nil && answer.Type != (*protocol.Resumed)(nil).MessageType() {
		err = errUnwanted
		if _, bad := protocol.DecodeBody[protocol.Ended](answer); bad == nil && answer.Type == (*protocol.Ended)(nil).MessageType() {
			err = errOver
		} else if m, bad := protocol.DecodeBody[protocol.Error](answer); bad == nil && m.Code != protocol.CodeKey && m.Code != protocol.CodeNoSession {
			err = ErrUnreachable // the broker is busy or broken: it may be better next time
		}
	}
	if err != nil {
		return nil, answer, errors.Join(err, ws.CloseNow())
	}
	return ws, answer, nil
}

func next(ctx context.Context, ws *websocket.Conn) (protocol.Envelope, error) {
	_, data, err := ws.Read(ctx)
	if err != nil {
		return protocol.Envelope{}, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return protocol.DecodeEnvelope(data)
}

// tell replaces what was not yet heard.
func (l *Link) tell(away bool) {
	select {
	case <-l.away:
	default:
	}
	l.away <- away // only run sends, so there is room
}

// ping finds out that the other side is gone.
func (l *Link) ping(ctx context.Context, gone context.CancelFunc, ws *websocket.Conn) {
	tick := time.NewTicker(pingInterval)
	defer tick.Stop()
	for {
		patience := pingTimeout
		select {
		case <-tick.C:
		case <-l.probe:
			patience = probeTimeout
		case <-ctx.Done():
			return
		}
		pinging, cancel := context.WithTimeout(ctx, patience)
		err := ws.Ping(pinging)
		cancel()
		if err != nil {
			gone()
			return
		}
	}
}

// Close says good-bye, so that everything sent arrives, and waits. It may be
// called again.
func (l *Link) Close() {
	l.mu.Lock()
	l.closed = true
	ws := l.ws
	l.mu.Unlock()
	if ws != nil {
		_ = ws.Close(websocket.StatusNormalClosure, "") // it may be going this very moment
	}
	l.stop()
	l.workers.Wait()
}
