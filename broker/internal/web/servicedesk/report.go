package servicedesk

import (
	"encoding/csv"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
	"consento/broker/internal/web/page"
)

// reportPage is the data of the template "desk-report".
type reportPage struct {
	Account access.Account
	Fields  []page.Field
	Quick   []page.Duty // ranges that are often asked for; Text is in words
	Range   string
	Caption string
	Head    []string
	Rows    [][]string // the first cell of each is its head
	Total   []string
	Average string // how the average stands against its target
	Kept    bool   // it is within
	Counted string // by what it is counted
	Pauses  [][]string
	Few     string // why there is nothing
	CSV     string // address, "" to who may not export
}

// reportRange reads the days of a report: this month where none are given.
func reportRange(q url.Values, today time.Time) (first, last desk.Date, err error) {
	y, m, day := today.Date()
	first, last = desk.Date{Year: y, Month: m, Day: 1}, desk.Date{Year: y, Month: m, Day: day}
	if s := q.Get("from"); s != "" {
		if first, err = desk.ParseDate(s); err != nil {
			return first, last, &access.Invalid{Field: "from", Code: "malformed", Reason: "is no date"}
		}
	}
	if s := q.Get("to"); s != "" {
		if last, err = desk.ParseDate(s); err != nil {
			return first, last, &access.Invalid{Field: "to", Code: "malformed", Reason: "is no date"}
		}
	}
	return first, last, nil
}

// reportAsked is what an address asks for; who sees one team's figures gets that one's.
func (ps *Pages) reportAsked(r *http.Request, by access.Account) (desk.Asked, error) {
	hours, _, err := ps.desk.Hours(r.Context())
	if err != nil {
		return desk.Asked{}, err
	}
	zone := hours.Calendar.Zone
	if zone == nil {
		zone = time.UTC
	}
	q := r.URL.Query()
	a := desk.Asked{Team: page.Limited(q.Get("team"), 100), Category: page.Limited(q.Get("category"), 64), By: desk.Grouping(page.Limited(q.Get("by"), 10))}
	if a.By == "" {
		a.By = desk.ByCategory
	}
	if !access.Can(by, access.SeeFigures, access.Scope{}) {
		a.Team = by.Team
	}
	if n, err := strconv.Atoi(q.Get("priority")); err == nil && slices.Contains(desk.Priorities(), desk.Priority(n)) {
		a.Priority = desk.Priority(n)
	}
	if a.First, a.Last, err = reportRange(q, time.Now().In(zone)); err != nil || ps.figures == nil {
		return a, err
	}
	told, err := ps.figures.Setting(r.Context())
	a.Told = told.ByPerson && !time.Date(a.First.Year, a.First.Month, a.First.Day, 0, 0, 0, 0, zone).Before(told.Since)
	return a, err
}

// reportMade is the report with its words.
func (ps *Pages) reportMade(r *http.Request, p *page.Page, by access.Account) (desk.Report, reportPage, error) {
	data := reportPage{Account: by}
	a, problem := ps.reportAsked(r, by)
	if problem != nil && !errors.Is(problem, access.ErrInvalid) {
		return desk.Report{}, data, problem
	}
	var rep desk.Report
	if problem == nil {
		rep, problem = ps.desk.Report(r.Context(), by, a)
	}
	m, _, err := ps.desk.Matrix(r.Context())
	if err != nil {
		return rep, data, err
	}
	if err := ps.reportFields(r, p, by, a, m, &data); err != nil {
		return rep, data, err
	}
	switch {
	case errors.Is(problem, desk.ErrTooMany):
		p.Error = p.T("levels.error.too_many")
		return rep, data, problem
	case errors.Is(problem, desk.ErrFew):
		p.Error = p.T("figures.small.title")
		data.Few = p.T("figures.small.body")
		return rep, data, problem
	case errors.Is(problem, access.ErrInvalid):
		f := page.Form{Sections: []page.Section{{Fields: data.Fields}}}
		f.Refused(p, problem, whyNot(p, problem))
		return rep, data, problem
	case problem != nil:
		return rep, data, problem
	}
	ps.reportWords(p, m, rep, &data)
	return rep, data, nil
}

func (ps *Pages) reportFields(r *http.Request, p *page.Page, by access.Account, a desk.Asked, m desk.Matrix, data *reportPage) error {
	pick := func(name, now string, options ...page.Option) page.Field {
		f := page.TextField(p, "report."+name, name, now, 100)
		for i := range options {
			options[i].Chosen = options[i].Value == now
		}
		f.Options = options
		return f
	}
	q := r.URL.Query()
	from, to := page.TextField(p, "report.from", "from", a.First.String(), 10), page.TextField(p, "report.to", "to", a.Last.String(), 10)
	if s := page.Limited(q.Get("from"), 20); s != "" {
		from.Value = s
	}
	if s := page.Limited(q.Get("to"), 20); s != "" {
		to.Value = s
	}
	from.Type, to.Type = "date", "date"
	all := page.Option{Value: "", Label: p.T("levels.report.all")}
	teams, categories, priorities := []page.Option{all}, []page.Option{all}, []page.Option{all}
	for _, c := range m.Categories {
		categories = append(categories, page.Option{Value: c.ID, Label: c.Name(p.Tag)})
	}
	for _, o := range desk.Priorities() {
		n := strconv.Itoa(int(o))
		priorities = append(priorities, page.Option{Value: n, Label: p.T("desk.priority." + n)})
	}
	var groupings []page.Option
	for _, g := range desk.Groupings() {
		groupings = append(groupings, page.Option{Value: string(g), Label: p.T("levels.report.by." + string(g))})
	}
	priority := ""
	if a.Priority != 0 {
		priority = strconv.Itoa(int(a.Priority))
	}
	data.Fields = []page.Field{from, to}
	if access.Can(by, access.SeeFigures, access.Scope{}) {
		list, err := ps.staff.Teams(r.Context())
		if err != nil {
			return err
		}
		for _, t := range list {
			teams = append(teams, page.Option{Value: t.Name, Label: t.Name})
		}
		data.Fields = append(data.Fields, pick("team", a.Team, teams...))
	}
	data.Fields = append(data.Fields, pick("category", a.Category, categories...), pick("priority", priority, priorities...), pick("by", string(a.By), groupings...))
	last := time.Date(a.Last.Year, a.Last.Month, a.Last.Day, 0, 0, 0, 0, time.UTC)
	today := time.Now().UTC()
	month := time.Date(today.Year(), today.Month(), 1, 0, 0, 0, 0, time.UTC)
	for _, quick := range []struct {
		key         string
		first, last time.Time
	}{{"month", month, today}, {"last_month", month.AddDate(0, -1, 0), month.AddDate(0, 0, -1)}, {"week", today.AddDate(0, 0, -6), today}, {"year", today.AddDate(-1, 0, 1), today}} {
		to := url.Values{"from": {quick.first.Format(time.DateOnly)}, "to": {quick.last.Format(time.DateOnly)}, "by": {string(a.By)}, "team": {a.Team}, "category": {a.Category}, "priority": {priority}}
		data.Quick = append(data.Quick, page.Duty{Path: "/desk/report?" + to.Encode(), Text: p.T("levels.report.quick." + quick.key)})
	}
	data.Range = page.Day(p, time.Date(a.First.Year, a.First.Month, a.First.Day, 0, 0, 0, 0, time.UTC)) + " – " + page.Day(p, last)
	if a.Team != "" {
		data.Range += " · " + page.Isolate(page.Plain(a.Team))
	}
	if access.Can(by, access.Export, access.Scope{Team: a.Team}) {
		to := url.Values{"from": {from.Value}, "to": {to.Value}, "by": {string(a.By)}, "team": {a.Team}, "category": {a.Category}, "priority": {priority}}
		data.CSV = "/desk/report.csv?" + to.Encode()
	}
	return nil
}

// reportWords puts the figures into tables.
func (ps *Pages) reportWords(p *page.Page, m desk.Matrix, rep desk.Report, data *reportPage) {
	data.Counted = p.T("levels.report.counted")
	data.Caption = p.T("levels.report.caption", "by", p.T("levels.report.by."+string(rep.By)))
	for _, key := range []string{"count", "answered", "answered.mean", "resolved", "resolved.mean", "open", "late"} {
		data.Head = append(data.Head, p.T("levels.report."+key))
	}
	data.Head = append([]string{p.T("levels.report.by." + string(rep.By))}, data.Head...)
	line := func(name string, f desk.Figures) []string {
		return []string{name, strconv.Itoa(f.Count), within(p, f.Response), mean(p, f.Response), within(p, f.Resolution), mean(p, f.Resolution), strconv.Itoa(f.Open), strconv.Itoa(f.Late)}
	}
	for _, f := range rep.Rows {
		data.Rows = append(data.Rows, line(reportKey(p, m, rep.By, f), f))
	}
	data.Total = line(p.T("levels.report.total"), rep.Total)
	if s := rep.Total.Resolution; s.Count > 0 {
		data.Kept = s.Mean <= rep.Hours.Average
		key := "levels.report.average.missed"
		if data.Kept {
			key = "levels.report.average.kept"
		}
		data.Average = p.T(key, "mean", page.Span(p, s.Mean), "target", page.Span(p, rep.Hours.Average))
	}
	for _, reason := range desk.PauseReasons() {
		if sum, there := rep.Total.Paused[reason]; there {
			data.Pauses = append(data.Pauses, []string{pauseWords(p, reason), strconv.Itoa(sum.Count), page.Span(p, sum.Time)})
		}
	}
}

func pauseWords(p *page.Page, reason desk.PauseReason) string {
	if reason == desk.PauseResolved {
		return p.T("levels.report.pause.resolved")
	}
	return p.T("desk.waiting." + string(reason))
}

func reportKey(p *page.Page, m desk.Matrix, by desk.Grouping, f desk.Figures) string {
	key := f.Key
	switch {
	case len(f.Teams) > 0:
		return strings.Join(f.Teams, " + ")
	case by == desk.ByCategory && key == "", by == desk.ByPriority && key == "0":
		return p.T("levels.report.none_yet")
	case by == desk.ByCategory:
		c, _ := m.Find(key)
		return c.Name(p.Tag)
	case by == desk.ByPriority:
		return p.T("desk.priority." + key)
	}
	return key
}

// within says how many were in time, of how many, and what share that is.
func within(p *page.Page, s desk.Summary) string {
	if s.Count == 0 {
		return "–"
	}
	return p.T("levels.report.within", "kept", strconv.Itoa(s.Kept), "count", strconv.Itoa(s.Count), "percent", strconv.Itoa(s.Kept*100/s.Count))
}

func mean(p *page.Page, s desk.Summary) string {
	if s.Count == 0 {
		return "–"
	}
	return page.Span(p, s.Mean)
}

func (ps *Pages) showReport(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	p := ps.NewPage(r, "levels.report.title")
	status := http.StatusOK
	_, data, err := ps.reportMade(r, p, by)
	if err != nil {
		if p.Error == "" {
			return err
		}
		status = http.StatusUnprocessableEntity
	}
	p.Data = data
	return ps.Show(rw, status, "desk-report", p)
}

// noFormula keeps a spreadsheet from taking what people wrote for a formula.
func noFormula(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// giveReport is the report as a file (RFC 4180), times in minutes.
func (ps *Pages) giveReport(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	if !access.May(by, access.SeeFigures) { // to export is not to see
		return ps.Forbid(rw, r, by, true, []access.Action{access.SeeFigures})
	}
	p := ps.NewPage(r, "levels.report.title")
	rep, _, err := ps.reportMade(r, p, by)
	if err != nil {
		if p.Error != "" {
			return page.ErrForm
		}
		return err
	}
	m, _, err := ps.desk.Matrix(r.Context())
	if err != nil {
		return err
	}
	minutes := func(d time.Duration) string { return strconv.Itoa(int(d / time.Minute)) }
	head := []string{string(rep.By), "tickets", "answered", "answered_within", "answer_mean_minutes", "answer_median_minutes", "resolved", "resolved_within", "resolution_mean_minutes",
		"resolution_median_minutes", "open", "overdue"}
	for _, reason := range desk.PauseReasons() {
		head = append(head, "paused_"+string(reason)+"_minutes")
	}
	rows := append(slices.Clone(rep.Rows), rep.Total)
	return ps.giveTable(rw, r, by, table{What: "report", Name: "report-" + rep.First.String() + "-" + rep.Last.String() + ".csv", Head: head, Rows: len(rows),
		Filters: []string{"from", "to", "team", "category", "priority", "by"}, Write: func(out *csv.Writer) error {
			for i, f := range rows {
				name := p.T("levels.report.total")
				if i < len(rep.Rows) {
					name = reportKey(p, m, rep.By, f)
				}
				line := []string{noFormula(name), strconv.Itoa(f.Count), strconv.Itoa(f.Response.Count), strconv.Itoa(f.Response.Kept), minutes(f.Response.Mean), minutes(f.Response.Median),
					strconv.Itoa(f.Resolution.Count), strconv.Itoa(f.Resolution.Kept), minutes(f.Resolution.Mean), minutes(f.Resolution.Median), strconv.Itoa(f.Open), strconv.Itoa(f.Late)}
				for _, reason := range desk.PauseReasons() {
					line = append(line, minutes(f.Paused[reason].Time))
				}
				_ = out.Write(line) // giveTable looks at errors
			}
			return nil
		}})
}

// reportRoutes are the reports of service levels.
func (ps *Pages) reportRoutes() []page.Route {
	return []page.Route{
		page.At("/desk/report", ps.May(ps.showReport, access.SeeFigures)),
		page.At("/desk/report.csv", ps.May(ps.giveReport, access.Export)),
	}
}
