package access

import (
	"context"
	"fmt"
	"strings"
)

// maxTag is as long as language tags get (RFC 5646, 4.4.1).
const maxTag = 35

// SetLanguage keeps the language (BCP 47) in which an account gets mails; "": the office's.
// A tag that is none is an *Invalid.
func (a *Access) SetLanguage(ctx context.Context, by Account, tag string) error {
	if len(tag) > maxTag || strings.Trim(tag, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != "" {
		return invalid("language", "unknown", "%q is no language", tag)
	}
	if _, err := a.db.NewUpdate().Model((*accountRow)(nil)).Set("language = ?", tag).Where("id = ?", by.ID).Exec(ctx); err != nil {
		return fmt.Errorf("language: %w", err)
	}
	return nil
}
