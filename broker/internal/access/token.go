package access

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"consento/broker/internal/ops"
)

// An API token is tokenPrefix, tokenRandom characters of 0-9A-Za-z (256 bits) and six
// that are their CRC-32 (IEEE) in the same digits. So people and scanners for secrets see
// what they have found, and a mistyped one is told from a wrong one:
//
//	consento_[0-9A-Za-z]{49}
const (
	tokenPrefix = "consento_"
	tokenRandom = 43
	tokenSum    = 6
	oldPrefix   = "consento-token-" // of tokens from before there was a sum

	tokenDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// Limits of tokens.
const (
	MaxTokens    = 20                  // that work, of one account
	MaxTokenLife = 366                 // days
	tokenUsed    = time.Minute         // how exactly the last use is kept
	tokenKept    = 30 * 24 * time.Hour // how long one that has expired is still listed
)

// TokenScope is a part of what its account may do, to which a token is narrowed.
type TokenScope string

// The closed set of scopes.
const (
	ScopeTicketsRead TokenScope = "tickets.read"
	ScopeTickets     TokenScope = "tickets" // read, make, and work on them
	ScopeSessions    TokenScope = "sessions.read"
	ScopeFigures     TokenScope = "figures" // how the desk does: times, service levels
	ScopeMetrics     TokenScope = "metrics" // how the service does
	ScopePeople      TokenScope = "people"  // accounts and teams, as a directory does
)

// scopeActions is all that tokens can be for. What is not here needs a person who is
// there and signed in, whatever the account may: to open a session, see or end it, read
// or share evidence, decide on it or on who reads it, take many tickets along as files, and
// change settings.
var scopeActions = map[TokenScope][]Action{
	ScopeTicketsRead: {ReadTickets},
	ScopeTickets:     {ReadTickets, WorkTickets, Escalate},
	ScopeSessions:    {ListSessions},
	ScopeFigures:     {SeeFigures},
	ScopeMetrics:     {SeeMetrics},
	ScopePeople:      {ManageAccounts},
}

// TokenScopes lists the closed set.
func TokenScopes() []TokenScope {
	return []TokenScope{ScopeTickets, ScopeTicketsRead, ScopeSessions, ScopeFigures, ScopeMetrics, ScopePeople}
}

// Offers says whether a token of this scope would be of any use to the account.
func (s TokenScope) Offers(a Account) bool {
	own := Scope{Owner: a.ID, Team: a.Team, Territory: a.Territory}
	return slices.ContainsFunc(scopeActions[s], func(action Action) bool { return Can(a, action, own) }) && (s != ScopeTickets || Can(a, WorkTickets, own))
}

// actionsOf is what a token may at most; no scopes are all of them.
func actionsOf(scopes []TokenScope) map[Action]bool {
	if len(scopes) == 0 {
		scopes = TokenScopes()
	}
	may := map[Action]bool{}
	for _, s := range scopes {
		for _, action := range scopeActions[s] {
			may[action] = true
		}
	}
	return may
}

// Token is an API token, without its secret.
type Token struct {
	ID      string       // UUIDv4
	Name    string       // what it is for, one line
	Account string       // id
	Scopes  []TokenScope // none: everything a token may
	Created time.Time
	Expires time.Time // zero: never
	Used    time.Time // to the minute, zero: never yet
}

// Over says whether it has expired.
func (t Token) Over(now time.Time) bool { return !t.Expires.IsZero() && !now.Before(t.Expires) }

// NewToken is what makes one. Days is how long it works, 0 for ever.
type NewToken struct {
	Name   string
	Scopes []TokenScope
	Days   int
}

func (n NewToken) clean() (NewToken, error) {
	var err error
	if n.Name, err = ops.CleanLine(n.Name, maxName); err != nil {
		return n, invalid("name", "malformed", "%s", err)
	}
	slices.Sort(n.Scopes)
	n.Scopes = slices.Compact(n.Scopes)
	for _, s := range n.Scopes {
		if len(scopeActions[s]) == 0 {
			return n, invalid("scope", "unknown", "%q is not a scope", s)
		}
	}
	if n.Days < 0 || n.Days > MaxTokenLife {
		return n, invalid("days", "range", "%d days are not between 0 and %d", n.Days, MaxTokenLife)
	}
	return n, nil
}

// AddToken makes an API token for the account with this e-mail on the word of whoever
// runs commands on this machine, and returns it. It is shown this once; the database has
// its hash. It may at most do what its account may at that moment.
func (a *Access) AddToken(ctx context.Context, email string, n NewToken) (string, error) {
	account, err := a.ByEmail(ctx, email)
	if err != nil {
		return "", err
	}
	_, secret, err := a.makeToken(ctx, account.ID, ops.ByCommand, n)
	return secret, err
}

// MakeToken makes one for its owner, likewise. Errors: ErrEnded, *Invalid.
func (a *Access) MakeToken(ctx context.Context, owner Account, n NewToken) (Token, string, error) {
	if owner.only != nil {
		return Token{}, "", ErrForbidden // a token makes no tokens
	}
	return a.makeToken(ctx, owner.ID, owner.ID, n)
}

func (a *Access) makeToken(ctx context.Context, account, by string, n NewToken) (Token, string, error) {
	n, err := n.clean()
	if err != nil {
		return Token{}, "", err
	}
	secret, now := newAPIToken(), time.Now()
	row := tokenRow{ID: uuid.NewString(), TokenHash: hashToken(secret), AccountID: account, Name: n.Name, CreatedAt: now}
	if n.Days > 0 {
		row.ExpiresAt = now.AddDate(0, 0, n.Days)
	}
	row.Scopes = joinScopes(n.Scopes)
	err = a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		// Looked at again under the lock: an account that ends takes its tokens along.
		owner, err := a.account(ctx, tx, "account.id = ?", account)
		if err != nil {
			return err
		}
		if owner.Disabled {
			return ErrEnded
		}
		working, err := tx.NewSelect().Model((*tokenRow)(nil)).Where("account_id = ?", account).Where("(expires_at IS NULL OR expires_at > ?)", now).Count(ctx)
		if err != nil {
			return err
		}
		if working >= MaxTokens {
			return invalid("name", "too_many", "the account has %d tokens", working)
		}
		if _, err = tx.NewInsert().Model(&row).Exec(ctx); err != nil {
			return err
		}
		return ops.NoteAct(ctx, tx, "token.added", by, map[string]any{"account": account, "token": row.ID, "name": row.Name, "scopes": n.Scopes, "days": n.Days})
	})
	if err != nil {
		return Token{}, "", fmt.Errorf("add token: %w", err)
	}
	return row.token(), secret, nil
}

// Tokens lists an account's tokens, the newest first; those that expired lately included.
func (a *Access) Tokens(ctx context.Context, account string) ([]Token, error) {
	var rows []tokenRow
	err := a.db.NewSelect().Model(&rows).Where("account_id = ?", account).Where("(expires_at IS NULL OR expires_at > ?)", time.Now().Add(-tokenKept)).
		Order("created_at DESC", "id").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("tokens: %w", err)
	}
	list := make([]Token, len(rows))
	for i, r := range rows {
		list[i] = r.token()
	}
	return list, nil
}

// RemoveToken ends a token of the account: the next request with it is refused. by is the
// owner, or ops.ByCommand. It returns ErrNotFound if the account has no such token.
func (a *Access) RemoveToken(ctx context.Context, account, by, id string) error {
	err := a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if err := affect(ctx, tx.NewDelete().Model((*tokenRow)(nil)).Where("id = ?", id).Where("account_id = ?", account), ErrNotFound); err != nil {
			return err
		}
		return ops.NoteAct(ctx, tx, "token.removed", by, map[string]any{"account": account, "token": id})
	})
	if err != nil {
		return fmt.Errorf("remove token: %w", err)
	}
	return nil
}

// byToken returns whose token it is, with the rights that it leaves them, or ErrEnded.
func (a *Access) byToken(ctx context.Context, secret string) (Account, Token, error) {
	if !wellFormed(secret) {
		return Account{}, Token{}, ErrEnded
	}
	var row tokenRow
	err := a.db.NewSelect().Model(&row).Where("token_hash = ?", hashToken(secret)).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return Account{}, Token{}, ErrEnded
	}
	if err != nil {
		return Account{}, Token{}, fmt.Errorf("token: %w", err)
	}
	token, now := row.token(), time.Now()
	if token.Over(now) {
		return Account{}, Token{}, ErrEnded
	}
	account, err := a.Present(ctx, row.AccountID)
	if err != nil {
		return Account{}, Token{}, err
	}
	account.only = actionsOf(token.Scopes)
	if now.Sub(row.UsedAt) > tokenUsed {
		_, err = a.db.NewUpdate().Model((*tokenRow)(nil)).Set("used_at = ?", now).Where("id = ?", row.ID).Exec(ctx)
	}
	if err != nil {
		return Account{}, Token{}, fmt.Errorf("token: %w", err)
	}
	return account, token, nil
}

// newAPIToken makes the secret.
func newAPIToken() string {
	b := []byte(tokenPrefix)
	for len(b) < len(tokenPrefix)+tokenRandom {
		var some [64]byte
		rand.Read(some[:]) // never fails since Go 1.24
		for _, n := range some {
			if int(n) < 256/len(tokenDigits)*len(tokenDigits) && len(b) < len(tokenPrefix)+tokenRandom {
				b = append(b, tokenDigits[int(n)%len(tokenDigits)])
			}
		}
	}
	return string(b) + sumOf(string(b))
}

// sumOf is the sum at a token's end.
func sumOf(s string) string {
	n := crc32.ChecksumIEEE([]byte(s))
	b := make([]byte, tokenSum) // 62^6 > 2^32
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = tokenDigits[n%uint32(len(tokenDigits))]
		n /= uint32(len(tokenDigits))
	}
	return string(b)
}

// wellFormed says whether this could be a token at all; the database is not asked
// otherwise.
func wellFormed(s string) bool {
	if strings.HasPrefix(s, oldPrefix) {
		return len(s) == len(oldPrefix)+43
	}
	body := len(tokenPrefix) + tokenRandom
	return strings.HasPrefix(s, tokenPrefix) && len(s) == body+tokenSum && s[body:] == sumOf(s[:body])
}

func joinScopes(scopes []TokenScope) string {
	words := make([]string, len(scopes))
	for i, s := range scopes {
		words[i] = string(s)
	}
	return strings.Join(words, " ")
}

type tokenRow struct {
	bun.BaseModel `bun:"table:api_tokens,alias:api_token"`

	TokenHash string `bun:",pk"`
	ID        string
	AccountID string
	Name      string
	Scopes    string
	CreatedAt time.Time
	ExpiresAt time.Time `bun:",nullzero"`
	UsedAt    time.Time `bun:",nullzero"`
}

func (r tokenRow) token() Token {
	t := Token{ID: r.ID, Name: r.Name, Account: r.AccountID, Created: r.CreatedAt, Expires: r.ExpiresAt, Used: r.UsedAt}
	for s := range strings.FieldsSeq(r.Scopes) {
		t.Scopes = append(t.Scopes, TokenScope(s))
	}
	return t
}
