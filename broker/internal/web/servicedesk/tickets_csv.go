package servicedesk

import (
	"context"
	"encoding/csv"
	"net/http"
	"strconv"
	"strings"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
	"consento/broker/internal/web/page"
)

// columns are those of tickets as a file (RFC 4180). Their names stay the same in every
// language: programs read them.
var columns = []string{"number", "type", "state", "title", "text", "requester", "email", "phone", "whole_office", "channel", "category", "area", "impact", "urgency", "priority",
	"team", "assignee", "waiting", "created", "responded", "resolved", "closed", "resolution", "solution", "reopened"}

// mostExported bounds a file.
const mostExported = 50_000

// giveTickets hands out the tickets that the list would show, all pages of it, as far as
// the account may export each: not those of teams that had them once.
func (ps *Pages) giveTickets(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	q := r.URL.Query()
	filter := desk.Filter{Text: page.Limited(q.Get("id"), 200), Open: q.Get("ended") == "", To: time.Now().Add(time.Millisecond)} // none that comes meanwhile
	rows := 0
	if err := ps.exported(r.Context(), by, filter, func(desk.Ticket) bool { rows++; return rows < mostExported }); err != nil {
		return err
	}
	return ps.giveTable(rw, r, by, table{What: "tickets", Name: "tickets-" + time.Now().UTC().Format(time.DateOnly) + ".csv", Head: columns, Rows: rows,
		Mark: q.Get("bom") != "", Filters: []string{"id", "ended"}, Write: func(out *csv.Writer) error {
			left := rows
			if left == 0 {
				return nil
			}
			return ps.exported(r.Context(), by, filter, func(t desk.Ticket) bool {
				left--
				return out.Write(ticketRow(t)) == nil && left > 0
			})
		}})
}

// exported calls do with each ticket that the account may export, until it is false.
func (ps *Pages) exported(ctx context.Context, by access.Account, filter desk.Filter, do func(desk.Ticket) bool) error {
	for filter.Limit = 200; ; {
		list, err := ps.desk.List(ctx, by, filter)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, t := range list {
			if access.Can(by, access.Export, access.Scope{Owner: t.Assignee.ID, Team: t.Team, Territory: t.Territory}) && !do(t) {
				return nil
			}
		}
		last := list[len(list)-1]
		filter.Before = desk.Mark{Created: last.Created, ID: last.ID}
	}
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
