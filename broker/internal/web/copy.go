package web

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"consento/broker/internal/evidence"
	"consento/broker/internal/session"
	"consento/broker/internal/web/audit"
	"consento/broker/internal/web/page"
	"consento/broker/internal/web/player"
	"consento/recordings"
)

// Copies is what the pages of a customer's own copy ask. What it hands out is
// encrypted for a secret that stands in the customer's link alone.
type Copies interface {
	// Copy says what there is; evidence.ErrNotFound for a wrong token and for an id
	// that never was, ErrExpired, ErrRevoked or ErrShredded for what is over.
	Copy(ctx context.Context, id string, token []byte) (evidence.Share, error)
	// OpenCopy states the viewing: it is on the log before OpenCopy returns.
	OpenCopy(ctx context.Context, id string, token []byte) (evidence.Share, string, error)
	CopySegment(ctx context.Context, grant, id string, n int) (io.ReadSeekCloser, time.Time, error)
	CopyKeys(ctx context.Context, grant, id string, n int) ([]byte, error)
	CopyLog(ctx context.Context, grant, id string, n int) ([]byte, error)
	CopyProof(ctx context.Context, grant, id string) ([]byte, error)
}

const (
	// offerScript makes the link on the customer's pages, copyScript opens it.
	offerScript = "offer.js"
	copyScript  = "copy.js"
	// copyCookie carries the grant of one copy; its path keeps it to that copy.
	copyCookie = "__Secure-consento-copy"
)

func (w *Web) copyRoutes() []page.Route {
	return []page.Route{
		page.At("/session/copy", page.RedirectTo("/session"), page.ForHolder(w.offerCopy)),
		page.At("/copy/{id}", page.ForHolder(w.showCopy)),
		page.At("/copy/{id}/about", page.ForAnyone(toCopy), page.ForHolder(w.aboutCopy)),
		page.At("/copy/{id}/open", page.ForAnyone(toCopy), page.ForHolder(w.openCopy)),
		page.At("/copy/{id}/segments/{n}", page.ForHolder(player.Give(w.copySegment, player.Whole))).Slowly(), // over a slow line
		page.At("/copy/{id}/index/{n}", page.ForHolder(player.Give(w.copySegment, player.Index(w.Log)))).Slowly(),
		page.At("/copy/{id}/records/{n}", page.ForHolder(player.Give(w.copySegment, player.Records(w.Log)))).Slowly(),
		page.At("/copy/{id}/shares/{n}", page.ForHolder(w.giveCopied(Copies.CopyKeys))),
		page.At("/copy/{id}/log/{n}", page.ForHolder(w.giveCopied(Copies.CopyLog))),
		page.At("/copy/{id}/proof", page.ForHolder(w.giveCopyProof)),
	}
}

// copyOffer is what the script of the customer's pages is given.
type copyOffer struct {
	Session string `json:"session"`
	Over    bool   `json:"over"`
	Origin  string `json:"origin"`
}

// offerOf is nil where there are no copies.
func (w *Web) offerOf(id string, over bool) *copyOffer {
	if w.copies == nil || !w.Assets.Has(offerScript) {
		return nil
	}
	return &copyOffer{Session: id, Over: over, Origin: w.PublicURL}
}

// offerCopy takes the public key of this browser's link.
func (w *Web) offerCopy(rw http.ResponseWriter, r *http.Request) error {
	id, ok := w.cookies.session(r)
	if !ok {
		return session.ErrNoSession
	}
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	to, err := recordings.ParseRecipient(page.Limited(values.Get("recipient"), 256))
	token, terr := hex.DecodeString(page.Limited(values.Get("token_hash"), 64))
	if err != nil || terr != nil || len(token) != 32 || !to.Browser() {
		return page.ErrForm
	}
	given, err := w.sessions.OfferCopy(r.Context(), id, session.CopyKey{Recipient: to, Token: [32]byte(token)})
	if errors.Is(err, session.ErrNotNow) || errors.Is(err, session.ErrNotAllowed) {
		return page.AnswerJSON(rw, http.StatusConflict, map[string]string{"problem": "late"})
	}
	if err != nil {
		return err
	}
	return page.AnswerJSON(rw, http.StatusOK, map[string]any{"id": given.ID, "until": given.Until.UTC(), "recording": given.Recording})
}

// copyPage is the data of the template "copy": what its script is given.
type copyPage struct {
	ID     string            `json:"id"`
	Office string            `json:"office"`
	Texts  map[string]string `json:"texts"`
}

// CopyProblems are what can be wrong with a link; each has words, copy.NAME.
func (copyPage) Problems() []string {
	return []string{"wrong", "expired", "revoked", "erased", "throttled", "network"}
}

// showCopy is the same page for every id: whether there is such a copy only who has
// the secret is told.
func (w *Web) showCopy(rw http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if !copyID(id) {
		return w.NotFound(rw, r)
	}
	p := w.NewPage(r, "copy.title")
	texts := player.Texts(p)
	for key, text := range p.All("copy.") {
		texts[key] = text
	}
	// What happened is told to the customer, not to an auditor.
	for key := range p.All("log.e.") {
		delete(texts, "audit.e."+strings.TrimPrefix(key, "log.e."))
	}
	for key, text := range p.All("end.") {
		texts["audit."+key] = text
	}
	p.Data = copyPage{ID: id, Office: p.Office.Name, Texts: texts}
	rw.Header().Set("Content-Security-Policy", page.ConsolePolicy)
	return w.Show(rw, http.StatusOK, "copy", p)
}

// copyID tells the id of a copy by its form: 32 hex digits.
func copyID(id string) bool {
	b, err := hex.DecodeString(id)
	return err == nil && len(b) == 16 && hex.EncodeToString(b) == id
}

// parseToken reads what a browser shows to prove that it holds a secret: 43
// characters of base64url, in their one spelling.
func parseToken(text string) ([]byte, bool) {
	if len(text) != 43 {
		return nil, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return b, err == nil && len(b) == 32
}

func toCopy(rw http.ResponseWriter, r *http.Request) error {
	if id := r.PathValue("id"); copyID(id) {
		http.Redirect(rw, r, "/copy/"+id, http.StatusSeeOther)
		return nil
	}
	return page.ErrForm
}

type copyAnswer struct {
	Until     time.Time     `json:"until"`
	Recording bool          `json:"recording"`
	Held      bool          `json:"held"`
	Missing   bool          `json:"missing"` // some of what is promised cannot be opened
	Session   string        `json:"session"`
	Segments  []player.Part `json:"segments"`
}

func (w *Web) aboutCopy(rw http.ResponseWriter, r *http.Request) error {
	return w.tryCopy(rw, r, func(id string, token []byte) (evidence.Share, error) { return w.copies.Copy(r.Context(), id, token) })
}

func (w *Web) openCopy(rw http.ResponseWriter, r *http.Request) error {
	return w.tryCopy(rw, r, func(id string, token []byte) (evidence.Share, error) {
		s, grant, err := w.copies.OpenCopy(r.Context(), id, token)
		if err == nil {
			http.SetCookie(rw, &http.Cookie{Name: copyCookie, Value: grant, Path: "/copy/" + id + "/", MaxAge: int(audit.GrantTime.Seconds()),
				Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode})
		}
		return s, err
	})
}

// tryCopy answers who shows a token. A wrong one counts as a guess of a session key
// does, and is told like an id that never was.
func (w *Web) tryCopy(rw http.ResponseWriter, r *http.Request, do func(id string, token []byte) (evidence.Share, error)) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	var s evidence.Share
	err = w.sessions.Guess(r.Context(), page.ClientAddress(r), func() error {
		token, ok := parseToken(values.Get("token"))
		if !ok || !copyID(r.PathValue("id")) {
			return session.ErrKey
		}
		var err error
		if s, err = do(r.PathValue("id"), token); errors.Is(err, evidence.ErrNotFound) {
			return session.ErrKey
		}
		return err
	})
	var throttled *session.ThrottledError
	problem, status := "", http.StatusGone
	switch {
	case errors.Is(err, session.ErrKey):
		problem, status = "wrong", http.StatusNotFound
	case errors.As(err, &throttled):
		rw.Header().Set("Retry-After", strconv.Itoa(page.WholeSeconds(throttled.RetryAfter)))
		problem, status = "throttled", http.StatusTooManyRequests
	case errors.Is(err, evidence.ErrExpired):
		problem = "expired"
	case errors.Is(err, evidence.ErrRevoked):
		problem = "revoked"
	case errors.Is(err, evidence.ErrShredded):
		problem = "erased"
	case err != nil:
		return err
	}
	if problem != "" {
		return page.AnswerJSON(rw, status, map[string]string{"problem": problem})
	}
	a := copyAnswer{Until: s.Until.UTC(), Recording: len(s.Tracks) > 0, Held: s.Held, Session: s.Session, Segments: []player.Part{}}
	for _, part := range s.Parts {
		a.Segments = append(a.Segments, player.Part{Number: part.Number, Keys: part.Keys && a.Recording, Log: part.Told})
		a.Missing = a.Missing || a.Recording && !part.Keys && !part.Empty
	}
	return page.AnswerJSON(rw, http.StatusOK, a)
}

// copyGrant is the grant that the browser holds for this copy.
func copyGrant(r *http.Request) string {
	if c, err := r.Cookie(copyCookie); err == nil {
		return page.Limited(c.Value, 128)
	}
	return ""
}

func (w *Web) copySegment(r *http.Request, n int) (io.ReadSeekCloser, time.Time, error) {
	return w.copies.CopySegment(r.Context(), copyGrant(r), r.PathValue("id"), n)
}

// giveCopied serves something that is encrypted for the customer.
func (w *Web) giveCopied(which func(Copies, context.Context, string, string, int) ([]byte, error)) page.Action {
	return func(rw http.ResponseWriter, r *http.Request) error {
		n, err := player.Segment(r)
		if err != nil {
			return err
		}
		b, err := which(w.copies, r.Context(), copyGrant(r), r.PathValue("id"), n)
		if err != nil {
			return player.Refused(rw, err)
		}
		rw.Header().Set("Content-Type", "application/json")
		_, _ = rw.Write(b) // the browser went away: nobody is left to be told
		return nil
	}
}

func (w *Web) giveCopyProof(rw http.ResponseWriter, r *http.Request) error {
	proof, err := w.copies.CopyProof(r.Context(), copyGrant(r), r.PathValue("id"))
	if errors.Is(err, evidence.ErrUnknown) {
		w.Problem(rw, r, http.StatusNotFound, "log.receipt.none")
		return nil
	}
	if err != nil {
		return player.Refused(rw, err)
	}
	return page.Attach(rw, "application/json", "consento-"+r.PathValue("id")[:8]+".proof", proof)
}
