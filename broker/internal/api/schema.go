package api

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"consento/broker/internal/desk"
	"consento/protocol"
)

// schemas makes JSON Schemas (2020-12, as OpenAPI 3.1 has them) of Go types: of a struct
// what its json tags say, with doc, max (characters) and format from tags of their own.
// Each struct becomes a component of its own name.
type schemas struct {
	components map[string]any
	types      map[string]reflect.Type // by name: two of one name are an error
}

func newSchemas() *schemas {
	return &schemas{components: map[string]any{}, types: map[string]reflect.Type{}}
}

type object = map[string]any

// of returns a schema, or a reference to it. strict refuses members that are not known:
// of what is taken in. What is given out may grow.
func (s *schemas) of(t reflect.Type, strict bool) (object, error) {
	if t == reflect.TypeFor[time.Time]() {
		return object{"type": "string", "format": "date-time"}, nil
	}
	switch t.Kind() {
	case reflect.String:
		out := object{"type": "string"}
		switch t {
		case reflect.TypeFor[desk.ActKind]():
			// History has "open" as well, and what later versions know.
			if strict {
				out["enum"] = actKinds()
			}
		case reflect.TypeFor[protocol.EndReason]():
		default:
			if set := closed(reflect.Zero(t).Interface()); set != nil {
				out["enum"] = set
			}
		}
		return out, nil
	case reflect.Int, reflect.Int64:
		return object{"type": "integer"}, nil
	case reflect.Bool:
		return object{"type": "boolean"}, nil
	case reflect.Pointer:
		return s.of(t.Elem(), strict)
	case reflect.Slice:
		items, err := s.of(t.Elem(), strict)
		return object{"type": "array", "items": items}, err
	case reflect.Struct:
		return s.component(t, strict)
	}
	return nil, fmt.Errorf("there is no schema for %s", t)
}

func (s *schemas) component(t reflect.Type, strict bool) (object, error) {
	name := t.Name()
	if strict && t == reflect.TypeFor[Requester]() {
		name = "NewRequester" // the same, taken in
	}
	ref := object{"$ref": "#/components/schemas/" + name}
	if known, there := s.types[name]; there {
		if known != t {
			return nil, fmt.Errorf("two types are called %s", name)
		}
		return ref, nil
	}
	s.types[name] = t
	properties, required := object{}, []string{}
	for _, f := range reflect.VisibleFields(t) {
		tag, has := f.Tag.Lookup("json")
		doc := f.Tag.Get("doc")
		if !has || doc == "" || !f.IsExported() {
			return nil, fmt.Errorf("%s.%s has no name or no description", name, f.Name)
		}
		member, options, _ := strings.Cut(tag, ",")
		p, err := s.of(f.Type, strict)
		if err != nil {
			return nil, err
		}
		p["description"] = doc
		if format := f.Tag.Get("format"); format != "" {
			p["format"] = format
		}
		if most := f.Tag.Get("max"); most != "" && strict {
			n, err := strconv.Atoi(most)
			if err != nil {
				return nil, err
			}
			p["maxLength"] = n
		}
		properties[member] = p
		if !strings.Contains(options, "omit") {
			required = append(required, member)
		}
	}
	c := object{"type": "object", "properties": properties, "required": required}
	if strict {
		c["additionalProperties"] = false
	}
	s.components[name] = c
	return ref, nil
}

// actKinds are the acts that programs may do.
func actKinds() (kinds []string) {
	for _, k := range desk.ActKinds() {
		if k != desk.ActSession {
			kinds = append(kinds, string(k))
		}
	}
	return kinds
}
