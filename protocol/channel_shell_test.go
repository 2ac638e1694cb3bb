package protocol_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"consento/protocol"
)

var (
	aKey  = "SHA256:" + strings.Repeat("x", 42) + "w"
	aSeal = strings.Repeat("A", 87) + "="
)

// someTerminal is one message of each kind.
func someTerminal() []protocol.Terminal {
	return []protocol.Terminal{
		{Kind: protocol.TerminalAttach, Epoch: 2},
		{Kind: protocol.TerminalAttach, Epoch: 2, Run: 3, At: 1 << 40},
		{Kind: protocol.TerminalStart, Epoch: 2, Run: 1, Cols: 80, Rows: 24},
		{Kind: protocol.TerminalStart, Epoch: 2, Run: 1, Cols: 80, Rows: 24, Script: "disks"},
		{Kind: protocol.TerminalScript, Epoch: 2, Run: 1, Cols: 80, Rows: 24, Own: protocol.RunScript{ID: "a-b", Version: 3}},
		{Kind: protocol.TerminalScript, Epoch: 2, Run: 1, Cols: 80, Rows: 24, Own: ownScript(strings.Repeat("<", protocol.MaxScript))},
		{Kind: protocol.TerminalInput, Epoch: 2, Run: 1, Text: "ls -l però 漢\r\x1b[A\x00"},
		{Kind: protocol.TerminalSize, Epoch: 2, Run: 1, Cols: 500, Rows: 1},
		{Kind: protocol.TerminalAck, Epoch: 2, Run: 1, At: 77},
		{Kind: protocol.TerminalStarted, Epoch: 2, Run: 1, Cols: 80, Rows: 24, Program: "/bin/bash"},
		{Kind: protocol.TerminalOutput, Epoch: 2, Run: 1, At: 5, Text: strings.Repeat("\x01", protocol.MaxTerminalText)},
		{Kind: protocol.TerminalEcho, Epoch: 2, Run: 1, Hidden: true},
		{Kind: protocol.TerminalExited, Epoch: 2, Run: 1, Code: 137},
		{Kind: protocol.TerminalExited, Epoch: 2, Run: 1, Code: -1, Cause: protocol.DeviceLocked},
		{Kind: protocol.TerminalStarted, Epoch: 2, Run: 1, Cols: 80, Rows: 24, Program: "ssh admin@10.0.0.1:22", Algorithm: "curve25519-sha256 ssh-ed25519 aes128-gcm@openssh.com"},
		{Kind: protocol.TerminalHostKey, Epoch: 2, Run: 1, Program: "10.0.0.1:22", Algorithm: "ssh-ed25519", Key: aKey, Seal: aSeal},
		{Kind: protocol.TerminalHostKey, Epoch: 2, Run: 1, Program: "10.0.0.1:22", Algorithm: "ssh-ed25519", Key: aKey, Seal: aSeal, Known: protocol.KeyChanged, Before: aKey},
		{Kind: protocol.TerminalTrust, Epoch: 2, Run: 1, Key: aKey, Method: protocol.LoginKey, Text: "getauscht am 3.11."},
		{Kind: protocol.TerminalPrompt, Epoch: 2, Run: 1, Ask: 3, Method: protocol.LoginQuestion, Text: "Sala server\nCodice \U0001f511: ", Left: 2, Cause: protocol.DeviceWrong},
		{Kind: protocol.TerminalSecret, Epoch: 2, Run: 1, Ask: 3, Sealed: strings.Repeat("AAAA", protocol.MaxSealed/4)},
	}
}

func ownScript(text string) protocol.RunScript {
	return protocol.RunScript{ID: "a-b", Version: 3, Name: "Spooler", Interpreter: protocol.Sh, Text: text, SHA256: protocol.ScriptHash(text)}
}

// changed is a script's message with one field that is not as it was.
func changed(field, value string) string {
	own := map[string]any{"id": "a-b", "version": 3, "name": "Spooler", "interpreter": "sh", "text": "ls", "sha256": protocol.ScriptHash("ls")}
	if own[field] = value; field == "text" && value != "rm -rf /" {
		own["sha256"] = protocol.ScriptHash(value) // it is the text that is wrong
	}
	data, _ := json.Marshal(map[string]any{"kind": "script", "epoch": 1, "run": 1, "cols": 80, "rows": 24, "own": own})
	return string(data)
}

func TestTerminalRoundTrips(t *testing.T) {
	kinds := map[protocol.TerminalKind]bool{}
	for _, m := range someTerminal() {
		data, err := m.Encode()
		if err != nil {
			t.Fatalf("%+v: %v", m.Kind, err)
		}
		if got, err := protocol.DecodeTerminal(data); err != nil || got != m {
			t.Errorf("%s: %+v, %v", m.Kind, got, err)
		}
		kinds[m.Kind] = true
	}
	if len(kinds) != len(protocol.TerminalKinds()) {
		t.Error("a kind was left out")
	}
}

func TestTerminalRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":              "",
		"no object":            `[]`,
		"no kind":              `{"epoch":1,"run":1}`,
		"another kind":         `{"kind":"reboot","epoch":1,"run":1}`,
		"no epoch":             `{"kind":"input","run":1,"text":"x"}`,
		"no run":               `{"kind":"input","epoch":1,"text":"x"}`,
		"no text":              `{"kind":"input","epoch":1,"run":1}`,
		"text too long":        `{"kind":"input","epoch":1,"run":1,"text":"` + strings.Repeat("x", protocol.MaxTerminalText+1) + `"}`,
		"no UTF-8":             "{\"kind\":\"input\",\"epoch\":1,\"run\":1,\"text\":\"\xff\"}",
		"no size":              `{"kind":"start","epoch":1,"run":1}`,
		"a size of nothing":    `{"kind":"size","epoch":1,"run":1,"cols":0,"rows":24}`,
		"a size too large":     `{"kind":"size","epoch":1,"run":1,"cols":80,"rows":501}`,
		"a negative size":      `{"kind":"size","epoch":1,"run":1,"cols":-80,"rows":24}`,
		"field of another":     `{"kind":"input","epoch":1,"run":1,"text":"x","program":"/bin/sh"}`,
		"a program by console": `{"kind":"start","epoch":1,"run":1,"cols":80,"rows":24,"program":"/bin/sh"}`,
		"a script of its own":  `{"kind":"start","epoch":1,"run":1,"cols":80,"rows":24,"script":"rm -rf /"}`,
		"a script elsewhere":   `{"kind":"size","epoch":1,"run":1,"cols":80,"rows":24,"script":"disks"}`,
		"no script of ours":    `{"kind":"script","epoch":1,"run":1,"cols":80,"rows":24}`,
		"no version":           `{"kind":"script","epoch":1,"run":1,"cols":80,"rows":24,"own":{"id":"x"}}`,
		"half of a script":     `{"kind":"script","epoch":1,"run":1,"cols":80,"rows":24,"own":{"id":"x","version":1,"text":"ls"}}`,
		"another one's hash":   changed("sha256", protocol.ScriptHash("other")),
		"another text":         changed("text", "rm -rf /"),
		"a hidden text":        changed("text", "ls\u200b"),
		"a script too long":    changed("text", strings.Repeat("x", protocol.MaxScript+1)),
		"another interpreter":  changed("interpreter", "perl"),
		"a name of two lines":  changed("name", "a\nb"),
		"own in a start":       `{"kind":"start","epoch":1,"run":1,"cols":80,"rows":24,"own":{"id":"x","version":1}}`,
		"at beyond counting":   `{"kind":"ack","epoch":1,"run":1,"at":9007199254740993}`,
		"at below nothing":     `{"kind":"ack","epoch":1,"run":1,"at":-1}`,
		"a place in no run":    `{"kind":"attach","epoch":1,"at":5}`,
		"no program":           `{"kind":"started","epoch":1,"run":1,"cols":80,"rows":24}`,
		"a program in colours": `{"kind":"started","epoch":1,"run":1,"cols":80,"rows":24,"program":"\u001b[31m"}`,
		"no exit code":         `{"kind":"exited","epoch":1,"run":1,"code":256}`,
		"a key that is none":   `{"kind":"trust","epoch":1,"run":1,"method":"key","key":"SHA256:x"}`,
		"trust by question":    `{"kind":"trust","epoch":1,"run":1,"method":"question","key":"` + aKey + `"}`,
		"changed from nothing": `{"kind":"hostkey","epoch":1,"run":1,"program":"x","algorithm":"y","key":"` + aKey + `","seal":"` + aSeal + `","known":"changed"}`,
		"no seal":              `{"kind":"hostkey","epoch":1,"run":1,"program":"x","algorithm":"y","key":"` + aKey + `"}`,
		"a prompt in colours":  `{"kind":"prompt","epoch":1,"run":1,"ask":1,"method":"question","left":3,"text":"\u001b[31m"}`,
		"a prompt turned":      `{"kind":"prompt","epoch":1,"run":1,"ask":1,"method":"question","left":3,"text":"a\u202eb"}`,
		"a password shown":     `{"kind":"prompt","epoch":1,"run":1,"ask":1,"method":"password","left":3}`,
		"more tries":           `{"kind":"prompt","epoch":1,"run":1,"ask":1,"method":"question","left":4}`,
		"a prompt of no cause": `{"kind":"prompt","epoch":1,"run":1,"ask":1,"method":"question","left":3,"cause":"name"}`,
		"a secret in clear":    `{"kind":"secret","epoch":1,"run":1,"ask":1,"sealed":"geheim 77"}`,
		"too long a secret":    `{"kind":"secret","epoch":1,"run":1,"ask":1,"sealed":"` + strings.Repeat("AAAA", protocol.MaxSealed/4+1) + `"}`,
		"an unknown cause":     `{"kind":"exited","epoch":1,"run":1,"code":-1,"cause":"bored"}`,
		"too long a message":   `{"kind":"exited","epoch":1,"run":1,"x":"` + strings.Repeat(" ", protocol.MaxTerminalMessage) + `"}`,
	} {
		if m, err := protocol.DecodeTerminal([]byte(text)); !errors.Is(err, protocol.ErrMalformed) {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

// TestTerminalText: whole characters however the bytes were cut, and nothing that
// is none.
func TestTerminalText(t *testing.T) {
	const whole = "per\u00f2 \u6f22\u5b57 \U0001f527\x1b[31m"
	for size := 1; size <= len(whole); size++ {
		var got strings.Builder
		var rest []byte
		for left := []byte(whole); len(left) > 0; {
			n := min(size, len(left))
			var text string
			text, rest = protocol.TerminalText(append(rest, left[:n]...))
			got.WriteString(text)
			left = left[n:]
		}
		if got.String() != whole || len(rest) > 0 {
			t.Errorf("by %d: %q, rest %q", size, got.String(), rest)
		}
	}
	for in, want := range map[string]string{"a\xffb": "a\ufffdb", "\xc3(": "\ufffd(", "\x80\x80": "\ufffd", "\xf0\x9f": "", "x\xe6\xbc": "x"} {
		if text, rest := protocol.TerminalText([]byte(in)); text != want || len(rest) > 3 {
			t.Errorf("%q: %q, rest %q", in, text, rest)
		}
	}
}

func FuzzTerminal(f *testing.F) {
	for _, m := range someTerminal() {
		data, _ := m.Encode()
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := protocol.DecodeTerminal(data)
		if err == nil {
			again, err := m.Encode()
			if err != nil {
				t.Fatalf("%+v cannot be said: %v", m, err)
			}
			if got, err := protocol.DecodeTerminal(again); err != nil || got != m {
				t.Errorf("%+v became %+v, %v", m, got, err)
			}
		}
		text, rest := protocol.TerminalText(data)
		if !utf8.ValidString(text) || len(rest) > 3 || len(text) > 3*len(data) {
			t.Errorf("%q: %q, rest %q", data, text, rest)
		}
	})
}
