// Command example links another ticket system with a broker: it takes in signed webhooks,
// asks the API what happened, and makes and answers tickets. It is short on purpose: what
// stands in for the other system is a list in memory.
//
//	CONSENTO_URL=https://help.office.example CONSENTO_TOKEN=consento_... CONSENTO_SECRET=whsec_... \
//	    go run ./build/example -listen 127.0.0.1:9443 -cert cert.pem -key key.pem
package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:9443", "HOST:PORT for webhooks")
	cert := flag.String("cert", "", "PEM certificate")
	key := flag.String("key", "", "PEM key")
	flag.Parse()
	l, err := newLink(os.Getenv("CONSENTO_URL"), os.Getenv("CONSENTO_TOKEN"), os.Getenv("CONSENTO_SECRET"), http.DefaultClient)
	if err != nil {
		fail(err)
	}
	server := &http.Server{Addr: *listen, Handler: l, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second}
	fail(server.ListenAndServeTLS(*cert, *key))
}

// fail ends the program with what went wrong.
func fail(err error) {
	slog.Error("the link has ended", "error", err)
	os.Exit(1)
}

// link is the way between the two systems.
type link struct {
	broker, token string
	secret        []byte
	client        *http.Client

	mu      sync.Mutex
	seen    map[string]bool   // webhook-id: what arrives twice is taken in once
	mirrors map[string]ticket // by the broker's id: the other system
}

// ticket is what this example looks at.
type ticket struct {
	ID, Ref, Title, State, URL string
	Version                    int64
}

func newLink(broker, token, secret string, client *http.Client) (*link, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || len(raw) == 0 || token == "" || broker == "" {
		return nil, errors.New("CONSENTO_URL, CONSENTO_TOKEN and CONSENTO_SECRET are needed")
	}
	return &link{broker: broker, token: token, secret: raw, client: client, seen: map[string]bool{}, mirrors: map[string]ticket{}}, nil
}

// ServeHTTP takes a webhook in. It answers 2xx only once it has it: everything else is sent again.
func (l *link) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
	if err != nil || !l.verify(r.Header, body, time.Now()) {
		http.Error(w, "this is not signed by the broker", http.StatusUnauthorized)
		return
	}
	var event struct {
		Type string
		Data struct{ Ticket struct{ ID string } }
	}
	if err := json.Unmarshal(body, &event); err != nil {
		http.Error(w, "this is no event", http.StatusBadRequest)
		return
	}
	if id := r.Header.Get("webhook-id"); strings.HasPrefix(event.Type, "ticket.") && !l.known(id) {
		if err := l.mirror(r.Context(), event.Data.Ticket.ID); err != nil {
			http.Error(w, "later, please", http.StatusServiceUnavailable)
			return
		}
		l.remember(id)
	}
	w.WriteHeader(http.StatusNoContent)
}

// verify checks signature and time (Standard Webhooks): what is older than five minutes may
// have been recorded by somebody.
func (l *link) verify(h http.Header, body []byte, now time.Time) bool {
	id, stamp := h.Get("webhook-id"), h.Get("webhook-timestamp")
	at, err := strconv.ParseInt(stamp, 10, 64)
	if age := now.Sub(time.Unix(at, 0)); err != nil || age > 5*time.Minute || age < -5*time.Minute {
		return false
	}
	mac := hmac.New(sha256.New, l.secret)
	mac.Write([]byte(id + "." + stamp + "."))
	mac.Write(body)
	want := []byte("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	for signature := range strings.FieldsSeq(h.Get("webhook-signature")) {
		if hmac.Equal([]byte(signature), want) {
			return true
		}
	}
	return false
}

func (l *link) known(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seen[id]
}

func (l *link) remember(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen[id] = true
}

// mirror reads a ticket as it is now, whatever the event said: events may come late.
func (l *link) mirror(ctx context.Context, id string) error {
	var t ticket
	if _, err := l.ask(ctx, http.MethodGet, "/api/v1/tickets/"+id, nil, &t); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mirrors[t.ID] = t
	return nil
}

// open makes a ticket for one of the other system's. Its number there is the key: sent twice,
// it is made once.
func (l *link) open(ctx context.Context, number, title, name, email string) (t ticket, err error) {
	in := map[string]any{"type": "incident", "title": title, "requester": map[string]string{"name": name, "email": email}}
	_, err = l.ask(ctx, http.MethodPost, "/api/v1/tickets", in, &t, "Idempotency-Key", number)
	return t, err
}

// comment adds a note. Where somebody else was faster it reads the new version, and tries again.
func (l *link) comment(ctx context.Context, id, text string) error {
	for range 5 {
		var t ticket
		if _, err := l.ask(ctx, http.MethodGet, "/api/v1/tickets/"+id, nil, &t); err != nil {
			return err
		}
		status, err := l.ask(ctx, http.MethodPost, "/api/v1/tickets/"+id+"/acts", map[string]string{"kind": "comment", "text": text}, &t, "If-Match", strconv.Quote(strconv.FormatInt(t.Version, 10)))
		if status != http.StatusPreconditionFailed {
			return err
		}
	}
	return errors.New("others change this ticket all the time")
}

// ask makes one request to the API; header is in pairs.
func (l *link) ask(ctx context.Context, method, path string, in, out any, header ...string) (status int, err error) {
	var body []byte
	if in != nil {
		if body, err = json.Marshal(in); err != nil {
			return 0, err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, l.broker+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+l.token)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := l.client.Do(r)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return response.StatusCode, err
	}
	if response.StatusCode >= 300 {
		var problem struct{ Code, Title, Detail string }
		_ = json.Unmarshal(raw, &problem) // a proxy's page is none
		return response.StatusCode, fmt.Errorf("%s %s: %d %s: %s %s", method, path, response.StatusCode, problem.Code, problem.Title, problem.Detail)
	}
	return response.StatusCode, json.Unmarshal(raw, out)
}
