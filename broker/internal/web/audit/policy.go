package audit

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"

	"consento/broker/internal/access"
	"consento/broker/internal/web/page"
	"consento/recordings"
)

// Policies keeps who may read recordings, as the auditors signed it.
type Policies interface {
	// Policy is the one in force; false when there is none.
	Policy() (recordings.SignedPolicy, bool)
	// AddPolicy takes the next one. Errors: recordings.ErrMalformed, and
	// recordings.ErrPolicy for one that does not follow from the one before.
	AddPolicy(ctx context.Context, by access.Account, file []byte) (recordings.SignedPolicy, error)
	// Independent says whether a witness signs that is not this broker itself.
	Independent() bool
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
	Changes bool // this account may bring the next one
	Prepare bool // and make it here
	Rewraps bool
	Roots   []rootRow
	Sent    policyData
}

// policyRule is whose sessions are read by whom.
type policyRule struct {
	Who  string
	How  string
	Keys []namedKey
}

type namedKey struct{ ID, Name string }

// rootRow is a copy of the auditors' key.
type rootRow struct {
	PublicKey, Made string
	InForce         bool
}

// policyData is what the page's script makes the next policy of.
type policyData struct {
	File        string            `json:"file"` // of the one in force; "" none
	Keys        []offeredKey      `json:"keys"`
	Escrow      []string          `json:"escrow"` // that was printed; none
	Teams       []string          `json:"teams"`
	Territories []string          `json:"territories"`
	Roots       []lockedRoot      `json:"roots"`
	Texts       map[string]string `json:"texts"`
}

type offeredKey struct {
	Key     string `json:"key"`
	Name    string `json:"name"`
	Auditor bool   `json:"auditor"`
}

type lockedRoot struct {
	PublicKey string `json:"public_key"`
	Wrapped   string `json:"wrapped"`
}

func (ps *Pages) showPolicy(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	p := ps.NewPage(r, "audit.policy.title")
	said := ""
	switch s := r.URL.Query().Get("said"); s {
	case "taken", "root_kept", "root_removed":
		said = p.T("audit.policy." + s)
	}
	return ps.policyPage(rw, r, by, p, http.StatusOK, said)
}

func (ps *Pages) policyPage(rw http.ResponseWriter, r *http.Request, by access.Account, p *page.Page, status int, said string) error {
	data := policyPage{Account: by, Said: said, Changes: access.Can(by, access.ManageRecipients, access.Scope{}), Rewraps: ps.rewraps != nil}
	current, ok := ps.policies.Policy()
	if data.Changes && ps.custody != nil {
		data.Prepare = true
		if err := ps.preparing(r, by, p, &data); err != nil {
			return err
		}
	}
	names := map[string]string{}
	for _, k := range data.Sent.Keys {
		if key, err := recordings.ParseRecipient(k.Key); err == nil {
			names[key.ID()] = k.Name
		}
	}
	if ok {
		hash := current.Hash()
		data.Number, data.Made, data.Root, data.Hash, data.Copy = current.Number, page.Minute(p, current.Made), hex.EncodeToString(current.Root), hex.EncodeToString(hash[:]), current.Customer
		for _, t := range current.Teams {
			rule := policyRule{Who: p.T("audit.policy.all"), How: p.T("audit.policy.alone")}
			if who := strings.Join(notEmpty(t.Name, t.Territory), ", "); who != "" {
				rule.Who = page.Isolate(who)
			}
			if t.Dual {
				rule.How = p.T("audit.policy.dual")
			}
			for _, id := range keyNames(t.Recipients) {
				rule.Keys = append(rule.Keys, namedKey{id, names[id]})
			}
			data.Rules = append(data.Rules, rule)
		}
		data.Escrow = keyNames(current.Escrow)
	}
	p.Data = data
	return ps.Show(rw, status, "audit-policy", p)
}

// preparing fills in what the next policy is made of.
func (ps *Pages) preparing(r *http.Request, by access.Account, p *page.Page, data *policyPage) error {
	sent := policyData{Keys: []offeredKey{}, Escrow: []string{}, Teams: []string{}, Territories: []string{}, Roots: []lockedRoot{}, Texts: p.All("audit.js.")}
	current, ok := ps.policies.Policy()
	if ok {
		sent.File = string(current.Bytes())
	}
	kept, err := ps.custody.KeptKeys(r.Context(), by)
	if err != nil {
		return err
	}
	for _, k := range kept {
		sent.Keys = append(sent.Keys, offeredKey{k.PublicKey, strings.Join(notEmpty(page.Plain(k.Owner), page.Plain(k.Name)), ": "), k.Auditor})
	}
	set, err := ps.custody.EscrowKeys(r.Context(), by)
	if err != nil {
		return err
	}
	for _, key := range set.Keys {
		sent.Escrow = append(sent.Escrow, key.String())
	}
	if ps.people != nil {
		accounts, err := ps.people(r.Context())
		if err != nil {
			return err
		}
		for _, a := range accounts {
			if a.Team != "" && !slices.Contains(sent.Teams, a.Team) {
				sent.Teams = append(sent.Teams, a.Team)
			}
			if a.Territory != "" && !slices.Contains(sent.Territories, a.Territory) {
				sent.Territories = append(sent.Territories, a.Territory)
			}
		}
	}
	roots, err := ps.custody.RootKeys(r.Context(), by)
	if err != nil {
		return err
	}
	for _, k := range roots {
		sent.Roots = append(sent.Roots, lockedRoot{k.PublicKey, k.Wrapped})
		data.Roots = append(data.Roots, rootRow{k.PublicKey, page.Minute(p, k.Made), ok && k.PublicKey == hex.EncodeToString(current.Root)})
	}
	data.Sent = sent
	return nil
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
func (ps *Pages) changePolicy(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	if _, err := page.ReadForm(r); err != nil {
		return err
	}
	file, err := page.Uploaded(r, policyFile)
	if err != nil {
		return err
	}
	_, err = ps.policies.AddPolicy(r.Context(), by, file)
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
		p := ps.NewPage(r, "audit.policy.title")
		p.Error = p.T(what)
		return ps.policyPage(rw, r, by, p, http.StatusUnprocessableEntity, "")
	}
	http.Redirect(rw, r, "/audit/policy?said=taken", http.StatusSeeOther)
	return nil
}

func backToPolicy(rw http.ResponseWriter, r *http.Request, _ access.Account) error {
	http.Redirect(rw, r, "/audit/policy", http.StatusSeeOther)
	return nil
}

// changeRoot keeps or forgets a locked copy of the auditors' key.
func (ps *Pages) changeRoot(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	said := "root_kept"
	switch values.Get("step") {
	case "keep":
		err = ps.custody.KeepRootKey(r.Context(), by, values.Get("public_key"), values.Get("wrapped"))
	case "remove":
		said = "root_removed"
		err = ps.custody.RemoveRootKey(r.Context(), by, values.Get("public_key"))
	default:
		return page.ErrForm
	}
	if errors.Is(err, access.ErrInvalid) || errors.Is(err, access.ErrNotFound) {
		p := ps.NewPage(r, "audit.policy.title")
		p.Error = p.T("audit.keys.refused")
		return ps.policyPage(rw, r, by, p, http.StatusUnprocessableEntity, "")
	}
	if err != nil {
		return err
	}
	http.Redirect(rw, r, "/audit/policy?said="+said, http.StatusSeeOther)
	return nil
}
