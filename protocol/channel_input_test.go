package protocol_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"consento/protocol"
)

// one is a message with one act, for a picture of 100 by 50.
func one(a protocol.InputAct) protocol.Input {
	return protocol.Input{Epoch: 3, Width: 100, Height: 50, Acts: []protocol.InputAct{a}}
}

func validActs() []protocol.InputAct {
	return []protocol.InputAct{
		{Kind: protocol.InputMove},
		{Kind: protocol.InputMove, X: 99, Y: 49},
		{Kind: protocol.InputButton, X: 1, Y: 2, Button: 1, Down: true},
		{Kind: protocol.InputButton, X: 1, Y: 2, Button: 9},
		{Kind: protocol.InputWheel, X: 1, Y: 2, DX: -protocol.MaxWheel, DY: protocol.MaxWheel},
		{Kind: protocol.InputKey, Code: "KeyQ", Down: true},
		{Kind: protocol.InputKey, Code: "AltRight"},
		{Kind: protocol.InputText, Text: strings.Repeat("字", protocol.MaxInputText)},
		{Kind: protocol.InputText, Text: "né\u0301 \u200d👩‍🔧 ñ עב"},
		{Kind: protocol.InputRelease},
	}
}

func TestInput(t *testing.T) {
	kinds := map[protocol.InputKind]bool{}
	messages := []protocol.Input{{Epoch: 1}, {Epoch: 1<<32 - 1, Width: 65535, Height: 65535}, {Epoch: 1, Width: 100, Height: 50, Acts: validActs()}}
	for _, a := range validActs() {
		kinds[a.Kind] = true
		messages = append(messages, one(a))
	}
	for _, m := range messages {
		data, err := m.Encode()
		if err != nil {
			t.Fatalf("%+v: %v", m, err)
		}
		if got, err := protocol.DecodeInput(data); err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%s became %+v, %v", data, got, err)
		}
	}
	if len(kinds) != len(protocol.InputKinds()) {
		t.Errorf("only the kinds %v are tried", kinds)
	}
}

func TestInputRefuses(t *testing.T) {
	for name, m := range map[string]protocol.Input{
		"no epoch":            {},
		"less than no size":   {Epoch: 1, Width: -1},
		"too large a size":    {Epoch: 1, Height: 65536},
		"too many acts":       {Epoch: 1, Acts: slices.Repeat([]protocol.InputAct{{Kind: protocol.InputRelease}}, protocol.MaxInputActs+1)},
		"no kind":             one(protocol.InputAct{}),
		"unknown kind":        one(protocol.InputAct{Kind: "shake"}),
		"left of it":          one(protocol.InputAct{Kind: protocol.InputMove, X: -1}),
		"right of it":         one(protocol.InputAct{Kind: protocol.InputMove, X: 100}),
		"below it":            one(protocol.InputAct{Kind: protocol.InputButton, Y: 50, Button: 1}),
		"a point of nothing":  {Epoch: 1, Acts: []protocol.InputAct{{Kind: protocol.InputMove}}},
		"no button":           one(protocol.InputAct{Kind: protocol.InputButton}),
		"the wheel's button":  one(protocol.InputAct{Kind: protocol.InputButton, Button: 4}),
		"no turn":             one(protocol.InputAct{Kind: protocol.InputWheel}),
		"too far a turn":      one(protocol.InputAct{Kind: protocol.InputWheel, DY: protocol.MaxWheel + 1}),
		"no key":              one(protocol.InputAct{Kind: protocol.InputKey}),
		"unknown key":         one(protocol.InputAct{Kind: protocol.InputKey, Code: "Power"}),
		"no text":             one(protocol.InputAct{Kind: protocol.InputText}),
		"too long a text":     one(protocol.InputAct{Kind: protocol.InputText, Text: strings.Repeat("a", protocol.MaxInputText+1)}),
		"a line break":        one(protocol.InputAct{Kind: protocol.InputText, Text: "a\nb"}),
		"an escape":           one(protocol.InputAct{Kind: protocol.InputText, Text: "\x1b[31m"}),
		"a C1 control":        one(protocol.InputAct{Kind: protocol.InputText, Text: "\u0085"}),
		"no text at all":      one(protocol.InputAct{Kind: protocol.InputText, Text: "\xff"}),
		"private use":         one(protocol.InputAct{Kind: protocol.InputText, Text: "\ue000"}),
		"a move that types":   one(protocol.InputAct{Kind: protocol.InputMove, Text: "a"}),
		"a key at a point":    one(protocol.InputAct{Kind: protocol.InputKey, Code: "KeyA", X: 1}),
		"a release of a key":  one(protocol.InputAct{Kind: protocol.InputRelease, Code: "KeyA"}),
		"a text that is down": one(protocol.InputAct{Kind: protocol.InputText, Text: "a", Down: true}),
	} {
		if _, err := m.Encode(); !errors.Is(err, protocol.ErrMalformed) {
			t.Errorf("%s: encoded, %v", name, err)
		}
		data, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if name == "no text at all" { // which JSON would mend
			data = []byte(strings.Replace(string(data), `\ufffd`, "\xff", 1))
		}
		if _, err := protocol.DecodeInput(data); !errors.Is(err, protocol.ErrMalformed) {
			t.Errorf("%s: %s was taken, %v", name, data, err)
		}
	}
	for _, data := range []string{"", "[]", "null", "7", `{"epoch":-1}`, `{"epoch":1.5}`, `{"epoch":4294967296}`, `{"epoch":1,"acts":{}}`,
		`{"epoch":1}{}`, `{"epoch":1,"acts":[null]}`, strings.Repeat(" ", protocol.MaxInputMessage) + `{"epoch":1}`} {
		if _, err := protocol.DecodeInput([]byte(data)); !errors.Is(err, protocol.ErrMalformed) {
			t.Errorf("%.40q was taken: %v", data, err)
		}
	}
}

func TestKeyCodes(t *testing.T) {
	seen := map[string]bool{}
	for _, code := range protocol.KeyCodes() {
		if seen[code] || !protocol.IsKeyCode(code) {
			t.Errorf("%q stands twice", code)
		}
		seen[code] = true
	}
	if protocol.IsKeyCode("") || protocol.IsKeyCode("keyq") || len(seen) < 100 {
		t.Errorf("%d keys", len(seen))
	}
}

func FuzzDecodeInput(f *testing.F) {
	for _, a := range validActs() {
		data, err := one(a).Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := protocol.DecodeInput(data)
		if err != nil {
			if !errors.Is(err, protocol.ErrMalformed) {
				t.Fatalf("unknown error %v", err)
			}
			return
		}
		again, err := m.Encode()
		if err != nil && len(data) < protocol.MaxInputMessage/6 { // escapes make it longer
			t.Fatalf("%q was taken and cannot be said again: %v", data, err)
		}
		if err == nil {
			if m2, err := protocol.DecodeInput(again); err != nil || !sameJSON(t, m, m2) {
				t.Fatalf("%+v became %+v, %v", m, m2, err)
			}
		}
	})
}
