package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"consento/broker/internal/access"
	"consento/protocol/lang"
)

// Limits of what a request may bring.
const (
	maxBody  = 64 << 10 // bytes
	maxQuery = 4 << 10
	maxValue = 400 // bytes of one filter
)

// call is one request on its way to its answer.
type call struct {
	w     http.ResponseWriter
	r     *http.Request
	by    access.Account
	token access.Token
	texts lang.Texts
	body  []byte
	query url.Values
	match int64 // the version that a change is of

	etag, location string
}

func (c *call) headers() {
	h := c.w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Language", c.texts.Tag)
	h.Set("Vary", "Authorization, Accept-Language")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
}

// read takes in query, precondition and body, as far as the route has them.
func (c *call) read(r route) (err error) {
	if len(c.r.URL.RawQuery) > maxQuery {
		return refused("query", "too_long")
	}
	if c.query, err = url.ParseQuery(c.r.URL.RawQuery); err != nil {
		return refused("query", "malformed")
	}
	for name, values := range c.query {
		p, known := find(r.query, name)
		switch {
		case !known:
			return refused(name, "unknown")
		case len(values) > 1 && !p.list || len(values) > 20:
			return refused(name, "repeated")
		}
		for _, v := range values {
			if len(v) > maxValue || !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
				return refused(name, "malformed")
			}
			if len(p.values) > 0 && !contains(p.values, v) {
				return refused(name, "unknown")
			}
		}
	}
	if r.matched {
		if c.match, err = matched(c.r.Header); err != nil {
			return err
		}
	}
	if r.takes == nil {
		return nil
	}
	kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return errMedia
	}
	c.body, err = io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, maxBody))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return errLarge
	}
	if err != nil {
		return refused("body", "malformed")
	}
	return nil
}

// decode reads one JSON value strictly: UTF-8, no members that are not known, none twice,
// nothing behind it.
func decode(raw []byte, to any) error {
	if !utf8.Valid(raw) {
		return refused("body", "malformed")
	}
	if err := unique(json.NewDecoder(bytes.NewReader(raw)), 0); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) && kind.Field != "" {
			return refused(kind.Field, "malformed")
		}
		if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			return refused(strings.Trim(name, `"`), "unknown")
		}
		return refused("body", "malformed")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return refused("body", "malformed")
	}
	return nil
}

// maxDepth is how deep bodies may be nested.
const maxDepth = 8

// unique refuses an object that has a member twice: which of the two counts is not the
// same for everybody who reads it (RFC 8259, 4).
func unique(d *json.Decoder, depth int) error {
	t, err := d.Token()
	if err != nil || depth > maxDepth {
		return refused("body", "malformed")
	}
	delim, nested := t.(json.Delim)
	if !nested {
		return nil
	}
	seen := map[string]bool{}
	for d.More() {
		if delim == '{' {
			t, err := d.Token()
			name, ok := t.(string)
			if err != nil || !ok {
				return refused("body", "malformed")
			}
			if name = strings.ToLower(name); seen[name] { // Go takes members in any case
				return refused(name, "repeated")
			}
			seen[name] = true
		}
		if err := unique(d, depth+1); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return refused("body", "malformed")
	}
	return nil
}

// matched reads the version of If-Match (RFC 9110, 13.1.1): one strong entity tag.
func matched(h http.Header) (int64, error) {
	values := h.Values("If-Match")
	if len(values) == 0 {
		return 0, errUnmatched
	}
	n, ok := version(values[0])
	if len(values) > 1 || !ok {
		return 0, refused("If-Match", "malformed")
	}
	return n, nil
}

func version(tag string) (int64, bool) {
	inner, ok := strings.CutPrefix(tag, `"`)
	inner, closed := strings.CutSuffix(inner, `"`)
	n, err := strconv.ParseInt(inner, 10, 64)
	return n, ok && closed && err == nil && n > 0 && strconv.FormatInt(n, 10) == inner
}

func tagOf(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// reply writes what was asked for.
func (c *call) reply(status int, out any) error {
	body, err := encode(out)
	if err != nil {
		return err
	}
	return c.send(status, body)
}

func encode(out any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(out)
	return b.Bytes(), err
}

func (c *call) send(status int, body []byte) error {
	h := c.w.Header()
	if c.etag != "" {
		h.Set("ETag", c.etag)
		if status == http.StatusOK && c.r.Method != http.MethodPost && c.r.Header.Get("If-None-Match") == c.etag {
			c.w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	if c.location != "" {
		h.Set("Location", c.location)
	}
	h.Set("Content-Type", "application/json")
	c.w.WriteHeader(status)
	if c.r.Method != http.MethodHead {
		_, _ = c.w.Write(body) // the caller went away: nobody is left to be told
	}
	return nil
}

// parameter is one filter of a list.
type parameter struct {
	name, doc string
	list      bool     // may be given several times
	values    []string // closed set, if any
	format    string   // of JSON Schema: "date-time", "integer", "boolean"
}

func find(list []parameter, name string) (parameter, bool) {
	for _, p := range list {
		if p.name == name {
			return p, true
		}
	}
	return parameter{}, false
}

func contains(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}

// paging are the filters of every list that has pages.
func paging(more ...parameter) []parameter {
	return append(more, parameter{name: "cursor", doc: "The member `next` of the page before; nothing else is one."},
		parameter{name: "limit", doc: "How many at most, 1 to 100; 50 if nothing is said.", format: "integer"})
}

const (
	usualPage = 50
	maxPage   = 100
)

// page reads limit and cursor.
func (c *call) page() (limit int, at time.Time, id string, err error) {
	limit = usualPage
	if s := c.query.Get("limit"); s != "" {
		if limit, err = strconv.Atoi(s); err != nil || limit < 1 || limit > maxPage {
			return 0, at, "", refused("limit", "range")
		}
	}
	if s := c.query.Get("cursor"); s != "" {
		var ok bool
		if at, id, ok = readCursor(s); !ok {
			return 0, at, "", refused("cursor", "malformed")
		}
	}
	return limit, at, id, nil
}

// cursorOf names a place in a list.
func cursorOf(at time.Time, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte("1." + strconv.FormatInt(at.UnixMilli(), 10) + "." + id))
}

func readCursor(s string) (time.Time, string, bool) {
	if len(s) > 200 {
		return time.Time{}, "", false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	parts := strings.SplitN(string(raw), ".", 3)
	if err != nil || len(parts) != 3 || parts[0] != "1" || len(parts[2]) == 0 || len(parts[2]) > 64 || !utf8.ValidString(parts[2]) {
		return time.Time{}, "", false
	}
	ms, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil || ms < 0 || ms > 1<<48 || strconv.FormatInt(ms, 10) != parts[1] {
		return time.Time{}, "", false
	}
	return time.UnixMilli(ms).UTC(), parts[2], true
}

// moment reads a filter that is a time (RFC 3339); zero if it was not given.
func (c *call) moment(name string) (time.Time, error) {
	s := c.query.Get(name)
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || t.Year() < 1970 || t.Year() > 9999 {
		return t, refused(name, "malformed")
	}
	return t.UTC(), nil
}
