package desk

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
)

// How long an appointment is held to take, and how long before it people are reminded.
const (
	appointmentTime = 30 * time.Minute
	remindBefore    = time.Hour
)

// noticeRemind is the kind of the notice before an appointment.
const noticeRemind ActKind = "remind"

// remind has the requester reminded of an appointment, and of no other any more.
func (d *Desk) remind(ctx context.Context, tx bun.Tx, t Ticket, kind ActKind) error {
	if kind != ActAppoint && kind != ActResolve && kind != ActClose {
		return nil
	}
	if _, err := tx.NewDelete().Model((*noticeRow)(nil)).Where("ticket = ?", t.ID).Where("kind = ?", noticeRemind).Where("sent = 0").Exec(ctx); err != nil {
		return err
	}
	at := t.Appointment.Add(-remindBefore)
	if kind != ActAppoint || t.Appointment.IsZero() || t.Requester.Email == "" || !at.After(d.now()) {
		return nil
	}
	row := noticeRow{ID: uuid.NewString(), Ticket: t.ID, Kind: noticeRemind, Version: t.Version, Made: millis(d.now()), Next: millis(at)}
	_, err := tx.NewInsert().Model(&row).Exec(ctx)
	return err
}

// LocalTime reads a time as a browser's field gives it (HTML, local date and time), on the
// office's wall. A time that the clock leaves out is none.
func LocalTime(s string, zone *time.Location) (time.Time, bool) {
	const layout = "2006-01-02T15:04"
	t, err := time.ParseInLocation(layout, s, zone)
	return t, err == nil && t.Format(layout) == s
}

// event is an appointment as a file for calendars (RFC 5545, RFC 5546): published, or
// cancelled where it has no time any more.
type event struct {
	uid      string
	sequence int64
	made, at time.Time
	summary  string
	text     string
	url      string
}

func (e event) ics() []byte {
	method, status := "PUBLISH", "CONFIRMED"
	if e.at.IsZero() {
		method, status = "CANCEL", "CANCELLED"
	}
	const utc = "20060102T150405Z"
	lines := []string{"BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Consento//Service desk//EN", "METHOD:" + method, "BEGIN:VEVENT", "UID:" + e.uid,
		fmt.Sprint("SEQUENCE:", e.sequence), "DTSTAMP:" + e.made.UTC().Format(utc)}
	if !e.at.IsZero() {
		lines = append(lines, "DTSTART:"+e.at.UTC().Format(utc), "DTEND:"+e.at.Add(appointmentTime).UTC().Format(utc))
	} else {
		lines = append(lines, "DTSTART:"+e.made.UTC().Format(utc))
	}
	lines = append(lines, "SUMMARY:"+icsText(e.summary), "DESCRIPTION:"+icsText(e.text), "URL:"+e.url, "STATUS:"+status, "END:VEVENT", "END:VCALENDAR")
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(fold75(l) + "\r\n")
	}
	return []byte(b.String())
}

// icsText escapes a text (RFC 5545, section 3.3.11).
func icsText(s string) string {
	return strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\r\n", `\n`, "\n", `\n`, "\r", `\n`).Replace(s)
}

// fold75 breaks a line so that none has more than 75 bytes (RFC 5545, section 3.1), never
// within a character.
func fold75(l string) string {
	var b strings.Builder
	n := 0
	for _, r := range l {
		size := utf8.RuneLen(r)
		if n+size > 75 {
			b.WriteString("\r\n ")
			n = 1
		}
		b.WriteRune(r)
		n += size
	}
	return b.String()
}
