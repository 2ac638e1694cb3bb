package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// describe makes the OpenAPI document (3.1) of the routes.
func describe(address, software string) ([]byte, error) {
	s := newSchemas()
	if _, err := s.of(reflect.TypeFor[Problem](), false); err != nil {
		return nil, err
	}
	paths, groups := map[string]object{}, []object{}
	ids := map[string]bool{}
	for _, r := range routes() {
		if ids[r.id] || r.summary == "" {
			return nil, fmt.Errorf("route %s %s has no description, or another's name", r.method, r.path)
		}
		ids[r.id] = true
		o, err := s.operation(r)
		if err != nil {
			return nil, fmt.Errorf("route %s: %w", r.id, err)
		}
		if paths[r.path] == nil {
			paths[r.path] = object{}
		}
		paths[r.path][strings.ToLower(r.method)] = o
		if !slices.ContainsFunc(groups, func(g object) bool { return g["name"] == r.group }) {
			groups = append(groups, object{"name": r.group})
		}
	}
	document := object{
		"openapi": "3.1.0",
		"info": object{
			"title": "Consento", "version": "1", "license": object{"name": "Apache-2.0", "identifier": "Apache-2.0"},
			"description": "Tickets, and that sessions were, for programs of the office. Made by " + software + ".\n\n" + conventions,
		},
		"servers":    []object{{"url": address}},
		"security":   []object{{"token": []string{}}},
		"tags":       groups,
		"paths":      paths,
		"components": object{"schemas": s.components, "securitySchemes": object{"token": object{"type": "http", "scheme": "bearer", "description": "An API token, from /account/tokens or consento-broker token add."}}, "headers": headers()},
	}
	return json.MarshalIndent(document, "", "  ")
}

// conventions hold for every route.
const conventions = "Every request carries an API token as `Authorization: Bearer`. It never may more than its owner at that moment.\n\n" +
	"Errors are problems (RFC 9457, application/problem+json), in the language of Accept-Language.\n\n" +
	"Lists come in pages: as long as there is `next`, send it as `cursor`, with the same filters.\n\n" +
	"A POST with an `Idempotency-Key` is done once within 24 hours; sent again it gets the same answer.\n\n" +
	"A token may ask 600 times a minute, and change something 120 times. RateLimit headers say what is left.\n\n" +
	"Within v1 members and routes are added, never changed or taken away: ignore members that you do not know."

func headers() object {
	of := func(doc string) object {
		return object{"description": doc, "schema": object{"type": "string"}}
	}
	return object{
		"ETag":            of("The version of the ticket, for If-Match."),
		"RateLimit":       of("What is left (draft-ietf-httpapi-ratelimit-headers)."),
		"RateLimitPolicy": of("How much there is."),
		"Retry":           of("After how many seconds to ask again."),
		"Location":        of("Where it is."),
	}
}

func header(names ...string) object {
	out := object{"RateLimit": object{"$ref": "#/components/headers/RateLimit"}, "RateLimit-Policy": object{"$ref": "#/components/headers/RateLimitPolicy"}}
	for _, n := range names {
		key := n
		if n == "Retry-After" {
			key = "Retry"
		}
		out[n] = object{"$ref": "#/components/headers/" + key}
	}
	return out
}

func (s *schemas) operation(r route) (object, error) {
	gives, err := s.of(r.gives, false)
	if err != nil {
		return nil, err
	}
	ok := object{"description": "Done.", "content": object{"application/json": object{"schema": gives}}, "headers": header()}
	if r.versioned {
		ok["headers"] = header("ETag")
	}
	if r.status == http.StatusCreated {
		ok["headers"] = header("ETag", "Location")
	}
	answers := object{strconv.Itoa(r.status): ok}
	for _, code := range slices.Sorted(maps.Keys(problems)) {
		if status := problems[code]; r.canFail(code) {
			answers[strconv.Itoa(status)] = problemAnswer(status)
		}
	}
	o := object{"operationId": r.id, "summary": r.summary, "tags": []string{r.group}, "responses": answers, "parameters": r.parameters()}
	rule := "Every token may ask this."
	if r.needs != Anyone {
		rule = "Needs the right `" + string(r.needs) + "` of the token's owner."
	}
	o["description"] = strings.TrimSpace(r.more + "\n\n" + rule)
	if r.takes != nil {
		takes, err := s.of(r.takes, true)
		if err != nil {
			return nil, err
		}
		o["requestBody"] = object{"required": true, "content": object{"application/json": object{"schema": takes}}}
	}
	return o, nil
}

// canFail says whether a route answers with this problem.
func (r route) canFail(code string) bool {
	switch code {
	case "method": // no route of the description
		return false
	case "not_found":
		return strings.Contains(r.path, "{")
	case "stale", "if_match", "step":
		return r.matched
	case "too_large", "media_type", "missing", "key_reused", "unsettled":
		return r.takes != nil
	case "invalid":
		return r.takes != nil || len(r.query) > 0
	}
	return true
}

func problemAnswer(status int) object {
	h := header()
	switch status {
	case http.StatusUnauthorized:
		h = object{}
	case http.StatusTooManyRequests:
		h = header("Retry-After")
	}
	return object{"description": http.StatusText(status), "headers": h, "content": object{"application/problem+json": object{"schema": object{"$ref": "#/components/schemas/Problem"}}}}
}

func (r route) parameters() []object {
	list := []object{}
	for rest := r.path; strings.Contains(rest, "{"); {
		_, rest, _ = strings.Cut(rest, "{")
		var name string
		name, rest, _ = strings.Cut(rest, "}")
		list = append(list, object{"name": name, "in": "path", "required": true, "description": "As lists have it.", "schema": object{"type": "string", "maxLength": 64}})
	}
	for _, p := range r.query {
		schema := object{"type": "string"}
		switch p.format {
		case "integer":
			schema = object{"type": "integer", "minimum": 1, "maximum": maxPage}
		case "date-time":
			schema["format"] = p.format
		}
		if len(p.values) > 0 {
			schema["enum"] = p.values
		}
		if p.list {
			schema = object{"type": "array", "items": schema, "maxItems": 20}
		}
		list = append(list, object{"name": p.name, "in": "query", "description": p.doc, "schema": schema})
	}
	language := object{"name": "Accept-Language", "in": "header", "description": "Of texts in the answer.", "schema": object{"type": "string"}}
	if r.matched {
		list = append(list, object{"name": "If-Match", "in": "header", "required": true, "description": "The ETag of the ticket as it was seen.", "schema": object{"type": "string"}})
	}
	if r.method == http.MethodPost {
		list = append(list, object{"name": "Idempotency-Key", "in": "header", "description": "Names this request among all of the token's owner, for a day: a UUID, or the other system's own number of the event.", "schema": object{"type": "string", "maxLength": 130}})
	}
	return append(list, language)
}
