package protocol_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"consento/protocol"
)

func rootKey(t testing.TB) (ed25519.PublicKey, ed25519.PrivateKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return public, private
}

func anOffice(t testing.TB) protocol.OfficeSection {
	public, _ := rootKey(t)
	return protocol.OfficeSection{V: 1, Office: "Comune di Città", Brokers: []string{"https://aiuto.example", "https://127.0.0.1:8443"}, Root: public}
}

// program makes something like a program with n empty sections inside.
func program(n int) (data []byte, at int) {
	marker := protocol.OfficeSectionMarker()
	data = bytes.Repeat([]byte("code"), 1000)
	for range n {
		at = len(data)
		data = append(data, marker[:]...)
		data = append(data, make([]byte, protocol.OfficeSectionSize-len(marker))...)
		data = append(data, "more code"...)
	}
	return data, at
}

func TestOfficeSectionRoundTrips(t *testing.T) {
	original, at := program(1)
	before := bytes.Clone(original)
	office := anOffice(t)
	prepared, err := protocol.PrepareAgent(original, office)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(original, before) {
		t.Error("the program that was given has changed")
	}
	end := at + protocol.OfficeSectionSize
	if len(prepared) != len(original) || !bytes.Equal(prepared[:at], original[:at]) || !bytes.Equal(prepared[end:], original[end:]) {
		t.Error("something outside of the section has changed")
	}
	if got, err := protocol.ReadOfficeSection(prepared[at:end]); err != nil || !reflect.DeepEqual(got, office) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := protocol.ReadOfficeSection(original[at:end]); !errors.Is(err, protocol.ErrUnprepared) {
		t.Errorf("empty section: %v", err)
	}
	// Prepared anew for a shorter name, nothing of the first office stays.
	other := anOffice(t)
	other.Office, other.Brokers = "B", []string{"https://b"}
	again, err := protocol.PrepareAgent(prepared, other)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := protocol.ReadOfficeSection(again[at:end]); err != nil || !reflect.DeepEqual(got, other) || bytes.Contains(again, []byte("Comune")) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestPrepareAgentRefuses(t *testing.T) {
	one, at := program(1)
	two, _ := program(2)
	none, _ := program(0)
	fine := anOffice(t)
	with := func(f func(*protocol.OfficeSection)) protocol.OfficeSection { o := fine; f(&o); return o }
	long := make([]string, 16)
	for i := range long {
		long[i] = "https://" + strings.Repeat("a", 245)
	}
	for name, c := range map[string]struct {
		program []byte
		office  protocol.OfficeSection
	}{
		"no section":     {none, fine},
		"two sections":   {two, fine},
		"cut section":    {one[:at+protocol.OfficeSectionSize-1], fine},
		"too long":       {one, with(func(o *protocol.OfficeSection) { o.Brokers = append(long[:15:15], "https://"+strings.Repeat("b", 246)) })},
		"version":        {one, with(func(o *protocol.OfficeSection) { o.V = 2 })},
		"no name":        {one, with(func(o *protocol.OfficeSection) { o.Office = "" })},
		"hidden name":    {one, with(func(o *protocol.OfficeSection) { o.Office = "A\u202eB" })},
		"long name":      {one, with(func(o *protocol.OfficeSection) { o.Office = strings.Repeat("x", 101) })},
		"no root":        {one, with(func(o *protocol.OfficeSection) { o.Root = nil })},
		"short root":     {one, with(func(o *protocol.OfficeSection) { o.Root = o.Root[1:] })},
		"no broker":      {one, with(func(o *protocol.OfficeSection) { o.Brokers = nil })},
		"17 brokers":     {one, with(func(o *protocol.OfficeSection) { o.Brokers = append(long[:16:16], "https://b") })},
		"broker by http": {one, with(func(o *protocol.OfficeSection) { o.Brokers = []string{"http://b"} })},
	} {
		if got, err := protocol.PrepareAgent(c.program, c.office); !errors.Is(err, protocol.ErrMalformed) || got != nil {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

func section(t testing.TB, length uint32, body string) []byte {
	t.Helper()
	marker := protocol.OfficeSectionMarker()
	b := make([]byte, protocol.OfficeSectionSize)
	copy(b, marker[:])
	binary.BigEndian.PutUint32(b[len(marker):], length)
	copy(b[len(marker)+4:], body)
	return b
}

func TestReadOfficeSectionRefuses(t *testing.T) {
	data, err := json.Marshal(anOffice(t))
	if err != nil {
		t.Fatal(err)
	}
	good := section(t, uint32(len(data)), string(data))
	if _, err := protocol.ReadOfficeSection(good); err != nil {
		t.Fatal(err)
	}
	foreign := bytes.Clone(good)
	foreign[0] ^= 1
	for name, b := range map[string][]byte{
		"nothing": nil, "too short": good[:len(good)-1], "too long": append(bytes.Clone(good), 0), "foreign marker": foreign,
		"length beyond": section(t, protocol.OfficeSectionSize-35, string(data)), "length overflows": section(t, 1<<32-1, string(data)),
		"length cuts": section(t, uint32(len(data)-1), string(data)), "not JSON": section(t, 3, "abc"), "null": section(t, 4, "null"),
		"wrong type": section(t, 7, `{"v":""}`), "no fields": section(t, 2, "{}"),
	} {
		if o, err := protocol.ReadOfficeSection(b); !errors.Is(err, protocol.ErrMalformed) {
			t.Errorf("%s: %+v, %v", name, o, err)
		}
	}
}

func FuzzReadOfficeSection(f *testing.F) {
	data, err := json.Marshal(anOffice(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint32(len(data)), data)
	f.Add(uint32(0), []byte{})
	f.Add(uint32(2), []byte("{}"))
	f.Fuzz(func(t *testing.T, n uint32, body []byte) {
		o, err := protocol.ReadOfficeSection(section(t, n, string(body)))
		if err != nil {
			if !errors.Is(err, protocol.ErrMalformed) && !errors.Is(err, protocol.ErrUnprepared) {
				t.Fatalf("unknown error %v", err)
			}
			return
		}
		if len(o.Root) != ed25519.PublicKeySize || len(o.Brokers) == 0 || o.Office == "" {
			t.Fatalf("accepted %+v", o)
		}
		for _, b := range o.Brokers {
			if u, err := protocol.ParseBrokerURL(b); err != nil || u.Scheme != "https" {
				t.Fatalf("accepted the broker %q", b)
			}
		}
	})
}

func TestParseBrokerURL(t *testing.T) {
	for s, want := range map[string]string{"https://a.example": "https://a.example", "https://a.example/": "https://a.example",
		"https://[::1]:8443": "https://[::1]:8443", "https://127.0.0.1:1/": "https://127.0.0.1:1"} {
		if u, err := protocol.ParseBrokerURL(s); err != nil || u.String() != want {
			t.Errorf("%s: %v, %v", s, u, err)
		}
	}
	for _, s := range []string{"", "a.example", "http://a", "https://", "https:///x", "https://a/b", "https://a?b", "https://a#b", "https://u:p@a",
		"https://:443", "https:a", "wss://a", "https://a b", "https://" + strings.Repeat("a", 260), "https://a/..", "https://%zz", "\x00"} {
		if u, err := protocol.ParseBrokerURL(s); !errors.Is(err, protocol.ErrMalformed) {
			t.Errorf("%q: %v, %v", s, u, err)
		}
	}
}

func TestManifest(t *testing.T) {
	public, root := rootKey(t)
	otherPublic, other := rootKey(t)
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	m := protocol.Manifest{V: 1, Issued: now.Add(-time.Hour), Expires: now.Add(time.Hour), TLS: [][]byte{{1, 2}}, Log: [][]byte{otherPublic}}
	data, err := protocol.SignManifest(root, m)
	if err != nil || len(data) > protocol.MaxManifest {
		t.Fatal(len(data), err)
	}
	if got, err := protocol.OpenManifest(data, public, now); err != nil || !reflect.DeepEqual(got, m) {
		t.Fatalf("%+v, %v", got, err)
	}
	forged, err := protocol.SignManifest(other, m)
	if err != nil {
		t.Fatal(err)
	}
	// The same fields under a signature over the JSON alone, without the domain.
	var parts map[string][]byte
	if err := json.Unmarshal(data, &parts); err != nil {
		t.Fatal(err)
	}
	pack := func(manifest, signature []byte) []byte {
		b, err := json.Marshal(map[string][]byte{"manifest": manifest, "signature": signature})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	changed := bytes.Replace(parts["manifest"], []byte("2026"), []byte("2036"), 2)
	signed := func(manifest string) []byte {
		return pack([]byte(manifest), ed25519.Sign(root, append([]byte("consento manifest v1\x00"), manifest...)))
	}
	for name, c := range map[string]struct {
		data []byte
		root ed25519.PublicKey
		now  time.Time
		want error
	}{
		"signed by another root": {forged, public, now, protocol.ErrUntrusted},
		"read by another root":   {data, otherPublic, now, protocol.ErrUntrusted},
		"expired":                {data, public, now.Add(time.Hour + 1), protocol.ErrUntrusted},
		"changed":                {pack(changed, parts["signature"]), public, now, protocol.ErrUntrusted},
		"no signature":           {pack(parts["manifest"], nil), public, now, protocol.ErrUntrusted},
		"signature of 63 bytes":  {pack(parts["manifest"], parts["signature"][:63]), public, now, protocol.ErrUntrusted},
		"without domain":         {pack(parts["manifest"], ed25519.Sign(root, parts["manifest"])), public, now, protocol.ErrUntrusted},
		"no expiry":              {signed(`{"v":1}`), public, now, protocol.ErrUntrusted},
		"another version":        {signed(`{"v":2,"expires":"2030-01-01T00:00:00Z"}`), public, now, protocol.ErrMalformed},
		"signed nonsense":        {signed(`7`), public, now, protocol.ErrMalformed},
		"nonsense":               {[]byte("<html>"), public, now, protocol.ErrMalformed},
		"nothing":                {nil, public, now, protocol.ErrMalformed},
		"no root":                {data, nil, now, protocol.ErrMalformed},
		"too long":               {append(bytes.Clone(data), bytes.Repeat([]byte(" "), protocol.MaxManifest)...), public, now, protocol.ErrMalformed},
	} {
		if got, err := protocol.OpenManifest(c.data, c.root, c.now); !errors.Is(err, c.want) {
			t.Errorf("%s: %+v, %v; want %v", name, got, err, c.want)
		}
	}
}

func FuzzOpenManifest(f *testing.F) {
	root := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	public := root.Public().(ed25519.PublicKey)
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	data, err := protocol.SignManifest(root, protocol.Manifest{Issued: now, Expires: now.Add(time.Hour), TLS: [][]byte{{1}}})
	if err != nil {
		f.Fatal(err)
	}
	good, err := protocol.OpenManifest(data, public, now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"manifest":"e30=","signature":""}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := protocol.OpenManifest(data, public, now)
		if err == nil && !reflect.DeepEqual(m, good) {
			t.Fatalf("accepted %+v, which was never signed", m)
		}
		if err != nil && !errors.Is(err, protocol.ErrMalformed) && !errors.Is(err, protocol.ErrUntrusted) {
			t.Fatalf("unknown error %v", err)
		}
	})
}
