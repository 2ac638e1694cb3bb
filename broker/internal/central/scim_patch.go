package central

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"consento/broker/internal/access"
)

// maxChanges bounds the operations of one PATCH.
const maxChanges = 1000

var (
	errPatch  = errors.New("this is no PatchOp message")
	errTarget = errors.New("the operation needs a path")
)

// change is one operation of a PATCH (RFC 7644, 3.5.2).
type change struct {
	op    string // add, remove, replace
	path  path   // zero: the value is an object of attributes
	value json.RawMessage
}

func parsePatch(body object) ([]change, error) {
	raw, there := body.get("Operations")
	var operations []object
	if !there || json.Unmarshal(raw, &operations) != nil || len(operations) == 0 || len(operations) > maxChanges {
		return nil, errPatch
	}
	changes := make([]change, 0, len(operations))
	for _, o := range operations {
		raw, _ := o.get("op")
		op, err := text(orNull(raw))
		c := change{op: strings.ToLower(op)}
		if err != nil || c.op != "add" && c.op != "remove" && c.op != "replace" {
			return nil, errPatch
		}
		if raw, there := o.get("path"); there {
			where, err := text(raw)
			if err != nil {
				return nil, errPath
			}
			if where != "" {
				if c.path, err = parsePath(where); err != nil {
					return nil, err
				}
			}
		}
		if c.value, there = o.get("value"); !there && c.op != "remove" {
			return nil, errPatch
		}
		if c.path.attribute == "" && c.op == "remove" {
			return nil, errTarget
		}
		changes = append(changes, c)
	}
	return changes, nil
}

// eachAttribute calls set for what an operation without a path holds.
func (c change) eachAttribute(set func(change) error) error {
	var all object
	if json.Unmarshal(c.value, &all) != nil || all == nil {
		return fmt.Errorf("value: %w", errValue)
	}
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		p, err := parsePath(name)
		if err != nil {
			return err
		}
		if err := set(change{c.op, p, all[name]}); err != nil {
			return err
		}
	}
	return nil
}

func patchPerson(p *access.Person, c change) error {
	if c.path.attribute == "" {
		return c.eachAttribute(func(c change) error { return patchPerson(p, c) })
	}
	attribute := c.path.attribute
	if c.path.which != nil { // one e-mail is kept, whichever it is called
		if attribute != "emails" {
			return nil
		}
		if c.path.sub != "" && c.path.sub != "value" {
			return nil
		}
		if c.path.sub == "value" {
			attribute = "emails.value"
		}
	}
	value := c.value
	if c.op == "remove" {
		if attribute == "username" || attribute == "active" {
			return fmt.Errorf("%s: %w", attribute, errValue)
		}
		value = json.RawMessage("null")
		if attribute == "name" {
			p.Given, p.Family = "", ""
			return nil
		}
	}
	return setPerson(p, attribute, value)
}

func patchGroup(g *access.Group, c change) error {
	if c.path.attribute == "" {
		return c.eachAttribute(func(c change) error { return patchGroup(g, c) })
	}
	if c.path.attribute != "members" {
		value := c.value
		if c.op == "remove" {
			if c.path.attribute == "displayname" {
				return fmt.Errorf("displayName: %w", errValue)
			}
			value = json.RawMessage("null")
		}
		return setGroup(g, c.path.attribute, value)
	}
	if c.op == "remove" {
		gone := map[string]bool{}
		switch {
		case c.path.which != nil:
			if c.path.which.attribute != "value" || c.path.sub != "" {
				return errPath
			}
			gone[c.path.which.value] = true
		case c.value == nil || string(c.value) == "null":
			g.Members = nil
			return nil
		default: // as some directories say it
			named, err := refs(c.value)
			if err != nil {
				return fmt.Errorf("members: %w", err)
			}
			for _, r := range named {
				gone[r.ID] = true
			}
		}
		g.Members = slices.DeleteFunc(g.Members, func(r access.Ref) bool { return gone[r.ID] })
		return nil
	}
	if c.path.which != nil {
		return errPath
	}
	named, err := refs(c.value)
	if err != nil {
		return fmt.Errorf("members: %w", err)
	}
	if c.op == "replace" {
		g.Members = nil
	}
	if g.Members = append(g.Members, named...); len(g.Members) > 2*access.MaxWritten {
		return fmt.Errorf("members: %w", errValue)
	}
	return nil
}
