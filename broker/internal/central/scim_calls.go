package central

import (
	"context"
	"net/http"

	"consento/broker/internal/access"
)

// kind is what is done with one kind of resource, people or groups, by the calls that RFC 7644
// has for both alike.
type kind[T any] struct {
	scim    *SCIM
	filters map[string]string // attributes that may be asked for, by their names in small letters
	list    func(ctx context.Context, by access.Account, q access.Query) ([]T, int, error)
	get     func(ctx context.Context, by access.Account, id string) (T, error)
	save    func(ctx context.Context, by access.Account, t T, version int64) (T, error)
	remove  func(ctx context.Context, by access.Account, id string, version int64) error
	read    func(object) (T, error)
	patch   func(*T, change) error
	show    func(T) map[string]any
	id      func(*T) *string
	version func(T) int64
}

func (s *SCIM) peopleKind() kind[access.Person] {
	return kind[access.Person]{scim: s,
		filters: map[string]string{"id": "id", "username": "userName", "externalid": "externalId", "displayname": "displayName", "emails": "emails", "emails.value": "emails"},
		list:    s.people.People, get: s.people.Person, save: s.people.SavePerson, remove: s.people.DeletePerson, read: readPerson, patch: patchPerson, show: s.person,
		id: func(p *access.Person) *string { return &p.ID }, version: func(p access.Person) int64 { return p.Version }}
}

func (s *SCIM) groupKind() kind[access.Group] {
	return kind[access.Group]{scim: s, filters: map[string]string{"id": "id", "externalid": "externalId", "displayname": "displayName"},
		list: s.people.Groups, get: s.people.Group, save: s.people.SaveGroup, remove: s.people.DeleteGroup, read: readGroup, patch: patchGroup, show: s.group,
		id: func(g *access.Group) *string { return &g.ID }, version: func(g access.Group) int64 { return g.Version }}
}

// calls are the calls of one kind, at path.
func (k kind[T]) calls(path string) map[string]func(*call) error {
	return map[string]func(*call) error{
		"GET " + path: k.query, "POST " + path: k.create, "GET " + path + "/{id}": k.one, "PUT " + path + "/{id}": k.replace,
		"PATCH " + path + "/{id}": k.change, "DELETE " + path + "/{id}": k.delete,
	}
}

func (k kind[T]) query(c *call) error {
	q, err := c.query(k.filters)
	if err != nil {
		return err
	}
	found, total, err := k.list(c.Context(), c.by, q)
	if err != nil {
		return err
	}
	all := make([]map[string]any, len(found))
	for i, t := range found {
		all[i] = k.show(t)
	}
	return k.scim.page(c, q, total, all)
}

func (k kind[T]) one(c *call) error {
	t, err := k.get(c.Context(), c.by, c.PathValue("id"))
	if err != nil {
		return err
	}
	return k.scim.one(c, http.StatusOK, k.version(t), k.show(t))
}

func (k kind[T]) create(c *call) error  { return k.write(c, http.StatusCreated, "") }
func (k kind[T]) replace(c *call) error { return k.write(c, http.StatusOK, c.PathValue("id")) }

func (k kind[T]) write(c *call, status int, id string) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	t, err := k.read(body)
	if err != nil {
		return err
	}
	version, err := c.seen()
	if err != nil {
		return err
	}
	*k.id(&t) = id
	if t, err = k.save(c.Context(), c.by, t, version); err != nil {
		return err
	}
	return k.scim.one(c, status, k.version(t), k.show(t))
}

// change changes what is there. Who changes it meanwhile makes it start again.
func (k kind[T]) change(c *call) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	changes, err := parsePatch(body)
	if err != nil {
		return err
	}
	version, err := c.seen()
	if err != nil {
		return err
	}
	t, err := k.get(c.Context(), c.by, c.PathValue("id"))
	if err != nil {
		return err
	}
	if version != 0 && version != k.version(t) {
		return errMatch
	}
	for _, change := range changes {
		if err := k.patch(&t, change); err != nil {
			return err
		}
	}
	if t, err = k.save(c.Context(), c.by, t, k.version(t)); err != nil {
		return err
	}
	return k.scim.one(c, http.StatusOK, k.version(t), k.show(t))
}

func (k kind[T]) delete(c *call) error {
	version, err := c.seen()
	if err != nil {
		return err
	}
	if err := k.remove(c.Context(), c.by, c.PathValue("id"), version); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *SCIM) config(c *call) error {
	no := map[string]any{"supported": false}
	s.write(c.w, http.StatusOK, map[string]any{"schemas": []string{schemaConfig}, "patch": map[string]any{"supported": true}, "bulk": map[string]any{"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
		"filter": map[string]any{"supported": true, "maxResults": access.MaxPage}, "changePassword": no, "sort": no, "etag": map[string]any{"supported": true},
		"authenticationSchemes": []map[string]any{{"type": "oauthbearertoken", "name": "API token", "description": "A token of an administrator that is for people (RFC 6750)", "primary": true}},
		"meta":                  map[string]any{"resourceType": "ServiceProviderConfig", "location": s.base + "/ServiceProviderConfig"}})
	return nil
}

func (s *SCIM) types(c *call) error {
	var all []map[string]any
	for _, t := range []struct{ name, place, schema string }{{"User", "Users", schemaUser}, {"Group", "Groups", schemaGroup}} {
		all = append(all, map[string]any{"schemas": []string{schemaType}, "id": t.name, "name": t.name, "endpoint": "/" + t.place, "schema": t.schema,
			"meta": map[string]any{"resourceType": "ResourceType", "location": s.base + "/ResourceTypes/" + t.name}})
	}
	return s.listed(c, all)
}

// listed answers with one of a few, or all of them.
func (s *SCIM) listed(c *call, all []map[string]any) error {
	id := c.PathValue("id")
	for _, r := range all {
		if r["id"] == id {
			s.write(c.w, http.StatusOK, r)
			return nil
		}
	}
	if id != "" {
		return access.ErrNotFound
	}
	return s.page(c, access.Query{Start: 1, Count: len(all)}, len(all), all)
}

func (s *SCIM) schemas(c *call) error {
	attribute := func(name, kind string, more ...map[string]any) map[string]any {
		a := map[string]any{"name": name, "type": kind, "multiValued": false, "required": false, "caseExact": false, "mutability": "readWrite", "returned": "default", "uniqueness": "none"}
		for _, m := range more {
			for k, v := range m {
				a[k] = v
			}
		}
		return a
	}
	with := func(key string, value any) map[string]any { return map[string]any{key: value} }
	reference := []map[string]any{attribute("value", "string"), attribute("display", "string"), attribute("$ref", "reference")}
	unique := map[string]any{"required": true, "uniqueness": "server"}
	schema := func(id, name string, attributes ...map[string]any) map[string]any {
		return map[string]any{"schemas": []string{schemaSchema}, "id": id, "name": name, "attributes": attributes, "meta": map[string]any{"resourceType": "Schema", "location": s.base + "/Schemas/" + id}}
	}
	return s.listed(c, []map[string]any{
		schema(schemaUser, "User", attribute("userName", "string", unique), attribute("externalId", "string", with("caseExact", true)), attribute("displayName", "string"), attribute("active", "boolean"),
			attribute("name", "complex", with("subAttributes", []map[string]any{attribute("formatted", "string"), attribute("givenName", "string"), attribute("familyName", "string")})),
			attribute("emails", "complex", with("multiValued", true), with("subAttributes", []map[string]any{attribute("value", "string"), attribute("type", "string"), attribute("primary", "boolean")})),
			attribute("groups", "complex", with("multiValued", true), with("mutability", "readOnly"), with("subAttributes", reference))),
		schema(schemaGroup, "Group", attribute("displayName", "string", unique), attribute("externalId", "string", with("caseExact", true)),
			attribute("members", "complex", with("multiValued", true), with("subAttributes", reference))),
	})
}
