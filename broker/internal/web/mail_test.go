package web_test

import (
	"bytes"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/mail/mailtest"
	"consento/broker/internal/ops"
	"consento/broker/internal/web"
)

// byMail has letters go out by a server.
func byMail(c ops.MailConfig) option { return func(_ *web.Config, h *house) { h.mail = c } }

// look waits for something that others do.
func look(t testing.TB, what string, is func() bool) {
	t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for range 1000 {
		if is() {
			return
		}
		<-again.C
	}
	t.Fatalf("not %s", what)
}

// find is where a list leads by the link of this name.
func (p *person) find(t testing.TB, list, name string) string {
	t.Helper()
	found := regexp.MustCompile(`href="(/desk/[-0-9a-f]{36})"><bdi>` + regexp.QuoteMeta(name)).FindStringSubmatch(p.get(list).text)
	if found == nil {
		t.Fatalf("no %s in %s", name, list)
	}
	return found[1]
}

// TestMailPage: who sees it, without a server and with one that works, is down, and comes
// back; what a customer asks on the portal is answered by mail.
func TestMailPage(t *testing.T) {
	none := newHouse(t)
	joins(t, none, "Anna Bianchi", "Service desk", access.L1)
	if text := none.visitor(t).get("/request").text; strings.Contains(text, "You are told of every change") || !strings.Contains(text, "no mail goes out") {
		t.Error("promised, and there is no mail", text)
	}
	signedIn(t, none, access.Administrator, "Ada Neri", "ada@esempio.example").get("/admin/mail").shows(t, "No mail server is set")
	s := mailtest.New(t, ops.MailStartTLS)
	h := newHouse(t, byMail(s.Config(ops.MailStartTLS)))
	boss := signedIn(t, h, access.Administrator, "Ada Neri", "ada@esempio.example")
	boss.get("/admin/mail").shows(t, "Nothing had to be sent", "It goes to", "ada@esempio.example", "encrypted (STARTTLS)", "Nothing was given up")
	boss.post("/admin/mail", "step", "test").shows(t, "The mail server took the test mail", "Mail goes out")
	if got := boss.post("/admin/mail", "step", "x"); got.StatusCode != http.StatusBadRequest {
		t.Error(got.StatusCode)
	}
	keeper := signedIn(t, h, access.Maintainer, "Mia Neri", "mia@esempio.example")
	keeper.get("/admin/mail").shows(t, "Mail goes out")
	anna := joins(t, h, "Anna Bianchi", "Service desk", access.L1)
	for who, p := range map[string]*person{"technician": anna, "auditor": signedIn(t, h, access.Auditor, "Udo Neri", "udo@esempio.example"), "nobody": h.visitor(t)} {
		if got := p.get("/admin/mail"); got.StatusCode != http.StatusForbidden {
			t.Errorf("%s reads it: %d", who, got.StatusCode)
		}
		if got := p.post("/admin/mail", "step", "test"); got.StatusCode != http.StatusForbidden {
			t.Errorf("%s sends: %d", who, got.StatusCode)
		}
	}
	maria := h.visitor(t)
	maria.get("/request").shows(t, "You are told of every change")
	maria.post("/request", "name", "Maria Rossi", "email", "maria@comune.example", "phone", "", "title", "Printer", "text", "")
	maria.post("/request", "name", "Nobody", "email", mailtest.Refused, "phone", "", "title", "Scanner", "text", "")
	look(t, "a letter and one refused", func() bool {
		return len(s.Letters()) == 2 && strings.Contains(boss.get("/admin/mail").text, "no mailbox of this name")
	})
	letter := string(bytes.Join(s.Letters(), nil))
	if !strings.Contains(letter, "Envelope-to: maria@comune.example") || !strings.Contains(letter, "your request has arrived") || strings.Contains(letter, "Printer") {
		t.Error(letter)
	}
	if text := keeper.get("/admin/mail").text; strings.Contains(text, "maria@") || strings.Contains(text, mailtest.Refused) {
		t.Error("a maintainer reads whom it was for")
	}
	for _, m := range []string{"Scanner", "Printer"} {
		path := anna.find(t, "/desk/", m)
		if text := anna.get(path).text; strings.Contains(text, "could not be told by mail") != (m == "Scanner") {
			t.Errorf("%s: %s", m, text)
		}
	}
	s.Down()
	boss.post("/admin/mail", "step", "test").shows(t, "The test mail did not go out", "Mail does not go out since")
	anna.get("/desk/").shows(t, "requesters are not told of changes now")
	s.Up()
	boss.post("/admin/mail", "step", "again").shows(t, "It is tried again now")
	boss.post("/admin/mail", "step", "test").shows(t, "Mail goes out")
	if text := anna.get("/desk/").text; strings.Contains(text, "not told of changes") {
		t.Error("it is up again, and nobody says so")
	}
}

// TestMailInChromium looks at the page in every language, as it is when mail is down.
func TestMailInChromium(t *testing.T) {
	s := mailtest.New(t, ops.MailStartTLS)
	h := builtHouse(t, byMail(s.Config(ops.MailStartTLS)))
	staff(t, h, access.Administrator, "ada@esempio.example")
	b := newChromium(t, h, "en")
	b.open("/signin?next=/admin/mail", "#email")
	b.signInWith("ada@esempio.example", goodPassword)
	b.until(`location.pathname === "/admin/mail" && document.querySelector("form.card button.primary")`)
	b.tabTo("form.card button.primary")
	b.keys("\r")
	b.until(`document.querySelector(".notice.good")`)
	b.look("81-mail")
	s.Down()
	h.visitor(t).post("/request", "name", "Maria", "email", "maria@comune.example", "phone", "", "title", "Printer", "text", "")
	b.click("form.card button.primary")
	b.until(`document.querySelector(".error-summary") && document.querySelector(".notice.warn")`)
	for _, language := range tags(t) {
		b.tag = language
		b.speaks(language)
		b.open("/admin/mail", `html[lang="`+language+`"] .notice.warn`)
		b.glance("81-mail-down")
	}
}
