package web

import (
	"bytes"
	"encoding/csv"
	"errors"
	"net/http"
	"strings"

	"consento/broker/internal/access"
	"consento/broker/internal/figures"
)

// saveFigures hands one table out as a file (RFC 4180). It begins with a byte order
// mark: spreadsheets take it for the encoding of an old machine otherwise.
func (w *Web) saveFigures(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	if !access.May(by, access.SeeFigures) { // to export is not to see
		return w.forbid(rw, r, by, true, []access.Action{access.SeeFigures})
	}
	id, is := strings.CutSuffix(r.PathValue("table"), ".csv")
	today, err := w.today(r)
	if err != nil {
		return err
	}
	q, problem := figuresQuery(r.URL.Query(), today)
	if !is || problem != nil {
		return w.notFound(rw, r)
	}
	report, err := w.figures.Report(r.Context(), by, q)
	if errors.Is(err, figures.ErrForbidden) || err == nil && report.Small {
		return w.notFound(rw, r)
	}
	if err != nil {
		return err
	}
	p := w.newPage(r, "figures.title")
	names, err := w.figureNames(r, p)
	if err != nil {
		return err
	}
	for _, t := range figureTables(p, report, names) {
		if t.ID != id {
			continue
		}
		body, err := t.file()
		if err != nil {
			return err
		}
		return attach(rw, "text/csv; charset=utf-8", "consento-"+t.ID+"-"+report.First.String()+"-"+report.Last.String()+".csv", body)
	}
	return w.notFound(rw, r)
}

func (t figureTable) file() ([]byte, error) {
	b := bytes.NewBufferString("\ufeff")
	rows := csv.NewWriter(b)
	rows.UseCRLF = true
	line := append([]string{t.First}, t.Head...)
	write := func() error {
		for i := range line {
			line[i] = noFormula(line[i])
		}
		return rows.Write(line)
	}
	if err := write(); err != nil {
		return nil, err
	}
	for _, row := range t.Rows {
		line = []string{row.Name}
		for _, c := range row.Cells {
			line = append(line, c.Raw)
		}
		if err := write(); err != nil {
			return nil, err
		}
	}
	rows.Flush()
	return b.Bytes(), rows.Error()
}
