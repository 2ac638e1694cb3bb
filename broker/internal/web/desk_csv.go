package web

import (
	"encoding/csv"
	"net/http"
	"strconv"
	"strings"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
)

// columns are those of tickets as a file (RFC 4180). Their names stay the same in every
// language: programs read them.
var columns = []string{"number", "type", "state", "title", "text", "requester", "email", "phone", "whole_office", "channel", "category", "area", "impact", "urgency", "priority",
	"team", "assignee", "waiting", "created", "responded", "resolved", "closed", "resolution", "solution", "reopened"}

// mostExported bounds a file.
const mostExported = 50_000

// giveTickets hands out the tickets that the list would show, all pages of it, as far as
// the account may export each: not those of teams that had them once.
func (w *Web) giveTickets(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	q := r.URL.Query()
	filter := desk.Filter{Text: limited(q.Get("id"), 200), Open: q.Get("ended") == "", Limit: 200}
	list, err := w.desk.List(r.Context(), by, filter) // before the first byte: an error is a page yet
	if err != nil {
		return err
	}
	h := rw.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
	h.Set("Content-Disposition", `attachment; filename="tickets-`+time.Now().UTC().Format(time.DateOnly)+`.csv"`)
	if q.Get("bom") != "" { // some programs read UTF-8 only so
		_, _ = rw.Write([]byte("\xef\xbb\xbf"))
	}
	out := csv.NewWriter(rw)
	out.UseCRLF = true
	_ = out.Write(columns) // errors stay: Flush and Error tell
	for n := 0; len(list) > 0 && n < mostExported; n += len(list) {
		for _, t := range list {
			if access.Can(by, access.Export, access.Scope{Owner: t.Assignee.ID, Team: t.Team, Territory: t.Territory}) {
				_ = out.Write(ticketRow(t))
			}
		}
		if out.Flush(); out.Error() != nil {
			return nil // the browser went away: nobody is left to be told
		}
		last := list[len(list)-1]
		filter.Before = desk.Mark{Created: last.Created, ID: last.ID}
		if list, err = w.desk.List(r.Context(), by, filter); err != nil {
			w.log.ErrorContext(r.Context(), "tickets cannot be read", "err", err)
			panic(http.ErrAbortHandler) // a file that is not whole must not look like one
		}
	}
	return nil
}

func ticketRow(t desk.Ticket) []string {
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	number := func(n int) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	row := []string{t.Ref, string(t.Type), string(t.State), t.Title, t.Text, t.Requester.Name, t.Requester.Email, t.Requester.Phone, strconv.FormatBool(t.Requester.Office), string(t.Channel),
		t.Category, t.Area, number(int(t.Impact)), number(int(t.Urgency)), number(int(t.Priority)), t.Team, t.Assignee.Name, string(t.Waiting),
		at(t.Created), at(t.Responded), at(t.Resolved), at(t.Closed), string(t.Resolution), t.Solution, strconv.Itoa(t.Reopened)}
	for i := range row {
		row[i] = defused(row[i])
	}
	return row
}

// defused is a cell that no spreadsheet takes for a formula: an apostrophe stands before
// what would begin one.
func defused(s string) string {
	if strings.TrimLeft(s, " \t\r\n") != "" && strings.ContainsRune("=+-@\t\r|%", rune(strings.TrimLeft(s, " ")[0])) {
		return "'" + s
	}
	return s
}
