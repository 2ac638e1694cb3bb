package audit

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/evidence"
	"consento/broker/internal/web/page"
	"consento/recordings/translog"
)

// Custody keeps what auditors' browsers made besides their own keys: locked copies of
// the key that signs policies, and the public halves of the printed keys. Every
// method is for auditors alone.
type Custody interface {
	RootKeys(ctx context.Context, by access.Account) ([]access.RootKey, error)
	KeepRootKey(ctx context.Context, by access.Account, publicKey, wrapped string) error
	RemoveRootKey(ctx context.Context, by access.Account, publicKey string) error
	EscrowKeys(ctx context.Context, by access.Account) (access.EscrowSet, error)
	PrepareEscrow(ctx context.Context, by access.Account, publicKeys [3]string) error
	KeptKeys(ctx context.Context, by access.Account) ([]access.KeptKey, error)
}

// custodyRoutes lists the addresses of set-up, signature and re-wrapping.
func (ps *Pages) custodyRoutes() []page.Route {
	auditor := ps.forAuditors
	// The administrator sees who may read, and cannot change it.
	routes := []page.Route{page.At("/audit/policy", ps.May(ps.auditTold(ps.showPolicy), access.ReadEvidence, access.ReadTrail, access.ManageOffice), auditor(ps.changePolicy)).UpTo(translog.MaxPolicy + page.MaxForm)}
	if ps.custody != nil {
		routes = append(routes,
			page.At("/audit/escrow", auditor(ps.showEscrow), auditor(ps.prepareEscrow)),
			page.At("/audit/root", auditor(backToPolicy), auditor(ps.changeRoot)))
	}
	if ps.rewraps != nil {
		routes = append(routes,
			page.At("/audit/rewrap", auditor(ps.showRewrap)),
			page.At("/audit/rewrap/next", auditor(backToRewrap), auditor(ps.nextBags)),
			page.At("/audit/rewrap/{id}/{n}", auditor(backToRewrap), auditor(ps.takeBag)),
			page.At("/audit/rewrap/{id}/{n}/log", auditor(backToRewrap), auditor(ps.takeLogKeys)).UpTo(evidence.MaxLogKeys))
	}
	return routes
}

// escrowPage is the data of the template "audit-escrow".
type escrowPage struct {
	Account access.Account
	Said    string
	State   string // in words
	Warn    bool
	Keys    []string // names of the newest set
	Made    string
	Day     string
	Sent    textsData
}

// textsData is what a page's script is given that needs words alone.
type textsData struct {
	Texts map[string]string `json:"texts"`
}

func (ps *Pages) showEscrow(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	p := ps.NewPage(r, "audit.escrow.title")
	said := ""
	if r.URL.Query().Get("said") == "prepared" {
		said = p.T("audit.escrow.prepared")
	}
	return ps.escrowPage(rw, r, by, p, http.StatusOK, said)
}

func (ps *Pages) escrowPage(rw http.ResponseWriter, r *http.Request, by access.Account, p *page.Page, status int, said string) error {
	set, err := ps.custody.EscrowKeys(r.Context(), by)
	if err != nil {
		return err
	}
	data := escrowPage{Account: by, Said: said, Day: page.Day(p, time.Now()), Sent: textsData{p.All("audit.js.")}}
	state := ps.escrowState(set)
	data.State, data.Warn = p.T("audit.escrow.state."+state), state != "named"
	if len(set.Keys) > 0 {
		data.Keys, data.Made = keyNames(set.Keys), page.Minute(p, set.Made)
	}
	p.Data = data
	return ps.Show(rw, status, "audit-escrow", p)
}

// escrowState says how far the office is with its printed keys: none, printed (no
// policy names them yet) or named by the policy in force.
func (ps *Pages) escrowState(set access.EscrowSet) string {
	current, ok := ps.policies.Policy()
	named := keyNames(current.Escrow)
	switch {
	case len(set.Keys) > 0 && !slices.Equal(keyNames(set.Keys), named):
		return "printed"
	case ok && len(named) == 3:
		return "named"
	}
	return "none"
}

// prepareEscrow takes the public halves of what was printed.
func (ps *Pages) prepareEscrow(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	err = ps.custody.PrepareEscrow(r.Context(), by, [3]string{values.Get("key1"), values.Get("key2"), values.Get("key3")})
	if errors.Is(err, access.ErrInvalid) {
		p := ps.NewPage(r, "audit.escrow.title")
		p.Error = p.T("audit.keys.refused")
		return ps.escrowPage(rw, r, by, p, http.StatusUnprocessableEntity, "")
	}
	if err != nil {
		return err
	}
	http.Redirect(rw, r, "/audit/escrow?said=prepared", http.StatusSeeOther)
	return nil
}

// guardStep is one line of what auditors have to set up.
type guardStep struct {
	Done       bool
	Text, Path string
}

// guardSteps lists it; nil when all is done, or nothing of it can be done here.
func (ps *Pages) guardSteps(r *http.Request, by access.Account, p *page.Page) ([]guardStep, error) {
	if ps.custody == nil || ps.policies == nil {
		return nil, nil
	}
	keys, err := ps.keys.AuditorKeys(r.Context(), by)
	if err != nil {
		return nil, err
	}
	set, err := ps.custody.EscrowKeys(r.Context(), by)
	if err != nil {
		return nil, err
	}
	escrow := ps.escrowState(set)
	_, signed := ps.policies.Policy()
	steps := []guardStep{
		{len(keys) > 0, "audit.steps.key", "/audit/keys"},
		{escrow == "named", "audit.steps.escrow", "/audit/escrow"},
		{signed, "audit.steps.policy", "/audit/policy"},
		{ps.policies.Independent(), "audit.steps.witness", ""},
	}
	if escrow == "printed" {
		steps[1].Text, steps[1].Path = "audit.steps.escrow_next", "/audit/policy"
	}
	done := true
	for i, s := range steps {
		done = done && s.Done
		steps[i].Text = p.T(s.Text)
	}
	if done {
		return nil, nil
	}
	return steps, nil
}

// Unguarded says whether recordings are made that nobody can read once the auditors'
// keys are lost.
func (ps *Pages) Unguarded() bool {
	if ps.policies == nil {
		return false
	}
	current, _ := ps.policies.Policy()
	return len(current.Escrow) == 0
}
