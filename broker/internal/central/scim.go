package central

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"consento/broker/internal/access"
)

// People is what SCIM writes into; see access.Access.
type People interface {
	ByToken(r *http.Request) (*http.Request, error)
	People(ctx context.Context, by access.Account, q access.Query) ([]access.Person, int, error)
	Person(ctx context.Context, by access.Account, id string) (access.Person, error)
	SavePerson(ctx context.Context, by access.Account, p access.Person, version int64) (access.Person, error)
	DeletePerson(ctx context.Context, by access.Account, id string, version int64) error
	Groups(ctx context.Context, by access.Account, q access.Query) ([]access.Group, int, error)
	Group(ctx context.Context, by access.Account, id string) (access.Group, error)
	SaveGroup(ctx context.Context, by access.Account, g access.Group, version int64) (access.Group, error)
	DeleteGroup(ctx context.Context, by access.Account, id string, version int64) error
}

// SCIM answers at /scim/v2/ (RFC 7644) whoever brings an administrator's API token that is
// for people. It changes nothing but by People, which says what it is worth.
type SCIM struct {
	people People
	base   string // https://HOST/scim/v2
	log    *slog.Logger
	routes *http.ServeMux
}

const (
	scimPath  = "/scim/v2"
	scimType  = "application/scim+json"
	scimTime  = 15 * time.Second
	scimPages = 100 // resources of a page, unless asked otherwise
)

// NewSCIM answers for the broker at this public address.
func NewSCIM(people People, publicURL string, log *slog.Logger) *SCIM {
	s := &SCIM{people: people, base: strings.TrimSuffix(publicURL, "/") + scimPath, log: log, routes: http.NewServeMux()}
	for _, calls := range []map[string]func(*call) error{
		{"GET /ServiceProviderConfig": s.config, "GET /ResourceTypes": s.types, "GET /ResourceTypes/{id}": s.types, "GET /Schemas": s.schemas, "GET /Schemas/{id}": s.schemas},
		s.peopleKind().calls("/Users"), s.groupKind().calls("/Groups"),
	} {
		for pattern, do := range calls {
			method, path, _ := strings.Cut(pattern, " ")
			s.routes.Handle(method+" "+scimPath+path, s.handle(do))
		}
	}
	s.routes.Handle(scimPath+"/", s.handle(func(*call) error { return errNowhere }))
	return s
}

// ServeHTTP implements http.Handler.
func (s *SCIM) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.routes.ServeHTTP(w, r) }

// call is one request of somebody who may.
type call struct {
	*http.Request
	w  http.ResponseWriter
	by access.Account
}

var (
	errNowhere = errors.New("there is nothing at this address, or not with this method")
	errBody    = errors.New("the body is no JSON object of at most a megabyte")
	errMatch   = errors.New("the resource has another version by now")
)

func (s *SCIM) handle(do func(*call) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), scimTime)
		defer cancel()
		deadline, _ := ctx.Deadline()
		// A connection that cannot have deadlines is a test's recorder.
		_ = http.NewResponseController(w).SetReadDeadline(deadline)
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		known, err := s.people.ByToken(r.WithContext(ctx))
		if err != nil {
			s.fail(w, r, access.Challenge(h, err), "", err)
			return
		}
		known.Body = http.MaxBytesReader(w, r.Body, maxAnswer)
		by, _ := access.Current(known)
		if !access.Can(by, access.ManageAccounts, access.Scope{}) {
			s.fail(w, known, http.StatusForbidden, "", access.ErrForbidden)
			return
		}
		if err := do(&call{known, w, by}); err != nil {
			status, kind := statusOf(err)
			s.fail(w, known, status, kind, err)
		}
	})
}

// statusOf says what an error is over HTTP (RFC 7644, 3.12).
func statusOf(err error) (status int, kind string) {
	var wrong *access.Invalid
	switch {
	case errors.Is(err, access.ErrNotFound), errors.Is(err, errNowhere):
		return http.StatusNotFound, ""
	case errors.Is(err, access.ErrTaken):
		return http.StatusConflict, "uniqueness"
	case errors.Is(err, access.ErrStale), errors.Is(err, errMatch):
		return http.StatusPreconditionFailed, ""
	case errors.Is(err, access.ErrForbidden):
		return http.StatusForbidden, ""
	case errors.Is(err, access.ErrLastAdministrator):
		return http.StatusConflict, "mutability"
	case errors.Is(err, errFilter), errors.As(err, &wrong) && wrong.Field == "filter":
		return http.StatusBadRequest, "invalidFilter"
	case errors.Is(err, errPath):
		return http.StatusBadRequest, "invalidPath"
	case errors.Is(err, errTarget):
		return http.StatusBadRequest, "noTarget"
	case errors.Is(err, errBody), errors.Is(err, errPatch):
		return http.StatusBadRequest, "invalidSyntax"
	case errors.Is(err, errValue), errors.Is(err, access.ErrInvalid):
		return http.StatusBadRequest, "invalidValue"
	}
	return http.StatusInternalServerError, ""
}

func (s *SCIM) fail(w http.ResponseWriter, r *http.Request, status int, kind string, err error) {
	body := map[string]any{"schemas": []string{messageError}, "status": strconv.Itoa(status), "detail": err.Error()}
	if kind != "" {
		body["scimType"] = kind
	}
	if status == http.StatusInternalServerError {
		body["detail"] = "this failed here: see the broker's log"
		if r.Context().Err() == nil {
			s.log.ErrorContext(r.Context(), "SCIM failed", "error", err)
		}
	}
	s.write(w, status, body)
}

func (s *SCIM) write(w http.ResponseWriter, status int, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		s.log.Error("SCIM answer", "error", err)
		status, data = http.StatusInternalServerError, nil
	}
	w.Header().Set("Content-Type", scimType)
	w.WriteHeader(status)
	_, _ = w.Write(data) // an error means that the caller is gone
}

func (c *call) body() (object, error) {
	data, err := io.ReadAll(c.Body)
	var o object
	if err != nil || json.Unmarshal(data, &o) != nil || o == nil {
		return nil, errBody
	}
	return o, nil
}

func etag(version int64) string { return fmt.Sprintf(`W/"%d"`, version) }

// seen is the version of If-Match, 0 for any (RFC 7644, 3.14).
func (c *call) seen() (int64, error) {
	match := strings.TrimSpace(c.Header.Get("If-Match"))
	if match == "" || match == "*" {
		return 0, nil
	}
	n, err := strconv.ParseInt(strings.Trim(strings.TrimPrefix(match, "W/"), `"`), 10, 64)
	if err != nil || n < 1 {
		return 0, errMatch
	}
	return n, nil
}

func (s *SCIM) meta(kind, place, id string, version int64, created, changed time.Time) map[string]any {
	return map[string]any{"resourceType": kind, "location": s.base + "/" + place + "/" + id, "version": etag(version),
		"created": created.UTC().Format(time.RFC3339), "lastModified": changed.UTC().Format(time.RFC3339)}
}

// one answers with a resource, or that it is as it was.
func (s *SCIM) one(c *call, status int, version int64, r map[string]any) error {
	c.w.Header().Set("ETag", etag(version))
	if meta, ok := r["meta"].(map[string]any); ok {
		c.w.Header().Set("Location", fmt.Sprint(meta["location"]))
	}
	if c.Method == http.MethodGet && c.Header.Get("If-None-Match") == etag(version) {
		c.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	s.write(c.w, status, c.wanted(r))
	return nil
}

// wanted leaves what attributes and excludedAttributes ask for (RFC 7644, 3.4.2.5).
func (c *call) wanted(r map[string]any) map[string]any {
	only, without := strings.ToLower(c.URL.Query().Get("attributes")), strings.ToLower(c.URL.Query().Get("excludedAttributes"))
	if only == "" && without == "" {
		return r
	}
	in := func(list, name string) bool {
		for part := range strings.SplitSeq(list, ",") {
			top, _, _ := strings.Cut(strings.TrimSpace(part), ".")
			if top == strings.ToLower(name) {
				return true
			}
		}
		return false
	}
	left := map[string]any{}
	for name, value := range r {
		if name == "id" || name == "schemas" || only != "" && in(only, name) || only == "" && !in(without, name) {
			left[name] = value
		}
	}
	return left
}

// query reads filter and page (RFC 7644, 3.4.2); names are SCIM's to access's.
func (c *call) query(names map[string]string) (access.Query, error) {
	q := access.Query{Equal: map[string]string{}, Start: 1, Count: scimPages}
	values := c.URL.Query()
	for key, to := range map[string]*int{"startIndex": &q.Start, "count": &q.Count} {
		if text := values.Get(key); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n > 1<<30 {
				return q, fmt.Errorf("%s: %w", key, errValue)
			}
			*to = n
		}
	}
	q.Start, q.Count = max(q.Start, 1), min(max(q.Count, 0), access.MaxPage)
	filter := values.Get("filter")
	if filter == "" {
		return q, nil
	}
	terms, err := parseFilter(filter)
	if err != nil {
		return q, err
	}
	for _, t := range terms {
		name, there := names[t.attribute]
		if _, twice := q.Equal[name]; !there || twice {
			return q, errFilter
		}
		q.Equal[name] = t.value
	}
	return q, nil
}

func (s *SCIM) page(c *call, q access.Query, total int, all []map[string]any) error {
	if q.Count == 0 {
		all = nil
	}
	for i := range all {
		all[i] = c.wanted(all[i])
	}
	s.write(c.w, http.StatusOK, map[string]any{"schemas": []string{messageList}, "totalResults": total, "startIndex": q.Start, "itemsPerPage": len(all), "Resources": append([]map[string]any{}, all...)})
	return nil
}
