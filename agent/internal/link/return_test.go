package link

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"consento/protocol"
)

// returning plays a broker that loses its first connection and then answers the nth
// `resume` by then; it returns a link that was told to come back, and how many came.
// A slow dial is not the only one: connections that came second say nothing.
func returning(t *testing.T, limit time.Duration, then func(ctx context.Context, ws *websocket.Conn, n int64, e protocol.Envelope)) (*Link, *atomic.Int64) {
	t.Helper()
	var connections, resumes atomic.Int64
	kept := make(chan struct{})
	l := dial(t, func(ctx context.Context, ws *websocket.Conn) {
		if connections.Add(1) == 1 {
			<-kept
			_ = ws.CloseNow()
			return
		}
		_, data, err := ws.Read(ctx)
		if err != nil {
			return
		}
		e, err := protocol.DecodeEnvelope(data)
		if err != nil {
			t.Error(err)
			return
		}
		then(ctx, ws, resumes.Add(1), e)
	})
	l.Keep(protocol.Resume{Session: "s", Secret: "secret"}, limit)
	close(kept)
	return l, &resumes
}

func TestTheLinkComesBack(t *testing.T) {
	t.Parallel()
	tried := make(chan struct{})
	l, _ := returning(t, patience, func(ctx context.Context, ws *websocket.Conn, n int64, e protocol.Envelope) {
		resume, err := protocol.DecodeBody[protocol.Resume](e)
		if err != nil || e.ID != 2 || resume.Session != "s" || resume.Secret != "secret" {
			t.Errorf("%+v, %+v, %v", e, resume, err)
		}
		if n == 1 { // the broker is just starting: it is tried again
			say(ctx, ws, &protocol.Error{Code: protocol.CodeUnavailable})
			return
		}
		select {
		case <-tried:
		case <-ctx.Done():
			return
		}
		say(ctx, ws, &protocol.Resumed{Named: true})
		_, data, err := ws.Read(ctx)
		if e, _ := protocol.DecodeEnvelope(data); err != nil || e.ID != 3 || e.Type != "name_answer" {
			t.Errorf("after coming back: %s, %v", data, err)
		}
		say(ctx, ws, &protocol.Ended{Reason: protocol.EndTechnician})
		_, _, _ = ws.Read(ctx)
	})
	if !<-l.Away() {
		t.Error("back before it was away")
	}
	if _, err := l.Send(t.Context(), &protocol.NameAnswer{}); !errors.Is(err, ErrAway) {
		t.Errorf("send while away: %v", err)
	}
	close(tried)
	if <-l.Away() {
		t.Error("away twice")
	}
	if e := <-l.Incoming(); e.Type != "resumed" {
		t.Errorf("first came %s", e.Type)
	}
	must(l.Send(t.Context(), &protocol.NameAnswer{}))(t)
	if e := <-l.Incoming(); e.Type != "ended" {
		t.Errorf("then came %s", e.Type)
	}
}

func TestTheBrokerDoesNotTakeItBack(t *testing.T) {
	t.Parallel()
	l, n := returning(t, patience, func(ctx context.Context, ws *websocket.Conn, _ int64, _ protocol.Envelope) {
		say(ctx, ws, &protocol.Error{Code: protocol.CodeNoSession})
	})
	if types := drain(t, l); len(types) != 0 || n.Load() != 1 {
		t.Errorf("%v after %d tries", types, n.Load())
	}
}

// TestTheSessionIsOver: the broker's last word is delivered, and the link is lost.
func TestTheSessionIsOver(t *testing.T) {
	t.Parallel()
	l, n := returning(t, patience, func(ctx context.Context, ws *websocket.Conn, _ int64, _ protocol.Envelope) {
		say(ctx, ws, &protocol.Ended{Reason: protocol.EndRightsRevoked})
	})
	var last protocol.Envelope
	for e := range l.Incoming() {
		last = e
	}
	if m, err := protocol.DecodeBody[protocol.Ended](last); err != nil || last.Type != "ended" || m.Reason != protocol.EndRightsRevoked || n.Load() != 1 {
		t.Errorf("%+v, %+v, %v after %d tries", last, m, err, n.Load())
	}
	if _, err := l.Send(t.Context(), &protocol.NameAnswer{}); !errors.Is(err, ErrLost) {
		t.Errorf("send after the end: %v", err)
	}
}

func TestTheLinkGivesUp(t *testing.T) {
	t.Parallel()
	l, n := returning(t, 5*time.Second, func(context.Context, *websocket.Conn, int64, protocol.Envelope) {})
	if types := drain(t, l); len(types) != 0 || n.Load() < 1 {
		t.Errorf("%v after %d tries", types, n.Load())
	}
	if _, err := l.Send(t.Context(), &protocol.NameAnswer{}); !errors.Is(err, ErrLost) {
		t.Errorf("send on a lost link: %v", err)
	}
}

func TestCloseWhileAway(t *testing.T) {
	t.Parallel()
	l, _ := returning(t, patience, func(ctx context.Context, ws *websocket.Conn, _ int64, _ protocol.Envelope) { _, _, _ = ws.Read(ctx) })
	<-l.Away()
	l.Close()
	if _, ok := <-l.Incoming(); ok {
		t.Error("a message after the close")
	}
}
