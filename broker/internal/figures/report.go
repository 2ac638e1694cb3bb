package figures

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
)

// Query is what is asked for.
type Query struct {
	Range
	Team string // "": all that the account may see
}

// Day is what was on one day.
type Day struct {
	desk.Date
	Sessions, Opened, Resolved int
}

// Report is the figures of a range of days.
type Report struct {
	Query
	Zone    *time.Location
	Hours   desk.ServiceHours
	Setting Setting
	Teams   []string // that can be asked for, if there are several
	Small   bool     // they would be figures of single people: nothing else is filled in

	Whole, Earlier                 Count // in the range, and in the period before
	Days                           []Day
	ByTeam, ByCategory, ByPriority []*Group // a priority's name is its number
	ByPerson                       []*Group // nil: not shown
	Load                           Load
	LoadByTeam                     []LoadOf
	Surveys                        []Result
}

// Load is how many sessions began and tickets came in, by weekday (from Sunday) and hour
// on the office's clock.
type Load [7][24]int

// LoadOf is the load of a team by hour.
type LoadOf struct {
	Name  string
	Of    []string
	Hours [24]int
}

// scope is which team's figures the account may see; "" everybody's.
func scope(by access.Account, asked string) (string, error) {
	switch {
	case access.Can(by, access.SeeFigures, access.Scope{}):
		return asked, nil
	case access.Can(by, access.SeeFigures, access.Scope{Team: by.Team}) && (asked == "" || asked == by.Team):
		return by.Team, nil
	}
	return "", ErrForbidden
}

// Report counts. It returns ErrForbidden, or an error that wraps ErrRange.
func (f *Figures) Report(ctx context.Context, by access.Account, q Query) (*Report, error) {
	if err := q.Check(); err != nil {
		return nil, err
	}
	team, err := scope(by, q.Team)
	if err != nil {
		return nil, err
	}
	q.Team = team
	r := &Report{Query: q}
	if r.Hours, _, err = f.hours(ctx); err != nil {
		return nil, err
	}
	if r.Zone = r.Hours.Calendar.Zone; r.Zone == nil {
		r.Zone = time.UTC
	}
	if r.Setting, err = f.Setting(ctx); err != nil {
		return nil, err
	}
	from, _ := q.Before().reach()
	_, to := q.reach()
	people, err := f.people(ctx)
	if err != nil {
		return nil, err
	}
	tickets, err := f.tickets(ctx, from, to, team)
	if err != nil {
		return nil, err
	}
	sessions, err := f.sessions(ctx, from, to, team)
	if err != nil {
		return nil, err
	}
	c := newCounting(r, f.now(), tickets)
	for _, p := range people {
		if team == "" || p.team == team {
			c.of(c.teams, p.team).people[p.id] = true
		}
	}
	for _, t := range tickets {
		c.ticket(t)
	}
	for _, s := range sessions {
		c.session(s)
	}
	if team == "" {
		for name := range c.teams {
			r.Teams = append(r.Teams, name)
		}
		slices.Sort(r.Teams)
	}
	c.finish()
	if r.Small {
		return &Report{Query: r.Query, Zone: r.Zone, Hours: r.Hours, Setting: r.Setting, Teams: r.Teams, Small: true}, nil
	}
	if err := f.results(ctx, r); err != nil || r.ByPerson == nil {
		return r, err
	}
	names, err := f.names(ctx)
	if err != nil {
		return nil, err
	}
	for _, g := range r.ByPerson {
		g.Name = names[g.id]
	}
	if by.Role == access.Technician { // colleagues' are for who leads them
		r.ByPerson = slices.DeleteFunc(r.ByPerson, func(g *Group) bool { return g.id != by.ID })
	}
	slices.SortFunc(r.ByPerson, func(a, b *Group) int { return strings.Compare(a.Name+a.id, b.Name+b.id) })
	return r, nil
}

// counting is a report on its way.
type counting struct {
	*Report
	now                                 time.Time
	since                               time.Time // from when on figures are somebody's; zero: never
	before                              Range
	calendar                            desk.Calendar
	teams, categories, priorities, each map[string]*Group
	loads                               map[string]*[24]int
}

func newCounting(r *Report, now time.Time, tickets []workTicket) *counting {
	c := &counting{Report: r, now: now, before: r.Before(), calendar: r.Hours.Calendar,
		teams: map[string]*Group{}, categories: map[string]*Group{}, priorities: map[string]*Group{}, each: map[string]*Group{}, loads: map[string]*[24]int{}}
	if r.Setting.ByPerson {
		c.since = r.Setting.Since
	}
	var first, last int64
	for _, t := range tickets {
		if first == 0 || t.created < first {
			first = t.created
		}
		last = max(last, t.responded, t.resolved)
	}
	if first > 0 {
		c.calendar = c.calendar.Measured(at(first), at(last))
	}
	for n := range r.Range.Days() {
		r.Days = append(r.Days, Day{Date: r.Range.Date(n)})
	}
	return c
}

func (c *counting) of(groups map[string]*Group, name string) *Group {
	g := groups[name]
	if g == nil {
		g = &Group{Name: name, id: name, people: map[string]bool{}}
		groups[name] = g
	}
	return g
}

// to are the counts that something at a moment belongs to: those of the range, or that of
// the period before, or none. day is nil outside of the range.
func (c *counting) to(when time.Time, team, category, person string, priority desk.Priority) (counts []*Count, day *Day) {
	n := c.index(when, c.Zone)
	switch {
	case n >= 0 && n < len(c.Days):
		counts = append(counts, &c.Whole, &c.of(c.teams, team).Count, &c.of(c.categories, category).Count)
		if priority >= 0 {
			counts = append(counts, &c.of(c.priorities, strconv.Itoa(int(priority))).Count)
		}
		if person != "" {
			c.of(c.teams, team).people[person] = true
			if !c.since.IsZero() && !when.Before(c.since) {
				counts = append(counts, &c.of(c.each, person).Count)
			}
		}
		return counts, &c.Days[n]
	case c.before.index(when, c.Zone) >= 0 && n < 0:
		return []*Count{&c.Earlier}, nil
	}
	return nil, nil
}

// arrive counts towards the load.
func (c *counting) arrive(when time.Time, team string) {
	local := when.In(c.Zone)
	c.Load[local.Weekday()][local.Hour()]++
	if c.loads[team] == nil {
		c.loads[team] = &[24]int{}
	}
	c.loads[team][local.Hour()]++
}

// noPriority keeps sessions out of the figures by priority.
const noPriority desk.Priority = -1

func (c *counting) session(s workSession) {
	if s.active == 0 {
		if s.ended == 0 {
			return // nobody knows yet
		}
		counts, _ := c.to(at(s.issued), s.team, s.category, s.technician, noPriority)
		for _, n := range counts {
			n.Unstarted++
		}
		return
	}
	began := at(s.active)
	counts, day := c.to(began, s.team, s.category, s.technician, noPriority)
	if day != nil {
		day.Sessions++
		c.arrive(began, s.team)
	}
	for _, n := range counts {
		n.Sessions++
		n.Begin.add(began.Sub(at(s.issued)))
		if s.ended > 0 {
			n.Length.add(at(s.ended).Sub(began))
			n.Stars[min(max(s.stars, 0), 5)]++
		}
	}
}

func (c *counting) ticket(t workTicket) {
	created, responded, resolved := at(t.created), at(t.responded), at(t.resolved)
	counts, day := c.to(created, t.team, t.category, "", t.priority)
	if day != nil {
		day.Opened++
		c.arrive(created, t.team)
	}
	for _, n := range counts {
		n.Opened++
	}
	clocked := t.priority
	if clocked == 0 {
		clocked = desk.Medium // nobody has looked at it yet
	}
	target := c.Hours.Targets[clocked]
	clock := desk.Ticket{Created: created, Responded: responded, Resolved: resolved, Pauses: t.pauses}
	if t.responded > t.created { // who calls is answered as they call
		counts, _ := c.to(responded, t.team, t.category, t.assignee, t.priority)
		spent := clock.Response(c.calendar, target).Spent(responded)
		for _, n := range counts {
			n.Waiting.add(responded.Sub(created))
			n.Response.add(spent)
			n.Response.judge(spent <= target.Response)
		}
	}
	if t.resolved == 0 && c.index(created, c.Zone) >= len(c.Days) {
		return // it came in later
	}
	if t.resolved == 0 {
		due := desk.DueAt(t.turn)
		for _, n := range []*Count{&c.Whole, &c.of(c.teams, t.team).Count, &c.of(c.categories, t.category).Count, &c.of(c.priorities, strconv.Itoa(int(t.priority))).Count} {
			n.Open++
			if !due.IsZero() && c.now.After(due) {
				n.Overdue++
			}
		}
		return
	}
	counts, day = c.to(resolved, t.team, t.category, t.assignee, t.priority)
	if day != nil {
		day.Resolved++
	}
	spent := clock.Resolving(c.calendar, target).Spent(resolved)
	for _, n := range counts {
		n.Resolved++
		n.Resolution.add(spent)
		if t.priority > 0 {
			n.Resolution.judge(spent <= target.Resolution)
		}
		if t.reopened > 0 {
			n.Reopened++
		}
	}
}

// finish puts small groups together and works out how times are spread.
func (c *counting) finish() {
	var groups []*Group
	for _, g := range c.teams {
		groups = append(groups, g)
	}
	if c.since.IsZero() || c.index(c.since, c.Zone) > 0 { // in a part of the range nobody was told
		var enough bool
		groups, enough = together(groups)
		c.Small = !enough
	} else {
		slices.SortFunc(groups, func(a, b *Group) int { return strings.Compare(a.Name, b.Name) })
	}
	for _, g := range groups {
		if g.Any() {
			c.ByTeam = append(c.ByTeam, g)
		}
		load := LoadOf{Name: g.Name, Of: g.Of}
		for _, name := range append(slices.Clone(g.Of), g.Name) {
			if l := c.loads[name]; l != nil {
				for hour, n := range l {
					load.Hours[hour] += n
				}
			}
		}
		if load.Hours != [24]int{} {
			c.LoadByTeam = append(c.LoadByTeam, load)
		}
	}
	sorted := func(groups map[string]*Group) (list []*Group) {
		for _, g := range groups {
			if g.Any() {
				list = append(list, g)
			}
		}
		slices.SortFunc(list, func(a, b *Group) int { return strings.Compare(a.Name, b.Name) })
		return list
	}
	c.ByCategory, c.ByPriority = sorted(c.categories), sorted(c.priorities)
	if c.Setting.ByPerson {
		if c.ByPerson = sorted(c.each); c.ByPerson == nil {
			c.ByPerson = []*Group{}
		}
	}
	c.Whole.spread()
	c.Earlier.spread()
	for _, list := range [][]*Group{c.ByTeam, c.ByCategory, c.ByPriority, c.ByPerson} {
		for _, g := range list {
			g.spread()
		}
	}
}
