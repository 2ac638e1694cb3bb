package servicedesk

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
	"consento/broker/internal/evidence"
	"consento/broker/internal/figures"
	"consento/broker/internal/web/page"
)

// Figures counts how the office works.
type Figures interface {
	Report(ctx context.Context, by access.Account, q figures.Query) (*figures.Report, error)
	Setting(ctx context.Context) (figures.Setting, error)
	Switch(ctx context.Context, by access.Account, seen int64, on bool, told string) error
	Survey(ctx context.Context, who figures.Respondent) (figures.Survey, error)
	Ask(ctx context.Context, by access.Account, who figures.Respondent, seen int64, place int, q figures.Question) error
	AskNoMore(ctx context.Context, by access.Account, who figures.Respondent, seen int64, place int) error
	Answer(ctx context.Context, who figures.Respondent, session string, answers map[string]string) error
	Answered(ctx context.Context, who figures.Respondent, session string) (map[string]string, error)
	Mine(ctx context.Context, by access.Account, session string) error
}

func (ps *Pages) figureRoutes() []page.Route {
	return []page.Route{
		page.At("/figures", page.RedirectTo("/figures/")),
		page.At("/figures/{$}", ps.May(ps.showFigures, access.SeeFigures)),
		page.At("/figures/{table}", ps.May(ps.saveFigures, access.Export)),
		// What is counted is known to those who are counted, and to those who see it.
		page.At("/figures/people", ps.May(ps.showCounted, access.SeeFigures, access.Assist), ps.May(ps.switchFigures, access.ManageOffice)),
	}
}

// figuresPage is the data of the template "figures".
type figuresPage struct {
	Account   access.Account
	From, To  string // 2006-01-02
	Presets   []figurePreset
	Team      *page.Picker // nil: there is no choice
	Said      string       // which days, compared with which
	Zone      string
	Small     bool
	Empty     bool
	Begin     []figurePreset // what helps where nothing was counted yet
	Tiles     []figureTile
	Charts    []dayChart
	Days      figureTable
	Tables    []figureTable
	Evidence  *page.Storage // nil: it is for others
	Integrity []figureTile
	ByPerson  bool
	Decides   bool // about the surveys
}

type figurePreset struct {
	Path, Name string
	Current    bool
}

type figureTile struct{ Name, Value, Before string }

// presets are ranges of days up to today.
var presets = []int{7, 30, 90, 365}

// figuresQuery reads which days of whose are asked for; the last thirty where none are.
func figuresQuery(q url.Values, today desk.Date) (figures.Query, error) {
	asked := figures.Query{Range: figures.LastDays(30, today), Team: page.Limited(q.Get("team"), 200)}
	if q.Get("from") == "" && q.Get("to") == "" {
		return asked, nil
	}
	from, first := desk.ParseDate(page.Limited(q.Get("from"), 10))
	to, last := desk.ParseDate(page.Limited(q.Get("to"), 10))
	given := figures.Range{First: from, Last: to}
	if err := errors.Join(first, last); err != nil {
		return asked, figures.ErrRange
	}
	if err := given.Check(); err != nil {
		return asked, err
	}
	asked.Range = given
	return asked, nil
}

func (ps *Pages) today(r *http.Request) (desk.Date, error) {
	hours, _, err := ps.desk.Hours(r.Context())
	zone := hours.Calendar.Zone
	if zone == nil {
		zone = time.UTC
	}
	return figures.DateOf(time.Now(), zone), err
}

func (ps *Pages) showFigures(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	today, err := ps.today(r)
	if err != nil {
		return err
	}
	p, status := ps.NewPage(r, "figures.title"), http.StatusOK
	q, problem := figuresQuery(r.URL.Query(), today)
	if problem != nil {
		p.Error, status = p.T("figures.range.wrong"), http.StatusUnprocessableEntity
	}
	report, err := ps.figures.Report(r.Context(), by, q)
	if errors.Is(err, figures.ErrForbidden) { // another team's
		return ps.NotFound(rw, r)
	}
	if err != nil {
		return err
	}
	names, err := ps.figureNames(r, p)
	if err != nil {
		return err
	}
	data := figuresPage{Account: by, From: report.First.String(), To: report.Last.String(), Small: report.Small, ByPerson: report.Setting.ByPerson, Decides: access.May(by, access.ManageOffice), Zone: page.Zone(report.Zone, time.Now())}
	data.Said = p.T("figures.range.said", "from", date(p, report.First), "to", date(p, report.Last), "before_from", date(p, report.Before().First), "before_to", date(p, report.Before().Last))
	address := func(q figures.Query) string {
		v := url.Values{"from": {q.First.String()}, "to": {q.Last.String()}}
		if q.Team != "" && report.Teams != nil || r.URL.Query().Get("team") != "" {
			v.Set("team", q.Team)
		}
		return "?" + v.Encode()
	}
	for _, days := range presets {
		preset := figures.Query{Range: figures.LastDays(days, today), Team: q.Team}
		data.Presets = append(data.Presets, figurePreset{"/figures/" + address(preset), p.T("figures.range.last", "days", p.Count("days", days)), preset.Range == report.Range})
	}
	if teams := report.Teams; access.Can(by, access.SeeFigures, access.Scope{}) && (len(teams) > 1 || q.Team != "") {
		if q.Team != "" {
			teams = []string{q.Team}
		}
		pick := page.Picker{Name: "team", Label: p.T("desk.team"), Options: []page.Option{{Value: "", Label: p.T("figures.team.all"), Chosen: q.Team == ""}}}
		for _, team := range teams {
			pick.Options = append(pick.Options, page.Option{Value: team, Label: page.Plain(team), Chosen: team == q.Team})
		}
		data.Team = &pick
	}
	if !report.Small {
		if data.Empty = !report.Whole.Any() && !report.Earlier.Any(); data.Empty {
			data.Begin = figuresBegin(p, by)
		} else {
			tables := figureTables(p, report, names)
			if access.May(by, access.Export) {
				for i := range tables {
					tables[i].CSV = "/figures/" + tables[i].ID + ".csv" + address(report.Query)
				}
			}
			data.Tiles, data.Charts = figureTiles(p, report), dayCharts(p, report)
			data.Days, data.Tables = tables[0], tables[1:]
		}
	}
	if q.Team == "" && access.Can(by, access.SeeMetrics, access.Scope{}) {
		if err := ps.figuresOfEvidence(r, p, by, &data); err != nil {
			return err
		}
	}
	p.Data = data
	return ps.Show(rw, status, "figures", p)
}

// Storage says how the storage of evidence does, and checks the right of who asks.
type Storage interface {
	Storage(ctx context.Context, by access.Account) (evidence.Storage, error)
}

// figuresOfEvidence is what the public part of the evidence says: how much there is, and
// whether what was checked was whole.
func (ps *Pages) figuresOfEvidence(r *http.Request, p *page.Page, by access.Account, data *figuresPage) error {
	if ps.storage == nil {
		return nil
	}
	s, err := ps.storage.Storage(r.Context(), by)
	if err != nil {
		return err
	}
	said := page.StorageOf(p, s)
	data.Evidence = &said
	data.Integrity = append(data.Integrity, figureTile{Name: p.T("figures.evidence.leaves"), Value: strconv.FormatUint(s.Leaves, 10)})
	if s.Checked.IsZero() {
		data.Integrity = append(data.Integrity, figureTile{Name: p.T("figures.evidence.checked"), Value: p.T("figures.evidence.never")})
		return nil
	}
	data.Integrity = append(data.Integrity, figureTile{Name: p.T("figures.evidence.checked"), Value: page.Minute(p, s.Checked)})
	var states []string
	for state := range s.Checks {
		states = append(states, string(state))
	}
	slices.Sort(states)
	for _, state := range states {
		for found, n := range s.Checks {
			if string(found) == state {
				data.Integrity = append(data.Integrity, figureTile{Name: p.T("figures.evidence.found", "state", p.T("audit.state."+state)), Value: strconv.Itoa(n)})
			}
		}
	}
	return nil
}

// figuresBegin is what to do where nothing was counted yet.
func figuresBegin(p *page.Page, by access.Account) (list []figurePreset) {
	for _, step := range []struct {
		path, key string
		may       bool
	}{
		{"/admin/people", "figures.begin.people", access.Can(by, access.ManageAccounts, access.Scope{})},
		{"/console/", "figures.begin.session", access.May(by, access.IssueKey)},
		{"/desk/new", "figures.begin.ticket", access.May(by, access.WorkTickets)},
		{"/request", "figures.begin.request", true},
	} {
		if step.may {
			list = append(list, figurePreset{Path: step.path, Name: p.T(step.key)})
		}
	}
	return list
}

// figureNames are the categories' names in the page's language.
func (ps *Pages) figureNames(r *http.Request, p *page.Page) (map[string]string, error) {
	matrix, _, err := ps.desk.Matrix(r.Context())
	if err != nil {
		return nil, err
	}
	names := map[string]string{"": p.T("figures.category.none")}
	for _, c := range matrix.Categories {
		names[c.ID] = c.Name(p.Tag)
	}
	return names, nil
}

// date is a day as people of the page's language write it.
func date(p *page.Page, d desk.Date) string {
	return page.Day(p, time.Date(d.Year, d.Month, d.Day, 12, 0, 0, 0, time.UTC))
}
