package access

import (
	"context"
	"fmt"
	"slices"
	"time"

	"consento/broker/internal/ops"

	"github.com/uptrace/bun"
)

// Bounds of how old a password may become, in days.
const (
	LeastPasswordDays = 30
	MostPasswordDays  = 3650
)

// SignInRule is what an office asks of those with a role.
type SignInRule struct {
	Role         Role
	SecondFactor bool // none signs in without one: who has none sets one up first
	PasswordDays int  // after which another one is chosen; 0: never (NIST SP 800-63B-4, 3.1.1.2)
}

// SignInRules returns a rule for each role, as Roles lists them.
func (a *Access) SignInRules(ctx context.Context) ([]SignInRule, error) {
	return signInRules(ctx, a.db)
}

func signInRules(ctx context.Context, db bun.IDB) ([]SignInRule, error) {
	var rows []signInRuleRow
	if err := db.NewSelect().Model(&rows).Scan(ctx); err != nil {
		return nil, fmt.Errorf("rules of sign-in: %w", err)
	}
	rules := make([]SignInRule, 0, len(Roles()))
	for _, role := range Roles() {
		rule := SignInRule{Role: role}
		for _, row := range rows {
			if row.Role == role {
				rule = SignInRule{role, row.SecondFactor, row.PasswordDays}
			}
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

func (a *Access) ruleFor(ctx context.Context, role Role) (SignInRule, error) {
	rules, err := a.SignInRules(ctx)
	if err != nil {
		return SignInRule{}, err
	}
	return rules[slices.IndexFunc(rules, func(r SignInRule) bool { return r.Role == role })], nil
}

// ChangeSignInRules stores rules of roles that by manages (as accounts are: those of
// the evidence by auditors). before is what by has seen of the same roles, in the same
// order. The next sign-in follows them. Errors: ErrForbidden, ErrStale, *Invalid for the
// field ROLE.password_days.
func (a *Access) ChangeSignInRules(ctx context.Context, by Account, before, after []SignInRule) error {
	if len(before) != len(after) {
		return ErrStale
	}
	for i, r := range after {
		switch {
		case !slices.Contains(Roles(), r.Role) || before[i].Role != r.Role:
			return invalid("role", "unknown", "%q is not a role", r.Role)
		case !mayManage(by, r.Role):
			return ErrForbidden
		case r.PasswordDays != 0 && (r.PasswordDays < LeastPasswordDays || r.PasswordDays > MostPasswordDays):
			return invalid(string(r.Role)+".password_days", "range", "0, or %d to %d days", LeastPasswordDays, MostPasswordDays)
		}
	}
	err := a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		now, err := signInRules(ctx, tx)
		if err != nil {
			return err
		}
		for i, rule := range after {
			if !slices.Contains(now, before[i]) {
				return ErrStale
			}
			if rule == before[i] {
				continue
			}
			row := signInRuleRow{Role: rule.Role, SecondFactor: rule.SecondFactor, PasswordDays: rule.PasswordDays}
			_, err := tx.NewInsert().Model(&row).On("CONFLICT (role) DO UPDATE").Set("second_factor = EXCLUDED.second_factor").Set("password_days = EXCLUDED.password_days").Exec(ctx)
			if err != nil {
				return err
			}
			if err := ops.NoteAct(ctx, tx, "signin.rules", by.ID, map[string]any{"role": rule.Role, "before": before[i].body(), "after": rule.body()}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("rules of sign-in: %w", err)
	}
	return nil
}

func (r SignInRule) body() map[string]any {
	return map[string]any{"second_factor": r.SecondFactor, "password_days": r.PasswordDays}
}

// old says whether a password chosen at a time has to be replaced.
func (r SignInRule) old(chosen time.Time) bool {
	return r.PasswordDays > 0 && time.Since(chosen) > time.Duration(r.PasswordDays)*24*time.Hour
}

type signInRuleRow struct {
	bun.BaseModel `bun:"table:sign_in_rules"`

	Role         Role `bun:",pk"`
	SecondFactor bool
	PasswordDays int
}
