package central

import (
	"net/http"

	"consento/broker/internal/access"
)

func (s *SCIM) listPeople(c *call) error {
	q, err := c.query(map[string]string{"id": "id", "username": "userName", "externalid": "externalId", "displayname": "displayName", "emails": "emails", "emails.value": "emails"})
	if err != nil {
		return err
	}
	people, total, err := s.people.People(c.Context(), c.by, q)
	if err != nil {
		return err
	}
	all := make([]map[string]any, len(people))
	for i, p := range people {
		all[i] = s.person(p)
	}
	return s.page(c, q, total, all)
}

func (s *SCIM) getPerson(c *call) error {
	p, err := s.people.Person(c.Context(), c.by, c.PathValue("id"))
	if err != nil {
		return err
	}
	return s.one(c, http.StatusOK, p.Version, s.person(p))
}

func (s *SCIM) addPerson(c *call) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	p, err := readPerson(body)
	if err != nil {
		return err
	}
	return s.savePerson(c, http.StatusCreated, p)
}

func (s *SCIM) putPerson(c *call) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	p, err := readPerson(body)
	if err != nil {
		return err
	}
	p.ID = c.PathValue("id")
	return s.savePerson(c, http.StatusOK, p)
}

func (s *SCIM) savePerson(c *call, status int, p access.Person) error {
	version, err := c.seen()
	if err != nil {
		return err
	}
	if p, err = s.people.SavePerson(c.Context(), c.by, p, version); err != nil {
		return err
	}
	return s.one(c, status, p.Version, s.person(p))
}

// patchPerson changes what is there. Who changes it meanwhile makes it start again.
func (s *SCIM) patchPerson(c *call) error {
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
	p, err := s.people.Person(c.Context(), c.by, c.PathValue("id"))
	if err != nil {
		return err
	}
	if version != 0 && version != p.Version {
		return errMatch
	}
	for _, change := range changes {
		if err := patchPerson(&p, change); err != nil {
			return err
		}
	}
	if p, err = s.people.SavePerson(c.Context(), c.by, p, p.Version); err != nil {
		return err
	}
	return s.one(c, http.StatusOK, p.Version, s.person(p))
}

func (s *SCIM) deletePerson(c *call) error {
	version, err := c.seen()
	if err != nil {
		return err
	}
	if err := s.people.DeletePerson(c.Context(), c.by, c.PathValue("id"), version); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *SCIM) listGroups(c *call) error {
	q, err := c.query(map[string]string{"id": "id", "externalid": "externalId", "displayname": "displayName"})
	if err != nil {
		return err
	}
	groups, total, err := s.people.Groups(c.Context(), c.by, q)
	if err != nil {
		return err
	}
	all := make([]map[string]any, len(groups))
	for i, g := range groups {
		all[i] = s.group(g)
	}
	return s.page(c, q, total, all)
}

func (s *SCIM) getGroup(c *call) error {
	g, err := s.people.Group(c.Context(), c.by, c.PathValue("id"))
	if err != nil {
		return err
	}
	return s.one(c, http.StatusOK, g.Version, s.group(g))
}

func (s *SCIM) addGroup(c *call) error { return s.writeGroup(c, http.StatusCreated, "") }

func (s *SCIM) putGroup(c *call) error { return s.writeGroup(c, http.StatusOK, c.PathValue("id")) }

func (s *SCIM) writeGroup(c *call, status int, id string) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	g, err := readGroup(body)
	if err != nil {
		return err
	}
	version, err := c.seen()
	if err != nil {
		return err
	}
	g.ID = id
	if g, err = s.people.SaveGroup(c.Context(), c.by, g, version); err != nil {
		return err
	}
	return s.one(c, status, g.Version, s.group(g))
}

// patchGroup is as patchPerson.
func (s *SCIM) patchGroup(c *call) error {
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
	g, err := s.people.Group(c.Context(), c.by, c.PathValue("id"))
	if err != nil {
		return err
	}
	if version != 0 && version != g.Version {
		return errMatch
	}
	for _, change := range changes {
		if err := patchGroup(&g, change); err != nil {
			return err
		}
	}
	if g, err = s.people.SaveGroup(c.Context(), c.by, g, g.Version); err != nil {
		return err
	}
	return s.one(c, http.StatusOK, g.Version, s.group(g))
}

func (s *SCIM) deleteGroup(c *call) error {
	version, err := c.seen()
	if err != nil {
		return err
	}
	if err := s.people.DeleteGroup(c.Context(), c.by, c.PathValue("id"), version); err != nil {
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
