package admin

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"consento/broker/internal/access"
	"consento/broker/internal/web/page"
)

// rulesPage is the data of the template "admin-signin".
type rulesPage struct {
	Before string // what was seen, for who saves
	Rules  []ruleFields
}

type ruleFields struct {
	Role   string // in words
	Second page.Choice
	Days   page.Input
}

func (ps *Pages) showRules(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	rules, err := ps.managedRules(r, by)
	if err != nil {
		return err
	}
	return ps.rulesForm(rw, r, by, http.StatusOK, rules, encodeRules(rules), nil, "")
}

// managedRules are those of the roles that an account manages.
func (ps *Pages) managedRules(r *http.Request, by access.Account) (list []access.SignInRule, _ error) {
	rules, err := ps.roster.SignInRules(r.Context())
	if err != nil {
		return nil, err
	}
	for _, rule := range rules {
		if mayManage(by, rule.Role) {
			list = append(list, rule)
		}
	}
	return list, nil
}

// rulesForm shows rules; typed are the days as somebody wrote them, by field.
func (ps *Pages) rulesForm(rw http.ResponseWriter, r *http.Request, by access.Account, status int, rules []access.SignInRule, before string, typed map[string]string, problem string) error {
	p := ps.NewPage(r, "admin.signin.title")
	data := rulesPage{Before: before}
	for _, rule := range rules {
		name := string(rule.Role) + ".password_days"
		days := formField(p, "signin.password_days", name, strconv.Itoa(rule.PasswordDays), 4, "")
		days.Type = "number"
		if text, wrong := typed[name]; wrong {
			days.Value, days.Error = text, p.T("admin.error.password_days", "least", strconv.Itoa(access.LeastPasswordDays), "most", strconv.Itoa(access.MostPasswordDays))
			p.Error = p.T("account.error.some")
		}
		data.Rules = append(data.Rules, ruleFields{Role: p.T("signin.role." + string(rule.Role)), Days: days,
			Second: page.Choice{Name: string(rule.Role) + ".second_factor", Label: p.T("admin.signin.second_factor"), On: rule.SecondFactor}})
	}
	if problem != "" {
		p.Error = p.T(problem)
	}
	return ps.Admin(rw, r, by, status, "admin-signin", p, data)
}

func (ps *Pages) changeRules(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	rules, err := ps.managedRules(r, by)
	if err != nil {
		return err
	}
	before, typed := decodeRules(page.Limited(values.Get("before"), 512)), map[string]string{}
	for i := range rules {
		rules[i].SecondFactor = values.Get(string(rules[i].Role)+".second_factor") != ""
		name := string(rules[i].Role) + ".password_days"
		days, err := strconv.Atoi(strings.TrimSpace(values.Get(name)))
		if err != nil || days != 0 && (days < access.LeastPasswordDays || days > access.MostPasswordDays) {
			typed[name] = page.Limited(values.Get(name), 40)
			continue
		}
		rules[i].PasswordDays = days
	}
	if len(typed) > 0 {
		return ps.rulesForm(rw, r, by, http.StatusUnprocessableEntity, rules, values.Get("before"), typed, "")
	}
	err = ps.roster.ChangeSignInRules(r.Context(), by, before, rules)
	switch {
	case errors.Is(err, access.ErrStale):
		now, err := ps.managedRules(r, by)
		if err != nil {
			return err
		}
		return ps.rulesForm(rw, r, by, http.StatusConflict, rules, encodeRules(now), nil, "admin.signin.stale")
	case errors.Is(err, access.ErrInvalid), errors.Is(err, access.ErrForbidden):
		return page.ErrForm // no page offers it
	case err != nil:
		return err
	}
	http.Redirect(rw, r, "/admin/signin?saved=signin", http.StatusSeeOther)
	return nil
}

// encodeRules writes role:second:days, by commas.
func encodeRules(rules []access.SignInRule) string {
	parts := make([]string, len(rules))
	for i, r := range rules {
		parts[i] = fmt.Sprintf("%s:%t:%d", r.Role, r.SecondFactor, r.PasswordDays)
	}
	return strings.Join(parts, ",")
}

// decodeRules reads what encodeRules wrote; anything else gives what nobody has seen.
func decodeRules(text string) (rules []access.SignInRule) {
	for part := range strings.SplitSeq(text, ",") {
		f := strings.Split(part, ":")
		if len(f) != 3 {
			return nil
		}
		days, err := strconv.Atoi(f[2])
		if err != nil {
			return nil
		}
		rules = append(rules, access.SignInRule{Role: access.Role(f[0]), SecondFactor: f[1] == "true", PasswordDays: days})
	}
	return rules
}
