package servicedesk

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
	"consento/broker/internal/web/page"
)

// filesPart is the data of the template "desk-files".
type filesPart struct {
	Title, Label, Hint, Send string
	Shown                    string // the words beside the tick, "" without one
	Add                      string // where more go, "" nowhere
	Files                    []fileLine

	SealedWord, SessionWord string
}

type fileLine struct {
	URL, Name, Facts   string // URL "": there is nothing to save
	Gone               bool
	Sealed             *sealedLine // nil: it lies here
	Picture            bool
	Remove, RemoveWord string
}

// sealedLine says where a file from a session is.
type sealedLine struct{ Session, SHA256 string }

func (ps *Pages) filesPart(p *page.Page, path string, list []desk.Attachment, may, staff bool) filesPart {
	part := filesPart{Title: p.T("desk.files"), Label: p.T("desk.files.choose"), Hint: p.T("desk.files.hint", "size", strconv.Itoa(desk.MaxFile>>20)), Send: p.T("desk.files.send")}
	part.SealedWord, part.SessionWord = p.T("desk.files.sealed"), p.T("desk.session")
	if may && ps.desk.Attaches() {
		part.Add = path
	}
	if staff {
		part.Shown, part.Hint = p.T("desk.files.shown"), part.Hint+" "+p.T("desk.files.session")
	}
	for _, a := range list {
		who := a.By.Name
		if a.By.ID == "" {
			who = p.T("request.you")
			if staff {
				who = p.T("desk.files.requester")
			}
		}
		facts := []string{page.Size(a.Size), page.Minute(p, a.At), page.Isolate(page.Plain(who))}
		if staff && a.By.ID != "" && a.Shown {
			facts = append(facts, p.T("desk.files.is_shown"))
		}
		line := fileLine{Name: a.Name, URL: path + "/" + a.ID, Picture: desk.Picture(a.Type)}
		if a.Removed.IsZero() && staff && may {
			line.Remove, line.RemoveWord = line.URL+"/remove", p.T("desk.files.remove")
		}
		if a.Session != "" {
			line.URL, line.Picture, line.Sealed = "", false, &sealedLine{Session: a.Session, SHA256: a.SHA256}
		}
		if !a.Removed.IsZero() {
			facts, line.URL, line.Picture, line.Gone = append(facts, p.T("desk.files.removed")), "", false, true
		}
		line.Facts = strings.Join(facts, " · ")
		part.Files = append(part.Files, line)
	}
	return part
}

// carrying is how long a file may take over a poor line.
const carrying = 3 * time.Minute

// carries is do with time for a file.
func carries(do page.Action) page.Action {
	return func(rw http.ResponseWriter, r *http.Request) error {
		ctx, cancel := context.WithTimeout(r.Context(), carrying)
		defer cancel()
		rc, deadline := http.NewResponseController(rw), time.Now().Add(carrying)
		// A connection that cannot have deadlines is a test's recorder.
		_, _ = rc.SetReadDeadline(deadline), rc.SetWriteDeadline(deadline.Add(page.Briefly))
		return do(rw, r.WithContext(ctx))
	}
}

// fileRoutes are those of attachments.
func (ps *Pages) fileRoutes() []page.Route {
	file := func(do page.StaffAction, any ...access.Action) page.Ruled {
		return ps.May(do, any...).With(carries)
	}
	return []page.Route{
		page.At("/desk/{id}/files", page.RedirectTo("/desk/"), file(ps.attachFile, access.WorkTickets)).Back("/desk/{id}").UpTo(desk.MaxFile + page.MaxForm).Slowly(),
		page.At("/desk/{id}/files/{file}", file(ps.showFile, access.ReadTickets)).Slowly(),
		page.At("/desk/{id}/files/{file}/remove", page.RedirectTo("/desk/"), ps.May(ps.removeFile, access.WorkTickets)),
		page.At("/request/{link}/files", page.RedirectTo("/request"), page.ForAnyone(carries(ps.attachOwn))).Back("/request/{link}").UpTo(desk.MaxFile + page.MaxForm).Slowly(),
		page.At("/request/{link}/files/{file}", page.ForAnyone(carries(ps.showOwn))).Slowly(),
	}
}

// posted is the one file of a form. A body that is too large is told as a file that is.
func posted(r *http.Request) (name string, data []byte, shown bool, err error) {
	tooLarge := &access.Invalid{Field: "file", Code: "too_large", Reason: "is too large"}
	if err := r.ParseMultipartForm(page.BodyLimit(r)); err != nil { // never touches the disk: the body is no larger
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return "", nil, false, tooLarge
		}
		return "", nil, false, page.ErrForm
	}
	if len(r.MultipartForm.File) != 1 || len(r.MultipartForm.File["file"]) != 1 || len(r.MultipartForm.Value) > page.MaxFields {
		return "", nil, false, page.ErrForm
	}
	head := r.MultipartForm.File["file"][0]
	if head.Size > desk.MaxFile {
		return "", nil, false, tooLarge
	}
	f, err := head.Open()
	if err != nil {
		return "", nil, false, page.ErrForm
	}
	defer f.Close()
	data, err = io.ReadAll(io.LimitReader(f, desk.MaxFile+1))
	return page.Limited(head.Filename, 1000), data, r.PostFormValue("shown") != "", err
}

func (ps *Pages) attachFile(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	name, data, shown, err := posted(r)
	id := page.Limited(r.PathValue("id"), 64)
	if err == nil {
		_, err = ps.desk.Attach(r.Context(), by, id, name, data, shown)
	}
	if errors.Is(err, desk.ErrNoTicket) || errors.Is(err, desk.ErrNoFile) {
		return ps.NotFound(rw, r)
	}
	if err != nil {
		if deskProblem(ps.NewPage(r, "desk.title"), err) == "" {
			return err
		}
		return ps.ticket(rw, r, by, http.StatusUnprocessableEntity, nil, err)
	}
	http.Redirect(rw, r, "/desk/"+id+"?saved=attach", http.StatusSeeOther)
	return nil
}

func (ps *Pages) attachOwn(rw http.ResponseWriter, r *http.Request) error {
	name, data, _, err := posted(r)
	link := page.Limited(r.PathValue("link"), 100)
	if err == nil {
		_, err = ps.desk.AttachByLink(r.Context(), link, name, data)
	}
	if errors.Is(err, desk.ErrNoTicket) || errors.Is(err, desk.ErrNoFile) {
		return ps.followed(rw, r, http.StatusNotFound, "", "")
	}
	if err != nil {
		problem := deskProblem(ps.NewPage(r, "request.title"), err)
		if problem == "" {
			return err
		}
		return ps.followed(rw, r, http.StatusUnprocessableEntity, "", problem)
	}
	http.Redirect(rw, r, "/request/"+link, http.StatusSeeOther)
	return nil
}

func (ps *Pages) showFile(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	a, data, err := ps.desk.File(r.Context(), by, page.Limited(r.PathValue("id"), 64), page.Limited(r.PathValue("file"), 64))
	return ps.giveFile(rw, r, a, data, err)
}

func (ps *Pages) showOwn(rw http.ResponseWriter, r *http.Request) error {
	a, data, err := ps.desk.FileByLink(r.Context(), page.Limited(r.PathValue("link"), 100), page.Limited(r.PathValue("file"), 64))
	return ps.giveFile(rw, r, a, data, err)
}

// giveFile hands a file out as one to save, whatever it is; only pictures, which we drew
// ourselves, are shown on pages. Whoever opens its address all the same opens it in a
// box that runs nothing (CSP level 3, sandbox).
func (ps *Pages) giveFile(rw http.ResponseWriter, r *http.Request, a desk.Attachment, data []byte, err error) error {
	if errors.Is(err, desk.ErrNoTicket) || errors.Is(err, desk.ErrNoFile) {
		return ps.NotFound(rw, r)
	}
	if err != nil {
		return err
	}
	h := rw.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
	if desk.Picture(a.Type) && r.URL.Query().Get("show") != "" {
		h.Set("Content-Type", a.Type)
		h.Set("Content-Disposition", "inline")
	} else {
		h.Set("Content-Type", "application/octet-stream")
		h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": a.Name}))
	}
	h.Set("Content-Length", strconv.Itoa(len(data)))
	_, _ = rw.Write(data) // the browser went away: nobody is left to be told
	return nil
}

func (ps *Pages) removeFile(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	id := page.Limited(r.PathValue("id"), 64)
	_, err := ps.desk.Detach(r.Context(), by, id, page.Limited(r.PathValue("file"), 64))
	if errors.Is(err, desk.ErrNoTicket) || errors.Is(err, desk.ErrNoFile) {
		return ps.NotFound(rw, r)
	}
	if err != nil {
		if deskProblem(ps.NewPage(r, "desk.title"), err) == "" {
			return err
		}
		return ps.ticket(rw, r, by, http.StatusUnprocessableEntity, nil, err)
	}
	http.Redirect(rw, r, "/desk/"+id+"?saved=detach", http.StatusSeeOther)
	return nil
}
