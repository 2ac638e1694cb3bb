package access

import (
	"context"
	"net/url"

	"consento/broker/internal/ops"
)

// Taken is a file of what the office knows, on its way to somebody.
type Taken struct {
	What    string     // tickets, report, figures.days, …
	Filters url.Values // what was asked for; empty: everything
	Rows    int        // without the head
}

// NoteExport puts on the trail who takes which file. It is there when NoteExport returns:
// then the first byte may go.
func (a *Access) NoteExport(ctx context.Context, by Account, e Taken) error {
	filters := map[string]string{}
	for name := range e.Filters {
		if v := e.Filters.Get(name); v != "" {
			filters[name] = v
		}
	}
	return ops.NoteAct(ctx, a.db, "exported", by.ID, map[string]any{"what": e.What, "filters": filters, "rows": e.Rows})
}
