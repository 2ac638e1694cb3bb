package api

import (
	"fmt"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
)

// Me is whom a token stands for, and what it leaves of their rights.
type Me struct {
	ID      string              `json:"id" doc:"Of the account." format:"uuid"`
	Name    string              `json:"name" doc:"As customers read it."`
	Role    access.Role         `json:"role" doc:"What the account is for."`
	Team    string              `json:"team,omitempty" doc:"Its team."`
	Token   string              `json:"token" doc:"What the token is for, as its owner named it."`
	Scopes  []access.TokenScope `json:"scopes" doc:"To which it is narrowed; none: everything that a token may."`
	Expires time.Time           `json:"expires,omitzero" doc:"When it stops to work; missing: when it is removed."`
	May     []string            `json:"may" doc:"What it may do at this moment, for something at least."`
}

// TeamList has all teams of the office.
type TeamList struct {
	Items []Team `json:"items" doc:"By name."`
}

// Team is a group of people that shares a level and a territory.
type Team struct {
	Name      string       `json:"name" doc:"As it stands on tickets."`
	Level     access.Level `json:"level" doc:"How deep it goes."`
	Territory string       `json:"territory,omitempty" doc:"Missing in an office without territories."`
}

// CategoryList has what tickets can be about.
type CategoryList struct {
	Version int64      `json:"version" doc:"Of the escalation matrix."`
	Items   []Category `json:"items" doc:"In the office's order."`
}

// Category is one of them.
type Category struct {
	ID     string  `json:"id" doc:"As it stands on tickets."`
	Name   string  `json:"name" doc:"In the language of the answer."`
	About  string  `json:"about" doc:"What belongs here."`
	Alert  bool    `json:"alert,omitempty" doc:"The data-protection officer is told at once."`
	Levels []Level `json:"levels" doc:"What each level does for it."`
}

// Level is a cell of the escalation matrix.
type Level struct {
	Level access.Level `json:"level" doc:"Whose work it is."`
	Team  string       `json:"team,omitempty" doc:"Who gets it from here; missing: any team of the next level."`
	Steps []string     `json:"steps" doc:"What is to be done."`
	When  string       `json:"when" doc:"When to hand it on."`
}

// ServiceHours are when the desk is open, and what it promises.
type ServiceHours struct {
	Version  int64     `json:"version" doc:"Grows with each change."`
	Zone     string    `json:"time_zone" doc:"Whose wall clock counts, by its IANA name."`
	Always   bool      `json:"around_the_clock" doc:"All time counts."`
	Open     []Opening `json:"open" doc:"Within the week."`
	Holidays []Holiday `json:"holidays" doc:"When it is closed all day."`
	Targets  []Target  `json:"targets" doc:"By priority."`
}

// Opening is a time of a weekday at which the desk is open.
type Opening struct {
	Day  int    `json:"day" doc:"0 Sunday to 6 Saturday."`
	From string `json:"from" doc:"HH:MM."`
	To   string `json:"to" doc:"HH:MM; 24:00 is the end of the day."`
}

// Holiday is a time in which the desk is closed.
type Holiday struct {
	Name   string `json:"name" doc:"As people call it."`
	First  string `json:"first" doc:"The first day." format:"date"`
	Last   string `json:"last" doc:"The last day, included." format:"date"`
	Yearly bool   `json:"yearly,omitempty" doc:"On the same days of each year."`
}

// Target is what is promised for one priority, in time that counts.
type Target struct {
	Priority   Priority `json:"priority" doc:"Of the ticket."`
	Response   int      `json:"response_minutes" doc:"Until somebody has it in hand."`
	Resolution int      `json:"resolution_minutes" doc:"Until it is resolved."`
}

func officeRoutes() []route {
	const group = "Office"
	return []route{
		get("/api/v1/me", "getMe", group, "Ask whom the token stands for", "Good to try a token, and to see what is left of it.", Anyone, nil, (*API).getMe),
		get("/api/v1/teams", "listTeams", group, "List teams", "", access.ReadTickets, nil, (*API).listTeams),
		get("/api/v1/categories", "listCategories", group, "List categories", "With the escalation matrix: what each level does. In the language of the request.", access.ReadTickets, nil, (*API).listCategories),
		get("/api/v1/service-hours", "getServiceHours", group, "Read service hours and targets", "", access.ReadTickets, nil, (*API).getHours),
		get("/api/v1/service-levels", "getServiceLevels", group, "Read how promises were kept", "Of the tickets that came in within some days, the last thirty unless others are asked for. Figures of fewer than three people are not given out by themselves. A token of an account that sees one team's figures names that team.", access.SeeFigures, []parameter{
			{name: "from", doc: "The first day, as the office counts days.", format: "date"},
			{name: "to", doc: "The last day, included.", format: "date"},
			{name: "team", doc: "Whose tickets."},
			{name: "by", doc: "By what the rows are told apart.", values: values(desk.Groupings())}}, (*API).getLevels),
	}
}

func (a *API) getMe(c *call) (Me, error) {
	me := Me{ID: c.by.ID, Name: c.by.Name, Role: c.by.Role, Team: c.by.Team, Token: c.token.Name, Scopes: append([]access.TokenScope{}, c.token.Scopes...), Expires: c.token.Expires, May: []string{}}
	for _, action := range access.Actions() {
		if mayAtAll(c.by, action) {
			me.May = append(me.May, string(action))
		}
	}
	return me, nil
}

func (a *API) listTeams(c *call) (TeamList, error) {
	teams, err := a.Accounts.Teams(c.r.Context())
	out := TeamList{Items: []Team{}}
	for _, t := range teams {
		out.Items = append(out.Items, Team{t.Name, t.Level, t.Territory})
	}
	return out, err
}

func (a *API) listCategories(c *call) (CategoryList, error) {
	m, version, err := a.Desk.Matrix(c.r.Context())
	out := CategoryList{Version: version.Number, Items: []Category{}}
	for _, category := range m.Categories {
		if category.Retired {
			continue
		}
		item := Category{ID: category.ID, Name: category.Name(c.texts.Tag), About: category.About(c.texts.Tag), Alert: category.Alert, Levels: []Level{}}
		for _, l := range access.Levels() {
			if cell, ok := category.Cells[l]; ok {
				work := cell.Work(c.texts.Tag)
				item.Levels = append(item.Levels, Level{l, cell.Team, append([]string{}, work.Steps...), work.When})
			}
		}
		out.Items = append(out.Items, item)
	}
	return out, err
}

func (a *API) getHours(c *call) (ServiceHours, error) {
	h, version, err := a.Desk.Hours(c.r.Context())
	if err != nil {
		return ServiceHours{}, err
	}
	out := ServiceHours{Version: version.Number, Zone: h.Calendar.Zone.String(), Always: h.Calendar.Always, Open: []Opening{}, Holidays: []Holiday{}, Targets: []Target{}}
	day := func(d desk.Date) string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }
	clock := func(minutes int) string { return fmt.Sprintf("%02d:%02d", minutes/60, minutes%60) }
	for weekday, hours := range h.Calendar.Week {
		for _, o := range hours {
			out.Open = append(out.Open, Opening{weekday, clock(o.From), clock(o.To)})
		}
	}
	for _, d := range h.Calendar.Holidays {
		out.Holidays = append(out.Holidays, Holiday{d.Name, day(d.First), day(d.Last), d.Yearly})
	}
	for _, p := range desk.Priorities() {
		out.Targets = append(out.Targets, Target{Priority(priorities.name(int(p))), int(h.Targets[p].Response / time.Minute), int(h.Targets[p].Resolution / time.Minute)})
	}
	return out, nil
}
