package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"consento/broker/internal/access"
	"consento/broker/internal/figures"
	"consento/broker/internal/session"
	"consento/broker/internal/web/page"
	"consento/broker/internal/web/servicedesk"
)

// Surveys is what is asked of customers after a session.
type Surveys interface {
	Survey(ctx context.Context, who figures.Respondent) (figures.Survey, error)
	Answered(ctx context.Context, who figures.Respondent, session string) (map[string]string, error)
	Answer(ctx context.Context, who figures.Respondent, session string, answers map[string]string) error
}

func (w *Web) surveyRoutes() []page.Route {
	return []page.Route{page.At("/session/survey", page.RedirectTo("/session"), page.ForHolder(w.answerSurvey))}
}

// surveyed fills the customer's questions into the page after the session; typed is what
// was not accepted, nil for nothing.
func (w *Web) surveyed(r *http.Request, p *page.Page, id string, data *endedPage, typed url.Values) error {
	if w.surveys == nil || !data.Rate {
		return nil
	}
	s, err := w.surveys.Survey(r.Context(), figures.OfCustomer)
	if err != nil {
		return err
	}
	answers, err := w.surveys.Answered(r.Context(), figures.OfCustomer, id)
	if err != nil {
		return err
	}
	if typed != nil {
		answers = servicedesk.AnswersOf(s, typed)
		data.SurveyNote = p.T("survey.wrong", "max", strconv.Itoa(figures.MaxWords))
		p.Error = data.SurveyNote
	}
	data.Survey = servicedesk.Asked(p, s, func(q figures.Question) string { return answers[q.ID] })
	data.SurveyThanks = r.URL.Query().Get("answered") != "" && typed == nil
	return nil
}

// answerSurvey takes what the customer answers after the session.
func (w *Web) answerSurvey(rw http.ResponseWriter, r *http.Request) error {
	id, ok := w.cookies.session(r)
	if !ok || w.surveys == nil {
		return session.ErrNoSession
	}
	v, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	shown, err := w.sessions.Snapshot(r.Context(), id)
	if err != nil {
		return err
	}
	if !shown.State.Over() {
		http.Redirect(rw, r, "/session", http.StatusSeeOther)
		return nil
	}
	s, err := w.surveys.Survey(r.Context(), figures.OfCustomer)
	if err != nil {
		return err
	}
	err = w.surveys.Answer(r.Context(), figures.OfCustomer, id, servicedesk.AnswersOf(s, v))
	if errors.Is(err, access.ErrInvalid) {
		return w.ended(rw, r, id, shown, &endedPage{typed: v})
	}
	if err != nil {
		return err
	}
	http.Redirect(rw, r, "/session?answered=1#survey", http.StatusSeeOther)
	return nil
}
