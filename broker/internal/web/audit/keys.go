package audit

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"

	"consento/broker/internal/access"
	"consento/broker/internal/web/page"
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
	RP        string // what passkeys are bound to, "" there can be none
}

type keyRow struct {
	ID, Name, PublicKey, Made string
	Passkeys                  []passkeyRow
}

type passkeyRow struct{ Credential, Name, Made string }

type keysData struct {
	Keys  []playKey         `json:"keys"`
	For   passkeyOwner      `json:"passkeys_for"`
	Texts map[string]string `json:"texts"`
}

// passkeyOwner is what an authenticator is told of a new passkey.
type passkeyOwner struct {
	RP     string `json:"rp"`
	Office string `json:"office"`
	Person string `json:"person"`
}

// relyingParty is what passkeys are bound to (W3C WebAuthn level 3, "RP ID"): the host
// of the public address; "" for a number, which no passkey can be bound to.
func (ps *Pages) relyingParty() string {
	u, err := url.Parse(ps.PublicURL)
	if err != nil || net.ParseIP(u.Hostname()) != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

func (ps *Pages) showKeys(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	p := ps.NewPage(r, "audit.keys.title")
	said := ""
	switch s := r.URL.Query().Get("said"); s {
	case "added", "removed", "relocked", "passkey_added", "passkey_removed":
		said = p.T("audit.keys." + s)
	}
	return ps.keysPage(rw, r, by, p, http.StatusOK, said)
}

func (ps *Pages) keysPage(rw http.ResponseWriter, r *http.Request, by access.Account, p *page.Page, status int, said string) error {
	keys, err := ps.keys.AuditorKeys(r.Context(), by)
	if err != nil {
		return err
	}
	data := keysPage{Account: by, Said: said, Policy: ps.policies != nil, Escrow: ps.custody != nil, Unguarded: ps.Unguarded(), RP: ps.relyingParty(), Keep: keysData{Keys: []playKey{}, Texts: p.All("audit.js.")}}
	data.Keep.For = passkeyOwner{RP: data.RP, Office: p.Office.Name, Person: by.Name}
	for _, k := range keys {
		row := keyRow{ID: k.ID, Name: k.Name, PublicKey: k.PublicKey, Made: page.Minute(p, k.Made)}
		for _, pk := range k.Passkeys {
			row.Passkeys = append(row.Passkeys, passkeyRow{Credential: pk.Credential, Name: pk.Name, Made: page.Minute(p, pk.Made)})
		}
		data.Keys = append(data.Keys, row)
		data.Keep.Keys = append(data.Keep.Keys, playKeyOf(k))
	}
	p.Data = data
	return ps.Show(rw, status, "audit-keys", p)
}

// changeKeys keeps or forgets a key, or a passkey of one.
func (ps *Pages) changeKeys(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	said := "added"
	switch values.Get("step") {
	case "add":
		n := access.NewAuditorKey{Name: values.Get("name"), PublicKey: values.Get("public_key"), Wrapped: values.Get("wrapped")}
		if values.Get("credential") != "" {
			passkey := newPasskey(values)
			n.Passkey = &passkey
		}
		_, err = ps.keys.AddAuditorKey(r.Context(), by, n)
	case "remove":
		said = "removed"
		err = ps.keys.RemoveAuditorKey(r.Context(), by, values.Get("id"))
	case "relock":
		said = "relocked"
		err = ps.keys.RelockAuditorKey(r.Context(), by, values.Get("id"), values.Get("wrapped"))
	case "passkey":
		said = "passkey_added"
		err = ps.keys.AddPasskey(r.Context(), by, values.Get("id"), newPasskey(values))
	case "passkey_remove":
		said = "passkey_removed"
		err = ps.keys.RemovePasskey(r.Context(), by, values.Get("id"), values.Get("credential"))
	default:
		return page.ErrForm
	}
	var wrong *access.Invalid
	if errors.As(err, &wrong) || errors.Is(err, access.ErrNotFound) {
		p := ps.NewPage(r, "audit.keys.title")
		p.Error = p.T("audit.keys." + refusedKey(values.Get("step"), wrong))
		return ps.keysPage(rw, r, by, p, http.StatusUnprocessableEntity, "")
	}
	if err != nil {
		return err
	}
	http.Redirect(rw, r, "/audit/keys?said="+said, http.StatusSeeOther)
	return nil
}

// refusedKey names the words for a change that was not accepted; wrong is nil where
// what should change is not there.
func refusedKey(step string, wrong *access.Invalid) string {
	switch {
	case wrong == nil && strings.HasPrefix(step, "passkey"):
		return "passkey_refused"
	case wrong == nil:
		return "refused"
	case wrong.Field == "public_key" && wrong.Code == "taken":
		return "taken"
	case wrong.Field == "credential" && wrong.Code == "taken":
		return "passkey_taken"
	case wrong.Field == "passkey" && wrong.Code == "too_many":
		return "passkey_many"
	case wrong.Field == "credential", wrong.Field == "passkey", wrong.Field == "passkey_name":
		return "passkey_refused"
	}
	return "refused"
}

func newPasskey(values url.Values) access.NewPasskey {
	return access.NewPasskey{Credential: values.Get("credential"), Name: values.Get("passkey_name"), Wrapped: values.Get("passkey")}
}

func playKeyOf(k access.AuditorKey) playKey {
	key := playKey{ID: k.ID, Name: k.Name, Wrapped: k.Wrapped, Passkeys: []playPasskey{}}
	for _, pk := range k.Passkeys {
		key.Passkeys = append(key.Passkeys, playPasskey{pk.Credential, pk.Wrapped})
	}
	return key
}

// lockedKeys are the account's own keys, for the browser to unlock; of who is no
// auditor there are none here.
func (ps *Pages) lockedKeys(r *http.Request, by access.Account) ([]playKey, error) {
	keys, err := ps.keys.AuditorKeys(r.Context(), by)
	if err != nil && !errors.Is(err, access.ErrForbidden) {
		return nil, err
	}
	locked := []playKey{}
	for _, k := range keys {
		locked = append(locked, playKeyOf(k))
	}
	return locked, nil
}
