package protocol_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/png"
	"strings"
	"testing"

	"consento/protocol"
)

func someClips() []protocol.Clip {
	return []protocol.Clip{
		{Kind: protocol.ClipGet, Epoch: 2, ID: 1},
		{Kind: protocol.ClipOffer, Epoch: 2, ID: 1, Type: protocol.ClipText, Size: protocol.MaxClipText, Hash: someHash},
		{Kind: protocol.ClipOffer, Epoch: 2, ID: 1, Type: protocol.ClipImage, Size: protocol.MaxClipImage, Hash: someHash},
		{Kind: protocol.ClipAck, Epoch: 2, ID: 1, At: 7},
		{Kind: protocol.ClipMoved, Epoch: 2, ID: 1, Size: 7},
		{Kind: protocol.ClipMoved, Epoch: 2, ID: 1, At: 7, Size: 7},
		{Kind: protocol.ClipDone, Epoch: 2, ID: 1, Hash: someHash},
		{Kind: protocol.ClipCancel, Epoch: 2, ID: 1},
		{Kind: protocol.ClipFailed, Epoch: 2, ID: 1, Cause: protocol.ClipSecret},
	}
}

func TestClip(t *testing.T) {
	for _, m := range someClips() {
		data, err := m.Encode()
		if err != nil {
			t.Fatal(m.Kind, err)
		}
		if got, err := protocol.DecodeClip(data); err != nil || got != m {
			t.Errorf("%+v became %+v, %v", m, got, err)
		}
		for name, wrong := range map[string]func(*protocol.Clip){
			"no epoch": func(m *protocol.Clip) { m.Epoch = 0 }, "no id": func(m *protocol.Clip) { m.ID = 0 }, "no kind": func(m *protocol.Clip) { m.Kind = "" },
		} {
			bad := m
			if wrong(&bad); errors.Is(func() error { _, err := bad.Encode(); return err }(), nil) {
				t.Errorf("%s: %+v is taken", name, bad)
			}
		}
	}
	for name, text := range map[string]string{
		"nothing": "", "another form": "[]", "not UTF-8": "{\"kind\":\"get\",\"epoch\":1,\"id\":1,\"hash\":\"\xff\"}", "a long one": `{"kind":"get","epoch":1,"id":1}` + strings.Repeat(" ", protocol.MaxClipMessage),
		"an empty offer":       `{"kind":"offer","epoch":1,"id":1,"type":"text","hash":"` + someHash + `"}`,
		"too much text":        `{"kind":"offer","epoch":1,"id":1,"type":"text","size":1048577,"hash":"` + someHash + `"}`,
		"too much of an image": `{"kind":"offer","epoch":1,"id":1,"type":"image","size":16777217,"hash":"` + someHash + `"}`,
		"another type":         `{"kind":"offer","epoch":1,"id":1,"type":"html","size":1,"hash":"` + someHash + `"}`,
		"no hash":              `{"kind":"offer","epoch":1,"id":1,"type":"text","size":1}`,
		"less than nothing":    `{"kind":"offer","epoch":1,"id":1,"type":"text","size":-1,"hash":"` + someHash + `"}`,
		"an ack of nothing":    `{"kind":"ack","epoch":1,"id":1}`,
		"more than all":        `{"kind":"moved","epoch":1,"id":1,"at":8,"size":7}`,
		"a field of another":   `{"kind":"get","epoch":1,"id":1,"size":1}`,
		"an unknown cause":     `{"kind":"failed","epoch":1,"id":1,"cause":"because"}`,
	} {
		if m, err := protocol.DecodeClip([]byte(text)); !errors.Is(err, protocol.ErrMalformed) {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

// TestWhoSaysIt: each side says what is its own, under the consent that it is about.
func TestWhoSaysIt(t *testing.T) {
	for kind, want := range map[protocol.ClipKind]string{
		protocol.ClipGet: "- c - -", protocol.ClipOffer: "c - - a", protocol.ClipAck: "- c a -", protocol.ClipMoved: "- - - -",
		protocol.ClipDone: "- c a -", protocol.ClipCancel: "c c - -", protocol.ClipFailed: "- - a a",
	} {
		m := protocol.Clip{Kind: kind}
		got := []string{}
		for _, side := range []struct {
			who string
			ok  func(protocol.Permission) bool
		}{{"c", m.FromConsole}, {"a", m.FromAgent}} {
			for _, p := range []protocol.Permission{protocol.SendClipboard, protocol.FetchClipboard} {
				if side.ok(p) {
					got = append(got, side.who)
				} else {
					got = append(got, "-")
				}
			}
			if side.ok(protocol.SendFiles) && kind != protocol.ClipCancel && kind != protocol.ClipFailed {
				t.Errorf("%s under another consent", kind)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", kind, got, want)
		}
	}
}

// pngHead is a PNG that says it has that many pixels, and has none.
func pngHead(width, height uint32) []byte {
	chunk := append([]byte("IHDR"), binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)...)
	chunk = append(chunk, 8, 6, 0, 0, 0)
	data := append([]byte("\x89PNG\r\n\x1a\n"), 0, 0, 0, 13)
	data = append(data, chunk...)
	return binary.BigEndian.AppendUint32(data, crc32.ChecksumIEEE(chunk))
}

func TestClipProblem(t *testing.T) {
	var small bytes.Buffer
	if err := png.Encode(&small, image.NewGray(image.Rect(0, 0, 5, 3))); err != nil {
		t.Fatal(err)
	}
	if w, h, problem := protocol.ClipProblem(protocol.ClipImage, small.Bytes()); w != 5 || h != 3 || problem != "" {
		t.Errorf("%d, %d, %s", w, h, problem)
	}
	for name, c := range map[string]struct {
		kind protocol.ClipType
		data []byte
		want protocol.ClipCause
	}{
		"text":           {protocol.ClipText, []byte("perch\u00e9 \U0001f600"), ""},
		"nothing":        {protocol.ClipText, nil, protocol.ClipEmpty},
		"10 MB of text":  {protocol.ClipText, bytes.Repeat([]byte("a"), 10<<20), protocol.ClipSize},
		"not UTF-8":      {protocol.ClipText, []byte("a\xffb"), protocol.ClipBadText},
		"half a letter":  {protocol.ClipText, []byte("a\xc3"), protocol.ClipBadText},
		"a NUL":          {protocol.ClipText, []byte("a\x00b"), protocol.ClipBadText},
		"20 MB of image": {protocol.ClipImage, make([]byte, 20<<20), protocol.ClipSize},
		"a bomb":         {protocol.ClipImage, pngHead(1<<31-1, 1<<31-1), protocol.ClipBadImage},
		"many pixels":    {protocol.ClipImage, pngHead(protocol.MaxClipSide, 1025), protocol.ClipBadImage},
		"as many as may": {protocol.ClipImage, pngHead(protocol.MaxClipSide, 1024), ""},
		"a long line":    {protocol.ClipImage, pngHead(protocol.MaxClipSide+1, 1), protocol.ClipBadImage},
		"no pixels":      {protocol.ClipImage, pngHead(0, 7), protocol.ClipBadImage},
		"a JPEG":         {protocol.ClipImage, []byte("\xff\xd8\xff\xe0"), protocol.ClipBadImage},
		"another type":   {"html", []byte("<p>"), protocol.ClipSize},
	} {
		if _, _, problem := protocol.ClipProblem(c.kind, c.data); problem != c.want {
			t.Errorf("%s: %q, want %q", name, problem, c.want)
		}
	}
}

func FuzzClip(f *testing.F) {
	for _, m := range someClips() {
		data, _ := m.Encode()
		f.Add(data)
	}
	f.Add(pngHead(3, 3))
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, err := protocol.DecodeClip(data); err == nil {
			again, err := m.Encode()
			if err != nil {
				t.Fatalf("%+v cannot be said: %v", m, err)
			}
			if got, err := protocol.DecodeClip(again); err != nil || got != m {
				t.Errorf("%+v became %+v, %v", m, got, err)
			}
		}
		if w, h, problem := protocol.ClipProblem(protocol.ClipImage, data); problem == "" && (w < 1 || h < 1 || w*h > protocol.MaxClipPixels) {
			t.Errorf("%d by %d", w, h)
		}
	})
}
