package servicedesk

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"consento/broker/internal/access"
	"consento/broker/internal/figures"
	"consento/broker/internal/web/page"
	"consento/protocol"
	"consento/protocol/lang"
)

// AskedQuestion is a question of a survey as it is asked: Options are radio buttons, the
// last of them for who does not say.
type AskedQuestion struct {
	Name, Text, Value string
	Options           []page.Option
	Max               int // characters of a line of text
}

// Asked puts the questions of a survey into the page's language, with what was answered;
// those that the office did not write in it are left out.
func Asked(p *page.Page, s figures.Survey, value func(figures.Question) string) (list []AskedQuestion) {
	for _, q := range s.Questions {
		text := q.Texts[p.Tag]
		if text == "" {
			continue
		}
		a := AskedQuestion{Name: "q-" + q.ID, Text: text, Value: value(q), Max: figures.MaxWords}
		for n, label := range choicesOf(p, q) {
			a.Options = append(a.Options, page.Option{Value: strconv.Itoa(n), Label: label, Chosen: a.Value == strconv.Itoa(n)})
		}
		if a.Options != nil {
			a.Options = append(a.Options, page.Option{Value: "", Label: p.T("survey.no_answer"), Chosen: a.Value == ""})
		}
		list = append(list, a)
	}
	return list
}

// choicesOf are the answers that can be chosen, in the page's language.
func choicesOf(p *page.Page, q figures.Question) (list []string) {
	switch q.Kind {
	case figures.YesNo:
		return []string{p.T("survey.yes"), p.T("survey.no")}
	case figures.Stars:
		for stars := 1; stars <= protocol.MaxStars; stars++ {
			list = append(list, p.T("portal.rate."+strconv.Itoa(stars)))
		}
	case figures.Choice:
		if list = q.Choices[p.Tag]; list == nil {
			for _, tag := range []string{"en", "it", "fr", "de", "es", "ja"} {
				if q.Choices[tag] != nil {
					return q.Choices[tag]
				}
			}
		}
	}
	return list
}

// AnswersOf reads what a form says.
func AnswersOf(s figures.Survey, v url.Values) map[string]string {
	answers := map[string]string{}
	for _, q := range s.Questions {
		answers[q.ID] = v.Get("q-" + q.ID)
	}
	return answers
}

// technicianSurveyPage is the data of the template "survey-technician".
type technicianSurveyPage struct {
	Account   access.Account
	Session   string
	Questions []AskedQuestion
	Thanks    bool
}

func (ps *Pages) showTechnicianSurvey(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	return ps.technicianSurvey(rw, r, by, nil)
}

func (ps *Pages) technicianSurvey(rw http.ResponseWriter, r *http.Request, by access.Account, typed url.Values) error {
	id := page.Limited(r.PathValue("session"), 64)
	if err := ps.figures.Mine(r.Context(), by, id); errors.Is(err, figures.ErrForbidden) {
		return ps.NotFound(rw, r)
	} else if err != nil {
		return err
	}
	s, err := ps.figures.Survey(r.Context(), figures.OfTechnician)
	if err != nil {
		return err
	}
	answers, err := ps.figures.Answered(r.Context(), figures.OfTechnician, id)
	if err != nil {
		return err
	}
	p, status := ps.NewPage(r, "survey.technician.title"), http.StatusOK
	if typed != nil {
		answers, status = AnswersOf(s, typed), http.StatusUnprocessableEntity
		p.Error = p.T("survey.wrong", "max", strconv.Itoa(figures.MaxWords))
	}
	p.Data = technicianSurveyPage{Account: by, Session: id, Questions: Asked(p, s, func(q figures.Question) string { return answers[q.ID] }), Thanks: typed == nil && r.URL.Query().Get("saved") != ""}
	return ps.Show(rw, status, "survey-technician", p)
}

func (ps *Pages) answerTechnicianSurvey(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	v, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	id := page.Limited(r.PathValue("session"), 64)
	if err := ps.figures.Mine(r.Context(), by, id); errors.Is(err, figures.ErrForbidden) {
		return ps.NotFound(rw, r)
	} else if err != nil {
		return err
	}
	s, err := ps.figures.Survey(r.Context(), figures.OfTechnician)
	if err != nil {
		return err
	}
	err = ps.figures.Answer(r.Context(), figures.OfTechnician, id, AnswersOf(s, v))
	if errors.Is(err, access.ErrInvalid) {
		return ps.technicianSurvey(rw, r, by, v)
	}
	if err != nil {
		return err
	}
	http.Redirect(rw, r, "/survey/"+url.PathEscape(id)+"?saved=1", http.StatusSeeOther)
	return nil
}

// StartingSurveys are the questions that come with the program, in every language.
func StartingSurveys(texts *lang.Catalog) []figures.Survey {
	ask := func(kind figures.Kind, key string, choices ...string) figures.Question {
		q := figures.Question{ID: strings.TrimPrefix(key, "survey.start."), Kind: kind, Texts: map[string]string{}, Choices: map[string][]string{}}
		for _, tag := range texts.Tags() {
			t := texts.Match(tag)
			q.Texts[tag] = t.T(key)
			for _, c := range choices {
				q.Choices[tag] = append(q.Choices[tag], t.T(c))
			}
		}
		return q
	}
	return []figures.Survey{
		{Respondent: figures.OfCustomer, Questions: []figures.Question{ask(figures.YesNo, "survey.start.helped"), ask(figures.YesNo, "survey.start.clear")}},
		{Respondent: figures.OfTechnician, Questions: []figures.Question{
			ask(figures.Choice, "survey.start.solved", "survey.yes", "survey.start.partly", "survey.no"), ask(figures.Words, "survey.start.lacked")}},
	}
}
