package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/uptrace/bun"
)

// answersKept is for how long a request may be sent again.
const answersKept = 24 * time.Hour

// answerRow is a request with an Idempotency-Key, and its answer once there is one.
type answerRow struct {
	bun.BaseModel `bun:"table:api_answers,alias:api_answer"`

	Account  string `bun:",pk"`
	Key      string `bun:",pk"`
	Print    string
	Made     int64
	Status   int
	Etag     string
	Location string
	Body     string
}

// once does a change. With an Idempotency-Key it is done one time within a day, and whoever
// sends it again gets the answer of the first time (draft-ietf-httpapi-idempotency-key-header).
// What failed was not done, and may be sent again.
func (a *API) once(c *call, r route) error {
	key, err := onceKey(c.r.Header)
	if err != nil {
		return err
	}
	ctx := c.r.Context()
	print := printOf(c.r, c.body)
	if key != "" {
		first, err := a.reserve(ctx, answerRow{Account: c.by.ID, Key: key, Print: print, Made: a.now().UnixMilli()})
		if err != nil {
			return err
		}
		if first != nil {
			return replay(c, *first, print)
		}
	}
	out, err := r.serve(a, c)
	var body []byte
	if err == nil {
		body, err = encode(out)
	}
	if key != "" {
		// Whatever happened to the caller: what was done is known.
		settle, cancel := context.WithTimeout(context.WithoutCancel(ctx), briefly)
		defer cancel()
		row := answerRow{Account: c.by.ID, Key: key, Status: r.status, Etag: c.etag, Location: c.location, Body: string(body)}
		if err != nil {
			_, failed := a.Database.NewDelete().Model(&row).WherePK().Exec(settle)
			return errors.Join(err, failed)
		}
		if _, failed := a.Database.NewUpdate().Model(&row).Column("status", "etag", "location", "body").WherePK().Exec(settle); failed != nil {
			return fmt.Errorf("api: answer: %w", failed)
		}
	}
	if err != nil {
		return err
	}
	return c.send(r.status, body)
}

// reserve notes that a request is being done. It returns the row that was there before,
// nil if this is the first.
func (a *API) reserve(ctx context.Context, row answerRow) (*answerRow, error) {
	if err := Forget(ctx, a.Database, a.now()); err != nil {
		return nil, err
	}
	result, err := a.Database.NewInsert().Model(&row).On("CONFLICT (account, key) DO NOTHING").Exec(ctx)
	if err != nil {
		return nil, fmt.Errorf("api: answer: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 1 {
		return nil, err
	}
	var first answerRow
	if err := a.Database.NewSelect().Model(&first).Where("account = ?", row.Account).Where("key = ?", row.Key).Scan(ctx); err != nil {
		return nil, fmt.Errorf("api: answer: %w", err)
	}
	return &first, nil
}

func replay(c *call, first answerRow, print string) error {
	switch {
	case first.Print != print:
		return errReused
	case first.Status == 0:
		return errUnsettled
	}
	c.etag, c.location = first.Etag, first.Location
	c.w.Header().Set("Idempotency-Replayed", "true")
	return c.send(first.Status, []byte(first.Body))
}

// Forget deletes answers that nobody may ask for again.
func Forget(ctx context.Context, db bun.IDB, now time.Time) error {
	if _, err := db.NewDelete().Model((*answerRow)(nil)).Where("made < ?", now.Add(-answersKept).UnixMilli()).Exec(ctx); err != nil {
		return fmt.Errorf("api: answers: %w", err)
	}
	return nil
}

// onceKey reads an Idempotency-Key, as a string of RFC 9651 or bare; "" if there is none.
func onceKey(h http.Header) (string, error) {
	values := h.Values("Idempotency-Key")
	if len(values) == 0 {
		return "", nil
	}
	key := values[0]
	if len(key) >= 2 && strings.HasPrefix(key, `"`) && strings.HasSuffix(key, `"`) {
		key = key[1 : len(key)-1]
	}
	if len(values) > 1 || len(key) == 0 || len(key) > 128 {
		return "", refused("Idempotency-Key", "malformed")
	}
	for _, r := range key {
		if r <= ' ' || r > '~' || r == '"' || r == '\\' {
			return "", refused("Idempotency-Key", "malformed")
		}
	}
	return key, nil
}

// printOf says whether two requests ask for the same.
func printOf(r *http.Request, body []byte) string {
	h := sha256.New()
	for _, part := range []string{r.Method, r.URL.Path, r.Header.Get("If-Match"), string(body)} {
		h.Write([]byte(strconv.Itoa(len(part)) + ":" + part))
	}
	return hex.EncodeToString(h.Sum(nil))
}
