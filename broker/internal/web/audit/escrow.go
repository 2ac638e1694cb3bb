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
func (w *Pages) custodyRoutes() []page.Route {
	auditor := w.forAuditors
	// The administrator sees who may read, and cannot change it.
	routes := []page.Route{page.At("/audit/policy", w.May(w.auditTold(w.showPolicy), access.ReadEvidence, access.ReadTrail, access.ManageOffice), auditor(w.changePolicy)).UpTo(translog.MaxPolicy + page.MaxForm)}
	if w.custody != nil {
		routes = append(routes,
			page.At("/audit/escrow", auditor(w.showEscrow), auditor(w.prepareEscrow)),
			page.At("/audit/root", auditor(backToPolicy), auditor(w.changeRoot)))
	}
	if w.rewraps != nil {
		routes = append(routes,
			page.At("/audit/rewrap", auditor(w.showRewrap)),
			page.At("/audit/rewrap/next", auditor(backToRewrap), auditor(w.nextBags)),
			page.At("/audit/rewrap/{id}/{n}", auditor(backToRewrap), auditor(w.takeBag)),
			page.At("/audit/rewrap/{id}/{n}/log", auditor(backToRewrap), auditor(w.takeLogKeys)).UpTo(evidence.MaxLogKeys))
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

func (w *Pages) showEscrow(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	p := w.NewPage(r, "audit.escrow.title")
	said := ""
	if r.URL.Query().Get("said") == "prepared" {
		said = p.T("audit.escrow.prepared")
	}
	return w.escrowPage(rw, r, by, p, http.StatusOK, said)
}

func (w *Pages) escrowPage(rw http.ResponseWriter, r *http.Request, by access.Account, p *page.Page, status int, said string) error {
	set, err := w.custody.EscrowKeys(r.Context(), by)
	if err != nil {
		return err
	}
	data := escrowPage{Account: by, Said: said, Day: page.Day(p, time.Now()), Sent: textsData{p.All("audit.js.")}}
	state := w.escrowState(set)
	data.State, data.Warn = p.T("audit.escrow.state."+state), state != "named"
	if len(set.Keys) > 0 {
		data.Keys, data.Made = keyNames(set.Keys), page.Minute(p, set.Made)
	}
	p.Data = data
	return w.Show(rw, status, "audit-escrow", p)
}

// escrowState says how far the office is with its printed keys: none, printed (no
// policy names them yet) or named by the policy in force.
func (w *Pages) escrowState(set access.EscrowSet) string {
	current, ok := w.policies.Policy()
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
func (w *Pages) prepareEscrow(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	err = w.custody.PrepareEscrow(r.Context(), by, [3]string{values.Get("key1"), values.Get("key2"), values.Get("key3")})
	if errors.Is(err, access.ErrInvalid) {
		p := w.NewPage(r, "audit.escrow.title")
		p.Error = p.T("audit.keys.refused")
		return w.escrowPage(rw, r, by, p, http.StatusUnprocessableEntity, "")
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
func (w *Pages) guardSteps(r *http.Request, by access.Account, p *page.Page) ([]guardStep, error) {
	if w.custody == nil || w.policies == nil {
		return nil, nil
	}
	keys, err := w.keys.AuditorKeys(r.Context(), by)
	if err != nil {
		return nil, err
	}
	set, err := w.custody.EscrowKeys(r.Context(), by)
	if err != nil {
		return nil, err
	}
	escrow := w.escrowState(set)
	_, signed := w.policies.Policy()
	steps := []guardStep{
		{len(keys) > 0, "audit.steps.key", "/audit/keys"},
		{escrow == "named", "audit.steps.escrow", "/audit/escrow"},
		{signed, "audit.steps.policy", "/audit/policy"},
		{w.policies.Independent(), "audit.steps.witness", ""},
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
func (w *Pages) Unguarded() bool {
	if w.policies == nil {
		return false
	}
	current, _ := w.policies.Policy()
	return len(current.Escrow) == 0
}
