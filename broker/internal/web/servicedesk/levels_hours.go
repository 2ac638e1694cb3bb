package servicedesk

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
	"consento/broker/internal/web/page"
)

// calendarPage is what the page of service hours shows besides its form.
type calendarPage struct {
	Zone     string
	Days     []calendarDay // the next seven
	Sum      string
	Warnings []string
	Effect   string
	Preview  bool // what is shown is not saved
	Holidays []holidayLine
	Add      page.Form
	Version  string
}

type calendarDay struct{ Day, Date, Hours, Note string }

type holidayLine struct{ When, Name, Kind, First, Last, Yearly, Remove string }

// week is the order in which the days are asked for.
var week = []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday, time.Saturday, time.Sunday}

// commonZones are suggested; any other that there is may be typed (IANA time zone database).
var commonZones = []string{"Europe/Rome", "Europe/Vienna", "Europe/Berlin", "Europe/Zurich", "Europe/Paris", "Europe/Brussels", "Europe/Madrid", "Atlantic/Canary", "Europe/Lisbon",
	"Europe/London", "Europe/Dublin", "Europe/Athens", "America/New_York", "America/Mexico_City", "America/Bogota", "America/Argentina/Buenos_Aires", "Asia/Tokyo", "UTC"}

func dayName(day time.Weekday) string { return "day-" + strconv.Itoa(int(day)) }

// spansText is opening hours as they are typed.
func spansText(list []desk.Hours) string {
	var parts []string
	for _, h := range list {
		parts = append(parts, fmt.Sprintf("%d:%02d-%d:%02d", h.From/60, h.From%60, h.To/60, h.To%60))
	}
	return strings.Join(parts, ", ")
}

// parseSpans reads spans such as 9:00-13:00, 14-18; false if that is not what it is.
func parseSpans(s string) ([]desk.Hours, bool) {
	s = strings.NewReplacer("–", "-", "—", "-", "～", "-", "〜", "-", "、", ",", ";", ",").Replace(s)
	var list []desk.Hours
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		from, to, ok := strings.Cut(part, "-")
		a, good := parseClock(from)
		b, fine := parseClock(to)
		if !ok || !good || !fine || len(list) == 24 {
			return nil, false
		}
		h := desk.Hours{From: int(a / time.Minute), To: int(b / time.Minute)}
		if h.From >= h.To || h.To > 24*60 || len(list) > 0 && h.From < list[len(list)-1].To {
			return nil, false
		}
		list = append(list, h)
	}
	return list, true
}

// zoneText is a zone as it is typed, "" that of the machine.
func zoneText(zone *time.Location) string {
	if zone == nil {
		return "UTC"
	}
	if name := zone.String(); name != "Local" {
		return name
	}
	return ""
}

func (ps *Pages) showHours(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	hours, v, err := ps.desk.Hours(r.Context())
	if err != nil {
		return err
	}
	return ps.hoursForm(rw, r, by, http.StatusOK, hours, v, hours.Calendar, nil, nil, nil)
}

// hoursForm shows the calendar in force with its form. shown is what the preview shows;
// values is what was typed, nil if nothing was; holiday what was typed as one.
func (ps *Pages) hoursForm(rw http.ResponseWriter, r *http.Request, by access.Account, status int, hours desk.ServiceHours, v desk.Version, shown desk.Calendar, values, holiday url.Values, problem error) error {
	p := ps.NewPage(r, "levels.hours.title")
	now := hours.Calendar
	data := deskFormPage{Form: page.Form{Path: "/admin/desk/hours", Base: strconv.FormatInt(v.Number, 10)}}
	zone := page.TextField(p, "hours.zone", "zone", zoneText(now.Zone), 60)
	zone.Hint = p.T("levels.hours.zone.hint", "zone", time.Now().Format("MST"))
	zone.ListID = "zones"
	always := page.TextField(p, "hours.always", "always", map[bool]string{true: "on"}[now.Always], 2)
	always.Tick = true
	data.Sections = []page.Section{{Fields: []page.Field{zone, always}}, {Title: p.T("levels.hours.week")}}
	for _, day := range week {
		f := page.TextField(p, "hours.day", dayName(day), spansText(now.Week[day]), 200)
		f.Label, f.Hint = p.T("levels.day."+strconv.Itoa(int(day))), ""
		if day == time.Monday {
			f.Hint = p.T("levels.hours.day.hint")
		}
		data.Sections[1].Fields = append(data.Sections[1].Fields, f)
	}
	c := calendarOf(p, shown, time.Now())
	c.Preview, c.Version = values != nil && problem == nil, versionWords(p, v)
	effect, err := ps.desk.EffectOf(r.Context(), desk.ServiceHours{Calendar: shown, Targets: hours.Targets})
	if err != nil {
		return err
	}
	if c.Preview && effect.Open > 0 {
		c.Effect = p.T("levels.hours.effect", "tickets", p.Count("tickets", effect.Open), "now", strconv.Itoa(effect.Late), "then", strconv.Itoa(effect.LateThen))
	}
	c.Holidays, c.Add = holidaysOf(p, now.Holidays), holidayForm(p, holiday)
	data.Calendar = &c
	if values != nil {
		data.Typed(values, errors.Is(problem, desk.ErrStale))
	}
	if problem != nil {
		if errors.Is(problem, desk.ErrStale) {
			data.Theirs = whose(p, v)
		}
		if holiday != nil {
			c.Add.Refused(p, problem, whyNot(p, problem))
		} else {
			data.Refused(p, problem, whyNot(p, problem))
		}
	}
	return ps.levels(rw, r, by, status, "levels-hours", p, data)
}

// calendarOf shows the next seven days, and says what people should know of a calendar.
func calendarOf(p *page.Page, c desk.Calendar, now time.Time) calendarPage {
	zone := c.Zone
	if zone == nil {
		zone = time.UTC
	}
	today := now.In(zone)
	noon := time.Date(today.Year(), today.Month(), today.Day(), 12, 0, 0, 0, zone)
	data := calendarPage{Zone: zoneText(zone)}
	if data.Zone == "" {
		data.Zone = p.T("levels.hours.machine", "zone", now.Format("MST"))
	}
	sum := time.Duration(0)
	for n := range 7 {
		at := noon.AddDate(0, 0, n)
		open, holiday := c.Day(at)
		d := calendarDay{Day: p.T("levels.day." + strconv.Itoa(int(at.Weekday()))), Date: page.Day(p, at), Hours: spansText(open)}
		switch {
		case holiday != nil:
			d.Hours = p.T("levels.hours.closed")
			d.Note = holiday.Name
		case c.Always:
			d.Hours = p.T("levels.hours.around")
		case len(open) == 0:
			d.Hours = p.T("levels.hours.closed")
		}
		midnight := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, zone)
		next := time.Date(at.Year(), at.Month(), at.Day()+1, 0, 0, 0, 0, zone)
		if next.Sub(midnight) != 24*time.Hour {
			d.Note = strings.TrimPrefix(d.Note+" · "+p.T("levels.hours.change"), " · ")
		}
		sum += c.Elapsed(midnight, next)
		data.Days = append(data.Days, d)
	}
	data.Sum = p.T("levels.hours.sum", "time", page.Span(p, sum))
	data.Warnings = calendarWarnings(p, c, today, sum)
	return data
}

func calendarWarnings(p *page.Page, c desk.Calendar, today time.Time, sum time.Duration) (list []string) {
	if errors.Is(c.Check(), desk.ErrNeverOpen) {
		return []string{p.T("levels.error.never_open")}
	}
	if c.Always {
		if len(c.Holidays) > 0 {
			list = append(list, p.T("levels.warn.always"))
		}
		return list
	}
	if sum == 0 {
		list = append(list, p.T("levels.warn.closed"))
	}
	last, once := "", 0
	ahead := today.AddDate(0, 3, 0).Format(time.DateOnly)
	for _, h := range c.Holidays {
		if h.OverNewYear() {
			list = append(list, p.T("levels.warn.new_year", "name", page.Isolate(page.Plain(h.Name)), "from", monthDay(p, h.First), "to", monthDay(p, h.Last)))
		}
		if !h.Yearly {
			once++
			last = max(last, h.Last.String())
		}
	}
	switch {
	case once > 0 && last < today.Format(time.DateOnly):
		list = append(list, p.T("levels.warn.past"))
	case once > 0 && last < ahead:
		list = append(list, p.T("levels.warn.last", "date", last))
	case len(c.Holidays) == 0:
		list = append(list, p.T("levels.warn.no_holidays"))
	}
	return list
}

// monthDay is a day of each year.
func monthDay(p *page.Page, d desk.Date) string {
	return p.T("levels.hours.month_day", "month", fmt.Sprintf("%02d", int(d.Month)), "day", fmt.Sprintf("%02d", d.Day))
}

func holidaysOf(p *page.Page, holidays []desk.Holiday) (list []holidayLine) {
	for _, h := range holidays {
		say := func(d desk.Date) string {
			if h.Yearly {
				return monthDay(p, d)
			}
			return p.T("log.date", "year", fmt.Sprintf("%04d", d.Year), "month", fmt.Sprintf("%02d", int(d.Month)), "day", fmt.Sprintf("%02d", d.Day))
		}
		l := holidayLine{When: say(h.First), Name: h.Name, Kind: p.T("levels.holiday.once"), First: h.First.String(), Last: h.Last.String(),
			Remove: p.T("levels.holiday.remove", "name", page.Isolate(page.Plain(h.Name)))}
		if h.First != h.Last {
			l.When += " – " + say(h.Last)
		}
		if h.Yearly {
			l.Kind, l.Yearly = p.T("levels.holiday.each"), "on"
		}
		list = append(list, l)
	}
	return list
}

func holidayForm(p *page.Page, values url.Values) page.Form {
	name := page.TextField(p, "holiday.name", "name", "", 80)
	first, last := page.TextField(p, "holiday.first", "first", "", 10), page.TextField(p, "holiday.last", "last", "", 10)
	first.Type, last.Type = "date", "date"
	yearly := page.TextField(p, "holiday.yearly", "yearly", "", 2)
	yearly.Tick = true
	f := page.Form{Sections: []page.Section{{Fields: []page.Field{name, first, last, yearly}}}}
	if values != nil {
		f.Typed(values, false)
	}
	return f
}

// calendarFrom reads the form; the holidays are not in it.
func calendarFrom(values url.Values) (c desk.Calendar, err error) {
	wrong := func(field, code string) error { return &access.Invalid{Field: field, Code: code, Reason: "is " + code} }
	c.Zone = time.Local
	if name := strings.TrimSpace(values.Get("zone")); name != "" && name != "Local" {
		if c.Zone, err = time.LoadLocation(name); err != nil {
			return c, wrong("zone", "unknown")
		}
	}
	c.Always = values.Get("always") == "on"
	for _, day := range week {
		list, ok := parseSpans(values.Get(dayName(day)))
		if !ok {
			return c, wrong(dayName(day), "malformed")
		}
		c.Week[day] = list
	}
	return c, nil
}

func (ps *Pages) changeHours(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	hours, v, err := ps.desk.Hours(r.Context())
	if err != nil {
		return err
	}
	c, problem := calendarFrom(values)
	c.Holidays = hours.Calendar.Holidays
	if problem == nil {
		problem = c.Check()
	}
	switch {
	case problem != nil:
	case values.Get("step") == "preview":
		return ps.hoursForm(rw, r, by, http.StatusOK, hours, v, c, values, nil, nil)
	default:
		_, problem = ps.desk.SetCalendar(r.Context(), by, baseOf(values), c)
	}
	if status, ok := mended(problem); ok {
		if hours, v, err = ps.desk.Hours(r.Context()); err != nil {
			return err
		}
		return ps.hoursForm(rw, r, by, status, hours, v, hours.Calendar, values, nil, problem)
	}
	if problem != nil {
		return problem
	}
	http.Redirect(rw, r, "/admin/desk/hours?saved=levels", http.StatusSeeOther)
	return nil
}

// holidayFrom reads one; a last day that is not given is the first.
func holidayFrom(values url.Values) (h desk.Holiday, err error) {
	wrong := func(field, code string) error { return &access.Invalid{Field: field, Code: code, Reason: "is " + code} }
	h.Name, h.Yearly = strings.TrimSpace(values.Get("name")), values.Get("yearly") == "on"
	if h.Name == "" {
		return h, wrong("name", "missing")
	}
	if h.First, err = desk.ParseDate(values.Get("first")); err != nil {
		return h, wrong("first", "malformed")
	}
	h.Last = h.First
	if last := values.Get("last"); last != "" {
		if h.Last, err = desk.ParseDate(last); err != nil {
			return h, wrong("last", "malformed")
		}
	}
	if !h.Yearly && h.Last.String() < h.First.String() {
		return h, wrong("last", "before")
	}
	return h, nil
}

func (ps *Pages) changeHolidays(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	h, problem := holidayFrom(values)
	switch step := values.Get("step"); {
	case step != "add" && step != "remove":
		return page.ErrForm
	case problem != nil && step == "remove":
		return page.ErrForm // no page offers it
	case step == "remove":
		_, problem = ps.desk.RemoveHoliday(r.Context(), by, h)
	case problem == nil:
		_, problem = ps.desk.AddHoliday(r.Context(), by, h)
	}
	if status, ok := mended(problem); ok {
		hours, v, err := ps.desk.Hours(r.Context())
		if err != nil {
			return err
		}
		return ps.hoursForm(rw, r, by, status, hours, v, hours.Calendar, nil, values, problem)
	}
	if problem != nil {
		return problem
	}
	http.Redirect(rw, r, "/admin/desk/hours?saved=levels#holidays", http.StatusSeeOther)
	return nil
}
