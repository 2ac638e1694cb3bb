package desk

import (
	"cmp"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/ops"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
)

// ErrNoFile says that there is no such attachment, or none that may be read.
var ErrNoFile = errors.New("desk: no such attachment")

// Attachment is a file beside a ticket. What comes from a session stays sealed on its
// evidence: the ticket has its name, size and hash, and no content.
type Attachment struct {
	ID      string
	At      time.Time
	By      Person // ID "": the requester
	Name    string
	Type    string // media type, by content
	Size    int64
	SHA256  string // in hex
	Shown   bool   // to the requester
	Removed time.Time
	Session string // on whose evidence it is sealed, "" if it lies here
}

// Sealed is something on a session's evidence that is named on its ticket.
type Sealed struct {
	Session, Item string // Item: what it is called there, as "picture-2"
	Name          string // may be empty
	Type          string // media type
	Size          int64  // bytes
	SHA256        string // in hex
}

type attachmentRow struct {
	bun.BaseModel `bun:"table:desk_attachments,alias:desk_attachment"`

	ID      string `bun:",pk"`
	Ticket  string
	At      int64
	ByID    string
	By      string
	Name    string
	Type    string
	Size    int64
	SHA256  string `bun:"sha256"`
	Shown   bool
	Removed int64
	Session string
	Item    string // of the session's evidence
}

func (r attachmentRow) attachment() Attachment {
	return Attachment{r.ID, timeOf(r.At), Person{r.ByID, r.By}, r.Name, r.Type, r.Size, r.SHA256, r.Shown, timeOf(r.Removed), r.Session}
}

// files is where the content of attachments lies, encrypted (AES-256-GCM, with the id as
// what it belongs to): who has the disk alone reads nothing.
type files struct {
	dir  string
	aead cipher.AEAD
}

func newFiles(dir string, key []byte) (*files, error) {
	if dir == "" {
		return nil, nil
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("desk: files: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return &files{dir, aead}, err
}

func (f *files) path(id string) string { return filepath.Join(f.dir, id) }

func (f *files) put(id string, data []byte) error {
	return ops.WriteFile(f.path(id), f.aead.Seal(nil, nil, data, []byte(id)))
}

func (f *files) get(id string) ([]byte, error) {
	raw, err := os.ReadFile(f.path(id))
	if err != nil {
		return nil, fmt.Errorf("desk: files: %w", err)
	}
	data, err := f.aead.Open(nil, nil, raw, []byte(id))
	if err != nil {
		return nil, fmt.Errorf("desk: files: %s was changed: %w", id, err)
	}
	return data, nil
}

// sweep removes what no attachment names: a crash came between file and row.
func (f *files) sweep(ctx context.Context, db *bun.DB, now time.Time) error {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return fmt.Errorf("desk: files: %w", err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || now.Sub(info.ModTime()) < time.Hour {
			continue
		}
		n, err := db.NewSelect().Model((*attachmentRow)(nil)).Where("id = ?", e.Name()).Where("removed = 0").Count(ctx)
		if err != nil {
			return fmt.Errorf("desk: files: %w", err)
		}
		if n == 0 {
			if err := os.Remove(f.path(e.Name())); err != nil {
				return fmt.Errorf("desk: files: %w", err)
			}
		}
	}
	return nil
}

// Attaches reports whether there is a place for attachments.
func (d *Desk) Attaches() bool { return d.files != nil }

// Attach puts a file to a ticket that the account works on; shown: its requester sees it.
// The *access.Invalid of a refused one has the field "file".
func (d *Desk) Attach(ctx context.Context, by access.Account, ticket, name string, data []byte, shown bool) (Ticket, error) {
	return d.attach(ctx, personOf(by), name, data, shown, func(ctx context.Context, tx bun.Tx) (Ticket, error) {
		return d.toAttach(ctx, tx, by, ticket)
	})
}

// AttachByLink puts a requester's file to their ticket.
func (d *Desk) AttachByLink(ctx context.Context, link, name string, data []byte) (Ticket, error) {
	return d.attach(ctx, Person{}, name, data, true, func(ctx context.Context, tx bun.Tx) (Ticket, error) {
		t, err := d.byLink(ctx, tx, link)
		if err == nil && t.State == Closed {
			err = fmt.Errorf("%w: it is closed", ErrStep)
		}
		return t, err
	})
}

func (d *Desk) attach(ctx context.Context, by Person, name string, data []byte, shown bool, find func(context.Context, bun.Tx) (Ticket, error)) (t Ticket, err error) {
	if d.files == nil {
		return t, ErrNoFile
	}
	name, kind, data, err := inspect(name, data)
	if err != nil {
		return t, err
	}
	sum := sha256.Sum256(data)
	row := attachmentRow{ID: uuid.NewString(), At: millis(d.now()), ByID: by.ID, By: by.Name, Name: name, Type: kind.media, Size: int64(len(data)), SHA256: hex.EncodeToString(sum[:]), Shown: shown}
	if err := d.files.put(row.ID, data); err != nil {
		return t, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(d.files.path(row.ID)))
		}
	}()
	err = d.transact(ctx, func(ctx context.Context, tx bun.Tx) error {
		if t, err = find(ctx, tx); err != nil {
			return err
		}
		var all, own int
		if err := tx.NewSelect().Model((*attachmentRow)(nil)).ColumnExpr("COUNT(*), COALESCE(SUM(CASE WHEN by_id = '' THEN 1 ELSE 0 END), 0)").Where("ticket = ?", t.ID).Where("removed = 0").Scan(ctx, &all, &own); err != nil {
			return fmt.Errorf("desk: %w", err)
		}
		if all >= maxFiles || by.ID == "" && (own >= maxOwnFiles || t.Version >= maxVersions) {
			return wrong("file", "too_many")
		}
		row.Ticket = t.ID
		if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
			return fmt.Errorf("desk: %w", err)
		}
		if t, err = d.change(ctx, tx, by, t, Act{Kind: ActAttach, File: name}); err == nil && by.ID == "" && t.Waiting == WaitingForRequester {
			t, err = d.change(ctx, tx, by, t, Act{Kind: ActGoOn})
		}
		return err
	})
	return t, err
}

// AttachSealed names something of a session's evidence on the ticket that the session
// belongs to. It is never shown to the requester; a second time it changes nothing.
func (d *Desk) AttachSealed(ctx context.Context, by access.Account, ticket string, what Sealed) error {
	return d.transact(ctx, func(ctx context.Context, tx bun.Tx) error {
		t, err := d.toAttach(ctx, tx, by, ticket)
		if err != nil {
			return err
		}
		if linked, err := tx.NewSelect().Model((*sessionRow)(nil)).Where("ticket = ?", t.ID).Where("session = ?", what.Session).Exists(ctx); err != nil {
			return fmt.Errorf("desk: %w", err)
		} else if !linked {
			return ErrNoTicket
		}
		all, err := tx.NewSelect().Model((*attachmentRow)(nil)).Where("ticket = ?", t.ID).Where("removed = 0").Count(ctx)
		if err != nil {
			return fmt.Errorf("desk: %w", err)
		}
		there, err := tx.NewSelect().Model((*attachmentRow)(nil)).Where("session = ?", what.Session).Where("item = ?", what.Item).Where("removed = 0").Exists(ctx)
		if err != nil || there {
			return wrapped("desk", err)
		}
		if all >= maxFiles {
			return fmt.Errorf("%w: enough attachments", ErrStep)
		}
		row := attachmentRow{ID: uuid.NewString(), Ticket: t.ID, At: millis(d.now()), ByID: by.ID, By: by.Name, Name: fileName(cmp.Or(what.Name, what.Item), pngFile), Type: what.Type,
			Size: what.Size, SHA256: what.SHA256, Session: what.Session, Item: what.Item}
		if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
			return fmt.Errorf("desk: %w", err)
		}
		_, err = d.change(ctx, tx, personOf(by), t, Act{Kind: ActAttach, File: row.Name, Session: what.Session})
		return err
	})
}

// toAttach returns a ticket that the account works on.
func (d *Desk) toAttach(ctx context.Context, db bun.IDB, by access.Account, ticket string) (Ticket, error) {
	t, err := read(ctx, db, ticket)
	switch {
	case err != nil:
		return t, err
	case !mayRead(by, t):
		return t, ErrNoTicket
	case !access.Can(by, access.WorkTickets, access.Scope{Owner: t.Assignee.ID, Team: t.Team, Territory: t.Territory}):
		return t, ErrForbidden
	}
	return t, nil
}

// Attachments lists those of a ticket that the account may read, removed ones included.
func (d *Desk) Attachments(ctx context.Context, by access.Account, ticket string) ([]Attachment, error) {
	if _, err := d.Ticket(ctx, by, ticket); err != nil {
		return nil, err
	}
	return d.attachments(ctx, ticket)
}

func (d *Desk) attachments(ctx context.Context, ticket string) ([]Attachment, error) {
	var rows []attachmentRow
	if err := d.db.NewSelect().Model(&rows).Where("ticket = ?", ticket).Order("at", "id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("desk: %w", err)
	}
	list := make([]Attachment, len(rows))
	for i, r := range rows {
		list[i] = r.attachment()
	}
	return list, nil
}

// AttachmentsByLink lists those that a requester may see.
func (d *Desk) AttachmentsByLink(ctx context.Context, link string) ([]Attachment, error) {
	t, err := d.byLink(ctx, d.db, link)
	if err != nil {
		return nil, err
	}
	all, err := d.attachments(ctx, t.ID)
	var list []Attachment
	for _, a := range all {
		if a.Shown && a.Removed.IsZero() {
			list = append(list, a)
		}
	}
	return list, err
}

// File returns an attachment and its content, to who may read the ticket.
func (d *Desk) File(ctx context.Context, by access.Account, ticket, id string) (Attachment, []byte, error) {
	list, err := d.Attachments(ctx, by, ticket)
	return d.file(list, id, err)
}

// FileByLink does the same for the requester.
func (d *Desk) FileByLink(ctx context.Context, link, id string) (Attachment, []byte, error) {
	list, err := d.AttachmentsByLink(ctx, link)
	return d.file(list, id, err)
}

func (d *Desk) file(list []Attachment, id string, err error) (Attachment, []byte, error) {
	if err != nil {
		return Attachment{}, nil, err
	}
	for _, a := range list {
		if a.ID == id && a.Removed.IsZero() && a.Session == "" && d.files != nil {
			data, err := d.files.get(id)
			return a, data, err
		}
	}
	return Attachment{}, nil, ErrNoFile
}

// Detach removes an attachment: its content is gone, and the history says that it was.
func (d *Desk) Detach(ctx context.Context, by access.Account, ticket, id string) (t Ticket, err error) {
	if d.files == nil {
		return t, ErrNoFile
	}
	err = d.transact(ctx, func(ctx context.Context, tx bun.Tx) error {
		if t, err = d.toAttach(ctx, tx, by, ticket); err != nil {
			return err
		}
		var row attachmentRow
		err := tx.NewSelect().Model(&row).Where("id = ?", id).Where("ticket = ?", ticket).Where("removed = 0").Scan(ctx)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNoFile
		}
		if err != nil {
			return fmt.Errorf("desk: %w", err)
		}
		if _, err := tx.NewUpdate().Model((*attachmentRow)(nil)).Set("removed = ?", millis(d.now())).Where("id = ?", id).Exec(ctx); err != nil {
			return fmt.Errorf("desk: %w", err)
		}
		t, err = d.change(ctx, tx, personOf(by), t, Act{Kind: ActDetach, File: row.Name})
		return err
	})
	if err != nil {
		return Ticket{}, err
	}
	if err := os.Remove(d.files.path(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return t, fmt.Errorf("desk: files: %w", err)
	}
	return t, nil
}
