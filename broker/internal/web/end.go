package web

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"consento/broker/internal/session"
	"consento/broker/internal/web/page"
	"consento/broker/internal/web/servicedesk"
	"consento/protocol"
)

// endedPage is the data of the template "ended".
type endedPage struct {
	Session    protocol.Session
	Reason     string
	Reported   bool
	CanReport  bool // it is not too late to put a suspicion on record
	Live       bool
	Rate       bool // somebody helped, so the help can be rated
	Rating     protocol.Rating
	Rated      bool // it stands on the evidence
	Thanks     bool // it was sent with the page before this one
	MaxWords   int
	RatingNote string     // what was wrong with it
	Copy       *copyOffer // nil: there is no private link

	Survey       []servicedesk.AskedQuestion // what the office asks after a session; none: nothing
	SurveyThanks bool
	SurveyNote   string
	typed        url.Values // answers that were not accepted
}

// Stars lists what can be chosen.
func (*endedPage) Stars() []int { return []int{1, 2, 3, 4, 5} }

// showEnd says that it is over and why, and goes on until it is known whether
// the help program has removed itself.
func (w *Web) showEnd(rw http.ResponseWriter, r *http.Request, id string, s protocol.Session) error {
	data := &endedPage{Thanks: r.URL.Query().Get("rated") != ""}
	if r.URL.Query().Get("rating") == "closed" {
		data.RatingNote = page.TextsOf(r).T("portal.rate.closed")
	}
	return w.ended(rw, r, id, s, data)
}

func (w *Web) ended(rw http.ResponseWriter, r *http.Request, id string, s protocol.Session, data *endedPage) error {
	p := w.NewPage(r, "portal.end.title")
	if started(s) || byBrowser(s) {
		data.Copy = w.offerOf(s.ID, true)
	}
	data.Session, data.MaxWords = s, protocol.MaxRatingWords
	data.Reported = s.EndReason == protocol.EndReported || r.URL.Query().Get("reported") != ""
	data.CanReport = !data.Reported && s.EndReason != protocol.EndKeyExpired
	data.Rate = (started(s) || byBrowser(s)) && !data.Reported
	p.Error = data.RatingNote
	if s.EndReason.Valid() {
		data.Reason = p.T("end." + string(s.EndReason))
	}
	if data.Rating.Stars == 0 && data.RatingNote == "" {
		log, err := w.sessions.Log(r.Context(), id)
		if err != nil && !errors.Is(err, session.ErrNoLog) {
			return err
		}
		data.Rating = log.Rating
		if log.Rating.Stars == 0 {
			data.Rating.Stars = s.Stars // of an earlier run of the broker: its words are sealed
		}
	}
	data.Rated = s.Stars > 0
	if err := w.surveyed(r, p, id, data, data.typed); err != nil {
		return err
	}
	p.Data = data
	return w.stream(rw, r, id, "ended", p, func(protocol.Session) bool { return false },
		func(live bool) { data.Live = live })
}

// rate takes the customer's rating. It can be sent again as long as the page works.
func (w *Web) rate(rw http.ResponseWriter, r *http.Request) error {
	id, ok := w.cookies.session(r)
	if !ok {
		return session.ErrNoSession
	}
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	s, err := w.sessions.Snapshot(r.Context(), id)
	if err != nil {
		return err
	}
	if !s.State.Over() {
		http.Redirect(rw, r, "/session", http.StatusSeeOther)
		return nil
	}
	texts := page.TextsOf(r)
	// Browsers send line ends as CR LF (HTML, form data set).
	rating := protocol.Rating{Words: strings.TrimSpace(strings.ReplaceAll(values.Get("words"), "\r\n", "\n"))}
	rating.Stars, err = strconv.Atoi(values.Get("stars"))
	if err != nil || rating.Stars < 1 || rating.Stars > protocol.MaxStars {
		rating.Stars = 1
		if rating.Validate() != nil {
			rating.Words = "" // it may hold anything
		}
		rating.Stars = 0
		return w.ended(rw, r, id, s, &endedPage{Rating: rating, RatingNote: texts.T("portal.rate.missing")})
	}
	if rating.Validate() != nil {
		rating.Words = ""
		return w.ended(rw, r, id, s, &endedPage{Rating: rating,
			RatingNote: texts.T("portal.rate.long", "max", strconv.Itoa(protocol.MaxRatingWords))})
	}
	next := "/session?rated=1#rating"
	switch err := w.sessions.Rate(r.Context(), id, rating); {
	case errors.Is(err, session.ErrNotNow):
		next = "/session?rating=closed#rating"
	case err != nil:
		return err
	}
	http.Redirect(rw, r, next, http.StatusSeeOther)
	return nil
}
