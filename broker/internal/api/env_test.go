package api

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/uptrace/bun"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
	"consento/broker/internal/ops/opstest"
	"consento/protocol"
	"consento/protocol/lang"
)

const address = "https://help.esempio.example"

// env is the API on a real server with a real database; every answer that has a
// description is checked against it.
type env struct {
	testing.TB
	api    *API
	access *access.Access
	desk   *desk.Desk
	db     *bun.DB
	server *httptest.Server
	valid  validator.Validator
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

func newEnv(t testing.TB) *env {
	t.Helper()
	e := &env{TB: t}
	e.db = opstest.Database(t, t.TempDir()+"/data")
	t.Cleanup(func() { must(0, e.db.Close())(t) })
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	e.access = must(access.New(t.Context(), access.Config{DB: e.db, Log: log, Rounds: 1000}))(t)
	e.desk = must(desk.New(t.Context(), desk.Config{Database: e.db, LinkKey: bytes.Repeat([]byte("k"), 32), Log: log}))(t)
	e.api = must(New(Config{Accounts: e.access, Desk: e.desk, Database: e.db, Texts: must(lang.Load())(t), PublicURL: address, Software: "test", Log: log}))(t)
	e.server = httptest.NewTLSServer(e.api)
	t.Cleanup(e.server.Close)
	document := must(libopenapi.NewDocument(e.api.document))(t)
	var problems []error
	if e.valid, problems = validator.NewValidator(document); problems != nil {
		t.Fatal(problems)
	}
	return e
}

// account makes one with everything its role can have.
func (e *env) account(role access.Role, team string) access.Account {
	e.Helper()
	n := access.NewAccount{Email: uuid.NewString() + "@esempio.example", Name: "Anna " + string(role), Role: role, Password: "seven grey herons over Bolzano"}
	if role == access.Technician || role == access.Lead {
		n.Team, n.Level, n.Profile = team, access.L1, protocol.ProfileFullSupport
		if team == "Reti" {
			n.Level = access.L2
		}
	}
	return must(e.access.Add(e.Context(), n))(e)
}

func (e *env) token(a access.Account, scopes ...access.TokenScope) string {
	e.Helper()
	_, secret, err := e.access.MakeToken(e.Context(), a, access.NewToken{Name: "test", Scopes: scopes})
	return must(secret, err)(e)
}

// said is an answer.
type said struct {
	*http.Response
	body []byte
}

// code is that of a problem, "" for what went well.
func (s said) code() string {
	var p Problem
	if s.Header.Get("Content-Type") != "application/problem+json" || json.Unmarshal(s.body, &p) != nil || p.Status != s.StatusCode || p.Title == "" {
		return ""
	}
	return p.Code
}

func read[T any](t testing.TB, s said) (out T) {
	t.Helper()
	if err := json.Unmarshal(s.body, &out); err != nil || s.StatusCode >= 300 {
		t.Fatalf("%s %s: %d %s, %v", s.Request.Method, s.Request.URL, s.StatusCode, s.body, err)
	}
	return out
}

// ask sends a request; headers are in pairs.
func (e *env) ask(secret, method, path string, body any, headers ...string) said {
	e.Helper()
	var sent []byte
	switch b := body.(type) {
	case nil:
	case string:
		sent = []byte(b)
	default:
		sent = must(json.Marshal(b))(e)
	}
	r := must(http.NewRequestWithContext(e.Context(), method, e.server.URL+path, bytes.NewReader(sent)))(e)
	if secret != "" {
		r.Header.Set("Authorization", "Bearer "+secret)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response := must(e.server.Client().Do(r))(e)
	defer response.Body.Close()
	s := said{response, must(io.ReadAll(response.Body))(e)}
	response.Body = io.NopCloser(bytes.NewReader(s.body))
	e.described(r, s)
	return s
}

// described checks an answer against the OpenAPI document.
func (e *env) described(r *http.Request, s said) {
	e.Helper()
	if s.StatusCode == http.StatusMethodNotAllowed || s.StatusCode == http.StatusNotModified || strings.HasPrefix(r.URL.Path, "/api/v1/nothing") || r.URL.Path == "/api/openapi.json" || r.Method == http.MethodHead {
		return // no operation of the description
	}
	if ok, problems := e.valid.ValidateHttpResponse(r, s.Response); !ok {
		for _, p := range problems {
			e.Errorf("%s %s: %d is not as described: %s %s %v\n%s", r.Method, r.URL.Path, s.StatusCode, p.Message, p.Reason, p.SchemaValidationErrors, s.body)
		}
	}
	s.Body = io.NopCloser(bytes.NewReader(s.body))
}

var printer = NewTicket{Type: desk.Incident, Title: "The printer does not print", Text: "Since this morning.", Requester: Requester{Name: "Maria Rossi", Email: "maria@comune.example"}}

func (e *env) made(secret string) Ticket {
	e.Helper()
	return read[Ticket](e, e.ask(secret, http.MethodPost, "/api/v1/tickets", printer))
}
