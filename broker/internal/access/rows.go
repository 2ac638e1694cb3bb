package access

import (
	"context"
	"database/sql"
	"time"

	"github.com/uptrace/bun"
)

type accountRow struct {
	bun.BaseModel `bun:"table:accounts,alias:account"`

	ID           string `bun:",pk"`
	Email        string
	Name         string
	Role         Role
	Team         string `bun:",nullzero"`
	Territory    string
	Level        Level
	Profile      string `bun:",nullzero"`
	PasswordHash string
	PasswordAt   time.Time `bun:",nullzero"`
	Epoch        int64
	CreatedAt    time.Time
	DisabledAt   time.Time `bun:",nullzero"`
	Joined       bool
	Language     string
	Central      bool
	Suspended    bool
	Emergency    bool

	TeamTerritory string `bun:",scanonly"`
	Permissions   string `bun:",scanonly"`
	FileBytes     int64  `bun:",scanonly"`
	TotalBytes    int64  `bun:",scanonly"`
	Folders       bool   `bun:",scanonly"`
	SSHHosts      string `bun:"ssh_hosts,scanonly"`
	Rights        string `bun:",scanonly"`
}

// accountQuery adds what stands in other tables.
func accountQuery(q *bun.SelectQuery) *bun.SelectQuery {
	return q.ColumnExpr("account.*").
		ColumnExpr("COALESCE(team.territory, '') AS team_territory").
		ColumnExpr("COALESCE(profile.permissions, '') AS permissions").
		ColumnExpr("COALESCE(profile.file_bytes, 0) AS file_bytes").
		ColumnExpr("COALESCE(profile.total_bytes, 0) AS total_bytes").
		ColumnExpr("COALESCE(profile.folders, FALSE) AS folders").
		ColumnExpr("COALESCE(profile.ssh_hosts, '') AS ssh_hosts").
		ColumnExpr("COALESCE(profile.rights, '') AS rights").
		Join("LEFT JOIN teams AS team ON team.name = account.team").
		Join("LEFT JOIN profiles AS profile ON profile.name = account.profile")
}

func (row *accountRow) account() (Account, error) {
	a := Account{
		ID: row.ID, Email: row.Email, Name: row.Name, Role: row.Role, Team: row.Team, Territory: row.Territory,
		Level: row.Level, Created: row.CreatedAt, Disabled: !row.DisabledAt.IsZero(), Joined: row.Joined, PasswordAt: row.PasswordAt,
		Central: row.Central, Suspended: row.Suspended, Emergency: row.Emergency, Language: row.Language, epoch: row.Epoch,
	}
	if row.Role.assists() {
		a.Territory = row.TeamTerritory
	}
	if row.Profile != "" {
		var err error
		if a.Profile, err = (profileRow{Name: row.Profile, Permissions: row.Permissions, FileBytes: row.FileBytes, TotalBytes: row.TotalBytes, Folders: row.Folders, SSHHosts: row.SSHHosts, Rights: row.Rights}).profile(); err != nil {
			return Account{}, err
		}
	}
	return a, nil
}

type teamRow struct {
	bun.BaseModel `bun:"table:teams,alias:team"`

	Name      string `bun:",pk"`
	Territory string
	Level     Level
	CreatedAt time.Time
}

// affect runs a statement; it returns none where that changed no row.
func affect(ctx context.Context, s interface {
	Exec(ctx context.Context, dest ...any) (sql.Result, error)
}, none error) error {
	result, err := s.Exec(ctx)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil {
		return err
	} else if n == 0 {
		return none
	}
	return nil
}
