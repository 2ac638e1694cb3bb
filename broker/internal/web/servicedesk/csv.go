package servicedesk

import (
	"context"
	"encoding/csv"
	"net/http"
	"net/url"
	"slices"

	"consento/broker/internal/access"
	"consento/broker/internal/web/page"
)

// table is a file of rows (RFC 4180) that leaves the broker.
type table struct {
	What    string   // on the trail: tickets, report, figures.days
	Name    string   // of the file
	Head    []string // names of the columns
	Rows    int      // as many as Write writes
	Mark    bool     // it begins with a byte order mark: some programs read UTF-8 only so
	Filters []string // parameters of the address that choose its rows
	Write   func(out *csv.Writer) error
}

// Exports notes who takes a file, with which filters and how many rows, on the trail.
type Exports interface {
	NoteExport(ctx context.Context, by access.Account, e access.Taken) error
}

// giveTable is the only way in which such a file leaves. Who takes it, with which filters
// and how many rows stands on the trail before the first byte.
func (ps *Pages) giveTable(rw http.ResponseWriter, r *http.Request, by access.Account, t table) error {
	if r.Method == http.MethodGet { // HEAD gives nothing out
		filters := url.Values{}
		for name, values := range r.URL.Query() {
			if slices.Contains(t.Filters, name) {
				filters.Set(name, page.Limited(values[0], 200))
			}
		}
		if err := ps.exports.NoteExport(r.Context(), by, access.Taken{What: t.What, Filters: filters, Rows: t.Rows}); err != nil {
			return err
		}
	}
	h := rw.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
	h.Set("Content-Disposition", `attachment; filename="`+t.Name+`"`)
	if r.Method != http.MethodGet {
		return nil
	}
	if t.Mark {
		_, _ = rw.Write([]byte("\ufeff"))
	}
	out := csv.NewWriter(rw)
	out.UseCRLF = true
	_ = out.Write(t.Head) // errors stay: Flush and Error tell
	if err := t.Write(out); err != nil {
		ps.Log.ErrorContext(r.Context(), "a file cannot be finished", "what", t.What, "err", err)
		panic(http.ErrAbortHandler) // one that is not whole must not look like one
	}
	out.Flush() // an error means that the browser went away: nobody is left to be told
	return nil
}
