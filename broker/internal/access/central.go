package access

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"consento/broker/internal/ops"
)

var (
	// ErrCentral says that an account's rights and password are not kept here.
	ErrCentral = errors.New("this account comes from the central accounts")
	// ErrCentralOnly says that the password was right, but that the role signs in
	// centrally.
	ErrCentralOnly = errors.New("this role signs in with its central account")
	// ErrNoEmergency says that a role would be left without anybody who can sign in
	// when the provider is away.
	ErrNoEmergency = errors.New("no account for emergencies")
	// ErrProviderAway says that a provider or directory does not answer.
	ErrProviderAway = errors.New("the provider of central accounts does not answer")
	// ErrDeclined says that a person, or the provider for them, did not want to.
	ErrDeclined = errors.New("the sign-in was declined at the provider")
	// ErrProviderAnswer says that what it answered cannot be trusted.
	ErrProviderAnswer = errors.New("the provider's answer is not valid")
	// ErrRefused is wrapped by every *Refusal.
	ErrRefused = errors.New("the central account has no place here")
)

// Refusal says why somebody whom the provider knows does not come in. Code is one of
// the Refused constants.
type Refusal struct{ Code string }

// The closed set of refusals.
const (
	RefusedNoRule     = "no_rule"    // none of the groups has a rule
	RefusedBothSides  = "both_sides" // the groups give rights on both sides of what is kept apart
	RefusedOtherSide  = "other_side" // the account is on the other side, and never changes it
	RefusedEmail      = "email"      // without an e-mail, or with one that is not confirmed
	RefusedEmailTaken = "email_taken"
	RefusedEnded      = "ended"
	RefusedLast       = "last" // the last administrator or auditor does not lose the role by a group
)

func (e *Refusal) Error() string { return ErrRefused.Error() + ": " + e.Code }

func (e *Refusal) Unwrap() error { return ErrRefused }

// Identity is what a provider says of somebody. Issuer and Subject together name a
// person for ever; the e-mail does not.
type Identity struct {
	Issuer, Subject string
	Email           string
	Verified        bool // the provider says that the e-mail is theirs
	Name            string
	Groups          []string
}

// Limits of what a provider may say.
const (
	maxSubject    = 255 // bytes (OpenID Connect Core 1.0, section 2)
	maxGroup      = 500
	maxGroups     = 1000
	maxRules      = 500
	awaitedFor    = 7 * 24 * time.Hour
	scimIssuer    = "scim"
	maxIssuer     = 500
	maxGroupsText = 256 << 10
)

// Rule says what the members of a group of the provider are here.
type Rule struct {
	ID        string
	Group     string
	Role      Role
	Team      string // of those who assist
	Level     Level
	Profile   string
	Territory string // of auditors
}

// groupKey makes spellings of the same group equal: case, and spaces around the parts of
// a distinguished name (RFC 4514).
func groupKey(group string) string {
	key := foldCase(strings.TrimSpace(group))
	if !strings.Contains(key, "=") {
		return key
	}
	parts := strings.Split(key, ",")
	for i := range parts {
		name, value, found := strings.Cut(parts[i], "=")
		if parts[i] = strings.TrimSpace(name); found {
			parts[i] += "=" + strings.TrimSpace(value)
		}
	}
	return strings.Join(parts, ",")
}

// Rules lists the table, first first.
func (a *Access) Rules(ctx context.Context) ([]Rule, error) {
	rows, err := rulesIn(ctx, a.db)
	if err != nil {
		return nil, err
	}
	rules := make([]Rule, len(rows))
	for i, r := range rows {
		rules[i] = Rule{ID: r.ID, Group: r.GroupName, Role: r.Role, Team: r.Team, Level: r.Level, Profile: r.Profile, Territory: r.Territory}
	}
	return rules, nil
}

func rulesIn(ctx context.Context, db bun.IDB) ([]ruleRow, error) {
	var rows []ruleRow
	if err := db.NewSelect().Model(&rows).Order("position", "id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	return rows, nil
}

// AddRule puts a rule at the end of the table; it holds at once for everybody whose
// groups are known. Errors: ErrForbidden, *Invalid, ErrOwnAccount.
func (a *Access) AddRule(ctx context.Context, by Account, r Rule) error {
	if !mayManage(by, r.Role) {
		return ErrForbidden
	}
	row, err := r.row()
	if err != nil {
		return err
	}
	row.MadeBy, row.MadeAt = by.ID, time.Now()
	err = a.changeRules(ctx, by, func(ctx context.Context, tx bun.Tx) error {
		if err := known(ctx, tx, row.Team, row.Profile); err != nil {
			return err
		}
		rows, err := rulesIn(ctx, tx)
		if err != nil {
			return err
		}
		if len(rows) >= maxRules {
			return invalid("group", "many", "at most %d rules", maxRules)
		}
		for _, other := range rows {
			row.Position = max(row.Position, other.Position+1)
		}
		if err := affect(ctx, tx.NewInsert().Model(&row).On("CONFLICT (group_key) DO NOTHING"), invalid("group", "taken", "the group has a rule already")); err != nil {
			return err
		}
		return ops.NoteAct(ctx, tx, "central.rule_added", by.ID, row.words())
	})
	if err != nil {
		return fmt.Errorf("add rule: %w", err)
	}
	return nil
}

func (r Rule) row() (ruleRow, error) {
	group, err := ops.CleanLine(strings.TrimSpace(r.Group), maxGroup)
	if err != nil {
		return ruleRow{}, invalid("group", "malformed", "%s", err)
	}
	n := NewAccount{Email: "any@example.org", Name: "any", Role: r.Role, Team: r.Team, Level: r.Level, Profile: r.Profile, Territory: r.Territory}
	if n, err = n.clean(); err != nil {
		return ruleRow{}, err
	}
	if !n.Role.assists() {
		n.Team, n.Level, n.Profile = "", "", ""
	}
	if !n.Role.audits() {
		n.Territory = ""
	}
	return ruleRow{ID: uuid.NewString(), GroupName: group, GroupKey: groupKey(group), Role: n.Role, Team: n.Team, Level: n.Level, Profile: n.Profile, Territory: n.Territory}, nil
}

// DeleteRule takes a rule out of the table; whom no other rule fits is out at once.
// Errors: ErrForbidden, ErrNotFound, ErrOwnAccount.
func (a *Access) DeleteRule(ctx context.Context, by Account, id string) error {
	return a.onRule(ctx, by, id, "central.rule_deleted", func(ctx context.Context, tx bun.Tx, row ruleRow, _ []ruleRow) error {
		_, err := tx.NewDelete().Model(&row).WherePK().Exec(ctx)
		return err
	})
}

// RaiseRule puts a rule before the one that stands above it on the same side. Errors:
// ErrForbidden, ErrNotFound, ErrOwnAccount.
func (a *Access) RaiseRule(ctx context.Context, by Account, id string) error {
	return a.onRule(ctx, by, id, "central.rule_raised", func(ctx context.Context, tx bun.Tx, row ruleRow, rows []ruleRow) error {
		above := -1
		for i := range rows {
			if rows[i].ID == row.ID {
				break
			}
			if rows[i].Role.audits() == row.Role.audits() {
				above = i
			}
		}
		if above < 0 {
			return nil
		}
		other := rows[above]
		row.Position, other.Position = other.Position, row.Position
		for _, r := range []ruleRow{row, other} {
			if _, err := tx.NewUpdate().Model(&r).Column("position").WherePK().Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

func (a *Access) onRule(ctx context.Context, by Account, id, what string, do func(context.Context, bun.Tx, ruleRow, []ruleRow) error) error {
	err := a.changeRules(ctx, by, func(ctx context.Context, tx bun.Tx) error {
		rows, err := rulesIn(ctx, tx)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(rows, func(r ruleRow) bool { return r.ID == id })
		switch {
		case at < 0:
			return ErrNotFound
		case !mayManage(by, rows[at].Role):
			return ErrForbidden
		}
		if err := do(ctx, tx, rows[at], rows); err != nil {
			return err
		}
		return ops.NoteAct(ctx, tx, what, by.ID, rows[at].words())
	})
	if err != nil {
		return fmt.Errorf("change rules: %w", err)
	}
	return nil
}

// changeRules changes the table and what everybody has by it, in one transaction. Nobody
// changes their own rights by it.
func (a *Access) changeRules(ctx context.Context, by Account, change func(context.Context, bun.Tx) error) error {
	return a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if err := change(ctx, tx); err != nil {
			return err
		}
		links, err := deciding(ctx, tx, "")
		if err != nil {
			return err
		}
		rules, err := rulesIn(ctx, tx)
		if err != nil {
			return err
		}
		for _, link := range links {
			row, err := selectAccount(ctx, tx, "account.id = ?", link.AccountID)
			if err != nil {
				return err
			}
			before := *row
			if _, err := reconcile(ctx, tx, rules, row, link); err != nil {
				return err
			}
			if row.ID == by.ID && (row.Role != before.Role || !row.DisabledAt.IsZero()) {
				return ErrOwnAccount
			}
		}
		return a.settleAll(ctx, tx)
	})
}

// deciding returns the link of each account whose groups count, of one account where id
// is not "": SCIM's if there is one, else the last that was seen.
func deciding(ctx context.Context, db bun.IDB, id string) ([]linkRow, error) {
	var rows []linkRow
	q := db.NewSelect().Model(&rows).Order("account_id").OrderExpr("CASE WHEN issuer = ? THEN 0 ELSE 1 END", scimIssuer).Order("seen_at DESC")
	if id != "" {
		q = q.Where("account_id = ?", id)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("links: %w", err)
	}
	return slices.CompactFunc(rows, func(a, b linkRow) bool { return a.AccountID == b.AccountID }), nil
}

// decide finds the rule of somebody with these groups, or says why there is none.
func decide(rules []ruleRow, groups []string) (*ruleRow, string) {
	have := map[string]bool{}
	for _, g := range groups {
		have[groupKey(g)] = true
	}
	var found *ruleRow
	for i := range rules {
		if !have[rules[i].GroupKey] {
			continue
		}
		if found == nil {
			found = &rules[i]
		} else if found.Role.audits() != rules[i].Role.audits() {
			return nil, RefusedBothSides
		}
	}
	if found == nil {
		return nil, RefusedNoRule
	}
	return found, ""
}

// reconcile gives an account what its groups say, and returns why it has nothing. Who is
// out is suspended: sign-ins, tokens and live rights end, and the groups can bring it
// back. An account that somebody ended stays ended.
func reconcile(ctx context.Context, tx bun.Tx, rules []ruleRow, row *accountRow, link linkRow) (refused string, err error) {
	if !row.DisabledAt.IsZero() && !row.Suspended {
		return RefusedEnded, nil
	}
	var groups []string
	if err := json.Unmarshal([]byte(link.GroupNames), &groups); err != nil {
		return "", fmt.Errorf("groups of a link: %w", err)
	}
	rule, refused := decide(rules, groups)
	switch {
	case link.Inactive:
		refused = RefusedEnded
	case refused == "" && link.Issuer == scimIssuer && rule.Role.audits():
		refused = RefusedOtherSide // see settle
	}
	if refused == "" && rule.Role.audits() != row.Role.audits() {
		refused = RefusedOtherSide
	}
	if row.DisabledAt.IsZero() && (refused != "" || rule.Role != row.Role) && (row.Role == Administrator || row.Role == Auditor) {
		switch err := another(ctx, tx, row.Role, row.ID, ErrLastAdministrator); {
		case errors.Is(err, ErrLastAdministrator):
			return RefusedLast, nil
		case err != nil:
			return "", err
		}
	}
	if refused != "" {
		return refused, suspend(ctx, tx, row, link, refused)
	}
	if row.Suspended {
		row.Suspended, row.DisabledAt = false, time.Time{}
		if _, err := tx.NewUpdate().Model(row).Column("suspended", "disabled_at").WherePK().Exec(ctx); err != nil {
			return "", err
		}
		if err := ops.NoteAct(ctx, tx, "account.resumed", ops.ByBroker, map[string]any{"account": row.ID, "issuer": link.Issuer, "group": rule.GroupName}); err != nil {
			return "", err
		}
	}
	before := row.rights()
	row.Role, row.Team, row.Level, row.Profile, row.Territory = rule.Role, rule.Team, rule.Level, rule.Profile, rule.Territory
	if fmt.Sprint(before) == fmt.Sprint(row.rights()) {
		return "", nil
	}
	if _, err := tx.NewUpdate().Model(row).Column("role", "team", "level", "profile", "territory").WherePK().Exec(ctx); err != nil {
		return "", err
	}
	return "", ops.NoteAct(ctx, tx, "account.changed", ops.ByBroker, map[string]any{"account": row.ID, "issuer": link.Issuer, "group": rule.GroupName, "before": before, "after": row.rights()})
}

func suspend(ctx context.Context, tx bun.Tx, row *accountRow, link linkRow, why string) error {
	if row.Suspended {
		return nil
	}
	if err := closeAccount(ctx, tx, row.ID, true); err != nil {
		return err
	}
	row.Suspended, row.DisabledAt = true, time.Now()
	return ops.NoteAct(ctx, tx, "account.suspended", ops.ByBroker, map[string]any{"account": row.ID, "issuer": link.Issuer, "reason": why})
}

type ruleRow struct {
	bun.BaseModel `bun:"table:central_rules,alias:rule"`

	ID        string `bun:",pk"`
	Position  int64
	GroupName string
	GroupKey  string
	Role      Role
	Team      string `bun:",nullzero"`
	Territory string
	Level     Level
	Profile   string `bun:",nullzero"`
	MadeBy    string
	MadeAt    time.Time
}

// words are what the trail says of a rule.
func (r ruleRow) words() map[string]any {
	return map[string]any{"group": r.GroupName, "role": r.Role, "team": r.Team, "level": r.Level, "profile": r.Profile, "territory": r.Territory}
}

type linkRow struct {
	bun.BaseModel `bun:"table:central_links,alias:link"`

	Issuer     string `bun:",pk"`
	Subject    string `bun:",pk"`
	AccountID  string
	GroupNames string
	Inactive   bool // SCIM says that the person is not active
	SeenAt     time.Time
}

func linkOf(ctx context.Context, db bun.IDB, issuer, subject string) (*linkRow, error) {
	row := &linkRow{}
	err := db.NewSelect().Model(row).Where("issuer = ?", issuer).Where("subject = ?", subject).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("link: %w", err)
	}
	return row, nil
}
