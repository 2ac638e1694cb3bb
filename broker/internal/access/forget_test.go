package access

import (
	"testing"
	"time"
)

// TestForget: what has expired goes, what has not stays.
func TestForget(t *testing.T) {
	db := newTestDB(t)
	now := time.Now().UTC()
	for name, at := range map[string]time.Time{"old": now.Add(-48 * time.Hour), "new": now.Add(time.Hour)} {
		for _, row := range []any{&signInRow{TokenHash: name, ExpiresAt: at}, &failuresRow{SubjectHash: name, LastAt: at, NextAt: at}, &setupTokenRow{TokenHash: name, ExpiresAt: at}} {
			if _, err := db.NewInsert().Model(row).Exec(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := Forget(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	for table, column := range map[string]string{"sign_ins": "token_hash", "sign_in_failures": "subject_hash", "setup_tokens": "token_hash"} {
		var left []string
		if err := db.NewSelect().Table(table).Column(column).Scan(t.Context(), &left); err != nil || len(left) != 1 || left[0] != "new" {
			t.Errorf("%s: %v, %v", table, left, err)
		}
	}
}
