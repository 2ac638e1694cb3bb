package servicedesk

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
	"consento/broker/internal/web/page"
)

// deskVersionsPage is the data of the template "levels-versions".
type deskVersionsPage struct{ Versions []deskVersionLine }

type deskVersionLine struct {
	Path, Name, When, By string
	InForce              bool
}

// deskVersionPage is the data of the template "levels-version".
type deskVersionPage struct {
	Path, Base, Back, Who string
	InForce               bool
	Differences           []page.Difference
	Number                string
}

// versionsOf says of what the versions are that an address names.
func versionsOf(r *http.Request) (string, bool) {
	what := r.PathValue("what")
	return what, what == "matrix" || what == "hours"
}

func (ps *Pages) showDeskVersions(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	what, ok := versionsOf(r)
	if !ok {
		return ps.NotFound(rw, r)
	}
	list := ps.desk.MatrixVersions
	if what == "hours" {
		list = ps.desk.HoursVersions
	}
	versions, err := list(r.Context(), 200)
	if err != nil {
		return err
	}
	p := ps.NewPage(r, "levels.versions."+what+".title")
	var data deskVersionsPage
	for i, v := range versions {
		line := deskVersionLine{Path: "/admin/desk/versions/" + what + "/" + strconv.FormatInt(v.Number, 10), Name: p.T("levels.version", "n", strconv.FormatInt(v.Number, 10)),
			When: page.Minute(p, v.At), By: v.By.Name, InForce: i == 0}
		if v.By.ID == "" {
			line.By = p.T("settings.versions.program")
		}
		data.Versions = append(data.Versions, line)
	}
	return ps.levels(rw, r, by, http.StatusOK, "levels-versions", p, data)
}

func (ps *Pages) compareDeskVersion(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	return ps.deskVersion(rw, r, by, http.StatusOK, "")
}

// deskVersion shows what a version has otherwise than the one in force.
func (ps *Pages) deskVersion(rw http.ResponseWriter, r *http.Request, by access.Account, status int, problem string) error {
	what, ok := versionsOf(r)
	number, err := strconv.ParseInt(r.PathValue("number"), 10, 64)
	if !ok || err != nil {
		return ps.NotFound(rw, r)
	}
	p := ps.NewPage(r, "levels.version")
	var old, now desk.Version
	var differences []page.Difference
	if what == "matrix" {
		a, then, err := ps.desk.MatrixAt(r.Context(), number)
		if err != nil {
			return err
		}
		b, newest, err := ps.desk.Matrix(r.Context())
		if err != nil {
			return err
		}
		old, now, differences = then, newest, ps.matrixDifferences(p, b, a)
	} else {
		a, then, err := ps.desk.HoursAt(r.Context(), number)
		if err != nil {
			return err
		}
		b, newest, err := ps.desk.Hours(r.Context())
		if err != nil {
			return err
		}
		old, now, differences = then, newest, hoursDifferences(p, b, a)
	}
	if old.Number == 0 {
		return ps.NotFound(rw, r)
	}
	n := strconv.FormatInt(number, 10)
	p.Title = p.T("levels.versions."+what+".title") + ": " + p.T("levels.version", "n", n)
	if p.Tag == "fr" {
		p.Title = strings.Replace(p.Title, ": ", "\u00a0: ", 1)
	}
	if problem != "" {
		p.Error = p.T(problem)
	}
	data := deskVersionPage{Path: "/admin/desk/versions/" + what + "/" + n, Back: "/admin/desk/versions/" + what, Base: strconv.FormatInt(now.Number, 10), Who: whose(p, old),
		InForce: old.Number == now.Number, Differences: differences, Number: n}
	return ps.levels(rw, r, by, status, "levels-version", p, data)
}

func (ps *Pages) restoreDeskVersion(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	what, ok := versionsOf(r)
	number, err := strconv.ParseInt(r.PathValue("number"), 10, 64)
	if !ok || err != nil {
		return ps.NotFound(rw, r)
	}
	to := "/admin/desk"
	if what == "matrix" {
		_, err = ps.desk.RestoreMatrix(r.Context(), by, baseOf(values), number)
	} else {
		to = "/admin/desk/hours"
		_, err = ps.desk.RestoreHours(r.Context(), by, baseOf(values), number)
	}
	switch {
	case errors.Is(err, desk.ErrStale):
		return ps.deskVersion(rw, r, by, http.StatusConflict, "levels.error.restore_stale")
	case errors.Is(err, access.ErrInvalid): // a team that it names is gone
		return ps.deskVersion(rw, r, by, http.StatusUnprocessableEntity, "levels.error.restore")
	case err != nil:
		return err
	}
	http.Redirect(rw, r, to+"?saved=levels_back", http.StatusSeeOther)
	return nil
}

// matrixDifferences says what is otherwise, in each language.
func (ps *Pages) matrixDifferences(p *page.Page, before, after desk.Matrix) (list []page.Difference) {
	add := func(what, a, b string) {
		if a != b {
			list = append(list, page.Difference{What: what, Before: a, After: b})
		}
	}
	yes := func(on bool) string {
		if on {
			return p.T("levels.yes")
		}
		return p.T("levels.no")
	}
	var ids []string
	for _, c := range slices.Concat(before.Categories, after.Categories) {
		if !slices.Contains(ids, c.ID) {
			ids = append(ids, c.ID)
		}
	}
	for _, id := range ids {
		a, here := before.Find(id)
		b, there := after.Find(id)
		name := page.Isolate(page.Plain(a.Name(p.Tag)))
		switch {
		case !here:
			add(page.Isolate(page.Plain(b.Name(p.Tag))), p.T("levels.compare.missing"), p.T("levels.compare.there"))
			continue
		case !there:
			add(name, p.T("levels.compare.there"), p.T("levels.compare.missing"))
			continue
		}
		add(name+" · "+p.T("levels.category.alert"), yes(a.Alert), yes(b.Alert))
		add(name+" · "+p.T("levels.category.retired"), yes(a.Retired), yes(b.Retired))
		for _, tag := range ps.Texts.Tags() {
			language := " · " + ps.Texts.Match(tag).T("page.language")
			add(name+language+" · "+p.T("levels.category.name"), a.Words[tag].Name, b.Words[tag].Name)
			add(name+language+" · "+p.T("levels.category.about"), a.Words[tag].About, b.Words[tag].About)
		}
		for _, level := range access.Levels() {
			x, y := a.Cells[level], b.Cells[level]
			at := name + " · " + string(level)
			add(at+" · "+p.T("levels.cell.team"), x.Team, y.Team)
			add(at+" · "+p.T("levels.cell.after"), afterText(p, x), afterText(p, y))
			for _, tag := range ps.Texts.Tags() {
				language := " · " + ps.Texts.Match(tag).T("page.language")
				add(at+language+" · "+p.T("levels.cell.steps"), strings.Join(x.Words[tag].Steps, "\n"), strings.Join(y.Words[tag].Steps, "\n"))
				add(at+language+" · "+p.T("levels.cell.when"), x.Words[tag].When, y.Words[tag].When)
			}
		}
	}
	return list
}

func afterText(p *page.Page, c desk.Cell) string {
	if c.After == 0 {
		return ""
	}
	return page.Span(p, time.Duration(c.After)*time.Minute)
}

// hoursDifferences says what is otherwise.
func hoursDifferences(p *page.Page, before, after desk.ServiceHours) (list []page.Difference) {
	add := func(what, a, b string) {
		if a != b {
			list = append(list, page.Difference{What: what, Before: a, After: b})
		}
	}
	zone := func(c desk.Calendar) string {
		if c.Zone == nil {
			return "UTC"
		}
		return c.Zone.String()
	}
	add(p.T("levels.hours.zone"), zone(before.Calendar), zone(after.Calendar))
	hours := func(c desk.Calendar, day time.Weekday) string {
		switch {
		case c.Always:
			return p.T("levels.hours.around")
		case len(c.Week[day]) == 0:
			return p.T("levels.hours.closed")
		}
		return spansText(c.Week[day])
	}
	for _, day := range week {
		add(p.T("levels.day."+strconv.Itoa(int(day))), hours(before.Calendar, day), hours(after.Calendar, day))
	}
	all := func(c desk.Calendar) string {
		var lines []string
		for _, h := range holidaysOf(p, c.Holidays) {
			lines = append(lines, h.When+" "+h.Name+" ("+h.Kind+")")
		}
		return strings.Join(lines, "\n")
	}
	add(p.T("levels.holidays.title"), all(before.Calendar), all(after.Calendar))
	for _, priority := range desk.Priorities() {
		name := p.T("levels.targets.priority", "priority", p.T("desk.priority."+strconv.Itoa(int(priority))))
		add(name+" · "+p.T("levels.targets.response"), page.Span(p, before.Targets[priority].Response), page.Span(p, after.Targets[priority].Response))
		add(name+" · "+p.T("levels.targets.resolution"), page.Span(p, before.Targets[priority].Resolution), page.Span(p, after.Targets[priority].Resolution))
	}
	add(p.T("levels.targets.average"), page.Span(p, before.Average), page.Span(p, after.Average))
	add(p.T("levels.targets.warn"), strconv.Itoa(before.Warn())+" %", strconv.Itoa(after.Warn())+" %")
	add(p.T("levels.targets.first"), page.Span(p, before.Breach.First), page.Span(p, after.Breach.First))
	add(p.T("levels.targets.last"), page.Span(p, before.Breach.Last), page.Span(p, after.Breach.Last))
	add(p.T("levels.targets.keep"), p.Count("months", before.Keep), p.Count("months", after.Keep))
	add(p.T("levels.targets.hold"), p.Count("days", int(before.Breach.Hold/(24*time.Hour))), p.Count("days", int(after.Breach.Hold/(24*time.Hour))))
	return list
}
