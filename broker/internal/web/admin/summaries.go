package admin

import (
	"errors"
	"net/http"
	"slices"

	"consento/broker/internal/access"
	"consento/broker/internal/web/page"
)

// summaryTeamsPage is the data of the template "settings-summaries".
type summaryTeamsPage struct {
	Saved string
	Teams []page.Choice // Name is the team
}

// missingPage is the data of the template "summaries": sessions that are over without
// the summary that their team wants.
type missingPage struct {
	Lead     bool // they are the team's
	Sessions []missingLine
}

type missingLine struct {
	When, Technician, State string
	Draft                   bool
}

func (ps *Pages) showSummaryTeams(rw http.ResponseWriter, r *http.Request, _ access.Account) error {
	p := ps.NewPage(r, "summaries.settings.title")
	teams, err := ps.settings.SummaryTeams(r.Context())
	if err != nil {
		return err
	}
	data := summaryTeamsPage{}
	if r.URL.Query().Get("saved") != "" {
		data.Saved = p.T("summaries.settings.saved")
	}
	for _, t := range teams {
		data.Teams = append(data.Teams, page.Choice{Name: t.Team, Label: p.T("settings.retention.team", "team", page.Isolate(page.Plain(t.Team))), On: t.Wanted})
	}
	p.Data = data
	return ps.Show(rw, http.StatusOK, "settings-summaries", p)
}

// changeSummaryTeams stores it. A form names all its teams, so that one from before a
// change of teams says nothing of others.
func (ps *Pages) changeSummaryTeams(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	if err := r.ParseForm(); err != nil {
		return page.ErrForm
	}
	v := r.PostForm
	if len(v) > page.MaxFields || len(v["team"]) > maxTeams || len(v["wanted"]) > len(v["team"]) {
		return page.ErrForm
	}
	var next []access.SummaryTeam
	for _, team := range v["team"] {
		next = append(next, access.SummaryTeam{Team: team, Wanted: slices.Contains(v["wanted"], team)})
	}
	var invalid *access.Invalid
	err := ps.settings.ChangeSummaryTeams(r.Context(), by, next)
	if errors.As(err, &invalid) {
		return page.ErrForm // of teams that no page offers
	}
	if err != nil {
		return err
	}
	http.Redirect(rw, r, "/settings/summaries?saved=teams", http.StatusSeeOther)
	return nil
}

// showMissing lists the summaries that are missing: a technician's own, a lead's team's.
func (ps *Pages) showMissing(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	p := ps.NewPage(r, "summaries.title")
	data := missingPage{Lead: access.Can(by, access.ListSessions, access.Scope{Team: by.Team})}
	id, team := by.ID, ""
	if data.Lead {
		id, team = "", by.Team
	}
	list, err := ps.missing.MissingSummaries(r.Context(), id, team)
	if err != nil {
		return err
	}
	for _, m := range list {
		state := "summaries.empty"
		if m.Drafted {
			state = "summaries.draft"
		}
		data.Sessions = append(data.Sessions, missingLine{When: page.Minute(p, m.Ended), Technician: m.Technician, State: p.T(state), Draft: m.Drafted})
	}
	p.Data = data
	return ps.Show(rw, http.StatusOK, "summaries", p)
}
