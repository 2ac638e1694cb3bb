package sockets

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
	"consento/broker/internal/evidence"
	"consento/broker/internal/ops/opstest"
	"consento/broker/internal/session"
	"consento/broker/internal/sfu"
	"consento/protocol"
	"consento/recordings"
	"consento/recordings/translog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(unhurried{m}) }

const patience = 60 * time.Second

// unhurried waits for goroutines that are about to end.
type unhurried struct{ *testing.M }

func (m unhurried) Run() int {
	code := m.M.Run()
	for end := time.Now().Add(patience); code == 0 && goleak.Find() != nil && time.Now().Before(end); { // Find waits a little each time
	}
	return code
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("never: %s", what)
		}
	}
}

// server is both sockets behind real TLS, with real sessions and accounts.
type server struct {
	*httptest.Server
	sessions *session.Manager
	desk     *desk.Desk
	access   *access.Access
	agents   *Agent
	account  access.Account
	cookie   string      // of a technician who is signed in
	noInvite atomic.Bool // who invites may not any more
}

func serve(t testing.TB, change ...func(*session.Limits)) *server {
	t.Helper()
	db := opstest.Database(t, t.TempDir())
	t.Cleanup(func() { must(0, db.Close())(t) })
	log := slog.New(slog.DiscardHandler)
	s := &server{access: must(access.New(t.Context(), access.Config{DB: db, Log: log, Rounds: 1000}))(t)}
	s.account = must(s.access.Add(t.Context(), access.NewAccount{Email: "anna@example.org", Name: "Anna Bianchi", Role: access.Technician,
		Team: "Service desk", Level: access.L1, Profile: protocol.ProfileViewOnly, Password: "seven grey herons over Bolzano"}))(t)
	s.desk = must(desk.New(t.Context(), desk.Config{Database: db, LinkKey: make([]byte, 32), Log: log}))(t)
	media := must(sfu.New(sfu.Config{Address: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}}))(t)
	t.Cleanup(func() { must(0, media.Close())(t) })
	identity := must(recordings.NewIdentity())(t)
	_, logKey, err := ed25519.GenerateKey(nil)
	must(0, err)(t)
	office := func(context.Context) (protocol.Person, error) {
		return protocol.Person{Office: "Comune", Phone: "+39 02 1234"}, nil
	}
	recordingsDir := t.TempDir()
	recipients := func(context.Context) ([]recordings.Recipient, error) {
		return []recordings.Recipient{identity.Recipient()}, nil
	}
	global := must(evidence.Open(t.Context(), evidence.Config{Database: db, Folder: filepath.Join(t.TempDir(), "log"), Recordings: recordingsDir,
		Origin: "test.example/evidence", Key: logKey, Policies: t.TempDir(), Readers: recipients, Keys: func() (translog.Keys, error) { return translog.Keys{}, nil }, Retention: func(context.Context) (int, error) { return 90, nil }, Logger: log}))(t)
	t.Cleanup(func() { must(0, global.Close())(t) })
	limits := session.Limits{Removal: 100 * time.Millisecond}
	for _, f := range change {
		f(&limits)
	}
	s.sessions = must(session.New(t.Context(), session.Config{
		Global: global, Database: db, Media: media, Evidence: recordingsDir, Origin: "https://test.example",
		Recipients: func(ctx context.Context, _ session.Technician) (session.Recipients, error) {
			to, err := recipients(ctx)
			return session.Recipients{Stanzas: recordings.Alone(recordings.ClassAuditor, to...)}, err
		},
		Technician: func(_ context.Context, id string) (session.Technician, error) {
			return session.Technician{ID: id, Name: "Anna Bianchi", Team: "Service desk", Profile: protocol.BuiltInProfiles()[0]}, nil
		},
		Space: func(context.Context) error { return nil }, Office: office,
		Terms: func(context.Context, string) (protocol.Terms, error) {
			return protocol.Terms{Version: "7", Text: "Be nice."}, nil
		},
		LogKey: logKey, Derive: func(purpose string) []byte { sum := sha256.Sum256([]byte(purpose)); return sum[:] }, Log: log,
		Limits: limits,
	}))(t)
	s.agents = must(NewAgent(AgentConfig{Sessions: s.sessions, Software: "broker test", Log: log}))(t)
	mux := http.NewServeMux()
	mux.Handle("/ws/agent", s.agents)
	s.Server = httptest.NewUnstartedServer(mux)
	consoles := must(NewConsole(ConsoleConfig{Sessions: s.sessions, Desk: s.desk, Accounts: s.access, Office: office, Colleagues: s.access.Accounts, PublicURL: "https://test.example", Software: "broker test", Log: log}))(t)
	mux.Handle("/ws/console", s.access.LoadSession(consoles))
	mux.Handle("/ws/vendor", must(NewVendor(VendorConfig{Sessions: s.sessions, Inviter: func(context.Context, string) (bool, error) { return !s.noInvite.Load(), nil }, Office: office, Software: "broker test", Log: log}))(t))
	mux.Handle("/in", s.access.LoadSession(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		must(s.access.SignIn(r, r.URL.Query().Get("email"), "seven grey herons over Bolzano"))(t)
	})))
	s.StartTLS()
	s.cookie = s.signIn(t, s.account.Email)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		must(0, s.sessions.Close(ctx))(t)
		s.Close()
		s.Client().CloseIdleConnections()
		eventually(t, "no agent waits", func() bool {
			s.agents.mu.Lock()
			defer s.agents.mu.Unlock()
			return s.agents.total == 0 && len(s.agents.waiting) == 0
		})
	})
	return s
}

// signIn returns the cookie of somebody who signed in.
func (s *server) signIn(t testing.TB, email string) string {
	t.Helper()
	in := must(s.Client().Post(s.URL+"/in?email="+url.QueryEscape(email), "", nil))(t)
	must(0, in.Body.Close())(t)
	return in.Cookies()[0].Name + "=" + in.Cookies()[0].Value
}

// client is one end of a WebSocket.
type client struct {
	secret string // with which an agent comes back
	ws     *websocket.Conn
	last   uint64
	came   chan []byte // what was read meanwhile; nil: it reads when something is expected
}

// listens reads all the time, as a console does: who reads nothing for long is cut off.
func (c *client) listens(t testing.TB) {
	c.came = make(chan []byte, queueLength)
	go func() {
		defer close(c.came)
		for {
			_, data, err := c.ws.Read(context.Background())
			if err != nil {
				return
			}
			select {
			case c.came <- data:
			case <-t.Context().Done():
				return
			}
		}
	}()
}

func (c *client) next(ctx context.Context) ([]byte, error) {
	if c.came == nil {
		_, data, err := c.ws.Read(ctx)
		return data, err
	}
	select {
	case data, ok := <-c.came:
		if !ok {
			return nil, errors.New("the connection is over")
		}
		return data, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// dial opens a socket; header may be nil.
func (s *server) dial(t testing.TB, path, subprotocol string, header http.Header) (*client, *http.Response, error) {
	t.Helper()
	options := &websocket.DialOptions{HTTPClient: s.Client(), HTTPHeader: header}
	if subprotocol != "" {
		options.Subprotocols = []string{subprotocol}
	}
	ws, response, err := websocket.Dial(t.Context(), strings.Replace(s.URL, "https", "wss", 1)+path, options)
	if err != nil {
		return nil, response, err
	}
	ws.SetReadLimit(1 << 20)
	t.Cleanup(func() { _ = ws.CloseNow() })
	return &client{ws: ws}, response, nil
}

func (s *server) signedIn() http.Header { return http.Header{"Cookie": {s.cookie}} }

var hello = &protocol.Hello{Version: protocol.CurrentVersion(), Software: "test"}

// agent opens an agent's socket and says hello.
func (s *server) agent(t testing.TB) *client {
	t.Helper()
	c, _, err := s.dial(t, "/ws/agent", protocol.SubprotocolAgent, nil)
	must(c, err)(t)
	c.send(t, hello)
	c.expect(t, "hello", nil)
	return c
}

func (s *server) console(t testing.TB) *client {
	t.Helper()
	c, _, err := s.dial(t, "/ws/console", protocol.SubprotocolConsole, s.signedIn())
	must(c, err)(t)
	c.send(t, hello)
	c.expect(t, "hello", nil)
	c.expect(t, "welcome", nil)
	return c
}

// joined issues a session and lets an agent into it by key.
func (s *server) joined(t testing.TB) (*client, string) {
	t.Helper()
	console := s.console(t)
	console.send(t, &protocol.NewSession{})
	var issued protocol.SessionIssued
	console.expect(t, "session_issued", &issued)
	agent := s.agent(t)
	agent.send(t, &protocol.Join{Key: issued.Key})
	var joined protocol.Joined
	agent.expect(t, "joined", &joined)
	if joined.Session != issued.Session.ID || !joined.ConfirmName {
		t.Fatalf("joined %+v", joined)
	}
	agent.secret = joined.Resume
	return agent, issued.Session.ID
}

func (c *client) send(t testing.TB, m protocol.Message) uint64 {
	t.Helper()
	c.last++
	c.raw(t, websocket.MessageText, must(protocol.Encode(c.last, 0, m))(t))
	return c.last
}

func (c *client) raw(t testing.TB, kind websocket.MessageType, data []byte) {
	t.Helper()
	must(0, c.ws.Write(t.Context(), kind, data))(t)
}

// expect reads until a message of this type comes, or an error that is not
// expected.
func (c *client) expect(t testing.TB, kind string, body any) protocol.Envelope {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		data, err := c.next(ctx)
		if err != nil {
			t.Fatalf("waiting for %s: %v", kind, err)
		}
		e := must(protocol.DecodeEnvelope(data))(t)
		if e.Type == kind {
			if body != nil {
				must(0, json.Unmarshal(e.Body, body))(t)
			}
			return e
		}
		if e.Type == "error" {
			t.Fatalf("waiting for %s: %s", kind, data)
		}
	}
}

// refused expects an error that answers ref.
func (c *client) refused(t testing.TB, ref uint64, code protocol.ErrorCode) {
	t.Helper()
	var got protocol.Error
	if e := c.expect(t, "error", &got); got.Code != code || e.Ref != ref {
		t.Errorf("answered %s to %d, want %s to %d", got.Code, e.Ref, code, ref)
	}
}

// cutOff expects the connection to end and returns the errors that came before.
func (c *client) cutOff(t testing.TB) (codes []protocol.ErrorCode) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		_, data, err := c.ws.Read(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			t.Fatal("the connection goes on")
		}
		if err != nil {
			return codes
		}
		var got protocol.Error
		if e := must(protocol.DecodeEnvelope(data))(t); e.Type == "error" {
			must(0, json.Unmarshal(e.Body, &got))(t)
			codes = append(codes, got.Code)
		}
	}
}
