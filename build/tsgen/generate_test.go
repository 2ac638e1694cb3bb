package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"consento/protocol"
)

var update = flag.Bool("update", false, "write the golden file anew")

// TestGolden: one of everything, as a person checked it.
func TestGolden(t *testing.T) {
	s, err := load("./testdata/sample")
	if err != nil {
		t.Fatal(err)
	}
	got, err := generate(s, "Root")
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "sample.ts")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("differs from %s:\n%s", golden, got)
	}
}

// TestProtocol: every message is there under its name on the wire, every state
// in its union.
func TestProtocol(t *testing.T) {
	out := filepath.Join(t.TempDir(), "protocol.ts")
	if err := run([]string{"-package", "consento/protocol", "-out", out}, os.Stderr); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for _, m := range []protocol.Message{&protocol.Hello{}, &protocol.Error{}, &protocol.Welcome{}, &protocol.SessionChanged{}, &protocol.NewSession{},
		&protocol.SessionIssued{}, &protocol.EndSession{}, &protocol.StopWatching{}, &protocol.Offer{}, &protocol.Answer{}, &protocol.Removed{}} {
		if !strings.Contains(text, "\n  "+m.MessageType()+": ") {
			t.Errorf("no message %s", m.MessageType())
		}
	}
	states := make([]string, 0, len(protocol.States()))
	for _, s := range protocol.States() {
		states = append(states, `"`+string(s)+`"`)
	}
	for _, want := range []string{
		"export const states = [" + strings.Join(states, ", ") + "] as const;",
		`export const cursorChannel = "` + protocol.CursorChannel + `";`,
		`export const keyAlphabet = "` + protocol.KeyAlphabet + `";`,
		"export interface CursorUpdate {",
		"export const currentVersion: Version = { major: 1,",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %s", want)
		}
	}

	before, err := os.Stat(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := run([]string{"-package", "consento/protocol", "-out", out}, os.Stderr); err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat(out); err != nil || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("an unchanged file was written again: %v", err)
	}
}

// TestRefusals: what has no counterpart stops the build instead of being left out.
func TestRefusals(t *testing.T) {
	const head = "package p\ntype Message interface { MessageType() string }\n"
	const method = "func (*M) MessageType() string { return \"m\" }\n"
	for name, c := range map[string]struct{ source, want string }{
		"channel":        {head + method + "type M struct { C chan int `json:\"c\"` }", "no counterpart"},
		"interface":      {head + method + "type M struct { C any `json:\"c\"` }", "no counterpart"},
		"other package":  {head + "import \"net/netip\"\n" + method + "type M struct { A netip.Addr }", "another package"},
		"embedded":       {head + method + "type E struct{ X int }\ntype M struct { E }", "embedded"},
		"option":         {head + method + "type M struct { N int `json:\"n,string\"` }", "unknown option"},
		"computed name":  {head + "type M struct{ N string }\nfunc (m *M) MessageType() string { return m.N }", "more than return a constant"},
		"no interface":   {"package p\n", "no interface Message"},
		"does not parse": {head + "type M struct {", "go list"},
		"does not type":  {head + method + "type M struct { X Y }", "go list"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			source := c.source
			if i := strings.Index(source, "import "); i >= 0 { // imports come first
				end := i + strings.Index(source[i:], "\n") + 1
				source = "package p\n" + source[i:end] + strings.TrimPrefix(source[:i]+source[end:], "package p\n")
			}
			for file, text := range map[string]string{"go.mod": "module p\n\ngo 1.26\n", "p.go": source} {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			t.Chdir(dir)
			s, err := load(".")
			if err == nil {
				_, err = generate(s)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}
