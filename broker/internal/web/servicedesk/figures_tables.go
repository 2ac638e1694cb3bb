package servicedesk

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"consento/broker/internal/desk"
	"consento/broker/internal/figures"
	"consento/broker/internal/web/page"
)

// figureTable is a table of figures, some of which are drawn beside their number. Its ID
// names its file.
type figureTable struct {
	ID, Title, Hint string
	Head            []string // of the cells; the first of all is of the rows' names
	First           string
	Rows            []figureRow
	Hours           bool // a cell for each hour
	CSV             string
}

type figureRow struct {
	Name  string
	Cells []figureCell
}

// figureCell is a figure for people, for a file, and as a drawing: in thousandths of the
// largest; -1: not drawn.
type figureCell struct {
	Text, Raw string
	Bar       int
	Spread    *spreadBar
	Dot       int // radius in tenths of the largest
}

// spreadBar draws times in thousandths of the longest: half of them, nine in ten, and
// the target; -1: there is none.
type spreadBar struct{ Median, P90, Target int }

// dayChart is a chart of columns, its labels beside the drawing.
type dayChart struct {
	Name, Most, First, Last string
	Text                    string // what it shows, in a sentence
	Width                   int
	Columns                 []chartColumn
}

type chartColumn struct{ X, Y, Height int }

func plainCell(n int) figureCell {
	s := strconv.Itoa(n)
	return figureCell{Text: s, Raw: s, Bar: -1}
}

func barCell(n, most int) figureCell {
	c := plainCell(n)
	c.Bar = 1000 * n / max(most, 1)
	return c
}

// spentCell is a time: in words, and in minutes for files.
func spentCell(p *page.Page, d time.Duration, is bool) figureCell {
	if !is {
		return figureCell{Text: "\u2013", Bar: -1}
	}
	return figureCell{Text: spent(p, d), Raw: strconv.FormatFloat(d.Minutes(), 'f', 1, 64), Bar: -1}
}

func shareCell(p *page.Page, m figures.Measure) figureCell {
	percent, is := m.Share()
	if !is {
		return figureCell{Text: "\u2013", Bar: -1}
	}
	return figureCell{Text: p.T("figures.percent", "n", strconv.Itoa(percent)), Raw: strconv.Itoa(percent), Bar: -1}
}

func ratingCell(p *page.Page, c figures.Count) figureCell {
	mean, is := c.Rating()
	if !is {
		return figureCell{Text: "\u2013", Bar: -1}
	}
	n := strconv.FormatFloat(mean, 'f', 1, 64)
	return figureCell{Text: decimal(p, n), Raw: n, Bar: -1}
}

// decimal writes a number as the page's language does.
func decimal(p *page.Page, n string) string {
	return strings.ReplaceAll(n, ".", p.T("figures.decimal"))
}

// spent says how long something took.
func spent(p *page.Page, d time.Duration) string {
	switch {
	case d < time.Minute:
		return p.T("figures.time.s", "s", strconv.Itoa(int(d.Seconds())))
	case d < time.Hour:
		return p.T("figures.time.m", "m", strconv.Itoa(int(d.Minutes())))
	}
	return p.T("figures.time.h", "h", strconv.Itoa(int(d.Hours())), "m", fmt.Sprintf("%02d", int(d.Minutes())%60))
}

func figureTiles(p *page.Page, r *figures.Report) (tiles []figureTile) {
	add := func(key, now, before string) {
		tiles = append(tiles, figureTile{p.T("figures.tile." + key), now, p.T("figures.before", "n", before)})
	}
	w, e := r.Whole, r.Earlier
	add("sessions", strconv.Itoa(w.Sessions), strconv.Itoa(e.Sessions))
	add("opened", strconv.Itoa(w.Opened), strconv.Itoa(e.Opened))
	add("resolved", strconv.Itoa(w.Resolved), strconv.Itoa(e.Resolved))
	tiles = append(tiles, figureTile{p.T("figures.tile.open"), strconv.Itoa(w.Open), p.T("figures.overdue", "n", strconv.Itoa(w.Overdue))})
	add("response", spentCell(p, w.Response.Median, w.Response.Count > 0).Text, spentCell(p, e.Response.Median, e.Response.Count > 0).Text)
	add("resolution", spentCell(p, w.Resolution.Median, w.Resolution.Count > 0).Text, spentCell(p, e.Resolution.Median, e.Resolution.Count > 0).Text)
	add("kept", shareCell(p, w.Resolution).Text, shareCell(p, e.Resolution).Text)
	add("rating", ratingCell(p, w).Text, ratingCell(p, e).Text)
	return tiles
}

// bucket is one column of the charts by day: a day, a week from Monday on, or a month.
type bucket struct {
	label                      string
	sessions, opened, resolved int
}

func buckets(p *page.Page, r *figures.Report) (list []bucket, key string) {
	key = "day"
	switch n := len(r.Days); {
	case n > 400:
		key = "month"
	case n > 62:
		key = "week"
	}
	for i, d := range r.Days {
		at := time.Date(d.Year, d.Month, d.Date.Day, 12, 0, 0, 0, time.UTC)
		if i == 0 || key == "day" || key == "week" && at.Weekday() == time.Monday || key == "month" && d.Date.Day == 1 {
			list = append(list, bucket{label: date(p, d.Date)})
		}
		b := &list[len(list)-1]
		b.sessions, b.opened, b.resolved = b.sessions+d.Sessions, b.opened+d.Opened, b.resolved+d.Resolved
	}
	return list, key
}

func dayCharts(p *page.Page, r *figures.Report) (charts []dayChart) {
	list, key := buckets(p, r)
	for _, c := range []struct {
		key string
		of  func(bucket) int
	}{
		{"sessions", func(b bucket) int { return b.sessions }}, {"opened", func(b bucket) int { return b.opened }}, {"resolved", func(b bucket) int { return b.resolved }},
	} {
		most, sum, at := 0, 0, ""
		for _, b := range list {
			n := c.of(b)
			if sum += n; n > most {
				most, at = n, b.label
			}
		}
		chart := dayChart{Name: p.T("figures.tile." + c.key), Most: strconv.Itoa(most), First: list[0].label, Last: list[len(list)-1].label, Width: 10 * len(list)}
		chart.Text = p.T("figures.chart.none", "name", chart.Name)
		if most > 0 {
			chart.Text = p.T("figures.chart."+key, "name", chart.Name, "sum", strconv.Itoa(sum), "most", strconv.Itoa(most), "when", at)
		}
		for i, b := range list {
			if n := c.of(b); n > 0 {
				height := max(2, 100*n/most)
				chart.Columns = append(chart.Columns, chartColumn{10*i + 1, 100 - height, height})
			}
		}
		charts = append(charts, chart)
	}
	return charts
}

// figureTables are all tables, the one by day first.
func figureTables(p *page.Page, r *figures.Report, categories map[string]string) []figureTable {
	list, key := buckets(p, r)
	days := figureTable{ID: "days", Title: p.T("figures.by." + key), First: p.T("figures.first." + key), Head: heads(p, "sessions", "opened", "resolved")}
	for _, b := range list {
		days.Rows = append(days.Rows, figureRow{b.label, []figureCell{plainCell(b.sessions), plainCell(b.opened), plainCell(b.resolved)}})
	}
	tables := []figureTable{days, timesTable(p, r)}
	teamName := func(name string, of []string) string {
		if len(of) > 0 {
			return p.T("figures.together", "teams", page.Isolate(page.Plain(strings.Join(of, ", "))))
		}
		return page.Plain(name)
	}
	tables = append(tables,
		groupTable(p, "teams", r.ByTeam, func(g *figures.Group) string { return teamName(g.Name, g.Of) }),
		groupTable(p, "categories", r.ByCategory, func(g *figures.Group) string {
			if name := categories[g.Name]; name != "" {
				return page.Plain(name)
			}
			return page.Plain(g.Name)
		}),
		ratingTable(p, r),
		loadTable(p, r))
	byTeam := figureTable{ID: "hours", Title: p.T("figures.by.hours"), First: p.T("desk.team"), Head: hourHeads(), Hours: true}
	most := 1
	for _, l := range r.LoadByTeam {
		for _, n := range l.Hours {
			most = max(most, n)
		}
	}
	for _, l := range r.LoadByTeam {
		byTeam.Rows = append(byTeam.Rows, hourRow(teamName(l.Name, l.Of), l.Hours, most))
	}
	tables = append(tables, byTeam)
	for _, s := range r.Surveys {
		if len(s.Of) > 0 {
			tables = append(tables, surveyTable(p, s))
		}
	}
	if r.ByPerson != nil {
		t := groupTable(p, "persons", r.ByPerson, func(g *figures.Group) string { return page.Plain(g.Name) })
		t.Hint = p.T("figures.by.persons.hint", "when", page.Day(p, r.Setting.Since.In(r.Zone)))
		tables = append(tables, t)
	}
	return tables
}

func heads(p *page.Page, keys ...string) (list []string) {
	for _, key := range keys {
		list = append(list, p.T("figures.head."+key))
	}
	return list
}

// groupTable has a row for each group.
func groupTable(p *page.Page, id string, groups []*figures.Group, name func(*figures.Group) string) figureTable {
	t := figureTable{ID: id, Title: p.T("figures.by." + id), First: p.T("figures.first." + id),
		Head: heads(p, "sessions", "opened", "resolved", "open", "overdue", "response", "response_kept", "resolution", "resolution_kept", "rating")}
	if hint := "figures.by." + id + ".hint"; p.Has(hint) && id != "persons" {
		t.Hint = p.T(hint)
	}
	sessions, opened := 0, 0
	for _, g := range groups {
		sessions, opened = max(sessions, g.Sessions), max(opened, g.Opened)
	}
	for _, g := range groups {
		t.Rows = append(t.Rows, figureRow{name(g), []figureCell{barCell(g.Sessions, sessions), barCell(g.Opened, opened), plainCell(g.Resolved), plainCell(g.Open), plainCell(g.Overdue),
			spentCell(p, g.Response.Median, g.Response.Count > 0), shareCell(p, g.Response), spentCell(p, g.Resolution.Median, g.Resolution.Count > 0), shareCell(p, g.Resolution), ratingCell(p, g.Count)}})
	}
	return t
}

// timesTable has a row for each kind of waiting, and each priority's against its target.
func timesTable(p *page.Page, r *figures.Report) figureTable {
	t := figureTable{ID: "times", Title: p.T("figures.by.times"), Hint: p.T("figures.by.times.hint"), First: p.T("figures.first.times"), Head: heads(p, "count", "median", "p90", "mean", "target", "kept")}
	row := func(name string, m figures.Measure, target time.Duration) {
		longest := max(m.P90, m.Median, target, 1)
		cell := spentCell(p, m.Median, m.Count > 0)
		if m.Count > 0 {
			part := func(d time.Duration) int { return int(1000 * d / longest) }
			cell.Spread = &spreadBar{part(m.Median), part(m.P90), -1}
			if target > 0 {
				cell.Spread.Target = min(part(target), 990)
			}
		}
		t.Rows = append(t.Rows, figureRow{name, []figureCell{plainCell(m.Count), cell, spentCell(p, m.P90, m.Count > 0), spentCell(p, m.Mean, m.Count > 0),
			spentCell(p, target, target > 0), shareCell(p, m)}})
	}
	row(p.T("figures.time.begin"), r.Whole.Begin, 0)
	row(p.T("figures.time.length"), r.Whole.Length, 0)
	row(p.T("figures.time.waiting"), r.Whole.Waiting, 0)
	for _, kind := range []struct {
		key    string
		of     func(figures.Count) figures.Measure
		target func(desk.Target) time.Duration
	}{
		{"response", func(c figures.Count) figures.Measure { return c.Response }, func(t desk.Target) time.Duration { return t.Response }},
		{"resolution", func(c figures.Count) figures.Measure { return c.Resolution }, func(t desk.Target) time.Duration { return t.Resolution }},
	} {
		row(p.T("figures.time."+kind.key), kind.of(r.Whole), 0)
		for _, g := range r.ByPriority {
			n, _ := strconv.Atoi(g.Name)
			if priority := desk.Priority(n); priority > 0 && kind.of(g.Count).Count > 0 {
				row(p.T("figures.time.of", "what", p.T("figures.time."+kind.key), "priority", p.T("desk.priority."+g.Name)), kind.of(g.Count), kind.target(r.Hours.Targets[priority]))
			}
		}
	}
	return t
}

func ratingTable(p *page.Page, r *figures.Report) figureTable {
	t := figureTable{ID: "ratings", Title: p.T("figures.by.ratings"), First: p.T("figures.first.ratings"), Head: heads(p, "sessions")}
	rated, over := r.Whole.Rated(), r.Whole.Rated()+r.Whole.Stars[0]
	t.Hint = p.T("figures.by.ratings.hint", "rated", strconv.Itoa(rated), "over", strconv.Itoa(over))
	most := 0
	for _, n := range r.Whole.Stars[1:] {
		most = max(most, n)
	}
	for stars := 5; stars > 0; stars-- {
		t.Rows = append(t.Rows, figureRow{p.T("portal.rate." + strconv.Itoa(stars)), []figureCell{barCell(r.Whole.Stars[stars], most)}})
	}
	return t
}

// surveyTable has a row for each answer that could be given, and for the newest words.
func surveyTable(p *page.Page, s figures.Result) figureTable {
	id := "survey-" + string(s.Respondent)
	t := figureTable{ID: id, Title: p.T("survey.of." + string(s.Respondent)), First: p.T("survey.question"), Head: []string{p.T("survey.answer"), p.T("figures.head.count")}}
	t.Hint = p.T("survey.given", "given", strconv.Itoa(s.Given), "asked", strconv.Itoa(s.Asked), "percent", strconv.Itoa(100*s.Given/max(s.Asked, 1)))
	said := func(text string) figureCell { return figureCell{Text: text, Raw: text, Bar: -1} }
	for _, q := range s.Of {
		name := questionText(p, q.Question)
		if mean, is := q.Mean(); is {
			n := strconv.FormatFloat(mean, 'f', 1, 64)
			t.Rows = append(t.Rows, figureRow{name, []figureCell{said(p.T("figures.head.mean")), {Text: decimal(p, n), Raw: n, Bar: -1}}})
		}
		labels := choicesOf(p, q.Question)
		for n, count := range q.Chosen {
			if n < len(labels) {
				t.Rows = append(t.Rows, figureRow{name, []figureCell{said(labels[n]), barCell(count, q.Given)}})
			}
		}
		if q.Kind == figures.Words {
			t.Rows = append(t.Rows, figureRow{name, []figureCell{said(p.T("survey.words")), plainCell(q.Given)}})
			for _, words := range q.Said {
				t.Rows = append(t.Rows, figureRow{name, []figureCell{said(page.Plain(words)), {Bar: -1}}})
			}
		}
	}
	return t
}

func hourHeads() (list []string) {
	for hour := range 24 {
		list = append(list, strconv.Itoa(hour))
	}
	return list
}

func hourRow(name string, hours [24]int, most int) figureRow {
	row := figureRow{Name: name}
	for _, n := range hours {
		c := plainCell(n)
		if n > 0 {
			c.Dot = 2 + 8*n/most
		}
		row.Cells = append(row.Cells, c)
	}
	return row
}

func loadTable(p *page.Page, r *figures.Report) figureTable {
	t := figureTable{ID: "load", Title: p.T("figures.by.load"), Hint: p.T("figures.by.load.hint"), First: p.T("figures.first.load"), Head: hourHeads(), Hours: true}
	most := 1
	for _, hours := range r.Load {
		for _, n := range hours {
			most = max(most, n)
		}
	}
	for day := range 7 {
		weekday := (day + 1) % 7 // from Monday
		t.Rows = append(t.Rows, hourRow(p.T("figures.weekday."+strconv.Itoa(weekday)), r.Load[weekday], most))
	}
	return t
}
