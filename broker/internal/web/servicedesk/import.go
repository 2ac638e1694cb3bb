package servicedesk

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
	"consento/broker/internal/web/page"
)

// importPage is the data of the template "desk-import".
type importPage struct {
	Account access.Account
	Columns string
	ID      string // of what was looked at; "" before
	Rows    []importLine
	Good    int
	Sum     string
	Undo    string // id of what can be undone, "" nothing
	Said    string
}

type importLine struct {
	Line              int
	Title, Who, Found string // what is wrong, "" nothing
}

// mostShown is how many rows of a file are shown; those that are wrong come first.
const mostShown = 100

func (ps *Pages) showImport(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	return ps.importForm(rw, r, by, http.StatusOK, importPage{}, "")
}

func (ps *Pages) importForm(rw http.ResponseWriter, r *http.Request, by access.Account, status int, data importPage, problem string) error {
	p := ps.NewPage(r, "desk.import")
	p.Error = problem
	data.Account, data.Columns = by, "title, requester, email, phone, type, text, area, channel, language"
	if done := page.Limited(r.URL.Query().Get("made"), 10); done != "" {
		data.Said, data.Undo = p.T("desk.import.made", "n", done), page.Limited(r.URL.Query().Get("of"), 64)
	}
	if closed := page.Limited(r.URL.Query().Get("closed"), 10); closed != "" {
		data.Said = p.T("desk.import.undone", "n", closed, "stay", page.Limited(r.URL.Query().Get("stay"), 10))
	}
	p.Data = data
	return ps.Show(rw, status, "desk-import", p)
}

// doImport looks at a file, makes tickets of what was looked at, or undoes that.
func (ps *Pages) doImport(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	p := ps.NewPage(r, "desk.import")
	fail := func(err error) error {
		problem := deskProblem(p, err)
		if errors.Is(err, desk.ErrNoImport) {
			problem = p.T("desk.import.over")
		}
		if problem == "" {
			return err
		}
		return ps.importForm(rw, r, by, http.StatusUnprocessableEntity, importPage{}, problem)
	}
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	id := page.Limited(values.Get("import"), 64)
	switch values.Get("step") {
	case "make":
		n, err := ps.desk.MakeImport(r.Context(), by, id)
		if err != nil {
			return fail(err)
		}
		http.Redirect(rw, r, "/desk/import?"+url.Values{"made": {strconv.Itoa(n)}, "of": {id}}.Encode(), http.StatusSeeOther)
		return nil
	case "undo":
		closed, stay, err := ps.desk.UndoImport(r.Context(), by, id)
		if err != nil {
			return fail(err)
		}
		http.Redirect(rw, r, "/desk/import?"+url.Values{"closed": {strconv.Itoa(closed)}, "stay": {strconv.Itoa(stay)}}.Encode(), http.StatusSeeOther)
		return nil
	}
	_, file, _, err := posted(r)
	if err != nil {
		return fail(err)
	}
	look, err := ps.desk.LookAtImport(r.Context(), by, file, p.Tag)
	if err != nil {
		return fail(err)
	}
	data := importPage{ID: look.ID, Good: look.Good, Sum: p.T("desk.import.sum", "good", strconv.Itoa(look.Good), "bad", strconv.Itoa(len(look.Rows)-look.Good))}
	for _, wrong := range []bool{true, false} {
		for _, row := range look.Rows {
			line := importLine{Line: row.Line, Title: row.New.Title, Who: row.New.Requester.Name}
			switch {
			case row.Problem != nil:
				line.Found = deskProblem(p, row.Problem)
			case row.Twin != "":
				line.Found = p.T("desk.import.twin", "ref", row.Twin)
			}
			if (line.Found != "") == wrong && len(data.Rows) < mostShown {
				data.Rows = append(data.Rows, line)
			}
		}
	}
	return ps.importForm(rw, r, by, http.StatusOK, data, "")
}
