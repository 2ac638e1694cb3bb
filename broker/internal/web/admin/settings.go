package admin

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"consento/broker/internal/access"
	"consento/broker/internal/ops"
	"consento/broker/internal/web/page"
)

// listed bounds the versions and the changes on the page.
const listed = 50

// settingsPage is the data of the template "settings".
type settingsPage struct {
	Account   access.Account
	Saved     string // what was done just now, as a sentence
	Unguarded bool   // recordings are made that nobody reads once the auditors' keys are lost
	Policy    bool   // there is a page of who may read
	Fixed     bool   // the office stands in the configuration
	Office    []page.Input
	Kept      []page.Input
	Copies    []page.Option // whether customers get the recording
	Tickets   []page.Option // what is done where a session belongs to no ticket
	CopyDays  []page.Input
	Languages choices
	LogoError string
	Version   string // of the texts, in force
	Own       bool   // the office has texts of its own
	Texts     []textsState
	Versions  []versionLine
	Changes   []changeLine
	Storage   *page.Storage // nil: it is not known here
}

// choices are boxes of which any may be ticked.
type choices struct {
	Title, Hint, Error, ErrorWord string
	All                           []page.Choice
}

// textsState is how far the texts are the office's own in one language.
type textsState struct {
	Tag, Name     string
	Own, Offered  bool
	OwnName, Link string
}

type versionLine struct {
	ID, When, Author, Why string
	InForce               bool
}

type changeLine struct{ When, Account, What, Before, After string }

func (ps *Pages) showSettings(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	p := ps.NewPage(r, "settings.title")
	s, err := ps.settings.Settings(r.Context())
	if err != nil {
		return err
	}
	if s.Office.Name == "" {
		s.Office.Name = p.Office.Name // what stands for it
	}
	saved := ""
	switch said := r.URL.Query().Get("saved"); said {
	case "office", "logo", "logo_removed", "none":
		saved = p.T("settings.saved." + said)
	case "texts":
		saved = p.T("settings.saved.texts", "version", page.Limited(r.URL.Query().Get("version"), 40))
	}
	return ps.settingsForm(rw, r, by, http.StatusOK, p, settingsPage{Saved: saved}, formOf(s), nil)
}

// formOf is a form that says these settings.
func formOf(s access.Settings) url.Values {
	form := url.Values{"office.name": {s.Office.Name}, "office.phone": {s.Office.Phone}, "office.controller": {s.Office.Controller},
		"office.privacy_contact": {s.Office.PrivacyContact}, "recording_days": {strconv.Itoa(s.RecordingDays)}, "log_months": {strconv.Itoa(s.LogMonths)},
		"customer_recording": {s.CustomerRecording()}, "customer_days": {strconv.Itoa(s.CustomerDays)}, "session_tickets": {s.SessionTickets()}}
	for _, tag := range s.Languages {
		form.Set("languages", "some")
		form.Set("language."+tag, "on")
	}
	return form
}

// settingsForm shows the page with the fields filled in from form; problems names
// what is wrong with a field.
func (ps *Pages) settingsForm(rw http.ResponseWriter, r *http.Request, by access.Account, status int, p *page.Page, data settingsPage, form url.Values, problems map[string]string) error {
	s, err := ps.settings.Settings(r.Context())
	if err != nil {
		return err
	}
	data.Account, data.Fixed, data.Unguarded, data.Policy = by, s.Fixed, ps.audit.Unguarded(), ps.audit.HasPolicy()
	field := func(name, label, kind string, max int, required bool) page.Input {
		f := page.Input{Name: name, Label: p.T(label), Type: kind, Value: form.Get(name), Max: max, Required: required, Error: problems[name], ErrorWord: p.T("page.error")}
		if p.Has(label + ".hint") {
			f.Hint = p.T(label + ".hint")
		}
		return f
	}
	if !s.Fixed {
		data.Office = []page.Input{field("office.name", "setup.office.name", "text", 100, true), field("office.phone", "setup.office.phone", "tel", 40, true),
			field("office.controller", "settings.controller", "text", 200, false), field("office.privacy_contact", "setup.office.privacy_contact", "text", 200, false)}
	}
	data.Kept = []page.Input{field("recording_days", "settings.recording_days", "number", 4, true), field("log_months", "settings.log_months", "number", 3, true)}
	for _, what := range []string{"give", "withhold"} {
		data.Copies = append(data.Copies, page.Option{Value: what, Label: p.T("settings.customer_recording." + what), Chosen: form.Get("customer_recording") == what})
	}
	for _, what := range []string{"made", "none"} {
		data.Tickets = append(data.Tickets, page.Option{Value: what, Label: p.T("settings.session_tickets." + what), Chosen: form.Get("session_tickets") == what})
	}
	data.CopyDays = []page.Input{field("customer_days", "settings.customer_days", "number", 2, true)}
	data.Languages = ps.languageChoices(p, form, problems["languages"])
	v, err := ps.legal.Current(r.Context(), p.Office)
	if err != nil {
		return err
	}
	data.Version, data.Own = v.ID, v.Own
	offered := ps.Texts.Only(p.Office.Languages...).Tags()
	for _, tag := range ps.Texts.Tags() {
		name := ps.Texts.Match(tag).T("page.language")
		data.Texts = append(data.Texts, textsState{Tag: tag, Name: name, Own: !ps.legal.Starting(v, tag), Offered: slices.Contains(offered, tag),
			Link: p.T("settings.texts.edit", "language", name)})
	}
	versions, err := ps.settings.TextsVersions(r.Context(), listed)
	if err != nil {
		return err
	}
	for _, v := range versions {
		author := v.Author
		if author == "" {
			author = p.T("settings.versions.program")
		}
		data.Versions = append(data.Versions, versionLine{ID: v.ID, When: page.Minute(p, v.Made), Author: author, InForce: v.ID == data.Version,
			Why: p.T("settings.versions.why."+v.Why, "about", ps.named(p, v.About))})
	}
	if data.Storage, err = ps.audit.StorageFor(r.Context(), p, by); err != nil {
		return err
	}
	changes, err := ps.settings.Changes(r.Context(), listed)
	if err != nil {
		return err
	}
	for _, c := range changes {
		data.Changes = append(data.Changes, changeLine{When: page.Minute(p, c.At), Account: c.Account, What: p.T("settings.changes.what." + c.What),
			Before: ps.said(p, c.What, c.Before), After: ps.said(p, c.What, c.After)})
	}
	p.Data = data
	return ps.Show(rw, status, "settings", p)
}

// named is what a version is about: a language by its name, else as it is.
func (ps *Pages) named(p *page.Page, about string) string {
	switch {
	case about == access.OfProgram:
		return p.T("settings.versions.program")
	case slices.Contains(ps.Texts.Tags(), about):
		return ps.Texts.Match(about).T("page.language")
	}
	return about
}

// said is the value of a setting in words.
func (ps *Pages) said(p *page.Page, what, value string) string {
	switch {
	case what == "languages" && value == "":
		return p.T("settings.languages.all")
	case what == "languages":
		var names []string
		for tag := range strings.FieldsSeq(value) {
			names = append(names, ps.named(p, tag))
		}
		return strings.Join(names, ", ")
	case what == "session_tickets" && p.Has("settings.session_tickets."+value):
		return p.T("settings.session_tickets." + value)
	case what == "customer_recording" && p.Has("settings.customer_recording."+value):
		return p.T("settings.customer_recording." + value)
	case value == "" && what != "setup":
		return p.T("settings.changes.empty")
	case what == "logo":
		return p.T("settings.changes.picture", "name", value)
	}
	return value
}

func (ps *Pages) languageChoices(p *page.Page, form url.Values, problem string) choices {
	c := choices{Title: p.T("settings.languages"), Hint: p.T("settings.languages.hint"), Error: problem, ErrorWord: p.T("page.error")}
	for _, tag := range ps.Texts.Tags() {
		c.All = append(c.All, page.Choice{Name: "language." + tag, Tag: tag, Label: ps.Texts.Match(tag).T("page.language"),
			On: form.Get("language."+tag) != "" || form.Get("languages") != "some"})
	}
	return c
}

// languagesFrom returns the ticked languages; none for every one of them, which
// then includes those that come later. ok is false where nothing is ticked. A form
// without boxes asks for all of them.
func (ps *Pages) languagesFrom(form url.Values) (tags []string, ok bool) {
	if form.Get("languages") != "some" {
		return nil, true
	}
	for _, tag := range ps.Texts.Tags() {
		if form.Get("language."+tag) != "" {
			tags = append(tags, tag)
		}
	}
	if len(tags) == len(ps.Texts.Tags()) {
		return nil, true
	}
	return tags, len(tags) > 0
}

// confirmPage is the data of the template "settings-confirm": what will be
// different.
type confirmPage struct {
	Differences []page.Difference
	Hidden      []page.Input
	NewVersion  bool
}

// changeSettings shows what a change does, and then does it.
func (ps *Pages) changeSettings(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	before, err := ps.settings.Settings(r.Context())
	if err != nil {
		return err
	}
	p := ps.NewPage(r, "settings.title")
	after, problems := ps.settingsFrom(p, values, before)
	if len(problems) > 0 {
		p.Error = p.T("setup.error.some")
		return ps.settingsForm(rw, r, by, http.StatusUnprocessableEntity, p, settingsPage{}, values, problems)
	}
	differences := ps.differences(p, before, after)
	if len(differences) == 0 {
		http.Redirect(rw, r, "/settings?saved=none", http.StatusSeeOther)
		return nil
	}
	if values.Get("step") != "save" {
		p.Title = p.T("settings.confirm.title")
		data := confirmPage{Differences: differences, NewVersion: page.OfficeOf(before).Facts() != page.OfficeOf(after).Facts()}
		for name, value := range formOf(after) {
			data.Hidden = append(data.Hidden, page.Input{Name: name, Value: value[0]})
		}
		p.Data = data
		return ps.Show(rw, http.StatusOK, "settings-confirm", p)
	}
	if err := ps.settings.ChangeSettings(r.Context(), by, after); err != nil {
		return err
	}
	http.Redirect(rw, r, "/settings?saved=office", http.StatusSeeOther)
	return nil
}

// settingsFrom reads the form and says every field that is wrong at once.
func (ps *Pages) settingsFrom(p *page.Page, form url.Values, before access.Settings) (access.Settings, map[string]string) {
	problems := map[string]string{}
	s := before
	number := func(name string) int {
		n, err := strconv.Atoi(strings.TrimSpace(form.Get(name)))
		if err != nil {
			return -1
		}
		return n
	}
	s.RecordingDays, s.LogMonths = number("recording_days"), number("log_months")
	if form.Has("customer_recording") { // else this form asks nothing of it
		s.WithholdRecording = form.Get("customer_recording") != "give"
		if s.CustomerDays = number("customer_days"); s.CustomerDays == 0 {
			s.CustomerDays = -1
		}
	}
	if form.Has("session_tickets") {
		s.LooseSessions = form.Get("session_tickets") == "none"
	}
	if !s.Fixed {
		s.Office = ops.Office{Name: form.Get("office.name"), Phone: form.Get("office.phone"), Controller: form.Get("office.controller"),
			PrivacyContact: form.Get("office.privacy_contact")}
	}
	var ok bool
	if s.Languages, ok = ps.languagesFrom(form); !ok {
		problems["languages"] = p.T("settings.error.languages")
	}
	// One wrong field at a time comes back: it is put right, so that the next shows.
	for probe := s; ; {
		clean, err := probe.Clean()
		var invalid *access.Invalid
		if !errors.As(err, &invalid) {
			if len(problems) == 0 {
				s = clean
			}
			return s, problems
		}
		switch invalid.Field {
		case "office.name":
			problems[invalid.Field], probe.Office.Name = p.T("setup.error.line"), "any"
		case "office.phone":
			problems[invalid.Field], probe.Office.Phone = p.T("setup.error.office.phone"), "000"
		case "office.controller":
			problems[invalid.Field], probe.Office.Controller = p.T("settings.error.line"), ""
		case "office.privacy_contact":
			problems[invalid.Field], probe.Office.PrivacyContact = p.T("settings.error.line"), ""
		case "recording_days":
			problems[invalid.Field], probe.RecordingDays = p.T("settings.error.recording_days"), 1
		case "log_months":
			problems[invalid.Field], probe.LogMonths = p.T("settings.error.log_months"), 1
		case "customer_days":
			problems[invalid.Field], probe.CustomerDays = p.T("settings.error.customer_days"), 1
		default:
			problems[invalid.Field] = invalid.Reason
			return s, problems
		}
	}
}

func (ps *Pages) differences(p *page.Page, before, after access.Settings) []page.Difference {
	var found []page.Difference
	for _, f := range []struct{ what, before, after string }{
		{"name", before.Office.Name, after.Office.Name}, {"phone", before.Office.Phone, after.Office.Phone},
		{"controller", before.Office.Controller, after.Office.Controller}, {"privacy_contact", before.Office.PrivacyContact, after.Office.PrivacyContact},
		{"recording_days", strconv.Itoa(before.RecordingDays), strconv.Itoa(after.RecordingDays)}, {"log_months", strconv.Itoa(before.LogMonths), strconv.Itoa(after.LogMonths)},
		{"customer_recording", before.CustomerRecording(), after.CustomerRecording()}, {"customer_days", strconv.Itoa(before.CustomerDays), strconv.Itoa(after.CustomerDays)},
		{"session_tickets", before.SessionTickets(), after.SessionTickets()},
		{"languages", strings.Join(before.Languages, " "), strings.Join(after.Languages, " ")},
	} {
		if f.before != f.after {
			found = append(found, page.Difference{What: p.T("settings.changes.what." + f.what), Before: ps.said(p, f.what, f.before), After: ps.said(p, f.what, f.after)})
		}
	}
	return found
}

func (ps *Pages) changeLogo(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	if values.Get("step") == "remove" {
		if err := ps.settings.SetLogo(r.Context(), by, nil); err != nil {
			return err
		}
		http.Redirect(rw, r, "/settings?saved=logo_removed", http.StatusSeeOther)
		return nil
	}
	file, err := page.Uploaded(r, "logo")
	if err != nil {
		return err
	}
	problem := "missing"
	if len(file) > 0 {
		err := ps.settings.SetLogo(r.Context(), by, file)
		var invalid *access.Invalid
		switch {
		case err == nil:
			http.Redirect(rw, r, "/settings?saved=logo", http.StatusSeeOther)
			return nil
		case !errors.As(err, &invalid):
			return err
		}
		problem = invalid.Code
	}
	s, err := ps.settings.Settings(r.Context())
	if err != nil {
		return err
	}
	p := ps.NewPage(r, "settings.title")
	p.Error = p.T("settings.error.logo." + problem)
	return ps.settingsForm(rw, r, by, http.StatusUnprocessableEntity, p, settingsPage{LogoError: p.Error}, formOf(s), nil)
}
