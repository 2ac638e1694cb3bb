package web

import (
	"errors"
	"net/http"

	"consento/broker/internal/access"
)

// keysPage is the data of the template "audit-keys".
type keysPage struct {
	Account access.Account
	Said    string
	Keys    []keyRow
	Keep    keysData
	Policy  bool // there is a page of who may read
	Escrow  bool // and one of the printed keys
	// Unguarded: recordings are made that nobody reads once the auditors' keys are lost.
	Unguarded bool
}

type keyRow struct{ ID, Name, PublicKey, Made string }

type keysData struct {
	Keys  []playKey         `json:"keys"`
	Texts map[string]string `json:"texts"`
}

func (w *Web) showKeys(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	p := w.newPage(r, "audit.keys.title")
	said := ""
	switch s := r.URL.Query().Get("said"); s {
	case "added", "removed":
		said = p.T("audit.keys." + s)
	}
	return w.keysPage(rw, r, by, p, http.StatusOK, said)
}

func (w *Web) keysPage(rw http.ResponseWriter, r *http.Request, by access.Account, p *page, status int, said string) error {
	keys, err := w.auditorKeys.AuditorKeys(r.Context(), by)
	if err != nil {
		return err
	}
	data := keysPage{Account: by, Said: said, Policy: w.policies != nil, Escrow: w.custody != nil, Unguarded: w.unguarded(), Keep: keysData{Keys: []playKey{}, Texts: p.All("audit.js.")}}
	for _, k := range keys {
		data.Keys = append(data.Keys, keyRow{ID: k.ID, Name: k.Name, PublicKey: k.PublicKey, Made: minute(p, k.Made)})
		data.Keep.Keys = append(data.Keep.Keys, playKey{ID: k.ID, Name: k.Name, Wrapped: k.Wrapped})
	}
	p.Data = data
	return w.show(rw, status, "audit-keys", p)
}

// changeKeys keeps or forgets a key.
func (w *Web) changeKeys(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := form(r)
	if err != nil {
		return err
	}
	said := "added"
	switch values.Get("step") {
	case "add":
		_, err = w.auditorKeys.AddAuditorKey(r.Context(), by, access.NewAuditorKey{Name: values.Get("name"), PublicKey: values.Get("public_key"), Wrapped: values.Get("wrapped")})
	case "remove":
		said = "removed"
		err = w.auditorKeys.RemoveAuditorKey(r.Context(), by, values.Get("id"))
	default:
		return errForm
	}
	var wrong *access.Invalid
	if errors.As(err, &wrong) || errors.Is(err, access.ErrNotFound) {
		p := w.newPage(r, "audit.keys.title")
		p.Error = p.T("audit.keys.refused")
		if wrong != nil && wrong.Code == "taken" {
			p.Error = p.T("audit.keys.taken")
		}
		return w.keysPage(rw, r, by, p, http.StatusUnprocessableEntity, "")
	}
	if err != nil {
		return err
	}
	http.Redirect(rw, r, "/audit/keys?said="+said, http.StatusSeeOther)
	return nil
}

// lockedKeys are the account's own keys, for the browser to unlock; of who is no
// auditor there are none here.
func (w *Web) lockedKeys(r *http.Request, by access.Account) ([]playKey, error) {
	keys, err := w.auditorKeys.AuditorKeys(r.Context(), by)
	if err != nil && !errors.Is(err, access.ErrForbidden) {
		return nil, err
	}
	locked := []playKey{}
	for _, k := range keys {
		locked = append(locked, playKey{ID: k.ID, Name: k.Name, Wrapped: k.Wrapped})
	}
	return locked, nil
}
