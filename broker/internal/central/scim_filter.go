package central

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

// The part of SCIM's filters and paths (RFC 7644, 3.4.2.2 and 3.5.2) that directories use:
// equality, joined by "and", and one value path.

const (
	maxFilter = 1 << 10 // bytes
	maxTerms  = 8
)

var (
	errFilter = errors.New("only attribute eq value, joined by and, is understood")
	errPath   = errors.New("the path cannot be read")
)

// term is attribute eq value; the attribute in lower case, without the name of the core
// schema.
type term struct{ attribute, value string }

// parseFilter reads a filter.
func parseFilter(s string) ([]term, error) {
	if len(s) > maxFilter || !utf8.ValidString(s) {
		return nil, errFilter
	}
	var terms []term
	for {
		t, rest, err := parseTerm(strings.TrimLeft(s, " "))
		if err != nil {
			return nil, err
		}
		if terms = append(terms, t); len(terms) > maxTerms {
			return nil, errFilter
		}
		if rest = strings.TrimLeft(rest, " "); rest == "" {
			return terms, nil
		}
		word, more, found := strings.Cut(rest, " ")
		if !found || !strings.EqualFold(word, "and") {
			return nil, errFilter
		}
		s = more
	}
}

func parseTerm(s string) (term, string, error) {
	name, rest := attributeName(s)
	if name == "" {
		return term{}, "", errFilter
	}
	if strings.HasPrefix(rest, "[") { // emails[type eq "work"].value eq "x": of one e-mail each
		inner, after, found := strings.Cut(rest[1:], "]")
		if !found || strings.Contains(inner, "[") {
			return term{}, "", errFilter
		}
		if _, more, err := parseTerm(inner); err != nil || strings.TrimSpace(more) != "" {
			return term{}, "", errFilter
		}
		sub, more := attributeName(strings.TrimPrefix(after, "."))
		if !strings.HasPrefix(after, ".") || sub == "" {
			return term{}, "", errFilter
		}
		name, rest = name+"."+sub, more
	}
	operator, value, found := strings.Cut(strings.TrimLeft(rest, " "), " ")
	if !found || rest == strings.TrimLeft(rest, " ") || !strings.EqualFold(operator, "eq") {
		return term{}, "", errFilter
	}
	text, rest, err := parseValue(strings.TrimLeft(value, " "))
	return term{name, text}, rest, err
}

// attributeName takes a name off, URN of a core schema included.
func attributeName(s string) (name, rest string) {
	for _, urn := range []string{schemaUser + ":", schemaGroup + ":"} {
		if len(s) > len(urn) && strings.EqualFold(s[:len(urn)], urn) {
			s = s[len(urn):]
		}
	}
	n := 0
	for n < len(s) && (s[n] == '.' || s[n] == '-' || s[n] == '_' || s[n] == '$' || s[n] == ':' || s[n] >= '0' && s[n] <= '9' || s[n] >= 'a' && s[n] <= 'z' || s[n] >= 'A' && s[n] <= 'Z') {
		n++
	}
	name = strings.ToLower(s[:n])
	if name == "" || strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".") || strings.Contains(name, "..") {
		return "", s
	}
	return name, s[n:]
}

// parseValue takes a JSON string, or true or false, off.
func parseValue(s string) (value, rest string, err error) {
	for _, word := range []string{"true", "false"} {
		if len(s) >= len(word) && strings.EqualFold(s[:len(word)], word) && (len(s) == len(word) || s[len(word)] == ' ') {
			return word, s[len(word):], nil
		}
	}
	if !strings.HasPrefix(s, `"`) {
		return "", "", errFilter
	}
	end := 1
	for end < len(s) && s[end] != '"' {
		if s[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(s) || json.Unmarshal([]byte(s[:end+1]), &value) != nil {
		return "", "", errFilter
	}
	return value, s[end+1:], nil
}

// path is the target of a change: attribute, or attribute[which].sub.
type path struct {
	attribute string // lower case, "name.givenname"
	which     *term  // of several values; nil: all
	sub       string
}

func parsePath(s string) (path, error) {
	if len(s) > maxFilter || !utf8.ValidString(s) {
		return path{}, errPath
	}
	name, rest := attributeName(strings.TrimSpace(s))
	if name == "" {
		return path{}, errPath
	}
	p := path{attribute: name}
	if rest == "" {
		return p, nil
	}
	inner, after, found := strings.Cut(strings.TrimPrefix(rest, "["), "]")
	if !found || !strings.HasPrefix(rest, "[") {
		return path{}, errPath
	}
	t, more, err := parseTerm(strings.TrimSpace(inner))
	if err != nil || strings.TrimSpace(more) != "" {
		return path{}, errPath
	}
	p.which = &t
	if after == "" {
		return p, nil
	}
	sub, more := attributeName(strings.TrimPrefix(after, "."))
	if !strings.HasPrefix(after, ".") || sub == "" || more != "" {
		return path{}, errPath
	}
	p.sub = sub
	return p, nil
}
