package hooks

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"consento/broker/internal/access"
)

// Event is the body of a request, as Standard Webhooks has it.
type Event struct {
	Type EventType `json:"type"`
	At   time.Time `json:"timestamp"`
	Data any       `json:"data"`
}

// Ticket is what is told of a ticket: no names and no text.
type Ticket struct {
	ID       string `json:"id"`
	Ref      string `json:"ref"`
	Version  int64  `json:"version"`
	Type     string `json:"type"`
	State    string `json:"state"`
	Priority string `json:"priority,omitempty"` // critical, high, medium, low
	Category string `json:"category,omitempty"` // id
	Team     string `json:"team"`
	Level    string `json:"level"`
	Act      string `json:"act,omitempty"` // of ticket.changed: what was done
	API      string `json:"api"`           // where the API has it
}

// Session is what is told of a session.
type Session struct {
	ID        string    `json:"id"`
	Team      string    `json:"team"`
	Issued    time.Time `json:"issued"`
	Active    time.Time `json:"active,omitzero"`
	Ended     time.Time `json:"ended,omitzero"`
	EndReason string    `json:"end_reason,omitempty"`
	Test      bool      `json:"test,omitempty"`
	API       string    `json:"api"` // where the API has it
}

// deliveryRow is an event on its way to one target.
type deliveryRow struct {
	bun.BaseModel `bun:"table:hook_deliveries,alias:delivery"`

	ID     string `bun:",pk"`
	Target string
	Event  EventType
	Body   string
	Made   int64
	Tries  int
	Next   int64
	Done   int64
	Tried  int64
	Status int
	Error  Failure
}

// Note puts an event on its way to every target that wants it, in the transaction of what it
// tells of.
func (h *Hooks) Note(ctx context.Context, tx bun.IDB, kind EventType, data any) error {
	var rows []targetRow
	if err := tx.NewSelect().Model(&rows).Column("id", "events").Where("active").Scan(ctx); err != nil {
		return fmt.Errorf("hooks: %w", err)
	}
	for _, r := range rows {
		if slices.Contains(strings.Fields(r.Events), string(kind)) {
			if err := h.put(ctx, tx, r.ID, kind, data); err != nil {
				return err
			}
		}
	}
	return nil
}

func (h *Hooks) put(ctx context.Context, tx bun.IDB, target string, kind EventType, data any) error {
	now := h.now()
	body, err := json.Marshal(Event{kind, now.UTC(), data})
	if err != nil {
		return fmt.Errorf("hooks: %w", err)
	}
	row := deliveryRow{ID: "msg_" + strings.ReplaceAll(uuid.NewString(), "-", ""), Target: target, Event: kind, Body: string(body), Made: now.UnixMilli(), Next: now.UnixMilli()}
	if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
		return fmt.Errorf("hooks: %w", err)
	}
	h.look() // it may look before the transaction ends; then it looks again within the second
	return nil
}

// look has Run look now.
func (h *Hooks) look() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// Try sends a ping to a target.
func (h *Hooks) Try(ctx context.Context, by access.Account, id string) error {
	t, err := h.Target(ctx, by, id)
	if err != nil {
		return err
	}
	return h.put(ctx, h.db, t.ID, Ping, map[string]any{"name": t.Name})
}

// Delivery is an event on its way, or at its end.
type Delivery struct {
	ID     string
	Event  EventType
	Made   time.Time
	Tries  int
	Tried  time.Time // zero: not yet
	Next   time.Time // zero: it is done
	Status int       // of the last answer, 0 without one
	Error  Failure   // of the last try, "" it arrived, or was not tried
}

// Arrived says whether the target has it.
func (d Delivery) Arrived() bool { return d.Next.IsZero() && d.Error == "" }

// Deliveries lists the newest of a target.
func (h *Hooks) Deliveries(ctx context.Context, by access.Account, target string, most int) ([]Delivery, error) {
	if err := mayManage(by); err != nil {
		return nil, err
	}
	var rows []deliveryRow
	if err := h.db.NewSelect().Model(&rows).ExcludeColumn("body").Where("target = ?", target).Order("made DESC", "id").Limit(int64(most)).Scan(ctx); err != nil {
		return nil, fmt.Errorf("hooks: deliveries: %w", err)
	}
	list := make([]Delivery, len(rows))
	for i, r := range rows {
		list[i] = Delivery{r.ID, r.Event, moment(r.Made), r.Tries, moment(r.Tried), moment(r.Next), r.Status, r.Error}
	}
	return list, nil
}

// Again sends a delivery once more, with the same id, whether it arrived or not.
func (h *Hooks) Again(ctx context.Context, by access.Account, target, id string) error {
	if err := mayManage(by); err != nil {
		return err
	}
	result, err := h.db.NewUpdate().Model((*deliveryRow)(nil)).Set("next = ?", h.now().UnixMilli()).Set("tries = 0").Set("done = 0").Where("id = ?", id).Where("target = ?", target).Exec(ctx)
	if err != nil {
		return fmt.Errorf("hooks: again: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return ErrNoDelivery
	}
	h.look()
	return nil
}

// Forget deletes deliveries that were done a while ago.
func Forget(ctx context.Context, db bun.IDB, now time.Time) error {
	if _, err := db.NewDelete().Model((*deliveryRow)(nil)).Where("done > 0").Where("done < ?", now.Add(-kept).UnixMilli()).Exec(ctx); err != nil {
		return fmt.Errorf("hooks: forget: %w", err)
	}
	return nil
}
