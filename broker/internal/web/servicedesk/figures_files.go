package servicedesk

import (
	"encoding/csv"
	"errors"
	"net/http"
	"strings"

	"consento/broker/internal/access"
	"consento/broker/internal/figures"
)

// saveFigures hands one table out as a file. It begins with a byte order mark:
// spreadsheets take it for the encoding of an old machine otherwise.
func (ps *Pages) saveFigures(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	if !access.May(by, access.SeeFigures) { // to export is not to see
		return ps.Forbid(rw, r, by, true, []access.Action{access.SeeFigures})
	}
	id, is := strings.CutSuffix(r.PathValue("table"), ".csv")
	today, err := ps.today(r)
	if err != nil {
		return err
	}
	q, problem := figuresQuery(r.URL.Query(), today)
	if !is || problem != nil {
		return ps.NotFound(rw, r)
	}
	report, err := ps.figures.Report(r.Context(), by, q)
	if errors.Is(err, figures.ErrForbidden) || err == nil && report.Small {
		return ps.NotFound(rw, r)
	}
	if err != nil {
		return err
	}
	p := ps.NewPage(r, "figures.title")
	names, err := ps.figureNames(r, p)
	if err != nil {
		return err
	}
	for _, t := range figureTables(p, report, names) {
		if t.ID != id {
			continue
		}
		head := append([]string{t.First}, t.Head...)
		for i := range head {
			head[i] = noFormula(head[i])
		}
		return ps.giveTable(rw, r, by, table{What: "figures." + t.ID, Name: "consento-" + t.ID + "-" + report.First.String() + "-" + report.Last.String() + ".csv", Head: head, Rows: len(t.Rows),
			Mark: true, Filters: []string{"from", "to", "team"}, Write: func(out *csv.Writer) error {
				for _, row := range t.Rows {
					line := []string{noFormula(row.Name)}
					for _, c := range row.Cells {
						line = append(line, noFormula(c.Raw))
					}
					_ = out.Write(line) // giveTable looks at errors
				}
				return nil
			}})
	}
	return ps.NotFound(rw, r)
}
