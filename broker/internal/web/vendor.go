package web

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"consento/broker/internal/session"
	"consento/broker/internal/web/page"
	"consento/protocol"
)

// vendorForm is the data of the template "vendor-open".
type vendorForm struct {
	Name, Company string
}

// vendorPage is the data of the template "vendor".
type vendorPage struct {
	Session    string
	Technician protocol.Person
}

func (w *Web) vendorRoutes() []page.Route {
	return []page.Route{
		page.At("/v/{link}", page.ForAnyone(w.showVendorLink), page.ForAnyone(w.openVendorLink)),
		page.At("/vendor", page.ForHolder(w.showVendor)),
	}
}

// showVendorLink uses nothing up, and does not say whether a link is good.
func (w *Web) showVendorLink(rw http.ResponseWriter, r *http.Request) error {
	return w.vendorLinkForm(rw, r, http.StatusOK, vendorForm{}, "")
}

func (w *Web) vendorLinkForm(rw http.ResponseWriter, r *http.Request, status int, data vendorForm, problem string) error {
	p := w.NewPage(r, "vendor.title")
	p.Error, p.Data = problem, data
	return w.Show(rw, status, "vendor-open", p)
}

// openVendorLink opens a link on this device.
func (w *Web) openVendorLink(rw http.ResponseWriter, r *http.Request) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	typed := vendorForm{strings.TrimSpace(values.Get("name")), strings.TrimSpace(values.Get("company"))}
	device, err := w.sessions.OpenInvite(r.Context(), page.ClientAddress(r), page.Limited(r.PathValue("link"), 64), typed.Name, typed.Company)
	p := w.NewPage(r, "vendor.title")
	var throttled *session.ThrottledError
	switch {
	case errors.As(err, &throttled):
		seconds := page.WholeSeconds(throttled.RetryAfter)
		rw.Header().Set("Retry-After", strconv.Itoa(seconds))
		return w.vendorLinkForm(rw, r, http.StatusTooManyRequests, typed, p.T("portal.key.throttled", "seconds", p.Count("seconds", seconds)))
	case errors.Is(err, protocol.ErrMalformed):
		return w.vendorLinkForm(rw, r, http.StatusUnprocessableEntity, typed, p.T("vendor.problem"))
	case errors.Is(err, session.ErrKey), errors.Is(err, session.ErrNoSession):
		return w.vendorLinkOver(rw, r)
	case err != nil:
		return err
	}
	http.SetCookie(rw, &http.Cookie{Name: session.VendorCookie, Value: device, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	http.Redirect(rw, r, "/vendor", http.StatusSeeOther)
	return nil
}

func (w *Web) vendorLinkOver(rw http.ResponseWriter, r *http.Request) error {
	return w.Show(rw, http.StatusNotFound, "vendor-over", w.NewPage(r, "vendor.over.title"))
}

// showVendor is the narrow page of who has opened a link: the screen, once the customer
// says so, and the chat.
func (w *Web) showVendor(rw http.ResponseWriter, r *http.Request) error {
	cookie, err := r.Cookie(session.VendorCookie)
	if err != nil {
		return w.vendorLinkOver(rw, r)
	}
	who, err := w.sessions.VendorOf(r.Context(), cookie.Value)
	if errors.Is(err, session.ErrNoSession) {
		return w.vendorLinkOver(rw, r)
	}
	if err != nil {
		return err
	}
	s, err := w.sessions.Snapshot(r.Context(), who.Session)
	if err != nil {
		return err
	}
	p := w.NewPage(r, "vendor.title")
	p.Data = vendorPage{who.Session, s.Technician}
	return w.Show(rw, http.StatusOK, "vendor", p)
}
