package console_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"consento/console"
	"consento/protocol"
)

// policy is at least as strict as the broker's.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data: blob:; " +
	"connect-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// patience bounds every wait of these tests.
const patience = 30 * time.Second

// got is a message that the console sent.
type got struct {
	envelope protocol.Envelope
	conn     *websocket.Conn
}

// peer plays the broker on the console's WebSocket and serves the real bundle.
type peer struct {
	t    *testing.T
	URL  string
	came chan got   // what the console sent, but for hello
	bad  chan error // messages that the broker's decoder would refuse

	signin chan string // where those go on who were sent to sign in

	mu      sync.Mutex
	conn    *websocket.Conn // of the console that said hello last; nil since it was dropped
	lastID  uint64
	welcome protocol.Welcome
	library protocol.Library // what the office wrote
	refusal int              // the status that answers new sockets, 0 to accept them
	deaf    bool             // pings are not answered, as by a network that is gone
}

// newPeer serves until the test is over.
func newPeer(t *testing.T) *peer {
	t.Helper()
	if !console.Built() {
		t.Fatal("the console is not bundled: go run ./build/tsgen && go run ./build/bundle")
	}
	p := &peer{t: t, came: make(chan got, 64), bad: make(chan error, 64), signin: make(chan string, 1), welcome: protocol.Welcome{
		Account:     technician,
		Permissions: protocol.BuiltInProfiles()[0].Permissions,
		CanIssue:    true,
		Now:         time.Now(),
	}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /console/{$}", func(w http.ResponseWriter, r *http.Request) { p.file(w, r, console.Index) })
	mux.HandleFunc("GET /assets/{name}", func(w http.ResponseWriter, r *http.Request) { p.file(w, r, r.PathValue("name")) })
	mux.HandleFunc("GET /ws/console", p.socket)
	mux.HandleFunc("GET /console/library", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		p.mu.Lock()
		defer p.mu.Unlock()
		_ = json.NewEncoder(w).Encode(p.library) // of strings and numbers; a page that is gone needs none
	})
	mux.HandleFunc("GET /signin", func(w http.ResponseWriter, r *http.Request) {
		select {
		case p.signin <- r.URL.Query().Get("next"):
		default:
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!doctype html><title>signin</title>"))
	})
	// Pages that a test itself needs in the browser, with scripts of its own.
	mux.HandleFunc("GET /customer", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!doctype html><title>customer</title>"))
	})

	ctx, cancel := context.WithCancel(context.Background())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: patience, BaseContext: func(net.Listener) context.Context { return ctx }}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		_ = server.Close()
		<-done
		select {
		case err := <-p.bad:
			t.Errorf("the console sent what the protocol refuses: %v", err)
		default:
		}
	})
	p.URL = "http://" + listener.Addr().String()
	return p
}

func (p *peer) file(w http.ResponseWriter, r *http.Request, name string) {
	if _, err := fs.Stat(console.Files(), name); err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Security-Policy", policy)
	http.ServeFileFS(w, r, console.Files(), name)
}

func (p *peer) socket(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	refusal := p.refusal
	p.mu.Unlock()
	if refusal != 0 {
		http.Error(w, http.StatusText(refusal), refusal)
		return
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{protocol.SubprotocolConsole}})
	if err != nil {
		return
	}
	defer conn.CloseNow()
	conn.SetReadLimit(protocol.MaxMessage)
	for {
		kind, data, err := conn.Read(r.Context())
		if err != nil {
			return
		}
		e, err := protocol.DecodeEnvelope(data)
		if err == nil && kind != websocket.MessageText {
			err = errors.New("a binary frame")
		}
		if err == nil {
			err = decode(e)
		}
		if err != nil {
			p.bad <- err
			return
		}
		if e.Type == "ping" {
			p.mu.Lock()
			deaf := p.deaf
			p.mu.Unlock()
			if data, err := protocol.Encode(1, e.ID, &protocol.Pong{}); !deaf && err == nil {
				_ = conn.Write(r.Context(), websocket.MessageText, data) // it may be dropped in this moment
			}
			continue
		}
		if e.Type != "hello" {
			p.came <- got{e, conn}
			continue
		}
		p.mu.Lock()
		p.conn, p.lastID = conn, 0
		welcome := p.welcome
		p.mu.Unlock()
		p.send(0, &protocol.Hello{Version: protocol.CurrentVersion(), Software: "peer"})
		p.send(0, &welcome)
	}
}

// decode checks a message of a console as the broker does.
func decode(e protocol.Envelope) error {
	var err error
	switch e.Type {
	case "hello":
		_, err = protocol.DecodeBody[protocol.Hello](e)
	case "ping":
		_, err = protocol.DecodeBody[protocol.Ping](e)
	case "new_session":
		_, err = protocol.DecodeBody[protocol.NewSession](e)
	case "end_session":
		_, err = protocol.DecodeBody[protocol.EndSession](e)
	case "stop_watching":
		_, err = protocol.DecodeBody[protocol.StopWatching](e)
	case "note":
		_, err = protocol.DecodeBody[protocol.Note](e)
	case "reason":
		_, err = protocol.DecodeBody[protocol.Reason](e)
	case "consent_request":
		_, err = protocol.DecodeBody[protocol.ConsentRequest](e)
	case "consent_return":
		_, err = protocol.DecodeBody[protocol.ConsentReturn](e)
	case "system_request":
		_, err = protocol.DecodeBody[protocol.SystemRequest](e)
	case "system_follow":
		_, err = protocol.DecodeBody[protocol.SystemFollow](e)
	case "annotate":
		_, err = protocol.DecodeBody[protocol.Annotate](e)
	case "still_request":
		_, err = protocol.DecodeBody[protocol.StillRequest](e)
	case "chat_say":
		_, err = protocol.DecodeBody[protocol.ChatSay](e)
	case "chat_since":
		_, err = protocol.DecodeBody[protocol.ChatSince](e)
	case "offer":
		_, err = protocol.DecodeBody[protocol.Offer](e)
	case "guest_leave":
		_, err = protocol.DecodeBody[protocol.GuestLeave](e)
	case "live_offer":
		_, err = protocol.DecodeBody[protocol.LiveOffer](e)
	case "tickets":
		_, err = protocol.DecodeBody[protocol.Tickets](e)
	case "ticket_open":
		_, err = protocol.DecodeBody[protocol.TicketOpen](e)
	case "ticket_do":
		_, err = protocol.DecodeBody[protocol.TicketDo](e)
	case "ticket_new":
		_, err = protocol.DecodeBody[protocol.TicketNew](e)
	default:
		err = errors.New("unknown type " + e.Type)
	}
	return err
}

// send sends m to the console that said hello last.
func (p *peer) send(ref uint64, m protocol.Message) {
	p.t.Helper()
	p.mu.Lock()
	p.lastID++
	id, conn := p.lastID, p.conn
	p.mu.Unlock()
	data, err := protocol.Encode(id, ref, m)
	if err != nil {
		p.t.Error(err)
		return
	}
	p.write(conn, data)
}

// raw sends bytes that are perhaps no message at all.
func (p *peer) raw(data string) {
	p.t.Helper()
	p.mu.Lock()
	conn := p.conn
	p.mu.Unlock()
	p.write(conn, []byte(data))
}

func (p *peer) write(conn *websocket.Conn, data []byte) {
	p.t.Helper()
	if conn == nil {
		p.t.Error("there is no console to send to")
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := conn.Write(ctx, websocket.MessageText, data); err != nil {
		p.t.Errorf("the console's socket: %v", err)
	}
}

// change pushes a session, and keeps it for the next welcome.
func (p *peer) change(s protocol.Session) {
	p.t.Helper()
	p.keep(s)
	p.send(0, &protocol.SessionChanged{Session: s})
}

// at pushes a session together with the broker's clock.
func (p *peer) at(now time.Time, s protocol.Session) {
	p.t.Helper()
	p.keep(s)
	p.send(0, &protocol.SessionChanged{Session: s, Now: now})
}

func (p *peer) keep(s protocol.Session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	sessions := []protocol.Session{s}
	for _, old := range p.welcome.Sessions {
		if old.ID != s.ID {
			sessions = append(sessions, old)
		}
	}
	p.welcome.Sessions = sessions
}

// drop closes the socket; refusal is the status that new ones get from now on, 0 if none.
func (p *peer) drop(refusal int) {
	p.mu.Lock()
	p.refusal = refusal
	conn := p.conn
	p.conn = nil
	p.mu.Unlock()
	_ = conn.CloseNow()
}

// set says whether pings go unanswered from now on.
func (p *peer) set(deaf bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deaf = deaf
}

// accept lets sockets in again.
func (p *peer) accept() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refusal = 0
}

// wait returns the next message of a type, and passes over others, and over what
// came on a socket that is gone: nobody waits for its answer any more.
func (p *peer) wait(kind string) protocol.Envelope {
	p.t.Helper()
	limit := time.After(patience)
	for {
		select {
		case g := <-p.came:
			p.mu.Lock()
			gone := g.conn != p.conn
			p.mu.Unlock()
			if g.envelope.Type == kind && !gone {
				return g.envelope
			}
		case err := <-p.bad:
			p.t.Fatalf("the console sent what the protocol refuses: %v", err)
		case <-limit:
			p.t.Fatalf("the console sent no %s", kind)
		}
	}
}
