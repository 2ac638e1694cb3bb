// Package link is the agent's WebSocket to its broker.
//
// It promises: messages arrive whole, checked and in order, or not at all;
// nothing is read beyond protocol.MaxMessage; Lost is closed as soon as the
// connection is known to be gone. It knows nothing of what the messages mean.
package link

import (
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
	pingTimeout  = 10 * time.Second
	queueLength  = 32
	// maxUnreadable is how many messages in a row may make no sense before the
	// broker is taken for broken.
	maxUnreadable = 5
)

var (
	// ErrVersion says that broker and agent do not understand each other.
	ErrVersion = errors.New("link: the broker speaks another version")
	// ErrUnreachable says that no connection could be made.
	ErrUnreachable = errors.New("link: the broker cannot be reached")
	// ErrLost says that the connection is gone.
	ErrLost = errors.New("link: the connection is lost")
)

// Link is an open connection. Send may be called from anywhere.
type Link struct {
	ws       *websocket.Conn
	incoming chan protocol.Envelope
	lost     chan struct{}
	stop     context.CancelFunc
	sending  sync.Mutex
	lastID   uint64 // under sending, so that ids are in the order of the messages
	workers  sync.WaitGroup
}

// Dial connects, and exchanges hellos. The context bounds Dial only.
func Dial(ctx context.Context, client *http.Client, broker *url.URL, hello protocol.Hello) (*Link, error) {
	dialing, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	address := *broker
	address.Scheme, address.Path = "wss", "/ws/agent"
	ws, _, err := websocket.Dial(dialing, address.String(), &websocket.DialOptions{HTTPClient: client,
		Subprotocols: []string{protocol.SubprotocolAgent}, CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	ws.SetReadLimit(protocol.MaxMessage)
	l := &Link{ws: ws, incoming: make(chan protocol.Envelope, queueLength), lost: make(chan struct{})}
	if err := l.greet(dialing, hello); err != nil {
		return nil, errors.Join(err, ws.CloseNow())
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	l.workers.Go(func() { l.read(running) })
	l.workers.Go(func() { l.ping(running) })
	return l, nil
}

func (l *Link) greet(ctx context.Context, hello protocol.Hello) error {
	if l.ws.Subprotocol() != protocol.SubprotocolAgent {
		return ErrVersion
	}
	if _, err := l.Send(ctx, &hello); err != nil {
		return err
	}
	kind, data, err := l.ws.Read(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
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
// connection is lost and everything was delivered.
func (l *Link) Incoming() <-chan protocol.Envelope { return l.incoming }

// Lost is closed when the connection is gone.
func (l *Link) Lost() <-chan struct{} { return l.lost }

// Send writes one message and returns its id.
func (l *Link) Send(ctx context.Context, m protocol.Message) (uint64, error) {
	l.sending.Lock()
	defer l.sending.Unlock()
	select {
	case <-l.lost:
		return 0, ErrLost
	default:
	}
	id := l.lastID + 1
	data, err := protocol.Encode(id, 0, m)
	if err != nil {
		return 0, err
	}
	l.lastID = id
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if err := l.ws.Write(ctx, websocket.MessageText, data); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrLost, err)
	}
	return id, nil
}

func (l *Link) read(ctx context.Context) {
	defer close(l.incoming)
	defer close(l.lost)
	defer l.stop()
	unreadable := 0
	for {
		kind, data, err := l.ws.Read(ctx)
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
		select {
		case l.incoming <- envelope:
		case <-ctx.Done():
			return
		}
	}
}

func (l *Link) ping(ctx context.Context) {
	tick := time.NewTicker(pingInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		pinging, cancel := context.WithTimeout(ctx, pingTimeout)
		err := l.ws.Ping(pinging)
		cancel()
		if err != nil {
			l.stop()
			return
		}
	}
}

// Close says good-bye, so that everything sent arrives, and waits. It may be
// called again.
func (l *Link) Close() {
	select {
	case <-l.lost:
		_ = l.ws.CloseNow() // nobody is there to answer
	default:
		_ = l.ws.Close(websocket.StatusNormalClosure, "") // it may be going this very moment
	}
	l.stop()
	l.workers.Wait()
}
