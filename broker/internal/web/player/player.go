package player

import (
	"errors"
	"net/http"

	"consento/broker/internal/evidence"
	"consento/broker/internal/web/page"
)

// Texts are the texts that the script needs, in the page's language.
func Texts(p *page.Page) map[string]string {
	texts := map[string]string{}
	for _, prefix := range []string{"audit.e.", "audit.js.", "audit.lane.", "audit.permission.", "audit.end.", "log.e.", "log.by.", "log.source.", "log.state.", "log.section.", "log.block.", "log.file.", "log.clip.", "log.clip_of.", "log.still.", "log.guest.", "log.offer.", "audit.drawn.", "count.", "console.system."} {
		for key, text := range p.All(prefix) {
			texts[key] = text
		}
	}
	return texts
}

// FileName is the name of a file that leaves the broker.
func FileName(id, rest string) string { return id[:min(32, len(id))] + rest }

// Part says what there is of a segment.
type Part struct {
	Number int  `json:"number"`
	Keys   bool `json:"keys"`
	Log    bool `json:"log"`
}

// Refused answers a player's request for what it may not have (any more).
func Refused(rw http.ResponseWriter, err error) error {
	for _, known := range []struct {
		err    error
		status int
	}{{evidence.ErrNotFound, http.StatusNotFound}, {evidence.ErrGrant, http.StatusForbidden}, {evidence.ErrWithheld, http.StatusForbidden},
		{evidence.ErrForbidden, http.StatusForbidden}, {evidence.ErrExpired, http.StatusGone}, {evidence.ErrRevoked, http.StatusGone}, {evidence.ErrShredded, http.StatusGone}} {
		if errors.Is(err, known.err) {
			return page.AnswerJSON(rw, known.status, map[string]string{"problem": known.err.Error()})
		}
	}
	return err
}
