package servicedesk

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
	"consento/broker/internal/web/page"
)

// matrixPage is the data of the template "levels-matrix".
type matrixPage struct {
	Levels   []string
	Rows     []matrixRow
	Retired  []matrixRow
	Problems []string
	Version  string
}

type matrixRow struct {
	ID, Name, About string
	Alert           bool
	Cells           []matrixCell
}

type matrixCell struct {
	Path, Edit, Count, Next string // Edit names the link; Next: who gets it, and after what time
	Steps                   []string
	When                    string
}

func (ps *Pages) showMatrix(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	p := ps.NewPage(r, "levels.matrix.title")
	m, v, err := ps.desk.Matrix(r.Context())
	if err != nil {
		return err
	}
	problems, err := ps.desk.MatrixProblems(r.Context())
	if err != nil {
		return err
	}
	data := matrixPage{Version: versionWords(p, v)}
	for _, o := range problems {
		c, _ := m.Find(o.Category)
		data.Problems = append(data.Problems, p.T("levels.problem."+string(o.Kind), "category", page.Isolate(page.Plain(c.Name(p.Tag))), "level", string(o.Level), "team", page.Isolate(page.Plain(o.Team)),
			"tickets", p.Count("tickets", o.Open)))
	}
	for _, level := range access.Levels() {
		data.Levels = append(data.Levels, p.T("admin.level."+string(level)))
	}
	for _, c := range m.Categories {
		words := c.In(p.Tag)
		row := matrixRow{ID: c.ID, Name: words.Name, About: words.About, Alert: c.Alert}
		for _, level := range access.Levels() {
			cell := c.Cells[level]
			work := cell.Work(p.Tag)
			mc := matrixCell{Path: "/admin/desk/matrix/" + url.PathEscape(c.ID) + "/" + string(level), Steps: work.Steps, When: work.When,
				Edit: p.T("levels.cell.edit", "category", page.Isolate(page.Plain(words.Name)), "level", string(level))}
			if len(work.Steps) > 0 {
				mc.Count = p.Count("steps", len(work.Steps))
			}
			mc.Next = handOn(p, cell)
			row.Cells = append(row.Cells, mc)
		}
		if c.Retired {
			data.Retired = append(data.Retired, row)
		} else {
			data.Rows = append(data.Rows, row)
		}
	}
	return ps.levels(rw, r, by, http.StatusOK, "levels-matrix", p, data)
}

// matrixRowPage is the data of the template "levels-row".
type matrixRowPage struct {
	*page.Page
	Row    matrixRow
	Levels []string
}

func levelsRow(p *page.Page, row matrixRow, levels []string) matrixRowPage {
	return matrixRowPage{p, row, levels}
}

func versionWords(p *page.Page, v desk.Version) string {
	return p.T("levels.version", "n", strconv.FormatInt(v.Number, 10)) + " · " + whose(p, v)
}

// handOn says to whom a level hands on, and after what time; "" if neither is said.
func handOn(p *page.Page, cell desk.Cell) string {
	team, after := page.Isolate(page.Plain(cell.Team)), time.Duration(cell.After)*time.Minute
	switch {
	case cell.Team != "" && after > 0:
		return p.T("levels.cell.next.both", "team", team, "time", page.Span(p, after))
	case cell.Team != "":
		return p.T("levels.cell.next.team", "team", team)
	case after > 0:
		return p.T("levels.cell.next.time", "time", page.Span(p, after))
	}
	return ""
}

// deskFormPage is the data of the templates "levels-category", "levels-cell",
// "levels-targets" and "levels-hours".
type deskFormPage struct {
	page.Form
	New      bool
	Context  string // what the form is about, in words
	Open     string // tickets that have it now
	Calendar *calendarPage
}

// tagsHere are the languages of the program, that of the page first.
func (ps *Pages) tagsHere(p *page.Page) []string {
	list := []string{p.Tag}
	for _, tag := range ps.Texts.Tags() {
		if tag != p.Tag {
			list = append(list, tag)
		}
	}
	return list
}

// categoryOf finds the category of an address; an empty one for "new".
func (ps *Pages) categoryOf(r *http.Request) (desk.Category, desk.Version, error) {
	m, v, err := ps.desk.Matrix(r.Context())
	if err != nil {
		return desk.Category{}, v, err
	}
	id := page.Limited(r.PathValue("category"), 64)
	if id == "new" {
		return desk.Category{Words: map[string]desk.Words{}}, v, nil
	}
	c, known := m.Find(id)
	if !known {
		return c, v, access.ErrNotFound
	}
	return c, v, nil
}

func (ps *Pages) showCategory(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	return ps.categoryForm(rw, r, by, http.StatusOK, nil, nil)
}

func (ps *Pages) categoryForm(rw http.ResponseWriter, r *http.Request, by access.Account, status int, values url.Values, problem error) error {
	c, v, err := ps.categoryOf(r)
	if errors.Is(err, access.ErrNotFound) {
		return ps.NotFound(rw, r)
	}
	if err != nil {
		return err
	}
	p := ps.NewPage(r, "levels.category.new")
	data := deskFormPage{New: c.ID == "", Form: page.Form{Path: "/admin/desk/matrix/new", Base: strconv.FormatInt(v.Number, 10)}}
	if !data.New {
		p.Title, data.Path = c.Name(p.Tag), "/admin/desk/matrix/"+url.PathEscape(c.ID)
		open, err := ps.desk.List(r.Context(), by, desk.Filter{Category: c.ID, Open: true, Limit: 200})
		if err != nil {
			return err
		}
		if len(open) > 0 {
			data.Open = p.Count("tickets", len(open))
		}
	}
	for i, tag := range ps.tagsHere(p) {
		words := c.Words[tag]
		about := page.TextField(p, "category.about", "about-"+tag, words.About, 400)
		about.Lines = 2
		name := page.TextField(p, "category.name", "name-"+tag, words.Name, 80)
		if i > 0 {
			name.Hint, about.Hint = "", ""
		}
		data.Sections = append(data.Sections, page.Section{Title: ps.Texts.Match(tag).T("page.language"), Tag: tag, Folded: i > 0, Fields: []page.Field{name, about}})
	}
	tick := func(key string, on bool) page.Field {
		f := page.TextField(p, key, strings.TrimPrefix(key, "category."), map[bool]string{true: "on"}[on], 2)
		f.Tick = true
		return f
	}
	last := page.Section{Fields: []page.Field{tick("category.alert", c.Alert)}}
	if !data.New {
		last.Fields = append(last.Fields, tick("category.retired", c.Retired))
	}
	data.Sections = append(data.Sections, last)
	data.Theirs = asTyped(&data.Form, p, values, problem, v)
	return ps.levels(rw, r, by, status, "levels-category", p, data)
}

func (ps *Pages) changeCategory(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	c, _, err := ps.categoryOf(r)
	if errors.Is(err, access.ErrNotFound) {
		return ps.NotFound(rw, r)
	}
	if err != nil {
		return err
	}
	words := map[string]desk.Words{}
	for tag, o := range c.Words {
		words[tag] = o // also of languages that this program does not speak
	}
	var missing bool
	for _, tag := range ps.Texts.Tags() {
		now := desk.Words{Name: strings.TrimSpace(values.Get("name-" + tag)), About: values.Get("about-" + tag)}
		if now.Name == "" {
			missing = missing || strings.TrimSpace(now.About) != ""
			delete(words, tag)
			continue
		}
		words[tag] = now
	}
	c.Words, c.Alert, c.Retired = words, values.Get("alert") == "on", values.Get("retired") == "on"
	switch {
	case missing:
		err = &access.Invalid{Field: "name", Code: "missing", Reason: "is missing"}
	case c.ID == "":
		_, err = ps.desk.AddCategory(r.Context(), by, c)
	default:
		_, err = ps.desk.EditCategory(r.Context(), by, baseOf(values), c)
	}
	if status, ok := mended(err); ok {
		return ps.categoryForm(rw, r, by, status, values, err)
	}
	if err != nil {
		return err
	}
	http.Redirect(rw, r, "/admin/desk?saved=levels", http.StatusSeeOther)
	return nil
}

func (ps *Pages) showCell(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	return ps.cellForm(rw, r, by, http.StatusOK, nil, nil)
}

func (ps *Pages) cellForm(rw http.ResponseWriter, r *http.Request, by access.Account, status int, values url.Values, problem error) error {
	c, v, err := ps.categoryOf(r)
	level := access.Level(page.Limited(r.PathValue("level"), 8))
	if errors.Is(err, access.ErrNotFound) || err == nil && (c.ID == "" || !slices.Contains(access.Levels(), level)) {
		return ps.NotFound(rw, r)
	}
	if err != nil {
		return err
	}
	teams, err := ps.staff.Teams(r.Context())
	if err != nil {
		return err
	}
	cell := c.Cells[level]
	p := ps.NewPage(r, "levels.matrix.title")
	p.Title = page.Isolate(page.Plain(c.Name(p.Tag))) + " · " + string(level)
	data := deskFormPage{Context: c.In(p.Tag).About, Form: page.Form{Path: "/admin/desk/matrix/" + url.PathEscape(c.ID) + "/" + string(level), Base: strconv.FormatInt(v.Number, 10)}}
	team := page.TextField(p, "cell.team", "team", cell.Team, 100)
	team.Options = []page.Option{{Value: "", Label: p.T("levels.cell.any"), Chosen: cell.Team == ""}}
	order, found := access.Levels(), cell.Team == ""
	for _, t := range teams {
		if slices.Index(order, t.Level) > slices.Index(order, level) || t.Name == cell.Team {
			team.Options = append(team.Options, page.Option{Value: t.Name, Label: t.Name + " · " + string(t.Level), Chosen: t.Name == cell.Team})
			found = found || t.Name == cell.Team
		}
	}
	if !found {
		team.Options = append(team.Options, page.Option{Value: cell.Team, Label: p.T("levels.cell.gone", "team", page.Isolate(page.Plain(cell.Team))), Chosen: true})
	}
	after := page.TextField(p, "cell.after", "after", "", 8)
	if cell.After > 0 {
		after.Value = clockText(time.Duration(cell.After) * time.Minute)
	}
	for i, tag := range ps.tagsHere(p) {
		work := cell.Words[tag]
		steps := page.TextField(p, "cell.steps", "steps-"+tag, strings.Join(work.Steps, "\n"), 8000)
		steps.Lines = 8
		when := page.TextField(p, "cell.when", "when-"+tag, work.When, 1000)
		when.Lines = 2
		if i > 0 {
			steps.Hint, when.Hint = "", ""
		}
		data.Sections = append(data.Sections, page.Section{Title: ps.Texts.Match(tag).T("page.language"), Tag: tag, Folded: i > 0, Fields: []page.Field{steps, when}})
	}
	data.Sections = append(data.Sections, page.Section{Fields: []page.Field{team, after}})
	data.Theirs = asTyped(&data.Form, p, values, problem, v)
	return ps.levels(rw, r, by, status, "levels-cell", p, data)
}

func (ps *Pages) changeCell(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	c, _, err := ps.categoryOf(r)
	level := access.Level(page.Limited(r.PathValue("level"), 8))
	if errors.Is(err, access.ErrNotFound) || err == nil && (c.ID == "" || !slices.Contains(access.Levels(), level)) {
		return ps.NotFound(rw, r)
	}
	if err != nil {
		return err
	}
	cell := desk.Cell{Team: values.Get("team"), Words: map[string]desk.Work{}}
	for tag, o := range c.Cells[level].Words {
		cell.Words[tag] = o
	}
	for _, tag := range ps.Texts.Tags() {
		work := desk.Work{When: values.Get("when-" + tag)}
		for line := range strings.Lines(values.Get("steps-" + tag)) {
			if line = strings.TrimSpace(line); line != "" {
				work.Steps = append(work.Steps, line)
			}
		}
		if len(work.Steps) == 0 && strings.TrimSpace(work.When) == "" {
			delete(cell.Words, tag)
			continue
		}
		cell.Words[tag] = work
	}
	if after := strings.TrimSpace(values.Get("after")); after != "" {
		d, ok := parseClock(after)
		if cell.After = int(d / time.Minute); !ok {
			cell.After = -1 // refused with what is out of range
		}
	}
	_, err = ps.desk.EditCell(r.Context(), by, baseOf(values), c.ID, level, cell)
	if status, ok := mended(err); ok {
		return ps.cellForm(rw, r, by, status, values, err)
	}
	if err != nil {
		return err
	}
	http.Redirect(rw, r, "/admin/desk?saved=levels", http.StatusSeeOther)
	return nil
}
