package mail

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html/template"
	netmail "net/mail"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"

	"consento/broker/internal/ops"
	"consento/protocol/lang"
)

// Letter is one mail to one person. Every text is in Language already; who it is from
// and how to reach them is added when it is sent.
type Letter struct {
	ID       string // what it is about, for this person; "": any. At most 200 characters
	Thread   string // letters with the same one are shown together; "": it stands alone
	First    bool   // it begins its thread
	To       Address
	Language string // BCP 47; the nearest that there is
	Subject  string // one line
	Body     []string
	Quote    string // what somebody wrote: an answer, a solution
	After    []string
	Link     Link
	Event    []byte // an appointment (RFC 5545, method PUBLISH or CANCEL), nil for none
}

// Address is whom a letter is for. The name may be empty.
type Address struct{ Name, Email string }

// Link is a way on.
type Link struct{ Text, URL string }

// Limits of a letter.
const (
	maxID      = 200
	maxSubject = 250
	maxBody    = 32 << 10 // bytes, of all it says
	maxEvent   = 32 << 10
)

func newID() string { return strings.ToLower(rand.Text()) }

// clean returns the letter as it is queued.
func (l Letter) clean() (Letter, error) {
	bad := func(format string, args ...any) (Letter, error) {
		return l, fmt.Errorf("%w: %s", ErrLetter, fmt.Sprintf(format, args...))
	}
	if l.ID == "" {
		l.ID = newID()
	}
	a, err := netmail.ParseAddress(l.To.Email)
	if err != nil || a.Address != l.To.Email || strings.ContainsFunc(l.To.Email, unicode.IsControl) {
		return bad("no address")
	}
	l.To.Name, l.Subject = line(l.To.Name, 100), line(l.Subject, maxSubject)
	size := len(l.Quote) + len(l.Link.Text) + len(l.Link.URL)
	for _, p := range append(append([]string{}, l.Body...), l.After...) {
		size += len(p)
	}
	switch {
	case len(l.ID) > maxID, len(l.Thread) > maxID:
		return bad("an id of more than %d characters", maxID)
	case l.Subject == "":
		return bad("no subject")
	case size > maxBody:
		return bad("%d bytes, at most %d", size, maxBody)
	case len(l.Event) > maxEvent:
		return bad("an appointment of %d bytes", len(l.Event))
	case l.Link.URL != "" && !strings.HasPrefix(l.Link.URL, "https://"):
		return bad("a link that is not https")
	}
	return l, nil
}

// line makes one line of a text, fit for a header.
func line(s string, most int) string {
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, ""), func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	for utf8.RuneCountInString(s) > most {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}

// messageID is stable, and says nothing of what it is made from.
func messageID(what, from string) string {
	sum := sha256.Sum256([]byte("consento message-id\n" + what))
	return hex.EncodeToString(sum[:16]) + "@" + from[strings.LastIndexByte(from, '@')+1:]
}

// message is the letter as it goes out (RFC 5322).
func (l Letter) message(server ops.MailConfig, office Office, texts lang.Texts, now time.Time) (*gomail.Msg, error) {
	m := gomail.NewMsg(gomail.WithEncoding(gomail.EncodingQP), gomail.WithNoDefaultUserAgent())
	m.FromMailAddress(&netmail.Address{Name: line(office.Name, 100), Address: server.From})
	m.ToMailAddress(&netmail.Address{Name: l.To.Name, Address: l.To.Email})
	m.Subject(l.Subject)
	m.SetDateWithValue(now)
	own := "letter " + l.ID
	if l.Thread != "" {
		thread := "thread " + l.Thread
		if l.First {
			own = thread
		} else {
			m.SetGenHeader(gomail.HeaderInReplyTo, "<"+messageID(thread, server.From)+">")
			m.SetGenHeader(gomail.HeaderReferences, "<"+messageID(thread, server.From)+">")
		}
	}
	m.SetMessageIDWithValue(messageID(own, server.From))
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no machine answers it
	m.SetGenHeader("X-Auto-Response-Suppress", "All")  // the same for Exchange, [MS-OXCMAIL]
	m.SetGenHeader(gomail.HeaderContentLang, texts.Tag)
	page := letterPage{Letter: l, Tag: texts.Tag, Office: office}
	page.Foot = []string{texts.T("mail.foot")}
	if office.Phone != "" {
		page.Foot = []string{texts.T("mail.foot.phone", "phone", office.Phone), texts.T("mail.foot")}
	}
	m.SetBodyString(gomail.TypeTextPlain, page.plain())
	var html bytes.Buffer
	if err := letterTemplate.Execute(&html, page); err != nil {
		return nil, err
	}
	m.AddAlternativeString(gomail.TypeTextHTML, html.String())
	if len(l.Event) > 0 {
		method := "PUBLISH"
		if bytes.Contains(l.Event, []byte("\r\nMETHOD:CANCEL\r\n")) {
			method = "CANCEL"
		}
		err := m.AttachReader("appointment.ics", bytes.NewReader(l.Event), gomail.WithFileContentType(gomail.ContentType("text/calendar; charset=utf-8; method="+method)))
		if err != nil {
			return nil, err
		}
	}
	return m, nil
}

type letterPage struct {
	Letter
	Tag    string
	Office Office
	Foot   []string
}

// plain is the page as text, of which no line begins a part of the message: lines that
// people wrote are marked.
func (p letterPage) plain() string {
	var b strings.Builder
	for _, s := range p.Body {
		b.WriteString(s + "\n\n")
	}
	if p.Quote != "" {
		for l := range strings.SplitSeq(strings.TrimSpace(p.Quote), "\n") {
			b.WriteString(strings.TrimRight("> "+l, " ") + "\n")
		}
		b.WriteString("\n")
	}
	for _, s := range p.After {
		b.WriteString(s + "\n\n")
	}
	if p.Link.URL != "" {
		b.WriteString(p.Link.Text + "\n" + p.Link.URL + "\n\n")
	}
	b.WriteString("-- \n" + p.Office.Name + "\n" + strings.Join(p.Foot, "\n") + "\n")
	return b.String()
}

var letterTemplate = template.Must(template.New("letter").Parse(`<!DOCTYPE html>
<html lang="{{.Tag}}"><head><meta charset="utf-8"><title>{{.Subject}}</title></head>
<body style="font-family:sans-serif;font-size:16px;line-height:1.5;max-width:40em">
{{range .Body}}<p>{{.}}</p>
{{end}}{{with .Quote}}<blockquote style="margin:1em 0;padding:0 0 0 1em;border-left:4px solid #0066cc;white-space:pre-wrap" dir="auto">{{.}}</blockquote>
{{end}}{{range .After}}<p>{{.}}</p>
{{end}}{{with .Link}}{{if .URL}}<p><a href="{{.URL}}">{{.Text}}</a></p>
{{end}}{{end}}<hr>
<p style="font-size:14px"><strong>{{.Office.Name}}</strong>{{range .Foot}}<br>{{.}}{{end}}</p>
</body></html>
`))

func (m *Mail) post(ctx context.Context, p *postman, l Letter) error {
	office, err := m.Office(ctx)
	if err != nil {
		return err
	}
	msg, err := l.message(m.Server, office, m.Texts.Match(l.Language), m.Now())
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return p.send(msg, l.To.Email)
}
