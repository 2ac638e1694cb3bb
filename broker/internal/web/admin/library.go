package admin

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"consento/broker/internal/access"
	"consento/broker/internal/web/page"
	"consento/protocol"
	"consento/protocol/lang"
)

// shelfPage is the data of the template "settings-shelf": what stands on one shelf.
type shelfPage struct {
	Account access.Account
	Shelf   access.Shelf
	Saved   string
	Entries []shelfLine
}

type shelfLine struct {
	ID, Name, Facts, Text string
	Code                  bool // the text is a script's
	First, Last           bool
	Up, Down, Delete      string // in words, with the name
}

// entryPage is the data of the templates "settings-entry" and "settings-entry-delete".
type entryPage struct {
	Shelf    access.Shelf
	ID       string // "new" for one that is not there yet
	Version  string // that is edited
	Name     page.Input
	About    *page.Input // description
	Fields   []page.Picker
	ReadOnly *page.Choice
	Text     area
	Stale    bool
	Versions []versionLine
	Line     shelfLine // that is to be deleted
}

// area is a field of several lines.
type area struct {
	Label, Hint, Value, Error, ErrorWord string
	Max, Rows                            int
	Code                                 bool
}

func shelfOf(r *http.Request) (access.Shelf, bool) {
	shelf := access.Shelf(r.PathValue("shelf"))
	return shelf, slices.Contains(access.Shelves(), shelf)
}

func shelfPath(shelf access.Shelf) string { return "/settings/library/" + string(shelf) }

func (ps *Pages) showShelf(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	shelf, ok := shelfOf(r)
	if !ok {
		return ps.NotFound(rw, r)
	}
	p := ps.NewPage(r, "library.title."+string(shelf))
	list, err := ps.settings.Shelf(r.Context(), shelf)
	if err != nil {
		return err
	}
	data := shelfPage{Account: by, Shelf: shelf}
	switch said := r.URL.Query().Get("saved"); said {
	case "entry", "deleted", "moved", "teams":
		data.Saved = p.T("library.saved." + said)
	case "none":
		data.Saved = p.T("settings.saved.none")
	}
	for i, e := range list {
		line := ps.shelfLine(p, e)
		line.First, line.Last = i == 0, i == len(list)-1
		data.Entries = append(data.Entries, line)
	}
	p.Data = data
	return ps.Show(rw, http.StatusOK, "settings-shelf", p)
}

// shelfLine is an entry in a list.
func (ps *Pages) shelfLine(p *page.Page, e access.Entry) shelfLine {
	name := page.Isolate(page.Plain(e.Name))
	team := p.T("library.every_team")
	if e.Team != "" {
		team = p.T("settings.retention.team", "team", page.Isolate(e.Team))
	}
	language := p.T("library.every_language")
	if e.Language != "" {
		language = ps.named(p, e.Language)
	}
	facts := language + " · " + team
	if e.Shelf == access.Scripts {
		facts = p.T("library.platform."+string(e.Platform)) + " · " + string(e.Interpreter) + " · " + facts + " · " + p.T("library.version", "version", strconv.Itoa(e.Version))
		if e.ReadOnly {
			facts += " · " + p.T("library.read_only.claimed")
		}
	}
	return shelfLine{ID: e.ID, Name: e.Name, Facts: facts, Text: e.Text, Code: e.Shelf == access.Scripts,
		Up: p.T("library.up", "name", name), Down: p.T("library.down", "name", name), Delete: p.T("library.delete", "name", name)}
}

// changeShelf moves an entry.
func (ps *Pages) changeShelf(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	shelf, ok := shelfOf(r)
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	step := values.Get("step")
	if !ok || step != "up" && step != "down" {
		return page.ErrForm
	}
	if err := ps.settings.MoveEntry(r.Context(), by, page.Limited(values.Get("id"), 64), step == "up"); err != nil && !errors.Is(err, access.ErrNotFound) {
		return err
	}
	http.Redirect(rw, r, shelfPath(shelf)+"?saved=moved", http.StatusSeeOther)
	return nil
}

// entryOf finds the entry of an address; a new one for "new".
func (ps *Pages) entryOf(r *http.Request) (access.Entry, error) {
	shelf, ok := shelfOf(r)
	if !ok {
		return access.Entry{}, access.ErrNotFound
	}
	id := page.Limited(r.PathValue("id"), 64)
	if id == "new" {
		return access.Entry{Shelf: shelf, Language: page.TextsOf(r).Tag, Platform: protocol.Linux, Interpreter: protocol.Sh}, nil
	}
	e, err := ps.settings.Entry(r.Context(), id)
	if err == nil && e.Shelf != shelf {
		err = access.ErrNotFound
	}
	return e, err
}

func (ps *Pages) editEntry(rw http.ResponseWriter, r *http.Request, _ access.Account) error {
	e, err := ps.entryOf(r)
	if errors.Is(err, access.ErrNotFound) {
		return ps.NotFound(rw, r)
	}
	if err != nil {
		return err
	}
	return ps.entryForm(rw, r, http.StatusOK, e, nil, false)
}

// entryForm shows an entry in its form; problems says what is wrong with a field.
func (ps *Pages) entryForm(rw http.ResponseWriter, r *http.Request, status int, e access.Entry, problems map[string]string, stale bool) error {
	kind := string(e.Shelf)
	p := ps.NewPage(r, "library.new."+kind)
	data := &entryPage{Shelf: e.Shelf, ID: e.ID, Version: strconv.Itoa(e.Version), Stale: stale}
	if e.ID == "" {
		data.ID = "new"
	} else {
		p.Title = p.T("library.edit", "name", page.Isolate(page.Plain(e.Name)))
		versions, err := ps.settings.EntryVersions(r.Context(), e.ID)
		if err != nil {
			return err
		}
		for _, v := range versions {
			author := v.Author
			if author == "" {
				author = p.T("settings.versions.program")
			}
			data.Versions = append(data.Versions, versionLine{ID: strconv.Itoa(v.Version), When: page.Minute(p, v.Made), Author: author, Why: "SHA-256 " + v.SHA256, InForce: v.Version == versions[0].Version})
		}
	}
	switch {
	case stale:
		p.Error = p.T("library.stale")
	case len(problems) > 0:
		p.Error = p.T("setup.error.some")
	}
	word := p.T("page.error")
	data.Name = page.Input{Name: "name", Label: p.T("library.name"), Hint: p.T("library.name.hint"), Type: "text", Value: e.Name, Max: protocol.MaxPassageName, Required: true, Error: problems["name"], ErrorWord: word}
	data.Text = area{Label: p.T("library.text." + kind), Hint: p.T("library.text." + kind + ".hint"), Value: e.Text, Rows: 10, Error: problems["text"], ErrorWord: word}
	language := page.Picker{Name: "language", Label: p.T("library.language"), Error: problems["language"], ErrorWord: word}
	if e.Shelf == access.Scripts {
		data.About = &page.Input{Name: "description", Label: p.T("library.description"), Type: "text", Value: e.Description, Max: protocol.MaxDescription, Error: problems["description"], ErrorWord: word}
		data.ReadOnly = &page.Choice{Name: "read_only", Label: p.T("library.read_only"), On: e.ReadOnly}
		data.Text.Max, data.Text.Rows, data.Text.Code = protocol.MaxScript, 16, true
		language.Options = append(language.Options, page.Option{Value: "", Label: p.T("library.every_language"), Chosen: e.Language == ""})
	} else if data.Text.Max = protocol.MaxNote; e.Shelf == access.Answers {
		data.Text.Max = protocol.MaxChat
	}
	for _, tag := range ps.Texts.Tags() {
		language.Options = append(language.Options, page.Option{Value: tag, Label: ps.Texts.Match(tag).T("page.language"), Chosen: e.Language == tag})
	}
	team := page.Picker{Name: "team", Label: p.T("library.team"), Options: []page.Option{{Value: "", Label: p.T("library.every_team"), Chosen: e.Team == ""}}}
	teams, err := ps.settings.Retention(r.Context())
	if err != nil {
		return err
	}
	for _, t := range teams.Teams {
		team.Options = append(team.Options, page.Option{Value: t.Team, Label: t.Team, Chosen: e.Team == t.Team})
	}
	data.Fields = []page.Picker{language, team}
	if e.Shelf == access.Scripts {
		platform := page.Picker{Name: "platform", Label: p.T("library.platform")}
		for _, o := range protocol.Platforms() {
			platform.Options = append(platform.Options, page.Option{Value: string(o), Label: p.T("library.platform." + string(o)), Chosen: e.Platform == o})
		}
		interpreter := page.Picker{Name: "interpreter", Label: p.T("library.interpreter"), Error: problems["interpreter"], ErrorWord: word}
		for _, o := range protocol.Interpreters() {
			interpreter.Options = append(interpreter.Options, page.Option{Value: string(o), Label: string(o), Chosen: e.Interpreter == o})
		}
		data.Fields = append(data.Fields, platform, interpreter)
	}
	p.Data = data
	return ps.Show(rw, status, "settings-entry", p)
}

func (ps *Pages) changeEntry(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	e, err := ps.entryOf(r)
	if errors.Is(err, access.ErrNotFound) {
		return ps.NotFound(rw, r)
	}
	if err != nil {
		return err
	}
	now := e.Version
	e = entryFrom(e, values)
	if e.Language != "" && !slices.Contains(ps.Texts.Tags(), e.Language) {
		return page.ErrForm // no page offers it
	}
	saved, err := ps.settings.SaveEntry(r.Context(), by, e)
	var invalid *access.Invalid
	switch {
	case errors.As(err, &invalid):
		p := ps.NewPage(r, "settings.title")
		problem := "library.error." + invalid.Field
		if invalid.Field == "text" {
			problem += "." + string(e.Shelf)
		}
		if !p.Has(problem) {
			return page.ErrForm
		}
		return ps.entryForm(rw, r, http.StatusUnprocessableEntity, e, map[string]string{invalid.Field: p.T(problem)}, false)
	case errors.Is(err, access.ErrStale):
		e.Version = now // what holds now is replaced only by who has seen that
		return ps.entryForm(rw, r, http.StatusConflict, e, nil, true)
	case err != nil:
		return err
	}
	to := "entry"
	if saved.Version == now {
		to = "none"
	}
	http.Redirect(rw, r, shelfPath(e.Shelf)+"?saved="+to, http.StatusSeeOther)
	return nil
}

// entryFrom takes into e what a form says.
func entryFrom(e access.Entry, values url.Values) access.Entry {
	e.Version, _ = strconv.Atoi(values.Get("version")) // what is no number is no version
	e.Name, e.Description, e.Language, e.Team, e.Text = values.Get("name"), values.Get("description"), values.Get("language"), values.Get("team"), values.Get("text")
	e.Platform, e.Interpreter, e.ReadOnly = protocol.Platform(values.Get("platform")), protocol.Interpreter(values.Get("interpreter")), values.Get("read_only") != ""
	return e
}

func (ps *Pages) askDeleteEntry(rw http.ResponseWriter, r *http.Request, _ access.Account) error {
	e, err := ps.entryOf(r)
	if errors.Is(err, access.ErrNotFound) || err == nil && e.ID == "" {
		return ps.NotFound(rw, r)
	}
	if err != nil {
		return err
	}
	p := ps.NewPage(r, "library.delete.title")
	p.Data = &entryPage{Shelf: e.Shelf, ID: e.ID, Version: strconv.Itoa(e.Version), Line: ps.shelfLine(p, e)}
	return ps.Show(rw, http.StatusOK, "settings-entry-delete", p)
}

func (ps *Pages) deleteEntry(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	shelf, ok := shelfOf(r)
	if !ok {
		return ps.NotFound(rw, r)
	}
	version, _ := strconv.Atoi(values.Get("version"))
	err = ps.settings.DeleteEntry(r.Context(), by, page.Limited(r.PathValue("id"), 64), version)
	switch {
	case errors.Is(err, access.ErrNotFound): // somebody else was quicker
	case errors.Is(err, access.ErrStale):
		return ps.askDeleteEntry(rw, r, by) // with what holds now
	case err != nil:
		return err
	}
	http.Redirect(rw, r, shelfPath(shelf)+"?saved=deleted", http.StatusSeeOther)
	return nil
}

// showLibrary gives a technician's console what the office wrote for it.
func (ps *Pages) showLibrary(rw http.ResponseWriter, r *http.Request, account access.Account) error {
	library, err := ps.settings.Library(r.Context(), account.Team)
	if err != nil {
		return err
	}
	rw.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(rw).Encode(library)
}

// StartingTemplates are the templates of summaries that come with the program, one in
// each language.
func StartingTemplates(texts *lang.Catalog) (list []access.Entry) {
	for _, tag := range texts.Tags() {
		t := texts.Match(tag)
		list = append(list, access.Entry{Shelf: access.Templates, Language: tag, Name: t.T("library.template.start.name"), Text: t.T("library.template.start.text") + "\n"})
	}
	return list
}
