package central_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"consento/broker/internal/access"
	"consento/broker/internal/central"
	"consento/broker/internal/ops/opstest"
	"consento/protocol"
)

const goodPassword = "seven grey herons over Bolzano"

// office is real accounts behind SCIM, and a program with a token.
type officeOf struct {
	*access.Access
	t     *testing.T
	url   string
	token string
	boss  access.Account
}

func newOffice(t *testing.T) *officeOf {
	t.Helper()
	db := opstest.Database(t, t.TempDir()+"/data")
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	o := &officeOf{t: t}
	var err error
	if o.Access, err = access.New(t.Context(), access.Config{DB: db, Log: log, Rounds: 1000, Central: true}); err != nil {
		t.Fatal(err)
	}
	o.boss = o.add(access.Administrator, "boss@esempio.example")
	if err := o.AddTeam(t.Context(), o.boss, access.Team{Name: "Banco", Level: access.L1}); err != nil {
		t.Fatal(err)
	}
	if o.token, err = o.AddToken(t.Context(), o.boss.Email, access.NewToken{Name: "directory", Scopes: []access.TokenScope{access.ScopePeople}}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(central.NewSCIM(o.Access, broker, log))
	t.Cleanup(server.Close)
	o.url = server.URL + "/scim/v2"
	return o
}

func (o *officeOf) add(role access.Role, email string) access.Account {
	o.t.Helper()
	n := access.NewAccount{Email: email, Name: "Carla Neri", Role: role, Password: goodPassword}
	if role == access.Technician {
		n.Team, n.Level, n.Profile = "Banco", access.L1, protocol.ProfileViewOnly
	}
	a, err := o.Add(o.t.Context(), n)
	if err != nil {
		o.t.Fatal(err)
	}
	return a
}

// reply is what came back.
type reply struct {
	status int
	etag   string
	body   map[string]any
}

func (r reply) text(key string) string { s, _ := r.body[key].(string); return s }

func (o *officeOf) do(method, path, body string, header ...string) reply {
	o.t.Helper()
	r, err := http.NewRequestWithContext(o.t.Context(), method, o.url+path, strings.NewReader(body))
	if err != nil {
		o.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+o.token)
	r.Header.Set("Content-Type", "application/scim+json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		o.t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	got := reply{status: response.StatusCode, etag: response.Header.Get("ETag")}
	if len(data) > 0 {
		if response.Header.Get("Content-Type") != "application/scim+json" {
			o.t.Errorf("%s %s: %s", method, path, response.Header.Get("Content-Type"))
		}
		if err := json.Unmarshal(data, &got.body); err != nil {
			o.t.Fatalf("%s %s: %v: %s", method, path, err, data)
		}
	}
	return got
}

// wants sends, and fails unless the status is this one.
func (o *officeOf) wants(status int, method, path, body string, header ...string) reply {
	o.t.Helper()
	got := o.do(method, path, body, header...)
	if got.status != status {
		o.t.Fatalf("%s %s %s: %d %v, not %d", method, path, body, got.status, got.body, status)
	}
	return got
}

func (o *officeOf) rule(by access.Account, group string, role access.Role) {
	o.t.Helper()
	r := access.Rule{Group: group, Role: role}
	if role == access.Technician || role == access.Lead {
		r.Team, r.Level, r.Profile = "Banco", access.L1, protocol.ProfileViewOnly
	}
	if err := o.AddRule(o.t.Context(), by, r); err != nil {
		o.t.Fatal(err)
	}
}

func (o *officeOf) account(email string) access.Account {
	o.t.Helper()
	a, err := o.ByEmail(o.t.Context(), email)
	if err != nil {
		o.t.Fatalf("%s: %v", email, err)
	}
	return a
}

func (o *officeOf) without(email string) {
	o.t.Helper()
	if a, err := o.ByEmail(o.t.Context(), email); !errors.Is(err, access.ErrNotFound) {
		o.t.Errorf("%s has an account: %+v %v", email, a, err)
	}
}

func user(name string) string {
	return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"externalId":"x-%s","name":{"givenName":"Bruno","familyName":"Verdi"},"emails":[{"value":"other@esempio.example"},{"primary":true,"value":%q}],"active":true,"title":"ignored"}`, name, name, name)
}

func patch(operations string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + operations + `]}`
}

// TestSCIM is the life of people and groups as directories write it.
func TestSCIM(t *testing.T) {
	o := newOffice(t)
	auditor := o.add(access.Auditor, "auditor@esempio.example")
	o.rule(o.boss, "Help desk", access.Technician)
	o.rule(o.boss, "Heads", access.Administrator)
	o.rule(auditor, "Auditors", access.Auditor)
	bruno := o.wants(http.StatusCreated, "POST", "/Users", user("bruno@esempio.example"))
	id := bruno.text("id")
	o.without("bruno@esempio.example") // no group, no account
	if got := o.wants(http.StatusConflict, "POST", "/Users", user("BRUNO@esempio.example")); got.text("scimType") != "uniqueness" {
		t.Errorf("%v", got.body)
	}
	group := o.wants(http.StatusCreated, "POST", "/Groups", `{"displayName":"help  desk","members":[{"value":"`+id+`"}]}`)
	a := o.account("bruno@esempio.example")
	if a.Role != access.Technician || a.Team != "Banco" || a.Name != "Bruno Verdi" || !a.Central || a.Disabled {
		t.Errorf("%+v", a)
	}
	// Found by what directories look for, page by page.
	for filter, want := range map[string]int{`userName eq "Bruno@esempio.example"`: 1, `externalId Eq "x-bruno@esempio.example"`: 1, `emails.value eq "bruno@esempio.example" and id eq "` + id + `"`: 1,
		`emails[type eq "work"].value eq "bruno@esempio.example"`: 1, `userName eq "nobody"`: 0, `urn:ietf:params:scim:schemas:core:2.0:User:userName eq "bruno@esempio.example"`: 1, `userName eq "\" or 1=1 --"`: 0} {
		got := o.wants(http.StatusOK, "GET", "/Users?filter="+url.QueryEscape(filter), "")
		if got.body["totalResults"] != float64(want) {
			t.Errorf("%s: %v", filter, got.body)
		}
	}
	for i := range 4 {
		o.wants(http.StatusCreated, "POST", "/Users", user(fmt.Sprintf("more%d@esempio.example", i)))
	}
	seen := map[string]bool{}
	for start := 1; start <= 5; start += 2 {
		got := o.wants(http.StatusOK, "GET", fmt.Sprintf("/Users?startIndex=%d&count=2&attributes=userName", start), "")
		for _, r := range got.body["Resources"].([]any) {
			seen[r.(map[string]any)["userName"].(string)] = true
			if _, there := r.(map[string]any)["emails"]; there {
				t.Error("more than was asked for")
			}
		}
		if got.body["totalResults"] != 5.0 {
			t.Errorf("%v", got.body)
		}
	}
	if len(seen) != 5 {
		t.Errorf("pages show %v", seen)
	}
	if got := o.wants(http.StatusOK, "GET", "/Users?count=0", ""); got.body["totalResults"] != 5.0 || len(got.body["Resources"].([]any)) != 0 {
		t.Errorf("%v", got.body)
	}
	// Versions.
	now := o.wants(http.StatusOK, "GET", "/Users/"+id, "")
	if now.body["groups"].([]any)[0].(map[string]any)["display"] != "help desk" {
		t.Errorf("%v", now.body)
	}
	if got := o.do("GET", "/Users/"+id, "", "If-None-Match", now.etag); got.status != http.StatusNotModified {
		t.Error(got.status)
	}
	o.wants(http.StatusPreconditionFailed, "PATCH", "/Users/"+id, patch(`{"op":"replace","path":"active","value":false}`), "If-Match", `W/"77"`)
	o.wants(http.StatusPreconditionFailed, "DELETE", "/Users/"+id, "", "If-Match", `W/"77"`)
	// Out at once, with tokens, and back; as three directories say it.
	live := o.account("bruno@esempio.example")
	if _, err := o.Recheck(t.Context(), live); err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{`{"op":"replace","path":"active","value":false}`, `{"op":"Replace","value":{"active":"False"}}`, `{"op":"add","path":"urn:ietf:params:scim:schemas:core:2.0:User:active","value":"false"}`} {
		o.wants(http.StatusOK, "PATCH", "/Users/"+id, patch(out))
		if _, err := o.Recheck(t.Context(), live); !errors.Is(err, access.ErrEnded) {
			t.Errorf("%s: live rights stay: %v", out, err)
		}
		if a := o.account("bruno@esempio.example"); !a.Disabled || !a.Suspended {
			t.Errorf("%s: %+v", out, a)
		}
		o.wants(http.StatusOK, "PATCH", "/Users/"+id, patch(`{"op":"replace","path":"active","value":true}`))
		if live = o.account("bruno@esempio.example"); live.Disabled {
			t.Errorf("%s: does not come back", out)
		}
	}
	// Names; an e-mail that changes leaves the account where it is.
	o.wants(http.StatusOK, "PATCH", "/Users/"+id, patch(`{"op":"replace","value":{"displayName":"Bruno V.","name.givenName":"B"}},{"op":"replace","path":"emails[type eq \"work\"].value","value":"new@esempio.example"},{"op":"add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","value":"x"}`))
	if a := o.account("bruno@esempio.example"); a.Name != "Bruno V." {
		t.Errorf("%+v", a)
	}
	o.without("new@esempio.example")
	// Groups give and take.
	gid := group.text("id")
	more := o.wants(http.StatusOK, "GET", "/Users?filter="+url.QueryEscape(`userName eq "more0@esempio.example"`), "").body["Resources"].([]any)[0].(map[string]any)["id"].(string)
	o.wants(http.StatusOK, "PATCH", "/Groups/"+gid, patch(`{"op":"add","path":"members","value":[{"value":"`+more+`"}]}`))
	if a := o.account("more0@esempio.example"); a.Role != access.Technician {
		t.Errorf("%+v", a)
	}
	o.wants(http.StatusOK, "PATCH", "/Groups/"+gid, patch(`{"op":"remove","path":"members[value eq \"`+more+`\"]"}`))
	if a := o.account("more0@esempio.example"); !a.Suspended {
		t.Errorf("%+v", a)
	}
	o.wants(http.StatusBadRequest, "PATCH", "/Groups/"+gid, patch(`{"op":"add","path":"members","value":[{"value":"nobody"}]}`))
	o.wants(http.StatusOK, "PUT", "/Groups/"+gid, `{"displayName":"No rule","members":[{"value":"`+id+`"}]}`)
	if a := o.account("bruno@esempio.example"); !a.Suspended {
		t.Errorf("the group has another name: %+v", a)
	}
	o.rule(o.boss, "No rule", access.Lead)
	if a := o.account("bruno@esempio.example"); a.Suspended || a.Role != access.Lead {
		t.Errorf("a new rule holds at once: %+v", a)
	}
	if got := o.wants(http.StatusOK, "GET", "/Groups/"+gid+"?excludedAttributes=members", ""); got.body["members"] != nil {
		t.Errorf("%v", got.body)
	}
	o.wants(http.StatusNoContent, "DELETE", "/Groups/"+gid, "")
	if a := o.account("bruno@esempio.example"); !a.Suspended {
		t.Errorf("the group is gone: %+v", a)
	}
	o.wants(http.StatusNoContent, "DELETE", "/Users/"+id, "")
	o.wants(http.StatusNotFound, "GET", "/Users/"+id, "")
	// Who was written again has the account of before.
	again := o.wants(http.StatusCreated, "POST", "/Users", user("bruno@esempio.example"))
	o.wants(http.StatusCreated, "POST", "/Groups", `{"displayName":"Help desk","members":[{"value":"`+again.text("id")+`"}]}`)
	if now := o.account("bruno@esempio.example"); now.ID != a.ID || now.Disabled {
		t.Errorf("%+v", now)
	}
	for _, path := range []string{"/ServiceProviderConfig", "/ResourceTypes", "/ResourceTypes/Group", "/Schemas", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User", "/Groups"} {
		o.wants(http.StatusOK, "GET", path, "")
	}
}

// TestSCIMKeepsDutiesApart: a program writes nobody where its owner could put nobody.
func TestSCIMKeepsDutiesApart(t *testing.T) {
	o := newOffice(t)
	auditor := o.add(access.Auditor, "auditor@esempio.example")
	local := o.add(access.Technician, "local@esempio.example")
	o.rule(o.boss, "Help desk", access.Technician)
	o.rule(o.boss, "Heads", access.Administrator)
	o.rule(auditor, "Auditors", access.Auditor)
	in := func(email, group string) string {
		id := o.wants(http.StatusCreated, "POST", "/Users", user(email)).text("id")
		found := o.wants(http.StatusOK, "GET", "/Groups?filter="+url.QueryEscape(`displayName eq "`+group+`"`), "").body["Resources"].([]any)
		if len(found) == 0 {
			o.wants(http.StatusCreated, "POST", "/Groups", `{"displayName":"`+group+`","members":[{"value":"`+id+`"}]}`)
		} else {
			o.wants(http.StatusOK, "PATCH", "/Groups/"+found[0].(map[string]any)["id"].(string), patch(`{"op":"add","value":{"members":[{"value":"`+id+`"}]}}`))
		}
		return id
	}
	in("dino@esempio.example", "Auditors")
	o.without("dino@esempio.example") // not even where a rule says so: the token is an administrator's
	in("auditor@esempio.example", "Help desk")
	if a := o.account("auditor@esempio.example"); a.Role != access.Auditor || a.Central || a.Disabled {
		t.Errorf("an auditor was touched: %+v", a)
	}
	in("local@esempio.example", "Heads")
	if a := o.account("local@esempio.example"); a.Role != access.Technician || a.Central || a.ID != local.ID {
		t.Errorf("an account with a password was taken: %+v", a)
	}
	in("nobody@esempio.example", "Group without a rule")
	o.without("nobody@esempio.example")
	both := in("both@esempio.example", "Help desk")
	if a := o.account("both@esempio.example"); a.Role != access.Technician {
		t.Errorf("%+v", a)
	}
	auditors := o.wants(http.StatusOK, "GET", "/Groups?filter="+url.QueryEscape(`displayName eq "Auditors"`), "").body["Resources"].([]any)[0].(map[string]any)["id"].(string)
	o.wants(http.StatusOK, "PATCH", "/Groups/"+auditors, patch(`{"op":"add","path":"members","value":{"value":"`+both+`"}}`))
	if a := o.account("both@esempio.example"); !a.Suspended {
		t.Errorf("on both sides: %+v", a)
	}
	// The last administrator stays; one with another goes.
	head := in("head@esempio.example", "Heads")
	if a := o.account("head@esempio.example"); a.Role != access.Administrator {
		t.Fatalf("%+v", a)
	}
	o.wants(http.StatusOK, "PATCH", "/Users/"+head, patch(`{"op":"replace","path":"active","value":false}`))
	o.wants(http.StatusOK, "PATCH", "/Users/"+head, patch(`{"op":"replace","path":"active","value":true}`))
	if err := o.Disable(t.Context(), o.boss.ID); err != nil {
		t.Fatal(err)
	}
	if got := o.do("GET", "/Users", ""); got.status != http.StatusUnauthorized {
		t.Errorf("the token outlives its owner: %d", got.status)
	}
	var err error
	if o.token, err = o.AddToken(t.Context(), "head@esempio.example", access.NewToken{Name: "other"}); err != nil {
		t.Fatal(err)
	}
	if got := o.wants(http.StatusConflict, "PATCH", "/Users/"+head, patch(`{"op":"replace","path":"active","value":false}`)); got.text("scimType") != "mutability" {
		t.Errorf("%v", got.body)
	}
	// Who may do this: a token of an administrator that is for people.
	for name, token := range map[string]string{
		"none": "", "nonsense": "consento_x",
		"for other things": o.made("head@esempio.example", access.ScopeMetrics),
		"a technician's":   o.made("local@esempio.example", access.ScopePeople),
		"an auditor's":     o.made("auditor@esempio.example", access.ScopePeople),
	} {
		o.token = token
		if got := o.do("GET", "/Users", ""); got.status != http.StatusUnauthorized && got.status != http.StatusForbidden {
			t.Errorf("%s: %d", name, got.status)
		}
	}
}

func (o *officeOf) made(email string, scope access.TokenScope) string {
	o.t.Helper()
	token, err := o.AddToken(o.t.Context(), email, access.NewToken{Name: string(scope), Scopes: []access.TokenScope{scope}})
	if err != nil {
		o.t.Fatal(err)
	}
	return token
}

// TestSCIMRefuses what is too much, or makes no sense, with what the RFC says.
func TestSCIMRefuses(t *testing.T) {
	o := newOffice(t)
	id := o.wants(http.StatusCreated, "POST", "/Users", user("bruno@esempio.example")).text("id")
	for _, c := range []struct {
		method, path, body string
		status             int
		kind               string
	}{
		{"POST", "/Users", `{`, 400, "invalidSyntax"},
		{"POST", "/Users", `null`, 400, "invalidSyntax"},
		{"POST", "/Users", `[]`, 400, "invalidSyntax"},
		{"POST", "/Users", strings.Repeat(" ", 2<<20) + `{}`, 400, "invalidSyntax"},
		{"POST", "/Users", `{}`, 400, "invalidValue"},
		{"POST", "/Users", `{"userName":7}`, 400, "invalidValue"},
		{"POST", "/Users", `{"userName":"a\u0000b"}`, 400, "invalidValue"},
		{"POST", "/Users", `{"userName":"` + strings.Repeat("x", 256) + `"}`, 400, "invalidValue"},
		{"POST", "/Users", `{"userName":"x","emails":[{"value":"no address"}]}`, 400, "invalidValue"},
		{"POST", "/Users", `{"userName":"x","active":"perhaps"}`, 400, "invalidValue"},
		{"POST", "/Groups", `{"displayName":"g","members":[{"value":7}]}`, 400, "invalidValue"},
		{"GET", "/Users?filter=" + url.QueryEscape(`userName sw "b"`), "", 400, "invalidFilter"},
		{"GET", "/Users?filter=" + url.QueryEscape(`password eq "b"`), "", 400, "invalidFilter"},
		{"GET", "/Users?filter=" + url.QueryEscape(`userName eq "a" or id eq "b"`), "", 400, "invalidFilter"},
		{"GET", "/Users?filter=" + url.QueryEscape(strings.Repeat("(", 5000)), "", 400, "invalidFilter"},
		{"GET", "/Users?startIndex=x", "", 400, "invalidValue"},
		{"PATCH", "/Users/" + id, `{"Operations":[]}`, 400, "invalidSyntax"},
		{"PATCH", "/Users/" + id, patch(`{"op":"copy","path":"active","value":true}`), 400, "invalidSyntax"},
		{"PATCH", "/Users/" + id, patch(`{"op":"replace","path":"active"}`), 400, "invalidSyntax"},
		{"PATCH", "/Users/" + id, patch(`{"op":"replace","path":"emails[","value":"x"}`), 400, "invalidPath"},
		{"PATCH", "/Users/" + id, patch(`{"op":"remove"}`), 400, "noTarget"},
		{"PATCH", "/Users/" + id, patch(`{"op":"remove","path":"userName"}`), 400, "invalidValue"},
		{"PATCH", "/Users/" + id, patch(`{"op":"add","value":"x"}`), 400, "invalidValue"},
		{"PATCH", "/Users/nobody", patch(`{"op":"replace","path":"active","value":true}`), 404, ""},
		{"DELETE", "/Users/nobody", "", 404, ""},
		{"GET", "/Bulk", "", 404, ""},
		{"GET", "/Schemas/x", "", 404, ""},
	} {
		got := o.do(c.method, c.path, c.body)
		if got.status != c.status || got.text("scimType") != c.kind || got.text("status") != fmt.Sprint(c.status) {
			t.Errorf("%s %.80s %.80s: %d %v", c.method, c.path, c.body, got.status, got.body)
		}
	}
}
