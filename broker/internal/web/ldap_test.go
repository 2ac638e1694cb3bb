package web_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"consento/broker/internal/access"
	"consento/broker/internal/central"
	"consento/broker/internal/ops"
	"consento/broker/internal/web"
	"consento/build/slapd"
	"consento/protocol"
)

const office389 = `dn: dc=esempio,dc=example
objectClass: dcObject
objectClass: organization
o: Esempio
dc: esempio

dn: uid=bruno,dc=esempio,dc=example
objectClass: inetOrgPerson
uid: bruno
cn: Bruno Verdi
sn: Verdi
mail: bruno@esempio.example
userPassword: known by the directory

dn: uid=gino,dc=esempio,dc=example
objectClass: inetOrgPerson
uid: gino
cn: Gino Neri
sn: Neri
mail: gino@esempio.example
userPassword: known by the directory

dn: uid=carla,dc=esempio,dc=example
objectClass: inetOrgPerson
uid: carla
cn: Another Carla
sn: Neri
mail: carla@esempio.example
userPassword: known by the directory

dn: cn=Help desk,dc=esempio,dc=example
objectClass: groupOfNames
cn: Help desk
member: uid=bruno,dc=esempio,dc=example
`

// TestSignInByDirectory signs in with passwords that a real directory knows.
func TestSignInByDirectory(t *testing.T) {
	dir := t.TempDir()
	server, err := slapd.Serve(t.Context(), dir, office389, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte(slapd.Password), 0o600); err != nil {
		t.Fatal(err)
	}
	people, err := central.NewDirectory(ops.LDAPConfig{URL: server.LDAPS, Name: "Office network", CAFile: server.CA, BindDN: slapd.Root, PasswordFile: secret, Base: slapd.Base, GroupBase: slapd.Base})
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, func(c *web.Config, h *house) { c.Directory, h.people = people.Name(), people })
	boss := signedIn(t, h, access.Administrator, "Carla Neri", "carla@esempio.example")
	boss.post("/admin/teams", "step", "add", "name", "Banco", "level", "L1")
	boss.get("/signin").hides(t, "/signin/sso")
	boss.get("/admin/central").shows(t, "Office network", "its e-mails and passwords are good")
	const theirs = "known by the directory"
	signIn := func(email, password string) seen {
		return h.visitor(t).post("/signin", "email", email, "password", password, "next", "/desk/")
	}
	signIn("bruno@esempio.example", theirs).shows(t, "you have no access here")
	boss.post("/admin/central", "step", "add", "group", "CN=Help desk, DC=esempio, DC=example", "role", "technician", "team", "Banco", "level", "L1", "profile", protocol.ProfileViewOnly).shows(t, "hold now")
	if got := signIn("Bruno@Esempio.example", theirs); got.Request.URL.Path != "/desk/" {
		t.Fatalf("%d: %s", got.StatusCode, got.text)
	}
	if a, err := h.access.ByEmail(t.Context(), "bruno@esempio.example"); err != nil || !a.Central || a.Name != "Bruno Verdi" || a.Team != "Banco" {
		t.Errorf("%+v %v", a, err)
	}
	for _, try := range [][2]string{{"bruno@esempio.example", "wrong"}, {"bruno@esempio.example", ""}, {"*", theirs}, {"nobody@esempio.example", theirs}} {
		if got := signIn(try[0], try[1]); got.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s with %q: %d", try[0], try[1], got.StatusCode)
		}
	}
	signIn("gino@esempio.example", theirs).shows(t, "you have no access here")
	// Who has a password here is not looked for there.
	signIn("carla@esempio.example", theirs).shows(t, "is wrong")
	// A central account has no password here to be changed.
	bruno := h.visitor(t)
	bruno.post("/signin", "email", "bruno@esempio.example", "password", theirs)
	bruno.get("/account").shows(t, "kept with your central account")
	if got := bruno.post("/account/password", "before", theirs, "password", goodPassword); got.StatusCode != http.StatusNotFound {
		t.Errorf("a page to change it: %d", got.StatusCode)
	}
	signIn("bruno@esempio.example", goodPassword).shows(t, "is wrong")
	// Guessing is slowed down before the directory is asked.
	for range 8 {
		signIn("gino@esempio.example", "wrong")
	}
	if got := signIn("gino@esempio.example", theirs); got.StatusCode != http.StatusTooManyRequests {
		t.Errorf("guesses go on: %d", got.StatusCode)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	signIn("bruno@esempio.example", theirs).shows(t, "does not answer right now")
	if got := signIn("carla@esempio.example", goodPassword); !strings.HasPrefix(got.Request.URL.Path, "/desk/") {
		t.Errorf("by password: %d at %s", got.StatusCode, got.Request.URL)
	}
}
