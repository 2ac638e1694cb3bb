package access

import (
	"context"
	"fmt"
	"strings"
	"time"

	"consento/protocol"

	"github.com/uptrace/bun"
)

// Profiles lists the profiles by name.
func (a *Access) Profiles(ctx context.Context) ([]protocol.Profile, error) {
	var rows []profileRow
	if err := a.db.NewSelect().Model(&rows).Order("name").Scan(ctx); err != nil {
		return nil, fmt.Errorf("profiles: %w", err)
	}
	profiles := make([]protocol.Profile, len(rows))
	for i, row := range rows {
		var err error
		if profiles[i], err = row.profile(); err != nil {
			return nil, err
		}
	}
	return profiles, nil
}

// seedProfiles makes the built-in profiles where they are missing, and leaves what
// an office has made of them.
func (a *Access) seedProfiles(ctx context.Context) error {
	for _, p := range protocol.BuiltInProfiles() {
		row := profileRow{Name: p.Name, Permissions: permissionText(p.Permissions), CreatedAt: time.Now(),
			FileBytes: p.Files.File, TotalBytes: p.Files.Total, Folders: p.Files.Folders, SSHHosts: strings.Join(p.Hosts, " ")}
		if _, err := a.db.NewInsert().Model(&row).On("CONFLICT (name) DO NOTHING").Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// SetSSH lets a profile's technicians ask for devices that the rules hold, or no more.
func (a *Access) SetSSH(ctx context.Context, profile string, allowed bool, hosts protocol.HostRules) error {
	if err := hosts.Validate(); err != nil {
		return err
	}
	return a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		var row profileRow
		if err := tx.NewSelect().Model(&row).Where("name = ?", profile).Scan(ctx); err != nil {
			return fmt.Errorf("profile %q: %w", profile, err)
		}
		p, err := row.profile()
		if err != nil {
			return err
		}
		if p.Permissions[protocol.SSH] = allowed; !allowed {
			hosts = nil
		}
		row.Permissions, row.SSHHosts = permissionText(p.Permissions), strings.Join(hosts, " ")
		_, err = tx.NewUpdate().Model(&row).Column("permissions", "ssh_hosts").WherePK().Exec(ctx)
		return err
	})
}

type profileRow struct {
	bun.BaseModel `bun:"table:profiles,alias:profile"`

	Name        string `bun:",pk"`
	Permissions string
	CreatedAt   time.Time
	FileBytes   int64
	TotalBytes  int64
	Folders     bool
	SSHHosts    string `bun:"ssh_hosts"`
}

// profile refuses a permission that it does not know: to guess what it allows
// would be worse.
func (row profileRow) profile() (protocol.Profile, error) {
	p := protocol.Profile{Name: row.Name, Permissions: protocol.PermissionSet{},
		Files: protocol.FileLimits{File: row.FileBytes, Total: row.TotalBytes, Folders: row.Folders}, Hosts: strings.Fields(row.SSHHosts)}
	for name := range strings.FieldsSeq(row.Permissions) {
		permission, err := protocol.ParsePermission(name)
		if err != nil {
			return protocol.Profile{}, fmt.Errorf("profile %q: %w", row.Name, err)
		}
		p.Permissions[permission] = true
	}
	if err := p.Hosts.Validate(); err != nil {
		return protocol.Profile{}, fmt.Errorf("profile %q: %w", row.Name, err)
	}
	return p, nil
}

func permissionText(set protocol.PermissionSet) string {
	var names []string
	for _, p := range protocol.Permissions() {
		if set.Allows(p) {
			names = append(names, string(p))
		}
	}
	return strings.Join(names, " ")
}
