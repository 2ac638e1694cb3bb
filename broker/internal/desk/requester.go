package desk

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"consento/broker/internal/mail"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
)

// linkLife is how long a requester's private link works after the ticket was closed.
const linkLife = 30 * 24 * time.Hour

// Link is the secret part of a requester's private link. It is never stored: whoever has
// the key can make it again.
func (d *Desk) Link(t Ticket) string {
	id := uuid.MustParse(t.ID)
	return base64.RawURLEncoding.EncodeToString(append(id[:], d.linkMAC(id)...))
}

func (d *Desk) linkMAC(id uuid.UUID) []byte {
	mac := hmac.New(sha256.New, d.linkKey)
	mac.Write(id[:])
	return mac.Sum(nil)
}

// ByLink returns what a requester may know of the ticket that a link leads to, or
// ErrNoTicket: one answer for a wrong link and for one that is over.
func (d *Desk) ByLink(ctx context.Context, link string) (Followed, error) {
	t, err := d.byLink(ctx, d.db, link)
	if err != nil {
		return Followed{}, err
	}
	return d.followed(ctx, t)
}

func (d *Desk) byLink(ctx context.Context, db bun.IDB, link string) (Ticket, error) {
	raw, err := base64.RawURLEncoding.DecodeString(link)
	if err != nil || len(raw) != 16+sha256.Size {
		return Ticket{}, ErrNoTicket
	}
	id := uuid.UUID(raw[:16])
	if !hmac.Equal(raw[16:], d.linkMAC(id)) {
		return Ticket{}, ErrNoTicket
	}
	t, err := read(ctx, db, id.String())
	if err == nil && t.State == Closed && d.now().Sub(t.Closed) > linkLife {
		err = ErrNoTicket
	}
	return t, err
}

// Followed is a ticket as its requester sees it: nothing of what colleagues wrote to
// each other.
type Followed struct {
	Ticket Ticket // without Teams, Assignee but for the name, and Pauses
	Place  int    // in the queue, from 1; 0: somebody has it in hand
	Lines  []Line
}

// Line is something that was said between requester and office, or a change of state.
type Line struct {
	At      time.Time
	By      string // name; "" the requester
	Kind    ActKind
	Text    string
	Waiting Waiting
}

// toRequester are the acts that a requester is shown, and told of by mail.
var toRequester = map[ActKind]bool{ActTake: true, ActAnswer: true, ActWait: true, ActAppoint: true, ActEscalate: true, ActResolve: true, ActClose: true, ActReopen: true, ActHang: true}

func (d *Desk) followed(ctx context.Context, t Ticket) (Followed, error) {
	f := Followed{Ticket: t}
	f.Ticket.Teams, f.Ticket.Pauses, f.Ticket.Assignee.ID = nil, nil, ""
	if t.State == Identified {
		n, err := d.db.NewSelect().Model((*ticketRow)(nil)).Where("state = ?", Identified).Where("team = ?", t.Team).
			Where("(created, id) <= (?, ?)", millis(t.Created), t.ID).Count(ctx)
		if err != nil {
			return f, fmt.Errorf("desk: %w", err)
		}
		f.Place = int(n)
	}
	var rows []historyRow
	if err := d.db.NewSelect().Model(&rows).Where("ticket = ?", t.ID).Order("number").Scan(ctx); err != nil {
		return f, fmt.Errorf("desk: %w", err)
	}
	for _, r := range rows {
		own := r.ByID == "" && r.Number > 1
		if !own && !toRequester[r.Kind] {
			continue
		}
		var a Act
		if err := json.Unmarshal([]byte(r.Data), &a); err != nil {
			return f, fmt.Errorf("desk: history: %w", err)
		}
		line := Line{At: timeOf(r.At), By: r.By, Kind: r.Kind, Waiting: a.Waiting}
		if own || r.Kind == ActAnswer || r.Kind == ActResolve { // why it was handed on is among colleagues
			line.Text = a.Text
		}
		f.Lines = append(f.Lines, line)
	}
	return f, nil
}

// Say adds what the requester writes. A ticket that waits for them goes on; one that was
// resolved is opened again.
func (d *Desk) Say(ctx context.Context, link, text string) (Followed, error) {
	a, err := Act{Kind: ActComment, Text: text}.Clean()
	if err != nil {
		return Followed{}, err
	}
	var t Ticket
	err = d.transact(ctx, func(ctx context.Context, tx bun.Tx) error {
		if t, err = d.byLink(ctx, tx, link); err != nil {
			return err
		}
		if t.State == Closed {
			return fmt.Errorf("%w: it is closed", ErrStep)
		}
		if t.Version >= maxVersions {
			return wrong("text", "too_many")
		}
		if t.State == Resolved {
			a.Kind = ActReopen
		}
		if t, err = d.change(ctx, tx, Person{}, t, a); err == nil && t.Waiting == WaitingForRequester {
			t, err = d.change(ctx, tx, Person{}, t, Act{Kind: ActGoOn})
		}
		return err
	})
	if err != nil {
		return Followed{}, err
	}
	return d.followed(ctx, t)
}

// maxVersions bounds what one link can add.
const maxVersions = 1000

// Notice is something that a requester is to be told by mail.
type Notice struct {
	ID     string
	Kind   ActKind // noticeOpen: it came in
	Ticket Ticket  // as it is now
	Link   string
	By     string // who did it, "" the broker itself
	Text   string // answer or solution
	// Waiting is what it waits for, and At when the appointment is, as the act said.
	Waiting Waiting
	At      time.Time
	Parent  string
	Version int64 // of the ticket that it tells of
	Made    time.Time
	Tries   int
}

// noticeOpen is the kind of a ticket's first notice.
const noticeOpen ActKind = "open"

type noticeRow struct {
	bun.BaseModel `bun:"table:desk_notices,alias:desk_notice"`

	ID      string `bun:",pk"`
	Ticket  string
	Kind    ActKind
	Version int64
	Made    int64
	Tries   int
	Next    int64
	Sent    int64
	Error   string
}

// Notices returns those that are due, the oldest first.
func (d *Desk) Notices(ctx context.Context, most int) ([]Notice, error) {
	var rows []noticeRow
	if err := d.db.NewSelect().Model(&rows).Where("next > 0").Where("next <= ?", millis(d.now())).Order("next", "made").Limit(int64(most)).Scan(ctx); err != nil {
		return nil, fmt.Errorf("desk: notices: %w", err)
	}
	list := make([]Notice, len(rows))
	for i, r := range rows {
		t, err := read(ctx, d.db, r.Ticket)
		if err != nil {
			return nil, err
		}
		n := Notice{ID: r.ID, Kind: r.Kind, Ticket: t, Link: d.Link(t), Made: timeOf(r.Made), Tries: r.Tries}
		var h historyRow
		if err := d.db.NewSelect().Model(&h).Where("ticket = ?", r.Ticket).Where("number = ?", r.Version).Scan(ctx); err != nil {
			return nil, fmt.Errorf("desk: notices: %w", err)
		}
		var a Act
		if r.Kind != noticeOpen {
			if err := json.Unmarshal([]byte(h.Data), &a); err != nil {
				return nil, fmt.Errorf("desk: notices: %w", err)
			}
		}
		n.By, n.Waiting, n.At, n.Parent, n.Version = h.By, a.Waiting, a.At, a.Parent, r.Version
		if r.Kind == ActAnswer || r.Kind == ActResolve {
			n.Text = a.Text
		}
		list[i] = n
	}
	return list, nil
}

// maxTries is how often a notice is tried: the last time a day and a half after the first.
const maxTries = 12

// Sent says how a try to send a notice ended: nil if it went out. One that did not is
// tried again, each time after twice as long.
func (d *Desk) Sent(ctx context.Context, n Notice, failed error) error {
	q := d.db.NewUpdate().Model((*noticeRow)(nil)).Set("tries = ?", n.Tries+1).Where("id = ?", n.ID)
	switch {
	case failed == nil:
		q = q.Set("sent = ?", millis(d.now())).Set("next = 0").Set("error = ''")
	case n.Tries+1 >= maxTries || errors.Is(failed, mail.ErrRefused):
		q = q.Set("next = 0").Set("error = ?", limitedError(failed))
	default:
		q = q.Set("next = ?", millis(d.now().Add(time.Minute<<n.Tries))).Set("error = ?", limitedError(failed))
	}
	if _, err := q.Exec(ctx); err != nil {
		return fmt.Errorf("desk: notices: %w", err)
	}
	return nil
}

func limitedError(err error) string {
	s := strings.ToValidUTF8(err.Error(), "")
	return s[:min(len(s), 500)]
}

// tell has other systems told of an act, and the requester of one of the office's, if there
// is a way to.
func (d *Desk) tell(ctx context.Context, tx bun.Tx, t Ticket, by Person, kind ActKind) error {
	if d.outbox != nil {
		if err := d.outbox(ctx, tx, t, kind); err != nil {
			return err
		}
	}
	if ctx.Value(quietly{}) != nil || t.Requester.Email == "" || kind != noticeOpen && (by.ID == "" || !toRequester[kind]) {
		return nil
	}
	row := noticeRow{ID: uuid.NewString(), Ticket: t.ID, Kind: kind, Version: t.Version, Made: millis(d.now()), Next: millis(d.now())}
	_, err := tx.NewInsert().Model(&row).Exec(ctx)
	return err
}
