package web

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"

	"consento/broker/internal/access"
	"consento/recordings"
)

// Policies keeps who may read recordings, as the auditors signed it.
type Policies interface {
	// Policy is the one in force; false when there is none.
	Policy() (recordings.SignedPolicy, bool)
	// AddPolicy takes the next one. Errors: recordings.ErrMalformed, and
	// recordings.ErrPolicy for one that does not follow from the one before.
	AddPolicy(ctx context.Context, by access.Account, file []byte) (recordings.SignedPolicy, error)
}

// policyFile is the field with the signed policy.
const policyFile = "policy"

// policyPage is the data of the template "audit-policy".
type policyPage struct {
	Account access.Account
	Said    string
	Number  int // 0: there is none
	Made    string
	Root    string
	Hash    string
	Rules   []policyRule
	Escrow  []string
	Copy    bool
}

// policyRule is whose sessions are read by whom.
type policyRule struct {
	Who  string
	How  string
	Keys []string
}

func (w *Web) showPolicy(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	p := w.newPage(r, "audit.policy.title")
	said := ""
	if r.URL.Query().Get("said") == "taken" {
		said = p.T("audit.policy.taken")
	}
	return w.policyPage(rw, by, p, http.StatusOK, said)
}

func (w *Web) policyPage(rw http.ResponseWriter, by access.Account, p *page, status int, said string) error {
	data := policyPage{Account: by, Said: said}
	if current, ok := w.policies.Policy(); ok {
		hash := current.Hash()
		data.Number, data.Made, data.Root, data.Hash, data.Copy = current.Number, minute(p, current.Made), hex.EncodeToString(current.Root), hex.EncodeToString(hash[:]), current.Customer
		for _, t := range current.Teams {
			rule := policyRule{Who: p.T("audit.policy.all"), How: p.T("audit.policy.alone"), Keys: keyNames(t.Recipients)}
			if who := strings.Join(notEmpty(t.Name, t.Territory), ", "); who != "" {
				rule.Who = isolate(who)
			}
			if t.Dual {
				rule.How = p.T("audit.policy.dual")
			}
			data.Rules = append(data.Rules, rule)
		}
		data.Escrow = keyNames(current.Escrow)
	}
	p.Data = data
	return w.show(rw, status, "audit-policy", p)
}

func notEmpty(all ...string) []string {
	var some []string
	for _, s := range all {
		if s != "" {
			some = append(some, s)
		}
	}
	return some
}

func keyNames(to []recordings.Recipient) []string {
	names := make([]string, len(to))
	for i, r := range to {
		names[i] = r.ID()
	}
	return names
}

// changePolicy takes a signed policy. Its signature decides, not who brings it.
func (w *Web) changePolicy(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	if _, err := form(r); err != nil {
		return err
	}
	file, err := uploaded(r, policyFile)
	if err != nil {
		return err
	}
	_, err = w.policies.AddPolicy(r.Context(), by, file)
	what := ""
	switch {
	case errors.Is(err, recordings.ErrMalformed):
		what = "audit.policy.malformed"
	case errors.Is(err, recordings.ErrPolicy):
		what = "audit.policy.refused"
	case err != nil:
		return err
	}
	if what != "" {
		p := w.newPage(r, "audit.policy.title")
		p.Error = p.T(what)
		return w.policyPage(rw, by, p, http.StatusUnprocessableEntity, "")
	}
	http.Redirect(rw, r, "/audit/policy?said=taken", http.StatusSeeOther)
	return nil
}
