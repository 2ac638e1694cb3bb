package api

import (
	"time"

	"consento/broker/internal/desk"
)

// ServiceLevels is how the promises of some tickets were kept.
type ServiceLevels struct {
	From  string   `json:"from" doc:"The first day, as the office counts days." format:"date"`
	To    string   `json:"to" doc:"The last day, included." format:"date"`
	Team  string   `json:"team,omitempty" doc:"Whose tickets; missing: all teams."`
	By    string   `json:"by" doc:"By what the rows are told apart."`
	Rows  []Levels `json:"rows" doc:"One a team, category, priority, month or week; teams of too few people together."`
	Total Levels   `json:"total" doc:"All of them."`
}

// Levels are the figures of some tickets. Minutes are such that count.
type Levels struct {
	Key        string   `json:"key" doc:"Team, category, priority, 2026-11 or 2026-W48; empty: the total, or several teams."`
	Teams      []string `json:"teams,omitempty" doc:"The teams that are shown together here."`
	Tickets    int      `json:"tickets" doc:"How many came in."`
	Open       int      `json:"open" doc:"How many of these are not resolved."`
	Late       int      `json:"late" doc:"How many of these are beyond their target."`
	Response   Kept     `json:"response" doc:"Of the first answers that were given."`
	Resolution Kept     `json:"resolution" doc:"Of what was resolved, where a priority is known."`
}

// Kept is how a number of clocks did that have stopped.
type Kept struct {
	Count  int `json:"count" doc:"How many have stopped."`
	InTime int `json:"in_time" doc:"How many of these within their target."`
	Mean   int `json:"mean_minutes" doc:"On average."`
	Median int `json:"median_minutes" doc:"Half of them took no longer."`
}

func (a *API) getLevels(c *call) (ServiceLevels, error) {
	asked := desk.Asked{Team: c.query.Get("team"), By: desk.ByTeam}
	if by := c.query.Get("by"); by != "" {
		asked.By = desk.Grouping(by)
	}
	hours, _, err := a.Desk.Hours(c.r.Context())
	if err != nil {
		return ServiceLevels{}, err
	}
	last := a.now().In(hours.Calendar.Zone)
	for _, day := range []struct {
		name  string
		to    *desk.Date
		other time.Time
	}{{"from", &asked.First, last.AddDate(0, 0, -29)}, {"to", &asked.Last, last}} {
		*day.to = desk.Date{Year: day.other.Year(), Month: day.other.Month(), Day: day.other.Day()}
		if s := c.query.Get(day.name); s != "" {
			if *day.to, err = desk.ParseDate(s); err != nil {
				return ServiceLevels{}, refused(day.name, "malformed")
			}
		}
	}
	report, err := a.Desk.Report(c.r.Context(), c.by, asked)
	if err != nil {
		return ServiceLevels{}, err
	}
	out := ServiceLevels{From: report.First.String(), To: report.Last.String(), Team: report.Team, By: string(report.By), Rows: []Levels{}, Total: levelsOf(report.Total)}
	for _, f := range report.Rows {
		out.Rows = append(out.Rows, levelsOf(f))
	}
	return out, nil
}

func levelsOf(f desk.Figures) Levels {
	kept := func(s desk.Summary) Kept {
		return Kept{s.Count, s.Kept, int(s.Mean.Round(time.Minute) / time.Minute), int(s.Median.Round(time.Minute) / time.Minute)}
	}
	return Levels{Key: f.Key, Teams: f.Teams, Tickets: f.Count, Open: f.Open, Late: f.Late, Response: kept(f.Response), Resolution: kept(f.Resolution)}
}
