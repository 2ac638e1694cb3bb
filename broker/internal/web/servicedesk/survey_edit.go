package servicedesk

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"consento/broker/internal/access"
	"consento/broker/internal/figures"
	"consento/broker/internal/web/page"
)

// surveysPage is the data of the template "surveys".
type surveysPage struct {
	Account access.Account
	Surveys []surveyLines
	Saved   bool
}

type surveyLines struct {
	ID, Title string
	Questions []surveyLine
	Full      bool // no more can be added
}

type surveyLine struct{ Path, Text, Kind, Languages string }

// questionPage is the data of the template "survey-question".
type questionPage struct {
	Account access.Account
	Survey  string
	Place   string // "new", or its number from 0
	Version int64
	Kind    page.Picker
	Fields  []questionField
}

type questionField struct {
	Tag, Name, Text, Choices string
	Offered                  bool
}

// surveyRoutes are behind the questions after a session, and what administrators decide about them.
func (ps *Pages) surveyRoutes() []page.Route {
	return []page.Route{
		page.At("/survey/{session}", ps.May(ps.showTechnicianSurvey, access.Assist), ps.May(ps.answerTechnicianSurvey, access.Assist)),
		page.At("/figures/surveys", ps.May(ps.showSurveys, access.ManageOffice)),
		page.At("/figures/surveys/{survey}/{place}", ps.May(ps.showQuestion, access.ManageOffice), ps.May(ps.changeQuestion, access.ManageOffice)),
	}
}

func (ps *Pages) showSurveys(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	p := ps.NewPage(r, "survey.title")
	data := surveysPage{Account: by, Saved: r.URL.Query().Get("saved") != ""}
	for _, who := range figures.Respondents() {
		s, err := ps.figures.Survey(r.Context(), who)
		if err != nil {
			return err
		}
		lines := surveyLines{ID: string(who), Title: p.T("survey.of." + string(who)), Full: len(s.Questions) >= figures.MaxQuestions}
		for place, q := range s.Questions {
			var names []string
			for _, tag := range ps.Texts.Tags() {
				if q.Texts[tag] != "" {
					names = append(names, ps.Texts.Match(tag).T("page.language"))
				}
			}
			lines.Questions = append(lines.Questions, surveyLine{"/figures/surveys/" + string(who) + "/" + strconv.Itoa(place), questionText(p, q), p.T("survey.kind." + string(q.Kind)), strings.Join(names, ", ")})
		}
		data.Surveys = append(data.Surveys, lines)
	}
	p.Data = data
	return ps.Show(rw, http.StatusOK, "surveys", p)
}

// questionText is a question in the page's language, or in one that it is asked in.
func questionText(p *page.Page, q figures.Question) string {
	for _, tag := range []string{p.Tag, "en", "it", "fr", "de", "es", "ja"} {
		if q.Texts[tag] != "" {
			return q.Texts[tag]
		}
	}
	return ""
}

// placeOf finds the question that an address is about: place is -1 for a new one.
func (ps *Pages) placeOf(r *http.Request) (s figures.Survey, place int, ok bool, err error) {
	who := figures.Respondent(r.PathValue("survey"))
	if !slices.Contains(figures.Respondents(), who) {
		return s, 0, false, nil
	}
	if s, err = ps.figures.Survey(r.Context(), who); err != nil {
		return s, 0, false, err
	}
	if r.PathValue("place") == "new" {
		return s, -1, true, nil
	}
	place, bad := strconv.Atoi(r.PathValue("place"))
	return s, place, bad == nil && place >= 0 && place < len(s.Questions), nil
}

func (ps *Pages) showQuestion(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	s, place, ok, err := ps.placeOf(r)
	if err != nil {
		return err
	}
	if !ok {
		return ps.NotFound(rw, r)
	}
	v := url.Values{"kind": {string(figures.YesNo)}}
	if place >= 0 {
		q := s.Questions[place]
		v.Set("kind", string(q.Kind))
		for tag, text := range q.Texts {
			v.Set("text."+tag, text)
			v.Set("choices."+tag, strings.Join(q.Choices[tag], "\n"))
		}
	}
	return ps.question(rw, r, by, http.StatusOK, s, v, nil)
}

// question shows the form as it was filled in.
func (ps *Pages) question(rw http.ResponseWriter, r *http.Request, by access.Account, status int, s figures.Survey, v url.Values, problem error) error {
	p := ps.NewPage(r, "survey.question.title")
	var invalid *access.Invalid
	switch {
	case errors.Is(problem, figures.ErrStale):
		p.Error = p.T("survey.stale")
	case errors.As(problem, &invalid):
		p.Error = p.T("survey.error."+invalid.Field, "max", strconv.Itoa(figures.MaxQuestion), "most", strconv.Itoa(figures.MaxChoices))
	}
	data := questionPage{Account: by, Survey: string(s.Respondent), Place: r.PathValue("place"), Version: s.Version,
		Kind: page.Picker{Name: "kind", Label: p.T("survey.kind"), Hint: p.T("survey.kind.hint")}}
	for _, kind := range figures.Kinds() {
		data.Kind.Options = append(data.Kind.Options, page.Option{Value: string(kind), Label: p.T("survey.kind." + string(kind)), Chosen: v.Get("kind") == string(kind)})
	}
	offered := ps.Texts.Only(p.Office.Languages...).Tags()
	for _, tag := range ps.Texts.Tags() {
		data.Fields = append(data.Fields, questionField{tag, ps.Texts.Match(tag).T("page.language"), v.Get("text." + tag), v.Get("choices." + tag), slices.Contains(offered, tag)})
	}
	p.Data = data
	return ps.Show(rw, status, "survey-question", p)
}

func (ps *Pages) changeQuestion(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	v, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	s, place, ok, err := ps.placeOf(r)
	if err != nil {
		return err
	}
	seen, bad := strconv.ParseInt(v.Get("version"), 10, 64)
	if bad != nil {
		return page.ErrForm
	}
	switch {
	case !ok && seen != s.Version && s.Respondent != "": // somebody took questions out meanwhile
		return ps.question(rw, r, by, http.StatusConflict, s, v, figures.ErrStale)
	case !ok:
		return ps.NotFound(rw, r)
	case v.Get("step") == "drop" && place >= 0:
		err = ps.figures.AskNoMore(r.Context(), by, s.Respondent, seen, place)
	default:
		q := figures.Question{Kind: figures.Kind(v.Get("kind")), Texts: map[string]string{}, Choices: map[string][]string{}}
		for _, tag := range ps.Texts.Tags() {
			q.Texts[tag] = v.Get("text." + tag)
			q.Choices[tag] = strings.Split(strings.ReplaceAll(v.Get("choices."+tag), "\r", ""), "\n")
		}
		if place < 0 {
			place = len(s.Questions)
		}
		err = ps.figures.Ask(r.Context(), by, s.Respondent, seen, place, q)
	}
	switch {
	case errors.Is(err, figures.ErrStale):
		return ps.question(rw, r, by, http.StatusConflict, s, v, err)
	case errors.Is(err, access.ErrInvalid):
		return ps.question(rw, r, by, http.StatusUnprocessableEntity, s, v, err)
	case err != nil:
		return err
	}
	http.Redirect(rw, r, "/figures/surveys?saved=1", http.StatusSeeOther)
	return nil
}
