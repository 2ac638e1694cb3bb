package recordings

import (
	"encoding/json"
	"slices"
	"strconv"
	"unicode/utf8"
)

// member is one field of a JSON object, in the order in which it is written.
type member struct {
	name  string
	value json.RawMessage
}

// event writes a record of text into events.json: the fields of a JSON object
// beside those of the record; text as "text"; anything else as "base64".
func (e *exporter) event(i Item) error {
	var fields map[string]json.RawMessage
	if jsonObject(i.Body) && json.Unmarshal(i.Body, &fields) == nil {
		return e.entry(i, order(fields)...)
	}
	var b []byte
	var err error
	name := "text"
	if utf8.Valid(i.Body) {
		b, err = json.Marshal(string(i.Body))
	} else {
		name = "base64"
		b, err = json.Marshal(i.Body)
	}
	if err != nil {
		return err
	}
	return e.entry(i, member{name, b})
}

// order puts code and data first, the others by name behind them.
func order(fields map[string]json.RawMessage) []member {
	var out []member
	for _, first := range []string{"code", "data"} {
		if v, ok := fields[first]; ok {
			out = append(out, member{first, v})
		}
	}
	var rest []string
	for name := range fields {
		if name != "code" && name != "data" {
			rest = append(rest, name)
		}
	}
	slices.Sort(rest)
	for _, name := range rest {
		out = append(out, member{name, fields[name]})
	}
	return out
}

// entry writes one element of events.json. A field of the record's own that has
// the name of one of ours is kept as "recorded_...", unless it says the same.
func (e *exporter) entry(i Item, fields ...member) error {
	track, err := json.Marshal(i.Track.String())
	if err != nil {
		return err
	}
	ours := []member{
		{"index", strconv.AppendUint(nil, i.Index, 10)},
		{"segment", strconv.AppendInt(nil, int64(e.part.number), 10)},
		{"at_ms", strconv.AppendInt(nil, i.At.Milliseconds(), 10)},
		{"track", track},
	}
	if i.Index >= e.part.sealed {
		ours = append(ours, member{"unsealed", json.RawMessage("true")})
	}
	all := ours
	for _, f := range fields {
		k := slices.IndexFunc(ours, func(m member) bool { return m.name == f.name })
		switch {
		case k < 0 && f.name != "unsealed":
			all = append(all, f)
		case k < 0 || string(ours[k].value) != string(f.value):
			all = append(all, member{"recorded_" + f.name, f.value})
		}
	}
	b := []byte(",\n  {")
	if e.out.Events == 0 {
		b = b[1:]
	}
	for n, m := range all {
		name, err := json.Marshal(m.name)
		if err != nil {
			return err
		}
		if n > 0 {
			b = append(b, ", "...)
		}
		b = append(append(append(b, name...), ": "...), m.value...)
	}
	e.out.Events++
	_, err = e.list.Write(append(b, '}'))
	return err
}
