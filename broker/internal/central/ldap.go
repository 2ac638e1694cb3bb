package central

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"consento/broker/internal/access"
	"consento/broker/internal/ops"
)

// Directory checks passwords by LDAP (RFC 4511): it finds a person, and binds with what
// was typed. It is safe for concurrent use; each sign-in has a connection of its own.
type Directory struct {
	config   ops.LDAPConfig
	address  string
	issuer   string
	password string
	tls      *tls.Config
	start    bool // StartTLS
	at       chan struct{}
}

const (
	maxPassword = 512 // bytes
	maxLogin    = 254
	maxFound    = 1000 // groups
	ldapAtOnce  = 16   // sign-ins
)

// The library believes lengths of up to 2 GB; no answer to our questions is that long.
func init() { ber.MaxPacketLengthBytes = maxAnswer }

// NewDirectory reads the secret; it does not ask the directory yet, which may be away.
func NewDirectory(c ops.LDAPConfig) (*Directory, error) {
	fail := func(err error) (*Directory, error) { return nil, fmt.Errorf("ldap: %w", err) }
	for _, d := range []struct {
		to      *string
		without string
	}{{&c.Filter, "(mail={login})"}, {&c.ID, "entryUUID"}, {&c.Mail, "mail"}, {&c.FullName, "cn"}, {&c.MemberOf, "memberOf"}, {&c.GroupFilter, "(member={dn})"}} {
		if *d.to == "" {
			*d.to = d.without
		}
	}
	for _, filter := range []string{fill(c.Filter, "{login}", "x"), fill(c.GroupFilter, "{dn}", "x")} {
		if _, err := ldap.CompileFilter(filter); err != nil {
			return fail(fmt.Errorf("%w: filter %q: %w", ops.ErrConfig, filter, err))
		}
	}
	base, err := ldap.ParseDN(c.Base)
	if err != nil {
		return fail(fmt.Errorf("%w: base: %w", ops.ErrConfig, err))
	}
	u, err := url.Parse(c.URL)
	if err != nil {
		return fail(fmt.Errorf("%w: url: %w", ops.ErrConfig, err))
	}
	d := &Directory{config: c, issuer: "ldap:" + strings.ToLower(base.String()), start: u.Scheme == "ldap", at: make(chan struct{}, ldapAtOnce)}
	port := u.Port()
	if port == "" {
		port = map[bool]string{true: "389", false: "636"}[d.start]
	}
	d.address = net.JoinHostPort(u.Hostname(), port)
	if c.PasswordFile != "" {
		if d.password, err = ops.SecretFile(c.PasswordFile); err != nil {
			return fail(err)
		}
	}
	if d.tls, err = tlsConfig(c.CAFile); err != nil {
		return fail(err)
	}
	d.tls.ServerName = u.Hostname()
	return d, nil
}

// Name is what people call it.
func (d *Directory) Name() string { return d.config.Name }

// fill puts a value into a filter as a value, whatever stands in it (RFC 4515, section 3).
func fill(filter, blank, value string) string {
	return strings.ReplaceAll(filter, blank, ldap.EscapeFilter(value))
}

// Authenticate says who has this login and password. Errors: access.ErrCredentials,
// access.ErrProviderAway, access.ErrProviderAnswer.
func (d *Directory) Authenticate(ctx context.Context, login, password string) (access.Identity, error) {
	// An empty password is a bind as nobody, which works (RFC 4513, 5.1.2).
	if login == "" || len(login) > maxLogin || password == "" || len(password) > maxPassword || !utf8.ValidString(login) || !utf8.ValidString(password) {
		return access.Identity{}, access.ErrCredentials
	}
	ctx, cancel := briefly(ctx)
	defer cancel()
	select {
	case d.at <- struct{}{}:
		defer func() { <-d.at }()
	case <-ctx.Done():
		return access.Identity{}, fmt.Errorf("%w: too much to do", access.ErrProviderAway)
	}
	c, err := d.connect(ctx)
	if err != nil {
		return access.Identity{}, fmt.Errorf("%w: %w", access.ErrProviderAway, err)
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	if d.config.BindDN != "" {
		if err := c.Bind(d.config.BindDN, d.password); err != nil {
			return access.Identity{}, fmt.Errorf("%w: bind as %s: %w", access.ErrProviderAway, d.config.BindDN, err)
		}
	}
	entry, err := d.find(c, login)
	if err != nil {
		return access.Identity{}, err
	}
	id, err := d.identity(c, entry, login)
	if err != nil {
		return access.Identity{}, err
	}
	switch err := c.Bind(entry.DN, password); {
	case err == nil:
		return id, nil
	case ldap.IsErrorAnyOf(err, ldap.LDAPResultInvalidCredentials, ldap.LDAPResultUnwillingToPerform, ldap.LDAPResultInsufficientAccessRights, ldap.LDAPResultConstraintViolation,
		ldap.LDAPResultInappropriateAuthentication, ldap.LDAPResultNoSuchObject):
		return access.Identity{}, access.ErrCredentials
	default:
		return access.Identity{}, answer("bind", err)
	}
}

// connect makes a connection under TLS; what was said before it is not believed.
func (d *Directory) connect(ctx context.Context) (*ldap.Conn, error) {
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", d.address)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		if err := raw.SetDeadline(deadline); err != nil {
			raw.Close()
			return nil, err
		}
	}
	conn := &limitedConn{Conn: raw}
	conn.left.Store(4 * maxAnswer)
	var c *ldap.Conn
	if d.start {
		c = ldap.NewConn(conn, false)
		c.SetTimeout(patience)
		c.Start()
		if err := c.StartTLS(d.tls); err != nil {
			c.Close()
			return nil, fmt.Errorf("StartTLS: %w", err)
		}
		return c, nil
	}
	over := tls.Client(conn, d.tls)
	if err := over.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, err
	}
	c = ldap.NewConn(over, true)
	c.SetTimeout(patience)
	c.Start()
	return c, nil
}

// limitedConn ends a connection that says too much.
type limitedConn struct {
	net.Conn
	left atomic.Int64
}

func (c *limitedConn) Read(p []byte) (int, error) {
	if c.left.Load() <= 0 {
		return 0, fmt.Errorf("%w: more than %d bytes", io.ErrUnexpectedEOF, 4*maxAnswer)
	}
	n, err := c.Conn.Read(p)
	c.left.Add(int64(-n))
	return n, err
}

// answer says whether a directory is away, or speaks nonsense.
func answer(what string, err error) error {
	if ldap.IsErrorAnyOf(err, ldap.ErrorNetwork, ldap.LDAPResultBusy, ldap.LDAPResultUnavailable, ldap.LDAPResultTimeLimitExceeded, ldap.LDAPResultTimeout, ldap.LDAPResultServerDown) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("%w: %s: %w", access.ErrProviderAway, what, err)
	}
	return fmt.Errorf("%w: %s: %w", access.ErrProviderAnswer, what, err)
}

func (d *Directory) find(c *ldap.Conn, login string) (*ldap.Entry, error) {
	found, err := c.Search(ldap.NewSearchRequest(d.config.Base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 2, int(patience/time.Second), false,
		fill(d.config.Filter, "{login}", login), []string{d.config.ID, d.config.Mail, d.config.FullName, d.config.MemberOf}, nil))
	switch {
	case ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject):
		return nil, access.ErrCredentials
	case ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded) || err == nil && len(found.Entries) > 1:
		return nil, fmt.Errorf("%w: several people have one login", access.ErrProviderAnswer)
	case err != nil: // a referral is one: it is not followed
		return nil, answer("search", err)
	case len(found.Entries) == 0:
		return nil, access.ErrCredentials
	}
	if found.Entries[0].DN == "" { // to bind as nobody works
		return nil, fmt.Errorf("%w: a person without a name", access.ErrProviderAnswer)
	}
	return found.Entries[0], nil
}

func (d *Directory) identity(c *ldap.Conn, entry *ldap.Entry, login string) (access.Identity, error) {
	id := access.Identity{Issuer: d.issuer, Subject: subject(entry.GetEqualFoldRawAttributeValue(d.config.ID)), Name: entry.GetEqualFoldAttributeValue(d.config.FullName),
		Groups: entry.GetEqualFoldAttributeValues(d.config.MemberOf), Verified: true}
	if id.Subject == "" {
		return id, fmt.Errorf("%w: no %s", access.ErrProviderAnswer, d.config.ID)
	}
	for i, mail := range entry.GetEqualFoldAttributeValues(d.config.Mail) {
		if i == 0 || strings.EqualFold(mail, login) {
			id.Email = mail
		}
	}
	if d.config.GroupBase == "" {
		return id, nil
	}
	found, err := c.Search(ldap.NewSearchRequest(d.config.GroupBase, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, maxFound, int(patience/time.Second), false,
		fill(d.config.GroupFilter, "{dn}", entry.DN), []string{"1.1"}, nil)) // no attributes (RFC 4511, 4.5.1.8)
	if err != nil {
		return id, answer("groups", err)
	}
	for _, group := range found.Entries {
		id.Groups = append(id.Groups, group.DN)
	}
	return id, nil
}

// subject writes what names a person for ever: text as it is, bytes (objectGUID) in hex.
func subject(value []byte) string {
	text := string(value)
	if utf8.Valid(value) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return text
	}
	return hex.EncodeToString(value)
}
