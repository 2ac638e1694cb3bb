// Package hooks tells other systems of what happens here: signed HTTPS requests to addresses
// that administrators name (Standard Webhooks, https://www.standardwebhooks.com).
//
// Promises:
//   - An event is written in the transaction of what it tells of, or not at all; it is sent
//     until it arrives, with growing pauses over three days. The id stays the same: who
//     gets one twice can tell.
//   - Targets do not hold each other up: each has its own turn, time and limits. What a
//     target answers is not kept, but for its status.
//   - Nothing of a session's content, no key, no name and no text leaves: who may know more
//     asks the API.
//   - No request goes to an address of the office's own network unless the machine's owner
//     allowed it; names are looked up once, and what is connected to is what was checked.
//     Redirects are not followed.
//   - Secrets lie sealed in the database, and are shown once.
//
// It draws no pages.
package hooks

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"consento/broker/internal/access"
	"consento/broker/internal/ops"
)

// EventType says what an event tells of.
type EventType string

// The closed set. Ping is sent to try a target, and is not subscribed to.
const (
	TicketOpened   EventType = "ticket.opened"
	TicketChanged  EventType = "ticket.changed"
	SessionStarted EventType = "session.started"
	SessionEnded   EventType = "session.ended"
	Ping           EventType = "ping"
)

// EventTypes lists what can be subscribed to.
func EventTypes() []EventType {
	return []EventType{TicketOpened, TicketChanged, SessionStarted, SessionEnded}
}

var (
	// ErrNoTarget says that there is no such target.
	ErrNoTarget = errors.New("hooks: no such target")
	// ErrNoDelivery says that there is no such delivery.
	ErrNoDelivery = errors.New("hooks: no such delivery")
)

// Limits.
const (
	MaxTargets = 20
	maxURL     = 500
	secretSize = 32                  // bytes
	overlap    = 24 * time.Hour      // how long the secret before signs as well
	kept       = 30 * 24 * time.Hour // how long deliveries that are done are listed
	giveUp     = 5 * 24 * time.Hour  // a target at which nothing arrives for so long is switched off
)

// Config is what New needs.
type Config struct {
	Database *bun.DB        // migrated by ops.OpenDatabase
	Key      []byte         // 32 random bytes that outlive a restart: secrets are sealed with them
	Allow    []netip.Prefix // of the office's own network, that may be reached
	Roots    *x509.CertPool // authorities of targets; nil: those of the machine
	Log      *slog.Logger
}

// Hooks is safe for concurrent use.
type Hooks struct {
	db     *bun.DB
	sealer cipher.AEAD
	allow  []netip.Prefix
	client *http.Client
	log    *slog.Logger
	now    func() time.Time
	every  time.Duration // between two looks
	pauses []time.Duration
	wake   chan struct{}

	stopped func(ctx context.Context, db bun.IDB, t Target) error // nil: nobody is told
}

// New makes Hooks. Nothing is sent before Run.
func New(c Config) (*Hooks, error) {
	if c.Database == nil || c.Log == nil || len(c.Key) != 32 {
		return nil, errors.New("hooks: Database, Log and a Key of 32 bytes are required")
	}
	block, err := aes.NewCipher(c.Key)
	if err != nil {
		return nil, fmt.Errorf("hooks: %w", err)
	}
	h := &Hooks{db: c.Database, allow: c.Allow, log: c.Log, now: time.Now, every: time.Second, pauses: pauses(), wake: make(chan struct{}, 1)}
	if h.sealer, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return nil, fmt.Errorf("hooks: %w", err)
	}
	h.client = h.newClient(c.Roots)
	return h, nil
}

// OnStopped names what is done when a target is switched off, once, in the transaction that
// does it. It is called before Run.
func (h *Hooks) OnStopped(tell func(ctx context.Context, db bun.IDB, t Target) error) {
	h.stopped = tell
}

// Target is an address that events go to.
type Target struct {
	ID      string
	Name    string
	URL     string // https://...
	Events  []EventType
	Made    time.Time
	Active  bool
	Stopped Failure   // why the broker switched it off; "": it did not
	Failing time.Time // since when nothing arrives; zero: it does
	Waiting int       // deliveries that are not done
}

// targetRow is a Target in its table.
type targetRow struct {
	bun.BaseModel `bun:"table:hook_targets,alias:target"`

	ID           string `bun:",pk"`
	Name         string
	URL          string `bun:"url"`
	Events       string
	Secret       string
	SecretBefore string
	BeforeUntil  int64
	Made         int64
	Active       bool
	Stopped      Failure
	Failing      int64

	Waiting int `bun:",scanonly"`
}

func (r targetRow) target() Target {
	t := Target{ID: r.ID, Name: r.Name, URL: r.URL, Made: moment(r.Made), Active: r.Active, Stopped: r.Stopped, Failing: moment(r.Failing), Waiting: r.Waiting}
	for e := range strings.FieldsSeq(r.Events) {
		t.Events = append(t.Events, EventType(e))
	}
	return t
}

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func mayManage(by access.Account) error {
	if !access.Can(by, access.ManageOffice, access.Scope{}) {
		return access.ErrForbidden
	}
	return nil
}

// clean returns a target as stored, or an *access.Invalid.
func (h *Hooks) clean(t Target) (Target, error) {
	wrong := func(field, code string) error {
		return &access.Invalid{Field: field, Code: code, Reason: "is " + code}
	}
	var err error
	if t.Name, err = ops.CleanLine(t.Name, 100); err != nil {
		return t, wrong("name", "malformed")
	}
	t.URL = strings.TrimSpace(t.URL)
	u, err := url.Parse(t.URL)
	switch {
	case err != nil || len(t.URL) > maxURL || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.ContainsAny(t.URL, "#\\ \t\r\n"):
		return t, wrong("url", "malformed")
	case !h.mayReachName(u.Hostname()):
		return t, wrong("url", "private")
	case len(t.Events) == 0:
		return t, wrong("events", "missing")
	}
	for _, e := range t.Events {
		if !slices.Contains(EventTypes(), e) {
			return t, wrong("events", "unknown")
		}
	}
	return t, nil
}

func joined(events []EventType) string {
	words := make([]string, len(events))
	for i, e := range events {
		words[i] = string(e)
	}
	return strings.Join(words, " ")
}

// Targets lists them by name.
func (h *Hooks) Targets(ctx context.Context, by access.Account) ([]Target, error) {
	if err := mayManage(by); err != nil {
		return nil, err
	}
	rows, err := h.rows(ctx, "")
	list := make([]Target, len(rows))
	for i, r := range rows {
		list[i] = r.target()
	}
	return list, err
}

// Target returns one, or ErrNoTarget.
func (h *Hooks) Target(ctx context.Context, by access.Account, id string) (Target, error) {
	if err := mayManage(by); err != nil {
		return Target{}, err
	}
	rows, err := h.rows(ctx, id)
	if err == nil && len(rows) == 0 {
		err = ErrNoTarget
	}
	if err != nil {
		return Target{}, err
	}
	return rows[0].target(), nil
}

func (h *Hooks) rows(ctx context.Context, id string) ([]targetRow, error) {
	var rows []targetRow
	q := h.db.NewSelect().Model(&rows).ColumnExpr("target.*").ColumnExpr("(SELECT COUNT(*) FROM hook_deliveries WHERE target = target.id AND next > 0) AS waiting").Order("name", "id")
	if id != "" {
		q = q.Where("target.id = ?", id)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("hooks: targets: %w", err)
	}
	return rows, nil
}

// Add makes a target, and its secret, which is shown this once. Errors: access.ErrForbidden,
// *access.Invalid.
func (h *Hooks) Add(ctx context.Context, by access.Account, t Target) (Target, string, error) {
	if err := mayManage(by); err != nil {
		return t, "", err
	}
	t, err := h.clean(t)
	if err != nil {
		return t, "", err
	}
	t.ID = uuid.NewString()
	secret, sealed := h.newSecret(t.ID)
	row := targetRow{ID: t.ID, Name: t.Name, URL: t.URL, Events: joined(t.Events), Secret: sealed, Made: h.now().UnixMilli(), Active: true}
	err = h.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		n, err := tx.NewSelect().Model((*targetRow)(nil)).Count(ctx)
		if err != nil {
			return err
		}
		if n >= MaxTargets {
			return &access.Invalid{Field: "name", Code: "too_many", Reason: "are too many"}
		}
		if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
			return err
		}
		return note(ctx, tx, "webhook.added", by, t)
	})
	if err != nil {
		return t, "", fmt.Errorf("hooks: add: %w", err)
	}
	return row.target(), secret, nil
}

// note puts an act on the trail; of the address its host: the rest may hold a secret.
func note(ctx context.Context, tx bun.IDB, what string, by access.Account, t Target) error {
	host := ""
	if u, err := url.Parse(t.URL); err == nil {
		host = u.Host
	}
	return ops.NoteAct(ctx, tx, what, by.ID, map[string]any{"webhook": t.ID, "name": t.Name, "host": host, "events": t.Events, "active": t.Active})
}

// Change gives a target another name, address, events, or switches it on or off. Switched on
// again it begins with what waits.
func (h *Hooks) Change(ctx context.Context, by access.Account, t Target) error {
	if err := mayManage(by); err != nil {
		return err
	}
	t, err := h.clean(t)
	if err != nil {
		return err
	}
	return h.update(ctx, by, "webhook.changed", t, func(q *bun.UpdateQuery) *bun.UpdateQuery {
		return q.Set("name = ?", t.Name).Set("url = ?", t.URL).Set("events = ?", joined(t.Events)).Set("active = ?", t.Active).Set("stopped = ''").Set("failing = 0")
	})
}

// Rotate makes another secret; the one before signs as well for a day.
func (h *Hooks) Rotate(ctx context.Context, by access.Account, id string) (string, error) {
	t, err := h.Target(ctx, by, id)
	if err != nil {
		return "", err
	}
	secret, sealed := h.newSecret(id)
	return secret, h.update(ctx, by, "webhook.rotated", t, func(q *bun.UpdateQuery) *bun.UpdateQuery {
		return q.Set("secret_before = secret").Set("before_until = ?", h.now().Add(overlap).UnixMilli()).Set("secret = ?", sealed)
	})
}

func (h *Hooks) update(ctx context.Context, by access.Account, what string, t Target, set func(*bun.UpdateQuery) *bun.UpdateQuery) error {
	err := h.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		result, err := set(tx.NewUpdate().Model((*targetRow)(nil)).Where("id = ?", t.ID)).Exec(ctx)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(ErrNoTarget, err)
		}
		return note(ctx, tx, what, by, t)
	})
	if err != nil {
		return fmt.Errorf("hooks: change: %w", err)
	}
	h.look()
	return nil
}

// Remove takes a target away, with what waits for it.
func (h *Hooks) Remove(ctx context.Context, by access.Account, id string) error {
	t, err := h.Target(ctx, by, id)
	if err != nil {
		return err
	}
	err = h.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewDelete().Model((*targetRow)(nil)).Where("id = ?", id).Exec(ctx); err != nil {
			return err
		}
		return note(ctx, tx, "webhook.removed", by, t)
	})
	if err != nil {
		return fmt.Errorf("hooks: remove: %w", err)
	}
	return nil
}

// secretPrefix marks a secret of Standard Webhooks.
const secretPrefix = "whsec_"

// newSecret makes a secret as receivers are given it, and as it is stored.
func (h *Hooks) newSecret(target string) (shown, sealed string) {
	raw := make([]byte, secretSize)
	rand.Read(raw) // never fails since Go 1.24
	return secretPrefix + base64.StdEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(h.sealer.Seal(nil, nil, raw, []byte(target)))
}

func (h *Hooks) unseal(target, sealed string) ([]byte, error) {
	data, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return nil, fmt.Errorf("hooks: secret: %w", err)
	}
	raw, err := h.sealer.Open(nil, nil, data, []byte(target))
	if err != nil {
		return nil, errors.New("hooks: a sealed secret does not open: it belongs to another keys/server.key")
	}
	return raw, nil
}
