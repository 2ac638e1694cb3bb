package admin

import (
	"context"
	"net/http"
	"strconv"

	"consento/broker/internal/access"
	"consento/broker/internal/mail"
	"consento/broker/internal/web/page"
)

// Mail is how it stands with what people are told by mail.
type Mail interface {
	Status(ctx context.Context) (mail.Status, error)
	Test(ctx context.Context, to mail.Address, language string) error
	Again(ctx context.Context) error
}

// mailPage is the data of the template "admin-mail".
type mailPage struct {
	Server bool // one is set
	Down   string
	Why    string
	Idle   bool
	Facts  []page.Fact
	Lost   []lostLetter
	Hint   string
}

type lostLetter struct{ About, When, Why string }

func (ps *Pages) mailRoutes() []page.Route {
	may := func(do page.StaffAction) page.Ruled { return ps.May(do, access.SeeMetrics) }
	return []page.Route{page.At("/admin/mail", may(ps.showMail), may(ps.changeMail))}
}

func (ps *Pages) showMail(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	return ps.mailStanding(rw, r, by, http.StatusOK, "")
}

func (ps *Pages) mailStanding(rw http.ResponseWriter, r *http.Request, by access.Account, status int, failed string) error {
	s, err := ps.mail.Status(r.Context())
	if err != nil {
		return err
	}
	p := ps.NewPage(r, "admin.mail.title")
	if failed != "" {
		p.Error = p.T("admin.mail.test.failed", "why", page.Isolate(failed))
	}
	data := mailPage{Server: s.Server != "", Why: s.Trouble, Idle: s.LastSent.IsZero(), Hint: p.T("admin.mail.test.hint", "email", page.Isolate(by.Email))}
	if s.Trouble != "" {
		data.Down = p.T("admin.mail.down", "when", page.Minute(p, s.Since))
	}
	add := func(key, value string) {
		data.Facts = append(data.Facts, page.Fact{Name: p.T("admin.mail." + key), Value: value})
	}
	if data.Server {
		add("server", s.Server+" · "+p.T("admin.mail.security."+s.Security))
		add("from", s.From)
	}
	if !s.LastSent.IsZero() {
		add("last", page.Minute(p, s.LastSent))
	}
	waiting := strconv.Itoa(s.Waiting)
	if s.Waiting > 0 {
		waiting = p.T("admin.mail.waiting.since", "n", waiting, "when", page.Minute(p, s.Oldest))
	}
	add("waiting", waiting)
	for _, g := range s.GivenUp {
		data.Lost = append(data.Lost, lostLetter{g.About, page.Minute(p, g.Made), g.Why})
	}
	return ps.Admin(rw, r, by, status, "admin-mail", p, data)
}

func (ps *Pages) changeMail(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	said := "mail_test"
	switch values.Get("step") {
	case "test":
		if err := ps.mail.Test(r.Context(), mail.Address{Name: by.Name, Email: by.Email}, page.TextsOf(r).Tag); err != nil {
			return ps.mailStanding(rw, r, by, http.StatusBadGateway, err.Error())
		}
	case "again":
		if err := ps.mail.Again(r.Context()); err != nil {
			return err
		}
		said = "mail_again"
	default:
		return page.ErrForm
	}
	http.Redirect(rw, r, "/admin/mail?saved="+said, http.StatusSeeOther)
	return nil
}

// MailDown says to who works on tickets that nobody is told by mail at present.
func (ps *Pages) MailDown(r *http.Request, p *page.Page) (string, error) {
	if ps.mail == nil {
		return "", nil
	}
	s, err := ps.mail.Status(r.Context())
	if err != nil || s.Trouble == "" {
		return "", err
	}
	return p.T("desk.mail.down", "when", page.Minute(p, s.Since)), nil
}

// TellsByMail reports whether a mail server is set at all: nobody is promised what does
// not come.
func (ps *Pages) TellsByMail(r *http.Request) (bool, error) {
	if ps.mail == nil {
		return false, nil
	}
	s, err := ps.mail.Status(r.Context())
	return s.Server != "", err
}
