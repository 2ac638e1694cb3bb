package admin

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"consento/broker/internal/access"
	"consento/broker/internal/web/page"
	"consento/protocol"
)

// profilesPage is the data of the template "admin-profiles": permissions by profiles.
type profilesPage struct {
	Names  []string // of the profiles
	Links  []string
	People []string // how many have it, in words
	Rows   []profileRow
	Rights []profileRow
	Wide   int // columns of the table
}

type profileRow struct {
	Name   string
	Cells  []bool
	Differ bool // the profiles do not agree
}

// profilePage is the data of the template "admin-profile".
type profilePage struct {
	Path     string // of the form
	New      bool
	Name     page.Input
	Allowed  []page.Choice
	Rights   []page.Choice
	Files    []page.Input
	Folders  page.Choice
	Hosts    page.Input // devices that may be reached by SSH
	Before   string     // as it is edited, for the form
	Affected string     // whom it changes, in words; "" nobody
	Delete   bool
	Builtin  bool
}

func (ps *Pages) showProfiles(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	p := ps.NewPage(r, "admin.profiles.title")
	profiles, err := ps.roster.Profiles(r.Context())
	if err != nil {
		return err
	}
	having, err := ps.having(r)
	if err != nil {
		return err
	}
	data := profilesPage{Wide: 1 + len(profiles)}
	for _, o := range profiles {
		data.Names = append(data.Names, o.Name)
		data.Links = append(data.Links, "/admin/profiles/"+url.PathEscape(o.Name))
		data.People = append(data.People, p.Count("people", having[o.Name]))
	}
	for _, permission := range protocol.Permissions() {
		row := profileRow{Name: p.T("console.permission." + string(permission))}
		for _, o := range profiles {
			row.Cells = append(row.Cells, o.Permissions.Allows(permission))
			row.Differ = row.Differ || row.Cells[0] != o.Permissions.Allows(permission)
		}
		data.Rows = append(data.Rows, row)
	}
	for _, right := range protocol.Rights() {
		row := profileRow{Name: p.T("right." + string(right))}
		for _, o := range profiles {
			row.Cells = append(row.Cells, o.Rights[right])
			row.Differ = row.Differ || row.Cells[0] != o.Rights[right]
		}
		data.Rights = append(data.Rights, row)
	}
	return ps.Admin(rw, r, by, http.StatusOK, "admin-profiles", p, data)
}

// having counts the people of each profile.
func (ps *Pages) having(r *http.Request) (map[string]int, error) {
	accounts, err := ps.roster.Accounts(r.Context())
	counts := map[string]int{}
	for _, a := range accounts {
		if !a.Disabled {
			counts[a.Profile.Name]++
		}
	}
	return counts, err
}

// profileOf finds the profile of an address, nil for "new".
func (ps *Pages) profileOf(r *http.Request) (*protocol.Profile, error) {
	name := page.Limited(r.PathValue("name"), 400)
	if name == "new" {
		return nil, nil
	}
	profiles, err := ps.roster.Profiles(r.Context())
	if err != nil {
		return nil, err
	}
	for _, o := range profiles {
		if o.Name == name {
			return &o, nil
		}
	}
	return nil, access.ErrNotFound
}

func (ps *Pages) showProfile(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	before, err := ps.profileOf(r)
	if errors.Is(err, access.ErrNotFound) {
		return ps.NotFound(rw, r)
	}
	if err != nil {
		return err
	}
	now := protocol.Profile{Permissions: protocol.BuiltInProfiles()[0].Permissions, Rights: protocol.BuiltInProfiles()[0].Rights, Files: protocol.DefaultFileLimits()}
	if before != nil {
		now = *before
	}
	return ps.profileForm(rw, r, by, http.StatusOK, before, now, nil, "")
}

// megabyte is the unit in which limits of files are typed.
const megabyte = 1 << 20

func (ps *Pages) profileForm(rw http.ResponseWriter, r *http.Request, by access.Account, status int, before *protocol.Profile, now protocol.Profile, wrong *access.Invalid, problem string) error {
	p := ps.NewPage(r, "admin.profile.new")
	of := fieldProblems(p, wrong)
	data := profilePage{Path: "/admin/profiles/new", New: before == nil, Before: shapeOf(now)}
	data.Name = formField(p, "profile.name", "name", now.Name, 100, of("name"))
	if before != nil {
		p.Title, data.Path, data.Before = before.Name, "/admin/profiles/"+url.PathEscape(before.Name), shapeOf(*before)
		for _, b := range protocol.BuiltInProfiles() {
			data.Builtin = data.Builtin || b.Name == before.Name
		}
		having, err := ps.having(r)
		if err != nil {
			return err
		}
		if n := having[before.Name]; n > 0 {
			data.Affected = p.Count("people", n)
		}
		data.Delete = data.Affected == "" && !data.Builtin
	}
	if problem != "" {
		p.Error = p.T(problem)
	}
	for _, permission := range protocol.Permissions() {
		data.Allowed = append(data.Allowed, page.Choice{Name: string(permission), Label: p.T("console.permission." + string(permission)), On: now.Permissions[permission]})
	}
	for _, right := range protocol.Rights() {
		data.Rights = append(data.Rights, page.Choice{Name: string(right), Label: p.T("right." + string(right)), On: now.Rights[right]})
	}
	for _, f := range []struct {
		name  string
		bytes int64
	}{{"file", now.Files.File}, {"total", now.Files.Total}} {
		field := formField(p, "profile."+f.name, f.name, strconv.FormatInt(f.bytes/megabyte, 10), 12, of(f.name))
		field.Type = "number"
		data.Files = append(data.Files, field)
	}
	data.Hosts = formField(p, "profile.hosts", "hosts", strings.Join(now.Hosts, " "), 4000, of("hosts"))
	data.Hosts.Required = false
	data.Folders = page.Choice{Name: "folders", Label: p.T("admin.profile.folders"), On: now.Files.Folders}
	return ps.Admin(rw, r, by, status, "admin-profile", p, data)
}

// shapeOf is a profile in a word, so that what somebody else changed meanwhile is seen.
func shapeOf(o protocol.Profile) string {
	shape := ""
	for _, permission := range protocol.Permissions() {
		shape += strconv.FormatBool(o.Permissions[permission])[:1]
	}
	for _, right := range protocol.Rights() {
		shape += strconv.FormatBool(o.Rights[right])[:1]
	}
	return shape + " " + strconv.FormatInt(o.Files.File, 10) + " " + strconv.FormatInt(o.Files.Total, 10) + " " + strconv.FormatBool(o.Files.Folders) + " " + strings.Join(o.Hosts, " ")
}

func (ps *Pages) changeProfile(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	before, err := ps.profileOf(r)
	if errors.Is(err, access.ErrNotFound) {
		return ps.NotFound(rw, r)
	}
	if err != nil {
		return err
	}
	now := profileFrom(values)
	if before != nil {
		now.Name = before.Name
		if values.Get("before") != shapeOf(*before) {
			return ps.profileForm(rw, r, by, http.StatusConflict, before, now, nil, "admin.error.stale")
		}
	}
	err = ps.roster.SaveProfile(r.Context(), by, before, now)
	var wrong *access.Invalid
	switch {
	case errors.As(err, &wrong):
		return ps.profileForm(rw, r, by, http.StatusUnprocessableEntity, before, now, wrong, "")
	case errors.Is(err, access.ErrStale):
		return ps.profileForm(rw, r, by, http.StatusConflict, before, now, nil, "admin.error.stale")
	case err != nil:
		return err
	}
	http.Redirect(rw, r, "/admin/profiles?saved=profile", http.StatusSeeOther)
	return nil
}

// profileFrom is what a form says. The screen is seen with every profile.
func profileFrom(values url.Values) protocol.Profile {
	o := protocol.Profile{Name: values.Get("name"), Permissions: protocol.PermissionSet{protocol.ViewScreen: true}, Rights: protocol.RightSet{}}
	for _, permission := range protocol.Permissions() {
		if values.Get(string(permission)) != "" {
			o.Permissions[permission] = true
		}
	}
	for _, right := range protocol.Rights() {
		if values.Get(string(right)) != "" {
			o.Rights[right] = true
		}
	}
	size := func(name string) int64 {
		n, err := strconv.ParseInt(values.Get(name), 10, 64)
		if err != nil || n < 0 || n > protocol.MaxTransferSize/megabyte {
			return 0 // not accepted
		}
		return n * megabyte
	}
	o.Files = protocol.FileLimits{File: size("file"), Total: size("total"), Folders: values.Get("folders") != ""}
	o.Hosts = strings.Fields(values.Get("hosts"))
	return o
}

func (ps *Pages) deleteProfile(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	if _, err := page.ReadForm(r); err != nil {
		return err
	}
	err := ps.roster.DeleteProfile(r.Context(), by, page.Limited(r.PathValue("name"), 400))
	if errors.Is(err, access.ErrInUse) {
		before, err := ps.profileOf(r)
		if err != nil || before == nil {
			return page.ErrForm
		}
		return ps.profileForm(rw, r, by, http.StatusConflict, before, *before, nil, "admin.error.profile_in_use")
	}
	if err != nil && !errors.Is(err, access.ErrNotFound) { // somebody else was quicker
		return err
	}
	http.Redirect(rw, r, "/admin/profiles?saved=profile_gone", http.StatusSeeOther)
	return nil
}
