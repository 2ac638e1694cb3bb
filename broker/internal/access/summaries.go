package access

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"
)

// SummaryTeam is a team, and whether it wants a summary of each session.
type SummaryTeam struct {
	Team   string `bun:"name"`
	Wanted bool   `bun:"summary"`
}

// SummaryTeams lists the teams by name.
func (a *Access) SummaryTeams(ctx context.Context) ([]SummaryTeam, error) {
	return summaryTeams(ctx, a.db)
}

func summaryTeams(ctx context.Context, db bun.IDB) ([]SummaryTeam, error) {
	var rows []SummaryTeam
	if err := db.NewSelect().Table("teams").Column("name", "summary").Order("name").Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("summaries: %w", err)
	}
	return rows, nil
}

// SummaryWanted says whether a team's sessions that begin now want a summary.
func (a *Access) SummaryWanted(ctx context.Context, team string) (bool, error) {
	teams, err := a.SummaryTeams(ctx)
	for _, t := range teams {
		if t.Team == team {
			return t.Wanted, err
		}
	}
	return false, err
}

// ChangeSummaryTeams stores it for the teams that it names, and notes who changed
// what. It counts for sessions that begin from now on. Errors: ErrForbidden, *Invalid.
func (a *Access) ChangeSummaryTeams(ctx context.Context, by Account, after []SummaryTeam) error {
	if !Can(by, ManageOffice, Scope{}) {
		return ErrForbidden
	}
	err := a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		teams, err := summaryTeams(ctx, tx)
		if err != nil {
			return err
		}
		before := map[string]bool{}
		for _, t := range teams {
			before[t.Team] = t.Wanted
		}
		word := map[bool]string{true: "wanted", false: "free"}
		for _, t := range after {
			was, there := before[t.Team]
			if !there {
				return invalid("team", "unknown", "there is no team %q", t.Team)
			}
			if was == t.Wanted {
				continue
			}
			if _, err := tx.NewUpdate().Table("teams").Set("summary = ?", t.Wanted).Where("name = ?", t.Team).Exec(ctx); err != nil {
				return err
			}
			if err := a.noteChange(ctx, tx, by, "team_summary", t.Team+": "+word[was], t.Team+": "+word[t.Wanted]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("change summaries: %w", err)
	}
	return nil
}
