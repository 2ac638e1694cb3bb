package access

import (
	"errors"
	"strings"
	"testing"

	"consento/broker/internal/ops"
)

func TestCleanEmail(t *testing.T) {
	for in, want := range map[string]string{
		"anna@office.example":           "anna@office.example",
		" Anna.Bianchi@OFFICE.Example ": "anna.bianchi@office.example",
		"a+b_c@localhost":               "a+b_c@localhost",
		"jürgen@straße.example":         "jürgen@xn--strae-oqa.example",
		"JU\u0308RGEN@office.example":   "jürgen@office.example",
		"花子@例え.example":                 "花子@xn--r8jz45g.example",
		"":                              "", "anna": "", "@office.example": "", "anna@": "", "anna@@office.example": "",
		".anna@office.example": "", "anna.@office.example": "", "an..na@office.example": "",
		"an na@office.example": "", "anna@office .example": "", `"anna"@office.example`: "", "anna@[192.0.2.1]": "", "anna@192.0.2.1": "",
		"anna@office..example": "", "anna@.example": "", "anna@office.example.": "", "anna@-office.example": "",
		"anna\r\nbcc:all@office.example": "", "anna\u202e@office.example": "", "anna\u200b@office.example": "", "anna\x00@office.example": "",
		"anna\xff@office.example": "", "Anna <anna@office.example>": "", strings.Repeat("a", 65) + "@office.example": "",
		"a@" + strings.Repeat("a.", 130) + "example": "",
	} {
		got, err := CleanEmail(in)
		if want == "" {
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("%q was taken as %q, %v", in, got, err)
			}
		} else if got != want || err != nil {
			t.Errorf("%q: %q, %v, want %q", in, got, err, want)
		}
	}
}

func FuzzCleanEmail(f *testing.F) {
	for _, s := range []string{"anna@office.example", "JU\u0308RGEN@straße.example", "a@b@c", "\u0130@x", "ß@ß", "ﬀ@x.example", "@", "a@xn--"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		clean, err := CleanEmail(s)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("foreign error %v", err)
			}
			return
		}
		if again, err := CleanEmail(clean); err != nil || again != clean {
			t.Fatalf("%q becomes %q, and that %q, %v", s, clean, again, err)
		}
		if len(clean) > maxEmailBytes || strings.ContainsAny(clean, " \r\n\t<>\",:;\x00") || strings.Count(clean, "@") < 1 {
			t.Fatalf("%q becomes %q", s, clean)
		}
	})
}

func FuzzName(f *testing.F) {
	for _, s := range []string{"Anna Bianchi", "Nguyễn Văn An", "山田 花子", "علی\u200cرضا", "a\u202eb", "e\u0301\u0301\u0301\u0301\u0301", "\u00a0x\u3000y", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		clean, err := ops.CleanLine(s, maxName)
		if err != nil {
			return
		}
		if again, err := ops.CleanLine(clean, maxName); err != nil || again != clean {
			t.Fatalf("%q becomes %q, and that %q, %v", s, clean, again, err)
		}
	})
}
