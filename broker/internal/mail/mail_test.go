package mail_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"consento/broker/internal/mail"
	"consento/broker/internal/mail/mailtest"
	"consento/broker/internal/ops"
	"consento/broker/internal/ops/opstest"
	"consento/protocol/lang"

	"github.com/uptrace/bun"
)

type env struct {
	*mail.Mail
	t   testing.TB
	db  *bun.DB
	log *bytes.Buffer
	mu  sync.Mutex
	now time.Time
}

func (e *env) pass(d time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.now = e.now.Add(d)
}

// newEnv sends by a server; change may be nil.
func newEnv(t testing.TB, server ops.MailConfig, sources ...mail.Source) *env {
	t.Helper()
	db := opstest.Database(t, t.TempDir()+"/data")
	t.Cleanup(func() { db.Close() })
	texts, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	e := &env{t: t, db: db, log: &bytes.Buffer{}, now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	e.Mail, err = mail.Open(mail.Config{Database: db, Server: server, Texts: texts, Sources: sources, Every: 20 * time.Millisecond, Log: slog.New(slog.NewTextHandler(&locked{e: e}, nil)),
		Now: func() time.Time { e.mu.Lock(); defer e.mu.Unlock(); return e.now },
		Office: func(context.Context) (mail.Office, error) {
			return mail.Office{Name: "Comune di Bolzano – Ufficio Ü", Phone: "+39 0471 000 000"}, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

type locked struct{ e *env }

func (l *locked) Write(b []byte) (int, error) {
	l.e.mu.Lock()
	defer l.e.mu.Unlock()
	return l.e.log.Write(b)
}

// until waits for the queues to look as they should.
func (e *env) until(what string, is func(mail.Status) bool) mail.Status {
	e.t.Helper()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	var s mail.Status
	for range 3000 {
		var err error
		if s, err = e.Status(e.t.Context()); err != nil {
			e.t.Fatalf("%s: %v", what, err)
		}
		if is(s) {
			return s
		}
		<-look.C
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.t.Fatalf("not %s: %+v\n%s", what, s, e.log)
	return s
}

func letter(id string) mail.Letter {
	return mail.Letter{ID: id, Thread: "ticket", To: mail.Address{Name: "Maria Rossi", Email: "maria@office.example"}, Language: "it",
		Subject: "T-AAAAAA: una risposta", Body: []string{"Gentile Maria,", "C’è una risposta:"}, Quote: "Quale stampante?\n.\nFrom here", Link: mail.Link{Text: "Vedi", URL: "https://help.office.example/request/abc"}}
}

// parts reads what a letter holds, by type.
func parts(t testing.TB, header netmail.Header, body io.Reader, to map[string]string) map[string]string {
	t.Helper()
	kind, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(kind, "multipart/") {
		r := multipart.NewReader(body, params["boundary"])
		for {
			p, err := r.NextRawPart()
			if err == io.EOF {
				return to
			}
			if err != nil {
				t.Fatal(err)
			}
			parts(t, netmail.Header(p.Header), p, to)
		}
	}
	if strings.EqualFold(header.Get("Content-Transfer-Encoding"), "quoted-printable") {
		body = quotedprintable.NewReader(body)
	}
	raw, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	to[kind] = strings.ReplaceAll(string(raw), "\r\n", "\n")
	return to
}

// TestSent: letters of many kinds arrive whole at a real mail server, by each way to it.
func TestSent(t *testing.T) {
	for _, security := range []string{ops.MailStartTLS, ops.MailTLS, ops.MailPlain} {
		t.Run(security, func(t *testing.T) {
			s := mailtest.New(t, security)
			config := s.Config(security)
			e := newEnv(t, config)
			l := letter("one")
			if err := errors.Join(e.Queue(t.Context(), nil, l), e.Queue(t.Context(), nil, l)); err != nil {
				t.Fatal(err)
			}
			e.until("sent", func(s mail.Status) bool { return s.Waiting == 0 && !s.LastSent.IsZero() })
			if err := e.Queue(t.Context(), nil, l); err != nil {
				t.Fatal(err)
			}
			hostile := letter("two")
			hostile.To.Name = "Müller, \"Jörg\" <x@y.example>\r\nBcc: all@office.example"
			hostile.Subject = "Störung\r\nBcc: all@office.example\r\n\r\n日本語の件名 " + strings.Repeat("lang ", 60)
			hostile.Quote = strings.Repeat("x", 5000) + "\n.\n..\n--boundary\n<script>alert(1)</script>"
			hostile.Language = "de"
			if err := e.Queue(t.Context(), nil, hostile); err != nil {
				t.Fatal(err)
			}
			e.until("sent", func(s mail.Status) bool { return s.Waiting == 0 })
			got := s.Messages()
			if len(got) != 2 {
				t.Fatalf("%d letters", len(got))
			}
			first := got[0].Header
			dec := new(mime.WordDecoder)
			from, err := netmail.ParseAddress(first.Get("From"))
			if err != nil || from.Name != "Comune di Bolzano – Ufficio Ü" || from.Address != "help@office.example" {
				t.Error(from, err)
			}
			for name, want := range map[string]string{"Auto-Submitted": "auto-generated", "Content-Language": "it", "Envelope-To": "maria@office.example", "Return-Path": "<help@office.example>"} {
				if first.Get(name) != want {
					t.Errorf("%s: %q", name, first.Get(name))
				}
			}
			if id := first.Get("Message-Id"); !strings.HasSuffix(id, "@office.example>") || first.Get("In-Reply-To") == "" || first.Get("In-Reply-To") == id || first.Get("References") != got[1].Header.Get("References") {
				t.Errorf("%v", first)
			}
			p := parts(t, first, got[0].Body, map[string]string{})
			for _, want := range []string{"Gentile Maria,\n", "> Quale stampante?\n> .\n> From here\n", "\nhttps://help.office.example/request/abc\n", "-- \nComune di Bolzano – Ufficio Ü\nTelefono: +39 0471 000 000\n"} {
				if !strings.Contains(p["text/plain"], want) {
					t.Errorf("no %q in %q", want, p["text/plain"])
				}
			}
			second := got[1].Header
			if second.Get("Bcc") != "" || second.Get("Envelope-To") != "maria@office.example" {
				t.Errorf("a header was smuggled in: %v", second)
			}
			to, err := netmail.ParseAddress(second.Get("To"))
			if err != nil || !strings.HasPrefix(to.Name, `Müller, "Jörg" <x@y.example> Bcc`) || to.Address != "maria@office.example" {
				t.Error(to, err)
			}
			subject, err := dec.DecodeHeader(second.Get("Subject"))
			if err != nil || !strings.HasPrefix(subject, "Störung Bcc: all@office.example 日本語の件名") || len([]rune(subject)) > 250 {
				t.Error(subject, err)
			}
			p = parts(t, second, got[1].Body, map[string]string{})
			if !strings.Contains(p["text/html"], "&lt;script&gt;") || strings.Contains(p["text/html"], "<script") || strings.Contains(p["text/html"], "src=") {
				t.Error(p["text/html"])
			}
			if !strings.Contains(p["text/plain"], "> "+strings.Repeat("x", 5000)+"\n> .\n> ..\n> --boundary\n") {
				t.Error(p["text/plain"])
			}
			for _, raw := range s.Letters() {
				for line := range bytes.SplitSeq(raw, []byte("\n")) {
					if len(line) > 998 {
						t.Errorf("a line of %d bytes", len(line))
					}
				}
			}
			if err := e.Test(t.Context(), mail.Address{Name: "Ada", Email: "ada@office.example"}, "ja"); err != nil {
				t.Error(err)
			}
			if n := len(s.Letters()); n != 3 {
				t.Error(n)
			}
		})
	}
}

// TestDown: a server that is down loses nothing, and its letters go out when it is up.
func TestDown(t *testing.T) {
	s := mailtest.New(t, ops.MailStartTLS)
	s.Down()
	e := newEnv(t, s.Config(ops.MailStartTLS))
	for i := range 3 {
		if err := e.Queue(t.Context(), nil, letter(strconv.Itoa(i))); err != nil {
			t.Fatal(err)
		}
	}
	st := e.until("trouble", func(s mail.Status) bool { return s.Trouble != "" })
	if st.Waiting != 3 || st.Oldest.IsZero() || st.Since.IsZero() || !strings.Contains(st.Trouble, "refused") {
		t.Errorf("%+v", st)
	}
	if err := e.Test(t.Context(), mail.Address{Email: "ada@office.example"}, ""); err == nil {
		t.Error("the test mail went out")
	}
	e.pass(7 * 24 * time.Hour) // a week
	s.Up()
	st = e.until("sent", func(s mail.Status) bool { return s.Waiting == 0 })
	if st.Trouble != "" || len(st.GivenUp) != 0 || len(s.Letters()) != 3 {
		t.Errorf("%+v %d", st, len(s.Letters()))
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if said := e.log.String(); strings.Count(said, "does not take mail") != 1 || strings.Count(said, "takes mail again") != 1 || strings.Contains(said, "maria@") {
		t.Error(said)
	}
}

// TestRefused: one letter that is not taken does not hold up the others; it is given up at
// once when it never will be, and tried again when it may.
func TestRefused(t *testing.T) {
	s := mailtest.New(t, ops.MailStartTLS)
	e := newEnv(t, s.Config(ops.MailStartTLS))
	for _, to := range []string{mailtest.Refused, mailtest.Later, "jürgen@office.example", "maria@office.example"} {
		l := letter(to)
		l.To.Email = to
		if err := e.Queue(t.Context(), nil, l); err != nil {
			t.Fatal(err)
		}
	}
	st := e.until("given up", func(st mail.Status) bool { return len(st.GivenUp) == 1 && st.Waiting == 1 && len(s.Letters()) == 2 })
	if st.Waiting != 1 || st.Trouble != "" || !strings.Contains(st.GivenUp[0].Why, "no mailbox of this name") || strings.Contains(st.GivenUp[0].Why, mailtest.Refused) {
		t.Errorf("%+v", st)
	}
	e.until("given up after many tries", func(st mail.Status) bool { e.pass(time.Hour); return len(st.GivenUp) == 2 })
	if err := e.Again(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.until("tried again", func(st mail.Status) bool { return len(st.GivenUp) == 1 && st.Waiting == 1 })
}

// TestHostileServers: what a server says or does not say ends the try, and no more.
func TestHostileServers(t *testing.T) {
	good := mailtest.New(t, ops.MailStartTLS)
	for name, play := range map[string]func(net.Conn){
		"gone at once":     func(c net.Conn) {},
		"no mail server":   func(c net.Conn) { io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") },
		"endless line":     func(c net.Conn) { endless(c, "220 ", "x") },
		"endless answer":   func(c net.Conn) { endless(c, "", "220-x\r\n") },
		"no encryption":    func(c net.Conn) { talk(c, "250 office.example") },
		"bad encryption":   func(c net.Conn) { talk(c, "250-office.example\r\n250 STARTTLS", "220 go\r\nthis is no TLS") },
		"gone in STARTTLS": func(c net.Conn) { talk(c, "250-office.example\r\n250 STARTTLS") },
	} {
		t.Run(name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			go func() {
				for {
					c, err := listener.Accept()
					if err != nil {
						return
					}
					play(c)
					c.Close()
				}
			}()
			config := good.Config(ops.MailStartTLS)
			config.Port = listener.Addr().(*net.TCPAddr).Port
			e := newEnv(t, config)
			if err := e.Queue(t.Context(), nil, letter("x")); err != nil {
				t.Fatal(err)
			}
			if st := e.until("trouble", func(s mail.Status) bool { return s.Trouble != "" }); st.Waiting != 1 || len(st.Trouble) > 1000 {
				t.Errorf("%+v", st)
			}
		})
	}
	config := good.Config(ops.MailStartTLS)
	config.CA = ""
	e := newEnv(t, config) // nobody we trust signed it
	if err := e.Test(t.Context(), mail.Address{Email: "ada@office.example"}, ""); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Error(err)
	}
	config = good.Config(ops.MailStartTLS)
	if err := os.WriteFile(config.PasswordFile, []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := e.Test(t.Context(), mail.Address{Email: "ada@office.example"}, ""); err == nil || strings.Contains(err.Error(), "another") {
		t.Error(err)
	}
	e = newEnv(t, config)
	if err := e.Test(t.Context(), mail.Address{Email: "ada@office.example"}, ""); err == nil || !strings.Contains(err.Error(), "AUTH") {
		t.Error(err)
	}
	if n := len(good.Letters()); n != 0 {
		t.Error(n, "letters")
	}
}

// talk greets and answers each line with the next of answers.
func talk(c net.Conn, answers ...string) {
	io.WriteString(c, "220 office.example ESMTP\r\n")
	r := bufio.NewReader(c)
	for _, a := range answers {
		if _, err := r.ReadString('\n'); err != nil {
			return
		}
		io.WriteString(c, a+"\r\n")
	}
	r.ReadString('\n')
}

func endless(c net.Conn, begin, again string) {
	io.WriteString(c, begin)
	chunk := strings.Repeat(again, 4096/len(again))
	for {
		if _, err := io.WriteString(c, chunk); err != nil {
			return
		}
	}
}

// TestNotLetters: what cannot be sent is not queued.
func TestNotLetters(t *testing.T) {
	e := newEnv(t, ops.MailConfig{})
	for name, change := range map[string]func(*mail.Letter){
		"no address":     func(l *mail.Letter) { l.To.Email = "maria" },
		"two addresses":  func(l *mail.Letter) { l.To.Email = "a@b.example, c@d.example" },
		"a line more":    func(l *mail.Letter) { l.To.Email = "a@b.example\r\nRCPT TO:<x@y.example>" },
		"a name as well": func(l *mail.Letter) { l.To.Email = "Maria <a@b.example>" },
		"no subject":     func(l *mail.Letter) { l.Subject = " \r\n " },
		"too much":       func(l *mail.Letter) { l.Quote = strings.Repeat("x", 1<<20) },
		"a foreign link": func(l *mail.Letter) { l.Link.URL = "javascript:alert(1)" },
		"a long id":      func(l *mail.Letter) { l.ID = strings.Repeat("x", 201) },
	} {
		l := letter(name)
		change(&l)
		if err := e.Queue(t.Context(), nil, l); !errors.Is(err, mail.ErrLetter) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := e.Queue(t.Context(), nil, letter("")); err != nil {
		t.Fatal(err)
	}
	if st, err := e.Status(t.Context()); err != nil || st.Waiting != 1 || st.Server != "" {
		t.Errorf("%+v %v", st, err)
	}
	if err := e.Test(t.Context(), mail.Address{Email: "ada@office.example"}, ""); !errors.Is(err, mail.ErrNoServer) {
		t.Error(err)
	}
	tx, err := e.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Queue(t.Context(), tx, letter("taken back")); err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if st, err := e.Status(t.Context()); err != nil || st.Waiting != 1 {
		t.Error(fmt.Sprint(st), err)
	}
}
