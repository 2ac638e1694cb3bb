package access

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"consento/broker/internal/ops"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/uptrace/bun"
)

var (
	// ErrPasskey says that what a browser sent is no proof: another passkey, an old question,
	// or nobody was checked.
	ErrPasskey = errors.New("the passkey was not accepted")
	// ErrPasskeyCopied says that a passkey's counter went back: there may be two of it.
	ErrPasskeyCopied = errors.New("the passkey's counter went back: it may have been copied")
	// ErrNoPasskeys says that the public address is no name, and passkeys need one.
	ErrNoPasskeys = errors.New("passkeys need a public address that is a name")
)

const (
	maxOwnPasskeys = 10
	// maxPasskeyAnswer bounds what a browser sends, in bytes.
	maxPasskeyAnswer = 16 << 10
	ceremonyFor      = 5 * time.Minute
)

// What a passkey is asked for.
const (
	forAdding  = "add"
	forSignIn  = "signin"
	forSecond  = "second"
	forConfirm = "confirm"
)

// OwnPasskey signs its owner in.
type OwnPasskey struct {
	ID         string // base64url
	Name       string
	Made, Used time.Time // Used is zero before the first time
}

// newWebAuthn returns what checks passkeys, nil where there can be none.
func newWebAuthn(publicURL string) (*webauthn.WebAuthn, error) {
	u, err := url.Parse(publicURL)
	if err != nil {
		return nil, fmt.Errorf("access: public address: %w", err)
	}
	host := u.Hostname()
	if _, err := netip.ParseAddr(host); err == nil || host == "" {
		return nil, nil // WebAuthn level 3, section 5.1.2: an RP ID is a domain
	}
	timeout := webauthn.TimeoutConfig{Enforce: true, Timeout: ceremonyFor, TimeoutUVD: ceremonyFor}
	w, err := webauthn.New(&webauthn.Config{RPID: host, RPDisplayName: "Consento", RPOrigins: []string{u.Scheme + "://" + u.Host}, AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(), UserVerification: protocol.VerificationRequired},
		Timeouts:               webauthn.TimeoutsConfig{Login: timeout, Registration: timeout}})
	if err != nil {
		return nil, fmt.Errorf("access: passkeys: %w", err)
	}
	return w, nil
}

// owner is an account as WebAuthn sees it. The handle is the account's id, which is random.
type owner struct {
	account     Account
	credentials []webauthn.Credential
}

func (o owner) WebAuthnID() []byte                         { return []byte(o.account.ID) }
func (o owner) WebAuthnName() string                       { return o.account.Email }
func (o owner) WebAuthnDisplayName() string                { return o.account.Name }
func (o owner) WebAuthnCredentials() []webauthn.Credential { return o.credentials }

func (a *Access) ownerOf(ctx context.Context, account Account) (owner, error) {
	o := owner{account: account}
	var rows []ownPasskeyRow
	if err := a.db.NewSelect().Model(&rows).Where("account_id = ?", account.ID).Order("made_at", "credential").Scan(ctx); err != nil {
		return o, fmt.Errorf("passkeys: %w", err)
	}
	for _, row := range rows {
		var c webauthn.Credential
		if err := json.Unmarshal([]byte(row.Data), &c); err != nil {
			return o, fmt.Errorf("passkey %s: %w", row.Credential, err)
		}
		o.credentials = append(o.credentials, c)
	}
	return o, nil
}

// BeginPasskey asks for a passkey: to add one (add), or to prove one, for what the sender of
// r stands at: to sign in, as second factor on the way in, or to confirm who they are. It
// returns what the browser's navigator.credentials takes, as JSON. Errors: ErrNoPasskeys,
// ErrUnproven, ErrThrottled, *Invalid for the field passkey (too_many).
func (a *Access) BeginPasskey(r *http.Request, add bool) ([]byte, error) {
	ctx := r.Context()
	if ctx.Value(signInKey) == nil {
		return nil, ErrNoSignIn
	}
	if a.webauthn == nil {
		return nil, ErrNoPasskeys
	}
	var options any
	var session *webauthn.SessionData
	what := forSignIn
	arrival, arriving := Arriving(r)
	current, in := Current(r)
	switch {
	case add:
		what = forAdding
		account, err := a.changer(r)
		if err != nil {
			return nil, err
		}
		o, err := a.ownerOf(ctx, account)
		if err != nil {
			return nil, err
		}
		if len(o.credentials) >= maxOwnPasskeys {
			return nil, invalid("passkey", "too_many", "more than %d passkeys", maxOwnPasskeys)
		}
		options, session, err = a.webauthn.BeginRegistration(o, webauthn.WithExclusions(webauthn.Credentials(o.credentials).CredentialDescriptors()))
		if err != nil {
			return nil, fmt.Errorf("passkey: %w", err)
		}
	case arriving && arrival.Step == StepSecond, in:
		account := current
		if what = forConfirm; !in {
			what, account = forSecond, arrival.Account
		}
		o, err := a.ownerOf(ctx, account)
		if err != nil {
			return nil, err
		}
		if len(o.credentials) == 0 {
			return nil, ErrPasskey
		}
		if options, session, err = a.webauthn.BeginLogin(o, webauthn.WithUserVerification(protocol.VerificationRequired)); err != nil {
			return nil, fmt.Errorf("passkey: %w", err)
		}
	default:
		// Each question is kept until it is answered: it counts as a try of this address.
		if err := a.addresses.take(network(r)); err != nil {
			return nil, err
		}
		var err error
		if options, session, err = a.webauthn.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired)); err != nil {
			return nil, fmt.Errorf("passkey: %w", err)
		}
		a.sessions.SetDeadline(ctx, time.Now().Add(ceremonyFor))
	}
	kept, err := json.Marshal(session)
	if err != nil {
		return nil, err
	}
	a.sessions.Put(ctx, keyCeremony, what+" "+string(kept))
	return json.Marshal(options)
}

// ceremony takes the question that was asked for what, so that it is answered once.
func (a *Access) ceremony(ctx context.Context, what string) (webauthn.SessionData, error) {
	var session webauthn.SessionData
	asked, kept, _ := strings.Cut(a.sessions.PopString(ctx, keyCeremony), " ")
	if asked != what || json.Unmarshal([]byte(kept), &session) != nil || session.Expires.IsZero() || time.Now().After(session.Expires) {
		return session, ErrPasskey
	}
	return session, nil
}

// AddOwnPasskey takes what navigator.credentials.create answered. It returns recovery codes
// where there were none, to be shown this once, and the next step of a sign-in. Errors:
// ErrPasskey, ErrUnproven, *Invalid for the fields passkey_name and passkey.
func (a *Access) AddOwnPasskey(r *http.Request, name, answer string) (codes []string, next Step, _ error) {
	account, err := a.changer(r)
	if err != nil {
		return nil, "", err
	}
	if a.webauthn == nil {
		return nil, "", ErrNoPasskeys
	}
	ctx := r.Context()
	if name, err = ops.CleanLine(name, maxName); err != nil {
		return nil, "", invalid("passkey_name", "malformed", "%s", err)
	}
	session, err := a.ceremony(ctx, forAdding)
	if err != nil {
		return nil, "", err
	}
	parsed, err := parseCreated(answer)
	if err != nil {
		return nil, "", err
	}
	o, err := a.ownerOf(ctx, account)
	if err != nil {
		return nil, "", err
	}
	credential, err := a.webauthn.CreateCredential(o, session, parsed)
	if err != nil {
		a.log.InfoContext(ctx, "passkey not added", "reason", err)
		return nil, "", ErrPasskey
	}
	credential.Attestation = webauthn.CredentialAttestation{} // nobody asked for it
	data, err := json.Marshal(credential)
	if err != nil {
		return nil, "", err
	}
	err = a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if err := present(ctx, tx, account); err != nil {
			return err
		}
		row := ownPasskeyRow{Credential: credentialID(credential.ID), AccountID: account.ID, Name: name, Data: string(data), MadeAt: time.Now()}
		if err := affect(ctx, tx.NewInsert().Model(&row).On("CONFLICT (credential) DO NOTHING"), ErrPasskey); err != nil {
			return err
		}
		if err := ops.NoteAct(ctx, tx, "signin_passkey.added", account.ID, map[string]any{"name": name}); err != nil {
			return err
		}
		codes, err = a.firstCodes(ctx, tx, account)
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("add passkey: %w", err)
	}
	if _, arriving := Arriving(r); arriving {
		next, err = a.advance(ctx, account, "passkey")
	}
	return codes, next, err
}

// UsePasskey takes what navigator.credentials.get answered: it signs in who is nobody yet,
// is the second factor of who is on the way in, and confirms who is signed in. It returns
// the next step of a sign-in. Errors: ErrPasskey, ErrPasskeyCopied, ErrThrottled,
// ErrCredentials for an account that ended, ErrCentralOnly.
func (a *Access) UsePasskey(r *http.Request, answer string) (Step, error) {
	ctx := r.Context()
	if ctx.Value(signInKey) == nil {
		return "", ErrNoSignIn
	}
	if a.webauthn == nil {
		return "", ErrNoPasskeys
	}
	parsed, err := parseGot(answer)
	if err != nil {
		return "", err
	}
	arrival, arriving := Arriving(r)
	current, in := Current(r)
	switch {
	case arriving && arrival.Step == StepSecond:
		if err := a.knownPasskey(ctx, arrival.Account, forSecond, parsed); err != nil {
			return "", err
		}
		return a.advance(ctx, arrival.Account, "passkey")
	case in:
		if err := a.knownPasskey(ctx, current, forConfirm, parsed); err != nil {
			return "", err
		}
		a.sessions.Put(ctx, keyProved, time.Now().UTC().Format(time.RFC3339))
		return "", nil
	}
	session, err := a.ceremony(ctx, forSignIn)
	if err != nil {
		return "", err
	}
	var row *accountRow
	_, credential, err := a.webauthn.ValidatePasskeyLogin(func(_, handle []byte) (_ webauthn.User, err error) {
		if row, err = selectAccount(ctx, a.db, "account.id = ?", string(handle)); err != nil {
			return nil, err
		}
		account, err := row.account()
		if err != nil {
			return nil, err
		}
		return a.ownerOf(ctx, account)
	}, session, parsed)
	if err != nil {
		a.log.InfoContext(ctx, "sign-in refused", "reason", "passkey")
		return "", ErrPasskey
	}
	if !row.DisabledAt.IsZero() || row.Central {
		return "", ErrCredentials
	}
	if err := a.passwordAllowed(ctx, row); err != nil { // nor by a passkey
		return "", err
	}
	if err := a.passkeyUsed(ctx, row.ID, credential); err != nil {
		return "", err
	}
	a.addresses.giveBack(network(r))
	account, err := row.account()
	if err != nil {
		return "", err
	}
	return a.Enter(r, account, "passkey", nil, "")
}

// knownPasskey checks the answer of somebody whose account is known.
func (a *Access) knownPasskey(ctx context.Context, account Account, what string, parsed *protocol.ParsedCredentialAssertionData) error {
	session, err := a.ceremony(ctx, what)
	if err != nil {
		return err
	}
	o, err := a.ownerOf(ctx, account)
	if err != nil {
		return err
	}
	credential, err := a.webauthn.ValidateLogin(o, session, parsed)
	if err != nil {
		a.log.InfoContext(ctx, "passkey refused", "for", what)
		return ErrPasskey
	}
	return a.passkeyUsed(ctx, account.ID, credential)
}

// passkeyUsed keeps the new counter. A counter that went back is refused, and noted: the
// library leaves the stored one as it was, so the copy stays out until the passkey is removed.
func (a *Access) passkeyUsed(ctx context.Context, account string, c *webauthn.Credential) error {
	id := credentialID(c.ID)
	if c.Authenticator.CloneWarning {
		return errors.Join(ErrPasskeyCopied, ops.NoteAct(ctx, a.db, "signin_passkey.copied", account, map[string]any{"credential": id}))
	}
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}
	update := a.db.NewUpdate().Model((*ownPasskeyRow)(nil)).Set("data = ?", string(data)).Set("used_at = ?", time.Now()).Where("credential = ?", id).Where("account_id = ?", account)
	if err := affect(ctx, update, ErrPasskey); err != nil { // it was removed meanwhile
		return fmt.Errorf("passkey: %w", err)
	}
	return nil
}

// RemoveOwnPasskey takes one of the passkeys of the sender of r away, as RemoveTOTP does.
func (a *Access) RemoveOwnPasskey(r *http.Request, id string) error {
	body := map[string]any{}
	return a.removeFactor(r, "signin_passkey.removed", body, func(ctx context.Context, tx bun.Tx, account Account) error {
		var row ownPasskeyRow
		err := tx.NewSelect().Model(&row).Where("credential = ?", id).Where("account_id = ?", account.ID).Scan(ctx)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		body["name"] = row.Name
		return affect(ctx, tx.NewDelete().Model(&row).WherePK(), ErrNotFound)
	})
}

func credentialID(id []byte) string { return base64.RawURLEncoding.EncodeToString(id) }

func parseCreated(answer string) (*protocol.ParsedCredentialCreationData, error) {
	if len(answer) > maxPasskeyAnswer {
		return nil, ErrPasskey
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes([]byte(answer))
	if err != nil {
		return nil, ErrPasskey
	}
	return parsed, nil
}

func parseGot(answer string) (*protocol.ParsedCredentialAssertionData, error) {
	if len(answer) > maxPasskeyAnswer {
		return nil, ErrPasskey
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(answer))
	if err != nil {
		return nil, ErrPasskey
	}
	return parsed, nil
}

type ownPasskeyRow struct {
	bun.BaseModel `bun:"table:sign_in_passkeys"`

	Credential string `bun:",pk"`
	AccountID  string
	Name       string
	Data       string
	MadeAt     time.Time
	UsedAt     time.Time `bun:",nullzero"`
}
