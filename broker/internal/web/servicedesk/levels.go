package servicedesk

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
	"consento/broker/internal/web/page"
)

// maxSteps is how much a form of the desk's decisions may bring, in bytes: steps in six languages.
const maxSteps = 4 * page.MaxForm

// levelRoutes are the pages of what the office decides about its desk: categories and
// escalation matrix, service hours, targets, and their versions.
func (ps *Pages) levelRoutes() []page.Route {
	may := func(do page.StaffAction) page.Ruled { return ps.May(do, access.ManageDesk) }
	return []page.Route{
		page.At("/admin/desk", may(ps.showMatrix)),
		page.At("/admin/desk/{$}", page.RedirectTo("/admin/desk")),
		page.At("/admin/desk/matrix/{category}", may(ps.showCategory), may(ps.changeCategory)).UpTo(maxSteps),
		page.At("/admin/desk/matrix/{category}/{level}", may(ps.showCell), may(ps.changeCell)).UpTo(maxSteps),
		page.At("/admin/desk/hours", may(ps.showHours), may(ps.changeHours)).UpTo(maxSteps),
		page.At("/admin/desk/holidays", page.RedirectTo("/admin/desk/hours"), may(ps.changeHolidays)).UpTo(maxSteps),
		page.At("/admin/desk/targets", may(ps.showTargets), may(ps.changeTargets)).UpTo(maxSteps),
		page.At("/admin/desk/versions/{what}", may(ps.showDeskVersions)),
		page.At("/admin/desk/versions/{what}/{number}", may(ps.compareDeskVersion), may(ps.restoreDeskVersion)).UpTo(maxSteps),
	}
}

// levelsPage is the data of every page of the desk's decisions, in what page.Ground.Admin shows; Page is
// what its own template needs.
type levelsPage struct {
	Nav  []page.Tab
	Page any
}

// levels shows a page of the desk's decisions.
func (ps *Pages) levels(rw http.ResponseWriter, r *http.Request, by access.Account, status int, template string, p *page.Page, data any) error {
	l := levelsPage{Page: data}
	for _, n := range []struct{ path, key string }{{"/admin/desk", "matrix"}, {"/admin/desk/hours", "hours"}, {"/admin/desk/targets", "targets"},
		{"/admin/desk/versions/matrix", "versions.matrix"}, {"/admin/desk/versions/hours", "versions.hours"}} {
		current := r.URL.Path == n.path || n.key != "matrix" && strings.HasPrefix(r.URL.Path, n.path+"/") || n.key == "matrix" && strings.HasPrefix(r.URL.Path, "/admin/desk/matrix/")
		l.Nav = append(l.Nav, page.Tab{Path: n.path, Name: p.T("levels." + n.key + ".title"), Current: current})
	}
	return ps.Admin(rw, r, by, status, template, p, l)
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

// whyNot says why a form is not accepted where it is about no field; "" for something else.
func whyNot(p *page.Page, err error) string {
	switch {
	case errors.Is(err, desk.ErrNeverOpen):
		return p.T("levels.error.never_open")
	case errors.Is(err, desk.ErrStale):
		return p.T("levels.error.stale")
	}
	return ""
}

// asTyped keeps what was typed where it is not accepted, with the reason, and returns who
// saved v meanwhile; "" if nobody did.
func asTyped(f *page.Form, p *page.Page, values url.Values, problem error, v desk.Version) (theirs string) {
	if problem == nil {
		return ""
	}
	conflict := errors.Is(problem, desk.ErrStale)
	f.Typed(values, conflict)
	f.Refused(p, problem, whyNot(p, problem))
	if conflict {
		return whose(p, v)
	}
	return ""
}

// whose says who saved a version, and when.
func whose(p *page.Page, v desk.Version) string {
	if v.By.ID == "" {
		return p.T("levels.theirs.program", "time", page.Minute(p, v.At))
	}
	return p.T("levels.theirs", "name", page.Isolate(page.Plain(v.By.Name)), "time", page.Minute(p, v.At))
}

// baseOf is the version that a form was made of.
func baseOf(values url.Values) int64 {
	n, _ := strconv.ParseInt(values.Get("base"), 10, 64) // what is no number is no version
	return n
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
