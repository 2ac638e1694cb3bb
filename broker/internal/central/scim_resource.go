package central

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"consento/broker/internal/access"
)

// Schemas and messages (RFC 7643, 7644).
const (
	schemaUser   = "urn:ietf:params:scim:schemas:core:2.0:User"
	schemaGroup  = "urn:ietf:params:scim:schemas:core:2.0:Group"
	schemaConfig = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
	schemaType   = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
	schemaSchema = "urn:ietf:params:scim:schemas:core:2.0:Schema"
	messageList  = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	messageError = "urn:ietf:params:scim:api:messages:2.0:Error"
	messagePatch = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
)

// errValue says that a value is not of its attribute's type.
var errValue = errors.New("the value is not of the type that the attribute has")

// object is a JSON object; names of attributes are compared without case (RFC 7643, 2.1).
type object map[string]json.RawMessage

func (o object) get(name string) (json.RawMessage, bool) {
	for key, value := range o {
		if strings.EqualFold(key, name) || strings.EqualFold(key, schemaUser+":"+name) {
			return value, true
		}
	}
	return nil, false
}

// text reads a string; null is "".
func text(value json.RawMessage) (string, error) {
	if string(value) == "null" {
		return "", nil
	}
	var s string
	if json.Unmarshal(value, &s) != nil {
		return "", errValue
	}
	return s, nil
}

// boolean reads one, as a string too: some directories send "False".
func boolean(value json.RawMessage) (bool, error) {
	var b bool
	if json.Unmarshal(value, &b) == nil && string(value) != "null" {
		return b, nil
	}
	var s string
	if json.Unmarshal(value, &s) == nil {
		if b, err := strconv.ParseBool(strings.ToLower(s)); err == nil {
			return b, nil
		}
	}
	return false, errValue
}

// list reads an array, or one value for it.
func list(value json.RawMessage) ([]json.RawMessage, error) {
	var values []json.RawMessage
	if string(value) == "null" {
		return nil, nil
	}
	if json.Unmarshal(value, &values) == nil {
		return values, nil
	}
	return []json.RawMessage{value}, nil
}

// setPerson sets one attribute; what is not kept here is passed over.
func setPerson(p *access.Person, attribute string, value json.RawMessage) (err error) {
	switch attribute {
	case "username":
		p.UserName, err = text(value)
	case "externalid":
		p.External, err = text(value)
	case "displayname", "name.formatted":
		p.Name, err = text(value)
	case "name.givenname":
		p.Given, err = text(value)
	case "name.familyname":
		p.Family, err = text(value)
	case "active":
		p.Active, err = boolean(value)
	case "emails.value":
		p.Email, err = text(value)
	case "emails":
		p.Email, err = email(value)
	case "name":
		var name object
		if string(value) != "null" && json.Unmarshal(value, &name) != nil {
			return errValue
		}
		shown := p.Name
		for _, sub := range []string{"formatted", "givenName", "familyName"} {
			if v, there := name.get(sub); there && err == nil {
				err = setPerson(p, "name."+strings.ToLower(sub), v)
			}
		}
		if shown != "" {
			p.Name = shown // displayName goes first
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", attribute, err)
	}
	return nil
}

// email is the primary one of several, or the first.
func email(value json.RawMessage) (string, error) {
	values, err := list(value)
	if err != nil {
		return "", err
	}
	found := ""
	for i, v := range values {
		var e object
		if json.Unmarshal(v, &e) != nil {
			return "", errValue
		}
		address, _ := e.get("value")
		s, err := text(orNull(address))
		if err != nil {
			return "", err
		}
		primary, there := e.get("primary")
		if first, err := boolean(primary); i == 0 || there && err == nil && first {
			found = s
		}
	}
	return found, nil
}

func orNull(value json.RawMessage) json.RawMessage {
	if value == nil {
		return json.RawMessage("null")
	}
	return value
}

// readPerson reads a whole resource; what does not stand in it is empty, and who is not
// said to be inactive is active.
func readPerson(o object) (access.Person, error) {
	p := access.Person{Active: true}
	for _, attribute := range []string{"userName", "externalId", "displayName", "name", "emails", "active"} {
		if value, there := o.get(attribute); there {
			if err := setPerson(&p, strings.ToLower(attribute), value); err != nil {
				return p, err
			}
		}
	}
	return p, nil
}

func readGroup(o object) (access.Group, error) {
	var g access.Group
	for _, attribute := range []string{"displayName", "externalId", "members"} {
		if value, there := o.get(attribute); there {
			if err := setGroup(&g, strings.ToLower(attribute), value); err != nil {
				return g, err
			}
		}
	}
	return g, nil
}

func setGroup(g *access.Group, attribute string, value json.RawMessage) (err error) {
	switch attribute {
	case "displayname":
		g.Name, err = text(value)
	case "externalid":
		g.External, err = text(value)
	case "members":
		g.Members, err = refs(value)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", attribute, err)
	}
	return nil
}

// refs reads [{"value": id}].
func refs(value json.RawMessage) ([]access.Ref, error) {
	values, err := list(value)
	if err != nil || len(values) > access.MaxWritten {
		return nil, errValue
	}
	found := make([]access.Ref, 0, len(values))
	for _, v := range values {
		var m object
		if json.Unmarshal(v, &m) != nil {
			return nil, errValue
		}
		id, there := m.get("value")
		s, err := text(orNull(id))
		if err != nil || !there || s == "" {
			return nil, errValue
		}
		found = append(found, access.Ref{ID: s})
	}
	return found, nil
}

func (s *SCIM) person(p access.Person) map[string]any {
	r := map[string]any{"schemas": []string{schemaUser}, "id": p.ID, "userName": p.UserName, "active": p.Active,
		"meta": s.meta("User", "Users", p.ID, p.Version, p.Created, p.Changed)}
	for name, value := range map[string]string{"externalId": p.External, "displayName": p.Name} {
		if value != "" {
			r[name] = value
		}
	}
	name := map[string]any{}
	for sub, value := range map[string]string{"givenName": p.Given, "familyName": p.Family} {
		if value != "" {
			name[sub] = value
		}
	}
	if len(name) > 0 {
		r["name"] = name
	}
	if p.Email != "" {
		r["emails"] = []map[string]any{{"value": p.Email, "type": "work", "primary": true}}
	}
	if len(p.Groups) > 0 {
		r["groups"] = s.named(p.Groups, "Groups")
	}
	return r
}

func (s *SCIM) group(g access.Group) map[string]any {
	r := map[string]any{"schemas": []string{schemaGroup}, "id": g.ID, "displayName": g.Name, "meta": s.meta("Group", "Groups", g.ID, g.Version, g.Created, g.Changed)}
	if g.External != "" {
		r["externalId"] = g.External
	}
	if len(g.Members) > 0 {
		r["members"] = s.named(g.Members, "Users")
	}
	return r
}

func (s *SCIM) named(all []access.Ref, kind string) []map[string]any {
	found := make([]map[string]any, len(all))
	for i, r := range all {
		found[i] = map[string]any{"value": r.ID, "display": r.Name, "$ref": s.base + "/" + kind + "/" + r.ID}
	}
	return found
}
