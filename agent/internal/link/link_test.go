package link

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"consento/protocol"
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

var hello = protocol.Hello{Version: protocol.CurrentVersion(), Software: "test"}

// broker plays a broker by a script, which runs once the socket is open.
func broker(t testing.TB, subprotocol string, script func(context.Context, *websocket.Conn)) (*http.Client, *url.URL) {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{subprotocol}})
		if err != nil {
			return
		}
		defer ws.CloseNow()
		script(r.Context(), ws)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(func() { s.Client().CloseIdleConnections(); s.Close() })
	return s.Client(), must(url.Parse(s.URL))(t)
}

// answer answers the hello.
func answer(ctx context.Context, ws *websocket.Conn) {
	_, _, _ = ws.Read(ctx)
	say(ctx, ws, &hello)
}

func say(ctx context.Context, ws *websocket.Conn, m protocol.Message) {
	data, err := protocol.Encode(1, 0, m)
	if err != nil {
		panic(err)
	}
	_ = ws.Write(ctx, websocket.MessageText, data)
}

func dial(t testing.TB, script func(context.Context, *websocket.Conn)) *Link {
	t.Helper()
	client, u := broker(t, protocol.SubprotocolAgent, func(ctx context.Context, ws *websocket.Conn) {
		answer(ctx, ws)
		script(ctx, ws)
	})
	l := must(Dial(t.Context(), client, u, hello))(t)
	t.Cleanup(l.Close)
	return l
}

// drain reads until the link is lost.
func drain(t testing.TB, l *Link) (types []string) {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case e, ok := <-l.Incoming():
			if !ok {
				<-l.Lost()
				return types
			}
			types = append(types, e.Type)
		case <-deadline:
			t.Fatal("the link goes on")
		}
	}
}

func TestMessagesArriveInOrder(t *testing.T) {
	t.Parallel()
	const n = 3 * queueLength
	ids := make(chan uint64, n+1)
	l := dial(t, func(ctx context.Context, ws *websocket.Conn) {
		for i := range n {
			_ = ws.Write(ctx, websocket.MessageText, fmt.Appendf(nil, `{"v":1,"type":"m%d"}`, i))
		}
		for range n {
			_, data, err := ws.Read(ctx)
			if err != nil {
				return
			}
			e, err := protocol.DecodeEnvelope(data)
			if err != nil || e.Type != "name_answer" {
				return
			}
			ids <- e.ID
		}
	})
	var all sync.WaitGroup
	for range n { // from anywhere
		all.Go(func() { must(l.Send(t.Context(), &protocol.NameAnswer{}))(t) })
	}
	all.Wait()
	types := drain(t, l)
	if len(types) != n {
		t.Fatalf("%d messages of %d", len(types), n)
	}
	for i, got := range types {
		if got != fmt.Sprintf("m%d", i) {
			t.Fatalf("message %d is %s", i, got)
		}
	}
	for i := range n {
		if id := <-ids; id != uint64(i+2) { // the hello was 1
			t.Fatalf("id %d came after %d", id, i+1)
		}
	}
	if _, err := l.Send(t.Context(), &protocol.NameAnswer{}); !errors.Is(err, ErrLost) {
		t.Errorf("send on a lost link: %v", err)
	}
	if _, err := dial(t, func(ctx context.Context, ws *websocket.Conn) { _, _, _ = ws.Read(ctx) }).Send(t.Context(), &protocol.Ended{Reason: "x"}); !errors.Is(err, protocol.ErrMalformed) {
		t.Errorf("send of nonsense: %v", err)
	}
}

func TestHostileGreetings(t *testing.T) {
	t.Parallel()
	write := func(kind websocket.MessageType, data string) func(context.Context, *websocket.Conn) {
		return func(ctx context.Context, ws *websocket.Conn) {
			_ = ws.Write(ctx, kind, []byte(data))
			_, _, _ = ws.Read(ctx)
			_, _, _ = ws.Read(ctx)
		}
	}
	good := string(must(protocol.Encode(1, 0, &hello))(t))
	for name, c := range map[string]struct {
		subprotocol string
		script      func(context.Context, *websocket.Conn)
		want        error
	}{
		"no subprotocol":       {"", write(websocket.MessageText, good), ErrVersion},
		"another subprotocol":  {"consento.agent.v2", write(websocket.MessageText, good), ErrVersion},
		"garbage":              {protocol.SubprotocolAgent, write(websocket.MessageText, "hello!"), ErrVersion},
		"binary":               {protocol.SubprotocolAgent, write(websocket.MessageBinary, good), ErrVersion},
		"another version":      {protocol.SubprotocolAgent, write(websocket.MessageText, `{"v":2,"type":"hello"}`), ErrVersion},
		"another major inside": {protocol.SubprotocolAgent, write(websocket.MessageText, `{"v":1,"type":"hello","body":{"version":{"major":9}}}`), ErrVersion},
		"another message":      {protocol.SubprotocolAgent, write(websocket.MessageText, `{"v":1,"type":"joined"}`), ErrVersion},
		"too long":             {protocol.SubprotocolAgent, write(websocket.MessageText, strings.Repeat(" ", protocol.MaxMessage+1)), ErrUnreachable},
		"hangs up":             {protocol.SubprotocolAgent, func(context.Context, *websocket.Conn) {}, ErrUnreachable},
	} {
		client, u := broker(t, c.subprotocol, c.script)
		if l, err := Dial(t.Context(), client, u, hello); !errors.Is(err, c.want) || l != nil {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	// One that has our hello and says nothing is given up.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	client, u := broker(t, protocol.SubprotocolAgent, func(serving context.Context, ws *websocket.Conn) {
		_, _, _ = ws.Read(serving)
		cancel()
		_, _, _ = ws.Read(serving)
	})
	if _, err := Dial(ctx, client, u, hello); !errors.Is(err, ErrUnreachable) || !errors.Is(err, context.Canceled) {
		t.Errorf("silence: %v", err)
	}
	// No WebSocket, nobody there.
	plain := httptest.NewTLSServer(http.NotFoundHandler())
	defer plain.Close()
	defer plain.Client().CloseIdleConnections()
	if _, err := Dial(t.Context(), plain.Client(), must(url.Parse(plain.URL))(t), hello); !errors.Is(err, ErrUnreachable) {
		t.Errorf("404: %v", err)
	}
	closed := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	must(0, closed.Close())(t)
	if _, err := Dial(t.Context(), plain.Client(), must(url.Parse("https://"+closed.Addr().String()))(t), hello); !errors.Is(err, ErrUnreachable) {
		t.Errorf("closed port: %v", err)
	}
}

func TestNonsenseEndsTheLink(t *testing.T) {
	t.Parallel()
	nonsense := map[string]func(context.Context, *websocket.Conn){
		"garbage": func(ctx context.Context, ws *websocket.Conn) {
			_ = ws.Write(ctx, websocket.MessageText, []byte("\xff{"))
		},
		"binary": func(ctx context.Context, ws *websocket.Conn) {
			_ = ws.Write(ctx, websocket.MessageBinary, []byte(`{"v":1,"type":"x"}`))
		},
		"version": func(ctx context.Context, ws *websocket.Conn) {
			_ = ws.Write(ctx, websocket.MessageText, []byte(`{"v":3,"type":"x"}`))
		},
		"deep": func(ctx context.Context, ws *websocket.Conn) {
			_ = ws.Write(ctx, websocket.MessageText, bytes.Repeat([]byte(`[`), 60000))
		},
	}
	for name, say := range nonsense {
		l := dial(t, func(ctx context.Context, ws *websocket.Conn) {
			for range maxUnreadable {
				say(ctx, ws)
			}
			_ = ws.Write(ctx, websocket.MessageText, []byte(`{"v":1,"type":"fine"}`)) // counts from anew
			for range maxUnreadable + 1 {
				say(ctx, ws)
			}
			_, _, _ = ws.Read(ctx)
		})
		if types := drain(t, l); len(types) != 1 || types[0] != "fine" {
			t.Errorf("%s: %v", name, types)
		}
	}
	l := dial(t, func(ctx context.Context, ws *websocket.Conn) {
		_ = ws.Write(ctx, websocket.MessageText, bytes.Repeat([]byte(" "), protocol.MaxMessage+1))
		_, _, _ = ws.Read(ctx)
	})
	if types := drain(t, l); len(types) != 0 {
		t.Errorf("oversized: %v", types)
	}
}

// TestSilenceIsNoticed: a broker that answers no ping is gone.
func TestSilenceIsNoticed(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	l := dial(t, func(context.Context, *websocket.Conn) { <-stop })
	begin := time.Now()
	drain(t, l)
	if took := time.Since(begin); took < pingTimeout {
		t.Errorf("noticed after %s", took)
	}
	l.Close() // a lost link, while the broker is as silent as before
	close(stop)
}

// TestCloseWithAFullQueue: nobody reads what came, and Close returns all the
// same; what was sent before has arrived.
func TestCloseWithAFullQueue(t *testing.T) {
	t.Parallel()
	got := make(chan string, 10)
	full := make(chan struct{})
	l := dial(t, func(ctx context.Context, ws *websocket.Conn) {
		for range 2 * queueLength {
			_ = ws.Write(ctx, websocket.MessageText, []byte(`{"v":1,"type":"m"}`))
		}
		close(full)
		for {
			_, data, err := ws.Read(ctx)
			if err != nil {
				close(got)
				return
			}
			got <- string(data)
		}
	})
	<-full
	must(l.Send(t.Context(), &protocol.Ended{Reason: protocol.EndCustomer}))(t)
	must(l.Send(t.Context(), &protocol.Removed{Complete: true}))(t)
	l.Close()
	l.Close()
	<-l.Lost()
	var all []string
	for data := range got {
		all = append(all, data)
	}
	if len(all) != 2 || !strings.Contains(all[1], "removed") {
		t.Errorf("arrived: %v", all)
	}
}

func TestTheDialsContextDoesNotEndTheLink(t *testing.T) {
	t.Parallel()
	client, u := broker(t, protocol.SubprotocolAgent, func(ctx context.Context, ws *websocket.Conn) {
		answer(ctx, ws)
		_, _, _ = ws.Read(ctx)
		say(ctx, ws, &protocol.Ended{Reason: protocol.EndTechnician})
		_, _, _ = ws.Read(ctx)
	})
	ctx, cancel := context.WithCancel(t.Context())
	l := must(Dial(ctx, client, u, hello))(t)
	defer l.Close()
	cancel()
	must(l.Send(t.Context(), &protocol.NameAnswer{}))(t)
	if e := <-l.Incoming(); e.Type != "ended" {
		t.Errorf("%+v", e)
	}
}
