package web_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// schema is as much of JSON Schema 2020-12 as report.schema.json uses.
type schema struct {
	Type       string
	Enum       []any
	Pattern    string
	Format     string
	Required   []string
	Properties map[string]schema
	Additional *bool `json:"additionalProperties"`
	Items      *schema
}

// check returns the first place at which a value is not as the schema says.
func (s schema) check(at string, v any) error {
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, v) {
		return fmt.Errorf("%s: %v is none of %v", at, v, s.Enum)
	}
	switch v := v.(type) {
	case map[string]any:
		for _, name := range s.Required {
			if _, ok := v[name]; !ok {
				return fmt.Errorf("%s lacks %s", at, name)
			}
		}
		for name, value := range v {
			p, known := s.Properties[name]
			if !known && s.Additional != nil {
				return fmt.Errorf("%s has %s", at, name)
			}
			if !known {
				continue // anything goes
			}
			if err := p.check(at+"."+name, value); err != nil {
				return err
			}
		}
		return s.is(at, "object")
	case []any:
		for i, value := range v {
			if err := s.Items.check(fmt.Sprintf("%s[%d]", at, i), value); err != nil {
				return err
			}
		}
		return s.is(at, "array")
	case string:
		if s.Pattern != "" && !regexp.MustCompile(s.Pattern).MatchString(v) {
			return fmt.Errorf("%s: %q does not match %s", at, v, s.Pattern)
		}
		if _, err := time.Parse(time.RFC3339, v); s.Format == "date-time" && err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		return s.is(at, "string")
	case float64:
		if v != float64(int64(v)) {
			return fmt.Errorf("%s: %v is not whole", at, v)
		}
		return s.is(at, "integer")
	}
	return fmt.Errorf("%s: %T", at, v)
}

func (s schema) is(at, kind string) error {
	if s.Type != kind {
		return fmt.Errorf("%s is %s, the schema has %q", at, kind, s.Type)
	}
	return nil
}

// checkReport compares a report in JSON with the published schema.
func checkReport(report []byte) error {
	text, err := os.ReadFile("assets/report.schema.json")
	if err != nil {
		return err
	}
	var s schema
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	var v any
	if err := json.Unmarshal(report, &v); err != nil {
		return err
	}
	return s.check("report", v)
}

// element is one declaration of report.xsd: its name and, in order, what is in it.
type element struct {
	Name string    `xml:"name,attr"`
	Type string    `xml:"type,attr"`
	Max  string    `xml:"maxOccurs,attr"`
	In   []element `xml:"complexType>sequence>element"`
}

// node is one element of a document.
type node struct {
	XMLName xml.Name
	Text    string `xml:",chardata"`
	In      []node `xml:",any"`
}

func (e element) check(at string, n node) error {
	if n.XMLName != (xml.Name{Space: "urn:consento:report:1", Local: e.Name}) {
		return fmt.Errorf("%s: %v in place of %s", at, n.XMLName, e.Name)
	}
	at += "/" + e.Name
	if e.Type != "" && len(n.In) > 0 {
		return fmt.Errorf("%s has elements in it", at)
	}
	if (e.Type == "xs:nonNegativeInteger" || e.Type == "xs:positiveInteger") && !regexp.MustCompile(`^\d+$`).MatchString(n.Text) {
		return fmt.Errorf("%s: %q is no number", at, n.Text)
	}
	if _, err := time.Parse(time.RFC3339, n.Text); e.Type == "xs:dateTime" && err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	if len(e.In) == 1 && e.In[0].Max == "unbounded" {
		for _, child := range n.In {
			if err := e.In[0].check(at, child); err != nil {
				return err
			}
		}
		return nil
	}
	if len(n.In) != len(e.In) {
		return fmt.Errorf("%s has %d elements, not %d", at, len(n.In), len(e.In))
	}
	for i, child := range n.In {
		if err := e.In[i].check(at, child); err != nil {
			return err
		}
	}
	return nil
}

// checkXML compares a report in XML with the published schema; where libxml2's tool is
// installed, by that as well.
func checkXML(report []byte) error {
	text, err := os.ReadFile("assets/report.xsd")
	if err != nil {
		return err
	}
	var s struct {
		Root element `xml:"element"`
	}
	if err := xml.Unmarshal(text, &s); err != nil {
		return err
	}
	var n node
	d := xml.NewDecoder(strings.NewReader(string(report)))
	if err := d.Decode(&n); err != nil {
		return err
	}
	if rest := strings.TrimSpace(string(report[d.InputOffset():])); rest != "" {
		return fmt.Errorf("something follows the report: %q", rest)
	}
	if err := s.Root.check("", n); err != nil {
		return err
	}
	bin, err := exec.LookPath("xmllint")
	if err != nil {
		return nil
	}
	lint := exec.Command(bin, "--nonet", "--noout", "--schema", "assets/report.xsd", "-")
	lint.Stdin = bytes.NewReader(report)
	if out, err := lint.CombinedOutput(); err != nil {
		return fmt.Errorf("xmllint: %w\n%s", err, out)
	}
	return nil
}

// TestSchemasBite: a report with something missing, added or of another kind is not one.
func TestSchemasBite(t *testing.T) {
	good := `{"format":"consento audit report","version":1,"made":"2026-03-01T09:00:00.000Z","office":"o","auditor":"a",
		"session":{"id":"` + strings.Repeat("0", 32) + `","started":"2026-03-01T09:00:00Z","length_ms":1,"technician":"t","team":"t","origin":"o","segments":1},
		"verdict":{"state":"intact","reasons":["r"]},"damaged":[],"gaps":[{"from_ms":1,"to_ms":2}],
		"entries":[{"at_ms":1,"time":"2026-03-01T09:00:00Z","segment":0,"record":2,"kind":"chat","code":"c","text":"t","data":{"any":[1]}}]}`
	if err := checkReport([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{{`"office":"o",`, ``}, {`"version":1`, `"version":2`}, {`"made":"2026`, `"made":"x`}, {`"kind":"chat"`, `"kind":"talk"`},
		{`"at_ms":1`, `"at_ms":1.5`}, {`"at_ms":1`, `"at_ms":"1"`}, {`"gaps":[`, `"gaps":[{},`}, {`"segments":1`, `"segments":1,"more":1`}} {
		if err := checkReport([]byte(strings.Replace(good, change[0], change[1], 1))); err == nil {
			t.Errorf("%s for %s passed", change[1], change[0])
		}
	}
	const root = `<report xmlns="urn:consento:report:1">`
	for _, bad := range []string{"", "<report/>", root + "</report>", root + "<version>1</version></report>"} {
		if err := checkXML([]byte(bad)); err == nil {
			t.Errorf("%s passed", bad)
		}
	}
}
