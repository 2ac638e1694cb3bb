package admin

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"consento/broker/internal/access"
	"consento/broker/internal/hooks"
	"consento/broker/internal/web/page"
)

// Hooks is what administrators ask and decide about webhooks.
type Hooks interface {
	Targets(ctx context.Context, by access.Account) ([]hooks.Target, error)
	Target(ctx context.Context, by access.Account, id string) (hooks.Target, error)
	Add(ctx context.Context, by access.Account, t hooks.Target) (hooks.Target, string, error)
	Change(ctx context.Context, by access.Account, t hooks.Target) error
	Rotate(ctx context.Context, by access.Account, id string) (string, error)
	Remove(ctx context.Context, by access.Account, id string) error
	Try(ctx context.Context, by access.Account, id string) error
	Deliveries(ctx context.Context, by access.Account, target string, most int) ([]hooks.Delivery, error)
	Again(ctx context.Context, by access.Account, target, id string) error
}

// webhooksPage is the data of the template "admin-webhooks".
type webhooksPage struct {
	Targets []webhookLine
	Form    webhookForm
}

type webhookLine struct {
	ID, Name, Host, Events, State string
	Bad                           bool
}

// webhookForm is what a target is made and changed with.
type webhookForm struct {
	Texts  []page.Input
	Events []page.Choice
	Legend string // of the events
	Wrong  string // likewise
	Active page.Choice
	New    bool
}

// webhookPage is the data of the template "admin-webhook".
type webhookPage struct {
	ID, Secret, State string
	Bad               bool
	Form              webhookForm
	Deliveries        []deliveryLine
}

type deliveryLine struct {
	ID, Event, Made, Result, Again string
	Bad                            bool
}

func (ps *Pages) webhookRoutes() []page.Route {
	office := func(do page.StaffAction) page.Ruled { return ps.May(do, access.ManageOffice) }
	return []page.Route{
		page.At("/admin/webhooks", office(ps.showWebhooks), office(ps.addWebhook)),
		page.At("/admin/webhooks/{id}", office(ps.showWebhook), office(ps.changeWebhook)),
	}
}

func (ps *Pages) showWebhooks(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	return ps.webhooks(rw, r, by, http.StatusOK, hooks.Target{Active: true, Events: hooks.EventTypes()}, nil)
}

// webhooks shows the list, and the form of a new one as it was filled in.
func (ps *Pages) webhooks(rw http.ResponseWriter, r *http.Request, by access.Account, status int, t hooks.Target, wrong *access.Invalid) error {
	targets, err := ps.hooks.Targets(r.Context(), by)
	if err != nil {
		return err
	}
	p := ps.NewPage(r, "admin.webhooks.title")
	data := webhooksPage{Form: webhookFields(p, t, wrong)}
	for _, t := range targets {
		l := webhookLine{ID: t.ID, Name: t.Name}
		if u, err := url.Parse(t.URL); err == nil {
			l.Host = u.Host
		}
		l.State, l.Bad = webhookState(p, t)
		for i, e := range t.Events {
			if i > 0 {
				l.Events += " · "
			}
			l.Events += p.T("webhooks.event." + string(e))
		}
		data.Targets = append(data.Targets, l)
	}
	return ps.Admin(rw, r, by, status, "admin-webhooks", p, data)
}

// webhookState says how it goes with a target; bad where somebody has to do something.
func webhookState(p *page.Page, t hooks.Target) (words string, bad bool) {
	switch {
	case t.Stopped != "":
		return p.T("webhooks.stopped." + string(t.Stopped)), true
	case !t.Active:
		return p.T("webhooks.off"), false
	case !t.Failing.IsZero():
		return p.T("webhooks.failing", "when", page.Minute(p, t.Failing), "n", strconv.Itoa(t.Waiting)), true
	}
	return p.T("webhooks.works"), false
}

func webhookFields(p *page.Page, t hooks.Target, wrong *access.Invalid) webhookForm {
	problem := func(field string) string {
		if wrong == nil || wrong.Field != field {
			return ""
		}
		p.Error = p.T("setup.error.some")
		return "webhooks.error." + field + "." + wrong.Code
	}
	f := webhookForm{New: t.ID == "", Legend: p.T("webhooks.events"), Active: page.Choice{Name: "active", Label: p.T("webhooks.active"), On: t.Active}}
	for _, text := range []page.Input{{Name: "name", Value: t.Name, Max: 100}, {Name: "url", Value: t.URL, Max: 500}} {
		text.Type, text.Required, text.ErrorWord = "text", true, p.T("page.error")
		text.Label, text.Hint = p.T("webhooks."+text.Name), p.T("webhooks."+text.Name+".hint")
		if key := problem(text.Name); key != "" {
			text.Error = p.T(key)
		}
		f.Texts = append(f.Texts, text)
	}
	for _, e := range hooks.EventTypes() {
		f.Events = append(f.Events, page.Choice{Name: "event." + string(e), Label: p.T("webhooks.event." + string(e)), On: slices.Contains(t.Events, e)})
	}
	if key := problem("events"); key != "" {
		f.Wrong = p.T(key)
	}
	return f
}

func webhookOf(values url.Values) hooks.Target {
	t := hooks.Target{Name: page.Limited(values.Get("name"), 400), URL: page.Limited(values.Get("url"), 500), Active: values.Get("active") != ""}
	for _, e := range hooks.EventTypes() {
		if values.Get("event."+string(e)) != "" {
			t.Events = append(t.Events, e)
		}
	}
	return t
}

func (ps *Pages) addWebhook(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	t := webhookOf(values)
	added, secret, err := ps.hooks.Add(r.Context(), by, t)
	var wrong *access.Invalid
	if errors.As(err, &wrong) {
		t.Active = true
		return ps.webhooks(rw, r, by, http.StatusUnprocessableEntity, t, wrong)
	}
	if err != nil {
		return err
	}
	return ps.webhook(rw, r, by, http.StatusOK, added, secret, nil)
}

func (ps *Pages) showWebhook(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	t, err := ps.hooks.Target(r.Context(), by, page.Limited(r.PathValue("id"), 64))
	if errors.Is(err, hooks.ErrNoTarget) {
		return ps.NotFound(rw, r)
	}
	if err != nil {
		return err
	}
	return ps.webhook(rw, r, by, http.StatusOK, t, "", nil)
}

// listedDeliveries is how many of a target's deliveries are shown.
const listedDeliveries = 50

// webhook shows a target; secret is shown once.
func (ps *Pages) webhook(rw http.ResponseWriter, r *http.Request, by access.Account, status int, t hooks.Target, secret string, wrong *access.Invalid) error {
	p := ps.NewPage(r, "admin.webhooks.title")
	p.Title = page.Isolate(page.Plain(t.Name))
	deliveries, err := ps.hooks.Deliveries(r.Context(), by, t.ID, listedDeliveries)
	if err != nil {
		return err
	}
	data := webhookPage{ID: t.ID, Secret: secret, Form: webhookFields(p, t, wrong)}
	data.State, data.Bad = webhookState(p, t)
	for _, d := range deliveries {
		l := deliveryLine{ID: d.ID, Event: p.T("webhooks.event." + string(d.Event)), Made: page.Minute(p, d.Made), Again: p.T("webhooks.again.name", "event", p.T("webhooks.event."+string(d.Event)), "when", page.Minute(p, d.Made))}
		switch {
		case d.Arrived():
			l.Result = p.T("webhooks.arrived", "when", page.Minute(p, d.Tried))
		case d.Tries == 0:
			l.Result = p.T("webhooks.waits")
		default:
			l.Bad = true
			l.Result = p.T("webhooks.failure."+string(d.Error), "status", strconv.Itoa(d.Status))
			if d.Next.IsZero() {
				l.Result += " " + p.T("webhooks.given_up", "n", strconv.Itoa(d.Tries))
			} else {
				l.Result += " " + p.T("webhooks.next", "when", page.Minute(p, d.Next), "n", strconv.Itoa(d.Tries))
			}
		}
		data.Deliveries = append(data.Deliveries, l)
	}
	return ps.Admin(rw, r, by, status, "admin-webhook", p, data)
}

func (ps *Pages) changeWebhook(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	t, err := ps.hooks.Target(r.Context(), by, page.Limited(r.PathValue("id"), 64))
	if errors.Is(err, hooks.ErrNoTarget) {
		return ps.NotFound(rw, r)
	}
	if err != nil {
		return err
	}
	to, step := "/admin/webhooks/"+t.ID, values.Get("step")
	switch step {
	case "save":
		changed := webhookOf(values)
		changed.ID = t.ID
		err = ps.hooks.Change(r.Context(), by, changed)
		var wrong *access.Invalid
		if errors.As(err, &wrong) {
			changed.Stopped, changed.Failing = t.Stopped, t.Failing
			return ps.webhook(rw, r, by, http.StatusUnprocessableEntity, changed, "", wrong)
		}
	case "rotate":
		secret, err := ps.hooks.Rotate(r.Context(), by, t.ID)
		if err != nil {
			return err
		}
		return ps.webhook(rw, r, by, http.StatusOK, t, secret, nil)
	case "try":
		err = ps.hooks.Try(r.Context(), by, t.ID)
	case "again":
		if err = ps.hooks.Again(r.Context(), by, t.ID, page.Limited(values.Get("delivery"), 64)); errors.Is(err, hooks.ErrNoDelivery) {
			return ps.NotFound(rw, r)
		}
	case "remove":
		err, to = ps.hooks.Remove(r.Context(), by, t.ID), "/admin/webhooks"
	default:
		return page.ErrForm
	}
	if err != nil {
		return err
	}
	http.Redirect(rw, r, to+"?saved=webhook_"+step, http.StatusSeeOther)
	return nil
}
