package desk

import (
	"context"
	"fmt"
	"time"

	"consento/broker/internal/mail"
	"consento/protocol/lang"
)

// Post is the queue of notices as letters, each in its requester's language. It is a
// mail.Source.
type Post struct {
	Desk   *Desk
	Texts  *lang.Catalog
	Office func(context.Context) (mail.Office, error)
	URL    string // public address, without a slash at its end
}

// Letters implements mail.Source.
func (p Post) Letters(ctx context.Context, most int) ([]mail.Letter, error) {
	due, err := p.Desk.Notices(ctx, most)
	if err != nil || len(due) == 0 {
		return nil, err
	}
	office, err := p.Office(ctx)
	if err != nil {
		return nil, err
	}
	hours, _, err := p.Desk.Hours(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]mail.Letter, len(due))
	for i, n := range due {
		list[i] = p.letter(n, office, hours.Calendar.Zone)
	}
	return list, nil
}

// letter puts a notice into words. The first one to somebody who asked on the portal
// repeats nothing that they wrote, and does not even greet them by name: anybody can type
// in anybody's address, and we are nobody's way to write to strangers.
func (p Post) letter(n Notice, office mail.Office, zone *time.Location) mail.Letter {
	x := p.Texts.Match(n.Ticket.Language)
	t := n.Ticket
	unknown := n.Kind == noticeOpen && t.Channel == ByPortal
	l := mail.Letter{ID: n.ID, Thread: t.ID, First: n.Kind == noticeOpen, To: mail.Address{Name: t.Requester.Name, Email: t.Requester.Email}, Language: x.Tag,
		Subject: t.Ref + ": " + x.T(noticeKey("subject", n)), Link: mail.Link{Text: x.T("mail.link"), URL: p.URL + "/request/" + n.Link}}
	if unknown {
		l.To.Name = ""
		l.Body = []string{x.T("mail.hello.nobody"), x.T("mail.body.open.portal", "office", office.Name, "ref", t.Ref)}
		l.After = []string{x.T("mail.not_you")}
		return l
	}
	l.Body = []string{x.T("mail.hello", "name", t.Requester.Name), x.T("mail.about", "ref", t.Ref, "title", t.Title)}
	said := noticeKey("body", n)
	when := ""
	if !n.At.IsZero() {
		when = wallTime(x, n.At.In(zone))
	}
	l.Body = append(l.Body, x.T(said, "office", office.Name, "when", when))
	l.Quote = n.Text
	if n.Kind == ActAppoint {
		e := event{uid: t.ID + "@consento", sequence: n.Version, made: n.Made, at: n.At, summary: office.Name + " – " + t.Ref, text: x.T(said, "when", when) + "\n" + l.Link.URL, url: l.Link.URL}
		l.Event = e.ics()
	}
	if after := "mail.after." + string(n.Kind); x.Has(after) {
		l.After = []string{x.T(after)}
	}
	return l
}

// wallTime is a time on the office's wall.
func wallTime(x lang.Texts, at time.Time) string {
	return x.T("log.date", "year", at.Format("2006"), "month", at.Format("01"), "day", at.Format("02")) + ", " + at.Format("15:04 (MST)")
}

// noticeKey is where a notice's words stand in the language files.
func noticeKey(what string, n Notice) string {
	key := "mail." + what + "." + string(n.Kind)
	switch {
	case n.Kind == ActWait:
		key += "." + string(n.Waiting)
	case n.Kind == ActHang && n.Parent != "":
		key = "mail." + what + ".wait." + string(WaitingForParent)
	case n.Kind == ActAppoint && n.At.IsZero():
		key += ".gone"
	}
	return key
}

// Sent implements mail.Source.
func (p Post) Sent(ctx context.Context, id string, failed error) error {
	var row noticeRow
	if err := p.Desk.db.NewSelect().Model(&row).Column("id", "tries").Where("id = ?", id).Scan(ctx); err != nil {
		return fmt.Errorf("desk: notices: %w", err)
	}
	return p.Desk.Sent(ctx, Notice{ID: id, Tries: row.Tries}, failed)
}

// Standing implements mail.Source.
func (p Post) Standing(ctx context.Context, most int) (s mail.Standing, err error) {
	var oldest int64
	if err := p.Desk.db.NewSelect().Model((*noticeRow)(nil)).ColumnExpr("COUNT(*), COALESCE(MIN(made), 0)").Where("next > 0").Scan(ctx, &s.Waiting, &oldest); err != nil {
		return s, fmt.Errorf("desk: notices: %w", err)
	}
	s.Oldest = timeOf(oldest)
	var rows []struct {
		Ref   string
		Made  int64
		Error string
	}
	err = p.Desk.db.NewSelect().Model((*noticeRow)(nil)).ColumnExpr("ticket.ref, desk_notice.made, desk_notice.error").
		Join("JOIN tickets AS ticket ON ticket.id = desk_notice.ticket").Where("desk_notice.next = 0").Where("desk_notice.sent = 0").Order("desk_notice.made DESC").Limit(int64(most)).Scan(ctx, &rows)
	if err != nil {
		return s, fmt.Errorf("desk: notices: %w", err)
	}
	for _, r := range rows {
		s.GivenUp = append(s.GivenUp, mail.GivenUp{About: r.Ref, Made: timeOf(r.Made), Why: r.Error})
	}
	return s, nil
}

// Again implements mail.Source.
func (p Post) Again(ctx context.Context) error {
	_, err := p.Desk.db.NewUpdate().Model((*noticeRow)(nil)).Set("next = ?", millis(p.Desk.now())).Set("tries = 0").Where("next = 0").Where("sent = 0").Exec(ctx)
	if err != nil {
		return fmt.Errorf("desk: notices: %w", err)
	}
	return nil
}

// Untold says what a ticket's requester could not be told by mail: why the newest
// notice was given up, "" if everything went out or still may.
func (d *Desk) Untold(ctx context.Context, ticket string) (string, error) {
	var rows []noticeRow
	err := d.db.NewSelect().Model(&rows).Where("ticket = ?", ticket).Order("version DESC").Limit(1).Scan(ctx)
	if err != nil {
		return "", fmt.Errorf("desk: notices: %w", err)
	}
	if len(rows) == 0 || rows[0].Next > 0 || rows[0].Sent > 0 {
		return "", nil
	}
	return rows[0].Error, nil
}

var _ mail.Source = Post{}
