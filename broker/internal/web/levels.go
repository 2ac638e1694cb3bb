package web

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
)

// levelRoutes are the pages of what the office decides about its desk: categories and
// escalation matrix, service hours, targets, and their versions.
func (w *Web) levelRoutes() []Route {
	may := func(do staffAction) ruled { return w.may(do, access.ManageDesk) }
	return []Route{
		at("/admin/desk", may(w.showMatrix)),
		at("/admin/desk/{$}", anyone(redirectTo("/admin/desk"))),
		at("/admin/desk/matrix/{category}", may(w.showCategory), may(w.changeCategory)),
		at("/admin/desk/matrix/{category}/{level}", may(w.showCell), may(w.changeCell)),
		at("/admin/desk/hours", may(w.showHours), may(w.changeHours)),
		at("/admin/desk/holidays", anyone(redirectTo("/admin/desk/hours")), may(w.changeHolidays)),
		at("/admin/desk/targets", may(w.showTargets), may(w.changeTargets)),
		at("/admin/desk/versions/{what}", may(w.showDeskVersions)),
		at("/admin/desk/versions/{what}/{number}", may(w.compareDeskVersion), may(w.restoreDeskVersion)),
	}
}

// levelsPage is the data of every page of the desk's decisions, in adminPage.Data; Page is
// what its own template needs.
type levelsPage struct {
	Nav  []adminTab
	Page any
}

// levels shows a page of the desk's decisions.
func (w *Web) levels(rw http.ResponseWriter, r *http.Request, by access.Account, status int, template string, p *page, data any) error {
	l := levelsPage{Page: data}
	for _, n := range []struct{ path, key string }{{"/admin/desk", "matrix"}, {"/admin/desk/hours", "hours"}, {"/admin/desk/targets", "targets"},
		{"/admin/desk/versions/matrix", "versions.matrix"}, {"/admin/desk/versions/hours", "versions.hours"}} {
		current := r.URL.Path == n.path || n.key != "matrix" && strings.HasPrefix(r.URL.Path, n.path+"/") || n.key == "matrix" && strings.HasPrefix(r.URL.Path, "/admin/desk/matrix/")
		l.Nav = append(l.Nav, adminTab{n.path, p.T("levels." + n.key + ".title"), current})
	}
	return w.admin(rw, r, by, status, template, p, l)
}

// levelField is a field with what somebody else saved in it meanwhile.
type levelField struct {
	input
	Lines   int
	Options []option
	Tick    bool // a box to tick: Value is "on" or ""
	Theirs  *string
	ListID  string // of suggestions

	TheirsWord string
}

// levelForm is a form of fields in sections.
type levelForm struct {
	Path, Base string
	Theirs     string // whose version stands now, "" if nobody was faster
	Sections   []levelSection
}

type levelSection struct {
	Title, Tag string // Tag: BCP 47 of what is typed, "" the page's
	Folded     bool
	Fields     []levelField
}

func textField(p *page, key, name, value string, most int) levelField {
	f := levelField{input: input{Name: name, Label: p.T("levels." + key), Type: "text", Value: value, Max: most, ErrorWord: p.T("page.error")}, TheirsWord: p.T("levels.theirs.field")}
	if hint := "levels." + key + ".hint"; p.Has(hint) {
		f.Hint = p.T(hint)
	}
	return f
}

// eachField goes over the fields of a form.
func (f *levelForm) eachField(do func(*levelField)) {
	for i := range f.Sections {
		for j := range f.Sections[i].Fields {
			do(&f.Sections[i].Fields[j])
		}
	}
}

// typed fills in what somebody typed, and shows beside it what stands now, where another
// was faster.
func (f *levelForm) typed(values url.Values, conflict bool) {
	f.eachField(func(field *levelField) {
		now := field.Value
		if field.Options != nil {
			for i, o := range field.Options {
				if o.Chosen {
					now = o.Label
				}
				field.Options[i].Chosen = o.Value == values.Get(field.Name)
			}
		}
		field.Value = values.Get(field.Name)
		if !conflict {
			return
		}
		mine := field.Value
		for _, o := range field.Options {
			if o.Chosen {
				mine = o.Label
			}
		}
		if strings.TrimSpace(strings.ReplaceAll(mine, "\r\n", "\n")) != strings.TrimSpace(now) {
			field.Theirs = &now
		}
	})
}

// refused marks what is wrong with a form, and says it on top.
func (f *levelForm) refused(p *page, err error) {
	field, said := "", ""
	var wrong *access.Invalid
	switch {
	case errors.As(err, &wrong):
		field = wrong.Field
		name, _, _ := strings.Cut(wrong.Field, "-") // one of many of its kind
		for _, key := range []string{"levels.error." + name + "." + wrong.Code, "levels.error." + name} {
			if p.Has(key) {
				said = p.T(key)
				break
			}
		}
	case errors.Is(err, desk.ErrNeverOpen):
		said = p.T("levels.error.never_open")
	case errors.Is(err, desk.ErrStale):
		said = p.T("levels.error.stale")
	}
	if said == "" {
		said = p.T("admin.error.other")
	}
	p.Error = said
	f.eachField(func(o *levelField) {
		if o.Name == field {
			o.Error, p.Error = said, p.T("setup.error.some")
		}
	})
	for i := range f.Sections {
		for _, o := range f.Sections[i].Fields {
			if o.Error != "" || o.Theirs != nil {
				f.Sections[i].Folded = false
			}
		}
	}
}

// mended reports whether an error is one that people mend on the form.
func mended(err error) (status int, ok bool) {
	switch {
	case errors.Is(err, desk.ErrStale):
		return http.StatusConflict, true
	case errors.Is(err, access.ErrInvalid), errors.Is(err, desk.ErrCalendar), errors.Is(err, desk.ErrNeverOpen):
		return http.StatusUnprocessableEntity, true
	}
	return 0, false
}

// asTyped keeps what was typed where it is not accepted, with the reason, and returns who
// saved v meanwhile; "" if nobody did.
func (f *levelForm) asTyped(p *page, values url.Values, problem error, v desk.Version) (theirs string) {
	if problem == nil {
		return ""
	}
	conflict := errors.Is(problem, desk.ErrStale)
	f.typed(values, conflict)
	f.refused(p, problem)
	if conflict {
		return whose(p, v)
	}
	return ""
}

// whose says who saved a version, and when.
func whose(p *page, v desk.Version) string {
	if v.By.ID == "" {
		return p.T("levels.theirs.program", "time", minute(p, v.At))
	}
	return p.T("levels.theirs", "name", isolate(plain(v.By.Name)), "time", minute(p, v.At))
}

// baseOf is the version that a form was made of.
func baseOf(values url.Values) int64 {
	n, _ := strconv.ParseInt(values.Get("base"), 10, 64) // what is no number is no version
	return n
}

// span is a time in words.
func span(p *page, d time.Duration) string {
	h, m := strconv.Itoa(int(d/time.Hour)), strconv.Itoa(int(d%time.Hour/time.Minute))
	switch {
	case d < time.Hour:
		return p.T("levels.span.m", "m", m)
	case m == "0":
		return p.T("levels.span.h", "h", h)
	}
	return p.T("levels.span.hm", "h", h, "m", m)
}

// clockText is a time as it is typed: hours:minutes.
func clockText(d time.Duration) string {
	m := int(d / time.Minute)
	text := strconv.Itoa(m%60 + 100)
	return strconv.Itoa(m/60) + ":" + text[1:]
}

// parseClock reads hours, or hours:minutes; false if it is neither.
func parseClock(s string) (time.Duration, bool) {
	hours, minutes, both := strings.Cut(strings.NewReplacer(".", ":", "：", ":").Replace(strings.TrimSpace(s)), ":")
	h, err := strconv.ParseUint(hours, 10, 16)
	if err != nil {
		return 0, false
	}
	var m uint64
	if both {
		if m, err = strconv.ParseUint(minutes, 10, 8); err != nil || m > 59 || len(minutes) != 2 {
			return 0, false
		}
	}
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute, true
}
