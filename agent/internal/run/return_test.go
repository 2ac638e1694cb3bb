package run

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"consento/agent/internal/link"
	"consento/protocol"
)

// TestEndedMeanwhile: who comes back too late says why the session is over, whatever
// it was doing when it noticed; and that the connection was lost only where the broker
// knows no more.
func TestEndedMeanwhile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer protocol.Message
		want   ending
	}{
		"the account was ended": {&protocol.Ended{Reason: protocol.EndRightsRevoked}, ending{reason: protocol.EndRightsRevoked, told: true}},
		"nothing is known":      {&protocol.Error{Code: protocol.CodeNoSession}, ending{reason: protocol.EndNetworkLost, told: true, code: ExitUnreachable}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &Session{Config: Config{Log: slog.New(slog.DiscardHandler)}, link: tooLate(t, c.answer)}
			<-s.link.Lost()
			err := s.say(t.Context(), &protocol.NameAnswer{Confirmed: true})
			if err == nil {
				t.Fatal("said to nobody")
			}
			if over := s.lost(); *over != c.want {
				t.Errorf("%+v", *over)
			}
		})
	}
}

// tooLate is a link whose connection is lost, and whose broker answers its return so.
func tooLate(t *testing.T, answer protocol.Message) *link.Link {
	t.Helper()
	var connections atomic.Int64
	kept := make(chan struct{})
	say := func(ctx context.Context, ws *websocket.Conn, m protocol.Message) {
		if err := tells(ctx, ws, m); err != nil {
			t.Logf("%s is not said: %v", m.MessageType(), err) // to one of several tries
		}
	}
	l := dialed(t, func(ctx context.Context, ws *websocket.Conn) {
		first := connections.Add(1) == 1
		if _, _, err := ws.Read(ctx); err != nil {
			return
		}
		say(ctx, ws, &greeting)
		if first {
			<-kept
			return
		}
		if _, _, err := ws.Read(ctx); err == nil {
			say(ctx, ws, answer)
		}
	})
	l.Keep(protocol.Resume{Session: "s", Secret: "secret"}, time.Minute)
	close(kept)
	return l
}
