package web_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// checkReport compares a report in JSON with the published schema.
func checkReport(report []byte) error {
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	schema, err := compiler.Compile("assets/report.schema.json")
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(report))
	if err != nil {
		return err
	}
	return schema.Validate(v)
}

// checkXML compares a report in XML with the published schema.
func checkXML(report []byte) error {
	lint := exec.Command("xmllint", "--nonet", "--noout", "--schema", "assets/report.xsd", "-")
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
