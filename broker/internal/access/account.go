package access

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"consento/broker/internal/ops"
	"consento/protocol"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
)

// Role is what an account is for. An account has one, and an e-mail has one
// account: so nobody is auditor and administrator under the same name.
type Role string

// The closed set of roles.
const (
	Technician    Role = "technician"
	Lead          Role = "lead"
	Auditor       Role = "auditor"
	Administrator Role = "administrator"
	Maintainer    Role = "maintainer"
	DPO           Role = "dpo" // data-protection officer
)

// Roles lists the closed set.
func Roles() []Role {
	return []Role{Technician, Lead, Auditor, Administrator, Maintainer, DPO}
}

// assists says whether the role opens sessions with customers, for which it needs
// a team, a level and a profile.
func (r Role) assists() bool { return r == Technician || r == Lead }

// Level is how deep a team or a technician goes; LX is an external vendor.
type Level string

// The closed set of levels.
const (
	L1 Level = "L1"
	L2 Level = "L2"
	L3 Level = "L3"
	LX Level = "LX"
)

// Levels lists the closed set.
func Levels() []Level { return []Level{L1, L2, L3, LX} }

const (
	maxName = 100
	maxTeam = 100
)

// Account is one person who works with the broker.
type Account struct {
	ID        string // UUIDv4
	Email     string // case-folded
	Name      string
	Role      Role
	Team      string           // "" only for roles that open no sessions
	Territory string           // the team's; for an auditor what the audit is limited to, "" everything
	Level     Level            // "" only for roles that open no sessions
	Profile   protocol.Profile // zero only for roles that open no sessions
	Created   time.Time
	Disabled  bool
	Joined    bool // has chosen a password
	// PasswordAt is when the password was chosen; zero before the first.
	PasswordAt time.Time
	Central    bool   // signs in elsewhere, and its groups there say what it may
	Suspended  bool   // Disabled by its groups, which can bring it back
	Emergency  bool   // signs in by password although its role signs in centrally
	Language   string // of mails, BCP 47; "": the office's

	epoch int64
	only  map[Action]bool // what a token leaves of the rights; nil: a person asks
}

// NewAccount is what makes an account. Team is made when there is none of that
// name. Team, level and profile may be given for every role and are needed for
// technicians and leads; rights come from the role, so a profile gives an auditor
// nothing.
type NewAccount struct {
	Email, Name     string
	Role            Role
	Team, Territory string
	Level           Level
	Profile         string
	Password        string
}

// Add makes an account. Errors wrap ErrInvalid when a field is not accepted.
func (a *Access) Add(ctx context.Context, n NewAccount) (Account, error) {
	ready, err := a.prepare(ctx, n)
	if err != nil {
		return Account{}, err
	}
	err = a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error { return ready.insert(ctx, tx) })
	if err != nil {
		return Account{}, fmt.Errorf("add account: %w", err)
	}
	return a.ByID(ctx, ready.row.ID)
}

// preparedAccount is checked and hashed: what is slow is done before a
// transaction begins.
type preparedAccount struct {
	row       accountRow
	territory string
	by        string // account; "" the command line, or the first set-up
}

// newHash is the hash of a new password of somebody's, or says why it is not good enough (see
// CheckPassword).
func (a *Access) newHash(ctx context.Context, password, email, name string) (string, error) {
	office, err := a.Office(ctx)
	if err != nil {
		return "", err
	}
	if password, err = CheckPassword(password, email, name, office.Name); err != nil {
		return "", err
	}
	return a.passwords.hash(ctx, password)
}

func (a *Access) prepare(ctx context.Context, n NewAccount) (*preparedAccount, error) {
	n, err := n.clean()
	if err != nil {
		return nil, err
	}
	hash, err := a.newHash(ctx, n.Password, n.Email, n.Name)
	if err != nil {
		return nil, err
	}
	return &preparedAccount{territory: n.Territory, row: accountRow{
		ID: uuid.NewString(), Email: n.Email, Name: n.Name, Role: n.Role, Team: n.Team, Territory: n.Territory,
		Level: n.Level, Profile: n.Profile, PasswordHash: hash, PasswordAt: time.Now(), CreatedAt: time.Now(), Joined: true,
	}}, nil
}

func (n NewAccount) clean() (NewAccount, error) {
	var err error
	if n.Email, err = CleanEmail(n.Email); err != nil {
		return n, err
	}
	if n.Name, err = ops.CleanLine(n.Name, maxName); err != nil {
		return n, invalid("name", "malformed", "%s", err)
	}
	if !slices.Contains(Roles(), n.Role) {
		return n, invalid("role", "unknown", "%q is not a role", n.Role)
	}
	for _, f := range []struct {
		field string
		text  *string
	}{{"team", &n.Team}, {"territory", &n.Territory}} {
		if *f.text = strings.TrimSpace(*f.text); *f.text != "" {
			if *f.text, err = ops.CleanLine(*f.text, maxTeam); err != nil {
				return n, invalid(f.field, "malformed", "%s", err)
			}
		}
	}
	if n.Level != "" && !slices.Contains(Levels(), n.Level) {
		return n, invalid("level", "unknown", "%q is not a level", n.Level)
	}
	if n.Role.assists() {
		switch {
		case n.Team == "":
			return n, invalid("team", "missing", "a %s needs a team", n.Role)
		case n.Level == "":
			return n, invalid("level", "missing", "a %s needs a level", n.Role)
		case n.Profile == "":
			return n, invalid("profile", "missing", "a %s needs a profile", n.Role)
		}
	}
	return n, nil
}

func (p *preparedAccount) insert(ctx context.Context, tx bun.Tx) error {
	if p.row.Profile != "" {
		known, err := tx.NewSelect().Model((*profileRow)(nil)).Where("name = ?", p.row.Profile).Exists(ctx)
		if err != nil {
			return err
		}
		if !known {
			return invalid("profile", "unknown", "there is no profile %q", p.row.Profile)
		}
	}
	if p.row.Team != "" {
		if err := ensureTeam(ctx, tx, p.row.Team, p.territory, p.row.Level); err != nil {
			return err
		}
	}
	if err := affect(ctx, tx.NewInsert().Model(&p.row).On("CONFLICT (email) DO NOTHING"), invalid("email", "taken", "%s has an account already", p.row.Email)); err != nil {
		return err
	}
	return ops.NoteAct(ctx, tx, "account.added", p.by, map[string]any{"account": p.row.ID, "email": p.row.Email, "name": p.row.Name,
		"role": p.row.Role, "team": p.row.Team, "territory": p.territory, "profile": p.row.Profile})
}

// ensureTeam makes the team if there is none. A team belongs to one territory: one
// that has none yet takes the given one, another one is refused.
func ensureTeam(ctx context.Context, tx bun.Tx, name, territory string, level Level) error {
	if level == "" {
		level = L1
	}
	row := teamRow{Name: name, Territory: territory, Level: level, CreatedAt: time.Now()}
	if _, err := tx.NewInsert().Model(&row).On("CONFLICT (name) DO NOTHING").Exec(ctx); err != nil {
		return err
	}
	if territory == "" {
		return nil
	}
	return affect(ctx, tx.NewUpdate().Model((*teamRow)(nil)).Set("territory = ?", territory).Where("name = ?", name).Where("territory IN ('', ?)", territory),
		invalid("territory", "other_territory", "the team %q belongs to another territory", name))
}

// ByEmail finds an account by its e-mail in any spelling.
func (a *Access) ByEmail(ctx context.Context, email string) (Account, error) {
	email, err := CleanEmail(email)
	if err != nil {
		return Account{}, err
	}
	return a.account(ctx, a.db, "account.email = ?", email)
}

// ByID returns an account, a disabled one too, or ErrNotFound.
func (a *Access) ByID(ctx context.Context, id string) (Account, error) {
	return a.account(ctx, a.db, "account.id = ?", id)
}

func (a *Access) account(ctx context.Context, db bun.IDB, where string, arg any) (Account, error) {
	row, err := selectAccount(ctx, db, where, arg)
	if err != nil {
		return Account{}, err
	}
	return row.account()
}

func selectAccount(ctx context.Context, db bun.IDB, where string, arg any) (*accountRow, error) {
	row := &accountRow{}
	err := accountQuery(db.NewSelect().Model(row)).Where(where, arg).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("account: %w", err)
	}
	return row, nil
}

// Accounts lists all accounts by name, those that ended included.
func (a *Access) Accounts(ctx context.Context) ([]Account, error) {
	var rows []accountRow
	if err := accountQuery(a.db.NewSelect().Model(&rows)).Order("account.name", "account.email").Scan(ctx); err != nil {
		return nil, fmt.Errorf("accounts: %w", err)
	}
	accounts := make([]Account, len(rows))
	for i := range rows {
		var err error
		if accounts[i], err = rows[i].account(); err != nil {
			return nil, err
		}
	}
	return accounts, nil
}
