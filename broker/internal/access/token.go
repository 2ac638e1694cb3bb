package access

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"consento/broker/internal/ops"
)

// tokenPrefix lets people and secret scanners see what they have found.
const tokenPrefix = "consento-token-"

// AddToken makes an API token for the account with this e-mail and returns it. It
// is shown this once; the database has its hash. It may do what its account may.
func (a *Access) AddToken(ctx context.Context, email string) (string, error) {
	account, err := a.ByEmail(ctx, email)
	if err != nil {
		return "", err
	}
	token := tokenPrefix + newToken()
	err = a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		// Looked at again under the lock: an account that ends takes its tokens along.
		now, err := a.account(ctx, tx, "account.id = ?", account.ID)
		if err != nil {
			return err
		}
		if now.Disabled {
			return ErrEnded
		}
		if _, err = tx.NewInsert().Model(&tokenRow{TokenHash: hashToken(token), AccountID: account.ID, CreatedAt: time.Now()}).Exec(ctx); err != nil {
			return err
		}
		return ops.NoteAct(ctx, tx, "token.added", ops.ByCommand, map[string]any{"account": account.ID})
	})
	if err != nil {
		return "", fmt.Errorf("add token: %w", err)
	}
	return token, nil
}

// byToken returns the account of a token, or ErrEnded.
func (a *Access) byToken(ctx context.Context, token string) (Account, error) {
	if len(token) > 100 || !strings.HasPrefix(token, tokenPrefix) {
		return Account{}, ErrEnded
	}
	var row tokenRow
	err := a.db.NewSelect().Model(&row).Where("token_hash = ?", hashToken(token)).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return Account{}, ErrEnded
	}
	if err != nil {
		return Account{}, fmt.Errorf("token: %w", err)
	}
	account, err := a.ByID(ctx, row.AccountID)
	if err != nil {
		return Account{}, err
	}
	if account.Disabled {
		return Account{}, ErrEnded
	}
	return account, nil
}

// bearer returns the token of an Authorization header (RFC 6750, 2.1).
func bearer(r *http.Request) (string, bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return strings.TrimSpace(token), true
}

type tokenRow struct {
	bun.BaseModel `bun:"table:api_tokens"`

	TokenHash string `bun:",pk"`
	AccountID string
	CreatedAt time.Time
}
