package servicedesk

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
	"consento/broker/internal/web/page"
)

func (ps *Pages) showTargets(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	return ps.targetsForm(rw, r, by, http.StatusOK, nil, nil)
}

func targetName(what string, priority desk.Priority) string {
	return what + "-" + strconv.Itoa(int(priority))
}

func (ps *Pages) targetsForm(rw http.ResponseWriter, r *http.Request, by access.Account, status int, values url.Values, problem error) error {
	h, v, err := ps.desk.Hours(r.Context())
	if err != nil {
		return err
	}
	p := ps.NewPage(r, "levels.targets.title")
	data := deskFormPage{Context: p.T("levels.targets.what"), Form: page.Form{Path: "/admin/desk/targets", Base: strconv.FormatInt(v.Number, 10)}}
	for i, priority := range desk.Priorities() {
		t := h.Targets[priority]
		response := page.TextField(p, "targets.response", targetName("response", priority), clockText(t.Response), 8)
		resolution := page.TextField(p, "targets.resolution", targetName("resolution", priority), clockText(t.Resolution), 8)
		if i > 0 {
			response.Hint, resolution.Hint = "", ""
		}
		data.Sections = append(data.Sections, page.Section{Title: p.T("levels.targets.priority", "priority", p.T("desk.priority."+strconv.Itoa(int(priority)))), Fields: []page.Field{response, resolution}})
	}
	number := func(key, name string, n int) page.Field {
		f := page.TextField(p, key, name, strconv.Itoa(n), 4)
		f.Type = "number"
		return f
	}
	data.Sections = append(data.Sections,
		page.Section{Title: p.T("levels.targets.average.title"), Fields: []page.Field{page.TextField(p, "targets.average", "average", clockText(h.Average), 8), number("targets.warn", "warn", h.Warn())}},
		page.Section{Title: p.T("levels.targets.breach.title"), Fields: []page.Field{number("targets.first", "first", int(h.Breach.First/time.Hour)), number("targets.last", "last", int(h.Breach.Last/time.Hour)),
			number("targets.hold", "hold", int(h.Breach.Hold/(24*time.Hour)))}},
		page.Section{Title: p.T("levels.targets.keep.title"), Fields: []page.Field{number("targets.keep", "keep", h.Keep)}})
	data.Theirs = asTyped(&data.Form, p, values, problem, v)
	return ps.levels(rw, r, by, status, "levels-targets", p, data)
}

func (ps *Pages) changeTargets(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	h, problem := targetsFrom(values)
	if problem == nil {
		_, problem = ps.desk.SetTargets(r.Context(), by, baseOf(values), h)
	}
	if status, ok := mended(problem); ok {
		return ps.targetsForm(rw, r, by, status, values, problem)
	}
	if problem != nil {
		return problem
	}
	http.Redirect(rw, r, "/admin/desk/targets?saved=levels", http.StatusSeeOther)
	return nil
}

// targetsFrom reads the form, and names the first field that is wrong.
func targetsFrom(values url.Values) (h desk.ServiceHours, err error) {
	wrong := func(field string) error {
		return &access.Invalid{Field: field, Code: "range", Reason: "is out of range"}
	}
	number := func(name string) int {
		n, err := strconv.Atoi(strings.TrimSpace(values.Get(name)))
		if err != nil || n < 1 || n > 1000 {
			return 0
		}
		return n
	}
	warn := number("warn")
	if warn < 1 || warn > 99 {
		return h, wrong("warn")
	}
	h.Targets = map[desk.Priority]desk.Target{}
	for _, priority := range desk.Priorities() {
		response, ok := parseClock(values.Get(targetName("response", priority)))
		if !ok || response < time.Minute {
			return h, wrong(targetName("response", priority))
		}
		resolution, ok := parseClock(values.Get(targetName("resolution", priority)))
		if !ok || resolution < response || resolution > 366*24*time.Hour {
			return h, wrong(targetName("resolution", priority))
		}
		h.Targets[priority] = desk.Target{Response: response, Resolution: resolution, Warn: warn}
	}
	var ok bool
	if h.Average, ok = parseClock(values.Get("average")); !ok || h.Average < time.Minute {
		return h, wrong("average")
	}
	h.Keep = number("keep")
	h.Breach = desk.BreachClock{First: time.Duration(number("first")) * time.Hour, Last: time.Duration(number("last")) * time.Hour, Hold: time.Duration(number("hold")) * 24 * time.Hour}
	return h, nil
}
