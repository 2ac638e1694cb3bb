package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"consento/broker/internal/ops"
)

const (
	atOnce      = 50               // letters over one connection
	roundTime   = 2 * time.Minute  // that one connection may take
	commandTime = 20 * time.Second // that one answer of the server's may take
	maxAnswers  = 1 << 20          // bytes that a server may say in one connection
	longestWait = 10 * time.Minute // between looks for a server that is down
	maxWhy      = 300              // characters of what a server has against a letter
)

// run looks at the queues now and then, and whenever somebody queues.
func (m *Mail) run(ctx context.Context) {
	defer close(m.done)
	tick := time.NewTicker(m.Every)
	defer tick.Stop()
	for {
		if err := m.round(ctx); err != nil && ctx.Err() == nil {
			m.Log.Error("mail: the queue cannot be read", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-m.wake:
		}
	}
}

// round sends what is due, as long as the server takes it.
func (m *Mail) round(ctx context.Context) error {
	m.mu.Lock()
	early := m.Now().Before(m.state.next)
	m.mu.Unlock()
	if m.Server.Host == "" || early {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, roundTime)
	defer cancel()
	var p *postman
	defer func() { p.close() }()
	for _, source := range m.Sources {
		due, err := source.Letters(ctx, atOnce)
		if err != nil {
			return err
		}
		for _, l := range due {
			if p == nil {
				if p, err = m.dial(ctx); err != nil {
					m.troubled(err)
					return nil // the letters wait; none of their tries is counted
				}
			}
			failed := m.post(ctx, p, l)
			var down *downError
			if errors.As(failed, &down) {
				m.troubled(failed)
				return nil
			}
			if failed != nil {
				failed = &told{failed, why(failed, l.To.Email)}
				m.Log.Warn("a letter was not taken", slog.Bool("for_good", errors.Is(failed, ErrRefused)))
			}
			// What the server took is noted whatever else ends meanwhile.
			if err := source.Sent(context.WithoutCancel(ctx), l.ID, failed); err != nil {
				return err
			}
			m.works(failed == nil)
		}
		if len(due) == atOnce {
			m.Wake() // there may be more
		}
	}
	return nil
}

// told is an error in words without the person's address.
type told struct {
	error
	words string
}

func (t *told) Error() string { return t.words }
func (t *told) Unwrap() error { return t.error }

// why puts an error into one line that names nobody.
func why(err error, email string) string {
	s := strings.TrimPrefix(err.Error(), ErrRefused.Error()+": ")
	if email != "" {
		s = strings.ReplaceAll(s, email, "…")
	}
	if cut, _, found := strings.Cut(s, ", affected recipient"); found {
		s = cut
	}
	return line(s, maxWhy)
}

func (m *Mail) troubled(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state.failed == nil {
		m.state.since = m.Now()
		m.Log.Error("the mail server does not take mail", slog.String("server", m.Server.Address()), slog.String("error", why(err, "")))
	}
	m.state.failed = err
	m.state.next = m.Now().Add(min(m.Every<<min(m.state.fails, 10), longestWait))
	m.state.fails++
}

func (m *Mail) works(sent bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state.failed != nil {
		m.Log.Info("the mail server takes mail again", slog.String("server", m.Server.Address()))
	}
	last := m.state.lastSent
	m.state = state{lastSent: last}
	if sent {
		m.state.lastSent = m.Now()
	}
}

// postman is one connection to the server.
type postman struct {
	client *gomail.Client
	conn   *smtp.Client
	utf8   bool // it takes addresses in any script (RFC 6531)
	leave  func() bool
}

// downError says that the server is the trouble, not the letter.
type downError struct{ error }

func (e *downError) Unwrap() error { return e.error }

// dial connects, encrypts and signs in.
func (m *Mail) dial(ctx context.Context) (*postman, error) {
	config := &tls.Config{ServerName: m.Server.Host, MinVersion: tls.VersionTLS12}
	if m.Server.CA != "" {
		pem, err := os.ReadFile(m.Server.CA)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s has no certificate", m.Server.CA)
		}
	}
	password, err := m.Server.Password()
	if err != nil {
		return nil, err
	}
	var raw net.Conn
	options := []gomail.Option{
		gomail.WithTimeout(commandTime), gomail.WithTLSConfig(config), gomail.WithoutNoop(),
		gomail.WithHELO(m.Server.From[strings.LastIndexByte(m.Server.From, '@')+1:]),
		gomail.WithDialContextFunc(func(ctx context.Context, network, _ string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, m.Server.Address())
			if err != nil {
				return nil, err
			}
			raw = &limitedConn{Conn: conn, left: maxAnswers}
			if m.Server.Security != ops.MailTLS {
				return raw, nil
			}
			over := tls.Client(raw, config)
			if err := over.HandshakeContext(ctx); err != nil {
				conn.Close()
				return nil, err
			}
			return over, nil
		}),
	}
	switch m.Server.Security {
	case ops.MailTLS:
		options = append(options, gomail.WithSSL())
	case ops.MailPlain:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if m.Server.User != "" {
		options = append(options, gomail.WithUsername(m.Server.User), gomail.WithPassword(password), gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin))
	}
	client, err := gomail.NewClient(m.Server.Host, options...)
	if err != nil {
		return nil, err
	}
	conn, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		if raw != nil {
			raw.Close()
		}
		return nil, err
	}
	p := &postman{client: client, conn: conn}
	p.utf8, _ = conn.Extension("SMTPUTF8")
	p.leave = context.AfterFunc(ctx, func() { raw.Close() })
	return p, nil
}

func (p *postman) close() {
	if p == nil {
		return
	}
	_ = p.client.CloseWithSMTPClient(p.conn) // what was taken was taken
	p.leave()
}

// send gives the server one letter. The error wraps ErrRefused or is a *downError, or the
// letter is to be tried again.
func (p *postman) send(msg *gomail.Msg, to string) error {
	if !p.utf8 && strings.ContainsFunc(to, func(r rune) bool { return r > '~' }) {
		return fmt.Errorf("%w: the mail server takes no addresses beyond ASCII", ErrRefused)
	}
	err := p.client.SendWithSMTPClient(p.conn, msg)
	var failed *gomail.SendError
	switch {
	case err == nil, msg.IsDelivered(): // what went wrong afterwards is the next letter's
		return nil
	case !errors.As(err, &failed) || failed.ErrorCode() == 0, failed.ErrorCode() == 421: // no answer, or good bye
		return &downError{err}
	case failed.Reason == gomail.ErrSMTPMailFrom && !failed.IsTemp(): // it does not want us
		return &downError{err}
	case failed.ErrorCode() >= 500:
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return err
}

// limitedConn reads so much and no more: a server does not fill our memory.
type limitedConn struct {
	net.Conn
	left int
}

func (c *limitedConn) Read(b []byte) (int, error) {
	if c.left <= 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := c.Conn.Read(b[:min(len(b), c.left)])
	c.left -= n
	return n, err
}
