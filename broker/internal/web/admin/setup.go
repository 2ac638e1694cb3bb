package admin

import (
	"errors"
	"net/http"
	"strings"

	"consento/broker/internal/access"
	"consento/broker/internal/ops"
	"consento/broker/internal/web/legal"
	"consento/broker/internal/web/page"
	"consento/protocol"
)

// setupPage is the data of the template "setup".
type setupPage struct {
	Token     string
	Groups    []fieldGroup
	Languages choices
}

// fieldGroup is one part of a form. Its texts are setup.NAME.title and .help.
type fieldGroup struct {
	Name   string
	Fields []field
}

// field is one field of a form: its texts are setup.LABEL and setup.LABEL.hint.
type field struct {
	Group        string // set in Problems only
	Name, Label  string
	Type         string // as of HTML, or "textarea"
	Autocomplete string
	Value, Error string
	Hint         bool
	Optional     bool
	Max          int
}

// Problems lists the fields that have an error, for the summary on top.
func (p setupPage) Problems() []field {
	var all []field
	for _, g := range p.Groups {
		for _, f := range g.Fields {
			if f.Error != "" {
				f.Group = g.Name
				all = append(all, f)
			}
		}
	}
	return all
}

// Fields that come as files: the auditor's public key, and the logo.
const (
	keyFile  = "auditor.key_file"
	logoFile = "office.logo"
)

// setupGroups is the form. A configured office is not asked for.
func setupGroups(officeKnown bool) []fieldGroup {
	account := func(part string, optional bool) []field {
		return []field{
			{Name: part + ".name", Label: "name", Type: "text", Autocomplete: "off", Max: 100, Optional: optional},
			{Name: part + ".email", Label: "email", Type: "email", Autocomplete: "off", Max: 254, Optional: optional},
			{Name: part + ".password", Label: "password", Type: "password", Autocomplete: "new-password", Max: access.MaxPassword, Optional: optional, Hint: true},
		}
	}
	groups := []fieldGroup{
		{Name: "office", Fields: []field{
			{Name: "office.name", Label: "office.name", Type: "text", Autocomplete: "organization", Max: 100, Hint: true},
			{Name: "office.phone", Label: "office.phone", Type: "tel", Autocomplete: "tel", Max: 40, Hint: true},
			{Name: "office.controller", Label: "office.controller", Type: "text", Autocomplete: "off", Max: 200, Hint: true, Optional: true},
			{Name: "office.privacy_contact", Label: "office.privacy_contact", Type: "text", Autocomplete: "off", Max: 200, Hint: true, Optional: true},
		}},
		{Name: "pages", Fields: []field{{Name: logoFile, Label: "logo", Type: "file", Optional: true, Hint: true}}},
		{Name: "administrator", Fields: account("administrator", false)},
		{Name: "auditor", Fields: append(account("auditor", false),
			field{Name: "auditor.public_key", Label: "public_key", Type: "textarea", Autocomplete: "off", Max: 8192, Hint: true},
			field{Name: keyFile, Label: "key_file", Type: "file", Optional: true})},
		{Name: "technician", Fields: append(account("technician", true),
			field{Name: "technician.team", Label: "team", Type: "text", Autocomplete: "off", Max: 100, Optional: true, Hint: true})},
	}
	if officeKnown {
		return groups[1:]
	}
	return groups
}

func (ps *Pages) showSetup(rw http.ResponseWriter, r *http.Request) error {
	token := page.Limited(r.URL.Query().Get("token"), 128)
	if err := ps.setup.CheckSetupToken(r.Context(), token); err != nil {
		return ps.noSetup(rw, r, err)
	}
	p := ps.NewPage(r, "setup.title")
	p.Data = setupPage{Token: token, Groups: setupGroups(p.Office.Name != ""),
		Languages: ps.languageChoices(p, nil, "")}
	return ps.Show(rw, http.StatusOK, "setup", p)
}

// noSetup answers a link that works no longer. Once the set-up is done, that is
// no error but the way on.
func (ps *Pages) noSetup(rw http.ResponseWriter, r *http.Request, err error) error {
	switch {
	case errors.Is(err, access.ErrSetupDone):
		return ps.Show(rw, http.StatusOK, "setup-done", ps.NewPage(r, "setup.done.title"))
	case errors.Is(err, access.ErrSetupLink):
		ps.Problem(rw, r, http.StatusForbidden, "setup.link")
		return nil
	}
	return err
}

func (ps *Pages) completeSetup(rw http.ResponseWriter, r *http.Request) error {
	// Nothing large is read from anybody once the set-up is done.
	if err := ps.setup.CheckSetupToken(r.Context(), ""); errors.Is(err, access.ErrSetupDone) {
		return ps.noSetup(rw, r, err)
	}
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	token := page.Limited(values.Get("token"), 128)
	if err := ps.setup.CheckSetupToken(r.Context(), token); err != nil {
		return ps.noSetup(rw, r, err) // before a word about fields to who has no link
	}
	if values.Get("step") == "read" {
		return ps.showSetupTexts(rw, r, setupFrom(values.Get).Office)
	}
	if key, err := page.Uploaded(r, keyFile); err != nil {
		return err
	} else if key := strings.TrimSpace(string(key)); key != "" {
		values.Set("auditor.public_key", key)
	}
	p := ps.NewPage(r, "setup.title")
	setup := setupFrom(values.Get)
	problems := checkSetup(setup, p.Office.Name != "")
	var ok bool
	if setup.Languages, ok = ps.languagesFrom(values); !ok {
		problems["languages"] = "missing"
	}
	if setup.Logo, err = page.Uploaded(r, logoFile); err != nil {
		return err
	}
	noteLogo(setup.Logo, problems)
	if len(problems) == 0 {
		err := ps.setup.CompleteSetup(r.Context(), token, setup)
		var invalid *access.Invalid
		switch {
		case err == nil:
			http.Redirect(rw, r, "/setup", http.StatusSeeOther) // now says that it is done
			return nil
		case errors.As(err, &invalid):
			problems[invalid.Field] = invalid.Code
		default:
			return ps.noSetup(rw, r, err)
		}
	}
	data := setupPage{Token: token, Groups: setupGroups(p.Office.Name != ""), Languages: ps.languageChoices(p, values, "")}
	found := false
	if _, wrong := problems["languages"]; wrong {
		data.Languages.Error, found = p.T("settings.error.languages"), true
	}
	for _, g := range data.Groups {
		for i := range g.Fields {
			f := &g.Fields[i]
			if f.Type != "password" && f.Type != "file" {
				f.Value = values.Get(f.Name)
			}
			if code, ok := problems[f.Name]; ok && f.Name == logoFile {
				f.Error, found = p.T("settings.error.logo."+code), true
			} else if ok {
				f.Error, found = p.T("setup.error."+errorText(f.Label, code)), true
			}
		}
	}
	p.Error = p.T("setup.error.some")
	if !found {
		p.Error = p.T("setup.error.other")
	}
	p.Data = data
	return ps.Show(rw, http.StatusUnprocessableEntity, "setup", p)
}

// showSetupTexts shows terms and privacy notice as they will hold with what was
// typed so far. What is still missing stands in brackets.
func (ps *Pages) showSetupTexts(rw http.ResponseWriter, r *http.Request, typed ops.Office) error {
	p := ps.NewPage(r, "setup.texts.title")
	facts := p.Office.Facts()
	if p.Office.Name == "" {
		facts.Office = typed
		for _, needed := range []struct {
			text *string
			key  string
			max  int
		}{{&facts.Office.Name, "setup.office.name", 100}, {&facts.Office.Phone, "setup.office.phone", 40}} {
			if clean, err := ops.CleanLine(*needed.text, needed.max); err == nil {
				*needed.text = clean
			} else {
				*needed.text = "[" + p.T(needed.key) + "]"
			}
		}
		for _, optional := range []*string{&facts.Office.Controller, &facts.Office.PrivacyContact} {
			clean, err := ops.CleanLine(*optional, 200)
			if err != nil {
				clean = ""
			}
			*optional = clean
		}
	}
	var data struct{ Documents []draft }
	for _, name := range []string{"terms", "privacy"} {
		data.Documents = append(data.Documents, draft{Name: name, Title: p.T("page." + name + ".title"),
			Shown: legal.Parse(ps.legal.Ours[name+"."+p.Tag]).About(facts, p.Texts)})
	}
	p.Data = data
	return ps.Show(rw, http.StatusOK, "setup-texts", p)
}

// setupFrom puts the form's values where access wants them. The technician is
// made when any of their fields is filled in.
func setupFrom(get func(string) string) access.Setup {
	account := func(part string) access.NewAccount {
		return access.NewAccount{Name: get(part + ".name"), Email: get(part + ".email"), Password: get(part + ".password")}
	}
	s := access.Setup{
		Office: ops.Office{Name: get("office.name"), Phone: get("office.phone"),
			Controller: get("office.controller"), PrivacyContact: get("office.privacy_contact")},
		Administrator:    account("administrator"),
		Auditor:          account("auditor"),
		AuditorRecipient: strings.TrimSpace(get("auditor.public_key")),
	}
	if t := account("technician"); t != (access.NewAccount{}) || get("technician.team") != "" {
		t.Team, t.Level, t.Profile = get("technician.team"), access.L1, protocol.ProfileViewOnly
		s.Technician = &t
	}
	return s
}

// checkSetup finds every wrong field at once, by access's own rules, so that
// people correct them in one go. The decision stays with CompleteSetup.
func checkSetup(s access.Setup, officeKnown bool) map[string]string {
	problems := map[string]string{}
	note := func(name, value string, check func(string) error) {
		if strings.TrimSpace(value) == "" {
			problems[name] = "missing"
			return
		}
		var invalid *access.Invalid
		if err := check(value); errors.As(err, &invalid) {
			problems[name] = invalid.Code
		} else if err != nil {
			problems[name] = "malformed"
		}
	}
	line := func(v string) error { _, err := ops.CleanLine(v, 100); return err }
	if !officeKnown {
		note("office.name", s.Office.Name, line)
		note("office.phone", s.Office.Phone, func(v string) error {
			_, err := ops.Office{Name: "any", Phone: v}.Clean()
			return err
		})
		for name, value := range map[string]string{"office.controller": s.Office.Controller, "office.privacy_contact": s.Office.PrivacyContact} {
			if value != "" {
				note(name, value, func(v string) error { _, err := ops.CleanLine(v, 200); return err })
			}
		}
	}
	people := []struct {
		part    string
		account access.NewAccount
	}{{"administrator", s.Administrator}, {"auditor", s.Auditor}}
	if s.Technician != nil {
		people = append(people, struct {
			part    string
			account access.NewAccount
		}{"technician", *s.Technician})
		note("technician.team", s.Technician.Team, line)
	}
	for _, p := range people {
		note(p.part+".name", p.account.Name, line)
		note(p.part+".email", p.account.Email, func(v string) error { _, err := access.CleanEmail(v); return err })
		note(p.part+".password", p.account.Password, func(v string) error {
			_, err := access.CheckPassword(v, p.account.Email, p.account.Name, s.Office.Name)
			return err
		})
	}
	// Access lets the key follow later; this page does not: without it no session starts.
	note("auditor.public_key", s.AuditorRecipient, func(string) error { return nil })
	return problems
}

// noteLogo looks at the logo with the other fields, so that all comes back at once.
func noteLogo(file []byte, problems map[string]string) {
	if len(file) == 0 {
		return
	}
	var invalid *access.Invalid
	if _, err := access.CleanLogo(file); errors.As(err, &invalid) {
		problems[logoFile] = invalid.Code
	}
}

// errorText names the sentence setup.error.* for what is wrong with a field.
func errorText(label, code string) string {
	switch code {
	case "too_short", "too_long", "common", "breached", "characters", "taken", "missing":
		return code
	}
	switch label {
	case "email", "public_key", "office.phone":
		return label
	}
	return "line"
}
