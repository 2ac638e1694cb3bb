package protocol_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"consento/protocol"
)

var someHash = strings.Repeat("0123456789abcdef", 4)

// someTransfer is one message of each kind.
func someTransfer() []protocol.Transfer {
	long := strings.Repeat("\u00e8", protocol.MaxFileName/2)
	var entries []protocol.FileEntry
	for range protocol.MaxEntries {
		entries = append(entries, protocol.FileEntry{Name: long, Size: protocol.MaxTransferSize, Modified: -1})
	}
	entries[0] = protocol.FileEntry{Name: "Photos & more", Folder: true, Modified: 1}
	return []protocol.Transfer{
		{Kind: protocol.TransferAttach, Epoch: 2},
		{Kind: protocol.TransferList, Epoch: 2, ID: 1},
		{Kind: protocol.TransferList, Epoch: 2, ID: 1, Path: "Photos/2026", At: 64},
		{Kind: protocol.TransferPut, Epoch: 2, ID: 1, Path: "a.txt"},
		{Kind: protocol.TransferPut, Epoch: 2, ID: 1, Path: "Photos/\u6f22\u5b57.png", Size: protocol.MaxTransferSize, Batch: 3},
		{Kind: protocol.TransferGet, Epoch: 2, ID: 7, Path: "a.txt"},
		{Kind: protocol.TransferGet, Epoch: 2, ID: 7, Path: "a.txt", At: 1 << 33, Hash: someHash},
		{Kind: protocol.TransferCancel, Epoch: 2, ID: 7, Keep: true},
		{Kind: protocol.TransferAck, Epoch: 2, ID: 7, At: 77},
		{Kind: protocol.TransferEnd, Epoch: 2, ID: 7, Size: 77, Hash: someHash},
		{Kind: protocol.TransferDone, Epoch: 2, ID: 7, Hash: someHash},
		{Kind: protocol.TransferDone, Epoch: 2, ID: 7, Hash: someHash, Path: "a (2).txt"},
		{Kind: protocol.TransferOpened, Epoch: 2, Path: "T\u00e9l\u00e9chargements", Size: 1 << 32},
		{Kind: protocol.TransferListing, Epoch: 2, ID: 7, Path: "Photos", At: 64, Count: 64 + protocol.MaxEntries, Left: 3, Entries: entries},
		{Kind: protocol.TransferReady, Epoch: 2, ID: 7, Path: "a (1).txt", Size: 100, At: 50, Hash: someHash},
		{Kind: protocol.TransferFailed, Epoch: 2, ID: 7, Cause: protocol.FileSpace},
	}
}

func TestTransferRoundTrips(t *testing.T) {
	kinds := map[protocol.TransferKind]bool{}
	for _, m := range someTransfer() {
		data, err := m.Encode()
		if err != nil {
			t.Fatalf("%s: %v", m.Kind, err)
		}
		if got, err := protocol.DecodeTransfer(data); err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%s: %+v, %v", m.Kind, got, err)
		}
		kinds[m.Kind] = true
	}
	if len(kinds) != len(protocol.TransferKinds()) {
		t.Error("a kind was left out")
	}
	for _, k := range protocol.TransferKinds() {
		m := protocol.Transfer{Kind: k}
		for _, p := range []protocol.Permission{protocol.SendFiles, protocol.FetchFiles} {
			if m.FromConsole(p) && m.FromAgent(p) {
				t.Errorf("%s of %s comes from both sides", k, p)
			}
		}
		if m.FromConsole(protocol.Shell) && k != protocol.TransferAttach && k != protocol.TransferCancel {
			t.Errorf("%s belongs to another tool", k)
		}
	}
}

func TestTransferRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":               "",
		"no object":             `[]`,
		"another kind":          `{"kind":"delete","epoch":1,"id":1,"path":"a"}`,
		"no epoch":              `{"kind":"put","id":1,"path":"a"}`,
		"no id":                 `{"kind":"put","epoch":1,"path":"a"}`,
		"no path":               `{"kind":"put","epoch":1,"id":1}`,
		"an absolute path":      `{"kind":"put","epoch":1,"id":1,"path":"/etc/passwd"}`,
		"a way out":             `{"kind":"get","epoch":1,"id":1,"path":"../.ssh/id_rsa"}`,
		"a way out later":       `{"kind":"list","epoch":1,"id":1,"path":"a/../../b"}`,
		"a way out of Windows":  `{"kind":"put","epoch":1,"id":1,"path":"..\\a"}`,
		"a negative size":       `{"kind":"put","epoch":1,"id":1,"path":"a","size":-1}`,
		"a size too large":      `{"kind":"put","epoch":1,"id":1,"path":"a","size":1099511627777}`,
		"a place without hash":  `{"kind":"get","epoch":1,"id":1,"path":"a","at":5}`,
		"a hash without place":  `{"kind":"get","epoch":1,"id":1,"path":"a","hash":"` + someHash + `"}`,
		"a short hash":          `{"kind":"done","epoch":1,"id":1,"hash":"abcd"}`,
		"a hash in capitals":    `{"kind":"done","epoch":1,"id":1,"hash":"` + strings.ToUpper(someHash) + `"}`,
		"a place after the end": `{"kind":"ready","epoch":1,"id":1,"path":"a","size":5,"at":6,"hash":"` + someHash + `"}`,
		"field of another":      `{"kind":"ack","epoch":1,"id":1,"at":5,"path":"a"}`,
		"an id with attach":     `{"kind":"attach","epoch":1,"id":1}`,
		"no cause":              `{"kind":"failed","epoch":1,"id":1,"cause":"because"}`,
		"a name with a stream":  `{"kind":"listing","epoch":1,"id":1,"count":1,"entries":[{"name":"a:b"}]}`,
		"a folder with a size":  `{"kind":"listing","epoch":1,"id":1,"count":1,"entries":[{"name":"a","folder":true,"size":1}]}`,
		"more than counted":     `{"kind":"listing","epoch":1,"id":1,"entries":[{"name":"a"}]}`,
		"a folder's two lines":  `{"kind":"opened","epoch":1,"path":"a\nb"}`,
		"no UTF-8":              "{\"kind\":\"put\",\"epoch\":1,\"id\":1,\"path\":\"\xff\"}",
		"too long a message":    `{"kind":"attach","epoch":1,"x":"` + strings.Repeat(" ", protocol.MaxTransferMessage) + `"}`,
	} {
		if m, err := protocol.DecodeTransfer([]byte(text)); !errors.Is(err, protocol.ErrMalformed) {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

func TestChunk(t *testing.T) {
	c := protocol.Chunk{Epoch: 2, ID: 3, At: 1 << 39, Data: bytes.Repeat([]byte{0, 255}, protocol.MaxChunk/2)}
	data, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := protocol.DecodeChunk(data); err != nil || !reflect.DeepEqual(got, c) {
		t.Errorf("%d, %d, %d: %v", got.Epoch, got.ID, got.At, err)
	}
	for name, data := range map[string][]byte{
		"nothing": nil, "half a header": data[:10], "no content": data[:16], "too much": append(bytes.Clone(data), 0),
		"no epoch": append(make([]byte, 4), data[4:]...), "beyond counting": append(append(bytes.Clone(data[:8]), bytes.Repeat([]byte{255}, 8)...), 1),
	} {
		if _, err := protocol.DecodeChunk(data); !errors.Is(err, protocol.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestFileNames: what no system may meet in a name of somebody else's.
func TestFileNames(t *testing.T) {
	for _, name := range []string{"a", "Relazione 2026.pdf", "\u6f22\u5b57.txt", "l\u2019\u00e9t\u00e9 (1).jpg", "COMMA.txt", "CON-1.txt", "a..b", "\U0001f468\u200d\U0001f4bb.png", "a,b;c=d[e]{f}!@#$%^&+~`'",
		strings.Repeat("x", protocol.MaxFileName), "console", "\u05e9\u05dc\u05d5\u05dd.txt"} {
		if !protocol.FileNameOK(name) {
			t.Errorf("%q is refused", name)
		}
	}
	for _, name := range []string{"", ".", "..", "a/b", `a\b`, "a:b", "C:", "a\x00b", "a\nb", "a\tb", "\x7f", "a\u0085b", " a", "a ", "a.", "a. ", ".bashrc", "\u00a0a", "a\u00a0b", "a\u3000b",
		"CON", "con", "Con.txt", "nul.tar.gz", "COM1", "com9.log", "LPT\u00b2.x", "AUX .txt", "CONIN$", "clock$", "desktop.ini", "AutoRun.inf",
		"a\u202egpj.exe", "a\u2066b", "a\u200eb", "a\u061cb", "a\u200bb", "a\ufeffb", "a\u2028b", "\u00ad", "\u3164", "a\ufffdb", "a\xffb", "a\xed\xa0\x80", "\ue000", "a*b", "a?b", `a"b`, "a<b", "a>b", "a|b",
		strings.Repeat("x", protocol.MaxFileName+1)} {
		if protocol.FileNameOK(name) {
			t.Errorf("%q is taken", name)
		}
	}
	for path, ok := range map[string]bool{
		"a/b/c.txt": true, strings.Repeat("a/", protocol.MaxFileDepth-1) + "a": true, "a//b": false, "/a": false, "a/": false, "": false, "a/../b": false, "a/./b": false, "a/NUL/b": false,
		strings.Repeat("a/", protocol.MaxFileDepth) + "a": false, strings.Repeat(strings.Repeat("x", 200)+"/", 6) + "a": false,
	} {
		if protocol.FilePathOK(path) != ok {
			t.Errorf("%q: taken %t", path, !ok)
		}
	}
}

func FuzzTransfer(f *testing.F) {
	for _, m := range someTransfer() {
		data, _ := m.Encode()
		f.Add(data)
	}
	f.Add([]byte("\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x05content"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, err := protocol.DecodeTransfer(data); err == nil {
			again, err := m.Encode()
			if err != nil {
				t.Fatalf("%+v cannot be said: %v", m, err)
			}
			if got, err := protocol.DecodeTransfer(again); err != nil || !reflect.DeepEqual(got, m) && len(m.Entries)+len(got.Entries) > 0 {
				t.Errorf("%+v became %+v, %v", m, got, err)
			}
			for _, part := range strings.Split(m.Path, "/") {
				if part == ".." || strings.ContainsAny(part, "\\\x00\n") {
					t.Errorf("path %q", m.Path)
				}
			}
		}
		if c, err := protocol.DecodeChunk(data); err == nil {
			if again, err := c.Encode(); err != nil || !bytes.Equal(again, data) {
				t.Errorf("%v: %v", c, err)
			}
		}
	})
}
