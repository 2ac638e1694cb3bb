package access

import (
	"bytes"
	"encoding/base64"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"
)

// picture is red on its left half and green on its right.
func picture(w, h int) image.Image {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			if m.Set(x, y, color.NRGBA{R: 220, A: 255}); x >= w/2 {
				m.Set(x, y, color.NRGBA{G: 220, A: 255})
			}
		}
	}
	return m
}

func pngOf(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func jpegOf(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// webpOf is 16 by 16 pixels of one red, without loss (RFC 9649): a library that
// writes WebP is not worth having for this.
func webpOf(t testing.TB) []byte {
	t.Helper()
	data, err := base64.StdEncoding.DecodeString("UklGRh4AAABXRUJQVlA4TBEAAAAvD8ADAAfQjiLXo/+BiOh/AAA=")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestLogoIsDrawnAnew(t *testing.T) {
	secret := []byte("<script>alert(1)</script>")
	for name, c := range map[string]struct {
		file []byte
		w, h int
	}{
		"PNG":              {append(pngOf(t, picture(100, 40)), secret...), 100, 40},
		"JPEG":             {append(jpegOf(t, picture(100, 40)), secret...), 100, 40},
		"WebP":             {webpOf(t), 16, 16},
		"large":            {pngOf(t, picture(2000, 1000)), 320, 160},
		"wide":             {jpegOf(t, picture(3200, 200)), 640, 40},
		"many shades":      {pngOf(t, image.NewNRGBA64(image.Rect(0, 0, 20, 20))), 20, 20},
		"begins elsewhere": {pngOf(t, picture(60, 60).(*image.NRGBA).SubImage(image.Rect(10, 10, 50, 50))), 40, 40},
	} {
		logo, err := CleanLogo(c.file)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		m, err := png.Decode(bytes.NewReader(logo.PNG))
		if err != nil || m.Bounds().Dx() != c.w || m.Bounds().Dy() != c.h || len(logo.Hash) != 16 {
			t.Errorf("%s: %v %v, %v", name, m.Bounds(), logo.Hash, err)
		}
		if bytes.Contains(logo.PNG, secret) {
			t.Errorf("%s: something of the file is left", name)
		}
	}
	logo, err := CleanLogo(pngOf(t, picture(1200, 600)))
	if err != nil {
		t.Fatal(err)
	}
	m, err := png.Decode(bytes.NewReader(logo.PNG))
	if err != nil {
		t.Fatal(err)
	}
	for x, want := range map[int]color.NRGBA{20: {R: 220, A: 255}, 300: {G: 220, A: 255}} {
		if got := color.NRGBAModel.Convert(m.At(x, 80)); got != want {
			t.Errorf("pixel %d is %v, want %v", x, got, want)
		}
	}
}

func TestLogoRefuses(t *testing.T) {
	good := pngOf(t, picture(100, 40))
	for name, c := range map[string]struct {
		file []byte
		code string
	}{
		"nothing":        {nil, "kind"},
		"words":          {[]byte("my logo"), "kind"},
		"SVG":            {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), "kind"},
		"GIF":            {[]byte("GIF89a\x10\x00\x10\x00\x00\x00\x00;"), "kind"},
		"program":        {[]byte("\x7fELF"), "kind"},
		"cut":            {good[:len(good)/2], "broken"},
		"cut early":      {good[:10], "broken"},
		"WebP of sound":  {[]byte("RIFF\x04\x00\x00\x00WEBPVP8X"), "broken"},
		"tiny":           {pngOf(t, picture(15, 200)), "side"},
		"too wide":       {pngOf(t, image.NewGray(image.Rect(0, 0, 4001, 16))), "side"},
		"too many":       {pngOf(t, image.NewGray(image.Rect(0, 0, 2500, 2500))), "side"},
		"too many bytes": {append(bytes.Clone(good), make([]byte, MaxLogo)...), "too_large"},
	} {
		_, err := CleanLogo(c.file)
		var in *Invalid
		if !errors.As(err, &in) || in.Field != "logo" || in.Code != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
}

func TestLogoIsKept(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	boss := mustAdd(t, a, administrator("admin@office.example"))
	if logo, err := a.Logo(t.Context()); err != nil || logo.PNG != nil {
		t.Fatalf("before: %+v, %v", logo, err)
	}
	if err := a.SetLogo(t.Context(), boss, []byte("x")); !errors.Is(err, ErrInvalid) {
		t.Errorf("taken: %v", err)
	}
	if err := a.SetLogo(t.Context(), boss, pngOf(t, picture(100, 40))); err != nil {
		t.Fatal(err)
	}
	logo, err := a.Logo(t.Context())
	if err != nil || len(logo.PNG) == 0 {
		t.Fatal(err)
	}
	s, err := a.Settings(t.Context())
	if err != nil || s.Logo != logo.Hash {
		t.Fatalf("settings %+v, %v", s, err)
	}
	s.Languages = []string{"it"}
	s.Office = testFacts.Office
	if err := a.ChangeSettings(t.Context(), boss, s); err != nil {
		t.Fatal(err)
	}
	if again, err := a.Logo(t.Context()); err != nil || again.Hash != logo.Hash {
		t.Errorf("another setting took the logo: %v, %v", again.Hash, err)
	}
	if err := a.SetLogo(t.Context(), boss, nil); err != nil {
		t.Fatal(err)
	}
	if gone, err := a.Logo(t.Context()); err != nil || len(gone.PNG) != 0 {
		t.Errorf("still there: %v, %v", gone.Hash, err)
	}
	changes, err := a.Changes(t.Context(), 1)
	if err != nil || len(changes) != 1 || changes[0].What != "logo" || changes[0].Before != logo.Hash || changes[0].After != "" {
		t.Errorf("noted %+v, %v", changes, err)
	}
}

func TestSetupTakesLogoAndLanguages(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	token, s := newSetupToken(t, a), newSetup(t)
	s.Logo = []byte("x")
	wantInvalid(t, a.CompleteSetup(t.Context(), token, s), "office.logo", "kind")
	s.Logo, s.Languages = pngOf(t, picture(100, 40)), []string{"it", "de"}
	if err := a.CompleteSetup(t.Context(), token, s); err != nil {
		t.Fatal(err)
	}
	got, err := a.Settings(t.Context())
	if err != nil || strings.Join(got.Languages, " ") != "it de" || got.Logo == "" || got.Office != s.Office {
		t.Errorf("settings %+v, %v", got, err)
	}
	if changes, err := a.Changes(t.Context(), 5); err != nil || len(changes) != 1 || changes[0].What != "setup" || changes[0].Account != s.Administrator.Name {
		t.Errorf("noted %+v, %v", changes, err)
	}
}

func FuzzCleanLogo(f *testing.F) {
	for _, seed := range [][]byte{pngOf(f, picture(20, 20)), jpegOf(f, picture(20, 20)), webpOf(f), []byte("RIFF0000WEBPVP8 ")} {
		f.Add(seed)
		f.Add(seed[:len(seed)/2])
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		logo, err := CleanLogo(file)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Error(err)
			}
			return
		}
		if c, err := png.DecodeConfig(bytes.NewReader(logo.PNG)); err != nil || c.Width > logoWidth || c.Height > logoHeight {
			t.Errorf("%v, %v", c, err)
		}
	})
}
