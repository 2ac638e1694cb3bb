package central_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"

	"consento/broker/internal/access"
	"consento/broker/internal/central"
	"consento/broker/internal/ops"
	"consento/build/slapd"
)

const people = `dn: dc=esempio,dc=example
objectClass: dcObject
objectClass: organization
o: Esempio
dc: esempio

dn: ou=people,dc=esempio,dc=example
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=esempio,dc=example
objectClass: organizationalUnit
ou: groups

dn: cn=search,dc=esempio,dc=example
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: search
userPassword: who searches

dn: uid=anna,ou=people,dc=esempio,dc=example
objectClass: inetOrgPerson
uid: anna
cn: Anna Bianchi
sn: Bianchi
mail: a.bianchi@esempio.example
mail: anna@esempio.example
userPassword: seven herons

dn: cn=Odd\2C (name)*,ou=people,dc=esempio,dc=example
objectClass: inetOrgPerson
cn: Odd, (name)*
sn: Odd
mail: odd@esempio.example
userPassword: eight herons

dn: uid=twin1,ou=people,dc=esempio,dc=example
objectClass: inetOrgPerson
uid: twin1
cn: Twin
sn: Twin
mail: twin@esempio.example
userPassword: nine herons

dn: uid=twin2,ou=people,dc=esempio,dc=example
objectClass: inetOrgPerson
uid: twin2
cn: Twin
sn: Twin
mail: twin@esempio.example
userPassword: nine herons

dn: cn=Help Desk,ou=groups,dc=esempio,dc=example
objectClass: groupOfNames
cn: Help Desk
member: uid=anna,ou=people,dc=esempio,dc=example
member: cn=Odd\2C (name)*,ou=people,dc=esempio,dc=example

dn: cn=Others,ou=groups,dc=esempio,dc=example
objectClass: groupOfNames
cn: Others
member: uid=twin1,ou=people,dc=esempio,dc=example
`

// directory runs a real one.
func directory(t *testing.T, more string) (*slapd.Server, ops.LDAPConfig) {
	t.Helper()
	dir := t.TempDir()
	s, err := slapd.Serve(t.Context(), dir, people, more)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("who searches\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return s, ops.LDAPConfig{URL: s.LDAPS, Name: "Office network", CAFile: s.CA, BindDN: "cn=search,dc=esempio,dc=example", PasswordFile: secret,
		Base: "ou=people,dc=esempio,dc=example", GroupBase: "ou=groups,dc=esempio,dc=example"}
}

func open(t *testing.T, c ops.LDAPConfig) *central.Directory {
	t.Helper()
	d, err := central.NewDirectory(c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestRealDirectory asks OpenLDAP.
func TestRealDirectory(t *testing.T) {
	s, config := directory(t, "")
	d := open(t, config)
	got, err := d.Authenticate(t.Context(), "anna@esempio.example", "seven herons")
	if err != nil {
		t.Fatal(err)
	}
	if got.Issuer != "ldap:ou=people,dc=esempio,dc=example" || len(got.Subject) != 36 || got.Email != "anna@esempio.example" || got.Name != "Anna Bianchi" || !got.Verified ||
		!slices.Equal(got.Groups, []string{"cn=Help Desk,ou=groups,dc=esempio,dc=example"}) {
		t.Errorf("%+v", got)
	}
	if odd, err := d.Authenticate(t.Context(), "odd@esempio.example", "eight herons"); err != nil || len(odd.Groups) != 1 || odd.Name != "Odd, (name)*" {
		t.Errorf("a name with every special character: %+v %v", odd, err)
	}
	for _, try := range [][2]string{{"anna@esempio.example", "wrong"}, {"anna@esempio.example", ""}, {"nobody@esempio.example", "seven herons"}, {"*", "seven herons"}, {"anna*", "seven herons"},
		{"anna@esempio.example)(uid=*", "seven herons"}, {"x)(|(mail=*", "seven herons"}, {"", "seven herons"}, {"\x00", "seven herons"}, {"\xff", "seven herons"},
		{"anna@esempio.example", strings.Repeat("x", 5000)}, {strings.Repeat("x", 5000), "x"}} {
		if got, err := d.Authenticate(t.Context(), try[0], try[1]); !errors.Is(err, access.ErrCredentials) {
			t.Errorf("%.40q with %.20q: %+v %v", try[0], try[1], got, err)
		}
	}
	if _, err := d.Authenticate(t.Context(), "twin@esempio.example", "nine herons"); !errors.Is(err, access.ErrProviderAnswer) {
		t.Errorf("two people, one login: %v", err)
	}
	for name, change := range map[string]func(*ops.LDAPConfig){
		"StartTLS":               func(c *ops.LDAPConfig) { c.URL = s.LDAP },
		"memberOf":               func(c *ops.LDAPConfig) { c.URL, c.GroupBase = s.LDAPS, "" },
		"another filter":         func(c *ops.LDAPConfig) { c.Filter = "(&(objectClass=inetOrgPerson)(|(mail={login})(uid={login})))" },
		"as who may do anything": func(c *ops.LDAPConfig) { c.BindDN, c.PasswordFile = slapd.Root, secretFile(t, slapd.Password) },
	} {
		changed := config
		change(&changed)
		if got, err := open(t, changed).Authenticate(t.Context(), "anna@esempio.example", "seven herons"); err != nil && name != "memberOf" {
			t.Errorf("%s: %v", name, err)
		} else if name != "memberOf" && len(got.Groups) == 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for name, change := range map[string]func(*ops.LDAPConfig){
		"without its authority": func(c *ops.LDAPConfig) { c.CAFile = "" },
		"under another name":    func(c *ops.LDAPConfig) { c.URL = strings.Replace(c.URL, "127.0.0.1", "localhost", 1) },
		"the wrong secret":      func(c *ops.LDAPConfig) { c.PasswordFile = secretFile(t, "wrong") },
		"the wrong port":        func(c *ops.LDAPConfig) { c.URL = strings.Replace(s.LDAP, "ldap:", "ldaps:", 1) },
	} {
		changed := config
		change(&changed)
		if _, err := open(t, changed).Authenticate(t.Context(), "anna@esempio.example", "seven herons"); !errors.Is(err, access.ErrProviderAway) {
			t.Errorf("%s: %v", name, err)
		}
	}
	changed := config
	changed.ID = "employeeNumber"
	if _, err := open(t, changed).Authenticate(t.Context(), "anna@esempio.example", "seven herons"); !errors.Is(err, access.ErrProviderAnswer) {
		t.Errorf("nothing names a person for ever: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Authenticate(t.Context(), "anna@esempio.example", "seven herons"); !errors.Is(err, access.ErrProviderAway) {
		t.Errorf("away: %v", err)
	}
}

func secretFile(t *testing.T, secret string) string {
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestReferral: a directory that sends elsewhere is not followed.
func TestReferral(t *testing.T) {
	away, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer away.Close()
	followed := make(chan struct{}, 1)
	go func() {
		if conn, err := away.Accept(); err == nil {
			conn.Close()
			followed <- struct{}{}
		}
	}()
	_, config := directory(t, "referral ldap://"+away.Addr().String())
	config.Base, config.GroupBase = "dc=elsewhere,dc=example", ""
	if got, err := open(t, config).Authenticate(t.Context(), "anna@esempio.example", "seven herons"); err == nil || errors.Is(err, access.ErrProviderAway) {
		t.Errorf("%+v %v", got, err)
	}
	select {
	case <-followed:
		t.Error("the referral was followed")
	default:
	}
}

// TestNothingIsSaidInClear: a server that has no TLS hears no password, nor who searches.
func TestNothingIsSaidInClear(t *testing.T) {
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listen.Close()
	heard := make(chan string, 1)
	go func() {
		conn, err := listen.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		packet, err := ber.ReadPacket(conn)
		if err != nil {
			heard <- err.Error()
			return
		}
		// Success, and then no handshake: a stripped StartTLS.
		ok := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
		ok.AppendChild(packet.Children[0])
		result := ber.Encode(ber.ClassApplication, ber.TypeConstructed, 24, nil, "")
		result.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, 0, ""))
		result.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "", ""))
		result.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "", ""))
		ok.AppendChild(result)
		if _, err := conn.Write(ok.Bytes()); err != nil {
			heard <- err.Error()
			return
		}
		first := make([]byte, 4096)
		n, _ := conn.Read(first)
		heard <- string(packet.Bytes()) + string(first[:n])
	}()
	config := ops.LDAPConfig{URL: "ldap://" + listen.Addr().String(), Name: "x", Base: "dc=x", BindDN: "cn=search", PasswordFile: secretFile(t, "who searches")}
	if _, err := open(t, config).Authenticate(t.Context(), "anna@esempio.example", "seven herons"); !errors.Is(err, access.ErrProviderAway) {
		t.Error(err)
	}
	if said := <-heard; strings.Contains(said, "herons") || strings.Contains(said, "searches") || strings.Contains(said, "anna") {
		t.Errorf("said in clear: %q", said)
	}
}

// TestHostileDirectory: what lies over TLS ends with an error, in time.
func TestHostileDirectory(t *testing.T) {
	p := newHostile(t) // for its certificate
	certificate := p.TLS.Certificates[0]
	for name, say := range map[string]func(io.Writer){
		"nothing":     func(io.Writer) {},
		"noise":       func(w io.Writer) { _, _ = w.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) },
		"huge length": func(w io.Writer) { _, _ = w.Write([]byte{0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 0x02, 0x01, 0x01}) },
		"endless": func(w io.Writer) {
			_, _ = w.Write([]byte{0x30, 0x80})
			for range 200 {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		},
		"half a reply": func(w io.Writer) { _, _ = w.Write([]byte{0x30, 0x0c, 0x02, 0x01, 0x01, 0x61}) },
		"wrong type":   func(w io.Writer) { _, _ = w.Write([]byte{0x30, 0x05, 0x02, 0x01, 0x01, 0x61, 0x00}) },
	} {
		t.Run(name, func(t *testing.T) {
			listen, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
			if err != nil {
				t.Fatal(err)
			}
			defer listen.Close()
			go func() {
				conn, err := listen.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
				first := make([]byte, 1024)
				if _, err := conn.Read(first); err == nil {
					say(conn)
				}
			}()
			config := ops.LDAPConfig{URL: "ldaps://" + listen.Addr().String(), Name: "x", Base: "dc=x", CAFile: p.config.CAFile, BindDN: "cn=search", PasswordFile: secretFile(t, "s")}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if got, err := open(t, config).Authenticate(ctx, "anna@esempio.example", "seven herons"); !errors.Is(err, access.ErrProviderAway) && !errors.Is(err, access.ErrProviderAnswer) {
				t.Errorf("%+v %v", got, err)
			}
			if ctx.Err() != nil {
				t.Error("it takes for ever")
			}
		})
	}
}
