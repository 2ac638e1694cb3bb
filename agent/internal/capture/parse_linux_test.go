package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"io"
	"net"
	"slices"
	"testing"
)

func TestParseDisplay(t *testing.T) {
	for name, want := range map[string]address{
		":0":               {network: "unix", addr: "/tmp/.X11-unix/X0", display: "0"},
		"unix:12.1":        {network: "unix", addr: "/tmp/.X11-unix/X12", display: "12", screen: 1},
		"/run/launch/x:3":  {network: "unix", addr: "/run/launch/x:3", display: "3"},
		"example.org:10.0": {network: "tcp", addr: "example.org:6010", host: "example.org", display: "10"},
	} {
		got, err := parseDisplay(name)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v", name, got, err)
		}
	}
}

// entry is one line of an Xauthority file.
func entry(family uint16, fields ...string) []byte {
	b := binary.BigEndian.AppendUint16(nil, family)
	for _, f := range fields {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(f))), f...)
	}
	return b
}

func TestFindCookie(t *testing.T) {
	const kind, secret = "MIT-MAGIC-COOKIE-1", "0123456789abcdef"
	file := slices.Concat(
		entry(256, "other", "0", kind, "ffffffffffffffff"),
		entry(256, "here", "1", kind, "eeeeeeeeeeeeeeee"),
		entry(256, "here", "0", "XDM-AUTHORIZATION-1", "dddddddddddddddd"),
		entry(256, "here", "0", kind, secret),
		entry(65535, "", "", kind, "cccccccccccccccc"),
	)
	if got := findCookie(file, "here", "0"); string(got) != secret {
		t.Errorf("cookie %q", got)
	}
	if got := findCookie(file, "elsewhere", "7"); string(got) != "cccccccccccccccc" {
		t.Errorf("cookie of the entry for all: %q", got)
	}
	for n := range len(entry(256, "here", "0", kind, secret)) {
		if got := findCookie(entry(256, "here", "0", kind, secret)[:n], "here", "0"); got != nil {
			t.Errorf("cookie %q in %d bytes", got, n)
		}
	}
}

func FuzzFindCookie(f *testing.F) {
	f.Add(entry(256, "here", "0", "MIT-MAGIC-COOKIE-1", "0123456789abcdef"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if c := findCookie(data, "here", "0"); c != nil && len(c) != 16 {
			t.Errorf("cookie of %d bytes", len(c))
		}
	})
}

func FuzzFindCounter(f *testing.F) {
	reply := make([]byte, 32)
	reply[8] = 1
	f.Add(slices.Concat(reply, []byte{7, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 8, 0}, []byte("IDLETIME")))
	f.Fuzz(func(t *testing.T, data []byte) {
		id, err := findCounter(data, "IDLETIME")
		if err == nil && !bytes.Contains(data, []byte("IDLETIME")) {
			t.Errorf("counter %d out of nothing", id)
		}
	})
}

// oneByOne is a connection that delivers what it is given.
type oneByOne struct {
	net.Conn
	io.Reader
}

func (o oneByOne) Read(p []byte) (int, error) { return o.Reader.Read(p) }

func TestWireTakesEventsOut(t *testing.T) {
	packet := func(kind byte, extra int) []byte {
		b := bytes.Repeat([]byte{kind}, 32+extra)
		binary.LittleEndian.PutUint32(b[4:], uint32(extra/4))
		return b
	}
	setup := []byte{1, 0, 11, 0, 0, 0, 1, 0, 9, 9, 9, 9}
	failure, short, long := packet(0, 0), packet(1, 0), packet(1, 64)
	stream := slices.Concat(setup, packet(91, 0), failure, packet(35, 40), short, packet(200, 0), long, packet(92, 0))
	var events []byte
	lost := false
	w := newWire(oneByOne{Reader: bytes.NewReader(stream)},
		func(e []byte) { events = append(events, e[0]) }, func() { lost = true })
	got, err := io.ReadAll(w)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, slices.Concat(setup, failure, short, long)) {
		t.Errorf("%d bytes came through", len(got))
	}
	if !bytes.Equal(events, []byte{91, 200, 92}) || !lost {
		t.Errorf("events %v, lost %v", events, lost)
	}
}

func FuzzWire(f *testing.F) {
	f.Add([]byte{1, 0, 11, 0, 0, 0, 0, 0, 35, 0, 0, 0, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, data []byte) {
		w := newWire(oneByOne{Reader: bytes.NewReader(data)}, func(e []byte) {
			if len(e) != 32 {
				t.Errorf("event of %d bytes", len(e))
			}
		}, func() {})
		n, err := io.Copy(io.Discard, w)
		if n > int64(len(data)) || err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d of %d bytes, %v", n, len(data), err)
		}
	})
}

func TestBands(t *testing.T) {
	got := bands([]image.Rectangle{
		image.Rect(5, 300, 10, 310), image.Rect(0, 0, 10, 10), image.Rect(50, 40, 60, 50),
		image.Rect(-5, 700, 2000, 900), image.Rect(0, 900, 10, 910),
	}, image.Pt(640, 720))
	want := []image.Rectangle{image.Rect(0, 0, 60, 50), image.Rect(5, 300, 10, 310), image.Rect(0, 700, 640, 720)}
	if !slices.Equal(got, want) {
		t.Errorf("bands %v, want %v", got, want)
	}
}

func TestShapeIsStraightAlpha(t *testing.T) {
	s := newShape(3, 2, 1, image.Pt(1, 0), []uint32{0x80402010, 0xff010203})
	if s == nil || !bytes.Equal(s.RGBA, []byte{128, 64, 32, 128, 1, 2, 3, 255}) {
		t.Errorf("%+v", s)
	}
	if newShape(3, 2, 2, image.Point{}, make([]uint32, 3)) != nil {
		t.Error("too few pixels accepted")
	}
	if s := newShape(3, 1000, 1, image.Point{}, make([]uint32, 1000)); s.Size.X != maxShape || len(s.RGBA) != maxShape*4 {
		t.Errorf("shape of %v", s.Size)
	}
}
