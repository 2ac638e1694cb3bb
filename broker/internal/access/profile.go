package access

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"consento/broker/internal/ops"
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

// maxProfiles bounds the profiles of an office.
const maxProfiles = 50

// SaveProfile makes a profile, or changes the one of that name as it was at before; nil:
// there is none yet. It holds at once, also for who is in a session. The screen may be
// seen with every profile: without it there is no session. Errors: ErrForbidden,
// ErrStale, *Invalid.
func (a *Access) SaveProfile(ctx context.Context, by Account, before *protocol.Profile, p protocol.Profile) error {
	if !Can(by, ManageAccounts, Scope{}) {
		return ErrForbidden
	}
	name, err := ops.CleanLine(p.Name, maxName)
	switch {
	case err != nil:
		return invalid("name", "malformed", "%s", err)
	case before != nil && before.Name != name:
		return invalid("name", "fixed", "the name stands on the trail, and stays")
	case !p.Permissions[protocol.ViewScreen]:
		return invalid("permissions", "no_view", "without the screen there is no session")
	case p.Files.File < 1 || p.Files.File > protocol.MaxTransferSize:
		return invalid("file", "range", "1 byte to %d", int64(protocol.MaxTransferSize))
	case p.Hosts.Validate() != nil:
		return invalid("hosts", "malformed", "networks and names of devices, separated by spaces")
	case p.Files.Total < p.Files.File || p.Files.Total > protocol.MaxTransferSize:
		return invalid("total", "range", "at least one file, at most %d bytes", int64(protocol.MaxTransferSize))
	}
	p.Name = name
	row := rowOfProfile(p)
	err = a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		was := ""
		if before == nil {
			n, err := tx.NewSelect().Model((*profileRow)(nil)).Count(ctx)
			if err != nil {
				return err
			}
			if n >= maxProfiles {
				return invalid("name", "too_many", "more than %d profiles", maxProfiles)
			}
			if err := affect(ctx, tx.NewInsert().Model(&row).On("CONFLICT (name) DO NOTHING"), invalid("name", "taken", "there is a profile %q", name)); err != nil {
				return err
			}
		} else {
			old := rowOfProfile(*before)
			was = old.Permissions + " " + old.Rights
			update := tx.NewUpdate().Model(&row).Column("permissions", "rights", "file_bytes", "total_bytes", "folders", "ssh_hosts").WherePK().
				Where("permissions = ?", old.Permissions).Where("rights = ?", old.Rights).
				Where("file_bytes = ?", old.FileBytes).Where("total_bytes = ?", old.TotalBytes).Where("folders = ?", old.Folders).Where("ssh_hosts = ?", old.SSHHosts)
			if err := affect(ctx, update, ErrStale); err != nil {
				return err
			}
		}
		return ops.NoteAct(ctx, tx, "profile.saved", by.ID, map[string]any{"profile": name, "before": was, "after": row.Permissions + " " + row.Rights, "files": p.Files, "hosts": p.Hosts})
	})
	if err != nil {
		return fmt.Errorf("save profile: %w", err)
	}
	return nil
}

// DeleteProfile takes away a profile that no account has; those that came with the
// program stay. Errors: ErrForbidden, ErrNotFound, ErrInUse.
func (a *Access) DeleteProfile(ctx context.Context, by Account, name string) error {
	if !Can(by, ManageAccounts, Scope{}) {
		return ErrForbidden
	}
	if slices.ContainsFunc(protocol.BuiltInProfiles(), func(p protocol.Profile) bool { return p.Name == name }) {
		return ErrInUse
	}
	err := a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		used, err := tx.NewSelect().Model((*accountRow)(nil)).Where("profile = ?", name).Exists(ctx)
		if err != nil {
			return err
		}
		if !used {
			if used, err = tx.NewSelect().Model((*ruleRow)(nil)).Where("profile = ?", name).Exists(ctx); err != nil {
				return err
			}
		}
		if used {
			return ErrInUse
		}
		if err := affect(ctx, tx.NewDelete().Model((*profileRow)(nil)).Where("name = ?", name), ErrNotFound); err != nil {
			return err
		}
		return ops.NoteAct(ctx, tx, "profile.deleted", by.ID, map[string]any{"profile": name})
	})
	if err != nil {
		return fmt.Errorf("delete profile: %w", err)
	}
	return nil
}

// seedProfiles makes the built-in profiles where they are missing, and leaves what
// an office has made of them.
func (a *Access) seedProfiles(ctx context.Context) error {
	for _, p := range protocol.BuiltInProfiles() {
		row := rowOfProfile(p)
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
	Rights      string
}

func rowOfProfile(p protocol.Profile) profileRow {
	return profileRow{Name: p.Name, Permissions: permissionText(p.Permissions), CreatedAt: time.Now(), FileBytes: p.Files.File, TotalBytes: p.Files.Total,
		Folders: p.Files.Folders, SSHHosts: strings.Join(p.Hosts, " "), Rights: rightText(p.Rights)}
}

// profile refuses a permission or right that it does not know: to guess what it allows
// would be worse.
func (row profileRow) profile() (protocol.Profile, error) {
	p := protocol.Profile{Name: row.Name, Permissions: protocol.PermissionSet{}, Rights: protocol.RightSet{},
		Files: protocol.FileLimits{File: row.FileBytes, Total: row.TotalBytes, Folders: row.Folders}, Hosts: strings.Fields(row.SSHHosts)}
	for name := range strings.FieldsSeq(row.Permissions) {
		permission, err := protocol.ParsePermission(name)
		if err != nil {
			return protocol.Profile{}, fmt.Errorf("profile %q: %w", row.Name, err)
		}
		p.Permissions[permission] = true
	}
	for name := range strings.FieldsSeq(row.Rights) {
		right, err := protocol.ParseRight(name)
		if err != nil {
			return protocol.Profile{}, fmt.Errorf("profile %q: %w", row.Name, err)
		}
		p.Rights[right] = true
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

func rightText(set protocol.RightSet) string {
	var names []string
	for _, r := range protocol.Rights() {
		if set[r] {
			names = append(names, string(r))
		}
	}
	return strings.Join(names, " ")
}
