package web_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"consento/broker/internal/web"
	"consento/protocol"

	"github.com/coder/websocket"
)

// sharePeer plays the broker on the WebSocket of a page that shares from the
// browser, and decodes what the page sends with the broker's own decoder. It
// takes no picture.
type sharePeer struct {
	t *testing.T

	mu      sync.Mutex
	conn    *websocket.Conn
	refusal int    // the status that answers new sockets, 0 to accept them
	used    bool   // the ticket is
	terms   string // version of the terms, when they were changed; "": as the page has them
	last    bool   // there is no page that says how the session ended: the browser stays where it is
	quiet   bool   // the question for the view is not asked yet
	shared  []protocol.SharingState
	guests  []protocol.GuestAnswer // what the customer said of people
	ended   protocol.EndReason     // what the page said
}

// before puts the peer before the pages.
func (p *sharePeer) before() option {
	return func(_ *web.Config, h *house) {
		h.front = func(pages http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				p.mu.Lock()
				last := p.last
				p.mu.Unlock()
				switch {
				case r.URL.Path == "/ws/agent":
					p.socket(w, r)
				case r.URL.Path == "/session" && last:
					w.WriteHeader(http.StatusNoContent)
				default:
					pages.ServeHTTP(w, r)
				}
			})
		}
	}
}

// set changes what the peer does from now on.
func (p *sharePeer) set(change func(p *sharePeer)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
}

// drop cuts the page off; refusal is the status that new sockets get from now on.
func (p *sharePeer) drop(refusal int) {
	p.mu.Lock()
	p.refusal = refusal
	conn := p.conn
	p.mu.Unlock()
	_ = conn.CloseNow()
}

// ask asks for the view.
func (p *sharePeer) ask() {
	p.mu.Lock()
	conn := p.conn
	p.mu.Unlock()
	p.send(conn, 0, &protocol.ConsentAsk{Permission: protocol.ViewScreen, Epoch: 1, Technician: anna})
}

func (p *sharePeer) socket(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	refusal := p.refusal
	p.mu.Unlock()
	if refusal != 0 {
		http.Error(w, http.StatusText(refusal), refusal)
		return
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{protocol.SubprotocolAgent}, InsecureSkipVerify: true})
	if err != nil {
		p.t.Error(err)
		return
	}
	defer conn.CloseNow()
	conn.SetReadLimit(protocol.MaxMessage)
	p.set(func(p *sharePeer) { p.conn = conn })
	for {
		_, data, err := conn.Read(r.Context())
		if err != nil {
			return
		}
		e, err := protocol.DecodeEnvelope(data)
		if err == nil {
			err = p.answer(conn, e)
		}
		if err != nil {
			p.t.Errorf("the page sent what the protocol refuses: %v", err)
			return
		}
	}
}

func (p *sharePeer) answer(conn *websocket.Conn, e protocol.Envelope) error {
	p.mu.Lock()
	used, version, quiet := p.used, p.terms, p.quiet
	p.mu.Unlock()
	switch e.Type {
	case "hello":
		if _, err := protocol.DecodeBody[protocol.Hello](e); err != nil {
			return err
		}
		p.send(conn, e.ID, &protocol.Hello{Version: protocol.CurrentVersion(), Software: "peer"})
	case "ping":
		if _, err := protocol.DecodeBody[protocol.Ping](e); err != nil {
			return err
		}
		p.send(conn, e.ID, &protocol.Pong{})
	case "join":
		if _, err := protocol.DecodeBody[protocol.Join](e); err != nil {
			return err
		}
		if used {
			p.send(conn, e.ID, &protocol.Error{Code: protocol.CodeKey})
			return nil
		}
		p.send(conn, e.ID, &protocol.Joined{Session: "s1", Technician: anna, Resume: "secret", Chat: true,
			Terms: protocol.Terms{Version: version, Language: "en", Text: "1. Help\nThe help is free.\n\n2. Questions\nCall us.", URL: "https://help.esempio.example/terms"}})
	case "chat_since":
		m, err := protocol.DecodeBody[protocol.ChatSince](e)
		if err != nil {
			return err
		}
		chat := &protocol.Chat{Allowed: true}
		if m.After == 0 {
			chat.Lines = []protocol.ChatLine{{N: 1, From: protocol.ChatTechnician, Name: anna.Name, Text: "https://help.esempio.example/" + strings.Repeat("long", 20), At: time.Now(), Key: "t1"}}
		}
		p.send(conn, e.ID, chat)
	case "resume":
		if _, err := protocol.DecodeBody[protocol.Resume](e); err != nil {
			return err
		}
		p.send(conn, e.ID, &protocol.Resumed{Accepted: true, Picture: true, Consents: []protocol.Consent{}})
	case "terms_answer":
		if _, err := protocol.DecodeBody[protocol.TermsAnswer](e); err != nil {
			return err
		}
		if !quiet {
			p.ask()
		}
	case "consent_answer":
		m, err := protocol.DecodeBody[protocol.ConsentAnswer](e)
		if err != nil {
			return err
		}
		p.send(conn, 0, &protocol.ConsentRecorded{Permission: m.Permission, Epoch: m.Epoch})
	case "offer":
		if _, err := protocol.DecodeBody[protocol.Offer](e); err != nil {
			return err
		}
		p.send(conn, e.ID, &protocol.Error{Code: protocol.CodeMedia})
	case "sharing":
		m, err := protocol.DecodeBody[protocol.Sharing](e)
		if err != nil {
			return err
		}
		p.set(func(p *sharePeer) { p.shared = append(p.shared, m.State) })
		if m.State == protocol.SharingShown {
			p.send(conn, e.ID, &protocol.SharingRecorded{})
		}
	case "guest_answer":
		m, err := protocol.DecodeBody[protocol.GuestAnswer](e)
		if err != nil {
			return err
		}
		p.set(func(p *sharePeer) { p.guests = append(p.guests, m) })
		if m.State == protocol.ConsentGiven {
			p.send(conn, 0, &protocol.GuestRecorded{Epoch: m.Epoch})
		}
	case "slept": // a loaded machine may keep the page from running for so long
		_, err := protocol.DecodeBody[protocol.Slept](e)
		return err
	case "ended":
		m, err := protocol.DecodeBody[protocol.Ended](e)
		p.set(func(p *sharePeer) { p.ended = m.Reason })
		return err
	default:
		return errors.New("unknown type " + e.Type)
	}
	return nil
}

func (p *sharePeer) send(conn *websocket.Conn, ref uint64, m protocol.Message) {
	data, err := protocol.Encode(1, ref, m)
	if err != nil {
		p.t.Error(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = conn.Write(ctx, websocket.MessageText, data) // a page that went away hears nothing
}
